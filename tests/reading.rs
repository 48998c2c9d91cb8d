//! A drive that fails once, or from then on, at any step of reading: every command that reads says so, or gives the same answer
//! as ever; and `create` on a source that fails so. Uses the library and wrappers around its stores, and the real program.

use crate::support::bench::Bench;
use crate::support::bench::copy_exactly;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::inside::Scene;
use crate::support::inside::entries;
use crate::support::inside::in_memory;
use crate::support::inside::quick_directory;
use crate::support::inside::restore;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::listing::below;
use crate::support::snap::BINARY;
use crate::support::snap::Snap;
use crate::support::stores::Fault;
use crate::support::stores::FaultyStore;
use crate::support::stores::files;
use crate::support::traced::can_trace;
use crate::support::tree::noise;
use snap_archive::archive::open::Archive;
use snap_archive::base::error::Result;
use snap_archive::base::monitor::Recorder;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::history;
use snap_archive::verbs::history::LsOptions;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::verify::VerifyOptions;
use snap_archive::verbs::verify::verify;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

const FAULTS: [Fault; 2] = [Fault::Once(ErrorKind::Other), Fault::Crash];

/// More than any of these runs has steps.
const STEPS_MAX: usize = 2_000;

/// Three snapshots, the second in parts; the last of them is what `home` is now.
fn scene() -> Scene {
    let scene = Scene::new();
    let home = &scene.home;
    home.file("a", noise(1, 3000)).file("gone", "x").file("old/1", noise(2, 30_000)).symlink("link", "a");
    home.hard_link("a", "z").sparse("holes", 50_000, &[(20_000, &noise(8, 5000))]);
    scene.save();
    for number in 0..4_u64 {
        scene.home.file(format!("new/{number}"), noise(10 + number, 60_000));
    }
    scene.home.remove("gone");
    scene.save_with(&|options| CreateOptions { part_bytes_max: 100_000, ..options }).unwrap();
    scene.home.append("old/1", "more").remove("new/2").mode("a", 0o600);
    scene.save();
    scene
}

/// An archive with its index, and without: then it is made again while it is read.
fn archives(scene: &Scene) -> [(&'static str, MemoryStore); 2] {
    let without = in_memory(&scene.store);
    for (name, _) in files(&without).iter().filter(|(name, _)| name.starts_with("index/")) {
        without.remove(name).unwrap();
    }
    [("with index", in_memory(&scene.store)), ("without index", without)]
}

/// Runs `work` on copies of `base` with a fault at step 0, 1, 2 … until a run meets none; `check` gets what it gave.
fn at_every_step<T>(base: &dyn Store, work: &dyn Fn(&Archive) -> Result<T>, check: &dyn Fn(&str, Fault, Result<T>)) {
    for fault in FAULTS {
        let mut at = 0;
        loop {
            let faulty = FaultyStore::new(Arc::new(in_memory(base)), at, fault);
            let outcome = Archive::open_store(faulty.clone()).and_then(|archive| work(&archive));
            let steps = faulty.steps();
            let Some(step) = steps.get(at) else {
                assert!(outcome.is_ok() && at > 5, "{steps:?}");
                break;
            };
            check(&format!("{fault:?} at step {at}, {step}"), fault, outcome);
            at += 1;
            assert!(at < STEPS_MAX, "it never ends");
        }
    }
}

#[test]
fn a_history_that_cannot_be_read_is_never_a_shorter_one() {
    for (what, base) in archives(&scene()) {
        let list = |archive: &Archive| history::list(archive, &Recorder::new());
        let right = list(&Archive::open_store(Arc::new(in_memory(&base))).unwrap()).unwrap();
        assert_eq!(right.len(), 3);
        at_every_step(&base, &list, &|at, fault, listed| match listed {
            Ok(listed) => assert!(listed == right, "{what}, {at}: {listed:?}"),
            Err(error) => assert!(!error.is_damage(), "{what}, {at}, {fault:?}: taken for damage: {error}"),
        });
    }
}

#[test]
fn a_snapshot_that_cannot_be_read_is_never_listed_in_part_without_a_word() {
    for (what, base) in archives(&scene()) {
        let ls = |archive: &Archive| {
            let mut seen = Vec::new();
            let options = LsOptions { at: 3.into(), recursive: true, ..LsOptions::default() };
            history::ls(&archive.catalog(&Recorder::new())?, &options, &Recorder::new(), &mut |path, entry| {
                seen.push((path.as_bytes().to_vec(), entry.clone()));
                Ok(())
            })?;
            Ok(seen)
        };
        let mut right = entries(&Archive::open_store(Arc::new(in_memory(&base))).unwrap(), 3);
        right.sort_by(|one, other| one.0.cmp(&other.0));
        at_every_step(&base, &ls, &|at, _, seen| {
            if let Ok(mut seen) = seen {
                seen.sort_by(|one, other| one.0.cmp(&other.0));
                assert!(seen == right, "{what}, {at}");
            }
        });
    }
}

#[test]
fn a_restore_from_a_drive_that_fails_at_any_step_gives_whole_files_and_names_what_is_missing() {
    let scene = scene();
    for (what, base) in archives(&scene) {
        let restored = |archive: &Archive| {
            let out = quick_directory();
            let recorder = Recorder::new();
            let options = RestoreOptions {
                target: out.path().join("out"),
                at: 3.into(),
                threads: 1,
                ..RestoreOptions::default()
            };
            let result = restore(archive, &options, &recorder);
            assert_whole(&scene.path("sources"), &options.target);
            let report = result?;
            let problems = recorder.problems();
            assert_eq!(report.problems, problems.len() as u64);
            if problems.is_empty() {
                assert_same_below(&scene.path("sources"), &options.target, Level::Stock);
            }
            for (path, _) in below(&scene.path("sources")) {
                let is_named = problems.iter().any(|problem| problem.path.as_bytes() == path);
                let is_there = options.target.join(String::from_utf8(path.clone()).unwrap()).symlink_metadata().is_ok();
                assert!(is_named || is_there, "{} is missing, and nobody said so", path.escape_ascii());
            }
            Ok(problems)
        };
        at_every_step(&base, &restored, &|at, fault, problems| {
            let is_told = fault != Fault::Crash || problems.as_ref().map_or(true, |problems| !problems.is_empty());
            assert!(is_told, "{what}, {at}: nobody said a word");
        });
    }
}

/// What has its name is as it was saved.
#[track_caller]
fn assert_whole(expected: &Path, target: &Path) {
    if target.exists() {
        let expected = below(expected);
        for (path, found) in below(target) {
            assert!(!path.windows(6).any(|part| part == b".snap-"), "{} stays", path.escape_ascii());
            assert_eq!(found.content, expected[&path].content, "{}", path.escape_ascii());
        }
    }
}

#[test]
fn an_archive_that_cannot_be_read_is_never_said_to_be_sound() {
    for (what, base) in archives(&scene()) {
        let verified = |archive: &Archive| verify(archive, &VerifyOptions { data: true, threads: 1 }, &Recorder::new());
        let right = verified(&Archive::open_store(Arc::new(in_memory(&base))).unwrap()).unwrap();
        assert_eq!(right.findings, []);
        at_every_step(&base, &verified, &|at, _, report| {
            let Ok(report) = report else { return };
            // What was read in the end after all is as it was.
            let is_told = !report.findings.is_empty() || report == right;
            assert!(is_told, "{what}, {at}: {report:?}");
            assert!(!at.starts_with("Crash") || !report.findings.is_empty(), "{what}, {at}: said to be sound");
        });
    }
}

#[test]
fn a_run_that_finds_no_change_opens_no_file_of_the_source() {
    if !can_trace() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("d/plain-1", "1").file("d/plain-2", noise(1, 20_000)).file("plain-3", noise(2, 9 << 20));
    bench.home.symlink("plain-4", "plain-3").hard_link("plain-3", "d/plain-5");
    // What is saved a moment after it was written is looked at again.
    std::thread::sleep(std::time::Duration::from_secs(4));
    bench.save();
    let opened = || {
        let log = opened_by_create(&bench);
        assert!(log.contains("\"d\""), "the folders are looked at: {log}");
        log.lines().filter(|line| line.contains("plain-")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(opened(), Vec::<String>::new());
    bench.home.append("d/plain-1", "more");
    let opened = opened();
    assert!(!opened.is_empty() && opened.iter().all(|line| line.contains("plain-1")), "{opened:#?}");
}

#[test]
fn an_unchanged_run_lists_the_bundles_twice_and_one_that_saves_once_more() {
    if !can_trace() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("a", "a").file("d/b", "b");
    bench.save();
    let lists = |line: &str| line.contains("/bundles\"") && line.contains("O_NONBLOCK|O_CLOEXEC|O_DIRECTORY");
    let count = || opened_by_create(&bench).lines().filter(|line| lists(line)).count();
    assert_eq!(count(), 2);
    bench.home.append("a", "more");
    assert_eq!(count(), 3);
    assert_eq!(bench.snap.snapshots(), 2);
}

/// What `create` of the home opens, as strace shows it.
fn opened_by_create(bench: &Bench) -> String {
    let log = bench.path("log");
    let mut command = program("strace");
    command.args(["-f", "-qq", "-e", "trace=open,openat,openat2", "-o"]).arg(&log).arg(BINARY);
    run(command.args(["create", "-a"]).arg(bench.snap.archive()).arg(bench.home.root())).expect_ok();
    fs::read_to_string(&log).unwrap()
}

/// What a program does to look at files and to read them.
const CALLS: [&str; 5] = [
    "openat",
    "getdents64",
    "statx,?newfstatat,?fstat",
    "read,pread64,?preadv",
    "?flistxattr,?llistxattr,?fgetxattr,?lgetxattr",
];

#[test]
fn a_source_that_cannot_be_read_at_any_call_is_told_and_nothing_in_it_taken_for_deleted() {
    if !can_trace() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("a", noise(1, 3000)).file("d/b", "b").file("d/e/c", noise(2, 20_000)).file("d/e/f", "f");
    bench.home.file("gone/x", "x").xattr("a", "user.k", "v");
    bench
        .home
        .xattr("d", "user.k", "v")
        .xattr("d/e/c", "user.k", "v")
        .file("large", noise(3, 9 << 20))
        .xattr("large", "user.k", "v");
    bench.save();
    let old = bench.copy();
    bench.home.append("a", "more").append("d/e/c", "more").file("d/new", "new").remove("gone");
    bench.home.xattr("d", "user.k", "w").xattr("large", "user.k", "w").xattr("d/e", "user.n", "new");
    let places =
        ["", "a", "d", "d/b", "d/e", "d/e/c", "d/e/f", "d/new", "large"].map(|name| bench.home.root().join(name));
    let (mut failed, mut told) = (0, 0);
    for calls in CALLS {
        for number in 1.. {
            assert!(number < 200, "{calls}: it never ends");
            let archive = bench.path(&format!("archive-{failed}"));
            copy_exactly(bench.snap.archive(), &archive);
            let log = bench.path("log");
            let mut command = program("strace");
            command.args(["-f", "-qq", "-o"]).arg(&log);
            // Attributes are read by other names of the same places; the archive has none.
            for place in places.iter().filter(|_| !calls.contains("xattr")) {
                command.arg("-P").arg(place.to_str().unwrap().trim_end_matches('/'));
            }
            command.arg("-e").arg(format!("inject={calls}:error=EIO:when={number}")).arg(BINARY);
            let outcome = run(command.args(["create", "--json", "-a"]).arg(&archive).arg(bench.home.root()));
            if !fs::read_to_string(&log).unwrap().contains("(INJECTED)") {
                outcome.expect_ok();
                fs::remove_dir_all(&archive).unwrap();
                break;
            }
            failed += 1;
            let at = format!("{calls}, number {number}: {}", outcome.shown());
            assert!(matches!(outcome.status, 0 | 1 | 3), "{at}");
            let snap = Snap::new(&archive);
            if outcome.status == 1 {
                assert_eq!(snap.snapshots(), 1, "{at}");
                assert!(
                    outcome.err().contains("home") || outcome.err().contains(bench.home.root().to_str().unwrap()),
                    "{at}"
                );
            } else {
                told += u32::from(outcome.status == 3);
                let back = bench.fresh();
                snap.restore(&back, 0);
                assert_old_or_new(&back, &old, &bench.sources(), outcome.status == 0, &at);
            }
            // Nothing was spoiled.
            snap.create(&[bench.home.root()]);
            let back = bench.fresh();
            snap.restore(&back, 0);
            assert_same_below(&bench.sources(), &back, Level::Everything);
            fs::remove_dir_all(&archive).unwrap();
        }
    }
    assert!(failed >= 20 && told >= 10, "{failed} runs met a fault, {told} told of a problem");
}

#[test]
fn a_large_file_with_a_part_that_cannot_be_read_is_never_given_back_without_a_word() {
    if !can_trace() {
        return;
    }
    for number in 1..=3 {
        let bench = Bench::new();
        bench.home.file("a", "a").file("large", "before").hard_link("large", "second");
        bench.save();
        bench.home.file("large", noise(3, 20 << 20));
        // Calls are counted in each thread by itself: the first is met by the one that opens it.
        let mut command = program("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(bench.home.root().join("large"));
        command.arg("-e").arg(format!("inject=pread64:error=EIO:when={number}")).arg(BINARY);
        command.args(["create", "--threads", "1", "-a"]).arg(bench.snap.archive()).arg(bench.home.root());
        let told = run(&mut command).expect(3);
        let back = bench.fresh();
        if number == 1 {
            // Nothing of it can be read: its last version stays.
            told.expect_said(&["home/large: cannot be read"]);
            bench.snap.restore(&back, 0);
            assert_eq!(fs::read(back.join("home/large")).unwrap(), b"before");
            continue;
        }
        told.expect_said(&["home/large: a part of it cannot be read"]);
        bench.snap.call("ls").words("home/large").ok().expect_said(&["home/large (not whole)"]);
        assert_eq!(bench.snap.call("ls").words("--json home/second").ok().json()[0]["torn"], true);
        let restore = bench.snap.call("restore").arg("--to").arg(&back);
        let told = restore.fails(3).expect_said(&["may not be whole"]).err();
        let names = |path: &str| told.lines().any(|line| line.trim() == path);
        assert!(told.contains("it is given back") && names("home/large") && names("home/second"), "{told}");
        let restored = fs::read(back.join("home/large")).unwrap();
        assert_eq!(restored.len(), 20 << 20);
        let zeros = restored.iter().zip(noise(3, 20 << 20)).filter(|(now, was)| **now == 0 && *was != 0).count();
        assert!((3 << 20..9 << 20).contains(&zeros), "{zeros}");
        let exported = bench.path("exported.tar.zst");
        let line = "\"$1\" export -a \"$2\" > \"$3\"";
        let told = run(&mut shell(line, &[&BINARY, &bench.snap.archive(), &exported]));
        told.expect(3).expect_said(&["home/large"]).expect_said(&["it is given back"]);
        bench.save();
        bench.assert_kept();
        bench.snap.call("ls").words("-R").ok().expect_said(&["home/large\n"]);
    }
}

/// Whatever is in both trees is in `back`, as it was or as it is; all as it is if `is_new`.
#[track_caller]
fn assert_old_or_new(back: &Path, old: &Path, new: &Path, is_new: bool, at: &str) {
    let [back, old, new] = [back, old, new].map(below);
    for (path, now) in &new {
        let (shown, found) = (path.escape_ascii().to_string(), back.get(path));
        if let Some(found) = found {
            let was = old.get(path).filter(|_| !is_new).map(|was| was.content);
            assert!(found.content == now.content || was == Some(found.content), "{shown} is neither: {at}");
        } else {
            assert!(!old.contains_key(path) && !is_new, "{shown} was taken for deleted: {at}");
        }
    }
    assert!(back.keys().all(|path| new.contains_key(path) || old.contains_key(path) && !is_new), "{at}");
}
