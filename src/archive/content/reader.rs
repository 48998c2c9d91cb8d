//! A content read from any place: for whoever wants some of it, or does not know what comes next.

use super::contents::Contents;
use super::frame::ContentCheck;
use super::frame::DecodedFrame;
use super::frame::said_again;
use super::place::ContentRequest;
use super::place::outside;
use super::runs::CopyTo;
use super::runs::Run;
use super::runs::Runs;
use super::runs::Sink;
use crate::base::entry::Entry;
use crate::base::entry::PATCH_DEPTH_MAX;
use crate::base::entry::Patch;
use crate::base::entry::PatchPiece;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::format::bundle::Bundle;
use crate::format::frames::Decompressor;
use crate::format::frames::FrameAt;
use crate::format::frames::PatchDecompressor;
use std::ops::Range;
use std::sync::Arc;

/// Why bytes of a frame are not to be trusted, if they are not.
type Distrust<'t> = dyn for<'f> Fn(&'f DecodedFrame, Range<u64>) -> Option<&'f Error> + 't;

/// For those who take what can be decoded.
const BYTES_LOST: fn(&DecodedFrame, Range<u64>) -> Option<&Error> = |frame, range| frame.bytes(range).err();

/// Of so many patches it is kept where their pieces begin: of a chain, and of one more.
const PLACES_MAX: usize = PATCH_DEPTH_MAX + 1;

/// So many bytes of the data of a patch are kept beside those that are wanted.
const DATA_AHEAD_BYTES: u64 = 128 << 10;

/// Larger memory for frames with data of patches is not kept.
const DATA_BYTES_MAX: usize = 3 << 20;

/// Larger memory for what a piece is made from is not kept.
const BASE_BYTES_MAX: usize = 1 << 20;

/// Where a piece begins in a content, and its data among that of all pieces.
type Begin = (u64, u64);

/// Reads contents; one for each thread.
pub struct Reader {
    contents: Contents,
    decompressor: Decompressor,
    /// The last frame of a large content, as it is stored and as it is, for their memory.
    stored: Vec<u8>,
    raw: Vec<u8>,
    /// The frame that was read last: other threads cannot take its place among those that are kept.
    last: Option<((BundleId, usize), Arc<DecodedFrame>)>,
    places: Vec<(Arc<Patch>, Arc<[Begin]>)>,
    patches: PatchDecompressor,
    /// Memory for a frame with data of patches.
    data: Vec<u8>,
    /// Memory for what pieces are made from.
    bases: Vec<Vec<u8>>,
}

impl Contents {
    /// A reader of contents.
    pub fn reader(&self) -> Reader {
        Reader {
            contents: self.clone(),
            decompressor: Decompressor::new(),
            stored: Vec::new(),
            raw: Vec::new(),
            last: None,
            places: Vec::new(),
            patches: PatchDecompressor::default(),
            data: Vec::new(),
            bases: Vec::new(),
        }
    }
}

impl Reader {
    /// The content of a file as a whole, which must not be larger than what may be held in memory, compared with its hash; zeros
    /// in its holes.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when it is not to be had; otherwise when the archive cannot
    /// be read any more.
    pub fn read(&mut self, entry: &Entry) -> Result<Vec<u8>> {
        self.check_place(entry)?;
        let wanted = ContentRequest::of(entry)?;
        let mut bytes = vec![0; wanted.size as usize];
        let lost = self.read_lossy(entry, 0, &mut bytes)?;
        if wanted.content.holes.hash_of(&bytes) == wanted.content.hash {
            return Ok(bytes);
        }
        Err(lost.unwrap_or_else(|| Error::damaged("its content in the archive is not what was saved")))
    }

    /// The bytes of a content from `offset` on, which must be inside it; zeros in its holes.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when a frame that has some of them is damaged; otherwise when
    /// the archive cannot be read any more.
    pub fn read_at(&mut self, entry: &Entry, offset: u64, out: &mut [u8]) -> Result<()> {
        let (range, mut out) = (offset..offset + out.len() as u64, CopyTo(out));
        let lost = self.read_parts(entry, range, &|frame, _| frame.damage(), &mut |run| out.push(&run))?;
        lost.map_or(Ok(()), Err)
    }

    /// The bytes of a content in `range`, which must be inside it, zeros in its holes; for who reads all of it from front to back
    /// and compares that with its hash: not with the checksums of frames. Where they are most of one frame, that is not kept.
    ///
    /// # Errors
    /// As for [`Reader::read_at`].
    pub fn in_order(&mut self, entry: &Entry, range: Range<u64>) -> Result<&[u8]> {
        let bytes = (range.end - range.start) as usize;
        if let Some((bundle, at)) = self.frame_of(entry, &range)? {
            let buffers = (&mut self.stored, std::mem::take(&mut self.raw));
            // The hash of the whole says whether it is damaged.
            let (frames, check) = (&self.contents.0.frames, ContentCheck::Hash);
            let frame = frames.read_once((&bundle, at), check, buffers, &mut self.decompressor);
            if let Some(why) = frame.damage() {
                let lost = self.contents.lost_or_gone(why)?;
                return Err(lost);
            }
            let wanted = ContentRequest::of(entry)?;
            let start = (wanted.in_tar(range.start) - at.raw_offset) as usize;
            self.raw = frame.into_raw();
            let read = &mut self.raw[start..start + bytes];
            // Their hash says nothing of holes, and no checksum was looked at.
            wanted.content.holes.clear(range.start, read);
            return Ok(read);
        }
        let mut raw = std::mem::take(&mut self.raw);
        raw.resize(bytes, 0);
        let read = self.read_at(entry, range.start, &mut raw);
        self.raw = raw;
        read.map(|()| &*self.raw)
    }

    /// The frame in which a range of a content stands, if that is most of it.
    fn frame_of(&self, entry: &Entry, range: &Range<u64>) -> Result<Option<(Arc<Bundle>, FrameAt)>> {
        let wanted = ContentRequest::of(entry)?;
        if wanted.content.patch.is_some() || range.is_empty() {
            return Ok(None);
        }
        let bundle = self.contents.bundle(wanted.bundle())?;
        let (start, end) = (wanted.in_tar(range.start), wanted.in_tar(range.end));
        let is_most = |at: &FrameAt| end <= at.raw_end() && (end - start) * 2 > u64::from(at.raw_bytes);
        Ok(bundle.frame_at(start).filter(is_most).map(|at| (bundle, at)))
    }

    /// As [`Reader::read_at`], with zeros for what cannot be had, and why that is so. Of a damaged frame everything that can be
    /// decoded is given, which may be wrong.
    ///
    /// # Errors
    /// When the archive cannot be read any more.
    pub fn read_lossy(&mut self, entry: &Entry, offset: u64, out: &mut [u8]) -> Result<Option<Error>> {
        let (range, mut out) = (offset..offset + out.len() as u64, CopyTo(out));
        self.read_parts(entry, range, &BYTES_LOST, &mut |run| out.push(&run))
    }

    /// Whether a content is where it can be read at all, and those from which it is made; its frames are not looked at.
    ///
    /// # Errors
    /// As for [`Reader::read`].
    pub fn check_place(&self, entry: &Entry) -> Result<()> {
        let mut next = Some(ContentRequest::of(entry)?);
        while let Some(wanted) = next.filter(|wanted| wanted.next_data(0).is_some()) {
            match self.contents.bundle(wanted.bundle()) {
                Ok(bundle) => wanted.check_inside(&bundle)?,
                Err(error) => return Err(self.contents.lost_or_gone(&error)?),
            }
            next = wanted.base();
        }
        Ok(())
    }

    /// As [`Reader::read_lossy`], where the bytes stand: long runs of them are not copied.
    ///
    /// # Errors
    /// As for [`Reader::read_lossy`].
    pub(super) fn runs_lossy(&mut self, entry: &Entry, range: Range<u64>, runs: &mut Runs) -> Result<Option<Error>> {
        self.read_parts(entry, range, &BYTES_LOST, &mut |run| runs.push(run))
    }

    fn read_parts(
        &mut self,
        entry: &Entry,
        range: Range<u64>,
        distrust: &Distrust,
        sink: &mut Sink,
    ) -> Result<Option<Error>> {
        match ContentRequest::of(entry) {
            Ok(wanted) => self.read_content(wanted, range, distrust, sink),
            Err(error) => {
                sink(Run::Zeros((range.end - range.start) as usize));
                Ok(Some(error))
            }
        }
    }

    /// Gives `sink` a range of a content, with zeros for what cannot be had.
    fn read_content(
        &mut self,
        wanted: ContentRequest,
        range: Range<u64>,
        distrust: &Distrust,
        sink: &mut Sink,
    ) -> Result<Option<Error>> {
        if let Some(patch) = &wanted.content.patch {
            return self.read_made(wanted, patch, range, sink);
        }
        let (mut at, mut lost) = (range.start, None);
        for data in wanted.content.holes.data(range.clone()) {
            let bundle = match self.contents.bundle(wanted.bundle()) {
                Ok(bundle) => bundle,
                Err(error) => {
                    sink(Run::Zeros((range.end - at) as usize));
                    return self.contents.lost_or_gone(&error).map(Some);
                }
            };
            sink(Run::Zeros((data.start - at) as usize));
            let tar = (wanted.in_tar(data.start), data.end - data.start);
            let missing = self.read_tar(&bundle, tar, distrust, sink)?;
            (at, lost) = (data.end, lost.or(missing));
        }
        sink(Run::Zeros((range.end - at) as usize));
        Ok(lost)
    }

    /// Gives `sink` so many bytes of a bundle's tar from `begin` on.
    fn read_tar(
        &mut self,
        bundle: &Bundle,
        (begin, bytes): (u64, u64),
        distrust: &Distrust,
        sink: &mut Sink,
    ) -> Result<Option<Error>> {
        let (mut done, mut lost) = (0, None);
        while done < bytes {
            let at = begin.saturating_add(done);
            let Some(place) = bundle.frame_at(at) else {
                sink(Run::Zeros((bytes - done) as usize));
                return Ok(lost.or_else(|| Some(outside(bundle))));
            };
            let frame = self.frame(bundle, &place)?;
            let until = place.raw_end().min(begin.saturating_add(bytes));
            let why = distrust(&frame, at..until);
            lost = lost.or_else(|| why.map(|why| Error::damaged(said_again(bundle, why).to_string())));
            done += until - at;
            sink(Run::Frame(frame, at..until));
        }
        Ok(lost)
    }

    /// Gives `sink` a range of a content that is made from an older one.
    fn read_made(
        &mut self,
        wanted: ContentRequest,
        patch: &Arc<Patch>,
        range: Range<u64>,
        sink: &mut Sink,
    ) -> Result<Option<Error>> {
        let places = self.places(patch);
        let first = places.partition_point(|place| place.0 <= range.start).saturating_sub(1);
        let (mut at, mut lost) = (range.start, None);
        for (piece, (start, stored)) in patch.pieces.iter().zip(&*places).skip(first) {
            let until = range.end.min(start + piece.bytes);
            if *start >= range.end {
                break;
            }
            if at >= until {
                continue;
            }
            let of_piece = at - start..until - start;
            let missing = if piece.stored == 0 {
                self.read_base(patch, piece.from + of_piece.start..piece.from + of_piece.end, sink)?
            } else {
                match self.made_piece(wanted, patch, piece, wanted.in_tar(*stored))? {
                    Ok(made) => {
                        sink(Run::Piece(made, of_piece.start as usize..of_piece.end as usize));
                        None
                    }
                    Err(error) => {
                        sink(Run::Zeros((until - at) as usize));
                        Some(error)
                    }
                }
            };
            (at, lost) = (until, lost.or(missing));
        }
        sink(Run::Zeros((range.end - at) as usize));
        Ok(lost)
    }

    /// Where the pieces of a patch and their data begin.
    fn places(&mut self, patch: &Arc<Patch>) -> Arc<[Begin]> {
        if let Some((_, places)) = self.places.iter().find(|(known, _)| Arc::ptr_eq(known, patch)) {
            return places.clone();
        }
        let (mut start, mut stored) = (0_u64, 0_u64);
        let begins = patch.pieces.iter().map(|piece| {
            let begin = (start, stored);
            (start, stored) = (start + piece.bytes, stored.saturating_add(piece.stored));
            begin
        });
        let begins: Arc<[Begin]> = begins.collect();
        if self.places.len() >= PLACES_MAX {
            self.places.remove(0);
        }
        self.places.push((patch.clone(), begins.clone()));
        begins
    }

    /// Gives `sink` a range of the older content of a patch, with zeros for what cannot be had.
    fn read_base(&mut self, patch: &Patch, range: Range<u64>, sink: &mut Sink) -> Result<Option<Error>> {
        let wanted = ContentRequest { size: patch.base_size, content: &patch.base };
        if !wanted.content.place.is_there() {
            sink(Run::Zeros((range.end - range.start) as usize));
            return Ok(Some(Error::damaged("the older content from which it is made was lost")));
        }
        self.read_content(wanted, range, &BYTES_LOST, sink)
    }

    /// A piece that has data of its own at `stored_at` of the tar; or why it cannot be had.
    fn made_piece(
        &mut self,
        wanted: ContentRequest,
        patch: &Patch,
        piece: &PatchPiece,
        stored_at: u64,
    ) -> Result<std::result::Result<Arc<Vec<u8>>, Error>> {
        let key = (wanted.bundle(), stored_at);
        if let Some(made) = self.contents.0.pieces.get(key) {
            return Ok(Ok(made));
        }
        let mut base = self.bases.pop().unwrap_or_default();
        base.clear();
        let range = piece.from..piece.from + piece.base_bytes;
        if let Some(lost) = self.read_base(patch, range, &mut |run| run.append_to(&mut base))? {
            return Ok(Err(lost));
        }
        let bundle = match self.contents.bundle(wanted.bundle()) {
            Ok(bundle) => bundle,
            Err(error) => return self.contents.lost_or_gone(&error).map(Err),
        };
        let mut stored = vec![0; piece.stored as usize];
        if let Some(lost) = self.read_patch_data(&bundle, stored_at, &mut stored)? {
            return Ok(Err(lost));
        }
        let made = self.patches.decompress(&stored, &base, piece.bytes as usize);
        if base.capacity() <= BASE_BYTES_MAX {
            self.bases.push(base);
        }
        match made {
            Ok(made) => {
                let made = Arc::new(made);
                self.contents.0.pieces.put(key, made.clone());
                Ok(Ok(made))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Reads data of a patch, and keeps some of what stands behind it: the next piece needs that.
    fn read_patch_data(&mut self, bundle: &Bundle, at: u64, out: &mut [u8]) -> Result<Option<Error>> {
        let id = bundle.name().id;
        if self.contents.0.patch_data.get(id, at, out) {
            return Ok(None);
        }
        let end = at.saturating_add(out.len() as u64);
        let place = bundle.frame_at(at).filter(|place| end <= place.raw_end());
        let Some(place) = place else {
            return self.copy_tar(bundle, at, out);
        };
        let (frames, check) = (&self.contents.0.frames, ContentCheck::Checksum);
        let buffers = (&mut self.stored, std::mem::take(&mut self.data));
        let frame = frames.read_once((bundle, place), check, buffers, &mut self.decompressor);
        if frame.damage().is_some() {
            return self.copy_tar(bundle, at, out);
        }
        out.copy_from_slice(frame.with_zeros(at..end));
        let ahead = frame.with_zeros(at..end.saturating_add(DATA_AHEAD_BYTES).min(place.raw_end())).to_vec();
        self.contents.0.patch_data.put(id, at, ahead);
        self.data = Some(frame.into_raw()).filter(|data| data.capacity() <= DATA_BYTES_MAX).unwrap_or_default();
        Ok(None)
    }

    fn copy_tar(&mut self, bundle: &Bundle, at: u64, out: &mut [u8]) -> Result<Option<Error>> {
        let (bytes, mut out) = (out.len() as u64, CopyTo(out));
        self.read_tar(bundle, (at, bytes), &BYTES_LOST, &mut |run| out.push(&run))
    }

    fn frame(&mut self, bundle: &Bundle, at: &FrameAt) -> Result<Arc<DecodedFrame>> {
        let key = (bundle.name().id, at.number);
        if let Some((_, frame)) = self.last.as_ref().filter(|(known, _)| *known == key) {
            return Ok(frame.clone());
        }
        // Its memory is used again.
        self.last = None;
        let frame = self.contents.0.frames.frame(bundle, at, &mut self.decompressor);
        if let Some(why) = frame.damage() {
            self.contents.lost_or_gone(why)?;
        }
        if frame.damage().is_none() {
            self.last = Some((key, frame.clone()));
        }
        Ok(frame)
    }
}
