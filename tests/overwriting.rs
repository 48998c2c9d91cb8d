//! What `restore` writes over, deletes and leaves alone. Knows the command line only.

use crate::commands::names_in;
use crate::support::bench::Bench;
use crate::support::command::as_root;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::skipped;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::listing::below;
use crate::support::listing::inode;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

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
    let restore = || bench.snap.call("restore").words("--overwrite --to").arg(out.root());
    restore().words("--dry-run").fails(3).expect_said(&["home/d: ", "symlink"]);
    restore().fails(3).expect_said(&["home/d: ", "symlink"]);
    assert!(out.path("home/d").is_symlink() && !out.path("home/g").is_symlink());
    for name in ["f", "g"] {
        assert_eq!(fs::read(outside.path(name)).unwrap(), b"outside");
    }
    out.remove("home/d");
    restore().ok();
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
fn attributes_that_only_root_gives_go_where_the_snapshot_has_none() {
    let bench = Bench::new();
    bench.home.file("f", "1").dir("d");
    bench.save();
    if !as_root() || !installed("setfattr") {
        return;
    }
    for name in ["security.note", "trusted.note"] {
        for path in ["f", "d"] {
            let set = run(program("setfattr").args(["-n", name, "-v", "x"]).arg(bench.home.path(path)));
            if set.status != 0 {
                return skipped("no such attributes here");
            }
        }
    }
    bench.snap.call("restore").words("--in-place --yes").ok();
    for path in ["f", "d"] {
        let left = run(program("getfattr").args(["-d", "-m", "-"]).arg(bench.home.path(path))).out();
        assert!(!left.contains("note"), "{left}");
    }
}
