//! The target before anything is written: opened, and refused where it is the archive, or full.

use super::context::RestoreContext;
use super::in_place;
use super::options::RestoreOptions;
use super::selection::Selection;
use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::monitor::Event;
use crate::base::monitor::Notice;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::printable;
use crate::base::snapshot::Summary;
use crate::base::units::human_size;
use crate::system::destination::Destination;
use crate::system::destination::DestinationOptions;
use crate::system::destination::SourcePlace;
use crate::system::platform;
use std::path::Path;
use std::path::PathBuf;

/// Where what is at or below each path goes: all of it into one folder, or each source to where it was read from.
pub(super) fn places(
    options: &RestoreOptions,
    summary: &Summary,
    (state, tops): (&State, &[EntryPathBuf]),
) -> Result<Vec<SourcePlace>> {
    if options.in_place {
        return in_place::places(summary, state, tops);
    }
    Ok(vec![SourcePlace { top: EntryPathBuf::root(), folder: options.target.clone(), file: None }])
}

/// The target, or all of them.
pub(super) fn open_destination(
    catalog: &Catalog,
    options: &RestoreOptions,
    places: &[SourcePlace],
) -> Result<Destination> {
    let archive = catalog.archive().store().local_path().and_then(|path| platform::stat_path(path).ok());
    let destination_options = DestinationOptions {
        owners: options.owners,
        numeric_ids: options.numeric_ids,
        replace: options.overwrite,
        clears: options.delete,
        keep_as: options.keep.then_some(options.at),
        spared: archive.map(|archive| archive.key()),
        make: !options.dry_run,
    };
    let mut destination = if options.in_place {
        Destination::open_each(places, destination_options)?
    } else {
        Destination::open(&options.target, destination_options)?
    };
    if !options.overwrite && !destination.is_empty()? {
        let what = format!("cannot restore into {}: the folder is not empty", shown(&options.target));
        return Err(Error::new(ErrorKind::Exists, what).with_advice(Advice::ChooseEmptyTargetOrOverwrite));
    }
    destination.learn_names(!options.dry_run);
    Ok(destination)
}

/// Refuses what surely does not fit into an empty target, before anything is written. Overwriting frees space of its
/// own.
pub(super) fn refuse_full(run: &RestoreContext, selection: &Selection, state: &State) -> Result<()> {
    let options = run.options;
    let free = if options.overwrite { None } else { run.destination.free_bytes() };
    let Some((free, may_compress)) = free else { return Ok(()) };
    if run.tally.bytes_total() <= free {
        return Ok(());
    }
    // A bundle that cannot be opened gives nothing.
    let bundle_bytes = |id| run.contents.bundle(id).map_or(0, |bundle| bundle.raw_bytes());
    let needed = selection.bytes_least(state, &bundle_bytes)?;
    let Some(missing) = needed.checked_sub(free).filter(|missing| *missing > 0) else { return Ok(()) };
    let what = format!(
        "{} are needed in {}, but only {} are free: {} are missing",
        human_size(needed),
        shown(&options.target),
        human_size(free),
        human_size(missing)
    );
    if may_compress || options.dry_run {
        run.monitor.event(Event::Notice(&Notice::TargetMayBeTooSmall { needed, free }));
        return Ok(());
    }
    Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::FreeTargetSpace))
}

/// The archive must not be written over by what is in it: what is at or below `top` in the snapshot goes to `place`.
pub(super) fn refuse_archive(
    archive: &Archive,
    (options, state): (&RestoreOptions, &State),
    (top, place): (&EntryPath, &Path),
) -> Result<()> {
    let Some(Ok(own)) = archive.store().local_path().map(platform::canonical) else { return Ok(()) };
    let Some(target) = as_it_will_be(place) else { return Ok(()) };
    let refused = |why: &str| {
        Error::new(ErrorKind::Refused, format!("cannot restore into {}: {why}", shown(place)))
            .with_advice(Advice::ChooseOtherTarget)
    };
    if archive.holds(&target) {
        return Err(refused("it is in the archive itself"));
    }
    let inside = own.strip_prefix(&target).ok().filter(|_| options.overwrite);
    let inside = inside
        .and_then(|inside| EntryPathBuf::from_bytes(&platform::with_slashes(inside.as_os_str().as_encoded_bytes())));
    if let Some(inside) = inside
        && is_taken(&top.join_path(&inside), options, state)?
    {
        return Err(refused("the archive is in it, where something of the snapshot belongs"));
    }
    Ok(())
}

/// The real path of a folder that may have to be made in one that is there.
fn as_it_will_be(path: &Path) -> Option<PathBuf> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    platform::canonical(path).ok().or_else(|| Some(platform::canonical(parent).ok()?.join(path.file_name()?)))
}

/// Whether something that is restored has the place `place`, or is not a directory and stands on the way there.
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
