//! What was probably meant by words that other programs know. Prints nothing.

use super::super::failure::Failure;
use super::super::output::advice;
use clap::error::ContextKind;
use clap::error::ContextValue;
use clap::error::ErrorKind;
use snap_archive::base::path::printable;

/// Commands of other programs, and the one that does the same here.
const COMMANDS: &[(&str, &[&str])] = &[
    ("create", &["backup", "save", "commit", "snapshot", "add", "archive", "run", "sync"]),
    ("list", &["snapshots", "lists"]),
    ("ls", &["files", "dir", "tree"]),
    ("restore", &["recover", "extract", "get", "checkout", "copy", "undelete", "undo", "back"]),
    ("verify", &["check", "fsck", "test", "validate"]),
    ("repair", &["fix", "mend", "heal", "rebuild"]),
    ("export", &["tar"]),
    ("diff", &["compare", "changes", "changed"]),
    ("log", &["versions", "history", "blame", "revisions"]),
    ("find", &["search", "locate", "grep"]),
    ("cat", &["show", "print", "dump"]),
    ("du", &["size", "sizes", "usage", "stats"]),
    ("status", &["health", "info", "state"]),
    ("setup", &["wizard", "start", "begin"]),
    ("schedule", &["timer", "cron", "auto", "daily", "watch"]),
    ("config", &["configure", "configuration", "settings", "profile", "profiles"]),
    ("init", &["new", "make"]),
    ("forget", &["delete", "remove", "expire", "thin"]),
    ("erase", &["rm", "rewrite", "wipe", "shred"]),
    ("prune", &["compact", "gc", "purge", "clean", "cleanup", "vacuum"]),
    ("keep", &["pin", "protect", "mark", "hold"]),
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

/// The failure that says what was probably meant, if this error of the command line is about a word that is not known.
pub(crate) fn instead_of(error: &clap::Error) -> Option<Failure> {
    let (context, known, what, suggested) = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            (ContextKind::InvalidSubcommand, COMMANDS, "command", ContextKind::SuggestedSubcommand)
        }
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, OPTIONS, "option", ContextKind::SuggestedArg),
        _ => return None,
    };
    let Some(ContextValue::String(typed)) = error.get(context) else { return None };
    // An option may have its value behind it.
    let word = typed.split(['=', ' ']).next().unwrap_or(typed);
    let meant = known.iter().find(|(_, others)| others.contains(&word)).map(|(meant, _)| (*meant).to_owned());
    let meant = meant.or_else(|| first(error.get(suggested)?));
    let hint = match meant {
        Some(meant) if what == "command" => advice::did_you_mean(&format!("snap {meant}")),
        Some(meant) => advice::did_you_mean(&meant),
        None if what == "option" && !word.starts_with('-') => return Some(unexpected(typed)),
        None => advice::SEE_HELP.to_owned(),
    };
    Some(Failure::usage(format!("there is no {what} '{}'", printable(word.as_bytes()))).with_hint(hint))
}

/// What a word is that a command takes none of: mostly the archive's folder.
fn unexpected(typed: &str) -> Failure {
    let typed = printable(typed.as_bytes());
    Failure::usage(format!("'{typed}' is not expected here")).with_hint(advice::if_it_is_the_archive(&typed))
}

/// Any other error of the command line, as all failures are told.
pub(crate) fn told(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    // The usage stands behind an empty line.
    let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let what = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(missing)) if error.kind() == ErrorKind::MissingRequiredArgument => {
            format!("{} is missing", missing.join(" and "))
        }
        _ => lines.join(" ").trim_start_matches("error: ").to_owned(),
    };
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
    let usage = usage.map(|usage| format!("It is called as: {usage} (more with --help)"));
    Failure::usage(printable(what.as_bytes())).with_hint(usage.unwrap_or_else(|| advice::SEE_HELP.to_owned()))
}

fn first(suggested: &ContextValue) -> Option<String> {
    match suggested {
        ContextValue::String(word) => Some(word.clone()),
        ContextValue::Strings(words) => words.first().cloned(),
        _ => None,
    }
}
