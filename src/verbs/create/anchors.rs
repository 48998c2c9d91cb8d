//! Finds where bytes stood in an older content. Places are sampled by a hash of the bytes before them, so that the same
//! bytes are found wherever they moved.

use std::collections::HashMap;

/// At least: one place in 2 to the power of this many bytes is sampled.
const BITS_MIN: u32 = 15;

/// The most places that are kept of one content, about.
const ANCHORS_MAX: u64 = 256 << 10;

/// The least distance of two places: otherwise every byte of a long run of one byte would be a place.
const APART: u64 = 1 << 10;

/// Of bytes that occur often, this many places before and after the same offset are tried. Repeated text stands in many
/// places; which one it is shows only when many neighbours agree.
const ALIKE_MAX: usize = 128;

/// The most places that are tried for one piece.
const TRIED_MAX: usize = 1 << 17;

const GEAR: [u64; 256] = gear();

/// Numbers without a pattern (splitmix64).
const fn gear() -> [u64; 256] {
    let (mut table, mut state, mut at) = ([0; 256], 0_u64, 0);
    while at < 256 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        table[at] = bits ^ (bits >> 31);
        at += 1;
    }
    table
}

/// Samples a content from front to back.
struct Sampler {
    bits: u32,
    hash: u64,
    at: u64,
    last: Option<u64>,
}

impl Sampler {
    fn new(bits: u32, at: u64) -> Sampler {
        Sampler { bits, hash: 0, at, last: None }
    }

    fn feed(&mut self, bytes: &[u8], mut found: impl FnMut(u64, u64)) {
        for byte in bytes {
            self.hash = (self.hash << 1).wrapping_add(GEAR[usize::from(*byte)]);
            self.at += 1;
            let is_apart = || self.last.is_none_or(|last| self.at - last >= APART);
            if self.hash >> (64 - self.bits) == 0 && is_apart() {
                self.last = Some(self.at);
                found(self.hash, self.at);
            }
        }
    }
}

/// The sampled places of one content.
pub struct Anchors {
    bits: u32,
    /// Ascending.
    places: Vec<Place>,
}

/// The hash of the bytes before a sampled place, and the place.
pub type Place = (u64, u64);

/// How many bits decide whether a place of a content of `size` bytes is sampled.
fn bits_of(size: u64) -> u32 {
    let bits = (size / ANCHORS_MAX).checked_ilog2().map_or(0, |bits| bits + 1);
    bits.max(BITS_MIN)
}

/// Adds the sampled places in `bytes`, which stand at `offset` of a content of `size` bytes. Those in the first 64
/// bytes may match nothing elsewhere, since the hash there lacks the bytes before.
pub fn sample(size: u64, offset: u64, bytes: &[u8], places: &mut Vec<Place>) {
    Sampler::new(bits_of(size), offset).feed(bytes, |hash, at| places.push((hash, at)));
}

impl Anchors {
    /// The places of a content of `size` bytes.
    pub fn new(size: u64, mut places: Vec<Place>) -> Anchors {
        places.sort_unstable();
        Anchors { bits: bits_of(size), places }
    }

    /// By how much most of `bytes`, which stand at `offset` of another content, stand further back in this one. `None`
    /// if none of them are found.
    pub fn shift_of(&self, bytes: &[u8], offset: u64) -> Option<i64> {
        let mut votes: HashMap<i64, u64> = HashMap::new();
        let mut left = TRIED_MAX;
        Sampler::new(self.bits, offset).feed(bytes, |hash, at| {
            for (_, place) in self.alike(hash, at).iter().take(left) {
                left -= 1;
                *votes.entry(place.wrapping_sub(at) as i64).or_default() += 1;
            }
        });
        let best =
            votes.into_iter().max_by_key(|(shift, count)| (*count, std::cmp::Reverse((shift.unsigned_abs(), *shift))));
        best.map(|(shift, _)| shift)
    }

    /// The places with the same bytes before them that are nearest to `at`.
    fn alike(&self, hash: u64, at: u64) -> &[Place] {
        let middle = self.places.partition_point(|known| *known < (hash, at));
        let is_alike = |known: &&Place| known.0 == hash;
        let before = self.places[..middle].iter().rev().take(ALIKE_MAX).take_while(is_alike).count();
        let behind = self.places[middle..].iter().take(ALIKE_MAX).take_while(is_alike).count();
        &self.places[middle - before..middle + behind]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::noise::noise;

    #[test]
    fn bytes_are_found_wherever_they_moved() {
        let old = noise(3 << 20, 7);
        let (size, mut places) = (old.len() as u64, Vec::new());
        old.chunks(1 << 20).zip(0..).for_each(|(piece, number)| sample(size, number << 20, piece, &mut places));
        let anchors = Anchors::new(size, places);
        let new = [&noise(500, 7)[..], &old[..1 << 20], &old[(1 << 20) + 333..]].concat();
        assert_eq!(anchors.shift_of(&new[..1 << 20], 0), Some(-500));
        assert_eq!(anchors.shift_of(&new[2 << 20..], 2 << 20), Some(-167));
        assert_eq!(anchors.shift_of(&vec![0; 1 << 20], 0), None);
    }

    #[test]
    fn bytes_of_texts_that_come_again_and_again_are_found_where_they_stand_in_the_same_order() {
        let texts = noise(20 * 40_000, 7);
        let order = noise(400, 7);
        let text = |number: &u8| &texts[usize::from(*number % 20) * 40_000..][..40_000];
        let old: Vec<u8> = order.iter().flat_map(text).copied().collect();
        let (size, mut places) = (old.len() as u64, Vec::new());
        sample(size, 0, &old, &mut places);
        let anchors = Anchors::new(size, places);
        let new = [&old[..100_000], &old[170_000..]].concat();
        for at in [1 << 20, 4 << 20, 8 << 20] {
            assert_eq!(anchors.shift_of(&new[at..at + (2 << 20)], at as u64), Some(70_000), "{at}");
        }
    }
}
