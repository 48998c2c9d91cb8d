//! Which frames of a bundle are needed and what of each, one frame after the other: memory grows with the contents that are
//! wanted, not with the frames they run over. Pure arithmetic.

use super::Piece;
use super::Turn;
use super::Wanted;
use super::large::Large;
use crate::format::frames::FrameAt;
use crate::format::frames::SeekTable;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::HashMap;
use std::sync::Arc;

/// Whether a content lies in the tar whose frames `table` lists.
pub(super) fn is_inside(wanted: &Wanted, table: &SeekTable) -> bool {
    wanted.content.place.offset.checked_add(wanted.size).is_some_and(|end| end <= table.raw_bytes())
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
        let place = |number: usize| Some(wanted[number].content.place.offset + wanted[number].next_data(0)?);
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
        let following = wanted.next_data(frame.raw_end() - begin);
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
