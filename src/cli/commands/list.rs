//! `snap list`.

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::list::History;
use super::super::session::Session;
use clap::Args;
use snap_archive::base::snapshot::Summary;
use snap_archive::verbs::history::has_parts_alone;
use snap_archive::verbs::history::list;
use snap_archive::verbs::history::noted_problems;

/// Show the history: one line per snapshot, the newest last
#[derive(Args)]
#[command(after_help = "Examples:\n  snap list -a /media/stick/archive\n  snap list -a /media/stick/archive -v")]
pub(crate) struct ListArgs {
    /// Show forgotten snapshots, too
    #[arg(long)]
    forgotten: bool,
}

pub(crate) fn run(args: &ListArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let snapshots = list(&archive, &session.console)?;
    let shows_problems = session.settings.json || session.settings.verbose;
    let shown = snapshots.iter().filter(|summary| args.forgotten || summary.standing.is_there());
    let shown: Vec<Summary> = shown.cloned().collect();
    let problems = if shows_problems { noted_problems(&archive, &shown, &session.console)? } else { Vec::new() };
    let is_begun = shown.is_empty() && has_parts_alone(&archive, &session.console)?;
    session.console.result(&History { all: snapshots, shown, problems, is_begun })?;
    Ok(Outcome::Done)
}
