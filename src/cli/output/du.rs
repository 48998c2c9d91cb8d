//! Sizes of folders, and what snapshots added, as `du` shows them. Prints nothing.

use super::json;
use super::json::Text as JsonText;
use super::render::Render;
use super::render::Text;
use super::table::Align;
use super::table::Table;
use super::text;
use serde::Serialize;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::snapshot::Summary;
use snap_archive::verbs::du::Added;
use snap_archive::verbs::du::Usage;

/// So many snapshots are shown, unless all are wanted.
const SHOWN_MAX: usize = 20;

/// How large things are.
pub(crate) struct Sizes<'a> {
    pub(crate) snapshot: &'a Summary,
    /// Largest first.
    pub(crate) usage: Vec<Usage>,
    /// Largest first; `None`: not asked for.
    pub(crate) added: Option<Vec<Added>>,
    /// Whether all of the archive is measured.
    pub(crate) is_whole: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    snapshot: SnapshotNumber,
    sizes: Vec<SizeDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<Vec<AddedDocument<'a>>>,
}

#[derive(Serialize)]
struct SizeDocument<'a> {
    path: JsonText<'a>,
    bytes: u64,
    files: u64,
}

#[derive(Serialize)]
struct AddedDocument<'a> {
    snapshot: SnapshotNumber,
    time: String,
    bytes_added: u64,
    bytes: u64,
    files: u64,
    largest: Option<Largest<'a>>,
}

#[derive(Serialize)]
struct Largest<'a> {
    path: JsonText<'a>,
    bytes: u64,
}

impl Render for Sizes<'_> {
    fn text(&self, text: &mut Text) {
        let mut table = Table::new(&[("size", Align::Right), ("files", Align::Right), ("path", Align::Left)]);
        for usage in &self.usage {
            table.row(vec![text::size(usage.bytes), text::number(usage.files), path(usage)]);
        }
        text.summary(format!("In {}, before compression:", text::snapshot_named(self.snapshot)));
        table.lines(text.columns).into_iter().for_each(|line| text.row(line));
        if let Some(added) = &self.added {
            text.row("");
            let shown = if text.verbose { added.len() } else { added.len().min(SHOWN_MAX) };
            text.summary("What each snapshot added, largest first:");
            added_table(&added[..shown], self.is_whole).lines(text.columns).into_iter().for_each(|line| text.row(line));
            if shown < added.len() {
                text.summary(format!(
                    "{} of {} (-v shows all).",
                    text::number(shown as u64),
                    text::number(added.len() as u64)
                ));
            }
        }
    }

    fn json(&self) -> impl Serialize {
        let size = |usage: &Usage| (usage.bytes, usage.files);
        let sizes = self.usage.iter().map(|usage| {
            let (bytes, files) = size(usage);
            SizeDocument { path: JsonText(usage.path.as_bytes()), bytes, files }
        });
        let added = self.added.as_ref().map(|added| added.iter().map(added_document).collect());
        Document { snapshot: self.snapshot.number, sizes: sizes.collect(), added }
    }
}

fn path(usage: &Usage) -> String {
    let slash = if usage.is_directory { "/" } else { "" };
    if usage.path.is_root() { "all".to_owned() } else { format!("{}{slash}", usage.path) }
}

/// What snapshots added; on the drive only as a whole, since contents are compressed together.
fn added_table(added: &[Added], is_whole: bool) -> Table {
    let mut columns = vec![("#", Align::Right), ("date", Align::Left)];
    if is_whole {
        columns.push(("on the drive", Align::Right));
    }
    columns.extend([("contents", Align::Right), ("files", Align::Right), ("largest file", Align::Wrapped)]);
    let mut table = Table::new(&columns);
    for added in added {
        let mut row = vec![added.summary.number.to_string(), text::local(added.summary.time)];
        if is_whole {
            row.push(text::size(added.summary.bytes_added));
        }
        let largest = added.largest.as_ref();
        let largest = largest.map(|(path, bytes)| format!("{path} ({})", text::size(*bytes))).unwrap_or_default();
        row.extend([text::size(added.bytes), text::number(added.files), largest]);
        table.row(row);
    }
    table
}

fn added_document(added: &Added) -> AddedDocument<'_> {
    AddedDocument {
        snapshot: added.summary.number,
        time: json::time(added.summary.time),
        bytes_added: added.summary.bytes_added,
        bytes: added.bytes,
        files: added.files,
        largest: added.largest.as_ref().map(|(path, bytes)| Largest { path: JsonText(path.as_bytes()), bytes: *bytes }),
    }
}
