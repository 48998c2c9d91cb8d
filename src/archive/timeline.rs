//! A history as a whole: its numbers one after the other, and how paths went through them, for which each index file is read
//! once, however many snapshots there are. Reads the index, nothing else.

mod range;
mod tracks;

use crate::archive::catalog::Catalog;
use crate::archive::gone::Gone;
use crate::archive::rows::impossible_path;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::concurrency::Budget;
use crate::base::concurrency::Limits;
use crate::base::concurrency::Lock;
use crate::base::concurrency::Sender;
use crate::base::concurrency::ordered;
use crate::base::concurrency::threads as thread_count;
use crate::base::entry::Entry;
use crate::base::entry::Stat;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::error::Subject;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Summary;
use crate::format::index::Block;
use crate::format::index::IndexFile;
use range::Range;
use range::Share;
use std::sync::Arc;
use tracks::InOrder;
use tracks::Mark;
use tracks::Seen;
use tracks::Track;
use tracks::Tracks;

/// What a decoded block takes as a rule, at most.
const BLOCK_BYTES: u64 = 4 << 20;

/// About how many bytes the paths that are followed may take; the rest comes in a further pass, which reads only what may have it.
const FOLLOWED_BYTES_MAX: usize = 64 << 20;

/// One number of a history.
pub struct Step {
    /// The number.
    pub number: SnapshotNumber,
    /// The snapshot; `None` for one that was forgotten, and for parts of one that was never finished.
    pub summary: Option<Summary>,
    /// The state after all bundles up to this number.
    pub state: State,
}

impl Step {
    /// The index file that leads to this state from an earlier one.
    pub fn file(&self) -> Option<&Arc<IndexFile>> {
        self.state.layers().first()
    }

    /// The rows of that file alone.
    pub fn own_rows(&self) -> State {
        State::new(self.file().cloned().into_iter().collect())
    }
}

/// The numbers of a history that can be read, ascending. What cannot be read is reported as a problem, and passed over.
pub struct Steps<'c> {
    catalog: &'c Catalog<'c>,
    monitor: &'c dyn Monitor,
    numbers: std::vec::IntoIter<SnapshotNumber>,
}

impl<'c> Steps<'c> {
    /// All numbers that `catalog` lists.
    pub fn new(catalog: &'c Catalog, monitor: &'c dyn Monitor) -> Steps<'c> {
        let mut numbers: Vec<SnapshotNumber> = catalog.bundles().map(|file| file.id().number).collect();
        numbers.dedup();
        Steps { catalog, monitor, numbers: numbers.into_iter() }
    }

    fn advance(&mut self) -> Result<Option<Step>> {
        for number in self.numbers.by_ref() {
            check_interrupted(self.monitor)?;
            match step(self.catalog, number) {
                Ok(step) => {
                    // There may be more snapshots than files can be open.
                    self.catalog.close_all_but(&step.state);
                    return Ok(Some(step));
                }
                Err(error) if error.kind() == ErrorKind::Damaged => {
                    let what = format!("what changed in snapshot {number} cannot be read: {error}");
                    self.monitor.event(Event::Problem(&Problem::new(EntryPathBuf::root(), what)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

fn step(catalog: &Catalog, number: SnapshotNumber) -> Result<Step> {
    let state = catalog.state(number)?;
    let known = state.layers().first().and_then(|file| file.head().snapshots.last());
    let is_there = catalog.standing(number, &state).is_there();
    let summary = known.filter(|summary| summary.number == number && is_there).cloned();
    Ok(Step { number, summary, state })
}

/// The state at the newest snapshot that can be read.
fn newest_state(catalog: &Catalog) -> Result<State> {
    for number in catalog.snapshots().rev() {
        match step(catalog, number) {
            Ok(Step { summary: Some(_), state, .. }) => return Ok(state),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Damaged => {}
            Err(error) => return Err(error),
        }
    }
    Ok(State::default())
}

impl Iterator for Steps<'_> {
    type Item = Result<Step>;

    fn next(&mut self) -> Option<Result<Step>> {
        self.advance().transpose()
    }
}

/// What was at a path in snapshots that follow each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// What was there.
    pub entry: Entry,
    /// The first of these snapshots.
    pub first: SnapshotNumber,
    /// The last of these snapshots.
    pub last: SnapshotNumber,
}

/// How a path went through the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Course {
    /// The path.
    pub path: EntryPathBuf,
    /// What was there, the oldest first; never nothing. Versions of which it was not asked may be missing before the first.
    pub versions: Vec<Version>,
    /// Whether something is there in the newest snapshot.
    pub is_there: bool,
}

/// Which paths are followed.
pub trait Follow: Sync {
    /// Whether only paths are followed at which nothing is in the newest snapshot.
    fn only_gone(&self) -> bool {
        false
    }

    /// Whether a path may be followed at all, whatever is there.
    fn may_follow(&self, path: &[u8]) -> bool;

    /// Whether it is followed from here on, where there is something of which all can be read with `entry`.
    ///
    /// # Errors
    /// Those of `entry`.
    fn begins(&self, path: &[u8], stat: &Stat, entry: &dyn Fn() -> Result<Option<Entry>>) -> Result<bool>;
}

/// How the paths that are followed went through the history, in the order of a walk.
pub struct Courses<'c> {
    catalog: &'c Catalog<'c>,
    monitor: &'c dyn Monitor,
    follow: &'c dyn Follow,
    threads: usize,
    bytes_max: usize,
    pass: Pass,
    /// What the pass found that was not given out yet; `None` before the first one.
    found: Option<InOrder>,
    /// What is gone at the end, once it is known.
    gone: Lock<Option<Gone>>,
}

impl<'c> Courses<'c> {
    /// Those of the paths that `follow` names. So many threads decode and look; 0: as many as there are cores.
    pub fn new(
        catalog: &'c Catalog<'c>,
        monitor: &'c dyn Monitor,
        follow: &'c dyn Follow,
        threads: usize,
    ) -> Courses<'c> {
        let (threads, pass, bytes_max) = (thread_count(threads), Pass::default(), FOLLOWED_BYTES_MAX);
        Courses { catalog, monitor, follow, threads, bytes_max, pass, found: None, gone: Lock::default() }
    }

    fn advance(&mut self) -> Result<Option<Course>> {
        loop {
            while let Some((path, track)) = self.found.as_mut().map(InOrder::next_track).transpose()?.flatten() {
                if let Some(course) = self.pass.course(path, &track)? {
                    return Ok(Some(course));
                }
            }
            let from = self.pass.range.end.take();
            if from.is_none() && self.found.is_some() {
                return Ok(None);
            }
            self.found = None;
            self.pass = self.catalog.retry_after_index_damage(|| self.read(from.clone().unwrap_or_default()))?;
            self.found = Some(std::mem::take(&mut self.pass.tracks).into_order());
        }
    }

    /// Reads of every index file what may be from the path `from` on, up to where there is no room for more.
    fn read(&self, from: EntryPathBuf) -> Result<Pass> {
        let gone = self.gone()?;
        let range = Range { from, end: None };
        // How far it goes turns out while it is read.
        let wanted = Lock::new(range.clone());
        let budget = Budget::new((2 * self.threads as u64 + 2) * BLOCK_BYTES);
        let feed = |sender: &Sender<Item, Read>| {
            for step in Steps::new(self.catalog, self.monitor) {
                let step = step?;
                let file = step.file().cloned();
                sender.send(Item::Step(Box::new(step)), 0)?;
                let Some(file) = file else { continue };
                for block in 0..file.block_count() {
                    if wanted.lock().may_be_in(&file, block) {
                        sender.send(Item::Block(file.clone(), block), file.kept_bytes())?;
                    }
                }
            }
            Ok(())
        };
        let worker = || {
            |item| match item {
                Item::Step(step) => Read::Step(step),
                Item::Block(file, block) => Read::Rows(self.looked_at(&file, block, gone.as_ref())),
            }
        };
        let pass = ordered(Limits { threads: self.threads, budget: &budget }, feed, worker, |read| {
            let mut pass = Pass { range, ..Pass::default() };
            for read in read {
                check_interrupted(self.monitor)?;
                match read {
                    Read::Step(step) => pass.begin(*step),
                    Read::Rows(rows) => pass.add(&rows?)?,
                }
                if pass.tracks.bytes() > self.bytes_max {
                    pass.cut_to(self.bytes_max);
                    wanted.lock().end.clone_from(&pass.range.end);
                }
            }
            Ok(pass)
        })?;
        *self.gone.lock() = gone;
        Ok(pass)
    }

    /// What is gone at the end, where that is asked for. It is taken: a pass that fails leaves nothing of it to the next one.
    fn gone(&self) -> Result<Option<Gone>> {
        match self.gone.lock().take() {
            Some(gone) => Ok(Some(gone)),
            None if self.follow.only_gone() => newest_state(self.catalog).and_then(Gone::new).map(Some),
            None => Ok(None),
        }
    }

    /// The rows of a block whose paths may be followed.
    fn looked_at(&self, file: &IndexFile, number: usize, gone: Option<&Gone>) -> Result<Rows> {
        let block = Box::new(file.block_alone(number)?);
        let gone = gone.map(|gone| gone.for_rows_of(file));
        let mut found = Vec::new();
        for (group, (directory, rows)) in block.groups().iter().enumerate() {
            let mut path = path::joined(directory, b"");
            let start = path.len();
            for row in rows.clone() {
                path.truncate(start);
                path.extend_from_slice(block.name(row as usize));
                if !self.follow.may_follow(&path) {
                    continue;
                }
                let begins = match block.stat(row as usize) {
                    // What is there at the end is not followed, whatever was there before.
                    Some(_) if !gone.as_ref().map_or(Ok(true), |gone| gone.may_be(&path))? => continue,
                    Some(stat) => self.follow.begins(&path, stat, &|| block.entry(row as usize))?,
                    None => false,
                };
                found.push(RowAt { group: group as u32, row, begins });
            }
        }
        if found.iter().any(|row| row.begins) {
            // Here, where several blocks are read at once.
            block.check()?;
        }
        Ok(Rows { block, found })
    }
}

impl Iterator for Courses<'_> {
    type Item = Result<Course>;

    fn next(&mut self) -> Option<Result<Course>> {
        self.advance().transpose()
    }
}

/// What is to be read, in order.
enum Item {
    /// From here on the blocks of this number's file.
    Step(Box<Step>),
    Block(Arc<IndexFile>, usize),
}

/// What was read.
enum Read {
    Step(Box<Step>),
    Rows(Result<Rows>),
}

/// Rows of a block whose paths may be followed.
struct Rows {
    block: Box<Block>,
    found: Vec<RowAt>,
}

struct RowAt {
    group: u32,
    row: u32,
    /// Whether its path is followed from here on, at the latest.
    begins: bool,
}

/// What one reading of the index files found of the paths in a range.
#[derive(Default)]
struct Pass {
    range: Range,
    marks: Vec<Mark>,
    tracks: Tracks,
    /// The state at the newest snapshot.
    newest: State,
}

impl Pass {
    fn begin(&mut self, step: Step) {
        let base = step.file().map_or(SnapshotNumber::NONE, |file| file.head().from);
        let base = self.marks.binary_search_by_key(&base, |mark| mark.number).ok().map(|place| place as u32);
        self.marks.push(Mark { number: step.number, base, is_snapshot: step.summary.is_some() });
        if step.summary.is_some() {
            self.newest = step.state;
        }
    }

    fn add(&mut self, rows: &Rows) -> Result<()> {
        let step = self.marks.len().saturating_sub(1) as u32;
        let block = &rows.block;
        for found in rows.found.chunk_by(|a, b| a.group == b.group) {
            let group = found.first().and_then(|row| block.groups().get(row.group as usize));
            let directory = group.map_or(&[][..], |(path, _)| path);
            let share = self.range.share_of(directory);
            let is_in = |name: &[u8]| share == Share::All || self.range.has(&path::joined(directory, name));
            let found = found.iter().filter(|_| share != Share::Nothing);
            let named = found.map(|found| (block.name(found.row as usize), found));
            let rows = named.filter(|(name, _)| is_in(name));
            let directory = EntryPath::new(directory).ok_or_else(impossible_path)?;
            self.tracks.note(directory, step, rows.map(|(name, found)| (name, found.begins, found.row)), |row| {
                block.entry(row as usize)
            })?;
        }
        Ok(())
    }

    /// Leaves the later half of the paths to a further pass until there is room.
    fn cut_to(&mut self, bytes_max: usize) {
        while self.tracks.bytes() > bytes_max
            && let Some(middle) = self.tracks.middle()
        {
            self.range.end = Some(middle);
            self.tracks.keep(&self.range);
        }
    }

    /// How a path went, of which the pass knows this.
    fn course(&self, path: EntryPathBuf, track: &Track) -> Result<Option<Course>> {
        let seen = track.at_each(&self.marks);
        let mut runs: Vec<(u32, SnapshotNumber, SnapshotNumber)> = Vec::new();
        let mut at_end = Seen::Unknown;
        let mut before = Seen::Unknown;
        for (mark, seen) in self.marks.iter().zip(seen).filter(|(mark, _)| mark.is_snapshot) {
            match (seen, runs.last_mut()) {
                (Seen::Version(_), Some(run)) if before == seen => run.2 = mark.number,
                (Seen::Version(version), _) => runs.push((version, mark.number, mark.number)),
                _ => {}
            }
            (before, at_end) = (seen, seen);
        }
        let is_there = match at_end {
            Seen::Version(_) => true,
            Seen::Gone => false,
            Seen::Unknown => self.newest.find(&path)?.is_some(),
        };
        let version = |(version, first, last): (u32, SnapshotNumber, SnapshotNumber)| {
            let entry = track.versions.get(version as usize).cloned().unwrap_or_default();
            Version { entry, first, last }
        };
        let versions: Vec<Version> = runs.into_iter().map(version).collect();
        Ok((!versions.is_empty()).then_some(Course { path, versions, is_there }))
    }
}

/// The error for a path that is in no snapshot.
pub fn in_no_snapshot(path: &EntryPath) -> Error {
    Error::new(ErrorKind::NotFound, format!("{path} is in no snapshot"))
        .about(Subject::Entry(path.to_owned()))
        .with_advice(Advice::FindPath)
}

#[cfg(test)]
mod tests;
