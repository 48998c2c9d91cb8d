//! Restores of everything over symlinks that are where the snapshot has folders. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::command::Outcome;
use crate::support::tree::Tree;
use std::fs;

/// A source with folders in it, saved, and a target with the same in it, beside a folder `out`.
fn scene() -> (Bench, Tree) {
    let bench = Bench::new();
    bench.home.file("d/e/f", "1").file("d/g", "1").file("x/y", "1").dir("empty");
    bench.save();
    let around = Tree::at(bench.fresh());
    around.dir("in").file("out/kept", "mine").file("out/e/f", "mine");
    bench.snap.call("restore").words("--overwrite --to").arg(around.path("in")).ok();
    (bench, around)
}

/// Moves a folder of the target, and leaves a link to it.
fn leave_a_link(around: &Tree, from: &str, to: &str, link: &str) {
    fs::create_dir_all(around.path(to).parent().unwrap()).unwrap();
    fs::rename(around.path(from), around.path(to)).unwrap();
    around.symlink(from, link);
}

fn restored(bench: &Bench, around: &Tree, words: &str) -> Outcome {
    let outcome =
        bench.snap.call("restore").words("--overwrite --yes").words(words).words("--to").arg(around.path("in")).run();
    assert_eq!(fs::read(around.path("out/kept")).unwrap(), b"mine");
    assert_eq!(fs::read(around.path("out/e/f")).unwrap(), b"mine");
    outcome
}

#[test]
fn a_link_to_a_folder_in_the_target_is_gone_through() {
    for words in ["", "--delete"] {
        for (from, to, link) in [
            ("in/home/d", "in/moved", "../moved"),
            ("in/home/d/e", "in/moved", "../../moved"),
            ("in/home/d", "in/home/moved", "moved"),
            ("in/home/d/e", "in/home/x/deep/moved", "../x/deep/moved"),
            ("in/home/empty", "in/moved", "../moved"),
            ("in/home", "in/moved", "moved"),
        ] {
            let (bench, around) = scene();
            leave_a_link(&around, from, to, link);
            let inside = around.path(from);
            let changed = if around.path("in/home/d/e/f").exists() { "in/home/d/e/f" } else { "in/home/x/y" };
            fs::write(around.path(changed), "changed").unwrap();
            fs::write(inside.join("extra"), "x").unwrap();
            restored(&bench, &around, words).expect_ok();
            assert!(inside.is_symlink(), "{from}");
            assert_eq!(fs::read(around.path(changed)).unwrap(), b"1", "{from} {words}");
            assert_eq!(inside.join("extra").exists(), words.is_empty(), "{from} {words}");
            restored(&bench, &around, words).expect_ok();
            assert_eq!(fs::read(around.path("in/home/d/e/f")).unwrap(), b"1", "{from} {words}");
        }
    }
}

#[test]
fn a_link_out_of_the_target_is_left_alone_and_named() {
    for words in ["", "--delete", "--keep", "--dry-run"] {
        for (at, link) in [
            ("home/d", "../../out"),
            ("home/d/e", "../../../out"),
            ("home", "../out"),
            ("home/d", "/"),
            ("home/d", ".."),
            ("home/d/e", "../.."),
            ("home/d", "x"),
            ("home/d", "x/../../home"),
        ] {
            let (bench, around) = scene();
            around.remove(format!("in/{at}")).symlink(format!("in/{at}"), link);
            fs::write(around.path("in/home/x/y").parent().unwrap().join("y"), "changed").unwrap_or_default();
            let outcome = restored(&bench, &around, words).expect(3);
            outcome.expect_said(&[&format!("{at}: "), "symlink"]);
            assert!(around.path(format!("in/{at}")).is_symlink(), "{at} {link}");
            if at != "home" && words != "--dry-run" {
                assert_eq!(fs::read(around.path("in/home/x/y")).unwrap(), b"1", "{at} {link}: the rest is restored");
                assert!(!around.path("in/home/x/g").exists() && !around.path("in/home/x/f").exists());
            }
        }
    }
}

#[test]
fn a_link_to_no_folder_is_replaced_as_a_file_is() {
    for link in ["nowhere", "d", "x/y"] {
        let (bench, around) = scene();
        around.remove("in/home/d").symlink("in/home/d", link);
        restored(&bench, &around, "").expect_ok();
        assert!(!around.path("in/home/d").is_symlink(), "{link}");
        assert_eq!(fs::read(around.path("in/home/d/e/f")).unwrap(), b"1");
    }
}

#[test]
fn two_links_to_one_folder_are_not_mixed() {
    let (bench, around) = scene();
    around.remove("in/home/d").remove("in/home/x").file("in/moved/own", "mine");
    around.symlink("in/home/d", "../moved").symlink("in/home/x", "../moved/.");
    restored(&bench, &around, "").expect(3).expect_said(&["home/x: "]);
    assert_eq!(fs::read(around.path("in/moved/e/f")).unwrap(), b"1");
    assert!(!around.path("in/moved/y").exists() && around.path("in/moved/own").exists());
}

#[test]
fn a_link_in_a_source_is_gone_through_in_place() {
    for words in ["", "--delete"] {
        let bench = Bench::new();
        bench.home.file("d/f", "1").file("x", "1");
        bench.save();
        bench.home.rename("d", "real").symlink("d", "real").file("real/f", "changed");
        bench.snap.call("restore").words("--in-place --yes").words(words).ok();
        assert!(bench.home.path("d").is_symlink());
        assert_eq!(fs::read(bench.home.path("real/f")).unwrap(), b"1");
        let outside = Tree::at(bench.path("outside"));
        outside.file("f", "mine");
        bench.home.remove("d").symlink("d", outside.root().as_os_str().as_encoded_bytes());
        let told = bench.snap.call("restore").words("--in-place --yes").words(words).fails(3);
        told.expect_said(&["home/d: ", "symlink"]);
        assert_eq!(fs::read(outside.path("f")).unwrap(), b"mine");
    }
}

#[test]
fn what_the_snapshot_has_as_a_link_or_file_takes_the_place_of_a_link() {
    let bench = Bench::new();
    bench.home.symlink("l", "target").file("f", "1").dir("target");
    bench.save();
    let around = Tree::at(bench.fresh());
    around
        .file("out/kept", "mine")
        .file("out/e/f", "mine")
        .dir("in/home")
        .symlink("in/home/l", "../../out")
        .symlink("in/home/f", "../../out");
    restored(&bench, &around, "").expect_ok();
    assert_eq!(fs::read_link(around.path("in/home/l")).unwrap().to_str(), Some("target"));
    assert_eq!(fs::read(around.path("in/home/f")).unwrap(), b"1");
}
