//! How to plan, and a directory while its entries are planned: where its header stands, and where it is needed again.

use super::directory_diff::DirectoryDiff;
use super::directory_diff::EntryDiff;
use super::job::HeaderNeed;
use super::options::patch_from;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::base::diff::Rehash;
use crate::base::diff::Verdict;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::printable;
use crate::base::snapshot::Rules;
use crate::format::tar;
use crate::format::tar::LIST_BYTES_MAX;
use crate::system::listing::Listing;
use crate::system::listing::ScannedEntry;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How to plan.
pub struct PlanOptions {
    /// Whether entries that look unchanged are read all the same.
    pub rehash: Rehash,
    /// Whether a source may have become empty.
    pub allow_empty: bool,
    /// Whether the base ends with parts of a snapshot that was cut off.
    pub was_cut_off: bool,
    /// After this many bytes of tar a part ends, where it may end.
    pub part_bytes_max: u64,
    /// No file on the archive's drive can have more.
    pub part_bytes_limit: u64,
}

/// A directory whose entries are planned.
pub struct PlannedDirectory<'l> {
    /// What the scan found in it.
    pub listing: &'l Listing,
    /// Its path.
    pub path: &'l EntryPath,
    /// Its metadata, if that changed.
    pub own_stat: Option<Stat>,
    /// Its metadata, once they were asked for.
    pub stat: Option<Stat>,
    /// Whether unpacking may make it.
    pub may_be_made: bool,
    /// The last part in which its header certainly stands.
    pub stands_in: Option<u64>,
    /// The last part in which its header stands if one of the large files in it is stored.
    pub may_stand_in: Option<(u64, Arc<AtomicBool>)>,
    /// Its place in the job in which it was used last.
    pub place: Option<usize>,
}

/// The directories above the one that is planned, from the source's top down.
#[derive(Default)]
pub struct Ancestors(Vec<Above>);

/// A directory above the one that is planned.
pub struct Above {
    /// The index of its source in the list.
    pub source: usize,
    /// Its path.
    pub path: EntryPathBuf,
    /// Its metadata, if they were asked for.
    pub stat: Option<Stat>,
    /// The last part in which its header certainly stands.
    pub stands_in: Option<u64>,
}

impl Ancestors {
    /// Goes on with the directory at `path`: those that are not above it are done.
    pub fn go_to(&mut self, path: &EntryPath) {
        while self.0.last().is_some_and(|above| !path.is_in(&above.path)) {
            self.0.pop();
        }
    }

    /// Goes into a directory.
    pub fn push(&mut self, directory: PlannedDirectory) {
        let PlannedDirectory { listing, path, stat, stands_in, .. } = directory;
        self.0.push(Above { source: listing.source, path: path.to_owned(), stat, stands_in });
    }

    /// The directory right above `path`, if its header does not certainly stand in this part yet. From here on it does.
    pub fn without_header(&mut self, path: &EntryPath, part: u64) -> Option<&Above> {
        let above = self.0.last_mut()?;
        let is_wanted = path.parent() == Some(&*above.path) && above.stands_in != Some(part);
        if !is_wanted {
            return None;
        }
        above.stands_in = Some(part);
        Some(above)
    }
}

impl<'l> PlannedDirectory<'l> {
    /// One of which nothing is planned yet.
    pub fn new(
        listing: &'l Listing,
        path: &'l EntryPath,
        own_stat: Option<Stat>,
        may_be_made: bool,
    ) -> PlannedDirectory<'l> {
        let (stat, stands_in, may_stand_in, place) = (own_stat, None, None, None);
        PlannedDirectory { listing, path, own_stat, stat, may_be_made, stands_in, may_stand_in, place }
    }

    /// Its metadata: as they are in the state `base`, if they did not change.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn stat_in(&mut self, base: &State) -> Result<Stat> {
        let stat = self.stat.map_or_else(|| stat_in(base, self.path), Ok)?;
        self.stat = Some(stat);
        Ok(stat)
    }

    /// Whether a job of this part needs its header: before the first entry that is stored in it, unless this part has
    /// it already.
    pub fn header(&self, part: u64) -> HeaderNeed {
        match &self.may_stand_in {
            _ if self.stands_in == Some(part) => HeaderNeed::Never,
            Some((in_part, is_stored)) if *in_part == part => HeaderNeed::IfStoredFirst(is_stored.clone()),
            _ => HeaderNeed::IfStored,
        }
    }

    /// The path of an entry of it.
    ///
    /// # Errors
    /// When its name is invalid.
    pub fn path_of(&self, found: &ScannedEntry) -> Result<EntryPathBuf> {
        path_in(self.path, self.listing.name(found))
    }
}

/// A directory's metadata as they are in a state.
///
/// # Errors
/// When the index cannot be read.
pub fn stat_in(state: &State, path: &EntryPath) -> Result<Stat> {
    Ok(state.find(path)?.map(|entry| entry.stat).unwrap_or_default())
}

/// The path of an entry. The scan and the index have valid names only; another must not be lost silently.
///
/// # Errors
/// When the name is invalid.
pub fn path_in(directory: &EntryPath, name: &[u8]) -> Result<EntryPathBuf> {
    let bad = || Error::damaged(format!("'{}' in '{directory}' cannot be a name", printable(name)));
    directory.child(name).ok_or_else(bad)
}

/// Whether a file may be patched: then it is read by itself, as a large one.
pub fn may_be_patched(rules: &Rules, stat: &Stat, base: Option<&Row>, verdict: Verdict) -> bool {
    let from = patch_from(rules);
    let is_large = |stat: &Stat| stat.kind == Kind::File && stat.size >= from;
    let may_be_modified = matches!(verdict, Verdict::MaybeModified | Verdict::Modified);
    may_be_modified && stat.link == 0 && is_large(stat) && base.and_then(Row::stat).is_some_and(is_large)
}

/// The lists by which unpacking deletes names from a directory. What may be missing where stock tools unpack cannot be
/// renamed there: if its content is lost, or all of it if `may_be_absent`.
///
/// # Errors
/// When the index cannot be read.
pub fn lists(directory: &EntryPath, diff: &DirectoryDiff, may_be_absent: bool) -> Result<Vec<Vec<u8>>> {
    let Some(names) = &diff.names else { return Ok(Vec::new()) };
    if names.len() <= LIST_BYTES_MAX || may_be_absent {
        return Ok(vec![names.clone()]);
    }
    let gone: Vec<&Row> = diff.changes.iter().filter_map(EntryDiff::deleted).collect();
    for row in &gone {
        if row.entry()?.is_none_or(|entry| entry.is_without_content()) {
            return Ok(vec![names.clone()]);
        }
    }
    Ok(tar::deletions(directory.as_bytes(), gone.iter().map(|row| row.name())))
}
