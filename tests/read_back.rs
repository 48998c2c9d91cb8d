//! `create --read-back` and drives that do not keep what they are given, or have no room for it. Uses the library where a test
//! acts while it is at work.

use crate::support::bench::Bench;
use crate::support::inside::Scene;
use crate::support::inside::assert_replays;
use crate::support::inside::assert_restores;
use crate::support::inside::history;
use crate::support::inside::on_a_drive;
use crate::support::inside::options;
use crate::support::mounted::Mounted;
use crate::support::snap::Snap;
use crate::support::stores::FaultyStore;
use crate::support::stores::files;
use crate::support::tree::noise;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use snap_archive::archive::open::Archive;
use snap_archive::base::advice::Advice;
use snap_archive::base::error::ErrorKind;
use snap_archive::base::error::Result;
use snap_archive::base::id::Hash;
use snap_archive::base::monitor::Recorder;
use snap_archive::system::store::LocalStore;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::CreateReport;
use snap_archive::verbs::create::create;
use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// A source that makes several parts, with one snapshot of something else before.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.home.file("before", "before");
    scene.save();
    for number in 0..5_u64 {
        scene.home.file(format!("{number}"), noise(number, 100_000));
    }
    scene
}

fn save(scene: &Scene, store: Arc<dyn Store>, read_back: bool) -> Result<CreateReport> {
    let options = CreateOptions { part_bytes_max: 250_000, read_back, ..options(scene.home.root()) };
    create(&Archive::open_store(store)?, &options, &Recorder::new())
}

/// Flips a bit of the unfinished file on the drive.
fn damage_unfinished(drive: &Path) {
    let path = unfinished(drive).pop().unwrap();
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 1000).unwrap();
    file.write_all_at(&[byte[0] ^ 16], 1000).unwrap();
}

fn unfinished(top: &Path) -> Vec<PathBuf> {
    let found = walkdir::WalkDir::new(top).into_iter().filter_map(std::result::Result::ok);
    let is_temporary = |item: &walkdir::DirEntry| item.file_name().to_string_lossy().starts_with(".snap-");
    found.filter(is_temporary).map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn a_bundle_that_does_not_come_back_as_written_is_named_and_never_becomes_one() {
    let scene = scene();
    for bad in 0.. {
        let drive = on_a_drive(&scene.store);
        let local: Arc<dyn Store> = Arc::new(LocalStore::new(drive.path()));
        let (top, seen) = (drive.path().to_owned(), AtomicUsize::new(0));
        let acting = FaultyStore::acting(local.clone(), move |_, step| {
            let is_read_back = step.starts_with("read back bundles/");
            if is_read_back && seen.fetch_add(1, Ordering::Relaxed) == bad {
                damage_unfinished(&top.join("bundles"));
            }
        });
        let result = save(&scene, acting.clone(), true);
        let bundles = acting.steps().iter().filter(|step| step.starts_with("published bundles/")).count();
        let Err(error) = result else {
            assert!(bad >= 2 && bundles == bad, "every bundle had its turn: {bad} of {bundles}");
            return;
        };
        assert_eq!((error.kind(), bundles), (ErrorKind::Damaged, bad), "{error}");
        assert!(error.to_string().contains("bundles/000002-") && error.advice() == Some(&Advice::ReplaceDrive));
        assert_eq!(unfinished(drive.path()), Vec::<PathBuf>::new());
        let archive = Archive::open_store(local.clone()).unwrap();
        assert_eq!(history(&archive), [1]);
        // What was finished before is used, and all is as if nothing had happened.
        let report = save(&scene, local.clone(), true).unwrap();
        assert!(report.bytes_read <= 500_000 - 200_000 * bad as u64, "{bad}: {}", report.bytes_read);
        let newest = *history(&archive).last().unwrap();
        assert_restores(&archive, newest, &scene.path("sources"));
        assert_replays(&*local, newest, &scene.path("sources"));
    }
}

#[test]
fn every_store_compares_what_it_kept_with_what_it_was_given() {
    let drive = tempfile::tempdir().unwrap();
    let stores: [Box<dyn Store>; 2] = [Box::new(MemoryStore::new()), Box::new(LocalStore::new(drive.path()))];
    for store in stores {
        let upload = |name: &str| {
            let mut upload = store.create(name).unwrap();
            upload.write_all(b"some ").unwrap();
            upload.write_all(b"bytes").unwrap();
            upload
        };
        let mut right = upload("bundles/right");
        right.read_back(&Hash::of(b"some bytes")).unwrap();
        right.publish("bundles/right").unwrap();
        let mut wrong = upload("bundles/wrong");
        let error = wrong.read_back(&Hash::of(b"some other bytes")).unwrap_err();
        assert!(error.kind() == ErrorKind::Damaged && error.to_string().contains("bundles/wrong"), "{error}");
        drop(wrong);
        assert_eq!(files(&*store), [("bundles/right".to_owned(), b"some bytes".to_vec())]);
    }
}

#[test]
fn what_is_read_back_comes_from_the_drive_and_not_from_memory() {
    let Some(mounted) = Mounted::ext4(32) else { return };
    let scene = scene();
    let local = LocalStore::new(mounted.top());
    for (name, bytes) in files(&scene.store) {
        local.replace(&name, &bytes).unwrap();
    }
    // The drive keeps other bytes; what the system has in memory is as it should be.
    let (top, image, has_acted) = (mounted.top().to_owned(), mounted.image().to_owned(), AtomicBool::new(false));
    let acting = FaultyStore::acting(Arc::new(local), move |_, step| {
        if step.starts_with("read back bundles/") && !has_acted.swap(true, Ordering::Relaxed) {
            let top = rustix::fs::open(&top, OFlags::RDONLY, Mode::empty()).unwrap();
            rustix::fs::syncfs(&top).unwrap();
            change_in_image(&image, &noise(0, 100_000)[50_000..50_064]);
        }
    });
    let error = save(&scene, acting, true).unwrap_err();
    assert!(error.to_string().contains("does not give back what was written to"), "{error}");
}

/// Changes the bytes in the drive itself.
fn change_in_image(image: &Path, wanted: &[u8]) {
    let file = fs::File::options().read(true).write(true).open(image).unwrap();
    let bytes = fs::read(image).unwrap();
    let at = bytes.windows(wanted.len()).position(|window| window == wanted).unwrap();
    file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
    file.sync_all().unwrap();
}

#[test]
fn without_read_back_such_damage_is_found_by_verify() {
    let scene = scene();
    let drive = on_a_drive(&scene.store);
    let local: Arc<dyn Store> = Arc::new(LocalStore::new(drive.path()));
    let top = drive.path().to_owned();
    let acting = FaultyStore::acting(local.clone(), move |_, step| {
        if step.starts_with("publish bundles/") {
            damage_unfinished(&top.join("bundles"));
        }
    });
    assert!(save(&scene, acting, false).unwrap().summary.is_some());
    let said = Snap::new(drive.path()).call("verify").words("--data").run().expect(3).said();
    assert!(said.contains("bundles/000002-"), "{said}");
}

#[test]
fn the_program_says_that_all_was_read_back() {
    let bench = Bench::new();
    bench.home.file("a", noise(1, 100_000));
    bench
        .snap
        .call("create")
        .words("--read-back")
        .arg(bench.home.root())
        .ok()
        .expect_said(&["read back from the drive"]);
    bench.home.file("b", "b");
    let json = bench.snap.call("create").words("--read-back --json").ok().json();
    assert_eq!(json[0]["read_back"], true);
    let json = bench.snap.call("create").words("--json --allow-empty").ok().json();
    assert_eq!(json[0]["read_back"], false);
    bench.assert_restores();
}

#[test]
fn a_full_drive_is_named_and_nothing_unfinished_stays_on_it() {
    let Some(mounted) = Mounted::tmpfs(4) else { return };
    let bench = Bench::new();
    let snap = Snap::new(mounted.top().join("archive"));
    snap.init();
    bench.home.file("small", noise(1, 200_000));
    snap.create(&[bench.home.root()]);
    bench.home.file("large", noise(2, 6 << 20));
    let full = snap.call("create").fails(1);
    let said = full.err().to_lowercase();
    assert!(said.contains("no space left") || said.contains("room") || said.contains("full"), "{}", full.shown());
    assert_eq!(unfinished(mounted.top()), Vec::<PathBuf>::new());
    assert_eq!(snap.snapshots(), 1);
    snap.call("verify").words("--data").ok();
    bench.home.file("large", noise(2, 1 << 20));
    snap.call("create").ok();
    let to = bench.fresh();
    snap.restore(&to, 0);
    crate::support::listing::assert_same_below(&bench.sources(), &to, crate::support::listing::Level::Everything);
}
