//! FreeBSD has extended attributes of its own kind, which are not kept.

use crate::base::entry::Xattr;
use crate::system::platform::directory::Node;
use std::io;
use std::os::fd::BorrowedFd;

pub fn set_xattr(_: Node, _: &[u8], _: &[u8]) -> io::Result<()> {
    Err(rustix::io::Errno::OPNOTSUPP.into())
}

pub fn remove_xattr(_: Node, _: &[u8]) -> io::Result<()> {
    Err(rustix::io::Errno::OPNOTSUPP.into())
}

pub fn xattr_names(_: Node) -> io::Result<Vec<Vec<u8>>> {
    Ok(Vec::new())
}

pub fn xattrs_of(_: BorrowedFd) -> io::Result<Vec<Xattr>> {
    Ok(Vec::new())
}
