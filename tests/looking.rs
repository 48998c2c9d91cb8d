//! Finding entries: `ls` in the order of a tree, patterns, lines that can be typed again, and where else something is. Knows
//! the command line only.

use crate::support::bench::Bench;
use crate::support::command::Outcome;
use crate::support::tree::Tree;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

fn lines(outcome: &Outcome) -> Vec<String> {
    outcome.out().lines().map(str::to_owned).collect()
}

#[test]
fn a_tree_is_listed_in_its_order_with_the_sizes_of_folders() {
    let bench = Bench::new();
    bench.home.file("a/b/c", "12345").file("a/z", "1").file("a-b", "").file("a/b.x", "12").dir("empty");
    bench.save();
    let all = bench.snap.call("ls").words("-R").ok();
    let order = ["home/", "home/a/", "home/a/b/", "home/a/b/c", "home/a/b.x", "home/a/z", "home/a-b", "home/empty/"];
    assert_eq!(lines(&all), order);
    let sizes = bench.snap.call("ls").words("-Rs").ok();
    let sized: Vec<u64> =
        lines(&sizes).iter().map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect();
    assert_eq!(sized, [8, 8, 5, 5, 2, 1, 0, 0]);
    assert_eq!(
        lines(&bench.snap.call("ls").words("-s home").ok())[0].split_whitespace().collect::<Vec<_>>(),
        ["8", "home/a/"]
    );
    let document = bench.snap.call("ls").words("-s --json").ok().json().remove(0);
    assert_eq!(document["size"], 8);
}

#[test]
fn a_deep_tree_is_listed() {
    let bench = Bench::new();
    bench.home.deep_file(&vec![b"d".to_vec(); 60], b"f", b"1");
    bench.home.file("d/d/d/z", "1").file("z", "1");
    bench.save();
    let all = lines(&bench.snap.call("ls").words("-R").ok());
    assert_eq!((all.len(), all[all.len() - 2].as_str(), all[all.len() - 1].as_str()), (64, "home/d/d/d/z", "home/z"));
}

#[test]
fn patterns_are_those_of_rules_and_names_go_before() {
    let bench = Bench::new();
    bench.home.file("a.txt", "1").file("b.txt", "1").file("c.md", "1").file("d/e.txt", "1").file("d/f/g.txt", "1");
    bench.home.file("*.txt", "literal").file("d/f/h.jpg", "1");
    bench.save();
    let listed = |pattern: &str| lines(&bench.snap.call("ls").arg(pattern).ok());
    assert_eq!(listed("home/[ab].txt"), ["home/a.txt", "home/b.txt"]);
    assert_eq!(listed("home/*.txt"), ["home/*.txt"], "a name that is there");
    assert_eq!(listed("home/**/*.txt").len(), 5);
    assert_eq!(listed("home/d/*"), ["home/d/e.txt", "home/d/f/"]);
    assert_eq!(listed("g.t?t"), ["home/d/f/g.txt"], "names anywhere");
    assert_eq!(listed("h?me"), ["home/"], "names of sources first");
    assert_eq!(lines(&bench.snap.call("ls").words("-R").arg("home/d*").ok()).len(), 5);
    bench.snap.call("ls").arg("home/*.pdf").fails(1).expect_said(&["*.pdf"]);
    let out = Tree::at(bench.fresh());
    bench.snap.call("restore").words("--to").arg(out.root()).arg("home/**/*.jpg").arg("home/[a]*").ok();
    assert!(out.path("home/d/f/h.jpg").exists() && out.path("home/a.txt").exists());
    assert!(!out.path("home/d/e.txt").exists() && !out.path("home/b.txt").exists());
}

#[test]
fn a_path_that_is_not_there_is_looked_for_elsewhere() {
    let bench = Bench::new();
    for (round, name) in ["old", "old", "new"].iter().enumerate() {
        bench.home.file(format!("only {round}"), "1").file(*name, round.to_string());
        if round == 2 {
            bench.home.remove("old");
        }
        bench.save();
    }
    for command in ["ls", "restore --dry-run --to nowhere", "export"] {
        let call = || bench.snap.call(command).in_directory(&bench.sources());
        call().words("home/old").fails(1).expect_said(&["snapshot 2"]);
        call().words("--at 1 home/new").fails(1).expect_said(&["snapshot 3"]);
        call().words("home/never").fails(1).expect_said(&["not in snapshot 3"]);
    }
}

#[test]
fn every_line_of_ls_names_its_entry() {
    let bench = Bench::new();
    let names: [&[u8]; 12] = [
        b"plain",
        b"a -> b",
        b"x (lost)",
        b"x",
        b"y ",
        b"y",
        b"back\\slash",
        b"back\\\\slash",
        b"caf\xe9",
        b"caf\\xe9",
        b"line\nbreak",
        b"[a]*",
    ];
    for name in names {
        bench.home.file(name, name);
    }
    bench.home.symlink("link", "a -> c");
    bench.save();
    let all = lines(&bench.snap.call("ls").words("home").ok());
    let unlike: std::collections::BTreeSet<_> = all.iter().map(|line| line.trim_end()).collect();
    assert_eq!((all.len(), unlike.len()), (names.len() + 1, names.len() + 1), "{all:?}");
    for line in &all {
        let again = bench.snap.call("ls").arg(OsString::from_vec(line.clone().into_bytes())).ok();
        assert_eq!(lines(&again), std::slice::from_ref(line));
    }
}
