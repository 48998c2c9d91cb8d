//! The history, as `list` shows it. Prints nothing.

use super::json::Problematic;
use super::json::Snapshot;
use super::render::Render;
use super::render::Text;
use super::table::Align;
use super::table::Table;
use super::text;
use serde::Serialize;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::snapshot::uncertain_since;
use snap_archive::verbs::history::NotedProblems;

const UNCERTAIN: &str = "?: some files of these snapshots may differ from what was saved: a part of the list of what changed \
                         was lost when the archive was damaged.";

const PROBLEMS: &str = "!: some files could not be saved as they should (-v shows which).";

/// The most problems of a snapshot that a person is shown.
const PROBLEMS_SHOWN_MAX: usize = 20;

/// All snapshots, the newest last.
pub(crate) struct History {
    pub(crate) snapshots: Vec<Summary>,
    /// What they note of their problems, the newest first, where that is wanted.
    pub(crate) problems: Vec<NotedProblems>,
}

#[derive(Serialize)]
struct Document<'a> {
    snapshots: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    snapshot: Snapshot<'a>,
    uncertain: bool,
    problem_list: Vec<Problematic<'a>>,
}

impl Render for History {
    fn text(&self, text: &mut Text) {
        let history = &self.snapshots;
        if history.is_empty() {
            return text.summary("There is no snapshot yet. Make the first one with: snap create -a DIR FOLDER.");
        }
        let columns = if text.verbose { LONG } else { SHORT };
        for line in table(columns, history).lines() {
            text.row(line);
        }
        if history.iter().any(|summary| is_uncertain(summary, history)) {
            text.result(UNCERTAIN);
        }
        if !text.verbose && history.iter().any(|summary| summary.problems > 0) {
            text.result(PROBLEMS);
        }
        if text.verbose {
            self.problems.iter().rev().for_each(|noted| tell_problems(noted, text));
        }
        text.summary(totals(history));
    }

    fn json(&self) -> impl Serialize {
        Document { snapshots: self.snapshots.iter().map(|summary| self.listed(summary)).collect() }
    }
}

impl History {
    fn listed<'a>(&'a self, summary: &'a Summary) -> Listed<'a> {
        let noted = self.problems.iter().find(|noted| noted.number == summary.number);
        let noted = noted.and_then(|noted| noted.problems.as_deref().ok()).unwrap_or_default();
        Listed {
            snapshot: Snapshot::new(summary),
            uncertain: is_uncertain(summary, &self.snapshots),
            problem_list: Problematic::all(noted),
        }
    }
}

fn tell_problems(noted: &NotedProblems, text: &mut Text) {
    let number = noted.number;
    match &noted.problems {
        Ok(problems) => {
            text.result(format!("Could not be saved as they should, in snapshot {number}:"));
            problems.iter().take(PROBLEMS_SHOWN_MAX).for_each(|problem| text.result(format!("    {problem}")));
            if problems.len() > PROBLEMS_SHOWN_MAX {
                text.result("    and more (--json has the first 1,000)");
            }
        }
        Err(why) => text.warning(format!("which files of snapshot {number} had problems cannot be read: {why}")),
    }
}

/// A column: its heading, where its cells stand, and what is in them.
type Column = (&'static str, Align, fn(&Summary) -> String);

const DATE: Column = ("date", Align::Left, |summary| text::local(summary.time));
const SOURCES: Column = ("sources", Align::Left, sources);
const NEW: Column = ("new", Align::Right, |summary| text::number(summary.counts.new));
const ADDED: Column = ("added", Align::Right, |summary| text::size(summary.bytes_added));
const NOTE: Column = ("note", Align::Left, |summary| printable(summary.note.as_bytes()).into_owned());

const SHORT: &[Column] = &[
    DATE,
    NEW,
    ("modified", Align::Right, |summary| text::number(summary.counts.modified)),
    ("deleted", Align::Right, |summary| text::number(summary.counts.deleted)),
    ADDED,
    SOURCES,
    NOTE,
];

const LONG: &[Column] = &[
    DATE,
    NEW,
    ("mod", Align::Right, |summary| text::number(summary.counts.modified)),
    ("meta", Align::Right, |summary| text::number(summary.counts.metadata)),
    ("del", Align::Right, |summary| text::number(summary.counts.deleted)),
    ("same", Align::Right, |summary| text::number(summary.counts.unchanged)),
    ("folders", Align::Right, folders),
    ("size", Align::Right, |summary| text::size(summary.counts.bytes)),
    ADDED,
    ("probl", Align::Right, |summary| text::number(summary.problems)),
    SOURCES,
    NOTE,
];

fn table(columns: &[Column], history: &[Summary]) -> Table {
    let mut headings = vec![("#", Align::Right)];
    headings.extend(columns.iter().map(|(heading, align, _)| (*heading, *align)));
    let mut table = Table::new(&headings);
    for summary in history {
        let mut cells = vec![number(summary, history)];
        cells.extend(columns.iter().map(|(_, _, cell)| cell(summary)));
        table.row(cells);
    }
    table
}

/// Its number, marked when some of its files may differ from what was saved, and when some could not be saved.
fn number(summary: &Summary, history: &[Summary]) -> String {
    let mark = |is: bool, mark: &'static str| if is { mark } else { "" };
    format!("{}{}{}", summary.number, mark(is_uncertain(summary, history), "?"), mark(summary.problems > 0, "!"))
}

fn is_uncertain(summary: &Summary, history: &[Summary]) -> bool {
    uncertain_since(history, summary.number).is_some()
}

/// New, changed, deleted and unchanged folders.
fn folders(summary: &Summary) -> String {
    let c = &summary.counts;
    [c.new_directories, c.changed_directories, c.deleted_directories, c.unchanged_directories]
        .map(text::number)
        .join("/")
}

/// The names of the sources; those that this snapshot only took over stand in brackets, those that were dropped are left out.
fn sources(summary: &Summary) -> String {
    let name = |name: &str, scanned: bool| if scanned { name.to_owned() } else { format!("({name})") };
    let saved = summary.sources.iter().filter(|source| !source.dropped);
    let names = saved.map(|source| name(&printable(source.name.as_bytes()), source.scanned));
    names.collect::<Vec<_>>().join(" ")
}

fn totals(history: &[Summary]) -> String {
    let added = history.iter().fold(0_u64, |sum, summary| sum.saturating_add(summary.bytes_added));
    let snapshots = text::count(history.len() as u64, "snapshot", "snapshots");
    format!("{snapshots}, {} in all.", text::size(added))
}
