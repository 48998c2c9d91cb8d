//! A manifest while its bundle is written.

use crate::base::error::Result;
use crate::base::id::Hasher;
use crate::format::frames::Compressor;
use crate::format::frames::Effort;
use crate::format::frames::Frame;
use crate::system::store::Spool;

/// How many bytes of manifest a frame holds.
const MANIFEST_FRAME_BYTES: usize = 4 << 20;

/// A manifest on its way: compressed as it grows, and most of it in a temporary file, for it is written last.
pub struct ManifestSpool {
    /// Compresses it.
    pub compressor: Compressor,
    /// Takes all bytes.
    pub hasher: Hasher,
    /// What is not compressed yet.
    pub buffer: Vec<u8>,
    /// What is compressed.
    pub stored: Spool,
    /// The frames of that.
    pub frames: Vec<Frame>,
    /// The length of all lines in bytes.
    pub raw_bytes: u64,
    /// How many lines there are behind the first.
    pub changes: u64,
}

impl ManifestSpool {
    /// Begins one, with this level of zstd.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(level: i32) -> Result<ManifestSpool> {
        Ok(ManifestSpool {
            compressor: Compressor::new(Effort::Level(level))?,
            hasher: Hasher::new(),
            buffer: Vec::new(),
            stored: Spool::default(),
            frames: Vec::new(),
            raw_bytes: 0,
            changes: 0,
        })
    }

    /// Appends a line, newline included. It is never cut by a frame, so that the last line is found in the last frame.
    ///
    /// # Errors
    /// When there is no memory for it, or no room.
    pub fn push(&mut self, line: &[u8]) -> Result<()> {
        if self.buffer.len() + line.len() > MANIFEST_FRAME_BYTES {
            self.close_frame()?;
        }
        self.buffer.extend_from_slice(line);
        self.hasher.update(line);
        self.raw_bytes += line.len() as u64;
        Ok(())
    }

    /// Compresses what waits.
    ///
    /// # Errors
    /// As for [`ManifestSpool::push`].
    pub fn close_frame(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            let frame = self.stored.append(|stored| self.compressor.append_frame(&self.buffer, stored))?;
            self.frames.push(frame);
            self.buffer.clear();
        }
        Ok(())
    }
}
