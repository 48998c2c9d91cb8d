//! What a destination cannot keep, counted: one sentence for each kind, not one for each entry. Never prints.

use crate::base::concurrency::Lock;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use std::collections::BTreeMap;
use std::fmt;

/// What could not be restored because of the person or the file system, not because something failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LossKind {
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

/// All losses of one kind. Its `Display` is a sentence for a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loss {
    /// What was lost.
    pub kind: LossKind,
    /// How many entries lost it.
    pub entries: u64,
    /// The first of them in the order of a walk.
    pub example: EntryPathBuf,
    /// What the example lost, or why; may be empty.
    pub detail: String,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |one: &str, many: &str| match self.entries {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        let entries = of("entry", "entries");
        match self.kind {
            LossKind::Owner => write!(f, "the owner or group of {entries} could not be set"),
            LossKind::SetId => {
                write!(f, "set-user-ID or set-group-ID was left off {entries} with another owner than saved")
            }
            LossKind::Mode => write!(f, "the permissions of {entries} could not be set exactly"),
            LossKind::Time => write!(f, "the modification time of {entries} could not be set exactly"),
            LossKind::Xattrs => write!(f, "extended attributes or ACLs of {entries} could not be set"),
            LossKind::Device => write!(f, "{} could not be made", of("device node", "device nodes")),
            LossKind::Symlink => write!(f, "{} could not be made", of("symlink", "symlinks")),
            LossKind::Fifo => write!(f, "{} could not be made", of("named pipe", "named pipes")),
            LossKind::HardLink => write!(f, "{} became copies", of("hard link", "hard links")),
            LossKind::LargeFile => write!(f, "{} could not be made", of("large file", "large files")),
        }?;
        let lead = if self.entries == 1 { "" } else { "for example " };
        write!(f, ": {lead}{}", self.example)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

/// The losses so far, told by several threads.
#[derive(Debug, Default)]
pub(super) struct Losses(Lock<BTreeMap<LossKind, Loss>>);

impl Losses {
    /// Counts one more entry.
    pub(super) fn add(&self, kind: LossKind, path: &EntryPath, detail: &str) {
        let mut losses = self.0.lock();
        let loss = losses.entry(kind).or_insert_with(|| new_loss(kind, path, detail));
        loss.entries += 1;
        if *path < *loss.example {
            *loss = Loss { entries: loss.entries, ..new_loss(kind, path, detail) };
        }
    }

    /// One for each kind that was lost.
    pub(super) fn all(&self) -> Vec<Loss> {
        self.0.lock().values().cloned().collect()
    }
}

fn new_loss(kind: LossKind, path: &EntryPath, detail: &str) -> Loss {
    Loss { kind, entries: 0, example: path.to_owned(), detail: detail.to_owned() }
}
