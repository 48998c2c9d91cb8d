//! What bundles there are at a moment, and the states they make up: index files opened, checked, and made again from the
//! manifests where they are missing, old or damaged.

use crate::archive::listing::ArchiveFiles;
use crate::archive::listing::ListedFor;
use crate::archive::open::Archive;
use crate::archive::open::BundleFile;
use crate::archive::open::INDEX;
use crate::archive::replay;
use crate::archive::replay::Changes;
use crate::archive::replay::IndexRows;
use crate::archive::replay::NotFound;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::concurrency::Guard;
use crate::base::concurrency::Lock;
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
use crate::base::snapshot::Standing;
use crate::base::snapshot::Summary;
use crate::base::snapshot::forgotten;
use crate::base::snapshot::no_snapshot;
use crate::format::index::BundleRecord;
use crate::format::index::IndexFile;
use crate::format::manifest::Parent;
use crate::format::marks::Marks;
use crate::system::store::Scratch;
use crate::system::store::Store;
use crate::system::store::Upload;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::OnceLock;

/// The error for a bundle that is not there.
pub(super) fn missing(id: BundleId) -> Error {
    let part = if id.part == 0 { String::new() } else { format!(", part {}", id.part) };
    Error::new(ErrorKind::NotFound, format!("the bundle of snapshot {}{part} is missing from the archive", id.number))
}

/// The bundles of an archive at a moment.
pub struct Catalog<'a> {
    archive: &'a Archive,
    monitor: &'a dyn Monitor,
    use_for: ListedFor,
    bundles: BTreeMap<BundleId, BundleFile>,
    surplus: Vec<BundleName>,
    missing_at_end: Vec<BundleName>,
    /// What a person said of snapshots; nothing where that cannot be read.
    marks: Marks,
    files: Lock<HashMap<SnapshotNumber, Arc<IndexFile>>>,
    /// Held while index files are opened and made: none is made twice.
    making: Lock<()>,
    /// Numbers whose index file in the archive is damaged, until it is made again.
    distrusted: Lock<HashSet<SnapshotNumber>>,
    /// Where index files are made when the archive cannot be written.
    scratch: OnceLock<Scratch>,
}

impl Archive {
    /// What bundles there are now.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn catalog<'a>(&'a self, monitor: &'a dyn Monitor) -> Result<Catalog<'a>> {
        Catalog::new(self, monitor, ListedFor::Reading)
    }

    /// What bundles there are now, for a writer, who builds on them.
    ///
    /// # Errors
    /// As for [`Archive::catalog`]; [`ErrorKind::Damaged`] when two bundles claim one place in the history, or when the newest are
    /// missing.
    pub fn catalog_for_writing<'a>(&'a self, monitor: &'a dyn Monitor) -> Result<Catalog<'a>> {
        Catalog::new(self, monitor, ListedFor::Writing)
    }
}

impl<'a> Catalog<'a> {
    fn new(archive: &'a Archive, monitor: &'a dyn Monitor, use_for: ListedFor) -> Result<Catalog<'a>> {
        let ArchiveFiles { bundles, surplus, missing_at_end } = ArchiveFiles::of(archive, use_for)?;
        let marks = archive.marks().unwrap_or_else(|error| {
            monitor.event(Event::Notice(&Notice::MarksUnreadable { why: error.to_string() }));
            Marks::default()
        });
        Ok(Catalog {
            archive,
            monitor,
            use_for,
            bundles,
            surplus,
            missing_at_end,
            marks,
            files: Lock::default(),
            making: Lock::default(),
            distrusted: Lock::default(),
            scratch: OnceLock::new(),
        })
    }

    /// What a person said of snapshots; nothing where that cannot be read.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Bundles that claim the place of another one.
    pub fn surplus(&self) -> &[BundleName] {
        &self.surplus
    }

    /// The bundles, in order.
    pub fn bundles(&self) -> impl Iterator<Item = &BundleFile> {
        self.bundles.values()
    }

    /// The numbers of all snapshots, ascending. Unfinished ones are none.
    pub fn snapshots(&self) -> impl DoubleEndedIterator<Item = SnapshotNumber> {
        self.bundles.keys().filter(|id| id.part == 0).map(|id| id.number)
    }

    /// The newest snapshot.
    pub fn newest(&self) -> Option<SnapshotNumber> {
        self.snapshots().next_back()
    }

    /// The highest number that has a bundle, also of an unfinished snapshot.
    pub fn highest(&self) -> SnapshotNumber {
        self.bundles.keys().next_back().map_or(SnapshotNumber::NONE, |id| id.number)
    }

    /// The name of a bundle.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is missing.
    pub fn name(&self, id: BundleId) -> Result<&BundleName> {
        self.bundles.get(&id).map(|file| &file.name).ok_or_else(|| missing(id))
    }

    fn has(&self, name: &BundleName) -> bool {
        self.bundles.get(&name.id).is_some_and(|file| file.name == *name)
    }

    /// Receives events; may ask to stop.
    pub fn monitor(&self) -> &'a dyn Monitor {
        self.monitor
    }

    /// The archive that it is of.
    pub fn archive(&self) -> &'a Archive {
        self.archive
    }

    /// All snapshots, oldest first. For a reader those that can be read: where the list of changes of one is lost, nothing is
    /// known of it and those after it. What is left out is reported.
    ///
    /// # Errors
    /// When an index file is missing or damaged and cannot be made again.
    pub fn history(&self) -> Result<Vec<Summary>> {
        for name in self.missing_at_end.iter().take(1) {
            self.monitor.event(Event::Notice(&Notice::BundleMissing { bundle: name.to_string() }));
        }
        for other in self.surplus.iter().take(1) {
            let (used, other) = (self.name(other.id)?.to_string(), other.to_string());
            self.monitor.event(Event::Notice(&Notice::TwoHistories { used, other }));
        }
        let mut why: Option<Error> = None;
        for number in self.snapshots().rev() {
            match self.state(number) {
                Ok(state) => {
                    if let Some(error) = why {
                        let why = error.to_string();
                        self.monitor.event(Event::Notice(&Notice::LaterSnapshotsUnreadable { number, why }));
                    }
                    return Ok(self.with_standing(&state));
                }
                Err(error) if error.is_damage() && self.use_for == ListedFor::Reading => {
                    why.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        why.map_or(Ok(Vec::new()), Err)
    }

    /// The snapshots that a state is made of, with what became of each since.
    fn with_standing(&self, state: &State) -> Vec<Summary> {
        let pruned: Vec<_> = pruned_ranges(state).collect();
        let standing = |number| self.standing_with(number, pruned.iter().any(|range| range.contains(&number)));
        let all = state.summaries().into_iter();
        all.map(|summary| Summary { standing: standing(summary.number), ..summary }).collect()
    }

    /// What became of a snapshot since it was made, of which `state` is the state. The newest is never forgotten, whatever was
    /// said of it.
    pub fn standing(&self, number: SnapshotNumber, state: &State) -> Standing {
        self.standing_with(number, pruned_ranges(state).any(|range| range.contains(&number)))
    }

    fn standing_with(&self, number: SnapshotNumber, is_pruned: bool) -> Standing {
        let is_newest = self.newest() == Some(number);
        match (self.marks.forgotten.contains(&number), self.marks.kept.contains(&number)) {
            _ if is_pruned && !is_newest => Standing::Pruned,
            (true, _) if !is_newest => Standing::Forgotten,
            (_, true) => Standing::Marked,
            _ => Standing::Kept,
        }
    }

    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such snapshot, or it was forgotten.
    pub fn check_is_there(&self, number: SnapshotNumber) -> Result<()> {
        if !self.snapshots().any(|known| known == number) {
            let newest = self.state(self.highest()).unwrap_or_default();
            let is_joined = pruned_ranges(&newest).any(|range| range.contains(&number));
            return Err(if is_joined { forgotten(number, Standing::Pruned) } else { no_snapshot(number) });
        }
        // Whoever needs what cannot be read reports it.
        let standing = self.standing(number, &self.state(number).unwrap_or_default());
        if standing.is_there() { Ok(()) } else { Err(forgotten(number, standing)) }
    }

    /// The state after all bundles up to number `number`, 0: before the first; the index files are checked for
    /// all that is at or below `tops`, so that damage is met here and not half-way.
    ///
    /// # Errors
    /// When an index file is missing or damaged and cannot be made again.
    pub fn checked_state(&self, number: SnapshotNumber, tops: &[EntryPathBuf]) -> Result<State> {
        self.retry_after_index_damage(|| {
            let state = self.state(number)?;
            let root = [EntryPathBuf::root()];
            let tops = if tops.is_empty() { &root } else { tops };
            tops.iter().try_for_each(|top| state.check(top))?;
            Ok(state)
        })
    }

    /// Does something with the index; where that shows it to be damaged, once more after the damaged files were set aside.
    ///
    /// # Errors
    /// Those of `act`.
    pub fn retry_after_index_damage<T>(&self, mut act: impl FnMut() -> Result<T>) -> Result<T> {
        match act() {
            Err(error) if error.kind() == ErrorKind::IndexDamaged => {
                self.distrust_damaged()?;
                act()
            }
            result => result,
        }
    }

    /// Closes the index files that are kept open: there may be many.
    pub(super) fn close_index_files(&self) {
        self.files().clear();
    }

    /// Finds the index files with damage anywhere, so that they are made again.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn distrust_damaged(&self) -> Result<()> {
        let numbers: Vec<SnapshotNumber> = self.bundles.keys().map(|id| id.number).collect();
        for number in numbers {
            let Some(file) = self.index_file(number)? else { continue };
            // They are many, and most are not used: none is kept open.
            let _ = self.files().remove(&number);
            let all: Vec<usize> = (0..file.block_count()).collect();
            match file.check_blocks(&all) {
                Err(error) if error.kind() == ErrorKind::IndexDamaged => {
                    for whole in [Whole::Yes, Whole::No] {
                        // Where it cannot be removed, it is passed over.
                        let _ = self.archive.store().remove(&index_name(number, whole));
                    }
                    self.distrusted.lock().insert(number);
                }
                result => result?,
            }
        }
        Ok(())
    }

    /// The state after all bundles up to number `number`; 0: before the first. Damage inside an index file may still show later.
    ///
    /// # Errors
    /// When an index file is missing or damaged and cannot be made again.
    pub fn state(&self, number: SnapshotNumber) -> Result<State> {
        let _one_at_a_time = self.making.lock();
        // From the newest number whose chain is whole, the missing ones are made upwards.
        let mut missing = Vec::new();
        let mut at = number;
        let mut state = loop {
            if at == SnapshotNumber::NONE {
                break State::default();
            }
            if let Some(state) = self.opened(at)? {
                break state;
            }
            missing.push(at);
            at = self.before(self.first_joined_into(at));
        };
        let is_repair = !missing.is_empty() && !self.is_newly_published(&missing, number);
        for number in missing.into_iter().rev() {
            state = self.build(number, &state)?;
        }
        if is_repair {
            self.monitor.event(Event::Notice(&Notice::IndexRebuilt));
        }
        Ok(state)
    }

    /// The bundle that the next one follows.
    ///
    /// # Errors
    /// As for [`Catalog::state`].
    pub fn parent(&self) -> Result<Option<Parent>> {
        let state = self.state(self.highest())?;
        let record = state.layers().first().and_then(|file| file.head().bundles.last());
        Ok(record.and_then(|record| {
            Some(Parent { bundle: BundleName::parse(&record.name)?, manifest: Hash(record.manifest) })
        }))
    }

    /// Whether the index file of the newest number alone is missing: the writer that published its bundle makes it, which is no
    /// repair.
    fn is_newly_published(&self, missing: &[SnapshotNumber], wanted: SnapshotNumber) -> bool {
        missing == [wanted] && self.highest() == wanted && !self.has_index(wanted)
    }

    fn has_index(&self, number: SnapshotNumber) -> bool {
        let names = [index_name(number, Whole::Yes), index_name(number, Whole::No)];
        names.iter().any(|name| self.archive.store().open(name).is_ok())
    }

    /// The number before `number` that has a bundle; 0 when there is none.
    fn before(&self, number: SnapshotNumber) -> SnapshotNumber {
        self.bundles.range(..BundleId { number, part: 1 }).next_back().map_or(SnapshotNumber::NONE, |(id, _)| id.number)
    }

    /// The first number whose bundles were joined into that of `number`: such as are there all the same were put back, and say
    /// nothing.
    fn first_joined_into(&self, number: SnapshotNumber) -> SnapshotNumber {
        let name = self.name(BundleId { number, part: 0 });
        let head = name.and_then(|name| self.archive.bundle(name)).ok().and_then(|bundle| bundle.own_head());
        head.map_or(number, |head| if head.joined_from > 0 { head.joined_from.min(number) } else { number })
    }

    /// The bundles after `from` up to `number`.
    fn between(&self, from: SnapshotNumber, number: SnapshotNumber) -> impl Iterator<Item = &BundleFile> {
        let first = BundleId { number: from, part: 0 };
        let after = (std::ops::Bound::Excluded(first), std::ops::Bound::Unbounded);
        self.bundles.range(after).map(|(_, file)| file).take_while(move |file| file.id().number <= number)
    }

    /// The state at `number` if all its index files are there and sound.
    fn opened(&self, number: SnapshotNumber) -> Result<Option<State>> {
        let mut layers = Vec::new();
        let mut at = number;
        while at > SnapshotNumber::NONE {
            let Some(file) = self.index_file(at)? else { return Ok(None) };
            at = file.head().from;
            layers.push(file);
        }
        let state = State::new(layers);
        Ok(state.fits_in_memory().then_some(state))
    }

    fn files(&self) -> Guard<'_, HashMap<SnapshotNumber, Arc<IndexFile>>> {
        self.files.lock()
    }

    /// Closes the index files that this state is not made of.
    pub fn close_all_but(&self, state: &State) {
        self.files().retain(|number, _| state.layers().iter().any(|file| file.head().number == *number));
    }

    #[cfg(test)]
    pub(super) fn open_files(&self) -> usize {
        self.files().len()
    }

    fn index_file(&self, number: SnapshotNumber) -> Result<Option<Arc<IndexFile>>> {
        if let Some(file) = self.files().get(&number) {
            return Ok(Some(file.clone()));
        }
        if self.distrusted.lock().contains(&number) {
            return Ok(None);
        }
        let stores = self.scratch.get().map(Scratch::store).into_iter().chain([&**self.archive.store() as &dyn Store]);
        for store in stores {
            for whole in [Whole::Yes, Whole::No] {
                let opened = store.open(&index_name(number, whole)).and_then(IndexFile::open);
                match opened {
                    Ok(file) if self.fits(&file, number) => {
                        let file = Arc::new(file);
                        self.files().insert(number, file.clone());
                        return Ok(Some(file));
                    }
                    // One that cannot be read is a shortcut that is missing.
                    Ok(_) => {}
                    Err(error) if error.is_damage() || error.is_of_system() => {}
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(None)
    }

    /// Whether an index file is of this archive and speaks of the bundles that are there. For a reader it may know more than
    /// there are, and other lengths: then bundles are lost or damaged, and it is all that is left to say what was in them. A
    /// writer builds on what is there.
    fn fits(&self, file: &IndexFile, number: SnapshotNumber) -> bool {
        let head = file.head();
        // Both are in order: what was passed over is not looked at again.
        let mut records = head.bundles.iter();
        let is_noted = |file: &BundleFile| {
            let record = records.find(|record| record.name == file.name.as_str());
            record.is_some_and(|record| record.bytes == file.bytes || !self.is_another_version(file, record))
        };
        let noted = head.bundles.iter().map(|record| (record.name.as_str(), record.bytes));
        let joined = head.bundles.iter().filter(|record| record.joined_from > 0);
        let joined: Vec<(SnapshotNumber, BundleId)> = joined
            .filter_map(|record| Some((record.joined_from.into(), BundleName::parse(&record.name)?.id)))
            .collect();
        let is_joined = |id: BundleId| joined.iter().any(|(from, holder)| *from <= id.number && id < *holder);
        let mut between = self.between(head.from, number).filter(|file| !is_joined(file.id()));
        let knows_all = match self.use_for {
            ListedFor::Reading => between.all(is_noted),
            ListedFor::Writing => between.map(|file| (file.name.as_str(), file.bytes)).eq(noted),
        };
        head.archive == self.archive.id() && head.number == number && head.from < number && knows_all
    }

    /// Whether a bundle is sound and not the one of a record, for one of the two was pruned: an older copy was put back, or an
    /// index file that was removed is there again.
    fn is_another_version(&self, file: &BundleFile, record: &BundleRecord) -> bool {
        let digest = || {
            let bundle = self.archive.bundle(&file.name).ok()?;
            if bundle.own_head()?.pruned_until == SnapshotNumber::NONE && record.pruned_until == 0 {
                return None;
            }
            let mut reader = bundle.manifest().ok()?;
            while reader.next_change().ok()?.is_some() {}
            Some(reader.digest().0)
        };
        digest().is_some_and(|digest| digest != record.manifest)
    }

    /// Makes the index file of `number`, in the archive if that takes it and gives it back, else elsewhere.
    fn build(&self, number: SnapshotNumber, before: &State) -> Result<State> {
        let is_elsewhere = self.scratch.get().is_some();
        let made = self.try_build(number, before);
        match (made, is_elsewhere) {
            // Reading must go on where nothing can be written; a full drive may take the beginning of a file.
            (Err(error), false) if error.is_of_system() => {}
            (Err(error), _) => return Err(error),
            (Ok(()), _) => {
                if let Some(state) = self.opened(number)? {
                    return Ok(state);
                }
            }
        }
        if !is_elsewhere {
            let _ = self.scratch.set(Scratch::or_in_memory());
            self.try_build(number, before)?;
        }
        self.opened(number)?.ok_or_else(|| Error::damaged("the drive does not give back the index as it was written"))
    }

    /// Makes the index file of `number` from its manifests and `before`, the state before it.
    fn try_build(&self, number: SnapshotNumber, before: &State) -> Result<()> {
        let is_alone = self.first_joined_into(number) < number;
        let own = self.between(number.previous(), number).filter(|file| !is_alone || file.id().part == 0);
        let mut changes = Changes::open(self.archive, own.cloned().collect())?;
        self.check_parents_are_there(&changes)?;
        let not_found = NotFound::after(before, number, &changes);
        let before = &changes.after_moves(before, not_found)?;
        let rows = self.begin_index(number, before)?;
        self.distrusted.lock().remove(&number);
        let go_on = || check_interrupted(self.monitor);
        let written = rows.write(&mut changes, before, not_found, &go_on);
        if let Some(head) = changes.first_without_its_parent(self.archive, before) {
            let bundle = self.name(head.id)?.to_string();
            self.monitor.event(Event::Notice(&Notice::BundleBeforeIsAnother { bundle }));
        }
        match written {
            // A reader made the same file meanwhile.
            Err(error) if error.kind() == ErrorKind::Exists => Ok(()),
            result => result,
        }
    }

    /// What a missing bundle changed is not known: a state without it would be wrong without a word.
    fn check_parents_are_there(&self, changes: &Changes) -> Result<()> {
        for head in changes.heads() {
            if let Some(parent) = head.parent.as_ref().filter(|parent| !self.has(&parent.bundle)) {
                let what = format!("the bundle {} is missing, on which {} builds", parent.bundle, self.name(head.id)?);
                return Err(Error::damaged(what).with_advice(Advice::PutBackCopyOrRepair));
            }
        }
        Ok(())
    }

    /// Begins the index file of `number`, whose changes follow the state `before`, which is that after its renames.
    ///
    /// # Errors
    /// When it cannot be begun.
    pub fn begin_index(&self, number: SnapshotNumber, before: &State) -> Result<IndexRows> {
        let head = replay::index_head(self.archive.id(), number, before);
        let whole = if head.from == SnapshotNumber::NONE { Whole::Yes } else { Whole::No };
        let name = index_name(number, whole);
        let other = index_name(number, if whole == Whole::Yes { Whole::No } else { Whole::Yes });
        self.remove_index_file(&other)?;
        IndexRows::new(self.create_index_file(&name)?, name, head, before)
    }

    /// Begins an index file in place of an unusable one.
    fn create_index_file(&self, name: &str) -> Result<Box<dyn Upload>> {
        self.remove_index_file(name)?;
        self.index_store().create(name)
    }

    fn remove_index_file(&self, name: &str) -> Result<()> {
        match self.index_store().remove(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn index_store(&self) -> &dyn Store {
        self.scratch.get().map_or(&**self.archive.store(), Scratch::store)
    }
}

/// Which snapshots lack what was pruned, as the bundles that a state is made of say.
fn pruned_ranges(state: &State) -> impl Iterator<Item = RangeInclusive<SnapshotNumber>> + '_ {
    let records = state.layers().iter().flat_map(|file| &file.head().bundles);
    let pruned = records.filter(|record| record.pruned_until > 0);
    pruned.filter_map(|record| {
        let number = BundleName::parse(&record.name)?.id.number;
        let first = if record.joined_from > 0 { record.joined_from.into() } else { number };
        Some(first..=record.pruned_until.into())
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

fn index_name(number: SnapshotNumber, whole: Whole) -> String {
    format!("{INDEX}/{number:06}.{}", if whole == Whole::Yes { "full" } else { "delta" })
}

#[cfg(test)]
pub(super) mod tests;
