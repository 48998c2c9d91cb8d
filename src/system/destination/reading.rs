//! What is in a destination already, for a restore that writes only what differs. Changes nothing.

use super::failure::Failure;
use super::failure::problem;
use super::target::Destination;
use crate::base::entry::Kind;
use crate::base::path::EntryPath;
use crate::system::platform;
use crate::system::platform::RawStat;
use std::fs::File;
use std::io;

impl Destination {
    /// What is at `path`, the symlink itself if it is one; `None` when nothing is, also because a directory on the way is
    /// missing or is something else.
    ///
    /// # Errors
    /// A problem when it may not be looked at.
    pub fn stat(&self, path: &EntryPath) -> Result<Option<RawStat>, Failure> {
        let found = if path.is_root() || self.places.is_end(path.as_bytes()) {
            self.opened(path.as_bytes()).and_then(|directory| directory.own_stat())
        } else {
            self.around(path).and_then(|parent| parent.stat(&self.name(path)))
        };
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_nothing_there(&error) => Ok(None),
            Err(error) => Err(self.failure(path, "cannot be looked at", error)),
        }
    }

    /// Opens the regular file at `path` for reading.
    ///
    /// # Errors
    /// A problem when it is not there, not a regular file, or may not be read.
    pub fn open_existing_file(&self, path: &EntryPath) -> Result<File, Failure> {
        let fail = |error| self.failure(path, "cannot be read", error);
        let parent = self.parent(path, "cannot be read")?;
        // Asked before opening: to open a device can already do something.
        if parent.stat(&self.name(path)).map_err(fail)?.kind != Some(Kind::File) {
            return Err(problem(path, "cannot be read: it is not a regular file"));
        }
        parent.open_file(&self.name(path)).map_err(fail)
    }

    /// The names in the directory at `path` as they stand there, in byte order.
    ///
    /// # Errors
    /// A problem when it is not there, not a directory, or may not be listed.
    pub fn names(&self, path: &EntryPath) -> Result<Vec<Vec<u8>>, Failure> {
        let directory = self.directory(path.as_bytes(), path, "cannot be listed")?;
        let mut names = Vec::new();
        let listed = directory.for_each_name(|name| names.push(name.to_vec()));
        listed.map_err(|error| self.failure(path, "cannot be listed", error))?;
        names.sort_unstable();
        Ok(names)
    }

    /// Where the symlink at `path` points to.
    ///
    /// # Errors
    /// A problem when it is not there or not a symlink.
    pub fn read_link(&self, path: &EntryPath) -> Result<Vec<u8>, Failure> {
        let parent = self.parent(path, "cannot be read")?;
        parent.read_link(&self.name(path)).map_err(|error| self.failure(path, "cannot be read", error))
    }
}

fn is_nothing_there(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) || platform::was_symlink_met(error)
}
