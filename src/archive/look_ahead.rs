//! The changes of a bundle that is written anew, read a directory ahead.

use crate::archive::state::State;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::path;
use crate::format::manifest::Action;
use crate::format::manifest::Change;

/// The changes of a bundle, by directory in the order of a walk, then by name.
pub trait Lines {
    /// The next one.
    ///
    /// # Errors
    /// When they cannot be read.
    fn next(&mut self) -> Result<Option<Change>>;
}

/// Reads the same changes as the rewrite, a directory ahead of it: whether the directory's header is wanted, and with all its
/// names, is known when all its changes are, which are too many to keep.
pub struct LookAhead<'l> {
    lines: &'l mut dyn Lines,
    next: Option<Change>,
    begun: bool,
}

/// What is known of a directory's changes before they are written.
#[derive(Default)]
pub struct DirectoryNeeds {
    /// The names that went, or changed between a directory and something else.
    pub lost_names: Vec<Vec<u8>>,
    /// Whether something is stored that stands beside the directory's header.
    pub stores: bool,
}

impl DirectoryNeeds {
    /// Notes a change; `before` is the state before, if it is known.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn note(&mut self, change: &Change, before: Option<&State>) -> Result<()> {
        if loses_name(change, before)? {
            self.lost_names.push(change.path.name_bytes().to_vec());
        }
        self.stores |= matches!(&change.now, Action::Stored(entry) if entry.stat.kind != Kind::Directory);
        Ok(())
    }
}

impl<'l> LookAhead<'l> {
    /// Of changes of which none was read.
    pub fn new(lines: &'l mut dyn Lines) -> LookAhead<'l> {
        LookAhead { lines, next: None, begun: false }
    }

    /// Reads the changes of a directory.
    ///
    /// # Errors
    /// When a list of changes, or the index, is damaged or cannot be read.
    pub fn look(&mut self, directory: &[u8], before: Option<&State>) -> Result<DirectoryNeeds> {
        let mut ahead = DirectoryNeeds::default();
        if !self.begun {
            (self.begun, self.next) = (true, self.lines.next()?);
        }
        while let Some(change) = self.next.take_if(|change| path::split_last(change.path.as_bytes()).0 == directory) {
            ahead.note(&change, before)?;
            self.next = self.lines.next()?;
        }
        Ok(ahead)
    }
}

/// Whether a name went, or changed between a directory and something else.
fn loses_name(change: &Change, before: Option<&State>) -> Result<bool> {
    let kind = match &change.now {
        Action::Removed(_) => return Ok(true),
        Action::Stored(entry) | Action::Referenced(entry) => entry.stat.kind,
    };
    let older = before.map(|before| before.find(&change.path)).transpose()?.flatten();
    Ok(older.is_some_and(|older| (older.stat.kind == Kind::Directory) != (kind == Kind::Directory)))
}
