//! Stores that fail, count or let a test act at a chosen step; wrappers around any other. Know nothing of what files mean.

use snap_archive::base::error::Error;
use snap_archive::base::error::Result;
use snap_archive::base::id::Hash;
use snap_archive::system::store::Blob;
use snap_archive::system::store::Capabilities;
use snap_archive::system::store::Lease;
use snap_archive::system::store::Store;
use snap_archive::system::store::Upload;
use std::io;
use std::io::ErrorKind;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// What becomes of the chosen step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It and every later one fails, and unfinished files stay where they are as long as the store is used: the program was
    /// killed, the drive pulled out.
    Crash,
    /// It alone fails.
    Once(ErrorKind),
    /// It and every later one that writes fails; reading goes on.
    NoMoreWriting(ErrorKind),
}

/// What steps there were, and what was done in them.
#[derive(Default)]
struct Steps {
    names: Vec<String>,
    bytes_read: u64,
    bytes_written: u64,
    opened: Vec<String>,
    /// What a crash left unfinished.
    unfinished: Vec<Box<dyn Upload>>,
}

/// What a test does before a step.
type Act = Arc<dyn Fn(usize, &str) + Send + Sync>;

/// The plan of a [`FaultyStore`] and the record of its steps.
#[derive(Clone)]
struct Plan {
    fault: Option<(usize, Fault)>,
    steps: Arc<Mutex<Steps>>,
    /// Called with the number and the name of each step, before it.
    act: Act,
    /// These bytes of this file cannot be read, wherever it is moved to.
    unreadable: Arc<Mutex<Option<(String, Range<u64>)>>>,
    /// The system refuses to open this file.
    refused: Option<(String, i32)>,
    /// Whether a file takes another one's name at once; elsewhere it moves away first, as on FAT.
    replaces_at_once: bool,
}

impl Plan {
    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next step: whether it may be done.
    fn step(&self, name: &str) -> io::Result<()> {
        let number = {
            let mut steps = self.steps();
            steps.names.push(name.to_owned());
            steps.names.len() - 1
        };
        (self.act)(number, name);
        let writes = !name.starts_with("list") && !name.starts_with("open") && !name.starts_with("read");
        match self.fault {
            Some((at, Fault::Crash)) if number >= at => Err(io::Error::other("the drive was pulled out")),
            Some((at, Fault::Once(kind))) if number == at => Err(kind.into()),
            Some((at, Fault::NoMoreWriting(kind))) if number >= at && writes => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn unreadable(&self) -> MutexGuard<'_, Option<(String, Range<u64>)>> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn checked(&self, name: &str) -> Result<()> {
        self.step(name).map_err(|error| Error::io(format!("cannot do step {name}"), error))
    }

    fn has_crashed(&self) -> bool {
        let taken = self.steps().names.len();
        matches!(self.fault, Some((at, Fault::Crash)) if taken > at)
    }
}

/// A store that counts every step, and fails at one if it is told to.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    plan: Plan,
}

impl FaultyStore {
    /// Fails at step `at`, counted from 0.
    pub fn new(inner: Arc<dyn Store>, at: usize, fault: Fault) -> Arc<FaultyStore> {
        FaultyStore::made(inner, Some((at, fault)), Arc::new(|_, _| {}))
    }

    /// Only counts.
    pub fn counting(inner: Arc<dyn Store>) -> Arc<FaultyStore> {
        FaultyStore::made(inner, None, Arc::new(|_, _| {}))
    }

    /// Calls `act` with the number and the name of each step before it.
    pub fn acting(inner: Arc<dyn Store>, act: impl Fn(usize, &str) + Send + Sync + 'static) -> Arc<FaultyStore> {
        FaultyStore::made(inner, None, Arc::new(act))
    }

    /// Cannot read these bytes of this file: a bad sector of the drive.
    pub fn unreadable(inner: Arc<dyn Store>, name: &str, bytes: Range<u64>) -> Arc<FaultyStore> {
        let store = FaultyStore::counting(inner);
        *store.plan.unreadable() = Some((name.to_owned(), bytes));
        store
    }

    /// The system refuses to open this file, with this number of an error (errno).
    pub fn refusing(inner: Arc<dyn Store>, name: &str, errno: i32) -> Arc<FaultyStore> {
        let mut store = FaultyStore { inner, plan: FaultyStore::counting_plan() };
        store.plan.refused = Some((name.to_owned(), errno));
        Arc::new(store)
    }

    /// As [`FaultyStore::new`], on a drive such as one with FAT.
    pub fn on_fat(inner: Arc<dyn Store>, at: usize, fault: Fault) -> Arc<FaultyStore> {
        let plan = Plan { fault: Some((at, fault)), replaces_at_once: false, ..FaultyStore::counting_plan() };
        Arc::new(FaultyStore { inner, plan })
    }

    fn counting_plan() -> Plan {
        Plan {
            fault: None,
            steps: Arc::default(),
            act: Arc::new(|_, _| {}),
            unreadable: Arc::default(),
            refused: None,
            replaces_at_once: true,
        }
    }

    fn made(inner: Arc<dyn Store>, fault: Option<(usize, Fault)>, act: Act) -> Arc<FaultyStore> {
        Arc::new(FaultyStore { inner, plan: Plan { fault, act, ..FaultyStore::counting_plan() } })
    }

    /// The names of all steps so far.
    pub fn steps(&self) -> Vec<String> {
        self.plan.steps().names.clone()
    }

    /// How many bytes were read.
    pub fn bytes_read(&self) -> u64 {
        self.plan.steps().bytes_read
    }

    /// How many bytes were written.
    pub fn bytes_written(&self) -> u64 {
        self.plan.steps().bytes_written
    }

    /// The names of all files that were opened.
    pub fn opened(&self) -> Vec<String> {
        self.plan.steps().opened.clone()
    }
}

impl Store for FaultyStore {
    fn list(&self, directory: &str) -> Result<Vec<(String, u64)>> {
        self.plan.checked(&format!("list {directory}"))?;
        self.inner.list(directory)
    }

    fn open(&self, name: &str) -> Result<Box<dyn Blob>> {
        self.plan.checked(&format!("open {name}"))?;
        if let Some((_, errno)) = self.plan.refused.as_ref().filter(|(of, _)| of == name) {
            return Err(Error::io(format!("cannot open {name}"), io::Error::from_raw_os_error(*errno)));
        }
        let inner = self.inner.open(name)?;
        self.plan.steps().opened.push(name.to_owned());
        let unreadable = self.plan.unreadable().clone().filter(|(of, _)| of == name).map(|(_, range)| range);
        Ok(Box::new(FaultyBlob { inner, plan: self.plan.clone(), name: name.to_owned(), unreadable }))
    }

    fn create(&self, like: &str) -> Result<Box<dyn Upload>> {
        self.plan.checked(&format!("create {like}"))?;
        let inner = Some(self.inner.create(like)?);
        Ok(Box::new(FaultyUpload { inner, plan: self.plan.clone(), name: like.to_owned() }))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.plan.checked(&format!("replace {name}"))?;
        self.inner.replace(name, bytes)?;
        self.plan.steps().bytes_written += bytes.len() as u64;
        self.plan.checked(&format!("replaced {name}"))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.plan.checked(&format!("move {from} to {to}"))?;
        self.inner.rename(from, to)?;
        if let Some((name, _)) = self.plan.unreadable().as_mut().filter(|(name, _)| name == from) {
            to.clone_into(name);
        }
        self.plan.checked(&format!("moved {from} to {to}"))
    }

    fn rename_over(&self, from: &str, to: &str) -> Result<()> {
        self.plan.checked(&format!("put {from} over {to}"))?;
        self.inner.rename_over(from, to)?;
        self.plan.checked(&format!("put over {to}"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { replaces_at_once: self.plan.replaces_at_once, ..self.inner.capabilities() }
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.plan.checked(&format!("remove {name}"))?;
        self.inner.remove(name)?;
        self.plan.checked(&format!("removed {name}"))
    }

    fn remove_all(&self, directory: &str, files: &[String]) -> Result<()> {
        for file in files {
            self.plan.checked(&format!("remove {directory}/{file}"))?;
            self.inner.remove_all(directory, std::slice::from_ref(file))?;
        }
        self.plan.checked(&format!("keep what was removed from {directory}"))
    }

    fn lock(&self, holder: &str) -> Result<Box<dyn Lease>> {
        self.plan.checked("lock")?;
        Ok(Box::new(FaultyLease { inner: self.inner.lock(holder)?, plan: self.plan.clone() }))
    }

    fn sweep(&self, directories: &[&str]) -> Result<()> {
        self.plan.checked("sweep")?;
        self.inner.sweep(directories)
    }

    fn local_path(&self) -> Option<&Path> {
        self.inner.local_path()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

struct FaultyLease {
    inner: Box<dyn Lease>,
    plan: Plan,
}

impl Lease for FaultyLease {
    fn check(&self) -> Result<()> {
        self.plan.checked("check the lease")?;
        self.inner.check()
    }
}

struct FaultyBlob {
    inner: Box<dyn Blob>,
    plan: Plan,
    name: String,
    unreadable: Option<Range<u64>>,
}

impl Blob for FaultyBlob {
    fn length(&self) -> u64 {
        self.inner.length()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.plan.checked(&format!("read {}", self.name))?;
        let end = offset + buffer.len() as u64;
        if self.unreadable.as_ref().is_some_and(|bad| offset < bad.end && end > bad.start) {
            return Err(Error::io(format!("cannot read {}", self.name), io::Error::other("input/output error")));
        }
        let count = self.inner.read_at(offset, buffer)?;
        self.plan.steps().bytes_read += count as u64;
        Ok(count)
    }
}

struct FaultyUpload {
    inner: Option<Box<dyn Upload>>,
    plan: Plan,
    name: String,
}

impl FaultyUpload {
    fn inner(&mut self) -> &mut dyn Upload {
        &mut **self.inner.as_mut().unwrap()
    }
}

impl Write for FaultyUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.plan.step(&format!("write {}", self.name))?;
        let count = self.inner().write(bytes)?;
        self.plan.steps().bytes_written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.plan.step(&format!("flush {}", self.name))?;
        self.inner().flush()
    }
}

impl Upload for FaultyUpload {
    fn read_back(&mut self, digest: &Hash) -> Result<()> {
        self.plan.checked(&format!("read back {}", self.name))?;
        self.inner().read_back(digest)
    }

    fn publish(mut self: Box<Self>, name: &str) -> Result<u64> {
        self.plan.checked(&format!("publish {name}"))?;
        let length = self.inner.take().unwrap().publish(name)?;
        // Here the file has its name, but the caller gets an error.
        self.plan.checked(&format!("published {name}"))?;
        Ok(length)
    }
}

impl Drop for FaultyUpload {
    fn drop(&mut self) {
        // A program that was killed cleans nothing up.
        if self.plan.has_crashed() {
            self.plan.steps().unfinished.extend(self.inner.take());
        }
    }
}

/// All files of a store.
pub fn files(store: &dyn Store) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for directory in ["", "bundles", "index", "damaged", "pruned"] {
        for (name, _) in store.list(directory).unwrap() {
            let full = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            let bytes = snap_archive::system::store::read_small(store, &full, u64::MAX).unwrap();
            files.push((full, bytes));
        }
    }
    files
}

/// Puts copies of all files of a store into another.
pub fn copy(from: &dyn Store, to: &dyn Store) {
    for (name, bytes) in &files(from) {
        to.replace(name, bytes).unwrap();
    }
}
