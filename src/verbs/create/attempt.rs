//! A patch while it is made: its pieces come from several workers, and are taken in order.

use super::differing::Differences;
use super::large::LargeFile;
use super::large::MadePatch;
use super::maker::Made;
use super::maker::Maker;
use super::maker::PieceBytes;
use super::maker::push_copy;
use super::speed::DriveSpeed;
use super::speed::Measured;
use super::speed::PatchCost;
use crate::archive::catalog::Catalog;
use crate::archive::content::ContentCheck;
use crate::archive::content::Contents;
use crate::archive::content::Reader;
use crate::base::advice::Advice;
use crate::base::concurrency::Lock;
use crate::base::concurrency::Turns;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::PATCH_DEPTH_MAX;
use crate::base::entry::PATCH_PIECES_MAX;
use crate::base::entry::Patch;
use crate::base::entry::PatchPiece;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::format::layout::PIECE_BYTES;
use crate::system::store::Spool;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// The most bytes of decompressed frames of older contents that are kept.
const KEPT_BYTES_MAX: u64 = 16 << 20;

/// After this many pieces, a patch that is about as large as the file stored whole is given up.
const TRIED_PIECES: u64 = 8;

/// What makes patches of older contents of an archive.
pub struct PatchMaker {
    contents: Contents,
    level: i32,
    speed: Measured,
}

impl PatchMaker {
    /// Makes patches of contents of an archive; `level` is a zstd level. `speed`, if it is known, is used instead of
    /// what is measured.
    pub fn new(catalog: &Catalog, level: i32, speed: Option<DriveSpeed>) -> PatchMaker {
        let contents = Contents::keeping(catalog, KEPT_BYTES_MAX, ContentCheck::Checksum, Advice::PlugInArchive);
        PatchMaker { contents, level, speed: Measured::new(speed) }
    }

    /// The drive took `bytes` in `time`.
    pub fn note_written(&self, bytes: u64, time: Duration) {
        self.speed.note_written(bytes, time);
    }

    /// Begins a patch that makes a content of `size` bytes from that of `base`. `None` if it is not worth it, or the
    /// older content cannot be read.
    pub fn begin(&self, size: u64, base: &Entry) -> Option<Attempt> {
        let older = base.content.as_ref().filter(|_| size > 0)?;
        let patch = older.patch.as_deref();
        if patch.map_or(0, Patch::depth) >= PATCH_DEPTH_MAX {
            return None;
        }
        let base_whole =
            patch.map_or_else(|| self.contents.stored_bytes(base).ok(), |patch| Some(patch.whole_bytes))?;
        let chain = patch.map_or(0, Patch::chain_bytes);
        let scaled = u128::from(base_whole) * u128::from(size) / u128::from(base.stat.size.max(1));
        let whole = u64::try_from(scaled).unwrap_or(u64::MAX);
        let pieces = size.max(base.stat.size).div_ceil(PIECE_BYTES);
        let limits = Limits {
            whole,
            data: (whole / 2).saturating_sub(chain),
            read: base_whole.saturating_add(chain),
            pieces: PATCH_PIECES_MAX.saturating_sub(patch.map_or(0, Patch::chain_pieces)),
        };
        let is_sooner = self.is_sooner(limits, 0, 0..pieces);
        is_sooner.then(|| Attempt {
            maker: Maker::new(base.clone(), self.level),
            limits,
            size,
            pieces,
            hashed: Turns::default(),
            results: Lock::default(),
        })
    }

    /// Whether the drive takes less time for a patch of which `stored` bytes were made before the range `left`.
    fn is_sooner(&self, limits: Limits, stored: u64, left: Range<u64>) -> bool {
        let count = u128::from(left.end - left.start);
        let share = |bytes: u64, of: u64| (u128::from(bytes) * count / u128::from(of.max(1))) as u64;
        let (read, written) = (share(limits.read, left.end), share(stored, left.start));
        self.speed.is_sooner(PatchCost { read, written, whole: limits.whole }, self.contents.reading())
    }
}

/// What a patch may take, in bytes.
#[derive(Clone, Copy)]
struct Limits {
    /// The file stored whole, about.
    whole: u64,
    /// More data is not worth it.
    data: u64,
    /// What is to be read of the older content.
    read: u64,
    /// The most pieces: each row of the index holds those of all patches that its content needs.
    pieces: usize,
}

/// A patch in the making.
pub struct Attempt {
    maker: Maker,
    limits: Limits,
    size: u64,
    /// How many pieces there are, of the older or the newer content.
    pieces: u64,
    /// Stopped when nothing more comes of it.
    hashed: Turns<Hashed>,
    results: Lock<Results>,
}

/// The hashes of all pieces so far.
#[derive(Default)]
struct Hashed {
    new: Hasher,
    /// The hash of the older content, from the first difference on.
    old: Option<Hasher>,
}

#[derive(Default)]
struct Results {
    /// How many pieces were looked at.
    finished: u64,
    /// How many were taken in order.
    taken: u64,
    /// Those that wait for one before them.
    waiting: BTreeMap<u64, Made>,
    differs: bool,
    pieces: Vec<PatchPiece>,
    data: Spool,
    stored: u64,
}

/// What became of a patch.
pub enum Outcome {
    /// All bytes are unchanged, and so is the length; with their hash.
    Same(Hash),
    /// What changed.
    Made(Box<MadePatch>),
    /// It is not worth it, or cannot be made. Whether a difference was seen.
    GivenUp { differs: bool },
}

/// What a worker needs for pieces of patches. Its memory is used again.
pub struct PatchTools {
    /// For pieces in order.
    older: Reader,
    /// For bytes that stand somewhere else.
    reader: Reader,
    new: Vec<u8>,
}

impl PatchTools {
    /// For older contents of `patches`.
    pub fn new(patches: &PatchMaker) -> PatchTools {
        PatchTools { older: patches.contents.reader(), reader: patches.contents.reader(), new: Vec::new() }
    }

    /// A buffer of `bytes` bytes: zeros, unless `all` of them will be written.
    fn room(&mut self, bytes: usize, all: bool) -> &mut [u8] {
        if self.new.len() < bytes {
            self.new.resize(bytes, 0);
        }
        let room = &mut self.new[..bytes];
        if !all {
            room.fill(0);
        }
        room
    }
}

impl Attempt {
    /// How many pieces are to be looked at.
    pub fn pieces(&self) -> u64 {
        self.pieces
    }

    /// Whether it was given up.
    pub fn is_over(&self) -> bool {
        self.hashed.is_stopped()
    }

    /// Gives it up. No thread waits for a piece any more.
    pub fn give_up(&self) {
        self.hashed.stop();
    }

    /// Looks at a piece. Returns whether it was the last of all: then [`Attempt::finish`] has to follow.
    pub fn piece(&self, file: &LargeFile, number: u64, scene: &mut PatchScene) -> bool {
        let made = if self.is_over() { Ok(None) } else { self.look(file, number, scene.tools) };
        if made.is_err() {
            self.give_up();
        }
        self.take(number, made.ok().flatten(), scene.patches)
    }

    /// Makes a piece; `None` if it is not wanted any more.
    fn look(&self, file: &LargeFile, number: u64, tools: &mut PatchTools) -> Result<Option<Made>> {
        let offset = number * PIECE_BYTES;
        let bytes = if number < file.pieces() { file.piece_bytes(number) } else { 0 };
        let new = tools.room(bytes, file.holes().is_empty());
        if bytes > 0
            && let (_, Some(trouble)) = file.read_piece(number, new)
        {
            return Err(Error::damaged(trouble));
        }
        let base = self.maker.base();
        let old = offset.min(base.stat.size)..base.stat.size.min(offset + PIECE_BYTES);
        let old = tools.older.in_order(base, old)?;
        let piece = PieceBytes { offset, new: &tools.new[..bytes], old };
        let differences = Differences::of(piece.old, piece.new);
        if !self.hash(file, number, piece, piece.differs(&differences)) {
            return Ok(None);
        }
        self.maker.make(file, piece, differences, &mut tools.reader).map(Some)
    }

    /// Hashes a piece when its turn has come, unless the patch was given up.
    fn hash(&self, file: &LargeFile, number: u64, piece: PieceBytes, differs: bool) -> bool {
        let holes = self.maker.base().content.as_ref().map(|content| &content.holes);
        let hash = |hashed: &mut Hashed| {
            if hashed.old.is_none() && (differs || holes != Some(file.holes())) {
                hashed.old = Some(hashed.new.clone());
            }
            file.holes().hash(piece.offset, piece.new, &mut hashed.new);
            if let (Some(old), Some(holes)) = (&mut hashed.old, holes) {
                holes.hash(piece.offset, piece.old, old);
            }
        };
        self.hashed.take_unless_stopped(number, hash).is_some()
    }

    fn take(&self, number: u64, made: Option<Made>, patches: &PatchMaker) -> bool {
        let mut results = self.results.lock();
        results.finished += 1;
        if let Some(made) = made {
            results.differs |= made.differs;
            results.waiting.insert(number, made);
        }
        while let Some(made) = results.next().filter(|_| !self.is_over()) {
            let is_taken = results.take(made).is_ok() && self.is_worth_it(&results, patches);
            if !is_taken {
                self.give_up();
            }
        }
        results.finished == self.pieces
    }

    fn is_worth_it(&self, results: &Results, patches: &PatchMaker) -> bool {
        let Results { taken, stored, .. } = *results;
        // Given up if hardly anything so far was found in the older content.
        let share = u128::from(self.limits.whole) * u128::from((taken * PIECE_BYTES).min(self.size));
        let is_like_new = taken == TRIED_PIECES && u128::from(stored) * 10 * u128::from(self.size) >= share * 9;
        stored <= self.limits.data
            && results.pieces.len() <= self.limits.pieces
            && !is_like_new
            && (taken == self.pieces || patches.is_sooner(self.limits, stored, taken..self.pieces))
    }

    /// What became of it, after all pieces were looked at. `is_as_opened` says whether the file is unchanged since it
    /// was opened.
    pub fn finish(&self, file: &LargeFile, is_as_opened: impl FnOnce() -> bool) -> Outcome {
        let results = std::mem::take(&mut *self.results.lock());
        let hashes = |hashed: &mut Hashed| (hashed.new.hash(), hashed.old.as_ref().unwrap_or(&hashed.new).hash());
        let hashes = self.hashed.take_unless_stopped(self.pieces, hashes);
        let base = self.maker.base();
        let known = hashes.and_then(|(new, old)| Some((new, base.content.as_ref().filter(|older| older.hash == old)?)));
        let Some((new, older)) = known else { return Outcome::GivenUp { differs: results.differs } };
        if !results.differs && file.holes() == &older.holes {
            return Outcome::Same(new);
        }
        if !is_as_opened() {
            // A file that changed meanwhile is stored whole, which reports it.
            return Outcome::GivenUp { differs: true };
        }
        let patch = Patch {
            pieces: results.pieces,
            whole_bytes: self.limits.whole,
            base_size: base.stat.size,
            base: Content { torn: false, ..older.clone() },
        };
        let entry = file.finished_entry(new, false);
        let content = entry.content.map(|content| Content { patch: Some(Arc::new(patch)), ..content });
        Outcome::Made(Box::new(MadePatch::new(Entry { content, ..entry }, results.data)))
    }
}

/// What is needed to look at a piece.
pub struct PatchScene<'s> {
    /// What makes patches.
    pub patches: &'s PatchMaker,
    /// The worker's readers and memory.
    pub tools: &'s mut PatchTools,
}

impl Results {
    fn next(&mut self) -> Option<Made> {
        self.waiting.remove(&self.taken)
    }

    fn take(&mut self, made: Made) -> Result<()> {
        self.taken += 1;
        for piece in made.pieces {
            if piece.stored == 0 {
                push_copy(&mut self.pieces, piece.from, piece.bytes);
            } else {
                self.stored += piece.stored;
                self.pieces.push(piece);
            }
        }
        self.data.append(|data| {
            data.extend_from_slice(&made.data);
            Ok(())
        })
    }
}
