//! How a line says that a content is made from an older one.

use super::limited::at_most;
use crate::base::entry::Content;
use crate::base::entry::PATCH_PIECES_MAX;
use crate::base::entry::Patch;
use crate::base::entry::PatchNumbers;
use crate::base::id::Hash;
use serde::Deserialize;
use serde::Serialize;

/// How a content is made from an older one.
#[derive(Serialize, Deserialize)]
pub(super) struct PatchLine {
    base: String,
    base_size: u64,
    whole: u64,
    #[serde(deserialize_with = "at_most::<PATCH_PIECES_MAX, _, _>")]
    pieces: Vec<PatchNumbers>,
}

impl PatchLine {
    pub(super) fn of(patch: &Patch) -> PatchLine {
        let (base, base_size, whole) = (patch.base.hash.to_string(), patch.base_size, patch.whole_bytes);
        PatchLine { base, base_size, whole, pieces: patch.pieces.iter().map(|piece| (*piece).into()).collect() }
    }

    /// The patch, if it can make a content of `size` bytes. Of its older content only the hash is known.
    pub(super) fn sound(&self, size: u64) -> Option<Patch> {
        let patch = Patch {
            pieces: self.pieces.iter().map(|piece| (*piece).into()).collect(),
            whole_bytes: self.whole,
            base_size: self.base_size,
            base: Content { hash: Hash::from_hex(&self.base)?, ..Content::default() },
        };
        patch.is_sound(size).then_some(patch)
    }
}
