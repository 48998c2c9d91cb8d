//! Any bytes as `archive.toml`: what is understood is written as a description of the same archive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snap::archive::Archive;
use snap::store::MemoryStore;
use snap::store::Store;
use snap::time::Time;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let store = MemoryStore::new();
    store.replace("archive.toml", bytes).unwrap();
    let Ok(archive) = Archive::open_store(Arc::new(store)) else { return };
    let again = MemoryStore::new();
    Archive::init_store(Arc::new(again.clone()), archive.id(), Time::default()).unwrap();
    assert_eq!(Archive::open_store(Arc::new(again)).unwrap().id(), archive.id());
});
