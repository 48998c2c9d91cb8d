//! Which snapshot, and which paths in it: the arguments that several commands share.

use super::super::failure::Failure;
use super::super::output::advice;
use super::super::output::ls::path_of_line;
use clap::Args;
use snap_archive::archive::catalog::Catalog;
use snap_archive::archive::fitting::fitting;
use snap_archive::archive::fitting::is_pattern;
use snap_archive::base::advice::Advice;
use snap_archive::base::error::Error;
use snap_archive::base::error::ErrorKind;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::matcher::Matcher;
use snap_archive::base::monitor::Monitor;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::path::printable;
use snap_archive::base::path::unescaped;
use snap_archive::base::snapshot::Standing;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::snapshot::forgotten;
use snap_archive::base::snapshot::is_joined;
use snap_archive::base::snapshot::no_path;
use snap_archive::base::time::Time;
use snap_archive::base::when::When;
use snap_archive::system::platform;
use snap_archive::verbs::find::FindOptions;
use snap_archive::verbs::find::find;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsString;

/// Which snapshot.
#[derive(Args)]
pub(crate) struct AtArgs {
    /// Which snapshot: a number, latest, -1 (the one before), or a time, for the newest snapshot up to then: 2026-11-22, 13:37,
    /// "yesterday 18:00", monday, "3 days ago" [default: latest]
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    at: Option<String>,
}

#[derive(Args)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    at: AtArgs,
    /// Only this file, or this folder with everything in it: NAME/folder/file as `snap ls` shows it, or a pattern such as
    /// 'NAME/**/*.jpg'. Without PATH: everything
    #[arg(value_name = "PATH")]
    paths: Vec<OsString>,
}

impl AtArgs {
    /// The snapshot that is meant.
    ///
    /// # Errors
    /// When WHEN cannot be understood (usage), there is no such snapshot, or the history cannot be read.
    pub(crate) fn snapshot(&self, catalog: &Catalog) -> Result<Summary, Failure> {
        let when = self.at.as_deref().map_or(Ok(When::Latest), when)?;
        chosen(&when, catalog.history()?)
    }
}

impl SnapshotArgs {
    /// As if this snapshot were typed, and this path in it where none was; without one, everything.
    pub(crate) fn with(&self, number: SnapshotNumber, path: Option<&EntryPathBuf>) -> SnapshotArgs {
        let shown = path.map(|path| OsString::from(printable(path.as_bytes()).into_owned()));
        let paths = if self.paths.is_empty() { shown.into_iter().collect() } else { self.paths.clone() };
        SnapshotArgs { at: AtArgs { at: Some(number.to_string()) }, paths }
    }

    /// Whether it was typed which snapshot.
    pub(crate) fn has_when(&self) -> bool {
        self.at.at.is_some()
    }

    /// Whether a path was typed.
    pub(crate) fn has_paths(&self) -> bool {
        !self.paths.is_empty()
    }

    /// The only path that was typed, if one of these snapshots has it.
    ///
    /// # Errors
    /// As for [`paths_in`].
    pub(crate) fn only_path(
        &self,
        catalog: &Catalog,
        numbers: &[SnapshotNumber],
    ) -> Result<Option<EntryPathBuf>, Failure> {
        let [path] = self.paths.as_slice() else { return Ok(None) };
        found_in(&in_archive(path.as_encoded_bytes(), catalog, numbers)?, catalog, numbers)
    }

    /// As [`AtArgs::snapshot`].
    ///
    /// # Errors
    /// As for [`AtArgs::snapshot`].
    pub(crate) fn snapshot(&self, catalog: &Catalog) -> Result<Summary, Failure> {
        self.at.snapshot(catalog)
    }

    /// The paths in `snapshot`, and those that fit a pattern: all that is asked for.
    ///
    /// # Errors
    /// As for [`SnapshotArgs::typed`].
    pub(crate) fn paths(
        &self,
        catalog: &Catalog,
        snapshot: &Summary,
        monitor: &dyn Monitor,
    ) -> Result<Vec<EntryPathBuf>, Failure> {
        let Typed { mut paths, fitting } = self.typed(catalog, snapshot, monitor)?;
        paths.extend(fitting);
        Ok(paths)
    }

    /// The paths in `snapshot`, checked: as this program shows them, with `\\` and `\xNN`, as they are, or those that fit a
    /// pattern.
    ///
    /// # Errors
    /// When one cannot be a path in an archive (usage), is not in the snapshot or fits nothing, or the snapshot cannot be read.
    pub(crate) fn typed(&self, catalog: &Catalog, snapshot: &Summary, monitor: &dyn Monitor) -> Result<Typed, Failure> {
        typed_in(&self.paths, catalog, snapshot, monitor)
    }
}

/// As [`SnapshotArgs::typed`], of these paths.
///
/// # Errors
/// As for [`SnapshotArgs::typed`].
pub(crate) fn typed_in(
    paths: &[OsString],
    catalog: &Catalog,
    snapshot: &Summary,
    monitor: &dyn Monitor,
) -> Result<Typed, Failure> {
    let mut typed = Typed::default();
    for path in paths {
        let path = &*in_archive(path.as_encoded_bytes(), catalog, &[snapshot.number])?;
        match found(path, catalog, snapshot.number)? {
            Some(path) => typed.paths.push(path),
            None if is_pattern(path) => typed.fitting.extend(that_fit(path, catalog, (snapshot, monitor))?),
            None => return Err(absent(&entry_path(path)?, catalog, snapshot, monitor)?.into()),
        }
    }
    typed.fitting.sort();
    typed.fitting.dedup();
    Ok(typed)
}

/// Reads WHEN, now and here.
///
/// # Errors
/// When it cannot be understood (usage).
pub(crate) fn when(text: &str) -> Result<When, Failure> {
    let zone = snap_archive::base::when::system_zone();
    When::parse(text, Time::now(), &zone).map_err(|error| Failure::from(error).into_usage())
}

/// The snapshot of a history that is meant.
///
/// # Errors
/// When there is none.
pub(crate) fn chosen(when: &When, mut history: Vec<Summary>) -> Result<Summary, Failure> {
    let gone = history.iter().find(|summary| *when == When::Number(summary.number) && !summary.standing.is_there());
    if let Some(gone) = gone {
        return Err(forgotten(gone.number, gone.standing).into());
    }
    if let When::Number(number) = *when
        && is_joined(&history, number)
    {
        return Err(forgotten(number, Standing::Pruned).into());
    }
    if let When::Number(number) = *when
        && !history.iter().any(|summary| summary.number == number)
        && let Some(next) = history.iter().find(|summary| summary.number > number)
        && number > SnapshotNumber::NONE
    {
        return Err(not_finished(number, next.number).into());
    }
    history.retain(|summary| summary.standing.is_there());
    let times: Vec<_> = history.iter().map(|summary| (summary.number, summary.time)).collect();
    let number = snap_archive::base::when::choose(when, &times, &snap_archive::base::when::system_zone())?;
    let chosen = history.into_iter().find(|summary| summary.number == number);
    chosen.ok_or_else(|| Failure::new(format!("snapshot {number} is not in the history")))
}

/// That a number has no snapshot, but a later one has.
fn not_finished(number: SnapshotNumber, next: SnapshotNumber) -> Error {
    let what =
        format!("there is no snapshot {number}: that run was not finished, and what it saved is in snapshot {next}");
    Error::new(ErrorKind::NotFound, what).with_advice(Advice::ListSnapshots)
}

/// The snapshots that are meant by numbers (`3`), ranges (`3..7`, of which those count that are there) and WHEN.
///
/// # Errors
/// When one cannot be understood (usage), or there is no such snapshot.
pub(crate) fn several(words: &[String], catalog: &Catalog) -> Result<BTreeSet<SnapshotNumber>, Failure> {
    let history = catalog.history()?;
    let mut numbers = BTreeSet::new();
    for word in words {
        let Some((first, last)) = word.split_once("..") else {
            // What was forgotten is refused, or wanted back, by whoever asks.
            let when = when(word)?;
            numbers.insert(match when {
                When::Number(number) if history.iter().any(|summary| summary.number == number) => number,
                when => chosen(&when, history.clone())?.number,
            });
            continue;
        };
        let bound = |text: &str| text.parse().ok().map(<SnapshotNumber as From<u32>>::from);
        let range = bound(first).zip(bound(last)).filter(|(first, last)| first <= last);
        let (first, last) = range.ok_or_else(|| {
            Failure::usage(format!("'{}' is not a range of snapshots such as 3..7", printable(word.as_bytes())))
        })?;
        let found = history.iter().filter(|summary| (first..=last).contains(&summary.number));
        let found: Vec<SnapshotNumber> = found.map(|summary| summary.number).collect();
        if found.is_empty() {
            let error = Error::new(ErrorKind::NotFound, format!("there is no snapshot from {first} to {last}"));
            return Err(error.with_advice(Advice::ListSnapshots).into());
        }
        numbers.extend(found);
    }
    Ok(numbers)
}

/// The paths, checked: as the first of these snapshots that has them shows them, or as they are.
///
/// # Errors
/// When one cannot be a path in an archive (usage), or a snapshot cannot be read.
pub(crate) fn paths_in(
    typed: &[OsString],
    catalog: &Catalog,
    numbers: &[SnapshotNumber],
) -> Result<Vec<EntryPathBuf>, Failure> {
    let one = |typed: &OsString| {
        let typed = &*in_archive(typed.as_encoded_bytes(), catalog, numbers)?;
        found_in(typed, catalog, numbers)?.map_or_else(|| entry_path(typed), Ok)
    };
    typed.iter().map(one).collect()
}

/// Finds the paths that fit a pattern.
pub(crate) type FindFitting<'f> = dyn FnMut(&[u8]) -> Result<Vec<EntryPathBuf>, Failure> + 'f;

/// As [`paths_in`]; of what none of these snapshots has and what can be a pattern, those that `fitting` finds.
///
/// # Errors
/// As for [`paths_in`], and those of `fitting`.
pub(crate) fn paths_or_fitting(
    typed: &[OsString],
    catalog: &Catalog,
    numbers: &[SnapshotNumber],
    fitting: &mut FindFitting,
) -> Result<Vec<EntryPathBuf>, Failure> {
    let mut paths = Vec::new();
    for typed in typed {
        let typed = &*in_archive(typed.as_encoded_bytes(), catalog, numbers)?;
        match found_in(typed, catalog, numbers)? {
            Some(path) => paths.push(path),
            None if is_pattern(typed) => paths.extend(fitting(typed.strip_prefix(b"./").unwrap_or(typed))?),
            None => paths.push(entry_path(typed)?),
        }
    }
    Ok(paths)
}

fn found_in(typed: &[u8], catalog: &Catalog, numbers: &[SnapshotNumber]) -> Result<Option<EntryPathBuf>, Failure> {
    numbers.iter().find_map(|number| found(typed, catalog, *number).transpose()).transpose()
}

/// The paths that were typed.
#[derive(Default)]
pub(crate) struct Typed {
    /// Those that were named.
    pub(crate) paths: Vec<EntryPathBuf>,
    /// Those that fit a pattern, in the order of a walk.
    pub(crate) fitting: Vec<EntryPathBuf>,
}

/// What was typed as it is in a snapshot: as it was shown, as it is, or a line of `ls` with more behind it.
fn found(typed: &[u8], catalog: &Catalog, number: SnapshotNumber) -> Result<Option<EntryPathBuf>, Failure> {
    let literal = entry_path(&platform::with_slashes(typed))?;
    if literal.is_root() {
        return Ok(Some(literal));
    }
    let shown = |text: &[u8]| unescaped(text).and_then(|shown| entry_path(&shown).ok());
    let before_mark = path_of_line(typed).and_then(shown);
    let candidates = [shown(typed), Some(literal), before_mark].into_iter().flatten().filter(|path| !path.is_root());
    let candidates: Vec<EntryPathBuf> = candidates.collect();
    let found = catalog.retry_after_index_damage(|| {
        let state = catalog.state(number)?;
        for path in &candidates {
            if state.find(path)?.is_some() {
                return Ok(Some(path.clone()));
            }
        }
        Ok(None)
    });
    Ok(found?)
}

/// What was typed, or where that is in the archive: a path on this computer in a source, as the first of these snapshots has it
/// that has such a source.
fn in_archive<'t>(typed: &'t [u8], catalog: &Catalog, numbers: &[SnapshotNumber]) -> Result<Cow<'t, [u8]>, Failure> {
    if !platform::path_of(typed).is_absolute() {
        return Ok(Cow::Borrowed(typed));
    }
    let path = platform::with_slashes(typed);
    let history = catalog.history()?;
    let snapshots = numbers.iter().filter_map(|number| history.iter().find(|summary| summary.number == *number));
    let found = snapshots.into_iter().find_map(|snapshot| {
        let inside = snapshot.sources.iter().filter_map(|source| {
            let top = platform::with_slashes(&source.path);
            let below = path.strip_prefix(top.strip_suffix(b"/").unwrap_or(&top))?;
            let is_in_it = !top.is_empty() && (below.is_empty() || below.starts_with(b"/"));
            is_in_it.then(|| (top.len(), [source.name.as_bytes(), below].concat()))
        });
        inside.max_by_key(|(length, _)| *length)
    });
    Ok(found.map_or(Cow::Borrowed(typed), |(_, path)| Cow::Owned(path)))
}

fn that_fit(
    pattern: &[u8],
    catalog: &Catalog,
    (snapshot, monitor): (&Summary, &dyn Monitor),
) -> Result<Vec<EntryPathBuf>, Failure> {
    let pattern = pattern.strip_prefix(b"./").unwrap_or(pattern);
    let fitting = fitting(&catalog.state(snapshot.number)?, pattern, monitor)?;
    if fitting.is_empty() {
        let what = format!("nothing in snapshot {} fits '{}'", snapshot.number, printable(pattern));
        let error = Error::new(ErrorKind::NotFound, what);
        let advice = last_seen(pattern, catalog, monitor)?;
        return Err(error.with_advice(advice.unwrap_or(Advice::ListFiles { snapshot: snapshot.number })).into());
    }
    Ok(fitting)
}

/// That a path is not in the snapshot, and in which it is, or where something of its name is.
fn absent(path: &EntryPathBuf, catalog: &Catalog, snapshot: &Summary, monitor: &dyn Monitor) -> Result<Error, Failure> {
    let error = no_path(path, snapshot.number);
    let advice = match catalog.snapshot_with(path, snapshot.number, monitor)? {
        Some((snapshot, Standing::Forgotten)) => Some(Advice::LookInForgotten { snapshot }),
        Some((snapshot, _)) => Some(Advice::LookInSnapshot { snapshot }),
        None if path.parts().count() == 1 => last_seen(path.as_bytes(), catalog, monitor)?,
        None => None,
    };
    Ok(match advice {
        Some(advice) => error.with_advice(advice),
        None => error,
    })
}

/// Of all that ever fitted a pattern, or had this name, what is in the newest snapshot of them.
fn last_seen(pattern: &[u8], catalog: &Catalog, monitor: &dyn Monitor) -> Result<Option<Advice>, Failure> {
    let options = FindOptions { names: Matcher::globs([pattern])?, ..FindOptions::default() };
    let mut seen: Option<(EntryPathBuf, SnapshotNumber)> = None;
    find(catalog, &options, monitor, &mut |found| {
        if seen.as_ref().is_none_or(|(_, last)| *last < found.last) {
            seen = Some((found.path.clone(), found.last));
        }
        Ok(())
    })?;
    Ok(seen.map(|(path, snapshot)| Advice::LookAtPath { path, snapshot }))
}

/// `documents/letters/x.txt`; `./` before it and `/` after it do no harm, and `.` is everything.
fn entry_path(typed: &[u8]) -> Result<EntryPathBuf, Failure> {
    let parts: Vec<&[u8]> = typed.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    let path = if typed.starts_with(b"/") { None } else { EntryPathBuf::from_bytes(&parts.join(&b'/')) };
    path.filter(|_| !typed.is_empty()).ok_or_else(|| {
        Failure::usage(format!("'{}' cannot be a path in an archive", printable(typed)))
            .with_hint(advice::PATHS_BEGIN_WITH_SOURCE)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn paths_are_taken_as_a_shell_completes_them() {
        for (typed, path) in [
            ("documents/x", "documents/x"),
            ("./documents/x", "documents/x"),
            ("documents/", "documents"),
            ("documents//./x/", "documents/x"),
            (".", ""),
            ("./", ""),
            ("-x", "-x"),
        ] {
            assert_eq!(entry_path(typed.as_bytes()).unwrap().as_bytes(), path.as_bytes(), "{typed:?}");
        }
    }

    #[test]
    fn paths_that_leave_the_archive_are_usage_errors() {
        for typed in ["", "/", "/home/ann", "../x", "a/../b", "a\0b"] {
            assert_eq!(entry_path(typed.as_bytes()).unwrap_err().code(), 2, "{typed:?}");
        }
    }
}
