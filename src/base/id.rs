//! What identifies things: the archive, contents (BLAKE3), bundles and their numbers. Knows nothing of where they are kept.

use crate::base::time::Time;
use serde::Deserialize;
use serde::Serialize;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The BLAKE3 hash of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Stands for the hash of a lost content of which not even that is known; no bytes have it.
    pub const UNKNOWN: Hash = Hash([0; 32]);

    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(*blake3::hash(bytes).as_bytes())
    }

    /// Reads 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Hash> {
        from_hex(text).map(Hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hashes bytes that arrive in pieces.
#[derive(Clone, Default)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Hasher {
        Hasher::default()
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all bytes seen so far.
    pub fn hash(&self) -> Hash {
        Hash(*self.0.finalize().as_bytes())
    }
}

/// The archive's own number, 128 random bits, made by `init`; every bundle and index file carries it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ArchiveId(pub [u8; 16]);

impl ArchiveId {
    /// An id that no other archive has: hashed from values that differ from one call to the next.
    pub fn from_seed(seed: &[u8]) -> ArchiveId {
        let mut id = [0; 16];
        id.copy_from_slice(&Hash::of(seed).0[..16]);
        ArchiveId(id)
    }

    /// Reads 32 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<ArchiveId> {
        from_hex(text).map(ArchiveId)
    }
}

impl fmt::Display for ArchiveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for ArchiveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A snapshot's number: 1, 2, 3 …; it decides order, never the clock. 0 stands for "before the first", or "none".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotNumber(u32);

impl SnapshotNumber {
    /// Before the first snapshot, or none.
    pub const NONE: SnapshotNumber = SnapshotNumber(0);

    /// The first snapshot's.
    pub const FIRST: SnapshotNumber = SnapshotNumber(1);

    /// The last that fits a bundle's name.
    pub const MAX: SnapshotNumber = SnapshotNumber(999_999);

    /// As a plain number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether it can be that of a snapshot.
    pub fn is_valid(self) -> bool {
        (SnapshotNumber::FIRST..=SnapshotNumber::MAX).contains(&self)
    }

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> SnapshotNumber {
        SnapshotNumber(self.0.saturating_add(1))
    }

    /// The number before this one; [`SnapshotNumber::NONE`] has none and gives itself.
    #[must_use]
    pub const fn previous(self) -> SnapshotNumber {
        SnapshotNumber(self.0.saturating_sub(1))
    }
}

/// With a number as a person writes it.
impl PartialEq<u32> for SnapshotNumber {
    fn eq(&self, number: &u32) -> bool {
        self.0 == *number
    }
}

impl PartialOrd<u32> for SnapshotNumber {
    fn partial_cmp(&self, number: &u32) -> Option<Ordering> {
        self.0.partial_cmp(number)
    }
}

impl From<u32> for SnapshotNumber {
    fn from(number: u32) -> SnapshotNumber {
        SnapshotNumber(number)
    }
}

/// Reads decimal digits, and nothing else.
impl FromStr for SnapshotNumber {
    type Err = NoSnapshotNumber;

    fn from_str(text: &str) -> Result<SnapshotNumber, NoSnapshotNumber> {
        let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        number.map(SnapshotNumber).filter(|number| number.is_valid()).ok_or(NoSnapshotNumber)
    }
}

/// What was read is not a number from 1 to [`SnapshotNumber::MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoSnapshotNumber;

/// With width and fill as for any number.
impl fmt::Display for SnapshotNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for SnapshotNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The last part number that fits a bundle's name.
pub const PART_MAX: u16 = 9_999;

/// Which bundle: the snapshot's number and the part; part 0 is the last part, whose publication commits the snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct BundleId {
    /// The snapshot's number.
    pub number: SnapshotNumber,
    /// 1, 2, 3 … for earlier parts, 0 for the last.
    pub part: u16,
}

/// In the order of replay: by number, then earlier parts, then the last.
impl Ord for BundleId {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |id: &BundleId| (id.number, id.part.wrapping_sub(1));
        place(self).cmp(&place(other))
    }
}

impl PartialOrd for BundleId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As a manifest refers to it: `000042`, or `000042.0001` for an earlier part. A bundle's file name begins with the number.
impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            0 => write!(f, "{:06}", self.number),
            part => write!(f, "{:06}.{part:04}", self.number),
        }
    }
}

impl BundleId {
    /// The bundle with this part of this snapshot.
    pub const fn new(number: u32, part: u16) -> BundleId {
        BundleId { number: SnapshotNumber(number), part }
    }

    /// Reads what `Display` writes, and nothing else.
    pub fn parse(text: &str) -> Option<BundleId> {
        let (number, part) = text.split_at_checked(6)?;
        let part = if part.is_empty() { "0" } else { part.strip_prefix('.').filter(|part| part.len() == 4)? };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(part) || part == "0000" {
            return None;
        }
        Some(BundleId { number: number.parse().ok()?, part: part.parse().ok()? })
    }
}

/// A bundle's file name, `000042-20261122T235502Z.tar.zst` or with `.0001` for an earlier part.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BundleName {
    /// Which bundle it names.
    pub id: BundleId,
    text: String,
}

impl BundleName {
    /// The name of bundle `id` of a snapshot made at `time`; `None` when number, part or year has too many digits.
    pub fn new(id: BundleId, time: Time) -> Option<BundleName> {
        if !id.number.is_valid() || id.part > PART_MAX {
            return None;
        }
        let part = if id.part == 0 { String::new() } else { format!(".{:04}", id.part) };
        Some(BundleName { id, text: format!("{:06}-{}{part}.tar.zst", id.number, time.to_stamp()?) })
    }

    /// The name of another part of the same snapshot; `None` when there cannot be so many.
    pub fn with_part(&self, part: u16) -> Option<BundleName> {
        let id = BundleId { part, ..self.id };
        let part = if part == 0 { String::new() } else { format!(".{part:04}") };
        let text = format!("{}{part}.tar.zst", self.text.get(..23)?);
        (id.part <= PART_MAX).then_some(BundleName { id, text })
    }

    /// Reads a file name; `None` when it is not a bundle's.
    pub fn parse(text: &str) -> Option<BundleName> {
        let stem = text.strip_suffix(".tar.zst")?;
        let (number, rest) = stem.split_at_checked(6)?;
        let (stamp, part) = rest.strip_prefix('-')?.split_at_checked(16)?;
        let bytes = stamp.as_bytes();
        let stamp_ok = bytes.iter().enumerate().all(|(at, byte)| match at {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
        let id = BundleId::parse(&format!("{number}{part}")).filter(|_| stamp_ok)?;
        Some(BundleName { id, text: text.to_owned() })
    }

    /// The time that it says; `None` when there is no such day or time of day.
    pub fn time(&self) -> Option<Time> {
        let stamp = self.text.get(7..23)?;
        let at = |range: std::ops::Range<usize>| stamp.get(range).unwrap_or_default();
        let (date, time) = ((at(0..4), at(4..6), at(6..8)), (at(9..11), at(11..13), at(13..15)));
        Time::from_rfc3339(&format!("{}-{}-{}T{}:{}:{}Z", date.0, date.1, date.2, time.0, time.1, time.2))
    }

    /// The file name, without its directory.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for BundleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundle_names_are_read_as_written_and_sort_as_replayed() {
        let time = Time::from_rfc3339("2026-11-22T23:55:02Z").unwrap();
        let names: Vec<String> = [(41, 0), (42, 1), (42, 2), (42, 0), (43, 0)]
            .map(|(number, part)| BundleName::new(BundleId::new(number, part), time).unwrap())
            .map(|name| {
                assert_eq!(BundleName::parse(name.as_str()), Some(name.clone()));
                assert_eq!(BundleId::parse(&name.id.to_string()), Some(name.id));
                name.to_string()
            })
            .into();
        assert_eq!(names[1], "000042-20261122T235502Z.0001.tar.zst");
        assert_eq!(names[3], "000042-20261122T235502Z.tar.zst");
        assert!(names.is_sorted());
        let mut ids: Vec<_> = names.iter().rev().map(|name| BundleName::parse(name).unwrap().id).collect();
        ids.sort();
        assert_eq!(
            ids.iter().map(|id| (id.number.get(), id.part)).collect::<Vec<_>>(),
            [(41, 0), (42, 1), (42, 2), (42, 0), (43, 0)]
        );
    }

    #[test]
    fn foreign_names_are_no_bundles() {
        for bad in [
            "000042-20261122T235502Z.tar.gz",
            "000042-20261122T235502Z.0000.tar.zst",
            "000042-20261122T235502Z.1.tar.zst",
            "000000-20261122T235502Z.tar.zst",
            "42-20261122T235502Z.tar.zst",
            "000042-20261122t235502Z.tar.zst",
            "000042_20261122T235502Z.tar.zst",
            "é0042-20261122T235502Z.tar.zst",
            "._000042-20261122T235502Z.tar.zst",
            "",
        ] {
            assert_eq!(BundleName::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn references_have_one_form() {
        assert_eq!(BundleId::new(42, 0).to_string(), "000042");
        assert_eq!(BundleId::new(42, 7).to_string(), "000042.0007");
        for bad in [
            "",
            "42",
            "000000",
            "0000042",
            "000042.",
            "000042.0000",
            "000042.1",
            "000042.00001",
            "+00042",
            "000042-0001",
            "é0042",
        ] {
            assert_eq!(BundleId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn hashes_are_read_as_written() {
        let hash = Hash::of(b"abc");
        assert_eq!(Hash::from_hex(&hash.to_string()), Some(hash));
        assert_eq!(Hash::from_hex(&hash.to_string().to_uppercase()), None);
        assert_eq!(Hash::from_hex("ab"), None);
    }
}
