//! Pieces of contents that were made from older ones, and the data of patches, kept for whoever asks next.

use crate::base::concurrency::Lock;
use crate::base::id::BundleId;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

/// The most bytes of pieces that are kept.
const PIECES_BYTES_MAX: usize = 4 << 20;

/// The most bytes of data of patches that are kept.
const DATA_BYTES_MAX: usize = 4 << 20;

/// What a kept piece takes beside its bytes, about.
const KEPT_BYTES_EACH: usize = 256;

/// Where something stands: a bundle, and an offset in its tar.
pub type TarPlace = (BundleId, u64);

/// Bytes by their place; those that were used longest ago go.
struct Kept {
    bytes_max: usize,
    bytes: usize,
    /// How often something was asked for or kept until now.
    clock: u64,
    by_place: HashMap<TarPlace, (u64, Arc<Vec<u8>>)>,
    /// When each was used last.
    by_use: BTreeMap<u64, TarPlace>,
}

impl Kept {
    fn new(bytes_max: usize) -> Kept {
        Kept { bytes_max, bytes: 0, clock: 0, by_place: HashMap::new(), by_use: BTreeMap::new() }
    }

    fn get(&mut self, place: TarPlace) -> Option<Arc<Vec<u8>>> {
        let (used, bytes) = self.by_place.get_mut(&place)?;
        self.clock += 1;
        self.by_use.remove(used);
        self.by_use.insert(self.clock, place);
        *used = self.clock;
        Some(bytes.clone())
    }

    fn put(&mut self, place: TarPlace, bytes: Arc<Vec<u8>>) {
        self.remove(place);
        self.clock += 1;
        self.bytes += bytes.len() + KEPT_BYTES_EACH;
        self.by_use.insert(self.clock, place);
        self.by_place.insert(place, (self.clock, bytes));
        while self.bytes > self.bytes_max && self.by_use.len() > 1 {
            let Some(first) = self.by_use.first_key_value().map(|(_, place)| *place) else { break };
            self.remove(first);
        }
    }

    fn remove(&mut self, place: TarPlace) {
        if let Some((used, bytes)) = self.by_place.remove(&place) {
            self.by_use.remove(&used);
            self.bytes -= bytes.len() + KEPT_BYTES_EACH;
        }
    }
}

/// The pieces that were made last. Without them each piece would be made anew for every piece that is made from it, and all
/// below it for each of those.
pub struct PieceCache(Lock<Kept>);

impl Default for PieceCache {
    fn default() -> PieceCache {
        PieceCache(Lock::new(Kept::new(PIECES_BYTES_MAX)))
    }
}

impl PieceCache {
    /// A piece, if it is there.
    pub fn get(&self, place: TarPlace) -> Option<Arc<Vec<u8>>> {
        self.0.lock().get(place)
    }

    /// Keeps a piece.
    pub fn put(&self, place: TarPlace, piece: Arc<Vec<u8>>) {
        self.0.lock().put(place, piece);
    }
}

/// The data of patches that were read last, by where each bundle was read: who goes through a content that is made from many
/// older ones needs a little of the data of each of their patches in turn.
pub struct PatchData {
    /// What is kept, and where what was read of each bundle begins: with the end of that.
    kept: Lock<(Kept, BTreeMap<TarPlace, u64>)>,
}

impl Default for PatchData {
    fn default() -> PatchData {
        PatchData { kept: Lock::new((Kept::new(DATA_BYTES_MAX), BTreeMap::new())) }
    }
}

impl PatchData {
    /// Copies what stands at `at` of a bundle's tar into `out`, if all of it is there.
    pub fn get(&self, bundle: BundleId, at: u64, out: &mut [u8]) -> bool {
        let mut kept = self.kept.lock();
        let (kept, begins) = &mut *kept;
        let Some((place, end)) = begins.range(..=(bundle, at)).next_back().map(|(place, end)| (*place, *end)) else {
            return false;
        };
        if place.0 != bundle || end < at.saturating_add(out.len() as u64) {
            return false;
        }
        let Some(bytes) = kept.get(place) else {
            begins.remove(&place);
            return false;
        };
        let start = (at - place.1) as usize;
        out.copy_from_slice(&bytes[start..start + out.len()]);
        true
    }

    /// Keeps what stands at `at` of a bundle's tar.
    pub fn put(&self, bundle: BundleId, at: u64, bytes: Vec<u8>) {
        let mut kept = self.kept.lock();
        let (kept, begins) = &mut *kept;
        begins.insert((bundle, at), at + bytes.len() as u64);
        kept.put((bundle, at), Arc::new(bytes));
        begins.retain(|place, _| kept.by_place.contains_key(place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_stays() {
        let mut kept = Kept::new(3 * (1000 + KEPT_BYTES_EACH));
        let at = |offset| (BundleId::new(1, 1), offset);
        for offset in 0..3 {
            kept.put(at(offset), Arc::new(vec![offset as u8; 1000]));
        }
        assert!(kept.get(at(0)).is_some_and(|bytes| bytes[0] == 0));
        kept.put(at(3), Arc::new(vec![3; 1000]));
        kept.put(at(3), Arc::new(vec![4; 1000]));
        let there = [0, 1, 2, 3].map(|offset| kept.get(at(offset)).is_some());
        assert_eq!(there, [true, false, true, true]);
        assert_eq!(kept.bytes, 3 * (1000 + KEPT_BYTES_EACH));
        assert!(kept.get(at(3)).is_some_and(|bytes| bytes[0] == 4));
    }

    #[test]
    fn data_is_found_inside_what_was_read_and_only_if_all_of_it_is_there() {
        let (data, bundle) = (PatchData::default(), BundleId::new(2, 1));
        data.put(bundle, 100, (0..50).collect());
        let mut out = [0; 10];
        assert!(data.get(bundle, 120, &mut out) && out[..2] == [20, 21]);
        assert!(data.get(bundle, 140, &mut out));
        assert!(!data.get(bundle, 141, &mut out) && !data.get(bundle, 99, &mut out));
        assert!(!data.get(BundleId::new(3, 1), 120, &mut out));
        for offset in 1..=3 {
            data.put(bundle, offset << 30, vec![1; DATA_BYTES_MAX / 2]);
        }
        assert!(!data.get(bundle, 120, &mut out) && data.get(bundle, 3 << 30, &mut out));
        assert_eq!(data.kept.lock().1.len(), 1);
    }
}
