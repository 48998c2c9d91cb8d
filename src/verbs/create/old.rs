//! What was in a source when it was last saved, directory by directory. Knows nothing of what is in it now.

use crate::archive::state::Group;
use crate::archive::state::Groups;
use crate::archive::state::State;
use crate::base::error::Result;
use crate::base::path::EntryPathBuf;
use crate::base::path::walk_order;
use std::collections::HashSet;

/// The old directories of one source, and which of them stay as they are because they could not be read.
pub(super) struct OldGroups {
    pub source: usize,
    groups: Groups,
    next: Option<Group>,
    kept: HashSet<Vec<u8>>,
}

impl OldGroups {
    pub fn new(source: usize, name: &[u8], before: &State) -> Result<OldGroups> {
        let top = EntryPathBuf::from_bytes(name).unwrap_or_default();
        let mut groups = before.groups(&top);
        let next = groups.next().transpose()?;
        Ok(OldGroups { source, groups, next, kept: HashSet::new() })
    }

    /// The next directory, or a piece of it, if it stands before `path` (`None`: whatever it is).
    pub fn take_before(&mut self, path: Option<&[u8]>) -> Result<Option<Group>> {
        let is_before = |group: &Group| path.is_none_or(|path| walk_order(&group.path, path).is_lt());
        if self.next.as_ref().is_some_and(is_before) { self.take() } else { Ok(None) }
    }

    /// The whole directory `path`, all pieces of it: what was found in it is in memory, too.
    pub fn take_at(&mut self, path: &[u8]) -> Result<Group> {
        let mut whole = Group::default();
        while self.next.as_ref().is_some_and(|group| group.path == path)
            && let Some(piece) = self.take()?
        {
            if whole.rows.is_empty() { whole = piece } else { whole.rows.extend(piece.rows) }
        }
        Ok(whole)
    }

    fn take(&mut self) -> Result<Option<Group>> {
        let next = self.groups.next().transpose()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// Notes that `path` and what is below it stay as they are.
    pub fn keep(&mut self, path: Vec<u8>) {
        self.kept.insert(path);
    }

    pub fn is_kept(&self, path: &[u8]) -> bool {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        !self.kept.is_empty() && ends.chain([path.len()]).any(|end| self.kept.contains(&path[..end]))
    }
}
