//! A file being restored: it gets its name only when everything in it is there. Does not check contents: the caller does.

use super::Destination;
use super::Failure;
use crate::entry::Entry;
use crate::path::EntryPath;
use crate::platform;
use crate::platform::Directory;
use crate::platform::Node;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// A file under a temporary name. Dropped without [`PendingFile::finish`], nothing of it remains.
#[derive(Debug)]
pub struct PendingFile<'d> {
    destination: &'d Destination,
    path: EntryPath,
    parent: Arc<Directory>,
    /// The name it has now; empty once it has its own.
    temporary: Vec<u8>,
    file: File,
    written_end: AtomicU64,
}

impl<'d> PendingFile<'d> {
    pub(super) fn new(
        destination: &'d Destination,
        path: &EntryPath,
        parent: Arc<Directory>,
        temporary: Vec<u8>,
        file: File,
    ) -> PendingFile<'d> {
        PendingFile { destination, path: path.clone(), parent, temporary, file, written_end: AtomicU64::new(0) }
    }

    /// Where it will be.
    pub fn path(&self) -> &EntryPath {
        &self.path
    }

    /// Writes `bytes` at `offset`. Several threads may write pieces at once, in any order; what nobody writes becomes a hole.
    ///
    /// # Errors
    /// A problem when the file system refuses these bytes; fatal when it takes no more at all.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        platform::write_all_at(&self.file, offset, bytes).map_err(|error| self.failure("cannot be written", error))?;
        self.written_end.fetch_max(offset.saturating_add(bytes.len() as u64), Ordering::Relaxed);
        Ok(())
    }

    /// Gives it its length, its attributes and its name. To be called only when its content was found right.
    ///
    /// # Errors
    /// As for [`PendingFile::write_at`]; a problem also when something is in the way that may not be replaced.
    pub fn finish(mut self, entry: &Entry) -> Result<(), Failure> {
        // Only where needed: some file systems fill what is added with zeros, byte by byte.
        if *self.written_end.get_mut() != entry.stat.size {
            self.file.set_len(entry.stat.size).map_err(|error| self.failure("cannot be written", error))?;
        }
        self.destination.apply(Node::File(&self.file), &self.path, entry)?;
        self.destination.put_in_place(&self.parent, &self.temporary, &self.path)?;
        self.temporary.clear();
        Ok(())
    }

    fn failure(&self, what: &str, error: std::io::Error) -> Failure {
        self.destination.failure(&self.path, what, error)
    }
}

impl Drop for PendingFile<'_> {
    fn drop(&mut self) {
        if !self.temporary.is_empty() {
            let _ = self.parent.remove_file(&self.temporary);
        }
    }
}
