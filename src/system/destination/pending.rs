//! A file being restored: it gets its name only when everything in it is there; and what is left of one whose restore was
//! killed. Does not check contents: the caller does.

use super::failure::Failure;
use super::target::Destination;
use super::target::TEMPORARY_PREFIX;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::platform::Node;
use std::collections::HashSet;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Digits of the number in a temporary name by which restores know their own.
const SECRET_DIGITS: usize = 16;

/// The most digits of the number that a restore gives to each.
const NUMBER_DIGITS_MAX: usize = 20;

/// How often a temporary file is made anew because another restore took it for one that was left behind.
const TEMPORARY_TRIES_MAX: usize = 100;

/// A file under a temporary name. Dropped without [`PendingFile::finish`], nothing of it remains.
#[derive(Debug)]
pub struct PendingFile<'d> {
    destination: &'d Destination,
    path: EntryPathBuf,
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
        (temporary, file): (Vec<u8>, File),
    ) -> PendingFile<'d> {
        PendingFile { destination, path: path.to_owned(), parent, temporary, file, written_end: AtomicU64::new(0) }
    }

    /// Where it will be.
    pub fn path(&self) -> &EntryPath {
        &self.path
    }

    /// Says before anything is written that some of it will not be, so that this takes no room.
    pub fn will_have_holes(&self) {
        platform::will_have_holes(&self.file);
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
        if self.destination.syncs_each_file {
            self.file.sync_all().map_err(|error| self.failure("cannot be written", error))?;
        }
        self.destination.put_in_place(&self.parent, &self.temporary, &self.path)?;
        self.temporary.clear();
        Ok(())
    }

    fn failure(&self, what: &str, error: io::Error) -> Failure {
        self.destination.failure(&self.path, what, error)
    }
}

impl Destination {
    /// Makes a file with a temporary name and locks it. As long as it is open, no other restore takes it for one that was
    /// left behind. Where files cannot be locked, none does.
    ///
    /// # Errors
    /// As the file system refuses.
    pub(super) fn temporary_file(&self, parent: &Directory) -> io::Result<(Vec<u8>, File)> {
        for _ in 0..TEMPORARY_TRIES_MAX {
            let name = self.temporary_name();
            let file = parent.create_file(&name)?;
            match platform::try_lock(&file) {
                // Another restore found it before it was locked: then it holds the lock, or has removed the file.
                Err(TryLockError::WouldBlock) => {}
                Ok(()) if was_removed(parent, &name, &file)? => {}
                Ok(()) | Err(TryLockError::Error(_)) => return Ok((name, file)),
            }
        }
        Err(io::Error::other("another restore removes its files"))
    }

    /// Removes from the directory `path` the files that a killed restore left there: those with a temporary name that no
    /// living process holds, but none that `keep` takes out of the set of their names. What cannot be removed stays.
    ///
    /// # Errors
    /// Those of `keep`.
    pub fn remove_left_behind(
        &self,
        path: &EntryPath,
        keep: &dyn Fn(&mut HashSet<Vec<u8>>) -> error::Result<()>,
    ) -> error::Result<()> {
        let Ok(directory) = self.directory(path.as_bytes(), path, "cannot be listed") else { return Ok(()) };
        let mut names = HashSet::new();
        let _ = directory.for_each_name(|name| names.extend(is_temporary(name).then(|| name.to_vec())));
        if !names.is_empty() {
            keep(&mut names)?;
        }
        for name in &names {
            let is_file = directory.stat(name).is_ok_and(|found| found.kind == Some(Kind::File));
            let Some(file) = is_file.then(|| directory.open_file(name).ok()).flatten() else { continue };
            // Locked until it is gone, so that whoever has just made it sees that.
            if platform::try_lock(&file).is_ok() {
                let _ = directory.remove_file(name);
            }
        }
        Ok(())
    }
}

/// Whether an open file has lost its name. Some file systems count no names: there the directory is asked.
fn was_removed(parent: &Directory, name: &[u8], file: &File) -> io::Result<bool> {
    let is_named = platform::stat_file(file)?.links > 0;
    Ok(!is_named && parent.stat(name).is_err_and(|error| error.kind() == io::ErrorKind::NotFound))
}

/// Whether a name is just as [`Destination::temporary_name`] makes them.
fn is_temporary(name: &[u8]) -> bool {
    let Some((secret, number)) =
        name.strip_prefix(TEMPORARY_PREFIX.as_bytes()).and_then(|rest| rest.split_at_checked(SECRET_DIGITS))
    else {
        return false;
    };
    let number = number.strip_prefix(b"-").unwrap_or_default();
    secret.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && (1..=NUMBER_DIGITS_MAX).contains(&number.len())
        && number.iter().all(u8::is_ascii_digit)
}

impl Drop for PendingFile<'_> {
    fn drop(&mut self) {
        if !self.temporary.is_empty() {
            let _ = self.parent.remove_file(&self.temporary);
        }
    }
}
