//! A bundle's decompressed bytes from the first to the last: read in the order of the file, decompressed by several threads,
//! with gaps where they cannot be had. Knows nothing of what the bytes are.

use super::frame::ContentCheck;
use super::frame::DecodedFrame;
use super::frame::Stored;
use super::frame::said_again;
use crate::base::concurrency::Budget;
use crate::base::concurrency::Limits;
use crate::base::concurrency::Sender;
use crate::base::concurrency::ordered;
use crate::base::concurrency::threads as thread_count;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::format::bundle::Bundle;
use crate::format::frames::Decompressor;
use crate::format::frames::FrameAt;
use std::collections::VecDeque;
use std::io;
use std::io::Read;
use std::ops::Range;

/// Frames that lie side by side are read together up to this many bytes.
const READ_BYTES: usize = 4 << 20;

/// The most bytes of frames, compressed and not, in memory at once; one frame always may be.
const FRAMES_BYTES_MAX: u64 = 96 << 20;

/// Reads the frames of a bundle, in order.
struct Frames<'a> {
    bundle: &'a Bundle,
    next: usize,
    read: VecDeque<Stored>,
}

impl<'a> Frames<'a> {
    fn new(bundle: &'a Bundle) -> Frames<'a> {
        Frames { bundle, next: 0, read: VecDeque::new() }
    }

    fn read_more(&mut self) {
        let mut batch: Vec<FrameAt> = Vec::new();
        let mut length = 0;
        while let Some(frame) = self.bundle.table().frame(self.next) {
            if length > 0 && length + frame.stored_bytes as usize > READ_BYTES {
                break;
            }
            length += frame.stored_bytes as usize;
            batch.push(frame);
            self.next += 1;
        }
        let Some(start) = batch.first().map(|first| first.stored_offset) else { return };
        match self.bundle.stored_bytes(start, length) {
            Ok(bytes) => self.read.extend(batch.into_iter().map(|at| {
                let from = (at.stored_offset - start) as usize;
                let bytes = bytes[from..from + at.stored_bytes as usize].to_vec();
                Stored { at, bytes, unread: None }
            })),
            // A bad place on the drive costs what stands there, not what stands beside.
            Err(_) => self.read.extend(batch.into_iter().map(|at| Stored::read_from_drive(self.bundle, at))),
        }
    }
}

impl Iterator for Frames<'_> {
    type Item = Stored;

    fn next(&mut self) -> Option<Stored> {
        if self.read.is_empty() {
            self.read_more();
        }
        self.read.pop_front()
    }
}

/// A frame's content.
enum Raw {
    Frame(DecodedFrame),
    /// Zeros only.
    Zeros,
}

/// A frame's place and content.
struct Decoded {
    at: FrameAt,
    raw: Raw,
}

/// Decompresses frames; holes are stored as one and the same frame many times over, which is decompressed once.
#[derive(Default)]
struct Decoder {
    decompressor: Decompressor,
    zeros: Vec<u8>,
    zeros_raw_bytes: u32,
}

impl Decoder {
    fn decode(&mut self, stored: Stored) -> Decoded {
        Decoded { at: stored.at, raw: self.raw(stored) }
    }

    fn raw(&mut self, mut stored: Stored) -> Raw {
        let is_read = stored.unread.is_none();
        if is_read && self.zeros_raw_bytes == stored.at.raw_bytes && self.zeros == stored.bytes {
            return Raw::Zeros;
        }
        let frame = DecodedFrame::decode(&mut stored, ContentCheck::Checksum, &mut self.decompressor, Vec::new());
        if frame.damage().is_some() || frame.with_zeros(frame.range()).iter().any(|byte| *byte != 0) {
            return Raw::Frame(frame);
        }
        (self.zeros, self.zeros_raw_bytes) = (stored.bytes, stored.at.raw_bytes);
        Raw::Zeros
    }
}

/// Some bytes of a tape.
pub enum Piece<'a> {
    /// These bytes, which may be wrong where the frame is damaged.
    Bytes(&'a [u8]),
    /// This many zeros.
    Zeros(u64),
    /// This many bytes that are lost.
    Lost(u64),
}

impl Piece<'_> {
    /// How many bytes it is.
    pub fn length(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Zeros(length) | Piece::Lost(length) => *length,
        }
    }
}

/// Called for every frame when it is reached; its error ends the reading.
pub type FrameSeen<'a> = dyn FnMut(&FrameAt) -> Result<()> + 'a;

/// Reads all frames of `bundle`, decompressed by `threads` threads, and has `work` go over their bytes.
///
/// # Errors
/// Those of `work`.
pub fn read_through<T>(
    bundle: &Bundle,
    threads: usize,
    on_frame: &mut FrameSeen,
    work: impl FnOnce(Tape) -> Result<T>,
) -> Result<T> {
    let feed = |sender: &Sender<Stored, Decoded>| {
        Frames::new(bundle).try_for_each(|stored| {
            let bytes = u64::from(stored.at.stored_bytes) + u64::from(stored.at.raw_bytes);
            sender.send(stored, bytes)
        })
    };
    let decoder = || {
        let mut decoder = Decoder::default();
        move |stored| decoder.decode(stored)
    };
    let finish = |decoded: &mut dyn Iterator<Item = Decoded>| work(Tape::new(bundle, decoded, on_frame));
    let limits = Limits { threads: thread_count(threads), budget: &Budget::new(FRAMES_BYTES_MAX) };
    ordered(limits, feed, decoder, finish)
}

/// What of a tape is not as it was written.
#[derive(Default)]
pub struct TapeDamage {
    /// The bytes that cannot be had, ascending.
    pub lost: Vec<Range<u64>>,
    /// The bytes of damaged frames, ascending.
    pub frames: Vec<Range<u64>>,
    /// How many frames are damaged.
    pub count: u64,
    /// Why the first of them is.
    pub why: Option<Error>,
}

/// Adds a range to others, which are ascending and apart.
fn add(ranges: &mut Vec<Range<u64>>, mut range: Range<u64>) {
    let first = ranges.partition_point(|known| known.end < range.start);
    let behind = ranges.partition_point(|known| known.start <= range.end);
    if let [known, ..] = &ranges[first..behind] {
        range = known.start.min(range.start)..ranges[behind - 1].end.max(range.end);
    }
    ranges.splice(first..behind, [range]);
}

fn is_in_any(ranges: &[Range<u64>], range: &Range<u64>) -> bool {
    let next = ranges.partition_point(|known| known.end <= range.start);
    ranges.get(next).is_some_and(|known| known.start < range.end)
}

impl TapeDamage {
    /// Whether some of `range`, which was passed, is in a damaged frame.
    pub fn touches(&self, range: Range<u64>) -> bool {
        is_in_any(&self.frames, &range)
    }

    /// Notes that `range` is not what it should be because of the damage.
    pub fn lose(&mut self, range: Range<u64>) {
        add(&mut self.lost, range);
    }
}

/// Goes over the decompressed bytes, forwards only.
pub struct Tape<'a> {
    bundle: &'a Bundle,
    frames: &'a mut dyn Iterator<Item = Decoded>,
    on_frame: &'a mut FrameSeen<'a>,
    current: Option<Decoded>,
    position: u64,
    /// What is damaged so far.
    pub damage: TapeDamage,
    stopped: Option<Error>,
}

impl<'a> Tape<'a> {
    fn new(
        bundle: &'a Bundle,
        frames: &'a mut dyn Iterator<Item = Decoded>,
        on_frame: &'a mut FrameSeen<'a>,
    ) -> Tape<'a> {
        let damage = TapeDamage::default();
        Tape { bundle, frames, on_frame, current: None, position: 0, damage, stopped: None }
    }

    /// Where the next piece begins.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next bytes, at most `length_max`; `None` at the end.
    ///
    /// # Errors
    /// That of the function that is called for each frame.
    pub fn piece(&mut self, length_max: u64) -> Result<Option<Piece<'_>>> {
        while self.current.as_ref().is_none_or(|current| current.at.raw_end() <= self.position) {
            if !self.next_frame()? {
                return Ok(None);
            }
        }
        let Some(Decoded { at, raw, .. }) = &self.current else { return Ok(None) };
        let start = self.position;
        let end = at.raw_end().min(start.saturating_add(length_max));
        let Raw::Frame(frame) = raw else {
            self.position = end;
            return Ok(Some(Piece::Zeros(end - start)));
        };
        let lost = frame.lost().iter().find(|lost| lost.end > start);
        let (end, is_lost) = match lost {
            Some(lost) if lost.start <= start => (end.min(lost.end), true),
            Some(lost) => (end.min(lost.start), false),
            None => (end, false),
        };
        self.position = end;
        Ok(Some(if is_lost { Piece::Lost(end - start) } else { Piece::Bytes(frame.with_zeros(start..end)) }))
    }

    /// The next `size` bytes, which must not be more than may be held in memory; `None` when not all of them can be had.
    ///
    /// # Errors
    /// As for [`Tape::piece`].
    pub fn take(&mut self, size: u64) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < size {
            match self.piece(size - bytes.len() as u64)? {
                Some(Piece::Bytes(piece)) => bytes.extend_from_slice(piece),
                Some(Piece::Zeros(length)) => bytes.resize(bytes.len() + length as usize, 0),
                Some(Piece::Lost(_)) | None => return Ok(None),
            }
        }
        Ok(Some(bytes))
    }

    fn next_frame(&mut self) -> Result<bool> {
        self.current = None;
        let Some(decoded) = self.frames.next() else { return Ok(false) };
        (self.on_frame)(&decoded.at)?;
        if let Raw::Frame(frame) = &decoded.raw
            && let Some(why) = frame.damage()
        {
            if why.kind() == ErrorKind::RefusedBySystem {
                return Err(said_again(self.bundle, why));
            }
            self.damage.count += 1;
            add(&mut self.damage.frames, frame.range());
            frame.lost().iter().for_each(|lost| add(&mut self.damage.lost, lost.clone()));
            self.damage.why.get_or_insert_with(|| said_again(self.bundle, why));
        }
        self.current = Some(decoded);
        Ok(true)
    }

    /// Goes on to `position`, or to the end.
    ///
    /// # Errors
    /// As for [`Tape::piece`].
    pub fn skip_to(&mut self, position: u64) -> Result<()> {
        while self.position < position {
            if self.piece(position - self.position)?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The error that ended a reading through [`Read`], if it was not the bytes' fault.
    ///
    /// # Errors
    /// That very error.
    pub fn check_stopped(&mut self) -> Result<()> {
        self.stopped.take().map_or(Ok(()), Err)
    }
}

/// For the reader of headers: what is in a damaged frame is an error.
impl Read for Tape<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let before = self.position;
        let read = match self.piece(buffer.len() as u64) {
            Ok(Some(Piece::Bytes(bytes))) => {
                buffer[..bytes.len()].copy_from_slice(bytes);
                bytes.len()
            }
            Ok(Some(Piece::Zeros(length))) => {
                buffer[..length as usize].fill(0);
                length as usize
            }
            Ok(Some(Piece::Lost(length))) => length as usize,
            Ok(None) => 0,
            Err(error) => {
                self.stopped = Some(error);
                return Err(io::Error::other("stopped"));
            }
        };
        if read > 0 && self.damage.touches(before..self.position) {
            return Err(io::Error::other("the frame is damaged"));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_stay_ascending_and_apart() {
        let mut ranges = Vec::new();
        for range in [20..30, 0..10, 40..50, 12..15, 50..60, 28..41] {
            add(&mut ranges, range);
        }
        assert_eq!(ranges, [0..10, 12..15, 20..60]);
        assert!(is_in_any(&ranges, &(9..12)) && is_in_any(&ranges, &(59..70)) && !is_in_any(&ranges, &(10..12)));
        add(&mut ranges, 5..13);
        assert_eq!(ranges, [0..15, 20..60]);
    }
}
