//! Some MiB that are kept free for the day on which the drive is full: without them nothing could be forgotten or pruned then.

use crate::archive::open::Archive;
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

/// Makes it, if the drive is filling and it is not there. Where that fails there is none: nothing else depends on it.
pub fn keep(archive: &Archive) {
    let free = archive.store().space().free_bytes;
    if free.is_some_and(|free| (ENOUGH_BYTES..SCARCE_BYTES).contains(&free)) && archive.store().open(RESERVE).is_err() {
        let _ = make(archive);
    }
}

/// Gives it up, if the drive has hardly anything left; whether it was there.
///
/// # Errors
/// When it cannot be removed.
pub fn give_up(archive: &Archive) -> Result<bool> {
    let is_scarce = archive.store().space().free_bytes.is_some_and(|free| free < ENOUGH_BYTES);
    if !is_scarce || archive.store().open(RESERVE).is_err() {
        return Ok(false);
    }
    archive.store().remove(RESERVE).map(|()| true)
}

/// Bytes that no file system makes smaller.
fn make(archive: &Archive) -> Result<()> {
    let mut upload = archive.store().create(RESERVE)?;
    let mut block = Hash::of(RESERVE.as_bytes());
    let mut bytes = Vec::with_capacity(1 << 20);
    while bytes.len() < 1 << 20 {
        bytes.extend_from_slice(&block.0);
        block = Hash::of(&block.0);
    }
    for _ in 0..RESERVE_BYTES >> 20 {
        let written = upload.write_all(&bytes);
        written.map_err(|error| Error::io(format!("cannot write {RESERVE}"), error))?;
        // Each MiB another one, where equal blocks are kept once.
        bytes.iter_mut().step_by(97).for_each(|byte| *byte = byte.wrapping_add(1));
    }
    upload.publish(RESERVE).map(drop)
}
