//! What `init` did. Prints nothing.

use super::advice;
use super::json;
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
struct Document<'a> {
    archive: json::Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<&'a str>,
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
        let archive = json::Text(self.directory.as_os_str().as_encoded_bytes());
        Document { archive, program: self.program.as_deref() }
    }
}
