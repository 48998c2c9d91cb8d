//! macOS and FreeBSD: type-checked, and never run by those who wrote it.

mod attributes;
mod opening;
mod read;
mod write;

#[cfg(not(target_os = "macos"))]
mod no_xattrs;
#[cfg(target_os = "macos")]
mod xattrs;
#[cfg(not(target_os = "macos"))]
use no_xattrs as xattrs;

pub use attributes::*;
pub use read::*;
pub use write::*;
pub use xattrs::remove_xattr;
pub use xattrs::set_xattr;
pub use xattrs::xattr_names;

pub fn give_large_memory_back() {}
