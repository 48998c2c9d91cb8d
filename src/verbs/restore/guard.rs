//! What in the target is never deleted though it is not in the snapshot: what the snapshot's rules leave out, and what
//! it knows that it could not save. Deletes nothing itself.

use crate::archive::catalog::Catalog;
use crate::archive::content::Contents;
use crate::archive::content::Reader;
use crate::archive::noted::Unsaved;
use crate::archive::state::State;
use crate::base::concurrency::Lock;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::exclude::CACHE_TAG_FILE;
use crate::base::exclude::CACHE_TAG_SIGNATURE;
use crate::base::exclude::Exclude;
use crate::base::exclude::IGNORE_FILE;
use crate::base::exclude::RULES_BYTES_MAX;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::SourceRecord;
use crate::base::snapshot::Summary;
use crate::system::destination::Destination;
use crate::system::platform;
use crate::system::platform::RawStat;
use std::collections::HashMap;
use std::io::Read;

/// What may not be deleted.
pub(super) struct RemovalGuard {
    state: State,
    sources: HashMap<Vec<u8>, SourceRecord>,
    /// What could not be saved.
    unsaved: Unsaved,
    /// What was left out because it is on another file system.
    elsewhere: Unsaved,
    /// Whether both are known.
    is_known: bool,
    /// Whether rules count.
    by_rules: bool,
    asked: Lock<Asked>,
}

/// What was found out so far.
struct Asked {
    reader: Reader,
    /// The rules of the directory that was asked about last, and of those on the way to it, from its source on.
    levels: Vec<(EntryPathBuf, Level)>,
    problems: Vec<Problem>,
}

/// The rules of a directory.
#[derive(Clone, Default)]
struct Level {
    exclude: Exclude,
    /// Whether nothing in it may be deleted.
    is_closed: bool,
}

impl RemovalGuard {
    /// For what is restored of the snapshot `summary`, whose state is `state`. Without `by_rules`, what rules leave out
    /// may be deleted.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub(super) fn new(
        catalog: &Catalog,
        summary: &Summary,
        state: &State,
        (contents, by_rules): (&Contents, bool),
    ) -> Result<RemovalGuard> {
        let mut problems = Vec::new();
        let noted =
            catalog.unsaved(summary.number).and_then(|unsaved| Ok((unsaved, catalog.elsewhere(summary.number)?)));
        let (unsaved, elsewhere, is_known) = match noted {
            Ok((unsaved, elsewhere)) => (unsaved, elsewhere, true),
            Err(error) if error.is_damage() => {
                let what = format!("nothing is deleted, for what could not be saved is not known: {error}");
                problems.push(Problem::new(EntryPathBuf::root(), what));
                (Unsaved::default(), Unsaved::default(), false)
            }
            Err(error) => return Err(error),
        };
        let sources = summary.sources.iter().map(|source| (source.name.as_bytes().to_vec(), source.clone()));
        let asked = Asked { reader: contents.reader(), levels: Vec::new(), problems };
        let (state, sources) = (state.clone(), sources.collect());
        Ok(RemovalGuard { state, sources, unsaved, elsewhere, is_known, by_rules, asked: Lock::new(asked) })
    }

    /// For a restore that deletes nothing.
    pub(super) fn none(contents: &Contents) -> RemovalGuard {
        let asked = Asked { reader: contents.reader(), levels: Vec::new(), problems: Vec::new() };
        RemovalGuard {
            state: State::default(),
            sources: HashMap::new(),
            unsaved: Unsaved::default(),
            elsewhere: Unsaved::default(),
            is_known: true,
            by_rules: false,
            asked: Lock::new(asked),
        }
    }

    /// The problems since the last call.
    pub(super) fn problems(&self) -> Vec<Problem> {
        std::mem::take(&mut self.asked.lock().problems)
    }

    /// Whether `path`, which is there as `found` says, may not be deleted. Entries in it have to be asked about by
    /// themselves, unless it may not be deleted as a whole.
    ///
    /// # Errors
    /// When the archive cannot be read any more.
    pub(super) fn keeps(&self, destination: &Destination, path: &EntryPath, found: &RawStat) -> Result<bool> {
        // What a symlink leads to is restored through it. Sockets are in no snapshot, and whoever made them is at work.
        let is_used = destination.is_led_to(path);
        if is_used || !self.is_known || found.kind.is_none() || destination.is_spared(found) || self.unsaved.holds(path)
        {
            return Ok(true);
        }
        let (Some(parent), Some((_, inside))) = (path.parent(), path.split_source()) else { return Ok(false) };
        if self.elsewhere.holds(path) && (self.by_rules || is_mounted(destination, path, found)) {
            return Ok(true);
        }
        // Rules never leave out a source as a whole: it is a folder where the source is a file.
        if !self.by_rules || inside.is_root() && self.sources.contains_key(path.as_bytes()) {
            return Ok(false);
        }
        let level = self.asked.lock().level(self, destination, parent)?;
        let is_directory = found.kind == Some(Kind::Directory);
        Ok(level.is_closed || level.exclude.excludes(inside.as_bytes(), is_directory))
    }

    /// Whether it stays if it is on another file system than its source.
    pub(super) fn keeps_elsewhere(&self, path: &EntryPath) -> bool {
        let source = path.split_source().and_then(|(name, _)| self.sources.get(name.as_bytes()));
        self.by_rules && source.is_some_and(|source| source.rules.one_file_system)
    }
}

impl Asked {
    /// The rules of `directory`.
    fn level(&mut self, guard: &RemovalGuard, destination: &Destination, directory: &EntryPath) -> Result<Level> {
        while self.levels.pop_if(|(known, _)| !directory.is_in(known)).is_some() {}
        loop {
            let known = self.levels.last();
            if let Some((_, level)) = known.filter(|(known, _)| *known == *directory) {
                return Ok(level.clone());
            }
            let above = known.map_or(EntryPath::root(), |(known, _)| known);
            let Some(next) = directory.below(above).and_then(|rest| above.child(rest.parts().next()?.as_bytes()))
            else {
                return Ok(Level { is_closed: true, ..Level::default() });
            };
            let level = match known {
                Some((_, above)) => above.clone(),
                None => self.of_source(guard, &next),
            };
            let level = self.of_directory(guard, destination, (&next, level))?;
            self.levels.push((next, level));
        }
    }

    /// The rules at the top of a source.
    fn of_source(&mut self, guard: &RemovalGuard, top: &EntryPath) -> Level {
        let Some(source) = guard.sources.get(top.as_bytes()) else { return Level::default() };
        match Exclude::new(&source.rules.exclude, platform::CASE) {
            Ok(exclude) if !source.path.is_empty() => Level { exclude, is_closed: false },
            // A repair found the source, and not by which rules it was read.
            _ => self.closed(top, "nothing in it is deleted: by which rules it was saved is not known"),
        }
    }

    fn closed(&mut self, path: &EntryPath, why: &str) -> Level {
        self.problems.push(Problem::new(path.to_owned(), why));
        Level { is_closed: true, ..Level::default() }
    }

    /// The rules of a directory, those above it being known.
    fn of_directory(
        &mut self,
        guard: &RemovalGuard,
        destination: &Destination,
        (path, mut level): (&EntryPath, Level),
    ) -> Result<Level> {
        if level.is_closed {
            return Ok(level);
        }
        let Some((source, inside)) = path.split_source() else { return Ok(level) };
        let uses_tags = guard.sources.get(source.as_bytes()).is_some_and(|source| source.rules.exclude_caches);
        let is_cache = |start: &[u8]| start.starts_with(CACHE_TAG_SIGNATURE);
        if uses_tags {
            let saved = self.saved(guard, path, CACHE_TAG_FILE)?.unwrap_or_default();
            level.is_closed =
                is_cache(&saved) || present(destination, path, CACHE_TAG_FILE).is_some_and(|t| is_cache(&t));
        }
        let Some(file) = path.child(IGNORE_FILE).filter(|_| !level.is_closed) else { return Ok(level) };
        level.exclude = match guard.state.find(&file)? {
            Some(_) => match self.saved(guard, path, IGNORE_FILE)? {
                Some(text) => level.exclude.with_ignore_file(inside.as_bytes(), &text).0,
                None => return Ok(self.closed(path, "nothing in it is deleted: its rules were lost in the archive")),
            },
            None => with_unsaved_rules(level.exclude, destination, path),
        };
        Ok(level)
    }

    /// The beginning of the file `name` in `directory` as it was saved; empty if it is not a file. `None` if there is
    /// none, or it cannot be read.
    fn saved(&mut self, guard: &RemovalGuard, directory: &EntryPath, name: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(path) = directory.child(name) else { return Ok(None) };
        let Some(entry) = guard.state.find(&path)? else { return Ok(None) };
        if entry.stat.kind != Kind::File {
            return Ok(Some(Vec::new()));
        }
        self.start_of(&entry)
    }

    fn start_of(&mut self, entry: &Entry) -> Result<Option<Vec<u8>>> {
        // One byte more than the limit shows that there is too much.
        let mut start = vec![0; entry.stat.size.min(RULES_BYTES_MAX as u64 + 1) as usize];
        match self.reader.read_at(entry, 0, &mut start) {
            Ok(()) => Ok(Some(start)),
            Err(error) if error.is_damage() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether `path` is on another file system than the top of its source.
fn is_mounted(destination: &Destination, path: &EntryPath, found: &RawStat) -> bool {
    let top = path.split_source().and_then(|(name, _)| EntryPath::new(name.as_bytes()));
    let top = top.and_then(|top| destination.stat(top).ok().flatten());
    top.is_none_or(|top| top.file_system != found.file_system)
}

/// These rules and those that stand in `directory` now and were not saved. Rules by which they were left out themselves, be it
/// their own, held when they were read; who has put others there since can have more kept, and nothing deleted.
fn with_unsaved_rules(exclude: Exclude, destination: &Destination, directory: &EntryPath) -> Exclude {
    let inside = directory.split_source().map_or(EntryPath::root(), |(_, inside)| inside);
    let Some((text, file)) = present(destination, directory, IGNORE_FILE).zip(inside.child(IGNORE_FILE)) else {
        return exclude;
    };
    let with_them = exclude.with_doubtful_file(inside.as_bytes(), &text);
    if with_them.excludes(file.as_bytes(), false) { with_them } else { exclude }
}

/// The beginning of the file `name` in `directory` as it is there now.
fn present(destination: &Destination, directory: &EntryPath, name: &[u8]) -> Option<Vec<u8>> {
    let file = destination.open_existing_file(&directory.child(name)?).ok()?;
    let mut start = Vec::new();
    file.take(RULES_BYTES_MAX as u64 + 1).read_to_end(&mut start).ok()?;
    Some(start)
}
