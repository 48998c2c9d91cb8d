//! What holds for every command: the options as they were typed, and what they leave open from the environment.

use super::args::global::GlobalArgs;
use super::failure::Failure;
use super::output::advice;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

/// The variables of the environment that are obeyed.
#[derive(Default)]
pub(crate) struct Environment {
    /// `SNAP_ARCHIVE`: the archive's folder.
    pub(crate) archive: Option<OsString>,
}

impl Environment {
    /// The environment of this process.
    pub(crate) fn read() -> Environment {
        Environment { archive: std::env::var_os("SNAP_ARCHIVE") }
    }
}

/// How this run of the program shall be, wherever that was said.
pub(crate) struct Settings {
    archive: Option<PathBuf>,
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
    /// What was typed; where that says nothing, what the environment says.
    pub(crate) fn resolve(typed: GlobalArgs, environment: Environment) -> Settings {
        let named = |path: &PathBuf| !path.as_os_str().is_empty();
        let archive = typed.archive.filter(named).or_else(|| environment.archive.map(PathBuf::from).filter(named));
        Settings { archive, json: typed.json, quiet: typed.quiet, verbose: typed.verbose, threads: typed.threads }
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
        Settings::resolve(typed, Environment { archive: environment.map(OsString::from) }).archive
    }

    #[test]
    fn what_was_typed_comes_before_the_environment() {
        assert_eq!(archive(Some("a"), Some("b")), Some("a".into()));
        assert_eq!(archive(None, Some("b")), Some("b".into()));
        assert_eq!(archive(Some(""), Some("b")), Some("b".into()));
        assert_eq!(archive(None, Some("")), None);
    }
}
