//! A published bundle read: its frames, its seek table, the ends of its manifest. Of other bundles it knows only names.

use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleName;
use crate::base::path::MANIFEST_NAME;
use crate::format::frames::Decompressor;
use crate::format::frames::FileEnd;
use crate::format::frames::Frame;
use crate::format::frames::FrameAt;
use crate::format::frames::FramesEnd;
use crate::format::frames::HEADER_BYTES_MAX;
use crate::format::frames::SeekTable;
use crate::format::frames::cut_off_frame;
use crate::format::frames::raw_bytes_by_header;
use crate::format::manifest::Head;
use crate::format::manifest::Tail;
use crate::format::tar;
use crate::system::store::Blob;
use crate::system::store::read_exact_at;
use crate::system::store::read_exact_in;

/// A published bundle, open for reading.
pub struct Bundle {
    pub(super) name: BundleName,
    pub(super) blob: Box<dyn Blob>,
    pub(super) table: SeekTable,
    tail: FileEnd,
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
        let in_bundle = |error: Error| error.while_doing(&doing(name));
        let mut bundle = Bundle {
            name: name.clone(),
            blob,
            table: SeekTable::new(),
            tail: FileEnd::default(),
            has_sound_table: false,
            cut_off: None,
        };
        match SeekTable::read(&*bundle.blob) {
            Ok((table, tail)) => (bundle.table, bundle.tail, bundle.has_sound_table) = (table, tail, true),
            // A place that the drive does not read is as good as damaged: the frames before it may be read all the same.
            Err(error) if !error.is_damage() && error.kind() != ErrorKind::Io => return Err(in_bundle(error)),
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
                let stored = std::mem::replace(&mut bundle.table, table);
                if bundle.has_sound_table && !bundle.manifest_agrees() {
                    let walked = std::mem::replace(&mut bundle.table, stored);
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
                return if bundle.cut_off.is_some() { Ok(bundle) } else { Err(in_bundle(error)) };
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
        self.table.frame(number).is_some_and(|frame| {
            let header = FrameAt { stored_bytes: frame.stored_bytes.min(HEADER_BYTES_MAX as u32), ..frame };
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

    /// The frame that holds the byte of the tar at `raw_offset`, even if it is cut off.
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

    /// As [`Bundle::stored_frame`], in `buffer`, whose memory is used again.
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
}

fn no_frame(name: &BundleName) -> Error {
    Error::damaged(format!("{}: not one frame of it is whole", doing(name)))
}

pub(super) fn doing(name: &BundleName) -> String {
    format!("cannot read bundle {name}")
}
