//! A handle to the contents of an archive: which bundles are open, which frames were decoded last, and whether the archive is
//! still there. One cache of each for all that read contents; what reads one bundle by itself keeps its own frames (`bundle_tar.rs`).

use super::frame::ContentCheck;
use super::frame::FrameCache;
use super::pieces::PatchData;
use super::pieces::PieceCache;
use super::place::ContentRequest;
use crate::archive::catalog::Catalog;
use crate::archive::catalog::missing;
use crate::archive::exchange;
use crate::base::advice::Advice;
use crate::base::concurrency::Lock;
use crate::base::entry::Entry;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::format::bundle::Bundle;
use crate::system::store::Store;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// The most bytes of decompressed frames that are kept.
const KEPT_BYTES_MAX: u64 = 32 << 20;

/// The most bundles that are kept open.
const OPEN_MAX: usize = 64;

/// A handle to the contents of an archive. Cheap to clone; what was opened and decompressed is shared.
#[derive(Clone)]
pub struct Contents(pub(super) Arc<Shared>);

pub(super) struct Shared {
    store: Arc<dyn Store>,
    /// The bundles, with their lengths where those are known.
    names: BTreeMap<BundleId, (BundleName, Option<u64>)>,
    /// What to do when the archive is gone.
    advice: Advice,
    /// The one used last at the end.
    pub(super) open: Lock<VecDeque<(BundleId, Arc<Bundle>)>>,
    pub(super) frames: FrameCache,
    pub(super) pieces: PieceCache,
    pub(super) patch_data: PatchData,
}

impl Contents {
    /// The contents in the bundles that `catalog` lists. `advice` says what to do when the archive is gone half-way.
    pub fn new(catalog: &Catalog, check: ContentCheck, advice: Advice) -> Contents {
        Contents::keeping(catalog, KEPT_BYTES_MAX, check, advice)
    }

    /// As [`Contents::new`]; of decompressed frames at most `kept_bytes_max` bytes are kept.
    pub fn keeping(catalog: &Catalog, kept_bytes_max: u64, check: ContentCheck, advice: Advice) -> Contents {
        let names = catalog.bundles().map(|file| (file.id(), (file.name.clone(), Some(file.bytes)))).collect();
        let kept = FrameCache::new(kept_bytes_max, check);
        Contents::of_names(catalog.archive().store().clone(), names, kept, advice)
    }

    /// The contents in these bundles of a store.
    pub fn of_bundles<'n>(
        store: Arc<dyn Store>,
        names: impl IntoIterator<Item = &'n BundleName>,
        check: ContentCheck,
        advice: Advice,
    ) -> Contents {
        let names = names.into_iter().map(|name| (name.id, (name.clone(), None))).collect();
        Contents::of_names(store, names, FrameCache::new(KEPT_BYTES_MAX, check), advice)
    }

    fn of_names(
        store: Arc<dyn Store>,
        names: BTreeMap<BundleId, (BundleName, Option<u64>)>,
        frames: FrameCache,
        advice: Advice,
    ) -> Contents {
        let (open, pieces, patch_data) = (Lock::default(), PieceCache::default(), PatchData::default());
        Contents(Arc::new(Shared { store, names, advice, open, frames, pieces, patch_data }))
    }

    /// How many bytes of its bundle a content takes that stands there whole, about: its share of its frames.
    ///
    /// # Errors
    /// When the bundle cannot be read.
    pub fn stored_bytes(&self, entry: &Entry) -> Result<u64> {
        let wanted = ContentRequest::of(entry)?;
        let bundle = self.bundle(wanted.bundle())?;
        let (mut at, end, mut sum) = (wanted.in_tar(0), wanted.in_tar(wanted.stored_bytes()), 0);
        while at < end
            && let Some(frame) = bundle.frame_at(at)
        {
            let share = frame.raw_end().min(end) - at;
            sum += u64::from(frame.stored_bytes) * share / u64::from(frame.raw_bytes.max(1));
            at = frame.raw_end();
        }
        Ok(sum)
    }

    /// How many bytes of frames were read for who reads from any place, and in what time.
    pub fn reading(&self) -> (u64, Duration) {
        self.0.frames.reading()
    }

    /// A bundle, opened.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::base::error::ErrorKind::NotFound) when it is missing;
    /// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when no frame is found in it, or it is another one than when
    /// the catalog was made; otherwise when it cannot be
    /// read.
    pub fn bundle(&self, id: BundleId) -> Result<Arc<Bundle>> {
        {
            let mut open = self.0.open.lock();
            if let Some(known) = open.iter().rposition(|(known, _)| *known == id).and_then(|at| open.remove(at)) {
                let bundle = known.1.clone();
                open.push_back(known);
                return Ok(bundle);
            }
        }
        let (name, length) = self.0.names.get(&id).ok_or_else(|| missing(id))?;
        let blob = exchange::open(&*self.0.store, name)?;
        if length.is_some_and(|length| length != blob.length()) {
            return Err(exchange::written_anew(name));
        }
        let bundle = Arc::new(Bundle::open_for_contents(name, blob)?);
        let mut open = self.0.open.lock();
        if open.len() >= OPEN_MAX {
            open.pop_front();
        }
        open.push_back((id, bundle.clone()));
        Ok(bundle)
    }

    /// What an error means for the content that was read: the reason why that cannot be had.
    ///
    /// # Errors
    /// When the archive as a whole cannot be read any more: the drive is gone.
    pub fn lost_or_gone(&self, error: &Error) -> Result<Error> {
        if !error.is_damage() {
            let listed = self.0.store.list("");
            listed.map_err(|gone| {
                let gone = gone.while_doing("the archive cannot be read any more");
                // What the system refuses has nothing to do with the drive.
                let is_refused = gone.kind() == ErrorKind::RefusedBySystem;
                if is_refused { gone } else { gone.with_advice(self.0.advice.clone()) }
            })?;
        }
        Ok(Error::damaged(error.to_string()))
    }
}
