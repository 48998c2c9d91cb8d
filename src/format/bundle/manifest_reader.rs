//! The manifest of a bundle read line by line. Knows nothing of what the lines lead to.

use super::file::Bundle;
use super::file::doing;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::base::moves::MOVES_BYTES_MAX;
use crate::base::path::EntryPathBuf;
use crate::format::frames::Decompressor;
use crate::format::manifest::Change;
use crate::format::manifest::Head;
use crate::format::manifest::LINE_BYTES_MAX;
use crate::format::manifest::MoveStage;
use crate::format::manifest::Tail;
use crate::format::manifest::moved_from_line;
use std::ops::Range;
use std::sync::Arc;

/// Reads a manifest line by line.
pub struct ManifestReader {
    lines: Lines,
    head: Head,
    tail: Tail,
    /// How many lines behind the first were read.
    changes: u64,
    moves: Vec<(EntryPathBuf, EntryPathBuf)>,
    moves_stage: Option<MoveStage>,
}

impl Bundle {
    /// Reads the manifest from its first line on.
    ///
    /// # Errors
    /// As for [`Bundle::manifest_tail`], and for the first line [`crate::base::error::ErrorKind::TooNew`].
    pub fn manifest(self: &Arc<Self>) -> Result<ManifestReader> {
        let tail = self.manifest_tail()?;
        let bad = || Error::damaged(format!("{}: the manifest is not where it should be", doing(&self.name)));
        let frame = self.table.frame_at(tail.manifest_offset).ok_or_else(bad)?;
        if frame.raw_offset != tail.manifest_offset {
            return Err(bad());
        }
        let mut lines = Lines::new(self.clone(), frame.number);
        let line = lines.next()?.ok_or_else(bad)?;
        let in_bundle = |error: Error| error.while_doing(&doing(&self.name));
        let mut head = Head::from_line(lines.at(line)).map_err(in_bundle)?;
        head.id.part = tail.part;
        if head.id != self.name.id {
            return Err(Error::damaged(format!("{} is another bundle: its name was changed", self.name)));
        }
        let mut reader = ManifestReader { lines, head, tail, changes: 0, moves: Vec::new(), moves_stage: None };
        reader.read_moves().map_err(in_bundle)?;
        Ok(reader)
    }
}

impl ManifestReader {
    /// Where they are done; `None`: there are none.
    pub fn moves_stage(&self) -> Option<MoveStage> {
        self.moves_stage
    }

    /// The renames that the snapshot begins with, in order; given away, for there may be many.
    pub fn take_moves(&mut self) -> Vec<(EntryPathBuf, EntryPathBuf)> {
        std::mem::take(&mut self.moves)
    }

    fn read_moves(&mut self) -> Result<()> {
        let mut bytes = 0;
        while self.changes < self.tail.changes
            && let Some(line) = self.lines.peek()?
            && let Some((stage, from, to)) = moved_from_line(self.lines.at(line.clone()))?
        {
            if *self.moves_stage.get_or_insert(stage) != stage {
                return Err(Error::damaged("a manifest has renames of two kinds"));
            }
            bytes += from.as_bytes().len() + to.as_bytes().len();
            if bytes > MOVES_BYTES_MAX {
                return Err(Error::damaged("a manifest has more renames than there can be"));
            }
            self.lines.take(&line);
            self.changes += 1;
            self.moves.push((from, to));
        }
        Ok(())
    }

    /// The first line.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The last line.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// The next change; `None` after the last, when all has been counted and hashed.
    ///
    /// # Errors
    /// As for [`Bundle::frame`]; [`crate::base::error::ErrorKind::Damaged`] also when a line is not as it must be or lines are missing.
    pub fn next_change(&mut self) -> Result<Option<Change>> {
        Ok(self.next_with_line()?.map(|(change, _)| change))
    }

    /// As [`ManifestReader::next_change`], with the line that says it, without its newline.
    ///
    /// # Errors
    /// As for [`ManifestReader::next_change`].
    pub fn next_with_line(&mut self) -> Result<Option<(Change, &[u8])>> {
        let at_end = self.changes == self.tail.changes;
        let name = self.lines.bundle.name.clone();
        let missing = || Error::damaged(format!("{}: the manifest is not complete", doing(&name)));
        let line = self.lines.next()?.ok_or_else(missing)?;
        if at_end {
            // Where more lines were counted than there are, this is not a last line.
            let is_last = Tail::from_line(self.lines.at(line)).is_ok_and(|tail| tail == self.tail);
            return if is_last { Ok(None) } else { Err(missing()) };
        }
        self.changes += 1;
        let line = self.lines.at(line);
        let change = Change::from_line(line, name.id).map_err(|error| error.while_doing(&doing(&name)))?;
        Ok(Some((change, line)))
    }

    /// The BLAKE3 of all lines read so far; of the whole manifest after the last change.
    pub fn digest(&self) -> Hash {
        self.lines.hasher.hash()
    }
}

/// The lines of a manifest, each read once.
struct Lines {
    bundle: Arc<Bundle>,
    next_frame: usize,
    decompressor: Decompressor,
    buffer: Vec<u8>,
    /// Where the next line begins in the buffer.
    start: usize,
    hasher: Hasher,
}

impl Lines {
    fn new(bundle: Arc<Bundle>, next_frame: usize) -> Lines {
        let (decompressor, hasher) = (Decompressor::new(), Hasher::new());
        Lines { bundle, next_frame, decompressor, buffer: Vec::new(), start: 0, hasher }
    }

    /// The line at this place in the buffer, until the next one is read.
    fn at(&self, line: Range<usize>) -> &[u8] {
        &self.buffer[line]
    }

    /// Takes the next line; its place in the buffer, without its newline.
    fn next(&mut self) -> Result<Option<Range<usize>>> {
        let line = self.peek()?;
        if let Some(line) = &line {
            self.take(line);
        }
        Ok(line)
    }

    fn take(&mut self, line: &Range<usize>) {
        self.hasher.update(&self.buffer[line.start..=line.end]);
        self.start = line.end + 1;
    }

    /// The place of the next line.
    fn peek(&mut self) -> Result<Option<Range<usize>>> {
        let mut searched = self.start;
        loop {
            let found = self.buffer[searched..].iter().position(|byte| *byte == b'\n').map(|length| searched + length);
            if found.unwrap_or(self.buffer.len()) - self.start > LINE_BYTES_MAX {
                let what = format!("{}: a line of the manifest is too long", doing(&self.bundle.name));
                return Err(Error::damaged(what));
            }
            if let Some(end) = found {
                return Ok(Some(self.start..end));
            }
            searched = self.buffer.len() - self.start;
            self.buffer.drain(..self.start);
            self.start = 0;
            let Some(frame) = self.bundle.table.frame(self.next_frame) else { return Ok(None) };
            self.next_frame += 1;
            self.buffer.extend_from_slice(&self.bundle.frame(&frame, &mut self.decompressor)?);
        }
    }
}
