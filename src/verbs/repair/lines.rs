//! The list of a bundle's changes: as its manifest says, or from the states before and after its snapshot.

use crate::archive::look_ahead::Lines;
use crate::archive::replay::Difference;
use crate::archive::replay::Differences;
use crate::archive::replay::IndexRow;
use crate::archive::replay::differences;
use crate::archive::state::Rows;
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
use std::collections::HashMap;
use std::collections::HashSet;

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
    /// Files that have contents of other bundles which new files have, too.
    copied: HashMap<(Place, u64), EntryPathBuf>,
    share: PartRange,
    /// The last line that was returned.
    pub last: Option<EntryPathBuf>,
    ended: bool,
}

impl FromStates {
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn new(before: &State, after: &State, bundle: BundleId, share: PartRange) -> Result<FromStates> {
        let copied = copied(before, after, bundle)?;
        let differences = differences(before, after);
        Ok(FromStates { differences, bundle, copied, last: share.after.clone(), share, ended: false })
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

    fn change(&self, difference: Difference) -> Option<Change> {
        let Difference { path, old, new } = difference;
        let now = match (old, new) {
            (None, None) => return None,
            (Some(old), None) => Action::Removed(old.stat.kind),
            (Some(old), Some(new)) if comparable(&old) == comparable(&new) => return None,
            (old, Some(new)) if is_kept(old.as_ref(), &new, self.bundle) => Action::Referenced(new),
            (_, Some(mut new)) => {
                let elsewhere = new.content.as_mut().filter(|content| content.place.bundle != self.bundle);
                if let Some(content) = elsewhere {
                    let copied = self.copied.get(&(content.place, new.stat.link)).filter(|copied| **copied != path);
                    if let Some(copied) = copied {
                        return Some(Change { path, copy_of: Some(copied.clone()), now: Action::Referenced(new) });
                    }
                    // What is elsewhere under another path only was moved: of that nothing is known here, so it is stored again.
                    content.patch = None;
                }
                Action::Stored(new)
            }
        };
        Some(Change { path, now, copy_of: None })
    }
}

impl Lines for FromStates {
    fn next(&mut self) -> Result<Option<Change>> {
        while !self.ended {
            let Some(difference) = self.differences.next().transpose()? else { return Ok(None) };
            let Some(change) = self.change(difference) else { continue };
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

/// Whether a content is in an older bundle, and was the same path's before.
fn is_kept(old: Option<&Entry>, new: &Entry, bundle: BundleId) -> bool {
    let is_elsewhere = |content: &Content| content.place.bundle.number != bundle.number;
    new.content.as_ref().is_some_and(is_elsewhere) && new.clone().keep_place(old)
}

/// Of the contents that files have since the bundle and that stand in others: files that have had them before, or have them since
/// an earlier part. By place and, for other names of a file, by link number.
fn copied(before: &State, after: &State, bundle: BundleId) -> Result<HashMap<(Place, u64), EntryPathBuf>> {
    let (mut wanted, mut copied) = (HashSet::new(), HashMap::new());
    for difference in differences(before, after) {
        let Difference { old, new: Some(new), .. } = difference? else { continue };
        if let Some(content) = new.content.as_ref().filter(|_| !is_kept(old.as_ref(), &new, bundle)) {
            wanted.extend(Some(content.place).filter(|place| place.bundle != bundle && place.is_there()));
        }
    }
    if wanted.is_empty() {
        return Ok(copied);
    }
    let mut rows = Rows::new(after.groups(EntryPath::root()));
    while let Some(row) = rows.take()? {
        let IndexRow { path, entry } = IndexRow::of(row)?;
        let link = entry.as_ref().map_or(0, |entry| entry.stat.link);
        let Some(place) = entry.and_then(|entry| entry.content).map(|content| content.place) else { continue };
        let had_it = |known: Entry| known.content.is_some_and(|content| content.place == place);
        if wanted.contains(&place)
            && !(copied.contains_key(&(place, 0)) && copied.contains_key(&(place, link)))
            && (place.bundle.number == bundle.number || before.find(&path)?.is_some_and(had_it))
        {
            for link in [0, link] {
                copied.entry((place, link)).or_insert_with(|| path.clone());
            }
        }
    }
    Ok(copied)
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
