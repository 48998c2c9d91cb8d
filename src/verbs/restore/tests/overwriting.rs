//! Restores over what is there already: what may go, and what never does.
#![cfg(test)]
#![allow(clippy::unwrap_used)]

use super::*;
use crate::archive::open::Archive;
use crate::archive::open::Sharing;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::monitor::Event;
use crate::base::path::EntryPathBuf;

/// Asks to stop once, when it has been asked for the n-th time, and never again: what ends a restore may be over soon after.
struct StoppingOnce(AtomicUsize);

impl Monitor for StoppingOnce {
    fn event(&self, event: Event<'_>) {
        assert!(!matches!(event, Event::Problem(_)), "{event:?}");
    }

    fn is_interrupted(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) == 0
    }
}

#[test]
fn a_restore_that_fails_anywhere_deletes_nothing_that_is_in_the_snapshot() {
    let (sample, place) = (everything(5000), Place::new());
    place.restored(&sample);
    let right = place.names();
    let mut failed = 0;
    for steps in 0.. {
        let options = RestoreOptions { delete: true, ..place.overwriting() };
        let result = restored_from(&sample.archive, &options, &StoppingOnce(AtomicUsize::new(steps)));
        assert_eq!(place.names(), right, "after {steps} steps");
        if result.is_ok() {
            break;
        }
        failed += 1;
    }
    assert!(failed > 20, "{failed}");
}

#[test]
fn files_that_a_killed_restore_left_are_removed_and_nothing_else_that_is_called_like_them() {
    const LEFT: &str = ".snap-restore-0123456789abcdef-7";
    let (sample, place) = (everything(5000), Place::new());
    place.restored(&sample);
    let right = place.names();
    let put = |name: &str| fs::write(place.at("s").join(name), "half a file").unwrap();
    let foreign = [
        ".snap-restore-",
        ".snap-restore-0123456789abcdef",
        ".snap-restore-0123456789abcdef-",
        ".snap-restore-0123456789abcdef-x",
        ".snap-restore-0123456789ABCDEF-1",
        ".snap-restore-0123456789abcde-11",
        ".snap-restore-0123456789abcdef-7.odt",
        "my.snap-restore-0123456789abcdef-7",
    ];
    foreign.iter().chain(&[LEFT]).for_each(|name| put(name));
    let (directory, link) = (".snap-restore-0123456789abcdef-8", ".snap-restore-0123456789abcdef-9");
    fs::create_dir(place.at("s").join(directory)).unwrap();
    std::os::unix::fs::symlink("a", place.at("s").join(link)).unwrap();
    // What another restore is at work on.
    let held = ".snap-restore-fedcba9876543210-0";
    put(held);
    let holder = fs::File::open(place.at("s").join(held)).unwrap();
    holder.lock().unwrap();

    sound(&sample, &RestoreOptions { dry_run: true, ..place.overwriting() });
    assert!(place.at("s").join(LEFT).exists(), "a dry run changes nothing");
    let only = vec![EntryPathBuf::from_bytes(b"s/a").unwrap()];
    sound(&sample, &RestoreOptions { paths: only, ..place.overwriting() });
    assert!(place.at("s").join(LEFT).exists(), "it is only about one file");
    sound(&sample, &place.overwriting());
    assert!(!place.at("s").join(LEFT).exists());
    for name in foreign.iter().chain(&[directory, link, held]) {
        assert!(place.at("s").join(name).symlink_metadata().is_ok(), "{name} is somebody's");
    }
    drop(holder);
    sound(&sample, &place.overwriting());
    assert!(!place.at("s").join(held).exists(), "nobody holds it any more");
    sound(&sample, &RestoreOptions { delete: true, ..place.overwriting() });
    assert_eq!(place.names(), right);
}

#[test]
fn what_is_in_the_snapshot_stays_whatever_it_is_called() {
    let name = "s/.snap-restore-0123456789abcdef-7";
    let (sample, place) = (Sample::new(), Place::new());
    sample.snapshot(1, &[directory("s"), file(name, "mine")]);
    place.restored(&sample);
    let inode = place.inode(name);
    sound(&sample, &place.overwriting());
    assert_eq!((place.inode(name), fs::read(place.at(name)).unwrap()), (inode, b"mine".to_vec()));
}

#[test]
fn a_folder_with_things_in_it_gives_way_to_a_file_only_if_things_may_be_deleted() {
    let (sample, place) = (everything(5000), Place::new());
    place.restored(&sample);
    let right = place.tree();
    // In the places of a file, of a further name and of a symlink.
    let names = ["s/a", "s/link", "t/two"];
    let fill = || {
        for name in names {
            if place.at(name).symlink_metadata().is_ok_and(|found| !found.is_dir()) {
                fs::remove_file(place.at(name)).unwrap();
            }
            fs::create_dir_all(place.at(name).join("mine")).unwrap();
            fs::write(place.at(name).join("mine/f"), "precious").unwrap();
        }
    };
    fill();
    for dry_run in [true, false] {
        let (report, problems) = told(&sample, &RestoreOptions { dry_run, ..place.overwriting() });
        let named: Vec<_> = problems.iter().map(|problem| problem.path.to_string()).collect();
        assert_eq!((named, report.deleted), (names.map(str::to_owned).to_vec(), 0), "dry run: {dry_run}");
        assert!(problems.iter().all(|problem| problem.advice == Some(Advice::AllowDeletion)), "{problems:?}");
        assert!(names.iter().all(|name| fs::read(place.at(name).join("mine/f")).unwrap() == b"precious"));
    }
    let all = RestoreOptions { delete: true, ..place.overwriting() };
    let dry = sound(&sample, &RestoreOptions { dry_run: true, ..all.clone() });
    assert!(dry.deleted == 3 && place.at("s/a/mine/f").exists(), "the question needs to know: {dry:?}");
    assert_eq!(sound(&sample, &all).deleted, 3);
    assert_eq!(place.tree(), right);
    // One that is empty is in nobody's way.
    for name in names {
        fs::remove_file(place.at(name)).unwrap();
        fs::create_dir(place.at(name)).unwrap();
    }
    assert_eq!(sound(&sample, &place.overwriting()).deleted, 0);
    assert_eq!(place.tree(), right);
}

#[test]
fn what_would_stand_in_the_archive_s_place_is_refused_before_anything_is_written() {
    let sample = everything(5000);
    for (at, paths, is_refused) in [
        ("s/d", vec![], true),
        ("s/a", vec![], true),
        ("s/d/large/x", vec![], true),
        ("s/d", vec![path("t")], false),
        ("s/other", vec![], false),
    ] {
        let place = Place::new();
        fs::create_dir_all(place.at(at)).unwrap();
        let archive = Archive::init(&place.at(at), Sharing::Private).unwrap();
        fs::create_dir(place.at(at).join("bundles")).unwrap();
        fs::write(place.at(at).join(Sample::file(1)), sample.bytes(&Sample::file(1))).unwrap();
        fs::write(place.at(at).join("archive.toml"), sample.bytes("archive.toml")).unwrap();
        drop(archive);
        let archive = Archive::open(&place.at(at)).unwrap();
        let before = place.names();
        let result = restored_from(&archive, &RestoreOptions { paths, ..place.overwriting() }, &Recorder::new());
        assert_eq!(result.as_ref().err().map(Error::kind), is_refused.then_some(ErrorKind::Refused), "{at}");
        // An index file may have been made.
        let after = place.names();
        assert!(!is_refused || after.iter().filter(|name| !name.contains("index")).eq(&before), "{at}: {after:?}");
    }
}
