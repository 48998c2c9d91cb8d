//! What `restore` did. Prints nothing.

use super::json;
use super::json::Problematic;
use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use snap_archive::base::error::Problem;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::SourceRecord;
use snap_archive::base::snapshot::Summary;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::restore::RestoreReport;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

/// What was restored, or would be.
pub(crate) struct Restored<'a> {
    pub(crate) report: &'a RestoreReport,
    pub(crate) snapshot: &'a Summary,
    pub(crate) target: &'a Target,
    pub(crate) dry_run: bool,
    pub(crate) took: Duration,
    pub(crate) problems: Vec<Problem>,
}

#[derive(Serialize)]
struct Document<'a> {
    snapshot: SnapshotNumber,
    time: String,
    target: Option<json::Text<'a>>,
    in_place: bool,
    places: Vec<Place<'a>>,
    dry_run: bool,
    files: u64,
    directories: u64,
    others: u64,
    bytes: u64,
    unchanged: u64,
    replaced: u64,
    deleted: u64,
    losses: &'a [String],
    renamed: u64,
    renamed_list: Vec<Renaming<'a>>,
    seconds: f64,
    problems: u64,
    problem_list: Vec<Problematic<'a>>,
}

/// Where a source is restored to.
#[derive(Serialize)]
struct Place<'a> {
    source: &'a str,
    target: json::Text<'a>,
}

/// A folder in a folder of the same name.
pub(crate) struct Nested {
    /// Where the source would go.
    pub(crate) inside: PathBuf,
    /// What was perhaps meant.
    pub(crate) around: PathBuf,
    /// The source.
    pub(crate) name: String,
}

/// Where things are restored to. Its `Display` names it.
pub(crate) enum Target {
    /// Into one folder.
    Folder(PathBuf),
    /// The sources to where they were read from.
    InPlace(Vec<SourceRecord>),
}

impl Target {
    /// Where `options` restores `snapshot` to.
    pub(crate) fn of(options: &RestoreOptions, snapshot: &Summary) -> Target {
        if !options.in_place {
            return Target::Folder(options.target.clone());
        }
        let sources = snapshot.sources.iter().filter(|source| is_wanted(&source.name, options));
        Target::InPlace(sources.cloned().collect())
    }

    /// The folder, if it is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Target::Folder(path) => Some(path),
            Target::InPlace(_) => None,
        }
    }

    /// What `options` does that may not be meant: with DIR called as the one source that is restored, it comes into a folder
    /// of that name in DIR.
    pub(crate) fn nested(&self, options: &RestoreOptions, snapshot: &Summary) -> Option<Nested> {
        let folder = std::path::absolute(self.folder()?).ok()?;
        let mut sources = snapshot.sources.iter().filter(|source| is_wanted(&source.name, options));
        let (source, others) = (sources.next()?, sources.next());
        let name = folder.file_name()?.as_encoded_bytes();
        let is_called_so = others.is_none() && name == source.name.as_bytes();
        let around = folder.parent()?.to_owned();
        is_called_so.then(|| Nested { inside: folder.join(&source.name), around, name: source.name.clone() })
    }

    fn places(&self) -> Vec<Place<'_>> {
        match self {
            Target::Folder(_) => Vec::new(),
            Target::InPlace(sources) => {
                sources.iter().map(|source| Place { source: &source.name, target: json::Text(&source.path) }).collect()
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Folder(path) => f.write_str(&text::path(path)),
            Target::InPlace(sources) => {
                let paths: Vec<_> = sources.iter().map(|source| printable(&source.path)).collect();
                f.write_str(&paths.join(", "))
            }
        }
    }
}

fn is_wanted(source: &str, options: &RestoreOptions) -> bool {
    let is_in_it =
        |path: &EntryPathBuf| path.split_source().is_none_or(|(name, _)| name.as_bytes() == source.as_bytes());
    options.paths.is_empty() || options.paths.iter().any(is_in_it)
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
        for loss in &self.report.not_kept {
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
            target: self.target.folder().map(|path| json::Text(path.as_os_str().as_encoded_bytes())),
            in_place: self.target.folder().is_none(),
            places: self.target.places(),
            dry_run: self.dry_run,
            files: report.files,
            directories: report.directories,
            others: report.others,
            bytes: report.bytes,
            unchanged: report.unchanged,
            replaced: report.replaced,
            deleted: report.deleted,
            losses: &report.not_kept,
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
    let rest = [
        (report.replaced, "in the place of others"),
        (report.unchanged, "left as they were"),
        (report.deleted, "deleted"),
    ];
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
