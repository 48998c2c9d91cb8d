//! A bundle as a file: frames of tar, then the manifest in frames of its own, the end of the tar, and the seek table.
//! Knows nothing of sources, and of other bundles only their names.

use crate::base::advice::Advice;
use crate::base::entry::Entry;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::base::moves::MOVES_BYTES_MAX;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::MANIFEST_NAME;
use crate::format::apply::ApplyMembers;
use crate::format::apply::FindDirectory;
use crate::format::frames::Decompressor;
use crate::format::frames::Frame;
use crate::format::frames::FrameAt;
use crate::format::frames::FramesEnd;
use crate::format::frames::SeekTable;
use crate::format::frames::Tail as FileTail;
use crate::format::frames::cut_off_frame;
use crate::format::frames::raw_bytes_by_header;
use crate::format::manifest::Change;
use crate::format::manifest::HEAD_BYTES_MAX;
use crate::format::manifest::Head;
use crate::format::manifest::LINE_BYTES_MAX;
use crate::format::manifest::MoveStage;
use crate::format::manifest::Tail;
use crate::format::manifest::moved_from_line;
use crate::format::manifest_spool::ManifestSpool;
use crate::format::tar;
use crate::system::store::Blob;
use crate::system::store::Upload;
use crate::system::store::read_exact_at;
use crate::system::store::read_exact_in;
use std::sync::Arc;
use std::time::Duration;

/// The most bytes before the last line in the last frame: small, so that one read gets that line and the seek table.
const LAST_FRAME_BYTES: usize = 256 << 10;

/// Writes one bundle, front to back.
pub struct BundleWriter {
    upload: Box<dyn Upload>,
    head: Head,
    table: SeekTable,
    level: i32,
    manifest: ManifestSpool,
    /// What stands between the entries and the manifest, if anything does.
    apply: Option<ApplyMembers>,
    /// Takes all bytes as they are handed to the store, if they are to be read back.
    digest: Option<Hasher>,
}

/// What a published bundle is known by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Published {
    /// Its length in bytes as the store lists it.
    pub bytes: u64,
    /// The BLAKE3 of its manifest.
    pub manifest: Hash,
}

impl BundleWriter {
    /// Begins a bundle whose manifest begins with `head`; `level` is the zstd level of the manifest and of what
    /// the script needs.
    ///
    /// # Errors
    /// When there is no memory for it; [`ErrorKind::Refused`] when `head` is longer than [`HEAD_BYTES_MAX`].
    pub fn new(upload: Box<dyn Upload>, head: Head, level: i32) -> Result<BundleWriter> {
        let mut manifest = ManifestSpool::new(level)?;
        let line = head.to_line();
        if line.len() > HEAD_BYTES_MAX {
            let what = "the names and rules of the sources and the note take more than 1 MiB together";
            return Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::UseFewerRules));
        }
        manifest.push(&line)?;
        Ok(BundleWriter { upload, head, table: SeekTable::new(), level, manifest, apply: None, digest: None })
    }

    /// Reads everything back before the bundle is published, so that what the drive does not keep is never a bundle. To be
    /// called before anything is written.
    #[must_use]
    pub fn with_read_back(self) -> BundleWriter {
        BundleWriter { digest: Some(Hasher::new()), ..self }
    }

    /// Makes it the earlier part `part`; which one it is, the last line says.
    pub fn set_part(&mut self, part: u16) {
        self.head.id.part = part;
    }

    /// Where the next frame begins in the decompressed tar.
    pub fn tar_offset(&self) -> u64 {
        self.table.raw_bytes()
    }

    /// What the drive has taken so far, as [`Upload::taken`] tells it.
    pub fn taken(&self) -> (u64, Duration) {
        self.upload.taken()
    }

    /// Appends compressed frames of tar.
    ///
    /// # Errors
    /// When the store fails.
    pub fn append_frames(&mut self, stored: &[u8], frames: &[Frame]) -> Result<()> {
        self.write(stored)?;
        for frame in frames {
            self.table.push(*frame);
        }
        Ok(())
    }

    /// Has the bundle's script give a file its metadata, as [`ApplyMembers::push_metadata`].
    ///
    /// # Errors
    /// As for [`ApplyMembers::push_metadata`].
    pub fn push_metadata(&mut self, path: &EntryPath, entry: &Entry, find: &mut FindDirectory) -> Result<()> {
        self.apply()?.push_metadata(path, entry, find)
    }

    /// Has the bundle's script make the content of a file, as [`ApplyMembers::push_patch`].
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn push_patch(&mut self, path: &EntryPath) -> Result<()> {
        self.apply()?.push_patch(path);
        Ok(())
    }

    fn apply(&mut self) -> Result<&mut ApplyMembers> {
        let apply = match self.apply.take() {
            Some(apply) => apply,
            None => ApplyMembers::new(self.level, self.head.time.seconds)?,
        };
        Ok(self.apply.insert(apply))
    }

    /// The snapshot's time, in seconds.
    pub fn time_seconds(&self) -> i64 {
        self.head.time.seconds
    }

    /// Appends a whole line, newline included, to the manifest.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn push_line(&mut self, line: &[u8]) -> Result<()> {
        self.manifest.changes += 1;
        self.manifest.push(line)
    }

    /// Writes manifest, end and seek table and publishes the bundle under the store's name `name`: it now exists.
    ///
    /// # Errors
    /// When the store fails, [`crate::base::error::ErrorKind::Damaged`] when it does not give back what was written; the bundle is
    /// then not published.
    pub fn publish(mut self, name: &str, mut tail: Tail) -> Result<Published> {
        if let Some(apply) = self.apply.take() {
            let (stored, frames) = apply.finish()?;
            stored.drain(|piece| self.write(piece))?;
            for frame in frames {
                self.table.push(frame);
            }
        }
        // The manifest's length stands before it, its offset in its last line: headers first, without writing them.
        let mut headers = Vec::new();
        tail.complete = true;
        tail.part = self.head.id.part;
        tail.changes = self.manifest.changes;
        let mtime_seconds = self.head.time.seconds;
        loop {
            tail.manifest_offset = self.tar_offset() + headers.len() as u64;
            let size = self.manifest.raw_bytes + tail.to_line().len() as u64;
            let before = std::mem::take(&mut headers).len();
            tar::append_plain_file_header(&mut headers, MANIFEST_NAME, size, mtime_seconds);
            if headers.len() == before {
                break;
            }
        }
        if self.manifest.buffer.len() > LAST_FRAME_BYTES {
            self.manifest.close_frame()?;
        }
        self.manifest.push(&tail.to_line())?;
        let (digest, size) = (self.manifest.hasher.hash(), self.manifest.raw_bytes);
        self.manifest.buffer.resize(self.manifest.buffer.len() + tar::padding(size) + tar::END_BYTES, 0);
        self.manifest.close_frame()?;
        let mut stored = Vec::new();
        let header_frame = self.manifest.compressor.append_frame(&headers, &mut stored)?;
        self.append_frames(&stored, &[header_frame])?;
        std::mem::take(&mut self.manifest.stored).drain(|piece| self.write(piece))?;
        for frame in std::mem::take(&mut self.manifest.frames) {
            self.table.push(frame);
        }
        let table = self.table.to_bytes();
        self.write(&table)?;
        if let Some(digest) = &self.digest {
            self.upload.read_back(&digest.hash())?;
        }
        Ok(Published { bytes: self.upload.publish(name)?, manifest: digest })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        let doing = |error| Error::io(format!("cannot write snapshot {} to the archive", self.head.id.number), error);
        self.upload.write_all(bytes).map_err(doing)
    }
}

/// A published bundle, open for reading.
pub struct Bundle {
    name: BundleName,
    blob: Box<dyn Blob>,
    table: SeekTable,
    tail: FileTail,
    has_sound_table: bool,
    /// The last frame, where the file ends in the middle of it. It is not in the table.
    cut_off: Option<Frame>,
}

impl Bundle {
    /// Opens a bundle and reads its seek table and the manifest's end: one read, and a small one for each frame of the manifest.
    /// Where the table is missing or wrong, it is made anew from the frames, as far as they reach.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when there is not one frame; otherwise when it cannot be read.
    pub fn open(name: &BundleName, blob: Box<dyn Blob>) -> Result<Bundle> {
        let bundle = Bundle::open_if(name, blob, Bundle::manifest_agrees)?;
        if bundle.table.is_empty() { Err(no_frame(name)) } else { Ok(bundle) }
    }

    /// As [`Bundle::open`], with a small read for each frame: lengths before the manifest may be wrong and add up, too.
    ///
    /// # Errors
    /// As for [`Bundle::open`].
    pub fn open_compared(name: &BundleName, blob: Box<dyn Blob>) -> Result<Bundle> {
        let agrees = |bundle: &Bundle| {
            bundle.manifest_agrees() && (0..bundle.table.len()).all(|number| bundle.has_right_length(number))
        };
        let bundle = Bundle::open_if(name, blob, agrees)?;
        if bundle.table.is_empty() { Err(no_frame(name)) } else { Ok(bundle) }
    }

    /// As [`Bundle::open`], with one read, or two where the manifest is long: what the table says of its frames is believed. Where
    /// the file ends in the middle of a frame, that is found, too.
    ///
    /// # Errors
    /// As for [`Bundle::open`].
    pub fn open_for_contents(name: &BundleName, blob: Box<dyn Blob>) -> Result<Bundle> {
        Bundle::open_if(name, blob, |bundle| bundle.manifest_start().is_some())
    }

    fn open_if(name: &BundleName, blob: Box<dyn Blob>, agrees: fn(&Bundle) -> bool) -> Result<Bundle> {
        let told = |error: Error| error.while_doing(&doing(name));
        let mut bundle = Bundle {
            name: name.clone(),
            blob,
            table: SeekTable::new(),
            tail: FileTail::default(),
            has_sound_table: false,
            cut_off: None,
        };
        match SeekTable::read(&*bundle.blob) {
            Ok((table, tail)) => (bundle.table, bundle.tail, bundle.has_sound_table) = (table, tail, true),
            // A place that the drive does not read is as good as damaged: the frames before it may be read all the same.
            Err(error) if !error.is_damage() && error.kind() != ErrorKind::Io => return Err(told(error)),
            Err(_) => {}
        }
        if bundle.has_sound_table && agrees(&bundle) {
            return Ok(bundle);
        }
        match SeekTable::walk(&*bundle.blob) {
            Ok((table, walked))
                if !bundle.has_sound_table || (walked == FramesEnd::Complete && table != bundle.table) =>
            {
                // The header of a frame may be what is damaged: where the table alone leads to the manifest, it is right.
                let told = std::mem::replace(&mut bundle.table, table);
                if bundle.has_sound_table && !bundle.manifest_agrees() {
                    let walked = std::mem::replace(&mut bundle.table, told);
                    if bundle.manifest_agrees() {
                        return Ok(bundle);
                    }
                    bundle.table = walked;
                }
                bundle.has_sound_table = false;
                bundle.cut_off = cut_off_frame(&*bundle.blob, bundle.table.stored_bytes()).ok().flatten();
            }
            Err(error) if !bundle.has_sound_table => {
                bundle.cut_off = cut_off_frame(&*bundle.blob, 0).ok().flatten();
                return if bundle.cut_off.is_some() { Ok(bundle) } else { Err(told(error)) };
            }
            // The table is sound, what it leads to is not.
            _ => {}
        }
        Ok(bundle)
    }

    /// Whether its seek table is there and right, as far as was seen.
    pub fn has_sound_table(&self) -> bool {
        self.has_sound_table
    }

    /// Whether the manifest is where its last line and the table say, and its frames are as long: lengths in the table may be
    /// wrong and add up all the same.
    fn manifest_agrees(&self) -> bool {
        let first = self.manifest_start();
        first.is_some_and(|first| (first.number..self.table.len()).all(|number| self.has_right_length(number)))
    }

    /// The frame in which the manifest begins, if its last line and the table say the same and its header stands before it: then
    /// all lengths before it add up. Without a look at the header, one wrong bit of a length before it may be as much as the
    /// header is long, and lead to that instead.
    fn manifest_start(&self) -> Option<FrameAt> {
        let offset = self.manifest_tail().ok()?.manifest_offset;
        let first = self.table.frame_at(offset).filter(|frame| frame.raw_offset == offset)?;
        let header = self.table.frame(first.number.checked_sub(1)?)?;
        let raw = self.frame(&header, &mut Decompressor::new()).ok()?;
        let member = tar::read_header(&mut raw.as_slice()).ok()??;
        (member.path == MANIFEST_NAME.as_bytes() && member.header_bytes == raw.len() as u64).then_some(first)
    }

    /// Whether the table has the length of this frame's content as the frame itself has it.
    fn has_right_length(&self, number: usize) -> bool {
        const HEADER_BYTES_MAX: u32 = 18;
        self.table.frame(number).is_some_and(|frame| {
            let header = FrameAt { stored_bytes: frame.stored_bytes.min(HEADER_BYTES_MAX), ..frame };
            let bytes = self.stored_frame(&header);
            bytes.is_ok_and(|bytes| raw_bytes_by_header(&bytes) == Some(frame.raw_bytes))
        })
    }

    /// Its name.
    pub fn name(&self) -> &BundleName {
        &self.name
    }

    /// Where its frames are.
    pub fn table(&self) -> &SeekTable {
        &self.table
    }

    /// The frame that holds the byte of the tar at `raw_offset`, be it cut off.
    pub fn frame_at(&self, raw_offset: u64) -> Option<FrameAt> {
        let (stored_offset, raw_start) = (self.table.stored_bytes(), self.table.raw_bytes());
        self.table.frame_at(raw_offset).or_else(|| {
            let Frame { stored_bytes, raw_bytes } = self.cut_off?;
            let frame =
                FrameAt { number: self.table.len(), stored_offset, stored_bytes, raw_offset: raw_start, raw_bytes };
            (raw_offset < frame.raw_end()).then_some(frame)
        })
    }

    /// How many bytes of tar the frames hold, the one that is cut off among them.
    pub fn raw_bytes(&self) -> u64 {
        self.table.raw_bytes() + self.cut_off.map_or(0, |frame| u64::from(frame.raw_bytes))
    }

    /// These bytes of the file.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn stored_bytes(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        read_exact_at(&*self.blob, offset, length).map_err(|error| error.while_doing(&doing(&self.name)))
    }

    /// A frame's bytes as they are in the file.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn stored_frame(&self, frame: &FrameAt) -> Result<Vec<u8>> {
        self.stored_frame_in(frame, Vec::new())
    }

    /// As [`Bundle::stored_frame`], in `buffer`, whose room is used.
    ///
    /// # Errors
    /// As for [`Bundle::stored_frame`].
    pub fn stored_frame_in(&self, frame: &FrameAt, mut buffer: Vec<u8>) -> Result<Vec<u8>> {
        if let Some(bytes) = self.tail.get(frame.stored_offset, frame.stored_bytes as usize) {
            buffer.clear();
            buffer.extend_from_slice(bytes);
            return Ok(buffer);
        }
        read_exact_in(&*self.blob, frame.stored_offset, frame.stored_bytes as usize, buffer)
            .map_err(|error| error.while_doing(&doing(&self.name)))
    }

    /// A frame's content.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when it is not what was written; otherwise when it cannot be read.
    pub fn frame(&self, frame: &FrameAt, decompressor: &mut Decompressor) -> Result<Vec<u8>> {
        let stored = self.stored_frame(frame)?;
        decompressor.decompress(&stored, frame.raw_bytes).map_err(|error| error.while_doing(&doing(&self.name)))
    }

    /// The manifest's last line.
    ///
    /// # Errors
    /// As for [`Bundle::frame`]; [`crate::base::error::ErrorKind::Damaged`] also when the manifest is not complete.
    pub fn manifest_tail(&self) -> Result<Tail> {
        let bad = || Error::damaged(format!("{}: the manifest is missing", doing(&self.name)));
        let last = self.table.len().checked_sub(1).and_then(|last| self.table.frame(last)).ok_or_else(bad)?;
        let raw = self.frame(&last, &mut Decompressor::new())?;
        let end = raw.iter().rposition(|byte| *byte != 0).ok_or_else(bad)?;
        let start = raw[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Tail::from_line(&raw[start..=end]).map_err(|error| error.while_doing(&doing(&self.name)))
    }

    /// The manifest's first line, whatever the file's name says; `None` when it cannot be read.
    pub fn own_head(&self) -> Option<Head> {
        let tail = self.manifest_tail().ok()?;
        let raw = self.frame(&self.table.frame_at(tail.manifest_offset)?, &mut Decompressor::new()).ok()?;
        let mut head = Head::from_line(raw.split(|byte| *byte == b'\n').next()?).ok()?;
        head.id.part = tail.part;
        Some(head)
    }

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
        let mut reader = ManifestReader {
            bundle: self.clone(),
            tail,
            head: None,
            next_frame: frame.number,
            decompressor: Decompressor::new(),
            buffer: Vec::new(),
            at: 0,
            hasher: Hasher::new(),
            changes: 0,
            moves: Vec::new(),
            moves_stage: None,
        };
        let line = reader.next_line()?.ok_or_else(bad)?;
        let told = |error: Error| error.while_doing(&doing(&self.name));
        let mut head = Head::from_line(&reader.buffer[line]).map_err(told)?;
        head.id.part = reader.tail.part;
        if head.id != self.name.id {
            return Err(Error::damaged(format!("{} is another bundle: its name was changed", self.name)));
        }
        reader.head = Some(head);
        reader.read_moves().map_err(told)?;
        Ok(reader)
    }
}

fn no_frame(name: &BundleName) -> Error {
    Error::damaged(format!("{}: not one frame of it is whole", doing(name)))
}

fn doing(name: &BundleName) -> String {
    format!("cannot read bundle {name}")
}

/// Reads a manifest line by line.
pub struct ManifestReader {
    bundle: Arc<Bundle>,
    tail: Tail,
    head: Option<Head>,
    next_frame: usize,
    decompressor: Decompressor,
    buffer: Vec<u8>,
    at: usize,
    hasher: Hasher,
    changes: u64,
    moves: Vec<(EntryPathBuf, EntryPathBuf)>,
    moves_stage: Option<MoveStage>,
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
            && let Some(line) = self.peek_line()?
            && let Some((stage, from, to)) = moved_from_line(&self.buffer[line.clone()])?
        {
            if *self.moves_stage.get_or_insert(stage) != stage {
                return Err(Error::damaged("a manifest has renames of two kinds"));
            }
            bytes += from.as_bytes().len() + to.as_bytes().len();
            if bytes > MOVES_BYTES_MAX {
                return Err(Error::damaged("a manifest has more renames than there can be"));
            }
            self.take_line(&line);
            self.changes += 1;
            self.moves.push((from, to));
        }
        Ok(())
    }

    /// The first line.
    ///
    /// # Errors
    /// Never, in a reader that was made: its making reads the first line.
    pub fn head(&self) -> Result<&Head> {
        self.head.as_ref().ok_or_else(|| Error::damaged("a manifest has no first line"))
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
        let name = self.bundle.name.clone();
        let missing = || Error::damaged(format!("{}: the manifest is not complete", doing(&name)));
        let line = self.next_line()?.ok_or_else(missing)?;
        if at_end {
            // Where more lines were counted than there are, this is no last line.
            let is_last = Tail::from_line(&self.buffer[line]).is_ok_and(|tail| tail == self.tail);
            return if is_last { Ok(None) } else { Err(missing()) };
        }
        self.changes += 1;
        let change = Change::from_line(&self.buffer[line.clone()], self.bundle.name.id);
        let change = change.map_err(|error| error.while_doing(&doing(&name)))?;
        Ok(Some((change, &self.buffer[line])))
    }

    /// The BLAKE3 of all lines read so far; of the whole manifest after the last change.
    pub fn digest(&self) -> Hash {
        self.hasher.hash()
    }

    /// Takes the next line; its place in the buffer, without its newline.
    fn next_line(&mut self) -> Result<Option<std::ops::Range<usize>>> {
        let line = self.peek_line()?;
        if let Some(line) = &line {
            self.take_line(line);
        }
        Ok(line)
    }

    fn take_line(&mut self, line: &std::ops::Range<usize>) {
        self.hasher.update(&self.buffer[line.start..=line.end]);
        self.at = line.end + 1;
    }

    /// The place of the next line.
    fn peek_line(&mut self) -> Result<Option<std::ops::Range<usize>>> {
        let mut searched = self.at;
        loop {
            let found = self.buffer[searched..].iter().position(|byte| *byte == b'\n').map(|length| searched + length);
            if found.unwrap_or(self.buffer.len()) - self.at > LINE_BYTES_MAX {
                let what = format!("{}: a line of the manifest is too long", doing(&self.bundle.name));
                return Err(Error::damaged(what));
            }
            if let Some(end) = found {
                return Ok(Some(self.at..end));
            }
            searched = self.buffer.len() - self.at;
            self.buffer.drain(..self.at);
            self.at = 0;
            let Some(frame) = self.bundle.table.frame(self.next_frame) else { return Ok(None) };
            self.next_frame += 1;
            self.buffer.extend_from_slice(&self.bundle.frame(&frame, &mut self.decompressor)?);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::entry::Entry;
    use crate::base::id::ArchiveId;
    use crate::base::id::BundleId;
    use crate::base::path::EntryPath;
    use crate::base::time::Time;
    use crate::format::frames::Compressor;
    use crate::format::frames::Effort;
    use crate::format::manifest::DraftLine;
    use crate::system::store::MemoryStore;
    use crate::system::store::Store;

    fn head() -> Head {
        Head {
            archive: ArchiveId([1; 16]),
            id: BundleId::new(1, 0),
            time: Time::new(0, 0),
            parent: None,
            sources: Vec::new(),
            note: String::new(),
            stands_for: None,
            uncertain_until: 0.into(),
            pruned_until: 0.into(),
        }
    }

    fn bundle(changes: u32) -> (Arc<Bundle>, Published) {
        let store = MemoryStore::new();
        let name = BundleName::new(head().id, head().time).unwrap();
        let mut writer = BundleWriter::new(store.create("b").unwrap(), head(), 3).unwrap();
        let mut stored = Vec::new();
        let frame = Compressor::new(Effort::Level(3)).unwrap().append_frame(&[7; 1024], &mut stored).unwrap();
        writer.append_frames(&stored, &[frame]).unwrap();
        for n in 0..changes {
            let mut entry = Entry::default();
            entry.stat.kind = crate::base::entry::Kind::Fifo;
            let mut line = Vec::new();
            DraftLine::entry(EntryPath::new(format!("s/{n}").as_bytes()).unwrap(), &entry, None)
                .append_to(&mut line, None);
            writer.push_line(&line).unwrap();
        }
        let published = writer.publish("b", Tail::default()).unwrap();
        (Arc::new(Bundle::open(&name, store.open("b").unwrap()).unwrap()), published)
    }

    #[test]
    fn a_manifest_of_one_frame_and_of_many_is_read_as_written() {
        for changes in [0, 1, 100_000] {
            let (bundle, published) = bundle(changes);
            let mut reader = bundle.manifest().unwrap();
            assert_eq!(reader.head().unwrap(), &head());
            let mut count = 0;
            while let Some(change) = reader.next_change().unwrap() {
                assert_eq!(change.path.as_bytes(), format!("s/{count}").as_bytes());
                count += 1;
            }
            assert_eq!((count, reader.digest()), (changes, published.manifest));
            assert_eq!(bundle.blob.length(), published.bytes);
        }
    }

    #[test]
    fn the_manifest_is_the_last_member_and_its_offset_is_right() {
        let (bundle, _) = bundle(3);
        let mut raw = Vec::new();
        for number in 0..bundle.table().len() {
            let frame = bundle.table().frame(number).unwrap();
            raw.extend(bundle.frame(&frame, &mut Decompressor::new()).unwrap());
        }
        let tail = bundle.manifest_tail().unwrap();
        assert!(raw[tail.manifest_offset as usize..].starts_with(b"{\"format\":1,"));
        let member = tar::read_header(&mut &raw[1024..]).unwrap().unwrap();
        assert_eq!(
            (member.path.as_slice(), member.header_bytes),
            (MANIFEST_NAME.as_bytes(), tail.manifest_offset - 1024)
        );
        assert_eq!(raw.len() % 512, 0);
        assert!(raw.ends_with(&[0; 1024]));
    }

    /// A bundle with these frames before the manifest.
    fn bundle_of(frames: &[Vec<u8>], changes: u64) -> Vec<u8> {
        let store = MemoryStore::new();
        let mut writer = BundleWriter::new(store.create("b").unwrap(), head(), 3).unwrap();
        let mut compressor = Compressor::new(Effort::Level(3)).unwrap();
        for raw in frames {
            let mut stored = Vec::new();
            let frame = compressor.append_frame(raw, &mut stored).unwrap();
            writer.append_frames(&stored, &[frame]).unwrap();
        }
        for number in 0..changes {
            let mut line = Vec::new();
            let path = EntryPathBuf::from_bytes(format!("s/{number}").as_bytes()).unwrap();
            let gone = DraftLine::gone(&path, crate::base::entry::Kind::File);
            gone.append_to(&mut line, None);
            writer.push_line(&line).unwrap();
        }
        writer.publish("b", Tail::default()).unwrap();
        let blob = store.open("b").unwrap();
        let mut bytes = vec![0; blob.length() as usize];
        blob.read_at(0, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn no_flipped_bit_of_a_table_costs_anything() {
        let name = BundleName::new(head().id, head().time).unwrap();
        let open = |bytes: &[u8], open: fn(&BundleName, Box<dyn Blob>) -> Result<Bundle>| {
            open(&name, Box::new(BadSector { bytes: bytes.to_vec(), bad: 0..0 })).map(Arc::new).unwrap()
        };
        // A frame of each length that a flipped bit may turn into another one, between others.
        for (lengths, changes) in [(&[512, 1024, 8192][..], 3), (&[8192, 512, 512, 1536, 1 << 20], 70_000)] {
            let frames: Vec<Vec<u8>> =
                lengths.iter().map(|length| (0..*length).map(|n| (n / 7) as u8).collect()).collect();
            let good = bundle_of(&frames, changes);
            let whole = open(&good, Bundle::open);
            let table = whole.table().clone();
            let start = table.stored_bytes() as usize;
            for bit in 0..8 * (good.len() - start) {
                let mut bad = good.clone();
                bad[start + bit / 8] ^= 1 << (bit % 8);
                for open_it in [Bundle::open, Bundle::open_for_contents] {
                    let opened = open(&bad, open_it);
                    let before = opened.manifest_tail().unwrap().manifest_offset;
                    let contents = |table: &SeekTable| -> Vec<FrameAt> {
                        (0..table.len())
                            .filter_map(|number| table.frame(number))
                            .filter(|f| f.raw_end() <= before)
                            .collect()
                    };
                    assert_eq!(contents(opened.table()), contents(&table), "bit {bit}");
                }
                let opened = open(&bad, Bundle::open);
                assert_eq!((opened.table(), opened.has_sound_table()), (&table, false), "bit {bit}");
                assert_eq!(opened.manifest().unwrap().head().unwrap(), &head(), "bit {bit}");
            }
        }
    }

    /// A file of which some bytes cannot be read, as on a drive with a bad sector.
    struct BadSector {
        bytes: Vec<u8>,
        bad: std::ops::Range<u64>,
    }

    impl Blob for BadSector {
        fn length(&self) -> u64 {
            self.bytes.len() as u64
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
            let end = (offset + buffer.len() as u64).min(self.length());
            if offset < self.bad.end && end > self.bad.start {
                return Err(Error::io("cannot read", std::io::Error::other("input/output error")));
            }
            let there = &self.bytes[offset as usize..end as usize];
            buffer[..there.len()].copy_from_slice(there);
            Ok(there.len())
        }
    }

    #[test]
    fn a_sector_that_cannot_be_read_costs_the_frames_that_it_is_in_or_that_only_it_leads_to() {
        let (whole, _) = bundle(3);
        let mut bytes = vec![0; whole.blob.length() as usize];
        whole.blob.read_at(0, &mut bytes).unwrap();
        let frames: Vec<FrameAt> =
            (0..whole.table().len()).map(|number| whole.table().frame(number).unwrap()).collect();
        for start in 0..bytes.len() as u64 {
            let bad = start..start + 16;
            let opened = Bundle::open(whole.name(), Box::new(BadSector { bytes: bytes.clone(), bad: bad.clone() }));
            let at_table = bad.end > whole.table().stored_bytes();
            let Ok(bundle) = opened else {
                assert!(at_table && start < u64::from(frames[0].stored_bytes), "{start}");
                continue;
            };
            for frame in &frames {
                let hit =
                    bad.start < frame.stored_offset + u64::from(frame.stored_bytes) && bad.end > frame.stored_offset;
                // Without the table the way goes from frame to frame.
                let is_beyond = at_table && bad.start < frame.stored_offset;
                let read =
                    bundle.table().frame(frame.number).map(|frame| bundle.frame(&frame, &mut Decompressor::new()));
                assert_eq!(matches!(read, Some(Ok(_))), !hit && !is_beyond, "frame {}, {start}", frame.number);
            }
        }
    }
}
