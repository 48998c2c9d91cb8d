//! Changed entries made into frames: each job is independent, for any worker; open, read, hash, drop what turns out to be
//! unchanged, build the tar, compress. Decides nothing about what is compared or where frames go.

mod large;
mod lines;
mod links;
mod owners;
mod worker;

pub use large::LargeFile;
pub use large::OpenedLarge;
pub use large::Piece;
pub use lines::push_kept_line;
pub use links::LinkTurn;
pub use owners::OwnerNames;
pub use worker::Context;
pub use worker::Packer;
pub use worker::open_large;

use crate::archive::state::Row;
use crate::base::diff::Verdict;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Hole;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Problem;
use crate::base::id::Hash;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Counts;
use crate::format::frames::Effort;
use crate::format::frames::FRAME_BYTES;
use crate::format::frames::Frame;
use crate::format::manifest::LineWithoutOffset;
use crate::format::tar;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

/// The largest file that shares a frame with others, in bytes; a larger one is cut into pieces of this size. There is room for
/// a header in the first frame.
pub const PIECE_BYTES: u64 = FRAME_BYTES as u64 - (64 << 10);

/// The most steps of one job, so that lines without content do not pile up.
const STEPS_MAX: usize = 8 << 10;

/// What a step takes in memory at least, with the line that it makes.
const STEP_BYTES: u64 = 512;

/// Work for one worker.
pub enum Job {
    /// Entries that share a frame.
    Group(GroupJob),
    /// One piece of a large file.
    Piece(Piece),
}

/// Entries that share a frame, in the order of the tar.
#[derive(Default)]
pub struct GroupJob {
    /// The directories that the steps speak of.
    pub directories: Vec<JobDirectory>,
    /// What to do, in order.
    pub steps: Vec<Step>,
    bytes: u64,
}

/// A directory that a job's steps speak of.
pub struct JobDirectory {
    /// Its source, by its place in the list.
    pub source: usize,
    /// Its path, from the source's name on; empty for the root, which holds the sources.
    pub path: Vec<u8>,
    /// Its metadata.
    pub stat: Stat,
    /// Whether its own header stands before its entries.
    pub header: Header,
}

/// Whether a directory's header stands before its entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Header {
    /// No.
    Never,
    /// If one of its entries is stored in this job.
    IfStored,
    /// Yes; with the names that are in it, if some that were in it are not.
    Always(Option<Vec<u8>>),
}

/// One entry's part of a job. `directory` is a place in [`GroupJob::directories`].
pub enum Step {
    /// The directory's entries follow; its header comes now or never.
    Enter {
        /// The directory.
        directory: usize,
    },
    /// A line: the entry is gone.
    Gone {
        /// Its path.
        path: EntryPathBuf,
        /// What it was.
        kind: Kind,
    },
    /// A line: a directory in `directory`, whose own header comes with its own entries.
    Directory {
        /// Where it is.
        directory: usize,
        /// Its name.
        name: Box<[u8]>,
        /// Its metadata.
        stat: Stat,
        /// Whether it was not there, or was something else.
        is_new: bool,
    },
    /// A line: metadata as found, content as it was.
    Metadata {
        /// Its path.
        path: EntryPathBuf,
        /// As it is now.
        stat: Stat,
        /// As it was.
        before: Row,
    },
    /// Anything but a directory: to be read, and stored unless its content is as it was.
    Item(Item),
}

/// An entry to be read.
pub struct Item {
    /// Where it is.
    pub directory: usize,
    /// Its name.
    pub name: Box<[u8]>,
    /// As the scan found it.
    pub stat: Stat,
    /// Whether it occupies less than its size.
    pub may_have_holes: bool,
    /// As it was; `None` when it was not there.
    pub before: Option<Row>,
    /// What the comparison said.
    pub verdict: Verdict,
    /// Its turn among the names of one file, if it has several.
    pub link: Option<LinkTurn>,
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

    /// Whether one more entry of `size` bytes is too much.
    pub fn is_full_for(&self, size: u64) -> bool {
        !self.is_empty() && (self.bytes + size > PIECE_BYTES || self.steps.len() >= STEPS_MAX)
    }

    /// Adds a step that makes about `bytes` bytes of tar.
    pub fn push(&mut self, step: Step, bytes: u64) {
        self.bytes += bytes;
        self.steps.push(step);
    }
}

/// About how many bytes of tar an item makes.
pub fn item_bytes(path_length: usize, stat: &Stat) -> u64 {
    tar::estimated_bytes(path_length, stat.size)
}

/// Where a content begins in the decompressed tar, known once its frame has been written.
#[derive(Debug, Default)]
pub struct Anchor(OnceLock<u64>);

impl Anchor {
    /// Notes it; only the first time counts.
    pub fn set(&self, offset: u64) {
        let _ = self.0.set(offset);
    }

    /// The offset, 0 before it is known: a frame is always written before what points into it.
    pub fn offset(&self) -> u64 {
        self.0.get().copied().unwrap_or_default()
    }
}

/// What a job makes, for the writer.
#[derive(Default)]
pub struct Packed {
    /// Compressed frames, one after the other.
    pub stored: Vec<u8>,
    /// Their lengths.
    pub frames: Vec<Frame>,
    /// Contents that begin in these frames: their offset from the first frame's beginning.
    pub anchors: Vec<(u64, Arc<Anchor>)>,
    /// Lines for the manifest, in order.
    pub lines: Vec<Line>,
    /// What was counted.
    pub counts: Counts,
    /// What went wrong with single entries.
    pub problems: Vec<Problem>,
    /// Content bytes read from sources.
    pub bytes_read: u64,
    /// How hard the frames were compressed.
    pub effort: Effort,
    /// How long that took.
    pub compressing: Duration,
}

impl Packed {
    /// How many bytes of tar there are in its frames.
    pub fn raw_bytes(&self) -> u64 {
        self.frames.iter().map(|frame| u64::from(frame.raw_bytes)).sum()
    }
}

/// A line for the manifest.
pub struct Line {
    /// The line.
    pub text: LineWithoutOffset,
    /// Where its content begins, if that is in this bundle.
    pub anchor: Option<Arc<Anchor>>,
    /// Which entry it is about.
    pub path: EntryPathBuf,
    /// What is said of it; `None`: it is gone. Content stored in this bundle has no place yet.
    pub entry: Option<Entry>,
    /// What happened to it in a word; `None` when the line only says that it was looked at again.
    pub change: Option<&'static str>,
}

/// Whether an entry as it was noted has this content.
fn has_content(entry: &Entry, size: u64, hash: Hash, holes: &[Hole]) -> bool {
    let content = entry.content.as_ref();
    let is_same = |content: &&Content| content.hash == hash && content.holes == holes && !content.place.is_lost();
    entry.stat.size == size && content.as_ref().is_some_and(is_same)
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
            job.push(Step::Gone { path: path.clone(), kind: Kind::File }, 0);
        }
        assert_eq!((job.bytes(), job.weight()), (0, 4 << 20));
        job.push(Step::Gone { path, kind: Kind::File }, 5 << 20);
        assert_eq!(job.weight(), 5 << 20, "with much content it is the content that counts");
    }
}
