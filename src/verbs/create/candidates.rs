//! Collects what is gone from its path and what is new at another, and may be the same. Walks all sources; opens no
//! files.

use super::base::BaseWalk;
use super::likeness::Opposite;
use super::likeness::PlacedDirectory;
use super::likeness::PlacedFile;
use super::likeness::SameThing;
use super::likeness::same_directories;
use super::likeness::same_files;
use super::options::MOVED_BYTES_MIN;
use super::options::patch_from;
use crate::archive::state::DirectoryRows;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::base::diff;
use crate::base::diff::Pair;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::moves::is_temporary;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::system::listing::Listing;
use crate::system::listing::ScannedEntry;
use crate::system::scan;
use crate::system::scan::ScanOptions;
use crate::system::source::Source;
use std::collections::HashMap;
use std::collections::HashSet;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

/// The most bytes for the paths of directories, and as many for those of files. With more directories nothing counts as
/// moved. With more files, they are looked for once more when it is known which directories moved.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// What a path takes besides its bytes, about.
const KEPT_BYTES_EACH: usize = 160;

/// What a directory takes besides its path, for samples of its entries.
const SAMPLE_BYTES_EACH: usize = 160;

/// Where moves are looked for.
pub struct Scene<'a> {
    pub sources: &'a [Source],
    pub scan_options: &'a ScanOptions<'a>,
    pub monitor: &'a dyn Monitor,
    /// The index of the source, and the directory, before which nothing changed.
    pub from: (usize, EntryPathBuf),
}

/// Directories that are gone or new, and the index of each by the hash of its path.
#[derive(Default)]
struct Directories {
    all: Vec<PlacedDirectory>,
    by_path: HashMap<u64, usize>,
}

/// What is gone, or what is new.
#[derive(Default)]
struct Side {
    directories: Directories,
    files: Vec<PlacedFile>,
}

/// What may have moved.
#[derive(Default)]
pub struct Candidates {
    gone: Side,
    new: Side,
    /// Names in the top directories that look like temporary names of renames.
    pub taken_names: HashSet<EntryPathBuf>,
    directory_bytes: usize,
    file_bytes: usize,
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
        self.found.gone.directories.sample_rows(path, &rows);
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
            self.found.gone.directories.sample_rows(&path, &rows);
            for row in &rows {
                self.go((source, &path), row, Opposite::Nothing);
            }
        }
        Ok(())
    }

    fn compare(&mut self, path: &EntryPath, rows: &[Row], listing: &Listing) {
        let place = (listing.source, path);
        self.found.new.directories.sample_listing(path, listing);
        for pair in diff::pairs(rows, &listing.found, |row, found| row.name().cmp(listing.name(found))) {
            match pair {
                Pair::Old(row) if listing.cannot_look_at(row.name()) => {}
                Pair::Old(row) => self.go(place, row, Opposite::Nothing),
                Pair::New(found) => self.come(place, listing.name(found), &found.stat, Opposite::Nothing),
                Pair::Both(row, found) => {
                    let Some(old) = row.stat() else { continue };
                    if !is_same_thing(old, &found.stat) {
                        let opposite = opposite(old, &found.stat);
                        self.go(place, row, opposite);
                        self.come(place, listing.name(found), &found.stat, opposite);
                    }
                }
            }
        }
        if *path == *self.scene.sources[listing.source].path() {
            let odd = listing.found.iter().filter_map(|found: &ScannedEntry| path.child(listing.name(found)));
            self.found.taken_names.extend(odd.filter(|path| is_temporary(path)));
        }
    }

    fn go(&mut self, (source, directory): (usize, &EntryPath), row: &Row, opposite: Opposite) {
        if let (Some(stat), Some(path)) = (row.stat(), directory.child(row.name())) {
            self.add(|found| &mut found.gone, (source, &path), stat, opposite);
        }
    }

    fn come(&mut self, (source, directory): (usize, &EntryPath), name: &[u8], stat: &Stat, opposite: Opposite) {
        if let Some(path) = directory.child(name).filter(|path| !is_temporary(path)) {
            self.add(|found| &mut found.new, (source, &path), stat, opposite);
        }
    }

    fn add(
        &mut self,
        side: fn(&mut Candidates) -> &mut Side,
        place: (usize, &EntryPath),
        stat: &Stat,
        opposite: Opposite,
    ) {
        let bytes = place.1.as_bytes().len() + KEPT_BYTES_EACH;
        if stat.kind == Kind::File && stat.size >= MOVED_BYTES_MIN {
            self.found.file_bytes += bytes;
            side(&mut self.found).files.push(PlacedFile::new(place, stat, opposite));
        } else if stat.kind == Kind::Directory && self.wanted == Wanted::All {
            self.found.directory_bytes += bytes + SAMPLE_BYTES_EACH;
            side(&mut self.found).directories.push(PlacedDirectory::new(place, stat, opposite));
        }
        self.found.bound();
    }
}

/// Whether a path still has the same file or directory, even if that was modified.
fn is_same_thing(old: &Stat, new: &Stat) -> bool {
    let has_inodes = old.inode != 0 && new.inode != 0;
    old.kind == new.kind && (old.inode == new.inode || !has_inodes)
}

/// A path with another inode may still have the same thing: inodes may have been renumbered.
fn opposite(old: &Stat, new: &Stat) -> Opposite {
    let is_alike = new.kind == Kind::Directory || (old.size, old.mtime) == (new.size, new.mtime);
    match old.kind == new.kind {
        true if is_alike => Opposite::Alike,
        true => Opposite::Other,
        false => Opposite::Nothing,
    }
}

fn hashed(path: &EntryPath) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.as_bytes().hash(&mut hasher);
    hasher.finish()
}

impl Directories {
    fn push(&mut self, directory: PlacedDirectory) {
        self.by_path.insert(hashed(&directory.path), self.all.len());
        self.all.push(directory);
    }

    fn at(&mut self, path: &EntryPath) -> Option<&mut PlacedDirectory> {
        let place = *self.by_path.get(&hashed(path)).filter(|_| !self.all.is_empty())?;
        self.all.get_mut(place).filter(|directory| *directory.path == *path)
    }

    /// Notes entries that a gone directory had.
    fn sample_rows(&mut self, path: &EntryPath, rows: &[Row]) {
        let Some(directory) = self.at(path) else { return };
        let entries = rows.iter().filter_map(|row| Some((row.name(), row.stat()?)));
        entries.for_each(|(name, stat)| directory.note_entry(name, stat));
    }

    /// Notes entries that a new directory has.
    fn sample_listing(&mut self, path: &EntryPath, listing: &Listing) {
        let Some(directory) = self.at(path) else { return };
        listing.found.iter().for_each(|found| directory.note_entry(listing.name(found), &found.stat));
    }
}

impl Candidates {
    /// Drops what exceeds the limits.
    fn bound(&mut self) {
        if self.directory_bytes > KEPT_BYTES_MAX {
            (self.gone.directories, self.new.directories) = Default::default();
        }
        if self.file_bytes > KEPT_BYTES_MAX {
            (self.gone.files, self.new.files) = Default::default();
        }
    }

    /// Whether there were too many files to keep.
    pub fn has_too_many_files(&self) -> bool {
        self.file_bytes > KEPT_BYTES_MAX
    }

    /// The directories that are the same, or seem to be.
    pub fn same_directories(&mut self) -> Vec<SameThing> {
        same_directories(std::mem::take(&mut self.gone.directories.all), std::mem::take(&mut self.new.directories.all))
    }

    /// The files that are the same, or seem to be.
    pub fn same_files(&mut self, sources: &[Source]) -> Vec<SameThing> {
        let (gone, new) = (std::mem::take(&mut self.gone.files), std::mem::take(&mut self.new.files));
        same_files(gone, new, &|source| patch_from(sources[source].rules()))
    }
}
