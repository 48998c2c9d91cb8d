//! `snap list`.

use super::Outcome;
use super::failure::Failure;
use super::json::Snapshot;
use super::session::Session;
use super::session::local;
use super::text;
use super::text::Align;
use super::text::Table;
use clap::Args;
use serde::Serialize;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::snapshot::uncertain_since;

/// Show the history: one line for each snapshot, the newest last
#[derive(Args)]
#[command(after_help = "Examples:\n  snap list -a /media/stick/archive\n  snap list -a /media/stick/archive -v")]
pub(crate) struct ListArgs {}

pub(crate) fn run(_args: &ListArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let history = snap_archive::verbs::history::list(&archive, &session.console)?;
    if session.global.json {
        session.say_json(&history.iter().map(|summary| Listed::new(summary, &history)).collect::<Vec<_>>())?;
    } else if history.is_empty() {
        session.say("There is no snapshot yet. Make the first: snap create -a DIR SOURCE")?;
    } else {
        let table = if session.global.verbose { long_table(&history) } else { short_table(&history) };
        session.print(&table.lines().join("\n"))?;
        if history.iter().any(|summary| is_uncertain(summary, &history)) {
            session.print(UNCERTAIN)?;
        }
        session.say(&totals(&history))?;
    }
    Ok(Outcome::Done)
}

const UNCERTAIN: &str = "?: some files of these snapshots may differ from what was saved: a part of the list of what changed \
                         was lost when the archive was damaged.";

/// A snapshot, as `list` shows it.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    snapshot: Snapshot<'a>,
    uncertain: bool,
}

impl<'a> Listed<'a> {
    fn new(summary: &'a Summary, history: &[Summary]) -> Listed<'a> {
        Listed { snapshot: Snapshot::new(summary), uncertain: is_uncertain(summary, history) }
    }
}

fn is_uncertain(summary: &Summary, history: &[Summary]) -> bool {
    uncertain_since(history, summary.number).is_some()
}

/// Its number, marked when some of its files may differ from what was saved.
fn number(summary: &Summary, history: &[Summary]) -> String {
    format!("{}{}", summary.number, if is_uncertain(summary, history) { "?" } else { "" })
}

fn short_table(history: &[Summary]) -> Table {
    let mut table = Table::new(&[
        ("#", Align::Right),
        ("date", Align::Left),
        ("sources", Align::Left),
        ("new", Align::Right),
        ("modified", Align::Right),
        ("deleted", Align::Right),
        ("added", Align::Right),
        ("note", Align::Left),
    ]);
    for summary in history {
        let counts = &summary.counts;
        table.row(vec![
            number(summary, history),
            local(summary.time),
            sources(summary),
            text::number(counts.new),
            text::number(counts.modified),
            text::number(counts.deleted),
            text::size(summary.bytes_added),
            printable(summary.note.as_bytes()).into_owned(),
        ]);
    }
    table
}

fn long_table(history: &[Summary]) -> Table {
    let mut table = Table::new(&[
        ("#", Align::Right),
        ("date", Align::Left),
        ("sources", Align::Left),
        ("new", Align::Right),
        ("modified", Align::Right),
        ("metadata", Align::Right),
        ("deleted", Align::Right),
        ("unchanged", Align::Right),
        ("folders", Align::Right),
        ("contents", Align::Right),
        ("added", Align::Right),
        ("problems", Align::Right),
        ("note", Align::Left),
    ]);
    for summary in history {
        let c = &summary.counts;
        let folders = [c.new_directories, c.changed_directories, c.deleted_directories, c.unchanged_directories];
        table.row(vec![
            number(summary, history),
            local(summary.time),
            sources(summary),
            text::number(c.new),
            text::number(c.modified),
            text::number(c.metadata),
            text::number(c.deleted),
            text::number(c.unchanged),
            folders.map(text::number).join("/"),
            text::size(c.bytes),
            text::size(summary.bytes_added),
            text::number(summary.problems),
            printable(summary.note.as_bytes()).into_owned(),
        ]);
    }
    table
}

/// The names of the sources; those that this snapshot only took over stand in brackets.
fn sources(summary: &Summary) -> String {
    let name = |name: &str, scanned: bool| if scanned { name.to_owned() } else { format!("({name})") };
    let names = summary.sources.iter().map(|source| name(&printable(source.name.as_bytes()), source.scanned));
    names.collect::<Vec<_>>().join(" ")
}

fn totals(history: &[Summary]) -> String {
    let added = history.iter().fold(0_u64, |sum, summary| sum.saturating_add(summary.bytes_added));
    let snapshots = text::count(history.len() as u64, "snapshot", "snapshots");
    format!("{snapshots}, {} in all.", text::size(added))
}
