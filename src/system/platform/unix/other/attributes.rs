//! Setting mode and extended attributes. Attributes are reached by what is opened for that: those of symlinks are not kept, nor any
//! on FreeBSD.

use super::read::opened;
use crate::system::platform::directory::Node;
use crate::system::platform::unix::attributes::Way;
use crate::system::platform::unix::attributes::way;
use rustix::fs::AtFlags;
use rustix::fs::Mode;
use rustix::fs::RawMode;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;

pub fn set_mode(node: Node, mode: u32) -> io::Result<()> {
    let mode = Mode::from_raw_mode(mode as RawMode);
    let done = match way(node) {
        Way::Open(fd) => rustix::fs::fchmod(fd, mode),
        Way::Named(directory, name) => rustix::fs::chmodat(&directory.0, name, mode, AtFlags::SYMLINK_NOFOLLOW),
    };
    Ok(done?)
}

fn with<T>(node: Node, act: impl FnOnce(BorrowedFd) -> io::Result<T>) -> io::Result<T> {
    match way(node) {
        Way::Open(fd) => act(fd),
        Way::Named(directory, name) => act(opened(directory, name)?.as_fd()),
    }
}

#[cfg(target_os = "macos")]
pub fn set_xattr(node: Node, name: &[u8], value: &[u8]) -> io::Result<()> {
    with(node, |fd| Ok(rustix::fs::fsetxattr(fd, name, value, rustix::fs::XattrFlags::empty())?))
}

#[cfg(target_os = "macos")]
pub fn remove_xattr(node: Node, name: &[u8]) -> io::Result<()> {
    with(node, |fd| Ok(rustix::fs::fremovexattr(fd, name)?))
}

#[cfg(target_os = "macos")]
pub fn xattr_names(node: Node) -> io::Result<Vec<Vec<u8>>> {
    with(node, |fd| Ok(super::read::xattrs_of(fd)?.into_iter().map(|(name, _)| name).collect()))
}

#[cfg(not(target_os = "macos"))]
pub fn set_xattr(_: Node, _: &[u8], _: &[u8]) -> io::Result<()> {
    Err(rustix::io::Errno::OPNOTSUPP.into())
}

#[cfg(not(target_os = "macos"))]
pub fn remove_xattr(_: Node, _: &[u8]) -> io::Result<()> {
    Err(rustix::io::Errno::OPNOTSUPP.into())
}

#[cfg(not(target_os = "macos"))]
pub fn xattr_names(node: Node) -> io::Result<Vec<Vec<u8>>> {
    with(node, |_| Ok(Vec::new()))
}
