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
use crate::support::inside::open;
use crate::support::inside::options;
use crate::support::stores::Fault;
use crate::support::stores::FaultyStore;
use crate::support::stores::copy;
use crate::support::stores::files;
use crate::support::tree::noise;
use snap_archive::archive::open::Archive;
use snap_archive::base::error::ErrorKind as Kind;
use snap_archive::base::error::Result;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::monitor::Event;
use snap_archive::base::monitor::Monitor;
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
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// What every step meets in its turn.
const FAULTS: [Fault; 4] = [
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
struct Story {
    scene: Scene,
    /// What is in each snapshot.
    kept: BTreeMap<u32, BTreeMap<Vec<u8>, String>>,
    /// The source as each snapshot found it.
    copies: BTreeMap<u32, PathBuf>,
}

/// The same, with nothing saved yet.
fn first_story() -> Story {
    let Story { scene, .. } = story();
    for (name, _) in files(&scene.store).iter().filter(|(name, _)| name.contains('/')) {
        scene.store.remove(name).unwrap();
    }
    Story { scene, kept: BTreeMap::new(), copies: BTreeMap::new() }
}

fn story() -> Story {
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
    fn note(&mut self, number: u32) {
        let to = self.scene.path(&format!("copy-{number}"));
        copy_exactly(&self.scene.path("sources"), &to);
        self.scene.save();
        assert_restores(&self.scene.archive, number, &to);
        self.kept.insert(number, contents(&self.scene.archive, number));
        self.copies.insert(number, to);
    }

    /// The number of the newest snapshot.
    fn saved(&self) -> u32 {
        self.kept.keys().next_back().copied().unwrap_or(0)
    }

    fn options(&self) -> CreateOptions<'static> {
        CreateOptions { part_bytes_max: PART_BYTES, ..options(self.scene.home.root()) }
    }

    fn save(&self, store: Arc<dyn Store>) -> Result<CreateReport> {
        Archive::open_store(store).and_then(|archive| create(&archive, &self.options(), &Recorder::new()))
    }

    /// Fails the test unless all snapshots that were reported are there, in the history and byte for byte.
    #[track_caller]
    fn assert_kept(&self, archive: &Archive, at: &str) {
        let numbers = history(archive);
        for (number, expected) in &self.kept {
            assert!(numbers.contains(&(*number).into()), "{at}: snapshot {number} is not in the history {numbers:?}");
            assert_eq!(&contents(archive, *number), expected, "{at}: snapshot {number}");
        }
    }

    /// Fails the test unless the next run, on a sound store, makes a whole snapshot of what there is and all stock tools
    /// agree; gives how many bytes it wrote.
    #[track_caller]
    fn assert_goes_on(&self, store: &Arc<dyn Store>, at: &str) -> u64 {
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
fn at_every_step(
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

fn is_reading(step: &str) -> bool {
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

#[test]
fn parts_of_a_first_snapshot_that_was_cut_off_are_not_stored_again() {
    let scene = Scene::new();
    for number in 0..10_u64 {
        scene.home.file(format!("{number}"), noise(number, 100_000));
    }
    let save = |store: Arc<dyn Store>| {
        let options = CreateOptions { part_bytes_max: 250_000, ..options(scene.home.root()) };
        create(&Archive::open_store(store).unwrap(), &options, &Recorder::new())
    };
    let counted = FaultyStore::counting(Arc::new(in_memory(&scene.store)));
    let whole = save(counted.clone()).unwrap();
    let is_part = |step: &String| step.starts_with("published bundles/");
    let ends: Vec<usize> =
        counted.steps().iter().enumerate().filter(|(_, step)| is_part(step)).map(|(n, _)| n).collect();
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
    let save = |store: Arc<dyn Store>| {
        let options = CreateOptions { part_bytes_max: 500_000, ..options(scene.home.root()) };
        create(&Archive::open_store(store).unwrap(), &options, &Recorder::new())
    };
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
    let save = |store: Arc<dyn Store>| {
        let options = CreateOptions { part_bytes_max: 250_000, ..options(scene.home.root()) };
        create(&Archive::open_store(store).unwrap(), &options, &Recorder::new())
    };
    let counted = FaultyStore::counting(Arc::new(in_memory(&scene.store)));
    save(counted.clone()).unwrap();
    let ends: Vec<usize> =
        (0..).zip(counted.steps()).filter(|(_, step)| step.starts_with("published b")).map(|(at, _)| at).collect();
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
fn a_drive_that_fails_while_a_name_waits_for_another_name_of_its_file_ends_the_run() {
    let scene = Scene::new();
    scene.home.file("0", "small").file("a", noise(1, 10 << 20)).hard_link("a", "b");
    let save = |store: Arc<dyn Store>| {
        let archive = Archive::open_store(store).unwrap();
        let options = CreateOptions { threads: 1, ..options(scene.home.root()) };
        let (told, ended) = std::sync::mpsc::channel();
        // It may hang: then nobody waits for it.
        std::thread::spawn(move || {
            let _ = told.send(create(&archive, &options, &Recorder::new()));
        });
        ended.recv_timeout(Duration::from_mins(1)).unwrap_or_else(|_| panic!("it does not end"))
    };
    let counted = FaultyStore::counting(Arc::new(in_memory(&scene.store)));
    save(counted.clone()).unwrap();
    let is_writing = |step: &String| step.contains("bundles/") && !is_reading(step);
    let writing = (0..).zip(counted.steps()).filter(|(_, step)| is_writing(step)).take(4);
    for (at, step) in writing {
        for fault in [Fault::Crash, Fault::NoMoreWriting(ErrorKind::StorageFull)] {
            let outcome = save(FaultyStore::new(Arc::new(in_memory(&scene.store)), at, fault));
            assert!(outcome.is_err(), "{fault:?} at {step}");
        }
    }
}

/// Waits, once the top was looked at, until a store has failed; counts what is looked at afterwards.
struct Watch {
    store: Arc<FaultyStore>,
    at: usize,
    looks: AtomicUsize,
}

impl Monitor for Watch {
    fn event(&self, event: Event<'_>) {
        assert!(!matches!(event, Event::Problem(_)), "{event:?}");
        let Event::Progress(progress) = event else { return };
        let began = Instant::now();
        while progress.entries > 301 && self.store.steps().len() <= self.at && began.elapsed() < Duration::from_mins(1)
        {
            std::thread::sleep(Duration::from_millis(10));
        }
        if self.looks.fetch_add(1, Ordering::SeqCst) == 1 {
            // Until whoever wrote has told everybody.
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

#[test]
fn a_drive_that_fails_is_noticed_while_folders_without_changes_are_looked_at() {
    let scene = Scene::new();
    for number in 0..300 {
        scene.home.file(format!("{number}/a"), "as it was");
    }
    scene.save();
    scene.home.file("new", noise(1, 9 << 20));
    let counted = FaultyStore::counting(Arc::new(in_memory(&scene.store)));
    create(&open_shared(counted.clone()), &options(scene.home.root()), &Recorder::new()).unwrap();
    let at = counted.steps().iter().position(|step| step.starts_with("write bundles/")).unwrap();
    let store = FaultyStore::new(Arc::new(in_memory(&scene.store)), at, Fault::Crash);
    let watch = Watch { store: store.clone(), at, looks: AtomicUsize::new(0) };
    let error = create(&open_shared(store), &options(scene.home.root()), &watch).unwrap_err();
    assert!(error.to_string().contains("pulled out"), "{error}");
    let looks = watch.looks.into_inner();
    assert!(looks < 10, "{looks} folders were looked at");
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
    let save = |store: Arc<dyn Store>| {
        let options = CreateOptions { part_bytes_max: 250_000, ..options(scene.home.root()) };
        create(&Archive::open_store(store).unwrap(), &options, &Recorder::new())
    };
    let counted = FaultyStore::counting(Arc::new(in_memory(&scene.store)));
    save(counted.clone()).unwrap();
    let ends: Vec<usize> =
        (0..).zip(counted.steps()).filter(|(_, step)| step.starts_with("published b")).map(|(at, _)| at).collect();
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

#[test]
fn an_archive_is_made_whole_or_can_be_made_again() {
    let id = ArchiveId::from_seed(b"x");
    for fault in FAULTS {
        let work = |store: Arc<dyn Store>| Archive::init_store(store, id, Time::new(1, 0)).map(drop);
        let mut check = |_: usize, shown: &str, outcome: Result<()>, left: Arc<dyn Store>| {
            match Archive::open_store(left.clone()) {
                Ok(archive) => assert!(archive.id() == id && files(&*left).len() == 5, "{shown}"),
                Err(error) => {
                    assert_eq!(error.kind(), Kind::NoArchive, "{shown}: {error}");
                    assert!(outcome.is_err(), "{shown}: reported as made, and is not");
                    Archive::init_store(left.clone(), id, Time::new(1, 0)).unwrap();
                }
            }
            let scene = Scene::new();
            scene.home.file("a", "x");
            create(&Archive::open_store(left).unwrap(), &options(scene.home.root()), &Recorder::new()).unwrap();
        };
        at_every_step(&MemoryStore::new(), fault, &work, &mut check);
    }
}

/// An archive whose index was damaged in one of several ways, and says what it was.
fn with_damaged_index(story: &Story) -> Vec<(&'static str, MemoryStore)> {
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
fn a_snapshot_on_a_drive_that_fills_up_or_becomes_read_only_can_be_restored_from_it() {
    let story = story();
    for (what, base) in with_damaged_index(&story) {
        for kind in [ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem, ErrorKind::PermissionDenied] {
            // An upload can be begun on a full drive; it is writing that fails.
            let steps = FaultyStore::counting(Arc::new(in_memory(&base)));
            story.assert_kept(&open_shared(steps.clone()), what);
            for (at, _) in steps.steps().iter().enumerate().filter(|(_, step)| step.starts_with("write index/")).take(3)
            {
                let full = FaultyStore::new(Arc::new(in_memory(&base)), at, Fault::NoMoreWriting(kind));
                let archive = open_shared(full);
                story.assert_kept(&archive, &format!("{what}, {kind:?} from step {at}"));
                assert_restores(&archive, 1, &story.copies[&1]);
            }
        }
    }
}

fn open_shared(store: Arc<FaultyStore>) -> Archive {
    Archive::open_store(store).unwrap()
}

#[test]
fn index_files_that_the_drive_lost_or_tore_after_it_said_they_are_safe_change_nothing() {
    let story = story();
    let base = in_memory(&story.scene.store);
    story.save(Arc::new(base.clone())).unwrap();
    let names: Vec<String> = files(&base).into_iter().map(|(name, _)| name).collect();
    for name in names.iter().filter(|name| name.starts_with("index/")) {
        for torn in torn(&base, name) {
            let left: Arc<dyn Store> = Arc::new(torn);
            let archive = Archive::open_store(left.clone()).unwrap();
            story.assert_kept(&archive, name);
            assert_restores(&archive, 3, &story.scene.path("sources"));
            let report = story.save(left).unwrap();
            assert_eq!((report.summary, report.bytes_written), (None, 0), "{name}");
        }
    }
}

/// The store after the drive lost a file, or kept only the beginning of it.
fn torn(store: &dyn Store, name: &str) -> Vec<MemoryStore> {
    let bytes = snap_archive::system::store::read_small(store, name, u64::MAX).unwrap();
    let lengths = [None, Some(0), Some(1), Some(bytes.len() / 2), Some(bytes.len() - 1)];
    let made = lengths.map(|length| {
        let torn = in_memory(store);
        match length {
            None => torn.remove(name).unwrap(),
            Some(length) => torn.replace(name, &bytes[..length]).unwrap(),
        }
        torn
    });
    made.into()
}

#[test]
fn a_drive_that_lies_about_any_file_it_took_harms_no_older_snapshot_and_is_never_believed_without_a_word() {
    let story = story();
    let counted = FaultyStore::counting(Arc::new(in_memory(&story.scene.store)));
    story.save(counted.clone()).unwrap();
    let steps = counted.steps();
    let published = (0..).zip(&steps).filter_map(|(at, step)| Some((at, step.strip_prefix("published ")?)));
    let mut lies = 0;
    for (at, name) in published {
        // The power goes right after the file was published, or at the end of the run.
        for cut in [at + 1, steps.len()] {
            let left = in_memory(&story.scene.store);
            let _ = story.save(FaultyStore::new(Arc::new(left.clone()), cut, Fault::Crash));
            for (lie, torn) in (0..).zip(torn(&left, name)) {
                lies += 1;
                assert_lie_is_found(&story, torn, name, &format!("{name}, cut at step {cut}, lie {lie}"));
            }
        }
    }
    assert!(lies >= 40, "{lies}: {steps:?}");
}

#[track_caller]
fn assert_lie_is_found(story: &Story, torn: MemoryStore, name: &str, at: &str) {
    let left: Arc<dyn Store> = Arc::new(torn.clone());
    let archive = Archive::open_store(left.clone()).unwrap();
    for (number, expected) in &story.kept {
        assert_eq!(&contents(&archive, *number), expected, "{at}: snapshot {number}");
    }
    match story.save(left.clone()) {
        Ok(_) => {
            story.assert_kept(&archive, at);
            let newest = *history(&archive).last().unwrap();
            assert_restores(&archive, newest, &story.scene.path("sources"));
        }
        Err(error) => {
            assert!(name.starts_with("bundles/"), "{at}: the index can always be made again: {error}");
            let file = &name["bundles/".len()..];
            assert!(error.is_damage() && error.to_string().contains(file), "{at}: {error}");
            // Once it and what builds on it are set aside, what was in them is saved again.
            let later = files(&torn).into_iter().map(|(name, _)| name).filter(|other| is_same_or_later(other, file));
            later.for_each(|name| torn.remove(&name).unwrap());
            forget(&torn, file);
            story.assert_goes_on(&left, at);
        }
    }
}

/// Whether a file is this bundle or a later one of the same snapshot.
fn is_same_or_later(name: &str, bundle: &str) -> bool {
    // The last part has no number; it sorts behind `.0001`.
    name.strip_prefix("bundles/").is_some_and(|other| other >= bundle && other[..6] == bundle[..6])
}

/// Removes the index files that remember a bundle: as long as it is remembered, its number is not used again.
fn forget(store: &MemoryStore, bundle: &str) {
    let remembers = |name: &String| name.strip_prefix("index/").is_some_and(|name| name[..6] == bundle[..6]);
    let names = files(store).into_iter().map(|(name, _)| name).filter(remembers);
    names.for_each(|name| store.remove(&name).unwrap());
}

#[test]
fn a_last_bundle_that_the_drive_tore_is_named_and_costs_no_snapshot_before_it() {
    let story = story();
    let base = in_memory(&story.scene.store);
    story.save(Arc::new(base.clone())).unwrap();
    let last = files(&base).into_iter().map(|(name, _)| name).rfind(|name| name.starts_with("bundles/")).unwrap();
    for torn in torn(&base, &last).into_iter().skip(1) {
        let archive = open(torn.clone());
        for (number, expected) in &story.kept {
            assert_eq!(&contents(&archive, *number), expected, "snapshot {number}");
            assert_restores(&archive, *number, &story.copies[number]);
        }
        let whole = files(&base).into_iter().find(|(name, _)| *name == last).unwrap().1.len();
        let left = files(&torn).into_iter().find(|(name, _)| *name == last).unwrap().1.len();
        match story.save(Arc::new(torn.clone())) {
            Err(error) => {
                assert!(error.is_damage() && error.to_string().contains(&last["bundles/".len()..]), "{error}");
            }
            // Only the table of frames is hit: all that counts is there, and is used.
            Ok(report) => assert!(report.summary.is_none() && left + 1 == whole, "{left} of {whole} bytes: {report:?}"),
        }
        // Set aside, it leaves an unfinished snapshot, and the next run saves what was in it again.
        torn.remove(&last).unwrap();
        forget(&torn, &last["bundles/".len()..]);
        story.assert_goes_on(&(Arc::new(torn.clone()) as Arc<dyn Store>), &last);
        assert_replays(&torn, 4, &story.scene.path("sources"));
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
