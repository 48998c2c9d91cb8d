//! The line of progress: what is being done, how far it is, how long the rest takes. Knows no command.

use super::text;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use snap_archive::base::concurrency::Lock;
use snap_archive::base::monitor::Phase;
use snap_archive::base::monitor::Progress;
use std::time::Duration;
use std::time::Instant;

/// How often the line is drawn.
const REDRAW: Duration = Duration::from_millis(100);

/// The line, as long as it is shown.
pub(crate) struct Line(Lock<Option<State>>);

struct State {
    bar: ProgressBar,
    phase: Option<Phase>,
    began: Instant,
    drawn: Option<Instant>,
}

impl Line {
    /// A line that is shown, or one that never is.
    pub(crate) fn new(is_shown: bool) -> Line {
        let state = || State { bar: spinner(), phase: None, began: Instant::now(), drawn: None };
        Line(Lock::new(is_shown.then(state)))
    }

    /// Another part of the work begins.
    pub(crate) fn begin(&self, phase: Phase) {
        if let Some(state) = self.0.lock().as_mut() {
            (state.phase, state.began) = (Some(phase), Instant::now());
        }
    }

    /// Draws it, if it is time to.
    pub(crate) fn show(&self, progress: Progress, problems: &dyn Fn() -> u64) {
        let mut locked = self.0.lock();
        let Some(state) = locked.as_mut().filter(|state| state.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW))
        else {
            return;
        };
        state.drawn = Some(Instant::now());
        let text = line(&progress, state.began.elapsed());
        let phase = state.phase.map_or(String::new(), |phase| format!("{}: ", doing(phase)));
        let problems = match problems() {
            0 => String::new(),
            some => format!(", {}", text::count(some, "problem", "problems")),
        };
        state.bar.set_message(format!("{phase}{text}{problems}"));
        state.bar.tick();
    }

    /// Writes something above it.
    pub(crate) fn suspended(&self, write: impl FnOnce()) {
        let locked = self.0.lock();
        match locked.as_ref() {
            Some(state) if state.drawn.is_some() => state.bar.suspend(write),
            _ => write(),
        }
    }

    /// Takes it away, for good.
    pub(crate) fn close(&self) {
        if let Some(state) = self.0.lock().take() {
            state.bar.finish_and_clear();
        }
    }
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{spinner} {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Saving => "Saving",
        Phase::MeasuringSources => "Measuring the sources",
        Phase::Restoring => "Restoring",
        Phase::FinishingFolders => "Finishing folders",
        Phase::CheckingManifests => "Checking manifests",
        Phase::CheckingIndex => "Checking the index",
        Phase::CheckingContents => "Checking contents",
        Phase::Exporting => "Exporting",
        _ => "Working",
    }
}

fn line(progress: &Progress, elapsed: Duration) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_progress_says_how_much_is_left_once_it_knows() {
        let scanning = Progress { entries: 1234, bytes: 4_200_000, bytes_total: 0 };
        assert_eq!(line(&scanning, Duration::from_secs(10)), "1,234 entries, 4.2 MB");
        let early = Progress { entries: 1, bytes: 0, bytes_total: 2_000_000 };
        assert_eq!(line(&early, Duration::from_secs(10)), "1 entry, 0 B of 2.0 MB (0 %)");
        let halfway = Progress { entries: 7, bytes: 500_000, bytes_total: 2_000_000 };
        let expected = "7 entries, 500 kB of 2.0 MB (25 %), 30.0 s left";
        assert_eq!(line(&halfway, Duration::from_secs(10)), expected);
    }
}
