//! What stands in a reparse point that is a link, and how one is made (`REPARSE_DATA_BUFFER`). Pure.

use super::facts::TAG_LX_SYMLINK;
use super::facts::TAG_MOUNT_POINT;
use super::facts::TAG_SYMLINK;
use super::names;

/// The largest reparse point that there is, in bytes.
pub const REPARSE_BYTES_MAX: usize = 16 << 10;

/// What stands before the names in a symlink's buffer and in a junction's.
const SYMLINK_HEAD: usize = 20;
const JUNCTION_HEAD: usize = 16;

/// Of a symlink: the target is not from the top of a drive.
const RELATIVE: u32 = 1;

/// Where a link with this reparse data leads, with `/` between the parts; `None` when it is not a link that is known here.
pub fn target_of(data: &[u8]) -> Option<Vec<u8>> {
    let tag = u32::from_le_bytes(*data.first_chunk()?);
    let head = match tag {
        TAG_SYMLINK => SYMLINK_HEAD,
        TAG_MOUNT_POINT => JUNCTION_HEAD,
        // Of Windows' Linux: a number, then the target as Linux has it.
        TAG_LX_SYMLINK => return data.get(12..).filter(|target| !target.is_empty()).map(<[u8]>::to_vec),
        _ => return None,
    };
    let number = |at: usize| Some(usize::from(u16::from_le_bytes(*data.get(at..)?.first_chunk()?)));
    let text = data.get(head + number(8)?..)?.get(..number(10)?)?;
    let wide: Vec<u16> = text.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let target = names::bytes_of(&wide).into_iter().map(|byte| if byte == b'\\' { b'/' } else { byte });
    let target: Vec<u8> = target.collect();
    let plain = match target.strip_prefix(b"/??/UNC/") {
        Some(share) => [b"//", share].concat(),
        None => target.strip_prefix(b"/??/").unwrap_or(&target).to_vec(),
    };
    (!plain.is_empty()).then_some(plain)
}

/// The reparse data of a symlink that leads to `target`; `None` when that cannot be a target here.
pub fn symlink(target: &[u8]) -> Option<Vec<u8>> {
    let (shown, real, is_absolute) = both(target)?;
    let flags = if is_absolute { 0 } else { RELATIVE };
    data(TAG_SYMLINK, &flags.to_le_bytes(), &[real, shown])
}

/// The reparse data of a junction that leads to `target`, which must begin with a drive's letter; `None` when it does not.
pub fn junction(target: &[u8]) -> Option<Vec<u8>> {
    let (shown, real, _) = both(target).filter(|(.., is_absolute)| *is_absolute)?;
    let end = |name: Vec<u16>| [name, vec![0]].concat();
    data(TAG_MOUNT_POINT, &[], &[end(real), end(shown)])
}

/// The reparse data of a link of Windows' Linux that leads to `target`; `None` when that cannot be a target.
pub fn wsl(target: &[u8]) -> Option<Vec<u8>> {
    const VERSION: u32 = 2;
    let rest = [&VERSION.to_le_bytes()[..], target].concat();
    let length = u16::try_from(rest.len()).ok().filter(|length| usize::from(*length) + 8 <= REPARSE_BYTES_MAX)?;
    let is_target = !target.is_empty() && !target.contains(&0);
    is_target.then(|| [&TAG_LX_SYMLINK.to_le_bytes()[..], &length.to_le_bytes(), &[0; 2], &rest].concat())
}

/// A target as people see it and as the kernel takes it, and whether it begins with a drive's letter.
fn both(target: &[u8]) -> Option<(Vec<u16>, Vec<u16>, bool)> {
    let mut shown = names::wide_of(target).filter(|wide| !wide.is_empty() && !wide.contains(&0))?;
    shown.iter_mut().filter(|unit| **unit == u16::from(b'/')).for_each(|unit| *unit = u16::from(b'\\'));
    let is_absolute = matches!(target, [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    let prefix = if is_absolute { r"\??\" } else { "" };
    let real = prefix.encode_utf16().chain(shown.iter().copied()).collect();
    Some((shown, real, is_absolute))
}

/// A buffer with two names, of which a NUL at the end is not counted.
fn data(tag: u32, flags: &[u8], names: &[Vec<u16>; 2]) -> Option<Vec<u8>> {
    let bytes = |name: &Vec<u16>| -> Vec<u8> { name.iter().flat_map(|unit| unit.to_le_bytes()).collect() };
    let counted = |name: &Vec<u16>| 2 * (name.len() - usize::from(name.last() == Some(&0)));
    let (real, shown) = (bytes(&names[0]), bytes(&names[1]));
    let places = [0, counted(&names[0]), real.len(), counted(&names[1])];
    let mut rest = Vec::with_capacity(16 + real.len() + shown.len());
    for place in places {
        rest.extend(u16::try_from(place).ok()?.to_le_bytes());
    }
    rest.extend([flags, &real, &shown].concat());
    let length = u16::try_from(rest.len()).ok().filter(|length| usize::from(*length) + 8 <= REPARSE_BYTES_MAX)?;
    Some([&tag.to_le_bytes()[..], &length.to_le_bytes(), &[0; 2], &rest].concat())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn links_lead_where_they_were_made_to_lead() {
        for target in ["docs/a.txt", "../up", "C:/Users/All Users", "/rooted", "ä/→", "x"] {
            assert_eq!(target_of(&symlink(target.as_bytes()).unwrap()).as_deref(), Some(target.as_bytes()));
        }
        assert_eq!(target_of(&junction(b"D:/data").unwrap()).unwrap(), b"D:/data");
        assert_eq!(junction(b"data"), None, "a junction's target is absolute");
        assert_eq!(symlink(b"a\0b"), None);
        assert_eq!(symlink(&b"x".repeat(20_000)), None);
    }

    #[test]
    fn a_junction_that_windows_made_is_read() {
        // What `mklink /J x C:\a` writes.
        let real: Vec<u8> = r"\??\C:\a".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let shown: Vec<u8> = r"C:\a".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut bytes = vec![0x03, 0, 0, 0xa0, 36, 0, 0, 0, 0, 0, 16, 0, 18, 0, 8, 0];
        bytes.extend([&real[..], &[0, 0], &shown, &[0, 0]].concat());
        assert_eq!(target_of(&bytes).unwrap(), b"C:/a");
        assert_eq!(junction(b"C:/a").unwrap(), bytes);
    }

    #[test]
    fn links_of_windows_linux_and_of_networks_are_read_and_clouds_are_none() {
        let linux = [&TAG_LX_SYMLINK.to_le_bytes()[..], &[8, 0, 0, 0, 2, 0, 0, 0], b"/usr"].concat();
        assert_eq!(target_of(&linux).unwrap(), b"/usr");
        assert_eq!(wsl(b"/usr"), Some(linux));
        assert_eq!([wsl(b""), wsl(b"a\0b"), wsl(&b"x".repeat(20_000))], [None, None, None]);
        let share = data(TAG_SYMLINK, &[0; 4], &[r"\??\UNC\nas\s".encode_utf16().collect(), vec![]]).unwrap();
        assert_eq!(target_of(&share).unwrap(), b"//nas/s");
        let cloud = [&0x9000_001a_u32.to_le_bytes()[..], &[0; 60]].concat();
        assert_eq!(target_of(&cloud), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(head in 0..4_usize, bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let tags = [TAG_SYMLINK, TAG_MOUNT_POINT, TAG_LX_SYMLINK, 7];
            let all = [&tags[head].to_le_bytes()[..], &bytes].concat();
            prop_assert!(target_of(&all).is_none_or(|target| !target.is_empty()));
        }
    }
}
