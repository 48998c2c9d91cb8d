//! Restores one round of entries that are not directories: looks what is there, makes what has no content, and unpacks the
//! files. Directories are there already.

use super::compare::TargetState;
use super::compare::compare;
use super::context::RestoreContext;
use super::links::FirstName;
use super::links::Link;
use super::replacing::may_replace;
use crate::archive::content::Target;
use crate::archive::content::Unpacker;
use crate::archive::content::unpack;
use crate::base::advice::Advice;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::path::EntryPathBuf;
use crate::system::destination::Failure;
use crate::system::destination::PendingFile;
use crate::system::platform::WRITE_BYTES;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;

/// An entry to be restored.
pub(super) struct PlannedEntry {
    pub path: EntryPathBuf,
    pub entry: Entry,
    /// The names that wait for it.
    pub link: Option<Arc<Link>>,
}

impl PlannedEntry {
    fn note(&self, outcome: FirstName) {
        if let Some(link) = &self.link {
            link.set(outcome);
        }
    }

    /// The bytes of its content.
    fn bytes(&self) -> u64 {
        if self.entry.stat.kind == Kind::File { self.entry.stat.size } else { 0 }
    }
}

/// Says that a round is done when the last entry of it is.
struct Round(Sender<()>);

impl Drop for Round {
    fn drop(&mut self) {
        // The receiver is gone when the walk has ended.
        let _ = self.0.send(());
    }
}

/// An entry on its way.
struct Job<'r> {
    run: &'r RestoreContext<'r>,
    planned: PlannedEntry,
    /// Whether something else is there.
    replaces: AtomicBool,
    _round: Arc<Round>,
}

/// Restores round after round; problems are reported, and the rest goes on. The same workers do all of them, and begin
/// with one while the last files of the one before are still being written.
///
/// # Errors
/// When nothing more can be read or written, or the person asked to stop.
pub(super) fn restore_rounds(
    run: &RestoreContext,
    rounds: Receiver<Vec<PlannedEntry>>,
    done: &Sender<()>,
) -> Result<()> {
    unpack(&run.contents, run.threads, |workers| {
        for round in rounds {
            if workers.is_stopped() {
                break;
            }
            restore_round(run, round, done, workers)?;
        }
        Ok(())
    })
}

fn restore_round<'r>(
    run: &'r RestoreContext<'r>,
    round: Vec<PlannedEntry>,
    done: &Sender<()>,
    workers: &Unpacker<'_, Job<'r>>,
) -> Result<()> {
    let number = Arc::new(Round(done.clone()));
    let jobs = round
        .into_iter()
        .map(|planned| Arc::new(Job { run, planned, replaces: AtomicBool::new(false), _round: number.clone() }));
    // Files of a restore to an empty directory need no look.
    let is_fresh = !run.options.overwrite && !run.options.dry_run;
    let (mut files, to_look): (Vec<_>, Vec<_>) =
        jobs.partition(|job| is_fresh && job.planned.entry.stat.kind == Kind::File);
    drop(number);
    if run.options.dry_run {
        // A dry run names entries in their order.
        return to_look.iter().try_for_each(|job| job.look().map(drop));
    }
    files.extend(workers.look(to_look));
    workers.feed(files)
}

impl Job<'_> {
    /// Compares what is there with the entry; `None` if that failed, which was reported.
    fn found(&self) -> Result<Option<TargetState>> {
        let (run, PlannedEntry { path, entry, .. }) = (self.run, &self.planned);
        if !run.options.overwrite {
            return Ok(Some(TargetState::Other));
        }
        match run.or_report(run.destination.stat(path))? {
            Some(Some(existing)) if may_replace(run, path, &existing)? => {
                let found = compare(run, (&**path, entry), &existing)?;
                // A directory that is deleted is reported as such.
                let is_told = existing.kind == Some(Kind::Directory) && !run.options.keep;
                self.replaces.store(found == TargetState::Other && !is_told, Ordering::Relaxed);
                Ok(Some(found))
            }
            Some(None) => Ok(Some(TargetState::Other)),
            Some(Some(_)) | None => {
                self.done(FirstName::Failed(None), self.planned.bytes());
                Ok(None)
            }
        }
    }

    /// Reports a problem, for which it returns `None`.
    fn or_report<T>(&self, result: std::result::Result<T, Failure>) -> Result<Option<T>> {
        let settled = self.run.or_report(result)?;
        if settled.is_none() {
            self.done(FirstName::Failed(None), 0);
        }
        Ok(settled)
    }

    /// Reports that the entry is there now.
    fn restored(&self, bytes: u64) {
        if self.replaces.load(Ordering::Relaxed) {
            self.run.replaced(&self.planned.path);
        }
        self.run.restored(&self.planned.path, self.planned.entry.stat.kind, bytes);
    }

    /// Notes what became of the entry, with the bytes of it that were not reported yet.
    fn done(&self, outcome: FirstName, bytes: u64) {
        self.run.advance(1, bytes);
        self.planned.note(outcome);
    }
}

struct OpenFile<'d> {
    file: PendingFile<'d>,
    bytes: AtomicU64,
}

impl<'r> Target for Job<'r> {
    type Open = OpenFile<'r>;

    fn entry(&self) -> &Entry {
        &self.planned.entry
    }

    /// Keeps what is right already, sets attributes where only they differ, and makes what has no content.
    fn look(&self) -> Result<bool> {
        let (run, PlannedEntry { path, entry, .. }) = (self.run, &self.planned);
        run.check_interrupted()?;
        let Some(found) = self.found()? else { return Ok(false) };
        if found == TargetState::Same {
            run.kept();
            self.done(FirstName::Kept, self.planned.bytes());
            return Ok(false);
        }
        let Some(destination) = run.writable() else {
            self.restored(self.planned.bytes());
            self.done(FirstName::Written, self.planned.bytes());
            return Ok(false);
        };
        let made = match (found, entry.stat.kind) {
            (TargetState::OtherAttributes, _) => destination.set_attributes(path, entry).map(|()| true),
            (_, Kind::File) => return Ok(true),
            _ => destination.write_special(path, entry),
        };
        let Some(is_there) = run.or_report(made)? else {
            self.done(FirstName::Failed(None), self.planned.bytes());
            return Ok(false);
        };
        if is_there {
            // What was not written anew is not a restored content.
            self.restored(0);
        }
        self.done(FirstName::Written, self.planned.bytes());
        Ok(false)
    }

    fn begin(&self) -> Result<Option<OpenFile<'r>>> {
        self.run.check_interrupted()?;
        let Some(destination) = self.run.writable() else { return Ok(None) };
        let PlannedEntry { path, entry, .. } = &self.planned;
        let begun = destination.refuse_too_large(path, entry.stat.size).and_then(|()| destination.begin_file(path));
        let file = self.or_report(begun)?;
        if let Some(file) = &file
            && entry.content.as_ref().is_some_and(|content| !content.holes.is_empty())
        {
            file.will_have_holes();
        }
        Ok(file.map(|file| OpenFile { file, bytes: AtomicU64::new(0) }))
    }

    fn write(&self, open: &OpenFile<'r>, offset: u64, bytes: &[u8]) -> Result<bool> {
        let mut at = offset;
        // In pieces: a slow drive takes long for a whole frame.
        for piece in bytes.chunks(WRITE_BYTES) {
            self.run.check_interrupted()?;
            if self.or_report(open.file.write_at(at, piece))?.is_none() {
                return Ok(false);
            }
            at += piece.len() as u64;
            open.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
            self.run.advance(0, piece.len() as u64);
        }
        Ok(true)
    }

    fn finish(&self, open: OpenFile<'r>) -> Result<()> {
        let bytes = self.planned.bytes();
        let holes = bytes.saturating_sub(open.bytes.into_inner());
        if self.or_report(open.file.finish(&self.planned.entry))?.is_some() {
            self.restored(bytes);
            self.done(FirstName::Written, holes);
        }
        Ok(())
    }

    fn fail(&self, why: &Error) -> Result<()> {
        self.run.check_interrupted()?;
        let why = format!("not restored: {why}");
        let problem = Problem::new(self.planned.path.clone(), why.clone());
        self.run.problem(&problem.with_advice(Advice::LookAtOtherVersions));
        self.done(FirstName::Failed(Some(why)), 0);
        Ok(())
    }
}
