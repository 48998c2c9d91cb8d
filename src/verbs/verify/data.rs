//! The third look: every frame of every bundle is decompressed, its tar read as any tar, and each member and each content
//! compared with what the manifest says.

use super::affected::Affected;
use super::check::Check;
use super::check::is_about_the_file;
use super::expected::ExpectedMember;
use super::expected::ExpectedMembers;
use super::finding::ArchiveFile;
use super::finding::Fault;
use super::finding::Members;
use super::finding::PATHS_MAX;
use super::finding::sentence;
use crate::archive::content::Piece;
use crate::archive::content::Tape;
use crate::archive::content::TapeDamage;
use crate::archive::content::read_through;
use crate::archive::open::BundleFile;
use crate::archive::state::State;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::holes::Run;
use crate::base::id::BundleId;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::base::monitor::Event;
use crate::base::monitor::Progress;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPathBuf;
use crate::base::path::MANIFEST_NAME;
use crate::base::snapshot::uncertain_since;
use crate::format::bundle::Bundle;
use crate::format::deferred::DirectoryQueue;
use crate::format::frames::FrameAt;
use crate::format::layout::MemberOrder;
use crate::format::manifest::Action;
use crate::format::tar;
use crate::format::tar::Member;
use crate::format::tar::Renames;
use crate::format::tar::TarEntry;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

/// Of more wrong contents than these it is not noted which they are: the whole bundle is then taken for wrong.
const WRONG_MAX: usize = 1 << 19;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Reads all bundles that can be opened and are what their names say.
pub(super) fn read_all(check: &mut Check, threads: usize) -> Result<()> {
    let bytes_total = check.examined.values().map(|examined| examined.file.bytes).sum();
    let files: Vec<(BundleFile, bool)> =
        check.examined.values().map(|examined| (examined.file.clone(), examined.is_itself)).collect();
    let mut waiting = DirectoryQueue::default();
    let mut number = 0;
    for (file, is_itself) in files {
        let is_whole = is_itself && !check.missing.keys().any(|id| id.number == file.id().number);
        if !is_whole || number != file.id().number {
            waiting = DirectoryQueue::default();
        }
        number = file.id().number;
        if !is_itself {
            continue;
        }
        let id = file.id();
        match read_bundle(check, &file, threads, bytes_total, &mut waiting) {
            Err(error) if is_about_the_file(&error) => {
                waiting = DirectoryQueue::default();
                let fault = Fault::Unusable(sentence(&error));
                check.found(ArchiveFile::Bundle(file.name), fault, Affected::everything(id));
            }
            result => result?,
        }
    }
    Ok(())
}

/// `waiting` are the directories that earlier parts of the same snapshot listed, and whose members are still to come: where
/// one part ends and the next begins, lines and members do not stand side by side.
fn read_bundle(
    check: &mut Check,
    file: &BundleFile,
    threads: usize,
    bytes_total: u64,
    waiting: &mut DirectoryQueue,
) -> Result<()> {
    let bundle = check.archive.bundle(&file.name)?;
    let sound = check.examined.get(&file.id()).is_some_and(|examined| examined.manifest.is_some());
    // An uncertain one need not have what earlier parts announced.
    let is_certain =
        check.examined.get(&file.id()).and_then(|e| e.head.as_ref()).is_none_or(|h| h.uncertain_until == 0);
    let carried = if is_certain { std::mem::take(waiting) } else { DirectoryQueue::default() };
    let expected = if sound { Some(ExpectedMembers::new(bundle.manifest()?, carried)?) } else { None };
    // What is not known for certain says nothing of directories.
    let is_certain = |state: &State| {
        let history = state.layers().iter().flat_map(|layer| &layer.head().snapshots);
        uncertain_since(history, file.id().number).is_none()
    };
    let is_complete = check.history.is_complete(file.id().number);
    let state = check.history.state(file.id().number)?.filter(|state| is_complete && is_certain(state));
    let before = check.history.state_before(file.id().number)?;
    let is_finished = check.catalog.snapshots().any(|number| number == file.id().number);
    if let Some(state) = state.as_ref().filter(|_| sound && is_finished) {
        check_folders(check, &bundle, state)?;
    }
    let (monitor, begun) = (check.monitor, Progress { entries: check.entries, bytes: check.bytes, bytes_total });
    let mut bytes = begun.bytes;
    let mut on_frame = |frame: &FrameAt| {
        check_interrupted(monitor)?;
        bytes += u64::from(frame.stored_bytes);
        monitor.event(Event::Progress(Progress { bytes, ..begun }));
        Ok(())
    };
    let seen = read_through(&bundle, threads, &mut on_frame, |tape| {
        let mut scan = Scan {
            tape,
            expected,
            state,
            before,
            seen: DamageSeen::default(),
            aside: None,
            waiting: DirectoryQueue::default(),
            is_last_part: file.id().part == 0,
            unread: false,
            firsts: HashMap::new(),
        };
        scan.run(bundle.table().raw_bytes())?;
        let Scan { tape, mut seen, waiting: left, .. } = scan;
        *waiting = left;
        seen.damage = tape.damage;
        Ok(seen)
    })?;
    check.bytes = bytes;
    tell(check, &bundle, file.id(), seen);
    Ok(())
}

/// Whether what a manifest lists has a folder to be in, and what it says is gone left nothing behind.
fn check_folders(check: &mut Check, bundle: &Arc<Bundle>, state: &State) -> Result<()> {
    let (mut astray, mut folder) = (Named::default(), EntryPathBuf::root());
    let mut reader = bundle.manifest()?;
    while let Some(change) = reader.next_change()? {
        let Some(parent) = change.path.parent() else { continue };
        if matches!(change.now, Action::Removed(_)) {
            for group in state.in_directory(&change.path) {
                let left = group?.rows.into_iter().filter_map(|row| change.path.child(row.name()));
                left.for_each(|path| astray.add(path));
            }
        } else if *folder != *parent && !parent.is_root() {
            let is_folder = state.find(parent)?.is_some_and(|entry| entry.stat.kind == Kind::Directory);
            if is_folder { folder = parent.to_owned() } else { astray.add(change.path) }
        }
    }
    if astray.total > 0 {
        let affected = Affected::Paths { number: bundle.name().id.number, paths: astray.paths, total: astray.total };
        check.found(ArchiveFile::Bundle(bundle.name().clone()), Fault::Members(Members::Astray), affected);
    }
    Ok(())
}

/// What was seen in one bundle that is not as it was written.
#[derive(Default)]
struct DamageSeen {
    damage: TapeDamage,
    /// Contents whose hash is another, or that are not where the manifest says.
    wrong: HashSet<(u64, Hash)>,
    wrong_total: u64,
    missing: Named,
    unknown: Named,
    different: Named,
    unlisted: Named,
    /// What is wrong with the tar itself; the first of each kind says enough.
    tar: Vec<String>,
}

impl DamageSeen {
    fn note_wrong(&mut self, content: &Content) {
        self.wrong_total += 1;
        if self.wrong.len() < WRONG_MAX {
            self.wrong.insert((content.place.offset, content.hash));
        }
    }
}

/// Some paths, the first of many.
#[derive(Default)]
struct Named {
    paths: Vec<EntryPathBuf>,
    total: u64,
}

impl Named {
    fn extend(&mut self, path: Option<EntryPathBuf>) {
        if let Some(path) = path {
            self.add(path);
        }
    }

    fn add(&mut self, path: EntryPathBuf) {
        self.total += 1;
        if self.paths.len() < PATHS_MAX {
            self.paths.push(path);
        }
    }
}

fn tell(check: &mut Check, bundle: &Arc<Bundle>, id: BundleId, seen: DamageSeen) {
    let place = || ArchiveFile::Bundle(bundle.name().clone());
    if seen.damage.count > 0 {
        let first = seen.damage.frames.first().and_then(|range| bundle.table().frame_at(range.start));
        let fault = Fault::Frames {
            damaged: seen.damage.count,
            all: bundle.table().len() as u64,
            first_byte: first.map_or(0, |frame| frame.stored_offset),
            why: seen.damage.why.map(|why| why.to_string()).unwrap_or_default(),
        };
        check.found(place(), fault, Affected::Bytes { bundle: id, ranges: seen.damage.lost });
    }
    if !seen.wrong.is_empty() {
        let is_known = seen.wrong_total <= WRONG_MAX as u64;
        let contents = Affected::Contents { bundle: id, contents: seen.wrong };
        check.found(place(), Fault::Contents, if is_known { contents } else { Affected::everything(id) });
    }
    for (named, members) in [
        (seen.missing, Members::Missing),
        (seen.unknown, Members::Unknown),
        (seen.different, Members::Different),
        (seen.unlisted, Members::Unlisted),
    ] {
        if named.total > 0 {
            let affected = Affected::Paths { number: id.number, paths: named.paths, total: named.total };
            check.found(place(), Fault::Members(members), affected);
        }
    }
    for what in seen.tar {
        check.found(place(), Fault::Tar(what), Affected::Nothing);
    }
}

/// Goes over one bundle's tar.
struct Scan<'a> {
    tape: Tape<'a>,
    expected: Option<ExpectedMembers>,
    /// What was there at the bundle's number: a directory may stand in the tar without being changed.
    state: Option<State>,
    /// What was there before.
    before: Option<State>,
    seen: DamageSeen,
    /// A directory that is moved aside.
    aside: Option<EntryPathBuf>,
    /// Directories whose members may come in the next part.
    waiting: DirectoryQueue,
    is_last_part: bool,
    /// Whether members were passed over unread since the last that was read.
    unread: bool,
    /// Path and hash of files with several names, by the offset of their content.
    firsts: HashMap<u64, (EntryPathBuf, Hash)>,
}

enum MemberHeader {
    Member(Box<TarEntry>),
    End,
    Unreadable,
}

impl Scan<'_> {
    fn run(&mut self, end: u64) -> Result<()> {
        if let Some(mut expected) = self.expected.take() {
            self.members(&mut expected, end)?;
        }
        // Without a sound manifest the frames' own checksums are all there is.
        self.tape.skip_to(end)
    }

    fn members(&mut self, expected: &mut ExpectedMembers, end: u64) -> Result<()> {
        let manifest_offset = expected.manifest_offset();
        loop {
            let start = self.tape.position();
            match self.header()? {
                MemberHeader::Member(told) if self.tape.position() == manifest_offset => {
                    return self.last_member(expected, &told.member, end);
                }
                MemberHeader::Member(told) if self.tape.position() < manifest_offset => {
                    match &told.listing {
                        Some(listing) => self.check_listing(&told.member, listing)?,
                        None => self.seen.unlisted.extend(self.aside.take()),
                    }
                    self.member(expected, &told.member)?;
                }
                MemberHeader::Unreadable if start < manifest_offset => {
                    if !self.next_known(expected, start)? {
                        // Only what is no file is left before the manifest, whose lines were read.
                        return Ok(());
                    }
                }
                MemberHeader::Member(_) | MemberHeader::Unreadable | MemberHeader::End => {
                    self.seen.tar.push("the tar does not end with its manifest".to_owned());
                    return self.rest_is_missing(expected);
                }
            }
        }
    }

    fn header(&mut self) -> Result<MemberHeader> {
        let start = self.tape.position();
        match tar::read_entry(&mut self.tape) {
            Ok(Some(told)) => Ok(MemberHeader::Member(Box::new(told))),
            Ok(None) => Ok(MemberHeader::End),
            Err(error) => {
                self.tape.check_stopped()?;
                let in_sound_frames = !self.tape.damage.touches(start..self.tape.position().max(start + 1));
                if in_sound_frames && self.seen.tar.is_empty() {
                    self.seen.tar.push(format!("at byte {start} of the tar there is no sound header ({error})"));
                }
                Ok(MemberHeader::Unreadable)
            }
        }
    }

    /// The manifest itself, the end of the tar, and nothing more.
    fn last_member(&mut self, expected: &mut ExpectedMembers, member: &Member, end: u64) -> Result<()> {
        self.rest_is_missing(expected)?;
        let content_end = self.tape.position().saturating_add(member.size);
        let tar_end = content_end.saturating_add((tar::padding(member.size) + tar::END_BYTES) as u64);
        if member.path != MANIFEST_NAME.as_bytes() || tar_end != end {
            self.seen.tar.push("the tar does not end right after its manifest".to_owned());
        }
        Ok(())
    }

    fn rest_is_missing(&mut self, expected: &mut ExpectedMembers) -> Result<()> {
        self.seen.unlisted.extend(self.aside.take());
        while let Some(wanted) = expected.take()? {
            if wanted.entry.stat.kind != Kind::Directory || self.is_last_part {
                self.note_missing(wanted);
            } else if !self.unread {
                self.waiting.push(wanted.path, wanted.entry)?;
            }
        }
        Ok(())
    }

    /// A line without a member is missing one, unless members were passed over, or it is that of a symlink which stays where
    /// it points to: tar leaves that one as it was.
    fn note_missing(&mut self, wanted: ExpectedMember) {
        let is_as_before = |before: &State| {
            let older = before.find(&wanted.path).ok().flatten();
            older.is_some_and(|older| older.stat.kind == Kind::Symlink && older.target == wanted.entry.target)
        };
        let stays = wanted.entry.stat.kind == Kind::Symlink && self.before.as_ref().is_none_or(is_as_before);
        if !self.unread && !stays {
            self.seen.missing.add(wanted.path);
        }
    }

    /// A header cannot be read: goes on behind the next content, whose place is known from the manifest.
    fn next_known(&mut self, expected: &mut ExpectedMembers, from: u64) -> Result<bool> {
        self.unread = true;
        while let Some(wanted) = expected.take()? {
            let Some((content, end)) = wanted.content().filter(|(content, _)| content.place.offset > from) else {
                continue;
            };
            if content.place.offset < self.tape.position() {
                self.seen.note_wrong(content);
                continue;
            }
            self.tape.skip_to(content.place.offset)?;
            let padded_end = end.saturating_add(tar::padding(wanted.entry.stat.size) as u64);
            self.note_first(&wanted);
            self.content(&wanted.entry)?;
            self.tape.skip_to(padded_end)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn member(&mut self, expected: &mut ExpectedMembers, member: &Member) -> Result<()> {
        let end = self.tape.position().saturating_add(member.size).saturating_add(tar::padding(member.size) as u64);
        let is_directory = member.flag == b'5';
        let name = member.path.strip_suffix(b"/").filter(|_| is_directory).unwrap_or(&member.path);
        match EntryPathBuf::from_bytes(name).filter(|path| !path.is_root()) {
            None => {
                let what = "a member's name could point outside of the folder that is unpacked to";
                if !self.seen.tar.iter().any(|told| told == what) {
                    self.seen.tar.push(what.to_owned());
                }
            }
            Some(path) => {
                let order = MemberOrder::new(path, is_directory);
                while expected.peek().is_some_and(|wanted| wanted.order() < order) {
                    if let Some(passed) = expected.take()? {
                        self.note_missing(passed);
                    }
                }
                self.unread = false;
                if expected.peek().is_some_and(|wanted| wanted.order() == order) {
                    if let Some(wanted) = expected.take()? {
                        self.compare(&wanted, member)?;
                    }
                } else if !self.is_known_directory(&order) {
                    self.seen.unknown.add(order.into_path());
                }
            }
        }
        self.tape.skip_to(end)
    }

    /// GNU tar deletes what is in a directory and not in its list of names.
    fn check_listing(&mut self, member: &Member, listing: &[u8]) -> Result<()> {
        let name = member.path.strip_suffix(b"/").unwrap_or(&member.path);
        let (Some(state), Some(directory)) = (&self.state, EntryPathBuf::from_bytes(name)) else { return Ok(()) };
        if self.aside.as_ref() == Some(&directory) || tar::renamed(name, listing).is_some() {
            return self.check_renames(directory, listing);
        }
        let Some(listed) = tar::listed(listing) else {
            self.seen.unlisted.add(directory);
            return Ok(());
        };
        let mut listed = listed.map(|(_, name)| name).peekable();
        for group in state.in_directory(&directory) {
            for row in &group?.rows {
                while listed.next_if(|name| *name < row.name()).is_some() {}
                if listed.peek().is_none_or(|name| *name != row.name()) {
                    self.seen.unlisted.add(directory.child(row.name()).unwrap_or_else(|| directory.clone()));
                }
            }
        }
        Ok(())
    }

    /// A directory is moved aside, what goes is moved to an empty one in its place and deleted there, and it is moved back.
    fn check_renames(&mut self, directory: EntryPathBuf, listing: &[u8]) -> Result<()> {
        match (tar::renamed(directory.as_bytes(), listing), self.aside.is_some()) {
            (Some(Renames::Aside), false) => self.aside = Some(directory),
            (Some(Renames::Back), true) => self.aside = None,
            (Some(Renames::Gone(names)), true) => {
                for path in names.into_iter().filter_map(|name| directory.child(name)) {
                    let find = |state: &Option<State>| state.as_ref().map(|state| state.find(&path)).transpose();
                    let kind = |entry: Option<Option<Entry>>| entry.flatten().map(|entry| entry.stat.kind);
                    let (now, older) = (kind(find(&self.state)?), kind(find(&self.before)?));
                    // What became something else than a directory, or the other way round, is stored again.
                    let stays = |now| older.is_none_or(|older| (older == Kind::Directory) == (now == Kind::Directory));
                    if now.is_some_and(stays) {
                        self.seen.unlisted.add(path);
                    }
                }
            }
            (None, true) if listing == [0] => {}
            _ => self.seen.unlisted.add(directory),
        }
        Ok(())
    }

    fn is_known_directory(&self, order: &MemberOrder) -> bool {
        let find = |state: &State| {
            state.find(order.path()).is_ok_and(|entry| entry.is_some_and(|entry| entry.stat.kind == Kind::Directory))
        };
        order.is_directory() && self.state.as_ref().is_none_or(find)
    }

    /// A member that the manifest lists, against its line.
    fn compare(&mut self, wanted: &ExpectedMember, member: &Member) -> Result<()> {
        let entry = &wanted.entry;
        let same = match (entry.stat.kind, member.flag) {
            (Kind::File, b'0') => return self.compare_file(wanted, member),
            (Kind::File, b'1') => {
                let content = entry.content.as_ref().map(|content| (content.place.offset, content.hash));
                let first = content.and_then(|(offset, hash)| self.firsts.get(&offset).filter(|first| first.1 == hash));
                // The first name may stand in a damaged frame.
                first.is_some_and(|first| first.0.as_bytes() == member.target)
            }
            // What the first name is, was compared there.
            (Kind::Symlink | Kind::Fifo | Kind::CharDevice | Kind::BlockDevice, b'1') => entry.stat.link != 0,
            (Kind::Symlink, b'2') => entry.target == member.target,
            (Kind::CharDevice, b'3') | (Kind::BlockDevice, b'4') | (Kind::Directory, b'5') | (Kind::Fifo, b'6') => true,
            _ => false,
        };
        if !same {
            self.seen.different.add(wanted.path.clone());
        }
        Ok(())
    }

    fn compare_file(&mut self, wanted: &ExpectedMember, member: &Member) -> Result<()> {
        let Some((content, _)) = wanted.content() else { return Ok(()) };
        if content.place.offset != self.tape.position() || wanted.entry.stat.size != member.size {
            self.seen.note_wrong(content);
            self.seen.different.add(wanted.path.clone());
            return Ok(());
        }
        self.note_first(wanted);
        self.content(&wanted.entry)
    }

    fn note_first(&mut self, wanted: &ExpectedMember) {
        if let Some((content, _)) = wanted.content().filter(|_| wanted.entry.stat.link != 0) {
            self.firsts.insert(content.place.offset, (wanted.path.clone(), content.hash));
        }
    }

    /// Reads a content where the tape is and checks its hash; what is lost is told with its frame.
    fn content(&mut self, entry: &Entry) -> Result<()> {
        let Some(content) = &entry.content else { return Ok(()) };
        let (mut hasher, mut sound) = (Hasher::new(), true);
        for run in content.holes.runs(0..entry.stat.size) {
            let (in_hole, mut range) = match run {
                Run::Hole(range) => (true, range),
                Run::Data(range) => (false, range),
            };
            while !range.is_empty() {
                let Some(piece) = self.tape.piece(range.end - range.start)? else {
                    sound = false;
                    break;
                };
                range.start += piece.length();
                match piece {
                    Piece::Lost(_) => {
                        self.tape.skip_to(content.place.offset + entry.stat.size)?;
                        return Ok(());
                    }
                    Piece::Bytes(bytes) if in_hole => sound &= bytes.iter().all(|byte| *byte == 0),
                    Piece::Bytes(bytes) => hasher.update(bytes),
                    Piece::Zeros(_) if in_hole => {}
                    Piece::Zeros(length) => hash_zeros(&mut hasher, length),
                }
            }
        }
        if !sound || hasher.hash() != content.hash {
            let place = content.place.offset..content.place.offset.saturating_add(entry.stat.size);
            if self.tape.damage.touches(place.clone()) {
                self.tape.damage.lose(place);
            } else {
                self.seen.note_wrong(content);
            }
        }
        Ok(())
    }
}

fn hash_zeros(hasher: &mut Hasher, mut length: u64) {
    while length > 0 {
        let count = length.min(ZEROS.len() as u64);
        hasher.update(&ZEROS[..count as usize]);
        length -= count;
    }
}
