//! What a `GNU.dumpdir` says: all names in a directory, so that GNU tar deletes the others; or, where those would be too long
//! for other readers, which names are renamed, so that the directory need not be listed.

use crate::base::path::ASIDE_NAME;
use crate::base::path::is_name;
use crate::base::path::joined;

/// The longest list of names in bytes that a directory's header has as a rule: some readers stop at records of 1 MiB.
pub const LIST_BYTES_MAX: usize = 768 << 10;

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

    fn rename(&mut self, from: &[u8], to: &[u8]) {
        self.add(b'R', from);
        self.add(b'T', to);
    }

    fn add(&mut self, letter: u8, name: &[u8]) {
        self.0.push(letter);
        self.0.extend_from_slice(name);
        self.0.push(0);
    }
}

/// The first list of a source's top directory, with the renames of that source before all names in it.
pub fn moving<'p>(renames: impl Iterator<Item = (&'p [u8], &'p [u8])>, names: &[u8]) -> Vec<u8> {
    let mut list = DumpDir::default();
    renames.for_each(|(from, to)| list.rename(from, to));
    list.0.extend_from_slice(names);
    list.0
}

/// What a list says that [`moving`] makes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MovesList<'l> {
    /// From where to where, in order.
    pub renames: Vec<(&'l [u8], &'l [u8])>,
    /// The list of names.
    pub names: &'l [u8],
}

/// What such a list of the source's top directory `top` says; `None` when it is another one.
pub fn moves_in<'l>(top: &[u8], listing: &'l [u8]) -> Option<MovesList<'l>> {
    let (mut renames, mut rest) = (Vec::new(), listing);
    let is_in = |path: &[u8]| path.strip_prefix(top).is_some_and(|rest| rest.len() > 1 && rest.starts_with(b"/"));
    let is_source = |path: &[u8]| !path.contains(&b'/') && !path.starts_with(b".snap-");
    while let Some(from) = rest.strip_prefix(b"R") {
        let (from, behind) = until_nul(from)?;
        let (to, behind) = until_nul(behind.strip_prefix(b"T")?)?;
        // A whole source, and what then stands under its old name.
        let is_of_source = (from == top && is_source(to)) || (from != top && is_source(from) && is_in(to));
        if !is_of_source && (!is_in(from) || !is_in(to)) {
            return None;
        }
        renames.push((from, to));
        rest = behind;
    }
    (!renames.is_empty() && listed(rest).is_some()).then_some(MovesList { renames, names: rest })
}

fn until_nul(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// The lists by which GNU tar deletes the names `gone` from a directory whose names are not listed, one for each of its headers,
/// which stand one after the other. The directory is moved aside, so that unpacking makes an empty one; what goes is moved into
/// that one and deleted there by an empty list; then the directory takes its place again.
pub fn deletions<'n>(directory: &[u8], gone: impl Iterator<Item = &'n [u8]>) -> Vec<Vec<u8>> {
    let (aside, mut lists) = (ASIDE_NAME.as_bytes(), Vec::new());
    let mut list = DumpDir::default();
    list.rename(directory, aside);
    for (number, name) in gone.enumerate() {
        if number == 0 || list.0.len() >= LIST_BYTES_MAX / 2 {
            lists.push(std::mem::take(&mut list).into_bytes());
        }
        list.rename(&joined(aside, name), &joined(directory, number.to_string().as_bytes()));
    }
    let mut back = DumpDir::default();
    back.rename(aside, directory);
    lists.extend([list, DumpDir::default(), back].map(DumpDir::into_bytes));
    lists
}

/// The names in a `GNU.dumpdir` with the letter of each, in byte order; `None` when the value is not as this program writes
/// it, so that it is not known what it means.
pub fn listed(listing: &[u8]) -> Option<impl Iterator<Item = (u8, &[u8])>> {
    let names = listing.strip_suffix(&[0])?;
    let names = if names.is_empty() { None } else { Some(names.strip_suffix(&[0])?) };
    let items = move || names.into_iter().flat_map(|names| names.split(|byte| *byte == 0));
    let is_sound = |item: &[u8]| matches!(item.split_first(), Some((b'D' | b'N' | b'Y', name)) if crate::base::path::is_name(name));
    let in_order = items().zip(items().skip(1)).all(|(a, b)| a.get(1..) < b.get(1..));
    (in_order && items().all(is_sound))
        .then(|| items().filter_map(|item| item.split_first()).map(|(letter, name)| (*letter, name)))
}

/// What a list of renames says that stands in the headers of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Renames<'l> {
    /// The directory is moved aside.
    Aside,
    /// The names that are deleted.
    Gone(Vec<&'l [u8]>),
    /// The directory takes its place again.
    Back,
}

/// What a list of renames says in the headers of `directory`; `None` when it is none as this program writes them.
pub fn renamed<'l>(directory: &[u8], listing: &'l [u8]) -> Option<Renames<'l>> {
    let items: Vec<&[u8]> = listing.strip_suffix(&[0, 0])?.split(|byte| *byte == 0).collect();
    let (pairs, []) = items.as_chunks::<2>() else { return None };
    let aside = ASIDE_NAME.as_bytes();
    let pair = |[from, to]: &[&'l [u8]; 2]| Some((from.strip_prefix(b"R")?, to.strip_prefix(b"T")?));
    let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(pair).collect::<Option<_>>()?;
    if let [(from, to)] = pairs[..] {
        if (from, to) == (directory, aside) {
            return Some(Renames::Aside);
        }
        if (from, to) == (aside, directory) {
            return Some(Renames::Back);
        }
    }
    let name_in = |whole: &'l [u8], above: &[u8]| {
        let name = whole.strip_prefix(above)?.strip_prefix(b"/")?;
        is_name(name).then_some(name)
    };
    let gone = |(from, to): &(&'l [u8], &'l [u8])| name_in(to, directory).and_then(|_| name_in(from, aside));
    pairs.iter().map(gone).collect::<Option<_>>().map(Renames::Gone)
}

/// The names that a directory's lists of renames delete, where these are all that belong together; `None` where they are not.
pub fn renamed_away<'l>(directory: &[u8], lists: &'l [Vec<u8>]) -> Option<Vec<&'l [u8]>> {
    let [aside, batches @ .., purge, back] = lists else { return None };
    let is_whole = renamed(directory, aside) == Some(Renames::Aside)
        && purge.as_slice() == [0]
        && renamed(directory, back) == Some(Renames::Back);
    let mut names = Vec::new();
    for batch in batches.iter().filter(|_| is_whole) {
        let Some(Renames::Gone(gone)) = renamed(directory, batch) else { return None };
        names.extend(gone);
    }
    is_whole.then_some(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lists_of_renames_are_read_as_written_and_none_is_too_long() {
        let names: Vec<Vec<u8>> = (0..60_000).map(|number| format!("name-{number:030}").into_bytes()).collect();
        for count in [1, 7, names.len()] {
            let lists = deletions(b"a/big", names[..count].iter().map(Vec::as_slice));
            assert!(lists.iter().all(|list| list.len() <= LIST_BYTES_MAX));
            let (first, rest) = lists.split_first().unwrap();
            assert_eq!(renamed(b"a/big", first), Some(Renames::Aside));
            let [batches @ .., purge, back] = rest else { panic!("{}", lists.len()) };
            assert!(listed(purge).unwrap().next().is_none() && renamed(b"a/big", purge).is_none());
            assert_eq!(renamed(b"a/big", back), Some(Renames::Back));
            let gone = batches.iter().flat_map(|batch| match renamed(b"a/big", batch) {
                Some(Renames::Gone(names)) => names,
                other => panic!("{other:?}"),
            });
            assert!(gone.eq(names[..count].iter().map(Vec::as_slice)), "{count}");
            assert_eq!(renamed_away(b"a/big", &lists).unwrap().len(), count);
            assert_eq!(renamed_away(b"a/big", &lists[1..]), None);
        }
    }

    #[test]
    fn moves_are_read_as_written_and_no_deletion_is_one() {
        let mut names = DumpDir::default();
        names.directory(b"a");
        names.unchanged(b"b");
        let names = names.into_bytes();
        let renames = [(&b"s/x"[..], &b"s/.snap-move-1"[..]), (b"s/.snap-move-1", b"s/a/x")];
        let list = moving(renames.into_iter(), &names);
        assert_eq!(moves_in(b"s", &list), Some(MovesList { renames: renames.to_vec(), names: names.as_slice() }));
        assert_eq!((moves_in(b"s", &names), renamed(b"s", &list)), (None, None));
        assert!(deletions(b"s", [&b"x"[..]].into_iter()).iter().all(|list| moves_in(b"s", list).is_none()));
        for bad in [
            &b"Rs/x\0\0"[..],
            b"Rs/x\0Ts/y\0",
            b"Rs/x\0Tt/y\0\0",
            b"Rs/x\0Ts/y\0Nb\0Na\0\0",
            b"Rs/x\0Ts/y\0Na\0Rs/z\0Ts/w\0\0",
        ] {
            assert_eq!(moves_in(b"s", bad), None);
        }
    }

    #[test]
    fn no_other_renames_are_taken_for_such() {
        for list in [
            "",
            "\0",
            "Ra\0Tb\0\0",
            "R.snap-move/x\0Tother/0\0\0",
            "R.snap-move/x/y\0Tdir/0\0\0",
            "Rdir\0\0",
            "Tdir\0R.snap-move\0\0",
        ] {
            assert_eq!(renamed(b"dir", list.as_bytes()), None, "{list:?}");
        }
    }
}
