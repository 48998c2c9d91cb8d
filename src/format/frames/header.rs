//! What a frame's own header and the headers of its blocks say.

use super::FRAME_BYTES_MAX;
use crate::base::error::Result;
use crate::system::store::Blob;
use crate::system::store::read_exact_at;

const FRAME_MAGIC: u32 = 0xFD2F_B528;

/// One frame's lengths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Length in the file.
    pub stored_bytes: u32,
    /// Length of its content.
    pub raw_bytes: u32,
}

/// The content's length as a frame's own header gives it; `None` when these bytes do not begin a frame as this program
/// writes them (RFC 8878, 3.1.1: content size and checksum present, no dictionary).
pub fn raw_bytes_by_header(stored: &[u8]) -> Option<u32> {
    header_of(stored).map(|(_, raw_bytes)| raw_bytes)
}

/// The length of a frame's header; `None` when these bytes do not begin with one.
pub fn header_length(stored: &[u8]) -> Option<usize> {
    header_of(stored).map(|(length, _)| length)
}

/// The longest header of a frame.
pub const HEADER_BYTES_MAX: usize = 18;

/// Where the byte that describes a frame stands in its header, and its bit for the checksum.
pub(super) const DESCRIPTOR_AT: usize = 4;
pub(super) const HAS_CHECKSUM: u8 = 1 << 2;

/// The length of the checksum at the end of a frame.
pub(super) const CHECKSUM_BYTES: usize = 4;

/// Length of a frame's header and of its content.
pub(super) fn header_of(stored: &[u8]) -> Option<(usize, u32)> {
    if u32_at(stored, 0) != FRAME_MAGIC {
        return None;
    }
    let descriptor = *stored.get(DESCRIPTOR_AT)?;
    let is_single = descriptor & 1 << 5 != 0;
    // Reserved and dictionary bits are 0.
    if descriptor & (HAS_CHECKSUM | 0b1011) != HAS_CHECKSUM {
        return None;
    }
    let start = if is_single { 5 } else { 6 };
    let (length, base) = match descriptor >> 6 {
        0 if is_single => (1, 0),
        0 => return None,
        1 => (2, 256),
        2 => (4, 0),
        _ => (8, 0),
    };
    let field = stored.get(start..start + length)?;
    let size = field.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)) + base;
    let raw_bytes = u32::try_from(size).ok().filter(|size| (1..=FRAME_BYTES_MAX as u32).contains(size))?;
    Some((start + length, raw_bytes))
}

/// The frame that begins at `offset`, by its header and the headers of its blocks; `None` when there is none, or not all of it.
pub(super) fn frame_at(blob: &dyn Blob, offset: u64) -> Result<Option<Frame>> {
    const BLOCK_HEADER_BYTES: usize = 3;
    let Some((header_bytes, raw_bytes)) = header_of(&bytes_at(blob, offset, HEADER_BYTES_MAX)?) else {
        return Ok(None);
    };
    let mut length = header_bytes as u64;
    loop {
        let header = bytes_at(blob, offset + length, BLOCK_HEADER_BYTES)?;
        let [a, b, c] = header[..] else { return Ok(None) };
        let (is_last, kind, size) = (a & 1 == 1, a >> 1 & 3, u64::from(u32::from_le_bytes([a, b, c, 0]) >> 3));
        // A block of one byte many times over stores it once.
        length += BLOCK_HEADER_BYTES as u64 + if kind == 1 { 1 } else { size };
        if kind == 3 || length > 2 * FRAME_BYTES_MAX as u64 {
            return Ok(None);
        }
        if is_last {
            break;
        }
    }
    length += CHECKSUM_BYTES as u64;
    let is_whole = offset.checked_add(length).is_some_and(|end| end <= blob.length());
    Ok(is_whole.then_some(Frame { stored_bytes: length as u32, raw_bytes }))
}

/// The frame that begins at `offset` and is cut off by the end of the file; `None` when no header of a frame stands there.
///
/// # Errors
/// When it cannot be read.
pub fn cut_off_frame(blob: &dyn Blob, offset: u64) -> Result<Option<Frame>> {
    let header = header_of(&bytes_at(blob, offset, HEADER_BYTES_MAX)?);
    let stored_bytes = blob.length().saturating_sub(offset).min(2 * FRAME_BYTES_MAX as u64) as u32;
    Ok(header.map(|(_, raw_bytes)| Frame { stored_bytes, raw_bytes }))
}

/// As many bytes as there are, at most `length`.
pub(super) fn bytes_at(blob: &dyn Blob, offset: u64, length: usize) -> Result<Vec<u8>> {
    let offset = offset.min(blob.length());
    read_exact_at(blob, offset, (blob.length() - offset).min(length as u64) as usize)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}
