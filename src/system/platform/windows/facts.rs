//! What Windows' numbers mean: attributes, tags, times. Pure; the numbers are those of its SDK (winnt.h), so that this can be
//! tested everywhere.

use super::ea;
use super::streams;
use crate::base::entry::Kind;
use crate::base::time::Time;
use crate::system::platform::facts::LinkKind;

/// The extended attribute with letters for read-only, hidden and so on.
pub const ATTRIBUTES: &[u8] = b"windows.attributes";

/// The extended attribute with the moment when a file was made.
pub const CREATED: &[u8] = b"windows.created";

pub const READ_ONLY: u32 = 0x1;
pub const HIDDEN: u32 = 0x2;
pub const SYSTEM: u32 = 0x4;
pub const DIRECTORY: u32 = 0x10;
pub const ARCHIVE: u32 = 0x20;
pub const NORMAL: u32 = 0x80;
pub const TEMPORARY: u32 = 0x100;
pub const SPARSE: u32 = 0x200;
pub const REPARSE_POINT: u32 = 0x400;
pub const COMPRESSED: u32 = 0x800;
const OFFLINE: u32 = 0x1000;
pub const NOT_INDEXED: u32 = 0x2000;
const RECALL_ON_OPEN: u32 = 0x4_0000;
const RECALL_ON_DATA_ACCESS: u32 = 0x40_0000;

pub const TAG_MOUNT_POINT: u32 = 0xa000_0003;
pub const TAG_SYMLINK: u32 = 0xa000_000c;
pub const TAG_LX_SYMLINK: u32 = 0xa000_001d;
const TAG_AF_UNIX: u32 = 0x8000_0023;
const TAG_APP_EXEC_LINK: u32 = 0x8000_001b;

/// Seconds from 1601, where Windows' times begin, to 1970.
const SECONDS_BEFORE_1970: i64 = 11_644_473_600;
const TICKS_OF_SECOND: i64 = 10_000_000;

/// What is kept of a file's attributes, and their letters.
const LETTERS: [(u32, char); 6] =
    [(READ_ONLY, 'r'), (HIDDEN, 'h'), (SYSTEM, 's'), (ARCHIVE, 'a'), (NOT_INDEXED, 'i'), (TEMPORARY, 't')];

/// What it is: `None` for sockets and for what stands for a program of the store. Links of all kinds count as symlinks. Other
/// reparse points (clouds, deduplication, compression) are ordinary files and folders behind a filter.
pub fn kind_of(attributes: u32, tag: u32) -> Option<Kind> {
    let tag = if attributes & REPARSE_POINT == 0 { 0 } else { tag };
    match tag {
        TAG_AF_UNIX | TAG_APP_EXEC_LINK => None,
        TAG_SYMLINK | TAG_MOUNT_POINT | TAG_LX_SYMLINK => Some(Kind::Symlink),
        _ if attributes & DIRECTORY != 0 => Some(Kind::Directory),
        _ => Some(Kind::File),
    }
}

/// The mode that other systems are told. On folders the attribute says that they look special, not that they are read-only.
pub fn mode_of(kind: Option<Kind>, attributes: u32) -> u32 {
    let mode = if attributes & READ_ONLY != 0 { 0o444 } else { 0o644 };
    kept_mode(kind, mode)
}

/// What is left of a mode here.
pub fn kept_mode(kind: Option<Kind>, mode: u32) -> u32 {
    match kind {
        Some(Kind::Directory) => 0o755,
        Some(Kind::Symlink) => 0o777,
        _ if mode & 0o222 == 0 => 0o444,
        _ => 0o644,
    }
}

/// Whether reading it would fetch it from somewhere else.
pub fn is_elsewhere(attributes: u32) -> bool {
    attributes & (OFFLINE | RECALL_ON_OPEN | RECALL_ON_DATA_ACCESS) != 0
}

/// The moment that many times 100 ns after 1601.
pub fn time_of(ticks: i64) -> Time {
    let (seconds, rest) = (ticks.div_euclid(TICKS_OF_SECOND), ticks.rem_euclid(TICKS_OF_SECOND));
    Time::new(seconds - SECONDS_BEFORE_1970, rest as u32 * 100)
}

/// The same the other way round; `None` before 1601 and after some 29,000 years.
pub fn ticks_of(time: Time) -> Option<i64> {
    let seconds = time.seconds.checked_add(SECONDS_BEFORE_1970).filter(|seconds| *seconds >= 0)?;
    seconds.checked_mul(TICKS_OF_SECOND)?.checked_add(i64::from(time.nanos / 100))
}

/// The letters of what is kept of these attributes; `None` when it is what a new file has.
pub fn letters_of(attributes: u32) -> Option<String> {
    let letters: String = LETTERS.iter().filter(|(bit, _)| attributes & bit != 0).map(|(_, letter)| *letter).collect();
    (!letters.is_empty() && letters != "a").then_some(letters)
}

/// These attributes with those for which there are letters as `letters` say.
pub fn with_letters(attributes: u32, letters: &[u8]) -> u32 {
    LETTERS.iter().fold(attributes, |attributes, (bit, letter)| {
        if letters.contains(&(*letter as u8)) { attributes | bit } else { attributes & !bit }
    })
}

/// Whether an extended attribute can be there as it was saved: drives round the moment when a file was made, each in its way,
/// rights may be set by administrators only, and a link may have become another.
pub fn may_compare_xattr(name: &[u8]) -> bool {
    name == ATTRIBUTES || streams::of_xattr(name).is_some() || ea::of_xattr(name).is_some()
}

/// Which kind of link has these attributes and this tag; `None` when it is not a link.
pub fn link_kind(attributes: u32, tag: u32) -> Option<LinkKind> {
    match (kind_of(attributes, tag)?, tag) {
        (Kind::Symlink, TAG_MOUNT_POINT) => Some(LinkKind::Junction),
        (Kind::Symlink, TAG_LX_SYMLINK) => Some(LinkKind::Wsl),
        (Kind::Symlink, _) if attributes & DIRECTORY != 0 => Some(LinkKind::Directory),
        (Kind::Symlink, _) => Some(LinkKind::File),
        _ => None,
    }
}

/// Whether a device that describes itself so (`STORAGE_DEVICE_DESCRIPTOR`) is known to be built in.
pub fn is_built_in(descriptor: &[u8]) -> bool {
    const REMOVABLE_MEDIUM: usize = 10;
    const BUS: usize = 28;
    // SCSI, ATA, RAID, SAS, SATA, storage spaces, NVMe; not USB, FireWire, cards, files and networks.
    const BUILT_IN: [u8; 7] = [1, 3, 8, 10, 11, 16, 17];
    let bus = descriptor.get(BUS..BUS + 4);
    descriptor.get(REMOVABLE_MEDIUM) == Some(&0)
        && bus.is_some_and(|bus| bus[1..] == [0; 3] && BUILT_IN.contains(&bus[0]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_a_reparse_point_is_depends_on_its_tag() {
        const CLOUD: u32 = 0x9000_001a;
        assert_eq!(kind_of(DIRECTORY | REPARSE_POINT, TAG_MOUNT_POINT), Some(Kind::Symlink));
        assert_eq!(kind_of(REPARSE_POINT, TAG_SYMLINK), Some(Kind::Symlink));
        assert_eq!(kind_of(REPARSE_POINT, TAG_LX_SYMLINK), Some(Kind::Symlink));
        assert_eq!(kind_of(REPARSE_POINT, CLOUD), Some(Kind::File));
        assert_eq!(kind_of(DIRECTORY | REPARSE_POINT, CLOUD), Some(Kind::Directory));
        assert_eq!(kind_of(REPARSE_POINT, TAG_AF_UNIX), None);
        assert_eq!(kind_of(REPARSE_POINT, TAG_APP_EXEC_LINK), None);
        assert_eq!(
            kind_of(ARCHIVE, TAG_SYMLINK),
            Some(Kind::File),
            "the field means something else without the attribute"
        );
    }

    #[test]
    fn modes_say_whether_a_file_may_be_written() {
        assert_eq!(mode_of(Some(Kind::File), READ_ONLY), 0o444);
        assert_eq!(mode_of(Some(Kind::File), HIDDEN), 0o644);
        assert_eq!(mode_of(Some(Kind::Directory), READ_ONLY | DIRECTORY), 0o755);
        assert_eq!(
            [0o4755, 0o600, 0o555, 0].map(|mode| kept_mode(Some(Kind::File), mode)),
            [0o644, 0o644, 0o444, 0o444]
        );
    }

    #[test]
    fn files_in_a_cloud_are_known_by_any_of_three_attributes() {
        assert!([0x1000, 0x4_0000, 0x40_0000].iter().all(|bit| is_elsewhere(ARCHIVE | bit)));
        assert!(!is_elsewhere(ARCHIVE | REPARSE_POINT | SPARSE));
    }

    #[test]
    fn times_go_there_and_back_as_far_as_windows_has_them() {
        for time in [Time::new(0, 0), Time::new(1_700_000_000, 123_456_700), Time::new(-11_644_473_600, 100)] {
            assert_eq!(ticks_of(time).map(time_of), Some(time));
        }
        assert_eq!(ticks_of(Time::new(0, 199)).map(time_of), Some(Time::new(0, 100)));
        for none in [-11_644_473_601, -62_135_596_800, i64::MIN, 9_223_372_036_854, i64::MAX] {
            assert_eq!(ticks_of(Time::new(none, 0)), None);
        }
        assert!(ticks_of(Time::new(253_402_300_799, 0)).is_some(), "the year 9999");
    }

    #[test]
    fn attributes_are_letters_and_back() {
        assert_eq!(letters_of(READ_ONLY | HIDDEN | SYSTEM | ARCHIVE).as_deref(), Some("rhsa"));
        assert_eq!([ARCHIVE, NORMAL, 0, COMPRESSED | ARCHIVE].map(letters_of), [None, None, None, None]);
        assert_eq!(
            with_letters(ARCHIVE | COMPRESSED | DIRECTORY, b"hi?"),
            COMPRESSED | DIRECTORY | HIDDEN | NOT_INDEXED
        );
        for letters in ["r", "hs", "rhsait", "t"] {
            assert_eq!(letters_of(with_letters(ARCHIVE, letters.as_bytes())).as_deref(), Some(letters));
        }
    }

    #[test]
    fn what_drives_round_and_what_other_systems_keep_is_not_compared() {
        assert!(may_compare_xattr(ATTRIBUTES) && !may_compare_xattr(CREATED) && !may_compare_xattr(b"user.note"));
        assert!(may_compare_xattr(b"windows.stream.x") && !may_compare_xattr(b"windows.security"));
    }

    #[test]
    fn links_are_told_apart_and_their_kinds_have_names() {
        assert_eq!(link_kind(REPARSE_POINT | DIRECTORY, TAG_MOUNT_POINT), Some(LinkKind::Junction));
        assert_eq!(link_kind(REPARSE_POINT | DIRECTORY, TAG_SYMLINK), Some(LinkKind::Directory));
        assert_eq!(link_kind(REPARSE_POINT, TAG_SYMLINK), Some(LinkKind::File));
        assert_eq!(link_kind(REPARSE_POINT, TAG_LX_SYMLINK), Some(LinkKind::Wsl));
        assert_eq!(
            [(0, TAG_SYMLINK), (REPARSE_POINT, 7)].map(|(attributes, tag)| link_kind(attributes, tag)),
            [None; 2]
        );
        for name in [&b"file"[..], b"dir", b"junction", b"wsl", b""] {
            assert_eq!(LinkKind::named(name).name(), name);
        }
        assert_eq!(LinkKind::named(b"hard"), LinkKind::Unknown);
    }

    #[test]
    fn a_device_is_built_in_when_its_bus_is_inside_and_its_medium_stays() {
        let descriptor = |bus: u8, removable: u8| {
            let mut bytes = [0; 40];
            (bytes[10], bytes[28]) = (removable, bus);
            bytes
        };
        assert!(is_built_in(&descriptor(17, 0)) && is_built_in(&descriptor(11, 0)));
        assert!(!is_built_in(&descriptor(7, 0)), "a disk on USB");
        assert!(!is_built_in(&descriptor(11, 1)), "a removable medium");
        assert!(!is_built_in(&descriptor(0, 0)) && !is_built_in(&[]) && !is_built_in(&[0; 30]));
    }
}
