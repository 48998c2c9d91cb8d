//! How far a run is.

use crate::base::monitor::Progress;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Counts what has been looked at and read, from all threads.
#[derive(Default)]
pub struct Meter {
    entries: AtomicU64,
    bytes: AtomicU64,
    planned: AtomicU64,
    counted_ahead: AtomicU64,
    read_twice: AtomicU64,
}

impl Meter {
    /// `count` more entries were looked at.
    pub fn add_entries(&self, count: u64) {
        self.entries.fetch_add(count, Ordering::Relaxed);
    }

    /// `bytes` more of contents are to be read.
    pub fn add_total(&self, bytes: u64) {
        self.planned.fetch_add(bytes, Ordering::Relaxed);
    }

    /// `bytes` of contents that were read are to be read again.
    pub fn add_second_reading(&self, bytes: u64) {
        self.read_twice.fetch_add(bytes, Ordering::Relaxed);
    }

    /// `bytes` more were counted ahead of the plan.
    pub fn add_counted_ahead(&self, bytes: u64) {
        self.counted_ahead.fetch_add(bytes, Ordering::Relaxed);
    }

    /// `bytes` of them were read, or need not be read after all.
    pub fn add_done(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How far it is. The total grows while sources are scanned.
    pub fn progress(&self) -> Progress {
        let get = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let bytes_total = get(&self.planned).max(get(&self.counted_ahead)) + get(&self.read_twice);
        // A file may grow between the scan and being read.
        let bytes = get(&self.bytes).min(bytes_total);
        Progress { entries: get(&self.entries), bytes, bytes_total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_what_was_counted_ahead_until_more_is_planned() {
        let meter = Meter::default();
        meter.add_counted_ahead(100);
        meter.add_total(30);
        meter.add_done(20);
        assert_eq!(meter.progress(), Progress { entries: 0, bytes: 20, bytes_total: 100 });
        meter.add_total(90);
        meter.add_second_reading(5);
        assert_eq!(meter.progress().bytes_total, 125);
    }
}
