//! The table of all frames at the end of a file, and making it anew from the frames.

use super::FRAME_BYTES_MAX;
use super::header::Frame;
use super::header::bytes_at;
use super::header::frame_at;
use super::header::u32_at;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::system::store::Blob;
use crate::system::store::read_exact_at;

/// The most frames of one bundle.
const FRAMES_MAX: usize = 1 << 22;

const SKIPPABLE_MAGIC: u32 = 0x184D_2A5E;
const SEEKABLE_MAGIC: u32 = 0x8F92_EAB1;
const SKIPPABLE_HEADER_BYTES: usize = 8;
const FOOTER_BYTES: usize = 9;
const ROW_BYTES: usize = 8;

/// Where all frames of a file stand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SeekTable {
    /// Where each frame ends: in the file, and in the decompressed bytes.
    ends: Vec<(u64, u64)>,
}

/// One frame's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameAt {
    /// Which it is, from 0.
    pub number: usize,
    /// Where it begins in the file.
    pub stored_offset: u64,
    /// Its length in the file.
    pub stored_bytes: u32,
    /// Where it begins in the decompressed bytes.
    pub raw_offset: u64,
    /// The length of its content.
    pub raw_bytes: u32,
}

impl FrameAt {
    /// Where it ends in the decompressed bytes.
    pub fn raw_end(&self) -> u64 {
        self.raw_offset + u64::from(self.raw_bytes)
    }
}

impl SeekTable {
    /// A table without frames.
    pub fn new() -> SeekTable {
        SeekTable::default()
    }

    /// Adds the next frame.
    pub fn push(&mut self, frame: Frame) {
        let (stored, raw) = self.end();
        self.ends.push((stored + u64::from(frame.stored_bytes), raw + u64::from(frame.raw_bytes)));
    }

    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many bytes the frames take in the file.
    pub fn stored_bytes(&self) -> u64 {
        self.end().0
    }

    /// How many bytes they hold.
    pub fn raw_bytes(&self) -> u64 {
        self.end().1
    }

    /// The frame with this number.
    pub fn frame(&self, number: usize) -> Option<FrameAt> {
        let (stored_end, raw_end) = *self.ends.get(number)?;
        let (stored_offset, raw_offset) = number.checked_sub(1).map_or((0, 0), |before| self.ends[before]);
        Some(FrameAt {
            number,
            stored_offset,
            stored_bytes: (stored_end - stored_offset) as u32,
            raw_offset,
            raw_bytes: (raw_end - raw_offset) as u32,
        })
    }

    /// The frame that holds the decompressed byte at `raw_offset`.
    pub fn frame_at(&self, raw_offset: u64) -> Option<FrameAt> {
        self.frame(self.ends.partition_point(|(_, raw_end)| *raw_end <= raw_offset))
    }

    /// The table as the last skippable frame of a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let content_bytes = self.ends.len() * ROW_BYTES + FOOTER_BYTES;
        let mut bytes = Vec::with_capacity(SKIPPABLE_HEADER_BYTES + content_bytes);
        bytes.extend_from_slice(&SKIPPABLE_MAGIC.to_le_bytes());
        bytes.extend_from_slice(&(content_bytes as u32).to_le_bytes());
        for number in 0..self.len() {
            if let Some(frame) = self.frame(number) {
                bytes.extend_from_slice(&frame.stored_bytes.to_le_bytes());
                bytes.extend_from_slice(&frame.raw_bytes.to_le_bytes());
            }
        }
        bytes.extend_from_slice(&(self.len() as u32).to_le_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&SEEKABLE_MAGIC.to_le_bytes());
        bytes
    }

    /// Reads the table at the end of a file. One read, as a rule.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when there is none or it contradicts the file's length; otherwise when it cannot be read.
    pub fn read(blob: &dyn Blob) -> Result<(SeekTable, FileEnd)> {
        const TAIL_BYTES: u64 = 128 << 10;
        let tail_bytes = blob.length().min(TAIL_BYTES);
        let mut tail = match FileEnd::read(blob, tail_bytes) {
            // What cannot be read beside the table must not cost the table.
            Err(error) if error.kind() == ErrorKind::Io => FileEnd::read(blob, tail_bytes.min(FOOTER_BYTES as u64))?,
            tail => tail?,
        };
        let frames = SeekTable::footer(&tail.bytes)?;
        let table_bytes = (frames * ROW_BYTES + FOOTER_BYTES + SKIPPABLE_HEADER_BYTES) as u64;
        if table_bytes > tail.bytes.len() as u64 {
            tail = FileEnd::read(blob, table_bytes)?;
        }
        let table = SeekTable::parse(&tail.bytes[tail.bytes.len() - table_bytes as usize..])?;
        if table.stored_bytes() + table_bytes != blob.length() {
            return Err(bad_table());
        }
        Ok((table, tail))
    }

    /// Makes the table anew from the frames themselves, front to back, for a file whose own table is damaged. Nothing is
    /// decompressed; ends where the frames end or one cannot be read, and says whether that is where they should.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when not even the first frame is there; otherwise when not even that can be read.
    pub fn walk(blob: &dyn Blob) -> Result<(SeekTable, FramesEnd)> {
        let mut table = SeekTable::new();
        loop {
            let at = table.stored_bytes();
            if at == blob.length() {
                break;
            }
            match frame_at(blob, at) {
                Ok(Some(frame)) if table.len() < FRAMES_MAX => table.push(frame),
                Err(error) if table.is_empty() => return Err(error),
                _ if table.is_empty() => return Err(bad_table()),
                _ => {
                    let magic = bytes_at(blob, at, 4);
                    let at_table = magic.is_ok_and(|magic| SKIPPABLE_MAGIC.to_le_bytes().starts_with(&magic));
                    return Ok((table, if at_table { FramesEnd::Complete } else { FramesEnd::Truncated }));
                }
            }
        }
        if table.is_empty() { Err(bad_table()) } else { Ok((table, FramesEnd::Complete)) }
    }

    /// The number of frames according to the last bytes of a file.
    fn footer(tail: &[u8]) -> Result<usize> {
        let footer = tail.last_chunk::<FOOTER_BYTES>().ok_or_else(bad_table)?;
        let frames = u32_at(footer, 0) as usize;
        if footer[4] != 0 || u32_at(footer, 5) != SEEKABLE_MAGIC || frames > FRAMES_MAX {
            return Err(bad_table());
        }
        Ok(frames)
    }

    /// Reads a whole table, from the skippable frame's magic to the end of the file.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when it is none.
    pub fn parse(bytes: &[u8]) -> Result<SeekTable> {
        let frames = SeekTable::footer(bytes)?;
        let content_bytes = frames * ROW_BYTES + FOOTER_BYTES;
        let header_ok = bytes.len() == SKIPPABLE_HEADER_BYTES + content_bytes
            && u32_at(bytes, 0) == SKIPPABLE_MAGIC
            && u32_at(bytes, 4) as usize == content_bytes;
        if !header_ok {
            return Err(bad_table());
        }
        let mut table = SeekTable::new();
        for row in bytes[SKIPPABLE_HEADER_BYTES..].chunks_exact(ROW_BYTES).take(frames) {
            let frame = Frame { stored_bytes: u32_at(row, 0), raw_bytes: u32_at(row, 4) };
            let range = 1..=FRAME_BYTES_MAX as u32;
            // What does not compress grows a little.
            if !range.contains(&frame.raw_bytes) || !(1..=2 * FRAME_BYTES_MAX as u32).contains(&frame.stored_bytes) {
                return Err(bad_table());
            }
            table.push(frame);
        }
        Ok(table)
    }

    fn end(&self) -> (u64, u64) {
        self.ends.last().copied().unwrap_or_default()
    }
}

/// Where a walk over frames ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FramesEnd {
    /// Where the table begins or should begin: all frames are there.
    Complete,
    /// At something that is not a whole frame.
    Truncated,
}

fn bad_table() -> Error {
    Error::new(ErrorKind::Damaged, "the table of frames at its end is missing or damaged")
}

/// The end of a file as it was read for its seek table, so that what stands there need not be read again.
#[derive(Clone, Debug, Default)]
pub struct FileEnd {
    offset: u64,
    bytes: Vec<u8>,
}

impl FileEnd {
    /// Reads the last `length` bytes of a file.
    fn read(blob: &dyn Blob, length: u64) -> Result<FileEnd> {
        let offset = blob.length().checked_sub(length).ok_or_else(bad_table)?;
        Ok(FileEnd { offset, bytes: read_exact_at(blob, offset, length as usize)? })
    }

    /// The `length` bytes at `offset` of the file, if they are in the tail.
    pub fn get(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        self.bytes.get(start..start.checked_add(length)?)
    }
}
