//! The archive that the program for Windows wrote and that is kept (`scripts/make-golden windows`): what it writes today is the
//! same, and it reads that one.

use crate::support::bench::copy_exactly;
use crate::support::book::Book;
use crate::support::manifest;
use crate::support::replay::bundles;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use crate::support::tree::noise;
use crate::windows::Scene;
use crate::windows::attrib;
use serde_json::Value;
use serde_json::json;
use snap_archive::system::store::LocalStore;
use snap_archive::system::store::Store;
use snap_archive::system::store::read_small;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Where `scripts/make-golden windows` wants the archive that is kept.
const WANTED: &str = "SNAP_MAKE_WINDOWS_GOLDEN";

fn archive_that_is_kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/windows_archive")
}

/// The paths of all bundles with what they are and contain, and what moved.
fn said_of_contents(archive: &Path) -> Vec<String> {
    let lines = bundles(archive).into_iter().flat_map(|bundle| manifest::lines(&bundle));
    let changes = lines.filter(|line| line.get("path").is_some() || line.get("moved").is_some());
    let word = |line: &Value, key: &str| line.get(key).map(ToString::to_string).unwrap_or_default();
    let words = ["path", "type", "gone", "size", "mode", "hash", "copy", "moved", "to"];
    changes.map(|line| words.map(|key| word(&line, key)).join(" ")).collect()
}

/// Three snapshots by the program for Windows.
fn save(scene: &Scene) {
    let home = &scene.bench.home;
    home.file("Füße/größer", "feet").file("Привет", "world").file("docs/a", "one").file("docs/gone", "").dir("empty");
    home.file("read-only", "r").mode("read-only", 0o444).file("system", "s").hard_link("docs/a", "docs/second");
    home.file("pictures/1", noise(1, 6000)).file("pictures/2", noise(2, 6000)).file("large", noise(3, 2 << 20));
    attrib(&home.path("system"), "+s");
    scene.save();
    home.remove("docs/gone").remove("empty").file("empty", "a file now").file("docs/a", "two");
    scene.save();
    home.rename("pictures", "photos").rename("photos/1", "docs/first").append("large", "more");
    home.file("copy", noise(3, 2 << 20)).mode("read-only", 0o644);
    scene.save();
}

/// What wine has not, said of files that it saved.
fn add_what_wine_lacks(archive: &Path) {
    let store = LocalStore::new(archive);
    let mut book = Book::open(&store);
    let mut add = |snapshot: usize, path: &str, more: &[(&str, Value)]| {
        // From then on it has them.
        for page in &mut book.pages[snapshot - 1..] {
            let begin = format!("{{\"path\":{}", json!(path));
            let Some(line) =
                page.lines.iter_mut().find(|line| line.starts_with(&begin) && !line.contains("\"sources\""))
            else {
                continue;
            };
            // As text, since scripts go by the order of fields.
            let said = serde_json::from_str::<Value>(line).unwrap()["xattrs"].clone();
            let mut xattrs = said.as_array().cloned().unwrap();
            xattrs.retain(|pair| more.iter().all(|(name, _)| pair[0] != *name));
            xattrs.extend(more.iter().map(|(name, value)| json!([name, value])));
            xattrs.sort_by_key(|pair| pair[0].as_str().unwrap().to_owned());
            assert!(line.contains(&said.to_string()), "{line}");
            *line = line.replacen(&said.to_string(), &Value::from(xattrs).to_string(), 1);
        }
    };
    add(
        1,
        "home/system",
        &[
            ("windows.attributes", json!("hsa")),
            ("windows.stream.Zone.Identifier", json!("[ZoneTransfer]\r\nZoneId=3\r\n")),
            ("windows.stream.größer", json!({"escaped": "\u{0}%FF"})),
            ("windows.ea.NOTE", json!("of OS/2")),
        ],
    );
    // For a folder's stream wine makes a file.
    add(1, "home/pictures", &[("windows.attributes", json!("hi"))]);
    add(3, "home/large", &[("windows.stream.note", json!("patched"))]);
    let store = book.store();
    for (name, _) in store.list("bundles").unwrap() {
        let name = format!("bundles/{name}");
        fs::write(archive.join(&name), read_small(&store, &name, 64 << 20).unwrap()).unwrap();
    }
}

#[test]
fn what_windows_writes_today_is_what_the_archive_that_is_kept_shows() {
    let Some(scene) = Scene::new() else { return };
    save(&scene);
    let archive = scene.bench.snap.archive();
    if let Some(wanted) = std::env::var_os(WANTED) {
        let wanted = PathBuf::from(wanted);
        assert!(!wanted.exists(), "{} is there", wanted.display());
        copy_exactly(archive, &wanted);
        // What is not needed to read it, and changes more often.
        for name in ["README.txt", "recover.sh", "RECOVER.cmd", "recover.ps1", "lock"] {
            fs::remove_file(wanted.join(name)).unwrap();
        }
        fs::remove_dir_all(wanted.join("index")).unwrap();
        add_what_wine_lacks(&wanted);
    }
    assert_eq!(said_of_contents(archive), said_of_contents(&archive_that_is_kept()));
}

#[test]
fn what_windows_wrote_before_it_restores_today() {
    let Some(scene) = Scene::new() else { return };
    let archive = scene.bench.fresh();
    copy_exactly(&archive_that_is_kept(), &archive);
    scene.on(&archive, "verify --data").ok();
    for snapshot in 1..=3 {
        let (there, here) = (scene.bench.fresh(), scene.bench.fresh());
        let at = snapshot.to_string();
        let told = scene.on(&archive, "restore --json --at").arg(&at).words("--to").arg(&there).ok().json().remove(0);
        // Wine keeps no streams.
        assert!(told["losses"].to_string().contains("could not be set"), "{told}");
        Call::new(BINARY.as_ref())
            .words("restore -a")
            .arg(&archive)
            .words("--at")
            .arg(&at)
            .words("--to")
            .arg(&here)
            .ok();
        crate::windows::assert_same(&here, &there);
    }
}
