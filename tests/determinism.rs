//! What a run makes depends on the source, the history and the given time only, and what it costs on what changed: counted,
//! not timed. Uses the library.

use crate::support::inside::Scene;
use crate::support::inside::in_memory;
use crate::support::inside::options;
use crate::support::stores::FaultyStore;
use crate::support::stores::files;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use snap_archive::archive::open::Archive;
use snap_archive::base::monitor::Event;
use snap_archive::base::monitor::Monitor;
use snap_archive::base::monitor::Progress;
use snap_archive::base::monitor::Recorder;
use snap_archive::system::store::MemoryStore;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::Level;
use snap_archive::verbs::create::create;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::restore::restore;
use std::sync::Arc;
use std::sync::Mutex;

/// Saves `home` on a copy of a store; gives all files afterwards.
fn saved(base: &MemoryStore, home: &Tree, threads: usize) -> Vec<(String, Vec<u8>)> {
    let store = in_memory(base);
    let archive = Archive::open_store(Arc::new(store.clone())).unwrap();
    let options = CreateOptions { threads, level: Level::Fixed(3), part_bytes_max: 3_000_000, ..options(home.root()) };
    create(&archive, &options, &Recorder::new()).unwrap();
    files(&store)
}

#[track_caller]
fn assert_same_bytes(base: &MemoryStore, home: &Tree) -> MemoryStore {
    let one = saved(base, home, 1);
    assert!(one.iter().filter(|(name, _)| name.starts_with("bundles/")).count() > 1, "it comes in parts");
    for threads in [2, 5, 2] {
        let other = saved(base, home, threads);
        let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&one), names(&other), "{threads} threads");
        for ((name, a), (_, b)) in one.iter().zip(&other) {
            assert!(a == b, "{name} is not the same with {threads} threads");
        }
    }
    let store = MemoryStore::new();
    for (name, bytes) in &one {
        snap_archive::system::store::Store::replace(&store, name, bytes).unwrap();
    }
    store
}

#[test]
fn any_number_of_threads_makes_the_same_bytes() {
    let scene = Scene::new();
    let home = &scene.home;
    for number in 0..400_u64 {
        home.file(format!("many/{}/{number}", number % 7), noise(number, (number * 53 % 9000) as usize));
    }
    home.file("large", noise(1, 18 << 20)).hard_link("large", "many/large").hard_link("many/0/7", "z");
    home.symlink("link", "z").fifo("pipe").sparse("holes", 40 << 20, &[(5 << 20, b"data"), (30 << 20, b"more")]);
    let after = assert_same_bytes(&scene.store, home);
    for number in (0..400_u64).step_by(3) {
        home.append(format!("many/{}/{number}", number % 7), "more");
    }
    home.remove("many/1/1").remove("link").dir("link").append("large", "x").mtime("holes", 1, 1).remove("many/5");
    assert_same_bytes(&after, home);
}

#[test]
fn large_files_that_are_compared_change_neither_order_nor_parts_and_only_modified_ones_are_stored() {
    const LARGE: usize = 9 << 20;
    let scene = Scene::new();
    let home = &scene.home;
    for folder in ["a", "b/c"] {
        for number in 0..4 {
            home.file(format!("{folder}/{number}"), noise(number, LARGE + number as usize));
            home.file(format!("{folder}/small{number}"), noise(number, 400_000));
        }
    }
    home.hard_link("a/1", "z");
    let after = assert_same_bytes(&scene.store, home);
    for path in ["a/0", "a/1", "b/c/0", "b/c/2", "b/c/3"] {
        home.mtime(path, 1, 1);
    }
    home.file("a/2", noise(77, LARGE + 2)).file("b/c/2", noise(78, LARGE + 2));
    home.file("a/small1", noise(79, 500_000)).remove("a/small2").file("b/c/small3", noise(80, 600_000));
    home.remove("b/c/small0").file("new", noise(81, 700_000));
    let bytes = |store: &MemoryStore| files(store).iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    let before = bytes(&after);
    let added = bytes(&assert_same_bytes(&after, home)) - before;
    assert!((2 * LARGE..2 * LARGE + 3_000_000).contains(&added), "{added} bytes were added");
}

#[test]
fn a_run_that_finds_no_change_reads_the_comparing_half_of_the_index_and_writes_nothing() {
    let scene = Scene::new();
    for number in 0..20_000_u64 {
        if number % 100 == 0 {
            scene.home.dir(format!("d{}", number / 100));
        }
        std::fs::write(scene.home.path(format!("d{}/{number}", number / 100)), number.to_string()).unwrap();
    }
    scene.save();
    let before = files(&scene.store);
    let index_bytes: u64 =
        before.iter().filter(|(name, _)| name.starts_with("index/")).map(|(_, bytes)| bytes.len() as u64).sum();
    let counting = FaultyStore::counting(Arc::new(scene.store.clone()));
    let archive = Archive::open_store(counting.clone()).unwrap();
    let report = create(&archive, &options(scene.home.root()), &Recorder::new()).unwrap();
    assert_eq!((report.summary, report.bytes_read, report.bytes_written), (None, 0, 0));
    assert_eq!(report.counts.unchanged, 20_000);
    assert!(files(&scene.store) == before, "nothing in the archive changed");
    assert_eq!(counting.bytes_written(), 0);
    let listings = counting.steps().into_iter().filter(|step| step == "list bundles").count();
    assert_eq!(listings, 1, "sweeping temporary files, which a store on a drive does once, is the other look");
    let opened = counting.opened();
    assert!(!opened.iter().any(|name| name.starts_with("bundles/")), "{opened:?}");
    // The other half, with the hashes and places, is by far the larger one.
    let read = counting.bytes_read();
    assert!(read < index_bytes / 2, "{read} bytes were read; the index has {index_bytes}");
}

/// Keeps all that is told of progress.
#[derive(Default)]
struct Watch(Mutex<Vec<Progress>>);

impl Monitor for Watch {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Progress(progress) => self.0.lock().unwrap().push(progress),
            Event::Problem(_) | Event::Notice(_) => panic!("{event:?}"),
            _ => {}
        }
    }
}

#[test]
fn progress_tells_bytes_of_how_many_also_inside_large_files() {
    const LARGE: u64 = 40 << 20;
    let scene = Scene::new();
    scene.home.file("large", noise(1, LARGE as usize)).file("small", noise(2, 1000)).hard_link("small", "link");
    let saved = || {
        let watch = Watch::default();
        let options = CreateOptions { threads: 1, level: Level::Fixed(1), ..options(scene.home.root()) };
        create(&scene.archive, &options, &watch).unwrap();
        watch.0.into_inner().unwrap()
    };
    let told = saved();
    assert!(told.iter().any(|progress| (1..LARGE).contains(&progress.bytes)), "{told:?}");
    let last = told.last().unwrap();
    assert_eq!((last.entries, last.bytes, last.bytes_total), (3, LARGE + 2000, LARGE + 2000));
    scene.home.mtime("large", 1, 1);
    let last = *saved().last().unwrap();
    assert_eq!((last.entries, last.bytes, last.bytes_total), (3, LARGE, LARGE), "it is read once to compare it");
    assert_eq!(saved().last().unwrap().bytes_total, 0, "nothing is to be read");
}

#[test]
fn a_small_change_in_a_large_tree_reads_and_writes_little() {
    let scene = Scene::new();
    for number in 0..5_000_u64 {
        scene.home.file(format!("d{}/{number}", number / 100), noise(number, 300));
    }
    scene.save();
    scene.home.append("d7/700", "more");
    let counting = FaultyStore::counting(Arc::new(scene.store.clone()));
    let archive = Archive::open_store(counting.clone()).unwrap();
    let report = create(&archive, &options(scene.home.root()), &Recorder::new()).unwrap();
    assert_eq!((report.counts.modified, report.counts.unchanged), (1, 4_999));
    assert_eq!(report.bytes_read, 304);
    assert!(counting.bytes_written() < 10_000, "{} bytes were written", counting.bytes_written());
    scene.assert_kept();
}

#[test]
fn one_file_of_a_long_history_takes_eight_reads() {
    let scene = Scene::new();
    for number in 0..12_000_u64 {
        if number % 100 == 0 {
            scene.home.dir(format!("d{}", number / 100));
        }
        std::fs::write(scene.home.path(format!("d{}/{number}", number / 100)), number.to_string()).unwrap();
    }
    scene.save();
    for number in 0..20 {
        scene.home.append(format!("d{number}/{}", number * 100), "more");
        scene.save();
    }
    let counting = FaultyStore::counting(Arc::new(scene.store.clone()));
    let archive = Archive::open_store(counting.clone()).unwrap();
    let recorder = Recorder::new();
    let catalog = archive.catalog(&recorder).unwrap();
    let newest = catalog.history().unwrap().pop().unwrap();
    let target = tempfile::tempdir().unwrap();
    let path = snap_archive::base::path::EntryPathBuf::from_bytes(b"home/d70/7000").unwrap();
    let options = RestoreOptions {
        target: target.path().join("out"),
        at: newest.number,
        paths: vec![path],
        ..RestoreOptions::default()
    };
    assert_eq!(restore(&catalog, &options, &recorder).unwrap().problems, 0);
    assert_eq!(std::fs::read_to_string(target.path().join("out/home/d70/7000")).unwrap(), "7000");
    let reads: Vec<String> = counting.steps().into_iter().filter(|step| step.starts_with("read ")).collect();
    assert!(reads.len() <= 8, "{reads:#?}");
}

#[test]
fn an_index_made_again_from_the_manifests_is_the_one_that_create_wrote() {
    let scene = Scene::new();
    for number in 0..300_u64 {
        scene.home.file(format!("d{}/{number}", number / 10), noise(number, 20_000));
    }
    scene.home.symlink("link", "d1").hard_link("d1/10", "again").sparse("holes", 1 << 20, &[(4096, b"data")]);
    let save = || scene.save_with(&|options| CreateOptions { part_bytes_max: 2 << 20, ..options }).unwrap();
    save();
    for round in 0..4 {
        scene.home.remove(format!("d{round}")).append(format!("d9/{}", 90 + round), "more").mtime("d8/80", round, 5);
        save();
    }
    let written = files(&scene.store);
    assert!(written.iter().filter(|(name, _)| name.starts_with("bundles/")).count() > 6, "it comes in parts");
    let names: Vec<&String> = written.iter().map(|(name, _)| name).filter(|name| name.starts_with("index/")).collect();
    assert_eq!(names.len(), 5);
    for name in names {
        snap_archive::system::store::Store::remove(&scene.store, name).unwrap();
    }
    assert_eq!(save().summary, None);
    let again = files(&scene.store);
    for ((name, a), (other, b)) in written.iter().zip(&again) {
        assert!(name == other && a == b, "{name} is another");
    }
}
