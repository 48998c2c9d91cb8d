//! Trees on the disk, and all there is to see of them.

use snap_archive::base::id::Hash;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tempfile::TempDir;

/// A new directory, in memory where there is one for that.
pub fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// What can be seen of one entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Type and permission bits, as the system has them in one number.
    pub mode: u32,
    /// Length in bytes; 0 for what is no file.
    pub size: u64,
    /// Seconds and nanoseconds.
    pub mtime: (i64, i64),
    /// Where a symlink points to.
    pub target: Vec<u8>,
    /// The hash of a file's content.
    pub hash: Option<Hash>,
    /// The inode, and how many names it has.
    pub inode: (u64, u64),
    /// Seconds and nanoseconds.
    pub ctime: (i64, i64),
}

/// `top` and everything in it but what is in `without`, by path below `top`.
pub fn listing(top: &Path, without: Option<&Path>) -> BTreeMap<Vec<u8>, Seen> {
    let mut seen = BTreeMap::new();
    let mut open = vec![top.to_owned()];
    while let Some(path) = open.pop() {
        if Some(path.as_path()) == without {
            continue;
        }
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|item| item.unwrap().path()));
        }
        let below = path.strip_prefix(top).unwrap().as_os_str().as_bytes().to_vec();
        seen.insert(below, look(&path, &metadata));
    }
    seen
}

fn look(path: &Path, metadata: &fs::Metadata) -> Seen {
    let target = if metadata.is_symlink() { fs::read_link(path).unwrap().into_os_string() } else { Default::default() };
    Seen {
        mode: metadata.mode(),
        size: if metadata.is_file() { metadata.len() } else { 0 },
        mtime: (metadata.mtime(), metadata.mtime_nsec()),
        target: target.as_bytes().to_vec(),
        hash: metadata.is_file().then(|| Hash::of(&fs::read(path).unwrap())),
        inode: (metadata.ino(), metadata.nlink()),
        ctime: (metadata.ctime(), metadata.ctime_nsec()),
    }
}
