//! The entries of a state, or of several, that fit a pattern.

use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::printable;
use crate::base::path::unescaped_glob;
use crate::base::pattern::Pattern;
use std::collections::BTreeSet;

/// The most bytes that the paths may take together.
const BYTES_MAX: usize = 64 << 20;

/// About what a path takes beside its bytes.
const PATH_BYTES: usize = 64;

/// Whether this can be a pattern: what has none of its characters is a plain path.
pub fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|byte| b"*?[".contains(byte))
}

/// The paths of `state` that fit `pattern`, as in a `.gitignore` file above all sources, in the order of their directories.
/// Without a slash it fits names of sources, or, if it fits none, names anywhere.
///
/// # Errors
/// [`ErrorKind::Refused`] when it is not a pattern, or too much fits; when the index is damaged or cannot be read.
pub fn fitting(state: &State, pattern: &[u8], monitor: &dyn Monitor) -> Result<Vec<EntryPathBuf>> {
    let found = walk(state, &from_top(pattern)?, &fixed_part(pattern), monitor)?;
    match anywhere(pattern)?.filter(|_| found.is_empty()) {
        Some(pattern) => walk(state, &pattern, EntryPath::root(), monitor),
        None => Ok(found),
    }
}

/// The paths that fit a pattern, of many that are shown to it, the same ones perhaps several times.
pub struct Fitting {
    from_top: Pattern,
    /// Counts only where nothing fits the other.
    anywhere: Option<Pattern>,
    found: [BTreeSet<EntryPathBuf>; 2],
    bytes: usize,
}

impl Fitting {
    /// None yet; what `pattern` means says [`fitting`].
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when it is no pattern.
    pub fn new(pattern: &[u8]) -> Result<Fitting> {
        let (from_top, anywhere) = (from_top(pattern)?, anywhere(pattern)?);
        Ok(Fitting { from_top, anywhere, found: Default::default(), bytes: 0 })
    }

    /// Keeps a path if it fits.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when too much fits.
    pub fn see(&mut self, path: &EntryPath, is_directory: bool) -> Result<()> {
        let fits = |pattern: &Pattern| pattern.fits(path.as_bytes(), is_directory);
        let which = if fits(&self.from_top) {
            0
        } else if self.found[0].is_empty() && self.anywhere.as_ref().is_some_and(fits) {
            1
        } else {
            return Ok(());
        };
        if self.found[which].insert(path.to_owned()) {
            self.bytes += path.as_bytes().len() + PATH_BYTES;
        }
        check_few(self.bytes, self.found[which].len())
    }

    /// Those that fit, ascending.
    pub fn found(self) -> Vec<EntryPathBuf> {
        let [from_top, anywhere] = self.found;
        if from_top.is_empty() { anywhere.into_iter().collect() } else { from_top.into_iter().collect() }
    }
}

fn from_top(pattern: &[u8]) -> Result<Pattern> {
    parsed(&[b"/".as_slice(), pattern.strip_prefix(b"/").unwrap_or(pattern)].concat())
}

/// What a pattern without a slash means where it fits no source.
fn anywhere(pattern: &[u8]) -> Result<Option<Pattern>> {
    let has_slash = pattern.strip_suffix(b"/").unwrap_or(pattern).contains(&b'/');
    if has_slash { Ok(None) } else { parsed(pattern).map(Some) }
}

/// # Errors
/// [`ErrorKind::Refused`] when the paths that fit take too many bytes.
fn check_few(bytes: usize, count: usize) -> Result<()> {
    if bytes <= BYTES_MAX {
        return Ok(());
    }
    let what = format!("more than {} entries fit the pattern", count.saturating_sub(1));
    Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::NameFolder))
}

fn parsed(pattern: &[u8]) -> Result<Pattern> {
    // Blanks at the end are part of a name here, and so is a mark at its beginning.
    let mut line = if pattern.starts_with(b"!") { [b"\\", pattern].concat() } else { pattern.to_vec() };
    let blanks = line.iter().rev().take_while(|byte| **byte == b' ').count();
    if blanks > 0 {
        line.truncate(line.len() - blanks);
        line.extend_from_slice(&b"\\ ".repeat(blanks));
    }
    Pattern::parse(&unescaped_glob(&line)).map_err(|why| {
        Error::new(ErrorKind::Refused, format!("cannot use the pattern '{}': {why}", printable(pattern)))
    })
}

/// The folder in which all that fits is.
fn fixed_part(pattern: &[u8]) -> EntryPathBuf {
    let mut fixed = EntryPathBuf::root();
    let parts: Vec<&[u8]> = pattern.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    for part in parts.iter().take(parts.len().saturating_sub(1)) {
        if is_pattern(part) || part.contains(&b'\\') {
            break;
        }
        match fixed.child(part) {
            Some(path) => fixed = path,
            None => break,
        }
    }
    fixed
}

fn walk(state: &State, pattern: &Pattern, top: &EntryPath, monitor: &dyn Monitor) -> Result<Vec<EntryPathBuf>> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    for group in state.groups(top) {
        let group = group?;
        check_interrupted(monitor)?;
        for row in &group.rows {
            let path = row.path_in(&group.path)?;
            let is_directory = row.stat().is_some_and(|stat| stat.kind == Kind::Directory);
            if !pattern.fits(path.as_bytes(), is_directory) {
                continue;
            }
            bytes += path.as_bytes().len() + PATH_BYTES;
            check_few(bytes, found.len() + 1)?;
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn without_a_slash_sources_fit_before_what_is_in_them() {
        let found = |pattern: &str, paths: &[&str]| {
            let mut fitting = Fitting::new(pattern.as_bytes()).unwrap();
            let path = |path: &str| EntryPathBuf::from_bytes(path.as_bytes()).unwrap();
            for text in paths {
                fitting.see(&path(text), false).unwrap();
            }
            fitting.found().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let paths = ["home/a.key", "home/x/b.key", "home/a.key", "mail.key", "home/c.txt"];
        assert_eq!(found("*.key", &paths), ["mail.key"]);
        assert_eq!(found("*.key", &paths[..3]), ["home/a.key", "home/x/b.key"]);
        assert_eq!(found("home/*.key", &paths), ["home/a.key"]);
        assert_eq!(found("home/**/*.key", &paths), ["home/a.key", "home/x/b.key"]);
        assert!(found("*.pem", &paths).is_empty());
    }

    #[test]
    fn the_folder_of_what_fits_is_what_stands_before_the_first_pattern() {
        for (pattern, fixed) in [
            ("a/b/*.txt", "a/b"),
            ("a/*/c", "a"),
            ("*", ""),
            ("a*", ""),
            ("a/b*", "a"),
            ("/a/[x]/", "a"),
            ("a\\b/*", ""),
        ] {
            assert_eq!(fixed_part(pattern.as_bytes()).as_bytes(), fixed.as_bytes(), "{pattern}");
        }
    }
}
