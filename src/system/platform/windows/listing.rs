//! The records of a directory's listing, as `FileIdBothDirectoryInfo` gives hundreds of them at once. Pure: bytes in, facts out.

use super::facts;
use super::names;
use crate::base::entry::Device;
use crate::system::platform::facts::RawStat;

/// Where the fields of a record stand (`FILE_ID_BOTH_DIR_INFO`).
const LAST_WRITE: usize = 24;
const CHANGE: usize = 32;
const SIZE: usize = 40;
const ALLOCATED: usize = 48;
const ATTRIBUTES: usize = 56;
const NAME_LENGTH: usize = 60;
/// Of a reparse point its tag, else the length of something else.
const TAG: usize = 64;
const ID: usize = 96;
const NAME: usize = 104;

/// One entry of a listing. Its number of names is not known, nor its file system: that of the directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The name in WTF-8.
    pub name: Vec<u8>,
    /// What else is told of it.
    pub stat: RawStat,
}

/// The records in a buffer that the system filled, but for `.` and `..`. Ends where a record is not whole.
pub fn records(buffer: &[u8]) -> impl Iterator<Item = Record> + '_ {
    let mut at = Some(0);
    let all = std::iter::from_fn(move || {
        let bytes = buffer.get(at?..)?;
        let next = number(bytes, 0)? as usize;
        at = if next == 0 { None } else { Some(at? + next) };
        record(bytes)
    });
    all.filter(|record| !matches!(record.name.as_slice(), b"." | b".."))
}

fn record(bytes: &[u8]) -> Option<Record> {
    let (attributes, tag) = (number(bytes, ATTRIBUTES)?, number(bytes, TAG)?);
    let name = bytes.get(NAME..)?.get(..number(bytes, NAME_LENGTH)? as usize)?;
    let wide: Vec<u16> = name.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let kind = facts::kind_of(attributes, tag);
    let stat = RawStat {
        kind,
        mode: facts::mode_of(kind, attributes),
        uid: 0,
        gid: 0,
        size: large(bytes, SIZE)?,
        allocated_bytes: large(bytes, ALLOCATED)?,
        mtime: facts::time_of(large(bytes, LAST_WRITE)? as i64),
        ctime: facts::time_of(large(bytes, CHANGE)? as i64),
        inode: large(bytes, ID)?,
        links: 1,
        file_system: 0,
        mount: 0,
        device: Device::default(),
        is_remote: facts::is_elsewhere(attributes),
    };
    Some(Record { name: names::bytes_of(&wide), stat })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn large(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entry::Kind;
    use crate::base::time::Time;

    fn one(name: &str, attributes: u32, size: u64, is_last: bool) -> Vec<u8> {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut bytes = vec![0; NAME];
        bytes.extend_from_slice(&wide);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let mut set = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        set(LAST_WRITE, &116_444_736_000_000_000_i64.to_le_bytes());
        set(SIZE, &size.to_le_bytes());
        set(ATTRIBUTES, &attributes.to_le_bytes());
        set(NAME_LENGTH, &(wide.len() as u32).to_le_bytes());
        set(ID, &77_u64.to_le_bytes());
        let next = if is_last { 0 } else { bytes.len() as u32 };
        bytes[..4].copy_from_slice(&next.to_le_bytes());
        bytes
    }

    #[test]
    fn records_are_read_one_after_the_other() {
        let buffer = [
            one(".", facts::DIRECTORY, 0, false),
            one("Füße", facts::DIRECTORY, 0, false),
            one("a", facts::READ_ONLY, 5 << 32, true),
            vec![0xff; 300],
        ];
        let found: Vec<Record> = records(&buffer.concat()).collect();
        let names: Vec<&[u8]> = found.iter().map(|record| record.name.as_slice()).collect();
        assert_eq!(names, ["Füße".as_bytes(), b"a"]);
        assert_eq!((found[0].stat.kind, found[0].stat.mode), (Some(Kind::Directory), 0o755));
        assert_eq!((found[1].stat.size, found[1].stat.mode, found[1].stat.inode), (5 << 32, 0o444, 77));
        assert_eq!(found[1].stat.mtime, Time::new(0, 0));
    }

    #[test]
    fn a_listing_that_is_cut_off_ends_early() {
        let buffer = [one("a", 0, 1, false), one("b", 0, 1, true)].concat();
        for end in 0..buffer.len() {
            assert!(records(&buffer[..end]).count() < 2 || end >= buffer.len() - 6, "{end}");
        }
        assert_eq!(records(&buffer).count(), 2);
        let endless = [&u32::MAX.to_le_bytes()[..], &[0; 200]].concat();
        assert_eq!(records(&endless).count(), 1);
    }
}
