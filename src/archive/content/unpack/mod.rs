//! Contents of many files: each needed frame is read once, in the order of the file, decompressed by workers and handed on;
//! every content is checked against its hash. Knows nothing of where they go.
//!
//! One thread reads, the others decompress, hash and write. The pieces of a large content may come from several workers at
//! once; its hash takes them in turn. Jobs are handed out in the order of the file, so whoever waits for a turn waits for one
//! that is already in work.

mod jobs;
mod piece;
mod target;

mod large;

mod job;

mod plan;
mod worker;

mod unpacker;

#[cfg(test)]
mod tests;

pub use target::Target;
pub use unpacker::Unpacker;
pub use unpacker::unpack;
