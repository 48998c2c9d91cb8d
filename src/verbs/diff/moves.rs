//! What was moved: a file's content is gone from one path and new at one other, a folder's files are. Knows nothing of where
//! differences come from.

use super::different::Changed;
use super::different::Different;
use crate::base::entry::ContentKey;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use std::collections::HashMap;
use std::collections::HashSet;

/// The most bytes of paths that came or went; with more, moves are not looked for.
const CANDIDATES_BYTES_MAX: usize = 64 << 20;

/// What was moved.
#[derive(Default)]
pub struct Moves {
    /// Each new path, with the old one.
    origins: HashMap<EntryPathBuf, EntryPathBuf>,
    old: HashSet<EntryPathBuf>,
    is_left_out: bool,
}

/// The paths that a content is gone from, and those that it is new at.
#[derive(Default)]
struct Places {
    gone: Vec<EntryPathBuf>,
    new: Vec<EntryPathBuf>,
}

/// The directories that are gone, and those that are new.
#[derive(Default)]
struct Directories {
    gone: HashSet<EntryPathBuf>,
    new: HashSet<EntryPathBuf>,
}

impl Moves {
    /// Finds moves among differences that have none yet.
    ///
    /// # Errors
    /// The first of `differences`.
    pub fn among(differences: impl Iterator<Item = Result<Different>>) -> Result<Moves> {
        let mut places: HashMap<ContentKey, Places> = HashMap::new();
        let mut directories = Directories::default();
        let mut bytes = 0;
        for different in differences {
            let Different { path, change, old, new, .. } = different?;
            let of = match change {
                Changed::Added => new.as_ref(),
                Changed::Removed => old.as_ref(),
                _ => None,
            };
            let Some(of) = of.filter(|_| bytes <= CANDIDATES_BYTES_MAX) else { continue };
            if of.stat.kind == Kind::Directory {
                bytes += path.as_bytes().len() + size_of::<EntryPathBuf>();
                if new.is_some() {
                    directories.new.insert(path)
                } else {
                    directories.gone.insert(path)
                };
                continue;
            }
            let Some(content) = content_key(of) else { continue };
            bytes += path.as_bytes().len() + size_of::<(ContentKey, Places)>();
            let places = places.entry(content).or_default();
            if new.is_some() { places.new.push(path) } else { places.gone.push(path) }
        }
        let mut moves = Moves { is_left_out: bytes > CANDIDATES_BYTES_MAX, ..Moves::default() };
        if !moves.is_left_out {
            for places in places.into_values() {
                moves.pair(places);
            }
            moves.pair_directories(&directories);
        }
        Ok(moves)
    }

    /// Where what is now at `path` was before, if it was moved.
    pub fn origin(&self, path: &EntryPath) -> Option<&EntryPath> {
        self.origins.get(path).map(|origin| &**origin)
    }

    /// Whether what was at `path` was moved.
    pub fn is_origin(&self, path: &EntryPath) -> bool {
        self.old.contains(path)
    }

    /// Whether they were too many to look for.
    pub fn is_left_out(&self) -> bool {
        self.is_left_out
    }

    fn pair(&mut self, Places { mut gone, mut new }: Places) {
        if gone.len() > 1 || new.len() > 1 {
            let names = |paths: &[EntryPathBuf]| {
                let mut names: HashMap<Vec<u8>, u32> = HashMap::new();
                for path in paths {
                    *names.entry(path.name_bytes().to_vec()).or_default() += 1;
                }
                names
            };
            let (gone_names, new_names) = (names(&gone), names(&new));
            let is_pair = |path: &EntryPathBuf| {
                let once = |names: &HashMap<Vec<u8>, u32>| names.get(path.name_bytes()) == Some(&1);
                once(&gone_names) && once(&new_names)
            };
            gone.retain(is_pair);
            new.retain(is_pair);
            gone.sort_by(|a, b| a.name_bytes().cmp(b.name_bytes()));
            new.sort_by(|a, b| a.name_bytes().cmp(b.name_bytes()));
        }
        for (old, new) in gone.into_iter().zip(new) {
            self.old.insert(old.clone());
            self.origins.insert(new, old);
        }
    }

    /// A directory that is gone became a new one if all that was moved out of it is there, and nothing that was moved from
    /// elsewhere: first of those that files were moved out of, then of those around them.
    fn pair_directories(&mut self, directories: &Directories) {
        let mut moved: Vec<(EntryPathBuf, EntryPathBuf)> =
            self.origins.iter().map(|(new, old)| (old.clone(), new.clone())).collect();
        while !moved.is_empty() {
            let (mut to, mut from) = (HashMap::new(), HashMap::new());
            for (old, new) in &moved {
                let (Some(old), Some(new)) = (old.parent(), new.parent()) else { continue };
                if directories.gone.contains(old) || directories.new.contains(new) {
                    note(&mut to, old, new);
                    note(&mut from, new, old);
                }
            }
            let is_pair = |old: &EntryPath, new: &EntryPath| {
                from.get(new) == Some(&Some(old)) && directories.gone.contains(old) && directories.new.contains(new)
            };
            let pairs = to.iter().filter_map(|(old, new)| new.filter(|new| is_pair(old, new)).map(|new| (*old, new)));
            let pairs: Vec<_> = pairs.map(|(old, new)| (old.to_owned(), new.to_owned())).collect();
            moved = pairs.into_iter().filter(|(old, new)| self.add(old, new)).collect();
        }
    }

    /// Notes a move, unless one of its paths is part of another. Returns whether it did.
    fn add(&mut self, old: &EntryPath, new: &EntryPath) -> bool {
        let is_new = !self.old.contains(old) && !self.origins.contains_key(new);
        if is_new {
            self.old.insert(old.to_owned());
            self.origins.insert(new.to_owned(), old.to_owned());
        }
        is_new
    }
}

/// Notes where the contents of a directory went; `None` if they went to several places.
fn note<'p>(places: &mut HashMap<&'p EntryPath, Option<&'p EntryPath>>, of: &'p EntryPath, place: &'p EntryPath) {
    let known = places.entry(of).or_insert(Some(place));
    if *known != Some(place) {
        *known = None;
    }
}

/// What two files of one content have in common; `None` for what has no content that tells it from others.
fn content_key(entry: &Entry) -> Option<ContentKey> {
    let content = entry.content.as_ref().filter(|_| entry.stat.size > 0)?;
    Some(content.key(entry.stat.size))
}
