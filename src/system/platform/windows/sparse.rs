//! Which parts of a file have data, as `FSCTL_QUERY_ALLOCATED_RANGES` asks and tells: pairs of offset and length. Pure.

use crate::base::holes::HOLES_MAX;
use std::ops::Range;

/// What is asked: the part of the file from `at` to `size`.
pub fn question(at: u64, size: u64) -> Vec<u8> {
    [at.to_le_bytes(), (size - at).to_le_bytes()].concat()
}

/// The holes of a file, found answer by answer.
#[derive(Debug, Default)]
pub struct Found {
    holes: Vec<Range<u64>>,
    end_of_data: u64,
}

impl Found {
    /// Takes an answer; whether it told of anything new.
    pub fn add(&mut self, answer: &[u8]) -> bool {
        let before = self.end_of_data;
        for pair in answer.as_chunks::<16>().0 {
            let (offset, length) = (number(&pair[..8]), number(&pair[8..]));
            if offset > self.end_of_data {
                self.holes.push(self.end_of_data..offset);
            }
            self.end_of_data = self.end_of_data.max(offset.saturating_add(length));
        }
        self.end_of_data > before
    }

    /// Up to where it is known what is there.
    pub fn end(&self) -> u64 {
        self.end_of_data
    }

    /// Whether there are as many as are kept.
    pub fn is_enough(&self) -> bool {
        self.holes.len() >= HOLES_MAX
    }

    /// The holes of a file of `size` bytes, at most [`HOLES_MAX`].
    pub fn into_holes(mut self, size: u64) -> Vec<Range<u64>> {
        if self.end_of_data < size {
            self.holes.push(self.end_of_data..size);
        }
        let inside = |hole: Range<u64>| hole.start.min(size)..hole.end.min(size);
        let holes = self.holes.into_iter().map(inside).filter(|hole| !hole.is_empty());
        holes.take(HOLES_MAX).collect()
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holes(answers: &[&[(u64, u64)]], size: u64) -> Vec<Range<u64>> {
        let mut found = Found::default();
        for answer in answers {
            let bytes: Vec<u8> = answer
                .iter()
                .flat_map(|(offset, length)| [offset.to_le_bytes(), length.to_le_bytes()].concat())
                .collect();
            found.add(&bytes);
        }
        found.into_holes(size)
    }

    #[test]
    fn what_has_no_data_is_a_hole() {
        assert_eq!(holes(&[&[(0, 10)]], 10), []);
        assert_eq!(holes(&[&[]], 10), [0..10]);
        assert_eq!(holes(&[&[(4, 4), (12, 4)]], 20), [0..4, 8..12, 16..20]);
        assert_eq!(holes(&[&[(4, 4)], &[(8, 2), (12, 4)]], 16), [0..4, 10..12]);
    }

    #[test]
    fn answers_that_lie_make_no_holes_outside_the_file() {
        assert_eq!(holes(&[&[(30, u64::MAX)]], 20), [0..20]);
        assert_eq!(holes(&[&[(8, 4), (2, 1)]], 12), [0..8]);
        let mut found = Found::default();
        assert!(!found.add(&[1, 2, 3]) && !found.add(&[]) && found.end() == 0);
        assert!(found.add(&question(0, 5)) && !found.add(&question(0, 5)) && !found.is_enough());
    }
}
