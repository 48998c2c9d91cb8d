//! The tar of one bundle, member by member, against what its manifest says. Knows nothing of other bundles.

use super::copies::is_right_copy;
use super::expected::ExpectedMember;
use super::expected::ExpectedMembers;
use super::expected::FirstKey;
use super::expected::first_key;
use super::headers::say_the_same;
use super::names::NameLists;
use super::names::Named;
use super::script::MEMBER_BYTES_MAX;
use super::script::ScriptCheck;
use crate::archive::content::Piece;
use crate::archive::content::Tape;
use crate::archive::content::TapeDamage;
use crate::archive::state::State;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::holes::Run;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::base::path::EntryPathBuf;
use crate::base::path::MANIFEST_NAME;
use crate::base::path::is_for_script;
use crate::format::deferred::DirectoryQueue;
use crate::format::layout::MemberOrder;
use crate::format::tar;
use crate::format::tar::Member;
use crate::format::tar::TarEntry;
use std::collections::HashMap;
use std::collections::HashSet;

/// The most wrong contents that are noted one by one: with more the whole bundle counts as wrong.
pub(super) const WRONG_MAX: usize = 1 << 19;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// What was seen in one bundle that is not as it was written.
#[derive(Default)]
pub(super) struct DamageSeen {
    pub damage: TapeDamage,
    /// Contents whose hash is another, or that are not where the manifest says.
    pub wrong: HashSet<(u64, Hash)>,
    pub wrong_total: u64,
    pub missing: Named,
    pub unknown: Named,
    pub different: Named,
    /// Files to which the script does not give the metadata that their lines say.
    pub by_script: Named,
    pub unlisted: Named,
    /// What is wrong with the tar itself; the first of each kind says enough.
    pub tar: Vec<String>,
}

impl DamageSeen {
    fn note_wrong(&mut self, content: &Content) {
        self.wrong_total += 1;
        if self.wrong.len() < WRONG_MAX {
            self.wrong.insert((content.place.offset, content.hash));
        }
    }
}

/// Goes over one bundle's tar.
pub(super) struct Scan<'a> {
    tape: Tape<'a>,
    expected: Option<ExpectedMembers>,
    script: ScriptCheck,
    /// What was there at the bundle's number and before: a directory may stand in the tar without being changed.
    lists: NameLists,
    seen: DamageSeen,
    /// Directories whose members may come in the next part.
    waiting: DirectoryQueue,
    pub is_last_part: bool,
    /// Whether members were passed over unread since the last that was read.
    unread: bool,
    /// Path and hash of files with several names.
    firsts: HashMap<FirstKey, (EntryPathBuf, Hash)>,
}

enum MemberHeader {
    Member(Box<TarEntry>),
    End,
    Unreadable,
}

impl<'a> Scan<'a> {
    pub(super) fn new(
        tape: Tape<'a>,
        expected: Option<ExpectedMembers>,
        script: ScriptCheck,
        lists: NameLists,
    ) -> Scan<'a> {
        Scan {
            tape,
            expected,
            script,
            lists,
            seen: DamageSeen::default(),
            waiting: DirectoryQueue::default(),
            is_last_part: false,
            unread: false,
            firsts: HashMap::new(),
        }
    }

    /// What was seen, the directories whose members may come in the next part, and the lists.
    pub(super) fn into_parts(self) -> (DamageSeen, DirectoryQueue, NameLists) {
        let Scan { tape, mut seen, waiting, lists, script, .. } = self;
        seen.damage = tape.damage;
        seen.by_script = script.wrong;
        seen.tar.extend(script.faults);
        (seen, waiting, lists)
    }

    /// Goes over all, up to the byte `end` of the tar.
    ///
    /// # Errors
    /// When the archive cannot be read any more.
    pub(super) fn run(&mut self, end: u64) -> Result<()> {
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
                MemberHeader::Member(told)
                    if self.tape.position() < manifest_offset && is_for_script(&told.member.path) =>
                {
                    self.script_member(&told)?;
                }
                MemberHeader::Member(told) if self.tape.position() < manifest_offset && self.script.has_begun() => {
                    self.seen.unknown.extend(EntryPathBuf::from_bytes(&told.member.path));
                    self.skip_content(&told.member)?;
                }
                MemberHeader::Member(told) if self.tape.position() < manifest_offset => {
                    if self.lists.is_move(&told.member.path, told.listing.as_deref()) {
                        self.skip_content(&told.member)?;
                        continue;
                    }
                    self.lists.check(&told.member.path, told.listing.as_deref())?;
                    self.member(expected, &told)?;
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

    /// A member for the bundle's script, which stands behind those of all entries.
    fn script_member(&mut self, told: &TarEntry) -> Result<()> {
        if let Some((path, entry)) = self.script.take_made(told) {
            let Some(content) = &entry.content else { return Ok(()) };
            let (start, size) = (self.tape.position(), told.member.size);
            let is_there = content.place.offset == start && content.stored_bytes(entry.stat.size) == size;
            self.skip_content(&told.member)?;
            let is_damaged = self.tape.damage.touches(start..start.saturating_add(size).max(start + 1));
            if !is_there || (!is_damaged && self.script.makes_another(&path, content, &self.lists)?) {
                self.seen.note_wrong(content);
            }
            return Ok(());
        }
        let (start, size) = (self.tape.position(), told.member.size);
        let content = if size <= MEMBER_BYTES_MAX { self.tape.take(size)? } else { None };
        let is_damaged = self.tape.damage.touches(start..self.tape.position().max(start + 1));
        self.script.member(told, content.as_deref().filter(|_| !is_damaged), &self.lists)?;
        let padding = tar::padding(size) as u64;
        self.padding(padding, start.saturating_add(size).saturating_add(padding))
    }

    fn skip_content(&mut self, member: &Member) -> Result<()> {
        let end = self.tape.position().saturating_add(member.size).saturating_add(tar::padding(member.size) as u64);
        self.tape.skip_to(end)
    }

    /// The manifest itself, the end of the tar, and nothing more.
    fn last_member(&mut self, expected: &mut ExpectedMembers, member: &Member, end: u64) -> Result<()> {
        self.rest_is_missing(expected)?;
        if self.tape.damage.count == 0 {
            self.script.finish(expected, &self.lists)?;
            expected.late.finish()?;
            self.seen.missing.append(std::mem::take(&mut expected.late.missing));
        }
        let content_end = self.tape.position().saturating_add(member.size);
        let tar_end = content_end.saturating_add((tar::padding(member.size) + tar::END_BYTES) as u64);
        if member.path != MANIFEST_NAME.as_bytes() || tar_end != end {
            self.seen.tar.push("the tar does not end right after its manifest".to_owned());
        }
        Ok(())
    }

    fn rest_is_missing(&mut self, expected: &mut ExpectedMembers) -> Result<()> {
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
            let is_same = |older: &Entry| {
                older.stat.kind == Kind::Symlink
                    && older.target == wanted.entry.target
                    && !older.differs_in_tar(&wanted.entry)
            };
            older.is_some_and(|older| is_same(&older))
        };
        let stays = wanted.entry.stat.kind == Kind::Symlink && self.lists.before.as_ref().is_none_or(is_as_before);
        if !self.unread && !stays {
            self.seen.missing.add(wanted.path);
        }
    }

    /// A header cannot be read: goes on behind the next content, whose place is known from the manifest.
    fn next_known(&mut self, expected: &mut ExpectedMembers, from: u64) -> Result<bool> {
        self.unread = true;
        self.lists.lose_track();
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

    fn member(&mut self, expected: &mut ExpectedMembers, told: &TarEntry) -> Result<()> {
        let member = &told.member;
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
                        self.compare(&wanted, told)?;
                    }
                } else if told.is_copy {
                    self.late_copy(expected, order.into_path(), told)?;
                } else if !self.is_known_directory(&order) {
                    self.seen.unknown.add(order.into_path());
                }
            }
        }
        self.padding(tar::padding(member.size) as u64, end)
    }

    /// A member behind those of all other entries, of a file whose content is in an older bundle.
    fn late_copy(&mut self, expected: &mut ExpectedMembers, path: EntryPathBuf, told: &TarEntry) -> Result<()> {
        let Some((entry, target)) = expected.late.take(&path)? else {
            self.seen.unknown.add(path);
            return Ok(());
        };
        let is_patched_later = target.is_patched_later && target.path.as_bytes() == told.member.target;
        let wanted = ExpectedMember { path, entry, copy_of: Some(target.path) };
        let is_right = is_patched_later || self.is_right_copy(&wanted, &told.member)?;
        if !is_right || !say_the_same(&wanted, told) {
            self.seen.different.add(wanted.path);
        }
        Ok(())
    }

    fn is_right_copy(&self, wanted: &ExpectedMember, member: &Member) -> Result<bool> {
        is_right_copy(self.lists.state.as_ref(), &wanted.path, wanted.copy_of.as_deref(), &member.target)
    }

    /// What fills the content up to a whole block, and ends at `end`.
    fn padding(&mut self, length: u64, end: u64) -> Result<()> {
        self.tape.skip_to(end - length)?;
        let begin = self.tape.position();
        let mut is_zero = true;
        while self.tape.position() < end {
            match self.tape.piece(end - self.tape.position())? {
                Some(Piece::Bytes(bytes)) => is_zero &= bytes.iter().all(|byte| *byte == 0),
                Some(_) => {}
                None => break,
            }
        }
        let what = "what fills contents up to whole blocks is not zeros";
        if !is_zero && !self.tape.damage.touches(begin..end) && !self.seen.tar.iter().any(|told| told == what) {
            self.seen.tar.push(what.to_owned());
        }
        Ok(())
    }

    fn is_known_directory(&self, order: &MemberOrder) -> bool {
        let find = |state: &State| {
            state.find(order.path()).is_ok_and(|entry| entry.is_some_and(|entry| entry.stat.kind == Kind::Directory))
        };
        order.is_directory() && self.lists.state.as_ref().is_none_or(find)
    }

    /// A member that the manifest lists, against its line.
    fn compare(&mut self, wanted: &ExpectedMember, told: &TarEntry) -> Result<()> {
        let (entry, member) = (&wanted.entry, &told.member);
        let same = match (entry.stat.kind, member.flag) {
            (Kind::File, b'1') if told.is_copy => self.is_right_copy(wanted, member)?,
            (Kind::File, _) if wanted.copy_of.is_some() => false,
            (Kind::File, b'0') => self.compare_file(wanted, member)?,
            (Kind::File, b'1') => {
                let hash = entry.content.as_ref().map(|content| content.hash);
                let first = first_key(entry).and_then(|key| self.firsts.get(&key));
                let first = first.filter(|first| Some(first.1) == hash);
                // The first name may stand in a damaged frame.
                first.is_some_and(|first| first.0.as_bytes() == member.target)
            }
            // What the first name is, was compared there.
            (Kind::Symlink | Kind::Fifo | Kind::CharDevice | Kind::BlockDevice, b'1') => entry.stat.link != 0,
            (Kind::Symlink, b'2') => entry.target == member.target,
            (Kind::CharDevice, b'3') | (Kind::BlockDevice, b'4') | (Kind::Directory, b'5') | (Kind::Fifo, b'6') => true,
            _ => false,
        };
        if !same || !say_the_same(wanted, told) {
            self.seen.different.add(wanted.path.clone());
        }
        Ok(())
    }

    /// Whether a file's member stands and is as long as its line says; its content is reported by itself.
    fn compare_file(&mut self, wanted: &ExpectedMember, member: &Member) -> Result<bool> {
        let Some((content, _)) = wanted.content() else {
            self.note_first(wanted);
            return Ok(member.size == 0);
        };
        if content.place.offset != self.tape.position() || wanted.entry.stat.size != member.size {
            self.seen.note_wrong(content);
            return Ok(false);
        }
        self.note_first(wanted);
        self.content(&wanted.entry)?;
        Ok(true)
    }

    fn note_first(&mut self, wanted: &ExpectedMember) {
        let key = first_key(&wanted.entry).filter(|_| wanted.entry.stat.link != 0);
        if let Some((key, content)) = key.zip(wanted.entry.content.as_ref()) {
            self.firsts.insert(key, (wanted.path.clone(), content.hash));
        }
    }

    /// Reads the content at the present position and checks its hash; lost bytes are reported with their frame.
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
