//! Contents out of the bundles: the frames decompressed last are kept, so that each is decompressed about once.

use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::format::bundle::Bundle;
use crate::format::frames::Decompressor;
use crate::format::frames::FrameAt;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;

/// The most bytes of decompressed frames that are kept.
const KEPT_BYTES_MAX: u64 = 64 << 20;

/// The most bundles that are kept open.
const OPEN_MAX: usize = 64;

/// A frame that one thread decompresses and others may wait for; `None` when it is damaged.
type Slot = Arc<OnceLock<Option<Vec<u8>>>>;

/// Reads contents, from several threads at once.
pub(super) struct Contents<'a> {
    archive: &'a Archive,
    catalog: &'a Catalog<'a>,
    /// The one used last at the end.
    open: Mutex<VecDeque<(BundleId, Arc<Bundle>)>>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The one used last at the end.
    slots: VecDeque<((BundleId, usize), u32, Slot)>,
    bytes: u64,
}

impl<'a> Contents<'a> {
    pub fn new(catalog: &'a Catalog<'a>) -> Contents<'a> {
        Contents { archive: catalog.archive(), catalog, open: Mutex::default(), kept: Mutex::default() }
    }

    /// A bundle, opened.
    pub fn bundle(&self, id: BundleId) -> Result<Arc<Bundle>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.iter().position(|(known, _)| *known == id).and_then(|at| open.remove(at)) {
            let bundle = known.1.clone();
            open.push_back(known);
            return Ok(bundle);
        }
        let bundle = self.catalog.bundle(id)?;
        if open.len() >= OPEN_MAX {
            open.pop_front();
        }
        open.push_back((id, bundle.clone()));
        Ok(bundle)
    }

    /// Appends the `length` bytes at `offset` of a bundle's tar to `out`; zeros for what cannot be read.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when some of it cannot be read: `out` is as long as it should be
    /// all the same; otherwise when nothing of the archive can be read any more.
    pub fn append(
        &self,
        id: BundleId,
        offset: u64,
        length: u64,
        decompressor: &mut Decompressor,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let end = out.len() + length as usize;
        let result = self.append_frames(id, offset, length, decompressor, out);
        out.resize(end, 0);
        match result {
            // One bundle that cannot be read is a problem; a drive that is gone is the end.
            Err(error) if !error.is_damage() => {
                let listed = self.archive.store().list("");
                listed.map_err(|error| {
                    let error = error.while_doing("the archive cannot be read any more");
                    if error.kind() == ErrorKind::RefusedBySystem {
                        return error;
                    }
                    error.with_advice(Advice::PlugInAndExportAgain)
                })?;
                Err(Error::damaged(error.to_string()))
            }
            result => result,
        }
    }

    fn append_frames(
        &self,
        id: BundleId,
        offset: u64,
        length: u64,
        decompressor: &mut Decompressor,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let bundle = self.bundle(id)?;
        let (mut at, end, mut wrong) = (offset, offset.saturating_add(length), None);
        let damaged = || Error::damaged(format!("a frame of bundle {} is damaged", bundle.name()));
        while at < end {
            let frame = bundle.table().frame_at(at).ok_or_else(damaged)?;
            let until = end.min(frame.raw_end());
            let slot = self.slot(id, &frame);
            let mut unread = None;
            let mut read = || bundle.frame(&frame, decompressor).map_err(|error| unread = Some(error)).ok();
            let raw = slot.get_or_init(&mut read);
            let range = (at - frame.raw_offset) as usize..(until - frame.raw_offset) as usize;
            if let Some(bytes) = raw.as_ref().and_then(|raw| raw.get(range)) {
                out.extend_from_slice(bytes);
            } else {
                let why = unread.filter(|error| !error.is_damage());
                wrong = wrong.or(Some(why.unwrap_or_else(damaged)));
                out.resize(out.len() + (until - at) as usize, 0);
            }
            at = until;
        }
        wrong.map_or(Ok(()), Err)
    }

    fn slot(&self, id: BundleId, frame: &FrameAt) -> Slot {
        let key = (id, frame.number);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.slots.iter().rposition(|(known, _, _)| *known == key).and_then(|at| kept.slots.remove(at));
        if let Some(known) = known {
            let slot = known.2.clone();
            kept.slots.push_back(known);
            return slot;
        }
        let slot = Slot::default();
        kept.slots.push_back((key, frame.raw_bytes, slot.clone()));
        kept.bytes += u64::from(frame.raw_bytes);
        while kept.bytes > KEPT_BYTES_MAX {
            let Some((_, raw_bytes, _)) = kept.slots.pop_front() else { break };
            kept.bytes -= u64::from(raw_bytes);
        }
        slot
    }
}
