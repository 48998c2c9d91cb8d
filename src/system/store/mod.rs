//! Whole files that never change once published: where an archive's bytes are kept. Knows nothing of what they mean.
//!
//! Every write of an archive goes through a [`Store`], and `publish` is the one moment at which a file exists.

mod access;
mod local;
mod memory;
mod scratch;
mod unfinished_file;

pub use access::Access;
pub use local::LocalStore;
pub use memory::MemoryStore;
pub use scratch::Scratch;
pub use scratch::ScratchFile;
pub use scratch::Spool;

use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::Hash;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// What a store has room for, as far as that is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Space {
    /// The most bytes that one file can have, where that is little.
    pub file_bytes_max: Option<u64>,
    /// How many bytes are free.
    pub free_bytes: Option<u64>,
    /// How many bytes there are in all, free or not.
    pub total_bytes: Option<u64>,
}

/// What a store is like, for those who tell a person what that means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    /// Whether it is on a drive that may be unplugged, or is reached over a network.
    pub may_be_unplugged: bool,
    /// Whether other users of this machine can read what is published in it.
    pub is_readable_by_others: bool,
    /// Whether [`Store::rename_over`] leaves one of both files under the name, whatever happens.
    pub replaces_at_once: bool,
}

/// The right to be the only writer, until it is dropped.
pub trait Lease: Send + Sync {
    /// Whether it still holds: a lease of a remote store may expire. To be asked before anything is published.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when it does not; otherwise when that cannot be found out.
    fn check(&self) -> Result<()>;
}

/// A place for files. Names are ASCII, `file` or `directory/file`, distinct without case.
pub trait Store: Send + Sync {
    /// The published files in `directory` ("" for the top), with their lengths in bytes, sorted by name; none when there is
    /// no such directory. Foreign files are listed too.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn list(&self, directory: &str) -> Result<Vec<(String, u64)>>;

    /// Opens a published file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none; otherwise when it cannot be opened.
    fn open(&self, name: &str) -> Result<Box<dyn Blob>>;

    /// Begins a file. Nothing is seen of it before it is published; dropped, it leaves no trace. It gets its name when it is
    /// published: `like` is a name in the same directory and of about the same length, as far as that is known. A store may
    /// prepare for it, and names the file so in its messages; nothing else depends on it.
    ///
    /// # Errors
    /// When it cannot be made.
    fn create(&self, like: &str) -> Result<Box<dyn Upload>>;

    /// Publishes a whole small file in place of the one that may be there. Only for files that describe the archive.
    ///
    /// # Errors
    /// When it cannot be written; the old one is then still there.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()>;

    /// Gives a published file another name, in another directory if need be; afterwards that is not lost.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] when a file of the new name is published; [`ErrorKind::NotFound`] when there is none of the old
    /// one; otherwise when it cannot be done.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Gives a published file the name of another one, which is then gone. Only where
    /// [`Capabilities::replaces_at_once`] says that one of the two has the name at every moment.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] where it is not so; [`ErrorKind::NotFound`] when there is none of the old name; otherwise when it
    /// cannot be done: the other one is then still there.
    fn rename_over(&self, from: &str, to: &str) -> Result<()> {
        let what = format!("{} cannot replace {to} by {from} at once", self.describe());
        Err(Error::new(ErrorKind::Refused, what))
    }

    /// Removes a published file; afterwards it does not come back.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is not there; otherwise when it cannot be removed.
    fn remove(&self, name: &str) -> Result<()>;

    /// Removes published files of a directory, in this order; afterwards none comes back, and none that was removed before. What is
    /// done next is done after that, also if the drive is pulled out. One that is not there is passed over.
    ///
    /// # Errors
    /// When one cannot be removed.
    fn remove_all(&self, directory: &str, files: &[String]) -> Result<()>;

    /// Becomes the only writer, until the result is dropped or the process ends.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when there is one already, with who it is; otherwise when the lock cannot be made.
    fn lock(&self, holder: &str) -> Result<Box<dyn Lease>>;

    /// Removes what interrupted writers left at the top and in these directories. Only while holding the lock. What cannot be
    /// listed or removed is left.
    ///
    /// # Errors
    /// When a directory has a name that none can have.
    fn sweep(&self, directories: &[&str]) -> Result<()>;

    /// What it has room for.
    fn space(&self) -> Space {
        Space::default()
    }

    /// What it is like. Asking may take a look at the drive.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Its directory, if it is one of this machine: it is then left out of every source, and nothing is restored into it.
    fn local_path(&self) -> Option<&Path> {
        None
    }

    /// The store as a person would name it.
    fn describe(&self) -> String;
}

/// A published file, open for reading.
pub trait Blob: Send + Sync {
    /// Its length in bytes.
    fn length(&self) -> u64;

    /// Reads into `buffer` from `offset` on, as much as fits and is there; less only at the end of the file.
    ///
    /// # Errors
    /// When the bytes cannot be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize>;
}

/// A file being written.
pub trait Upload: Write + Send {
    /// How many of the bytes the drive has taken so far, and in how much time of its own; nothing where that is not known.
    fn taken(&self) -> (u64, Duration) {
        (0, Duration::ZERO)
    }

    /// Makes the bytes durable, reads them back from where they are kept, not from a cache, and compares. Nothing may be
    /// written after it.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when their BLAKE3 is not `digest`; otherwise when they cannot be made durable or read.
    fn read_back(&mut self, digest: &Hash) -> Result<()>;

    /// Makes the bytes durable and then the file visible as `name`; afterwards it is not lost. Its length in bytes as
    /// [`Store::list`] has it: a store that encrypts or adds something has another one than was written.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] when a file of that name is published, which stays as it is; [`ErrorKind::Damaged`] when the drive does not
    /// keep or list it; otherwise when it cannot be made durable or visible. The file is then not there; where it had its name
    /// already and the drive refuses to remove it again, it may be.
    fn publish(self: Box<Self>, name: &str) -> Result<u64>;
}

/// Whether `name` is `file` or `directory/file` in printable ASCII without `: * ? " < > |` and backslashes, no part
/// beginning with a dot (those are a store's own).
fn is_store_name(name: &str) -> bool {
    let part_ok = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && part.bytes().all(|byte| matches!(byte, b'!'..=b'~') && !br#":*?"<>|\"#.contains(&byte))
    };
    name.split('/').count() <= 2 && name.split('/').all(part_ok)
}

fn checked_name(name: &str) -> Result<&str> {
    if is_store_name(name) {
        return Ok(name);
    }
    Err(Error::new(ErrorKind::Refused, format!("'{}' cannot be the name of a file in an archive", name.escape_debug())))
}

/// `length` bytes of a blob from `offset` on.
///
/// # Errors
/// [`ErrorKind::Damaged`] when the file is shorter; otherwise when it cannot be read.
pub fn read_exact_at(blob: &dyn Blob, offset: u64, length: usize) -> Result<Vec<u8>> {
    read_exact_in(blob, offset, length, Vec::new())
}

/// As [`read_exact_at`], in `buffer`, whose memory is used again.
///
/// # Errors
/// As for [`read_exact_at`].
pub fn read_exact_in(blob: &dyn Blob, offset: u64, length: usize, mut buffer: Vec<u8>) -> Result<Vec<u8>> {
    let beyond = || Error::damaged("the file ends too early");
    if blob.length().checked_sub(offset).is_none_or(|rest| rest < length as u64) {
        return Err(beyond());
    }
    buffer.resize(length, 0);
    if blob.read_at(offset, &mut buffer)? != length {
        return Err(beyond());
    }
    Ok(buffer)
}

/// A small published file as a whole.
///
/// # Errors
/// As for [`Store::open`]; [`ErrorKind::Damaged`] when it is longer than `length_max` bytes.
pub fn read_small(store: &dyn Store, name: &str, length_max: u64) -> Result<Vec<u8>> {
    let blob = store.open(name)?;
    if blob.length() > length_max {
        return Err(Error::damaged(format!("{name} is longer than {length_max} bytes")));
    }
    read_exact_at(&*blob, 0, blob.length() as usize)
}

/// The error for a file that does not come back as it was written.
pub fn not_as_written(name: &str) -> Error {
    Error::new(ErrorKind::Damaged, format!("the drive does not give back what was written to {name}"))
        .with_advice(Advice::ReplaceDrive)
}

/// Reads a blob from `offset` up to `end`, in order.
pub struct BlobReader<'a> {
    blob: &'a dyn Blob,
    offset: u64,
    end: u64,
}

impl<'a> BlobReader<'a> {
    /// A reader of the bytes from `offset` up to, not including, `end`.
    pub fn new(blob: &'a dyn Blob, offset: u64, end: u64) -> BlobReader<'a> {
        BlobReader { blob, offset, end }
    }
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.end.saturating_sub(self.offset).min(buffer.len() as u64) as usize;
        let count = self.blob.read_at(self.offset, &mut buffer[..length]).map_err(std::io::Error::other)?;
        self.offset += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::is_store_name;

    #[test]
    fn odd_names_are_refused() {
        for bad in ["", "/", "a/", "/a", "a/b/c", "..", ".x", "a/.x", "a:b", "a\\b", "a b", "é", "a.", "a?"] {
            assert!(!is_store_name(bad), "{bad:?}");
        }
        for good in ["lock", "bundles/000042-20261122T235502Z.0001.tar.zst", "index/000042.delta"] {
            assert!(is_store_name(good), "{good:?}");
        }
    }
}
