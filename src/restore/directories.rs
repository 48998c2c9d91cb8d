//! The second walk: directories get their attributes when everything in them is done, the deepest first. Memory grows with
//! the depth and the largest directory only.

use super::planner::Reached;
use super::planner::delete_others;
use super::planner::has_directory;
use super::run::Run;
use super::selection::Folder;
use super::selection::Selection;
use crate::entry::Kind;
use crate::error::Result;
use crate::path::EntryPath;
use crate::path::walk_order;
use crate::state::Row;
use crate::state::State;

/// A directory under way, with the directories in it.
struct Open {
    path: EntryPath,
    directories: Vec<Inner>,
}

struct Inner {
    row: Row,
    /// Whether something is in it.
    is_filled: bool,
}

/// Finishes all directories that were made. After an interruption too, for until then they are open to their owner only.
///
/// # Errors
/// When nothing more can be written, or the index cannot be read; as many as possible are finished then.
pub(super) fn finish_directories(run: &Run, state: &State, selection: &Selection, reached: &Reached) -> Result<()> {
    let Some(last) = &reached.last else { return Ok(()) };
    let mut open: Vec<Open> = Vec::new();
    let mut result = Ok(());
    // Only when all was seen, it is known of a directory that stays open to the end whether something belongs in it.
    let mut saw_all = true;
    for folder in selection.folders(state) {
        let folder = match folder {
            Ok(folder) => folder,
            Err(error) => {
                (result, saw_all) = (Err(error), false);
                break;
            }
        };
        if walk_order(folder.path.as_bytes(), last.as_bytes()).is_gt() {
            saw_all = false;
            break;
        }
        while let Some(done) = open.pop_if(|open| !folder.path.is_in(&open.path)) {
            result = result.and(finish_all_in(run, &done, reached, true));
        }
        if let Some(parent) = open.last_mut() {
            parent.note_filled(folder.path.name());
        }
        let until = reached.until.as_deref().filter(|_| folder.path == *last);
        open.push(Open::new(folder, until));
    }
    while let Some(done) = open.pop() {
        result = result.and(finish_all_in(run, &done, reached, saw_all));
    }
    result
}

impl Open {
    /// A directory of which no more than up to the name `until` was made.
    fn new(folder: Folder, until: Option<&[u8]>) -> Open {
        let is_directory = |row: &Row| row.stat().is_some_and(|stat| stat.kind == Kind::Directory);
        let was_made = |row: &Row| until.is_none_or(|until| row.name() <= until);
        let rows = folder.rows.into_iter().filter(|row| is_directory(row) && was_made(row));
        Open { path: folder.path, directories: rows.map(|row| Inner { row, is_filled: false }).collect() }
    }

    fn note_filled(&mut self, name: &[u8]) {
        if let Ok(at) = self.directories.binary_search_by(|inner| inner.row.name().cmp(name)) {
            self.directories[at].is_filled = true;
        }
    }
}

/// Finishes the directories in one; `saw_all`: whether all was seen that is in these.
fn finish_all_in(run: &Run, open: &Open, reached: &Reached, saw_all: bool) -> Result<()> {
    if reached.is_lost(&open.path) {
        return Ok(());
    }
    let mut result = Ok(());
    for inner in &open.directories {
        let Some(path) = open.path.child(inner.row.name()) else { continue };
        if !reached.lost.contains(&path) {
            // One that fails does not keep the others from being finished.
            result = result.and(finish(run, &path, inner, saw_all));
        }
    }
    result
}

fn finish(run: &Run, path: &EntryPath, inner: &Inner, saw_all: bool) -> Result<()> {
    if run.options.delete && saw_all && !inner.is_filled && !run.monitor.is_interrupted() {
        delete_others(run, path, &|_| false)?;
    }
    let Some(destination) = run.writable() else { return Ok(()) };
    let Some(entry) = inner.row.entry()? else { return Ok(()) };
    if run.options.overwrite && has_directory(run, destination, path, &entry)? {
        run.kept();
    } else if run.settle(destination.finish_directory(path, &entry))?.is_some() {
        run.restored(path, Kind::Directory, 0);
    }
    Ok(())
}
