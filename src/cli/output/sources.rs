//! The sources of the newest snapshot, as `sources` shows them. Prints nothing.

use super::advice;
use super::json;
use super::render::Render;
use super::render::Text;
use super::table::Align;
use super::table::Table;
use super::text;
use serde::Serialize;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::SourceRecord;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::snapshot::last_read;

/// All snapshots, the newest last: it says which sources there are, the others when each was last read.
pub(crate) struct Sources(pub(crate) Vec<Summary>);

#[derive(Serialize)]
struct Document<'a> {
    sources: Vec<Known<'a>>,
}

/// A source, and the snapshot that read it last.
#[derive(Serialize)]
struct Known<'a> {
    #[serde(flatten)]
    record: &'a SourceRecord,
    last_read: Option<Read>,
}

#[derive(Serialize)]
struct Read {
    snapshot: SnapshotNumber,
    time: String,
}

/// A source under another name.
pub(crate) struct Renamed<'a> {
    pub(crate) old: &'a str,
    pub(crate) new: &'a str,
    /// The snapshot that says so.
    pub(crate) snapshot: SnapshotNumber,
}

#[derive(Serialize)]
struct RenamedDocument<'a> {
    renamed: &'a str,
    to: &'a str,
    snapshot: SnapshotNumber,
}

impl Render for Renamed<'_> {
    fn text(&self, text: &mut Text) {
        let (old, new) = (printable(self.old.as_bytes()), printable(self.new.as_bytes()));
        let number = self.snapshot;
        text.summary(format!(
            "{old} is called {new}, from snapshot {number} on. Older snapshots have it under the old name."
        ));
    }

    fn json(&self) -> impl Serialize {
        RenamedDocument { renamed: self.old, to: self.new, snapshot: self.snapshot }
    }
}

/// A source that is no longer saved.
pub(crate) struct Dropped<'a> {
    pub(crate) name: &'a str,
    /// The snapshot that says so.
    pub(crate) snapshot: SnapshotNumber,
}

#[derive(Serialize)]
struct DroppedDocument<'a> {
    dropped: &'a str,
    snapshot: SnapshotNumber,
}

impl Render for Dropped<'_> {
    fn text(&self, text: &mut Text) {
        let (name, number) = (printable(self.name.as_bytes()), self.snapshot);
        text.summary(format!(
            "{name} is no longer saved, from snapshot {number} on. What was saved of it stays in all snapshots as it is."
        ));
    }

    fn json(&self) -> impl Serialize {
        DroppedDocument { dropped: self.name, snapshot: self.snapshot }
    }
}

impl Render for Sources {
    fn text(&self, text: &mut Text) {
        let known = self.known();
        if known.is_empty() {
            return text.summary(format!("There is no snapshot yet. {}", advice::FIRST_SNAPSHOT));
        }
        let headings = ["name", "path", "computer", "last read", "rules"].map(|heading| (heading, Align::Wrapped));
        let mut table = Table::new(&headings);
        for record in known {
            let name = printable(record.name.as_bytes()).into_owned();
            let path = printable(&record.path).into_owned();
            let host = printable(record.host.as_bytes()).into_owned();
            table.row(vec![name, path, host, self.last_read_text(record), text::rules(&record.rules)]);
        }
        for line in table.lines(text.columns) {
            text.row(line);
        }
    }

    fn json(&self) -> impl Serialize {
        let known = |record| {
            let last_read = self.last_read(record);
            let last_read = last_read.map(|summary| Read { snapshot: summary.number, time: json::time(summary.time) });
            Known { record, last_read }
        };
        Document { sources: self.known().iter().map(known).collect() }
    }
}

impl Sources {
    fn known(&self) -> &[SourceRecord] {
        self.0.last().map(|summary| &*summary.sources).unwrap_or_default()
    }

    /// The newest snapshot that read a source.
    fn last_read(&self, record: &SourceRecord) -> Option<&Summary> {
        last_read(&self.0, SnapshotNumber::MAX, &record.name)
    }

    fn last_read_text(&self, record: &SourceRecord) -> String {
        let read = self.last_read(record).map_or_else(
            || "never".to_owned(),
            |summary| format!("{} (snapshot {})", text::local(summary.time), summary.number),
        );
        match record {
            SourceRecord { dropped: true, .. } => read + ", dropped since",
            SourceRecord { missing: true, .. } => read + ", missing since",
            _ => read,
        }
    }
}
