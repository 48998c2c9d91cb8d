//! What one job has of a content: bytes of a frame, or bytes that were made from an older content.

use crate::archive::content::frame::DecodedFrame;
use crate::archive::content::frame::said_again;
use crate::archive::content::place::ContentRequest;
use crate::archive::content::runs::Runs;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::format::bundle::Bundle;

/// Bytes of contents.
#[derive(Clone, Copy)]
pub(super) enum PieceBytes<'a> {
    /// What a frame has of contents that stand in it as they are.
    Frame { bundle: &'a Bundle, frame: &'a DecodedFrame },
    /// What was made of one content, from `start` on; or why it cannot be had.
    Made { start: u64, runs: &'a Result<Runs> },
}

impl<'a> PieceBytes<'a> {
    /// Offset in the content and bytes of each range between holes.
    ///
    /// # Errors
    /// When some of them cannot be had.
    pub(super) fn ranges(&self, wanted: &ContentRequest) -> Result<Vec<(u64, &'a [u8])>> {
        match *self {
            PieceBytes::Frame { bundle, frame } => {
                let data = wanted.data_in(frame.range());
                let bytes = data.map(|data| {
                    let bytes = frame.bytes(wanted.in_tar(data.start)..wanted.in_tar(data.end));
                    bytes.map(|bytes| (data.start, bytes)).map_err(|why| said_again(bundle, why))
                });
                bytes.collect()
            }
            PieceBytes::Made { start, runs } => {
                let runs = runs.as_ref().map_err(|why| Error::new(why.kind(), why.to_string()))?;
                let (mut at, mut ranges) = (start, Vec::new());
                for bytes in runs.bytes() {
                    let data = wanted.content.holes.data(at..at + bytes.len() as u64);
                    ranges.extend(
                        data.map(|data| (data.start, &bytes[(data.start - at) as usize..(data.end - at) as usize])),
                    );
                    at += bytes.len() as u64;
                }
                Ok(ranges)
            }
        }
    }

    /// The reason why a content is lost whose hash is not that of the bytes.
    pub(super) fn wrong_content(&self) -> Error {
        match self {
            PieceBytes::Frame { bundle, frame } => match frame.damage() {
                Some(why) => said_again(bundle, why),
                None => Error::damaged(format!("what is in bundle {} is not what was saved", bundle.name())),
            },
            PieceBytes::Made { .. } => {
                Error::damaged("what is made from an older content and what changed of it is not what was saved")
            }
        }
    }
}
