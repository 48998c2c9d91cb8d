//! A snapshot compared with the files as they are: rows of the state and a scan, both in the order of a walk. Reads a file only
//! where neither its size nor its time of modification tells whether its content is the same.

use super::different::Changed;
use super::different::Different;
use crate::archive::catalog::Catalog;
use crate::archive::state::DirectoryRows;
use crate::archive::state::Groups;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::archive::state::impossible_path;
use crate::base::advice::Advice;
use crate::base::aspect::change;
use crate::base::diff;
use crate::base::diff::Pair;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Owner;
use crate::base::entry::Stat;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::error::Subject;
use crate::base::holes::Run;
use crate::base::id::Hasher;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::outermost;
use crate::base::snapshot::SourceRecord;
use crate::base::time::Time;
use crate::system::listing::Listing;
use crate::system::listing::ScannedEntry;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::scan::ScanOptions;
use crate::system::scan::scan;
use crate::system::source::Source;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::iter::Peekable;

/// How much of a file is read at once.
const PIECE_BYTES: usize = 1 << 20;

/// What a comparison with files counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WithFiles {
    /// How many files were read, because size and times did not tell whether their content is the same.
    pub read: u64,
    /// How many entries or sources could not be looked at. They were reported to the monitor.
    pub problems: u64,
}

/// Calls `visit` with what is not the same in snapshot `number` and in the files as they are now, all or what is at `paths` and
/// below. Sources are found, and things left out of them, as the newest snapshot says; one that was dropped is compared only where
/// `paths` name it.
///
/// Another size is another content. The same size and time of modification is the same content, unless the file was modified so
/// shortly before the snapshot that its time says nothing. Otherwise the file is read and its hash compared. Owners are compared
/// by number, extended attributes not at all. Moves are not told: new files have no hash yet.
///
/// # Errors
/// [`ErrorKind::NotFound`] when there is no such snapshot, or one of `paths` is neither in it nor a file; what `visit` fails with;
/// [`ErrorKind::Interrupted`]; when the archive cannot be read, or a drive of a source is gone.
pub fn with_files(
    catalog: &Catalog,
    (number, paths): (SnapshotNumber, &[EntryPathBuf]),
    monitor: &dyn Monitor,
    visit: &mut dyn FnMut(&Different) -> Result<()>,
) -> Result<WithFiles> {
    let history = catalog.history()?;
    catalog.check_is_there(number)?;
    let sources = history.last().map(|summary| &*summary.sources).unwrap_or_default();
    let state = catalog.checked_state(number, paths)?;
    let tops = outermost(paths);
    let mut unseen: HashSet<EntryPathBuf> = HashSet::new();
    for top in tops.iter().filter(|top| !top.is_root()) {
        if state.find(top)?.is_none() {
            unseen.insert(top.clone());
        }
    }
    let mut comparison = Comparison { state: &state, tops: &tops, unseen, monitor, visit, done: WithFiles::default() };
    for record in sources {
        comparison.source(record, catalog)?;
    }
    let done = comparison.done;
    match comparison.unseen.iter().min() {
        Some(path) => {
            Err(Error::new(ErrorKind::NotFound, format!("{path} is neither in snapshot {number} nor a file now"))
                .about(Subject::Entry(path.clone()))
                .with_advice(Advice::FindPath))
        }
        None => Ok(done),
    }
}

struct Comparison<'a> {
    state: &'a State,
    tops: &'a [EntryPathBuf],
    /// Paths that were asked for, are not in the snapshot, and were not met yet.
    unseen: HashSet<EntryPathBuf>,
    monitor: &'a dyn Monitor,
    visit: &'a mut dyn FnMut(&Different) -> Result<()>,
    done: WithFiles,
}

/// A source on the way through it.
struct Walk<'s> {
    source: &'s Source,
    groups: Peekable<Groups>,
    /// What could not be looked at: nothing is reported of it.
    unknown: HashSet<EntryPathBuf>,
}

impl Walk<'_> {
    fn is_unknown(&self, path: &EntryPath) -> bool {
        !self.unknown.is_empty() && path.ancestors().any(|ancestor| self.unknown.contains(ancestor))
    }

    /// The next piece of the state, if it is of a directory that stands before `path`; any, where there is no path.
    fn next_before(&mut self, path: Option<&EntryPath>) -> Result<Option<DirectoryRows>> {
        let is_before = |group: &Result<DirectoryRows>| match (group, path) {
            (Ok(group), Some(path)) => *group.path < *path,
            _ => true,
        };
        self.groups.next_if(is_before).transpose()
    }

    /// The rows of a directory, which is the next.
    fn rows_in(&mut self, path: &EntryPath) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let is_of = |group: &Result<DirectoryRows>| group.as_ref().map_or(true, |group| group.path == *path);
        while let Some(group) = self.groups.next_if(is_of).transpose()? {
            rows.extend(group.rows);
        }
        Ok(rows)
    }
}

impl Comparison<'_> {
    fn source(&mut self, record: &SourceRecord, catalog: &Catalog) -> Result<()> {
        let own = EntryPathBuf::from_bytes(record.name.as_bytes()).ok_or_else(impossible_path)?;
        let is_named = self.tops.iter().any(|top| top.is_in(&own));
        if !is_named && (record.dropped || !self.is_wanted(&own)) {
            return Ok(());
        }
        let source = match Source::open(&record.name, &platform::path_of(&record.path), &record.rules) {
            Ok(source) => source,
            Err(error) => {
                self.unseen.retain(|path| !path.is_in(&own));
                self.tell(Problem::new(own, format!("nothing is known of it: {error}")));
                return Ok(());
            }
        };
        let old = self.state.find(&own)?;
        let name = source.name_in_directory(&own);
        self.compare(own.clone(), old, Some(Now { stat: source.stat(), directory: source.root(), name }))?;
        let options = ScanOptions { threads: 1, skip: catalog.archive().folders(), clock: &Time::now };
        let groups = self.state.groups(&own).peekable();
        let mut walk = Walk { source: &source, groups, unknown: HashSet::new() };
        scan(std::slice::from_ref(&source), &options, &mut |listing| self.directory(&mut walk, &listing))?;
        self.gone_before(&mut walk, None)?;
        source.check_alive()
    }

    fn directory(&mut self, walk: &mut Walk, listing: &Listing) -> Result<()> {
        let path = &*listing.path;
        self.gone_before(walk, Some(path))?;
        let rows = walk.rows_in(path)?;
        for problem in &listing.problems {
            self.tell(problem.clone());
        }
        if listing.is_unreadable {
            walk.unknown.insert(path.to_owned());
            return Ok(());
        }
        walk.unknown.extend(listing.unreadable.iter().filter_map(|name| path.child(name)));
        let mut directory = None;
        let order = |row: &Row, found: &ScannedEntry| row.name().cmp(listing.name(found));
        for pair in diff::pairs(&rows, &listing.found, order) {
            check_interrupted(self.monitor)?;
            let (row, found) = match pair {
                Pair::Old(row) if listing.cannot_look_at(row.name()) => continue,
                Pair::Old(row) => (Some(row), None),
                Pair::New(found) => (None, Some(found)),
                Pair::Both(row, found) => (Some(row), Some(found)),
            };
            let name = row.map(Row::name).or(found.map(|found| listing.name(found))).unwrap_or_default();
            let Some(own) = path.child(name) else { continue };
            let is_same = row.and_then(Row::stat).zip(found).is_some_and(|(old, found)| old.is_unchanged(&found.stat));
            if is_same || !self.is_wanted(&own) {
                continue;
            }
            let old = row.map(Row::entry).transpose()?.flatten();
            let Some(found) = found else {
                self.compare(own, old, None)?;
                continue;
            };
            if directory.is_none() {
                directory = self.opened(walk.source, path);
            }
            let Some(directory) = &directory else { continue };
            self.compare(own, old, Some(Now { stat: found.stat, directory, name }))?;
        }
        Ok(())
    }

    /// The directory `path` of a source; `None`, with a problem reported, when it cannot be opened.
    fn opened(&mut self, source: &Source, path: &EntryPath) -> Option<Directory> {
        let below = path.below(source.path()).map(EntryPath::as_bytes).unwrap_or_default();
        let opened = source.root().open_below(below);
        opened.map_err(|error| self.tell(Problem::io(path.to_owned(), "cannot be read", &error))).ok()
    }

    /// Reports what the state has before the directory that the scan has come to as gone.
    fn gone_before(&mut self, walk: &mut Walk, path: Option<&EntryPath>) -> Result<()> {
        while let Some(group) = walk.next_before(path)? {
            if walk.is_unknown(&group.path) {
                continue;
            }
            for row in &group.rows {
                check_interrupted(self.monitor)?;
                self.compare(row.path_in(&group.path)?, row.entry()?, None)?;
            }
        }
        Ok(())
    }

    fn is_wanted(&self, path: &EntryPath) -> bool {
        self.tops.iter().any(|top| path.is_in(top))
    }

    fn compare(&mut self, path: EntryPathBuf, old: Option<Entry>, now: Option<Now>) -> Result<()> {
        if !self.is_wanted(&path) {
            return Ok(());
        }
        self.unseen.remove(&path);
        let new = match now.map(|now| now.entry(old.as_ref(), &mut self.done.read, self.monitor)).transpose() {
            Ok(new) => new,
            Err(Trouble::Stop(error)) => return Err(error),
            Err(Trouble::Unreadable(error)) => {
                self.tell(Problem::io(path, "cannot be read", &error));
                return Ok(());
            }
        };
        match change(old.as_ref(), new.as_ref()) {
            Some((change, aspects)) => {
                (self.visit)(&Different { path, change: Changed::from(change), old, new, aspects })
            }
            None => Ok(()),
        }
    }

    fn tell(&mut self, problem: Problem) {
        if problem.path.is_root()
            || self.is_wanted(&problem.path)
            || self.tops.iter().any(|top| top.is_in(&problem.path))
        {
            self.done.problems += 1;
            self.monitor.event(Event::Problem(&problem));
        }
    }
}

enum Trouble {
    Stop(Error),
    Unreadable(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Unreadable(error)
    }
}

/// An entry of this computer.
struct Now<'d> {
    stat: Stat,
    directory: &'d Directory,
    name: &'d [u8],
}

impl Now<'_> {
    /// The file as an entry of an archive; its content is that of `old` if it is the same, otherwise unknown.
    fn entry(&self, old: Option<&Entry>, read: &mut u64, monitor: &dyn Monitor) -> std::result::Result<Entry, Trouble> {
        let stat = self.stat;
        let mut entry = Entry { stat, owner: owner_of(&stat, old), ..Entry::default() };
        if stat.kind == Kind::Symlink {
            entry.target = self.directory.read_link(self.name)?;
        }
        let Some(old) = old.filter(|old| old.stat.kind == stat.kind) else { return Ok(entry) };
        entry.xattrs.clone_from(&old.xattrs);
        if let Some(content) = old.content.as_ref().filter(|_| old.stat.size == stat.size) {
            let is_told_by_time = old.stat.mtime == stat.mtime && !old.stat.racy;
            *read += u64::from(!is_told_by_time);
            if is_told_by_time || self.holds(content, monitor)? {
                entry.content = Some(content.clone());
            }
        }
        Ok(entry)
    }

    /// Whether the file holds just this content.
    fn holds(&self, content: &Content, monitor: &dyn Monitor) -> std::result::Result<bool, Trouble> {
        let file = self.directory.open_file(self.name)?;
        platform::will_read_in_order(&file);
        let size = self.stat.size;
        let holes = platform::holes(&file, size)?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; PIECE_BYTES];
        let mut at = 0;
        while at < size {
            check_interrupted(monitor).map_err(Trouble::Stop)?;
            let end = size.min(at + PIECE_BYTES as u64);
            let piece = &mut buffer[..(end - at) as usize];
            if holes.covers(at..end) {
                piece.fill(0);
            } else if !read_whole(&file, at, piece)? {
                return Ok(false);
            }
            let is_zero = |run: Run| match run {
                Run::Data(_) => true,
                Run::Hole(hole) => {
                    piece[(hole.start - at) as usize..(hole.end - at) as usize].iter().all(|byte| *byte == 0)
                }
            };
            if !content.holes.runs(at..end).all(is_zero) {
                return Ok(false);
            }
            content.holes.hash(at, piece, &mut hasher);
            at = end;
        }
        Ok(hasher.hash() == content.hash)
    }
}

/// Whether the buffer was filled.
fn read_whole(file: &File, offset: u64, out: &mut [u8]) -> io::Result<bool> {
    let mut at = 0;
    while at < out.len() {
        match platform::read_at(file, offset + at as u64, &mut out[at..])? {
            0 => return Ok(false),
            read => at += read,
        }
    }
    Ok(true)
}

/// The names of owner and group: those that were saved, where the numbers are the same.
fn owner_of(stat: &Stat, old: Option<&Entry>) -> Owner {
    match old.filter(|old| (old.stat.uid, old.stat.gid) == (stat.uid, stat.gid)) {
        Some(old) => old.owner.clone(),
        None => Owner::default(),
    }
}
