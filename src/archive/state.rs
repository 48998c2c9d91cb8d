//! The state of all sources at a snapshot: the newest row of every path in a chain of index files. Reads, decides nothing.

pub use crate::archive::rows::DirectoryRows;
pub use crate::archive::rows::Row;
pub use crate::archive::rows::impossible_path;

use crate::archive::rows::Overlay;
use crate::archive::rows::Pieces;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Summary;
use crate::base::snapshot::spread_uncertainty;
use crate::base::snapshot::uncertain_since;
use crate::format::index::Block;
use crate::format::index::IndexFile;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// The most bytes that a block of each index file of a chain may take together. A block is 4 MiB at most, as a rule less than
/// half a MiB, and a chain has a file for each digit of its number to base 4.
const BLOCKS_BYTES_MAX: u64 = 96 << 20;

/// The state at a snapshot.
#[derive(Clone, Default)]
pub struct State {
    /// Newest first; the last one is a whole state.
    layers: Vec<Arc<IndexFile>>,
    /// What differs from all of them.
    overlay: Option<Arc<dyn Overlay>>,
}

impl State {
    /// The state that a chain of index files makes up, newest first.
    pub fn new(layers: Vec<Arc<IndexFile>>) -> State {
        State { layers, overlay: None }
    }

    /// The same state, but for what `overlay` says otherwise.
    #[must_use]
    pub fn with_overlay(&self, overlay: Arc<dyn Overlay>) -> State {
        State { layers: self.layers.clone(), overlay: Some(overlay) }
    }

    /// Whether the blocks that each index file keeps together take no more than is held in memory at once.
    pub fn fits_in_memory(&self) -> bool {
        self.layers.iter().map(|file| file.kept_bytes()).sum::<u64>() <= BLOCKS_BYTES_MAX
    }

    /// The index files, newest first.
    pub fn layers(&self) -> &[Arc<IndexFile>] {
        &self.layers
    }

    /// The snapshots that lead to it, oldest first, each with how far it is known to be uncertain.
    pub fn summaries(&self) -> Vec<Summary> {
        let heads = || self.layers.iter().rev().map(|file| file.head());
        let unfinished: Vec<(SnapshotNumber, SnapshotNumber)> =
            heads().flat_map(|head| head.uncertain_unfinished.clone()).collect();
        let mut history: Vec<Summary> = heads().flat_map(|head| head.snapshots.clone()).collect();
        spread_uncertainty(&mut history, &unfinished);
        history
    }

    /// Whether bundles that lead to it say that what is at snapshot `number` is uncertain.
    pub fn is_uncertain(&self, number: SnapshotNumber) -> bool {
        let heads = || self.layers.iter().map(|file| file.head());
        let mut unfinished = heads().flat_map(|head| &head.uncertain_unfinished);
        uncertain_since(heads().flat_map(|head| &head.snapshots), number).is_some()
            || unfinished.any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// The layers that lead from the state at `from` to this one.
    #[must_use]
    pub fn since(&self, from: SnapshotNumber) -> State {
        let layers = self.layers.iter().filter(|file| file.head().number > from).cloned().collect();
        State { layers, overlay: self.overlay.clone() }
    }

    /// What this state and another are made of: the layers that only this one has, those that only the other has, and those
    /// that both begin from.
    pub fn fork(&self, other: &State) -> (State, State, State) {
        let pairs = self.layers.iter().rev().zip(other.layers.iter().rev());
        let common = pairs.take_while(|(own, other)| Arc::ptr_eq(own, other)).count();
        let parts = |state: &State| {
            let (only, common) = state.layers.split_at(state.layers.len() - common);
            let only = State { layers: only.to_vec(), overlay: state.overlay.clone() };
            (only, State::new(common.to_vec()))
        };
        (parts(self).0, parts(other).0, parts(self).1)
    }

    /// The entry at `path`; `None` when there is none.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn find(&self, path: &EntryPath) -> Result<Option<Entry>> {
        if let Some(overlay) = &self.overlay {
            return overlay.find(path);
        }
        let (directory, name) = path::split_last(path.as_bytes());
        for file in self.layers.iter().filter(|file| file.block_count() > 0) {
            let block = file.block(file.block_for(directory, name))?;
            if let Some(row) = block.find(directory, name) {
                return block.entry(row);
            }
        }
        Ok(None)
    }

    /// The directories that are `top` or below it and hold something, in the order of a walk, each with what it holds, piece by
    /// piece.
    pub fn groups(&self, top: &EntryPath) -> Groups {
        self.groups_with(top, Gone::Dropped)
    }

    /// What `directory` itself holds, piece by piece.
    pub fn in_directory<'d>(&self, directory: &'d EntryPath) -> impl Iterator<Item = Result<DirectoryRows>> + use<'d> {
        let is_in_it = |group: &Result<DirectoryRows>| group.as_ref().map_or(true, |group| *group.path == *directory);
        self.groups(directory).take_while(is_in_it)
    }

    /// As [`State::groups`], with the rows of entries that are gone.
    pub fn groups_and_gone(&self, top: &EntryPath) -> Groups {
        self.groups_with(top, Gone::Kept)
    }

    /// The directories below `top`, in the order of a walk.
    pub fn directories(&self, top: &EntryPath) -> Directories {
        Directories { state: self.clone(), path: top.to_owned(), levels: vec![WalkLevel::default()] }
    }

    /// Checks all that is needed of the index files for the entry at `top` and what is below it, before it is used.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::IndexDamaged`] when something is not what was written; otherwise when it cannot be read.
    pub fn check(&self, top: &EntryPath) -> Result<()> {
        for file in self.layers.iter().filter(|file| file.block_count() > 0) {
            let first = file.block_for(top.as_bytes(), b"");
            let is_needed =
                |number: &usize| *number == first || path::is_in(file.block_directory(*number), top.as_bytes());
            let mut needed: BTreeSet<usize> = (first..file.block_count()).take_while(is_needed).collect();
            let mut above = Some(top);
            while let Some(path) = above {
                let (directory, name) = path::split_last(path.as_bytes());
                needed.insert(file.block_for(directory, name));
                above = path.parent();
            }
            file.check_blocks(&needed.into_iter().collect::<Vec<_>>())?;
        }
        Ok(())
    }

    fn groups_with(&self, top: &EntryPath, gone: Gone) -> Groups {
        Groups { pieces: self.pieces(top, b""), top: top.to_owned(), gone, piece_rows_max: u32::MAX }
    }

    /// What is in `directory` and below it, but of the directory itself only what comes after the name `after`.
    pub(super) fn groups_after(&self, directory: &EntryPath, after: &[u8]) -> Groups {
        let pieces = self.pieces(directory, after);
        Groups { pieces, top: directory.to_owned(), gone: Gone::Dropped, piece_rows_max: u32::MAX }
    }

    fn pieces(&self, directory: &EntryPath, after: &[u8]) -> Vec<Box<dyn Pieces>> {
        let mut pieces = self.overlay.as_ref().map_or_else(Vec::new, |overlay| overlay.pieces(directory));
        let cursor = |file: &Arc<IndexFile>| Cursor::new(file.clone(), directory.as_bytes(), after);
        pieces.extend(self.layers.iter().map(|file| Box::new(cursor(file)) as Box<dyn Pieces>));
        pieces
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gone {
    Kept,
    Dropped,
}

/// The directories of a state, in the order of a walk, piece by piece. Holds one block of each index file at a time.
pub struct Groups {
    /// Newest first.
    pieces: Vec<Box<dyn Pieces>>,
    top: EntryPathBuf,
    gone: Gone,
    /// The most rows of each index file in a piece.
    piece_rows_max: u32,
}

/// The rows of a state, one after the other.
pub struct Rows {
    groups: Groups,
    group: DirectoryRows,
    at: usize,
}

impl Rows {
    /// The rows of these directories.
    pub fn new(groups: Groups) -> Rows {
        Rows { groups, group: DirectoryRows::default(), at: 0 }
    }

    /// The next row, with its directory's path.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn peek(&mut self) -> Result<Option<(&EntryPath, &Row)>> {
        while self.at >= self.group.rows.len() {
            let Some(group) = self.groups.next().transpose()? else { return Ok(None) };
            (self.group, self.at) = (group, 0);
        }
        Ok(self.group.rows.get(self.at).map(|row| (&*self.group.path, row)))
    }

    /// Takes the row that [`Rows::peek`] shows.
    ///
    /// # Errors
    /// As for [`Rows::peek`].
    pub fn take(&mut self) -> Result<Option<(&EntryPath, &Row)>> {
        if self.peek()?.is_none() {
            return Ok(None);
        }
        self.at += 1;
        Ok(self.group.rows.get(self.at - 1).map(|row| (&*self.group.path, row)))
    }
}

impl Groups {
    fn advance(&mut self) -> Result<Option<DirectoryRows>> {
        loop {
            for pieces in &mut self.pieces {
                pieces.fill(self.piece_rows_max)?;
            }
            let first = self.pieces.iter().filter_map(|pieces| pieces.path()).min_by(|a, b| path::walk_order(a, b));
            let Some(first) = first.filter(|first| path::is_in(first, self.top.as_bytes())) else { return Ok(None) };
            let path = EntryPathBuf::from_bytes(first).ok_or_else(impossible_path)?;
            let mut rows = self.take_rows(path.as_bytes());
            if self.gone == Gone::Dropped {
                rows.retain(|row| row.stat().is_some());
            }
            if !rows.is_empty() {
                return Ok(Some(DirectoryRows { path, rows }));
            }
        }
    }

    /// The next rows of a directory: up to the last name that is known of each index file in which it goes on.
    fn take_rows(&mut self, directory: &[u8]) -> Vec<Row> {
        let here = self.pieces.iter().filter(|pieces| pieces.path() == Some(directory));
        let last = here.filter_map(|pieces| pieces.last_of_unfinished()).min().map(<[u8]>::to_vec);
        let mut rows: Option<Vec<Row>> = None;
        for pieces in self.pieces.iter_mut().filter(|pieces| pieces.path() == Some(directory)) {
            let older = pieces.take_until(last.as_deref());
            rows = Some(match rows {
                None => older,
                Some(newer) if older.is_empty() => newer,
                Some(newer) => merged(newer, older),
            });
        }
        rows.unwrap_or_default()
    }
}

impl Iterator for Groups {
    type Item = Result<DirectoryRows>;

    fn next(&mut self) -> Option<Result<DirectoryRows>> {
        self.advance().transpose()
    }
}

/// Two versions of a directory: of each name the newer row.
fn merged(newer: Vec<Row>, older: Vec<Row>) -> Vec<Row> {
    let mut rows = Vec::with_capacity(newer.len() + older.len());
    let (mut new, mut old) = (newer.into_iter().peekable(), older.into_iter().peekable());
    loop {
        let order = match (new.peek(), old.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.name().cmp(b.name()),
        };
        if order.is_eq() {
            old.next();
        }
        rows.extend(if order.is_gt() { old.next() } else { new.next() });
    }
    rows
}

/// Walks one index file, directory by directory and block by block.
struct Cursor {
    file: Arc<IndexFile>,
    current: Option<DirectorySlice>,
    block: usize,
    group: usize,
    /// The next row of the block.
    row: u32,
    /// The directory to begin with, and the name in it after which to begin; until that is found.
    start: Option<(Vec<u8>, Vec<u8>)>,
}

/// What a block holds of a directory.
struct DirectorySlice {
    block: Arc<Block>,
    group: usize,
    /// Never none.
    rows: Range<u32>,
    /// Whether more of the directory follows.
    goes_on: bool,
}

impl DirectorySlice {
    fn path(&self) -> &[u8] {
        self.block.groups().get(self.group).map_or(&[], |(path, _)| path)
    }

    fn last_name(&self) -> &[u8] {
        self.block.name(self.rows.end as usize - 1)
    }
}

impl Cursor {
    fn new(file: Arc<IndexFile>, directory: &[u8], after: &[u8]) -> Cursor {
        let block = file.block_for(directory, after);
        let start = Some((directory.to_vec(), after.to_vec()));
        Cursor { file, current: None, block, group: 0, row: 0, start }
    }

    fn read_block(&self) -> Result<Option<Arc<Block>>> {
        if self.block >= self.file.block_count() {
            return Ok(None);
        }
        self.file.block(self.block).map(Some)
    }

    /// Goes to the first row of the block that is in `directory` and after the name `after` in it, or after that directory.
    fn seek(&mut self, block: &Block, directory: &[u8], after: &[u8]) {
        self.group = block.groups().partition_point(|(path, _)| path::walk_order(path, directory).is_lt());
        let here = block.groups().get(self.group).filter(|(path, _)| path == directory);
        self.row = here.map_or(0, |(_, rows)| names_until(block, rows, after));
    }
}

impl Pieces for Cursor {
    fn fill(&mut self, rows_max: u32) -> Result<()> {
        while self.current.is_none()
            && let Some(block) = self.read_block()?
        {
            if let Some((directory, after)) = self.start.take() {
                self.seek(&block, &directory, &after);
            }
            let Some((path, rows)) = block.groups().get(self.group) else {
                (self.block, self.group, self.row) = (self.block + 1, 0, 0);
                continue;
            };
            let first = self.row.max(rows.start);
            if first >= rows.end {
                self.group += 1;
                continue;
            }
            self.row = rows.end.min(first.saturating_add(rows_max));
            let is_last = self.row == rows.end && self.group + 1 == block.groups().len();
            let next = self.block + 1;
            let is_in_next = || next < self.file.block_count() && self.file.block_directory(next) == path.as_slice();
            let goes_on = self.row < rows.end || (is_last && is_in_next());
            self.current =
                Some(DirectorySlice { block: block.clone(), group: self.group, rows: first..self.row, goes_on });
        }
        Ok(())
    }

    fn path(&self) -> Option<&[u8]> {
        self.current.as_ref().map(DirectorySlice::path)
    }

    fn last_of_unfinished(&self) -> Option<&[u8]> {
        self.current.as_ref().filter(|part| part.goes_on).map(DirectorySlice::last_name)
    }

    fn take_until(&mut self, last: Option<&[u8]>) -> Vec<Row> {
        let Some(part) = &mut self.current else { return Vec::new() };
        // Where names are not in order, which only a forged file has, this goes on all the same.
        let is_all = last.is_none_or(|last| part.last_name() <= last);
        let end = last.filter(|_| !is_all).map_or(part.rows.end, |last| names_until(&part.block, &part.rows, last));
        let rows = (part.rows.start..end).map(|row| Row::new(part.block.clone(), row)).collect();
        part.rows.start = end;
        if part.rows.is_empty() {
            self.current = None;
        }
        rows
    }
}

/// The first of these rows, which are of one directory, whose name comes after `name`.
fn names_until(block: &Block, rows: &Range<u32>, name: &[u8]) -> u32 {
    let (mut low, mut high) = (rows.start, rows.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if block.name(middle as usize) <= name { low = middle + 1 } else { high = middle }
    }
    low
}

/// Names of subdirectories read ahead per level, in bytes; more are read when these are used up.
const LEVEL_BYTES: usize = 4 << 10;

/// The directories of a state, in the order of a walk. Memory grows with the depth only.
pub struct Directories {
    state: State,
    /// The directory of the last level.
    path: EntryPathBuf,
    /// The directory that was given out last, and those on the way to it.
    levels: Vec<WalkLevel>,
}

/// A directory whose directories are given out.
#[derive(Default)]
struct WalkLevel {
    /// The next ones.
    names: VecDeque<Vec<u8>>,
    /// The last name in it that was looked at.
    after: Vec<u8>,
    ended: bool,
}

impl WalkLevel {
    fn read(&mut self, state: &State, directory: &EntryPath) -> Result<()> {
        let mut bytes = 0;
        for group in state.groups_after(directory, &self.after) {
            let group = group?;
            if *group.path != *directory {
                break;
            }
            for row in &group.rows {
                // In a forged file names may come again.
                if row.name() <= self.after.as_slice() {
                    continue;
                }
                row.name().clone_into(&mut self.after);
                if row.stat().is_some_and(|stat| stat.kind == Kind::Directory) {
                    bytes += row.name().len() + size_of::<Vec<u8>>();
                    self.names.push_back(row.name().to_vec());
                }
                if bytes >= LEVEL_BYTES {
                    return Ok(());
                }
            }
        }
        self.ended = true;
        Ok(())
    }
}

impl Directories {
    /// Leaves out what is below the directory that was given out last.
    pub fn skip_below(&mut self) {
        self.levels.pop();
        self.path = self.path.parent().unwrap_or(EntryPath::root()).to_owned();
    }

    fn advance(&mut self) -> Result<Option<EntryPathBuf>> {
        while let Some(level) = self.levels.last_mut() {
            if let Some(name) = level.names.pop_front() {
                // One that is too long together has nothing in it; where it is made, that is a problem.
                let Some(path) = self.path.child(&name) else { continue };
                self.levels.push(WalkLevel::default());
                self.path.clone_from(&path);
                return Ok(Some(path));
            }
            if level.ended {
                self.skip_below();
            } else {
                level.read(&self.state, &self.path)?;
            }
        }
        Ok(None)
    }
}

impl Iterator for Directories {
    type Item = Result<EntryPathBuf>;

    fn next(&mut self) -> Option<Result<EntryPathBuf>> {
        self.advance().transpose()
    }
}

#[cfg(test)]
mod tests;
