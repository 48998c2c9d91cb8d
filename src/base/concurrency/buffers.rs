//! Large buffers that are used again: memory given back to the system and asked for anew is cleared page by page each time,
//! which costs more than what is done with it.

use super::lock::Lock;

/// The most buffers in the pool; more are not in use at once.
const POOL_MAX: usize = 16;

/// A larger buffer is freed, in bytes.
const BUFFER_BYTES_MAX: usize = 16 << 20;

/// A pool of buffers.
#[derive(Default)]
pub struct Buffers(Lock<Vec<Vec<u8>>>);

impl Buffers {
    /// A buffer from the pool, with whatever is in it; if there is none, an empty one.
    pub fn get(&self) -> Vec<u8> {
        self.0.lock().pop().unwrap_or_default()
    }

    /// Puts a buffer into the pool. Its contents are not cleared.
    pub fn put(&self, buffer: Vec<u8>) {
        let mut pool = self.0.lock();
        if pool.len() < POOL_MAX && (1..=BUFFER_BYTES_MAX).contains(&buffer.capacity()) {
            pool.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_as_it_was_if_it_is_not_too_large() {
        let buffers = Buffers::default();
        assert_eq!(buffers.get().capacity(), 0);
        buffers.put(vec![7; 1000]);
        assert_eq!(buffers.get(), [7; 1000]);
        buffers.put(Vec::with_capacity(BUFFER_BYTES_MAX + 1));
        assert_eq!(buffers.get().capacity(), 0);
    }
}
