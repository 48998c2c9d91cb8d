//! Memory shared by threads, counted in bytes.

use super::lock::Condition;
use super::lock::Lock;
use std::sync::Arc;

/// A bound on the bytes that are in use at once. Copies share it. It is for one run: once stopped, it stays so.
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

struct Shared {
    bytes_max: u64,
    used: Lock<Used>,
    freed: Condition,
}

#[derive(Default)]
struct Used {
    bytes: u64,
    is_stopped: bool,
}

impl Budget {
    /// At most `bytes_max` bytes at once.
    pub fn new(bytes_max: u64) -> Budget {
        Budget(Arc::new(Shared { bytes_max, used: Lock::default(), freed: Condition::default() }))
    }

    /// Waits until `bytes` more may be used; more than the whole budget, until nothing else is. `None` once it is stopped.
    pub fn take(&self, bytes: u64) -> Option<Permit> {
        let Shared { bytes_max, used, freed } = &*self.0;
        let must_wait = |used: &mut Used| !used.is_stopped && used.bytes > bytes_max.saturating_sub(bytes);
        let mut used = freed.wait_while(used.lock(), must_wait);
        if used.is_stopped {
            return None;
        }
        used.bytes += bytes;
        Some(Permit { budget: self.clone(), bytes })
    }

    /// Refuses all further bytes, and wakes all who wait.
    pub fn stop(&self) {
        self.0.used.lock().is_stopped = true;
        self.0.freed.notify_all();
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.0.used.lock().is_stopped
    }
}

/// Bytes of a [`Budget`] in use, until it is dropped.
pub struct Permit {
    budget: Budget,
    bytes: u64,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.0.used.lock().bytes -= self.bytes;
        self.budget.0.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    /// What another thread gets that asks for `bytes`, while `meanwhile` is done.
    fn asked(budget: &Budget, bytes: u64, meanwhile: impl FnOnce()) -> Option<Permit> {
        let (done, result) = channel();
        let asking = budget.clone();
        thread::spawn(move || done.send(asking.take(bytes)));
        assert!(result.recv_timeout(Duration::from_millis(50)).is_err(), "it waits");
        meanwhile();
        result.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    #[test]
    fn what_does_not_fit_waits_until_something_is_freed() {
        let budget = Budget::new(10);
        let (first, second) = (budget.take(6).unwrap(), budget.take(4).unwrap());
        assert!(asked(&budget, 5, || drop(first)).is_some());
        drop(second);
    }

    #[test]
    fn what_is_larger_than_all_passes_alone() {
        let budget = Budget::new(10);
        drop(budget.take(100).unwrap());
        let one = budget.take(1).unwrap();
        assert!(asked(&budget, 100, || drop(one)).is_some());
    }

    #[test]
    fn a_stop_wakes_who_waits() {
        let budget = Budget::new(10);
        let all = budget.take(10).unwrap();
        assert!(asked(&budget, 1, || budget.stop()).is_none());
        drop(all);
        assert!(budget.is_stopped() && budget.take(1).is_none());
    }
}
