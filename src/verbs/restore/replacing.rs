//! Whether something that is there may be replaced.

use super::context::RestoreContext;
use super::removal;
use super::removal::Removal;
use crate::base::entry::Kind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::system::destination::full_folder;
use crate::system::platform::RawStat;

/// Whether `path`, which is not a directory, can replace `existing`. A directory that holds something must be deleted
/// for that, which is counted, or is a problem where it may not be.
///
/// # Errors
/// When nothing more can be read or written.
pub(super) fn may_replace(run: &RestoreContext, path: &EntryPath, existing: &RawStat) -> Result<bool> {
    if existing.kind != Some(Kind::Directory) || run.options.keep {
        return Ok(true);
    }
    let Some(names) = run.or_report(run.destination.names(path))? else { return Ok(false) };
    if names.is_empty() {
        return Ok(true);
    }
    if !run.options.delete {
        run.problem(&full_folder(path));
        return Ok(false);
    }
    if !removal::remove(run, path, Removal::Asked)? {
        let what = "cannot be written: a folder is in the way, and not all that is in it may be deleted";
        run.problem(&Problem::new(path.to_owned(), what));
        return Ok(false);
    }
    run.deleted(path);
    Ok(true)
}
