//! Names of one symlink as `recover.sh` makes them again: all of them, and nothing where a symlink leads.

use crate::recover::names_of_one;
use crate::recover::shells;
use crate::support::bench::Bench;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use std::fs;
use std::os::unix::ffi::OsStrExt;

/// Fails the test unless each shell brings the newest snapshot back with all names of each thing.
#[track_caller]
fn assert_names_come_back(bench: &Bench) {
    for name in shells() {
        let out = bench.fresh();
        let script = bench.snap.archive().join("recover.sh");
        run(&mut shell(&format!("{name} \"$1\" \"$2\""), &[&script, &out])).expect_silent();
        assert_same_below(&bench.sources(), &out, Level::Tar);
        assert_eq!(names_of_one(&out), names_of_one(&bench.sources()), "{name}");
    }
}

#[test]
fn nothing_is_written_where_a_symlink_with_several_names_leads() {
    let bench = Bench::new();
    let outside = bench.path("outside");
    fs::create_dir(&outside).unwrap();
    bench.home.dir("in").dir("ends in\n").file("in/f", "f");
    bench.home.symlink("a", outside.as_os_str().as_bytes()).hard_link("a", "b").hard_link("a", "in/a");
    bench.home.symlink("up", "..").hard_link("up", "in/up").symlink("s", "in").hard_link("s", "t");
    bench.home.symlink("n", "nowhere").hard_link("n", "o").hard_link("n", "ends in\n/p").hard_link("n", "ends in\n/q");
    bench.home.file(".snap-link", "precious").file("in/.snap-link", "precious").file(".snap-recover/time", "precious");
    bench.home.mtime("in", 1_000_000_000, 0).mtime("ends in\n", 1_000_000_000, 0);
    bench.save();
    assert_names_come_back(&bench);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_name_that_was_moved_aside_for_good_is_no_name_of_a_symlink_any_more() {
    let bench = Bench::new();
    bench
        .home
        .file("z/1", "1")
        .file("d2/2", "2")
        .dir("d")
        .symlink("a", "to")
        .hard_link("a", "d/x")
        .hard_link("a", "d/y");
    bench.save();
    bench.home.remove("a").rename("z", "a").rename("d", "q").rename("d2", "d").rename("q", "d2");
    bench.save();
    assert_names_come_back(&bench);
}
