//! What snapshots note of entries that could not be saved completely. Reads the last lines of manifests, nothing else.

use crate::archive::catalog::Catalog;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::id::BundleName;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::last_read;
use crate::format::manifest::Tail;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The most problems of one snapshot that are kept.
pub const KEPT_MAX: usize = 1000;

/// The most bytes of paths that are kept; beyond it, whole sources stand for what is in them.
const PATHS_BYTES_MAX: usize = 16 << 20;

impl Catalog<'_> {
    /// The problems that snapshot `number` notes, the first [`KEPT_MAX`]. How many there were, its summary says.
    ///
    /// # Errors
    /// When one of its bundles is damaged or cannot be read.
    pub fn noted_problems(&self, number: SnapshotNumber) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        for name in self.names_in(number..=number) {
            problems.extend(self.archive().bundle(&name)?.manifest_tail()?.problems);
            problems.truncate(KEPT_MAX);
        }
        Ok(problems)
    }

    /// What the state at snapshot `number` has not as it was found: what could not be read then, and, of sources that it did not
    /// read, when they were read last.
    ///
    /// # Errors
    /// When a bundle is damaged or cannot be read, or the history cannot be.
    pub fn unsaved(&self, number: SnapshotNumber) -> Result<Unsaved> {
        self.noted(number, |tail| {
            let paths = tail.problems.into_iter().filter(|problem| problem.is_unsaved).map(|problem| problem.path);
            paths.chain(tail.unsaved_sources).collect()
        })
    }

    /// What was left out of the state at snapshot `number` as it is on another file system than its source.
    ///
    /// # Errors
    /// As for [`Catalog::unsaved`].
    pub fn elsewhere(&self, number: SnapshotNumber) -> Result<Unsaved> {
        self.noted(number, |tail| tail.elsewhere)
    }

    fn noted(&self, number: SnapshotNumber, paths_of: impl Fn(Tail) -> Vec<EntryPathBuf>) -> Result<Unsaved> {
        let history = self.history()?;
        let mut unsaved = Unsaved::default();
        let Some(own) = history.iter().find(|summary| summary.number == number) else { return Ok(unsaved) };
        let since = |name: &str| last_read(&history, number, name).map_or(number, |summary| summary.number);
        let since: BTreeMap<&[u8], SnapshotNumber> =
            own.sources.iter().map(|source| (source.name.as_bytes(), since(&source.name))).collect();
        let first = since.values().copied().min().unwrap_or(number);
        for name in self.names_in(first..=number) {
            let counts = |path: &EntryPathBuf| {
                let source = path.split_source().map(|(source, _)| source.as_bytes());
                source.and_then(|source| since.get(source)).is_some_and(|since| *since <= name.id.number)
            };
            let tail = self.archive().bundle(&name)?.manifest_tail()?;
            paths_of(tail).into_iter().filter(counts).for_each(|path| unsaved.add(path));
        }
        Ok(unsaved)
    }

    fn names_in(&self, numbers: std::ops::RangeInclusive<SnapshotNumber>) -> Vec<BundleName> {
        let bundles = self.bundles().filter(|file| numbers.contains(&file.id().number));
        bundles.map(|file| file.name.clone()).collect()
    }
}

/// Entries that were there and are not in a snapshot as they were found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unsaved {
    paths: BTreeSet<Vec<u8>>,
    bytes: usize,
}

impl Unsaved {
    /// Whether this entry is one of them, or is in one of them.
    pub fn holds(&self, path: &EntryPath) -> bool {
        let bytes = path.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        ends.chain([bytes.len()]).any(|end| self.paths.contains(&bytes[..end]))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Their paths, in the order of bytes.
    pub fn paths(&self) -> impl Iterator<Item = &[u8]> {
        self.paths.iter().map(Vec::as_slice)
    }

    fn add(&mut self, path: EntryPathBuf) {
        if path.is_root() || self.holds(&path) {
            return;
        }
        let is_much = self.bytes + path.as_bytes().len() > PATHS_BYTES_MAX;
        let kept = path.split_source().map_or(path.as_bytes(), |(source, _)| source.as_bytes());
        let kept = if is_much { kept } else { path.as_bytes() };
        self.bytes += kept.len();
        self.paths.insert(kept.to_vec());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(bytes: &str) -> EntryPathBuf {
        EntryPathBuf::from_bytes(bytes.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_in_an_entry_is_held_with_it_and_nothing_beside() {
        let mut unsaved = Unsaved::default();
        unsaved.add(path("s/a"));
        for (held, is_held) in [("s/a", true), ("s/a/b/c", true), ("s", false), ("s/ab", false), ("s/b", false)] {
            assert_eq!(unsaved.holds(&path(held)), is_held, "{held}");
        }
    }

    #[test]
    fn beyond_the_limit_the_source_stands_for_all() {
        let mut unsaved = Unsaved { bytes: PATHS_BYTES_MAX, ..Unsaved::default() };
        unsaved.add(path("s/a"));
        assert!(unsaved.holds(&path("s/b")) && !unsaved.holds(&path("t")));
    }
}
