//! `verify`: whether an archive is as it was written, and what a damage affects. Reads only; repairs nothing.
//!
//! Four stages, each working on what the one before found intact: the files and manifests of the bundles and their
//! chain, the index against the manifests, with `data` every frame and every content, and last which snapshots and
//! files the damages affect.

mod affected;
mod bundles;
mod check;
mod copies;
mod data;
mod expected;
mod finding;
mod folders;
mod headers;
mod history;
mod index;
mod members_scan;
mod names;
mod options;
mod report;
mod script;

pub(crate) use self::affected::Damage;
pub(crate) use self::check::Check;
pub(crate) use self::check::Examined;
pub use self::finding::ArchiveFile;
pub use self::finding::Fault;
pub use self::finding::Finding;
pub use self::finding::Impact;
pub use self::finding::Members;
pub use self::finding::PATHS_MAX;
pub use self::finding::Witness;
pub use self::options::VerifyOptions;
pub use self::report::VerifyReport;

use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::archive::open::INDEX;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Phase;
use std::collections::BTreeSet;

/// Looks at all of an archive and says what is not as it was written.
///
/// # Errors
/// When the archive cannot be listed; [`ErrorKind::Interrupted`] when the monitor says so. Damage is no error.
pub fn verify(archive: &Archive, options: &VerifyOptions, monitor: &dyn Monitor) -> Result<VerifyReport> {
    // Listed before the bundles, which are written first: then a `create` that is running shows no damage.
    let index_files = index_files(archive)?;
    let catalog = archive.catalog(monitor)?;
    look(&catalog, index_files, options)?.report()
}

/// Reads all contents that were stored in these snapshots, and says what is not as it was written. What it looks at is only what
/// stands in their own bundles: it takes as long as reading those.
///
/// # Errors
/// As for [`verify`].
pub fn verify_snapshots(
    archive: &Archive,
    numbers: &BTreeSet<SnapshotNumber>,
    threads: usize,
    monitor: &dyn Monitor,
) -> Result<VerifyReport> {
    let catalog = archive.catalog(monitor)?;
    let mut check = Check::new(&catalog, Vec::new());
    monitor.event(Event::Phase(Phase::CheckingContents));
    bundles::examine_some(&mut check, numbers)?;
    data::read_all(&mut check, threads)?;
    check.report()
}

/// All files that are in the directory of the index.
///
/// # Errors
/// When it cannot be listed.
pub(crate) fn index_files(archive: &Archive) -> Result<Vec<String>> {
    match archive.store().list(INDEX) {
        // This user may not read it: as if there were no index.
        Err(error) if error.kind() == ErrorKind::RefusedBySystem => Ok(Vec::new()),
        listed => Ok(listed?.into_iter().map(|(name, _)| name).collect()),
    }
}

/// All stages but the last. `index_files` were listed before the catalog was made.
///
/// # Errors
/// As for [`verify`].
pub(crate) fn look<'a>(
    catalog: &'a Catalog<'a>,
    index_files: Vec<String>,
    options: &VerifyOptions,
) -> Result<Check<'a>> {
    let monitor = catalog.monitor();
    let mut check = Check::new(catalog, index_files);
    check.foreign_files()?;
    check.surplus();
    check.marks()?;
    monitor.event(Event::Phase(Phase::CheckingManifests));
    bundles::examine(&mut check)?;
    monitor.event(Event::Phase(Phase::CheckingIndex));
    index::compare(&mut check)?;
    if options.data {
        monitor.event(Event::Phase(Phase::CheckingContents));
        data::read_all(&mut check, options.threads)?;
    }
    Ok(check)
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
