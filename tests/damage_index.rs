//! The index is a shortcut: whatever happens to it, the answers stay the same and the user is told. Knows the names in an
//! archive, nothing of what is in them.

use crate::support::bench::Bench;
use crate::support::bench::copy_exactly;
use crate::support::command::Outcome;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::snap::BINARY;
use crate::support::snap::Snap;
use crate::support::tree::noise;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// A history of some snapshots, plain copies of them, and the index as it was after the second.
struct History {
    bench: Bench,
    copies: Vec<PathBuf>,
    old_index: PathBuf,
}

fn history() -> History {
    let bench = Bench::new();
    let (mut copies, old_index) = (Vec::new(), bench.path("old-index"));
    for number in 0..5_u64 {
        bench.home.file(format!("d/{number}"), noise(number, 10_000)).file("changes", format!("{number}"));
        bench.home.file(format!("e/{number}/sub"), "").file(b"raw \xff", [number as u8]);
        if number > 1 {
            bench.home.remove(format!("d/{}", number - 2)).mode("changes", 0o600 + number as u32);
        }
        bench.save();
        copies.push(bench.copy());
        if number == 1 {
            copy_exactly(&index(bench.snap.archive()), &old_index);
        }
    }
    History { bench, copies, old_index }
}

fn index(archive: &Path) -> PathBuf {
    archive.join("index")
}

fn index_files(archive: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(index(archive)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    assert!(!files.is_empty(), "the index has files");
    files
}

/// Does the damage to a copy of the archive; every command then says the same as on the sound one, and one notices.
fn assert_harmless(history: &History, damage: impl Fn(&Path)) {
    let bench = &history.bench;
    let damaged = |name: &str| {
        let archive = bench.path(name);
        copy_exactly(bench.snap.archive(), &archive);
        damage(&archive);
        Snap::new(archive)
    };
    let reader = damaged("damaged-for-reading");
    let mut notices = String::new();
    for words in ["list", "list --json", "ls -R -l", "ls -R --json", "ls -R --at 2", "ls --at 4 home/d"] {
        let (command, rest) = words.split_once(' ').unwrap_or((words, ""));
        let sound = bench.snap.call(command).words(rest).ok();
        let found = reader.call(command).words(rest).ok();
        let shown =
            |outcome: &Outcome, snap: &Snap| outcome.out().replace(&*snap.archive().to_string_lossy(), "ARCHIVE");
        assert_eq!(
            shown(&found, &reader),
            shown(&sound, &bench.snap),
            "snap {words} on a damaged index: {}",
            found.shown()
        );
        notices += &found.err();
    }
    for (number, copy) in history.copies.iter().enumerate() {
        let to = bench.fresh();
        notices += &reader.restore(&to, number + 1).err();
        assert_same_below(copy, &to, Level::Everything);
    }
    assert_contents_sound(&reader);

    let writer = damaged("damaged-for-writing");
    bench.home.file("after the damage", "new").append("changes", "more");
    notices += &writer.create(&[bench.home.root()]).err();
    bench.home.remove("after the damage").file("changes", history.copies.len().saturating_sub(1).to_string());
    bench.home.mode("changes", 0o604);
    assert_after_damage(history, &writer);
    assert!(notices.to_lowercase().contains("index"), "nobody was told that the index is damaged: {notices}");
    for name in ["damaged-for-reading", "damaged-for-writing"] {
        fs::remove_dir_all(bench.path(name)).unwrap();
    }
}

/// What was written on top of the damage is sound, and the index is whole again.
fn assert_after_damage(history: &History, writer: &Snap) {
    let to = history.bench.fresh();
    writer.restore(&to, history.copies.len() + 1);
    assert_eq!(fs::read(to.join("home/after the damage")).unwrap(), b"new");
    assert_eq!(fs::read(to.join("home/changes")).unwrap(), b"4more");
    let again = history.bench.fresh();
    writer.restore(&again, history.copies.len());
    assert_same_below(history.copies.last().unwrap(), &again, Level::Everything);
    let outcome = writer.call("ls").words("-R").ok();
    assert!(outcome.stderr.is_empty(), "the index was mended by create: {}", outcome.shown());
    assert_contents_sound(writer);
}

/// Damage to the index may be a problem to report, or mended already; it is never a failure.
fn assert_contents_sound(snap: &Snap) {
    let outcome = snap.call("verify").words("--data").run();
    assert!(matches!(outcome.status, 0 | 3), "{}", outcome.shown());
    assert!(outcome.status == 0 || outcome.said().to_lowercase().contains("index"), "{}", outcome.shown());
}

#[test]
fn an_index_without_its_files_changes_no_answer() {
    assert_harmless(&history(), |archive| index_files(archive).iter().for_each(|file| fs::remove_file(file).unwrap()));
}

#[test]
fn an_index_without_its_directory_changes_no_answer() {
    assert_harmless(&history(), |archive| fs::remove_dir_all(index(archive)).unwrap());
}

#[test]
fn an_index_of_empty_files_changes_no_answer() {
    assert_harmless(&history(), |archive| index_files(archive).iter().for_each(|file| fs::write(file, "").unwrap()));
}

#[test]
fn an_index_of_files_cut_off_changes_no_answer() {
    let history = history();
    for cut in [1, 0] {
        assert_harmless(&history, |archive| {
            for file in index_files(archive) {
                let length = file.metadata().unwrap().len();
                // Once in the middle, once only the last byte.
                let left = if cut == 1 { length - 1 } else { length / 2 };
                fs::File::options().write(true).open(&file).unwrap().set_len(left).unwrap();
            }
        });
    }
}

#[test]
fn an_index_with_flipped_bits_changes_no_answer() {
    let history = history();
    for tenth in [0, 3, 5, 9] {
        assert_harmless(&history, |archive| {
            for file in index_files(archive) {
                let mut bytes = fs::read(&file).unwrap();
                let at = bytes.len() * tenth / 10;
                bytes[at] ^= 0x10;
                fs::write(&file, bytes).unwrap();
            }
        });
    }
}

#[test]
fn an_older_copy_of_the_index_changes_no_answer() {
    let history = history();
    assert_harmless(&history, |archive| {
        fs::remove_dir_all(index(archive)).unwrap();
        copy_exactly(&history.old_index, &index(archive));
    });
}

#[test]
fn an_index_whose_files_have_each_others_names_changes_no_answer() {
    assert_harmless(&history(), |archive| {
        let files = index_files(archive);
        let contents: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
        for (number, file) in files.iter().enumerate() {
            fs::write(file, &contents[(number + 1) % contents.len()]).unwrap();
        }
    });
}

#[test]
fn an_index_with_one_missing_file_changes_no_answer() {
    let history = history();
    let all = index_files(history.bench.snap.archive()).len();
    for number in 0..all {
        assert_harmless_if_used(&history, number);
    }
}

/// One file alone may not be needed for anything, so nobody has to notice; the answers must be right all the same.
fn assert_harmless_if_used(history: &History, number: usize) {
    let archive = history.bench.path("one-missing");
    copy_exactly(history.bench.snap.archive(), &archive);
    fs::remove_file(&index_files(&archive)[number]).unwrap();
    let reader = Snap::new(&archive);
    for (number, copy) in history.copies.iter().enumerate() {
        let to = history.bench.fresh();
        reader.restore(&to, number + 1);
        assert_same_below(copy, &to, Level::Everything);
    }
    let sound = history.bench.snap.call("list").ok();
    let found = reader.call("list").ok();
    assert_eq!(found.out().lines().count(), sound.out().lines().count(), "{}", found.shown());
    fs::remove_dir_all(&archive).unwrap();
}

#[test]
fn foreign_files_in_the_archive_disturb_nothing() {
    let history = history();
    let archive = history.bench.snap.archive();
    for name in ["index/notes.txt", "bundles/Thumbs.db", "bundles/.DS_Store", "index/000099.delta~", ".Trash-1000"] {
        fs::write(archive.join(name), "not ours").unwrap();
    }
    for (number, copy) in history.copies.iter().enumerate() {
        assert_same_below(copy, &history.bench.restored(number + 1), Level::Everything);
    }
    history.bench.home.file("one more", "file");
    history.bench.assert_kept();
    assert_eq!(fs::read(archive.join("bundles/Thumbs.db")).unwrap(), b"not ours");
}

#[test]
fn an_index_is_made_again_of_a_snapshot_with_more_parts_than_files_may_be_open() {
    let bench = Bench::new();
    for number in 0..100 {
        bench.home.file(format!("{number}"), noise(number, 60_000));
    }
    let mut create = program(BINARY);
    run(create.args(["create", "--max-part", "100KB", "-a"]).arg(bench.snap.archive()).arg(bench.home.root()))
        .expect_ok();
    assert!(fs::read_dir(bench.snap.archive().join("bundles")).unwrap().count() > 90);
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    for verb in ["list", "verify"] {
        run(&mut shell("ulimit -n 60; exec \"$1\" \"$2\" -a \"$3\"", &[&BINARY, &verb, &bench.snap.archive()]))
            .expect_ok();
    }
}
