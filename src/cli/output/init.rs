//! What `init` did. Prints nothing.

use super::advice;
use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use std::path::Path;

/// A new archive, or one that was there.
pub(crate) struct Initialized<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) is_new: bool,
    /// The program that was put into it.
    pub(crate) program: Option<String>,
}

#[derive(Serialize)]
struct Document {
    archive: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<String>,
}

impl Render for Initialized<'_> {
    fn text(&self, text: &mut Text) {
        if self.is_new {
            text.summary(format!("A new archive is ready in {}.", text::path(self.directory)));
        }
        if let Some(program) = &self.program {
            text.summary(format!("This program is in it, too, as {program}, for computers that have none."));
        }
        if self.is_new {
            text.summary(advice::create_there(self.directory));
        }
    }

    fn json(&self) -> impl Serialize {
        Document { archive: text::path(self.directory), program: self.program.clone() }
    }
}
