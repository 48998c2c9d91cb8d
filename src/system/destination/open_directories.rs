//! The directories that were written to last, kept open: consecutive entries share them. Opens nothing through a symlink.

use crate::base::concurrency::Guard;
use crate::base::concurrency::Lock;
use crate::base::path::is_in;
use crate::system::platform::Directory;
use crate::system::platform::Ladder;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// How many are kept open: enough for each worker's own and some ancestors.
const OPEN_MAX: usize = 24;

/// Paths with more parts than this are opened by the ladder.
const FAR_PARTS: usize = 32;

type Open = (Box<[u8]>, Arc<Directory>);

/// Open directories by path, the one used last in front.
#[derive(Debug)]
pub(super) struct OpenDirectories {
    /// `None` when it is not there, and is not made.
    root: Option<Arc<Directory>>,
    open: Lock<VecDeque<Open>>,
    /// For those that are far from all of these: the ones on the way up from a great depth.
    ladder: Lock<Ladder>,
}

impl OpenDirectories {
    pub(super) fn new(root: Option<Directory>) -> OpenDirectories {
        OpenDirectories { root: root.map(Arc::new), open: Lock::default(), ladder: Lock::default() }
    }

    /// The directory at `path`; the empty path is the destination itself.
    pub(super) fn directory(&self, path: &[u8]) -> io::Result<Arc<Directory>> {
        let root = self.root.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let (ancestor, rest) = self.nearest(root, path);
        if rest.is_empty() {
            return Ok(ancestor);
        }
        let is_far = rest.split(|byte| *byte == b'/').nth(FAR_PARTS).is_some();
        let opened = if is_far { self.ladder().open(root, path)? } else { ancestor.open_below(rest)? };
        let directory = Arc::new(opened);
        let mut open = self.open();
        open.truncate(OPEN_MAX - 1);
        open.push_front((path.into(), Arc::clone(&directory)));
        Ok(directory)
    }

    fn open(&self) -> Guard<'_, VecDeque<Open>> {
        self.open.lock()
    }

    fn ladder(&self) -> Guard<'_, Ladder> {
        self.ladder.lock()
    }

    /// The deepest open directory on the way to `path`, and the rest of the way.
    fn nearest<'p>(&self, root: &Arc<Directory>, path: &'p [u8]) -> (Arc<Directory>, &'p [u8]) {
        if path.is_empty() {
            return (Arc::clone(root), path);
        }
        let mut open = self.open();
        let on_the_way = open.iter().enumerate().filter(|(_, (known, _))| is_in(path, known));
        let deepest = on_the_way.max_by_key(|(_, (known, _))| known.len()).map(|(at, _)| at);
        let Some((known, directory)) = deepest.and_then(|at| open.remove(at)) else {
            return (Arc::clone(root), path);
        };
        let rest = path.get(known.len() + 1..).unwrap_or_default();
        open.push_front((known, Arc::clone(&directory)));
        (directory, rest)
    }

    /// Forgets what is at `path` or below it, because that is about to go: a descriptor would outlive the name.
    pub(super) fn forget(&self, path: &[u8]) {
        self.open().retain(|(known, _)| !is_in(known, path));
        self.ladder().forget(path);
    }
}
