//! Owner and time, set in the same way on every Unix; and how calls reach what they are for.

use super::Handle;
use super::stat_file;
use crate::base::time::Time;
use crate::system::platform::directory::Node;
use crate::system::platform::facts::RawStat;
use rustix::fs::AtFlags;
use rustix::fs::Gid;
use rustix::fs::Timespec;
use rustix::fs::Timestamps;
use rustix::fs::UTIME_OMIT;
use rustix::fs::Uid;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;

/// How the calls reach a node.
pub(super) enum Way<'a> {
    Open(BorrowedFd<'a>),
    Named(&'a Handle, &'a [u8]),
}

pub(super) fn way(node: Node<'_>) -> Way<'_> {
    match node {
        Node::File(file) => Way::Open(file.as_fd()),
        Node::Directory(directory) => Way::Open(directory.0.0.as_fd()),
        Node::Name(directory, name) => Way::Named(&directory.0, name),
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
