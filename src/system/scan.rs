//! Sources listed and looked at by several threads, handed on directory by directory in the order of a walk. Opens no file
//! but rules; knows nothing of what was there before.

use crate::base::concurrency::Condition;
use crate::base::concurrency::Guard;
use crate::base::concurrency::Lock;
use crate::base::concurrency::join;
use crate::base::entry::FileKey;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::exclude::Exclude;
use crate::base::path::EntryPathBuf;
use crate::base::time::Time;
use crate::system::directory_look::Look;
use crate::system::directory_look::Subdirectory;
use crate::system::listing::Listing;
use crate::system::platform::Ladder;
use crate::system::source::Source;
use std::sync::Arc;

/// How many entries may be listed before they are wanted. At some 130 bytes each this bounds the memory.
const AHEAD_ENTRIES_MAX: usize = 16 << 10;

/// How to scan.
pub struct ScanOptions<'a> {
    /// Threads that read ahead, beside the caller's.
    pub threads: usize,
    /// Directories that are never part of a source, by file system and inode: those of the archive.
    pub skip: Vec<FileKey>,
    /// Where "now" comes from, for telling which entries are racy.
    pub clock: &'a (dyn Fn() -> Time + Sync),
}

/// Lists the sources, one after the other, and gives `visit` each directory in the order of a walk, on this thread.
///
/// # Errors
/// Only those of `visit`.
pub fn scan(sources: &[Source], options: &ScanOptions, visit: &mut dyn FnMut(Listing) -> Result<()>) -> Result<()> {
    let scanner = Scanner { sources, options, work: Lock::default(), changed: Condition::default() };
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
    changed: Condition,
}

#[derive(Default)]
struct Work {
    /// Directories to list, the one that is wanted first on top.
    waiting: Vec<Arc<Slot>>,
    entries_ahead: usize,
    /// Whether enough was listed ahead to wait.
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
    path: EntryPathBuf,
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
    fn new(source: usize, path: EntryPathBuf, exclude: Exclude, is_elsewhere: bool) -> Arc<Slot> {
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
            let mut stack = vec![Slot::new(number, EntryPathBuf::root(), source.exclude().clone(), false)];
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
        let path = source.path().join_path(&slot.path);
        let mut listing = Listing { source: slot.source, path, ..Listing::default() };
        if slot.is_elsewhere {
            return (listing, Vec::new());
        }
        let opened = open.open_in(slot.source, source.root(), slot.path.as_bytes());
        let looked = opened.and_then(|directory| {
            let Slot { path: below, exclude, .. } = slot;
            let looked_at = (self.options.clock)();
            let look = Look { source, directory: &directory, below, exclude, skip: &self.options.skip, looked_at };
            look.list(&mut listing)
        });
        match looked {
            Ok(directories) => {
                let slot = |below: Subdirectory| Slot::new(slot.source, below.path, below.exclude, below.is_elsewhere);
                (listing, directories.into_iter().map(slot).collect())
            }
            Err(error) => {
                let path = listing.path;
                let problems = vec![Problem::io(path.clone(), "this folder cannot be read", &error).unsaved()];
                (Listing { source: slot.source, path, is_unreadable: true, problems, ..Listing::default() }, Vec::new())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::exclude::CACHE_TAG_SIGNATURE;
    use crate::base::path;
    #[cfg(unix)]
    use crate::base::path::PATH_BYTES_MAX;
    use crate::base::snapshot::Rules;
    use crate::system::listing::ScannedEntry;
    use std::fs;
    use std::path::Path;

    fn paths(root: &Path, threads: usize, rules: &Rules) -> Vec<String> {
        let sources = [Source::open("s", root, rules).unwrap()];
        let options = ScanOptions { threads, skip: Vec::new(), clock: &|| Time::new(0, 0) };
        let mut paths = Vec::new();
        scan(&sources, &options, &mut |listing| {
            assert!(listing.problems.is_empty(), "{:?}", listing.problems);
            for found in &listing.found {
                paths.push(
                    String::from_utf8(listing.path.child(listing.name(found)).unwrap().as_bytes().to_vec()).unwrap(),
                );
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

    /// Such a folder is listed twice.
    #[cfg(unix)]
    #[test]
    fn what_is_in_a_folder_with_rules_of_its_own_is_counted_once() {
        let root = tree();
        fs::write(root.path().join("b/.snapignore"), "/file\nx/\n").unwrap();
        let sockets = ["a/socket", "b/socket", "b/file.socket"];
        let _open = sockets.map(|name| std::os::unix::net::UnixListener::bind(root.path().join(name)).unwrap());
        fs::write(root.path().join("b/file"), "12345").unwrap();
        let sources = [Source::open("s", root.path(), &Rules::default()).unwrap()];
        let options = ScanOptions { threads: 1, skip: Vec::new(), clock: &|| Time::new(0, 0) };
        let mut counted = Vec::new();
        scan(&sources, &options, &mut |listing| {
            assert!(listing.problems.is_empty() && listing.unreadable.is_empty());
            let names: Vec<&[u8]> = listing.found.iter().map(|found| listing.name(found)).collect();
            if listing.path.as_bytes() == b"s/b" {
                assert_eq!(names, [&b".hidden"[..], b".snapignore"]);
                assert_eq!(listing.left_out().collect::<Vec<_>>().len(), 2);
            }
            counted.push((listing.path.as_bytes().to_vec(), listing.sockets, listing.left_out_bytes));
            Ok(())
        })
        .unwrap();
        counted.retain(|(_, sockets, bytes)| *sockets + *bytes > 0);
        assert_eq!(counted, [(b"s/a".to_vec(), 1, 0), (b"s/b".to_vec(), 2, 5)]);
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
        let options = ScanOptions { threads: 1, skip: Vec::new(), clock: &Time::now };
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
        let options = ScanOptions { threads: 1, skip: vec![archive.key()], clock: &|| Time::new(0, 0) };
        scan(&sources, &options, &mut |listing| {
            assert!(!listing.path.as_bytes().starts_with(b"s/b"));
            let is_it = |found: &ScannedEntry| listing.path.as_bytes() == b"s" && listing.name(found) == b"b";
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
        let options = ScanOptions { threads: 1, skip: Vec::new(), clock: &|| Time::new(0, 0) };
        let mut links = Vec::new();
        scan(&sources, &options, &mut |listing| {
            links.extend(listing.found.iter().map(|found| found.stat.link).filter(|link| *link != 0));
            Ok(())
        })
        .unwrap();
        assert!(links.len() == 2 && links[0] == links[1]);
    }
}
