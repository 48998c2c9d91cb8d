//! What moved since the state before, as renames that GNU tar can follow. Decided before anything is written.

use super::candidates::SameThing;
use super::candidates::Scene;
use super::candidates::Wanted;
use super::candidates::collect;
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
    /// The sources, by their place in the list, with the lists of names of their top directories: one member for each.
    pub lists: Vec<(usize, Vec<Vec<u8>>)>,
    /// The directories from which or into which something moved.
    pub retimed: HashSet<EntryPathBuf>,
}

/// Finds what moved since the state `base`; `None`: nothing.
///
/// # Errors
/// [`crate::base::error::ErrorKind::Interrupted`]; when the index cannot be read.
pub fn find(scene: &Scene, base: &State) -> Result<Option<Moving>> {
    let mut candidates = collect(scene, base, Wanted::All)?;
    let mut same = candidates.same_directories(base)?;
    same.sort_by(|a, b| a.old.cmp(&b.old));
    let tops = scene.sources.iter().map(|source| source.path().to_owned()).collect();
    let mut plan = MovePlan { tops, base, taken_names: std::mem::take(&mut candidates.taken_names) };
    let same = pairs(same);
    let mut files = if candidates.has_too_many_files() {
        drop(candidates);
        // What is in directories that moved is not elsewhere then.
        let moves = plan.moves(&same, &[])?;
        let mut again = collect(scene, &after_moves(base, &moves)?, Wanted::Files)?;
        plan.taken_names.extend(std::mem::take(&mut again.taken_names));
        again.same_files().into_iter().filter_map(|file| in_state_before(file, &moves)).collect()
    } else {
        candidates.same_files()
    };
    files.sort_by(|a, b| a.old.cmp(&b.old));
    let moves = plan.moves(&same, &pairs(files))?;
    if moves.is_empty() { Ok(None) } else { moving(scene, base, moves).map(Some) }
}

fn in_state_before(file: SameThing, moves: &Moves) -> Option<SameThing> {
    let Origin::Path(old) = moves.origin(&file.old) else { return None };
    let old = old.into_owned();
    Some(SameThing { old, new: file.new })
}

fn pairs(same: Vec<SameThing>) -> Vec<Pair> {
    same.into_iter().map(|same| (same.old, same.new)).collect()
}

fn moving(scene: &Scene, base: &State, moves: Moves) -> Result<Moving> {
    let state = after_moves(base, &moves)?;
    let mut lists = Vec::new();
    for (number, source) in scene.sources.iter().enumerate() {
        let lists_of_source = lists_of(source.path(), &moves, &state)?;
        if !lists_of_source.is_empty() {
            lists.push((number, lists_of_source));
        }
    }
    let retimed = retimed(&moves);
    Ok(Moving { state, moves, lists, retimed })
}
