//! Brings back what was saved, all of it or a part, as it was at a snapshot. Knows nothing of terminals.
//!
//! One thread walks the state, makes directories and hands on everything else in rounds; one takes the rounds, in each of
//! which every needed frame is read once; workers unpack and write. Directories get their attributes at the end.

mod compare;
mod deletions;
mod directories;
mod links;
mod planner;
mod round;
mod run;
mod selection;
#[cfg(unix)]
mod tests;

use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::Number;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Notice;
use crate::base::monitor::Phase;
use crate::base::monitor::amount;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::printable;
use crate::base::snapshot::no_snapshot;
use crate::base::snapshot::uncertain;
use crate::base::snapshot::uncertain_since;
use crate::system::destination::Destination;
use crate::system::destination::DestinationOptions;
use crate::system::destination::Renamed;
pub use deletions::Deletions;
pub use deletions::deletions;
use directories::finish_directories;
use planner::Planner;
use planner::Reached;
use planner::Rounds;
use round::restore_rounds;
use run::Run;
use selection::Selection;
use std::path::Path;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::sync::mpsc::sync_channel;
use std::thread;

/// What is restored, and where to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoreOptions {
    /// The directory to restore into. It is missing or empty, unless `overwrite` is set; what it stands in is there.
    pub target: PathBuf,
    /// The snapshot to restore.
    pub at: Number,
    /// What of it, with everything below. Default: none, which means all.
    pub paths: Vec<EntryPathBuf>,
    /// Whether the target may hold something: what is equal is left as it is, what differs is replaced, but for a directory
    /// with things in it where something else belongs. Default: no.
    pub overwrite: bool,
    /// Whether what is in the restored directories of the target but not in the snapshot is deleted, and directories where
    /// something else belongs. Default: no.
    pub delete: bool,
    /// Whether it is only told what would be done. Default: no.
    pub dry_run: bool,
    /// Whether owners and groups are restored. Default: yes.
    pub owners: bool,
    /// Whether users and groups are taken by number, not by name: in a rescue system, which knows other names. Default: no.
    pub numeric_ids: bool,
    /// How many threads unpack and write; 0, the default: as many as there are cores.
    pub threads: usize,
}

impl Default for RestoreOptions {
    fn default() -> RestoreOptions {
        RestoreOptions {
            target: PathBuf::new(),
            at: Number::default(),
            paths: Vec::new(),
            overwrite: false,
            delete: false,
            dry_run: false,
            owners: true,
            numeric_ids: false,
            threads: 0,
        }
    }
}

/// What was restored; in a dry run, what would be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RestoreReport {
    /// The snapshot.
    pub number: Number,
    /// Files, further names of a file among them.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Symlinks, pipes and devices.
    pub others: u64,
    /// Bytes of the contents that were written, holes included.
    pub bytes: u64,
    /// Entries that were there already, in everything as they should be.
    pub unchanged: u64,
    /// Entries that were deleted because they are not in the snapshot; a directory with all it holds counts once.
    pub deleted: u64,
    /// Entries that were not restored as they should be. Each was told to the monitor.
    pub problems: u64,
    /// What the person may not or the file system cannot restore, a sentence for each kind.
    pub losses: Vec<String>,
    /// How many entries have another name in the target, because their own cannot be there.
    pub renamed_total: u64,
    /// The first [`NAMES_LISTED_MAX`](crate::system::destination::NAMES_LISTED_MAX) of them.
    pub renamed: Vec<Renamed>,
}

/// Restores a snapshot or a part of it. An entry that cannot be restored is told to the monitor, and the others go on.
///
/// # Errors
/// [`ErrorKind::NotFound`] when there is no such snapshot or path, or nothing for the target to stand in;
/// [`ErrorKind::Exists`] when the target is not empty; [`ErrorKind::Refused`] when it is the archive or not a directory: all
/// of these before anything is written. [`ErrorKind::Interrupted`] when the monitor asks to stop. Otherwise when the archive
/// cannot be read as a whole or the target takes nothing more. Every file that has its name is then complete.
pub fn restore(catalog: &Catalog, options: &RestoreOptions, monitor: &dyn Monitor) -> Result<RestoreReport> {
    let (state, selection, bytes_total) = selected(catalog, options)?;
    refuse_archive(catalog.archive(), options, &state)?;
    let destination = open_destination(options)?;
    let run = Run::new(catalog, options, monitor, destination, bytes_total);
    refuse_full(&run, bytes_total, &selection, &state)?;
    let history = state.layers().iter().flat_map(|file| &file.head().snapshots);
    if let Some(since) = uncertain_since(history, options.at) {
        run.problem(&uncertain(since));
    }
    monitor.event(Event::Phase(Phase::Restoring));
    let (reached, walked) = walk(&run, &state, &selection);
    monitor.event(Event::Phase(Phase::FinishingFolders));
    let finished = finish_directories(&run, &state, &selection, &reached);
    walked.and(finished)?;
    if let Some(destination) = run.writable() {
        destination.settle()?;
    }
    Ok(run.report())
}

/// What is restored of the snapshot, with the bytes of all contents. All that is needed of the index is read and checked, so
/// that damage is met here and not half-way.
fn selected(catalog: &Catalog, options: &RestoreOptions) -> Result<(State, Selection, u64)> {
    if !catalog.snapshots().any(|known| known == options.at) {
        return Err(no_snapshot(options.at));
    }
    catalog.healing(|| {
        let state = catalog.state(options.at)?;
        let selection = Selection::new(&state, &options.paths, options.at)?;
        let bytes = selection.bytes(&state)?;
        Ok((state, selection, bytes))
    })
}

/// Restores everything but the attributes of directories: one thread walks and plans, another restores what is planned.
fn walk(run: &Run, state: &State, selection: &Selection) -> (Reached, Result<()>) {
    thread::scope(|scope| {
        // Without a buffer: one round is planned while one is restored.
        let (sender, rounds) = sync_channel(0);
        let (done_sender, done) = channel();
        let restorer = scope.spawn(move || restore_rounds(run, rounds, &done_sender));
        let (reached, walked) = Planner::new(run, Rounds { sender, done }).walk(state, selection);
        let restored = restorer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (reached, restored.and(walked))
    })
}

/// The target; `None` when it is not there and nothing will be written.
fn open_destination(options: &RestoreOptions) -> Result<Option<Destination>> {
    if options.dry_run && options.target.symlink_metadata().is_err() {
        return Ok(None);
    }
    let destination_options = DestinationOptions {
        owners: options.owners,
        numeric_ids: options.numeric_ids,
        replace: options.overwrite,
        clears: options.delete,
    };
    let mut destination = Destination::open(&options.target, destination_options)?;
    if !options.overwrite && !destination.is_empty()? {
        let what = format!("cannot restore into {}: the folder is not empty", shown(&options.target));
        return Err(Error::new(ErrorKind::Exists, what).with_advice(Advice::ChooseEmptyTargetOrOverwrite));
    }
    destination.learn_names(!options.dry_run);
    Ok(Some(destination))
}

/// Refuses what surely does not fit into an empty target, before anything is written. What is overwritten makes room of its own.
fn refuse_full(run: &Run, bytes_total: u64, selection: &Selection, state: &State) -> Result<()> {
    let options = run.options;
    let destination = run.destination.as_ref().filter(|_| !options.overwrite);
    let Some((free, may_compress)) = destination.and_then(Destination::free_bytes) else { return Ok(()) };
    if bytes_total <= free {
        return Ok(());
    }
    // A bundle that cannot be opened gives nothing.
    let bundle_bytes = |id| run.contents.bundle(id).map_or(0, |bundle| bundle.raw_bytes());
    let needed = selection.bytes_least(state, &bundle_bytes)?;
    let Some(missing) = needed.checked_sub(free).filter(|missing| *missing > 0) else { return Ok(()) };
    let what = format!(
        "{} are needed in {}, but only {} are free: {} are missing",
        amount(needed),
        shown(&options.target),
        amount(free),
        amount(missing)
    );
    if may_compress || options.dry_run {
        run.monitor.event(Event::Notice(&Notice::TargetMayBeTooSmall { needed, free }));
        return Ok(());
    }
    Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::FreeTargetSpace))
}

/// The archive must not be written over by what is in it.
fn refuse_archive(archive: &Archive, options: &RestoreOptions, state: &State) -> Result<()> {
    let Some(Ok(archive)) = archive.store().local_path().map(Path::canonicalize) else { return Ok(()) };
    let parent = options.target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(target) = options.target.canonicalize().or_else(|_| parent.canonicalize()) else { return Ok(()) };
    let refused = |why: &str| {
        Error::new(ErrorKind::Refused, format!("cannot restore into {}: {why}", shown(&options.target)))
            .with_advice(Advice::ChooseOtherTarget)
    };
    if target.starts_with(&archive) {
        return Err(refused("it is in the archive itself"));
    }
    if options.delete && archive.starts_with(&target) {
        return Err(refused("the archive is in it and could be deleted"));
    }
    let place = archive.strip_prefix(&target).ok().filter(|_| options.overwrite);
    let place = place.and_then(|place| EntryPathBuf::from_bytes(place.as_os_str().as_encoded_bytes()));
    if let Some(place) = place
        && is_taken(&place, options, state)?
    {
        return Err(refused("the archive is in it, where something of the snapshot belongs"));
    }
    Ok(())
}

/// Whether something that is restored has the place `place`, or is no directory and stands on the way there.
fn is_taken(place: &EntryPath, options: &RestoreOptions, state: &State) -> Result<bool> {
    let is_wanted = |path: &EntryPath| place.is_in(path) || path.is_in(place);
    if !options.paths.is_empty() && !options.paths.iter().any(|path| is_wanted(path)) {
        return Ok(false);
    }
    let mut at = Some(place).filter(|place| !place.is_root());
    while let Some(path) = at {
        let found = state.find(path)?;
        if found.is_some_and(|entry| path == place || entry.stat.kind != Kind::Directory) {
            return Ok(true);
        }
        at = path.parent().filter(|parent| !parent.is_root());
    }
    Ok(false)
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes()).into_owned()
}
