//! A queue of jobs that is bounded in bytes, and the place where the first error stops everything. Knows nothing of jobs.

use crate::base::concurrency::Changed;
use crate::base::concurrency::Guard;
use crate::base::concurrency::Lock;
use crate::base::error::Error;
use crate::base::error::Result;
use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// The most jobs that wait, whatever they cost.
const WAITING_MAX: usize = 1024;

/// Jobs with their costs in bytes, first in, first out.
pub(super) struct Queue<J> {
    inner: Lock<Inner<J>>,
    /// A job came, or none will any more.
    filled: Changed,
    /// There is room again.
    freed: Changed,
    is_stopped: AtomicBool,
    bytes_max: usize,
}

struct Inner<J> {
    jobs: VecDeque<(J, usize)>,
    /// What is waiting or in work.
    bytes: usize,
    is_closed: bool,
    error: Option<Error>,
}

impl<J> Queue<J> {
    pub(super) fn new(bytes_max: usize) -> Queue<J> {
        let inner = Inner { jobs: VecDeque::new(), bytes: 0, is_closed: false, error: None };
        Queue {
            inner: Lock::new(inner),
            filled: Changed::default(),
            freed: Changed::default(),
            is_stopped: AtomicBool::new(false),
            bytes_max,
        }
    }

    /// Waits until there is room for a job of `cost` bytes, which must be pushed next; `false` when all has been stopped.
    pub(super) fn reserve(&self, cost: usize) -> bool {
        let no_room = |inner: &mut Inner<J>| {
            let is_full = inner.bytes > 0 && inner.bytes + cost > self.bytes_max;
            !self.is_stopped() && (is_full || inner.jobs.len() >= WAITING_MAX)
        };
        let mut inner = self.freed.wait_while(self.inner(), no_room);
        inner.bytes += cost;
        !self.is_stopped()
    }

    /// Adds a job for whose `cost` there is room.
    pub(super) fn push(&self, job: J, cost: usize) {
        let mut inner = self.inner();
        if !self.is_stopped() {
            inner.jobs.push_back((job, cost));
            self.filled.notify_one();
        }
    }

    /// Waits for the next job; `None` when there is none left. When it is done, [`Queue::done`] must follow.
    pub(super) fn pop(&self) -> Option<(J, usize)> {
        let nothing = |inner: &mut Inner<J>| inner.jobs.is_empty() && !inner.is_closed && !self.is_stopped();
        let mut inner = self.filled.wait_while(self.inner(), nothing);
        if self.is_stopped() {
            return None;
        }
        let next = inner.jobs.pop_front();
        self.freed.notify_one();
        next
    }

    pub(super) fn done(&self, cost: usize) {
        self.inner().bytes -= cost;
        self.freed.notify_one();
    }

    /// No job will come any more.
    pub(super) fn close(&self, result: Result<()>) {
        if let Err(error) = result {
            self.stop(error);
        }
        self.inner().is_closed = true;
        self.filled.notify_all();
    }

    /// Ends everything; the first error is kept. Jobs that wait are dropped: somebody may wait for their end.
    pub(super) fn stop(&self, error: Error) {
        let mut inner = self.inner();
        inner.error.get_or_insert(error);
        self.is_stopped.store(true, Ordering::Relaxed);
        let dropped = std::mem::take(&mut inner.jobs);
        drop(inner);
        drop(dropped);
        self.filled.notify_all();
        self.freed.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// The first error, if there was one.
    pub(super) fn into_result(self) -> Result<()> {
        let inner = self.inner.into_inner();
        inner.error.map_or(Ok(()), Err)
    }

    fn inner(&self) -> Guard<'_, Inner<J>> {
        self.inner.lock()
    }
}
