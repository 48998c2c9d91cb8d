//! What a run of create did.

use crate::base::snapshot::Counts;
use crate::base::snapshot::Summary;
use crate::system::listing::Listing;
use crate::verbs::thin::Thinned;

/// What rules left out. What is in a directory that is left out is not counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LeftOut {
    /// Files and other entries.
    pub files: u64,
    /// Directories, with all that is in them.
    pub directories: u64,
    /// The bytes of the files.
    pub bytes: u64,
    /// Of the files and other entries that count as deleted, those that rules leave out now, alone or with their directory.
    pub files_saved_before: u64,
    /// The same of directories.
    pub directories_saved_before: u64,
}

/// What was found and not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PassedOver {
    /// Sockets: they hold no data.
    pub sockets: u64,
    /// Files whose content is only somewhere else, as in a cloud. Their last saved versions are kept.
    pub remote: u64,
}

impl PassedOver {
    /// Adds what was met in one directory.
    pub(super) fn note(&mut self, listing: &Listing) {
        self.sockets += listing.sockets;
        self.remote += listing.remote;
    }
}

/// What `create` did.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CreateReport {
    /// The new snapshot; `None` when nothing had changed, or nothing was to be written.
    pub summary: Option<Summary>,
    /// What was found, against the state before.
    pub counts: Counts,
    /// How many files and folders have another place or name; what is in a folder that moved is not counted beside it.
    pub moved: u64,
    /// Content bytes read from the sources.
    pub bytes_read: u64,
    /// Bytes written to the archive, the index not counted.
    pub bytes_written: u64,
    /// How many entries could not be saved completely.
    pub problems: u64,
    /// What was found and not read.
    pub passed_over: PassedOver,
    /// What rules left out.
    pub left_out: LeftOut,
    /// How many bytes were free on the archive's drive before; `None` where that is not known.
    pub bytes_free: Option<u64>,
    /// All snapshots that there are now, oldest first: the new one is the last.
    pub history: Vec<Summary>,
    /// The snapshot that was compared with; `None` before the first.
    pub compared_with: Option<Summary>,
    /// Whether that snapshot may differ from what was saved: the list of its changes, or of earlier ones, was lost in part.
    pub is_uncertain: bool,
    /// What was forgotten and pruned first, to free space.
    pub made_room: Option<Thinned>,
}
