//! `snap init`.

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::init::Initialized;
use super::super::session::Session;
use clap::Args;
use snap_archive::archive::open::Archive;
use snap_archive::archive::open::Sharing;

/// Make a new archive in a folder that is empty or does not exist yet
#[derive(Args)]
#[command(after_help = "Example:\n  snap init -a /media/stick/archive")]
pub(crate) struct InitArgs {
    /// Let the group of the folder around it read and write the archive; otherwise only you can
    #[arg(long)]
    shared: bool,
}

/// Who may read and write a new archive.
pub(super) fn sharing(shared: bool) -> Sharing {
    if shared { Sharing::Group } else { Sharing::Private }
}

pub(crate) fn run(args: &InitArgs, session: &Session) -> Result<Outcome, Failure> {
    let directory = session.settings.directory()?;
    Archive::init(directory, sharing(args.shared))?;
    session.console.result(&Initialized { directory })?;
    Ok(Outcome::Done)
}
