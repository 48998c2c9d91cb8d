//! The lines of renames.

use super::change::DraftLine;
use super::change::borrowed;
use super::json_text::parsed;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::text::Text;
use serde::Deserialize;
use serde::Serialize;

/// Where the renames that a line says are done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MoveStage {
    /// In this bundle, which is the first of its snapshot.
    Here,
    /// In the first part of the snapshot. Each later part says it again, for the first one may be lost.
    Before,
}

impl DraftLine {
    /// The line of a rename.
    pub fn moved(from: &EntryPath, to: &EntryPath, stage: MoveStage) -> DraftLine {
        let (from, to) = (Some(borrowed(from.as_bytes())), Some(borrowed(to.as_bytes())));
        DraftLine::of(&match stage {
            MoveStage::Here => MovedLine { moved: from, to, ..MovedLine::default() },
            MoveStage::Before => MovedLine { moved_before: from, to, ..MovedLine::default() },
        })
    }
}

/// Reads a line as that of a rename: from where to where. `None` when it is of something else.
///
/// # Errors
/// [`crate::base::error::ErrorKind::Damaged`] when it is not a line, or its paths cannot be.
pub fn moved_from_line(line: &[u8]) -> Result<Option<(MoveStage, EntryPathBuf, EntryPathBuf)>> {
    let (stage, from, to) = match parsed(line)? {
        MovedLine { moved: Some(from), moved_before: None, to } => (MoveStage::Here, from, to),
        MovedLine { moved: None, moved_before: Some(from), to } => (MoveStage::Before, from, to),
        MovedLine { moved: None, moved_before: None, .. } => return Ok(None),
        _ => return Err(Error::damaged("a line of a manifest has two renames")),
    };
    let path = |text: Text| EntryPathBuf::from_bytes(&text.0).filter(|path| !path.is_root());
    let bad = || Error::damaged("a line of a manifest has a rename that could lead outside");
    let (from, to) = path(from).zip(to.and_then(path)).ok_or_else(bad)?;
    Ok(Some((stage, from, to)))
}

#[derive(Serialize, Deserialize, Default)]
struct MovedLine<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    moved: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    moved_before: Option<Text<'a>>,
    #[serde(borrow, default)]
    to: Option<Text<'a>>,
}
