//! What follows from a state and the changes after it: the rows of the next index file; and the other way round, the differences
//! of two states. The only place that merges old rows with changes, and that says where a chain of index files begins.

use crate::archive::exchange;
use crate::archive::moved;
use crate::archive::moved::Certainty;
use crate::archive::open::Archive;
use crate::archive::open::BundleFile;
use crate::archive::state::Row;
use crate::archive::state::Rows;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::entry::ACROSS_PARTS_BYTES_MIN;
use crate::base::entry::ContentKey;
use crate::base::entry::Entry;
use crate::base::entry::Place;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::ArchiveId;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::SnapshotNumber;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Summary;
use crate::format::bundle::ManifestReader;
use crate::format::index::BundleRecord;
use crate::format::index::IndexHead;
use crate::format::index::IndexWriter;
use crate::format::manifest::Action;
use crate::format::manifest::Change;
use crate::format::manifest::Head;
use crate::format::manifest::MoveStage;
use crate::format::manifest::Tail;
use crate::system::store::Upload;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::VecDeque;

/// Deltas together may grow to this part of the whole state that they follow, before a whole state is written again.
const DELTAS_PART: u64 = 3;

/// Below this many bytes deltas are never too much.
const DELTAS_BYTES_MIN: u64 = 256 << 10;

/// The changes of all bundles of one number, in the order of rows.
pub struct Changes {
    /// The bundles whose changes were not all given out.
    files: VecDeque<BundleFile>,
    /// Reads the first of them. The others are closed until their turn comes, for there may be thousands.
    reader: Option<ManifestReader>,
    heads: Vec<Head>,
    records: Vec<BundleRecord>,
    summary: Summary,
    is_finished: bool,
    last: Option<EntryPathBuf>,
    moves: Vec<(EntryPathBuf, EntryPathBuf)>,
    archive: Archive,
    /// Whether older bundles were written anew, as far as that was asked.
    rewritten: HashMap<BundleId, bool>,
    earlier: EarlierParts,
}

/// Where the large contents of a snapshot's earlier parts are, by path, for copies in later ones.
#[derive(Default)]
struct EarlierParts(Option<HashMap<EntryPathBuf, (ContentKey, Place)>>);

impl EarlierParts {
    fn note(&mut self, change: &Change) {
        let (Some(places), Action::Stored(entry)) = (&mut self.0, &change.now) else { return };
        let is_large = entry.stat.size >= ACROSS_PARTS_BYTES_MIN;
        if let Some(content) = entry.content.as_ref().filter(|content| is_large && content.patch.is_none()) {
            places.insert(change.path.clone(), (content.key(entry.stat.size), content.place));
        }
    }

    /// Finds the place of a copy of the file at `copied` in the part that it names, or why it is in none.
    fn keep_place(&self, entry: &mut Entry, copied: Option<&EntryPathBuf>) -> bool {
        let (Some(content), Some(copied)) = (entry.content.as_mut(), copied) else { return false };
        let Some((key, place)) = self.0.as_ref().and_then(|places| places.get(copied)) else { return false };
        if *key != content.key(entry.stat.size) || place.bundle != content.place.bundle {
            return false;
        }
        content.place = *place;
        entry.stat.racy |= !place.is_there();
        true
    }
}

impl Changes {
    /// Opens the manifests of `files`, which are all bundles of one number, in order.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when one is not what was written or is another archive's; otherwise when one
    /// cannot be read.
    pub fn open(archive: &Archive, files: Vec<BundleFile>) -> Result<Changes> {
        let mut changes = Changes {
            files: VecDeque::new(),
            reader: None,
            heads: Vec::new(),
            records: Vec::new(),
            summary: Summary::default(),
            is_finished: files.last().is_some_and(|file| file.id().part == 0),
            last: None,
            moves: Vec::new(),
            archive: archive.clone(),
            rewritten: HashMap::new(),
            earlier: EarlierParts((files.len() > 1).then(HashMap::new)),
        };
        for file in files {
            let mut reader = archive.bundle(&file.name)?.manifest()?;
            let head = reader.head().clone();
            if head.archive != archive.id() {
                return Err(Error::damaged(format!("{} belongs to another archive", file.name))
                    .with_advice(Advice::ReplaceForeignBundle));
            }
            let is_first = changes.heads.is_empty();
            let expected = if is_first { MoveStage::Here } else { MoveStage::Before };
            let moves = reader.take_moves();
            if reader.moves_stage().is_some_and(|stage| stage != expected) || (!is_first && moves != changes.moves) {
                return Err(Error::damaged(format!("{} has not the renames of its snapshot", file.name)));
            }
            changes.moves = moves;
            add_part(&mut changes.summary, &head, reader.tail(), file.bytes);
            changes.heads.push(head);
            changes.files.push_back(file);
            if is_first {
                changes.reader = Some(reader);
            }
        }
        Ok(changes)
    }

    /// Opens the manifest of a bundle once more.
    fn opened_again(&self, file: &BundleFile) -> Result<ManifestReader> {
        let reader = self.archive.bundle(&file.name)?.manifest()?;
        let is_known = self.heads.get(self.records.len()) == Some(reader.head());
        if is_known { Ok(reader) } else { Err(exchange::written_anew(&file.name)) }
    }

    /// The state `before` after the renames, to which all changes are relative.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when one cannot be; when the index is damaged or cannot be read.
    pub fn after_moves(&self, before: &State, not_found: NotFound) -> Result<State> {
        let is_certain = not_found == NotFound::Contradiction;
        let certainty = if is_certain { Certainty::Certain } else { Certainty::Uncertain };
        moved::after_moves(before, &moved::moves_of(&self.moves, before, certainty)?)
    }

    /// Takes for the content of `entry`, which a line says is in another bundle, that of `older`, if it is the same and a repair
    /// stored it there again: it had moved, and that was no longer known.
    fn keep_stored_again(&mut self, entry: &mut Entry, older: Option<&Entry>, before: &State) -> bool {
        let place = older.and_then(|older| older.content.as_ref()).map(|content| content.place.bundle);
        let (Some(bundle), Some(content)) = (place, &mut entry.content) else { return false };
        let named = std::mem::replace(&mut content.place.bundle, bundle);
        if entry.keep_place(older) && self.was_rewritten(bundle, before) {
            return true;
        }
        if let Some(content) = &mut entry.content {
            content.place.bundle = named;
        }
        false
    }

    fn was_rewritten(&mut self, id: BundleId, before: &State) -> bool {
        let archive = &self.archive;
        *self.rewritten.entry(id).or_insert_with(|| {
            let records = before.layers().iter().flat_map(|file| &file.head().bundles);
            let mut names = records.filter_map(|record| BundleName::parse(&record.name));
            let name = names.find(|name| name.id == id);
            let head = name.and_then(|name| archive.bundle(&name).ok()?.own_head());
            head.is_some_and(|head| head.stands_for.is_some())
        })
    }

    /// The first lines of the bundles.
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// The first of the bundles that names another one as its parent than the one that stands before it. Of bundles whose
    /// changes were not all given out nothing is said.
    pub fn first_without_its_parent(&self, archive: &Archive, before: &State) -> Option<&Head> {
        let newest = before.layers().first().and_then(|file| file.head().bundles.last());
        let befores = std::iter::once(newest).chain(self.records.iter().map(Some));
        self.heads.iter().zip(befores).find(|(head, before)| !follows(archive, head, *before)).map(|(head, _)| head)
    }

    /// The bundles whose changes have all been given out.
    pub fn records(&self) -> &[BundleRecord] {
        &self.records
    }

    /// The snapshot as a whole; `None` when it was not finished.
    pub fn summary(&self) -> Option<&Summary> {
        Some(&self.summary).filter(|_| self.is_finished)
    }

    /// What is said of it where it was not finished and a list of its changes was lost: up to which snapshot that matters.
    pub fn uncertain_unfinished(&self) -> Option<(SnapshotNumber, SnapshotNumber)> {
        let Summary { number, uncertain_until, .. } = self.summary;
        (!self.is_finished && uncertain_until >= number).then_some((number, uncertain_until))
    }

    /// The next change; `None` after the last.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when a manifest is not what was written, or lines are not in order; otherwise
    /// when it cannot be read.
    pub fn next_change(&mut self) -> Result<Option<Change>> {
        while let Some(file) = self.files.front() {
            let mut reader = self.reader.take().map_or_else(|| self.opened_again(file), Ok)?;
            if let Some(change) = reader.next_change()? {
                self.reader = Some(reader);
                if self.last.as_ref().is_some_and(|last| last.row_order(&change.path).is_ge()) {
                    return Err(Error::damaged("the lines of a manifest are not in order"));
                }
                self.last = Some(change.path.clone());
                self.earlier.note(&change);
                return Ok(Some(change));
            }
            if let Some(file) = self.files.pop_front() {
                let (name, manifest) = (file.name.as_str().to_owned(), reader.digest().0);
                let Head { pruned_until, joined_from, .. } = *reader.head();
                let (pruned_until, joined_from) = (pruned_until.get(), joined_from.get());
                self.records.push(BundleRecord { name, bytes: file.bytes, manifest, pruned_until, joined_from });
            }
        }
        Ok(None)
    }
}

/// Whether the parent that `head` names is the bundle `before`, or the one that this stands for.
fn follows(archive: &Archive, head: &Head, before: Option<&BundleRecord>) -> bool {
    let (Some(parent), Some(before)) = (&head.parent, before) else { return head.parent.is_none() && before.is_none() };
    let stands_for = || archive.bundle(&parent.bundle).ok()?.own_head()?.stands_for;
    parent.bundle.as_str() == before.name
        && (parent.manifest.0 == before.manifest || stands_for() == Some(parent.manifest))
}

/// Adds to what is said of a snapshot what one of its bundles says, which is `bytes` long.
pub fn add_part(summary: &mut Summary, head: &Head, tail: &Tail, bytes: u64) {
    summary.number = head.id.number;
    summary.time = head.time;
    summary.sources = head.sources.as_slice().into();
    summary.note.clone_from(&head.note);
    summary.uncertain_until = summary.uncertain_until.max(head.uncertain_until);
    summary.joined_from = summary.joined_from.max(head.joined_from);
    summary.counts.add(&tail.counts);
    summary.problems = summary.problems.saturating_add(tail.problems_total);
    summary.bytes_added = summary.bytes_added.saturating_add(bytes);
}

/// What a content is that a line says is where it was, and that the state before does not have there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotFound {
    /// Impossible: the manifests contradict each other.
    Contradiction,
    /// Lost: a list of changes before was lost in part.
    Lost,
    /// As the line says: bundles before are missing.
    Unknown,
}

impl NotFound {
    /// What it is for these changes of `number`, if all bundles before are there, of which `before` is the state.
    pub fn after(before: &State, number: SnapshotNumber, changes: &Changes) -> NotFound {
        let is_uncertain = before.is_uncertain(number) || changes.summary.uncertain_until >= number;
        if is_uncertain { NotFound::Lost } else { NotFound::Contradiction }
    }
}

/// The changed entry with its place; where the content was kept, the place is that of the entry before. `None`: it is gone.
fn resolved(change: &Change, before: &State, changes: &mut Changes, not_found: NotFound) -> Result<Option<Entry>> {
    let entry = match &change.now {
        Action::Removed(_) => return Ok(None),
        Action::Stored(entry) if entry.content.as_ref().is_none_or(|content| content.patch.is_none()) => {
            return Ok(Some(entry.clone()));
        }
        Action::Stored(entry) | Action::Referenced(entry) => entry,
    };
    let mut entry = entry.clone();
    let older = before.find(change.copy_of.as_ref().unwrap_or(&change.path))?;
    let is_found = match &change.now {
        Action::Stored(_) => entry.keep_base(older.as_ref()),
        // A copy of what an older bundle has, or an earlier part of the same snapshot.
        _ => {
            entry.keep_place(older.as_ref())
                || changes.earlier.keep_place(&mut entry, change.copy_of.as_ref())
                || changes.keep_stored_again(&mut entry, older.as_ref(), before)
        }
    };
    if !is_found {
        match not_found {
            NotFound::Contradiction => {
                return Err(Error::damaged(format!("the manifests contradict each other about {}", change.path)));
            }
            NotFound::Lost => entry.lose(),
            // Without the older content nothing can be made.
            NotFound::Unknown if matches!(change.now, Action::Stored(_)) => entry.lose(),
            NotFound::Unknown => {}
        }
    }
    Ok(Some(entry))
}

/// The rows of older index files, between which changes take their places.
struct Older(Rows);

impl Older {
    /// The rows that lead from the state at `from` to `before`; of a whole state none that are gone.
    fn new(before: &State, from: SnapshotNumber) -> Older {
        let root = EntryPathBuf::root();
        Older(Rows::new(if from == SnapshotNumber::NONE {
            before.groups(&root)
        } else {
            before.since(from).groups_and_gone(&root)
        }))
    }

    /// The next row that stands before that of `change`, or of all that are left. The row of the same path is passed over: the
    /// change takes its place.
    fn next_before(&mut self, change: Option<&EntryPath>) -> Result<Option<(&EntryPath, &Row)>> {
        let Some((directory, row)) = self.0.peek()? else { return Ok(None) };
        let order = change.map_or(Ordering::Less, |change| {
            path::row_order((directory.as_bytes(), row.name()), path::split_last(change.as_bytes()))
        });
        match order {
            Ordering::Less => self.0.take(),
            Ordering::Equal => {
                self.0.take()?;
                Ok(None)
            }
            Ordering::Greater => Ok(None),
        }
    }
}

/// One row of an index file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndexRow {
    /// The path.
    pub path: EntryPathBuf,
    /// What is there; `None`: it is gone.
    pub entry: Option<Entry>,
}

impl IndexRow {
    /// The row of a name in a directory.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn of((directory, row): (&EntryPath, &Row)) -> Result<IndexRow> {
        Ok(IndexRow { path: row.path_in(directory)?, entry: row.entry()? })
    }
}

/// The rows that lead from the state at `from` to the state after `changes`, which follow the state `before`.
///
/// # Errors
/// As for [`Changes::after_moves`].
pub fn rows(before: &State, from: SnapshotNumber, changes: Changes, not_found: NotFound) -> Result<ChangedRows> {
    let before = changes.after_moves(before, not_found)?;
    let older = Older::new(&before, from);
    Ok(ChangedRows { older, before, is_whole: from == SnapshotNumber::NONE, changes, not_found, waiting: None })
}

/// See [`rows`].
pub struct ChangedRows {
    older: Older,
    /// The state before, after renames.
    before: State,
    is_whole: bool,
    changes: Changes,
    not_found: NotFound,
    waiting: Option<IndexRow>,
}

impl ChangedRows {
    fn advance(&mut self) -> Result<Option<IndexRow>> {
        loop {
            if self.waiting.is_none()
                && let Some(change) = self.changes.next_change()?
            {
                let entry = resolved(&change, &self.before, &mut self.changes, self.not_found)?;
                self.waiting = Some(IndexRow { path: change.path, entry });
            }
            if let Some(older) = self.older.next_before(self.waiting.as_ref().map(|row| row.path.as_ref()))? {
                return IndexRow::of(older).map(Some);
            }
            let Some(row) = self.waiting.take() else { return Ok(None) };
            if row.entry.is_some() || !self.is_whole {
                return Ok(Some(row));
            }
        }
    }
}

impl Iterator for ChangedRows {
    type Item = Result<IndexRow>;

    fn next(&mut self) -> Option<Result<IndexRow>> {
        self.advance().transpose()
    }
}

/// What the index file of `number` says of itself before its changes are known, which follow the state `before`.
pub fn index_head(archive: ArchiveId, number: SnapshotNumber, before: &State) -> IndexHead {
    let from = base_of(number, before);
    let mut head = IndexHead { archive, number, from, ..IndexHead::default() };
    for file in before.since(from).layers().iter().rev() {
        head.bundles.extend(file.head().bundles.iter().cloned());
        head.snapshots.extend(file.head().snapshots.iter().cloned());
        head.uncertain_unfinished.extend(&file.head().uncertain_unfinished);
    }
    head
}

/// The state from which the index file of `number` starts. Deltas skip back as in a Fenwick tree (1994) with base 4: a chain is
/// as long as the number has digits to that base that are not 0, and a row is written at most three times for each. Base 2
/// makes chains up to twice as long, and saves a third of the writing.
fn base_of(number: SnapshotNumber, before: &State) -> SnapshotNumber {
    let Some((whole, deltas)) = before.layers().split_last() else { return SnapshotNumber::NONE };
    let deltas_bytes: u64 = deltas.iter().map(|file| file.length()).sum();
    if deltas_bytes > (whole.length() / DELTAS_PART).max(DELTAS_BYTES_MIN) {
        return SnapshotNumber::NONE;
    }
    let wanted = SnapshotNumber::from(number.get() - lowest_digit(number.get() - whole.head().number.get()));
    let known = before.layers().iter().map(|file| file.head().number);
    known.filter(|known| *known <= wanted).max().unwrap_or_default()
}

/// The value of the lowest digit to base 4 that is not 0.
fn lowest_digit(number: u32) -> u32 {
    let place = number.trailing_zeros() & !1;
    number & 0b11_u32.checked_shl(place).unwrap_or(0)
}

/// An index file on its way: older rows and changes, merged while the changes come.
pub struct IndexRows {
    /// The store's name that it is published under.
    name: String,
    head: IndexHead,
    writer: IndexWriter,
    older: Older,
}

impl IndexRows {
    /// Begins the file `name`; `head` is that of [`index_head`] for the same `before`, which is the state after the renames.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(upload: Box<dyn Upload>, name: String, head: IndexHead, before: &State) -> Result<IndexRows> {
        let older = Older::new(before, head.from);
        Ok(IndexRows { name, head, writer: IndexWriter::new(upload)?, older })
    }

    /// Adds a change, in the order of rows. Places in parts of the file's own number count the last part from 1, too.
    ///
    /// # Errors
    /// When the store fails, or the index is damaged or cannot be read.
    pub fn push(&mut self, path: &EntryPath, entry: Option<&Entry>) -> Result<()> {
        self.push_older(Some(path))?;
        if entry.is_none() && self.head.from == SnapshotNumber::NONE {
            return Ok(());
        }
        let (directory, name) = path::split_last(path.as_bytes());
        self.writer.push(directory, name, entry)
    }

    fn push_older(&mut self, until: Option<&EntryPath>) -> Result<()> {
        while let Some((directory, row)) = self.older.next_before(until)? {
            self.writer.push(directory.as_bytes(), row.name(), row.entry()?.as_ref())?;
        }
        Ok(())
    }

    /// Adds all changes and publishes the file. `before` is the state that they follow, after the renames; `go_on` is asked before
    /// each.
    ///
    /// # Errors
    /// That of `go_on`; as for [`rows`] and [`IndexRows::publish`].
    pub fn write(
        mut self,
        changes: &mut Changes,
        before: &State,
        not_found: NotFound,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        self.writer.set_parts(changes.heads().iter().map(|head| head.id));
        while let Some(change) = changes.next_change()? {
            go_on()?;
            let entry = resolved(&change, before, changes, not_found)?;
            self.push(&change.path, entry.as_ref())?;
        }
        self.head.uncertain_unfinished.extend(changes.uncertain_unfinished());
        self.publish(changes.records().to_vec(), changes.summary().cloned())
    }

    /// Publishes the file. `bundles` are those of its number, `snapshot` is what is said of it if it is finished.
    ///
    /// # Errors
    /// When the store fails, or the index is damaged or cannot be read; the file is then not published.
    pub fn publish(mut self, bundles: Vec<BundleRecord>, snapshot: Option<Summary>) -> Result<()> {
        self.push_older(None)?;
        self.head.bundles.extend(bundles);
        self.head.snapshots.extend(snapshot);
        self.writer.publish(&self.name, &self.head).map(drop)
    }
}

/// What differs between two states at one path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The path.
    pub path: EntryPathBuf,
    /// What was there; `None`: nothing.
    pub old: Option<Entry>,
    /// What is there; `None`: nothing. It is never the same as `old`.
    pub new: Option<Entry>,
}

/// The differences of two states, in the order of rows. Index files that both are made of are not gone through.
pub fn differences(old: &State, new: &State) -> Differences {
    differences_below(old, new, EntryPath::root())
}

/// The differences of two states in the directory `top` and below it, in the order of rows; of `top` itself nothing is said.
pub fn differences_below(old: &State, new: &State, top: &EntryPath) -> Differences {
    let (only_old, only_new, common) = old.fork(new);
    let rows = |state: State| Rows::new(state.groups_and_gone(top));
    Differences { old: rows(only_old), new: rows(only_new), common }
}

/// See [`differences`].
pub struct Differences {
    /// What leads from what is common to the old state.
    old: Rows,
    /// What leads from what is common to the new state.
    new: Rows,
    common: State,
}

impl Differences {
    fn advance(&mut self) -> Result<Option<Difference>> {
        loop {
            let order = match (self.old.peek()?, self.new.peek()?) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => {
                    path::row_order((old.0.as_bytes(), old.1.name()), (new.0.as_bytes(), new.1.name()))
                }
            };
            let old = if order.is_le() { self.old.take()?.map(IndexRow::of).transpose()? } else { None };
            let new = if order.is_ge() { self.new.take()?.map(IndexRow::of).transpose()? } else { None };
            let (path, old, new) = match (old, new) {
                (Some(old), Some(new)) => (new.path, old.entry, new.entry),
                (Some(IndexRow { path, entry }), None) => {
                    let new = self.common.find(&path)?;
                    (path, entry, new)
                }
                (None, Some(IndexRow { path, entry })) => {
                    let old = self.common.find(&path)?;
                    (path, old, entry)
                }
                (None, None) => return Ok(None),
            };
            if old != new {
                return Ok(Some(Difference { path, old, new }));
            }
        }
    }
}

impl Iterator for Differences {
    type Item = Result<Difference>;

    fn next(&mut self) -> Option<Result<Difference>> {
        self.advance().transpose()
    }
}
