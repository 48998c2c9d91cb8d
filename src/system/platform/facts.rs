//! What an operating system tells of files and file systems, and what it may refuse. Knows nothing of how it is asked.

use crate::base::entry::Device;
use crate::base::entry::FileKey;
use crate::base::entry::Kind;
use crate::base::time::Time;

/// What one `stat` tells, before the file system's quirks are taken out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawStat {
    /// What it is; `None` for sockets and what else is not kept.
    pub kind: Option<Kind>,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Bytes that the file system says it occupies.
    pub allocated_bytes: u64,
    /// Last modification.
    pub mtime: Time,
    /// Last change of content or metadata.
    pub ctime: Time,
    /// The inode's number.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// The number of the file system it is on; changes when a drive is plugged in again.
    pub file_system: u64,
    /// The number of the mount that it is reached through; 0 where the system does not tell.
    pub mount: u64,
    /// The numbers of a device.
    pub device: Device,
    /// Whether its content is not here, and reading it would fetch it from somewhere else.
    pub is_remote: bool,
}

impl RawStat {
    /// Which file it is.
    pub fn key(&self) -> FileKey {
        FileKey { file_system: self.file_system, inode: self.inode }
    }
}

/// What kind of file system a directory is on, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileSystem {
    /// Whether inode numbers stay as they are when it is mounted again.
    pub stable_inodes: bool,
    /// What times are rounded down to once they are on the disk, in nanoseconds; 1 where they are kept as they are.
    pub time_grain_nanos: u64,
    /// Whether the ctime means the last change; FAT keeps something else there.
    pub keeps_ctime: bool,
    /// A number of its own that outlives a new mount, where it has one.
    pub id: u64,
    /// Which names it takes, as far as that is known.
    pub names: Names,
    /// The most bytes that a file on it can have, where that is little.
    pub file_bytes_max: Option<u64>,
    /// Whether files may take less room on it than they have bytes; also where that is not known.
    pub may_compress: bool,
    /// Whether it shows what the system is doing, and keeps nothing on a disk.
    pub is_pseudo: bool,
    /// Whether a drive that was pulled out may list folders as empty, or in part, without an error.
    pub hides_read_errors: bool,
}

impl FileSystem {
    /// One of which nothing is known.
    pub const ORDINARY: FileSystem = FileSystem {
        stable_inodes: true,
        time_grain_nanos: 1,
        keeps_ctime: true,
        id: 0,
        names: Names::All,
        file_bytes_max: None,
        may_compress: false,
        is_pseudo: false,
        hides_read_errors: false,
    };

    /// FAT and exFAT: drivers make up inode numbers at each mount, and keep something else as ctime.
    pub const FAT_LIKE: FileSystem = FileSystem {
        stable_inodes: false,
        keeps_ctime: false,
        names: Names::Fat,
        hides_read_errors: true,
        ..FileSystem::ORDINARY
    };
}

/// Which names a file system takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Names {
    /// Every name that can be.
    All,
    /// Those that FAT and exFAT take.
    Fat,
    /// Those that programs of Windows can open.
    Windows,
    /// Nobody knows before it is tried.
    Unknown,
}

/// The extended attribute that says which kind of link it was, where there are several.
pub const LINK_KIND: &[u8] = b"windows.link";

/// Which kind of link it was where there are several. Other systems have one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LinkKind {
    /// Nobody said: by what it leads to.
    #[default]
    Unknown,
    /// A symlink to a file.
    File,
    /// A symlink to a folder.
    Directory,
    /// A junction: to a folder, by its whole path.
    Junction,
    /// One of the Linux that runs under Windows.
    Wsl,
}

impl LinkKind {
    /// Each with its name in archives.
    const NAMES: [(LinkKind, &'static [u8]); 4] = [
        (LinkKind::File, b"file"),
        (LinkKind::Directory, b"dir"),
        (LinkKind::Junction, b"junction"),
        (LinkKind::Wsl, b"wsl"),
    ];

    /// The kind with this name.
    pub fn named(name: &[u8]) -> LinkKind {
        LinkKind::NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind).unwrap_or_default()
    }

    /// Its name; empty where nobody said which it is.
    pub fn name(self) -> &'static [u8] {
        LinkKind::NAMES.iter().find(|(kind, _)| *kind == self).map(|(_, name)| *name).unwrap_or_default()
    }
}

/// What a file system, or the rights of the person, may refuse. It is then left out, and reported as not kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// An owner, a mode or a time.
    Attribute,
    /// An extended attribute; also one that is too large for this file system.
    Xattr,
    /// A symlink.
    Symlink,
    /// A pipe or device.
    Node,
    /// A hard link: there can be none, or no further one, between these two places.
    Link,
}
