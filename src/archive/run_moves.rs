//! What moved in several snapshots, one after the other, as if it had moved at once. Whether what is at a path at the end is what
//! moved there the two states say; renames that are not made cost space and nothing else.

use crate::archive::move_plan::Pair;
use crate::archive::state::State;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Patch;
use crate::base::error::Result;
use crate::base::moves::TEMPORARY_PREFIX;
use crate::base::moves::is_temporary;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::ops::Bound;

/// Where things are that were elsewhere before.
#[derive(Default)]
pub struct RunMoves {
    /// Where something is, and where it was before.
    placed: BTreeMap<EntryPathBuf, EntryPathBuf>,
    /// Where things were that are elsewhere.
    left: HashSet<EntryPathBuf>,
}

impl RunMoves {
    /// Whether nothing moved.
    pub fn is_empty(&self) -> bool {
        self.placed.is_empty()
    }

    /// Follows the renames of one more bundle.
    pub fn follow(&mut self, renames: &[Pair]) {
        for (from, to) in renames {
            self.rename(from, to);
        }
        // What then stands aside is gone.
        let is_aside = |path: &EntryPath| path.ancestors().any(is_temporary);
        self.placed.retain(|now, _| !is_aside(now));
    }

    fn rename(&mut self, from: &EntryPath, to: &EntryPath) {
        // What is known to have been there was deleted meanwhile.
        self.take_below(to);
        let was = self.origin(from);
        for (now, was) in self.take_below(from) {
            if let Some(below) = now.below(from) {
                self.placed.insert(to.join_path(below), was);
            }
        }
        if let Some(was) = was {
            self.left.insert(was.clone());
            self.placed.insert(to.to_owned(), was);
        }
    }

    /// Takes out what is at a path or below it.
    fn take_below(&mut self, top: &EntryPath) -> Vec<Pair> {
        let in_order = self.placed.range::<EntryPath, _>((Bound::Included(top), Bound::Unbounded));
        let below = in_order.take_while(|(now, _)| now.is_in(top)).map(|(now, _)| now.clone()).collect::<Vec<_>>();
        below.into_iter().filter_map(|now| self.placed.remove_entry(&now)).collect()
    }

    /// Where what is at a path was before, as far as that can be said; `None`: it was nowhere.
    fn origin(&self, path: &EntryPath) -> Option<EntryPathBuf> {
        if let Some(was) = self.placed.get(path) {
            return Some(was.clone());
        }
        let (top, was) = match path.ancestors().skip(1).find_map(|above| self.placed.get_key_value(above)) {
            Some((now, was)) => (&**was, was.join_path(path.below(now)?)),
            None => (EntryPath::root(), path.to_owned()),
        };
        let has_left = was.ancestors().take_while(|path| *path != top).any(|path| self.left.contains(path));
        (!has_left).then_some(was)
    }

    /// The directories and the files that are the same at both ends, where they were before and where they are.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn pairs(&self, before: &State, after: &State) -> Result<(Vec<Pair>, Vec<Pair>)> {
        let (mut directories, mut files) = (Vec::new(), Vec::new());
        for (now, was) in self.placed.iter().filter(|(now, was)| now != was) {
            let (Some(old), Some(new)) = (before.find(was)?, after.find(now)?) else { continue };
            let place = |entry: &Entry| entry.content.as_ref().map(|content| (content.place, content.hash));
            match (old.stat.kind, new.stat.kind) {
                (Kind::Directory, Kind::Directory) => directories.push((was.clone(), now.clone())),
                (Kind::File, Kind::File) if place(&old) == place(&new) || is_made_from(&new, &old) => {
                    files.push((was.clone(), now.clone()));
                }
                _ => {}
            }
        }
        for list in [&mut directories, &mut files] {
            list.sort_by(|(a, _), (b, _)| a.cmp(b));
            list.dedup_by(|(a, _), (b, _)| a == b);
        }
        Ok((directories, files))
    }
}

/// Whether a content is made from another, be it through those between.
fn is_made_from(new: &Entry, old: &Entry) -> bool {
    let Some(older) = &old.content else { return false };
    let patch = new.content.as_ref().and_then(|content| content.patch.as_deref());
    let mut bases = patch.into_iter().flat_map(Patch::chain).map(|patch| &patch.base);
    bases.any(|base| (base.place, base.hash) == (older.place, older.hash))
}

/// Names in a source's top directory that are like those of what stands aside.
///
/// # Errors
/// When the index cannot be read.
pub fn taken_names(state: &State, top: &EntryPath) -> Result<Vec<EntryPathBuf>> {
    let mut taken = Vec::new();
    for group in state.in_directory(top) {
        for row in group?.rows.iter().filter(|row| row.name().starts_with(TEMPORARY_PREFIX.as_bytes())) {
            taken.push(row.path_in(top)?);
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(text: &str) -> EntryPathBuf {
        EntryPathBuf::from_bytes(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_moved_several_times_is_known_by_where_it_was_at_first() {
        let mut run = RunMoves::default();
        let follow = |run: &mut RunMoves, renames: &[(&str, &str)]| {
            let renames: Vec<Pair> = renames.iter().map(|(from, to)| (path(from), path(to))).collect();
            run.follow(&renames);
        };
        follow(&mut run, &[("s/a", "s/.snap-move-1"), ("s/b", "s/a"), ("s/.snap-move-1", "s/b")]);
        follow(&mut run, &[("s/b/x", "s/x"), ("s/gone", "s/.snap-move-1")]);
        follow(&mut run, &[("s/b", "s/c/b"), ("s/x", "s/.snap-move-1"), ("s/.snap-move-1", "s/c/x")]);
        // A new one that has the name of what moved.
        follow(&mut run, &[("s/gone", "s/d")]);
        let found: Vec<_> = run.placed.iter().map(|(now, was)| (now.to_string(), was.to_string())).collect();
        let expected = [("s/a", "s/b"), ("s/c/b", "s/a"), ("s/c/x", "s/a/x")];
        assert_eq!(found, expected.map(|(now, was)| (now.to_owned(), was.to_owned())));
    }
}
