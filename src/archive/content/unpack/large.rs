//! A content that is in several frames: its pieces are handed on by several workers at once, hashed in turn, and finished by
//! the last. Knows nothing of frames.

use super::piece::PieceBytes;
use super::target::Target;
use crate::archive::content::place::ContentRequest;
use crate::base::concurrency::Guard;
use crate::base::concurrency::Lock;
use crate::base::concurrency::Turns;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use std::sync::Arc;

/// Which piece of a large content.
#[derive(Clone, Copy)]
pub(super) struct HashTurn {
    pub number: usize,
    pub is_last: bool,
}

/// What the pieces of a content share.
pub(super) struct LargeOutput<O> {
    open: Lock<Opening<O>>,
    /// Systems let one thread write to a file at a time, and others wait for it with a busy core.
    writing: Lock<()>,
    /// The hash of the pieces so far.
    hashed: Turns<Hasher>,
}

enum Opening<O> {
    NotYet,
    Open(Arc<O>),
    /// It failed, or is not wanted any more; everything has been said.
    GivenUp,
}

impl<O> LargeOutput<O> {
    pub(super) fn new() -> LargeOutput<O> {
        LargeOutput { open: Lock::new(Opening::NotYet), writing: Lock::new(()), hashed: Turns::new(Hasher::new()) }
    }

    /// Hands on one piece, hashes it when its turn has come, and finishes the content with the last one. The turn passes on
    /// whatever happens.
    pub(super) fn take_piece<T: Target<Open = O>>(
        &self,
        file: &T,
        turn: HashTurn,
        bytes: &PieceBytes,
        is_stopped: bool,
    ) -> Result<()> {
        let wanted = ContentRequest::of(file.entry())?;
        let written = if is_stopped { Ok(()) } else { self.write(file, &wanted, bytes) };
        if is_stopped || written.is_err() {
            self.give_up();
        }
        let hash = self.hashed.take(turn.number as u64, |hasher| {
            if !self.is_given_up() {
                bytes.ranges(&wanted).unwrap_or_default().iter().for_each(|(_, range)| hasher.update(range));
            }
            if turn.is_last { hasher.hash() } else { Hash::default() }
        });
        written?;
        if !turn.is_last {
            return Ok(());
        }
        // All others have written before their turns passed: nobody else holds it now.
        let Some(open) = self.give_up().and_then(Arc::into_inner) else { return Ok(()) };
        if hash == wanted.content.hash {
            file.finish(open)
        } else {
            drop(open);
            file.fail(&bytes.wrong_content())
        }
    }

    fn write<T: Target<Open = O>>(&self, file: &T, wanted: &ContentRequest, bytes: &PieceBytes) -> Result<()> {
        let Some(open) = self.opened(file)? else { return Ok(()) };
        let ranges = match bytes.ranges(wanted) {
            Ok(ranges) => ranges,
            Err(error) => {
                drop(open);
                // Only the first of several damaged frames is reported.
                return if self.give_up().is_some() { file.fail(&error) } else { Ok(()) };
            }
        };
        let _one_at_a_time = self.writing.lock();
        for (offset, range) in ranges {
            if !file.write(&open, offset, range)? {
                self.give_up();
                break;
            }
        }
        Ok(())
    }

    /// The open content; begins it with the first piece.
    fn opened<T: Target<Open = O>>(&self, file: &T) -> Result<Option<Arc<O>>> {
        let mut opening = self.opening();
        if let Opening::NotYet = *opening {
            // Should beginning it fail, nobody else may try.
            *opening = Opening::GivenUp;
            if let Some(open) = file.begin()? {
                *opening = Opening::Open(Arc::new(open));
            }
        }
        match &*opening {
            Opening::Open(open) => Ok(Some(open.clone())),
            _ => Ok(None),
        }
    }

    fn is_given_up(&self) -> bool {
        matches!(*self.opening(), Opening::GivenUp)
    }

    /// Ends it and returns it, if nobody did before.
    fn give_up(&self) -> Option<Arc<O>> {
        match std::mem::replace(&mut *self.opening(), Opening::GivenUp) {
            Opening::Open(open) => Some(open),
            _ => None,
        }
    }

    fn opening(&self) -> Guard<'_, Opening<O>> {
        self.open.lock()
    }
}
