//! The paths that are followed through a history, each with what is noted of it at each number. Reads nothing.

use super::range::Range;
use super::range::Share;
use crate::archive::rows::impossible_path;
use crate::base::aspect::aspects;
use crate::base::entry::Entry;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::joined;
use std::collections::BTreeMap;
use std::collections::btree_map::IntoIter;
use std::iter::Peekable;

/// One number, as a pass saw it.
pub(super) struct Mark {
    pub number: SnapshotNumber,
    /// The place of the number from which its index file leads; `None`: from nothing.
    pub base: Option<u32>,
    pub is_snapshot: bool,
}

/// What is known of a path at a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing: it was not asked yet.
    Unknown,
    Gone,
    /// A version by its place.
    Version(u32),
}

/// What index files say of a path.
#[derive(Default)]
pub(super) struct Track {
    pub versions: Vec<Entry>,
    /// The places of the numbers whose files have a row of it, ascending.
    rows: Vec<(u32, Seen)>,
}

impl Track {
    /// Adds a row; how many more bytes this takes, about.
    fn note(&mut self, step: u32, entry: Option<Entry>) -> usize {
        let known = entry.as_ref().map(|entry| {
            let known = self.versions.iter().rposition(|version| aspects(version, entry).is_empty());
            known.unwrap_or(self.versions.len()) as u32
        });
        let is_new = known.is_some_and(|place| place as usize == self.versions.len());
        push_tight(&mut self.rows, (step, known.map_or(Seen::Gone, Seen::Version)));
        let entry = entry.filter(|_| is_new);
        let bytes = entry.as_ref().map_or(0, entry_bytes) + size_of::<(u32, Seen)>();
        if let Some(entry) = entry {
            push_tight(&mut self.versions, entry);
        }
        bytes
    }

    fn bytes(&self) -> usize {
        let versions: usize = self.versions.iter().map(entry_bytes).sum();
        NAME_BYTES + versions + self.rows.len() * size_of::<(u32, Seen)>()
    }

    /// What was there at each number: what its file says; where that says nothing, what was there where the file begins.
    pub fn at_each(&self, marks: &[Mark]) -> Vec<Seen> {
        let first = self.rows.first().map_or(u32::MAX, |(step, _)| *step);
        let mut rows = self.rows.iter().peekable();
        let mut seen: Vec<Seen> = Vec::with_capacity(marks.len());
        for (step, mark) in (0..).zip(marks) {
            let own = rows.next_if(|(of, _)| *of == step).map(|(_, seen)| *seen);
            let inherited = || match mark.base {
                Some(base) => seen.get(base as usize).copied().unwrap_or(Seen::Unknown),
                None if step < first => Seen::Unknown,
                None => Seen::Gone,
            };
            let now = own.unwrap_or_else(inherited);
            seen.push(now);
        }
        seen
    }
}

/// Most paths have one version: room for four would take most of the memory.
fn push_tight<T>(items: &mut Vec<T>, item: T) {
    if items.len() < 4 {
        items.reserve_exact(1);
    }
    items.push(item);
}

fn entry_bytes(entry: &Entry) -> usize {
    let xattrs: usize = entry.xattrs.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
    let holes = entry.content.as_ref().map_or(0, |content| content.holes.len() * 16);
    size_of::<Entry>() + entry.target.len() + xattrs + holes
}

type Names = BTreeMap<Box<[u8]>, Track>;

/// About what a name takes beside its bytes and those of its versions, with the room that allocations waste.
const NAME_BYTES: usize = 2 * size_of::<(Box<[u8]>, Track)>() + 64;

/// About what a directory takes: the first names of a map take room for eleven.
const DIRECTORY_BYTES: usize = size_of::<(EntryPathBuf, Names)>() + 11 * size_of::<(Box<[u8]>, Track)>();

/// Paths by their directories, in the order of a walk.
#[derive(Default)]
pub(super) struct Tracks {
    directories: BTreeMap<EntryPathBuf, Names>,
    bytes: usize,
}

impl Tracks {
    /// Notes rows of a directory: of each its name, whether it is followed from there on, and what is there. Those that are not
    /// followed are passed over.
    ///
    /// # Errors
    /// The first of the rows.
    pub fn note<'n, E>(
        &mut self,
        directory: &EntryPath,
        step: u32,
        rows: impl Iterator<Item = (&'n [u8], bool, E)>,
        entry_of: impl Fn(E) -> Result<Option<Entry>>,
    ) -> Result<()> {
        let mut fresh = None;
        let names = match self.directories.get_mut(directory) {
            Some(names) => names,
            None => fresh.insert(Names::new()),
        };
        for (name, begins, entry) in rows {
            if let Some(track) = names.get_mut(name) {
                self.bytes += track.note(step, entry_of(entry)?);
            } else if begins {
                let mut track = Track::default();
                self.bytes += name.len() + NAME_BYTES + track.note(step, entry_of(entry)?);
                names.insert(name.into(), track);
            }
        }
        if let Some(names) = fresh.filter(|names| !names.is_empty()) {
            self.bytes += directory.as_bytes().len() + DIRECTORY_BYTES;
            self.directories.insert(directory.to_owned(), names);
        }
        Ok(())
    }

    /// About how many bytes they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The path in the middle; `None` where there are not two.
    pub fn middle(&self) -> Option<EntryPathBuf> {
        let count: usize = self.directories.values().map(BTreeMap::len).sum();
        let mut order = TreeOrder::new(self.directories.iter());
        for _ in 0..count / 2 {
            order.next_row()?;
        }
        let (directory, name, _) = order.next_row()?;
        directory.child(name).filter(|_| count > 1)
    }

    /// Drops those that are not in a range.
    pub fn keep(&mut self, range: &Range) {
        self.directories.retain(|directory, names| {
            match range.share_of(directory.as_bytes()) {
                Share::All => {}
                Share::Some => names.retain(|name, _| range.has(&joined(directory.as_bytes(), name))),
                Share::Nothing => names.clear(),
            }
            !names.is_empty()
        });
        let of_names = |names: &Names| names.iter().map(|(name, track)| name.len() + track.bytes()).sum::<usize>();
        let bytes = |(path, names): (&EntryPathBuf, &Names)| path.as_bytes().len() + DIRECTORY_BYTES + of_names(names);
        self.bytes = self.directories.iter().map(bytes).sum();
    }

    /// All of them, in the order of a walk.
    pub fn into_order(self) -> InOrder {
        InOrder(TreeOrder::new(self.directories.into_iter()))
    }
}

/// Paths that were followed, in the order of a walk.
pub(super) struct InOrder(TreeOrder<IntoIter<EntryPathBuf, Names>, EntryPathBuf, Names>);

impl InOrder {
    /// The next one.
    ///
    /// # Errors
    /// When the index that names were read from is damaged.
    pub fn next_track(&mut self) -> Result<Option<(EntryPathBuf, Track)>> {
        let Some((directory, name, track)) = self.0.next_row() else { return Ok(None) };
        let path = directory.child(&name).ok_or_else(impossible_path)?;
        Ok(Some((path, track)))
    }
}

/// What directories hold, in the order of a walk: a name, then what is in the directory of that name.
struct TreeOrder<D: Iterator, P, R: IntoIterator> {
    directories: Peekable<D>,
    /// Those on the way, the innermost last, with what is left of them.
    open: Vec<(P, Peekable<R::IntoIter>)>,
}

impl<D, P, R, N, T> TreeOrder<D, P, R>
where
    D: Iterator<Item = (P, R)>,
    P: AsRef<EntryPath>,
    R: IntoIterator<Item = (N, T)>,
    N: AsRef<[u8]>,
{
    fn new(directories: D) -> TreeOrder<D, P, R> {
        TreeOrder { directories: directories.peekable(), open: Vec::new() }
    }

    fn next_row(&mut self) -> Option<(&EntryPath, N, T)> {
        loop {
            let next = self.directories.peek().map(|(directory, _)| directory.as_ref());
            let is_first = match self.open.last_mut() {
                None => true,
                Some((directory, rows)) => match rows.peek() {
                    None => {
                        self.open.pop();
                        continue;
                    }
                    Some((name, _)) => next.is_some_and(|next| is_before(next, (*directory).as_ref(), name.as_ref())),
                },
            };
            if !is_first {
                break;
            }
            let (directory, rows) = self.directories.next()?;
            self.open.push((directory, rows.into_iter().peekable()));
        }
        let (directory, rows) = self.open.last_mut()?;
        let (name, track) = rows.next()?;
        Some(((*directory).as_ref(), name, track))
    }
}

/// Whether a directory that comes after `above` comes before what is called `name` in that.
fn is_before(directory: &EntryPath, above: &EntryPath, name: &[u8]) -> bool {
    let below = directory.below(above).and_then(|below| below.parts().next());
    below.is_some_and(|part| path::walk_order(part.as_bytes(), name).is_lt())
}
