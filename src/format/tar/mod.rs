//! One tar member's headers, written so that every stock reader takes them without a word, and read with suspicion.
//! Knows nothing of frames and bundles.
//!
//! POSIX pax (IEEE 1003.1-2017, "pax"), with GNU's `L`/`K` entries for long names that are no UTF-8 (bsdtar fails on such a
//! name in a pax record) and GNU tar's `GNU.dumpdir` record, by which `tar -g /dev/null -x` deletes.

mod lists;
mod read;

mod empty;

pub use self::empty::make_empty;
pub use self::lists::DumpDir;
pub use self::lists::LIST_BYTES_MAX;
pub use self::lists::MovesList;
pub use self::lists::Renames;
pub use self::lists::deletions;
pub use self::lists::listed;
pub use self::lists::moves_in;
pub use self::lists::moving;
pub use self::lists::renamed;
pub use self::lists::renamed_away;
pub use self::read::Member;
pub use self::read::TarEntry;
pub use self::read::read_entry;
pub use self::read::read_header;

use crate::base::entry::Device;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use tar::EntryType;
use tar::Header;

/// The size of a header and the unit to which contents are filled up, in bytes.
pub const BLOCK_BYTES: usize = 512;

/// What stands after the last member: two blocks of zeros.
pub const END_BYTES: usize = 2 * BLOCK_BYTES;

/// The length of the field for a name, and of the one for a target.
const NAME_BYTES: usize = 100;

/// The length of the field for what stands before a name.
const PREFIX_BYTES: usize = 155;

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
    /// As a second name of what is at this path, which is another file with the same content.
    CopyOf(&'a [u8]),
    /// As what the entry is, but a file without content, and with the nanoseconds of its time.
    Metadata,
}

/// What the pax record `comment` of a member says that is a second name for tar, and a file of its own.
const COPY: &[u8] = b"copy";

/// Bytes of zeros that fill a content of `size` bytes up to a whole block.
pub fn padding(size: u64) -> usize {
    (size.wrapping_neg() % BLOCK_BYTES as u64) as usize
}

/// About how many bytes a member takes, content included, before anything is known but its path, its target and its size.
pub fn estimated_bytes(names: &[&[u8]], size: u64) -> u64 {
    let is_short = names.iter().map(|name| name.len()).sum::<usize>() <= NAME_BYTES;
    let is_plain = is_short && names.iter().all(|name| name.is_ascii());
    let extension = if is_plain { 0 } else { 2 * BLOCK_BYTES as u64 };
    BLOCK_BYTES as u64 + extension + size.saturating_add(padding(size) as u64)
}

/// Appends a member's headers to `out`. For a file as itself its content and `padding` have to follow.
pub fn append_header(out: &mut Vec<u8>, path: &[u8], entry: &Entry, body: Body) {
    let stat = &entry.stat;
    let (kind, target, size) = match body {
        Body::LinkTo(target) | Body::CopyOf(target) => (EntryType::Link, target, 0),
        Body::Metadata => (entry_type(stat.kind), entry.target.as_slice(), 0),
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
    let is_exact = body == Body::Metadata && stat.mtime.nanos != 0;
    if is_exact || !(0..=OCTAL_TIME_MAX).contains(&stat.mtime.seconds) {
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
    match body {
        Body::Listing(names) => records.add("GNU.dumpdir", names),
        Body::CopyOf(_) => records.add("comment", COPY),
        _ => {}
    }
    records.append_to(out, path);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
}

/// Appends the header of a plain file that is not an entry of a source, as the manifest.
pub fn append_plain_file_header(out: &mut Vec<u8>, name: &str, size: u64, mtime_seconds: i64) {
    let mut entry = Entry::default();
    entry.stat.mode = 0o644;
    entry.stat.size = size;
    entry.stat.mtime.seconds = mtime_seconds;
    append_header(out, name.as_bytes(), &entry, Body::Itself);
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

fn set_device(header: &mut Header, device: Device) {
    const OCTAL_DEVICE_MAX: u32 = 0o777_7777;
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.set_device_major(device.major.min(OCTAL_DEVICE_MAX));
        ustar.set_device_minor(device.minor.min(OCTAL_DEVICE_MAX));
    }
}

/// Puts the name where it fits: the name field, or prefix and name. One that does not fit, and one that is UTF-8 but not ASCII,
/// has a pax record too, or a GNU `L` entry if it is no UTF-8: Windows' own tar takes the fields for text in the code page of
/// the system, and the record for UTF-8.
fn set_name(out: &mut Vec<u8>, header: &mut Header, records: &mut Records, name: &[u8]) {
    let split = if name.len() <= NAME_BYTES { None } else { place_to_split(name) };
    let rest = split.map_or(name, |at| &name[at + 1..]);
    if let (Some(at), Some(ustar)) = (split, header.as_ustar_mut()) {
        ustar.prefix[..at].copy_from_slice(&name[..at]);
    }
    let length = rest.len().min(NAME_BYTES);
    header.as_old_mut().name[..length].copy_from_slice(&rest[..length]);
    set_beside(out, records, name, &Beside { is_whole: rest.len() <= NAME_BYTES, key: "path", letter: b'L' });
}

/// The first slash that leaves what follows it for the name field and what stands before it for the prefix. It is itself in
/// neither; a directory's last one is none of these.
fn place_to_split(name: &[u8]) -> Option<usize> {
    let mut places = name.len() - NAME_BYTES - 1..name.len() - 1;
    places.find(|at| name[*at] == b'/').filter(|at| (1..=PREFIX_BYTES).contains(at))
}

fn set_target(out: &mut Vec<u8>, header: &mut Header, records: &mut Records, target: &[u8]) {
    let length = target.len().min(NAME_BYTES);
    header.as_old_mut().linkname[..length].copy_from_slice(&target[..length]);
    set_beside(out, records, target, &Beside { is_whole: length == target.len(), key: "linkpath", letter: b'K' });
}

/// Where a name or target stands when its field is not enough.
struct Beside {
    /// Whether all of it is in the fields of the header.
    is_whole: bool,
    /// The key of a pax record.
    key: &'static str,
    /// The type of a GNU entry.
    letter: u8,
}

fn set_beside(out: &mut Vec<u8>, records: &mut Records, text: &[u8], beside: &Beside) {
    let is_utf8 = std::str::from_utf8(text).is_ok();
    if is_utf8 && !(beside.is_whole && text.is_ascii()) {
        records.add(beside.key, text);
    } else if !beside.is_whole {
        append_gnu_long(out, beside.letter, text);
    }
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

    /// An extended attribute as star, GNU tar and bsdtar write it. ACLs (`system.…`) mean something else to some readers, what
    /// Windows keeps (`windows.…`) is nothing to other systems and makes its own tar fail, and names with `=` or `%` are read
    /// differently: these are in the manifest only.
    fn xattr(&mut self, name: &[u8], value: &[u8]) {
        let Ok(name) = std::str::from_utf8(name) else { return };
        let is_of_a_system = name.starts_with("system.") || name.starts_with("windows.");
        if !is_of_a_system && !name.contains(['=', '%', '\n']) {
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
    fn names_beyond_ascii_have_a_record_and_are_in_the_fields_as_far_as_they_fit() {
        let long = ["é".repeat(60), "n".repeat(90)].join("/");
        for (path, field) in [("Füße", "Füße"), ("日/本", "日/本"), (&long, &long[121..])] {
            let mut bytes = Vec::new();
            append_header(&mut bytes, path.as_bytes(), &symlink("→".as_bytes()), Body::Itself);
            let text = String::from_utf8_lossy(&bytes);
            assert!(text.contains(&format!(" path={path}\n")) && text.contains(" linkpath=→\n"), "{text}");
            assert!(bytes[2 * BLOCK_BYTES..].starts_with(field.as_bytes()) && bytes.len() == 3 * BLOCK_BYTES);
        }
        for (path, target) in [(&b"Fusse"[..], &b"t"[..]), (b"F\xfc\xdfe", b"\xfc")] {
            let mut bytes = Vec::new();
            append_header(&mut bytes, path, &symlink(target), Body::Itself);
            assert_eq!(bytes.len(), BLOCK_BYTES, "{}", path.escape_ascii());
        }
    }

    #[test]
    fn what_one_system_keeps_is_not_in_the_tar() {
        for name in ["system.posix_acl_access", "windows.attributes", "windows.stream.x"] {
            let entry = Entry { xattrs: vec![(name.into(), b"r".into())], ..Entry::default() };
            let mut bytes = Vec::new();
            append_header(&mut bytes, b"a", &entry, Body::Itself);
            assert_eq!(bytes.len(), BLOCK_BYTES, "{name}");
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
