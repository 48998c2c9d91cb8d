//! `prune`: contents that only forgotten snapshots have become empty files, bundle by bundle, the newest first; small
//! bundles of forgotten snapshots that follow each other become one, if that frees enough.
//!
//! Each bundle is rewritten, read back and checked before it replaces the old one, so that a run may end anywhere.
//! Index files of its number and later ones are removed first: they say where contents were.

use crate::archive::catalog::Catalog;
use crate::archive::exchange;
use crate::archive::hollow;
use crate::archive::hollow::Hollowing;
use crate::archive::joined;
use crate::archive::listing::parse_index_name;
use crate::archive::liveness;
use crate::archive::liveness::MAX_UNUSED_DEFAULT;
use crate::archive::liveness::Unused;
use crate::archive::open::Archive;
use crate::archive::open::INDEX;
use crate::archive::reserve;
use crate::archive::thinning::Joining;
use crate::archive::thinning::Step;
use crate::archive::thinning::Thinning;
use crate::base::advice::Advice;
use crate::base::concurrency::Lock;
use crate::base::concurrency::Turn;
use crate::base::concurrency::in_turn;
use crate::base::concurrency::threads;
use crate::base::error::Result;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Notice;
use crate::base::monitor::Phase;
use crate::base::monitor::Progress;
use crate::base::time::Time;
use crate::base::units::human_size;
use crate::system::store::Lease;
use std::collections::BTreeSet;

/// Space that a rewritten bundle may need besides what stays of the old one.
const SPARE_BYTES: u64 = 1 << 20;

/// This much is written even if less is reported as free.
const TRIED_BYTES: u64 = 16 << 20;

/// So many gaps between kept snapshots are worked on at once: what is needed is in memory of each.
const THREADS_MAX: usize = 2;

/// A bundle that needs no more is written before those between later snapshots are in their places, where this is free.
const AHEAD_BYTES_MAX: u64 = 64 << 20;
const AHEAD_FREE_BYTES_MIN: u64 = 256 << 20;

/// What [`prune`] does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PruneOptions {
    /// How much of a bundle may be unused before it is rewritten, in hundredths of its length. Default:
    /// [`MAX_UNUSED_DEFAULT`].
    pub max_unused: u8,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// How many threads work, two at most; 0, the default: as many as there are cores.
    pub threads: usize,
}

impl Default for PruneOptions {
    fn default() -> Self {
        PruneOptions { max_unused: MAX_UNUSED_DEFAULT, dry_run: false, threads: 0 }
    }
}

/// A bundle that was rewritten, or would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrunedBundle {
    /// Its name.
    pub bundle: BundleName,
    /// How many bundles before it were joined into it and are gone.
    pub joined: u64,
    /// How many contents went.
    pub contents: u64,
    /// Its length before, in bytes.
    pub bytes_before: u64,
    /// Its length after, in bytes; in a dry run about.
    pub bytes_after: u64,
}

/// What [`prune`] did, or would do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PruneReport {
    /// The bundles that were rewritten, the newest first.
    pub bundles: Vec<PrunedBundle>,
    /// About how many unused bytes are left in bundles that have too few of them.
    pub unused_bytes: u64,
    /// How many bundles should have been rewritten and could not be. The monitor was told why.
    pub problems: u64,
}

impl PruneReport {
    /// How many bytes were freed.
    pub fn freed_bytes(&self) -> u64 {
        let freed = |bundle: &PrunedBundle| bundle.bytes_before.saturating_sub(bundle.bytes_after);
        self.bundles.iter().map(freed).fold(0, u64::saturating_add)
    }
}

/// Takes out what no snapshot needs that is not forgotten. Needs as much free space as the largest bundle has afterwards.
///
/// # Errors
/// [`ErrorKind::Locked`](crate::base::error::ErrorKind::Locked) when another process is writing;
/// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when what was said of snapshots, or the history, cannot be read;
/// [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted); otherwise when the archive cannot be read or written. What was done until then
/// stays.
pub fn prune(archive: &Archive, options: &PruneOptions, monitor: &dyn Monitor) -> Result<PruneReport> {
    let lease = if options.dry_run { None } else { Some(archive.lock(Time::now())?) };
    let done = prune_locked(archive, *options, lease.as_deref(), monitor);
    if lease.is_some() {
        reserve::keep_some(archive);
    }
    done
}

/// As [`prune`], for a caller that holds the lock; without a lease in a dry run.
///
/// # Errors
/// As for [`prune`].
pub(super) fn prune_locked(
    archive: &Archive,
    options: PruneOptions,
    lease: Option<&dyn Lease>,
    monitor: &dyn Monitor,
) -> Result<PruneReport> {
    archive.marks()?;
    if lease.is_some() {
        reserve::give_up(archive)?;
    }
    let done = prune_in_passes(archive, options, lease, monitor);
    if lease.is_some() {
        reserve::keep(archive);
    }
    done
}

fn prune_in_passes(
    archive: &Archive,
    options: PruneOptions,
    lease: Option<&dyn Lease>,
    monitor: &dyn Monitor,
) -> Result<PruneReport> {
    let mut report = PruneReport::default();
    loop {
        let before = report.bundles.len();
        let pass = Pass { archive, options, monitor, lease, waiting: Lock::default(), report: Lock::new(report) };
        let ended = pass.run();
        let has_changed = pass.report.lock().bundles.len() > before;
        if has_changed && !options.dry_run {
            // Also after an error: the next reader needs it.
            let indexed = make_index(archive, monitor);
            ended.and(indexed)?;
        } else {
            ended?;
        }
        // What was freed may be enough for those that had no space before.
        if pass.waiting.lock().is_empty() || !has_changed || options.dry_run {
            pass.tell_waiting();
            return Ok(pass.report.into_inner());
        }
        report = pass.report.into_inner();
        report.unused_bytes = 0;
    }
}

/// One way through all bundles.
struct Pass<'a> {
    archive: &'a Archive,
    options: PruneOptions,
    monitor: &'a dyn Monitor,
    /// None for a dry run.
    lease: Option<&'a dyn Lease>,
    /// The bundles for which there was no space, and what they need.
    waiting: Lock<Vec<(BundleName, u64)>>,
    report: Lock<PruneReport>,
}

impl Pass<'_> {
    fn run(&self) -> Result<()> {
        self.monitor.event(Event::Phase(Phase::FindingUnused));
        let catalog = if self.options.dry_run {
            self.archive.catalog(self.monitor)?
        } else {
            self.archive.catalog_for_writing(self.monitor)?
        };
        let history = catalog.history()?;
        let kept: BTreeSet<SnapshotNumber> =
            history.iter().filter(|summary| summary.standing.is_there()).map(|summary| summary.number).collect();
        let parents = Lock::new(Parents::of(&catalog));
        self.monitor.event(Event::Phase(Phase::Pruning));
        let gaps = liveness::gaps(&catalog, &|number| kept.contains(&number));
        // What a gap needs is not changed by those after it but for the index, which goes from their first number on.
        in_turn(threads(self.options.threads).min(THREADS_MAX), &gaps, |gap, turn| {
            let thinning = Thinning { catalog: &catalog, max_unused: self.options.max_unused, monitor: self.monitor };
            thinning.gap(gap.clone(), &mut |step| match step {
                Step::Join(joining) => self.join(&joining, &parents, turn),
                Step::Hollow(unused) => self.bundle(unused, &parents, turn).map(|()| true),
            })
        })
    }

    /// Joins bundles; whether that was done.
    fn join(&self, joining: &Joining, parents: &Lock<Parents>, turn: &Turn) -> Result<bool> {
        let Some((last, unused)) = joining.bundles.first() else { return Ok(false) };
        let mut done = PrunedBundle {
            bundle: last.name.clone(),
            joined: joining.bundles.len() as u64 - 1,
            contents: joining.bundles.iter().map(|(_, unused)| unused.contents.len() as u64).sum(),
            bytes_before: joining.bytes,
            bytes_after: joining.stays,
        };
        if let Some(lease) = self.lease {
            if self.lacks_room(joining.stays.saturating_add(SPARE_BYTES), turn)? {
                return Ok(false);
            }
            let named = parents.lock().named(self.archive, &last.name);
            match self.make_joined(joining, (unused.until, named.unwrap_or(unused.manifest)), (lease, turn)) {
                Ok(bytes) => done.bytes_after = bytes,
                // They are pruned one by one then, and errors are reported.
                Err(error) if error.is_damage() || error.io_error().is_some_and(is_full) => return Ok(false),
                Err(error) => return Err(error),
            }
            parents.lock().remove(joining.bundles[1..].iter().map(|(file, _)| &file.name));
        }
        turn.wait()?;
        self.pruned(done);
        Ok(true)
    }

    /// Writes the bundle that others become, checks it, and puts it in the place of the last of them; the others are
    /// removed. Returns its length.
    fn make_joined(
        &self,
        joining: &Joining,
        (until, stands_for): (SnapshotNumber, Hash),
        (lease, turn): (&dyn Lease, &Turn),
    ) -> Result<u64> {
        let join = joining.join;
        let Some(last) = join.last().map(|file| &file.name) else { return Ok(0) };
        let store = self.archive.store();
        let published = join.write(joining.liveness, until, stands_for)?;
        let checked = hollow::check(self.archive, last, self.monitor)
            .and_then(|()| turn.wait())
            .and_then(|()| lease.check())
            .and_then(|()| remove_index(self.archive, join.first_number()))
            .and_then(|()| joined::note(&**store, last, join.joined_from()));
        if let Err(error) = checked {
            let _ = store.remove(&exchange::new_path(last));
            return Err(error);
        }
        exchange::put_in_place(&**store, last)?;
        joined::finish(&**store)?;
        Ok(published.bytes)
    }

    /// What is free is not known so well that a little is not tried. What is large, or has little room, waits for its turn first.
    fn lacks_room(&self, needed: u64, turn: &Turn) -> Result<bool> {
        let free = || self.archive.store().space().free_bytes;
        if needed > AHEAD_BYTES_MAX || free().is_some_and(|free| free < AHEAD_FREE_BYTES_MIN) {
            turn.wait()?;
        }
        Ok(needed > TRIED_BYTES && free().is_some_and(|free| free < needed))
    }

    fn bundle(&self, unused: &Unused, parents: &Lock<Parents>, turn: &Turn) -> Result<()> {
        if !unused.is_worth_it(self.options.max_unused) {
            self.report.lock().unused_bytes += unused.freed_bytes;
            return Ok(());
        }
        let stays = unused.bytes.saturating_sub(unused.freed_bytes);
        let mut done = PrunedBundle {
            bundle: unused.bundle.clone(),
            joined: 0,
            contents: unused.contents.len() as u64,
            bytes_before: unused.bytes,
            bytes_after: stays,
        };
        if !self.options.dry_run {
            let needed = stays.saturating_add(SPARE_BYTES);
            if self.lacks_room(needed, turn)? {
                self.waiting.lock().push((unused.bundle.clone(), needed));
                return Ok(());
            }
            match self.write(unused, parents, turn) {
                Ok(bytes) => done.bytes_after = bytes,
                Err(error) if error.is_damage() => {
                    self.left(&unused.bundle, error.with_advice(Advice::RepairBeforePrune).to_string());
                    return Ok(());
                }
                Err(error) if error.io_error().is_some_and(is_full) => {
                    self.waiting.lock().push((unused.bundle.clone(), needed));
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        turn.wait()?;
        self.pruned(done);
        Ok(())
    }

    fn pruned(&self, done: PrunedBundle) {
        let mut report = self.report.lock();
        let bytes = report.freed_bytes();
        report.bundles.push(done);
        drop(report);
        self.monitor.event(Event::Progress(Progress { bytes, ..Progress::default() }));
    }

    fn write(&self, unused: &Unused, parents: &Lock<Parents>, turn: &Turn) -> Result<u64> {
        let name = &unused.bundle;
        let stands_for = parents.lock().named(self.archive, name).unwrap_or(unused.manifest);
        let hollowing = Hollowing { bundle: name, contents: &unused.contents, pruned_until: unused.until, stands_for };
        let placing = Placing { archive: self.archive, lease: self.lease, monitor: self.monitor };
        placing.make_hollow(&hollowing, &|| turn.wait())
    }

    fn left(&self, bundle: &BundleName, why: String) {
        self.report.lock().problems += 1;
        self.monitor.event(Event::Notice(&Notice::NotPruned { bundle: bundle.to_string(), why }));
    }

    fn tell_waiting(&self) {
        for (bundle, needed) in std::mem::take(&mut *self.waiting.lock()) {
            let free = self.archive.store().space().free_bytes.unwrap_or(0);
            let why = format!("it needs {} while it is written, and {} are free", human_size(needed), human_size(free));
            self.left(&bundle, why);
        }
    }
}

/// How a bundle that was written anew comes to the place of the old one.
pub(super) struct Placing<'a> {
    pub archive: &'a Archive,
    pub lease: Option<&'a dyn Lease>,
    pub monitor: &'a dyn Monitor,
}

impl Placing<'_> {
    /// Writes a bundle anew, checks it, and puts it in the place of the old one; its length. `wait` is called before anything that
    /// is there is changed.
    ///
    /// # Errors
    /// As for [`hollow::write`] and [`Placing::put`].
    pub(super) fn make_hollow(&self, hollowing: &Hollowing, wait: &dyn Fn() -> Result<()>) -> Result<u64> {
        let old = self.archive.bundle_compared(hollowing.bundle)?;
        let published = hollow::write(self.archive, &old, hollowing, self.monitor)?;
        drop(old);
        self.put(hollowing.bundle, wait)?;
        Ok(published.bytes)
    }

    /// Reads a bundle back that was published to take the place of another, and puts it there.
    ///
    /// # Errors
    /// As for [`hollow::check`]; those of `wait`; when this process is no longer the only writer; otherwise when the archive cannot
    /// be written.
    pub(super) fn put(&self, name: &BundleName, wait: &dyn Fn() -> Result<()>) -> Result<()> {
        let store = self.archive.store();
        let checked = hollow::check(self.archive, name, self.monitor)
            .and_then(|()| wait())
            .and_then(|()| self.lease.map_or(Ok(()), Lease::check))
            .and_then(|()| remove_index(self.archive, name.id.number));
        if let Err(error) = checked {
            let _ = store.remove(&exchange::new_path(name));
            return Err(error);
        }
        exchange::put_in_place(&**store, name)
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// Removes the index files of this number and later ones: they say where contents were.
fn remove_index(archive: &Archive, from: SnapshotNumber) -> Result<()> {
    let listed = archive.store().list(INDEX)?.into_iter().map(|(file, _)| file);
    let files: Vec<String> =
        listed.filter(|file| parse_index_name(file).is_some_and(|number| number >= from)).collect();
    if files.is_empty() { Ok(()) } else { archive.store().remove_all(INDEX, &files) }
}

/// Makes the index again after [`remove_index`], without a notice that it was missing.
///
/// # Errors
/// When the archive cannot be read or written.
pub(super) fn make_index(archive: &Archive, monitor: &dyn Monitor) -> Result<()> {
    let monitor = WithoutIndex(monitor);
    let catalog = archive.catalog_for_writing(&monitor)?;
    catalog.state(catalog.highest()).map(drop)
}

/// Passes on all events but that the index was made again.
struct WithoutIndex<'m>(&'m dyn Monitor);

impl Monitor for WithoutIndex<'_> {
    fn event(&self, event: Event<'_>) {
        if !matches!(event, Event::Notice(Notice::IndexRebuilt)) {
            self.0.event(event);
        }
    }

    fn is_interrupted(&self) -> bool {
        self.0.is_interrupted()
    }
}

/// Which bundle follows which.
pub(super) struct Parents(Vec<BundleName>);

impl Parents {
    /// Notes that these are gone.
    fn remove<'n>(&mut self, names: impl Iterator<Item = &'n BundleName>) {
        let gone: Vec<&BundleName> = names.collect();
        self.0.retain(|name| !gone.contains(&name));
    }

    /// Those of an archive.
    pub(super) fn of(catalog: &Catalog) -> Parents {
        Parents(catalog.bundles().map(|file| file.name.clone()).collect())
    }

    /// The BLAKE3 of its manifest by which the bundle after this one refers to it.
    pub(super) fn named(&self, archive: &Archive, name: &BundleName) -> Option<Hash> {
        let next = self.0.iter().position(|other| other == name).and_then(|at| self.0.get(at + 1))?;
        let parent = archive.bundle(next).ok()?.own_head()?.parent?;
        (parent.bundle == *name).then_some(parent.manifest)
    }
}
