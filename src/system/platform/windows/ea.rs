//! The extended attributes that NTFS itself keeps of a file (EAs), as `FILE_FULL_EA_INFORMATION` lists them: WSL has owners and
//! modes there. Pure: bytes in, names and values out, and back.

/// What the name of an extended attribute with an EA begins with; its name follows.
pub const PREFIX: &[u8] = b"windows.ea.";

/// What the names of those begin with that only the system itself may set.
const OF_SYSTEM: &[u8] = b"$KERNEL.";

/// Where the fields of a record stand.
const NAME_LENGTH: usize = 5;
const VALUE_LENGTH: usize = 6;
const NAME: usize = 8;

/// The names and values in a list that the system filled, but for those of the system itself. Ends where a record is not whole.
pub fn attributes(list: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((next, name, value)) = list.get(at..).and_then(record) {
        if !name.is_empty() && !name.starts_with(OF_SYSTEM) {
            found.push((name.to_vec(), value.to_vec()));
        }
        if next == 0 {
            break;
        }
        at += next;
    }
    found
}

/// Where the next record is, counted from this one, and the name and value of this one.
fn record(bytes: &[u8]) -> Option<(usize, &[u8], &[u8])> {
    let next = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    let name_length = usize::from(*bytes.get(NAME_LENGTH)?);
    let value_length = usize::from(u16::from_le_bytes(*bytes.get(VALUE_LENGTH..)?.first_chunk()?));
    // A zero stands between name and value.
    let value = bytes.get(NAME + name_length + 1..)?.get(..value_length)?;
    Some((next, bytes.get(NAME..NAME + name_length)?, value))
}

/// The record by which the system sets this; an empty value removes it. `None` for what is not a name, or is too long.
pub fn setting(name: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let is_name = !name.is_empty() && !name.contains(&0) && !name.starts_with(OF_SYSTEM);
    let (name_length, value_length) = (u8::try_from(name.len()).ok()?, u16::try_from(value.len()).ok()?);
    let head = [&[0, 0, 0, 0, 0, name_length], &value_length.to_le_bytes()[..]].concat();
    is_name.then(|| [&head, name, &[0], value].concat())
}

/// The name of the EA that an extended attribute is; `None` when it is none.
pub fn of_xattr(xattr: &[u8]) -> Option<&[u8]> {
    xattr.strip_prefix(PREFIX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// As the system lists it: records at multiples of 4, the last without a next one.
    fn listed(attributes: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let mut list = Vec::new();
        for (at, (name, value)) in attributes.iter().enumerate() {
            let mut record = setting(name, value).unwrap();
            record.resize(record.len().next_multiple_of(4), 0);
            if at + 1 < attributes.len() {
                let next = (record.len() as u32).to_le_bytes();
                record[..4].copy_from_slice(&next);
            }
            list.extend(record);
        }
        list
    }

    #[test]
    fn what_wsl_writes_is_read_and_what_is_the_systems_own_is_not() {
        let mode = (b"$LXMOD".to_vec(), vec![0xa4, 0x81, 0, 0]);
        let mut list = listed(&[mode.clone(), (b"#KERNEL.PURGE.X".to_vec(), vec![1]), mode.clone()]);
        let at = list.iter().position(|byte| *byte == b'#').unwrap();
        list[at] = b'$';
        assert_eq!(attributes(&list), [mode.clone(), mode]);
        assert_eq!(setting(b"$KERNEL.X", b"1"), None);
        assert_eq!(setting(b"", b"1"), None);
        assert_eq!(setting(&[b'n'; 256], b"1"), None);
        assert_eq!(of_xattr(b"windows.ea.$LXMOD"), Some(&b"$LXMOD"[..]));
        assert_eq!(of_xattr(b"windows.stream.ea"), None);
    }

    proptest! {
        #[test]
        fn what_is_set_is_listed(attributes_set in proptest::collection::vec(("[A-Z.]{1,20}", proptest::collection::vec(any::<u8>(), 1..50)), 0..8)) {
            let set: Vec<(Vec<u8>, Vec<u8>)> = attributes_set.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect();
            prop_assert_eq!(attributes(&listed(&set)), set);
        }

        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            attributes(&bytes);
        }
    }
}
