//! A large file that changes from snapshot to snapshot, of which only changes are stored: what was between goes with its snapshots.

use crate::support::bench::Bench;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::replay::bundles;
use crate::support::replay::recover;
use crate::support::replay::stock_replay;
use crate::support::tree::noise;
use std::fs;
use std::path::PathBuf;

const MIB: usize = 1 << 20;

#[track_caller]
fn save(bench: &Bench) -> PathBuf {
    bench.snap.call("create").words("--patch-from 64K").arg(bench.home.root()).ok();
    bench.copy()
}

fn bundle_bytes(bench: &Bench) -> u64 {
    bundles(bench.snap.archive()).iter().map(|path| path.metadata().unwrap().len()).sum()
}

/// Fails the test unless these snapshots are what they were, by every way, with an index and without.
#[track_caller]
fn assert_kept(bench: &Bench, copies: &[PathBuf], kept: &[usize]) {
    for round in 0..2 {
        for number in kept {
            let copy = &copies[number - 1];
            assert_same_below(copy, &bench.restored(*number), Level::Everything);
            let (replayed, recovered) = (bench.fresh(), bench.fresh());
            stock_replay(bench.snap.archive(), *number, &replayed);
            assert_same_below(copy, &replayed, Level::Stock);
            let at = number.to_string();
            recover(bench.snap.archive(), &bench.path("tools"), &[at.as_ref(), recovered.as_os_str()]).expect_ok();
            assert_same_below(copy, &recovered, Level::Tar);
        }
        bench.snap.call("verify").words("--data").ok();
        if round == 0 {
            fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
        }
    }
    let report = bench.snap.call("prune").words("--json").ok().json().remove(0);
    assert_eq!(report["bundles"], serde_json::json!([]), "there is nothing left to do");
}

/// How long the list of pieces and the data of all patches are, by bundle.
fn patch_bytes(bench: &Bench) -> Vec<u64> {
    let length = |bundle: &PathBuf| {
        let list = run(program("tar").args(["--zstd", "-tvf"]).arg(bundle)).expect_ok().out();
        let lines =
            list.lines().filter(|line| line.contains(".snap-apply/") && line.rsplit('.').next() == Some("patch"));
        lines.map(|line| line.split_whitespace().nth(2).unwrap().parse::<u64>().unwrap()).sum()
    };
    bundles(bench.snap.archive()).iter().map(length).collect()
}

#[test]
fn the_newest_is_made_from_what_is_kept_and_neighbours_are_joined() {
    let bench = Bench::new();
    let mut large = noise(1, 3 * MIB);
    let mut copies = Vec::new();
    let mut path = "large";
    for number in 0..9_u64 {
        match number {
            0 => {}
            // Something is put in, changed where it stands, more than once, moved, cut out, and appended.
            2 => drop(large.splice(700_000..700_000, noise(20, 90_000))),
            3 | 4 => large[2 * MIB..2 * MIB + 40_000].copy_from_slice(&noise(40 + number, 40_000)),
            5 => path = "moved/large",
            6 => drop(large.drain(100..100_000)),
            7 => large[2 * MIB - 99_900..2 * MIB - 59_900].copy_from_slice(&noise(47, 40_000)),
            _ => large.extend(noise(30 + number, 20_000)),
        }
        if number == 5 {
            bench.home.dir("moved").rename("large", path);
        } else {
            bench.home.file(path, &large);
        }
        bench.home.mode(path, 0o600 + number as u32 % 2 * 0o40).file(format!("day-{number}"), noise(50 + number, 900));
        if number > 0 {
            bench.home.remove(format!("day-{}", number - 1));
        }
        copies.push(save(&bench));
    }
    let before = patch_bytes(&bench);
    let patched = before.iter().filter(|bytes| **bytes > 0).count();
    assert_eq!(patched, 7, "{before:?}");
    bench.snap.call("forget").words("2..8").ok();
    let report = bench.snap.call("prune").words("--json").ok().json().remove(0);
    assert_eq!(report["bundles"][0]["joined"], 6, "{report}");
    let after = patch_bytes(&bench);
    assert_eq!(after.len(), 3);
    // What was changed again and again is there once.
    let sum = before[1..8].iter().sum::<u64>();
    assert!(after[1] > 100_000 && after[1] < sum - 60_000, "{before:?} {after:?}");
    assert_kept(&bench, &copies, &[1, 9]);
    // The history goes on, and the first that was kept goes, too: then the newest stands whole.
    bench.home.append(path, noise(90, 10_000));
    copies.push(save(&bench));
    bench.snap.call("forget").words("1 9").ok();
    bench.snap.call("prune").words("--max-unused 0").ok();
    assert_eq!(bundles(bench.snap.archive()).len(), 2);
    assert_kept(&bench, &copies, &[10]);
}

#[test]
fn what_nobody_needs_is_no_base_either() {
    let bench = Bench::new();
    let mut large = noise(1, 2 * MIB);
    let mut copies = Vec::new();
    for number in 0..4_u64 {
        large.extend(noise(10 + number, 30_000));
        bench.home.file("large", &large).file("stays", noise(99, 200_000));
        copies.push(save(&bench));
    }
    bench.home.file("large", noise(2, 2 * MIB));
    copies.push(save(&bench));
    bench.snap.call("forget").words("1..4").ok();
    let before = bundle_bytes(&bench);
    bench.snap.call("prune").ok();
    let freed = before - bundle_bytes(&bench);
    assert!(freed > 2 * MIB as u64 + 90_000, "{freed} of {before}");
    assert_eq!(patch_bytes(&bench).iter().sum::<u64>(), 0);
    assert_kept(&bench, &copies, &[5]);
}

#[test]
fn a_patch_that_nobody_needs_goes_from_a_bundle_alone() {
    let bench = Bench::new();
    let mut large = noise(1, 2 * MIB);
    let mut copies = Vec::new();
    bench.home.file("large", &large).file("folder/stays", "1");
    copies.push(save(&bench));
    large.extend(noise(2, 300_000));
    bench.home.file("large", &large).file("folder/stays", "2");
    copies.push(save(&bench));
    bench.home.file("large", noise(3, 2 * MIB)).file("folder/too", "3");
    copies.push(save(&bench));
    bench.snap.call("forget").words("2").ok();
    bench.snap.call("prune").ok();
    assert_eq!(patch_bytes(&bench), [0, 0, 0]);
    assert!(bundles(bench.snap.archive())[1].metadata().unwrap().len() < 5000);
    assert_kept(&bench, &copies, &[1, 3]);
}

#[test]
fn what_a_patch_without_data_is_made_from_stays_as_long_as_the_patch() {
    let bench = Bench::new();
    let mut copies = Vec::new();
    let large = noise(1, 200_000);
    bench.home.file("large", &large).file("stays", noise(2, 100_000)).file("goes", noise(3, 60_000));
    copies.push(save(&bench));
    // The end is cut off; and so much is new that these two are not worth to be joined.
    bench.home.file("large", &large[..150_000]).file("new", noise(4, 5 * MIB)).remove("goes");
    copies.push(save(&bench));
    bench.home.remove("large").file("new too", noise(5, 1000));
    copies.push(save(&bench));
    let lists = || -> usize {
        let list = |path: &PathBuf| run(program("tar").args(["--zstd", "-tf"]).arg(path)).expect_ok().out();
        bundles(bench.snap.archive()).iter().map(|path| list(path).matches(".list").count()).sum()
    };
    assert_eq!((patch_bytes(&bench), lists()), (vec![0, 0, 0], 1));
    bench.snap.call("forget").words("1 2").ok();
    bench.snap.call("prune").ok();
    assert_eq!((bundles(bench.snap.archive()).len(), lists()), (3, 1), "it was made hollow");
    assert_kept(&bench, &copies, &[3]);
}
