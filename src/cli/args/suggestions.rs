//! What was probably meant by words that other programs know. Prints nothing.

use super::super::failure::Failure;
use super::super::output::advice;
use clap::Command;
use clap::error::ContextKind;
use clap::error::ContextValue;
use clap::error::ErrorKind;
use snap_archive::base::path::printable;
use std::ffi::OsString;

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

/// Options of other programs, and the one that does the same here, of which a command may have none, one or more.
const OPTIONS: &[(&str, &[&str])] = &[
    ("--dry-run", &["-n", "--simulate", "--pretend"]),
    ("--yes", &["-y", "--force", "-f", "--assume-yes"]),
    (
        "--to DIR",
        &["--target", "-t", "-C", "--directory", "--output", "-o", "--dest", "--destination", "--into", "--out"],
    ),
    ("--output FILE", &["--file", "-f", "--to", "--target", "-t", "--dest", "--destination", "--out"]),
    ("--archive DIR", &["--repo", "-r", "--repository"]),
    ("--at WHEN", &["--snapshot", "--date", "--time", "-s"]),
    ("--overwrite", &["--replace"]),
    ("--note TEXT", &["--message", "-m", "--comment", "--tag", "--description"]),
    ("--read-back", &["--verify", "--check"]),
];

/// The failure that says what was probably meant, if this error of the command line is about a word that `program` does not know.
pub(crate) fn instead_of(error: &clap::Error, program: &Command) -> Option<Failure> {
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = typed(error, ContextKind::InvalidSubcommand)?;
            let meant = known(COMMANDS, &word).next().map(str::to_owned);
            let meant = meant.or_else(|| first(error.get(ContextKind::SuggestedSubcommand)?));
            Some(unknown("command", &word, meant.map(|meant| format!("snap {meant}"))))
        }
        ErrorKind::UnknownArgument => {
            let word = typed(error, ContextKind::InvalidArg)?;
            let meant = meant_option(&word, error, program);
            if meant.is_none() && !word.starts_with('-') {
                return Some(unexpected(&whole(error, ContextKind::InvalidArg)?));
            }
            Some(unknown("option", &word, meant))
        }
        _ => None,
    }
}

/// The option of the command at hand that does what `word` does elsewhere, or is called nearly so.
fn meant_option(word: &str, error: &clap::Error, program: &Command) -> Option<String> {
    let usage = error.get(ContextKind::Usage)?.to_string();
    let command = usage.split_whitespace().find_map(|word| program.find_subcommand(word));
    let options = command.into_iter().flat_map(Command::get_arguments);
    let options: Vec<&str> = options.chain(program.get_arguments()).filter_map(|option| option.get_long()).collect();
    let long = |option: &str| option.trim_start_matches('-').split(['=', ' ']).next().unwrap_or_default().to_owned();
    let has = |option: &str| options.contains(&long(option).as_str());
    if let Some(meant) = known(OPTIONS, word).find(|meant| has(meant)) {
        return Some(meant.to_owned());
    }
    let similar = error.get(ContextKind::SuggestedArg).and_then(first);
    similar.filter(|similar| has(similar) && is_slip(&long(word), &long(similar)))
}

/// What other programs' words are said so here.
fn known<'k>(table: &'k [(&'k str, &'k [&'k str])], word: &'k str) -> impl Iterator<Item = &'k str> {
    table.iter().filter(move |(_, others)| others.contains(&word)).map(|(meant, _)| *meant)
}

/// Whether who typed `typed` may have slipped, or stopped early: an option that is only a little alike does something else.
fn is_slip(typed: &str, meant: &str) -> bool {
    let is_beginning = typed.len() >= 3 && meant.starts_with(typed);
    is_beginning || distance(typed, meant) <= (typed.len() / 3).min(2)
}

/// How many letters must be changed, added or taken away.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, letter) in a.chars().enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in b.iter().enumerate() {
            let replaced = above[column] + usize::from(letter != *other);
            line.push(replaced.min(above[column + 1] + 1).min(line[column] + 1));
        }
        above = line;
    }
    above.last().copied().unwrap_or_default()
}

fn whole(error: &clap::Error, context: ContextKind) -> Option<String> {
    first(error.get(context)?)
}

/// The word that is not known. An option may have its value behind it.
fn typed(error: &clap::Error, context: ContextKind) -> Option<String> {
    let typed = whole(error, context)?;
    Some(typed.split(['=', ' ']).next().unwrap_or_default().to_owned())
}

fn unknown(what: &str, word: &str, meant: Option<String>) -> Failure {
    let hint = meant.map_or_else(|| advice::SEE_HELP.to_owned(), |meant| advice::did_you_mean(&meant));
    Failure::usage(format!("there is no {what} '{}'", printable(word.as_bytes()))).with_hint(hint)
}

/// The failure that names what was typed that is not UTF-8 where text is needed. `refuses` says whether it is so with other words.
pub(crate) fn not_utf8(words: &[OsString], refuses: &dyn Fn(Vec<OsString>) -> bool) -> Option<Failure> {
    let wrong: Vec<usize> = (0..words.len()).filter(|place| words[*place].to_str().is_none()).collect();
    let with_only = |place: usize| {
        let word = |(at, word): (usize, &OsString)| -> OsString {
            if at == place { word.clone() } else { word.to_string_lossy().into_owned().into() }
        };
        words.iter().enumerate().map(word).collect::<Vec<OsString>>()
    };
    let place = wrong.into_iter().find(|place| refuses(with_only(*place)))?;
    let word = printable(words[place].as_encoded_bytes()).into_owned();
    let before = place.checked_sub(1).and_then(|before| words[before].to_str()).filter(|word| word.starts_with('-'));
    let (option, value) = match word.split_once('=').filter(|_| word.starts_with("--")) {
        Some((option, value)) => (option.to_owned(), value.to_owned()),
        None => (before.unwrap_or_default().to_owned(), word),
    };
    let hint = if option.ends_with("exclude") { advice::RULES_ARE_UTF8 } else { advice::SEE_HELP };
    let of_option = if option.is_empty() { String::new() } else { format!(" of {option}") };
    Some(Failure::usage(format!("the value '{value}'{of_option} is not UTF-8, as it must be")).with_hint(hint))
}

/// The failure about a word that the command does not take: mostly the archive's folder.
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The words of other programs.
    pub(crate) fn words() -> Vec<&'static str> {
        OPTIONS.iter().flat_map(|(_, words)| words.iter().copied()).collect()
    }

    #[test]
    fn a_slip_is_told_from_another_word() {
        for (typed, meant) in
            [("dryrun", "dry-run"), ("overwrit", "overwrite"), ("dele", "delete"), ("exlude", "exclude")]
        {
            assert!(is_slip(typed, meant), "{typed}");
        }
        for (typed, meant) in [("dest", "delete"), ("de", "delete"), ("host", "note"), ("yes", "keep")] {
            assert!(!is_slip(typed, meant), "{typed}");
        }
    }
}
