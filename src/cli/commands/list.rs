//! `snap list`.

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::list::History;
use super::super::session::Session;
use clap::Args;

/// Show the history: one line for each snapshot, the newest last
#[derive(Args)]
#[command(after_help = "Examples:\n  snap list -a /media/stick/archive\n  snap list -a /media/stick/archive -v")]
pub(crate) struct ListArgs {}

pub(crate) fn run(_args: &ListArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let history = snap_archive::verbs::history::list(&archive, &session.console)?;
    session.console.result(&History(history))?;
    Ok(Outcome::Done)
}
