//! `diff`: what is not the same in two snapshots, or in a snapshot and the files as they are. Reads the index, and of files
//! only those of which size and times do not tell enough.
//!
//! Two sorted streams of rows, merged in one pass ([`between`]); a snapshot and a scan in the order of a walk ([`with_files`]).

mod different;

mod files;
mod moves;

pub use different::Changed;
pub use different::Different;
pub use files::WithFiles;
pub use files::with_files;

use self::moves::Moves;
use crate::archive::catalog::Catalog;
use crate::archive::replay::Difference;
use crate::archive::replay::Differences;
use crate::archive::replay::differences_below;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::aspect::aspects;
use crate::base::aspect::change;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::error::Subject;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::outermost;
use std::collections::VecDeque;

/// The differences of two snapshots, in the order of rows: directory by directory in the order of a walk, in each by name.
pub struct Diff<'m> {
    old: State,
    new: State,
    tops: VecDeque<EntryPathBuf>,
    below: Option<Differences>,
    moves: Moves,
    monitor: &'m dyn Monitor,
}

/// Compares snapshot `old` with snapshot `new`, all or what is at `paths` and below.
///
/// A file counts as moved where its content, which is not empty, is gone from one path and is new at one other path, and both
/// are among what is compared; where several have that content, those of one name belong together. A directory that is gone counts
/// as moved where all that was moved out of it is in one new directory, and nothing that was moved from elsewhere.
///
/// # Errors
/// [`ErrorKind::NotFound`] when there is no such snapshot, or one of `paths` is in neither;
/// [`ErrorKind::Interrupted`] when the monitor asks to stop; when the archive cannot be read, or its index is damaged and cannot
/// be made again. Items of the result fail when the index shows damage only now.
pub fn between<'m>(
    catalog: &Catalog,
    (old, new): (SnapshotNumber, SnapshotNumber),
    paths: &[EntryPathBuf],
    monitor: &'m dyn Monitor,
) -> Result<Diff<'m>> {
    catalog.check_is_there(old)?;
    catalog.check_is_there(new)?;
    let tops = outermost(paths);
    catalog.retry_after_index_damage(|| {
        let (old_state, new_state) = (catalog.state(old)?, catalog.state(new)?);
        for path in tops.iter().filter(|path| !path.is_root()) {
            if old_state.find(path)?.is_none() && new_state.find(path)?.is_none() {
                return Err(in_neither(path, old, new));
            }
        }
        let open = || Diff {
            old: old_state.clone(),
            new: new_state.clone(),
            tops: tops.clone().into(),
            below: None,
            moves: Moves::default(),
            monitor,
        };
        // Everything is read once here, so that damage in the index is met before anything is given out.
        let moves = Moves::among(open())?;
        Ok(Diff { moves, ..open() })
    })
}

impl Diff<'_> {
    /// Whether moves were not looked for, as too much was added and removed.
    pub fn is_without_moves(&self) -> bool {
        self.moves.is_left_out()
    }

    fn advance(&mut self) -> Result<Option<Different>> {
        while let Some(difference) = self.next_difference()? {
            check_interrupted(self.monitor)?;
            if let Some(different) = self.told(difference)? {
                return Ok(Some(different));
            }
        }
        Ok(None)
    }

    fn next_difference(&mut self) -> Result<Option<Difference>> {
        loop {
            if let Some(below) = &mut self.below {
                if let Some(difference) = below.next().transpose()? {
                    return Ok(Some(difference));
                }
                self.below = None;
            }
            let Some(top) = self.tops.pop_front() else { return Ok(None) };
            self.below = Some(differences_below(&self.old, &self.new, &top));
            if !top.is_root() {
                let (old, new) = (self.old.find(&top)?, self.new.find(&top)?);
                return Ok(Some(Difference { path: top, old, new }));
            }
        }
    }

    fn told(&self, difference: Difference) -> Result<Option<Different>> {
        let Difference { path, old, new } = difference;
        if let Some(from) = self.moves.origin(&path) {
            let old = self.old.find(from)?;
            let aspects = old.iter().zip(&new).flat_map(|(old, new)| aspects(old, new)).collect();
            let change = Changed::Moved { from: from.to_owned() };
            return Ok(Some(Different { path, change, old, new, aspects }));
        }
        if self.moves.is_origin(&path) {
            return Ok(None);
        }
        Ok(change(old.as_ref(), new.as_ref()).map(|(change, aspects)| Different {
            path,
            change: change.into(),
            old,
            new,
            aspects,
        }))
    }
}

impl Iterator for Diff<'_> {
    type Item = Result<Different>;

    fn next(&mut self) -> Option<Result<Different>> {
        self.advance().transpose()
    }
}

fn in_neither(path: &EntryPath, old: SnapshotNumber, new: SnapshotNumber) -> Error {
    Error::new(ErrorKind::NotFound, format!("{path} is neither in snapshot {old} nor in snapshot {new}"))
        .about(Subject::Entry(path.to_owned()))
        .with_advice(Advice::FindPath)
}
