//! The second stage: every index file against the manifests it was made from, each from the state before it. Never
//! writes to the archive.

use super::affected::Affected;
use super::check::Check;
use super::check::is_about_the_file;
use super::finding::ArchiveFile;
use super::finding::Fault;
use super::finding::Witness;
use super::finding::sentence;
use super::history::Reference;
use crate::archive::listing::parse_index_name;
use crate::archive::open::BundleFile;
use crate::archive::open::INDEX;
use crate::archive::replay;
use crate::archive::replay::ChangedRows;
use crate::archive::replay::Changes;
use crate::archive::replay::IndexRow;
use crate::archive::replay::IndexRows;
use crate::archive::replay::NotFound;
use crate::archive::state::Rows;
use crate::archive::state::State;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Event;
use crate::base::monitor::Notice;
use crate::base::path::EntryPath;
use crate::format::index::IndexFile;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Compares every index file with the manifests.
pub(super) fn compare(check: &mut Check) -> Result<()> {
    let mut stored: BTreeMap<SnapshotNumber, Vec<String>> = BTreeMap::new();
    for name in &check.index_files {
        if let Some(number) = parse_index_name(name) {
            // A whole state comes first: it is what is used.
            stored.entry(number).or_default().insert(0, name.clone());
        }
    }
    // First of all: what remains of a snapshot does not tell that it was more.
    for (number, names) in &stored {
        for name in names {
            let Ok(file) = open_index(check, name) else { continue };
            if (file.head().archive, file.head().number) == (check.archive.id(), *number) {
                note_all_missing(check, &file);
            }
        }
    }
    let mut numbers: BTreeSet<SnapshotNumber> = check.examined.keys().map(|id| id.number).collect();
    numbers.extend(stored.keys());
    numbers.extend(check.missing.keys().map(|id| id.number));
    let mut previous = SnapshotNumber::NONE;
    for number in numbers {
        check.stop_if_interrupted()?;
        compare_number(check, number, previous, stored.get(&number).map_or(&[][..], Vec::as_slice))?;
        previous = number;
    }
    Ok(())
}

/// The step from the state before a number to that at it.
struct Step {
    number: SnapshotNumber,
    before: State,
    /// Whether that is the state before it, and none older.
    is_right_before: bool,
}

/// All index files of one number; then one of them, or a better one, is the reference.
fn compare_number(
    check: &mut Check,
    number: SnapshotNumber,
    previous: SnapshotNumber,
    stored: &[String],
) -> Result<()> {
    let (before, is_right_before) = check.history.before(number, previous)?;
    let manifests = sound_bundles(check, number);
    let step = Step { number, before, is_right_before };
    let mut reference = None;
    for name in stored {
        match compare_file(check, name, &step, manifests.as_deref().filter(|_| is_right_before)) {
            // It only lags behind: it is made again when it is needed.
            Ok(None) => {}
            Ok(Some(from)) => {
                let complete = check.history.is_complete(from);
                reference = reference.or(Some(Reference {
                    from,
                    name: format!("{INDEX}/{name}"),
                    in_scratch: false,
                    complete,
                }));
            }
            Err(error) if is_about_the_file(&error) => {
                let can_be_made_again = manifests.is_some() && is_right_before;
                let fault = Fault::Index { why: sentence(&error), can_be_made_again };
                check.found(ArchiveFile::Index(name.clone()), fault, Affected::Nothing);
            }
            // This user may not read it: as if it were missing.
            Err(error) if error.kind() == ErrorKind::RefusedBySystem => {
                let (file, why) = (format!("{INDEX}/{name}"), error.to_string());
                check.monitor.event(Event::Notice(&Notice::IndexNotChecked { file, why }));
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(reference) = reference {
        check.history.references.insert(number, reference);
        return Ok(());
    }
    let Some(manifests) = manifests else { return Ok(()) };
    let Some(last) = manifests.last().map(|file| file.name.clone()) else { return Ok(()) };
    match build(check, &step, manifests) {
        Ok(reference) => drop(check.history.references.insert(number, reference)),
        Err(error) if error.is_damage() && is_right_before => {
            let fault = Fault::Contradiction(sentence(&error));
            check.found(ArchiveFile::Bundle(last), fault, Affected::Since(number));
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
    Step { number, before, .. }: &Step,
    manifests: Option<&[BundleFile]>,
) -> Result<Option<SnapshotNumber>> {
    let file = Arc::new(open_index(check, name)?);
    let from = file.head().from;
    if check_records(check, &file, *number)? == Age::Old {
        return Ok(None);
    }
    let base = if from == SnapshotNumber::NONE { None } else { check.history.state(from)? };
    let layers = std::iter::once(file.clone()).chain(base.iter().flat_map(|base| base.layers().iter().cloned()));
    if !State::new(layers.collect()).fits_in_memory() {
        return Err(Error::damaged("it has larger blocks than there can be"));
    }
    let Some(manifests) = manifests else {
        read_all(&file)?;
        let known = from == SnapshotNumber::NONE || check.history.references.contains_key(&from);
        return if known { Ok(Some(from)) } else { Err(Error::damaged("what it builds on is not known")) };
    };
    let changes = Changes::open(check.archive, manifests.to_vec())?;
    check_summaries(&file, before, &changes)?;
    let is_layer = before.layers().iter().any(|layer| layer.head().number == from);
    let (base, actual) = if from > SnapshotNumber::NONE && is_layer {
        (from, State::new(vec![file.clone()]).groups_and_gone(EntryPath::root()))
    } else {
        let base = base.ok_or_else(|| Error::damaged("what it builds on is not known"));
        let base = if from == SnapshotNumber::NONE { State::default() } else { base? };
        let layers = std::iter::once(file.clone()).chain(base.layers().iter().cloned());
        (SnapshotNumber::NONE, State::new(layers.collect()).groups(EntryPath::root()))
    };
    let not_found = NotFound::after(before, *number, &changes);
    let expected = replay::rows(before, base, changes, not_found)?;
    let count = check_rows(expected, Rows::new(actual))?;
    if (from == SnapshotNumber::NONE || is_layer) && count != file.rows() {
        return Err(Error::damaged("it does not have as many rows as it says"));
    }
    Ok(Some(from))
}

/// Whether the rows are as they must be, all of them; how many they are.
fn check_rows(mut expected: ChangedRows, mut actual: Rows) -> Result<u64> {
    let mut count = 0;
    loop {
        let wanted = expected.next().transpose()?;
        let row = actual.take()?.map(IndexRow::of).transpose()?;
        if wanted == row {
            if wanted.is_none() {
                return Ok(count);
            }
            count += 1;
            continue;
        }
        let path = wanted.or(row).map(|row| row.path.to_string()).unwrap_or_default();
        return Err(Error::damaged(format!("it does not say of {path} what the manifests say")));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    New,
    Old,
}

/// What an index file says of itself must fit its name, the archive and the bundles that are there or known to be missing.
fn check_records(check: &Check, file: &IndexFile, number: SnapshotNumber) -> Result<Age> {
    let head = file.head();
    if head.archive != check.archive.id() {
        return Err(Error::damaged("it belongs to another archive"));
    }
    if head.number != number || head.from >= number {
        return Err(Error::damaged(format!("it belongs to snapshot {}", head.number)));
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
            // A damaged bundle is reported as such; it may have lost its table and still have its manifest.
            let is_damaged = || check.damages.iter().any(|damage| damage.place.bundle() == Some(&examined.file.name));
            let length = examined.file.bytes == record.bytes || is_damaged();
            // What was repaired since has other places for contents, but the same entries.
            let repaired = examined.head.as_ref().is_some_and(|head| head.stands_for == Some(Hash(record.manifest)));
            examined.file.name.as_str() == record.name && ((length && digest) || repaired)
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
        if is_known || check.was_never_there(name.id) {
            continue;
        }
        check.missing.insert(name.id, name.clone());
        let id = name.id;
        check.found(ArchiveFile::Bundle(name), Fault::Missing(Witness::Index), Affected::everything(id));
    }
}

fn open_index(check: &Check, name: &str) -> Result<IndexFile> {
    check.archive.store().open(&format!("{INDEX}/{name}")).and_then(IndexFile::open)
}

/// Whether it says of all snapshots between its states what the manifests say.
fn check_summaries(file: &IndexFile, before: &State, changes: &Changes) -> Result<()> {
    let heads = || before.layers().iter().rev().map(|layer| layer.head());
    let known = heads().flat_map(|head| &head.snapshots);
    let known = known.filter(|known| known.number > file.head().from).chain(changes.summary());
    let unfinished = heads().flat_map(|head| head.uncertain_unfinished.iter().copied());
    let unfinished = unfinished.filter(|(number, _)| *number > file.head().from).chain(changes.uncertain_unfinished());
    if known.eq(&file.head().snapshots) && unfinished.eq(file.head().uncertain_unfinished.iter().copied()) {
        return Ok(());
    }
    Err(Error::damaged("it does not say of the snapshots what the manifests say"))
}

/// Reads all rows, so that what is damaged shows.
fn read_all(file: &Arc<IndexFile>) -> Result<()> {
    let mut rows = Rows::new(State::new(vec![file.clone()]).groups_and_gone(EntryPath::root()));
    while let Some(row) = rows.take()? {
        IndexRow::of(row)?;
    }
    Ok(())
}

/// Makes an index file of a number elsewhere, from the manifests and the state before.
fn build(check: &mut Check, step: &Step, manifests: Vec<BundleFile>) -> Result<Reference> {
    let Step { number, before, is_right_before } = step;
    let (number, is_right_before) = (*number, *is_right_before);
    let mut changes = Changes::open(check.archive, manifests)?;
    let not_found = match NotFound::after(before, number, &changes) {
        NotFound::Contradiction if !is_right_before => NotFound::Unknown,
        not_found => not_found,
    };
    let newest = before.layers().first().map_or(SnapshotNumber::NONE, |newest| newest.head().number);
    let complete = is_right_before && check.history.is_complete(newest);
    let before = &changes.after_moves(before, not_found)?;
    let head = replay::index_head(check.archive.id(), number, before);
    let (from, name) = (head.from, format!("{number:06}.made"));
    let rows = IndexRows::new(check.history.scratch()?.create(&name)?, name.clone(), head, before)?;
    rows.write(&mut changes, before, not_found, &|| check.stop_if_interrupted())?;
    Ok(Reference { from, name, in_scratch: true, complete })
}

/// The bundles of a number; `None` when the manifest of one is not sound, or one is missing.
fn sound_bundles(check: &Check, number: SnapshotNumber) -> Option<Vec<BundleFile>> {
    let of_number = |id: &BundleId| id.number == number;
    let examined: Vec<_> = check.examined.values().filter(|examined| of_number(&examined.file.id())).collect();
    let sound = !examined.is_empty() && examined.iter().all(|examined| examined.manifest.is_some());
    let whole = sound && !check.missing.keys().any(of_number);
    whole.then(|| examined.iter().map(|examined| examined.file.clone()).collect())
}
