//! Large buffers that are used again. Memory that is given back to the system and asked for anew is made page by page each
//! time, which costs more than what is done with it. Knows nothing of what is in them.

use std::sync::Mutex;
use std::sync::PoisonError;

/// The most buffers that are kept; more are not under way at once.
const KEPT_MAX: usize = 16;

/// A larger buffer is not kept, in bytes.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// Buffers that nobody needs at the moment.
#[derive(Default)]
pub struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// A buffer that was given back, with whatever is in it; if there is none, an empty one.
    pub fn take(&self) -> Vec<u8> {
        self.kept().pop().unwrap_or_default()
    }

    /// Gives a buffer back, whatever is in it: who fills it as a whole need not fill it with zeros first.
    pub fn give(&self, buffer: Vec<u8>) {
        let mut kept = self.kept();
        if kept.len() < KEPT_MAX && (1..=KEPT_BYTES_MAX).contains(&buffer.capacity()) {
            kept.push(buffer);
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_as_it_was_if_it_is_not_too_large() {
        let buffers = Buffers::default();
        assert_eq!(buffers.take().capacity(), 0);
        buffers.give(vec![7; 1000]);
        assert_eq!(buffers.take(), [7; 1000]);
        buffers.give(Vec::with_capacity(KEPT_BYTES_MAX + 1));
        assert_eq!(buffers.take().capacity(), 0);
    }
}
