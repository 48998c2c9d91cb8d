//! A bundle's decompressed bytes from the first to the last: read in the order of the file, decompressed by several threads,
//! with gaps where a frame is damaged. Knows nothing of what the bytes are.

use crate::base::concurrency::Budget;
use crate::base::concurrency::Sender;
use crate::base::concurrency::ordered;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::format::frames::Decompressor;
use crate::format::frames::FrameAt;
use crate::format::frames::SeekTable;
use crate::system::store::Blob;
use crate::system::store::read_exact_at;
use std::collections::VecDeque;
use std::io;
use std::io::Read;
use std::ops::Range;

/// Frames that lie side by side are read together up to this many bytes.
const READ_BYTES: usize = 4 << 20;

/// The most bytes of frames, compressed and not, in memory at once; one frame always may be.
const FRAMES_BYTES_MAX: u64 = 96 << 20;

/// A frame as it is in the file, or why it cannot be read.
pub(super) type Stored = (FrameAt, Result<Vec<u8>>);

/// Reads and decompresses all frames of a file and gives `finish` their contents in order; a content stays in memory until the
/// next one is asked for.
///
/// # Errors
/// Those of `finish`.
pub(super) fn decode_all<T>(
    frames: Frames,
    threads: usize,
    finish: impl FnOnce(&mut dyn Iterator<Item = Decoded>) -> Result<T>,
) -> Result<T> {
    let feed = |sender: &Sender<Stored, Decoded>| {
        let mut frames = frames;
        frames.try_for_each(|(frame, stored)| {
            let bytes = u64::from(frame.stored_bytes) + u64::from(frame.raw_bytes);
            sender.send((frame, stored), bytes)
        })
    };
    let decoder = || {
        let mut decoder = Decoder::default();
        move |stored| decoder.decode(stored)
    };
    ordered(threads, &Budget::new(FRAMES_BYTES_MAX), feed, decoder, finish)
}

/// Reads the frames of a file, in order.
pub(super) struct Frames<'a> {
    blob: &'a dyn Blob,
    table: &'a SeekTable,
    next: usize,
    read: VecDeque<Stored>,
}

impl<'a> Frames<'a> {
    pub fn new(blob: &'a dyn Blob, table: &'a SeekTable) -> Frames<'a> {
        Frames { blob, table, next: 0, read: VecDeque::new() }
    }

    fn read_more(&mut self) {
        let mut batch: Vec<FrameAt> = Vec::new();
        let mut length = 0;
        while let Some(frame) = self.table.frame(self.next) {
            if length > 0 && length + frame.stored_bytes as usize > READ_BYTES {
                break;
            }
            length += frame.stored_bytes as usize;
            batch.push(frame);
            self.next += 1;
        }
        let Some(start) = batch.first().map(|first| first.stored_offset) else { return };
        match read_exact_at(self.blob, start, length) {
            Ok(bytes) => self.read.extend(batch.into_iter().map(|frame| {
                let from = (frame.stored_offset - start) as usize;
                (frame, Ok(bytes[from..from + frame.stored_bytes as usize].to_vec()))
            })),
            // A bad place on the drive costs the frames that it is in, not those beside.
            Err(_) => self.read.extend(
                batch
                    .into_iter()
                    .map(|frame| (frame, read_exact_at(self.blob, frame.stored_offset, frame.stored_bytes as usize))),
            ),
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
pub(super) enum Raw {
    Bytes(Vec<u8>),
    /// Zeros only.
    Zeros,
    Lost(Error),
}

/// A frame's place and content.
pub(super) struct Decoded {
    frame: FrameAt,
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
    fn decode(&mut self, (frame, stored): Stored) -> Decoded {
        let raw = stored.map_or_else(Raw::Lost, |stored| self.raw(stored, frame.raw_bytes));
        Decoded { frame, raw }
    }

    fn raw(&mut self, stored: Vec<u8>, raw_bytes: u32) -> Raw {
        if self.zeros_raw_bytes == raw_bytes && self.zeros == stored {
            return Raw::Zeros;
        }
        match self.decompressor.decompress(&stored, raw_bytes) {
            Err(error) => Raw::Lost(error),
            Ok(raw) if raw.iter().all(|byte| *byte == 0) => {
                (self.zeros, self.zeros_raw_bytes) = (stored, raw_bytes);
                Raw::Zeros
            }
            Ok(raw) => Raw::Bytes(raw),
        }
    }
}

/// Some bytes of a tape.
pub(super) enum Piece<'a> {
    Bytes(&'a [u8]),
    /// This many zeros.
    Zeros(u64),
    /// This many bytes that are lost.
    Lost(u64),
}

impl Piece<'_> {
    pub fn length(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Zeros(length) | Piece::Lost(length) => *length,
        }
    }
}

/// Told of every frame when it is reached; its error ends the reading.
pub(super) type OnFrame<'a> = dyn FnMut(&FrameAt) -> Result<()> + 'a;

/// Goes over the decompressed bytes, forwards only.
pub(super) struct Tape<'a> {
    frames: &'a mut dyn Iterator<Item = Decoded>,
    on_frame: &'a mut OnFrame<'a>,
    current: Option<Decoded>,
    position: u64,
    /// The bytes of damaged frames so far, ascending, with how many frames they are and the first reason.
    pub lost: Vec<Range<u64>>,
    pub lost_frames: u64,
    pub lost_why: Option<Error>,
    stopped: Option<Error>,
}

impl<'a> Tape<'a> {
    pub fn new(frames: &'a mut dyn Iterator<Item = Decoded>, on_frame: &'a mut OnFrame<'a>) -> Tape<'a> {
        Tape {
            frames,
            on_frame,
            current: None,
            position: 0,
            lost: Vec::new(),
            lost_frames: 0,
            lost_why: None,
            stopped: None,
        }
    }

    /// Where the next piece begins.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether the byte at `position`, which was passed, is lost.
    pub fn is_lost(&self, position: u64) -> bool {
        let next = self.lost.partition_point(|range| range.end <= position);
        self.lost.get(next).is_some_and(|range| range.start <= position)
    }

    /// The next bytes, at most `length_max`; `None` at the end.
    ///
    /// # Errors
    /// That of the function that is told of frames.
    pub fn piece(&mut self, length_max: u64) -> Result<Option<Piece<'_>>> {
        while self.current.as_ref().is_none_or(|current| current.frame.raw_end() <= self.position) {
            if !self.next_frame()? {
                return Ok(None);
            }
        }
        let Some(Decoded { frame, raw, .. }) = &self.current else { return Ok(None) };
        let start = self.position - frame.raw_offset;
        let length = length_max.min(frame.raw_end() - self.position);
        self.position += length;
        Ok(Some(match raw {
            Raw::Bytes(bytes) => Piece::Bytes(&bytes[start as usize..(start + length) as usize]),
            Raw::Zeros => Piece::Zeros(length),
            Raw::Lost(_) => Piece::Lost(length),
        }))
    }

    fn next_frame(&mut self) -> Result<bool> {
        self.current = None;
        let Some(mut decoded) = self.frames.next() else { return Ok(false) };
        let frame = decoded.frame;
        (self.on_frame)(&frame)?;
        if let Raw::Lost(why) = &mut decoded.raw {
            if why.kind() == ErrorKind::RefusedBySystem {
                return Err(std::mem::replace(why, Error::damaged("")));
            }
            self.lost_frames += 1;
            match self.lost.last_mut().filter(|last| last.end == frame.raw_offset) {
                Some(last) => last.end = frame.raw_end(),
                None => self.lost.push(frame.raw_offset..frame.raw_end()),
            }
            let why = std::mem::replace(why, Error::damaged(""));
            self.lost_why.get_or_insert(why);
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

/// For the reader of headers: what is lost is an error.
impl Read for Tape<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.piece(buffer.len() as u64) {
            Ok(Some(Piece::Bytes(bytes))) => {
                buffer[..bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            }
            Ok(Some(Piece::Zeros(length))) => {
                buffer[..length as usize].fill(0);
                Ok(length as usize)
            }
            Ok(Some(Piece::Lost(_))) => Err(io::Error::other("the frame is damaged")),
            Ok(None) => Ok(0),
            Err(error) => {
                self.stopped = Some(error);
                Err(io::Error::other("stopped"))
            }
        }
    }
}
