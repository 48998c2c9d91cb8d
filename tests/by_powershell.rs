//! The steps of `recover.ps1`, done here with bsdtar, which Windows' own tar is: for each bundle its list of changes first, then
//! what has moved, what is gone, and the bundle. There is no PowerShell here; that the script has these steps is to be read, and
//! its syntax is checked by a grammar of the language.

use crate::support::bench::Bench;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::manifest;
use crate::support::oracles::python_with;
use crate::support::replay::bundles;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Brings a snapshot into a folder as `recover.ps1` does.
#[track_caller]
fn recover(archive: &Path, snapshot: usize, to: &Path) {
    fs::create_dir(to).unwrap();
    for bundle in bundles(archive) {
        let number: usize = bundle.file_name().unwrap().to_str().unwrap()[..6].parse().unwrap();
        if number > snapshot {
            continue;
        }
        let lines = manifest::lines(&bundle);
        let place = |path: &Value| to.join(path.as_str().unwrap());
        let moves: Vec<&Value> = lines.iter().filter(|line| line.get("moved").is_some()).collect();
        for line in &moves {
            let (from, to) = (place(&line["moved"]), place(&line["to"]));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(from, to).unwrap();
        }
        if !moves.is_empty() {
            remove_aside(to);
        }
        for line in lines.iter().rev().filter(|line| line.get("gone").is_some()) {
            let gone = place(&line["path"]);
            match gone.symlink_metadata() {
                Ok(found) if found.is_dir() => fs::remove_dir(gone).unwrap(),
                Ok(_) => fs::remove_file(gone).unwrap(),
                Err(_) => {}
            }
        }
        run(program("bsdtar").arg("-xf").arg(&bundle).arg("-C").arg(to)).expect_ok();
        for left in [manifest::NAME, ".snap-apply.sh"] {
            let _ = fs::remove_file(to.join(left));
        }
        let _ = fs::remove_dir_all(to.join(".snap-apply"));
    }
}

fn remove_aside(to: &Path) {
    for item in fs::read_dir(to.join("home")).unwrap().map(Result::unwrap) {
        if item.file_name().to_string_lossy().starts_with(".snap-move-") {
            fs::remove_dir_all(item.path()).or_else(|_| fs::remove_file(item.path())).unwrap();
        }
    }
}

#[test]
fn the_steps_of_recover_ps1_bring_back_every_snapshot() {
    if !installed("bsdtar") {
        return;
    }
    let bench = Bench::new();
    let edits: [fn(&Tree) -> &Tree; 5] = [
        |home| {
            home.file("docs/a", "a").file("docs/sub/b", noise(1, 30_000)).file("photos/1", noise(2, 9000)).dir("empty");
            home.file("photos/2", noise(3, 9000)).file("swap/x", noise(4, 5000)).file("swap/y", noise(5, 5000));
            home.file("becomes a folder", "f").file("becomes a file/in", "i").file("Case", noise(6, 6000))
        },
        |home| {
            home.remove("docs/sub").remove("becomes a folder").file("becomes a folder/in", "now");
            home.remove("becomes a file").file("becomes a file", "now").remove("empty")
        },
        |home| {
            home.rename("photos", "pictures").rename("pictures/1", "docs/first").rename("Case", "case");
            home.rename("swap/x", "z").rename("swap/y", "swap/x").rename("z", "swap/y").append("docs/a", "more")
        },
        |home| home.rename("pictures", "docs/pictures").remove("swap").mode("docs/a", 0o444),
        |home| home.rename("docs", "documents").file("documents/new", "new").remove("case"),
    ];
    let mut copies = Vec::new();
    for edit in edits {
        edit(&bench.home);
        bench.save();
        copies.push(bench.copy());
    }
    for (number, copy) in copies.iter().enumerate() {
        let to = bench.fresh();
        recover(bench.snap.archive(), number + 1, &to);
        assert_same_below(copy, &to, Level::Stock);
    }
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
    let Some(python) = python_with("tree_sitter, tree_sitter_powershell") else { return };
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
