//! `snap init`.

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::init::Initialized;
use super::super::session::Session;
use clap::Args;
use snap_archive::archive::open::Archive;

/// Make a new archive in a folder that is empty or does not exist yet
#[derive(Args)]
#[command(after_help = "Example:\n  snap init -a /media/stick/archive")]
pub(crate) struct InitArgs {}

pub(crate) fn run(_args: &InitArgs, session: &Session) -> Result<Outcome, Failure> {
    let directory = session.settings.directory()?;
    Archive::init(directory)?;
    session.console.result(&Initialized { directory })?;
    Ok(Outcome::Done)
}
