//! What a bundle's tar must hold, member by member, by its manifest. Memory is bounded by the directories on one path down.

use super::copies::CopyLines;
use crate::archive::state::State;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::apply;
use crate::format::apply::needs_metadata;
use crate::format::bundle::ManifestReader;
use crate::format::deferred::DeferredDirectories;
use crate::format::deferred::DirectoryQueue;
use crate::format::layout::MemberOrder;
use crate::format::manifest::Action;
use crate::format::manifest::Change;

/// One member that must be there.
pub(super) struct ExpectedMember {
    pub path: EntryPathBuf,
    pub entry: Entry,
    /// The other file with the same content of which it must be a second name for tar.
    pub copy_of: Option<EntryPathBuf>,
}

impl ExpectedMember {
    pub fn order(&self) -> MemberOrder {
        MemberOrder::new(self.path.clone(), self.entry.stat.kind == Kind::Directory)
    }

    /// Its content and where that ends; `None` for one that was pruned.
    pub fn content(&self) -> Option<(&Content, u64)> {
        let content = self.entry.content.as_ref().filter(|content| content.place.is_there())?;
        Some((content, content.place.offset.saturating_add(self.entry.stat.size)))
    }
}

/// What is the same for all names of a file: the offset of its content; where that was pruned, the number of the link, too.
pub(super) type FirstKey = (u64, u64);

/// The key of a file; `None` for what is none.
pub(super) fn first_key(entry: &Entry) -> Option<FirstKey> {
    let place = entry.content.as_ref()?.place;
    Some((place.offset, if place.is_pruned() { entry.stat.link } else { 0 }))
}

/// The members of a bundle, in the order of its tar.
pub(super) struct ExpectedMembers {
    reader: ManifestReader,
    /// Directories whose headers come later than their lines.
    directories: DeferredDirectories,
    /// One that was read, before which others are due.
    directory: Option<(EntryPathBuf, Entry)>,
    /// The next member that is not a directory.
    other: Option<ExpectedMember>,
    next: Option<ExpectedMember>,
    /// The directory that the line read last stands under.
    group: Vec<u8>,
    ended: bool,
    /// The state before, if it is known.
    before: Option<State>,
    /// How many files the bundle's script must give metadata, as far as that is known.
    pub metadata: u64,
    /// How many files the script must make.
    pub patches: u64,
    /// The names of the files of which the script must make files of their own, as it is told them.
    pub copies: Vec<u8>,
    /// The lines of copies whose members stand behind all others.
    pub late: CopyLines,
}

impl ExpectedMembers {
    /// `directories` are those that earlier parts of the same snapshot listed, and whose members are still to come;
    /// `before` is the state before, if it is known.
    pub fn new(reader: ManifestReader, directories: DirectoryQueue, before: Option<State>) -> Result<ExpectedMembers> {
        let directories = DeferredDirectories::new(directories);
        let mut expected = ExpectedMembers {
            reader,
            directories,
            directory: None,
            other: None,
            next: None,
            group: Vec::new(),
            ended: false,
            before,
            metadata: 0,
            patches: 0,
            copies: Vec::new(),
            late: CopyLines::default(),
        };
        expected.advance()?;
        Ok(expected)
    }

    /// Where the manifest itself begins.
    pub fn manifest_offset(&self) -> u64 {
        self.reader.tail().manifest_offset
    }

    pub fn peek(&self) -> Option<&ExpectedMember> {
        self.next.as_ref()
    }

    /// Takes the member that `peek` shows.
    pub fn take(&mut self) -> Result<Option<ExpectedMember>> {
        let taken = self.next.take();
        self.advance()?;
        Ok(taken)
    }

    fn advance(&mut self) -> Result<()> {
        while self.next.is_none() {
            let next_directory = self.directories.peek()?.map(ToOwned::to_owned);
            if next_directory.is_some_and(|directory| self.is_due(&directory)) {
                self.next = self.directories.pop()?.map(|(path, entry)| ExpectedMember { path, entry, copy_of: None });
            } else if let Some((path, entry)) = self.directory.take() {
                self.directories.push(path, entry)?;
            } else if self.other.is_some() {
                self.next = self.other.take();
            } else if self.ended {
                return Ok(());
            } else {
                self.read_line()?;
            }
        }
        Ok(())
    }

    /// Whether a directory stands before all that is known to come.
    fn is_due(&self, directory: &EntryPath) -> bool {
        match &self.other {
            Some(other) => MemberOrder::new(directory.to_owned(), true) < other.order(),
            None => self.ended || path::walk_order(directory.as_bytes(), &self.group).is_le(),
        }
    }

    fn read_line(&mut self) -> Result<()> {
        let Some(change) = self.reader.next_change()? else {
            self.ended = true;
            return Ok(());
        };
        self.group = path::split_last(change.path.as_bytes()).0.to_vec();
        if let (Some(_), Action::Stored(entry) | Action::Referenced(entry)) = (&change.copy_of, &change.now) {
            self.metadata += 1;
            apply::push_copy_name(&mut self.copies, &change.path, entry);
        }
        match change {
            Change { path, now: Action::Stored(entry), .. } if entry.stat.kind == Kind::Directory => {
                self.directory = Some((path, entry));
            }
            // What is lost was left out.
            Change { now: Action::Stored(entry), .. } if entry.is_lost() => {}
            // What is made from an older content stands for the script.
            Change { now: Action::Stored(Entry { content: Some(content), .. }), .. } if content.patch.is_some() => {
                (self.metadata, self.patches) = (self.metadata + 1, self.patches + 1);
            }
            Change { path, now: Action::Stored(entry), copy_of } => {
                self.other = Some(ExpectedMember { path, entry, copy_of });
            }
            Change { path, now: Action::Referenced(entry), copy_of: None } => {
                let older = self.before.as_ref().map(|before| before.find(&path)).transpose()?;
                self.metadata += u64::from(older.is_some_and(|older| needs_metadata(&path, &entry, older.as_ref())));
            }
            // Deletions stand in the lists of directories, and a copy of what is in another bundle behind all other members.
            Change { now: Action::Removed(_), .. } | Change { now: Action::Referenced(_), .. } => {}
        }
        Ok(())
    }
}
