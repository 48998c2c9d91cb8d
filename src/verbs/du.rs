//! `du`: how much is in folders, and how much each snapshot added. Reads each index file once, nothing else.

use crate::archive::catalog::Catalog;
use crate::archive::state::DirectoryRows;
use crate::archive::state::State;
use crate::archive::state::impossible_path;
use crate::archive::timeline::Step;
use crate::archive::timeline::Steps;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::outermost;
use crate::base::snapshot::Summary;
use crate::base::snapshot::no_path;
use std::collections::BTreeMap;
use std::collections::HashSet;

/// Contents of at least this size are counted once, however many files have them.
const COPY_BYTES_MIN: u64 = 64 << 10;

/// What is measured.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DuOptions {
    /// In which snapshot.
    pub at: SnapshotNumber,
    /// What of it. Default: none, which means all.
    pub paths: Vec<EntryPathBuf>,
    /// How many levels of folders below each path are listed. Default: 0, none.
    pub depth: usize,
    /// Whether files are listed, too. Default: no.
    pub files: bool,
}

/// How much is at a path and below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Usage {
    /// The path.
    pub path: EntryPathBuf,
    /// Whether it is a folder.
    pub is_directory: bool,
    /// Bytes of contents before compression, each file once, however many names it has.
    pub bytes: u64,
    /// How many files.
    pub files: u64,
}

/// What a snapshot added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Added {
    /// The snapshot.
    pub summary: Summary,
    /// Bytes of contents, before compression, that were stored in it for what is at the paths and below.
    pub bytes: u64,
    /// How many files these are.
    pub files: u64,
    /// The largest of them, with its size.
    pub largest: Option<(EntryPathBuf, u64)>,
}

/// How much is at the paths and what is below them, largest first; where sizes are equal, in the order of a walk.
///
/// # Errors
/// [`ErrorKind::NotFound`](crate::base::error::ErrorKind::NotFound) when there is no such snapshot or path;
/// [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when the monitor asks to stop; when the archive cannot
/// be read, or its index is damaged and cannot be made again.
pub fn du(catalog: &Catalog, options: &DuOptions, monitor: &dyn Monitor) -> Result<Vec<Usage>> {
    catalog.check_is_there(options.at)?;
    let mut all = catalog.retry_after_index_damage(|| {
        let state = catalog.state(options.at)?;
        let mut all = Vec::new();
        for top in outermost(&options.paths) {
            let mut sums = Sums { top: &top, options, lines: BTreeMap::new(), links: HashSet::new() };
            sums.add_all(&state, monitor)?;
            all.extend(sums.lines.into_iter().map(|(path, Line { is_directory, bytes, files })| Usage {
                path,
                is_directory,
                bytes,
                files,
            }));
        }
        Ok(all)
    })?;
    all.sort_by_key(|usage| std::cmp::Reverse(usage.bytes));
    Ok(all)
}

/// What each snapshot added to `paths`, largest first; without paths to all, by what it takes on the drive.
///
/// # Errors
/// As for [`du`]; a snapshot that cannot be read is reported as a problem.
pub fn added(catalog: &Catalog, paths: &[EntryPathBuf], monitor: &dyn Monitor) -> Result<Vec<Added>> {
    let tops = outermost(paths);
    let mut all = catalog.retry_after_index_damage(|| {
        let mut all = Vec::new();
        let mut unfinished: Option<Stored> = None;
        for step in Steps::new(catalog, monitor) {
            let step = step?;
            let mut stored = unfinished.take().unwrap_or_default();
            stored.add_all(&step, &tops, monitor)?;
            match step.summary {
                Some(summary) => {
                    let Stored { bytes, files, largest, .. } = stored;
                    all.push(Added { summary, bytes, files, largest });
                }
                // Parts of a snapshot that was never finished: the next one is built on them.
                None => unfinished = Some(stored),
            }
        }
        Ok(all)
    })?;
    let on_the_drive = |added: &Added| if paths.is_empty() { added.summary.bytes_added } else { 0 };
    all.sort_by_key(|added| std::cmp::Reverse((on_the_drive(added), added.bytes)));
    Ok(all)
}

#[derive(Default)]
struct Line {
    is_directory: bool,
    bytes: u64,
    files: u64,
}

/// The sums of a path and of what has a line of its own below it.
struct Sums<'a> {
    top: &'a EntryPath,
    options: &'a DuOptions,
    lines: BTreeMap<EntryPathBuf, Line>,
    /// Files of several names that were counted.
    links: HashSet<u64>,
}

impl Sums<'_> {
    fn add_all(&mut self, state: &State, monitor: &dyn Monitor) -> Result<()> {
        let mut line = Line { is_directory: true, ..Line::default() };
        if !self.top.is_root() {
            let entry = state.find(self.top)?.ok_or_else(|| no_path(self.top, self.options.at))?;
            line.is_directory = entry.stat.kind == Kind::Directory;
            line.add(self.counted(&entry.stat));
        }
        self.lines.insert(self.top.to_owned(), line);
        for group in state.groups(self.top) {
            check_interrupted(monitor)?;
            self.add_group(&group?)?;
        }
        Ok(())
    }

    fn add_group(&mut self, group: &DirectoryRows) -> Result<()> {
        let directory = &group.path;
        let depth = directory.below(self.top).map_or(0, |below| below.parts().count()) + 1;
        let mut sum = Line::default();
        for row in &group.rows {
            let Some(stat) = row.stat() else { continue };
            let counted = self.counted(stat);
            sum.add(counted);
            let is_directory = stat.kind == Kind::Directory;
            if depth <= self.options.depth && (is_directory || self.options.files) {
                let mut line = Line { is_directory, ..Line::default() };
                line.add(counted);
                self.lines.insert(row.path_in(directory)?, line);
            }
        }
        for path in directory.ancestors().take_while(|path| path.is_in(self.top)) {
            if let Some(line) = self.lines.get_mut(path) {
                line.add((sum.bytes, sum.files));
            }
        }
        Ok(())
    }

    /// The bytes of an entry, and how many files it is: nothing for a directory, or if it was counted under another name.
    fn counted(&mut self, stat: &Stat) -> (u64, u64) {
        let counts = stat.kind == Kind::File && (stat.link == 0 || self.links.insert(stat.link));
        if counts { (stat.size, 1) } else { (0, 0) }
    }
}

impl Line {
    fn add(&mut self, (bytes, files): (u64, u64)) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.files += files;
    }
}

/// What the bundles of a number hold.
#[derive(Default)]
struct Stored {
    bytes: u64,
    files: u64,
    largest: Option<(EntryPathBuf, u64)>,
    /// Where the contents of files with several names stand: all names of one have the same.
    linked: HashSet<(BundleId, u64)>,
}

impl Stored {
    /// Adds the contents that stand in the bundles of `step` itself: the rows of all of them are in its index file.
    fn add_all(&mut self, step: &Step, tops: &[EntryPathBuf], monitor: &dyn Monitor) -> Result<()> {
        let own = step.own_rows();
        for top in tops {
            if let (false, Some(entry)) = (top.is_root(), own.find(top)?) {
                self.add(top, &entry, step.number);
            }
            for group in own.groups(top) {
                check_interrupted(monitor)?;
                let group = group?;
                for row in group.rows.iter().filter(|row| row.stat().is_some_and(|stat| stat.kind == Kind::File)) {
                    if let Some(entry) = row.entry()? {
                        let path = path::joined(group.path.as_bytes(), row.name());
                        self.add(EntryPath::new(&path).ok_or_else(impossible_path)?, &entry, step.number);
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &EntryPath, entry: &Entry, number: SnapshotNumber) {
        let place = entry.content.as_ref().map(|content| content.place);
        let Some(place) = place.filter(|place| place.bundle.number == number && place.is_there()) else { return };
        let may_be_again = entry.stat.link != 0 || entry.stat.size >= COPY_BYTES_MIN;
        if may_be_again && !self.linked.insert((place.bundle, place.offset)) {
            return;
        }
        self.bytes = self.bytes.saturating_add(entry.stat.size);
        self.files += 1;
        if self.largest.as_ref().is_none_or(|(_, size)| *size < entry.stat.size) {
            self.largest = Some((path.to_owned(), entry.stat.size));
        }
    }
}
