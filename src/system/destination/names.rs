//! Names that cannot exist where something is restored to: which ones the file system takes, and how the others are written
//! there, so that they can be turned back. Knows nothing of archives.
//!
//! In a changed name each byte that cannot be there, and each `%`, is `%` and two upper-case hexadecimal digits. A name that
//! would be taken for a changed one is changed too. So no two names become one, and each can be turned back.

use crate::system::platform::Directory;
use std::collections::HashMap;
use std::collections::HashSet;
use std::io;

/// What some file systems refuse in names although it is plain ASCII.
const PUNCTUATION: &[u8] = br#":?*"<>|\"#;

/// Names that belong to devices for DOS and Windows, with any extension.
const DOS_DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Longer names than this exist nowhere; they fail where they are written.
const NAME_BYTES_MAX: usize = 1024;

/// Which names a file system takes. The default: all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct NameRules {
    /// Bytes that no name may hold.
    refused_bytes: Vec<u8>,
    refuses_not_utf8: bool,
    refuses_not_ascii: bool,
    refuses_last_dot: bool,
    refuses_last_blank: bool,
    refuses_dos_devices: bool,
    /// Whether names that differ only in case are one.
    folds_case: bool,
}

/// The names in a directory, as a file system that takes no difference of case sees them, each with the name itself.
#[derive(Debug, Default)]
pub(super) struct Taken {
    names: HashMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
}

impl Taken {
    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn insert(&mut self, folded: Vec<u8>, name: &[u8]) {
        self.bytes += folded.len() + name.len() + 2 * size_of::<Vec<u8>>();
        self.names.insert(folded, name.to_vec());
    }
}

impl NameRules {
    /// Those of FAT and exFAT, as the kernel drives them.
    pub(super) fn fat() -> NameRules {
        NameRules {
            refused_bytes: (1..b' ').chain(PUNCTUATION.iter().copied()).collect(),
            refuses_not_utf8: true,
            refuses_last_dot: true,
            refuses_last_blank: true,
            folds_case: true,
            ..NameRules::default()
        }
    }

    /// Those of Windows' programs, whatever a drive would take.
    pub(super) fn windows() -> NameRules {
        NameRules { refuses_dos_devices: true, ..NameRules::fat() }
    }

    /// Those of the file system of `directory`, an empty one, found out by making files in it, which are left there.
    ///
    /// # Errors
    /// When not even an ordinary name can be made.
    pub(super) fn probe(directory: &Directory) -> io::Result<NameRules> {
        directory.create_file(b"Plain")?;
        let punctuation = |byte: u8| vec![b'a', byte, b'b'];
        let odd: [&[u8]; 6] = [b"a\nb", b"a\xffb", "aé".as_bytes(), b"dot.", b"blank ", b"aux.txt"];
        for name in odd.iter().map(|name| name.to_vec()).chain(PUNCTUATION.iter().map(|byte| punctuation(*byte))) {
            let _ = directory.create_file(&name);
        }
        let mut there = HashSet::new();
        directory.for_each_name(|name| {
            there.insert(name.to_vec());
        })?;
        // Some say yes and write another name: what counts is what is there.
        let refuses = |name: &[u8]| !there.contains(name);
        let mut refused_bytes: Vec<u8> = if refuses(odd[0]) { (1..b' ').collect() } else { Vec::new() };
        refused_bytes.extend(PUNCTUATION.iter().filter(|byte| refuses(&punctuation(**byte))));
        Ok(NameRules {
            refused_bytes,
            refuses_not_utf8: refuses(odd[1]),
            refuses_not_ascii: refuses(odd[2]),
            refuses_last_dot: refuses(odd[3]),
            refuses_last_blank: refuses(odd[4]),
            refuses_dos_devices: refuses(odd[5]),
            folds_case: directory.stat(b"pLAIN").is_ok(),
        })
    }

    /// Whether every name can be as it is.
    pub(super) fn takes_all(&self) -> bool {
        *self == NameRules::default()
    }

    /// How `name` is written there; `None`: as it is.
    pub(super) fn written(&self, name: &[u8]) -> Option<Vec<u8>> {
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        let refused = self.refused(name);
        (refused.contains(&true) || self.looks_changed(name)).then(|| escaped(name, &refused))
    }

    /// Whether `name` is what another name is changed to.
    fn looks_changed(&self, name: &[u8]) -> bool {
        self.original(name).is_some()
    }

    /// The name that is written as `name`; `None`: that one itself, if any.
    pub(super) fn original(&self, name: &[u8]) -> Option<Vec<u8>> {
        decoded(name).filter(|inner| self.written(inner).is_some_and(|written| written == name))
    }

    /// Of the names in a directory, in their order, those that it would take for one that comes before, or for one that is
    /// `taken`; and how they are written.
    pub(super) fn told_apart<'n>(
        &self,
        names: impl Iterator<Item = &'n [u8]>,
        taken: &mut Taken,
    ) -> Vec<(&'n [u8], Vec<u8>)> {
        let mut changed = Vec::new();
        if !self.folds_case {
            return changed;
        }
        for name in names.filter(|name| name.len() <= NAME_BYTES_MAX) {
            let plain = self.written(name);
            let folded = fold_case(plain.as_deref().unwrap_or(name));
            let Some(keeper) = taken.names.get(&folded) else {
                taken.insert(folded, name);
                continue;
            };
            let mut marks = self.refused(name);
            mark_differences(name, keeper, &mut marks);
            let mut written = escaped(name, &marks);
            if taken.names.contains_key(&fold_case(&written)) {
                written = escaped(name, &vec![true; name.len()]);
            }
            taken.insert(fold_case(&written), name);
            changed.push((name, written));
        }
        changed
    }

    /// For each byte of `name`, whether it cannot be where it is.
    fn refused(&self, name: &[u8]) -> Vec<bool> {
        let mut refused: Vec<bool> = name
            .iter()
            .map(|byte| self.refused_bytes.contains(byte) || (self.refuses_not_ascii && !byte.is_ascii()))
            .collect();
        if self.refuses_not_utf8 {
            let mut at = 0;
            for chunk in name.utf8_chunks() {
                at += chunk.valid().len();
                refused[at..at + chunk.invalid().len()].fill(true);
                at += chunk.invalid().len();
            }
        }
        if let Some(last) = refused.last_mut() {
            *last |= self.refuses_last_dot && name.ends_with(b".") || self.refuses_last_blank && name.ends_with(b" ");
        }
        if let Some(first) = refused.first_mut() {
            *first |= self.refuses_dos_devices && is_dos_device(name);
        }
        refused
    }
}

fn is_dos_device(name: &[u8]) -> bool {
    let stem = name.split(|byte| *byte == b'.').next().unwrap_or_default().to_ascii_lowercase();
    let stem = stem.trim_ascii_end();
    DOS_DEVICES.iter().any(|device| device.as_bytes() == stem)
        || stem.strip_prefix(b"com").or_else(|| stem.strip_prefix(b"lpt")).is_some_and(is_port_number)
}

/// A digit but 0; three of those that stand higher count, too.
fn is_port_number(text: &[u8]) -> bool {
    matches!(text, [b'1'..=b'9']) || ["¹", "²", "³"].iter().any(|digit| digit.as_bytes() == text)
}

/// `name` with these bytes, and every `%`, as `%` and two hexadecimal digits.
fn escaped(name: &[u8], marks: &[bool]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut written = Vec::with_capacity(name.len() + 8);
    for (byte, is_marked) in name.iter().zip(marks) {
        if *is_marked || *byte == b'%' {
            written.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        } else {
            written.push(*byte);
        }
    }
    written
}

/// What [`escaped`] made `name` of; `None` when it cannot have.
fn decoded(name: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let mut original = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            original.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return None };
        original.push(digit(*high)? << 4 | digit(*low)?);
        rest = after;
    }
    (original.len() < name.len()).then_some(original)
}

/// Equal for all names that differ only in case, and perhaps for a few more.
fn fold_case(name: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        folded.extend(chunk.valid().to_uppercase().to_lowercase().into_bytes());
        folded.extend(chunk.invalid());
    }
    folded
}

/// Marks the characters of `name` that are not those of `other` at the same place.
fn mark_differences(name: &[u8], other: &[u8], marks: &mut [bool]) {
    let (Ok(text), Ok(other)) = (std::str::from_utf8(name), std::str::from_utf8(other)) else {
        marks.fill(true);
        return;
    };
    let mut others = other.chars();
    for (at, c) in text.char_indices() {
        if others.next() != Some(c) {
            marks[at..at + c.len_utf8()].fill(true);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn shown(rules: &NameRules, name: &str) -> String {
        let written = rules.written(name.as_bytes()).unwrap_or_else(|| name.as_bytes().to_vec());
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn only_names_that_cannot_be_there_are_changed() {
        let fat = NameRules::fat();
        for (name, written) in [
            ("plain.txt", "plain.txt"),
            ("100%", "100%"),
            ("a%20b", "a%20b"),
            ("10:30", "10%3A30"),
            ("50% of a?", "50%25 of a%3F"),
            ("end.", "end%2E"),
            ("end..", "end.%2E"),
            ("blank ", "blank%20"),
            ("line\nbreak", "line%0Abreak"),
            ("10%3A30", "10%253A30"),
            ("10%253A30", "10%25253A30"),
            ("aux.txt", "aux.txt"),
        ] {
            assert_eq!(shown(&fat, name), written);
        }
        assert_eq!(fat.written(b"a\xffb").unwrap(), b"a%FFb");
        let dos = NameRules { refuses_dos_devices: true, ..NameRules::default() };
        assert_eq!(
            [shown(&dos, "aux.txt"), shown(&dos, "COM1"), shown(&dos, "auxiliary")],
            ["%61ux.txt", "%43OM1", "auxiliary"]
        );
        assert!(NameRules::default().takes_all() && NameRules::default().written(b"a:\xff.").is_none());
    }

    #[test]
    fn names_that_differ_only_in_case_are_told_apart() {
        let names: [&[u8]; 6] = [b"%72eadme", b"README", b"ReadMe", b"other", b"readme", "\u{212a}".as_bytes()];
        let changed = NameRules::fat().told_apart(names.into_iter(), &mut Taken::default());
        let changed: Vec<(&[u8], &[u8])> = changed.iter().map(|(name, written)| (*name, written.as_slice())).collect();
        let expected: [(&[u8], &[u8]); 2] = [(b"ReadMe", b"R%65%61%64M%65"), (b"readme", b"%72%65%61%64%6D%65")];
        assert_eq!(changed, expected);
        assert!(NameRules::default().told_apart(names.into_iter(), &mut Taken::default()).is_empty());
    }

    #[test]
    fn a_name_that_folds_its_escapes_again_and_again_is_no_trouble() {
        let name = [b"%".as_slice(), &b"25".repeat(500)].concat();
        assert!(NameRules::fat().written(&name).is_none());
        assert!(NameRules::fat().written(&b"%25".repeat(100_000)).is_none());
    }

    fn rules() -> impl Strategy<Value = NameRules> {
        let fuse = NameRules { refuses_last_dot: false, refuses_not_utf8: false, ..NameRules::fat() };
        let ascii = NameRules { refuses_not_ascii: true, refuses_dos_devices: true, ..NameRules::fat() };
        prop_oneof![Just(NameRules::fat()), Just(fuse), Just(ascii)]
    }

    /// Names out of few letters, so that they meet.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        let pieces: [&[u8]; 15] = [
            b"%",
            b"25",
            b"%3A",
            b":",
            b".",
            b" ",
            b"a",
            b"A",
            "é".as_bytes(),
            "É".as_bytes(),
            b"\xff",
            "ß".as_bytes(),
            b"ss",
            b"\n",
            b"aux",
        ];
        let piece = proptest::sample::select(pieces.to_vec());
        proptest::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_two_names_become_one_and_each_can_be_turned_back(rules in rules(), names in proptest::collection::btree_set(name(), 1..40)) {
            let mut taken = Taken::default();
            // In pieces, as a large directory comes.
            let all: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
            let pieces = all.chunks(7).flat_map(|piece| rules.told_apart(piece.iter().copied(), &mut taken));
            let apart: HashMap<&[u8], Vec<u8>> = pieces.collect();
            let mut seen = HashSet::new();
            for name in &names {
                let changed = apart.get(name.as_slice()).cloned().or_else(|| rules.written(name));
                if let Some(written) = &changed {
                    prop_assert_eq!(&decoded(written).unwrap(), name);
                }
                let written = changed.unwrap_or_else(|| name.clone());
                prop_assert!(!rules.refused(&written).contains(&true), "{:?}", written);
                prop_assert!(seen.insert(fold_case(&written)), "{:?} twice", written);
            }
        }

        #[test]
        fn names_alone_are_changed_without_two_becoming_one(rules in rules(), a in name(), b in name()) {
            let written = |name: &Vec<u8>| rules.written(name).unwrap_or_else(|| name.clone());
            prop_assert_eq!(a == b, written(&a) == written(&b));
        }
    }
}
