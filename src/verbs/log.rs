//! `log`: how a path went through the history, version by version. Reads the index, nothing else.

use crate::archive::catalog::Catalog;
use crate::archive::replay::differences_below;
use crate::archive::state::State;
use crate::archive::timeline::Step;
use crate::archive::timeline::Steps;
use crate::archive::timeline::in_no_snapshot;
use crate::base::aspect::Aspect;
use crate::base::aspect::Change;
use crate::base::aspect::change;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::time::Time;

/// What was at a path from one snapshot on, until the next version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogVersion {
    /// The snapshots that have it, ascending; never none.
    pub snapshots: Vec<SnapshotNumber>,
    /// When the first of them was made.
    pub time: Time,
    /// What was there; `None`: nothing any more.
    pub entry: Option<Entry>,
    /// What became of it.
    pub change: Change,
    /// What differs from the version before.
    pub aspects: Vec<Aspect>,
    /// Of a directory: what became of what is in it, however deep.
    pub below: Below,
}

/// How many entries in a directory changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Below {
    /// That are new.
    pub added: u64,
    /// That are gone.
    pub removed: u64,
    /// That have another content or type.
    pub modified: u64,
    /// Of which only the metadata changed.
    pub metadata: u64,
}

impl Below {
    /// Whether nothing changed.
    pub fn is_none(&self) -> bool {
        *self == Below::default()
    }

    fn count(&mut self, change: Change) {
        *match change {
            Change::Added => &mut self.added,
            Change::Removed => &mut self.removed,
            Change::Modified => &mut self.modified,
            Change::Metadata => &mut self.metadata,
        } += 1;
    }
}

/// The versions of what was at `path`, the oldest first. A directory has a new version where something in it changed, too.
///
/// # Errors
/// [`ErrorKind::NotFound`](crate::base::error::ErrorKind::NotFound) when it is in no snapshot;
/// [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when the monitor asks to stop; when the archive cannot
/// be read, or its index is damaged and cannot be made again. A snapshot that cannot be read is told as a problem.
pub fn log(catalog: &Catalog, path: &EntryPath, monitor: &dyn Monitor) -> Result<Vec<LogVersion>> {
    let versions = catalog.retry_after_index_damage(|| {
        let mut log = Log { path, monitor, before: State::default(), entry: None, versions: Vec::new() };
        Steps::new(catalog, monitor).try_for_each(|step| log.add(&step?))?;
        Ok(log.versions)
    })?;
    if versions.is_empty() { Err(in_no_snapshot(path)) } else { Ok(versions) }
}

struct Log<'a> {
    path: &'a EntryPath,
    monitor: &'a dyn Monitor,
    /// The state at the snapshot before, and what was there.
    before: State,
    entry: Option<Entry>,
    versions: Vec<LogVersion>,
}

impl Log<'_> {
    fn add(&mut self, step: &Step) -> Result<()> {
        // Parts of a snapshot that was never finished belong to the next one.
        let Some(summary) = &step.summary else { return Ok(()) };
        let entry = self.entry_in(&step.state)?;
        let below = self.below(&step.state, entry.as_ref())?;
        let changed = change(self.entry.as_ref(), entry.as_ref())
            .or_else(|| (!below.is_none()).then_some((Change::Modified, Vec::new())));
        match (changed, self.versions.last_mut()) {
            (Some((change, aspects)), _) => {
                let (snapshots, time, entry) = (vec![summary.number], summary.time, entry.clone());
                self.versions.push(LogVersion { snapshots, time, entry, change, aspects, below });
            }
            (None, Some(last)) if entry.is_some() => last.snapshots.push(summary.number),
            (None, _) => {}
        }
        (self.before, self.entry) = (step.state.clone(), entry);
        Ok(())
    }

    /// What is at the path. The root is a directory as soon as it holds something.
    fn entry_in(&self, state: &State) -> Result<Option<Entry>> {
        if !self.path.is_root() {
            return state.find(self.path);
        }
        let holds_something = state.groups(self.path).next().transpose()?.is_some();
        let mut root = Entry::default();
        root.stat.kind = Kind::Directory;
        Ok(holds_something.then_some(root))
    }

    fn below(&self, state: &State, entry: Option<&Entry>) -> Result<Below> {
        let is_directory = |entry: &Entry| entry.stat.kind == Kind::Directory;
        let mut below = Below::default();
        if !self.entry.iter().chain(entry).any(is_directory) {
            return Ok(below);
        }
        for difference in differences_below(&self.before, state, self.path) {
            check_interrupted(self.monitor)?;
            let difference = difference?;
            if let Some((change, _)) = change(difference.old.as_ref(), difference.new.as_ref()) {
                below.count(change);
            }
        }
        Ok(below)
    }
}
