//! The real program is killed at every system call that changes something, and at random moments: whatever was reported is
//! there, and the next run goes on. Uses the library only to look at what is left.

use crate::support::bench::Bench;
use crate::support::bench::copy_exactly;
use crate::support::command::Outcome;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::inside::assert_restores;
use crate::support::inside::contents;
use crate::support::inside::history;
use crate::support::listing::Level;
use crate::support::listing::assert_equal;
use crate::support::listing::assert_same_below;
use crate::support::listing::below;
use crate::support::replay::stock_replay;
use crate::support::snap::BINARY;
use crate::support::snap::Snap;
use crate::support::traced::Running;
use crate::support::traced::can_trace;
use crate::support::traced::traced;
use crate::support::tree::noise;
use rustix::process::Signal;
use snap_archive::archive::open::Archive;
use snap_archive::base::id::SnapshotNumber;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

/// Everything by which a program changes files, one set for each round.
const CALLS: [&str; 6] = [
    "write,pwrite64,?ftruncate",
    "fsync,fdatasync,syncfs,sync_file_range",
    "?rename,renameat,?renameat2,?link,linkat",
    "?mkdir,mkdirat",
    "?unlink,unlinkat",
    "flock",
];

/// More than any of these runs has calls of one kind.
const CALLS_MAX: usize = 300;

/// What makes one part of the snapshot, and several.
const ONE_PART: &str = "1GiB";
const MANY_PARTS: &str = "100KB";

/// How many kills there are in a normal run of the test with random moments; `scripts/soak` asks for more.
const KILLS: u64 = 6;

/// Two snapshots, and a source that has changed since.
struct Story {
    bench: Bench,
    kept: BTreeMap<u32, BTreeMap<Vec<u8>, String>>,
}

fn story() -> Story {
    let bench = Bench::new();
    bench.home.file("a", noise(1, 3000)).file("gone", "x").file("kind", "a file").file("old/1", noise(2, 30_000));
    bench.home.symlink("link", "a").hard_link("a", "z");
    bench.save();
    bench.home.append("old/1", "more").remove("gone").mode("a", 0o600);
    bench.save();
    bench.home.remove("kind").file("kind/inside", "now a directory").remove("link").file("a", noise(3, 2000));
    for number in 0..4_u64 {
        bench.home.file(format!("new/{number}"), noise(10 + number, 60_000));
    }
    let archive = Archive::open(bench.snap.archive()).unwrap();
    let kept = [1, 2].map(|number| (number, contents(&archive, number))).into();
    Story { bench, kept }
}

impl Story {
    fn create(&self, command: &mut Command, part_max: &str, archive: &Path) -> Outcome {
        run(command.args(["create", "--max-part", part_max, "-a"]).arg(archive).arg(self.bench.home.root()))
    }

    /// Fails the test unless all that was there before is, and gives the history.
    #[track_caller]
    fn assert_kept(&self, archive: &Path, at: &str) -> Vec<u32> {
        let archive = Archive::open(archive).unwrap();
        for (number, expected) in &self.kept {
            assert_eq!(&contents(&archive, *number), expected, "{at}: snapshot {number}");
        }
        history(&archive).into_iter().map(SnapshotNumber::get).collect()
    }

    /// Fails the test unless the history is the old or the new one, and the next run saves what there is.
    #[track_caller]
    fn assert_sound(&self, archive: &Path, at: &str) {
        let numbers = self.assert_kept(archive, at);
        assert!(numbers == [1, 2] || numbers == [1, 2, 3], "{at}: {numbers:?}");
        if numbers.contains(&3) {
            assert_restores(&Archive::open(archive).unwrap(), 3, &self.bench.sources());
        }
        let mut command = Command::new(BINARY);
        self.create(&mut command, ONE_PART, archive).expect_ok();
        let newest = *self.assert_kept(archive, at).last().unwrap();
        assert!(newest > 2, "{at}");
        assert_restores(&Archive::open(archive).unwrap(), newest, &self.bench.sources());
        assert_eq!(Snap::new(archive).snapshots(), 3, "{at}");
    }
}

/// Kills `work` at every call of every kind, each time with a fresh place; `check` looks at what is left of it.
fn at_every_call(
    place: &dyn Fn(&str) -> PathBuf,
    work: &dyn Fn(&mut Command, &Path) -> Outcome,
    check: &dyn Fn(&Path, usize, &str),
) {
    let mut kills = 0;
    for calls in CALLS {
        for number in 1.. {
            assert!(number < CALLS_MAX, "{calls}: it never ends");
            let archive = place(&format!("{kills}-{number}"));
            let inject = format!("{calls}:signal=KILL:when={number}");
            let outcome = work(&mut traced(BINARY, &inject), &archive);
            if outcome.status == 0 {
                std::fs::remove_dir_all(&archive).unwrap();
                break;
            }
            assert_eq!(outcome.status, -1, "it was not killed: {}", outcome.shown());
            check(&archive, kills, &format!("killed at {calls}, number {number}"));
            std::fs::remove_dir_all(&archive).unwrap();
            kills += 1;
        }
    }
    assert!(kills >= 15, "hardly killed: {kills}");
}

#[test]
fn killed_at_any_call_that_changes_something_create_loses_nothing() {
    if !can_trace() {
        return;
    }
    let story = story();
    // One thread writes earlier parts, another the last part and the index; with one part nearly all calls are the other's.
    for part_max in [ONE_PART, MANY_PARTS] {
        let place = |name: &str| {
            let to = story.bench.path(&format!("killed-{name}"));
            copy_exactly(story.bench.snap.archive(), &to);
            to
        };
        let create = |command: &mut Command, archive: &Path| story.create(command, part_max, archive);
        at_every_call(&place, &create, &|archive, kills, at| {
            story.assert_sound(archive, at);
            if kills % 8 == 0 {
                let out = story.bench.fresh();
                stock_replay(archive, 99, &out);
                assert_same_below(&story.bench.sources(), &out, Level::Stock);
            }
        });
    }
}

#[test]
fn killed_at_any_call_that_changes_something_a_first_create_can_be_made_again() {
    if !can_trace() {
        return;
    }
    let bench = Bench::without_archive();
    bench.home.file("a", noise(1, 3000)).symlink("link", "a");
    let first = |command: &mut Command, archive: &Path| {
        run(command.args(["create", "--init", "-a"]).arg(archive).arg(bench.home.root()))
    };
    at_every_call(&|name| bench.path(&format!("killed-{name}")), &first, &|archive, kills, at| {
        if !archive.exists() {
            std::fs::create_dir(archive).unwrap();
        }
        first(&mut Command::new(BINARY), archive).expect_ok();
        let opened = Archive::open(archive).unwrap();
        assert_eq!(history(&opened).len(), 1, "{at}");
        assert_restores(&opened, history(&opened)[0], &bench.sources());
        if kills % 8 == 0 {
            let out = bench.fresh();
            stock_replay(archive, 99, &out);
            assert_same_below(&bench.sources(), &out, Level::Stock);
        }
    });
}

/// Everything by which a restore changes files, one set for each round.
const RESTORE_CALLS: [&str; 6] = [
    "pwrite64,?ftruncate",
    "?rename,renameat,?renameat2",
    "?mkdir,mkdirat,linkat,symlinkat,?mknod,mknodat",
    "fchmod,?fchmodat,?fchmodat2,fchown,fchownat",
    "utimensat",
    "?fsetxattr,?lsetxattr",
];

#[test]
fn a_restore_that_is_killed_or_fails_at_any_call_leaves_whole_files_and_the_next_one_ends_well() {
    if !can_trace() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("a", noise(1, 3000)).file("d/b", noise(2, 30_000)).file("d/e/c", "c").dir("empty").fifo("pipe");
    bench.home.symlink("link", "a").hard_link("a", "d/z").xattr("a", "user.k", "v").mode("d", 0o500);
    bench.home.sparse("holes", 50_000, &[(20_000, &noise(8, 5000))]).mtime("d/e", 5, 6);
    bench.save();
    let restore = |command: &mut Command, to: &Path| {
        run(command.args(["restore", "-a"]).arg(bench.snap.archive()).args(["--overwrite", "--to"]).arg(to))
    };
    let (mut kills, mut failures) = (0, 0);
    for (calls, how) in RESTORE_CALLS.iter().flat_map(|calls| [(calls, "signal=KILL"), (calls, "error=EIO")]) {
        for number in 1.. {
            assert!(number < CALLS_MAX, "{calls}: it never ends");
            let (to, log) = (bench.fresh(), bench.path("calls"));
            std::fs::create_dir(&to).unwrap();
            let mut command = program("strace");
            command.args(["-f", "-qq", "-o"]).arg(&log).arg("-e").arg(format!("inject={calls}:{how}:when={number}"));
            let outcome = restore(command.arg(BINARY), &to);
            let at = format!("{how} at {calls}, number {number}: {}", outcome.shown());
            let was_hit = std::fs::read_to_string(&log).unwrap().lines().any(|line| line.contains("(INJECTED)"));
            if outcome.status != -1 && !was_hit {
                outcome.expect_ok();
                break;
            }
            let is_killed = how == "signal=KILL";
            assert!(if is_killed { outcome.status == -1 } else { matches!(outcome.status, 0 | 1 | 3) }, "{at}");
            kills += u32::from(is_killed);
            failures += u32::from(outcome.status > 0);
            assert_whole(&bench.sources(), &to, outcome.status != -1, &at);
            if outcome.status == 0 {
                assert_same_below(&bench.sources(), &to, Level::Stock);
            }
            restore(&mut Command::new(BINARY), &to).expect_ok();
            let mut left = below(&to);
            // Of a link or a pipe nobody can tell whether another restore is at work on it.
            left.retain(|path, item| item.content.is_some() || !path.windows(6).any(|part| part == b".snap-"));
            assert_equal(&below(&bench.sources()), &left, Level::Everything, &at);
            run(program("chmod").arg("-R").arg("u+rwx").arg(&to)).expect_ok();
            std::fs::remove_dir_all(&to).unwrap();
        }
    }
    assert!(kills >= 20 && failures >= 10, "{kills} kills, {failures} failures");
}

/// What has its name is as it was saved; unfinished files are there only if the program could not tidy up.
#[track_caller]
fn assert_whole(expected: &Path, target: &Path, is_tidy: bool, at: &str) {
    let expected = below(expected);
    for (path, found) in below(target) {
        if path.windows(6).any(|part| part == b".snap-") {
            assert!(!is_tidy, "{} stays: {at}", path.escape_ascii());
        } else {
            assert_eq!(found.content, expected[&path].content, "{}: {at}", path.escape_ascii());
        }
    }
}

#[test]
fn killed_at_random_moments_create_loses_nothing_and_goes_on() {
    let wanted = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (kills, seed) = (wanted("SNAP_SOAK_KILLS").unwrap_or(KILLS), wanted("SNAP_SOAK_SEED").unwrap_or(1));
    println!("{kills} kills, SNAP_SOAK_SEED={seed}");
    let bench = Bench::new();
    for number in 0..400_u64 {
        bench.home.file(format!("{}/{number}", number % 13), noise(number, 30_000));
    }
    bench.home.file("large", noise(1000, 20 << 20));
    let create = |command: &mut Command| {
        command.args(["create", "--max-part", "2MB", "-a"]).arg(bench.snap.archive()).arg(bench.home.root());
    };
    let save = || {
        let mut command = Command::new(BINARY);
        create(&mut command);
        run(&mut command)
    };
    let began = Instant::now();
    save().expect_ok();
    let whole = began.elapsed();
    let mut kept = BTreeMap::new();
    for (round, random) in (0..kills).zip(noise(seed, 8 * kills as usize).chunks_exact(8)) {
        let random = u64::from_le_bytes(random.try_into().unwrap());
        // All of it is different, so that a run is as long as the first.
        for number in 0..400_u64 {
            bench.home.file(format!("{}/{number}", number % 13), noise(round * 1000 + number, 30_000));
        }
        let running = Running::plain(BINARY, &bench.path("log"), &create);
        std::thread::sleep(Duration::from_micros(random % whole.as_micros() as u64));
        let status = running.stop(Signal::KILL).status;
        let archive = Archive::open(bench.snap.archive()).unwrap();
        let numbers = history(&archive);
        for (number, expected) in &kept {
            assert!(numbers.contains(number), "round {round}: {number} is not in {numbers:?}");
            assert_eq!(&contents(&archive, *number), expected, "round {round}: snapshot {number}");
        }
        assert!([-1, 0].contains(&status), "round {round}: {status}");
        // Now and then a whole snapshot, on what was left.
        if round % 3 == 2 || round + 1 == kills {
            save().expect_ok();
            let archive = Archive::open(bench.snap.archive()).unwrap();
            let newest = *history(&archive).last().unwrap();
            assert_restores(&archive, newest, &bench.sources());
            // Of many only some, so that a soak does not read everything again and again.
            kept.retain(|number, _| number.get() % 5 == 0);
            kept.insert(newest, contents(&archive, newest));
        }
    }
    let out = bench.fresh();
    stock_replay(bench.snap.archive(), usize::MAX, &out);
    assert_same_below(&bench.sources(), &out, Level::Stock);
}

#[test]
fn every_file_is_synced_before_it_gets_its_name_and_its_folder_after() {
    if !can_trace() {
        return;
    }
    let story = story();
    let log = story.bench.path("calls");
    let mut command = program("strace");
    command.args(["-f", "-y", "-qq", "-e", "trace=write,fsync,?rename,?renameat2", "-o"]).arg(&log).arg(BINARY);
    story.create(&mut command, MANY_PARTS, story.bench.snap.archive()).expect_ok();
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("resumed>")).collect();
    // Who made the folders may have been killed before their own names were kept.
    let top = format!("<{}>", story.bench.snap.archive().display());
    let is_top = |line: &&str| line.contains("fsync(") && line.contains(&top);
    let kept = lines.iter().position(is_top);
    assert!(kept.is_some() && kept < lines.iter().position(|line| line.contains("rename")), "{top}: {log}");
    let mut renames = 0;
    // What the computer notes for itself is not part of the archive.
    let archive = story.bench.snap.archive().display().to_string();
    let is_of_archive = |line: &str| line.contains("rename") && line.contains(&archive);
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_of_archive(line)) {
        let mut paths = line.split('"').skip(1).step_by(2);
        let (temporary, own) = (paths.next().unwrap(), paths.next().unwrap());
        let synced = lines[..at].iter().rposition(|line| is_on(line, "fsync(", temporary));
        let written = lines[..at].iter().rposition(|line| is_on(line, "write(", temporary));
        assert!(synced.is_some() && written.is_some() && synced > written, "{own} was not synced: {log}");
        assert_kept_after(&lines[at + 1..], own);
        renames += 1;
    }
    assert!(renames >= 3, "bundles and index: {log}");
}

fn is_on(line: &str, call: &str, path: &str) -> bool {
    line.contains(call) && line.contains(&format!("<{path}>"))
}

/// Fails the test unless a name that was given just now is made durable at once. FAT knows the length under it only after the
/// file itself was synced again.
#[track_caller]
fn assert_kept_after(lines: &[&str], own: &str) {
    let folder = Path::new(own).parent().unwrap().to_str().unwrap();
    let mut next = lines.iter().filter(|line| !line.contains("write("));
    assert!(is_on(next.next().unwrap(), "fsync(", own), "{own} was not synced under its name: {lines:#?}");
    assert!(is_on(next.next().unwrap(), "fsync(", folder), "the folder of {own} was not synced: {lines:#?}");
}

#[test]
fn a_bundle_that_takes_the_place_of_another_is_synced_under_its_name_before_anything_is_removed() {
    if !can_trace() {
        return;
    }
    let story = story();
    let (archive, log) = (story.bench.snap.archive(), story.bench.path("calls"));
    story.create(&mut Command::new(BINARY), ONE_PART, archive).expect_ok();
    run(Command::new(BINARY).args(["forget", "-a"]).arg(archive).args(["1", "2"])).expect_ok();
    let mut command = program("strace");
    command.args(["-f", "-y", "-qq", "-e", "trace=write,fsync,?rename,renameat,?renameat2,?unlink,unlinkat", "-o"]);
    run(command.arg(&log).arg(BINARY).args(["prune", "--max-unused", "0", "-a"]).arg(archive)).expect_ok();
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("resumed>")).collect();
    let is_move = |line: &str| line.contains("rename") && line.contains("/pruned/") && line.contains("/bundles/");
    let moves: Vec<usize> = (0..lines.len()).filter(|at| is_move(lines[*at])).collect();
    for at in &moves {
        assert_kept_after(&lines[at + 1..], lines[*at].split('"').nth(3).unwrap());
    }
    assert!(!moves.is_empty(), "nothing was pruned: {log}");
    assert!(removed_for_good(&lines, archive) > 0, "no index file was removed: {log}");
}

/// Fails the test unless the folder of each file of the archive that is removed is synced before anything is done but removing
/// others from it, so that none is there again; how many there are.
#[track_caller]
fn removed_for_good(lines: &[&str], archive: &Path) -> usize {
    let archive = archive.to_str().unwrap();
    let is_removal = |line: &str| {
        line.contains("unlink") && line.contains(archive) && !line.contains("/.snap-") && !line.contains("= -1")
    };
    let removals: Vec<usize> = (0..lines.len()).filter(|at| is_removal(lines[*at])).collect();
    let folder_of =
        |line: &str| Path::new(line.split('"').nth(1).unwrap()).parent().unwrap().to_str().unwrap().to_owned();
    for at in &removals {
        let folder = folder_of(lines[*at]);
        let is_another = |line: &&&str| is_removal(line) && folder_of(line) == folder;
        let next =
            lines[at + 1..].iter().filter(|line| !line.contains("write(")).find(|line| !is_another(line)).unwrap();
        assert!(is_on(next, "fsync(", &folder), "{} may be there again: {next}", lines[*at]);
    }
    removals.len()
}

#[test]
fn a_mark_that_was_taken_away_is_not_there_again() {
    if !can_trace() {
        return;
    }
    let bench = Bench::new();
    for number in 0..2 {
        bench.home.file("a", noise(number, 100));
        bench.save();
    }
    let (archive, log) = (bench.snap.archive(), bench.path("calls"));
    run(Command::new(BINARY).args(["forget", "-a"]).arg(archive).arg("1")).expect_ok();
    let mut command = program("strace");
    command.args(["-f", "-y", "-qq", "-e", "trace=write,fsync,?unlink,unlinkat", "-o"]);
    run(command.arg(&log).arg(BINARY).args(["forget", "--undo", "-a"]).arg(archive).arg("1")).expect_ok();
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("resumed>")).collect();
    assert_eq!(removed_for_good(&lines, archive), 1, "{log}");
}

/// The program under strace, which does `inject` to calls that concern the folder `only`.
fn traced_on(only: &Path, inject: &str) -> Command {
    let mut command = program("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(only).arg("-e").arg(format!("inject={inject}"));
    command.arg(BINARY);
    command
}

#[test]
fn a_sync_that_fails_leaves_no_snapshot_and_the_next_run_saves_it() {
    if !can_trace() {
        return;
    }
    let story = story();
    let mut told = 0;
    for part_max in [ONE_PART, MANY_PARTS] {
        for number in 1..=12 {
            let archive = story.bench.path(&format!("unsynced-{part_max}-{number}"));
            copy_exactly(story.bench.snap.archive(), &archive);
            let mut command = traced(BINARY, &format!("fsync:error=EIO:when={number}"));
            let outcome = story.create(&mut command, part_max, &archive);
            let at = format!("sync {number} failed, parts of {part_max}: {}", outcome.shown());
            let numbers = story.assert_kept(&archive, &at);
            assert_eq!(numbers.contains(&3), outcome.status == 0, "{at}: {numbers:?}");
            // A drive that answers with errors may have been pulled out: the code says so.
            told += u32::from(outcome.status == 4);
            story.assert_sound(&archive, &at);
            std::fs::remove_dir_all(&archive).unwrap();
        }
    }
    assert!(told >= 8, "{told} runs failed");
}

#[test]
fn a_new_folder_of_the_archive_whose_name_cannot_be_kept_is_told() {
    if !can_trace() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("a", "a");
    let archive = bench.snap.archive();
    assert!(!archive.join("bundles").exists());
    let mut command = traced_on(archive, "fsync:error=EIO");
    let outcome = run(command.args(["create", "-a"]).arg(archive).arg(bench.home.root()));
    assert_eq!(outcome.status, 4, "{}", outcome.shown());
    assert_eq!(history(&Archive::open(archive).unwrap()), [0; 0]);
}

#[test]
fn a_bundle_that_cannot_be_looked_at_is_told_and_not_taken_for_missing() {
    if !can_trace() {
        return;
    }
    let story = story();
    let archive = story.bench.snap.archive();
    let bundles = archive.join("bundles");
    let mut command = traced_on(&bundles, "statx:error=EIO");
    let outcome = run(command.args(["list", "-a"]).arg(archive));
    assert_eq!(outcome.status, 4, "{}", outcome.shown());
    assert!(outcome.shown().contains("cannot list"), "{}", outcome.shown());
    assert_eq!(story.assert_kept(archive, "afterwards"), [1, 2]);
}
