//! Which source a typed rule is for, and what can be no source. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::mounted::Bound;
use crate::support::snap::Snap;
use crate::support::tree::Tree;
use std::fs;
use std::path::Path;

/// Sources with these files, next to each other.
fn sources(bench: &Bench, files: &[&str]) -> Vec<Tree> {
    let around = Tree::at(bench.sources());
    for file in files {
        around.file(file, "precious");
    }
    let mut names: Vec<&str> = files.iter().filter_map(|file| file.split('/').next()).collect();
    names.dedup();
    names.into_iter().map(|name| Tree::at(bench.sources().join(name))).collect()
}

/// The files that are saved by a rule, typed in the folder around the sources.
#[track_caller]
fn saved(files: &[&str], rule: &str) -> Vec<String> {
    let bench = Bench::without_archive();
    let sources = sources(&bench, files);
    let rule = rule.replace("AROUND", bench.sources().to_str().unwrap());
    let snap = Snap::new(bench.fresh());
    let mut call = snap.call("create").words("--init --exclude").arg(&rule);
    for source in &sources {
        call = call.arg(source.root());
    }
    call.in_directory(&bench.sources()).ok();
    // The next run names nothing, and does the same.
    snap.call("create").words("--allow-empty").ok();
    let listed = snap.call("ls").words("-R").ok().out();
    listed.lines().filter(|line| !line.ends_with('/')).map(str::to_owned).collect()
}

#[test]
fn a_rule_that_leads_into_a_source_holds_in_that_source_alone() {
    let files = ["d/c", "d/f", "e/d/c", "e/d/f"];
    for rule in ["./d/c", "d/c", "AROUND/d/c"] {
        assert_eq!(saved(&files, rule), ["d/f", "e/d/c", "e/d/f"], "{rule}");
    }
    for rule in ["./e/d/c", "e/d/c", "AROUND/e/d/c"] {
        assert_eq!(saved(&files, rule), ["d/c", "d/f", "e/d/f"], "{rule}");
    }
    for rule in ["./d", "./d/", "AROUND/d", "AROUND/d/"] {
        assert_eq!(saved(&files, rule), files, "{rule}: a source is not left out as a whole");
    }
    let files = ["d/c.o", "d/f", "e/d/c.o", "e/d/x.o"];
    assert_eq!(saved(&files, "d/*.o"), ["d/f", "e/d/c.o", "e/d/x.o"]);
}

#[test]
fn a_rule_means_the_file_that_is_listed_so() {
    assert_eq!(saved(&["p/z", "p/p/z"], "p/z"), ["p/p/z"]);
    assert_eq!(saved(&["p/z", "p/p/z"], "p/p/z"), ["p/z"]);
    assert_eq!(saved(&["p/a.o", "p/p/b.o"], "p/*.o"), ["p/p/b.o"]);
}

#[test]
fn a_rule_that_leads_into_no_source_is_one_of_git_in_each() {
    assert_eq!(saved(&["d/f", "e/d/c", "g/d/c"], "d/c"), ["d/f"]);
    assert_eq!(saved(&["p/f", "p/p/z"], "p/z"), ["p/f"]);
    assert_eq!(saved(&["d/x/c", "e/x/c", "e/y/x/c"], "x/c"), ["e/y/x/c"]);
    assert_eq!(saved(&["d/x/c", "d/f", "e/x/c"], "**/c"), ["d/f"]);
    assert_eq!(saved(&["d/c", "e/d/c"], "c"), Vec::<String>::new());
    assert_eq!(saved(&["d/c", "d/f", "e/c"], "/c"), ["d/f"]);
}

#[test]
fn a_rule_for_one_source_is_taken_away_as_it_was_typed() {
    for rule in ["d/c", "./d/c"] {
        let bench = Bench::new();
        let sources = sources(&bench, &["d/c", "e/d/c"]);
        let paths: Vec<&Path> = sources.iter().map(Tree::root).collect();
        let create = || bench.snap.call("create").in_directory(&bench.sources());
        create().words("--exclude").arg(rule).arg(paths[0]).arg(paths[1]).ok();
        create().words("--no-exclude").arg(rule).ok().expect_said(&["taken away --exclude '/c'"]);
        assert!(bench.snap.call("ls").words("-R").ok().out().contains("d/c"));
        create().words("--no-exclude").arg(rule).fails(1).expect_said(&["no source has the rule"]);
    }
}

#[test]
fn the_folders_on_the_way_to_where_a_rule_was_typed_are_no_patterns() {
    let bench = Bench::new();
    bench.home.file("a[1]/c", "x").file("a1/c", "precious");
    let call = bench.snap.call("create").words("--exclude ./c").arg(bench.home.root());
    call.in_directory(&bench.home.root().join("a[1]")).ok();
    let listed = bench.snap.call("ls").words("-R").ok().out();
    assert!(listed.contains("home/a1/c") && !listed.contains("home/a[1]/c"), "{listed}");
}

#[test]
fn a_path_to_a_source_that_fits_nothing_is_named() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    let call = bench.snap.call("create").words("--exclude ./home").arg(bench.home.root());
    call.in_directory(&bench.sources()).ok().expect_said(&["'./home' matches nothing"]);
}

#[test]
fn the_archive_is_no_source_under_another_path() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    let at = bench.path("shown");
    fs::create_dir(&at).unwrap();
    for part in ["", "bundles", "index"] {
        let Some(_bound) = Bound::new(&bench.snap.archive().join(part), at.clone()) else { return };
        for source in if part.is_empty() { vec![at.clone(), at.join("bundles")] } else { vec![at.clone()] } {
            bench.snap.call("create").arg(source).fails(1).expect_said(&["archive itself"]);
        }
        let target = at.join("new");
        bench.snap.call("restore").words("--to").arg(&target).fails(1).expect_said(&["archive itself"]);
        assert!(!target.exists());
    }
    assert_eq!(bench.snap.snapshots(), 1);
}

#[test]
fn parts_of_the_archive_that_are_shown_in_a_source_are_left_out() {
    for part in ["", "bundles", "index"] {
        let bench = Bench::new();
        bench.home.file("f", "1").dir("shown");
        bench.save();
        let Some(_bound) = Bound::new(&bench.snap.archive().join(part), bench.home.path("shown")) else { return };
        let said = bench.snap.call("create").words("--allow-empty").ok().err();
        assert!(said.contains("home/shown is the archive itself"), "{said}");
        let listed = bench.snap.call("ls").words("-R").ok().out();
        assert!(!listed.contains("shown/"), "{listed}");
    }
}

#[test]
fn no_archive_is_made_in_an_archive() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    for round in 0..2 {
        for place in ["new", "bundles/new", "index"] {
            let place = bench.snap.archive().join(place);
            if round == 0 && !place.parent().unwrap().is_dir() {
                continue;
            }
            let inner = Snap::new(place);
            inner.call("init").fails(1).expect_said(&["it is in the archive at"]);
            inner.call("create").words("--init").arg(bench.home.root()).fails(1);
        }
        bench.save();
    }
    // A file that is called so is no archive yet.
    let around = Tree::at(bench.path("around"));
    around.file("archive.toml", "[mine]\n");
    Snap::new(around.path("inner")).call("init").ok();
}
