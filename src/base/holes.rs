//! The holes of a file: runs of zero bytes that take no space. All arithmetic with them stands here.

use crate::base::id::Hash;
use crate::base::id::Hasher;
use std::ops::Range;

/// The most holes that are kept of one file; what would be further holes is stored as zeros.
pub const HOLES_MAX: usize = 65_536;

/// Holes of a file: none is empty, they are ascending, something is between two of them, and they end
/// inside the file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Holes(Box<[Range<u64>]>);

/// A run of a file's bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Run {
    /// Bytes that are stored for their own sake.
    Data(Range<u64>),
    /// Zeros that take no space.
    Hole(Range<u64>),
}

impl Holes {
    /// The holes of a file of `size` bytes; `None` when they are not as they must be, or more than [`HOLES_MAX`].
    pub fn new(holes: impl IntoIterator<Item = Range<u64>>, size: u64) -> Option<Holes> {
        let mut end = 0;
        let mut sound = Vec::new();
        for hole in holes {
            let touches = hole.start <= end && !sound.is_empty();
            if touches || hole.is_empty() || hole.end > size || sound.len() == HOLES_MAX {
                return None;
            }
            end = hole.end;
            sound.push(hole);
        }
        Some(Holes(sound.into()))
    }

    /// As [`Holes::new`], each hole given by its offset and length.
    pub fn from_pairs(pairs: &[(u64, u64)], size: u64) -> Option<Holes> {
        // A sum that overflows gives an empty range, which is refused.
        Holes::new(pairs.iter().map(|(offset, length)| *offset..offset.checked_add(*length).unwrap_or(0)), size)
    }

    /// Offset and length of each.
    pub fn to_pairs(&self) -> Vec<(u64, u64)> {
        self.0.iter().map(|hole| (hole.start, hole.end - hole.start)).collect()
    }

    /// Those of them in which all bytes of the file, `content`, are zero.
    #[must_use]
    pub fn that_are_zero(self, content: &[u8]) -> Holes {
        let bytes = |hole: &Range<u64>| content.get(hole.start as usize..hole.end as usize);
        let is_zero = |hole: &Range<u64>| bytes(hole).is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0));
        if self.iter().all(is_zero) {
            return self;
        }
        Holes(self.0.iter().filter(|hole| is_zero(hole)).cloned().collect())
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes they take together.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|hole| hole.end - hole.start).sum()
    }

    /// The holes and what is between them in `range` of the file, in order, cut off where the range begins and ends.
    pub fn runs(&self, range: Range<u64>) -> impl Iterator<Item = Run> + '_ {
        let first = self.0.partition_point(|hole| hole.end <= range.start);
        let mut holes = self.0[first..].iter().peekable();
        let (mut at, end) = (range.start, range.end);
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let start = at;
            match holes.peek() {
                Some(hole) if hole.start <= at => {
                    at = hole.end.min(end);
                    holes.next();
                    Some(Run::Hole(start..at))
                }
                next => {
                    at = next.map_or(end, |hole| hole.start.min(end));
                    Some(Run::Data(start..at))
                }
            }
        })
    }

    /// The parts of `range` that are in no hole.
    pub fn data(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        self.runs(range).filter_map(|run| match run {
            Run::Data(data) => Some(data),
            Run::Hole(_) => None,
        })
    }

    /// The offset of the first byte from `from` up to `size` that is in no hole; `None` when there is none.
    pub fn next_data(&self, from: u64, size: u64) -> Option<u64> {
        self.data(from..size).next().map(|data| data.start)
    }

    /// Whether no byte of `range` is data.
    pub fn covers(&self, range: Range<u64>) -> bool {
        self.data(range).next().is_none()
    }

    /// Hashes the part `bytes` of the file that begins at `offset`, without what is in holes.
    pub fn hash(&self, offset: u64, bytes: &[u8], hasher: &mut Hasher) {
        for data in self.data(offset..offset + bytes.len() as u64) {
            hasher.update(&bytes[(data.start - offset) as usize..(data.end - offset) as usize]);
        }
    }

    /// The hash of a whole file's bytes, without what is in holes.
    pub fn hash_of(&self, bytes: &[u8]) -> Hash {
        let mut hasher = Hasher::new();
        self.hash(0, bytes, &mut hasher);
        hasher.hash()
    }

    /// Makes zeros of what is in holes, in the part `bytes` of the file that begins at `offset`: the hash says nothing of it.
    pub fn clear(&self, offset: u64, bytes: &mut [u8]) {
        for run in self.runs(offset..offset + bytes.len() as u64) {
            if let Run::Hole(hole) = run {
                bytes[(hole.start - offset) as usize..(hole.end - offset) as usize].fill(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holes(pairs: &[(u64, u64)]) -> Holes {
        Holes::from_pairs(pairs, 100).unwrap()
    }

    #[test]
    fn holes_that_cannot_be_are_refused() {
        for bad in [
            &[(0, 0)][..],
            &[(5, 5), (4, 1)],
            &[(5, 5), (9, 2)],
            &[(0, 5), (5, 5)],
            &[(50, 51)],
            &[(u64::MAX, 1)],
            &[(1, u64::MAX)],
        ] {
            assert!(Holes::from_pairs(bad, 100).is_none(), "{bad:?}");
        }
        let many: Vec<_> = (0..=HOLES_MAX as u64).map(|n| 2 * n..2 * n + 1).collect();
        assert!(Holes::new(many.iter().cloned(), u64::MAX).is_none());
        assert_eq!(Holes::new(many.iter().skip(1).cloned(), u64::MAX).map(|holes| holes.len()), Some(HOLES_MAX));
        let good = [(0, 5), (6, 5), (99, 1)];
        assert_eq!((holes(&good).to_pairs().as_slice(), holes(&good).bytes()), (&good[..], 11));
    }

    #[test]
    fn data_is_what_is_between_holes() {
        let holes = holes(&[(10, 4), (15, 5), (30, 10)]);
        let data = |range| holes.data(range).collect::<Vec<_>>();
        assert_eq!(data(0..50), [0..10, 14..15, 20..30, 40..50]);
        assert_eq!(data(5..12), [5..10]);
        assert_eq!(data(12..30), [14..15, 20..30]);
        assert_eq!(data(30..40), []);
        assert_eq!(data(35..41), [40..41]);
        assert_eq!(data(0..0), []);
        assert_eq!(Holes::default().data(3..7).collect::<Vec<_>>(), [3..7]);
        assert_eq!(holes.next_data(12, 50), Some(14));
        assert_eq!(holes.next_data(30, 40), None);
        assert!(holes.covers(15..20) && !holes.covers(14..20) && !holes.covers(19..21));
    }

    #[test]
    fn runs_follow_on_each_other_without_a_gap() {
        let holes = holes(&[(0, 3), (10, 4), (15, 5), (30, 10)]);
        for (start, end) in (0..45).flat_map(|start| (start..45).map(move |end| (start, end))) {
            let mut at = start;
            for run in holes.runs(start..end) {
                let (Run::Data(range) | Run::Hole(range)) = &run;
                assert_eq!(range.start, at);
                at = range.end;
                let is_hole = |at| holes.iter().any(|hole| hole.contains(&at));
                assert!(range.clone().all(|at| is_hole(at) == matches!(run, Run::Hole(_))), "{run:?}");
            }
            assert_eq!(at, end);
        }
    }

    #[test]
    fn the_hash_says_nothing_of_what_is_in_holes_however_the_bytes_come() {
        let holes = holes(&[(0, 10), (50, 1), (60, 30), (95, 5)]);
        let mut bytes: Vec<u8> = (1..=100).collect();
        let hash = holes.hash_of(&bytes);
        for step in [1, 7, 10, 64, 100] {
            let mut hasher = Hasher::new();
            bytes.chunks(step).enumerate().for_each(|(n, part)| holes.hash((n * step) as u64, part, &mut hasher));
            assert_eq!(hasher.hash(), hash, "{step}");
        }
        let (head, tail) = bytes.split_at_mut(70);
        holes.clear(0, head);
        holes.clear(70, tail);
        assert_eq!(holes.hash_of(&bytes), hash);
        let cleared = |at: u64| bytes[at as usize] == 0;
        assert!((0..100).all(|at| cleared(at) == holes.iter().any(|hole| hole.contains(&at))));
        bytes[10] ^= 1;
        assert_ne!(holes.hash_of(&bytes), hash);
    }
}
