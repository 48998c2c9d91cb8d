//! Work for one thread: entries that share a frame, or a piece of a large file.

use super::comparing::CompareJob;
use super::item::Item;
use super::large::FilePiece;
use super::large::SmallPatch;
use crate::archive::state::Row;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::path::EntryPathBuf;
use crate::format::layout::PIECE_BYTES;
use crate::format::tar;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// Bytes that a manifest line adds to the size of a part: an upper estimate.
pub const LINE_BYTES: u64 = 1 << 10;

/// The most steps of one job, so that lines without content do not pile up.
const STEPS_MAX: usize = 8 << 10;

/// What a step and its line take in memory at least, in bytes.
const STEP_BYTES: u64 = 512;

/// Work for one worker.
pub enum Job {
    /// Entries that share a frame.
    Group(GroupJob),
    /// One piece of a large file.
    FilePiece(FilePiece),
    /// A large file that is read before anything of it is stored, or a piece of it.
    Compare(CompareJob),
}

/// Entries that share a frame, in the order of the tar.
#[derive(Default)]
pub struct GroupJob {
    /// The directories of the steps.
    pub directories: Vec<JobDirectory>,
    /// What to do, in order.
    pub steps: Vec<GroupStep>,
    bytes: u64,
}

/// A directory of the steps of a job.
#[derive(Clone)]
pub struct JobDirectory {
    /// The index of its source in the list.
    pub source: usize,
    /// Its path; that may be the root, which holds the sources.
    pub path: EntryPathBuf,
    /// Its metadata.
    pub stat: Stat,
    /// Whether its own header stands before its entries.
    pub header: HeaderNeed,
}

impl JobDirectory {
    /// Makes its header depend on a large file, unless that is decided already. Returns the flag that will say whether
    /// the header stands before the file.
    pub fn await_large(&mut self) -> Option<(JobDirectory, Arc<AtomicBool>)> {
        let is_stored = match &self.header {
            HeaderNeed::IfStored => Arc::new(AtomicBool::new(false)),
            HeaderNeed::IfStoredFirst(is_stored) => is_stored.clone(),
            HeaderNeed::Never | HeaderNeed::Always(_) => return None,
        };
        self.header = HeaderNeed::IfStoredFirst(is_stored.clone());
        Some((self.clone(), is_stored))
    }
}

/// Whether a directory's header stands before its entries.
#[derive(Clone, Debug, Default)]
pub enum HeaderNeed {
    /// No.
    #[default]
    Never,
    /// If one of its entries is stored in this job.
    IfStored,
    /// As `IfStored`, unless it stands before a large file by then.
    IfStoredFirst(Arc<AtomicBool>),
    /// Yes. With lists of names if names are gone from it: one header for each list.
    Always(Vec<Vec<u8>>),
}

impl HeaderNeed {
    /// Decides what depends on large files: all of those before it are decided.
    pub fn resolve(&mut self) {
        if let HeaderNeed::IfStoredFirst(is_stored) = self {
            *self = if is_stored.load(Ordering::Relaxed) { HeaderNeed::Never } else { HeaderNeed::IfStored };
        }
    }
}

/// A directory's line.
pub struct DirectoryLine {
    /// The index of its source in the list.
    pub source: usize,
    /// Its path.
    pub path: EntryPathBuf,
    /// Its metadata.
    pub stat: Stat,
    /// Whether it is new, or had another type.
    pub is_new: bool,
}

/// One step of a job.
pub enum GroupStep {
    /// The directory's entries follow; its header comes now or never.
    Enter {
        /// Its place in [`GroupJob::directories`].
        directory: usize,
    },
    /// A line: the entry was removed.
    Removed {
        /// Its path.
        path: EntryPathBuf,
        /// What it was.
        kind: Kind,
    },
    /// A line: a directory, whose own header comes with its own entries.
    Directory(DirectoryLine),
    /// A line: metadata as found, content as it was.
    Metadata {
        /// Its path.
        path: EntryPathBuf,
        /// As it is now.
        stat: Stat,
        /// Its old row.
        base: Row,
    },
    /// Anything but a directory: to be read, and stored unless its content is as it was.
    Item(Item),
    /// A file that is patched, with little data.
    Patched(Box<SmallPatch>),
}

impl GroupJob {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// About how many bytes of tar it makes, at most.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// About how many bytes it and what it makes take, at most.
    pub fn weight(&self) -> u64 {
        self.bytes.max(self.steps.len() as u64 * STEP_BYTES)
    }

    /// Whether it stores patches.
    pub fn has_patches(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, GroupStep::Patched(_)))
    }

    /// Whether it may store whole contents, not only patches.
    pub fn stores_contents(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, GroupStep::Item(_)))
    }

    /// Whether one more entry of `size` bytes is too much.
    pub fn is_full_for(&self, size: u64) -> bool {
        !self.is_empty() && (self.bytes + size > PIECE_BYTES || self.steps.len() >= STEPS_MAX)
    }

    /// Adds what is to be done after it.
    pub fn append(&mut self, other: GroupJob) {
        let first = self.directories.len();
        self.directories.extend(other.directories);
        self.steps.extend(other.steps.into_iter().map(|step| match step {
            GroupStep::Enter { directory } => GroupStep::Enter { directory: directory + first },
            GroupStep::Item(item) => GroupStep::Item(Item { directory: item.directory + first, ..item }),
            step => step,
        }));
        self.bytes += other.bytes;
    }

    /// Adds a step that makes about `bytes` bytes of tar.
    pub fn push(&mut self, step: GroupStep, bytes: u64) {
        self.bytes += bytes;
        self.steps.push(step);
    }
}

/// About how many bytes of tar an item makes.
pub fn item_bytes(path: &[u8], stat: &Stat) -> u64 {
    tar::estimated_bytes(&[path], stat.size)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn steps_without_content_count_for_the_memory_that_they_take() {
        let mut job = GroupJob::default();
        let path = EntryPathBuf::from_bytes(b"gone").unwrap();
        while !job.is_full_for(0) {
            job.push(GroupStep::Removed { path: path.clone(), kind: Kind::File }, 0);
        }
        assert_eq!((job.bytes(), job.weight()), (0, 4 << 20));
        job.push(GroupStep::Removed { path, kind: Kind::File }, 5 << 20);
        assert_eq!(job.weight(), 5 << 20, "with much content it is the content that counts");
    }
}
