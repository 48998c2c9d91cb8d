//! A bundle written front to back. Knows nothing of sources.

use crate::base::advice::Advice;
use crate::base::entry::Entry;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::base::path::EntryPath;
use crate::base::path::MANIFEST_NAME;
use crate::format::apply::ApplyMembers;
use crate::format::apply::FindDirectory;
use crate::format::frames::Frame;
use crate::format::frames::SeekTable;
use crate::format::manifest::HEAD_BYTES_MAX;
use crate::format::manifest::Head;
use crate::format::manifest::Tail;
use crate::format::manifest_spool::ManifestSpool;
use crate::format::tar;
use crate::system::store::Upload;
use std::time::Duration;

/// The most bytes before the last line in the last frame: small, so that one read gets that line and the seek table.
const LAST_FRAME_BYTES: usize = 256 << 10;

/// Writes one bundle, front to back.
pub struct BundleWriter {
    upload: Box<dyn Upload>,
    head: Head,
    table: SeekTable,
    level: i32,
    manifest: ManifestSpool,
    /// What stands between the entries and the manifest, if anything does.
    apply: Option<ApplyMembers>,
    /// Takes all bytes as they are handed to the store, if they are to be read back.
    digest: Option<Hasher>,
}

/// What a published bundle is known by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Published {
    /// Its length in bytes as the store lists it.
    pub bytes: u64,
    /// The BLAKE3 of its manifest.
    pub manifest: Hash,
}

impl BundleWriter {
    /// Begins a bundle whose manifest begins with `head`; `level` is the zstd level of the manifest and of what
    /// the script needs.
    ///
    /// # Errors
    /// When there is no memory for it; [`ErrorKind::Refused`] when `head` is longer than [`HEAD_BYTES_MAX`].
    pub fn new(upload: Box<dyn Upload>, head: Head, level: i32) -> Result<BundleWriter> {
        let mut manifest = ManifestSpool::new(level)?;
        let line = head.to_line();
        if line.len() > HEAD_BYTES_MAX {
            let what = "the names and rules of the sources and the note take more than 1 MiB together";
            return Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::UseFewerRules));
        }
        manifest.push(&line)?;
        Ok(BundleWriter { upload, head, table: SeekTable::new(), level, manifest, apply: None, digest: None })
    }

    /// Reads everything back before the bundle is published, so that what the drive does not keep is never a bundle. To be
    /// called before anything is written.
    #[must_use]
    pub fn with_read_back(self) -> BundleWriter {
        BundleWriter { digest: Some(Hasher::new()), ..self }
    }

    /// Makes it the earlier part `part`; which one it is, the last line says.
    pub fn set_part(&mut self, part: u16) {
        self.head.id.part = part;
    }

    /// Where the next frame begins in the decompressed tar.
    pub fn tar_offset(&self) -> u64 {
        self.table.raw_bytes()
    }

    /// What the drive has taken so far, as [`Upload::taken`] tells it.
    pub fn taken(&self) -> (u64, Duration) {
        self.upload.taken()
    }

    /// Appends compressed frames of tar.
    ///
    /// # Errors
    /// When the store fails.
    pub fn append_frames(&mut self, stored: &[u8], frames: &[Frame]) -> Result<()> {
        self.write(stored)?;
        for frame in frames {
            self.table.push(*frame);
        }
        Ok(())
    }

    /// Has the bundle's script give a file its metadata, as [`ApplyMembers::push_metadata`].
    ///
    /// # Errors
    /// As for [`ApplyMembers::push_metadata`].
    pub fn push_metadata(&mut self, path: &EntryPath, entry: &Entry, find: &mut FindDirectory) -> Result<()> {
        self.apply()?.push_metadata(path, entry, find)
    }

    /// Has the bundle's script make the content of a file, as [`ApplyMembers::push_patch`].
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn push_patch(&mut self, path: &EntryPath) -> Result<()> {
        self.apply()?.push_patch(path);
        Ok(())
    }

    /// Has the bundle's script make a file of its own of one with the content of another, as [`ApplyMembers::push_copy`].
    ///
    /// # Errors
    /// As for [`ApplyMembers::push_copy`].
    pub fn push_copy(
        &mut self,
        file: (&EntryPath, &Entry),
        older: Option<&EntryPath>,
        find: &mut FindDirectory,
    ) -> Result<()> {
        self.apply()?.push_copy(file, older, find)
    }

    fn apply(&mut self) -> Result<&mut ApplyMembers> {
        let apply = match self.apply.take() {
            Some(apply) => apply,
            None => ApplyMembers::new(self.level, self.head.time.seconds)?,
        };
        Ok(self.apply.insert(apply))
    }

    /// The snapshot's time, in seconds.
    pub fn time_seconds(&self) -> i64 {
        self.head.time.seconds
    }

    /// Appends a whole line, newline included, to the manifest.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn push_line(&mut self, line: &[u8]) -> Result<()> {
        self.manifest.changes += 1;
        self.manifest.push(line)
    }

    /// Writes manifest, end and seek table and publishes the bundle under the store's name `name`: it now exists.
    ///
    /// # Errors
    /// When the store fails, [`crate::base::error::ErrorKind::Damaged`] when it does not give back what was written; the bundle is
    /// then not published.
    pub fn publish(mut self, name: &str, mut tail: Tail) -> Result<Published> {
        let apply = self.apply.take().map(ApplyMembers::finish).transpose()?;
        for (stored, frames) in apply.into_iter().flatten() {
            stored.drain(|piece| self.write(piece))?;
            for frame in frames {
                self.table.push(frame);
            }
        }
        // The manifest's length stands before it, its offset in its last line: headers first, without writing them.
        let mut headers = Vec::new();
        tail.complete = true;
        tail.part = self.head.id.part;
        tail.changes = self.manifest.changes;
        let mtime_seconds = self.head.time.seconds;
        loop {
            tail.manifest_offset = self.tar_offset() + headers.len() as u64;
            let size = self.manifest.raw_bytes + tail.to_line().len() as u64;
            let before = std::mem::take(&mut headers).len();
            tar::append_plain_file_header(&mut headers, MANIFEST_NAME, size, mtime_seconds);
            if headers.len() == before {
                break;
            }
        }
        if self.manifest.buffer.len() > LAST_FRAME_BYTES {
            self.manifest.close_frame()?;
        }
        self.manifest.push(&tail.to_line())?;
        let (digest, size) = (self.manifest.hasher.hash(), self.manifest.raw_bytes);
        self.manifest.buffer.resize(self.manifest.buffer.len() + tar::padding(size) + tar::END_BYTES, 0);
        self.manifest.close_frame()?;
        let mut stored = Vec::new();
        let header_frame = self.manifest.compressor.append_frame(&headers, &mut stored)?;
        self.append_frames(&stored, &[header_frame])?;
        std::mem::take(&mut self.manifest.stored).drain(|piece| self.write(piece))?;
        for frame in std::mem::take(&mut self.manifest.frames) {
            self.table.push(frame);
        }
        let table = self.table.to_bytes();
        self.write(&table)?;
        if let Some(digest) = &self.digest {
            self.upload.read_back(&digest.hash())?;
        }
        Ok(Published { bytes: self.upload.publish(name)?, manifest: digest })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        let doing = |error| Error::io(format!("cannot write snapshot {} to the archive", self.head.id.number), error);
        self.upload.write_all(bytes).map_err(doing)
    }
}
