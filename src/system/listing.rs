//! What a scan finds in one directory. Reads nothing.

use crate::base::entry::Stat;
use crate::base::error::Problem;
use crate::base::path::EntryPathBuf;

/// What is in a directory of a source.
#[derive(Debug, Default)]
pub struct Listing {
    /// Which source, by its place in the list.
    pub source: usize,
    /// The directory, from the source's name on.
    pub path: Vec<u8>,
    pub(super) names: Vec<u8>,
    /// What was found, by name.
    pub found: Vec<Found>,
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
    pub(super) left_out: Vec<((u32, u32), bool)>,
    /// The bytes of the files among them.
    pub left_out_bytes: u64,
    /// The archive, if it is in this directory; it is left out.
    pub archive: Option<EntryPathBuf>,
    /// Paths that are left out, or whose contents are, as they are on another file system; from the source's name on.
    pub elsewhere: Vec<Vec<u8>>,
    /// Paths whose contents are left out, as they only show what the system is doing.
    pub pseudo: Vec<Vec<u8>>,
}

/// An entry of a listing.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub(super) name: (u32, u32),
    /// What is known of it.
    pub stat: Stat,
    /// Whether it occupies less than its size, so that it may have holes.
    pub may_have_holes: bool,
}

impl Listing {
    /// The name of one of its entries.
    pub fn name(&self, found: &Found) -> &[u8] {
        &self.names[found.name.0 as usize..][..found.name.1 as usize]
    }

    /// The names that rules leave out, and whether each is a directory.
    pub fn left_out(&self) -> impl Iterator<Item = (&[u8], bool)> {
        self.left_out
            .iter()
            .map(|(name, is_directory)| (&self.names[name.0 as usize..][..name.1 as usize], *is_directory))
    }

    /// Whether there was nothing in it at all, not even what rules leave out.
    pub fn is_bare(&self) -> bool {
        self.names.is_empty() && !self.is_unreadable
    }

    /// The entry with this name.
    pub fn find(&self, name: &[u8]) -> Option<&Found> {
        let place = self.found.binary_search_by(|found| self.name(found).cmp(name));
        place.ok().map(|place| &self.found[place])
    }

    /// Whether this name is there but could not be looked at.
    pub fn cannot_look_at(&self, name: &[u8]) -> bool {
        self.unreadable.binary_search_by(|unreadable| unreadable.as_slice().cmp(name)).is_ok()
    }

    /// Adds an entry; for listings that are not of a directory, as that of the sources. In the order of names.
    pub fn push(&mut self, name: &[u8], stat: Stat) {
        let start = self.names.len() as u32;
        self.names.extend_from_slice(name);
        self.found.push(Found { name: (start, name.len() as u32), stat, may_have_holes: false });
    }
}
