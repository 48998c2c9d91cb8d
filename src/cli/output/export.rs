//! What `export` did: told on the standard error, for the standard output is the tar. Prints nothing.

use super::json;
use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::snapshot::Summary;

/// What was exported.
#[derive(Serialize)]
pub(crate) struct Exported {
    #[serde(skip)]
    named: String,
    snapshot: SnapshotNumber,
    time: String,
    bytes: u64,
    problems: u64,
}

impl Exported {
    pub(crate) fn new(snapshot: &Summary, bytes: u64, problems: u64) -> Exported {
        let (number, time) = (snapshot.number, json::time(snapshot.time));
        Exported { named: text::snapshot_named(snapshot), snapshot: number, time, bytes, problems }
    }
}

impl Render for Exported {
    fn text(&self, text: &mut Text) {
        text.aside(format!("Exported {}: {}.", self.named, text::size(self.bytes)));
        if self.problems > 0 {
            let entries = text::count(self.problems, "entry", "entries");
            text.warning(format!("{entries} could not be exported exactly. See the list above."));
        }
    }

    fn json(&self) -> impl Serialize {
        self
    }
}
