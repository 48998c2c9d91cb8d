//! Files and stores where the system keeps temporary files, for what is too much for memory. Knows nothing of what it is.

use super::LocalStore;
use super::MemoryStore;
use super::Store;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::Hasher;
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

/// How many bytes a [`Spool`] keeps in memory, moves to its file and gives back at once.
const SPOOL_BYTES: usize = 1 << 20;

/// Bytes that are read once, when all of them are there: the last MiB is in memory, what was before it in a [`ScratchFile`].
/// Where there is no room for that file, all of them stay in memory.
#[derive(Default)]
pub struct Spool {
    place: SpoolPlace,
    in_file: u64,
    /// What the file is given, so that it is known again.
    digest: Hasher,
    rest: Vec<u8>,
}

#[derive(Default)]
enum SpoolPlace {
    #[default]
    Unneeded,
    File(ScratchFile),
    /// What comes from now on stays in memory; before it may be what the file has taken.
    Full(Option<ScratchFile>),
}

impl Spool {
    /// Lets `append` add to the bytes; what it gives is given back.
    ///
    /// # Errors
    /// As `append` has it.
    pub fn append<T>(&mut self, append: impl FnOnce(&mut Vec<u8>) -> Result<T>) -> Result<T> {
        let answer = append(&mut self.rest);
        if self.rest.len() >= SPOOL_BYTES {
            self.relieve();
        }
        answer
    }

    fn relieve(&mut self) {
        let mut file = match std::mem::take(&mut self.place) {
            SpoolPlace::Unneeded => ScratchFile::new().ok(),
            SpoolPlace::File(file) => Some(file),
            full @ SpoolPlace::Full(_) => return self.place = full,
        };
        let taken = file.as_mut().is_some_and(|file| file.write_at(self.in_file, &self.rest).is_ok());
        self.place = match file {
            Some(file) if taken => SpoolPlace::File(file),
            file => return self.place = SpoolPlace::Full(file),
        };
        self.digest.update(&self.rest);
        self.in_file += self.rest.len() as u64;
        self.rest.clear();
    }

    /// Gives all bytes to `sink`, in pieces.
    ///
    /// # Errors
    /// As `sink` has it; [`crate::base::error::ErrorKind::Damaged`] when the file gives back other bytes than it was given, and when it
    /// cannot be read.
    pub fn drain(self, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if let (true, SpoolPlace::File(mut file) | SpoolPlace::Full(Some(mut file))) = (self.in_file > 0, self.place) {
            let (mut digest, mut at) = (Hasher::new(), 0);
            let mut piece = vec![0; SPOOL_BYTES];
            while at < self.in_file {
                piece.truncate(usize::try_from(self.in_file - at).unwrap_or(SPOOL_BYTES));
                file.read_at(at, &mut piece)?;
                digest.update(&piece);
                at += piece.len() as u64;
                sink(&piece)?;
            }
            if digest.hash() != self.digest.hash() {
                return Err(Error::damaged("a temporary file does not give back what was written")
                    .with_advice(Advice::CheckTemporaryDrive));
            }
        }
        sink(&self.rest)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::io("cannot use a temporary file", error).with_advice(Advice::FreeTemporarySpace)
}

/// A store in a temporary directory, removed when it is dropped.
pub struct Scratch {
    store: Box<dyn Store>,
    _directory: Option<tempfile::TempDir>,
}

impl Scratch {
    /// A new, empty one, where the system keeps temporary files.
    ///
    /// # Errors
    /// When there is no room for one.
    pub fn new() -> Result<Scratch> {
        let directory = tempfile::Builder::new().prefix("snap-").tempdir();
        let directory = directory.map_err(|error| Error::io("cannot make a temporary folder", error))?;
        Ok(Scratch { store: Box::new(LocalStore::new(directory.path())), _directory: Some(directory) })
    }

    /// As [`Scratch::new`]; in memory where there is no folder for it, as on a rescue system.
    pub fn or_in_memory() -> Scratch {
        let in_memory = |_| Scratch { store: Box::new(MemoryStore::new()), _directory: None };
        Scratch::new().unwrap_or_else(in_memory)
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize, seed: usize) -> Vec<u8> {
        (0..count).map(|at| ((at * 7 + seed) >> 3) as u8).collect()
    }

    fn add(spool: &mut Spool, all: &mut Vec<u8>, piece: &[u8]) {
        spool.append(|rest| rest.write_all(piece).map_err(failed)).unwrap();
        all.extend(piece);
    }

    /// A spool that was given pieces of these lengths, and all that they hold.
    fn filled(lengths: &[usize]) -> (Spool, Vec<u8>) {
        let (mut spool, mut all) = (Spool::default(), Vec::new());
        for (seed, length) in lengths.iter().enumerate() {
            let piece = bytes(*length, seed);
            add(&mut spool, &mut all, &piece);
        }
        (spool, all)
    }

    fn drained(spool: Spool) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        spool.drain(|piece| all.write_all(piece).map_err(failed))?;
        Ok(all)
    }

    #[test]
    fn a_spool_gives_back_all_in_order_and_keeps_little_in_memory() {
        let lengths: [&[usize]; 4] =
            [&[], &[5], &[SPOOL_BYTES], &[SPOOL_BYTES - 1, 3, SPOOL_BYTES * 2 + 7, 11, 0, SPOOL_BYTES]];
        for lengths in lengths {
            let (spool, all) = filled(lengths);
            assert!(spool.rest.len() < SPOOL_BYTES, "{lengths:?}");
            assert!(drained(spool).unwrap() == all, "{lengths:?}");
        }
    }

    #[test]
    fn a_spool_keeps_in_memory_what_no_file_takes() {
        // A file that cannot be written, as on a full disk.
        let unwritable = || ScratchFile(File::open(if cfg!(windows) { "NUL" } else { "/dev/null" }).unwrap());
        let (mut spool, mut all) = filled(&[SPOOL_BYTES + 1, 9]);
        let SpoolPlace::File(file) = std::mem::replace(&mut spool.place, SpoolPlace::File(unwritable())) else {
            panic!()
        };
        for seed in 2..5 {
            let piece = bytes(SPOOL_BYTES, seed);
            add(&mut spool, &mut all, &piece);
        }
        assert!(matches!(spool.place, SpoolPlace::Full(_)));
        assert_eq!(spool.rest.len(), 9 + 3 * SPOOL_BYTES);
        spool.place = SpoolPlace::Full(Some(file));
        assert!(drained(spool).unwrap() == all);

        let (mut spool, mut all) = (Spool { place: SpoolPlace::Full(None), ..Spool::default() }, Vec::new());
        for seed in 0..3 {
            let piece = bytes(SPOOL_BYTES, seed);
            add(&mut spool, &mut all, &piece);
        }
        assert!(drained(spool).unwrap() == all);
    }

    #[test]
    fn a_spool_notices_a_file_that_gives_back_other_bytes() {
        let (mut spool, _) = filled(&[SPOOL_BYTES, 4]);
        let SpoolPlace::File(file) = &mut spool.place else { panic!() };
        file.write_at(77, b"not this").unwrap();
        assert!(drained(spool).unwrap_err().is_damage());
    }
}
