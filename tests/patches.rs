//! Files of which only what changed is stored: what comes back, by snap and by stock tools, and what damage to older contents costs.

use crate::support::bench::Bench;
use crate::support::bench::recovered;
use crate::support::bench::save;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::inside::Scene;
use crate::support::inside::assert_replays;
use crate::support::inside::assert_restores;
use crate::support::inside::history;
use crate::support::inside::in_memory;
use crate::support::inside::options;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::oracles::check_bundle_with_stock_tools;
use crate::support::replay::bundles;
use crate::support::replay::bundles_of;
use crate::support::replay::recover;
use crate::support::replay::remove_manifest;
use crate::support::stores::Fault;
use crate::support::stores::FaultyStore;
use crate::support::tree::Random;
use crate::support::tree::noise;
use snap_archive::archive::open::Archive;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::snapshot::Rules;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::DriveSpeed;
use snap_archive::verbs::create::create;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Names that a shell or a list might take for something else.
const NAMES: [&[u8]; 6] = [b"new\nline", b"it's", b"-rf $(touch x)", b"d/\xff raw", b"d/e/plain", b"large"];

/// Text that compresses, and in which no two parts are alike.
fn text(seed: u64, length: usize) -> Vec<u8> {
    noise(seed, length / 2).iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

fn edit(content: &mut Vec<u8>, dice: &mut Random) {
    let at = dice.below(content.len().max(1)).min(content.len());
    let length = dice.below(6000).min(content.len() - at);
    match dice.below(6) {
        0 => drop(content.splice(at..at, noise(dice.0, 1 + dice.below(5000)))),
        1 => drop(content.drain(at..at + length)),
        2 => content[at..at + length].fill(b'x'),
        3 => content.extend(text(dice.0, 3000)),
        4 => content.truncate(content.len() - length.min(content.len() / 2)),
        _ => content.rotate_left(at),
    }
}

/// How long the bundles of a snapshot are.
fn added(bench: &Bench, snapshot: usize) -> u64 {
    bundles_of(bench.snap.archive(), snapshot).iter().map(|bundle| fs::metadata(bundle).unwrap().len()).sum()
}

fn has_patches(bundle: &Path) -> bool {
    let list = run(&mut shell("tar --zstd -tf \"$1\"", &[&bundle])).expect_silent();
    list.out().lines().any(|line| line.starts_with(".snap-apply/") && line.contains(".patch"))
}

#[test]
fn histories_of_edits_come_back_by_restore_and_by_recover_sh_whatever_is_patched() {
    for seed in 0..4 {
        let (bench, mut dice) = (Bench::new(), Random(seed));
        let mut files: Vec<Vec<u8>> = (0..NAMES.len()).map(|number| text(number as u64, 30_000)).collect();
        files[5] = text(77, 300_000);
        let mut copies = Vec::new();
        for snapshot in 1..=7 {
            for (name, content) in NAMES.iter().zip(&mut files) {
                if snapshot == 1 || dice.below(3) > 0 {
                    (0..dice.below(4)).for_each(|_| edit(content, &mut dice));
                    bench.home.file(name, &content);
                }
                match dice.below(5) {
                    0 => drop(bench.home.mode(name, [0o600, 0o444, 0o4755][dice.below(3)])),
                    1 => drop(bench.home.mtime(name, dice.below(1 << 30) as i64, 123_456_789)),
                    2 => drop(bench.home.remove(name).file(name, &content)),
                    _ => {}
                }
            }
            let parts = if dice.below(3) == 0 { "--max-part 64K" } else { "" };
            save(&bench, &format!("--patch-from 1K {parts}"));
            copies.push(bench.copy());
        }
        assert!(bundles(bench.snap.archive()).iter().any(|bundle| has_patches(bundle)), "{seed}");
        bench.snap.call("verify").words("--data").ok();
        for (number, copy) in copies.iter().enumerate() {
            assert_same_below(copy, &bench.restored(number + 1), Level::Everything);
            assert_same_below(copy, &recovered(&bench, number + 1), Level::Tar);
        }
        // The index is made again from the bundles, and an export and single files read as a restore does.
        fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
        assert_same_below(&copies[6], &bench.restored(7), Level::Everything);
        let out = bench.fresh();
        fs::create_dir(&out).unwrap();
        let export = bench.path("export.tar.zst");
        bench.snap.call("export").words("--output").arg(&export).ok();
        run(&mut shell("tar --zstd -xf \"$1\" -C \"$2\"", &[&export, &out])).expect_silent();
        assert_same_below(&copies[6], &out, Level::Stock);
        assert!(bench.snap.call("cat").words("home/large").ok().stdout == files[5]);
    }
}

#[test]
fn what_changed_of_a_large_file_is_all_that_is_stored_wherever_the_rest_moved() {
    let bench = Bench::new();
    let mut content = text(1, 18 << 20);
    bench.home.file("mail", &content);
    save(&bench, "");
    let edits: [(&str, fn(&mut Vec<u8>)); 5] = [
        ("a part near the beginning cut out", |content| drop(content.drain(50_000..120_000))),
        ("a large part cut out", |content| drop(content.drain(1 << 20..4 << 20))),
        ("something put in", |content| drop(content.splice(200_000..200_000, noise(3, 5000)))),
        ("appended", |content| content.extend(text(9, 20_000))),
        ("single bytes", |content| (0..200).for_each(|number| content[number * 70_001] ^= 1)),
    ];
    for (number, (what, edit)) in edits.into_iter().enumerate() {
        edit(&mut content);
        bench.home.file("mail", &content);
        save(&bench, "");
        let bytes = added(&bench, number + 2);
        assert!(bytes < 40_000, "{what}: {bytes}");
        check_bundle_with_stock_tools(&bundles_of(bench.snap.archive(), number + 2)[0]);
    }
    bench.assert_restores();
    assert_same_below(&bench.sources(), &recovered(&bench, 6), Level::Tar);
    // What is only touched is nothing, and what is new all over is stored whole.
    bench.home.mtime("mail", 1, 0);
    save(&bench, "");
    assert!(added(&bench, 7) < 5000);
    bench.home.file("mail", text(2, 2 << 20));
    save(&bench, "");
    assert!(added(&bench, 8) > 1 << 20 && !has_patches(&bundles_of(bench.snap.archive(), 8)[0]));
    bench.assert_restores();
}

#[test]
fn a_chain_of_patches_ends_and_holes_stay_holes() {
    let bench = Bench::new();
    bench.home.sparse("image", 6 << 20, &[(0, &text(1, 600_000)), (3 << 20, &text(2, 600_000))]);
    save(&bench, "--patch-from 64K");
    let mut patched = Vec::new();
    for number in 0..12_u64 {
        let file = fs::OpenOptions::new().write(true).open(bench.home.path("image")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"changed", number * 31_000).unwrap();
        drop(file);
        save(&bench, "");
        patched.push(has_patches(&bundles_of(bench.snap.archive(), number as usize + 2)[0]));
        bench.assert_restores();
    }
    assert!(patched[..8].iter().all(|is_patched| *is_patched) && !patched[8] && patched[9], "{patched:?}");
    assert_same_below(&bench.sources(), &recovered(&bench, 13), Level::Tar);
    bench.snap.call("verify").words("--data").ok();
}

#[test]
fn by_tar_alone_a_patched_file_is_as_it_was_and_everything_else_is_there() {
    let bench = Bench::new();
    let old = text(1, 200_000);
    bench.home.file("large", &old).file("small", "1");
    save(&bench, "--patch-from 64K");
    bench.home.append("large", "more").file("small", "2");
    save(&bench, "");
    let out = bench.fresh();
    fs::create_dir(&out).unwrap();
    for bundle in bundles(bench.snap.archive()) {
        run(&mut shell("tar --zstd -g /dev/null -xf \"$1\" -C \"$2\"", &[&bundle, &out])).expect_silent();
    }
    assert!(fs::read(out.join("home/large")).unwrap() == old);
    assert_eq!(fs::read(out.join("home/small")).unwrap(), b"2");
    run(&mut shell("sh \"$1/.snap-apply.sh\"", &[&out])).expect_silent();
    remove_manifest(&out);
    assert_same_below(&bench.sources(), &out, Level::Tar);
}

#[test]
fn from_which_size_on_is_remembered_and_may_be_never() {
    let bench = Bench::new();
    bench.home.file("f", text(1, 100_000));
    let is_patched = |options: &str| {
        bench.home.append("f", "more");
        save(&bench, options);
        has_patches(&bundles_of(bench.snap.archive(), bench.snap.snapshots())[0])
    };
    assert_eq!([is_patched(""), is_patched("")], [false; 2], "it is smaller than 1 MiB");
    assert_eq!([is_patched("--patch-from 64K"), is_patched("")], [true; 2]);
    assert_eq!([is_patched("--patch-from never"), is_patched("")], [false; 2]);
    assert_eq!([is_patched("--patch-from 0"), is_patched("")], [true; 2]);
    bench.snap.call("create").words("--patch-from much").arg(bench.home.root()).fails(2);
}

#[test]
fn damage_to_an_older_content_names_every_version_that_needs_it_and_the_next_run_stores_it_whole() {
    let bench = Bench::new();
    bench.home.file("large", noise(1, 300_000)).file("other", "o");
    save(&bench, "--patch-from 64K");
    for number in 0..3 {
        bench.home.append("large", number.to_string());
        save(&bench, "");
    }
    let first = bundles_of(bench.snap.archive(), 1).remove(0);
    let mut bytes = fs::read(&first).unwrap();
    bytes[150_000..150_100].fill(7);
    fs::write(&first, &bytes).unwrap();
    let said = bench.snap.call("verify").words("--data").run().expect(3).out();
    assert!(said.contains("home/large"), "{said}");
    let out = bench.fresh();
    bench.snap.call("restore").words("--to").arg(&out).run().expect(3);
    assert!(!out.join("home/large").exists() && out.join("home/other").exists());
    bench.snap.call("repair").run();
    save(&bench, "");
    assert!(!has_patches(&bundles_of(bench.snap.archive(), 5)[0]));
    bench.assert_restores();
    // By stock tools, too, which name what could not be made on the way.
    let out = bench.fresh();
    let named = ["could be made", "left as it is: ./home/large"];
    recover(bench.snap.archive(), &bench.path("tools"), &[out.as_os_str()]).expect(1).expect_said(&named);
    assert_same_below(&bench.sources(), &out, Level::Stock);
}

#[test]
fn what_is_made_from_a_lost_content_is_whole_again_when_it_was_saved_again() {
    let bench = Bench::new();
    let mut content = noise(1, 300_000);
    let mut copies = Vec::new();
    bench.home.file("large", &content);
    save(&bench, "--patch-from 64K");
    for number in 2..4 {
        content[100_000 * (number - 1)] ^= 1;
        bench.home.file("large", &content);
        save(&bench, "");
        copies.push(bench.copy());
    }
    let first = bundles_of(bench.snap.archive(), 1).remove(0);
    let mut bytes = fs::read(&first).unwrap();
    bytes[150_000..150_100].fill(0);
    fs::write(&first, &bytes).unwrap();
    bench.snap.call("repair").run().expect(3);
    save(&bench, "");
    // What the third had is saved again: that is whole, and the second is lost with the first.
    bench.snap.call("repair").run().expect_said(&["stored in it again"]);
    assert_same_below(&copies[1], &bench.restored(3), Level::Everything);
    bench.snap.call("restore").words("--at 2 --to").arg(bench.fresh()).run().expect(3);
    content[200_000] ^= 1;
    bench.home.file("large", &content);
    save(&bench, "--patch-from never");
    bench.snap.call("repair").run();
    for (number, copy) in [(2, 0), (3, 1), (4, 1), (5, 0)] {
        assert_same_below(&copies[copy], &bench.restored(number), Level::Stock);
        assert_same_below(&copies[copy], &recovered(&bench, number), Level::Stock);
    }
    bench.snap.call("repair").run().expect_said(&["othing to repair"]);
    bench.snap.call("verify").words("--data").run();
}

#[test]
fn a_damaged_patch_costs_its_file_and_a_repair_keeps_the_sound_ones() {
    let bench = Bench::new();
    bench.home.file("a", noise(1, 200_000)).file("b", noise(2, 200_000));
    save(&bench, "--patch-from 64K");
    for name in ["a", "b"] {
        bench.home.append(name, noise(3, 30_000));
    }
    save(&bench, "");
    let second = bundles_of(bench.snap.archive(), 2).remove(0);
    let mut bytes = fs::read(&second).unwrap();
    bytes[10_000] ^= 0xff;
    fs::write(&second, &bytes).unwrap();
    bench.snap.call("verify").words("--data").run().expect(3);
    bench.snap.call("repair").run();
    let out = bench.fresh();
    bench.snap.call("restore").words("--to").arg(&out).run().expect(3);
    assert!(!out.join("home/a").exists());
    assert!(fs::read(out.join("home/b")).unwrap() == fs::read(bench.home.path("b")).unwrap());
    save(&bench, "");
    bench.assert_restores();
    assert_same_below(&bench.sources(), &recovered(&bench, 3), Level::Tar);
}

#[test]
fn the_number_of_threads_changes_no_byte_of_patches() {
    let made = |threads: &str| {
        let bench = Bench::new();
        let mut bytes = Vec::new();
        for number in 1..=3 {
            for file in 0..6_u64 {
                let content = [text(file, 100_000), noise(number * 10 + file, 500 * number as usize)].concat();
                bench.home.file(format!("f{file}"), content).mtime(format!("f{file}"), number as i64, 0);
            }
            bench.home.mtime("", number as i64, 0);
            let time = format!("--time 2026-01-0{number}T00:00:00Z");
            save(&bench, &format!("--patch-from 64K --level 3 --threads {threads} {time}"));
            for bundle in bundles_of(bench.snap.archive(), number as usize) {
                let list =
                    run(&mut shell("zstd -dc \"$1\" | tar -xOf - --wildcards '.snap-apply/*.patch'", &[&bundle]));
                bytes.extend(list.stdout);
            }
        }
        bytes
    };
    let one = made("1");
    assert!(one.len() > 1000 && one == made("4"));
}

#[test]
fn pruning_keeps_what_patches_are_applied_to() {
    let bench = Bench::new();
    bench.home.file("large", noise(1, 300_000)).file("gone", noise(2, 300_000)).file("small", "1");
    save(&bench, "--patch-from 64K");
    for number in 0..4_u64 {
        bench.home.append("large", number.to_string()).file("small", number.to_string());
        bench.home.file("other", noise(10 + number, 100_000));
        if number < 2 {
            bench.home.append("gone", number.to_string());
        }
        save(&bench, "");
    }
    bench.home.remove("gone").remove("large").file("large", noise(7, 200_000)).append("other", "more");
    save(&bench, "");
    bench.snap.call("forget").words("1 2 3 4").ok();
    bench.snap.call("prune").words("--max-unused 0").ok();
    bench.snap.call("verify").words("--data").ok();
    bench.assert_restores();
    assert_same_below(&bench.sources(), &recovered(&bench, 6), Level::Tar);
    assert_same_below(&bench.restored(5), &recovered(&bench, 5), Level::Tar);
}

#[test]
fn older_bytes_that_are_not_those_that_were_saved_are_nothing_to_make_a_patch_from() {
    let bench = Bench::new();
    // What does not compress stands as it is in the bundle: a wrong byte decodes, and only checksum and hash tell.
    bench.home.file("large", noise(1, 3 << 20));
    save(&bench, "");
    let first = bundles_of(bench.snap.archive(), 1).remove(0);
    let mut bytes = fs::read(&first).unwrap();
    bytes[1 << 20] ^= 1;
    fs::write(&first, &bytes).unwrap();
    bench.home.append("large", "more");
    save(&bench, "");
    assert!(!has_patches(&bundles_of(bench.snap.archive(), 2)[0]));
    assert_same_below(&bench.sources(), &bench.restored(2), Level::Everything);
}

#[test]
fn a_file_with_the_time_that_it_had_and_other_bytes_is_patched_and_one_that_was_touched_is_not_stored() {
    let bench = Bench::new();
    let mut content = noise(1, 3 << 20);
    bench.home.file("large", &content).mtime("large", 1_000_000_000, 0);
    save(&bench, "");
    content[2 << 20] ^= 1;
    bench.home.file("large", &content).mtime("large", 1_000_000_000, 0);
    save(&bench, "");
    assert!(has_patches(&bundles_of(bench.snap.archive(), 2)[0]) && added(&bench, 2) < 40_000);
    bench.assert_restores();
    for time in [1_000_000_001, 1_000_000_002] {
        bench.home.mtime("large", time, 0);
        save(&bench, "");
        let newest = bench.snap.snapshots();
        assert!(!has_patches(&bundles_of(bench.snap.archive(), newest)[0]) && added(&bench, newest) < 5000);
        bench.assert_restores();
    }
    content.truncate(2 << 20);
    bench.home.file("large", &content);
    save(&bench, "");
    assert!(has_patches(&bundles_of(bench.snap.archive(), 5)[0]) && added(&bench, 5) < 5000);
    bench.assert_restores();
}

#[test]
fn only_what_changed_is_stored_where_the_drive_is_done_sooner_so() {
    let written = |read, written| {
        let scene = Scene::new();
        scene.home.file("large", noise(1, 3 << 20));
        scene.save();
        scene.home.append("large", "more");
        let drive_speed = Some(DriveSpeed { read, written });
        scene.save_with(&|options| CreateOptions { drive_speed, ..options }).unwrap().bytes_written
    };
    assert!(written(30e6, 10e6) < 10_000, "it is read more quickly than it is written");
    assert!(written(5e6, 10e6) > 3 << 20, "reading what was there takes longer than writing it anew");
}

#[test]
fn stock_tools_name_what_cannot_be_made_from_damaged_contents_and_bring_back_all_else() {
    let bench = Bench::new();
    bench.home.file("large", noise(1, 300_000));
    save(&bench, "--patch-from 64K");
    bench.home.file("other", noise(2, 300_000));
    save(&bench, "");
    // A piece in the middle is made from what will be damaged.
    let mut content = noise(1, 300_000);
    content[150_000..150_010].fill(1);
    bench.home.file("large", content).append("other", "more").file("new", "n");
    save(&bench, "");
    assert!(has_patches(&bundles_of(bench.snap.archive(), 3)[0]));
    let first = bundles_of(bench.snap.archive(), 1).remove(0);
    let mut bytes = fs::read(&first).unwrap();
    bytes[140_000..160_000].fill(7);
    fs::write(&first, &bytes).unwrap();
    let out = bench.fresh();
    let named = ["could not be unpacked whole", "left as it is: ./home/large"];
    recover(bench.snap.archive(), &bench.path("tools"), &[out.as_os_str()]).expect(1).expect_said(&named);
    for name in ["other", "new"] {
        assert!(fs::read(out.join("home").join(name)).unwrap() == fs::read(bench.home.path(name)).unwrap(), "{name}");
    }
}

#[test]
fn a_run_that_is_cut_off_anywhere_between_parts_with_patches_leaves_what_the_next_one_builds_on() {
    let scene = Scene::new();
    let rules = || Some(Rules { patch_from: Some(64 << 10), ..Rules::default() });
    for number in 0..3 {
        scene.home.file(format!("f{number}"), text(number, 100_000));
    }
    scene.save_with(&|options| CreateOptions { rules: rules(), ..options }).unwrap();
    for number in 0..3 {
        scene
            .home
            .append(format!("f{number}"), noise(9 + number, 30_000))
            .file(format!("g{number}"), noise(20 + number, 60_000));
    }
    let create_in = |store: Arc<dyn Store>, part_bytes_max| {
        let options = CreateOptions { part_bytes_max, rules: rules(), ..options(scene.home.root()) };
        Archive::open_store(store).and_then(|archive| create(&archive, &options, &Recorder::new()))
    };
    let mut parts = 0;
    for at in 0.. {
        let left = in_memory(&scene.store);
        let faulty = FaultyStore::new(Arc::new(left.clone()), at, Fault::Crash);
        let is_done = create_in(faulty, 80_000).is_ok();
        parts = parts.max(left.list("bundles").unwrap().len() - 1);
        create_in(Arc::new(left.clone()), 1 << 30).unwrap();
        let archive = Archive::open_store(Arc::new(left.clone())).unwrap();
        let newest = *history(&archive).last().unwrap();
        assert_restores(&archive, newest, &scene.path("sources"));
        if at % 7 == 0 {
            assert_replays(&left, newest, &scene.path("sources"));
        }
        if is_done {
            break;
        }
    }
    assert!(parts > 2, "{parts}");
}
