//! What a restore with `delete` would delete, found out without reading a content.

use super::context::RestoreContext;
use super::options::RestoreOptions;
use super::report::Deletions;
use super::selection::selected;
use super::target::open_destination;
use super::walk::delete_others;
use super::walk::prepare_folder;
use crate::archive::catalog::Catalog;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;

/// What [`restore`](super::restore) would delete with these options: looks at the names in the target only. Problems are not
/// told: they are when it is really done.
///
/// # Errors
/// As for [`restore`](super::restore), before anything is written.
pub fn deletions(catalog: &Catalog, options: &RestoreOptions) -> Result<Deletions> {
    if !options.delete {
        return Ok(Deletions::default());
    }
    let dry = RestoreOptions { dry_run: true, ..options.clone() };
    let (state, selection, _) = selected(catalog, &dry)?;
    let run = RestoreContext::new(catalog, &dry, &Silent, open_destination(&dry)?, 0);
    let Some(destination) = &run.destination else { return Ok(Deletions::default()) };
    let mut present = None;
    for folder in selection.folders(&state) {
        let folder = folder?;
        if present.as_ref() != Some(&folder.path) {
            prepare_folder(&run, &state, &folder)?;
            present = Some(folder.path.clone());
        }
        for row in folder.rows.iter().filter(|row| row.stat().is_some_and(|stat| stat.kind != Kind::Directory)) {
            let path = folder.child(row)?;
            if let Some(existing) = run.or_report(destination.stat(&path))?.flatten() {
                run.may_replace(destination, &path, &existing)?;
            }
        }
    }
    for directory in selection.directories(&state) {
        let directory = directory?;
        if state.in_directory(&directory).next().transpose()?.is_none() {
            delete_others(&run, &directory, &|_| Ok(()))?;
        }
    }
    Ok(run.deletions())
}

struct Silent;

impl Monitor for Silent {
    fn event(&self, _event: Event<'_>) {}
}
