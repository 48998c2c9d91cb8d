//! A large file that may be unchanged, or may be patched: it is read before anything of it is stored.

use super::attempt::Attempt;
use super::attempt::Outcome;
use super::attempt::PatchMaker;
use super::attempt::PatchScene;
use super::hardlinks::LinkOutcome;
use super::item::Item;
use super::large::LargeFile;
use super::large::MadePatch;
use super::large::hash_of;
use super::meter::Meter;
use crate::base::diff::Verdict;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::holes::Holes;
use crate::base::id::Hash;
use crate::format::apply::may_be_made;
use crate::format::layout::PIECE_BYTES;
use crate::system::platform;
use crate::system::source::Source;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::OnceLock;

/// A large file that was opened.
pub enum OpenedLarge {
    /// To be stored.
    New(Arc<LargeFile>),
    /// To be stored if its content changed.
    Comparing(Arc<Comparing>),
}

impl OpenedLarge {
    /// Whether it is compared with its older version.
    pub fn has_base(&self) -> bool {
        matches!(self, OpenedLarge::Comparing(comparing) if comparing.base.is_some())
    }
}

/// Prepares an opened file. With `patch_from`, a file of at least that size may be patched, by `patches`.
///
/// # Errors
/// When the file cannot be read.
pub fn prepare(
    source: usize,
    (file, entry): (File, Entry),
    item: Item,
    (patches, patch_from): (Option<&PatchMaker>, u64),
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
    let may_be_patched = |base: &Entry| {
        let is_large = size.min(base.stat.size) >= patch_from;
        is_large && item.link.is_none() && !base.is_torn() && may_be_made(&item.path)
    };
    let attempt = base.as_ref().filter(|base| may_be_patched(base)).and_then(|base| patches?.begin(size, base));
    let base = base.filter(|_| may_be_same || attempt.is_some());
    let may_be_copy = item.may_be_copy && patches.is_some() && size >= patch_from;
    let file = Arc::new(LargeFile::new(source, (file, entry), item, holes));
    if base.is_none() && !may_be_copy {
        file.check_readable()?;
        return Ok(OpenedLarge::New(file));
    }
    let comparing = Comparing { may_be_same, may_be_copy, attempt, ..Comparing::new(file, base) };
    Ok(OpenedLarge::Comparing(Arc::new(comparing)))
}

/// A large file that is read before anything of it is stored.
pub struct Comparing {
    /// The file.
    pub file: Arc<LargeFile>,
    /// Its older version, if it may be unchanged or may be patched.
    pub base: Option<Entry>,
    /// Whether its content may be unchanged.
    may_be_same: bool,
    /// Whether another file may have the same content.
    pub may_be_copy: bool,
    /// A patch of its older version, if one may be made.
    attempt: Option<Attempt>,
    /// Set when it was hashed.
    hashed: OnceLock<Hashed>,
    /// Its hash, if another file may have the same and it was read to its end.
    hash: OnceLock<Hash>,
    compared: OnceLock<Compared>,
}

/// What hashing a large file showed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hashed {
    /// It is known what to do with it.
    Decided,
    /// Its content was modified: a patch may be made.
    Different,
}

/// What comparing a large file showed.
pub enum Compared {
    /// Its content is unchanged; its present entry.
    Same(Box<Entry>),
    /// Its content was modified, and this is the patch.
    Patched(Box<MadePatch>),
    /// Its content is new or was modified; its hash, if another file may have the same.
    Different(Option<Hash>),
    /// It cannot be read.
    Failed(io::Error),
}

impl Comparing {
    /// A file whose older version is `base`, not compared yet.
    fn new(file: Arc<LargeFile>, base: Option<Entry>) -> Comparing {
        let (hashed, hash, compared) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Comparing { file, base, may_be_same: false, may_be_copy: false, attempt: None, hashed, hash, compared }
    }

    /// Whether it is only hashed at first. That costs less than comparing it with what the archive has, and a file with
    /// an unchanged time is mostly unchanged. A possible copy is looked up by its hash.
    fn is_hashed_first(&self) -> bool {
        let is_same_time = self.base.as_ref().is_some_and(|base| base.stat.mtime == self.file.stat().mtime);
        self.may_be_copy || self.may_be_same && (is_same_time || self.attempt.is_none())
    }

    /// The first jobs that compare it.
    pub fn jobs(self: &Arc<Self>) -> Vec<CompareJob> {
        if self.is_hashed_first() { vec![CompareJob::new(self, Step::Hash)] } else { self.piece_jobs() }
    }

    /// The jobs that follow these, if any; waits until that is known.
    pub fn further_jobs(self: &Arc<Self>) -> Vec<CompareJob> {
        let is_different = self.is_hashed_first() && *self.hashed.wait() == Hashed::Different;
        if is_different { self.piece_jobs() } else { Vec::new() }
    }

    fn piece_jobs(self: &Arc<Self>) -> Vec<CompareJob> {
        let pieces = self.attempt.as_ref().map_or(0, Attempt::pieces);
        (0..pieces).map(|number| CompareJob::new(self, Step::Piece(number))).collect()
    }

    /// Whether [`Comparing::further_jobs`] and, if it gives none, [`Comparing::wait`] return at once.
    pub fn is_decided(&self) -> bool {
        self.hashed.get().is_some() || self.compared.get().is_some()
    }

    /// Waits until it is compared, or a job of it is dropped.
    pub fn wait(&self) -> &Compared {
        self.compared.wait()
    }

    fn decide(&self, compared: Compared) {
        let _ = self.compared.set(compared);
        let _ = self.hashed.set(Hashed::Decided);
    }

    fn hash(&self, read: &mut dyn FnMut(u64) -> bool) {
        match self.same(read) {
            Ok(Some(same)) => self.decide(Compared::Same(Box::new(same))),
            Ok(None) if self.attempt.is_some() => {
                let _ = self.hashed.set(Hashed::Different);
            }
            Ok(None) => self.decide(self.different()),
            Err(error) => self.decide(Compared::Failed(error)),
        }
    }

    fn different(&self) -> Compared {
        let hash = self.hash.get().copied();
        self.file.check_readable().map_or_else(Compared::Failed, |()| Compared::Different(hash))
    }

    /// The entry, if its content is unchanged.
    fn same(&self, read: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<Entry>> {
        let LargeFile { file, entry, .. } = &*self.file;
        let Some(hash) = hash_of(file, entry.stat.size, self.file.holes(), read)? else { return Ok(None) };
        if self.may_be_copy {
            let _ = self.hash.set(hash);
        }
        Ok(if self.may_be_same { self.reused(hash) } else { None })
    }

    /// The entry with its older content, if that has this hash.
    fn reused(&self, hash: Hash) -> Option<Entry> {
        let content = self.base.as_ref()?.content.as_ref().filter(|content| content.hash == hash)?;
        if let Some(link) = &self.file.link {
            link.finish(LinkOutcome::Reused(hash, self.file.holes().clone()));
        }
        let content = Content { torn: false, ..content.clone() };
        Some(Entry { content: Some(content), ..self.file.entry.clone() })
    }

    fn finish(&self, attempt: &Attempt, scene: &PieceScene) {
        let compared = match attempt.finish(&self.file, || self.file.is_as_opened(&scene.sources[self.file.source])) {
            Outcome::Same(hash) => {
                self.reused(hash).map_or_else(|| self.different(), |same| Compared::Same(Box::new(same)))
            }
            Outcome::Made(made) => Compared::Patched(made),
            Outcome::GivenUp { differs: false } if self.may_be_same && !self.is_hashed_first() => {
                match self.same(&mut |_| !(scene.is_stopped)()) {
                    Ok(Some(same)) => Compared::Same(Box::new(same)),
                    Ok(None) => self.different(),
                    Err(error) => Compared::Failed(error),
                }
            }
            Outcome::GivenUp { .. } => self.different(),
        };
        self.decide(compared);
    }
}

#[derive(Clone, Copy)]
enum Step {
    Hash,
    Piece(u64),
}

/// Compares a large file, or a piece of it.
pub struct CompareJob {
    comparing: Arc<Comparing>,
    step: Step,
    is_done: bool,
}

/// What a worker needs to compare.
pub struct PieceScene<'s> {
    /// Counts what was read.
    pub meter: &'s Meter,
    /// Whether the result is not wanted any more.
    pub is_stopped: &'s dyn Fn() -> bool,
    /// The sources of files.
    pub sources: &'s [Source],
}

impl CompareJob {
    fn new(comparing: &Arc<Comparing>, step: Step) -> CompareJob {
        CompareJob { comparing: comparing.clone(), step, is_done: false }
    }

    /// What it takes in memory, about.
    pub fn weight(&self) -> u64 {
        if matches!(self.step, Step::Piece(_)) { PIECE_BYTES } else { 0 }
    }

    /// Reads, hashes and compares.
    pub fn run(mut self, scene: &PieceScene, patching: Option<PatchScene>) {
        let comparing = self.comparing.clone();
        match (self.step, &comparing.attempt, patching) {
            (Step::Piece(number), Some(attempt), Some(mut patching)) => {
                if (scene.is_stopped)() {
                    attempt.give_up();
                }
                let file = &comparing.file;
                let bytes = if number < file.pieces() { file.piece_bytes(number) } else { 0 };
                if attempt.piece(file, number, &mut patching) {
                    comparing.finish(attempt, scene);
                }
                scene.meter.add_done(bytes as u64);
            }
            _ => {
                let mut left = comparing.file.stat().size;
                comparing.hash(&mut |bytes| {
                    scene.meter.add_done(bytes.min(left));
                    left = left.saturating_sub(bytes);
                    !(scene.is_stopped)()
                });
                // Holes, and what cannot be read.
                scene.meter.add_done(left);
            }
        }
        self.is_done = true;
    }
}

impl Drop for CompareJob {
    fn drop(&mut self) {
        if !self.is_done {
            if let Some(attempt) = &self.comparing.attempt {
                attempt.give_up();
            }
            // No effect if it is decided already.
            self.comparing.decide(Compared::Failed(io::Error::other("stopped")));
        }
    }
}
