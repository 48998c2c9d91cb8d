//! Makes of a large file that changed a patch of what it was: pieces that stand in the older content, and pieces that are made
//! from a part of it.

use super::anchors::Anchors;
use super::large::LargeFile;
use super::large::MadePatch;
use super::large::PatchRead;
use super::large::SAME_BYTES;
use crate::archive::catalog::Catalog;
use crate::archive::content::Check;
use crate::archive::content::Contents;
use crate::archive::content::Reader;
use crate::base::advice::Advice;
use crate::base::concurrency::Lock;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::PATCH_DEPTH_MAX;
use crate::base::entry::PATCH_PIECES_MAX;
use crate::base::entry::Patch;
use crate::base::entry::PatchPiece;
use crate::base::error::Result;
use crate::base::id::Hasher;
use crate::format::frames::compress_patch;
use crate::system::store::Spool;
use std::ops::Range;
use std::sync::Arc;

/// How far before and behind the place where a piece was it is looked for, in bytes.
const MARGIN_BYTES: u64 = 128 << 10;

/// The most bytes of decompressed frames of older contents that are kept.
const KEPT_BYTES_MAX: u64 = 8 << 20;

/// Fewer bytes that are as they were, before or behind what changed, are no piece of their own.
const COPY_BYTES_MIN: usize = 64 << 10;

/// How many bytes of an older content are read at once to find out what stands where.
const READ_BYTES: u64 = 1 << 20;

/// Makes patches, one at a time: each takes some 35 MB.
pub struct PatchMaker {
    contents: Contents,
    turn: Lock<()>,
    level: i32,
}

impl PatchMaker {
    /// From the contents of an archive; `level` is a level of zstd.
    pub fn new(catalog: &Catalog, level: i32) -> PatchMaker {
        let contents = Contents::keeping(catalog, KEPT_BYTES_MAX, Check::Checksum, Advice::PlugInArchive);
        PatchMaker { contents, turn: Lock::new(()), level }
    }

    /// A patch that makes the content of `file` from that of `base`; `None` where it is not worth it, the older content cannot be
    /// had, or the file changes meanwhile: then it is stored whole. `read` is told of each piece that was read, and says whether
    /// to go on.
    pub fn attempt(&self, file: &LargeFile, base: &Entry, read: &mut PatchRead) -> Option<MadePatch> {
        let _turn = self.turn.lock();
        let older = base.content.as_ref().filter(|_| file.stat().size > 0)?;
        let depth = older.patch.as_ref().map_or(0, |patch| patch.depth());
        if depth >= PATCH_DEPTH_MAX {
            return None;
        }
        let whole = match &older.patch {
            Some(patch) => patch.whole_bytes,
            None => self.contents.stored_bytes(base).ok()?,
        };
        let whole = (u128::from(whole) * u128::from(file.stat().size) / u128::from(base.stat.size.max(1))) as u64;
        let chain = older.patch.as_ref().map_or(0, |patch| patch.chain_bytes());
        let mut making = Making {
            reader: self.contents.reader(),
            base,
            level: self.level,
            bytes_max: (whole / 2).saturating_sub(chain),
            shift: 0,
            anchors: None,
            pieces: Vec::new(),
            data: Spool::default(),
            stored: 0,
        };
        let mut hasher = Hasher::new();
        let mut new = Vec::new();
        for number in 0..file.pieces() {
            let range = file.range(number);
            new.clear();
            new.resize((range.end - range.start) as usize, 0);
            let (_, trouble) = file.read_piece(number, &mut new);
            if trouble.is_some() || !read(new.len() as u64) {
                return None;
            }
            file.holes().hash(range.start, &new, &mut hasher);
            making.piece(range.start, &new).ok().filter(|is_worth_it| *is_worth_it)?;
        }
        let Making { pieces, data, .. } = making;
        let patch = Patch {
            pieces,
            whole_bytes: whole,
            base_size: base.stat.size,
            base: Content { torn: false, ..older.clone() },
        };
        let entry = file.finished_entry(hasher.hash(), false);
        let content = entry.content.map(|content| Content { patch: Some(Arc::new(patch)), ..content });
        Some(MadePatch::new(Entry { content, ..entry }, data))
    }
}

/// A patch in the making.
struct Making<'a> {
    reader: Reader,
    base: &'a Entry,
    level: i32,
    /// More than this it must not take.
    bytes_max: u64,
    /// By how much the last piece stood further back in the older content.
    shift: i64,
    anchors: Option<Anchors>,
    pieces: Vec<PatchPiece>,
    data: Spool,
    stored: u64,
}

impl Making<'_> {
    /// Adds the piece `new`, which stands at `offset`; whether it is still worth it.
    fn piece(&mut self, offset: u64, new: &[u8]) -> Result<bool> {
        let place = self.place(offset, new.len(), 0).unwrap_or(0..0);
        let old = self.old(&place)?;
        let same = same_bytes(old.iter().zip(new));
        let done = if same == new.len() || same >= COPY_BYTES_MIN { same } else { 0 };
        self.push_copy(place.start, done);
        let (new, old, from) = (&new[done..], &old[done..], place.start + done as u64);
        // Where the end stands where it stood, nothing was put in or taken out.
        let tail = new.len().saturating_sub(SAME_BYTES);
        if new.is_empty() || old.len() == new.len() && old[tail..] == new[tail..] {
            return self.push_patch(from, old, new);
        }
        let offset = offset + done as u64;
        match self.anchors()?.shift_of(new, offset) {
            Some(shift) => self.moved(offset, new, shift),
            // Nothing of it was there; what is at the same place may still be like it.
            None => self.patch_near(offset, new),
        }
    }

    /// Adds bytes most of which were somewhere else.
    fn moved(&mut self, offset: u64, new: &[u8], shift: i64) -> Result<bool> {
        let before = std::mem::replace(&mut self.shift, shift);
        let place = self.place(offset, new.len(), 0).unwrap_or(0..0);
        let is_aligned = i128::from(place.end) == i128::from(offset) + i128::from(shift) + new.len() as i128;
        let old = if is_aligned { self.old(&place)? } else { Vec::new() };
        let same = same_bytes(old.iter().rev().zip(new.iter().rev()));
        if same < new.len() && same < COPY_BYTES_MIN {
            return self.patch_near(offset, new);
        }
        let middle = &new[..new.len() - same];
        if !middle.is_empty() {
            // What was put in, or the rest of what was taken out: near the place where it was until now.
            self.shift = before;
            self.patch_near(offset, middle)?;
            self.shift = shift;
        }
        self.push_copy(place.end - same as u64, same);
        Ok(self.is_worth_it())
    }

    /// Adds bytes that are made from what stands about where they were.
    fn patch_near(&mut self, offset: u64, new: &[u8]) -> Result<bool> {
        let place = self.place(offset, new.len(), MARGIN_BYTES).unwrap_or(0..0);
        let old = self.old(&place)?;
        self.push_patch(place.start, &old, new)
    }

    fn is_worth_it(&self) -> bool {
        self.stored <= self.bytes_max && self.pieces.len() <= PATCH_PIECES_MAX
    }

    /// Where `size` bytes at `offset` were, and so many bytes more on both sides; `None` when that is nowhere.
    fn place(&self, offset: u64, size: usize, margin: u64) -> Option<Range<u64>> {
        let end = self.base.stat.size;
        let clamped = |at: i128| at.clamp(0, i128::from(end)) as u64;
        let from = i128::from(offset) + i128::from(self.shift);
        let place = clamped(from - i128::from(margin))..clamped(from + size as i128 + i128::from(margin));
        (place.start < place.end).then_some(place)
    }

    /// These bytes of the older content, each frame of which is compared with its checksum.
    fn old(&mut self, place: &Range<u64>) -> Result<Vec<u8>> {
        let mut old = vec![0; (place.end - place.start) as usize];
        self.reader.read_at(self.base, place.start, &mut old)?;
        Ok(old)
    }

    fn anchors(&mut self) -> Result<&Anchors> {
        let anchors = match self.anchors.take() {
            Some(anchors) => anchors,
            None => self.sampled()?,
        };
        Ok(self.anchors.insert(anchors))
    }

    fn sampled(&mut self) -> Result<Anchors> {
        let size = self.base.stat.size;
        let mut anchors = Anchors::new(size);
        let mut at = 0;
        while at < size {
            let end = size.min(at + READ_BYTES);
            anchors.feed(&self.old(&(at..end))?);
            at = end;
        }
        Ok(anchors.sorted())
    }

    fn push_copy(&mut self, from: u64, bytes: usize) {
        let bytes = bytes as u64;
        match self.pieces.last_mut() {
            _ if bytes == 0 => {}
            Some(last) if last.stored == 0 && last.from + last.bytes == from => last.bytes += bytes,
            _ => self.pieces.push(PatchPiece { bytes, from, base_bytes: 0, stored: 0 }),
        }
    }

    fn push_patch(&mut self, from: u64, old: &[u8], new: &[u8]) -> Result<bool> {
        if !new.is_empty() {
            let stored = compress_patch(new, old, self.level)?;
            let (bytes, base_bytes) = (new.len() as u64, old.len() as u64);
            let from = if base_bytes == 0 { 0 } else { from };
            self.pieces.push(PatchPiece { bytes, from, base_bytes, stored: stored.len() as u64 });
            self.stored += stored.len() as u64;
            self.data.append(|data| {
                data.extend_from_slice(&stored);
                Ok(())
            })?;
        }
        Ok(self.is_worth_it())
    }
}

/// How many pairs from the first on are of the same bytes.
fn same_bytes<'b>(pairs: impl Iterator<Item = (&'b u8, &'b u8)>) -> usize {
    pairs.take_while(|(old, new)| old == new).count()
}
