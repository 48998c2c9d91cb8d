//! The members of files whose contents stand in older bundles: they stand behind those of all other entries, in the order of their
//! lines.

use super::names::Named;
use crate::archive::state::State;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::bundle::ManifestReader;
use crate::format::manifest::Action;
use std::collections::HashMap;
use std::hash::DefaultHasher;
use std::hash::Hash as _;
use std::hash::Hasher;

/// The lines of such files; by default none.
#[derive(Default)]
pub(super) struct CopyLines {
    /// The lines, once more; none where the manifest is not sound, or they are through.
    lines: Option<ManifestReader>,
    /// Those whose members are not there.
    pub missing: Named,
    /// Earlier files that the script patches, by the hash of their path: hash and length of the older content.
    patched: HashMap<u64, (Hash, u64)>,
}

/// What a second name must be one of.
pub(super) struct CopyTarget {
    pub path: EntryPathBuf,
    /// Whether the script finds the content there, and makes another one of it after that.
    pub is_patched_later: bool,
}

impl CopyLines {
    /// With the bundle's lines from the beginning.
    pub fn new(lines: Option<ManifestReader>) -> CopyLines {
        CopyLines { lines, ..CopyLines::default() }
    }

    /// The line of the file at `path`, and what it is a copy of; members of lines before it are missing. `None` when it has none.
    pub fn take(&mut self, path: &EntryPath) -> Result<Option<(Entry, CopyTarget)>> {
        while let Some((due, entry, copy_of)) = self.next()? {
            if *due == *path {
                let content = entry.content.as_ref().map(|content| (content.hash, entry.stat.size));
                let is_patched_later = content.is_some() && self.patched.get(&hashed(&copy_of)).copied() == content;
                return Ok(Some((entry, CopyTarget { path: copy_of, is_patched_later })));
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
            match (change.now, change.copy_of) {
                (Action::Referenced(entry), Some(copy_of)) => return Ok(Some((change.path, entry, copy_of))),
                (Action::Stored(Entry { content: Some(Content { patch: Some(patch), .. }), .. }), None) => {
                    self.patched.insert(hashed(&change.path), (patch.base.hash, patch.base_size));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

fn hashed(path: &EntryPath) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.as_bytes().hash(&mut hasher);
    hasher.finish()
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
    let (Some(own), Some(other)) = (state.find(path)?, state.find(copy_of)?) else { return Ok(false) };
    let place = |entry: &Entry| entry.content.as_ref().map(|content| (content.hash, content.place));
    let is_name = own.stat.link == 0 || own.stat.link == other.stat.link;
    Ok(is_name && place(&own).is_some() && place(&own) == place(&other))
}
