//! What a job makes: frames, a line of the manifest for each entry, and counts.

use crate::archive::state::State;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Place;
use crate::base::error::Problem;
use crate::base::holes::Holes;
use crate::base::id::BundleId;
use crate::base::id::Hash;
use crate::base::monitor::EntryChange;
use crate::base::moves::Moves;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Counts;
use crate::format::apply::needs_metadata;
use crate::format::frames::Effort;
use crate::format::layout::Frames;
use crate::format::manifest::DraftLine;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

/// Where a content begins in the decompressed tar: known once its frame has been written.
#[derive(Debug, Default)]
pub struct ContentOffset(OnceLock<u64>);

impl ContentOffset {
    /// Sets it; only the first call counts.
    pub fn set(&self, offset: u64) {
        let _ = self.0.set(offset);
    }

    /// The offset, 0 before it is known: a frame is always written before what points into it.
    pub fn get(&self) -> u64 {
        self.0.get().copied().unwrap_or_default()
    }
}

/// What a job makes, for the writer.
#[derive(Default)]
pub struct Packed {
    /// Compressed frames.
    pub frames: Frames,
    /// Contents that begin in these frames: their offset from the first frame's beginning.
    pub contents: Vec<(u64, Arc<ContentOffset>)>,
    /// The state that all lines are relative to, and its renames, whose lines stand before all others.
    pub moved: Option<Box<(State, Moves)>>,
    /// Lines for the manifest, in order.
    pub lines: Vec<Line>,
    /// What was counted.
    pub counts: Counts,
    /// What went wrong with single entries.
    pub problems: Vec<Problem>,
    /// What is left out because it is on another file system.
    pub elsewhere: Vec<EntryPathBuf>,
    /// Content bytes read from sources.
    pub bytes_read: u64,
    /// How hard the frames were compressed.
    pub effort: Effort,
    /// How long that took.
    pub compressing: Duration,
}

impl Packed {
    /// Adds the line of an entry whose content is that of `base`, in an older bundle.
    pub fn push_reused(&mut self, path: EntryPathBuf, entry: Entry, base: Option<&Entry>) {
        let is_same = base.is_some_and(|base| base.stat.is_same(&entry.stat) && base.xattrs == entry.xattrs);
        if is_same {
            self.counts.unchanged += 1;
            let noted = |entry: &Entry| (entry.stat.racy, entry.is_torn());
            if base.is_some_and(|base| noted(base) == noted(&entry)) {
                return;
            }
        } else {
            self.counts.metadata += 1;
        }
        let stored_in = entry.content.as_ref().map(|content| content.place.bundle);
        let text = DraftLine::entry(&path, &entry, stored_in);
        self.lines.push(Line {
            text,
            offset: None,
            needs_metadata: needs_metadata(&path, &entry, base),
            is_patched: false,
            copy_of: None,
            path,
            entry: Some(entry),
            change: (!is_same).then_some(EntryChange::Metadata),
        });
    }

    /// Adds the line of an entry that is stored, with its content at `offset` if it has one.
    pub fn push_stored(&mut self, path: EntryPathBuf, entry: Entry, offset: Option<Arc<ContentOffset>>, is_new: bool) {
        let Counts { new, modified, .. } = &mut self.counts;
        let (count, what) = if is_new { (new, EntryChange::New) } else { (modified, EntryChange::Modified) };
        *count += 1;
        self.push_member(path, entry, offset, what);
    }

    /// Adds the line of a symlink with the same target, stored again for its metadata.
    pub fn push_again(&mut self, path: EntryPathBuf, entry: Entry) {
        self.counts.metadata += 1;
        self.push_member(path, entry, None, EntryChange::Metadata);
    }

    /// Adds the line of a file that is patched, with its data at `offset`.
    pub fn push_patched(&mut self, path: EntryPathBuf, entry: Entry, offset: Arc<ContentOffset>) {
        self.counts.modified += 1;
        self.counts.bytes += entry.stat.size;
        self.push_member(path, entry, Some(offset), EntryChange::Modified);
        if let Some(line) = self.lines.last_mut() {
            (line.needs_metadata, line.is_patched) = (true, true);
        }
    }

    /// Adds the line of a file that has the content of the one at `copy_of`; `offset` is where that is, if it is in the part that is
    /// being written.
    pub fn push_copy(
        &mut self,
        (path, is_new): (EntryPathBuf, bool),
        entry: Entry,
        copy_of: EntryPathBuf,
        offset: Option<Arc<ContentOffset>>,
    ) {
        self.push_stored(path, entry, offset, is_new);
        let Some(line) = self.lines.last_mut() else { return };
        let entry = line.entry.as_ref();
        let place = entry.and_then(|entry| entry.content.as_ref()).map(|content| content.place.bundle);
        let kept_in = place.filter(|_| line.offset.is_none());
        if let Some(entry) = entry {
            line.text = DraftLine::copy(&line.path, entry, kept_in, Some(&copy_of));
        }
        (line.needs_metadata, line.copy_of) = (true, Some(copy_of));
    }

    fn push_member(
        &mut self,
        path: EntryPathBuf,
        entry: Entry,
        offset: Option<Arc<ContentOffset>>,
        change: EntryChange,
    ) {
        let text = DraftLine::entry(&path, &entry, None);
        self.lines.push(Line {
            text,
            offset,
            needs_metadata: false,
            is_patched: false,
            copy_of: None,
            path,
            entry: Some(entry),
            change: Some(change),
        });
    }

    /// Adds the line of a directory; its own header comes with its entries.
    pub fn push_directory(&mut self, path: EntryPathBuf, entry: Entry, is_new: bool) {
        let Counts { new_directories, changed_directories, .. } = &mut self.counts;
        let (count, what) =
            if is_new { (new_directories, EntryChange::New) } else { (changed_directories, EntryChange::Metadata) };
        *count += 1;
        self.push_member(path, entry, None, what);
    }

    /// Adds the line of an entry that was removed.
    pub fn push_removed(&mut self, path: EntryPathBuf, kind: Kind) {
        let Counts { deleted, deleted_directories, .. } = &mut self.counts;
        *(if kind == Kind::Directory { deleted_directories } else { deleted }) += 1;
        let text = DraftLine::gone(&path, kind);
        let change = Some(EntryChange::Deleted);
        self.lines.push(Line {
            text,
            offset: None,
            needs_metadata: false,
            is_patched: false,
            copy_of: None,
            path,
            entry: None,
            change,
        });
    }
}

/// A line for the manifest.
pub struct Line {
    /// The line.
    pub text: DraftLine,
    /// Where its content begins, if that is in this bundle.
    pub offset: Option<Arc<ContentOffset>>,
    /// Whether the bundle's script must give the entry its metadata.
    pub needs_metadata: bool,
    /// Whether the bundle's script must make its content.
    pub is_patched: bool,
    /// Another file with the same content, of which it is a second name for tar; the script makes it a file of its own.
    pub copy_of: Option<EntryPathBuf>,
    /// Which entry it is about.
    pub path: EntryPathBuf,
    /// What is said of it; `None`: it is gone. Content stored in this bundle has no place before [`Line::set_place`].
    pub entry: Option<Entry>,
    /// What happened to it; `None` if the line only says that it was looked at again.
    pub change: Option<EntryChange>,
}

impl Line {
    /// Sets where its content is, which is in `bundle`, the one that is being written, if it has an offset; gives that offset.
    pub fn set_place(&mut self, bundle: BundleId) -> Option<u64> {
        let offset = self.offset.as_ref()?.get();
        if let Some(content) = self.entry.as_mut().and_then(|entry| entry.content.as_mut()) {
            content.place = Place { bundle, offset };
        }
        Some(offset)
    }
}

/// Whether an entry has this content, and it is not lost.
pub fn has_content(entry: &Entry, size: u64, hash: Hash, holes: &Holes) -> bool {
    let content = entry.content.as_ref();
    let is_same = |content: &&Content| content.hash == hash && content.holes == *holes && content.place.is_there();
    entry.stat.size == size && content.as_ref().is_some_and(is_same)
}
