//! What `setup` wrote. Prints nothing.

use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use std::path::Path;

/// A new archive in the configuration.
pub(crate) struct Written<'a> {
    pub(crate) file: &'a Path,
    pub(crate) name: &'a str,
    pub(crate) folder: &'a Path,
    /// Whether it was there before.
    pub(crate) was_there: bool,
    /// The archive that is meant where none is named, if it is another one.
    pub(crate) default: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    file: String,
    name: &'a str,
    archive: String,
}

impl Render for Written<'_> {
    fn text(&self, text: &mut Text) {
        let (file, folder) = (text::path(self.file), text::path(self.folder));
        text.summary(format!("The archive {} is in {folder}, and {file} says so.", self.name));
        if self.was_there {
            text.summary("It was there already: what was saved in it stays, and its history goes on.");
        }
        match &self.default {
            None => text.summary("From now on: snap create, snap status, snap restore."),
            Some(default) => {
                let name = self.name;
                text.summary(format!(
                    "From now on: snap create -a {name}, snap status -a {name}, snap restore -a {name}."
                ));
                text.summary(format!("Without -a the archive {default} is meant; default = in the file says so."));
            }
        }
    }

    fn json(&self) -> impl Serialize {
        Document { file: text::path(self.file), name: self.name, archive: text::path(self.folder) }
    }
}
