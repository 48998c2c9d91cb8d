//! `snap sources`.

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::sources::Sources;
use super::super::session::Session;
use clap::Args;

/// Show the sources: their paths, their rules, and when each was last read
#[derive(Args)]
#[command(after_help = "Examples:\n  snap sources -a /media/stick/archive")]
pub(crate) struct SourcesArgs {}

pub(crate) fn run(_args: &SourcesArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let history = snap_archive::verbs::history::list(&archive, &session.console)?;
    session.console.result(&Sources(history))?;
    Ok(Outcome::Done)
}
