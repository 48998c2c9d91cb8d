//! Frames that are made from older bytes beside their own, as `zstd --patch-from` makes and reads them.

use super::compress::not_what_went_in;
use crate::base::error::Error;
use crate::base::error::Result;
use zstd::zstd_safe::CCtx;
use zstd::zstd_safe::CParameter;
use zstd::zstd_safe::DCtx;
use zstd::zstd_safe::DParameter;
use zstd::zstd_safe::compress_bound;
use zstd::zstd_safe::get_error_name;

/// The logarithms of how far back a piece may refer, at least and at most: over all of it and of what it is made from.
const WINDOW_LOG_MIN: u32 = 10;
const WINDOW_LOG: u32 = 25;

/// Below this level zstd finds little in older bytes.
const LEVEL_MIN: i32 = 3;

/// A frame that gives `raw` to who has `base`. It is read back before it counts.
///
/// # Errors
/// When there is no memory for it; [`crate::base::error::ErrorKind::Damaged`] when it does not give back what went in.
pub fn compress_patch(raw: &[u8], base: &[u8], level: i32) -> Result<Vec<u8>> {
    let failed = |code| Error::io("cannot compress", std::io::Error::other(get_error_name(code)));
    let mut context = CCtx::try_create().ok_or_else(no_memory)?;
    let parameters = [
        CParameter::CompressionLevel(level.max(LEVEL_MIN)),
        // For few bytes small tables are made ready.
        CParameter::WindowLog(window_log(raw.len() + base.len())),
        // Without it what is far away is not found, and patches are useless without a word.
        CParameter::EnableLongDistanceMatching(true),
        CParameter::ChecksumFlag(true),
    ];
    for parameter in parameters {
        context.set_parameter(parameter).map_err(failed)?;
    }
    if !base.is_empty() {
        context.ref_prefix(base).map_err(failed)?;
    }
    let mut stored = Vec::with_capacity(compress_bound(raw.len()));
    context.compress2(&mut stored, raw).map_err(failed)?;
    drop(context);
    match decompress_patch(&stored, base, raw.len()) {
        Ok(again) if again == raw => Ok(stored),
        _ => Err(not_what_went_in()),
    }
}

/// The `raw_bytes` bytes that a frame gives to who has `base`.
///
/// # Errors
/// [`crate::base::error::ErrorKind::Damaged`] when it does not, or its checksum says that they are others.
pub fn decompress_patch(stored: &[u8], base: &[u8], raw_bytes: usize) -> Result<Vec<u8>> {
    let failed = |code| Error::damaged(format!("a patch cannot be applied ({})", get_error_name(code)));
    let mut context = DCtx::try_create().ok_or_else(no_memory)?;
    context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(failed)?;
    if !base.is_empty() {
        context.ref_prefix(base).map_err(failed)?;
    }
    let mut raw = Vec::with_capacity(raw_bytes);
    context.decompress(&mut raw, stored).map_err(failed)?;
    if raw.len() == raw_bytes { Ok(raw) } else { Err(Error::damaged("a patch gives another number of bytes")) }
}

fn window_log(bytes: usize) -> u32 {
    bytes.next_power_of_two().ilog2().clamp(WINDOW_LOG_MIN, WINDOW_LOG)
}

fn no_memory() -> Error {
    Error::io("cannot set up compression", std::io::Error::from(std::io::ErrorKind::OutOfMemory))
}
