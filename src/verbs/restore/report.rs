//! What a restore did, or would do.

use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPathBuf;
use crate::system::destination::Renamed;

/// What was restored; in a dry run, what would be.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RestoreReport {
    /// The snapshot.
    pub number: SnapshotNumber,
    /// Files, further names of a file among them.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Symlinks, pipes and devices.
    pub others: u64,
    /// Bytes of the contents that were written, holes included.
    pub bytes: u64,
    /// Entries that were there already, in everything as they should be.
    pub unchanged: u64,
    /// Entries that were deleted because they are not in the snapshot; a directory with all it holds counts once.
    pub deleted: u64,
    /// Entries in whose place there was something else.
    pub replaced: u64,
    /// Entries that were not restored as they should be. Each was reported to the monitor.
    pub problems: u64,
    /// What the person may not or the file system cannot restore, a sentence for each kind.
    pub not_kept: Vec<String>,
    /// How many entries have another name in the target, because their own cannot be there.
    pub renamed_total: u64,
    /// The first [`NAMES_LISTED_MAX`](crate::system::destination::NAMES_LISTED_MAX) of them.
    pub renamed: Vec<Renamed>,
}

/// Entries: how many, and the first of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Named {
    /// How many there are.
    pub total: u64,
    /// The first ten of them.
    pub first: Vec<EntryPathBuf>,
}

/// What would happen to what is there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TargetChanges {
    /// What would be replaced.
    pub replaced: Named,
    /// What would be deleted; a directory with all it holds counts once.
    pub deleted: Named,
}
