//! Takes what the workers made, in order, and makes bundles of it. The only part of `create` that writes.

use super::context::CreateContext;
use super::folders::ChangedFolders;
use super::index::IndexBuilder;
use super::packed::Line;
use super::packed::Packed;
use super::report::CreateReport;
use super::report::PassedOver;
use super::stored::Stored;
use crate::archive::open::BUNDLES;
use crate::archive::open::bundle_path;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::PART_MAX;
use crate::base::monitor::EntryChange;
use crate::base::monitor::Event;
use crate::base::monitor::Notice;
use crate::base::moves::Moves;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Counts;
use crate::format::bundle::BundleWriter;
use crate::format::manifest::DraftLine;
use crate::format::manifest::Head;
use crate::format::manifest::MoveStage;
use crate::format::manifest::Parent;
use crate::format::manifest::Tail;
use crate::system::platform;
use crate::system::source::Source;
use crate::system::store::Lease;
use std::io::ErrorKind as IoErrorKind;
use std::time::Duration;

/// Writes the bundles of one snapshot.
pub struct Writer<'a> {
    run: &'a CreateContext<'a>,
    /// The bundle being written. It is begun with the first thing that belongs in it.
    open: Option<BundleWriter>,
    tail: Tail,
    parts: u16,
    parent: Option<Parent>,
    /// The parts that were published, with their lengths in bytes.
    published: Vec<(String, u64)>,
    /// What the drive is known to have taken of the open bundle.
    taken: (u64, Duration),
    /// Whether this part has changes. Lines that only say "looked at again" are not worth a snapshot.
    has_changes: bool,
    /// Whether something was saved that not everybody can read.
    has_private: bool,
    done: CreateReport,
    line: Vec<u8>,
    index: IndexBuilder<'a>,
    folders: ChangedFolders,
    /// The state that all lines are relative to.
    base: State,
    /// What moved: each part says it.
    moves: Moves,
    /// Where contents are, for files with the same.
    stored: &'a Stored,
}

impl<'a> Writer<'a> {
    /// A writer for `run`, which notes in `stored` where contents are.
    pub fn new(run: &'a CreateContext<'a>, stored: &'a Stored) -> Writer<'a> {
        Writer {
            run,
            open: None,
            tail: Tail::default(),
            parts: 0,
            parent: run.head.parent.clone(),
            published: Vec::new(),
            taken: (0, Duration::ZERO),
            has_changes: false,
            has_private: false,
            done: CreateReport::default(),
            line: Vec::new(),
            index: IndexBuilder::new(run),
            folders: ChangedFolders::default(),
            base: run.base.clone(),
            moves: Moves::default(),
            stored,
        }
    }

    /// Takes the next thing in order; gives back the buffer of its frames.
    pub fn take(&mut self, packed: Packed) -> Result<Vec<u8>> {
        self.done.bytes_read += packed.bytes_read;
        self.done.counts.add(&packed.counts);
        self.tail.counts.add(&packed.counts);
        for problem in &packed.problems {
            self.run.monitor.event(Event::Problem(problem));
            self.done.problems += 1;
            self.tail.note(problem);
        }
        packed.elsewhere.iter().for_each(|path| self.tail.note_elsewhere(path));
        for (path, _) in packed.moved.iter().flat_map(|moved| moved.1.placed()) {
            self.done.moved += 1;
            if self.run.monitor.wants_entries() {
                self.run.monitor.event(Event::Entry(EntryChange::Moved, path));
            }
        }
        if self.run.monitor.wants_entries() {
            let changes = packed.lines.iter().filter_map(|line| Some((line.change?, &line.path)));
            changes.for_each(|(change, path)| self.run.monitor.event(Event::Entry(change, path)));
        }
        let is_moved = packed.moved.is_some();
        self.has_changes |=
            is_moved || !packed.frames.is_empty() || packed.lines.iter().any(|line| line.change.is_some());
        let is_empty = packed.frames.is_empty() && packed.lines.is_empty() && !is_moved;
        if self.run.options.dry_run || is_empty {
            return Ok(packed.frames.stored);
        }
        if let Some((state, moves)) = packed.moved.map(|moved| *moved) {
            (self.base, self.moves) = (state, moves);
        }
        let mut bundle = match self.open.take() {
            Some(bundle) => bundle,
            None => self.begin().map_err(explained)?,
        };
        self.index.begin(&self.base);
        let start = bundle.tar_offset();
        bundle.append_frames(&packed.frames.stored, &packed.frames.lengths).map_err(explained)?;
        packed.contents.iter().for_each(|(offset, content)| content.set(start + offset));
        // Counted from 1: whether it is the last is known when it ends.
        let part = BundleId { number: self.run.head.id.number, part: self.parts + 1 };
        for mut line in packed.lines {
            let offset = line.set_place(part);
            self.push_metadata(&mut bundle, &line)?;
            self.line.clear();
            self.note_stored(&line);
            line.text.append_to(&mut self.line, offset);
            bundle.push_line(&self.line)?;
            self.has_private |= line.entry.as_ref().is_some_and(|entry| is_private(&entry.stat));
            self.index.push(&line);
        }
        self.open = Some(bundle);
        Ok(packed.frames.stored)
    }

    /// Has the bundle's script give an entry its metadata, where tar does not.
    fn push_metadata(&mut self, bundle: &mut BundleWriter, line: &Line) -> Result<()> {
        let Some(entry) = &line.entry else { return Ok(()) };
        if entry.stat.kind == Kind::Directory {
            return self.folders.note(line.path.clone(), entry.clone());
        }
        if line.is_patched {
            bundle.push_patch(&line.path)?;
        }
        if let Some(copy_of) = &line.copy_of {
            let older = Some(&**copy_of).filter(|_| line.offset.is_none());
            let (folders, base) = (&mut self.folders, &self.base);
            return bundle.push_copy((&line.path, entry), older, &mut |path| folders.find(path, base));
        }
        if !line.needs_metadata {
            return Ok(());
        }
        let (folders, base) = (&mut self.folders, &self.base);
        bundle.push_metadata(&line.path, entry, &mut |path| folders.find(path, base))
    }

    /// Notes what an older snapshot noted, under the name that it has now.
    pub fn carry(&mut self, problems: &[Problem], elsewhere: &[EntryPathBuf]) {
        for problem in problems {
            self.done.problems += 1;
            self.tail.note(problem);
        }
        for path in elsewhere {
            self.tail.note_elsewhere(path);
        }
    }

    /// Notes where a content stands whole, for files with the same.
    fn note_stored(&self, line: &Line) {
        if let Some(entry) = line.entry.as_ref().filter(|_| line.offset.is_some())
            && !line.is_patched
            && line.copy_of.is_none()
        {
            self.stored.note(&line.path, entry);
        }
    }

    /// How many parts were published.
    pub fn parts(&self) -> u16 {
        self.parts
    }

    /// How many bytes the drive has taken since this was last asked, and in how much time of its own.
    pub fn newly_taken(&mut self) -> (u64, Duration) {
        let taken = self.open.as_ref().map(BundleWriter::taken).unwrap_or_default();
        let before = std::mem::replace(&mut self.taken, taken);
        // A bundle just begun has had nothing taken.
        if taken.0 < before.0 { taken } else { (taken.0 - before.0, taken.1.saturating_sub(before.1)) }
    }

    /// Publishes what there is as an earlier part.
    pub fn cut(&mut self) -> Result<()> {
        self.check_sources()?;
        if !self.has_changes || self.open.is_none() {
            return Ok(());
        }
        if self.parts == PART_MAX {
            return Err(Error::new(ErrorKind::Refused, format!("a snapshot has at most {PART_MAX} parts"))
                .with_advice(Advice::RaisePartSize));
        }
        self.parts += 1;
        self.publish(self.parts)
    }

    /// Publishes the last part, and with it the snapshot, if anything changed. `counts` is what was found unchanged.
    pub fn finish(mut self, counts: &Counts, passed_over: PassedOver) -> Result<CreateReport> {
        self.done.counts.add(counts);
        self.tail.counts.add(counts);
        self.done.passed_over = passed_over;
        self.check_sources()?;
        // Parts of a snapshot that was cut off may hold all there is to store; this one then finishes it.
        let worth_a_snapshot = self.has_changes || self.parts > 0 || self.run.was_cut_off() || self.run.is_wanted;
        if worth_a_snapshot && !self.run.options.dry_run {
            if self.open.is_none() {
                self.open = Some(self.begin()?);
            }
            self.publish(0)?;
            // The snapshot is saved, unless this shows damage: other errors do not count.
            self.check_published().or_else(|error| if error.is_damage() { Err(error) } else { Ok(()) })?;
            self.warn_of_readers();
            self.done.summary = Some(self.index.publish());
        }
        Ok(self.done)
    }

    /// Says that others can read in the archive what they cannot read in the sources.
    fn warn_of_readers(&self) {
        let store = self.run.archive.store();
        if self.has_private && store.capabilities().is_readable_by_others {
            let archive = store.describe();
            self.run.monitor.event(Event::Notice(&Notice::ReadableByOthers { archive }));
        }
    }

    /// Fails if the drive of a source is gone: what is not found there would count as deleted.
    fn check_sources(&self) -> Result<()> {
        self.run.sources.iter().try_for_each(Source::check_alive)
    }

    /// Looks whether what was published is still there: a file system that is not in order, mostly after its drive was pulled
    /// out, may lose one file when it makes the next.
    fn check_published(&self) -> Result<()> {
        if self.published.is_empty() {
            return Ok(());
        }
        let there = self.run.archive.store().list(BUNDLES)?;
        let lost = self.published.iter().find(|file| !there.contains(file));
        lost.map_or(Ok(()), |(name, _)| {
            let what = format!("the drive has lost {name}, which was written a moment ago");
            Err(Error::damaged(what).with_advice(Advice::CheckFileSystem))
        })
    }

    /// Begins a bundle as the last part. Whether it is an earlier one is known when it ends.
    fn begin(&self) -> Result<BundleWriter> {
        let head = Head { parent: self.parent.clone(), ..self.run.head.clone() };
        let upload = self.run.archive.store().create(&bundle_path(&self.name(0)?))?;
        let bundle = BundleWriter::new(upload, head, self.run.options.level.fixed())?;
        let mut bundle = if self.run.options.read_back { bundle.with_read_back() } else { bundle };
        let stage = if self.parts == 0 { MoveStage::Here } else { MoveStage::Before };
        for (from, to) in self.moves.list() {
            let mut line = Vec::new();
            DraftLine::moved(from, to, stage).append_to(&mut line, None);
            bundle.push_line(&line)?;
        }
        Ok(bundle)
    }

    fn publish(&mut self, part: u16) -> Result<()> {
        let Some(mut bundle) = self.open.take() else { return Ok(()) };
        self.run.lease.map_or(Ok(()), Lease::check)?;
        // Before another bundle refers to them.
        self.check_published()?;
        self.index.begin(&self.base);
        let name = self.name(part)?;
        if part > 0 {
            bundle.set_part(part);
        }
        let tail = std::mem::take(&mut self.tail);
        let (counts, problems) = (tail.counts, tail.problems_total);
        let published = bundle.publish(&bundle_path(&name), tail).map_err(explained)?;
        self.done.bytes_written += published.bytes;
        self.published.push((name.to_string(), published.bytes));
        self.index.end_part(&name, &published, &counts, problems);
        self.parent = Some(Parent { bundle: name, manifest: published.manifest });
        self.has_changes = false;
        Ok(())
    }

    fn name(&self, part: u16) -> Result<BundleName> {
        let id = BundleId { part, ..self.run.head.id };
        let too_large = || Error::new(ErrorKind::Refused, "the snapshot's number or time is too large");
        BundleName::new(id, self.run.head.time).ok_or_else(too_large)
    }
}

/// Whether others than its owner and group cannot read a file or enter a folder.
fn is_private(stat: &Stat) -> bool {
    match stat.kind {
        Kind::File => stat.mode & 0o004 == 0,
        Kind::Directory => stat.mode & 0o001 == 0,
        _ => false,
    }
}

/// An error of writing, with advice if there is any.
fn explained(error: Error) -> Error {
    let is_lost = error.io_error().is_some_and(platform::was_drive_lost);
    let advice = match error.io_error().map(std::io::Error::kind) {
        Some(IoErrorKind::StorageFull | IoErrorKind::QuotaExceeded) => Advice::FreeArchiveSpace,
        Some(IoErrorKind::FileTooLarge) => Advice::FileTooLargeForDrive,
        _ if is_lost => Advice::PlugInAndSaveAgain,
        _ => return error,
    };
    if error.advice().is_some() { error } else { error.with_advice(advice) }
}
