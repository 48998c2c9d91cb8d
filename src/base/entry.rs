//! What a snapshot holds: an entry's metadata and where its content is. Knows nothing of disks and formats.

use crate::base::holes::Holes;
use crate::base::id::BundleId;
use crate::base::id::Hash;
use crate::base::time::Time;
use std::sync::Arc;

/// What an entry is. Sockets are not kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    #[default]
    File,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl Kind {
    /// The word in a manifest and in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Directory => "dir",
            Kind::File => "file",
            Kind::Symlink => "symlink",
            Kind::Fifo => "fifo",
            Kind::CharDevice => "char",
            Kind::BlockDevice => "block",
        }
    }

    /// Reads what [`Kind::word`] writes.
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Every kind, in the order of their numbers in the index.
    pub const ALL: [Kind; 6] =
        [Kind::Directory, Kind::File, Kind::Symlink, Kind::Fifo, Kind::CharDevice, Kind::BlockDevice];

    /// Whether it is a character or block device.
    pub fn is_device(self) -> bool {
        matches!(self, Kind::CharDevice | Kind::BlockDevice)
    }
}

/// What one `stat` tells of an entry: all that `create` compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky: at most `0o7777`.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Length in bytes of a file's content; 0 for every other kind.
    pub size: u64,
    /// When the content was last modified.
    pub mtime: Time,
    /// When content or metadata were last changed.
    pub ctime: Time,
    /// The inode's number; 0 where the file system does not keep it, then it is not compared. 0 for directories.
    pub inode: u64,
    /// Which names are names of one file: equal, not 0, for all hard links of a file; 0 when it has one name only.
    pub link: u64,
    /// The numbers of a device; 0 for every other kind.
    pub device: Device,
    /// Whether it may have been modified again without a trace in its times, so that it must be read next time: its mtime or
    /// ctime was not safely older than the moment it was looked at. Only files and symlinks.
    pub racy: bool,
}

/// The numbers of a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Device {
    /// Which driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

impl Device {
    /// Both in one: the major number in the upper half.
    pub fn number(self) -> u64 {
        u64::from(self.major) << 32 | u64::from(self.minor)
    }

    /// That of which [`Device::number`] is this.
    pub fn of_number(number: u64) -> Device {
        Device { major: (number >> 32) as u32, minor: number as u32 }
    }
}

/// Which file of this machine it is, whatever its names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FileKey {
    /// The number of the file system; changes when a drive is plugged in again.
    pub file_system: u64,
    /// The inode's number.
    pub inode: u64,
}

/// How much older than the look an entry's times must be to be trusted: two seconds is the coarsest grain (FAT).
pub const RACY_SECONDS: i64 = 3;

impl Stat {
    /// Whether the entry counts as unchanged since `self` was noted. `self` comes from the index.
    pub fn is_unchanged(&self, now: &Stat) -> bool {
        !self.racy && self.is_same(now)
    }

    /// Whether everything that is compared is equal, racy or not.
    pub fn is_same(&self, now: &Stat) -> bool {
        self.kind == now.kind
            && self.size == now.size
            && self.mtime == now.mtime
            && self.ctime == now.ctime
            && (self.inode == now.inode || self.inode == 0 || now.inode == 0)
            && self.mode == now.mode
            && (self.uid, self.gid) == (now.uid, now.gid)
            && self.has_same_names(now)
            && self.device == now.device
    }

    /// Whether it has the same names, all else being the same. The number of a file system may be another one at each mount (btrfs
    /// snapshots, drives that were plugged in again), and with it that of a file with several names: then the ctime tells, for
    /// a name that is added or removed changes it.
    fn has_same_names(&self, now: &Stat) -> bool {
        let is_known_file = self.inode == now.inode && self.inode != 0 && self.ctime != Time::default();
        self.link == now.link || (self.link != 0 && now.link != 0 && is_known_file)
    }

    /// Sets `racy` from the moment at which this entry was looked at.
    pub fn note_look(&mut self, looked_at: Time) {
        let newest = self.mtime.max(self.ctime);
        self.racy = matches!(self.kind, Kind::File | Kind::Symlink) && newest >= looked_at.minus_seconds(RACY_SECONDS);
    }
}

/// Where a file's content begins: a bundle, and the offset in that bundle's decompressed tar.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// The bundle.
    pub bundle: BundleId,
    /// Offset in bytes in the decompressed tar of the bundle.
    pub offset: u64,
}

/// Stands for the offset of a content that was pruned: none begins inside of the first header.
const PRUNED_OFFSET: u64 = 1;

impl Place {
    /// The place of a content that was in `bundle` and cannot be had any more. No content begins at 0, where the first header
    /// stands.
    pub fn lost(bundle: BundleId) -> Place {
        Place { bundle, offset: 0 }
    }

    /// Whether the content cannot be had any more, for the archive was damaged.
    pub fn is_lost(&self) -> bool {
        self.offset == 0
    }

    /// The place of a content that was in `bundle` and was pruned.
    pub fn pruned(bundle: BundleId) -> Place {
        Place { bundle, offset: PRUNED_OFFSET }
    }

    /// Whether the content was taken out of the archive on purpose.
    pub fn is_pruned(&self) -> bool {
        self.offset == PRUNED_OFFSET
    }

    /// Whether the content is neither lost nor pruned.
    pub fn is_there(&self) -> bool {
        !self.is_lost() && !self.is_pruned()
    }
}

/// A file's content.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Content {
    /// The hash of the content's bytes, those in holes left out.
    pub hash: Hash,
    /// Where the bytes are (holes included, as zeros); the length is the entry's size.
    pub place: Place,
    /// The holes.
    pub holes: Holes,
    /// Whether the file changed or could not be fully read while it was saved, where it has zeros: the bytes may match no
    /// state that it was ever in. It is racy then, too.
    pub torn: bool,
}

/// One extended attribute: name and value.
pub type Xattr = (Vec<u8>, Vec<u8>);

/// The most bytes of names and values of extended attributes that are kept of one entry.
pub const XATTRS_BYTES_MAX: usize = 1 << 20;

/// The names of an entry's owner and group, empty where unknown.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Owner {
    /// The user's name.
    pub user: Arc<str>,
    /// The group's name.
    pub group: Arc<str>,
}

/// All of an entry but its path.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// What is compared.
    pub stat: Stat,
    /// The names of its owner and group.
    pub owner: Owner,
    /// Extended attributes, ACLs and capabilities among them, by name.
    pub xattrs: Vec<Xattr>,
    /// Where a symlink points to; empty for every other kind.
    pub target: Vec<u8>,
    /// A file's content; `None` for every other kind.
    pub content: Option<Content>,
}

/// What the names of extended attributes begin with that only Windows has. They are in manifests, never in the tar.
pub const WINDOWS_PREFIX: &[u8] = b"windows.";

/// The extended attribute with owner and access rights on Windows.
pub const WINDOWS_SECURITY: &[u8] = b"windows.security";

/// The extended attribute that everything saved on Windows has: when it was made.
const WINDOWS_CREATED: &[u8] = b"windows.created";

impl Entry {
    /// Whether it was saved on Windows, so that its owner and mode say nothing.
    pub fn is_of_windows(&self) -> bool {
        self.xattrs.iter().any(|(name, _)| name == WINDOWS_CREATED)
    }

    /// Whether it is a file whose content was lost with a damaged part of the archive.
    pub fn is_lost(&self) -> bool {
        self.content.as_ref().is_some_and(|content| content.place.is_lost())
    }

    /// Whether it is a file whose content was taken out of the archive on purpose.
    pub fn is_pruned(&self) -> bool {
        self.content.as_ref().is_some_and(|content| content.place.is_pruned())
    }

    /// Whether it is a file whose content is lost or pruned.
    pub fn is_without_content(&self) -> bool {
        self.content.as_ref().is_some_and(|content| !content.place.is_there())
    }

    /// Whether it is a file that could not be saved as it was at one time.
    pub fn is_torn(&self) -> bool {
        self.content.as_ref().is_some_and(|content| content.torn)
    }

    /// Notes that the content is lost: it counts as racy, so that the next look reads the file again.
    pub fn lose(&mut self) {
        if let Some(content) = &mut self.content {
            content.place = Place::lost(content.place.bundle);
            self.stat.racy = true;
        }
    }

    /// Takes over the place where `older` has its content, if that is this one's and in the bundle that this one names; says
    /// whether it is.
    pub fn keep_place(&mut self, older: Option<&Entry>) -> bool {
        let size = older.map(|older| older.stat.size);
        let older = older.and_then(|older| older.content.as_ref());
        let (Some(content), Some(older)) = (&mut self.content, older) else { return false };
        // The hash alone leaves open how long the content is, and where its holes are.
        let is_same = content.hash == older.hash && content.holes == older.holes && size == Some(self.stat.size);
        if !is_same || content.place.bundle != older.place.bundle {
            return false;
        }
        content.place = older.place;
        self.stat.racy |= !content.place.is_there();
        true
    }

    /// Whether the headers of a tar say something else of it than of `older`, all but its content.
    pub fn differs_in_tar(&self, older: &Entry) -> bool {
        let said = |stat: &Stat| (stat.mode, stat.uid, stat.gid, stat.mtime);
        said(&self.stat) != said(&older.stat) || self.owner != older.owner || self.xattrs != older.xattrs
    }

    /// Whether `other` can be a name of the same file: same link number, same content, same metadata.
    pub fn is_linked_to(&self, other: &Entry) -> bool {
        let same_content = match (&self.content, &other.content) {
            (Some(a), Some(b)) => a.hash == b.hash && a.holes == b.holes,
            (None, None) => true,
            _ => false,
        };
        let (a, b) = (&self.stat, &other.stat);
        a.link != 0
            && (a.link, a.kind, a.size, a.mode, a.uid, a.gid, a.mtime, a.device)
                == (b.link, b.kind, b.size, b.mode, b.uid, b.gid, b.mtime, b.device)
            && same_content
            && self.target == other.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(mtime: i64) -> Stat {
        Stat { mtime: Time::new(mtime, 0), ctime: Time::new(mtime, 0), inode: 7, ..Stat::default() }
    }

    #[test]
    fn a_fresh_entry_is_racy_and_never_counts_as_unchanged() {
        let mut old = file(100);
        old.note_look(Time::new(103, 0));
        assert!(old.racy && !old.is_unchanged(&file(100)) && old.is_same(&file(100)));
        old.note_look(Time::new(103, 1));
        assert!(!old.racy && old.is_unchanged(&file(100)));
    }

    #[test]
    fn every_compared_field_counts_and_an_unknown_inode_does_not() {
        let old = file(100);
        assert!(old.is_unchanged(&Stat { inode: 0, ..old }));
        for now in [
            Stat { size: 1, ..old },
            Stat { mode: 1, ..old },
            Stat { uid: 1, ..old },
            Stat { gid: 1, ..old },
            Stat { inode: 8, ..old },
            Stat { link: 1, ..old },
            Stat { device: Device { major: 0, minor: 1 }, ..old },
            Stat { kind: Kind::Fifo, ..old },
            Stat { mtime: Time::new(100, 1), ..old },
            Stat { ctime: Time::new(100, 1), ..old },
        ] {
            assert!(!old.is_unchanged(&now), "{now:?}");
        }
    }
    #[test]
    fn a_file_with_several_names_is_the_same_on_a_file_system_with_another_number() {
        let old = Stat { inode: 7, link: 1, ..file(100) };
        assert!(old.is_unchanged(&Stat { link: 2, ..old }));
        assert!(!old.is_unchanged(&Stat { link: 0, ..old }), "it has one name only now");
        assert!(!old.is_unchanged(&Stat { link: 2, ctime: Time::new(101, 0), ..old }));
        let unknown = Stat { inode: 0, ..old };
        assert!(!unknown.is_unchanged(&Stat { link: 2, ..unknown }));
    }
}
