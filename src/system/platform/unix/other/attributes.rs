//! Setting the mode.

use crate::system::platform::directory::Node;
use crate::system::platform::unix::attributes::Way;
use crate::system::platform::unix::attributes::way;
use rustix::fs::AtFlags;
use rustix::fs::Mode;
use rustix::fs::RawMode;
use std::io;

pub fn set_mode(node: Node, mode: u32) -> io::Result<()> {
    let mode = Mode::from_raw_mode(mode as RawMode);
    let done = match way(node) {
        Way::Open(fd) => rustix::fs::fchmod(fd, mode),
        Way::Named(directory, name) => rustix::fs::chmodat(&directory.0, name, mode, AtFlags::SYMLINK_NOFOLLOW),
    };
    Ok(done?)
}
