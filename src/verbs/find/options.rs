//! What `find` is asked, and what it says of a path.

use crate::base::entry::Entry;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::matcher::Matcher;
use crate::base::path::EntryPathBuf;
use crate::base::time::Time;
use std::ops::RangeInclusive;

/// What is looked for. By default everything.
#[derive(Clone, Debug, Default)]
pub struct FindOptions {
    /// Which paths.
    pub names: Matcher,
    /// Only files of these sizes, in bytes. Default: any.
    pub size: Option<RangeInclusive<u64>>,
    /// Only what was modified after this moment. Default: any.
    pub newer: Option<Time>,
    /// Only what is not in the newest snapshot. Default: no.
    pub deleted: bool,
    /// Only files with this hash of their content. Default: any.
    pub content: Option<Hash>,
    /// Only files that have these bytes in their content, which is read for that. Default: any.
    pub containing: Option<Vec<u8>>,
    /// How many threads read; 0, the default: as many as there are cores.
    pub threads: usize,
}

/// A path that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundPath {
    /// The path.
    pub path: EntryPathBuf,
    /// The newest version that is as wanted.
    pub entry: Entry,
    /// How many versions that are as wanted follow each other.
    pub versions: u64,
    /// The first snapshot with such a version.
    pub first: SnapshotNumber,
    /// The last snapshot with such a version.
    pub last: SnapshotNumber,
    /// Whether nothing is at the path in the newest snapshot.
    pub is_deleted: bool,
}
