//! `find`: which paths there ever were, in all snapshots at once. Reads each index file once, nothing else.

use crate::archive::catalog::Catalog;
use crate::archive::timeline::Course;
use crate::archive::timeline::Courses;
use crate::archive::timeline::Follow;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::matcher::Matcher;
use crate::base::monitor::Monitor;
use crate::base::path::EntryPathBuf;
use crate::base::time::Time;
use std::ops::RangeInclusive;

/// What is looked for. By default everything.
#[derive(Clone, Debug, Default)]
pub struct FindOptions {
    /// Which paths.
    pub names: Matcher,
    /// Only files of these sizes, in bytes. Default: any.
    pub size: Option<RangeInclusive<u64>>,
    /// Only what was modified after this moment. Default: any.
    pub newer: Option<Time>,
    /// Only what is not in the newest snapshot. Default: no.
    pub deleted: bool,
    /// Only files with this hash of their content. Default: any.
    pub content: Option<Hash>,
    /// How many threads read; 0, the default: as many as there are cores.
    pub threads: usize,
}

/// A path that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundPath {
    /// The path.
    pub path: EntryPathBuf,
    /// The newest version that is as wanted.
    pub entry: Entry,
    /// How many versions that are as wanted follow each other.
    pub versions: u64,
    /// The first snapshot with such a version.
    pub first: SnapshotNumber,
    /// The last snapshot with such a version.
    pub last: SnapshotNumber,
    /// Whether nothing is at the path in the newest snapshot.
    pub is_deleted: bool,
}

impl FindOptions {
    /// What the index tells of a row without reading more of it.
    fn may_fit(&self, path: &[u8], stat: &Stat) -> bool {
        self.size.as_ref().is_none_or(|size| stat.kind == Kind::File && size.contains(&stat.size))
            && self.newer.is_none_or(|newer| stat.mtime > newer)
            && (self.content.is_none() || stat.kind == Kind::File)
            && self.names.fits(path, stat.kind == Kind::Directory)
    }

    fn fits(&self, path: &[u8], entry: &Entry) -> bool {
        let hash = entry.content.as_ref().map(|content| content.hash);
        self.may_fit(path, &entry.stat) && (self.content.is_none() || self.content == hash)
    }

    fn found(&self, course: Course) -> Option<FoundPath> {
        let Course { path, versions, is_there } = course;
        if self.deleted && is_there {
            return None;
        }
        let fitting: Vec<_> = versions.into_iter().filter(|one| self.fits(path.as_bytes(), &one.entry)).collect();
        let (first, count) = (fitting.first()?.first, fitting.len() as u64);
        let newest = fitting.into_iter().next_back()?;
        Some(FoundPath { path, entry: newest.entry, versions: count, first, last: newest.last, is_deleted: !is_there })
    }
}

impl Follow for FindOptions {
    fn only_gone(&self) -> bool {
        self.deleted
    }

    fn may_follow(&self, path: &[u8]) -> bool {
        self.names.may_fit(path)
    }

    fn begins(&self, path: &[u8], stat: &Stat, entry: &dyn Fn() -> Result<Option<Entry>>) -> Result<bool> {
        if !self.may_fit(path, stat) {
            return Ok(false);
        }
        Ok(self.content.is_none() || entry()?.is_some_and(|entry| self.fits(path, &entry)))
    }
}

/// Calls `visit` with every path that was as wanted in some snapshot, in the order of a walk. What is known of paths at one time
/// is bounded: where very many are found, the index is read several times.
///
/// # Errors
/// What `visit` fails with; [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when the monitor asks to stop;
/// when the archive cannot be read, or its index is damaged and cannot be made again. A snapshot that cannot be read is told as a
/// problem.
pub fn find(
    catalog: &Catalog,
    options: &FindOptions,
    monitor: &dyn Monitor,
    visit: &mut dyn FnMut(&FoundPath) -> Result<()>,
) -> Result<()> {
    for course in Courses::new(catalog, monitor, options, options.threads) {
        if let Some(found) = options.found(course?) {
            visit(&found)?;
        }
    }
    Ok(())
}
