//! `snap log`.

use super::super::args::snapshot::paths_in;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::log::PathLog;
use super::super::output::log::PathLogs;
use super::super::session::Session;
use clap::Args;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::verbs::log::log;
use std::ffi::OsString;

/// Show the versions of a file or folder: when each was saved, what changed, and which snapshots have it
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LogArgs {
    /// NAME/folder/file as `snap ls` shows it, deleted ones too. A folder has a version for each change of anything in it
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  snap log -a /media/stick/archive Documents/letter.txt
  snap log -a /media/stick/archive Documents/letters";

pub(crate) fn run(args: &LogArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let history = catalog.history()?;
    let newest_first: Vec<SnapshotNumber> =
        history.iter().rev().filter(|summary| summary.standing.is_there()).map(|summary| summary.number).collect();
    let paths = paths_in(&args.paths, &catalog, &newest_first)?;
    let mut logs = Vec::new();
    for path in paths {
        let versions = log(&catalog, &path, &session.console)?;
        logs.push(PathLog { path, versions });
    }
    session.console.result(&PathLogs(logs))?;
    Ok(Outcome::with_problems(session.console.problems().len() as u64))
}
