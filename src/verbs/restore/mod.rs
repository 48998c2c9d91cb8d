//! Brings back what was saved, all of it or a part, as it was at a snapshot. Knows nothing of terminals.
//!
//! One thread walks the state, makes directories and hands on everything else in rounds; one takes the rounds, in each of
//! which every needed frame is read once; workers unpack and write. Directories get their attributes at the end.

mod changes;
mod compare;
mod context;
mod directories;
mod guard;
mod in_place;
mod links;
mod options;
mod removal;
mod replacing;
mod report;
mod round;
mod scene;
mod selection;
mod target;
#[cfg(unix)]
mod tests;
mod walk;

use crate::archive::catalog::Catalog;
use crate::base::error::Result;
use crate::base::monitor::Monitor;
use crate::base::snapshot::uncertain;
use crate::base::snapshot::uncertain_since;
pub use changes::changes;
pub use changes::deletions;
pub use options::RestoreOptions;
pub use report::Named;
pub use report::RestoreReport;
pub use report::TargetChanges;
use scene::Scene;
use scene::go;
use target::refuse_full;

/// Restores a snapshot or a part of it. An entry that cannot be restored is reported to the monitor, and the others go
/// on.
///
/// # Errors
/// [`crate::ErrorKind::NotFound`] when there is no such snapshot or path, or nothing for the target to stand in;
/// [`crate::ErrorKind::Exists`] when the target is not empty; [`crate::ErrorKind::Refused`] when it is the archive or not
/// a directory: all of these before anything is written. [`crate::ErrorKind::Interrupted`] when the monitor asks to stop.
/// Otherwise when the archive cannot be read as a whole or the target takes nothing more. Every file that has its name is
/// then complete.
pub fn restore(catalog: &Catalog, options: &RestoreOptions, monitor: &dyn Monitor) -> Result<RestoreReport> {
    let scene = Scene::new(catalog, options, monitor)?;
    let Scene { run, state, selection } = &scene;
    refuse_full(run, selection, state)?;
    if let Some(since) = uncertain_since(&state.summaries(), options.at) {
        run.problem(&uncertain(since));
    }
    go(&scene)?;
    if let Some(destination) = run.writable() {
        destination.sync_if_removable()?;
    }
    Ok(run.report())
}
