//! Whole restores of small archives: what comes back, what is left alone, what goes wrong and how it is said.
#![cfg(test)]
#![allow(clippy::unwrap_used)]

mod overwriting;

use super::*;
use crate::archive::open::Archive;
use crate::archive::open::Sharing;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::monitor::Event;
use crate::base::monitor::Recorder;
use crate::base::noise::noise;
use crate::base::time::Time;
use crate::verbs::verify::sample::Item;
use crate::verbs::verify::sample::Sample;
use crate::verbs::verify::sample::directory;
use crate::verbs::verify::sample::fifo;
use crate::verbs::verify::sample::file;
use crate::verbs::verify::sample::linked;
use crate::verbs::verify::sample::path;
use crate::verbs::verify::sample::sparse;
use crate::verbs::verify::sample::symlink;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink as make_symlink;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use tempfile::TempDir;

/// Restores from an archive as it is now.
fn restored_from(archive: &Archive, options: &RestoreOptions, monitor: &dyn Monitor) -> Result<RestoreReport> {
    restore(&archive.catalog(monitor)?, options, monitor)
}

/// Type and mode, size, time, and content or target.
type Node = (u32, u64, (i64, i64), Vec<u8>);

/// A folder to restore into, and what is in it.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn at(&self, relative: &str) -> PathBuf {
        self.0.path().join("to").join(relative)
    }

    fn options(&self) -> RestoreOptions {
        RestoreOptions { target: self.0.path().join("to"), at: 1.into(), threads: 2, ..RestoreOptions::default() }
    }

    fn overwriting(&self) -> RestoreOptions {
        RestoreOptions { overwrite: true, ..self.options() }
    }

    fn restored(&self, sample: &Sample) -> RestoreReport {
        sound(sample, &self.options())
    }

    fn tree(&self) -> BTreeMap<String, Node> {
        let mut tree = BTreeMap::new();
        let mut waiting = vec![String::new()];
        while let Some(directory) = waiting.pop() {
            for item in fs::read_dir(self.at(&directory)).unwrap().map(|item| item.unwrap()) {
                let path = format!("{directory}/{}", item.file_name().to_str().unwrap())[..]
                    .trim_start_matches('/')
                    .to_owned();
                let stat = self.at(&path).symlink_metadata().unwrap();
                let mut content = Vec::new();
                if stat.is_file() {
                    content = fs::read(self.at(&path)).unwrap();
                } else if stat.is_symlink() {
                    content = fs::read_link(self.at(&path)).unwrap().as_os_str().as_encoded_bytes().to_vec();
                }
                let size = if stat.is_dir() { 0 } else { stat.len() };
                tree.insert(path.clone(), (stat.mode(), size, (stat.mtime(), stat.mtime_nsec()), content));
                if stat.is_dir() {
                    waiting.push(path);
                }
            }
        }
        tree
    }

    fn names(&self) -> Vec<String> {
        self.tree().into_keys().collect()
    }

    fn inode(&self, path: &str) -> u64 {
        self.at(path).symlink_metadata().unwrap().ino()
    }

    /// When anything about `path` was last changed.
    fn changed(&self, path: &str) -> (i64, i64) {
        let stat = self.at(path).symlink_metadata().unwrap();
        (stat.ctime(), stat.ctime_nsec())
    }
}

fn told(sample: &Sample, options: &RestoreOptions) -> (RestoreReport, Vec<Problem>) {
    let monitor = Recorder::new();
    let report = restored_from(&sample.archive, options, &monitor).unwrap();
    assert_eq!(report.problems, monitor.problems().len() as u64);
    (report, monitor.problems())
}

fn sound(sample: &Sample, options: &RestoreOptions) -> RestoreReport {
    let (report, problems) = told(sample, options);
    assert_eq!(problems, []);
    report
}

fn refused(sample: &Sample, options: &RestoreOptions) -> Error {
    restored_from(&sample.archive, options, &Recorder::new()).unwrap_err()
}

fn counts(report: &RestoreReport) -> [u64; 5] {
    [report.files, report.directories, report.others, report.unchanged, report.deleted]
}

/// A snapshot with something of every kind, in frames of about this length.
fn everything(frame_bytes: usize) -> Sample {
    let sample = Sample { frame_bytes, ..Sample::new() };
    let holes = [vec![0; 200_000], noise(1000, 4), vec![0; 100_000]].concat();
    let mut items = vec![
        directory("s"),
        file("s/a", noise(1000, 1)),
        directory("s/d"),
        file("s/d/large", noise(90_000, 2)),
        file("s/d/none", ""),
        sparse("s/d/holes", holes, &[(0, 200_000), (201_000, 100_000)]),
        directory("s/d/e"),
        directory("s/empty"),
        symlink("s/link", "d/large"),
        fifo("s/pipe"),
        directory("t"),
        file("t/y", "y"),
    ];
    items.extend(linked("s/d/one", "t/two", "linked"));
    locked(&mut items[2], 0o500);
    sample.snapshot(1, &items);
    sample
}

fn locked(item: &mut Item, mode: u32) {
    item.entry.as_mut().unwrap().stat.mode = mode;
}

#[test]
fn everything_comes_back_in_frames_of_any_length() {
    for frame_bytes in [1, 5000, 1 << 20] {
        let (sample, place) = (everything(frame_bytes), Place::new());
        assert_eq!(counts(&place.restored(&sample)), [7, 5, 2, 0, 0]);
        let tree = place.tree();
        assert_eq!(tree.len(), 14);
        assert!(tree.values().all(|(_, _, mtime, _)| *mtime == (1_700_000_000, 5)), "{tree:?}");
        assert_eq!(tree["s/a"].3, noise(1000, 1));
        assert_eq!(tree["s/d/large"].3, noise(90_000, 2));
        assert_eq!(tree["s/d/holes"].3, [vec![0; 200_000], noise(1000, 4), vec![0; 100_000]].concat());
        assert!(place.at("s/d/holes").metadata().unwrap().blocks() * 512 < 100_000);
        assert_eq!((tree["s/link"].3.as_slice(), tree["s/d"].0), (&b"d/large"[..], 0o040_500));
        assert_eq!(tree["s/pipe"].0, 0o010_755);
        assert_eq!(place.inode("s/d/one"), place.inode("t/two"));
    }
}

#[test]
fn what_is_equal_in_everything_is_not_touched() {
    let (sample, place) = (everything(5000), Place::new());
    let fresh = place.restored(&sample);
    let before: Vec<_> = place.names().iter().map(|name| place.changed(name)).collect();
    let again = sound(&sample, &RestoreOptions { delete: true, ..place.overwriting() });
    // The one directory that its owner may not write to was opened meanwhile.
    assert_eq!(counts(&again), [0, 1, 0, fresh.files + fresh.directories + fresh.others - 1, 0]);
    assert_eq!(again.bytes, 0);
    let after: Vec<_> = place.names().iter().map(|name| place.changed(name)).collect();
    let differ = place.names().iter().zip(before.iter().zip(&after)).filter(|(_, (a, b))| a != b).count();
    assert!(differ <= 1, "{before:?} {after:?}");
}

#[test]
fn only_what_differs_is_written() {
    let (sample, place) = (everything(5000), Place::new());
    place.restored(&sample);
    let right = place.tree();
    // Content of the same length, attributes alone, other types both ways, a zero that is none any more, a longer file.
    fs::write(place.at("t/y"), "n").unwrap();
    fs::set_permissions(place.at("s/a"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_dir(place.at("s/empty")).unwrap();
    fs::write(place.at("s/empty"), "").unwrap();
    fs::remove_file(place.at("s/pipe")).unwrap();
    fs::create_dir(place.at("s/pipe")).unwrap();
    fs::remove_file(place.at("s/link")).unwrap();
    make_symlink("elsewhere", place.at("s/link")).unwrap();
    fs::write(place.at("s/d/none"), "more").unwrap();
    let mut holes = fs::read(place.at("s/d/holes")).unwrap();
    holes[100] = 1;
    fs::write(place.at("s/d/holes"), &holes).unwrap();
    fs::write(place.at("t/extra"), "kept").unwrap();
    let (a, large) = (place.inode("s/a"), place.inode("s/d/large"));

    let dry = sound(&sample, &RestoreOptions { dry_run: true, ..place.overwriting() });
    assert_eq!(fs::read(place.at("t/y")).unwrap(), b"n");
    let report = sound(&sample, &place.overwriting());
    // y, a, none, holes; s, d, empty, t; link, pipe. Left: large, one, two, e.
    assert_eq!(counts(&report), [4, 4, 2, 4, 0]);
    // A dry run does not know yet which directories get another time.
    assert_eq!((dry.files, dry.others, dry.bytes), (4, 2, report.bytes + 1000));
    assert_eq!((place.inode("s/a"), place.inode("s/d/large")), (a, large));
    fs::remove_file(place.at("t/extra")).unwrap();
    sound(&sample, &place.overwriting());
    assert_eq!(place.tree(), right);
}

#[test]
fn what_was_not_there_then_is_deleted_if_wanted_and_only_where_it_was_asked_for() {
    let (sample, place) = (everything(5000), Place::new());
    place.restored(&sample);
    let right = place.tree();
    for extra in ["s/d/e/x", "s/empty/y/z", "s/new", "u/v"] {
        fs::create_dir_all(place.at(extra)).unwrap();
        fs::write(place.at(extra).join("f"), "x").unwrap();
    }
    let part = RestoreOptions { delete: true, paths: vec![path("s/d")], ..place.overwriting() };
    assert_eq!(sound(&sample, &part).deleted, 1);
    assert!(!place.at("s/d/e/x").exists() && place.at("s/new").exists() && place.at("u").exists());

    let all = RestoreOptions { delete: true, ..place.overwriting() };
    // What was asked before anything is deleted looks at the names only.
    let monitor = Recorder::new();
    let asked = deletions(&sample.archive.catalog(&monitor).unwrap(), &all, &monitor).unwrap();
    assert_eq!((asked.total, asked.first), (2, ["s/new", "s/empty/y"].map(path).to_vec()));
    let told = Lines::default();
    let dry = restored_from(&sample.archive, &RestoreOptions { dry_run: true, ..all.clone() }, &told).unwrap();
    let lines = told.0.into_inner().unwrap();
    let deleted: Vec<_> = lines.iter().filter(|line| line.starts_with("Deleted")).collect();
    assert_eq!(deleted, ["Deleted s/new", "Deleted s/empty/y"]);
    assert_eq!((dry.deleted, sound(&sample, &all).deleted), (2, 2));
    // What stands beside the sources has nothing to do with them.
    assert_eq!(fs::read(place.at("u/v/f")).unwrap(), b"x");
    fs::remove_dir_all(place.at("u")).unwrap();
    assert_eq!(place.tree(), right);
}

/// Remembers which entries were named.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Monitor for Lines {
    fn event(&self, event: Event<'_>) {
        assert!(!matches!(event, Event::Problem(_)), "{event:?}");
        if let Event::Entry(change, path) = event {
            self.0.lock().unwrap().push(format!("{change:?} {path}"));
        }
    }

    fn wants_entries(&self) -> bool {
        true
    }
}

#[test]
fn a_dry_run_into_a_missing_folder_makes_none_and_names_all_in_order() {
    let (sample, place) = (everything(5000), Place::new());
    let lines = Lines::default();
    let report = restored_from(&sample.archive, &RestoreOptions { dry_run: true, ..place.options() }, &lines).unwrap();
    assert_eq!(counts(&report), [7, 5, 2, 0, 0]);
    let lines = lines.0.into_inner().unwrap();
    assert_eq!((lines.len(), place.at("").exists()), (14, false));
    assert_eq!(counts(&place.restored(&sample)), counts(&report));
}

#[test]
fn what_is_asked_for_comes_with_the_directories_it_stands_in_and_nothing_else() {
    let (sample, place) = (everything(5000), Place::new());
    let paths = ["s/d/none", "s/d/e", "t", "t/y", "s/d/none"].map(path).to_vec();
    let report = sound(&sample, &RestoreOptions { paths, ..place.options() });
    assert_eq!(counts(&report), [3, 4, 0, 0, 0]);
    assert_eq!(place.names(), ["s", "s/d", "s/d/e", "s/d/none", "t", "t/two", "t/y"]);
    let tree = place.tree();
    assert_eq!((tree["s/d"].0, tree["s/d"].2), (0o040_500, (1_700_000_000, 5)));
    assert_eq!(tree["t/two"].3, b"linked");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_written() {
    let (sample, place) = (everything(5000), Place::new());
    let unknown = refused(&sample, &RestoreOptions { paths: vec![path("t"), path("s/nothing")], ..place.options() });
    assert_eq!((unknown.kind(), unknown.to_string().as_str()), (ErrorKind::NotFound, "s/nothing is not in snapshot 1"));
    assert_eq!(refused(&sample, &RestoreOptions { at: 2.into(), ..place.options() }).kind(), ErrorKind::NotFound);
    assert!(!place.at("").exists());

    let deep = RestoreOptions { target: place.at("no/where"), ..place.options() };
    assert_eq!(refused(&sample, &deep).kind(), ErrorKind::NotFound);
    fs::create_dir(place.at("")).unwrap();
    fs::write(place.at("mine"), "").unwrap();
    for dry_run in [false, true] {
        let full = refused(&sample, &RestoreOptions { dry_run, ..place.options() });
        assert!(
            full.kind() == ErrorKind::Exists && full.advice() == Some(&Advice::ChooseEmptyTargetOrOverwrite),
            "{full}"
        );
    }
    assert_eq!(place.names(), ["mine"]);
}

#[test]
fn the_archive_is_never_restored_into_nor_deleted() {
    let place = Place::new();
    fs::create_dir(place.at("")).unwrap();
    let archive = Archive::init(&place.at("archive"), Sharing::Private).unwrap();
    let sample = everything(5000);
    fs::create_dir(place.at("archive/bundles")).unwrap();
    fs::write(place.at("archive").join(Sample::file(1)), sample.bytes(&Sample::file(1))).unwrap();
    // The bundle says whose it is; the description is made to fit.
    fs::write(place.at("archive/archive.toml"), sample.bytes("archive.toml")).unwrap();
    drop(archive);
    let archive = Archive::open(&place.at("archive")).unwrap();
    let kind =
        |options: &RestoreOptions| restored_from(&archive, options, &Recorder::new()).map_err(|error| error.kind());
    for target in ["archive", "archive/new", "archive/bundles"] {
        let inside = RestoreOptions { target: place.at(target), ..place.overwriting() };
        assert_eq!(kind(&inside), Err(ErrorKind::Refused), "{target}");
    }
    let before = fs::read(place.at("archive").join(Sample::file(1))).unwrap();
    for delete in [true, false] {
        assert_eq!(kind(&RestoreOptions { delete, ..place.overwriting() }).unwrap().problems, 0);
        assert!(place.at("archive/archive.toml").exists() && place.at("s/a").exists());
    }
    // In a restored folder it stays, and what is on the way to it.
    fs::create_dir(place.at("s/d/mine")).unwrap();
    fs::write(place.at("s/d/mine/old"), "").unwrap();
    fs::rename(place.at("archive"), place.at("s/d/mine/archive")).unwrap();
    let archive = Archive::open(&place.at("s/d/mine/archive")).unwrap();
    let report = restored_from(&archive, &RestoreOptions { delete: true, ..place.overwriting() }, &Recorder::new());
    assert_eq!(report.map(|report| (report.deleted, report.problems)).unwrap(), (1, 0));
    assert!(!place.at("s/d/mine/old").exists());
    assert_eq!(fs::read(place.at("s/d/mine/archive").join(Sample::file(1))).unwrap(), before);
}

#[test]
fn a_damaged_frame_costs_the_files_in_it_alone_and_says_so() {
    let sample = everything(1);
    let monitor = Recorder::new();
    let state = sample.archive.catalog(&monitor).unwrap().state(1.into()).unwrap();
    let bundle = sample.archive.bundle(&Sample::name(crate::base::id::BundleId::new(1, 0))).unwrap();
    for name in ["s/d/large", "s/d/one", "s/a"] {
        let place = state.find(&path(name)).unwrap().unwrap().content.unwrap().place;
        let frame = bundle.table().frame_at(place.offset).unwrap();
        let whole = frame.stored_offset as usize..frame.stored_offset as usize + frame.stored_bytes as usize;
        let invert = |bytes: &mut Vec<u8>| bytes[whole.clone()].iter_mut().for_each(|byte| *byte ^= 0xff);
        sample.alter(&Sample::file(1), invert);
        let target = Place::new();
        let (report, problems) = told(&sample, &target.options());
        sample.alter(&Sample::file(1), invert);
        let lost: Vec<_> = problems.iter().map(|problem| problem.path.to_string()).collect();
        let expected: &[&str] = if name == "s/d/one" { &["s/d/one", "t/two"] } else { &[name] };
        assert_eq!(lost, expected);
        assert!(problems[0].what.contains(Sample::name(crate::base::id::BundleId::new(1, 0)).as_str()), "{problems:?}");
        assert_eq!(report.files, 7 - expected.len() as u64);
        let names = target.names();
        assert!(
            names.len() == 14 - expected.len() && !expected.iter().any(|lost| target.at(lost).exists()),
            "{names:?}"
        );
    }
}

#[test]
fn a_bundle_that_cannot_be_opened_costs_what_is_in_it_alone() {
    let (sample, place) = (everything(5000), Place::new());
    sample.snapshot(2, &[file("t/y", "newer"), directory("t"), file("t/z", "z")]);
    sample.alter(&Sample::file(1), |bytes| bytes.fill(7));
    let (report, problems) = told(&sample, &RestoreOptions { at: 2.into(), paths: vec![path("t")], ..place.options() });
    assert_eq!((problems.len(), problems[0].path.to_string().as_str()), (1, "t/two"));
    assert_eq!((report.files, fs::read(place.at("t/y")).unwrap().as_slice()), (2, &b"newer"[..]));
}

#[test]
fn wrong_places_in_the_manifest_never_give_wrong_bytes() {
    for lie in [512, 1 << 40, u64::MAX >> 2] {
        let (sample, place) = (Sample::new(), Place::new());
        let moved = Item { offset_lie: lie, ..file("s/moved", noise(3000, 1)) };
        let longer = Item { size_lie: lie, ..file("s/longer", noise(3000, 2)) };
        sample.snapshot(1, &[directory("s"), moved, longer, file("s/right", noise(3000, 3))]);
        let (_, problems) = told(&sample, &place.options());
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(place.names(), ["s", "s/right"]);
    }
}

#[test]
fn when_a_first_name_cannot_be_written_the_second_takes_its_place() {
    let (sample, place) = (Sample::new(), Place::new());
    let impossible = format!("s/{}", "n".repeat(256));
    let mut items = linked(&impossible, "s/two", "linked").to_vec();
    items.push(Item { path: path("s/z"), ..items[1].clone() });
    items.push(directory("s"));
    sample.snapshot(1, &items);
    let (report, problems) = told(&sample, &place.options());
    assert_eq!((report.files, problems.len(), problems[0].path.clone()), (2, 1, path(&impossible)));
    assert_eq!((place.inode("s/two"), place.names().len()), (place.inode("s/z"), 3));
    assert_eq!(fs::read(place.at("s/z")).unwrap(), b"linked");
}

#[test]
fn a_directory_that_cannot_be_made_is_one_problem() {
    let (sample, place) = (Sample::new(), Place::new());
    let long = format!("s/{}", "n".repeat(256));
    let items = [directory("s"), directory(&long), file(&format!("{long}/f"), "f"), directory(&format!("{long}/d"))];
    sample.snapshot(1, &[items.to_vec(), vec![file("s/g", "g"), file(&format!("{long}/d/h"), "h")]].concat());
    let (report, problems) = told(&sample, &place.options());
    assert_eq!((problems.len(), problems[0].path.clone(), report.files), (1, path(&long), 1));
    assert_eq!(place.names(), ["s", "s/g"]);
}

#[test]
fn links_in_the_target_become_those_of_the_snapshot() {
    let (sample, place) = (Sample::new(), Place::new());
    let mut items = linked("s/l1", "s/l2", "linked").to_vec();
    items.extend([directory("s"), file("s/x", "same"), file("s/y", "same"), file("s/z", "z")]);
    sample.snapshot(1, &items);
    place.restored(&sample);
    let right = place.tree();
    // Apart what belongs together, together what belongs apart, and a link to what is not of this snapshot.
    fs::remove_file(place.at("s/l2")).unwrap();
    fs::copy(place.at("s/l1"), place.at("s/l2")).unwrap();
    fs::remove_file(place.at("s/y")).unwrap();
    fs::hard_link(place.at("s/x"), place.at("s/y")).unwrap();
    let outside = place.0.path().join("outside");
    fs::write(&outside, "precious").unwrap();
    fs::remove_file(place.at("s/z")).unwrap();
    fs::hard_link(&outside, place.at("s/z")).unwrap();

    let mode = outside.metadata().unwrap().mode();
    sound(&sample, &place.overwriting());
    assert_eq!(place.tree(), right);
    assert_eq!(place.inode("s/l1"), place.inode("s/l2"));
    assert_ne!(place.inode("s/x"), place.inode("s/y"));
    assert_eq!((fs::read(&outside).unwrap().as_slice(), outside.metadata().unwrap().mode()), (&b"precious"[..], mode));
}

#[test]
fn a_file_that_is_linked_to_names_of_two_files_is_taken_apart() {
    let (sample, place) = (Sample::new(), Place::new());
    let mut items = linked("s/a1", "s/a2", "same").to_vec();
    for mut item in linked("s/b1", "s/b2", "same") {
        item.entry.as_mut().unwrap().stat.link = 8;
        items.push(item);
    }
    items.push(directory("s"));
    sample.snapshot(1, &items);
    place.restored(&sample);
    for name in ["s/a2", "s/b1", "s/b2"] {
        fs::remove_file(place.at(name)).unwrap();
        fs::hard_link(place.at("s/a1"), place.at(name)).unwrap();
    }
    sound(&sample, &place.overwriting());
    assert_eq!(place.inode("s/a1"), place.inode("s/a2"));
    assert_eq!(place.inode("s/b1"), place.inode("s/b2"));
    assert_ne!(place.inode("s/a1"), place.inode("s/b1"));
}

#[test]
fn a_symlink_out_of_the_target_in_the_place_of_a_directory_is_neither_followed_nor_replaced() {
    let (sample, place) = (everything(5000), Place::new());
    let outside = place.0.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("y"), "mine").unwrap();
    fs::create_dir(place.at("")).unwrap();
    make_symlink(&outside, place.at("t")).unwrap();
    let (_, problems) = told(&sample, &RestoreOptions { delete: true, ..place.overwriting() });
    let named: Vec<_> = problems.iter().map(|problem| problem.path.to_string()).collect();
    assert_eq!(named, ["t"]);
    assert_eq!(fs::read(outside.join("y")).unwrap(), b"mine");
    assert!(place.at("t").symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    // One that leads to no folder is replaced as all that is no folder.
    fs::remove_file(place.at("t")).unwrap();
    make_symlink("nowhere", place.at("t")).unwrap();
    sound(&sample, &RestoreOptions { delete: true, ..place.overwriting() });
    assert!(place.at("t").symlink_metadata().unwrap().is_dir());
}

#[test]
fn a_torn_file_is_told_once_for_each_of_its_names() {
    let (sample, place) = (Sample::new(), Place::new());
    let [mut one, two] = linked("s/a", "s/b", "text");
    one.entry.as_mut().unwrap().content.as_mut().unwrap().torn = true;
    let two = Item { entry: one.entry.clone(), ..two };
    let three = Item { path: path("s/c"), ..two.clone() };
    sample.snapshot(1, &[directory("s"), one, two, three]);
    let (report, problems) = told(&sample, &place.options());
    let named: Vec<_> = problems.iter().map(|problem| problem.path.to_string()).collect();
    assert_eq!((named, report.files), (vec!["s/a".to_owned(), "s/b".to_owned(), "s/c".to_owned()], 3));
}

#[test]
fn links_reach_over_rounds_and_memory_over_none() {
    let (sample, place) = (Sample { frame_bytes: 1 << 20, ..Sample::new() }, Place::new());
    // As much as is known of these entries makes several rounds.
    let target = "t".repeat(4095);
    let mut items = vec![directory("a"), directory("b"), directory("c")];
    items.extend((0..9000).map(|number| symlink(&format!("b/{number}"), &target)));
    items.extend(linked("a/one", "c/two", "linked"));
    sample.snapshot(1, &items);
    assert_eq!(counts(&place.restored(&sample)), [2, 3, 9000, 0, 0]);
    assert_eq!(place.inode("a/one"), place.inode("c/two"));
    assert_eq!(fs::read_link(place.at("b/8999")).unwrap().as_os_str().len(), 4095);
}

/// Asks to stop when it has been asked for the n-th time.
struct Stopping(AtomicUsize);

impl Monitor for Stopping {
    fn event(&self, event: Event<'_>) {
        assert!(!matches!(event, Event::Problem(_)), "{event:?}");
    }

    fn is_interrupted(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
    }
}

#[test]
fn stopped_at_any_moment_no_half_file_remains_and_a_second_run_goes_on() {
    let sample = everything(5000);
    let whole = Place::new();
    whole.restored(&sample);
    let right = whole.tree();
    let mut stopped = 0;
    for steps in 0.. {
        let place = Place::new();
        let result = restored_from(&sample.archive, &place.options(), &Stopping(AtomicUsize::new(steps)));
        for (name, found) in place.tree() {
            let (mode, size, mtime, content) = &right[&name];
            assert_eq!((found.1, &found.3), (*size, content), "{name} after {steps} steps");
            assert_eq!((found.0, found.2), (*mode, *mtime), "{name} after {steps} steps");
        }
        match result {
            Ok(report) => {
                assert_eq!(counts(&report), [7, 5, 2, 0, 0]);
                break;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}"),
        }
        sound(&sample, &place.overwriting());
        assert_eq!(place.tree(), right);
        stopped += 1;
    }
    assert!(stopped > 20, "{stopped}");
}

#[test]
fn attributes_alone_are_set_in_place() {
    let (sample, place) = (Sample::new(), Place::new());
    let item = |mode, time| {
        let mut item = file("s/f", "x");
        let stat = &mut item.entry.as_mut().unwrap().stat;
        (stat.mode, stat.mtime) = (mode, Time::new(time, 7));
        item
    };
    sample.snapshot(1, &[directory("s"), item(0o640, -5)]);
    place.restored(&sample);
    let inode = place.inode("s/f");
    sample.snapshot(2, &[item(0o4711, 1 << 33)]);
    let report = sound(&sample, &RestoreOptions { at: 2.into(), ..place.overwriting() });
    assert_eq!((report.files, report.bytes, place.inode("s/f")), (1, 0, inode));
    let found = place.at("s/f").metadata().unwrap();
    assert_eq!((found.mode() & 0o777, found.mtime(), found.mtime_nsec()), (0o711, 1 << 33, 7));
}
