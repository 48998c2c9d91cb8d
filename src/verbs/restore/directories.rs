//! The second walk: directories get their attributes when everything in them is done, the deepest first. Memory grows with
//! the depth only.

use super::context::RestoreContext;
use super::selection::Selection;
use super::walk::Reached;
use super::walk::delete_others;
use super::walk::has_directory;
use crate::archive::state::State;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::is_in;
use crate::base::path::split_last;
use crate::base::path::walk_order;
use std::cmp::Ordering;

/// Finishes all directories that were made. After an interruption too, for until then they are open to their owner only.
///
/// # Errors
/// When nothing more can be written, or the index cannot be read; as many as possible are finished then.
pub(super) fn finish_directories(
    run: &RestoreContext,
    state: &State,
    selection: &Selection,
    reached: &Reached,
) -> Result<()> {
    let Some(last) = reached.last.as_ref().filter(|_| run.writable().is_some() || run.options.delete) else {
        return put_back(run, reached);
    };
    // The present directory, and the lengths of those paths on the way to it that are still to be finished: they come
    // after all that is in them.
    let (mut present, mut open) = (EntryPathBuf::root(), Vec::new());
    let mut result = Ok(());
    let mut directories = selection.directories(state);
    while let Some(directory) = directories.next() {
        let path = match directory {
            Ok(path) => path,
            Err(error) => {
                result = result.and(Err(error));
                break;
            }
        };
        // An error does not keep the others from being finished.
        while let Some(done) = open.pop_if(|length| !is_below(&path, &present, *length)) {
            result = result.and(finish(run, state, reached, &present.as_bytes()[..done]));
        }
        let was_made = was_made(&path, last, &reached.until) && !reached.lost.contains(&path);
        if !was_made || walk_order(path.as_bytes(), last.as_bytes()).is_gt() {
            directories.skip_below(&path);
        }
        if was_made {
            open.push(path.as_bytes().len());
            present = path;
        }
    }
    while let Some(done) = open.pop() {
        result = result.and(finish(run, state, reached, &present.as_bytes()[..done]));
    }
    result.and(put_back(run, reached))
}

/// Whether `path` is below what the first `length` bytes of `present` name.
fn is_below(path: &EntryPath, present: &EntryPath, length: usize) -> bool {
    is_in(path.as_bytes(), &present.as_bytes()[..length])
}

/// Whether the walk came to a directory, which ended in the directory `last` with its directory `until`.
fn was_made(path: &EntryPath, last: &EntryPath, until: &[u8]) -> bool {
    let (above, name) = split_last(path.as_bytes());
    match walk_order(above, last.as_bytes()) {
        Ordering::Less => true,
        Ordering::Equal => name <= until,
        Ordering::Greater => false,
    }
}

fn finish(run: &RestoreContext, state: &State, reached: &Reached, path: &[u8]) -> Result<()> {
    let Some(path) = EntryPath::new(path).filter(|path| !reached.passed.contains_key(*path)) else { return Ok(()) };
    let Some(entry) = state.find(path)?.filter(|entry| entry.stat.kind == Kind::Directory) else { return Ok(()) };
    if run.options.delete && !run.monitor.is_interrupted() && state.in_directory(path).next().transpose()?.is_none() {
        // Directories that hold something were cleared when that was restored.
        delete_others(run, path, &|_| Ok(()))?;
    }
    let Some(destination) = run.writable() else { return Ok(()) };
    if run.options.overwrite && has_directory(run, path, &entry)? {
        run.kept();
    } else if run.or_report(destination.finish_directory(path, &entry))?.is_some() {
        run.restored(path, Kind::Directory, 0);
    }
    Ok(())
}

/// The folders on the way that were there stay as they were.
fn put_back(run: &RestoreContext, reached: &Reached) -> Result<()> {
    let Some(destination) = run.writable() else { return Ok(()) };
    for (path, before) in &reached.passed {
        run.or_report(destination.put_back(path, before))?;
    }
    destination.put_back_top();
    Ok(())
}
