//! What snapshots there are, and what was in them. Reads the index, nothing else.

use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::archive::state::State;
use crate::archive::tree::Step;
use crate::archive::tree::Tree;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Summary;
use crate::base::snapshot::no_path;

/// What [`ls`] lists.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LsOptions {
    /// The snapshot.
    pub at: SnapshotNumber,
    /// A directory stands for what it holds, anything else for itself. Default: none, which lists the sources.
    pub paths: Vec<EntryPathBuf>,
    /// Those that stand for themselves, directories too. Default: none.
    pub entries: Vec<EntryPathBuf>,
    /// Whether what is in directories in these directories is listed too, however deep. Default: no.
    pub recursive: bool,
    /// Whether the size of a directory is that of all files in it, each name counted; otherwise it is 0. Default: no.
    pub sizes: bool,
}

/// All snapshots, oldest first.
///
/// # Errors
/// When the archive cannot be read, or its index is damaged and cannot be made again.
pub fn list(archive: &Archive, monitor: &dyn Monitor) -> Result<Vec<Summary>> {
    archive.catalog(monitor)?.history()
}

/// Whether there are parts of a snapshot that was not finished, and no snapshot yet.
///
/// # Errors
/// When the archive cannot be listed.
pub fn has_parts_alone(archive: &Archive, monitor: &dyn Monitor) -> Result<bool> {
    let catalog = archive.catalog(monitor)?;
    Ok(catalog.newest().is_none() && catalog.bundles().next().is_some())
}

/// What a snapshot notes of its problems.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotedProblems {
    /// The snapshot.
    pub number: SnapshotNumber,
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

/// Calls `visit` with what was there at a snapshot, in the order of a tree: a directory, then what it holds.
///
/// # Errors
/// [`ErrorKind::NotFound`](crate::base::error::ErrorKind::NotFound) when there is no such snapshot or path, before anything is visited; [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when
/// the monitor asks to stop; what `visit` fails with; otherwise as for [`list`].
pub fn ls(
    catalog: &Catalog,
    options: &LsOptions,
    monitor: &dyn Monitor,
    visit: &mut dyn FnMut(&EntryPath, &Entry) -> Result<()>,
) -> Result<()> {
    let number = options.at;
    catalog.check_is_there(number)?;
    let mut tops = options.paths.clone();
    tops.extend(options.entries.iter().cloned());
    let is_all = tops.is_empty();
    let state = catalog.checked_state(number, &tops)?;
    for path in tops.iter().filter(|path| !path.is_root()) {
        state.find(path)?.ok_or_else(|| no_path(path, number))?;
    }
    let mut lister = Lister { state: &state, options, monitor, visit };
    if is_all {
        return lister.list_below(EntryPath::root());
    }
    for path in &options.paths {
        match state.find(path)? {
            Some(entry) if entry.stat.kind != Kind::Directory => (lister.visit)(path, &entry)?,
            _ => lister.list_below(path)?,
        }
    }
    let mut last: Option<&EntryPathBuf> = None;
    for path in &options.entries {
        // It was listed with the directory above it.
        if options.recursive && last.is_some_and(|last| path.is_in(last)) {
            continue;
        }
        last = Some(path);
        lister.list_itself(path)?;
    }
    Ok(())
}

struct Lister<'l> {
    state: &'l State,
    options: &'l LsOptions,
    monitor: &'l dyn Monitor,
    visit: &'l mut dyn FnMut(&EntryPath, &Entry) -> Result<()>,
}

impl Lister<'_> {
    fn list_itself(&mut self, path: &EntryPath) -> Result<()> {
        let Some(mut entry) = self.state.find(path)? else { return Ok(()) };
        let is_directory = entry.stat.kind == Kind::Directory;
        if is_directory && self.options.sizes {
            for group in self.state.groups(path) {
                let stats = group?.rows.into_iter().filter_map(|row| row.stat().copied());
                entry.stat.size = stats.fold(entry.stat.size, |sum, stat| sum.saturating_add(stat.size));
            }
        }
        (self.visit)(path, &entry)?;
        if is_directory && self.options.recursive { self.list_below(path) } else { Ok(()) }
    }

    fn list_below(&mut self, top: &EntryPath) -> Result<()> {
        let sizes = if self.options.sizes { self.sizes(top)? } else { Vec::new() };
        let mut sizes = sizes.into_iter();
        let mut tree = Tree::new(self.state, top, self.options.recursive);
        while let Some(step) = tree.next_step()? {
            check_interrupted(self.monitor)?;
            let Step::Entry(path, row) = step else { continue };
            let Some(mut entry) = row.entry()? else { continue };
            if entry.stat.kind == Kind::Directory {
                entry.stat.size = sizes.next().unwrap_or(0);
            }
            (self.visit)(&path, &entry)?;
        }
        Ok(())
    }

    /// The sizes of the directories that are listed below `top`, in that order.
    fn sizes(&self, top: &EntryPath) -> Result<Vec<u64>> {
        let mut sizes = Vec::new();
        // The directories on the way, each with its place in the list, if it is in it, and its size so far.
        let mut open: Vec<(Option<usize>, u64)> = Vec::new();
        let mut tree = Tree::new(self.state, top, true);
        while let Some(step) = tree.next_step()? {
            check_interrupted(self.monitor)?;
            let size = match step {
                Step::Entry(_, row) => match row.stat() {
                    Some(stat) if stat.kind == Kind::Directory => {
                        let is_listed = self.options.recursive || open.is_empty();
                        open.push((is_listed.then_some(sizes.len()), 0));
                        sizes.extend(is_listed.then_some(0));
                        continue;
                    }
                    stat => stat.map_or(0, |stat| stat.size),
                },
                Step::Left => {
                    let (place, size) = open.pop().unwrap_or_default();
                    if let Some(own) = place.and_then(|place| sizes.get_mut(place)) {
                        *own = size;
                    }
                    size
                }
            };
            if let Some((_, sum)) = open.last_mut() {
                *sum = sum.saturating_add(size);
            }
        }
        Ok(sizes)
    }
}
