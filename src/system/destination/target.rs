//! The directory that is written into: opening it, finding places in it, and what all ways of writing share.

use super::failure::Failure;
use super::failure::problem;
use super::names::NameRules;
use super::not_kept::AllNotKept;
use super::not_kept::NotKept;
use super::not_kept::NotKeptKind;
use super::open_directories::OpenDirectories;
use super::owner_numbers::OwnerNumbers;
use super::places::Place;
use super::places::Places;
use super::places::Root;
use super::written_names::WrittenNames;
use crate::base::advice::Advice;
use crate::base::entry::FileKey;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::joined;
use crate::base::path::joined_below;
use crate::base::path::printable;
use crate::base::path::split_last;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::platform::FileSystem;
use crate::system::platform::RawStat;
use std::borrow::Cow;
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
    /// Whether what is replaced stays, with `~snap-` and this number behind its name. Default: no.
    pub keep_as: Option<SnapshotNumber>,
    /// A directory that is left alone with all it holds, by file system and inode: the archive. Default: none.
    pub spared: Option<FileKey>,
    /// Whether a folder to write into is made when it is missing. Default: yes.
    pub make: bool,
}

impl Default for DestinationOptions {
    fn default() -> Self {
        DestinationOptions {
            owners: true,
            numeric_ids: false,
            replace: false,
            clears: false,
            keep_as: None,
            spared: None,
            make: true,
        }
    }
}

/// Where all that is at or below a path goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourcePlace {
    /// The path.
    pub top: EntryPathBuf,
    /// The directory that it is; if it is a file, the one that it is in.
    pub folder: PathBuf,
    /// The name of a file in the directory; `None`: it is a directory.
    pub file: Option<Vec<u8>>,
}

/// Directories into which entries are written by several threads at once: one for all, with paths relative to it, or one for
/// each source.
#[derive(Debug)]
pub struct Destination {
    pub(super) places: Places,
    pub(super) options: DestinationOptions,
    pub(super) names: OwnerNumbers,
    pub(super) not_kept: AllNotKept,
    pub(super) written: WrittenNames,
    /// Where a drive may be unplugged and cannot be synced as a whole.
    pub(super) syncs_each_file: bool,
    /// Makes temporary names that nobody can foresee, so that no entry of an archive has one of them.
    secret: u64,
    temporaries: AtomicU64,
}

impl Destination {
    /// Opens the directory at `path`; makes it when it is missing, but not what it stands in.
    ///
    /// # Errors
    /// When what it should stand in is missing, when it is not a directory, or when the system refuses.
    pub fn open(path: &Path, options: DestinationOptions) -> Result<Destination, Error> {
        Ok(Destination::at(Places::one(open_root(path, options)?), options))
    }

    /// Opens a directory for each of these, as [`Destination::open`] does.
    ///
    /// # Errors
    /// As for [`Destination::open`].
    pub fn open_each(places: &[SourcePlace], options: DestinationOptions) -> Result<Destination, Error> {
        let open =
            |place: &SourcePlace| Ok((place.top.clone(), open_root(&place.folder, options)?, place.file.clone()));
        let roots: Result<Vec<_>, Error> = places.iter().map(open).collect();
        Ok(Destination::at(Places::each(roots?), options))
    }

    fn at(places: Places, options: DestinationOptions) -> Destination {
        let may_be_unplugged =
            |root: &Root| root.open_directories.directory(b"").is_ok_and(|directory| directory.may_be_unplugged());
        Destination {
            syncs_each_file: platform::SYNCS_FILES_ONLY && places.roots.iter().any(may_be_unplugged),
            places,
            options: DestinationOptions { owners: options.owners && platform::HAS_OWNERS, ..options },
            names: OwnerNumbers::new(options.numeric_ids, options.owners),
            not_kept: AllNotKept::default(),
            written: WrittenNames::default(),
            secret: RandomState::new().hash_one(std::process::id()),
            temporaries: AtomicU64::new(0),
        }
    }

    /// Goes through the symlink at `path` from now on, if it is one and leads to a directory of the same destination which
    /// `may_lead_to` takes; no other symlink is ever gone through. To be called before anything is written.
    pub fn follow(&mut self, path: &EntryPath, may_lead_to: &dyn Fn(&EntryPath) -> bool) {
        self.places.follow(path, may_lead_to);
    }

    /// Whether a symlink that is gone through leads to `path`, or to something in it.
    pub fn is_led_to(&self, path: &EntryPath) -> bool {
        let place = self.places.find(path.as_bytes()).ok();
        place.is_some_and(|place| self.places.is_led_to(place.root, &self.written_path(&place, path.as_bytes())))
    }

    /// Whether there is a symlink at `path` that leads to a folder, wherever that is.
    pub fn is_link_to_folder(&self, path: &EntryPath) -> bool {
        let Ok(place) = self.places.find(path.as_bytes()) else { return false };
        let written = self.written_path(&place, path.as_bytes());
        let full = place.root.path.join(platform::path_of(&written));
        full.symlink_metadata().is_ok_and(|found| found.is_symlink()) && full.is_dir()
    }

    /// Whether `path` is the directory that entries are written into, not one in it.
    pub fn is_top(&self, path: &EntryPath) -> bool {
        self.places.find(path.as_bytes()).is_ok_and(|place| place.at.is_empty() && place.rest == path.as_bytes().len())
    }

    /// Whether nothing is in it. What a new file system brings along does not count.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn is_empty(&self) -> Result<bool, Error> {
        let mut is_empty = true;
        for root in &self.places.roots {
            let listed = root
                .open_directories
                .directory(b"")
                .and_then(|directory| directory.for_each_name(|name| is_empty &= platform::is_of_file_system(name)));
            match listed {
                // It is not there, and is not made.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                listed => {
                    listed
                        .map_err(|error| Error::io(format!("cannot list the folder {}", shown(&root.path)), error))?;
                }
            }
        }
        Ok(is_empty)
    }

    /// What could not be kept so far, one for each kind.
    pub fn not_kept(&self) -> Vec<NotKept> {
        self.not_kept.all()
    }

    /// Makes everything that was written durable where the drive may be unplugged next. On one that is built in, the system
    /// does so by itself, as after every copy.
    ///
    /// # Errors
    /// When the drive could not take some of it.
    pub fn sync_if_removable(&self) -> Result<(), Error> {
        self.places.roots.iter().try_for_each(|root| {
            let synced = root.open_directories.directory(b"").and_then(|directory| {
                if !directory.may_be_unplugged() {
                    return Ok(());
                }
                directory.sync_file_system().and_then(|()| directory.check_alive())
            });
            synced.map_err(|error| {
                let target = shown(&root.path);
                Error::io(format!("not everything that was written to {target} reached the disk"), error)
            })
        })
    }

    pub(super) fn forget(&self, path: &EntryPath) {
        if let Ok(place) = self.places.find(path.as_bytes()) {
            place.root.open_directories.forget(&self.written_path(&place, path.as_bytes()));
        }
    }

    /// Whether `found` is the directory that is left alone.
    pub fn is_spared(&self, found: &RawStat) -> bool {
        self.options.spared == Some(found.key())
    }

    /// The open directory that `path` belongs in.
    pub(super) fn parent(&self, path: &EntryPath, what: &str) -> Result<Arc<Directory>, Failure> {
        if path.is_root() {
            return Err(problem(path, &format!("{what}: it is the destination itself")));
        }
        self.explained(self.around(path), path, what)
    }

    /// As [`Destination::parent`], for whoever knows what an error means.
    pub(super) fn around(&self, path: &EntryPath) -> io::Result<Arc<Directory>> {
        match self.places.single_file(path.as_bytes()) {
            Some((root, _)) => root.open_directories.directory(b""),
            None => self.opened(split_last(path.as_bytes()).0),
        }
    }

    /// The open directory `bytes`, needed for `path`.
    pub(super) fn directory(&self, bytes: &[u8], path: &EntryPath, what: &str) -> Result<Arc<Directory>, Failure> {
        self.explained(self.opened(bytes), path, what)
    }

    fn explained(
        &self,
        opened: io::Result<Arc<Directory>>,
        path: &EntryPath,
        what: &str,
    ) -> Result<Arc<Directory>, Failure> {
        opened.map_err(|error| {
            if platform::was_symlink_met(&error) || error.kind() == io::ErrorKind::NotADirectory {
                return problem(path, &format!("{what}: something that is not a directory stands in its path"));
            }
            self.failure(path, what, error)
        })
    }

    /// The open directory `bytes`.
    pub(super) fn opened(&self, bytes: &[u8]) -> io::Result<Arc<Directory>> {
        let place = self.places.find(bytes)?;
        place.root.open_directories.directory(&self.written_path(&place, bytes))
    }

    /// A path as it stands in the folder where its place is.
    pub(super) fn written_path<'p>(&self, place: &Place<'p>, path: &'p [u8]) -> Cow<'p, [u8]> {
        let rest = &path[place.rest..];
        if place.root.rules.takes_all() || rest.is_empty() {
            return if place.at.is_empty() { Cow::Borrowed(rest) } else { joined_below(place.at, rest).into() };
        }
        let mut written = place.at.to_vec();
        let mut end = place.rest;
        for part in rest.split(|byte| *byte == b'/') {
            end += part.len();
            written = joined(&written, &self.written.last_part(&place.root.rules, &path[..end], part));
            end += 1;
        }
        Cow::Owned(written)
    }

    /// The last part of `path` as it stands there.
    pub fn name<'p>(&self, path: &'p EntryPath) -> Cow<'p, [u8]> {
        if let Some((_, file)) = self.places.single_file(path.as_bytes()) {
            return Cow::Owned(file.to_vec());
        }
        match self.places.find(path.as_bytes()) {
            Ok(place) => self.written.last_part(&place.root.rules, path.as_bytes(), path.name_bytes()),
            Err(_) => Cow::Borrowed(path.name_bytes()),
        }
    }

    pub(super) fn temporary_name(&self) -> Vec<u8> {
        let number = self.temporaries.fetch_add(1, Ordering::Relaxed);
        format!("{TEMPORARY_PREFIX}{:016x}-{number}", self.secret).into_bytes()
    }

    /// The problem of a file that is larger than the file system holds.
    pub(super) fn too_large(&self, path: &EntryPath) -> Failure {
        self.not_kept.add(NotKeptKind::LargeFile, path, "larger than the file system there can hold");
        problem(
            path,
            "is larger than a file there can be (4 GiB on FAT32): restore it to a disk with exFAT or another file system",
        )
    }

    /// What an error of the system with `path` means: "`what`: reason", or the end.
    pub(super) fn failure(&self, path: &EntryPath, what: &str, error: io::Error) -> Failure {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Advice::FreeTargetSpaceAndGoOn,
            io::ErrorKind::ReadOnlyFilesystem => Advice::RestoreElsewhere,
            io::ErrorKind::FileTooLarge => return self.too_large(path),
            _ => return Failure::Problem(Problem::io(path.to_owned(), what, &error)),
        };
        let target = self.places.find(path.as_bytes()).map(|place| shown(&place.root.path)).unwrap_or_default();
        Failure::Fatal(Error::io(format!("cannot write to {target}"), error).with_advice(advice))
    }
}

fn open_root(path: &Path, options: DestinationOptions) -> Result<Root, Error> {
    let mut is_new = false;
    match if options.make { std::fs::create_dir(path) } else { Ok(()) } {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_parent(path)),
        Err(error) if !path.exists() => {
            return Err(Error::io(format!("cannot make the folder {}", shown(path)), error));
        }
        Ok(()) => is_new = options.make,
        // It was there already, which some file systems (read-only ones) say in other words.
        Err(_) => {}
    }
    let directory = match Directory::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !options.make => None,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let what = format!("cannot restore to {}: it is not a folder", shown(path));
            return Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::ChooseFolder));
        }
        opened => Some(opened.map_err(|error| Error::io(format!("cannot open the folder {}", shown(path)), error))?),
    };
    Ok(Root {
        path: path.to_owned(),
        file_system: directory.as_ref().map_or(FileSystem::ORDINARY, Directory::file_system),
        rules: NameRules::default(),
        before: directory.as_ref().filter(|_| !is_new).and_then(|directory| directory.own_stat().ok()),
        open_directories: OpenDirectories::new(directory),
    })
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes()).into_owned()
}

fn no_parent(path: &Path) -> Error {
    let parent = path.parent().map(shown).unwrap_or_default();
    Error::new(ErrorKind::NotFound, format!("cannot make the folder {}: there is no folder {parent}", shown(path)))
        .with_advice(Advice::CheckTargetParent)
}
