//! The archive: the only place that joins formats and store. Opening, the catalog of bundles, the lock, the order of
//! publishing. Knows nothing of sources and destinations.

use crate::archive::describe;
use crate::archive::exchange;
use crate::archive::joined;
use crate::base::advice::Advice;
use crate::base::entry::FileKey;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::ArchiveId;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::time::Time;
use crate::format::bundle::Bundle;
use crate::format::manifest::FORMAT;
use crate::format::manifest::too_new;
use crate::format::marks::MARKS_BYTES_MAX;
use crate::format::marks::Marks;
use crate::system::platform;
use crate::system::store::Access;
use crate::system::store::Lease;
use crate::system::store::LocalStore;
use crate::system::store::Store;
use crate::system::store::read_small;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

pub use crate::archive::exchange::BUNDLES;
pub use crate::archive::exchange::PRUNED;
pub use crate::archive::exchange::bundle_path;

/// The directory of the index files in an archive.
pub const INDEX: &str = "index";

/// The file without which a folder is not an archive.
pub const DESCRIPTION: &str = "archive.toml";

/// The files that say what an archive is, the one without which it is none last.
pub const DESCRIPTIONS: [&str; 5] =
    [describe::NAMES[0], describe::NAMES[1], describe::NAMES[2], describe::NAMES[3], DESCRIPTION];

/// The directory of what was replaced in an archive.
pub const DAMAGED: &str = "damaged";

/// The file of what a person said of snapshots.
pub const MARKS: &str = "marks.txt";

/// The file that is given up on a full drive.
pub const RESERVE: &str = "reserve";

/// The file that the one writer holds.
const LOCK: &str = "lock";

/// The longest `archive.toml` that is read.
const DESCRIPTION_BYTES_MAX: u64 = 64 << 10;

/// An archive, open.
#[derive(Clone)]
pub struct Archive {
    store: Arc<dyn Store>,
    id: ArchiveId,
}

/// Who may read and write an archive that is made in a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sharing {
    /// Its owner alone.
    #[default]
    Private,
    /// The group of the folder that it stands in, or its own if it is there already. Later runs go by the mode of its folder.
    Group,
}

/// `archive.toml`.
#[derive(Serialize, Deserialize)]
struct Description {
    format: u32,
    id: String,
    made: String,
}

impl Archive {
    /// Makes an archive in `directory`, which is missing or empty, and opens it. The directory it stands in must be there.
    /// Only its owner can read it, or those that `sharing` names, whatever the umask is.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] when something is in the directory; [`ErrorKind::Refused`] when it cannot be shared so; otherwise
    /// when it cannot be written.
    pub fn init(directory: &Path, sharing: Sharing) -> Result<Archive> {
        let is_new = make_directory(directory)?;
        let made = Archive::init_in(directory, sharing, is_new);
        if made.is_err() {
            remove_new(directory, is_new);
        }
        made
    }

    /// Whether an archive could be made in `directory`, as far as can be seen without making one.
    ///
    /// # Errors
    /// As for [`Archive::init`].
    pub fn check_init(directory: &Path) -> Result<()> {
        if !is_there_and_empty(directory)? {
            let parent = fs::read_dir(parent_of(directory));
            parent.map_err(|error| cannot_init(directory, error))?;
        }
        Ok(())
    }

    /// Removes an archive that was just made in `directory`, if no bundle is in it: whatever cannot be removed is left. `is_new`
    /// says whether the directory was made with it. Says whether it is gone.
    pub fn discard_new(self, directory: &Path, is_new: bool) -> bool {
        let is_empty = self.store.list(BUNDLES).is_ok_and(|bundles| bundles.is_empty());
        if is_empty {
            remove_new(directory, is_new);
        }
        is_empty
    }

    fn init_in(directory: &Path, sharing: Sharing, is_new: bool) -> Result<Archive> {
        let store = LocalStore::new(directory);
        match sharing {
            Sharing::Private => store.set_access(Access::PRIVATE)?,
            Sharing::Group => {
                let group_of = if is_new { parent_of(directory) } else { directory };
                let found = platform::stat_path(group_of);
                let found = found.map_err(|error| cannot_init(directory, error))?;
                store.set_access(Access::shared(found.gid))?;
            }
        }
        let seed = format!("{:?} {} {:?}", Time::now(), std::process::id(), std::thread::current().id());
        let seed = [seed.as_bytes(), random_bytes().as_slice()].concat();
        Archive::init_store(Arc::new(store), ArchiveId::from_seed(&seed), Time::now())
    }

    /// Makes an archive with this id in an empty store and opens it. `archive.toml` comes last: with it the archive exists.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn init_store(store: Arc<dyn Store>, id: ArchiveId, now: Time) -> Result<Archive> {
        let archive = Archive { store, id };
        for name in DESCRIPTIONS {
            archive.write_description(name, now)?;
        }
        Ok(archive)
    }

    /// Writes one of the [`DESCRIPTIONS`] anew; `made` is when the archive was made.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn write_description(&self, name: &str, made: Time) -> Result<()> {
        let text = describe::text(name).map_or_else(|| self.description(made), Ok)?;
        self.store.replace(name, text.as_bytes())
    }

    /// `archive.toml`.
    fn description(&self, made: Time) -> Result<String> {
        let made = made.to_rfc3339().unwrap_or_default();
        let description = Description { format: FORMAT, id: self.id.to_string(), made };
        let text = toml::to_string(&description).map_err(|error| Error::damaged(error.to_string()))?;
        Ok(format!("# A versioned archive. README.txt says how to get everything back.\n{text}"))
    }

    /// Opens the archive in `directory` to repair it, also when `archive.toml` is missing or not to be trusted: then its id is that
    /// of the bundles, and the error is what is wrong with the file.
    ///
    /// # Errors
    /// As for [`Archive::open`], when the bundles do not say which archive it is.
    pub fn open_for_repair(directory: &Path) -> Result<(Archive, Option<Error>)> {
        Archive::open_store_for_repair(Arc::new(LocalStore::new(directory)))
    }

    /// As [`Archive::open_for_repair`], for the archive in a store.
    ///
    /// # Errors
    /// As for [`Archive::open_for_repair`].
    pub fn open_store_for_repair(store: Arc<dyn Store>) -> Result<(Archive, Option<Error>)> {
        let mut opened = Archive::open_store(store.clone());
        if opened.as_ref().is_err_and(|error| !matches!(error.kind(), ErrorKind::Damaged | ErrorKind::NoArchive)) {
            return opened.map(|archive| (archive, None));
        }
        let bundles = match (store.list(BUNDLES), opened) {
            // There is not even a folder.
            (Err(_), Err(error)) if error.kind() == ErrorKind::NoArchive => return Err(error),
            (bundles, result) => {
                opened = result;
                bundles?
            }
        };
        let mut votes: BTreeMap<[u8; 16], u64> = BTreeMap::new();
        for (text, _) in bundles {
            let Some(name) = BundleName::parse(&text) else { continue };
            let bundle = store.open(&bundle_path(&name)).and_then(|blob| Bundle::open(&name, blob));
            if let Some(head) = bundle.ok().and_then(|bundle| bundle.own_head()) {
                *votes.entry(head.archive.0).or_default() += 1;
            }
        }
        let most = votes.iter().max_by_key(|(_, votes)| **votes).map(|(id, _)| ArchiveId(*id));
        match (opened, most) {
            // One sound bundle of this archive is enough to trust the file.
            (Ok(archive), most) if most.is_none() || votes.contains_key(&archive.id.0) => Ok((archive, None)),
            (Err(error), None) => Err(error),
            (opened, most) => {
                let wrong = opened.err().unwrap_or_else(|| Error::damaged("archive.toml is that of another archive"));
                Ok((Archive { store, id: most.unwrap_or_default() }, Some(wrong)))
            }
        }
    }

    /// Opens the archive in `directory`.
    ///
    /// # Errors
    /// [`ErrorKind::NoArchive`] when there is none; [`ErrorKind::TooNew`] when a newer program made it;
    /// [`ErrorKind::Damaged`] when its description cannot be read.
    pub fn open(directory: &Path) -> Result<Archive> {
        Archive::open_store(Arc::new(LocalStore::new(directory)))
    }

    /// Opens the archive in a store.
    ///
    /// # Errors
    /// As for [`Archive::open`].
    pub fn open_store(store: Arc<dyn Store>) -> Result<Archive> {
        let none = || {
            let what = format!("there is no archive at {}", store.describe());
            match store.list(BUNDLES) {
                Ok(files) if files.iter().any(|(name, _)| BundleName::parse(name).is_some()) => {
                    Error::damaged(format!("{what}: {DESCRIPTION} is missing, though there are bundles"))
                        .with_advice(Advice::RepairDescription)
                }
                _ => Error::new(ErrorKind::NoArchive, what),
            }
        };
        let bad = |what: String| {
            Error::damaged(format!("{DESCRIPTION} in {} cannot be read: {what}", store.describe()))
                .with_advice(Advice::RepairDescription)
        };
        let read = || read_small(&*store, DESCRIPTION, DESCRIPTION_BYTES_MAX);
        // A drive that fails once is asked again.
        let again = |error: Error| if error.kind() == ErrorKind::Io { read() } else { Err(error) };
        let bytes = match read().or_else(again) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(none()),
            Err(error) if error.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::NotADirectory) => {
                return Err(none());
            }
            Err(error) if error.is_damage() => return Err(bad(error.to_string())),
            // A bad place of a drive that answers otherwise.
            Err(error) if error.kind() == ErrorKind::Io && store.list("").is_ok() => {
                return Err(bad(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| bad("it is not text".to_owned()))?;
        let description: Description = toml::from_str(text).map_err(|error| bad(error.message().to_owned()))?;
        if description.format > FORMAT {
            return Err(too_new(description.format));
        }
        if description.format == 0 {
            return Err(bad("it has no format".to_owned()));
        }
        let id = ArchiveId::from_hex(&description.id).ok_or_else(|| bad("its id is not as it must be".to_owned()))?;
        Ok(Archive { store, id })
    }

    /// Asks whether it is still there.
    ///
    /// # Errors
    /// [`ErrorKind::NoArchive`] when it is no longer where it was opened.
    pub(super) fn check_is_there(&self) -> Result<()> {
        let opened = self.store.open(DESCRIPTION);
        opened.map(|_| ()).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Error::new(ErrorKind::NoArchive, format!("the archive at {} is gone", self.store.describe()))
                    .with_advice(Advice::PlugInArchive)
            }
            _ => error,
        })
    }

    /// The folders that it is made of, by what they are: one may be shown in several places. None where it is not in a folder.
    pub fn folders(&self) -> Vec<FileKey> {
        let folder = |top: &Path, name| platform::stat_path(&top.join(name)).ok().map(|found| found.key());
        let names = ["", BUNDLES, INDEX, PRUNED, DAMAGED];
        self.store.local_path().into_iter().flat_map(|top| names.map(|name| folder(top, name))).flatten().collect()
    }

    /// Whether the path `real`, which has no symlinks in it, is one of its folders or in one, wherever they are shown.
    pub fn holds(&self, real: &Path) -> bool {
        let folders = self.folders();
        let is_one = |path: &Path| platform::stat_path(path).is_ok_and(|found| folders.contains(&found.key()));
        !folders.is_empty() && real.ancestors().any(is_one)
    }

    /// The archive's id.
    pub fn id(&self) -> ArchiveId {
        self.id
    }

    /// Where its files are.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Whether its drive may be unplugged when nothing is being written, or is reached over a network.
    pub fn may_be_unplugged(&self) -> bool {
        self.store.capabilities().may_be_unplugged
    }

    /// Becomes the only writer, and removes what interrupted ones left, until the result is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when another process is writing; otherwise when the lock cannot be made.
    pub fn lock(&self, now: Time) -> Result<Box<dyn Lease>> {
        let since = now.to_rfc3339().unwrap_or_default();
        let lock = self.store.lock(&format!("another snap (process {}, since {since})", std::process::id()));
        let lock = lock.map_err(|error| match error.io_error().map(std::io::Error::kind) {
            Some(IoErrorKind::PermissionDenied | IoErrorKind::ReadOnlyFilesystem) => {
                error.with_advice(Advice::BecomeWriter)
            }
            _ => error,
        })?;
        self.store.sweep(&[BUNDLES, INDEX, DAMAGED, PRUNED])?;
        joined::finish(&*self.store)?;
        exchange::finish(&*self.store)?;
        // What was half-way to its place stands there now.
        joined::finish(&*self.store)?;
        Ok(lock)
    }

    /// What a person said of snapshots.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when the file is not what was written; otherwise when it cannot be read.
    pub fn marks(&self) -> Result<Marks> {
        let unreadable =
            |error: Error| error.while_doing(&format!("cannot read {MARKS}")).with_advice(Advice::RepairMarks);
        match read_small(&*self.store, MARKS, MARKS_BYTES_MAX) {
            Ok(bytes) => Marks::parse(&bytes, self.id).map_err(unreadable),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Marks::default()),
            Err(error) if error.is_damage() => Err(unreadable(error)),
            Err(error) => Err(error),
        }
    }

    /// Notes what a person said of snapshots, in place of what was noted before.
    ///
    /// # Errors
    /// When the store cannot be written; what was noted before still holds then.
    pub fn write_marks(&self, marks: &Marks) -> Result<()> {
        if marks.is_empty() {
            return match self.store.remove(MARKS) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        self.store.replace(MARKS, marks.to_text(self.id).as_bytes())
    }

    /// Opens a bundle.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is missing; [`ErrorKind::Damaged`] when it has no seek table; otherwise when it
    /// cannot be read.
    pub fn bundle(&self, name: &BundleName) -> Result<Arc<Bundle>> {
        let blob = exchange::open(&*self.store, name)?;
        Bundle::open(name, blob).map(Arc::new)
    }

    /// Opens a bundle and compares its seek table with every frame.
    ///
    /// # Errors
    /// As for [`Archive::bundle`].
    pub fn bundle_compared(&self, name: &BundleName) -> Result<Arc<Bundle>> {
        let blob = exchange::open(&*self.store, name)?;
        Bundle::open_compared(name, blob).map(Arc::new)
    }
}

/// A bundle as the store lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BundleFile {
    /// Its name.
    pub name: BundleName,
    /// Its length in bytes.
    pub bytes: u64,
}

impl BundleFile {
    /// Which bundle it is.
    pub fn id(&self) -> BundleId {
        self.name.id
    }
}

/// Removes what making an archive leaves, the file without which it is none first.
fn remove_new(directory: &Path, is_new: bool) {
    for name in DESCRIPTIONS.iter().rev().chain([&LOCK, &RESERVE]) {
        let _ = fs::remove_file(directory.join(name));
    }
    for name in [BUNDLES, INDEX] {
        // Only if nothing is in it.
        let _ = fs::remove_dir(directory.join(name));
    }
    if is_new {
        let _ = fs::remove_dir(directory);
    }
}

/// Makes the directory of an archive, or sees that the one that is there counts as empty; whether it is new.
fn make_directory(directory: &Path) -> Result<bool> {
    if is_there_and_empty(directory)? {
        return Ok(false);
    }
    fs::create_dir(directory).map_err(|error| cannot_init(directory, error))?;
    // On FAT nothing else makes the new folder durable. Whoever may write in a folder but not list it goes without.
    match platform::sync_directory(parent_of(directory)) {
        Err(error) if error.kind() != std::io::ErrorKind::PermissionDenied => Err(cannot_init(directory, error)),
        _ => Ok(true),
    }
}

/// Whether there is a directory for an archive, which counts as empty.
fn is_there_and_empty(directory: &Path) -> Result<bool> {
    if directory.join(DESCRIPTION).symlink_metadata().is_ok() {
        return Err(Error::new(ErrorKind::Exists, format!("{} is an archive already", directory.display()))
            .with_advice(Advice::SaveIntoArchive { archive: directory.to_owned() }));
    }
    if let Some(around) = archive_around(directory) {
        let (place, around) = (directory.display(), around.display());
        let what = format!("cannot make an archive at {place}: it is in the archive at {around}");
        return Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::ChooseEmptyFolder));
    }
    let listing = match fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(cannot_init(directory, error)),
    };
    for item in listing {
        let item = item.map_err(|error| cannot_init(directory, error))?;
        if !may_be_there(item.file_name().as_encoded_bytes()) {
            let what = format!("cannot make an archive at {}: the folder is not empty", directory.display());
            return Err(Error::new(ErrorKind::Exists, what).with_advice(Advice::ChooseEmptyFolder));
        }
    }
    Ok(true)
}

/// The archive that a folder is in, which may have to be made.
fn archive_around(directory: &Path) -> Option<PathBuf> {
    let parent = || Some(platform::canonical(parent_of(directory)).ok()?.join(directory.file_name()?));
    let real = platform::canonical(directory).ok().or_else(parent)?;
    let is_archive = |folder: &&Path| {
        folder.join(DESCRIPTION).is_file() && (folder.join(BUNDLES).is_dir() || Archive::open(folder).is_ok())
    };
    real.ancestors().skip(1).find(is_archive).map(Path::to_owned)
}

fn cannot_init(directory: &Path, error: std::io::Error) -> Error {
    let is_missing = error.kind() == std::io::ErrorKind::NotFound;
    let error = Error::io(format!("cannot make an archive at {}", directory.display()), error);
    if is_missing { error.with_advice(Advice::CheckArchiveParent) } else { error }
}

fn parent_of(directory: &Path) -> &Path {
    directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether a folder with this in it counts as empty: what a cut-off `init` left, and what a new drive brings along.
fn may_be_there(name: &[u8]) -> bool {
    let is_of_init = describe::NAMES.iter().any(|own| own.as_bytes() == name);
    name.starts_with(b".snap-") || is_of_init || platform::is_of_file_system(name)
}

/// Bytes that no other process gets: the standard library seeds its hash maps from the system's random numbers.
fn random_bytes() -> [u8; 32] {
    use std::hash::BuildHasher;
    let numbers = [(); 4].map(|()| std::hash::RandomState::new().hash_one(Time::now().nanos));
    Hash::of(&numbers.map(u64::to_le_bytes).concat()).0
}
