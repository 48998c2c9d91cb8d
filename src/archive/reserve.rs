//! Some MiB that are kept free for the day on which the drive is full: without them nothing could be forgotten or pruned then.

use crate::archive::open::Archive;
use crate::archive::open::INDEX;
use crate::archive::open::RESERVE;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::Hash;
use std::io::Write;

/// How large it is.
pub const RESERVE_BYTES: u64 = 4 << 20;

/// It is made when the drive has less than this left …
const SCARCE_BYTES: u64 = 4 << 30;

/// … and more than this.
const ENOUGH_BYTES: u64 = 16 << 20;

/// A smaller one than this is of no use.
const LEAST_BYTES: u64 = 256 << 10;

/// With less than this left not even a small file can be relied on.
const NOTHING_BYTES: u64 = 64 << 10;

/// Makes it, if the drive is filling and it is not there. Where that fails there is none: nothing else depends on it.
pub fn keep(archive: &Archive) {
    let free = archive.store().space().free_bytes;
    if free.is_some_and(|free| (ENOUGH_BYTES..SCARCE_BYTES).contains(&free)) && archive.store().open(RESERVE).is_err() {
        let _ = make(archive, RESERVE_BYTES);
    }
}

/// As [`keep`], when nothing else is to be written now: where little is left, a smaller one of a quarter of it.
pub fn keep_some(archive: &Archive) {
    keep(archive);
    let free = archive.store().space().free_bytes.filter(|free| *free < ENOUGH_BYTES);
    let part = free.map_or(0, |free| free / 4);
    if part >= LEAST_BYTES && archive.store().open(RESERVE).is_err() {
        let _ = make(archive, part.min(RESERVE_BYTES));
    }
}

/// Gives it up, if the drive has hardly anything left. Where there is none and nothing is left at all, the index files go: they can
/// be made again.
///
/// # Errors
/// When something cannot be removed.
pub fn give_up(archive: &Archive) -> Result<()> {
    let store = archive.store();
    let Some(free) = store.space().free_bytes.filter(|free| *free < ENOUGH_BYTES) else { return Ok(()) };
    if store.open(RESERVE).is_ok() {
        return store.remove(RESERVE);
    }
    if free < NOTHING_BYTES {
        for (name, _) in store.list(INDEX)? {
            store.remove(&format!("{INDEX}/{name}"))?;
        }
    }
    Ok(())
}

/// How large it is; 0 where there is none.
pub fn bytes(archive: &Archive) -> u64 {
    archive.store().open(RESERVE).map_or(0, |blob| blob.length())
}

/// So many bytes that no file system makes smaller.
fn make(archive: &Archive, length: u64) -> Result<()> {
    let mut upload = archive.store().create(RESERVE)?;
    let mut block = Hash::of(RESERVE.as_bytes());
    let mut bytes = Vec::with_capacity(1 << 20);
    while bytes.len() < 1 << 20 {
        bytes.extend_from_slice(&block.0);
        block = Hash::of(&block.0);
    }
    let mut left = length as usize;
    while left > 0 {
        let block = &bytes[..left.min(bytes.len())];
        left -= block.len();
        let written = upload.write_all(block);
        written.map_err(|error| Error::io(format!("cannot write {RESERVE}"), error))?;
        // Each MiB another one, where equal blocks are kept once.
        bytes.iter_mut().step_by(97).for_each(|byte| *byte = byte.wrapping_add(1));
    }
    upload.publish(RESERVE).map(drop)
}
