//! What the reading thread gives to the workers.

use super::large::HashTurn;
use super::large::LargeOutput;
use super::target::Target;
use crate::archive::content::frame::Stored;
use crate::format::bundle::Bundle;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// What a worker does at once.
pub(super) enum UnpackJob<T: Target> {
    /// Decodes a frame and hands on what is in it.
    Frame { bundle: Arc<Bundle>, stored: Stored, pieces: Vec<UnpackPiece<T>> },
    /// Makes the bytes of a range of a content from an older one.
    Made(UnpackPiece<T>, Range<u64>),
    /// Files that have no bytes, or none but holes.
    Empty(Vec<Arc<T>>),
    /// Files that are looked at; those whose content is wanted go back.
    Look(Vec<Arc<T>>, Sender<Vec<Arc<T>>>),
}

/// The part of a content that is in one frame, or is made at once.
pub(super) struct UnpackPiece<T: Target> {
    pub file: Arc<T>,
    /// For a content that is in several frames or made in several ranges: what its pieces share, and which piece this is.
    pub large: Option<(Arc<LargeOutput<T::Open>>, HashTurn)>,
}
