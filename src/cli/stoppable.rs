//! Ctrl-C: the first one asks the command to stop and sees to it that the program ends soon, the second one ends it at once.
//! Knows no command.

use super::failure::Failure;
use super::output::console::Console;
use snap_archive::base::error::Error;
use snap_archive::base::error::ErrorKind;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::Thread;
use std::time::Duration;
use std::time::Instant;

/// How long a command may take to stop by itself. All it writes is safe to be cut off at any byte; waiting only lets it remove
/// what is unfinished, which a slow drive may not allow.
const GRACE: Duration = Duration::from_millis(700);

/// How often it is looked whether a stop was asked for.
const LOOK: Duration = Duration::from_millis(50);

/// As large as that of the first thread usually is.
const STACK_BYTES: usize = 8 << 20;

/// Does `work` and gives its result. The first Ctrl-C (or SIGTERM, SIGHUP) asks it to stop; where that takes too long, as when a drive
/// does not answer, the program ends without it. A second Ctrl-C ends the program at once.
///
/// # Errors
/// `stopped`, when it was stopped; otherwise that signals cannot be watched or a thread cannot be made.
pub(crate) fn stoppable<T: Send>(
    console: &Console,
    stopped: Failure,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<Result<T, Error>, Failure> {
    console.signals.watch()?;
    let has_ended = AtomicBool::new(false);
    let result = thread::scope(|scope| -> Result<_, Failure> {
        // Signals go to the first thread: it must not be the one that waits for a drive.
        let end = End { has_ended: &has_ended, watcher: thread::current() };
        let worker = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, move || {
            let _end = end;
            work()
        });
        let worker = worker.map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
        watch(console, &stopped, &has_ended);
        Ok(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    match result {
        Err(error) if error.kind() == ErrorKind::Interrupted => Err(stopped),
        result => Ok(result),
    }
}

/// The end of the work, in whatever way it comes. Only one of worker and watcher may end the program.
struct End<'a> {
    has_ended: &'a AtomicBool,
    watcher: Thread,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        while self.has_ended.swap(true, Ordering::AcqRel) {
            // The watcher is just ending the program.
            thread::park();
        }
        self.watcher.unpark();
    }
}

fn watch(console: &Console, stopped: &Failure, has_ended: &AtomicBool) {
    let ends_within = |limit: Option<Duration>, wanted: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !has_ended.load(Ordering::Acquire) && !wanted() && limit.is_none_or(|limit| began.elapsed() < limit) {
            thread::park_timeout(LOOK);
        }
        has_ended.load(Ordering::Acquire)
    };
    if ends_within(None, &|| console.signals.was_stopped()) || ends_within(Some(LOOK), &|| false) {
        return;
    }
    console.line("Stopping …; press Ctrl-C again to stop at once");
    if !ends_within(Some(GRACE), &|| false) && !has_ended.swap(true, Ordering::AcqRel) {
        std::process::exit(console.fail(stopped).into());
    }
}
