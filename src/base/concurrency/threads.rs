//! How many threads there are, and how they end.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread::ScopedJoinHandle;
use std::thread::available_parallelism;

/// The most threads that work at once, whatever is asked for: each holds a frame or two in memory.
const THREADS_MAX: usize = 64;

/// How many threads `wanted` means: 0 is as many as the machine has cores.
pub fn threads(wanted: usize) -> usize {
    let cores = || available_parallelism().map_or(1, NonZeroUsize::get);
    if wanted == 0 { cores() } else { wanted }.min(THREADS_MAX)
}

/// Waits until threads have ended. A scope alone waits until their work is done; what belongs to a thread itself may be given
/// back later than that.
///
/// # Panics
/// When one of them did, with the same message.
pub fn join<'s, T: 's>(threads: impl IntoIterator<Item = ScopedJoinHandle<'s, T>>) -> Vec<T> {
    let done = |thread: ScopedJoinHandle<'s, T>| thread.join().unwrap_or_else(|panic| resume_unwind(panic));
    threads.into_iter().map(done).collect()
}
