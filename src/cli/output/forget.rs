//! What `forget` and `keep` did. Prints nothing.

use super::json::Snapshot;
use super::render::Render;
use super::render::Text;
use super::table::Align;
use super::table::Table;
use super::text;
use serde::Serialize;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::keep::Reason;
use snap_archive::base::path::printable;
use snap_archive::verbs::forget::ForgetReport;

/// What was forgotten, or would be.
pub(crate) struct Forgotten<'a> {
    pub(crate) report: &'a ForgetReport,
    pub(crate) dry_run: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    dry_run: bool,
    snapshots: Vec<Judged<'a>>,
    forgotten: Vec<SnapshotNumber>,
    freed_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Judged<'a> {
    #[serde(flatten)]
    snapshot: Snapshot<'a>,
    keep: bool,
    reasons: Vec<ReasonJson<'a>>,
}

#[derive(Serialize)]
struct ReasonJson<'a> {
    rule: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'a str>,
}

impl Forgotten<'_> {
    fn table(&self) -> Table {
        let columns = [
            ("#", Align::Right),
            ("date", Align::Left),
            ("", Align::Left),
            ("why", Align::Wrapped),
            ("note", Align::Wrapped),
        ];
        let mut table = Table::new(&columns);
        for (summary, verdict) in &self.report.verdicts {
            let stays = !verdict.reasons.is_empty();
            let why: Vec<String> = verdict.reasons.iter().map(why).collect();
            table.row(vec![
                summary.number.to_string(),
                text::local(summary.time),
                if stays { "stays" } else { "goes" }.to_owned(),
                why.join(", "),
                printable(summary.note.as_bytes()).into_owned(),
            ]);
        }
        table
    }
}

impl Render for Forgotten<'_> {
    fn text(&self, text: &mut Text) {
        if self.dry_run || text.verbose {
            self.table().lines(text.columns).into_iter().for_each(|line| text.row(line));
        }
        let goes = self.report.forgotten();
        let stays = self.report.verdicts.len() as u64 - goes;
        let (goes, stays) = (text::count(goes, "snapshot", "snapshots"), text::number(stays));
        let Some(freed) = self.report.freed_bytes else {
            return text.summary(format!("{goes} forgotten, {stays} kept."));
        };
        let freed = text::size(freed);
        text.result(format!(
            "{goes} would be forgotten, {stays} kept; pruning would then give back about {freed}. Nothing was written."
        ));
    }

    fn json(&self) -> impl Serialize {
        let verdicts = &self.report.verdicts;
        let goes = verdicts.iter().filter(|(_, verdict)| verdict.reasons.is_empty());
        let forgotten = goes.map(|(summary, _)| summary.number).collect();
        let snapshots = verdicts.iter().map(|(summary, verdict)| Judged {
            snapshot: Snapshot::new(summary),
            keep: !verdict.reasons.is_empty(),
            reasons: verdict.reasons.iter().map(reason_json).collect(),
        });
        Document {
            dry_run: self.dry_run,
            snapshots: snapshots.collect(),
            forgotten,
            freed_bytes: self.report.freed_bytes,
        }
    }
}

fn reason_json(reason: &Reason) -> ReasonJson<'_> {
    let of = match reason {
        Reason::NewestOf(of) | Reason::Note(of) => Some(of.as_str()),
        _ => None,
    };
    ReasonJson { rule: rule(reason), of }
}

fn rule(reason: &Reason) -> &'static str {
    match reason {
        Reason::Newest => "newest",
        Reason::NewestOf(_) => "newest-of-source",
        Reason::Marked => "marked",
        Reason::Last => "last",
        Reason::Hourly => "hourly",
        Reason::Daily => "daily",
        Reason::Weekly => "weekly",
        Reason::Monthly => "monthly",
        Reason::Yearly => "yearly",
        Reason::Within => "within",
        Reason::Note(_) => "note",
        _ => "not-named",
    }
}

fn why(reason: &Reason) -> String {
    match reason {
        Reason::NewestOf(source) => format!("newest of {}", printable(source.as_bytes())),
        Reason::Note(pattern) => format!("note {}", printable(pattern.as_bytes())),
        Reason::NotNamed => "not named".to_owned(),
        reason => rule(reason).to_owned(),
    }
}

/// The snapshots that are there again.
pub(crate) struct Remembered(pub(crate) Vec<SnapshotNumber>);

#[derive(Serialize)]
struct RememberedJson<'a> {
    taken_back: &'a [SnapshotNumber],
}

impl Render for Remembered {
    fn text(&self, text: &mut Text) {
        if self.0.is_empty() {
            return text.summary("There is no forgotten snapshot to take back.");
        }
        let count = text::count(self.0.len() as u64, "snapshot", "snapshots");
        let names: Vec<String> = self.0.iter().map(SnapshotNumber::to_string).collect();
        text.summary(format!("{count} taken back: {}.", names.join(", ")));
    }

    fn json(&self) -> impl Serialize {
        RememberedJson { taken_back: &self.0 }
    }
}

/// The snapshots that are marked now, or no longer.
pub(crate) struct Marked {
    pub(crate) numbers: Vec<SnapshotNumber>,
    pub(crate) is_marked: bool,
}

#[derive(Serialize)]
struct MarkedJson<'a> {
    snapshots: &'a [SnapshotNumber],
    marked: bool,
}

impl Render for Marked {
    fn text(&self, text: &mut Text) {
        let names: Vec<String> = self.numbers.iter().map(SnapshotNumber::to_string).collect();
        let what = if self.is_marked { "Marked to be kept" } else { "No longer marked" };
        text.summary(format!("{what}: {}.", names.join(", ")));
    }

    fn json(&self) -> impl Serialize {
        MarkedJson { snapshots: &self.numbers, marked: self.is_marked }
    }
}
