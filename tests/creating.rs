//! What `create` saves, refuses and says. Knows the command line only.

use crate::commands::listed;
use crate::commands::names_in;
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
use crate::support::listing::below;
use crate::support::oracles::check_bundle_with_stock_tools;
use crate::support::replay::bundles;
use crate::support::snap::BINARY;
use crate::support::snap::Snap;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use std::fs;

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
fn a_limit_of_file_size_ends_with_a_message() {
    let bench = Bench::new();
    bench.home.file("large", noise(1, 3_000_000));
    let line = "ulimit -c 0; ulimit -f 1000; exec \"$1\" create -a \"$2\" \"$3\"";
    let words: [&dyn AsRef<std::ffi::OsStr>; 3] = [&BINARY, &bench.snap.archive(), &bench.home.root()];
    run(&mut shell(line, &words)).expect(1).expect_said(&["too large"]);
    assert_eq!(bench.snap.snapshots(), 0);
    bench.assert_kept();
}
