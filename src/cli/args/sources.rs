//! Sources as a person types them: PATH or NAME=PATH. Every source leaves here with a name of its own.

use super::super::failure::Failure;
use super::super::output::advice;
use snap_archive::base::path::is_name;
use snap_archive::base::path::printable;
use snap_archive::system::platform;
use snap_archive::verbs::create::SourceSpec;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

/// The sources that were typed, each with its name.
///
/// # Errors
/// When two have the same name, one has none or an impossible one (usage), or the present folder's name is not known.
pub(crate) fn parse(typed: &[OsString]) -> Result<Vec<SourceSpec>, Failure> {
    let mut sources: Vec<SourceSpec> = Vec::with_capacity(typed.len());
    for argument in typed {
        let source = parse_one(argument)?;
        if let Some(other) = sources.iter().find(|other| other.name == source.name) {
            return Err(same_name(other, &source));
        }
        sources.push(source);
    }
    Ok(sources)
}

fn parse_one(typed: &OsStr) -> Result<SourceSpec, Failure> {
    if typed.is_empty() {
        return Err(Failure::usage("the name of a source is empty").with_hint(advice::SOURCE_FORM));
    }
    let split = split_name(typed);
    let is_named = split.is_some();
    let (name, path) = match split {
        Some((name, path)) => (name.to_owned(), path),
        None => (name_of(Path::new(typed))?, PathBuf::from(typed)),
    };
    if !is_name(name.as_bytes()) || path.as_os_str().is_empty() {
        return Err(Failure::usage(format!("'{}' cannot be a source", shown(typed))).with_hint(advice::SOURCE_FORM));
    }
    Ok(SourceSpec { name: Some(name), is_named, path })
}

/// NAME and PATH, if that is what was typed: not when the whole is a file's name or the `=` stands inside a path.
fn split_name(typed: &OsStr) -> Option<(&str, PathBuf)> {
    let bytes = typed.as_encoded_bytes();
    let equals = bytes.iter().position(|byte| *byte == b'=')?;
    let name = std::str::from_utf8(&bytes[..equals]).ok()?;
    let is_pair = platform::may_be_name(name) && !Path::new(typed).exists();
    is_pair.then(|| (name, platform::path_of(&bytes[equals + 1..]).into_owned()))
}

/// The last part of the path; that of the real path where it ends in `.` or `..`; the letter of a drive's top.
fn name_of(path: &Path) -> Result<String, Failure> {
    let real = match path.file_name() {
        Some(_) => path.to_owned(),
        None => platform::canonical(path).map_err(|error| {
            Failure::new(format!(
                "cannot find the source {}: {}",
                shown(path),
                snap_archive::base::error::plain_reason(&error)
            ))
        })?,
    };
    let name = real.file_name().and_then(OsStr::to_str).map(str::to_owned);
    name.or_else(|| platform::name_of_top(&real)).ok_or_else(|| {
        Failure::usage(format!("the source {} needs a name", shown(path))).with_hint(advice::NAME_SOURCE)
    })
}

fn same_name(a: &SourceSpec, b: &SourceSpec) -> Failure {
    let name = b.name.as_deref().unwrap_or_default();
    let (a, b) = (shown(&a.path), shown(&b.path));
    Failure::usage(format!("two sources would have the same name '{}': {a} and {b}", printable(name.as_bytes())))
        .with_hint(advice::RENAME_SOURCE)
}

fn shown(path: impl AsRef<OsStr>) -> String {
    printable(path.as_ref().as_encoded_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parsed(typed: &[&str]) -> Result<Vec<(String, String)>, Failure> {
        let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
        let pair = |source: SourceSpec| (source.name.unwrap(), source.path.to_str().unwrap().to_owned());
        Ok(parse(&typed)?.into_iter().map(pair).collect())
    }

    fn one(typed: &str) -> (String, String) {
        parsed(&[typed]).unwrap().remove(0)
    }

    fn pair(name: &str, path: &str) -> (String, String) {
        (name.to_owned(), path.to_owned())
    }

    #[test]
    fn a_source_is_named_by_its_last_part_or_as_given() {
        assert_eq!(one("/home/ann/Documents"), pair("Documents", "/home/ann/Documents"));
        assert_eq!(one("/home/ann/Documents/"), pair("Documents", "/home/ann/Documents/"));
        assert_eq!(one("papers=/home/ann/Documents"), pair("papers", "/home/ann/Documents"));
        assert_eq!(one("a=b=c"), pair("a", "b=c"));
        assert_eq!(one("/home/a=b"), pair("a=b", "/home/a=b"));
        assert_eq!(one("computer=/"), pair("computer", "/"));
    }

    #[test]
    fn dots_take_the_name_of_the_folder_they_mean() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("inner/deep")).unwrap();
        let up = folder.path().join("inner/deep/..");
        assert_eq!(one(up.to_str().unwrap()).0, "inner");
        let present = std::env::current_dir().unwrap();
        assert_eq!(one(".").0, present.file_name().unwrap().to_str().unwrap());
    }

    #[test]
    fn a_path_that_exists_wins_over_a_name() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let inside = folder.path().file_name().unwrap().to_str().unwrap().to_owned() + "=x";
        std::fs::create_dir(&inside).unwrap();
        let found = one(&inside);
        std::fs::remove_dir(&inside).unwrap();
        assert_eq!(found, pair(&inside, &inside));
    }

    #[test]
    fn a_name_that_is_missing_impossible_or_taken_is_a_usage_error() {
        for typed in [&["/"][..], &[""], &["=x"], &["x="], &["..=x"], &["/a/docs", "/b/docs"], &["docs=/a", "/b/docs"]]
        {
            let failure = parsed(typed).unwrap_err();
            let (code, what, hint) = (failure.code(), failure.what(), failure.hint());
            assert_eq!(code, 2, "{typed:?}: {what}");
            assert!(typed == [""] || hint.is_some_and(|hint| hint.contains("NAME=PATH")), "{typed:?}");
        }
    }
}
