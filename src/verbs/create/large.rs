//! A large file in pieces, each a frame of its own and a job of its own; they are hashed in order.

use super::hardlinks::HardLinkSlot;
use super::hardlinks::LinkOutcome;
use super::item::Item;
use super::meter::Meter;
use super::packed::ContentOffset;
use crate::base::concurrency::Lock;
use crate::base::concurrency::Turns;
use crate::base::diff::Verdict;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Place;
use crate::base::entry::Stat;
use crate::base::error::plain_reason;
use crate::base::holes::Holes;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::base::path::EntryPathBuf;
use crate::format::apply::may_be_made;
use crate::format::layout::PIECE_BYTES;
use crate::system::platform;
use crate::system::store::Spool;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::OnceLock;

/// How many bytes are read at once when a file is only hashed.
const HASH_BYTES: usize = 1 << 20;

/// Where so many bytes at the end of a piece are as they were, nothing was put in or taken out before them.
pub const SAME_BYTES: usize = 64;

pub const SHORTER: &str = "became shorter while it was read; what is missing was saved as zeros";

/// A file of several pieces, open.
pub struct LargeFile {
    /// Its source, by its place in the list.
    pub source: usize,
    /// Its path.
    pub path: EntryPathBuf,
    /// The file.
    pub file: File,
    /// All but the content.
    pub entry: Entry,
    /// Whether it was not there, or was something else.
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

/// A large file that was opened.
pub enum OpenedLarge {
    /// To be stored.
    New(Arc<LargeFile>),
    /// To be stored if its content is not as it was.
    Comparing(Arc<Comparing>),
}

impl OpenedLarge {
    /// Whether it is compared with what it was.
    pub fn has_base(&self) -> bool {
        matches!(self, OpenedLarge::Comparing(comparing) if comparing.base.is_some())
    }
}

/// Told of each piece that was read; says whether to go on.
pub type PatchRead<'r> = dyn FnMut(u64) -> bool + 'r;

/// Makes of a file a patch of what it was, if that is worth it.
pub type Attempt<'m> = dyn Fn(&LargeFile, &Entry, &mut PatchRead) -> Option<MadePatch> + 'm;

/// What changed of a file.
pub struct MadePatch {
    /// The file, with its content but for its place.
    pub entry: Entry,
    data: Lock<Option<Spool>>,
}

impl MadePatch {
    /// With the data of its pieces.
    pub fn new(entry: Entry, data: Spool) -> MadePatch {
        MadePatch { entry, data: Lock::new(Some(data)) }
    }

    /// Its data, the first time.
    pub fn take_data(&self) -> Spool {
        self.data.lock().take().unwrap_or_default()
    }
}

/// Prepares an opened file of the source with this number; from the size `patch_from` on, if it is given, only what changed of it
/// may be stored.
///
/// # Errors
/// When the file cannot be read.
pub fn prepare(
    source: usize,
    (file, entry): (File, Entry),
    item: Item,
    patch_from: Option<u64>,
) -> io::Result<OpenedLarge> {
    platform::will_read_in_order(&file);
    let size = entry.stat.size;
    let holes = if item.may_have_holes { platform::holes(&file, size)? } else { Holes::default() };
    let is_known = matches!(item.verdict, Verdict::MaybeModified | Verdict::Modified);
    let base = if is_known { item.base_entry() } else { None }
        .filter(|base| base.content.is_some() && !base.is_without_content());
    let may_be_same = base.as_ref().is_some_and(|base| {
        let has_holes = base.content.as_ref().is_some_and(|content| content.holes == holes);
        item.verdict == Verdict::MaybeModified && base.stat.size == size && has_holes
    });
    let may_be_patched = base.as_ref().is_some_and(|base| {
        let is_large = patch_from.is_some_and(|from| size.min(base.stat.size) >= from);
        is_large && item.link.is_none() && !base.is_torn() && may_be_made(&item.path)
    });
    let base = base.filter(|_| may_be_same || may_be_patched);
    let may_be_copy = item.may_be_copy && patch_from.is_some_and(|from| size >= from);
    let file = Arc::new(LargeFile {
        source,
        is_new: item.is_new(),
        path: item.path,
        file,
        entry,
        link: item.link,
        offset: Arc::default(),
        holes,
        progress: Turns::default(),
    });
    if base.is_none() && !may_be_copy {
        file.check_readable()?;
        return Ok(OpenedLarge::New(file));
    }
    let compared = OnceLock::new();
    let comparing = Comparing { file, base, may_be_same, may_be_patched, may_be_copy, compared };
    Ok(OpenedLarge::Comparing(Arc::new(comparing)))
}

/// A large file that may be as it was: it is read and hashed before anything of it is stored.
pub struct Comparing {
    /// The file.
    pub file: Arc<LargeFile>,
    /// It, as it was, if it may be so or only what changed may be stored.
    pub base: Option<Entry>,
    /// Whether its content may be as it was.
    may_be_same: bool,
    /// Whether only what changed may be stored.
    may_be_patched: bool,
    /// Whether another file may have the same content.
    pub may_be_copy: bool,
    compared: OnceLock<Compared>,
}

/// What comparing a large file said.
pub enum Compared {
    /// Its content is as it was; the entry as it is.
    Same(Box<Entry>),
    /// Its content was modified, and this is what changed.
    Patched(Box<MadePatch>),
    /// Its content is new or was modified; its hash, if another file may have the same.
    Different(Option<Hash>),
    /// It cannot be read.
    Failed(io::Error),
}

impl Comparing {
    /// The job that compares it.
    pub fn job(self: &Arc<Self>) -> CompareJob {
        CompareJob(self.clone())
    }

    /// Whether [`Comparing::wait`] need not wait.
    pub fn is_decided(&self) -> bool {
        self.compared.get().is_some()
    }

    /// Waits until it is compared, or its job is dropped.
    pub fn wait(&self) -> &Compared {
        self.compared.wait()
    }

    fn compare(&self, read: &mut PatchRead, attempt: &Attempt) -> io::Result<Compared> {
        let mut hash = None;
        if self.may_be_same || self.may_be_copy {
            hash = self.file.hash(read)?;
        }
        if let Some(same) = hash.filter(|_| self.may_be_same).and_then(|hash| self.same(hash)) {
            return Ok(Compared::Same(Box::new(same)));
        }
        if let Some(base) = self.base.as_ref().filter(|_| self.may_be_patched)
            && let Some(made) = attempt(&self.file, base, read)
        {
            return Ok(Compared::Patched(Box::new(made)));
        }
        self.file.check_readable()?;
        Ok(Compared::Different(hash.filter(|_| self.may_be_copy)))
    }

    /// The entry, if its content is as it was.
    fn same(&self, hash: Hash) -> Option<Entry> {
        let LargeFile { entry, holes, link, .. } = &*self.file;
        let content = self.base.as_ref()?.content.as_ref().filter(|content| content.hash == hash)?;
        if let Some(link) = link {
            link.finish(LinkOutcome::Reused(hash, holes.clone()));
        }
        let content = Content { torn: false, ..content.clone() };
        Some(Entry { content: Some(content), ..entry.clone() })
    }
}

/// Compares a large file.
pub struct CompareJob(Arc<Comparing>);

impl CompareJob {
    /// Reads and hashes it; `is_stopped` says when the result is not wanted any more; `attempt` makes a
    /// patch of it.
    pub fn run(&self, meter: &Meter, is_stopped: &dyn Fn() -> bool, attempt: &Attempt) {
        let mut left = self.0.file.stat().size;
        let mut read = |bytes: u64| {
            meter.add_done(bytes.min(left));
            left = left.saturating_sub(bytes);
            !is_stopped()
        };
        let compared = self.0.compare(&mut read, attempt).unwrap_or_else(Compared::Failed);
        // Holes, and what cannot be read.
        meter.add_done(left);
        let _ = self.0.compared.set(compared);
    }
}

impl Drop for CompareJob {
    fn drop(&mut self) {
        // Nothing, where it was run.
        let _ = self.0.compared.set(Compared::Failed(io::Error::other("stopped")));
    }
}

/// The hash of a file's bytes, those in holes left out; `None` when it ends before, or `read`, which is called with the number
/// of bytes each time some were read, says that it is not wanted any more.
///
/// # Errors
/// When the file cannot be read.
pub fn hash_of(file: &File, size: u64, holes: &Holes, read: &mut PatchRead) -> io::Result<Option<Hash>> {
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

/// Reads on behind `content`, until it has `most` bytes; whether the file ends there.
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

impl LargeFile {
    /// How many pieces it has; one that was emptied since the scan has an empty one.
    pub fn pieces(&self) -> u64 {
        self.entry.stat.size.div_ceil(PIECE_BYTES).max(1)
    }

    /// What is known of the open file.
    pub fn stat(&self) -> &Stat {
        &self.entry.stat
    }

    /// Reads its first byte: when its header stands in the tar, it is too late to leave out what cannot be read at all.
    fn check_readable(&self) -> io::Result<()> {
        if let Some(data) = self.holes.next_data(0, self.entry.stat.size) {
            read_full(&self.file, data, &mut [0])?;
        }
        Ok(())
    }

    /// Which bytes of the file a piece is.
    pub fn range(&self, number: u64) -> Range<u64> {
        number * PIECE_BYTES..((number + 1) * PIECE_BYTES).min(self.entry.stat.size)
    }

    fn hash(&self, read: &mut PatchRead) -> io::Result<Option<Hash>> {
        hash_of(&self.file, self.entry.stat.size, &self.holes, read)
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

    /// Reads a piece into `out`, which is all zeros and stays so where there are holes or nothing can be read; gives the bytes
    /// read, and why some are missing.
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

    /// The entry with its content.
    pub fn finished_entry(&self, hash: Hash, torn: bool) -> Entry {
        let content = Content { hash, place: Place::default(), holes: self.holes.clone(), patch: None, torn };
        Entry { content: Some(content), ..self.entry.clone() }
    }
}
