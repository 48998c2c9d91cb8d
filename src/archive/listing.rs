//! Which files an archive has at one moment: its bundles by their places in the history, its index files, and what those remember
//! that is no longer there.

use crate::archive::exchange;
use crate::archive::joined;
use crate::archive::open::Archive;
use crate::archive::open::BUNDLES;
use crate::archive::open::BundleFile;
use crate::archive::open::INDEX;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::SnapshotNumber;
use crate::format::index::IndexFile;
use std::collections::BTreeMap;

/// How often a reader looks again at bundles that become more while it looks.
const LOOKS_MAX: usize = 20;

/// What a list of the files is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListedFor {
    /// Getting out as much as there is.
    Reading,
    /// Adding a snapshot to what is there.
    Writing,
}

/// The files of an archive at one moment.
pub struct ArchiveFiles {
    /// The bundles, each at its place.
    pub bundles: BTreeMap<BundleId, BundleFile>,
    /// Bundles that claim the place of another one, which belongs there, and those that follow them: another history.
    pub surplus: Vec<BundleName>,
    /// Bundles after the last one that is there: an index file remembers them.
    pub missing_at_end: Vec<BundleName>,
}

impl ArchiveFiles {
    /// Lists the files of an archive.
    ///
    /// # Errors
    /// When they cannot be listed; [`crate::base::error::ErrorKind::NoArchive`] when the archive is gone; for a writer
    /// [`crate::base::error::ErrorKind::Damaged`] when two bundles claim one place, or the newest bundles are missing.
    pub fn of(archive: &Archive, use_for: ListedFor) -> Result<ArchiveFiles> {
        // Before the bundles, which are written before it: one that is being made is then not taken for a missing one.
        let index: Vec<String> =
            archive.store().list(INDEX).unwrap_or_default().into_iter().map(|(name, _)| name).collect();
        let mut claims: BTreeMap<BundleId, Vec<BundleFile>> = BTreeMap::new();
        for (name, bytes) in listed_at_one_moment(archive, use_for)? {
            if let Some(name) = BundleName::parse(&name) {
                claims.entry(name.id).or_default().push(BundleFile { name, bytes });
            }
        }
        if claims.is_empty() {
            // Also what is no longer there has no bundles.
            archive.check_is_there()?;
        }
        let mut listing = ArchiveFiles { bundles: BTreeMap::new(), surplus: Vec::new(), missing_at_end: Vec::new() };
        for (id, files) in claims {
            listing.settle(archive, &index, id, files);
        }
        listing.remember(archive, &index);
        if use_for == ListedFor::Writing {
            listing.refuse_what_no_writer_may_build_on()?;
        }
        Ok(listing)
    }

    /// Gives a place to the one of these bundles that belongs there: the one that the index knows; otherwise the one that follows
    /// the bundle before; otherwise the first. What follows a bundle that has no place has none either.
    fn settle(&mut self, archive: &Archive, index: &[String], id: BundleId, mut files: Vec<BundleFile>) {
        let before = self.bundles.values().next_back().map(|file| file.name.clone());
        if files.len() > 1 {
            let known = records(archive, index, |number| number >= id.number);
            let is_known = files.iter().position(|file| known.contains(&file.name));
            let follows = |file: &BundleFile| parent_of(archive, &file.name) == before;
            if let Some(at) = is_known.or_else(|| files.iter().position(follows)) {
                files.swap(0, at);
            }
        } else if !self.surplus.is_empty() {
            files.retain(|file| {
                let parent = parent_of(archive, &file.name);
                let is_of_another = parent.is_some_and(|parent| self.surplus.contains(&parent));
                if is_of_another {
                    self.surplus.push(file.name.clone());
                }
                !is_of_another
            });
        }
        let mut files = files.into_iter();
        if let Some(file) = files.next() {
            self.bundles.insert(id, file);
        }
        self.surplus.extend(files.map(|file| file.name));
    }

    fn remember(&mut self, archive: &Archive, index: &[String]) {
        let last = self.bundles.keys().next_back().copied();
        // Of the number of a last part nothing more can be missing.
        let may_tell =
            |number| last.is_none_or(|last| number > last.number || (number == last.number && last.part > 0));
        let mut missing = records(archive, index, may_tell);
        missing.retain(|name| last.is_none_or(|last| name.id > last));
        missing.sort_by_key(|name| name.id);
        missing.dedup();
        self.missing_at_end = missing;
    }

    fn refuse_what_no_writer_may_build_on(&self) -> Result<()> {
        if let Some(name) = self.surplus.first() {
            let other = self.bundles.get(&name.id).map(|file| file.name.to_string()).unwrap_or_default();
            return Err(Error::damaged(format!("{other} and {name} claim the same place in the history"))
                .with_advice(Advice::MoveForeignBundle));
        }
        if let Some(name) = self.missing_at_end.first() {
            let what =
                format!("the bundle {name} is missing: the index remembers it, and its number is never used again");
            return Err(Error::damaged(what).with_advice(Advice::PutBackCopyOrRepair));
        }
        Ok(())
    }
}

/// The bundle after which this one was made, if that can be read.
fn parent_of(archive: &Archive, name: &BundleName) -> Option<BundleName> {
    let bundle = archive.bundle(name).ok()?;
    let reader = bundle.manifest().ok()?;
    reader.head().parent.as_ref().map(|parent| parent.bundle.clone())
}

/// The number of `000042.full` or `000042.delta`.
pub fn parse_index_name(name: &str) -> Option<SnapshotNumber> {
    let digits = name.strip_suffix(".full").or_else(|| name.strip_suffix(".delta"))?;
    digits.parse().ok().filter(|_| digits.len() == 6)
}

/// The bundles that the index files of these numbers speak of, as far as those can be read.
fn records(archive: &Archive, index: &[String], is_wanted: impl Fn(SnapshotNumber) -> bool) -> Vec<BundleName> {
    let mut names = Vec::new();
    for file in index {
        let Some(number) = parse_index_name(file).filter(|number| is_wanted(*number)) else { continue };
        let Ok(opened) = archive.store().open(&format!("{INDEX}/{file}")).and_then(IndexFile::open) else { continue };
        if (opened.head().archive, opened.head().number) == (archive.id(), number) {
            names.extend(opened.head().bundles.iter().filter_map(|record| BundleName::parse(&record.name)));
        }
    }
    names
}

/// The files among the bundles. A name that is added while a directory is listed may be missed though a later one is seen, so
/// a reader, who has no lock, looks until two lists are the same.
fn listed_at_one_moment(archive: &Archive, use_for: ListedFor) -> Result<Vec<(String, u64)>> {
    let mut listed = listed(archive)?;
    if use_for == ListedFor::Reading {
        for _ in 0..LOOKS_MAX {
            let before = std::mem::replace(&mut listed, self::listed(archive)?);
            if listed == before {
                break;
            }
        }
    }
    Ok(listed)
}

/// What is among the bundles, and what is half-way to its place there.
fn listed(archive: &Archive) -> Result<Vec<(String, u64)>> {
    let store = &**archive.store();
    let mut listed = store.list(BUNDLES)?;
    listed.extend(exchange::waiting(store, &listed)?);
    let superseded = joined::superseded(store, &listed)?;
    listed.retain(|(name, _)| !superseded.contains(name));
    listed.sort();
    Ok(listed)
}
