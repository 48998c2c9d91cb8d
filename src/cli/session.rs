//! What every command needs: the global options, the archive, and a place to print results.

use super::Failure;
use super::console::Console;
use super::json::harmless;
use super::output::advice::shell_word;
use clap::builder::OsStringValueParser;
use clap::builder::TypedValueParser;
use serde::Serialize;
use snap_archive::archive::open::Archive;
use snap_archive::base::error::Error;
use snap_archive::base::error::ErrorKind;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::time::Time;
use std::io::ErrorKind as IoErrorKind;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

// The options that every command understands.
#[derive(clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// The folder on the drive that is the archive
    #[arg(short, long, global = true, value_name = "DIR", env = "SNAP_ARCHIVE", hide_env_values = true)]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) archive: Option<PathBuf>,
    /// Print one JSON document, for programs, instead of text (ls: one per line)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but problems and what was asked for
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: name every entry that is saved or restored; more columns in lists
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// How many threads work; 0: as many as the machine has
    #[arg(long, global = true, value_name = "N", default_value_t = 0, hide = true)]
    pub(crate) threads: usize,
}

/// One run of the program.
pub(crate) struct Session {
    /// The global options.
    pub(crate) global: GlobalArgs,
    /// Where progress and problems go.
    pub(crate) console: Console,
}

impl Session {
    pub(crate) fn new(global: GlobalArgs) -> Session {
        let console = Console::new(&global);
        Session { global, console }
    }

    /// The archive's folder, as given.
    ///
    /// # Errors
    /// When it was not given (usage).
    pub(crate) fn directory(&self) -> Result<&Path, Failure> {
        let given = self.global.archive.as_deref().filter(|directory| !directory.as_os_str().is_empty());
        given.ok_or_else(|| {
            Failure::usage("which archive? None was named")
                .with_hint("Name its folder with -a DIR, or once for all commands with SNAP_ARCHIVE=DIR.")
        })
    }

    /// Opens the archive.
    ///
    /// # Errors
    /// When none was named (usage), there is none, or it cannot be read.
    pub(crate) fn open(&self) -> Result<Archive, Failure> {
        let directory = self.directory()?;
        Archive::open(directory).map_err(|error| missing(error, directory))
    }

    /// Prints a line of result, unless `--quiet` or `--json`.
    ///
    /// # Errors
    /// When the standard output cannot be written; one that was closed early is none.
    pub(crate) fn say(&self, line: &str) -> Result<(), Failure> {
        if self.global.quiet || self.global.json { Ok(()) } else { self.print(line) }
    }

    /// Prints a line that was asked for.
    ///
    /// # Errors
    /// As `say`.
    pub(crate) fn print(&self, line: &str) -> Result<(), Failure> {
        self.console.close();
        match writeln!(anstream::stdout(), "{line}") {
            Err(error) if error.kind() != IoErrorKind::BrokenPipe => Err(Failure::output(&error)),
            _ => Ok(()),
        }
    }

    /// Prints `document` if `--json` was given.
    ///
    /// # Errors
    /// As `say`.
    pub(crate) fn say_json(&self, document: &impl Serialize) -> Result<(), Failure> {
        if !self.global.json {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(document).map_err(|error| Failure::new(error.to_string()))?;
        self.print(&harmless(text))
    }
}

/// `snapshot 3 of 2026-11-22 18:30`.
pub(crate) fn snapshot_named(summary: &Summary) -> String {
    format!("snapshot {} of {}", summary.number, local(summary.time))
}

/// A moment in local time.
pub(crate) fn local(time: Time) -> String {
    snap_archive::base::when::local(time, &snap_archive::base::when::system_zone())
}

pub(crate) fn missing(error: Error, directory: &Path) -> Failure {
    if error.kind() != ErrorKind::NoArchive {
        return error.into();
    }
    Failure::from(error).with_hint(format!(
        "Check that the drive is plugged in. To make a new archive there: snap init -a {}",
        shell_word(directory)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_hints_can_be_pasted() {
        assert_eq!(shell_word(Path::new("/media/stick/a-b")), "/media/stick/a-b");
        assert_eq!(shell_word(Path::new("/media/Ann's stick")), r"'/media/Ann'\''s stick'");
    }

    #[test]
    fn a_missing_archive_asks_for_the_drive() {
        let failure = missing(Error::new(ErrorKind::NoArchive, "there is no archive at /m"), Path::new("/m"));
        let (code, what, hint) = failure.parts();
        assert_eq!((code, what), (1, "there is no archive at /m"));
        assert_eq!(hint, Some("Check that the drive is plugged in. To make a new archive there: snap init -a /m"));
    }
}
