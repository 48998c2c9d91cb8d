//! Sources and the rules for them: what is read, what is left out, what is remembered. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::command::as_root;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::skipped;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::manifest;
use crate::support::oracles::check_bundle_with_stock_tools;
use crate::support::replay::bundles_of;
use crate::support::replay::recover;
use crate::support::replay::stock_replay;
use crate::support::snap::BINARY;
use crate::support::snap::Snap;
use crate::support::traced::can_trace;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

#[track_caller]
fn listed(snap: &Snap) -> Vec<String> {
    snap.call("ls").words("-R").ok().out().lines().map(|line| line.trim_end_matches('/').to_owned()).collect()
}

/// Another source beside `home`.
fn tree(bench: &Bench, name: &str, content: &str) -> Tree {
    let tree = Tree::at(bench.sources().join(name));
    tree.file("f", content);
    tree
}

#[test]
fn a_source_that_is_gone_is_a_problem_each_time_and_the_others_are_saved() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    let work = tree(&bench, "work", "1");
    bench.snap.create(&[bench.home.root(), work.root()]);
    work.remove("");
    for round in 2..5 {
        bench.home.file("f", "x".repeat(round));
        bench.snap.call("create").fails(3).expect_said(&["work"]);
        assert_eq!(bench.snap.snapshots(), round);
    }
    bench.snap.call("create").fails(3).expect_said(&["work"]);
    assert!(listed(&bench.snap).contains(&"work/f".to_owned()), "it stays as it was");
    let document = bench.snap.call("sources").words("--json").ok().json().remove(0);
    let sources = &document["sources"];
    assert_eq!((&sources[1]["name"], &sources[1]["missing"]), (&"work".into(), &true.into()));
    assert_eq!(sources[1]["last_read"]["snapshot"], 1);

    // Who names those that are left has said that it is no loss.
    bench.home.file("f", "left");
    bench.snap.create(&[bench.home.root()]);
    bench.home.file("f", "by a timer");
    bench.snap.call("create").ok();
}

#[test]
fn a_source_that_never_was_is_no_source() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.snap.call("create").arg(bench.home.root()).arg(bench.path("nope")).fails(1);
    assert_eq!(bench.snap.snapshots(), 0);
}

#[test]
fn a_first_snapshot_that_cannot_be_leaves_no_archive() {
    let bench = Bench::without_archive();
    bench.snap.call("create").words("--init").arg(bench.path("nope")).fails(1);
    bench.snap.call("create").words("--init").fails(1);
    assert!(!bench.snap.archive().exists());
}

#[test]
fn the_archive_and_what_is_in_it_are_no_sources() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    for source in [bench.snap.archive().to_owned(), bench.snap.archive().join("bundles")] {
        bench.snap.call("create").arg(source).fails(1).expect_said(&["archive itself"]);
    }
    assert_eq!(bench.snap.snapshots(), 1);
}

#[test]
fn a_source_may_have_a_path_that_is_not_utf_8() {
    let bench = Bench::without_archive();
    let right = Tree::at(bench.path("d").join(OsStr::from_bytes(b"caf\xe9")));
    right.file("f", "right");
    Tree::at(bench.path("d/caf\u{fffd}")).file("f", "wrong");
    let mut named = b"x=".to_vec();
    named.extend(right.root().as_os_str().as_bytes());
    bench.snap.call("create").words("--init").arg(OsStr::from_bytes(&named)).ok();
    right.file("f", "right again");
    bench.snap.call("create").ok();
    let out = bench.fresh();
    bench.snap.restore(&out, 0);
    assert_eq!(fs::read(out.join("x/f")).unwrap(), b"right again");
    let document = bench.snap.call("sources").words("--json").ok().json().remove(0);
    let sources = &document["sources"];
    assert!(sources[0]["path"]["escaped"].as_str().unwrap().ends_with("d/caf%E9"), "{sources:?}");
}

#[test]
fn a_symlink_as_a_source_is_followed_anew() {
    let bench = Bench::new();
    tree(&bench, "v1", "one");
    tree(&bench, "v2", "two");
    let current = bench.path("current");
    symlink(bench.sources().join("v1"), &current).unwrap();
    bench.snap.create(&[&current]);
    fs::remove_file(&current).unwrap();
    symlink(bench.sources().join("v2"), &current).unwrap();
    bench.snap.call("create").ok();
    let out = bench.fresh();
    bench.snap.restore(&out, 0);
    assert_eq!(fs::read(out.join("current/f")).unwrap(), b"two");
}

#[test]
fn another_folder_under_a_known_name_is_refused_unless_it_is_meant() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    let other = Tree::at(bench.path("other/home"));
    other.file("g", "2");
    bench.snap.call("create").arg(other.root()).fails(1).expect_said(&["--moved"]);
    assert_eq!(bench.snap.snapshots(), 1);
    bench.snap.call("create").words("--moved").arg(other.root()).ok();
    assert_eq!(listed(&bench.snap), ["home", "home/g"]);
    bench.snap.call("create").arg(format!("home={}", bench.home.root().display())).ok();
    assert_eq!(listed(&bench.snap), ["home", "home/f"]);
}

#[test]
fn rules_are_added_taken_away_and_forgotten() {
    let bench = Bench::new();
    bench.home.file("a.iso", "1").file("b.tmp", "2").file("c", "3");
    bench.snap.call("create").arg(bench.home.root()).words("--exclude *.iso").ok();
    bench.snap.call("create").words("--exclude *.tmp").ok().expect_said(&["added --exclude '*.tmp'"]);
    assert_eq!(listed(&bench.snap), ["home", "home/c"]);
    bench
        .snap
        .call("create")
        .arg(bench.home.root())
        .words("--no-exclude *.iso")
        .ok()
        .expect_said(&["taken away --exclude '*.iso'"]);
    assert_eq!(listed(&bench.snap), ["home", "home/a.iso", "home/c"]);
    bench.snap.call("create").words("--no-exclude *.iso").fails(1).expect_said(&["*.tmp"]);
    bench.snap.call("create").words("--fresh-rules").ok().expect_said(&["taken away --exclude '*.tmp'"]);
    assert_eq!(listed(&bench.snap), ["home", "home/a.iso", "home/b.tmp", "home/c"]);
}

#[test]
fn rules_that_are_paths_into_a_source_mean_what_is_there() {
    let bench = Bench::without_archive();
    bench.home.file("cache/f", "1").file("deep/cache/f", "2");
    let absolute = format!("{}/cache", bench.home.root().display());
    for (rule, directory) in [(absolute.as_str(), ""), ("home/cache", ""), ("./cache", "home"), ("./home/cache", "")] {
        let snap = Snap::new(bench.fresh());
        let call = snap.call("create").words("--init --exclude").arg(rule).arg(bench.home.root());
        let told = call.in_directory(&bench.sources().join(directory)).ok();
        assert_eq!(listed(&snap), ["home", "home/deep", "home/deep/cache", "home/deep/cache/f"], "{rule}");
        assert!(told.said().contains("1 folder") && !told.said().contains("matches nothing"), "{}", told.shown());
    }
}

#[test]
fn what_rules_left_out_is_counted_and_what_fits_nothing_is_named() {
    let bench = Bench::new();
    bench.home.file("a.iso", "12345").file("b", "1").file("d/e", "2");
    let call =
        || bench.snap.call("create").words("--exclude *.iso --exclude d --exclude nothing").arg(bench.home.root());
    let dry = call().words("--dry-run -v").ok();
    assert!(dry.out().contains("x home/a.iso") && dry.out().contains("x home/d"), "{}", dry.shown());
    let said = call().ok().err();
    assert!(said.contains("1 file (5 B) and 1 folder") && said.contains("'nothing' matches nothing"), "{said}");
    assert!(!said.contains("'d' matches nothing") && !said.contains("iso' matches nothing"), "{said}");
}

#[test]
fn what_a_new_rule_leaves_out_is_told_apart_from_what_was_deleted() {
    let bench = Bench::new();
    bench.home.file("a.iso", "12345").file("b", "1").file("c", "2").file("build/d/e", "3").file("build/f", "4");
    bench.home.file("gone/build", "5").file("gone/g", "6");
    bench.save();
    fs::remove_file(bench.home.path("b")).unwrap();
    fs::remove_dir_all(bench.home.path("gone")).unwrap();
    let call = || bench.snap.call("create").words("--exclude *.iso --exclude build");
    let expected = "0 new files, 0 modified, 3 deleted, 3 newly left out by rules, 1 unchanged; \
                    folders: 1 with new times or modes, 1 deleted, 2 newly left out by rules";
    call().words("--dry-run").ok().expect_said(&[expected]);
    let counted = call().words("--dry-run --json").ok().json().remove(0);
    let left_out = &counted["left_out"];
    assert_eq!((&left_out["files_saved_before"], &left_out["folders_saved_before"]), (&3.into(), &2.into()));
    assert_eq!((&counted["counts"]["deleted"], &counted["counts"]["deleted_directories"]), (&6.into(), &3.into()));
    call().ok().expect_said(&[expected]);
    // What was left out the last time, too, is nothing new.
    bench.home.file("h", "7");
    bench.snap.call("create").ok().expect_said(&["1 new file, 0 modified, 0 deleted, 1 unchanged"]);
}

#[test]
fn a_file_ends_where_reading_ends() {
    let place = Path::new("/proc/sys/kernel/random");
    let Ok(content) = fs::read(place.join("poolsize")) else { return skipped("there is no /proc") };
    let bench = Bench::without_archive();
    let create = bench.snap.call("create").words("--init").arg(format!("k={}", place.display())).run().expect(3);
    create.expect_said(&["has more bytes than its file system says"]).expect_said(&["k/poolsize"]);
    let out = bench.fresh();
    bench.snap.restore(&out, 0);
    assert_eq!(fs::read(out.join("k/poolsize")).unwrap(), content);
    bench.snap.call("verify").words("--data").ok();
}

#[test]
fn what_was_read_is_never_called_a_hole() {
    if !can_trace() {
        return;
    }
    let bench = Bench::without_archive();
    let mut content = vec![b'D'; 8192];
    content.resize(65_536, 0);
    content.extend([b'E'; 4096]);
    let file = bench.home.path("f");
    let sparse = fs::File::create(&file).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, &content[..8192], 0).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, &content[65_536..], 65_536).unwrap();
    sparse.sync_all().unwrap();
    let mut strace = program("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(&file);
    strace.args(["-e", "trace=lseek", "-e", "inject=lseek:retval=69632:when=2", BINARY, "create", "--init", "-a"]);
    run(strace.arg(bench.snap.archive()).arg(bench.home.root()));
    let out = bench.fresh();
    bench.snap.restore(&out, 0);
    assert!(fs::read(out.join("home/f")).unwrap() == content);
    bench.snap.call("verify").words("--data").ok();
}

#[test]
fn the_file_systems_of_sources_are_synced_first() {
    if !can_trace() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("f", "1");
    let calls = |option: &str| {
        let log = bench.fresh();
        let mut strace = program("strace");
        strace.args(["-f", "-qq", "-e", "trace=syncfs", "-o"]).arg(&log).args([BINARY, "create", option, "-a"]);
        run(strace.arg(bench.snap.archive()).arg(bench.home.root())).expect(0);
        fs::read_to_string(log).unwrap().matches("syncfs(").count()
    };
    let without = calls("--no-sync");
    bench.home.file("f", "22");
    assert_eq!(calls("--level=3"), without + 1);
}

#[test]
fn what_one_file_system_leaves_out_is_named() {
    if !as_root() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("x", "mine").dir("d");
    let line = "mkdir \"$1\" && mount -t tmpfs none \"$1\" && echo other >\"$1/o\" && mount --bind \"$1/o\" \"$4/x\" &&
                mount -t tmpfs none \"$4/d\" || exit 77; exec \"$2\" create --one-file-system -a \"$3\" \"$4\"";
    let other = bench.path("other");
    let words = [other.as_os_str(), BINARY.as_ref(), bench.snap.archive().as_os_str(), bench.home.root().as_os_str()];
    let outcome = run(program("unshare").args(["-m", "sh", "-c", line, "sh"]).args(words));
    if outcome.status == 77 || outcome.err().contains("unshare") {
        return skipped("nothing can be mounted here");
    }
    let said = outcome.expect(0).err();
    assert!(said.contains("home/x is on another") && said.contains("home/d is on another"), "{said}");
    assert_eq!(listed(&bench.snap), ["home", "home/d"]);
}

#[test]
fn file_systems_that_show_the_system_are_left_out_below_a_source() {
    if !as_root() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("f", "1").dir("p");
    let line = "mount -t proc none \"$3/p\" || exit 77; exec \"$1\" create -a \"$2\" \"$3\"";
    let words = [BINARY.as_ref(), bench.snap.archive().as_os_str(), bench.home.root().as_os_str()];
    let outcome = run(program("unshare").args(["-m", "sh", "-c", line, "sh"]).args(words));
    if outcome.status == 77 || outcome.err().contains("unshare") {
        return skipped("nothing can be mounted here");
    }
    outcome.expect(0);
    assert_eq!(listed(&bench.snap), ["home", "home/f", "home/p"]);
}

#[test]
fn a_dropped_source_is_no_longer_saved_and_stays_as_it_was() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    let work = tree(&bench, "work", "kept");
    bench.snap.create(&[bench.home.root(), work.root()]);
    let document = bench.snap.call("sources").words("--drop work --json").ok().json().remove(0);
    assert_eq!((&document["dropped"], &document["snapshot"]), (&"work".into(), &2.into()));
    work.remove("");
    bench.home.file("f", "22");
    let saved = bench.snap.call("create").words("--json").ok().json().remove(0);
    assert_eq!((&saved["counts"]["modified"], &saved["counts"]["deleted"]), (&1.into(), &0.into()));

    assert!(listed(&bench.snap).contains(&"work/f".to_owned()), "nothing of it is deleted");
    assert_eq!(fs::read(bench.restored(0).join("work/f")).unwrap(), b"kept");
    let sources = bench.snap.call("sources").words("--json").ok().json().remove(0)["sources"].clone();
    assert_eq!((&sources[1]["dropped"], &sources[1]["last_read"]["snapshot"]), (&true.into(), &1.into()));
    assert!(!bench.snap.call("list").ok().out().lines().last().unwrap().contains("work"));
    bench.snap.call("verify").words("--data").ok();
    let drive = bench.fresh();
    crate::support::replay::stock_replay(bench.snap.archive(), 3, &drive);
    assert_eq!(fs::read(drive.join("work/f")).unwrap(), b"kept", "for stock tar, too");

    bench.snap.call("sources").words("--drop work").fails(1);
    bench.snap.call("sources").words("--drop nope").fails(1).expect_said(&["nope", "snap sources"]);
    let work = tree(&bench, "work", "again");
    bench.snap.create(&[work.root()]);
    assert_eq!(fs::read(bench.restored(0).join("work/f")).unwrap(), b"again");
    bench.snap.call("create").ok();
}

#[test]
fn when_all_are_dropped_there_is_nothing_to_save() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    bench.snap.call("sources").words("--drop home").ok();
    bench.snap.call("create").fails(1).expect_said(&["dropped"]);
    bench.save();
}

#[test]
fn sources_of_another_computer_are_left_as_they_are() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    let create = |host: &str| bench.snap.call("create").words("--host").arg(host);
    create("anns").arg(bench.home.root()).ok();
    create("bobs").fails(1).expect_said(&["another computer", "anns", "--moved"]);
    create("bobs").arg(bench.home.root()).fails(1).expect_said(&["anns", "bobs", "--moved"]);
    let work = tree(&bench, "work", "1");
    create("bobs").arg(work.root()).ok();

    bench.home.file("f", "22");
    work.file("f", "22");
    let saved = create("bobs").words("--json").ok();
    assert!(saved.err().contains("home is saved by the computer anns"), "{}", saved.shown());
    assert_eq!(saved.json().remove(0)["counts"]["modified"], 1);
    let sources = bench.snap.call("sources").words("--json").ok().json().remove(0)["sources"].clone();
    assert_eq!((&sources[0]["host"], &sources[1]["host"]), (&"anns".into(), &"bobs".into()));

    create("bobs").words("--moved").ok();
    create("bobs").ok();
    let sources = bench.snap.call("sources").words("--json").ok().json().remove(0)["sources"].clone();
    assert_eq!(sources[0]["host"], "bobs");
}

#[test]
fn a_single_file_is_a_source() {
    let bench = Bench::new();
    bench.home.file("notes.txt", "one").file("large", crate::support::tree::noise(7, 20 << 20)).file("f", "beside");
    bench.home.mode("notes.txt", 0o640).hard_link("notes.txt", "other name");
    let named = |name: &str, file: &str| format!("{name}={}", bench.home.path(file).display());
    let call = || bench.snap.call("create").arg(bench.home.path("notes.txt")).arg(named("big", "large"));
    call().ok();
    assert_eq!(listed(&bench.snap), ["big", "notes.txt"]);
    let check = |content: &str| {
        let out = bench.restored(0);
        assert_eq!(fs::read_to_string(out.join("notes.txt")).unwrap(), content);
        assert_eq!(fs::read(out.join("big")).unwrap(), fs::read(bench.home.path("large")).unwrap());
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(out.join("notes.txt")).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o640);
        let stock = bench.fresh();
        crate::support::replay::stock_replay(bench.snap.archive(), bench.snap.snapshots(), &stock);
        assert_eq!(fs::read_to_string(stock.join("notes.txt")).unwrap(), content);
        bench.snap.call("verify").words("--data").ok();
    };
    check("one");
    bench.snap.call("create").ok().expect_said(&["Nothing has changed"]);

    bench.home.file("notes.txt", "two and more");
    let dry = bench.snap.call("create").words("--dry-run").ok().out();
    assert!(dry.contains("~ notes.txt"), "{dry}");
    bench.snap.call("create").ok();
    check("two and more");

    // Together with folders, before and behind them in the order of names.
    let work = tree(&bench, "middle", "1");
    bench.snap.create(&[work.root()]);
    bench.home.file("notes.txt", "three").mode("notes.txt", 0o640);
    bench.snap.call("create").ok();
    assert_eq!(listed(&bench.snap), ["big", "middle", "middle/f", "notes.txt"]);
    check("three");

    // Gone, it is a problem like any other source.
    bench.home.remove("notes.txt");
    bench.snap.call("create").fails(3).expect_said(&["notes.txt"]);
    bench.home.dir("notes.txt");
    bench.home.file("notes.txt/f", "1");
    bench.snap.call("create").fails(3).expect_said(&["was a file"]);
    check("three");
}

#[test]
fn rules_that_are_switches_are_remembered_and_taken_away() {
    let bench = Bench::new();
    bench.home.file("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55").file("cache/f", "1");
    bench.snap.call("create").arg(bench.home.root()).words("--exclude-caches --one-file-system --exclude *.iso").ok();
    let rules = || {
        let record = bench.snap.call("sources").words("--json").ok().json().remove(0)["sources"][0].clone();
        let is_on = |name: &str| record["rules"][name].as_bool().unwrap_or_default();
        (is_on("exclude_caches"), is_on("one_file_system"))
    };
    assert_eq!(rules(), (true, true));
    assert!(!listed(&bench.snap).contains(&"home/cache/f".to_owned()));
    bench.snap.call("create").words("--no-exclude-caches").ok().expect_said(&["taken away --exclude-caches"]);
    assert_eq!(rules(), (false, true));
    assert!(listed(&bench.snap).contains(&"home/cache/f".to_owned()));
    bench.snap.call("create").words("--no-one-file-system").ok();
    assert_eq!(rules(), (false, false));
    bench.snap.call("create").words("--no-exclude *.iso").ok();
    bench.snap.call("create").words("--exclude-caches --no-exclude-caches").fails(2);
}

#[test]
fn an_archive_in_a_source_is_left_out_and_named() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    let snap = Snap::new(bench.home.path("archive"));
    let said = snap.call("create").words("--init").arg(bench.home.root()).ok().err();
    assert!(said.contains("home/archive is the archive itself"), "{said}");
    assert_eq!(listed(&snap), ["home", "home/f"]);
}

#[test]
fn hard_links_of_a_file_system_with_another_number_are_no_changed_metadata() {
    if !as_root() || !crate::support::command::installed("mkfs.btrfs") {
        return;
    }
    let bench = Bench::new();
    let line =
        "exec 3>&1 >&2; cd \"$1\" && truncate -s 120M image && mkfs.btrfs -q image && mkdir m && mount -o loop image m || exit 77
                btrfs -q subvolume create m/v && echo 1 >m/v/a && ln m/v/a m/v/b && sync || exit 77
                btrfs -q subvolume snapshot -r m/v m/s1 && btrfs -q subvolume snapshot -r m/v m/s2 || exit 77
                sleep 4; \"$2\" create -q -a \"$3\" home=m/s1 && \"$2\" create --json -a \"$3\" home=m/s2 >&3";
    let place = bench.path("");
    let words = [place.as_os_str(), BINARY.as_ref(), bench.snap.archive().as_os_str()];
    let outcome = run(program("unshare").args(["-m", "sh", "-c", line, "sh"]).args(words));
    if outcome.status == 77 || outcome.err().contains("unshare") {
        return skipped("btrfs cannot be mounted here");
    }
    let counts = outcome.expect(0).json().remove(0)["counts"].clone();
    assert_eq!((&counts["metadata"], &counts["unchanged"]), (&0.into(), &2.into()), "{counts}");
}

#[test]
fn what_is_said_of_sources_is_remembered_even_if_nothing_in_them_has_changed() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    let work = tree(&bench, "work", "1");
    bench.snap.create(&[bench.home.root(), work.root()]);
    bench.snap.call("create").words("--exclude *.tmp").ok();
    bench.home.file("a.tmp", "1");
    work.file("a.tmp", "1");
    bench.snap.call("create").ok();
    assert!(!listed(&bench.snap).iter().any(|path| path.contains(".tmp")), "the rule holds");

    work.remove("");
    bench.snap.call("create").fails(3);
    bench.snap.create(&[bench.home.root()]);
    bench.snap.call("create").ok();

    let snapshots = bench.snap.snapshots();
    bench.snap.call("create").ok();
    bench.save();
    assert_eq!(bench.snap.snapshots(), snapshots, "nothing new was said");
}

/// A source called `home` that is called `papers` since snapshot 3, and copies of the sources at snapshots 1 and 2.
fn renamed() -> (Bench, Vec<std::path::PathBuf>) {
    let bench = Bench::new();
    bench.home.file("a/b/c", noise(1, 9000)).file("f", noise(2, 50_000)).dir("empty").symlink("link", "f");
    let other = tree(&bench, "other", "stays");
    bench.snap.call("create").words("--exclude *.tmp").arg(bench.home.root()).arg(other.root()).ok();
    let mut copies = vec![bench.copy()];
    bench.home.rename("a", "d").file("new", "new").remove("empty").file(".snap-move-1", "not aside");
    bench.snap.call("create").ok();
    copies.push(bench.copy());
    let said = bench.snap.call("sources").words("--rename home papers").ok();
    assert!(said.said().contains("home is called papers, from snapshot 3 on"), "{}", said.shown());
    fs::rename(bench.home.root(), bench.sources().join("papers")).unwrap();
    (bench, copies)
}

#[test]
fn a_source_gets_another_name_and_nothing_of_it_is_stored_again() {
    let (bench, copies) = renamed();
    let [bundle] = &bundles_of(bench.snap.archive(), 3)[..] else { panic!("one bundle") };
    assert!(manifest::stored_files(bundle).is_empty() && bundle.metadata().unwrap().len() < 4000);
    check_bundle_with_stock_tools(bundle);
    for without_index in [false, true] {
        if without_index {
            fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
        }
        for (number, copy) in copies.iter().enumerate() {
            assert_same_below(copy, &bench.restored(number + 1), Level::Everything);
        }
        assert_same_below(&bench.sources(), &bench.restored(3), Level::Everything);
        bench.snap.call("verify").words("--data").ok();
    }
    for number in 1..=3 {
        let expected = copies.get(number - 1).map_or_else(|| bench.sources(), Clone::clone);
        let (replayed, recovered) = (bench.fresh(), bench.fresh());
        stock_replay(bench.snap.archive(), number, &replayed);
        assert_same_below(&expected, &replayed, Level::Stock);
        let number = number.to_string();
        recover(bench.snap.archive(), &bench.path("tools"), &[number.as_ref(), recovered.as_os_str()]).expect_ok();
        assert_same_below(&expected, &recovered, Level::Tar);
    }
}

#[test]
fn what_is_known_of_a_renamed_source_goes_with_it() {
    let (bench, _) = renamed();
    let document = bench.snap.call("sources").words("--json").ok().json().remove(0);
    let papers = &document["sources"][1];
    assert_eq!((&papers["name"], &papers["renamed_from"]), (&"papers".into(), &"home".into()));
    assert_eq!((&papers["last_read"]["snapshot"], &papers["rules"]["exclude"][0]), (&2.into(), &"*.tmp".into()));
    // By its path it is the one that it was; nothing in it is new.
    fs::rename(bench.sources().join("papers"), bench.home.root()).unwrap();
    bench.home.file("x.tmp", "left out").append("f", "more");
    bench.snap.call("create").arg(bench.home.root()).ok();
    let [bundle] = &bundles_of(bench.snap.archive(), 4)[..] else { panic!("one bundle") };
    assert_eq!(manifest::stored_files(bundle).len(), 1);
    assert!(listed(&bench.snap).contains(&"papers/d/b/c".to_owned()));
    bench.snap.call("verify").words("--data").ok();
    bench.home.remove("x.tmp");
    bench.snap.call("create").ok();
    bench.snap.call("sources").words("--rename papers home").ok();
    let out = bench.fresh();
    bench.snap.restore(&out, 0);
    assert_same_below(&bench.sources(), &out, Level::Everything);
}

#[test]
fn names_that_cannot_be_are_refused_and_a_file_keeps_its_name() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    let other = tree(&bench, "other", "1");
    bench.snap.create(&[bench.home.root(), other.root(), &other.path("f")]);
    for (words, why) in [
        ("nope x", "there is no source"),
        ("home other", "there is a source 'other' already"),
        ("home home", "already"),
        ("home a/b", "cannot be the name"),
        ("home .snap-x", "cannot be the name"),
        ("f g", "not a directory"),
    ] {
        bench.snap.call("sources").words("--rename").words(words).fails(1).expect_said(&[why]);
    }
    bench.snap.call("sources").words("--rename home").fails(2);
    bench.snap.call("sources").words("--rename home x --drop other").fails(2);
    assert_eq!(bench.snap.snapshots(), 1);
}

#[test]
fn what_could_not_be_saved_of_a_source_is_spared_under_its_new_name() {
    let bench = Bench::new();
    bench.home.file("f", "1").file("closed/precious", "1").mode("closed", 0);
    bench.give_to_user();
    let call = |words: &str| bench.user_call(words).map(|call| call.run());
    let Some(saved) = bench.user_call("create").map(|call| call.arg(bench.home.root()).run()) else { return };
    assert_eq!(saved.status, 3, "{}", saved.shown());
    let renamed = call("sources --rename home papers").unwrap();
    assert_eq!(renamed.status, 0, "{}", renamed.shown());
    bench.home.mode("closed", 0o755);
    let place = bench.sources().join("papers");
    fs::rename(bench.home.root(), &place).unwrap();
    fs::write(place.join("surplus"), "x").unwrap();
    let restored =
        bench.user_call("restore").unwrap().words("--overwrite --delete --yes --to").arg(bench.sources()).run();
    assert!(place.join("closed/precious").exists() && !place.join("surplus").exists(), "{}", restored.shown());
}

#[test]
fn a_damaged_bundle_in_which_a_source_was_renamed_is_repaired() {
    for with_index in [true, false] {
        let (bench, copies) = renamed();
        let bundle = bundles_of(bench.snap.archive(), 3).remove(0);
        let mut bytes = fs::read(&bundle).unwrap();
        let at = bytes.len() - 60;
        bytes[at] ^= 1;
        fs::write(&bundle, bytes).unwrap();
        if !with_index {
            fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
        }
        bench.snap.call("repair").run();
        bench.snap.call("verify").words("--data").ok();
        assert_same_below(&copies[1], &bench.restored(2), Level::Everything);
        let out = bench.fresh();
        bench.snap.call("restore").words("--at 3 --to").arg(&out).run().expect(if with_index { 0 } else { 3 });
        assert_same_below(&bench.sources(), &out, Level::Stock);
    }
}

#[test]
fn a_first_run_that_was_cut_off_says_what_the_next_one_saves() {
    let bench = Bench::new();
    bench
        .home
        .file("a", noise(1, 90_000))
        .file("b", noise(2, 90_000))
        .file("c.tmp", "left out")
        .mtime("", 1_000_000, 0);
    bench.snap.call("create").words("--max-part 64KiB --exclude *.tmp").arg(bench.home.root()).ok();
    let parts = bundles_of(bench.snap.archive(), 1);
    assert!(parts.len() > 1);
    fs::remove_file(parts.last().unwrap()).unwrap();
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    bench.snap.call("create").ok();
    assert_eq!(listed(&bench.snap), ["home", "home/a", "home/b"]);
    assert_eq!(bundles_of(bench.snap.archive(), 1).len(), parts.len() - 1);
    bench.home.remove("c.tmp").mtime("", 1_000_000, 0);
    bench.assert_restores();
}
