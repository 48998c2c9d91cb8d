//! Files and folders under new names: nothing of them is stored again, and every way to get a state back gives the same.
//! Knows the command line and the documented format only.

use crate::support::bench::Bench;
use crate::support::bench::copy_exactly;
use crate::support::command::as_user;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::manifest;
use crate::support::oracles::check_bundle_with_stock_tools;
use crate::support::replay::bundles_of;
use crate::support::replay::recover;
use crate::support::replay::replay_one;
use crate::support::snap::BINARY;
use crate::support::traced::can_trace;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use std::fs;
use std::path::Path;

/// What is done to the tree between two snapshots.
type Act = fn(&Tree) -> &Tree;

/// A tree in which there is something to move everywhere.
fn tree(home: &Tree) -> &Tree {
    for (seed, name) in ["f", "g", "a/x", "a/b/y", "a/b/c/z", "d/u", "d/e/v", "p/q/w", "k/l/m/n"].iter().enumerate() {
        home.file(name, noise(seed as u64, 5000 + seed));
    }
    for folder in ["", "a/", "a/b/", "d/", "d/e/", "p/q/"] {
        home.file(format!("{folder}small"), folder).symlink(format!("{folder}link"), "small");
    }
    home.dir("empty").dir("a/none").fifo("d/pipe").hard_link("d/u", "p/second")
}

/// A folder takes the place of another one, which takes its own.
fn swap<'a>(home: &'a Tree, a: &str, b: &str) -> &'a Tree {
    home.rename(a, "for a moment").rename(b, a).rename("for a moment", b)
}

const CASES: [(&str, Act); 44] = [
    ("a file sideways", |home| home.rename("f", "f2")),
    ("a file down", |home| home.rename("f", "a/b/f")),
    ("a file up", |home| home.rename("a/b/y", "y")),
    ("a folder sideways", |home| home.rename("a", "a2")),
    ("a folder down", |home| home.rename("a", "d/e/a")),
    ("a folder up", |home| home.rename("a/b", "b")),
    ("files swapped", |home| swap(home, "f", "g")),
    ("files swapped across folders", |home| swap(home, "f", "a/b/y")),
    ("folders swapped", |home| swap(home, "a", "d")),
    ("folders swapped across levels", |home| swap(home, "a", "d/e")),
    ("a folder and a file swapped", |home| swap(home, "a", "f")),
    ("a folder with what it holds elsewhere", |home| home.rename("a/b", "b2").rename("a", "a2")),
    ("a folder with what it holds under another name", |home| home.rename("a/b", "a/b2").rename("a", "a2")),
    ("a chain", |home| home.rename("d", "d2").rename("a", "d").rename("p", "a")),
    ("a chain of files", |home| home.rename("g", "g2").rename("f", "g").rename("a/x", "f")),
    ("a cycle of three", |home| home.rename("a", "t").rename("d", "a").rename("p", "d").rename("t", "p")),
    ("a cycle of files", |home| home.rename("f", "t").rename("g", "f").rename("a/x", "g").rename("t", "a/x")),
    ("a cycle across levels", |home| home.rename("a/b", "t").rename("d", "a/b").rename("p/q", "d").rename("t", "p/q")),
    ("edited inside", |home| home.rename("a", "a2").append("a2/b/y", "more").file("a2/b/new", "new").remove("a2/x")),
    ("something new under the old name", |home| home.rename("a", "a2").file("a/b/y", "another").dir("a/none/more")),
    ("a new file under the old name", |home| home.rename("f", "f2").file("f", noise(99, 6000))),
    ("into a new folder", |home| home.dir("n/m/o").rename("a", "n/m/a").rename("f", "n/f").rename("g", "n/m/o/g")),
    ("out of one that goes", |home| home.rename("a/b", "b").rename("a/x", "x").remove("a")),
    ("the folder above renamed too", |home| home.rename("a/b/c", "a/b/c2").rename("a/b", "a/b2").rename("a", "a2")),
    ("a symlink at the old name", |home| {
        home.rename("a", "a2").symlink("a", "a2").rename("f", "f2").symlink("f", "f2")
    }),
    ("another type at the old name", |home| {
        home.rename("a", "a2").file("a", "now a file").rename("f", "f2").dir("f/in")
    }),
    ("onto what existed", |home| home.rename("f", "g").remove("d").rename("a", "d")),
    ("a folder to where a file was", |home| home.remove("f").rename("a", "f")),
    ("a file to where a folder was", |home| home.remove("a").rename("f", "a")),
    ("below where a file was", |home| home.remove("g").dir("g").rename("f", "g/f").rename("a", "g/a")),
    ("a folder into its old child", |home| home.rename("a/b", "b2").rename("a", "b2/a")),
    ("a folder into its old child under its own name", |home| {
        home.rename("a/b", "t").rename("a", "t/b").rename("t", "a")
    }),
    ("a folder into a symlink's place", |home| home.remove("link").rename("a", "link")),
    ("what was in a symlink's place goes on", |home| home.rename("link", "link2").rename("small", "small2")),
    ("all levels turned over", |home| {
        home.rename("k/l/m/n", "n")
            .rename("k/l/m", "m")
            .rename("k/l", "m/l")
            .rename("k", "m/l/k")
            .rename("n", "m/l/k/n")
    }),
    ("into one that was removed and made again", |home| {
        home.remove("d").dir("d").rename("a", "d/a").rename("f", "d/u")
    }),
    ("a folder whose time was put back", |home| {
        home.mtime("d", 5, 6).rename("d/e", "e").rename("f", "d/f").mtime("d", 5, 6).mtime("", 7, 8)
    }),
    ("one folder of many names into another", |home| {
        ["x", "b", "small", "link", "none"]
            .iter()
            .fold(home, |home, name| home.rename(format!("a/{name}"), format!("d/e/{name}2")))
    }),
    ("an empty folder", |home| home.rename("empty", "a/none/empty")),
    ("a folder with several names of a file", |home| home.rename("d", "p/d").rename("p/second", "third")),
    ("odd names", |home| {
        home.rename("a", b"raw \xff\n")
            .rename("f", "-\u{e4}\\ '\"")
            .rename("d", [b"l".repeat(200), b"/".to_vec()].concat())
    }),
    ("names like those that stand aside", |home| {
        home.file(".snap-move-1", noise(7, 5000)).dir(".snap-move-2/x").file("a/.snap-move-3", "inside");
        swap(home, "a", "d")
    }),
    ("moved to a name like those that stand aside", |home| {
        home.rename("a", ".snap-move-1").rename("f", ".snap-move-7")
    }),
    ("removed and another made", |home| home.remove("a").dir("n").file("n/x", noise(9, 5000))),
];

/// Every way to the newest snapshot gives what the sources are now.
fn assert_all_ways_give_it(bench: &Bench, replayed: &Path, number: usize, case: &str) {
    println!("{case}: snapshot {number}");
    for bundle in bundles_of(bench.snap.archive(), number) {
        if number == 2 {
            check_bundle_with_stock_tools(&bundle);
        }
        replay_one(&bundle, replayed);
    }
    assert_same_below(&bench.sources(), replayed, Level::Stock);
    assert_same_below(&bench.sources(), &bench.restored(number), Level::Everything);
}

#[test]
fn each_kind_of_move_is_exact_for_restore_and_stock_tar_and_takes_nothing_anew() {
    for (case, act) in CASES {
        let bench = Bench::new();
        let replayed = bench.path("replayed");
        tree(&bench.home);
        bench.save();
        assert_all_ways_give_it(&bench, &replayed, 1, case);
        act(&bench.home);
        bench.save();
        assert_all_ways_give_it(&bench, &replayed, 2, case);
        // Back again: what moved moves once more, from where it is now.
        for name in ["a2", "d/e/a", "b", "f2"] {
            if bench.home.path(name).exists() {
                bench.home.rename(name, "moved again");
                break;
            }
        }
        bench.home.file("later", "later");
        bench.save();
        assert_all_ways_give_it(&bench, &replayed, 3, case);
        bench.snap.call("verify").words("--data").ok();
        fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
        assert_same_below(&bench.sources(), &bench.restored(3), Level::Everything);
    }
}

#[test]
fn recover_gives_root_and_an_ordinary_user_every_moved_state_with_modes_and_times() {
    let bench = Bench::new();
    let mut copies = Vec::new();
    let close = |home: &Tree| {
        for folder in ["a/b/c", "a/b", "a/none", "d/e", "d", "p/q"] {
            home.mode(folder, 0o555);
        }
    };
    for (_, act) in &CASES[3..16] {
        let _ = fs::remove_dir_all(bench.home.root());
        tree(&bench.home);
        close(&bench.home);
        bench.save();
        copies.push(bench.copy());
        act(&bench.home);
        bench.save();
        copies.push(bench.copy());
    }
    bench.give_to_user();
    let script = bench.snap.archive().join("recover.sh");
    for (number, copy) in copies.iter().enumerate().rev().step_by(3) {
        let number = (number + 1).to_string();
        let by_root = bench.fresh();
        recover(bench.snap.archive(), &bench.path("tools"), &[number.as_ref(), by_root.as_os_str()]).expect_ok();
        assert_same_below(copy, &by_root, Level::Tar);
        let by_user = bench.fresh();
        let command = shell("sh \"$1\" \"$2\" \"$3\"", &[&script, &number, &by_user]);
        if let Some(mut command) = as_user(&command) {
            run(&mut command).expect_ok();
            assert_same_below(copy, &by_user, Level::Tar);
        }
    }
}

#[test]
fn of_a_tree_that_moved_nothing_is_stored_and_nothing_is_opened() {
    let bench = Bench::new();
    for number in 0..2000 {
        bench.home.file(format!("photos/{}/{number}", number % 40), noise(number, 300));
    }
    bench.home.file("film", noise(1, 200_000)).file("stays", noise(2, 100_000));
    // So that nothing is under suspicion.
    std::thread::sleep(std::time::Duration::from_secs(4));
    bench.save();
    bench.home.dir("2026").rename("photos", "2026/pictures").rename("film", "2026/film");
    let log = bench.path("opened");
    let outcome = if can_trace() {
        let mut strace = program("strace");
        strace
            .args(["-f", "-qq", "-e", "trace=open,openat,openat2", "-o"])
            .arg(&log)
            .args([BINARY, "create", "--json", "-a"]);
        run(strace.arg(bench.snap.archive()).arg(bench.home.root())).expect_ok()
    } else {
        bench.save()
    };
    println!("{}", outcome.shown());
    let opened = fs::read_to_string(&log).unwrap_or_default();
    let files: Vec<&str> = opened.lines().filter(|line| !line.contains("O_DIRECTORY")).collect();
    assert!(files.iter().all(|line| !line.contains("\"1999\"") && !line.contains("\"stays\"")), "{files:?}");
    let [bundle] = &bundles_of(bench.snap.archive(), 2)[..] else { panic!("one bundle") };
    let lines = manifest::lines(bundle);
    // Two renames, and lines for the top, the new folder, the moved one and the moved file.
    assert_eq!(lines.len(), 2 + 2 + 4, "{lines:?}");
    assert!(manifest::stored_files(bundle).is_empty());
    assert!(bundle.metadata().unwrap().len() < 4000, "{}", bundle.metadata().unwrap().len());
    bench.assert_restores();
    bench.home.append("2026/pictures/7/47", "edited where it is now");
    bench.assert_kept();
    assert_eq!(manifest::stored_files(&bundles_of(bench.snap.archive(), 3)[0]).len(), 1);
}

#[test]
fn an_unfinished_snapshot_that_moved_things_is_built_on() {
    let bench = Bench::new();
    tree(&bench.home).file("large", noise(50, 40_000));
    bench.save();
    bench.home.rename("a", "d/a");
    swap(&bench.home, "f", "g").file("z1", noise(51, 90_000)).file("z2", noise(52, 90_000));
    bench.snap.call("create").words("--max-part 100KiB").arg(bench.home.root()).ok();
    let parts = bundles_of(bench.snap.archive(), 2);
    assert!(parts.len() > 1, "{parts:?}");
    for part in &parts[1..] {
        fs::remove_file(part).unwrap();
    }
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    bench.home.rename("d/a", "k/a").file("z3", "more");
    bench.snap.call("create").arg(bench.home.root()).ok();
    bench.assert_restores();
    let replayed = bench.path("replayed");
    crate::support::replay::stock_replay(bench.snap.archive(), 3, &replayed);
    assert_same_below(&bench.sources(), &replayed, Level::Stock);
}

#[test]
fn several_sources_move_each_in_itself_and_never_into_another() {
    let bench = Bench::new();
    let other = Tree::at(bench.path("sources/other"));
    tree(&bench.home);
    tree(&other);
    let save = || bench.snap.create(&[bench.home.root(), other.root()]);
    save();
    swap(&bench.home, "a", "d");
    other.rename("a", "n");
    fs::rename(other.path("f"), bench.home.path("from other")).unwrap();
    fs::rename(bench.home.path("p"), other.path("from home")).unwrap();
    save();
    let replayed = bench.path("replayed");
    crate::support::replay::stock_replay(bench.snap.archive(), 2, &replayed);
    assert_same_below(&bench.sources(), &replayed, Level::Stock);
    bench.assert_restores();
    bench.snap.call("verify").words("--data").ok();
}

/// The newest snapshot and a replay by stock tar are what the sources are, and nothing is wrong with the archive.
#[track_caller]
fn assert_whole(bench: &Bench, number: usize) {
    bench.snap.call("verify").words("--data").ok();
    bench.assert_restores();
    let replayed = bench.fresh();
    crate::support::replay::stock_replay(bench.snap.archive(), number, &replayed);
    assert_same_below(&bench.sources(), &replayed, Level::Stock);
}

/// Saves a tree, and then again after `act`, in parts that are at most so large.
fn moved_archive(act: Act, part: &str) -> Bench {
    let bench = Bench::new();
    tree(&bench.home);
    bench.save();
    act(&bench.home).file("z/new", noise(77, 90_000)).file("z/other", noise(78, 90_000));
    bench.snap.call("create").words(part).arg(bench.home.root()).ok();
    assert_whole(&bench, 2);
    bench
}

fn spoil(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x55;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_bundle_with_moves_is_named_and_repaired() {
    for (case, act) in [&CASES[8], &CASES[10], &CASES[30]] {
        println!("{case}");
        let bench = moved_archive(*act, "--max-part 1GiB");
        // In the frame of the first members.
        spoil(&bundles_of(bench.snap.archive(), 2)[0], 30);
        bench.snap.call("verify").words("--data").run().expect(3);
        bench.assert_restores();
        bench.snap.call("repair").ok();
        assert_whole(&bench, 2);
    }
}

#[test]
fn a_bundle_with_moves_that_is_lost_is_made_again_from_the_index() {
    for (case, act) in [&CASES[8], &CASES[10], &CASES[30]] {
        println!("{case}");
        let bench = moved_archive(*act, "--max-part 1GiB");
        bench.home.append("z/new", "later");
        bench.save();
        let bundle = bundles_of(bench.snap.archive(), 2).remove(0);
        fs::remove_file(&bundle).unwrap();
        bench.snap.call("repair").run();
        // What was new in it is lost; what moved is not.
        bench.save();
        assert_whole(&bench, 4);
    }
}

#[test]
fn without_index_and_manifest_a_repair_finds_the_moves_in_the_tar() {
    for (case, act) in [&CASES[8], &CASES[10], &CASES[30]] {
        println!("{case}");
        let bench = moved_archive(*act, "--max-part 1GiB");
        fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
        let bundle = bundles_of(bench.snap.archive(), 2).remove(0);
        let length = fs::metadata(&bundle).unwrap().len() as usize;
        spoil(&bundle, length - 200);
        bench.snap.call("repair").run();
        let out = bench.fresh();
        // It says that not all is known.
        bench.snap.call("restore").words("--at 2 --to").arg(&out).run().expect(3);
        assert_same_below(&bench.sources(), &out, Level::Stock);
        bench.save();
        bench.assert_restores();
    }
}

#[test]
fn each_part_of_a_snapshot_that_moved_things_is_made_again_from_the_index() {
    let count = bundles_of(moved_archive(CASES[15].1, "--max-part 64KiB").snap.archive(), 2).len();
    assert!(count > 2, "{count}");
    for number in 0..count {
        println!("part {number}");
        let bench = moved_archive(CASES[15].1, "--max-part 64KiB");
        let part = bundles_of(bench.snap.archive(), 2).remove(number);
        let length = fs::metadata(&part).unwrap().len() as usize;
        // In the list of changes.
        spoil(&part, length - 200);
        bench.snap.call("repair").ok();
        assert_whole(&bench, 2);
    }
}

#[test]
fn a_folder_of_very_many_names_moves_and_loses_some_in_one_snapshot() {
    let bench = Bench::new();
    let replayed = bench.path("replayed");
    bench.home.file("e/f", noise(1, 6000));
    for number in 0..6000 {
        bench.home.file(format!("d/huge/{}{number}", "n".repeat(140)), "x");
    }
    bench.save();
    assert_all_ways_give_it(&bench, &replayed, 1, "before");
    bench.home.rename("d/huge", "e/vast").rename("e", "e2").rename("e2/f", "f");
    for number in (0..6000).step_by(7) {
        bench.home.remove(format!("e2/vast/{}{number}", "n".repeat(140)));
    }
    bench.save();
    assert_all_ways_give_it(&bench, &replayed, 2, "after");
    assert!(manifest::stored_files(&bundles_of(bench.snap.archive(), 2)[0]).is_empty());
    bench.snap.call("verify").words("--data").ok();
}

#[test]
fn pruned_bundles_keep_their_renames() {
    let bench = Bench::new();
    tree(&bench.home);
    bench.save();
    for (round, (_, act)) in [&CASES[5], &CASES[6], &CASES[8]].into_iter().enumerate() {
        act(&bench.home);
        bench.home.file("edited", noise(round as u64, 70_000));
        bench.save();
    }
    bench.snap.call("forget").words("2 3").ok();
    bench.snap.call("prune").words("--max-unused 0").ok();
    assert_whole(&bench, 4);
    bench.home.rename("a", "after");
    bench.save();
    assert_whole(&bench, 5);
}

#[test]
fn what_moved_is_not_counted_as_bytes_to_be_read() {
    let bench = Bench::new();
    bench.home.file("old/a", noise(1, 3_000_000)).file("old/b", noise(2, 3_000_000)).file("c", noise(3, 50_000));
    bench.save();
    bench.home.rename("old", "new").rename("c", "d").file("e", noise(4, 60_000));
    let said = bench.snap.call("create").words("--progress json").arg(bench.home.root()).ok();
    let lines: Vec<serde_json::Value> = said.err().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let totals: Vec<u64> = lines.iter().filter_map(|line| line["progress"]["bytes_total"].as_u64()).collect();
    assert!(totals.iter().all(|total| *total < 200_000), "{totals:?}");
}

/// How many bytes the bundles of a snapshot have.
fn added(bench: &Bench, snapshot: usize) -> u64 {
    bundles_of(bench.snap.archive(), snapshot).iter().map(|bundle| bundle.metadata().unwrap().len()).sum()
}

/// The newest snapshot by snap and by `recover.sh` is what the sources are.
#[track_caller]
fn assert_comes_back(bench: &Bench) {
    bench.snap.call("verify").words("--data").ok();
    bench.assert_restores();
    let out = bench.fresh();
    let number = bench.snap.snapshots().to_string();
    recover(bench.snap.archive(), &bench.path("tools"), &[number.as_ref(), out.as_os_str()]).expect_ok();
    assert_same_below(&bench.sources(), &out, Level::Tar);
}

#[test]
fn of_what_moved_and_was_modified_only_what_changed_is_stored() {
    let bench = Bench::new();
    bench.home.file("db", noise(1, 2_000_000)).file("log", noise(2, 1_500_000)).file("log.1", noise(3, 1_400_000));
    bench.home.file("touched", noise(4, 50_000)).file("mode", noise(5, 60_000)).file("d/small", noise(6, 70_000));
    bench.save();
    bench.home.dir("n").rename("db", "n/db2").append("n/db2", "one more record");
    bench
        .home
        .rename("log.1", "log.2")
        .rename("log", "log.1")
        .append("log.1", "the last line")
        .file("log", "begun anew");
    bench.home.rename("touched", "d/touched2").mtime("d/touched2", 1_000_000_000, 5);
    bench.home.rename("mode", "mode2").mode("mode2", 0o600);
    bench.save();
    assert!(added(&bench, 2) < 12_000, "{}", added(&bench, 2));
    assert_comes_back(&bench);
    // What is small and was modified is stored whole, where it is now.
    bench.home.rename("d/small", "small").append("small", "more");
    bench.save();
    assert!(added(&bench, 3) > 70_000);
    assert_comes_back(&bench);
}

#[test]
fn what_was_copied_and_then_removed_moved() {
    let bench = Bench::new();
    for number in 0..30 {
        bench.home.file(format!("photos/{}/{number}", number % 3), noise(number, 5000 + number as usize));
    }
    bench
        .home
        .file("film", noise(40, 200_000))
        .file("photos/0/same length", noise(41, 6000))
        .file("alone/x", noise(42, 9000));
    bench.save();
    // With their times, as `cp -a` keeps them, and without.
    copy_exactly(&bench.home.path("photos"), &bench.home.path("pictures"));
    bench.home.file("n/film", fs::read(bench.home.path("film")).unwrap());
    bench.home.remove("photos").remove("film");
    bench.home.file("pictures/0/same length", noise(43, 6000));
    bench.save();
    let stored = manifest::stored_files(&bundles_of(bench.snap.archive(), 2)[0]);
    let paths: Vec<_> = stored.iter().map(|stored| String::from_utf8_lossy(&stored.path)).collect();
    assert_eq!(paths, ["home/pictures/0/same length"]);
    assert_comes_back(&bench);
    bench.home.rename("alone", "a").file("a/y", fs::read(bench.home.path("a/x")).unwrap()).remove("a/x");
    bench.save();
    assert_comes_back(&bench);
}

#[test]
fn what_moved_is_counted_and_said() {
    let bench = Bench::new();
    tree(&bench.home);
    bench.save();
    bench.home.rename("a", "a2").rename("f", "d/f2");
    bench.snap.call("create").words("--dry-run").ok().expect_said(&["2 moved, 0 deleted"]);
    assert_eq!(bench.snap.call("create").words("--json").ok().json()[0]["moved"], 2);
    let none = bench.snap.call("create").words("--allow-empty").ok();
    assert!(!none.out().contains("moved"), "{}", none.shown());
}
