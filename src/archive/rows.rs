//! Rows of index files, and what a state's directories are read from, piece by piece. Reads, decides nothing.

use crate::base::entry::Entry;
use crate::base::entry::Stat;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::index::Block;
use std::sync::Arc;

/// One row of an index file, or what stands for one.
#[derive(Clone)]
pub struct Row(Kind);

#[derive(Clone)]
enum Kind {
    /// As the index file has it.
    Indexed { block: Arc<Block>, row: u32 },
    /// A name of an index file of which nothing is there any more.
    Gone { block: Arc<Block>, row: u32 },
    /// None of an index file.
    Made(Arc<(Vec<u8>, Option<Entry>)>),
}

impl Row {
    /// The row `row` of a block.
    pub fn new(block: Arc<Block>, row: u32) -> Row {
        Row(Kind::Indexed { block, row })
    }

    /// One of no index file; `None`: the name is gone.
    pub fn made(name: &[u8], entry: Option<Entry>) -> Row {
        Row(Kind::Made(Arc::new((name.to_vec(), entry))))
    }

    /// The name as one that is gone.
    #[must_use]
    pub fn into_gone(self) -> Row {
        match self.0 {
            Kind::Indexed { block, row } | Kind::Gone { block, row } => Row(Kind::Gone { block, row }),
            Kind::Made(made) => Row::made(&made.0, None),
        }
    }

    /// The entry's name in its directory.
    pub fn name(&self) -> &[u8] {
        match &self.0 {
            Kind::Indexed { block, row } | Kind::Gone { block, row } => block.name(*row as usize),
            Kind::Made(made) => &made.0,
        }
    }

    /// The path of the entry in this directory.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when it is longer than a path can be.
    pub fn path_in(&self, directory: &EntryPath) -> Result<EntryPathBuf> {
        directory.child(self.name()).ok_or_else(impossible_path)
    }

    /// What `create` compares; `None` when the entry is gone.
    pub fn stat(&self) -> Option<&Stat> {
        match &self.0 {
            Kind::Indexed { block, row } => block.stat(*row as usize),
            Kind::Gone { .. } => None,
            Kind::Made(made) => made.1.as_ref().map(|entry| &entry.stat),
        }
    }

    /// All that is known of the entry; `None` when it is gone.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn entry(&self) -> Result<Option<Entry>> {
        match &self.0 {
            Kind::Indexed { block, row } => block.entry(*row as usize),
            Kind::Gone { .. } => Ok(None),
            Kind::Made(made) => Ok(made.1.clone()),
        }
    }

    /// Reads and checks what [`Row::entry`] needs.
    ///
    /// # Errors
    /// As for [`Row::entry`].
    pub fn check(&self) -> Result<()> {
        match &self.0 {
            Kind::Indexed { block, .. } => block.check(),
            Kind::Gone { .. } | Kind::Made(_) => Ok(()),
        }
    }
}

/// What is in a directory, or a piece of it: no more than one block of each index file holds. The pieces of a large directory
/// come one after the other.
#[derive(Clone, Default)]
pub struct DirectoryRows {
    /// The directory.
    pub path: EntryPathBuf,
    /// Its entries by name; never none.
    pub rows: Vec<Row>,
}

/// Directories in the order of a walk, each with rows by name, piece by piece.
pub trait Pieces: Send {
    /// Reads what comes next, if there is nothing waiting: at most `rows_max` rows.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    fn fill(&mut self, rows_max: u32) -> Result<()>;

    /// The directory of what is waiting.
    fn path(&self) -> Option<&[u8]>;

    /// The last name that is waiting, if more of the same directory follows.
    fn last_of_unfinished(&self) -> Option<&[u8]>;

    /// Takes the rows up to the name `last` (`None`: all) of what is waiting.
    fn take_until(&mut self, last: Option<&[u8]>) -> Vec<Row>;
}

/// What differs from the index files of a state, and is newer.
pub trait Overlay: Send + Sync {
    /// The rows that take the place of others, of the directories that are `top` or come after it in the order of a walk; newest
    /// first.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    fn pieces(&self, top: &EntryPath) -> Vec<Box<dyn Pieces>>;

    /// The entry at `path`; `None` when there is none.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    fn find(&self, path: &EntryPath) -> Result<Option<Entry>>;
}
/// The error for a path in the index that an entry cannot have.
pub fn impossible_path() -> Error {
    Error::damaged("the index holds a path that cannot be")
}
