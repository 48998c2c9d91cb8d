//! `snap sources`.

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::sources::Dropped;
use super::super::output::sources::Sources;
use super::super::session::Session;
use clap::Args;
use snap_archive::verbs::create::drop_source;

/// Show the sources: their paths, their rules, and when each was last read; or drop one
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SourcesArgs {
    /// No longer save this source; what was saved of it stays as it is, in all snapshots
    #[arg(long, value_name = "NAME")]
    drop: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  snap sources -a /media/stick/archive
  snap sources -a /media/stick/archive --drop photos";

pub(crate) fn run(args: &SourcesArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    if let Some(name) = &args.drop {
        let summary = drop_source(&archive, name, &session.console)?;
        session.console.result(&Dropped { name, snapshot: summary.number })?;
        return Ok(Outcome::Done);
    }
    let history = snap_archive::verbs::history::list(&archive, &session.console)?;
    session.console.result(&Sources(history))?;
    Ok(Outcome::Done)
}
