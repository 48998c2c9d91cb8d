//! Renames that lead from one state to the next, in order, and where each path of the state after them came from. No I/O: what
//! there was before is asked for.

use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::source_path;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::Bound;

/// The most bytes of paths in the renames of one snapshot.
pub const MOVES_BYTES_MAX: usize = 16 << 20;

/// How many of the directories above a path may themselves have been moved.
pub const MOVES_NESTED_MAX: usize = 16;

/// What the names begin with under which things stand for a moment in the top directory of a source; a number follows.
pub const TEMPORARY_PREFIX: &str = ".snap-move-";

/// What a directory is that unpacking made on the way to something that was moved into it.
pub fn made_directory() -> Entry {
    Entry { stat: Stat { kind: Kind::Directory, mode: 0o755, ..Stat::default() }, ..Entry::default() }
}

/// Whether it is the path of something that stands aside for a moment: in the top directory of a source.
pub fn is_temporary(path: &EntryPath) -> bool {
    let number = path.name_bytes().strip_prefix(TEMPORARY_PREFIX.as_bytes());
    let is_in_top = path.parent().is_some_and(|top| !top.is_root() && !top.as_bytes().contains(&b'/'));
    is_in_top && number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

/// Whether it is the top directory of a source.
fn is_top(path: &EntryPath) -> bool {
    path.parent().is_some_and(EntryPath::is_root)
}

/// Whether these renames are one alone, of a source as a whole.
pub fn is_of_source(list: &[(EntryPathBuf, EntryPathBuf)]) -> bool {
    matches!(list, [(from, to)] if is_top(from) && is_top(to))
}

/// The directories above a path that are below its source's top, from the top down.
pub fn directories_above(path: &EntryPath) -> Vec<&EntryPath> {
    let is_below_top = |above: &&EntryPath| above.as_bytes().contains(&b'/');
    let mut above: Vec<&EntryPath> = path.ancestors().skip(1).take_while(is_below_top).collect();
    above.reverse();
    above
}

/// Where a path of the state after came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin<'p> {
    /// What is there is what was at this path, if anything was.
    Path(Cow<'p, EntryPath>),
    /// A directory that was made on the way to something that was moved.
    Made,
    /// Nothing is there: what was has moved.
    Nothing,
}

/// What kind of thing was at a path before; `None`: nothing was.
pub type Before<'b> = dyn FnMut(&EntryPath) -> Result<Option<Kind>> + 'b;

/// Renames, in order.
#[derive(Clone, Default, Debug)]
pub struct Moves {
    list: Vec<(EntryPathBuf, EntryPathBuf)>,
    /// Where something stands now, and where it was.
    placed: BTreeMap<EntryPathBuf, EntryPathBuf>,
    /// What stands elsewhere now: where it was.
    left: HashSet<EntryPathBuf>,
    /// The names of the same, by their directories.
    left_names: HashMap<EntryPathBuf, HashSet<Vec<u8>>>,
    made: BTreeSet<EntryPathBuf>,
}

impl Moves {
    /// The renames.
    pub fn list(&self) -> &[(EntryPathBuf, EntryPathBuf)] {
        &self.list
    }

    /// Whether there are none, and nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Takes what was at a path for gone, without a rename.
    pub fn leave_out(&mut self, path: &EntryPath) {
        self.leave(path);
    }

    /// Where things stand now and where they were, in the order of a walk; what stands aside is no longer there.
    pub fn placed(&self) -> impl Iterator<Item = (&EntryPathBuf, &EntryPathBuf)> {
        self.placed.iter().filter(|(now, _)| !is_temporary(now))
    }

    /// The directories that were made on the way.
    pub fn made(&self) -> impl Iterator<Item = &EntryPathBuf> {
        self.made.iter()
    }

    /// The paths at which nothing of what was there is any more.
    pub fn left(&self) -> impl Iterator<Item = &EntryPathBuf> {
        self.left.iter()
    }

    /// Whether `path`, where something was that stood in `top`, or a directory between them, has moved by itself.
    pub fn has_left(&self, path: &EntryPath, top: &EntryPath) -> bool {
        let is_below = |path: &&EntryPath| *path != top && !path.is_root();
        path.ancestors().take_while(is_below).any(|path| self.left.contains(path))
    }

    /// The names that have moved by themselves of what was in `directory`.
    pub fn left_in(&self, directory: &EntryPath) -> Option<&HashSet<Vec<u8>>> {
        self.left_names.get(directory)
    }

    /// Where what is at `path` came from.
    pub fn origin<'p>(&self, path: &'p EntryPath) -> Origin<'p> {
        if self.made.contains(path) {
            return Origin::Made;
        }
        let (top, was) = match self.placed_above(path) {
            Some((now, was)) => (was, Cow::Owned(was.join_path(path.below(now).unwrap_or(EntryPath::root())))),
            None => (EntryPath::root(), Cow::Borrowed(path)),
        };
        if self.has_left(&was, top) { Origin::Nothing } else { Origin::Path(was) }
    }

    /// The innermost of what was moved that is `path` or above it: where it is, and where it was.
    fn placed_above(&self, path: &EntryPath) -> Option<(&EntryPath, &EntryPath)> {
        path.ancestors().filter(|_| !self.placed.is_empty()).find_map(|path| {
            let (now, was) = self.placed.get_key_value(path)?;
            Some((&**now, &**was))
        })
    }

    /// How many of the directories above `path` were moved.
    pub fn nesting(&self, path: &EntryPath) -> usize {
        path.ancestors().skip(1).filter(|above| self.placed.contains_key(*above)).count()
    }

    /// What kind of thing is at `path` after these renames.
    ///
    /// # Errors
    /// Those of `before`.
    pub fn kind_at(&self, path: &EntryPath, before: &mut Before) -> Result<Option<Kind>> {
        match self.origin(path) {
            Origin::Made => Ok(Some(Kind::Directory)),
            Origin::Nothing => Ok(None),
            Origin::Path(was) => before(&was),
        }
    }

    /// Adds a rename; says why it cannot be, if it cannot: then nothing is added. Where nothing certain is known of the state
    /// before, one of what was not there is passed over.
    ///
    /// # Errors
    /// Those of `before`.
    pub fn push(
        &mut self,
        from: &EntryPath,
        to: &EntryPath,
        is_certain: bool,
        before: &mut Before,
    ) -> Result<Option<&'static str>> {
        if let Some(why) = self.is_wrong(from, to) {
            return Ok(Some(why));
        }
        let Origin::Path(was) = self.origin(from) else { return Ok(is_certain.then_some("is of what is not there")) };
        match before(&was)? {
            None => return Ok(is_certain.then_some("is of what is not there")),
            // GNU tar takes renames from directories only.
            Some(kind) if is_top(from) && kind != Kind::Directory => {
                return Ok(Some("is of a source that is not a directory"));
            }
            Some(_) => {}
        }
        let in_the_way = match self.origin(to) {
            Origin::Path(other) if before(&other)?.is_some() => Some(other.into_owned()),
            Origin::Path(_) | Origin::Nothing => None,
            Origin::Made => return Ok(Some("leads to where something else is")),
        };
        if is_certain && in_the_way.is_some() {
            return Ok(Some("leads to where something else is"));
        }
        let mut made = Vec::new();
        for above in directories_above(to) {
            match self.kind_at(above, before)? {
                None => made.push(above.to_owned()),
                Some(Kind::Directory) => {}
                Some(_) => return Ok(Some("leads into what is not a directory")),
            }
        }
        self.made.extend(made);
        if let Some(other) = in_the_way {
            self.leave(&other);
        }
        let was = was.into_owned();
        if self.placed.remove(from).is_none() {
            self.leave(&was);
        }
        self.placed.insert(to.to_owned(), was);
        self.list.push((from.to_owned(), to.to_owned()));
        Ok(None)
    }

    fn leave(&mut self, was: &EntryPath) {
        self.left.insert(was.to_owned());
        if let Some(directory) = was.parent() {
            self.left_names.entry(directory.to_owned()).or_default().insert(was.name_bytes().to_vec());
        }
    }

    /// Why a rename cannot be, whatever there was before.
    fn is_wrong(&self, from: &EntryPath, to: &EntryPath) -> Option<&'static str> {
        let top = |path: &EntryPath| path.split_source().map(|(top, _)| top.as_bytes().to_vec());
        let is_name =
            |path: &EntryPath| std::str::from_utf8(path.as_bytes()).is_ok_and(|name| source_path(name).is_some());
        let follows = |set: Option<&EntryPathBuf>| set.is_some_and(|next| next.is_in(from));
        let after = (Bound::Excluded(from), Bound::Unbounded);
        let is_aside = |path: &&EntryPath| is_temporary(path) && self.placed.contains_key(*path);
        if is_of_source(&self.list) {
            Some("follows that of a source")
        } else if is_top(from) && is_top(to) {
            let can_be = self.list.is_empty() && from != to && is_name(to);
            (!can_be).then_some("is of a source, and stands beside others or gives it a name that cannot be")
        } else if is_top(from) || is_top(to) {
            Some("is of the top directory of a source")
        } else if top(from) != top(to) {
            Some("leads from one source to another")
        } else if to.is_in(from) || from.is_in(to) {
            Some("leads to itself, or to what is in it or above it")
        } else if [from, to].iter().any(|path| directories_above(path).iter().any(is_aside)) {
            Some("is of what is in something that stands aside")
        } else if follows(self.placed.range::<EntryPath, _>(after).next().map(|(now, _)| now))
            || self.made.contains(from)
            || follows(self.made.range::<EntryPath, _>(after).next())
        {
            Some("is of a directory into which something was moved before")
        } else if self.nesting(to) > MOVES_NESTED_MAX {
            Some("is nested too deep in others")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(text: &str) -> EntryPathBuf {
        EntryPathBuf::from_bytes(text.as_bytes()).unwrap()
    }

    /// What is there before: a path that ends in a slash is a directory.
    fn before(there: &[&str]) -> impl FnMut(&EntryPath) -> Result<Option<Kind>> {
        let kind = |text: &str| if text.ends_with('/') { Kind::Directory } else { Kind::File };
        let known: HashMap<EntryPathBuf, Kind> =
            there.iter().map(|text| (path(text.trim_end_matches('/')), kind(text))).collect();
        move |path| Ok(known.get(path).copied())
    }

    const THERE: [&str; 8] = ["s/", "s/a/", "s/a/x", "s/a/b/", "s/a/b/y", "s/c/", "s/f", "g"];

    fn pushed(moves: &mut Moves, from: &str, to: &str) -> Option<&'static str> {
        moves.push(&path(from), &path(to), true, &mut before(&THERE)).unwrap()
    }

    fn origin(moves: &Moves, text: &str) -> String {
        match moves.origin(&path(text)) {
            Origin::Path(path) => path.to_string(),
            Origin::Made => "made".into(),
            Origin::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn each_path_is_known_by_where_it_came_from() {
        let mut moves = Moves::default();
        for (from, to) in [("s/a/b", "s/n/m/b"), ("s/a", "s/.snap-move-1"), ("s/f", "s/a"), ("s/.snap-move-1", "s/c/a")]
        {
            assert_eq!(pushed(&mut moves, from, to), None, "{from}");
        }
        for (now, was) in [
            ("s/n", "made"),
            ("s/n/m", "made"),
            ("s/n/m/b/y", "s/a/b/y"),
            ("s/c/a/x", "s/a/x"),
            ("s/c/a/b", "nothing"),
            ("s/c/a/b/y", "nothing"),
            ("s/a", "s/f"),
            ("s/f", "nothing"),
            ("s/c", "s/c"),
            ("t/a", "t/a"),
        ] {
            assert_eq!(origin(&moves, now), was, "{now}");
        }
        assert!(moves.placed().all(|(now, _)| !is_temporary(now)));
    }

    #[test]
    fn a_source_takes_all_that_is_in_it_along() {
        let mut moves = Moves::default();
        assert_eq!(pushed(&mut moves, "s", "t"), None);
        for (now, was) in [("t", "s"), ("t/a/x", "s/a/x"), ("s", "nothing"), ("s/a/x", "nothing"), ("g", "g")] {
            assert_eq!(origin(&moves, now), was, "{now}");
        }
    }

    #[test]
    fn renames_that_cannot_be_are_none() {
        let moved = |list: &[(&str, &str)]| {
            let mut moves = Moves::default();
            list.iter().fold(None, |_, (from, to)| pushed(&mut moves, from, to))
        };
        for bad in [
            &[("s/a", "s/a")][..],
            &[("s/a", "s/a/b/c")],
            &[("s/a/b", "s/a")],
            &[("s", "s")],
            &[("s", "t/s")],
            &[("s", ".snap-t")],
            &[("s/a", "s/m"), ("s", "t")],
            &[("s", "t"), ("t/a", "t/m")],
            &[("s", "t"), ("t", "u")],
            &[("g", "h")],
            &[("s/a", "t")],
            &[("s/a", "t/a")],
            &[("s/z", "s/y")],
            &[("s/a", "s/c")],
            &[("s/a", "s/f/a")],
            &[("s/f", "s/n/f"), ("s/n", "s/m")],
            &[("s/f", "s/a/f"), ("s/a", "s/m")],
            &[("s/f", "s/n/o/f"), ("s/n/o", "s/m")],
            &[("s/a", "s/m"), ("s/a", "s/n")],
            &[("s/a", "s/m"), ("s/a/x", "s/n")],
            &[("s/a", "s/.snap-move-1"), ("s/f", "s/.snap-move-1/f")],
            &[("s/a", "s/.snap-move-1"), ("s/.snap-move-1/x", "s/n")],
        ] {
            assert!(moved(bad).is_some(), "{bad:?}");
        }
        assert_eq!(moved(&[("s/a", "s/m"), ("s/m/x", "s/n")]), None);
        assert_eq!(moved(&[("s/a", "s/m"), ("s/f", "s/a")]), None);
        assert_eq!(moved(&[("s", "t")]), None);
    }

    #[test]
    fn of_an_uncertain_state_what_is_not_there_is_passed_over() {
        let mut moves = Moves::default();
        let none = moves.push(&path("s/z"), &path("s/y"), false, &mut before(&THERE)).unwrap();
        assert!(none.is_none() && moves.is_empty());
        let over = moves.push(&path("s/a"), &path("s/c"), false, &mut before(&THERE)).unwrap();
        assert!(over.is_none() && origin(&moves, "s/c/x") == "s/a/x");
    }

    #[test]
    fn a_rename_that_cannot_be_changes_nothing_of_an_uncertain_state_either() {
        let mut moves = Moves::default();
        let mut push =
            |from, to| moves.push(&path(from), &path(to), false, &mut before(&["s/", "s/f", "s/f/x", "s/g"]));
        assert!(push("s/g", "s/f/x").unwrap().is_some());
        assert_eq!(origin(&moves, "s/f/x"), "s/f/x");
        let mut push = |from, to| moves.push(&path(from), &path(to), false, &mut before(&THERE)).unwrap();
        assert_eq!((push("s/f", "s/n/f"), push("s/c", "s/n").is_some()), (None, true), "it was made on the way");
        assert_eq!((origin(&moves, "s/n/f").as_str(), origin(&moves, "s/c").as_str()), ("s/f", "s/c"));
    }

    #[test]
    fn only_names_with_a_number_in_the_top_stand_aside() {
        for (text, is) in
            [("s/.snap-move-7", true), ("s/.snap-move-", false), ("s/a/.snap-move-7", false), (".snap-move-7", false)]
        {
            assert_eq!(is_temporary(&path(text)), is, "{text}");
        }
    }
}
