//! The settings in effect, and where each comes from, as `config` shows them. Prints nothing.

use super::render::Render;
use super::render::Text;
use super::table::Align;
use super::table::Table;
use super::text;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Said {
    /// The command line.
    Typed,
    /// `SNAP_ARCHIVE`.
    Environment,
    /// The folder that the program stands in.
    Program,
    /// The file of the configuration.
    Configuration,
    /// The archive, which remembers it.
    Archive,
    /// What can be seen now.
    Now,
    /// The default.
    Default,
}

/// A value, and where it comes from.
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    /// For programs.
    pub(crate) value: Value,
    /// For a person.
    pub(crate) shown: String,
    pub(crate) from: Said,
}

/// All settings in effect.
pub(crate) struct Held<'a> {
    /// Where the configuration is, or would be.
    pub(crate) file: Option<&'a Path>,
    /// As a person writes it.
    pub(crate) shown: Option<PathBuf>,
    /// Whether it was read.
    pub(crate) is_there: bool,
    /// The names of all its archives.
    pub(crate) archives: Vec<String>,
    /// Of the archive that is meant.
    pub(crate) rows: Vec<Setting>,
}

#[derive(Serialize)]
struct Document<'a> {
    file: Option<super::json::Text<'a>>,
    read: bool,
    archives: &'a [String],
    settings: Vec<One>,
}

#[derive(Serialize)]
struct One {
    key: &'static str,
    value: Value,
    from: Said,
}

impl Render for Held<'_> {
    fn text(&self, text: &mut Text) {
        match &self.shown {
            Some(file) if self.is_there => text.result(format!("Configuration: {}", text::path(file))),
            Some(file) if self.file.is_some_and(Path::exists) => {
                text.result(format!("Configuration: {} (not read: a folder was named)", text::path(file)));
            }
            Some(file) => text.result(format!(
                "There is no configuration: {} does not exist. See what it may say with: snap config --example.",
                text::path(file)
            )),
            None => text.result("There is no configuration: no folder is known for it (HOME is not set)."),
        }
        if self.archives.len() > 1 {
            text.result(format!("Archives: {}", self.archives.join(", ")));
        }
        if self.rows.is_empty() {
            return text.result("No archive is named.");
        }
        let mut table = Table::new(&[("setting", Align::Left), ("value", Align::Wrapped), ("from", Align::Wrapped)]);
        for row in &self.rows {
            table.row(vec![row.key.to_owned(), row.shown.clone(), from(row.from).to_owned()]);
        }
        table.lines(text.columns).into_iter().for_each(|line| text.row(line));
    }

    fn json(&self) -> impl Serialize {
        let one = |row: &'_ Setting| One { key: row.key, value: row.value.clone(), from: row.from };
        Document {
            file: self.file.map(|file| super::json::Text(file.as_os_str().as_encoded_bytes())),
            read: self.is_there,
            archives: &self.archives,
            settings: self.rows.iter().map(one).collect(),
        }
    }
}

fn from(from: Said) -> &'static str {
    match from {
        Said::Typed => "command line",
        Said::Environment => "SNAP_ARCHIVE",
        Said::Program => "the folder of the program",
        Said::Configuration => "configuration",
        Said::Archive => "archive",
        Said::Now => "found now",
        Said::Default => "default",
    }
}
