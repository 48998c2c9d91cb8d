//! Any bytes as `archive.toml`: what is understood is written as a description of the same archive.

use snap_archive::archive::open::Archive;
use snap_archive::base::time::Time;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use std::sync::Arc;

pub fn check(bytes: &[u8]) {
    let store = MemoryStore::new();
    store.replace("archive.toml", bytes).unwrap();
    let Ok(archive) = Archive::open_store(Arc::new(store)) else { return };
    let again = MemoryStore::new();
    Archive::init_store(Arc::new(again.clone()), archive.id(), Time::default()).unwrap();
    assert_eq!(Archive::open_store(Arc::new(again)).unwrap().id(), archive.id());
}
