//! What is being done, how far it is, how long the rest takes: a block of two lines for a person, or lines of JSON for a program.
//! Knows no command.

use super::json;
use super::text;
use clap::ValueEnum;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use serde::Serialize;
use snap_archive::base::concurrency::Lock;
use snap_archive::base::monitor::Phase;
use snap_archive::base::monitor::Progress;
use snap_archive::base::path::EntryPath;
use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;
use std::time::Instant;

/// How often the block is drawn.
const REDRAW: Duration = Duration::from_millis(100);

/// How often a line for programs is printed.
const RETELL: Duration = Duration::from_secs(1);

/// How often a sample is taken of how many bytes were done.
const SAMPLE: Duration = Duration::from_millis(500);

/// How many samples are kept: the rate is that of the last 10 seconds.
const SAMPLES_MAX: usize = 20;

/// Over less time, a rate is a guess.
const GUESS: Duration = Duration::from_secs(2);

/// How many columns the bar has between its brackets.
const BAR_COLUMNS: u64 = 16;

/// How many columns the block may have where that is not known.
const COLUMNS: usize = 80;

/// Whether and how progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Shown {
    /// On a terminal, for a person
    #[default]
    Auto,
    /// One line of JSON a second on the standard error, for programs
    Json,
    /// Not at all
    None,
}

/// The block, as long as it is shown.
pub(crate) struct Block(Lock<Option<State>>);

struct State {
    /// The block on the terminal; `None`: lines for a program.
    bar: Option<ProgressBar>,
    phase: Option<Phase>,
    /// When, and how many bytes and entries were done then; the newest last.
    samples: VecDeque<(Instant, u64, u64)>,
    drawn: Option<Instant>,
    known: Known,
    /// The last entry that was saved or restored.
    path: Vec<u8>,
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
    /// Thousandths of an entry a second, likewise.
    entry_rate: Option<u64>,
}

#[derive(Serialize)]
struct Document<'a> {
    progress: Told<'a>,
}

#[derive(Serialize)]
struct Told<'a> {
    phase: String,
    entries: u64,
    entries_before: Option<u64>,
    bytes: u64,
    bytes_total: Option<u64>,
    counting: bool,
    bytes_per_second: Option<u64>,
    seconds_left: Option<u64>,
    problems: u64,
    path: Option<json::Text<'a>>,
}

impl Block {
    /// A block for a person, or lines for a program.
    pub(crate) fn new(is_for_person: bool) -> Block {
        let state = State {
            bar: is_for_person.then(spinner),
            phase: None,
            samples: VecDeque::new(),
            drawn: None,
            known: Known::default(),
            path: Vec::new(),
        };
        Block(Lock::new(Some(state)))
    }

    /// One that is never shown.
    pub(crate) fn hidden() -> Block {
        Block(Lock::new(None))
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
            state.path.clear();
        }
    }

    /// The number of entries the last time.
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

    /// This entry was saved or restored.
    pub(crate) fn at(&self, path: &EntryPath) {
        if let Some(state) = self.0.lock().as_mut() {
            state.path.clear();
            state.path.extend_from_slice(path.as_bytes());
        }
    }

    /// Draws it, or prints a line, if it is time to.
    pub(crate) fn show(&self, progress: Progress, problems: &dyn Fn() -> u64) {
        let mut locked = self.0.lock();
        let Some(state) = locked.as_mut() else { return };
        let pause = if state.bar.is_some() { REDRAW } else { RETELL };
        if state.drawn.is_some_and(|drawn| drawn.elapsed() < pause) {
            return;
        }
        state.drawn = Some(Instant::now());
        let (rate, entry_rate) = state.rates(&progress);
        let known = Known { rate, entry_rate, ..state.known };
        let problems = problems();
        let Some(bar) = &state.bar else {
            let document = Document { progress: state.told(&progress, &known, problems) };
            if let Ok(line) = json::line(&document) {
                // If the standard error cannot be written, nothing can be reported.
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            return;
        };
        let columns = text::columns_of_stderr().unwrap_or(COLUMNS).saturating_sub(3);
        bar.set_prefix(cut(&head(doing(state.phase), &progress, &known, columns), columns));
        bar.set_message(cut(&detail(&progress, &known, problems, (&state.path, columns)), columns));
        bar.tick();
    }

    /// Writes something above it.
    pub(crate) fn suspended(&self, write: impl FnOnce()) {
        let locked = self.0.lock();
        match locked.as_ref().and_then(|state| state.bar.as_ref().filter(|_| state.drawn.is_some())) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes it away, for good.
    pub(crate) fn close(&self) {
        if let Some(bar) = self.0.lock().take().and_then(|state| state.bar) {
            bar.finish_and_clear();
        }
    }
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{spinner} {prefix}\n  {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn doing(phase: Option<Phase>) -> &'static str {
    match phase {
        Some(Phase::Saving) => "Saving",
        Some(Phase::SyncingSources) => "Syncing the drives of the sources",
        Some(Phase::MeasuringSources) => "Measuring the sources",
        Some(Phase::Restoring) => "Restoring",
        Some(Phase::FinishingFolders) => "Finishing folders",
        Some(Phase::CheckingManifests) => "Checking manifests",
        Some(Phase::CheckingIndex) => "Checking the index",
        Some(Phase::CheckingContents) => "Checking contents",
        Some(Phase::SearchingContents) => "Searching contents",
        Some(Phase::Exporting) => "Exporting",
        Some(Phase::FindingUnused) => "Finding what is not needed",
        Some(Phase::Pruning) => "Pruning",
        _ => "Working",
    }
}

/// The first line: what is done, a bar, bytes, rate and the time that is left; without the bar where it is too long.
fn head(doing: &str, progress: &Progress, known: &Known, columns: usize) -> String {
    let (bytes, total) = (progress.bytes, progress.bytes_total);
    let (done, all) = (text::size(bytes), text::size(total));
    let part = |of: u64| (u128::from(bytes.min(total)) * u128::from(of) / u128::from(total.max(1))) as u64;
    let mut parts = Vec::new();
    match (total, known.is_counting) {
        (0, _) if bytes == 0 => {}
        (0, _) => parts.push(done),
        (_, true) => parts.push(format!("{done} of {all} so far")),
        (_, false) => parts.push(format!("{} %, {done} of {all}", part(100))),
    }
    if let Some(rate) = known.rate.filter(|_| bytes > 0) {
        parts.push(format!("{}/s", text::size(rate)));
    }
    if let Some(left) = seconds_left(progress, known).map(|left| text::whole_seconds(Duration::from_secs(left))) {
        parts.push(if known.is_counting { format!("about {left} left") } else { format!("{left} left") });
    }
    let parts = parts.join(", ");
    if parts.is_empty() {
        return doing.to_owned();
    }
    let filled = part(BAR_COLUMNS) as usize;
    let bar = format!("[{}{}]", "#".repeat(filled), "-".repeat(BAR_COLUMNS as usize - filled));
    let with_bar = format!("{doing} {bar} {parts}");
    let has_bar = total > 0 && !known.is_counting && with_bar.len() <= columns;
    if has_bar { with_bar } else { format!("{doing}: {parts}") }
}

/// How many seconds the rest takes at the present rates. While the bytes are being counted, it is taken that there are as many
/// entries as the last time.
fn seconds_left(progress: &Progress, known: &Known) -> Option<u64> {
    let bytes_left = progress.bytes_total.saturating_sub(progress.bytes);
    let by_bytes = known.rate.and_then(|rate| bytes_left.checked_div(rate));
    if !known.is_counting {
        return by_bytes.filter(|_| progress.bytes_total > 0 && progress.bytes > 0);
    }
    let entries_left = known.entries_before.checked_sub(progress.entries)?;
    let by_entries = entries_left.saturating_mul(1000).checked_div(known.entry_rate?)?;
    Some(by_entries.max(by_bytes.unwrap_or(0)))
}

/// The second line: entries, problems, and the path at hand as far as there is room for it.
fn detail(progress: &Progress, known: &Known, problems: u64, (path, columns): (&[u8], usize)) -> String {
    let mut parts = Vec::new();
    match known.entries_before {
        0 if progress.entries == 0 => {}
        before if before > progress.entries => {
            parts.push(format!("{} of about {} entries", text::number(progress.entries), text::number(before)));
        }
        _ => parts.push(text::count(progress.entries, "entry", "entries")),
    }
    if problems > 0 {
        parts.push(text::count(problems, "problem", "problems"));
    }
    let mut line = parts.join(", ");
    let shown = snap_archive::base::path::printable(path);
    let room = columns.saturating_sub(text::width(&line) + 2);
    if !shown.is_empty() && room >= 8 {
        let between = if line.is_empty() { "" } else { "  " };
        line = format!("{line}{between}{}", end_of(&shown, room));
    }
    line
}

/// As much of a line as there is room for.
fn cut(line: &str, columns: usize) -> String {
    text::pieces(line, columns.max(1)).swap_remove(0)
}

/// As much of the end of a path as there is room for.
fn end_of(path: &str, columns: usize) -> String {
    if text::width(path) <= columns {
        return path.to_owned();
    }
    let mut kept = String::new();
    for c in path.chars().rev() {
        if text::width(&kept) + text::width(c.encode_utf8(&mut [0; 4])) + 1 > columns {
            break;
        }
        kept.push(c);
    }
    std::iter::once('…').chain(kept.chars().rev()).collect()
}

impl State {
    /// Bytes, and thousandths of an entry, a second in the last seconds; `None` while that would be a guess.
    fn rates(&mut self, progress: &Progress) -> (Option<u64>, Option<u64>) {
        let now = Instant::now();
        if self.samples.back().is_none_or(|(at, ..)| now - *at >= SAMPLE) {
            self.samples.push_back((now, progress.bytes, progress.entries));
        }
        if self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
        let Some((since, bytes, entries)) = self.samples.front().copied() else { return (None, None) };
        let entries = progress.entries.saturating_sub(entries).saturating_mul(1000);
        (per_second(progress.bytes.saturating_sub(bytes), now - since), per_second(entries, now - since))
    }

    fn told(&self, progress: &Progress, known: &Known, problems: u64) -> Told<'_> {
        Told {
            phase: doing(self.phase).to_lowercase(),
            entries: progress.entries,
            entries_before: Some(known.entries_before).filter(|before| *before > 0),
            bytes: progress.bytes,
            bytes_total: Some(progress.bytes_total).filter(|total| *total > 0),
            counting: known.is_counting,
            bytes_per_second: known.rate,
            seconds_left: seconds_left(progress, known),
            problems,
            path: Some(json::Text(&self.path)).filter(|_| !self.path.is_empty()),
        }
    }
}

fn per_second(bytes: u64, time: Duration) -> Option<u64> {
    let millis = u64::try_from(time.as_millis()).ok().filter(|_| time >= GUESS)?;
    u64::try_from(u128::from(bytes) * 1000 / u128::from(millis)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(bytes: u64, bytes_total: u64) -> Progress {
        Progress { entries: 1234, bytes, bytes_total }
    }

    fn known(rate: Option<u64>) -> Known {
        Known { rate, ..Known::default() }
    }

    #[test]
    fn the_first_line_says_what_is_known_and_no_more() {
        let line = |bytes, total, known: Known| head("Saving", &progress(bytes, total), &known, 77);
        assert_eq!(line(0, 0, known(None)), "Saving");
        assert_eq!(line(4_200_000, 0, known(None)), "Saving: 4.2 MB");
        assert_eq!(line(0, 2_000_000, known(None)), "Saving [----------------] 0 %, 0 B of 2.0 MB");
        let halfway = line(500_000, 2_000_000, known(Some(50_000)));
        assert_eq!(halfway, "Saving [####------------] 25 %, 500 kB of 2.0 MB, 50.0 kB/s, 30 s left");
        let counting = Known { entries_before: 0, is_counting: true, rate: Some(50_000), entry_rate: Some(100_000) };
        assert_eq!(line(500_000, 2_000_000, counting), "Saving: 500 kB of 2.0 MB so far, 50.0 kB/s");
        // By what there was the last time, whichever takes longer.
        let as_before = Known { entries_before: 5_234, ..counting };
        let shown = line(500_000, 2_000_000, as_before);
        assert_eq!(shown, "Saving: 500 kB of 2.0 MB so far, 50.0 kB/s, about 40 s left");
        assert_eq!(line(0, 0, Known { rate: Some(0), ..as_before }), "Saving: about 40 s left");
        let many = line(500_000, 20_000_000, as_before);
        assert_eq!(many, "Saving: 500 kB of 20.0 MB so far, 50.0 kB/s, about 6 min 30 s left");
        let stalled = line(2_000_001, 2_000_000, known(Some(0)));
        assert_eq!(stalled, "Saving [################] 100 %, 2.0 MB of 2.0 MB, 0 B/s");
    }

    #[test]
    fn both_lines_fit_the_terminal() {
        let huge = Progress { entries: 1_234_567, bytes: 99_900_000_000, bytes_total: 999_000_000_000 };
        let known = Known { entries_before: 9_999_999, rate: Some(23_456_789), ..Known::default() };
        let first = head("Checking contents", &huge, &known, 77);
        assert!(text::width(&first) <= 77 && text::width(&cut(&first, 40)) <= 40, "{first}");
        assert_eq!(first, "Checking contents: 10 %, 99.9 GB of 999 GB, 23.5 MB/s, 10 h 38 min left");
        let path = "home/".to_owned() + &"日本".repeat(60) + "/letter.txt";
        for columns in [37, 77, 137] {
            let second = detail(&huge, &known, 12, (path.as_bytes(), columns));
            assert!(text::width(&cut(&second, columns)) <= columns, "{columns}: {second}");
        }
        let second = detail(&huge, &known, 12, (path.as_bytes(), 77));
        assert!(
            second.starts_with("1,234,567 of about 9,999,999 entries, 12 problems  …")
                && second.ends_with("/letter.txt")
        );
        assert_eq!(detail(&progress(0, 0), &Known::default(), 0, (b"a/b\x1b", 77)), "1,234 entries  a/b\\x1b");
    }

    #[test]
    fn a_rate_is_none_while_it_would_be_a_guess() {
        assert_eq!(per_second(1000, Duration::from_millis(500)), None);
        assert_eq!(per_second(1000, Duration::from_secs(4)), Some(250));
    }
}
