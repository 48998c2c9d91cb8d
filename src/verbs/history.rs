//! What snapshots there are, and what was in them. Reads the index, nothing else.

use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::archive::state::DirectoryRows;
use crate::archive::state::State;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::id::Number;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Summary;
use crate::base::snapshot::no_path;
use crate::base::snapshot::no_snapshot;

/// What [`ls`] lists.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LsOptions {
    /// A directory stands for what it holds, anything else for itself. Default: none, which lists the sources.
    pub paths: Vec<EntryPathBuf>,
    /// Whether what is in directories in these directories is listed too, however deep. Default: no.
    pub recursive: bool,
}

/// All snapshots, oldest first.
///
/// # Errors
/// When the archive cannot be read, or its index is damaged and cannot be made again.
pub fn list(archive: &Archive, monitor: &dyn Monitor) -> Result<Vec<Summary>> {
    archive.catalog(monitor)?.history()
}

/// What a snapshot notes of its problems.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotedProblems {
    /// The snapshot.
    pub number: Number,
    /// The first 1000 of them; or why they cannot be read.
    pub problems: std::result::Result<Vec<Problem>, String>,
}

/// The most problems that [`noted_problems`] gives, of all snapshots together.
const PROBLEMS_MAX: usize = 100_000;

/// The problems of those of these snapshots that have some, the newest first; as many snapshots as come to 100,000 problems.
///
/// # Errors
/// When the archive cannot be listed; [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when the monitor
/// asks to stop.
pub fn noted_problems(archive: &Archive, history: &[Summary], monitor: &dyn Monitor) -> Result<Vec<NotedProblems>> {
    let catalog = archive.catalog(monitor)?;
    let (mut noted, mut count) = (Vec::new(), 0);
    for summary in history.iter().rev().filter(|summary| summary.problems > 0) {
        check_interrupted(monitor)?;
        let problems = catalog.noted_problems(summary.number).map_err(|error| error.to_string());
        count += problems.as_ref().map_or(0, Vec::len);
        if count > PROBLEMS_MAX {
            break;
        }
        noted.push(NotedProblems { number: summary.number, problems });
    }
    Ok(noted)
}

/// Calls `visit` with what was there at snapshot `number`, directory by directory in the order of a walk.
///
/// # Errors
/// [`ErrorKind::NotFound`](crate::base::error::ErrorKind::NotFound) when there is no such snapshot or path, before anything is visited; [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when
/// the monitor asks to stop; what `visit` fails with; otherwise as for [`list`].
pub fn ls(
    archive: &Archive,
    number: Number,
    options: &LsOptions,
    monitor: &dyn Monitor,
    visit: &mut dyn FnMut(&EntryPath, &Entry) -> Result<()>,
) -> Result<()> {
    ls_from(&archive.catalog(monitor)?, number, options, monitor, visit)
}

/// As [`ls`], from what was there when `catalog` was made.
///
/// # Errors
/// As for [`ls`].
pub fn ls_from(
    catalog: &Catalog,
    number: Number,
    options: &LsOptions,
    monitor: &dyn Monitor,
    visit: &mut dyn FnMut(&EntryPath, &Entry) -> Result<()>,
) -> Result<()> {
    if !catalog.snapshots().any(|known| known == number) {
        return Err(no_snapshot(number));
    }
    let state = catalog.checked_state(number, &options.paths)?;
    let mut tops = Vec::new();
    for path in &options.paths {
        let entry = if path.is_root() { None } else { Some(state.find(path)?.ok_or_else(|| no_path(path, number))?) };
        tops.push((path.clone(), entry));
    }
    if tops.is_empty() {
        tops.push((EntryPathBuf::root(), None));
    }
    for (path, entry) in &tops {
        match entry {
            Some(entry) if entry.stat.kind != Kind::Directory => visit(path, entry)?,
            _ => visit_below(&state, path, options.recursive, monitor, visit)?,
        }
    }
    Ok(())
}

fn visit_below(
    state: &State,
    top: &EntryPath,
    recursive: bool,
    monitor: &dyn Monitor,
    visit: &mut dyn FnMut(&EntryPath, &Entry) -> Result<()>,
) -> Result<()> {
    for group in state.groups(top) {
        let group = group?;
        // The directory itself comes first, unless it is empty.
        if !recursive && *group.path != *top {
            break;
        }
        visit_group(&group, monitor, visit)?;
    }
    Ok(())
}

fn visit_group(
    group: &DirectoryRows,
    monitor: &dyn Monitor,
    visit: &mut dyn FnMut(&EntryPath, &Entry) -> Result<()>,
) -> Result<()> {
    let bad = || Error::damaged("the index holds a path that cannot be");
    for row in &group.rows {
        check_interrupted(monitor)?;
        if let Some(entry) = row.entry()? {
            visit(&group.path.child(row.name()).ok_or_else(bad)?, &entry)?;
        }
    }
    Ok(())
}
