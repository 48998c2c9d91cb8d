//! Why something could not be done: `Error` ends a command, a `Problem` concerns one entry and the work goes on.

use crate::base::advice::Advice;
use crate::base::path::EntryPathBuf;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// What kind of failure an [`Error`] is, as far as a caller may want to act on it.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// Reading or writing failed; the operating system's reason is the source.
    Io,
    /// The operating system refused: no permission, too many open files, no memory, a busy or stale file. It says nothing of the
    /// bytes. Its reason is the source.
    RefusedBySystem,
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

/// The thing that an error is about.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A file of the archive, by its name in it.
    File(String),
    /// An entry of a snapshot.
    Entry(EntryPathBuf),
    /// A folder that is to be saved.
    Source(PathBuf),
}

/// Why a command cannot go on: what was being done, to which thing, why it failed, and what to do now.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    subject: Option<Box<Subject>>,
    advice: Option<Box<Advice>>,
    source: Option<io::Error>,
}

/// The result of everything that can fail as a whole.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of this kind; `what` says what was being done, to which thing, and why it failed.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Error {
        Error { kind, what: what.into(), subject: None, advice: None, source: None }
    }

    /// The operating system refused `what` was being done ("cannot write bundle x").
    pub fn io(what: impl Into<String>, source: io::Error) -> Error {
        let kind = if is_refusal(&source) { ErrorKind::RefusedBySystem } else { ErrorKind::Io };
        Error { source: Some(source), ..Error::new(kind, what) }
    }

    /// Bytes of the archive are not what was written.
    pub fn damaged(what: impl Into<String>) -> Error {
        Error::new(ErrorKind::Damaged, what)
    }

    /// The person asked to stop, or what was being done is not wanted any more.
    pub(crate) fn stopped() -> Error {
        Error::new(ErrorKind::Interrupted, "stopped")
    }

    /// This error with what to do now.
    #[must_use]
    pub fn with_advice(mut self, advice: Advice) -> Error {
        self.advice = Some(Box::new(advice));
        self
    }

    /// This error with the thing that it is about.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Error {
        self.subject = Some(Box::new(subject));
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
    pub fn advice(&self) -> Option<&Advice> {
        self.advice.as_deref()
    }

    /// The thing that it is about, if it is one.
    pub fn subject(&self) -> Option<&Subject> {
        self.subject.as_deref()
    }

    /// Whether the operating system could not or would not do it.
    pub fn is_of_system(&self) -> bool {
        matches!(self.kind, ErrorKind::Io | ErrorKind::RefusedBySystem)
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

/// Whether the operating system refused to do it, whatever the bytes are.
fn is_refusal(error: &io::Error) -> bool {
    // A reader of the archive may have passed on what was found out already.
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    if let Some(inner) = inner {
        return inner.kind == ErrorKind::RefusedBySystem;
    }
    let is_refused = matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::OutOfMemory
            | io::ErrorKind::StaleNetworkFileHandle
            | io::ErrorKind::Interrupted
            | io::ErrorKind::ResourceBusy
    );
    is_refused || has_too_many_files(error)
}

/// Whether this process, or the whole system, has as many open files as it may: EMFILE and ENFILE, which have no kind of their
/// own. Their numbers are the same on every Unix.
fn has_too_many_files(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

/// The operating system's reason without Rust's "(os error N)".
pub fn plain_reason(error: &io::Error) -> String {
    if has_too_many_files(error) {
        // The system's own words leave open what to do, and the drive is soon suspected.
        return "too many open files: the system allows no more (ulimit -n)".to_owned();
    }
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    // Windows' reasons are whole sentences.
    let mut reason = text[..end].trim_end_matches('.').to_owned();
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
    /// What to do now, if something can be said.
    pub advice: Option<Advice>,
    /// Whether the entry, or something in it, is there and not in the snapshot as it was found: not at all, or as it was before.
    pub is_unsaved: bool,
}

impl Problem {
    /// A problem with this entry.
    pub fn new(path: EntryPathBuf, what: impl Into<String>) -> Problem {
        Problem { path, what: what.into(), advice: None, is_unsaved: false }
    }

    /// The content of this file is given out as it was saved, and may match no state that it was ever in.
    pub fn torn(path: EntryPathBuf) -> Problem {
        let what = "it is given back as it was saved, but that may not be whole: it changed at that time, or could not be \
                    read to its end, and then has zeros there. Another snapshot may have it whole";
        Problem::new(path, what)
    }

    /// The operating system refused something with this entry: "`what`: reason".
    pub fn io(path: EntryPathBuf, what: &str, source: &io::Error) -> Problem {
        let advice = (source.kind() == io::ErrorKind::ResourceBusy).then_some(Advice::CloseProgram);
        Problem { advice, ..Problem::new(path, format!("{what}: {}", plain_reason(source))) }
    }

    /// This problem, of an entry that is not in the snapshot as it was found.
    #[must_use]
    pub fn unsaved(mut self) -> Problem {
        self.is_unsaved = true;
        self
    }

    /// This problem with what to do now.
    #[must_use]
    pub fn with_advice(mut self, advice: Advice) -> Problem {
        self.advice = Some(advice);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One that concerns everything has no path.
        if self.path.is_root() { f.write_str(&self.what) } else { write!(f, "{}: {}", self.path, self.what) }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_the_system_refuses_is_told_from_what_a_drive_cannot_read() {
        // EPERM, EINTR, ENOMEM, EACCES, EBUSY, ENFILE, EMFILE, ESTALE on Linux.
        for number in [1, 4, 12, 13, 16, 23, 24, 116] {
            let error = Error::io("cannot read it", io::Error::from_raw_os_error(number));
            assert_eq!(error.kind(), ErrorKind::RefusedBySystem, "{error}");
            assert!(error.is_of_system() && !error.is_damage());
            assert_eq!(error.to_string().contains("ulimit -n"), matches!(number, 23 | 24), "{error}");
            let passed_on = Error::io("cannot copy it", io::Error::other(error));
            assert_eq!(passed_on.kind(), ErrorKind::RefusedBySystem, "{passed_on}");
        }
        // EIO, ENODEV, ENOSPC, EROFS.
        for number in [5, 19, 28, 30] {
            let error = Error::io("cannot read it", io::Error::from_raw_os_error(number));
            assert_eq!((error.kind(), error.is_of_system()), (ErrorKind::Io, true), "{error}");
        }
    }
}
