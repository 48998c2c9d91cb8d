//! What a shell is told while somebody types: names of archives, snapshots, sources and paths inside snapshots. Whatever cannot be
//! found out is left out; nothing is mounted and nothing is printed.

use super::args::global::GlobalArgs;
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
use snap_archive::verbs::history::LsOptions;
use snap_archive::verbs::history::list;
use snap_archive::verbs::history::ls;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::PathBuf;

/// The most names that a shell is told.
const NAMES_MAX: usize = 2000;

/// Names of archives in the configuration, and folders.
fn archives() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let names = settings()
            .and_then(|settings| settings.config)
            .into_iter()
            .flat_map(|config| config.names().map(|name| (name.to_owned(), place(&config, name))).collect::<Vec<_>>());
        let mut found = fitting(typed, names);
        found.extend(PathCompleter::dir().complete(typed));
        found
    })
}

fn place(config: &Config, name: &str) -> String {
    config.archive(name).map(|archive| archive.place.to_string()).unwrap_or_default()
}

/// Numbers of snapshots, each with its time and note, the newest first.
fn snapshots() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let history = history();
        let there = history.iter().rev().filter(|summary| summary.standing.is_there());
        let numbers = there.map(|summary| {
            (summary.number.to_string(), format!("{} {}", text::local(summary.time), summary.note).trim().to_owned())
        });
        let words = ["latest", "yesterday", "last week"].map(|word| (word.to_owned(), String::new()));
        fitting(typed, numbers.chain(words))
    })
}

/// Names of sources.
fn sources() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let history = history();
        let saved =
            history.last().into_iter().flat_map(|newest| newest.sources.iter()).filter(|source| !source.dropped);
        fitting(typed, saved.map(|source| (source.name.clone(), String::from_utf8_lossy(&source.path).into_owned())))
    })
}

/// Paths in the newest snapshot.
fn paths() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| paths_below(typed).unwrap_or_default())
}

fn paths_below(typed: &OsStr) -> Option<Vec<CompletionCandidate>> {
    let typed = typed.to_str()?;
    let folder = typed.rsplit_once('/').map_or("", |(folder, _)| folder);
    let archive = archive()?;
    let monitor = Recorder::new();
    let newest = list(&archive, &monitor).ok()?.last()?.number;
    let catalog = archive.catalog(&monitor).ok()?;
    let below = EntryPathBuf::from_bytes(folder.as_bytes()).filter(|folder| !folder.as_bytes().is_empty());
    let options = LsOptions { at: newest, paths: below.into_iter().collect(), ..LsOptions::default() };
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

/// The command with what can follow its arguments, known by their names.
pub(crate) fn attached(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_id().as_str() {
        "archive" => arg.add(archives()),
        "at" => arg.add(snapshots()),
        "drop" => arg.add(sources()),
        "paths" | "path" | "words" => arg.add(paths()),
        _ => arg,
    });
    command.mut_subcommands(attached)
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
    let typed: Vec<OsString> = std::env::args_os().collect();
    let value = |short: &str, long: &str| {
        let joined = typed.iter().find_map(|word| word.to_str()?.strip_prefix(&format!("{long}=")).map(PathBuf::from));
        let behind = typed.iter().position(|word| word == short || word == long);
        joined.or_else(|| typed.get(behind? + 1).map(PathBuf::from))
    };
    let global = GlobalArgs {
        archive: value("-a", "--archive"),
        config: value("--config", "--config"),
        ..GlobalArgs::default()
    };
    Settings::resolve(global, Environment::read()).ok()
}
