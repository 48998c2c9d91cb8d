//! What calls Windows, and only compiles there.
#![allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "the functions are those that every system has")]

mod attributes;
mod drive;
mod nt;
mod opening;
mod paths;
mod read;
mod rights;
#[cfg(test)]
mod tests;
mod write;

pub use super::errors::is_meant_by;
pub use super::errors::was_drive_lost;
pub use super::errors::was_symlink_met;
pub use super::facts::kept_mode;
pub use super::facts::may_compare_xattr;
pub use attributes::*;
pub use drive::drives_called;
pub use nt::host_name;
pub use paths::*;
pub use read::*;
pub use write::*;

use super::ea;
use super::errors;
use super::facts;
use super::links;
use super::listing;
use super::names;
use super::security;
use super::shadow;
use super::sparse;
use super::streams;

/// An open directory.
#[derive(Debug)]
pub struct Handle(std::fs::File);
