//! The members of files whose contents stand in older bundles: they stand behind those of all other entries, in the order of their
//! lines.

use super::names::Named;
use crate::archive::state::State;
use crate::base::entry::Entry;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::bundle::ManifestReader;
use crate::format::manifest::Action;

/// The lines of such files; by default none.
#[derive(Default)]
pub(super) struct CopyLines {
    /// The lines, once more; none where the manifest is not sound, or they are through.
    lines: Option<ManifestReader>,
    /// Those whose members are not there.
    pub missing: Named,
}

impl CopyLines {
    /// With the bundle's lines from the beginning.
    pub fn new(lines: Option<ManifestReader>) -> CopyLines {
        CopyLines { lines, missing: Named::default() }
    }

    /// The line of the file at `path`, and what it is a copy of; members of lines before it are missing. `None` when it has none.
    pub fn take(&mut self, path: &EntryPath) -> Result<Option<(Entry, EntryPathBuf)>> {
        while let Some((due, entry, copy_of)) = self.next()? {
            if *due == *path {
                return Ok(Some((entry, copy_of)));
            }
            self.missing.add(due);
        }
        Ok(None)
    }

    /// Notes those as missing that are left.
    pub fn finish(&mut self) -> Result<()> {
        while let Some((due, ..)) = self.next()? {
            self.missing.add(due);
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(EntryPathBuf, Entry, EntryPathBuf)>> {
        while let Some(lines) = &mut self.lines {
            let Some(change) = lines.next_change()? else {
                self.lines = None;
                break;
            };
            if let (Action::Referenced(entry), Some(copy_of)) = (change.now, change.copy_of) {
                return Ok(Some((change.path, entry, copy_of)));
            }
        }
        Ok(None)
    }
}

/// Whether a second name of `target` is that of the file of which `path` is a copy, in the same place as far as the state is known.
pub(super) fn is_right_copy(
    state: Option<&State>,
    path: &EntryPath,
    copy_of: Option<&EntryPath>,
    target: &[u8],
) -> Result<bool> {
    match copy_of {
        Some(copy_of) if target == copy_of.as_bytes() => have_one_place(state, path, copy_of),
        _ => Ok(false),
    }
}

fn have_one_place(state: Option<&State>, path: &EntryPath, copy_of: &EntryPath) -> Result<bool> {
    let Some(state) = state else { return Ok(true) };
    let place =
        |path| Ok(state.find(path)?.and_then(|entry| entry.content).map(|content| (content.hash, content.place)));
    let (own, other) = (place(path)?, place(copy_of)?);
    Ok(own.is_some() && own == other)
}
