//! What reading and writing cost on the archive's drive, and whether a patch saves time there. Reads no clock and no file.

use crate::base::concurrency::Lock;
use std::time::Duration;

/// Bytes a second of a drive.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DriveSpeed {
    /// When it is read.
    pub read: f64,
    /// When it is written.
    pub written: f64,
}

/// What was measured of a drive so far.
#[derive(Default)]
pub struct Measured {
    /// A given speed, which is used instead of what is measured.
    known: Option<DriveSpeed>,
    written: Lock<(u64, Duration)>,
}

/// What a patch costs the drive, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct PatchCost {
    /// What is still to be read of the older content.
    pub read: u64,
    /// What is still to be written, about.
    pub written: u64,
    /// What would be written if the file were stored whole.
    pub whole: u64,
}

impl Measured {
    /// Nothing yet; or what is `known` of the drive.
    pub fn new(known: Option<DriveSpeed>) -> Measured {
        Measured { known, written: Lock::default() }
    }

    /// The drive took `bytes` in `time`.
    pub fn note_written(&self, bytes: u64, time: Duration) {
        let mut written = self.written.lock();
        *written = (written.0 + bytes, written.1 + time);
    }

    /// Whether a patch takes the drive less time than the whole file. `read` is how many bytes it gave so far, and in
    /// what time. A patch takes less space, so it is made until both speeds are measured.
    pub fn is_sooner(&self, cost: PatchCost, read: (u64, Duration)) -> bool {
        let measured = || Some(DriveSpeed { read: rate(read)?, written: rate(*self.written.lock())? });
        self.known.or_else(measured).is_none_or(|speed| speed.is_sooner(cost))
    }
}

impl DriveSpeed {
    fn is_sooner(self, cost: PatchCost) -> bool {
        cost.read as f64 / self.read + cost.written as f64 / self.written <= cost.whole as f64 / self.written
    }
}

/// Fewer bytes say nothing about a drive's speed.
const BYTES_MIN: u64 = 1 << 20;

fn rate((bytes, time): (u64, Duration)) -> Option<f64> {
    (bytes >= BYTES_MIN && !time.is_zero()).then(|| bytes as f64 / time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn a_patch_is_made_where_the_drive_is_done_sooner_with_it() {
        let slow_writing = Measured::new(Some(DriveSpeed { read: 30e6, written: 10e6 }));
        let cost = |read, written, whole| PatchCost { read: read * MB, written: written * MB, whole: whole * MB };
        assert!(slow_writing.is_sooner(cost(300, 5, 300), (0, Duration::ZERO)));
        assert!(!slow_writing.is_sooner(cost(200, 1, 41), (0, Duration::ZERO)));
        assert!(slow_writing.is_sooner(cost(0, 40, 41), (0, Duration::ZERO)));
        let slow_reading = Measured::new(Some(DriveSpeed { read: 5e6, written: 50e6 }));
        assert!(!slow_reading.is_sooner(cost(300, 5, 300), (0, Duration::ZERO)));
    }

    #[test]
    fn what_is_not_measured_is_no_reason_against_a_patch() {
        let cost = PatchCost { read: 300 * MB, written: 0, whole: 100 * MB };
        let (measured, read) = (Measured::default(), (30 * MB, Duration::from_secs(30)));
        assert!(measured.is_sooner(cost, read));
        measured.note_written(MB / 2, Duration::from_millis(1));
        assert!(measured.is_sooner(cost, read));
        measured.note_written(30 * MB, Duration::from_secs(1));
        assert!(!measured.is_sooner(cost, read));
        assert!(measured.is_sooner(cost, (0, Duration::ZERO)));
    }
}
