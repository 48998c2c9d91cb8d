//! Which frames of a bundle are needed and what of each, one frame after the other: memory grows with the contents that are
//! wanted, not with the frames they run over. Pure arithmetic.

use super::Piece;
use super::Turn;
use super::Wanted;
use super::large::Large;
use crate::base::entry::Hole;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::format::frames::FrameAt;
use crate::format::frames::SeekTable;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::HashMap;
use std::sync::Arc;

/// Whether the holes are as they must be: ascending, apart, inside the content.
pub(super) fn check_holes(wanted: &Wanted) -> Result<()> {
    let mut end = 0;
    for hole in &wanted.content.holes {
        let hole_end = hole.offset.checked_add(hole.length).filter(|hole_end| *hole_end <= wanted.size);
        match hole_end {
            Some(hole_end) if hole.offset >= end && hole.length > 0 => end = hole_end,
            _ => return Err(Error::damaged("the index contradicts itself about its holes")),
        }
    }
    Ok(())
}

/// Whether a content lies in the tar whose frames `table` lists.
pub(super) fn is_inside(wanted: &Wanted, table: &SeekTable) -> bool {
    wanted.content.place.offset.checked_add(wanted.size).is_some_and(|end| end <= table.raw_bytes())
}

/// The offset of the first byte from `from` on that is in no hole; `None` when there is none left.
pub(super) fn next_data(wanted: &Wanted, from: u64) -> Option<u64> {
    data_ranges(&wanted.content.holes, from, wanted.size).next().map(|(start, _)| start)
}

/// The ranges of `start..end`, as start and end, that are in none of `holes`, which are ascending and apart.
pub fn data_ranges(holes: &[Hole], start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
    let first = holes.partition_point(|hole| hole.offset.saturating_add(hole.length) <= start);
    let mut holes = holes[first..].iter();
    let mut at = Some(start);
    std::iter::from_fn(move || {
        let from = at.take()?;
        let (to, next) = match holes.next() {
            Some(hole) if hole.offset < end => (hole.offset, Some(hole.offset.saturating_add(hole.length))),
            _ => (end, None),
        };
        at = next;
        Some((from, to))
    })
    .filter(|(from, to)| from < to)
}

/// The needed frames of one bundle, in order.
pub(super) struct BundlePlan<'p, O> {
    wanted: &'p [Wanted<'p>],
    table: &'p SeekTable,
    /// By the place of the next byte that is needed.
    waiting: BinaryHeap<Reverse<(u64, usize)>>,
    /// The contents that began in an earlier frame and go on, and how many of their pieces were handed out.
    begun: HashMap<usize, (Arc<Large<O>>, usize)>,
}

impl<'p, O> BundlePlan<'p, O> {
    /// A plan for the contents `numbers`, all of which lie in the tar and have bytes.
    pub(super) fn new(wanted: &'p [Wanted<'p>], table: &'p SeekTable, numbers: &[usize]) -> BundlePlan<'p, O> {
        let place = |number: usize| Some(wanted[number].content.place.offset + next_data(&wanted[number], 0)?);
        let waiting = numbers.iter().filter_map(|number| Some(Reverse((place(*number)?, *number))));
        BundlePlan { wanted, table, waiting: waiting.collect(), begun: HashMap::new() }
    }

    /// The next frame that is needed, with the contents that need it.
    pub(super) fn next_frame(&mut self) -> Option<(FrameAt, Vec<Piece<O>>)> {
        let Reverse((offset, _)) = *self.waiting.peek()?;
        let frame = self.table.frame_at(offset)?;
        let mut pieces = Vec::new();
        while let Some(Reverse((_, number))) = self.waiting.peek().copied().filter(|next| next.0.0 < frame.raw_end()) {
            self.waiting.pop();
            pieces.push(self.piece(number, &frame));
        }
        Some((frame, pieces))
    }

    /// What `frame` has of a content; if it goes on after it, it waits for its next frame.
    fn piece(&mut self, number: usize, frame: &FrameAt) -> Piece<O> {
        let wanted = &self.wanted[number];
        let begin = wanted.content.place.offset;
        let following = next_data(wanted, frame.raw_end() - begin);
        let before = self.begun.remove(&number);
        let Some(following) = following else {
            let large = before.map(|(large, turn)| (large, Turn { number: turn, is_last: true }));
            return Piece { number, large };
        };
        let (large, turn) = before.unwrap_or_else(|| (Arc::new(Large::new()), 0));
        self.waiting.push(Reverse((begin + following, number)));
        self.begun.insert(number, (large.clone(), turn + 1));
        Piece { number, large: Some((large, Turn { number: turn, is_last: false })) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_what_is_between_holes() {
        let holes = [(10, 5), (15, 5), (30, 10)].map(|(offset, length)| Hole { offset, length });
        let ranges = |start, end| data_ranges(&holes, start, end).collect::<Vec<_>>();
        assert_eq!(ranges(0, 50), [(0, 10), (20, 30), (40, 50)]);
        assert_eq!(ranges(5, 12), [(5, 10)]);
        assert_eq!(ranges(12, 30), [(20, 30)]);
        assert_eq!(ranges(30, 40), []);
        assert_eq!(ranges(35, 41), [(40, 41)]);
        assert_eq!(ranges(0, 0), []);
        assert_eq!(data_ranges(&[], 3, 7).collect::<Vec<_>>(), [(3, 7)]);
    }
}
