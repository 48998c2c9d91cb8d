//! `erase`: contents that should never have been saved go from every snapshot. Names stay.

use crate::archive::catalog::Catalog;
use crate::archive::hollow::Hollowing;
use crate::archive::liveness::Unneeded;
use crate::archive::open::Archive;
use crate::archive::open::DAMAGED;
use crate::archive::replay::IndexRow;
use crate::archive::reserve;
use crate::archive::state::Rows;
use crate::archive::state::State;
use crate::base::entry::Entry;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::error::Subject;
use crate::base::id::BundleId;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Phase;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::time::Time;
use crate::system::store::Lease;
use crate::verbs::prune::Parents;
use crate::verbs::prune::make_hollow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashSet;

/// The most paths that are named in a plan.
pub const PATHS_MAX: usize = 1000;

/// The most contents that are erased at once.
const CONTENTS_MAX: usize = 1 << 20;

/// What would be erased.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ErasePlan {
    /// The files that were at the paths or below them in any snapshot, the first [`PATHS_MAX`].
    pub paths: Vec<EntryPathBuf>,
    /// How many these are.
    pub paths_total: u64,
    /// How many contents go.
    pub contents: u64,
    /// Other paths that have a content which would go: second names of the same files. The first [`PATHS_MAX`]. They must be
    /// named, too.
    pub other_names: Vec<EntryPathBuf>,
    /// Other paths at which the same bytes were saved on their own: they stay. The first [`PATHS_MAX`].
    pub other_copies: Vec<EntryPathBuf>,
    /// Whether there are files in the folder `damaged`, which may have the contents.
    pub has_set_aside: bool,
    bundles: BTreeMap<BundleId, BTreeSet<Unneeded>>,
}

/// What of the archive is at these paths and below them, in any snapshot, be it forgotten or not.
///
/// # Errors
/// [`ErrorKind::NotFound`] when no file was ever there; [`ErrorKind::Refused`] when there are too many, or one has a version that
/// is stored as changes of an older one;
/// [`ErrorKind::Interrupted`] when the monitor asks to stop; otherwise when the archive cannot be read.
pub fn plan_erase(archive: &Archive, paths: &[EntryPathBuf], monitor: &dyn Monitor) -> Result<ErasePlan> {
    monitor.event(Event::Phase(Phase::FindingUnused));
    let catalog = archive.catalog(monitor)?;
    let mut found = Found::default();
    for_each_file(&catalog, monitor, &mut |path, entry| {
        if paths.iter().any(|top| is_at(path, top)) { found.add(path, entry) } else { Ok(()) }
    })?;
    if let Some(path) = paths.first().filter(|_| found.paths.is_empty()) {
        let what = format!("no content of {path} is in any snapshot");
        return Err(Error::new(ErrorKind::NotFound, what).about(Subject::Entry(path.clone())));
    }
    let (mut other_names, mut other_copies) = (BTreeSet::new(), BTreeSet::new());
    for_each_file(&catalog, monitor, &mut |path, entry| {
        if !paths.iter().any(|top| is_at(path, top)) {
            if found.has_place(entry) {
                note(&mut other_names, path);
            } else if found.has_hash(entry) {
                note(&mut other_copies, path);
            }
        }
        Ok(())
    })?;
    let contents = found.bundles.values().map(|contents| contents.len() as u64).sum();
    let paths_total = found.paths.len() as u64;
    Ok(ErasePlan {
        paths: found.paths.into_iter().take(PATHS_MAX).collect(),
        paths_total,
        contents,
        other_names: other_names.into_iter().collect(),
        other_copies: other_copies.into_iter().collect(),
        has_set_aside: !archive.store().list(DAMAGED)?.is_empty(),
        bundles: found.bundles,
    })
}

/// Erases what a plan says, which was made of the archive as it is; how many bytes came back. It cannot be undone.
///
/// # Errors
/// [`ErrorKind::Refused`] when some contents have other names, or the archive is not as it was; [`ErrorKind::Locked`] when another
/// process is writing; [`ErrorKind::Damaged`] when a bundle must be repaired first; [`ErrorKind::Interrupted`]; otherwise when
/// the archive cannot be read or written. What was done until then stays.
pub fn erase(archive: &Archive, paths: &[EntryPathBuf], plan: &ErasePlan, monitor: &dyn Monitor) -> Result<u64> {
    let lease = archive.lock(Time::now())?;
    let now = plan_erase(archive, paths, monitor)?;
    if now != *plan || !plan.other_names.is_empty() {
        let what = "what would be erased is not what it was a moment ago, or has other names";
        return Err(Error::new(ErrorKind::Refused, what));
    }
    reserve::give_up(archive)?;
    let erased = erase_bundles(archive, plan, &*lease, monitor);
    let catalog = archive.catalog_for_writing(monitor)?;
    let indexed = catalog.state(catalog.highest());
    reserve::keep(archive);
    let bytes = erased?;
    indexed.map(|_| bytes)
}

fn erase_bundles(archive: &Archive, plan: &ErasePlan, lease: &dyn Lease, monitor: &dyn Monitor) -> Result<u64> {
    let catalog = archive.catalog_for_writing(monitor)?;
    let (parents, mut bytes) = (Parents::of(&catalog), 0);
    let lengths: BTreeMap<BundleId, u64> = catalog.bundles().map(|file| (file.id(), file.bytes)).collect();
    monitor.event(Event::Phase(Phase::Pruning));
    for (id, contents) in plan.bundles.iter().rev() {
        let (name, contents) = (catalog.name(*id)?, contents.iter().copied().collect::<Vec<_>>());
        let mut reader = archive.bundle(name)?.manifest()?;
        while reader.next_change()?.is_some() {}
        let stands_for = parents.named(archive, name).unwrap_or(reader.digest());
        let hollowing = Hollowing { bundle: name, contents: &contents, pruned_until: SnapshotNumber::NONE, stands_for };
        let now = make_hollow(archive, &hollowing, Some(lease), monitor)?;
        bytes += lengths.get(id).map_or(0, |before| before.saturating_sub(now));
    }
    Ok(bytes)
}

/// What was found at the paths.
#[derive(Default)]
struct Found {
    paths: BTreeSet<EntryPathBuf>,
    bundles: BTreeMap<BundleId, BTreeSet<Unneeded>>,
    hashes: HashSet<(Hash, u64)>,
    count: usize,
}

impl Found {
    fn add(&mut self, path: &EntryPath, entry: &Entry) -> Result<()> {
        let Some(content) = &entry.content else { return Ok(()) };
        if content.patch.is_some() {
            let what = format!("{path} cannot be erased: a version of it is stored as changes of an older one");
            return Err(Error::new(ErrorKind::Refused, what).about(Subject::Entry(path.to_owned())));
        }
        let (place, size) = (content.place, entry.stat.size);
        // Of what is made from an older content only what changed stands in its bundle, which may be nothing.
        let stored = Unneeded { offset: place.offset, size: content.stored_bytes(size) };
        let is_new = stored.size > 0 && self.bundles.entry(place.bundle).or_default().insert(stored);
        self.hashes.insert((content.hash, size));
        self.paths.insert(path.to_owned());
        self.count += usize::from(is_new);
        if self.count > CONTENTS_MAX {
            let what = format!("more than {CONTENTS_MAX} contents would be erased: name less at once");
            return Err(Error::new(ErrorKind::Refused, what));
        }
        Ok(())
    }

    fn has_place(&self, entry: &Entry) -> bool {
        entry.content.as_ref().is_some_and(|content| {
            let contents = self.bundles.get(&content.place.bundle);
            let wanted = Unneeded { offset: content.place.offset, size: content.stored_bytes(entry.stat.size) };
            contents.is_some_and(|contents| contents.contains(&wanted))
        })
    }

    fn has_hash(&self, entry: &Entry) -> bool {
        entry.content.as_ref().is_some_and(|content| self.hashes.contains(&(content.hash, entry.stat.size)))
    }
}

fn is_at(path: &EntryPath, top: &EntryPath) -> bool {
    path == top || path.is_in(top)
}

fn note(paths: &mut BTreeSet<EntryPathBuf>, path: &EntryPath) {
    if paths.len() < PATHS_MAX {
        paths.insert(path.to_owned());
    }
}

/// Calls `visit` with each file that has a content in the archive, once for each index file that has a row of it.
fn for_each_file(
    catalog: &Catalog,
    monitor: &dyn Monitor,
    visit: &mut dyn FnMut(&EntryPath, &Entry) -> Result<()>,
) -> Result<()> {
    let mut numbers: Vec<SnapshotNumber> = catalog.bundles().map(|file| file.id().number).collect();
    numbers.dedup();
    for number in numbers {
        let state = catalog.state(number)?;
        // There may be more snapshots than files can be open.
        catalog.close_all_but(&state);
        let own = State::new(state.layers().first().cloned().into_iter().collect());
        let mut rows = Rows::new(own.groups_and_gone(EntryPath::root()));
        while let Some(row) = rows.take()? {
            check_interrupted(monitor)?;
            let IndexRow { path, entry } = IndexRow::of(row)?;
            let is_there = |entry: &Entry| {
                entry.stat.size > 0 && entry.content.as_ref().is_some_and(|content| content.place.is_there())
            };
            if let Some(entry) = entry.filter(is_there) {
                visit(&path, &entry)?;
            }
        }
    }
    Ok(())
}
