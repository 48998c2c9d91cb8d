//! A large file in pieces, each a frame of its own and a job of its own; the hash is passed on from piece to piece.

use super::Anchor;
use super::LinkTurn;
use super::PIECE_BYTES;
use super::links::Outcome;
use crate::archive::state::Row;
use crate::base::diff::Verdict;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Hole;
use crate::base::entry::Place;
use crate::base::entry::Stat;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::base::path::EntryPathBuf;
use crate::system::platform;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// How many bytes are read at once when a file is only hashed.
const HASH_BYTES: usize = 1 << 20;

pub(super) const SHORTER: &str = "became shorter while it was read; what is missing was saved as zeros";

/// A file of several pieces, open.
pub struct LargeFile {
    pub(super) source: usize,
    pub(super) path: EntryPathBuf,
    pub(super) file: File,
    /// All but the content.
    pub(super) entry: Entry,
    pub(super) holes: Vec<Hole>,
    pub(super) before: Option<Row>,
    pub(super) verdict: Verdict,
    pub(super) link: Option<LinkTurn>,
    pub(super) anchor: Arc<Anchor>,
    progress: Mutex<Progress>,
    advanced: Condvar,
}

#[derive(Default)]
struct Progress {
    /// The piece whose bytes are hashed next.
    next: u64,
    hasher: Hasher,
    /// Why bytes are missing, once some are.
    trouble: Option<String>,
}

/// One piece.
pub struct Piece {
    /// The file.
    pub file: Arc<LargeFile>,
    /// Which piece, from 0.
    pub number: u64,
}

/// A large file that was opened and, if need be, compared.
pub enum OpenedLarge {
    /// To be stored.
    Stored(Arc<LargeFile>),
    /// Its content is as it was: only a line.
    Kept(EntryPathBuf, Box<Entry>),
}

/// What is needed to open a large file.
pub(super) struct ToOpen {
    pub source: usize,
    pub path: EntryPathBuf,
    pub file: File,
    pub entry: Entry,
    pub may_have_holes: bool,
    pub before: Option<Row>,
    pub verdict: Verdict,
    pub link: Option<LinkTurn>,
}

/// Prepares an opened file; one that may be as it was is read and hashed before anything of it is stored.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn prepare(open: ToOpen, is_stopped: &dyn Fn() -> bool) -> io::Result<OpenedLarge> {
    platform::will_read_in_order(&open.file);
    let size = open.entry.stat.size;
    let holes = if open.may_have_holes { platform::holes(&open.file, size)? } else { Vec::new() };
    if open.verdict == Verdict::Touched
        && let Some(before) = open.before.as_ref().and_then(|row| row.entry().ok().flatten())
        && let Some(content) = before.content
        && before.stat.size == size
        && content.holes == holes
        && !content.place.is_lost()
        && hash_of(&open.file, size, &holes, is_stopped)? == content.hash
    {
        if let Some(link) = &open.link {
            link.finish(Outcome::Kept(content.hash, holes));
        }
        let entry = Entry { content: Some(Content { torn: false, ..content }), ..open.entry };
        return Ok(OpenedLarge::Kept(open.path, Box::new(entry)));
    }
    // When its header stands there, it is too late to leave out what cannot be read at all.
    if let Some(data) = data_ranges(0..size, &holes).first() {
        read_full(&open.file, data.start, &mut [0])?;
    }
    Ok(OpenedLarge::Stored(Arc::new(LargeFile {
        source: open.source,
        path: open.path,
        file: open.file,
        entry: open.entry,
        holes,
        before: open.before,
        verdict: open.verdict,
        link: open.link,
        anchor: Arc::default(),
        progress: Mutex::default(),
        advanced: Condvar::new(),
    })))
}

/// The hash of a file's bytes, those in holes left out; of no file when `is_stopped` says that nobody wants it any more.
fn hash_of(file: &File, size: u64, holes: &[Hole], is_stopped: &dyn Fn() -> bool) -> io::Result<Hash> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; HASH_BYTES];
    for range in data_ranges(0..size, holes) {
        let mut at = range.start;
        while at < range.end {
            let length = (range.end - at).min(HASH_BYTES as u64) as usize;
            match read_full(file, at, &mut buffer[..length])? {
                _ if is_stopped() => return Ok(Hash::default()),
                0 => return Ok(Hash::default()),
                count => hasher.update(&buffer[..count]),
            }
            at += length as u64;
        }
    }
    Ok(hasher.hash())
}

/// The parts of `range` that are in no hole.
pub(super) fn data_ranges(range: Range<u64>, holes: &[Hole]) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let mut at = range.start;
    let first = holes.partition_point(|hole| hole.offset + hole.length <= range.start);
    for hole in holes[first..].iter().take_while(|hole| hole.offset < range.end) {
        if hole.offset > at {
            ranges.push(at..hole.offset);
        }
        at = hole.offset + hole.length;
    }
    if at < range.end {
        ranges.push(at..range.end);
    }
    ranges
}

/// Reads until the buffer is full or the file ends.
pub(super) fn read_full(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match platform::read_at(file, offset + count as u64, &mut buffer[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

impl LargeFile {
    /// How many pieces it has; one that was emptied since the scan has an empty one.
    pub fn pieces(&self) -> u64 {
        self.entry.stat.size.div_ceil(PIECE_BYTES).max(1)
    }

    /// As the scan found it.
    pub fn stat(&self) -> &Stat {
        &self.entry.stat
    }

    pub(super) fn range(&self, number: u64) -> Range<u64> {
        number * PIECE_BYTES..((number + 1) * PIECE_BYTES).min(self.entry.stat.size)
    }

    /// Whether a piece is one hole from end to end.
    pub(super) fn is_hole(&self, number: u64) -> bool {
        data_ranges(self.range(number), &self.holes).is_empty()
    }

    /// Appends a piece's bytes to `out`, zeros in place of holes and of what cannot be read; gives the bytes read.
    pub(super) fn read_piece(&self, number: u64, out: &mut Vec<u8>) -> (u64, Option<String>) {
        let range = self.range(number);
        let start = out.len();
        out.resize(start + (range.end - range.start) as usize, 0);
        let mut bytes = 0;
        for data in data_ranges(range.clone(), &self.holes) {
            let from = start + (data.start - range.start) as usize;
            let buffer = &mut out[from..from + (data.end - data.start) as usize];
            match read_full(&self.file, data.start, buffer) {
                Ok(count) if count == buffer.len() => bytes += count as u64,
                Ok(count) => return (bytes + count as u64, Some(SHORTER.to_owned())),
                Err(error) => {
                    let why = crate::base::error::plain_reason(&error);
                    return (
                        bytes,
                        Some(format!("a part of it cannot be read ({why}); zeros were saved in its place")),
                    );
                }
            }
        }
        (bytes, None)
    }

    /// Hashes a piece when its turn has come, `content` being its bytes; gives the hash of the whole after the last.
    pub(super) fn hash_piece(&self, number: u64, content: &[u8], trouble: Option<String>) -> (Hash, Option<String>) {
        let mut progress = self.progress();
        while progress.next < number {
            progress = self.advanced.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
        let range = self.range(number);
        for data in data_ranges(range.clone(), &self.holes) {
            progress.hasher.update(&content[(data.start - range.start) as usize..(data.end - range.start) as usize]);
        }
        progress.next = number + 1;
        if progress.trouble.is_none() {
            progress.trouble = trouble;
        }
        self.advanced.notify_all();
        if number + 1 == self.pieces() {
            return (progress.hasher.hash(), progress.trouble.clone());
        }
        (Hash::default(), None)
    }

    /// The entry with its content.
    pub(super) fn finished_entry(&self, hash: Hash, torn: bool) -> Entry {
        let content = Content { hash, place: Place::default(), holes: self.holes.clone(), torn };
        Entry { content: Some(content), ..self.entry.clone() }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_no_hole_is_data() {
        let holes = [Hole { offset: 2, length: 3 }, Hole { offset: 8, length: 2 }];
        assert_eq!(data_ranges(0..12, &holes), [0..2, 5..8, 10..12]);
        assert_eq!(data_ranges(3..9, &holes), [5..8]);
        assert_eq!(data_ranges(2..5, &holes), []);
        assert_eq!(data_ranges(9..9, &holes), []);
        assert_eq!(data_ranges(0..1, &[]), [0..1]);
    }
}
