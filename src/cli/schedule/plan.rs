//! What a scheduler is told, as values: files, a line, commands.

use std::path::PathBuf;

/// All that is needed to install a job, and to remove it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Files to be written.
    pub(crate) files: Vec<PlannedFile>,
    /// A line of the table of cron.
    pub(crate) line: Option<String>,
    /// Commands that switch it on.
    pub(crate) enable: Vec<Vec<String>>,
    /// Commands that switch it off; then the files go.
    pub(crate) disable: Vec<Vec<String>>,
    /// A command for after the files went.
    pub(crate) forget: Option<Vec<String>>,
    /// The command that succeeds if it is switched on.
    pub(crate) ask: Vec<String>,
}

/// A file to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// Whether it is written in UTF-16, as Windows wants it.
    pub(crate) is_wide: bool,
}

/// A command from its words.
pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A text as it stands in XML.
pub(super) fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
