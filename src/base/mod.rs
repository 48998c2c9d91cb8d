//! Words and tools that do no I/O. Knows nothing of files, formats and archives.

#[cfg(test)]
pub mod noise;
pub mod path;
pub mod pattern;
pub mod text;
pub mod time;
pub mod units;

pub mod id;

pub mod advice;

pub mod error;

pub mod concurrency;
pub mod holes;

pub mod entry;
pub mod exclude;
pub mod matcher;
pub mod snapshot;
pub mod when;

pub mod acl;
pub mod aspect;
pub mod diff;
pub mod keep;
pub mod monitor;
pub mod moves;
