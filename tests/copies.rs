//! Files with the same content: stored once, by link members that a bundle's script makes files of their own.

use crate::support::bench::Bench;
use crate::support::bench::recovered;
use crate::support::bench::save;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::listing::inode;
use crate::support::manifest::lines;
use crate::support::oracles::check_bundle_with_stock_tools;
use crate::support::replay::bundles;
use crate::support::replay::bundles_of;
use crate::support::replay::recover;
use crate::support::replay::remove_manifest;
use crate::support::tree::Random;
use crate::support::tree::noise;
use std::fs;
use std::path::Path;

/// A content that is large enough for a copy where nothing else is said.
const LARGE: usize = 1_200_000;

/// Names that a shell or a list might take for something else.
const NAMES: [&[u8]; 8] =
    [b"new\nline", b"it's", b"-rf $(touch x)", b"d/\xff raw", b"d/e/plain", b"d/e/other", b"z", b"a/long one"];

/// The newest snapshot by snap and by `recover.sh` is what the sources are.
#[track_caller]
fn assert_comes_back(bench: &Bench) {
    bench.snap.call("verify").words("--data").ok();
    bench.assert_restores();
    assert_same_below(&bench.sources(), &recovered(bench, bench.snap.snapshots()), Level::Tar);
}

/// What each file of a snapshot is a copy of, and the bundle that has its content, if that is another one.
fn copies(bench: &Bench, snapshot: usize) -> Vec<(String, String, Option<String>)> {
    let text = |value: &serde_json::Value| value.as_str().map(ToOwned::to_owned);
    let all = bundles_of(bench.snap.archive(), snapshot).into_iter().flat_map(|bundle| lines(&bundle));
    all.filter_map(|line| Some((text(&line["path"])?, text(&line["copy"])?, text(&line["in"])))).collect()
}

fn copy(path: &str, of: &str, kept_in: Option<&str>) -> (String, String, Option<String>) {
    (path.to_owned(), of.to_owned(), kept_in.map(ToOwned::to_owned))
}

/// How long the bundles of a snapshot are.
fn added(bench: &Bench, snapshot: usize) -> u64 {
    bundles_of(bench.snap.archive(), snapshot).iter().map(|bundle| fs::metadata(bundle).unwrap().len()).sum()
}

#[track_caller]
fn unpack(bundle: &Path, out: &Path) {
    run(&mut shell("tar --zstd -g /dev/null -xf \"$1\" -C \"$2\"", &[&bundle, &out])).expect_silent();
}

fn put(bench: &Bench, name: &[u8], content: &[u8]) {
    if bench.home.path(name).exists() {
        bench.home.remove(name);
    }
    bench.home.file(name, content);
}

fn change(bench: &Bench, dice: &mut Random) {
    let (name, other) = (NAMES[dice.below(8)], NAMES[dice.below(8)]);
    let is_there = |name: &[u8]| bench.home.path(name).is_file();
    match dice.below(9) {
        0..3 if is_there(name) && name != other => {
            let content = fs::read(bench.home.path(name)).unwrap();
            put(bench, other, &content);
        }
        3 if is_there(name) && !is_there(other) => drop(bench.home.dir("d/e").dir("a").rename(name, other)),
        4 if is_there(name) => drop(bench.home.append(name, "more")),
        5 if is_there(name) => drop(bench.home.mode(name, [0o600, 0o444, 0o4755, 0o200][dice.below(4)])),
        6 if is_there(name) => drop(bench.home.remove(name)),
        7 if is_there(name) => drop(bench.home.mtime(name, dice.below(1 << 30) as i64, 123_456_789)),
        _ => put(bench, name, &noise(dice.below(3) as u64, 2000 + dice.below(2) * 3000)),
    }
}

#[test]
fn histories_of_copies_come_back_by_restore_and_by_recover_sh() {
    let mut found = 0;
    for seed in 0..6 {
        let (bench, mut dice) = (Bench::new(), Random(seed));
        let mut states = Vec::new();
        for snapshot in 1..=6 {
            (0..if snapshot == 1 { 20 } else { 1 + dice.below(6) }).for_each(|_| change(&bench, &mut dice));
            save(&bench, &format!("--patch-from 1K --allow-empty {}", ["", "--max-part 64K"][dice.below(2)]));
            states.push(bench.copy());
            found += copies(&bench, snapshot).len();
        }
        bench.snap.call("verify").words("--data").ok();
        for (number, state) in states.iter().enumerate() {
            assert_same_below(state, &bench.restored(number + 1), Level::Everything);
            assert_same_below(state, &recovered(&bench, number + 1), Level::Tar);
        }
        fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
        assert_same_below(&states[5], &bench.restored(6), Level::Everything);
        bench.snap.call("forget").words("1 3 4").ok();
        bench.snap.call("prune").words("--max-unused 0").ok();
        bench.snap.call("verify").words("--data").ok();
        for number in [2, 5, 6] {
            assert_same_below(&states[number - 1], &bench.restored(number), Level::Everything);
            assert_same_below(&states[number - 1], &recovered(&bench, number), Level::Tar);
        }
    }
    assert!(found > 30, "{found}");
}

#[test]
fn identical_new_files_are_stored_once_and_the_bundle_is_whole_by_itself() {
    let bench = Bench::new();
    let content = noise(1, LARGE);
    bench.home.file("a", &content).file("d/b", &content).mode("d/b", 0o600).mtime("d/b", 7, 0).mtime("d", 8, 0);
    bench.home.file("other", noise(2, LARGE)).file("small", "s").file("small2", "s");
    save(&bench, "");
    assert_eq!(copies(&bench, 1), [copy("home/d/b", "home/a", None)]);
    let bundle = bundles_of(bench.snap.archive(), 1).remove(0);
    assert!(added(&bench, 1) < 2 * LARGE as u64 + 50_000);
    check_bundle_with_stock_tools(&bundle);
    assert_comes_back(&bench);
    let out = recovered(&bench, 1);
    assert!(inode(&out.join("home/a")) != inode(&out.join("home/d/b")));
    // Tar alone makes them names of one file; what comes later changes one of them only.
    bench.home.append("a", "more");
    save(&bench, "--patch-from never");
    let out = bench.fresh();
    fs::create_dir(&out).unwrap();
    unpack(&bundle, &out);
    assert!(inode(&out.join("home/a")) == inode(&out.join("home/d/b")));
    unpack(&bundles_of(bench.snap.archive(), 2)[0], &out);
    assert!(
        fs::read(out.join("home/d/b")).unwrap() == content && fs::read(out.join("home/a")).unwrap().len() == LARGE + 4
    );
    assert_comes_back(&bench);
}

#[test]
fn a_copy_of_what_is_there_adds_no_content_and_is_named_by_who_opens_the_bundle_alone() {
    let bench = Bench::new();
    let content = noise(1, LARGE);
    bench.home.file("m/old", &content).mode("m/old", 0o640).file("keep", "k");
    save(&bench, "");
    bench.home.file("a/before", &content).file("z/behind", &content).mode("z/behind", 0o444).file("new", "n");
    bench.home.mtime("a/before", 5, 0).mtime("a", 6, 0).mtime("z", 7, 0);
    save(&bench, "");
    let found = copies(&bench, 2);
    let expected = |path| copy(path, "home/m/old", Some("000001"));
    assert_eq!(found, [expected("home/a/before"), expected("home/z/behind")]);
    assert!(added(&bench, 2) < 20_000, "{}", added(&bench, 2));
    assert_comes_back(&bench);
    // Alone, everything but the copies is there, and they are named.
    let bundle = bundles_of(bench.snap.archive(), 2).remove(0);
    for tool in ["tar --zstd -xf \"$1\" -C \"$2\"", "zstd -dc \"$1\" | bsdtar -xf - -C \"$2\""] {
        let out = bench.fresh();
        fs::create_dir(&out).unwrap();
        let done = run(&mut shell(tool, &[&bundle, &out]));
        let said = done.err();
        if said.contains("not found") {
            continue;
        }
        assert!(done.status != 0 && said.contains("a/before") && said.contains("z/behind"), "{tool}: {said}");
        assert_eq!(fs::read(out.join("home/new")).unwrap(), b"n");
        assert!(out.join(".snap-manifest.jsonl").exists() && !out.join("home/a/before").exists());
    }
    let listed = run(&mut shell("tar --zstd -tvf \"$1\"", &[&bundle])).expect_silent().out();
    assert!(listed.contains("home/a/before link to home/m/old"), "{listed}");
    // By tar alone it is a second name, until one of them changes.
    bench.home.file("m/old", "short");
    save(&bench, "");
    let out = bench.fresh();
    fs::create_dir(&out).unwrap();
    for bundle in bundles(bench.snap.archive()) {
        unpack(&bundle, &out);
    }
    assert!(fs::read(out.join("home/a/before")).unwrap() == content);
    assert_eq!(fs::read(out.join("home/m/old")).unwrap(), b"short");
    run(&mut shell("rm -r \"$1/.snap-apply\" \"$1/.snap-apply.sh\"", &[&out]));
    remove_manifest(&out);
    assert_same_below(&bench.sources(), &out, Level::Stock);
    assert_comes_back(&bench);
}

#[test]
fn what_is_gone_moved_changed_or_patched_is_no_base_unless_it_is_one_all_the_same() {
    let bench = Bench::new();
    let content = |number: u64| noise(number, LARGE);
    for number in 1..=4 {
        bench.home.file(format!("d/f{number}"), content(number));
    }
    save(&bench, "");
    // One goes, one moves, one is patched, one is modified; each has a copy made before.
    for number in 1..=4 {
        bench.home.file(format!("copy{number}"), content(number));
    }
    bench.home.remove("d/f1").rename("d/f2", "moved").append("d/f3", "more").remove("d/f4").file("d/f4", content(9));
    save(&bench, "");
    assert_eq!(copies(&bench, 2), [copy("home/copy2", "home/moved", Some("000001"))]);
    assert_comes_back(&bench);
    // A patched file is a base in the next snapshot, and a copy of it is changed by a patch in the one after.
    fs::copy(bench.home.path("d/f3"), bench.home.path("again")).unwrap();
    save(&bench, "");
    assert_eq!(copies(&bench, 3), [copy("home/again", "home/d/f3", Some("000002"))]);
    assert_comes_back(&bench);
    bench.home.append("again", "and more").append("copy2", "x");
    save(&bench, "");
    assert!(added(&bench, 4) < 30_000);
    assert_comes_back(&bench);
    // A file that is new and one that became the same.
    bench.home.file("new", content(20)).file("d/f4", content(20));
    save(&bench, "");
    assert_comes_back(&bench);
}

#[test]
fn copies_in_other_parts_of_one_snapshot_are_found() {
    let bench = Bench::new();
    for name in ["a", "c", "e"] {
        bench.home.file(name, noise(1, LARGE));
    }
    bench.home.file("b", noise(2, LARGE)).file("d", noise(3, LARGE)).hard_link("b", "g");
    save(&bench, "--max-part 1M");
    let found = copies(&bench, 1);
    assert_eq!(found, [copy("home/c", "home/a", Some("000001.0001")), copy("home/e", "home/a", Some("000001.0001"))]);
    assert_comes_back(&bench);
    assert!(inode(&recovered(&bench, 1).join("home/b")) == inode(&recovered(&bench, 1).join("home/g")) || cfg!(unix));
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    assert_comes_back(&bench);
    // Its older part is lost: so is the copy, and both are named.
    let first = bundles(bench.snap.archive()).remove(0);
    let bytes = fs::read(&first).unwrap();
    let mut damaged = bytes.clone();
    damaged[600_000..600_100].fill(7);
    fs::write(&first, damaged).unwrap();
    let said = bench.snap.call("verify").words("--data").run().expect(3).out();
    assert!(said.contains("home/a") && said.contains("home/c") && said.contains("home/e"), "{said}");
    bench.snap.call("repair").run();
    let out = bench.fresh();
    bench.snap.call("restore").words("--to").arg(&out).run().expect(3);
    assert!(!out.join("home/c").exists() && out.join("home/d").exists());
    save(&bench, "");
    bench.assert_restores();
}

#[test]
fn files_with_several_names_and_holes_and_rules_are_kept_apart_from_copies() {
    let bench = Bench::new();
    let content = noise(1, LARGE);
    bench.home.file("a", &content).hard_link("a", "a2").file("b", &content).file("l", &content).hard_link("l", "l2");
    bench.home.sparse("s1", 4 << 20, &[(1 << 20, &content)]).sparse("s2", 4 << 20, &[(1 << 20, &content)]);
    save(&bench, "");
    assert_eq!(copies(&bench, 1), [copy("home/b", "home/a", None), copy("home/s2", "home/s1", None)]);
    assert_comes_back(&bench);
    let out = recovered(&bench, 1);
    assert!(
        inode(&out.join("home/a")) == inode(&out.join("home/a2"))
            && inode(&out.join("home/a")) != inode(&out.join("home/b"))
    );
    // What is left out from now on is not a base.
    bench.home.file("c", &content).remove("a").remove("a2").remove("l").remove("l2");
    save(&bench, "--exclude /b");
    assert_eq!(copies(&bench, 2), []);
    bench.home.remove("b");
    save(&bench, "--fresh-rules");
    assert_comes_back(&bench);
    save(&bench, "--patch-from never");
    bench.home.file("d", &content);
    save(&bench, "");
    assert_eq!(copies(&bench, bench.snap.snapshots()), []);
}

#[test]
fn a_lost_base_names_its_copies_and_repairs_keep_the_sound_ones() {
    let bench = Bench::new();
    bench.home.file("a", noise(1, LARGE)).file("b", noise(2, LARGE)).file("b2", noise(2, LARGE));
    save(&bench, "");
    bench.home.file("copies/a", noise(1, LARGE)).file("copies/b", noise(2, LARGE)).file("copies/text", "t");
    save(&bench, "");
    assert_eq!(copies(&bench, 2).len(), 2);
    let second = bundles_of(bench.snap.archive(), 2).remove(0);
    // The list of changes is lost: what the index knows, and then what the headers say.
    for without_index in [false, true] {
        let bytes = fs::read(&second).unwrap();
        let mut damaged = bytes.clone();
        let length = damaged.len();
        damaged[length - 200..length - 100].fill(7);
        fs::write(&second, damaged).unwrap();
        if without_index {
            fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
        }
        bench.snap.call("repair").run();
        let out = bench.fresh();
        bench.snap.call("restore").words("--to").arg(&out).run();
        for name in ["copies/a", "copies/b", "b2"] {
            assert!(
                fs::read(out.join("home").join(name)).unwrap() == fs::read(bench.home.path(name)).unwrap(),
                "{name}"
            );
        }
        assert_same_below(&bench.sources(), &recovered(&bench, 2), Level::Stock);
    }
    // A content in the first bundle is lost: with it the copy.
    let first = bundles_of(bench.snap.archive(), 1).remove(0);
    let mut bytes = fs::read(&first).unwrap();
    bytes[500_000..500_100].fill(7);
    fs::write(&first, bytes).unwrap();
    let said = bench.snap.call("verify").words("--data").run().expect(3).out();
    assert!(said.contains("home/a") && said.contains("home/copies/a") && !said.contains("home/b2"), "{said}");
    bench.snap.call("repair").run();
    save(&bench, "");
    bench.assert_restores();
    // By stock tools, too, which name on the way what was not a copy of anything any more.
    let out = bench.fresh();
    let said = recover(bench.snap.archive(), &bench.path("tools"), &[out.as_os_str()]).expect(1);
    said.expect_said(&["home/copies/a", "files of their own"]);
    assert_same_below(&bench.sources(), &out, Level::Tar);
}

#[test]
fn a_copy_in_a_folder_that_its_owner_may_not_change_is_stored_unless_it_stands_in_the_same_bundle() {
    let bench = Bench::new();
    bench.home.file("m", noise(1, LARGE)).file("n", noise(3, LARGE));
    save(&bench, "");
    for (number, mode) in [0o555, 0o300, 0o755, 0o600].into_iter().enumerate() {
        bench.home.dir(format!("d{number}/e")).file(format!("d{number}/e/copy"), noise(1, LARGE));
        bench.home.file(format!("d{number}/new"), noise(2, LARGE)).mode(format!("d{number}"), mode);
    }
    bench.home.dir("e").file("e/copy", noise(1, LARGE)).hard_link("n", "e/name").mode("e", 0o500);
    save(&bench, "");
    let found = copies(&bench, 2);
    let of_older: Vec<&str> = found.iter().filter(|copy| copy.2.is_some()).map(|copy| copy.0.as_str()).collect();
    assert_eq!(of_older, ["home/d0/e/copy", "home/d1/e/copy", "home/d2/e/copy"]);
    assert_comes_back(&bench);
}

#[test]
fn erasing_takes_a_content_from_its_copies_too_or_not_at_all() {
    let bench = Bench::new();
    bench.home.file("a", noise(1, LARGE)).file("other", "o");
    save(&bench, "");
    bench.home.file("b", noise(1, LARGE));
    save(&bench, "");
    let refused = bench.snap.call("erase").words("--yes home/a").run();
    assert!(refused.status != 0 && refused.said().contains("home/b"), "{}", refused.said());
    bench.snap.call("erase").words("--yes home/a home/b").ok();
    bench.snap.call("verify").words("--data").ok();
    save(&bench, "");
    assert_comes_back(&bench);
}

#[test]
fn the_number_of_threads_changes_no_byte_of_copies() {
    let made = |threads: &str| {
        let bench = Bench::new();
        let mut bytes = Vec::new();
        for number in 1..=3_u64 {
            for file in 0..12_u64 {
                let name = format!("f{}", (file * 7 + number * 5) % 19);
                bench.home.file(&name, noise(file % 4 + number / 2, 60_000)).mtime(&name, number as i64, 0);
            }
            bench.home.mtime("", number as i64, 0);
            let time = format!("--time 2026-01-0{number}T00:00:00Z");
            save(&bench, &format!("--patch-from 16K --level 3 --threads {threads} --max-part 200K {time}"));
            for bundle in bundles_of(bench.snap.archive(), number as usize) {
                let list = "zstd -dc \"$1\" | tar -tf - --exclude=.snap-manifest.jsonl; zstd -dc \"$1\" | tar -xOf - --wildcards .snap-apply/copies";
                bytes.extend(run(&mut shell(list, &[&bundle])).stdout);
            }
        }
        bytes
    };
    let one = made("1");
    assert!(one.len() > 500 && one == made("4"));
}

#[test]
fn a_copy_of_what_stands_several_times_in_earlier_parts_is_found_without_an_index() {
    let bench = Bench::new();
    let content = noise(1, 2 << 20);
    // What has several names is stored again each time.
    bench.home.file("a", &content).file("b", &content).hard_link("b", "c").file("d", &content).hard_link("d", "e");
    bench.home.file("y", &content).file("z", &content);
    bench.snap.call("create").words("--max-part 1M").arg(bench.home.root()).ok();
    bench.snap.call("verify").words("--data").ok();
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    bench.snap.call("verify").words("--data").ok();
    let out = bench.fresh();
    bench.snap.restore(&out, 0);
    assert_same_below(&bench.sources(), &out, Level::Everything);
}

/// A file whose copy was made before it was edited.
fn edited_after_a_copy(bench: &Bench) {
    bench.home.file("db", noise(1, LARGE)).file("other", noise(2, LARGE));
    save(bench, "");
    fs::copy(bench.home.path("db"), bench.home.path("db.bak")).unwrap();
    bench.home.append("db", noise(3, 1000)).dir("d");
    fs::copy(bench.home.path("db"), bench.home.path("d/edited")).unwrap();
    save(bench, "");
}

#[test]
fn a_copy_of_what_a_file_was_before_it_was_edited_stores_nothing() {
    let bench = Bench::new();
    edited_after_a_copy(&bench);
    // What it became no file had before.
    assert_eq!(copies(&bench, 2), [copy("home/db.bak", "home/db", Some("000001"))]);
    assert!(added(&bench, 2) < LARGE as u64 + 20_000, "{}", added(&bench, 2));
    assert_comes_back(&bench);
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    assert_comes_back(&bench);
    // It was stored whole: then nothing has what it was.
    fs::copy(bench.home.path("other"), bench.home.path("other.bak")).unwrap();
    bench.home.remove("other").file("other", noise(4, LARGE + 5)).append("db.bak", "more");
    save(&bench, "");
    assert_eq!(copies(&bench, 3), []);
    assert_comes_back(&bench);
    bench.snap.call("forget").words("1").ok();
    bench.snap.call("prune").words("--max-unused 0").ok();
    assert_comes_back(&bench);
}

#[test]
fn a_repair_keeps_a_copy_of_what_a_file_was_whatever_becomes_of_the_file() {
    // The patch is damaged, and the file is stored whole elsewhere; and the whole bundle is lost.
    for is_lost in [false, true] {
        let bench = Bench::new();
        edited_after_a_copy(&bench);
        let second = bundles_of(bench.snap.archive(), 2).remove(0);
        if is_lost {
            fs::remove_file(&second).unwrap();
        } else {
            let mut bytes = fs::read(&second).unwrap();
            let patch = noise(3, 1000)[500..520].to_vec();
            let found = bytes.windows(20).position(|window| window == patch);
            let at = found.expect("what was appended is stored as it is, for it does not compress");
            bytes[at] ^= 0xff;
            fs::write(&second, &bytes).unwrap();
        }
        bench.snap.call("repair").run();
        save(&bench, "");
        assert_comes_back(&bench);
        assert_same_below(&bench.sources(), &bench.restored(bench.snap.snapshots()), Level::Everything);
    }
}

#[test]
fn a_new_name_of_a_large_file_stores_nothing_and_is_a_name_of_it_for_stock_tools() {
    let bench = Bench::new();
    bench
        .home
        .file("m", noise(1, LARGE))
        .file("large", noise(2, 9 << 20))
        .file("twin", noise(1, LARGE))
        .file("small", "s");
    save(&bench, "");
    bench
        .home
        .dir("d")
        .hard_link("m", "a")
        .hard_link("m", "z")
        .hard_link("large", "d/large")
        .hard_link("small", "small2");
    save(&bench, "");
    let expected = |path, of| copy(path, of, Some("000001"));
    let found = [expected("home/a", "home/m"), expected("home/z", "home/m"), expected("home/d/large", "home/large")];
    assert_eq!(copies(&bench, 2), found);
    assert!(added(&bench, 2) < 20_000, "{}", added(&bench, 2));
    assert_comes_back(&bench);
    let linked = |out: &Path, names: [&str; 2]| {
        inode(&out.join("home").join(names[0])) == inode(&out.join("home").join(names[1]))
    };
    let out = recovered(&bench, 2);
    assert!(linked(&out, ["m", "a"]) && linked(&out, ["m", "z"]) && linked(&out, ["large", "d/large"]));
    assert!(!linked(&out, ["m", "twin"]));
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    assert_comes_back(&bench);
    // One name goes on as another file, all others are changed.
    bench.home.remove("z").file("z", noise(1, LARGE)).append("a", "more").mode("m", 0o600);
    save(&bench, "");
    assert_comes_back(&bench);
    // The bundle with the names is lost, and made again.
    fs::remove_file(bundles_of(bench.snap.archive(), 2).remove(0)).unwrap();
    bench.snap.call("repair").run();
    save(&bench, "--allow-empty");
    assert_comes_back(&bench);
}
