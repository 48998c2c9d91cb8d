//! Sends planned work to the workers, in the order of the tar. A large file that may be unchanged is compared by a
//! worker meanwhile; what comes after it waits here for the result, so that the order does not depend on how long it
//! takes.

use super::comparing::CompareJob;
use super::comparing::Compared;
use super::comparing::Comparing;
use super::copies::Copied;
use super::copies::Copies;
use super::hardlinks::LinkOutcome;
use super::job::GroupJob;
use super::job::GroupStep;
use super::job::HeaderNeed;
use super::job::Job;
use super::job::JobDirectory;
use super::job::LINE_BYTES;
use super::job::item_bytes;
use super::large::FilePiece;
use super::large::LargeFile;
use super::large::MadePatch;
use super::large::SmallPatch;
use super::opened::unread;
use super::pack_context::Context;
use super::packed::ContentOffset;
use super::packed::Packed;
use super::part_budget::PartBudget;
use crate::base::entry::Patch;
use crate::base::entry::Stat;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::format::apply;
use crate::format::frames::Effort;
use crate::format::layout::FrameBuilder;
use crate::format::layout::PIECE_BYTES;
use crate::format::tar::Body;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// The most steps of jobs that wait: each takes about half a KiB.
const STEPS_WAITING_MAX: usize = 16 << 10;

/// A patch with more data is sent by itself.
const SMALL_PATCH_BYTES: u64 = 16 << 10;

/// Small patches share frames of this many bytes: damage to a frame may cost all of them.
const SMALL_FRAME_BYTES: u64 = 256 << 10;

/// The most large files that are compared at once: each is open.
const FILES_WAITING_MAX: usize = 32;

/// What the planner sends, in order.
pub enum WorkItem {
    /// Work for a worker; how many bytes it and what it makes take, about.
    Job(Job, u64),
    /// Done already: lines for the manifest.
    Ready(Box<Packed>),
    /// Here one part of the snapshot ends and another begins.
    Cut,
}

/// A large file that is being compared.
pub struct Undecided {
    /// The file.
    pub comparing: Arc<Comparing>,
    /// What was noted when it was opened.
    pub packed: Box<Packed>,
    /// Its directory, if its header may be needed before the file, and whether that was written.
    pub directory: Option<(JobDirectory, Arc<AtomicBool>)>,
}

enum Waiting {
    WorkItem(WorkItem),
    /// With the part and the bytes that it counts for.
    Undecided(Undecided, u64, u64),
}

/// What was planned and is not yet sent.
pub struct Outbox<'a> {
    send: &'a mut dyn FnMut(WorkItem) -> Result<()>,
    context: Context<'a>,
    copies: Copies<'a>,
    waiting: VecDeque<Waiting>,
    steps_waiting: usize,
    files_waiting: usize,
    /// Small patches, and what stands between them: they share a frame.
    small: GroupJob,
}

impl<'a> Outbox<'a> {
    /// Sends by calling `send`; `copies` finds files with the same content.
    pub fn new(
        context: Context<'a>,
        copies: Copies<'a>,
        send: &'a mut dyn FnMut(WorkItem) -> Result<()>,
    ) -> Outbox<'a> {
        let (waiting, small) = (VecDeque::new(), GroupJob::default());
        Outbox { send, context, copies, waiting, steps_waiting: 0, files_waiting: 0, small }
    }

    /// What finds files with the same content.
    pub fn copies(&mut self) -> &mut Copies<'a> {
        &mut self.copies
    }

    /// What the workers share.
    pub fn context(&self) -> Context<'a> {
        self.context
    }

    /// Sends the next item, as soon as all before it were sent.
    ///
    /// # Errors
    /// Those of sending, and of the index.
    pub fn push(&mut self, planned: WorkItem, budget: &mut PartBudget) -> Result<()> {
        while self.is_front_decided() {
            self.send_front(budget)?;
        }
        if self.waiting.is_empty() {
            return self.send_now(planned);
        }
        self.steps_waiting += steps_of(&planned);
        self.waiting.push_back(Waiting::WorkItem(planned));
        while self.steps_waiting > STEPS_WAITING_MAX {
            self.send_front(budget)?;
        }
        Ok(())
    }

    /// Sends a large file to be compared.
    ///
    /// # Errors
    /// As for [`Outbox::push`].
    pub fn compare(&mut self, undecided: Undecided, budget: &mut PartBudget) -> Result<()> {
        self.send_compare_jobs(undecided.comparing.jobs())?;
        let header = if undecided.directory.is_some() { LINE_BYTES + header_bytes() } else { 0 };
        let bytes = undecided.comparing.file.stat().size + header;
        let part = budget.add_undecided(bytes);
        self.files_waiting += 1;
        self.waiting.push_back(Waiting::Undecided(undecided, part, bytes));
        while self.files_waiting > FILES_WAITING_MAX {
            self.send_front(budget)?;
        }
        Ok(())
    }

    /// Waits until everything is decided and sent.
    ///
    /// # Errors
    /// As for [`Outbox::push`].
    pub fn settle(&mut self, budget: &mut PartBudget) -> Result<()> {
        while !self.waiting.is_empty() {
            self.send_front(budget)?;
        }
        Ok(())
    }

    /// As [`Outbox::settle`], and all of it is on its way to the workers.
    ///
    /// # Errors
    /// As for [`Outbox::push`].
    pub fn finish(&mut self, budget: &mut PartBudget) -> Result<()> {
        self.settle(budget)?;
        self.send_small()
    }

    fn is_front_decided(&self) -> bool {
        match self.waiting.front() {
            None => false,
            Some(Waiting::WorkItem(_)) => true,
            Some(Waiting::Undecided(undecided, ..)) => undecided.comparing.is_decided(),
        }
    }

    /// Sends the first item that waits, when it is decided.
    fn send_front(&mut self, budget: &mut PartBudget) -> Result<()> {
        match self.waiting.pop_front() {
            None => Ok(()),
            Some(Waiting::WorkItem(planned)) => {
                self.steps_waiting -= steps_of(&planned);
                self.send_now(planned)
            }
            Some(Waiting::Undecided(undecided, part, bytes)) => {
                self.files_waiting -= 1;
                let stored_bytes = self.send_decided(undecided)?;
                budget.decide(part, bytes, stored_bytes);
                Ok(())
            }
        }
    }

    fn send_compare_jobs(&mut self, jobs: Vec<CompareJob>) -> Result<()> {
        for job in jobs {
            let weight = job.weight();
            self.send_now(WorkItem::Job(Job::Compare(job), weight))?;
        }
        Ok(())
    }

    /// Sends a file that was compared; gives the bytes that it counts for.
    fn send_decided(&mut self, undecided: Undecided) -> Result<u64> {
        let Undecided { comparing, mut packed, directory } = undecided;
        let further = comparing.further_jobs();
        if !further.is_empty() {
            // It is read once more.
            self.context.meter.add_second_reading(comparing.file.stat().size);
            self.send_compare_jobs(further)?;
        }
        let compared = comparing.wait();
        let is_modified = matches!(compared, Compared::Different(_) | Compared::Patched(_));
        if is_modified && self.copies.is_held(&comparing.file.path) {
            packed.problems.push(held(&comparing.file.path));
            self.send_now(WorkItem::Ready(packed))?;
            return Ok(0);
        }
        let copied = self.find_copied(&comparing)?;
        match (compared, &comparing.base) {
            (Compared::Patched(_), _) if copied.is_none() => self.copies.note_patched(&comparing.file.path),
            (Compared::Different(_) | Compared::Patched(_), Some(base)) => {
                self.copies.note_gone(&comparing.file.path, &base.stat);
            }
            _ => {}
        }
        if let Some(copied) = copied {
            return self.send_copy((&comparing.file, *packed), directory, copied);
        }
        match compared {
            Compared::Different(_) => {
                let bytes = comparing.file.stat().size;
                // It is read once more, to be stored.
                self.context.meter.add_second_reading(bytes);
                let bytes = bytes + self.send_header(directory)?;
                self.send_now(WorkItem::Ready(packed))?;
                self.send_pieces(&comparing.file)?;
                return Ok(bytes);
            }
            Compared::Same(entry) => {
                packed.bytes_read += entry.stat.size;
                let path = comparing.file.path.clone();
                packed.push_reused(path, (**entry).clone(), comparing.base.as_ref());
            }
            Compared::Patched(made) => {
                let stored = made.patch().map_or(0, Patch::stored_bytes);
                if packed.problems.is_empty() && stored <= SMALL_PATCH_BYTES {
                    return self.add_small(made.in_memory(&comparing.file)?, &comparing.file.path, stored);
                }
                packed.bytes_read += made.entry.stat.size;
                return self.send_patch(&comparing.file, made, *packed);
            }
            Compared::Failed(error) => {
                packed.problems.push(unread(&comparing.file.path, error));
            }
        }
        self.send_now(WorkItem::Ready(packed))?;
        Ok(0)
    }

    /// Sends the header of a directory, if it is wanted for what is stored next and does not stand there; gives its bytes.
    fn send_header(&mut self, directory: Option<(JobDirectory, Arc<AtomicBool>)>) -> Result<u64> {
        match directory.filter(|(_, is_stored)| !is_stored.swap(true, Ordering::Relaxed)) {
            Some((directory, _)) => self.send_now(header_job(directory)).map(|()| LINE_BYTES + header_bytes()),
            None => Ok(0),
        }
    }

    /// Another file that has the same content, if this one is as it was when it was hashed.
    fn find_copied(&mut self, comparing: &Comparing) -> Result<Option<Copied>> {
        let hash = match comparing.wait() {
            Compared::Different(hash) => *hash,
            Compared::Patched(made) if comparing.may_be_copy => made.entry.content.as_ref().map(|content| content.hash),
            _ => None,
        };
        let file = &comparing.file;
        match hash.filter(|_| file.is_as_opened(&self.context.sources[file.source])) {
            Some(hash) => {
                // The file that it is a copy of may wait for its frame to be full.
                if self.small.stores_contents() {
                    self.send_small()?;
                }
                self.copies.find(file, hash)
            }
            None => Ok(None),
        }
    }

    /// Sends a file that has the content of another one; gives the bytes that it counts for.
    fn send_copy(
        &mut self,
        (file, mut packed): (&LargeFile, Packed),
        directory: Option<(JobDirectory, Arc<AtomicBool>)>,
        copied: Copied,
    ) -> Result<u64> {
        if let Some(link) = &file.link {
            link.finish(LinkOutcome::Reused(copied.content.hash, copied.content.holes.clone()));
        }
        let mut entry = file.finished_entry(copied.content.hash, false);
        packed.bytes_read += entry.stat.size;
        let (mut bytes, mut offset) = (LINE_BYTES + header_bytes(), None);
        if copied.is_here {
            bytes += self.send_header(directory)?;
            let mut frames = FrameBuilder::default();
            frames.header(&file.path, &entry, Body::CopyOf(copied.path.as_bytes()));
            frames.finish(Effort::default(), &mut packed.frames)?;
            let known = Arc::new(ContentOffset::default());
            known.set(copied.content.place.offset);
            offset = Some(known);
        } else {
            entry.content = Some(copied.content);
        }
        packed.push_copy((file.path.clone(), file.is_new), entry, copied.path, offset);
        self.send_now(WorkItem::Ready(Box::new(packed)))?;
        Ok(bytes)
    }

    /// Has a patch share a frame with what comes next; gives the bytes that it counts for.
    fn add_small(&mut self, made: SmallPatch, path: &EntryPath, stored: u64) -> Result<u64> {
        let bytes = stored + 2 * item_bytes(path.as_bytes(), &Stat::default());
        if self.small.bytes() + bytes > SMALL_FRAME_BYTES {
            self.send_small()?;
        }
        self.small.push(GroupStep::Patched(Box::new(made)), bytes);
        Ok(LINE_BYTES + bytes)
    }

    fn send_small(&mut self) -> Result<()> {
        if self.small.is_empty() {
            return Ok(());
        }
        let job = std::mem::take(&mut self.small);
        let weight = job.weight();
        self.copies.sent += 1;
        (self.send)(WorkItem::Job(Job::Group(job), weight))
    }

    /// Sends what changed of a file; gives the bytes that it counts for.
    fn send_patch(&mut self, file: &LargeFile, made: &MadePatch, mut packed: Packed) -> Result<u64> {
        let Some(patch) = made.patch() else { return Ok(0) };
        let size = made.entry.stat.size;
        let head = apply::patch_headers(&file.path, size, patch, self.context.time_seconds);
        let mut frames = FrameBuilder::default();
        frames.content(head.len()).copy_from_slice(&head);
        packed.contents.push((head.len() as u64, file.offset.clone()));
        made.take_data().drain(|piece| {
            frames.content(piece.len()).copy_from_slice(piece);
            if (frames.raw_bytes() as u64) < PIECE_BYTES {
                return Ok(());
            }
            // It is compressed already.
            frames.finish(Effort::Level(1), &mut packed.frames)?;
            self.send_now(WorkItem::Ready(Box::new(std::mem::take(&mut packed))))
        })?;
        frames.pad(patch.stored_bytes());
        frames.finish(Effort::Level(1), &mut packed.frames)?;
        packed.push_patched(file.path.clone(), made.entry.clone(), file.offset.clone());
        self.send_now(WorkItem::Ready(Box::new(packed)))?;
        Ok(LINE_BYTES + head.len() as u64 + patch.stored_bytes())
    }

    fn send_pieces(&mut self, file: &Arc<LargeFile>) -> Result<()> {
        pieces(file).try_for_each(|piece| self.send_now(piece))
    }

    fn send_now(&mut self, mut planned: WorkItem) -> Result<()> {
        match &mut planned {
            WorkItem::Job(Job::Group(job), _) => {
                job.directories.iter_mut().for_each(|directory| directory.header.resolve());
                if !self.small.is_empty() && self.small.bytes() + job.bytes() <= SMALL_FRAME_BYTES {
                    self.small.append(std::mem::take(job));
                    return Ok(());
                }
                self.send_small()?;
            }
            // Nothing of it is written.
            WorkItem::Job(Job::Compare(_), _) => {}
            _ => self.send_small()?,
        }
        self.copies.parts += u64::from(matches!(planned, WorkItem::Cut));
        self.copies.sent += 1;
        (self.send)(planned)
    }
}

/// The problem of a file that changed after it was found unchanged and another became a copy of it.
pub fn held(path: &EntryPath) -> Problem {
    let what = "changed after it was looked at, while the snapshot was made; it is kept as it was then, the next snapshot reads it";
    Problem::new(path.to_owned(), what).unsaved()
}

/// The pieces of a large file that is stored.
pub fn pieces(file: &Arc<LargeFile>) -> impl Iterator<Item = WorkItem> {
    let piece = |number| WorkItem::Job(Job::FilePiece(FilePiece { file: file.clone(), number }), PIECE_BYTES);
    (0..file.pieces()).map(piece)
}

fn header_job(directory: JobDirectory) -> WorkItem {
    let mut job = GroupJob::default();
    job.directories.push(JobDirectory { header: HeaderNeed::Always(Vec::new()), ..directory });
    job.push(GroupStep::Enter { directory: 0 }, header_bytes());
    let weight = job.weight();
    WorkItem::Job(Job::Group(job), weight)
}

/// How many bytes of tar the header of a directory takes, about.
pub fn header_bytes() -> u64 {
    item_bytes(b"", &Stat::default())
}

fn steps_of(planned: &WorkItem) -> usize {
    match planned {
        WorkItem::Job(Job::Group(job), _) => job.steps.len(),
        _ => 1,
    }
}
