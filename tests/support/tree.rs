//! Makes and edits trees of files, one line for each thing. Names are bytes. Knows nothing of snap.

use rustix::fs::AtFlags;
use rustix::fs::CWD;
use rustix::fs::FileType;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::Timespec;
use rustix::fs::Timestamps;
use rustix::fs::XattrFlags;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

/// A directory in which things are made; every method takes names relative to it.
#[derive(Clone)]
pub struct Tree(PathBuf);

impl Tree {
    /// The tree in this directory, which is made when it is missing.
    pub fn at(root: impl Into<PathBuf>) -> Tree {
        let root = root.into();
        fs::create_dir_all(&root).unwrap();
        Tree(root)
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Where this name is; the tree's own directory for the empty name.
    pub fn path(&self, name: impl AsRef<[u8]>) -> PathBuf {
        let name = name.as_ref();
        if name.is_empty() { self.0.clone() } else { self.0.join(OsStr::from_bytes(name)) }
    }

    /// A file with this content, in directories that are made when missing; an old one is overwritten in place.
    pub fn file(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> &Tree {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// A file of this length with holes, and these pieces of data at their offsets.
    pub fn sparse(&self, name: impl AsRef<[u8]>, size: u64, pieces: &[(u64, &[u8])]) -> &Tree {
        let file = fs::File::create(self.path(name)).unwrap();
        file.set_len(size).unwrap();
        for (offset, piece) in pieces {
            file.write_all_at(piece, *offset).unwrap();
        }
        self
    }

    /// More bytes at a file's end.
    pub fn append(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> &Tree {
        let mut file = fs::OpenOptions::new().append(true).open(self.path(name)).unwrap();
        std::io::Write::write_all(&mut file, content.as_ref()).unwrap();
        self
    }

    /// A directory, and those above it.
    pub fn dir(&self, name: impl AsRef<[u8]>) -> &Tree {
        fs::create_dir_all(self.path(name)).unwrap();
        self
    }

    /// A symbolic link.
    pub fn symlink(&self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> &Tree {
        std::os::unix::fs::symlink(OsStr::from_bytes(target.as_ref()), self.path(name)).unwrap();
        self
    }

    /// A second name for a file.
    pub fn hard_link(&self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> &Tree {
        fs::hard_link(self.path(old), self.path(new)).unwrap();
        self
    }

    /// A named pipe.
    pub fn fifo(&self, name: impl AsRef<[u8]>) -> &Tree {
        self.node(name, FileType::Fifo, 0, 0)
    }

    /// A socket that nobody listens on.
    pub fn socket(&self, name: impl AsRef<[u8]>) -> &Tree {
        self.node(name, FileType::Socket, 0, 0)
    }

    /// A device (as root), or any other special file.
    pub fn node(&self, name: impl AsRef<[u8]>, kind: FileType, major: u32, minor: u32) -> &Tree {
        let device = rustix::fs::makedev(major, minor);
        rustix::fs::mknodat(CWD, self.path(name), kind, Mode::from_raw_mode(0o644), device).unwrap();
        self
    }

    /// An extended attribute, a link's own when it is one.
    pub fn xattr(&self, name: impl AsRef<[u8]>, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &Tree {
        rustix::fs::lsetxattr(self.path(name), key.as_ref(), value.as_ref(), XattrFlags::empty()).unwrap();
        self
    }

    /// Permission bits, with setuid, setgid and sticky.
    pub fn mode(&self, name: impl AsRef<[u8]>, mode: u32) -> &Tree {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    /// Owner and group by number (as root), a link's own when it is one.
    pub fn owner(&self, name: impl AsRef<[u8]>, uid: u32, gid: u32) -> &Tree {
        std::os::unix::fs::lchown(self.path(name), Some(uid), Some(gid)).unwrap();
        self
    }

    /// When it was last modified: seconds since 1970 and nanoseconds; a link's own when it is one.
    pub fn mtime(&self, name: impl AsRef<[u8]>, seconds: i64, nanoseconds: i64) -> &Tree {
        let last_modification = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        let last_access = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
        let times = Timestamps { last_access, last_modification };
        rustix::fs::utimensat(CWD, self.path(name), &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
        self
    }

    /// Removes whatever is there, with everything in it.
    pub fn remove(&self, name: impl AsRef<[u8]>) -> &Tree {
        let path = self.path(name);
        if path.symlink_metadata().unwrap().is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        self
    }

    /// Gives it another name.
    pub fn rename(&self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> &Tree {
        fs::rename(self.path(old), self.path(new)).unwrap();
        self
    }

    /// A file below directories whose path may be longer than the system takes at once.
    pub fn deep_file(&self, directories: &[Vec<u8>], name: &[u8], content: &[u8]) -> &Tree {
        let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut at = rustix::fs::open(&self.0, open, Mode::empty()).unwrap();
        for directory in directories {
            rustix::fs::mkdirat(&at, directory.as_slice(), Mode::from_raw_mode(0o755)).unwrap();
            at = rustix::fs::openat(&at, directory.as_slice(), open, Mode::empty()).unwrap();
        }
        let create = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&at, name, create, Mode::from_raw_mode(0o644)).unwrap();
        fs::File::from(file).write_all_at(content, 0).unwrap();
        self
    }
}

/// Numbers that look random, the same ones for the same seed.
pub struct Random(pub u64);

impl Random {
    /// One below `limit`; 0 where that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }

    /// True once in so many times.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// One of these; `None` where there is none.
    pub fn pick<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { Some(all[self.below(all.len())].clone()) }
    }
}

/// Bytes that do not compress, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
