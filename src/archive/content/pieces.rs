//! Pieces of contents that were made from older ones, kept for whoever asks next.

use crate::base::concurrency::Lock;
use crate::base::id::BundleId;
use std::collections::VecDeque;
use std::sync::Arc;

/// The most bytes that are kept.
const KEPT_BYTES_MAX: usize = 24 << 20;

/// Smaller pieces are as quickly made as found.
const PIECE_BYTES_MIN: usize = 256 << 10;

/// Where a piece is stored: a bundle, and an offset in its tar.
type Key = (BundleId, u64);

/// The pieces that were made last.
#[derive(Default)]
pub struct PieceCache(Lock<VecDeque<(Key, Arc<Vec<u8>>)>>);

impl PieceCache {
    /// A piece, if it is there.
    pub fn get(&self, key: Key) -> Option<Arc<Vec<u8>>> {
        let mut kept = self.0.lock();
        let found = kept.iter().rposition(|(known, _)| *known == key).and_then(|at| kept.remove(at))?;
        let piece = found.1.clone();
        kept.push_back(found);
        Some(piece)
    }

    /// Keeps a piece; those that were used longest ago go.
    pub fn put(&self, key: Key, piece: Arc<Vec<u8>>) {
        if piece.len() < PIECE_BYTES_MIN {
            return;
        }
        let mut kept = self.0.lock();
        kept.push_back((key, piece));
        let mut bytes: usize = kept.iter().map(|(_, piece)| piece.len()).sum();
        while bytes > KEPT_BYTES_MAX && kept.len() > 1 {
            bytes -= kept.pop_front().map_or(0, |(_, piece)| piece.len());
        }
    }
}
