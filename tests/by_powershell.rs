//! `recover.ps1` brings back what is in an archive. There is no PowerShell here: `tests/support/powershell.py` runs its text, as
//! far as it goes, with files of this system, and bsdtar, which Windows' own tar is, for `tar.exe`.

use crate::recover::named_as_lost;
use crate::recover::spoil;
use crate::recover::with_losses;
use crate::support::bench::Bench;
use crate::support::bench::copy_exactly;
use crate::support::bench::recovered;
use crate::support::bench::save;
use crate::support::command::Outcome;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::listing::below;
use crate::support::listing::inode;
use crate::support::oracles::python_with;
use crate::support::replay::bundles_of;
use crate::support::replay::recover;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use rustix::fs::FileType;
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

/// What is kept of times there, in nanoseconds.
const GRAIN: i128 = 100;

const MODULES: &str = "tree_sitter, tree_sitter_powershell";

/// What stands for `tar.exe`.
const TAR: &str = r#"#!/bin/sh
[ "$1" != --version ] || { echo "bsdtar 3.7.7 - libarchive 3.7.7 zlib/1.2.13 libzstd/1.5.5"; exit; }
exec bsdtar "$@"
"#;

/// One who has nothing but the archive and Windows.
struct Person {
    python: OsString,
    work: tempfile::TempDir,
}

impl Person {
    fn new() -> Option<Person> {
        let (python, work) = (python_with(MODULES).filter(|_| installed("bsdtar"))?, tempfile::tempdir().unwrap());
        let person = Person { python, work };
        person.has_tar(TAR);
        Some(person)
    }

    fn has_tar(&self, script: &str) {
        let tar = self.work.path().join("System32/tar.exe");
        fs::create_dir_all(tar.parent().unwrap()).unwrap();
        fs::write(&tar, script).unwrap();
        fs::set_permissions(tar, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, archive: &Path, words: &[&str]) -> Outcome {
        let machine = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/powershell.py");
        let mut command = program(&self.python);
        command.env("SystemRoot", self.work.path()).env("PATH", self.path());
        command.arg(machine).arg(archive.join("recover.ps1"));
        run(command.arg(self.work.path().join("facts")).args(words))
    }

    /// Where programs are looked for.
    fn path(&self) -> OsString {
        let mut path = self.work.path().join("programs").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        path
    }

    #[track_caller]
    fn recovered(&self, archive: &Path, snapshot: usize, status: i32) -> (PathBuf, Outcome) {
        let to = tempfile::tempdir_in(self.work.path()).unwrap().keep();
        let outcome = self.run(archive, &[to.to_str().unwrap(), &snapshot.to_string()]).expect(status);
        (to, outcome)
    }

    /// What was set of a file that this system does not keep.
    fn facts(&self, path: &Path) -> Value {
        let (device, number) = inode(path);
        let all = fs::read_to_string(self.work.path().join("facts")).unwrap();
        let mut facts = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        facts.find(|fact| fact["inode"] == number && fact["device"] == device).unwrap_or_default()
    }
}

/// Of all but symlinks: times, which tar has in whole seconds, and whether files may be written.
#[track_caller]
fn assert_facts(expected: &Path, found: &Path) {
    let found = below(found);
    let is_kept = |(seconds, nanos): (i64, u64), kept: (i64, u64)| {
        let late = (i128::from(kept.0 - seconds) * 1_000_000_000) + i128::from(kept.1) - i128::from(nanos);
        late.abs() < GRAIN || kept == (seconds, 0)
    };
    for (path, item) in below(expected).into_iter().filter(|(_, item)| item.kind != FileType::Symlink) {
        let (name, is) = (String::from_utf8_lossy(&path).into_owned(), &found[&path]);
        assert!(is_kept(item.mtime, is.mtime), "{name}: {:?} became {:?}", item.mtime, is.mtime);
        assert_eq!(item.mode & 0o200, is.mode & 0o200, "{name}");
    }
}

fn history() -> Vec<fn(&Tree) -> &Tree> {
    vec![
        |home| {
            home.file("docs/a", "a").file("docs/sub/b", noise(1, 30_000)).file("photos/1", noise(2, 9000)).dir("empty");
            home.file("photos/2", noise(3, 9000)).file("swap/x", noise(4, 5000)).file("swap/y", noise(5, 5000));
            home.file("becomes a folder", "f").file("becomes a file/in", "i").file("Case", noise(6, 6000));
            home.file("Füße/größer", "feet").mtime("photos/1", 1_000_000_000, 123_456_700).mtime(
                "photos",
                1_100_000_000,
                0,
            )
        },
        |home| {
            home.remove("docs/sub").remove("becomes a folder").file("becomes a folder/in", "now");
            home.remove("becomes a file").file("becomes a file", "now").remove("empty")
        },
        |home| {
            home.rename("photos", "pictures").rename("pictures/1", "docs/first").rename("Case", "case");
            home.rename("swap/x", "z").rename("swap/y", "swap/x").rename("z", "swap/y").append("docs/a", "more")
        },
        |home| {
            home.rename("pictures", "docs/pictures").remove("swap").mode("docs/a", 0o444).file("copy", noise(2, 9000));
            home.mtime("copy", 1_200_000_000, 0).mtime("docs/first", 1_300_000_000, 0).mode("docs/pictures/2", 0o444)
        },
        |home| {
            home.rename("docs", "documents").file("documents/new", "new").remove("case").append("copy", "more");
            home.mtime("documents/first", 1_400_000_000, 0)
        },
        |home| {
            home.rename("documents", "Documents").file("copy", noise(2, 9000)).file("second", noise(3, 9000));
            home.mode("Documents/pictures/2", 0o644)
        },
    ]
}

/// Puts a `zstd.exe` into a folder.
fn put_zstd(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let zstd = folder.join("zstd.exe");
    fs::write(&zstd, "#!/bin/sh\nexec zstd \"$@\"\n").unwrap();
    fs::set_permissions(zstd, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn recover_ps1_brings_back_every_snapshot_with_its_times() {
    let Some(person) = Person::new() else { return };
    let bench = Bench::new();
    let mut copies = Vec::new();
    for edit in history() {
        edit(&bench.home);
        bench.save();
        copies.push(bench.copy());
    }
    for (number, copy) in copies.iter().enumerate() {
        let (to, outcome) = person.recovered(bench.snap.archive(), number + 1, 0);
        assert_eq!(outcome.err(), "");
        assert_same_below(copy, &to, Level::Stock);
        assert_facts(copy, &to);
    }
}

#[test]
fn recover_ps1_brings_back_what_windows_has_of_a_file() {
    let Some(person) = Person::new() else { return };
    let (folder, root) = (tempfile::tempdir().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")));
    let archive = folder.path().join("archive");
    copy_exactly(&root.join("tests/windows_archive"), &archive);
    fs::copy(root.join("src/archive/recover.ps1"), archive.join("recover.ps1")).unwrap();
    let (to, outcome) = person.recovered(&archive, 2, 0);
    outcome.expect_said(&["alternate streams and the like are not brought back by this script"]);
    let home = to.join("home");
    let is_read_only = |name: &str| home.join(name).metadata().unwrap().permissions().readonly();
    assert_eq!(["read-only", "system", "docs/a"].map(is_read_only), [true, false, false]);
    // Archive is 32, system 4, hidden 2.
    assert_eq!(["read-only", "system"].map(|name| person.facts(&home.join(name))["attributes"].clone()), [32, 38]);
    assert!(person.facts(&home.join("Füße/größer"))["created"].as_i64().unwrap() > 0);
}

#[test]
fn recover_ps1_refuses_what_it_cannot_do_in_plain_words() {
    let Some(person) = Person::new() else { return };
    let bench = Bench::new();
    bench.home.file("large", noise(1, 3 << 20)).file("a", "a");
    bench.save();
    bench.home.file("a", "b");
    bench.save();
    let (archive, to) = (bench.snap.archive(), person.work.path().join("target"));
    let to = to.to_str().unwrap();
    person.run(archive, &[to, "3"]).expect(2).expect_said(&["there is no snapshot 3"]);
    bench.snap.call("forget 1").ok();
    person.run(archive, &[to, "1"]).expect(2).expect_said(&["snapshot 1 was forgotten"]);
    person.run(archive, &[person.work.path().to_str().unwrap()]).expect(2).expect_said(&["is not empty"]);
    person.has_tar("#!/bin/sh\necho bsdtar 3.5.2 - libarchive 3.5.2 zlib/1.2.5.f-ipp\n");
    person.run(archive, &[to]).expect(2).expect_said(&["does not know zstd", "7-Zip"]);
    assert!(!Path::new(to).exists());
}

/// What is said of files for one reason, each without its folder at the top.
fn named(outcome: &Outcome, reason: &str) -> Vec<String> {
    let said = outcome.err();
    let lines = said.lines().filter(|line| line.contains(reason));
    let mut names: Vec<_> =
        lines.filter_map(|line| line.split_once(": home/")).map(|(_, name)| name.to_owned()).collect();
    names.sort();
    names
}

const LOST: &str = "lost when the archive was damaged";
const UNDONE: &str = "not made as the snapshot has it";

#[test]
fn recover_ps1_names_what_a_repair_noted_as_lost_until_it_is_saved_again_or_gone() {
    let Some(person) = Person::new() else { return };
    let bench = with_losses();
    let lost_at = |snapshot: usize| {
        let (to, outcome) = person.recovered(bench.snap.archive(), snapshot, 1);
        assert!(!to.join("home/meta").exists(), "{}", outcome.shown());
        named(&outcome, LOST)
    };
    // A name with a quotation mark is none of Windows.
    assert_eq!(lost_at(1), ["changes", "folder/stays", "goes", "meta"]);
    assert_eq!(lost_at(2), ["folder/stays", "goes", "meta"]);
    assert_eq!(lost_at(3), ["meta", "renamed/stays"]);
    bench.home.remove("it's 100% \"a\"");
    bench.save();
    let (to, outcome) = person.recovered(bench.snap.archive(), 4, 0);
    assert_eq!(outcome.err(), "");
    assert_same_below(&bench.sources(), &to, Level::Stock);
}

#[test]
fn both_scripts_take_for_lost_what_is_copied_or_made_from_what_is_lost() {
    let Some(person) = Person::new() else { return };
    let bench = Bench::new();
    let contents: Vec<Vec<u8>> = (1..4).map(|number| noise(number, 40_000)).collect();
    bench.home.file("patched", &contents[0]).file("copied", &contents[1]).file("good", &contents[2]);
    save(&bench, "--patch-from 1K");
    bench.home.append("patched", "more").file("patched before", &contents[0]).file("copy", &contents[1]);
    bench.home.append("good", "more").file("other copy", &contents[2]);
    save(&bench, "--patch-from 1K");
    let before = bundles_of(bench.snap.archive(), 2).remove(0);
    let whole = fs::read(&before).unwrap();
    spoil(&bundles_of(bench.snap.archive(), 1)[0], &contents[..2]);
    bench.snap.call("repair").words("-q").run().expect(3);
    // As if it had not been written anew: nothing in it says what is lost.
    fs::write(&before, whole).unwrap();
    put_zstd(&person.work.path().join("programs"));
    let (to, outcome) = person.recovered(bench.snap.archive(), 2, 1);
    let lost = ["copied", "copy", "patched", "patched before"];
    assert_eq!(named(&outcome, LOST), lost);
    let words = [bench.fresh().into_os_string()];
    let by_sh = named_as_lost(&recover(bench.snap.archive(), &bench.path("tools"), &[&words[0]]).expect(1));
    assert_eq!(by_sh.into_iter().collect::<BTreeSet<_>>(), lost.map(|name| format!("home/{name}")).into());
    for name in ["good", "other copy"] {
        assert!(fs::read(to.join("home").join(name)).unwrap() == fs::read(bench.home.path(name)).unwrap(), "{name}");
    }
}

/// A history in which parts of files change, files are copied, and both move.
fn history_of_changes(round: u64) -> Vec<Box<dyn Fn(&Tree)>> {
    let content = move |number: u64| noise(100 * round + number, 20_000 + 777 * number as usize);
    let changed = move |number: u64| {
        let mut bytes = content(number);
        let at = 1000 * (number as usize % 7);
        bytes.splice(at..at + 50, noise(round + 50, 3000));
        bytes
    };
    vec![
        Box::new(move |home| {
            for number in 0..5 {
                home.file(format!("d/{number}"), content(number));
            }
            home.file("twin", content(1)).file("F\u{fc}\u{df}e", content(6)).file("zeros", vec![0; 50_000]);
        }),
        Box::new(move |home| {
            home.file("d/0", changed(0)).file("d/1", changed(1)).rename("d/2", "moved").file("moved", changed(2));
            home.file("F\u{fc}\u{df}e", changed(6)).mode("d/1", 0o444).append("zeros", vec![0; 9000]);
        }),
        Box::new(move |home| {
            home.rename("d", "e").append("e/0", "end").file("copy", changed(1)).file("second", changed(1));
            home.mtime("copy", 1_000_000_000, 123_456_700).mode("e/3", 0o444);
        }),
        Box::new(move |home| {
            home.file("e/0", &changed(0)[..15_000]).remove("e/1").file("twin", changed(1)).append("copy", "more");
        }),
    ]
}

#[test]
fn recover_ps1_makes_files_of_which_only_what_changed_is_stored() {
    let Some(person) = Person::new() else { return };
    for round in 0..2 {
        let bench = Bench::new();
        let (archive, programs) = (bench.snap.archive(), person.work.path().join("programs"));
        let mut copies = Vec::new();
        for edit in history_of_changes(round) {
            edit(&bench.home);
            save(&bench, if round == 0 { "--patch-from 1K" } else { "--patch-from 1K --max-part 64K" });
            copies.push(bench.copy());
        }
        // Without zstd, what is not as it was is named, and only that.
        let copy = &copies[3];
        let (to, outcome) = person.recovered(archive, 4, 1);
        let is_other = |path: &Vec<u8>| {
            let path = std::str::from_utf8(path).unwrap();
            copy.join(path).is_file() && fs::read(to.join(path)).ok() != fs::read(copy.join(path)).ok()
        };
        let paths = below(copy).into_keys().filter(is_other);
        let expected: BTreeSet<String> =
            paths.map(|path| String::from_utf8(path).unwrap().replacen("home/", "", 1)).collect();
        assert_eq!(named(&outcome, UNDONE).into_iter().collect::<BTreeSet<_>>(), expected, "{}", outcome.shown());
        assert!(expected.len() > 4 && outcome.err().contains("snap.exe restore -a . --at"), "{}", outcome.shown());
        assert!(outcome.err().contains("put zstd.exe"), "{}", outcome.shown());
        put_zstd(if round == 0 { archive } else { &programs });
        for (number, copy) in (1..).zip(&copies) {
            let (to, outcome) = person.recovered(archive, number, 0);
            assert_eq!(outcome.err(), "");
            assert_same_below(copy, &to, Level::Stock);
            assert_facts(copy, &to);
        }
        assert_same_below(&recovered(&bench, 4), copy, Level::Tar);
    }
}

#[test]
fn recover_ps1_names_files_that_windows_cannot_have_and_counts_them_where_there_are_many() {
    let Some(person) = Person::new() else { return };
    let bench = Bench::new();
    for number in 0..25 {
        bench.home.file(format!("what {number:02}?"), "w");
    }
    bench.home.file("end.", "e").file("Nul", "n").file("good.nul", "g").file("Twice", "t").file("tWICE", "t");
    bench.save();
    bench.home.remove("tWICE").remove("Twice").remove("end.").remove("Nul");
    for number in 2..25 {
        bench.home.remove(format!("what {number:02}?"));
    }
    bench.save();
    bench.home.file("GOOD.nul", "another").file("what 00?", "written again");
    bench.save();
    let names = "Windows cannot have this name";
    let (_, outcome) = person.recovered(bench.snap.archive(), 1, 1);
    assert_eq!(named(&outcome, names).len(), 20);
    outcome.expect_said(&["and 7 more", "only one can be here", "home/tWICE"]);
    let (_, outcome) = person.recovered(bench.snap.archive(), 2, 1);
    assert_eq!(named(&outcome, names), ["what 00?", "what 01?"]);
    let (_, outcome) = person.recovered(bench.snap.archive(), 3, 1);
    assert_eq!(named(&outcome, names), ["what 00?", "what 01?"]);
    assert_eq!(named(&outcome, "only one can be here"), ["GOOD.nul"]);
}

/// Prints each place that a grammar of PowerShell does not take, but for units of bytes behind numbers, which this one does not know.
const PARSE: &str = r"
import sys, tree_sitter, tree_sitter_powershell
parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
def look(node):
    if node.is_missing or node.type == 'ERROR' and node.text not in (b'KB', b'MB', b'GB'):
        print(sys.argv[1], node.start_point, node.text[:60])
    for child in node.children:
        look(child)
look(parser.parse(open(sys.argv[1], 'rb').read()).root_node)
";

#[test]
fn scripts_of_powershell_are_well_formed() {
    let Some(python) = python_with(MODULES) else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let parsed = |script: &Path| run(program(&python).args(["-c", PARSE]).arg(script)).expect_ok().out();
    for script in ["src/archive/recover.ps1", "scripts/windows-check.ps1"] {
        assert_eq!(parsed(&root.join(script)), "");
    }
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.ps1");
    fs::write(&broken, "if ($a { 1 }\n").unwrap();
    assert_ne!(parsed(&broken), "");
}
