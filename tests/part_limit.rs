//! An archive on a drive that holds no large files, as FAT32, with a limit that tests can reach. Uses the library.

use crate::support::inside::Scene;
use crate::support::inside::assert_restores;
use crate::support::inside::new_archive;
use crate::support::inside::options;
use crate::support::tree::noise;
use snap_archive::archive::open::Archive;
use snap_archive::base::advice::Advice;
use snap_archive::base::error::ErrorKind;
use snap_archive::base::error::Result;
use snap_archive::base::monitor::Recorder;
use snap_archive::system::store::Blob;
use snap_archive::system::store::Lease;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Space;
use snap_archive::system::store::Store;
use snap_archive::system::store::Upload;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::CreateReport;
use snap_archive::verbs::create::create;
use std::sync::Arc;

/// The most bytes of a file on the drive.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A drive with little room in a file.
struct SmallFiles(MemoryStore, Option<&'static str>);

impl Store for SmallFiles {
    fn list(&self, directory: &str) -> Result<Vec<(String, u64)>> {
        // The name that it forgets when another file is there after it.
        let mut names = self.0.list(directory)?;
        if let (Some(lost), true) = (self.1, names.len() > 1) {
            names.retain(|(name, _)| !name.contains(lost));
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> Result<Box<dyn Blob>> {
        self.0.open(name)
    }

    fn create(&self, like: &str) -> Result<Box<dyn Upload>> {
        self.0.create(like)
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.0.replace(name, bytes)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.0.remove(name)
    }

    fn remove_all(&self, directory: &str, files: &[String]) -> Result<()> {
        self.0.remove_all(directory, files)
    }

    fn lock(&self, holder: &str) -> Result<Box<dyn Lease>> {
        self.0.lock(holder)
    }

    fn sweep(&self, directories: &[&str]) -> Result<()> {
        self.0.sweep(directories)
    }

    fn space(&self) -> Space {
        Space { file_bytes_max: Some(FILE_BYTES_MAX), free_bytes: None, total_bytes: None }
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}

fn small_drive() -> (MemoryStore, Archive) {
    let store = MemoryStore::new();
    let archive = new_archive(Arc::new(SmallFiles(store.clone(), None)));
    (store, archive)
}

/// Saves with parts of this many bytes.
fn save(scene: &Scene, archive: &Archive, part_bytes_max: u64) -> (Result<CreateReport>, Vec<String>) {
    let monitor = Recorder::new();
    let options = CreateOptions { part_bytes_max, ..options(scene.home.root()) };
    let report = create(archive, &options, &monitor);
    (report, monitor.problems().iter().map(ToString::to_string).collect())
}

#[track_caller]
fn assert_small(store: &MemoryStore) {
    for (name, bytes) in store.list("bundles").unwrap() {
        assert!(bytes <= FILE_BYTES_MAX, "{name} has {bytes} bytes");
    }
}

#[test]
fn a_file_that_fits_into_no_file_of_the_drive_is_a_problem_and_the_rest_is_saved() {
    let (scene, (store, archive)) = (Scene::new(), small_drive());
    scene.home.file("a", noise(1, 3 << 20)).file("big", noise(2, 5 << 20)).file("c", noise(3, 3 << 20));
    scene.home.sparse("holes", 5 << 20, &[(1 << 20, b"data")]);
    scene.home.mtime("", 1_700_000_000, 0);
    let (report, problems) = save(&scene, &archive, 2 << 20);
    let number = report.unwrap().summary.unwrap().number;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("home/big: is larger than a file on the archive's drive can be"), "{problems:?}");
    assert_small(&store);
    let (report, problems) = save(&scene, &archive, 2 << 20);
    assert_eq!((report.unwrap().summary, problems.len()), (None, 1), "it is said each time");
    scene.home.remove("big").mtime("", 1_700_000_000, 0);
    assert_restores(&archive, number, &scene.path("sources"));
}

#[test]
fn what_belongs_together_is_kept_together_only_as_far_as_the_drive_allows() {
    let (scene, (store, archive)) = (Scene::new(), small_drive());
    for number in 0..12 {
        scene.home.file(format!("f{number:02}"), noise(number, 900_000));
    }
    scene.home.file("zzz", "goes");
    save(&scene, &archive, 3 << 20).0.unwrap();
    // The directory deletes a name, and its changes are more than a part.
    scene.home.remove("zzz");
    for number in 0..12 {
        scene.home.file(format!("f{number:02}"), noise(100 + number, 900_001));
    }
    let (report, problems) = save(&scene, &archive, 3 << 20);
    assert_eq!(problems, Vec::<String>::new());
    assert_small(&store);
    assert_restores(&archive, report.unwrap().summary.unwrap().number, &scene.path("sources"));
}

#[test]
fn a_tree_of_directories_alone_comes_in_parts() {
    let scene = Scene::new();
    for number in 0..400 {
        scene.home.dir(format!("{}/{number}", number % 20));
    }
    scene.save_with(&|options| CreateOptions { part_bytes_max: 150_000, ..options }).unwrap();
    let parts = scene.store.list("bundles").unwrap().len();
    assert!((3..=8).contains(&parts), "{parts} parts");
    scene.assert_kept();
}

#[test]
fn parts_larger_than_the_drive_can_hold_are_refused() {
    let (scene, (store, archive)) = (Scene::new(), small_drive());
    scene.home.file("a", "a");
    let (report, _) = save(&scene, &archive, FILE_BYTES_MAX + 1);
    let error = report.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(matches!(error.advice(), Some(Advice::LowerPartSize { .. })), "{error}");
    assert_eq!(store.list("bundles").unwrap(), []);
}

#[test]
fn a_drive_that_loses_a_part_while_the_next_one_is_written_is_told_and_the_snapshot_not_said_to_be_saved() {
    let (scene, store) = (Scene::new(), MemoryStore::new());
    let archive = new_archive(Arc::new(SmallFiles(store.clone(), Some(".0001."))));
    for number in 0..5 {
        scene.home.file(format!("f{number}"), noise(number, 900_000));
    }
    let error = save(&scene, &archive, 2 << 20).0.unwrap_err();
    assert!(error.to_string().contains("has lost"), "{error}");
    assert_eq!(error.advice(), Some(&Advice::CheckFileSystem));
    assert!(store.list("bundles").unwrap().iter().all(|(name, _)| name.matches('.').count() == 3), "no last part");
}
