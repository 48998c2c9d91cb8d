//! A verification in progress: what all stages share.

use super::affected;
use super::affected::Affected;
use super::affected::Damage;
use super::finding::ArchiveFile;
use super::finding::Fault;
use super::finding::sentence;
use super::history::History;
use super::report::VerifyReport;
use crate::archive::catalog::Catalog;
use crate::archive::listing::parse_index_name;
use crate::archive::open::Archive;
use crate::archive::open::BUNDLES;
use crate::archive::open::BundleFile;
use crate::archive::open::INDEX;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Notice;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPathBuf;
use crate::format::manifest::Head;
use crate::format::manifest::Tail;
use crate::system::store::Store;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The most foreign files that are named in a notice.
const FOREIGN_MAX: usize = 10;

/// A verification in progress.
pub(crate) struct Check<'a> {
    pub(super) archive: &'a Archive,
    pub(super) catalog: &'a Catalog<'a>,
    /// Every file in the index's directory, as it was before the bundles were listed.
    pub(super) index_files: Vec<String>,
    pub(super) monitor: &'a dyn Monitor,
    /// Every bundle that is there, with what its manifest told.
    pub(crate) examined: BTreeMap<BundleId, Examined>,
    /// Bundles that another bundle or the index knows of, and that are not there.
    pub(crate) missing: BTreeMap<BundleId, BundleName>,
    pub(crate) history: History<'a>,
    pub(crate) damages: Vec<Damage>,
    pub(super) entries: u64,
    pub(super) pruned: u64,
    pub(super) bytes: u64,
    /// How many bytes there are to read in all.
    pub(super) bytes_total: u64,
}

impl<'a> Check<'a> {
    pub(crate) fn archive(&self) -> &'a Archive {
        self.archive
    }

    pub(crate) fn catalog(&self) -> &'a Catalog<'a> {
        self.catalog
    }

    /// Whether bundle `id` was joined into a later one.
    pub(crate) fn is_joined(&self, id: BundleId) -> bool {
        let heads = self.examined.values().filter_map(|examined| examined.head.as_ref());
        heads.filter(|head| head.joined_from > 0).any(|head| head.joined_from <= id.number && id < head.id)
    }

    /// The last path of which the bundles of `number` say something, of directory and name.
    pub(super) fn last_path(&self, number: SnapshotNumber) -> Option<EntryPathBuf> {
        let parts = self.examined.values().rev().filter(|examined| examined.file.id().number == number);
        parts.map(|examined| examined.last_path.clone()).find(Option::is_some).flatten()
    }

    /// Whether the bundle after this place says that the one before it is its parent.
    pub(super) fn was_never_there(&self, id: BundleId) -> bool {
        let before = self.examined.range(..id).next_back().map(|(_, examined)| &examined.file.name);
        let after = self.examined.range(id..).next().and_then(|(_, examined)| examined.head.as_ref());
        after.is_some_and(|after| after.parent.as_ref().map(|parent| &parent.bundle) == before)
    }

    /// The renames of a snapshot, which each of its bundles says; `None`: none of them has a sound manifest.
    pub(crate) fn renames(&self, number: SnapshotNumber) -> Result<Option<Vec<(EntryPathBuf, EntryPathBuf)>>> {
        let all = self.examined.range(BundleId { number, part: 1 }..=BundleId { number, part: 0 });
        let sound = all.map(|(_, examined)| examined).find(|examined| examined.manifest.is_some());
        let manifest = sound.map(|sound| self.archive.bundle(&sound.file.name)?.manifest()).transpose()?;
        Ok(manifest.map(|mut manifest| manifest.take_moves()))
    }

    /// Whether no bundle of the same snapshot is known that stands before it.
    pub(crate) fn is_first_part(&self, id: BundleId) -> bool {
        let before = || BundleId { number: id.number, part: 1 }..id;
        self.examined.range(before()).next().is_none() && self.missing.range(before()).next().is_none()
    }

    pub(super) fn new(catalog: &'a Catalog<'a>, index_files: Vec<String>) -> Check<'a> {
        let (archive, monitor) = (catalog.archive(), catalog.monitor());
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
            pruned: 0,
            bytes: 0,
            bytes_total: 0,
        }
    }

    /// Reports what is not a file of an archive, or not yet. That is no damage.
    pub(super) fn foreign_files(&self) -> Result<()> {
        let store = self.archive.store();
        let is_bundle = |name: &str| BundleName::parse(name).is_some();
        let is_index = |name: &str| parse_index_name(name).is_some();
        self.notice_foreign(&**store, BUNDLES, &is_bundle)?;
        self.notice_foreign(&**store, INDEX, &is_index)?;
        let whole: BTreeSet<SnapshotNumber> = self.catalog.snapshots().collect();
        let parts: Vec<_> = self.catalog.bundles().filter(|file| !whole.contains(&file.id().number)).collect();
        if let Some(first) = parts.first() {
            let count = parts.len();
            self.monitor.event(Event::Notice(&Notice::UnfinishedParts { count, first: first.name.to_string() }));
        }
        Ok(())
    }

    /// Reports the bundles that claim the place of another one.
    pub(super) fn surplus(&mut self) {
        for name in self.catalog.surplus() {
            if let Ok(other) = self.catalog.name(name.id) {
                let fault = Fault::Surplus(other.clone());
                self.found(ArchiveFile::Bundle(name.clone()), fault, Affected::Nothing);
            }
        }
    }

    /// Checks that the marks of snapshots can be read.
    pub(super) fn marks(&mut self) -> Result<()> {
        match self.archive.marks() {
            Err(error) if error.is_damage() => {
                let fault = Fault::Marks(sentence(&error));
                self.found(ArchiveFile::Marks, fault, Affected::Nothing);
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        Ok(())
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

    /// Whether a snapshot was forgotten, as the marks or the bundles say.
    fn was_forgotten(&self, number: SnapshotNumber) -> bool {
        let heads = self.examined.values().filter_map(|examined| examined.head.as_ref());
        let mut pruned = heads.filter(|head| head.pruned_until > 0).map(|head| head.id.number..=head.pruned_until);
        let is_marked = || self.catalog.marks().forgotten.contains(&number);
        self.catalog.newest() != Some(number) && (pruned.any(|numbers| numbers.contains(&number)) || is_marked())
    }

    pub(super) fn found(&mut self, place: ArchiveFile, fault: Fault, affected: Affected) {
        self.damages.push(Damage { place, fault, affected });
    }

    pub(super) fn stop_if_interrupted(&self) -> Result<()> {
        check_interrupted(self.monitor)
    }

    pub(super) fn report(self) -> Result<VerifyReport> {
        let snapshots: Vec<SnapshotNumber> = self.catalog.snapshots().collect();
        let (mut findings, mut known_losses) = (Vec::new(), Vec::new());
        for (number, damage) in self.damages.iter().enumerate() {
            let finding = affected::finding(damage, &self.history, &snapshots)?;
            // A damaged frame of the manifest was reported as a damaged manifest or end.
            let tells = |other: &Damage| {
                other.place == damage.place && matches!(other.affected, Affected::Manifest(_) | Affected::Bytes { .. })
            };
            let is_bytes = matches!(damage.affected, Affected::Bytes { .. });
            let is_told = is_bytes && finding.impact.paths_total == 0 && self.damages[..number].iter().any(tells);
            if damage.fault.is_known_loss() {
                known_losses.push(finding);
            } else if !is_told {
                findings.push(finding);
            }
        }
        let forgotten = snapshots.iter().filter(|number| self.was_forgotten(**number)).count() as u64;
        Ok(VerifyReport {
            snapshots: snapshots.len() as u64 - forgotten,
            forgotten,
            bundles: self.examined.len() as u64,
            entries: self.entries,
            pruned: self.pruned,
            bytes: self.bytes,
            findings,
            known_losses,
        })
    }
}

/// Whether an error concerns the thing that was read only, so that the rest can still be looked at.
pub(super) fn is_about_the_file(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Damaged | ErrorKind::IndexDamaged | ErrorKind::Io | ErrorKind::NotFound | ErrorKind::TooNew
    )
}

/// What is known of a bundle from itself.
pub(crate) struct Examined {
    pub file: BundleFile,
    /// Its first line, if that could be read.
    pub head: Option<Head>,
    /// Its last line, without the problems, and its digest, if all of it was sound.
    pub manifest: Option<(Tail, Hash)>,
    /// Whether the bundle could be opened and is, as far as can be seen, the one that its name says.
    pub is_itself: bool,
    /// Its table of frames is damaged; its frames reach to this byte of the tar.
    pub cut_at: Option<u64>,
    /// How many contents are noted as lost.
    pub lost: u64,
    /// The path of its last change.
    pub last_path: Option<EntryPathBuf>,
}
