//! Tells the person on the standard error what happens while it happens, and hears Ctrl-C. Knows no command.

use super::Failure;
use super::failure::INTERRUPTED;
use super::output::advice;
use super::output::notices;
use super::session::GlobalArgs;
use super::text;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use snap_archive::base::error::Problem;
use snap_archive::base::monitor::EntryChange;
use snap_archive::base::monitor::Event;
use snap_archive::base::monitor::Monitor;
use snap_archive::base::monitor::Progress;
use snap_archive::base::path::EntryPath;
use std::io::IsTerminal;
use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// The most problems that are kept for `--json`; all are shown as they occur, and counted.
const PROBLEMS_KEPT_MAX: usize = 1000;

/// How often the line of progress is drawn.
const REDRAW_MILLIS: u64 = 100;

/// The standard error, and the signals that ask to stop.
pub(crate) struct Console {
    quiet: bool,
    lists_entries: AtomicBool,
    bar: Mutex<Option<ProgressBar>>,
    problems: Mutex<Vec<Problem>>,
    started: Instant,
    drawn_millis: AtomicU64,
    was_stopped: Arc<AtomicBool>,
}

impl Console {
    /// A console that shows what these options allow.
    pub(crate) fn new(global: &GlobalArgs) -> Console {
        let shows_progress = std::io::stderr().is_terminal() && !global.quiet && !global.json && !global.verbose;
        Console {
            quiet: global.quiet,
            lists_entries: AtomicBool::new(global.verbose && !global.json),
            bar: Mutex::new(shows_progress.then(spinner)),
            problems: Mutex::default(),
            started: Instant::now(),
            drawn_millis: AtomicU64::new(0),
            was_stopped: Arc::default(),
        }
    }

    /// From now on every entry is named on the standard output; a line of progress would only be in the way.
    pub(crate) fn list_entries(&self) {
        self.close();
        self.lists_entries.store(true, Ordering::Relaxed);
    }

    /// From now on the first Ctrl-C (or SIGTERM) is noted, and a second Ctrl-C ends the program at once.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn watch_signals(&self) -> Result<(), Failure> {
        let flag = &self.was_stopped;
        let watched = signal_hook::flag::register_conditional_shutdown(SIGINT, INTERRUPTED.into(), Arc::clone(flag))
            .and_then(|_| signal_hook::flag::register(SIGINT, Arc::clone(flag)))
            .and_then(|_| signal_hook::flag::register(SIGTERM, Arc::clone(flag)));
        watched.map(drop).map_err(|error| Failure::new(format!("cannot watch for Ctrl-C: {error}")))
    }

    /// Whether there was a Ctrl-C (or SIGTERM).
    pub(crate) fn was_stopped(&self) -> bool {
        self.was_stopped.load(Ordering::Relaxed)
    }

    /// The first problems, at most 1000.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        locked(&self.problems).clone()
    }

    /// Takes the line of progress away, for good.
    pub(crate) fn close(&self) {
        if let Some(bar) = locked(&self.bar).take() {
            bar.finish_and_clear();
        }
    }

    /// Writes a line above the line of progress.
    pub(crate) fn line(&self, line: &str) {
        // A standard error that cannot be written leaves nobody to tell.
        let write = || drop(writeln!(anstream::stderr(), "{line}"));
        match locked(&self.bar).as_ref() {
            Some(bar) if self.drawn_millis.load(Ordering::Relaxed) > 0 => bar.suspend(write),
            _ => write(),
        }
    }

    /// Writes a line about what goes wrong.
    pub(crate) fn warn(&self, line: &str) {
        self.line(&text::yellow(line));
    }

    /// Writes a line that the person should know of, unless `--quiet`.
    pub(crate) fn note(&self, what: &str) {
        if !self.quiet {
            self.line(&format!("note: {what}"));
        }
    }

    fn problem(&self, problem: &Problem) {
        let advice = problem.advice.as_ref().map_or(String::new(), |known| format!(". {}", advice::text(known)));
        self.line(&format!("{}{problem}{advice}", text::yellow("problem: ")));
        let mut kept = locked(&self.problems);
        if kept.len() < PROBLEMS_KEPT_MAX {
            kept.push(problem.clone());
        }
    }

    fn progress(&self, progress: Progress) {
        if self.is_due()
            && let Some(bar) = locked(&self.bar).as_ref()
        {
            bar.set_message(progress_line(&progress, self.started.elapsed()));
            bar.tick();
        }
    }

    /// Whether it is time to draw again.
    fn is_due(&self) -> bool {
        let now = self.started.elapsed().as_millis() as u64;
        let drawn = self.drawn_millis.load(Ordering::Relaxed);
        now >= drawn + REDRAW_MILLIS
            && self.drawn_millis.compare_exchange(drawn, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl Monitor for Console {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Entry(change, path) => entry(change, path),
            Event::Problem(problem) => self.problem(problem),
            Event::Notice(notice) => self.note(&notices::text(notice)),
            Event::Progress(progress) => self.progress(progress),
            _ => {}
        }
    }

    fn wants_entries(&self) -> bool {
        self.lists_entries.load(Ordering::Relaxed)
    }

    fn is_interrupted(&self) -> bool {
        self.was_stopped()
    }
}

fn entry(change: EntryChange, path: &EntryPath) {
    let word = match change {
        EntryChange::New => "new",
        EntryChange::Modified => "modified",
        EntryChange::Metadata => "metadata",
        EntryChange::Deleted => "delete",
        _ => "restore",
    };
    // A closed standard output only means that nobody reads the list any more.
    let _ = writeln!(std::io::stdout(), "{word:<9} {path}");
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{spinner} {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn progress_line(progress: &Progress, elapsed: Duration) -> String {
    let entries = text::count(progress.entries, "entry", "entries");
    let (bytes, total) = (progress.bytes, progress.bytes_total);
    if total == 0 {
        return format!("{entries}, {}", text::size(bytes));
    }
    let percent = u128::from(bytes.min(total)) * 100 / u128::from(total);
    let left =
        time_left(bytes, total, elapsed).map_or(String::new(), |left| format!(", {} left", text::duration(left)));
    format!("{entries}, {} of {} ({percent} %){left}", text::size(bytes), text::size(total))
}

/// How long the rest takes at the speed so far, in whole seconds; `None` while that would be a guess.
fn time_left(bytes: u64, total: u64, elapsed: Duration) -> Option<Duration> {
    const GUESS_SECONDS: u64 = 3;
    let rest = total.checked_sub(bytes)?;
    if bytes == 0 || elapsed.as_secs() < GUESS_SECONDS {
        return None;
    }
    let seconds = u128::from(elapsed.as_secs()) * u128::from(rest) / u128::from(bytes);
    Some(Duration::from_secs(u64::try_from(seconds).ok()?))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_progress_says_how_much_is_left_once_it_knows() {
        let scanning = Progress { entries: 1234, bytes: 4_200_000, bytes_total: 0 };
        assert_eq!(progress_line(&scanning, Duration::from_secs(10)), "1,234 entries, 4.2 MB");
        let early = Progress { entries: 1, bytes: 0, bytes_total: 2_000_000 };
        assert_eq!(progress_line(&early, Duration::from_secs(10)), "1 entry, 0 B of 2.0 MB (0 %)");
        let halfway = Progress { entries: 7, bytes: 500_000, bytes_total: 2_000_000 };
        let expected = "7 entries, 500 kB of 2.0 MB (25 %), 30.0 s left";
        assert_eq!(progress_line(&halfway, Duration::from_secs(10)), expected);
    }
}
