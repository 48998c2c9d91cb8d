//! What an export holds, read back as any tar, and what it says when the archive is damaged.
#![cfg(test)]
#![allow(clippy::unwrap_used)]

use super::*;
use crate::base::error::ErrorKind;
use crate::base::monitor::Recorder;
use crate::base::noise::noise;
use crate::format::frames::Decompressor;
use crate::verbs::verify::sample::Item;
use crate::verbs::verify::sample::Sample;
use crate::verbs::verify::sample::directory;
use crate::verbs::verify::sample::fifo;
use crate::verbs::verify::sample::file;
use crate::verbs::verify::sample::linked;
use crate::verbs::verify::sample::path;
use crate::verbs::verify::sample::sparse;
use crate::verbs::verify::sample::symlink;
use std::io::Read;

struct Exported {
    stored: Vec<u8>,
    /// Name, type flag, target, content.
    members: Vec<(String, u8, String, Vec<u8>)>,
    problems: Vec<Problem>,
}

fn exported(sample: &Sample, number: impl Into<SnapshotNumber>, paths: &[&str]) -> Exported {
    let (monitor, mut stored) = (Recorder::new(), Vec::new());
    let paths: Vec<EntryPathBuf> = paths.iter().map(|text| path(text)).collect();
    let options = ExportOptions { at: number.into(), paths, ..ExportOptions::default() };
    let count = export(&sample.archive.catalog(&monitor).unwrap(), &options, &mut stored, &monitor).unwrap();
    assert_eq!(count, monitor.problems().len() as u64);
    let raw = unpacked(&stored);
    let (mut rest, mut members) = (raw.as_slice(), Vec::new());
    while let Some(member) = tar::read_header(&mut rest).unwrap() {
        let mut content = vec![0; member.size as usize];
        rest.read_exact(&mut content).unwrap();
        rest = &rest[tar::padding(member.size)..];
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        members.push((text(&member.path), member.flag, text(&member.target), content));
    }
    assert_eq!(rest, [0; tar::BLOCK_BYTES]);
    Exported { stored, members, problems: monitor.problems() }
}

/// The content of all frames, found by the seek table.
fn unpacked(stored: &[u8]) -> Vec<u8> {
    let frames = u32::from_le_bytes(stored[stored.len() - 9..stored.len() - 5].try_into().unwrap()) as usize;
    let table = SeekTable::parse(&stored[stored.len() - 17 - 8 * frames..]).unwrap();
    let mut raw = Vec::new();
    for frame in (0..frames).map(|number| table.frame(number).unwrap()) {
        let from = frame.stored_offset as usize;
        let bytes = &stored[from..from + frame.stored_bytes as usize];
        raw.extend(Decompressor::new().decompress(bytes, frame.raw_bytes).unwrap());
    }
    raw
}

fn names(exported: &Exported) -> Vec<&str> {
    exported.members.iter().map(|member| member.0.as_str()).collect()
}

fn two_snapshots() -> Sample {
    let sample = Sample::new();
    let mut items = vec![
        directory("s"),
        file("s/a", noise(5000, 1)),
        directory("s/d"),
        file("s/d/x", "x"),
        file("s/d/empty", ""),
        directory("s/d-e"),
        directory("s/d/deep"),
        file("s/d/deep/f", noise(9000, 2)),
        symlink("s/z", "d/x"),
        fifo("s/p"),
        directory("t"),
        file("t/y", "y"),
    ];
    items.extend(linked("s/l1", "s/d/l2", "linked"));
    sample.snapshot(1, &items);
    sample.snapshot(2, &[file("s/d/x", "new")]);
    sample
}

#[test]
fn everything_is_there_in_the_order_of_a_tar() {
    let whole = exported(&two_snapshots(), 1, &[]);
    let order = [
        "s/",
        "s/a",
        "s/l1",
        "s/p",
        "s/z",
        "s/d/",
        "s/d/empty",
        "s/d/l2",
        "s/d/x",
        "s/d/deep/",
        "s/d/deep/f",
        "s/d-e/",
        "t/",
        "t/y",
    ];
    assert_eq!(names(&whole), order);
    let member = |name: &str| whole.members.iter().find(|member| member.0 == name).unwrap();
    assert_eq!(member("s/a").3, noise(5000, 1));
    assert_eq!(member("s/d/x").3, b"x");
    assert_eq!(member("s/d/deep/f").3, noise(9000, 2));
    assert_eq!((member("s/d/l2").1, member("s/d/l2").2.as_str()), (b'1', "s/l1"));
    assert_eq!((member("s/z").1, member("s/z").2.as_str()), (b'2', "d/x"));
    assert!(whole.problems.is_empty());
}

#[test]
fn a_later_snapshot_takes_contents_from_several_bundles() {
    let whole = exported(&two_snapshots(), 2, &[]);
    assert_eq!(whole.members.len(), 14);
    assert_eq!(whole.members[8].3, b"new");
}

#[test]
fn the_bytes_are_the_same_every_time() {
    let sample = two_snapshots();
    assert_eq!(exported(&sample, 1, &[]).stored, exported(&sample, 1, &[]).stored);
}

#[test]
fn of_some_paths_the_directories_that_lead_there_are_included_once() {
    let some = exported(&two_snapshots(), 1, &["t/y", "s/d/deep", "s/d/x", "s/d/deep/f"]);
    assert_eq!(names(&some), ["s/", "s/d/", "s/d/deep/", "s/d/deep/f", "s/d/x", "t/", "t/y"]);
    let second_name = exported(&two_snapshots(), 1, &["s/d/l2"]);
    assert_eq!((second_name.members[2].1, second_name.members[2].3.as_slice()), (b'0', &b"linked"[..]));
}

#[test]
fn what_is_not_there_is_an_error_before_anything_is_written() {
    let sample = two_snapshots();
    for (number, paths) in [(3, vec![]), (0, vec![]), (1, vec![path("s/a"), path("nowhere")])] {
        let mut out = Vec::new();
        let monitor = Recorder::new();
        let options = ExportOptions { at: number.into(), paths, ..ExportOptions::default() };
        let error = export(&sample.archive.catalog(&monitor).unwrap(), &options, &mut out, &monitor).unwrap_err();
        assert_eq!((error.kind(), out.len()), (ErrorKind::NotFound, 0));
    }
}

#[test]
fn an_empty_snapshot_is_an_empty_tar() {
    let sample = Sample::new();
    sample.snapshot(1, &[fifo("s")]);
    sample.snapshot(2, &[crate::verbs::verify::sample::gone("s")]);
    assert_eq!(names(&exported(&sample, 2, &[])), Vec::<&str>::new());
}

fn large_and_small() -> Sample {
    let sample = Sample { frame_bytes: 1 << 20, ..Sample::new() };
    let hole = 20 << 20;
    let data = [noise(3 << 20, 1), vec![0; hole], noise(1 << 20, 2)].concat();
    let items: Vec<Item> = vec![
        directory("s"),
        file("s/large", noise(19_000_001, 3)),
        file("s/small", noise(3 << 20, 4)),
        sparse("s/sparse", data, &[(3 << 20, hole as u64)]),
    ];
    sample.snapshot(1, &items);
    sample
}

#[test]
fn files_that_run_over_several_frames_come_out_whole() {
    let whole = exported(&large_and_small(), 1, &[]);
    assert_eq!(whole.members[1].3, noise(19_000_001, 3));
    assert_eq!(whole.members[2].3, noise(3 << 20, 4));
    assert_eq!(whole.members[3].3.len(), 24 << 20);
    assert_eq!(whole.members[3].3[23 << 20..], noise(1 << 20, 2));
    assert!(whole.problems.is_empty());
}

/// Damages the frame that holds the byte at `offset` of the content of `name`.
fn damage(sample: &Sample, name: &str, offset: u64) {
    let monitor = Recorder::new();
    let catalog = sample.archive.catalog(&monitor).unwrap();
    let place = catalog.state(1.into()).unwrap().find(&path(name)).unwrap().unwrap().content.unwrap().place;
    let frame = sample
        .archive
        .bundle(catalog.name(place.bundle).unwrap())
        .unwrap()
        .table()
        .frame_at(place.offset + offset)
        .unwrap();
    let at = frame.stored_offset as usize + frame.stored_bytes as usize / 2;
    sample.alter(&Sample::file(1), |bytes| bytes[at] ^= 1);
}

#[test]
fn a_damaged_small_file_is_left_out_and_told() {
    let sample = large_and_small();
    damage(&sample, "s/small", 1 << 20);
    let rest = exported(&sample, 1, &[]);
    assert_eq!(names(&rest), ["s/", "s/large", "s/sparse"]);
    assert_eq!(rest.problems.len(), 1);
    assert_eq!(rest.problems[0].path, path("s/small"));
}

#[test]
fn a_large_file_that_is_damaged_in_the_middle_keeps_its_length_and_is_told() {
    let sample = large_and_small();
    damage(&sample, "s/large", 10 << 20);
    let rest = exported(&sample, 1, &[]);
    assert_eq!(rest.members.len(), 4);
    let (good, got) = (noise(19_000_001, 3), &rest.members[1].3);
    assert_eq!((got.len(), &got[..8 << 20], &got[14 << 20..]), (good.len(), &good[..8 << 20], &good[14 << 20..]));
    assert_ne!(*got, good);
    assert_eq!(rest.problems.len(), 1);
    assert!(rest.problems[0].what.contains("NOT sound"), "{}", rest.problems[0].what);
}

#[test]
fn without_a_bundle_what_it_held_is_left_out_with_all_its_names() {
    let sample = Sample { frame_bytes: 1 << 20, ..Sample::new() };
    let mut items = vec![directory("s"), file("s/large", noise(9_000_000, 3))];
    items.extend(linked("s/l1", "s/l2", "linked"));
    sample.snapshot(1, &items);
    sample.snapshot(2, &[file("s/new", "new")]);
    sample.alter(&Sample::file(1), |bytes| bytes[..3000].fill(0));
    let rest = exported(&sample, 2, &[]);
    assert!(!names(&rest).contains(&"s/l1") && !names(&rest).contains(&"s/l2"), "{:?}", names(&rest));
    // The first of its frames only cannot be read: the large file is there, and told.
    assert_eq!(rest.problems.len(), 3);
    let length = sample.bytes(&Sample::file(1)).len();
    sample.alter(&Sample::file(1), |bytes| bytes[length - 1] ^= 1);
    let rest = exported(&sample, 2, &[]);
    assert_eq!(names(&rest), ["s/", "s/new"]);
    assert_eq!(rest.problems.len(), 3);
}

#[test]
fn a_content_that_is_not_what_its_hash_says_is_never_exported() {
    let sample = Sample::new();
    let mut lying = file("s/a", "a");
    lying.entry.as_mut().unwrap().content.as_mut().unwrap().hash.0[0] ^= 1;
    sample.snapshot(1, &[directory("s"), lying]);
    assert_eq!(names(&exported(&sample, 1, &[])), ["s/"]);
}

#[test]
fn holes_are_zeros_whatever_the_bundle_has_there() {
    // The hash says nothing of what is in holes.
    let sample = Sample { frame_bytes: 1 << 20, ..Sample::new() };
    let (small, large) = (noise(5000, 1), noise(19_000_000, 2));
    let holes = [(0, 1000), (2000, 500)];
    let large_holes = [(1000, 9_000_000), (18_000_000, 1_000_000)];
    let items =
        [directory("s"), sparse("s/large", large.clone(), &large_holes), sparse("s/small", small.clone(), &holes)];
    sample.snapshot(1, &items);
    let whole = exported(&sample, 1, &[]);
    assert_eq!(whole.problems, []);
    for (number, mut expected, holes) in [(1, large, large_holes), (2, small, holes)] {
        for (offset, length) in holes {
            expected[offset as usize..(offset + length) as usize].fill(0);
        }
        assert!(whole.members[number].3 == expected, "{}", whole.members[number].0);
    }
}

#[test]
fn a_lost_content_is_said_to_be_lost() {
    let sample = Sample::new();
    let mut lost = sparse("s/b", vec![0; 600], &[(0, 600)]);
    // Behind two headers, its place is said to be 0.
    lost.offset_lie = 1024_u64.wrapping_neg();
    sample.snapshot(1, &[directory("s"), lost]);
    let rest = exported(&sample, 1, &[]);
    assert_eq!((names(&rest), rest.problems.len()), (vec!["s/"], 1));
    assert!(rest.problems[0].what.contains("lost"), "{:?}", rest.problems);
}
