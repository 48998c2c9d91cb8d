//! The state of all sources at a snapshot: the newest row of every path in a chain of index files. Reads, decides nothing.

use crate::entry::Entry;
use crate::entry::Stat;
use crate::error::Result;
use crate::id::Number;
use crate::index::Block;
use crate::index::IndexFile;
use crate::index::Parts;
use crate::path;
use crate::path::EntryPath;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most bytes that a block of each index file of a chain may take together. A block is 4 MiB at most, as a rule less than
/// half a MiB, and a chain has a file for each bit of its number.
const BLOCKS_BYTES_MAX: u64 = 96 << 20;

/// The state at a snapshot.
#[derive(Clone, Default)]
pub struct State {
    /// Newest first; the last one is a whole state.
    layers: Vec<Arc<IndexFile>>,
}

/// One row of an index file.
#[derive(Clone)]
pub struct Row {
    block: Arc<Block>,
    row: u32,
}

impl Row {
    /// The entry's name in its directory.
    pub fn name(&self) -> &[u8] {
        self.block.name(self.row as usize)
    }

    /// What `create` compares; `None` when the entry is gone.
    pub fn stat(&self) -> Option<&Stat> {
        self.block.stat(self.row as usize)
    }

    /// All that is known of the entry; `None` when it is gone.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn entry(&self) -> Result<Option<Entry>> {
        self.block.entry(self.row as usize)
    }
}

/// What is in a directory.
#[derive(Clone, Default)]
pub struct Group {
    /// The directory.
    pub path: Vec<u8>,
    /// Its entries by name.
    pub rows: Vec<Row>,
}

impl State {
    /// The state that a chain of index files makes up, newest first.
    pub fn new(layers: Vec<Arc<IndexFile>>) -> State {
        State { layers }
    }

    /// Whether the blocks that each index file keeps together take no more than is held in memory at once.
    pub fn fits_in_memory(&self) -> bool {
        self.layers.iter().map(|file| file.kept_bytes()).sum::<u64>() <= BLOCKS_BYTES_MAX
    }

    /// The index files, newest first.
    pub fn layers(&self) -> &[Arc<IndexFile>] {
        &self.layers
    }

    /// The layers that lead from the state at `from` to this one.
    #[must_use]
    pub fn since(&self, from: Number) -> State {
        State { layers: self.layers.iter().filter(|file| file.head().number > from).cloned().collect() }
    }

    /// The entry at `path`; `None` when there is none.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn find(&self, path: &EntryPath) -> Result<Option<Entry>> {
        let (directory, name) = path::split_last(path.as_bytes());
        for file in self.layers.iter().filter(|file| file.block_count() > 0) {
            let block = file.block(file.block_for(directory, name))?;
            if let Some(row) = block.find(directory, name) {
                return block.entry(row);
            }
        }
        Ok(None)
    }

    /// The directories that are `top` or below it and hold something, in the order of a walk, each with what it holds.
    pub fn groups(&self, top: &EntryPath) -> Groups {
        self.groups_with(top, Gone::Dropped)
    }

    /// As [`State::groups`], with the rows of entries that are gone.
    pub fn groups_and_gone(&self, top: &EntryPath) -> Groups {
        self.groups_with(top, Gone::Kept)
    }

    /// Checks all that is needed of the index files for the entry at `top` and what is below it, before it is used.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::IndexDamaged`] when something is not what was written; otherwise when it cannot be read.
    pub fn check(&self, top: &EntryPath, parts: Parts) -> Result<()> {
        for file in self.layers.iter().filter(|file| file.block_count() > 0) {
            let first = file.block_for(top.as_bytes(), b"");
            let is_needed =
                |number: &usize| *number == first || path::is_in(file.block_directory(*number), top.as_bytes());
            let mut needed: BTreeSet<usize> = (first..file.block_count()).take_while(is_needed).collect();
            let mut above = Some(top.clone());
            while let Some(path) = above {
                let (directory, name) = path::split_last(path.as_bytes());
                needed.insert(file.block_for(directory, name));
                above = path.parent();
            }
            file.check_blocks(&needed.into_iter().collect::<Vec<_>>(), parts)?;
        }
        Ok(())
    }

    fn groups_with(&self, top: &EntryPath, gone: Gone) -> Groups {
        let cursors = self.layers.iter().map(|file| Cursor::new(file.clone(), top.as_bytes())).collect();
        Groups { cursors, top: top.clone(), gone }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gone {
    Kept,
    Dropped,
}

/// The directories of a state, in the order of a walk.
pub struct Groups {
    /// Newest first.
    cursors: Vec<Cursor>,
    top: EntryPath,
    gone: Gone,
}

impl Groups {
    fn advance(&mut self) -> Result<Option<Group>> {
        loop {
            for cursor in &mut self.cursors {
                cursor.fill()?;
            }
            let first = self.cursors.iter().filter_map(Cursor::path).min_by(|a, b| path::walk_order(a, b));
            let Some(first) = first.filter(|first| path::is_in(first, self.top.as_bytes())) else { return Ok(None) };
            let first = first.to_vec();
            let mut group: Option<Group> = None;
            for cursor in self.cursors.iter_mut().filter(|cursor| cursor.path() == Some(&first)) {
                let older = cursor.current.take().unwrap_or_default();
                group = Some(match group {
                    None => older,
                    Some(newer) => merged(newer, older),
                });
            }
            let mut group = group.unwrap_or_default();
            if self.gone == Gone::Dropped {
                group.rows.retain(|row| row.stat().is_some());
            }
            if !group.rows.is_empty() {
                return Ok(Some(group));
            }
        }
    }
}

impl Iterator for Groups {
    type Item = Result<Group>;

    fn next(&mut self) -> Option<Result<Group>> {
        self.advance().transpose()
    }
}

/// Two versions of a directory: of each name the newer row.
fn merged(newer: Group, older: Group) -> Group {
    let mut rows = Vec::with_capacity(newer.rows.len() + older.rows.len());
    let (mut new, mut old) = (newer.rows.into_iter().peekable(), older.rows.into_iter().peekable());
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
    Group { path: newer.path, rows }
}

/// Walks one index file, directory by directory.
struct Cursor {
    file: Arc<IndexFile>,
    current: Option<Group>,
    block: usize,
    group: usize,
    /// Directories before it in the first block are still to be passed over.
    top: Option<Vec<u8>>,
}

impl Cursor {
    fn new(file: Arc<IndexFile>, top: &[u8]) -> Cursor {
        let block = file.block_for(top, b"");
        Cursor { file, current: None, block, group: 0, top: Some(top.to_vec()) }
    }

    fn path(&self) -> Option<&[u8]> {
        self.current.as_ref().map(|group| group.path.as_slice())
    }

    fn read_block(&self) -> Result<Option<Arc<Block>>> {
        if self.block >= self.file.block_count() {
            return Ok(None);
        }
        self.file.block(self.block).map(Some)
    }

    /// Reads the next directory, if there is none waiting. A large one goes on over several blocks.
    fn fill(&mut self) -> Result<()> {
        if self.current.is_some() {
            return Ok(());
        }
        if let Some(top) = &self.top {
            if let Some(block) = self.read_block()? {
                self.group = block.groups().partition_point(|(path, _)| path::walk_order(path, top).is_lt());
            }
            self.top = None;
        }
        while let Some(block) = self.read_block()? {
            let Some((path, rows)) = block.groups().get(self.group) else {
                (self.block, self.group) = (self.block + 1, 0);
                continue;
            };
            let rows = rows.clone().map(|row| Row { block: block.clone(), row });
            match &mut self.current {
                None => self.current = Some(Group { path: path.clone(), rows: rows.collect() }),
                Some(group) if group.path == *path => group.rows.extend(rows),
                Some(_) => return Ok(()),
            }
            self.group += 1;
            if self.group < block.groups().len() {
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::Error;
    use crate::id::Hash;
    use crate::index::IndexHead;
    use crate::index::IndexWriter;
    use crate::store::Blob;
    use crate::store::MemoryStore;
    use crate::store::Store;
    use std::collections::BTreeMap;
    use std::sync::atomic::AtomicBool;

    type Rows = BTreeMap<(EntryPath, Vec<u8>), Option<u64>>;

    fn layer(number: Number, rows: &Rows) -> Arc<IndexFile> {
        let store = MemoryStore::new();
        let mut writer = IndexWriter::new(store.create("i").unwrap()).unwrap();
        for ((directory, name), size) in rows {
            let entry = size.map(|size| {
                let mut entry = Entry::default();
                (entry.stat.size, entry.stat.kind) = (size, crate::entry::Kind::Fifo);
                entry
            });
            writer.push(directory.as_bytes(), name, entry.as_ref()).unwrap();
        }
        writer.publish(&IndexHead { number, ..IndexHead::default() }).unwrap();
        Arc::new(IndexFile::open(store.open("i").unwrap()).unwrap())
    }

    fn path(text: &str) -> EntryPath {
        EntryPath::from_bytes(text.as_bytes()).unwrap()
    }

    /// The plainest way to say what a chain of layers means.
    fn model(layers: &[Rows]) -> Rows {
        let mut all = Rows::new();
        for rows in layers {
            all.extend(rows.clone());
        }
        all.retain(|_, size| size.is_some());
        all
    }

    fn walked(state: &State, top: &EntryPath) -> Rows {
        let mut rows = Rows::new();
        for group in state.groups(top) {
            let group = group.unwrap();
            for row in &group.rows {
                let key = (EntryPath::from_bytes(&group.path).unwrap(), row.name().to_vec());
                assert!(rows.last_key_value().is_none_or(|(last, _)| *last < key), "not in the order of a walk");
                rows.insert(key, Some(row.stat().unwrap().size));
            }
        }
        rows
    }

    #[test]
    fn a_chain_of_layers_is_walked_and_searched_like_a_plain_map() {
        let directories = ["", "a", "a/b", "a-b", "a/b/c", "z"].map(path);
        let mut seed = 1u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for names in [1, 5, 3000] {
            let layers: Vec<Rows> = (0..4)
                .map(|_| {
                    let keys = (0..names * 4).map(|_| {
                        let directory = directories[random(6) as usize].clone();
                        (directory, format!("{}", random(names)).into_bytes())
                    });
                    let keys: Vec<_> = keys.collect();
                    keys.into_iter().map(|key| (key, (random(3) > 0).then(|| random(1000)))).collect()
                })
                .collect();
            let files = layers.iter().enumerate().rev().map(|(n, rows)| layer(n as u32 + 1, rows)).collect();
            let state = State::new(files);
            let expected = model(&layers);
            assert_eq!(walked(&state, &EntryPath::root()), expected);
            for top in &directories {
                let part = expected.iter().filter(|((directory, _), _)| directory.is_in(top));
                assert_eq!(walked(&state, top), part.map(|(k, v)| (k.clone(), *v)).collect(), "{top}");
            }
            for key in layers.iter().flat_map(Rows::keys).take(500) {
                let found = state.find(&key.0.child(&key.1).unwrap()).unwrap();
                assert_eq!(found.map(|entry| entry.stat.size), expected.get(key).copied().flatten());
            }
        }
    }

    /// A file that cannot be read once.
    struct FailsOnce(Box<dyn Blob>, Arc<AtomicBool>);

    impl Blob for FailsOnce {
        fn length(&self) -> u64 {
            self.0.length()
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
            if self.1.swap(false, std::sync::atomic::Ordering::SeqCst) {
                return Err(std::io::Error::other("the drive coughs")).map_err(|error| Error::io("cannot read", error));
            }
            self.0.read_at(offset, buffer)
        }
    }

    #[test]
    fn a_block_that_cannot_be_read_at_first_is_told_and_never_taken_for_an_empty_state() {
        let store = MemoryStore::new();
        let mut writer = IndexWriter::new(store.create("i").unwrap()).unwrap();
        for directory in ["", "a"] {
            writer.push(directory.as_bytes(), b"x", Some(&Entry::default())).unwrap();
        }
        // So many that the file is not read as a whole, and the first block not with the table.
        let mut names: Vec<String> = (0..24_000u32).map(|number| Hash::of(&number.to_le_bytes()).to_string()).collect();
        names.sort();
        for name in &names {
            writer.push(b"z", name.as_bytes(), Some(&Entry::default())).unwrap();
        }
        writer.publish(&IndexHead { number: 1, ..IndexHead::default() }).unwrap();
        let fails = Arc::new(AtomicBool::new(false));
        let file = IndexFile::open(Box::new(FailsOnce(store.open("i").unwrap(), fails.clone()))).unwrap();
        fails.store(true, std::sync::atomic::Ordering::SeqCst);
        let mut groups = State::new(vec![Arc::new(file)]).groups(&path("z"));
        let first = groups.next().expect("there is something in z");
        assert!(first.is_err_and(|error| error.to_string().contains("coughs")));
        assert_eq!(groups.next().unwrap().unwrap().path, b"z");
    }

    #[test]
    fn an_empty_state_has_nothing() {
        let state = State::new(vec![layer(1, &Rows::new())]);
        assert_eq!(walked(&state, &EntryPath::root()), Rows::new());
        assert!(state.find(&path("a")).unwrap().is_none());
    }
}
