//! Which contents of the bundles no snapshot needs that is kept. The one place that says so.
//!
//! A content is found by the state before, all the way back to the bundle that it was stored in: so it is in every state
//! between that bundle and the last that has it. What was stored between two snapshots that are kept is needed if the later one
//! has it, and by nothing else. What is after the newest snapshot belongs to the next one, and is needed.

use crate::archive::catalog::Catalog;
use crate::archive::open::BundleFile;
use crate::archive::state::Rows;
use crate::archive::state::State;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Patch;
use crate::base::entry::Place;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::bundle::Bundle;
use crate::format::bundle::ManifestReader;
use crate::format::manifest::Action;
use crate::format::tar;
use crate::format::tar::BLOCK_BYTES;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// So many contents are kept in memory at once, 16 bytes each; where there are more, the bundles are looked at in turns.
const KNOWN_MAX: usize = 4 << 20;

/// So many hundredths of a bundle may be unused, if not said otherwise, before it is worth to write it anew.
pub const MAX_UNUSED_DEFAULT: u8 = 10;

/// Between two looks at whether to stop.
const LOOK_ROWS: u64 = 4096;

/// Numbers that are not kept, one after the other, and the snapshot that is kept after them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// The first and the last number that has bundles.
    pub numbers: RangeInclusive<SnapshotNumber>,
    /// The snapshot that is kept after them.
    pub next: SnapshotNumber,
}

/// A content that is not needed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unneeded {
    /// Where it begins in the tar of its bundle.
    pub offset: u64,
    /// Its length, holes included.
    pub size: u64,
}

/// A bundle, and what of it is not needed.
pub struct Unused {
    /// The bundle.
    pub bundle: BundleName,
    /// The BLAKE3 of its manifest.
    pub manifest: Hash,
    /// Its length in the archive.
    pub bytes: u64,
    /// About how many of these are contents that are not needed.
    pub freed_bytes: u64,
    /// The contents that are not needed, by their offsets.
    pub contents: Vec<Unneeded>,
    /// The last of the snapshots that lack them when they are gone.
    pub until: SnapshotNumber,
    /// How many lines its list of changes has.
    pub lines: u64,
    /// How many bytes of the file the list of changes takes.
    pub list_bytes: u64,
    /// Whether some of its contents are made from older ones.
    pub has_patches: bool,
}

impl Unused {
    /// Whether more than `max_unused` percent of it is unused, so that it is written anew.
    pub fn is_worth_it(&self, max_unused: u8) -> bool {
        let most = u128::from(self.bytes) * u128::from(max_unused);
        !self.contents.is_empty() && u128::from(self.freed_bytes) * 100 > most
    }
}

/// The gaps in a history of which `is_kept` says which snapshots stay, the newest first. The newest always stays.
pub fn gaps(catalog: &Catalog, is_kept: &dyn Fn(SnapshotNumber) -> bool) -> Vec<Gap> {
    let Some(newest) = catalog.newest() else { return Vec::new() };
    let mut numbers: BTreeMap<SnapshotNumber, bool> = BTreeMap::new();
    for id in catalog.bundles().map(BundleFile::id).filter(|id| id.number <= newest) {
        *numbers.entry(id.number).or_default() |= id.part == 0;
    }
    let (mut gaps, mut open): (Vec<Gap>, Option<RangeInclusive<SnapshotNumber>>) = (Vec::new(), None);
    for (number, is_snapshot) in numbers {
        if !is_snapshot || (number != newest && !is_kept(number)) {
            open = Some(open.map_or(number, |open| *open.start())..=number);
        } else if let Some(numbers) = open.take() {
            gaps.push(Gap { numbers, next: number });
        }
    }
    gaps.reverse();
    gaps
}

/// What of the bundles of a gap is needed; asked for from the newest bundle to the oldest.
pub struct Liveness<'c> {
    catalog: &'c Catalog<'c>,
    monitor: &'c dyn Monitor,
    gap: Gap,
    /// The first bundle of the gap.
    first: BundleId,
    state: State,
    needed: Option<Needed>,
    /// The contents from which those in bundles that stay are made.
    bases: HashSet<Known>,
    /// The same of bundles of which it is not decided yet whether their patches stay, and what each takes, about.
    undecided: BTreeMap<BundleId, HashMap<Known, u64>>,
}

impl<'c> Liveness<'c> {
    /// What is needed of the bundles of a gap.
    ///
    /// # Errors
    /// When the archive cannot be read or is damaged.
    pub fn of(catalog: &'c Catalog, gap: Gap, monitor: &'c dyn Monitor) -> Result<Liveness<'c>> {
        let first =
            catalog.bundles().map(BundleFile::id).find(|id| gap.numbers.contains(&id.number)).unwrap_or_default();
        let (bases, undecided) = (HashSet::new(), BTreeMap::new());
        let state = catalog.state(gap.next)?;
        Ok(Liveness { catalog, monitor, gap, first, state, needed: None, bases, undecided })
    }

    /// The bundles of the gap, in order.
    pub fn bundles(&self) -> impl DoubleEndedIterator<Item = &'c BundleFile> + use<'c> {
        let (catalog, numbers) = (self.catalog, self.gap.numbers.clone());
        let files: Vec<&BundleFile> = catalog.bundles().filter(|file| numbers.contains(&file.id().number)).collect();
        files.into_iter()
    }

    /// What of a bundle is not needed.
    ///
    /// # Errors
    /// When the archive cannot be read or is damaged;
    /// [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when the monitor asks to stop.
    pub fn unused(&mut self, file: &BundleFile) -> Result<Unused> {
        check_interrupted(self.monitor)?;
        let id = file.id();
        if self.needed.as_ref().is_none_or(|needed| id < needed.from) {
            self.needed = Some(Needed::collect(&self.state, self.first, id, self.monitor)?);
        }
        let mut patched = Vec::new();
        let unused = self.unused_of(file, &mut patched)?;
        self.undecided.insert(id, bases_of(self.catalog, id, &patched)?);
        Ok(unused)
    }

    /// Whether it is known of all bundles of these numbers what is needed.
    pub fn knows(&self, numbers: &RangeInclusive<SnapshotNumber>) -> bool {
        let is_known = |needed: &Needed| needed.from.number <= *numbers.start() && needed.last.number >= *numbers.end();
        self.needed.as_ref().is_some_and(is_known)
    }

    /// Whether the content at a place in one of these bundles is needed.
    pub fn is_needed(&self, place: Place) -> bool {
        self.is_needed_at((place.bundle, place.offset))
    }

    fn is_needed_at(&self, known: Known) -> bool {
        self.bases.contains(&known) || self.needed.as_ref().is_some_and(|needed| needed.has(known))
    }

    /// Notes whether the patches in a bundle stay as they are.
    pub fn decide(&mut self, id: BundleId, stays: bool) {
        let bases = self.undecided.remove(&id).filter(|_| stays);
        self.bases.extend(bases.into_iter().flatten().map(|(base, _)| base));
    }

    /// About how many bytes other bundles have of contents that are needed only as long as the patches in these stay, of which it
    /// is not decided.
    pub fn freed_elsewhere(&self, bundles: &HashSet<BundleId>) -> u64 {
        let (gone, others): (Vec<_>, Vec<_>) = self.undecided.iter().partition(|(id, _)| bundles.contains(*id));
        let is_known = |id: BundleId| id >= self.first && self.needed.as_ref().is_some_and(|needed| id >= needed.from);
        let is_freed = |base: &Known| {
            let is_looked_at = is_known(base.0) && !bundles.contains(&base.0);
            is_looked_at && !self.is_needed_at(*base) && !others.iter().any(|(_, bases)| bases.contains_key(base))
        };
        let freed: HashMap<&Known, u64> = gone
            .iter()
            .flat_map(|(_, bases)| bases.iter())
            .filter(|(base, _)| is_freed(base))
            .map(|(base, bytes)| (base, *bytes))
            .collect();
        freed.into_values().fold(0, u64::saturating_add)
    }

    /// About how many bytes a bundle has of contents, those that are made from older ones among them, but for these.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn freed_but(&self, file: &BundleFile, stay: &HashSet<(BundleId, u64)>) -> Result<u64> {
        let bundle = self.catalog.archive().bundle(&file.name)?;
        let contents = contents_of(&mut bundle.manifest()?, &mut |_, content| {
            !stay.contains(&(content.place.bundle, content.place.offset))
        })?;
        Ok(stored_bytes(&bundle, &contents))
    }

    /// What of a bundle is in no state that is kept, and not what later ones are made from; `patched` takes the paths of what is made
    /// from older contents.
    fn unused_of(&self, file: &BundleFile, patched: &mut Vec<EntryPathBuf>) -> Result<Unused> {
        let bundle = self.catalog.archive().bundle(&file.name)?;
        let mut reader = bundle.manifest()?;
        let contents = contents_of(&mut reader, &mut |path, content| {
            if content.patch.is_some() {
                patched.push(path.to_owned());
                return false;
            }
            let known = (content.place.bundle, content.place.offset);
            let is_base = self.undecided.values().any(|bases| bases.contains_key(&known));
            !is_base && !self.is_needed_at(known)
        })?;
        let list = bundle.table().frame_at(reader.tail().manifest_offset);
        Ok(Unused {
            bundle: file.name.clone(),
            manifest: reader.digest(),
            bytes: file.bytes,
            freed_bytes: stored_bytes(&bundle, &contents),
            contents,
            until: self.gap.next.previous(),
            lines: reader.tail().changes,
            list_bytes: list.map_or(0, |frame| file.bytes.saturating_sub(frame.stored_offset)),
            has_patches: !patched.is_empty(),
        })
    }
}

/// A content, by where it is.
type Known = (BundleId, u64);

/// Says of a path and its content whether it is asked for.
type IsWanted<'w> = dyn FnMut(&EntryPath, &Content) -> bool + 'w;

/// The contents that a bundle holds and for which `is_wanted` says so, by their offsets.
fn contents_of(reader: &mut ManifestReader, is_wanted: &mut IsWanted) -> Result<Vec<Unneeded>> {
    let mut contents = Vec::new();
    while let Some(change) = reader.next_change()? {
        let Action::Stored(Entry { content: Some(content), stat, .. }) = change.now else { continue };
        let size = content.stored_bytes(stat.size);
        // What is made from an older content may have no data of its own.
        if content.place.is_there() && is_wanted(&change.path, &content) && size > 0 {
            contents.push(Unneeded { offset: content.place.offset, size });
        }
    }
    // All names of a file have one content.
    contents.sort_unstable();
    contents.dedup();
    Ok(contents)
}

/// The older contents from which those at these paths of a bundle are made, and what each takes, about: patches stay, for a script
/// applies them whoever needs them, and with them what they are applied to. It stands in older bundles.
fn bases_of(catalog: &Catalog, id: BundleId, patched: &[EntryPathBuf]) -> Result<HashMap<Known, u64>> {
    let mut bases = HashMap::new();
    if patched.is_empty() {
        return Ok(bases);
    }
    let state = catalog.state(id.number)?;
    for path in patched {
        let known = state.find(path)?.and_then(|entry| entry.content);
        let patches = known.iter().filter_map(|content| content.patch.as_deref());
        bases.extend(patches.flat_map(Patch::chain).map(|patch| {
            let (place, whole) = (patch.base.place, patch.whole_bytes);
            ((place.bundle, place.offset), patch.base.patch.as_deref().map_or(whole, Patch::stored_bytes))
        }));
    }
    Ok(bases)
}

/// The contents of a run of bundles that a state has.
struct Needed {
    /// The first bundle that it knows all of.
    from: BundleId,
    /// The last one.
    last: BundleId,
    /// In ascending order.
    places: Vec<Known>,
}

impl Needed {
    /// Those of the bundles from `first` to `last`, as many of the last ones as there is room for.
    fn collect(state: &State, first: BundleId, last: BundleId, monitor: &dyn Monitor) -> Result<Needed> {
        let mut needed = Needed { from: first, last, places: Vec::new() };
        let mut rows = Rows::new(rows_since(state, first.number).groups_and_gone(&EntryPathBuf::root()));
        let mut count = 0_u64;
        while let Some((_, row)) = rows.take()? {
            count += 1;
            if count.is_multiple_of(LOOK_ROWS) {
                check_interrupted(monitor)?;
            }
            let Some(entry) = row.entry()? else { continue };
            // It, and the older ones from which it is made.
            let all = std::iter::successors(entry.content.as_ref(), |content| {
                content.patch.as_deref().map(|patch| &patch.base)
            });
            for Place { bundle, offset } in all.map(|content| content.place) {
                if bundle >= needed.from && bundle <= last {
                    needed.places.push((bundle, offset));
                    needed.cut(KNOWN_MAX);
                }
            }
        }
        needed.places.sort_unstable();
        needed.places.dedup();
        Ok(needed)
    }

    /// Leaves the first bundles to a further look when there are too many places; of one bundle all are kept.
    fn cut(&mut self, places_max: usize) {
        if self.places.len() <= places_max {
            return;
        }
        self.places.sort_unstable();
        self.places.dedup();
        let Some((last, _)) = self.places.last().copied() else { return };
        let middle = self.places.get(self.places.len() / 2).map_or(last, |(bundle, _)| *bundle);
        let from = self.places.partition_point(|(bundle, _)| *bundle <= middle);
        let from =
            if from == self.places.len() { self.places.partition_point(|(bundle, _)| *bundle < last) } else { from };
        if let Some((bundle, _)) = self.places.get(from).filter(|_| from > 0) {
            self.from = *bundle;
            self.places.drain(..from);
        }
    }

    fn has(&self, known: Known) -> bool {
        self.places.binary_search(&known).is_ok()
    }
}

/// The rows of a state that may say that a content was stored at `number` or later.
fn rows_since(state: &State, number: SnapshotNumber) -> State {
    let older = state.layers().iter().map(|file| file.head().number).filter(|known| *known < number).max();
    older.map_or_else(|| state.clone(), |older| state.since(older))
}

/// About how many bytes of the file these contents take.
fn stored_bytes(bundle: &Arc<Bundle>, contents: &[Unneeded]) -> u64 {
    let (mut bytes, mut contents) = (0_u64, contents.iter().peekable());
    for frame in (0..bundle.table().len()).filter_map(|number| bundle.table().frame(number)) {
        let mut unused = 0;
        while let Some(content) = contents.peek() {
            let end = content.offset.saturating_add(padded(content.size));
            unused += end.min(frame.raw_end()).saturating_sub(content.offset.max(frame.raw_offset));
            if end > frame.raw_end() {
                break;
            }
            contents.next();
        }
        let raw = u128::from(frame.raw_bytes).max(1);
        bytes += (u128::from(frame.stored_bytes) * u128::from(unused) / raw) as u64;
    }
    bytes
}

/// A content's length with what fills it up to a whole block.
pub fn padded(size: u64) -> u64 {
    debug_assert!(BLOCK_BYTES.is_power_of_two());
    size.saturating_add(tar::padding(size) as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn too_many_places_leave_the_first_bundles_to_a_further_look() {
        let id = |number| BundleId::new(number, 0);
        let places: Vec<_> = (0..30_u32).map(|n| (id(1 + n / 10), u64::from(n))).collect();
        let cut = |places: Vec<(BundleId, u64)>, max| {
            let mut needed = Needed { from: id(1), last: id(3), places };
            needed.cut(max);
            (needed.from.number.get(), needed.places.len())
        };
        assert_eq!(cut(places.clone(), 30), (1, 30));
        assert_eq!(cut(places.clone(), 29), (3, 10));
        assert_eq!(cut(places[..20].to_vec(), 19), (2, 10));
        assert_eq!(cut(places[..10].to_vec(), 5), (1, 10));
        let uneven: Vec<_> = (0..30_u32).map(|n| (id(if n == 0 { 1 } else { 2 }), u64::from(n))).collect();
        assert_eq!(cut(uneven, 5), (2, 29));
    }
}
