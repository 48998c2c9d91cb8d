//! An archive as a whole: its bundles, its state at a time, contents out of it. Knows nothing of sources and targets.

pub mod bundle_bytes;
pub mod state;
pub mod unpack;

mod describe;
pub mod rebundle;

pub mod open;

pub mod listing;
pub mod replay;

pub mod catalog;
