//! Sources that change while they are read: every bundle stays sound, what is not as it should be is told, and the next run
//! makes up for it. Edits are made at known moments: when `create` asks for the time, which it does before it looks at a
//! directory and before it looks at an open file, and when it writes.

use crate::support::inside::Scene;
use crate::support::inside::assert_replays;
use crate::support::inside::assert_restores;
use crate::support::inside::contents;
use crate::support::inside::entries;
use crate::support::inside::export;
use crate::support::inside::file;
use crate::support::inside::history;
use crate::support::inside::late;
use crate::support::inside::options;
use crate::support::inside::restore;
use crate::support::stores::FaultyStore;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use snap_archive::archive::open::Archive;
use snap_archive::base::entry::Kind;
use snap_archive::base::error::Problem;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::snapshot::Rules;
use snap_archive::base::time::Time;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::CreateReport;
use snap_archive::verbs::create::create;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::verify::VerifyOptions;
use snap_archive::verbs::verify::verify;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A file of this many bytes comes in several frames.
const LARGE: usize = 20 << 20;

/// Saves, and edits the source when the time is asked for the `at`-th time, counted from 1; gives the problems, too.
fn save_editing(scene: &Scene, at: usize, edit: &(dyn Fn(&Tree) + Sync)) -> (CreateReport, Vec<Problem>) {
    let looks = AtomicUsize::new(0);
    let clock = || {
        if looks.fetch_add(1, Ordering::SeqCst) + 1 == at {
            edit(&scene.home);
        }
        late()
    };
    let recorder = Recorder::new();
    let options = CreateOptions { clock: &clock, threads: 1, ..options(scene.home.root()) };
    let report = create(&scene.archive, &options, &recorder).unwrap();
    assert!(looks.load(Ordering::SeqCst) >= at, "the time was asked for {looks:?} times only");
    assert_eq!(report.problems, recorder.problems().len() as u64);
    (report, recorder.problems())
}

/// Fails the test unless this was the one problem.
#[track_caller]
fn assert_one(problems: &[Problem], path: &str, what: &str) {
    let [problem] = problems else { panic!("not one problem: {problems:?}") };
    assert_eq!(problem.path.as_bytes(), path.as_bytes(), "{problem}");
    assert!(problem.what.contains(what), "{problem}");
}

/// Fails the test unless every content of a snapshot is as its hash says, and every stock reader takes every bundle.
#[track_caller]
fn assert_sound(scene: &Scene, number: impl Into<SnapshotNumber>) {
    let number = number.into();
    contents(&scene.archive, number);
    let out = tempfile::tempdir().unwrap();
    let drive = crate::support::inside::on_a_drive(&scene.store);
    crate::support::replay::stock_replay(drive.path(), number.get() as usize, &out.path().join("out"));
    let recorder = Recorder::new();
    let report = verify(&scene.archive, &VerifyOptions { data: true, ..VerifyOptions::default() }, &recorder).unwrap();
    assert_eq!(report.findings, []);
}

/// Fails the test unless just these files of a snapshot are known not to be whole, and are named by whatever gives them out.
#[track_caller]
fn assert_torn(scene: &Scene, number: impl Into<SnapshotNumber>, expected: &[&str]) {
    let number = number.into();
    let torn = entries(&scene.archive, number).into_iter().filter(|(_, entry)| entry.is_torn());
    assert_eq!(torn.map(|(path, _)| String::from_utf8(path).unwrap()).collect::<Vec<_>>(), expected);
    let (restored, exported) = (Recorder::new(), Recorder::new());
    let out = tempfile::tempdir().unwrap();
    let options = RestoreOptions { target: out.path().join("out"), at: number, ..RestoreOptions::default() };
    restore(&scene.archive, &options, &restored).unwrap();
    export(&scene.archive, number, &exported).unwrap();
    for problems in [restored.problems(), exported.problems()] {
        assert!(problems.iter().all(|problem| problem.what.contains("may not be whole")), "{problems:?}");
        assert_eq!(problems.iter().map(|problem| problem.path.to_string()).collect::<Vec<_>>(), expected);
    }
}

/// Saves again without any edit: everything is as the source is now, and there is no problem any more.
#[track_caller]
fn assert_made_up_for(scene: &Scene) {
    scene.save();
    scene.assert_kept();
    assert_torn(scene, *history(&scene.archive).last().unwrap(), &[]);
}

#[test]
fn a_file_that_vanishes_before_it_is_opened_keeps_its_last_version() {
    let scene = Scene::new();
    scene.home.file("a", "a").file("b", "before").file("c", "c");
    scene.save();
    scene.home.file("a", "a2").file("b", "after").file("c", "c2").file("d", "new");
    // The directory is looked at twice, for what moved comes first; the look at `a` is the third.
    let (_, problems) = save_editing(&scene, 3, &|home| {
        home.rename("b", "../../b").rename("d", "../../d");
    });
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert_one(&problems[..1], "home/b", "is not there any more");
    assert_one(&problems[1..], "home/d", "is not there any more");
    assert_eq!(file(&scene.archive, 2, "home/b"), b"before");
    assert_eq!(file(&scene.archive, 2, "home/c"), b"c2");
    assert!(!contents(&scene.archive, 2).contains_key(b"home/d".as_slice()));
    assert_sound(&scene, 2);
    assert_made_up_for(&scene);
    assert!(!contents(&scene.archive, 3).contains_key(b"home/b".as_slice()));
    scene.home.rename("../../b", "b");
    assert_made_up_for(&scene);
    assert_eq!(file(&scene.archive, 4, "home/b"), b"after");
}

#[test]
fn a_file_that_is_replaced_by_another_kind_before_it_is_opened_keeps_its_last_version() {
    let others: [(&str, fn(&Tree)); 4] = [
        ("a directory", |home| {
            home.file("b/inside", "x");
        }),
        ("a symlink", |home| {
            home.file("../../outside", "secret").symlink("b", "../../outside");
        }),
        ("a pipe", |home| {
            home.fifo("b");
        }),
        ("a socket", |home| {
            home.socket("b");
        }),
    ];
    for (what, make) in others {
        let scene = Scene::new();
        scene.home.file("a", "a").file("b", "before");
        scene.save();
        scene.home.file("a", "a2").file("b", "after");
        let (_, problems) = save_editing(&scene, 2, &|home| make(home.remove("b")));
        assert_one(&problems, "home/b", "cannot be read");
        assert_eq!(file(&scene.archive, 2, "home/b"), b"before", "{what}");
        assert_sound(&scene, 2);
        scene.save_with(&|options| options).unwrap();
        if what == "a socket" {
            scene.home.remove("b");
        }
        scene.save_with(&|options| options).unwrap();
        scene.assert_kept();
    }
}

#[test]
fn a_file_that_took_the_place_of_something_else_and_vanishes_leaves_snap_and_tar_agreed() {
    for was in ["symlink", "directory", "fifo"] {
        let scene = Scene::new();
        scene.home.file("a", "a");
        match was {
            "symlink" => scene.home.symlink("b", "a"),
            "fifo" => scene.home.fifo("b"),
            _ => scene.home.file("b/inside", "x"),
        };
        scene.save();
        scene.home.file("a", "a2").remove("b").file("b", "a file now").file("c", "c");
        let (_, problems) = save_editing(&scene, 3, &|home| {
            home.remove("b");
        });
        assert_one(&problems, "home/b", "is not there any more");
        let out = tempfile::tempdir().unwrap();
        let drive = crate::support::inside::on_a_drive(&scene.store);
        crate::support::replay::stock_replay(drive.path(), 2, out.path());
        assert_restores_stock(&scene, 2, &out.path().join("home"));
        assert_made_up_for(&scene);
    }
}

/// Fails the test unless a snapshot has the names and types that stock tar made of it.
#[track_caller]
fn assert_restores_stock(scene: &Scene, number: impl Into<SnapshotNumber>, replayed: &std::path::Path) {
    let kept = contents(&scene.archive, number).into_iter().filter(|(path, _)| path != b"home");
    let kept: Vec<_> = kept.map(|(path, line)| (path["home/".len()..].to_vec(), line)).collect();
    let found = crate::support::listing::below(replayed);
    assert_eq!(kept.iter().map(|(path, _)| path).collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
}

#[test]
fn a_file_that_grew_or_shrank_after_its_directory_was_listed_is_saved_as_it_is() {
    let scene = Scene::new();
    scene.home.file("a", "a").file("grows", "short").file("shrinks", noise(1, 5000)).file("touched", "same");
    let (report, problems) = save_editing(&scene, 2, &|home| {
        home.append("grows", noise(2, 100_000)).file("shrinks", "s").mtime("touched", 5, 5);
    });
    assert_eq!((report.problems, problems), (0, Vec::new()));
    assert_sound(&scene, 1);
    scene.assert_kept();
    assert_eq!(scene.save().summary, None, "all was saved as it is now");
}

#[test]
fn a_small_file_that_grew_large_after_its_directory_was_listed_is_cut_and_told() {
    let scene = Scene::new();
    scene.home.file("a", "a").file("b", "short");
    let (_, problems) = save_editing(&scene, 2, &|home| {
        home.file("b", noise(1, LARGE));
    });
    assert_one(&problems, "home/b", "changed while it was read");
    assert_sound(&scene, 1);
    assert_made_up_for(&scene);
    assert_eq!(file(&scene.archive, 2, "home/b").len(), LARGE);
}

#[test]
fn names_of_one_file_that_changed_after_it_was_listed_have_one_content() {
    for (what, content) in [("grew", noise(1, 5000)), ("shrank", b"x".to_vec()), ("kept its size", b"other!".to_vec())]
    {
        let scene = Scene::new();
        scene.home.file("a", "a").file("b", "before").hard_link("b", "c").hard_link("b", "d");
        save_editing(&scene, 2, &|home| {
            home.file("b", &content);
        });
        for name in ["home/b", "home/c", "home/d"] {
            assert_eq!(file(&scene.archive, 1, name), content, "{name} {what}");
        }
        assert_sound(&scene, 1);
        scene.assert_kept();
    }
}

#[test]
fn a_directory_that_vanishes_before_it_is_listed_keeps_what_was_in_it() {
    let scene = Scene::new();
    scene.home.file("a", "a").file("d/e/f", "f").file("d/g", "g");
    scene.save();
    scene.home.file("a", "a2").file("d/g", "g2").file("d/h", "h");
    let (_, problems) = save_editing(&scene, 1, &|home| {
        // It is still among the names when the top is listed.
        home.file("../../outside/f", "secret").rename("d", "../../d").symlink("d", "../../outside");
    });
    // A link has taken its place, which is as good as any other change before the look.
    assert_eq!(problems, []);
    assert_made_up_for(&scene);
    scene.home.remove("d").rename("../../d", "d");
    assert_made_up_for(&scene);
}

#[test]
fn a_directory_swapped_by_a_link_between_two_looks_is_never_followed() {
    let scene = Scene::new();
    scene.home.file("a", "a").file("d/e/f", "f").file("d/g", "g").file("x", "x");
    scene.save();
    scene.home.file("d/e/f", "f2").file("d/g", "g2");
    let outside = Tree::at(scene.path("outside"));
    outside.file("g", "secret").file("e/f", "secret");
    // Looks: the top, d, d/e, then files as they are opened: d is swapped before the first of them.
    let (_, problems) = save_editing(&scene, 4, &|home| {
        home.rename("d", "../../d").symlink("d", "../../outside");
    });
    // The first file was open already or its directory was; the others cannot be reached any more.
    assert!(!problems.is_empty());
    let old = |path: &str, old: &[u8], new: &[u8]| {
        let bytes = file(&scene.archive, 2, path);
        assert!(bytes == old || bytes == new, "{path}: {:?}", bytes.escape_ascii().to_string());
    };
    old("home/d/g", b"g", b"g2");
    old("home/d/e/f", b"f", b"f2");
    assert_sound(&scene, 2);
    assert_made_up_for(&scene);
    scene.home.remove("d").rename("../../d", "d");
    assert_made_up_for(&scene);
    assert_eq!(file(&scene.archive, 4, "home/d/e/f"), b"f2");
}

#[test]
fn a_directory_that_cannot_be_listed_when_its_turn_comes_keeps_what_was_in_it() {
    let scene = Scene::new();
    scene.home.file("a", "a").file("d/e/f", "f").file("d/g", "g");
    scene.save();
    scene.home.file("d/g", "g2").file("d/new", "new");
    // At the second look, that at d, the top has been listed; then d/e is not there when it is opened.
    let (_, problems) = save_editing(&scene, 2, &|home| {
        home.file("../../outside/f", "secret").rename("d/e", "../../e").symlink("d/e", "../../../outside");
    });
    let gone = problems.iter().any(|problem| problem.path.as_bytes() == b"home/d/e");
    let kept = contents(&scene.archive, 2);
    // Either the symlink was found in its place, or it could not be listed, or it had been listed already.
    let is_link =
        entries(&scene.archive, 2).iter().any(|(path, entry)| path == b"home/d/e" && entry.stat.kind == Kind::Symlink);
    assert_eq!(is_link, !kept.contains_key(b"home/d/e/f".as_slice()), "{problems:?}");
    assert!(!(gone && is_link), "{problems:?}");
    assert_eq!(file(&scene.archive, 2, "home/d/new"), b"new");
    assert_sound(&scene, 2);
    assert_made_up_for(&scene);
    scene.home.remove("d/e").rename("../../e", "d/e");
    assert_made_up_for(&scene);
}

#[test]
fn a_source_that_is_removed_while_it_is_read_is_not_taken_for_empty() {
    let scene = Scene::new();
    scene.home.file("a", "a").file("d/b", "b");
    scene.save();
    let (report, problems) = save_editing(&scene, 1, &|home| {
        home.rename("", "../away");
        std::fs::remove_dir_all(scene.path("sources/away")).unwrap_or_default();
        std::fs::remove_dir_all(scene.path("away")).unwrap_or_default();
    });
    assert!(report.problems > 0, "{problems:?}");
    let newest = scene.archive.catalog(&Recorder::new()).unwrap().newest().unwrap();
    assert_eq!(file(&scene.archive, newest, "home/a"), b"a");
    assert_eq!(file(&scene.archive, newest, "home/d/b"), b"b");
    assert_sound(&scene, newest);
}

/// Saves, and edits the source when the first bytes are written to the drive: of a large file, at most two pieces of 8 MiB
/// were read then, and the third was not.
fn save_editing_at_first_write(scene: &Scene, edit: fn(&Tree)) -> (CreateReport, Vec<Problem>) {
    let home = scene.home.clone();
    let done = AtomicBool::new(false);
    // Many file systems keep times to a tick of some milliseconds only: the edit must not fall into the same one.
    std::thread::sleep(Duration::from_millis(50));
    let store = FaultyStore::acting(Arc::new(scene.store.clone()), move |_, step| {
        if step.starts_with("write bundles/") && !done.swap(true, Ordering::SeqCst) {
            edit(&home);
        }
    });
    let archive = Archive::open_store(store).unwrap();
    let recorder = Recorder::new();
    let options = CreateOptions { threads: 1, ..options(scene.home.root()) };
    let report = create(&archive, &options, &recorder).unwrap();
    (report, recorder.problems())
}

fn resize(home: &Tree, name: &str, size: u64) {
    std::fs::OpenOptions::new().write(true).open(home.path(name)).unwrap().set_len(size).unwrap();
}

#[test]
fn a_large_file_that_shrinks_while_it_is_read_keeps_the_bundle_readable() {
    let scene = Scene::new();
    // More than may be read before the first of it is written.
    scene.home.file("a", "a").file("large", noise(1, LARGE + (28 << 20)));
    let (_, problems) = save_editing_at_first_write(&scene, |home| resize(home, "large", 17 << 20));
    assert_one(&problems, "home/large", "became shorter");
    let saved = file(&scene.archive, 1, "home/large");
    assert!(saved.len() == LARGE + (28 << 20) && saved.ends_with(&vec![0; 1 << 20]));
    assert_sound(&scene, 1);
    assert_torn(&scene, 1, &["home/large"]);
    assert_made_up_for(&scene);
}

#[test]
fn a_large_file_that_changes_while_it_is_read_is_told_and_read_again() {
    let edits: [fn(&Tree); 3] = [
        |home| {
            home.append("large", "more");
        },
        |home| {
            let file = std::fs::OpenOptions::new().write(true).open(home.path("large")).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, b"other", 100).unwrap();
        },
        |home| {
            // Same size, and the time set back: only the change time tells.
            let file = std::fs::OpenOptions::new().write(true).open(home.path("large")).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, b"other", 100).unwrap();
            home.mtime("large", 1_000_000_000, 0);
        },
    ];
    for edit in edits {
        let scene = Scene::new();
        // More than may be read before the first of it is written.
        scene.home.file("large", noise(1, LARGE + (28 << 20))).mtime("large", 1_000_000_000, 0);
        let (_, problems) = save_editing_at_first_write(&scene, edit);
        assert_one(&problems, "home/large", "changed while it was read");
        assert_sound(&scene, 1);
        assert_torn(&scene, 1, &["home/large"]);
        assert_made_up_for(&scene);
    }
}

#[test]
fn a_large_file_that_is_emptied_before_it_is_opened_is_saved_as_an_empty_one() {
    for names in [&["large"][..], &["large", "z"]] {
        let scene = Scene::new();
        scene.home.file("large", noise(1, LARGE));
        names[1..].iter().for_each(|name| {
            scene.home.hard_link("large", name);
        });
        let (report, problems) = save_editing(&scene, 2, &|home| resize(home, "large", 0));
        assert_eq!((report.counts.new, problems), (names.len() as u64, Vec::new()));
        for name in names {
            assert_eq!(file(&scene.archive, 1, &format!("home/{name}")), b"", "{name} of {names:?}");
        }
        assert_sound(&scene, 1);
        scene.assert_kept();
    }
}

#[test]
fn a_large_file_that_vanishes_before_it_is_opened_keeps_its_last_version() {
    let scene = Scene::new();
    scene.home.file("a", noise(1, LARGE)).file("b", noise(2, LARGE));
    scene.save();
    scene.home.append("a", "more").append("b", "more");
    let (_, problems) = save_editing(&scene, 2, &|home| {
        home.remove("b");
    });
    assert_one(&problems, "home/b", "is not there any more");
    assert_eq!(file(&scene.archive, 2, "home/b"), noise(2, LARGE));
    assert_sound(&scene, 2);
    assert_made_up_for(&scene);
}

#[test]
fn a_large_file_that_was_only_touched_is_read_and_not_stored_again() {
    let scene = Scene::new();
    scene.home.file("large", noise(1, LARGE)).hard_link("large", "z");
    scene.save();
    scene.home.mtime("large", 1_000_000_000, 0);
    let report = scene.save();
    assert!(report.bytes_written < 10_000 && report.bytes_read == LARGE as u64, "{report:?}");
    assert_eq!((report.counts.metadata, report.counts.modified), (2, 0));
    scene.assert_kept();
}

#[test]
fn a_new_name_of_a_large_file_stores_nothing_but_the_name() {
    let scene = Scene::new();
    scene.home.file("m/large", noise(1, LARGE));
    scene.save();
    scene.home.hard_link("m/large", "m/second");
    let report = scene.save();
    scene.assert_kept();
    assert!(report.counts.new == 1 && report.counts.modified == 0, "{report:?}");
    // And a name that sorts before all others.
    scene.home.hard_link("m/large", "m/a");
    scene.save();
    scene.assert_kept();
}

#[test]
fn a_large_file_with_two_names_that_changed_is_stored_once() {
    let scene = Scene::new();
    scene.home.file("a/large", noise(1, LARGE)).hard_link("a/large", "b").hard_link("b", "c");
    let first = scene.save();
    assert!(first.bytes_written < LARGE as u64 + 100_000, "{first:?}");
    scene.home.append("b", "more");
    let report = scene.save();
    assert!(report.bytes_written < LARGE as u64 + 100_000 && report.bytes_read == LARGE as u64 + 4, "{report:?}");
    scene.assert_kept();
}

#[test]
fn names_of_one_file_on_both_sides_of_a_cut_between_parts_are_whole_in_both() {
    let large = LARGE as u64;
    for (size, part) in [(60_000, 100_000), (60_000, 61_500), (LARGE, large + 500)] {
        let scene = Scene::new();
        scene
            .home
            .file("a", noise(1, size))
            .hard_link("a", "a2")
            .hard_link("a", "c")
            .hard_link("a", "e")
            .dir("g")
            .hard_link("a", "g/h");
        for (number, name) in ["b", "d", "f", "g/g", "g/i"].iter().enumerate() {
            scene.home.file(name, noise(number as u64 + 2, 55_000));
        }
        let save = || scene.save_with(&|options| CreateOptions { part_bytes_max: part, ..options }).unwrap();
        save();
        let bundles = snap_archive::system::store::Store::list(&scene.store, "bundles").unwrap();
        assert!(bundles.len() > 1, "{size} {part}: {bundles:?}");
        assert_sound(&scene, 1);
        scene.assert_kept();
        scene.home.append("a", "more");
        save();
        assert_sound(&scene, 2);
        scene.assert_kept();
    }
}

#[test]
fn an_edit_that_changes_neither_size_nor_time_right_after_the_snapshot_is_caught() {
    let scene = Scene::new();
    scene.home.file("a", "before").mtime("a", 1_700_000_000, 7).file("same", "same").symlink("link", "one");
    // The clock stands where the file system's does: the files were made a moment before the look.
    let save = || scene.save_with(&|options| CreateOptions { clock: &Time::now, ..options }).unwrap();
    save();
    scene.home.file("a", "after!").mtime("a", 1_700_000_000, 7).remove("link").symlink("link", "two");
    let report = save();
    assert_eq!((report.counts.modified, report.counts.unchanged), (2, 1), "{report:?}");
    scene.assert_kept();
}

#[test]
fn with_rehash_every_file_is_read_and_none_is_stored_again() {
    let scene = Scene::new();
    scene.home.file("a", "four").file("large", noise(1, LARGE)).file("same", "same").hard_link("large", "z");
    scene.save();
    let report = scene.save_with(&|options| CreateOptions { rehash: true, ..options }).unwrap();
    assert_eq!((report.bytes_read, report.bytes_written), (LARGE as u64 + 8, 0), "{report:?}");
    assert_eq!((report.summary, report.counts.unchanged), (None, 4));
    assert_eq!(scene.save().bytes_read, 0);
}

#[test]
fn a_file_that_changes_all_the_time_never_makes_an_unsound_bundle() {
    let scene = Scene::new();
    scene.home.file("a", "a").file("busy", noise(1, 3_000_000)).hard_link("busy", "z");
    let stop = AtomicBool::new(false);
    let reports: Vec<_> = std::thread::scope(|scope| {
        let (home, stop) = (scene.home.clone(), &stop);
        scope.spawn(move || {
            let mut size = 0;
            while !stop.load(Ordering::SeqCst) {
                size = (size + 1_234_567) % 4_000_000;
                resize(&home, "busy", size);
            }
        });
        let reports = (0..8).map(|_| scene.save_with(&|options| options)).collect();
        stop.store(true, Ordering::SeqCst);
        reports
    });
    for report in reports {
        report.unwrap();
    }
    let newest = scene.archive.catalog(&Recorder::new()).unwrap().newest().unwrap();
    for number in 1..=newest.get() {
        contents(&scene.archive, number);
    }
    assert_sound(&scene, newest);
    assert_made_up_for(&scene);
    // The last of the runs may have met the file at rest: then there was nothing to make up for.
    let last = scene.archive.catalog(&Recorder::new()).unwrap().newest().unwrap();
    assert_restores(&scene.archive, last, &scene.path("sources"));
    assert_replays(&scene.store, last, &scene.path("sources"));
}

#[test]
fn what_another_file_is_a_copy_of_may_change_or_go_at_any_moment() {
    let content = noise(1, 5000);
    let edits: [&(dyn Fn(&Tree) + Sync); 3] = [
        &|home| {
            home.file("z/base", noise(2, 5000));
        },
        &|home| {
            home.remove("z/base").dir("z/base");
        },
        &|home| {
            home.remove("z");
        },
    ];
    let (mut copies, mut held) = (0, 0);
    for (edit, is_touched) in edits.into_iter().zip([true, false, true]) {
        for at in 1.. {
            let scene = Scene::new();
            let rules = Some(Rules { patch_from: Some(1000), ..Rules::default() });
            // So small that the planner waits for each file.
            let save = |clock: &(dyn Fn() -> Time + Sync)| {
                let (clock, rules, part_bytes_max) = (clock, rules.clone(), 6000);
                let options = CreateOptions { clock, threads: 1, rules, part_bytes_max, ..options(scene.home.root()) };
                let recorder = Recorder::new();
                create(&scene.archive, &options, &recorder).unwrap();
                recorder.problems()
            };
            scene.home.file("z/base", &content).file("y/f", "1");
            save(&late);
            scene.home.file("a/copy", &content).file("b", "b").file("y/f", "2");
            if is_touched {
                scene.home.mtime("z/base", 5, 0);
            }
            let looks = AtomicUsize::new(0);
            let problems = save(&|| {
                if looks.fetch_add(1, Ordering::SeqCst) + 1 == at {
                    edit(&scene.home);
                }
                late()
            });
            if looks.load(Ordering::SeqCst) < at {
                break;
            }
            held += usize::from(problems.iter().any(|problem| problem.what.contains("is kept as it was then")));
            assert_sound(&scene, 2);
            let drive = crate::support::inside::on_a_drive(&scene.store);
            let (restored, replayed) = (drive.path().join("restored"), drive.path().join("replayed"));
            let whole = RestoreOptions { target: restored.clone(), at: 2.into(), ..RestoreOptions::default() };
            restore(&scene.archive, &whole, &Recorder::new()).unwrap();
            crate::support::replay::stock_replay(drive.path(), 2, &replayed);
            crate::support::listing::assert_same_below(&restored, &replayed, crate::support::listing::Level::Stock);
            assert!(std::fs::read(restored.join("home/a/copy")).unwrap() == content, "{at}");
            let all = entries(&scene.archive, 2);
            let place = |path: &str| {
                let found = all.iter().find(|(known, _)| known == path.as_bytes());
                found.and_then(|(_, entry)| entry.content.as_ref()).map(|content| content.place)
            };
            copies += usize::from(place("home/a/copy") == place("home/z/base"));
            save(&late);
            scene.assert_kept();
        }
    }
    assert!(copies > 3 && held > 0, "{copies} {held}");
}
