//! One writer at a time, however the last one ended; and readers, who wait for nobody and see whole snapshots only. The real
//! program, and the library where a reader comes between two steps of a writer.

use crate::support::bench::Bench;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::inside::Scene;
use crate::support::inside::contents;
use crate::support::inside::history;
use crate::support::inside::on_a_drive;
use crate::support::inside::options;
use crate::support::snap::Snap;
use crate::support::stores::FaultyStore;
use crate::support::traced::Running;
use crate::support::traced::hanging;
use crate::support::tree::noise;
use rustix::process::Signal;
use snap_archive::archive::open::Archive;
use snap_archive::base::monitor::Recorder;
use snap_archive::system::store::LocalStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::create;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// A `create` that holds the lock and comes to no end.
fn writer(bench: &Bench) -> Option<Running> {
    bench.home.file("large", noise(1, 2 << 20));
    let create = |command: &mut Command| {
        command.args(["create", "-a"]).arg(bench.snap.archive()).arg(bench.home.root());
    };
    hanging("fsync", &bench.path("log"), &create)
}

#[test]
fn a_second_writer_is_told_who_writes_since_when_and_works_once_that_one_was_killed() {
    let bench = Bench::new();
    bench.home.file("a", "a");
    bench.save();
    let Some(writer) = writer(&bench) else { return };
    let second = bench.snap.call("create").fails(5);
    let year = snap_archive::base::time::Time::now().to_rfc3339().unwrap()[..4].to_owned();
    for words in [format!("process {}", writer.process()), format!("since {year}"), "Wait until it is done".to_owned()]
    {
        assert!(second.err().contains(&words), "'{words}' is missing: {}", second.shown());
    }
    assert_eq!(bench.snap.snapshots(), 1);
    assert_eq!(writer.stop(Signal::KILL).status, -1);
    let began = Instant::now();
    bench.assert_kept();
    assert!(began.elapsed() < Duration::from_secs(30), "nobody holds it any more");
    assert_eq!(bench.snap.snapshots(), 2);
}

#[test]
fn readers_do_not_wait_for_a_writer_and_see_what_was_there_before() {
    let bench = Bench::new();
    bench.home.file("a", "a");
    bench.save();
    let before = bench.copy();
    let Some(writer) = writer(&bench) else { return };
    assert_eq!(bench.snap.history().len(), 1);
    assert!(!bench.snap.call("ls").words("-R").ok().out().contains("large"));
    bench.snap.call("verify").words("--data").ok();
    let restored = bench.restored(0);
    assert_eq!(fs::read(restored.join("home/a")).unwrap(), fs::read(before.join("home/a")).unwrap());
    assert!(!restored.join("home/large").exists());
    // It was there all the time.
    assert_eq!(writer.stop(Signal::KILL).status, -1);
}

#[test]
fn a_reader_at_any_step_of_a_writer_sees_the_old_history_or_the_new_one() {
    for on_drive in [false, true] {
        let scene = Scene::new();
        scene.home.file("a", noise(1, 50_000)).file("b", "b");
        scene.save();
        let old = contents(&scene.archive, 1);
        scene.home.file("a", noise(2, 60_000)).remove("b");
        for number in 0..4_u64 {
            scene.home.file(format!("new/{number}"), noise(10 + number, 60_000));
        }
        let drive = on_a_drive(&scene.store);
        let store: Arc<dyn Store> =
            if on_drive { Arc::new(LocalStore::new(drive.path())) } else { Arc::new(scene.store.clone()) };
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (inner, noted) = (store.clone(), seen.clone());
        let acting = FaultyStore::acting(store.clone(), move |_, step| {
            let archive = Archive::open_store(inner.clone()).unwrap();
            let numbers = history(&archive);
            assert_eq!(contents(&archive, 1), old, "before {step}");
            if numbers.contains(&2.into()) {
                assert_eq!(contents(&archive, 2).len(), 7, "before {step}: home, a, new and what is in it");
            }
            noted.lock().unwrap().push(numbers);
        });
        let options = CreateOptions { part_bytes_max: 100_000, ..options(scene.home.root()) };
        create(&Archive::open_store(acting).unwrap(), &options, &Recorder::new()).unwrap();
        let seen = seen.lock().unwrap();
        let change = seen.iter().position(|numbers| *numbers == [1, 2]).unwrap();
        assert!(seen[..change].iter().all(|numbers| *numbers == [1]), "{seen:?}");
        assert!(seen[change..].iter().all(|numbers| *numbers == [1, 2]), "{seen:?}");
        assert!(change > 10 && seen.len() > change + 3, "{seen:?}");
    }
}

#[test]
fn readers_beside_a_busy_writer_never_see_half_a_snapshot() {
    let bench = Bench::new();
    let write = |round: u64| {
        for number in 0..12_u64 {
            let stamped = [format!("{round:08}").into_bytes(), noise(round * 100 + number, 40_000)].concat();
            bench.home.file(format!("{}/{number}", number % 3), stamped);
        }
    };
    write(1);
    bench.save();
    let is_over = AtomicBool::new(false);
    let (snap, out) = (bench.snap.clone(), bench.path("read"));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !is_over.load(Ordering::Relaxed) || reads < 5 {
                read_once(&snap, &out, reads);
                reads += 1;
            }
        });
        for round in 2..41 {
            write(round);
            bench.snap.call("create").words("--max-part 64KiB").ok();
        }
        is_over.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(bench.snap.snapshots(), 40);
}

/// Every command that reads; each must succeed, and a snapshot must be of one time.
fn read_once(snap: &Snap, to: &Path, reads: usize) {
    let listed = snap.history();
    for (number, snapshot) in (1..).zip(&listed) {
        assert_eq!(snapshot["number"], number);
    }
    let newest = listed.len() as u64;
    let lines = snap.call("ls").words("-R --json --at").arg(newest.to_string()).ok().json();
    assert_eq!(lines.iter().filter(|line| line["type"] == "file").count(), 12);
    snap.call("restore").words("--to").arg(to).words("--at").arg(newest.to_string()).ok();
    let stamp = format!("{newest:08}");
    for number in 0..12 {
        let bytes = fs::read(to.join(format!("home/{}/{number}", number % 3))).unwrap();
        assert_eq!(bytes[..8], *stamp.as_bytes(), "snapshot {newest} holds a file of another");
    }
    fs::remove_dir_all(to).unwrap();
    snap.call("verify").words(if reads.is_multiple_of(2) { "--data" } else { "" }).ok();
    // And whatever is the newest by now.
    snap.call("ls").words("-R").ok();
}

#[test]
fn who_may_only_read_is_told_so() {
    let bench = Bench::new();
    bench.home.file("f", "x");
    bench.save();
    bench.give_to_user();
    run(program("chmod").arg("-R").arg("a-w").arg(bench.snap.archive())).expect_silent();
    let Some(list) = bench.user_call("list") else { return };
    list.ok();
    let Some(keep) = bench.user_call("keep 1") else { return };
    let refused = keep.fails(1);
    assert!(refused.err().contains("can be read, and not be written to"), "{}", refused.shown());
}

#[test]
fn an_export_goes_into_a_folder_that_may_be_written_but_not_listed() {
    let bench = Bench::new();
    bench.home.file("f", "x");
    bench.save();
    std::fs::create_dir(bench.path("inbox")).unwrap();
    bench.give_to_user();
    run(program("chmod").arg("300").arg(bench.path("inbox"))).expect_silent();
    let Some(export) = bench.user_call("export") else { return };
    let file = bench.path("inbox/home.tar.zst");
    export.words("--output").arg(&file).ok();
    assert!(std::fs::metadata(&file).unwrap().len() > 0);
}
