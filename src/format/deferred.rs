//! Directories whose members come after what else stands in their parents, while their lines come with it. Few of them are in
//! memory, the rest in a temporary file without a name.

use crate::base::entry::Entry;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::split_last;
use crate::format::manifest::Action;
use crate::format::manifest::Change;
use crate::format::manifest::DraftLine;
use crate::system::store::ScratchFile;
use std::collections::VecDeque;

/// The most bytes of directories, about, that a queue has in memory, and that are written and read at once.
const MEMORY_BYTES: usize = 64 << 10;

/// What a directory takes in memory, about, apart from what it points to.
const ENTRY_BYTES: usize = 320;

/// Directories, first in, first out.
#[derive(Default)]
pub struct DirectoryQueue {
    front: VecDeque<(EntryPathBuf, Entry)>,
    front_bytes: usize,
    /// What comes after them.
    rest: Option<Rest>,
}

/// Lines of a manifest in a file, each after its length in four bytes.
struct Rest {
    file: ScratchFile,
    read: u64,
    written: u64,
    /// What is to be written next.
    unwritten: Vec<u8>,
}

impl Rest {
    fn write(&mut self) -> Result<()> {
        self.file.write_at(self.written, &self.unwritten)?;
        self.written += self.unwritten.len() as u64;
        self.unwritten.clear();
        Ok(())
    }

    fn take_line(&mut self) -> Result<Vec<u8>> {
        let mut length = [0; 4];
        self.file.read_at(self.read, &mut length)?;
        let mut line = vec![0; u32::from_le_bytes(length) as usize];
        self.file.read_at(self.read + 4, &mut line)?;
        self.read += 4 + line.len() as u64;
        Ok(line)
    }
}

impl DirectoryQueue {
    /// Adds a directory.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn push(&mut self, path: EntryPathBuf, entry: Entry) -> Result<()> {
        let bytes = bytes_of(&path, &entry);
        if self.rest.is_none() && self.front_bytes + bytes <= MEMORY_BYTES {
            self.front_bytes += bytes;
            self.front.push_back((path, entry));
            return Ok(());
        }
        if self.rest.is_none() {
            self.rest = Some(Rest { file: ScratchFile::new()?, read: 0, written: 0, unwritten: Vec::new() });
        }
        let Some(rest) = &mut self.rest else { return Ok(()) };
        let mut line = Vec::new();
        DraftLine::entry(&path, &entry, None).append_to(&mut line, None);
        line.pop();
        rest.unwritten.extend_from_slice(&(line.len() as u32).to_le_bytes());
        rest.unwritten.extend_from_slice(&line);
        if rest.unwritten.len() >= MEMORY_BYTES { rest.write() } else { Ok(()) }
    }

    /// The first directory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn peek(&mut self) -> Result<Option<&EntryPath>> {
        self.fill()?;
        Ok(self.front.front().map(|(path, _)| path.as_ref()))
    }

    /// Takes the first directory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn pop(&mut self) -> Result<Option<(EntryPathBuf, Entry)>> {
        self.fill()?;
        let first = self.front.pop_front();
        self.front_bytes -= first.as_ref().map_or(0, |(path, entry)| bytes_of(path, entry));
        Ok(first)
    }

    fn fill(&mut self) -> Result<()> {
        let Some(rest) = self.rest.as_mut().filter(|_| self.front.is_empty()) else { return Ok(()) };
        rest.write()?;
        while rest.read < rest.written && self.front_bytes < MEMORY_BYTES {
            let Change { path, now: Action::Stored(entry), .. } =
                Change::from_line(&rest.take_line()?, BundleId::default())?
            else {
                return Err(Error::damaged("a temporary file does not give back what was written"));
            };
            self.front_bytes += bytes_of(&path, &entry);
            self.front.push_back((path, entry));
        }
        if rest.read == rest.written {
            self.rest = None;
        }
        Ok(())
    }
}

fn bytes_of(path: &EntryPath, entry: &Entry) -> usize {
    let xattrs = entry.xattrs.iter().map(|(name, value)| name.len() + value.len() + 48);
    ENTRY_BYTES + path.as_bytes().len() + xattrs.sum::<usize>()
}

/// Directories in the order of a walk. They are added parent by parent, as in a manifest: those of one parent come out before
/// what is left of the parents above it.
#[derive(Default)]
pub struct DeferredDirectories {
    /// Those that were there from the beginning, in order.
    carried: DirectoryQueue,
    /// For each directory on the path to the present one: what is left of its subdirectories.
    levels: Vec<(Vec<u8>, DirectoryQueue)>,
}

impl DeferredDirectories {
    /// With some from the beginning, in order.
    pub fn new(carried: DirectoryQueue) -> DeferredDirectories {
        DeferredDirectories { carried, levels: Vec::new() }
    }

    /// Adds a directory.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn push(&mut self, path: EntryPathBuf, entry: Entry) -> Result<()> {
        let above = split_last(path.as_bytes()).0;
        match self.levels.last_mut() {
            Some((directory, queue)) if directory == above => queue.push(path, entry),
            _ => {
                let mut queue = DirectoryQueue::default();
                let above = above.to_vec();
                queue.push(path, entry)?;
                self.levels.push((above, queue));
                Ok(())
            }
        }
    }

    /// The first directory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn peek(&mut self) -> Result<Option<&EntryPath>> {
        Ok(self.first()?.map(DirectoryQueue::peek).transpose()?.flatten())
    }

    /// Takes the first directory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn pop(&mut self) -> Result<Option<(EntryPathBuf, Entry)>> {
        Ok(self.first()?.map(DirectoryQueue::pop).transpose()?.flatten())
    }

    /// The queue that has the first one.
    fn first(&mut self) -> Result<Option<&mut DirectoryQueue>> {
        while let Some((_, queue)) = self.levels.last_mut()
            && queue.peek()?.is_none()
        {
            self.levels.pop();
        }
        let Some((_, newest)) = self.levels.last_mut() else { return Ok(Some(&mut self.carried)) };
        let is_carried = match (self.carried.peek()?, newest.peek()?) {
            (Some(carried), Some(newest)) => carried < newest,
            (carried, _) => carried.is_some(),
        };
        Ok(Some(if is_carried { &mut self.carried } else { newest }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::entry::Kind;
    use std::collections::BTreeMap;

    fn directory(path: &str, mode: u32) -> (EntryPathBuf, Entry) {
        let mut entry = Entry::default();
        (entry.stat.kind, entry.stat.mode) = (Kind::Directory, mode);
        (EntryPathBuf::from_bytes(path.as_bytes()).unwrap(), entry)
    }

    #[test]
    fn directories_come_out_in_the_order_of_a_walk_and_as_they_were_however_many_there_are() {
        for count in [1, 3, 700] {
            let mut carried = DirectoryQueue::default();
            let mut expected = BTreeMap::new();
            for number in 0..count {
                let (path, entry) = directory(&format!("a/{:05}", number * 3), number);
                expected.insert(path.clone(), entry.clone());
                carried.push(path, entry).unwrap();
            }
            let mut deferred = DeferredDirectories::new(carried);
            let mut found = Vec::new();
            for above in ["a", "a/00004", "a/00004/00002", "a/00007"] {
                let present = EntryPathBuf::from_bytes(above.as_bytes()).unwrap();
                while deferred.peek().unwrap().is_some_and(|first| *first <= *present) {
                    found.push(deferred.pop().unwrap().unwrap());
                }
                for number in 0..count {
                    let (path, entry) = directory(&format!("{above}/{:05}", number * 3 + 1), number + 1);
                    expected.insert(path.clone(), entry.clone());
                    deferred.push(path, entry).unwrap();
                }
            }
            while let Some(first) = deferred.pop().unwrap() {
                found.push(first);
            }
            assert!(found == expected.into_iter().collect::<Vec<_>>(), "{count}");
        }
    }
}
