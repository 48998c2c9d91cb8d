//! The outside world: the operating system, sources, targets and stores. Knows nothing of what stands in an archive's files.

pub mod listing;
pub mod platform;

pub mod source;

mod directory_look;

pub mod destination;
pub mod scan;
pub mod shadow;
pub mod store;
