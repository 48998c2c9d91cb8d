//! Archives of every released format, read for ever. Those in `tests/old_archives` are never edited once a release reads
//! them; `scripts/make-golden` makes the one of a new format, with the source below. Uses the library.

use crate::support::inside::contents;
use crate::support::inside::entries;
use crate::support::inside::late;
use crate::support::inside::options;
use crate::support::inside::restore;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::manifest::lines;
use crate::support::replay::apply;
use crate::support::replay::bundles;
use crate::support::stores::files;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use serde_json::Value;
use snap_archive::archive::open::Archive;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::time::Time;
use snap_archive::format::manifest::FORMAT;
use snap_archive::system::store::LocalStore;
use snap_archive::system::store::MemoryStore;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::create;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::verify::VerifyOptions;
use snap_archive::verbs::verify::verify;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// Stands in an archive's directory and says what is in it.
const EXPECTED: &str = "expected.txt";

/// Where `scripts/make-golden` wants the new archive.
const WANTED: &str = "SNAP_MAKE_GOLDEN";

const SNAPSHOTS: u32 = 5;

fn home_of_all() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/old_archives")
}

/// One of every format; oldest first.
const OLD_ARCHIVES: [&str; 1] = ["format-1"];

fn old_archives() -> Vec<PathBuf> {
    OLD_ARCHIVES.iter().map(|name| home_of_all().join(name)).collect()
}

/// A copy that may be written to.
fn copied(archive: &Path) -> (tempfile::TempDir, Archive) {
    let copy = tempfile::tempdir().unwrap();
    crate::support::stores::copy(&LocalStore::new(archive), &LocalStore::new(copy.path()));
    let opened = Archive::open(copy.path()).unwrap();
    (copy, opened)
}

#[test]
fn there_is_an_archive_of_every_format_and_nothing_else() {
    let mut there: Vec<PathBuf> = fs::read_dir(home_of_all()).unwrap().map(|item| item.unwrap().path()).collect();
    there.retain(|path| path.is_dir());
    there.sort();
    assert_eq!(there, old_archives());
    assert!((1..=FORMAT).all(|format| OLD_ARCHIVES.contains(&format!("format-{format}").as_str())));
    for archive in old_archives() {
        assert!(archive.join(EXPECTED).is_file(), "{}", archive.display());
        assert!(bundles(&archive).len() as u32 > SNAPSHOTS, "one snapshot is in parts");
        let bytes: usize = files(&LocalStore::new(&archive)).iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(bytes < 200 << 10, "{bytes} bytes in {}", archive.display());
    }
}

#[test]
fn every_old_archive_is_what_it_was_with_its_index_and_without() {
    for path in old_archives() {
        let expected = fs::read_to_string(path.join(EXPECTED)).unwrap();
        let (copy, archive) = copied(&path);
        let recorder = Recorder::new();
        assert_eq!(listed(&archive, &recorder), expected);
        assert_eq!(recorder.notices(), Vec::new(), "the index can still be read");
        let report = verify(&archive, &VerifyOptions { data: true, ..VerifyOptions::default() }, &recorder).unwrap();
        assert_eq!((report.snapshots, report.findings), (u64::from(SNAPSHOTS), Vec::new()));
        fs::remove_dir_all(copy.path().join("index")).unwrap();
        assert_eq!(listed(&archive, &Recorder::new()), expected);
    }
}

#[test]
fn every_snapshot_of_every_old_archive_is_restored() {
    for path in old_archives() {
        let (copy, archive) = copied(&path);
        let beside = tempfile::tempdir().unwrap();
        for at in 1..=SNAPSHOTS {
            let target = beside.path().join(format!("restored-{at}"));
            let recorder = Recorder::new();
            restore(
                &archive,
                &RestoreOptions { target: target.clone(), at: at.into(), ..RestoreOptions::default() },
                &recorder,
            )
            .unwrap();
            assert_eq!(recorder.problems(), [], "{at}");
            assert_is_snapshot(&archive, at, &target);
            let replayed = beside.path().join(format!("replayed-{at}"));
            replay_with_odd_times(copy.path(), at, &replayed);
            assert_same_below(&target, &replayed, Level::Stock);
        }
    }
}

/// Fails the test unless what is on the disk is just what the snapshot says.
#[track_caller]
fn assert_is_snapshot(archive: &Archive, at: u32, target: &Path) {
    let mut count = 0;
    for (path, entry) in entries(archive, at) {
        let shown = path.escape_ascii().to_string();
        let on_disk = target.join(OsStr::from_bytes(&path));
        let found = on_disk.symlink_metadata().unwrap_or_else(|error| panic!("{shown} in {at}: {error}"));
        let (stat, mtime) = (entry.stat, Time::new(found.mtime(), found.mtime_nsec() as u32));
        assert_eq!((stat.mtime, stat.size), (mtime, if found.is_file() { found.len() } else { 0 }), "{shown} in {at}");
        if !found.is_symlink() {
            assert_eq!(stat.mode, found.mode() & 0o7777, "{shown} in {at}");
        }
        if let Some(content) = entry.content {
            let bytes = fs::read(&on_disk).unwrap();
            assert_eq!(content.holes.hash_of(&bytes), content.hash, "{shown} in {at}");
        }
        count += 1;
    }
    assert_eq!(crate::support::listing::below(target).len(), count, "snapshot {at} restores nothing else");
}

/// The tree has times before 1970 and after 2100, of which GNU tar warns when it sets them; nothing else may be said.
fn replay_with_odd_times(archive: &Path, at: u32, out: &Path) {
    fs::create_dir(out).unwrap();
    for bundle in bundles(archive) {
        let number: u32 = bundle.file_name().unwrap().to_str().unwrap()[..6].parse().unwrap();
        if number <= at {
            let mut tar = std::process::Command::new("tar");
            tar.args(["--warning=no-timestamp", "--zstd", "-g", "/dev/null", "-xf"]).arg(&bundle).arg("-C").arg(out);
            let told = tar.output().unwrap();
            assert!(told.status.success() && told.stderr.is_empty(), "{}", String::from_utf8_lossy(&told.stderr));
            apply(out);
        }
    }
    fs::remove_file(out.join(".snap-manifest.jsonl")).unwrap();
}

#[test]
fn a_snapshot_is_added_to_every_old_archive() {
    for path in old_archives() {
        let (_copy, archive) = copied(&path);
        let beside = tempfile::tempdir().unwrap();
        let target = beside.path().join("restored");
        let at_last = RestoreOptions { target: target.clone(), at: SNAPSHOTS.into(), ..RestoreOptions::default() };
        restore(&archive, &at_last, &Recorder::new()).unwrap();
        let home = Tree::at(target.join("home"));
        home.file("added", "later").remove("docs/writings/1");
        // The folder that the archive was made from is not there: it has moved.
        let options = CreateOptions { moved: true, ..options(home.root()) };
        create(&archive, &options, &Recorder::new()).unwrap();
        let kept = contents(&archive, SNAPSHOTS + 1);
        assert!(kept.contains_key(b"home/added".as_slice()) && !kept.contains_key(b"home/docs/writings/1".as_slice()));
        let expected = fs::read_to_string(path.join(EXPECTED)).unwrap();
        assert!(listed(&archive, &Recorder::new()).starts_with(&expected), "what was there is as it was");
    }
}

#[test]
fn what_is_written_today_is_what_the_archive_of_this_format_shows() {
    let made = tempfile::Builder::new().prefix("snap-golden-").tempdir().unwrap();
    let archive = made.path().join("archive");
    make(&made.path().join("home"), &archive);
    if let Some(wanted) = std::env::var_os(WANTED) {
        let wanted = PathBuf::from(wanted);
        assert!(!wanted.exists(), "{} is there; old archives are never changed", wanted.display());
        fs::create_dir_all(wanted.join("bundles")).unwrap();
        crate::support::stores::copy(&LocalStore::new(&archive), &LocalStore::new(&wanted));
        fs::remove_file(wanted.join("lock")).unwrap();
        let expected = listed(&Archive::open(&archive).unwrap(), &Recorder::new());
        fs::write(wanted.join(EXPECTED), expected).unwrap();
    }
    let old = old_archives().pop().unwrap();
    let names = |archive: &Path| -> Vec<String> {
        let files = files(&LocalStore::new(archive)).into_iter().map(|(name, _)| name);
        files.filter(|name| name != "lock" && name != EXPECTED).collect()
    };
    assert_eq!(names(&old), names(&archive));
    for (old, new) in bundles(&old).iter().zip(&bundles(&archive)) {
        assert_eq!(comparable(old), comparable(new), "{}", old.display());
    }
    let expected = fs::read_to_string(old.join(EXPECTED)).unwrap();
    assert_eq!(listed(&Archive::open(&archive).unwrap(), &Recorder::new()), expected);
}

/// A bundle's manifest without what differs from one machine, user and moment to another.
fn comparable(bundle: &Path) -> Vec<Value> {
    const DIFFERENT: [&str; 9] = ["ctime", "inode", "link", "uid", "gid", "user", "group", "tool", "parent"];
    let mut lines = lines(bundle);
    for line in &mut lines {
        let Value::Object(fields) = line else { panic!("a line is not an object: {line}") };
        for name in DIFFERENT {
            fields.remove(name);
        }
        if let Some(Value::Array(sources)) = fields.get_mut("sources") {
            for source in sources {
                source["path"] = Value::Null;
            }
        }
    }
    lines
}

/// A line for every snapshot and every entry in it; contents are read and checked.
fn listed(archive: &Archive, recorder: &Recorder) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for summary in archive.catalog(recorder).unwrap().history().unwrap() {
        let (number, time) = (summary.number, summary.time.to_rfc3339().unwrap());
        writeln!(text, "== {number} {time} {} {:?}", summary.note, summary.counts).unwrap();
        contents(archive, number);
        for (path, entry) in entries(archive, number) {
            let escaped = |bytes: &[u8]| bytes.escape_ascii().to_string();
            let (stat, mtime) = (entry.stat, entry.stat.mtime);
            write!(text, "{} {} {:04o}", escaped(&path), stat.kind.word(), stat.mode).unwrap();
            write!(text, " {} {}.{:09}", stat.size, mtime.seconds, mtime.nanos).unwrap();
            if !entry.target.is_empty() {
                write!(text, " -> {}", escaped(&entry.target)).unwrap();
            }
            for (name, value) in &entry.xattrs {
                write!(text, " {}={}", escaped(name), escaped(value)).unwrap();
            }
            if let Some(content) = entry.content {
                write!(text, " {}", content.hash).unwrap();
                content
                    .holes
                    .to_pairs()
                    .iter()
                    .for_each(|(offset, length)| write!(text, " {offset}+{length}").unwrap());
            }
            text.push_str(if stat.link == 0 { "\n" } else { " linked\n" });
        }
    }
    text
}

/// Makes the archive: every kind of entry and of change, the same each time. Never changed once a format is in use.
fn make(home: &Path, archive: &Path) {
    fs::create_dir(archive).unwrap();
    let store = Arc::new(LocalStore::new(archive));
    let archive = Archive::init_store(store, ArchiveId::from_seed(b"golden"), Time::new(1_767_225_600, 0)).unwrap();
    let home = Tree::at(home);
    let save = |number: i64, part_bytes_max: u64, note: &str| {
        let time = Some(Time::new(1_767_225_600 + number * 86_400, 0));
        let options =
            CreateOptions { time, part_bytes_max, note: note.to_owned(), clock: &late, ..options(home.root()) };
        let report = create(&archive, &options, &Recorder::new()).unwrap();
        assert_eq!(report.problems, 0);
    };

    home.file("docs/a.txt", "one\n").file("docs/b", noise(1, 3000)).hard_link("docs/a.txt", "twin").file("empty", "");
    home.dir("empty-dir").symlink("link", "docs/a.txt").file(b"raw \xff name", "raw").file("run.sh", "#!/bin/sh\n");
    let large: &[(u64, &[u8])] = &[(256 << 10, b"in the middle"), ((1 << 20) - 4, b"last")];
    home.sparse("holes", 1 << 20, large).file("swap", "a file").sparse("same", 1 << 20, large);
    home.mode("same", 0o600).mtime("same", 1_000_000_004, 4);
    home.file("new\nline", "x").file("-dash", "x").file("blank ", "x").file(b"\xc3\xa9t\xc3\xa9", "x").fifo("pipe");
    home.file(format!("{}/{}", "l".repeat(120), "n".repeat(200)), "long").file("a.b", "order").file("a/b", "order");
    home.xattr("docs/b", "user.note", b"kept\0\xff").mode("run.sh", 0o4755).mode("empty-dir", 0o1777);
    home.mode("empty", 0o400);
    for name in ["docs/a.txt", "docs/b", "empty", "run.sh", "holes", "swap", "new\nline", "-dash", "blank ", "a.b"] {
        home.mode(name, if name == "run.sh" { 0o4755 } else { 0o644 }).mtime(name, 1_000_000_000, 123_456_789);
    }
    home.mtime("link", 1_000_000_001, 1).mtime("pipe", 1_000_000_002, 2).mode("pipe", 0o600).mtime("a/b", -1, 5);
    home.mtime(b"raw \xff name", 0, 0).mtime(b"\xc3\xa9t\xc3\xa9", 5_000_000_000, 0).mtime("a.b", -2_000_000_000, 0);
    let long = "l".repeat(120);
    home.mtime(format!("{long}/{}", "n".repeat(200)), 1_000_000_003, 0);
    settle(&home, &["docs", "empty-dir", "a", long.as_str(), ""], 1_000_000_010);
    save(1, 1 << 30, "");

    for number in 0..6_u64 {
        let name = format!("texts/{number}");
        home.file(&name, noise(20 + number, 700).repeat(40)).mode(&name, 0o644).mtime(&name, 1_100_000_000, 5);
    }
    home.append("docs/b", "more").mtime("docs/b", 1_100_000_000, 0).file("z", "z").mode("z", 0o640).mtime("z", 7, 7);
    settle(&home, &["texts", ""], 1_100_000_010);
    save(2, 60_000, "in parts");

    home.remove("docs/a.txt").remove("swap").file("swap/inside", "now a directory").mtime("swap/inside", 8, 8);
    home.remove("empty-dir").symlink("empty-dir", "nowhere").mtime("empty-dir", 9, 9).mode("run.sh", 0o700);
    home.rename("z", "docs/z").mode("swap/inside", 0o644);
    home.sparse("docs/same", 1 << 20, large).mode("docs/same", 0o444).mtime("docs/same", 11, 11).remove("same");
    settle(&home, &["swap", "docs", ""], 1_200_000_010);
    save(3, 1 << 30, "gone, moved and of another kind");

    home.remove("swap").symlink("swap", "docs").mtime("swap", 10, 10).mtime("docs/b", 1_300_000_000, 0);
    home.sparse("holes", 2 << 20, &[(1 << 20, b"elsewhere")]).mtime("holes", 1_300_000_000, 0).remove("texts/3");
    settle(&home, &["texts", ""], 1_300_000_010);
    save(4, 1 << 30, "");

    home.rename("texts", "docs/writings").rename("holes", "texts").rename("docs/same", "holes");
    home.append("docs/writings/1", "more").mtime("docs/writings/1", 1_400_000_000, 0);
    settle(&home, &["docs/writings", "docs", ""], 1_400_000_010);
    save(5, 1 << 30, "renamed, in a ring, too");
}

/// The same mode and time for directories, wherever and by whomever they are made.
fn settle(home: &Tree, directories: &[&str], seconds: i64) {
    for name in directories {
        if *name != "empty-dir" {
            home.mode(name, 0o755);
        }
        home.mtime(name, seconds, 0);
    }
}

#[test]
fn the_library_says_which_entries_an_archive_in_memory_has_in_the_order_of_a_walk() {
    let scene = crate::support::inside::Scene::new();
    scene.home.file("a.b", "").file("a/b", "").file("a-b", "");
    scene.save();
    let store: MemoryStore = scene.store.clone();
    let archive = crate::support::inside::open(store);
    let paths: Vec<Vec<u8>> = entries(&archive, 1).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["home", "home/a", "home/a-b", "home/a.b", "home/a/b"].map(|path| path.as_bytes().to_vec()));
    assert!(paths.iter().all(|path| EntryPathBuf::from_bytes(path).is_some()));
}

/// Made by the program for Windows (`scripts/make-golden windows`).
#[test]
fn an_archive_of_windows_is_read_restored_and_replayed_here() {
    let (copy, archive) = copied(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/windows_archive"));
    let report = verify(&archive, &VerifyOptions { data: true, ..VerifyOptions::default() }, &Recorder::new()).unwrap();
    assert_eq!((report.snapshots, report.findings), (3, Vec::new()));
    let beside = tempfile::tempdir().unwrap();
    for at in 1..=3 {
        let target = beside.path().join(format!("restored-{at}"));
        let recorder = Recorder::new();
        let report = restore(
            &archive,
            &RestoreOptions { target: target.clone(), at: at.into(), ..RestoreOptions::default() },
            &recorder,
        );
        assert_eq!((recorder.problems(), report.unwrap().not_kept), (Vec::new(), Vec::new()), "{at}");
        assert_is_snapshot(&archive, at, &target);
        let replayed = beside.path().join(format!("replayed-{at}"));
        replay_with_odd_times(copy.path(), at, &replayed);
        assert_same_below(&target, &replayed, Level::Stock);
    }
    let is_of_windows =
        |path: &[u8]| entries(&archive, 2).iter().any(|(name, entry)| name == path && entry.is_of_windows());
    assert!(is_of_windows("home/Füße/größer".as_bytes()) && is_of_windows(b"home/system"));
    let has = |at: u32, path: &[u8], xattr: &[u8], value: &[u8]| {
        let entries = entries(&archive, at);
        let entry = &entries.iter().find(|(name, _)| name == path).unwrap().1;
        assert!(entry.xattrs.iter().any(|(name, is)| name == xattr && is == value), "{at}: {:?}", entry.xattrs);
    };
    for at in 1..=3 {
        has(at, b"home/system", b"windows.attributes", b"hsa");
        has(at, b"home/system", "windows.stream.größer".as_bytes(), b"\0\xff");
        has(at, b"home/system", b"windows.ea.NOTE", b"of OS/2");
    }
    has(2, b"home/pictures", b"windows.attributes", b"hi");
    has(3, b"home/large", b"windows.stream.note", b"patched");
    let paths = contents(&archive, 3);
    assert!(paths.contains_key(&b"home/photos/2"[..]) && paths.contains_key(&b"home/docs/first"[..]));
}
