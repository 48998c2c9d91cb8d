//! A store in memory: for tests, and as the plainest statement of what a store does.

use super::Blob;
use super::Capabilities;
use super::Lease;
use super::Store;
use super::Upload;
use super::checked_name;
use super::not_as_written;
use crate::base::concurrency::Guard;
use crate::base::concurrency::Lock;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::Hash;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

/// A store whose files are in memory; clones share them.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Lock<Files>>);

#[derive(Default)]
struct Files {
    files: BTreeMap<String, Arc<[u8]>>,
    holder: Option<String>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    fn files(&self) -> Guard<'_, Files> {
        self.0.lock()
    }
}

fn not_found(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no {name} in the archive"))
}

fn exists(name: &str) -> Error {
    Error::new(ErrorKind::Exists, format!("{name} is already there"))
}

impl Store for MemoryStore {
    fn list(&self, directory: &str) -> Result<Vec<(String, u64)>> {
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let inner = self.files();
        let names = inner.files.iter().filter_map(|(name, bytes)| {
            let rest = name.strip_prefix(&prefix).filter(|rest| !rest.contains('/'))?;
            Some((rest.to_owned(), bytes.len() as u64))
        });
        Ok(names.collect())
    }

    fn open(&self, name: &str) -> Result<Box<dyn Blob>> {
        let bytes = self.files().files.get(checked_name(name)?).cloned().ok_or_else(|| not_found(name))?;
        Ok(Box::new(MemoryBlob(bytes)))
    }

    fn create(&self, like: &str) -> Result<Box<dyn Upload>> {
        let like = checked_name(like)?.to_owned();
        Ok(Box::new(MemoryUpload { store: self.clone(), like, bytes: Vec::new() }))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.files().files.insert(checked_name(name)?.to_owned(), bytes.into());
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut inner = self.files();
        if inner.files.contains_key(checked_name(to)?) {
            return Err(exists(to));
        }
        let bytes = inner.files.remove(checked_name(from)?).ok_or_else(|| not_found(from))?;
        inner.files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn rename_over(&self, from: &str, to: &str) -> Result<()> {
        let mut inner = self.files();
        let bytes = inner.files.remove(checked_name(from)?).ok_or_else(|| not_found(from))?;
        inner.files.insert(checked_name(to)?.to_owned(), bytes);
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { replaces_at_once: true, ..Capabilities::default() }
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.files().files.remove(checked_name(name)?).map(drop).ok_or_else(|| not_found(name))
    }

    fn remove_all(&self, directory: &str, files: &[String]) -> Result<()> {
        for file in files {
            self.files().files.remove(checked_name(&format!("{directory}/{file}"))?);
        }
        Ok(())
    }

    fn lock(&self, holder: &str) -> Result<Box<dyn Lease>> {
        let mut inner = self.files();
        if let Some(other) = &inner.holder {
            return Err(Error::new(ErrorKind::Locked, format!("the archive is in use by {other}")));
        }
        inner.holder = Some(holder.to_owned());
        Ok(Box::new(MemoryLock(self.clone())))
    }

    fn sweep(&self, _directories: &[&str]) -> Result<()> {
        Ok(())
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

struct MemoryBlob(Arc<[u8]>);

impl Blob for MemoryBlob {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

struct MemoryUpload {
    store: MemoryStore,
    /// What it is called in messages.
    like: String,
    bytes: Vec<u8>,
}

impl Write for MemoryUpload {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Upload for MemoryUpload {
    fn read_back(&mut self, digest: &Hash) -> Result<()> {
        if Hash::of(&self.bytes) == *digest { Ok(()) } else { Err(not_as_written(&self.like)) }
    }

    fn publish(self: Box<Self>, name: &str) -> Result<u64> {
        let mut inner = self.store.files();
        if inner.files.contains_key(checked_name(name)?) {
            return Err(exists(name));
        }
        let length = self.bytes.len() as u64;
        inner.files.insert(name.to_owned(), self.bytes.into());
        Ok(length)
    }
}

struct MemoryLock(MemoryStore);

impl Lease for MemoryLock {
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.files().holder = None;
    }
}
