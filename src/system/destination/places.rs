//! Where entries go: all into one folder, or those of each source into its own; and which symlinks on the way there are gone
//! through. Writes nothing.

use super::names::NameRules;
use super::open_directories::OpenDirectories;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::is_in;
use crate::base::path::joined;
use crate::base::path::joined_below;
use crate::system::platform;
use crate::system::platform::FileSystem;
use crate::system::platform::RawStat;
use std::io;
use std::path::PathBuf;

/// A folder that entries are written into.
#[derive(Debug)]
pub(super) struct Root {
    /// As the person or the archive named it.
    pub path: PathBuf,
    pub open_directories: OpenDirectories,
    pub file_system: FileSystem,
    /// Which names can be in it.
    pub rules: NameRules,
    /// As it was before anything was written; `None` when it was not there.
    pub before: Option<RawStat>,
}

/// Entries at or below `prefix` are at or below `at` in a root.
#[derive(Debug)]
struct Way {
    prefix: EntryPathBuf,
    root: usize,
    at: Vec<u8>,
    /// Whether it leads to a single file in the root.
    is_file: bool,
}

/// The folders that entries are written into, and the ways to them.
#[derive(Debug)]
pub(super) struct Places {
    pub roots: Vec<Root>,
    /// The longest prefixes first.
    ways: Vec<Way>,
    /// Whether entries without a way of their own are in the first root, by their path.
    is_common: bool,
}

/// Where an entry is: in `root`, at `at`, and there at what stands in its path from `rest` on.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub root: &'p Root,
    pub at: &'p [u8],
    pub rest: usize,
}

impl Places {
    /// One folder for everything.
    pub(super) fn one(root: Root) -> Places {
        Places { roots: vec![root], ways: Vec::new(), is_common: true }
    }

    /// A folder for all that is at or below each of these paths; or for a single file, which has this name in it.
    pub(super) fn each(roots: Vec<(EntryPathBuf, Root, Option<Vec<u8>>)>) -> Places {
        let mut places = Places { roots: Vec::new(), ways: Vec::new(), is_common: false };
        for (prefix, root, file) in roots {
            let (root_number, is_file) = (places.roots.len(), file.is_some());
            places.roots.push(root);
            places.ways.push(Way { prefix, root: root_number, at: file.unwrap_or_default(), is_file });
        }
        places.sort();
        places
    }

    /// Where `path` is, if it is a single file: its folder, and its name there.
    pub(super) fn single_file(&self, path: &[u8]) -> Option<(&Root, &[u8])> {
        let way = self.ways.iter().find(|way| way.is_file && way.prefix.as_bytes() == path)?;
        Some((&self.roots[way.root], &way.at))
    }

    fn sort(&mut self) {
        self.ways.sort_by_key(|way| std::cmp::Reverse(way.prefix.as_bytes().len()));
    }

    /// Where `path` is.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when it is in no folder.
    pub(super) fn find<'p>(&'p self, path: &[u8]) -> io::Result<Place<'p>> {
        if let Some(way) = self.ways.iter().find(|way| is_in(path, way.prefix.as_bytes())) {
            let rest = way.prefix.as_bytes().len();
            return Ok(Place { root: &self.roots[way.root], at: &way.at, rest: path.len().min(rest + 1) });
        }
        match self.roots.first().filter(|_| self.is_common) {
            Some(root) => Ok(Place { root, at: &[], rest: 0 }),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Whether `path` is where a way ends: the top of a folder, or a symlink that is gone through.
    pub(super) fn is_end(&self, path: &[u8]) -> bool {
        self.ways.iter().any(|way| way.prefix.as_bytes() == path && !way.is_file)
    }

    /// Whether a symlink that is gone through leads to what is at `at` in `root`, or to something in it.
    pub(super) fn is_led_to(&self, root: &Root, at: &[u8]) -> bool {
        let mut ways = self.ways.iter().filter(|way| !way.is_file && !way.at.is_empty());
        ways.any(|way| std::ptr::eq(&raw const self.roots[way.root], root) && is_in(&way.at, at))
    }

    /// From now on what is below `path` is looked for where the symlink at `path` leads, of which it is asked as a path of the
    /// same kind. Not where it is not a symlink, leads to no folder, out of the folder that it is in, or where it may not.
    pub(super) fn follow(&mut self, path: &EntryPath, may_lead_to: &dyn Fn(&EntryPath) -> bool) {
        if let Some(way) = self.way_through(path, may_lead_to).filter(|_| !self.is_end(path.as_bytes())) {
            self.ways.push(way);
            self.sort();
        }
    }

    fn way_through(&self, path: &EntryPath, may_lead_to: &dyn Fn(&EntryPath) -> bool) -> Option<Way> {
        let place = self.find(path.as_bytes()).ok()?;
        let here = joined_below(place.at, &path.as_bytes()[place.rest..]);
        let top = std::fs::canonicalize(&place.root.path).ok()?;
        let link = top.join(platform::path_of(&here));
        if !link.symlink_metadata().ok()?.is_symlink() {
            return None;
        }
        let real = std::fs::canonicalize(link).ok()?;
        let at = platform::with_slashes(real.strip_prefix(&top).ok()?.as_os_str().as_encoded_bytes()).into_owned();
        // The folder itself would hold itself.
        place.root.open_directories.directory(&at).ok().filter(|_| !at.is_empty())?;
        let root = self.roots.iter().position(|root| std::ptr::eq(root, place.root))?;
        let leads_to = if self.is_common { at.clone() } else { joined(self.top_of(root)?.as_bytes(), &at) };
        // What comes through two symlinks must not be mixed.
        let is_through = |way: &Way| way.root == root && !way.is_file && !way.at.is_empty();
        let mut others = self.ways.iter().filter(|way| is_through(way));
        if others.any(|other| is_in(&at, &other.at) || is_in(&other.at, &at)) {
            return None;
        }
        may_lead_to(EntryPath::new(&leads_to)?).then(|| Way { prefix: path.to_owned(), root, at, is_file: false })
    }

    fn top_of(&self, root: usize) -> Option<&EntryPath> {
        self.ways.iter().find(|way| way.root == root && way.at.is_empty() && !way.is_file).map(|way| &*way.prefix)
    }
}
