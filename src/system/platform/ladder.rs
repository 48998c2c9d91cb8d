//! Opens directories of a tree that may be very deep, one after the other: the next one is mostly near the last.

use super::directory::Directory;
use crate::base::path::is_in;
use std::io;

/// Of a path with more parts than this, directories on the way are kept open.
const PARTS_MAX: usize = 32;

/// Directories on the way to the one that was opened last, at distances that become half as long each time. So a walk that
/// comes up from the depths opens few directories for each step, and few are open at once.
#[derive(Debug, Default)]
pub struct Ladder {
    /// Which root they are below.
    root: usize,
    rungs: Vec<(Vec<u8>, Directory)>,
}

impl Ladder {
    /// As [`Ladder::open`], below one of several roots: the one with this number.
    ///
    /// # Errors
    /// As for [`Directory::open_below`].
    pub fn open_in(&mut self, number: usize, root: &Directory, path: &[u8]) -> io::Result<Directory> {
        if self.root != number {
            *self = Ladder { root: number, rungs: Vec::new() };
        }
        self.open(root, path)
    }

    /// Opens the directory `path` below `root`, which must be the same each time, through no symlink.
    ///
    /// # Errors
    /// As for [`Directory::open_below`].
    pub fn open(&mut self, root: &Directory, path: &[u8]) -> io::Result<Directory> {
        while self.rungs.pop_if(|(known, _)| !is_in(path, known)).is_some() {}
        loop {
            let (begun, directory) =
                self.rungs.last().map_or((0, root), |(known, directory)| (known.len() + 1, directory));
            let rest = path.get(begun..).unwrap_or_default();
            if rest.split(|byte| *byte == b'/').nth(PARTS_MAX).is_none() {
                return directory.open_below(rest);
            }
            let slashes: Vec<usize> = (0..rest.len()).filter(|at| rest[*at] == b'/').collect();
            let half = slashes[slashes.len() / 2];
            let middle = directory.open_below(&rest[..half])?;
            self.rungs.push((path[..begun + half].to_vec(), middle));
        }
    }

    /// Forgets what is at `path` or below it, because that is about to go.
    pub fn forget(&mut self, path: &[u8]) {
        self.rungs.retain(|(known, _)| !is_in(known, path));
    }
}
