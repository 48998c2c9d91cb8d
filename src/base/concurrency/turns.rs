//! Threads that take turns.

use super::lock::Condition;
use super::lock::Guard;
use super::lock::Lock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// A value that threads change one after the other, in the order of their numbers: the hash of a file whose pieces are read at
/// the same time.
///
/// Whoever has number 0 comes first. Every number must come, else the next one waits for ever, unless it is stopped.
#[derive(Debug, Default)]
pub struct Turns<T> {
    state: Lock<State<T>>,
    passed: Condition,
    /// Not in the state: whoever asks need not wait for a turn that is under way.
    is_stopped: AtomicBool,
}

#[derive(Debug, Default)]
struct State<T> {
    next: u64,
    value: T,
}

impl<T> Turns<T> {
    /// Nobody had a turn yet.
    pub fn new(value: T) -> Turns<T> {
        let state = Lock::new(State { next: 0, value });
        Turns { state, passed: Condition::default(), is_stopped: AtomicBool::new(false) }
    }

    /// Waits for turn `number`, acts, and passes the turn on, stopped or not.
    pub fn take<R>(&self, number: u64, act: impl FnOnce(&mut T) -> R) -> R {
        let state = self.passed.wait_while(self.state.lock(), |state| state.next < number);
        self.pass_on(state, number, act)
    }

    /// Waits for turn `number`, acts, and passes the turn on. `None` once it is stopped.
    pub fn take_unless_stopped<R>(&self, number: u64, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let must_wait = |state: &mut State<T>| state.next < number && !self.is_stopped();
        let state = self.passed.wait_while(self.state.lock(), must_wait);
        (!self.is_stopped()).then(|| self.pass_on(state, number, act))
    }

    /// Refuses all turns that may be refused, and wakes all who wait for one.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        // Whoever is about to wait has seen it, or waits by now.
        drop(self.state.lock());
        self.passed.notify_all();
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    fn pass_on<R>(&self, mut state: Guard<'_, State<T>>, number: u64, act: impl FnOnce(&mut T) -> R) -> R {
        let done = act(&mut state.value);
        state.next = number + 1;
        drop(state);
        self.passed.notify_all();
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_taken_in_order_whoever_comes_first() {
        let turns = Turns::new(Vec::new());
        std::thread::scope(|scope| {
            for number in (0..20).rev() {
                let turns = &turns;
                scope.spawn(move || turns.take(number, |taken| taken.push(number)));
            }
        });
        assert_eq!(turns.take(20, std::mem::take), (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_stop_wakes_who_waits_for_a_turn_that_will_not_come() {
        let turns = Turns::new(0);
        assert_eq!(turns.take_unless_stopped(0, |taken| *taken), Some(0));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.take_unless_stopped(2, |taken| *taken));
            turns.stop();
            assert!(waiting.join().is_ok_and(|taken| taken.is_none()));
        });
        assert!(turns.is_stopped() && turns.take_unless_stopped(1, |taken| *taken).is_none());
        assert_eq!(turns.take(1, |taken| *taken), 0, "a turn that may not be refused comes all the same");
    }
}
