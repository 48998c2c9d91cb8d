//! What a shell shows while a command is typed: names of archives, snapshots, sources and paths inside snapshots. What
//! cannot be found out is left out; nothing is mounted and nothing is printed.

use super::args::global::GlobalArgs;
use super::args::snapshot::chosen;
use super::args::snapshot::when;
use super::config::Config;
use super::output::text;
use super::settings::Environment;
use super::settings::Settings;
use clap::Command;
use clap_complete::PathCompleter;
use clap_complete::engine::ArgValueCompleter;
use clap_complete::engine::CompletionCandidate;
use clap_complete::engine::ValueCompleter;
use snap_archive::archive::open::Archive;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::path::EntryPath;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::when::When;
use snap_archive::verbs::history::LsOptions;
use snap_archive::verbs::history::list;
use snap_archive::verbs::history::ls;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::PathBuf;

/// The most names that a shell is given.
const NAMES_MAX: usize = 2000;

/// What `found` finds for a word, as the shell takes it: bash gives words as they were typed, and inserts what it is given.
fn completer(found: fn(&OsStr) -> Vec<CompletionCandidate>, is_bash: bool) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| {
        let Some(text) = typed.to_str().filter(|_| is_bash) else { return found(typed) };
        let quoted = |one: CompletionCandidate| match one.get_value().to_str() {
            Some(value) => CompletionCandidate::new(with_backslashes(value)).help(one.get_help().cloned()),
            None => one,
        };
        found(without_backslashes(text).as_ref()).into_iter().map(quoted).collect()
    })
}

/// A word as bash takes it for one.
fn with_backslashes(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:~+,%@^=".contains(c);
    word.chars().flat_map(|c| (!is_plain(c)).then_some('\\').into_iter().chain([c])).collect()
}

/// What bash takes a word for in which characters stand behind backslashes.
fn without_backslashes(word: &str) -> String {
    let (mut plain, mut is_behind) = (String::new(), false);
    for c in word.chars() {
        is_behind = c == '\\' && !is_behind;
        if !is_behind {
            plain.push(c);
        }
    }
    plain
}

/// Files and folders of this computer.
fn files(typed: &OsStr) -> Vec<CompletionCandidate> {
    PathCompleter::any().complete(typed)
}

/// Folders of this computer.
fn folders(typed: &OsStr) -> Vec<CompletionCandidate> {
    PathCompleter::dir().complete(typed)
}

/// Names of archives in the configuration, and folders.
fn archives(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names = settings()
        .and_then(|settings| settings.config)
        .into_iter()
        .flat_map(|config| config.names().map(|name| (name.to_owned(), place(&config, name))).collect::<Vec<_>>());
    let mut found = fitting(typed, names);
    found.extend(PathCompleter::dir().complete(typed));
    found
}

fn place(config: &Config, name: &str) -> String {
    config.archive(name).map(|archive| archive.place.to_string()).unwrap_or_default()
}

/// Numbers of snapshots, each with its time and note, the newest first.
fn snapshots(typed: &OsStr) -> Vec<CompletionCandidate> {
    let history = history();
    let there = history.iter().rev().filter(|summary| summary.standing.is_there());
    let numbers = there.map(|summary| {
        (summary.number.to_string(), format!("{} {}", text::local(summary.time), summary.note).trim().to_owned())
    });
    let words = ["latest", "yesterday", "last week"].map(|word| (word.to_owned(), String::new()));
    fitting(typed, numbers.chain(words))
}

/// Names of sources.
fn sources(typed: &OsStr) -> Vec<CompletionCandidate> {
    let history = history();
    let saved = history.last().into_iter().flat_map(|newest| newest.sources.iter()).filter(|source| !source.dropped);
    fitting(typed, saved.map(|source| (source.name.clone(), String::from_utf8_lossy(&source.path).into_owned())))
}

/// Paths in the snapshot that was typed, or the newest.
fn paths(typed: &OsStr) -> Vec<CompletionCandidate> {
    paths_below(typed).unwrap_or_default()
}

fn paths_below(typed: &OsStr) -> Option<Vec<CompletionCandidate>> {
    let typed = typed.to_str()?;
    let folder = typed.rsplit_once('/').map_or("", |(folder, _)| folder);
    let archive = archive()?;
    let monitor = Recorder::new();
    let at = typed_value("--at", "--at").map_or(Some(When::Latest), |at| when(at.to_str()?).ok())?;
    let at = chosen(&at, list(&archive, &monitor).ok()?).ok()?.number;
    let catalog = archive.catalog(&monitor).ok()?;
    let below = EntryPathBuf::from_bytes(folder.as_bytes()).filter(|folder| !folder.as_bytes().is_empty());
    let options = LsOptions { at, paths: below.into_iter().collect(), ..LsOptions::default() };
    let mut found = Vec::new();
    let mut visit = |path: &EntryPath, entry: &Entry| {
        let mark = if entry.stat.kind == Kind::Directory { "/" } else { "" };
        if let Ok(path) = std::str::from_utf8(path.as_bytes())
            && path.starts_with(typed)
            && found.len() < NAMES_MAX
        {
            found.push(CompletionCandidate::new(format!("{path}{mark}")));
        }
        Ok(())
    };
    ls(&catalog, &options, &monitor, &mut visit).ok()?;
    Some(found)
}

fn fitting(typed: &OsStr, known: impl IntoIterator<Item = (String, String)>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy().into_owned();
    let fits = known.into_iter().filter(|(name, _)| name.starts_with(&typed)).take(NAMES_MAX);
    fits.map(|(name, help)| CompletionCandidate::new(name).help((!help.is_empty()).then(|| help.into()))).collect()
}

/// The command with what can follow its arguments, known by their names, for bash or another shell.
pub(crate) fn attached(command: Command, is_bash: bool) -> Command {
    let command = command.mut_args(|arg| {
        let found = match arg.get_id().as_str() {
            "archive" => archives,
            "at" | "snapshots" | "newer" => snapshots,
            "drop" => sources,
            "sources" | "config" | "exclude_from" | "output" => files,
            "to" | "path" if arg.get_long().is_some() => folders,
            "paths" | "path" | "words" => paths,
            _ => return arg,
        };
        arg.add(completer(found, is_bash))
    });
    command.mut_subcommands(|command| attached(command, is_bash))
}

/// All snapshots of it; none where they cannot be read.
fn history() -> Vec<Summary> {
    archive().and_then(|archive| list(&archive, &Recorder::new()).ok()).unwrap_or_default()
}

/// The archive that the line typed so far means.
fn archive() -> Option<Archive> {
    Archive::open(&settings()?.directory_now()?).ok()
}

fn settings() -> Option<Settings> {
    let global = GlobalArgs {
        archive: typed_value("-a", "--archive"),
        config: typed_value("--config", "--config"),
        ..GlobalArgs::default()
    };
    Settings::resolve(global, Environment::read()).ok()
}

/// What was typed behind an option, in the line so far.
fn typed_value(short: &str, long: &str) -> Option<PathBuf> {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let joined = typed.iter().find_map(|word| word.to_str()?.strip_prefix(&format!("{long}=")).map(PathBuf::from));
    let behind = typed.iter().position(|word| word == short || word == long);
    joined.or_else(|| typed.get(behind? + 1).map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_for_bash_what_it_is() {
        for (word, typed) in
            [("my dir/a.txt", "my\\ dir/a.txt"), ("we'ird", "we\\'ird"), ("a\\b", "a\\\\b"), ("f\u{fc}r", "f\u{fc}r")]
        {
            assert_eq!(with_backslashes(word), typed);
            assert_eq!(without_backslashes(typed), word);
        }
    }
}
