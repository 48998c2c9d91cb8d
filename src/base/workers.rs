//! Work on a stream of items in several threads, the results in the order of the items. Knows nothing of what the work is.

use crate::base::error::Error;
use crate::base::error::Result;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::thread::ScopedJoinHandle;

/// The most threads that work at once, whatever is asked for: each holds a frame or two in memory.
const THREADS_MAX: usize = 32;

/// How many threads `wanted` means: 0 is as many as the machine has cores.
pub fn threads(wanted: usize) -> usize {
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    if wanted == 0 { cores() } else { wanted }.min(THREADS_MAX)
}

/// Waits until threads are gone. A scope alone waits until their work is done, and what belongs to a thread itself may be given
/// back later than that.
///
/// # Panics
/// When one of them did, with what it said.
pub fn join<'s, T: 's>(threads: impl IntoIterator<Item = ScopedJoinHandle<'s, T>>) -> Vec<T> {
    let done = |thread: ScopedJoinHandle<'s, T>| thread.join().unwrap_or_else(|panic| resume_unwind(panic));
    threads.into_iter().map(done).collect()
}

/// Takes the items of `input` in a thread of their own, does `work` on them in `threads` threads, each with a state made by
/// `state`, and gives `finish` the results in the order of the items. At most `2 * threads + 2` items and results are in
/// memory at once. When `finish` returns, no more items are taken.
///
/// # Errors
/// Those of `finish`.
pub fn in_order<I, S, O, T>(
    threads: usize,
    input: impl Iterator<Item = I> + Send,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, I) -> O + Sync,
    finish: impl FnOnce(&mut dyn Iterator<Item = O>) -> Result<T>,
) -> Result<T>
where
    I: Send,
    O: Send,
{
    let threads = threads.max(1);
    let (jobs, waiting_jobs) = sync_channel::<(I, SyncSender<O>)>(2 * threads);
    let (places, results) = sync_channel::<Receiver<O>>(2 * threads);
    let waiting_jobs = Mutex::new(waiting_jobs);
    thread::scope(|scope| {
        let (state, work, waiting_jobs) = (&state, &work, &waiting_jobs);
        let mut helpers = vec![scope.spawn(move || hand_out(input, &jobs, &places))];
        helpers.extend((0..threads).map(|_| {
            scope.spawn(move || {
                let mut state = state();
                while let Some((item, result)) = next_job(waiting_jobs) {
                    // Nobody waits for the result any more when the work was given up.
                    let _ = result.send(work(&mut state, item));
                }
            })
        }));
        let mut lost = false;
        let mut ordered = results.iter().map_while(|place| place.recv().inspect_err(|_| lost = true).ok());
        let finished = finish(&mut ordered);
        drop(ordered);
        // With the receiver gone, the thread that hands out stops, and with it the workers.
        drop(results);
        join(helpers);
        if lost { Err(Error::damaged("a thread of the program ended unexpectedly")) } else { finished }
    })
}

fn hand_out<I, O>(
    input: impl Iterator<Item = I>,
    jobs: &SyncSender<(I, SyncSender<O>)>,
    places: &SyncSender<Receiver<O>>,
) {
    for item in input {
        let (result, place) = sync_channel(1);
        if places.send(place).is_err() || jobs.send((item, result)).is_err() {
            return;
        }
    }
}

fn next_job<J>(waiting: &Mutex<Receiver<J>>) -> Option<J> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for threads in [1, 2, 7] {
            let slow = |(): &mut (), item: u64| {
                thread::sleep(Duration::from_micros(item * 7919 % 500));
                item * 2
            };
            let results = in_order(threads, 0..200u64, || (), slow, |results| Ok(results.collect::<Vec<_>>()));
            assert_eq!(results.unwrap(), (0..200).map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn only_a_few_items_are_taken_ahead_and_none_after_the_end() {
        let taken = AtomicUsize::new(0);
        let input = (0..1_000_000u32).inspect(|_| {
            taken.fetch_add(1, Ordering::Relaxed);
        });
        let first = in_order(
            3,
            input,
            || (),
            |(), item| item,
            |results| {
                thread::sleep(Duration::from_millis(50));
                Ok(results.next())
            },
        );
        assert_eq!(first.unwrap(), Some(0));
        assert!(taken.load(Ordering::Relaxed) <= 20, "{taken:?} items were taken");
    }

    #[test]
    fn an_error_of_the_last_step_ends_the_work() {
        let failed = in_order(
            2,
            0..,
            || (),
            |(), item: u32| item,
            |results| match results.nth(5) {
                Some(_) => Err::<(), _>(Error::damaged("enough")),
                None => Ok(()),
            },
        );
        assert_eq!(failed.unwrap_err().to_string(), "enough");
    }
}
