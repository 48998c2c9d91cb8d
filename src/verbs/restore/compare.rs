//! What of an entry is in the destination already, so that only what differs is written. Changes nothing.

use super::context::RestoreContext;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::id::Hasher;
use crate::base::path::EntryPath;
use crate::system::destination::Destination;
use crate::system::destination::Failure;
use crate::system::platform;
use crate::system::platform::RawStat;
use std::fs::File;
use std::ops::Range;

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// How an existing entry differs from the wanted one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TargetState {
    /// Equal in everything.
    Same,
    /// Only attributes differ.
    OtherAttributes,
    /// It must be written again, or is not there.
    Other,
}

/// Compares `existing` with the entry that belongs there. What cannot be read differs.
///
/// # Errors
/// When the person asked to stop.
pub(super) fn compare(
    run: &RestoreContext,
    (path, entry): (&EntryPath, &Entry),
    existing: &RawStat,
) -> Result<TargetState> {
    let destination = &run.destination;
    // A file with other names must not be changed in place: those may not be meant.
    let has_other_names = existing.links > 1;
    let is_same_kind = existing.kind == Some(entry.stat.kind);
    let is_same_device = !entry.stat.kind.is_device() || existing.device == entry.stat.device;
    if !is_same_kind || !is_same_device || (has_other_names && entry.stat.link == 0) {
        return Ok(TargetState::Other);
    }
    let same = match entry.stat.kind {
        Kind::File if existing.size != entry.stat.size => false,
        Kind::File => match (&entry.content, destination.open_existing_file(path)) {
            (Some(content), Ok(file)) => has_content(run, &file, entry.stat.size, content)?,
            _ => false,
        },
        Kind::Symlink => matches!(destination.read_link(path), Ok(target) if target == entry.target),
        _ => true,
    };
    if !same {
        return Ok(TargetState::Other);
    }
    Ok(match destination.has_attributes(path, entry, existing) {
        // An existing file may be taken for one file of the snapshot only.
        Ok(true) if has_other_names && !run.claim(existing, path) => TargetState::Other,
        Ok(true) => TargetState::Same,
        Ok(false) if !has_other_names => TargetState::OtherAttributes,
        Ok(false) | Err(Failure::Problem(_)) => TargetState::Other,
        Err(Failure::Fatal(error)) => return Err(error),
    })
}

/// Whether two names in the destination are names of one file.
pub(super) fn are_linked(destination: &Destination, a: &EntryPath, b: &EntryPath) -> bool {
    match (destination.stat(a), destination.stat(b)) {
        (Ok(Some(a)), Ok(Some(b))) => a.key() == b.key(),
        _ => false,
    }
}

fn has_content(run: &RestoreContext, file: &File, size: u64, content: &Content) -> Result<bool> {
    platform::will_read_in_order(file);
    let mut hasher = Hasher::new();
    let data = content.holes.data(0..size);
    let was_read = read_ranges(run, file, data, &mut |bytes| {
        hasher.update(bytes);
        true
    })?;
    if !was_read || hasher.hash() != content.hash {
        return Ok(false);
    }
    // What should be a hole may be zeros on the disk, which are as good; holes on the disk need not be read.
    let there = platform::holes(file, size).unwrap_or_default();
    content.holes.iter().try_fold(true, |zeros, hole| {
        let stored = there.data(hole.clone());
        Ok(zeros && read_ranges(run, file, stored, &mut |bytes| bytes.iter().all(|byte| *byte == 0))?)
    })
}

/// Reads the ranges as long as `each` returns true. Whether all was read to the end.
fn read_ranges(
    run: &RestoreContext,
    file: &File,
    ranges: impl Iterator<Item = Range<u64>>,
    each: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<bool> {
    let mut buffer = Vec::new();
    for Range { start: mut at, end } in ranges {
        buffer.resize((end - at).min(READ_BYTES as u64).max(buffer.len() as u64) as usize, 0);
        while at < end {
            run.check_interrupted()?;
            let wanted = (end - at).min(buffer.len() as u64) as usize;
            match platform::read_at(file, at, &mut buffer[..wanted]) {
                Ok(count) if count > 0 && each(&buffer[..count]) => at += count as u64,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                _ => return Ok(false),
            }
        }
    }
    Ok(true)
}
