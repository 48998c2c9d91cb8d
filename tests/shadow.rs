//! Sources that are read where a copy of their drive is, as it was at one moment.

use crate::support::bench::Bench;
use crate::support::bench::copy_exactly;
use crate::support::inside::Scene;
use crate::support::inside::assert_restores;
use crate::support::inside::history;
use crate::support::inside::options;
use crate::support::tree::Tree;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::monitor::Recorder;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::ReadAt;
use snap_archive::verbs::create::SourceSpec;
use snap_archive::verbs::create::create;
use std::io;
use std::path::Path;
use std::path::PathBuf;

#[test]
fn what_is_read_in_a_shadow_copy_is_saved_as_what_it_is_a_copy_of() {
    let scene = Scene::new();
    let (drive, copy) = (scene.path("sources"), scene.path("copy"));
    scene.home.file("a", "then").file("b/c", "then, too").hard_link("a", "z");
    Tree::at(&drive).file("single", "then");
    copy_exactly(&drive, &copy);
    scene.home.file("a", "now").file("new", "now").remove("b/c");
    Tree::at(&drive).file("single", "now");
    let in_copy = |path: &Path| Ok(copy.join(path.strip_prefix(&drive).map_err(io::Error::other)?));
    let source = |path: PathBuf| SourceSpec { name: None, is_named: false, path };
    let save = |read_at: Option<ReadAt>| {
        let sources = vec![source(scene.home.root().to_owned()), source(drive.join("single"))];
        let options = CreateOptions { sources, read_at, ..options(scene.home.root()) };
        create(&scene.archive, &options, &Recorder::new())
    };
    assert_eq!(save(Some(&in_copy)).unwrap().problems, 0);
    assert_restores(&scene.archive, SnapshotNumber::FIRST, &copy);
    // Each has the path that it was asked for by, and is read there the next time.
    assert_eq!(save(None).unwrap().problems, 0);
    scene.assert_kept();
    let refused = |_: &Path| Err(io::Error::other("access is denied"));
    let error = save(Some(&refused)).unwrap_err();
    assert!(error.to_string().contains("no shadow copy") && error.to_string().contains("access is denied"), "{error}");
    assert_eq!(history(&scene.archive).len(), 2);
}

#[test]
fn shadow_copies_are_refused_where_there_are_none() {
    let bench = Bench::new();
    let outcome = bench.snap.call("create").arg(bench.home.root()).words("--shadow").fails(2);
    outcome.expect_said(&["on Windows only"]);
    assert_eq!(bench.snap.snapshots(), 0);
}
