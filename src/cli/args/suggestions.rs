//! What was probably meant by words that other programs know. Prints nothing.

use super::super::failure::Failure;
use clap::error::ContextKind;
use clap::error::ContextValue;
use clap::error::ErrorKind;

/// Commands of other programs, and the one that does the same here.
const COMMANDS: &[(&str, &[&str])] = &[
    ("create", &["backup", "save", "commit", "snapshot", "add", "archive", "run", "sync"]),
    ("list", &["snapshots", "log", "history", "lists", "status", "versions"]),
    ("ls", &["files", "dir", "show", "tree", "find"]),
    ("restore", &["recover", "extract", "get", "checkout", "copy"]),
    ("verify", &["check", "fsck", "test", "validate"]),
    ("repair", &["fix", "mend", "heal", "rebuild"]),
    ("export", &["tar", "dump", "cat"]),
    ("init", &["new", "make", "setup"]),
];

/// Options of other programs, and the one that does the same here.
const OPTIONS: &[(&str, &[&str])] = &[
    ("--dry-run", &["-n"]),
    ("--yes", &["-y", "--force", "-f"]),
    ("--to DIR", &["--target", "-t", "-C", "--directory", "--output", "-o"]),
    ("--archive DIR", &["--repo", "-r", "--repository"]),
    ("--at WHEN", &["--snapshot", "--date", "--time", "-s"]),
    ("--overwrite", &["--replace"]),
    ("--note TEXT", &["--message", "-m", "--comment", "--tag", "--description"]),
    ("--read-back", &["--verify", "--check"]),
];

/// The failure that says what was probably meant, if this error of the command line is one where that is known.
pub(crate) fn instead_of(error: &clap::Error) -> Option<Failure> {
    let (context, known, what) = match error.kind() {
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, COMMANDS, "command"),
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, OPTIONS, "option"),
        _ => return None,
    };
    let Some(ContextValue::String(typed)) = error.get(context) else { return None };
    // An option may have its value behind it.
    let word = typed.split(['=', ' ']).next().unwrap_or(typed);
    let meant = known.iter().find(|(_, others)| others.contains(&word)).map(|(meant, _)| *meant)?;
    let meant = if what == "command" { format!("snap {meant}") } else { meant.to_owned() };
    Some(
        Failure::usage(format!("there is no {what} '{word}'"))
            .with_hint(super::super::output::advice::did_you_mean(&meant)),
    )
}
