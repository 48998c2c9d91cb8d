//! The threads of `create` and what is between them: jobs out, results back in order, never more than so many bytes at once.

use super::CreateOptions;
use super::Level;
use super::pace::Pace;
use super::plan::Planned;
use super::plan::Planner;
use super::write::Done;
use super::write::Writer;
use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::archive::state::State;
use crate::base::buffers::Buffers;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::monitor::Monitor;
use crate::base::monitor::Progress;
use crate::base::monitor::check_interrupted;
use crate::base::workers;
use crate::format::frames::Effort;
use crate::format::manifest::Head;
use crate::system::scan;
use crate::system::scan::ScanOptions;
use crate::system::scan::Source;
use crate::verbs::pack::Context;
use crate::verbs::pack::Job;
use crate::verbs::pack::PIECE_BYTES;
use crate::verbs::pack::Packed;
use crate::verbs::pack::Packer;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// How many pieces more than there are workers may be on their way from plan to drive.
const PIECES_AHEAD: u64 = 2;

/// What counts for a job beside its content, in bytes.
const JOB_BYTES: u64 = 16 << 10;

/// All that a run needs.
pub struct Run<'a> {
    pub archive: &'a Archive,
    pub catalog: &'a Catalog<'a>,
    pub before: &'a State,
    pub sources: &'a [Source],
    pub scan_options: &'a ScanOptions<'a>,
    pub options: &'a CreateOptions<'a>,
    pub threads: usize,
    pub head: Head,
    pub monitor: &'a dyn Monitor,
}

impl Run<'_> {
    /// Whether the newest bundles are parts of a snapshot that was cut off.
    pub fn was_cut_off(&self) -> bool {
        self.catalog.highest() > self.catalog.newest().unwrap_or(0)
    }
}

/// Scans, compares, packs and writes.
///
/// # Errors
/// As for [`super::create`].
pub fn run(run: &Run) -> Result<Done> {
    let belt = Belt::new((run.threads as u64 + PIECES_AHEAD) * PIECE_BYTES);
    let pace = Pace::new(run.threads);
    let effort = || match run.options.level {
        Level::Auto => Effort::Step(pace.step()),
        Level::Fixed(level) => Effort::Level(level),
    };
    let context = Context {
        sources: run.sources,
        effort: &effort,
        bundle_name: &|id| run.catalog.name(id).ok().cloned(),
        clock: run.options.clock,
        dry_run: run.options.dry_run,
        is_stopped: &|| run.monitor.is_interrupted() || belt.is_stopped(),
    };
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&belt);
        let workers: Vec<_> = (0..run.threads).map(|_| scope.spawn(|| work(&belt, &pace, context))).collect();
        let writing = scope.spawn(|| write(&belt, &pace, run));
        let planned = plan(&belt, run, context);
        match &planned {
            Ok(_) => belt.close(),
            Err(_) => belt.stop(),
        }
        let written = writing.join().unwrap_or_else(|_| Err(Error::damaged("the writing thread stopped")));
        workers::join(workers);
        // When the writer or a worker failed, the planner only notices that nobody wants its jobs.
        match (planned, written) {
            (Ok(plan), Ok(writer)) => {
                check_interrupted(run.monitor)?;
                writer.finish(&plan.0, plan.1)
            }
            (Err(error), Ok(_)) | (_, Err(error)) => Err(error),
        }
    })
}

/// Plans until the sources are through; gives what was found unchanged, and the sockets.
fn plan(belt: &Belt, run: &Run, context: Context) -> Result<(crate::base::snapshot::Counts, u64)> {
    let mut send = |planned| {
        check_interrupted(run.monitor)?;
        belt.send(planned)
    };
    let part_bytes_max = run.options.part_bytes_max;
    let mut planner = Planner::new(run.sources, run.before, context, run.options.rehash, part_bytes_max, &mut send);
    planner.part_bytes_limit = super::room::part_bytes_limit(&run.archive.store().room());
    planner.allow_empty = run.options.allow_empty;
    planner.was_cut_off = run.was_cut_off();
    planner.plan_tops()?;
    let mut entries = 0;
    scan::scan(run.sources, run.scan_options, &mut |listing| {
        check_interrupted(run.monitor)?;
        // Between two things that are sent there may be hours of looking at what is as it was.
        if belt.is_stopped() {
            return Err(stopped());
        }
        entries += listing.found.len() as u64;
        let progress = Progress { entries, bytes: belt.bytes_read.load(Ordering::Relaxed), bytes_total: 0 };
        run.monitor.progress(progress);
        planner.plan(listing)
    })?;
    planner.finish()?;
    Ok((planner.counts, planner.sockets))
}

/// A worker: takes jobs until there are no more.
fn work(belt: &Belt, pace: &Pace, context: Context) {
    let mut packer = match Packer::new(context) {
        Ok(packer) => packer,
        Err(error) => return belt.fail(error),
    };
    while let Some((number, bytes, job)) = belt.next_job() {
        let began = Instant::now();
        match packer.pack(job, belt.buffers.take()) {
            Ok(packed) => {
                if let Effort::Step(step) = packed.effort {
                    let (raw, stored) = (packed.raw_bytes(), packed.stored.len() as u64);
                    pace.note_job(step, raw, stored, began.elapsed(), packed.compressing);
                }
                belt.bytes_read.fetch_add(packed.bytes_read, Ordering::Relaxed);
                belt.deliver(number, Delivery::Packed(Box::new(packed), bytes));
            }
            Err(error) => return belt.fail(error),
        }
    }
}

/// The writer: takes results in order until there are no more.
fn write<'a>(belt: &Belt, pace: &Pace, run: &'a Run<'a>) -> Result<Writer<'a>> {
    let mut writer = Writer::new(run);
    while let Some(delivery) = belt.next_delivery()? {
        let result = check_interrupted(run.monitor).and_then(|()| match delivery {
            Delivery::Packed(packed, bytes) => {
                let result = writer.take(*packed).map(|buffer| belt.buffers.give(buffer));
                let (taken, time) = writer.newly_taken();
                pace.note_written(taken, time);
                belt.release(bytes);
                result
            }
            Delivery::Cut => writer.cut(),
        });
        if let Err(error) = result {
            belt.stop();
            return Err(error);
        }
    }
    Ok(writer)
}

enum Delivery {
    Packed(Box<Packed>, u64),
    Cut,
}

/// Carries jobs to the workers and their results, in order, to the writer.
struct Belt {
    state: Mutex<BeltState>,
    changed: Condvar,
    bytes_max: u64,
    bytes_read: AtomicU64,
    /// Of frames that have been written.
    buffers: Buffers,
}

#[derive(Default)]
struct BeltState {
    jobs: VecDeque<(u64, u64, Job)>,
    delivered: BTreeMap<u64, Delivery>,
    /// The number of the next thing that is sent.
    next_sent: u64,
    /// The number of the next thing that is written.
    next_written: u64,
    bytes_on_the_way: u64,
    /// Nothing more will be sent.
    closed: bool,
    /// Nothing more will be done.
    stopped: bool,
    failure: Option<Error>,
}

impl Belt {
    fn new(bytes_max: u64) -> Belt {
        Belt {
            state: Mutex::default(),
            changed: Condvar::new(),
            bytes_max,
            bytes_read: AtomicU64::new(0),
            buffers: Buffers::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, BeltState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'m>(&self, state: MutexGuard<'m, BeltState>) -> MutexGuard<'m, BeltState> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the next thing, when there is room for it.
    fn send(&self, planned: Planned) -> Result<()> {
        let (bytes, job, ready) = match planned {
            Planned::Job(job, bytes) => (bytes + JOB_BYTES, Some(job), None),
            Planned::Ready(packed) => (JOB_BYTES, None, Some(Delivery::Packed(Box::new(packed), JOB_BYTES))),
            Planned::Cut => (0, None, Some(Delivery::Cut)),
        };
        let mut state = self.state();
        // One thing may always be on its way, however large it is.
        while !state.stopped && state.bytes_on_the_way > 0 && state.bytes_on_the_way + bytes > self.bytes_max {
            state = self.wait(state);
        }
        if state.stopped {
            return Err(stopped());
        }
        let number = state.next_sent;
        state.next_sent += 1;
        state.bytes_on_the_way += bytes;
        if let Some(job) = job {
            state.jobs.push_back((number, bytes, job));
        }
        if let Some(ready) = ready {
            state.delivered.insert(number, ready);
        }
        self.changed.notify_all();
        Ok(())
    }

    /// Nothing more will be sent.
    fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Nothing more is to be done.
    fn stop(&self) {
        self.end(None);
    }

    fn fail(&self, error: Error) {
        self.end(Some(error));
    }

    fn end(&self, failure: Option<Error>) {
        let mut state = self.state();
        if state.failure.is_none() {
            state.failure = failure;
        }
        state.stopped = true;
        let left = std::mem::take(&mut state.jobs);
        drop(state);
        self.changed.notify_all();
        // Somebody may wait for what becomes of a name in one of them; that is told when the job goes.
        drop(left);
    }

    fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// The next job, in order; `None` when there are no more.
    fn next_job(&self) -> Option<(u64, u64, Job)> {
        let mut state = self.state();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self.wait(state);
        }
    }

    fn deliver(&self, number: u64, delivery: Delivery) {
        self.state().delivered.insert(number, delivery);
        self.changed.notify_all();
    }

    /// The next result, in order; `None` when all has been written, or the planner gave up.
    fn next_delivery(&self) -> Result<Option<Delivery>> {
        let mut state = self.state();
        loop {
            if let Some(error) = state.failure.take() {
                return Err(error);
            }
            if state.stopped {
                return Ok(None);
            }
            let next = state.next_written;
            if let Some(delivery) = state.delivered.remove(&next) {
                state.next_written += 1;
                return Ok(Some(delivery));
            }
            if state.closed && next == state.next_sent {
                return Ok(None);
            }
            state = self.wait(state);
        }
    }

    fn release(&self, bytes: u64) {
        self.state().bytes_on_the_way -= bytes;
        self.changed.notify_all();
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped")
}

/// Sends everybody home when the planning thread leaves, in whatever way.
struct StopOnDrop<'a>(&'a Belt);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}
