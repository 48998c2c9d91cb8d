//! The last line of a manifest.

use super::json_text::is_default;
use super::json_text::line_of;
use super::json_text::parsed;
use super::problems;
use super::problems::ELSEWHERE_MAX;
use super::problems::PROBLEMS_BYTES_MAX;
use super::problems::PROBLEMS_MAX;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Counts;
use serde::Deserialize;
use serde::Serialize;

/// The longest line that is read, in bytes.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// The last line.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tail {
    /// Always true: a manifest without it is not complete.
    pub complete: bool,
    /// Which part of the snapshot this is, 0 for the last: known only when it ends.
    #[serde(default, skip_serializing_if = "is_default")]
    pub part: u16,
    /// How many lines there are between the first and this one.
    pub changes: u64,
    /// What the snapshot found, in this part of it.
    pub counts: Counts,
    /// How many problems there were, in this part.
    pub problems_total: u64,
    /// The first of them, at most [`PROBLEMS_MAX`] and [`PROBLEMS_BYTES_MAX`], without their advice.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "problems")]
    pub problems: Vec<Problem>,
    /// The sources in which more than is named is not in the snapshot as it was found.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "problems::serialize_sources",
        deserialize_with = "problems::deserialize_sources"
    )]
    pub unsaved_sources: Vec<EntryPathBuf>,
    /// What is on another file system than its source and was left out for that, with all that is in it.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "problems::serialize_sources",
        deserialize_with = "problems::deserialize_sources"
    )]
    pub elsewhere: Vec<EntryPathBuf>,
    /// Offset in the decompressed tar of the manifest's first byte.
    pub manifest_offset: u64,
}

impl Tail {
    /// The line, with its newline.
    pub fn to_line(&self) -> Vec<u8> {
        line_of(self)
    }

    /// Reads a last line.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when it is none.
    pub fn from_line(line: &[u8]) -> Result<Tail> {
        if line.len() > LINE_BYTES_MAX {
            return Err(Error::damaged("the last line of a manifest is too long"));
        }
        let tail: Tail = parsed(line)?;
        if !tail.complete {
            return Err(Error::damaged("a manifest is not complete"));
        }
        Ok(tail)
    }

    /// Notes a problem: by name, as long as there is room; where there is none, and the entry is not in the snapshot as it was
    /// found, by its source.
    pub fn note(&mut self, problem: &Problem) {
        self.problems_total = self.problems_total.saturating_add(1);
        if self.has_room_for(problem) {
            self.problems.push(Problem { advice: None, ..problem.clone() });
        } else if problem.is_unsaved {
            self.note_source(&problem.path);
        }
    }

    /// Notes what is on another file system than its source: by name, as long as there is room; where there is none, by its
    /// source.
    pub fn note_elsewhere(&mut self, path: &EntryPath) {
        let named: usize = self.elsewhere.iter().map(|path| path.as_bytes().len()).sum();
        if self.elsewhere.len() < ELSEWHERE_MAX && named + path.as_bytes().len() <= PROBLEMS_BYTES_MAX {
            self.elsewhere.push(path.to_owned());
        } else {
            self.note_source(path);
        }
    }

    fn note_source(&mut self, path: &EntryPath) {
        if let Some((source, _)) = path.split_source()
            && !self.unsaved_sources.iter().any(|known| known.as_bytes() == source.as_bytes())
            && let Some(path) = EntryPathBuf::from_bytes(source.as_bytes())
        {
            self.unsaved_sources.push(path);
        }
    }

    fn has_room_for(&self, problem: &Problem) -> bool {
        let bytes = |problem: &Problem| problem.path.as_bytes().len() + problem.what.len();
        let named = || self.problems.iter().map(bytes).sum::<usize>();
        self.problems.len() < PROBLEMS_MAX && named() + bytes(problem) <= PROBLEMS_BYTES_MAX
    }
}
