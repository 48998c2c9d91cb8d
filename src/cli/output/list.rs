//! The history, as `list` shows it. Prints nothing.

use super::advice;
use super::json::Problematic;
use super::json::Snapshot;
use super::render::Render;
use super::render::Text;
use super::table::Align;
use super::table::Table;
use super::text;
use serde::Serialize;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::Standing;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::snapshot::uncertain_since;
use snap_archive::verbs::history::NotedProblems;

const UNCERTAIN: &str = "?: some files of these snapshots may differ from what was saved: a part of the list of what changed \
                         was lost when the archive was damaged.";

const PROBLEMS: &str = "!: some files could not be saved completely (-v shows which).";

const BEGUN: &str = "There is no whole snapshot yet: the first run was cut off, and what it finished is kept. To go on, run: \
                     snap create -a DIR. The snapshot then gets the next number.";

/// The most problems of a snapshot that a person is shown.
const PROBLEMS_SHOWN_MAX: usize = 20;

/// All snapshots, the newest last.
pub(crate) struct History {
    /// All that there are, those that were forgotten among them.
    pub(crate) all: Vec<Summary>,
    /// Those that are shown.
    pub(crate) shown: Vec<Summary>,
    /// What they note of their problems, the newest first, where that is wanted.
    pub(crate) problems: Vec<NotedProblems>,
    /// Whether there is none yet, and the first one was begun.
    pub(crate) is_begun: bool,
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
        let history = &self.shown;
        if self.is_begun {
            return text.summary(BEGUN);
        }
        if history.is_empty() {
            return text.summary(format!("There is no snapshot yet. {}", advice::FIRST_SNAPSHOT));
        }
        if text.verbose {
            for summary in history {
                self.tell_all(summary, text);
            }
        } else {
            self.table().lines(text.columns).into_iter().for_each(|line| text.row(line));
        }
        if history.iter().any(|summary| is_uncertain(summary, &self.all)) {
            text.result(UNCERTAIN);
        }
        if !text.verbose && history.iter().any(|summary| summary.problems > 0) {
            text.result(PROBLEMS);
        }
        let missing = missing(&self.all);
        if !missing.is_empty() {
            text.summary(why_missing(&missing));
        }
        let hidden = self.all.len() - history.len();
        if hidden > 0 {
            let hidden = text::count(hidden as u64, "forgotten snapshot is", "forgotten snapshots are");
            text.summary(format!("{hidden} not shown (--forgotten shows all)."));
        }
        text.summary(totals(history));
    }

    fn json(&self) -> impl Serialize {
        Document { snapshots: self.shown.iter().map(|summary| self.listed(summary)).collect() }
    }
}

impl History {
    fn listed<'a>(&'a self, summary: &'a Summary) -> Listed<'a> {
        let noted = self.problems.iter().find(|noted| noted.number == summary.number);
        let noted = noted.and_then(|noted| noted.problems.as_deref().ok()).unwrap_or_default();
        Listed {
            snapshot: Snapshot::new(summary),
            uncertain: is_uncertain(summary, &self.all),
            problem_list: Problematic::all(noted),
        }
    }
}

impl History {
    fn table(&self) -> Table {
        let has_standing = self.shown.iter().any(|summary| summary.standing != Standing::Kept);
        let columns: Vec<&Column> =
            COLUMNS[..1].iter().chain(has_standing.then_some(&STANDING)).chain(&COLUMNS[1..]).collect();
        let mut headings = vec![("#", Align::Right)];
        headings.extend(columns.iter().map(|(heading, align, _)| (*heading, *align)));
        let mut table = Table::new(&headings);
        for summary in &self.shown {
            let mut cells = vec![number(summary, &self.all)];
            cells.extend(columns.iter().map(|(_, _, cell)| cell(summary)));
            table.row(cells);
        }
        table
    }

    /// All that is known of one snapshot.
    fn tell_all(&self, summary: &Summary, text: &mut Text) {
        let (c, number) = (&summary.counts, number(summary, &self.all));
        let note = printable(summary.note.as_bytes());
        let note = if note.is_empty() { String::new() } else { format!(": {note}") };
        text.result(format!("Snapshot {number} of {}{note}", text::local(summary.time)));
        let files = [(c.new, "new"), (c.modified, "modified"), (c.metadata, "metadata"), (c.deleted, "deleted")];
        let folders = [(c.new_directories, "new"), (c.changed_directories, "metadata")];
        let folders = folders.into_iter().chain([(c.deleted_directories, "deleted")]);
        if summary.standing != Standing::Kept {
            text.result(format!("    standing  {}", summary.standing.word()));
        }
        text.result(format!("    sources   {}", sources(summary)));
        text.result(format!("    files     {}", counted(files, c.unchanged)));
        text.result(format!("    folders   {}", counted(folders, c.unchanged_directories)));
        let (contents, added) = (text::size(c.bytes), text::size(summary.bytes_added));
        text.result(format!("    size      {contents} of new or modified contents, {added} on the drive"));
        if summary.problems > 0 {
            text.result(format!("    problems  {}", text::number(summary.problems)));
            self.tell_problems(summary, text);
        }
    }

    fn tell_problems(&self, summary: &Summary, text: &mut Text) {
        let number = summary.number;
        let Some(noted) = self.problems.iter().find(|noted| noted.number == number) else { return };
        match &noted.problems {
            Ok(problems) => {
                let shown = problems.iter().take(PROBLEMS_SHOWN_MAX);
                shown.for_each(|problem| text.result(format!("        {problem}")));
                let more = summary.problems.saturating_sub(problems.len().min(PROBLEMS_SHOWN_MAX) as u64);
                if more > 0 {
                    text.result(format!("        and {} more (--json names up to 1,000)", text::number(more)));
                }
            }
            Err(why) => text.warning(format!("which files of snapshot {number} had problems cannot be read: {why}")),
        }
    }
}

/// The numbers below the newest that have no snapshot, and are not those of some that were joined into one.
fn missing(history: &[Summary]) -> Vec<SnapshotNumber> {
    let (mut missing, mut next) = (Vec::new(), SnapshotNumber::FIRST.get());
    for summary in history {
        let number = summary.number.get();
        let first = if summary.joined_from > 0 { summary.joined_from.get().min(number) } else { number };
        missing.extend((next..first).map(SnapshotNumber::from));
        next = number.saturating_add(1);
    }
    missing
}

fn why_missing(numbers: &[SnapshotNumber]) -> String {
    let shown = text::ranges(numbers);
    match numbers {
        [_] => {
            format!("There is no snapshot {shown}: that run was not finished, and what it saved is in the next one.")
        }
        _ => {
            format!(
                "There are no snapshots {shown}: those runs were not finished, and what they saved is in the next one."
            )
        }
    }
}

/// `12 new, 3 modified, 10,234 unchanged`; without what there is none of.
fn counted(changes: impl IntoIterator<Item = (u64, &'static str)>, unchanged: u64) -> String {
    let changes = changes.into_iter().filter(|(count, _)| *count > 0);
    let all = changes.chain([(unchanged, "unchanged")]);
    all.map(|(count, what)| format!("{} {what}", text::number(count))).collect::<Vec<_>>().join(", ")
}

/// A column: its heading, where its cells stand, and what is in them.
type Column = (&'static str, Align, fn(&Summary) -> String);

const COLUMNS: &[Column] = &[
    ("date", Align::Left, |summary| text::local(summary.time)),
    ("new", Align::Right, |summary| text::number(summary.counts.new)),
    ("modified", Align::Right, |summary| text::number(summary.counts.modified)),
    ("deleted", Align::Right, |summary| text::number(summary.counts.deleted)),
    ("added", Align::Right, |summary| text::size(summary.bytes_added)),
    ("sources", Align::Wrapped, sources),
    ("note", Align::Wrapped, |summary| printable(summary.note.as_bytes()).into_owned()),
];

/// What became of snapshots, where something did.
const STANDING: Column = ("", Align::Left, |summary| match summary.standing {
    Standing::Kept => String::new(),
    Standing::Marked => "keep".to_owned(),
    standing => standing.word().to_owned(),
});

/// Its number, marked when some of its files may differ from what was saved, and when some could not be saved.
fn number(summary: &Summary, history: &[Summary]) -> String {
    let mark = |is: bool, mark: &'static str| if is { mark } else { "" };
    format!("{}{}{}", summary.number, mark(is_uncertain(summary, history), "?"), mark(summary.problems > 0, "!"))
}

fn is_uncertain(summary: &Summary, history: &[Summary]) -> bool {
    uncertain_since(history, summary.number).is_some()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_that_says_it_was_joined_from_later_ones_is_no_reason_to_fail() {
        let summary =
            |number: u32, from: u32| Summary { number: number.into(), joined_from: from.into(), ..Summary::default() };
        let missing = |history: &[Summary]| missing(history).iter().map(|number| number.get()).collect::<Vec<_>>();
        assert_eq!(missing(&[summary(2, 9)]), [1]);
        assert_eq!(missing(&[summary(1, 0), summary(5, 4)]), [2, 3]);
        assert!(missing(&[summary(1, 0), summary(4, 2)]).is_empty());
    }
}
