//! Independent zstd frames and the standard seek table behind them. Knows nothing of what the bytes are.
//!
//! The seek table is that of the zstd seekable format, version 0.1.0 (`contrib/seekable_format/zstd_seekable_compression_format.md`
//! in zstd's own repository): a skippable frame that lists the lengths of all frames.

use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::system::store::Blob;
use crate::system::store::read_exact_at;
use std::io;
use zstd::bulk;
use zstd::zstd_safe::CParameter;
use zstd::zstd_safe::Strategy;

/// The default level of compression where one is fixed.
pub const LEVEL_DEFAULT: i32 = 3;

/// How many bytes of tar a frame holds as a rule.
pub const FRAME_BYTES: usize = 8 << 20;

/// The most bytes that one frame may hold, before or after compression.
pub const FRAME_BYTES_MAX: usize = 32 << 20;

/// The most frames of one bundle.
const FRAMES_MAX: usize = 1 << 22;

const FRAME_MAGIC: u32 = 0xFD2F_B528;
const SKIPPABLE_MAGIC: u32 = 0x184D_2A5E;
const SEEKABLE_MAGIC: u32 = 0x8F92_EAB1;
const SKIPPABLE_HEADER_BYTES: usize = 8;
const FOOTER_BYTES: usize = 9;
const ROW_BYTES: usize = 8;

/// The logarithm of how far back a frame may refer: all of it.
const WINDOW_LOG: u32 = 23;

/// What is tried of a frame to see whether it compresses at all: so many places, of so many bytes each.
const PROBES: usize = 4;
const PROBE_BYTES: usize = 32 << 10;

/// Shorter frames are not tried, just compressed.
const PROBED_BYTES_MIN: usize = 1 << 20;

/// The level for what does not compress: hardly looked at.
const LEVEL_CHEAPEST: i32 = -50;

/// How hard a frame is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effort {
    /// As a level of zstd says, 1 to 19.
    Level(i32),
    /// A step, 0 (softest) to [`STEP_MAX`]; about as levels 2, 3, 5, 7, 10 and 11, chosen for frames of this size and little memory.
    Step(usize),
}

impl Default for Effort {
    fn default() -> Self {
        Effort::Level(LEVEL_DEFAULT)
    }
}

/// The hardest step of effort.
pub const STEP_MAX: usize = STEPS.len() - 1;

/// Strategy, and the logarithms and lengths that belong to it. Measured on frames of source code, in relation to level 3 with its
/// own window: size 1.005, 0.99, 0.91, 0.86, 0.84, 0.83; time 0.8, 1.0, 1.9, 3.5, 5.8, 8.9.
const STEPS: [StepParameters; 6] = [
    StepParameters(Strategy::ZSTD_dfast, [16, 14, 1, 5, 0]),
    StepParameters(Strategy::ZSTD_dfast, [17, 16, 1, 5, 0]),
    StepParameters(Strategy::ZSTD_greedy, [19, 18, 3, 5, 2]),
    StepParameters(Strategy::ZSTD_lazy, [19, 19, 4, 5, 8]),
    StepParameters(Strategy::ZSTD_lazy2, [20, 20, 5, 5, 16]),
    StepParameters(Strategy::ZSTD_lazy2, [21, 21, 6, 5, 32]),
];

/// Logarithms of hash table, chain table and searches; shortest match; target length.
struct StepParameters(Strategy, [u32; 5]);

/// Makes frames; keeps its memory from one to the next. Each frame is read back from memory before it counts.
pub struct Compressor {
    inner: bulk::Compressor<'static>,
    cheapest: Option<bulk::Compressor<'static>>,
    effort: Effort,
    stored: Vec<u8>,
    check: FrameCheck,
}

impl Compressor {
    /// A maker of frames, each with a checksum of its content.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(effort: Effort) -> Result<Compressor> {
        let inner = compressor().and_then(|mut inner| set_effort(&mut inner, effort).map(|()| inner));
        Ok(Compressor {
            inner: inner.map_err(cannot_set_up)?,
            cheapest: None,
            effort,
            stored: Vec::new(),
            check: FrameCheck::default(),
        })
    }

    /// Changes the effort for the frames to come.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn set_effort(&mut self, effort: Effort) -> Result<()> {
        if self.effort != effort {
            set_effort(&mut self.inner, effort).map_err(cannot_set_up)?;
            self.effort = effort;
        }
        Ok(())
    }

    /// Appends one frame with `raw` (not empty, at most [`FRAME_BYTES_MAX`]) to `out`.
    ///
    /// # Errors
    /// When there is no memory for it; [`ErrorKind::Damaged`] when the frame does not give back what went in.
    pub fn append_frame(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<Frame> {
        let failed = |error| Error::io("cannot compress", error);
        self.stored.clear();
        let is_compressible = raw.len() < PROBED_BYTES_MIN || self.is_compressible(raw).map_err(failed)?;
        self.stored.clear();
        let start = out.len();
        // Straight to where it is wanted, if that is empty.
        let stored = if start == 0 { &mut *out } else { &mut self.stored };
        stored.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let inner = match (&mut self.cheapest, is_compressible) {
            (_, true) => &mut self.inner,
            (Some(cheapest), false) => cheapest,
            (none, false) => none.insert(cheapest().map_err(cannot_set_up)?),
        };
        inner.compress_to_buffer(raw, stored).map_err(failed)?;
        self.check.check(stored, raw)?;
        if start > 0 {
            out.extend_from_slice(&self.stored);
        }
        Ok(Frame { stored_bytes: (out.len() - start) as u32, raw_bytes: raw.len() as u32 })
    }

    /// Whether some parts of `raw`, from front to end, become smaller by at least a thirtieth.
    fn is_compressible(&mut self, raw: &[u8]) -> io::Result<bool> {
        self.stored.reserve(zstd::zstd_safe::compress_bound(PROBE_BYTES));
        for number in 0..PROBES {
            let start = (raw.len() - PROBE_BYTES) / (PROBES - 1) * number;
            self.stored.clear();
            let length = self.inner.compress_to_buffer(&raw[start..start + PROBE_BYTES], &mut self.stored)?;
            if length < PROBE_BYTES - PROBE_BYTES / 30 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn cannot_set_up(error: io::Error) -> Error {
    Error::io("cannot set up compression", error)
}

fn compressor() -> io::Result<bulk::Compressor<'static>> {
    let mut inner = bulk::Compressor::new(LEVEL_CHEAPEST)?;
    inner.set_parameter(CParameter::ChecksumFlag(true))?;
    Ok(inner)
}

fn cheapest() -> io::Result<bulk::Compressor<'static>> {
    compressor()
}

fn set_effort(inner: &mut bulk::Compressor, effort: Effort) -> io::Result<()> {
    inner.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
    match effort {
        Effort::Level(level) => inner.set_parameter(CParameter::CompressionLevel(level)),
        Effort::Step(step) => {
            let StepParameters(strategy, [hash, chain, search, shortest, target]) = STEPS[step.min(STEP_MAX)];
            let parameters = [
                CParameter::CompressionLevel(LEVEL_DEFAULT),
                CParameter::Strategy(strategy),
                CParameter::HashLog(hash),
                CParameter::ChainLog(chain),
                CParameter::SearchLog(search),
                CParameter::MinMatch(shortest),
                CParameter::TargetLength(target),
            ];
            parameters.into_iter().try_for_each(|parameter| inner.set_parameter(parameter))
        }
    }
}

/// Decompresses what was just compressed and compares: memory that forgets a bit, or a mistake in the compression, is met while
/// the source is still there.
#[derive(Default)]
struct FrameCheck {
    inner: Option<bulk::Decompressor<'static>>,
    raw: Vec<u8>,
}

impl FrameCheck {
    fn check(&mut self, stored: &[u8], raw: &[u8]) -> Result<()> {
        let inner = match &mut self.inner {
            Some(inner) => inner,
            empty => empty.insert(bulk::Decompressor::new().map_err(cannot_set_up)?),
        };
        self.raw.clear();
        self.raw.reserve(raw.len());
        let is_same = inner.decompress_to_buffer(stored, &mut self.raw).is_ok() && self.raw == raw;
        if is_same { Ok(()) } else { Err(not_what_went_in()) }
    }
}

fn not_what_went_in() -> Error {
    Error::damaged("what was compressed just now cannot be decompressed to the same bytes")
        .with_advice(Advice::TestMemory)
}

/// One frame's lengths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Length in the file.
    pub stored_bytes: u32,
    /// Length of its content.
    pub raw_bytes: u32,
}

/// Reads frames; keeps its memory from one to the next.
#[derive(Default)]
pub struct Decompressor(Option<bulk::Decompressor<'static>>);

impl Decompressor {
    /// A reader of frames.
    pub fn new() -> Decompressor {
        Decompressor(None)
    }

    /// The content of the frame `stored`, which must be `raw_bytes` long.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when it is not a frame, its checksum is wrong, or its length is another.
    pub fn decompress(&mut self, stored: &[u8], raw_bytes: u32) -> Result<Vec<u8>> {
        let mut raw = Vec::new();
        self.decompress_to(stored, raw_bytes, &mut raw)?;
        Ok(raw)
    }

    /// As [`Decompressor::decompress`], to `raw`, whose room is used; what was in it is gone.
    ///
    /// # Errors
    /// As for [`Decompressor::decompress`].
    pub fn decompress_to(&mut self, stored: &[u8], raw_bytes: u32, raw: &mut Vec<u8>) -> Result<()> {
        raw.clear();
        let failed = |error: io::Error| Error::damaged(format!("a compressed frame cannot be read ({error})"));
        if raw_bytes as usize > FRAME_BYTES_MAX {
            return Err(Error::damaged("a compressed frame claims to be too large"));
        }
        let inner = match &mut self.0 {
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
    pub fn read(blob: &dyn Blob) -> Result<(SeekTable, Tail)> {
        const TAIL_BYTES: u64 = 128 << 10;
        let tail_bytes = blob.length().min(TAIL_BYTES);
        let mut tail = match Tail::read(blob, tail_bytes) {
            // What cannot be read beside the table must not cost the table.
            Err(error) if error.kind() == ErrorKind::Io => Tail::read(blob, tail_bytes.min(FOOTER_BYTES as u64))?,
            tail => tail?,
        };
        let frames = SeekTable::footer(&tail.bytes)?;
        let table_bytes = (frames * ROW_BYTES + FOOTER_BYTES + SKIPPABLE_HEADER_BYTES) as u64;
        if table_bytes > tail.bytes.len() as u64 {
            tail = Tail::read(blob, table_bytes)?;
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
    /// At something that is no whole frame.
    Truncated,
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
const HEADER_BYTES_MAX: usize = 18;

/// Where the byte that describes a frame stands in its header, and its bit for the checksum.
const DESCRIPTOR_AT: usize = 4;
const HAS_CHECKSUM: u8 = 1 << 2;

/// The length of the checksum at the end of a frame.
const CHECKSUM_BYTES: usize = 4;

/// Length of a frame's header and of its content.
fn header_of(stored: &[u8]) -> Option<(usize, u32)> {
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
fn frame_at(blob: &dyn Blob, offset: u64) -> Result<Option<Frame>> {
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
fn bytes_at(blob: &dyn Blob, offset: u64, length: usize) -> Result<Vec<u8>> {
    let offset = offset.min(blob.length());
    read_exact_at(blob, offset, (blob.length() - offset).min(length as u64) as usize)
}

fn bad_table() -> Error {
    Error::new(ErrorKind::Damaged, "the table of frames at its end is missing or damaged")
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// The end of a file as it was read for its seek table, so that what stands there need not be read again.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    offset: u64,
    bytes: Vec<u8>,
}

impl Tail {
    /// Reads the last `length` bytes of a file.
    fn read(blob: &dyn Blob, length: u64) -> Result<Tail> {
        let offset = blob.length().checked_sub(length).ok_or_else(bad_table)?;
        Ok(Tail { offset, bytes: read_exact_at(blob, offset, length as usize)? })
    }

    /// The `length` bytes at `offset` of the file, if they are in the tail.
    pub fn get(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        self.bytes.get(start..start.checked_add(length)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::system::store::MemoryStore;
    use crate::system::store::Store;

    fn table(frames: &[(u32, u32)]) -> SeekTable {
        let mut table = SeekTable::new();
        for (stored_bytes, raw_bytes) in frames.iter().copied() {
            table.push(Frame { stored_bytes, raw_bytes });
        }
        table
    }

    #[test]
    fn a_frame_is_read_as_written_and_a_flipped_bit_is_noticed() {
        let raw: Vec<u8> = (0..100_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let mut stored = Vec::new();
        let frame = Compressor::new(Effort::Level(3)).unwrap().append_frame(&raw, &mut stored).unwrap();
        assert_eq!(frame.stored_bytes as usize, stored.len());
        assert_eq!(Decompressor::new().decompress(&stored, frame.raw_bytes).unwrap(), raw);
        assert!(Decompressor::new().decompress(&stored, frame.raw_bytes - 1).is_err());
        assert!(Decompressor::new().decompress(&stored, frame.raw_bytes + 1).is_err());
        let (before, mut unchecked) = (stored.clone(), Vec::new());
        Decompressor::new().decompress_unchecked(&mut stored, frame.raw_bytes, &mut unchecked).unwrap();
        assert!(unchecked == raw && stored == before);
        *stored.last_mut().unwrap() ^= 1;
        Decompressor::new().decompress_unchecked(&mut stored, frame.raw_bytes, &mut unchecked).unwrap();
        assert!(unchecked == raw && Decompressor::new().decompress(&stored, frame.raw_bytes).is_err());
        stored = before;
        for at in (0..stored.len()).step_by(stored.len() / 50) {
            let mut bad = stored.clone();
            bad[at] ^= 0x10;
            assert!(Decompressor::new().decompress(&bad, frame.raw_bytes).is_err_and(|error| error.is_damage()));
        }
    }

    #[test]
    fn each_effort_gives_a_frame_that_is_read_as_written() {
        let text: Vec<u8> = (0..400_000u64).flat_map(|n| format!("{} ", n * n / 97 % 4000).into_bytes()).collect();
        let mut sizes = Vec::new();
        let mut compressor = Compressor::new(Effort::Level(19)).unwrap();
        for step in 0..=STEP_MAX {
            let mut stored = b"before".to_vec();
            compressor.set_effort(Effort::Step(step)).unwrap();
            let frame = compressor.append_frame(&text, &mut stored).unwrap();
            assert_eq!(Decompressor::new().decompress(&stored[6..], frame.raw_bytes).unwrap(), text);
            sizes.push(frame.stored_bytes);
        }
        assert!(sizes[STEP_MAX] < sizes[0], "{sizes:?}");
    }

    #[test]
    fn what_does_not_compress_is_stored_as_it_is_but_not_what_only_begins_so() {
        let mut noise = Vec::new();
        let mut hash = crate::base::id::Hash::of(b"");
        while noise.len() < 2 << 20 {
            hash = crate::base::id::Hash::of(&hash.0);
            noise.extend_from_slice(&hash.0);
        }
        let stored_bytes = |raw: &[u8]| {
            let mut stored = Vec::new();
            let frame = Compressor::new(Effort::Level(3)).unwrap().append_frame(raw, &mut stored).unwrap();
            assert!(Decompressor::new().decompress(&stored, frame.raw_bytes).unwrap() == raw);
            stored.len()
        };
        assert!((noise.len()..noise.len() + 200).contains(&stored_bytes(&noise)));
        let half = noise.len() / 2;
        noise[half..].fill(b'x');
        assert!(stored_bytes(&noise) < half + 1000);
    }

    #[test]
    fn a_frame_that_is_not_what_went_in_is_refused() {
        let raw = vec![b'r'; 100_000];
        let (mut stored, mut check) = (Vec::new(), FrameCheck::default());
        Compressor::new(Effort::Level(3)).unwrap().append_frame(&raw, &mut stored).unwrap();
        check.check(&stored, &raw).unwrap();
        assert!(check.check(&stored, &raw[1..]).is_err());
        assert!(check.check(&stored, &vec![b's'; raw.len()]).is_err());
        for at in 0..stored.len() {
            let mut bad = stored.clone();
            bad[at] ^= 1;
            // A bit of the header may not matter, but then the bytes are the same.
            if check.check(&bad, &raw).is_ok() {
                assert!(Decompressor::new().decompress(&bad, raw.len() as u32).unwrap() == raw);
            }
        }
        check.check(&stored, &raw).unwrap();
    }

    #[test]
    fn the_table_is_read_as_written_and_finds_frames() {
        let written = table(&[(10, 100), (20, 200), (5, 50)]);
        let read = SeekTable::parse(&written.to_bytes()).unwrap();
        assert_eq!(read, written);
        assert_eq!((read.stored_bytes(), read.raw_bytes()), (35, 350));
        for (offset, number) in [(0, 0), (99, 0), (100, 1), (299, 1), (300, 2), (349, 2)] {
            assert_eq!(read.frame_at(offset).unwrap().number, number);
        }
        assert!(read.frame_at(350).is_none());
        assert_eq!(read.frame(1).unwrap().stored_offset, 10);
    }

    #[test]
    fn walking_over_the_frames_finds_them_as_the_table_does_and_stops_where_they_are_cut_off() {
        let store = MemoryStore::new();
        let (mut bytes, mut table) = (Vec::new(), SeekTable::new());
        let contents =
            [vec![7; 300_000], (0..200u8).collect(), vec![1], (0..70_000u32).flat_map(u32::to_le_bytes).collect()];
        for level in [1, 3, 19] {
            let mut compressor = Compressor::new(Effort::Level(level)).unwrap();
            for content in &contents {
                table.push(compressor.append_frame(content, &mut bytes).unwrap());
            }
        }
        let walk = |bytes: &[u8]| {
            store.replace("f", bytes).unwrap();
            SeekTable::walk(&*store.open("f").unwrap())
        };
        let whole = [bytes.clone(), table.to_bytes()].concat();
        assert_eq!(walk(&whole).unwrap(), (table.clone(), FramesEnd::Complete));
        assert_eq!(walk(&bytes).unwrap(), (table.clone(), FramesEnd::Complete));
        for length in 0..bytes.len() as u64 {
            let frames =
                (0..).map_while(|n| table.frame(n)).filter(|f| f.stored_offset + u64::from(f.stored_bytes) <= length);
            let expected = frames.count();
            match walk(&bytes[..length as usize]) {
                Ok((found, _)) => assert_eq!(found.len(), expected, "{length}"),
                Err(error) => assert!(error.is_damage() && expected == 0, "{length}"),
            }
            if length > 1000 && expected == 2 {
                break;
            }
        }
        assert!(walk(b"").is_err() && walk(b"garbage").is_err());
    }

    #[test]
    fn damaged_tables_are_errors() {
        let good = table(&[(10, 100), (20, 200)]).to_bytes();
        assert!(SeekTable::parse(&good[1..]).is_err());
        assert!(SeekTable::parse(&[]).is_err());
        for at in (0..8).chain(good.len() - 9..good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(SeekTable::parse(&bad).is_err(), "byte {at}");
        }
        assert!(SeekTable::parse(&table(&[(10, 0)]).to_bytes()).is_err());
        assert!(SeekTable::parse(&table(&[(10, u32::MAX)]).to_bytes()).is_err());
    }
}
