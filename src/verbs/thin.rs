//! Forgets by rules and prunes at once: after a snapshot, or before one that has no room.

use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::keep::KeepRules;
use crate::base::keep::always_kept;
use crate::base::monitor::Monitor;
use crate::base::snapshot::Summary;
use crate::base::time::Time;
use crate::base::when::system_zone;
use crate::system::store::Lease;
use crate::verbs::forget::ForgetOptions;
use crate::verbs::forget::Which;
use crate::verbs::forget::forget_locked;
use crate::verbs::forget::unused_bytes;
use crate::verbs::prune::PruneOptions;
use crate::verbs::prune::PruneReport;
use crate::verbs::prune::prune_locked;
use std::collections::BTreeSet;

/// What was forgotten and pruned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Thinned {
    /// The snapshots that were forgotten.
    pub forgotten: Vec<SnapshotNumber>,
    /// What was pruned.
    pub pruned: PruneReport,
}

/// Forgets what `rules` do not keep, and prunes.
///
/// # Errors
/// [`ErrorKind::Refused`](crate::base::error::ErrorKind::Refused) when there are no rules; otherwise as for [`forget`](super::forget::forget()) and
/// [`prune`](super::prune::prune()).
pub fn thin(archive: &Archive, rules: &KeepRules, options: &PruneOptions, monitor: &dyn Monitor) -> Result<Thinned> {
    let lease = archive.lock(Time::now())?;
    let which = Which::NotKeptBy(rules.clone());
    let report = forget_locked(archive, &ForgetOptions { which, dry_run: false }, monitor)?;
    let go = report.verdicts.iter().filter(|(_, verdict)| verdict.reasons.is_empty());
    let forgotten = go.map(|(summary, _)| summary.number).collect();
    let pruned = prune_locked(archive, *options, Some(&*lease), monitor)?;
    Ok(Thinned { forgotten, pruned })
}

/// What may be forgotten to make room, and what each step of it gives back.
pub(super) struct Spare<'a> {
    catalog: &'a Catalog<'a>,
    monitor: &'a dyn Monitor,
    /// All that are not forgotten.
    there: BTreeSet<SnapshotNumber>,
    /// Those of them that may go, the oldest first.
    may_go: Vec<SnapshotNumber>,
}

impl<'a> Spare<'a> {
    /// What `rules` do not keep; without rules all but what always stays.
    ///
    /// # Errors
    /// As for [`KeepRules::verdicts`], and when the history cannot be read.
    pub(super) fn new(catalog: &'a Catalog<'a>, rules: &KeepRules, monitor: &'a dyn Monitor) -> Result<Spare<'a>> {
        let history: Vec<Summary> =
            catalog.history()?.into_iter().filter(|summary| summary.standing.is_there()).collect();
        let verdicts = if rules.is_empty() {
            always_kept(&history)
        } else {
            rules.verdicts(&history, Time::now(), &system_zone())?
        };
        let may_go = verdicts.iter().filter(|verdict| verdict.reasons.is_empty()).map(|verdict| verdict.number);
        let there = history.iter().map(|summary| summary.number).collect();
        Ok(Spare { catalog, monitor, there, may_go: may_go.collect() })
    }

    /// About how many bytes come back when the oldest `count` go, and all that is forgotten already.
    ///
    /// # Errors
    /// As for [`unused_bytes`].
    pub(super) fn bytes(&self, count: usize) -> Result<u64> {
        let go: BTreeSet<SnapshotNumber> = self.may_go[..count].iter().copied().collect();
        unused_bytes(self.catalog, &self.there.difference(&go).copied().collect(), self.monitor)
    }

    /// About how many bytes come back when all go that may.
    ///
    /// # Errors
    /// As for [`Spare::bytes`].
    pub(super) fn all_bytes(&self) -> Result<u64> {
        self.bytes(self.may_go.len())
    }

    /// The oldest that have to go to free `bytes`; all that may go if that is not enough.
    ///
    /// # Errors
    /// As for [`Spare::bytes`].
    pub(super) fn oldest_for(&self, bytes: u64) -> Result<BTreeSet<SnapshotNumber>> {
        let (mut too_few, mut enough) = (0, self.may_go.len());
        if self.bytes(0)? >= bytes {
            enough = 0;
        }
        while enough > too_few + 1 {
            let middle = too_few + (enough - too_few) / 2;
            if self.bytes(middle)? >= bytes {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        Ok(self.may_go[..enough].iter().copied().collect())
    }
}

/// Forgets these snapshots and prunes, for a caller that holds the lock.
///
/// # Errors
/// As for [`thin`].
pub(super) fn make_room(
    archive: &Archive,
    numbers: BTreeSet<SnapshotNumber>,
    lease: &dyn Lease,
    monitor: &dyn Monitor,
) -> Result<Thinned> {
    let forgotten: Vec<SnapshotNumber> = numbers.iter().copied().collect();
    if !forgotten.is_empty() {
        forget_locked(archive, &ForgetOptions { which: Which::Named(numbers), dry_run: false }, monitor)?;
    }
    let pruned = prune_locked(archive, PruneOptions::default(), Some(lease), monitor)?;
    Ok(Thinned { forgotten, pruned })
}
