//! Makes patches of pieces of a large file: of bytes that stand in the older content, and of bytes that are made from a
//! part of it.

use super::anchors::Anchors;
use super::anchors::Place;
use super::anchors::sample;
use super::differing::COPY_BYTES_MIN;
use super::differing::Differences;
use super::large::LargeFile;
use super::large::read_full;
use crate::archive::content::Reader;
use crate::base::concurrency::Lock;
use crate::base::entry::Entry;
use crate::base::entry::PATCH_BASE_BYTES_MAX;
use crate::base::entry::PatchPiece;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::format::frames::compress_patch;
use crate::format::layout::PIECE_BYTES;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// How far around their old place bytes are looked for, in bytes.
const MARGIN_BYTES: u64 = 128 << 10;

/// How many bytes of an older content are read at once to sample them.
const READ_BYTES: u64 = 1 << 20;

/// This many bytes before a piece are used to find where the bytes before it stood.
const HINT_BYTES: u64 = 512 << 10;

/// This many bytes at the end of the older content show whether the rest of the new one was appended.
const END_BYTES: u64 = 64 << 10;

/// Part of a patch.
#[derive(Default)]
pub struct Made {
    /// What it consists of.
    pub pieces: Vec<PatchPiece>,
    /// The data of these.
    pub data: Vec<u8>,
    /// Whether the bytes changed.
    pub differs: bool,
}

/// Where the older content of a file stands in the newer one: found out once, by all workers together.
pub struct Maker {
    base: Entry,
    level: i32,
    is_appended: OnceLock<bool>,
    /// The next bytes to be sampled, in units of [`PIECE_BYTES`].
    next_sample: AtomicU64,
    sampled: Lock<(u64, Vec<Place>)>,
    anchors: OnceLock<Option<Anchors>>,
}

/// A piece of the new content, and what stood at the same place.
#[derive(Clone, Copy)]
pub struct PieceBytes<'p> {
    /// Where they begin.
    pub offset: u64,
    /// The new bytes.
    pub new: &'p [u8],
    /// What stood there, as far as the older content went.
    pub old: &'p [u8],
}

impl PieceBytes<'_> {
    /// Whether the bytes changed, given how they differ.
    pub fn differs(&self, differences: &Differences) -> bool {
        !differences.ranges.is_empty() || self.old.len() > self.new.len()
    }
}

impl Maker {
    /// For a file whose older version is `base`; `level` is a zstd level.
    pub fn new(base: Entry, level: i32) -> Maker {
        Maker {
            base,
            level,
            is_appended: OnceLock::new(),
            next_sample: AtomicU64::new(0),
            sampled: Lock::default(),
            anchors: OnceLock::new(),
        }
    }

    /// The older version of the file.
    pub fn base(&self) -> &Entry {
        &self.base
    }

    /// Makes a piece of the file from the older content. The result depends on the contents only, not on which pieces
    /// were made before.
    ///
    /// # Errors
    /// When the older content cannot be read; when there is no memory.
    pub fn make(
        &self,
        file: &LargeFile,
        piece: PieceBytes,
        differences: Differences,
        reader: &mut Reader,
    ) -> Result<Made> {
        let PieceBytes { offset, new, old } = piece;
        let mut made = Made { differs: piece.differs(&differences), ..Made::default() };
        if differences.has_moved || (old.len() < new.len() && !self.is_appended(file, reader)?) {
            self.make_moved(file, piece, reader, &mut made)?;
            return Ok(made);
        }
        let mut at = 0;
        for range in differences.ranges {
            // Less is not worth a piece of its own.
            let begin = if range.start - at < COPY_BYTES_MIN { at } else { range.start };
            let end = if new.len() - range.end < COPY_BYTES_MIN { new.len() } else { range.end };
            made.copy(offset + at as u64, begin - at);
            let around = around(begin..end, old.len());
            self.patch(offset + around.start as u64, &old[around], &new[begin..end], &mut made)?;
            at = end;
        }
        made.copy(offset + at as u64, new.len() - at);
        Ok(made)
    }

    /// Whether what is longer than the older content was appended to it.
    fn is_appended(&self, file: &LargeFile, reader: &mut Reader) -> Result<bool> {
        if let Some(known) = self.is_appended.get() {
            return Ok(*known);
        }
        let size = self.base.stat.size;
        let end = size.saturating_sub(END_BYTES)..size;
        let mut now = vec![0; (end.end - end.start) as usize];
        let count = read_full(&file.file, end.start, &mut now).unwrap_or(0);
        let is_appended = count == now.len() && self.old(reader, &end)? == now;
        Ok(*self.is_appended.get_or_init(|| is_appended))
    }

    /// Adds a piece of which most has moved.
    fn make_moved(&self, file: &LargeFile, piece: PieceBytes, reader: &mut Reader, made: &mut Made) -> Result<()> {
        let PieceBytes { offset, new, .. } = piece;
        let (before, after) = self.shifts(file, piece, reader)?;
        let size = new.len() as u64;
        let start = self.old(reader, &self.place(offset, size, before))?;
        let same = start.iter().zip(new).take_while(|(old, new)| old == new).count();
        let done = if same == new.len() || same >= COPY_BYTES_MIN { same } else { 0 };
        made.copy(self.place(offset, size, before).start, done);
        let (new, offset) = (&new[done..], offset + done as u64);
        drop(start);
        let place = self.place(offset, new.len() as u64, after);
        let is_aligned = i128::from(place.end) == i128::from(offset) + i128::from(after) + new.len() as i128;
        let old = if is_aligned { self.old(reader, &place)? } else { Vec::new() };
        let same = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
        drop(old);
        let same = if same == new.len() || same >= COPY_BYTES_MIN { same } else { 0 };
        let middle = &new[..new.len() - same];
        let from = self.between(offset, middle.len() as u64, (before, after));
        let old = if middle.is_empty() { Vec::new() } else { self.old(reader, &from)? };
        self.patch(from.start, &old, middle, made)?;
        made.copy(place.end - same as u64, same);
        Ok(())
    }

    /// By how much the bytes before a piece, and most of the piece, stand further back in the older content.
    fn shifts(&self, file: &LargeFile, piece: PieceBytes, reader: &mut Reader) -> Result<(i64, i64)> {
        let PieceBytes { offset, new, .. } = piece;
        if self.base.stat.size <= PIECE_BYTES && offset == 0 {
            // All of it is looked at.
            return Ok((0, self.base.stat.size as i64 - new.len() as i64));
        }
        let anchors = self.anchors(reader)?;
        let start = offset.saturating_sub(HINT_BYTES);
        let mut hint = vec![0; (offset - start) as usize];
        let count = read_full(&file.file, start, &mut hint).unwrap_or(0);
        let before = anchors.shift_of(&hint[..count], start).unwrap_or(0);
        Ok((before, anchors.shift_of(new, offset).unwrap_or(before)))
    }

    /// The bytes of the older content between those that stand `before` and `after` further back, and some around them. Where
    /// these are too many, those about `before`.
    fn between(&self, offset: u64, bytes: u64, (before, after): (i64, i64)) -> Range<u64> {
        let near = |shift| {
            let place = self.place(offset, bytes, shift);
            place.start.saturating_sub(MARGIN_BYTES)..self.base.stat.size.min(place.end.saturating_add(MARGIN_BYTES))
        };
        let (before, after) = (near(before), near(after));
        let all = before.start.min(after.start)..before.end.max(after.end);
        if all.end - all.start <= PATCH_BASE_BYTES_MAX { all } else { before }
    }

    /// Where bytes were that stand `shift` further back.
    fn place(&self, offset: u64, bytes: u64, shift: i64) -> Range<u64> {
        let from = i128::from(offset) + i128::from(shift);
        let clamped = |at: i128| at.clamp(0, i128::from(self.base.stat.size)) as u64;
        clamped(from)..clamped(from + i128::from(bytes))
    }

    fn old(&self, reader: &mut Reader, place: &Range<u64>) -> Result<Vec<u8>> {
        let mut old = vec![0; (place.end - place.start) as usize];
        reader.read_at(&self.base, place.start, &mut old)?;
        Ok(old)
    }

    /// The sampled places of the older content. Each worker that needs them helps to find them.
    fn anchors(&self, reader: &mut Reader) -> Result<&Anchors> {
        let size = self.base.stat.size;
        let units = size.div_ceil(PIECE_BYTES);
        loop {
            let unit = self.next_sample.fetch_add(1, Ordering::Relaxed);
            if unit >= units || self.anchors.get().is_some() {
                break;
            }
            let mut places = Vec::new();
            let range = unit * PIECE_BYTES..size.min((unit + 1) * PIECE_BYTES);
            if let Err(error) = self.sample(reader, range, &mut places) {
                let _ = self.anchors.set(None);
                return Err(error);
            }
            let mut sampled = self.sampled.lock();
            sampled.0 += 1;
            sampled.1.extend(places);
            if sampled.0 == units {
                let _ = self.anchors.set(Some(Anchors::new(size, std::mem::take(&mut sampled.1))));
            }
        }
        self.anchors.wait().as_ref().ok_or_else(|| Error::damaged("the older content cannot be read"))
    }

    fn sample(&self, reader: &mut Reader, range: Range<u64>, places: &mut Vec<Place>) -> Result<()> {
        let mut at = range.start;
        while at < range.end {
            let end = range.end.min(at + READ_BYTES);
            sample(self.base.stat.size, at, &self.old(reader, &(at..end))?, places);
            at = end;
        }
        Ok(())
    }

    /// Adds bytes that are made from `old`, which stands at `from` in the older content.
    fn patch(&self, from: u64, old: &[u8], new: &[u8], made: &mut Made) -> Result<()> {
        if !new.is_empty() {
            let stored = compress_patch(new, old, self.level)?;
            let (bytes, base_bytes) = (new.len() as u64, old.len() as u64);
            let from = if base_bytes == 0 { 0 } else { from };
            made.pieces.push(PatchPiece { bytes, from, base_bytes, stored: stored.len() as u64 });
            made.data.extend_from_slice(&stored);
        }
        Ok(())
    }
}

impl Made {
    fn copy(&mut self, from: u64, bytes: usize) {
        push_copy(&mut self.pieces, from, bytes as u64);
    }
}

/// Adds bytes that stand in the older content.
pub fn push_copy(pieces: &mut Vec<PatchPiece>, from: u64, bytes: u64) {
    match pieces.last_mut() {
        _ if bytes == 0 => {}
        Some(last) if last.stored == 0 && last.from + last.bytes == from => last.bytes += bytes,
        _ => pieces.push(PatchPiece { bytes, from, base_bytes: 0, stored: 0 }),
    }
}

/// From which bytes of an older piece of `length` bytes those in `range` are made.
fn around(range: Range<usize>, length: usize) -> Range<usize> {
    // The less changed, the closer are the bytes that it is made from.
    let margin = (range.len() * 2).clamp(32 << 10, MARGIN_BYTES as usize);
    let end = length.min(range.end + margin);
    range.start.saturating_sub(margin).min(end)..end
}
