//! Commands of the person's own around `snap create`: they stand in the person's configuration and nowhere else, so that a drive
//! that is plugged in never starts anything.

use super::failure::Failure;
use super::output::advice;
use super::output::text;
use super::session::Session;
use snap_archive::base::error::plain_reason;
use std::path::Path;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;

/// What a command is told, by variables of its environment.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    /// `SNAP_NAME`: the archive's name in the configuration.
    pub(crate) name: &'a str,
    /// `SNAP_FOLDER`: where the archive is, if that is known.
    pub(crate) folder: Option<&'a Path>,
    /// `SNAP_EXIT_CODE`: how the run ended.
    pub(crate) code: Option<u8>,
    /// `SNAP_MESSAGE`: why it failed.
    pub(crate) message: Option<&'a str>,
}

/// Runs what is to be done before: a database written to a file, a share mounted.
///
/// # Errors
/// When it cannot be run, or fails: then nothing is saved.
pub(crate) fn before(command: &str, told: &Told<'_>, session: &Session) -> Result<(), Failure> {
    run("before", command, told, session).map_err(|failure| failure.with_hint(advice::NOTHING_SAVED))
}

/// Runs another command; whether it succeeded. Failures are reported.
pub(crate) fn went_well(key: &str, command: &str, told: &Told<'_>, session: &Session) -> bool {
    match run(key, command, told, session) {
        Ok(()) => true,
        Err(failure) => {
            session.console.line(&text::yellow(failure.what()));
            false
        }
    }
}

fn run(key: &str, command: &str, told: &Told<'_>, session: &Session) -> Result<(), Failure> {
    check_private(session)?;
    let failed = |why: &str| Failure::new(format!("the command '{key}' of the configuration failed: {why}"));
    let mut shell = shell(command);
    // The standard output is for results.
    shell.stdout(Stdio::from(std::io::stderr())).stdin(Stdio::null()).env("SNAP_NAME", told.name);
    if let Some(folder) = told.folder {
        shell.env("SNAP_FOLDER", folder);
    }
    if let Some(code) = told.code {
        shell.env("SNAP_EXIT_CODE", code.to_string());
    }
    if let Some(message) = told.message {
        shell.env("SNAP_MESSAGE", message);
    }
    let status = shell.status().map_err(|error| failed(&plain_reason(&error)))?;
    if status.success() { Ok(()) } else { Err(failed(&ended(status))) }
}

fn ended(status: ExitStatus) -> String {
    status.code().map_or_else(|| "it was killed".to_owned(), |code| format!("it ended with exit code {code}"))
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.args(["/C", command]);
    shell
}

/// Refuses commands that somebody else may have written.
///
/// # Errors
/// When everybody may write to the configuration.
#[cfg(unix)]
fn check_private(session: &Session) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;
    let Some(config) = &session.settings.config else { return Ok(()) };
    let is_open = std::fs::metadata(&config.file).is_ok_and(|found| found.mode() & 0o002 != 0);
    if !is_open {
        return Ok(());
    }
    let file = text::path(&config.file);
    let what = format!("{file} has commands to run, and everybody may write to it: none was run");
    Err(Failure::new(what).with_hint(advice::make_own(&config.file)))
}

/// Without Unix modes, the rights of the person's own folder decide who may write to a file in it.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)]
fn check_private(_session: &Session) -> Result<(), Failure> {
    Ok(())
}
