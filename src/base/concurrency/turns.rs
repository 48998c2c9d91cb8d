//! Threads that take turns.

use super::lock::Condition;
use super::lock::Lock;

/// A value that threads change one after the other, in the order of their numbers: the hash of a file whose pieces are read at
/// the same time.
///
/// Whoever has number 0 comes first. Every number must come, else the next one waits for ever.
#[derive(Debug, Default)]
pub struct Turns<T> {
    state: Lock<State<T>>,
    passed: Condition,
}

#[derive(Debug, Default)]
struct State<T> {
    next: u64,
    value: T,
}

impl<T> Turns<T> {
    /// Nobody had a turn yet.
    pub fn new(value: T) -> Turns<T> {
        Turns { state: Lock::new(State { next: 0, value }), passed: Condition::default() }
    }

    /// Waits for turn `number`, acts, and passes the turn on.
    pub fn take<R>(&self, number: u64, act: impl FnOnce(&mut T) -> R) -> R {
        let mut state = self.passed.wait_while(self.state.lock(), |state| state.next < number);
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
}
