//! A difference as a value: what became of what is at one path. Knows nothing of where it was found.

use crate::base::aspect::Aspect;
use crate::base::aspect::Change;
use crate::base::entry::Entry;
use crate::base::path::EntryPathBuf;

/// What is not the same at one path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Different {
    /// The path; of what was moved the new one.
    pub path: EntryPathBuf,
    /// What became of it.
    pub change: Changed,
    /// What was there; `None`: nothing.
    pub old: Option<Entry>,
    /// What is there; `None`: nothing. Where it is a file of this computer, only what `stat` tells is known.
    pub new: Option<Entry>,
    /// What differs.
    pub aspects: Vec<Aspect>,
}

/// What became of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Changed {
    /// It was not there before.
    Added,
    /// It is gone.
    Removed,
    /// It holds something else, or is of another type.
    Modified,
    /// It has the same content; its metadata changed.
    Metadata,
    /// It was elsewhere before.
    Moved {
        /// Where.
        from: EntryPathBuf,
    },
}

impl From<Change> for Changed {
    fn from(change: Change) -> Changed {
        match change {
            Change::Added => Changed::Added,
            Change::Removed => Changed::Removed,
            Change::Modified => Changed::Modified,
            Change::Metadata => Changed::Metadata,
        }
    }
}
