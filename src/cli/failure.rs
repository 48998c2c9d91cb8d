//! Why a command failed, how that is shown, and the exit code it leads to.

use super::output::advice;
use super::text;
use snap_archive::base::error::Error;
use std::io::Write;
use std::process::ExitCode;

/// The exit code for a failure that left the history as it was.
const FAILED: u8 = 1;

/// The exit code for a command line that makes no sense.
pub(crate) const USAGE: u8 = 2;

/// The exit code for what was done, with problems.
pub(crate) const WITH_PROBLEMS: u8 = 3;

/// The exit code after a second Ctrl-C, as a shell reports it.
pub(crate) const INTERRUPTED: u8 = 130;

/// What to do about damage, if nothing better is known.
const DAMAGED: &str =
    "`snap verify` says which snapshots and files that touches, `snap repair` mends what can be mended";

/// Why a command failed: what was being done and why it did not work, and what to do now.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    what: String,
    hint: Option<String>,
}

impl Failure {
    /// Something did not work.
    pub(crate) fn new(what: impl Into<String>) -> Failure {
        Failure { code: FAILED, what: what.into(), hint: None }
    }

    /// What was asked for makes no sense.
    pub(crate) fn usage(what: impl Into<String>) -> Failure {
        Failure { code: USAGE, ..Failure::new(what) }
    }

    /// The results cannot be written to the standard output.
    pub(crate) fn output(error: &std::io::Error) -> Failure {
        Failure::new(format!("cannot write the output: {}", snap_archive::base::error::plain_reason(error)))
    }

    /// This failure with a sentence on what to do now.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// This failure, as one of the command line.
    pub(crate) fn into_usage(mut self) -> Failure {
        self.code = USAGE;
        self
    }

    /// This failure, met when the work itself was already done: `done` says what.
    pub(crate) fn after(self, done: &str) -> Failure {
        Failure { code: WITH_PROBLEMS, hint: Some(done.to_owned()), ..self }
    }

    /// Says on the standard error what failed, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let what = format!("{}{}", text::red("snap: "), self.what);
        let hints = self.hint.iter().flat_map(|hint| hint.lines()).map(|line| format!("  {line}"));
        let mut lines = std::iter::once(what).chain(hints).collect::<Vec<_>>().join("\n");
        lines.push('\n');
        // Where nobody reads the standard error, the exit code still tells.
        let _ = anstream::stderr().write_all(lines.as_bytes());
        ExitCode::from(self.code)
    }

    /// Says what failed and ends the program, whatever its other threads are doing.
    pub(crate) fn end_program(&self) -> ! {
        self.report();
        std::process::exit(self.code.into())
    }

    #[cfg(test)]
    pub(crate) fn parts(&self) -> (u8, &str, Option<&str>) {
        (self.code, &self.what, self.hint.as_deref())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let known = error.advice().map(advice::text);
        let hint = known.or_else(|| error.is_damage().then(|| DAMAGED.to_owned()));
        Failure { code: FAILED, what: error.to_string(), hint }
    }
}
