//! Headers of members read, with suspicion: as little as finds the next member, or all that they say of an entry.

use super::BLOCK_BYTES;
use super::COPY;
use super::padding;
use crate::base::entry::Device;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Owner;
use crate::base::entry::Stat;
use crate::base::entry::XATTRS_BYTES_MAX;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::path::PATH_BYTES_MAX;
use crate::base::time::Time;
use std::io::Read;
use tar::Header;

/// The most bytes of pax records before one member that are read; values that nobody asks for are passed over.
const EXTENSION_BYTES_MAX: u64 = 1 << 30;

/// The longest name, target or number before a member that is read.
const VALUE_BYTES_MAX: u64 = 16 << 20;

/// The longest list of the names in a directory that is read.
const LISTING_BYTES_MAX: u64 = 64 << 20;

/// What an extended attribute takes in memory beside its name and value, at least.
const XATTR_BYTES_MIN: usize = 16;

/// What a reader learns of a member from its headers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Member {
    /// The name as it stands in the tar, unchecked; a directory's ends in `/`.
    pub path: Vec<u8>,
    /// The type flag, `0` for a file, `1` for a second name, `5` for a directory.
    pub flag: u8,
    /// Where a symlink or second name points to.
    pub target: Vec<u8>,
    /// Length in bytes of the content that follows.
    pub size: u64,
    /// Length in bytes of all the headers of this member.
    pub header_bytes: u64,
}

/// A member with all that its headers say of the entry.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TarEntry {
    /// Name, type and size.
    pub member: Member,
    /// The entry, without content; its mtime in whole seconds as a rule. Of a second name what stands beside its name, as of a
    /// file.
    pub entry: Entry,
    /// The value of a directory's `GNU.dumpdir`, unchecked; `None` when it has none.
    pub listing: Option<Vec<u8>>,
    /// Whether it is a second name for tar only, and a file of its own.
    pub is_copy: bool,
}

/// Reads the headers of the next member; `None` at the end-of-archive blocks. The content is left to the caller.
///
/// # Errors
/// [`crate::base::error::ErrorKind::Damaged`] when the bytes are no such headers or end too early.
pub fn read_header(input: &mut dyn Read) -> Result<Option<Member>> {
    Ok(read_headers(input, Detail::Member)?.map(|(member, ..)| member))
}

/// As [`read_header`], with all that the headers say.
///
/// # Errors
/// As for [`read_header`]; also when they say what cannot be.
pub fn read_entry(input: &mut dyn Read) -> Result<Option<TarEntry>> {
    let Some((member, header, extras)) = read_headers(input, Detail::Everything)? else { return Ok(None) };
    let Extras { uid, gid, mtime, mut xattrs, listing, is_copy, .. } = extras;
    let number = |record: Option<u32>, field: std::io::Result<u64>, what: &str| {
        record.or_else(|| u32::try_from(field.ok()?).ok()).ok_or_else(|| bad(what))
    };
    let seconds = || header.mtime().ok().and_then(|seconds| i64::try_from(seconds).ok());
    let kind = match member.flag {
        b'0' | b'1' => Kind::File,
        b'2' => Kind::Symlink,
        b'3' => Kind::CharDevice,
        b'4' => Kind::BlockDevice,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        _ => return Err(bad("type")),
    };
    let mtime = mtime.or_else(|| Some(Time::new(seconds()?, 0))).ok_or_else(|| bad("time"))?;
    let stat = Stat {
        kind,
        mode: header.mode().map_err(|_| bad("mode"))? & 0o7777,
        uid: number(uid, header.uid(), "owner")?,
        gid: number(gid, header.gid(), "group")?,
        size: if kind == Kind::File { member.size } else { 0 },
        mtime,
        device: if kind.is_device() { device(&header).ok_or_else(|| bad("device"))? } else { Device::default() },
        ..Stat::default()
    };
    xattrs.sort();
    xattrs.dedup_by(|a, b| a.0 == b.0);
    let text = |bytes: Option<&[u8]>| std::str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default().into();
    let owner = Owner { user: text(header.username_bytes()), group: text(header.groupname_bytes()) };
    let target = if kind == Kind::Symlink { member.target.clone() } else { Vec::new() };
    if kind == Kind::Symlink && (target.is_empty() || target.contains(&0) || target.len() > PATH_BYTES_MAX) {
        return Err(bad("target"));
    }
    let entry = Entry { stat, owner, xattrs, target, content: None };
    let is_copy = is_copy && member.flag == b'1';
    Ok(Some(TarEntry { member, entry, listing, is_copy }))
}

fn device(header: &Header) -> Option<Device> {
    let (major, minor) = (header.device_major().ok()??, header.device_minor().ok()??);
    Some(Device { major, minor })
}

/// How much of the headers is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    Member,
    Everything,
}

/// What stands in pax records beside a member's name, target and size.
#[derive(Default)]
struct Extras {
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<Time>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    xattr_bytes: usize,
    listing: Option<Vec<u8>>,
    is_copy: bool,
}

fn read_headers(input: &mut dyn Read, ask: Detail) -> Result<Option<(Member, Header, Extras)>> {
    let (mut member, mut extras) = (Member::default(), Extras::default());
    let (mut long_name, mut long_target, mut size) = (None, None, None);
    loop {
        let mut header = Header::new_old();
        read_block(input, header.as_mut_bytes())?;
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let announced = checked_size(&header)?;
        member.header_bytes += BLOCK_BYTES as u64;
        let flag = header.as_old().linkflag[0];
        if !matches!(flag, b'x' | b'g' | b'L' | b'K') {
            member.flag = if flag == 0 { b'0' } else { flag };
            member.path = long_name.unwrap_or_else(|| header.path_bytes().into_owned());
            member.target = long_target.unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned());
            member.size = size.unwrap_or(announced);
            if size.is_some_and(|size| size != announced) {
                return Err(Error::damaged("a tar header gives two different sizes"));
            }
            return Ok(Some((member, header, extras)));
        }
        if member.header_bytes.saturating_add(announced) > EXTENSION_BYTES_MAX {
            return Err(Error::damaged("a tar header is followed by too many records"));
        }
        member.header_bytes += announced + padding(announced) as u64;
        match flag {
            b'L' => long_name = Some(until_nul(read_value(input, announced, VALUE_BYTES_MAX)?)),
            b'K' => long_target = Some(until_nul(read_value(input, announced, VALUE_BYTES_MAX)?)),
            _ => {
                let mut records = PaxRecords { input: &mut *input, left: announced, ask };
                while let Some((key, value)) = records.next()? {
                    match key {
                        PaxKey::Path => long_name = Some(value),
                        PaxKey::LinkPath => long_target = Some(value),
                        PaxKey::Size => size = Some(decimal(&value)?),
                        key => extras.add(key, value)?,
                    }
                }
            }
        }
        read_block(input, &mut [0; BLOCK_BYTES][..padding(announced)])?;
    }
}

impl Extras {
    fn add(&mut self, key: PaxKey, value: Vec<u8>) -> Result<()> {
        let id = |value: &[u8]| u32::try_from(decimal(value)?).map_err(|_| bad("owner"));
        match key {
            PaxKey::Uid => self.uid = Some(id(&value)?),
            PaxKey::Gid => self.gid = Some(id(&value)?),
            PaxKey::Mtime => {
                let time = std::str::from_utf8(&value).ok().and_then(Time::parse);
                self.mtime = Some(time.ok_or_else(|| bad("time"))?);
            }
            PaxKey::Xattr(name) => {
                self.xattr_bytes += (name.len() + value.len()).max(XATTR_BYTES_MIN);
                self.xattrs.push((name, value));
                if self.xattr_bytes > XATTRS_BYTES_MAX {
                    return Err(Error::damaged("a tar header has more extended attributes than an entry can have"));
                }
            }
            PaxKey::Listing => self.listing = Some(value),
            PaxKey::Comment => self.is_copy = value == COPY,
            PaxKey::Path | PaxKey::LinkPath | PaxKey::Size => {}
        }
        Ok(())
    }
}

fn read_block(input: &mut dyn Read, block: &mut [u8]) -> Result<()> {
    input.read_exact(block).map_err(|_| Error::damaged("the tar ends too early"))
}

fn bad(what: &str) -> Error {
    Error::damaged(format!("a tar header's {what} is wrong"))
}

pub(super) fn checked_size(header: &Header) -> Result<u64> {
    let sum = header.as_bytes().iter().enumerate().map(|(at, byte)| match at {
        148..156 => u32::from(b' '),
        _ => u32::from(*byte),
    });
    if header.cksum().ok() != Some(sum.sum()) {
        return Err(bad("checksum"));
    }
    header.entry_size().map_err(|_| bad("size"))
}

fn read_value(input: &mut dyn Read, size: u64, bytes_max: u64) -> Result<Vec<u8>> {
    if size > bytes_max {
        return Err(Error::damaged("a name or list before a tar header is too long"));
    }
    let mut value = Vec::new();
    // Grows with what is there, not with what is announced.
    let read = input.take(size).read_to_end(&mut value);
    if read.is_ok_and(|read| read as u64 == size) { Ok(value) } else { Err(Error::damaged("the tar ends too early")) }
}

fn until_nul(mut body: Vec<u8>) -> Vec<u8> {
    let end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
    body.truncate(end);
    body
}

/// The records that a reader asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
enum PaxKey {
    Path,
    LinkPath,
    Size,
    Uid,
    Gid,
    Mtime,
    Xattr(Vec<u8>),
    Listing,
    Comment,
}

impl PaxKey {
    fn of(key: &[u8], ask: Detail) -> Option<PaxKey> {
        match key {
            b"path" => Some(PaxKey::Path),
            b"linkpath" => Some(PaxKey::LinkPath),
            b"size" => Some(PaxKey::Size),
            _ if ask == Detail::Member => None,
            b"uid" => Some(PaxKey::Uid),
            b"gid" => Some(PaxKey::Gid),
            b"mtime" => Some(PaxKey::Mtime),
            b"GNU.dumpdir" => Some(PaxKey::Listing),
            b"comment" => Some(PaxKey::Comment),
            key => key.strip_prefix(b"SCHILY.xattr.").map(|name| PaxKey::Xattr(name.to_vec())),
        }
    }

    fn bytes_max(&self) -> u64 {
        match self {
            PaxKey::Listing => LISTING_BYTES_MAX,
            PaxKey::Xattr(_) => XATTRS_BYTES_MAX as u64,
            _ => VALUE_BYTES_MAX,
        }
    }
}

/// Walks pax records by their lengths, so that a value with newlines forges nothing; holds one value at most.
struct PaxRecords<'a> {
    input: &'a mut dyn Read,
    left: u64,
    ask: Detail,
}

impl PaxRecords<'_> {
    /// The next record that is asked for.
    fn next(&mut self) -> Result<Option<(PaxKey, Vec<u8>)>> {
        const KEY_BYTES_MAX: usize = 64 << 10;
        while self.left > 0 {
            let (begun, bad) = (self.left, || Error::damaged("a pax record is not as it must be"));
            let digits = self.until(b' ', 11)?;
            let after = decimal(&digits)?.checked_sub(begun - self.left).ok_or_else(bad)?;
            let after = self.left.checked_sub(after).ok_or_else(bad)?;
            let key = self.until(b'=', KEY_BYTES_MAX)?;
            let length = self.left.checked_sub(after).and_then(|length| length.checked_sub(1)).ok_or_else(bad)?;
            let key = PaxKey::of(&key, self.ask);
            let mut value = Vec::new();
            match &key {
                Some(key) => value = read_value(self.input, length, key.bytes_max())?,
                None => skip(self.input, length)?,
            }
            self.left -= length;
            if self.byte()? != b'\n' {
                return Err(bad());
            }
            if let Some(key) = key {
                return Ok(Some((key, value)));
            }
        }
        Ok(None)
    }

    /// The bytes before the next `end`, which is passed.
    fn until(&mut self, end: u8, length_max: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            match self.byte()? {
                byte if byte == end => return Ok(bytes),
                _ if bytes.len() == length_max => {
                    return Err(Error::damaged("a pax record is not as it must be"));
                }
                byte => bytes.push(byte),
            }
        }
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.left = self.left.checked_sub(1).ok_or_else(|| Error::damaged("a pax record is not as it must be"))?;
        read_block(self.input, &mut byte)?;
        Ok(byte[0])
    }
}

fn skip(input: &mut dyn Read, length: u64) -> Result<()> {
    let skipped = std::io::copy(&mut input.take(length), &mut std::io::sink());
    if skipped.is_ok_and(|skipped| skipped == length) { Ok(()) } else { Err(Error::damaged("the tar ends too early")) }
}

fn decimal(digits: &[u8]) -> Result<u64> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Error::damaged("a number in a pax record is wrong"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::format::tar::Body;
    use crate::format::tar::DumpDir;
    use crate::format::tar::Records;
    use crate::format::tar::append_header;
    use crate::format::tar::listed;
    use proptest::prelude::*;

    #[test]
    fn record_lengths_count_their_own_digits() {
        for length in 0..1200 {
            let mut records = Records::default();
            records.add("k", &vec![b'v'; length]);
            records.add("path", &vec![b'v'; length]);
            records.add("size", b"7");
            let expected = [(PaxKey::Path, vec![b'v'; length]), (PaxKey::Size, b"7".to_vec())];
            assert_eq!(pax_records(&records.0).unwrap(), expected);
        }
    }

    fn names() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            proptest::collection::vec(any::<u8>(), 1..40),
            "[a-zé ]{1,120}".prop_map(String::into_bytes),
            proptest::collection::vec(Just(b'x'), 90..200),
        ];
        let part = part.prop_filter("a name", |part| crate::base::path::is_name(part));
        proptest::collection::vec(part, 1..8).prop_map(|parts| parts.join(&b'/'))
    }

    fn xattrs() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
        let name = "(user|trusted|security)\\.[a-zA-Zé0-9. ]{0,20}".prop_map(String::into_bytes);
        let value = proptest::collection::vec(any::<u8>(), 0..300);
        proptest::collection::btree_map(name, value, 0..4).prop_map(|map| map.into_iter().collect())
    }

    fn entries() -> impl Strategy<Value = Entry> {
        let numbers = (0..=0o7777_u32, any::<u32>(), any::<u32>(), any::<i64>(), any::<u64>());
        let device = (0..0o777_7777_u32, 0..0o777_7777_u32).prop_map(|(major, minor)| Device { major, minor });
        let owner = ("[a-zé]{0,15}", "[a-z]{0,31}");
        (0..Kind::ALL.len(), numbers, device, owner, xattrs(), names()).prop_map(
            |(kind, (mode, uid, gid, seconds, size), device, owner, xattrs, target)| {
                let kind = Kind::ALL[kind];
                let stat = Stat {
                    kind,
                    mode,
                    uid: uid >> (uid % 32),
                    gid: gid >> (gid % 32),
                    size: if kind == Kind::File { size >> (size % 60) } else { 0 },
                    mtime: Time::new(seconds >> (seconds.unsigned_abs() % 60), 0),
                    device: if kind.is_device() { device } else { Device::default() },
                    ..Stat::default()
                };
                let target = if kind == Kind::Symlink { target } else { Vec::new() };
                Entry {
                    stat,
                    owner: Owner { user: owner.0.into(), group: owner.1.into() },
                    xattrs,
                    target,
                    content: None,
                }
            },
        )
    }

    fn read_back(bytes: &[u8]) -> TarEntry {
        let told = read_entry(&mut &*bytes).unwrap().unwrap();
        assert_eq!(read_header(&mut &*bytes).unwrap().unwrap(), told.member);
        assert_eq!(told.member.header_bytes, bytes.len() as u64);
        told
    }

    proptest! {
        #[test]
        fn every_header_that_is_written_gives_back_the_entry(path in names(), entry in entries()) {
            let mut bytes = Vec::new();
            append_header(&mut bytes, &path, &entry, Body::Itself);
            let told = read_back(&bytes);
            let slash: &[u8] = if entry.stat.kind == Kind::Directory { b"/" } else { b"" };
            prop_assert_eq!(told.member.path, [path.as_slice(), slash].concat());
            prop_assert_eq!((told.entry, told.listing), (entry, None));
        }

        #[test]
        fn a_second_name_gives_back_its_first_and_what_stands_beside_it(path in names(), first in names(), entry in entries()) {
            let mut bytes = Vec::new();
            append_header(&mut bytes, &path, &entry, Body::LinkTo(&first));
            let told = read_back(&bytes);
            prop_assert_eq!((told.member.flag, told.member.path, told.member.target), (b'1', path, first));
            let stat = Stat { kind: Kind::File, size: 0, device: Device::default(), ..entry.stat };
            prop_assert_eq!(told.entry, Entry { stat, owner: entry.owner, ..Entry::default() });
        }

        #[test]
        fn a_list_of_names_gives_back_every_name(names in proptest::collection::btree_map("[a-zé\n]{1,200}", 0..3_usize, 0..50)) {
            let mut listing = DumpDir::default();
            for (name, letter) in &names {
                match letter {
                    0 => listing.directory(name.as_bytes()),
                    1 => listing.stored(name.as_bytes()),
                    _ => listing.unchanged(name.as_bytes()),
                }
            }
            let listing = listing.into_bytes();
            let mut bytes = Vec::new();
            let entry = Entry { stat: Stat { kind: Kind::Directory, ..Stat::default() }, ..Entry::default() };
            append_header(&mut bytes, b"d", &entry, Body::Listing(&listing));
            let told = read_back(&bytes).listing.unwrap();
            let found: Vec<_> = listed(&told).unwrap().map(|(letter, name)| (name.to_vec(), letter)).collect();
            let wanted: Vec<_> = names.into_iter().map(|(name, letter)| (name.into_bytes(), b"DYN"[letter])).collect();
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn any_bytes_behind_a_sound_checksum_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), BLOCK_BYTES..4 * BLOCK_BYTES), flag in 0..12_usize) {
            bytes[156] = b"01234567xgLK"[flag];
            let mut header = Header::new_old();
            header.as_mut_bytes().copy_from_slice(&bytes[..BLOCK_BYTES]);
            header.set_size(700);
            header.set_cksum();
            bytes[..BLOCK_BYTES].copy_from_slice(header.as_bytes());
            if let Ok(Some(told)) = read_entry(&mut bytes.as_slice()) {
                prop_assert_eq!(read_header(&mut bytes.as_slice()).unwrap(), Some(told.member));
            }
        }
    }

    #[test]
    fn a_list_of_names_that_no_writer_makes_means_nothing() {
        for sound in [&b"\0"[..], b"Da\0\0", b"Da\0Yb\0Nc\0\0"] {
            assert!(listed(sound).is_some(), "{sound:?}");
        }
        let bad: [&[u8]; 9] =
            [b"", b"\0\0", b"Da", b"Da\0", b"Da\0\0\0", b"Ya\0Ya\0\0", b"Yb\0Ya\0\0", b"Ra\0Tb\0\0", b"Y../a\0\0"];
        for bad in bad {
            assert!(listed(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_header_with_more_than_an_entry_can_have_is_refused() {
        let large = |count: usize, bytes: usize| Entry {
            xattrs: (0..count).map(|number| (format!("user.{number}").into_bytes(), vec![0; bytes])).collect(),
            ..Entry::default()
        };
        for (entry, is_sound) in [(large(15, 64 << 10), true), (large(17, 64 << 10), false), (large(70_000, 0), false)]
        {
            let mut bytes = Vec::new();
            append_header(&mut bytes, b"a", &entry, Body::Itself);
            assert_eq!(read_entry(&mut bytes.as_slice()).is_ok(), is_sound);
            assert!(read_header(&mut bytes.as_slice()).is_ok());
        }
        let mut link = Entry::default();
        link.stat.kind = Kind::Symlink;
        let mut bytes = Vec::new();
        append_header(&mut bytes, b"a", &link, Body::Itself);
        assert!(read_entry(&mut bytes.as_slice()).is_err(), "a symlink to nowhere");
    }

    fn pax_records(bytes: &[u8]) -> Result<Vec<(PaxKey, Vec<u8>)>> {
        let mut records = PaxRecords { input: &mut &*bytes, left: bytes.len() as u64, ask: Detail::Member };
        std::iter::from_fn(|| records.next().transpose()).collect()
    }

    #[test]
    fn a_newline_in_a_value_forges_no_record() {
        let mut records = Records::default();
        records.add("comment", b"x\n16 path=../../x\n");
        records.add("path", b"a\n20 linkpath=/etc/x\n");
        let expected = [(PaxKey::Path, b"a\n20 linkpath=/etc/x\n".to_vec())];
        assert_eq!(pax_records(&records.0).unwrap(), expected);
    }

    /// Counts what is asked of it at once.
    struct Endless(u64);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 = self.0.max(buffer.len() as u64);
            buffer.fill(b'x');
            Ok(buffer.len())
        }
    }

    #[test]
    fn values_that_nobody_asks_for_are_passed_over_and_others_have_a_limit() {
        let mut endless = Endless(0);
        let records = |head: &str| (head.as_bytes().to_vec(), 900_000_000 - head.len() as u64);
        let (head, left) = records("899999999 GNU.dumpdir=");
        let mut input = head.as_slice().chain(&mut endless);
        assert!(PaxRecords { input: &mut input, left: left + head.len() as u64, ask: Detail::Member }.next().is_err());
        assert!(endless.0 < 1 << 20, "{} bytes at once", endless.0);
        let (head, left) = records("899999999 path=");
        let mut input = head.as_slice().chain(&mut endless);
        assert!(PaxRecords { input: &mut input, left: left + head.len() as u64, ask: Detail::Member }.next().is_err());
    }

    #[test]
    fn records_of_several_headers_before_one_member_have_a_limit_together() {
        let mut header = Header::new_ustar();
        header.set_entry_type(tar::EntryType::XHeader);
        header.set_size(EXTENSION_BYTES_MAX - (2 * BLOCK_BYTES) as u64);
        header.set_cksum();
        let small = [0; BLOCK_BYTES];
        let mut first = Header::new_ustar();
        first.set_entry_type(tar::EntryType::new(b'L'));
        first.set_size(BLOCK_BYTES as u64);
        first.set_cksum();
        let bytes = [&first.as_bytes()[..], &small, header.as_bytes()].concat();
        let error = read_header(&mut bytes.as_slice()).unwrap_err().to_string();
        assert!(error.contains("too many records"), "{error}");
    }

    #[test]
    fn damaged_headers_are_errors() {
        let mut bytes = Vec::new();
        append_header(&mut bytes, b"a", &Entry::default(), Body::Itself);
        bytes[0] ^= 1;
        assert!(read_header(&mut bytes.as_slice()).is_err());
        assert!(read_header(&mut &bytes[..100]).is_err());
        for bad in ["9 a=b\n", "6 a=b\nx", "6 a=bc", "99999999999 a=b\n", "5 ab\n", "-6 a=b\n", "0 a=b\n", "1 a=b\n"] {
            assert!(pax_records(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
