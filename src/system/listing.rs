//! What a scan finds in one directory. Reads nothing.

use crate::base::entry::Stat;
use crate::base::error::Problem;
use crate::base::path::EntryPathBuf;

/// Where in its listing's names that of an entry stands, and its length.
pub(super) type Span = (u32, u32);

/// What is in a directory of a source.
#[derive(Debug, Default)]
pub struct Listing {
    /// Which source, by its place in the list.
    pub source: usize,
    /// The directory, from the source's name on.
    pub path: EntryPathBuf,
    pub(super) names: Vec<u8>,
    /// What was found, by name.
    pub found: Vec<ScannedEntry>,
    /// Names that are there but could not be looked at, in order.
    pub unreadable: Vec<Vec<u8>>,
    /// Whether the directory itself could not be listed; nothing is known of what is in it.
    pub is_unreadable: bool,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// How many sockets there are; they are not kept.
    pub sockets: u64,
    /// How many files have their content somewhere else; they are not read, and what was saved of them is kept.
    pub remote: u64,
    /// Names that rules leave out, by their place, and whether each is a directory.
    pub(super) left_out: Vec<(Span, bool)>,
    /// The bytes of the files among them.
    pub left_out_bytes: u64,
    /// The archive, if it is in this directory; it is left out.
    pub archive: Option<EntryPathBuf>,
    /// Paths that are left out, or whose contents are, as they are on another file system; from the source's name on.
    pub elsewhere: Vec<EntryPathBuf>,
    /// Paths whose contents are left out, as they only show what the system is doing.
    pub pseudo: Vec<EntryPathBuf>,
}

/// An entry of a listing.
#[derive(Clone, Copy, Debug)]
pub struct ScannedEntry {
    pub(super) name: Span,
    /// What is known of it.
    pub stat: Stat,
    /// Whether it occupies less than its size, so that it may have holes.
    pub may_have_holes: bool,
}

impl Listing {
    /// The name of one of its entries.
    pub fn name(&self, found: &ScannedEntry) -> &[u8] {
        self.name_at(found.name)
    }

    fn name_at(&self, (start, length): Span) -> &[u8] {
        &self.names[start as usize..][..length as usize]
    }

    /// The names that rules leave out, and whether each is a directory.
    pub fn left_out(&self) -> impl Iterator<Item = (&[u8], bool)> {
        self.left_out.iter().map(|(span, is_directory)| (self.name_at(*span), *is_directory))
    }

    /// Whether there was nothing in it at all, not even what rules leave out.
    pub fn is_bare(&self) -> bool {
        self.names.is_empty() && !self.is_unreadable
    }

    /// The entry with this name.
    pub fn find(&self, name: &[u8]) -> Option<&ScannedEntry> {
        let place = self.found.binary_search_by(|found| self.name(found).cmp(name));
        place.ok().map(|place| &self.found[place])
    }

    /// Whether this name is there but could not be looked at.
    pub fn cannot_look_at(&self, name: &[u8]) -> bool {
        self.unreadable.binary_search_by(|unreadable| unreadable.as_slice().cmp(name)).is_ok()
    }

    /// Takes an entry for one that is there and could not be looked at, so that it stays as it was.
    pub fn hold(&mut self, name: &[u8]) {
        let names = &self.names;
        self.found.retain(|found| names[found.name.0 as usize..][..found.name.1 as usize] != *name);
        if let Err(place) = self.unreadable.binary_search_by(|known| known.as_slice().cmp(name)) {
            self.unreadable.insert(place, name.to_vec());
        }
    }

    /// Adds an entry; for listings that are not of a directory, as that of the sources. In the order of names.
    pub fn push(&mut self, name: &[u8], stat: Stat) {
        let name = self.push_name(name);
        self.found.push(ScannedEntry { name, stat, may_have_holes: false });
    }

    /// Adds a name that belongs to no entry yet.
    pub(super) fn push_name(&mut self, name: &[u8]) -> Span {
        let start = self.names.len() as u32;
        self.names.extend_from_slice(name);
        (start, name.len() as u32)
    }

    /// Brings everything into the order of names.
    pub(super) fn sort(&mut self) {
        let Listing { names, found, .. } = self;
        found.sort_unstable_by_key(|found| &names[found.name.0 as usize..][..found.name.1 as usize]);
        self.unreadable.sort();
    }
}
