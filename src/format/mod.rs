//! Bytes and their meaning, chapter by chapter of `docs/format.md`. Knows nothing of how files make up an archive.

pub mod manifest;
pub mod marks;
pub mod tar;

pub mod deferred;
pub mod frames;

pub mod apply;
mod manifest_spool;
pub mod salvage;

pub mod bundle;
pub mod index;
pub mod layout;
