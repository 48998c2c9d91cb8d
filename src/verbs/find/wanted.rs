//! Which versions of which paths are wanted. A pure function.

use super::options::FindOptions;
use super::options::FoundPath;
use crate::archive::timeline::Course;
use crate::archive::timeline::Follow;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::base::id::Hash;
use std::collections::HashSet;

/// What is looked for, with the contents that were found for it.
pub(super) struct Wanted<'o> {
    options: &'o FindOptions,
    /// Only files with one of these; `None`: anything.
    contents: Option<HashSet<Hash>>,
}

impl<'o> Wanted<'o> {
    /// What options say by themselves.
    pub fn new(options: &'o FindOptions) -> Wanted<'o> {
        Wanted { options, contents: options.content.map(|hash| HashSet::from([hash])) }
    }

    /// Only files with one of these contents.
    pub fn having(self, contents: HashSet<Hash>) -> Wanted<'o> {
        Wanted { contents: Some(contents), ..self }
    }

    /// What the index tells of a row without reading more of it.
    pub fn may_fit(&self, path: &[u8], stat: &Stat) -> bool {
        let options = self.options;
        options.size.as_ref().is_none_or(|size| stat.kind == Kind::File && size.contains(&stat.size))
            && options.newer.is_none_or(|newer| stat.mtime > newer)
            && (self.contents.is_none() || stat.kind == Kind::File)
            && options.names.fits(path, stat.kind == Kind::Directory)
    }

    /// Whether this version of a path is wanted.
    pub fn fits(&self, path: &[u8], entry: &Entry) -> bool {
        let is_one =
            |contents: &HashSet<Hash>| entry.content.as_ref().is_some_and(|content| contents.contains(&content.hash));
        self.may_fit(path, &entry.stat) && self.contents.as_ref().is_none_or(is_one)
    }

    /// What is told of a path, if it is wanted.
    pub fn found(&self, course: Course) -> Option<FoundPath> {
        let Course { path, versions, is_there } = course;
        if self.options.deleted && is_there {
            return None;
        }
        let fitting: Vec<_> = versions.into_iter().filter(|one| self.fits(path.as_bytes(), &one.entry)).collect();
        let (first, count) = (fitting.first()?.first, fitting.len() as u64);
        let newest = fitting.into_iter().next_back()?;
        Some(FoundPath { path, entry: newest.entry, versions: count, first, last: newest.last, is_deleted: !is_there })
    }
}

impl Follow for Wanted<'_> {
    fn only_gone(&self) -> bool {
        self.options.deleted
    }

    fn may_follow(&self, path: &[u8]) -> bool {
        self.options.names.may_fit(path)
    }

    fn begins(&self, path: &[u8], stat: &Stat, entry: &dyn Fn() -> Result<Option<Entry>>) -> Result<bool> {
        if !self.may_fit(path, stat) {
            return Ok(false);
        }
        Ok(self.contents.is_none() || entry()?.is_some_and(|entry| self.fits(path, &entry)))
    }
}
