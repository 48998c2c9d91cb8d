//! What a person may choose of a restore.

use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPathBuf;
use std::path::PathBuf;

/// What is restored, and where to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoreOptions {
    /// The directory to restore into. It is missing or empty, unless `overwrite` is set; what it stands in is there.
    pub target: PathBuf,
    /// Whether each source goes back to where it was read from, whatever `target` is; `overwrite` is set then. Default: no.
    pub in_place: bool,
    /// The snapshot to restore.
    pub at: SnapshotNumber,
    /// What of it, with everything below. Default: none, which means all.
    pub paths: Vec<EntryPathBuf>,
    /// Whether the target may hold something: what is equal is left as it is, what differs is replaced, but for a directory
    /// with things in it where something else belongs. Default: no.
    pub overwrite: bool,
    /// Whether what is in the restored directories of the target but not in the snapshot is deleted, and directories where
    /// something else belongs: not beside the sources, not what rules leave out, not what the snapshot knows that it does not
    /// have. Default: no.
    pub delete: bool,
    /// Whether what the snapshot's rules leave out may be deleted, too. Default: no.
    pub delete_excluded: bool,
    /// Whether what is replaced stays beside it, with `~snap-` and the snapshot's number behind its name. Default: no.
    pub keep: bool,
    /// Whether to only report what would be done. Default: no.
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
            in_place: false,
            at: SnapshotNumber::default(),
            paths: Vec::new(),
            overwrite: false,
            delete: false,
            delete_excluded: false,
            keep: false,
            dry_run: false,
            owners: true,
            numeric_ids: false,
            threads: 0,
        }
    }
}
