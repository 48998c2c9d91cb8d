//! `erase`: contents that should never have been saved go from every snapshot; their names only where that is wanted.

use crate::archive::catalog::Catalog;
use crate::archive::fitting::Fitting;
use crate::archive::hollow::Hollowing;
use crate::archive::liveness::Unneeded;
use crate::archive::open::Archive;
use crate::archive::open::DAMAGED;
use crate::archive::replay::IndexRow;
use crate::archive::reserve;
use crate::archive::state::Rows;
use crate::archive::state::State;
use crate::archive::strip;
use crate::archive::strip::Between;
use crate::archive::strip::Stripping;
use crate::archive::strip::is_one_of;
use crate::archive::strip::moved_across;
use crate::base::advice::Advice;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
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
use crate::base::path::printable;
use crate::base::time::Time;
use crate::system::store::Lease;
use crate::verbs::prune::Parents;
use crate::verbs::prune::Placing;
use crate::verbs::prune::make_index;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashSet;

/// The most paths that are named in a plan.
pub const PATHS_MAX: usize = 1000;

/// The most contents that are erased at once.
const CONTENTS_MAX: usize = 1 << 20;

/// What is erased.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EraseOptions {
    /// The files, and folders with all that is in them.
    pub paths: Vec<EntryPathBuf>,
    /// Whether their names go, too.
    pub names: bool,
}

/// What would be erased.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ErasePlan {
    /// Whether names go, too.
    pub names: bool,
    /// The files that were at the paths or below them in any snapshot, and all else that was there where names go; the first
    /// [`PATHS_MAX`].
    pub paths: Vec<EntryPathBuf>,
    /// How many these are.
    pub paths_total: u64,
    /// How many contents go.
    pub contents: u64,
    /// Other paths that have a content which would go, or one that is made from it: second names of the same files, and where they
    /// were before they moved or after. The first [`PATHS_MAX`]. They must be named, too.
    pub other_names: Vec<EntryPathBuf>,
    /// Other paths at which the same bytes were saved on their own: they stay. The first [`PATHS_MAX`].
    pub other_copies: Vec<EntryPathBuf>,
    /// Whether there are files in the folder `damaged`, which may have the contents.
    pub has_set_aside: bool,
    bundles: BTreeMap<BundleId, BTreeSet<Unneeded>>,
    /// The bundles of which members go, and not only contents.
    stripped: BTreeSet<BundleId>,
}

/// The paths that match a pattern in any snapshot, forgotten ones too, ascending.
///
/// # Errors
/// [`ErrorKind::NotFound`] when none does; [`ErrorKind::Refused`] when the pattern is invalid, or too many paths match;
/// [`ErrorKind::Interrupted`] when the monitor asks to stop; otherwise when the archive cannot be read.
pub fn paths_that_fit(archive: &Archive, pattern: &[u8], monitor: &dyn Monitor) -> Result<Vec<EntryPathBuf>> {
    let mut fitting = Fitting::new(pattern)?;
    let catalog = archive.catalog(monitor)?;
    for_each_entry(&catalog, monitor, &mut |path, entry| fitting.see(path, entry.stat.kind == Kind::Directory))?;
    let found = fitting.found();
    if found.is_empty() {
        let error = Error::new(ErrorKind::NotFound, format!("nothing in any snapshot fits '{}'", printable(pattern)));
        return Err(error.with_advice(Advice::FindPath));
    }
    Ok(found)
}

/// Plans to erase what is at these paths and below them, in any snapshot, forgotten ones too.
///
/// # Errors
/// [`ErrorKind::NotFound`] when nothing was ever there; [`ErrorKind::Refused`] when there are too many, or a source as a whole should
/// lose its name;
/// [`ErrorKind::Interrupted`] when the monitor asks to stop; otherwise when the archive cannot be read.
pub fn plan_erase(archive: &Archive, options: &EraseOptions, monitor: &dyn Monitor) -> Result<ErasePlan> {
    monitor.event(Event::Phase(Phase::FindingUnused));
    let catalog = archive.catalog(monitor)?;
    let paths = &options.paths;
    if let Some(top) = paths.iter().find(|path| options.names && path.parent().is_none_or(EntryPath::is_root)) {
        let what = format!("the name of {top} cannot be erased: it is that of a source, which every snapshot names");
        return Err(Error::new(ErrorKind::Refused, what).about(Subject::Entry(top.clone())));
    }
    let mut found = ToErase::default();
    for_each_entry(&catalog, monitor, &mut |path, entry| {
        if is_one_of(paths, path) && (options.names || has_content(entry)) { found.add(path, entry) } else { Ok(()) }
    })?;
    if let Some(path) = paths.first().filter(|_| found.paths.is_empty()) {
        let of = if options.names { "nothing" } else { "no content" };
        let what = format!("{of} of {path} is in any snapshot");
        let error = Error::new(ErrorKind::NotFound, what).about(Subject::Entry(path.clone()));
        return Err(error.with_advice(Advice::FindPath));
    }
    let (mut other_names, mut other_copies) = (BTreeSet::new(), BTreeSet::new());
    for_each_entry(&catalog, monitor, &mut |path, entry| {
        if has_content(entry) && !is_one_of(paths, path) {
            if found.is_needed_for(entry) {
                note(&mut other_names, path);
            } else if found.has_hash(entry) {
                note(&mut other_copies, path);
            }
        }
        Ok(())
    })?;
    if options.names {
        add_bundles_with_names(&catalog, paths, &mut found, &mut other_names)?;
    }
    let contents = found.bundles.values().map(|contents| contents.len() as u64).sum();
    let paths_total = found.paths.len() as u64;
    Ok(ErasePlan {
        names: options.names,
        paths: found.paths.into_iter().take(PATHS_MAX).collect(),
        paths_total,
        contents,
        other_names: other_names.into_iter().collect(),
        other_copies: other_copies.into_iter().collect(),
        has_set_aside: !archive.store().list(DAMAGED)?.is_empty(),
        bundles: found.bundles,
        stripped: found.stripped,
    })
}

/// Finds the bundles in which these names stand: in lines, in renames, and in lists of all names of the folders that they are in.
fn add_bundles_with_names(
    catalog: &Catalog,
    paths: &[EntryPathBuf],
    found: &mut ToErase,
    other_names: &mut BTreeSet<EntryPathBuf>,
) -> Result<()> {
    let folders: Vec<&EntryPath> = paths.iter().filter_map(|path| path.parent()).collect();
    for file in catalog.bundles() {
        let mut reader = catalog.archive().bundle(&file.name)?.manifest()?;
        let moves = reader.take_moves();
        let mut has_names = !moves.is_empty();
        if let Some(other) = moved_across(paths, &moves) {
            note(other_names, &other);
        }
        while let Some(change) = reader.next_change()? {
            let is_beside = change.path.parent().is_some_and(|folder| folders.contains(&folder));
            has_names |= is_beside || folders.contains(&&*change.path) || is_one_of(paths, &change.path);
        }
        if has_names {
            found.stripped.insert(file.id());
        }
    }
    Ok(())
}

/// Erases what a plan says, which must be of the archive as it is. Returns how many bytes were freed. It cannot be
/// undone.
///
/// # Errors
/// [`ErrorKind::Refused`] when some contents have other names, or the archive is not as it was; [`ErrorKind::Locked`] when another
/// process is writing; [`ErrorKind::Damaged`] when a bundle must be repaired first; [`ErrorKind::Interrupted`]; otherwise when
/// the archive cannot be read or written. What was done until then stays.
pub fn erase(archive: &Archive, options: &EraseOptions, plan: &ErasePlan, monitor: &dyn Monitor) -> Result<u64> {
    let lease = archive.lock(Time::now())?;
    let now = plan_erase(archive, options, monitor)?;
    if now != *plan || !plan.other_names.is_empty() {
        let what = "what would be erased is not what it was a moment ago, or has other names";
        return Err(Error::new(ErrorKind::Refused, what));
    }
    reserve::give_up(archive)?;
    let names: &[EntryPathBuf] = if plan.names { &options.paths } else { &[] };
    let erased = erase_bundles(archive, (plan, names), &*lease, monitor);
    let indexed = make_index(archive, monitor);
    reserve::keep_some(archive);
    let bytes = erased?;
    indexed.map(|()| bytes)
}

fn erase_bundles(
    archive: &Archive,
    (plan, names): (&ErasePlan, &[EntryPathBuf]),
    lease: &dyn Lease,
    monitor: &dyn Monitor,
) -> Result<u64> {
    let catalog = archive.catalog_for_writing(monitor)?;
    let mut eraser =
        Eraser { catalog: &catalog, plan, names, lease, monitor, parents: Parents::of(&catalog), between: None };
    let lengths: BTreeMap<BundleId, u64> = catalog.bundles().map(|file| (file.id(), file.bytes)).collect();
    let touched: BTreeSet<BundleId> = plan.bundles.keys().chain(&plan.stripped).copied().collect();
    monitor.event(Event::Phase(Phase::Pruning));
    let mut bytes = 0;
    for id in touched.iter().rev() {
        let now = eraser.bundle(*id)?;
        bytes += lengths.get(id).map_or(0, |before| before.saturating_sub(now));
    }
    Ok(bytes)
}

/// Takes what is erased out of bundles, the newest first.
struct Eraser<'a> {
    catalog: &'a Catalog<'a>,
    plan: &'a ErasePlan,
    names: &'a [EntryPathBuf],
    lease: &'a dyn Lease,
    monitor: &'a dyn Monitor,
    parents: Parents,
    /// The states before and after the snapshot whose bundles are being rewritten: they must be read before the index
    /// is removed.
    between: Option<(SnapshotNumber, Between)>,
}

impl Eraser<'_> {
    /// Rewrites one bundle; returns its length.
    fn bundle(&mut self, id: BundleId) -> Result<u64> {
        let (archive, name) = (self.catalog.archive(), self.catalog.name(id)?);
        let mut reader = archive.bundle(name)?.manifest()?;
        while reader.next_change()?.is_some() {}
        let stands_for = self.parents.named(archive, name).unwrap_or(reader.digest());
        let contents = self.plan.bundles.get(&id).cloned().unwrap_or_default();
        let placing = Placing { archive, lease: Some(self.lease), monitor: self.monitor };
        if !self.has_stripped(id.number) {
            let contents: Vec<Unneeded> = contents.into_iter().collect();
            let hollowing =
                Hollowing { bundle: name, contents: &contents, pruned_until: SnapshotNumber::NONE, stands_for };
            return placing.make_hollow(&hollowing, &|| Ok(()));
        }
        let between = match self.between.take().filter(|(number, _)| *number == id.number) {
            Some((_, between)) => between,
            None => self.states_around(id.number)?,
        };
        let offsets = contents.iter().map(|content| content.offset).collect();
        let stripping = Stripping { offsets, names: self.names, stands_for };
        let published = strip::write(self.catalog, name, (&stripping, &between), self.monitor)?;
        placing.put(name, &|| Ok(()))?;
        self.between = Some((id.number, between));
        Ok(published.bytes)
    }

    /// Whether a bundle of this number is rewritten from its lines. Then all affected ones are, since its index is gone
    /// after the first.
    fn has_stripped(&self, number: SnapshotNumber) -> bool {
        self.plan.stripped.iter().any(|id| id.number == number)
    }

    fn states_around(&self, number: SnapshotNumber) -> Result<Between> {
        let before = self.catalog.bundles().map(|file| file.id().number).take_while(|other| *other < number).last();
        let before = self.catalog.state(before.unwrap_or(SnapshotNumber::NONE))?;
        Ok(Between { before, after: self.catalog.state(number)? })
    }
}

/// What was found at the paths.
#[derive(Default)]
struct ToErase {
    paths: BTreeSet<EntryPathBuf>,
    bundles: BTreeMap<BundleId, BTreeSet<Unneeded>>,
    stripped: BTreeSet<BundleId>,
    hashes: HashSet<(Hash, u64)>,
    count: usize,
}

impl ToErase {
    fn add(&mut self, path: &EntryPath, entry: &Entry) -> Result<()> {
        self.paths.insert(path.to_owned());
        let Some(content) = entry.content.as_ref().filter(|_| has_content(entry)) else { return Ok(()) };
        let (place, size) = (content.place, entry.stat.size);
        if content.patch.is_some() {
            self.stripped.insert(place.bundle);
        }
        // Of what is made from an older content only what changed stands in its bundle, which may be nothing.
        let stored = Unneeded { offset: place.offset, size: content.stored_bytes(size) };
        let is_new = self.bundles.entry(place.bundle).or_default().insert(stored);
        self.hashes.insert((content.hash, size));
        self.count += usize::from(is_new);
        if self.count > CONTENTS_MAX {
            let what = format!("more than {CONTENTS_MAX} contents would be erased: name less at once");
            return Err(Error::new(ErrorKind::Refused, what));
        }
        Ok(())
    }

    /// Whether a content goes, or one from which it is made.
    fn is_needed_for(&self, entry: &Entry) -> bool {
        let own = entry.content.as_ref();
        let mut chain = std::iter::successors(own, |content| content.patch.as_deref().map(|patch| &patch.base));
        chain.any(|content| {
            let from = Unneeded { offset: content.place.offset, size: 0 };
            let contents = self.bundles.get(&content.place.bundle);
            let next = contents.and_then(|contents| contents.range(from..).next());
            next.is_some_and(|next| next.offset == content.place.offset)
        })
    }

    fn has_hash(&self, entry: &Entry) -> bool {
        entry.content.as_ref().is_some_and(|content| self.hashes.contains(&(content.hash, entry.stat.size)))
    }
}

fn has_content(entry: &Entry) -> bool {
    entry.stat.size > 0 && entry.content.as_ref().is_some_and(|content| content.place.is_there())
}

fn note(paths: &mut BTreeSet<EntryPathBuf>, path: &EntryPath) {
    if paths.len() < PATHS_MAX {
        paths.insert(path.to_owned());
    }
}

/// Calls `visit` with each entry, once for each index file that has a row of it.
fn for_each_entry(
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
            if let Some(entry) = entry {
                visit(&path, &entry)?;
            }
        }
    }
    Ok(())
}
