//! A bundle written anew without some contents, those that are made from older ones among them, or without some names: each member
//! is made again from its line.

use crate::archive::catalog::Catalog;
use crate::archive::exchange;
use crate::archive::look_ahead::Lines;
use crate::archive::moved::after_moves;
use crate::archive::moved::kind_in;
use crate::archive::rebundle::Rewrite;
use crate::archive::rebundle::Sources;
use crate::archive::state::State;
use crate::archive::stored::Patches;
use crate::archive::stored::Stored;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Place;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::moves::Moves;
use crate::base::moves::is_temporary;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::bundle::BundleWriter;
use crate::format::bundle::ManifestReader;
use crate::format::bundle::Published;
use crate::format::frames::LEVEL_DEFAULT;
use crate::format::manifest::Action;
use crate::format::manifest::Change;
use crate::format::manifest::Tail;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;

/// From where to where something was renamed.
type Rename = (EntryPathBuf, EntryPathBuf);

/// What goes.
pub struct Stripping<'a> {
    /// The contents, by where they begin.
    pub offsets: BTreeSet<u64>,
    /// The paths whose names go, with all that is in them.
    pub names: &'a [EntryPathBuf],
    /// The BLAKE3 by which the bundle after it knows this one.
    pub stands_for: Hash,
}

/// The states between which a bundle stands, of its snapshot as a whole.
pub struct Between {
    /// The state before.
    pub before: State,
    /// The state after.
    pub after: State,
}

/// Writes a bundle anew and publishes it as [`exchange::new_path`]; it was read back.
///
/// # Errors
/// [`ErrorKind::Damaged`] when it is not what its manifest says; [`ErrorKind::Interrupted`] when the monitor asks to stop; otherwise
/// when the archive cannot be read or written.
pub fn write(
    catalog: &Catalog,
    name: &BundleName,
    (stripping, between): (&Stripping, &Between),
    monitor: &dyn Monitor,
) -> Result<Published> {
    let archive = catalog.archive();
    let old = archive.bundle_compared(name)?;
    let mut reader = old.manifest()?;
    let mut head = reader.head().clone();
    head.stands_for = Some(stripping.stands_for);
    let tail = without_names(reader.tail().clone(), stripping.names);
    let hidden = hidden_in(&between.before, stripping.names)?;
    let moves = renamed(hidden, &reader.take_moves(), (&between.before, stripping.names))?;
    let before = after_moves(&between.before, &moves)?;
    let after = after_moves(&between.after, &hidden_in(&between.after, stripping.names)?)?;
    let writer = BundleWriter::new(archive.store().create(&exchange::new_path(name))?, head, LEVEL_DEFAULT)?;
    let mut supply = Stored::new(catalog, Patches::All);
    let sources = Sources { before: Some(before), after: Some(after), is_there: &|_| true, supply: &mut supply };
    let mut rewrite = Rewrite::new(sources, writer.with_read_back(), exchange::new_path(name));
    if let Some(stage) = reader.moves_stage() {
        rewrite.renames_of(&moves, stage, &between.before)?;
    }
    carry_directories(catalog, name.id, stripping.names, &mut rewrite)?;
    let mut lines = Stripped { reader, stripping, monitor };
    let mut again = Stripped { reader: old.manifest()?, stripping, monitor };
    rewrite.run(&mut lines, &mut again, tail)
}

/// Whether a path is one of these or in one.
pub fn is_one_of(names: &[EntryPathBuf], path: &EntryPath) -> bool {
    names.iter().any(|name| path.is_in(name))
}

/// What was renamed to one of these names and was not one before, or the other way round: where it was or is.
pub fn moved_across(names: &[EntryPathBuf], renames: &[Rename]) -> Option<EntryPathBuf> {
    let mut aside: HashMap<&EntryPathBuf, &EntryPathBuf> = HashMap::new();
    for (from, to) in renames {
        let from = aside.remove(from).unwrap_or(from);
        if is_temporary(to) {
            aside.insert(to, from);
            continue;
        }
        match (is_one_of(names, from), is_one_of(names, to)) {
            (true, false) => return Some(to.clone()),
            (false, true) => return Some(from.clone()),
            _ => {}
        }
    }
    None
}

/// A state in which these names are gone, as renames say it.
fn hidden_in(state: &State, names: &[EntryPathBuf]) -> Result<Moves> {
    let mut moves = Moves::default();
    for name in names {
        if kind_in(state, name)?.is_some() {
            moves.leave_out(name);
        }
    }
    Ok(moves)
}

/// The renames that are left of these, which follow the state `before`.
fn renamed(mut moves: Moves, renames: &[Rename], (before, names): (&State, &[EntryPathBuf])) -> Result<Moves> {
    let mut aside: HashSet<&EntryPathBuf> = HashSet::new();
    for (from, to) in renames {
        if is_one_of(names, from) || aside.remove(from) {
            aside.insert(to);
            continue;
        }
        if let Some(why) = moves.push(from, to, true, &mut |path| kind_in(before, path))? {
            let what = format!("the names cannot go: the rename of {from} to {to} {why} without them");
            return Err(Error::new(ErrorKind::Refused, what));
        }
    }
    Ok(moves)
}

/// Directories whose lines stand in an earlier part, and whose members come after the last line of that.
fn carry_directories(catalog: &Catalog, id: BundleId, names: &[EntryPathBuf], rewrite: &mut Rewrite) -> Result<()> {
    let earlier = || catalog.bundles().filter(|file| file.id().number == id.number && file.id() < id);
    let mut last = None;
    for file in earlier() {
        let mut reader = catalog.archive().bundle(&file.name)?.manifest()?;
        while let Some(change) = reader.next_change()? {
            last = Some(change.path);
        }
    }
    let Some(last) = last else { return Ok(()) };
    let last = path::split_last(last.as_bytes()).0;
    for file in earlier() {
        let mut reader = catalog.archive().bundle(&file.name)?.manifest()?;
        while let Some(Change { path, now, .. }) = reader.next_change()? {
            if let Action::Stored(entry) = now
                && entry.stat.kind == Kind::Directory
                && path::walk_order(path.as_bytes(), last).is_gt()
                && !is_one_of(names, &path)
            {
                rewrite.carry(path, entry)?;
            }
        }
    }
    Ok(())
}

/// A last line that says nothing of these names.
fn without_names(mut tail: Tail, names: &[EntryPathBuf]) -> Tail {
    let before = tail.problems.len();
    tail.problems.retain(|problem| !is_one_of(names, &problem.path));
    tail.problems_total = tail.problems_total.saturating_sub((before - tail.problems.len()) as u64);
    for noted in [&mut tail.elsewhere, &mut tail.unsaved_sources] {
        noted.retain(|path| !is_one_of(names, path));
    }
    tail
}

/// The lines that stay.
struct Stripped<'a> {
    reader: ManifestReader,
    stripping: &'a Stripping<'a>,
    monitor: &'a dyn Monitor,
}

impl Lines for Stripped<'_> {
    fn next(&mut self) -> Result<Option<Change>> {
        check_interrupted(self.monitor)?;
        while let Some(mut change) = self.reader.next_change()? {
            if is_one_of(self.stripping.names, &change.path) {
                continue;
            }
            if let Action::Stored(Entry { content: Some(content), .. }) = &mut change.now
                && self.stripping.offsets.contains(&content.place.offset)
            {
                (content.place, content.patch) = (Place::pruned(content.place.bundle), None);
            }
            return Ok(Some(change));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(text: &str) -> EntryPathBuf {
        EntryPathBuf::from_bytes(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_moved_in_or_out_is_known_whatever_way_it_took() {
        let across = |renames: &[(&str, &str)]| {
            let renames: Vec<Rename> = renames.iter().map(|(from, to)| (path(from), path(to))).collect();
            moved_across(&[path("s/a"), path("s/c")], &renames).map(|path| path.to_string())
        };
        assert_eq!(across(&[("s/a", "s/.snap-move-1"), ("s/b", "s/d"), ("s/.snap-move-1", "s/c")]), None);
        assert_eq!(across(&[("s/a/x", "s/.snap-move-1"), ("s/.snap-move-1", "s/b")]), Some("s/b".to_owned()));
        assert_eq!(across(&[("s/b", "s/c/x")]), Some("s/b".to_owned()));
        assert_eq!(across(&[("s/b", "s/.snap-move-1")]), None);
    }
}
