//! A store in a directory of a file system, often FAT or exFAT on a stick that may be pulled out at any byte.

use super::Blob;
use super::Capabilities;
use super::Lease;
use super::Space;
use super::Store;
use super::Upload;
use super::access::Access;
use super::checked_name;
use super::unfinished_file::Replace;
use super::unfinished_file::UnfinishedFile;
use super::unfinished_file::exists;
use super::unfinished_file::is_fat;
use super::unfinished_file::sweep_directory;
use crate::base::advice::Advice;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::platform::Node;
use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

const LOCK_NAME: &str = "lock";

/// The most bytes of a lock file that are shown.
const HOLDER_BYTES_MAX: u64 = 200;

/// The bits of a mode by which others read a file and enter a folder.
const OTHERS_READ: u32 = 0o004;
const OTHERS_ENTER: u32 = 0o001;

/// A store in a directory.
#[derive(Clone, Debug)]
pub struct LocalStore {
    root: PathBuf,
    /// Whether the names of the directories in it were made durable since the store was opened.
    root_is_synced: Arc<AtomicBool>,
}

impl LocalStore {
    /// The store in the existing directory `root`; nothing is read or written yet.
    pub fn new(root: impl Into<PathBuf>) -> LocalStore {
        LocalStore { root: root.into(), root_is_synced: Arc::default() }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Says who may read its directory and all that is made in it from now on. Where the file system knows no modes, or the
    /// directory is another's, a private one stays as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when it cannot be shared with the group; otherwise when the file system fails.
    pub fn set_access(&self, access: Access) -> Result<()> {
        let failed = |error| failed(format!("cannot set the permissions of {}", self.root.display()), error);
        let root = Directory::open(&self.root).map_err(failed)?;
        access.give(Node::Directory(&root)).map_err(failed)?;
        let now = root.own_stat().map_err(failed)?;
        if access != Access::PRIVATE && access != Access::of_directory(&now) {
            let what = format!("{} cannot be shared with the group of the folder around it", self.root.display());
            return Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::ShareByMember));
        }
        Ok(())
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        Ok(self.root.join(checked_name(name)?))
    }

    /// # Errors
    /// When the directory or the drive that it is on is gone.
    fn check_alive(&self) -> Result<()> {
        let alive = Directory::open(&self.root).and_then(|root| root.check_alive());
        alive.map_err(|error| failed(format!("cannot read {}", self.root.display()), error))
    }

    /// Why a file is not found.
    fn missing(&self, path: &Path) -> Error {
        match Directory::open(&self.root).and_then(|root| root.check_alive()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                failed(format!("cannot open {}", path.display()), error)
            }
            _ => Error::new(ErrorKind::NotFound, format!("there is no {}", path.display())),
        }
    }

    /// The top is never made: on a drive that is not plugged in it would be a folder on another disk.
    fn make_directory(&self, directory: &Path) -> io::Result<()> {
        let is_there = directory.is_dir();
        if directory == self.root || (is_there && self.root_is_synced.load(Ordering::SeqCst)) {
            return Ok(());
        }
        if !is_there {
            fs::create_dir(directory).or_else(|error| if directory.is_dir() { Ok(()) } else { Err(error) })?;
            self.access()?.give(Node::Directory(&Directory::open(directory)?))?;
        }
        // Whoever made one that is there may have been stopped before its name was durable.
        platform::sync_directory(&self.root)?;
        self.root_is_synced.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Who may read what is made in it: as its directory says.
    fn access(&self) -> io::Result<Access> {
        Ok(Access::of_directory(&Directory::open(&self.root)?.own_stat()?))
    }

    fn give_access(&self, file: &File) -> io::Result<()> {
        self.access()?.give(Node::File(file))
    }

    /// Whether other users can read what is published: file systems that know no modes give all files one.
    fn is_readable_by_others(&self) -> bool {
        let Ok(root) = self.root.canonicalize() else { return false };
        let is_open = |path: &Path, bits| platform::stat_path(path).is_ok_and(|found| found.mode & bits == bits);
        root.ancestors().all(|folder| is_open(folder, OTHERS_ENTER))
            && fs::read_dir(&root).into_iter().flatten().flatten().any(|item| {
                let path = item.path();
                platform::stat_path(&path)
                    .is_ok_and(|found| found.kind == Some(Kind::File) && found.mode & OTHERS_READ != 0)
            })
    }

    fn begin(&self, like: &str) -> Result<LocalUpload> {
        let path = self.path(like)?;
        let doing = || format!("cannot write {}", path.display());
        let directory = path.parent().unwrap_or(&self.root);
        self.make_directory(directory).map_err(|error| Error::io(doing(), error))?;
        let file = UnfinishedFile::begin(directory, path.file_name()).map_err(|error| Error::io(doing(), error))?;
        self.give_access(file.file()).map_err(|error| Error::io(doing(), error))?;
        Ok(LocalUpload { store: self.clone(), file, path })
    }
}

impl Store for LocalStore {
    fn list(&self, directory: &str) -> Result<Vec<(String, u64)>> {
        let path = if directory.is_empty() { self.root.clone() } else { self.path(directory)? };
        let doing = |error| failed(format!("cannot list {}", path.display()), error);
        let (mut names, mut failure) = (Vec::new(), None);
        let listed = platform::list(&path, |name, found| {
            let Some(name) = std::str::from_utf8(name).ok().filter(|name| checked_name(name).is_ok()) else { return };
            match found {
                Ok(metadata) if metadata.is_file() => names.push((name.to_owned(), metadata.len())),
                Ok(_) => {}
                // A writer removes it just now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => failure = Some(error),
            }
        });
        match listed {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !directory.is_empty() => {
                return self.check_alive().map(|()| Vec::new());
            }
            Err(error) => return Err(doing(error)),
            Ok(()) => failure.map_or(Ok(()), |error| Err(doing(error)))?,
        }
        // A FAT drive that was pulled out lists what is cached, or nothing, and says that all is well.
        self.check_alive()?;
        names.sort();
        Ok(names)
    }

    fn open(&self, name: &str) -> Result<Box<dyn Blob>> {
        let path = self.path(name)?;
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.missing(&path),
            _ => failed(format!("cannot open {}", path.display()), error),
        })?;
        let metadata = file.metadata().map_err(|error| Error::io(format!("cannot open {}", path.display()), error))?;
        if !metadata.is_file() {
            return Err(Error::damaged(format!("{} is not a file", path.display())));
        }
        Ok(Box::new(LocalBlob { file, length: metadata.len(), path }))
    }

    fn create(&self, like: &str) -> Result<Box<dyn Upload>> {
        Ok(Box::new(self.begin(like)?))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut upload = self.begin(name)?;
        let written = upload.write_all(bytes);
        written.map_err(|error| Error::io(format!("cannot write {}", upload.path.display()), error))?;
        upload.file.finish(&upload.path, Replace::Yes).map(drop)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.path(from)?, self.path(to)?);
        let made = self.make_directory(to.parent().unwrap_or(&self.root));
        made.map_err(|error| cannot_move(&from, &to, error))?;
        platform::rename_new(&from, &to).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&to),
            _ => cannot_move(&from, &to, error),
        })?;
        keep_move(&from, &to)
    }

    fn rename_over(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.path(from)?, self.path(to)?);
        platform::rename_over(&from, &to).map_err(|error| cannot_move(&from, &to, error))?;
        keep_move(&from, &to)
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        fs::remove_file(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, format!("there is no {}", path.display())),
            _ => cannot_remove(&path, error),
        })?;
        // Marks that were taken away must not be there again.
        keep_removed(path.parent().unwrap_or(&self.root))
    }

    fn remove_all(&self, directory: &str, files: &[String]) -> Result<()> {
        for file in files {
            let path = self.path(&format!("{directory}/{file}"))?;
            match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(|error| cannot_remove(&path, error))?,
            }
        }
        keep_removed(&self.root.join(directory))
    }

    fn lock(&self, holder: &str) -> Result<Box<dyn Lease>> {
        let path = self.path(LOCK_NAME)?;
        let failed = |error| Error::io(format!("cannot lock {}", path.display()), error);
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = options.map_err(failed)?;
        if file.metadata().is_ok_and(|found| found.len() == 0) {
            self.give_access(&file).map_err(failed)?;
        }
        match platform::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(&mut file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Who holds it is only for the message of those who wait; the lock is the operating system's.
        let _ = file.set_len(0).and_then(|()| file.write_all(holder.as_bytes()));
        Ok(Box::new(LocalLock(file)))
    }

    fn sweep(&self, directories: &[&str]) -> Result<()> {
        let is_fat = is_fat(&self.root);
        sweep_directory(&self.root, is_fat);
        for directory in directories {
            sweep_directory(&self.path(directory)?, is_fat);
        }
        Ok(())
    }

    fn space(&self) -> Space {
        let Ok(root) = Directory::open(&self.root) else { return Space::default() };
        Space {
            file_bytes_max: root.file_system().file_bytes_max,
            free_bytes: root.free_bytes(),
            total_bytes: root.total_bytes(),
        }
    }

    fn capabilities(&self) -> Capabilities {
        let may_be_unplugged = Directory::open(&self.root).is_ok_and(|root| root.may_be_unplugged());
        let is_readable_by_others = self.is_readable_by_others();
        Capabilities { may_be_unplugged, is_readable_by_others, replaces_at_once: !is_fat(&self.root) }
    }

    fn local_path(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }
}

/// What the system said, and what to do when the drive no longer answers.
fn failed(what: String, error: io::Error) -> Error {
    let is_lost = platform::was_drive_lost(&error);
    let error = Error::io(what, error);
    if is_lost { error.with_advice(Advice::CheckArchiveDrive) } else { error }
}

fn cannot_remove(path: &Path, error: io::Error) -> Error {
    Error::io(format!("cannot remove {}", path.display()), error)
}

/// Makes it durable that files were removed from a directory.
fn keep_removed(directory: &Path) -> Result<()> {
    let failed = |error| Error::io(format!("cannot write {}", directory.display()), error);
    platform::sync_directory(directory).map_err(failed)
}

fn cannot_move(from: &Path, to: &Path, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return Error::new(ErrorKind::NotFound, format!("there is no {}", from.display()));
    }
    Error::io(format!("cannot move {} to {}", from.display(), to.display()), error)
}

/// Makes a move durable: first where the file is to be found, then where it was. On FAT the new name has no length before the
/// file is synced again.
fn keep_move(from: &Path, to: &Path) -> Result<()> {
    let mut directories = [to, from].map(|path| path.parent().unwrap_or(Path::new("."))).into_iter();
    let synced = platform::sync_renamed(to).and_then(|()| directories.try_for_each(platform::sync_directory));
    synced.map_err(|error| cannot_move(from, to, error))
}

fn locked(file: &mut File) -> Error {
    let mut holder = Vec::new();
    let _ = file.rewind().and_then(|()| file.take(HOLDER_BYTES_MAX).read_to_end(&mut holder));
    let holder = crate::base::path::printable(&holder).trim().to_owned();
    let who = if holder.is_empty() { "another process".to_owned() } else { holder };
    Error::new(ErrorKind::Locked, format!("the archive is in use by {who}")).with_advice(Advice::WaitForOther)
}

struct LocalLock(File);

impl Lease for LocalLock {
    fn check(&self) -> Result<()> {
        // The system keeps it as long as the file is open.
        Ok(())
    }
}

impl Drop for LocalLock {
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
        let _ = self.0.unlock();
    }
}

struct LocalBlob {
    file: File,
    length: u64,
    path: PathBuf,
}

impl Blob for LocalBlob {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let mut count = 0;
        while count < buffer.len() {
            match platform::read_at(&self.file, offset + count as u64, &mut buffer[count..]) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(format!("cannot read {}", self.path.display()), error)),
            }
        }
        Ok(count)
    }
}

/// A file on its way into a store.
struct LocalUpload {
    store: LocalStore,
    file: UnfinishedFile,
    /// Where it will be, or beside that.
    path: PathBuf,
}

impl Write for LocalUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Upload for LocalUpload {
    fn taken(&self) -> (u64, Duration) {
        self.file.taken()
    }

    fn read_back(&mut self, digest: &Hash) -> Result<()> {
        self.file.read_back(digest, &self.path)
    }

    fn publish(self: Box<Self>, name: &str) -> Result<u64> {
        let path = self.store.path(name)?;
        let directory = path.parent().unwrap_or(&self.store.root);
        let made = self.store.make_directory(directory);
        made.map_err(|error| Error::io(format!("cannot write {}", path.display()), error))?;
        self.file.finish(&path, Replace::No)
    }
}
