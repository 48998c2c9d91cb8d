//! Asks every stock reader of `.tar.zst` what is in a bundle, and whether they agree. Knows nothing of snap.

use crate::support::command::Outcome;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::command::skipped;
use crate::support::listing::Item;
use crate::support::listing::Level;
use crate::support::listing::Listing;
use crate::support::listing::assert_equal;
use crate::support::listing::below;
use rustix::fs::FileType;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Fails the test unless every stock tool that is installed lists and extracts the bundle, alone and into an empty
/// directory, without a word, and all find the same names, types and contents.
#[track_caller]
pub fn check_bundle_with_stock_tools(bundle: &Path) {
    let dir = tempfile::tempdir().unwrap();
    run(program("zstd").arg("-tq").arg(bundle)).expect_silent();
    let [by_gnu, by_bsd, by_busybox, by_python] = ["gnu", "bsd", "busybox", "python"].map(|name| {
        let path = dir.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    });

    run(program("tar").args(["--zstd", "-xf"]).arg(bundle).arg("-C").arg(&by_gnu)).expect_silent();
    let expected = below(&by_gnu);
    let agrees = |found: &Path, tool: &str| {
        assert_equal(&expected, &below(found), Level::Stock, &format!("{}: GNU tar | {tool}", bundle.display()));
    };
    assert_lists(bundle, &expected);
    if installed("bsdtar") {
        let listed = run(program("bsdtar").arg("-tf").arg(bundle)).expect_silent();
        assert!(!listed.stdout.is_empty(), "bsdtar lists nothing");
        run(program("bsdtar").arg("-xf").arg(bundle).arg("-C").arg(&by_bsd)).expect_silent();
        agrees(&by_bsd, "bsdtar");
    }
    if installed("busybox") {
        run(&mut shell("zstd -dc \"$1\" | busybox tar -tf - >/dev/null", &[&bundle])).expect_silent();
        run(&mut shell("zstd -dc \"$1\" | busybox tar -xf - -C \"$2\"", &[&bundle, &by_busybox])).expect_silent();
        agrees(&by_busybox, "busybox");
    }
    if extract_by_python(bundle, &by_python, "utf-8") {
        agrees(&by_python, "Python's tarfile");
    }
    if installed("7zz") {
        let (found, out) = extracted_by_7zz(bundle, dir.path());
        let expected = as_7zz_extracts(&expected, &out);
        assert_equal(&expected, &found, Level::Stock, &format!("{}: GNU tar | 7zz", bundle.display()));
    }
}

/// Extracts the bundle with Python's tarfile, which takes names that stand in no pax record for text in this encoding; whether
/// that could be tried.
#[track_caller]
pub fn extract_by_python(bundle: &Path, out: &Path, encoding: &str) -> bool {
    let Some(python) = python() else { return false };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/tarfile_check.py");
    run(program(python).arg(script).args([bundle, out]).arg(encoding)).expect_silent();
    true
}

/// GNU tar's list names what it extracts: everything but directories that only stand above something.
#[track_caller]
fn assert_lists(bundle: &Path, extracted: &Listing) {
    let list = run(program("tar").args(["--zstd", "--quoting-style=escape", "-tf"]).arg(bundle)).expect_silent().stdout;
    let lines = list.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let listed: BTreeSet<Vec<u8>> = lines.map(|line| unquoted(line.strip_suffix(b"/").unwrap_or(line))).collect();
    for name in &listed {
        assert!(extracted.contains_key(name), "{} lists, not extracts, {}", bundle.display(), name.escape_ascii());
    }
    for (path, item) in extracted.iter().filter(|(_, item)| item.kind != FileType::Directory) {
        let shown = path.escape_ascii();
        assert!(listed.contains(path), "{} extracts, not lists, {shown} ({:?})", bundle.display(), item.kind);
    }
}

/// Turns back what `--quoting-style=escape` does.
fn unquoted(line: &[u8]) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), line);
    while let [first, after @ ..] = rest {
        let (byte, after) = match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                ((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'), after)
            }
            (b'\\', [letter, after @ ..]) => match b"abtnvfr".iter().position(|known| known == letter) {
                Some(place) => (7 + place as u8, after),
                None => (*letter, after),
            },
            _ => (*first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    bytes
}

/// A Python that has zstandard: the one in `SNAP_TEST_PYTHON`, or the one of the system.
fn python() -> Option<OsString> {
    python_with("zstandard")
}

/// A Python that has these modules: the one in `SNAP_TEST_PYTHON`, or the one of the system; `None`, with a message, if
/// there is none.
pub fn python_with(modules: &str) -> Option<OsString> {
    let python = std::env::var_os("SNAP_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let asked = program(&python).args(["-c", &format!("import {modules}")]).output();
    if asked.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    skipped(&format!("Python with {modules} is not installed (SNAP_TEST_PYTHON names one)"));
    None
}

/// 7-Zip needs two steps: the bundle gives the tar, the tar gives the files.
#[track_caller]
fn extracted_by_7zz(bundle: &Path, dir: &Path) -> (Listing, PathBuf) {
    let (tar, out) = (dir.join("7zz-tar"), dir.join("7zz"));
    let ask = |words: &[&str], file: &Path, expected: &[&str]| {
        said_no_warning(run(program("7zz").args(words).arg(file)), expected);
    };
    // Without this switch it leaves out links whose target leads upwards, and says so as an error.
    let unpack = |file: &Path, to: &Path, expected: &[&str]| {
        ask(&["x", "-y", "-snld20", &format!("-o{}", to.display())], file, expected);
    };
    ask(&["l"], bundle, &[]);
    unpack(bundle, &tar, &[]);
    let inner = fs::read_dir(&tar).unwrap().next().unwrap().unwrap().path();
    let deletes = fs::read(&inner).unwrap().windows(12).any(|bytes| bytes == b"GNU.dumpdir=");
    let expected = if deletes { &ABOUT_LISTS_OF_NAMES[..] } else { &[] };
    ask(&["l"], &inner, expected);
    unpack(&inner, &out, expected);
    (below(&out), out)
}

/// 7-Zip takes a NUL in a pax value for a mistake, and GNU tar's own lists of a directory's names are full of them: this one
/// warning, with all names and contents right and exit code 0, is its answer to any tar that deletes.
const ABOUT_LISTS_OF_NAMES: [&str; 4] = ["WARNINGS:", "Headers Error", "Warnings: 1", "Archives with Warnings: 1"];

#[track_caller]
fn said_no_warning(outcome: Outcome, expected: &[&str]) {
    let outcome = outcome.expect_silent();
    // Among an archive's characteristics, "UTF8-ERROR" says that a name is not UTF-8, which is true and no complaint.
    let complains = |line: &str| {
        let lower = line.to_lowercase();
        (lower.contains("warning") || lower.contains("error")) && !line.starts_with("Characteristics =")
    };
    let complaint = outcome.out().lines().find(|line| complains(line) && !expected.contains(line)).map(str::to_owned);
    assert!(complaint.is_none(), "7zz complains, {complaint:?}: {}", outcome.shown());
}

/// What 7-Zip makes of the same tar: it knows neither fifos nor devices and writes empty files for them, and it turns an
/// absolute target of a link into one below the directory it extracts to.
fn as_7zz_extracts(extracted: &Listing, out: &Path) -> Listing {
    let empty = |item: &Item| Item {
        kind: FileType::RegularFile,
        content: Some(blake3::Hasher::new().finalize()),
        device: 0,
        ..item.clone()
    };
    let link = |item: &Item, target: &[u8]| {
        let moved = target.first() == Some(&b'/');
        let target = if moved { [out.as_os_str().as_encoded_bytes(), target].concat() } else { target.to_vec() };
        Item { target: Some(target), ..item.clone() }
    };
    let as_7zz = |item: &Item| match (item.kind, &item.target) {
        (FileType::Fifo | FileType::BlockDevice | FileType::CharacterDevice, _) => empty(item),
        (FileType::Symlink, Some(target)) => link(item, target),
        _ => item.clone(),
    };
    extracted.iter().map(|(path, item)| (path.clone(), as_7zz(item))).collect()
}

mod tests {
    use super::check_bundle_with_stock_tools;
    use crate::support::command::as_root;
    use crate::support::command::installed;
    use crate::support::command::run;
    use crate::support::command::shell;
    use crate::support::tree::Tree;
    use crate::support::tree::noise;
    use rustix::fs::FileType;
    use std::path::PathBuf;

    fn packed(tree: &Tree, line: &str) -> PathBuf {
        let bundle = tree.root().with_extension("tar.zst");
        run(&mut shell(line, &[&tree.root(), &bundle])).expect_ok();
        bundle
    }

    #[test]
    fn all_stock_tools_agree_on_a_tar_with_every_kind_of_entry() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path().join("t"));
        tree.file("home/a", "one")
            .hard_link("home/a", "home/b")
            .file(b"home/\xff-raw", "raw")
            .file("home/new\nline", "");
        tree.file("home/uml\u{e4}ut\t\\x", noise(1, 100_000)).file("home/e/f ", "").symlink("home/up", "../..");
        tree.symlink("home/absolute", tree.path("home/a").as_os_str().as_encoded_bytes());
        tree.symlink("home/dangling", "no\\where").fifo("home/pipe");
        tree.file(format!("home/{}/{}", "l".repeat(200), "n".repeat(200)), "long").dir("home/empty");
        if as_root() {
            tree.node("home/char", FileType::CharacterDevice, 1, 3).node("home/block", FileType::BlockDevice, 7, 99);
        }
        check_bundle_with_stock_tools(&packed(&tree, "cd \"$1\" && tar --format=gnu --zstd -cf \"$2\" home"));
    }

    #[test]
    #[should_panic(expected = "stderr should be empty")]
    fn a_tar_without_its_end_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path().join("t"));
        tree.file("home/a", "one");
        check_bundle_with_stock_tools(&packed(&tree, "cd \"$1\" && tar -cf - home | head -c 2000 | zstd -q > \"$2\""));
    }

    #[test]
    fn a_name_that_one_reader_cannot_take_is_noticed() {
        if !installed("bsdtar") {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path().join("t"));
        tree.file([b"home/\xff".as_slice(), &[b'x'; 150]].concat(), "");
        let bundle = packed(&tree, "cd \"$1\" && tar --format=posix --zstd -cf \"$2\" home");
        assert!(std::panic::catch_unwind(|| check_bundle_with_stock_tools(&bundle)).is_err());
    }
}
