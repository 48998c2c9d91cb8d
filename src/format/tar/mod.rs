//! One tar member's headers, written so that every stock reader takes them without a word, and read with suspicion.
//! Knows nothing of frames and bundles.
//!
//! POSIX pax (IEEE 1003.1-2017, "pax"), with GNU's `L`/`K` entries for long names that are no UTF-8 (bsdtar fails on such a
//! name in a pax record) and GNU tar's `GNU.dumpdir` record, by which `tar -g /dev/null -x` deletes.

mod read;

pub use self::read::Member;
pub use self::read::Told;
pub use self::read::listed;
pub use self::read::read_entry;
pub use self::read::read_header;

use crate::base::entry::Entry;
use crate::base::entry::Kind;
use tar::EntryType;
use tar::Header;

/// The size of a header and the unit to which contents are filled up, in bytes.
pub const BLOCK_BYTES: usize = 512;

/// What stands after the last member: two blocks of zeros.
pub const END_BYTES: usize = 2 * BLOCK_BYTES;

/// The largest number in the octal fields for user and group.
const OCTAL_ID_MAX: u32 = 0o777_7777;

/// The largest number in the octal field for the modification time.
const OCTAL_TIME_MAX: i64 = 0o777_7777_7777;

/// The largest size in the octal field; above it the field is binary and a pax record is added.
const OCTAL_SIZE_MAX: u64 = 0o777_7777_7777;

/// How a member appears in the tar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body<'a> {
    /// As what the entry is; a file with its content after the header.
    Itself,
    /// A directory with all names that are in it, as GNU tar notes them.
    Listing(&'a [u8]),
    /// As a second name of the member with this path.
    LinkTo(&'a [u8]),
}

/// Bytes of zeros that fill a content of `size` bytes up to a whole block.
pub fn padding(size: u64) -> usize {
    (size.wrapping_neg() % BLOCK_BYTES as u64) as usize
}

/// About how many bytes a member takes, content included, before anything is known but this.
pub fn estimated_bytes(path_length: usize, size: u64) -> u64 {
    let extension = if path_length > 100 { 2 * BLOCK_BYTES as u64 } else { 0 };
    BLOCK_BYTES as u64 + extension + size.saturating_add(padding(size) as u64)
}

/// Appends a member's headers to `out`. For a file as itself its content and `padding` have to follow.
pub fn append_header(out: &mut Vec<u8>, path: &[u8], entry: &Entry, body: Body) {
    let stat = &entry.stat;
    let (kind, target, size) = match body {
        Body::LinkTo(target) => (EntryType::Link, target, 0),
        Body::Itself | Body::Listing(_) => (entry_type(stat.kind), entry.target.as_slice(), stat.size),
    };
    let mut header = Header::new_ustar();
    let mut records = Records::default();
    header.set_entry_type(kind);
    header.set_mode(stat.mode);
    header.set_uid(u64::from(records.id("uid", stat.uid)));
    header.set_gid(u64::from(records.id("gid", stat.gid)));
    header.set_size(size);
    if size > OCTAL_SIZE_MAX {
        records.add("size", size.to_string().as_bytes());
    }
    if !(0..=OCTAL_TIME_MAX).contains(&stat.mtime.seconds) {
        records.add("mtime", stat.mtime.to_string().as_bytes());
    }
    header.set_mtime(stat.mtime.seconds.clamp(0, OCTAL_TIME_MAX) as u64);
    set_owner_names(&mut header, entry);
    if stat.kind.is_device() && kind != EntryType::Link {
        set_device(&mut header, stat.device);
    }
    let full_name = if kind == EntryType::Directory { [path, b"/"].concat() } else { path.to_vec() };
    set_name(out, &mut header, &mut records, &full_name);
    set_target(out, &mut header, &mut records, target);
    if kind != EntryType::Link {
        for (name, value) in &entry.xattrs {
            records.xattr(name, value);
        }
    }
    if let Body::Listing(names) = body {
        records.add("GNU.dumpdir", names);
    }
    records.append_to(out, path);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
}

/// Appends the header of a plain file that is no entry of a source, as the manifest.
pub fn append_plain_file_header(out: &mut Vec<u8>, name: &str, size: u64, mtime_seconds: i64) {
    let mut entry = Entry::default();
    entry.stat.mode = 0o644;
    entry.stat.size = size;
    entry.stat.mtime.seconds = mtime_seconds;
    append_header(out, name.as_bytes(), &entry, Body::Itself);
}

/// The names in a directory as GNU tar's `GNU.dumpdir` lists them: a letter, the name and a NUL for each, then a NUL.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DumpDir(Vec<u8>);

impl DumpDir {
    /// Adds a directory (`D`).
    pub fn directory(&mut self, name: &[u8]) {
        self.add(b'D', name);
    }

    /// Adds anything else, which may be in this bundle (`Y`).
    pub fn stored(&mut self, name: &[u8]) {
        self.add(b'Y', name);
    }

    /// Adds anything else, which is as it was (`N`).
    pub fn unchanged(&mut self, name: &[u8]) {
        self.add(b'N', name);
    }

    /// The record's value.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.0.push(0);
        self.0
    }

    fn add(&mut self, letter: u8, name: &[u8]) {
        self.0.push(letter);
        self.0.extend_from_slice(name);
        self.0.push(0);
    }
}

fn entry_type(kind: Kind) -> EntryType {
    match kind {
        Kind::Directory => EntryType::Directory,
        Kind::File => EntryType::Regular,
        Kind::Symlink => EntryType::Symlink,
        Kind::Fifo => EntryType::Fifo,
        Kind::CharDevice => EntryType::Char,
        Kind::BlockDevice => EntryType::Block,
    }
}

fn set_owner_names(header: &mut Header, entry: &Entry) {
    // A name that does not fit is left out: the number stands beside it, and the manifest has it whole.
    let _ = header.set_username(fitting(&entry.owner.user));
    let _ = header.set_groupname(fitting(&entry.owner.group));
}

fn fitting(name: &str) -> &str {
    const NAME_BYTES_MAX: usize = 31;
    if name.len() > NAME_BYTES_MAX { "" } else { name }
}

fn set_device(header: &mut Header, device: u64) {
    const OCTAL_DEVICE_MAX: u32 = 0o777_7777;
    let (major, minor) = ((device >> 32) as u32, device as u32);
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.set_device_major(major.min(OCTAL_DEVICE_MAX));
        ustar.set_device_minor(minor.min(OCTAL_DEVICE_MAX));
    }
}

/// Puts the name where it fits: the name field, prefix and name, a pax record, or a GNU `L` entry if it is no UTF-8.
fn set_name(out: &mut Vec<u8>, header: &mut Header, records: &mut Records, name: &[u8]) {
    const NAME: usize = 100;
    const PREFIX: usize = 155;
    if name.len() <= NAME {
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        return;
    }
    // The slash in the middle is left out; the part after it must not be empty.
    let split =
        (name.len() - NAME - 1..name.len() - 1).find(|at| name[*at] == b'/').filter(|at| (1..=PREFIX).contains(at));
    if let Some(at) = split
        && let Some(ustar) = header.as_ustar_mut()
    {
        ustar.prefix[..at].copy_from_slice(&name[..at]);
        ustar.name[..name.len() - at - 1].copy_from_slice(&name[at + 1..]);
        return;
    }
    if std::str::from_utf8(name).is_ok() {
        records.add("path", name);
    } else {
        append_gnu_long(out, b'L', name);
    }
    header.as_old_mut().name.copy_from_slice(&name[..NAME]);
}

fn set_target(out: &mut Vec<u8>, header: &mut Header, records: &mut Records, target: &[u8]) {
    const TARGET: usize = 100;
    if target.len() > TARGET {
        if std::str::from_utf8(target).is_ok() {
            records.add("linkpath", target);
        } else {
            append_gnu_long(out, b'K', target);
        }
    }
    let length = target.len().min(TARGET);
    header.as_old_mut().linkname[..length].copy_from_slice(&target[..length]);
}

fn append_gnu_long(out: &mut Vec<u8>, letter: u8, text: &[u8]) {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..13].copy_from_slice(b"././@LongLink");
    header.set_entry_type(EntryType::new(letter));
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(text.len() as u64 + 1);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(text);
    out.push(0);
    pad(out, text.len() as u64 + 1);
}

/// Appends the zeros that fill a content of `size` bytes up to a whole block.
pub fn pad(out: &mut Vec<u8>, size: u64) {
    out.resize(out.len() + padding(size), 0);
}

/// The pax records of one member.
#[derive(Default)]
struct Records(Vec<u8>);

impl Records {
    fn add(&mut self, key: &str, value: &[u8]) {
        // The length counts its own digits.
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length.to_string().len() + rest != length {
            length += 1;
        }
        self.0.extend_from_slice(format!("{length} {key}=").as_bytes());
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    /// The number itself if the header's field can hold it; else 0, and a record.
    fn id(&mut self, key: &str, id: u32) -> u32 {
        if id <= OCTAL_ID_MAX {
            return id;
        }
        self.add(key, id.to_string().as_bytes());
        0
    }

    /// An extended attribute as star, GNU tar and bsdtar write it. ACLs (`system.…`) mean something else to some readers, and
    /// names with `=` or `%` are read differently: these are in the manifest only.
    fn xattr(&mut self, name: &[u8], value: &[u8]) {
        let Ok(name) = std::str::from_utf8(name) else { return };
        if !name.starts_with("system.") && !name.contains(['=', '%', '\n']) {
            self.add(&format!("SCHILY.xattr.{name}"), value);
        }
    }

    fn append_to(&self, out: &mut Vec<u8>, path: &[u8]) {
        if self.0.is_empty() {
            return;
        }
        let mut header = Header::new_ustar();
        // The name is for readers that know no pax; it says whose records these are.
        let (_, name) = crate::base::path::split_last(path);
        let label = [b"PaxHeaders/", &name[..name.len().min(80)]].concat();
        header.as_old_mut().name[..label.len()].copy_from_slice(&label);
        header.set_entry_type(EntryType::XHeader);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(self.0.len() as u64);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(&self.0);
        pad(out, self.0.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::time::Time;

    fn round_trip(path: &[u8], entry: &Entry, body: Body) -> Member {
        let mut bytes = Vec::new();
        append_header(&mut bytes, path, entry, body);
        assert_eq!(bytes.len() % BLOCK_BYTES, 0);
        let member = read_header(&mut bytes.as_slice()).unwrap().unwrap();
        assert_eq!(member.header_bytes, bytes.len() as u64);
        member
    }

    fn symlink(target: &[u8]) -> Entry {
        let mut entry = Entry { target: target.to_vec(), ..Entry::default() };
        entry.stat.kind = Kind::Symlink;
        entry
    }

    #[test]
    fn names_of_every_length_and_encoding_are_read_as_written() {
        for part in [&b"a"[..], b"0123456789", b"\xff\xfe", "é".as_bytes(), b"a\nb"] {
            for count in [1, 3, 20, 40, 90, 300] {
                let path = vec![part; count].join(&b'/');
                assert_eq!(round_trip(&path, &Entry::default(), Body::Itself).path, path);
                let flat = part.repeat(count);
                assert_eq!(round_trip(&flat, &Entry::default(), Body::Itself).path, flat);
                assert_eq!(round_trip(b"l", &symlink(&path), Body::Itself).target, path);
                assert_eq!(round_trip(b"l", &Entry::default(), Body::LinkTo(&path)).target, path);
            }
        }
    }

    #[test]
    fn a_name_of_256_bytes_splits_exactly_into_prefix_and_name() {
        let path = [vec![b'p'; 155], vec![b'n'; 100]].join(&b'/');
        let mut bytes = Vec::new();
        append_header(&mut bytes, &path, &Entry::default(), Body::Itself);
        assert_eq!(bytes.len(), BLOCK_BYTES);
        assert_eq!(round_trip(&path, &Entry::default(), Body::Itself).path, path);
    }

    #[test]
    fn extreme_numbers_are_read_as_written() {
        let mut entry = Entry::default();
        entry.stat.size = 1 << 40;
        entry.stat.uid = u32::MAX;
        entry.stat.mtime = Time::new(-5, 1);
        assert_eq!(round_trip(b"a", &entry, Body::Itself).size, 1 << 40);
    }

    #[test]
    fn a_value_with_newlines_forges_no_record() {
        let entry = Entry { xattrs: vec![(b"user.x".into(), b"\n20 path=/etc/passwd\n".into())], ..Entry::default() };
        assert_eq!(round_trip(b"a", &entry, Body::Itself).path, b"a");
    }
}
