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
    let mut context = DCtx::try_create().ok_or_else(no_memory)?;
    context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(not_applied)?;
    if !base.is_empty() {
        context.ref_prefix(base).map_err(not_applied)?;
    }
    let mut raw = Vec::with_capacity(raw_bytes);
    context.decompress(&mut raw, stored).map_err(not_applied)?;
    whole(raw, raw_bytes)
}

/// What a dictionary begins with that zstd made: such a base would be taken for one.
const DICTIONARY_MAGIC: [u8; 4] = 0xec30_a437_u32.to_le_bytes();

/// As [`decompress_patch`], for who does it often: keeps its memory.
#[derive(Default)]
pub struct PatchDecompressor(Option<DCtx<'static>>);

impl PatchDecompressor {
    /// As [`decompress_patch`].
    ///
    /// # Errors
    /// As for [`decompress_patch`].
    pub fn decompress(&mut self, stored: &[u8], base: &[u8], raw_bytes: usize) -> Result<Vec<u8>> {
        if base.starts_with(&DICTIONARY_MAGIC) {
            return decompress_patch(stored, base, raw_bytes);
        }
        let context = match &mut self.0 {
            Some(context) => context,
            empty => empty.insert(DCtx::try_create().ok_or_else(no_memory)?),
        };
        let mut raw = Vec::with_capacity(raw_bytes);
        context.decompress_using_dict(&mut raw, stored, base).map_err(not_applied)?;
        whole(raw, raw_bytes)
    }
}

fn not_applied(code: usize) -> Error {
    Error::damaged(format!("a patch cannot be applied ({})", get_error_name(code)))
}

fn whole(raw: Vec<u8>, raw_bytes: usize) -> Result<Vec<u8>> {
    if raw.len() == raw_bytes { Ok(raw) } else { Err(Error::damaged("a patch gives another number of bytes")) }
}

fn window_log(bytes: usize) -> u32 {
    bytes.next_power_of_two().ilog2().clamp(WINDOW_LOG_MIN, WINDOW_LOG)
}

fn no_memory() -> Error {
    Error::io("cannot set up compression", std::io::Error::from(std::io::ErrorKind::OutOfMemory))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn patches_are_applied_again_and_again_whatever_the_base_begins_with() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|at| (at.wrapping_mul(at) >> 3).to_le_bytes()).collect();
        let mut like_dictionary = text.clone();
        like_dictionary[..4].copy_from_slice(&DICTIONARY_MAGIC);
        let mut decompressor = PatchDecompressor::default();
        for base in [&text[..], &[], &like_dictionary, b"short", &text[500..]] {
            let mut new = text.clone();
            new[70_000..70_010].fill(0);
            let stored = compress_patch(&new, base, 3).unwrap();
            assert_eq!(decompressor.decompress(&stored, base, new.len()).unwrap(), new);
            assert_eq!(decompress_patch(&stored, base, new.len()).unwrap(), new);
            assert!(decompressor.decompress(&stored, base, new.len() + 1).is_err());
            assert!(decompressor.decompress(&stored[..stored.len() - 5], base, new.len()).is_err());
            if base.len() > 1000 {
                assert!(decompressor.decompress(&stored, &base[..base.len() - 1], new.len()).is_err());
            }
        }
    }
}
