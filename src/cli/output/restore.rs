//! What `restore` did. Prints nothing.

use super::json;
use super::json::Problematic;
use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use snap_archive::base::error::Problem;
use snap_archive::base::id::Number;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::Summary;
use snap_archive::verbs::restore::RestoreReport;
use std::path::Path;
use std::time::Duration;

/// What was restored, or would be.
pub(crate) struct Restored<'a> {
    pub(crate) report: &'a RestoreReport,
    pub(crate) snapshot: &'a Summary,
    pub(crate) target: &'a Path,
    pub(crate) dry_run: bool,
    pub(crate) took: Duration,
    pub(crate) problems: Vec<Problem>,
}

#[derive(Serialize)]
struct Document<'a> {
    snapshot: Number,
    time: String,
    target: json::Text<'a>,
    dry_run: bool,
    files: u64,
    directories: u64,
    others: u64,
    bytes: u64,
    unchanged: u64,
    deleted: u64,
    losses: &'a [String],
    renamed: u64,
    renamed_list: Vec<Renaming<'a>>,
    seconds: f64,
    problems: u64,
    problem_list: Vec<Problematic<'a>>,
}

/// An entry with another name than its own.
#[derive(Serialize)]
struct Renaming<'a> {
    path: json::Text<'a>,
    name: json::Text<'a>,
}

impl Render for Restored<'_> {
    fn text(&self, text: &mut Text) {
        let verb = if self.dry_run { "Would be restored" } else { "Restored" };
        let (named, took) = (text::snapshot_named(self.snapshot), text::duration(self.took));
        text.summary(text::bold(&format!("{verb} from {named} in {took}: {}.", counts(self.report))));
        for loss in &self.report.losses {
            text.note(&printable(loss.as_bytes()));
        }
        if self.report.renamed_total > 0 {
            renamed(self.report, text);
        }
        if self.report.problems > 0 {
            let entries = text::count(self.report.problems, "entry", "entries");
            text.warning(format!("{entries} could not be restored exactly. See the list above."));
        }
    }

    fn json(&self) -> impl Serialize {
        let report = self.report;
        Document {
            snapshot: report.number,
            time: json::time(self.snapshot.time),
            target: json::Text(self.target.as_os_str().as_encoded_bytes()),
            dry_run: self.dry_run,
            files: report.files,
            directories: report.directories,
            others: report.others,
            bytes: report.bytes,
            unchanged: report.unchanged,
            deleted: report.deleted,
            losses: &report.losses,
            renamed: report.renamed_total,
            renamed_list: renamings(report),
            seconds: json::seconds(self.took),
            problems: report.problems,
            problem_list: Problematic::all(&self.problems),
        }
    }
}

fn renamings(report: &RestoreReport) -> Vec<Renaming<'_>> {
    let renaming = report.renamed.iter();
    renaming.map(|one| Renaming { path: json::Text(one.path.as_bytes()), name: json::Text(&one.name) }).collect()
}

fn counts(report: &RestoreReport) -> String {
    let files = text::count(report.files, "file", "files");
    let mut parts = vec![format!("{files} ({})", text::size(report.bytes))];
    parts.push(text::count(report.directories, "folder", "folders"));
    if report.others > 0 {
        parts.push(text::count(report.others, "link or special file", "links and special files"));
    }
    let rest = [(report.unchanged, "left as they were"), (report.deleted, "deleted")];
    parts.extend(rest.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", text::number(*n))));
    parts.join(", ")
}

/// The names that cannot exist in the target, with those that were written instead.
fn renamed(report: &RestoreReport, text: &mut Text) {
    let names = text::count(report.renamed_total, "name", "names");
    text.note(&format!("{names} cannot exist there and had to be changed (%XX stands for a byte):"));
    for renamed in &report.renamed {
        text.aside(format!("  {} -> {}", renamed.path, printable(&renamed.name)));
    }
    let more = report.renamed_total - report.renamed.len() as u64;
    if more > 0 {
        text.aside(format!("  and {} more", text::number(more)));
    }
}
