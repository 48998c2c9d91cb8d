//! The configuration: archives by name, where each is, what is saved into it and how. Reads one file, and finds drives.

pub(crate) mod drive;
mod file;
mod nearest;
pub(crate) mod place;
pub(crate) mod write;

pub(crate) use self::file::ArchiveConfig;
pub(crate) use self::file::Config;
pub(crate) use self::file::EXAMPLE;
