//! Repairs that are cut off, repeated, or of what only the program shows; what is told after them.

use crate::damage::NEWEST;
use crate::damage::bundles_of;
use crate::damage::bytes;
use crate::damage::check;
use crate::damage::check_repaired;
use crate::damage::cut_off_everywhere;
use crate::damage::in_its_own_copy;
use crate::damage::number_of;
use crate::damage::repaired;
use crate::damage::story;
use crate::damage::verified;
use crate::support::bench::Bench;
use crate::support::inside::in_memory;
use crate::support::inside::options;
use crate::support::stores::Fault;
use crate::support::stores::FaultyStore;
use crate::support::stores::files;
use crate::support::tree::noise;
use snap_archive::archive::open::Archive;
use snap_archive::base::advice::Advice;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::time::Time;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::create;
use snap_archive::verbs::history;
use snap_archive::verbs::repair::RepairOptions;
use snap_archive::verbs::repair::RepairReport;
use snap_archive::verbs::repair::repair;
use snap_archive::verbs::verify::Finding;
use std::fs;
use std::sync::Arc;

/// What a repair could not mend, and what it noted as lost.
pub(crate) fn left_by(report: RepairReport) -> (Vec<Finding>, Vec<Finding>) {
    (report.left.findings, report.left.known_losses)
}

#[test]
fn an_archive_without_a_sound_description_is_told_and_gets_it_back() {
    let story = story();
    let good = bytes(&story.scene.store, "archive.toml");
    let cut = good[..good.len() / 2].to_vec();
    let other = bytes(&story.foreign, "archive.toml");
    for bad in [None, Some(vec![]), Some(cut), Some(vec![0; 512]), Some(noise(5, 1 << 20)), Some(other)] {
        let store = in_memory(&story.scene.store);
        match &bad {
            Some(bad) => store.replace("archive.toml", bad).unwrap(),
            None => store.remove("archive.toml").unwrap(),
        }
        let shown = format!("archive.toml with {:?} bytes", bad.as_ref().map(Vec::len));
        match Archive::open_store(Arc::new(store.clone())) {
            Ok(archive) => {
                assert!(!verified(&archive).findings.is_empty(), "{shown}");
                assert_eq!(story.restored(&in_its_own_copy(&store), NEWEST, &shown), None, "{shown}");
            }
            Err(error) => assert!(error.advice() == Some(&Advice::RepairDescription), "{shown}: {error:?}"),
        }
        let store: Arc<dyn Store> = Arc::new(store);
        assert_eq!(repaired(&store).unwrap().left.findings, [], "{shown}");
        check_repaired(&story, &store, 0, &shown, false);
    }
}

#[test]
fn several_damages_at_once_are_mended_in_one_go() {
    let story = story();
    let bundles: Vec<_> = files(&story.scene.store).into_iter().filter(|(name, _)| number_of(name) > 0).collect();
    let with_index = |keep: bool| {
        let store = in_memory(&story.scene.store);
        for (index, _) in files(&store).into_iter().filter(|(name, _)| name.starts_with("index/") && !keep) {
            store.remove(&index).unwrap();
        }
        store
    };
    for keep in [true, false] {
        let store = with_index(keep);
        for (name, good) in &bundles {
            let mut bad = good.clone();
            let middle = bad.len() / 2;
            bad[middle] ^= 1;
            bad.truncate(good.len() - 30);
            store.replace(name, &bad).unwrap();
        }
        check(&story, &bundles[0].0, store, &format!("all bundles damaged, index: {keep}"), true);
        // Without an index nobody knows that the one was there, if the other cannot say so.
        for (number, (name, _)) in bundles.iter().enumerate().skip(1).filter(|_| keep) {
            let store = with_index(keep);
            store.remove(&bundles[number - 1].0).unwrap();
            store.replace(name, b"").unwrap();
            let shown = format!("{name} and the one before it, index: {keep}");
            check(&story, &bundles[number - 1].0, store, &shown, number == 2);
        }
        let store = with_index(keep);
        let parts: Vec<_> = bundles.iter().filter(|(name, _)| number_of(name) == 3).collect();
        assert!(parts.len() > 3, "snapshot 3 comes in parts");
        store.remove(&parts[1].0).unwrap();
        store.replace(&parts[2].0, b"").unwrap();
        store.remove("README.txt").unwrap();
        check(&story, &parts[1].0, store, &format!("two parts side by side, index: {keep}"), true);
    }
}

#[test]
fn a_repair_that_is_cut_off_at_any_step_loses_nothing_and_the_next_one_ends_well() {
    let story = story();
    let bundles = bundles_of(&story);
    let base = in_memory(&story.scene.store);
    let mut bad = bundles[0].1.clone();
    bad[1500] ^= 1;
    base.replace(&bundles[0].0, &bad).unwrap();
    base.replace(&bundles[1].0, &bundles[1].1[..bundles[1].1.len() - 5]).unwrap();
    base.replace(&bundles[3].0, &bundles[4].1).unwrap();
    base.remove("archive.toml").unwrap();
    cut_off_everywhere(&story, &base, 1);
}

#[test]
fn a_repair_that_is_cut_off_between_two_bundles_of_one_index_file_loses_nothing() {
    let story = story();
    let bundles = bundles_of(&story);
    let base = in_memory(&story.scene.store);
    let mut bad = bundles[1].1.clone();
    bad[1500] ^= 1;
    base.replace(&bundles[1].0, &bad).unwrap();
    // Its list of changes is all that is damaged: only the index knows it.
    let mut bad = bundles[2].1.clone();
    let at = bad.len() - 60;
    bad[at] ^= 1;
    base.replace(&bundles[2].0, &bad).unwrap();
    assert!(verified(&in_its_own_copy(&base)).findings.iter().all(|finding| !finding.text().contains("missing")));
    cut_off_everywhere(&story, &base, number_of(&bundles[1].0));
}

#[test]
fn a_repair_that_is_cut_off_while_exchanged_bundles_are_put_back_loses_nothing() {
    let story = story();
    let bundles = bundles_of(&story);
    let base = in_memory(&story.scene.store);
    base.replace(&bundles[1].0, &bundles[4].1).unwrap();
    base.replace(&bundles[4].0, &bundles[1].1).unwrap();
    cut_off_everywhere(&story, &base, 0);
}

#[test]
fn a_bundle_with_another_s_name_is_not_put_back_beside_one_of_its_own_number() {
    let story = story();
    let bundles = bundles_of(&story);
    // Another second snapshot of the same archive, made at another time.
    let fork = in_memory(&story.older);
    for (name, _) in files(&fork).iter().filter(|(name, _)| name.contains("/000002")) {
        fork.remove(name).unwrap();
    }
    let archive = Archive::open_store(Arc::new(fork.clone())).unwrap();
    let options = CreateOptions { time: Some(Time::new(1_760_000_000, 0)), ..options(story.scene.home.root()) };
    create(&archive, &options, &Recorder::new()).unwrap();
    let forked = files(&fork).into_iter().find(|(name, _)| number_of(name) == 2).unwrap();
    assert_ne!(forked.0, bundles[1].0);
    let last = bundles.last().unwrap();
    let store = in_memory(&story.scene.store);
    store.replace(&last.0, &forked.1).unwrap();
    check(&story, &last.0, store, "the last one is another second one", false);
}

#[test]
fn a_file_of_a_person_in_the_folder_of_damaged_ones_stays_there() {
    let story = story();
    let store: Arc<dyn Store> = Arc::new(in_memory(&story.scene.store));
    for name in ["damaged/letter.new", "damaged/letter"] {
        store.replace(name, b"mine").unwrap();
    }
    assert_eq!(repaired(&store).unwrap().steps, []);
    assert_eq!(
        (bytes(&*store, "damaged/letter.new"), bytes(&*store, "damaged/letter")),
        (b"mine".to_vec(), b"mine".to_vec())
    );
}

#[test]
fn a_sector_that_the_drive_does_not_read_costs_what_is_in_it_and_is_mended() {
    const SECTOR: usize = 512;
    let story = story();
    for (name, good) in [&bundles_of(&story)[0], bundles_of(&story).last().unwrap()] {
        let starts = (0..good.len()).step_by(SECTOR * 5).chain([good.len() - SECTOR, good.len() - 9]);
        for start in starts {
            let shown = format!("{name}: {SECTOR} bytes at {start} of {} cannot be read", good.len());
            let bad = start as u64..(start + SECTOR) as u64;
            let below: Arc<dyn Store> = Arc::new(in_memory(&story.scene.store));
            let store: Arc<dyn Store> = FaultyStore::unreadable(below, name, bad.clone());
            let archive = Archive::open_store(store.clone()).unwrap();
            assert!(!verified(&archive).findings.is_empty(), "{shown}: verify finds nothing");
            let before = story.restored(&archive, number_of(name), &shown);
            assert!(before.is_some(), "{shown}: nothing can be restored");
            let report = repaired(&store).unwrap_or_else(|error| panic!("{shown}: {error}"));
            assert!(!report.steps.is_empty(), "{shown}");
            let archive = Archive::open_store(store.clone()).unwrap();
            let after = story.restored(&archive, number_of(name), &shown);
            assert!(after <= before, "{shown}: repair lost what could be restored: {before:?}, {after:?}");
            check_repaired(&story, &store, number_of(name), &shown, false);
        }
    }
}

#[test]
fn a_bundle_that_cannot_be_opened_for_a_moment_is_not_mended_to_an_empty_one() {
    let story = story();
    let (name, good) = &bundles_of(&story)[1];
    let base = in_memory(&story.scene.store);
    let mut bad = good.clone();
    bad[1500] ^= 1;
    base.replace(name, &bad).unwrap();
    let whole = FaultyStore::counting(Arc::new(in_memory(&base)));
    let expected = left_by(repaired(&(whole.clone() as Arc<dyn Store>)).unwrap());
    let opens = |(_, step): &(usize, String)| *step == format!("open {name}");
    let steps: Vec<_> = whole.steps().into_iter().enumerate().filter(opens).collect();
    assert!(steps.len() > 3, "{steps:?}");
    for (at, step) in steps {
        let left: Arc<dyn Store> = Arc::new(in_memory(&base));
        let faulty = FaultyStore::new(left.clone(), at, Fault::Once(std::io::ErrorKind::Other));
        let _ = repaired(&(faulty as Arc<dyn Store>));
        assert_eq!(left_by(repaired(&left).unwrap()), expected, "{step} failed, step {at}");
        check_repaired(&story, &left, number_of(name), &step, false);
    }
}

#[test]
fn a_snapshot_that_is_uncertain_stays_so_when_it_is_mended_again_and_every_command_says_so() {
    let story = story();
    let (name, _) = &bundles_of(&story)[1];
    let store: Arc<dyn Store> = Arc::new(in_memory(&story.scene.store));
    for (index, _) in files(&*store).into_iter().filter(|(name, _)| name.starts_with("index/")) {
        store.remove(&index).unwrap();
    }
    store.replace(name, b"").unwrap();
    repaired(&store).unwrap();
    for again in [false, true] {
        if again {
            // Its list of changes is damaged once more; this time the index knows it.
            let mut bad = bytes(&*store, name);
            let at = bad.len() - 60;
            bad[at] ^= 1;
            store.replace(name, &bad).unwrap();
            assert!(!repaired(&store).unwrap().steps.is_empty());
        }
        let archive = Archive::open_store(store.clone()).unwrap();
        let listed = history::list(&archive, &Recorder::new()).unwrap();
        assert_eq!(listed[number_of(name) as usize - 1].uncertain_until, NEWEST, "again: {again}");
        let recorder = Recorder::new();
        let problems = crate::support::inside::export(&archive, NEWEST, &recorder).unwrap();
        let problem = &recorder.problems()[0];
        assert!(problem.path.is_root() && problem.what.contains("may differ"), "again: {again}: {problem:?}");
        assert_eq!(problems, recorder.problems().len() as u64);
    }
}

#[test]
fn a_dry_run_of_a_repair_names_each_file_once() {
    let story = story();
    let bundles = bundles_of(&story);
    let store = in_memory(&story.scene.store);
    store.replace(&bundles[1].0, &bundles[4].1).unwrap();
    store.replace(&bundles[4].0, &bundles[1].1).unwrap();
    store.remove(&bundles[2].0).unwrap();
    store.replace(&format!("{}.new", bundles[2].0.replace("bundles/", "damaged/")), &bundles[2].1).unwrap();
    let (archive, wrong) = Archive::open_store_for_repair(Arc::new(store.clone())).unwrap();
    let before = files(&store);
    let dry = RepairOptions { dry_run: true, threads: 1 };
    let report = repair(&archive, wrong.as_ref(), &dry, &Recorder::new()).unwrap();
    let mut named: Vec<_> =
        report.steps.iter().map(|step| step.file.as_str()).filter(|name| number_of(name) > 0).collect();
    named.sort_unstable();
    assert_eq!(named, [&bundles[1].0, &bundles[2].0, &bundles[4].0], "{:?}", report.steps);
    assert_eq!(files(&store), before);
}

#[test]
fn an_export_from_a_drive_that_is_pulled_out_fails_and_is_not_taken_for_damage() {
    let story = story();
    let counting = FaultyStore::counting(Arc::new(in_memory(&story.scene.store)));
    let export = |store: Arc<dyn Store>, recorder: &Recorder| {
        let archive = Archive::open_store(store)?;
        crate::support::inside::export(&archive, NEWEST, recorder)
    };
    assert_eq!(export(counting.clone(), &Recorder::new()).unwrap(), 0);
    let steps = counting.steps();
    let first = steps.iter().rposition(|step| step.starts_with("open bundles/")).unwrap();
    let mut failed = 0;
    for at in first..steps.len() {
        let recorder = Recorder::new();
        let faulty = FaultyStore::new(Arc::new(in_memory(&story.scene.store)), at, Fault::Crash);
        let result = export(faulty.clone(), &recorder);
        // Frames are read in an order of their own, and some need no reading.
        assert!(result.is_err() || faulty.steps().len() <= at, "step {at}: {:?}", recorder.problems());
        failed += u64::from(result.is_err());
    }
    assert!(failed > 0);
}

#[test]
fn the_program_mends_says_what_is_lost_and_saves_it_again() {
    let bench = Bench::new();
    bench.home.file("big", noise(1, 200_000)).file("small", "small").file("d/other", noise(2, 3000));
    bench.save();
    let bundles = bench.snap.archive().join("bundles");
    let bundle = fs::read_dir(bundles).unwrap().next().unwrap().unwrap().path();
    let good = fs::read(&bundle).unwrap();
    fs::write(&bundle, &good[..good.len() - 3]).unwrap();
    let verified = bench.snap.call("verify").run();
    assert!(verified.status == 3 && verified.said().contains("table of frames"), "{}", verified.shown());
    let tried = bench.snap.call("repair").words("--dry-run").run();
    assert!(tried.status == 3 && tried.said().contains("nothing was changed"), "{}", tried.shown());
    let mended = bench.snap.call("repair").ok();
    assert!(mended.said().contains("The archive is sound"), "{}", mended.shown());
    assert_eq!(fs::read(&bundle).unwrap(), good, "nothing but the table was missing");
    let nothing = bench.snap.call("repair").ok();
    assert!(nothing.said().contains("Nothing to repair"), "{}", nothing.shown());

    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    fs::write(&bundle, &bad).unwrap();
    let mended = bench.snap.call("repair").words("--json").run();
    let document: serde_json::Value = serde_json::from_slice(&mended.stdout).unwrap();
    assert!(mended.status == 3 && !document["steps"].as_array().unwrap().is_empty(), "{}", mended.shown());
    assert!(document["known_losses"][0]["paths"].to_string().contains("home/big"), "{document}");
    let listed = bench.snap.call("ls").words("-R").run();
    assert!(listed.status == 3 && listed.out().contains("home/big (lost)"), "{}", listed.shown());
    // What is known to be lost is no new damage: all that can be done was done.
    let again = bench.snap.call("repair").ok();
    assert!(
        again.said().contains("Nothing to repair") && again.said().contains("Known from earlier"),
        "{}",
        again.shown()
    );
    let sound = bench.snap.call("verify").words("--data").ok();
    assert!(sound.said().contains("No damage found") && !sound.said().contains("home/big"), "{}", sound.shown());
    let named = bench.snap.call("verify").words("-v").ok();
    assert!(named.said().contains("home/big"), "{}", named.shown());
    bench.save();
    bench.assert_kept();

    // A bundle that nothing can be read of.
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    fs::write(&bundle, "").unwrap();
    for verb in ["create", "list", "ls", "restore --to /nowhere/x", "export"] {
        let refused = bench.snap.call(verb).fails(1);
        let name = bundle.file_name().unwrap().to_str().unwrap();
        refused.expect_said(&[name]).expect_said(&["snap verify"]).expect_said(&["snap repair"]);
    }
}

#[test]
fn the_program_marks_snapshots_that_are_uncertain() {
    let bench = Bench::new();
    bench.home.file("a", "a");
    bench.save();
    bench.home.file("b", "b");
    bench.save();
    let sound = bench.snap.call("list").ok();
    assert!(!sound.out().contains('?'), "{}", sound.shown());
    let mut bundles: Vec<_> =
        fs::read_dir(bench.snap.archive().join("bundles")).unwrap().map(|item| item.unwrap().path()).collect();
    bundles.sort();
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    fs::write(&bundles[0], "").unwrap();
    assert_eq!(bench.snap.call("repair").run().status, 3);
    for words in ["", "-v"] {
        let listed = bench.snap.call("list").words(words).ok();
        let first_word = |line: &str| line.trim_start().trim_start_matches("Snapshot ").to_owned();
        let is_marked = |number: &str| listed.out().lines().any(|line| first_word(line).starts_with(number));
        assert!(is_marked("1? ") && is_marked("2? ") && listed.out().contains("may differ"), "{}", listed.shown());
    }
    let listed = bench.snap.history();
    assert!(listed[0]["uncertain"] == true && listed[1]["uncertain"] == true, "{listed:?}");
    for is_first in [true, false] {
        bench.home.append("a", "more");
        let saved = bench.snap.call("create").arg(bench.home.root()).ok();
        assert_eq!(saved.err().contains("--rehash"), is_first, "{}", saved.shown());
    }
    // Nothing can be done about it: what was lost earlier is one line, and named only if asked for.
    let dry = bench.snap.call("repair").words("--dry-run").ok();
    assert!(dry.said().contains("Known from earlier damage") && !dry.said().contains("sound"), "{}", dry.shown());
    let named = bench.snap.call("repair").words("--dry-run -v").ok();
    assert!(
        named.said().contains("Nothing to repair") && named.said().contains("a part of its list"),
        "{}",
        named.shown()
    );
    let exported = bench.snap.call("export").words("--at 2").run();
    assert!(exported.status == 3 && exported.err().contains("may differ"), "{}", exported.err());
    let verified = bench.snap.call("verify").run();
    for shown in [&exported, &verified] {
        assert!(!shown.said().contains("affects 0") && !shown.err().contains(": :"), "{}", shown.shown());
    }
}
