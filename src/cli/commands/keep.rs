//! `snap keep`.

use super::super::args::snapshot::several;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::forget::Marked;
use super::super::session::Session;
use clap::Args;
use snap_archive::verbs::forget::mark;
use snap_archive::verbs::forget::unmark;

/// Mark snapshots that must stay: no rule and no snap forget removes them
#[derive(Args)]
#[command(
    after_help = "Examples:\n  snap keep -a /media/stick/archive 3\n  snap keep -a /media/stick/archive --undo 3"
)]
pub(crate) struct KeepArgs {
    /// Which snapshots: numbers (3), ranges (3..7), or WHEN as for snap ls --at
    #[arg(allow_negative_numbers = true, value_name = "SNAPSHOT", required = true)]
    snapshots: Vec<String>,
    /// Remove the marks
    #[arg(long)]
    undo: bool,
}

pub(crate) fn run(args: &KeepArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let numbers = several(&args.snapshots, &archive.catalog(&session.console)?)?;
    if args.undo {
        unmark(&archive, &numbers)?;
    } else {
        mark(&archive, &numbers, &session.console)?;
    }
    session.console.result(&Marked { numbers: numbers.into_iter().collect(), is_marked: !args.undo })?;
    Ok(Outcome::Done)
}
