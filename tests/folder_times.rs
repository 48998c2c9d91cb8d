//! What stock tools make of folders: their times after every snapshot, however a snapshot is cut, and deletions in folders with more
//! names than a record of a tar may take.

use crate::support::bench::Bench;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::replay::bundles;
use crate::support::replay::recover;
use crate::support::replay::replay_one;
use crate::support::tree::Random;
use crate::support::tree::noise;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Where folders that nothing happens to stand in time.
const LONG_AGO: i64 = 1_000_000_000;

/// The newest snapshot, by stock tools, is as the source is now, folders' times included.
#[track_caller]
fn assert_recovered(bench: &Bench) {
    let out = bench.fresh();
    recover(bench.snap.archive(), &bench.path("tools"), &[out.as_os_str()]);
    assert_same_below(&bench.sources(), &out, Level::Tar);
}

fn create(bench: &Bench, words: &str) {
    bench.snap.call("create").words(words).arg(bench.home.root()).ok();
}

#[test]
fn a_folder_that_reaches_over_parts_keeps_its_time() {
    let bench = Bench::new();
    for number in 0..90 {
        bench.home.file(format!("a/f{number:02}"), noise(number, 1500));
        bench.home.file(format!("a/sub{}/g{number:02}", number / 30), noise(number + 100, 1500));
    }
    bench.home.mtime("a", LONG_AGO, 0).mtime("a/sub1", LONG_AGO + 1, 0).mtime("", LONG_AGO + 2, 0);
    create(&bench, "--max-part 64K");
    assert!(bundles(bench.snap.archive()).len() > 3);
    assert_recovered(&bench);
    bench.snap.call("verify").words("--data").ok();
}

#[test]
fn a_folder_keeps_its_time_when_one_in_it_is_saved_for_the_first_time() {
    let bench = Bench::new();
    bench.home.file("a/b/f", "f").file("a/q/g", "g").mtime("a", LONG_AGO, 0).mtime("", LONG_AGO, 0);
    create(&bench, "--exclude b/");
    create(&bench, "--no-exclude b/");
    assert_recovered(&bench);
    bench.snap.call("verify").words("--data").ok();
}

#[test]
fn a_folder_of_many_frames_keeps_its_time_whichever_of_its_files_is_written_over() {
    let bench = Bench::new();
    for number in 0..9 {
        bench.home.file(format!("a/f{number}"), noise(number, 2_000_000));
    }
    bench.home.file("a/large", noise(77, 9_000_000)).file("a/z", "z").mtime("a", LONG_AGO, 0);
    bench.save();
    for (name, bytes) in [("a/f8", 1_900_000), ("a/z", 5), ("a/large", 9_100_000)] {
        fs::write(bench.home.path(name), noise(5, bytes)).unwrap();
        fs::write(bench.home.path("a/f1"), noise(bytes as u64, 1_000_000)).unwrap();
        bench.home.mtime("a", LONG_AGO, 0);
        bench.save();
        assert_recovered(&bench);
    }
    bench.snap.call("verify").words("--data").ok();
}

#[test]
fn a_folder_keeps_its_time_when_a_part_ends_behind_a_large_file_in_it() {
    let bench = Bench::new();
    bench.home.file("a/large", noise(77, 9_000_000)).fifo("a/pipe").file("a/z", "z").mtime("a", LONG_AGO, 0);
    bench.save();
    for seed in [1, 2] {
        fs::write(bench.home.path("a/large"), noise(seed, 9_000_000)).unwrap();
        bench.home.remove("a/pipe").fifo("a/pipe").file("a/z", noise(seed, 2)).mtime("a", LONG_AGO + 1, 0);
        create(&bench, "--max-part 64K");
        assert_recovered(&bench);
    }
    bench.snap.call("verify").words("--data").ok();
}

fn any_folder(dice: &mut Random) -> String {
    let depth = dice.below(4);
    (0..depth).map(|_| ["d0/", "d1/", "d2/"][dice.below(3)]).collect()
}

/// Takes away what stands in the way of a file.
fn make_way(bench: &Bench, path: &str) {
    for (end, _) in path.match_indices('/') {
        if bench.home.path(&path[..end]).is_file() {
            bench.home.remove(&path[..end]);
        }
    }
    if bench.home.path(path).is_dir() {
        bench.home.remove(path);
    }
}

/// Does something to a tree; folders that something happens in mostly get the time that they had.
fn change(bench: &Bench, dice: &mut Random) {
    let folder = any_folder(dice);
    let path = format!("{folder}f{}", dice.below(6));
    match dice.below(12) {
        0 if bench.home.path(&path).exists() => drop(bench.home.remove(&path)),
        1 if !folder.is_empty() && bench.home.path(&folder).is_dir() => {
            bench.home.remove(folder.trim_end_matches('/'));
        }
        kind => {
            let path = if kind == 2 { format!("{path}/inner") } else { path };
            make_way(bench, &path);
            bench.home.file(&path, noise(dice.below(1000) as u64, dice.below(9000)));
        }
    }
    for folder in [any_folder(dice), folder] {
        if dice.below(3) > 0 && bench.home.path(&folder).is_dir() {
            bench.home.mtime(folder.trim_end_matches('/'), LONG_AGO + dice.below(3) as i64, 0);
        }
    }
}

#[test]
fn stock_tools_get_every_state_of_random_histories_with_the_times_of_folders() {
    for seed in 0..6 {
        let (bench, mut dice) = (Bench::new(), Random(seed));
        bench.home.file("first", "first");
        let out = bench.fresh();
        let mut replayed = 0;
        for _ in 0..8 {
            (0..dice.below(40)).for_each(|_| change(&bench, &mut dice));
            create(&bench, if dice.below(3) == 0 { "" } else { "--max-part 64K" });
            for bundle in &bundles(bench.snap.archive())[replayed..] {
                replay_one(bundle, &out);
                replayed += 1;
            }
            let _ = fs::remove_file(out.join(".snap-manifest.jsonl"));
            assert_same_below(&bench.sources(), &out, Level::Tar);
        }
        bench.snap.call("verify").words("--data").ok();
    }
}

/// A name of 200 bytes.
fn long_name(number: usize) -> String {
    format!("{number:06}-{}", "x".repeat(193))
}

/// What bsdtar unpacks of a bundle.
fn by_bsdtar(bench: &Bench, bundle: &Path) -> PathBuf {
    let out = bench.fresh();
    fs::create_dir(&out).unwrap();
    run(program("bsdtar").arg("-xf").arg(bundle).arg("-C").arg(&out)).expect_ok();
    out
}

fn in_a_folder_of_very_many_names(folder: &str) {
    let bench = Bench::new();
    let name = |number: usize| format!("{folder}{}", long_name(number));
    for number in 0..6000 {
        bench.home.file(name(number), if number % 500 == 0 { "content" } else { "" });
    }
    bench.home.file(format!("{}/in/it", name(6001)), "deep").file(format!("{}/x", name(6002)), "x");
    bench.home.hard_link(name(5), name(6003)).symlink(name(6004), "to").file("beside", "beside");
    bench.home.file(format!("{folder}sub/stays"), "stays");
    bench.save();
    bench.home.remove(name(3)).remove(name(5)).remove(name(6003)).remove(name(6001)).remove(name(6004));
    // Types change both ways.
    bench.home.remove(name(6002)).file(name(6002), "now a file").remove(name(7)).file(format!("{}/y", name(7)), "y");
    bench.home.file(format!("{folder}zz-new"), "new").file(format!("{folder}sub/new"), "new");
    if !folder.is_empty() {
        bench.home.mtime("", LONG_AGO, 0);
    }
    bench.save();
    let kept = bench.copy();
    let alone = by_bsdtar(&bench, &bundles(bench.snap.archive())[1]).join("home").join(folder);
    assert!(alone.join("zz-new").exists() && alone.join(long_name(7)).join("y").exists());
    assert_recovered(&bench);
    bench.snap.call("verify").words("--data").ok();
    bench.home.remove(format!("{folder}zz-new"));
    bench.save();
    assert_recovered(&bench);

    // Where nothing else says what went, the headers do.
    let bundle = bundles(bench.snap.archive()).remove(2);
    let bytes = fs::read(&bundle).unwrap();
    fs::write(&bundle, &bytes[..bytes.len() - 300]).unwrap();
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    bench.snap.call("repair").run();
    let restored = bench.fresh();
    bench.snap.call("restore").words("-q --to").arg(&restored).run();
    assert_same_below(&bench.sources(), &restored, Level::Stock);
    let restored = bench.fresh();
    bench.snap.call("restore").words("-q --at 2 --to").arg(&restored).run();
    assert_same_below(&kept, &restored, Level::Everything);
    assert_recovered_names(&bench);
}

fn assert_recovered_names(bench: &Bench) {
    let out = bench.fresh();
    recover(bench.snap.archive(), &bench.path("tools"), &[out.as_os_str()]);
    assert_same_below(&bench.sources(), &out, Level::Stock);
}

#[test]
fn bsdtar_and_gnu_tar_take_a_deletion_in_a_folder_of_very_many_names() {
    in_a_folder_of_very_many_names("big/");
}

#[test]
fn bsdtar_and_gnu_tar_take_a_deletion_in_a_source_of_very_many_names() {
    in_a_folder_of_very_many_names("");
}

#[test]
fn thousands_of_deletions_in_a_folder_of_very_many_names_are_replayed() {
    let bench = Bench::new();
    for number in 0..10_000 {
        bench.home.file(format!("big/{}", long_name(number)), "");
    }
    bench.save();
    for number in 0..5000 {
        bench.home.remove(format!("big/{}", long_name(number * 2)));
    }
    bench.save();
    by_bsdtar(&bench, &bundles(bench.snap.archive())[1]);
    assert_recovered(&bench);
    bench.snap.call("verify").words("--data").ok();
}
