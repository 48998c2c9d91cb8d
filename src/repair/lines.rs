//! The list of a bundle's changes: as its manifest says, or from the states before and after its snapshot.

use super::rewrite::Group;
use crate::bundle::ManifestReader;
use crate::diff;
use crate::diff::Pair;
use crate::entry::Entry;
use crate::entry::Place;
use crate::error::Result;
use crate::id::BundleId;
use crate::manifest::Change;
use crate::manifest::Now;
use crate::path;
use crate::path::EntryPath;
use crate::state::Group as Rows;
use crate::state::Groups;
use crate::state::Row;
use crate::state::State;
use std::cmp::Ordering;
use std::iter::Peekable;

/// By directory in the order of a walk, then by name.
pub(super) fn row_order(a: &EntryPath, b: &EntryPath) -> Ordering {
    let (a, b) = (path::split_last(a.as_bytes()), path::split_last(b.as_bytes()));
    path::walk_order(a.0, b.0).then_with(|| a.1.cmp(b.1))
}

/// A manifest's lines, directory by directory.
pub(super) struct FromManifest {
    reader: ManifestReader,
    next: Option<Change>,
    begun: bool,
}

impl FromManifest {
    pub fn new(reader: ManifestReader) -> FromManifest {
        FromManifest { reader, next: None, begun: false }
    }

    pub fn next(&mut self) -> Result<Option<Group>> {
        if !self.begun {
            (self.begun, self.next) = (true, self.reader.next_change()?);
        }
        let mut group = Vec::new();
        while let Some(change) = self.next.take() {
            let directory = |change: &Change| path::split_last(change.path.as_bytes()).0.to_vec();
            if group.first().is_some_and(|first| directory(first) != directory(&change)) {
                self.next = Some(change);
                break;
            }
            group.push(change);
            self.next = self.reader.next_change()?;
        }
        Ok(Group::of(group))
    }
}

/// Which of a snapshot's changes belong to one of its parts.
#[derive(Default)]
pub(super) struct Share {
    /// The last line of the part before.
    pub after: Option<EntryPath>,
    /// The first line of the next part whose manifest is sound.
    pub before: Option<EntryPath>,
}

impl Share {
    /// Whether the line of this path is one of them.
    pub fn has(&self, path: &EntryPath) -> bool {
        self.after.as_ref().is_none_or(|after| row_order(path, after).is_gt())
            && self.before.as_ref().is_none_or(|before| row_order(path, before).is_lt())
    }
}

/// The differences of two states, directory by directory.
pub(super) struct FromStates {
    old: Peekable<Groups>,
    new: Peekable<Groups>,
    bundle: BundleId,
    share: Share,
    /// The last line that was given out.
    pub last: Option<EntryPath>,
    ended: bool,
}

impl FromStates {
    pub fn new(before: &State, after: &State, bundle: BundleId, share: Share) -> FromStates {
        let root = EntryPath::root();
        FromStates {
            old: before.groups(&root).peekable(),
            new: after.groups(&root).peekable(),
            bundle,
            last: share.after.clone(),
            share,
            ended: false,
        }
    }

    pub fn next(&mut self) -> Result<Option<Group>> {
        while !self.ended {
            let Some((old, new)) = self.next_directory()? else { return Ok(None) };
            let mut group = Vec::new();
            for pair in diff::pairs(&old.rows, &new.rows, |a, b| a.name().cmp(b.name())) {
                let directory = if new.rows.is_empty() { &old.path } else { &new.path };
                if let Some(change) = self.change(directory, pair)? {
                    if self.is_beyond(&change) {
                        self.ended = true;
                        break;
                    }
                    if self.share.after.as_ref().is_none_or(|after| row_order(&change.path, after).is_gt()) {
                        self.last = Some(change.path.clone());
                        group.push(change);
                    }
                }
            }
            if let Some(group) = Group::of(group) {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }

    /// Whether a line belongs to a later part.
    fn is_beyond(&self, change: &Change) -> bool {
        let place = match &change.now {
            Now::Stored(Entry { content: Some(content), .. }) => content.place.bundle,
            _ => self.bundle,
        };
        let before = self.share.before.as_ref();
        place > self.bundle || before.is_some_and(|before| row_order(&change.path, before).is_ge())
    }

    /// The rows of the next directory in both states.
    fn next_directory(&mut self) -> Result<Option<(Rows, Rows)>> {
        let path = |group: &Result<Rows>| group.as_ref().map(|group| group.path.clone()).unwrap_or_default();
        let order = match (self.old.peek().map(path), self.new.peek().map(path)) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => path::walk_order(&old, &new),
        };
        let old = if order.is_le() { self.old.next().transpose()? } else { None };
        let new = if order.is_ge() { self.new.next().transpose()? } else { None };
        Ok(Some((old.unwrap_or_default(), new.unwrap_or_default())))
    }

    fn change(&self, directory: &[u8], pair: Pair<&Row, &Row>) -> Result<Option<Change>> {
        let (old, new) = match pair {
            Pair::Old(old) => (Some(old), None),
            Pair::New(new) => (None, Some(new)),
            Pair::Both(old, new) => (Some(old), Some(new)),
        };
        let Some(name) = new.or(old).map(Row::name) else { return Ok(None) };
        let Some(path) = EntryPath::from_bytes(&path::joined(directory, name)) else { return Ok(None) };
        let (old, new) = (old.map(Row::entry).transpose()?.flatten(), new.map(Row::entry).transpose()?.flatten());
        let now = match (old, new) {
            (None, None) => return Ok(None),
            (Some(old), None) => Now::Gone(old.stat.kind),
            (Some(old), Some(new)) if comparable(&old) == comparable(&new) => return Ok(None),
            (_, Some(new)) => {
                let elsewhere = |entry: &Entry| {
                    entry.content.as_ref().is_some_and(|content| content.place.bundle.number != self.bundle.number)
                };
                if elsewhere(&new) { Now::Kept(new) } else { Now::Stored(new) }
            }
        };
        Ok(Some(Change { path, now }))
    }
}

/// An entry without what differs when a bundle was written anew.
fn comparable(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    if let Some(content) = &mut entry.content {
        content.place = Place { offset: 0, ..content.place };
        entry.stat.racy = false;
    }
    entry
}
