//! A bundle written anew in which some contents are empty files of the same header. All else stays as it is, byte for byte:
//! members, lists of names, renames, links and their order, so that every state has the names and types that it had. Frames in
//! which nothing goes are copied as they are.

use crate::archive::content::BundleTar;
use crate::archive::exchange::new_path;
use crate::archive::liveness::Unneeded;
use crate::archive::liveness::padded;
use crate::archive::open::Archive;
use crate::base::entry::Place;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Monitor;
use crate::base::monitor::check_interrupted;
use crate::format::bundle::Bundle;
use crate::format::bundle::BundleWriter;
use crate::format::bundle::Published;
use crate::format::frames::Compressor;
use crate::format::frames::Decompressor;
use crate::format::frames::Effort;
use crate::format::frames::Frame;
use crate::format::frames::FrameAt;
use crate::format::frames::LEVEL_DEFAULT;
use crate::format::layout::PIECE_BYTES;
use crate::format::manifest::Action;
use crate::format::manifest::DraftLine;
use crate::format::manifest::MoveStage;
use crate::format::manifest::moved_to;
use crate::format::tar;
use crate::format::tar::BLOCK_BYTES;
use std::sync::Arc;

/// What a bundle is made hollow by.
pub struct Hollowing<'a> {
    /// The bundle.
    pub bundle: &'a BundleName,
    /// The contents that go, by their offsets; never none.
    pub contents: &'a [Unneeded],
    /// The last of the snapshots that lack them; 0: none that counts.
    pub pruned_until: SnapshotNumber,
    /// The BLAKE3 by which the bundle after it knows this one.
    pub stands_for: Hash,
}

/// Writes `old` anew without these contents and publishes it as [`new_path`]; it was read back.
///
/// # Errors
/// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when `old` is not what its manifest says, so that it must be
/// left as it is; [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when the monitor asks to stop;
/// otherwise when it cannot be read or written.
pub fn write(archive: &Archive, old: &Arc<Bundle>, hollowing: &Hollowing, monitor: &dyn Monitor) -> Result<Published> {
    let mut reader = old.manifest()?;
    let mut head = reader.head().clone();
    head.pruned_until = head.pruned_until.max(hollowing.pruned_until);
    head.stands_for = Some(hollowing.stands_for);
    let name = new_path(old.name());
    let writer = BundleWriter::new(archive.store().create(&name)?, head, LEVEL_DEFAULT)?.with_read_back();
    let mut hollow = Hollow {
        old,
        edits: Edits::new(hollowing.contents)?,
        writer,
        pending: Vec::new(),
        compressor: Compressor::new(Effort::default())?,
        decompressor: Decompressor::new(),
    };
    hollow.data(reader.tail().manifest_offset, monitor)?;
    let stage = reader.moves_stage().unwrap_or(MoveStage::Here);
    let moves = reader.take_moves();
    for (from, to) in &moves {
        let mut line = Vec::new();
        DraftLine::moved(from, to, stage).append_to(&mut line, None);
        hollow.writer.push_line(&line)?;
    }
    let mut lines = moves.len() as u64;
    while let Some((change, line)) = reader.next_with_line()? {
        let offset = match &change.now {
            Action::Stored(entry) => entry.content.as_ref().map(|content| content.place).filter(Place::is_there),
            _ => None,
        };
        let line = match offset {
            None => line.to_vec(),
            Some(place) => {
                let offset = hollow.edits.new_offset(place)?;
                moved_to(line, offset).ok_or_else(|| contradiction(old.name(), "a line has no place"))?
            }
        };
        hollow.writer.push_line(&[&line, &b"\n"[..]].concat())?;
        lines += 1;
    }
    // A line that is not written again would be a change that never was.
    if lines != reader.tail().changes {
        return Err(contradiction(old.name(), "it has lines of another kind"));
    }
    hollow.writer.publish(&name, reader.tail().clone())
}

/// Reads what [`write()`] published and compares each content that it holds with its hash.
///
/// # Errors
/// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when one is not what was saved; otherwise when it cannot be
/// read; [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when the monitor asks to stop.
pub fn check(archive: &Archive, name: &BundleName, monitor: &dyn Monitor) -> Result<()> {
    let bundle = Arc::new(Bundle::open_compared(name, archive.store().open(&new_path(name))?)?);
    let (mut tar, mut reader, mut last) = (BundleTar::new(bundle.clone()), bundle.manifest()?, 0);
    while let Some(change) = reader.next_change()? {
        check_interrupted(monitor)?;
        let Action::Stored(entry) = change.now else { continue };
        let Some(content) = entry.content.filter(|content| content.place.is_there()) else { continue };
        // Second names stand close to the first.
        // What is made from an older content can only be read: each frame has its checksum.
        let is_sound = content.place.offset == last
            || match &content.patch {
                Some(patch) => tar.hash(content.place.offset, patch.stored_bytes()).is_some(),
                None => tar.holds(&content, entry.stat.size)?,
            };
        if !is_sound {
            let what = format!("the content of {} in {name} is not what was saved", change.path);
            return Err(Error::damaged(what));
        }
        last = content.place.offset;
    }
    Ok(())
}

fn contradiction(name: &BundleName, what: &str) -> Error {
    Error::damaged(format!("{name} is not what its list of changes says: {what}"))
}

/// What is taken out of a tar.
struct Edits {
    contents: Vec<Unneeded>,
    /// For each, how many bytes go before it.
    before: Vec<u64>,
}

impl Edits {
    fn new(contents: &[Unneeded]) -> Result<Edits> {
        let block = BLOCK_BYTES as u64;
        let (mut before, mut gone, mut end) = (Vec::with_capacity(contents.len()), 0, 0);
        for content in contents {
            let is_sound = content.offset % block == 0 && content.offset.checked_sub(block).is_some_and(|at| at >= end);
            end = content.offset.saturating_add(padded(content.size));
            if !is_sound || end == u64::MAX || content.size == 0 {
                return Err(Error::damaged("the places of contents in a bundle contradict each other"));
            }
            before.push(gone);
            gone += end - content.offset;
        }
        Ok(Edits { contents: contents.to_vec(), before })
    }

    /// The first that ends after `at`.
    fn next(&self, at: u64) -> Option<&Unneeded> {
        let first = self.contents.partition_point(|content| content.offset + padded(content.size) <= at);
        self.contents.get(first)
    }

    /// Where a content is then.
    fn new_offset(&self, place: Place) -> Result<u64> {
        let next = self.contents.partition_point(|content| content.offset < place.offset);
        if self.contents.get(next).is_some_and(|content| content.offset == place.offset) {
            return Ok(Place::pruned(place.bundle).offset);
        }
        let Some(last) = next.checked_sub(1) else { return Ok(place.offset) };
        let (content, before) = (self.contents[last], self.before[last]);
        let gone = padded(content.size);
        if place.offset < content.offset + gone {
            return Err(Error::damaged("a content that is needed is said to be in one that is not"));
        }
        Ok(place.offset - before - gone)
    }
}

/// A hollow bundle on its way.
struct Hollow<'a> {
    old: &'a Arc<Bundle>,
    edits: Edits,
    writer: BundleWriter,
    /// What is left of frames in which something went.
    pending: Vec<u8>,
    compressor: Compressor,
    decompressor: Decompressor,
}

impl Hollow<'_> {
    /// All frames before that of the manifest's header.
    fn data(&mut self, manifest_offset: u64, monitor: &dyn Monitor) -> Result<()> {
        let table = self.old.table();
        let no_frame = || contradiction(self.old.name(), "the manifest does not begin with a frame");
        let first = table.frame_at(manifest_offset).filter(|frame| frame.raw_offset == manifest_offset);
        let header = first.and_then(|first| first.number.checked_sub(1)).ok_or_else(no_frame)?;
        for frame in (0..header).filter_map(|number| table.frame(number)) {
            check_interrupted(monitor)?;
            self.frame(&frame)?;
        }
        let end = table.frame(header).map_or(0, |frame| frame.raw_offset);
        if self.edits.contents.last().is_some_and(|last| last.offset + padded(last.size) > end) {
            return Err(contradiction(self.old.name(), "a content is behind the end"));
        }
        self.flush()
    }

    fn frame(&mut self, frame: &FrameAt) -> Result<()> {
        let (start, end) = (frame.raw_offset, frame.raw_end());
        let Some(edit) = self.edits.next(start).copied().filter(|edit| edit.offset - (BLOCK_BYTES as u64) < end) else {
            self.flush()?;
            let stored = self.old.stored_frame(frame)?;
            return self
                .writer
                .append_frames(&stored, &[Frame { stored_bytes: frame.stored_bytes, raw_bytes: frame.raw_bytes }]);
        };
        if edit.offset <= start && edit.offset + padded(edit.size) >= end {
            return Ok(());
        }
        let raw = self.old.frame(frame, &mut self.decompressor)?;
        let is_in_header = edit.offset - (BLOCK_BYTES as u64) < start && edit.offset > start;
        if self.pending.len() as u64 + u64::from(frame.raw_bytes) > PIECE_BYTES && !is_in_header {
            self.flush()?;
        }
        self.take(&raw, start)
    }

    /// Takes what stays of the bytes that begin at `start`.
    fn take(&mut self, raw: &[u8], start: u64) -> Result<()> {
        let (end, first, mut at) = (start + raw.len() as u64, self.pending.len(), start);
        while at < end {
            let next = self.edits.next(at).copied();
            let Some(edit) = next.filter(|edit| edit.offset < end || (edit.offset == end && at < end)) else {
                self.pending.extend_from_slice(&raw[(at - start) as usize..]);
                return Ok(());
            };
            if at < edit.offset {
                self.pending.extend_from_slice(&raw[(at - start) as usize..(edit.offset - start) as usize]);
                let emptied = tar::make_empty(&mut self.pending, first, edit.size);
                emptied.map_err(|error| error.while_doing(&format!("cannot prune {}", self.old.name())))?;
            }
            at = end.min(edit.offset + padded(edit.size));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let mut stored = Vec::new();
        let frames = self.compressor.append_frames(&self.pending, &mut stored)?;
        self.pending.clear();
        self.writer.append_frames(&stored, &frames)
    }
}
