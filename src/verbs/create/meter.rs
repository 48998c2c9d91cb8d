//! How far a run is.

use crate::base::monitor::Progress;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Counts what has been looked at and read, from all threads.
#[derive(Default)]
pub struct Meter {
    entries: AtomicU64,
    bytes: AtomicU64,
    bytes_total: AtomicU64,
}

impl Meter {
    /// `count` more entries were looked at.
    pub fn add_entries(&self, count: u64) {
        self.entries.fetch_add(count, Ordering::Relaxed);
    }

    /// `bytes` more of contents are to be read.
    pub fn add_total(&self, bytes: u64) {
        self.bytes_total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// `bytes` of them were read, or need not be read after all.
    pub fn add_done(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How far it is. The total grows while sources are scanned.
    pub fn progress(&self) -> Progress {
        let bytes_total = self.bytes_total.load(Ordering::Relaxed);
        // A file may grow between the scan and being read.
        let bytes = self.bytes.load(Ordering::Relaxed).min(bytes_total);
        Progress { entries: self.entries.load(Ordering::Relaxed), bytes, bytes_total }
    }
}
