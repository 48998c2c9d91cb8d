//! A call at regular intervals while something else is done.

use super::threads::join;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// Does `act`, and meanwhile calls `tick` from another thread each time `interval` has passed.
pub fn with_ticks<T>(interval: Duration, tick: impl Fn() + Send, act: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        // Dropped when `act` is done, or panics.
        let (running, ended) = channel::<()>();
        let ticking = scope.spawn(move || {
            while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                tick();
            }
        });
        let done = act();
        drop(running);
        join([ticking]);
        done
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ticks_come_until_the_work_is_done() {
        let (ticked, ticks) = channel();
        let work = || (0..3).map(|_| ticks.recv_timeout(Duration::from_secs(20))).collect::<Result<Vec<()>, _>>();
        let tick = move || {
            let _ = ticked.send(());
        };
        assert_eq!(with_ticks(Duration::from_millis(1), tick, work).unwrap().len(), 3);
    }
}
