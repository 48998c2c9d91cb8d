//! The line of progress: what is being done, how far it is, how long the rest takes. Knows no command.

use super::text;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use snap_archive::base::concurrency::Lock;
use snap_archive::base::monitor::Phase;
use snap_archive::base::monitor::Progress;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

/// How often the line is drawn.
const REDRAW: Duration = Duration::from_millis(100);

/// How often it is noted how many bytes were done.
const SAMPLE: Duration = Duration::from_millis(500);

/// How many such notes are kept: the rate is that of the last 10 seconds.
const SAMPLES_MAX: usize = 20;

/// Over less time, a rate is a guess.
const GUESS: Duration = Duration::from_secs(2);

/// The line, as long as it is shown.
pub(crate) struct Line(Lock<Option<State>>);

struct State {
    bar: ProgressBar,
    phase: Option<Phase>,
    /// When, and how many bytes were done then; the newest last.
    samples: VecDeque<(Instant, u64)>,
    drawn: Option<Instant>,
    known: Known,
}

/// What else is known of the work.
#[derive(Clone, Copy, Default)]
struct Known {
    /// How many entries there were the last time; 0: not known.
    entries_before: u64,
    /// Whether the bytes in all are still being counted.
    is_counting: bool,
    /// Bytes a second, in the last seconds; `None` while that would be a guess.
    rate: Option<u64>,
}

impl Line {
    /// A line that is shown, or one that never is.
    pub(crate) fn new(is_shown: bool) -> Line {
        let state =
            || State { bar: spinner(), phase: None, samples: VecDeque::new(), drawn: None, known: Known::default() };
        Line(Lock::new(is_shown.then(state)))
    }

    /// Whether it is shown.
    pub(crate) fn is_shown(&self) -> bool {
        self.0.lock().is_some()
    }

    /// Another part of the work begins.
    pub(crate) fn begin(&self, phase: Phase) {
        if let Some(state) = self.0.lock().as_mut() {
            state.phase = Some(phase);
            state.samples.clear();
        }
    }

    /// There were so many entries the last time.
    pub(crate) fn had_entries(&self, entries: u64) {
        if let Some(state) = self.0.lock().as_mut() {
            state.known.entries_before = entries;
        }
    }

    /// The bytes in all are being counted, or are known now.
    pub(crate) fn count(&self, is_counting: bool) {
        if let Some(state) = self.0.lock().as_mut() {
            state.known.is_counting = is_counting;
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
        let rate = state.rate(progress.bytes);
        let text = line(&progress, &Known { rate, ..state.known }, problems());
        let phase = state.phase.map_or("Working", doing);
        let between = if text.is_empty() { "" } else { ": " };
        state.bar.set_message(format!("{phase}{between}{text}"));
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
        Phase::SyncingSources => "Syncing the drives of the sources",
        Phase::MeasuringSources => "Measuring the sources",
        Phase::Restoring => "Restoring",
        Phase::FinishingFolders => "Finishing folders",
        Phase::CheckingManifests => "Checking manifests",
        Phase::CheckingIndex => "Checking the index",
        Phase::CheckingContents => "Checking contents",
        Phase::Exporting => "Exporting",
        Phase::FindingUnused => "Finding what is not needed",
        Phase::Pruning => "Pruning",
        _ => "Working",
    }
}

fn line(progress: &Progress, known: &Known, problems: u64) -> String {
    let mut parts = Vec::new();
    let (bytes, total) = (progress.bytes, progress.bytes_total);
    let percent = || u128::from(bytes.min(total)) * 100 / u128::from(total.max(1));
    let (done, all) = (text::size(bytes), text::size(total));
    match (total, known.is_counting) {
        (0, _) if bytes == 0 => {}
        (0, _) => parts.push(done),
        (_, true) => parts.push(format!("{done} of {all} so far")),
        (_, false) => parts.push(format!("{done} of {all} ({} %)", percent())),
    }
    if let Some(rate) = known.rate.filter(|_| bytes > 0) {
        parts.push(format!("{}/s", text::size(rate)));
        let left = total.saturating_sub(bytes).checked_div(rate).filter(|_| total > 0 && !known.is_counting);
        parts.extend(left.map(|seconds| format!("{} left", text::whole_seconds(Duration::from_secs(seconds)))));
    }
    if problems > 0 {
        parts.push(text::count(problems, "problem", "problems"));
    }
    if (progress.entries, known.entries_before) == (0, 0) {
        return parts.join(", ");
    }
    parts.push(match known.entries_before {
        before if before > progress.entries => {
            format!("{} of about {} entries", text::number(progress.entries), text::number(before))
        }
        _ => text::count(progress.entries, "entry", "entries"),
    });
    parts.join(", ")
}

impl State {
    /// Bytes a second in the last seconds; `None` while that would be a guess.
    fn rate(&mut self, bytes: u64) -> Option<u64> {
        let now = Instant::now();
        if self.samples.back().is_none_or(|(at, _)| now - *at >= SAMPLE) {
            self.samples.push_back((now, bytes));
        }
        if self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
        let (since, before) = *self.samples.front()?;
        per_second(bytes.saturating_sub(before), now - since)
    }
}

fn per_second(bytes: u64, time: Duration) -> Option<u64> {
    let millis = u64::try_from(time.as_millis()).ok().filter(|_| time >= GUESS)?;
    u64::try_from(u128::from(bytes) * 1000 / u128::from(millis)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_progress_says_what_is_known_and_no_more() {
        let progress = |bytes, bytes_total| Progress { entries: 1234, bytes, bytes_total };
        let known = |rate| Known { rate, ..Known::default() };
        assert_eq!(line(&progress(0, 0), &known(None), 0), "1,234 entries");
        assert_eq!(line(&progress(4_200_000, 0), &known(None), 0), "4.2 MB, 1,234 entries");
        assert_eq!(line(&progress(0, 2_000_000), &known(None), 2), "0 B of 2.0 MB (0 %), 2 problems, 1,234 entries");
        let halfway = line(&progress(500_000, 2_000_000), &known(Some(50_000)), 0);
        assert_eq!(halfway, "500 kB of 2.0 MB (25 %), 50.0 kB/s, 30 s left, 1,234 entries");
        let counting = Known { entries_before: 50_000, is_counting: true, rate: Some(50_000) };
        let counting = line(&progress(500_000, 2_000_000), &counting, 0);
        assert_eq!(counting, "500 kB of 2.0 MB so far, 50.0 kB/s, 1,234 of about 50,000 entries");
        assert!(counting.len() + "Saving: ".len() <= 78, "it fits 80 columns");
        let stalled = line(&progress(500_000, 2_000_000), &known(Some(0)), 0);
        assert_eq!(stalled, "500 kB of 2.0 MB (25 %), 0 B/s, 1,234 entries");
    }

    #[test]
    fn a_rate_is_none_while_it_would_be_a_guess() {
        assert_eq!(per_second(1000, Duration::from_millis(500)), None);
        assert_eq!(per_second(1000, Duration::from_secs(4)), Some(250));
    }
}
