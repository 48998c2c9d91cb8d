//! The signals that ask to stop. Knows no command and prints nothing.

use super::failure::Failure;
use super::failure::INTERRUPTED;
use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::consts::SIGXFSZ;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// Whether a signal asked to stop.
#[derive(Default)]
pub(crate) struct Signals {
    stop: Arc<AtomicBool>,
    ignored: Arc<AtomicBool>,
}

impl Signals {
    /// From now on the first Ctrl-C, SIGTERM or SIGHUP is noted, and a second Ctrl-C ends the program at once. A write beyond
    /// the limit of a file's size becomes an error of that write.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn watch(&self) -> Result<(), Failure> {
        let flag = || Arc::clone(&self.stop);
        let watched = signal_hook::flag::register_conditional_shutdown(SIGINT, INTERRUPTED.into(), flag())
            .and_then(|_| signal_hook::flag::register(SIGINT, flag()))
            .and_then(|_| signal_hook::flag::register(SIGTERM, flag()))
            .and_then(
                |_| if is_hangup_ignored() { Ok(()) } else { signal_hook::flag::register(SIGHUP, flag()).map(drop) },
            )
            .and_then(|()| signal_hook::flag::register(SIGXFSZ, Arc::clone(&self.ignored)));
        watched.map(drop).map_err(|error| Failure::new(format!("cannot watch for Ctrl-C: {error}")))
    }

    /// Whether one of them came.
    pub(crate) fn was_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Whether whoever started this program (`nohup`) wants it to go on when the terminal goes away.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (SIGHUP - 1) & 1 == 1)
}
