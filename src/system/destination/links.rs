//! Further names of a file that is written already; copies where there can be none.

use super::failure::Failure;
use super::failure::in_the_way;
use super::failure::problem;
use super::not_kept::NotKeptKind;
use super::target::Destination;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::plain_reason;
use crate::base::path::EntryPath;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::platform::Refusal;
use std::io;

/// Bytes copied at once where a hard link cannot be made.
const COPY_BYTES: usize = 1 << 20;

impl Destination {
    /// Makes `new` a further name of `existing`, which is written already and is what `entry` says. Where there are no hard
    /// links it becomes a copy, which is counted as a loss.
    ///
    /// # Errors
    /// As for [`Destination::make_directory`]; a problem also when `existing` is not there.
    pub fn link(&self, existing: &EntryPath, new: &EntryPath, entry: &Entry) -> Result<(), Failure> {
        const WHAT: &str = "cannot be linked to its other name";
        let from = self.parent(existing, WHAT)?;
        let parent = self.parent(new, WHAT)?;
        let (old_name, new_name) = (self.name(existing), self.name(new));
        let mut linked = from.link(&old_name, &parent, &new_name);
        if linked.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            if !self.options.replace {
                return Err(in_the_way(new));
            }
            if is_same_file(&from, &old_name, &parent, &new_name) {
                return Ok(());
            }
            // What is there stays until the new name is.
            let temporary = self.temporary_name();
            linked = from.link(&old_name, &parent, &temporary);
            if linked.is_ok() {
                let placed = self.put_in_place(&parent, &temporary, new);
                if placed.is_err() {
                    let _ = parent.remove_file(&temporary);
                }
                return placed;
            }
        }
        match linked {
            Ok(()) => Ok(()),
            Err(error) if Refusal::Link.is_meant_by(&error) => {
                self.not_kept.add(NotKeptKind::HardLink, new, &plain_reason(&error));
                self.copy(existing, new, entry)
            }
            // What it should be linked to could not be made and is a loss; so is this.
            Err(error) if error.kind() == io::ErrorKind::NotFound && entry.stat.kind != Kind::File => {
                self.write_special(new, entry).map(|_| ())
            }
            Err(error) => Err(self.failure(new, WHAT, error)),
        }
    }

    pub(super) fn copy(&self, existing: &EntryPath, new: &EntryPath, entry: &Entry) -> Result<(), Failure> {
        if entry.stat.kind != Kind::File {
            return self.write_special(new, entry).map(|_| ());
        }
        self.refuse_too_large(new, entry.stat.size)?;
        let source = self.open_existing_file(existing)?;
        let copy = self.begin_file(new)?;
        let holes = entry.content.as_ref().map(|content| content.holes.clone()).unwrap_or_default();
        if !holes.is_empty() {
            copy.will_have_holes();
        }
        let mut buffer = vec![0; COPY_BYTES];
        for data in holes.data(0..entry.stat.size) {
            let mut at = data.start;
            while at < data.end {
                let wanted = (data.end - at).min(COPY_BYTES as u64) as usize;
                let read = platform::read_at(&source, at, &mut buffer[..wanted]);
                match read.map_err(|error| self.failure(new, "cannot be copied from its other name", error))? {
                    0 => return Err(problem(new, "cannot be copied from its other name, which has become shorter")),
                    read => {
                        copy.write_at(at, &buffer[..read])?;
                        at += read as u64;
                    }
                }
            }
        }
        copy.finish(entry)
    }
}

fn is_same_file(from: &Directory, old_name: &[u8], parent: &Directory, new_name: &[u8]) -> bool {
    match (from.stat(old_name), parent.stat(new_name)) {
        (Ok(a), Ok(b)) => a.key() == b.key(),
        _ => false,
    }
}
