//! The program itself beside the archive, so that the drive brings along what reads it.

use crate::archive::open::Archive;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::system::store::not_as_written;
use crate::system::store::read_small;

/// The directory of programs in an archive.
pub const PROGRAMS: &str = "programs";

/// The largest program that is put there, in bytes.
pub const PROGRAM_BYTES_MAX: u64 = 1 << 30;

impl Archive {
    /// Puts a program beside the archive, in place of an earlier one for the same system; it is read back and compared.
    ///
    /// # Errors
    /// When it cannot be written, or is another one when read back.
    pub fn carry(&self, path: &str, program: &[u8]) -> Result<()> {
        self.store().replace(path, program)?;
        let found = read_small(&**self.store(), path, PROGRAM_BYTES_MAX)?;
        if Hash::of(&found) != Hash::of(program) {
            return Err(not_as_written(path));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::id::ArchiveId;
    use crate::base::time::Time;
    use crate::system::store::MemoryStore;
    use crate::system::store::Store;
    use std::sync::Arc;

    #[test]
    fn a_program_is_put_there_and_replaced() {
        let store = MemoryStore::new();
        let archive = Archive::init_store(Arc::new(store.clone()), ArchiveId([1; 16]), Time::default()).unwrap();
        for program in [&b"first"[..], b"second, longer"] {
            archive.carry("programs/snap-x", program).unwrap();
            assert_eq!(read_small(&store, "programs/snap-x", 100).unwrap(), program);
        }
        assert_eq!(store.list(PROGRAMS).unwrap().len(), 1);
    }
}
