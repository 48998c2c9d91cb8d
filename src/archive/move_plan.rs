//! Renames that GNU tar can follow, in order, which take what has moved from where it was to where it is.

use crate::archive::moved::kind_in;
use crate::archive::moved::names_in;
use crate::archive::state::State;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::moves::MOVES_BYTES_MAX;
use crate::base::moves::MOVES_NESTED_MAX;
use crate::base::moves::Moves;
use crate::base::moves::Origin;
use crate::base::moves::TEMPORARY_PREFIX;
use crate::base::moves::directories_above;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::tar::LIST_BYTES_MAX;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

/// What a name for what stands aside takes in a list, about.
const TEMPORARY_BYTES: usize = TEMPORARY_PREFIX.len() + 12;

/// What renames are made for.
pub struct MovePlan<'a> {
    /// The top directories of the sources.
    pub tops: Vec<EntryPathBuf>,
    /// The state before.
    pub base: &'a State,
    /// Names that what stands aside must not have.
    pub taken_names: HashSet<EntryPathBuf>,
}

impl MovePlan<'_> {
    /// The renames that take these directories and files from where they were to where they are; a source in which they cannot be
    /// has none.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn moves(&self, directories: &[Pair], files: &[Pair]) -> Result<Moves> {
        let mut moves = Moves::default();
        for top in &self.tops {
            let of_source = |all: &[Pair]| -> Vec<Pair> {
                all.iter().filter(|(old, new)| old.is_in(top) && new.is_in(top) && old != new).cloned().collect()
            };
            let (directories, files) = (of_source(directories), self.kept(of_source(files))?);
            if (directories.is_empty() && files.is_empty()) || kind_in(self.base, top)? != Some(Kind::Directory) {
                continue;
            }
            let room = LIST_BYTES_MAX.saturating_sub(names_in(self.base, top)?.len());
            if let Some(found) = self.moves_in(top, (directories, files), (room, &moves))? {
                moves = found;
            }
        }
        Ok(moves)
    }

    /// The renames before, and those of one source, if there is so much room for these. What leads to where a lost content is in
    /// the way is left out: stock tools cannot move that aside.
    fn moves_in(
        &self,
        top: &EntryPath,
        (mut directories, mut files): (Vec<Pair>, Vec<Pair>),
        (room, before): (usize, &Moves),
    ) -> Result<Option<Moves>> {
        loop {
            let mut sequence = Sequence::new(self, top, before.clone());
            let can_be = sequence.run(chosen(directories.clone(), &files, room))?;
            if sequence.blocked.is_empty() {
                let fits = sequence.bytes <= room && bytes_of(&sequence.moves) <= MOVES_BYTES_MAX;
                return Ok((can_be && fits).then_some(sequence.moves));
            }
            for list in [&mut directories, &mut files] {
                list.retain(|(_, new)| !sequence.blocked.contains(new));
            }
        }
    }

    /// The files whose contents are not lost: stock tools have no others.
    fn kept(&self, mut files: Vec<Pair>) -> Result<Vec<Pair>> {
        let mut failure = None;
        files.retain(|(old, _)| match self.base.find(old) {
            Ok(entry) => entry.is_some_and(|entry| !entry.is_lost()),
            Err(error) => {
                failure = Some(error);
                false
            }
        });
        failure.map_or(Ok(files), Err)
    }
}

/// The directories, as they are called after the renames, whose times a rename changes.
pub fn retimed(moves: &Moves) -> HashSet<EntryPathBuf> {
    let now_of: BTreeMap<&EntryPath, &EntryPath> = moves.placed().map(|(now, was)| (&**was, &**now)).collect();
    let now = |was: &EntryPath| {
        let moved = was.ancestors().find_map(|above| Some((above, *now_of.get(above)?)));
        moved
            .map_or_else(|| was.to_owned(), |(above, now)| now.join_path(was.below(above).unwrap_or(EntryPath::root())))
    };
    let mut retimed = HashSet::new();
    for path in moves.list().iter().flat_map(|(from, to)| [from, to]).chain(moves.made()) {
        retimed.extend(path.parent().map(ToOwned::to_owned));
    }
    retimed.extend(moves.left().filter_map(|left| left.parent()).map(now));
    retimed
}

fn bytes_of(moves: &Moves) -> usize {
    moves.list().iter().map(|(from, to)| from.as_bytes().len() + to.as_bytes().len()).sum()
}

/// Where something was and where it is.
pub type Pair = (EntryPathBuf, EntryPathBuf);

/// The renames that are worth it and have room: directories before files, in the order of a walk. What is only in a directory
/// that moved has not moved by itself.
fn chosen(mut directories: Vec<Pair>, files: &[Pair], room: usize) -> Vec<Pair> {
    loop {
        let known: HashMap<&EntryPath, &EntryPath> = directories.iter().map(|(old, new)| (&**old, &**new)).collect();
        let own: Vec<&Pair> = directories.iter().filter(|pair| has_moved(pair, &known)).collect();
        let places: HashSet<&EntryPath> = own.iter().map(|(_, new)| &**new).collect();
        let mut left = room;
        let mut dropped: HashSet<EntryPathBuf> = HashSet::new();
        for (old, new) in own.iter().copied() {
            let nesting = directories_above(new).into_iter().filter(|above| places.contains(above)).count();
            if nesting >= MOVES_NESTED_MAX || !takes(&mut left, old, new) {
                dropped.insert(old.clone());
            }
        }
        if dropped.is_empty() {
            let mut chosen: Vec<Pair> = own.into_iter().cloned().collect();
            let is_chosen = |pair: &&Pair| has_moved(pair, &known) && takes(&mut left, &pair.0, &pair.1);
            chosen.extend(files.iter().filter(is_chosen).cloned());
            return chosen;
        }
        let own: HashSet<EntryPathBuf> = own.into_iter().map(|(old, _)| old.clone()).collect();
        let mut kept: HashSet<EntryPathBuf> = HashSet::new();
        for (old, _) in &directories {
            let stays = if own.contains(old) {
                !dropped.contains(old)
            } else {
                directories_above(old)
                    .into_iter()
                    .rev()
                    .find(|above| known.contains_key(above))
                    .is_some_and(|above| kept.contains(above))
            };
            if stays {
                kept.insert(old.clone());
            }
        }
        directories.retain(|(old, _)| kept.contains(old));
    }
}

/// Whether it is not simply where the directory took it that it was in.
fn has_moved((old, new): &Pair, directories: &HashMap<&EntryPath, &EntryPath>) -> bool {
    let above = directories_above(old).into_iter().rev().find_map(|above| Some((above, *directories.get(above)?)));
    let taken_to = above.and_then(|(above, now)| Some(now.join_path(old.below(above)?)));
    *taken_to.as_ref().unwrap_or(old) != *new
}

/// Takes what a rename may need in the list from `room`, if there is so much.
fn takes(room: &mut usize, old: &EntryPath, new: &EntryPath) -> bool {
    let top = old.split_source().map_or(0, |(top, _)| top.as_bytes().len());
    let bytes = old.as_bytes().len() + 3 * (new.as_bytes().len() + top + TEMPORARY_BYTES);
    let fits = bytes <= *room;
    *room -= if fits { bytes } else { 0 };
    fits
}

/// Renames in an order that GNU tar can follow: what has moved is moved out, deepest first, to its new path where that is ready,
/// aside where it is not; then what stands aside is moved in, from the top down.
struct Sequence<'a> {
    plan: &'a MovePlan<'a>,
    top: &'a EntryPath,
    moves: Moves,
    kinds: HashMap<EntryPathBuf, Option<Kind>>,
    /// The bytes of all renames in the list.
    bytes: usize,
    temporary: u64,
    /// Where things cannot be moved to, for a lost content is in the way.
    blocked: HashSet<EntryPathBuf>,
}

impl<'a> Sequence<'a> {
    fn new(plan: &'a MovePlan<'a>, top: &'a EntryPath, moves: Moves) -> Sequence<'a> {
        Sequence { plan, top, moves, kinds: HashMap::new(), bytes: 0, temporary: 0, blocked: HashSet::new() }
    }

    /// Makes the renames; whether all of them can be.
    fn run(&mut self, mut pairs: Vec<Pair>) -> Result<bool> {
        let depth = |path: &EntryPath| path.parts().count();
        pairs.sort_by_cached_key(|(old, _)| (Reverse(depth(old)), old.clone()));
        let mut pending: HashSet<EntryPathBuf> = pairs.iter().map(|(old, _)| old.clone()).collect();
        let mut unready: HashSet<EntryPathBuf> = pairs.iter().map(|(_, new)| new.clone()).collect();
        let mut aside = Vec::new();
        for (old, new) in pairs {
            let is_ready = self.is_ready(&new, &pending, &unready)?;
            pending.remove(&old);
            let to = if is_ready { new.clone() } else { self.temporary()? };
            if !self.rename(&old, &to)? {
                return Ok(false);
            }
            if is_ready {
                unready.remove(&new);
            } else {
                aside.push((to, new));
            }
        }
        aside.sort_by_cached_key(|(_, new)| (depth(new), new.clone()));
        for (temporary, new) in aside {
            if self.is_blocked(&new)? {
                self.blocked.insert(new);
            } else if !self.clear(&new)? || !self.rename(&temporary, &new)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether nothing is at a path, and all directories above it are what they will be.
    fn is_ready(
        &mut self,
        new: &EntryPath,
        pending: &HashSet<EntryPathBuf>,
        unready: &HashSet<EntryPathBuf>,
    ) -> Result<bool> {
        for above in directories_above(new) {
            let is_pending = matches!(self.moves.origin(above), Origin::Path(was) if pending.contains(&*was));
            let stays = !is_pending && !unready.contains(above);
            if !stays || self.kind_at(above)?.is_some_and(|kind| kind != Kind::Directory) {
                return Ok(false);
            }
        }
        Ok(self.kind_at(new)?.is_none())
    }

    /// Whether a content that is noted as lost is at a path, or where a directory above it has to be.
    fn is_blocked(&mut self, new: &EntryPath) -> Result<bool> {
        for path in directories_above(new).into_iter().chain([new]) {
            if let Origin::Path(was) = self.moves.origin(path)
                && self.kind_at(path)? == Some(Kind::File)
                && self.plan.base.find(&was)?.is_some_and(|entry| entry.is_lost())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Moves aside for good what stands at a path, or where a directory above it has to be.
    fn clear(&mut self, new: &EntryPath) -> Result<bool> {
        for above in directories_above(new) {
            if self.kind_at(above)?.is_some_and(|kind| kind != Kind::Directory) && !self.drop_aside(above)? {
                return Ok(false);
            }
        }
        if self.kind_at(new)?.is_some() { self.drop_aside(new) } else { Ok(true) }
    }

    fn drop_aside(&mut self, path: &EntryPath) -> Result<bool> {
        let to = self.temporary()?;
        self.rename(path, &to)
    }

    fn rename(&mut self, from: &EntryPath, to: &EntryPath) -> Result<bool> {
        self.bytes += from.as_bytes().len() + to.as_bytes().len() + 4;
        let (base, kinds) = (self.plan.base, &mut self.kinds);
        let why = self.moves.push(from, to, true, &mut |path| cached(base, kinds, path))?;
        Ok(why.is_none())
    }

    fn kind_at(&mut self, path: &EntryPath) -> Result<Option<Kind>> {
        let (base, kinds) = (self.plan.base, &mut self.kinds);
        self.moves.kind_at(path, &mut |path| cached(base, kinds, path))
    }

    /// A path that nothing has, before or after.
    fn temporary(&mut self) -> Result<EntryPathBuf> {
        loop {
            self.temporary += 1;
            let name = format!("{TEMPORARY_PREFIX}{}", self.temporary);
            let Some(path) = self.top.child(name.as_bytes()) else { continue };
            if !self.plan.taken_names.contains(&path) && self.plan.base.find(&path)?.is_none() {
                return Ok(path);
            }
        }
    }
}

fn cached(base: &State, kinds: &mut HashMap<EntryPathBuf, Option<Kind>>, path: &EntryPath) -> Result<Option<Kind>> {
    if let Some(kind) = kinds.get(path) {
        return Ok(*kind);
    }
    let kind = kind_in(base, path)?;
    kinds.insert(path.to_owned(), kind);
    Ok(kind)
}
