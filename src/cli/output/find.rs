//! What `find` found, one in a line. Prints nothing.

use super::json;
use super::ls::Listed;
use super::text;
use serde::Serialize;
use snap_archive::base::entry::Kind;
use snap_archive::base::error::Result;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::time::Time;
use snap_archive::verbs::find::FoundPath;

/// Stands above the lines.
pub(crate) const HEADING: &str = "      size  modified    versions  last snapshot    path";

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    entry: Listed<'a>,
    versions: u64,
    first: SnapshotNumber,
    last: SnapshotNumber,
    deleted: bool,
}

/// All that was found of a path, as a document in one line.
///
/// # Errors
/// When it cannot be written as JSON.
pub(crate) fn json_line(found: &FoundPath) -> Result<String> {
    json::line(&Document {
        entry: Listed::new(&found.path, &found.entry),
        versions: found.versions,
        first: found.first,
        last: found.last,
        deleted: found.is_deleted,
    })
}

/// A path that was found, which was last saved in a snapshot of the time `last`. Days without their hours leave room for it.
pub(crate) fn line(found: &FoundPath, last: Time) -> String {
    let stat = &found.entry.stat;
    let size = if stat.kind == Kind::File { text::size(stat.size) } else { String::new() };
    let slash = if stat.kind == Kind::Directory { "/" } else { "" };
    let mark = if found.is_deleted { '-' } else { ' ' };
    let (modified, seen) = (text::day(stat.mtime), text::day(last));
    let (versions, number, path) = (text::number(found.versions), found.last, &found.path);
    format!("{mark} {size:>8}  {modified:<10}  {versions:>8}  {number:>4} {seen:<10}  {path}{slash}")
}
