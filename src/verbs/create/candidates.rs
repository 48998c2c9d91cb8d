//! What is gone from its place and what is new at another: which of these may be the same, by inode. Looks at all that the
//! sources hold, opens nothing.

use super::base::BaseWalk;
use super::options::MOVED_BYTES_MIN;
use crate::archive::state::DirectoryRows;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::base::diff;
use crate::base::diff::Pair;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::base::id::Hasher;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::moves::is_temporary;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::time::Time;
use crate::system::listing::Listing;
use crate::system::listing::ScannedEntry;
use crate::system::scan;
use crate::system::scan::ScanOptions;
use crate::system::source::Source;
use std::collections::HashMap;
use std::collections::HashSet;

/// The most bytes that the paths of directories may take, and those of files. With more directories nothing is taken for moved,
/// with more files they are looked for once more, when it is known which directories moved.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// What a path takes beside its bytes, about.
const KEPT_BYTES_EACH: usize = 160;

/// The most entries of a directory whose inodes are noted.
const SAMPLE: usize = 8;

/// What is looked through.
pub struct Scene<'a> {
    pub sources: &'a [Source],
    pub scan_options: &'a ScanOptions<'a>,
    pub monitor: &'a dyn Monitor,
    /// The source, by its place in the list, and the directory from which on anything can have changed.
    pub from: (usize, EntryPathBuf),
}

/// A directory that may be moved: the source, by its place in the list, and the inode.
type DirectoryKey = (usize, u64);

/// The same of a file, with what says that its content is the same.
type FileKey = (usize, u64, u64, Time);

/// Paths by key; `None` where several have the same, so that none is known by it.
type ByKey<K, V> = HashMap<K, Option<V>>;

/// A directory.
pub struct Placed {
    pub path: EntryPathBuf,
    pub mtime: Time,
    /// Of some of its entries: which they are.
    sample: Vec<u64>,
}

/// What may be the same.
#[derive(Default)]
pub struct Candidates {
    gone_directories: ByKey<DirectoryKey, Placed>,
    new_directories: ByKey<DirectoryKey, Placed>,
    gone_files: ByKey<FileKey, EntryPathBuf>,
    new_files: ByKey<FileKey, EntryPathBuf>,
    /// Which of the new directories these paths are.
    new_paths: HashMap<EntryPathBuf, DirectoryKey>,
    /// Names in the top directories that look like those of what stands aside for a moment.
    pub taken_names: HashSet<EntryPathBuf>,
    directory_bytes: usize,
    file_bytes: usize,
}

/// Two paths at which the same thing was and is.
pub struct SameThing {
    pub old: EntryPathBuf,
    pub new: EntryPathBuf,
}

/// Whether directories are looked for, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    All,
    Files,
}

/// Looks through the sources.
///
/// # Errors
/// [`crate::base::error::ErrorKind::Interrupted`]; when the index cannot be read.
pub fn collect(scene: &Scene, base: &State, wanted: Wanted) -> Result<Candidates> {
    let mut collector = Collector { scene, base, wanted, walk: None, found: Candidates::default() };
    scan::scan(scene.sources, scene.scan_options, &mut |listing| collector.visit(&listing))?;
    collector.rest_is_gone()?;
    Ok(collector.found)
}

struct Collector<'a> {
    scene: &'a Scene<'a>,
    base: &'a State,
    wanted: Wanted,
    walk: Option<BaseWalk>,
    found: Candidates,
}

impl Collector<'_> {
    fn visit(&mut self, listing: &Listing) -> Result<()> {
        check_interrupted(self.scene.monitor)?;
        let path = &*listing.path;
        if (listing.source, path) < (self.scene.from.0, &*self.scene.from.1) {
            return Ok(());
        }
        if self.walk.as_ref().is_none_or(|walk| walk.source != listing.source) {
            self.rest_is_gone()?;
            let top = self.scene.sources[listing.source].path();
            self.walk = Some(BaseWalk::new(listing.source, top, self.base)?.again(top, path, self.base)?);
        }
        self.gone_before(Some(path))?;
        let Some(walk) = &mut self.walk else { return Ok(()) };
        let rows = walk.take_at(path)?.rows;
        listing.unreadable.iter().filter_map(|name| path.child(name)).for_each(|path| walk.retain(path));
        if listing.is_unreadable {
            walk.retain(path.to_owned());
            return Ok(());
        }
        self.compare(path, &rows, listing);
        Ok(())
    }

    fn rest_is_gone(&mut self) -> Result<()> {
        self.gone_before(None)
    }

    /// What was in directories that were not found.
    fn gone_before(&mut self, path: Option<&EntryPath>) -> Result<()> {
        while let Some(walk) = &mut self.walk
            && let Some(group) = walk.take_before(path)?
        {
            if walk.is_retained(&group.path) {
                continue;
            }
            let DirectoryRows { path, rows } = group;
            let source = walk.source;
            for row in &rows {
                self.go(source, &path, row);
            }
        }
        Ok(())
    }

    fn compare(&mut self, path: &EntryPath, rows: &[Row], listing: &Listing) {
        let source = listing.source;
        self.found.sample(path, listing);
        for pair in diff::pairs(rows, &listing.found, |row, found| row.name().cmp(listing.name(found))) {
            match pair {
                Pair::Old(row) if listing.cannot_look_at(row.name()) => {}
                Pair::Old(row) => self.go(source, path, row),
                Pair::New(found) => self.come(source, path, listing.name(found), &found.stat),
                Pair::Both(row, found) if row.stat().is_some_and(|old| is_same_thing(old, &found.stat)) => {}
                Pair::Both(row, found) => {
                    self.go(source, path, row);
                    self.come(source, path, listing.name(found), &found.stat);
                }
            }
        }
        if *path == *self.scene.sources[source].path() {
            let odd = listing.found.iter().filter_map(|found: &ScannedEntry| path.child(listing.name(found)));
            self.found.taken_names.extend(odd.filter(|path| is_temporary(path)));
        }
    }

    fn go(&mut self, source: usize, directory: &EntryPath, row: &Row) {
        let Some(stat) = row.stat() else { return };
        let Some(path) = directory.child(row.name()) else { return };
        if let Some(key) = self.directory_key(source, stat) {
            let placed = Placed { path, mtime: stat.mtime, sample: Vec::new() };
            self.found.directory_bytes += put(&mut self.found.gone_directories, key, placed, directory);
        } else if let Some(key) = file_key(source, stat) {
            self.found.file_bytes += put(&mut self.found.gone_files, key, path, directory);
        }
        self.found.bound();
    }

    fn come(&mut self, source: usize, directory: &EntryPath, name: &[u8], stat: &Stat) {
        let Some(path) = directory.child(name).filter(|path| !is_temporary(path)) else { return };
        if let Some(key) = self.directory_key(source, stat) {
            self.found.new_paths.insert(path.clone(), key);
            let placed = Placed { path, mtime: stat.mtime, sample: Vec::new() };
            self.found.directory_bytes += 2 * put(&mut self.found.new_directories, key, placed, directory);
        } else if let Some(key) = file_key(source, stat) {
            self.found.file_bytes += put(&mut self.found.new_files, key, path, directory);
        }
        self.found.bound();
    }

    fn directory_key(&self, source: usize, stat: &Stat) -> Option<DirectoryKey> {
        let is_wanted = stat.kind == Kind::Directory && stat.inode != 0 && self.wanted == Wanted::All;
        is_wanted.then_some((source, stat.inode))
    }
}

/// Notes what has a key; gives how many bytes that takes, about.
fn put<K: std::hash::Hash + Eq, V>(map: &mut ByKey<K, V>, key: K, value: V, directory: &EntryPath) -> usize {
    map.entry(key).and_modify(|known| *known = None).or_insert(Some(value));
    directory.as_bytes().len() + KEPT_BYTES_EACH
}

/// Whether what is at one path is still what was there, whatever has changed in it.
fn is_same_thing(old: &Stat, new: &Stat) -> bool {
    let has_inodes = old.inode != 0 && new.inode != 0;
    old.kind == new.kind && (old.inode == new.inode || !has_inodes)
}

/// A file with several names is stored again: which of them is which cannot be told.
fn file_key(source: usize, stat: &Stat) -> Option<FileKey> {
    let is_wanted = stat.kind == Kind::File && stat.inode != 0 && stat.link == 0 && stat.size >= MOVED_BYTES_MIN;
    is_wanted.then_some((source, stat.inode, stat.size, stat.mtime))
}

/// The least of the hashes of these names and inodes, so that two sets with much in common have some of them in common. An inode
/// alone says little: those of a directory that was removed are soon those of another's entries.
fn sample<'n>(entries: impl Iterator<Item = (&'n [u8], u64)>) -> Vec<u64> {
    let mut least: Vec<u64> = Vec::new();
    for (name, inode) in entries.filter(|(_, inode)| *inode != 0) {
        let mut hasher = Hasher::new();
        hasher.update(&inode.to_le_bytes());
        hasher.update(name);
        let number = hasher.hash().0.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        let at = least.partition_point(|other| *other < number);
        if at < SAMPLE {
            least.insert(at, number);
            least.truncate(SAMPLE);
        }
    }
    least
}

impl Candidates {
    /// Notes which entries a new directory has.
    fn sample(&mut self, path: &EntryPath, listing: &Listing) {
        let Some(key) = self.new_paths.get(path) else { return };
        if let Some(Some(placed)) = self.new_directories.get_mut(key) {
            placed.sample = sample(listing.found.iter().map(|found| (listing.name(found), found.stat.inode)));
        }
    }

    /// Drops what has become too much.
    fn bound(&mut self) {
        if self.directory_bytes > KEPT_BYTES_MAX {
            (self.gone_directories, self.new_directories, self.new_paths) = Default::default();
        }
        if self.file_bytes > KEPT_BYTES_MAX {
            (self.gone_files, self.new_files) = Default::default();
        }
    }

    /// Whether there were too many files to keep.
    pub fn has_too_many_files(&self) -> bool {
        self.file_bytes > KEPT_BYTES_MAX
    }

    /// The directories that are the same: they have the inode, and the time or an entry in common, for the inode of one that was
    /// removed is soon that of another.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn same_directories(&mut self, base: &State) -> Result<Vec<SameThing>> {
        let mut same = Vec::new();
        for ((source, inode), old) in std::mem::take(&mut self.gone_directories) {
            let new = self.new_directories.remove(&(source, inode)).flatten();
            let Some((old, new)) = old.zip(new) else { continue };
            if old.mtime == new.mtime || has_in_common(&old.path, &new.sample, base)? {
                same.push(SameThing { old: old.path, new: new.path });
            }
        }
        Ok(same)
    }

    /// The files that are the same.
    pub fn same_files(&mut self) -> Vec<SameThing> {
        let mut same = Vec::new();
        for (key, old) in std::mem::take(&mut self.gone_files) {
            let new = self.new_files.remove(&key).flatten();
            same.extend(old.zip(new).map(|(old, new)| SameThing { old, new }));
        }
        same
    }
}

fn has_in_common(old: &EntryPath, new: &[u64], base: &State) -> Result<bool> {
    let mut sampled = Vec::new();
    for group in base.in_directory(old) {
        let group = group?;
        let entries = group.rows.iter().filter_map(|row| Some((row.name(), row.stat()?.inode)));
        sampled.extend(sample(entries));
    }
    Ok(sampled.iter().any(|number| new.contains(number)))
}
