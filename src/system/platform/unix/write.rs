//! Making and changing entries, as every Unix does it.

use super::Handle;
use crate::system::platform::facts::LinkKind;
use crate::system::platform::facts::Refusal;
use nix::unistd::Group;
use nix::unistd::User;
use rustix::fs::AtFlags;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::RawMode;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes per write call. Larger writes need larger pieces of the page cache, which are measurably slower to get on virtual
/// machines.
pub const WRITE_BYTES: usize = 128 << 10;

impl Handle {
    pub fn make_directory(&self, name: &[u8], mode: u32) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(mode as RawMode))?)
    }

    pub fn make_symlink(&self, target: &[u8], name: &[u8], _: LinkKind) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    pub fn link(&self, name: &[u8], to: &Handle, to_name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::linkat(&self.0, name, &to.0, to_name, AtFlags::empty())?)
    }

    pub fn create_file(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o600))?))
    }

    pub fn rename(&self, name: &[u8], to_name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, name, &self.0, to_name)?)
    }

    pub fn remove_file(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    pub fn remove_directory(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }
}

pub fn write_all_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let mut at = offset;
    for piece in bytes.chunks(WRITE_BYTES) {
        file.write_all_at(piece, at)?;
        at += piece.len() as u64;
    }
    Ok(())
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub fn user_number(name: &str) -> Option<u32> {
    User::from_name(name).ok()?.map(|user| user.uid.as_raw())
}

pub fn group_number(name: &str) -> Option<u32> {
    Group::from_name(name).ok()?.map(|group| group.gid.as_raw())
}

pub fn is_meant_by(refusal: Refusal, error: &io::Error) -> bool {
    const NOT_HERE: [Errno; 3] = [Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS];
    let further: &[Errno] = match refusal {
        Refusal::Attribute => &[Errno::ACCESS, Errno::INVAL],
        Refusal::Xattr => &[Errno::ACCESS, Errno::INVAL, Errno::NOSPC, Errno::TOOBIG, Errno::RANGE],
        Refusal::Symlink => &[],
        // The FUSE driver of exFAT says it in words of its own.
        Refusal::Node => &[Errno::IO, Errno::INVAL],
        Refusal::Link => &[Errno::MLINK, Errno::XDEV],
    };
    is_one_of(error, &NOT_HERE) || is_one_of(error, further)
}

pub fn was_drive_lost(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::IO, Errno::NODEV, Errno::NXIO])
}

pub fn was_symlink_met(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::LOOP])
}

fn is_one_of(error: &io::Error, wanted: &[Errno]) -> bool {
    Errno::from_io_error(error).is_some_and(|found| wanted.contains(&found))
}

pub fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = Handle::open(path)?;
    match rustix::fs::fsync(&directory.0) {
        Ok(()) | Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Where the system cannot rename to a free name alone: whether it is free, by what looking at it said.
pub(super) fn check_free<T>(looked: io::Result<T>) -> io::Result<()> {
    match looked {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

pub fn sync_renamed(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

pub fn will_have_holes(_: &File) {}
