//! One source: the directory or file that is saved, and the rules by which it is read. Opens no file but the source itself.

use crate::base::advice::Advice;
use crate::base::concurrency::Lock;
use crate::base::entry::Device;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::exclude::Exclude;
use crate::base::id::Hash;
use crate::base::path;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Rules;
use crate::base::time::Time;
use crate::system::listing::Listing;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::platform::FileSystem;
use crate::system::platform::Names;
use crate::system::platform::RawStat;
use std::collections::HashMap;
use std::path::Path;

/// The inode of the top directory, as both drivers of FAT give it.
const FAT_TOP_INODE: u64 = 1;

/// A source, open.
pub struct Source {
    path: EntryPathBuf,
    /// The directory; of a file the one that it is in.
    root: Directory,
    /// The name of the file, if the source is one.
    file: Option<Vec<u8>>,
    stat: RawStat,
    rules: Rules,
    exclude: Exclude,
    /// Whether the source is itself on a file system that shows what the system is doing.
    is_pseudo: bool,
    file_systems: Lock<HashMap<u64, FileSystem>>,
    /// A directory on each file system that lists nothing, without an error, once its drive is gone.
    drives_to_probe: Lock<Vec<Directory>>,
}

impl Source {
    /// The rules by which it is read.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Opens the directory or plain file `path` as the source `name`.
    ///
    /// # Errors
    /// When it is not there, something else, or may not be read; when a pattern of `rules` is none; when `name` cannot be a name.
    pub fn open(name: &str, path: &Path, rules: &Rules) -> Result<Source> {
        let shown = path::printable(path.as_os_str().as_encoded_bytes());
        let doing = |error| Error::io(format!("cannot read the source {shown}"), error);
        let (root, file) = opened(path).map_err(doing)?;
        let stat = file.as_ref().map_or_else(|| root.own_stat(), |file| root.stat(file)).map_err(doing)?;
        let Some(own) = path::source_path(name) else {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("'{}' cannot be the name of a source", name.escape_debug()),
            ));
        };
        Ok(Source {
            path: own,
            is_pseudo: root.file_system().is_pseudo,
            root,
            file,
            stat,
            rules: rules.clone(),
            exclude: Exclude::new(&rules.exclude, platform::CASE)?,
            file_systems: Lock::default(),
            drives_to_probe: Lock::default(),
        })
    }

    /// Its name, the first part of all its paths.
    pub fn name(&self) -> &[u8] {
        self.path.as_bytes()
    }

    /// The path of its top directory in the archive: its name.
    pub fn path(&self) -> &EntryPath {
        &self.path
    }

    /// Those of its patterns that nothing has fitted so far.
    pub fn unused_patterns(&self) -> Vec<&str> {
        let patterns = self.exclude.unused();
        patterns.into_iter().filter_map(|place| self.rules.exclude.get(place)).map(String::as_str).collect()
    }

    /// The number of the file system of its top directory.
    pub fn file_system_number(&self) -> u64 {
        self.stat.file_system
    }

    /// The rules that hold in its top directory.
    pub(super) fn exclude(&self) -> &Exclude {
        &self.exclude
    }

    /// Whether what `raw` tells of is left out, or its contents, as it is on another file system.
    pub(super) fn is_elsewhere(&self, raw: &RawStat, file_system: &FileSystem) -> bool {
        let is_other = raw.file_system != self.stat.file_system;
        let is_directory = raw.kind == Some(Kind::Directory);
        // On overlays, files have other numbers than directories: only one that is mounted by itself is elsewhere.
        let is_mounted = is_directory || raw.mount != self.stat.mount;
        is_other && is_mounted && self.rules.one_file_system || is_directory && file_system.is_pseudo && !self.is_pseudo
    }

    /// Its top directory.
    pub fn root(&self) -> &Directory {
        &self.root
    }

    /// What is known of its top directory, or of the file.
    pub fn stat(&self) -> Stat {
        let (kind, name) = self.file.as_ref().map_or((Kind::Directory, &b""[..]), |file| (Kind::File, file.as_slice()));
        Source::comparable(&self.stat, kind, self.file_system(&self.root, name, self.stat.file_system))
    }

    /// The listing of the archive's root with the file in it, if the source is one; `source` is its place in the list.
    pub fn file_listing(&self, source: usize, clock: &dyn Fn() -> Time) -> Option<Listing> {
        self.file.as_ref()?;
        let mut stat = self.stat();
        stat.note_look(clock());
        let mut listing = Listing { source, ..Listing::default() };
        listing.push(self.name(), stat);
        for found in &mut listing.found {
            found.may_have_holes = self.stat.allocated_bytes < self.stat.size;
        }
        Some(listing)
    }

    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// The name that the last part of an entry's path has in its directory: a file that is a source may be called otherwise.
    pub fn name_in_directory<'a>(&'a self, path: &'a EntryPath) -> &'a [u8] {
        match &self.file {
            Some(file) if *path == *self.path => file,
            _ => path.name_bytes(),
        }
    }

    /// A stat without what its file system does not keep; `raw.kind` is `kind`.
    pub(super) fn comparable(raw: &RawStat, kind: Kind, file_system: FileSystem) -> Stat {
        let link_known = raw.links > 1 && kind != Kind::Directory && file_system.stable_inodes;
        let time = |time: Time| rounded(time, file_system.time_grain_nanos);
        let is_fat_top = kind == Kind::Directory && raw.inode == FAT_TOP_INODE && file_system.names == Names::Fat;
        Stat {
            kind,
            mode: raw.mode,
            uid: raw.uid,
            gid: raw.gid,
            size: if kind == Kind::File { raw.size } else { 0 },
            // The top of an exFAT drive keeps no time: it is when it was mounted.
            mtime: if is_fat_top { Time::default() } else { time(raw.mtime) },
            ctime: if file_system.keeps_ctime { time(raw.ctime) } else { Time::default() },
            inode: if file_system.stable_inodes { raw.inode } else { 0 },
            link: if link_known { link_number(raw, file_system) } else { 0 },
            device: if kind.is_device() { raw.device } else { Device::default() },
            racy: false,
        }
    }

    /// What is at `name` of `directory` now, and whether it may have holes; `None` where that is nothing that is kept, or is left
    /// out as it is on another file system.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn look(&self, directory: &Directory, name: &[u8]) -> std::io::Result<Option<(Stat, bool)>> {
        let raw = match directory.stat(name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            raw => raw?,
        };
        let Some(kind) = raw.kind.filter(|_| !raw.is_remote) else { return Ok(None) };
        let file_system = self.file_system(directory, name, raw.file_system);
        let stat = Source::comparable(&raw, kind, file_system);
        Ok((!self.is_elsewhere(&raw, &file_system)).then_some((stat, raw.allocated_bytes < raw.size)))
    }

    /// As a fresh stat of an open file, for comparing with the one of the scan.
    pub fn stat_now(&self, directory: &Directory, raw: &RawStat, kind: Kind) -> Stat {
        Source::comparable(raw, kind, self.file_system(directory, b"", raw.file_system))
    }

    /// Asks the drives of which it is known that they hide it when they are gone.
    ///
    /// # Errors
    /// When one is gone: what was not found since may be there all the same.
    pub fn check_alive(&self) -> Result<()> {
        let drives_to_probe = self.drives_to_probe.lock();
        drives_to_probe.iter().try_for_each(Directory::check_alive).map_err(|error| {
            let name = path::printable(self.name());
            Error::io(format!("the drive of {name} can no longer be read, so nothing more was saved"), error)
                .with_advice(Advice::PlugInSource)
        })
    }

    /// The file system with this number, which `name` in `directory` is on.
    pub(super) fn file_system(&self, directory: &Directory, name: &[u8], number: u64) -> FileSystem {
        let mut known = self.file_systems.lock();
        if let Some(found) = known.get(&number) {
            return *found;
        }
        let is_mounted_there = directory.own_stat().is_ok_and(|own| own.file_system != number);
        let mounted = if is_mounted_there { directory.open_below(name).ok() } else { None };
        let found = mounted.as_ref().unwrap_or(directory).file_system();
        if found.hides_read_errors
            && let Ok(kept) = mounted.as_ref().unwrap_or(directory).open_below(b"")
        {
            self.drives_to_probe.lock().push(kept);
        }
        known.insert(number, found);
        found
    }
}

/// The directory at `path`; for a file the one that it is in, wherever symlinks lead, and its name.
fn opened(path: &Path) -> std::io::Result<(Directory, Option<Vec<u8>>)> {
    if !path.metadata()?.is_file() {
        return Ok((Directory::open(path)?, None));
    }
    // Where that cannot be said, as of a shadow copy, the path is one without symlinks.
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (Some(directory), Some(name)) = (real.parent(), real.file_name()) else {
        return Err(std::io::ErrorKind::NotFound.into());
    };
    Ok((Directory::open(directory)?, Some(name.as_encoded_bytes().to_vec())))
}

/// The same for all names of a file, and for no other file of any file system that has a number of its own.
fn link_number(raw: &RawStat, file_system: FileSystem) -> u64 {
    let own = if file_system.id == 0 { raw.file_system } else { file_system.id };
    let hash = Hash::of([own.to_le_bytes(), raw.inode.to_le_bytes()].concat().as_slice());
    hash.0.first_chunk().map_or(1, |bytes| u64::from_le_bytes(*bytes).max(1))
}

fn rounded(time: Time, grain_nanos: u64) -> Time {
    match grain_nanos {
        0 | 1 => time,
        grain => {
            let seconds = i64::try_from(grain / 1_000_000_000).unwrap_or(1);
            if seconds > 1 {
                Time::new(time.seconds - time.seconds.rem_euclid(seconds), 0)
            } else {
                Time::new(time.seconds, time.nanos - time.nanos % grain as u32)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_as_the_drive_will_keep_them() {
        let time = Time::new(1_000_001, 123_456_789);
        assert_eq!(rounded(time, 1), time);
        assert_eq!(rounded(time, 2_000_000_000), Time::new(1_000_000, 0));
        assert_eq!(rounded(time, 10_000_000), Time::new(1_000_001, 120_000_000));
        assert_eq!(rounded(Time::new(-1, 5), 2_000_000_000), Time::new(-2, 0));
    }
}
