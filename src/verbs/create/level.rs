//! How hard to compress when no level was asked for: the measured speed of the drive and of the workers predicts how long the rest
//! takes with each step of effort, since both work at the same time. Reads no clock and no file.

use crate::base::concurrency::Lock;
use crate::format::frames::STEP_MAX;
use std::time::Duration;

/// The step of effort before anything was measured.
const STEP_FIRST: usize = 1;

/// Time and size of the steps in relation to each other, as measured for [`crate::format::frames::Effort::Step`].
const TIMES: [f64; STEP_MAX + 1] = [0.8, 1.0, 1.9, 3.5, 5.8, 8.9];
const SIZES: [f64; STEP_MAX + 1] = [1.005, 0.99, 0.91, 0.86, 0.84, 0.83];

/// Half-life of the moving averages, in bytes processed since: of tar for the workers, of compressed frames for the drive.
const HALF_LIFE_RAW_BYTES: f64 = (64 << 20) as f64;
const HALF_LIFE_STORED_BYTES: f64 = (16 << 20) as f64;

/// The step of effort that fits the speed of drive and workers.
pub struct AdaptiveLevel {
    workers: f64,
    measured: Lock<Throughput>,
}

/// One finished job.
pub struct FinishedJob {
    /// The step with which it was compressed.
    pub step: usize,
    /// Its bytes of tar.
    pub raw_bytes: u64,
    /// Its bytes of compressed frames.
    pub stored_bytes: u64,
    /// How long it took.
    pub total: Duration,
    /// How long compressing took of that.
    pub compressing: Duration,
}

/// Moving sums, in bytes and seconds. Those of frames are as if step 1 alone had been used.
#[derive(Default)]
struct Throughput {
    raw_bytes: f64,
    stored_bytes: f64,
    compressing: f64,
    other_work: f64,
    written_bytes: f64,
    writing: f64,
}

impl AdaptiveLevel {
    /// Nothing has been measured; `workers` is how many threads compress.
    pub fn new(workers: usize) -> AdaptiveLevel {
        AdaptiveLevel { workers: workers.max(1) as f64, measured: Lock::default() }
    }

    /// Records a finished job.
    pub fn note_job(&self, job: &FinishedJob) {
        let mut measured = self.measured.lock();
        let fade = 0.5_f64.powf(job.raw_bytes as f64 / HALF_LIFE_RAW_BYTES);
        let compressing = job.compressing.as_secs_f64();
        measured.raw_bytes = measured.raw_bytes * fade + job.raw_bytes as f64;
        measured.stored_bytes = measured.stored_bytes * fade + job.stored_bytes as f64 / SIZES[job.step];
        measured.compressing = measured.compressing * fade + compressing / TIMES[job.step];
        measured.other_work = measured.other_work * fade + (job.total.as_secs_f64() - compressing).max(0.0);
    }

    /// Records that the drive took `bytes` in `time`.
    pub fn note_written(&self, bytes: u64, time: Duration) {
        if bytes == 0 {
            return;
        }
        let mut measured = self.measured.lock();
        let fade = 0.5_f64.powf(bytes as f64 / HALF_LIFE_STORED_BYTES);
        measured.written_bytes = measured.written_bytes * fade + bytes as f64;
        measured.writing = measured.writing * fade + time.as_secs_f64();
    }

    /// The step with which the next frames are done first.
    pub fn step(&self) -> usize {
        let measured = self.measured.lock();
        if measured.raw_bytes == 0.0 || measured.written_bytes == 0.0 {
            return STEP_FIRST;
        }
        let time = |step: usize| measured.time_with(step, self.workers);
        (0..=STEP_MAX).min_by(|a, b| time(*a).total_cmp(&time(*b))).unwrap_or(STEP_FIRST)
    }
}

impl Throughput {
    /// How long the recent work would take with `step`: workers and drive work at the same time, the slower one counts.
    fn time_with(&self, step: usize, workers: f64) -> f64 {
        let working = (self.other_work + self.compressing * TIMES[step]) / workers;
        let writing = self.stored_bytes * SIZES[step] * self.writing / self.written_bytes;
        working.max(writing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Frames of 8 MiB that level 3 compresses to a sixth in 20 ms, with 15 ms for everything else.
    fn after(drive_bytes_per_second: u64, steps: usize) -> AdaptiveLevel {
        let level = AdaptiveLevel::new(2);
        for _ in 0..steps {
            let step = level.step();
            let stored = (8.0 * MIB as f64 / 6.0 * SIZES[step]) as u64;
            let compressing = Duration::from_secs_f64(0.020 * TIMES[step]);
            let total = compressing + Duration::from_millis(15);
            level.note_job(&FinishedJob { step, raw_bytes: 8 * MIB, stored_bytes: stored, total, compressing });
            level.note_written(stored, Duration::from_secs_f64(stored as f64 / drive_bytes_per_second as f64));
        }
        level
    }

    #[test]
    fn it_compresses_as_hard_as_the_drive_leaves_time_for() {
        assert_eq!(AdaptiveLevel::new(2).step(), STEP_FIRST);
        let steps = [5, 10, 25, 40, 60, 1000].map(|rate| after(rate * 1_000_000, 20).step());
        assert_eq!((steps[0], steps[5]), (STEP_MAX, 0));
        assert!(steps.is_sorted_by(|a, b| a >= b), "the slower the drive, the harder: {steps:?}");
    }

    #[test]
    fn it_follows_a_drive_that_becomes_slow() {
        let level = after(1_000_000_000, 20);
        for _ in 0..20 {
            level.note_written(2 * MIB, Duration::from_secs(1));
        }
        assert_eq!(level.step(), STEP_MAX);
    }

    #[test]
    fn a_drive_that_takes_everything_at_once_is_never_waited_for() {
        let level = AdaptiveLevel::new(2);
        level.note_written(MIB, Duration::ZERO);
        let (total, compressing) = (Duration::from_millis(3), Duration::from_millis(2));
        level.note_job(&FinishedJob { step: 1, raw_bytes: MIB, stored_bytes: MIB / 5, total, compressing });
        assert_eq!(level.step(), 0);
    }
}
