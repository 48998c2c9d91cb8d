//! `forget` and `keep`: which snapshots are no longer wanted, and which always are. Writes one small file; contents go with
//! `prune` only.

use crate::archive::catalog::Catalog;
use crate::archive::liveness;
use crate::archive::liveness::MAX_UNUSED_DEFAULT;
use crate::archive::open::Archive;
use crate::archive::reserve;
use crate::archive::thinning::Step;
use crate::archive::thinning::Thinning;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::keep::KeepRules;
use crate::base::keep::Reason;
use crate::base::keep::Verdict;
use crate::base::keep::always_kept;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Phase;
use crate::base::snapshot::Standing;
use crate::base::snapshot::Summary;
use crate::base::snapshot::no_snapshot;
use crate::base::time::Time;
use crate::base::when::system_zone;
use crate::format::marks::Marks;
use std::collections::BTreeSet;

/// Which snapshots are forgotten.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Which {
    /// These.
    Named(BTreeSet<SnapshotNumber>),
    /// Those that these rules do not keep, in the time zone of this computer.
    NotKeptBy(KeepRules),
}

/// What [`forget`] does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForgetOptions {
    /// Which snapshots.
    pub which: Which,
    /// Whether nothing is written, and only the space that would be freed is found out.
    pub dry_run: bool,
}

/// What [`forget`] did, or would do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForgetReport {
    /// What becomes of each snapshot that was not forgotten before, the oldest first.
    pub verdicts: Vec<(Summary, Verdict)>,
    /// About how many bytes pruning would free then, of all that is forgotten. Only in a dry run.
    pub freed_bytes: Option<u64>,
}

impl ForgetReport {
    /// How many snapshots go.
    pub fn forgotten(&self) -> u64 {
        self.verdicts.iter().filter(|(_, verdict)| verdict.reasons.is_empty()).count() as u64
    }
}

/// Forgets snapshots: they are no longer shown or given out until [`remember`], and [`prune`](crate::verbs::prune::prune()) takes
/// out what only they hold. The newest is never forgotten, nor the newest that read a source, nor what is marked.
///
/// # Errors
/// [`ErrorKind::Refused`] when one of those is named, or there are no rules; [`ErrorKind::NotFound`] when one that is named is
/// not there; [`ErrorKind::Locked`] when another process is writing; [`ErrorKind::Damaged`] when what was said before cannot be
/// read; otherwise when the archive cannot be read or written.
pub fn forget(archive: &Archive, options: &ForgetOptions, monitor: &dyn Monitor) -> Result<ForgetReport> {
    let _lease = if options.dry_run { None } else { Some(archive.lock(Time::now())?) };
    forget_locked(archive, options, monitor)
}

/// As [`forget`], for a caller that holds the lock.
///
/// # Errors
/// As for [`forget`].
pub(super) fn forget_locked(archive: &Archive, options: &ForgetOptions, monitor: &dyn Monitor) -> Result<ForgetReport> {
    let marks = archive.marks()?;
    let catalog = archive.catalog(monitor)?;
    let history = catalog.history()?;
    let there: Vec<Summary> = history.iter().filter(|summary| summary.standing.is_there()).cloned().collect();
    let verdicts = match &options.which {
        Which::Named(numbers) => named(numbers, &catalog, &there)?,
        Which::NotKeptBy(rules) if rules.is_empty() => return Err(no_rules()),
        Which::NotKeptBy(rules) => rules.verdicts(&there, Time::now(), &system_zone())?,
    };
    let go = verdicts.iter().filter(|verdict| verdict.reasons.is_empty()).map(|verdict| verdict.number);
    let kept: BTreeSet<SnapshotNumber> =
        verdicts.iter().filter(|verdict| !verdict.reasons.is_empty()).map(|verdict| verdict.number).collect();
    let mut freed_bytes = None;
    if options.dry_run {
        freed_bytes = Some(unused_bytes(&catalog, &kept, monitor)?);
    } else {
        write_forgotten(archive, marks, go, &catalog)?;
    }
    Ok(ForgetReport { verdicts: there.into_iter().zip(verdicts).collect(), freed_bytes })
}

/// The error that rules are needed.
pub(super) fn no_rules() -> Error {
    let what = "without a rule nothing says which snapshots are to be kept";
    Error::new(ErrorKind::Refused, what).with_advice(Advice::NameSnapshotsOrRules)
}

/// Notes that these are forgotten, too.
fn write_forgotten(
    archive: &Archive,
    mut marks: Marks,
    numbers: impl Iterator<Item = SnapshotNumber>,
    catalog: &Catalog,
) -> Result<()> {
    let before = marks.clone();
    marks.forgotten.extend(numbers);
    // What is no longer there needs no mark.
    let there: BTreeSet<SnapshotNumber> = catalog.snapshots().collect();
    marks.forgotten.retain(|number| there.contains(number));
    if marks == before {
        return Ok(());
    }
    reserve::give_up(archive)?;
    archive.write_marks(&marks)
}

/// What becomes of each snapshot when these are forgotten.
fn named(numbers: &BTreeSet<SnapshotNumber>, catalog: &Catalog, there: &[Summary]) -> Result<Vec<Verdict>> {
    let mut verdicts = always_kept(there);
    for number in numbers {
        let Some(verdict) = verdicts.iter().find(|verdict| verdict.number == *number) else {
            return Err(catalog.check_is_there(*number).err().unwrap_or_else(|| no_snapshot(*number)));
        };
        if let Some(reason) = verdict.reasons.first() {
            return Err(always_stays(*number, reason));
        }
    }
    for verdict in verdicts.iter_mut().filter(|verdict| !numbers.contains(&verdict.number)) {
        if verdict.reasons.is_empty() {
            verdict.reasons.push(Reason::NotNamed);
        }
    }
    Ok(verdicts)
}

fn always_stays(number: SnapshotNumber, reason: &Reason) -> Error {
    let (why, advice) = match reason {
        Reason::Marked => ("it is marked to be kept".to_owned(), Advice::TakeMarkAway { snapshot: number }),
        Reason::NewestOf(source) => (format!("it is the newest that read {source}"), Advice::ListSnapshots),
        _ => ("the newest always stays".to_owned(), Advice::ListSnapshots),
    };
    Error::new(ErrorKind::Refused, format!("snapshot {number} cannot be forgotten: {why}")).with_advice(advice)
}

/// About how many bytes pruning would free if only these snapshots were kept.
///
/// # Errors
/// When the archive cannot be read or is damaged; [`ErrorKind::Interrupted`] when the monitor asks to stop.
pub(super) fn unused_bytes(catalog: &Catalog, kept: &BTreeSet<SnapshotNumber>, monitor: &dyn Monitor) -> Result<u64> {
    monitor.event(Event::Phase(Phase::FindingUnused));
    let mut bytes = 0;
    for gap in liveness::gaps(catalog, &|number| kept.contains(&number)) {
        Thinning { catalog, max_unused: MAX_UNUSED_DEFAULT, monitor }.gap(gap, &mut |step| {
            bytes += match step {
                Step::Join(joining) => joining.bytes.saturating_sub(joining.stays),
                Step::Hollow(unused) if unused.is_worth_it(MAX_UNUSED_DEFAULT) => unused.freed_bytes,
                Step::Hollow(_) => 0,
            };
            Ok(true)
        })?;
    }
    Ok(bytes)
}

/// Undoes forgetting, of all or of these snapshots. Returns those that are there again.
///
/// # Errors
/// [`ErrorKind::NotFound`] when one of them was not forgotten, or is pruned; otherwise as for [`forget`].
pub fn remember(
    archive: &Archive,
    numbers: Option<&BTreeSet<SnapshotNumber>>,
    monitor: &dyn Monitor,
) -> Result<Vec<SnapshotNumber>> {
    let _lease = archive.lock(Time::now())?;
    let mut marks = archive.marks()?;
    let history = archive.catalog(monitor)?.history()?;
    let standing = |number: SnapshotNumber| {
        let found = history.iter().find(|summary| summary.number == number);
        found.map(|summary| summary.standing).ok_or_else(|| no_snapshot(number))
    };
    for number in numbers.into_iter().flatten() {
        match standing(*number)? {
            Standing::Forgotten => {}
            Standing::Pruned => return Err(crate::base::snapshot::forgotten(*number, Standing::Pruned)),
            Standing::Kept | Standing::Marked => {
                let what = format!("snapshot {number} was not forgotten");
                return Err(Error::new(ErrorKind::NotFound, what).with_advice(Advice::ListSnapshots));
            }
        }
    }
    let is_meant = |number: &SnapshotNumber| numbers.is_none_or(|numbers| numbers.contains(number));
    let can_be = |number: &SnapshotNumber| standing(*number).is_ok_and(|standing| standing == Standing::Forgotten);
    let back: Vec<SnapshotNumber> =
        marks.forgotten.iter().copied().filter(|number| is_meant(number) && can_be(number)).collect();
    marks.forgotten.retain(|number| !back.contains(number));
    archive.write_marks(&marks)?;
    Ok(back)
}

/// Marks snapshots: they are not forgotten until [`unmark`].
///
/// # Errors
/// [`ErrorKind::NotFound`] when one is not there or was forgotten; otherwise as for [`forget`].
pub fn mark(archive: &Archive, numbers: &BTreeSet<SnapshotNumber>, monitor: &dyn Monitor) -> Result<()> {
    let _lease = archive.lock(Time::now())?;
    let mut marks = archive.marks()?;
    let catalog = archive.catalog(monitor)?;
    numbers.iter().try_for_each(|number| catalog.check_is_there(*number))?;
    marks.kept.extend(numbers);
    // The newest may have been noted as forgotten, which has no effect.
    marks.forgotten.retain(|number| !numbers.contains(number));
    archive.write_marks(&marks)
}

/// Takes marks away.
///
/// # Errors
/// [`ErrorKind::NotFound`] when one has none; otherwise as for [`forget`].
pub fn unmark(archive: &Archive, numbers: &BTreeSet<SnapshotNumber>) -> Result<()> {
    let _lease = archive.lock(Time::now())?;
    let mut marks = archive.marks()?;
    if let Some(other) = numbers.iter().find(|number| !marks.kept.contains(number)) {
        let what = format!("snapshot {other} is not marked to be kept");
        return Err(Error::new(ErrorKind::NotFound, what).with_advice(Advice::ListSnapshots));
    }
    marks.kept.retain(|number| !numbers.contains(number));
    archive.write_marks(&marks)
}
