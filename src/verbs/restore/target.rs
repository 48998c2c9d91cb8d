//! The target before anything is written: opened, and refused where it is the archive, or full.

use super::context::RestoreContext;
use super::options::RestoreOptions;
use super::selection::Selection;
use crate::archive::open::Archive;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::monitor::Event;
use crate::base::monitor::Notice;
use crate::base::monitor::amount;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::printable;
use crate::system::destination::Destination;
use crate::system::destination::DestinationOptions;
use std::path::Path;

/// The target; `None` when it is not there and nothing will be written.
pub(super) fn open_destination(options: &RestoreOptions) -> Result<Option<Destination>> {
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
pub(super) fn refuse_full(run: &RestoreContext, bytes_total: u64, selection: &Selection, state: &State) -> Result<()> {
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
pub(super) fn refuse_archive(archive: &Archive, options: &RestoreOptions, state: &State) -> Result<()> {
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
