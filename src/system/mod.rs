//! The outside world: the operating system, sources, targets and stores. Knows nothing of what stands in an archive's files.

mod listing;
pub mod platform;

pub mod destination;
pub mod scan;
pub mod shadow;
pub mod store;
