//! Archives made by an enemy, given to the real program: nothing outside the target, no panic, no hang, little memory, and a
//! message that says where it is. Knows the documented format and the command line.

use crate::support::bench::Bench;
use crate::support::command::ORDINARY;
use crate::support::command::Outcome;
use crate::support::command::as_root;
use crate::support::command::as_user;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::forge::Forge;
use crate::support::forge::Reel;
use crate::support::forge::bundle_name;
use crate::support::forge::counted;
use crate::support::forge::dir;
use crate::support::forge::file;
use crate::support::forge::head;
use crate::support::forge::index_file;
use crate::support::forge::lines;
use crate::support::forge::member;
use crate::support::forge::pax;
use crate::support::forge::symlink;
use crate::support::forge::varint;
use crate::support::forge::with;
use crate::support::listing::Level;
use crate::support::listing::assert_equal;
use crate::support::listing::listing;
use crate::support::snap::BINARY;
use rustix::fs::CWD;
use rustix::fs::RenameFlags;
use rustix::fs::renameat_with;
use serde_json::Value;
use serde_json::json;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use tempfile::TempDir;

/// What the program may take, whatever it is given.
const KIBIBYTES_MAX: u64 = 256 << 10;

/// Longer than any command here may take.
const SECONDS_MAX: &str = "120";

/// An archive of an enemy and what is around the place where it is restored to.
pub(crate) struct Scene {
    pub(crate) directory: TempDir,
    pub(crate) forge: Forge,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("around/kept/inner")).unwrap();
        fs::write(directory.path().join("around/kept/secret"), "untouched").unwrap();
        let forge = Forge::new(&directory.path().join("archive"));
        Scene { directory, forge }
    }

    /// With one bundle of one frame of tar and these lines.
    pub(crate) fn of(tar: &[u8], values: &[Value]) -> Scene {
        let scene = Scene::new();
        let manifest: Vec<Value> = std::iter::once(head()).chain(values.iter().cloned()).collect();
        scene.forge.bundle(1, &Reel::default().frame(tar).manifest(&lines(&manifest)));
        scene
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.directory.path().join("archive")
    }

    pub(crate) fn around(&self) -> PathBuf {
        self.directory.path().join("around")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.around().join("target")
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.archive().join("bundles").join(bundle_name(1))
    }

    /// Runs one command; fails the test when it panics, hangs, takes much memory or says what a terminal would obey.
    #[track_caller]
    pub(crate) fn run(&self, command: &str, more: &[&Path]) -> Outcome {
        let mut words = command.split_whitespace();
        let mut snap = Command::new(BINARY);
        snap.arg(words.next().unwrap()).arg("-a").arg(self.archive()).args(words).args(more);
        measured(&snap)
    }

    /// Runs every command that reads an archive, `repair` last; nothing around the target may change.
    #[track_caller]
    pub(crate) fn run_all(&self) -> Said {
        let before = listing(&self.around());
        let mut said = Said {
            list: self.run("list -v", &[]),
            ls: self.run("ls -lR", &[]),
            restore: self.run("restore --to", &[&self.target()]),
            again: self.run("restore --overwrite --delete -y --to", &[&self.target()]),
            export: self.run("export", &[]),
            verify_data: self.run("verify --data", &[]),
            after: self.run("verify", &[]),
        };
        self.save_to_a_copy();
        self.run("repair", &[]);
        said.after = self.run("restore --to", &[&self.directory.path().join("after")]);
        let mut after = listing(&self.around());
        after.retain(|path, _| path != b"target" && !path.starts_with(b"target/"));
        // The target was made in it.
        let level = Level::Stock;
        assert_equal(&before, &after, level, "around the target");
        said
    }

    /// Saves something, and what the archive says was saved before, to an archive like it.
    #[track_caller]
    pub(crate) fn save_to_a_copy(&self) {
        let (copy, home) = (self.directory.path().join("copy"), self.directory.path().join("own/home"));
        let _ = fs::remove_dir_all(&copy);
        crate::support::bench::copy_exactly(&self.archive(), &copy);
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("mine"), "mine").unwrap();
        for source in [Some(&home), None] {
            let mut snap = Command::new(BINARY);
            snap.args(["create", "-a"]).arg(&copy).args(source);
            measured(&snap);
        }
    }
}

/// What the commands said.
pub(crate) struct Said {
    list: Outcome,
    pub(crate) ls: Outcome,
    pub(crate) restore: Outcome,
    again: Outcome,
    pub(crate) export: Outcome,
    pub(crate) verify_data: Outcome,
    pub(crate) after: Outcome,
}

impl Said {
    fn readers(&self) -> [&Outcome; 5] {
        [&self.list, &self.ls, &self.restore, &self.export, &self.verify_data]
    }

    /// Fails the test unless all that read the list of changes say that it is bad, and where.
    #[track_caller]
    pub(crate) fn assert_refused(&self) {
        for outcome in self.readers() {
            assert!(matches!(outcome.status, 1 | 3), "{}", outcome.shown());
            assert!(outcome.said().contains(&bundle_name(1)), "the place is not named: {}", outcome.shown());
        }
    }
}

/// Runs a command of the program under all promises.
#[track_caller]
fn measured(snap: &Command) -> Outcome {
    let report = tempfile::NamedTempFile::new().unwrap();
    fs::set_permissions(report.path(), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let mut command = program("timeout");
    command.args(["--kill-after=5", SECONDS_MAX]);
    let measures = installed("time");
    if measures {
        command.args(["time", "--quiet", "-f", "%M", "-o"]).arg(report.path());
    }
    command.arg(snap.get_program()).args(snap.get_args());
    let outcome = run(&mut command);
    assert!(matches!(outcome.status, 0 | 1 | 3), "{}", outcome.shown());
    assert!(!outcome.err().contains("panicked"), "{}", outcome.shown());
    let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || ('\u{202a}'..='\u{202e}').contains(&c);
    let is_text = !snap.get_args().any(|arg| arg == "export");
    let shown = if is_text { outcome.said() } else { outcome.err() };
    assert!(!shown.contains(obeyed), "{:?}", outcome.shown());
    if measures {
        let kibibytes: u64 = fs::read_to_string(report.path()).unwrap().trim().parse().unwrap();
        println!("{kibibytes} KiB for {snap:?}");
        assert!(kibibytes <= KIBIBYTES_MAX, "{kibibytes} KiB of memory: {}", outcome.shown());
    }
    outcome
}

/// A tar of the directory `home` and one file, and the file's line.
pub(crate) fn one_file(name: &str, content: &[u8]) -> (Vec<u8>, Value) {
    let tar = [home(), member(name.as_bytes(), b'0', content.len() as u64, b"", content)].concat();
    (tar, file(name, content, 1024))
}

pub(crate) fn home() -> Vec<u8> {
    member(b"home/", b'5', 0, b"", b"")
}

/// Names that could point outside; one of them to the place `new` in this folder.
fn bad_names(outside: &Path) -> Vec<String> {
    let names = ["..", "home/..", "home/../../kept/new", "home//new", "home/./new", "", "home/a\0b", "home/"];
    let absolute = outside.join("new").into_os_string().into_string().unwrap();
    names.map(str::to_owned).into_iter().chain([absolute]).collect()
}

/// A folder that is neither in a target nor around one.
fn outside() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[track_caller]
fn assert_empty(directory: &TempDir) {
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "something was written outside the target");
}

#[test]
fn names_in_a_manifest_that_could_point_outside_are_refused_and_the_bundle_is_named() {
    let outside = outside();
    for name in bad_names(outside.path()) {
        let (tar, line) = one_file("home/good", b"good");
        let bad = with(line.clone(), json!({"path": name}));
        let said = Scene::of(&tar, &[dir("home"), line, bad]).run_all();
        said.assert_refused();
        said.restore.expect_said(&["point outside"]);
    }
    assert_empty(&outside);
}

#[test]
fn names_in_the_tar_that_could_point_outside_are_told_of_and_restore_goes_by_the_manifest() {
    let outside = outside();
    for name in bad_names(outside.path()) {
        let (mut tar, line) = one_file("home/good", b"good");
        tar.extend(member(name.as_bytes(), b'0', 3, b"", b"bad"));
        let scene = Scene::of(&tar, &[dir("home"), line]);
        let said = scene.run_all();
        said.restore.expect_ok();
        assert_eq!(fs::read(scene.target().join("home/good")).unwrap(), b"good");
        // A name ends at a NUL.
        let words = if name.contains('\0') { "manifest does not list" } else { "point outside" };
        said.verify_data.expect(3).expect_said(&[words]).expect_said(&[&bundle_name(1)]);
    }
    assert_empty(&outside);
}

/// The comparing part of an index block with these rows of files: directory, name.
pub(crate) fn compare_part(rows: &[(&[u8], &[u8])]) -> Vec<u8> {
    let count = varint(rows.len() as u64);
    let each = |item: &[u8]| [count.clone(), item.repeat(rows.len())].concat();
    let groups =
        rows.iter().map(|(directory, _)| [counted(directory), varint(1)].concat()).collect::<Vec<_>>().concat();
    let names = rows.iter().map(|(_, name)| *name).collect::<Vec<_>>().concat();
    let lengths = rows.iter().map(|(_, name)| varint(name.len() as u64)).collect::<Vec<_>>().concat();
    let mut part = [count.clone(), groups, counted(&names), count.clone(), lengths, each(&[1])].concat();
    // Modes, owners, sizes, times, inodes; no links, devices, racy ones.
    for _ in 0..9 {
        part.extend(each(&[0]));
    }
    part.extend([0, 0, 0]);
    part
}

/// The restoring part for as many files; the first has these holes.
pub(crate) fn restore_part(rows: usize, holes: &[(u64, u64)]) -> Vec<u8> {
    let count = varint(rows as u64);
    let each = |item: u8| [count.clone(), vec![item; rows]].concat();
    let mut part = [vec![1, 0, 0], each(0), counted(&vec![7; 32 * rows]), each(1), each(1), each(0)].concat();
    if holes.is_empty() {
        part.push(0);
    } else {
        part.extend([vec![1, 0, 0, 0], varint(holes.len() as u64)].concat());
        part.extend(holes.iter().flat_map(|(offset, length)| [varint(*offset), varint(*length)].concat()));
    }
    part
}

/// A sound bundle, an index file beside it that is believed, and what all commands say of it.
#[track_caller]
pub(crate) fn with_index(make: impl Fn(&Path) -> Vec<u8>) {
    let (tar, line) = one_file("home/good", b"good");
    let scene = Scene::of(&tar, &[dir("home"), line]);
    scene.forge.index("000001.full", &make(&scene.bundle()));
    let said = scene.run_all();
    // It is made again from the manifests.
    said.restore.expect_ok();
    assert_eq!(fs::read(scene.target().join("home/good")).unwrap(), b"good");
    said.export.expect_ok();
    assert!(said.ls.expect_ok().out().contains("home/good"));
    said.after.expect_ok();
}

#[test]
fn names_in_the_index_that_could_point_outside_are_not_believed() {
    let outside = outside();
    let bad = bad_names(outside.path()).into_iter().filter(|name| name.contains(['.', '\0', '/']));
    for name in bad.chain([".".to_owned()]) {
        let rows: [(&[u8], &[u8]); 2] = [(b"", b"home"), (b"home", name.as_bytes())];
        with_index(|bundle| index_file(bundle, &compare_part(&rows), &restore_part(2, &[]), 2));
        let rows: [(&[u8], &[u8]); 2] = [(b"", b"home"), (name.as_bytes(), b"new")];
        if !name.is_empty() {
            with_index(|bundle| index_file(bundle, &compare_part(&rows), &restore_part(2, &[]), 2));
        }
    }
    assert_empty(&outside);
}

#[test]
fn a_file_through_a_symlink_is_not_written_and_named() {
    let outside = outside();
    for to in ["../../kept", outside.path().to_str().unwrap(), "..", "../../kept/secret"] {
        let (tar, line) = one_file("home/a/new", b"bad");
        let said = Scene::of(&tar, &[dir("home"), symlink("home/a", to), line]).run_all();
        said.restore.expect(3).expect_said(&["home/a"]);
        said.again.expect(3);
    }
    assert_empty(&outside);
    // A whole source that is a symlink.
    let (tar, line) = one_file("home/secret", b"bad");
    let said = Scene::of(&tar, &[symlink("home", "../kept"), line]).run_all();
    said.restore.expect(3).expect_said(&["home"]);
}

#[test]
fn a_hard_link_out_of_the_target_is_told_of_and_not_made() {
    let outside = outside();
    let secret = outside.path().join("secret");
    fs::write(&secret, "untouched").unwrap();
    for to in ["../kept/secret", secret.to_str().unwrap(), "home/../../kept/secret"] {
        let (mut tar, line) = one_file("home/good", b"good");
        tar.extend(member(b"home/link", b'1', 0, to.as_bytes(), b""));
        let linked = [line, file("home/link", b"good", 1024)].map(|line| with(line, json!({"link": 7})));
        let scene = Scene::of(&tar, &[vec![dir("home")], linked.to_vec()].concat());
        let said = scene.run_all();
        said.restore.expect_ok();
        assert_eq!(fs::read(scene.target().join("home/link")).unwrap(), b"good");
        said.verify_data.expect(3).expect_said(&["not in the tar as the manifest says"]).expect_said(&["home/link"]);
        assert_eq!(fs::metadata(&secret).unwrap().nlink(), 1);
    }
}

#[test]
fn a_directory_that_is_exchanged_for_a_symlink_while_it_is_restored_is_never_left() {
    let bench = Bench::new();
    for number in 0..600 {
        bench.home.file(format!("d/{}/{number}", number % 7), format!("{number}"));
    }
    bench.save();
    let around = bench.path("around");
    fs::create_dir_all(around.join("kept/0")).unwrap();
    fs::write(around.join("kept/0/7"), "untouched").unwrap();
    let before = listing(&around.join("kept"));
    let link = around.join("link");
    std::os::unix::fs::symlink(around.join("kept"), &link).unwrap();
    let mut exchanged = 0;
    for round in 0..8 {
        let target = around.join(format!("target{round}"));
        let (place, done) = (target.join("home/d"), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let swapper = scope.spawn(|| {
                let mut count = 0;
                while !done.load(Ordering::Relaxed) {
                    count += usize::from(renameat_with(CWD, &place, CWD, &link, RenameFlags::EXCHANGE).is_ok());
                }
                count
            });
            let mut snap = Command::new(BINARY);
            snap.args(["restore", "--overwrite", "-a"]).arg(bench.snap.archive()).arg("--to").arg(&target);
            let outcome = measured(&snap);
            done.store(true, Ordering::Relaxed);
            exchanged += swapper.join().unwrap();
            drop(outcome);
        });
        // Back, so that the next round has a symlink to exchange for.
        if !link.is_symlink() {
            renameat_with(CWD, &place, CWD, &link, RenameFlags::EXCHANGE).unwrap();
        }
        assert_equal(&before, &listing(&around.join("kept")), Level::Everything, "behind the symlink");
    }
    assert!(exchanged > 8, "nothing was exchanged while it was restored");
}

#[test]
fn devices_and_set_user_id_give_an_ordinary_person_nothing() {
    if !as_root() || !installed("setpriv") {
        return;
    }
    let (tar, line) = one_file("home/shell", b"#!/bin/sh\n");
    let mine = json!({"mode": "6755", "uid": 0, "gid": 0, "user": "root", "group": "root"});
    let device = |path: &str, kind: &str| json!({"path": path, "type": kind, "mode": "0666", "mtime": "1", "ctime": "1", "device": [1, 3]});
    let scene =
        Scene::of(&tar, &[dir("home"), device("home/block", "block"), device("home/char", "char"), with(line, mine)]);
    let open = |path: &Path| fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    fs::create_dir(scene.target()).unwrap();
    [scene.directory.path(), &scene.target()].into_iter().for_each(open);
    // An archive is its owner's alone: this person may read it.
    walkdir::WalkDir::new(scene.archive()).into_iter().for_each(|item| open(item.unwrap().path()));
    let mut snap = Command::new(BINARY);
    snap.args(["restore", "-a"]).arg(scene.archive()).arg("--to").arg(scene.target());
    let outcome = measured(&as_user(&snap).unwrap());
    assert!(outcome.said().contains("device"), "{}", outcome.shown());
    for item in walkdir::WalkDir::new(scene.target()).min_depth(1) {
        let found = item.unwrap().metadata().unwrap();
        let is_device = found.file_type().is_block_device() || found.file_type().is_char_device();
        assert!(!is_device && found.uid() == ORDINARY, "{found:?}");
    }
    assert_eq!(fs::read(scene.target().join("home/shell")).unwrap(), b"#!/bin/sh\n");
}

#[test]
fn sizes_that_lie_are_told_of_and_no_wrong_byte_is_restored() {
    let good = [vec![b'g'; 700], vec![0; 324]].concat();
    let tar_of = |size: u64, records: &[u8]| {
        let pax = member(b"x", b'x', records.len() as u64, b"", records);
        [home(), pax, member(b"home/f", b'0', size, b"", &good[..700])].concat()
    };
    // The tar lies: ustar against pax, against the manifest, 2^63, a record with a newline that looks like a size.
    let forged = pax("comment", b"x\n12 size=9\n15 path=/etc/x\n");
    for (tar, finds) in [
        (tar_of(700, &pax("size", b"9")), true),
        (tar_of(9, &pax("size", b"700")), true),
        (tar_of(9, b""), true),
        (tar_of(1 << 63, b""), true),
        (tar_of(u64::MAX, b""), true),
        (tar_of(700, &pax("size", b"9223372036854775808")), true),
        (tar_of(700, &pax("size", b"99999999999999999999999")), true),
        (tar_of(700, &forged), false),
    ] {
        let offset = (tar.len() - 1024) as u64;
        let scene = Scene::of(&tar, &[dir("home"), file("home/f", &good[..700], offset)]);
        let said = scene.run_all();
        said.restore.expect_ok();
        assert_eq!(fs::read(scene.target().join("home/f")).unwrap(), &good[..700]);
        if finds {
            said.verify_data.expect(3).expect_said(&["header", "home/f"]).expect_said(&[&bundle_name(1)]);
        } else {
            said.verify_data.expect_ok();
        }
    }
}

#[test]
fn sizes_of_the_manifest_that_lie_cost_the_file_alone() {
    let (tar, line) = one_file("home/good", b"good");
    for lie in [
        json!({"size": 1_u64 << 62}),
        json!({"size": i64::MAX}),
        json!({"size": 3}),
        json!({"size": 1_u64 << 40}),
        json!({"offset": i64::MAX}),
        json!({"size": 1_u64 << 62, "holes": [[1, (1_u64 << 62) - 1]]}),
    ] {
        let bad = with(with(line.clone(), json!({"path": "home/bad"})), lie);
        let scene = Scene::of(&tar, &[dir("home"), bad, line.clone()]);
        let said = scene.run_all();
        said.restore.expect(3).expect_said(&["home/bad"]);
        assert_eq!(fs::read(scene.target().join("home/good")).unwrap(), b"good");
        assert!(!scene.target().join("home/bad").exists());
        said.export.expect(3).expect_said(&["home/bad"]);
        said.verify_data.expect(3).expect_said(&["home/bad"]);
    }
    for lie in
        [json!({"size": u64::MAX, "offset": 1024}), json!({"size": -1}), json!({"size": 4.5}), json!({"size": "4"})]
    {
        Scene::of(&tar, &[dir("home"), with(line.clone(), lie)]).run_all().assert_refused();
    }
}

#[test]
fn what_a_terminal_would_obey_is_shown_escaped_by_every_command() {
    const EVIL: &str = "\u{1b}[31m\u{7}\u{202e}\r\u{9b}2J";
    let evil = |text: &str| format!("{text}{EVIL}");
    let (mut tar, line) = one_file("home/good", b"good");
    tar.extend(member(evil("home/u").as_bytes(), b'0', 0, evil("x").as_bytes(), b""));
    let source = json!({"name": evil("home"), "path": evil("/"), "scanned": true});
    let home = json!({"name": "home", "path": evil("/"), "scanned": true});
    let head = with(head(), json!({"note": evil("note"), "tool": evil("tool"), "sources": [home, source]}));
    let lost = with(
        line.clone(),
        json!({"path": evil("home/good"), "offset": 1_u64 << 40, "user": evil("u"), "group": evil("g")}),
    );
    let attribute = json!({"xattrs": [[evil("user."), evil("v")]]});
    let values =
        [head.clone(), dir("home"), with(line.clone(), attribute), lost, symlink(&evil("home/l"), &evil("to"))];
    let scene = Scene::new();
    scene.forge.bundle(1, &Reel::default().frame(&tar).manifest(&lines(&values)));
    let said = scene.run_all();
    said.restore.expect(3).expect_said(&["\\x1b[31m\\x07"]);
    said.ls.expect_ok().expect_said(&["\\x1b[31m\\x07"]);
    said.verify_data.expect(3).expect_said(&["\\x1b[31m\\x07"]);
    said.export.expect(3).expect_said(&["\\x1b[31m\\x07"]);
    for command in
        ["list", "list --json", "ls", "ls --json -R", "restore -v --overwrite --dry-run --to", "verify --json --data"]
    {
        let target = scene.target();
        scene.run(command, [target.as_path()].get(usize::from(!command.ends_with("--to"))..).unwrap());
    }
    // What the next run is to save, and to leave out.
    let around = scene.around();
    let strict = json!({"name": evil("own"), "path": around, "scanned": true, "rules": {"exclude": [evil("[")]}});
    let strange = json!({"name": evil("own"), "path": around.join("kept/secret"), "scanned": true});
    for source in [strict, strange] {
        let scene = Scene::new();
        let head = with(head.clone(), json!({"sources": [source]}));
        scene.forge.bundle(1, &Reel::default().frame(&tar).manifest(&lines(&[head, dir("home"), line.clone()])));
        scene.save_to_a_copy();
    }
    // In what is refused.
    for lie in [
        json!({"type": evil("file")}),
        json!({"mode": evil("0644")}),
        json!({"mtime": evil("1")}),
        json!({"hash": evil("00")}),
        json!({"size": evil("1")}),
        json!({"offset": null, "in": evil("000001")}),
        json!({"gone": evil("file")}),
        json!({"path": {evil("escaped"): "a"}}),
        json!({"path": {"escaped": evil("%")}}),
        json!({evil("path"): 1, "path": 1}),
    ] {
        let bad = with(line.clone(), lie);
        let scene = Scene::new();
        let lines: Vec<String> =
            lines(&[head.clone(), dir("home"), bad]).iter().map(|l| l.replace(",\"offset\":null", "")).collect();
        scene.forge.bundle(1, &Reel::default().frame(&tar).manifest(&lines));
        scene.run_all().assert_refused();
    }
    for field in ["archive", "time", "parent", "sources", "snapshot", "format", "stands_for"] {
        let scene = Scene::new();
        let head = with(head.clone(), json!({field: evil("x")}));
        scene.forge.bundle(1, &Reel::default().frame(&tar).manifest(&lines(&[head, dir("home"), line.clone()])));
        scene.run_all();
    }
    for text in ["format = \"EVIL\"", "EVIL", "format = 1\nid = \"EVIL\"", "EVIL = 1", "format = 1\nid = EVIL"] {
        fs::write(scene.archive().join("archive.toml"), text.replace("EVIL", EVIL)).unwrap();
        scene.run("list", &[]).expect(1);
    }
}

#[test]
fn renames_that_cannot_be_are_refused_and_lead_nowhere() {
    let tree = || [dir("s"), dir("s/a"), dir("s/a/b"), dir("s/c"), dir("t")];
    let source = |name: &str| json!({"name": name, "path": "/no/such/place", "scanned": true});
    let head = || with(head(), json!({"sources": [source("s"), source("t")]}));
    let moved = |from: &str, to: &str| json!({"moved": from, "to": to});
    for bad in [
        vec![moved("s/a", "s/../../kept")],
        vec![moved("/s/a", "s/x")],
        vec![moved("s/a", "s/a")],
        vec![moved("s/a", "s/a/b/x")],
        vec![moved("s/a/b", "s/a")],
        vec![moved("s", "u")],
        vec![moved("s", "t/s")],
        vec![moved("s/a", "t/a")],
        vec![moved("s/a", "s")],
        vec![moved("s/none", "s/x")],
        vec![moved("s/a", "s/c")],
        vec![moved("s/a", "s/x"), moved("s/a", "s/y")],
        vec![moved("s/c", "s/a/c"), moved("s/a", "s/x")],
        vec![json!({"moved": "s/a"})],
        vec![json!({"moved": "s/a", "to": 7})],
    ] {
        println!("{bad:?}");
        let scene = Scene::new();
        let first: Vec<Value> = std::iter::once(head()).chain(tree()).collect();
        let members: Vec<u8> = ["s/", "s/a/", "s/a/b/", "s/c/", "t/"]
            .iter()
            .flat_map(|name| member(name.as_bytes(), b'5', 0, b"", b""))
            .collect();
        scene.forge.bundle(1, &Reel::default().frame(&members).manifest(&lines(&first)));
        let second: Vec<Value> = std::iter::once(with(head(), json!({"snapshot": 2}))).chain(bad).collect();
        scene.forge.bundle(2, &Reel::default().manifest(&lines(&second)));
        let said = scene.run_all();
        assert!(matches!(said.verify_data.status, 1 | 3), "{}", said.verify_data.shown());
        assert!(said.verify_data.said().contains(&bundle_name(2)), "{}", said.verify_data.shown());
    }
}
