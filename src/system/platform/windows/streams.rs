//! The streams of a file beside its content, as `FileStreamInfo` lists them. Pure: bytes in, names out.

use super::names;

/// What the extended attribute with the content of a stream begins with; its name follows.
pub const PREFIX: &[u8] = b"windows.stream.";

/// The longest name of a stream, in units of 16 bits.
const NAME_UNITS_MAX: usize = 255;

/// Where the fields of a record stand (`FILE_STREAM_INFO`).
const NAME_LENGTH: usize = 4;
const SIZE: usize = 8;
const NAME: usize = 24;

/// What ends the names of streams with data; the content itself has nothing before it but `:`.
const TYPE: &[u8] = b":$DATA";

/// A stream beside the content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream {
    /// Its name in WTF-8, without the colons around it.
    pub name: Vec<u8>,
    /// How long it is.
    pub bytes: u64,
}

/// The streams in a list that the system filled, but for the content itself and what is no data. Ends where a record is not
/// whole.
pub fn streams(list: &[u8]) -> Vec<Stream> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((next, stream)) = list.get(at..).and_then(record) {
        found.extend(stream);
        if next == 0 {
            break;
        }
        at += next;
    }
    found
}

/// Where the next record is, counted from this one, and the stream of this one, if it is one to be kept.
fn record(bytes: &[u8]) -> Option<(usize, Option<Stream>)> {
    let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize);
    let size = u64::from_le_bytes(*bytes.get(SIZE..)?.first_chunk()?);
    let name = bytes.get(NAME..)?.get(..number(NAME_LENGTH)?)?;
    let wide: Vec<u16> = name.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let name = names::bytes_of(&wide);
    let name = name.strip_prefix(b":").and_then(|name| name.strip_suffix(TYPE)).filter(|name| !name.is_empty());
    Some((number(0)?, name.map(|name| Stream { name: name.to_vec(), bytes: size })))
}

/// The name of the stream that an extended attribute is the content of; `None` when it is of none.
pub fn of_xattr(xattr: &[u8]) -> Option<&[u8]> {
    xattr.strip_prefix(PREFIX)
}

/// The name of a stream as the system's calls take it, relative to its file; `None` for what is not a name, as one that leads to
/// something else than a stream of data.
pub fn relative(name: &[u8]) -> Option<Vec<u16>> {
    let leads_elsewhere = name.iter().any(|byte| matches!(byte, b':' | b'/' | b'\\' | 0));
    let wide = names::wide_of(name).filter(|wide| !leads_elsewhere && (1..=NAME_UNITS_MAX).contains(&wide.len()))?;
    Some([&[u16::from(b':')][..], &wide, &names::wide_of(TYPE)?].concat())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn one(name: &str, bytes: u64, is_last: bool) -> Vec<u8> {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = if is_last { 0 } else { (NAME + wide.len()).next_multiple_of(8) };
        let head =
            [&(length as u32).to_le_bytes()[..], &(wide.len() as u32).to_le_bytes(), &bytes.to_le_bytes(), &[0; 8]];
        let mut record = [&head.concat()[..], &wide].concat();
        record.resize(record.len().next_multiple_of(8), 0);
        record
    }

    #[test]
    fn the_content_itself_and_what_is_no_data_is_left_out() {
        let list = [
            one("::$DATA", 700, false),
            one(":Zone.Identifier:$DATA", 26, false),
            one(":$I30:$INDEX_ALLOCATION", 4096, false),
            one(":größe:$DATA", 0, true),
            vec![0xff; 90],
        ];
        let stream = |name: &str, bytes| Stream { name: name.into(), bytes };
        assert_eq!(streams(&list.concat()), [stream("Zone.Identifier", 26), stream("größe", 0)]);
        assert_eq!(streams(&[]), []);
    }

    #[test]
    fn a_list_that_is_cut_off_ends_early() {
        let list = [one(":a:$DATA", 1, false), one(":b:$DATA", 1, true)].concat();
        assert_eq!((streams(&list).len(), streams(&list[..list.len() / 2 + 20]).len()), (2, 1));
    }

    #[test]
    fn names_that_are_no_streams_name_are_refused() {
        let wide: Vec<u16> = ":Zone.Identifier:$DATA".encode_utf16().collect();
        assert_eq!(relative(b"Zone.Identifier"), Some(wide));
        for bad in [&b""[..], b"a:b", b":$DATA", b"x:$INDEX_ALLOCATION", br"..\x", b"a/b", b"a\0", b"\xff"] {
            assert_eq!(relative(bad), None, "{}", bad.escape_ascii());
        }
        assert_eq!(relative(&[b'x'; 256]), None);
        assert_eq!(of_xattr(b"windows.stream.a.b"), Some(&b"a.b"[..]));
        assert_eq!(of_xattr(b"windows.created"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            prop_assert!(streams(&bytes).len() < 9);
        }
    }
}
