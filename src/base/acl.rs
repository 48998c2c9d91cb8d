//! Access control lists as the kernel gives them, and the names of the users and groups in them, which are kept beside them:
//! numbers mean other people on another system. Knows no system calls.

use crate::base::entry::XATTRS_BYTES_MAX;
use crate::base::entry::Xattr;
use std::collections::BTreeMap;

/// The attribute in an entry that has the names. No file system has one called so.
pub const ACL_NAMES: &[u8] = b"system.posix_acl_names";

const ACCESS: &[u8] = b"system.posix_acl_access";
const DEFAULT: &[u8] = b"system.posix_acl_default";

/// Bytes of the version before the list, which is 2.
const VERSION: [u8; 4] = [2, 0, 0, 0];

/// Bytes of each of its lines: tag, rights (2 bytes each) and number (4 bytes), little-endian.
const LINE_BYTES: usize = 8;

/// Who a line is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Who {
    /// The user with this number.
    User(u32),
    /// The group with this number.
    Group(u32),
}

/// A line of a list.
#[derive(Clone, Copy)]
struct Line {
    tag: u16,
    rights: u16,
    number: u32,
}

impl Line {
    const USER: u16 = 0x02;
    const GROUP: u16 = 0x08;

    fn read(bytes: &[u8]) -> Option<Line> {
        let (tag, rest) = bytes.split_first_chunk()?;
        let (rights, number) = rest.split_first_chunk()?;
        Some(Line {
            tag: u16::from_le_bytes(*tag),
            rights: u16::from_le_bytes(*rights),
            number: u32::from_le_bytes(number.try_into().ok()?),
        })
    }

    fn who(self) -> Option<Who> {
        match self.tag {
            Line::USER => Some(Who::User(self.number)),
            Line::GROUP => Some(Who::Group(self.number)),
            _ => None,
        }
    }
}

/// Whether an attribute holds a list.
fn is_list(name: &[u8]) -> bool {
    name == ACCESS || name == DEFAULT
}

/// The lines of a list; `None` when it is none.
fn lines(list: &[u8]) -> Option<Vec<Line>> {
    list.strip_prefix(&VERSION)?.chunks(LINE_BYTES).map(Line::read).collect()
}

/// Adds to the attributes of an entry, which are sorted, the names of those that its lists are about, as far as `name` knows
/// them and there is room for them.
pub fn add_names(xattrs: &mut Vec<Xattr>, mut name: impl FnMut(Who) -> Option<String>) {
    let lists = xattrs.iter().filter(|(name, _)| is_list(name)).filter_map(|(_, list)| lines(list));
    let mut all: Vec<Who> = lists.flatten().filter_map(Line::who).collect();
    all.sort_unstable();
    all.dedup();
    let mut text = String::new();
    for who in all {
        let Some(known) = name(who).filter(|known| is_plain(known)) else { continue };
        let (kind, number) = match who {
            Who::User(number) => ("user", number),
            Who::Group(number) => ("group", number),
        };
        text.extend([kind, ":", &number.to_string(), ":", &known, "\n"]);
    }
    let bytes: usize = xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
    if !text.is_empty() && bytes + ACL_NAMES.len() + text.len() <= XATTRS_BYTES_MAX {
        let at = xattrs.partition_point(|(name, _)| name.as_slice() < ACL_NAMES);
        xattrs.insert(at, (ACL_NAMES.to_vec(), text.into_bytes()));
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(['\n', ':'])
}

/// The names of an entry with these attributes.
fn names(xattrs: &[Xattr]) -> BTreeMap<Who, &str> {
    let text = xattrs.iter().find(|(name, _)| name == ACL_NAMES).and_then(|(_, text)| std::str::from_utf8(text).ok());
    text.unwrap_or_default().lines().filter_map(named).collect()
}

/// A line of the names.
fn named(line: &str) -> Option<(Who, &str)> {
    let mut parts = line.splitn(3, ':');
    let (kind, number, name) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
    match kind {
        "user" => Some((Who::User(number), name)),
        "group" => Some((Who::Group(number), name)),
        _ => None,
    }
}

/// The attributes of an entry as they are to be set: each line of a list is about the user or group that `number` gives for its
/// name, if it has one and gives one. The names themselves are left out.
pub fn with_numbers(xattrs: &[Xattr], mut number: impl FnMut(Who, &str) -> Option<u32>) -> Vec<Xattr> {
    let names = names(xattrs);
    let mut mapped = |list: &[u8]| -> Option<Vec<u8>> {
        let mut lines = lines(list)?;
        for line in &mut lines {
            let named = line.who().and_then(|who| Some((who, *names.get(&who)?)));
            line.number = named.and_then(|(who, name)| number(who, name)).unwrap_or(line.number);
        }
        lines.sort_by_key(|line| (line.tag, line.number));
        let mut list = VERSION.to_vec();
        for line in lines {
            list.extend(line.tag.to_le_bytes());
            list.extend(line.rights.to_le_bytes());
            list.extend(line.number.to_le_bytes());
        }
        Some(list)
    };
    let kept = xattrs.iter().filter(|(name, _)| name != ACL_NAMES);
    kept.map(|(name, value)| {
        let list = if is_list(name) && !names.is_empty() { mapped(value) } else { None };
        (name.clone(), list.unwrap_or_else(|| value.clone()))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(lines: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut list = VERSION.to_vec();
        for (tag, rights, number) in lines {
            list.extend(tag.to_le_bytes());
            list.extend(rights.to_le_bytes());
            list.extend(number.to_le_bytes());
        }
        list
    }

    const NOBODY: u32 = u32::MAX;

    fn sample() -> Vec<Xattr> {
        let access = list(&[(1, 6, NOBODY), (2, 4, 7), (2, 6, 1234), (4, 4, NOBODY), (8, 5, 50), (16, 7, NOBODY)]);
        let default = list(&[(1, 7, NOBODY), (2, 7, 9), (4, 5, NOBODY), (16, 7, NOBODY), (32, 0, NOBODY)]);
        vec![
            (b"security.x".to_vec(), b"1".to_vec()),
            (ACCESS.to_vec(), access),
            (DEFAULT.to_vec(), default),
            (b"user.a".to_vec(), b"v".to_vec()),
        ]
    }

    fn known(who: Who) -> Option<String> {
        match who {
            Who::User(1234) => Some("alice".to_owned()),
            Who::User(9) => Some("carol".to_owned()),
            Who::Group(50) => Some("staff".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn names_are_kept_beside_the_lists_in_their_place() {
        let mut xattrs = sample();
        add_names(&mut xattrs, known);
        assert!(xattrs.is_sorted());
        let (name, text) = &xattrs[3];
        assert_eq!(name, ACL_NAMES);
        assert_eq!(text, b"user:9:carol\nuser:1234:alice\ngroup:50:staff\n");
        let mut none = vec![(b"user.a".to_vec(), b"v".to_vec()), (ACCESS.to_vec(), b"odd".to_vec())];
        add_names(&mut none, known);
        assert_eq!(none.len(), 2, "no list, no names");
    }

    #[test]
    fn lines_follow_their_names_and_others_their_numbers() {
        let mut xattrs = sample();
        add_names(&mut xattrs, known);
        let here = |who: Who, name: &str| match (who, name) {
            (Who::User(_), "alice") => Some(3),
            (Who::Group(_), "staff") => Some(20),
            _ => None,
        };
        let set = with_numbers(&xattrs, here);
        let access = list(&[(1, 6, NOBODY), (2, 6, 3), (2, 4, 7), (4, 4, NOBODY), (8, 5, 20), (16, 7, NOBODY)]);
        assert_eq!(set[1], (ACCESS.to_vec(), access), "sorted anew");
        assert_eq!(set[2], sample()[2], "carol is not known here");
        assert_eq!((set.len(), &set[0], &set[3]), (4, &sample()[0], &sample()[3]));
    }

    #[test]
    fn odd_lists_and_odd_names_are_left_as_they_are() {
        let odd = [&b""[..], &[2, 0, 0, 0, 1], &[3, 0, 0, 0], b"user:x:y\n\xff"];
        for value in odd {
            let xattrs = vec![(ACCESS.to_vec(), value.to_vec()), (ACL_NAMES.to_vec(), value.to_vec())];
            assert_eq!(with_numbers(&xattrs, |_, _| Some(1)), xattrs[..1]);
        }
    }
}
