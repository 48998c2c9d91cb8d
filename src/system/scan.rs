//! Sources listed and looked at by several threads, handed on directory by directory in the order of a walk. Opens no file
//! but rules; knows nothing of what was there before.

pub use crate::system::listing::Found;
pub use crate::system::listing::Listing;

use crate::base::advice::Advice;
use crate::base::concurrency::Changed;
use crate::base::concurrency::Guard;
use crate::base::concurrency::Lock;
use crate::base::concurrency::join;
use crate::base::entry::Device;
use crate::base::entry::FileKey;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::exclude::CACHE_TAG_FILE;
use crate::base::exclude::CACHE_TAG_SIGNATURE;
use crate::base::exclude::Exclude;
use crate::base::exclude::IGNORE_FILE;
use crate::base::exclude::RULES_BYTES_MAX;
use crate::base::id::Hash;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::PATH_BYTES_MAX;
use crate::base::snapshot::Rules;
use crate::base::time::Time;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::platform::FileSystem;
use crate::system::platform::Ladder;
use crate::system::platform::Names;
use crate::system::platform::RawStat;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// How many entries may be listed before they are wanted. At some 130 bytes each this bounds the memory.
const AHEAD_ENTRIES_MAX: usize = 16 << 10;

/// The inode of the top directory, as both drivers of FAT give it.
const FAT_TOP_INODE: u64 = 1;

/// A source, open.
pub struct Source {
    path: EntryPathBuf,
    /// The directory; of a file the one that it is in.
    root: Directory,
    /// The name of the file, if the source is one.
    file: Option<Vec<u8>>,
    stat: RawStat,
    rules: Rules,
    exclude: Exclude,
    /// Whether the source is itself on a file system that shows what the system is doing.
    is_pseudo: bool,
    file_systems: Lock<HashMap<u64, FileSystem>>,
    /// A directory on each file system that lists nothing, without an error, once its drive is gone.
    drives_to_probe: Lock<Vec<Directory>>,
}

impl Source {
    /// The rules by which it is read.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Opens the directory or plain file `path` as the source `name`.
    ///
    /// # Errors
    /// When it is not there, something else, or may not be read; when a pattern of `rules` is none; when `name` cannot be a name.
    pub fn open(name: &str, path: &Path, rules: &Rules) -> Result<Source> {
        let shown = path::printable(path.as_os_str().as_encoded_bytes());
        let doing = |error| Error::io(format!("cannot read the source {shown}"), error);
        let (root, file) = opened(path).map_err(doing)?;
        let stat = file.as_ref().map_or_else(|| root.own_stat(), |file| root.stat(file)).map_err(doing)?;
        let Some(own) = path::source_path(name) else {
            return Err(Error::new(
                crate::base::error::ErrorKind::Refused,
                format!("'{}' cannot be the name of a source", name.escape_debug()),
            ));
        };
        Ok(Source {
            path: own,
            is_pseudo: root.file_system().is_pseudo,
            root,
            file,
            stat,
            rules: rules.clone(),
            exclude: Exclude::new(&rules.exclude, platform::CASE)?,
            file_systems: Lock::default(),
            drives_to_probe: Lock::default(),
        })
    }

    /// Its name, the first part of all its paths.
    pub fn name(&self) -> &[u8] {
        self.path.as_bytes()
    }

    /// The path of its top directory in the archive: its name.
    pub fn path(&self) -> &EntryPath {
        &self.path
    }

    /// Those of its patterns that nothing has fitted so far.
    pub fn unused_patterns(&self) -> Vec<&str> {
        let patterns = self.exclude.unused();
        patterns.into_iter().filter_map(|place| self.rules.exclude.get(place)).map(String::as_str).collect()
    }

    /// The number of the file system of its top directory.
    pub fn file_system_number(&self) -> u64 {
        self.stat.file_system
    }

    /// Whether what `raw` tells of is left out, or its contents, as it is on another file system.
    fn is_elsewhere(&self, raw: &RawStat, file_system: &FileSystem) -> bool {
        let is_other = raw.file_system != self.stat.file_system;
        let is_directory = raw.kind == Some(Kind::Directory);
        // On overlays, files have other numbers than directories: only one that is mounted by itself is elsewhere.
        let is_mounted = is_directory || raw.mount != self.stat.mount;
        is_other && is_mounted && self.rules.one_file_system || is_directory && file_system.is_pseudo && !self.is_pseudo
    }

    /// Its top directory.
    pub fn root(&self) -> &Directory {
        &self.root
    }

    /// What is known of its top directory, or of the file.
    pub fn stat(&self) -> Stat {
        let (kind, name) = self.file.as_ref().map_or((Kind::Directory, &b""[..]), |file| (Kind::File, file.as_slice()));
        Source::comparable(&self.stat, kind, self.file_system(&self.root, name, self.stat.file_system))
    }

    /// The listing of the archive's root with the file in it, if the source is one; `source` is its place in the list.
    pub fn file_listing(&self, source: usize, clock: &dyn Fn() -> Time) -> Option<Listing> {
        self.file.as_ref()?;
        let mut stat = self.stat();
        stat.note_look(clock());
        let mut listing = Listing { source, ..Listing::default() };
        listing.push(self.name(), stat);
        for found in &mut listing.found {
            found.may_have_holes = self.stat.allocated_bytes < self.stat.size;
        }
        Some(listing)
    }

    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// The name that the last part of an entry's path has in its directory: a file that is a source may be called otherwise.
    pub fn name_in_directory<'a>(&'a self, path: &'a EntryPath) -> &'a [u8] {
        match &self.file {
            Some(file) if *path == *self.path => file,
            _ => path.name_bytes(),
        }
    }

    /// A stat without what its file system does not keep; `raw.kind` is `kind`.
    fn comparable(raw: &RawStat, kind: Kind, file_system: FileSystem) -> Stat {
        let link_known = raw.links > 1 && kind != Kind::Directory && file_system.stable_inodes;
        let time = |time: Time| rounded(time, file_system.time_grain_nanos);
        let is_fat_top = kind == Kind::Directory && raw.inode == FAT_TOP_INODE && file_system.names == Names::Fat;
        Stat {
            kind,
            mode: raw.mode,
            uid: raw.uid,
            gid: raw.gid,
            size: if kind == Kind::File { raw.size } else { 0 },
            // The top of an exFAT drive keeps no time: it is when it was mounted.
            mtime: if is_fat_top { Time::default() } else { time(raw.mtime) },
            ctime: if file_system.keeps_ctime { time(raw.ctime) } else { Time::default() },
            inode: if file_system.stable_inodes { raw.inode } else { 0 },
            link: if link_known { link_number(raw, file_system) } else { 0 },
            device: if kind.is_device() { raw.device } else { Device::default() },
            racy: false,
        }
    }

    /// As a fresh stat of an open file, for comparing with the one of the scan.
    pub fn stat_now(&self, directory: &Directory, raw: &RawStat, kind: Kind) -> Stat {
        Source::comparable(raw, kind, self.file_system(directory, b"", raw.file_system))
    }

    /// Asks the drives of which it is known that they hide it when they are gone.
    ///
    /// # Errors
    /// When one is gone: what was not found since may be there all the same.
    pub fn check_alive(&self) -> Result<()> {
        let drives_to_probe = self.drives_to_probe.lock();
        drives_to_probe.iter().try_for_each(Directory::check_alive).map_err(|error| {
            let name = path::printable(self.name());
            Error::io(format!("the drive of {name} can no longer be read, so nothing more was saved"), error)
                .with_advice(Advice::PlugInSource)
        })
    }

    /// The file system with this number, which `name` in `directory` is on.
    fn file_system(&self, directory: &Directory, name: &[u8], number: u64) -> FileSystem {
        let mut known = self.file_systems.lock();
        if let Some(found) = known.get(&number) {
            return *found;
        }
        let is_mounted_there = directory.own_stat().is_ok_and(|own| own.file_system != number);
        let mounted = if is_mounted_there { directory.open_below(name).ok() } else { None };
        let found = mounted.as_ref().unwrap_or(directory).file_system();
        if found.hides_read_errors
            && let Ok(kept) = mounted.as_ref().unwrap_or(directory).open_below(b"")
        {
            self.drives_to_probe.lock().push(kept);
        }
        known.insert(number, found);
        found
    }
}

/// The directory at `path`; for a file the one that it is in, wherever symlinks lead, and its name.
fn opened(path: &Path) -> std::io::Result<(Directory, Option<Vec<u8>>)> {
    if !path.metadata()?.is_file() {
        return Ok((Directory::open(path)?, None));
    }
    // Where that cannot be said, as of a shadow copy, the path is one without symlinks.
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (Some(directory), Some(name)) = (real.parent(), real.file_name()) else {
        return Err(std::io::ErrorKind::NotFound.into());
    };
    Ok((Directory::open(directory)?, Some(name.as_encoded_bytes().to_vec())))
}

/// The same for all names of a file, and for no other file of any file system that has a number of its own.
fn link_number(raw: &RawStat, file_system: FileSystem) -> u64 {
    let own = if file_system.id == 0 { raw.file_system } else { file_system.id };
    let hash = Hash::of([own.to_le_bytes(), raw.inode.to_le_bytes()].concat().as_slice());
    hash.0.first_chunk().map_or(1, |bytes| u64::from_le_bytes(*bytes).max(1))
}

fn rounded(time: Time, grain_nanos: u64) -> Time {
    match grain_nanos {
        0 | 1 => time,
        grain => {
            let seconds = i64::try_from(grain / 1_000_000_000).unwrap_or(1);
            if seconds > 1 {
                Time::new(time.seconds - time.seconds.rem_euclid(seconds), 0)
            } else {
                Time::new(time.seconds, time.nanos - time.nanos % grain as u32)
            }
        }
    }
}

/// How to scan.
pub struct ScanOptions<'a> {
    /// Threads that read ahead, beside the caller's.
    pub threads: usize,
    /// A directory that is never part of a source, by file system and inode: the archive.
    pub skip: Option<FileKey>,
    /// Where "now" comes from, for telling which entries are racy.
    pub clock: &'a (dyn Fn() -> Time + Sync),
}

/// Lists the sources, one after the other, and gives `visit` each directory in the order of a walk, on this thread.
///
/// # Errors
/// Only those of `visit`.
pub fn scan(sources: &[Source], options: &ScanOptions, visit: &mut dyn FnMut(Listing) -> Result<()>) -> Result<()> {
    let scanner = Scanner { sources, options, work: Lock::default(), changed: Changed::default() };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (0..options.threads).map(|_| scope.spawn(|| scanner.help())).collect();
        let stop = StopHelpers(&scanner);
        let walked = scanner.walk(visit);
        drop(stop);
        join(helpers);
        walked
    })
}

/// Sends the helpers home, also when the visitor fails or panics.
struct StopHelpers<'a, 'b>(&'a Scanner<'b>);

impl Drop for StopHelpers<'_, '_> {
    fn drop(&mut self) {
        self.0.work().stop = true;
        self.0.changed.notify_all();
    }
}

struct Scanner<'a> {
    sources: &'a [Source],
    options: &'a ScanOptions<'a>,
    work: Lock<Work>,
    changed: Changed,
}

#[derive(Default)]
struct Work {
    /// Directories to list, the one that is wanted first on top.
    waiting: Vec<Arc<Slot>>,
    entries_ahead: usize,
    /// Whether so much was listed ahead that it is time to wait.
    is_enough: bool,
    stop: bool,
}

impl Work {
    /// A directory to be listed ahead of need, claimed; `None` when there is none, or enough.
    fn next_ahead(&mut self) -> Option<Arc<Slot>> {
        self.is_enough = self.entries_ahead >= if self.is_enough { AHEAD_ENTRIES_MAX / 2 } else { AHEAD_ENTRIES_MAX };
        while !self.is_enough {
            let slot = self.waiting.pop()?;
            if slot.claim() {
                return Some(slot);
            }
        }
        None
    }
}

/// A directory to be listed.
struct Slot {
    source: usize,
    /// Below the source's top.
    path: Vec<u8>,
    exclude: Exclude,
    /// Whether it is on another file system and kept without its contents.
    is_elsewhere: bool,
    state: Lock<SlotState>,
}

enum SlotState {
    Waiting,
    Running,
    Done(Box<Listing>, Vec<Arc<Slot>>),
    Taken,
}

impl Slot {
    fn new(source: usize, path: Vec<u8>, exclude: Exclude, is_elsewhere: bool) -> Arc<Slot> {
        Arc::new(Slot { source, path, exclude, is_elsewhere, state: Lock::new(SlotState::Waiting) })
    }

    /// Whether the caller is now the one who lists it.
    fn claim(&self) -> bool {
        let mut state = self.state();
        let free = matches!(*state, SlotState::Waiting);
        if free {
            *state = SlotState::Running;
        }
        free
    }

    fn state(&self) -> Guard<'_, SlotState> {
        self.state.lock()
    }
}

impl Scanner<'_> {
    fn work(&self) -> Guard<'_, Work> {
        self.work.lock()
    }

    fn wait<'m>(&self, work: Guard<'m, Work>) -> Guard<'m, Work> {
        self.changed.wait(work)
    }

    /// Reads ahead until told to stop. Once there is enough, waits until half of it is used: waking up costs more than listing.
    fn help(&self) {
        let mut open = Ladder::default();
        let mut work = self.work();
        while !work.stop {
            match work.next_ahead() {
                Some(slot) => {
                    drop(work);
                    self.list(&slot, &mut open);
                    work = self.work();
                }
                None => work = self.wait(work),
            }
        }
    }

    /// Walks depth first; what nobody has listed yet is listed here.
    fn walk(&self, visit: &mut dyn FnMut(Listing) -> Result<()>) -> Result<()> {
        let mut open = Ladder::default();
        for (number, source) in self.sources.iter().enumerate().filter(|(_, source)| !source.is_file()) {
            let mut stack = vec![Slot::new(number, Vec::new(), source.exclude.clone(), false)];
            while let Some(slot) = stack.pop() {
                if slot.claim() {
                    self.list(&slot, &mut open);
                }
                let (listing, children) = self.take(&slot, &mut open);
                stack.extend(children.into_iter().rev());
                visit(listing)?;
            }
        }
        Ok(())
    }

    /// Takes a listing that somebody has made or is making; meanwhile lists others.
    fn take(&self, slot: &Slot, open: &mut Ladder) -> (Listing, Vec<Arc<Slot>>) {
        let mut work = self.work();
        loop {
            let mut state = slot.state();
            if let SlotState::Done(..) = *state
                && let SlotState::Done(listing, children) = std::mem::replace(&mut *state, SlotState::Taken)
            {
                work.entries_ahead -= listing.found.len();
                self.changed.notify_all();
                return (*listing, children);
            }
            drop(state);
            work = match work.next_ahead() {
                Some(other) => {
                    drop(work);
                    self.list(&other, open);
                    self.work()
                }
                None => self.wait(work),
            };
        }
    }

    fn list(&self, slot: &Arc<Slot>, open: &mut Ladder) {
        let (listing, children) = self.listed(slot, open);
        let mut work = self.work();
        work.entries_ahead += listing.found.len();
        if self.options.threads > 0 {
            work.waiting.extend(children.iter().rev().cloned());
        }
        *slot.state() = SlotState::Done(Box::new(listing), children);
        self.changed.notify_all();
    }

    fn listed(&self, slot: &Slot, open: &mut Ladder) -> (Listing, Vec<Arc<Slot>>) {
        let source = &self.sources[slot.source];
        let path = path::joined_below(source.name(), &slot.path);
        let mut listing = Listing { source: slot.source, path, ..Listing::default() };
        if slot.is_elsewhere {
            return (listing, Vec::new());
        }
        let children = match open.open_in(slot.source, &source.root, &slot.path) {
            Ok(directory) => self.list_open(slot, &directory, &mut listing),
            Err(error) => Err(error),
        };
        match children {
            Ok(children) => (listing, children),
            Err(error) => {
                let mut failed = Listing { source: slot.source, is_unreadable: true, ..Listing::default() };
                failed.problems.extend(unsaved(&listing.path, "this folder cannot be read", &error));
                failed.path = listing.path;
                (failed, Vec::new())
            }
        }
    }

    fn list_open(&self, slot: &Slot, directory: &Directory, listing: &mut Listing) -> std::io::Result<Vec<Arc<Slot>>> {
        let source = &self.sources[slot.source];
        let looked_at = (self.options.clock)();
        let exclude = Scanner::rules_here(slot, directory, listing);
        let cache = source.rules.exclude_caches && is_cache(directory);
        let mut elsewhere = Vec::new();
        let mut known: Option<(u64, FileSystem)> = None;
        directory.list(|name, found| {
            let span = (listing.names.len() as u32, name.len() as u32);
            listing.names.extend_from_slice(name);
            if listing.path.len() + 1 + name.len() > PATH_BYTES_MAX {
                let what = "some of what is in this folder is not saved: its path is longer than 64 KiB";
                let told = EntryPathBuf::from_bytes(&listing.path).map(|path| Problem::new(path, what).unsaved());
                listing.problems.extend(told);
                listing.unreadable.push(name.to_vec());
                return;
            }
            let raw = match found {
                Ok(raw) => raw,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
                Err(error) => {
                    let full = path::joined(&listing.path, name);
                    listing.problems.extend(unsaved(&full, "cannot be looked at", &error));
                    listing.unreadable.push(name.to_vec());
                    return;
                }
            };
            let is_directory = raw.kind == Some(Kind::Directory);
            if is_directory && self.options.skip == Some(raw.key()) {
                listing.archive = EntryPathBuf::from_bytes(&path::joined(&listing.path, name));
                return;
            }
            let excluded = cache && name != CACHE_TAG_FILE
                || !exclude.is_empty() && exclude.excludes(&path::joined(&slot.path, name), is_directory);
            if excluded {
                listing.left_out.push((span, is_directory));
                listing.left_out_bytes += if raw.kind == Some(Kind::File) { raw.size } else { 0 };
                return;
            }
            let Some(kind) = raw.kind else {
                listing.sockets += 1;
                return;
            };
            if raw.is_remote && kind == Kind::File {
                listing.remote += 1;
                listing.unreadable.push(name.to_vec());
                return;
            }
            let file_system = match known {
                Some((number, file_system)) if number == raw.file_system => file_system,
                _ => known.insert((raw.file_system, source.file_system(directory, name, raw.file_system))).1,
            };
            if source.is_elsewhere(&raw, &file_system) {
                let paths = if file_system.is_pseudo { &mut listing.pseudo } else { &mut listing.elsewhere };
                paths.push(path::joined(&listing.path, name));
                if !is_directory {
                    return;
                }
                elsewhere.push(name.to_vec());
            }
            let mut stat = Source::comparable(&raw, kind, file_system);
            stat.note_look(looked_at);
            let may_have_holes = kind == Kind::File && raw.allocated_bytes < raw.size;
            listing.found.push(Found { name: span, stat, may_have_holes });
        })?;
        let names = &listing.names;
        let name_of = |found: &Found| &names[found.name.0 as usize..][..found.name.1 as usize];
        listing.found.sort_unstable_by(|a, b| name_of(a).cmp(name_of(b)));
        listing.unreadable.sort();
        let directories = listing.found.iter().filter(|found| found.stat.kind == Kind::Directory).map(name_of);
        let children = directories.map(|name| {
            let is_elsewhere = elsewhere.iter().any(|other| other == name);
            Slot::new(slot.source, path::joined(&slot.path, name), exclude.clone(), is_elsewhere)
        });
        Ok(children.collect())
    }

    /// The rules of this directory: those from above, and those of a `.snapignore` in it.
    fn rules_here(slot: &Slot, directory: &Directory, listing: &mut Listing) -> Exclude {
        let path = path::joined(&listing.path, IGNORE_FILE);
        match read_start(directory, IGNORE_FILE, RULES_BYTES_MAX + 1) {
            Ok(text) => {
                let (exclude, complaints) = slot.exclude.with_ignore_file(&slot.path, &text);
                let problems = complaints
                    .into_iter()
                    .filter_map(|what| Some(Problem::new(EntryPathBuf::from_bytes(&path)?, what)));
                listing.problems.extend(problems);
                exclude
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => slot.exclude.clone(),
            Err(error) => {
                listing.problems.extend(problem(&path, "these rules cannot be read", &error));
                slot.exclude.clone()
            }
        }
    }
}

fn problem(path: &[u8], what: &str, error: &std::io::Error) -> Option<Problem> {
    Some(Problem::io(EntryPathBuf::from_bytes(path)?, what, error))
}

fn unsaved(path: &[u8], what: &str, error: &std::io::Error) -> Option<Problem> {
    problem(path, what, error).map(Problem::unsaved)
}

fn is_cache(directory: &Directory) -> bool {
    read_start(directory, CACHE_TAG_FILE, CACHE_TAG_SIGNATURE.len()).is_ok_and(|start| start == CACHE_TAG_SIGNATURE)
}

fn read_start(directory: &Directory, name: &[u8], bytes_max: usize) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    directory.open_file(name)?.take(bytes_max as u64).read_to_end(&mut start)?;
    Ok(start)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;

    fn paths(root: &Path, threads: usize, rules: &Rules) -> Vec<String> {
        let sources = [Source::open("s", root, rules).unwrap()];
        let options = ScanOptions { threads, skip: None, clock: &|| Time::new(0, 0) };
        let mut paths = Vec::new();
        scan(&sources, &options, &mut |listing| {
            assert!(listing.problems.is_empty(), "{:?}", listing.problems);
            for found in &listing.found {
                paths.push(String::from_utf8(path::joined(&listing.path, listing.name(found))).unwrap());
            }
            Ok(())
        })
        .unwrap();
        paths
    }

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for directory in ["a/b/c", "a/z", "a-b", "b/x/y", "b/.hidden"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
            fs::write(root.path().join(directory).join("file"), "x").unwrap();
        }
        fs::write(root.path().join("a.b"), "x").unwrap();
        root
    }

    #[test]
    fn any_number_of_threads_gives_the_order_of_a_walk_and_what_walkdir_finds() {
        let root = tree();
        let mut expected: Vec<String> = walkdir::WalkDir::new(root.path())
            .min_depth(1)
            .into_iter()
            .map(|item| format!("s/{}", item.unwrap().path().strip_prefix(root.path()).unwrap().display()))
            .map(|path| path.replace(std::path::MAIN_SEPARATOR, "/"))
            .collect();
        let group_order = |a: &String, b: &String| {
            let (a, b) = (path::split_last(a.as_bytes()), path::split_last(b.as_bytes()));
            path::row_order(a, b)
        };
        expected.sort_by(group_order);
        for threads in [0, 1, 4] {
            for _ in 0..20 {
                assert_eq!(paths(root.path(), threads, &Rules::default()), expected);
            }
        }
    }

    #[test]
    fn rules_leave_out_what_they_name_and_nothing_else() {
        let root = tree();
        fs::write(root.path().join("b/.snapignore"), "x/\n").unwrap();
        fs::write(root.path().join("a/CACHEDIR.TAG"), CACHE_TAG_SIGNATURE).unwrap();
        let rules = Rules { exclude: vec!["/a-b".into(), ".hidden".into()], exclude_caches: true, ..Rules::default() };
        let expected = ["s/a", "s/a.b", "s/b", "s/a/CACHEDIR.TAG", "s/b/.snapignore", "s/b/file"];
        let found: Vec<String> = paths(root.path(), 2, &rules);
        assert_eq!(found, expected[..5]);
        fs::write(root.path().join("b/file"), "x").unwrap();
        assert_eq!(paths(root.path(), 2, &rules), expected);
    }

    #[cfg(unix)]
    #[test]
    fn what_has_too_long_a_path_is_told_of_and_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let name = "d".repeat(255);
        let mut at = std::fs::File::open(directory.path()).unwrap();
        for _ in 0..257 {
            rustix::fs::mkdirat(&at, &name, rustix::fs::Mode::RWXU).unwrap();
            let flags = rustix::fs::OFlags::DIRECTORY;
            at = rustix::fs::openat(&at, &name, flags, rustix::fs::Mode::empty()).unwrap().into();
        }
        let sources = [Source::open("s", directory.path(), &Rules::default()).unwrap()];
        let options = ScanOptions { threads: 1, skip: None, clock: &Time::now };
        let (mut found, mut problems, mut unreadable) = (0, Vec::new(), 0);
        scan(&sources, &options, &mut |listing| {
            found += listing.found.len();
            unreadable += listing.unreadable.len();
            problems.extend(listing.problems);
            Ok(())
        })
        .unwrap();
        assert_eq!((found, problems.len(), unreadable), (PATH_BYTES_MAX / 256 - 1, 1, 1), "{problems:?}");
    }

    #[test]
    fn the_archive_is_never_part_of_a_source() {
        let root = tree();
        let archive = crate::system::platform::stat_path(&root.path().join("b")).unwrap();
        let sources = [Source::open("s", root.path(), &Rules::default()).unwrap()];
        let options = ScanOptions { threads: 1, skip: Some(archive.key()), clock: &|| Time::new(0, 0) };
        scan(&sources, &options, &mut |listing| {
            assert!(!listing.path.starts_with(b"s/b"));
            let is_it = |found: &Found| listing.path == b"s" && listing.name(found) == b"b";
            assert!(!listing.found.iter().any(is_it));
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn names_of_one_file_share_a_link_number_and_others_do_not() {
        let root = tree();
        fs::hard_link(root.path().join("a.b"), root.path().join("b/link")).unwrap();
        let sources = [Source::open("s", root.path(), &Rules::default()).unwrap()];
        let options = ScanOptions { threads: 1, skip: None, clock: &|| Time::new(0, 0) };
        let mut links = Vec::new();
        scan(&sources, &options, &mut |listing| {
            links.extend(listing.found.iter().map(|found| found.stat.link).filter(|link| *link != 0));
            Ok(())
        })
        .unwrap();
        assert!(links.len() == 2 && links[0] == links[1]);
    }

    #[test]
    fn times_are_rounded_as_the_drive_will_keep_them() {
        let time = Time::new(1_000_001, 123_456_789);
        assert_eq!(rounded(time, 1), time);
        assert_eq!(rounded(time, 2_000_000_000), Time::new(1_000_000, 0));
        assert_eq!(rounded(time, 10_000_000), Time::new(1_000_001, 120_000_000));
        assert_eq!(rounded(Time::new(-1, 5), 2_000_000_000), Time::new(-2, 0));
    }
}
