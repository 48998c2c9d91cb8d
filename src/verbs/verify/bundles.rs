//! The first stage: each bundle opens, its manifest is whole and says nothing impossible, and the chain of manifests is
//! unbroken. Contents are not read.

use super::affected::Affected;
use super::check::Check;
use super::check::Examined;
use super::check::is_about_the_file;
use super::finding::ArchiveFile;
use super::finding::Fault;
use super::finding::Witness;
use super::finding::sentence;
use crate::archive::open::BundleFile;
use crate::base::advice::Advice;
use crate::base::entry::Entry;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::ArchiveId;
use crate::base::id::BundleId;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPathBuf;
use crate::base::path::source_path;
use crate::format::bundle::Bundle;
use crate::format::bundle::ManifestReader;
use crate::format::manifest::Action;
use crate::format::manifest::Change;
use crate::format::manifest::Head;
use crate::format::manifest::Parent;
use crate::format::manifest::Tail;
use crate::format::tar::BLOCK_BYTES;
use std::collections::BTreeSet;

/// Examines every bundle, in order.
pub(super) fn examine(check: &mut Check) -> Result<()> {
    let files: Vec<BundleFile> = check.catalog.bundles().cloned().collect();
    for file in files {
        let examined = examine_file(check, file)?;
        check_chain(check, &examined);
        check_part(check, &examined);
        check.examined.insert(examined.file.id(), examined);
    }
    note_gaps(check);
    for (id, name) in check.missing.clone() {
        check.found(ArchiveFile::Bundle(name), Fault::Missing(Witness::Bundle), Affected::everything(id));
    }
    Ok(())
}

/// Notes parts that are missing. Parts are numbered without gaps, so this shows even if no other bundle refers to them.
fn note_gaps(check: &mut Check) {
    let mut missing = Vec::new();
    for (id, examined) in check.examined.iter().filter(|(id, _)| id.part > 1) {
        let earlier = (1..id.part).map(|part| BundleId { number: id.number, part }).rev();
        let gap = earlier.take_while(|earlier| !check.examined.contains_key(earlier));
        missing.extend(gap.filter_map(|id| examined.file.name.with_part(id.part)));
    }
    for name in missing {
        if !check.was_never_there(name.id) {
            check.missing.entry(name.id).or_insert(name);
        }
    }
}

/// Examines the bundles of these snapshots, each by itself.
pub(super) fn examine_some(check: &mut Check, numbers: &BTreeSet<SnapshotNumber>) -> Result<()> {
    let wanted = |file: &&BundleFile| numbers.contains(&file.id().number);
    let files: Vec<BundleFile> = check.catalog.bundles().filter(wanted).cloned().collect();
    for file in files {
        let examined = examine_file(check, file)?;
        check.examined.insert(examined.file.id(), examined);
    }
    Ok(())
}

fn examine_file(check: &mut Check, file: BundleFile) -> Result<Examined> {
    check.stop_if_interrupted()?;
    let mut examined =
        Examined { file, head: None, manifest: None, is_itself: false, cut_at: None, lost: 0, last_path: None };
    if let Err(error) = examine_one(check, &mut examined) {
        if !is_about_the_file(&error) {
            return Err(error);
        }
        let (fault, affected) = unreadable(&examined, &error);
        check.found(ArchiveFile::Bundle(examined.file.name.clone()), fault, affected);
    }
    Ok(examined)
}

/// What it means that a bundle or its manifest cannot be read.
fn unreadable(examined: &Examined, error: &Error) -> (Fault, Affected) {
    let (id, why) = (examined.file.id(), sentence(error));
    let (fault, affected) = if let Some(end) = examined.cut_at {
        (Fault::CutOff(why), Affected::Bytes { bundle: id, ranges: std::iter::once(end..u64::MAX).collect() })
    } else if examined.is_itself {
        (Fault::Manifest(why), Affected::Manifest(id))
    } else {
        (Fault::Unusable(why), Affected::everything(id))
    };
    // The error itself says what to do.
    match error.advice() {
        Some(advice) => (Fault::Foreign(sentence(error), advice.clone()), affected),
        None => (fault, affected),
    }
}

fn examine_one(check: &mut Check, examined: &mut Examined) -> Result<()> {
    let bundle = check.archive.bundle(&examined.file.name)?;
    examined.is_itself = is_itself(&bundle, check.archive.id());
    examined.cut_at = (!bundle.has_sound_table()).then(|| bundle.table().raw_bytes());
    let mut reader = bundle.manifest()?;
    let head = check_head(&reader, check.archive.id(), examined)?;
    let sources: Vec<EntryPathBuf> = head.sources.iter().filter_map(|source| source_path(&source.name)).collect();
    examined.head = Some(head);
    let mut last: Option<Change> = None;
    while let Some(change) = reader.next_change()? {
        check.entries += 1;
        if check.entries.is_multiple_of(4096) {
            check.stop_if_interrupted()?;
        }
        if last.as_ref().is_some_and(|last| last.path.row_order(&change.path).is_ge()) {
            return Err(wrong_line(examined, &format!("the line of {} is not where it belongs", change.path)));
        }
        check.pruned += u64::from(matches!(&change.now, Action::Stored(entry) if entry.is_pruned()));
        examined.lost += u64::from(matches!(&change.now, Action::Stored(entry) if entry.is_lost()));
        check_place(&change, reader.tail()).map_err(|what| wrong_line(examined, &what))?;
        check_entry(&change).map_err(|what| wrong_line(examined, &what))?;
        if !sources.iter().any(|source| change.path.is_in(source)) {
            return Err(wrong_line(examined, &format!("{} is in none of its sources", change.path)));
        }
        last = Some(change);
    }
    // The problems of all bundles together may take much memory.
    let tail = Tail { problems: Vec::new(), ..reader.tail().clone() };
    examined.manifest = Some((tail, reader.digest()));
    examined.is_itself = true;
    examined.last_path = last.map(|last| last.path);
    tell_of_repair(check, examined);
    Ok(())
}

/// Notes what is known to be lost, and what is easily repaired.
fn tell_of_repair(check: &mut Check, examined: &Examined) {
    let place = || ArchiveFile::Bundle(examined.file.name.clone());
    if examined.cut_at.is_some() {
        check.found(place(), Fault::Table, Affected::Nothing);
    }
    if examined.lost > 0 {
        check.found(place(), Fault::LostContents(examined.lost), Affected::Lost(examined.file.id()));
    }
    let until = examined.head.as_ref().map_or(SnapshotNumber::NONE, |head| head.uncertain_until);
    if until > SnapshotNumber::NONE {
        check.found(place(), Fault::LostChanges, Affected::Uncertain(examined.file.id().number..=until));
    }
}

/// Whether nothing that can still be read says that the file is another bundle than its name says.
fn is_itself(bundle: &Bundle, archive: ArchiveId) -> bool {
    bundle.own_head().is_none_or(|head| (head.id, head.archive) == (bundle.name().id, archive))
}

fn check_head(reader: &ManifestReader, archive: ArchiveId, examined: &Examined) -> Result<Head> {
    let head = reader.head();
    if head.archive != archive {
        return Err(Error::damaged(format!("{} belongs to another archive", examined.file.name))
            .with_advice(Advice::ReplaceForeignBundle));
    }
    Ok(head.clone())
}

/// Content must be inside the tar, after a header and before the manifest's.
fn check_place(change: &Change, tail: &Tail) -> std::result::Result<(), String> {
    let Action::Stored(Entry { stat, content: Some(content), .. }) = &change.now else { return Ok(()) };
    if !content.place.is_there() {
        return Ok(());
    }
    let end = content.place.offset.saturating_add(content.stored_bytes(stat.size));
    let header = BLOCK_BYTES as u64;
    let inside = content.place.offset >= header && end.saturating_add(header) <= tail.manifest_offset;
    if !inside || content.place.offset % header != 0 {
        return Err(format!("the content of {} is said to be where it cannot be", change.path));
    }
    Ok(())
}

/// Checks that an entry is one that a writer can write.
fn check_entry(change: &Change) -> std::result::Result<(), String> {
    let (Action::Stored(entry) | Action::Referenced(entry)) = &change.now else { return Ok(()) };
    let in_order = entry.xattrs.iter().zip(entry.xattrs.iter().skip(1)).all(|(a, b)| a.0 < b.0);
    let are_names = entry.xattrs.iter().all(|(name, _)| !name.is_empty() && !name.contains(&0));
    if !in_order || !are_names {
        return Err(format!("the extended attributes of {} are not in order, or have no names", change.path));
    }
    Ok(())
}

fn wrong_line(examined: &Examined, what: &str) -> Error {
    Error::damaged(format!("the manifest of {} contradicts itself: {what}", examined.file.name))
}

/// Each manifest names the bundle before and the digest of its manifest.
fn check_chain(check: &mut Check, examined: &Examined) {
    let Some(head) = &examined.head else { return };
    let before = check.examined.values().next_back();
    let wrong = match (&head.parent, before) {
        (None, None) => None,
        (None, Some(before)) => Some(format!("it says that nothing was before it, but there is {}", before.file.name)),
        (Some(parent), Some(before)) if parent.bundle == before.file.name => {
            return check_digest(check, parent, examined);
        }
        (Some(parent), _) if check.examined.contains_key(&parent.bundle.id) => {
            Some(format!("it says that {} was right before it", parent.bundle))
        }
        (Some(parent), _) => {
            check.missing.insert(parent.bundle.id, parent.bundle.clone());
            None
        }
    };
    if let Some(why) = wrong {
        let place = ArchiveFile::Bundle(examined.file.name.clone());
        check.found(place, Fault::Chain(why), Affected::Since(head.id.number));
    }
}

/// All parts of a snapshot have its time, its note and its sources.
fn check_part(check: &mut Check, examined: &Examined) {
    let before = check.examined.values().next_back().and_then(|before| before.head.as_ref());
    let Some((before, head)) = before.zip(examined.head.as_ref()) else { return };
    // What a repair had to guess may differ.
    let is_certain = |head: &Head| head.uncertain_until == SnapshotNumber::NONE;
    if before.id.number != head.id.number || !is_certain(before) || !is_certain(head) {
        return;
    }
    if (before.time, &before.note, &before.sources) != (head.time, &head.note, &head.sources) {
        let why = format!("{} has not the time, note and sources of its snapshot.", examined.file.name);
        check.found(ArchiveFile::Bundle(examined.file.name.clone()), Fault::Contradiction(why), Affected::Nothing);
    }
}

fn check_digest(check: &mut Check, parent: &Parent, examined: &Examined) {
    let before = check.examined.get(&parent.bundle.id).and_then(|before| before.manifest.as_ref());
    let stands_for = check.examined.get(&parent.bundle.id).and_then(|before| before.head.as_ref()?.stands_for);
    if before.is_some_and(|(_, digest)| *digest != parent.manifest) && stands_for != Some(parent.manifest) {
        let place = ArchiveFile::Bundle(parent.bundle.clone());
        let fault = Fault::Exchanged(examined.file.name.clone());
        check.found(place, fault, Affected::Since(parent.bundle.id.number));
    }
}
