//! Sources that go missing after their names, or what is saved, changed, and what is kept for them. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::tree::Tree;
use std::fs;

/// Two sources, `home` and `work`, saved once.
fn two() -> (Bench, Tree) {
    let bench = Bench::new();
    bench.home.file("f", "1");
    let work = Tree::at(bench.sources().join("work"));
    work.file("g", "2");
    bench.snap.create(&[bench.home.root(), work.root()]);
    (bench, work)
}

fn take_away(tree: &Tree) {
    fs::rename(tree.root(), tree.root().with_extension("away")).unwrap();
}

#[test]
fn a_source_that_goes_missing_after_another_changed_its_name_is_told_each_time() {
    for words in [&["--rename work papers"][..], &["--drop work"], &["--rename work papers", "--rename papers more"]] {
        let (bench, work) = two();
        let extra = Tree::at(bench.sources().join("extra"));
        extra.file("h", "3");
        bench.snap.create(&[bench.home.root(), work.root(), extra.root()]);
        for words in words {
            bench.snap.call("sources").words(words).ok();
        }
        take_away(&bench.home);
        for round in 0..3 {
            extra.file("h", "x".repeat(round));
            bench.snap.call("create").fails(3).expect_said(&["home"]);
        }
        bench.snap.call("create").fails(3).expect_said(&["home"]);
    }
}

#[test]
fn the_renamed_source_itself_is_told_when_it_goes_missing() {
    let (bench, work) = two();
    bench.snap.call("sources").words("--rename work papers").ok();
    take_away(&work);
    bench.home.file("f", "more");
    bench.snap.call("create").fails(3).expect_said(&["papers"]);
    bench.snap.call("create").fails(3).expect_said(&["papers"]);
}

#[test]
fn what_was_said_to_be_no_loss_is_none_after_another_changed_its_name() {
    let (bench, work) = two();
    take_away(&bench.home);
    work.file("g", "22");
    bench.snap.create(&[work.root()]);
    bench.snap.call("sources").words("--rename work papers").ok();
    work.file("g", "333");
    bench.snap.call("create").ok();
    bench.snap.call("create").ok();
}

#[test]
fn what_was_missing_before_another_changed_its_name_is_so_afterwards() {
    let (bench, work) = two();
    take_away(&bench.home);
    bench.snap.call("create").fails(3).expect_said(&["home"]);
    bench.snap.call("sources").words("--rename work papers").ok();
    work.file("g", "333");
    bench.snap.call("create").fails(3).expect_said(&["home"]);
}

#[test]
fn a_source_is_told_to_be_missing_though_another_computer_saved_its_own_meanwhile() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    let [work, bobs] = ["work", "bobs"].map(|name| Tree::at(bench.sources().join(name)));
    work.file("g", "2");
    bobs.file("h", "3");
    let create = |host: &str| bench.snap.call("create").words("--host").arg(host);
    create("anns").arg(bench.home.root()).arg(work.root()).ok();
    create("bobs").arg(bobs.root()).ok();
    take_away(&bench.home);
    for round in 2..4 {
        work.file("g", "x".repeat(round));
        create("anns").fails(3).expect_said(&["home"]);
        bobs.file("h", "x".repeat(round));
        create("bobs").ok();
    }
}

#[test]
fn a_source_that_is_called_otherwise_or_dropped_keeps_no_snapshot_for_ever() {
    for (words, is_saved_again) in
        [("--rename work papers", true), ("--rename work papers", false), ("--drop work", true), ("--drop work", false)]
    {
        let (bench, _work) = two();
        bench.snap.call("sources").words(words).ok();
        if is_saved_again {
            bench.home.file("f", "more");
            bench.snap.call("create").ok();
        }
        let told = bench.snap.call("forget").words("--keep-last 1").ok();
        assert!(!told.out().contains("newest of"), "{}", told.shown());
        let kept = bench.snap.call("list").words("--json").ok().json().remove(0)["snapshots"].as_array().unwrap().len();
        assert_eq!(kept, 1, "{words} {is_saved_again}: {}", told.shown());
        bench.snap.call("prune").ok();
        let document = bench.snap.call("sources").words("--json").ok().json().remove(0);
        for source in document["sources"].as_array().unwrap() {
            assert!(source["last_read"]["snapshot"].is_u64(), "{document}");
        }
        bench.snap.call("verify").words("--data").ok();
    }
}

#[test]
fn the_newest_that_read_a_source_under_its_older_name_stays() {
    let (bench, _work) = two();
    bench.snap.call("sources").words("--rename work papers").ok();
    for round in 2..4 {
        bench.home.file("f", "x".repeat(round));
        bench.snap.create(&[bench.home.root()]);
    }
    let told = bench.snap.call("forget").words("--keep-last 1 --dry-run").ok();
    assert!(told.out().contains("newest of papers"), "{}", told.shown());
    bench.snap.call("forget").words("1").fails(1).expect_said(&["it is the newest that read papers"]);
}
