//! Gets a history back with stock tools alone: tar, zstd and sh. Knows the names in an archive, nothing else of it.

use crate::support::command::Outcome;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::manifest;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// All bundles of an archive, in the order of their names.
#[track_caller]
pub fn bundles(archive: &Path) -> Vec<PathBuf> {
    let directory = archive.join("bundles");
    if archive.is_dir() && !directory.exists() {
        // The folder is made with the first bundle.
        return Vec::new();
    }
    let found = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let paths = found.map(|entry| entry.unwrap().path());
    let mut bundles: Vec<PathBuf> = paths.filter(|path| is_bundle(&name(path))).collect();
    bundles.sort();
    bundles
}

/// The bundles of one snapshot: its parts, the last part last.
#[track_caller]
pub fn bundles_of(archive: &Path, snapshot: usize) -> Vec<PathBuf> {
    bundles(archive).into_iter().filter(|bundle| number(bundle) == snapshot).collect()
}

/// The numbers of the snapshots that have a last part.
#[track_caller]
pub fn snapshots(archive: &Path) -> BTreeSet<usize> {
    let is_last = |bundle: &PathBuf| name(bundle).matches('.').count() == 2;
    bundles(archive).into_iter().filter(is_last).map(|bundle| number(&bundle)).collect()
}

fn is_bundle(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_digit()) && name.ends_with(".tar.zst")
}

fn name(bundle: &Path) -> String {
    bundle.file_name().and_then(OsStr::to_str).unwrap_or_default().to_owned()
}

fn number(bundle: &Path) -> usize {
    let name = name(bundle);
    name.split('-').next().and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no bundle's name: {name}"))
}

/// Unpacks one more bundle over what older ones left, as the archive's README tells people to.
#[track_caller]
pub fn replay_one(bundle: &Path, out: &Path) {
    fs::create_dir_all(out).unwrap();
    let mut tar = program("tar");
    tar.args(["--zstd", "-g", "/dev/null", "-xf"]).arg(bundle).arg("-C").arg(out);
    run(&mut tar).expect_silent();
    apply(out);
    remove_manifest(out);
}

/// Runs the script that a bundle brought, if it brought one; it must leave nothing of itself.
#[track_caller]
pub fn apply(out: &Path) {
    if out.join(".snap-apply.sh").exists() {
        run(program("sh").arg(out.join(".snap-apply.sh"))).expect_silent();
    }
    assert!(!out.join(".snap-apply.sh").exists() && !out.join(".snap-apply").exists());
}

/// Unpacks all bundles up to and with those of this snapshot.
#[track_caller]
pub fn stock_replay(archive: &Path, upto: usize, out: &Path) {
    for bundle in bundles(archive).iter().filter(|bundle| number(bundle) <= upto) {
        replay_one(bundle, out);
    }
}

/// The manifest is the bundle's own and no part of any source.
pub fn remove_manifest(out: &Path) {
    let _ = fs::remove_file(out.join(manifest::NAME));
}

/// All that `recover.sh` may use: a POSIX shell, GNU tar, zstd, and plain tools that every system has.
const RECOVER_TOOLS: [&str; 19] = [
    "sh", "tar", "zstd", "mkdir", "rm", "cp", "find", "id", "chmod", "xargs", "tail", "head", "wc", "mv", "tr", "sed",
    "awk", "ln", "ls",
];

/// Runs the archive's own `recover.sh` with those tools and nothing else in its surroundings.
#[track_caller]
pub fn recover(archive: &Path, tools: &Path, args: &[&OsStr]) -> Outcome {
    if !tools.exists() {
        fs::create_dir(tools).unwrap();
        for tool in RECOVER_TOOLS {
            let path = std::env::var_os("PATH").unwrap();
            let found = std::env::split_paths(&path).map(|directory| directory.join(tool)).find(|tool| tool.is_file());
            std::os::unix::fs::symlink(found.unwrap_or_else(|| panic!("{tool} is missing")), tools.join(tool)).unwrap();
        }
    }
    let mut path = std::ffi::OsString::from("PATH=");
    path.push(tools);
    run(program("env").arg("-i").arg(path).arg("sh").arg(archive.join("recover.sh")).args(args))
}

mod tests {
    use super::bundles;
    use super::bundles_of;
    use super::snapshots;
    use super::stock_replay;
    use crate::support::command::run;
    use crate::support::command::shell;
    use crate::support::listing::Level;
    use crate::support::listing::assert_same_below;
    use crate::support::tree::Tree;
    use std::fs;

    /// Stands for a bundle: what GNU tar itself makes of a directory that it has seen before.
    fn incremental(tree: &Tree, archive: &Tree, bundle: &str) {
        let line = "cd \"$1\" && tar --format=posix --zstd -g \"$2\" -cf \"$3\" home";
        let words = [tree.root(), &archive.path("state"), &archive.path(bundle)];
        run(&mut shell(line, &[&words[0], &words[1], &words[2]])).expect_ok();
    }

    #[test]
    fn a_replay_deletes_and_stops_where_it_is_told_to() {
        let dir = tempfile::tempdir().unwrap();
        let [tree, archive] = ["t", "a"].map(|name| Tree::at(dir.path().join(name)));
        archive.dir("bundles").file("bundles/.tmp", "").file("bundles/000009-x.part", "");
        tree.file("home/a", "1").file("home/b", "2");
        incremental(&tree, &archive, "bundles/000001-20260101T000000Z.0001.tar.zst");
        incremental(&tree, &archive, "bundles/000001-20260101T000000Z.tar.zst");
        fs::create_dir(dir.path().join("first")).unwrap();
        crate::support::bench::copy_exactly(tree.root(), &dir.path().join("first"));
        tree.remove("home/a").file("home/c/d", "3");
        incremental(&tree, &archive, "bundles/000002-20260101T000000Z.tar.zst");

        assert_eq!(bundles(archive.root()).len(), 3);
        assert_eq!(bundles_of(archive.root(), 1).len(), 2);
        assert!(bundles_of(archive.root(), 1)[0].ends_with("000001-20260101T000000Z.0001.tar.zst"));
        assert_eq!(snapshots(archive.root()).into_iter().collect::<Vec<_>>(), [1, 2]);
        for (upto, expected) in [(1, dir.path().join("first")), (2, tree.root().to_owned())] {
            let out = dir.path().join(format!("out{upto}"));
            stock_replay(archive.root(), upto, &out);
            assert_same_below(&expected, &out, Level::Stock);
        }
    }
}
