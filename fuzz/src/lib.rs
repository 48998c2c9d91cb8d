//! What the fuzz targets share. Uses the library as any other program would.

pub mod bundles;
pub mod entries;
pub mod histories;
pub mod indexes;
pub mod parts;
#[path = "../../tests/support/stores.rs"]
pub mod stores;
pub mod targets;
pub mod trees;
#[cfg(test)]
mod tries;

/// A program for libFuzzer that gives its inputs to the target of this name. Without `--cfg fuzzing`, which cargo-fuzz sets, a
/// program that does nothing.
#[macro_export]
macro_rules! run {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|input: &[u8]| $crate::targets::$name::check(input));

        #[cfg(not(fuzzing))]
        fn main() {}
    };
}

use snap_archive::system::store::Blob;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;

/// These bytes as a published file.
pub fn blob(bytes: &[u8]) -> Box<dyn Blob> {
    let store = MemoryStore::new();
    store.replace("file", bytes).unwrap();
    store.open("file").unwrap()
}
