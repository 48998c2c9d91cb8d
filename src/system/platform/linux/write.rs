//! Making and changing entries: all that `restore` and the store ask of a file system.

use super::Directory;
use crate::base::entry::Kind;
use crate::base::path::joined;
use crate::base::path::split_last;
use crate::system::platform::Refusal;
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
const DEVICE_MAJOR_MAX: u64 = 0xfff;
const DEVICE_MINOR_MAX: u64 = 0xf_ffff;

/// The bits without which a directory's owner cannot work in it.
const OWNER_ACCESS: u32 = 0o700;

/// So much is written by one call. For more, systems look for larger pieces of memory, which take longer to find; in a virtual
/// machine they may have to be fetched from the host.
pub const WRITE_BYTES: usize = 128 << 10;

impl Directory {
    /// Makes the directory `name` in it with this mode, less the umask.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when the name is taken; otherwise as the file system refuses.
    pub fn make_directory(&self, name: &[u8], mode: u32) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(mode))?)
    }

    /// Makes the symlink `name` in it, pointing to `target`, whatever that is.
    ///
    /// # Errors
    /// As for [`Directory::make_directory`]; also when the target is empty, holds a NUL, or is longer than 4095 bytes.
    pub fn make_symlink(&self, target: &[u8], name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    /// Makes the pipe or device `name` in it; `device` is `major << 32 | minor`.
    ///
    /// # Errors
    /// As for [`Directory::make_directory`]; [`io::ErrorKind::InvalidInput`] for other kinds and for device numbers that the
    /// system has no room for.
    pub fn make_node(&self, name: &[u8], kind: Kind, mode: u32, device: u64) -> io::Result<()> {
        let file_type = match kind {
            Kind::Fifo => FileType::Fifo,
            Kind::CharDevice => FileType::CharacterDevice,
            Kind::BlockDevice => FileType::BlockDevice,
            Kind::Directory | Kind::File | Kind::Symlink => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let (major, minor) = (device >> 32, device & 0xffff_ffff);
        if major > DEVICE_MAJOR_MAX || minor > DEVICE_MINOR_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let device = rustix::fs::makedev(major as u32, minor as u32);
        Ok(rustix::fs::mknodat(&self.0, name, file_type, Mode::from_raw_mode(mode), device)?)
    }

    /// Gives the file `name` in it, the symlink itself if it is one, a further name in another directory.
    ///
    /// # Errors
    /// As for [`Directory::make_directory`]; [`Refusal::Link`] tells whether a copy is called for.
    pub fn link(&self, name: &[u8], to: &Directory, to_name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::linkat(&self.0, name, &to.0, to_name, AtFlags::empty())?)
    }

    /// Makes the file `name` in it, readable and writable by its owner only, and opens it for both.
    ///
    /// # Errors
    /// As for [`Directory::make_directory`].
    pub fn create_file(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o600))?))
    }

    /// Renames `name` to `to_name` in it, over whatever file is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::IsADirectory`] when a directory is there; otherwise as the file system refuses.
    pub fn rename(&self, name: &[u8], to_name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, name, &self.0, to_name)?)
    }

    /// Renames `name` to `to_name` in it, which must not exist yet.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when the name is taken; otherwise as the file system refuses.
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

    /// Removes the file `name` in it, the symlink itself if it is one.
    ///
    /// # Errors
    /// When it is not there, a directory, or may not be removed.
    pub fn remove_file(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Removes the empty directory `name` in it.
    ///
    /// # Errors
    /// When it is not there, not empty, not a directory, or may not be removed.
    pub fn remove_directory(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Removes `name` in it and all that it holds, through no symlink, however deep it is.
    ///
    /// # Errors
    /// [`io::ErrorKind::CrossesDevices`] when another file system is mounted in it, of which nothing is removed; otherwise as
    /// the file system refuses. What was removed before that is gone.
    pub fn remove_tree(&self, name: &[u8]) -> io::Result<()> {
        let top = self.stat(name)?;
        if top.kind != Some(Kind::Directory) {
            return self.remove_file(name);
        }
        if top.file_system != self.own_stat()?.file_system {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        self.give_owner_access(name, top.mode);
        let mut waiting = vec![(name.to_vec(), false)];
        while let Some((path, is_emptied)) = waiting.pop() {
            if is_emptied {
                let (parent, last) = split_last(&path);
                self.open_below(parent)?.remove_directory(last)?;
                continue;
            }
            let children = self.open_below(&path)?.remove_all_but_directories(top.file_system)?;
            let below: Vec<_> = children.iter().map(|child| (joined(&path, child), false)).collect();
            waiting.push((path, true));
            waiting.extend(below);
        }
        Ok(())
    }

    /// Removes the files in it and returns the names of the directories, which it makes accessible.
    fn remove_all_but_directories(&self, file_system: u64) -> io::Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        self.for_each_name(|name| names.push(name.to_vec()))?;
        let mut directories = Vec::new();
        for name in names {
            let found = self.stat(&name)?;
            if found.kind != Some(Kind::Directory) {
                self.remove_file(&name)?;
            } else if found.file_system == file_system {
                self.give_owner_access(&name, found.mode);
                directories.push(name);
            } else {
                return Err(io::ErrorKind::CrossesDevices.into());
            }
        }
        Ok(directories)
    }

    /// Lets its owner read, change and enter the directory `name` in it, which now has this mode. Where that is refused, what
    /// is done next fails and says why.
    pub fn give_owner_access(&self, name: &[u8], mode: u32) {
        if mode & OWNER_ACCESS != OWNER_ACCESS {
            let _ = super::Node::Name(self, name).set_mode(mode | OWNER_ACCESS);
        }
    }

    /// Makes everything written to its file system durable.
    ///
    /// # Errors
    /// When the drive refuses, now or since it was last asked.
    pub fn sync_file_system(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
    }
}

/// Writes all of `bytes` at `offset`; several threads may write to one file at once.
///
/// # Errors
/// When the file system refuses.
pub fn write_all_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let mut at = offset;
    for piece in bytes.chunks(WRITE_BYTES) {
        file.write_all_at(piece, at)?;
        at += piece.len() as u64;
    }
    Ok(())
}

/// Whether this process is root's.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The number of the user called `name`, if the system knows one.
pub fn user_number(name: &str) -> Option<u32> {
    User::from_name(name).ok()?.map(|user| user.uid.as_raw())
}

/// The number of the group called `name`, if the system knows one.
pub fn group_number(name: &str) -> Option<u32> {
    Group::from_name(name).ok()?.map(|group| group.gid.as_raw())
}

impl Refusal {
    /// Whether this error says that.
    pub fn is_meant_by(self, error: &io::Error) -> bool {
        const NOT_HERE: [Errno; 3] = [Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS];
        let further: &[Errno] = match self {
            Refusal::Attribute => &[Errno::ACCESS, Errno::INVAL],
            Refusal::Xattr => &[Errno::ACCESS, Errno::INVAL, Errno::NOSPC, Errno::TOOBIG, Errno::RANGE],
            Refusal::Symlink => &[],
            // The FUSE driver of exFAT says it in words of its own.
            Refusal::Node => &[Errno::IO, Errno::INVAL],
            Refusal::Link => &[Errno::MLINK, Errno::XDEV],
        };
        is_one_of(error, &NOT_HERE) || is_one_of(error, further)
    }
}

/// Whether a drive no longer answers: mostly it was pulled out.
pub fn was_drive_lost(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::IO, Errno::NODEV, Errno::NXIO])
}

/// Whether a symlink stood where a directory was looked for.
pub fn was_symlink_met(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::LOOP])
}

fn is_one_of(error: &io::Error, wanted: &[Errno]) -> bool {
    Errno::from_io_error(error).is_some_and(|found| wanted.contains(&found))
}

/// Renames a file to a name that must not exist yet.
///
/// Where the file system cannot promise that (exFAT and NTFS by FUSE), it is looked for first: the archive's lock keeps
/// other writers out.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when the name is taken; otherwise as rename.
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

/// Makes the names in a directory durable, where the file system knows how to.
///
/// # Errors
/// When the drive refuses.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = Directory::open(path)?;
    match rustix::fs::fsync(&directory.0) {
        Ok(()) | Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
