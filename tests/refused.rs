//! What the system refuses is never damage: no file of the archive that may not be opened is called so, replaced or passed over
//! without a word. What the drive does not read is as good as damaged. Uses the library, with a store that refuses.

use crate::support::inside::Scene;
use crate::support::inside::assert_restores;
use crate::support::inside::in_memory;
use crate::support::inside::options;
use crate::support::stores::FaultyStore;
use crate::support::stores::files;
use snap_archive::archive::open::Archive;
use snap_archive::base::error::ErrorKind;
use snap_archive::base::monitor::Recorder;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::create;
use snap_archive::verbs::history::list;
use snap_archive::verbs::repair::RepairOptions;
use snap_archive::verbs::repair::repair;
use snap_archive::verbs::verify::VerifyOptions;
use snap_archive::verbs::verify::verify;
use std::sync::Arc;

/// EPERM, EINTR, ENOMEM, EACCES, EBUSY, ENFILE, EMFILE and ESTALE, as Linux has them.
const REFUSALS: [i32; 8] = [1, 4, 12, 13, 16, 23, 24, 116];

fn scene() -> Scene {
    let scene = Scene::new();
    for number in 0..3 {
        scene.home.file(format!("{number}"), format!("{number}").repeat(3000));
        scene.save_with(&|options| options).unwrap();
    }
    scene
}

#[test]
fn a_file_that_the_system_does_not_let_be_opened_is_not_called_damaged_and_stays() {
    let scene = scene();
    for (name, _) in files(&scene.store).iter().filter(|(name, _)| name != "lock") {
        for errno in REFUSALS {
            let shown = format!("{name}, {errno}");
            let inner: Arc<dyn Store> = Arc::new(in_memory(&scene.store));
            let before = files(&*inner);
            let store: Arc<dyn Store> = FaultyStore::refusing(inner.clone(), name, errno);
            let looked = Archive::open_store(store.clone())
                .and_then(|archive| verify(&archive, &VerifyOptions { data: true, threads: 1 }, &Recorder::new()));
            match looked {
                Ok(report) => assert_eq!(report.findings, [], "{shown}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::RefusedBySystem, "{shown}: {error}"),
            }
            let mended = Archive::open_store_for_repair(store.clone()).and_then(|(archive, wrong)| {
                repair(&archive, wrong.as_ref(), &RepairOptions { dry_run: false, threads: 1 }, &Recorder::new())
            });
            match mended {
                Ok(report) => assert_eq!(report.steps, [], "{shown}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::RefusedBySystem, "{shown}: {error}"),
            }
            for file in before.iter().filter(|(name, _)| name != "lock") {
                assert!(files(&*inner).contains(file), "{shown}: {} is not as it was", file.0);
            }
        }
    }
}

#[test]
fn an_index_file_that_may_not_be_opened_is_a_shortcut_that_is_missing() {
    let scene = scene();
    for (name, _) in files(&scene.store).iter().filter(|(name, _)| name.starts_with("index/")) {
        let store = FaultyStore::refusing(Arc::new(in_memory(&scene.store)), name, 13);
        let archive = Archive::open_store(store).unwrap();
        let numbers: Vec<_> = list(&archive, &Recorder::new()).unwrap().iter().map(|one| one.number).collect();
        assert_eq!(numbers, [1, 2, 3], "{name}");
        assert_restores(&archive, 3, &scene.path("sources"));
    }
}

#[test]
fn a_bad_place_in_an_index_file_costs_neither_a_snapshot_nor_the_next_one() {
    let scene = scene();
    for (name, bytes) in files(&scene.store).iter().filter(|(name, _)| name.starts_with("index/")) {
        for at in [0, bytes.len() as u64 / 2, bytes.len() as u64 - 1] {
            let store = FaultyStore::unreadable(Arc::new(in_memory(&scene.store)), name, at..at + 1);
            let archive = Archive::open_store(store).unwrap();
            let numbers: Vec<_> = list(&archive, &Recorder::new()).unwrap().iter().map(|one| one.number).collect();
            assert_eq!(numbers, [1, 2, 3], "{name}, {at}");
            assert_restores(&archive, 3, &scene.path("sources"));
            create(&archive, &options(scene.home.root()), &Recorder::new()).unwrap();
        }
    }
}

#[test]
fn a_bad_place_in_the_description_is_damage_that_can_be_repaired() {
    let scene = scene();
    let inner: Arc<dyn Store> = Arc::new(in_memory(&scene.store));
    let store: Arc<dyn Store> = FaultyStore::unreadable(inner.clone(), "archive.toml", 0..1);
    let id = Archive::open_store(inner).unwrap().id();
    assert_eq!(Archive::open_store(store.clone()).map(|_| ()).unwrap_err().kind(), ErrorKind::Damaged);
    let (archive, wrong) = Archive::open_store_for_repair(store).unwrap();
    assert_eq!((archive.id(), wrong.is_some()), (id, true));
}
