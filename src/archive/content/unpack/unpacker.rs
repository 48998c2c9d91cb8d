//! The reading thread: takes files, reads the frames that they need in the order of bundles and places, and hands them out.

use super::job::UnpackJob;
use super::job::UnpackPiece;
use super::jobs::JobSender;
use super::jobs::Jobs;
use super::large::HashTurn;
use super::large::LargeOutput;
use super::plan::BundlePlan;
use super::target::Target;
use super::worker::Worker;
use crate::archive::content::contents::Contents;
use crate::archive::content::frame::Stored;
use crate::archive::content::place::ContentRequest;
use crate::base::concurrency::Buffers;
use crate::base::concurrency::join;
use crate::base::error::Result;
use crate::format::bundle::Bundle;
use crate::format::layout::PIECE_BYTES;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

/// The most bytes of frames, compressed and not, that are on their way at once; one frame always may be.
const IN_FLIGHT_BYTES_MAX: u64 = 64 << 20;

/// What making bytes from an older content takes in memory: so many bytes, and so many times what is made.
const MADE_COST_MIN: u64 = 256 << 10;
const MADE_COST: u64 = 3;

/// How many files without bytes make up one job, and how many that are only looked at.
const SMALL_PER_JOB: usize = 64;

/// Has `feed` hand out files, which `threads` workers (at least one) unpack as long as it runs and until all is done.
///
/// # Errors
/// Those of `feed`; when the archive cannot be read any more; otherwise the first error of a file.
pub fn unpack<T: Target>(
    contents: &Contents,
    threads: usize,
    feed: impl FnOnce(&Unpacker<'_, T>) -> Result<()>,
) -> Result<()> {
    let (sender, jobs) = Jobs::new(IN_FLIGHT_BYTES_MAX);
    let buffers = Buffers::default();
    thread::scope(|scope| {
        // In here, so that the workers also end when `feed` panics.
        let unpacker = Unpacker { contents, sender, jobs: &jobs, buffers: &buffers };
        let run = || Worker::new(&jobs, &buffers, contents).run();
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(run)).collect();
        if let Err(error) = feed(&unpacker) {
            jobs.stop(error);
        }
        drop(unpacker);
        join(workers);
    });
    jobs.into_result()
}

/// Takes files and has workers unpack them.
pub struct Unpacker<'u, T: Target> {
    contents: &'u Contents,
    sender: JobSender<UnpackJob<T>>,
    jobs: &'u Jobs<UnpackJob<T>>,
    buffers: &'u Buffers,
}

impl<T: Target> Unpacker<'_, T> {
    /// Whether an error has ended everything.
    pub fn is_stopped(&self) -> bool {
        self.jobs.is_stopped()
    }

    /// Has the workers look at all of `files`, in no order, and waits; those whose content is wanted. An error ends everything.
    pub fn look(&self, files: Vec<Arc<T>>) -> Vec<Arc<T>> {
        let (sender, results) = channel();
        let mut files = files.into_iter().peekable();
        while files.peek().is_some()
            && let Some(room) = self.jobs.room_for(0)
        {
            let some = files.by_ref().take(SMALL_PER_JOB).collect();
            self.sender.send(UnpackJob::Look(some, sender.clone()), room);
        }
        drop(sender);
        results.into_iter().flatten().collect()
    }

    /// Hands on the contents of `files`, in the order of bundles and places: reads what is needed of the bundles, as long as
    /// there is room for it, and returns when all is read.
    ///
    /// # Errors
    /// When the archive cannot be read any more, and those of the files.
    pub fn feed(&self, files: Vec<Arc<T>>) -> Result<()> {
        let (mut empty, mut made, mut rest) = (Vec::new(), Vec::new(), Vec::with_capacity(files.len()));
        for file in files {
            match ContentRequest::of(file.entry()) {
                Err(error) => file.fail(&error)?,
                Ok(wanted) if wanted.next_data(0).is_none() => empty.push(file),
                Ok(wanted) if wanted.base().is_some() => made.push((wanted.bundle(), file)),
                Ok(wanted) => rest.push((wanted.bundle(), file)),
            }
        }
        let mut empty = empty.into_iter().peekable();
        while empty.peek().is_some()
            && let Some(room) = self.jobs.room_for(0)
        {
            self.sender.send(UnpackJob::Empty(empty.by_ref().take(SMALL_PER_JOB).collect()), room);
        }
        rest.sort_by_key(|(bundle, _)| *bundle);
        let mut rest = rest.into_iter().peekable();
        while let Some((id, first)) = rest.next().filter(|_| !self.jobs.is_stopped()) {
            let same = std::iter::from_fn(|| rest.next_if(|(next, _)| *next == id)).map(|(_, file)| file);
            let files = std::iter::once(first).chain(same);
            match self.contents.bundle(id) {
                Ok(bundle) => self.feed_bundle(&bundle, files.collect())?,
                Err(error) => {
                    let why = self.contents.lost_or_gone(&error)?;
                    files.into_iter().try_for_each(|file| file.fail(&why))?;
                }
            }
        }
        made.sort_by_key(|(bundle, _)| *bundle);
        for (_, file) in made {
            self.feed_made(&file);
        }
        Ok(())
    }

    /// Has a content made from an older one, range by range.
    fn feed_made(&self, file: &Arc<T>) {
        let size = file.entry().stat.size;
        let ranges = size.div_ceil(PIECE_BYTES) as usize;
        let large = (ranges > 1).then(|| Arc::new(LargeOutput::new()));
        for number in 0..ranges {
            let start = number as u64 * PIECE_BYTES;
            let range = start..size.min(start + PIECE_BYTES);
            let cost = MADE_COST_MIN + MADE_COST * (range.end - range.start);
            let Some(room) = self.jobs.room_for(cost) else { break };
            let turn = HashTurn { number, is_last: number + 1 == ranges };
            let piece = UnpackPiece { file: file.clone(), large: large.clone().map(|large| (large, turn)) };
            self.sender.send(UnpackJob::Made(piece, range), room);
        }
    }

    fn feed_bundle(&self, bundle: &Arc<Bundle>, files: Vec<Arc<T>>) -> Result<()> {
        let mut plan = BundlePlan::new(bundle);
        for file in files {
            match ContentRequest::of(file.entry()).and_then(|wanted| wanted.check_inside(bundle)) {
                Ok(()) => plan.add(file),
                Err(error) => file.fail(&error)?,
            }
        }
        while let Some((frame, pieces)) = plan.next_frame() {
            let bytes = u64::from(frame.stored_bytes) + u64::from(frame.raw_bytes);
            let Some(room) = self.jobs.room_for(bytes) else { break };
            let stored = Stored::read(bundle, frame, self.buffers.get());
            if let Some(error) = &stored.unread {
                self.contents.lost_or_gone(error)?;
            }
            self.sender.send(UnpackJob::Frame { bundle: bundle.clone(), stored, pieces }, room);
        }
        Ok(())
    }
}
