//! Why a command failed, and the exit code that this leads to. Prints nothing.

use super::output::advice;
use snap_archive::base::advice::Advice;
use snap_archive::base::error::Error;
use snap_archive::base::error::ErrorKind;
use snap_archive::base::error::Subject;

/// The exit code for a failure that has no code of its own; the history is as it was.
const FAILED: u8 = 1;

/// The exit code for an invalid command line.
pub(crate) const USAGE: u8 = 2;

/// The exit code for what was done, with problems.
pub(crate) const WITH_PROBLEMS: u8 = 3;

/// The exit code when the archive is not there: its drive is not plugged in, or no longer.
pub(crate) const NO_ARCHIVE: u8 = 4;

/// The exit code when another process is writing to the archive.
const IN_USE: u8 = 5;

/// The exit code of `status` when something must be done.
pub(crate) const TO_ACT: u8 = 6;

/// The exit code of `create --battery` when the battery is too low.
pub(crate) const LATER: u8 = 7;

/// The exit code after a second Ctrl-C, as a shell reports it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command failed: what was being done and why it did not work, and what to do now.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    kind: &'static str,
    what: String,
    hint: Option<String>,
    subject: Option<Subject>,
}

impl Failure {
    /// Something did not work.
    pub(crate) fn new(what: impl Into<String>) -> Failure {
        Failure { code: FAILED, kind: "failed", what: what.into(), hint: None, subject: None }
    }

    /// The command line is invalid.
    pub(crate) fn usage(what: impl Into<String>) -> Failure {
        Failure { code: USAGE, kind: "usage", ..Failure::new(what) }
    }

    /// The person asked to stop.
    pub(crate) fn stopped(what: &str) -> Failure {
        Failure { kind: word(ErrorKind::Interrupted), ..Failure::new(what) }
    }

    /// The archive is not there, for the reason that `kind` says.
    pub(crate) fn not_there(kind: &'static str, what: impl Into<String>) -> Failure {
        Failure { code: NO_ARCHIVE, kind, ..Failure::new(what) }
    }

    /// The computer runs on a battery that is too low; nothing was begun.
    pub(crate) fn later(what: impl Into<String>) -> Failure {
        Failure { code: LATER, kind: "battery", ..Failure::new(what) }
    }

    /// The results cannot be written to the standard output.
    pub(crate) fn output(error: &std::io::Error) -> Failure {
        let reason = snap_archive::base::error::plain_reason(error);
        Failure { kind: "output", ..Failure::new(format!("cannot write the output: {reason}")) }
    }

    /// Nobody can see the results.
    pub(crate) fn closed_output() -> Failure {
        Failure { kind: "output", ..Failure::new("cannot write the output: the standard output is closed") }
    }

    /// This failure with a sentence on what to do now.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// This failure, with another word for programs.
    pub(crate) fn of_kind(self, kind: &'static str) -> Failure {
        Failure { kind, ..self }
    }

    /// This failure, as one of the command line.
    pub(crate) fn into_usage(self) -> Failure {
        Failure { code: USAGE, kind: "usage", ..self }
    }

    /// This failure, met when the work itself was already done: `done` says what.
    pub(crate) fn after(self, done: &str) -> Failure {
        Failure { code: WITH_PROBLEMS, hint: Some(done.to_owned()), ..self }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// A word for programs: what kind of failure it is.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// What was being done, and why it failed.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// What to do now, if something can be said.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The thing that it is about, if it is one.
    pub(crate) fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let is_denied = error.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
        let fallback = match () {
            () if error.is_damage() => Some(advice::DAMAGED),
            () if is_denied => Some(advice::NOT_ALLOWED),
            () => None,
        };
        let hint = error.advice().map(advice::text).or_else(|| fallback.map(ToOwned::to_owned));
        let subject = error.subject().cloned();
        Failure { code: code(&error), kind: word(error.kind()), what: error.to_string(), hint, subject }
    }
}

fn code(error: &Error) -> u8 {
    let is_drive_lost = matches!(
        error.advice(),
        Some(
            Advice::CheckArchiveDrive
                | Advice::PlugInArchive
                | Advice::PlugInAndSaveAgain
                | Advice::PlugInAndRestoreAgain
                | Advice::PlugInAndExportAgain
        )
    );
    match error.kind() {
        ErrorKind::NoArchive => NO_ARCHIVE,
        ErrorKind::Locked => IN_USE,
        _ if is_drive_lost => NO_ARCHIVE,
        _ => FAILED,
    }
}

fn word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Io => "io",
        ErrorKind::RefusedBySystem => "refused-by-system",
        ErrorKind::NoArchive => "no-archive",
        ErrorKind::NotFound => "not-found",
        ErrorKind::Exists => "exists",
        ErrorKind::Locked => "in-use",
        ErrorKind::Damaged => "damaged",
        ErrorKind::IndexDamaged => "index-damaged",
        ErrorKind::TooNew => "too-new",
        ErrorKind::Refused => "refused",
        ErrorKind::Interrupted => "interrupted",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_can_tell_a_missing_drive_and_a_busy_archive_apart() {
        for (kind, code) in [(ErrorKind::NoArchive, 4), (ErrorKind::Locked, 5), (ErrorKind::Damaged, 1)] {
            assert_eq!(Failure::from(Error::new(kind, "x")).code(), code, "{kind:?}");
        }
        let lost = Error::new(ErrorKind::Io, "x").with_advice(Advice::PlugInAndSaveAgain);
        assert_eq!(Failure::from(lost).code(), 4);
    }

    #[test]
    fn who_may_not_do_something_is_told_who_may() {
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let failure = Failure::from(Error::io("cannot open x", denied));
        assert_eq!((failure.kind(), failure.hint()), ("refused-by-system", Some(advice::NOT_ALLOWED)));
    }

    #[test]
    fn damage_without_an_advice_of_its_own_leads_to_verify() {
        let failure = Failure::from(Error::damaged("x"));
        assert!(failure.hint().is_some_and(|hint| hint.contains("snap verify")));
    }
}
