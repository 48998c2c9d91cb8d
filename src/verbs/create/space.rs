//! Whether what is to be saved fits on the drive, before anything is written.

use super::base::BaseWalk;
use super::options::CreateOptions;
use super::options::MOVED_BYTES_MIN;
use crate::archive::state::Row;
use crate::archive::state::Rows;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::diff;
use crate::base::diff::Pair;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Phase;
use crate::base::monitor::Progress;
use crate::base::monitor::check_interrupted;
use crate::base::path::EntryPath;
use crate::base::snapshot::Summary;
use crate::base::time::Time;
use crate::base::units::human_size;
use crate::system::listing::Listing;
use crate::system::listing::ScannedEntry;
use crate::system::scan;
use crate::system::scan::ScanOptions;
use crate::system::source::Source;
use crate::system::store::Space;
use std::collections::HashSet;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

/// Content that cannot be compressed may grow by one part in this many.
const GROWTH_PART: u64 = 256;

/// With less free than this, sources are measured however little was saved so far.
const AMPLE_BYTES_MIN: u64 = 1 << 30;

/// The most bytes of tar that fit into one file of the archive, whatever they are.
pub fn part_bytes_limit(room: &Space) -> u64 {
    room.file_bytes_max.map_or(u64::MAX, |bytes| bytes - bytes / GROWTH_PART)
}

/// # Errors
/// [`ErrorKind::Refused`] when parts as large as asked for cannot be on the drive.
pub fn check_part_size(options: &CreateOptions, room: &Space) -> Result<()> {
    let limit = part_bytes_limit(room);
    if options.part_bytes_max <= limit {
        return Ok(());
    }
    let what = format!("the archive's drive holds no files of {}", human_size(options.part_bytes_max));
    Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::LowerPartSize { bytes_max: limit }))
}

/// Whether all that was ever saved would fit once more. Then another snapshot of the same sources fits, too, as a rule,
/// and need not be measured, which takes as long as a run without changes.
pub fn is_ample(room: &Space, history: &[Summary]) -> bool {
    let saved: u64 = history.iter().fold(0, |sum, summary| sum.saturating_add(summary.counts.bytes));
    room.free_bytes.is_none_or(|free| free >= saved.max(AMPLE_BYTES_MIN))
}

/// What is to be saved, and since when.
pub struct Scene<'a> {
    pub sources: &'a [Source],
    /// The state that is compared with.
    pub base: &'a State,
    pub scan_options: &'a ScanOptions<'a>,
    pub monitor: &'a dyn Monitor,
}

/// How many bytes are new or modified, and how many are free, if those are fewer. It may fit all the same: how well
/// contents compress is known only when they are read.
///
/// # Errors
/// [`ErrorKind::Interrupted`]; or when the index cannot be read.
pub fn shortage(scene: &Scene, room: &Space) -> Result<Option<(u64, u64)>> {
    let Some(free) = room.free_bytes else { return Ok(None) };
    let most = |source: &Source| source.root().used_bytes().unwrap_or(u64::MAX);
    let bytes_most = scene.sources.iter().fold(0u64, |sum, source| sum.saturating_add(most(source)));
    // Mostly the whole disks that the sources are on would fit, and nothing need be counted.
    if bytes_most <= free {
        return Ok(None);
    }
    scene.monitor.event(Event::Phase(Phase::MeasuringSources));
    let bytes = bytes_changed(scene)?;
    Ok((bytes > free).then_some((bytes, free)))
}

/// The bytes of the contents that are new or modified, each file counted once. What may have holes takes next to nothing.
fn bytes_changed(scene: &Scene) -> Result<u64> {
    let (mut bytes, mut entries) = (0u64, 0);
    let mut linked = HashSet::new();
    for_each_changed(scene, &mut |listing, changed| {
        check_interrupted(scene.monitor)?;
        for found in changed.iter().filter(|found| !found.may_have_holes) {
            if found.stat.link == 0 || linked.insert(found.stat.link) {
                bytes = bytes.saturating_add(found.stat.size);
            }
        }
        entries += listing.found.len() as u64;
        scene.monitor.event(Event::Progress(Progress { entries, bytes, ..Progress::default() }));
        Ok(())
    })?;
    Ok(bytes)
}

/// Calls `visit` with each directory's listing and the files in it that are new or may be modified.
///
/// # Errors
/// Those of `visit`; or when the index cannot be read.
pub fn for_each_changed(scene: &Scene, visit: &mut dyn FnMut(&Listing, &[ScannedEntry]) -> Result<()>) -> Result<()> {
    for (number, source) in scene.sources.iter().enumerate() {
        let Some(listing) = source.file_listing(number, &Time::default) else { continue };
        let is_same = scene.base.find(source.path())?.is_some_and(|old| old.stat.is_same(&source.stat()));
        visit(&listing, if is_same { &[] } else { &listing.found })?;
    }
    let (mut walk, mut known) = (None, KnownFiles { base: scene.base, files: None });
    scan::scan(scene.sources, scene.scan_options, &mut |listing| {
        let rows = rows_of(&listing, scene, &mut walk)?;
        visit(&listing, &changed_files(&rows, &listing, &mut known)?)
    })
}

/// The files of the state before: one of them under a new path has mostly moved, and is not stored.
struct KnownFiles<'a> {
    base: &'a State,
    /// Inode, size and time of each, hashed, ascending; none before the first new file.
    files: Option<Vec<u64>>,
}

impl KnownFiles<'_> {
    fn key(stat: &Stat) -> Option<u64> {
        let is_known = stat.kind == Kind::File && stat.inode != 0 && stat.link == 0 && stat.size >= MOVED_BYTES_MIN;
        let mut hasher = DefaultHasher::new();
        (stat.inode, stat.size, stat.mtime).hash(&mut hasher);
        is_known.then(|| hasher.finish())
    }

    fn has(&mut self, stat: &Stat) -> Result<bool> {
        let Some(key) = KnownFiles::key(stat) else { return Ok(false) };
        let files = match self.files.take() {
            Some(files) => files,
            None => {
                let (mut files, mut rows) = (Vec::new(), Rows::new(self.base.groups(EntryPath::root())));
                while let Some((_, row)) = rows.take()? {
                    files.extend(row.stat().and_then(KnownFiles::key));
                }
                files.sort_unstable();
                files
            }
        };
        Ok(self.files.insert(files).binary_search(&key).is_ok())
    }
}

/// The rows of the directory of a listing; the walk goes on to it.
fn rows_of(listing: &Listing, scene: &Scene, walk: &mut Option<BaseWalk>) -> Result<Vec<Row>> {
    let path = &*listing.path;
    if walk.as_ref().is_none_or(|walk| walk.source != listing.source) {
        *walk = Some(BaseWalk::new(listing.source, scene.sources[listing.source].path(), scene.base)?);
    }
    let Some(walk) = walk else { return Ok(Vec::new()) };
    while walk.take_before(Some(path))?.is_some() {}
    Ok(walk.take_at(path)?.rows)
}

/// The files of a listing that are new or may be modified.
fn changed_files<'a>(rows: &'a [Row], listing: &'a Listing, known: &mut KnownFiles) -> Result<Vec<ScannedEntry>> {
    let order = |row: &Row, found: &ScannedEntry| row.name().cmp(listing.name(found));
    let changed = |pair: Pair<&Row, &'a ScannedEntry>| match pair {
        Pair::Old(_) => None,
        Pair::New(found) => Some((found, true)),
        Pair::Both(row, found) => {
            let is_same = |row: &Row| row.stat().is_some_and(|old| old.is_same(&found.stat));
            Some((found, false)).filter(|_| !is_same(row))
        }
    };
    let changed = diff::pairs(rows, &listing.found, order).filter_map(changed);
    let mut files = Vec::new();
    for (found, is_new) in changed.filter(|(found, _)| found.stat.kind == Kind::File) {
        if !is_new || !known.has(&found.stat)? {
            files.push(*found);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(bytes: u64) -> Summary {
        let mut summary = Summary::default();
        summary.counts.bytes = bytes;
        summary
    }

    #[test]
    fn sources_are_measured_unless_all_that_was_saved_fits_once_more() {
        let is_ample = |free, history: &[Summary]| is_ample(&Space { free_bytes: free, ..Space::default() }, history);
        let history = [saved(3 << 30), saved(1 << 30)];
        assert!(is_ample(None, &history) && is_ample(Some(4 << 30), &history));
        assert!(!is_ample(Some((4 << 30) - 1), &history));
        assert!(is_ample(Some(AMPLE_BYTES_MIN), &[saved(1)]) && !is_ample(Some(AMPLE_BYTES_MIN - 1), &[saved(1)]));
        assert!(!is_ample(Some(u64::MAX - 1), &[saved(u64::MAX), saved(u64::MAX)]));
    }
}
