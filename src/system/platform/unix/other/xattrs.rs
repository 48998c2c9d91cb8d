//! Extended attributes of macOS. They are reached by what is opened for that: those of symlinks are not kept.

use super::opening::opened;
use crate::base::entry::XATTRS_BYTES_MAX;
use crate::base::entry::Xattr;
use crate::system::platform::directory::Node;
use crate::system::platform::unix::attributes::Way;
use crate::system::platform::unix::attributes::way;
use rustix::io::Errno;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;

fn with<T>(node: Node, act: impl FnOnce(BorrowedFd) -> io::Result<T>) -> io::Result<T> {
    match way(node) {
        Way::Open(fd) => act(fd),
        Way::Named(directory, name) => act(opened(directory, name)?.as_fd()),
    }
}

pub fn set_xattr(node: Node, name: &[u8], value: &[u8]) -> io::Result<()> {
    with(node, |fd| Ok(rustix::fs::fsetxattr(fd, name, value, rustix::fs::XattrFlags::empty())?))
}

pub fn remove_xattr(node: Node, name: &[u8]) -> io::Result<()> {
    with(node, |fd| Ok(rustix::fs::fremovexattr(fd, name)?))
}

pub fn xattr_names(node: Node) -> io::Result<Vec<Vec<u8>>> {
    with(node, |fd| Ok(xattrs_of(fd)?.into_iter().map(|(name, _)| name).collect()))
}

pub fn xattrs_of(fd: BorrowedFd) -> io::Result<Vec<Xattr>> {
    let mut names = vec![0; XATTRS_BYTES_MAX];
    let length = match rustix::fs::flistxattr(fd, names.as_mut_slice()) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Vec::new()),
        listed => listed?,
    };
    let (mut xattrs, mut bytes) = (Vec::new(), 0);
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; rustix::fs::fgetxattr_query(fd, name)?.min(XATTRS_BYTES_MAX)];
        let length = rustix::fs::fgetxattr(fd, name, value.as_mut_slice())?;
        value.truncate(length);
        bytes += name.len() + value.len();
        if bytes > XATTRS_BYTES_MAX {
            return Err(io::Error::other("more than 1 MiB of extended attributes"));
        }
        xattrs.push((name.to_vec(), value));
    }
    xattrs.sort();
    Ok(xattrs)
}
