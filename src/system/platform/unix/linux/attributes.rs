//! Setting mode and extended attributes, of what is open or by a name that is never followed.

use super::read::has_proc;
use crate::system::platform::directory::Node;
use crate::system::platform::unix::attributes::Way;
use crate::system::platform::unix::attributes::way;
use rustix::fs::AtFlags;
use rustix::fs::CWD;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::XattrFlags;
use rustix::io::Errno;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;

/// A list of names is rarely longer.
const XATTR_NAMES_BYTES: usize = 512;

/// The largest list of names that Linux returns.
const XATTR_NAMES_BYTES_MAX: usize = 64 << 10;

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
