//! What one worker does with a job.

use super::Anchor;
use super::GroupJob;
use super::Header;
use super::Item;
use super::Job;
use super::JobDirectory;
use super::LargeFile;
use super::Line;
use super::OpenedLarge;
use super::OwnerNames;
use super::PIECE_BYTES;
use super::Packed;
use super::Piece;
use super::Step;
use super::has_content;
use super::large;
use super::large::ToOpen;
use super::large::data_ranges;
use super::large::read_full;
use super::lines::push_gone;
use super::lines::push_kept_line;
use super::lines::push_stored;
use super::links::Outcome;
use crate::base::diff::Verdict;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Hole;
use crate::base::entry::Kind;
use crate::base::entry::Place;
use crate::base::entry::Stat;
use crate::base::entry::Xattr;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::time::Time;
use crate::format::frames::Compressor;
use crate::format::frames::Effort;
use crate::format::frames::FRAME_BYTES;
use crate::format::frames::Frame;
use crate::format::manifest::LineWithoutOffset;
use crate::format::tar;
use crate::format::tar::Body;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::scan::Source;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Instant;

/// The most bytes of tar in one frame, when a job makes more: a directory with very many names.
const FRAME_BYTES_CUT: usize = 2 * FRAME_BYTES;

/// A frame of zeros, made once.
static ZERO_PIECE: OnceLock<(Effort, Vec<u8>, Frame)> = OnceLock::new();

/// What all workers share.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The sources, in the order in which jobs name them.
    pub sources: &'a [Source],
    /// How hard to compress the next frame.
    pub effort: &'a (dyn Fn() -> Effort + Sync),
    /// The name of an older bundle.
    pub bundle_name: &'a (dyn Fn(BundleId) -> Option<BundleName> + Sync),
    /// Where "now" comes from.
    pub clock: &'a (dyn Fn() -> Time + Sync),
    /// Whether to compress, or only to find out what would be stored.
    pub dry_run: bool,
    /// Whether nobody wants the results any more.
    pub is_stopped: &'a (dyn Fn() -> bool + Sync),
}

/// A worker; keeps its memory from job to job.
pub struct Packer<'a> {
    context: Context<'a>,
    compressor: Compressor,
    owners: OwnerNames,
    raw: Vec<u8>,
    /// The directory opened last, since entries come by directory.
    opened: Option<(usize, Vec<u8>, Arc<Directory>)>,
}

impl<'a> Packer<'a> {
    /// A worker.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(context: Context<'a>) -> Result<Packer<'a>> {
        Ok(Packer {
            context,
            compressor: Compressor::new((context.effort)())?,
            owners: OwnerNames::default(),
            raw: Vec::with_capacity(FRAME_BYTES + (64 << 10)),
            opened: None,
        })
    }

    /// Does a job; its frames are put into `buffer`, whose room is used, not what is in it.
    ///
    /// # Errors
    /// When there is no memory for it. What is wrong with single entries is in the result.
    pub fn pack(&mut self, job: Job, mut buffer: Vec<u8>) -> Result<Packed> {
        buffer.clear();
        self.raw.clear();
        let mut packed = Packed { stored: buffer, ..Packed::default() };
        match job {
            Job::Group(job) => self.pack_group(&job, &mut packed)?,
            Job::Piece(piece) => self.pack_piece(&piece, &mut packed)?,
        }
        self.compress(&mut packed)?;
        Ok(packed)
    }

    fn compress(&mut self, packed: &mut Packed) -> Result<()> {
        if self.context.dry_run {
            return Ok(());
        }
        let mut rest = self.raw.as_slice();
        if rest.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        packed.effort = (self.context.effort)();
        self.compressor.set_effort(packed.effort)?;
        while !rest.is_empty() {
            let length = if rest.len() > FRAME_BYTES_CUT { FRAME_BYTES } else { rest.len() };
            packed.frames.push(self.compressor.append_frame(&rest[..length], &mut packed.stored)?);
            rest = &rest[length..];
        }
        packed.compressing = began.elapsed();
        Ok(())
    }

    fn pack_group(&mut self, job: &GroupJob, packed: &mut Packed) -> Result<()> {
        let mut headers: Vec<Option<&Header>> =
            job.directories.iter().map(|directory| Some(&directory.header)).collect();
        for step in &job.steps {
            match step {
                Step::Enter { directory } => {
                    if matches!(headers[*directory], Some(Header::Always(_))) {
                        self.append_directory(&job.directories[*directory], headers[*directory].take());
                    }
                }
                Step::Gone { path, kind } => push_gone(path, *kind, packed),
                Step::Directory { directory, name, stat, is_new } => {
                    self.push_directory_line(&job.directories[*directory], name, stat, *is_new, packed);
                }
                Step::Metadata { path, stat, before } => {
                    if let Some(before) = before.entry()? {
                        self.push_kept(path, Entry { stat: *stat, ..before.clone() }, Some(&before), packed);
                    }
                }
                Step::Item(item) => {
                    let start = self.raw.len();
                    let owner = &job.directories[item.directory];
                    if let Some(Header::IfStored) = headers[item.directory] {
                        self.append_directory(owner, headers[item.directory]);
                    }
                    let before_item = self.raw.len();
                    self.pack_item(owner, item, packed);
                    if self.raw.len() == before_item {
                        // Nothing of it is stored: then its directory's header is not wanted for its sake.
                        self.raw.truncate(start);
                    } else if start < before_item {
                        headers[item.directory] = None;
                    }
                }
            }
        }
        Ok(())
    }

    /// Appends a directory's own header.
    fn append_directory(&mut self, directory: &JobDirectory, header: Option<&Header>) {
        if directory.path.is_empty() {
            return;
        }
        let mut entry = self.new_entry(directory.stat);
        // That attributes cannot be read is said by the directory's own line.
        let opened = self.open(directory.source, &directory.path);
        entry.xattrs = opened.and_then(|opened| opened.own_xattrs()).unwrap_or_default();
        let body = match header {
            Some(Header::Always(Some(names))) => Body::Listing(names),
            _ => Body::Itself,
        };
        tar::append_header(&mut self.raw, &directory.path, &entry, body);
    }

    /// The manifest's line of a directory that is in `parent`.
    fn push_directory_line(
        &mut self,
        parent: &JobDirectory,
        name: &[u8],
        stat: &Stat,
        is_new: bool,
        packed: &mut Packed,
    ) {
        let full = path::joined(&parent.path, name);
        let Some(path) = EntryPathBuf::from_bytes(&full) else { return };
        let mut entry = self.new_entry(*stat);
        let xattrs = if parent.path.is_empty() {
            self.context.sources[parent.source].root().own_xattrs()
        } else {
            self.open(parent.source, &parent.path).and_then(|parent| parent.xattrs(name))
        };
        note_xattrs(&path, &mut entry, xattrs, &mut packed.problems);
        let (count, what) = if is_new {
            (&mut packed.counts.new_directories, "new")
        } else {
            (&mut packed.counts.changed_directories, "metadata")
        };
        *count += 1;
        let text = LineWithoutOffset::entry(&path, &entry, None);
        packed.lines.push(Line { text, anchor: None, path, entry: Some(entry), change: Some(what) });
    }

    /// Reads an entry and stores it, unless its content is as it was.
    fn pack_item(&mut self, owner: &JobDirectory, item: &Item, packed: &mut Packed) {
        let Some(path) = EntryPathBuf::from_bytes(&path::joined(&owner.path, &item.name)) else { return };
        let result = self.open(owner.source, &owner.path).and_then(|directory| match item.stat.kind {
            Kind::File => self.pack_file(&directory, owner.source, &path, item, packed),
            _ => self.pack_special(&directory, &path, item, packed),
        });
        if let Some(link) = &item.link {
            // Whoever waits must not wait for ever; where the file was stored, this has been said before.
            link.finish(Outcome::Failed);
        }
        if let Err(error) = result {
            let what = if error.kind() == io::ErrorKind::NotFound { "is not there any more" } else { "cannot be read" };
            packed.problems.push(Problem::io(path.clone(), what, &error));
            // The last version stays, unless it was a directory, which unpacking removes: its contents are gone, too.
            let old = item.before.as_ref().and_then(|row| row.stat()).map(|stat| stat.kind);
            if let Some(kind) = old.filter(|kind| *kind == Kind::Directory) {
                push_gone(&path, kind, packed);
            }
        }
    }

    fn pack_special(
        &mut self,
        directory: &Directory,
        path: &EntryPath,
        item: &Item,
        packed: &mut Packed,
    ) -> io::Result<()> {
        let mut entry = self.new_entry(item.stat);
        if item.stat.kind == Kind::Symlink {
            entry.target = directory.read_link(&item.name)?;
        }
        note_xattrs(path, &mut entry, directory.xattrs(&item.name), &mut packed.problems);
        let before = item.before.as_ref().and_then(|row| row.entry().ok().flatten());
        if let Some(before) = before.as_ref().filter(|_| item.verdict == Verdict::Touched)
            && before.target == entry.target
        {
            self.push_kept(path, entry, Some(before), packed);
            return Ok(());
        }
        tar::append_header(&mut self.raw, path.as_bytes(), &entry, Body::Itself);
        push_stored(path, &entry, None, item.verdict, item.before.is_some(), packed);
        Ok(())
    }

    fn pack_file(
        &mut self,
        directory: &Directory,
        source: usize,
        path: &EntryPath,
        item: &Item,
        packed: &mut Packed,
    ) -> io::Result<()> {
        let before = if item.verdict == Verdict::Touched || item.verdict == Verdict::Changed {
            item.before.as_ref().and_then(|row| row.entry().ok().flatten())
        } else {
            None
        };
        if let Some(link) = &item.link
            && self.pack_second_name(directory, path, item, before.as_ref(), &link.outcome_before(), packed)
        {
            return Ok(());
        }
        let file = directory.open_file(&item.name)?;
        let source = &self.context.sources[source];
        let stat = opened_stat(source, directory, &file, self.context.clock)?;
        let mut entry = self.new_entry(Stat { size: promised_size(&item.stat, &stat), ..stat });
        note_xattrs(path, &mut entry, platform::file_xattrs(&file), &mut packed.problems);
        let size = entry.stat.size;
        let holes = if item.may_have_holes { platform::holes(&file, size)? } else { Vec::new() };
        let start = self.raw.len();
        tar::append_header(&mut self.raw, path.as_bytes(), &entry, Body::Itself);
        let content_start = self.raw.len();
        self.raw.resize(content_start + size as usize, 0);
        let read = read_full(&file, 0, &mut self.raw[content_start..]);
        let count = match read {
            Ok(count) => count,
            Err(error) => {
                self.raw.truncate(start);
                return Err(error);
            }
        };
        packed.bytes_read += count as u64;
        let trouble = trouble_while_reading(source, directory, &file, &entry.stat, &stat, count as u64)?;
        let hash = hash_content(&self.raw[content_start..], &holes);
        if let Some(before) =
            before.as_ref().filter(|before| trouble.is_none() && has_content(before, size, hash, &holes))
        {
            self.raw.truncate(start);
            if let Some(link) = &item.link {
                link.finish(Outcome::Kept(hash, holes));
            }
            // As it was read now without trouble, what was read before is a state that it had.
            entry.content = before.content.clone().map(|content| Content { torn: false, ..content });
            self.push_kept(path, entry, Some(before), packed);
            return Ok(());
        }
        tar::pad(&mut self.raw, size);
        entry.stat.racy |= trouble.is_some();
        entry.content = Some(Content { hash, place: Place::default(), holes, torn: trouble.is_some() });
        let anchor = Arc::new(Anchor::default());
        packed.anchors.push((content_start as u64, anchor.clone()));
        if let Some(link) = &item.link {
            link.finish(stored_outcome(path, &entry, &anchor));
        }
        packed.counts.bytes += size;
        push_stored(path, &entry, Some(anchor), item.verdict, item.before.is_some(), packed);
        packed.problems.extend(trouble.map(|what| Problem::new(path.to_owned(), what)));
        Ok(())
    }

    /// Stores a further name of a file whose first name was dealt with; whether that was possible.
    fn pack_second_name(
        &mut self,
        directory: &Directory,
        path: &EntryPath,
        item: &Item,
        before: Option<&Entry>,
        first: &Outcome,
        packed: &mut Packed,
    ) -> bool {
        match first {
            Outcome::Failed => return false,
            Outcome::Kept(hash, holes) => {
                let Some(before) = before.filter(|before| has_content(before, item.stat.size, *hash, holes)) else {
                    return false;
                };
                let mut entry = self.new_entry(item.stat);
                note_xattrs(path, &mut entry, directory.xattrs(&item.name), &mut packed.problems);
                entry.content = before.content.clone().map(|content| Content { torn: false, ..content });
                self.push_kept(path, entry, Some(before), packed);
            }
            Outcome::Stored(target, stat, content, anchor) => {
                // As the first name found it: the scan's look at this one may be older than the content.
                let mut entry = self.new_entry(*stat);
                note_xattrs(path, &mut entry, directory.xattrs(&item.name), &mut packed.problems);
                entry.content = Some(content.clone());
                tar::append_header(&mut self.raw, path.as_bytes(), &entry, Body::LinkTo(target.as_bytes()));
                push_stored(path, &entry, Some(anchor.clone()), item.verdict, item.before.is_some(), packed);
            }
        }
        if let Some(link) = &item.link {
            link.finish(first.clone());
        }
        true
    }

    fn pack_piece(&mut self, piece: &Piece, packed: &mut Packed) -> Result<()> {
        let (file, number) = (&*piece.file, piece.number);
        if number == 0 {
            tar::append_header(&mut self.raw, file.path.as_bytes(), &file.entry, Body::Itself);
            packed.anchors.push((self.raw.len() as u64, file.anchor.clone()));
        }
        let is_last = number + 1 == file.pieces();
        if file.is_hole(number) && number > 0 && !is_last {
            file.hash_piece(number, &[], None);
            return self.append_zero_piece(packed);
        }
        let start = self.raw.len();
        let (bytes, trouble) = file.read_piece(number, &mut self.raw);
        packed.bytes_read += bytes;
        let (hash, trouble) = file.hash_piece(number, &self.raw[start..], trouble);
        if is_last {
            tar::pad(&mut self.raw, file.stat().size);
            self.finish_large(file, hash, trouble, packed);
        }
        Ok(())
    }

    fn append_zero_piece(&mut self, packed: &mut Packed) -> Result<()> {
        if self.context.dry_run {
            return Ok(());
        }
        // One for all steps: zeros are as small with any.
        let effort = match (self.context.effort)() {
            Effort::Step(_) => Effort::Step(0),
            level @ Effort::Level(_) => level,
        };
        if let Some((_, stored, frame)) = ZERO_PIECE.get().filter(|(known, ..)| *known == effort) {
            packed.stored.extend_from_slice(stored);
            packed.frames.push(*frame);
            return Ok(());
        }
        let mut stored = Vec::new();
        self.compressor.set_effort(effort)?;
        let frame = self.compressor.append_frame(&vec![0; PIECE_BYTES as usize], &mut stored)?;
        packed.stored.extend_from_slice(&stored);
        packed.frames.push(frame);
        let _ = ZERO_PIECE.set((effort, stored, frame));
        Ok(())
    }

    fn finish_large(&mut self, file: &LargeFile, hash: Hash, trouble: Option<String>, packed: &mut Packed) {
        let source = &self.context.sources[file.source];
        let trouble = trouble.or_else(|| {
            let stat = platform::stat_file(&file.file).ok()?;
            let now = source.stat_now(source.root(), &stat, Kind::File);
            (!same_times(&now, file.stat())).then(|| CHANGED.to_owned())
        });
        let mut entry = file.finished_entry(hash, trouble.is_some());
        entry.stat.racy |= trouble.is_some();
        if let Some(link) = &file.link {
            link.finish(stored_outcome(&file.path, &entry, &file.anchor));
        }
        packed.counts.bytes += file.stat().size;
        push_stored(&file.path, &entry, Some(file.anchor.clone()), file.verdict, file.before.is_some(), packed);
        packed.problems.extend(trouble.map(|what| Problem::new(file.path.clone(), what)));
    }

    /// The line of an entry whose content is as it was. `before` is what was noted of it.
    fn push_kept(&mut self, path: &EntryPath, entry: Entry, before: Option<&Entry>, packed: &mut Packed) {
        push_kept_line(path, &entry, before, self.context.bundle_name, packed);
    }

    fn new_entry(&mut self, stat: Stat) -> Entry {
        Entry { owner: self.owners.of(&stat), stat, ..Entry::default() }
    }

    fn open(&mut self, source: usize, full: &[u8]) -> io::Result<Arc<Directory>> {
        if let Some((number, path, directory)) = &self.opened
            && *number == source
            && path == full
        {
            return Ok(directory.clone());
        }
        let directory = Arc::new(open_directory(&self.context.sources[source], full)?);
        self.opened = Some((source, full.to_vec(), directory.clone()));
        Ok(directory)
    }
}

const CHANGED: &str = "changed while it was read; what was saved may be a mixture, the next snapshot reads it again";

fn open_directory(source: &Source, full: &[u8]) -> io::Result<Directory> {
    let below = full.get(source.name().len() + 1..).unwrap_or_default();
    source.root().open_below(below)
}

/// Opens a file that is too large to share a frame; on the planning thread, since its pieces are jobs of their own.
///
/// # Errors
/// When it cannot be read.
pub fn open_large(
    context: &Context,
    owners: &mut OwnerNames,
    directory: &JobDirectory,
    item: Item,
    problems: &mut Vec<Problem>,
) -> io::Result<OpenedLarge> {
    let source = &context.sources[directory.source];
    let opened = open_directory(source, &directory.path)?;
    let file = opened.open_file(&item.name)?;
    let stat = opened_stat(source, &opened, &file, context.clock)?;
    let path = EntryPathBuf::from_bytes(&path::joined(&directory.path, &item.name))
        .ok_or_else(|| io::Error::other("its name cannot be kept"))?;
    let mut entry = Entry { owner: owners.of(&stat), stat, ..Entry::default() };
    note_xattrs(&path, &mut entry, platform::file_xattrs(&file), problems);
    let open = ToOpen {
        source: directory.source,
        path,
        file,
        entry,
        may_have_holes: item.may_have_holes,
        before: item.before,
        verdict: item.verdict,
        link: item.link,
    };
    large::prepare(open, context.is_stopped)
}

/// Gives an entry its attributes. Where they cannot be read, that is a problem, and the next snapshot looks at the entry again.
fn note_xattrs(path: &EntryPath, entry: &mut Entry, xattrs: io::Result<Vec<Xattr>>, problems: &mut Vec<Problem>) {
    match xattrs {
        Ok(xattrs) => entry.xattrs = xattrs,
        Err(error) => {
            problems.push(Problem::io(path.to_owned(), "its extended attributes cannot be read", &error));
            match entry.stat.kind {
                Kind::File | Kind::Symlink => entry.stat.racy = true,
                // What is not read again whatever was noted counts as changed when this is no longer its time.
                _ => entry.stat.ctime = Time::default(),
            }
        }
    }
}

fn stored_outcome(path: &EntryPath, entry: &Entry, anchor: &Arc<Anchor>) -> Outcome {
    Outcome::Stored(path.to_owned(), entry.stat, entry.content.clone().unwrap_or_default(), anchor.clone())
}

fn opened_stat(
    source: &Source,
    directory: &Directory,
    file: &File,
    clock: &(dyn Fn() -> Time + Sync),
) -> io::Result<Stat> {
    let looked_at = clock();
    let raw = platform::stat_file(file)?;
    if raw.kind != Some(Kind::File) {
        return Err(io::Error::other("it was replaced by something else"));
    }
    let mut stat = source.stat_now(directory, &raw, Kind::File);
    stat.note_look(looked_at);
    Ok(stat)
}

/// How many bytes of a small file are stored: as many as it has now, but no more than fit a frame.
fn promised_size(scanned: &Stat, opened: &Stat) -> u64 {
    if opened.size <= PIECE_BYTES { opened.size } else { scanned.size.min(PIECE_BYTES) }
}

/// Why what was read may be no state that the file ever had.
fn trouble_while_reading(
    source: &Source,
    directory: &Directory,
    file: &File,
    promised: &Stat,
    opened: &Stat,
    count: u64,
) -> io::Result<Option<String>> {
    if count < promised.size {
        return Ok(Some(large::SHORTER.to_owned()));
    }
    let now = source.stat_now(directory, &platform::stat_file(file)?, Kind::File);
    Ok((opened.size != promised.size || !same_times(&now, opened)).then(|| CHANGED.to_owned()))
}

fn same_times(a: &Stat, b: &Stat) -> bool {
    (a.size, a.mtime, a.ctime) == (b.size, b.mtime, b.ctime)
}

fn hash_content(content: &[u8], holes: &[Hole]) -> Hash {
    if holes.is_empty() {
        return Hash::of(content);
    }
    let mut hasher = Hasher::new();
    for range in data_ranges(0..content.len() as u64, holes) {
        hasher.update(&content[range.start as usize..range.end as usize]);
    }
    hasher.hash()
}
