//! Whether what is to be saved fits on the drive, before anything is written.

use super::options::CreateOptions;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Notice;
use crate::base::monitor::Phase;
use crate::base::monitor::amount;
use crate::base::monitor::check_interrupted;
use crate::system::scan;
use crate::system::scan::ScanOptions;
use crate::system::scan::Source;
use crate::system::store::Room;
use std::collections::HashSet;

/// By what part of its length content that cannot be compressed may grow.
const GROWTH_PART: u64 = 256;

/// The most bytes of tar that fit into one file of the archive, whatever they are.
pub fn part_bytes_limit(room: &Room) -> u64 {
    room.file_bytes_max.map_or(u64::MAX, |bytes| bytes - bytes / GROWTH_PART)
}

/// # Errors
/// [`ErrorKind::Refused`] when parts as large as asked for cannot be on the drive.
pub fn check_part_size(options: &CreateOptions, room: &Room) -> Result<()> {
    let limit = part_bytes_limit(room);
    if options.part_bytes_max <= limit {
        return Ok(());
    }
    let what = format!("the archive's drive holds no files of {}", amount(options.part_bytes_max));
    Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::LowerPartSize { bytes_max: limit }))
}

/// Says so when a source is saved for the first time and is larger than the free room. It may fit all the same: contents are
/// compressed, and how well is known only when they are read.
///
/// # Errors
/// [`ErrorKind::Interrupted`]; or when the index cannot be read.
pub fn warn_if_short(
    sources: &[Source],
    base: &State,
    room: &Room,
    scan_options: &ScanOptions,
    monitor: &dyn Monitor,
) -> Result<()> {
    let Some(free) = room.free_bytes else { return Ok(()) };
    let mut new = Vec::new();
    let mut bytes_most = 0u64;
    for (number, source) in sources.iter().enumerate() {
        if base.find(source.path())?.is_none() {
            new.push(number);
            bytes_most = bytes_most.saturating_add(source.root().used_bytes().unwrap_or(u64::MAX));
        }
    }
    // Mostly the whole disk that a source is on would fit, and nothing need be counted.
    if new.is_empty() || bytes_most <= free {
        return Ok(());
    }
    monitor.event(Event::Phase(Phase::MeasuringSources));
    let bytes = bytes_in(sources, &new, scan_options, monitor)?;
    if bytes > free {
        monitor.event(Event::Notice(&Notice::ArchiveMayBeTooSmall { bytes, free }));
    }
    Ok(())
}

/// The bytes of the contents of some sources, each file counted once.
fn bytes_in(sources: &[Source], counted: &[usize], scan_options: &ScanOptions, monitor: &dyn Monitor) -> Result<u64> {
    let mut bytes = 0u64;
    let mut linked = HashSet::new();
    scan::scan(sources, scan_options, &mut |listing| {
        check_interrupted(monitor)?;
        if counted.contains(&listing.source) {
            let files = listing.found.iter().filter(|found| found.stat.kind == Kind::File && !found.may_have_holes);
            for stat in files.map(|found| found.stat) {
                if stat.link == 0 || linked.insert(stat.link) {
                    bytes = bytes.saturating_add(stat.size);
                }
            }
        }
        Ok(())
    })?;
    Ok(bytes)
}
