//! What counts as moved only because it looks alike. Its times say nothing about its content, so it is read.

use crate::base::diff::Rehash;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use std::collections::HashSet;
use std::sync::Arc;

/// The paths to which something was moved that only looks the same.
#[derive(Clone, Default)]
pub struct Doubts(Arc<HashSet<EntryPathBuf>>);

impl Doubts {
    /// Doubts about what is at these paths and below them.
    pub fn new(paths: HashSet<EntryPathBuf>) -> Doubts {
        Doubts(Arc::new(paths))
    }

    /// Whether `path` is one of these or below one.
    pub fn has(&self, path: &EntryPath) -> bool {
        !self.0.is_empty() && std::iter::successors(Some(path), |path| path.parent()).any(|path| self.0.contains(path))
    }

    /// Whether an entry that looks unchanged is read; without doubt as `rehash` says.
    pub fn rehash(&self, directory: &EntryPath, name: &[u8], rehash: Rehash) -> Rehash {
        let is_doubtful = !self.0.is_empty() && directory.child(name).is_some_and(|path| self.has(&path));
        if is_doubtful { Rehash::Yes } else { rehash }
    }
}
