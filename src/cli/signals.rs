//! What asks to stop: signals, and on Windows Ctrl-C and the closing of the window. Knows no command and prints nothing.

use super::failure::Failure;
use super::failure::INTERRUPTED;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// Whether a signal asked to stop.
#[derive(Default)]
pub(crate) struct Signals {
    stop: Arc<AtomicBool>,
}

impl Signals {
    /// From now on the first Ctrl-C, SIGTERM or SIGHUP is noted, and a second Ctrl-C ends the program at once. A write beyond
    /// the limit of a file's size becomes an error of that write.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn watch(&self) -> Result<(), Failure> {
        watch(&self.stop).map_err(|error| Failure::new(format!("cannot watch for Ctrl-C: {error}")))
    }

    /// Whether one of them came.
    pub(crate) fn was_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(unix)]
fn watch(stop: &Arc<AtomicBool>) -> std::io::Result<()> {
    use signal_hook::consts::SIGHUP;
    use signal_hook::consts::SIGINT;
    use signal_hook::consts::SIGTERM;
    use signal_hook::consts::SIGXFSZ;
    let flag = || Arc::clone(stop);
    signal_hook::flag::register_conditional_shutdown(SIGINT, INTERRUPTED.into(), flag())?;
    signal_hook::flag::register(SIGINT, flag())?;
    signal_hook::flag::register(SIGTERM, flag())?;
    if !is_hangup_ignored(SIGHUP) {
        signal_hook::flag::register(SIGHUP, flag())?;
    }
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Whether the parent process (`nohup`) wants this program to go on when the terminal is closed.
#[cfg(unix)]
fn is_hangup_ignored(hangup: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (hangup - 1) & 1 == 1)
}

#[cfg(windows)]
fn watch(stop: &Arc<AtomicBool>) -> Result<(), ctrlc::Error> {
    let flag = Arc::clone(stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED.into());
        }
    })
}
