//! Why something could not be done: `Error` ends a command, a `Problem` concerns one entry and the work goes on.

use crate::base::path::EntryPathBuf;
use std::fmt;
use std::io;

/// What kind of failure an [`Error`] is, as far as a caller may want to act on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// Reading or writing failed; the operating system's reason is the source.
    Io,
    /// There is no archive where one was looked for.
    NoArchive,
    /// What was asked for is not there: a snapshot, a path, a file of the archive.
    NotFound,
    /// Something is in the way: a published file, a folder that is not empty.
    Exists,
    /// Another process is writing to the archive.
    Locked,
    /// Bytes of the archive are not what was written.
    Damaged,
    /// An index file is not what was written; it is made again from the manifests.
    IndexDamaged,
    /// The archive's format is newer than this program.
    TooNew,
    /// What was asked for makes no sense or is refused for safety.
    Refused,
    /// The person or a signal asked to stop.
    Interrupted,
}

/// Why a command cannot go on: what was being done, to which thing, why it failed, and what to do now.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    hint: Option<String>,
    source: Option<io::Error>,
}

/// The result of everything that can fail as a whole.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of this kind; `what` says what was being done, to which thing, and why it failed.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Error {
        Error { kind, what: what.into(), hint: None, source: None }
    }

    /// The operating system refused `what` was being done ("cannot write bundle x").
    pub fn io(what: impl Into<String>, source: io::Error) -> Error {
        Error { kind: ErrorKind::Io, what: what.into(), hint: None, source: Some(source) }
    }

    /// Bytes of the archive are not what was written.
    pub fn damaged(what: impl Into<String>) -> Error {
        Error::new(ErrorKind::Damaged, what)
    }

    /// This error with a sentence on what to do now.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// This error, said in the words of what the caller was doing.
    #[must_use]
    pub fn while_doing(mut self, doing: &str) -> Error {
        self.what = format!("{doing}: {}", self.what);
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do now, if something can be said.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The operating system's own error, if it was one.
    pub fn io_error(&self) -> Option<&io::Error> {
        self.source.as_ref()
    }

    /// Whether the archive's bytes, not the machine or the request, are at fault.
    pub fn is_damage(&self) -> bool {
        matches!(self.kind, ErrorKind::Damaged | ErrorKind::IndexDamaged)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.source {
            Some(source) => write!(f, ": {}", plain_reason(source)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// The operating system's reason without Rust's "(os error N)".
pub fn plain_reason(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    let mut reason = text[..end].to_owned();
    if let Some(first) = reason.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    reason
}

/// One entry that could not be saved or restored as it should; the work goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The entry; empty when it is about all.
    pub path: EntryPathBuf,
    /// What happened, in plain words, without the path: "cannot be read: permission denied".
    pub what: String,
}

impl Problem {
    /// A problem with this entry.
    pub fn new(path: EntryPathBuf, what: impl Into<String>) -> Problem {
        Problem { path, what: what.into() }
    }

    /// The content of this file, which is given out as it was saved, may be no state that it ever had.
    pub fn torn(path: EntryPathBuf) -> Problem {
        let what = "it is given back as it was saved, but that may not be whole: it changed at that time, or could not be \
                    read to its end, and then has zeros there. Another snapshot may have it whole";
        Problem::new(path, what)
    }

    /// The operating system refused something with this entry: "`what`: reason".
    pub fn io(path: EntryPathBuf, what: &str, source: &io::Error) -> Problem {
        Problem { path, what: format!("{what}: {}", plain_reason(source)) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One that concerns everything has no path.
        if self.path.is_root() { f.write_str(&self.what) } else { write!(f, "{}: {}", self.path, self.what) }
    }
}
