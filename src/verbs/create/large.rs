//! A large file in pieces, each a frame of its own and a job of its own; they are hashed in order.

use super::hardlinks::HardLinkSlot;
use super::item::Item;
use super::packed::ContentOffset;
use super::packed::Packed;
use crate::base::concurrency::Lock;
use crate::base::concurrency::Turns;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Patch;
use crate::base::entry::Place;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::base::error::plain_reason;
use crate::base::holes::Holes;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::base::path::EntryPathBuf;
use crate::format::apply;
use crate::format::layout::FrameBuilder;
use crate::format::layout::PIECE_BYTES;
use crate::system::platform;
use crate::system::source::Source;
use crate::system::store::Spool;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// How many bytes are read at once when a file is only hashed.
const HASH_BYTES: usize = 1 << 20;

/// The problem of a file that ended before its size was reached.
pub const SHORTER: &str = "became shorter while it was read; what is missing was saved as zeros";

/// A file of several pieces, open.
pub struct LargeFile {
    /// The index of its source in the list.
    pub source: usize,
    /// Its path.
    pub path: EntryPathBuf,
    /// The file.
    pub file: File,
    /// All but the content.
    pub entry: Entry,
    /// Whether it is new, or had another type.
    pub is_new: bool,
    /// Its place among the names of one file, if it has several.
    pub link: Option<HardLinkSlot>,
    /// Where its content begins.
    pub offset: Arc<ContentOffset>,
    holes: Holes,
    progress: Turns<HashedSoFar>,
}

#[derive(Default)]
struct HashedSoFar {
    hasher: Hasher,
    /// Why bytes are missing, once some are.
    trouble: Option<String>,
}

/// One piece.
pub struct FilePiece {
    /// The file.
    pub file: Arc<LargeFile>,
    /// Which piece, from 0.
    pub number: u64,
}

/// A patch of a file.
pub struct MadePatch {
    /// The file, with its content, which has no place yet.
    pub entry: Entry,
    data: Lock<Option<Spool>>,
}

/// A patch of a file, if it is small. It keeps no file open.
pub struct SmallPatch {
    path: EntryPathBuf,
    entry: Entry,
    offset: Arc<ContentOffset>,
    data: Vec<u8>,
}

impl SmallPatch {
    /// Appends its members and its line.
    pub fn append_to(&self, frames: &mut FrameBuilder, packed: &mut Packed, time_seconds: i64) {
        let Some(patch) = patch_of(&self.entry) else { return };
        let head = apply::patch_headers(&self.path, self.entry.stat.size, patch, time_seconds);
        frames.content(head.len()).copy_from_slice(&head);
        packed.contents.push((frames.raw_bytes() as u64, self.offset.clone()));
        frames.content(self.data.len()).copy_from_slice(&self.data);
        frames.pad(self.data.len() as u64);
        packed.bytes_read += self.entry.stat.size;
        packed.push_patched(self.path.clone(), self.entry.clone(), self.offset.clone());
    }
}

fn patch_of(entry: &Entry) -> Option<&Patch> {
    entry.content.as_ref().and_then(|content| content.patch.as_deref())
}

impl MadePatch {
    /// The patch, with all its data in memory.
    ///
    /// # Errors
    /// When its data, which was kept meanwhile, cannot be read any more.
    pub fn in_memory(&self, file: &LargeFile) -> Result<SmallPatch> {
        let mut data = Vec::new();
        self.take_data().drain(|piece| {
            data.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(SmallPatch { path: file.path.clone(), entry: self.entry.clone(), offset: file.offset.clone(), data })
    }

    /// The patch itself.
    pub fn patch(&self) -> Option<&Patch> {
        patch_of(&self.entry)
    }

    /// With the data of its pieces.
    pub fn new(entry: Entry, data: Spool) -> MadePatch {
        MadePatch { entry, data: Lock::new(Some(data)) }
    }

    /// Its data, the first time.
    pub fn take_data(&self) -> Spool {
        self.data.lock().take().unwrap_or_default()
    }
}

/// The hash of a file's bytes, without holes. `read` is called with the number of bytes after each read. `None` if the
/// file ends too early, or `read` says that the hash is not wanted any more.
///
/// # Errors
/// When the file cannot be read.
pub fn hash_of(file: &File, size: u64, holes: &Holes, read: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<Hash>> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; HASH_BYTES];
    for range in holes.data(0..size) {
        let mut at = range.start;
        while at < range.end {
            let length = (range.end - at).min(HASH_BYTES as u64) as usize;
            match read_full(file, at, &mut buffer[..length])? {
                0 => return Ok(None),
                count if !read(count as u64) => return Ok(None),
                count => hasher.update(&buffer[..count]),
            }
            at += length as u64;
        }
    }
    Ok(Some(hasher.hash()))
}

/// Reads until the buffer is full or the file ends.
pub fn read_full(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
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

/// Appends to `content` until it has `most` bytes; whether the file ends there.
pub fn read_on(file: &File, content: &mut Vec<u8>, most: usize) -> io::Result<bool> {
    while content.len() < most {
        let start = content.len();
        content.resize((start + HASH_BYTES).min(most), 0);
        let count = read_full(file, start as u64, &mut content[start..])?;
        let is_end = start + count < content.len();
        content.truncate(start + count);
        if is_end {
            return Ok(true);
        }
    }
    Ok(read_full(file, content.len() as u64, &mut [0])? == 0)
}

/// Whether size and times are the same.
pub fn same_times(a: &Stat, b: &Stat) -> bool {
    (a.size, a.mtime, a.ctime) == (b.size, b.mtime, b.ctime)
}

impl LargeFile {
    /// An opened file with these holes; `entry` is all of it but the content.
    pub fn new(source: usize, (file, entry): (File, Entry), item: Item, holes: Holes) -> LargeFile {
        LargeFile {
            source,
            is_new: item.is_new(),
            path: item.path,
            file,
            entry,
            link: item.link,
            offset: Arc::default(),
            holes,
            progress: Turns::default(),
        }
    }

    /// How many pieces it has; one that was emptied since the scan has an empty one.
    pub fn pieces(&self) -> u64 {
        self.entry.stat.size.div_ceil(PIECE_BYTES).max(1)
    }

    /// What is known of the open file.
    pub fn stat(&self) -> &Stat {
        &self.entry.stat
    }

    /// Reads its first byte: when its header stands in the tar, it is too late to leave out what cannot be read at all.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn check_readable(&self) -> io::Result<()> {
        if let Some(data) = self.holes.next_data(0, self.entry.stat.size) {
            read_full(&self.file, data, &mut [0])?;
        }
        Ok(())
    }

    /// Which bytes of the file a piece is.
    pub fn range(&self, number: u64) -> Range<u64> {
        number * PIECE_BYTES..((number + 1) * PIECE_BYTES).min(self.entry.stat.size)
    }

    /// Its holes.
    pub fn holes(&self) -> &Holes {
        &self.holes
    }

    /// Whether a piece is one hole from end to end.
    pub fn is_hole(&self, number: u64) -> bool {
        self.holes.covers(self.range(number))
    }

    /// How many bytes a piece has.
    pub fn piece_bytes(&self, number: u64) -> usize {
        let range = self.range(number);
        (range.end - range.start) as usize
    }

    /// Reads a piece into `out`, which must be zeros and stays so in holes and where nothing can be read. Returns the
    /// bytes read, and why some are missing.
    pub fn read_piece(&self, number: u64, out: &mut [u8]) -> (u64, Option<String>) {
        let range = self.range(number);
        let mut bytes = 0;
        for data in self.holes.data(range.clone()) {
            let buffer = &mut out[(data.start - range.start) as usize..(data.end - range.start) as usize];
            match read_full(&self.file, data.start, buffer) {
                Ok(count) if count == buffer.len() => bytes += count as u64,
                Ok(count) => return (bytes + count as u64, Some(SHORTER.to_owned())),
                Err(error) => {
                    let why = plain_reason(&error);
                    let what = format!("a part of it cannot be read ({why}); zeros were saved in its place");
                    return (bytes, Some(what));
                }
            }
        }
        (bytes, None)
    }

    /// Hashes a piece when its turn has come, `content` being its bytes; gives the hash of the whole after the last.
    pub fn hash_piece(&self, number: u64, content: &[u8], trouble: Option<String>) -> (Hash, Option<String>) {
        self.progress.take(number, |progress| {
            self.holes.hash(self.range(number).start, content, &mut progress.hasher);
            if progress.trouble.is_none() {
                progress.trouble = trouble;
            }
            if number + 1 == self.pieces() {
                return (progress.hasher.hash(), progress.trouble.clone());
            }
            (Hash::default(), None)
        })
    }

    /// Whether its metadata and its end are as when it was opened.
    pub fn is_as_opened(&self, source: &Source) -> bool {
        let Ok(stat) = platform::stat_file(&self.file) else { return true };
        let now = source.stat_now(source.root(), &stat, Kind::File);
        let goes_on = read_full(&self.file, self.stat().size, &mut [0]).is_ok_and(|count| count > 0);
        !goes_on && same_times(&now, self.stat())
    }

    /// The entry with its content.
    pub fn finished_entry(&self, hash: Hash, torn: bool) -> Entry {
        let content = Content { hash, place: Place::default(), holes: self.holes.clone(), patch: None, torn };
        Entry { content: Some(content), ..self.entry.clone() }
    }
}
