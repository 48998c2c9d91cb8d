//! Linux by directory descriptor, so that no name is ever looked up through a symlink that somebody put in the way.

mod attributes;
mod drive;
mod memory;
mod output;
mod paths;
mod read;
mod write;

pub use attributes::*;
pub use memory::*;
pub use output::*;
pub use paths::*;
pub use read::*;
pub use write::*;

use std::os::fd::OwnedFd;

/// The descriptor of an open directory.
#[derive(Debug)]
pub struct Handle(OwnedFd);
