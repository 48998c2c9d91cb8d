//! Listing and looking, by calls that all Unixes have.

use super::opening::FILE;
use super::opening::opened;
use super::xattrs::xattrs_of;
use crate::base::entry::Device;
use crate::base::entry::Kind;
use crate::base::entry::Xattr;
use crate::base::time::Time;
use crate::system::platform::facts::FileSystem;
use crate::system::platform::facts::Names;
use crate::system::platform::facts::RawStat;
use crate::system::platform::unix::Handle;
use crate::system::platform::unix::read::kind_of_mode;
use rustix::fs::AtFlags;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::Stat;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Handle {
    pub fn open(path: &Path) -> io::Result<Handle> {
        Ok(Handle(rustix::fs::open(path, DIRECTORY, Mode::empty())?))
    }

    pub fn open_below(&self, relative: &[u8]) -> io::Result<Handle> {
        if relative.is_empty() {
            return self.open_part(b".");
        }
        let mut parts = relative.split(|byte| *byte == b'/');
        let first = parts.next().unwrap_or_default();
        parts.try_fold(self.open_part(first)?, |directory, part| directory.open_part(part))
    }

    fn open_part(&self, name: &[u8]) -> io::Result<Handle> {
        Ok(Handle(rustix::fs::openat(&self.0, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?))
    }

    pub fn for_each_name(&self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        for item in rustix::fs::Dir::read_from(&self.0)? {
            let item = item?;
            let name = item.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                each(name);
            }
        }
        Ok(())
    }

    pub fn stat(&self, name: &[u8]) -> io::Result<RawStat> {
        Ok(raw_stat(&rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    pub fn own_stat(&self) -> io::Result<RawStat> {
        Ok(raw_stat(&rustix::fs::fstat(&self.0)?))
    }

    pub fn file_system(&self) -> FileSystem {
        let Ok(found) = rustix::fs::fstatfs(&self.0) else { return UNKNOWN };
        let name: Vec<u8> = found.f_fstypename.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect();
        match name.as_slice() {
            b"apfs" | b"zfs" => FileSystem { may_compress: true, ..ORDINARY },
            b"hfs" | b"ufs" => ORDINARY,
            b"msdos" | b"msdosfs" => FileSystem {
                time_grain_nanos: 2_000_000_000,
                file_bytes_max: Some(u64::from(u32::MAX)),
                ..FileSystem::FAT_LIKE
            },
            b"exfat" => FileSystem { time_grain_nanos: 10_000_000, ..FileSystem::FAT_LIKE },
            b"devfs" | b"procfs" | b"fdescfs" | b"linprocfs" | b"linsysfs" => FileSystem { is_pseudo: true, ..UNKNOWN },
            _ => UNKNOWN,
        }
    }

    pub fn check_alive(&self) -> io::Result<()> {
        Ok(())
    }

    pub fn open_file(&self, name: &[u8]) -> io::Result<File> {
        Ok(File::from(rustix::fs::openat(&self.0, name, FILE, Mode::empty())?))
    }

    pub fn xattrs(&self, name: &[u8]) -> io::Result<Vec<Xattr>> {
        if !matches!(self.stat(name)?.kind, Some(Kind::File | Kind::Directory)) {
            return Ok(Vec::new());
        }
        xattrs_of(opened(self, name)?.as_fd())
    }

    pub fn own_xattrs(&self) -> io::Result<Vec<Xattr>> {
        xattrs_of(self.0.as_fd())
    }
}

pub fn stat_file(file: &File) -> io::Result<RawStat> {
    Ok(raw_stat(&rustix::fs::fstat(file)?))
}

pub fn stat_path(path: &Path) -> io::Result<RawStat> {
    Ok(raw_stat(&rustix::fs::stat(path)?))
}

pub fn file_xattrs(file: &File) -> io::Result<Vec<Xattr>> {
    xattrs_of(file.as_fd())
}

pub fn will_read_in_order(_: &File) {}

pub fn forget_cached(_: &File) {}

fn raw_stat(found: &Stat) -> RawStat {
    let mode = u32::from(found.st_mode);
    RawStat {
        kind: kind_of_mode(mode),
        mode: mode & 0o7777,
        uid: found.st_uid,
        gid: found.st_gid,
        size: found.st_size as u64,
        allocated_bytes: (found.st_blocks as u64).saturating_mul(512),
        mtime: Time::new(found.st_mtime, found.st_mtime_nsec as u32),
        ctime: Time::new(found.st_ctime, found.st_ctime_nsec as u32),
        inode: found.st_ino,
        links: u64::from(found.st_nlink),
        file_system: found.st_dev as u64,
        mount: 0,
        device: Device::default(),
        is_remote: false,
    }
}

const ORDINARY: FileSystem = FileSystem { names: Names::Unknown, ..FileSystem::ORDINARY };

const UNKNOWN: FileSystem = FileSystem { stable_inodes: false, may_compress: true, ..ORDINARY };
