//! `snap erase`.

use super::super::args::snapshot::paths_or_fitting;
use super::super::confirm;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::erase::Erased;
use super::super::output::erase::Planned;
use super::super::session::Session;
use super::super::stoppable::stoppable;
use clap::Args;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::printable;
use snap_archive::verbs::erase::EraseOptions;
use snap_archive::verbs::erase::ErasePlan;
use snap_archive::verbs::erase::erase;
use snap_archive::verbs::erase::paths_that_fit;
use snap_archive::verbs::erase::plan_erase;
use std::ffi::OsString;

/// Remove files that should never have been saved from every snapshot; this cannot be undone
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct EraseArgs {
    /// Files, and folders with all that is in them: NAME/folder/file, as snap ls shows it, or a pattern such as 'NAME/**/*.key'
    /// for what fits it in any snapshot
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<OsString>,
    /// Remove the names, too: no snapshot will show that the files existed
    #[arg(long)]
    names: bool,
    /// Only show what would be erased
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

const AFTER_HELP: &str = "\
The contents go, the names stay: every snapshot still lists the files, with (pruned) behind them,
and unpacks them as empty files. With --names they go, too; all bundles in which they stand are
written anew. Copies of the archive keep both.

Examples:
  snap erase -a /media/stick/archive home/passwords.txt --dry-run
  snap erase -a /media/stick/archive home/passwords.txt
  snap erase -a /media/stick/archive 'home/**/*.key'";

pub(crate) fn run(args: &EraseArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let newest_first: Vec<SnapshotNumber> = catalog.history()?.iter().rev().map(|summary| summary.number).collect();
    let stopped = || Failure::stopped("stopped before anything was erased");
    let mut fitting = |pattern: &[u8]| {
        Ok(stoppable(&session.console, stopped(), || paths_that_fit(&archive, pattern, &session.console))??)
    };
    let paths = paths_or_fitting(&args.paths, &catalog, &newest_first, &mut fitting)?;
    drop(catalog);
    let options = EraseOptions { paths, names: args.names };
    let plan = stoppable(&session.console, stopped(), || plan_erase(&archive, &options, &session.console))??;
    session.console.finish_progress();
    if args.dry_run {
        session.console.result(&Planned(&plan))?;
        return Ok(Outcome::Done);
    }
    check_names(&plan)?;
    if !args.yes && !confirm::erasing(&plan, session)? {
        return Err(Failure::new("nothing was erased"));
    }
    let stopped = Failure::stopped("stopped before everything was erased").with_hint(advice::GO_ON);
    let bytes = stoppable(&session.console, stopped, || erase(&archive, &options, &plan, &session.console))??;
    session.console.result(&Erased { plan: &plan, freed_bytes: bytes })?;
    Ok(Outcome::Done)
}

/// Refuses if contents have other names: they are erased under all their names or not at all.
fn check_names(plan: &ErasePlan) -> Result<(), Failure> {
    let Some(other) = plan.other_names.first() else { return Ok(()) };
    let more = plan.other_names.len() - 1;
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let what = format!(
        "{}{more} would lose contents, too: they are, or were in some snapshot, hard links or copies that are stored once with \
         what is to go",
        printable(other.as_bytes())
    );
    Err(Failure::new(what).with_hint(advice::NAME_ALL_NAMES))
}
