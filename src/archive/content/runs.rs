//! Bytes of a content where they stand in memory: long runs of them are not copied.

use super::frame::DecodedFrame;
use std::ops::Range;
use std::sync::Arc;

/// Shorter runs are copied, and those side by side become one: each would be written by a call of its own.
const COPIED_BYTES_MAX: usize = 64 << 10;

/// So many frames and pieces are held at once: what stands in further ones is copied. Each may be of 8 MiB, however few of its bytes
/// are wanted.
const HELD_MAX: usize = 4;

/// Bytes of a content that follow each other.
pub(super) enum Run {
    /// These of the tar that the frame is a part of.
    Frame(Arc<DecodedFrame>, Range<u64>),
    /// These of a piece that was made.
    Piece(Arc<Vec<u8>>, Range<usize>),
    /// So many zeros.
    Zeros(usize),
}

impl Run {
    pub(super) fn length(&self) -> usize {
        match self {
            Run::Frame(_, range) => (range.end - range.start) as usize,
            Run::Piece(_, range) => range.len(),
            Run::Zeros(length) => *length,
        }
    }

    /// `None`: they are zeros.
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Run::Frame(frame, range) => Some(frame.with_zeros(range.clone())),
            Run::Piece(piece, range) => Some(&piece[range.clone()]),
            Run::Zeros(_) => None,
        }
    }

    /// The address of what it keeps in memory; 0 for nothing.
    fn holder(&self) -> usize {
        match self {
            Run::Frame(frame, _) => Arc::as_ptr(frame).addr(),
            Run::Piece(piece, _) => Arc::as_ptr(piece).addr(),
            Run::Zeros(_) => 0,
        }
    }

    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        match self.bytes() {
            Some(bytes) => out.extend_from_slice(bytes),
            None => out.resize(out.len() + self.length(), 0),
        }
    }
}

/// Takes the bytes of a content, in order.
pub(super) type Sink<'s> = dyn FnMut(Run) + 's;

/// Copies runs to memory that is as long as all of them.
pub(super) struct CopyTo<'o>(pub &'o mut [u8]);

impl CopyTo<'_> {
    pub(super) fn push(&mut self, run: &Run) {
        let (now, later) = std::mem::take(&mut self.0).split_at_mut(run.length());
        match run.bytes() {
            Some(bytes) => now.copy_from_slice(bytes),
            None => now.fill(0),
        }
        self.0 = later;
    }
}

/// Runs that follow each other.
#[derive(Default)]
pub(super) struct Runs {
    copied: Vec<u8>,
    parts: Vec<Part>,
    /// What the parts keep in memory, by address.
    held: Vec<usize>,
}

enum Part {
    Copied(Range<usize>),
    Held(Run),
}

impl Runs {
    /// Drops all; memory for copies is kept.
    pub(super) fn clear(&mut self) {
        self.copied.clear();
        self.parts.clear();
        self.held.clear();
    }

    pub(super) fn push(&mut self, run: Run) {
        if run.bytes().is_some_and(|bytes| bytes.len() > COPIED_BYTES_MAX) && self.may_hold(&run) {
            return self.parts.push(Part::Held(run));
        }
        let start = self.copied.len();
        run.append_to(&mut self.copied);
        match self.parts.last_mut() {
            Some(Part::Copied(range)) => range.end = self.copied.len(),
            _ => self.parts.push(Part::Copied(start..self.copied.len())),
        }
    }

    fn may_hold(&mut self, run: &Run) -> bool {
        let is_held = self.held.contains(&run.holder());
        if !is_held && self.held.len() < HELD_MAX {
            self.held.push(run.holder());
            return true;
        }
        is_held
    }

    /// Their bytes, in order.
    pub(super) fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(|part| match part {
            Part::Copied(range) => &self.copied[range.clone()],
            Part::Held(run) => run.bytes().unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_stay_where_they_are_and_short_ones_side_by_side_are_one() {
        let piece = Arc::new((0..200_000_u32).map(|at| at as u8).collect::<Vec<u8>>());
        let all = || {
            [
                Run::Piece(piece.clone(), 5..COPIED_BYTES_MAX + 6),
                Run::Piece(piece.clone(), 0..COPIED_BYTES_MAX),
                Run::Zeros(100_000),
                Run::Piece(piece.clone(), 9..10),
                Run::Piece(piece.clone(), 0..200_000),
            ]
        };
        let length = all().iter().map(Run::length).sum();
        let mut copied = vec![1; length];
        let mut out = CopyTo(&mut copied);
        for run in &all() {
            out.push(run);
        }
        assert!(out.0.is_empty());
        let mut runs = Runs::default();
        for _ in 0..2 {
            runs.clear();
            for run in all() {
                runs.push(run);
            }
            assert_eq!(runs.bytes().collect::<Vec<_>>().concat(), copied);
            assert_eq!(runs.bytes().count(), 3);
            assert!(runs.bytes().next().is_some_and(|bytes| std::ptr::eq(&raw const bytes[0], &raw const piece[5])));
        }
    }

    #[test]
    fn however_many_pieces_bytes_come_from_few_are_held() {
        let pieces: Vec<Arc<Vec<u8>>> = (0..40_u8).map(|number| Arc::new(vec![number; 100_000])).collect();
        let mut runs = Runs::default();
        for piece in pieces.iter().chain(&pieces) {
            runs.push(Run::Piece(piece.clone(), 10..90_000));
        }
        assert_eq!(pieces.iter().filter(|piece| Arc::strong_count(piece) > 1).count(), HELD_MAX);
        let expected = pieces.iter().chain(&pieces).map(|piece| &piece[10..90_000]);
        assert_eq!(runs.bytes().collect::<Vec<_>>().concat(), expected.collect::<Vec<_>>().concat());
    }
}
