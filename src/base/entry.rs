//! What a snapshot holds: an entry's metadata and where its content is. Knows nothing of disks and formats.

use crate::base::holes::Holes;
use crate::base::id::BundleId;
use crate::base::id::Hash;
use crate::base::id::Hasher;
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
    /// The inode's number; 0 where the file system does not keep it, then it is not compared, nor are those of directories: it
    /// only tells where a directory is now that was elsewhere.
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

    /// The device with this [`Device::number`].
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
            && (self.inode == now.inode || self.inode == 0 || now.inode == 0 || self.kind == Kind::Directory)
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
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
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
    /// Where the bytes are (holes included, as zeros); the length is the entry's size. Where there is a patch: where its data is.
    pub place: Place,
    /// How it is made from an older content, where only what changed stands at the place.
    pub patch: Option<Arc<Patch>>,
    /// The holes.
    pub holes: Holes,
    /// Whether the file changed or could not be fully read while it was saved, where it has zeros: the bytes may match no
    /// state that it was ever in. It is racy then, too.
    pub torn: bool,
}

/// What two contents have in common that are the same: bytes, holes and length.
pub type ContentKey = [u8; 16];

impl Content {
    /// The key of this content, which is `size` bytes long.
    pub fn key(&self, size: u64) -> ContentKey {
        let mut hasher = Hasher::new();
        hasher.update(&self.hash.0);
        hasher.update(&size.to_le_bytes());
        for (offset, length) in self.holes.to_pairs() {
            hasher.update(&offset.to_le_bytes());
            hasher.update(&length.to_le_bytes());
        }
        hasher.hash().0.first_chunk().copied().unwrap_or_default()
    }

    /// How many bytes of its bundle's tar it takes, if it is `size` bytes long.
    pub fn stored_bytes(&self, size: u64) -> u64 {
        self.patch.as_ref().map_or(size, |patch| patch.stored_bytes())
    }
}

/// The most contents that are needed to make one from another, the one that stands whole among them not counted.
pub const PATCH_DEPTH_MAX: usize = 8;

/// The most pieces of a patch; also of all patches together that follow each other, as this program makes them.
pub const PATCH_PIECES_MAX: usize = 1 << 17;

/// The most bytes that a piece with data of its own has.
pub const PATCH_PIECE_BYTES_MAX: u64 = 8 << 20;

/// The most bytes from which a piece is made.
pub const PATCH_BASE_BYTES_MAX: u64 = 9 << 20;

/// The most bytes of data of a piece.
pub const PATCH_DATA_BYTES_MAX: u64 = 9 << 20;

/// From so many bytes on a file may have the content of another one that stands in an earlier part of the same snapshot.
pub const ACROSS_PARTS_BYTES_MIN: u64 = 1 << 20;

/// How a content is made from an older one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Patch {
    /// What it consists of, in order.
    pub pieces: Vec<PatchPiece>,
    /// How many bytes it would take if it were stored whole, about.
    pub whole_bytes: u64,
    /// How long the older content is.
    pub base_size: u64,
    /// The older content: that of the same path in the state before. In a line only its hash is known.
    pub base: Content,
}

/// Some bytes of a content that is made from an older one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PatchPiece {
    /// How many bytes it is.
    pub bytes: u64,
    /// Where in the older content the bytes begin that it is, or is made from.
    pub from: u64,
    /// How many bytes of the older content it is made from; 0 where it is as many of them as they are.
    pub base_bytes: u64,
    /// How many bytes of data it has; 0: it is what stands in the older content.
    pub stored: u64,
}

/// A piece as manifests and index files have it: `bytes`, `from`, `base_bytes` and `stored`.
pub type PatchNumbers = (u64, u64, u64, u64);

impl From<PatchNumbers> for PatchPiece {
    fn from((bytes, from, base_bytes, stored): PatchNumbers) -> PatchPiece {
        PatchPiece { bytes, from, base_bytes, stored }
    }
}

impl From<PatchPiece> for PatchNumbers {
    fn from(PatchPiece { bytes, from, base_bytes, stored }: PatchPiece) -> PatchNumbers {
        (bytes, from, base_bytes, stored)
    }
}

impl Patch {
    /// How many bytes of data it has.
    pub fn stored_bytes(&self) -> u64 {
        self.pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.stored))
    }

    /// It and those from which it is made, one after the other.
    pub fn chain(&self) -> impl Iterator<Item = &Patch> {
        std::iter::successors(Some(self), |patch| patch.base.patch.as_deref())
    }

    /// How many contents it needs; one that stands whole at the end is not counted.
    pub fn depth(&self) -> usize {
        self.chain().count()
    }

    /// How many bytes of data it has, with those from which it is made.
    pub fn chain_bytes(&self) -> u64 {
        self.chain().fold(0, |sum, patch| sum.saturating_add(patch.stored_bytes()))
    }

    /// How many pieces it has, with those from which it is made.
    pub fn chain_pieces(&self) -> usize {
        self.chain().map(|patch| patch.pieces.len()).sum()
    }

    /// Whether it makes `size` bytes of what is there.
    pub fn is_sound(&self, size: u64) -> bool {
        let is_inside = |from: u64, bytes: u64| from.checked_add(bytes).is_some_and(|end| end <= self.base_size);
        let is_sound = |piece: &PatchPiece| match piece.stored {
            0 => piece.base_bytes == 0 && is_inside(piece.from, piece.bytes),
            stored => {
                stored <= PATCH_DATA_BYTES_MAX
                    && piece.bytes <= PATCH_PIECE_BYTES_MAX
                    && piece.base_bytes <= PATCH_BASE_BYTES_MAX
                    && is_inside(piece.from, piece.base_bytes)
            }
        };
        let sum = self.pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.bytes));
        sum == Some(size)
            && self.pieces.len() <= PATCH_PIECES_MAX
            && self.pieces.iter().all(|piece| piece.bytes > 0 && is_sound(piece))
    }
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
            content.patch = None;
            self.stat.racy = true;
        }
    }

    /// Finds the older content from which this one is made, if it is: that of `older`, which was there before. Where that is
    /// lost, so is this one. `false` when it is another one.
    pub fn keep_base(&mut self, older: Option<&Entry>) -> bool {
        let Some(content) = self.content.as_mut() else { return true };
        let Some(patch) = content.patch.as_deref() else { return true };
        let known = older.and_then(|older| Some((older.stat.size, older.content.as_ref()?)));
        let Some((_, base)) = known.filter(|(size, base)| *size == patch.base_size && base.hash == patch.base.hash)
        else {
            return false;
        };
        if !base.place.is_there() {
            // It is lost with that one.
            (content.place, content.patch) = (base.place, None);
            self.stat.racy = true;
            return true;
        }
        let patch = Patch { base: Content { torn: false, ..base.clone() }, ..patch.clone() };
        let is_deep = patch.depth() > PATCH_DEPTH_MAX;
        content.patch = Some(Arc::new(patch));
        !is_deep
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
        content.patch.clone_from(&older.patch);
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
        let directory = Stat { kind: Kind::Directory, ..old };
        assert!(directory.is_unchanged(&Stat { inode: 8, ..directory }));
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

    fn patch(pieces: &[(u64, u64, u64, u64)], base_size: u64) -> Patch {
        let piece = |(bytes, from, base_bytes, stored): &(u64, u64, u64, u64)| PatchPiece {
            bytes: *bytes,
            from: *from,
            base_bytes: *base_bytes,
            stored: *stored,
        };
        Patch { pieces: pieces.iter().map(piece).collect(), base_size, ..Patch::default() }
    }

    #[test]
    fn a_patch_that_cannot_be_is_none() {
        assert!(patch(&[(5, 3, 0, 0), (4, 0, 8, 2)], 8).is_sound(9));
        for (pieces, size) in [
            (&[(5, 3, 0, 0)][..], 6),
            (&[(5, 4, 0, 0)], 5),
            (&[(5, 0, 1, 0)], 5),
            (&[(5, 4, 5, 1)], 5),
            (&[(5, u64::MAX, 5, 1)], 5),
            (&[(u64::MAX, 0, 0, 1), (6, 0, 0, 1)], 5),
            (&[(PATCH_PIECE_BYTES_MAX + 1, 0, 0, 1)], PATCH_PIECE_BYTES_MAX + 1),
            (&[(5, 0, 0, u64::MAX)], 5),
            (&[(0, 0, 0, 1), (5, 0, 5, 1)], 5),
        ] {
            assert!(!patch(pieces, 8).is_sound(size), "{pieces:?}");
        }
        assert!(!patch(&[(1 << 40, 0, 10 << 20, 1)], 1 << 40).is_sound(1 << 40));
    }

    /// A file of 8 bytes whose content is made from one with this hash, if it is given.
    fn made(hash: u8, base: Option<u8>, offset: u64) -> Entry {
        let patch = base.map(|base| {
            let base = Content { hash: Hash([base; 32]), ..Content::default() };
            Arc::new(Patch { base, ..patch(&[(8, 0, 0, 0)], 8) })
        });
        let place = Place { bundle: BundleId::new(1, 0), offset };
        let content = Some(Content { hash: Hash([hash; 32]), place, patch, ..Content::default() });
        Entry { stat: Stat { size: 8, ..Stat::default() }, content, ..Entry::default() }
    }

    #[test]
    fn an_older_content_must_be_the_one_that_is_named_and_chains_of_them_end() {
        let mut entry = made(2, Some(1), 512);
        assert!(!entry.clone().keep_base(None) && !entry.clone().keep_base(Some(&made(3, None, 512))));
        assert!(!entry.clone().keep_base(Some(&entry.clone())), "it is not made from itself");
        let longer = Entry { stat: Stat { size: 9, ..Stat::default() }, ..made(1, None, 512) };
        assert!(!entry.clone().keep_base(Some(&longer)));
        assert!(entry.keep_base(Some(&made(1, None, 512))) && !entry.is_lost());
        let mut chain = made(1, None, 512);
        for depth in 1..=PATCH_DEPTH_MAX + 1 {
            let mut next = made(depth as u8 + 1, Some(depth as u8), 512);
            assert_eq!(next.keep_base(Some(&chain)), depth <= PATCH_DEPTH_MAX, "{depth}");
            chain = next;
        }
        let mut lost = made(2, Some(1), 512);
        assert!(lost.keep_base(Some(&made(1, None, 0))));
        assert!(lost.is_lost() && lost.stat.racy);
    }
}
