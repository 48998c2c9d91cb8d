//! What `init` did. Prints nothing.

use super::advice;
use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use std::path::Path;

/// A new archive.
pub(crate) struct Initialized<'a> {
    pub(crate) directory: &'a Path,
}

#[derive(Serialize)]
struct Document {
    archive: String,
}

impl Render for Initialized<'_> {
    fn text(&self, text: &mut Text) {
        text.summary(format!("A new archive is ready in {}.", text::path(self.directory)));
        text.summary(advice::create_there(self.directory));
    }

    fn json(&self) -> impl Serialize {
        Document { archive: text::path(self.directory) }
    }
}
