//! One run of the program: its settings, and where it tells what happens.

use super::config::drive;
use super::failure::Failure;
use super::notes;
use super::notes::ArchiveNotes;
use super::notes::Notes;
use super::output::advice;
use super::output::console::Console;
use super::output::text;
use super::schedule::Scheduler;
use super::schedule::When;
use super::settings::Meant;
use super::settings::Settings;
use super::settings::may_be_name;
use snap_archive::archive::open::Archive;
use snap_archive::base::error::Error;
use snap_archive::base::error::ErrorKind;
use snap_archive::base::id::ArchiveId;
use std::path::Path;
use std::path::PathBuf;

/// What every command is given besides its own arguments.
pub(crate) struct Session {
    /// The settings of this run.
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
    /// When none was named (usage), there is none, it is another than the configuration means, or it cannot be read.
    pub(crate) fn open(&self) -> Result<Archive, Failure> {
        let directory = self.settings.directory()?;
        let archive = Archive::open(directory).map_err(|error| self.missing(error, directory))?;
        self.check_id(archive.id())?;
        Ok(archive)
    }

    /// Opens the archive even if its description is damaged; then with what is wrong with it.
    ///
    /// # Errors
    /// As `open`.
    pub(crate) fn open_for_repair(&self) -> Result<(Archive, Option<Error>), Failure> {
        let directory = self.settings.directory()?;
        let opened = Archive::open_for_repair(directory).map_err(|error| self.missing(error, directory))?;
        if opened.1.is_none() {
            self.check_id(opened.0.id())?;
        }
        Ok(opened)
    }

    /// Refuses an archive with another id than the configuration says.
    ///
    /// # Errors
    /// When it has another, or the archive's place is not known.
    pub(crate) fn check_id(&self, id: ArchiveId) -> Result<(), Failure> {
        let Some(expected) = self.settings.expected_id()?.filter(|expected| *expected != id) else { return Ok(()) };
        let folder = text::path(self.settings.directory()?);
        let what =
            format!("the archive at {folder} is another than the configuration means: its id is {id}, not {expected}");
        Err(Failure::new(what).of_kind("other-archive").with_hint(advice::OTHER_ARCHIVE))
    }

    /// Refuses to make an archive where the configuration says which id the one there has.
    ///
    /// # Errors
    /// When it says so, or the archive's place is not known.
    pub(crate) fn check_new(&self) -> Result<(), Failure> {
        let Some(expected) = self.settings.expected_id()? else { return Ok(()) };
        let folder = text::path(self.settings.directory()?);
        let what =
            format!("no archive was made at {folder}: the configuration says that the one there has the id {expected}");
        Err(Failure::new(what).of_kind("other-archive").with_hint(advice::NEW_ARCHIVE_WITHOUT_ID))
    }

    /// The file in which is noted what is known of the archive; `None` where the person has no folder for such files, or it is
    /// not known which archive that is.
    ///
    /// # Errors
    /// When the configuration has several archives, and says not which (usage).
    pub(crate) fn notes_file(&self, id: Option<ArchiveId>) -> Result<Option<PathBuf>, Failure> {
        let name = self.settings.archive_config()?.map(|(name, _)| name);
        let key = name.or(id.map(|id| id.to_string()));
        Ok(self.settings.folders.state.as_deref().zip(key).map(|(state, key)| notes::file_of(state, &key)))
    }

    /// Notes something of an archive on this computer. Where that cannot be done, only a person who relies on it is told.
    pub(crate) fn note(&self, id: ArchiveId, change: impl FnOnce(&mut ArchiveNotes)) {
        if let Ok(Some(file)) = self.notes_file(Some(id)) {
            self.told(notes::note(&file, id, change));
        }
    }

    /// Notes how a run of `create` ended.
    pub(crate) fn note_run(&self, code: u8, failure: Option<&str>) {
        if let Ok(Some(file)) = self.notes_file(None) {
            self.told(notes::note_run(&file, code, failure));
        }
    }

    /// Notes when a schedule saves to the archive.
    pub(crate) fn note_schedule(&self, schedule: Option<(When, Scheduler)>) {
        if let Ok(Some(file)) = self.notes_file(None) {
            self.told(notes::note_schedule(&file, schedule));
        }
    }

    /// When a schedule saves to the archive, as far as is noted.
    ///
    /// # Errors
    /// When the configuration has several archives, and says not which (usage).
    pub(crate) fn noted_schedule(&self) -> Result<Option<(When, Scheduler)>, Failure> {
        Ok(self.notes_file(None)?.and_then(|file| Notes::read(&file).schedule))
    }

    /// Reports that something could not be noted, if the archive is in the configuration.
    pub(crate) fn told(&self, noted: Result<(), Failure>) {
        let is_configured = self.settings.archive_config().is_ok_and(|archive| archive.is_some());
        if let Some(failure) = noted.err().filter(|_| is_configured) {
            self.console.note(failure.what());
        }
    }

    /// Unmounts the drive if this run mounted it; whether it could be.
    pub(crate) fn end(&self) -> bool {
        let Some(device) = self.settings.mounted() else { return true };
        match drive::unmount(device) {
            Ok(()) => {
                self.console.aside("The drive is unmounted: it is now safe to unplug it.");
                true
            }
            Err(failure) => {
                self.console.line(&text::yellow(&format!("{}. Do not unplug the drive yet.", failure.what())));
                false
            }
        }
    }

    fn missing(&self, error: Error, directory: &Path) -> Failure {
        let meant = self.settings.archive.as_ref().map(|(meant, _)| meant);
        if error.kind() == ErrorKind::NoArchive
            && let Some(config) = &self.settings.config
            && let Some(Meant::Folder(folder)) = meant
            && let Some(name) = folder.to_str().filter(|_| may_be_name(folder) && !folder.exists())
            && config.names().next().is_some()
        {
            return config.unknown(name);
        }
        missing(error, directory)
    }
}

fn missing(error: Error, directory: &Path) -> Failure {
    if error.kind() != ErrorKind::NoArchive {
        return Failure::from(error);
    }
    let failure = Failure::from(error);
    match empty_folder(directory) {
        Some(empty) => failure.of_kind("not-mounted").with_hint(advice::mount_or_init(empty, directory)),
        None => failure.with_hint(advice::plug_in_or_init(directory)),
    }
}

/// The folder on the way to an archive that is there and empty, as a mount point is while nothing is mounted on it.
fn empty_folder(directory: &Path) -> Option<&Path> {
    let there = directory.ancestors().find(|folder| folder.is_dir())?;
    there.read_dir().is_ok_and(|mut names| names.next().is_none()).then_some(there)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn none() -> Error {
        Error::new(ErrorKind::NoArchive, "there is no archive there")
    }

    #[test]
    fn a_missing_archive_asks_for_the_drive() {
        let around = tempfile::tempdir().unwrap();
        std::fs::write(around.path().join("x"), "").unwrap();
        let failure = missing(none(), &around.path().join("m"));
        assert_eq!((failure.code(), failure.kind(), failure.what()), (4, "no-archive", "there is no archive there"));
        assert!(
            failure.hint().is_some_and(|hint| hint.starts_with("Check that the drive is plugged in.")),
            "{failure:?}"
        );
    }

    #[test]
    fn an_empty_folder_looks_like_a_drive_that_is_not_mounted() {
        let point = tempfile::tempdir().unwrap();
        for archive in [point.path().to_owned(), point.path().join("a/b")] {
            let failure = missing(none(), &archive);
            assert_eq!((failure.code(), failure.kind()), (4, "not-mounted"));
            assert!(failure.hint().is_some_and(|hint| hint.contains(&*point.path().to_string_lossy())), "{failure:?}");
        }
    }
}
