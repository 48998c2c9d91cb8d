//! A file on its way to a drive that may be pulled out at any byte: temporary name, sync while it is written, name, sync. Knows
//! nothing of stores.

use super::not_as_written;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::platform::Names;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;
use tempfile::TempPath;

/// What the names of unfinished files begin with; `sweep` removes them.
const TEMPORARY_PREFIX: &str = ".snap-";

/// The fewest random characters that follow.
const TEMPORARY_RANDOM_MIN: usize = 6;

/// How many bytes are handed to the drive at once at first: few, so that it works while the next ones are made, and that its
/// speed is known soon.
const SYNC_BYTES: u64 = 1 << 20;

/// Later as many as the drive takes in about this time, but no fewer and no more than these.
const SYNC_MILLIS: u64 = 250;
const SYNC_BYTES_RANGE: (u64, u64) = (2 << 20, 64 << 20);

/// How many bytes are read back at once.
const READ_BACK_BYTES: usize = 1 << 20;

/// A file that has no name of its own yet. Dropped, it is gone.
pub(super) struct UnfinishedFile {
    file: File,
    temporary: TempPath,
    length: u64,
    /// How many bytes have been handed to the drive.
    synced: u64,
    /// The thread that waits for the drive to take the last of them, how many they are, and how long it took. What it says is
    /// said once, so it must be listened to.
    syncing: Option<JoinHandle<io::Result<(u64, Duration)>>>,
    /// How many bytes are handed to the drive at once.
    sync_bytes: u64,
    taken: (u64, Duration),
}

/// Whether a file may take the place of one that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Replace {
    Yes,
    No,
}

impl Write for UnfinishedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(&bytes[..bytes.len().min(platform::WRITE_BYTES)])?;
        self.length += count as u64;
        if self.length - self.synced >= self.sync_bytes {
            self.wait_for_drive()?;
            let bytes = self.length - self.synced;
            self.synced = self.length;
            let file = self.file.try_clone()?;
            let sync = move || {
                let began = Instant::now();
                file.sync_data().map(|()| (bytes, began.elapsed()))
            };
            self.syncing = Some(std::thread::Builder::new().spawn(sync)?);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl UnfinishedFile {
    /// Begins one in `directory` that will be called as `name` is, or with as many letters.
    pub(super) fn begin(directory: &Path, name: Option<&OsStr>) -> io::Result<UnfinishedFile> {
        // As long as the name that it will get: then exFAT renames it where it stands. A longer name it writes elsewhere, and
        // deletes the old one; pulled out in between, it may show neither, nor what comes after.
        let length = name.map_or(0, OsStr::len);
        let temporary = tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .rand_bytes(length.saturating_sub(TEMPORARY_PREFIX.len()).max(TEMPORARY_RANDOM_MIN))
            .tempfile_in(directory)
            .map_err(|error| without_temporary_name(&error))?;
        let (file, temporary) = temporary.into_parts();
        let (length, synced, syncing, sync_bytes) = (0, 0, None, SYNC_BYTES);
        Ok(UnfinishedFile { file, temporary, length, synced, syncing, sync_bytes, taken: (0, Duration::ZERO) })
    }

    /// The file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// How many bytes the drive has taken, and in which time.
    pub(super) fn taken(&self) -> (u64, Duration) {
        self.taken
    }

    /// Waits until the drive has what was handed to it.
    fn wait_for_drive(&mut self) -> io::Result<()> {
        let Some(thread) = self.syncing.take() else { return Ok(()) };
        let stopped = |_| Err(io::Error::other("the thread that waits for the drive stopped"));
        let (bytes, time) = thread.join().unwrap_or_else(stopped)?;
        self.taken = (self.taken.0 + bytes, self.taken.1 + time);
        let (least, most) = SYNC_BYTES_RANGE;
        let millis = time.as_millis().max(1) as u64;
        // What a drive or its system takes at once at first says little of how fast it goes on.
        let wanted = (bytes.saturating_mul(SYNC_MILLIS) / millis).min(2 * bytes);
        self.sync_bytes = wanted.clamp(least, most);
        Ok(())
    }

    /// Makes it durable under this name; its length.
    pub(super) fn finish(mut self, path: &Path, replace: Replace) -> Result<u64> {
        let doing = |error| Error::io(format!("cannot write {}", path.display()), error);
        self.wait_for_drive().map_err(doing)?;
        self.file.sync_all().map_err(doing)?;
        let length = self.file.metadata().map_err(doing)?.len();
        if length != self.length {
            return Err(Error::damaged(format!(
                "the drive kept {length} of {} bytes of {}",
                self.length,
                path.display()
            )));
        }
        match replace {
            Replace::Yes => platform::rename_over(&self.temporary, path).map_err(doing)?,
            Replace::No => match platform::rename_new(&self.temporary, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(exists(path)),
                result => result.map_err(doing)?,
            },
        }
        // It has its name now; there is nothing left to remove.
        let _ = self.temporary.keep();
        let kept = keep_name(&self.file, path);
        if kept.is_err() && replace == Replace::No {
            // Nothing builds on it yet, and whoever hears that it failed must not find it later.
            let _ = fs::remove_file(path);
        }
        kept.map(|()| length)
    }

    /// Compares what the drive gives back with the digest of what was written; `path` is for messages.
    pub(super) fn read_back(&mut self, digest: &Hash, path: &Path) -> Result<()> {
        let path = path.display().to_string();
        let doing = |error| Error::io(format!("cannot read back {path}"), error);
        self.wait_for_drive()
            .and_then(|()| self.file.sync_all())
            .map_err(|error| Error::io(format!("cannot write {path}"), error))?;
        platform::forget_cached(&self.file);
        let (mut hasher, mut buffer, mut offset) = (Hasher::new(), vec![0; READ_BACK_BYTES], 0);
        loop {
            match platform::read_at(&self.file, offset, &mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(doing(error)),
            }
        }
        if hasher.hash() == *digest { Ok(()) } else { Err(not_as_written(&path)) }
    }
}

/// tempfile adds the temporary file's path to its errors; a person is helped by the reason alone.
fn without_temporary_name(error: &io::Error) -> io::Error {
    match error.get_ref().and_then(std::error::Error::source).and_then(|source| source.downcast_ref::<io::Error>()) {
        Some(inner) => inner.raw_os_error().map_or_else(|| inner.kind().into(), io::Error::from_raw_os_error),
        None => error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error),
    }
}

pub(super) fn exists(path: &Path) -> Error {
    Error::new(ErrorKind::Exists, format!("{} is already there", path.display()))
}

/// Whether a directory is on FAT or exFAT.
pub(super) fn is_fat(directory: &Path) -> bool {
    Directory::open(directory).is_ok_and(|opened| opened.file_system().names == Names::Fat)
}

pub(super) fn sweep_directory(directory: &Path, is_fat: bool) {
    let Ok(listing) = fs::read_dir(directory) else { return };
    let is_temporary = |name: &OsString| name.to_str().is_some_and(|name| name.starts_with(TEMPORARY_PREFIX));
    let names = listing.flatten().map(|item| item.file_name());
    let (temporary, others): (Vec<_>, Vec<_>) = names.partition(is_temporary);
    if temporary.is_empty() {
        return;
    }
    let length = |name: &OsString| directory.join(name).symlink_metadata().map_or(0, |metadata| metadata.len());
    // A drive that was pulled out may have kept both names of a file that was just renamed. On FAT nothing tells that they are one
    // file: removing the old name would give the bytes of the new one to the next file.
    let kept: HashSet<u64> =
        if is_fat { others.iter().map(length).filter(|length| *length > 0).collect() } else { HashSet::new() };
    for name in temporary.iter().filter(|name| !kept.contains(&length(name))) {
        let _ = fs::remove_file(directory.join(name));
    }
}

/// Makes a file's new name durable.
fn keep_name(file: &File, path: &Path) -> Result<()> {
    let doing = |error| Error::io(format!("cannot write {}", path.display()), error);
    // On FAT a file's length and place stand beside its name, and the new name has none before the file is synced again.
    file.sync_all().map_err(doing)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    platform::sync_directory(directory).map_err(doing)?;
    if is_fat(directory) {
        let names = fs::read_dir(directory).map_err(doing)?;
        check_listed(path, names.flatten().map(|item| item.file_name()))?;
    }
    Ok(())
}

/// Looks whether a new name is among those of its directory. An exFAT drive that was pulled out may have kept half of an entry
/// and then list nothing of what is written over the rest of it, though it can be opened; once its file system is repaired it is
/// there again, maybe beside another one made in its place.
fn check_listed(path: &Path, mut names: impl Iterator<Item = OsString>) -> Result<()> {
    let is_listed = path.file_name().is_some_and(|own| names.any(|name| name.eq_ignore_ascii_case(own)));
    if is_listed {
        return Ok(());
    }
    let what = format!("the drive does not list {}, which was written a moment ago", path.display());
    Err(Error::damaged(what).with_advice(Advice::CheckFileSystem))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_temporary_name_takes_as_much_room_in_its_directory_as_the_name_that_follows() {
        let drive = tempfile::tempdir().unwrap();
        for name in ["000001-20261122T235502Z.0001.tar.zst", "archive.toml", "x"] {
            let file = UnfinishedFile::begin(drive.path(), Some(OsStr::new(name))).unwrap();
            let [temporary] = &names(drive.path())[..] else { panic!("not one file") };
            assert!(temporary.starts_with(TEMPORARY_PREFIX));
            assert_eq!(temporary.len(), name.len().max(12), "{temporary} for {name}");
            drop(file);
        }
    }

    #[test]
    fn on_fat_an_unfinished_file_that_may_be_a_published_one_is_left() {
        for (is_fat, left) in [(true, &[".snap-same", "published"][..]), (false, &["published"])] {
            let drive = tempfile::tempdir().unwrap();
            let files = [("published", "12345"), (".snap-same", "12345"), (".snap-other", "1234"), (".snap-empty", "")];
            for (name, bytes) in files {
                fs::write(drive.path().join(name), bytes).unwrap();
            }
            fs::write(drive.path().join("empty"), "").unwrap();
            sweep_directory(drive.path(), is_fat);
            fs::remove_file(drive.path().join("empty")).unwrap();
            assert_eq!(names(drive.path()), left, "on FAT: {is_fat}");
        }
    }

    #[test]
    fn a_new_name_that_the_drive_does_not_list_is_told_with_what_to_do() {
        let path = Path::new("/drive/bundles/000001.tar.zst");
        let names = |names: &[&str]| names.iter().map(OsString::from).collect::<Vec<_>>().into_iter();
        check_listed(path, names(&["x", "000001.TAR.ZST"])).unwrap();
        let error = check_listed(path, names(&["x"])).unwrap_err();
        assert!(error.is_damage() && error.advice() == Some(&Advice::CheckFileSystem), "{error}");
    }
}
