//! Names: bytes are WTF-8 (UTF-8 with lone halves of surrogate pairs as three bytes each), Windows' own names are UTF-16 in which
//! halves may stand alone. Pure.

use std::io;

/// The bytes of a name of the system.
pub fn bytes_of(wide: &[u16]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(wide.len() + wide.len() / 2);
    for unit in char::decode_utf16(wide.iter().copied()) {
        match unit {
            Ok(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let unit = lone.unpaired_surrogate();
                bytes.extend([0xe0 | (unit >> 12) as u8, 0x80 | (unit >> 6 & 0x3f) as u8, 0x80 | (unit & 0x3f) as u8]);
            }
        }
    }
    bytes
}

/// The system's text with these bytes; `None` when they are no WTF-8.
pub fn wide_of(bytes: &[u8]) -> Option<Vec<u16>> {
    let mut wide: Vec<u16> = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        if let [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, after @ ..] = rest {
            let unit = 0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
            // Two halves that belong together would have been one character.
            if unit >= 0xdc00 && wide.last().is_some_and(|last| (0xd800..0xdc00).contains(last)) {
                return None;
            }
            wide.push(unit);
            rest = after;
            continue;
        }
        let is_half = |pair: &[u8]| pair[0] == 0xed && pair[1] >= 0xa0;
        let (plain, after) = rest.split_at(rest.windows(2).position(is_half).unwrap_or(rest.len()));
        if plain.is_empty() {
            return None;
        }
        wide.extend(std::str::from_utf8(plain).ok()?.encode_utf16());
        rest = after;
    }
    Some(wide)
}

/// A path below a directory (parts joined by `/`) as the system's calls take it, with `\`.
///
/// # Errors
/// [`io::ErrorKind::InvalidFilename`] when it is no WTF-8, or holds what would lead somewhere else: `\`, `:` (a stream or a drive)
/// or NUL.
pub fn relative(path: &[u8]) -> io::Result<Vec<u16>> {
    let leads_elsewhere = path.iter().any(|byte| matches!(byte, b'\\' | b':' | 0));
    let wide = if leads_elsewhere { None } else { wide_of(path) };
    let mut wide = wide.ok_or(io::ErrorKind::InvalidFilename)?;
    for unit in &mut wide {
        if *unit == u16::from(b'/') {
            *unit = u16::from(b'\\');
        }
    }
    Ok(wide)
}

/// A path without the prefix by which Windows takes it as it stands (`\\?\`), as people write it; `None` when it has none.
pub fn without_prefix(path: &str) -> Option<String> {
    let rest = path.strip_prefix(r"\\?\")?;
    if let Some(share) = rest.strip_prefix(r"UNC\") {
        return Some(format!(r"\\{share}"));
    }
    let is_drive = matches!(rest.as_bytes(), [letter, b':', b'\\', ..] if letter.is_ascii_alphabetic());
    is_drive.then(|| rest.to_owned())
}

/// How the volume is opened that a path with that prefix is on; `None` for one that is no drive of this computer.
pub fn device_of(path: &str) -> Option<String> {
    let volume = path.strip_prefix(r"\\?\")?.split('\\').next()?;
    let is_letter = matches!(volume.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic());
    (is_letter || volume.starts_with("Volume{")).then(|| format!(r"\\.\{volume}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_name_of_the_system_goes_there_and_back(wide in prop::collection::vec(any::<u16>(), 0..40)) {
            prop_assert_eq!(wide_of(&bytes_of(&wide)), Some(wide));
        }

        #[test]
        fn halves_of_pairs_go_there_and_back(wide in prop::collection::vec(0xd700_u16..0xe100, 0..9)) {
            prop_assert_eq!(wide_of(&bytes_of(&wide)), Some(wide));
        }

        #[test]
        fn what_is_taken_is_what_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            prop_assert!(wide_of(&bytes).is_none_or(|wide| bytes_of(&wide) == bytes));
        }

        #[test]
        fn text_is_itself(text in ".*") {
            prop_assert_eq!(bytes_of(&text.encode_utf16().collect::<Vec<_>>()), text.as_bytes());
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for bad in
            [&br"a\..\..\x"[..], b"C:x", b"x:stream", br"\\?\C:\x", b"a\0", b"a\xff", b"\xed\xa0\xbd\xed\xb8\x80"]
        {
            assert_eq!(relative(bad).unwrap_err().kind(), io::ErrorKind::InvalidFilename, "{}", bad.escape_ascii());
        }
        assert_eq!(relative("ä/b".as_bytes()).unwrap(), [0xe4, 0x5c, 0x62]);
        assert!(relative(b"").unwrap().is_empty());
    }

    #[test]
    fn a_volume_is_opened_by_its_letter_or_by_its_own_name() {
        assert_eq!(device_of(r"\\?\E:\backup").as_deref(), Some(r"\\.\E:"));
        assert_eq!(device_of(r"\\?\Volume{26a21bda}\").as_deref(), Some(r"\\.\Volume{26a21bda}"));
        for other in [r"\\?\UNC\nas\share", r"C:\x", r"\\?\GLOBALROOT\Device", r"\\?\", ""] {
            assert_eq!(device_of(other), None, "{other}");
        }
    }

    #[test]
    fn paths_are_shown_as_people_write_them() {
        assert_eq!(without_prefix(r"\\?\C:\Users\me").as_deref(), Some(r"C:\Users\me"));
        assert_eq!(without_prefix(r"\\?\UNC\nas\share\x").as_deref(), Some(r"\\nas\share\x"));
        for kept in [r"C:\Users", r"\\nas\share", r"\\?\Volume{1}\x", r"\\.\C:", "/home", ""] {
            assert_eq!(without_prefix(kept), None, "{kept}");
        }
    }
}
