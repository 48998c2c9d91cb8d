//! macOS and FreeBSD: type-checked, and never run by those who wrote it.

mod attributes;
mod read;
mod write;

pub use attributes::*;
pub use read::*;
pub use write::*;

pub fn give_large_memory_back() {}
