//! The entries of a state in the order of a tree: each directory with what it holds right behind it.

use crate::archive::state::Groups;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;

/// The most directories on the way to the present one of which rows are kept: what is left of others is looked up again.
const LEVELS_KEPT: usize = 16;

/// What comes next in a tree.
pub enum Step {
    /// An entry; if it is a directory that is entered, what it holds follows.
    Entry(EntryPathBuf, Row),
    /// The directory that was entered last is left.
    Left,
}

/// The entries below a directory. Memory grows with the length of the path only.
pub struct Tree {
    state: State,
    /// The directory whose entries come now.
    directory: EntryPathBuf,
    is_recursive: bool,
    /// Those on the way to it, from the first on, with what is left of them; `None`: that is looked up again.
    levels: Vec<Option<Level>>,
}

/// What is left of a directory.
struct Level {
    groups: Groups,
    rows: std::vec::IntoIter<Row>,
    /// The last name that was given out.
    after: Vec<u8>,
}

impl Tree {
    /// What is in `top`, and if `is_recursive` what is in directories in it, too.
    pub fn new(state: &State, top: &EntryPath, is_recursive: bool) -> Tree {
        let mut tree = Tree { state: state.clone(), directory: top.to_owned(), is_recursive, levels: Vec::new() };
        let level = tree.open(&[]);
        tree.levels.push(Some(level));
        tree
    }

    /// The next step; `None` at the end.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn next_step(&mut self) -> Result<Option<Step>> {
        let Some(level) = self.levels.last_mut() else { return Ok(None) };
        let Some(level) = level else { return Err(Error::damaged("a directory was left that was not entered")) };
        let Some(row) = level.next_row(&self.directory)? else { return Ok(self.leave()) };
        let path = row.path_in(&self.directory)?;
        if self.is_recursive && row.stat().is_some_and(|stat| stat.kind == Kind::Directory) {
            self.directory.clone_from(&path);
            let level = self.open(&[]);
            self.levels.push(Some(level));
            if let Some(far) = self.levels.len().checked_sub(LEVELS_KEPT + 1) {
                self.levels[far] = None;
            }
        }
        Ok(Some(Step::Entry(path, row)))
    }

    fn open(&self, after: &[u8]) -> Level {
        let groups = self.state.groups_after(&self.directory, after);
        Level { groups, rows: Vec::new().into_iter(), after: after.to_vec() }
    }

    fn leave(&mut self) -> Option<Step> {
        self.levels.pop();
        if self.levels.is_empty() {
            return None;
        }
        let name = self.directory.name_bytes().to_vec();
        self.directory = self.directory.parent().unwrap_or(EntryPath::root()).to_owned();
        if let Some(None) = self.levels.last() {
            let level = self.open(&name);
            self.levels.pop();
            self.levels.push(Some(level));
        }
        Some(Step::Left)
    }
}

impl Level {
    fn next_row(&mut self, directory: &EntryPath) -> Result<Option<Row>> {
        loop {
            // In a forged file names may come again.
            if let Some(row) = self.rows.find(|row| row.name() > self.after.as_slice()) {
                row.name().clone_into(&mut self.after);
                return Ok(Some(row));
            }
            match self.groups.next().transpose()? {
                Some(group) if *group.path == *directory => self.rows = group.rows.into_iter(),
                _ => return Ok(None),
            }
        }
    }
}
