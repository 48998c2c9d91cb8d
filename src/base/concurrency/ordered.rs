//! Work on a stream of items in several threads, the results in the order of the items.

use super::budget::Budget;
use super::budget::Permit;
use super::lock::Lock;
use super::threads::join;
use crate::base::error::Error;
use crate::base::error::Result;
use std::iter::from_fn;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::channel;
use std::sync::mpsc::sync_channel;
use std::thread;

/// What an item counts for beside its own bytes, so that items are not too many either.
const ITEM_BYTES: u64 = 16 << 10;

/// How much is done at once.
#[derive(Clone, Copy)]
pub struct Limits<'b> {
    /// How many threads work; at least one does.
    pub threads: usize,
    /// The bytes that are on their way.
    pub budget: &'b Budget,
}

/// Takes the items that are to be worked on.
pub struct Sender<'b, I, O> {
    jobs: mpsc::Sender<(I, SyncSender<O>)>,
    places: mpsc::Sender<(Receiver<O>, Permit)>,
    budget: &'b Budget,
}

impl<I, O> Sender<'_, I, O> {
    /// Sends the next item, which takes `bytes` until its result has been used; waits until the budget has as many.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when its result is not wanted any more.
    pub fn send(&self, item: I, bytes: u64) -> Result<()> {
        let permit = self.budget.take(bytes.saturating_add(ITEM_BYTES)).ok_or_else(Error::stopped)?;
        let (result, place) = sync_channel(1);
        self.places.send((place, permit)).map_err(|_| Error::stopped())?;
        self.jobs.send((item, result)).map_err(|_| Error::stopped())
    }
}

/// Lets `feed` send items from a thread of its own, gives them in that order to threads, each with a function made by `worker`,
/// and `finish` the results in the same order. An item counts in the budget until the result after its own is asked for.
///
/// Items are begun in order, so one may wait for what becomes of an earlier one. When `finish` returns, the budget is
/// stopped, and items not yet begun are dropped. When `feed` fails, the results end early, and what `finish` returns is dropped.
///
/// # Errors
/// Those of `finish`, else those of `feed`.
pub fn ordered<I, O, W, T>(
    Limits { threads, budget }: Limits,
    feed: impl FnOnce(&Sender<I, O>) -> Result<()> + Send,
    worker: impl Fn() -> W + Sync,
    finish: impl FnOnce(&mut dyn Iterator<Item = O>) -> Result<T>,
) -> Result<T>
where
    I: Send,
    O: Send,
    W: FnMut(I) -> O,
{
    let (jobs, waiting) = channel();
    let (places, results) = channel();
    let waiting = Lock::new(waiting);
    thread::scope(|scope| {
        let stop = StopOnDrop(budget);
        let feeder = scope.spawn(move || fed(feed, &Sender { jobs, places, budget }));
        let work = || {
            let mut work = worker();
            while let Some((item, result)) = next_job(&waiting) {
                if !budget.is_stopped() {
                    // The result is not wanted any more when the work was given up meanwhile.
                    let _ = result.send(work(item));
                }
            }
        };
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let mut results = in_order(results);
        let finished = finish(&mut results);
        drop(stop);
        // Not before: to who feeds it would look as if results were not wanted, though nothing was given up.
        drop(results);
        join(workers);
        let fed = join([feeder]).into_iter().collect::<Result<()>>();
        finished.and_then(|finished| fed.map(|()| finished))
    })
}

/// Feeds; a failure after the work was given up only says that it was.
fn fed<I, O>(feed: impl FnOnce(&Sender<I, O>) -> Result<()>, sender: &Sender<I, O>) -> Result<()> {
    let fed = feed(sender);
    if fed.is_ok() || sender.budget.is_stopped() {
        return Ok(());
    }
    sender.budget.stop();
    fed
}

fn next_job<J>(waiting: &Lock<Receiver<J>>) -> Option<J> {
    waiting.lock().recv().ok()
}

/// The results; they end with the items, or with one that was dropped.
fn in_order<O>(results: Receiver<(Receiver<O>, Permit)>) -> impl Iterator<Item = O> {
    let mut in_use: Option<Permit> = None;
    let next = move || {
        drop(in_use.take());
        let (place, permit) = results.recv().ok()?;
        in_use = Some(permit);
        place.recv().ok()
    };
    from_fn(next).fuse()
}

/// Ends the other threads, also when this one panics.
struct StopOnDrop<'b>(&'b Budget);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    /// Sends the items one by one, each counting for a MiB of at most 8.
    fn run<O: Send, T>(
        threads: usize,
        items: impl Iterator<Item = u32> + Send,
        work: impl Fn(u32) -> O + Sync,
        finish: impl FnOnce(&mut dyn Iterator<Item = O>) -> Result<T>,
    ) -> Result<T> {
        let feed = |sender: &Sender<u32, O>| {
            let mut items = items;
            items.try_for_each(|item| sender.send(item, 1 << 20))
        };
        ordered(Limits { threads, budget: &Budget::new(8 << 20) }, feed, || &work, finish)
    }

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for threads in [1, 2, 7] {
            let slow = |item: u32| {
                thread::sleep(Duration::from_micros(u64::from(item * 7919 % 500)));
                item * 2
            };
            let results = run(threads, 0..200, slow, |results| Ok(results.collect::<Vec<_>>()));
            assert_eq!(results.unwrap(), (0..200).map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_more_is_sent_than_the_budget_allows_and_nothing_after_the_end() {
        let sent = AtomicUsize::new(0);
        let items = (0..1_000_000).inspect(|_| {
            sent.fetch_add(1, Ordering::Relaxed);
        });
        let first = run(
            3,
            items,
            |item| item,
            |results| {
                let first = results.next();
                thread::sleep(Duration::from_millis(50));
                Ok(first)
            },
        );
        assert_eq!(first.unwrap(), Some(0));
        assert!(sent.load(Ordering::Relaxed) <= 9, "{sent:?} items were sent");
    }

    #[test]
    fn an_error_of_the_last_step_ends_the_work() {
        let fail = |results: &mut dyn Iterator<Item = u32>| match results.nth(5) {
            Some(_) => Err::<(), _>(Error::damaged("enough")),
            None => Ok(()),
        };
        assert_eq!(run(2, 0.., |item| item, fail).unwrap_err().to_string(), "enough");
    }

    #[test]
    fn an_error_of_the_first_step_ends_the_work_too() {
        let feed = |sender: &Sender<u32, u32>| {
            sender.send(1, 0)?;
            Err(Error::damaged("no more"))
        };
        let results = ordered(
            Limits { threads: 2, budget: &Budget::new(1) },
            feed,
            || |item| item,
            |results| Ok(results.count()),
        );
        assert_eq!(results.unwrap_err().to_string(), "no more");
    }

    #[test]
    fn a_panic_of_a_worker_is_passed_on() {
        let work = |item: u32| if item == 3 { std::panic::resume_unwind(Box::new("worker")) } else { item };
        let run = || run(2, 0.., work, |results| Ok(results.count()));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    }
}
