//! The program for Windows, run under wine: `scripts/windows` builds it and says in `SNAP_WINDOWS_PROGRAM` how it is started; without
//! that all of this is skipped. Trees, stock readers and the other program are this system's, so archives go both ways. Wine
//! takes a path of this system for one of the drive that it starts on.

mod kept;
mod trees;

use crate::support::bench::Bench;
use crate::support::command::Outcome;
use crate::support::command::as_root;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::skipped;
use crate::support::listing::Level;
use crate::support::listing::Listing;
use crate::support::listing::assert_same_below;
use crate::support::listing::below;
use crate::support::manifest;
use crate::support::oracles::check_bundle_with_stock_tools;
use crate::support::replay::bundles;
use crate::support::replay::stock_replay;
use crate::support::snap::Call;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use rustix::fs::FileType;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// What is kept of times there, in nanoseconds.
const GRAIN: u64 = 100;

/// What Windows puts before a path that it takes as it stands; nobody should see it.
const PREFIX: &str = r"\\?\";

/// Runs one program: `share FILE` keeps a file open and lets nobody else have it, `lock FILE` lets others read it only.
const HOLDER: &str = r#"
#include <windows.h>
#include <stdio.h>
int wmain(int count, wchar_t **words) {
  DWORD share = wcscmp(words[1], L"share") ? FILE_SHARE_READ : 0;
  HANDLE file = CreateFileW(words[2], GENERIC_READ | GENERIC_WRITE, share, NULL, OPEN_EXISTING, 0, NULL);
  printf(file == INVALID_HANDLE_VALUE ? "failed\n" : "held\n");
  fflush(stdout);
  Sleep(600000);
  return 0;
}
"#;

/// An archive on which both programs work.
pub(crate) struct Scene {
    pub(crate) bench: Bench,
    windows: PathBuf,
}

impl Scene {
    /// `None`, and said, where there is no such program.
    pub(crate) fn new() -> Option<Scene> {
        let Some(windows) = std::env::var_os("SNAP_WINDOWS_PROGRAM") else {
            skipped("SNAP_WINDOWS_PROGRAM names no program for Windows (scripts/windows sets it)");
            return None;
        };
        Some(Scene { bench: Bench::without_archive(), windows: windows.into() })
    }

    /// Another one, without an archive yet.
    pub(crate) fn anew(&self) -> Scene {
        Scene { bench: Bench::without_archive(), windows: self.windows.clone() }
    }

    /// A command of the program for Windows.
    pub(crate) fn call(&self, command: &str) -> Call {
        self.on(self.bench.snap.archive(), command)
    }

    /// A command of it on another archive.
    pub(crate) fn on(&self, archive: &Path, command: &str) -> Call {
        Call::new(&self.windows).words("-a").arg(archive).words(command)
    }

    /// A snapshot by it.
    #[track_caller]
    pub(crate) fn save(&self) -> Outcome {
        settle(&self.bench.home);
        shown_plainly(self.call("create --init").arg(self.bench.home.root()).ok())
    }

    /// A snapshot that it brings back, 0 for the newest.
    #[track_caller]
    pub(crate) fn restored(&self, at: usize) -> PathBuf {
        let (to, at) = (self.bench.fresh(), if at == 0 { "latest".to_owned() } else { at.to_string() });
        shown_plainly(self.call("restore --at").arg(at).words("--to").arg(&to).ok());
        to
    }
}

/// Times as they can be there.
pub(crate) fn settle(tree: &Tree) {
    for (path, item) in below(tree.root()) {
        let (seconds, nanos) = kept(item.mtime);
        tree.mtime(&path, seconds, nanos as i64);
    }
}

/// What of a time is kept there.
pub(crate) fn kept((seconds, nanos): (i64, u64)) -> (i64, u64) {
    (seconds, nanos - nanos % GRAIN)
}

#[track_caller]
pub(crate) fn shown_plainly(outcome: Outcome) -> Outcome {
    assert!(!outcome.said().contains(PREFIX), "{}", outcome.shown());
    outcome
}

/// Names, kinds, contents and times (as far as they are kept there) of two trees are equal, and so is who is linked to whom.
#[track_caller]
pub(crate) fn assert_same(expected: &Path, found: &Path) {
    assert_same_below(expected, found, Level::Stock);
    let facts = |tree: Listing| -> Vec<_> {
        tree.into_iter().map(|(path, item)| (path, kept(item.mtime), item.links, item.mode & 0o200)).collect()
    };
    assert_eq!(facts(below(expected)), facts(below(found)));
}

fn history() -> Vec<fn(&Tree) -> &Tree> {
    vec![
        |home| {
            home.file("Füße", "feet").file("Привет/мир", "world").file("日本語/ファイル", "file").file("emoji 😀", "");
            home.file("docs/a", "one").file("docs/sub/b", noise(1, 300_000)).file("large", noise(2, 9 << 20));
            home.dir("empty/inside").file("zeros", vec![0; 100_000]).hard_link("docs/a", "docs/second");
            home.file("read-only", "r").mode("read-only", 0o444).mtime("docs/a", 1_000_000_000, 123_456_700)
        },
        |home| home.file("docs/new", "new").remove("docs/sub").append("large", "more").rename("Füße", "Hände"),
        |home| home.remove("empty").file("empty", "a file now").remove("docs/second").mtime("zeros", -1_000_000_000, 0),
    ]
}

#[test]
fn what_windows_saves_it_restores_and_stock_tools_and_other_systems_read() {
    let Some(scene) = Scene::new() else { return };
    let (home, archive) = (&scene.bench.home, scene.bench.snap.archive());
    let mut copies = Vec::new();
    for edit in history() {
        edit(home);
        scene.save();
        copies.push(scene.bench.copy());
    }
    let listed = scene.call("list --json").ok().json().remove(0);
    assert_eq!(listed["snapshots"].as_array().unwrap().len(), copies.len());
    let shown = scene.call("ls").arg(r"home\docs\").ok();
    assert!(shown.out().contains("docs/new") || shown.out().contains("new"), "{}", shown.shown());
    scene.call("verify --data").ok();
    for bundle in bundles(archive) {
        check_bundle_with_stock_tools(&bundle);
        let lines = manifest::lines(&bundle);
        assert!(lines.iter().all(|line| !line.to_string().contains(r"\\\\?")), "{}", bundle.display());
        let tar = zstd::decode_all(fs::File::open(&bundle).unwrap()).unwrap();
        let is_there = |words: &[u8]| tar.windows(words.len()).any(|bytes| bytes == words);
        assert!(is_there(b"windows.created") && !is_there(b"SCHILY.xattr.windows"), "{}", bundle.display());
    }
    scene.bench.snap.call("verify --data").ok();
    for (number, copy) in copies.iter().enumerate() {
        assert_same(copy, &scene.restored(number + 1));
        assert_same(copy, &scene.bench.restored(number + 1));
        let replayed = scene.bench.fresh();
        stock_replay(archive, number + 1, &replayed);
        assert_same_below(copy, &replayed, Level::Stock);
    }
}

#[test]
fn what_other_systems_save_windows_restores_and_goes_on_with() {
    let Some(scene) = Scene::new() else { return };
    let home = &scene.bench.home;
    scene.bench.snap.init();
    for edit in history() {
        edit(home);
        settle(home);
        scene.bench.save();
    }
    assert_same(&scene.bench.sources(), &scene.restored(0));
    home.file("docs/from windows", "w");
    let moved = scene.call("create --moved").arg(home.root()).ok();
    assert_eq!(scene.bench.snap.snapshots(), history().len() + 1, "{}", moved.shown());
    scene.bench.snap.call("verify --data").ok();
    assert_same(&scene.bench.sources(), &scene.bench.restored(0));
}

#[test]
fn names_that_cannot_be_there_are_changed_and_told_and_nothing_gets_out_of_the_folder() {
    let Some(scene) = Scene::new() else { return };
    let home = &scene.bench.home;
    let odd: [&[u8]; 17] = [
        b"a:b",
        b"q?",
        b"aux.txt",
        b"end.",
        b"blank ",
        b"A",
        b"a",
        b"raw \xff",
        b"new\nline",
        b"NUL",
        b"plain",
        b"C:x",
        br"..\up",
        br"a\..\..\up",
        br"\\?\C:\up",
        b"COM\xc2\xb9",
        b"half \xed\xa0\x80",
    ];
    for name in odd {
        home.file(name, name);
    }
    home.symlink("link", "plain").fifo("pipe").xattr("plain", "user.note", "x").file("con/inside", "in");
    if as_root() {
        home.node("device", FileType::CharacterDevice, 1, 3);
    }
    scene.bench.snap.init();
    scene.bench.save();
    let around = Tree::at(scene.bench.path("around"));
    let to = around.path("to");
    let restore = || scene.call("restore --json --overwrite --to").arg(&to).ok();
    let first = restore();
    let told = first.json().remove(0);
    assert!(told["renamed"].as_u64() >= Some(14) && told["losses"].to_string().contains("link"), "{}", first.shown());
    let contents = |top: &Path| -> BTreeSet<Vec<u8>> {
        let files = below(top).into_iter().filter(|(_, item)| item.kind == FileType::RegularFile);
        files.map(|(path, _)| fs::read(top.join(std::str::from_utf8(&path).unwrap())).unwrap()).collect()
    };
    let expected: BTreeSet<Vec<u8>> = odd.iter().map(|name| name.to_vec()).chain([b"in".to_vec()]).collect();
    assert_eq!(contents(&to), expected);
    assert_eq!(fs::read_dir(around.root()).unwrap().count(), 1, "nothing beside the folder");
    let before = below(&to);
    let again = restore();
    let same =
        |tree: &Listing| -> Vec<_> { tree.iter().map(|(path, item)| (path.clone(), item.mtime, item.inode)).collect() };
    assert_eq!(same(&before), same(&below(&to)));
    assert_eq!(again.json().remove(0)["files"], 0, "{}", again.shown());
}

#[test]
fn times_that_windows_does_not_have_are_told_once_and_stop_nothing() {
    let Some(scene) = Scene::new() else { return };
    // In memory, where every time can be.
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else { return skipped("there is no file system in memory") };
    let tree = Tree::at(folder.path().join("times"));
    let (year_1, year_1601, year_9999) = (-62_135_596_800, -11_644_473_600, 253_402_300_799);
    for seconds in [year_1, year_1601 - 1, year_1601, -1, year_9999, 292_277_026_596, i64::MAX / 1000] {
        tree.file(seconds.to_string(), "").mtime(seconds.to_string(), seconds, 0);
    }
    scene.bench.snap.init();
    scene.bench.snap.create(&[tree.root()]);
    let to = scene.bench.fresh();
    let told = scene.call("restore --json --to").arg(&to).ok().json().remove(0);
    assert_eq!((&told["files"], told["losses"].as_array().unwrap().len()), (&7.into(), 1), "{told}");
    let found = below(&to);
    assert_eq!(found[b"times/-1".as_slice()].mtime, (-1, 0));
}

#[test]
fn paths_of_a_thousand_characters_are_saved_listed_restored_and_deleted() {
    let Some(scene) = Scene::new() else { return };
    let home = &scene.bench.home;
    home.deep_file(&vec![vec![b'd'; 200]; 5], b"deep", b"deep down");
    scene.save();
    assert!(scene.call("ls -R").ok().out().contains("deep"));
    let to = scene.restored(0);
    assert_same_below(&scene.bench.sources(), &to, Level::Stock);
    home.remove([b'd'; 200]).file("other", "");
    scene.save();
    scene.call("restore --overwrite --delete --yes --to").arg(&to).ok();
    assert_same_below(&scene.bench.sources(), &to, Level::Stock);
}

#[test]
fn paths_are_typed_as_windows_people_type_them() {
    let Some(scene) = Scene::new() else { return };
    let home = &scene.bench.home;
    home.file("docs/sub/a", "a").file("a=b/c", "c");
    scene.save();
    for typed in [r"home\docs\sub", r"home\docs\", "home/docs", ".", r".\home"] {
        let shown = scene.call("ls").arg(typed).ok();
        assert!(!shown.out().is_empty(), "{typed}: {}", shown.shown());
    }
    let typed = format!(r"Z:{}\a=b", home.root().to_str().unwrap().replace('/', r"\"));
    shown_plainly(scene.call("create").arg(&typed).ok());
    let sources = scene.call("sources --json").ok();
    assert!(sources.out().contains("\"a=b\"") && !sources.out().contains(r"\\\\?"), "{}", sources.shown());
    // The top of a drive is called by its letter.
    shown_plainly(scene.call("create --exclude /*").arg(r"C:\").ok());
    assert!(scene.call("ls").ok().out().lines().any(|line| line.contains('C')), "{}", scene.call("ls").ok().shown());
    let verbatim = scene.call("create").arg(format!("{PREFIX}{typed}")).ok();
    assert!(!verbatim.said().contains(PREFIX), "{}", verbatim.shown());
    assert!(!scene.call("sources --json").ok().out().contains(r"\\\\?"));
}

/// Another program that has a file open.
struct Held(Child);

impl Held {
    fn new(scene: &Scene, how: &str, file: &Path) -> Held {
        let (source, exe) = (scene.bench.path("holder.c"), scene.bench.path("holder.exe"));
        if !exe.exists() {
            fs::write(&source, HOLDER).unwrap();
            run(program("x86_64-w64-mingw32-gcc").arg("-municode").arg(&source).arg("-o").arg(&exe)).expect_ok();
        }
        let mut wine = program("wine");
        let mut child = wine.arg(&exe).arg(how).arg(file).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut said = [0; 4];
        child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"held", "{}", file.display());
        Held(child)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_file_that_another_program_holds_is_a_problem_of_its_own_and_saved_next_time() {
    let Some(scene) = Scene::new() else { return };
    let home = &scene.bench.home;
    home.file("held", "first").file("free", "first");
    scene.save();
    home.file("held", "second version").file("free", "second version");
    let held = Held::new(&scene, "share", &home.path("held"));
    let outcome = scene.call("create").arg(home.root()).run().expect(3);
    assert!(outcome.err().contains("another program has it open"), "{}", outcome.shown());
    drop(held);
    let then = scene.restored(2);
    assert_eq!(fs::read(then.join("home/held")).unwrap(), b"first", "its last version is kept");
    assert_eq!(fs::read(then.join("home/free")).unwrap(), b"second version");
    scene.save();
    assert_same(&scene.bench.sources(), &scene.restored(0));
}

#[test]
fn where_no_shadow_copy_can_be_made_nothing_is_saved() {
    // Wine has no shadow copies.
    let Some(scene) = Scene::new() else { return };
    scene.bench.home.file("a", "1");
    let outcome = scene.call("create --init --shadow").arg(scene.bench.home.root()).run().expect(1);
    assert!(outcome.err().contains("no shadow copy can be made") && outcome.err().contains("Run as administrator"));
    scene.save();
    let outcome = scene.call("create --shadow").run().expect(1);
    assert!(outcome.err().contains("no shadow copy can be made"), "{}", outcome.shown());
    assert_eq!(scene.call("list --json").ok().out().matches("\"number\"").count(), 1);
}

#[test]
fn restore_replaces_what_is_read_only_and_says_what_is_held_or_a_folder() {
    let Some(scene) = Scene::new() else { return };
    let home = &scene.bench.home;
    home.file("read-only", "new").file("held", "new").file("folder", "new");
    scene.save();
    let to = Tree::at(scene.bench.path("to"));
    to.file("home/read-only", "old").mode("home/read-only", 0o444);
    to.file("home/held", "old").file("home/folder/in", "old");
    let held = Held::new(&scene, "lock", &to.path("home/held"));
    let outcome = scene.call("restore --overwrite --to").arg(to.root()).run().expect(3);
    assert!(outcome.err().contains("home/held") && outcome.err().contains("home/folder"), "{}", outcome.shown());
    assert_eq!(fs::read(to.path("home/read-only")).unwrap(), b"new");
    assert_eq!(fs::read(to.path("home/held")).unwrap(), b"old");
    assert_eq!(fs::read(to.path("home/folder/in")).unwrap(), b"old");
    drop(held);
    scene.call("restore --overwrite --delete --yes --to").arg(to.root()).ok();
    assert_same(&scene.bench.sources(), to.root());
}

/// A `create` that takes a long time, once it writes.
fn writer(scene: &Scene) -> Child {
    scene.bench.home.file("huge", noise(3, 150 << 20));
    let mut command = program(&scene.windows);
    command.args(["create", "--level", "19", "-a"]).arg(scene.bench.snap.archive()).arg(scene.bench.home.root());
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while unfinished(scene.bench.snap.archive()) == 0 {
        assert!(began.elapsed() < Duration::from_secs(200), "it writes nothing");
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}

fn unfinished(archive: &Path) -> usize {
    let names = fs::read_dir(archive.join("bundles")).unwrap().flatten().map(|item| item.file_name());
    names.filter(|name| name.to_string_lossy().starts_with(".snap-")).count()
}

#[track_caller]
fn assert_goes_on(scene: &Scene) {
    scene.bench.home.remove("huge");
    scene.bench.snap.call("verify").ok();
    scene.save();
    assert_eq!((scene.bench.snap.snapshots(), unfinished(scene.bench.snap.archive())), (2, 0));
    scene.call("verify --data").ok();
}

#[test]
fn a_second_writer_is_told_who_writes_and_works_once_that_one_was_killed() {
    let Some(scene) = Scene::new() else { return };
    scene.bench.home.file("a", "a");
    scene.save();
    let mut first = writer(&scene);
    let second = scene.call("create").fails(5);
    assert!(second.err().contains("process ") && second.err().contains("since "), "{}", second.shown());
    first.kill().unwrap();
    first.wait().unwrap();
    assert_goes_on(&scene);
}

#[test]
fn ctrl_c_ends_create_and_the_next_run_goes_on() {
    let Some(scene) = Scene::new() else { return };
    scene.bench.home.file("a", "a");
    scene.save();
    let mut first = writer(&scene);
    run(program("kill").arg("-INT").arg(first.id().to_string())).expect_ok();
    let status = first.wait().unwrap();
    let mut said = String::new();
    first.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("Everything reported saved before is safe"), "{said}");
    assert_goes_on(&scene);
}

/// The path as it is typed there.
fn typed(path: &Path) -> String {
    format!("Z:{}", path.to_str().unwrap().replace('/', r"\"))
}

/// Gives a file there an attribute.
#[track_caller]
pub(crate) fn attrib(path: &Path, change: &str) {
    run(program("wine").args(["attrib", change]).arg(typed(path)).env_remove("DISPLAY")).expect(0);
}

/// What a new archive of a tree says about it.
fn saved_once_more(scene: &Scene, tree: &Path) -> Vec<serde_json::Value> {
    let archive = scene.bench.fresh();
    Call::new(&scene.windows).words("create --init -a").arg(&archive).arg(tree).ok();
    manifest::lines(&bundles(&archive)[0])
}

/// An extended attribute of an entry of `home`.
fn xattr(lines: &[serde_json::Value], name: &str, xattr: &str) -> Option<String> {
    let line = lines.iter().find(|line| line["path"] == format!("home/{name}") && line.get("sources").is_none())?;
    let pair = line["xattrs"].as_array()?.iter().find(|pair| pair[0] == xattr)?;
    pair[1].as_str().map(str::to_owned)
}

/// Wine makes access rights out of modes, and says of all that they are the file's own; that they come back is shown beside the
/// code.
#[test]
fn owner_and_rights_of_a_file_of_its_own_are_saved_and_no_loss() {
    let Some(scene) = Scene::new() else { return };
    let home = &scene.bench.home;
    home.file("open", "o").mode("open", 0o666).file("closed", "c").mode("closed", 0o600).dir("folder");
    scene.save();
    let lines = manifest::lines(&bundles(scene.bench.snap.archive())[0]);
    let rights = |lines: &[serde_json::Value], name: &str| xattr(lines, name, "windows.security");
    let (open, closed) = (rights(&lines, "open").unwrap(), rights(&lines, "closed").unwrap());
    assert!(open.starts_with("O:S-1-") && open.contains("D:") && open != closed, "{open} {closed}");
    for words in ["restore --json --to", "restore --json --no-owner --to"] {
        let told = scene.call(words).arg(scene.bench.fresh()).ok().json().remove(0);
        assert_eq!(told["losses"], serde_json::json!([]), "{told}");
    }
    let by_other = scene.bench.snap.call("restore --json").words("--to").arg(scene.bench.fresh()).ok().json().remove(0);
    assert_eq!(by_other["losses"], serde_json::json!([]), "{by_other}");
}

#[test]
fn attributes_of_windows_come_back_and_change_nothing_elsewhere() {
    let Some(scene) = Scene::new() else { return };
    let home = &scene.bench.home;
    home.file("read-only", "r").mode("read-only", 0o444).file("plain", "p").file("system", "s");
    attrib(&home.path("system"), "+s");
    scene.save();
    let bundle = &bundles(scene.bench.snap.archive())[0];
    let lines = manifest::lines(bundle);
    let line = |path: &str| lines.iter().find(|line| line["path"] == path && line.get("sources").is_none()).unwrap();
    assert!(line("home/read-only").to_string().contains("windows.attributes"), "{}", line("home/read-only"));
    assert!(line("home/plain").to_string().contains("windows.created"), "{}", line("home/plain"));
    let by_windows = scene.restored(0);
    let again = saved_once_more(&scene, &by_windows.join("home"));
    for name in ["system", "read-only"] {
        assert_eq!(xattr(&again, name, "windows.attributes"), xattr(&lines, name, "windows.attributes"), "{name}");
    }
    assert!(xattr(&lines, "system", "windows.attributes").unwrap().contains('s'));
    assert_eq!(fs::metadata(by_windows.join("home/read-only")).unwrap().permissions().mode() & 0o222, 0);
    let by_other = scene.bench.fresh();
    let outcome = scene.bench.snap.call("restore").words("--to").arg(&by_other).ok();
    assert!(!outcome.said().contains("could not be set"), "{}", outcome.shown());
}

/// Prints the names in a tar, as a reader has them that takes the names in headers for text in the code page of DOS.
const NAMES_IN_CODE_PAGE: &str = "
import sys, tarfile
for member in tarfile.open(fileobj=sys.stdin.buffer, mode='r|', encoding='cp850', errors='replace'):
    sys.stdout.buffer.write(member.name.encode('utf-8', 'replace') + b'\\0')
";

#[test]
fn names_are_right_for_readers_that_take_headers_for_text_in_their_code_page() {
    let Some(scene) = Scene::new() else { return };
    if !installed("python3") {
        return;
    }
    let home = &scene.bench.home;
    home.file("Füße/größer", "")
        .file("Привет/мир", "")
        .file("日本語/ファイル", "")
        .file("emoji 😀", "")
        .file("plain", "");
    scene.save();
    let [bundle] = bundles(scene.bench.snap.archive()).try_into().unwrap();
    let script = "zstd -dc \"$1\" | python3 -c \"$2\"";
    let listed = run(program("sh").args(["-c", script, "sh"]).arg(&bundle).arg(NAMES_IN_CODE_PAGE)).expect_ok();
    let found: BTreeSet<String> = listed.out().split('\0').map(|name| name.trim_end_matches('/').to_owned()).collect();
    for (path, _) in below(home.root()) {
        let path = format!("home/{}", std::str::from_utf8(&path).unwrap());
        assert!(found.contains(&path), "{path}: {found:?}");
    }
}

#[test]
fn rules_ignore_case_and_say_what_they_left_out() {
    let Some(scene) = Scene::new() else { return };
    scene.bench.home.file("Cache/THUMBS.DB", "t").file("Größe/a.TMP", "t").file("kept", "k");
    settle(&scene.bench.home);
    let call = scene.call("create --init --exclude thumbs.db --exclude /GRÖSSE --exclude GRÖßE/*.tmp");
    call.arg(scene.bench.home.root()).ok();
    let listed = scene.call("ls -R").ok().out();
    assert!(listed.contains("kept") && !listed.contains("THUMBS") && !listed.contains("a.TMP"), "{listed}");
}

#[test]
fn the_program_beside_the_archive_brings_everything_back_by_a_double_click() {
    let Some(scene) = Scene::new() else { return };
    let archive = scene.bench.snap.archive();
    scene.bench.home.file("docs/a", "a").file("Füße", "feet");
    scene.save();
    scene.call("init --carry").ok();
    assert!(archive.join("programs/snap-windows-x86_64.exe").is_file());
    let to = scene.bench.fresh();
    let mut wine = program("wine");
    let words = ["cmd", "/c", &typed(&archive.join("RECOVER.cmd")), &typed(&to)];
    run(wine.args(words).env_remove("DISPLAY")).expect(0);
    assert_same(&scene.bench.sources(), &to);
    let own = program("wine").arg(archive.join("programs/snap-windows-x86_64.exe")).args(["list", "--json"]).output();
    assert!(
        String::from_utf8(own.unwrap().stdout).unwrap().contains("\"snapshots\""),
        "it finds its archive by itself"
    );
}

/// How often `create` is killed; `SNAP_KILLS` says another number.
const KILLS: u64 = 12;

#[test]
fn a_program_that_is_killed_at_any_moment_leaves_an_archive_that_is_sound() {
    let Some(scene) = Scene::new() else { return };
    let home = &scene.bench.home;
    home.file("first", "first");
    scene.save();
    let kills = std::env::var("SNAP_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    for round in 0..kills {
        home.file("large", noise(round, 12 << 20)).file(format!("small {round}"), "s");
        let mut command = program(&scene.windows);
        command.args(["create", "-q", "--max-part", "4M", "-a"]).arg(scene.bench.snap.archive()).arg(home.root());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // It takes one to two seconds; some are through before.
        std::thread::sleep(Duration::from_millis(300 + 1500 * round / kills));
        child.kill().unwrap();
        child.wait().unwrap();
        scene.bench.snap.call("verify --data").ok();
    }
    scene.save();
    assert_eq!(unfinished(scene.bench.snap.archive()), 0);
    scene.call("verify --data").ok();
    assert_same(&scene.bench.sources(), &scene.restored(0));
}
