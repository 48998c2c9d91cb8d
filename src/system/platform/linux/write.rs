//! Making and changing entries: all that `restore` and the store ask of a file system.

use super::Handle;
use crate::base::entry::Device;
use crate::base::entry::Kind;
use crate::system::platform::facts::Refusal;
use nix::unistd::Group;
use nix::unistd::User;
use rustix::fs::AtFlags;
use rustix::fs::CWD;
use rustix::fs::FileType;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::RenameFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What Linux has room for in the numbers of a device; larger ones would be cut without a word.
const DEVICE_MAJOR_MAX: u32 = 0xfff;
const DEVICE_MINOR_MAX: u32 = 0xf_ffff;

/// Bytes per write call. Larger writes need larger pieces of the page cache, which are measurably slower to get on virtual
/// machines.
pub const WRITE_BYTES: usize = 128 << 10;

impl Handle {
    pub fn make_directory(&self, name: &[u8], mode: u32) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(mode))?)
    }

    pub fn make_symlink(&self, target: &[u8], name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    pub fn make_node(&self, name: &[u8], kind: Kind, mode: u32, device: Device) -> io::Result<()> {
        let file_type = match kind {
            Kind::Fifo => FileType::Fifo,
            Kind::CharDevice => FileType::CharacterDevice,
            Kind::BlockDevice => FileType::BlockDevice,
            Kind::Directory | Kind::File | Kind::Symlink => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let Device { major, minor } = device;
        if major > DEVICE_MAJOR_MAX || minor > DEVICE_MINOR_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let device = rustix::fs::makedev(major, minor);
        Ok(rustix::fs::mknodat(&self.0, name, file_type, Mode::from_raw_mode(mode), device)?)
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

    pub fn rename_new(&self, name: &[u8], to_name: &[u8]) -> io::Result<()> {
        match rustix::fs::renameat_with(&self.0, name, &self.0, to_name, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match self.stat(to_name) {
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                Err(_) => self.rename(name, to_name),
            },
            Err(error) => Err(error.into()),
        }
    }

    pub fn remove_file(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    pub fn remove_directory(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    pub fn sync_file_system(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
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

pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            if to.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            std::fs::rename(from, to)
        }
        Err(error) => Err(error.into()),
    }
}

pub fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = Handle::open(path)?;
    match rustix::fs::fsync(&directory.0) {
        Ok(()) | Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
