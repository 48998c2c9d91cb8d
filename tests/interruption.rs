//! Ctrl-C: the real program, slowed down so that it is in the middle of something, ends soon, says what is kept, and the next
//! run goes on. Knows its command line only.

use crate::support::bench::Bench;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::mounted::Mounted;
use crate::support::replay::bundles;
use crate::support::replay::stock_replay;
use crate::support::snap::BINARY;
use crate::support::snap::Snap;
use crate::support::traced::Ended;
use crate::support::traced::Running;
use crate::support::traced::can_trace;
use crate::support::traced::hanging;
use crate::support::tree::noise;
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// The promise is one second. The machine of a test has other things to do as well; each of these runs would go on for much
/// longer than this if nothing stopped it.
const SOON: Duration = Duration::from_secs(10);

/// One snapshot of a small file, and a large one that is not saved yet.
fn bench(megabytes: usize) -> Bench {
    let bench = Bench::new();
    bench.home.file("small", "small");
    bench.save();
    bench.home.file("large", noise(1, megabytes << 20));
    bench
}

fn create<'b>(bench: &'b Bench, words: &'b str) -> impl Fn(&mut Command) + 'b {
    move |command| {
        command.args(["create", "-a"]).arg(bench.snap.archive()).args(words.split_whitespace()).arg(bench.home.root());
    }
}

#[track_caller]
fn assert_stopped(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status, 1, "{}", ended.err);
    assert!(ended.took < SOON, "it took {:?}: {}", ended.took, ended.err);
    for word in words {
        assert!(ended.err.contains(word), "'{word}' is not in: {}", ended.err);
    }
}

/// The history is as it was, and the next run makes a whole snapshot and leaves nothing unfinished behind.
#[track_caller]
fn assert_goes_on(bench: &Bench) {
    assert_eq!(bench.snap.snapshots(), 1);
    bench.assert_kept();
    assert_eq!(unfinished(bench.snap.archive()), Vec::<PathBuf>::new());
}

const SAVED: [&str; 3] = ["Everything reported saved before is safe", "is kept", "run the same command again"];

/// Unfinished files below a directory.
fn unfinished(top: &Path) -> Vec<PathBuf> {
    let found = walkdir::WalkDir::new(top).into_iter().filter_map(Result::ok);
    let is_temporary = |item: &walkdir::DirEntry| item.file_name().to_string_lossy().starts_with(".snap-");
    found.filter(is_temporary).map(walkdir::DirEntry::into_path).collect()
}

fn unfinished_bytes(top: &Path) -> u64 {
    unfinished(top).iter().filter_map(|path| path.metadata().ok()).map(|metadata| metadata.len()).sum()
}

#[test]
fn ctrl_c_while_a_huge_file_is_compressed_ends_create_soon_and_the_next_run_goes_on() {
    // At the hardest level this takes the better part of a minute.
    let bench = bench(100);
    let mut running = Running::plain(BINARY, &bench.path("log"), &create(&bench, "--level 19"));
    running.wait_until(&|_| unfinished_bytes(bench.snap.archive()) > 0);
    assert_stopped(&running.stop(Signal::INT), &SAVED);
    bench.home.file("large", "now small");
    assert_goes_on(&bench);
}

#[test]
fn ctrl_c_while_a_huge_file_is_hashed_ends_create_soon() {
    if !can_trace() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("large", noise(1, 64 << 20));
    bench.save();
    bench.home.mtime("large", 1_700_000_000, 0);
    // Each reading of a MiB takes half a second: half a minute in all.
    let inject = "pread64:delay_enter=500000";
    let mut running = Running::slowed(BINARY, inject, &bench.path("log"), &create(&bench, ""));
    running.wait_until(&|running| running.logged("pread64(") > 5);
    let ended = running.stop(Signal::INT);
    assert_stopped(&ended, &SAVED);
    assert_eq!(unfinished(bench.snap.archive()), Vec::<PathBuf>::new(), "it had the time to tidy up");
    assert_eq!(bench.snap.snapshots(), 1);
}

#[test]
fn ctrl_c_while_the_drive_does_not_answer_ends_create_soon_and_the_next_run_goes_on() {
    for call in ["write", "fsync"] {
        let bench = bench(20);
        let Some(running) = hanging(call, &bench.path("log"), &create(&bench, "")) else { return };
        assert_stopped(&running.stop(Signal::INT), &SAVED);
        assert_goes_on(&bench);
    }
}

#[test]
fn ctrl_c_on_a_drive_that_takes_ten_megabytes_a_second_ends_create_soon() {
    let Some(mounted) = Mounted::ext4(200) else { return };
    let Some(slow) = mounted.slow_writing(10) else { return };
    let bench = Bench::new();
    // A quarter of a minute, most of which the system would hold in memory and hand on in the end, deaf to everything.
    bench.home.file("large", noise(1, 150 << 20));
    let archive = mounted.top().join("archive");
    let create = |command: &mut Command| {
        command.args(["-c", "echo $$ > \"$1\"; exec \"$2\" create --init -a \"$3\" \"$4\"", "sh"]);
        command.arg(slow.members()).arg(BINARY).arg(&archive).arg(bench.home.root());
    };
    let mut running = Running::plain("sh", &bench.path("log"), &create);
    running.wait_until(&|_| unfinished_bytes(&archive) > 30 << 20);
    let ended = running.stop(Signal::INT);
    // A new archive in which nothing was saved goes again.
    let words =
        if archive.exists() { &SAVED[..] } else { &["stopped before anything was saved", "no archive was made"] };
    assert_stopped(&ended, words);
    assert!(!archive.exists() || Snap::new(&archive).snapshots() == 0);
    let init = if archive.exists() { "" } else { "--init" };
    Snap::new(&archive).call("create").words(init).arg(bench.home.root()).ok();
    assert_eq!(Snap::new(&archive).snapshots(), 1);
}

/// How many files of a MiB a first backup has.
const FILES: u64 = 24;

#[test]
fn a_large_first_backup_goes_on_where_it_was_stopped_and_reads_and_stores_nothing_twice() {
    if !can_trace() {
        return;
    }
    let bench = Bench::new();
    for number in 0..FILES {
        bench.home.file(format!("{}/{number}", number % 3), noise(number, 1 << 20));
    }
    // What was modified in the moment that it is looked at is looked at again; this is not about that.
    std::thread::sleep(Duration::from_secs(4));
    let mut stored = 0;
    for signal in [Signal::INT, Signal::KILL] {
        let finished = bundles(bench.snap.archive()).len();
        let create = create(&bench, "--max-part 3MiB");
        let mut running = Running::slowed(BINARY, "fsync:delay_enter=200000", &bench.path("log"), &create);
        running.wait_until(&|_| bundles(bench.snap.archive()).len() >= finished + 2);
        running.stop(signal);
        assert_eq!(bench.snap.snapshots(), 0);
        let now = bytes_in(&bundles(bench.snap.archive()));
        assert!(now > stored && now < FILES << 20, "{now} bytes are stored");
        stored = now;
    }
    let before = bundles(bench.snap.archive());
    let report = &bench.snap.call("create").words("--json").arg(bench.home.root()).ok().json()[0];
    assert_eq!(report["bytes_read"], (FILES << 20) - stored);
    assert!(report["bytes_written"].as_u64().unwrap() < (FILES << 20) - stored + 100_000, "{report}");
    assert!(before.iter().all(|bundle| bundle.exists()));
    bench.assert_restores();
    let out = bench.fresh();
    stock_replay(bench.snap.archive(), usize::MAX, &out);
    assert_same_below(&bench.sources(), &out, Level::Stock);
}

#[test]
fn a_first_run_that_was_cut_off_keeps_its_number_only_if_parts_of_it_were_finished() {
    if !can_trace() {
        return;
    }
    for (parts, words) in [(0, ""), (2, "--max-part 3MiB")] {
        let bench = Bench::new();
        for number in 0..FILES {
            bench.home.file(format!("{}/{number}", number % 3), noise(number, 1 << 20));
        }
        let create = create(&bench, words);
        let mut running = Running::slowed(BINARY, "fsync:delay_enter=200000", &bench.path("log"), &create);
        running.wait_until(&|_| {
            let finished = bundles(bench.snap.archive()).len();
            finished >= parts && (finished > 0 || unfinished_bytes(bench.snap.archive()) > 0)
        });
        running.stop(Signal::INT);
        assert_eq!(bundles(bench.snap.archive()).is_empty(), parts == 0);
        bench.save();
        let said = "There is no snapshot 1: that run was not finished, and what it saved is in the next one.";
        let listed = bench.snap.call("list").ok();
        assert_eq!(listed.said().contains(said), parts > 0, "{}", listed.shown());
        if parts == 0 {
            bench.snap.call("ls").words("--at 1").ok();
        } else {
            let said = "there is no snapshot 1: that run was not finished, and what it saved is in snapshot 2";
            bench.snap.call("ls").words("--at 1").fails(1).expect_said(&[said]);
            bench.snap.call("ls").words("--at 3").fails(1).expect_said(&["the history goes from 2 to 2"]);
        }
    }
}

/// How many bytes of files are in the bundles, says tar.
fn bytes_in(bundles: &[PathBuf]) -> u64 {
    let mut bytes = 0;
    for bundle in bundles {
        let listed = run(program("tar").args(["--zstd", "-tvf"]).arg(bundle)).expect_ok();
        let of_source = |line: &&str| line.contains(" home/");
        bytes += listed
            .out()
            .lines()
            .filter(of_source)
            .map(|line| line.split_whitespace().nth(2).unwrap().parse::<u64>().unwrap())
            .sum::<u64>();
    }
    bytes
}

#[test]
fn sigterm_and_sighup_are_like_ctrl_c() {
    for signal in [Signal::TERM, Signal::HUP] {
        let bench = bench(400);
        let mut running = Running::plain(BINARY, &bench.path("log"), &create(&bench, "--level 19"));
        running.wait_until(&|_| unfinished_bytes(bench.snap.archive()) > 0);
        assert_stopped(&running.stop(signal), &SAVED);
        assert_eq!(bench.snap.snapshots(), 1);
    }
}

#[test]
fn a_second_ctrl_c_ends_the_program_at_once() {
    // The first one alone ends it a little later: on a machine that stands still for so long, once more.
    for _ in 0..5 {
        let bench = bench(20);
        let Some(mut running) = hanging("fsync", &bench.path("log"), &create(&bench, "")) else { return };
        running.signal(Signal::INT);
        running.wait_until(&|running| running.err().contains("Ctrl-C again"));
        let ended = running.stop(Signal::INT);
        assert!(ended.took < SOON, "{:?}", ended.took);
        if ended.status == 130 {
            return;
        }
    }
    panic!("a second Ctrl-C makes no difference");
}

#[test]
fn ctrl_c_during_a_big_restore_leaves_whole_files_only_and_a_second_run_goes_on() {
    if !can_trace() {
        return;
    }
    let bench = Bench::new();
    for number in 0..300_u64 {
        bench.home.file(format!("{}/{number}", number % 7), noise(number, 40_000));
    }
    bench.home.file("0/large", noise(1000, 30 << 20));
    bench.save();
    let to = bench.fresh();
    // Every piece takes a quarter of a second: more than a minute in all, in one thread or two.
    let restore = |command: &mut Command| {
        command.args(["restore", "-a"]).arg(bench.snap.archive()).arg("--to").arg(&to);
    };
    let mut running = Running::slowed(BINARY, "pwrite64:delay_enter=250000", &bench.path("log"), &restore);
    running.wait_until(&|running| running.logged("pwrite64(") > 12);
    assert_stopped(&running.stop(Signal::INT), &["every file already restored is complete", "with --overwrite"]);
    let mut files = 0;
    for item in walkdir::WalkDir::new(&to).into_iter().map(Result::unwrap).filter(|item| item.file_type().is_file()) {
        let inside = item.path().strip_prefix(to.join("home")).unwrap();
        assert_eq!(fs::read(item.path()).unwrap(), fs::read(bench.home.root().join(inside)).unwrap(), "{inside:?}");
        files += 1;
    }
    assert!(files < 301, "nothing was left to do");
    bench.snap.call("restore").words("--overwrite --to").arg(&to).ok();
    assert_same_below(&bench.sources(), &to, Level::Everything);
}

#[test]
fn a_restore_that_was_killed_leaves_unfinished_files_that_the_next_one_removes() {
    if !can_trace() {
        return;
    }
    let bench = Bench::new();
    for number in 0..60_u64 {
        bench.home.file(format!("{}/{number}", number % 5), noise(number, 40_000));
    }
    bench.home.file("0/large", noise(1000, 10 << 20));
    bench.save();
    let to = bench.fresh();
    let restore = |command: &mut Command| {
        command.args(["restore", "-a"]).arg(bench.snap.archive()).arg("--to").arg(&to);
    };
    let mut running = Running::slowed(BINARY, "pwrite64:delay_enter=250000", &bench.path("log"), &restore);
    running.wait_until(&|running| running.logged("pwrite64(") > 12 && !unfinished(&to).is_empty());
    assert_eq!(running.stop(Signal::KILL).status, -1);
    let left = unfinished(&to);
    assert!(!left.is_empty(), "nothing is left");
    bench.snap.call("restore").words("--overwrite --to").arg(&to).ok();
    assert_eq!(unfinished(&to), Vec::<PathBuf>::new(), "of {left:?}");
    assert_same_below(&bench.sources(), &to, Level::Everything);
}

#[test]
fn two_restores_into_one_folder_at_once_do_each_other_no_harm() {
    let bench = Bench::new();
    for number in 0..400_u64 {
        bench.home.file(format!("{}/{number}", number % 5), noise(number, 10_000));
    }
    bench.save();
    let to = bench.fresh();
    fs::create_dir(&to).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| bench.snap.call("restore").words("--overwrite --to").arg(&to).ok());
        }
    });
    assert_eq!(unfinished(&to), Vec::<PathBuf>::new());
    assert_same_below(&bench.sources(), &to, Level::Everything);
}

#[test]
fn ctrl_c_during_verify_ends_it_soon() {
    if !can_trace() {
        return;
    }
    let bench = bench(80);
    bench.save();
    // Each frame takes three seconds: half a minute in all.
    let verify = |command: &mut Command| {
        command.args(["verify", "--data", "-a"]).arg(bench.snap.archive());
    };
    let mut running = Running::slowed(BINARY, "pread64:delay_enter=3000000:when=8+", &bench.path("log"), &verify);
    running.wait_until(&|running| running.logged("pread64(") > 8);
    assert_stopped(
        &running.stop(Signal::INT),
        &["stopped before everything was checked", "run the same command again"],
    );
}

#[test]
fn ctrl_c_during_an_export_or_a_repair_ends_it_soon_and_says_what_to_do() {
    if !can_trace() {
        return;
    }
    let bench = bench(80);
    bench.save();
    let words = [
        ("export", ["what was written is not a whole export", "run the same command again"]),
        ("repair", ["what was repaired so far stays", "run the same command again"]),
    ];
    for (verb, words) in words {
        let log = bench.path(verb);
        // Each frame takes three seconds: half a minute in all.
        let run = |command: &mut Command| {
            command.args([verb, "-a"]).arg(bench.snap.archive());
        };
        let mut running = Running::slowed(BINARY, "pread64:delay_enter=3000000:when=8+", &log, &run);
        running.wait_until(&|running| running.logged("pread64(") > 8);
        assert_stopped(&running.stop(Signal::INT), &words);
    }
}
