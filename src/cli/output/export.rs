//! What `export` did: told on the standard error, for the standard output is the tar. Prints nothing.

use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use snap_archive::base::snapshot::Summary;

/// What was exported.
#[derive(Serialize)]
pub(crate) struct Exported {
    snapshot: String,
    bytes: u64,
    problems: u64,
}

impl Exported {
    pub(crate) fn new(snapshot: &Summary, bytes: u64, problems: u64) -> Exported {
        Exported { snapshot: text::snapshot_named(snapshot), bytes, problems }
    }
}

impl Render for Exported {
    fn text(&self, text: &mut Text) {
        text.aside(format!("Exported {}: {}.", self.snapshot, text::size(self.bytes)));
        if self.problems > 0 {
            let entries = text::count(self.problems, "entry", "entries");
            text.warning(format!("{entries} could not be exported exactly. See the list above."));
        }
    }

    fn json(&self) -> impl Serialize {
        self
    }
}
