//! The last line of a manifest.

use super::json_text::is_default;
use super::json_text::line_of;
use super::json_text::parsed;
use super::problems;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::error::Result;
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
}
