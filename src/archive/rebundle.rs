//! A bundle written anew from a list of its changes: each member made from its line, each content taken from where it is to be
//! had, and noted as lost otherwise. Knows nothing of where the list and the contents come from.

use crate::archive::look_ahead::DirectoryNeeds;
use crate::archive::look_ahead::Lines;
use crate::archive::look_ahead::LookAhead;
use crate::archive::moved;
use crate::archive::moved::Certainty;
use crate::archive::recount::Count;
use crate::archive::state::State;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Patch;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::Hash;
use crate::base::moves::Moves;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::apply;
use crate::format::apply::may_be_made;
use crate::format::apply::needs_metadata;
use crate::format::bundle::BundleWriter;
use crate::format::bundle::Published;
use crate::format::deferred::DeferredDirectories;
use crate::format::frames::Effort;
use crate::format::layout::FrameBuilder;
use crate::format::layout::Frames;
use crate::format::layout::PIECE_BYTES;
use crate::format::manifest::Action;
use crate::format::manifest::Change;
use crate::format::manifest::DraftLine;
use crate::format::manifest::MoveStage;
use crate::format::manifest::Tail;
use crate::format::tar;
use crate::format::tar::Body;
use crate::format::tar::DumpDir;
use crate::format::tar::LIST_BYTES_MAX;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

/// Smaller files that were copies of others in the bundle are stored as any other: it is not kept where all contents are.
const COPY_BYTES_MIN: u64 = 64 << 10;

/// What changed in one directory, where that is known only as a whole.
#[derive(Default)]
pub struct DirectoryChanges {
    /// The directory.
    pub directory: Vec<u8>,
    /// The changes, by name.
    pub changes: Vec<Change>,
    /// The directory's own member, where it is known without a line.
    pub member: Option<OwnMember>,
}

/// A directory's member.
pub struct OwnMember {
    /// The directory.
    pub entry: Entry,
    /// The lists by which stock tar deletes names, a header for each; empty: none went.
    pub lists: Vec<Vec<u8>>,
}

/// Where a bundle that is written anew has its contents from.
pub trait Supply {
    /// The content as it can be had; `None`: it is lost.
    ///
    /// # Errors
    /// When the archive cannot be read.
    fn find(&mut self, content: &Content, size: u64) -> Result<Option<Content>>;

    /// Reads what [`Supply::find`] found, which is `size` bytes long, from `at` on.
    ///
    /// # Errors
    /// As for [`Supply::find`]; when it is damaged.
    fn read(&mut self, content: &Content, size: u64, at: u64, out: &mut [u8]) -> Result<()>;

    /// How a content is made from `older`, which was at its path: as `patch` says, or otherwise. `None`: it is wanted as a whole.
    ///
    /// # Errors
    /// As for [`Supply::find`].
    fn patch(&mut self, content: &Content, patch: &Arc<Patch>, older: Option<&Entry>) -> Result<Option<Arc<Patch>>>;

    /// Gives `sink` the data of what [`Supply::patch`] gave last, in pieces of at most [`PIECE_BYTES`].
    ///
    /// # Errors
    /// As for [`Supply::read`]; as `sink` has it.
    fn patch_data(&mut self, content: &Content, sink: &mut Sink) -> Result<()>;
}

/// Takes bytes, piece by piece.
pub type Sink<'s> = dyn FnMut(&[u8]) -> Result<()> + 's;

/// What a bundle is written anew from.
pub struct Sources<'a> {
    /// The state before its snapshot, after the renames, if it is known for certain.
    pub before: Option<State>,
    /// The state after its snapshot, if it is known for certain.
    pub after: Option<State>,
    /// Whether there is such a bundle in the archive.
    pub is_there: &'a dyn Fn(BundleId) -> bool,
    /// Where contents are.
    pub supply: &'a mut dyn Supply,
}

/// Writes a bundle anew.
pub struct Rewrite<'a> {
    sources: Sources<'a>,
    writer: BundleWriter,
    /// The store's name that it is published under.
    name: String,
    frames: FrameBuilder,
    /// Directories with a line, whose members come later.
    deferred: DeferredDirectories,
    /// The directories above the present one whose headers stand in this bundle.
    written_above: Vec<EntryPathBuf>,
    /// Of each file with several names, by where its content was, its hash and its link number: the first name, and where the
    /// content is now; 0: it is lost.
    placed: HashMap<(BundleId, u64, Hash, u64), (EntryPathBuf, u64)>,
    /// Of each large content, by where it was and its hash: its path, and where it is now; 0: it is lost.
    large: HashMap<(u64, Hash), (EntryPathBuf, u64)>,
    /// The files that were made from what they were and are stored whole now: there is nothing left of that to be copied.
    made_whole: HashSet<EntryPathBuf>,
    line: Vec<u8>,
    count: Option<Count>,
}

impl<'a> Rewrite<'a> {
    /// A bundle that is published as `name`.
    pub fn new(sources: Sources<'a>, writer: BundleWriter, name: String) -> Rewrite<'a> {
        Rewrite {
            sources,
            writer,
            name,
            frames: FrameBuilder::default(),
            deferred: DeferredDirectories::default(),
            written_above: Vec::new(),
            placed: HashMap::new(),
            large: HashMap::new(),
            made_whole: HashSet::new(),
            line: Vec::new(),
            count: None,
        }
    }

    /// Takes over the renames that follow the state `before`, by lines and, in the first part, members that stand before all
    /// others.
    ///
    /// # Errors
    /// When the index cannot be read, or there is no room.
    pub fn renames(&mut self, list: &[(EntryPathBuf, EntryPathBuf)], stage: MoveStage, before: &State) -> Result<()> {
        list.iter().try_for_each(|(from, to)| self.push(&DraftLine::moved(from, to, stage), None))?;
        self.move_members(&moved::moves_of(list, before, Certainty::Uncertain)?, stage, before)
    }

    /// As [`Rewrite::renames`], where it is known what they do.
    ///
    /// # Errors
    /// As for [`Rewrite::renames`].
    pub fn renames_of(&mut self, moves: &Moves, stage: MoveStage, before: &State) -> Result<()> {
        moves.list().iter().try_for_each(|(from, to)| self.push(&DraftLine::moved(from, to, stage), None))?;
        self.move_members(moves, stage, before)
    }

    fn move_members(&mut self, moves: &Moves, stage: MoveStage, before: &State) -> Result<()> {
        let members = if stage == MoveStage::Here { moved::members(moves, before)? } else { Vec::new() };
        for (top, entry, names) in members {
            self.frames.header(&top, &entry, Body::Listing(&names));
        }
        Ok(())
    }

    /// Counts the changes of the state `before`, instead of taking the counts of the tail.
    #[must_use]
    pub fn counting(self, before: State) -> Rewrite<'a> {
        Rewrite { count: Some(Count::new(before)), ..self }
    }

    /// Writes and publishes the bundle with these changes; `again` are the same.
    ///
    /// # Errors
    /// When the list cannot be read or the bundle not be written.
    pub fn run(mut self, lines: &mut dyn Lines, again: &mut dyn Lines, tail: Tail) -> Result<Published> {
        let mut look_ahead = LookAhead::new(again);
        let mut present: Option<Vec<u8>> = None;
        while let Some(change) = lines.next()? {
            let directory = path::split_last(change.path.as_bytes()).0;
            if present.as_deref() != Some(directory) {
                self.deferred_before(Some(directory))?;
                let ahead = look_ahead.look(directory, self.sources.before.as_ref())?;
                if let Some(directory) = EntryPathBuf::from_bytes(directory).filter(|directory| !directory.is_root()) {
                    self.directory(&directory, &ahead)?;
                    self.flush_if_full()?;
                }
                present = Some(directory.to_vec());
            }
            self.change(change)?;
        }
        self.finish(tail)
    }

    /// As [`Rewrite::run`], directory by directory.
    ///
    /// # Errors
    /// As for [`Rewrite::run`].
    pub fn run_by_group(
        mut self,
        groups: &mut dyn FnMut() -> Result<Option<DirectoryChanges>>,
        tail: Tail,
    ) -> Result<Published> {
        while let Some(group) = groups()? {
            self.group(group)?;
        }
        self.finish(tail)
    }

    fn finish(mut self, tail: Tail) -> Result<Published> {
        self.deferred_before(None)?;
        self.flush()?;
        let counts = self.count.map_or(tail.counts, |count| count.counts);
        self.writer.publish(&self.name, Tail { counts, ..tail })
    }

    fn group(&mut self, group: DirectoryChanges) -> Result<()> {
        self.deferred_before(Some(&group.directory))?;
        if let Some(directory) = EntryPathBuf::from_bytes(&group.directory).filter(|directory| !directory.is_root()) {
            match &group.member {
                Some(OwnMember { entry, lists }) => {
                    let own = self.take_deferred(&directory)?;
                    self.header(&directory, own.as_ref().unwrap_or(entry), lists)?;
                }
                None => {
                    let mut ahead = DirectoryNeeds::default();
                    for change in &group.changes {
                        ahead.note(change, self.sources.before.as_ref())?;
                    }
                    self.directory(&directory, &ahead)?;
                }
            }
        }
        for change in group.changes {
            self.change(change)?;
        }
        self.flush_if_full()
    }

    /// The line of a directory whose member is due.
    fn take_deferred(&mut self, directory: &EntryPath) -> Result<Option<Entry>> {
        let is_next = self.deferred.peek()?.is_some_and(|first| first == directory);
        Ok(if is_next { self.deferred.pop()?.map(|(_, entry)| entry) } else { None })
    }

    /// Members of directories in which nothing changed.
    fn deferred_before(&mut self, directory: Option<&[u8]>) -> Result<()> {
        let is_due =
            |first: &EntryPath| directory.is_none_or(|directory| path::walk_order(first.as_bytes(), directory).is_lt());
        while self.deferred.peek()?.is_some_and(is_due)
            && let Some((path, entry)) = self.deferred.pop()?
        {
            self.header(&path, &entry, &[])?;
            self.flush_if_full()?;
        }
        Ok(())
    }

    /// A directory's own headers, one for each list. Where unpacking may make it, that changes the time of the one above: its
    /// header comes before, if it does not stand in this bundle.
    fn header(&mut self, directory: &EntryPath, entry: &Entry, lists: &[Vec<u8>]) -> Result<()> {
        while self.written_above.last().is_some_and(|above| !directory.is_in(above)) {
            self.written_above.pop();
        }
        let above = directory.parent().filter(|above| !above.is_root());
        let above = above.filter(|above| self.written_above.last().is_none_or(|last| **last != **above));
        if let Some(above) = above.filter(|_| lists.len() != 1)
            && let Some(after) = &self.sources.after
            && let Some(entry) = after.find(above)?.filter(|entry| entry.stat.kind == Kind::Directory)
            && (!lists.is_empty() || self.is_new_directory(directory)?)
        {
            self.frames.header(above, &entry, Body::Itself);
            self.written_above.push(above.to_owned());
        }
        if lists.is_empty() {
            self.frames.header(directory, entry, Body::Itself);
        }
        for names in lists {
            self.frames.header(directory, entry, Body::Listing(names));
        }
        self.written_above.push(directory.to_owned());
        Ok(())
    }

    fn is_new_directory(&self, directory: &EntryPath) -> Result<bool> {
        let older = self.sources.before.as_ref().map(|before| before.find(directory)).transpose()?.flatten();
        Ok(older.is_none_or(|older| older.stat.kind != Kind::Directory))
    }

    /// Takes over the line of a directory from an earlier part of the snapshot: its member may stand in this one.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn carry(&mut self, path: EntryPathBuf, entry: Entry) -> Result<()> {
        self.deferred.push(path, entry)
    }

    /// The member of a directory in which something changed: wanted for itself, for what is stored in it, or because of the
    /// names that are gone.
    fn directory(&mut self, directory: &EntryPath, ahead: &DirectoryNeeds) -> Result<()> {
        let own = self.take_deferred(directory)?;
        let lists = if ahead.lost_names.is_empty() { Vec::new() } else { self.lists(directory, &ahead.lost_names)? };
        if own.is_none() && lists.is_empty() && !ahead.stores {
            return Ok(());
        }
        let known = match own {
            Some(own) => Some(own),
            None => self.sources.after.as_ref().map(|after| after.find(directory)).transpose()?.flatten(),
        };
        if let Some(entry) = known.filter(|entry| entry.stat.kind == Kind::Directory) {
            self.header(directory, &entry, &lists)?;
        }
        Ok(())
    }

    /// The lists by which stock tar deletes these names; none when it is not known what is in the directory, or it is none.
    fn lists(&self, directory: &EntryPath, gone: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        let Some(names) = self.names_in(directory)? else { return Ok(Vec::new()) };
        let Some(before) = self.sources.before.as_ref().filter(|_| names.len() > LIST_BYTES_MAX) else {
            return Ok(vec![names]);
        };
        // What may not be where stock tools unpack to cannot be renamed there.
        for name in gone {
            let older = directory.child(name).map(|path| before.find(&path)).transpose()?.flatten();
            if older.is_none_or(|older| older.is_lost()) {
                return Ok(vec![names]);
            }
        }
        Ok(tar::deletions(directory.as_bytes(), gone.iter().map(Vec::as_slice)))
    }

    /// All names in a directory, for stock tar; `None` when they are not known or it is none.
    fn names_in(&self, directory: &EntryPath) -> Result<Option<Vec<u8>>> {
        let Some(after) = &self.sources.after else { return Ok(None) };
        if after.find(directory)?.is_none_or(|entry| entry.stat.kind != Kind::Directory) {
            return Ok(None);
        }
        let mut names = DumpDir::default();
        for group in after.in_directory(directory) {
            for row in &group?.rows {
                if row.stat().is_some_and(|stat| stat.kind == Kind::Directory) {
                    names.directory(row.name());
                } else {
                    // So that a directory that had the name goes.
                    names.stored(row.name());
                }
            }
        }
        Ok(Some(names.into_bytes()))
    }

    fn change(&mut self, change: Change) -> Result<()> {
        let Change { path, now, copy_of } = change;
        if let Some(count) = &mut self.count {
            count.note(&path, &now, copy_of.is_some())?;
        }
        match now {
            Action::Removed(kind) => self.push(&DraftLine::gone(&path, kind), None),
            Action::Referenced(entry) => {
                let kept_in = entry.content.as_ref().map(|content| content.place.bundle);
                let kept_in = kept_in.filter(|bundle| (self.sources.is_there)(*bundle));
                let lost = kept_in.is_none().then_some(0);
                let copy_of = copy_of.filter(|_| lost.is_none());
                if let Some(copy_of) = copy_of.as_ref().filter(|copy_of| self.made_whole.contains(*copy_of)) {
                    return self.store_copied(&path, &entry, copy_of);
                }
                match &copy_of {
                    Some(copy_of) => self.push_copy((&path, &entry), Some(copy_of))?,
                    None => self.metadata(&path, &entry)?,
                }
                self.push(&DraftLine::copy(&path, &entry, kept_in, copy_of.as_deref()), lost)
            }
            Action::Stored(mut entry) => {
                if let Some(copy_of) = copy_of
                    && self.copy_again(&path, &entry, &copy_of)?
                {
                    return self.flush_if_full();
                }
                let known = entry.content.clone();
                self.drop_patch(&path, &mut entry)?;
                let offset = match (&entry.content, known) {
                    (Some(Content { patch: Some(patch), .. }), Some(known)) => {
                        Some(self.patch(&path, &entry, &known, patch)?)
                    }
                    (Some(_), Some(known)) => {
                        let offset = self.file(&path, &entry, &known)?;
                        if known.patch.is_some() && offset > 0 {
                            self.made_whole.insert(path.clone());
                        }
                        Some(offset)
                    }
                    _ => {
                        self.special(&path, &entry)?;
                        None
                    }
                };
                self.push(&DraftLine::entry(&path, &entry, None), offset)?;
                self.flush_if_full()
            }
        }
    }

    /// Writes a file as the copy of another one in this bundle that it was, if that was written; whether it was. Otherwise it is
    /// stored as any other.
    fn copy_again(&mut self, path: &EntryPath, entry: &Entry, copy_of: &EntryPath) -> Result<bool> {
        let Some(content) = &entry.content else { return Ok(false) };
        let known = self.large.get(&(content.place.offset, content.hash));
        let known = known.filter(|(first, offset)| **first == *copy_of && *offset > 0);
        let Some((_, offset)) = known else { return Ok(false) };
        let offset = *offset;
        self.frames.header(path, entry, Body::CopyOf(copy_of.as_bytes()));
        self.push_copy((path, entry), None)?;
        self.push(&DraftLine::copy(path, entry, None, Some(copy_of)), Some(offset))?;
        Ok(true)
    }

    /// Stores a copy of what the file at `copy_of` was.
    fn store_copied(&mut self, path: &EntryPath, entry: &Entry, copy_of: &EntryPath) -> Result<()> {
        let older = self.sources.before.as_ref().map(|before| before.find(copy_of)).transpose()?.flatten();
        let older = older.and_then(|older| older.content).or_else(|| entry.content.clone()).unwrap_or_default();
        let offset = self.file(path, entry, &older)?;
        let content = entry.content.clone().map(|content| Content { patch: None, ..content });
        self.push(&DraftLine::entry(path, &Entry { content, ..entry.clone() }, None), Some(offset))?;
        self.flush_if_full()
    }

    fn push_copy(&mut self, file: (&EntryPath, &Entry), older: Option<&EntryPath>) -> Result<()> {
        let after = &self.sources.after;
        self.writer.push_copy(file, older, &mut |path| after.as_ref().map_or(Ok(None), |after| after.find(path)))
    }

    /// What cannot stay made from an older content is looked for as a whole.
    fn drop_patch(&mut self, path: &EntryPath, entry: &mut Entry) -> Result<()> {
        let Some(content) = entry.content.as_mut() else { return Ok(()) };
        let Some(patch) = &content.patch else { return Ok(()) };
        let older = self.sources.before.as_ref().map(|before| before.find(path)).transpose()?.flatten();
        // What moved meanwhile may be what the script cannot make.
        let may_stay = entry.stat.link == 0 && may_be_made(path);
        content.patch = if may_stay { self.sources.supply.patch(content, patch, older.as_ref())? } else { None };
        Ok(())
    }

    /// Copies the members of a file that is made from its older content, whose data was found sound; where that begins now.
    fn patch(&mut self, path: &EntryPath, entry: &Entry, known: &Content, patch: &Patch) -> Result<u64> {
        self.flush()?;
        let head = apply::patch_headers(path, entry.stat.size, patch, self.writer.time_seconds());
        self.frames.content(head.len()).copy_from_slice(&head);
        let offset = self.writer.tar_offset() + self.frames.raw_bytes() as u64;
        let Rewrite { sources, frames, writer, .. } = self;
        sources.supply.patch_data(known, &mut |piece| {
            if (frames.raw_bytes() + piece.len()) as u64 > PIECE_BYTES {
                flush(frames, writer)?;
            }
            frames.content(piece.len()).copy_from_slice(piece);
            Ok(())
        })?;
        self.frames.pad(patch.stored_bytes());
        self.writer.push_patch(path)?;
        if let Some(after) = &self.sources.after {
            self.writer.push_metadata(path, entry, &mut |path| after.find(path))?;
        }
        Ok(offset)
    }

    /// Has the script give a file its metadata, if its content is as before and its metadata is not.
    fn metadata(&mut self, path: &EntryPath, entry: &Entry) -> Result<()> {
        let Sources { before: Some(before), after: Some(after), .. } = &self.sources else { return Ok(()) };
        if needs_metadata(path, entry, before.find(path)?.as_ref()) {
            self.writer.push_metadata(path, entry, &mut |path| after.find(path))?;
        }
        Ok(())
    }

    fn push(&mut self, text: &DraftLine, offset: Option<u64>) -> Result<()> {
        self.line.clear();
        text.append_to(&mut self.line, offset);
        self.writer.push_line(&self.line)
    }

    fn special(&mut self, path: &EntryPath, entry: &Entry) -> Result<()> {
        if entry.stat.kind == Kind::Directory {
            return self.deferred.push(path.to_owned(), entry.clone());
        }
        self.frames.header(path, entry, Body::Itself);
        Ok(())
    }

    /// Writes a file's member if its content can be had; where the content begins, or 0.
    fn file(&mut self, path: &EntryPath, entry: &Entry, content: &Content) -> Result<u64> {
        // All that are lost have the same offset, and all that were pruned.
        let old = (content.place.bundle, content.place.offset, content.hash, entry.stat.link);
        if let Some((first, offset)) = self.placed.get(&old) {
            if *offset > 0 {
                self.frames.header(path, entry, Body::LinkTo(first.as_bytes()));
            }
            return Ok(*offset);
        }
        let offset = if content.place.is_pruned() {
            let mut empty = entry.clone();
            empty.stat.size = 0;
            self.frames.header(path, &empty, Body::Itself);
            content.place.offset
        } else {
            match self.sources.supply.find(content, entry.stat.size)? {
                Some(found) => self.copy(path, entry, &found)?,
                None => 0,
            }
        };
        if entry.stat.size >= COPY_BYTES_MIN {
            self.large.insert((content.place.offset, content.hash), (path.to_owned(), offset));
        }
        if entry.stat.link != 0 {
            self.placed.insert(old, (path.to_owned(), offset));
        }
        Ok(offset)
    }

    fn copy(&mut self, path: &EntryPath, entry: &Entry, content: &Content) -> Result<u64> {
        let size = entry.stat.size;
        if size > PIECE_BYTES {
            self.flush()?;
        }
        self.frames.header(path, entry, Body::Itself);
        let offset = self.writer.tar_offset() + self.frames.raw_bytes() as u64;
        let mut at = 0;
        while at < size {
            let end = size.min(at + PIECE_BYTES);
            let piece = self.frames.content((end - at) as usize);
            for data in content.holes.data(at..end) {
                let range = (data.start - at) as usize..(data.end - at) as usize;
                self.sources.supply.read(content, size, data.start, &mut piece[range])?;
            }
            at = end;
            if at < size {
                self.flush()?;
            }
        }
        self.frames.pad(size);
        Ok(offset)
    }

    fn flush_if_full(&mut self) -> Result<()> {
        if self.frames.raw_bytes() as u64 >= PIECE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        flush(&mut self.frames, &mut self.writer)
    }
}

fn flush(collected: &mut FrameBuilder, writer: &mut BundleWriter) -> Result<()> {
    let mut frames = Frames::default();
    collected.finish(Effort::default(), &mut frames)?;
    writer.append_frames(&frames.stored, &frames.lengths)
}
