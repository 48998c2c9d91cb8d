//! What changed in a bundle, counted from its lines.

use crate::archive::state::State;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::snapshot::Counts;
use crate::format::manifest::Action;

/// Counts what the lines of a bundle say, where the counts of its snapshot are lost. What was as before has no line
/// and is not counted.
pub struct Count {
    before: State,
    /// What was counted.
    pub counts: Counts,
}

impl Count {
    /// Nothing is counted yet of the changes of the state `before`.
    pub fn new(before: State) -> Count {
        Count { before, counts: Counts::default() }
    }

    /// Counts a line; whether it `is_copy` of another file.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn note(&mut self, path: &EntryPath, now: &Action, is_copy: bool) -> Result<()> {
        let counts = &mut self.counts;
        let (entry, is_stored) = match now {
            Action::Removed(Kind::Directory) => {
                counts.deleted_directories += 1;
                return Ok(());
            }
            Action::Removed(_) => {
                counts.deleted += 1;
                return Ok(());
            }
            Action::Referenced(entry) => (entry, false),
            Action::Stored(entry) => (entry, true),
        };
        let older = self.before.find(path)?.filter(|older| older.stat.kind == entry.stat.kind);
        // What has no content is stored again for other metadata, too.
        let is_as_before = |older: &Entry| entry.content.is_none() && older.target == entry.target;
        *(match (entry.stat.kind, older) {
            (Kind::Directory, None) => &mut counts.new_directories,
            (Kind::Directory, Some(_)) => &mut counts.changed_directories,
            (_, Some(older)) if (!is_stored && !is_copy) || is_as_before(&older) => &mut counts.metadata,
            (_, Some(_)) => &mut counts.modified,
            (_, None) => &mut counts.new,
        }) += 1;
        if is_stored && !is_copy {
            counts.bytes = counts.bytes.saturating_add(entry.stat.size);
        }
        Ok(())
    }
}
