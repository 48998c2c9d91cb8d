//! The second look: every index file against the manifests it was made from, each from the state before it; and the states
//! that are known to be right, for whoever asks later. Never writes to the archive.

use super::Check;
use super::Touched;
use super::is_about_the_file;
use super::told;
use crate::archive::open::Archive;
use crate::archive::open::BundleFile;
use crate::archive::open::INDEX;
use crate::archive::open::bundle_path;
use crate::archive::state::Rows;
use crate::archive::state::State;
use crate::base::entry::Entry;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::id::Number;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::snapshot::Summary;
use crate::base::snapshot::uncertain_since;
use crate::format::bundle::ManifestReader;
use crate::format::index::IndexFile;
use crate::format::index::IndexHead;
use crate::format::index::IndexWriter;
use crate::format::manifest::Change;
use crate::format::manifest::Now;
use crate::system::store::Scratch;
use crate::system::store::Store;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

/// Which state an index file leads from, and where it is.
struct Reference {
    from: Number,
    name: String,
    in_scratch: bool,
    /// Whether it is known to hold all that was there then: nothing on the way to it is missing.
    complete: bool,
}

/// The states that are known, by number: the archive's own index files where they are right, others made here.
pub(crate) struct History<'a> {
    archive: &'a Archive,
    scratch: Option<Scratch>,
    references: BTreeMap<Number, Reference>,
}

impl<'a> History<'a> {
    pub fn new(archive: &'a Archive) -> History<'a> {
        History { archive, scratch: None, references: BTreeMap::new() }
    }

    /// The state at `number`, if it is known.
    pub fn state(&self, number: Number) -> Result<Option<State>> {
        let mut layers = Vec::new();
        let mut at = number;
        while at > 0 {
            let Some(reference) = self.references.get(&at) else { return Ok(None) };
            let store = match &self.scratch {
                Some(scratch) if reference.in_scratch => scratch.store(),
                _ => &**self.archive.store(),
            };
            layers.push(Arc::new(IndexFile::open(store.open(&reference.name)?)?));
            at = reference.from;
        }
        Ok(Some(State::new(layers)))
    }

    /// Whether the state at `number` is known with all that it held.
    pub fn is_complete(&self, number: Number) -> bool {
        number == 0 || self.references.get(&number).is_some_and(|reference| reference.complete)
    }

    /// The state before the bundles of `number`, if it is known for certain.
    pub fn state_before(&self, number: Number) -> Result<Option<State>> {
        let newest = self.references.range(..number).next_back().map_or(0, |(number, _)| *number);
        if self.is_complete(number) && self.is_complete(newest) { self.state(newest) } else { Ok(None) }
    }

    /// The newest state before `number` that is known, be it the one before it or not.
    pub fn newest_before(&self, number: Number) -> Result<State> {
        Ok(self.before(number, 0)?.0)
    }

    /// The newest known state before `number`, and whether it is the very one before it.
    fn before(&self, number: Number, previous: Number) -> Result<(State, bool)> {
        let newest = self.references.range(..number).next_back().map_or(0, |(number, _)| *number);
        Ok((self.state(newest)?.unwrap_or_default(), newest == previous))
    }

    fn scratch(&mut self) -> Result<&dyn Store> {
        if self.scratch.is_none() {
            self.scratch = Some(Scratch::new()?);
        }
        self.scratch.as_ref().map(Scratch::store).ok_or_else(|| Error::damaged("there is no room for an index"))
    }
}

/// The number of `000042.full` or `000042.delta`.
pub(crate) fn parse_index_name(name: &str) -> Option<Number> {
    let digits = name.strip_suffix(".full").or_else(|| name.strip_suffix(".delta"))?;
    let plain = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| plain && *number > 0)
}

/// Compares every index file with the manifests.
pub(super) fn compare(check: &mut Check) -> Result<()> {
    let mut stored: BTreeMap<Number, Vec<String>> = BTreeMap::new();
    for name in &check.index_files {
        if let Some(number) = parse_index_name(name) {
            // A whole state comes first: it is what is used.
            stored.entry(number).or_default().insert(0, format!("{INDEX}/{name}"));
        }
    }
    // First of all: what remains of a snapshot does not tell that it was more.
    for (number, names) in &stored {
        for name in names {
            let Ok(file) = check.archive.store().open(name).and_then(IndexFile::open) else { continue };
            if (file.head().archive, file.head().number) == (check.archive.id(), *number) {
                note_all_missing(check, &file);
            }
        }
    }
    let mut numbers: BTreeSet<Number> = check.examined.keys().map(|id| id.number).collect();
    numbers.extend(stored.keys());
    numbers.extend(check.missing.keys().map(|id| id.number));
    let mut previous = 0;
    for number in numbers {
        check.stop_if_interrupted()?;
        compare_number(check, number, previous, stored.get(&number).map_or(&[][..], Vec::as_slice))?;
        previous = number;
    }
    Ok(())
}

/// All index files of one number; then one of them, or a better one, is the reference.
fn compare_number(check: &mut Check, number: Number, previous: Number, stored: &[String]) -> Result<()> {
    let (before, is_right_before) = check.history.before(number, previous)?;
    let manifests = Manifests::of(check, number);
    let mut reference = None;
    for name in stored {
        match compare_file(check, name, number, &before, manifests.as_ref().filter(|_| is_right_before)) {
            // It only lags behind: it is made again when it is needed.
            Ok(None) => {}
            Ok(Some(from)) => {
                let complete = check.history.is_complete(from);
                reference = reference.or(Some(Reference { from, name: name.clone(), in_scratch: false, complete }));
            }
            Err(error) if is_about_the_file(&error) => {
                let advice = if manifests.is_some() && is_right_before {
                    "Nothing is lost: snap makes it again by itself, from the bundles, when it needs it."
                } else {
                    "It cannot be made again, for bundles are missing or damaged."
                };
                check.found(name, format!("{} {advice}", told(&error)), Touched::Nothing);
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(reference) = reference {
        check.history.references.insert(number, reference);
        return Ok(());
    }
    let Some(manifests) = manifests else { return Ok(()) };
    match build(check, number, &before, &manifests, is_right_before) {
        Ok(reference) => drop(check.history.references.insert(number, reference)),
        Err(error) if error.is_damage() && is_right_before => {
            let file = manifests.files.last().map(|file| bundle_path(&file.name)).unwrap_or_default();
            check.found(file, told(&error), Touched::Since(number));
        }
        Err(error) if is_about_the_file(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Reads all of an index file and, where the state before it is known, compares it with what the manifests say. Gives the
/// number that it leads from; `None` when bundles were added after it was made.
fn compare_file(
    check: &mut Check,
    name: &str,
    number: Number,
    before: &State,
    manifests: Option<&Manifests>,
) -> Result<Option<Number>> {
    let file = Arc::new(IndexFile::open(check.archive.store().open(name)?)?);
    let from = file.head().from;
    if check_records(check, &file, number)? == Age::Old {
        return Ok(None);
    }
    let base = if from == 0 { None } else { check.history.state(from)? };
    let layers = std::iter::once(file.clone()).chain(base.iter().flat_map(|base| base.layers().iter().cloned()));
    if !State::new(layers.collect()).fits_in_memory() {
        return Err(Error::damaged("it has larger blocks than there can be"));
    }
    let Some(manifests) = manifests else {
        read_all(&file)?;
        let known = from == 0 || check.history.references.contains_key(&from);
        return if known { Ok(Some(from)) } else { Err(Error::damaged("what it builds on is not known")) };
    };
    check_summaries(check, &file, manifests)?;
    let is_layer = before.layers().iter().any(|layer| layer.head().number == from);
    let (older, actual) = if from > 0 && is_layer {
        let actual = State::new(vec![file.clone()]).groups_and_gone(&EntryPath::root());
        (before.since(from).groups_and_gone(&EntryPath::root()), actual)
    } else {
        let base = check.history.state(from)?.ok_or_else(|| Error::damaged("what it builds on is not known"))?;
        let layers = std::iter::once(file.clone()).chain(base.layers().iter().cloned());
        (before.groups(&EntryPath::root()), State::new(layers.collect()).groups(&EntryPath::root()))
    };
    let mut expected = Expected::new(Rows::new(older), manifests, before, from > 0 && is_layer, Gaps::None)?;
    let mut actual = Rows::new(actual);
    loop {
        let (wanted, row) = (expected.next()?, next_row(&mut actual)?);
        match (wanted, row) {
            (None, None) => return Ok(Some(from)),
            (Some(wanted), Some(row)) if wanted == row => {}
            (wanted, row) => {
                let path = wanted.or(row).map(|row| path::joined(&row.directory, &row.name)).unwrap_or_default();
                let path = path::printable(&path);
                return Err(Error::damaged(format!("it does not say of {path} what the manifests say")));
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    New,
    Old,
}

/// What an index file says of itself must fit its name, the archive and the bundles that are there or known to be missing.
fn check_records(check: &Check, file: &IndexFile, number: Number) -> Result<Age> {
    let head = file.head();
    if head.archive != check.archive.id() {
        return Err(Error::damaged("it belongs to another archive"));
    }
    if head.number != number || head.from >= number {
        return Err(Error::damaged(format!("it is in truth that of snapshot {}", head.number)));
    }
    let mut there = check.examined.values().filter(|examined| {
        let number = examined.file.id().number;
        number > head.from && number <= head.number
    });
    for record in &head.bundles {
        let id = BundleName::parse(&record.name).ok_or_else(|| Error::damaged("it names no bundle"))?.id;
        if check.missing.contains_key(&id) {
            continue;
        }
        let same = there.next().is_some_and(|examined| {
            let digest = examined.manifest.as_ref().is_none_or(|(_, digest)| digest.0 == record.manifest);
            // A bundle that is damaged is told of as such.
            let length = examined.manifest.is_none() || examined.file.bytes == record.bytes;
            // What was mended since has other places for contents, but the same entries.
            let mended = examined.head.as_ref().is_some_and(|head| head.stands_for == Some(Hash(record.manifest)));
            examined.file.name.as_str() == record.name && ((length && digest) || mended)
        });
        if !same {
            return Err(Error::damaged("it was made from other bundles than those that are there"));
        }
    }
    Ok(if there.next().is_some() { Age::Old } else { Age::New })
}

/// Bundles that only the index remembers.
fn note_all_missing(check: &mut Check, file: &IndexFile) {
    for name in file.head().bundles.iter().filter_map(|record| BundleName::parse(&record.name)) {
        let is_known = check.examined.contains_key(&name.id) || check.missing.contains_key(&name.id);
        if is_known || was_never_there(check, name.id) {
            continue;
        }
        check.missing.insert(name.id, name.clone());
        let what = "the bundle is missing: the index remembers it. What is stored in it cannot be restored. If there is a \
                    copy of this file, put it back.";
        check.found(bundle_path(&name), what, Touched::everything(name.id));
    }
}

/// Whether the bundle after this place says that the one before it is its parent.
fn was_never_there(check: &Check, id: BundleId) -> bool {
    let before = check.examined.range(..id).next_back().map(|(_, examined)| &examined.file.name);
    let after = check.examined.range(id..).next().and_then(|(_, examined)| examined.head.as_ref());
    after.is_some_and(|after| after.parent.as_ref().map(|parent| &parent.bundle) == before)
}

fn check_summaries(check: &Check, file: &IndexFile, manifests: &Manifests) -> Result<()> {
    let noted = file.head().snapshots.last().filter(|summary| summary.number == file.head().number);
    if noted == manifests.summary(check).as_ref() {
        return Ok(());
    }
    Err(Error::damaged("it does not say of the snapshot what the manifests say"))
}

fn read_all(file: &Arc<IndexFile>) -> Result<()> {
    let mut rows = Rows::new(State::new(vec![file.clone()]).groups_and_gone(&EntryPath::root()));
    while next_row(&mut rows)?.is_some() {}
    Ok(())
}

/// Makes an index file of `number` elsewhere, from the manifests and the state before.
fn build(
    check: &mut Check,
    number: Number,
    before: &State,
    manifests: &Manifests,
    is_right_before: bool,
) -> Result<Reference> {
    // A chain as long as the number has bits, as in a Fenwick tree (1994).
    let wanted = number & (number - 1);
    let known = before.layers().iter().map(|layer| layer.head().number).filter(|known| *known <= wanted);
    let from = known.max().unwrap_or(0);
    let root = EntryPath::root();
    let older = if from == 0 { before.groups(&root) } else { before.since(from).groups_and_gone(&root) };
    let gaps = if is_right_before { Gaps::None } else { Gaps::Before };
    let mut rows = Expected::new(Rows::new(older), manifests, before, from > 0, gaps)?;
    let complete =
        is_right_before && before.layers().first().is_none_or(|newest| check.history.is_complete(newest.head().number));
    let name = format!("{number:06}.made");
    let mut writer = IndexWriter::new(check.history.scratch()?.create(&name)?)?;
    while let Some(row) = rows.next()? {
        writer.push(&row.directory, &row.name, row.entry.as_ref())?;
    }
    let mut snapshots = Vec::new();
    before.since(from).layers().iter().rev().for_each(|file| snapshots.extend(file.head().snapshots.iter().cloned()));
    snapshots.extend(manifests.summary(check));
    writer.publish(&IndexHead { archive: check.archive.id(), number, from, snapshots, ..IndexHead::default() })?;
    Ok(Reference { from, name, in_scratch: true, complete })
}

/// The manifests of one number.
struct Manifests<'a> {
    archive: &'a Archive,
    files: Vec<BundleFile>,
}

impl<'a> Manifests<'a> {
    /// `None` when one of them is not sound or missing.
    fn of(check: &Check<'a>, number: Number) -> Option<Manifests<'a>> {
        let of_number = |id: &BundleId| id.number == number;
        let examined: Vec<_> = check.examined.values().filter(|examined| of_number(&examined.file.id())).collect();
        let sound = !examined.is_empty() && examined.iter().all(|examined| examined.manifest.is_some());
        let whole = sound && !check.missing.keys().any(of_number);
        whole.then(|| Manifests {
            archive: check.archive,
            files: examined.iter().map(|examined| examined.file.clone()).collect(),
        })
    }

    /// The snapshot as a whole; `None` when it was not finished.
    fn summary(&self, check: &Check) -> Option<Summary> {
        let mut summary = Summary::default();
        for file in &self.files {
            let examined = check.examined.get(&file.id())?;
            let (head, (tail, _)) = (examined.head.as_ref()?, examined.manifest.as_ref()?);
            summary.number = head.id.number;
            summary.time = head.time;
            summary.sources.clone_from(&head.sources);
            summary.note.clone_from(&head.note);
            summary.uncertain_until = summary.uncertain_until.max(head.uncertain_until);
            summary.counts.add(&tail.counts);
            summary.problems += tail.problems_total;
            summary.bytes_added += file.bytes;
        }
        self.files.last().filter(|file| file.id().part == 0).map(|_| summary)
    }

    fn readers(&self) -> Result<VecDeque<ManifestReader>> {
        self.files.iter().map(|file| self.archive.bundle(&file.name)?.manifest()).collect()
    }
}

/// One row of an index.
#[derive(PartialEq, Eq)]
struct IndexRow {
    directory: Vec<u8>,
    name: Vec<u8>,
    entry: Option<Entry>,
}

impl IndexRow {
    fn order(&self, other: &IndexRow) -> Ordering {
        path::row_order((&self.directory, &self.name), (&other.directory, &other.name))
    }
}

/// The next row of `rows`.
fn next_row(rows: &mut Rows) -> Result<Option<IndexRow>> {
    let Some((directory, row)) = rows.peek()? else { return Ok(None) };
    let taken = IndexRow { directory: directory.to_vec(), name: row.name().to_vec(), entry: row.entry()? };
    rows.pass();
    Ok(Some(taken))
}

/// The rows that an index file must have: those of the older one, and the changes in their places.
struct Expected<'a> {
    older: Rows,
    waiting_older: Option<IndexRow>,
    readers: VecDeque<ManifestReader>,
    waiting_change: Option<IndexRow>,
    before: &'a State,
    keeps_gone: bool,
    gaps: Gaps,
    /// Whether a list of changes before was lost in part, so that a content that is not found is lost with it.
    is_uncertain: bool,
}

/// Whether something is missing between the state before and the changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gaps {
    None,
    Before,
}

impl<'a> Expected<'a> {
    fn new(
        older: Rows,
        manifests: &Manifests,
        before: &'a State,
        keeps_gone: bool,
        gaps: Gaps,
    ) -> Result<Expected<'a>> {
        let readers = manifests.readers()?;
        let known = before.layers().iter().flat_map(|file| &file.head().snapshots);
        let number = manifests.files.first().map_or(0, |file| file.id().number);
        let is_uncertain = uncertain_since(known, number).is_some();
        let mut rows = Expected {
            older,
            waiting_older: None,
            readers,
            waiting_change: None,
            before,
            keeps_gone,
            gaps,
            is_uncertain,
        };
        rows.waiting_older = next_row(&mut rows.older)?;
        rows.waiting_change = rows.next_change()?;
        Ok(rows)
    }

    fn next(&mut self) -> Result<Option<IndexRow>> {
        loop {
            let order = match (&self.waiting_older, &self.waiting_change) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(older), Some(change)) => older.order(change),
            };
            if order.is_le() {
                let next = next_row(&mut self.older)?;
                let older = std::mem::replace(&mut self.waiting_older, next);
                if order.is_lt() {
                    return Ok(older);
                }
            }
            let next = self.next_change()?;
            let change = std::mem::replace(&mut self.waiting_change, next);
            if self.keeps_gone || change.as_ref().is_some_and(|change| change.entry.is_some()) {
                return Ok(change);
            }
        }
    }

    fn next_change(&mut self) -> Result<Option<IndexRow>> {
        while let Some(reader) = self.readers.front_mut() {
            if let Some(change) = reader.next_change()? {
                let row = self.resolved(change)?;
                let in_order = self.waiting_change.as_ref().is_none_or(|last| last.order(&row).is_lt());
                if !in_order {
                    return Err(Error::damaged("the parts of a snapshot contradict each other"));
                }
                return Ok(Some(row));
            }
            self.readers.pop_front();
        }
        Ok(None)
    }

    /// A change with the place of its content; one that was kept is where the entry before has it.
    fn resolved(&self, change: Change) -> Result<IndexRow> {
        let (directory, name) = path::split_last(change.path.as_bytes());
        let (directory, name) = (directory.to_vec(), name.to_vec());
        let mut entry = match change.now {
            Now::Gone(_) => return Ok(IndexRow { directory, name, entry: None }),
            Now::Stored(entry) => return Ok(IndexRow { directory, name, entry: Some(entry) }),
            Now::Kept(entry) => entry,
        };
        if entry.keep_place(self.before.find(&change.path)?.as_ref()) {
            return Ok(IndexRow { directory, name, entry: Some(entry) });
        }
        if self.is_uncertain {
            entry.lose();
            return Ok(IndexRow { directory, name, entry: Some(entry) });
        }
        if self.gaps == Gaps::Before {
            return Ok(IndexRow { directory, name, entry: Some(entry) });
        }
        Err(Error::damaged(format!("the manifests contradict each other about {}", change.path)))
    }
}
