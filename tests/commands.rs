//! What each command does, refuses and says. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::bench::copy_exactly;
use crate::support::bench::give;
use crate::support::command::as_root;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::command::skipped;
use crate::support::listing::Level;
use crate::support::listing::assert_same;
use crate::support::listing::assert_same_below;
use crate::support::listing::below;
use crate::support::listing::inode;
use crate::support::oracles::check_bundle_with_stock_tools;
use crate::support::replay::bundles;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use crate::support::snap::Snap;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use jiff::Timestamp;
use jiff::ToSpan;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// The paths in an archive's state, as `ls -R` shows them.
#[track_caller]
fn listed(snap: &Snap, words: &str) -> Vec<String> {
    snap.call("ls").words(words).ok().out().lines().map(|line| line.trim_end_matches('/').to_owned()).collect()
}

fn names_in(directory: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

#[test]
fn init_makes_an_archive_where_nothing_is_and_refuses_anything_else() {
    let bench = Bench::without_archive();
    bench.snap.call("init").ok();
    assert_eq!(bench.snap.snapshots(), 0);
    for name in ["README.txt", "recover.sh", "RECOVER.cmd", "recover.ps1", "archive.toml"] {
        assert!(bench.snap.archive().join(name).exists(), "{name}");
    }
    bench.snap.call("init").fails(1);

    let empty = Tree::at(bench.path("empty"));
    Snap::new(empty.root()).call("init").ok();
    let full = Tree::at(bench.path("full"));
    full.file("mine", "precious");
    Snap::new(full.root()).call("init").fails(1);
    assert_eq!(names_in(full.root()), [full.path("mine")]);
    let file = full.path("mine");
    Snap::new(&file).call("init").fails(1);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}

#[test]
fn the_program_goes_along_with_the_archive_and_runs_from_there() {
    let bench = Bench::without_archive();
    bench.snap.call("init").ok();
    assert!(
        !bench.snap.archive().join("programs").exists(),
        "a program that is being worked on does not go along unasked"
    );
    bench.home.file("f", "text");
    bench.save();
    let outcome = bench.snap.call("init --carry").ok();
    assert!(outcome.out().contains("programs/snap-"), "{}", outcome.shown());
    let programs = names_in(&bench.snap.archive().join("programs"));
    let [program] = programs.as_slice() else { panic!("{programs:?}") };
    assert_eq!(fs::read(program).unwrap(), fs::read(BINARY).unwrap());
    let listed = Call::new(program).words("list --json").ok().json().remove(0);
    assert_eq!(listed["snapshots"].as_array().unwrap().len(), 1);
    bench.snap.call("init --carry --json").ok().json();
    bench.snap.call("verify --data").ok();
    bench.snap.call("init").fails(1);
}

#[test]
fn a_drive_is_named_by_its_label_before_a_colon() {
    let bench = Bench::without_archive();
    let archive = "no drive has this label:/backup";
    let list = || Call::new(BINARY.as_ref()).words("list -a").arg(archive);
    let refused = list().in_directory(bench.home.root()).fails(4);
    assert!(refused.err().contains("the drive no drive has this label is not plugged in"), "{}", refused.shown());
    // A folder of that name comes first.
    bench.home.dir("no drive has this label:");
    Call::new(BINARY.as_ref()).words("init -a").arg(archive).in_directory(bench.home.root()).ok();
    list().in_directory(bench.home.root()).ok();
}

#[test]
fn create_without_an_archive_asks_for_the_drive_and_makes_no_folder() {
    let bench = Bench::without_archive();
    bench.home.file("f", "text");
    bench.snap.call("create").arg(bench.home.root()).fails(4).expect_said(&["plugged in"]);
    assert!(!bench.snap.archive().exists());
    for command in ["list", "ls", "verify"] {
        bench.snap.call(command).fails(4).expect_said(&["plugged in"]);
    }
    bench.snap.call("restore").words("--to").arg(bench.fresh()).fails(4).expect_said(&["plugged in"]);
    assert_eq!(names_in(&bench.path("drive")), Vec::<PathBuf>::new());

    bench.snap.call("create").words("--init").arg(bench.home.root()).ok();
    bench.assert_restores();
    bench.home.file("g", "more");
    bench.snap.call("create").words("--init").arg(bench.home.root()).ok();
    assert_eq!(bench.snap.snapshots(), 2);
}

#[test]
fn a_folder_that_is_no_archive_is_not_taken_for_one() {
    let bench = Bench::without_archive();
    bench.home.file("f", "text");
    let other = Tree::at(bench.snap.archive());
    other.file("photos/1.jpg", "mine");
    for call in ["create", "list", "verify"] {
        bench.snap.call(call).fails(4);
    }
    bench.snap.call("create").words("--init").arg(bench.home.root()).fails(1);
    assert_eq!(below(other.root()).len(), 2, "nothing was written there");
}

#[test]
fn two_sources_of_one_name_are_refused_with_the_hint() {
    let bench = Bench::new();
    let other = Tree::at(bench.path("other/home"));
    bench.home.file("f", "first");
    other.file("f", "second");
    let outcome = bench.snap.call("create").args(&[bench.home.root(), other.root()]).fails(2);
    outcome.expect_said(&["NAME=PATH"]);
    assert_eq!(bench.snap.snapshots(), 0);

    let named = format!("second={}", other.root().display());
    bench.snap.call("create").arg(bench.home.root()).arg(named).ok();
    let out = bench.restored(0);
    assert_same(other.root(), &out.join("second"), Level::Everything);
    assert_same(bench.home.root(), &out.join("home"), Level::Everything);
}

#[test]
fn create_without_sources_saves_those_of_the_last_snapshot() {
    let bench = Bench::new();
    bench.snap.call("create").fails(1).expect_said(&["which folders to save"]);
    assert_eq!(bench.snap.snapshots(), 0);

    let work = Tree::at(bench.sources().join("work"));
    bench.home.file("f", "1").file("skip.me", "no");
    work.file("g", "2");
    bench.snap.call("create").args(&[bench.home.root(), work.root()]).words("--exclude *.me").ok();
    bench.home.file("f", "changed");
    work.file("new", "3");
    bench.snap.call("create").in_directory(&bench.path("drive")).ok();
    bench.home.remove("skip.me");
    bench.snap.call("create").ok();
    bench.assert_restores();
    assert!(!listed(&bench.snap, "-R --at 2").contains(&"home/skip.me".to_owned()), "the rules stay too");
}

#[test]
fn sources_that_are_not_named_stay_as_they_are() {
    let bench = Bench::new();
    let work = Tree::at(bench.sources().join("work"));
    bench.home.file("f", "1");
    work.file("g", "2");
    bench.snap.create(&[bench.home.root(), work.root()]);
    let before = bench.copy();
    work.file("g", "changed").file("new", "3");
    bench.home.file("f", "changed too");
    bench.snap.create(&[bench.home.root()]);
    let out = bench.restored(0);
    assert_same(&before.join("work"), &out.join("work"), Level::Everything);
    assert_same(bench.home.root(), &out.join("home"), Level::Everything);
}

#[test]
fn a_relative_source_is_found_again_from_elsewhere() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.snap.call("create").words("home").in_directory(&bench.sources()).ok();
    bench.home.file("f", "2");
    bench.snap.call("create").in_directory(&bench.path("drive")).ok();
    bench.assert_restores();
    bench.home.file("f", "3");
    bench.snap.call("create").words(".").in_directory(bench.home.root()).ok();
    bench.assert_restores();
    assert_eq!(names_in(&bench.restored(0)).len(), 1, "it is one source all the time");
}

#[test]
fn nothing_changed_is_no_snapshot() {
    let bench = Bench::new();
    bench.home.file("f", "text").dir("d").symlink("l", "f").fifo("p").hard_link("f", "g");
    bench.save();
    let before = below(&bench.snap.archive().join("bundles"));
    for _ in 0..2 {
        bench.save().expect_said(&["nothing has changed", "nothing changed"]);
    }
    let after = below(&bench.snap.archive().join("bundles"));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert_eq!(bench.snap.history().len(), 1);
}

#[test]
fn create_says_what_it_found() {
    let bench = Bench::new();
    bench.home.file("stays", "1").file("changes", "2").file("goes", "3");
    bench.save().expect_said(&["3 new"]);
    bench.home.file("changes", "two").remove("goes").file("a", "").file("b", "");
    let said = bench.save().out();
    for words in ["2 new", "1 modified", "1 deleted", "1 unchanged"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    bench.home.file("c", "");
    let values = bench.snap.call("create").words("--json").arg(bench.home.root()).ok().json();
    assert_eq!(values[0]["counts"]["new"], 1, "{values:?}");
    bench.home.file("d", "");
    assert_eq!(bench.snap.call("create").words("-q").arg(bench.home.root()).ok().said(), "");
}

#[test]
fn an_empty_snapshot_is_made_only_when_asked_for_and_stock_tools_take_it() {
    let bench = Bench::new();
    bench.home.file("f", "text");
    bench.save();
    bench.snap.call("create").ok();
    assert_eq!(bench.snap.snapshots(), 1);
    bench.snap.call("create").words("--allow-empty --note nothing").ok();
    assert_eq!(bench.snap.snapshots(), 2);
    for bundle in bundles(bench.snap.archive()) {
        check_bundle_with_stock_tools(&bundle);
    }
    bench.assert_restores();
}

#[test]
fn a_dry_run_of_create_writes_nothing() {
    let bench = Bench::new();
    bench.home.file("f", "text");
    let contents = || bundles(bench.snap.archive());
    let dry = || bench.snap.call("create").words("--dry-run").arg(bench.home.root()).ok();
    dry().expect_said(&["home/f"]);
    assert!(contents().is_empty());
    bench.save();
    let before = contents();
    bench.home.file("new", "x").file("f", "more text");
    dry().expect_said(&["home/new"]);
    assert_eq!(contents(), before);
    assert_eq!(listed(&bench.snap, "-R"), ["home", "home/f"]);
}

#[test]
fn what_is_excluded_is_not_saved() {
    let bench = Bench::new();
    bench.home.file("keep.txt", "").file("a.tmp", "").file("d/b.tmp", "").file("build/out", "").file("d/build/out", "");
    bench.home.file("d/.snapignore", "*.log\n!keep.log\n/only-here\n").file("d/x.log", "").file("d/keep.log", "");
    bench.home.file("d/only-here", "").file("d/e/only-here", "").file("x.log", "").file("cache/data", "");
    bench.home.file("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n").file("from file", "");
    let rules = bench.path("rules");
    fs::write(&rules, "# a comment\nfrom file\n").unwrap();
    let call = bench.snap.call("create").words("--exclude *.tmp --exclude /build --exclude-caches --exclude-from");
    call.arg(&rules).arg(bench.home.root()).ok();

    let found = listed(&bench.snap, "-R");
    let expected = "home/d home/d/.snapignore home/d/build home/d/build/out home/d/e home/d/e/only-here home/d/keep.log \
                    home/keep.txt home/x.log";
    for path in expected.split(' ') {
        assert!(found.contains(&path.to_owned()), "{path} should be in {found:#?}");
    }
    for path in "home/a.tmp home/d/b.tmp home/build home/d/x.log home/d/only-here home/cache/data home/from".split(' ')
    {
        assert!(!found.iter().any(|found| found.starts_with(path)), "{path} should not be in {found:#?}");
    }
}

#[test]
fn what_becomes_excluded_leaves_the_next_snapshot_and_stays_in_the_old_one() {
    let bench = Bench::new();
    bench.home.file("f", "1").file("big.iso", "2").file("d/x", "3");
    bench.save();
    bench.snap.call("create").words("--exclude *.iso --exclude d").arg(bench.home.root()).ok();
    assert_eq!(listed(&bench.snap, "-R"), ["home", "home/f"]);
    assert!(listed(&bench.snap, "-R --at 1").contains(&"home/big.iso".to_owned()));
    bench.snap.call("create").words("--fresh-rules").ok();
    bench.assert_restores();
}

#[test]
fn one_file_system_leaves_out_what_is_mounted_below() {
    if !as_root() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("f", "1").dir("mounted");
    let mounted = bench.home.path("mounted");
    // In a space of its own, so that nothing stays mounted whatever happens.
    let line = "mount -t tmpfs none \"$1\" && touch \"$1/inside\" || exit 77; exec \"$2\" create -a \"$3\" $5 \"$4\"";
    let create = |option: &str| {
        let words =
            [mounted.as_os_str(), BINARY.as_ref(), bench.snap.archive().as_os_str(), bench.home.root().as_os_str()];
        let mut script = program("unshare");
        script.args(["-m", "sh", "-c", line, "sh"]).args(words).arg(option);
        run(&mut script)
    };
    let outcome = create("--one-file-system");
    if outcome.status == 77 || outcome.err().contains("unshare") {
        return skipped("nothing can be mounted here");
    }
    outcome.expect_ok();
    let found = listed(&bench.snap, "-R");
    assert_eq!(found, ["home", "home/f", "home/mounted"], "the place itself is kept");
    create("--fresh-rules").expect_ok();
    assert!(listed(&bench.snap, "-R").contains(&"home/mounted/inside".to_owned()));
}

#[test]
fn a_note_is_shown_in_the_list() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.snap.call("create").words("--note").arg("before the \"big\" move").arg(bench.home.root()).ok();
    bench.home.file("f", "2");
    bench.save();
    let list = bench.snap.call("list").ok().out();
    assert!(list.contains("before the \"big\" move"), "{list}");
    let values = bench.snap.history();
    assert_eq!(values[0]["note"], "before the \"big\" move");
    assert_eq!((values.len(), &values[1]["number"]), (2, &2.into()));
    assert!(bench.snap.call("list").words("-v").ok().out().contains("home"));
}

#[test]
fn a_source_that_is_missing_is_refused_when_there_is_no_other() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    bench.home.remove("");
    for sources in [vec![bench.home.root()], vec![]] {
        bench.snap.call("create").args(&sources).fails(1).expect_said(&["home"]);
    }
    assert_eq!(bench.snap.snapshots(), 1);
    assert_eq!(listed(&bench.snap, "-R"), ["home", "home/f"]);
}

#[test]
fn a_source_that_has_become_empty_is_refused_until_that_is_allowed() {
    let bench = Bench::new();
    bench.home.file("f", "1").dir("d");
    bench.save();
    bench.home.remove("f").remove("d");
    bench.snap.call("create").arg(bench.home.root()).fails(1).expect_said(&["--allow-empty"]);
    assert_eq!(listed(&bench.snap, "-R"), ["home", "home/d", "home/f"]);
    bench.snap.call("create").words("--allow-empty").arg(bench.home.root()).ok();
    assert_eq!(listed(&bench.snap, "-R"), ["home"]);
    bench.assert_restores();
}

#[test]
fn the_archive_is_never_saved_into_itself() {
    let bench = Bench::without_archive();
    bench.home.file("f", "1").file("backup/mine", "2");
    let snap = Snap::new(bench.home.path("backup/archive"));
    snap.init();
    for round in 0..3 {
        bench.home.file("f", format!("round {round}"));
        snap.create(&[bench.home.root()]);
    }
    assert_eq!(listed(&snap, "-R"), ["home", "home/backup", "home/backup/mine", "home/f"]);
    let through_a_link = bench.path("link");
    std::os::unix::fs::symlink(bench.home.root(), &through_a_link).unwrap();
    bench.home.file("f", "once more");
    let named = format!("home={}/.", through_a_link.display());
    snap.call("create").arg(named).ok();
    assert!(!listed(&snap, "-R").iter().any(|path| path.contains("archive")));
}

#[test]
fn ls_shows_what_was_there_level_by_level_and_whole() {
    let bench = Bench::new();
    bench.home.file("a/b/c", "deep").file("a.x", "12345").symlink("l", "a.x").mode("a.x", 0o640).mtime(
        "a.x",
        1_000_000_000,
        0,
    );
    bench.save();
    bench.home.remove("a");
    bench.save();
    assert_eq!(listed(&bench.snap, ""), ["home"]);
    let all = ["home", "home/a", "home/a/b", "home/a/b/c", "home/a.x", "home/l -> a.x"];
    assert_eq!(listed(&bench.snap, "-R --at 1"), all);
    assert!(listed(&bench.snap, "home --at 1").contains(&"home/a".to_owned()));
    assert!(listed(&bench.snap, "home/a --at 1 -R").contains(&"home/a/b/c".to_owned()));
    let long = bench.snap.call("ls").words("-l home/a.x").ok().out();
    for words in ["-rw-r-----", "2001-09-09", "home/a.x", " 5 "] {
        assert!(long.contains(words), "{words} in {long}");
    }
    let values = bench.snap.call("ls").words("-R --json --at 1").ok().json();
    let file = values.iter().find(|value| value["path"] == "home/a/b/c").unwrap();
    assert_eq!((&file["type"], &file["size"]), (&"file".into(), &4.into()));
    assert_eq!(file["blake3"], blake3::hash(b"deep").to_hex().as_str());
    bench.snap.call("ls").words("home/no-such").fails(1).expect_said(&["no-such"]);
}

#[test]
fn names_that_could_trick_a_terminal_are_shown_harmless() {
    let bench = Bench::new();
    bench.home.file("\u{1b}[2Jclear", "").file("new\nline", "").file(b"raw \xff", "").file("\u{202e}rtl", "");
    bench.save();
    let outcome = bench.snap.call("ls").words("-R -l").ok();
    assert_eq!(outcome.out().lines().count(), 5, "{}", outcome.shown());
    assert!(!outcome.stdout.contains(&0x1b) && !outcome.out().contains('\u{202e}'), "{}", outcome.shown());
    let values = bench.snap.call("ls").words("-R --json").ok().json();
    assert!(values.iter().any(|value| value["path"]["escaped"] == "home/raw %FF"), "{values:?}");
}

/// Three snapshots: at a fixed time, ten days ago, and yesterday at noon.
fn dated() -> (Bench, [Timestamp; 3]) {
    let bench = Bench::new();
    let today: Timestamp = Timestamp::now().strftime("%Y-%m-%dT00:00:00Z").to_string().parse().unwrap();
    let fixed = "2020-03-01T18:30:05Z".parse().unwrap();
    let times = [fixed, today - (9 * 24 + 12).hours(), today - 12.hours()];
    for (number, time) in times.iter().enumerate() {
        bench.home.file("f", format!("state {}", number + 1));
        bench.snap.call("create").words("--time").arg(time.to_string()).arg(bench.home.root()).ok();
    }
    (bench, times)
}

#[test]
fn a_time_is_understood_in_many_forms() {
    let (bench, times) = dated();
    let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
    for (when, wanted) in [
        ("1", 1),
        ("3", 3),
        ("latest", 3),
        ("latest~0", 3),
        ("latest~2", 1),
        ("2020-03-01", 1),
        ("2020-03-01 18:30:05", 1),
        ("2020-03-01 18:31", 1),
        ("2020-03-01T18:30:05Z", 1),
        ("2020-03-01T20:30:05+02:00", 1),
        ("2021-01-01", 1),
        (&day(times[1]), 2),
        (&format!("{} 11:59", day(times[1])), 1),
        ("today", 3),
        ("yesterday", 3),
        ("yesterday 18:00", 3),
        ("yesterday 11:00", 2),
        ("3 days ago", 2),
        ("30 days ago", 1),
        ("100h ago", 2),
    ] {
        let outcome = bench.snap.call("restore").words("--to").arg(bench.path("when")).words("--at").arg(when).ok();
        let found = fs::read_to_string(bench.path("when/home/f")).unwrap();
        assert_eq!(found, format!("state {wanted}"), "--at {when}");
        outcome.expect_said(&[&format!("snapshot {wanted}")]);
        fs::remove_dir_all(bench.path("when")).unwrap();
    }
}

#[test]
fn a_time_before_the_first_snapshot_says_when_history_starts() {
    let (bench, _) = dated();
    for when in ["2020-03-01 18:30:04", "2019-12-31", "20 years ago"] {
        bench.snap.call("ls").words("--at").arg(when).fails(1).expect_said(&["2020-03-01"]);
    }
    bench.snap.call("ls").words("--at 4").fails(1);
    bench.snap.call("ls").words("--at latest~3").fails(1);
    bench.snap.call("ls").words("--at -3").fails(1);
    for nonsense in ["soonish", "2020-13-01", "latest~", "-x", ""] {
        bench.snap.call("ls").words("--at").arg(nonsense).fails(2);
    }
}

#[test]
fn an_archive_without_a_snapshot_says_so() {
    let bench = Bench::new();
    bench.snap.call("list").ok().expect_said(&["no snapshot"]);
    bench.snap.call("ls").fails(1).expect_said(&["no snapshot"]);
    bench.snap.call("restore").words("--to").arg(bench.fresh()).fails(1).expect_said(&["no snapshot"]);
    bench.snap.call("verify").ok();
    assert_eq!(bench.snap.history(), Vec::<serde_json::Value>::new());
}

#[test]
fn restore_into_a_folder_that_holds_something_is_refused() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    let out = Tree::at(bench.fresh());
    out.file("mine", "precious");
    bench.snap.call("restore").words("--to").arg(out.root()).fails(1).expect_said(&["--overwrite"]);
    assert_eq!(names_in(out.root()), [out.path("mine")]);
    let empty = Tree::at(bench.fresh());
    bench.snap.restore(empty.root(), 0);
    assert_same_below(&bench.sources(), empty.root(), Level::Everything);
    let file = bench.fresh();
    fs::write(&file, "a file").unwrap();
    bench.snap.call("restore").words("--to").arg(&file).fails(1);
    assert_eq!(fs::read(&file).unwrap(), b"a file");
}

#[test]
fn overwrite_writes_only_what_differs_and_keeps_what_is_foreign() {
    let bench = Bench::new();
    bench
        .home
        .file("same", noise(1, 100_000))
        .file("changed", "old")
        .file("d/lost", "x")
        .file("mode", "")
        .symlink("l", "same");
    bench.home.file("linked", "y").hard_link("linked", "d/linked");
    bench.save();
    let out = Tree::at(bench.restored(0));
    let before = ["home/same", "home/l", "home/mode"].map(|name| inode(&out.path(name)));
    out.file("home/changed", "new").remove("home/d/lost").mode("home/mode", 0o600).file("home/foreign", "mine");
    out.remove("home/d/linked").file("home/d/linked", "y");
    // The times that a directory has now are not those that it had then.
    bench.snap.call("restore").words("--overwrite --to").arg(out.root()).ok();
    assert_eq!(before, ["home/same", "home/l", "home/mode"].map(|name| inode(&out.path(name))), "not written again");
    assert_eq!(fs::read(out.path("home/foreign")).unwrap(), b"mine");

    out.remove("home/foreign");
    bench.snap.call("restore").words("--overwrite --to").arg(out.root()).ok();
    assert_same_below(&bench.sources(), out.root(), Level::Everything);
}

#[test]
fn overwrite_goes_from_any_snapshot_to_any_other() {
    let bench = Bench::new();
    let home = &bench.home;
    home.file("a", "1").file("d/e/f", "deep").symlink("l", "a").file("t", "file").hard_link("a", "b").dir("gone");
    bench.save();
    let first = bench.copy();
    home.remove("d").file("d", "file now").remove("l").dir("l").remove("t").symlink("t", "nowhere").remove("b");
    home.remove("gone").fifo("gone").file("b", "alone").mode("a", 0o600).file("new/x", "");
    bench.save();
    let second = bench.copy();
    let out = bench.restored(1);
    for (at, copy) in [("2", &second), ("1", &first), ("2", &second)] {
        let call = bench.snap.call("restore").words("--overwrite --delete --yes --at").words(at);
        call.words("--to").arg(&out).ok();
        assert_same_below(copy, &out, Level::Everything);
    }
}

#[test]
fn delete_removes_what_was_not_there_then_and_only_when_told_so() {
    let bench = Bench::new();
    bench.home.file("f", "1").dir("d");
    bench.save();
    let out = Tree::at(bench.restored(0));
    let outside = Tree::at(bench.path("outside"));
    outside.file("f", "outside");
    out.file("home/extra", "x").file("home/d/more/deep", "y");
    out.symlink("home/link", outside.root().as_os_str().as_encoded_bytes());
    let call = || bench.snap.call("restore").words("--to").arg(out.root());
    call().words("--delete").fails(2);
    // Nobody is there to be asked.
    call().words("--overwrite --delete").fails(1);
    call().words("--overwrite --delete --dry-run").ok().expect_said(&["home/extra"]);
    assert!(out.path("home/extra").exists() && out.path("home/d/more/deep").exists());
    call().words("--overwrite --delete --yes").ok();
    assert_same_below(&bench.sources(), out.root(), Level::Everything);
    assert_eq!(fs::read(outside.path("f")).unwrap(), b"outside");
}

#[test]
fn restore_never_writes_through_a_link_that_was_put_in_its_way() {
    let bench = Bench::new();
    bench.home.file("d/f", "from the archive").file("g", "from the archive");
    bench.save();
    let outside = Tree::at(bench.path("outside"));
    outside.file("f", "outside").file("g", "outside");
    let out = Tree::at(bench.fresh());
    out.dir("home").symlink("home/d", outside.root().as_os_str().as_encoded_bytes());
    out.symlink("home/g", outside.path("g").as_os_str().as_encoded_bytes());
    bench.snap.call("restore").words("--overwrite --to").arg(out.root()).ok();
    assert_same_below(&bench.sources(), out.root(), Level::Stock);
    for name in ["f", "g"] {
        assert_eq!(fs::read(outside.path(name)).unwrap(), b"outside");
    }
}

#[test]
fn a_dry_run_of_restore_writes_nothing() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    let out = bench.fresh();
    bench.snap.call("restore").words("--dry-run --to").arg(&out).ok().expect_said(&["home/f"]);
    assert!(!out.exists());
    let other = Tree::at(bench.fresh());
    other.file("home/f", "other");
    bench.snap.call("restore").words("--dry-run --overwrite --to").arg(other.root()).ok();
    assert_eq!(fs::read(other.path("home/f")).unwrap(), b"other");
}

#[test]
fn a_part_is_restored_alone() {
    let bench = Bench::new();
    bench.home.file("docs/a", "1").file("docs/sub/b", "2").file("other/c", "3").file("docs.txt", "4");
    bench.home.file(b"raw \xff/x", "5").mode("docs", 0o750).hard_link("docs/a", "other/linked");
    bench.save();
    let part = |paths: &[&[u8]]| {
        let out = bench.fresh();
        let paths: Vec<&std::ffi::OsStr> =
            paths.iter().map(|path| std::os::unix::ffi::OsStrExt::from_bytes(path)).collect();
        bench.snap.call("restore").words("--to").arg(&out).args(&paths).ok();
        out
    };
    let docs = part(&[b"home/docs"]);
    assert_same_below(&bench.home.path("docs/sub"), &docs.join("home/docs/sub"), Level::Everything);
    let names =
        |out: &Path| below(out).into_keys().map(|path| String::from_utf8_lossy(&path).into_owned()).collect::<Vec<_>>();
    assert_eq!(names(&docs), ["home", "home/docs", "home/docs/a", "home/docs/sub", "home/docs/sub/b"]);
    let two = names(&part(&[b"home/docs/sub/b", b"home/docs.txt"]));
    assert_eq!(two, ["home", "home/docs", "home/docs.txt", "home/docs/sub", "home/docs/sub/b"]);
    assert_eq!(names(&part(&[b"home/other/linked"])), ["home", "home/other", "home/other/linked"]);
    let raw = part(&[b"home/raw \xff"]);
    assert_eq!(below(&raw).len(), 3);

    let out = bench.fresh();
    bench.snap.call("restore").words("home/no-such --to").arg(&out).fails(1).expect_said(&["no-such"]);
    for outside in [PathBuf::from("../x"), bench.path("outside")] {
        bench.snap.call("restore").words("--to").arg(&out).arg(outside).fails(2);
    }
}

#[test]
fn what_cannot_be_read_is_named_and_keeps_its_last_version() {
    if !as_root() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("f", "1").file("secret", "old").file("closed/x", "in it").file("closed/d/y", "deep");
    bench.give_to_user();
    let create = || bench.user_call("create").map(|call| call.arg(bench.home.root()));
    let Some(call) = create() else { return };
    call.ok();
    bench.home.file("secret", "new").mode("secret", 0o000).mode("closed", 0o000).file("f", "changed");
    let outcome = create().unwrap().fails(3).expect_said(&["home/secret"]).expect_said(&["home/closed"]);
    assert!(outcome.err().to_lowercase().contains("permission"), "{}", outcome.shown());
    bench.home.mode("closed", 0o755);

    let all = ["home", "home/closed", "home/closed/d", "home/closed/d/y", "home/closed/x", "home/f", "home/secret"];
    assert_eq!(listed(&bench.snap, "-R"), all);
    let out = bench.restored(0);
    for (name, content) in [("secret", "old"), ("closed/x", "in it"), ("closed/d/y", "deep"), ("f", "changed")] {
        assert_eq!(fs::read_to_string(out.join("home").join(name)).unwrap(), content, "{name}");
    }
    bench.home.mode("secret", 0o600);
    give(bench.home.root());
    create().unwrap().ok();
    bench.assert_restores();
}

#[test]
fn what_could_never_be_read_is_a_problem_and_does_not_stop_the_rest() {
    if !as_root() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("a", "1").file("b", "hidden").file("c", "3").file("closed/x", "hidden");
    bench.give_to_user();
    bench.home.mode("b", 0o000).mode("closed", 0o000);
    let Some(call) = bench.user_call("create") else { return };
    call.arg(bench.home.root()).fails(3).expect_said(&["home/b"]);
    let found = listed(&bench.snap, "-R");
    for path in ["home/a", "home/c"] {
        assert!(found.contains(&path.to_owned()), "{found:?}");
    }
    assert!(!found.contains(&"home/b".to_owned()) && !found.contains(&"home/closed/x".to_owned()), "{found:?}");
    bench.home.mode("closed", 0o755);
}

#[test]
fn a_sound_archive_is_verified() {
    let bench = Bench::new();
    for round in 0..4 {
        bench.home.file("f", noise(round, 200_000)).file(format!("{round}"), "x").sparse(
            "holes",
            20 << 20,
            &[(5, b"x")],
        );
        bench.save();
    }
    for words in ["", "--data", "--json", "--data --json", "-v"] {
        bench.snap.call("verify").words(words).ok();
    }
    assert!(!bench.snap.call("verify").words("--json").ok().json().is_empty());
}

#[test]
fn verify_finds_a_flipped_bit_and_says_what_it_touches() {
    let bench = Bench::new();
    bench.home.file("hit", noise(1, 3 << 20)).file("z", "small");
    bench.save();
    bench.home.file("other", noise(2, 1000));
    bench.save();
    let bundle = bundles(bench.snap.archive()).remove(0);
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[1 << 20] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    let outcome = bench.snap.call("verify").words("--data").run();
    outcome.expect(3).expect_said(&["home/hit"]);

    let out = bench.fresh();
    bench.snap.call("restore").words("--to").arg(&out).fails(3).expect_said(&["home/hit"]);
    assert_eq!(fs::read(out.join("home/other")).unwrap(), noise(2, 1000), "another bundle's file is not touched");
    assert!(!out.join("home/hit").exists(), "nothing wrong is put there");
}

#[test]
fn an_export_is_one_tar_that_gives_the_snapshot() {
    let bench = Bench::new();
    bench.home.file("a", noise(1, 50_000)).file("d/b", "2").symlink("l", "a").hard_link("a", "d/c").fifo("p").dir("e");
    bench.home.file(b"raw \xff", "").file("x".repeat(150), "long").mode("d", 0o711).mtime("e", 1_000_000_000, 5);
    bench.save();
    bench.home.file("a", "changed").remove("d/b").rename("l", "m").file("new\nline", "n");
    bench.save();
    for snapshot in [1, 2] {
        let (file, out) = (bench.path(&format!("{snapshot}.tar.zst")), Tree::at(bench.fresh()));
        let line = "\"$1\" export -a \"$2\" --at \"$3\" > \"$4\"";
        run(&mut shell(line, &[&BINARY, &bench.snap.archive(), &snapshot.to_string(), &file])).expect_ok();
        run(program("tar").args(["--zstd", "-xpf"]).arg(&file).arg("-C").arg(out.root())).expect_silent();
        crate::support::replay::remove_manifest(out.root());
        assert_same_below(&bench.restored(snapshot), out.root(), Level::Tar);
        crate::support::oracles::check_bundle_with_stock_tools(&file);
    }
}

#[test]
fn what_makes_no_sense_on_the_command_line_ends_with_2() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    for words in
        ["create --level 0", "create --level 20", "create --no-such-option", "restore", "list --at", "frobnicate"]
    {
        let (command, rest) = words.split_once(' ').unwrap_or((words, ""));
        bench.snap.call(command).words(rest).fails(2);
    }
    Call::new(BINARY.as_ref()).words("list").fails(2).expect_said(&["SNAP_ARCHIVE"]);
    assert_eq!(bench.snap.snapshots(), 1);
    Call::new(BINARY.as_ref()).words("--help").ok().expect_said(&["restore"]);
    Call::new(BINARY.as_ref()).words("--version").ok().expect_said(&["snap"]);
}

#[test]
fn the_archive_may_be_named_by_the_environment() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    let mut list = program(BINARY);
    run(list.arg("list").env("SNAP_ARCHIVE", bench.snap.archive())).expect_ok().expect_said(&["home"]);
}

#[test]
fn a_second_create_is_told_that_the_archive_is_in_use() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    bench.home.file("f", "2");
    let mut options = fs::File::options();
    let lock =
        options.read(true).write(true).create(true).truncate(false).open(bench.snap.archive().join("lock")).unwrap();
    lock.try_lock().unwrap();
    bench.snap.call("create").arg(bench.home.root()).fails(5).expect_said(&["in use"]);
    assert_eq!(bench.snap.snapshots(), 1);
    // Who only reads does not wait for anybody.
    bench.snap.call("list").ok();
    bench.restored(0);
    lock.unlock().unwrap();
    bench.assert_kept();
}

#[test]
fn two_creates_at_once_leave_a_sound_history() {
    let bench = Bench::new();
    bench.home.file("big", noise(1, 30 << 20)).file("small", "x");
    let start = || {
        let mut command = program(BINARY);
        command.arg("create").arg("-a").arg(bench.snap.archive()).arg(bench.home.root());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let outputs = [start(), start()].map(|child| child.wait_with_output().unwrap());
    let codes = outputs.each_ref().map(|output| output.status.code());
    assert!(codes.contains(&Some(0)), "{outputs:?}");
    for output in outputs.iter().filter(|output| output.status.code() != Some(0)) {
        assert_eq!(output.status.code(), Some(5), "{output:?}");
        assert!(!output.stderr.is_empty());
    }
    assert_eq!(bench.snap.snapshots(), 1);
    bench.snap.call("verify").words("--data").ok();
    bench.assert_restores();
}

#[test]
fn a_bundle_depends_on_source_history_and_time_only() {
    let bench = Bench::new();
    for number in 0..40 {
        bench.home.file(format!("{number:02}/noise"), noise(number, 400_000)).file(format!("{number:02}/s"), "small");
    }
    bench.home.file("text", "a line of text\n".repeat(1_000_000)).hard_link("text", "00/linked");
    // What has just been written could change again without a trace, and the manifest says so.
    std::thread::sleep(std::time::Duration::from_secs(5));
    let twins = ["1", "2", "7"].map(|threads| {
        let archive = bench.path(&format!("twin-{threads}"));
        copy_exactly(bench.snap.archive(), &archive);
        let call =
            Snap::new(&archive).call("create").words("--level 3 --time 2026-11-22T10:00:00Z --threads").words(threads);
        call.arg(bench.home.root()).ok();
        bundles(&archive)
    });
    assert_eq!(twins[0].len(), 1);
    for twin in &twins[1..] {
        assert_eq!(twin[0].file_name(), twins[0][0].file_name());
        assert!(fs::read(&twin[0]).unwrap() == fs::read(&twins[0][0]).unwrap(), "{} differs", twin[0].display());
    }
}

#[test]
fn rehash_reads_everything_and_saves_only_what_differs() {
    let bench = Bench::new();
    bench.home.file("f", "as it was").file("g", "untouched");
    bench.save();
    bench.snap.call("create").words("--rehash").arg(bench.home.root()).ok();
    assert_eq!(bench.snap.snapshots(), 1, "reading everything again is no change");
    bench.home.file("f", "it is not");
    bench.snap.call("create").words("--rehash").arg(bench.home.root()).ok();
    bench.assert_restores();
}

#[test]
fn verify_with_data_finds_damage_in_every_part_of_a_snapshot() {
    let bench = Bench::new();
    for number in 0..8 {
        bench.home.file(format!("noise-{number}"), noise(number, 900_000));
    }
    bench.snap.call("create").words("--max-part 2MiB").arg(bench.home.root()).ok();
    let parts = bundles(bench.snap.archive());
    assert!(parts.len() > 3, "{parts:?}");
    let total: u64 = parts.iter().map(|part| part.metadata().unwrap().len()).sum();
    let sound = bench.snap.call("verify").words("--data --json").ok().json();
    // All but the tables of frames at the ends.
    let read = sound[0]["bytes"].as_u64().unwrap();
    assert!((total - 400..total).contains(&read), "every part is read: {read} of {total}");
    for part in parts {
        let good = fs::read(&part).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 3] ^= 1;
        fs::write(&part, &bad).unwrap();
        let name = part.file_name().unwrap().to_string_lossy().into_owned();
        let outcome = bench.snap.call("verify").words("--data").run();
        let told = outcome.out();
        assert_eq!(outcome.status, 3, "{told}");
        assert!(told.contains(&name) && told.contains("home/noise-"), "{told}");
        fs::write(&part, &good).unwrap();
    }
}

#[test]
fn a_failing_command_prints_a_document_with_a_kind() {
    let bench = Bench::without_archive();
    let fails = |call: Call, status: i32| call.words("--json").fails(status).json().remove(0);
    let empty = fails(bench.snap.call("list"), 4);
    assert_eq!(empty["error"]["kind"], "not-mounted", "{empty}");
    fs::write(bench.path("drive/other"), "x").unwrap();
    let missing = fails(bench.snap.call("list"), 4);
    assert_eq!((&missing["version"], &missing["error"]["kind"]), (&1.into(), &"no-archive".into()), "{missing}");
    assert!(missing["error"]["advice"].as_str().unwrap().contains("plugged in"), "{missing}");
    let usage = fails(bench.snap.call("create").words("--level 30"), 2);
    assert_eq!(usage["error"]["kind"], "usage", "{usage}");

    bench.snap.init();
    bench.home.file("f", "1");
    bench.save();
    let unknown = fails(bench.snap.call("ls").words("home/no-such"), 1);
    let error = &unknown["error"];
    assert_eq!((&error["kind"], &error["entry"]), (&"not-found".into(), &"home/no-such".into()), "{unknown}");
    for words in ["list", "ls", "verify", "repair", "create"] {
        let documents = bench.snap.call(words).words("--json").ok().json();
        assert!(documents.iter().all(|document| document["version"] == 1), "{words}: {documents:?}");
    }
}

#[test]
fn quiet_commands_say_nothing_when_all_is_well() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    for words in ["verify", "verify --data", "repair", "create"] {
        let call = bench.snap.call(words).words("-q");
        let call = if words == "create" { call.arg(bench.home.root()) } else { call };
        assert_eq!(call.ok().said(), "", "{words}");
    }
}

#[test]
fn words_of_other_programs_lead_to_ours() {
    let bench = Bench::new();
    for (words, meant) in [
        ("backup", "snap create"),
        ("save", "snap create"),
        ("check", "snap verify"),
        ("snapshots", "snap list"),
        ("create -n", "--dry-run"),
        ("repair -y", "--yes"),
        ("restore --target=x", "--to DIR"),
    ] {
        bench.snap.call(words).fails(2).expect_said(&[meant]);
    }
}

#[test]
fn what_ls_prints_is_accepted_and_no_two_names_look_alike() {
    let bench = Bench::new();
    let names: [&[u8]; 4] = [b"a\\x0ab", b"a\nb", b"back\\slash", b"raw \xff"];
    for name in names {
        bench.home.file(name, "");
    }
    bench.save();
    let shown = listed(&bench.snap, "home");
    assert_eq!(shown.len(), 4, "{shown:?}");
    let distinct: std::collections::BTreeSet<_> = shown.iter().collect();
    assert_eq!(distinct.len(), 4, "{shown:?}");
    for path in &shown {
        assert_eq!(bench.snap.call("ls").arg(path).ok().out().trim_end(), path);
    }
    // A name may also be typed as it is.
    assert_eq!(bench.snap.call("ls").arg("home/back\\slash").ok().out(), "home/back\\\\slash\n");
}

#[test]
fn hundreds_of_problems_of_one_reason_are_told_once() {
    let bench = Bench::new();
    for number in 0..100 {
        bench.home.file(format!("{number:03}"), "");
    }
    bench.save();
    let out = Tree::at(bench.fresh());
    for number in 0..100 {
        out.file(format!("home/{number:03}/mine"), "precious");
    }
    let restore =
        |words: &str| bench.snap.call("restore").words("--overwrite --to").arg(out.root()).words(words).fails(3);
    let said = restore("").err();
    assert_eq!(said.matches("is not empty is in the way").count(), 1, "{said}");
    assert!(said.contains("and 80 more (-v names all)") && !said.contains("home/020"), "{said}");
    assert_eq!(restore("-v").err().matches("is not empty is in the way").count(), 100);
}

#[test]
fn an_export_to_a_file_is_the_one_to_the_output_and_replaces_nothing() {
    let bench = Bench::new();
    bench.home.file("a", "one").file("b", noise(1, 100_000));
    bench.save();
    let file = bench.path("out.tar.zst");
    let export = || bench.snap.call("export").words("--json --output").arg(&file);
    let told = export().ok().json().remove(0);
    let bytes = fs::read(&file).unwrap();
    assert_eq!(told["bytes"], bytes.len());
    assert_eq!(bench.snap.call("export").ok().stdout, bytes);
    export().fails(1);
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[test]
fn a_program_that_stands_in_an_archive_finds_it_by_itself() {
    let bench = Bench::new();
    bench.home.file("a", "one");
    bench.save();
    let program = bench.snap.archive().join("snap");
    fs::copy(BINARY, &program).unwrap();
    let history = Call::new(&program).words("list --json").ok().json().remove(0);
    assert_eq!(history["snapshots"].as_array().unwrap().len(), 1);
    fs::rename(&program, bench.path("snap")).unwrap();
    Call::new(&bench.path("snap")).words("list").fails(2);
}

#[test]
fn an_export_to_a_closed_output_fails() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    let line = "exec \"$1\" export -a \"$2\" >&-";
    run(&mut shell(line, &[&BINARY, &bench.snap.archive()])).expect(1).expect_said(&["standard output is closed"]);
    run(&mut shell("exec \"$1\" export -a \"$2\" > /dev/null", &[&BINARY, &bench.snap.archive()])).expect_ok();
}

#[test]
fn a_limit_of_file_size_ends_with_a_message() {
    let bench = Bench::new();
    bench.home.file("large", noise(1, 3_000_000));
    let line = "ulimit -c 0; ulimit -f 1000; exec \"$1\" create -a \"$2\" \"$3\"";
    let words: [&dyn AsRef<std::ffi::OsStr>; 3] = [&BINARY, &bench.snap.archive(), &bench.home.root()];
    run(&mut shell(line, &words)).expect(1).expect_said(&["too large"]);
    assert_eq!(bench.snap.snapshots(), 0);
    bench.assert_kept();
}
