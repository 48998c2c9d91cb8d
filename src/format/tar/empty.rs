//! A file's member becomes that of an empty file, in place.

use super::BLOCK_BYTES;
use super::OCTAL_SIZE_MAX;
use super::padding;
use super::read::checked_size;
use crate::base::error::Error;
use crate::base::error::Result;
use tar::Header;

/// The header that `tar` ends with becomes that of an empty file; all else that it says stays. It must be that of a file of
/// `size` bytes. At `members_from` begins a member that is no later one.
///
/// # Errors
/// [`crate::base::error::ErrorKind::Damaged`] when it is another header.
pub fn make_empty(tar: &mut [u8], members_from: usize, size: u64) -> Result<()> {
    let other = || Error::damaged("where a content begins, no header of a file of that size ends");
    let start = tar.len().checked_sub(BLOCK_BYTES).ok_or_else(other)?;
    let mut header = header_at(tar, start).ok_or_else(other)?;
    let is_file = matches!(header.as_old().linkflag[0], b'0' | 0);
    if !is_file || checked_size(&header)? != size {
        return Err(other());
    }
    if size > OCTAL_SIZE_MAX {
        let digits = size_record(tar, members_from, start).ok_or_else(other)?;
        tar[digits].fill(b'0');
    }
    header.set_size(0);
    header.set_cksum();
    tar[start..].copy_from_slice(header.as_bytes());
    Ok(())
}

fn header_at(tar: &[u8], at: usize) -> Option<Header> {
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(tar.get(at..at + BLOCK_BYTES)?);
    Some(header)
}

/// Where the digits of the pax record `size` of the header at `start` stand.
fn size_record(tar: &[u8], members_from: usize, start: usize) -> Option<std::ops::Range<usize>> {
    let (mut at, mut found) = (members_from, None);
    while at < start {
        let header = header_at(tar, at)?;
        let size = checked_size(&header).ok()?;
        let body = at + BLOCK_BYTES..at.checked_add(BLOCK_BYTES)?.checked_add(usize::try_from(size).ok()?)?;
        match header.as_old().linkflag[0] {
            b'x' => found = size_digits(tar, body.clone()),
            b'L' | b'K' => {}
            _ => found = None,
        }
        at = body.end.checked_add(padding(size))?;
    }
    found.filter(|_| at == start)
}

/// The same, in the records of one header.
fn size_digits(tar: &[u8], body: std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
    let mut at = body.start;
    while at < body.end {
        let rest = tar.get(at..body.end)?;
        let blank = rest.iter().take(20).position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&rest[..blank]).ok()?.parse().ok()?;
        let record = rest.get(blank + 1..length)?;
        if let Some(value) = record.strip_prefix(b"size=") {
            let digits = value.strip_suffix(b"\n")?.len();
            let end = at + length - 1;
            return Some(end - digits..end);
        }
        at += length;
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Body;
    use super::super::append_header;
    use super::super::read_entry;
    use super::*;
    use crate::base::entry::Entry;
    use crate::base::time::Time;

    fn entry(size: u64) -> Entry {
        let mut entry = Entry { xattrs: vec![(b"user.x".to_vec(), b"9 size=1\n".to_vec())], ..Entry::default() };
        (entry.stat.mode, entry.stat.size, entry.stat.mtime) = (0o4755, size, Time::new(-7, 5));
        entry
    }

    #[test]
    fn all_but_the_size_stays() {
        for size in [1, OCTAL_SIZE_MAX, OCTAL_SIZE_MAX + 1, 1 << 40] {
            let (mut tar, long) = (Vec::new(), [b"home/".as_slice(), "é".repeat(150).as_bytes()].concat());
            append_header(&mut tar, b"before", &entry(3), Body::Itself);
            tar.resize(tar.len() + BLOCK_BYTES, 0);
            let from = tar.len();
            append_header(&mut tar, &long, &entry(size), Body::Itself);
            let before = tar.clone();
            let due = read_entry(&mut &before[from..]).unwrap().unwrap();
            for members_from in [0, from] {
                let mut tar = before.clone();
                make_empty(&mut tar, members_from, size).unwrap();
                assert_eq!((tar.len(), &tar[..from]), (before.len(), &before[..from]));
                let mut told = read_entry(&mut &tar[from..]).unwrap().unwrap();
                assert_eq!((told.member.size, told.entry.stat.size), (0, 0), "{size}");
                (told.member.size, told.entry.stat.size) = (size, size);
                assert_eq!((&told.entry, &told.member.path), (&due.entry, &due.member.path));
            }
        }
    }

    #[test]
    fn what_is_no_file_of_that_size_is_left() {
        let mut tar = Vec::new();
        append_header(&mut tar, b"a", &entry(7), Body::Itself);
        for (mut bad, size) in [
            (tar.clone(), 8),
            (tar[..tar.len() - 1].to_vec(), 7),
            (Vec::new(), 7),
            ([&tar[..], &[0; BLOCK_BYTES]].concat(), 7),
            ([&tar[..tar.len() - 1], b"x"].concat(), 7),
        ] {
            assert!(make_empty(&mut bad, 0, size).is_err_and(|error| error.is_damage()));
        }
        let mut link = Vec::new();
        append_header(&mut link, b"b", &entry(0), Body::LinkTo(b"a"));
        assert!(make_empty(&mut link, 0, 0).is_err());
        // A record whose length leaves out its end.
        let (mut large, size) = (Vec::new(), OCTAL_SIZE_MAX + 1);
        append_header(&mut large, b"c", &entry(size), Body::Itself);
        let at = large.windows(6).position(|part| part == b" size=").unwrap();
        large[at - 2..at].copy_from_slice(b"08");
        assert!(make_empty(&mut large, 0, size).is_err_and(|error| error.is_damage()));
    }
}
