//! The folders of what a manifest lists.

use super::affected::Affected;
use super::check::Check;
use super::finding::ArchiveFile;
use super::finding::Fault;
use super::finding::Members;
use super::names::Named;
use crate::archive::state::State;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::path::EntryPathBuf;
use crate::format::bundle::Bundle;
use crate::format::manifest::Action;
use std::sync::Arc;

/// The most folders that lost names of which it is checked whether a list says so.
const DELETING_MAX: usize = 1 << 16;

/// Whether what a manifest lists has a folder to be in, and what it says is gone left nothing behind. Gives the folders that
/// are there and lost names: a list of names must say so.
pub(super) fn check_folders(check: &mut Check, bundle: &Arc<Bundle>, state: &State) -> Result<Vec<EntryPathBuf>> {
    let (mut astray, mut folder) = (Named::default(), EntryPathBuf::root());
    let mut deleting: Vec<EntryPathBuf> = Vec::new();
    let mut reader = bundle.manifest()?;
    // What a repair wrote may have lost the lists.
    let has_lists = reader.head().stands_for.is_none();
    while let Some(change) = reader.next_change()? {
        let Some(parent) = change.path.parent() else { continue };
        if matches!(change.now, Action::Removed(_)) {
            for group in state.in_directory(&change.path) {
                for row in &group?.rows {
                    astray.add(row.path_in(&change.path)?);
                }
            }
            let is_noted = deleting.last().is_some_and(|last| **last == *parent) || deleting.len() == DELETING_MAX;
            if has_lists && !is_noted && state.find(parent)?.is_some_and(|entry| entry.stat.kind == Kind::Directory) {
                deleting.push(parent.to_owned());
            }
        } else if *folder != *parent && !parent.is_root() {
            let is_folder = state.find(parent)?.is_some_and(|entry| entry.stat.kind == Kind::Directory);
            if is_folder { folder = parent.to_owned() } else { astray.add(change.path) }
        }
    }
    if astray.total > 0 {
        let affected = Affected::Paths { number: bundle.name().id.number, paths: astray.paths, total: astray.total };
        check.found(ArchiveFile::Bundle(bundle.name().clone()), Fault::Members(Members::Astray), affected);
    }
    Ok(deleting)
}
