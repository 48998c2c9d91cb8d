//! What a restore would replace and delete, found out before anything is written.

use super::options::RestoreOptions;
use super::replacing::may_replace;
use super::report::Named;
use super::report::TargetChanges;
use super::scene::Scene;
use super::scene::go;
use super::walk::delete_others;
use super::walk::prepare_folder;
use crate::archive::catalog::Catalog;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;

/// What [`restore`](super::restore) would replace and delete with these options: reads what is there and compares it.
/// Problems are not reported: the restore itself does that.
///
/// # Errors
/// As for [`restore`](super::restore), before anything is written; when `monitor` asks to stop.
pub fn changes(catalog: &Catalog, options: &RestoreOptions, monitor: &dyn Monitor) -> Result<TargetChanges> {
    let dry = RestoreOptions { dry_run: true, ..options.clone() };
    let silent = Silent(monitor);
    let scene = Scene::new(catalog, &dry, &silent)?;
    go(&scene)?;
    Ok(scene.run.changes())
}

/// What [`restore`](super::restore) would delete with these options. In contrast to [`changes`] it looks only at the
/// names in the target.
///
/// # Errors
/// As for [`changes`].
pub fn deletions(catalog: &Catalog, options: &RestoreOptions, monitor: &dyn Monitor) -> Result<Named> {
    if !options.delete {
        return Ok(Named::default());
    }
    let dry = RestoreOptions { dry_run: true, ..options.clone() };
    let silent = Silent(monitor);
    let Scene { state, selection, run } = &Scene::new(catalog, &dry, &silent)?;
    let mut present = None;
    for folder in selection.folders(state) {
        let folder = folder?;
        check_interrupted(monitor)?;
        if present.as_ref() != Some(&folder.path) {
            prepare_folder(run, state, &folder)?;
            present = Some(folder.path.clone());
        }
        for row in folder.rows.iter().filter(|row| row.stat().is_some_and(|stat| stat.kind != Kind::Directory)) {
            let path = folder.child(row)?;
            if let Some(existing) = run.or_report(run.destination.stat(&path))?.flatten() {
                may_replace(run, &path, &existing)?;
            }
        }
    }
    for directory in selection.directories(state) {
        let directory = directory?;
        if state.in_directory(&directory).next().transpose()?.is_none() {
            delete_others(run, &directory, &|_| Ok(()))?;
        }
    }
    Ok(run.changes().deleted)
}

/// Drops all events, and asks whether to stop.
struct Silent<'m>(&'m dyn Monitor);

impl Monitor for Silent<'_> {
    fn event(&self, _event: Event<'_>) {}

    fn is_interrupted(&self) -> bool {
        self.0.is_interrupted()
    }
}
