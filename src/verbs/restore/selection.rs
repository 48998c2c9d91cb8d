//! What of a state is restored: everything, or what was asked for with the directories it stands in. Reads the state only.

use super::options::RestoreOptions;
use crate::archive::catalog::Catalog;
use crate::archive::state::Directories;
use crate::archive::state::Groups;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::archive::state::impossible_path;
use crate::base::advice::Advice;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Summary;
use crate::base::snapshot::no_path;
use crate::base::snapshot::no_snapshot;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;

/// What is restored: directories by path, in the order of a walk, each with what of it.
pub(super) struct Selection(BTreeMap<EntryPathBuf, SelectedPart>);

enum SelectedPart {
    /// All of it, and all below.
    Whole,
    /// Only these names; what is below them stands on its own.
    Names(BTreeSet<Vec<u8>>),
}

/// A directory that is restored, with what of it is, or a piece of that.
pub(super) struct Folder {
    /// Where it is.
    pub path: EntryPathBuf,
    /// Its entries by name, those that are restored.
    pub rows: Vec<Row>,
    /// Whether all that it has is restored.
    pub is_whole: bool,
}

impl Selection {
    /// All of `state`, the snapshot `number`, that is at or below `paths`; all of it when there are none.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when a path is not in it; otherwise when the index is damaged or cannot be read.
    pub(super) fn new(state: &State, paths: &[EntryPathBuf], number: SnapshotNumber) -> Result<Selection> {
        let mut sorted: Vec<&EntryPath> = paths.iter().map(AsRef::as_ref).collect();
        sorted.sort();
        let mut tops: Vec<&EntryPath> = Vec::new();
        for path in sorted {
            if !path.is_root() && state.find(path)?.is_none() {
                return Err(no_path(path, number));
            }
            if !tops.last().is_some_and(|top| path.is_in(top)) {
                tops.push(path);
            }
        }
        if tops.is_empty() {
            tops.push(EntryPath::root());
        }
        let mut parts = BTreeMap::new();
        for top in tops {
            let mut below = top;
            while let Some(parent) = below.parent() {
                if let SelectedPart::Names(names) =
                    parts.entry(parent.to_owned()).or_insert_with(|| SelectedPart::Names(BTreeSet::new()))
                {
                    names.insert(below.name_bytes().to_vec());
                }
                below = parent;
            }
            parts.insert(top.to_owned(), SelectedPart::Whole);
        }
        Ok(Selection(parts))
    }

    /// Whether `path` is a directory on the way to something that was asked for, and not asked for itself.
    pub(super) fn is_on_the_way(&self, path: &EntryPath) -> bool {
        matches!(self.0.get(path), Some(SelectedPart::Names(_)))
    }

    /// The directories on the way to what was asked for, in the order of a walk.
    pub(super) fn on_the_way(&self) -> impl Iterator<Item = &EntryPath> {
        let names = self.0.iter().filter(|(path, part)| matches!(part, SelectedPart::Names(_)) && !path.is_root());
        names.map(|(path, _)| &**path)
    }

    /// What was asked for: sources and what is in them.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub(super) fn tops(&self, state: &State) -> Result<Vec<EntryPathBuf>> {
        let mut tops = Vec::new();
        for path in self.0.iter().filter(|(_, part)| matches!(part, SelectedPart::Whole)).map(|(path, _)| path) {
            if !path.is_root() {
                tops.push(path.clone());
                continue;
            }
            for piece in state.in_directory(path) {
                for row in &piece?.rows {
                    tops.push(row.path_in(path)?);
                }
            }
        }
        Ok(tops)
    }

    /// The directories that are restored, in the order of a walk, and with them what was named and may be none.
    pub(super) fn directories<'s>(&'s self, state: &'s State) -> SelectedDirectories<'s> {
        SelectedDirectories { state, parts: self.0.iter(), below: None, skipped: None }
    }

    /// The directories that hold something, in the order of a walk, piece by piece.
    pub(super) fn folders<'s>(&'s self, state: &'s State) -> Folders<'s> {
        Folders { state, parts: self.0.iter(), whole: None }
    }

    /// The bytes of all contents, counted once for each name of a file. Reads and checks all that is known of the entries.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub(super) fn bytes(&self, state: &State) -> Result<u64> {
        let mut bytes = 0u64;
        for folder in self.folders(state) {
            let rows = folder?.rows;
            rows.iter().try_for_each(Row::check)?;
            let files = rows.iter().filter_map(Row::stat).filter(|stat| stat.kind == Kind::File);
            bytes = files.fold(bytes, |sum, stat| sum.saturating_add(stat.size));
        }
        Ok(bytes)
    }

    /// The bytes that the contents need at least: holes left out, a file with several names counted once, and none whose
    /// bundle (by its decompressed length) does not reach so far, since it cannot be restored.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub(super) fn bytes_least(&self, state: &State, bundle_bytes: &dyn Fn(BundleId) -> u64) -> Result<u64> {
        let mut linked = HashSet::new();
        let mut lengths = HashMap::new();
        let mut bytes = 0u64;
        for folder in self.folders(state) {
            for row in folder?.rows {
                let Some(stat) = row.stat().filter(|stat| stat.kind == Kind::File && stat.size > 0) else { continue };
                if stat.link != 0 && !linked.insert(stat.link) {
                    continue;
                }
                let content = row.entry()?.and_then(|entry| entry.content).unwrap_or_default();
                let length = *lengths.entry(content.place.bundle).or_insert_with_key(|id| bundle_bytes(*id));
                if content.place.offset.checked_add(content.stored_bytes(stat.size)).is_none_or(|end| end > length) {
                    continue;
                }
                bytes = bytes.saturating_add(stat.size.saturating_sub(content.holes.bytes()));
            }
        }
        Ok(bytes)
    }
}

/// The directories of a selection.
pub(super) struct Folders<'s> {
    state: &'s State,
    parts: std::collections::btree_map::Iter<'s, EntryPathBuf, SelectedPart>,
    whole: Option<Groups>,
}

impl Folders<'_> {
    fn advance(&mut self) -> Result<Option<Folder>> {
        loop {
            if let Some(groups) = &mut self.whole {
                if let Some(group) = groups.next().transpose()? {
                    return Ok(Some(Folder { path: group.path, rows: group.rows, is_whole: true }));
                }
                self.whole = None;
            }
            let Some((path, part)) = self.parts.next() else { return Ok(None) };
            match part {
                SelectedPart::Whole => self.whole = Some(self.state.groups(path)),
                SelectedPart::Names(names) => {
                    let mut rows = Vec::new();
                    for piece in self.state.in_directory(path) {
                        rows.extend(piece?.rows.into_iter().filter(|row| names.contains(row.name())));
                    }
                    return Ok(Some(Folder { path: path.clone(), rows, is_whole: false }));
                }
            }
        }
    }
}

impl Iterator for Folders<'_> {
    type Item = Result<Folder>;

    fn next(&mut self) -> Option<Result<Folder>> {
        self.advance().transpose()
    }
}

/// The directories that are restored, whether they hold something or not.
pub(super) struct SelectedDirectories<'s> {
    state: &'s State,
    parts: std::collections::btree_map::Iter<'s, EntryPathBuf, SelectedPart>,
    below: Option<Directories>,
    skipped: Option<EntryPathBuf>,
}

impl SelectedDirectories<'_> {
    /// Leaves out what is below `path`, which was given out last.
    pub(super) fn skip_below(&mut self, path: &EntryPath) {
        self.below.as_mut().map(Directories::skip_below);
        self.skipped = Some(path.to_owned());
    }

    fn advance(&mut self) -> Result<Option<EntryPathBuf>> {
        loop {
            if let Some(directory) = self.below.as_mut().and_then(Iterator::next) {
                return directory.map(Some);
            }
            let Some((path, part)) = self.parts.next() else { return Ok(None) };
            if self.skipped.as_ref().is_some_and(|skipped| path.is_in(skipped)) {
                continue;
            }
            self.below = matches!(part, SelectedPart::Whole).then(|| self.state.directories(path));
            if !path.is_root() {
                return Ok(Some(path.clone()));
            }
        }
    }
}

impl Iterator for SelectedDirectories<'_> {
    type Item = Result<EntryPathBuf>;

    fn next(&mut self) -> Option<Result<EntryPathBuf>> {
        self.advance().transpose()
    }
}

impl Folder {
    /// The path of an entry in it.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when its name cannot be one.
    pub(super) fn child(&self, row: &Row) -> Result<EntryPathBuf> {
        row.path_in(&self.path)
    }
}

/// What is restored of the snapshot, with the bytes of all contents. All that is needed of the index is read and checked, so
/// that damage is met here and not half-way.
pub(super) fn selected(catalog: &Catalog, options: &RestoreOptions) -> Result<(State, Selection, u64)> {
    catalog.check_is_there(options.at)?;
    catalog.retry_after_index_damage(|| {
        let state = catalog.state(options.at)?;
        let selection = Selection::new(&state, &asked_for(&state, options)?, options.at)?;
        let bytes = selection.bytes(&state)?;
        Ok((state, selection, bytes))
    })
}

/// What was asked for; empty: everything. In place, everything is without the sources that were dropped: what is at their
/// places is no longer what was saved.
fn asked_for(state: &State, options: &RestoreOptions) -> Result<Vec<EntryPathBuf>> {
    let summary = summary_of(state, options.at)?;
    if !options.in_place || !options.paths.is_empty() || !summary.sources.iter().any(|source| source.dropped) {
        return Ok(options.paths.clone());
    }
    let mut kept = Vec::new();
    for source in summary.sources.iter().filter(|source| !source.dropped) {
        let path = EntryPathBuf::from_bytes(source.name.as_bytes()).ok_or_else(impossible_path)?;
        if state.find(&path)?.is_some() {
            kept.push(path);
        }
    }
    if kept.is_empty() {
        let what = "cannot restore in place: all sources were dropped";
        return Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::RestoreIntoFolder));
    }
    Ok(kept)
}

/// The summary of the snapshot that a state is of.
pub(super) fn summary_of(state: &State, number: SnapshotNumber) -> Result<Summary> {
    let mut known = state.layers().iter().flat_map(|file| &file.head().snapshots);
    known.find(|summary| summary.number == number).cloned().ok_or_else(|| no_snapshot(number))
}
