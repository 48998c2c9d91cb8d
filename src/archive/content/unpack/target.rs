//! Where a content goes. Knows nothing of where it comes from.

use crate::base::entry::Entry;
use crate::base::error::Error;
use crate::base::error::Result;

/// A file whose content is wanted, and where that goes. Called from several threads at once. An error of any call ends
/// everything; what concerns this file only, it keeps to itself.
pub trait Target: Send + Sync {
    /// A content on its way; dropped, when it is not finished.
    type Open: Send + Sync;

    /// The file, with its content.
    fn entry(&self) -> &Entry;

    /// Called for each of the files that [`super::Unpacker::look`] is given; whether the content is wanted.
    ///
    /// # Errors
    /// What ends everything.
    fn look(&self) -> Result<bool>;

    /// Its first bytes are there. `None` when it is not wanted any more; then nothing more is said of it.
    ///
    /// # Errors
    /// What ends everything.
    fn begin(&self) -> Result<Option<Self::Open>>;

    /// These bytes stand at `offset` of the content. Pieces come in no order; holes are left out. `false` when it is not
    /// wanted any more; then it is dropped and nothing more is said of it.
    ///
    /// # Errors
    /// What ends everything.
    fn write(&self, open: &Self::Open, offset: u64, bytes: &[u8]) -> Result<bool>;

    /// All its bytes were handed on, and they are the right ones.
    ///
    /// # Errors
    /// What ends everything.
    fn finish(&self, open: Self::Open) -> Result<()>;

    /// It cannot be had: what is in the archive is damaged, missing or unreadable. What was begun of it is dropped.
    ///
    /// # Errors
    /// What ends everything.
    fn fail(&self, why: &Error) -> Result<()>;
}
