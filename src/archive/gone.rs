//! Which paths are gone in a state, quickly for the rows that the state itself is made of.

use crate::archive::rows::impossible_path;
use crate::archive::state::State;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::path;
use crate::base::path::EntryPathBuf;
use crate::format::index::IndexFile;
use std::hash::DefaultHasher;
use std::hash::Hasher;

/// How many bits there are, one of them for each path that is gone: 8 MiB, however many paths there are.
const BITS: u64 = 1 << 26;

/// What is gone in a state.
pub(crate) struct Gone {
    state: State,
    /// The bits of the paths that a row of the state's files says are gone. Some may share one.
    bits: Vec<u64>,
}

impl Gone {
    /// What is gone in `state`. Reads all its files but the last, which is a whole state.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn new(state: State) -> Result<Gone> {
        let mut bits = vec![0; (BITS / 64) as usize];
        let changes = state.layers().split_last().map_or(&[][..], |(_, changes)| changes);
        for file in changes {
            for number in 0..file.block_count() {
                let block = file.block_alone(number)?;
                for (directory, rows) in block.groups() {
                    for row in rows.clone().filter(|row| block.stat(*row as usize).is_none()) {
                        let (word, bit) = place(&path::joined(directory, block.name(row as usize)));
                        bits[word] |= bit;
                    }
                }
            }
        }
        Ok(Gone { state, bits })
    }

    /// For the rows of `file`.
    pub fn for_rows_of(&self, file: &IndexFile) -> GoneOf<'_> {
        let id = |file: &IndexFile| -> (SnapshotNumber, SnapshotNumber) { (file.head().number, file.head().from) };
        GoneOf { gone: self, is_own: self.state.layers().iter().any(|own| id(own) == id(file)) }
    }
}

/// What is gone in a state, of what the rows of one index file say is there.
pub(crate) struct GoneOf<'g> {
    gone: &'g Gone,
    /// Whether the state is made of that file, too.
    is_own: bool,
}

impl GoneOf<'_> {
    /// Whether such a path may be gone; `false`: it is there.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn may_be(&self, path: &[u8]) -> Result<bool> {
        let (word, bit) = place(path);
        if self.gone.bits[word] & bit != 0 || self.is_own {
            return Ok(self.gone.bits[word] & bit != 0);
        }
        let path = EntryPathBuf::from_bytes(path).ok_or_else(impossible_path)?;
        Ok(self.gone.state.find(&path)?.is_none())
    }
}

fn place(path: &[u8]) -> (usize, u64) {
    let mut hasher = DefaultHasher::new();
    hasher.write(path);
    let at = hasher.finish() % BITS;
    ((at / 64) as usize, 1 << (at % 64))
}
