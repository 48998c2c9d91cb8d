//! Which bytes of a piece of a file differ from the older ones at the same place. Pure functions.

use std::ops::Range;

/// How many bytes are compared at once.
const BLOCK_BYTES: usize = 4 << 10;

/// Unchanged bytes are a piece of their own from this length on; fewer are joined with the changed ones around them.
pub const COPY_BYTES_MIN: usize = 64 << 10;

/// If this many bytes at the end differ, they are taken for bytes that moved.
const MOVED_BYTES_MIN: usize = 256 << 10;

/// How a piece differs from what stood at its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Differences {
    /// The changed bytes of the new piece, ascending, at least [`COPY_BYTES_MIN`] apart.
    pub ranges: Vec<Range<usize>>,
    /// Whether the older bytes seem to have moved: most differ, or all to the end.
    pub has_moved: bool,
}

impl Differences {
    /// Compares `new` with `old`, which begins at the same place.
    pub fn of(old: &[u8], new: &[u8]) -> Differences {
        let common = old.len().min(new.len());
        let mut found = Found { ranges: Vec::new(), differing: 0, last: 0..0 };
        for start in (0..common).step_by(BLOCK_BYTES) {
            let end = common.min(start + BLOCK_BYTES);
            if old[start..end] != new[start..end] {
                found.push(start..end);
            }
        }
        let is_moved_end = found.last.end == common && found.last.len() >= MOVED_BYTES_MIN;
        let has_moved = found.differing * 2 > common || is_moved_end;
        if common < new.len() {
            found.push(common..new.len());
        }
        let ranges = found.ranges.into_iter().map(|range| trimmed(old, new, range)).collect();
        Differences { ranges, has_moved }
    }
}

struct Found {
    ranges: Vec<Range<usize>>,
    /// How many bytes differ.
    differing: usize,
    /// The last run of them.
    last: Range<usize>,
}

impl Found {
    fn push(&mut self, block: Range<usize>) {
        self.differing += block.len();
        let begin = if self.last.end == block.start && !self.last.is_empty() { self.last.start } else { block.start };
        self.last = begin..block.end;
        // What is as it was at the beginning of a piece may go on from the one before.
        match self.ranges.last_mut() {
            Some(range) if block.start - range.end < COPY_BYTES_MIN => range.end = block.end,
            _ => self.ranges.push(block),
        }
    }
}

/// The range without unchanged bytes at its ends.
fn trimmed(old: &[u8], new: &[u8], range: Range<usize>) -> Range<usize> {
    let same = |(old, new): &(&u8, &u8)| old == new;
    let within = range.start..range.end.min(old.len());
    if within.is_empty() {
        return range;
    }
    let before = old[within.clone()].iter().zip(&new[within.clone()]).take_while(same).count();
    if within.end < range.end {
        return range.start + before..range.end;
    }
    let left = within.start + before..within.end;
    let behind = old[left.clone()].iter().rev().zip(new[left].iter().rev()).take_while(same).count();
    range.start + before..range.end - behind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(old: &[u8], new: &[u8]) -> (Vec<Range<usize>>, bool) {
        let found = Differences::of(old, new);
        (found.ranges, found.has_moved)
    }

    #[test]
    fn ranges_are_exact_and_those_that_are_near_are_one() {
        let old: Vec<u8> = (0..1_000_000_u32).map(|at| (at >> 5) as u8).collect();
        assert_eq!(of(&old, &old), (vec![], false));
        let mut new = old.clone();
        for at in [0, 1, 70_001, 300_000, 320_000, 999_999] {
            new[at] ^= 1;
        }
        assert_eq!(of(&old, &new), (vec![0..2, 70_001..70_002, 300_000..320_001, 999_999..1_000_000], false));
        new.extend([1, 2, 3]);
        assert_eq!(of(&old, &new).0.last(), Some(&(999_999..1_000_003)));
        assert_eq!(of(&old[..500], &old[..800]), (vec![500..800], false));
        assert_eq!(of(&[], &old[..800]), (vec![0..800], false));
        assert_eq!(of(&old[..800], &old[..500]), (vec![], false));
    }

    #[test]
    fn what_differs_in_most_or_to_the_end_has_moved() {
        let old: Vec<u8> = (0..1_000_000_u32).map(|at| ((at * 31) >> 7) as u8).collect();
        let changed = |range: Range<usize>| {
            let mut new = old.clone();
            new[range].iter_mut().for_each(|byte| *byte = !*byte);
            of(&old, &new).1
        };
        assert!(changed(0..600_000) && changed(700_000..1_000_000));
        assert!(!changed(0..400_000) && !changed(900_000..1_000_000));
    }
}
