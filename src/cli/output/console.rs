//! The standard output and the standard error: where results go, and what happens while it happens. Knows no command.

use super::super::failure::Failure;
use super::super::settings::Settings;
use super::super::signals::Signals;
use super::json;
use super::notices;
use super::problems;
use super::problems::Problems;
use super::progress::Block;
use super::progress::Shown;
use super::render::Channel;
use super::render::Line;
use super::render::Render;
use super::render::Text;
use super::text;
use super::wrap::wrapped;
use serde::Serialize;
use snap_archive::base::concurrency::Guard;
use snap_archive::base::concurrency::Lock;
use snap_archive::base::error::Problem;
use snap_archive::base::monitor::EntryChange;
use snap_archive::base::monitor::Event;
use snap_archive::base::monitor::Monitor;
use snap_archive::base::monitor::Notice;
use snap_archive::base::path::EntryPath;
use std::io::ErrorKind as IoErrorKind;
use std::io::IsTerminal;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// Where this run prints what happens, and learns that it should stop.
pub(crate) struct Console {
    json: bool,
    quiet: bool,
    verbose: bool,
    lists_entries: AtomicBool,
    progress: Block,
    /// What is said when work begins.
    announced: Lock<String>,
    problems: Lock<Problems>,
    /// What of the archive is missing, or cannot be trusted.
    warnings: Lock<Vec<String>>,
    are_problems_told: AtomicBool,
    /// Rules that may match nothing: they are those of the configuration.
    standing_rules: OnceLock<Vec<String>>,
    /// The signals that ask to stop.
    pub(crate) signals: Signals,
}

impl Console {
    /// A console that shows what these settings allow.
    pub(crate) fn new(settings: &Settings) -> Console {
        let Settings { json, quiet, verbose, progress, .. } = *settings;
        let is_for_person = std::io::stderr().is_terminal() && !quiet && !json && !verbose;
        let progress = match progress {
            Shown::Json => Block::new(false),
            Shown::Auto if is_for_person => Block::new(true),
            Shown::Auto | Shown::None => Block::hidden(),
        };
        Console {
            json,
            quiet,
            verbose,
            lists_entries: AtomicBool::new(verbose),
            progress,
            announced: Lock::default(),
            problems: Lock::default(),
            warnings: Lock::default(),
            are_problems_told: AtomicBool::new(false),
            standing_rules: OnceLock::new(),
            signals: Signals::default(),
        }
    }

    /// From now on every entry is named on the standard output, unless `--quiet` or `--json`; a line of progress would only
    /// be in the way.
    pub(crate) fn list_entries(&self) {
        if !self.quiet && !self.json {
            self.progress.close();
            self.lists_entries.store(true, Ordering::Relaxed);
        }
    }

    /// Whether results are for programs.
    pub(crate) fn is_for_programs(&self) -> bool {
        self.json
    }

    /// From now on it is not reported when one of these rules matches nothing.
    pub(crate) fn expect_unused(&self, rules: &[String]) {
        let _ = self.standing_rules.set(rules.to_vec());
    }

    /// The problems that were kept, for the result.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.locked_problems().kept()
    }

    /// Takes the line of progress away, for good, and prints the problems that were not printed yet.
    pub(crate) fn finish(&self) {
        self.progress.close();
        if !self.verbose && !self.are_problems_told.swap(true, Ordering::Relaxed) {
            for line in self.locked_problems().lines() {
                self.line(&line);
            }
        }
    }

    /// Takes the line of progress away, for good: what comes now goes to the standard output piece by piece.
    pub(crate) fn finish_progress(&self) {
        self.progress.close();
    }

    /// Prints a result: as a JSON document, or in lines.
    ///
    /// # Errors
    /// When the standard output cannot be written; one that was closed early is none.
    pub(crate) fn result(&self, result: &impl Render) -> Result<(), Failure> {
        self.finish();
        if self.json {
            return print(&json::document(&result.json(), &self.warnings())?);
        }
        let mut text = Text::new(self.verbose, text::columns_of_stdout());
        result.text(&mut text);
        text.into_lines().into_iter().try_for_each(|line| self.told(&line))
    }

    fn told(&self, line: &Line) -> Result<(), Failure> {
        match line.channel {
            Channel::Summary | Channel::Aside if self.quiet => Ok(()),
            Channel::Result | Channel::Summary if line.wraps => print(&wrapped(&line.text, text::columns_of_stdout())),
            Channel::Result | Channel::Summary => print(&line.text),
            Channel::Aside => {
                self.line(&line.text);
                Ok(())
            }
            Channel::Warning => {
                self.line(&text::yellow(&line.text));
                Ok(())
            }
        }
    }

    /// Says why the command failed; its exit code.
    pub(crate) fn fail(&self, failure: &Failure) -> u8 {
        self.finish();
        report(failure, self.json)
    }

    /// Writes a line to the standard error, above the line of progress.
    pub(crate) fn line(&self, line: &str) {
        let line = wrapped(line, text::columns_of_stderr());
        // If the standard error cannot be written, nothing can be reported.
        self.progress.suspended(|| drop(writeln!(anstream::stderr(), "{line}")));
    }

    /// Writes a line that a person, not a program, wants to see, unless `--quiet`.
    pub(crate) fn aside(&self, line: &str) {
        if !self.quiet && !self.json {
            self.line(line);
        }
    }

    /// Writes a line as [`Console::aside`] does, but only when work begins: until then it may be refused.
    pub(crate) fn announce(&self, line: String) {
        *self.announced.lock() = line;
    }

    /// Writes a line that the person should know of, unless `--quiet`.
    pub(crate) fn note(&self, what: &str) {
        if !self.quiet {
            self.line(&format!("note: {what}"));
        }
    }

    /// What of the archive is missing, or cannot be trusted, as far as it was met.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().clone()
    }

    /// Tells it once, also with `--quiet`: not all is well then.
    fn warn(&self, what: String) {
        let mut warnings = self.warnings.lock();
        if !warnings.contains(&what) {
            self.line(&format!("note: {what}"));
            warnings.push(what);
        }
    }

    fn problem(&self, problem: &Problem) {
        if self.verbose {
            self.line(&problems::one(problem));
        }
        self.locked_problems().push(problem);
    }

    fn locked_problems(&self) -> Guard<'_, Problems> {
        self.problems.lock()
    }
}

impl Monitor for Console {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Entry(change, path) if self.lists_entries.load(Ordering::Relaxed) && self.json => {
                entry_line(change, path);
            }
            Event::Entry(change, path) if self.lists_entries.load(Ordering::Relaxed) => entry(change, path),
            Event::Entry(_, path) => self.progress.at(path),
            Event::Problem(problem) => self.problem(problem),
            Event::Notice(Notice::RuleFitsNothing { rule })
                if self.standing_rules.get().is_some_and(|rules| rules.contains(rule)) => {}
            Event::Notice(notice) if notice.is_warning() => self.warn(notices::text(notice)),
            Event::Notice(notice) => self.note(&notices::text(notice)),
            Event::Phase(phase) => {
                let announced = std::mem::take(&mut *self.announced.lock());
                if !announced.is_empty() {
                    self.aside(&announced);
                }
                self.progress.begin(phase);
            }
            Event::EntriesBefore(entries) => self.progress.had_entries(entries),
            Event::Counting(is_counting) => self.progress.count(is_counting),
            Event::Progress(progress) => self.progress.show(progress, &|| self.locked_problems().count()),
            _ => {}
        }
    }

    fn wants_entries(&self) -> bool {
        self.lists_entries.load(Ordering::Relaxed) || self.progress.is_shown()
    }

    fn wants_totals(&self) -> bool {
        self.progress.is_shown()
    }

    fn is_interrupted(&self) -> bool {
        self.signals.was_stopped()
    }
}

/// Says why the command failed, on the standard error, and for a program as a document on the standard output; its exit code.
pub(crate) fn report(failure: &Failure, is_json: bool) -> u8 {
    if is_json && let Ok(document) = json::document(&json::Failed::new(failure), &[]) {
        // If it cannot be printed, the exit code still says it.
        let _ = print(&document);
    }
    let mut lines = format!("{}{}", text::red("snap: "), failure.what());
    if let Some(hint) = failure.hint() {
        lines.push_str("\n  ");
        lines.push_str(hint);
    }
    let _ = writeln!(anstream::stderr(), "{}", wrapped(&lines, text::columns_of_stderr()));
    failure.code()
}

fn print(line: &str) -> Result<(), Failure> {
    match writeln!(anstream::stdout(), "{line}") {
        Err(error) if error.kind() != IoErrorKind::BrokenPipe => Err(Failure::output(&error)),
        _ => Ok(()),
    }
}

/// An entry as a line of JSON, before the document.
#[derive(Serialize)]
struct EntryLine<'a> {
    change: &'static str,
    path: json::Text<'a>,
}

fn entry_line(change: EntryChange, path: &EntryPath) {
    let change = match change {
        EntryChange::New => "new",
        EntryChange::Modified => "modified",
        EntryChange::Metadata => "metadata",
        EntryChange::Moved => "moved",
        EntryChange::Deleted => "deleted",
        EntryChange::LeftOut => "left-out",
        EntryChange::Restored => "restored",
        _ => "other",
    };
    if let Ok(line) = json::line(&EntryLine { change, path: json::Text(path.as_bytes()) }) {
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

/// Names an entry, with a letter for why.
fn entry(change: EntryChange, path: &EntryPath) {
    let letter = match change {
        EntryChange::New | EntryChange::Restored => '+',
        EntryChange::Modified => '~',
        EntryChange::Metadata => 'm',
        EntryChange::Moved => 'r',
        EntryChange::Deleted => '-',
        EntryChange::LeftOut => 'x',
        _ => '?',
    };
    // A closed standard output only means that nobody reads the list any more.
    let _ = writeln!(std::io::stdout(), "{letter} {path}");
}
