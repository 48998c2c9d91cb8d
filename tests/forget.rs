//! `snap forget`, `snap keep` and `snap prune`, as a person meets them.

use crate::support::bench::Bench;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::replay::recover;
use crate::support::replay::stock_replay;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Five snapshots, a day apart, each with a file of its own that the next one has no more, and copies of the source.
fn five() -> (Bench, Vec<PathBuf>) {
    let bench = Bench::new();
    let mut copies = Vec::new();
    bench
        .home
        .file("stays", noise(99, 3000))
        .file("grows", "0")
        .file("x/link", noise(98, 2000))
        .hard_link("x/link", "y");
    for day in 1..=5_u64 {
        bench.home.file(format!("only-{day}"), noise(day, 50_000)).append("grows", noise(50 + day, 300));
        if day > 1 {
            bench.home.remove(format!("only-{}", day - 1));
        }
        if day == 3 {
            bench.home.remove("x").file("x", "a file now");
        }
        let time = format!("2026-03-0{day}T12:00:00Z");
        bench
            .snap
            .call("create")
            .words("--note")
            .arg(format!("day {day}"))
            .words("--time")
            .arg(time)
            .arg(bench.home.root())
            .ok();
        let copy = bench.path(&format!("copy-{day}"));
        crate::support::bench::copy_exactly(bench.sources().as_path(), &copy);
        copies.push(copy);
    }
    (bench, copies)
}

fn numbers(bench: &Bench, words: &str) -> Vec<u64> {
    let document = bench.snap.call("list").words("--json").words(words).ok().json().remove(0);
    document["snapshots"].as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap()).collect()
}

#[track_caller]
fn assert_all_as_kept(bench: &Bench, copies: &[PathBuf], kept: &[usize]) {
    for number in kept {
        let out = tempfile::tempdir().unwrap();
        let expected = &copies[number - 1];
        bench.snap.restore(&out.path().join("snap"), *number);
        assert_same_below(expected, &out.path().join("snap"), Level::Everything);
        stock_replay(bench.snap.archive(), *number, &out.path().join("stock"));
        assert_same_below(expected, &out.path().join("stock"), Level::Stock);
        let script = out.path().join("script");
        let args = [OsStr::new(&number.to_string()).to_owned(), script.clone().into_os_string()];
        recover(bench.snap.archive(), &out.path().join("tools"), &[&args[0], &args[1]]).expect_ok();
        assert_same_below(expected, &script, Level::Stock);
    }
    bench.snap.call("verify").words("--data").ok();
}

#[test]
fn what_is_forgotten_is_refused_with_that_word_until_it_is_taken_back() {
    let (bench, copies) = five();
    bench.snap.call("forget").words("2 4").ok();
    assert_eq!(numbers(&bench, ""), [1, 3, 5]);
    assert_eq!(numbers(&bench, "--forgotten"), [1, 2, 3, 4, 5]);
    let out = bench.path("out");
    for words in ["ls --at 2", "cat --at 2 home/grows", "diff 2", "du --at 2", "export --at 2 --output x.tar.zst"] {
        let mut words = words.split(' ');
        let call = bench.snap.call(words.next().unwrap()).args(&words.collect::<Vec<_>>());
        let told = call.fails(1).err();
        assert!(told.contains("snapshot 2 was forgotten"), "{told}");
        assert!(told.contains("snap forget --undo 2"), "{told}");
    }
    let told = bench.snap.call("restore").words("--at 2 --to").arg(&out).fails(1).err();
    assert!(told.contains("was forgotten") && !out.exists(), "{told}");
    let told = recover(bench.snap.archive(), &bench.path("tools"), &[OsStr::new("2"), out.as_os_str()]).expect(1).err();
    assert!(told.contains("snapshot 2 was forgotten") && !out.exists(), "{told}");
    // Words for a time mean snapshots that are there.
    let at = |when: &str| bench.snap.call("ls").words("--json --at").arg(when).arg("home").ok().out();
    assert!(at("2026-03-02 13:00").contains("only-1") && at("-1").contains("only-3"));
    // What was there only then was never there.
    assert_eq!(bench.snap.call("find").words("--json only-*").ok().json().len(), 3);
    let log = bench.snap.call("log").words("--json home/only-2").fails(1).err();
    assert!(log.contains("is in no snapshot"), "{log}");
    assert_all_as_kept(&bench, &copies, &[1, 3, 5]);
    bench.snap.call("forget").words("--undo 2").ok();
    assert_eq!(numbers(&bench, ""), [1, 2, 3, 5]);
    bench.snap.call("forget").words("--undo").ok();
    assert_eq!(numbers(&bench, ""), [1, 2, 3, 4, 5]);
    assert!(!bench.snap.archive().join("marks.txt").exists());
    assert_all_as_kept(&bench, &copies, &[2, 4]);
}

#[test]
fn the_newest_and_what_is_marked_cannot_be_forgotten() {
    let (bench, _) = five();
    let told = bench.snap.call("forget").words("5").fails(1).err();
    assert!(told.contains("the newest always stays"), "{told}");
    bench.snap.call("keep").words("2").ok();
    let told = bench.snap.call("forget").words("1..3").fails(1).err();
    assert!(told.contains("marked to be kept") && told.contains("snap keep --undo 2"), "{told}");
    assert_eq!(numbers(&bench, ""), [1, 2, 3, 4, 5], "nothing was forgotten");
    bench.snap.call("forget").words("--keep-last 1").ok();
    assert_eq!(numbers(&bench, ""), [2, 5]);
    bench.snap.call("keep").words("--undo 2").ok();
    bench.snap.call("forget").words("2").ok();
    assert_eq!(numbers(&bench, ""), [5]);
    bench.snap.call("forget").fails(1);
    bench.snap.call("forget").words("7").fails(1);
    bench.snap.call("keep").words("2").fails(1);
}

#[test]
fn a_dry_run_shows_by_which_rule_each_stays_and_writes_nothing() {
    let (bench, _) = five();
    let dry = bench.snap.call("forget").words("--dry-run --json --keep-daily 2 --keep-note").arg("day 1").ok();
    let document = dry.json().remove(0);
    assert_eq!(document["forgotten"], serde_json::json!([2, 3]));
    let reasons: Vec<String> =
        document["snapshots"].as_array().unwrap().iter().map(|one| one["reasons"].to_string()).collect();
    assert_eq!(reasons[0], r#"[{"of":"day 1","rule":"note"}]"#);
    assert_eq!(reasons[4], r#"[{"rule":"newest"},{"rule":"daily"}]"#);
    assert_eq!(numbers(&bench, ""), [1, 2, 3, 4, 5]);
    let freed = document["freed_bytes"].as_u64().unwrap();
    let before = bundle_bytes(&bench);
    bench.snap.call("forget").words("--keep-daily 2 --keep-note").arg("day 1").ok();
    bench.snap.call("prune").ok();
    let came_back = before - bundle_bytes(&bench);
    assert!(came_back.abs_diff(freed) < before / 50, "{freed} were said, {came_back} came back");
}

fn bundle_bytes(bench: &Bench) -> u64 {
    crate::support::replay::bundles(bench.snap.archive()).iter().map(|path| path.metadata().unwrap().len()).sum()
}

#[test]
fn pruning_gives_space_back_and_keeps_every_kept_snapshot_exact() {
    let (bench, copies) = five();
    let before = bundle_bytes(&bench);
    bench.snap.call("forget").words("1 2 4").ok();
    bench.snap.call("prune").words("--dry-run").ok();
    assert_eq!(bundle_bytes(&bench), before);
    let report = bench.snap.call("prune").words("--json").ok().json().remove(0);
    let joined: Vec<u64> =
        report["bundles"].as_array().unwrap().iter().map(|one| one["joined"].as_u64().unwrap()).collect();
    assert_eq!(joined, [0, 1], "the first two are one now");
    assert!(bundle_bytes(&bench) < before * 5 / 10, "{} of {before}", bundle_bytes(&bench));
    assert_all_as_kept(&bench, &copies, &[3, 5]);
    // The index can be made again, with or without the file that says what was forgotten.
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    assert_all_as_kept(&bench, &copies, &[3, 5]);
    fs::remove_file(bench.snap.archive().join("marks.txt")).unwrap();
    assert_eq!(numbers(&bench, ""), [3, 5]);
    for words in ["ls --at 1", "restore --at 4 --to x"] {
        let mut words = words.split(' ');
        let told = bench.snap.call(words.next().unwrap()).args(&words.collect::<Vec<_>>()).fails(1).err();
        assert!(told.contains("pruned"), "{told}");
    }
    bench.snap.call("forget").words("--undo 4").fails(1);
    let target = bench.path("script");
    let told =
        recover(bench.snap.archive(), &bench.path("tools"), &[OsStr::new("2"), target.as_os_str()]).expect(1).err();
    assert!(told.contains("pruned"), "{told}");
    // The history goes on.
    bench.home.file("new", noise(7, 4000)).file("grows", "again");
    bench.snap.create(&[]);
    let copy = bench.path("copy-6");
    crate::support::bench::copy_exactly(bench.sources().as_path(), &copy);
    let copies = [copies, vec![copy]].concat();
    assert_all_as_kept(&bench, &copies, &[3, 5, 6]);
    bench.snap.call("forget").words("3").ok();
    bench.snap.call("prune").ok();
    assert_all_as_kept(&bench, &copies, &[5, 6]);
    let report = bench.snap.call("prune").words("--json").ok().json().remove(0);
    assert_eq!(report["bundles"], serde_json::json!([]));
}

#[test]
fn an_old_copy_of_bundles_that_is_put_back_is_no_damage() {
    let (bench, copies) = five();
    let archive = bench.snap.archive();
    let copy = bench.path("old-bundles");
    crate::support::bench::copy_exactly(&archive.join("bundles"), &copy);
    bench.snap.call("forget").words("1..4").ok();
    bench.snap.call("prune").ok();
    for item in fs::read_dir(&copy).unwrap() {
        let item = item.unwrap();
        fs::copy(item.path(), archive.join("bundles").join(item.file_name())).unwrap();
    }
    assert_all_as_kept(&bench, &copies, &[5]);
    bench.snap.call("prune").ok();
    assert_all_as_kept(&bench, &copies, &[5]);
}

/// Copies of an older copy of the archive what is chosen, over what is there.
fn put_back(old: &Path, archive: &Path, is_chosen: &dyn Fn(&str) -> bool) {
    for folder in ["", "bundles", "index"] {
        for item in fs::read_dir(old.join(folder)).unwrap() {
            let name = item.unwrap().file_name();
            let from = old.join(folder).join(&name);
            if from.is_file() && is_chosen(&format!("{folder}/{}", name.to_str().unwrap())) {
                fs::copy(from, archive.join(folder).join(&name)).unwrap();
            }
        }
    }
}

#[test]
fn an_old_copy_of_an_archive_that_is_put_back_over_a_pruned_one_is_told_apart() {
    let choices: [(&str, &dyn Fn(&str) -> bool); 5] = [
        ("all", &|_| true),
        ("index", &|name| name.starts_with("index/")),
        ("marks", &|name| name == "/marks.txt"),
        ("pruned bundle", &|name| name.starts_with("bundles/000004")),
        ("gone bundle", &|name| name.starts_with("bundles/000001")),
    ];
    for (what, is_chosen) in choices {
        let (bench, copies) = five();
        let (archive, old) = (bench.snap.archive(), bench.path("old-copy"));
        bench.snap.call("forget").words("3").ok();
        crate::support::bench::copy_exactly(archive, &old);
        bench.snap.call("forget").words("--undo").ok();
        bench.snap.call("forget").words("1 2 4").ok();
        bench.snap.call("prune").ok();
        bench.home.file("new", noise(7, 4000));
        bench.snap.create(&[]);
        let copies = [copies, vec![bench.copy()]].concat();
        put_back(&old, archive, is_chosen);
        for number in [3, 5, 6].into_iter().filter(|number| *number != 3 || !["all", "marks"].contains(&what)) {
            assert_same_below(&copies[number - 1], &bench.restored(number), Level::Everything);
        }
        // What was joined into another and is there again is named, by snap and by the script, and can be put aside.
        let is_stray = what == "gone bundle";
        let told = bench.snap.call("verify").words("--data").run();
        let out = told.out();
        let mut damaged = out.lines().filter(|line| line.starts_with("damaged: "));
        assert!(is_stray || damaged.all(|line| line.contains(" index/")), "{what}: {}", told.shown());
        if is_stray {
            assert!(told.said().contains("000001-"), "{what}: {}", told.shown());
            let target = bench.fresh();
            let told = recover(archive, &bench.path("tools"), &[OsStr::new("6"), target.as_os_str()]).expect(1).err();
            assert!(told.contains("was joined into"), "{what}: {told}");
        }
        bench.snap.call("repair").run();
        bench.snap.call("forget").words("--undo").run();
        bench.snap.call("prune").ok();
        assert_all_as_kept(&bench, &copies, &[3, 5, 6]);
    }
}

#[test]
fn a_damaged_file_of_marks_forgets_nothing_and_is_said() {
    let (bench, copies) = five();
    bench.snap.call("forget").words("2").ok();
    let marks = bench.snap.archive().join("marks.txt");
    let text = fs::read_to_string(&marks).unwrap();
    fs::write(&marks, text.replace("000002", "000005")).unwrap();
    assert_eq!(numbers(&bench, ""), [1, 2, 3, 4, 5]);
    for words in ["prune", "forget 1", "keep 1"] {
        let mut words = words.split(' ');
        let told = bench.snap.call(words.next().unwrap()).args(&words.collect::<Vec<_>>()).fails(1).err();
        assert!(told.contains("marks.txt") && told.contains("snap repair"), "{told}");
    }
    let told = bench.snap.call("verify").run().expect(3).out();
    assert!(told.contains("marks.txt"), "{told}");
    bench.snap.call("repair").run();
    assert!(!marks.exists() && bench.snap.archive().join("damaged/marks.txt").exists());
    assert_all_as_kept(&bench, &copies, &[1, 2, 5]);
}

#[test]
fn a_file_of_marks_that_was_made_to_deceive_never_forgets_the_newest() {
    let (bench, copies) = five();
    bench.snap.call("forget").words("1..4").ok();
    let archive = bench.snap.archive();
    let bundles = crate::support::replay::bundles(archive);
    // The newest is gone: what was forgotten last is the newest now.
    fs::remove_file(bundles.last().unwrap()).unwrap();
    fs::remove_dir_all(archive.join("index")).unwrap();
    assert_eq!(numbers(&bench, ""), [4]);
    assert_all_as_kept(&bench, &copies, &[4]);
    bench.snap.call("prune").ok();
    assert_all_as_kept(&bench, &copies, &[4]);
}

#[test]
fn what_fits_a_pattern_in_any_snapshot_is_erased_and_shown_before() {
    let bench = Bench::new();
    bench.home.file("a.key", noise(1, 9_000)).file("keys/old.key", noise(2, 9_000)).file("keys/[x].txt", noise(3, 900));
    bench.home.file("keys/x.txt", noise(4, 900));
    bench.snap.create(&[bench.home.root()]);
    bench.home.remove("keys/old.key").file("deep/er/new.key", noise(5, 9_000));
    bench.snap.create(&[]);
    bench.snap.call("forget").words("1").ok();
    let dry = |pattern: &str| bench.snap.call("erase").arg(pattern).words("--dry-run --json").ok().json().remove(0);
    let all = serde_json::json!(["home/a.key", "home/deep/er/new.key", "home/keys/old.key"]);
    for pattern in ["*.key", "home/**/*.key"] {
        assert_eq!(dry(pattern)["paths"], all, "{pattern}");
    }
    assert_eq!(dry("home/*.key")["paths"], serde_json::json!(["home/a.key"]));
    assert_eq!(
        dry("home/keys/[x].txt")["paths"],
        serde_json::json!(["home/keys/[x].txt"]),
        "a name goes before a pattern"
    );
    assert_eq!(dry("home/keys/[w-z].txt")["paths"], serde_json::json!(["home/keys/x.txt"]));
    let shown = bench.snap.call("erase").arg("*.key").words("--dry-run").ok().out();
    assert!(shown.starts_with("  home/a.key\n  home/deep/er/new.key\n  home/keys/old.key\n3 versions"), "{shown}");
    let told = bench.snap.call("erase").arg("*.pem").words("--yes").fails(1).err();
    assert!(told.contains("nothing in any snapshot fits '*.pem'"), "{told}");
    bench.snap.call("erase").arg("*.key").words("--yes").ok();
    let listed = bench.snap.call("ls").words("-R").ok().out();
    assert!(listed.contains("home/a.key (pruned)") && listed.contains("home/deep/er/new.key (pruned)"), "{listed}");
    assert!(listed.contains("home/keys/x.txt\n"), "{listed}");
    bench.snap.call("verify").words("--data").ok();
}

#[test]
fn what_is_erased_is_in_no_snapshot_and_all_else_is_as_it_was() {
    let bench = Bench::new();
    bench.home.file("secret/key", noise(1, 40_000)).file("stays", noise(2, 3000)).file("copy", noise(3, 900));
    bench.home.file("secret/twin", noise(4, 20_000)).hard_link("secret/twin", "outside");
    bench.snap.create(&[bench.home.root()]);
    bench.home.file("secret/key", noise(5, 41_000)).file("stays", noise(6, 3000)).file("secret/copied", noise(3, 900));
    bench.snap.create(&[]);
    bench.snap.call("erase").words("home/nothing --yes").fails(1);
    let told = bench.snap.call("erase").words("home/secret --yes").fails(1).err();
    assert!(told.contains("home/outside") && told.contains("Name them, too"), "{told}");
    let told = bench.snap.call("erase").words("home/secret home/outside").fails(1).err();
    assert!(told.contains("no terminal to ask on"), "{told}");
    let dry = bench.snap.call("erase").words("home/secret home/outside --dry-run --json").ok().json().remove(0);
    assert_eq!((&dry["contents"], &dry["other_copies"]), (&4.into(), &serde_json::json!(["home/copy"])), "{dry}");
    let before = bundle_bytes(&bench);
    let told = bench.snap.call("erase").words("home/secret home/outside --yes").ok().out();
    assert!(told.contains("saves them again"), "{told}");
    assert!(before - bundle_bytes(&bench) > 100_000);
    bench.snap.call("verify").words("--data").ok();
    for path in crate::support::replay::bundles(bench.snap.archive()) {
        let raw =
            crate::support::command::run(crate::support::command::program("zstd").args(["-dc"]).arg(path)).expect_ok();
        for secret in [noise(1, 64), noise(4, 64), noise(5, 64)] {
            assert!(!raw.stdout.windows(64).any(|part| part == secret), "it is still there");
        }
    }
    let listed = bench.snap.call("ls").words("-R --at 1").ok().out();
    assert!(listed.contains("home/secret/key (pruned)"), "{listed}");
    let out = bench.path("out");
    let told = bench.snap.call("restore").words("--at 1 --to").arg(&out).run().expect(3).err();
    assert!(told.contains("taken out of the archive"), "{told}");
    assert_eq!(fs::read(out.join("home/stays")).unwrap(), noise(2, 3000));
    let replayed = bench.path("replayed");
    stock_replay(bench.snap.archive(), 2, &replayed);
    assert_eq!(fs::read(replayed.join("home/stays")).unwrap(), noise(6, 3000));
    assert_eq!(fs::read(replayed.join("home/secret/key")).unwrap(), b"");
    // What is still on the computer is saved again.
    bench.snap.create(&[]);
    let restored = bench.path("restored");
    bench.snap.restore(&restored, 0);
    assert_same_below(&bench.sources(), &restored, Level::Everything);
    bench.snap.call("verify").words("--data").ok();
}

/// Three snapshots of a large file that grows, so that the bundles have only what changed, and moves with its folder; and of others.
fn with_patches() -> (Bench, Vec<PathBuf>) {
    let bench = Bench::new();
    let mut copies = Vec::new();
    for day in 1..=4_u64 {
        if day == 3 {
            bench.home.rename("work", "done").rename("plain", "moved");
        }
        let folder = if day < 3 { "work" } else { "done" };
        for name in ["secret", "other"] {
            let grown: Vec<u8> = (0..=day).flat_map(|part| noise(part + name.len() as u64 * 10, 500_000)).collect();
            bench.home.file(format!("{folder}/{name}.db"), grown);
        }
        bench.home.file(format!("{folder}/day-{day}"), noise(80 + day, 900)).file("notes", noise(90 + day, 5000));
        if day == 1 {
            bench.home.file("plain", noise(70, 9000)).file("work/gone", "soon").symlink("work/sec-link", "secret.db");
        } else if day == 2 {
            bench.home.remove("work/gone").mode("work/secret.db", 0o600);
        }
        bench.snap.create(&[bench.home.root()]);
        let copy = bench.path(&format!("copy-{day}"));
        crate::support::bench::copy_exactly(bench.sources().as_path(), &copy);
        copies.push(copy);
    }
    (bench, copies)
}

/// The raw bytes of all bundles.
fn raw_bundles(bench: &Bench) -> Vec<Vec<u8>> {
    let raw = |path: &PathBuf| {
        let mut zstd = crate::support::command::program("zstd");
        crate::support::command::run(zstd.args(["-dc"]).arg(path)).expect_ok().stdout
    };
    crate::support::replay::bundles(bench.snap.archive()).iter().map(raw).collect()
}

#[test]
fn versions_that_are_stored_as_changes_can_be_erased() {
    let (bench, copies) = with_patches();
    let patches = |bench: &Bench| -> usize {
        raw_bundles(bench).iter().map(|raw| raw.windows(7).filter(|part| *part == b"\"patch\"").count()).sum()
    };
    let all = patches(&bench);
    assert!(all >= 4 && all % 2 == 0, "{all}");
    let told = bench.snap.call("erase").words("home/work/secret.db --yes").fails(1).err();
    assert!(told.contains("home/done/secret.db"), "{told}");
    bench.snap.call("erase").words("home/work/secret.db home/done/secret.db --yes").ok();
    assert_eq!(patches(&bench), all / 2);
    bench.snap.call("verify").words("--data").ok();
    for number in 1..=4 {
        let folder = if number < 3 { "work" } else { "done" };
        let (out, stock) = (bench.path(&format!("out-{number}")), bench.path(&format!("stock-{number}")));
        let told = bench.snap.call("restore").words("--at").arg(number.to_string()).words("--to").arg(&out).run();
        assert!(told.expect(3).err().contains("taken out of the archive"));
        stock_replay(bench.snap.archive(), number, &stock);
        assert_eq!(fs::read(stock.join(format!("home/{folder}/secret.db"))).unwrap(), b"");
        for name in [format!("{folder}/other.db"), "notes".to_owned(), format!("{folder}/day-1")] {
            let expected = fs::read(copies[number - 1].join("home").join(&name)).unwrap();
            for found in [&out, &stock] {
                assert!(fs::read(found.join("home").join(&name)).unwrap() == expected, "{name} in {number}");
            }
        }
    }
    // What is still on the computer is saved again, and whole.
    bench.snap.create(&[]);
    let restored = bench.path("restored");
    bench.snap.restore(&restored, 0);
    assert_same_below(&bench.sources(), &restored, Level::Everything);
}

#[test]
fn names_that_are_erased_are_nowhere_and_all_else_is_as_it_was() {
    let (bench, copies) = with_patches();
    let told = bench.snap.call("erase").words("home --names --yes").fails(1).err();
    assert!(told.contains("that of a source"), "{told}");
    let told = bench.snap.call("erase").words("home/plain --names --yes").fails(1).err();
    assert!(told.contains("home/moved"), "{told}");
    let paths = "home/work/secret.db home/done/secret.db home/work/gone home/plain home/moved home/work/sec-link home/done/sec-link";
    bench.snap.call("erase").words(paths).words("--names --yes").ok();
    bench.snap.call("verify").words("--data").ok();
    for raw in raw_bundles(&bench) {
        for name in [&b"secret.db"[..], b"/gone", b"/plain", b"/moved\"", b"sec-link"] {
            assert!(!raw.windows(name.len()).any(|part| part == name), "{}", String::from_utf8_lossy(name));
        }
    }
    for (number, copy) in copies.iter().enumerate() {
        let folders = ["home", if number < 2 { "home/work" } else { "home/done" }].map(|folder| copy.join(folder));
        let times = folders.map(|folder| (folder.clone(), folder.metadata().unwrap().modified().unwrap()));
        for name in
            ["work/secret.db", "done/secret.db", "work/gone", "plain", "moved", "work/sec-link", "done/sec-link"]
        {
            let _ = fs::remove_file(copy.join("home").join(name));
        }
        // The times of folders are what they were.
        for (folder, time) in times {
            fs::File::open(folder).unwrap().set_modified(time).unwrap();
        }
        let out = bench.path(&format!("out-{number}"));
        bench.snap.restore(&out, number + 1);
        assert_same_below(copy, &out, Level::Everything);
        let stock = bench.path(&format!("stock-{number}"));
        stock_replay(bench.snap.archive(), number + 1, &stock);
        assert_same_below(copy, &stock, Level::Stock);
    }
    // The index is made again from the bundles, and the history goes on.
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    bench.snap.call("verify").words("--data").ok();
    bench.snap.create(&[]);
    let restored = bench.path("restored");
    bench.snap.restore(&restored, 0);
    assert_same_below(&bench.sources(), &restored, Level::Everything);
}

#[test]
fn the_script_that_measures_pruning_works_in_small() {
    let directory = tempfile::tempdir().unwrap();
    let repository = Tree::at(directory.path().join("repository"));
    let git = |words: &[&str]| {
        let mut git = program("git");
        git.arg("-C").arg(repository.root()).args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(words);
        run(&mut git).expect_ok();
    };
    if program("git").arg("--version").output().is_err() || program("python3").arg("--version").output().is_err() {
        return crate::support::command::skipped("git or python3 is missing");
    }
    git(&["init", "-q"]);
    for number in 0..8 {
        repository.file("a", noise(number, 3000)).file(format!("folder/{number}"), "x");
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", "x"]);
    }
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/bench-prune");
    let mut measure = program("python3");
    measure.arg(script).arg(repository.root()).args([
        "--snapshots",
        "7",
        "--tools",
        "snap",
        "--keep-last",
        "2",
        "--snap",
    ]);
    let told = run(measure.arg(crate::support::snap::BINARY)).expect_ok().out();
    assert!(told.starts_with("7 snapshots, 2 stay: --keep-last 2\n") && told.contains("\nsnap "), "{told}");
}
