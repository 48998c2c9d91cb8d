//! The tar of one bundle that may be damaged, read from any place. Knows nothing of what the bytes are.

use super::frame::ContentCheck;
use super::frame::DecodedFrame;
use super::frame::FrameCache;
use super::frame::said_again;
use super::frame::sound_bytes;
use crate::base::entry::Content;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::format::bundle::Bundle;
use crate::format::frames::Decompressor;
use crate::format::frames::FrameAt;
use std::io;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

/// What is read of a content at once.
const HASH_BYTES: u64 = 1 << 20;

/// The most bytes of decompressed frames that are kept.
const KEPT_BYTES_MAX: u64 = 32 << 20;

/// Reads a bundle's tar.
pub struct BundleTar {
    bundle: Arc<Bundle>,
    decompressor: Decompressor,
    frames: FrameCache,
    present: Option<Arc<DecodedFrame>>,
    /// Where [`Read`] goes on.
    pub position: u64,
}

fn too_early() -> Error {
    Error::damaged("the bundle ends too early")
}

/// A place that the drive does not read is as good as damaged; what the system refuses is not.
fn as_damage(error: Error) -> Error {
    if error.kind() == ErrorKind::Io { Error::damaged(error.to_string()) } else { error }
}

impl BundleTar {
    /// The tar of `bundle`.
    pub fn new(bundle: Arc<Bundle>) -> BundleTar {
        let frames = FrameCache::new(KEPT_BYTES_MAX, ContentCheck::Checksum);
        BundleTar { bundle, decompressor: Decompressor::new(), frames, present: None, position: 0 }
    }

    /// The bundle whose tar it is.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// How many bytes there are, as far as frames are found.
    pub fn length(&self) -> u64 {
        self.bundle.raw_bytes()
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
    /// [`ErrorKind::Damaged`] when the frame is damaged, cannot be read or there is none; otherwise when
    /// the system refuses to read it.
    pub fn rest_of_frame(&mut self, at: u64) -> Result<&[u8]> {
        self.go_to(at)?;
        let frame = self.present.as_ref().ok_or_else(too_early)?;
        sound_bytes(&self.bundle, frame, at..frame.range().end).map_err(as_damage)
    }

    /// Fills `out` with the bytes from `at` on.
    ///
    /// # Errors
    /// As for [`BundleTar::rest_of_frame`].
    pub fn read_at(&mut self, at: u64, out: &mut [u8]) -> Result<()> {
        self.read_with(at, out, sound_bytes)
    }

    /// As [`BundleTar::read_at`], with what can be decoded of damaged frames. Some of that may be wrong: only for bytes that
    /// are compared with their hash.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when some of the bytes cannot be had; otherwise when the
    /// system refuses to read them.
    pub fn read_salvaged_at(&mut self, at: u64, out: &mut [u8]) -> Result<()> {
        self.read_with(at, out, |bundle, frame, range| frame.bytes(range).map_err(|why| said_again(bundle, why)))
    }

    fn read_with(
        &mut self,
        mut at: u64,
        mut out: &mut [u8],
        bytes_of: impl for<'f> Fn(&Bundle, &'f DecodedFrame, Range<u64>) -> Result<&'f [u8]>,
    ) -> Result<()> {
        while !out.is_empty() {
            self.go_to(at)?;
            let frame = self.present.as_ref().ok_or_else(too_early)?;
            let end = frame.range().end.min(at + out.len() as u64);
            let bytes = bytes_of(&self.bundle, frame, at..end).map_err(as_damage)?;
            let (now, later) = out.split_at_mut(bytes.len());
            now.copy_from_slice(bytes);
            (out, at) = (later, end);
        }
        Ok(())
    }

    /// Whether a content stands where it is said to be, as its hash says.
    ///
    /// # Errors
    /// When the system refuses to read it.
    pub fn holds(&mut self, content: &Content, size: u64) -> Result<bool> {
        let offset = content.place.offset;
        let is_inside = offset.checked_add(size).is_some_and(|end| end <= self.length());
        if content.holes.next_data(0, size).is_some() && (!content.place.is_there() || !is_inside) {
            return Ok(false);
        }
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; HASH_BYTES.min(size) as usize];
        for mut data in content.holes.data(0..size) {
            while !data.is_empty() {
                let length = buffer.len().min((data.end - data.start) as usize);
                match self.read_salvaged_at(offset + data.start, &mut buffer[..length]) {
                    Err(error) if error.is_damage() => return Ok(false),
                    result => result?,
                }
                hasher.update(&buffer[..length]);
                data.start += length as u64;
            }
        }
        Ok(hasher.hash() == content.hash)
    }

    /// Takes up the frame that holds the byte at `at`.
    fn go_to(&mut self, at: u64) -> Result<()> {
        if !self.present.as_ref().is_some_and(|frame| frame.range().contains(&at)) {
            let place = self.bundle.frame_at(at).ok_or_else(too_early)?;
            self.present = Some(self.frames.frame(&self.bundle, &place, &mut self.decompressor));
        }
        Ok(())
    }

    /// The hash of the `size` bytes from `at` on; `None` when some of them cannot be had for certain.
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

/// For the reader of headers: what is damaged is an error.
impl Read for BundleTar {
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
