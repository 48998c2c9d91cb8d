//! What changed in one directory: one merge of its old entries with its present ones. A pure function.

use crate::archive::state::Row;
use crate::base::diff;
use crate::base::diff::Pair;
use crate::base::diff::Rehash;
use crate::base::diff::Verdict;
use crate::base::entry::Kind;
use crate::format::tar::DumpDir;
use crate::system::listing::Listing;
use crate::system::listing::ScannedEntry;

/// One entry of a directory.
pub enum EntryDiff<'a> {
    /// It was removed.
    Removed(&'a Row),
    /// It is there.
    Found(ComparedEntry<'a>),
}

/// A present entry, compared with what had its name before.
#[derive(Clone, Copy)]
pub struct ComparedEntry<'a> {
    /// The present entry.
    pub found: &'a ScannedEntry,
    /// The old entry.
    pub base: Option<&'a Row>,
    /// The result of the comparison.
    pub verdict: Verdict,
    /// Whether unpacking must delete what had its name before.
    pub deletes: bool,
}

impl<'a> EntryDiff<'a> {
    /// What unpacking must delete.
    pub fn deleted(&self) -> Option<&'a Row> {
        match *self {
            EntryDiff::Removed(row) => Some(row),
            EntryDiff::Found(ComparedEntry { base, deletes, .. }) => base.filter(|_| deletes),
        }
    }

    /// Whether unpacking must delete the name.
    pub fn deletes(&self) -> bool {
        match self {
            EntryDiff::Removed(_) => true,
            EntryDiff::Found(compared) => compared.deletes,
        }
    }
}

/// What changed in one directory.
#[derive(Default)]
pub struct DirectoryDiff<'a> {
    /// What changed, and all subdirectories, by name.
    pub changes: Vec<EntryDiff<'a>>,
    /// How many entries, subdirectories not counted, are unchanged.
    pub unchanged: u64,
    /// How many names unpacking must delete.
    pub deletions: usize,
    /// How many bytes of content may have to be stored, about.
    pub bytes: u64,
    /// All present names, if some must be deleted.
    pub names: Option<Vec<u8>>,
}

impl<'a> DirectoryDiff<'a> {
    /// Compares `base`, the rows of the directory, with `listing`; `rehash` says of each name whether it is read though it looks
    /// unchanged. What could not be looked at counts as unchanged.
    pub fn new(base: &'a [Row], listing: &'a Listing, rehash: &dyn Fn(&[u8]) -> Rehash) -> DirectoryDiff<'a> {
        let order = |row: &Row, found: &ScannedEntry| row.name().cmp(listing.name(found));
        let pairs: Vec<_> = diff::pairs(base, &listing.found, order).collect();
        let mut diff = DirectoryDiff::default();
        for pair in &pairs {
            match *pair {
                Pair::Old(row) if listing.cannot_look_at(row.name()) => {}
                Pair::Old(row) => diff.push(EntryDiff::Removed(row)),
                Pair::New(found) => diff.push_found(found, None, Rehash::No),
                Pair::Both(row, found) => diff.push_found(found, Some(row), rehash(row.name())),
            }
        }
        if diff.deletions > 0 {
            diff.names = Some(names_of(&pairs, listing));
        }
        diff
    }

    /// Whether anything changed. Subdirectories are listed in any case.
    pub fn has_changes(&self) -> bool {
        let is_change = |change: &EntryDiff| !matches!(change, EntryDiff::Found(compared) if compared.verdict == Verdict::Unchanged);
        self.changes.iter().any(is_change)
    }

    fn push_found(&mut self, found: &'a ScannedEntry, base: Option<&'a Row>, rehash: Rehash) {
        let old = base.and_then(Row::stat);
        let verdict = old.map_or(Verdict::Modified, |old| diff::compare(old, &found.stat, rehash));
        if !old.is_some_and(|old| old.is_unchanged(&found.stat)) {
            self.bytes = self.bytes.saturating_add(found.stat.size);
        }
        let is_directory = found.stat.kind == Kind::Directory;
        if verdict == Verdict::Unchanged && !is_directory {
            self.unchanged += 1;
            return;
        }
        let was_directory = old.is_some_and(|old| old.kind == Kind::Directory);
        let deletes = base.is_some() && was_directory != is_directory;
        self.push(EntryDiff::Found(ComparedEntry { found, base, verdict, deletes }));
    }

    fn push(&mut self, change: EntryDiff<'a>) {
        self.deletions += usize::from(change.deletes());
        self.changes.push(change);
    }
}

/// All names that are in the directory, those that could not be looked at among them.
fn names_of(pairs: &[Pair<&Row, &ScannedEntry>], listing: &Listing) -> Vec<u8> {
    let mut names = DumpDir::default();
    for pair in pairs {
        match pair {
            Pair::Old(row) if !listing.cannot_look_at(row.name()) => {}
            Pair::Old(row) => match row.stat() {
                Some(stat) if stat.kind == Kind::Directory => names.directory(row.name()),
                _ => names.unchanged(row.name()),
            },
            Pair::New(found) | Pair::Both(_, found) if found.stat.kind == Kind::Directory => {
                names.directory(listing.name(found));
            }
            Pair::New(found) => names.stored(listing.name(found)),
            Pair::Both(row, found) => match row.stat() {
                Some(stat) if stat.is_unchanged(&found.stat) => names.unchanged(listing.name(found)),
                _ => names.stored(listing.name(found)),
            },
        }
    }
    names.into_bytes()
}
