//! Reading frames.

use super::FRAME_BYTES_MAX;
use super::header::CHECKSUM_BYTES;
use super::header::DESCRIPTOR_AT;
use super::header::HAS_CHECKSUM;
use super::header::header_of;
use crate::base::error::Error;
use crate::base::error::Result;
use std::io;
use zstd::bulk;

/// Reads frames; keeps its memory from one to the next.
pub struct Decompressor {
    inner: Option<bulk::Decompressor<'static>>,
    raw_bytes_max: usize,
}

impl Default for Decompressor {
    fn default() -> Decompressor {
        Decompressor::for_frames_up_to(FRAME_BYTES_MAX)
    }
}

impl Decompressor {
    /// A reader of frames of at most [`FRAME_BYTES_MAX`] bytes.
    pub fn new() -> Decompressor {
        Decompressor::default()
    }

    /// A reader of frames of at most so many bytes.
    pub fn for_frames_up_to(raw_bytes_max: usize) -> Decompressor {
        Decompressor { inner: None, raw_bytes_max }
    }

    /// The content of the frame `stored`, which must be `raw_bytes` long.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when it is not a frame, its checksum is wrong, or its length is another.
    pub fn decompress(&mut self, stored: &[u8], raw_bytes: u32) -> Result<Vec<u8>> {
        let mut raw = Vec::new();
        self.decompress_to(stored, raw_bytes, &mut raw)?;
        Ok(raw)
    }

    /// As [`Decompressor::decompress`], to `raw`, whose memory is used again; what was in it is gone.
    ///
    /// # Errors
    /// As for [`Decompressor::decompress`].
    pub fn decompress_to(&mut self, stored: &[u8], raw_bytes: u32, raw: &mut Vec<u8>) -> Result<()> {
        raw.clear();
        let failed = |error: io::Error| Error::damaged(format!("a compressed frame cannot be read ({error})"));
        if raw_bytes as usize > self.raw_bytes_max {
            return Err(Error::damaged("a compressed frame claims to be too large"));
        }
        let inner = match &mut self.inner {
            Some(inner) => inner,
            empty => empty.insert(bulk::Decompressor::new().map_err(failed)?),
        };
        raw.reserve_exact(raw_bytes as usize);
        inner.decompress_to_buffer(stored, raw).map_err(failed)?;
        if raw.len() != raw_bytes as usize {
            return Err(Error::damaged("a compressed frame is not as long as it should be"));
        }
        Ok(())
    }

    /// As [`Decompressor::decompress_to`], without looking at the frame's checksum: for content that is compared with a hash,
    /// which covers the same bytes. `stored` is changed meanwhile, and as before afterwards.
    ///
    /// # Errors
    /// As for [`Decompressor::decompress_to`], but for a wrong checksum.
    pub fn decompress_unchecked(&mut self, stored: &mut [u8], raw_bytes: u32, raw: &mut Vec<u8>) -> Result<()> {
        if header_of(stored).is_none() {
            return self.decompress_to(stored, raw_bytes, raw);
        }
        let end = stored.len().saturating_sub(CHECKSUM_BYTES);
        // A frame that says that it has no checksum ends where the checksum stands.
        stored[DESCRIPTOR_AT] &= !HAS_CHECKSUM;
        let done = self.decompress_to(&stored[..end], raw_bytes, raw);
        stored[DESCRIPTOR_AT] |= HAS_CHECKSUM;
        done
    }
}
