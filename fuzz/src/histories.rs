//! A small tree that is edited and saved, and what it was at each snapshot: the plain model that an archive must agree with.
//! Knows nothing of how an archive is kept.

use crate::stores;
use crate::trees;
use crate::trees::Seen;
use arbitrary::Result;
use arbitrary::Unstructured;
use snap_archive::archive::open::Archive;
use snap_archive::base::entry::Kind;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::id::Hash;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::time::Time;
use snap_archive::system::store::LocalStore;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::CreateReport;
use snap_archive::verbs::create::Level;
use snap_archive::verbs::create::SourceSpec;
use snap_archive::verbs::create::create;
use snap_archive::verbs::history;
use snap_archive::verbs::history::LsOptions;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::restore::restore;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::time::UNIX_EPOCH;
use tempfile::TempDir;

/// How many names there are.
pub const NAMES_MAX: usize = 8;

const NAMES: [&[u8]; NAMES_MAX] = [b"a", b"b", b"a.b", b"a-b", b"\xff", "é".as_bytes(), b"-x\n", &[b'l'; 130]];
const SIZES: [usize; 5] = [0, 1, 513, 5000, 70_000];

type Tree = BTreeMap<Vec<u8>, Seen>;

/// A tree, an archive of it, and what the tree was at each snapshot.
pub struct Story {
    work: TempDir,
    pub store: MemoryStore,
    /// What paths are made of: the fewer, the more often an edit meets something.
    names: &'static [&'static [u8]],
    /// How large the parts of some snapshots are, in bytes.
    part_bytes: u64,
    saved: BTreeMap<SnapshotNumber, Tree>,
}

impl Story {
    /// An empty tree whose paths are made of `names` different names, and an archive without snapshots.
    pub fn new(names: usize, part_bytes: u64) -> Story {
        let (work, store) = (trees::scratch(), MemoryStore::new());
        let story = Story { work, store, names: &NAMES[..names], part_bytes, saved: BTreeMap::new() };
        fs::create_dir(story.source()).unwrap();
        Archive::init_store(Arc::new(story.store.clone()), ArchiveId([7; 16]), Time::default()).unwrap();
        story
    }

    fn source(&self) -> PathBuf {
        self.work.path().join("s")
    }

    fn archive(&self) -> Archive {
        Archive::open_store(Arc::new(self.store.clone())).unwrap()
    }

    /// How many snapshots there are.
    pub fn snapshots(&self) -> usize {
        self.saved.len()
    }

    /// One edit; what cannot be done at this place is left.
    ///
    /// # Errors
    /// When the input ends.
    pub fn edit(&self, u: &mut Unstructured) -> Result<()> {
        let what = u.int_in_range(0..=8)?;
        let path = self.path(u)?;
        // Only this program is at work here, so that nothing comes between looking and doing.
        let metadata = fs::symlink_metadata(&path).ok();
        let is_file = metadata.as_ref().is_some_and(fs::Metadata::is_file);
        let is_directory = metadata.as_ref().is_some_and(fs::Metadata::is_dir);
        let bits = u32::from(u.arbitrary::<u8>()?);
        match what {
            0 | 1 if !is_directory && (is_file || metadata.is_none()) => {
                let size = SIZES[bits as usize % SIZES.len()];
                drop(fs::write(&path, vec![u.arbitrary::<u8>()?; size]));
            }
            2 => drop(fs::create_dir_all(&path)),
            3 if is_directory => drop(fs::remove_dir_all(&path)),
            3 => drop(fs::remove_file(&path)),
            4 => drop(fs::rename(&path, self.path(u)?)),
            5 => drop(std::os::unix::fs::symlink(OsStr::from_bytes(NAMES[bits as usize % NAMES.len()]), &path)),
            6 if is_file => drop(fs::hard_link(&path, self.path(u)?)),
            7 if is_file || is_directory => {
                drop(fs::set_permissions(&path, fs::Permissions::from_mode(0o700 | bits & 0o77)));
            }
            8 if is_file => {
                let file = fs::File::options().write(true).open(&path).unwrap();
                file.set_modified(UNIX_EPOCH + Duration::new(u64::from(bits) << 24, bits)).unwrap();
            }
            _ => {}
        }
        Ok(())
    }

    fn path(&self, u: &mut Unstructured) -> Result<PathBuf> {
        let mut path = self.source();
        for _ in 0..u.int_in_range(1..=3)? {
            path.push(OsStr::from_bytes(u.choose(self.names)?));
        }
        Ok(path)
    }

    /// Saves the tree through `store`.
    ///
    /// # Errors
    /// As for `create`.
    pub fn save(&self, store: Arc<dyn Store>, u: &mut Unstructured) -> snap_archive::base::error::Result<CreateReport> {
        let options = CreateOptions {
            sources: vec![SourceSpec { name: None, is_named: false, path: self.source() }],
            allow_empty: true,
            level: Level::Fixed(1),
            time: Some(Time::new(1_700_000_000 + self.saved.len() as i64, 0)),
            rehash: u.arbitrary().unwrap_or_default(),
            part_bytes_max: if u.arbitrary().unwrap_or_default() { self.part_bytes } else { 1 << 30 },
            threads: 1 + usize::from(u.arbitrary().unwrap_or(false)),
            ..CreateOptions::default()
        };
        let monitor = Recorder::new();
        let report = create(&Archive::open_store(store)?, &options, &monitor)?;
        assert_eq!((report.problems, monitor.problems()), (0, Vec::new()));
        Ok(report)
    }

    /// Notes what the tree is, for the snapshot that a run made or found up to date.
    pub fn note(&mut self, report: &CreateReport) {
        let number = match &report.summary {
            Some(summary) => summary.number,
            None => report.compared_with.as_ref().unwrap().number,
        };
        let tree = trees::listing(&self.source(), None);
        if let Some(unchanged) = self.saved.insert(number, tree.clone()) {
            assert_eq!(unchanged, tree, "a change was not seen");
        }
    }

    /// Notes what the tree is for snapshots in the history that are not noted yet; how many there were.
    pub fn note_unreported(&mut self) -> usize {
        let before = self.saved.len();
        let tree = trees::listing(&self.source(), None);
        for number in self.history() {
            self.saved.entry(number).or_insert_with(|| tree.clone());
        }
        self.saved.len() - before
    }

    /// Saves the tree, which must succeed.
    pub fn snapshot(&mut self, u: &mut Unstructured) {
        let report = self.save(Arc::new(self.store.clone()), u).unwrap();
        self.note(&report);
    }

    fn history(&self) -> Vec<SnapshotNumber> {
        let summaries = history::list(&self.archive(), &Recorder::new()).unwrap();
        summaries.iter().map(|summary| summary.number).collect()
    }

    /// The history has all snapshots and no other, and each holds what the tree was.
    pub fn check(&self) {
        assert_eq!(self.history(), self.saved.keys().copied().collect::<Vec<_>>());
        self.check_listings();
    }

    /// Each snapshot holds what the tree was, by path, kind, metadata and hash.
    pub fn check_listings(&self) {
        let archive = self.archive();
        for (number, tree) in &self.saved {
            check_listing(&archive, *number, tree);
        }
    }

    /// One of the snapshots, and the newest restored over it, are equal to what the tree was.
    pub fn check_restores(&self, u: &mut Unstructured) {
        self.check_any_restore(u);
        self.saved.keys().next_back().into_iter().for_each(|newest| self.check_restore(*newest));
    }

    /// One of the snapshots, if there are any, restored over what is there, is equal to what the tree was.
    pub fn check_any_restore(&self, u: &mut Unstructured) {
        let numbers: Vec<SnapshotNumber> = self.saved.keys().copied().collect();
        u.choose_iter(numbers).into_iter().for_each(|at| self.check_restore(at));
    }

    fn check_restore(&self, at: SnapshotNumber) {
        let options = RestoreOptions {
            target: self.work.path().join("r"),
            at,
            overwrite: true,
            delete: true,
            threads: 2,
            ..RestoreOptions::default()
        };
        let monitor = Recorder::new();
        let archive = self.archive();
        restore(&archive.catalog(&monitor).unwrap(), &options, &monitor).unwrap();
        assert_eq!(monitor.problems(), []);
        let mut was = self.saved[&at].clone();
        let mut is = trees::listing(&self.work.path().join("r/s"), None);
        let (was_links, is_links) = (links(&was), links(&is));
        assert_eq!(is_links, was_links);
        for seen in was.values_mut().chain(is.values_mut()) {
            (seen.inode, seen.ctime) = ((0, 0), (0, 0));
        }
        assert_eq!(is, was);
    }

    /// Whether there are parts of a snapshot that was never finished.
    pub fn was_cut_off(&self) -> bool {
        let names: Vec<String> = self.store.list("bundles").unwrap().into_iter().map(|(name, _)| name).collect();
        // Only an earlier part has a number of its own between two more dots.
        let is_last = |name: &&String| name.matches('.').count() == 2;
        let finished: BTreeSet<&str> = names.iter().filter(is_last).map(|name| &name[..6]).collect();
        names.iter().any(|name| !finished.contains(&name[..6]))
    }

    /// Replaying the bundles in order with stock tools gives names, types and contents of each snapshot.
    pub fn check_replay(&self) {
        let [drive, out] = ["drive", "replayed"].map(|name| self.work.path().join(name));
        fs::create_dir(&drive).unwrap();
        fs::create_dir(&out).unwrap();
        stores::copy(&self.store, &LocalStore::new(&drive));
        let names: Vec<String> = self.store.list("bundles").unwrap().into_iter().map(|(name, _)| name).collect();
        for (at, name) in names.iter().enumerate() {
            let mut tar = Command::new("tar");
            // Some files here are of the future.
            tar.args(["--warning=no-timestamp", "--zstd", "-g", "/dev/null", "-xf"])
                .arg(drive.join("bundles").join(name))
                .arg("-C")
                .arg(&out);
            let done = tar.output().expect("tar can be started");
            assert!(done.status.success() && done.stderr.is_empty(), "{name}: {done:?}");
            let number: SnapshotNumber = name[..6].parse().unwrap();
            let is_last = names.get(at + 1).is_none_or(|next| next[..6] != name[..6]);
            if let Some(tree) = self.saved.get(&number).filter(|_| is_last) {
                assert_eq!(contents(&trees::listing(&out.join("s"), None)), contents(tree), "replayed up to {name}");
            }
        }
    }
}

/// A snapshot's entries are the tree's.
fn check_listing(archive: &Archive, number: SnapshotNumber, tree: &Tree) {
    let options = LsOptions { at: number, recursive: true, ..LsOptions::default() };
    let mut left = tree.clone();
    let mut links = BTreeMap::new();
    let recorder = Recorder::new();
    let catalog = archive.catalog(&recorder).unwrap();
    history::ls(&catalog, &options, &recorder, &mut |path, entry| {
        let seen = left
            .remove(path.split_source().map_or(&b""[..], |(_, rest)| rest.as_bytes()))
            .expect("a path that was not there");
        let stat = &entry.stat;
        assert_eq!(stat.mode, seen.mode & 0o7777, "{path}");
        assert_eq!(stat.kind, kind(&seen), "{path}");
        assert_eq!(stat.size, seen.size, "{path}");
        assert_eq!((stat.mtime.seconds, i64::from(stat.mtime.nanos)), seen.mtime, "{path}");
        assert_eq!(entry.target, seen.target, "{path}");
        assert_eq!(entry.content.as_ref().map(|content| content.hash), seen.hash, "{path}");
        if stat.kind != Kind::Directory {
            assert_eq!(stat.link != 0, seen.inode.1 > 1, "{path}");
            if stat.link != 0 {
                assert_eq!(*links.entry(stat.link).or_insert(seen.inode.0), seen.inode.0, "{path}");
            }
        }
        Ok(())
    })
    .unwrap();
    assert!(left.is_empty(), "missing in snapshot {number}: {:?}", left.keys());
}

fn kind(seen: &Seen) -> Kind {
    match seen.mode & 0o170_000 {
        0o040_000 => Kind::Directory,
        0o120_000 => Kind::Symlink,
        0o100_000 => Kind::File,
        other => panic!("nothing here makes {other:o}"),
    }
}

/// Names of one file, together.
fn links(tree: &Tree) -> Vec<Vec<&[u8]>> {
    let mut by_inode: BTreeMap<u64, Vec<&[u8]>> = BTreeMap::new();
    for (path, seen) in tree.iter().filter(|(_, seen)| kind(seen) != Kind::Directory) {
        by_inode.entry(seen.inode.0).or_default().push(path);
    }
    let mut links: Vec<Vec<&[u8]>> = by_inode.into_values().collect();
    links.sort();
    links
}

/// What stock tools promise to bring back: kinds, sizes, hashes and targets of links.
fn contents(tree: &Tree) -> BTreeMap<&[u8], (Kind, u64, Option<Hash>, &[u8])> {
    tree.iter()
        .map(|(path, seen)| (path.as_slice(), (kind(seen), seen.size, seen.hash, seen.target.as_slice())))
        .collect()
}
