//! Finds out which of the things that are gone and of those that are new are the same: by inode or, where that says
//! nothing, by likeness. A wrong guess costs a rename: whatever is at the new path is compared with what was moved
//! there.

use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::time::Time;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::HashSet;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

/// The most entries that are noted of a directory.
const SAMPLE: usize = 8;

/// What the other side has at the same path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Opposite {
    /// Nothing, or another kind of thing.
    Nothing,
    /// Something of the same kind.
    Other,
    /// Something that is like it: a directory, or a file with its length and time.
    Alike,
}

/// A file that is gone from a path, or new at one.
pub struct PlacedFile {
    /// The index of its source in the list.
    pub source: usize,
    pub path: EntryPathBuf,
    /// 0: unknown.
    pub inode: u64,
    /// Its length in bytes.
    pub size: u64,
    pub mtime: Time,
    /// Whether it has several names.
    pub has_names: bool,
    /// What is at the same path on the other side.
    opposite: Opposite,
    /// Whether it was paired.
    is_taken: bool,
}

/// A directory that is gone from a path, or new at one.
pub struct PlacedDirectory {
    /// The index of its source in the list.
    pub source: usize,
    pub path: EntryPathBuf,
    /// 0: unknown.
    pub inode: u64,
    pub mtime: Time,
    /// What is at the same path on the other side.
    opposite: Opposite,
    /// Whether it was paired.
    is_taken: bool,
    /// Some of its entries, by name and inode.
    entries: Sample,
    /// Some of its entries, by name, kind and length.
    likes: Sample,
}

/// Two paths at which the same thing was and is.
pub struct SameThing {
    pub old: EntryPathBuf,
    pub new: EntryPathBuf,
    /// Whether its inode says so. Otherwise it only looks the same, and its times say nothing about its content.
    pub is_sure: bool,
}

/// The smallest of some hashes: two sets with much in common have some of them in common.
#[derive(Default)]
struct Sample(Vec<u64>);

impl Sample {
    fn add(&mut self, what: impl Hash) {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let number = hasher.finish();
        let at = self.0.partition_point(|other| *other < number);
        if at < SAMPLE && self.0.get(at) != Some(&number) {
            self.0.insert(at, number);
            self.0.truncate(SAMPLE);
        }
    }

    fn has_in_common(&self, other: &Sample) -> bool {
        self.0.iter().any(|number| other.0.binary_search(number).is_ok())
    }
}

impl PlacedFile {
    /// A file that is not paired yet.
    pub fn new((source, path): (usize, &EntryPath), stat: &Stat, opposite: Opposite) -> PlacedFile {
        let Stat { inode, size, mtime, link, .. } = *stat;
        let path = path.to_owned();
        PlacedFile { source, path, inode, size, mtime, has_names: link != 0, opposite, is_taken: false }
    }
}

impl PlacedDirectory {
    /// A directory that is not paired yet, without entries.
    pub fn new((source, path): (usize, &EntryPath), stat: &Stat, opposite: Opposite) -> PlacedDirectory {
        let Stat { inode, mtime, .. } = *stat;
        let (path, entries, likes) = (path.to_owned(), Sample::default(), Sample::default());
        PlacedDirectory { source, path, inode, mtime, opposite, is_taken: false, entries, likes }
    }

    /// Notes an entry. An inode alone says little: those of a removed directory are soon used again.
    pub fn note_entry(&mut self, name: &[u8], stat: &Stat) {
        if stat.inode != 0 {
            self.entries.add((name, stat.inode));
        }
        let size = if stat.kind == Kind::File { stat.size } else { 0 };
        self.likes.add((name, stat.kind, size));
    }
}

/// The directories that are the same: those with the same inode that also have the time or an entry in common, since
/// inodes are used again. Of the rest, those with the most entries alike by name, kind and length; and then those above
/// them with the same name.
pub fn same_directories(gone: Vec<PlacedDirectory>, new: Vec<PlacedDirectory>) -> Vec<SameThing> {
    let mut matching = Matching { gone, new, same: Vec::new() };
    matching.by_inode();
    matching.by_likeness();
    matching.above();
    matching.same
}

struct Matching {
    gone: Vec<PlacedDirectory>,
    new: Vec<PlacedDirectory>,
    same: Vec<SameThing>,
}

impl Matching {
    fn take(&mut self, (gone, new): (usize, usize), is_sure: bool) {
        let (gone, new) = (&mut self.gone[gone], &mut self.new[new]);
        (gone.is_taken, new.is_taken) = (true, true);
        self.same.push(SameThing { old: gone.path.clone(), new: new.path.clone(), is_sure });
    }

    fn by_inode(&mut self) {
        let is_wanted = |directory: &PlacedDirectory| directory.inode != 0;
        let order = |a: &PlacedDirectory, b: &PlacedDirectory| (a.source, a.inode).cmp(&(b.source, b.inode));
        for (old, new) in groups(&self.gone, &self.new, is_wanted, order) {
            let ([old], [new]) = (&old[..], &new[..]) else { continue };
            let (gone, found) = (&self.gone[*old], &self.new[*new]);
            if gone.mtime == found.mtime || gone.entries.has_in_common(&found.entries) {
                self.take((*old, *new), true);
            }
        }
    }

    fn by_likeness(&mut self) {
        let is_wanted = |directory: &PlacedDirectory| directory.opposite != Opposite::Alike && !directory.is_taken;
        // By what only one of them has.
        let mut known: HashMap<(usize, u64), Option<usize>> = HashMap::new();
        for (place, gone) in self.gone.iter().enumerate().filter(|(_, gone)| is_wanted(gone)) {
            for number in &gone.likes.0 {
                known.entry((gone.source, *number)).and_modify(|known| *known = None).or_insert(Some(place));
            }
        }
        for place in 0..self.new.len() {
            let new = &self.new[place];
            if known.is_empty() || !is_wanted(new) {
                continue;
            }
            let mut votes: Vec<usize> =
                new.likes.0.iter().filter_map(|number| *known.get(&(new.source, *number))?).collect();
            votes.sort_unstable();
            let most = votes.chunk_by(|a, b| a == b).max_by_key(|votes| votes.len());
            let Some((old, count)) = most.map(|votes| (votes[0], votes.len())) else { continue };
            let of = new.likes.0.len().max(self.gone[old].likes.0.len());
            if count * 2 > of && !self.gone[old].is_taken {
                self.take((old, place), false);
            }
        }
    }

    /// Takes the directory above what is the same as the same, too, if it has the same name: one rename then moves all.
    fn above(&mut self) {
        fn places(all: &[PlacedDirectory]) -> HashMap<EntryPathBuf, usize> {
            let free = all
                .iter()
                .enumerate()
                .filter(|(_, directory)| directory.opposite != Opposite::Alike && !directory.is_taken);
            free.map(|(place, directory)| (directory.path.clone(), place)).collect()
        }
        let (gone, new) = (places(&self.gone), places(&self.new));
        let mut next = 0;
        while let Some(SameThing { old, new: now, .. }) = self.same.get(next) {
            next += 1;
            if old.name_bytes() != now.name_bytes() {
                continue;
            }
            let (Some(old), Some(now)) = (old.parent(), now.parent()) else { continue };
            let (Some(old), Some(now)) = (gone.get(old), new.get(now)) else { continue };
            if !self.gone[*old].is_taken && !self.new[*now].is_taken {
                self.take((*old, *now), false);
            }
        }
    }
}

/// The signs that files are the same, the surest first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Inode, length and time.
    Inode,
    /// The inode alone.
    InodeAlone,
    /// Name, length and time.
    NameAndTime,
    /// Length and time.
    Time,
    /// Name and length.
    Name,
}

impl Sign {
    const ALL: [Sign; 5] = [Sign::Inode, Sign::InodeAlone, Sign::NameAndTime, Sign::Time, Sign::Name];

    fn is_wanted(self, file: &PlacedFile) -> bool {
        let has_inode = file.inode != 0 || !matches!(self, Sign::Inode | Sign::InodeAlone);
        // Names of one file cannot be told apart, and need not be if all of them have its inode.
        let is_one = file.opposite != Opposite::Alike && !file.has_names || self == Sign::Inode;
        !file.is_taken && has_inode && is_one
    }

    /// Whether it counts for less than the path, if something of the same kind was there that is not known to have
    /// moved.
    fn is_weak(self) -> bool {
        matches!(self, Sign::InodeAlone | Sign::Name)
    }

    fn order(self, a: &PlacedFile, b: &PlacedFile) -> Ordering {
        let by_name = || a.path.name_bytes().cmp(b.path.name_bytes());
        let by_source = a.source.cmp(&b.source);
        by_source.then_with(|| match self {
            Sign::Inode => (a.inode, a.size, a.mtime).cmp(&(b.inode, b.size, b.mtime)),
            Sign::InodeAlone => a.inode.cmp(&b.inode),
            Sign::NameAndTime => (a.size, a.mtime).cmp(&(b.size, b.mtime)).then_with(by_name),
            Sign::Time => (a.size, a.mtime).cmp(&(b.size, b.mtime)),
            Sign::Name => a.size.cmp(&b.size).then_with(by_name),
        })
    }
}

/// The files that are the same, or seem to be. `patch_from` is the size in bytes from which files of a source are
/// patched: those may be the same with another length.
pub fn same_files(
    mut gone: Vec<PlacedFile>,
    mut new: Vec<PlacedFile>,
    patch_from: &dyn Fn(usize) -> u64,
) -> Vec<SameThing> {
    let mut same: Vec<SameThing> = Vec::new();
    for sign in Sign::ALL {
        let moved = same.iter().filter(|_| sign.is_weak());
        let elsewhere: HashSet<EntryPathBuf> = moved.map(|same| same.old.clone()).collect();
        for (olds, news) in groups(&gone, &new, |file| sign.is_wanted(file), |a, b| sign.order(a, b)) {
            let is_clear = |places: &[usize], files: &[PlacedFile]| {
                places.len() == 1 || places.iter().all(|place| files[*place].has_names)
            };
            if !is_clear(&olds, &gone) || !is_clear(&news, &new) {
                continue;
            }
            for (old, now) in olds.into_iter().zip(news) {
                let (old, now) = (&mut gone[old], &mut new[now]);
                let is_free = now.opposite == Opposite::Nothing || elsewhere.contains(&now.path);
                if sign.is_weak() && !is_free {
                    continue;
                }
                if old.size != now.size && old.size.min(now.size) < patch_from(old.source) {
                    continue;
                }
                (old.is_taken, now.is_taken) = (true, true);
                let is_sure = matches!(sign, Sign::Inode | Sign::InodeAlone);
                same.push(SameThing { old: old.path.clone(), new: now.path.clone(), is_sure });
            }
        }
    }
    same
}

/// What is equal on both sides, by its places there.
fn groups<T>(
    gone: &[T],
    new: &[T],
    is_wanted: impl Fn(&T) -> bool,
    order: impl Fn(&T, &T) -> Ordering,
) -> Vec<(Vec<usize>, Vec<usize>)> {
    let sorted = |all: &[T]| {
        let mut places: Vec<usize> = (0..all.len()).filter(|place| is_wanted(&all[*place])).collect();
        places.sort_by(|a, b| order(&all[*a], &all[*b]));
        places
    };
    let (olds, news) = (sorted(gone), sorted(new));
    let (mut olds, mut news) = (&olds[..], &news[..]);
    let mut groups = Vec::new();
    while let (Some(old), Some(now)) = (olds.first(), news.first()) {
        let (old, now) = (&gone[*old], &new[*now]);
        let of_gone = olds.partition_point(|place| order(&gone[*place], now).is_le());
        let of_new = news.partition_point(|place| order(&new[*place], old).is_le());
        match order(old, now) {
            Ordering::Less => olds = &olds[olds.partition_point(|place| order(&gone[*place], now).is_lt())..],
            Ordering::Greater => news = &news[news.partition_point(|place| order(&new[*place], old).is_lt())..],
            Ordering::Equal => {
                groups.push((olds[..of_gone].to_vec(), news[..of_new].to_vec()));
                (olds, news) = (&olds[of_gone..], &news[of_new..]);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(text: &str) -> EntryPathBuf {
        EntryPathBuf::from_bytes(text.as_bytes()).unwrap()
    }

    fn file(text: &str, inode: u64, size: u64, mtime: i64) -> PlacedFile {
        let mtime = Time::new(mtime, 0);
        PlacedFile::new((0, &path(text)), &Stat { size, mtime, inode, ..Stat::default() }, Opposite::Nothing)
    }

    fn directory(text: &str, inode: u64, entries: &[(&str, u64)]) -> PlacedDirectory {
        let (inode, mtime) = (inode, Time::new(text.len() as i64, 0));
        let mut made =
            PlacedDirectory::new((0, &path(text)), &Stat { mtime, inode, ..Stat::default() }, Opposite::Nothing);
        for (name, size) in entries {
            made.note_entry(name.as_bytes(), &Stat { size: *size, ..Stat::default() });
        }
        made
    }

    fn shown(same: &[SameThing]) -> Vec<(String, String, bool)> {
        let mut shown: Vec<_> =
            same.iter().map(|same| (same.old.to_string(), same.new.to_string(), same.is_sure)).collect();
        shown.sort();
        shown
    }

    fn same(old: &str, new: &str, is_sure: bool) -> (String, String, bool) {
        (old.to_owned(), new.to_owned(), is_sure)
    }

    #[test]
    fn files_are_the_same_by_inode_and_else_by_what_only_one_of_them_has() {
        let gone = vec![
            file("s/a", 1, 5000, 7),
            file("s/log", 2, 9000, 8),
            file("s/small", 3, 5000, 9),
            file("s/d/photo", 0, 6000, 10),
            file("s/d/other", 0, 7000, 11),
            file("s/d/untimed", 0, 8000, 12),
            file("s/twin1", 0, 9999, 13),
            file("s/twin2", 0, 9999, 13),
        ];
        let new = vec![
            file("s/b", 1, 5000, 7),
            file("s/log.1", 2, 9500, 20),
            file("s/small2", 3, 4500, 21),
            file("s/e/photo", 0, 6000, 10),
            file("s/e/another", 0, 7000, 11),
            file("s/e/untimed", 0, 8000, 22),
            file("s/twin3", 0, 9999, 13),
            file("s/twin4", 0, 9999, 13),
        ];
        let expected = [
            same("s/a", "s/b", true),
            same("s/d/other", "s/e/another", false),
            same("s/d/photo", "s/e/photo", false),
            same("s/d/untimed", "s/e/untimed", false),
            same("s/log", "s/log.1", true),
        ];
        assert_eq!(shown(&same_files(gone, new, &|_| 8000)), expected);
    }

    #[test]
    fn names_of_one_file_are_taken_in_order_and_what_is_where_it_was_is_not_taken_for_another() {
        let named = |text, inode| PlacedFile { has_names: true, ..file(text, inode, 5000, 1) };
        let there = |text, inode, size| PlacedFile { opposite: Opposite::Alike, ..file(text, inode, size, 1) };
        let gone = vec![named("s/a", 1), named("s/b", 1), there("s/x", 2, 5000), there("s/y", 3, 6000)];
        let new = vec![named("s/c", 1), named("s/d", 1), named("s/e", 1), there("s/x", 3, 5000), there("s/y", 2, 6000)];
        assert_eq!(shown(&same_files(gone, new, &|_| 1)), [same("s/a", "s/c", true), same("s/b", "s/d", true)]);
    }

    #[test]
    fn what_has_its_older_content_at_its_own_path_is_made_from_that_unless_that_moved() {
        let other =
            |text, inode, size, mtime| PlacedFile { opposite: Opposite::Other, ..file(text, inode, size, mtime) };
        // A freed inode that was given to what replaced another file.
        let (gone, new) =
            (vec![file("s/gone", 5, 9000, 1), other("s/db", 6, 9000, 2)], vec![other("s/db", 5, 9500, 3)]);
        assert_eq!(shown(&same_files(gone, new, &|_| 1)), []);
        let gone = vec![other("s/log", 1, 9000, 2), other("s/log.1", 2, 8000, 1)];
        let new = vec![other("s/log", 3, 7000, 4), other("s/log.1", 1, 9500, 3), file("s/log.2", 2, 8000, 1)];
        let expected = [same("s/log", "s/log.1", true), same("s/log.1", "s/log.2", true)];
        assert_eq!(shown(&same_files(gone, new, &|_| 1)), expected);
    }

    #[test]
    fn directories_are_the_same_by_inode_or_by_most_of_what_is_in_them_and_those_above_by_these() {
        let gone = vec![
            directory("s/a", 1, &[("x", 1)]),
            directory("s/b", 0, &[("d", 0)]),
            directory("s/b/d", 0, &[("1", 1), ("2", 2), ("3", 3)]),
            directory("s/c", 0, &[("1", 7), ("9", 9)]),
            directory("s/reused", 5, &[("1", 70), ("9", 90)]),
        ];
        let mut new = vec![
            directory("s/n", 1, &[("x", 1)]),
            directory("s/m", 0, &[("d", 0), ("new", 7)]),
            directory("s/m/d", 0, &[("1", 1), ("2", 2), ("3", 4)]),
            directory("s/other", 0, &[("1", 7), ("2", 2), ("3", 3)]),
            directory("s/of another", 5, &[("1", 70), ("2", 90)]),
        ];
        new[0].mtime = gone[0].mtime;
        let expected = [same("s/a", "s/n", true), same("s/b", "s/m", false), same("s/b/d", "s/m/d", false)];
        assert_eq!(shown(&same_directories(gone, new)), expected);
    }
}
