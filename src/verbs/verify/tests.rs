//! Sound archives give no finding; each kind of damage gives the right one.
#![cfg(test)]
#![allow(clippy::unwrap_used)]

use super::sample::Sample;
use super::sample::directory;
use super::sample::directory_of;
use super::sample::fifo;
use super::sample::file;
use super::sample::gone;
use super::sample::kept;
use super::sample::linked;
use super::sample::path;
use super::sample::sparse;
use super::sample::symlink;
use super::*;
use crate::archive::open::bundle_path;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::entry::Kind;
use crate::base::id::BundleId;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Notice;
use crate::base::monitor::Recorder;
use crate::base::noise::noise;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::bundle::Bundle;
use crate::format::frames::FrameAt;
use crate::format::index::BundleRecord;
use crate::format::index::IndexWriter;
use crate::system::store::Store;

mod absent;
mod stock;

const WITH_DATA: VerifyOptions = VerifyOptions { data: true, threads: 2 };
const WITHOUT_DATA: VerifyOptions = VerifyOptions { data: false, threads: 2 };

/// Three snapshots: `s/a` is replaced in the second, `s/d/b` changes its mode only, `s/d/c` goes in the third.
fn three_snapshots() -> Sample {
    three_snapshots_in(4096)
}

fn three_snapshots_in(frame_bytes: usize) -> Sample {
    let sample = Sample { frame_bytes, ..Sample::new() };
    let mut items = vec![
        directory("s"),
        file("s/a", noise(1000, 1)),
        file("s/e", noise(1000, 5)),
        directory("s/d"),
        directory("s/d-empty"),
        file("s/d/b", noise(3000, 2)),
        file("s/d/c", noise(30_000, 3)),
        file("s/d/empty", ""),
        sparse("s/d/holes", [vec![0; 9000], noise(1000, 4), vec![0; 20_000]].concat(), &[(0, 9000), (10_000, 20_000)]),
        symlink("s/l", "d/b"),
        fifo("s/d/f"),
    ];
    items.extend(linked("s/z", "s/d/one", "linked"));
    sample.snapshot(1, &items);
    sample.snapshot(2, &[file("s/a", noise(3000, 6)), kept_of("s/d/b", 3000, 2), directory("s/d")]);
    sample.snapshot(
        3,
        &[gone("s/d/c"), directory_of("s/d", &["Nb", "Nempty", "Nf", "Nholes", "None"]), file("s/new", "x")],
    );
    sample
}

fn kept_of(name: &str, length: usize, seed: u64) -> super::sample::Item {
    let mut item = kept(name, "");
    item.entry.clone_from(&file(name, noise(length, seed)).entry);
    item.entry.as_mut().unwrap().stat.mode = 0o600;
    item
}

fn checked(sample: &Sample, options: VerifyOptions) -> VerifyReport {
    verify(&sample.archive, &options, &Recorder::new()).unwrap()
}

/// A finding as it is told.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Told {
    file: String,
    what: String,
    advice: Option<Advice>,
    snapshots: Vec<SnapshotNumber>,
    paths: Vec<EntryPathBuf>,
    paths_total: u64,
}

fn told(findings: Vec<Finding>) -> Vec<Told> {
    let told = |finding: Finding| {
        let (file, what, advice) = (finding.place.to_string(), finding.text(), finding.fault.advice());
        let Impact { snapshots, paths, paths_total, .. } = finding.impact;
        Told { file, what, advice, snapshots, paths, paths_total }
    };
    findings.into_iter().map(told).collect()
}

fn findings(sample: &Sample, options: VerifyOptions) -> Vec<Told> {
    told(checked(sample, options).findings)
}

fn only(sample: &Sample, options: VerifyOptions) -> Told {
    let mut findings = findings(sample, options);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

fn names(finding: &Told) -> Vec<String> {
    finding.paths.iter().map(ToString::to_string).collect()
}

fn bundle(sample: &Sample, number: impl Into<SnapshotNumber>) -> std::sync::Arc<Bundle> {
    sample.archive.bundle(&Sample::name(BundleId { number: number.into(), part: 0 })).unwrap()
}

/// The frame in which the content of `path` begins, at snapshot `number`.
fn frame_of(sample: &Sample, number: impl Into<SnapshotNumber>, text: &str) -> FrameAt {
    let monitor = Recorder::new();
    let state = sample.archive.catalog(&monitor).unwrap().state(number.into()).unwrap();
    let place = state.find(&path(text)).unwrap().unwrap().content.unwrap().place;
    bundle(sample, place.bundle.number).table().frame_at(place.offset).unwrap()
}

/// Flips a bit in the middle of a frame.
fn flip(sample: &Sample, number: impl Into<SnapshotNumber>, frame: FrameAt) {
    let at = frame.stored_offset as usize + frame.stored_bytes as usize / 2;
    sample.alter(&Sample::file(number), |bytes| bytes[at] ^= 4);
}

#[test]
fn a_sound_archive_gives_no_finding() {
    for frame_bytes in [1, 600, 4096, 1 << 20] {
        let sample = three_snapshots_in(frame_bytes);
        let report = checked(&sample, WITH_DATA);
        assert_eq!(report.findings, []);
        assert_eq!((report.snapshots, report.bundles, report.entries), (3, 3, 19));
        assert!(report.bytes > 35_000);
        assert_eq!(checked(&sample, WITHOUT_DATA).findings, []);
    }
    assert_eq!(findings(&Sample::new(), WITH_DATA), []);
}

#[test]
fn parts_and_an_unfinished_snapshot_are_no_damage() {
    let sample = three_snapshots();
    sample.bundle(BundleId::new(4, 1), &[file("s/p", "1")]);
    sample.bundle(BundleId::new(4, 2), &[file("s/q", "2")]);
    let monitor = Recorder::new();
    let report = verify(&sample.archive, &WITH_DATA, &monitor).unwrap();
    assert_eq!((report.findings, report.bundles), (vec![], 5));
    assert!(
        monitor.notices().iter().any(|notice| matches!(notice, Notice::UnfinishedParts { count: 2, .. })),
        "{:?}",
        monitor.notices()
    );
    sample.bundle(BundleId::new(4, 0), &[file("s/r", "3")]);
    assert_eq!(findings(&sample, WITH_DATA), []);
}

#[test]
fn a_directory_whose_member_is_in_a_later_part_is_no_finding_and_one_that_never_comes_is() {
    for (comes, count) in [(true, 0), (false, 1)] {
        let sample = three_snapshots();
        let line_only = super::sample::Item { in_tar: false, ..directory("s/w") };
        sample.bundle(BundleId::new(4, 1), &[file("s/p", "1"), line_only]);
        let member_only = super::sample::Item { in_manifest: false, ..directory("s/w") };
        let rest = [member_only, file("s/w/q", "2")];
        sample.bundle(BundleId::new(4, 2), &rest[usize::from(!comes)..]);
        sample.bundle(BundleId::new(4, 0), &[file("s/w/r", "3")]);
        assert_eq!(findings(&sample, WITH_DATA).len(), count);
    }
}

#[test]
fn what_is_damaged_in_an_early_part_is_found() {
    let sample = three_snapshots();
    let part = BundleId::new(4, 1);
    sample.bundle(part, &[file("s/p", noise(1000, 1))]);
    sample.bundle(BundleId::new(4, 0), &[file("s/q", "2")]);
    let name = bundle_path(&Sample::name(part));
    sample.alter(&name, |bytes| bytes[500] ^= 1);
    let found = only(&sample, WITH_DATA);
    assert_eq!(
        (found.file.as_str(), names(&found), found.snapshots),
        (name.as_str(), vec!["s/p".to_owned()], vec![4.into()])
    );
}

#[test]
fn an_archive_without_index_files_is_sound_and_is_left_so() {
    let sample = three_snapshots();
    sample.index_names().iter().for_each(|name| sample.store.remove(name).unwrap());
    assert_eq!(findings(&sample, WITH_DATA), []);
    assert_eq!(sample.index_names(), Vec::<String>::new());
}

#[test]
fn foreign_files_are_a_notice() {
    let sample = three_snapshots();
    sample.store.replace("bundles/holiday.jpg", b"x").unwrap();
    sample.store.replace("index/000001.old", b"x").unwrap();
    let monitor = Recorder::new();
    assert_eq!(verify(&sample.archive, &WITHOUT_DATA, &monitor).unwrap().findings, []);
    assert_eq!(monitor.notices().len(), 2);
}

#[test]
fn a_flipped_bit_in_a_small_frame_costs_the_file_that_it_hits() {
    let sample = three_snapshots();
    let frame = frame_of(&sample, 1, "s/a");
    assert_eq!(frame, frame_of(&sample, 1, "s/e"));
    flip(&sample, 1, frame);
    let found = only(&sample, WITH_DATA);
    assert_eq!((found.file, found.paths_total), (Sample::file(1), 1));
    assert!([path("s/a"), path("s/e")].contains(&found.paths[0]));
}

#[test]
fn a_small_frame_of_which_nothing_is_left_costs_the_files_in_it_in_the_snapshots_that_show_them() {
    let sample = three_snapshots();
    let frame = frame_of(&sample, 1, "s/a");
    assert_eq!(frame, frame_of(&sample, 1, "s/e"));
    let whole = frame.stored_offset as usize..frame.stored_offset as usize + frame.stored_bytes as usize;
    sample.alter(&Sample::file(1), |bytes| bytes[whole].iter_mut().for_each(|byte| *byte ^= 0xff));
    assert_eq!(findings(&sample, WITHOUT_DATA), []);
    let found = only(&sample, WITH_DATA);
    assert_eq!((found.file, found.paths_total), (Sample::file(1), 2));
    // The old `s/a` is seen in snapshot 1 only, `s/e` to the end.
    assert_eq!(found.snapshots, [1, 2, 3]);
    assert_eq!(found.paths, [path("s/a"), path("s/e")]);
}

#[test]
fn a_flipped_bit_in_a_large_file_costs_this_file_only() {
    let sample = three_snapshots();
    let frame = frame_of(&sample, 1, "s/d/c");
    let middle = bundle(&sample, 1).table().frame(frame.number + 1).unwrap();
    flip(&sample, 1, middle);
    let found = only(&sample, WITH_DATA);
    assert_eq!((names(&found), found.snapshots), (vec!["s/d/c".to_owned()], vec![1.into(), 2.into()]));
}

#[test]
fn every_frame_may_be_damaged_alone_and_the_rest_is_still_checked() {
    for frame_bytes in [1, 600, 4096, 1 << 20] {
        let mut sample = Sample::new();
        sample.frame_bytes = frame_bytes;
        sample.snapshot(
            1,
            &[
                directory("s"),
                file("s/a", noise(1500, 1)),
                symlink("s/b", "a"),
                file("s/c", noise(9000, 2)),
                directory("s/d"),
                fifo("s/d/p"),
                file("s/d/x", noise(10, 3)),
                file("s/d/y", ""),
                file("s/e", "e"),
            ],
        );
        let table = bundle(&sample, 1).table().clone();
        let manifest_offset = bundle(&sample, 1).manifest_tail().unwrap().manifest_offset;
        let good = sample.bytes(&Sample::file(1));
        for frame in (0..table.len()).map(|number| table.frame(number).unwrap()) {
            flip(&sample, 1, frame);
            let found = findings(&sample, WITH_DATA);
            assert_eq!(found.len(), 1, "frame {frame:?}: {found:?}");
            if frame.raw_end() < manifest_offset {
                assert!(found[0].what.contains("1 of its"), "{}", found[0].what);
            }
            sample.store.replace(&Sample::file(1), &good).unwrap();
        }
        assert_eq!(findings(&sample, WITH_DATA), []);
    }
}

#[test]
fn a_missing_bundle_is_named_with_what_was_in_it() {
    for (with_index, files) in [(true, vec!["s/a"]), (false, vec![])] {
        let sample = three_snapshots();
        sample.store.remove(&Sample::file(2)).unwrap();
        if !with_index {
            sample.index_names().iter().for_each(|name| sample.store.remove(name).unwrap());
        }
        let found = only(&sample, WITH_DATA);
        assert_eq!(
            (found.file.clone(), names(&found)),
            (Sample::file(2), files.iter().map(|n| (*n).to_owned()).collect())
        );
        assert_eq!(found.snapshots, [3]);
        assert!(found.what.contains("missing"), "{}", found.what);
        assert_eq!(found.what.contains("not known"), !with_index, "{}", found.what);
    }
}

#[test]
fn the_first_and_the_newest_bundle_are_missed_too() {
    let sample = three_snapshots();
    sample.store.remove(&Sample::file(3)).unwrap();
    let found = only(&sample, WITHOUT_DATA);
    assert_eq!((found.file.as_str(), names(&found)), (Sample::file(3).as_str(), vec!["s/new".to_owned()]));
    let sample = three_snapshots();
    sample.store.remove(&Sample::file(1)).unwrap();
    let found = only(&sample, WITH_DATA);
    assert_eq!(
        (found.file.as_str(), found.paths_total, found.snapshots),
        (Sample::file(1).as_str(), 6, vec![2.into(), 3.into()])
    );
}

#[test]
fn a_truncated_bundle_costs_what_is_stored_in_it() {
    let sample = three_snapshots();
    let place = frame_of(&sample, 1, "s/d/c").stored_offset as usize;
    let length = sample.bytes(&Sample::file(1)).len();
    for (kept, lost) in [(length - 1, 0), (length - 1000, 0), (place + 5000, 2), (place, 2), (0, 7)] {
        sample.alter(&Sample::file(1), |bytes| bytes.truncate(kept));
        // The index speaks of a longer file.
        let found = findings(&sample, WITH_DATA).remove(0);
        assert_eq!((found.file.as_str(), found.paths_total), (Sample::file(1).as_str(), lost), "{kept}: {found:?}");
        let snapshots = if lost > 0 { vec![1, 2, 3] } else { vec![] };
        assert_eq!(found.snapshots, snapshots, "{kept}");
    }
}

#[test]
fn a_damaged_seek_table_is_noticed_at_every_byte() {
    let sample = three_snapshots();
    let good = sample.bytes(&Sample::file(3));
    let table_bytes = 8 * bundle(&sample, 3).table().len() + 17;
    for at in good.len() - table_bytes..good.len() {
        sample.alter(&Sample::file(3), |bytes| bytes[at] ^= 1);
        let found = findings(&sample, WITHOUT_DATA);
        assert!(found.iter().any(|found| found.file == Sample::file(3)), "byte {at}: {found:?}");
        sample.store.replace(&Sample::file(3), &good).unwrap();
    }
}

#[test]
fn a_damaged_manifest_costs_nothing_while_the_index_is_there() {
    for (with_index, snapshots) in [(true, vec![]), (false, vec![2.into(), 3.into()])] {
        let sample = three_snapshots();
        let frame = bundle(&sample, 2);
        flip(&sample, 2, frame.table().frame(frame.table().len() - 1).unwrap());
        if !with_index {
            sample.index_names().iter().for_each(|name| sample.store.remove(name).unwrap());
        }
        let found = only(&sample, WITH_DATA);
        assert_eq!((found.file, found.snapshots, found.paths_total), (Sample::file(2), snapshots, 0));
        assert_eq!(found.advice, Some(Advice::KeepIndexAndCopyArchive), "{}", found.what);
    }
}

#[test]
fn bundles_whose_contents_were_swapped_are_both_named() {
    let sample = three_snapshots();
    let (one, two) = (sample.bytes(&Sample::file(2)), sample.bytes(&Sample::file(3)));
    sample.store.replace(&Sample::file(3), &one).unwrap();
    sample.store.replace(&Sample::file(2), &two).unwrap();
    let found = findings(&sample, WITH_DATA);
    let files: Vec<_> = found.iter().map(|found| (found.file.clone(), names(found))).collect();
    assert_eq!(files, [(Sample::file(2), vec!["s/a".to_owned()]), (Sample::file(3), vec!["s/new".to_owned()])]);
    assert!(found.iter().all(|found| found.what.contains("another bundle")), "{found:?}");
}

#[test]
fn a_bundle_of_another_archive_is_named() {
    let sample = three_snapshots();
    let other = Sample::with_id(2);
    other.snapshot(1, &[file("s/x", "x")]);
    sample.store.replace(&Sample::file(1), &other.bytes(&Sample::file(1))).unwrap();
    let found = findings(&sample, WITH_DATA);
    assert_eq!((found.len(), found[0].file.as_str(), found[0].paths_total), (1, Sample::file(1).as_str(), 7));
    assert!(found[0].what.contains("another archive"), "{}", found[0].what);
}

#[test]
fn a_bundle_that_was_made_anew_breaks_the_chain() {
    let (sample, other) = (three_snapshots(), Sample::new());
    other.snapshot(1, &[directory("s"), file("s/a", noise(3000, 9))]);
    sample.store.replace(&Sample::file(1), &other.bytes(&Sample::file(1))).unwrap();
    let found = findings(&sample, WITHOUT_DATA);
    assert!(found.iter().any(|found| found.file == Sample::file(1) && found.what.contains("exchanged")), "{found:?}");
}

#[test]
fn damaged_and_old_index_files_are_made_again_by_snap_itself() {
    let count = three_snapshots().index_names().len();
    assert_eq!(count, 3);
    for at in 0..count {
        type Damage<'a> = &'a dyn Fn(&Sample, &str);
        let damages: [Damage; 3] = [
            &|sample, name| sample.alter(name, |bytes| bytes.truncate(bytes.len() - 9)),
            &|sample, name| sample.alter(name, |bytes| bytes[20] ^= 1),
            &|sample, name| {
                let names = sample.index_names();
                let other = names.iter().find(|other| *other != name).unwrap();
                sample.store.replace(name, &sample.bytes(other)).unwrap();
            },
        ];
        for damage in damages {
            let sample = three_snapshots();
            let name = sample.index_names()[at].clone();
            damage(&sample, &name);
            let found = only(&sample, WITH_DATA);
            assert_eq!((found.file, found.snapshots), (name, vec![]));
            assert!(found.what.contains("made again from the bundles when it is needed"), "{}", found.what);
        }
    }
}

#[test]
fn an_index_file_that_says_something_else_than_the_manifests_is_named() {
    let (sample, other) = (three_snapshots(), three_snapshots());
    // The same bundles by name and length, another owner in one of them.
    let name = Sample::file(3);
    other.store.remove(&name).unwrap();
    other.store.remove("index/000003.delta").unwrap();
    let mut changed = file("s/new", "x");
    changed.entry.as_mut().unwrap().stat.uid = 7;
    other.snapshot(3, &[gone("s/d/c"), directory_of("s/d", &["Nb", "Nempty", "Nf", "Nholes", "None"]), changed]);
    sample.store.replace("index/000003.delta", &other.bytes("index/000003.delta")).unwrap();
    assert_eq!(only(&sample, WITHOUT_DATA).file, "index/000003.delta");
}

#[test]
fn a_manifest_that_lies_about_a_place_a_size_or_a_hash_is_caught() {
    let lies: [&dyn Fn(&mut super::sample::Item); 3] =
        [&|item| item.offset_lie = 512, &|item| item.size_lie = 1, &|item| {
            item.entry.as_mut().unwrap().content.as_mut().unwrap().hash.0[0] ^= 1;
        }];
    for lie in lies {
        let sample = Sample::new();
        let mut item = file("s/b", noise(2000, 1));
        lie(&mut item);
        sample.snapshot(1, &[directory("s"), file("s/a", "a"), item, file("s/c", noise(2000, 2))]);
        let found = findings(&sample, WITH_DATA);
        let wrong = found.iter().find(|found| found.what.contains("not what was saved")).unwrap();
        assert_eq!((names(wrong), wrong.snapshots.as_slice()), (vec!["s/b".to_owned()], &[1.into()][..]));
        assert_eq!(findings(&sample, WITHOUT_DATA), []);
    }
}

#[test]
fn places_that_cannot_be_are_seen_without_reading_contents() {
    for offset_lie in [1, 1 << 20, u64::MAX - (1 << 20)] {
        let sample = Sample::new();
        let item = super::sample::Item { offset_lie, ..file("s/b", "b") };
        sample.bundle(BundleId::new(1, 0), &[directory("s"), item]);
        assert_eq!(only(&sample, WITHOUT_DATA).file, Sample::file(1));
    }
}

#[test]
fn lines_that_are_twice_in_a_manifest_are_seen() {
    let sample = Sample { changes_lie: 1, ..Sample::new() };
    sample.bundle(BundleId::new(1, 0), &[directory("s"), file("s/b", "b")]);
    assert_eq!(only(&sample, WITHOUT_DATA).file, Sample::file(1));
}

#[test]
fn members_that_the_manifest_does_not_know_and_lines_without_members_are_named() {
    let extra = |item: super::sample::Item| super::sample::Item { in_manifest: false, ..item };
    let absent = |item: super::sample::Item| super::sample::Item { in_tar: false, ..item };
    for (item, name, what) in [
        (extra(file("s/x", "x")), "s/x", "does not list"),
        (extra(symlink("s/x", "elsewhere")), "s/x", "does not list"),
        (extra(directory("s/x")), "s/x", "does not list"),
        (absent(symlink("s/x", "elsewhere")), "s/x", "not in the tar"),
        (absent(directory("s/x")), "s/x", "not in the tar"),
        (absent(fifo("s/z")), "s/z", "not in the tar"),
    ] {
        let sample = Sample::new();
        sample.snapshot(1, &[directory("s"), file("s/a", "a"), item, file("s/y", "y")]);
        let found = only(&sample, WITH_DATA);
        assert!(found.what.contains(what), "{}", found.what);
        assert_eq!((names(&found), found.snapshots), (vec![name.to_owned()], vec![1.into()]));
    }
}

#[test]
fn a_member_of_another_kind_or_target_than_its_line_is_named() {
    let mut other_type = symlink("s/x", "a");
    other_type.entry.as_mut().unwrap().stat.kind = Kind::Fifo;
    let sample = Sample::new();
    let in_tar = super::sample::Item { in_manifest: false, ..symlink("s/x", "a") };
    let in_manifest = super::sample::Item { in_tar: false, ..symlink("s/x", "b") };
    sample.snapshot(1, &[directory("s"), in_tar, in_manifest]);
    let found = only(&sample, WITH_DATA);
    assert!(found.what.contains("as the manifest says"), "{}", found.what);
    assert_eq!(names(&found), ["s/x"]);
}

#[test]
fn a_directory_that_stands_unchanged_in_a_tar_is_no_finding() {
    let sample = three_snapshots();
    let unchanged = super::sample::Item { in_manifest: false, ..directory("s/d") };
    sample.snapshot(4, &[unchanged, file("s/d/n", "n")]);
    assert_eq!(findings(&sample, WITH_DATA), []);
}

#[test]
fn a_symlink_that_stays_where_it_points_to_needs_no_member() {
    for (target, count) in [("d/b", 0), ("elsewhere", 1)] {
        let sample = three_snapshots();
        let noted_anew = super::sample::Item { in_tar: false, ..symlink("s/l", target) };
        sample.snapshot(4, &[noted_anew]);
        assert_eq!(findings(&sample, WITH_DATA).len(), count);
    }
}

#[test]
fn a_name_that_a_folder_s_list_of_names_leaves_out_is_named() {
    let cases: [(&[u8], &[&str]); 3] = [(b"Dd\0Nx\0\0", &[]), (b"Nx\0\0", &["s/d"]), (b"\0", &["s/d", "s/x"])];
    for (listing, missing) in cases {
        let sample = Sample::new();
        sample.snapshot(1, &[directory("s"), directory("s/d"), file("s/x", "x"), file("s/y", "y")]);
        let member = super::sample::Item { listing: Some(listing.to_vec()), ..directory("s") };
        sample.snapshot(2, &[member, gone("s/y")]);
        let found = findings(&sample, WITH_DATA);
        let unlisted: Vec<String> = found.iter().flat_map(names).collect();
        assert_eq!(unlisted, missing, "{found:?}");
        assert!(found.iter().all(|found| found.what.contains("GNU tar deletes")), "{found:?}");
    }
}

#[test]
fn two_bundles_for_one_place_in_the_history_are_a_finding() {
    let sample = three_snapshots();
    sample.store.replace("bundles/000003-20300101T000000Z.tar.zst", b"x").unwrap();
    assert!(only(&sample, WITHOUT_DATA).what.contains("same place"));
}

#[test]
fn a_person_can_stop_it() {
    struct Stopping;
    impl Monitor for Stopping {
        fn event(&self, _: Event<'_>) {}
        fn is_interrupted(&self) -> bool {
            true
        }
    }
    let error = verify(&three_snapshots().archive, &WITH_DATA, &Stopping).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

#[test]
fn a_bundle_that_only_a_forged_index_speaks_of_is_not_missing() {
    let sample = three_snapshots();
    let monitor = Recorder::new();
    let state = sample.archive.catalog(&monitor).unwrap().state(3.into()).unwrap();
    let newest = state.layers()[0].clone();
    let mut head = newest.head().clone();
    let name = sample.index_names().pop().unwrap();
    // Between the second bundle and the third, which says that it comes right after the second.
    let forged = Sample::name(BundleId::new(3, 1));
    head.bundles.insert(
        head.bundles.len() - 1,
        BundleRecord { name: forged.to_string(), bytes: 7, manifest: [7; 32], pruned_until: 0, joined_from: 0 },
    );
    sample.store.remove(&name).unwrap();
    let mut writer = IndexWriter::new(sample.store.create(&name).unwrap()).unwrap();
    for group in State::new(vec![newest]).groups_and_gone(EntryPath::root()) {
        let group = group.unwrap();
        for row in &group.rows {
            writer.push(group.path.as_bytes(), row.name(), row.entry().unwrap().as_ref()).unwrap();
        }
    }
    writer.publish(&name, &head).unwrap();
    let found = only(&sample, WITHOUT_DATA);
    assert!(found.file == name && found.what.contains("Nothing is lost"), "{found:?}");
}

#[test]
fn a_new_damage_is_told_beside_a_loss_that_is_known() {
    let sample = three_snapshots();
    // Of a file that the next snapshot replaced nothing is left to name in the third.
    let length = bundle(&sample, 2).table().frame(0).unwrap().stored_bytes as usize;
    sample.alter(&Sample::file(2), |bytes| bytes[..length].iter_mut().for_each(|byte| *byte ^= 0xff));
    let options = crate::verbs::repair::RepairOptions::default();
    crate::verbs::repair::repair(&sample.archive, None, &options, &Recorder::new()).unwrap();
    let report = checked(&sample, WITH_DATA);
    assert_eq!(report.findings, [], "nothing more can be done");
    let known = told(report.known_losses);
    assert!(!known.is_empty() && known.iter().all(|found| found.what.contains("noted as such")), "{known:?}");
    // The frame that only the lost content's directory is in.
    sample.alter(&Sample::file(2), |bytes| bytes[20] ^= 1);
    let found = findings(&sample, WITH_DATA);
    assert!(found.iter().any(|found| found.what.contains("frames is damaged")), "{found:?}");
}
