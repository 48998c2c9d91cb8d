//! What `recover.sh` and the loops in the documents do without snap, for whom, and what they say where they cannot.

use crate::support::bench::Bench;
use crate::support::bench::give;
use crate::support::book::Book;
use crate::support::command::Outcome;
use crate::support::command::as_root;
use crate::support::command::as_user;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::inside::Scene;
use crate::support::inside::on_a_drive;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::replay::bundles;
use crate::support::replay::bundles_of;
use crate::support::replay::remove_manifest;
use crate::support::snap::Snap;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use rustix::fs::FileType;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

/// Modes of folders in which, or into which, their owner cannot go.
const MODES: [u32; 6] = [0o555, 0o500, 0o000, 0o444, 0o311, 0o1555];

/// The shells that the script has to work with, those of them that are installed.
pub(crate) fn shells() -> Vec<&'static str> {
    ["sh", "dash", "busybox sh"].into_iter().filter(|shell| installed(shell.split(' ').next().unwrap())).collect()
}

/// Runs a line as the ordinary user; as whoever runs the tests, when that is not root.
#[track_caller]
fn as_somebody(line: &str, words: &[&dyn AsRef<OsStr>]) -> Outcome {
    let mut command = shell(line, words);
    match as_user(&command) {
        Some(mut command) => run(&mut command),
        None => run(&mut command),
    }
}

/// Five snapshots of folders that their owner may not change, with changes in, below and around them.
fn save_read_only_history(bench: &Bench) {
    let home = &bench.home;
    let folders: Vec<String> = MODES.iter().map(|mode| format!("it's {mode:o}\n ")).collect();
    let close = |at: i64| {
        for (mode, folder) in MODES.iter().zip(&folders) {
            for folder in [format!("{folder}/sub"), folder.clone()] {
                if home.path(&folder).is_dir() {
                    home.mtime(&folder, 1_000_000_000 + at, 0).mode(&folder, *mode);
                }
            }
        }
        bench.save();
        for folder in &folders {
            for folder in [folder.clone(), format!("{folder}/sub")] {
                if home.path(&folder).is_dir() {
                    home.mode(&folder, 0o755);
                }
            }
        }
    };
    for folder in &folders {
        home.file(format!("{folder}/f"), "1")
            .file(format!("{folder}/sub/f"), "1")
            .symlink(format!("{folder}/l"), "/abs");
    }
    home.dir("kept").mode("kept", 0o555).mtime("kept", 1, 0);
    close(0);
    home.file("elsewhere", "x");
    close(0);
    for folder in &folders {
        home.file(format!("{folder}/f"), "22").remove(format!("{folder}/l")).symlink(format!("{folder}/l"), "../../x");
        home.file(format!("{folder}/sub/new"), "2");
    }
    close(7);
    for folder in &folders[..3] {
        home.remove(format!("{folder}/sub"));
    }
    home.remove(&folders[3]).file(&folders[3], "a file now").remove(&folders[4]);
    close(8);
    home.remove(&folders[3]).file(format!("{}/f", folders[3]), "back").rename(&folders[0], "moved");
    bench.save();
}

#[test]
fn an_ordinary_user_gets_folders_back_that_nobody_may_write_to_with_modes_and_times() {
    let bench = Bench::new();
    save_read_only_history(&bench);
    let expected: Vec<_> = (1..=5).map(|snapshot| bench.restored(snapshot)).collect();
    bench.give_to_user();
    for shell in shells() {
        for snapshot in 1..=5 {
            let out = bench.fresh();
            let line = format!("umask 077; {shell} \"$1\" {snapshot} \"$2\"");
            let script = bench.snap.archive().join("recover.sh");
            as_somebody(&line, &[&script, &out]).expect_silent();
            // Sticky is for root only to give back.
            run(&mut crate::support::command::shell("chmod -R -t \"$1\" \"$2\"", &[&out, &expected[snapshot - 1]]));
            assert_same_below(&expected[snapshot - 1], &out, Level::Tar);
        }
    }
}

/// The loop in a document: the lines from `out=` to `done`, without what they are set in from the left.
fn loop_in(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.iter().position(|line| line.trim_start().starts_with("out=")).unwrap();
    let length = lines[from..].iter().position(|line| line.trim() == "done").unwrap();
    let margin = lines[from].len() - lines[from].trim_start().len();
    let lines: Vec<&str> =
        lines[from..=from + length].iter().map(|line| line.get(margin..).unwrap_or_default()).collect();
    lines.join("\n") + "\n"
}

#[test]
fn the_loops_by_hand_in_all_documents_give_every_ordinary_user_every_snapshot() {
    let bench = Bench::new();
    save_read_only_history(&bench);
    let expected = bench.restored(5);
    bench.give_to_user();
    let odd = bench.path("10:30 o'clock");
    fs::rename(bench.snap.archive(), &odd).unwrap();
    for bundle in bundles(&odd) {
        let name = bundle.file_name().unwrap().to_str().unwrap();
        fs::copy(&bundle, bundle.with_file_name(name.replace(".tar.zst", " (1).tar.zst"))).unwrap();
    }
    give(&odd);
    let readme = fs::read_to_string(odd.join("README.txt")).unwrap();
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [front, guide] = ["README.md", "docs/guide.md"].map(|name| fs::read_to_string(top.join(name)).unwrap());
    for (text, [out_there, archive_there]) in [
        (&readme, ["/some/new/folder", "bundles/"]),
        (&front, ["/tmp/by-hand", "/tmp/my-archive/bundles/"]),
        (&guide, ["/home/ann/back", "/media/stick/archive/bundles/"]),
    ] {
        let lines = loop_in(text);
        assert!(
            lines.contains(&format!("out={out_there}\n")) && lines.contains(&format!(" {archive_there}")),
            "{lines}"
        );
        let (lines, out) = (lines.replace(out_there, "\"$2\"").replace(archive_there, "bundles/"), bench.fresh());
        as_somebody(&format!("cd \"$1\"\n{lines}"), &[&odd, &out]).expect_silent();
        remove_manifest(&out);
        assert_same_below(&expected, &out, Level::Stock);
    }
}

#[test]
fn what_tar_cannot_make_costs_itself_alone_and_is_said_at_the_end() {
    let bench = Bench::new();
    bench.home.deep_file(&vec![vec![b'd'; 250]; 20], b"leaf", b"deep").file("a", "1");
    if as_root() {
        bench.home.node("device", FileType::CharacterDevice, 1, 3);
    }
    bench.save();
    bench.home.file("b", "2");
    bench.save();
    bench.give_to_user();
    let out = bench.fresh();
    let outcome = as_somebody("sh \"$1\" \"$2\"", &[&bench.snap.archive().join("recover.sh"), &out]).expect(1);
    let err = outcome.err();
    assert!(
        err.contains("File name too long") && err.lines().last().unwrap().contains("but for"),
        "{}",
        outcome.shown()
    );
    assert!(!as_root() || err.contains("home/device"), "{}", outcome.shown());
    assert_eq!(fs::read(out.join("home/a")).unwrap(), b"1");
    assert_eq!(fs::read(out.join("home/b")).unwrap(), b"2");
}

/// Three snapshots, one file more in each.
fn three() -> Bench {
    let bench = Bench::new();
    for number in 1..=3 {
        bench.home.file(number.to_string(), noise(number, 3000));
        bench.save();
    }
    bench
}

#[track_caller]
fn recovered(bench: &Bench, args: &[&OsStr]) -> Outcome {
    run(program("sh").arg(bench.snap.archive().join("recover.sh")).args(args))
}

#[test]
fn bundles_that_are_damaged_or_missing_are_named_and_the_others_unpacked() {
    let bench = three();
    let second = bundles_of(bench.snap.archive(), 2).remove(0);
    let whole = fs::read(&second).unwrap();
    let garbage = [&whole[..40], &[7; 300], &whole[340..]].concat();
    for damaged in [&whole[..whole.len() / 2], &[], &garbage] {
        fs::write(&second, damaged).unwrap();
        let out = bench.fresh();
        let name = second.file_name().unwrap().to_str().unwrap();
        recovered(&bench, &[out.as_os_str()]).expect(1).expect_said(&[name]);
        assert!(out.join("home/1").exists() && out.join("home/3").exists());
    }
    fs::remove_file(&second).unwrap();
    let out = bench.fresh();
    recovered(&bench, &[out.as_os_str()]).expect(1).expect_said(&["between 1 and 3 are missing"]);
    assert!(out.join("home/3").exists());
    recovered(&bench, &["1".as_ref(), bench.fresh().as_os_str()]).expect_silent();
}

/// What `recover.sh` names as lost long before.
pub(crate) fn named_as_lost(outcome: &Outcome) -> Vec<String> {
    let said = outcome.said();
    let lines = said.lines().skip_while(|line| !line.contains("lost when the archive was damaged"));
    lines.filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect()
}

/// Three snapshots of an archive in which the first one's contents are noted as lost.
pub(crate) fn with_losses() -> Bench {
    let bench = Bench::new();
    let contents: Vec<Vec<u8>> = (0..5).map(|number| noise(number, 40_000)).collect();
    let names = ["it's 100% \"a\"", "changes", "goes", "folder/stays", "meta"];
    for (name, content) in names.iter().zip(&contents) {
        bench.home.file(name, content);
    }
    bench.save();
    bench.home.mode("meta", 0o600).file("changes", "another content");
    bench.save();
    bench.home.remove("goes").rename("folder", "renamed");
    bench.save();
    spoil(&bundles_of(bench.snap.archive(), 1)[0], &contents);
    bench.snap.call("repair").words("-q").run().expect(3);
    bench
}

/// Damages a bundle where contents of 20,016 bytes and more, which do not compress, stand.
pub(crate) fn spoil(bundle: &Path, contents: &[Vec<u8>]) {
    let mut bytes = fs::read(bundle).unwrap();
    for content in contents {
        let sample = &content[20_000..20_016];
        let at = bytes.windows(sample.len()).position(|window| window == sample).unwrap();
        bytes[at..at + 8].copy_from_slice(b"spoilt!!");
    }
    fs::write(bundle, bytes).unwrap();
}

#[test]
fn what_a_repair_noted_as_lost_is_named_until_it_is_saved_again_or_gone() {
    let bench = with_losses();
    let lost_at = |number: &str| {
        let outcome = recovered(&bench, &[number.as_ref(), bench.fresh().as_os_str()]).expect(1);
        let mut lost = named_as_lost(&outcome);
        lost.sort_unstable();
        lost
    };
    let all = ["home/changes", "home/folder/stays", "home/goes", "home/it's 100% \"a\"", "home/meta"];
    assert_eq!(lost_at("1"), all);
    assert_eq!(lost_at("2"), all[1..]);
    assert_eq!(lost_at("3"), ["home/it's 100% \"a\"", "home/meta", "home/renamed/stays"]);
    // What is still there is saved again, and is whole.
    bench.save();
    recovered(&bench, &[bench.fresh().as_os_str()]).expect_ok();
}

/// The names of each thing that has several, by the folders that they are in; what `stat` says of a symlink itself.
pub(crate) fn names_of_one(top: &Path) -> Vec<Vec<PathBuf>> {
    let mut names: BTreeMap<u64, Vec<PathBuf>> = BTreeMap::new();
    for item in walkdir::WalkDir::new(top).sort_by_file_name().into_iter().map(Result::unwrap) {
        let found = item.path().symlink_metadata().unwrap();
        if !found.is_dir() {
            names.entry(found.ino()).or_default().push(item.path().strip_prefix(top).unwrap().to_owned());
        }
    }
    let mut names: Vec<_> = names.into_values().collect();
    names.sort();
    names
}

#[test]
fn names_of_one_symlink_or_pipe_are_names_of_one_again() {
    let (bench, mut copies) = (Bench::new(), Vec::new());
    let saved = |bench: &Bench| {
        bench.save();
        bench.copy()
    };
    bench
        .home
        .symlink("link", "to")
        .fifo("pipe")
        .symlink("other", "there")
        .dir("d")
        .symlink("alone", "to")
        .file("f", "f");
    let odd: [&[u8]; 7] =
        [b"q\"uo", b"b\\s", b"new\nline", b"100%41", b"\xff\xfe", b"\x01\x7f", "d/\u{fc}ber".as_bytes()];
    for name in odd {
        bench.home.hard_link("link", name);
    }
    bench.home.hard_link("pipe", "d/pipe2").hard_link("other", "other2").hard_link("f", "d/g");
    bench.home.mtime("d", 1_000_000_000, 0);
    copies.push(saved(&bench));
    bench.home.rename("d", "e").remove("other2").hard_link("pipe", "pipe3").hard_link("other", "e/other3");
    bench.home.mtime("e", 1_100_000_000, 0);
    copies.push(saved(&bench));
    // One that is a file now, and one that names another place.
    bench.home.remove("pipe3").file("pipe3", "no pipe").remove("e/other3").symlink("e/other3", "elsewhere");
    copies.push(saved(&bench));
    for (number, copy) in (1..).zip(&copies) {
        let out = bench.fresh();
        recovered(&bench, &[number.to_string().as_ref(), out.as_os_str()]).expect_ok();
        assert_same_below(copy, &out, Level::Tar);
        assert_eq!(names_of_one(&out), names_of_one(copy), "snapshot {number}");
    }
}

#[test]
fn a_missing_part_is_named() {
    let bench = Bench::new();
    for number in 0..4 {
        bench.home.file(number.to_string(), noise(number, 900_000));
    }
    bench.snap.call("create").words("--max-part 1MiB").arg(bench.home.root()).ok();
    let parts = bundles_of(bench.snap.archive(), 1);
    assert!(parts.len() > 2);
    recovered(&bench, &[bench.fresh().as_os_str()]).expect_silent();
    fs::remove_file(&parts[0]).unwrap();
    recovered(&bench, &[bench.fresh().as_os_str()]).expect(1).expect_said(&["part 1 of"]);
}

#[test]
fn two_histories_in_one_folder_are_refused_before_anything_is_unpacked() {
    let bench = three();
    let third = bundles_of(bench.snap.archive(), 3).remove(0);
    let name = third.file_name().unwrap().to_str().unwrap();
    for other in [name.replace("-2", "-1"), name.replace(".tar.zst", ".0001.tar.zst").replace("-2", "-3")] {
        let other = third.with_file_name(other);
        fs::copy(&third, &other).unwrap();
        let out = bench.fresh();
        recovered(&bench, &[out.as_os_str()]).expect(1).expect_said(&["two histories"]);
        assert!(!out.exists());
        // What is older is one history.
        recovered(&bench, &["2".as_ref(), bench.fresh().as_os_str()]).expect_silent();
        fs::remove_file(&other).unwrap();
    }
}

/// An archive of one history in a folder of its own: its description, and these bundles.
fn alone(bench: &Bench, bundles: &[PathBuf]) -> Snap {
    let folder = bench.fresh();
    fs::create_dir_all(folder.join("bundles")).unwrap();
    fs::copy(bench.snap.archive().join("archive.toml"), folder.join("archive.toml")).unwrap();
    for bundle in bundles {
        fs::copy(bundle, folder.join("bundles").join(bundle.file_name().unwrap())).unwrap();
    }
    Snap::new(folder)
}

#[test]
fn two_histories_in_one_folder_are_told_apart_and_both_can_be_read() {
    let bench = Bench::new();
    bench.home.file("f", "both");
    bench.save();
    let copy = alone(&bench, &bundles(bench.snap.archive()));
    let (mut ends, mut histories) = (Vec::new(), Vec::new());
    // The times cross each other: 2 is older here, 3 is older there.
    for (snap, times) in [(&bench.snap, ["01", "05", ""]), (&copy, ["02", "03", "06"])] {
        for day in times.iter().filter(|day| !day.is_empty()) {
            bench.home.file(format!("of-{day}"), "one history alone");
            let time = format!("--time 2030-01-{day}T00:00:00Z");
            snap.call("create").words(&time).arg(bench.home.root()).ok();
        }
        ends.push(bench.copy());
        histories.push(bundles(snap.archive()));
    }
    let all: Vec<PathBuf> = histories.concat();
    for knows in [None, Some(0), Some(1)] {
        let mixed = alone(&bench, &all);
        if let Some(known) = knows {
            let from = if known == 0 { bench.snap.archive() } else { copy.archive() }.join("index");
            fs::create_dir(mixed.archive().join("index")).unwrap();
            for file in fs::read_dir(from).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), mixed.archive().join("index").join(file.file_name())).unwrap();
            }
        }
        let used = knows.unwrap_or(0);
        let listed = mixed.call("list").run();
        assert_eq!(listed.status, 3);
        listed.expect_said(&["two histories were mixed"]);
        let out = bench.fresh();
        mixed.call("restore").words("-q --to").arg(&out).run();
        assert_same_below(&ends[used], &out, Level::Everything);
        mixed.call("create").arg(bench.home.root()).fails(1);
        assert_eq!(mixed.call("repair").run().status, 0);
        mixed.call("list").ok();
        mixed.call("verify").words("--data").ok();
        // The other one was set aside, and is read from a folder of its own.
        let other = histories[1 - used].iter().map(|bundle| {
            let aside = mixed.archive().join("damaged").join(bundle.file_name().unwrap());
            if aside.exists() { aside } else { bundle.clone() }
        });
        let other = alone(&bench, &other.collect::<Vec<_>>());
        other.call("list").ok();
        let out = bench.fresh();
        other.call("restore").words("-q --to").arg(&out).ok();
        assert_same_below(&ends[1 - used], &out, Level::Everything);
    }
}

#[test]
fn a_bundle_of_another_archive_is_no_part_of_the_history() {
    let (bench, other) = (three(), three());
    let [own, alien] = [&bench, &other].map(|bench| bundles_of(bench.snap.archive(), 2).remove(0));
    fs::remove_file(&own).unwrap();
    fs::copy(&alien, own.with_file_name(alien.file_name().unwrap())).unwrap();
    recovered(&bench, &[bench.fresh().as_os_str()]).expect(1).expect_said(&["another archive"]);
}

#[test]
fn copies_of_bundles_are_left_out_with_a_word() {
    let bench = three();
    let archive = bench.snap.archive();
    let last = bundles_of(archive, 3).remove(0);
    let name = last.file_name().unwrap().to_str().unwrap();
    for copy in [" (1).tar.zst", " - Copy.tar.zst", ".copy.tar.zst", ".00001.tar.zst"] {
        fs::copy(&last, archive.join("bundles").join(name.replace(".tar.zst", copy))).unwrap();
    }
    fs::copy(&last, archive.join("bundles").join(format!("Copy of {name}"))).unwrap();
    let out = bench.fresh();
    let outcome = recovered(&bench, &[out.as_os_str()]).expect_ok();
    assert_eq!(outcome.err().matches("copy?").count(), 5, "{}", outcome.shown());
    assert_eq!(outcome.out().matches("unpacking").count(), 3, "{}", outcome.shown());
    assert_same_below(&bench.sources(), &out, Level::Stock);
}

#[test]
fn help_and_mistakes_touch_nothing() {
    let bench = three();
    let line = "cd \"$1\" && shift && sh \"$0\" \"$@\"";
    let ask = |words: &[&str]| {
        let (here, script) = (bench.path("empty"), bench.snap.archive().join("recover.sh"));
        fs::create_dir_all(&here).unwrap();
        let outcome = run(program("sh").args(["-c", line]).arg(script).arg(&here).args(words));
        assert_eq!(fs::read_dir(here).unwrap().count(), 0, "{words:?}");
        outcome
    };
    for words in [&["--help"][..], &["-h"], &["--help", "x"]] {
        assert!(ask(words).expect_silent().out().contains("usage: sh recover.sh TARGET"), "{words:?}");
    }
    for words in
        [&[][..], &[""], &["--to", "x"], &["-x"], &["x", "y"], &["1", "x", "y"], &["0000001", "x"], &["-1", "x"]]
    {
        let outcome = ask(words).expect(2);
        assert!(outcome.stdout.is_empty() && outcome.err().contains("usage:"), "{words:?}: {}", outcome.shown());
    }
    for words in [&["7", "x"], &["0", "x"]] {
        ask(words).expect(1).expect_said(&["no snapshot"]);
    }
}

#[test]
fn archives_and_targets_may_have_any_name_from_anywhere() {
    let bench = three();
    let mut archive = bench.snap.archive().to_owned();
    for name in ["10:30", "a b\n c'", "-x", "--help", "*", "\\", ".hidden"] {
        let here = Tree::at(bench.fresh());
        let odd = here.path(name);
        fs::rename(&archive, &odd).unwrap();
        for shell in shells() {
            let line = format!(
                "cd \"$1\" && {shell} \"./$2/recover.sh\" -- \"out $2\" && {shell} \"$PWD/$2/recover.sh\" 3 \"./to $2\""
            );
            run(&mut crate::support::command::shell(&line, &[&here.root(), &name])).expect_silent();
            let inside = format!("cd \"$1/$2\" && {shell} recover.sh \"../ins:$2\"");
            run(&mut crate::support::command::shell(&inside, &[&here.root(), &name])).expect_silent();
            for out in [format!("out {name}"), format!("to {name}"), format!("ins:{name}")] {
                assert_same_below(&bench.sources(), &here.path(&out), Level::Tar);
                here.remove(&out);
            }
        }
        if !name.starts_with('-') {
            let plain = "cd \"$1\" && sh \"$2/recover.sh\" \"$2:out\"";
            run(&mut crate::support::command::shell(plain, &[&here.root(), &name])).expect_silent();
            assert_same_below(&bench.sources(), &here.path(format!("{name}:out")), Level::Tar);
        }
        archive = odd;
    }
}

#[test]
fn renames_behind_one_of_what_a_damaged_bundle_did_not_bring_are_done() {
    let scene = Scene::new();
    for number in 0..6_u64 {
        scene
            .home
            .file(format!("old/it's {number}"), noise(number, 5000))
            .file(format!("swap/{number}"), noise(9, 5000));
    }
    scene.home.file("gone/1", noise(20, 5000)).file("goes", "goes");
    scene.save();
    for number in 0..6 {
        scene.home.dir("new/in").rename(format!("old/it's {number}"), format!("new/in/{number}"));
    }
    scene.home.rename("swap/1", "swap/x").rename("swap/2", "swap/1").rename("swap/x", "swap/2");
    scene.home.rename("gone/1", "here").remove("gone").remove("goes").file("last", "x");
    scene.save();
    let expected = scene.path("sources");
    let mut book = Book::open(&scene.store);
    let lost = ["home/old/it's 2", "home/swap/1", "home/gone/1", "home/gone/"];
    book.pages[0].members.retain(|member| !lost.iter().any(|name| member.name() == name.as_bytes()));
    let drive = on_a_drive(&book.store());
    fs::write(drive.path().join("recover.sh"), include_str!("../src/archive/recover.sh")).unwrap();
    for shell in shells() {
        let out = scene.path(&format!("out {shell}"));
        let words: [&dyn AsRef<OsStr>; 2] = [&drive.path().join("recover.sh"), &out];
        let outcome = run(&mut shell_line(shell, &words)).expect(1);
        for name in &lost[..3] {
            assert!(
                outcome.err().contains(&format!("lost before, and is renamed now: {name}\n")),
                "{}",
                outcome.shown()
            );
        }
        let is_there = |name: &str| out.join("home").join(name).symlink_metadata().is_ok();
        for name in ["new/in/2", "swap/2", "here"] {
            assert!(!is_there(name), "{name}: {}", outcome.shown());
            fs::write(out.join("home").join(name), fs::read(expected.join("home").join(name)).unwrap()).unwrap();
        }
        assert!(!out.join(".snap-stand-in").exists());
        let contents = |top: &Path| {
            let files = walkdir::WalkDir::new(top).into_iter().map(|item| item.unwrap().into_path());
            let read = |path: PathBuf| (path.strip_prefix(top).unwrap().to_owned(), fs::read(path).ok());
            files.map(read).collect::<Vec<_>>()
        };
        let (mut right, mut found) = (contents(&expected), contents(&out));
        right.sort();
        found.sort();
        assert!(right == found, "{shell}: {}", outcome.shown());
    }
}

fn shell_line(shell: &str, words: &[&dyn AsRef<OsStr>]) -> std::process::Command {
    crate::support::command::shell(&format!("{shell} \"$1\" \"$2\""), words)
}

/// What the plainest way says of where each renamed path stood: back through all renames before it, one after the other.
fn stood_plainly(renames: &[(String, String)]) -> Vec<String> {
    let mut stood = Vec::new();
    for (count, (from, _)) in renames.iter().enumerate() {
        let mut path = from.clone();
        for (earlier, to) in renames[..count].iter().rev() {
            if let Some(rest) = path.strip_prefix(to.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
                path = format!("{earlier}{rest}");
            }
        }
        if !from.contains("/.snap-move-") {
            stood.push(path);
        }
    }
    stood
}

#[test]
fn where_renamed_things_stood_is_found_back_through_any_renames() {
    let script = include_str!("../src/archive/recover.sh");
    let begin = script.find("\nstood_at='").unwrap() + "\nstood_at='".len();
    let awk_text = &script[begin..begin + script[begin..].find("\n}'").unwrap() + 2];
    let awks: Vec<_> =
        ["awk", "busybox awk"].into_iter().filter(|awk| installed(awk.split(' ').next().unwrap())).collect();
    for seed in 0..30 {
        let mut bytes = noise(seed, 4000).into_iter();
        let mut one = || {
            let depth = 1 + bytes.next().unwrap() % 3;
            let names: Vec<&str> = (0..depth)
                .map(|_| ["a", "b", "it's", "c d", ".snap-move-1"][usize::from(bytes.next().unwrap() % 5)])
                .collect();
            format!("s/{}", names.join("/"))
        };
        let renames: Vec<(String, String)> = (0..40).map(|_| (one(), one())).collect();
        let list: String = renames.iter().flat_map(|(from, to)| ["R", from, "\nT", to, "\n"]).collect();
        let expected = stood_plainly(&renames);
        for awk in &awks {
            let line = format!("printf %s \"$2\" | LC_ALL=C {awk} \"$1\"");
            let outcome = run(&mut shell(&line, &[&awk_text, &list])).expect_ok();
            assert_eq!(outcome.out().lines().collect::<Vec<_>>(), expected, "{awk}, seed {seed}");
        }
    }
}
