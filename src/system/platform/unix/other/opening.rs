//! How what is no directory is opened.

use crate::system::platform::unix::Handle;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use std::io;
use std::os::fd::OwnedFd;

pub const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

/// What has this name, opened for its attributes.
pub fn opened(directory: &Handle, name: &[u8]) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(&directory.0, name, FILE, Mode::empty())?)
}
