//! What was in a source when it was last saved, directory by directory. Knows nothing of what is in it now.

use crate::archive::state::DirectoryRows;
use crate::archive::state::Groups;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use std::collections::HashSet;

/// The directories of one source as they were, and which of them stay as they are because they could not be read.
pub struct BaseWalk {
    /// The index of the source in the list.
    pub source: usize,
    groups: Groups,
    next: Option<DirectoryRows>,
    retained: HashSet<EntryPathBuf>,
}

impl BaseWalk {
    /// Begins at the top `path` of a source.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn new(source: usize, path: &EntryPath, base: &State) -> Result<BaseWalk> {
        let mut groups = base.groups(path);
        let next = groups.next().transpose()?;
        Ok(BaseWalk { source, groups, next, retained: HashSet::new() })
    }

    /// As [`BaseWalk::new`], from the directory `path` on. What was to stay as it is still does.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn again(self, top: &EntryPath, path: &EntryPath, base: &State) -> Result<BaseWalk> {
        let mut walk = BaseWalk { retained: self.retained, ..BaseWalk::new(self.source, top, base)? };
        while walk.take_before(Some(path))?.is_some() {}
        Ok(walk)
    }

    /// The next directory, or a piece of it, if it stands before `path`; with `None`, whichever is next.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn take_before(&mut self, path: Option<&EntryPath>) -> Result<Option<DirectoryRows>> {
        let is_before = |group: &DirectoryRows| path.is_none_or(|path| *group.path < *path);
        if self.next.as_ref().is_some_and(is_before) { self.take() } else { Ok(None) }
    }

    /// All pieces of the directory `path`. Its listing is in memory as a whole, too.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn take_at(&mut self, path: &EntryPath) -> Result<DirectoryRows> {
        let mut whole = DirectoryRows::default();
        while self.next.as_ref().is_some_and(|group| *group.path == *path)
            && let Some(piece) = self.take()?
        {
            if whole.rows.is_empty() { whole = piece } else { whole.rows.extend(piece.rows) }
        }
        Ok(whole)
    }

    fn take(&mut self) -> Result<Option<DirectoryRows>> {
        let next = self.groups.next().transpose()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// Notes that `path` and what is below it stay as they are.
    pub fn retain(&mut self, path: EntryPathBuf) {
        self.retained.insert(path);
    }

    /// Whether `path` stays as it is.
    pub fn is_retained(&self, path: &EntryPath) -> bool {
        !self.retained.is_empty() && path.ancestors().any(|ancestor| self.retained.contains(ancestor))
    }
}

/// The row of a source's top.
///
/// # Errors
/// When the index cannot be read.
pub fn top_row(base: &State, name: &[u8]) -> Result<Option<Row>> {
    for group in base.groups(EntryPath::root()) {
        let group = group?;
        if !group.path.is_root() {
            break;
        }
        if let Some(row) = group.rows.into_iter().find(|row| row.name() == name && row.stat().is_some()) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}
