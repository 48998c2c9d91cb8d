//! A directory into which entries are written, safely: through no symlink, nowhere outside, each complete before it gets its
//! name. Knows nothing of archives.

mod attributes;
mod comparing;
mod links;
mod losses;
mod names;
mod parents;
mod pending;
mod reading;
mod renamed;
#[cfg(all(test, unix))]
mod tests;

pub use losses::Loss;
pub use losses::LossKind;
pub use pending::PendingFile;
pub use renamed::NAMES_LISTED_MAX;
pub use renamed::Renamed;

use crate::base::advice::Advice;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::path::EntryPath;
use crate::base::path::printable;
use crate::base::path::split_last;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::platform::FileSystem;
use crate::system::platform::Node;
use crate::system::platform::Refusal;
use attributes::OwnerNames;
use losses::Losses;
use parents::Parents;
use renamed::WrittenNames;
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

/// Why an entry was not written.
#[derive(Debug)]
pub enum Failure {
    /// This entry cannot be; others may.
    Problem(Problem),
    /// Nothing more can be written: the disk is full or has become read-only.
    Fatal(Error),
}

/// A directory into which entries are written by several threads at once. Paths are relative to it.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    options: DestinationOptions,
    parents: Parents,
    names: OwnerNames,
    losses: Losses,
    written: WrittenNames,
    file_system: FileSystem,
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
            parents: Parents::new(root),
            names: OwnerNames::new(options.numeric_ids),
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
        let listed = self.parents.directory(b"").and_then(|root| {
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
    pub fn settle(&self) -> Result<(), Error> {
        let synced = self.parents.directory(b"").and_then(|root| {
            if !root.may_be_unplugged() {
                return Ok(());
            }
            root.sync_file_system().and_then(|()| root.check_alive())
        });
        synced.map_err(|error| {
            Error::io(format!("not everything that was written to {} reached the disk", self.shown()), error)
        })
    }

    // Writing.

    /// Makes the directory `path`, for the person who restores alone at first, and returns whether it is new. One that is
    /// there is made accessible to its owner, so [`Destination::finish_directory`] must follow in any case.
    ///
    /// # Errors
    /// A problem when the directory it belongs in is not there or is a symlink, or when something else is in the way that may
    /// not be replaced; otherwise as the file system refuses.
    pub fn make_directory(&self, path: &EntryPath) -> Result<bool, Failure> {
        if path.is_root() {
            return Ok(false);
        }
        let fail = |error| self.failure(path, "cannot be made", error);
        let parent = self.parent(path, "cannot be made")?;
        let name = self.name(path);
        match parent.make_directory(&name, 0o700) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(fail(error)),
        }
        let found = parent.stat(&name).map_err(fail)?;
        if found.kind == Some(Kind::Directory) {
            parent.give_owner_access(&name, found.mode);
            return Ok(false);
        }
        if !self.options.replace {
            return Err(in_the_way(path));
        }
        parent.remove_file(&name).map_err(fail)?;
        parent.make_directory(&name, 0o700).map_err(fail)?;
        Ok(true)
    }

    /// Gives the directory `path` its attributes, when everything in it is done: children before their parents.
    ///
    /// # Errors
    /// As for [`Destination::make_directory`].
    pub fn finish_directory(&self, path: &EntryPath, entry: &Entry) -> Result<(), Failure> {
        let directory = self.directory(path.as_bytes(), path, "attributes cannot be set")?;
        self.apply(Node::Directory(&directory), path, entry)
    }

    /// Begins the file `path`, under a temporary name beside it.
    ///
    /// # Errors
    /// As for [`Destination::make_directory`].
    pub fn begin_file(&self, path: &EntryPath) -> Result<PendingFile<'_>, Failure> {
        let parent = self.parent(path, "cannot be written")?;
        let temporary = self.temporary_name();
        let file = parent.create_file(&temporary).map_err(|error| self.failure(path, "cannot be written", error))?;
        Ok(PendingFile::new(self, path, parent, temporary, file))
    }

    /// Writes the symlink, pipe or device `path`, and returns whether it is there now: what the file system or the person
    /// cannot make is counted as a loss.
    ///
    /// # Errors
    /// As for [`Destination::make_directory`].
    pub fn write_special(&self, path: &EntryPath, entry: &Entry) -> Result<bool, Failure> {
        let parent = self.parent(path, "cannot be made")?;
        let temporary = self.temporary_name();
        let (made, loss) = match entry.stat.kind {
            Kind::Symlink => (parent.make_symlink(&entry.target, &temporary), LossKind::Symlink),
            Kind::Fifo => (parent.make_node(&temporary, Kind::Fifo, 0o600, 0), LossKind::Fifo),
            kind => (parent.make_node(&temporary, kind, 0o600, entry.stat.device), LossKind::Device),
        };
        match made {
            Ok(()) => {}
            Err(error) if was_refused(loss, &error) => {
                // The FUSE driver of exFAT refuses a pipe and leaves a file.
                let _ = parent.remove_file(&temporary);
                self.losses.add(loss, path, why_not_made(loss));
                return Ok(false);
            }
            Err(error) => return Err(self.failure(path, "cannot be made", error)),
        }
        let done = self
            .apply(Node::Name(&parent, &temporary), path, entry)
            .and_then(|()| self.put_in_place(&parent, &temporary, path));
        if done.is_err() {
            let _ = parent.remove_file(&temporary);
        }
        done.map(|()| true)
    }

    /// Sets the attributes of the file or special `path` that is there, its content being right. All its hard links get them.
    ///
    /// # Errors
    /// As for [`Destination::make_directory`]; a problem also when it is not there.
    pub fn set_attributes(&self, path: &EntryPath, entry: &Entry) -> Result<(), Failure> {
        let parent = self.parent(path, "attributes cannot be set")?;
        self.apply(Node::Name(&parent, &self.name(path)), path, entry)
    }

    /// Removes `path`, whose last part is a name as [`Destination::names`] gives it, and all that it holds, following no
    /// symlink. What is not there is fine.
    ///
    /// # Errors
    /// A problem when another file system is mounted in it, or when the file system refuses.
    pub fn remove(&self, path: &EntryPath) -> Result<(), Failure> {
        self.clear_the_way(&*self.parent(path, "cannot be removed")?, path, path.name_bytes())
    }

    // Helpers.

    /// Gives what was written under a temporary name its own.
    fn put_in_place(&self, parent: &Directory, temporary: &[u8], path: &EntryPath) -> Result<(), Failure> {
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
        self.parents.forget();
        match parent.remove_directory(name) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Err(Failure::Problem(full_folder(path))),
            removed => removed.map_err(|error| self.failure(path, "cannot be written", error)),
        }
    }

    fn clear_the_way(&self, parent: &Directory, path: &EntryPath, name: &[u8]) -> Result<(), Failure> {
        self.parents.forget();
        match parent.remove_tree(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                Err(problem(path, "cannot be removed: another file system is mounted there"))
            }
            removed => removed.map_err(|error| self.failure(path, "cannot be removed", error)),
        }
    }

    /// The open directory that `path` belongs in.
    fn parent(&self, path: &EntryPath, what: &str) -> Result<Arc<Directory>, Failure> {
        if path.is_root() {
            return Err(problem(path, &format!("{what}: it is the destination itself")));
        }
        self.directory(split_last(path.as_bytes()).0, path, what)
    }

    /// The open directory `bytes`, needed for `path`.
    fn directory(&self, bytes: &[u8], path: &EntryPath, what: &str) -> Result<Arc<Directory>, Failure> {
        self.parents.directory(&self.written.path(bytes)).map_err(|error| {
            if platform::was_symlink_met(&error) || error.kind() == io::ErrorKind::NotADirectory {
                return problem(path, &format!("{what}: something that is no directory stands in its path"));
            }
            self.failure(path, what, error)
        })
    }

    fn temporary_name(&self) -> Vec<u8> {
        let number = self.temporaries.fetch_add(1, Ordering::Relaxed);
        format!("{TEMPORARY_PREFIX}{:016x}-{number}", self.secret).into_bytes()
    }

    /// What an error of the system with `path` means: "`what`: reason", or the end.
    fn failure(&self, path: &EntryPath, what: &str, error: io::Error) -> Failure {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Advice::FreeTargetSpaceAndGoOn,
            io::ErrorKind::ReadOnlyFilesystem => Advice::RestoreElsewhere,
            io::ErrorKind::FileTooLarge => return self.too_large(path),
            _ => return Failure::Problem(Problem::io(path.to_owned(), what, &error)),
        };
        Failure::Fatal(Error::io(format!("cannot write to {}", self.shown()), error).with_advice(advice))
    }

    fn shown(&self) -> String {
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

fn problem(path: &EntryPath, what: &str) -> Failure {
    Failure::Problem(Problem::new(path.to_owned(), what))
}

fn in_the_way(path: &EntryPath) -> Failure {
    problem(
        path,
        "cannot be written: something is there already under this name, or one that the disk takes for the same",
    )
}

/// That a directory with things in it stands where something else belongs.
pub fn full_folder(path: &EntryPath) -> Problem {
    Problem::new(path.to_owned(), "cannot be written: a folder that is not empty is in the way")
        .with_advice(Advice::AllowDeletion)
}

fn was_refused(loss: LossKind, error: &io::Error) -> bool {
    let refusal = if loss == LossKind::Symlink { Refusal::Symlink } else { Refusal::Node };
    refusal.is_meant_by(error)
}

fn why_not_made(loss: LossKind) -> &'static str {
    match loss {
        LossKind::Device if !platform::is_root() => "only root can make them",
        LossKind::Device => "not allowed here",
        _ => "the file system there has none",
    }
}
