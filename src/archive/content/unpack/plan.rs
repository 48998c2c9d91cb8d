//! Which frames of a bundle are needed and what of each, one frame after the other: memory grows with the contents that are
//! wanted, not with the frames they run over. Pure arithmetic.

use super::job::UnpackPiece;
use super::large::HashTurn;
use super::large::LargeOutput;
use super::target::Target;
use crate::archive::content::place::ContentRequest;
use crate::format::bundle::Bundle;
use crate::format::frames::FrameAt;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// A content of which bytes are still needed.
struct Waiting<T: Target> {
    /// Where in the tar the next of them stands.
    next: u64,
    /// Which it is, so that those at one place stay in order.
    number: usize,
    file: Arc<T>,
    /// For one that began in an earlier frame: what its pieces share, and how many of them were handed out.
    begun: Option<(Arc<LargeOutput<T::Open>>, usize)>,
}

/// The needed frames of one bundle, in order.
pub(super) struct BundlePlan<'p, T: Target> {
    bundle: &'p Bundle,
    waiting: BinaryHeap<Waiting<T>>,
    count: usize,
}

impl<'p, T: Target> BundlePlan<'p, T> {
    pub(super) fn new(bundle: &'p Bundle) -> BundlePlan<'p, T> {
        BundlePlan { bundle, waiting: BinaryHeap::new(), count: 0 }
    }

    /// Adds a file whose content lies in the tar.
    pub(super) fn add(&mut self, file: Arc<T>) {
        let place = |wanted: ContentRequest| Some(wanted.in_tar(wanted.next_data(0)?));
        if let Some(next) = ContentRequest::of(file.entry()).ok().and_then(place) {
            self.waiting.push(Waiting { next, number: self.count, file, begun: None });
            self.count += 1;
        }
    }

    /// The next frame that is needed, with the contents that need it.
    pub(super) fn next_frame(&mut self) -> Option<(FrameAt, Vec<UnpackPiece<T>>)> {
        let frame = self.bundle.frame_at(self.waiting.peek()?.next)?;
        let mut pieces = Vec::new();
        while self.waiting.peek().is_some_and(|next| next.next < frame.raw_end()) {
            pieces.extend(self.waiting.pop().map(|waiting| self.piece(waiting, &frame)));
        }
        Some((frame, pieces))
    }

    /// What `frame` has of a content; if it goes on after it, it waits for its next frame.
    fn piece(&mut self, waiting: Waiting<T>, frame: &FrameAt) -> UnpackPiece<T> {
        let Waiting { number, file, begun, .. } = waiting;
        let following = |wanted: ContentRequest| {
            let behind = frame.raw_end().saturating_sub(wanted.in_tar(0));
            Some(wanted.in_tar(wanted.next_data(behind)?))
        };
        let Some(next) = ContentRequest::of(file.entry()).ok().and_then(following) else {
            let large = begun.map(|(large, turn)| (large, HashTurn { number: turn, is_last: true }));
            return UnpackPiece { file, large };
        };
        let (large, turn) = begun.unwrap_or_else(|| (Arc::new(LargeOutput::new()), 0));
        let begun = Some((large.clone(), turn + 1));
        self.waiting.push(Waiting { next, number, file: file.clone(), begun });
        UnpackPiece { file, large: Some((large, HashTurn { number: turn, is_last: false })) }
    }
}

/// The greatest is the one that is needed next.
impl<T: Target> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.next, other.number).cmp(&(self.next, self.number))
    }
}

impl<T: Target> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Target> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Target> Eq for Waiting<T> {}
