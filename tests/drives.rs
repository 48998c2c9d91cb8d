//! Drives that people really use: as the place of an archive, of a restore, and of what is saved. Knows the command line only.
//!
//! What the tests find is in docs/drives.md; FAT32 and exFAT by the kernel are tried by scripts/usb-test.

use crate::support::command::as_root;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::drives::Drive;
use crate::support::drives::Kind;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::listing::below;
use crate::support::snap::BINARY;
use crate::support::snap::Snap;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Each kind of drive that can be had here, all at once; what is left out is said.
fn on_each_drive(test: impl Fn(&mut Drive) + Sync) {
    let test = &test;
    let failed: Vec<Kind> = std::thread::scope(|scope| {
        let tests =
            Kind::ALL.map(|kind| (kind, scope.spawn(move || Drive::new(kind).map(|mut drive| test(&mut drive)))));
        let failed = tests.into_iter().filter_map(|(kind, test)| test.join().is_err().then_some(kind));
        failed.collect()
    });
    assert!(failed.is_empty(), "on {failed:?}; see above");
}

/// Files that every drive can hold.
fn plain_tree(place: &Path) -> Tree {
    let tree = Tree::at(place);
    tree.file("letters/a.txt", "one").file("letters/b.txt", noise(1, 70_000)).file("photos/é 1.jpg", noise(2, 300_000));
    tree.dir("empty");
    tree
}

/// The numbers in a `--json` document of `create`.
fn counts(snap: &Snap, sources: &[&Path]) -> (u64, u64, u64) {
    let document = &snap.call("create").words("--json").args(sources).ok().json()[0];
    let count = |name: &str| document["counts"][name].as_u64().unwrap();
    (count("new") + count("modified") + count("metadata"), count("deleted"), document["bytes_read"].as_u64().unwrap())
}

#[test]
fn an_archive_works_on_every_drive() {
    on_each_drive(|drive| {
        let home = plain_tree(&drive.elsewhere("home"));
        let snap = Snap::new(drive.root().join("archive"));
        snap.init();
        snap.create(&[home.root()]);
        let first = drive.elsewhere("first");
        run(program("cp").arg("-a").args([home.root(), &first])).expect_ok();
        home.file("letters/a.txt", "two").file("new", "n").remove("photos");
        drive.replug();
        snap.create(&[home.root()]);
        drive.replug();
        assert_eq!(snap.history().len(), 2);
        snap.call("verify").words("--data").ok();
        let (old, new) = (drive.elsewhere("old"), drive.elsewhere("new"));
        snap.restore(&old, 1);
        snap.restore(&new, 2);
        assert_same_below(&first, &old.join("home"), Level::Everything);
        assert_same_below(home.root(), &new.join("home"), Level::Everything);
        assert_eq!(fs::read_dir(snap.archive().join("bundles")).unwrap().count(), 2, "nothing unfinished is left");
    });
}

#[test]
fn one_writer_at_a_time_on_every_drive() {
    on_each_drive(|drive| {
        let home = plain_tree(&drive.elsewhere("home"));
        let snap = Snap::new(drive.root().join("archive"));
        snap.init();
        snap.create(&[home.root()]);
        home.file("new", "n");
        let lock = snap.archive().join("lock");
        let mut holder = shell("exec flock -o \"$1\" sleep 60", &[&lock]).spawn().unwrap();
        let is_held = || run(&mut shell("flock -n \"$1\" true", &[&lock])).status != 0;
        while !is_held() {
            std::thread::sleep(Duration::from_millis(20));
        }
        snap.call("create").arg(home.root()).fails(5).expect_said(&["in use"]);
        // Readers do not wait.
        snap.call("list").ok();
        if drive.kind == Kind::Sshfs {
            // The lock is this machine's own: over another mount, as from another machine, it is not seen.
            let elsewhere = Snap::new(drive.another_mount().join("archive"));
            elsewhere.call("create").arg(home.root()).ok();
        }
        holder.kill().unwrap();
        holder.wait().unwrap();
        // sshfs shows listings that are up to 20 s old; a bundle that was published meanwhile is refused, not replaced.
        drive.replug();
        snap.call("create").arg(home.root()).ok();
        snap.call("verify").words("--data").ok();
    });
}

#[test]
fn an_archive_that_is_not_plugged_in_is_never_taken_for_an_empty_one() {
    on_each_drive(|drive| {
        if drive.kind == Kind::Tmpfs {
            return;
        }
        let home = plain_tree(&drive.elsewhere("home"));
        // The archive is the drive's own top: its folder is there when the drive is not.
        let snap = Snap::new(drive.root().join("archive"));
        snap.init();
        snap.create(&[home.root()]);
        drive.plug_out();
        for command in ["create", "list", "verify", "ls"] {
            snap.call(command).fails(4).expect_said(&["plugged in"]);
        }
        assert!(fs::read_dir(drive.root()).unwrap().next().is_none(), "nothing is written in its place");
    });
}

#[test]
fn a_source_on_any_drive_is_not_read_again_after_it_was_plugged_in_anew_and_no_change_is_missed() {
    on_each_drive(|drive| {
        let home = plain_tree(&drive.root().join("home"));
        let snap = Snap::new(drive.elsewhere("archive"));
        snap.init();
        // Older than what counts as just modified, on drives that keep times to two seconds.
        std::thread::sleep(Duration::from_millis(5500));
        snap.create(&[home.root()]);
        drive.replug();
        assert_eq!(counts(&snap, &[home.root()]), (0, 0, 0), "{:?}: nothing is read again", drive.kind);
        home.file("letters/a.txt", "two").file("new", "n").remove("photos/é 1.jpg");
        drive.replug();
        let (changed, deleted, _) = counts(&snap, &[home.root()]);
        assert_eq!((changed, deleted), (2, 1), "{:?}", drive.kind);
        // The same length in the same second.
        home.file("new", "m");
        assert_eq!(counts(&snap, &[home.root()]).0, 1, "{:?}: a change in the same second", drive.kind);
        let back = drive.elsewhere("back");
        snap.restore(&back, 0);
        assert_same_below(home.root(), &back.join("home"), Level::Stock);
        drive.plug_out();
        if drive.kind != Kind::Tmpfs {
            fs::create_dir(home.root()).unwrap();
            snap.call("create").fails(1).expect_said(&["plugged in"]);
        }
    });
}

#[test]
fn what_a_drive_cannot_hold_is_told_and_all_else_is_restored() {
    on_each_drive(|drive| {
        let home = odd_tree(&drive.elsewhere("home"));
        let snap = Snap::new(drive.elsewhere("archive"));
        snap.init();
        snap.create(&[home.root()]);
        let back = drive.root().join("back");
        let outcome = snap.call("restore").words("--to").arg(&back).ok();
        println!("{:?}: {}", drive.kind, outcome.err());
        let outcome = snap.call("restore").words("--json --overwrite --delete --yes --to").arg(&back).ok();
        let document = &outcome.json()[0];
        assert_eq!((document["deleted"].as_u64(), document["bytes"].as_u64()), (Some(0), Some(0)), "{:?}", drive.kind);
        let renamed: BTreeMap<String, String> = renamed(document);
        drive.replug();
        let (there, wanted) = (below(&back.join("home")), below(home.root()));
        for (path, item) in &wanted {
            let found = there.get(&as_written(path, &renamed));
            if item.content.is_some() {
                let found = found.unwrap_or_else(|| panic!("{:?}: {} is missing", drive.kind, path.escape_ascii()));
                assert_eq!(found.content, item.content, "{:?}: {}", drive.kind, path.escape_ascii());
            } else if found.is_none() {
                let losses = document["losses"].to_string();
                assert!(losses.contains("could not be made"), "{:?}: {}", drive.kind, path.escape_ascii());
            }
        }
        let expected = match drive.kind {
            Kind::Ext4 | Kind::Xfs | Kind::Btrfs | Kind::Tmpfs | Kind::Sshfs => 0,
            Kind::Ntfs => 1,
            Kind::ExFat => 15,
            Kind::NtfsWindowsNames => 16,
        };
        assert_eq!(renamed.len(), expected, "{:?}: {renamed:?}", drive.kind);
    });
}

/// What at least one kind of drive cannot hold, and what can be taken for something else there.
fn odd_tree(place: &Path) -> Tree {
    let tree = Tree::at(place);
    tree.file("plain", "plain")
        .file("second", "linked")
        .hard_link("second", "third")
        .symlink("link", "plain")
        .fifo("pipe");
    tree.file("old", "old").mtime("old", 0, 0).file("fine", "fine").mtime("fine", 1_700_000_001, 123_456_789);
    tree.file("private", "p")
        .mode("private", 0o600)
        .owner("private", 7, 8)
        .file("marked", "m")
        .xattr("marked", "user.k", "v");
    for byte in b":?*\"<>|\\\n" {
        let name = [b"a", std::slice::from_ref(byte), b"b"].concat();
        tree.file(&name, [b"content of ", name.as_slice()].concat());
    }
    tree.file("dot", "without").file("dot.", "with").file("blank", "without").file("blank ", "with");
    tree.file(b"latin\xe9", "not UTF-8").file("folder: odd/inside", "i").file("folder: odd/10:30", "j");
    tree.file("README", "upper").file("readme", "lower").file("ReadMe", "mixed").file("a%3Ab", "looks changed");
    tree.file("aux.txt", "device").sparse("holes", 3 << 20, &[(1 << 20, b"data")]);
    tree
}

/// Original paths and the names they have now; paths as text, those that are no UTF-8 escaped.
fn renamed(document: &serde_json::Value) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| value.as_str().or(value["escaped"].as_str()).unwrap().to_owned();
    let list = document["renamed_list"].as_array().unwrap();
    assert_eq!(document["renamed"].as_u64().unwrap() as usize, list.len());
    list.iter().map(|item| (text(&item["path"]), text(&item["name"]))).collect()
}

/// Where a path below the source `home` is, according to the list.
fn as_written(path: &[u8], renamed: &BTreeMap<String, String>) -> Vec<u8> {
    let mut original = "home".to_owned();
    let mut parts = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        let text = match std::str::from_utf8(part) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(part).replace('\u{fffd}', "%E9"),
        };
        original = format!("{original}/{text}");
        parts.push(renamed.get(&original).map_or(part.to_vec(), |name| name.clone().into_bytes()));
    }
    parts.join(&b'/')
}

/// Runs `test` in a directory of a drive in memory of so many MiB; says so and does nothing where that cannot be had.
fn in_small_room(mebibytes: u32, test: impl Fn(&Path, &Path)) {
    if !as_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let small = directory.path().join("small");
    fs::create_dir(&small).unwrap();
    run(program("mount").args(["-t", "tmpfs", "-o"]).arg(format!("size={mebibytes}m")).arg("tmpfs").arg(&small))
        .expect_ok();
    let tested = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(&small, directory.path())));
    run(program("umount").arg("-l").arg(&small)).expect_ok();
    tested.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

#[test]
fn a_drive_that_will_be_full_is_said_to_be_before_anything_is_written() {
    in_small_room(4, |small, elsewhere| {
        let home = Tree::at(elsewhere.join("home"));
        home.file("big", noise(3, 6 << 20));
        let snap = Snap::new(small.join("archive"));
        snap.init();
        let outcome = snap.call("create").arg(home.root()).fails(1).expect_said(&["are new or modified, but only"]);
        outcome.expect_said(&["the drive is full"]);
        assert_eq!(snap.snapshots(), 0);
        assert_eq!(fs::read_dir(snap.archive().join("bundles")).unwrap().count(), 0, "it takes no room afterwards");
        // What compresses well is said to be too much, and saved.
        home.file("big", vec![b'x'; 6 << 20]);
        snap.call("create").arg(home.root()).ok().expect_said(&["if they do not compress well"]);
        // Later changes are counted, too; a drive that becomes full harms nothing.
        home.file("more", noise(4, 6 << 20));
        let outcome = snap.call("create").arg(home.root()).fails(1);
        outcome.expect_said(&["are new or modified, but only", "the drive is full"]);
        assert_eq!(snap.snapshots(), 1);
        snap.call("verify").words("--data").ok();
        home.remove("more").file("little", "l");
        snap.call("create").arg(home.root()).ok();
    });
}

#[test]
fn a_restore_that_cannot_fit_is_refused_before_anything_is_written() {
    in_small_room(4, |small, elsewhere| {
        let home = Tree::at(elsewhere.join("home"));
        home.file("big", noise(5, 5 << 20)).file("little", "l");
        let snap = Snap::new(elsewhere.join("archive"));
        snap.init();
        snap.create(&[home.root()]);
        let back = small.join("back");
        let outcome = snap.call("restore").words("--to").arg(&back).fails(1);
        outcome.expect_said(&["are missing"]);
        assert!(fs::read_dir(&back).map_or(0, Iterator::count) == 0, "nothing is written");
        snap.call("restore").words("--dry-run --to").arg(&back).ok().expect_said(&["are missing"]);
        // A part of it fits.
        snap.call("restore").words("home/little --to").arg(&back).ok();
    });
}

#[test]
fn holes_and_second_names_are_not_counted_as_room_that_is_needed() {
    in_small_room(4, |small, elsewhere| {
        let home = Tree::at(elsewhere.join("home"));
        home.file("one", noise(6, 2 << 20)).hard_link("one", "two").hard_link("one", "three");
        home.sparse("holes", 100 << 20, &[(50 << 20, b"data")]);
        let snap = Snap::new(elsewhere.join("archive"));
        snap.init();
        snap.create(&[home.root()]);
        snap.restore(&small.join("back"), 0);
        assert_same_below(home.root(), &small.join("back/home"), Level::Everything);
    });
}

#[test]
fn a_part_that_becomes_too_large_for_the_drive_ends_the_run_and_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let home = Tree::at(directory.path().join("home"));
    home.file("f", "text");
    let snap = Snap::new(directory.path().join("archive"));
    snap.init();
    snap.create(&[home.root()]);
    home.file("large", noise(7, 3 << 20));
    // No file may have more than 1 MiB; as on a real drive, the one who writes gets an error and not a signal.
    let line = "trap '' XFSZ; ulimit -f 2048; exec \"$1\" create -a \"$2\" \"$3\"";
    let outcome = run(&mut shell(line, &[&BINARY, &snap.archive(), &home.root()])).expect(1);
    outcome.expect_said(&["holds no file of this size"]);
    assert_eq!(fs::read_dir(snap.archive().join("bundles")).unwrap().count(), 1, "nothing unfinished is left");
    snap.create(&[home.root()]);
    snap.call("verify").words("--data").ok();
}
