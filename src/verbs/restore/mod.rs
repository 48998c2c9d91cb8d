//! Brings back what was saved, all of it or a part, as it was at a snapshot. Knows nothing of terminals.
//!
//! One thread walks the state, makes directories and hands on everything else in rounds; one takes the rounds, in each of
//! which every needed frame is read once; workers unpack and write. Directories get their attributes at the end.

mod compare;
mod context;
mod deletions;
mod directories;
mod links;
mod options;
mod report;
mod round;
mod selection;
mod target;
#[cfg(unix)]
mod tests;
mod walk;

use crate::archive::catalog::Catalog;
use crate::archive::state::State;
use crate::base::error::Result;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Phase;
use crate::base::snapshot::uncertain;
use crate::base::snapshot::uncertain_since;
use context::RestoreContext;
pub use deletions::deletions;
use directories::finish_directories;
pub use options::RestoreOptions;
pub use report::Deletions;
pub use report::RestoreReport;
use round::restore_rounds;
use selection::Selection;
use selection::selected;
use std::sync::mpsc::channel;
use std::sync::mpsc::sync_channel;
use std::thread;
use target::open_destination;
use target::refuse_archive;
use target::refuse_full;
use walk::Reached;
use walk::RestoreWalk;
use walk::Rounds;

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
    let run = RestoreContext::new(catalog, options, monitor, destination, bytes_total);
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
        destination.sync_if_removable()?;
    }
    Ok(run.report())
}

/// Restores everything but the attributes of directories: one thread walks and plans, another restores what is planned.
fn walk(run: &RestoreContext, state: &State, selection: &Selection) -> (Reached, Result<()>) {
    thread::scope(|scope| {
        // Without a buffer: one round is planned while one is restored.
        let (sender, rounds) = sync_channel(0);
        let (done_sender, done) = channel();
        let restorer = scope.spawn(move || restore_rounds(run, rounds, &done_sender));
        let (reached, walked) = RestoreWalk::new(run, Rounds { sender, done }).walk(state, selection);
        let restored = restorer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (reached, restored.and(walked))
    })
}
