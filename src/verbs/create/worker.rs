//! What one worker does with a job.

use super::attempt::PatchScene;
use super::attempt::PatchTools;
use super::comparing::CompareJob;
use super::comparing::PieceScene;
use super::hardlinks::HardLinkSlot;
use super::hardlinks::LinkOutcome;
use super::item::Item;
use super::job::DirectoryLine;
use super::job::GroupJob;
use super::job::GroupStep;
use super::job::HeaderNeed;
use super::job::Job;
use super::job::JobDirectory;
use super::large;
use super::large::FilePiece;
use super::large::LargeFile;
use super::large::read_full;
use super::large::read_on;
use super::large::same_times;
use super::opened::note_xattrs;
use super::opened::opened_stat;
use super::opened::unread;
use super::owners::OwnerNames;
use super::pack_context::Context;
use super::packed::ContentOffset;
use super::packed::Packed;
use super::packed::has_content;
use crate::archive::state::Row;
use crate::base::diff::Verdict;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Place;
use crate::base::entry::Stat;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::holes::Holes;
use crate::base::id::Hash;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::frames::Effort;
use crate::format::frames::FRAME_BYTES;
use crate::format::layout::FrameBuilder;
use crate::format::layout::Frames;
use crate::format::layout::PIECE_BYTES;
use crate::format::tar::Body;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::platform::Ladder;
use crate::system::source::Source;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// How many bytes are asked for at once behind the end that `stat` promised.
const MORE_BYTES: usize = 4 << 10;

/// How hard frames of small patches are compressed at least: they are few bytes, most of them headers.
const PATCHES_LEVEL: i32 = 9;
const PATCHES_STEP: usize = 4;

/// The most bytes of a job, if files in it are longer than `stat` promised.
const GROUP_BYTES_MAX: usize = 2 * FRAME_BYTES;

/// A worker; keeps its memory from job to job.
pub struct Packer<'a> {
    context: Context<'a>,
    owners: OwnerNames,
    frames: FrameBuilder,
    /// The directory opened last, since entries come by directory.
    opened: Option<(usize, EntryPathBuf, Arc<Directory>)>,
    open: Ladder,
    patch_tools: Option<PatchTools>,
}

impl<'a> Packer<'a> {
    /// A worker.
    pub fn new(context: Context<'a>) -> Packer<'a> {
        Packer {
            context,
            owners: OwnerNames::default(),
            frames: FrameBuilder::default(),
            opened: None,
            open: Ladder::default(),
            patch_tools: None,
        }
    }

    /// Does a job. Its frames are put into `buffer`, whose contents are dropped.
    ///
    /// # Errors
    /// When there is no memory for it. What is wrong with single entries is in the result.
    pub fn pack(&mut self, job: Job, buffer: Vec<u8>) -> Result<Packed> {
        self.frames.truncate(0);
        let mut packed = Packed { frames: Frames::in_buffer(buffer), ..Packed::default() };
        let mut is_patches = false;
        match job {
            Job::Group(job) => {
                is_patches = job.has_patches();
                self.pack_group(&job, &mut packed)?;
            }
            Job::FilePiece(piece) => self.pack_piece(&piece, &mut packed)?,
            Job::Compare(job) => self.compare(job),
        }
        self.compress(&mut packed, is_patches)?;
        Ok(packed)
    }

    fn compare(&mut self, job: CompareJob) {
        let Context { sources, patches, meter, is_stopped, .. } = self.context;
        let scene = PieceScene { meter, is_stopped: &|| is_stopped(), sources };
        let tools = patches.map(|patches| {
            let tools = self.patch_tools.get_or_insert_with(|| PatchTools::new(patches));
            PatchScene { patches, tools }
        });
        job.run(&scene, tools);
    }

    fn compress(&mut self, packed: &mut Packed, is_patches: bool) -> Result<()> {
        if self.context.dry_run {
            return Ok(());
        }
        if self.frames.raw_bytes() == 0 {
            return Ok(());
        }
        let began = Instant::now();
        packed.effort = match (self.context.effort)() {
            Effort::Level(level) if is_patches => Effort::Level(level.max(PATCHES_LEVEL)),
            Effort::Step(step) if is_patches => Effort::Step(step.max(PATCHES_STEP)),
            effort => effort,
        };
        self.frames.finish(packed.effort, &mut packed.frames)?;
        packed.compressing = began.elapsed();
        Ok(())
    }

    fn pack_group(&mut self, job: &GroupJob, packed: &mut Packed) -> Result<()> {
        let mut headers: Vec<Option<&HeaderNeed>> =
            job.directories.iter().map(|directory| Some(&directory.header)).collect();
        for step in &job.steps {
            match step {
                GroupStep::Enter { directory } => {
                    if matches!(headers[*directory], Some(HeaderNeed::Always(_))) {
                        self.append_directory(&job.directories[*directory], headers[*directory].take());
                    }
                }
                GroupStep::Removed { path, kind } => packed.push_removed(path.clone(), *kind),
                GroupStep::Directory(line) => self.push_directory_line(line, packed),
                GroupStep::Metadata { path, stat, base } => {
                    if let Some(base) = base.entry()? {
                        packed.push_reused(path.to_owned(), Entry { stat: *stat, ..base.clone() }, Some(&base));
                    }
                }
                GroupStep::Patched(made) => made.append_to(&mut self.frames, packed, self.context.time_seconds),
                GroupStep::Item(item) => self.pack_in_directory(job, item, &mut headers[item.directory], packed),
            }
        }
        Ok(())
    }

    /// Packs an entry, after the header of its directory if that is wanted for what is stored in it.
    fn pack_in_directory(
        &mut self,
        job: &GroupJob,
        item: &Item,
        header: &mut Option<&HeaderNeed>,
        packed: &mut Packed,
    ) {
        let start = self.frames.raw_bytes();
        let directory = &job.directories[item.directory];
        if let Some(HeaderNeed::IfStored) = *header {
            self.append_directory(directory, *header);
        }
        let after_header = self.frames.raw_bytes();
        self.pack_item(directory, item, packed);
        if self.frames.raw_bytes() == after_header {
            // Nothing stored: undo the directory header written for it.
            self.frames.truncate(start);
        } else if start < after_header {
            *header = None;
        }
    }

    /// Appends a directory's own header, one for each of its lists of names.
    fn append_directory(&mut self, directory: &JobDirectory, header: Option<&HeaderNeed>) {
        if directory.path.is_root() {
            return;
        }
        let mut entry = self.new_entry(directory.stat);
        // That attributes cannot be read is reported with the directory's own line.
        let opened = self.open(directory.source, &directory.path);
        entry.xattrs = opened.and_then(|opened| opened.own_xattrs()).unwrap_or_default();
        let lists = match header {
            Some(HeaderNeed::Always(lists)) => lists.as_slice(),
            _ => &[],
        };
        if lists.is_empty() {
            self.frames.header(&directory.path, &entry, Body::Itself);
        }
        for names in lists {
            self.frames.header(&directory.path, &entry, Body::Listing(names));
        }
    }

    /// Adds the line of a directory, which stands among the entries of its parent.
    fn push_directory_line(&mut self, line: &DirectoryLine, packed: &mut Packed) {
        let DirectoryLine { source, path, stat, is_new } = line;
        let mut entry = self.new_entry(*stat);
        let xattrs = match path.parent() {
            Some(parent) if !parent.is_root() => {
                self.open(*source, parent).and_then(|parent| parent.xattrs(path.name_bytes()))
            }
            _ => self.context.sources[*source].root().own_xattrs(),
        };
        note_xattrs(path, &mut entry, self.owners.named(xattrs), &mut packed.problems);
        packed.push_directory(path.clone(), entry, *is_new);
    }

    /// Reads an entry and stores it, unless its content is as it was.
    fn pack_item(&mut self, directory: &JobDirectory, item: &Item, packed: &mut Packed) {
        let result = self.open(directory.source, &directory.path).and_then(|opened| match item.stat.kind {
            Kind::File => {
                let source = &self.context.sources[directory.source];
                let name = source.name_in_directory(&item.path);
                self.pack_file(&FoundFile { source, directory: &opened, name, item }, packed)
            }
            _ => self.pack_special(&opened, item, packed),
        });
        self.context.meter.add_done(item.stat.size);
        if let Some(link) = &item.link {
            // Other names must not wait for ever. No effect if the file was packed.
            link.finish(LinkOutcome::Failed);
        }
        if let Err(error) = result {
            packed.problems.push(unread(&item.path, &error));
            // The last version stays, unless it was a directory, which unpacking removes: its contents are gone, too.
            if item.base_kind() == Some(Kind::Directory) {
                packed.push_removed(item.path.clone(), Kind::Directory);
            }
        }
    }

    fn pack_special(&mut self, directory: &Directory, item: &Item, packed: &mut Packed) -> io::Result<()> {
        let mut entry = self.new_entry(item.stat);
        if item.stat.kind == Kind::Symlink {
            entry.target = directory.read_link(item.path.name_bytes())?;
        }
        let xattrs = self.owners.named(directory.xattrs(item.path.name_bytes()));
        note_xattrs(&item.path, &mut entry, xattrs, &mut packed.problems);
        let base = if item.verdict == Verdict::MaybeModified { item.base_entry() } else { None };
        let base = base.filter(|base| base.target == entry.target);
        if base.as_ref().is_some_and(|base| !entry.differs_in_tar(base)) {
            packed.push_reused(item.path.clone(), entry, base.as_ref());
            return Ok(());
        }
        self.frames.header(&item.path, &entry, Body::Itself);
        if base.is_some() {
            packed.push_again(item.path.clone(), entry);
            return Ok(());
        }
        packed.push_stored(item.path.clone(), entry, None, item.is_new());
        Ok(())
    }

    fn pack_file(&mut self, found: &FoundFile, packed: &mut Packed) -> io::Result<()> {
        let item = found.item;
        let may_be_reused = matches!(item.verdict, Verdict::MaybeModified | Verdict::Modified);
        let base = if may_be_reused { item.base_entry() } else { None };
        if let Some(link) = &item.link {
            let first = link.outcome_before();
            if self.pack_second_name(found, base.as_ref(), &first, packed) {
                link.finish(first);
                return Ok(());
            }
        }
        if !self.context.reads_contents {
            return self.look_at_file(found, packed);
        }
        let start = self.frames.raw_bytes();
        let read = self.read_file(found, packed).inspect_err(|_| self.frames.truncate(start))?;
        packed.bytes_read += read.bytes_read;
        let ReadFile { entry, hash, holes, .. } = &read;
        let reused =
            base.as_ref().filter(|base| read.trouble.is_none() && has_content(base, entry.stat.size, *hash, holes));
        match reused {
            Some(base) => {
                self.frames.truncate(start);
                Self::reuse_file(item, read, base, packed);
            }
            None => self.store_file(item, read, packed),
        }
        Ok(())
    }

    /// Counts a file as one that would be stored, if it can be read, without reading it.
    fn look_at_file(&mut self, found: &FoundFile, packed: &mut Packed) -> io::Result<()> {
        let item = found.item;
        let base = item.base.as_ref().and_then(Row::stat);
        if item.verdict == Verdict::MaybeModified && base.is_some_and(|base| base.is_same(&item.stat)) {
            // It would only be read again because it was racy when it was saved.
            packed.counts.unchanged += 1;
            return Ok(());
        }
        found.directory.open_file(found.name)?;
        let is_second = item.link.as_ref().is_some_and(HardLinkSlot::is_second);
        packed.counts.bytes += if is_second { 0 } else { item.stat.size };
        let entry = self.new_entry(item.stat);
        packed.push_stored(item.path.clone(), entry, None, item.is_new());
        Ok(())
    }

    /// Appends a file's header and content, and looks whether it changed meanwhile.
    fn read_file(&mut self, found: &FoundFile, packed: &mut Packed) -> io::Result<ReadFile> {
        let FoundFile { source, directory, name, item } = *found;
        let file = directory.open_file(name)?;
        let opened = opened_stat(source, directory, &file, self.context.clock)?;
        let mut entry = self.new_entry(Stat { size: promised_size(&item.stat, &opened), ..opened });
        note_xattrs(&item.path, &mut entry, self.owners.named(platform::file_xattrs(&file)), &mut packed.problems);
        let promised = entry.stat.size;
        let holes = if item.may_have_holes { platform::holes(&file, promised)? } else { Holes::default() };
        let (bytes_read, is_all) = self.append_file(&item.path, &mut entry, &file)?;
        let content_start = self.frames.raw_bytes() - entry.stat.size as usize;
        let content = self.frames.since(content_start);
        // Some file systems report holes where there is data: what was read counts.
        let holes = holes.that_are_zero(content);
        let hash = holes.hash_of(content);
        let now = source.stat_now(directory, &platform::stat_file(&file)?, Kind::File);
        let is_whole = is_all && promised == opened.size && same_times(&now, &opened);
        let trouble = if bytes_read < entry.stat.size {
            Some(large::SHORTER.to_owned())
        } else {
            (!is_whole).then(|| CHANGED.to_owned())
        };
        // Not if the file grew so shortly after it was opened that its time does not show it.
        let is_longer = trouble.is_none() && bytes_read > promised.max(now.size);
        Ok(ReadFile { entry, content_start: content_start as u64, hash, holes, bytes_read, trouble, is_longer })
    }

    /// Appends a file's header and content, zeros for what is missing. A file ends where reading ends: those of /proc and of some
    /// FUSE drives have more than `stat` says; the entry gets its true length. Gives the bytes read, and whether that is all.
    fn append_file(&mut self, path: &EntryPath, entry: &mut Entry, file: &File) -> io::Result<(u64, bool)> {
        let start = self.frames.raw_bytes();
        self.frames.header(path, entry, Body::Itself);
        let content_start = self.frames.raw_bytes();
        let size = entry.stat.size;
        let count = read_full(file, 0, self.frames.content(size as usize))? as u64;
        let mut more = [0; MORE_BYTES];
        let found = if count == size { read_full(file, size, &mut more)? } else { 0 };
        if found == 0 {
            return Ok((count, true));
        }
        let mut content = self.frames.since(content_start).to_vec();
        content.extend_from_slice(&more[..found]);
        let room = GROUP_BYTES_MAX.saturating_sub(start).min(PIECE_BYTES as usize);
        let is_all = read_on(file, &mut content, room)?;
        entry.stat.size = content.len() as u64;
        self.frames.truncate(start);
        self.frames.header(path, entry, Body::Itself);
        self.frames.content(content.len()).copy_from_slice(&content);
        Ok((entry.stat.size, is_all))
    }

    fn reuse_file(item: &Item, read: ReadFile, base: &Entry, packed: &mut Packed) {
        if let Some(link) = &item.link {
            link.finish(LinkOutcome::Reused(read.hash, read.holes));
        }
        packed.push_reused(item.path.clone(), reusing(base, read.entry), Some(base));
    }

    fn store_file(&mut self, item: &Item, read: ReadFile, packed: &mut Packed) {
        let ReadFile { mut entry, content_start, hash, holes, trouble, is_longer, .. } = read;
        let size = entry.stat.size;
        self.frames.pad(size);
        entry.stat.racy |= trouble.is_some();
        entry.content = Some(Content { hash, place: Place::default(), holes, patch: None, torn: trouble.is_some() });
        let offset = Arc::new(ContentOffset::default());
        packed.contents.push((content_start, offset.clone()));
        if let Some(link) = &item.link {
            link.finish(stored_outcome(&item.path, &entry, &offset));
        }
        packed.counts.bytes += size;
        packed.push_stored(item.path.clone(), entry, Some(offset), item.is_new());
        let trouble = trouble.or_else(|| is_longer.then(|| LONGER.to_owned()));
        packed.problems.extend(trouble.map(|what| Problem::new(item.path.clone(), what)));
    }

    /// Stores a further name of a file whose first name was packed, if that is possible; says whether it was.
    fn pack_second_name(
        &mut self,
        found: &FoundFile,
        base: Option<&Entry>,
        first: &LinkOutcome,
        packed: &mut Packed,
    ) -> bool {
        let FoundFile { directory, name, item, .. } = *found;
        match first {
            LinkOutcome::Failed => return false,
            LinkOutcome::Reused(hash, holes) => {
                let Some(base) = base.filter(|base| has_content(base, item.stat.size, *hash, holes)) else {
                    return false;
                };
                let mut entry = self.new_entry(item.stat);
                let xattrs = self.owners.named(directory.xattrs(name));
                note_xattrs(&item.path, &mut entry, xattrs, &mut packed.problems);
                packed.push_reused(item.path.clone(), reusing(base, entry), Some(base));
            }
            LinkOutcome::Stored(target, stat, content, offset) => {
                // With the first name's metadata: the scan's look at this one may be older than the content.
                let mut entry = self.new_entry(*stat);
                let xattrs = self.owners.named(directory.xattrs(name));
                note_xattrs(&item.path, &mut entry, xattrs, &mut packed.problems);
                entry.content = Some(content.clone());
                self.frames.header(&item.path, &entry, Body::LinkTo(target.as_bytes()));
                packed.push_stored(item.path.clone(), entry, Some(offset.clone()), item.is_new());
            }
        }
        true
    }

    fn pack_piece(&mut self, piece: &FilePiece, packed: &mut Packed) -> Result<()> {
        let (file, number) = (&*piece.file, piece.number);
        if number == 0 {
            self.frames.header(&file.path, &file.entry, Body::Itself);
            packed.contents.push((self.frames.raw_bytes() as u64, file.offset.clone()));
        }
        let is_last = number + 1 == file.pieces();
        if file.is_hole(number) && number > 0 && !is_last {
            file.hash_piece(number, &[], None);
            self.context.meter.add_done(PIECE_BYTES);
            if self.context.dry_run {
                return Ok(());
            }
            return self.frames.zeros(PIECE_BYTES, (self.context.effort)(), &mut packed.frames);
        }
        let content = self.frames.content(file.piece_bytes(number));
        let (bytes, trouble) = file.read_piece(number, content);
        packed.bytes_read += bytes;
        let (hash, trouble) = file.hash_piece(number, content, trouble);
        self.context.meter.add_done(file.piece_bytes(number) as u64);
        if is_last {
            self.frames.pad(file.stat().size);
            self.finish_large(file, hash, trouble, packed);
        }
        Ok(())
    }

    fn finish_large(&mut self, file: &LargeFile, hash: Hash, trouble: Option<String>, packed: &mut Packed) {
        let source = &self.context.sources[file.source];
        let trouble = trouble.or_else(|| (!file.is_as_opened(source)).then(|| CHANGED.to_owned()));
        let mut entry = file.finished_entry(hash, trouble.is_some());
        entry.stat.racy |= trouble.is_some();
        if let Some(link) = &file.link {
            link.finish(stored_outcome(&file.path, &entry, &file.offset));
        }
        packed.counts.bytes += file.stat().size;
        packed.push_stored(file.path.clone(), entry, Some(file.offset.clone()), file.is_new);
        packed.problems.extend(trouble.map(|what| Problem::new(file.path.clone(), what)));
    }

    /// An entry that has the names of its owner and group, and no content yet.
    fn new_entry(&mut self, stat: Stat) -> Entry {
        Entry { owner: self.owners.of(&stat), stat, ..Entry::default() }
    }

    fn open(&mut self, source: usize, path: &EntryPath) -> io::Result<Arc<Directory>> {
        if let Some((number, known, directory)) = &self.opened
            && *number == source
            && **known == *path
        {
            return Ok(directory.clone());
        }
        let below = path.split_source().map_or(&[][..], |(_, below)| below.as_bytes());
        let directory = Arc::new(self.open.open_in(source, self.context.sources[source].root(), below)?);
        self.opened = Some((source, path.to_owned(), directory.clone()));
        Ok(directory)
    }
}

/// A file that is to be read, in its open directory.
#[derive(Clone, Copy)]
struct FoundFile<'f> {
    source: &'f Source,
    directory: &'f Directory,
    /// Its name there.
    name: &'f [u8],
    item: &'f Item,
}

/// A small file whose content was appended.
struct ReadFile {
    /// All but the content.
    entry: Entry,
    /// Where the content begins in what has been collected.
    content_start: u64,
    hash: Hash,
    holes: Holes,
    bytes_read: u64,
    /// Why the bytes may match no state that the file was ever in.
    trouble: Option<String>,
    /// Whether there was more to read than `stat` said.
    is_longer: bool,
}

/// The entry with the content of `base`, which was now read completely: it is not torn any more.
fn reusing(base: &Entry, entry: Entry) -> Entry {
    Entry { content: base.content.clone().map(|content| Content { torn: false, ..content }), ..entry }
}

const LONGER: &str =
    "has more bytes than its file system says; all that could be read was saved, but nothing tells whether that is all";

const CHANGED: &str = "changed while it was read; what was saved may be a mixture, the next snapshot reads it again";

fn stored_outcome(path: &EntryPath, entry: &Entry, offset: &Arc<ContentOffset>) -> LinkOutcome {
    LinkOutcome::Stored(path.to_owned(), entry.stat, entry.content.clone().unwrap_or_default(), offset.clone())
}

/// How many bytes of a small file are stored: as many as it has now, but no more than fit a frame.
fn promised_size(scanned: &Stat, opened: &Stat) -> u64 {
    if opened.size <= PIECE_BYTES { opened.size } else { scanned.size.min(PIECE_BYTES) }
}
