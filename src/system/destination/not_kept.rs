//! What a destination cannot keep, counted: one sentence for each kind, not one for each entry. Never prints.

use crate::base::concurrency::Lock;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use std::collections::BTreeMap;
use std::fmt;

/// What could not be restored because of the person or the file system, not because something failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NotKeptKind {
    /// The owner or group is another one.
    Owner,
    /// Set-user-ID or set-group-ID was left off, because the owner is not the one it was meant for.
    SetId,
    /// The permission bits are others.
    Mode,
    /// The time of the last modification is another one, mostly a rounded one.
    Time,
    /// Extended attributes, ACLs or capabilities are missing, or some remained that should not be there.
    Xattrs,
    /// Device nodes that were not made.
    Device,
    /// Symlinks that were not made.
    Symlink,
    /// Pipes that were not made.
    Fifo,
    /// Hard links that became copies.
    HardLink,
    /// Files that were not made because they are too large.
    LargeFile,
}

/// All of one kind. Its `Display` is a sentence for a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotKept {
    /// What it is.
    pub kind: NotKeptKind,
    /// How many entries.
    pub entries: u64,
    /// The first of them in the order of a walk.
    pub example: EntryPathBuf,
    /// What is not kept of the example, or why; may be empty.
    pub detail: String,
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |one: &str, many: &str| match self.entries {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        let entries = of("entry", "entries");
        match self.kind {
            NotKeptKind::Owner => write!(f, "the owner or group of {entries} could not be set"),
            NotKeptKind::SetId => {
                write!(f, "set-user-ID or set-group-ID was left off {entries} with another owner than saved")
            }
            NotKeptKind::Mode => write!(f, "the permissions of {entries} could not be set exactly"),
            NotKeptKind::Time => write!(f, "the modification time of {entries} could not be set exactly"),
            NotKeptKind::Xattrs => write!(f, "extended attributes or ACLs of {entries} could not be set"),
            NotKeptKind::Device => write!(f, "{} could not be made", of("device node", "device nodes")),
            NotKeptKind::Symlink => write!(f, "{} could not be made", of("symlink", "symlinks")),
            NotKeptKind::Fifo => write!(f, "{} could not be made", of("named pipe", "named pipes")),
            NotKeptKind::HardLink => write!(f, "{} became copies", of("hard link", "hard links")),
            NotKeptKind::LargeFile => write!(f, "{} could not be made", of("large file", "large files")),
        }?;
        let lead = if self.entries == 1 { "" } else { "for example " };
        write!(f, ": {lead}{}", self.example)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

/// All of it so far; several threads add to it.
#[derive(Debug, Default)]
pub(super) struct AllNotKept(Lock<BTreeMap<NotKeptKind, NotKept>>);

impl AllNotKept {
    /// Counts one more entry.
    pub(super) fn add(&self, kind: NotKeptKind, path: &EntryPath, detail: &str) {
        let mut all = self.0.lock();
        let one = all.entry(kind).or_insert_with(|| new_kind(kind, path, detail));
        one.entries += 1;
        if *path < *one.example {
            *one = NotKept { entries: one.entries, ..new_kind(kind, path, detail) };
        }
    }

    /// One for each kind.
    pub(super) fn all(&self) -> Vec<NotKept> {
        self.0.lock().values().cloned().collect()
    }
}

fn new_kind(kind: NotKeptKind, path: &EntryPath, detail: &str) -> NotKept {
    NotKept { kind, entries: 0, example: path.to_owned(), detail: detail.to_owned() }
}
