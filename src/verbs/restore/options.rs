//! What a person may choose of a restore.

use crate::base::id::Number;
use crate::base::path::EntryPathBuf;
use std::path::PathBuf;

/// What is restored, and where to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoreOptions {
    /// The directory to restore into. It is missing or empty, unless `overwrite` is set; what it stands in is there.
    pub target: PathBuf,
    /// The snapshot to restore.
    pub at: Number,
    /// What of it, with everything below. Default: none, which means all.
    pub paths: Vec<EntryPathBuf>,
    /// Whether the target may hold something: what is equal is left as it is, what differs is replaced, but for a directory
    /// with things in it where something else belongs. Default: no.
    pub overwrite: bool,
    /// Whether what is in the restored directories of the target but not in the snapshot is deleted, and directories where
    /// something else belongs. Default: no.
    pub delete: bool,
    /// Whether it is only told what would be done. Default: no.
    pub dry_run: bool,
    /// Whether owners and groups are restored. Default: yes.
    pub owners: bool,
    /// Whether users and groups are taken by number, not by name: in a rescue system, which knows other names. Default: no.
    pub numeric_ids: bool,
    /// How many threads unpack and write; 0, the default: as many as there are cores.
    pub threads: usize,
}

impl Default for RestoreOptions {
    fn default() -> RestoreOptions {
        RestoreOptions {
            target: PathBuf::new(),
            at: Number::default(),
            paths: Vec::new(),
            overwrite: false,
            delete: false,
            dry_run: false,
            owners: true,
            numeric_ids: false,
            threads: 0,
        }
    }
}
