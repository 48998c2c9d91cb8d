//! Every step of writing fails once: whatever is cut off wherever, no snapshot that was reported is lost and none is half
//! there. Uses the library, and wrappers around its stores.

use crate::support::bench::copy_exactly;
use crate::support::inside::Scene;
use crate::support::inside::assert_replays;
use crate::support::inside::assert_restores;
use crate::support::inside::bundle_bytes;
use crate::support::inside::contents;
use crate::support::inside::history;
use crate::support::inside::in_memory;
use crate::support::inside::new_archive;
use crate::support::inside::options;
use crate::support::stores::Fault;
use crate::support::stores::FaultyStore;
use crate::support::stores::copy;
use crate::support::stores::files;
use crate::support::tree::noise;
use snap_archive::archive::open::Archive;
use snap_archive::base::error::Result;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::time::Time;
use snap_archive::system::store::LocalStore;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::CreateReport;
use snap_archive::verbs::create::Level;
use snap_archive::verbs::create::create;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

/// What every step meets in its turn.
pub(crate) const FAULTS: [Fault; 4] = [
    Fault::Crash,
    Fault::Once(ErrorKind::Other),
    Fault::NoMoreWriting(ErrorKind::StorageFull),
    Fault::NoMoreWriting(ErrorKind::ReadOnlyFilesystem),
];

/// More than any of these runs has steps: a run that never ends is a mistake of the test.
const STEPS_MAX: usize = 2_000;

/// Snapshot 3 is large for this, so that it comes in several parts.
const PART_BYTES: u64 = 150_000;

/// Two snapshots in an archive, and a third state of the source that is not saved yet.
pub(crate) struct Story {
    pub(crate) scene: Scene,
    /// What is in each snapshot.
    pub(crate) kept: BTreeMap<u32, BTreeMap<Vec<u8>, String>>,
    /// The source as each snapshot found it.
    pub(crate) copies: BTreeMap<u32, PathBuf>,
}

/// The same, with nothing saved yet.
fn first_story() -> Story {
    let Story { scene, .. } = story();
    for (name, _) in files(&scene.store).iter().filter(|(name, _)| name.contains('/')) {
        scene.store.remove(name).unwrap();
    }
    Story { scene, kept: BTreeMap::new(), copies: BTreeMap::new() }
}

pub(crate) fn story() -> Story {
    let scene = Scene::new();
    let home = &scene.home;
    home.file("a", noise(1, 3000)).file("gone", "x").file("kind", "a file").file("old/1", noise(2, 30_000));
    home.file("old/deep/2", "two").symlink("link", "a").hard_link("a", "z").file("becomes", "x").dir("was/a/directory");
    let mut story = Story { scene, kept: BTreeMap::new(), copies: BTreeMap::new() };
    story.note(1);
    let home = &story.scene.home;
    home.append("old/1", "more").remove("old/deep/2").file("old/deep/3", "three").mode("gone", 0o600);
    story.note(2);
    let home = &story.scene.home;
    home.remove("gone").remove("kind").file("kind/inside", "now a directory").remove("becomes").symlink("becomes", "z");
    home.remove("was").file("was", "a file").remove("old/deep").file("a", noise(3, 2000));
    for number in 0..6_u64 {
        home.file(format!("new/{number}"), noise(10 + number, 60_000));
    }
    story
}

impl Story {
    /// Saves the source as it is, with a copy to compare with.
    pub(crate) fn note(&mut self, number: u32) {
        let to = self.scene.path(&format!("copy-{number}"));
        copy_exactly(&self.scene.path("sources"), &to);
        self.scene.save();
        assert_restores(&self.scene.archive, number, &to);
        self.kept.insert(number, contents(&self.scene.archive, number));
        self.copies.insert(number, to);
    }

    /// The number of the newest snapshot.
    pub(crate) fn saved(&self) -> u32 {
        self.kept.keys().next_back().copied().unwrap_or(0)
    }

    pub(crate) fn options(&self) -> CreateOptions<'static> {
        CreateOptions { part_bytes_max: PART_BYTES, ..options(self.scene.home.root()) }
    }

    pub(crate) fn save(&self, store: Arc<dyn Store>) -> Result<CreateReport> {
        Archive::open_store(store).and_then(|archive| create(&archive, &self.options(), &Recorder::new()))
    }

    /// Fails the test unless all snapshots that were reported are there, in the history and byte for byte.
    #[track_caller]
    pub(crate) fn assert_kept(&self, archive: &Archive, at: &str) {
        let numbers = history(archive);
        for (number, expected) in &self.kept {
            assert!(numbers.contains(&(*number).into()), "{at}: snapshot {number} is not in the history {numbers:?}");
            assert_eq!(&contents(archive, *number), expected, "{at}: snapshot {number}");
        }
    }

    /// Fails the test unless the next run, on a sound store, makes a whole snapshot of what there is and all stock tools
    /// agree; gives how many bytes it wrote.
    #[track_caller]
    pub(crate) fn assert_goes_on(&self, store: &Arc<dyn Store>, at: &str) -> u64 {
        let report = self.save(store.clone()).unwrap_or_else(|error| panic!("{at}: the next run: {error}"));
        assert_eq!(report.problems, 0, "{at}");
        let archive = Archive::open_store(store.clone()).unwrap();
        self.assert_kept(&archive, at);
        let newest = *history(&archive).last().unwrap();
        assert!(newest > self.saved(), "{at}: what changed is not in the history");
        assert_restores(&archive, newest, &self.scene.path("sources"));
        let again = self.save(store.clone()).unwrap();
        assert_eq!((again.summary, again.bytes_written), (None, 0), "{at}: then nothing is left to be saved");
        report.bytes_written
    }
}

/// Runs `work` on copies of a store, with a fault at step 0, 1, 2 … until a run meets none; `check` gets what is left.
pub(crate) fn at_every_step(
    base: &dyn Store,
    fault: Fault,
    work: &dyn Fn(Arc<dyn Store>) -> Result<()>,
    check: &mut dyn FnMut(usize, &str, Result<()>, Arc<dyn Store>),
) {
    for at in 0..STEPS_MAX {
        let left: Arc<dyn Store> = Arc::new(in_memory(base));
        let faulty = FaultyStore::new(left.clone(), at, fault);
        let outcome = work(faulty.clone());
        let steps = faulty.steps();
        let Some(step) = steps.get(at) else {
            outcome.unwrap();
            assert!(at > 5, "hardly a step was taken: {steps:?}");
            return;
        };
        if is_reading(step) && matches!(fault, Fault::NoMoreWriting(_)) {
            // The same as at the next step that writes.
            continue;
        }
        check(at, &format!("{fault:?} at step {at}, {step}"), outcome, left);
    }
    panic!("{fault:?}: more than {STEPS_MAX} steps");
}

pub(crate) fn is_reading(step: &str) -> bool {
    ["list", "open", "read"].iter().any(|reading| step.starts_with(reading))
}

#[test]
fn a_fault_at_any_step_of_create_harms_no_snapshot_and_the_next_run_goes_on() {
    assert_survives_faults(&story());
}

#[test]
fn a_fault_at_any_step_of_the_first_create_leaves_no_snapshot_or_a_whole_one_and_the_next_run_goes_on() {
    assert_survives_faults(&first_story());
}

#[track_caller]
fn assert_survives_faults(story: &Story) {
    let old: Vec<u32> = story.kept.keys().copied().collect();
    let new: Vec<u32> = (1..=story.saved() + 1).collect();
    let whole = story.save(Arc::new(in_memory(&story.scene.store))).unwrap();
    let before = bundle_bytes(&story.scene.store);
    for fault in FAULTS {
        at_every_step(
            &story.scene.store,
            fault,
            &|store| story.save(store).map(drop),
            &mut |at, shown, outcome, left| {
                let archive = Archive::open_store(left.clone()).unwrap();
                story.assert_kept(&archive, shown);
                let is_new = history(&archive) == new;
                assert!(is_new || history(&archive) == old, "{shown}: {:?}", history(&archive));
                assert!(is_new || outcome.is_err(), "{shown}: reported as saved, and is not");
                if is_new {
                    assert_restores(&archive, story.saved() + 1, &story.scene.path("sources"));
                    let is_told = outcome.is_ok() || shown.contains("published bundles/") || fault == Fault::Crash;
                    assert!(is_told, "{shown}: saved, and reported as failed: {outcome:?}");
                }
                if fault != Fault::Crash && is_reading(&shown[shown.rfind(", ").unwrap() + 2..]) {
                    return;
                }
                let finished = bundle_bytes(&*left) - before;
                let written = story.assert_goes_on(&left, shown);
                // What is said of each bundle beside its contents comes again with every one.
                let again = (finished + written).saturating_sub(whole.bytes_written);
                assert!(again < 10_000, "{shown}: {finished} bytes were finished, and {written} more written");
                if at % 5 == 0 {
                    let newest = *history(&Archive::open_store(left.clone()).unwrap()).last().unwrap();
                    assert_replays(&*left, newest, &story.scene.path("sources"));
                    story.copies.iter().for_each(|(number, copy)| assert_replays(&*left, *number, copy));
                }
            },
        );
    }
}

#[test]
fn a_crash_at_any_step_leaves_a_directory_that_the_next_run_tidies_up() {
    let story = story();
    for at in 0..STEPS_MAX {
        let drive = tempfile::tempdir().unwrap();
        let local: Arc<dyn Store> = Arc::new(LocalStore::new(drive.path()));
        copy(&story.scene.store, &*local);
        let faulty = FaultyStore::new(local.clone(), at, Fault::Crash);
        let outcome = story.save(faulty.clone());
        let steps = faulty.steps();
        let Some(step) = steps.get(at) else {
            outcome.unwrap();
            assert!(at > 5, "hardly a step was taken: {steps:?}");
            return;
        };
        // Steps that only read are like those on any other store.
        if is_reading(step) {
            continue;
        }
        let shown = format!("crash at step {at}, {step}");
        story.assert_kept(&Archive::open_store(local.clone()).unwrap(), &shown);
        story.assert_goes_on(&local, &shown);
        let left = walkdir::WalkDir::new(drive.path()).into_iter().map(|item| item.unwrap().file_name().to_owned());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with(".snap-")).collect();
        assert_eq!(left, Vec::<std::ffi::OsString>::new(), "{shown}: unfinished files were not removed");
    }
    panic!("more than {STEPS_MAX} steps");
}

/// Saves `home` into a store, in parts of so many bytes of tar.
fn save_in_parts(scene: &Scene, store: Arc<dyn Store>, part_bytes_max: u64) -> Result<CreateReport> {
    let options = CreateOptions { part_bytes_max, ..options(scene.home.root()) };
    create(&Archive::open_store(store).unwrap(), &options, &Recorder::new())
}

/// What `save` does with a copy of the scene's store, and after which of its steps a part is published.
fn ends_of_parts(scene: &Scene, save: &dyn Fn(Arc<dyn Store>) -> Result<CreateReport>) -> (CreateReport, Vec<usize>) {
    let counted = FaultyStore::counting(Arc::new(in_memory(&scene.store)));
    let report = save(counted.clone()).unwrap();
    let steps = (0..).zip(counted.steps());
    (report, steps.filter(|(_, step)| step.starts_with("published bundles/")).map(|(at, _)| at).collect())
}

#[test]
fn parts_of_a_first_snapshot_that_was_cut_off_are_not_stored_again() {
    let scene = Scene::new();
    for number in 0..10_u64 {
        scene.home.file(format!("{number}"), noise(number, 100_000));
    }
    let save = |store: Arc<dyn Store>| save_in_parts(&scene, store, 250_000);
    let (whole, ends) = ends_of_parts(&scene, &save);
    assert!(ends.len() >= 4, "the snapshot comes in parts: {}", ends.len());
    for (finished, at) in ends[..ends.len() - 1].iter().enumerate() {
        let left: Arc<dyn Store> = Arc::new(in_memory(&scene.store));
        save(FaultyStore::new(left.clone(), *at, Fault::Crash)).unwrap_err();
        let kept = bundle_bytes(&*left);
        let report = save(left.clone()).unwrap();
        assert!(report.bytes_written + kept < whole.bytes_written + 5_000 * ends.len() as u64, "{finished} parts");
        assert!(report.bytes_read <= 1_000_000 - 200_000 * finished as u64, "{finished}: {} read", report.bytes_read);
        assert_restores(&Archive::open_store(left.clone()).unwrap(), 2, &scene.path("sources"));
        assert_replays(&*left, 2, &scene.path("sources"));
    }
}

#[test]
fn a_run_that_finds_nothing_left_to_store_still_finishes_what_was_cut_off() {
    let scene = Scene::new();
    scene.home.file("new/x", "x").file("z/z", noise(9, 200_000));
    // Looked at so soon that it will be read again.
    scene.save_with(&|options| CreateOptions { clock: &|| Time::new(0, 0), ..options }).unwrap();
    for number in 0..4_u64 {
        scene.home.file(format!("new/{number}"), noise(number, 100_000));
    }
    let save = |store: Arc<dyn Store>| save_in_parts(&scene, store, 500_000);
    let counted = FaultyStore::counting(Arc::new(in_memory(&scene.store)));
    save(counted.clone()).unwrap();
    let steps = counted.steps();
    let mut ends = steps.iter().enumerate().filter(|(_, step)| step.starts_with("publish bundles/"));
    let (_, last) = (ends.next().unwrap(), ends.next().unwrap().0);
    assert!(ends.next().is_none(), "two parts: {steps:?}");
    save(FaultyStore::new(Arc::new(scene.store.clone()), last, Fault::Crash)).unwrap_err();
    assert_eq!(history(&scene.archive), [1]);
    // All that was new is in the first part.
    let report = scene.save();
    assert_eq!(report.summary.map(|summary| summary.number), Some(3.into()));
    scene.assert_kept();
}

#[test]
fn a_directory_whose_line_is_in_a_part_that_was_cut_off_is_there_for_stock_tar_too() {
    let scene = Scene::new();
    scene.home.dir("empty").dir("private/inside").mode("private", 0o700);
    for number in 0..6_u64 {
        scene.home.file(format!("x{number}"), noise(number, 100_000));
    }
    let save = |store: Arc<dyn Store>| save_in_parts(&scene, store, 250_000);
    let (_, ends) = ends_of_parts(&scene, &save);
    assert!(ends.len() >= 3, "{ends:?}");
    for at in &ends[..ends.len() - 1] {
        let left: Arc<dyn Store> = Arc::new(in_memory(&scene.store));
        save(FaultyStore::new(left.clone(), *at, Fault::Crash)).unwrap_err();
        let number = save(left.clone()).unwrap().summary.unwrap().number;
        assert_restores(&Archive::open_store(left.clone()).unwrap(), number, &scene.path("sources"));
        assert_replays(&*left, number, &scene.path("sources"));
        assert_eq!(save(left).unwrap().summary, None);
    }
}

#[test]
fn a_directory_that_comes_back_after_the_run_that_missed_it_was_cut_off_is_stored_again() {
    let scene = Scene::new();
    scene.home.file("was/a", "a").file("was/deep/b", "b").file("new/x", "x");
    scene.save();
    scene.home.rename("was", "../../away");
    for number in 0..6_u64 {
        scene.home.file(format!("new/{number}"), noise(number, 100_000));
    }
    let save = |store: Arc<dyn Store>| save_in_parts(&scene, store, 250_000);
    let (_, ends) = ends_of_parts(&scene, &save);
    for at in ends {
        let left: Arc<dyn Store> = Arc::new(in_memory(&scene.store));
        save(FaultyStore::new(left.clone(), at, Fault::Crash)).unwrap_err();
        scene.home.rename("../../away", "was");
        let number = save(left.clone()).unwrap().summary.unwrap().number;
        assert_restores(&Archive::open_store(left.clone()).unwrap(), number, &scene.path("sources"));
        assert_replays(&*left, number, &scene.path("sources"));
        scene.home.rename("was", "../../away");
    }
}

/// An archive whose index was damaged in one of several ways, and says what it was.
pub(crate) fn with_damaged_index(story: &Story) -> Vec<(&'static str, MemoryStore)> {
    let damage: [(&str, fn(&[u8]) -> Option<Vec<u8>>); 4] = [
        ("index files are missing", |_| None),
        ("index files are empty", |_| Some(Vec::new())),
        ("index files are cut off", |bytes| Some(bytes[..bytes.len() / 2].to_vec())),
        ("index files have a flipped bit", |bytes| {
            let mut bytes = bytes.to_vec();
            let at = bytes.len() - 60;
            bytes[at] ^= 4;
            Some(bytes)
        }),
    ];
    let damaged = damage.map(|(what, change)| {
        let store = in_memory(&story.scene.store);
        for (name, bytes) in files(&store).into_iter().filter(|(name, _)| name.starts_with("index/")) {
            store.remove(&name).unwrap();
            change(&bytes).inspect(|bytes| store.replace(&name, bytes).unwrap());
        }
        (what, store)
    });
    damaged.into()
}

#[test]
fn a_fault_at_any_step_of_mending_the_index_harms_nothing() {
    let story = story();
    for (what, base) in with_damaged_index(&story) {
        for fault in FAULTS {
            let read = |store: Arc<dyn Store>| {
                let recorder = Recorder::new();
                let archive = Archive::open_store(store)?;
                archive.catalog(&recorder)?.state(2.into()).map(drop)
            };
            at_every_step(&base, fault, &read, &mut |at, shown, outcome, left| {
                let shown = format!("{what}, {shown}");
                if matches!(fault, Fault::NoMoreWriting(_)) {
                    outcome.unwrap_or_else(|error| panic!("{shown}: reading needs no room on the drive: {error}"));
                }
                story.assert_kept(&Archive::open_store(left.clone()).unwrap(), &shown);
                if at % 4 == 0 {
                    story.assert_goes_on(&left, &shown);
                }
            });
        }
    }
}

#[test]
fn a_new_archive_in_memory_is_like_one_on_a_drive() {
    let scene = Scene::new();
    let drive = tempfile::tempdir().unwrap();
    scene.home.file("a", noise(1, 5000)).file("d/b", "b").symlink("c", "a");
    let on_drive = new_archive(Arc::new(LocalStore::new(drive.path())));
    for archive in [&scene.archive, &on_drive] {
        let options = CreateOptions { level: Level::Fixed(3), ..options(scene.home.root()) };
        create(archive, &options, &Recorder::new()).unwrap();
    }
    assert_eq!(
        files(&scene.store),
        files(&LocalStore::new(drive.path())).into_iter().filter(|(name, _)| name != "lock").collect::<Vec<_>>()
    );
}
