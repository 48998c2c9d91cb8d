//! The list of a bundle's changes: as its manifest says, or from the states before and after its snapshot.

use crate::archive::rebundle::Lines;
use crate::archive::replay::Difference;
use crate::archive::replay::Differences;
use crate::archive::replay::differences;
use crate::archive::state::State;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Place;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::bundle::ManifestReader;
use crate::format::manifest::Action;
use crate::format::manifest::Change;

/// A manifest's lines.
impl Lines for ManifestReader {
    fn next(&mut self) -> Result<Option<Change>> {
        self.next_change()
    }
}

/// No changes.
pub(super) struct NoLines;

impl Lines for NoLines {
    fn next(&mut self) -> Result<Option<Change>> {
        Ok(None)
    }
}

/// Which of a snapshot's changes belong to one of its parts.
#[derive(Clone, Default)]
pub(super) struct PartRange {
    /// The last line of the part before.
    pub after: Option<EntryPathBuf>,
    /// The first line of the next part whose manifest is sound.
    pub before: Option<EntryPathBuf>,
}

impl PartRange {
    /// Whether the line of this path is one of them.
    pub fn has(&self, path: &EntryPath) -> bool {
        self.after.as_ref().is_none_or(|after| path.row_order(after).is_gt())
            && self.before.as_ref().is_none_or(|before| path.row_order(before).is_lt())
    }
}

/// The differences of two states as the lines of a bundle.
pub(super) struct FromStates {
    differences: Differences,
    bundle: BundleId,
    share: PartRange,
    /// The last line that was given out.
    pub last: Option<EntryPathBuf>,
    ended: bool,
}

impl FromStates {
    pub fn new(before: &State, after: &State, bundle: BundleId, share: PartRange) -> FromStates {
        let differences = differences(before, after);
        FromStates { differences, bundle, last: share.after.clone(), share, ended: false }
    }

    /// Whether a line belongs to a later part.
    fn is_beyond(&self, change: &Change) -> bool {
        let place = match &change.now {
            Action::Stored(Entry { content: Some(content), .. })
                if content.place.bundle.number == self.bundle.number =>
            {
                content.place.bundle
            }
            _ => self.bundle,
        };
        let before = self.share.before.as_ref();
        place > self.bundle || before.is_some_and(|before| change.path.row_order(before).is_ge())
    }

    fn change(&self, Difference { old, new, .. }: &Difference) -> Option<Action> {
        match (old, new) {
            (None, None) => None,
            (Some(old), None) => Some(Action::Removed(old.stat.kind)),
            (Some(old), Some(new)) if comparable(old) == comparable(new) => None,
            (_, Some(new)) => {
                // What is elsewhere under another path only was moved: of that nothing is known here, so it is stored again.
                let is_kept = |content: &Content| {
                    let is_elsewhere = content.place.bundle.number != self.bundle.number;
                    is_elsewhere && new.clone().keep_place(old.as_ref())
                };
                let is_kept = new.content.as_ref().is_some_and(is_kept);
                Some(if is_kept { Action::Referenced(new.clone()) } else { Action::Stored(new.clone()) })
            }
        }
    }
}

impl Lines for FromStates {
    fn next(&mut self) -> Result<Option<Change>> {
        while !self.ended {
            let Some(difference) = self.differences.next().transpose()? else { return Ok(None) };
            let Some(now) = self.change(&difference) else { continue };
            let change = Change { path: difference.path, now };
            if self.is_beyond(&change) {
                self.ended = true;
            } else if self.share.after.as_ref().is_none_or(|after| change.path.row_order(after).is_gt()) {
                self.last = Some(change.path.clone());
                return Ok(Some(change));
            }
        }
        Ok(None)
    }
}

/// An entry without what differs when a bundle was written anew.
fn comparable(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    if let Some(content) = &mut entry.content {
        content.place = Place { offset: 0, ..content.place };
        content.patch = None;
        entry.stat.racy = false;
    }
    entry
}
