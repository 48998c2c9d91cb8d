//! A restore from its beginning, real or as a dry run.

use super::context::RestoreContext;
use super::directories::finish_directories;
use super::guard::RemovalGuard;
use super::options::RestoreOptions;
use super::round::restore_rounds;
use super::selection::Selection;
use super::selection::selected;
use super::selection::summary_of;
use super::target::open_destination;
use super::target::places;
use super::target::refuse_archive;
use super::walk::Reached;
use super::walk::RestoreWalk;
use super::walk::Rounds;
use crate::archive::catalog::Catalog;
use crate::archive::content::ContentCheck;
use crate::archive::content::Contents;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::concurrency::join;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Phase;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::system::destination::Destination;
use std::sync::mpsc::channel;
use std::sync::mpsc::sync_channel;
use std::thread;

/// A restore that can begin: what is restored, and where to.
pub(super) struct Scene<'a> {
    pub run: RestoreContext<'a>,
    pub state: State,
    pub selection: Selection,
}

impl<'a> Scene<'a> {
    /// # Errors
    /// As for [`restore`](super::restore), before anything is written.
    pub(super) fn new(catalog: &Catalog, options: &'a RestoreOptions, monitor: &'a dyn Monitor) -> Result<Scene<'a>> {
        let (state, selection, bytes_total) = selected(catalog, options)?;
        let summary = summary_of(&state, options.at)?;
        let tops = selection.tops(&state)?;
        let places = places(options, &summary, (&state, &tops))?;
        for place in places.iter().filter(|place| place.file.is_none()) {
            refuse_archive(catalog.archive(), (options, &state), (&place.top, &place.folder))?;
        }
        let mut destination = open_destination(catalog, options, &places)?;
        follow(&mut destination, (&state, &selection, &tops), (options, monitor))?;
        let contents = Contents::new(catalog, ContentCheck::Hash, Advice::PlugInAndRestoreAgain);
        let guard = if options.delete {
            RemovalGuard::new(catalog, &summary, &state, (&contents, !options.delete_excluded))?
        } else {
            RemovalGuard::none(&contents)
        };
        let run = RestoreContext::new((options, monitor), (contents, guard), destination, bytes_total);
        Ok(Scene { run, state, selection })
    }
}

/// Restores everything that is to be, or says what would be.
pub(super) fn go(scene: &Scene) -> Result<()> {
    let Scene { run, state, selection } = scene;
    run.tell_of_guard();
    run.monitor.event(Event::Phase(Phase::Restoring));
    let (reached, walked) = walk(run, state, selection);
    run.monitor.event(Event::Phase(Phase::FinishingFolders));
    let finished = finish_directories(run, state, selection, &reached);
    run.tell_of_guard();
    walked.and(finished)
}

/// Goes through symlinks that are where the snapshot has a folder and that lead to one in the same target. Others that lead to a
/// folder are in the way.
fn follow(
    destination: &mut Destination,
    (state, selection, tops): (&State, &Selection, &[EntryPathBuf]),
    (options, monitor): (&RestoreOptions, &dyn Monitor),
) -> Result<()> {
    let sources = tops.iter().filter(|top| top.parent().is_some_and(EntryPath::is_root)).map(|top| &**top);
    for path in selection.on_the_way().chain(sources) {
        if state.find(path)?.is_none_or(|entry| entry.stat.kind != Kind::Directory) {
            continue;
        }
        // What was asked for elsewhere must not be mixed with what is in it.
        let is_free = |to: &EntryPath| !tops.iter().any(|top| **top != *path && (top.is_in(to) || to.is_in(top)));
        destination.follow(path, &is_free);
    }
    if options.overwrite { follow_below(destination, (state, selection), monitor) } else { Ok(()) }
}

/// The same for all folders that are restored.
fn follow_below(
    destination: &mut Destination,
    (state, selection): (&State, &Selection),
    monitor: &dyn Monitor,
) -> Result<()> {
    let is_free = |to: &EntryPath| is_free(state, to).unwrap_or(false);
    let mut directories = selection.directories(state);
    while let Some(path) = directories.next() {
        check_interrupted(monitor)?;
        let path = path?;
        let kind = |destination: &Destination| destination.stat(&path).ok().flatten().and_then(|found| found.kind);
        let found = kind(destination);
        if found == Some(Kind::Symlink) {
            destination.follow(&path, &is_free);
        }
        if found != Some(Kind::Directory) && kind(destination) != Some(Kind::Directory) {
            directories.skip_below(&path);
        }
    }
    Ok(())
}

/// Whether nothing of the snapshot belongs at `path`, in it, or in the place of a folder on the way to it.
fn is_free(state: &State, path: &EntryPath) -> Result<bool> {
    let mut above = path.parent().filter(|above| !above.is_root());
    while let Some(path) = above {
        if state.find(path)?.is_some_and(|entry| entry.stat.kind != Kind::Directory) {
            return Ok(false);
        }
        above = path.parent().filter(|above| !above.is_root());
    }
    Ok(state.find(path)?.is_none())
}

/// Restores everything but the attributes of directories: one thread walks and plans, another restores what is planned.
fn walk(run: &RestoreContext, state: &State, selection: &Selection) -> (Reached, Result<()>) {
    thread::scope(|scope| {
        // Without a buffer: one round is planned while one is restored.
        let (sender, rounds) = sync_channel(0);
        let (done_sender, done) = channel();
        let restorer = scope.spawn(move || restore_rounds(run, rounds, &done_sender));
        let (reached, walked) = RestoreWalk::new(run, Rounds { sender, done }).walk(state, selection);
        let restored: Result<()> = join([restorer]).into_iter().collect();
        (reached, restored.and(walked))
    })
}
