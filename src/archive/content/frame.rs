//! One frame's content, as far as it can be had, and the frames that are kept for whoever asks next.

use crate::base::concurrency::Lock;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::format::bundle::Bundle;
use crate::format::frames::Decompressor;
use crate::format::frames::FrameAt;
use crate::format::salvage::salvage;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;
use std::time::Instant;

/// A frame of which some bytes cannot be read is read in pieces of this many bytes, and each of these in sectors.
const PIECE_BYTES: usize = 64 << 10;
const SECTOR_BYTES: usize = 4 << 10;

/// The rest of a frame is given up after this many unreadable sectors: a drive may take seconds for each.
const BAD_SECTORS_MAX: usize = 64;

/// What shows that a frame is damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContentCheck {
    /// Its own checksum.
    Checksum,
    /// Nothing here: everything that is taken from it is compared with a hash, which covers the same bytes.
    Hash,
}

/// A frame as it is in the file.
pub struct Stored {
    pub at: FrameAt,
    /// Zeros for what cannot be read; empty when nothing can be.
    pub bytes: Vec<u8>,
    /// Why some of it cannot be read.
    pub unread: Option<Error>,
}

impl Stored {
    /// Reads a frame, into `buffer`, whose memory is used again.
    pub fn read(bundle: &Bundle, at: FrameAt, buffer: Vec<u8>) -> Stored {
        match bundle.stored_frame_in(&at, buffer) {
            Ok(bytes) => Stored { at, bytes, unread: None },
            Err(error) => Stored::read_around(bundle, at, error),
        }
    }

    /// Reads a frame from the drive, even if its bytes are in memory: for those who look whether it can be read.
    pub fn read_from_drive(bundle: &Bundle, at: FrameAt) -> Stored {
        match bundle.stored_bytes(at.stored_offset, at.stored_bytes as usize) {
            Ok(bytes) => Stored { at, bytes, unread: None },
            Err(error) => Stored::read_around(bundle, at, error),
        }
    }

    /// Reads what can be read of a frame after that failed as a whole. A bad place of the drive costs what stands there.
    fn read_around(bundle: &Bundle, at: FrameAt, why: Error) -> Stored {
        let mut stored = Stored { at, bytes: Vec::new(), unread: None };
        // What the system refuses says nothing of the bytes.
        if why.kind() == ErrorKind::Io {
            stored.bytes = readable(bundle, &at);
        }
        stored.unread = Some(why);
        stored
    }
}

/// The bytes of a frame with zeros for what cannot be read; empty when that is all.
fn readable(bundle: &Bundle, at: &FrameAt) -> Vec<u8> {
    let mut bytes = vec![0; at.stored_bytes as usize];
    let (mut bad, mut good) = (0, 0);
    let read = |from: usize, out: &mut [u8]| {
        let read = bundle.stored_bytes(at.stored_offset + from as u64, out.len());
        let Ok(read) = read else { return false };
        out.copy_from_slice(&read);
        true
    };
    for (number, piece) in bytes.chunks_mut(PIECE_BYTES).enumerate() {
        if read(number * PIECE_BYTES, piece) {
            good += 1;
            continue;
        }
        if bad >= BAD_SECTORS_MAX {
            break;
        }
        for (sector, out) in piece.chunks_mut(SECTOR_BYTES).enumerate() {
            let is_read = read(number * PIECE_BYTES + sector * SECTOR_BYTES, out);
            *(if is_read { &mut good } else { &mut bad }) += 1;
        }
    }
    if good > 0 { bytes } else { Vec::new() }
}

/// A frame's content, as far as it can be had.
pub struct DecodedFrame {
    at: FrameAt,
    raw: Vec<u8>,
    damage: Option<Damage>,
}

/// What is wrong with a frame.
struct Damage {
    why: Error,
    /// What could not be decoded, ascending; in the tar. Of the rest some may be wrong.
    lost: Vec<Range<u64>>,
}

impl DecodedFrame {
    /// Decodes a frame into `raw`, whose memory is used again. One that is damaged is decoded as far as it goes.
    pub fn decode(
        stored: &mut Stored,
        check: ContentCheck,
        decompressor: &mut Decompressor,
        mut raw: Vec<u8>,
    ) -> DecodedFrame {
        let at = stored.at;
        let why = match stored.unread.take() {
            Some(why) => why,
            None => {
                let done = match check {
                    ContentCheck::Checksum => decompressor.decompress_to(&stored.bytes, at.raw_bytes, &mut raw),
                    ContentCheck::Hash => decompressor.decompress_unchecked(&mut stored.bytes, at.raw_bytes, &mut raw),
                };
                match done {
                    Ok(()) => return DecodedFrame { at, raw, damage: None },
                    Err(why) => why,
                }
            }
        };
        let salvaged = salvage(&stored.bytes, at.raw_bytes as usize);
        let in_tar = |lost: Range<usize>| at.raw_offset + lost.start as u64..at.raw_offset + lost.end as u64;
        let lost = salvaged.lost.into_iter().map(in_tar).collect();
        DecodedFrame { at, raw: salvaged.raw, damage: Some(Damage { why, lost }) }
    }

    /// Which bytes of the tar it holds.
    pub fn range(&self) -> Range<u64> {
        self.at.raw_offset..self.at.raw_end()
    }

    /// Why not all of it can be trusted.
    pub fn damage(&self) -> Option<&Error> {
        self.damage.as_ref().map(|damage| &damage.why)
    }

    /// What of it could not be decoded, ascending; in the tar.
    pub fn lost(&self) -> &[Range<u64>] {
        self.damage.as_ref().map_or(&[], |damage| &damage.lost)
    }

    /// The bytes of the tar in `range`, of which some may be wrong where the frame is damaged.
    ///
    /// # Errors
    /// When some of them could not be decoded.
    pub fn bytes(&self, range: Range<u64>) -> std::result::Result<&[u8], &Error> {
        match &self.damage {
            Some(damage) if damage.lost.iter().any(|lost| lost.start < range.end && range.start < lost.end) => {
                Err(&damage.why)
            }
            _ => Ok(self.with_zeros(range)),
        }
    }

    /// The bytes of the tar in `range`, zeros for those that could not be decoded.
    pub fn with_zeros(&self, range: Range<u64>) -> &[u8] {
        let in_frame = |at: u64| (at.saturating_sub(self.at.raw_offset) as usize).min(self.raw.len());
        &self.raw[in_frame(range.start)..in_frame(range.end)]
    }

    /// Its memory, to be used again.
    pub fn into_raw(self) -> Vec<u8> {
        self.raw
    }
}

/// A frame that one thread decodes and others may wait for.
type Slot = Arc<OnceLock<Arc<DecodedFrame>>>;

/// The frames that were decoded last. Damaged ones are among them: none is decoded for every file that is in it.
pub struct FrameCache {
    kept: Lock<Kept>,
    bytes_max: u64,
    check: ContentCheck,
    /// What was read of frames, in bytes, and in what time.
    read: Lock<(u64, Duration)>,
}

#[derive(Default)]
struct Kept {
    /// The one used last at the end.
    slots: VecDeque<((BundleId, usize), u32, Slot)>,
    bytes: u64,
    /// The memory of a frame that was dropped.
    spare: Vec<u8>,
    /// That of what was read last.
    spare_stored: Vec<u8>,
}

impl FrameCache {
    /// A cache of so many bytes of content; one frame it always has room for.
    pub fn new(bytes_max: u64, check: ContentCheck) -> FrameCache {
        FrameCache { kept: Lock::default(), bytes_max, check, read: Lock::default() }
    }

    /// A frame of a bundle, decoded if it is not there.
    pub fn frame(&self, bundle: &Bundle, at: &FrameAt, decompressor: &mut Decompressor) -> Arc<DecodedFrame> {
        let slot = self.slot(bundle.name().id, at);
        let decode = || {
            let began = Instant::now();
            let mut stored = Stored::read(bundle, *at, std::mem::take(&mut self.kept.lock().spare_stored));
            self.note_read(stored.bytes.len(), began.elapsed());
            let spare = std::mem::take(&mut self.kept.lock().spare);
            let frame = DecodedFrame::decode(&mut stored, self.check, decompressor, spare);
            self.kept.lock().spare_stored = stored.bytes;
            Arc::new(frame)
        };
        let frame = slot.get_or_init(decode).clone();
        if frame.damage().is_some_and(|why| !why.is_damage()) {
            // It may be read the next time.
            self.forget(bundle.name().id, at);
        }
        frame
    }

    /// Reads and decodes a frame and does not keep it. The memory of the buffers is used again: for what is stored, and for what
    /// it decodes to.
    pub fn read_once(
        &self,
        (bundle, at): (&Bundle, FrameAt),
        check: ContentCheck,
        buffers: (&mut Vec<u8>, Vec<u8>),
        decompressor: &mut Decompressor,
    ) -> DecodedFrame {
        let began = Instant::now();
        let mut stored = Stored::read(bundle, at, std::mem::take(buffers.0));
        self.note_read(stored.bytes.len(), began.elapsed());
        let frame = DecodedFrame::decode(&mut stored, check, decompressor, buffers.1);
        *buffers.0 = stored.bytes;
        frame
    }

    fn note_read(&self, bytes: usize, time: Duration) {
        let mut read = self.read.lock();
        *read = (read.0 + bytes as u64, read.1 + time);
    }

    /// How many bytes of frames were read, and in what time.
    pub fn reading(&self) -> (u64, Duration) {
        *self.read.lock()
    }

    fn slot(&self, id: BundleId, frame: &FrameAt) -> Slot {
        let key = (id, frame.number);
        let mut kept = self.kept.lock();
        let known = kept.slots.iter().rposition(|(known, _, _)| *known == key).and_then(|at| kept.slots.remove(at));
        if let Some(known) = known {
            let slot = known.2.clone();
            kept.slots.push_back(known);
            return slot;
        }
        let slot = Slot::default();
        kept.slots.push_back((key, frame.raw_bytes, slot.clone()));
        kept.bytes += u64::from(frame.raw_bytes);
        while kept.bytes > self.bytes_max && kept.slots.len() > 1 {
            let Some((_, raw_bytes, slot)) = kept.slots.pop_front() else { break };
            kept.bytes -= u64::from(raw_bytes);
            // Unless somebody has it still.
            let frame = Arc::into_inner(slot).and_then(OnceLock::into_inner).and_then(Arc::into_inner);
            kept.spare = frame.map_or_else(|| std::mem::take(&mut kept.spare), DecodedFrame::into_raw);
        }
        slot
    }

    fn forget(&self, id: BundleId, frame: &FrameAt) {
        let mut kept = self.kept.lock();
        let known = kept.slots.iter().rposition(|(known, _, _)| *known == (id, frame.number));
        if let Some((_, raw_bytes, _)) = known.and_then(|at| kept.slots.remove(at)) {
            kept.bytes -= u64::from(raw_bytes);
        }
    }
}

/// The error of a frame of the bundle, said again.
pub fn said_again(bundle: &Bundle, why: &Error) -> Error {
    let doing = format!("cannot read bundle {}", bundle.name());
    let what = why.to_string();
    // What the store says of a file names it already.
    let what = if what.starts_with(&doing) { what } else { format!("{doing}: {what}") };
    Error::new(why.kind(), what)
}

/// # Errors
/// When the frame is damaged at all.
pub fn sound_bytes<'f>(bundle: &Bundle, frame: &'f DecodedFrame, range: Range<u64>) -> Result<&'f [u8]> {
    match frame.damage() {
        Some(why) => Err(said_again(bundle, why)),
        None => Ok(frame.with_zeros(range)),
    }
}
