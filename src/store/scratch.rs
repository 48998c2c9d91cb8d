//! A file without a name, where the system keeps temporary files, for what is too much for memory. Knows nothing of what it is.

use crate::error::Error;
use crate::error::Result;
use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;

/// A file that is gone with its owner.
pub struct ScratchFile(File);

impl ScratchFile {
    /// A new, empty one.
    ///
    /// # Errors
    /// When there is no room for one.
    pub fn new() -> Result<ScratchFile> {
        tempfile::tempfile().map(ScratchFile).map_err(failed)
    }

    /// Writes `bytes` at this offset in bytes.
    ///
    /// # Errors
    /// When there is no room for them.
    pub fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.0.seek(SeekFrom::Start(offset)).and_then(|_| self.0.write_all(bytes)).map_err(failed)
    }

    /// Reads as many bytes as `buffer` has room for from this offset in bytes.
    ///
    /// # Errors
    /// When there are fewer, or they cannot be read.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.0.seek(SeekFrom::Start(offset)).and_then(|_| self.0.read_exact(buffer)).map_err(failed)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::io("cannot use a temporary file", error).with_hint("is there room where temporary files are kept (TMPDIR)?")
}
