//! What all threads of a restore share: where from, where to, what was done so far, and how it is told.

use super::options::RestoreOptions;
use super::report::Deletions;
use super::report::RestoreReport;
use crate::archive::catalog::Catalog;
use crate::archive::content::Check;
use crate::archive::content::Contents;
use crate::base::advice::Advice;
use crate::base::concurrency::Lock;
use crate::base::concurrency::threads;
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
use crate::system::destination::full_folder;
use crate::system::platform::RawStat;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// How many of the deleted entries are named.
const DELETED_NAMED_MAX: usize = 10;

/// What to do when the archive is gone half-way.
const WHEN_GONE: Advice = Advice::PlugInAndRestoreAgain;

/// A restore under way.
pub(super) struct RestoreContext<'a> {
    pub contents: Contents,
    pub options: &'a RestoreOptions,
    pub monitor: &'a dyn Monitor,
    /// `None` when nothing is written and it is not there.
    pub destination: Option<Destination>,
    /// At least 1.
    pub threads: usize,
    pub tally: Tally,
    /// The first entries that were deleted.
    deleted: Lock<Vec<EntryPathBuf>>,
    /// The files in the destination that have several names and were kept, by file system and inode, with the first name.
    claims: Lock<HashMap<(u64, u64), EntryPathBuf>>,
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
    problems: AtomicU64,
    entries_seen: AtomicU64,
    bytes_seen: AtomicU64,
    bytes_total: u64,
}

impl<'a> RestoreContext<'a> {
    pub(super) fn new(
        catalog: &Catalog,
        options: &'a RestoreOptions,
        monitor: &'a dyn Monitor,
        destination: Option<Destination>,
        bytes_total: u64,
    ) -> RestoreContext<'a> {
        RestoreContext {
            contents: Contents::new(catalog, Check::Hash, WHEN_GONE),
            options,
            monitor,
            destination,
            threads: threads(options.threads),
            tally: Tally { bytes_total, ..Tally::default() },
            deleted: Lock::default(),
            claims: Lock::default(),
        }
    }

    /// Where things are written to; `None` when nothing is to be written.
    pub(super) fn writable(&self) -> Option<&Destination> {
        self.destination.as_ref().filter(|_| !self.options.dry_run)
    }

    /// Keeps a file that is there, `existing`, as that of which `path` is the first name; `false` when it is another's.
    pub(super) fn claim(&self, existing: &RawStat, path: &EntryPath) -> bool {
        let mut claims = self.claims.lock();
        let owner = claims.entry((existing.file_system, existing.inode)).or_insert_with(|| path.to_owned());
        owner == path
    }

    /// # Errors
    /// [`crate::base::error::ErrorKind::Interrupted`] when the person asked to stop.
    pub(super) fn check_interrupted(&self) -> Result<()> {
        check_interrupted(self.monitor)
    }

    /// Whether `path`, which is no directory, can be where `existing` is: a directory with things in it must go for that, which
    /// is counted as deleted, or is a problem where nothing may be deleted.
    ///
    /// # Errors
    /// When nothing more can be written.
    pub(super) fn may_replace(&self, destination: &Destination, path: &EntryPath, existing: &RawStat) -> Result<bool> {
        if existing.kind != Some(Kind::Directory) {
            return Ok(true);
        }
        let Some(names) = self.or_report(destination.names(path))? else { return Ok(false) };
        if !names.is_empty() && !self.options.delete {
            self.problem(&full_folder(path));
            return Ok(false);
        }
        if !names.is_empty() {
            self.deleted(path);
        }
        Ok(true)
    }

    /// What is left of a result when a problem has been told: nothing.
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

    /// An entry was restored, or would be.
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

    /// An entry was left as it was.
    pub(super) fn kept(&self) {
        add(&self.tally.unchanged, 1);
    }

    /// An entry was deleted, or would be.
    pub(super) fn deleted(&self, path: &EntryPath) {
        add(&self.tally.deleted, 1);
        let mut named = self.deleted.lock();
        if named.len() < DELETED_NAMED_MAX {
            named.push(path.to_owned());
        }
        drop(named);
        if self.monitor.wants_entries() {
            self.monitor.event(Event::Entry(EntryChange::Deleted, path));
        }
    }

    /// Tells how far the work is.
    pub(super) fn advance(&self, entries: u64, bytes: u64) {
        let tally = &self.tally;
        self.monitor.event(Event::Progress(Progress {
            entries: tally.entries_seen.fetch_add(entries, Ordering::Relaxed) + entries,
            bytes: tally.bytes_seen.fetch_add(bytes, Ordering::Relaxed) + bytes,
            bytes_total: tally.bytes_total,
        }));
    }

    /// What was deleted, or would be.
    pub(super) fn deletions(&self) -> Deletions {
        let first = self.deleted.lock().clone();
        Deletions { total: self.tally.deleted.load(Ordering::Relaxed), first }
    }

    pub(super) fn report(&self) -> RestoreReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let tally = &self.tally;
        let losses = self.destination.as_ref().map(Destination::losses).unwrap_or_default();
        let (renamed_total, renamed) = self.destination.as_ref().map(Destination::renamed).unwrap_or_default();
        RestoreReport {
            number: self.options.at,
            files: read(&tally.files),
            directories: read(&tally.directories),
            others: read(&tally.others),
            bytes: read(&tally.bytes),
            unchanged: read(&tally.unchanged),
            deleted: read(&tally.deleted),
            problems: read(&tally.problems),
            losses: losses.iter().map(ToString::to_string).collect(),
            renamed_total,
            renamed,
        }
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
