//! How hard to compress when nobody said: what has been seen of the drive and of the workers foretells how long the rest takes with
//! each step of effort, for both work at the same time. Reads no clock and no file.

use crate::format::frames::STEP_MAX;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

/// The step of effort while nothing has been seen yet.
const STEP_FIRST: usize = 1;

/// Time and size of the steps in relation to each other, as measured for [`crate::format::frames::Effort::Step`].
const TIMES: [f64; STEP_MAX + 1] = [0.8, 1.0, 1.9, 3.5, 5.8, 8.9];
const SIZES: [f64; STEP_MAX + 1] = [1.005, 0.99, 0.91, 0.86, 0.84, 0.83];

/// What was seen counts half after so many bytes more: of tar for the workers, of compressed frames for the drive.
const HALF_LIFE_RAW_BYTES: f64 = (64 << 20) as f64;
const HALF_LIFE_STORED_BYTES: f64 = (16 << 20) as f64;

/// What has been seen.
pub struct Pace {
    workers: f64,
    seen: Mutex<Seen>,
}

/// Sums that fade, in bytes and seconds. Those of frames are as if step 1 and nothing else had been used.
#[derive(Default)]
struct Seen {
    raw_bytes: f64,
    stored_bytes: f64,
    compressing: f64,
    other_work: f64,
    written_bytes: f64,
    writing: f64,
}

impl Pace {
    /// Nothing has been seen; `workers` is how many threads compress.
    pub fn new(workers: usize) -> Pace {
        Pace { workers: workers.max(1) as f64, seen: Mutex::default() }
    }

    /// A job was done: so many bytes of tar became so many of frames with this step, in so much time, of which so much went
    /// into compressing.
    pub fn note_job(&self, step: usize, raw_bytes: u64, stored_bytes: u64, all: Duration, compressing: Duration) {
        let mut seen = self.seen();
        let fade = 0.5_f64.powf(raw_bytes as f64 / HALF_LIFE_RAW_BYTES);
        let compressing = compressing.as_secs_f64();
        seen.raw_bytes = seen.raw_bytes * fade + raw_bytes as f64;
        seen.stored_bytes = seen.stored_bytes * fade + stored_bytes as f64 / SIZES[step];
        seen.compressing = seen.compressing * fade + compressing / TIMES[step];
        seen.other_work = seen.other_work * fade + (all.as_secs_f64() - compressing).max(0.0);
    }

    /// The drive took so many bytes in so much time.
    pub fn note_written(&self, bytes: u64, time: Duration) {
        if bytes == 0 {
            return;
        }
        let mut seen = self.seen();
        let fade = 0.5_f64.powf(bytes as f64 / HALF_LIFE_STORED_BYTES);
        seen.written_bytes = seen.written_bytes * fade + bytes as f64;
        seen.writing = seen.writing * fade + time.as_secs_f64();
    }

    /// The step with which the next frames are done first.
    pub fn step(&self) -> usize {
        let seen = self.seen();
        if seen.raw_bytes == 0.0 || seen.written_bytes == 0.0 {
            return STEP_FIRST;
        }
        let time = |step: usize| seen.time_with(step, self.workers);
        (0..=STEP_MAX).min_by(|a, b| time(*a).total_cmp(&time(*b))).unwrap_or(STEP_FIRST)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// How long what was seen last would take: workers and drive work at the same time, the slower one counts.
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

    /// Frames of 8 MiB that level 3 makes in 20 ms and to a sixth, with 15 ms for everything else.
    fn after(drive_bytes_per_second: u64, steps: usize) -> Pace {
        let pace = Pace::new(2);
        for _ in 0..steps {
            let step = pace.step();
            let stored = (8.0 * MIB as f64 / 6.0 * SIZES[step]) as u64;
            let compressing = Duration::from_secs_f64(0.020 * TIMES[step]);
            pace.note_job(step, 8 * MIB, stored, compressing + Duration::from_millis(15), compressing);
            pace.note_written(stored, Duration::from_secs_f64(stored as f64 / drive_bytes_per_second as f64));
        }
        pace
    }

    #[test]
    fn it_compresses_as_hard_as_the_drive_leaves_time_for() {
        assert_eq!(Pace::new(2).step(), STEP_FIRST);
        let steps = [5, 10, 25, 40, 60, 1000].map(|rate| after(rate * 1_000_000, 20).step());
        assert_eq!((steps[0], steps[5]), (STEP_MAX, 0));
        assert!(steps.is_sorted_by(|a, b| a >= b), "the slower the drive, the harder: {steps:?}");
    }

    #[test]
    fn it_follows_a_drive_that_becomes_slow() {
        let pace = after(1_000_000_000, 20);
        for _ in 0..20 {
            pace.note_written(2 * MIB, Duration::from_secs(1));
        }
        assert_eq!(pace.step(), STEP_MAX);
    }

    #[test]
    fn a_drive_that_takes_everything_at_once_is_never_waited_for() {
        let pace = Pace::new(2);
        pace.note_written(MIB, Duration::ZERO);
        pace.note_job(1, MIB, MIB / 5, Duration::from_millis(3), Duration::from_millis(2));
        assert_eq!(pace.step(), 0);
    }
}
