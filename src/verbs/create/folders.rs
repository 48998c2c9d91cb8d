//! The present metadata of the folders above an entry, needed after their lines were written: new and changed folders
//! are kept, others are those of the state before. Memory is bounded by the folders on one path down.

use crate::archive::state::State;
use crate::base::entry::Entry;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::deferred::DeferredDirectories;

/// Folders that are new or whose metadata changed.
#[derive(Default)]
pub struct ChangedFolders {
    /// Those that come later in the order of a walk.
    ahead: DeferredDirectories,
    /// Those above the present place.
    above: Vec<(EntryPathBuf, Entry)>,
}

impl ChangedFolders {
    /// Notes a new or changed folder; in the order of lines.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn note(&mut self, path: EntryPathBuf, entry: Entry) -> Result<()> {
        if let Some(parent) = path.parent() {
            self.go_to(parent)?;
        }
        self.ahead.push(path, entry)
    }

    /// A folder above the present place as it is now; `base` is the state before.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn find(&mut self, path: &EntryPath, base: &State) -> Result<Option<Entry>> {
        self.go_to(path)?;
        match self.above.iter().rev().find(|(above, _)| **above == *path) {
            Some((_, entry)) => Ok(Some(entry.clone())),
            None => base.find(path),
        }
    }

    fn go_to(&mut self, path: &EntryPath) -> Result<()> {
        while self.ahead.peek()?.is_some_and(|first| *first <= *path)
            && let Some(next) = self.ahead.pop()?
        {
            while self.above.last().is_some_and(|(above, _)| !next.0.is_in(above)) {
                self.above.pop();
            }
            self.above.push(next);
        }
        Ok(())
    }
}
