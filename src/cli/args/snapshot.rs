//! Which snapshot, and which paths in it: the arguments that `ls`, `restore` and `export` share.

use super::super::failure::Failure;
use super::super::output::advice;
use clap::Args;
use snap_archive::archive::catalog::Catalog;
use snap_archive::base::monitor::Monitor;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::path::printable;
use snap_archive::base::path::unescaped;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::time::Time;
use snap_archive::base::when::When;
use std::ffi::OsString;

#[derive(Args)]
pub(crate) struct SnapshotArgs {
    /// Which snapshot: its number, latest, latest~2, a date, a date and time, today, yesterday 18:00, "3 days ago"; the
    /// newest one not later than that
    #[arg(long, value_name = "WHEN", default_value = "latest", allow_hyphen_values = true)]
    at: String,
    /// Only this and what is in it: NAME/folder/file, as `snap ls` shows it; without any PATH, everything
    #[arg(value_name = "PATH")]
    paths: Vec<OsString>,
}

impl SnapshotArgs {
    /// The snapshot that is meant.
    ///
    /// # Errors
    /// When WHEN cannot be understood (usage), there is no such snapshot, or the history cannot be read.
    pub(crate) fn snapshot(&self, catalog: &Catalog) -> Result<Summary, Failure> {
        let when = When::parse(&self.at, Time::now(), &snap_archive::base::when::system_zone())
            .map_err(|error| Failure::from(error).into_usage())?;
        let history = catalog.history()?;
        let times: Vec<_> = history.iter().map(|summary| (summary.number, summary.time)).collect();
        let number = snap_archive::base::when::choose(&when, &times)?;
        let chosen = history.into_iter().find(|summary| summary.number == number);
        chosen.ok_or_else(|| Failure::new(format!("snapshot {number} is not in the history")))
    }

    /// The paths in `snapshot`, checked: as this program shows them, with `\\` and `\xNN`, or as they are.
    ///
    /// # Errors
    /// When one cannot be a path in an archive (usage), or the snapshot cannot be read.
    pub(crate) fn paths(
        &self,
        catalog: &Catalog,
        snapshot: &Summary,
        _monitor: &dyn Monitor,
    ) -> Result<Vec<EntryPathBuf>, Failure> {
        self.paths.iter().map(|path| found(path.as_encoded_bytes(), catalog, snapshot)).collect()
    }
}

fn found(typed: &[u8], catalog: &Catalog, snapshot: &Summary) -> Result<EntryPathBuf, Failure> {
    let literal = entry_path(typed)?;
    let shown = unescaped(typed).filter(|shown| shown != typed).and_then(|shown| entry_path(&shown).ok());
    // Only what stands in a snapshot can have been shown.
    match shown {
        Some(shown) if catalog.state(snapshot.number)?.find(&shown)?.is_some() => Ok(shown),
        _ => Ok(literal),
    }
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
