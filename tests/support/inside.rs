//! An archive in a store of the test's choice, used through the library; what is in it, every content checked by its hash.

use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::replay::stock_replay;
use crate::support::stores::copy;
use crate::support::stores::files;
use crate::support::tree::Tree;
use snap_archive::archive::content::ContentCheck;
use snap_archive::archive::content::Contents;
use snap_archive::archive::open::Archive;
use snap_archive::base::advice::Advice;
use snap_archive::base::entry::Entry;
use snap_archive::base::error::Result;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::monitor::Monitor;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::path::EntryPath;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::time::Time;
use snap_archive::system::store::LocalStore;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::CreateReport;
use snap_archive::verbs::create::SourceSpec;
use snap_archive::verbs::create::create;
use snap_archive::verbs::export::ExportOptions;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::restore::RestoreReport;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// A time so late that nothing was modified shortly before.
pub fn late() -> Time {
    Time::new(40_000_000_000, 0)
}

/// A source called `home` and an archive in memory.
pub struct Scene {
    pub home: Tree,
    pub store: MemoryStore,
    pub archive: Archive,
    pub directory: TempDir,
}

impl Scene {
    /// With an archive that holds no snapshot.
    pub fn new() -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let home = Tree::at(directory.path().join("sources/home"));
        let store = MemoryStore::new();
        let archive = new_archive(Arc::new(store.clone()));
        Scene { home, store, archive, directory }
    }

    /// Saves `home`; nothing in it is taken for freshly modified.
    #[track_caller]
    pub fn save(&self) -> CreateReport {
        let report = self.save_with(&|options| options).unwrap();
        assert_eq!(report.problems, 0);
        report
    }

    /// Saves `home` with these options.
    pub fn save_with(&self, change: &dyn for<'a> Fn(CreateOptions<'a>) -> CreateOptions<'a>) -> Result<CreateReport> {
        create(&self.archive, &change(options(self.home.root())), &Recorder::new())
    }

    /// A place in the directory around.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Fails the test unless the newest snapshot is what `home` is now, for snap and for stock tar.
    #[track_caller]
    pub fn assert_kept(&self) {
        let newest = self.archive.catalog(&Recorder::new()).unwrap().newest().unwrap();
        assert_restores(&self.archive, newest, &self.path("sources"));
        assert_replays(&self.store, newest, &self.path("sources"));
    }
}

/// The usual options for saving one folder.
pub fn options(home: &Path) -> CreateOptions<'static> {
    CreateOptions {
        sources: vec![SourceSpec { name: None, is_named: false, path: home.to_owned() }],
        time: Some(Time::new(1_750_000_000, 0)),
        threads: 2,
        clock: &late,
        ..CreateOptions::default()
    }
}

/// An archive without snapshots in an empty store.
pub fn new_archive(store: Arc<dyn Store>) -> Archive {
    Archive::init_store(store, ArchiveId::from_seed(b"test"), Time::new(1_700_000_000, 0)).unwrap()
}

/// The archive in a store.
pub fn open(store: impl Store + 'static) -> Archive {
    Archive::open_store(Arc::new(store)).unwrap()
}

/// The numbers of all snapshots.
pub fn history(archive: &Archive) -> Vec<SnapshotNumber> {
    let recorder = Recorder::new();
    let history = archive.catalog(&recorder).unwrap().history().unwrap();
    history.iter().map(|summary| summary.number).collect()
}

/// Everything in a snapshot: directory by directory, in each by name.
#[track_caller]
pub fn entries(archive: &Archive, number: impl Into<SnapshotNumber>) -> Vec<(Vec<u8>, Entry)> {
    let number = number.into();
    let recorder = Recorder::new();
    let catalog = archive.catalog(&recorder).unwrap();
    let groups = catalog.state(number).unwrap().groups(EntryPath::root());
    let of_group = |group: snap_archive::archive::state::DirectoryRows| {
        let entry = |row: &snap_archive::archive::state::Row| {
            (snap_archive::base::path::joined(group.path.as_bytes(), row.name()), row.entry().unwrap().unwrap())
        };
        group.rows.iter().map(entry).collect::<Vec<_>>()
    };
    groups.flat_map(|group| of_group(group.unwrap())).collect()
}

/// A line for everything in a snapshot; every content is read and its hash checked.
#[track_caller]
pub fn contents(archive: &Archive, number: impl Into<SnapshotNumber>) -> BTreeMap<Vec<u8>, String> {
    let number = number.into();
    let recorder = Recorder::new();
    let catalog = archive.catalog(&recorder).unwrap();
    let mut reader = Contents::new(&catalog, ContentCheck::Hash, Advice::PlugInAndRestoreAgain).reader();
    let mut found = BTreeMap::new();
    for (path, entry) in entries(archive, number) {
        if entry.content.is_some() {
            let read = reader.read(&entry);
            assert!(read.is_ok(), "{} in {number}: {read:?}", path.escape_ascii());
        }
        let (stat, target) = (entry.stat, entry.target.escape_ascii());
        let hash = entry.content.map(|content| content.hash);
        let line = format!("{:?} {:o} {} {:?} {target} {hash:?}", stat.kind, stat.mode, stat.size, stat.mtime);
        found.insert(path, line);
    }
    found
}

/// One file's bytes.
#[track_caller]
pub fn file(archive: &Archive, number: impl Into<SnapshotNumber>, path: &str) -> Vec<u8> {
    let number = number.into();
    let recorder = Recorder::new();
    let catalog = archive.catalog(&recorder).unwrap();
    let path = EntryPathBuf::from_bytes(path.as_bytes()).unwrap();
    let entry = catalog.state(number).unwrap().find(&path).unwrap().unwrap_or_else(|| panic!("no {path} in {number}"));
    Contents::new(&catalog, ContentCheck::Hash, Advice::PlugInAndRestoreAgain)
        .reader()
        .read(&entry)
        .unwrap_or_else(|why| panic!("{path} in {number}: {why}"))
}

/// A directory in memory where there is one: a restore waits for the disk that it writes to.
pub fn quick_directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Restores from an archive as it is now.
///
/// # Errors
/// As for the library's own function.
pub fn restore(archive: &Archive, options: &RestoreOptions, monitor: &dyn Monitor) -> Result<RestoreReport> {
    snap_archive::verbs::restore::restore(&archive.catalog(monitor)?, options, monitor)
}

/// Exports all of a snapshot, to nowhere.
///
/// # Errors
/// As for the library's own function.
pub fn export(archive: &Archive, at: impl Into<SnapshotNumber>, monitor: &dyn Monitor) -> Result<u64> {
    let options = ExportOptions { at: at.into(), ..ExportOptions::default() };
    snap_archive::verbs::export::export(&archive.catalog(monitor)?, &options, &mut std::io::sink(), monitor)
}

/// Fails the test unless a snapshot restores to just this.
#[track_caller]
pub fn assert_restores(archive: &Archive, number: impl Into<SnapshotNumber>, expected: &Path) {
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("out");
    let recorder = Recorder::new();
    let owners = rustix::process::geteuid().is_root();
    let options = RestoreOptions { target: target.clone(), at: number.into(), owners, ..RestoreOptions::default() };
    restore(archive, &options, &recorder).unwrap();
    assert_eq!(recorder.problems(), []);
    assert_same_below(expected, &target, Level::Everything);
}

/// Fails the test unless stock tar makes just this of all bundles up to a snapshot's.
#[track_caller]
pub fn assert_replays(store: &dyn Store, upto: impl Into<SnapshotNumber>, expected: &Path) {
    let drive = on_a_drive(store);
    let out = drive.path().join("replayed");
    stock_replay(drive.path(), upto.into().get() as usize, &out);
    assert_same_below(expected, &out, Level::Stock);
}

/// A store's files in a directory.
pub fn on_a_drive(store: &dyn Store) -> TempDir {
    let drive = tempfile::tempdir().unwrap();
    copy(store, &LocalStore::new(drive.path()));
    drive
}

/// A copy of a store, in memory.
pub fn in_memory(store: &dyn Store) -> MemoryStore {
    let new = MemoryStore::new();
    copy(store, &new);
    new
}

/// How many bytes of bundles there are.
pub fn bundle_bytes(store: &dyn Store) -> u64 {
    let bundles = files(store).into_iter().filter(|(name, _)| name.starts_with("bundles/"));
    bundles.map(|(_, bytes)| bytes.len() as u64).sum()
}
