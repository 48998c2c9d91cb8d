//! The directories that were written to last, kept open: consecutive entries share them. Opens nothing through a symlink.

use crate::base::concurrency::Lock;
use crate::base::path::is_in;
use crate::system::platform::Directory;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// How many are kept open: enough for each worker's own and some ancestors.
const OPEN_MAX: usize = 24;

type Open = (Box<[u8]>, Arc<Directory>);

/// Open directories by path, the one used last in front.
#[derive(Debug)]
pub(super) struct OpenDirectories {
    root: Arc<Directory>,
    open: Lock<VecDeque<Open>>,
}

impl OpenDirectories {
    pub(super) fn new(root: Directory) -> OpenDirectories {
        OpenDirectories { root: Arc::new(root), open: Lock::default() }
    }

    /// The directory at `path`; the empty path is the destination itself.
    pub(super) fn directory(&self, path: &[u8]) -> io::Result<Arc<Directory>> {
        let (ancestor, rest) = self.nearest(path);
        if rest.is_empty() {
            return Ok(ancestor);
        }
        let directory = Arc::new(ancestor.open_below(rest)?);
        let mut open = self.open.lock();
        open.truncate(OPEN_MAX - 1);
        open.push_front((path.into(), Arc::clone(&directory)));
        Ok(directory)
    }

    /// The deepest open directory on the way to `path`, and the rest of the way.
    fn nearest<'p>(&self, path: &'p [u8]) -> (Arc<Directory>, &'p [u8]) {
        if path.is_empty() {
            return (Arc::clone(&self.root), path);
        }
        let mut open = self.open.lock();
        let on_the_way = open.iter().enumerate().filter(|(_, (known, _))| is_in(path, known));
        let deepest = on_the_way.max_by_key(|(_, (known, _))| known.len()).map(|(at, _)| at);
        let Some((known, directory)) = deepest.and_then(|at| open.remove(at)) else {
            return (Arc::clone(&self.root), path);
        };
        let rest = path.get(known.len() + 1..).unwrap_or_default();
        open.push_front((known, Arc::clone(&directory)));
        (directory, rest)
    }

    /// Forgets all of them, because a directory is about to go: a descriptor would outlive the name.
    pub(super) fn forget(&self) {
        self.open.lock().clear();
    }
}
