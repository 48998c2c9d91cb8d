//! One run of the program: its settings, and where it tells what happens.

use super::failure::Failure;
use super::output::advice;
use super::output::console::Console;
use super::settings::Settings;
use snap_archive::archive::open::Archive;
use snap_archive::base::error::Error;
use snap_archive::base::error::ErrorKind;
use std::path::Path;

/// What every command is given besides its own arguments.
pub(crate) struct Session {
    /// How this run shall be.
    pub(crate) settings: Settings,
    /// Where results, progress and problems go.
    pub(crate) console: Console,
}

impl Session {
    pub(crate) fn new(settings: Settings) -> Session {
        let console = Console::new(&settings);
        Session { settings, console }
    }

    /// Opens the archive.
    ///
    /// # Errors
    /// When none was named (usage), there is none, or it cannot be read.
    pub(crate) fn open(&self) -> Result<Archive, Failure> {
        let directory = self.settings.directory()?;
        Archive::open(directory).map_err(|error| missing(error, directory))
    }

    /// Opens the archive even if its description is damaged; then with what is wrong with it.
    ///
    /// # Errors
    /// As `open`.
    pub(crate) fn open_for_repair(&self) -> Result<(Archive, Option<Error>), Failure> {
        let directory = self.settings.directory()?;
        Archive::open_for_repair(directory).map_err(|error| missing(error, directory))
    }
}

fn missing(error: Error, directory: &Path) -> Failure {
    let is_missing = error.kind() == ErrorKind::NoArchive;
    let failure = Failure::from(error);
    if is_missing { failure.with_hint(advice::plug_in_or_init(directory)) } else { failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_archive_asks_for_the_drive() {
        let failure = missing(Error::new(ErrorKind::NoArchive, "there is no archive at /m"), Path::new("/m"));
        assert_eq!((failure.code(), failure.what()), (4, "there is no archive at /m"));
        let hint = "Check that the drive is plugged in. To make a new archive there: snap init -a /m.";
        assert_eq!(failure.hint(), Some(hint));
    }
}
