//! Pieces of work that are begun at the same time, and change things one after the other.

use super::lock::Condition;
use super::lock::Lock;
use super::threads::join;
use crate::base::error::Error;
use crate::base::error::Result;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

/// Has at most `threads` threads work on items, which are begun in order. Each is given a turn: its number comes when those before
/// it are done. After a failure no further turn comes.
///
/// # Errors
/// The first one of `work`, in the order of the items.
pub fn in_turn<I: Sync>(threads: usize, items: &[I], work: impl Fn(&I, &Turn) -> Result<()> + Sync) -> Result<()> {
    let (order, next) = (Order::default(), AtomicUsize::new(0));
    let run = || {
        let begin = || next.fetch_add(1, Ordering::Relaxed);
        while let number = begin()
            && let Some(item) = items.get(number)
        {
            let turn = Turn { order: &order, number };
            let done = work(item, &turn);
            if !turn.end(done) {
                return;
            }
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len())).map(|_| scope.spawn(run)).collect();
        run();
        join(others);
    });
    order.state.into_inner().error.map_or(Ok(()), Err)
}

#[derive(Default)]
struct Order {
    state: Lock<State>,
    changed: Condition,
}

#[derive(Default)]
struct State {
    /// How many items are done.
    done: usize,
    /// No further turn comes.
    is_stopped: bool,
    error: Option<Error>,
}

/// The turn of an item.
pub struct Turn<'o> {
    order: &'o Order,
    number: usize,
}

impl Turn<'_> {
    /// Waits for it. It lasts until the work on the item ends.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when it does not come, for an earlier item failed.
    pub fn wait(&self) -> Result<()> {
        let is_early = |state: &mut State| state.done < self.number && !state.is_stopped;
        let state = self.order.changed.wait_while(self.order.state.lock(), is_early);
        if state.done < self.number { Err(Error::stopped()) } else { Ok(()) }
    }

    /// Passes it on, if the work was done; whether it was.
    fn end(self, done: Result<()>) -> bool {
        if self.wait().is_err() {
            return false;
        }
        let mut state = self.order.state.lock();
        match done {
            Ok(()) => state.done = self.number + 1,
            Err(error) => state.error = Some(error),
        }
        state.error.is_none()
    }
}

impl Drop for Turn<'_> {
    /// Also when the work panics: others wait.
    fn drop(&mut self) {
        let mut state = self.order.state.lock();
        state.is_stopped |= state.done <= self.number;
        drop(state);
        self.order.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// What is done of eight items, in which order, if this one fails before or after its turn has come.
    fn done(threads: usize, fails: Option<(usize, bool)>) -> (Vec<usize>, bool) {
        let items: Vec<usize> = (0..8).collect();
        let seen = Lock::new(Vec::new());
        let failed = || Err(Error::damaged("enough"));
        let ended = in_turn(threads, &items, |item, turn| {
            thread::sleep(Duration::from_micros((*item as u64 * 7919) % 3000));
            if fails == Some((*item, false)) {
                return failed();
            }
            turn.wait()?;
            seen.lock().push(*item);
            if fails == Some((*item, true)) { failed() } else { turn.wait() }
        });
        (seen.into_inner(), ended.is_err_and(|error| error.is_damage()))
    }

    #[test]
    fn all_is_done_in_order_up_to_what_fails() {
        for threads in [1, 2, 20] {
            assert_eq!(done(threads, None), ((0..8).collect(), false));
            assert_eq!(done(threads, Some((3, false))), (vec![0, 1, 2], true));
            assert_eq!(done(threads, Some((3, true))), (vec![0, 1, 2, 3], true));
        }
    }

    #[test]
    fn a_panic_is_passed_on() {
        let work =
            |item: &usize, _: &Turn| if *item == 1 { std::panic::resume_unwind(Box::new("work")) } else { Ok(()) };
        let run = || in_turn(2, &[0, 1, 2, 3], work);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    }
}
