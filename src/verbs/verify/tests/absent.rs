//! Bundles that are not there, are there twice, or are others than those that were: who reads is told, and who writes waits.

use super::*;
use crate::base::holes::Holes;
use crate::base::id::BundleId;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Notice;
use crate::system::store::Store;
use crate::verbs::repair::RepairOptions;
use crate::verbs::repair::RepairReport;
use crate::verbs::repair::repair;

/// The numbers of all snapshots that can be read, and what was said.
fn listed(sample: &Sample) -> (Vec<u32>, Vec<Notice>) {
    let monitor = Recorder::new();
    let history = sample.archive.catalog(&monitor).unwrap().history().unwrap();
    (history.iter().map(|summary| summary.number.get()).collect(), monitor.notices())
}

fn refused(sample: &Sample) -> String {
    sample.archive.catalog_for_writing(&Recorder::new()).err().map(|error| error.to_string()).unwrap_or_default()
}

fn repaired(sample: &Sample) -> RepairReport {
    repair(&sample.archive, None, &RepairOptions::default(), &Recorder::new()).unwrap()
}

fn without_index(sample: &Sample) {
    sample.index_names().iter().for_each(|name| sample.store.remove(name).unwrap());
}

#[test]
fn the_newest_bundle_that_only_the_index_remembers_is_told_of_and_its_number_is_not_used_again() {
    let sample = three_snapshots();
    sample.store.remove(&Sample::file(3)).unwrap();
    let index: Vec<Vec<u8>> = sample.index_names().iter().map(|name| sample.bytes(name)).collect();
    let (numbers, notices) = listed(&sample);
    assert_eq!(numbers, [1, 2]);
    assert!(
        notices.iter().any(|notice| {
            matches!(notice, Notice::BundleMissing { bundle } if Sample::file(3).strip_prefix("bundles/") == Some(bundle))
        }),
        "{notices:?}"
    );
    assert!(refused(&sample).contains("its number is never used again"), "{}", refused(&sample));
    let after: Vec<Vec<u8>> = sample.index_names().iter().map(|name| sample.bytes(name)).collect();
    assert_eq!(after, index, "what is remembered stays");
    assert!(repaired(&sample).steps.iter().any(|step| step.file == Sample::file(3)));
    assert_eq!(listed(&sample), (vec![1, 2, 3], vec![]));
    assert_eq!(refused(&sample), "");
}

#[test]
fn the_last_part_that_only_the_index_remembers_is_told_of() {
    let sample = three_snapshots();
    sample.bundle(BundleId::new(4, 1), &[file("s/p", "1")]);
    sample.snapshot(4, &[file("s/q", "2")]);
    sample.store.remove(&Sample::file(4)).unwrap();
    let (numbers, notices) = listed(&sample);
    assert_eq!((numbers, notices.len()), (vec![1, 2, 3], 1), "{notices:?}");
    assert!(refused(&sample).contains("000004-"), "{}", refused(&sample));
}

#[test]
fn where_the_newest_bundle_is_cut_off_and_the_index_is_lost_all_older_snapshots_are_there() {
    for kept in [0, 10, 100] {
        let sample = three_snapshots();
        without_index(&sample);
        sample.alter(&Sample::file(3), |bytes| bytes.truncate(kept));
        let (numbers, notices) = listed(&sample);
        assert_eq!(numbers, [1, 2], "{kept}");
        assert!(
            notices
                .iter()
                .any(|notice| matches!(notice, Notice::LaterSnapshotsUnreadable { number, .. } if *number == 2)),
            "{notices:?}"
        );
        let monitor = Recorder::new();
        let state = sample.archive.catalog(&monitor).unwrap().checked_state(1.into(), &[]).unwrap();
        assert!(state.find(&path("s/a")).unwrap().is_some());
        assert!(sample.archive.catalog_for_writing(&monitor).unwrap().history().is_err(), "no writer builds on that");
    }
}

#[test]
fn of_two_bundles_for_one_place_the_one_that_the_index_knows_is_used_and_the_other_set_aside() {
    for other in ["bundles/000003-20300101T000000Z.tar.zst", "bundles/000003-19690101T000000Z.tar.zst"] {
        let sample = three_snapshots();
        let another = Sample::new();
        another.snapshot(3, &[file("s/other", "other")]);
        sample.store.replace(other, &another.bytes(&Sample::file(3))).unwrap();
        assert_eq!(listed(&sample).0, [1, 2, 3]);
        assert!(refused(&sample).contains("same place"), "{}", refused(&sample));
        assert_eq!(only(&sample, WITH_DATA).file, other);
        let steps = repaired(&sample).steps;
        assert_eq!(steps.iter().map(|step| step.file.as_str()).collect::<Vec<_>>(), [other]);
        assert_eq!((findings(&sample, WITH_DATA), refused(&sample)), (vec![], String::new()));
        let aside = format!("damaged/{}", other.strip_prefix("bundles/").unwrap());
        assert_eq!(sample.bytes(&aside), another.bytes(&Sample::file(3)));
    }
}

#[test]
fn a_line_that_takes_over_a_content_of_another_length_or_with_other_holes_is_a_contradiction() {
    for is_longer in [true, false] {
        let mut item = kept_of("s/d/b", 3000, 2);
        let entry = item.entry.as_mut().unwrap();
        if is_longer {
            entry.stat.size += 1;
        } else {
            entry.content.as_mut().unwrap().holes = Holes::from_pairs(&[(0, 7)], 3000).unwrap();
        }
        let sample = three_snapshots();
        sample.bundle(BundleId::new(4, 0), &[item]);
        let found = only(&sample, WITHOUT_DATA);
        assert!(found.what.contains("contradict each other about s/d/b"), "{}", found.what);
        let monitor = Recorder::new();
        assert!(sample.archive.catalog(&monitor).unwrap().state(4.into()).is_err_and(|error| error.is_damage()));
    }
}

#[test]
fn what_is_in_a_folder_that_went_is_named() {
    let sample = three_snapshots();
    sample.snapshot(4, &[directory_of("s", &["Na", "Dd-empty", "Ne", "Nl", "Nnew", "Nz"]), gone("s/d")]);
    let found = only(&sample, WITH_DATA);
    assert!(found.what.contains("folders that the snapshot does not have"), "{}", found.what);
    assert!(names(&found).contains(&"s/d/b".to_owned()), "{:?}", names(&found));
}

#[test]
fn an_index_file_that_lies_about_snapshots_is_named() {
    for number in [1, 3] {
        let sample = three_snapshots();
        let state = sample.archive.catalog(&Recorder::new()).unwrap().state(SnapshotNumber::from(number)).unwrap();
        let newest = state.layers()[0].clone();
        let mut head = newest.head().clone();
        let name = sample.index_names().remove(number as usize - 1);
        head.snapshots[0].number = 99.into();
        sample.store.remove(&name).unwrap();
        let mut writer = IndexWriter::new(sample.store.create(&name).unwrap()).unwrap();
        for group in State::new(vec![newest]).groups_and_gone(EntryPath::root()) {
            let group = group.unwrap();
            for row in &group.rows {
                writer.push(group.path.as_bytes(), row.name(), row.entry().unwrap().as_ref()).unwrap();
            }
        }
        writer.publish(&name, &head).unwrap();
        assert_eq!(only(&sample, WITHOUT_DATA).file, name);
    }
}

#[test]
fn who_makes_the_index_from_bundles_looks_at_their_chain() {
    let (sample, other) = (Sample::new(), Sample::new());
    sample.snapshot(1, &[directory("s")]);
    sample.snapshot(2, &[file("s/x", "x")]);
    other.snapshot(1, &[directory("s"), file("s/y", "another first snapshot")]);
    let is_told =
        |sample: &Sample| listed(sample).1.iter().any(|notice| matches!(notice, Notice::BundleBeforeIsAnother { .. }));
    without_index(&sample);
    assert!(!is_told(&sample));
    without_index(&sample);
    sample.store.replace(&Sample::file(1), &other.bytes(&Sample::file(1))).unwrap();
    assert!(is_told(&sample));
}

#[test]
fn two_wrong_lengths_in_the_table_that_add_up_cost_nothing() {
    let sample = three_snapshots();
    let sound = sample.bytes(&Sample::file(1));
    let frames = bundle(&sample, 1).table().len();
    for (first, more) in [(0, 1_u32), (1, 5)] {
        sample.alter(&Sample::file(1), |bytes| {
            let table = bytes.len() - 9 - 8 * frames;
            for (frame, sign) in [(first, 1), (first + 1, -1_i32)] {
                let at = table + 8 * frame;
                let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
                bytes[at..at + 4].copy_from_slice(&length.wrapping_add_signed(sign * more as i32).to_le_bytes());
            }
        });
        assert!(only(&sample, WITH_DATA).what.contains("table of frames"));
        let report = repair(&sample.archive, None, &RepairOptions::default(), &Recorder::new()).unwrap();
        assert!(report.steps.iter().any(|step| step.what.contains("nothing was lost")), "{report:?}");
        assert!(sample.bytes(&Sample::file(1)) == sound);
    }
}

#[test]
fn parts_that_build_on_each_other_need_not_be_numbered_without_gaps() {
    let sample = Sample::new();
    sample.bundle(BundleId::new(1, 1), &[directory("s"), file("s/a", noise(1000, 1))]);
    sample.bundle(BundleId::new(1, 3), &[file("s/b", noise(1000, 2))]);
    sample.snapshot(1, &[file("s/c", noise(1000, 3))]);
    let state = sample.archive.catalog(&Recorder::new()).unwrap().state(1.into()).unwrap();
    let part = |name| state.find(&path(name)).unwrap().unwrap().content.unwrap().place.bundle.part;
    assert_eq!([part("s/a"), part("s/b"), part("s/c")], [1, 3, 0]);
    assert_eq!(findings(&sample, WITH_DATA), []);
}
