//! The third stage: every frame of every bundle is decompressed, its tar read as any tar, and each member and each
//! content compared with what the manifest says.

use super::affected::Affected;
use super::check::Check;
use super::check::is_about_the_file;
use super::copies::CopyLines;
use super::expected::ExpectedMembers;
use super::finding::ArchiveFile;
use super::finding::Fault;
use super::finding::Members;
use super::finding::sentence;
use super::folders::check_folders;
use super::headers::has_sound_header;
use super::members_scan::DamageSeen;
use super::members_scan::Scan;
use super::members_scan::WRONG_MAX;
use super::names::MoveMembers;
use super::names::NameLists;
use super::names::moves_of;
use super::script::ScriptCheck;
use crate::archive::content::ContentCheck;
use crate::archive::content::Contents;
use crate::archive::content::read_through;
use crate::archive::open::BundleFile;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Event;
use crate::base::monitor::Progress;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPathBuf;
use crate::format::bundle::Bundle;
use crate::format::deferred::DirectoryQueue;
use crate::format::frames::FrameAt;
use std::collections::HashSet;
use std::sync::Arc;

/// The most frames with odd headers that are noted.
const ODD_FRAMES_MAX: usize = 1000;

/// Reads all bundles that can be opened and are what their names say.
pub(super) fn read_all(check: &mut Check, threads: usize) -> Result<()> {
    check.bytes_total = check.examined.values().map(|examined| examined.file.bytes).sum();
    let files: Vec<(BundleFile, bool)> =
        check.examined.values().map(|examined| (examined.file.clone(), examined.is_itself)).collect();
    let mut carried = Carried::default();
    let mut number = SnapshotNumber::NONE;
    for (file, is_itself) in files {
        let is_whole = is_itself && !check.missing.keys().any(|id| id.number == file.id().number);
        if !is_whole || number != file.id().number {
            carried = Carried::default();
        }
        number = file.id().number;
        if !is_itself {
            continue;
        }
        let id = file.id();
        match read_bundle(check, &file, threads, &mut carried) {
            Err(error) if is_about_the_file(&error) => {
                carried = Carried::default();
                let fault = Fault::Unusable(sentence(&error));
                check.found(ArchiveFile::Bundle(file.name), fault, Affected::everything(id));
            }
            result => result?,
        }
    }
    Ok(())
}

/// What earlier parts of the same snapshot leave to the next: where one part ends and the next begins, lines and members do not
/// stand side by side.
#[derive(Default)]
struct Carried {
    /// Directories whose lines were read, and whose members are still to come.
    waiting: DirectoryQueue,
    /// Directories with a list of names.
    listed: HashSet<Vec<u8>>,
    /// The state before the snapshot, after its renames, if that is known.
    before: Option<State>,
}

/// What one bundle is compared with.
struct Expectations {
    members: Option<ExpectedMembers>,
    script: ScriptCheck,
    /// What was there at the bundle's number and before: a directory may stand in the tar without being changed.
    lists: NameLists,
    /// The directories whose lists must say that names went.
    deleting: Vec<EntryPathBuf>,
}

fn read_bundle(check: &mut Check, file: &BundleFile, threads: usize, carried: &mut Carried) -> Result<()> {
    let bundle = check.archive.bundle_compared(&file.name)?;
    let examined = check.examined.get_mut(&file.id()).filter(|examined| examined.manifest.is_some());
    if let Some(examined) = examined.filter(|examined| examined.cut_at.is_none() && !bundle.has_sound_table()) {
        examined.cut_at = Some(bundle.table().raw_bytes());
        check.found(ArchiveFile::Bundle(file.name.clone()), Fault::Table, Affected::Nothing);
    }
    let expected = expectations(check, &bundle, carried)?;
    let (monitor, begun) =
        (check.monitor, Progress { entries: check.entries, bytes: check.bytes, bytes_total: check.bytes_total });
    let (mut bytes, mut odd_frames) = (begun.bytes, Vec::new());
    let mut on_frame = |frame: &FrameAt| {
        check_interrupted(monitor)?;
        if odd_frames.len() < ODD_FRAMES_MAX && !has_sound_header(&bundle, frame) {
            odd_frames.push(frame.raw_offset);
        }
        bytes += u64::from(frame.stored_bytes);
        monitor.event(Event::Progress(Progress { bytes, ..begun }));
        Ok(())
    };
    let mut seen = read_through(&bundle, threads, &mut on_frame, |tape| {
        let Expectations { members, script, lists, deleting } = expected;
        let mut scan = Scan::new(tape, members, script, lists);
        scan.is_last_part = file.id().part == 0;
        scan.run(bundle.table().raw_bytes())?;
        let (mut seen, waiting, mut lists) = scan.into_parts();
        lists.finish(deleting.iter().filter(|_| seen.damage.count == 0))?;
        carried.waiting = waiting;
        (carried.listed, seen.unlisted) = lists.into_parts();
        Ok(seen)
    })?;
    let is_damaged = |at: &u64| seen.damage.touches(*at..at + 1);
    if let Some(at) = odd_frames.iter().find(|at| !is_damaged(at)) {
        let what =
            "a frame is not as it must be: without checksum or length, with a dictionary or a window that is too large";
        seen.tar.push(format!("at byte {at} of the tar {what}"));
    }
    check.bytes = bytes;
    tell(check, &bundle, file.id(), seen);
    Ok(())
}

fn expectations(check: &mut Check, bundle: &Arc<Bundle>, carried: &mut Carried) -> Result<Expectations> {
    let id = bundle.name().id;
    let examined = check.examined.get(&id);
    let is_sound = examined.is_some_and(|examined| examined.manifest.is_some());
    let head = examined.and_then(|examined| examined.head.as_ref());
    let waiting = std::mem::take(&mut carried.waiting);
    // An uncertain one need not have what earlier parts announced.
    let is_certain = head.is_none_or(|head| head.uncertain_until == SnapshotNumber::NONE);
    let waiting = if is_certain { waiting } else { DirectoryQueue::default() };
    let state = known_state(check, id)?;
    let manifest = if is_sound { Some(bundle.manifest()?) } else { None };
    let mut moves = MoveMembers::default();
    if check.is_first_part(id) {
        let before = check.history.state_before(id.number)?;
        (carried.before, moves) = moves_of(before, &check.renames(id.number)?.unwrap_or_default(), id.number)?;
    }
    let before = carried.before.clone();
    let mut members = manifest.map(|manifest| ExpectedMembers::new(manifest, waiting, before.clone())).transpose()?;
    let lines = || if is_sound { bundle.manifest().map(Some) } else { Ok(None) };
    if let Some(members) = &mut members {
        members.late = CopyLines::new(lines()?);
    }
    let contents = Contents::new(check.catalog, ContentCheck::Checksum, Advice::PlugInArchive);
    let script = ScriptCheck::new(lines()?, lines()?, contents.reader());
    let is_finished = check.catalog.snapshots().any(|number| number == id.number);
    let ends_at = if is_finished { None } else { check.last_path(id.number) };
    let mut deleting = Vec::new();
    if let Some(state) = state.as_ref().filter(|_| is_sound && is_finished) {
        deleting = check_folders(check, bundle, state)?;
    }
    let lists = NameLists::new(state, before, std::mem::take(&mut carried.listed)).said_up_to(ends_at).expecting(moves);
    Ok(Expectations { members, script, lists, deleting })
}

/// The state at a bundle's number; `None` unless it is known for certain: what is not says nothing of directories.
fn known_state(check: &Check, id: BundleId) -> Result<Option<State>> {
    let is_certain = |state: &State| !state.is_uncertain(id.number);
    let is_complete = check.history.is_complete(id.number);
    Ok(check.history.state(id.number)?.filter(|state| is_complete && is_certain(state)))
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
        (seen.by_script, Members::Different),
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
