//! How tar stands in frames: pieces, frames and the order of members. One place for all that make a bundle or an export.

use crate::base::entry::Entry;
use crate::base::error::Result;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::frames::Compressor;
use crate::format::frames::Effort;
use crate::format::frames::FRAME_BYTES;
use crate::format::frames::Frame;
use crate::format::tar;
use crate::format::tar::Body;
use std::cmp::Ordering;

/// The largest content that shares a frame with others, in bytes; a larger one is cut into pieces of this size, each in a frame
/// of its own. It leaves space for a header in the first frame.
pub const PIECE_BYTES: u64 = FRAME_BYTES as u64 - (64 << 10);

/// Compressed frames, one after the other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frames {
    /// Their bytes.
    pub stored: Vec<u8>,
    /// Their lengths.
    pub lengths: Vec<Frame>,
}

impl Frames {
    /// None, in the memory of `buffer`, whose contents are dropped.
    pub fn in_buffer(mut buffer: Vec<u8>) -> Frames {
        buffer.clear();
        Frames { stored: buffer, lengths: Vec::new() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// How many bytes of tar there are in them.
    pub fn raw_bytes(&self) -> u64 {
        self.lengths.iter().map(|frame| u64::from(frame.raw_bytes)).sum()
    }

    fn append(&mut self, raw: &[u8], compressor: &mut Compressor) -> Result<()> {
        self.lengths.extend(compressor.append_frames(raw, &mut self.stored)?);
        Ok(())
    }
}

/// Collects members and makes frames of them.
#[derive(Default)]
pub struct FrameBuilder {
    raw: Vec<u8>,
    compressor: Option<Compressor>,
    /// The last frame of zeros, for the next hole of that length.
    zeros: Option<Zeros>,
}

struct Zeros {
    bytes: u64,
    effort: Effort,
    frames: Frames,
}

impl FrameBuilder {
    /// How many bytes of tar have been collected.
    pub fn raw_bytes(&self) -> usize {
        self.raw.len()
    }

    /// Appends the headers of a member. The content of a file that is stored as itself has to follow, then its padding.
    pub fn header(&mut self, path: &EntryPath, entry: &Entry, body: Body) {
        tar::append_header(&mut self.raw, path.as_bytes(), entry, body);
    }

    /// Appends `bytes` bytes of content, zeros, to be filled in.
    pub fn content(&mut self, bytes: usize) -> &mut [u8] {
        let start = self.raw.len();
        self.raw.resize(start + bytes, 0);
        &mut self.raw[start..]
    }

    /// What has been collected from byte `start` on.
    pub fn since(&self, start: usize) -> &[u8] {
        &self.raw[start..]
    }

    /// Appends the padding after a content of `size` bytes.
    pub fn pad(&mut self, size: u64) {
        tar::pad(&mut self.raw, size);
    }

    /// Drops what has been collected after the first `bytes` bytes.
    pub fn truncate(&mut self, bytes: usize) {
        self.raw.truncate(bytes);
    }

    /// Compresses what has been collected, if anything, and appends it to `frames`.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn finish(&mut self, effort: Effort, frames: &mut Frames) -> Result<()> {
        if self.raw.is_empty() {
            return Ok(());
        }
        let raw = std::mem::take(&mut self.raw);
        frames.append(&raw, self.compressor(effort)?)?;
        self.raw = raw;
        self.raw.clear();
        Ok(())
    }

    /// Appends a frame of `bytes` zeros to `frames`: a piece of a content that is one hole. It comes before what has been
    /// collected.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn zeros(&mut self, bytes: u64, effort: Effort, frames: &mut Frames) -> Result<()> {
        // Zeros are as small with any step: one frame serves them all.
        let effort = if matches!(effort, Effort::Step(_)) { Effort::Step(0) } else { effort };
        let zeros = match self.zeros.take() {
            Some(zeros) if (zeros.bytes, zeros.effort) == (bytes, effort) => zeros,
            _ => {
                let mut frames = Frames::default();
                frames.append(&vec![0; bytes as usize], self.compressor(effort)?)?;
                Zeros { bytes, effort, frames }
            }
        };
        frames.stored.extend_from_slice(&zeros.frames.stored);
        frames.lengths.extend_from_slice(&zeros.frames.lengths);
        self.zeros = Some(zeros);
        Ok(())
    }

    fn compressor(&mut self, effort: Effort) -> Result<&mut Compressor> {
        let compressor = match self.compressor.take() {
            Some(mut compressor) => {
                compressor.set_effort(effort)?;
                compressor
            }
            None => Compressor::new(effort)?,
        };
        Ok(self.compressor.insert(compressor))
    }
}

/// Where a member stands in a tar: a directory, what is in it by name, then its subdirectories.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberOrder {
    path: EntryPathBuf,
    is_directory: bool,
}

impl MemberOrder {
    /// The place of the member `path`.
    pub fn new(path: EntryPathBuf, is_directory: bool) -> MemberOrder {
        MemberOrder { path, is_directory }
    }

    /// Its path.
    pub fn path(&self) -> &EntryPath {
        &self.path
    }

    /// Its path.
    pub fn into_path(self) -> EntryPathBuf {
        self.path
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.is_directory
    }

    /// The directory that it stands under, and its name there; a directory stands first under itself.
    fn parts(&self) -> (&[u8], &[u8]) {
        if self.is_directory { (self.path.as_bytes(), b"") } else { path::split_last(self.path.as_bytes()) }
    }
}

impl Ord for MemberOrder {
    fn cmp(&self, other: &MemberOrder) -> Ordering {
        path::row_order(self.parts(), other.parts())
    }
}

impl PartialOrd for MemberOrder {
    fn partial_cmp(&self, other: &MemberOrder) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn much_tar_is_cut_into_frames_and_little_is_not() {
        for (bytes, lengths) in [
            (0, vec![]),
            (700, vec![700]),
            (2 * FRAME_BYTES, vec![2 * FRAME_BYTES]),
            (2 * FRAME_BYTES + 9, vec![FRAME_BYTES, FRAME_BYTES + 9]),
        ] {
            let (mut builder, mut frames) = (FrameBuilder::default(), Frames::default());
            builder.content(bytes);
            builder.finish(Effort::Level(1), &mut frames).unwrap();
            assert_eq!(frames.lengths.iter().map(|frame| frame.raw_bytes as usize).collect::<Vec<_>>(), lengths);
            assert_eq!((builder.raw_bytes(), frames.raw_bytes()), (0, bytes as u64));
        }
    }

    #[test]
    fn a_frame_of_zeros_is_the_same_the_second_time_and_for_every_step() {
        let mut builder = FrameBuilder::default();
        let mut zeros = |bytes, effort| {
            let mut frames = Frames::default();
            builder.zeros(bytes, effort, &mut frames).unwrap();
            frames
        };
        let first = zeros(PIECE_BYTES, Effort::Step(3));
        assert_eq!(first, zeros(PIECE_BYTES, Effort::Step(1)));
        assert_eq!(first.raw_bytes(), PIECE_BYTES);
        assert_eq!(zeros(512, Effort::Level(3)).raw_bytes(), 512);
    }
}
