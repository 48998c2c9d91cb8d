//! Independent zstd frames and the standard seek table behind them. Knows nothing of what the bytes are.
//!
//! The seek table is that of the zstd seekable format, version 0.1.0 (`contrib/seekable_format/zstd_seekable_compression_format.md`
//! in zstd's own repository): a skippable frame that lists the lengths of all frames.

mod compress;
mod decompress;
mod header;
mod patch;
mod seek_table;
#[cfg(test)]
mod tests;

pub use compress::Compressor;
pub use compress::Effort;
pub use compress::STEP_MAX;
pub use decompress::Decompressor;
pub use header::Frame;
pub use header::HEADER_BYTES_MAX;
pub use header::cut_off_frame;
pub use header::header_length;
pub use header::raw_bytes_by_header;
pub use patch::PatchDecompressor;
pub use patch::compress_patch;
pub use patch::decompress_patch;
pub use seek_table::FileEnd;
pub use seek_table::FrameAt;
pub use seek_table::FramesEnd;
pub use seek_table::SeekTable;

/// The default level of compression where one is fixed.
pub const LEVEL_DEFAULT: i32 = 3;

/// How many bytes of tar a frame holds as a rule.
pub const FRAME_BYTES: usize = 8 << 20;

/// The most bytes that one frame may hold, before or after compression.
pub const FRAME_BYTES_MAX: usize = 32 << 20;
