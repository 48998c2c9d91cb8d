//! What holds for every command: the options as they were typed, and what they leave open from the environment.

use super::args::global::GlobalArgs;
use super::failure::Failure;
use super::output::advice;
use snap_archive::archive::open::DESCRIPTION;
use snap_archive::archive::programs::PROGRAMS;
use snap_archive::system::platform;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

/// The variables of the environment that are obeyed.
#[derive(Default)]
pub(crate) struct Environment {
    /// `SNAP_ARCHIVE`: the archive's folder.
    pub(crate) archive: Option<OsString>,
    /// `PAGER`: the program that shows long texts, as a command line of a shell.
    pub(crate) pager: Option<OsString>,
    /// `LESS`: options of the usual pager; they are only left alone.
    pub(crate) less: Option<OsString>,
    /// `NO_COLOR`: not empty where nothing is to be coloured.
    pub(crate) no_color: Option<OsString>,
    /// The folder that this program stands in, where that is an archive.
    pub(crate) around_program: Option<PathBuf>,
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
        }
    }
}

/// The archive whose folder this is, or whose folder of programs.
fn archive_around(folder: PathBuf) -> Option<PathBuf> {
    let is_archive = |folder: &Path| folder.join(DESCRIPTION).is_file();
    let above = folder.parent().filter(|above| folder.ends_with(PROGRAMS) && is_archive(above)).map(Path::to_owned);
    if is_archive(&folder) { Some(folder) } else { above }
}

/// How this run of the program shall be, wherever that was said.
pub(crate) struct Settings {
    archive: Option<PathBuf>,
    /// The program that shows long texts on a terminal, as a command line of a shell; `None`: not said.
    pub(crate) pager: Option<OsString>,
    /// Whether the usual pager was given options.
    pub(crate) has_less_options: bool,
    /// Whether other programs may colour what they say.
    pub(crate) colours: bool,
    /// Whether results are JSON, for programs.
    pub(crate) json: bool,
    /// Whether only problems and what was asked for are told.
    pub(crate) quiet: bool,
    /// Whether more is told.
    pub(crate) verbose: bool,
    /// How many threads work; 0: as many as the machine has.
    pub(crate) threads: usize,
}

impl Settings {
    /// What was typed; where that says nothing, what the environment says; else the archive that the program stands in.
    pub(crate) fn resolve(typed: GlobalArgs, environment: Environment) -> Settings {
        let named = |path: &PathBuf| !path.as_os_str().is_empty();
        let archive = typed.archive.filter(named).or_else(|| environment.archive.map(PathBuf::from).filter(named));
        let archive = archive.or(environment.around_program);
        let colours = environment.no_color.is_none_or(|set| set.is_empty());
        let (pager, has_less_options) = (environment.pager, environment.less.is_some());
        Settings {
            archive,
            pager,
            has_less_options,
            colours,
            json: typed.json,
            quiet: typed.quiet,
            verbose: typed.verbose,
            threads: typed.threads,
        }
    }

    /// The archive's folder, as given.
    ///
    /// # Errors
    /// When it was not given (usage).
    pub(crate) fn directory(&self) -> Result<&Path, Failure> {
        self.archive.as_deref().ok_or_else(|| Failure::usage("no archive given").with_hint(advice::GIVE_ARCHIVE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(typed: Option<&str>, environment: Option<&str>) -> Option<PathBuf> {
        let typed = GlobalArgs { archive: typed.map(PathBuf::from), ..GlobalArgs::default() };
        Settings::resolve(typed, Environment { archive: environment.map(OsString::from), ..Environment::default() })
            .archive
    }

    #[test]
    fn what_was_typed_comes_before_the_environment() {
        assert_eq!(archive(Some("a"), Some("b")), Some("a".into()));
        assert_eq!(archive(None, Some("b")), Some("b".into()));
        assert_eq!(archive(Some(""), Some("b")), Some("b".into()));
        assert_eq!(archive(None, Some("")), None);
    }

    #[test]
    fn the_archive_that_the_program_stands_in_comes_last() {
        let environment =
            || Environment { archive: None, around_program: Some("drive".into()), ..Environment::default() };
        assert_eq!(Settings::resolve(GlobalArgs::default(), environment()).archive, Some("drive".into()));
        let named = Environment { archive: Some("b".into()), ..environment() };
        assert_eq!(Settings::resolve(GlobalArgs::default(), named).archive, Some("b".into()));
    }
}
