//! A content read from any place: for whoever wants some of it, or does not know what comes next.

use super::contents::Contents;
use super::frame::Frame;
use super::frame::said_again;
use super::place::ContentRequest;
use crate::base::entry::Entry;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::format::bundle::Bundle;
use crate::format::frames::Decompressor;
use crate::format::frames::FrameAt;
use std::ops::Range;
use std::sync::Arc;

/// Reads contents; one for each thread.
pub struct Reader {
    contents: Contents,
    decompressor: Decompressor,
}

impl Contents {
    /// A reader of contents.
    pub fn reader(&self) -> Reader {
        Reader { contents: self.clone(), decompressor: Decompressor::new() }
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
        let lost = self.read_parts(entry, offset, out, |frame, _| frame.damage())?;
        lost.map_or(Ok(()), Err)
    }

    /// As [`Reader::read_at`], with zeros for what cannot be had, and why that is so. Of a damaged frame everything that can be
    /// decoded is given, which may be wrong.
    ///
    /// # Errors
    /// When the archive cannot be read any more.
    pub fn read_lossy(&mut self, entry: &Entry, offset: u64, out: &mut [u8]) -> Result<Option<Error>> {
        self.read_parts(entry, offset, out, |frame, range| frame.bytes(range).err())
    }

    /// Whether a content is where it can be read at all; its frames are not looked at.
    ///
    /// # Errors
    /// As for [`Reader::read`].
    pub fn check_place(&self, entry: &Entry) -> Result<()> {
        let wanted = ContentRequest::of(entry)?;
        if wanted.next_data(0).is_none() {
            return Ok(());
        }
        match self.contents.bundle(wanted.bundle()) {
            Ok(bundle) => wanted.check_inside(&bundle),
            Err(error) => Err(self.contents.lost_or_gone(&error)?),
        }
    }

    fn read_parts(
        &mut self,
        entry: &Entry,
        offset: u64,
        out: &mut [u8],
        trouble: impl Fn(&Frame, Range<u64>) -> Option<&Error>,
    ) -> Result<Option<Error>> {
        out.fill(0);
        let wanted = match ContentRequest::of(entry) {
            Ok(wanted) => wanted,
            Err(error) => return Ok(Some(error)),
        };
        let mut lost = None;
        for data in wanted.content.holes.data(offset..offset + out.len() as u64) {
            let bundle = match self.contents.bundle(wanted.bundle()) {
                Ok(bundle) => bundle,
                Err(error) => return self.contents.lost_or_gone(&error).map(Some),
            };
            let out = &mut out[(data.start - offset) as usize..(data.end - offset) as usize];
            let (begin, end) = (wanted.in_tar(data.start), wanted.in_tar(data.end));
            let mut at = begin;
            while at < end {
                let Some(place) = bundle.frame_at(at) else {
                    return Ok(lost.or_else(|| wanted.check_inside(&bundle).err()));
                };
                let frame = self.frame(&bundle, &place)?;
                let until = end.min(place.raw_end());
                out[(at - begin) as usize..(until - begin) as usize].copy_from_slice(frame.with_zeros(at..until));
                let trouble = trouble(&frame, at..until);
                lost = lost.or_else(|| trouble.map(|why| Error::damaged(said_again(&bundle, why).to_string())));
                at = until;
            }
        }
        Ok(lost)
    }

    fn frame(&mut self, bundle: &Bundle, at: &FrameAt) -> Result<Arc<Frame>> {
        let frame = self.contents.0.frames.frame(bundle, at, &mut self.decompressor);
        if let Some(why) = frame.damage() {
            self.contents.lost_or_gone(why)?;
        }
        Ok(frame)
    }
}
