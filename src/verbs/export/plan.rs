//! What stands where in an export: the entries of a state in the order of a tar, grouped into frames.

use crate::archive::content::Reader;
use crate::archive::state::Directories;
use crate::archive::state::Groups;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::frames::FRAME_BYTES;
use crate::format::tar;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::OnceLock;

/// Whether a file with several names can be in the export; known when its content was checked.
pub(super) type Sound = Arc<OnceLock<bool>>;

/// A member that fits in a frame.
pub(super) struct Item {
    pub path: EntryPathBuf,
    pub entry: Entry,
    /// The first name of the file, when this is another.
    pub first_name: Option<EntryPathBuf>,
    /// Only for files with several names.
    pub sound: Option<Sound>,
}

/// Some bytes of a file that runs over several frames.
pub(super) struct FileChunk {
    pub path: EntryPathBuf,
    pub entry: Arc<Entry>,
    pub offset: u64,
    pub length: u64,
}

/// One frame of the export.
pub(super) enum ExportJob {
    Members(Vec<Item>),
    FileChunk(FileChunk),
    /// A large file of whose content nothing can be read: it is left out.
    Unreadable(EntryPathBuf, Error),
}

/// Hands out the frames of an export, in order.
pub(super) struct Plan {
    walk: Walk,
    reader: Reader,
    items: Vec<Item>,
    items_bytes: u64,
    ready: VecDeque<ExportJob>,
    /// Where the file that is being handed out in parts goes on.
    large: Option<FileChunk>,
    /// Files with several names, by link number.
    firsts: HashMap<u64, Vec<First>>,
    ended: bool,
}

struct First {
    path: EntryPathBuf,
    entry: Entry,
    sound: Sound,
}

impl Plan {
    pub fn new(state: State, number: SnapshotNumber, paths: &[EntryPathBuf], reader: Reader) -> Result<Plan> {
        Ok(Plan {
            walk: Walk::new(state, number, paths)?,
            reader,
            items: Vec::new(),
            items_bytes: 0,
            ready: VecDeque::new(),
            large: None,
            firsts: HashMap::new(),
            ended: false,
        })
    }

    fn next_job(&mut self) -> Result<Option<ExportJob>> {
        loop {
            if let Some(job) = self.ready.pop_front() {
                return Ok(Some(job));
            }
            if let Some(part) = self.next_part() {
                return Ok(Some(ExportJob::FileChunk(part)));
            }
            if self.ended {
                return Ok(None);
            }
            if let Some((path, entry)) = self.walk.next()? {
                self.add(path, entry)?;
            } else {
                self.close_members();
                self.ended = true;
            }
        }
    }

    fn add(&mut self, path: EntryPathBuf, entry: Entry) -> Result<()> {
        let (first_name, sound) = if entry.stat.link == 0 { (None, None) } else { self.names_of(&path, &entry) };
        let is_large = entry.stat.kind == Kind::File && first_name.is_none() && entry.stat.size > FRAME_BYTES as u64;
        if is_large {
            self.close_members();
            return self.add_large(path, entry, sound);
        }
        let size = if first_name.is_none() { entry.stat.size } else { 0 };
        let records: usize = entry.xattrs.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
        let bytes = tar::estimated_bytes(&[path.as_bytes(), &entry.target], size) + records as u64;
        if self.items_bytes + bytes > FRAME_BYTES as u64 {
            self.close_members();
        }
        self.items_bytes += bytes;
        self.items.push(Item { path, entry, first_name, sound });
        Ok(())
    }

    /// The first name of the file, if this is not the first.
    fn names_of(&mut self, path: &EntryPath, entry: &Entry) -> (Option<EntryPathBuf>, Option<Sound>) {
        let firsts = self.firsts.entry(entry.stat.link).or_default();
        if let Some(first) = firsts.iter().find(|first| first.entry.is_linked_to(entry)) {
            return (Some(first.path.clone()), Some(first.sound.clone()));
        }
        let sound = Sound::default();
        firsts.push(First { path: path.to_owned(), entry: entry.clone(), sound: sound.clone() });
        (None, Some(sound))
    }

    fn add_large(&mut self, path: EntryPathBuf, entry: Entry, sound: Option<Sound>) -> Result<()> {
        let opened = self.reader.check_place(&entry);
        // It will be in the export, perhaps with zeros, if the bundle can be read at all.
        if let Some(sound) = sound {
            let _ = sound.set(opened.is_ok());
        }
        match opened {
            Ok(()) => self.large = Some(FileChunk { path, entry: Arc::new(entry), offset: 0, length: 0 }),
            Err(error) if error.is_damage() => self.ready.push_back(ExportJob::Unreadable(path, error)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn next_part(&mut self) -> Option<FileChunk> {
        let large = self.large.as_mut()?;
        let length = (large.entry.stat.size - large.offset).min(FRAME_BYTES as u64);
        let part = FileChunk { path: large.path.clone(), entry: large.entry.clone(), offset: large.offset, length };
        large.offset += length;
        if large.offset == large.entry.stat.size {
            self.large = None;
        }
        Some(part)
    }

    fn close_members(&mut self) {
        self.items_bytes = 0;
        if !self.items.is_empty() {
            self.ready.push_back(ExportJob::Members(std::mem::take(&mut self.items)));
        }
    }
}

impl Iterator for Plan {
    type Item = Result<ExportJob>;

    fn next(&mut self) -> Option<Result<ExportJob>> {
        self.next_job().transpose()
    }
}

/// The wanted entries of a state in the order of a tar: a directory, what is in it by name, then its subdirectories.
struct Walk {
    state: State,
    tops: VecDeque<EntryPathBuf>,
    /// What is in the directories.
    groups: Option<Peekable<Groups>>,
    /// The directories themselves.
    directories: Option<Peekable<Directories>>,
    directory: EntryPathBuf,
    rows: std::vec::IntoIter<Row>,
    /// Directories that lead to what is wanted.
    parents: VecDeque<(EntryPathBuf, Entry)>,
    parents_done: BTreeSet<EntryPathBuf>,
}

impl Walk {
    fn new(state: State, number: SnapshotNumber, paths: &[EntryPathBuf]) -> Result<Walk> {
        let mut tops: Vec<EntryPathBuf> = if paths.is_empty() { vec![EntryPathBuf::root()] } else { paths.to_vec() };
        tops.sort();
        tops.dedup_by(|later, earlier| later.is_in(earlier));
        for top in tops.iter().filter(|top| !top.is_root()) {
            if state.find(top)?.is_none() {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no {top} in snapshot {number}")));
            }
        }
        Ok(Walk {
            state,
            tops: tops.into(),
            groups: None,
            directories: None,
            directory: EntryPathBuf::root(),
            rows: Vec::new().into_iter(),
            parents: VecDeque::new(),
            parents_done: BTreeSet::new(),
        })
    }

    fn next(&mut self) -> Result<Option<(EntryPathBuf, Entry)>> {
        loop {
            if let Some(parent) = self.parents.pop_front() {
                return Ok(Some(parent));
            }
            if let Some(found) = self.next_in_directory()? {
                return Ok(Some(found));
            }
            if let Some(directory) = self.next_directory()? {
                if let Some(entry) = self.state.find(&directory)? {
                    return Ok(Some((directory, entry)));
                }
                continue;
            }
            match self.groups.as_mut().and_then(Iterator::next).transpose()? {
                Some(group) => (self.directory, self.rows) = (group.path, group.rows.into_iter()),
                None => match self.tops.pop_front() {
                    Some(top) => self.start(&top)?,
                    None => return Ok(None),
                },
            }
        }
    }

    /// The next directory, if it stands before what is in the next one that holds something.
    fn next_directory(&mut self) -> Result<Option<EntryPathBuf>> {
        let (Some(groups), Some(directories)) = (&mut self.groups, &mut self.directories) else { return Ok(None) };
        let is_due = match (directories.peek(), groups.peek()) {
            (Some(Ok(directory)), Some(Ok(group))) => *directory <= group.path,
            // A read error is returned by the iterator that has it.
            (_, Some(Err(_))) => false,
            _ => true,
        };
        if is_due { directories.next().transpose() } else { Ok(None) }
    }

    /// The next entry of the present directory that is not a directory.
    fn next_in_directory(&mut self) -> Result<Option<(EntryPathBuf, Entry)>> {
        let is_directory = |row: &Row| row.stat().is_some_and(|stat| stat.kind == Kind::Directory);
        for row in self.rows.by_ref().filter(|row| !is_directory(row)) {
            if let Some(entry) = row.entry()? {
                return Ok(Some((row.path_in(&self.directory)?, entry)));
            }
        }
        Ok(None)
    }

    /// Begins with the next wanted path: the directories that lead to it, itself, and what is in it.
    fn start(&mut self, top: &EntryPath) -> Result<()> {
        let mut ancestors = Vec::new();
        let mut above = top.parent();
        while let Some(parent) = above.filter(|parent| !parent.is_root() && !self.parents_done.contains(*parent)) {
            above = parent.parent();
            ancestors.push(parent);
        }
        for parent in ancestors.into_iter().rev() {
            if let Some(entry) = self.state.find(parent)? {
                self.parents.push_back((parent.to_owned(), entry));
            }
            self.parents_done.insert(parent.to_owned());
        }
        if let Some(entry) = if top.is_root() { None } else { self.state.find(top)? } {
            self.parents.push_back((top.to_owned(), entry));
        }
        self.groups = Some(self.state.groups(top).peekable());
        self.directories = Some(self.state.directories(top).peekable());
        Ok(())
    }
}
