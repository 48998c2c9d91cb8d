//! The last stage: which snapshots, and which entries of them, a damage affects.

use super::finding::ArchiveFile;
use super::finding::Fault;
use super::finding::Finding;
use super::finding::Impact;
use super::finding::PATHS_MAX;
use super::history::History;
use crate::archive::state::State;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use std::collections::HashSet;
use std::ops::Range;
use std::ops::RangeInclusive;

/// Something that is not as it was written.
pub(crate) struct Damage {
    pub place: ArchiveFile,
    pub fault: Fault,
    pub affected: Affected,
}

/// What a damage affects.
pub(crate) enum Affected {
    /// Nothing that cannot be made again.
    Nothing,
    /// These bytes of a bundle's decompressed tar, ascending.
    Bytes { bundle: BundleId, ranges: Vec<Range<u64>> },
    /// The contents at these offsets of a bundle's decompressed tar that should have these hashes.
    Contents { bundle: BundleId, contents: HashSet<(u64, Hash)> },
    /// A bundle's manifest: what followed it can be known from the index only.
    Manifest(BundleId),
    /// Every snapshot from this one on.
    Since(SnapshotNumber),
    /// These snapshots, in ways that are not known.
    Uncertain(RangeInclusive<SnapshotNumber>),
    /// The contents that were in this bundle and are noted as lost.
    Lost(BundleId),
    /// These entries of one snapshot, the first of `total`.
    Paths { number: SnapshotNumber, paths: Vec<EntryPathBuf>, total: u64 },
}

impl Affected {
    /// All that a bundle holds.
    pub fn everything(bundle: BundleId) -> Affected {
        Affected::Bytes { bundle, ranges: std::iter::once(0..u64::MAX).collect() }
    }

    fn touches(&self, entry: &Entry) -> bool {
        if let Affected::Lost(bundle) = self {
            return entry.content.as_ref().is_some_and(|lost| lost.place.is_lost() && lost.place.bundle == *bundle);
        }
        let first = entry.content.as_ref().map(|content| (entry.stat.size, content));
        // A content that is made from older ones is affected with each of them.
        let mut all = std::iter::successors(first, |(_, content)| {
            content.patch.as_deref().map(|patch| (patch.base_size, &patch.base))
        });
        all.any(|(size, content)| self.touches_stored(content, content.stored_bytes(size)))
    }

    fn touches_stored(&self, content: &Content, bytes: u64) -> bool {
        let place = content.place;
        if bytes == 0 || !place.is_there() {
            return false;
        }
        match self {
            Affected::Bytes { bundle, ranges } => {
                let next = ranges.partition_point(|range| range.end <= place.offset);
                let reached = |range: &Range<u64>| range.start < place.offset.saturating_add(bytes);
                place.bundle == *bundle && ranges.get(next).is_some_and(reached)
            }
            Affected::Contents { bundle, contents } => {
                place.bundle == *bundle && contents.contains(&(place.offset, content.hash))
            }
            _ => false,
        }
    }
}

/// The damage as a finding; `snapshots` are all, ascending.
pub(super) fn finding(damage: &Damage, history: &History, snapshots: &[SnapshotNumber]) -> Result<Finding> {
    let (place, fault) = (damage.place.clone(), damage.fault.clone());
    Ok(Finding { place, fault, impact: impact(damage, history, snapshots)? })
}

fn impact(damage: &Damage, history: &History, snapshots: &[SnapshotNumber]) -> Result<Impact> {
    let mut impact = Impact::default();
    let since = |first: SnapshotNumber| snapshots.iter().copied().filter(move |number| *number >= first);
    match &damage.affected {
        Affected::Nothing => {}
        Affected::Uncertain(range) => impact.snapshots = since(*range.start()).filter(|n| range.contains(n)).collect(),
        Affected::Since(number) => impact.snapshots = since(*number).collect(),
        Affected::Paths { number, paths, total } => {
            impact.snapshots = since(*number).take_while(|other| other == number).collect();
            (impact.paths, impact.paths_total) = (paths.clone(), *total);
        }
        // With an index of that number or a later one, nothing is lost of what came after it.
        Affected::Manifest(bundle) => {
            impact.snapshots = since(bundle.number).filter(|number| !history.is_complete(*number)).collect();
        }
        Affected::Bytes { bundle, .. } | Affected::Contents { bundle, .. } | Affected::Lost(bundle) => {
            let candidates: Vec<SnapshotNumber> = since(bundle.number).collect();
            return impact_on_contents(&damage.affected, bundle.number, &candidates, history);
        }
    }
    Ok(impact)
}

/// A content is seen from its own snapshot on until something takes its place, and never again after that: the first of
/// the snapshots names all entries, and the last that still has one of them is found by halving.
fn impact_on_contents(
    affected: &Affected,
    first: SnapshotNumber,
    candidates: &[SnapshotNumber],
    history: &History,
) -> Result<Impact> {
    let mut impact = Impact::default();
    // What was replaced before the first snapshot that is there is needed by none.
    let first = candidates.first().copied().unwrap_or(first);
    if let Some(state) = history.state(first)? {
        walk(&state, &mut |path, entry| {
            if affected.touches(entry) {
                impact.paths_total += 1;
                if impact.paths.len() < PATHS_MAX {
                    impact.paths.push(path);
                }
            }
            true
        })?;
    }
    if !history.is_complete(first) {
        impact.may_be_more = true;
        impact.snapshots = candidates.to_vec();
        return Ok(impact);
    }
    if impact.paths_total == 0 {
        return Ok(impact);
    }
    let (mut seen, mut unseen) = (0, candidates.len());
    while seen < unseen {
        let middle = seen + (unseen - seen) / 2;
        if is_seen(affected, candidates[middle], history)? { seen = middle + 1 } else { unseen = middle }
    }
    impact.snapshots = candidates[..seen].to_vec();
    Ok(impact)
}

fn is_seen(affected: &Affected, number: SnapshotNumber, history: &History) -> Result<bool> {
    let Some(state) = history.state(number)? else { return Ok(true) };
    let mut seen = false;
    walk(&state, &mut |_, entry| {
        seen = affected.touches(entry);
        !seen
    })?;
    Ok(seen)
}

/// Calls `visit` with every file of a state until it says that it has seen enough.
fn walk(state: &State, visit: &mut dyn FnMut(EntryPathBuf, &Entry) -> bool) -> Result<()> {
    for group in state.groups(EntryPath::root()) {
        let group = group?;
        for row in group.rows.iter().filter(|row| row.stat().is_some_and(|stat| stat.kind == Kind::File)) {
            let Some(entry) = row.entry()? else { continue };
            if !visit(row.path_in(&group.path)?, &entry) {
                return Ok(());
            }
        }
    }
    Ok(())
}
