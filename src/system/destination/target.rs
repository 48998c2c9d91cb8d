//! The directory that is written into: opening it, finding places in it, and what all ways of writing share.

use super::failure::Failure;
use super::failure::full_folder;
use super::failure::in_the_way;
use super::failure::problem;
use super::losses::Loss;
use super::losses::Losses;
use super::open_directories::OpenDirectories;
use super::owner_numbers::OwnerNumbers;
use super::written_names::WrittenNames;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::path::EntryPath;
use crate::base::path::printable;
use crate::base::path::split_last;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::platform::FileSystem;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// What every temporary name begins with; a killed restore leaves such files behind, and the next one removes them.
pub const TEMPORARY_PREFIX: &str = ".snap-restore-";

/// How a destination is written to. The default is the careful one: nothing that is there is touched, owners are restored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DestinationOptions {
    /// Whether owner and group are restored; otherwise everything belongs to the person who restores. Default: yes.
    pub owners: bool,
    /// Whether owners and those in access control lists get the numbers that were saved, whoever has them here. Default: no,
    /// they are found by name where the name is known.
    pub numeric_ids: bool,
    /// Whether what is in the way is replaced, but for a directory with things in it. Default: no, it is a problem of the entry.
    pub replace: bool,
    /// Whether a directory with all it holds may be removed where something else belongs. Default: no.
    pub clears: bool,
}

impl Default for DestinationOptions {
    fn default() -> Self {
        DestinationOptions { owners: true, numeric_ids: false, replace: false, clears: false }
    }
}

/// A directory into which entries are written by several threads at once. Paths are relative to it.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    pub(super) options: DestinationOptions,
    pub(super) open_directories: OpenDirectories,
    pub(super) names: OwnerNumbers,
    pub(super) losses: Losses,
    pub(super) written: WrittenNames,
    pub(super) file_system: FileSystem,
    /// Makes temporary names that nobody can foresee, so that no entry of an archive has one of them.
    secret: u64,
    temporaries: AtomicU64,
}

impl Destination {
    /// Opens the directory at `path`; makes it when it is missing, but not what it stands in.
    ///
    /// # Errors
    /// When what it should stand in is missing, when it is no directory, or when the system refuses.
    pub fn open(path: &Path, options: DestinationOptions) -> Result<Destination, Error> {
        match std::fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_parent(path)),
            Err(error) if !path.exists() => {
                return Err(Error::io(format!("cannot make the folder {}", shown(path)), error));
            }
            // It was there already, which some file systems (read-only ones) say in other words.
            Ok(()) | Err(_) => {}
        }
        let root = Directory::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotADirectory => {
                Error::new(ErrorKind::Refused, format!("cannot restore to {}: it is no folder", shown(path)))
                    .with_advice(Advice::ChooseFolder)
            }
            _ => Error::io(format!("cannot open the folder {}", shown(path)), error),
        })?;
        Ok(Destination {
            file_system: root.file_system(),
            path: path.to_owned(),
            options,
            open_directories: OpenDirectories::new(root),
            names: OwnerNumbers::new(options.numeric_ids),
            losses: Losses::default(),
            written: WrittenNames::default(),
            secret: RandomState::new().hash_one(std::process::id()),
            temporaries: AtomicU64::new(0),
        })
    }

    /// Whether nothing is in it. What a new file system brings along does not count.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn is_empty(&self) -> Result<bool, Error> {
        let mut is_empty = true;
        let listed = self.open_directories.directory(b"").and_then(|root| {
            root.for_each_name(|name| is_empty &= platform::is_of_file_system(name))?;
            Ok(())
        });
        listed.map_err(|error| Error::io(format!("cannot list the folder {}", self.shown()), error))?;
        Ok(is_empty)
    }

    /// What could not be kept so far, one for each kind.
    pub fn losses(&self) -> Vec<Loss> {
        self.losses.all()
    }

    /// Makes everything that was written durable where the drive may be unplugged next. On one that is built in, the system
    /// does so by itself, as after every copy.
    ///
    /// # Errors
    /// When the drive could not take some of it.
    pub fn sync_if_removable(&self) -> Result<(), Error> {
        let synced = self.open_directories.directory(b"").and_then(|root| {
            if !root.may_be_unplugged() {
                return Ok(());
            }
            root.sync_file_system().and_then(|()| root.check_alive())
        });
        synced.map_err(|error| {
            Error::io(format!("not everything that was written to {} reached the disk", self.shown()), error)
        })
    }

    /// Gives what was written under a temporary name its own.
    pub(super) fn put_in_place(&self, parent: &Directory, temporary: &[u8], path: &EntryPath) -> Result<(), Failure> {
        let name = self.name(path);
        let renamed =
            if self.options.replace { parent.rename(temporary, &name) } else { parent.rename_new(temporary, &name) };
        let renamed = match renamed {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(in_the_way(path)),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                self.make_way(parent, path, &name)?;
                parent.rename(temporary, &name)
            }
            renamed => renamed,
        };
        renamed.map_err(|error| self.failure(path, "cannot be given its name", error))
    }

    /// Removes a directory where something else belongs, if that may be.
    fn make_way(&self, parent: &Directory, path: &EntryPath, name: &[u8]) -> Result<(), Failure> {
        if self.options.clears {
            return self.clear_the_way(parent, path, name);
        }
        self.open_directories.forget();
        match parent.remove_directory(name) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Err(Failure::Problem(full_folder(path))),
            removed => removed.map_err(|error| self.failure(path, "cannot be written", error)),
        }
    }

    pub(super) fn clear_the_way(&self, parent: &Directory, path: &EntryPath, name: &[u8]) -> Result<(), Failure> {
        self.open_directories.forget();
        match parent.remove_tree(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                Err(problem(path, "cannot be removed: another file system is mounted there"))
            }
            removed => removed.map_err(|error| self.failure(path, "cannot be removed", error)),
        }
    }

    /// The open directory that `path` belongs in.
    pub(super) fn parent(&self, path: &EntryPath, what: &str) -> Result<Arc<Directory>, Failure> {
        if path.is_root() {
            return Err(problem(path, &format!("{what}: it is the destination itself")));
        }
        self.directory(split_last(path.as_bytes()).0, path, what)
    }

    /// The open directory `bytes`, needed for `path`.
    pub(super) fn directory(&self, bytes: &[u8], path: &EntryPath, what: &str) -> Result<Arc<Directory>, Failure> {
        self.open_directories.directory(&self.written.path(bytes)).map_err(|error| {
            if platform::was_symlink_met(&error) || error.kind() == io::ErrorKind::NotADirectory {
                return problem(path, &format!("{what}: something that is no directory stands in its path"));
            }
            self.failure(path, what, error)
        })
    }

    pub(super) fn temporary_name(&self) -> Vec<u8> {
        let number = self.temporaries.fetch_add(1, Ordering::Relaxed);
        format!("{TEMPORARY_PREFIX}{:016x}-{number}", self.secret).into_bytes()
    }

    /// What an error of the system with `path` means: "`what`: reason", or the end.
    pub(super) fn failure(&self, path: &EntryPath, what: &str, error: io::Error) -> Failure {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Advice::FreeTargetSpaceAndGoOn,
            io::ErrorKind::ReadOnlyFilesystem => Advice::RestoreElsewhere,
            io::ErrorKind::FileTooLarge => return self.too_large(path),
            _ => return Failure::Problem(Problem::io(path.to_owned(), what, &error)),
        };
        Failure::Fatal(Error::io(format!("cannot write to {}", self.shown()), error).with_advice(advice))
    }

    pub(super) fn shown(&self) -> String {
        shown(&self.path)
    }
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes()).into_owned()
}

fn no_parent(path: &Path) -> Error {
    let parent = path.parent().map(shown).unwrap_or_default();
    Error::new(ErrorKind::NotFound, format!("cannot make the folder {}: there is no folder {parent}", shown(path)))
        .with_advice(Advice::CheckTargetParent)
}
