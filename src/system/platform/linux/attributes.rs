//! Setting owner, mode, time and extended attributes, of what is open or by a name that is never followed.

use super::Handle;
use super::read::has_proc;
use super::stat_file;
use crate::base::time::Time;
use crate::system::platform::directory::Node;
use crate::system::platform::facts::RawStat;
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
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;

/// A list of names is rarely longer.
const XATTR_NAMES_BYTES: usize = 512;

/// The largest list of names that Linux returns.
const XATTR_NAMES_BYTES_MAX: usize = 64 << 10;

/// How the calls reach a node.
enum Way<'a> {
    Open(BorrowedFd<'a>),
    Named(&'a Handle, &'a [u8]),
}

fn way(node: Node<'_>) -> Way<'_> {
    match node {
        Node::File(file) => Way::Open(file.as_fd()),
        Node::Directory(directory) => Way::Open(directory.0.0.as_fd()),
        Node::Name(directory, name) => Way::Named(&directory.0, name),
    }
}

/// Makes a call; where it needs a path through /proc and there is none, with the node opened instead.
fn call<T>(node: Node, call: impl Fn(&Way) -> rustix::io::Result<T>) -> io::Result<T> {
    let reach = way(node);
    match (call(&reach), reach) {
        (Err(Errno::NOENT), Way::Named(directory, name)) if !has_proc() => {
            let opened = directory.open_without_proc(name)?;
            Ok(call(&Way::Open(opened.as_fd()))?)
        }
        (done, _) => Ok(done?),
    }
}

pub fn stat(node: Node) -> io::Result<RawStat> {
    match node {
        Node::File(file) => stat_file(file),
        Node::Directory(directory) => directory.own_stat(),
        Node::Name(directory, name) => directory.stat(name),
    }
}

pub fn set_owner(node: Node, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    let uid = uid.filter(|uid| *uid != u32::MAX).map(Uid::from_raw);
    let gid = gid.filter(|gid| *gid != u32::MAX).map(Gid::from_raw);
    let done = match way(node) {
        Way::Open(fd) => rustix::fs::fchown(fd, uid, gid),
        Way::Named(directory, name) => rustix::fs::chownat(&directory.0, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW),
    };
    Ok(done?)
}

pub fn set_mode(node: Node, mode: u32) -> io::Result<()> {
    let mode = Mode::from_raw_mode(mode);
    call(node, |way| match way {
        Way::Open(fd) => rustix::fs::fchmod(fd, mode),
        Way::Named(directory, name) => {
            // A call that sets the mode by name without following symlinks is too young to be everywhere. This descriptor
            // opens nothing, and what it stands for can no longer be exchanged.
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let found = rustix::fs::openat(&directory.0, *name, flags, Mode::empty())?;
            let path = format!("/proc/self/fd/{}", found.as_raw_fd());
            rustix::fs::chmodat(CWD, path, mode, AtFlags::empty())
        }
    })
}

pub fn set_mtime(node: Node, mtime: Time) -> io::Result<()> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanos.into() },
    };
    let done = match way(node) {
        Way::Open(fd) => rustix::fs::futimens(fd, &times),
        Way::Named(directory, name) => rustix::fs::utimensat(&directory.0, name, &times, AtFlags::SYMLINK_NOFOLLOW),
    };
    Ok(done?)
}

pub fn set_xattr(node: Node, name: &[u8], value: &[u8]) -> io::Result<()> {
    let flags = XattrFlags::empty();
    call(node, |way| match way {
        Way::Open(fd) => rustix::fs::fsetxattr(fd, name, value, flags),
        Way::Named(directory, own_name) => {
            rustix::fs::lsetxattr(directory.descriptor_path(own_name), name, value, flags)
        }
    })
}

pub fn remove_xattr(node: Node, name: &[u8]) -> io::Result<()> {
    call(node, |way| match way {
        Way::Open(fd) => rustix::fs::fremovexattr(fd, name),
        Way::Named(directory, own_name) => rustix::fs::lremovexattr(directory.descriptor_path(own_name), name),
    })
}

pub fn xattr_names(node: Node) -> io::Result<Vec<Vec<u8>>> {
    let names = call(node, |way| match list_xattrs(way, vec![0; XATTR_NAMES_BYTES]) {
        Err(Errno::RANGE) => list_xattrs(way, vec![0; XATTR_NAMES_BYTES_MAX]),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Vec::new()),
        names => names,
    })?;
    Ok(names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
}

fn list_xattrs(way: &Way, mut buffer: Vec<u8>) -> rustix::io::Result<Vec<u8>> {
    let length = match way {
        Way::Open(fd) => rustix::fs::flistxattr(fd, buffer.as_mut_slice()),
        Way::Named(directory, own_name) => {
            rustix::fs::llistxattr(directory.descriptor_path(own_name), buffer.as_mut_slice())
        }
    }?;
    buffer.truncate(length);
    Ok(buffer)
}
