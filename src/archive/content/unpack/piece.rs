//! What one frame has of a content.

use crate::archive::content::frame::Frame;
use crate::archive::content::frame::said_again;
use crate::archive::content::place::ContentRequest;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::format::bundle::Bundle;

/// What a frame has of contents.
pub(super) struct PieceBytes<'a> {
    pub bundle: &'a Bundle,
    pub frame: &'a Frame,
}

impl<'a> PieceBytes<'a> {
    /// Offset in the content and bytes of each range between holes.
    ///
    /// # Errors
    /// When some of them cannot be had.
    pub(super) fn ranges(&self, wanted: &ContentRequest) -> Result<Vec<(u64, &'a [u8])>> {
        let data = wanted.data_in(self.frame.range());
        let bytes = data.map(|data| {
            let bytes = self.frame.bytes(wanted.in_tar(data.start)..wanted.in_tar(data.end));
            bytes.map(|bytes| (data.start, bytes)).map_err(|why| said_again(self.bundle, why))
        });
        bytes.collect()
    }

    /// The reason why a content is lost whose hash is not that of the bytes.
    pub(super) fn wrong_content(&self) -> Error {
        match self.frame.damage() {
            Some(why) => said_again(self.bundle, why),
            None => Error::damaged(format!("what is in bundle {} is not what was saved", self.bundle.name())),
        }
    }
}
