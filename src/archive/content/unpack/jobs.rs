//! Jobs on their way from the thread that reads to the workers, bounded in bytes; the first error stops everything. Knows
//! nothing of what jobs are.

use crate::base::concurrency::Budget;
use crate::base::concurrency::Lock;
use crate::base::concurrency::Permit;
use crate::base::error::Error;
use crate::base::error::Result;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;

/// What a job counts for beside its own bytes, so that jobs are not too many either.
const JOB_BYTES: u64 = 64 << 10;

/// Where jobs come in. Once it is dropped, and all copies of it, no job will come any more.
pub(super) struct JobSender<J>(Sender<(J, Permit)>);

/// Jobs, first in, first out.
pub(super) struct Jobs<J> {
    waiting: Lock<Receiver<(J, Permit)>>,
    budget: Budget,
    error: Lock<Option<Error>>,
}

impl<J> Jobs<J> {
    /// None so far; at most `bytes_max` bytes of them, waiting or in work, at once.
    pub(super) fn new(bytes_max: u64) -> (JobSender<J>, Jobs<J>) {
        let (sender, waiting) = channel();
        (
            JobSender(sender),
            Jobs { waiting: Lock::new(waiting), budget: Budget::new(bytes_max), error: Lock::default() },
        )
    }

    /// Waits for the next job, which counts until its permit is dropped; `None` when there is none left.
    pub(super) fn next(&self) -> Option<(J, Permit)> {
        // Whoever gets one may wait for what becomes of an earlier one: after a stop nobody gets a later one than was given out.
        let waiting = self.waiting.lock();
        loop {
            let next = waiting.recv().ok()?;
            if !self.is_stopped() {
                return Some(next);
            }
        }
    }

    /// Waits until there is room for `bytes`; `None` when all has been stopped.
    pub(super) fn room_for(&self, bytes: u64) -> Option<Permit> {
        self.budget.take(bytes.saturating_add(JOB_BYTES))
    }

    /// Ends everything; the first error is kept. Jobs that wait are dropped: somebody may wait for their end.
    pub(super) fn stop(&self, error: Error) {
        self.error.lock().get_or_insert(error);
        self.budget.stop();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.budget.is_stopped()
    }

    /// The first error, if there was one.
    pub(super) fn into_result(self) -> Result<()> {
        self.error.into_inner().map_or(Ok(()), Err)
    }
}

impl<J> JobSender<J> {
    /// Adds a job, which keeps the room that it was given.
    pub(super) fn send(&self, job: J, room: Permit) {
        // Only fails when nobody takes jobs any more, after an error or a panic that is passed on.
        let _ = self.0.send((job, room));
    }
}
