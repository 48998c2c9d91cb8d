//! The entries of a state that fit a pattern.

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
use crate::base::path::joined;
use crate::base::path::printable;
use crate::base::path::unescaped_glob;
use crate::base::pattern::Pattern;

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
    let has_slash = pattern.strip_suffix(b"/").unwrap_or(pattern).contains(&b'/');
    let from_top = [b"/".as_slice(), pattern.strip_prefix(b"/").unwrap_or(pattern)].concat();
    let found = walk(state, &parsed(&from_top)?, &fixed_part(pattern), monitor)?;
    if has_slash || !found.is_empty() { Ok(found) } else { walk(state, &parsed(pattern)?, EntryPath::root(), monitor) }
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
            let path = joined(group.path.as_bytes(), row.name());
            let is_directory = row.stat().is_some_and(|stat| stat.kind == Kind::Directory);
            if !pattern.fits(&path, is_directory) {
                continue;
            }
            bytes += path.len() + PATH_BYTES;
            if bytes > BYTES_MAX {
                let what = format!("more than {} entries fit the pattern", found.len());
                return Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::NameFolder));
            }
            found.extend(EntryPathBuf::from_bytes(&path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

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
