//! What Linux has of its own: listings and facts of files in few calls, `/proc` for what takes no descriptor, `/sys` for drives.

mod attributes;
mod drive;
mod memory;
mod read;
mod write;

pub use attributes::*;
pub use memory::*;
pub use read::*;
pub use write::*;
