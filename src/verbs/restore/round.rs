//! Restores one round of entries that are no directories: looks what is there, makes what has no content, and unpacks the
//! files. Directories are there already.

use super::compare::Found;
use super::compare::compare;
use super::links::Link;
use super::links::Outcome;
use super::run::Run;
use crate::archive::unpack::Sink;
use crate::archive::unpack::Wanted;
use crate::archive::unpack::unpack;
use crate::base::advice::Advice;
use crate::base::concurrency::join;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::path::EntryPathBuf;
use crate::system::destination::Failure;
use crate::system::destination::PendingFile;
use crate::system::platform::WRITE_BYTES;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

/// An entry to be restored.
pub(super) struct Planned {
    pub path: EntryPathBuf,
    pub entry: Entry,
    /// Who waits for it.
    pub link: Option<Arc<Link>>,
}

impl Planned {
    fn note(&self, outcome: Outcome) {
        if let Some(link) = &self.link {
            link.set(outcome);
        }
    }

    /// The bytes of its content.
    fn bytes(&self) -> u64 {
        if self.entry.stat.kind == Kind::File { self.entry.stat.size } else { 0 }
    }
}

/// Restores all of `round`; problems are told, and the rest goes on.
///
/// # Errors
/// When nothing more can be read or written, or the person asked to stop.
pub(super) fn restore_round(run: &Run, round: &[Planned]) -> Result<()> {
    let files = Mutex::new(Vec::new());
    let is_fresh = !run.options.overwrite && !run.options.dry_run;
    // Files of a restore to an empty directory need no look.
    let (to_unpack, to_look): (Vec<usize>, Vec<usize>) =
        (0..round.len()).partition(|number| is_fresh && round[*number].entry.stat.kind == Kind::File);
    // A dry run names entries in their order.
    let threads = if run.options.dry_run { 1 } else { run.threads };
    in_parallel(&to_look, threads, &|number| {
        if look_and_make(run, &round[number])? == Next::Unpack {
            files.lock().unwrap_or_else(PoisonError::into_inner).push(number);
        }
        Ok(())
    })?;
    let mut numbers = files.into_inner().unwrap_or_else(PoisonError::into_inner);
    numbers.extend(to_unpack);
    let mut sink = FileSink { run, round, numbers: Vec::with_capacity(numbers.len()) };
    let mut wanted = Vec::with_capacity(numbers.len());
    for number in numbers {
        let entry = &round[number].entry;
        match &entry.content {
            Some(content) if content.place.is_lost() => {
                sink.lose(&round[number], &Error::damaged("its content was lost when the archive was damaged"));
            }
            Some(content) => {
                wanted.push(Wanted { size: entry.stat.size, content });
                sink.numbers.push(number);
            }
            None => sink.lose(&round[number], &Error::damaged("the index says nothing of its content")),
        }
    }
    unpack(&wanted, &|id| run.bundle(id), run.threads, &sink)
}

/// Calls `work` with each of `numbers`, in `threads` threads, until one fails.
fn in_parallel(numbers: &[usize], threads: usize, work: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<()> {
    /// Below this many it is not worth a thread.
    const SHARE_MIN: usize = 16;
    let threads = threads.min(numbers.len() / SHARE_MIN).max(1);
    if threads == 1 {
        return numbers.iter().try_for_each(|number| work(*number));
    }
    let next = AtomicUsize::new(0);
    let take_on = || {
        while let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(*number).inspect_err(|_| next.store(numbers.len(), Ordering::Relaxed))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(take_on)).collect();
        join(threads).into_iter().collect()
    })
}

#[derive(PartialEq, Eq)]
enum Next {
    Done,
    Unpack,
}

/// Keeps what is right already, sets attributes where only they differ, and makes what has no content.
fn look_and_make(run: &Run, planned: &Planned) -> Result<Next> {
    run.check_interrupted()?;
    let (path, entry) = (&planned.path, &planned.entry);
    let Some(found) = look(run, planned)? else { return Ok(Next::Done) };
    if found == Found::Same {
        run.kept();
        run.advance(1, planned.bytes());
        planned.note(Outcome::Kept);
        return Ok(Next::Done);
    }
    let Some(destination) = run.writable() else {
        run.restored(path, entry.stat.kind, planned.bytes());
        run.advance(1, planned.bytes());
        planned.note(Outcome::Written);
        return Ok(Next::Done);
    };
    let made = match (found, entry.stat.kind) {
        (Found::OtherAttributes, _) => destination.set_attributes(path, entry).map(|()| true),
        (_, Kind::File) => return Ok(Next::Unpack),
        _ => destination.write_special(path, entry),
    };
    run.advance(1, planned.bytes());
    let Some(is_there) = run.settle(made)? else {
        planned.note(Outcome::Failed(None));
        return Ok(Next::Done);
    };
    if is_there {
        // What was not written anew is no restored content.
        run.restored(path, entry.stat.kind, 0);
    }
    planned.note(Outcome::Written);
    Ok(Next::Done)
}

/// How what is there stands to the entry; `None` when that cannot be found out, which has been told.
fn look(run: &Run, planned: &Planned) -> Result<Option<Found>> {
    let Some(destination) = run.destination.as_ref().filter(|_| run.options.overwrite) else {
        return Ok(Some(Found::Other));
    };
    match run.settle(destination.stat(&planned.path))? {
        Some(Some(existing)) if run.may_replace(destination, &planned.path, &existing)? => {
            compare(run, destination, planned, &existing).map(Some)
        }
        Some(None) => Ok(Some(Found::Other)),
        Some(Some(_)) | None => {
            run.advance(1, planned.bytes());
            planned.note(Outcome::Failed(None));
            Ok(None)
        }
    }
}

/// Writes the contents of a round to the destination.
struct FileSink<'r> {
    run: &'r Run<'r>,
    round: &'r [Planned],
    /// Which entry of the round each wanted content belongs to.
    numbers: Vec<usize>,
}

struct OpenFile<'d> {
    file: PendingFile<'d>,
    bytes: AtomicU64,
}

impl<'r> FileSink<'r> {
    fn planned(&self, number: usize) -> &'r Planned {
        &self.round[self.numbers[number]]
    }

    /// What is left of a result when a problem has been told: nothing.
    fn settle<T>(&self, planned: &Planned, result: std::result::Result<T, Failure>) -> Result<Option<T>> {
        let settled = self.run.settle(result)?;
        if settled.is_none() {
            planned.note(Outcome::Failed(None));
            self.run.advance(1, 0);
        }
        Ok(settled)
    }

    /// Tells that a content is not to be had.
    fn lose(&self, planned: &Planned, why: &Error) {
        let why = format!("not restored: {why}; an older snapshot may still hold an earlier version");
        self.run.problem(&Problem::new(planned.path.clone(), why.clone()));
        self.run.advance(1, 0);
        planned.note(Outcome::Failed(Some(why)));
    }
}

impl<'r> Sink for FileSink<'r> {
    type Open = OpenFile<'r>;

    fn begin(&self, number: usize) -> Result<Option<OpenFile<'r>>> {
        self.run.check_interrupted()?;
        let Some(destination) = self.run.writable() else { return Ok(None) };
        let planned = self.planned(number);
        let size = planned.entry.stat.size;
        let begun =
            destination.refuse_too_large(&planned.path, size).and_then(|()| destination.begin_file(&planned.path));
        let file = self.settle(planned, begun)?;
        Ok(file.map(|file| OpenFile { file, bytes: AtomicU64::new(0) }))
    }

    fn write(&self, number: usize, open: &OpenFile<'r>, offset: u64, bytes: &[u8]) -> Result<bool> {
        let mut at = offset;
        // A slow drive takes long for a whole frame.
        for piece in bytes.chunks(WRITE_BYTES) {
            self.run.check_interrupted()?;
            if self.settle(self.planned(number), open.file.write_at(at, piece))?.is_none() {
                return Ok(false);
            }
            at += piece.len() as u64;
            open.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
            self.run.advance(0, piece.len() as u64);
        }
        Ok(true)
    }

    fn finish(&self, number: usize, open: OpenFile<'r>) -> Result<()> {
        let planned = self.planned(number);
        let holes = planned.bytes().saturating_sub(open.bytes.into_inner());
        if self.settle(planned, open.file.finish(&planned.entry))?.is_some() {
            self.run.restored(&planned.path, Kind::File, planned.bytes());
            self.run.advance(1, holes);
            planned.note(Outcome::Written);
        }
        Ok(())
    }

    fn fail(&self, number: usize, why: &Error) -> Result<()> {
        self.run.check_interrupted()?;
        // One bundle that cannot be read is a problem; a drive that is gone is the end.
        if !matches!(why.kind(), ErrorKind::Damaged) {
            let store = self.run.archive.store();
            store.list("").map_err(|error| {
                let error = error.while_doing("the archive cannot be read any more");
                if error.kind() == ErrorKind::RefusedBySystem {
                    return error;
                }
                error.with_advice(Advice::PlugInAndRestoreAgain)
            })?;
        }
        self.lose(self.planned(number), why);
        Ok(())
    }
}
