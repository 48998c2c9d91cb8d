//! Contents for a bundle that is repaired: from the old one if they are what they should be, otherwise from anywhere in the archive.

use crate::archive::content::BundleTar;
use crate::archive::rebundle::Sink;
use crate::archive::rebundle::Supply;
use crate::archive::spare::Spares;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Patch;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::format::bundle::Bundle;
use crate::format::layout::PIECE_BYTES;
use std::sync::Arc;

/// What is left of a bundle, and what stands elsewhere.
pub(super) struct Salvage<'a, 's> {
    /// The old bundle, as far as it can be read.
    old: Option<BundleTar>,
    spares: &'a mut Spares<'s>,
}

impl<'a, 's> Salvage<'a, 's> {
    pub(super) fn new(old: Option<Arc<Bundle>>, spares: &'a mut Spares<'s>) -> Salvage<'a, 's> {
        Salvage { old: old.map(BundleTar::new), spares }
    }
}

impl Supply for Salvage<'_, '_> {
    fn find(&mut self, content: &Content, size: u64) -> Result<Option<Content>> {
        // Without a bundle there are still files without content.
        let is_here = match &mut self.old {
            Some(old) if old.bundle().name().id == content.place.bundle => old.holds(content, size)?,
            _ => content.holes.data(0..size).next().is_none(),
        };
        if is_here { Ok(Some(content.clone())) } else { self.spares.find(content, size) }
    }

    fn read(&mut self, content: &Content, _size: u64, at: u64, out: &mut [u8]) -> Result<()> {
        let at = content.place.offset + at;
        match &mut self.old {
            Some(old) if old.bundle().name().id == content.place.bundle => old.read_salvaged_at(at, out),
            _ => self.spares.read_at(content.place.bundle, at, out),
        }
    }

    fn patch(&mut self, content: &Content, patch: &Arc<Patch>, older: Option<&Entry>) -> Result<Option<Arc<Patch>>> {
        let size = patch.pieces.iter().map(|piece| piece.bytes).sum();
        if older.is_some_and(Entry::is_lost) && self.spares.find(content, size)?.is_some() {
            return Ok(None);
        }
        match self.patch_data(content, &mut |_| Ok(())) {
            Err(error) if error.is_damage() => Ok(None),
            result => result.map(|()| Some(patch.clone())),
        }
    }

    fn patch_data(&mut self, content: &Content, sink: &mut Sink) -> Result<()> {
        let bytes = content.patch.as_deref().map_or(0, Patch::stored_bytes);
        let mut piece = vec![0; PIECE_BYTES.min(bytes) as usize];
        let mut at = 0;
        while at < bytes {
            piece.truncate((bytes - at) as usize);
            match &mut self.old {
                Some(old) if !content.place.is_lost() => {
                    old.read_at(content.place.offset.saturating_add(at), &mut piece)?;
                }
                _ => return Err(Error::damaged("the bundle is missing")),
            }
            sink(&piece)?;
            at += piece.len() as u64;
        }
        Ok(())
    }
}
