//! `snap prune`.

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::prune::Pruned;
use super::super::session::Session;
use super::super::stoppable::stoppable;
use clap::Args;
use snap_archive::archive::liveness::MAX_UNUSED_DEFAULT;
use snap_archive::verbs::prune::PruneOptions;
use snap_archive::verbs::prune::prune;

/// Free the space of forgotten snapshots; after that, forgetting them cannot be undone
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct PruneArgs {
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Leave a bundle as it is while at most this share of it is unused
    #[arg(long, value_name = "PERCENT", default_value_t = MAX_UNUSED_DEFAULT,
          value_parser = clap::value_parser!(u8).range(0..=100))]
    max_unused: u8,
}

const AFTER_HELP: &str = "\
Bundles are written anew one after the other, read back and checked before they take the place of
the old ones. It can be stopped at any time; run again, it goes on. It needs free space for one
bundle.

Examples:
  snap prune -a /media/stick/archive --dry-run
  snap prune -a /media/stick/archive";

pub(crate) fn run(args: &PruneArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let threads = session.settings.threads;
    let options = PruneOptions { max_unused: args.max_unused, dry_run: args.dry_run, threads };
    let work = || prune(&archive, &options, &session.console);
    let stopped = Failure::stopped("stopped before everything was pruned; what was pruned so far stays");
    let report = stoppable(&session.console, stopped.with_hint(advice::GO_ON), work)??;
    session.console.result(&Pruned { report: &report, dry_run: args.dry_run })?;
    Ok(Outcome::with_problems(report.problems))
}
