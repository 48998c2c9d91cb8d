//! Drives that fill up, lie or lose what they took, and archives that are made on them.

use crate::faults::FAULTS;
use crate::faults::Story;
use crate::faults::at_every_step;
use crate::faults::is_reading;
use crate::faults::story;
use crate::faults::with_damaged_index;
use crate::support::inside::Scene;
use crate::support::inside::assert_replays;
use crate::support::inside::assert_restores;
use crate::support::inside::contents;
use crate::support::inside::history;
use crate::support::inside::in_memory;
use crate::support::inside::open;
use crate::support::inside::options;
use crate::support::stores::Fault;
use crate::support::stores::FaultyStore;
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
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::create;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

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
