//! A bundle's tar, which may be damaged, read from any place where its frames are sound. Knows nothing of what the bytes are.

use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::format::bundle::Bundle;
use crate::format::frames::Decompressor;
use crate::format::frames::FrameAt;
use std::io;
use std::io::Read;
use std::sync::Arc;

/// What is read of a content at once.
const HASH_BYTES: u64 = 1 << 20;

/// Reads a bundle's tar; the frame read last stays in memory.
pub struct BundleBytes {
    bundle: Arc<Bundle>,
    decompressor: Decompressor,
    frame: Option<(FrameAt, Vec<u8>)>,
    /// Where [`Read`] goes on.
    pub position: u64,
}

/// The error for bytes that are not there.
pub fn too_early() -> Error {
    Error::damaged("the bundle ends too early")
}

impl BundleBytes {
    /// Reads `bundle`.
    pub fn new(bundle: Arc<Bundle>) -> BundleBytes {
        BundleBytes { bundle, decompressor: Decompressor::new(), frame: None, position: 0 }
    }

    /// How many bytes there are in the frames that were found.
    pub fn length(&self) -> u64 {
        self.bundle.table().raw_bytes()
    }

    /// The first frame that begins at `at` or later.
    pub fn frame_from(&self, at: u64) -> Option<FrameAt> {
        let frame = self.bundle.table().frame_at(at)?;
        if frame.raw_offset >= at { Some(frame) } else { self.bundle.table().frame(frame.number + 1) }
    }

    /// The frame before this one.
    pub fn frame_before(&self, frame: &FrameAt) -> Option<FrameAt> {
        self.bundle.table().frame(frame.number.checked_sub(1)?)
    }

    /// The bytes from `at` to the end of its frame.
    ///
    /// # Errors
    /// When the frame is damaged or there is none.
    pub fn rest_of_frame(&mut self, at: u64) -> Result<&[u8]> {
        let is_in = |frame: &FrameAt| (frame.raw_offset..frame.raw_end()).contains(&at);
        if !self.frame.as_ref().is_some_and(|(frame, _)| is_in(frame)) {
            // What was read before is not taken for it if this fails.
            self.frame = None;
            let frame = self.bundle.table().frame_at(at).ok_or_else(too_early)?;
            let raw = self.bundle.frame(&frame, &mut self.decompressor);
            // A place that the drive does not read is as good as damaged.
            self.frame = Some((frame, raw.map_err(|error| Error::damaged(error.to_string()))?));
        }
        let (frame, raw) = self.frame.as_ref().ok_or_else(too_early)?;
        raw.get((at - frame.raw_offset) as usize..).filter(|rest| !rest.is_empty()).ok_or_else(too_early)
    }

    /// Fills `out` with the bytes from `at` on.
    ///
    /// # Errors
    /// When a frame is damaged or there are not so many.
    pub fn read_at(&mut self, mut at: u64, mut out: &mut [u8]) -> Result<()> {
        while !out.is_empty() {
            let bytes = self.rest_of_frame(at)?;
            let length = bytes.len().min(out.len());
            out[..length].copy_from_slice(&bytes[..length]);
            out = &mut out[length..];
            at += length as u64;
        }
        Ok(())
    }

    /// The hash of the `size` bytes from `at` on; `None` when some of them cannot be had.
    pub fn hash(&mut self, mut at: u64, size: u64) -> Option<Hash> {
        let end = at.checked_add(size).filter(|end| size == 0 || *end <= self.length())?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; HASH_BYTES.min(size) as usize];
        while at < end {
            let length = HASH_BYTES.min(end - at) as usize;
            self.read_at(at, &mut buffer[..length]).ok()?;
            hasher.update(&buffer[..length]);
            at += length as u64;
        }
        Some(hasher.hash())
    }
}

/// For the reader of headers.
impl Read for BundleBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.length() {
            return Ok(0);
        }
        let rest = self.rest_of_frame(self.position).map_err(|error| io::Error::other(error.to_string()))?;
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.position += length as u64;
        Ok(length)
    }
}
