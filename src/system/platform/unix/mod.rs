//! Unixes by directory descriptor, so that no name is ever looked up through a symlink that somebody put in the way. What is not
//! the same on all of them stands in `linux`, and for macOS and FreeBSD in `other`.

mod attributes;
mod output;
mod paths;
mod read;
mod write;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

pub use attributes::set_mtime;
pub use attributes::set_owner;
pub use attributes::stat;
pub use output::*;
pub use paths::*;
pub use read::*;
pub use write::*;

#[cfg(target_os = "linux")]
pub use linux::*;
#[cfg(not(target_os = "linux"))]
pub use other::*;

use std::os::fd::OwnedFd;

/// The descriptor of an open directory.
#[derive(Debug)]
pub struct Handle(OwnedFd);
