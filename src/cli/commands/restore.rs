//! `snap restore`.

use super::super::args::snapshot::SnapshotArgs;
use super::super::confirm;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::restore::Restored;
use super::super::output::text;
use super::super::session::Session;
use super::super::stoppable::stoppable;
use clap::Args;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::restore::restore;
use std::path::PathBuf;
use std::time::Instant;

/// Restore everything, or the given paths, from a snapshot
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RestoreArgs {
    /// Where to: a folder that is empty or does not exist yet, unless --overwrite is given
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    at: SnapshotArgs,
    /// Allow a DIR that is not empty: replace files that differ, keep the rest
    #[arg(long)]
    overwrite: bool,
    /// Also delete what is in DIR but not in the snapshot, and folders in the way; asks first
    #[arg(long, requires = "overwrite")]
    delete: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Only say what would be done; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not restore owners and groups
    #[arg(long)]
    no_owner: bool,
    /// Users and groups by the numbers that were saved, not by their names: for rescue systems
    #[arg(long, conflicts_with = "no_owner")]
    numeric_ids: bool,
}

const EXAMPLES: &str = "\
Examples:
  snap restore -a /media/stick/archive --to ~/back
  snap restore -a /media/stick/archive --to ~/back --at yesterday Documents/letters
  snap restore -a /media/stick/archive --to ~/back --at 3 --overwrite --delete --dry-run";

pub(crate) fn run(args: &RestoreArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let snapshot = args.at.snapshot(&catalog)?;
    let options = RestoreOptions {
        target: args.to.clone(),
        at: snapshot.number,
        paths: args.at.paths(&catalog, &snapshot)?,
        overwrite: args.overwrite,
        delete: args.delete,
        dry_run: args.dry_run,
        owners: !args.no_owner,
        numeric_ids: args.numeric_ids,
        threads: session.settings.threads,
    };
    if args.delete && !args.dry_run && !args.yes && !confirm::deletion(&catalog, &options, session)? {
        return Err(Failure::new("nothing was restored and nothing was deleted"));
    }
    if args.dry_run {
        session.console.list_entries();
    } else {
        let (named, target) = (text::snapshot_named(&snapshot), text::path(&args.to));
        session.console.aside(&format!("Restoring {named} into {target} …"));
    }
    let began = Instant::now();
    let report = stoppable(&session.console, stopped(), || restore(&catalog, &options, &session.console))??;
    let restored = Restored {
        report: &report,
        snapshot: &snapshot,
        target: &args.to,
        dry_run: args.dry_run,
        took: began.elapsed(),
        problems: session.console.problems(),
    };
    let told = session.console.result(&restored);
    told.map_err(|failure| failure.after(done(args.dry_run, report.problems)))?;
    Ok(Outcome::with_problems(report.problems))
}

/// What is so although it could not be told.
fn done(is_dry_run: bool, problems: u64) -> &'static str {
    match (is_dry_run, problems) {
        (true, _) => "Nothing was to be written: only what would be done could not be shown.",
        (false, 0) => "Everything was restored: only the summary could not be shown.",
        (false, _) => "All that could be restored was restored: what could not be is listed above.",
    }
}

fn stopped() -> Failure {
    Failure::stopped("stopped before everything was restored; every file already restored is complete")
        .with_hint(advice::GO_ON_RESTORING)
}
