//! A range of paths in the order of a walk, and what of an index file may be in it. A pure function of names.

use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::joined;
use crate::format::index::IndexFile;

/// From a path on, up to before another one.
#[derive(Clone, Default)]
pub(super) struct Range {
    pub from: EntryPathBuf,
    /// `None`: to the end.
    pub end: Option<EntryPathBuf>,
}

/// How much of what a directory holds itself is in a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Share {
    Nothing,
    Some,
    All,
}

impl Range {
    /// Whether a path is in it.
    pub fn has(&self, path: &[u8]) -> bool {
        path::walk_order(path, self.from.as_bytes()).is_ge() && !self.is_ended(path)
    }

    /// Whether a path, and with it all that come after it, is behind the end.
    fn is_ended(&self, path: &[u8]) -> bool {
        self.end.as_ref().is_some_and(|end| path::walk_order(path, end.as_bytes()).is_ge())
    }

    /// How much of what `directory` holds itself is in it.
    pub fn share_of(&self, directory: &[u8]) -> Share {
        let is_above = |path: &EntryPath| path.as_bytes() != directory && path::is_in(path.as_bytes(), directory);
        let is_cut = is_above(&self.from) || self.end.as_deref().is_some_and(is_above);
        let is_before = path::walk_order(directory, self.from.as_bytes()).is_lt() && !is_above(&self.from);
        if self.is_ended(directory) || is_before {
            Share::Nothing
        } else if is_cut {
            Share::Some
        } else {
            Share::All
        }
    }

    /// Whether a block of an index file may have a row that is in it.
    pub fn may_be_in(&self, file: &IndexFile, block: usize) -> bool {
        let Some((directory, name)) = file.block_start(block) else { return false };
        let next = file.block_start(block + 1);
        let has_one_directory = next.is_some_and(|(next, _)| next == directory);
        if self.is_ended(directory) || has_one_directory && self.is_ended(&joined(directory, name)) {
            return false;
        }
        let Some(next) = next.filter(|(next, _)| path::walk_order(next, self.from.as_bytes()).is_lt()) else {
            return true;
        };
        // Only directories that `from` is in hold something else behind it.
        self.from.ancestors().skip(1).any(|above| {
            let name =
                self.from.below(above).and_then(|below| below.parts().next()).map_or(&[][..], |name| name.as_bytes());
            path::walk_order(above.as_bytes(), directory).is_ge()
                && path::row_order((above.as_bytes(), name), next).is_lt()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::entry::Entry;
    use crate::format::index::IndexHead;
    use crate::format::index::IndexWriter;
    use crate::system::store::MemoryStore;
    use crate::system::store::Store;

    fn path(text: &str) -> EntryPathBuf {
        EntryPathBuf::from_bytes(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_a_directory_holds_is_in_a_range_as_its_paths_are() {
        let paths = ["", "a", "a/b", "a/b/c", "a/b/d", "a/c", "a-", "b", "b/a", "b/a/x"].map(path);
        let names: [&[u8]; 6] = [b"a", b"a-", b"b", b"c", b"d", b"x"];
        let ends = || std::iter::once(None).chain(paths.iter().cloned().map(Some));
        for (from, end) in paths.iter().flat_map(|from| ends().map(move |end| (from, end))) {
            let range = Range { from: from.clone(), end };
            for directory in &paths {
                let held = names.map(|name| range.has(directory.child(name).unwrap().as_bytes()));
                match range.share_of(directory.as_bytes()) {
                    Share::All => assert_eq!(held, [true; 6], "{from} {directory}"),
                    Share::Nothing => assert_eq!(held, [false; 6], "{from} {directory}"),
                    Share::Some => {}
                }
            }
        }
    }

    #[test]
    fn only_blocks_that_may_have_rows_of_a_range_are_read() {
        let store = MemoryStore::new();
        let mut writer = IndexWriter::new(store.create("f").unwrap()).unwrap();
        let directories = ["", "a", "a/n01500", "a/n01500/b", "a/n01500/b/c", "b", "n00010"];
        let names: Vec<String> = (0..3000).map(|n| format!("n{n:05}")).collect();
        for directory in &directories {
            for name in &names {
                writer.push(directory.as_bytes(), name.as_bytes(), Some(&Entry::default())).unwrap();
            }
        }
        writer.publish("f", &IndexHead { number: 1.into(), ..IndexHead::default() }).unwrap();
        let file = IndexFile::open(store.open("f").unwrap()).unwrap();
        assert!(file.block_count() > 4);
        let path_of = |directory: &&str, number: &usize| joined(directory.as_bytes(), names[*number].as_bytes());
        let cuts =
            directories.iter().flat_map(|directory| [7, 1500, 2999].iter().map(move |at| path_of(directory, at)));
        let mut cuts: Vec<EntryPathBuf> = cuts.map(|path| EntryPathBuf::from_bytes(&path).unwrap()).collect();
        cuts.sort();
        let mut skipped = 0;
        for (from, end) in cuts.iter().zip(&cuts[1..]) {
            let range = Range { from: from.clone(), end: Some(end.clone()) };
            for number in 0..file.block_count() {
                let block = file.block_alone(number).unwrap();
                let rows = block.groups().iter().flat_map(|(path, rows)| rows.clone().map(move |row| (path, row)));
                let has = rows.clone().any(|(path, row)| range.has(&joined(path, block.name(row as usize))));
                let is_read = range.may_be_in(&file, number);
                assert!(is_read || !has, "{from} {end} {number}");
                skipped += usize::from(!is_read);
            }
        }
        assert!(skipped > cuts.len(), "{skipped}");
    }
}
