//! `verify`: whether an archive is as it was written, and what a damage touches. Reads only; mends nothing.
//!
//! Four looks, each at what the one before found sound: the files and manifests of the bundles and their chain, the index
//! against the manifests, with `data` every frame and every content, and last which snapshots and files the damages touch.

mod bundles;
mod data;
mod expected;
mod finding;
mod history;
mod touched;

pub(crate) use self::bundles::Examined;
pub use self::finding::ArchiveFile;
pub use self::finding::Fault;
pub use self::finding::Finding;
pub use self::finding::Impact;
pub use self::finding::Members;
pub use self::finding::Witness;
pub(crate) use self::history::History;
pub(crate) use self::touched::Damage;
pub(crate) use self::touched::Touched;

use crate::archive::catalog::Catalog;
use crate::archive::listing::parse_index_name;
use crate::archive::open::Archive;
use crate::archive::open::BUNDLES;
use crate::archive::open::INDEX;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Number;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Notice;
use crate::base::monitor::Phase;
use crate::base::monitor::check_interrupted;
use crate::system::store::Store;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The most paths that are named for one finding.
pub const PATHS_MAX: usize = 1000;

/// The most foreign files that are named in a notice.
const FOREIGN_MAX: usize = 10;

/// How to verify.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VerifyOptions {
    /// Whether every frame is decompressed and every content's hash checked. Default: no.
    pub data: bool,
    /// How many threads decompress; 0, the default: as many as there are cores.
    pub threads: usize,
}

/// What was looked at, and what was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VerifyReport {
    /// How many snapshots there are.
    pub snapshots: u64,
    /// How many bundles there are.
    pub bundles: u64,
    /// How many lines of manifests were checked: each is one version of an entry.
    pub entries: u64,
    /// How many bytes of bundles were read and checked; 0 without `data`.
    pub bytes: u64,
    /// All damages but the losses that are known.
    pub findings: Vec<Finding>,
    /// What a repair noted as lost: nothing more can be done about it, but to save it again.
    pub known_losses: Vec<Finding>,
}

/// Looks at all of an archive and says what is not as it was written.
///
/// # Errors
/// When the archive cannot be listed; [`ErrorKind::Interrupted`] when the monitor says so. Damage is no error.
pub fn verify(archive: &Archive, options: &VerifyOptions, monitor: &dyn Monitor) -> Result<VerifyReport> {
    // Before the bundles, which are written before it: a create that is at work is then no damage.
    let index_files = index_files(archive)?;
    let catalog = archive.catalog(monitor)?;
    look(archive, &catalog, index_files, options, monitor)?.report()
}

/// All files that are in the directory of the index.
///
/// # Errors
/// When it cannot be listed.
pub(crate) fn index_files(archive: &Archive) -> Result<Vec<String>> {
    match archive.store().list(INDEX) {
        // What may not be read is a shortcut that is missing.
        Err(error) if error.kind() == ErrorKind::RefusedBySystem => Ok(Vec::new()),
        listed => Ok(listed?.into_iter().map(|(name, _)| name).collect()),
    }
}

/// All looks but the last. `index_files` were listed before the catalog was made.
///
/// # Errors
/// As for [`verify`].
pub(crate) fn look<'a>(
    archive: &'a Archive,
    catalog: &'a Catalog<'a>,
    index_files: Vec<String>,
    options: &VerifyOptions,
    monitor: &'a dyn Monitor,
) -> Result<Check<'a>> {
    let mut check = Check::new(archive, catalog, index_files, monitor);
    check.foreign_files()?;
    check.surplus();
    monitor.event(Event::Phase(Phase::CheckingManifests));
    bundles::examine(&mut check)?;
    monitor.event(Event::Phase(Phase::CheckingIndex));
    history::compare(&mut check)?;
    if options.data {
        monitor.event(Event::Phase(Phase::CheckingContents));
        data::read_all(&mut check, options.threads)?;
    }
    Ok(check)
}

/// A verification on its way.
pub(crate) struct Check<'a> {
    archive: &'a Archive,
    catalog: &'a Catalog<'a>,
    /// Every file in the index's directory, as it was before the bundles were listed.
    index_files: Vec<String>,
    monitor: &'a dyn Monitor,
    /// Every bundle that is there, with what its manifest told.
    pub(crate) examined: BTreeMap<BundleId, Examined>,
    /// Bundles that another bundle or the index knows of, and that are not there.
    pub(crate) missing: BTreeMap<BundleId, BundleName>,
    pub(crate) history: History<'a>,
    pub(crate) damages: Vec<Damage>,
    entries: u64,
    bytes: u64,
}

impl<'a> Check<'a> {
    pub(crate) fn archive(&self) -> &'a Archive {
        self.archive
    }

    pub(crate) fn catalog(&self) -> &'a Catalog<'a> {
        self.catalog
    }

    fn new(
        archive: &'a Archive,
        catalog: &'a Catalog<'a>,
        index_files: Vec<String>,
        monitor: &'a dyn Monitor,
    ) -> Check<'a> {
        Check {
            archive,
            catalog,
            index_files,
            monitor,
            examined: BTreeMap::new(),
            missing: BTreeMap::new(),
            history: History::new(archive),
            damages: Vec::new(),
            entries: 0,
            bytes: 0,
        }
    }

    /// Names what is no file of an archive, or not yet: no damage.
    fn foreign_files(&self) -> Result<()> {
        let store = self.archive.store();
        let is_bundle = |name: &str| BundleName::parse(name).is_some();
        let is_index = |name: &str| parse_index_name(name).is_some();
        self.notice_foreign(&**store, BUNDLES, &is_bundle)?;
        self.notice_foreign(&**store, INDEX, &is_index)?;
        let whole: BTreeSet<Number> = self.catalog.snapshots().collect();
        let parts: Vec<_> = self.catalog.bundles().filter(|file| !whole.contains(&file.id().number)).collect();
        if let Some(first) = parts.first() {
            let count = parts.len();
            self.monitor.event(Event::Notice(&Notice::UnfinishedParts { count, first: first.name.to_string() }));
        }
        Ok(())
    }

    /// Names the bundles that claim the place of another one.
    fn surplus(&mut self) {
        for name in self.catalog.surplus() {
            if let Ok(other) = self.catalog.name(name.id) {
                let fault = Fault::Surplus(other.clone());
                self.found(ArchiveFile::Bundle(name.clone()), fault, Touched::Nothing);
            }
        }
    }

    fn notice_foreign(&self, store: &dyn Store, directory: &'static str, is_ours: &dyn Fn(&str) -> bool) -> Result<()> {
        let names: Vec<String> = store.list(directory)?.into_iter().map(|(name, _)| name).collect();
        let foreign: Vec<&String> = names.iter().filter(|name| !is_ours(name)).collect();
        for name in foreign.iter().take(FOREIGN_MAX) {
            self.monitor.event(Event::Notice(&Notice::ForeignFile { file: format!("{directory}/{name}") }));
        }
        if foreign.len() > FOREIGN_MAX {
            let count = foreign.len() - FOREIGN_MAX;
            self.monitor.event(Event::Notice(&Notice::MoreForeignFiles { count, directory }));
        }
        Ok(())
    }

    fn found(&mut self, place: ArchiveFile, fault: Fault, touched: Touched) {
        self.damages.push(Damage { place, fault, touched });
    }

    fn stop_if_interrupted(&self) -> Result<()> {
        check_interrupted(self.monitor)
    }

    fn report(self) -> Result<VerifyReport> {
        let snapshots: Vec<Number> = self.catalog.snapshots().collect();
        let (mut findings, mut known_losses) = (Vec::new(), Vec::new());
        for (number, damage) in self.damages.iter().enumerate() {
            let finding = touched::finding(damage, &self.history, &snapshots)?;
            // A damaged frame of the manifest was told as a damaged manifest or end.
            let tells = |other: &Damage| {
                other.place == damage.place && matches!(other.touched, Touched::Manifest(_) | Touched::Bytes { .. })
            };
            let is_bytes = matches!(damage.touched, Touched::Bytes { .. });
            let is_told = is_bytes && finding.impact.paths_total == 0 && self.damages[..number].iter().any(tells);
            if damage.fault.is_known_loss() {
                known_losses.push(finding);
            } else if !is_told {
                findings.push(finding);
            }
        }
        Ok(VerifyReport {
            snapshots: snapshots.len() as u64,
            bundles: self.examined.len() as u64,
            entries: self.entries,
            bytes: self.bytes,
            findings,
            known_losses,
        })
    }
}

/// Whether an error concerns the thing that was read only, so that the rest can still be looked at.
fn is_about_the_file(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Damaged | ErrorKind::IndexDamaged | ErrorKind::Io | ErrorKind::NotFound | ErrorKind::TooNew
    )
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
