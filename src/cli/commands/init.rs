//! `snap init`.

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::init::Initialized;
use super::super::session::Session;
use clap::Args;
use snap_archive::archive::open::Archive;
use snap_archive::archive::open::DESCRIPTION;
use snap_archive::archive::open::Sharing;
use snap_archive::archive::programs::PROGRAMS;
use snap_archive::base::error::Error;
use snap_archive::system::platform;
use std::env::consts::ARCH;
use std::env::consts::EXE_SUFFIX;
use std::env::consts::OS;
use std::path::Path;

/// Make a new archive in a folder that is empty or new
#[derive(Args)]
#[command(after_help = "\
Examples:
  snap init -a /media/stick/archive
  snap init -a /media/stick/archive --carry     also later, and from another system")]
pub(crate) struct InitArgs {
    /// Let the group of the folder that it is in read and write the archive; otherwise only you can
    #[arg(long)]
    shared: bool,
    /// Copy this program into the folder `programs` of the archive, for computers without it; also into an archive that exists.
    /// Default for a new archive on a removable drive
    #[arg(long)]
    carry: bool,
    /// Do not copy the program
    #[arg(long, conflicts_with = "carry")]
    no_carry: bool,
}

/// Who may read and write a new archive.
pub(super) fn sharing(shared: bool) -> Sharing {
    if shared { Sharing::Group } else { Sharing::Private }
}

pub(crate) fn run(args: &InitArgs, session: &Session) -> Result<Outcome, Failure> {
    let directory = session.settings.directory()?;
    let is_new = !(args.carry && directory.join(DESCRIPTION).exists());
    if is_new {
        session.check_new()?;
    }
    let archive = if is_new { Archive::init(directory, sharing(args.shared))? } else { session.open()? };
    let program = if is_carried(args, archive.may_be_unplugged()) { Some(carry(&archive, directory)?) } else { None };
    session.console.result(&Initialized { directory, is_new, program })?;
    Ok(Outcome::Done)
}

/// Whether the program goes with the archive: as was typed, else where the drive may come to another computer, if this is the
/// program as it is given to people.
fn is_carried(args: &InitArgs, may_be_unplugged: bool) -> bool {
    args.carry || !args.no_carry && cfg!(not(debug_assertions)) && may_be_unplugged
}

/// What the program for this system and processor is called in an archive.
fn program_path() -> String {
    format!("{PROGRAMS}/snap-{OS}-{ARCH}{EXE_SUFFIX}")
}

/// Copies this program into the archive. Returns its path there.
fn carry(archive: &Archive, directory: &Path) -> Result<String, Failure> {
    let doing = |error| Error::io("cannot read this program", error);
    let program = std::env::current_exe().and_then(std::fs::read).map_err(doing)?;
    let path = program_path();
    archive.carry(&path, &program)?;
    let placed = directory.join(&path);
    platform::make_executable(&placed).map_err(|error| Error::io(format!("cannot give {path} its mode"), error))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_goes_along_where_that_was_typed() {
        let args = |carry, no_carry| InitArgs { shared: false, carry, no_carry };
        assert!(is_carried(&args(true, false), false) && !is_carried(&args(false, true), true));
        assert_eq!(is_carried(&args(false, false), true), cfg!(not(debug_assertions)));
        assert!(!is_carried(&args(false, false), false));
    }
}
