//! Windows by directory handle, so that no name is ever looked up through a link that somebody put in the way, no path is too
//! long, and no name is reserved. What decides is pure and tested on every system; what calls the system is compiled there.
#![allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "the functions are those that every system has")]

mod ea;
mod errors;
mod facts;
mod links;
mod listing;
mod names;
mod security;
mod shadow;
mod sparse;
mod streams;

#[cfg(windows)]
mod attributes;
#[cfg(windows)]
mod drive;
#[cfg(windows)]
mod nt;
#[cfg(windows)]
mod opening;
#[cfg(windows)]
mod paths;
#[cfg(windows)]
mod read;
#[cfg(windows)]
mod rights;
#[cfg(all(test, windows))]
mod tests;
#[cfg(windows)]
mod write;

#[cfg(windows)]
pub use attributes::*;
#[cfg(windows)]
pub use drive::drives_called;
#[cfg(windows)]
pub use errors::is_meant_by;
#[cfg(windows)]
pub use errors::was_drive_lost;
#[cfg(windows)]
pub use errors::was_symlink_met;
#[cfg(windows)]
pub use facts::kept_mode;
#[cfg(windows)]
pub use facts::may_compare_xattr;
#[cfg(windows)]
pub use nt::host_name;
#[cfg(windows)]
pub use paths::*;
#[cfg(windows)]
pub use read::*;
#[cfg(windows)]
pub use write::*;

/// An open directory.
#[cfg(windows)]
#[derive(Debug)]
pub struct Handle(std::fs::File);
