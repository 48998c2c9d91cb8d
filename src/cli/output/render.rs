//! A result, as a person and as a program reads it. Prints nothing.

use serde::Serialize;

/// What a command found or did.
pub(crate) trait Render {
    /// For a person.
    fn text(&self, text: &mut Text);

    /// For a program: an object.
    fn json(&self) -> impl Serialize;
}

/// Where a line goes, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Channel {
    /// It was asked for: the standard output, always.
    Result,
    /// It sums up: the standard output, unless `--quiet`.
    Summary,
    /// It is good to know: the standard error, unless `--quiet`.
    Aside,
    /// Something is wrong: the standard error, always.
    Warning,
}

/// One line in the making.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) channel: Channel,
    /// Whether it is broken at words where a terminal is too narrow for it.
    pub(crate) wraps: bool,
    pub(crate) text: String,
}

/// The lines of a result.
pub(crate) struct Text {
    /// Whether more is printed.
    pub(crate) verbose: bool,
    /// How many columns the standard output has; `None` when it is no terminal.
    pub(crate) columns: Option<usize>,
    lines: Vec<Line>,
}

impl Text {
    pub(crate) fn new(verbose: bool, columns: Option<usize>) -> Text {
        Text { verbose, columns, lines: Vec::new() }
    }

    /// A line of a table or a list.
    pub(crate) fn row(&mut self, text: impl Into<String>) {
        self.lines.push(Line { channel: Channel::Result, wraps: false, text: text.into() });
    }

    /// Sentences that were asked for.
    pub(crate) fn result(&mut self, text: impl Into<String>) {
        self.push(Channel::Result, text.into());
    }

    /// Sentences that sum up.
    pub(crate) fn summary(&mut self, text: impl Into<String>) {
        self.push(Channel::Summary, text.into());
    }

    /// Sentences that are good to know.
    pub(crate) fn aside(&mut self, text: impl Into<String>) {
        self.push(Channel::Aside, text.into());
    }

    /// Sentences that are good to know, marked as a note.
    pub(crate) fn note(&mut self, text: &str) {
        self.aside(format!("note: {text}"));
    }

    /// Sentences on what is wrong.
    pub(crate) fn warning(&mut self, text: impl Into<String>) {
        self.push(Channel::Warning, text.into());
    }

    /// All of them, in order.
    pub(crate) fn into_lines(self) -> Vec<Line> {
        self.lines
    }

    fn push(&mut self, channel: Channel, text: String) {
        self.lines.push(Line { channel, wraps: true, text });
    }
}
