//! What was saved before and is left out by a rule now: a person would not call it deleted. Costs nothing where nothing goes.

use super::directory_diff::DirectoryDiff;
use super::directory_diff::EntryDiff;
use super::report::LeftOut;
use crate::archive::state::Row;
use crate::base::entry::Kind;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::system::listing::Listing;
use std::collections::HashSet;

/// What a run finds of it.
#[derive(Default)]
pub struct RuledOut {
    /// Directories that rules leave out, or all that is in them.
    directories: HashSet<EntryPathBuf>,
    /// How much of what is gone is still there.
    sum: LeftOut,
}

impl RuledOut {
    /// Notes what of a directory's rows is gone since a rule leaves it out.
    pub fn note(&mut self, listing: &Listing, diff: &DirectoryDiff) {
        if diff.deletions == 0 {
            return;
        }
        let is_in_one = self.has(&listing.path);
        let left_out: HashSet<&[u8]> = listing.left_out().map(|(name, _)| name).collect();
        for change in &diff.changes {
            if let EntryDiff::Removed(row) = change
                && (is_in_one || left_out.contains(row.name()))
            {
                self.count(row);
                let is_directory = row.stat().is_some_and(|stat| stat.kind == Kind::Directory);
                self.directories.extend(listing.path.child(row.name()).filter(|_| is_directory && !is_in_one));
            }
        }
    }

    /// Notes directories whose contents are left out.
    pub fn note_hollow(&mut self, directories: &[EntryPathBuf]) {
        self.directories.extend(directories.iter().cloned());
    }

    /// Notes what was in a directory that is gone.
    pub fn note_gone(&mut self, directory: &EntryPath, rows: &[Row]) {
        if self.has(directory) {
            for row in rows {
                self.count(row);
            }
        }
    }

    /// How many entries were saved before, of all that rules leave out.
    pub fn add_to(&self, left_out: LeftOut) -> LeftOut {
        let LeftOut { files_saved_before, directories_saved_before, .. } = self.sum;
        LeftOut { files_saved_before, directories_saved_before, ..left_out }
    }

    fn has(&self, directory: &EntryPath) -> bool {
        !self.directories.is_empty() && directory.ancestors().any(|above| self.directories.contains(above))
    }

    fn count(&mut self, row: &Row) {
        let LeftOut { files_saved_before, directories_saved_before, .. } = &mut self.sum;
        match row.stat() {
            Some(stat) if stat.kind == Kind::Directory => *directories_saved_before += 1,
            Some(_) => *files_saved_before += 1,
            None => {}
        }
    }
}
