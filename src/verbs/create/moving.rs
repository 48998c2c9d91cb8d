//! What moved since the state before, as renames that GNU tar can follow. Decided before anything is written.

use super::candidates::Scene;
use super::candidates::Wanted;
use super::candidates::collect;
use super::doubts::Doubts;
use super::likeness::SameThing;
use crate::archive::move_plan::MovePlan;
use crate::archive::move_plan::Pair;
use crate::archive::move_plan::retimed;
use crate::archive::moved::after_moves;
use crate::archive::moved::lists_of;
use crate::archive::state::State;
use crate::base::error::Result;
use crate::base::moves::Moves;
use crate::base::moves::Origin;
use crate::base::path::EntryPathBuf;
use std::collections::HashSet;

/// What moved.
pub struct Moving {
    /// The state after the renames.
    pub state: State,
    /// The renames.
    pub moves: Moves,
    /// The indexes of sources, with the lists of names of their top directories: one member for each list.
    pub lists: Vec<(usize, Vec<Vec<u8>>)>,
    /// The directories from which or into which something moved.
    pub retimed: HashSet<EntryPathBuf>,
    /// What only looks as if it had moved.
    pub doubts: Doubts,
}

/// Finds what moved since the state `base`; `None`: nothing.
///
/// # Errors
/// [`crate::base::error::ErrorKind::Interrupted`]; when the index cannot be read.
pub fn find(scene: &Scene, base: &State) -> Result<Option<Moving>> {
    let mut candidates = collect(scene, base, Wanted::All)?;
    let mut same = candidates.same_directories();
    same.sort_by(|a, b| a.old.cmp(&b.old));
    let mut doubtful = HashSet::new();
    let tops = scene.sources.iter().map(|source| source.path().to_owned()).collect();
    let mut plan = MovePlan { tops, base, taken_names: std::mem::take(&mut candidates.taken_names) };
    let same = pairs(same, &mut doubtful);
    let mut files = if candidates.has_too_many_files() {
        drop(candidates);
        // What is in directories that moved did not move by itself.
        let moves = plan.moves(&same, &[])?;
        let mut again = collect(scene, &after_moves(base, &moves)?, Wanted::Files)?;
        plan.taken_names.extend(std::mem::take(&mut again.taken_names));
        again.same_files(scene.sources).into_iter().filter_map(|file| in_state_before(file, &moves)).collect()
    } else {
        candidates.same_files(scene.sources)
    };
    files.sort_by(|a, b| a.old.cmp(&b.old));
    let files = pairs(files, &mut doubtful);
    let moves = plan.moves(&same, &files)?;
    if moves.is_empty() { Ok(None) } else { moving(scene, base, moves, &doubtful).map(Some) }
}

fn in_state_before(file: SameThing, moves: &Moves) -> Option<SameThing> {
    let Origin::Path(old) = moves.origin(&file.old) else { return None };
    let old = old.into_owned();
    Some(SameThing { old, ..file })
}

/// The old and new paths; those that only look the same are noted in `doubtful`.
fn pairs(same: Vec<SameThing>, doubtful: &mut HashSet<Pair>) -> Vec<Pair> {
    let all = same.into_iter().map(|SameThing { old, new, is_sure }| {
        if !is_sure {
            doubtful.insert((old.clone(), new.clone()));
        }
        (old, new)
    });
    all.collect()
}

fn moving(scene: &Scene, base: &State, moves: Moves, doubtful: &HashSet<Pair>) -> Result<Moving> {
    let state = after_moves(base, &moves)?;
    let mut lists = Vec::new();
    for (number, source) in scene.sources.iter().enumerate() {
        let lists_of_source = lists_of(source.path(), &moves, &state)?;
        if !lists_of_source.is_empty() {
            lists.push((number, lists_of_source));
        }
    }
    let retimed = retimed(&moves);
    let is_doubtful = |now: &EntryPathBuf, was: &EntryPathBuf| doubtful.contains(&(was.clone(), now.clone()));
    let moved = moves.placed().filter(|(now, was)| !doubtful.is_empty() && is_doubtful(now, was));
    let doubts = Doubts::new(moved.map(|(now, _)| now.clone()).collect());
    Ok(Moving { state, moves, lists, retimed, doubts })
}
