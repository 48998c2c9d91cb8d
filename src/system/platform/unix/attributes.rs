//! Setting owner, mode, time and extended attributes, of what is open or by a name that is never followed.

use super::Directory;
use super::stat_file;
use crate::base::time::Time;
use crate::system::platform::RawStat;
use rustix::fs::AtFlags;
use rustix::fs::CWD;
use rustix::fs::Gid;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::Timespec;
use rustix::fs::Timestamps;
use rustix::fs::UTIME_OMIT;
use rustix::fs::Uid;
use rustix::fs::XattrFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;

/// The largest list of names that Linux returns.
const XATTR_NAMES_BYTES_MAX: usize = 64 << 10;

/// What attributes are set on.
#[derive(Clone, Copy, Debug)]
pub enum Node<'a> {
    /// An open file.
    File(&'a File),
    /// An open directory.
    Directory(&'a Directory),
    /// A name in a directory, the symlink itself if it is one.
    Name(&'a Directory, &'a [u8]),
}

/// How the calls reach a node.
enum Way<'a> {
    Open(BorrowedFd<'a>),
    Named(&'a Directory, &'a [u8]),
}

impl<'a> Node<'a> {
    fn way(self) -> Way<'a> {
        match self {
            Node::File(file) => Way::Open(file.as_fd()),
            Node::Directory(directory) => Way::Open(directory.0.as_fd()),
            Node::Name(directory, name) => Way::Named(directory, name),
        }
    }

    /// What is known of it.
    ///
    /// # Errors
    /// When it is not there or may not be looked at.
    pub fn stat(self) -> io::Result<RawStat> {
        match self {
            Node::File(file) => stat_file(file),
            Node::Directory(directory) => directory.own_stat(),
            Node::Name(directory, name) => directory.stat(name),
        }
    }

    /// Gives it to this user and group; `None` leaves what it has. The number 2³²-1 means nobody and leaves it too.
    ///
    /// # Errors
    /// When the file system refuses, mostly because only root may.
    pub fn set_owner(self, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        let uid = uid.filter(|uid| *uid != u32::MAX).map(Uid::from_raw);
        let gid = gid.filter(|gid| *gid != u32::MAX).map(Gid::from_raw);
        let done = match self.way() {
            Way::Open(fd) => rustix::fs::fchown(fd, uid, gid),
            Way::Named(directory, name) => rustix::fs::chownat(&directory.0, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW),
        };
        Ok(done?)
    }

    /// Sets its permission bits with setuid, setgid and sticky. A symlink has none.
    ///
    /// # Errors
    /// When the file system refuses; always for a symlink.
    pub fn set_mode(self, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(mode);
        match self.way() {
            Way::Open(fd) => Ok(rustix::fs::fchmod(fd, mode)?),
            Way::Named(directory, name) => {
                // A call that sets the mode by name without following symlinks is too young to be everywhere. This descriptor
                // opens nothing, and what it stands for can no longer be exchanged.
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let found = rustix::fs::openat(&directory.0, name, flags, Mode::empty())?;
                let path = format!("/proc/self/fd/{}", found.as_raw_fd());
                Ok(rustix::fs::chmodat(CWD, path, mode, AtFlags::empty())?)
            }
        }
    }

    /// Sets the time of its last modification; the time of the last access stays.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn set_mtime(self, mtime: Time) -> io::Result<()> {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanos.into() },
        };
        let done = match self.way() {
            Way::Open(fd) => rustix::fs::futimens(fd, &times),
            Way::Named(directory, name) => rustix::fs::utimensat(&directory.0, name, &times, AtFlags::SYMLINK_NOFOLLOW),
        };
        Ok(done?)
    }

    /// Sets one extended attribute.
    ///
    /// # Errors
    /// When the file system refuses; see [`super::was_xattr_refused`].
    pub fn set_xattr(self, name: &[u8], value: &[u8]) -> io::Result<()> {
        let flags = XattrFlags::empty();
        let done = match self.way() {
            Way::Open(fd) => rustix::fs::fsetxattr(fd, name, value, flags),
            Way::Named(directory, own_name) => {
                rustix::fs::lsetxattr(directory.descriptor_path(own_name), name, value, flags)
            }
        };
        Ok(done?)
    }

    /// Removes one extended attribute.
    ///
    /// # Errors
    /// When it has none of this name, or the file system refuses.
    pub fn remove_xattr(self, name: &[u8]) -> io::Result<()> {
        let done = match self.way() {
            Way::Open(fd) => rustix::fs::fremovexattr(fd, name),
            Way::Named(directory, own_name) => rustix::fs::lremovexattr(directory.descriptor_path(own_name), name),
        };
        Ok(done?)
    }

    /// The names of its extended attributes; none where the file system has none.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn xattr_names(self) -> io::Result<Vec<Vec<u8>>> {
        let mut small = [0; 512];
        let names = match self.list_xattrs(&mut small) {
            Ok(length) => small[..length].to_vec(),
            Err(Errno::RANGE) => {
                let mut large = vec![0; XATTR_NAMES_BYTES_MAX];
                let length = self.list_xattrs(&mut large)?;
                large.truncate(length);
                large
            }
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
    }

    fn list_xattrs(self, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        match self.way() {
            Way::Open(fd) => rustix::fs::flistxattr(fd, buffer),
            Way::Named(directory, own_name) => rustix::fs::llistxattr(directory.descriptor_path(own_name), buffer),
        }
    }
}
