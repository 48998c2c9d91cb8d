//! What a snapshot notes of entries that could not be saved completely, and who is told of it.

use crate::support::bench::Bench;
use crate::support::bench::give;
use crate::support::command::as_root;
use snap_archive::archive::noted::Unsaved;
use snap_archive::archive::open::Archive;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::path::EntryPathBuf;

fn unsaved(bench: &Bench, number: u32) -> Unsaved {
    let archive = Archive::open(bench.snap.archive()).unwrap();
    let recorder = Recorder::new();
    archive.catalog(&recorder).unwrap().unsaved(number.into()).unwrap()
}

#[track_caller]
fn assert_unsaved(bench: &Bench, number: u32, held: &[&str], not_held: &[&str]) {
    let unsaved = unsaved(bench, number);
    let holds = |path: &&str| unsaved.holds(&EntryPathBuf::from_bytes(path.as_bytes()).unwrap());
    assert!(held.iter().all(holds), "snapshot {number}: {:?}", unsaved.paths().collect::<Vec<_>>());
    assert!(!not_held.iter().any(holds), "snapshot {number}");
}

/// A bench of the ordinary user with a file and a folder in `home` that cannot be read, saved together with `work`.
fn with_closed() -> Option<Bench> {
    if !as_root() {
        return None;
    }
    let bench = Bench::new();
    bench.home.file("f", "1").file("secret", "hidden").file("closed/x", "hidden").file("open/x", "seen");
    bench.home.mode("secret", 0o000).mode("closed", 0o000);
    crate::support::tree::Tree::at(bench.sources().join("work")).file("w", "1");
    bench.give_to_user();
    let sources = [bench.home.root().to_owned(), bench.sources().join("work")];
    bench.user_call("create")?.args(&sources).fails(3);
    Some(bench)
}

#[test]
fn list_says_which_entries_could_not_be_saved() {
    let Some(bench) = with_closed() else { return };
    let snapshot = bench.snap.history().remove(0);
    let named: Vec<&str> =
        snapshot["problem_list"].as_array().unwrap().iter().map(|problem| problem["path"].as_str().unwrap()).collect();
    assert_eq!(named, ["home/secret", "home/closed"]);
    assert!(snapshot["problem_list"][0]["what"].as_str().unwrap().contains("permission"), "{snapshot}");
    let long = bench.snap.call("list").words("-v").ok().out();
    assert!(long.contains("home/secret: cannot be read") && long.contains("home/closed"), "{long}");
    let short = bench.snap.call("list").ok().out();
    assert!(short.contains("1!") && !short.contains("home/secret"), "{short}");
}

#[test]
fn what_was_there_and_is_not_in_a_snapshot_is_known_as_long_as_that_holds() {
    let Some(bench) = with_closed() else { return };
    let closed = ["home/secret", "home/closed", "home/closed/x/y"];
    let others = ["home", "home/f", "home/open/x", "work", "work/w"];
    assert_unsaved(&bench, 1, &closed, &others);

    // Of a source that was not read again nothing more is known.
    bench.user_call("create").unwrap().words("--allow-empty").arg(bench.sources().join("work")).ok();
    assert_unsaved(&bench, 2, &closed, &others);

    bench.home.mode("secret", 0o600).mode("closed", 0o755);
    give(bench.home.root());
    bench.user_call("create").unwrap().arg(bench.home.root()).ok();
    assert_unsaved(&bench, 3, &[], &closed);
    assert_unsaved(&bench, 1, &closed, &others);
}

#[test]
fn findings_have_kinds_that_programs_can_tell_apart() {
    let bench = Bench::new();
    bench.home.file("f", crate::support::tree::noise(1, 300_000));
    bench.save();
    let bundle = crate::support::replay::bundles(bench.snap.archive()).remove(0);
    let sound = std::fs::read(&bundle).unwrap();
    let kinds = |bytes: &[u8]| {
        std::fs::write(&bundle, bytes).unwrap();
        let document = bench.snap.call("verify").words("--data --json").run().json().remove(0);
        let findings = document["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(kinds(&sound).is_empty());
    let mut damaged = sound.clone();
    damaged[150_000..150_100].fill(0);
    assert_eq!(kinds(&damaged), ["frames"]);
    assert!(kinds(&sound[..sound.len() - 20]).contains(&"table".to_owned()));
}
