//! Where a content stands: as it is in one bundle, or there what changed of an older one.

use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::format::bundle::Bundle;
use std::ops::Range;

/// A content that is wanted. Nothing of it is trusted.
#[derive(Clone, Copy, Debug)]
pub(super) struct ContentRequest<'a> {
    /// Its length in bytes, holes included.
    pub size: u64,
    /// Where it is, its hash and its holes.
    pub content: &'a Content,
}

impl<'a> ContentRequest<'a> {
    /// The content of a file.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when it is known to be lost, or nothing is known of it.
    pub fn of(entry: &'a Entry) -> Result<ContentRequest<'a>> {
        let unknown = || Error::damaged("the index does not say where its content is");
        let content = entry.content.as_ref().ok_or_else(unknown)?;
        if content.place.is_lost() {
            return Err(Error::damaged("its content was lost when the archive was damaged"));
        }
        if content.place.is_pruned() {
            return Err(Error::damaged("its content was taken out of the archive by pruning or erasing"));
        }
        Ok(ContentRequest { size: entry.stat.size, content })
    }

    /// The bundle that it is in.
    pub fn bundle(&self) -> BundleId {
        self.content.place.bundle
    }

    /// The older content from which it is made.
    pub fn base(&self) -> Option<ContentRequest<'a>> {
        self.content.patch.as_ref().map(|patch| ContentRequest { size: patch.base_size, content: &patch.base })
    }

    /// How many bytes of its bundle's tar it takes.
    pub fn stored_bytes(&self) -> u64 {
        self.content.stored_bytes(self.size)
    }

    /// Where in the tar of its bundle the byte at `offset` stands.
    pub fn in_tar(&self, offset: u64) -> u64 {
        self.content.place.offset.saturating_add(offset)
    }

    /// Which bytes of it are in the range `tar` of the bundle's tar, holes left out.
    pub fn data_in(&self, tar: Range<u64>) -> impl Iterator<Item = Range<u64>> + 'a {
        let begin = self.content.place.offset;
        let end = tar.end.saturating_sub(begin).min(self.size);
        self.content.holes.data(tar.start.saturating_sub(begin).min(end)..end)
    }

    /// The offset of the first byte from `from` on that is in no hole; `None` when there is none left.
    pub fn next_data(&self, from: u64) -> Option<u64> {
        self.content.holes.next_data(from, self.size)
    }

    /// # Errors
    /// [`ErrorKind::Damaged`](crate::base::error::ErrorKind::Damaged) when it does not lie in `bundle`'s tar, as far as there are
    /// frames of that.
    pub fn check_inside(&self, bundle: &Bundle) -> Result<()> {
        let end = self.content.place.offset.checked_add(self.stored_bytes());
        if end.is_some_and(|end| end <= bundle.raw_bytes()) { Ok(()) } else { Err(outside(bundle)) }
    }
}

/// The error of a content that does not lie in a bundle's tar.
pub(super) fn outside(bundle: &Bundle) -> Error {
    let name = bundle.name();
    Error::damaged(if bundle.has_sound_table() {
        format!("the index places it outside of bundle {name}")
    } else {
        format!("bundle {name} is cut off or damaged before the place where it is")
    })
}
