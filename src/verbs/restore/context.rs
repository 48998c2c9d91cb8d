//! What all threads of a restore share: where from, where to, what was done so far, and how it is reported.

use super::guard::RemovalGuard;
use super::options::RestoreOptions;
use super::report::Named;
use super::report::RestoreReport;
use super::report::TargetChanges;
use crate::archive::content::Contents;
use crate::base::concurrency::Lock;
use crate::base::concurrency::threads;
use crate::base::entry::FileKey;
use crate::base::entry::Kind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::monitor::EntryChange;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Progress;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::system::destination::Destination;
use crate::system::destination::Failure;
use crate::system::platform::RawStat;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// How many of the entries that are deleted or replaced are named.
const NAMED_MAX: usize = 10;

/// A restore in progress.
pub(super) struct RestoreContext<'a> {
    pub contents: Contents,
    pub options: &'a RestoreOptions,
    pub monitor: &'a dyn Monitor,
    pub destination: Destination,
    /// What may not be deleted.
    pub guard: RemovalGuard,
    /// At least 1.
    pub threads: usize,
    pub tally: Tally,
    /// The first entries that were deleted.
    deleted: Lock<Vec<EntryPathBuf>>,
    /// The first entries that were replaced.
    replaced: Lock<Vec<EntryPathBuf>>,
    /// The files in the destination that have several names and were kept, by file system and inode, with the first name.
    claims: Lock<HashMap<FileKey, EntryPathBuf>>,
}

/// What was done so far.
#[derive(Default)]
pub(super) struct Tally {
    files: AtomicU64,
    directories: AtomicU64,
    others: AtomicU64,
    bytes: AtomicU64,
    unchanged: AtomicU64,
    deleted: AtomicU64,
    replaced: AtomicU64,
    problems: AtomicU64,
    entries_seen: AtomicU64,
    bytes_seen: AtomicU64,
    bytes_total: u64,
}

impl Tally {
    /// The bytes of all contents.
    pub(super) fn bytes_total(&self) -> u64 {
        self.bytes_total
    }
}

impl<'a> RestoreContext<'a> {
    pub(super) fn new(
        (options, monitor): (&'a RestoreOptions, &'a dyn Monitor),
        (contents, guard): (Contents, RemovalGuard),
        destination: Destination,
        bytes_total: u64,
    ) -> RestoreContext<'a> {
        RestoreContext {
            contents,
            options,
            monitor,
            destination,
            guard,
            threads: threads(options.threads),
            tally: Tally { bytes_total, ..Tally::default() },
            deleted: Lock::default(),
            replaced: Lock::default(),
            claims: Lock::default(),
        }
    }

    /// Where things are written to; `None` when nothing is to be written.
    pub(super) fn writable(&self) -> Option<&Destination> {
        Some(&self.destination).filter(|_| !self.options.dry_run)
    }

    /// Claims an existing inode for `path`. False if another path of this restore has claimed it.
    pub(super) fn claim(&self, existing: &RawStat, path: &EntryPath) -> bool {
        let mut claims = self.claims.lock();
        let owner = claims.entry(existing.key()).or_insert_with(|| path.to_owned());
        owner == path
    }

    /// # Errors
    /// [`crate::base::error::ErrorKind::Interrupted`] when the person asked to stop.
    pub(super) fn check_interrupted(&self) -> Result<()> {
        check_interrupted(self.monitor)
    }

    /// Reports a problem, for which it returns `None`.
    ///
    /// # Errors
    /// When nothing more can be written.
    pub(super) fn or_report<T>(&self, result: std::result::Result<T, Failure>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Failure::Problem(problem)) => {
                self.problem(&problem);
                Ok(None)
            }
            Err(Failure::Fatal(error)) => Err(error),
        }
    }

    pub(super) fn problem(&self, problem: &Problem) {
        add(&self.tally.problems, 1);
        self.monitor.event(Event::Problem(problem));
    }

    /// Counts an entry that was restored, or would be.
    pub(super) fn restored(&self, path: &EntryPath, kind: Kind, bytes: u64) {
        match kind {
            Kind::File => add(&self.tally.files, 1),
            Kind::Directory => add(&self.tally.directories, 1),
            _ => add(&self.tally.others, 1),
        }
        add(&self.tally.bytes, bytes);
        if self.monitor.wants_entries() {
            self.monitor.event(Event::Entry(EntryChange::Restored, path));
        }
    }

    /// Counts an entry that replaced something, or would.
    pub(super) fn replaced(&self, path: &EntryPath) {
        add(&self.tally.replaced, 1);
        note_first(&self.replaced, path);
    }

    /// Counts an entry that was left as it was.
    pub(super) fn kept(&self) {
        add(&self.tally.unchanged, 1);
    }

    /// Counts an entry that was deleted, or would be.
    pub(super) fn deleted(&self, path: &EntryPath) {
        add(&self.tally.deleted, 1);
        note_first(&self.deleted, path);
        if self.monitor.wants_entries() {
            self.monitor.event(Event::Entry(EntryChange::Deleted, path));
        }
    }

    /// Reports progress.
    pub(super) fn advance(&self, entries: u64, bytes: u64) {
        let tally = &self.tally;
        self.monitor.event(Event::Progress(Progress {
            entries: tally.entries_seen.fetch_add(entries, Ordering::Relaxed) + entries,
            bytes: tally.bytes_seen.fetch_add(bytes, Ordering::Relaxed) + bytes,
            bytes_total: tally.bytes_total,
        }));
    }

    /// What was replaced and deleted, or would be.
    pub(super) fn changes(&self) -> TargetChanges {
        let named = |total: &AtomicU64, first: &Lock<Vec<EntryPathBuf>>| Named {
            total: total.load(Ordering::Relaxed),
            first: first.lock().clone(),
        };
        TargetChanges {
            replaced: named(&self.tally.replaced, &self.replaced),
            deleted: named(&self.tally.deleted, &self.deleted),
        }
    }

    /// Reports the problems that the guard met.
    pub(super) fn tell_of_guard(&self) {
        self.guard.problems().iter().for_each(|problem| self.problem(problem));
    }

    pub(super) fn report(&self) -> RestoreReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let tally = &self.tally;
        let not_kept = self.destination.not_kept();
        let (renamed_total, renamed) = self.destination.renamed();
        RestoreReport {
            number: self.options.at,
            files: read(&tally.files),
            directories: read(&tally.directories),
            others: read(&tally.others),
            bytes: read(&tally.bytes),
            unchanged: read(&tally.unchanged),
            deleted: read(&tally.deleted),
            replaced: read(&tally.replaced),
            problems: read(&tally.problems),
            not_kept: not_kept.iter().map(ToString::to_string).collect(),
            renamed_total,
            renamed,
        }
    }
}

fn note_first(named: &Lock<Vec<EntryPathBuf>>, path: &EntryPath) {
    let mut named = named.lock();
    if named.len() < NAMED_MAX {
        named.push(path.to_owned());
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
