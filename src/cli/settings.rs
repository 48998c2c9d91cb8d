//! What holds for every command: the options as they were typed, what they leave open from the environment, and what that leaves
//! open from the configuration.

use super::args::global::GlobalArgs;
use super::config::ArchiveConfig;
use super::config::Config;
use super::config::drive;
use super::config::drive::Machine;
use super::config::place::Drive;
use super::config::place::Located;
use super::config::place::Place;
use super::failure::Failure;
use super::folders::Folders;
use super::output::advice;
use super::output::progress::Shown;
use super::output::text;
use snap_archive::archive::open::DESCRIPTION;
use snap_archive::archive::programs::PROGRAMS;
use snap_archive::base::id::ArchiveId;
use snap_archive::system::platform;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::sync::OnceLock;

/// What the configuration is called in its folder.
const CONFIG_FILE: &str = "config.toml";

/// The variables of the environment that are obeyed.
#[derive(Default)]
pub(crate) struct Environment {
    /// `SNAP_ARCHIVE`: the archive's folder, or its name in the configuration.
    pub(crate) archive: Option<OsString>,
    /// `PAGER`: the program that shows long texts, as a command line of a shell.
    pub(crate) pager: Option<OsString>,
    /// `LESS`: options of the usual pager; they are only left alone.
    pub(crate) less: Option<OsString>,
    /// `NO_COLOR`: not empty where nothing is to be coloured.
    pub(crate) no_color: Option<OsString>,
    /// The folder that this program stands in, where that is an archive.
    pub(crate) around_program: Option<PathBuf>,
    /// The person's own folders.
    pub(crate) folders: Folders,
}

impl Environment {
    /// The environment of this process.
    pub(crate) fn read() -> Environment {
        let folder = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
        Environment {
            archive: std::env::var_os("SNAP_ARCHIVE"),
            around_program: folder.map(platform::plain_path).and_then(archive_around),
            pager: std::env::var_os("PAGER"),
            less: std::env::var_os("LESS"),
            no_color: std::env::var_os("NO_COLOR"),
            folders: Folders::read(),
        }
    }
}

/// The archive whose folder this is, or whose folder of programs.
fn archive_around(folder: PathBuf) -> Option<PathBuf> {
    let is_archive = |folder: &Path| folder.join(DESCRIPTION).is_file();
    let above = folder.parent().filter(|above| folder.ends_with(PROGRAMS) && is_archive(above)).map(Path::to_owned);
    if is_archive(&folder) { Some(folder) } else { above }
}

/// Where a value was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// On the command line.
    Typed,
    /// In the environment.
    Environment,
    /// Nowhere: the program stands in the archive.
    Program,
    /// In the configuration.
    Configuration,
}

/// The archive that is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Meant {
    /// The one in this folder.
    Folder(PathBuf),
    /// The one that the configuration calls so.
    Named(String),
}

/// The settings of this run of the program, wherever they were given.
pub(crate) struct Settings {
    /// The archive that is meant, and where that was said; `None`: nowhere.
    pub(crate) archive: Option<(Meant, Origin)>,
    /// The configuration, where there is one and it may say something.
    pub(crate) config: Option<Config>,
    /// Where the configuration is, or would be; `None` where the person has no folder for it.
    pub(crate) config_file: Option<PathBuf>,
    /// Whether that was typed.
    pub(crate) is_config_typed: bool,
    /// The person's own folders.
    pub(crate) folders: Folders,
    located: OnceLock<Located>,
    /// The program that shows long texts on a terminal, as a command line of a shell; `None`: not said.
    pub(crate) pager: Option<OsString>,
    /// Whether the usual pager was given options.
    pub(crate) has_less_options: bool,
    /// Whether other programs may colour what they say.
    pub(crate) colours: bool,
    /// Whether results are JSON, for programs.
    pub(crate) json: bool,
    /// Whether only problems and what was asked for are printed.
    pub(crate) quiet: bool,
    /// Whether more is printed.
    pub(crate) verbose: bool,
    /// Whether and how progress is shown.
    pub(crate) progress: Shown,
    /// How many threads work; 0: as many as the machine has.
    pub(crate) threads: usize,
}

impl Settings {
    /// What was typed; where that says nothing, what the environment says; else the archive that the program stands in; else what
    /// the configuration says. It is not read where the archive is named by a path.
    ///
    /// # Errors
    /// When the configuration cannot be read, is not where it was said to be, or is invalid (usage).
    pub(crate) fn resolve(typed: GlobalArgs, environment: Environment) -> Result<Settings, Failure> {
        let named = |path: &PathBuf| !path.as_os_str().is_empty();
        let from = |path: Option<PathBuf>, origin| path.filter(named).map(|path| (path, origin));
        let said = from(typed.archive, Origin::Typed)
            .or_else(|| from(environment.archive.map(PathBuf::from), Origin::Environment))
            .or_else(|| from(environment.around_program, Origin::Program));
        let folders = environment.folders;
        let config_file = typed.config.clone().or_else(|| Some(folders.config.as_ref()?.join(CONFIG_FILE)));
        let may_be_named = said.as_ref().is_none_or(|(path, _)| may_be_name(path)) || typed.config.is_some();
        let config = match config_file.as_deref().filter(|_| may_be_named) {
            Some(file) => Config::read(file, &folders)?,
            None => None,
        };
        if let (Some(file), None) = (&typed.config, &config) {
            return Err(Failure::usage(format!("there is no configuration {}", text::path(file)))
                .with_hint(advice::CHECK_SPELLING));
        }
        let archive = said.map(|(path, origin)| (meant(path, config.as_ref()), origin));
        let colours = environment.no_color.is_none_or(|set| set.is_empty());
        let (pager, has_less_options) = (environment.pager, environment.less.is_some());
        Ok(Settings {
            archive,
            config,
            config_file,
            is_config_typed: typed.config.is_some(),
            folders,
            located: OnceLock::new(),
            pager,
            has_less_options,
            colours,
            json: typed.json,
            quiet: typed.quiet,
            verbose: typed.verbose,
            progress: typed.progress,
            threads: typed.threads,
        })
    }

    /// The archive that is meant, and where that was said; `None`: nowhere.
    ///
    /// # Errors
    /// When the configuration has several, and says not which (usage).
    pub(crate) fn archive(&self) -> Result<Option<(Meant, Origin)>, Failure> {
        if self.archive.is_some() {
            return Ok(self.archive.clone());
        }
        let name = self.config.as_ref().map(Config::default_name).transpose()?.flatten();
        Ok(name.map(|name| (Meant::Named(name.to_owned()), Origin::Configuration)))
    }

    /// The name that the configuration has for the archive, and what it says of it; `None` where it is meant by its folder.
    ///
    /// # Errors
    /// As for [`Settings::archive`].
    pub(crate) fn archive_config(&self) -> Result<Option<(String, &ArchiveConfig)>, Failure> {
        let Some((Meant::Named(name), _)) = self.archive()? else { return Ok(None) };
        Ok(self.config.as_ref().and_then(|config| config.archive(&name)).map(|archive| (name, archive)))
    }

    /// The archive's folder. The first time, the drive that it is on is looked for, and mounted where that is wanted.
    ///
    /// # Errors
    /// When it was not given (usage), or its drive is not there.
    pub(crate) fn directory(&self) -> Result<&Path, Failure> {
        Ok(&self.located()?.folder)
    }

    /// The id that the archive must have, if that is known.
    ///
    /// # Errors
    /// As for [`Settings::directory`].
    pub(crate) fn expected_id(&self) -> Result<Option<ArchiveId>, Failure> {
        let here = self.located()?.id;
        Ok(here.or(self.archive_config()?.and_then(|(_, archive)| archive.id)))
    }

    /// The archive's folder, if it can be reached without mounting anything.
    pub(crate) fn directory_now(&self) -> Option<PathBuf> {
        match self.archive().ok()??.0 {
            Meant::Folder(folder) => found_folder(folder).ok().map(|located| located.folder),
            Meant::Named(name) => self.locate(&name, None).ok().map(|located| located.folder),
        }
    }

    /// The archive's folder, if it was looked for and found.
    pub(crate) fn located_folder(&self) -> Option<&Path> {
        Some(&self.located.get()?.folder)
    }

    /// The device that was mounted to reach the archive.
    pub(crate) fn mounted(&self) -> Option<&Path> {
        self.located.get()?.mounted.as_deref()
    }

    fn located(&self) -> Result<&Located, Failure> {
        if let Some(located) = self.located.get() {
            return Ok(located);
        }
        let located = match self.archive()? {
            None => return Err(Failure::usage("no archive given").with_hint(advice::GIVE_ARCHIVE)),
            Some((Meant::Folder(folder), _)) => found_folder(folder)?,
            Some((Meant::Named(name), _)) => self.locate(&name, Some(&drive::mount))?,
        };
        Ok(self.located.get_or_init(|| located))
    }

    /// Finds the archive that the configuration calls so; `mount` is used only where it says so.
    ///
    /// # Errors
    /// When its drive is not there.
    pub(crate) fn locate(
        &self,
        name: &str,
        mount: Option<&dyn Fn(&Path) -> Result<(), Failure>>,
    ) -> Result<Located, Failure> {
        let archive = self.config.as_ref().and_then(|config| config.archive(name));
        let archive = archive.ok_or_else(|| Failure::usage(format!("there is no archive '{name}'")))?;
        archive.place.locate(&Machine::this(), mount.filter(|_| archive.mount))
    }
}

/// A folder that was typed, perhaps with the label of the drive that it is on.
fn found_folder(folder: PathBuf) -> Result<Located, Failure> {
    match Drive::typed(&folder) {
        Some(drive) => Place::Drives(vec![drive]).locate(&Machine::this(), None),
        None => Ok(Located { folder, id: None, mounted: None }),
    }
}

/// Whether a path that was typed can be a name in the configuration.
pub(crate) fn may_be_name(path: &Path) -> bool {
    path.to_str().is_some_and(|text| !text.contains(std::path::is_separator) && !text.contains([':', '.']))
}

/// What was typed: the name of an archive in the configuration comes before a folder.
fn meant(path: PathBuf, config: Option<&Config>) -> Meant {
    let known = path.to_str().filter(|name| config.is_some_and(|config| config.archive(name).is_some()));
    known.map(|name| Meant::Named(name.to_owned())).unwrap_or(Meant::Folder(path))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn archive(typed: Option<&str>, environment: Option<&str>) -> Option<Meant> {
        let typed = GlobalArgs { archive: typed.map(PathBuf::from), ..GlobalArgs::default() };
        let environment = Environment { archive: environment.map(OsString::from), ..Environment::default() };
        Settings::resolve(typed, environment).unwrap().archive.map(|(meant, _)| meant)
    }

    fn folder(path: &str) -> Meant {
        Meant::Folder(path.into())
    }

    #[test]
    fn what_was_typed_comes_before_the_environment() {
        assert_eq!(archive(Some("a"), Some("b")), Some(folder("a")));
        assert_eq!(archive(None, Some("b")), Some(folder("b")));
        assert_eq!(archive(Some(""), Some("b")), Some(folder("b")));
        assert_eq!(archive(None, Some("")), None);
    }

    #[test]
    fn the_archive_that_the_program_stands_in_comes_after_what_was_said() {
        let environment =
            || Environment { archive: None, around_program: Some("drive".into()), ..Environment::default() };
        let of = |environment| Settings::resolve(GlobalArgs::default(), environment).unwrap().archive;
        assert_eq!(of(environment()), Some((Meant::Folder("drive".into()), Origin::Program)));
        let named = Environment { archive: Some("b".into()), ..environment() };
        assert_eq!(of(named), Some((Meant::Folder("b".into()), Origin::Environment)));
    }

    /// Settings with this configuration, and what was typed after `-a`.
    fn configured(config: &str, typed: Option<&str>) -> Result<Settings, Failure> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(CONFIG_FILE), config).unwrap();
        let folders = Folders { config: Some(home.path().into()), home: Some("/h".into()), state: None };
        let typed = GlobalArgs { archive: typed.map(PathBuf::from), ..GlobalArgs::default() };
        Settings::resolve(typed, Environment { folders, ..Environment::default() })
    }

    const TWO: &str = "[archive.a]\npath = '~/x'\n[archive.b]\npath = '/y'\n";

    #[test]
    fn the_only_archive_or_the_default_needs_no_name() {
        let one = configured("[archive.a]\npath = '~/x'\n", None).unwrap();
        assert_eq!(one.directory().unwrap(), Path::new("/h/x"));
        let two = configured(TWO, None).unwrap();
        let failure = two.directory().unwrap_err();
        assert_eq!(failure.code(), 2);
        assert!(failure.hint().is_some_and(|hint| hint.contains("a, b")), "{failure:?}");
        let default = configured(&format!("default = 'b'\n{TWO}"), None).unwrap();
        assert_eq!(default.directory().unwrap(), Path::new("/y"));
    }

    #[test]
    fn a_name_of_the_configuration_comes_before_a_folder_and_a_path_is_always_a_folder() {
        let named = configured(TWO, Some("b")).unwrap();
        assert_eq!(named.archive().unwrap(), Some((Meant::Named("b".into()), Origin::Typed)));
        for path in ["./b", "b/", "/b", "c"] {
            let settings = configured(TWO, Some(path)).unwrap();
            assert_eq!(settings.archive().unwrap().unwrap().0, Meant::Folder(path.into()));
            assert!(settings.archive_config().unwrap().is_none());
        }
    }

    #[test]
    fn a_configuration_that_is_wrong_does_not_stop_who_names_a_folder() {
        assert_eq!(configured("[", None).err().unwrap().code(), 2);
        assert_eq!(configured("[", Some("name")).err().unwrap().code(), 2);
        assert_eq!(configured("[", Some("/a/b")).unwrap().directory().unwrap(), Path::new("/a/b"));
    }

    #[test]
    fn a_configuration_that_was_named_must_be_there() {
        let typed = GlobalArgs { config: Some("missing.toml".into()), ..GlobalArgs::default() };
        let failure = Settings::resolve(typed, Environment::default()).err().unwrap();
        assert_eq!((failure.code(), failure.what()), (2, "there is no configuration missing.toml"));
    }
}
