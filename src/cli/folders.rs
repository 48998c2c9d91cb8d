//! Where this program keeps what is the person's own: the configuration, and what is noted on this computer. Reads no files.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

/// The person's own folders; `None` where the environment names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Folders {
    /// What `~` means.
    pub(crate) home: Option<PathBuf>,
    /// That of `config.toml`.
    pub(crate) config: Option<PathBuf>,
    /// That of what is noted of each archive.
    pub(crate) state: Option<PathBuf>,
}

/// What this program's own folders are called.
const NAME: &str = "snap";

impl Folders {
    /// Those that the environment names.
    pub(crate) fn read() -> Folders {
        Folders::of(|name| std::env::var_os(name))
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Folders {
        // The XDG specification: a path that is not absolute is ignored.
        let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        if cfg!(windows) {
            return Folders {
                home: folder("USERPROFILE"),
                config: folder("APPDATA").map(|path| path.join(NAME)),
                state: folder("LOCALAPPDATA").map(|path| path.join(NAME)),
            };
        }
        let home = folder("HOME");
        let or_below_home = |name: &str, below: &str| {
            let found = folder(name).or_else(|| Some(home.as_ref()?.join(below)));
            found.map(|path| path.join(NAME))
        };
        Folders {
            config: or_below_home("XDG_CONFIG_HOME", ".config"),
            state: or_below_home("XDG_STATE_HOME", ".local/state"),
            home,
        }
    }

    /// A path with the home folder for a `~` at its beginning; `None` where that is not known, or the path is not absolute.
    pub(crate) fn absolute(&self, path: &str) -> Option<PathBuf> {
        let path = match path.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with(std::path::is_separator) => {
                let rest = rest.trim_start_matches(std::path::is_separator);
                if rest.is_empty() { self.home.clone()? } else { self.home.as_ref()?.join(rest) }
            }
            _ => PathBuf::from(path),
        };
        path.is_absolute().then_some(path)
    }

    /// A path as a person writes it: with `~` for the home folder.
    pub(crate) fn shown(&self, path: &Path) -> PathBuf {
        let below = self.home.as_ref().and_then(|home| path.strip_prefix(home).ok());
        below.map_or_else(|| path.to_owned(), |below| Path::new("~").join(below))
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn folders(variables: &[(&str, &str)]) -> Folders {
        Folders::of(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_folders_are_those_of_the_xdg_specification() {
        let plain = folders(&[("HOME", "/h/ann")]);
        assert_eq!(plain.config, Some("/h/ann/.config/snap".into()));
        assert_eq!(plain.state, Some("/h/ann/.local/state/snap".into()));
        let named = folders(&[("HOME", "/h/ann"), ("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "relative")]);
        assert_eq!((named.config, named.state), (Some("/c/snap".into()), Some("/h/ann/.local/state/snap".into())));
        assert_eq!(folders(&[]), Folders::default());
    }

    #[test]
    fn a_tilde_is_the_home_folder_at_the_beginning_only() {
        let ann = folders(&[("HOME", "/h/ann")]);
        for (written, meant) in [
            ("~/Documents", Some("/h/ann/Documents")),
            ("~", Some("/h/ann")),
            ("/a/~", Some("/a/~")),
            ("~bob/x", None),
            ("Documents", None),
            ("", None),
        ] {
            assert_eq!(ann.absolute(written), meant.map(PathBuf::from), "{written}");
        }
        assert_eq!(folders(&[]).absolute("~/x"), None);
        assert_eq!(ann.shown(Path::new("/h/ann/x")), Path::new("~/x"));
        assert_eq!(ann.shown(Path::new("/h/anna")), Path::new("/h/anna"));
    }
}
