//! Files that are opened to be saved: what they are now, their attributes, and why they cannot be read.

use super::comparing;
use super::comparing::OpenedLarge;
use super::item::Item;
use super::job::JobDirectory;
use super::options::patch_from;
use super::owners::OwnerNames;
use super::pack_context::Context;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::entry::Xattr;
use crate::base::error::Problem;
use crate::base::path::EntryPath;
use crate::base::time::Time;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::source::Source;
use std::fs::File;
use std::io;

fn open_directory(source: &Source, path: &EntryPath) -> io::Result<Directory> {
    let below = path.split_source().map_or(&[][..], |(_, below)| below.as_bytes());
    source.root().open_below(below)
}

/// Opens files that are too large to share a frame; on the planning thread, since their pieces are jobs of their own.
pub struct LargeOpener<'o, 'c> {
    pub context: &'o Context<'c>,
    pub owners: &'o mut OwnerNames,
    /// Takes problems with attributes.
    pub problems: &'o mut Vec<Problem>,
}

impl LargeOpener<'_, '_> {
    /// Opens a file in this directory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(self, directory: &JobDirectory, item: Item) -> io::Result<OpenedLarge> {
        let source = &self.context.sources[directory.source];
        let opened = open_directory(source, &directory.path)?;
        let file = opened.open_file(source.name_in_directory(&item.path))?;
        let stat = opened_stat(source, &opened, &file, self.context.clock)?;
        let mut entry = Entry { owner: self.owners.of(&stat), stat, ..Entry::default() };
        note_xattrs(&item.path, &mut entry, self.owners.named(platform::file_xattrs(&file)), self.problems);
        let patches = (self.context.patches, patch_from(source.rules()));
        comparing::prepare(directory.source, (file, entry), item, patches)
    }
}

/// Gives an entry its attributes. Where they cannot be read, that is a problem, and the next snapshot looks at the entry again.
pub(super) fn note_xattrs(
    path: &EntryPath,
    entry: &mut Entry,
    xattrs: io::Result<Vec<Xattr>>,
    problems: &mut Vec<Problem>,
) {
    match xattrs {
        Ok(xattrs) => entry.xattrs = xattrs,
        Err(error) => {
            problems.push(Problem::io(path.to_owned(), "its extended attributes cannot be read", &error));
            match entry.stat.kind {
                Kind::File | Kind::Symlink => entry.stat.racy = true,
                // Others are compared by their times only: with this one they count as changed.
                _ => entry.stat.ctime = Time::default(),
            }
        }
    }
}

/// The problem of an entry that was found and cannot be read.
pub fn unread(path: &EntryPath, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => Problem::io(path.to_owned(), "is not there any more", error),
        _ => Problem::io(path.to_owned(), "cannot be read", error).unsaved(),
    }
}

pub(super) fn opened_stat(
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
