//! The versions of files and folders, as `log` shows them. Prints nothing.

use super::diff::change_letter;
use super::diff::change_word;
use super::json;
use super::json::Text as JsonText;
use super::ls;
use super::ls::Listed;
use super::render::Render;
use super::render::Text;
use super::table::Align;
use super::table::Table;
use super::text;
use serde::Serialize;
use snap_archive::base::aspect::Aspect;
use snap_archive::base::aspect::Change;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::verbs::log::Below;
use snap_archive::verbs::log::LogVersion;

/// The versions of one path, the oldest first.
pub(crate) struct PathLog {
    pub(crate) path: EntryPathBuf,
    pub(crate) versions: Vec<LogVersion>,
}

/// The versions of all paths that were asked for.
pub(crate) struct PathLogs(pub(crate) Vec<PathLog>);

#[derive(Serialize)]
struct Document<'a> {
    paths: Vec<LogDocument<'a>>,
}

#[derive(Serialize)]
struct LogDocument<'a> {
    path: JsonText<'a>,
    versions: Vec<VersionDocument<'a>>,
}

#[derive(Serialize)]
struct VersionDocument<'a> {
    snapshots: &'a [SnapshotNumber],
    time: String,
    change: &'static str,
    changed: Vec<&'static str>,
    entry: Option<Listed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    below: Option<BelowDocument>,
}

#[derive(Serialize)]
struct BelowDocument {
    added: u64,
    removed: u64,
    modified: u64,
    metadata: u64,
}

impl Render for PathLogs {
    fn text(&self, text: &mut Text) {
        for (place, log) in self.0.iter().enumerate() {
            if place > 0 {
                text.row("");
            }
            if self.0.len() > 1 {
                text.row(if log.path.is_root() { ".".to_owned() } else { log.path.to_string() });
            }
            for line in table(log).lines(text.columns) {
                text.row(line);
            }
        }
    }

    fn json(&self) -> impl Serialize {
        let paths = self.0.iter().map(|log| LogDocument {
            path: JsonText(log.path.as_bytes()),
            versions: log.versions.iter().map(|version| version_document(log, version)).collect(),
        });
        Document { paths: paths.collect() }
    }
}

fn table(log: &PathLog) -> Table {
    let mut table = Table::new(&[
        ("snapshots", Align::Left),
        ("date", Align::Left),
        ("", Align::Left),
        ("mode", Align::Left),
        ("size", Align::Right),
        ("modified", Align::Left),
        ("changed", Align::Wrapped),
    ]);
    for version in &log.versions {
        let of_entry = |cell: &dyn Fn(&Entry) -> String| version.entry.as_ref().map(cell).unwrap_or_default();
        let size = |entry: &Entry| match entry.stat.kind {
            Kind::File => text::size(entry.stat.size),
            _ => String::new(),
        };
        let is_root = log.path.is_root();
        let known = |cell: String| if is_root { String::new() } else { cell };
        table.row(vec![
            snapshots(version),
            text::local(version.time),
            change_letter(version.change).to_string(),
            known(of_entry(&|entry| ls::mode(&entry.stat))),
            of_entry(&size),
            known(of_entry(&|entry| text::local(entry.stat.mtime))),
            what_changed(version),
        ]);
    }
    table
}

/// The snapshots that have a version, which follow each other; of what is gone, the first without it.
fn snapshots(version: &LogVersion) -> String {
    match version.snapshots.as_slice() {
        [first, .., last] => format!("{first}–{last}"),
        [one] if version.entry.is_none() => format!("{one}–"),
        one => one.iter().map(SnapshotNumber::to_string).collect(),
    }
}

fn version_document<'a>(log: &'a PathLog, version: &'a LogVersion) -> VersionDocument<'a> {
    let Below { added, removed, modified, metadata } = version.below;
    let below = (!version.below.is_none()).then_some(BelowDocument { added, removed, modified, metadata });
    VersionDocument {
        snapshots: &version.snapshots,
        time: json::time(version.time),
        change: change_word(version.change),
        changed: version.aspects.iter().map(|aspect| aspect.word()).collect(),
        entry: version.entry.as_ref().filter(|_| !log.path.is_root()).map(|entry| Listed::new(&log.path, entry)),
        below,
    }
}

/// In a few letters, so that the line is not longer than most terminals are wide.
fn what_changed(version: &LogVersion) -> String {
    let Below { added, removed, modified, metadata } = version.below;
    let counts = [
        (Change::Added, added),
        (Change::Removed, removed),
        (Change::Modified, modified),
        (Change::Metadata, metadata),
    ];
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let counts = counts.map(|(change, count)| format!("{}{}", change_letter(change), text::number(count)));
    // That a new content has a new time goes without saying.
    let is_new = version.change == Change::Modified;
    let aspects = version.aspects.iter().filter(|aspect| !(is_new && **aspect == Aspect::Mtime));
    let aspects = aspects.map(|aspect| aspect.word().to_owned());
    aspects.chain(counts).collect::<Vec<_>>().join(" ")
}
