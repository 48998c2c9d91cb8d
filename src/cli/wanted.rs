//! Asks a person who typed `snap restore` without a target what to restore, which version, and where to.

use super::args::snapshot::SnapshotArgs;
use super::ask;
use super::failure::Failure;
use super::output::advice;
use super::output::text;
use super::session::Session;
use snap_archive::archive::catalog::Catalog;
use snap_archive::base::aspect::Change;
use snap_archive::base::entry::Kind;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::matcher::Matcher;
use snap_archive::base::path::EntryPath;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::time::Time;
use snap_archive::verbs::find::FindOptions;
use snap_archive::verbs::find::find;
use snap_archive::verbs::log::log;
use std::path::PathBuf;

/// How many things are offered at once.
const SHOWN_MAX: usize = 12;

/// What to restore.
pub(crate) struct Wanted {
    /// The path that was asked for; `None`: what was typed, or everything.
    pub(crate) path: Option<EntryPathBuf>,
    /// Which snapshot.
    pub(crate) at: SnapshotNumber,
    /// Where to; `None`: back to where it was.
    pub(crate) to: Option<PathBuf>,
}

/// Asks for what was not typed.
///
/// # Errors
/// When there are no answers, or the history cannot be read.
pub(crate) fn wanted(typed: &SnapshotArgs, catalog: &Catalog, session: &Session) -> Result<Wanted, Failure> {
    let mut history = catalog.history()?;
    history.retain(|summary| summary.standing.is_there());
    if history.is_empty() {
        return Err(Failure::new("there is no snapshot yet").with_hint(advice::FIRST_SNAPSHOT));
    }
    let path = if typed.has_paths() { None } else { what(catalog, session)? };
    let at = if typed.has_when() {
        typed.snapshot(catalog)?.number
    } else {
        let newest_first: Vec<SnapshotNumber> = history.iter().rev().map(|summary| summary.number).collect();
        let typed_path = typed.only_path(catalog, &newest_first)?;
        match path.as_ref().or(typed_path.as_ref()) {
            Some(path) => version(path, catalog, &history, session)?,
            None => snapshot(&history, session)?,
        }
    };
    Ok(Wanted { path, at, to: place(session)? })
}

/// A path of the history, found by a part of its name.
fn what(catalog: &Catalog, session: &Session) -> Result<Option<EntryPathBuf>, Failure> {
    let console = &session.console;
    loop {
        let typed = ask::ask("What to restore? A path, or a part of a name; nothing for everything", "", console)?;
        if typed.is_empty() {
            return Ok(None);
        }
        let found = matching(&typed, catalog, session)?;
        for (at, (path, note)) in found.iter().take(SHOWN_MAX).enumerate() {
            console.line(&format!("  {:>2}  {path}{note}", at + 1));
        }
        match found.len() {
            0 => {
                console.line("No snapshot has anything with that name.");
                continue;
            }
            1 => return Ok(found.into_iter().next().map(|(path, _)| path)),
            more if more > SHOWN_MAX => console.line("  …  and more: type more of the name to see them"),
            _ => {}
        }
        let count = found.len().min(SHOWN_MAX);
        let answer = ask::ask("Which one? Its number, or nothing to search again", "", console)?;
        if let Some(number) = ask::numbers(&answer, count).and_then(|numbers| numbers.first().copied()) {
            return Ok(found.into_iter().nth(number - 1).map(|(path, _)| path));
        }
    }
}

/// The paths that contain this text, each with a note; exact names come first.
fn matching(typed: &str, catalog: &Catalog, session: &Session) -> Result<Vec<(EntryPathBuf, String)>, Failure> {
    let names = Matcher::regexes(std::iter::once(format!("(?i){}", literal(typed)).as_str()))?;
    let options = FindOptions {
        names,
        size: None,
        newer: None,
        deleted: false,
        content: None,
        containing: None,
        threads: session.settings.threads,
    };
    let mut found = Vec::new();
    let mut visit = |one: &snap_archive::verbs::find::FoundPath| {
        let slash = if one.entry.stat.kind == Kind::Directory { "/" } else { "" };
        let gone = if one.is_deleted { format!("  (deleted; last in snapshot {})", one.last) } else { String::new() };
        let note = format!("{slash}{gone}");
        // More are not kept: too many to choose from in any case.
        if found.len() < 10_000 {
            found.push((one.path.clone(), note));
        }
        Ok(())
    };
    find(catalog, &options, &session.console, &mut visit)?;
    let name = |path: &EntryPathBuf| path.to_string().rsplit('/').next().map(str::to_lowercase).unwrap_or_default();
    let typed = typed.trim_matches('/').to_lowercase();
    found.sort_by_key(|(path, _)| {
        let (whole, name) = (path.to_string().to_lowercase(), name(path));
        (whole != typed, name != typed, !name.contains(&typed), whole.matches('/').count())
    });
    Ok(found)
}

/// A regular expression that means just this text.
fn literal(text: &str) -> String {
    let one = |c: char| if c.is_alphanumeric() || c == ' ' || c == '/' { c.to_string() } else { format!("\\{c}") };
    let is_escapable = |c: &char| c.is_ascii() || c.is_alphanumeric();
    text.trim_matches('/').chars().map(|c| if is_escapable(&c) { one(c) } else { ".".to_owned() }).collect()
}

fn version(
    path: &EntryPath,
    catalog: &Catalog,
    history: &[Summary],
    session: &Session,
) -> Result<SnapshotNumber, Failure> {
    let mut versions = log(catalog, path, &session.console)?;
    versions.retain(|version| version.entry.is_some());
    versions.reverse();
    let shown: Vec<(SnapshotNumber, String)> = versions
        .iter()
        .filter_map(|version| {
            let last = *version.snapshots.last()?;
            let file = version.entry.as_ref().filter(|entry| entry.stat.kind == Kind::File);
            let size = file.map(|file| format!(", {}", text::size(file.stat.size))).unwrap_or_default();
            let word = if version.snapshots.len() == 1 { "snapshot" } else { "snapshots" };
            let what = if version.change == Change::Added { "first saved" } else { "changed" };
            let saved = text::local(version.time);
            Some((last, format!("{what} {saved}{size}, in {word} {}", text::ranges(&version.snapshots))))
        })
        .collect();
    if shown.is_empty() {
        return snapshot(history, session);
    }
    choose("Which version? The first is the newest", &shown, session)
}

fn snapshot(history: &[Summary], session: &Session) -> Result<SnapshotNumber, Failure> {
    let one = |summary: &Summary| {
        let note = if summary.note.is_empty() { String::new() } else { format!("  {}", summary.note) };
        (summary.number, format!("{}{note}", text::local(summary.time)))
    };
    let shown: Vec<(SnapshotNumber, String)> = history.iter().rev().map(one).collect();
    choose("From which snapshot? The first is the newest", &shown, session)
}

/// The snapshot of the line that is chosen.
fn choose(question: &str, shown: &[(SnapshotNumber, String)], session: &Session) -> Result<SnapshotNumber, Failure> {
    for (at, (_, line)) in shown.iter().take(SHOWN_MAX).enumerate() {
        let line = snap_archive::base::path::printable(line.as_bytes()).into_owned();
        session.console.line(&format!("  {:>2}  {line}", at + 1));
    }
    if let [(only, _)] = shown {
        return Ok(*only);
    }
    if shown.len() > SHOWN_MAX {
        session.console.line("  …  older ones: snap log PATH, snap restore --at WHEN");
    }
    let count = shown.len().min(SHOWN_MAX);
    loop {
        let answer = ask::ask(question, "1", &session.console)?;
        if let Some(number) = ask::numbers(&answer, count).and_then(|numbers| numbers.first().copied()) {
            return shown
                .get(number - 1)
                .map(|(number, _)| *number)
                .ok_or_else(|| Failure::new("there is no snapshot"));
        }
        session.console.line("Type a number.");
    }
}

fn place(session: &Session) -> Result<Option<PathBuf>, Failure> {
    let day = snap_archive::base::when::local(Time::now(), &snap_archive::base::when::system_zone());
    let folder = format!("~/restored-{}", day.split(' ').next().unwrap_or_default());
    let question = "Restore to where? A new folder, or \"back\" for where it was (asks before replacing anything)";
    let answer = loop {
        let answer = ask::ask(question, &folder, &session.console)?;
        // The questions before are answered by numbers, so one may be typed here by mistake.
        if answer.parse::<u64>().is_err() {
            break answer;
        }
        session.console.line("Type the path of a folder, or back.");
    };
    if answer.eq_ignore_ascii_case("back") {
        return Ok(None);
    }
    let below_home = session.settings.folders.absolute(&answer);
    Ok(Some(below_home.unwrap_or_else(|| PathBuf::from(answer))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_means_itself() {
        assert_eq!(literal("a.b (1)/ü"), "a\\.b \\(1\\)/ü");
        assert_eq!(literal("/x/"), "x");
    }
}
