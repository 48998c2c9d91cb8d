//! A state after renames, as if an index file said so: what was moved stands under its new path, and nothing is read of it
//! before it is asked for.

use crate::archive::rows::Overlay;
use crate::archive::rows::Pieces;
use crate::archive::state::DirectoryRows;
use crate::archive::state::Groups;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::moves::Moves;
use crate::base::moves::Origin;
use crate::base::moves::TEMPORARY_PREFIX;
use crate::base::moves::is_of_source;
use crate::base::moves::is_temporary;
use crate::base::moves::made_directory;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::Name;
use crate::base::path::PATH_BYTES_MAX;
use crate::base::path::outermost;
use crate::format::tar::DumpDir;
use crate::format::tar::moving;
use std::collections::VecDeque;
use std::sync::Arc;

/// What kind of thing is at a path of a state, for [`Moves::push`].
///
/// # Errors
/// When the index is damaged or cannot be read.
pub fn kind_in(state: &State, path: &EntryPath) -> Result<Option<Kind>> {
    Ok(state.find(path)?.map(|entry| entry.stat.kind))
}

/// Whether a state is known for certain, so that renames must be of what it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Certainty {
    /// It is.
    Certain,
    /// Lists of changes before are lost.
    Uncertain,
}

/// The renames of this list, which follow the state `before`.
///
/// # Errors
/// [`crate::base::error::ErrorKind::Damaged`] when one cannot be; when the index is damaged or cannot be read.
pub fn moves_of(list: &[(EntryPathBuf, EntryPathBuf)], before: &State, certainty: Certainty) -> Result<Moves> {
    let mut moves = Moves::default();
    let is_certain = certainty == Certainty::Certain;
    for (from, to) in list {
        let why = moves.push(from, to, is_certain, &mut |path| kind_in(before, path))?;
        if let Some(why) = why {
            return Err(Error::damaged(format!("the rename of {from} to {to} {why}")));
        }
    }
    Ok(moves)
}

/// The state `before` after renames.
///
/// # Errors
/// When the index is damaged or cannot be read.
pub fn after_moves(before: &State, moves: &Moves) -> Result<State> {
    if moves.is_empty() {
        return Ok(before.clone());
    }
    Ok(before.with_overlay(Arc::new(Moved::new(before.clone(), moves.clone())?)))
}

/// The lists of a source's top directory, one for each of its first members: the renames with all names that are there after
/// them, and the names once more if something was moved aside, so that it is deleted. None when nothing moved there.
///
/// # Errors
/// When the index cannot be read.
pub fn lists_of(top: &EntryPath, moves: &Moves, state: &State) -> Result<Vec<Vec<u8>>> {
    let own: Vec<_> = moves.list().iter().filter(|(from, _)| from.is_in(top)).collect();
    if own.is_empty() {
        return Ok(Vec::new());
    }
    let names = names_in(state, top)?;
    let renames = own.iter().map(|(from, to)| (from.as_bytes(), to.as_bytes()));
    let mut lists = vec![moving(renames, &names)];
    if own.iter().any(|(_, to)| is_temporary(to)) {
        lists.push(names);
    }
    Ok(lists)
}

/// The members by which stock tar makes these renames, which follow the state `before`: top directories, one for each list of names.
///
/// # Errors
/// When the index is damaged or cannot be read.
pub fn members(moves: &Moves, before: &State) -> Result<Vec<(EntryPathBuf, Entry, Vec<u8>)>> {
    let state = after_moves(before, moves)?;
    let mut members = Vec::new();
    for (top, names) in all_lists(moves, &state)? {
        let old = if is_of_source(moves.list()) { &moves.list()[0].0 } else { &top };
        if let Some(entry) = before.find(old)? {
            members.push((top, entry, names));
        }
    }
    Ok(members)
}

/// The top directories with the lists by which stock tar renames, a member for each, in order; `state` is that after the renames.
///
/// # Errors
/// When the index cannot be read.
pub fn all_lists(moves: &Moves, state: &State) -> Result<Vec<(EntryPathBuf, Vec<u8>)>> {
    if let [(from, to)] = moves.list()
        && is_of_source(moves.list())
    {
        return lists_of_source(from, to, state);
    }
    let mut tops: Vec<&Name> =
        moves.list().iter().filter_map(|(from, _)| from.split_source()).map(|(top, _)| top).collect();
    tops.dedup();
    let mut lists = Vec::new();
    for top in tops.into_iter().map(|top| EntryPath::root().join(top)) {
        lists.extend(lists_of(&top, moves, state)?.into_iter().map(|list| (top.clone(), list)));
    }
    Ok(lists)
}

/// A whole source is renamed by the list of the old directory. Unpacking makes that one anew, empty: it is moved into the new one,
/// and deleted there.
fn lists_of_source(from: &EntryPath, to: &EntryPath, state: &State) -> Result<Vec<(EntryPathBuf, Vec<u8>)>> {
    let names = names_in(state, to)?;
    let mut aside = None;
    for number in 1.. {
        aside = to.child(format!("{TEMPORARY_PREFIX}{number}").as_bytes());
        let is_free = aside.as_deref().map(|aside| state.find(aside)).transpose()?.flatten().is_none();
        if is_free {
            break;
        }
    }
    let aside = aside.ok_or_else(|| Error::damaged("the path of a source is too long"))?;
    let list = |from: &EntryPath, to: &EntryPath, names: &[u8]| {
        moving(std::iter::once((from.as_bytes(), to.as_bytes())), names)
    };
    let none = DumpDir::default().into_bytes();
    Ok(vec![
        (from.to_owned(), list(from, to, &none)),
        (to.to_owned(), list(from, &aside, &names)),
        (to.to_owned(), names),
    ])
}

/// All names in a directory, as GNU tar's list.
///
/// # Errors
/// When the index cannot be read.
pub fn names_in(state: &State, directory: &EntryPath) -> Result<Vec<u8>> {
    let mut names = DumpDir::default();
    for group in state.in_directory(directory) {
        for row in &group?.rows {
            match row.stat() {
                Some(stat) if stat.kind == Kind::Directory => names.directory(row.name()),
                _ => names.unchanged(row.name()),
            }
        }
    }
    Ok(names.into_bytes())
}

struct Moved(Arc<Renamed>);

struct Renamed {
    before: State,
    moves: Moves,
    /// What was moved and what was made, where it is now, in the order of rows.
    roots: Vec<(EntryPathBuf, Row)>,
    /// What was moved, where it was, the same.
    gone: Vec<(EntryPathBuf, Row)>,
    /// What was moved: where it is now and where it was, in the order of a walk, by how many others it is in.
    placed: Vec<Vec<(EntryPathBuf, EntryPathBuf)>>,
}

impl Moved {
    fn new(before: State, moves: Moves) -> Result<Moved> {
        let (mut roots, mut gone) = (Vec::new(), Vec::new());
        let mut placed: Vec<Vec<(EntryPathBuf, EntryPathBuf)>> = Vec::new();
        for (now, was) in moves.placed() {
            roots.push((now.clone(), Row::made(now.name_bytes(), before.find(was)?)));
            let nesting = moves.nesting(now);
            if placed.len() <= nesting {
                placed.resize_with(nesting + 1, Vec::new);
            }
            placed[nesting].push((now.clone(), was.clone()));
        }
        roots.extend(moves.made().map(|made| (made.clone(), Row::made(made.name_bytes(), Some(made_directory())))));
        gone.extend(moves.left().map(|left| (left.clone(), Row::made(left.name_bytes(), None))));
        for list in [&mut roots, &mut gone] {
            list.sort_by(|(a, _), (b, _)| a.row_order(b));
        }
        Ok(Moved(Arc::new(Renamed { before, moves, roots, gone, placed })))
    }
}

impl Overlay for Moved {
    fn pieces(&self, top: &EntryPath) -> Vec<Box<dyn Pieces>> {
        let renamed = &self.0;
        let mut pieces: Vec<Box<dyn Pieces>> = vec![Box::new(Roots::new(renamed.clone(), Which::Now, top))];
        for level in renamed.placed.iter().rev() {
            pieces.push(Box::new(Subtrees::new(renamed.clone(), Which::Now, level.clone(), top)));
        }
        let left: Vec<EntryPathBuf> = renamed.moves.left().cloned().collect();
        let left = outermost(&left).into_iter().map(|left| (left.clone(), left)).collect();
        pieces.push(Box::new(Roots::new(renamed.clone(), Which::Gone, top)));
        pieces.push(Box::new(Subtrees::new(renamed.clone(), Which::Gone, left, top)));
        pieces
    }

    fn find(&self, path: &EntryPath) -> Result<Option<Entry>> {
        match self.0.moves.origin(path) {
            Origin::Made => Ok(Some(made_directory())),
            Origin::Nothing => Ok(None),
            Origin::Path(was) => self.0.before.find(&was),
        }
    }
}

/// Whether rows are of where things are now, or of where they were.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Now,
    Gone,
}

/// The rows of what was moved itself.
struct Roots {
    renamed: Arc<Renamed>,
    which: Which,
    at: usize,
}

impl Roots {
    fn new(renamed: Arc<Renamed>, which: Which, top: &EntryPath) -> Roots {
        let mut roots = Roots { renamed, which, at: 0 };
        let is_before = |(path, _): &(EntryPathBuf, Row)| path.parent().is_none_or(|directory| *directory < *top);
        roots.at = roots.all().partition_point(is_before);
        roots
    }

    fn all(&self) -> &[(EntryPathBuf, Row)] {
        if self.which == Which::Now { &self.renamed.roots } else { &self.renamed.gone }
    }
}

impl Pieces for Roots {
    fn fill(&mut self, _rows_max: u32) -> Result<()> {
        Ok(())
    }

    fn path(&self) -> Option<&[u8]> {
        self.all().get(self.at).and_then(|(path, _)| path.parent()).map(EntryPath::as_bytes)
    }

    fn last_of_unfinished(&self) -> Option<&[u8]> {
        None
    }

    fn take_until(&mut self, last: Option<&[u8]>) -> Vec<Row> {
        let all = self.all();
        let directory = all.get(self.at).and_then(|(path, _)| path.parent());
        let is_taken = |(path, row): &&(EntryPathBuf, Row)| {
            path.parent() == directory && last.is_none_or(|last| row.name() <= last)
        };
        let rows: Vec<Row> = all[self.at..].iter().take_while(is_taken).map(|(_, row)| row.clone()).collect();
        self.at += rows.len();
        rows
    }
}

/// What is in what was moved.
struct Subtrees {
    renamed: Arc<Renamed>,
    which: Which,
    /// Where they are said to be, where they were, and where in that to begin.
    waiting: VecDeque<(EntryPathBuf, EntryPathBuf, EntryPathBuf)>,
    open: Option<(EntryPathBuf, EntryPathBuf, Groups)>,
    piece: Option<DirectoryRows>,
    /// What comes after the piece.
    ahead: Option<DirectoryRows>,
}

impl Subtrees {
    fn new(renamed: Arc<Renamed>, which: Which, list: Vec<(EntryPathBuf, EntryPathBuf)>, top: &EntryPath) -> Subtrees {
        let waiting = list.into_iter().filter_map(|(now, was)| match top.below(&now) {
            Some(below) => {
                let start = was.join_path(below);
                Some((now, was, start))
            }
            None => (*now > *top).then(|| (now, was.clone(), was)),
        });
        Subtrees { renamed, which, waiting: waiting.collect(), open: None, piece: None, ahead: None }
    }

    fn next(&mut self) -> Result<Option<DirectoryRows>> {
        loop {
            let Some((now, was, groups)) = &mut self.open else {
                let Some((now, was, start)) = self.waiting.pop_front() else { return Ok(None) };
                let groups = self.renamed.before.groups(&start);
                self.open = Some((now, was, groups));
                continue;
            };
            let Some(group) = groups.next().transpose()? else {
                self.open = None;
                continue;
            };
            let found = match self.which {
                Which::Gone => {
                    let rows = group.rows.into_iter().map(Row::into_gone).collect();
                    Some(DirectoryRows { path: group.path, rows })
                }
                Which::Now => moved_group(&self.renamed.moves, now, was, group),
            };
            if let Some(found) = found.filter(|found| !found.rows.is_empty()) {
                return Ok(Some(found));
            }
        }
    }
}

/// What was in a directory of what was at `was`, as it is in what is at `now`; without what has moved by itself.
fn moved_group(moves: &Moves, now: &EntryPath, was: &EntryPath, group: DirectoryRows) -> Option<DirectoryRows> {
    if moves.has_left(&group.path, was) {
        return None;
    }
    let DirectoryRows { path, mut rows } = group;
    if let Some(left) = moves.left_in(&path) {
        rows.retain(|row| !left.contains(row.name()));
    }
    let path = now.join_path(path.below(was)?);
    // What would have a longer path than can be is not there any more: no snapshot holds it.
    let name_bytes_max = PATH_BYTES_MAX.checked_sub(path.as_bytes().len() + 1)?;
    rows.retain(|row| row.name().len() <= name_bytes_max);
    Some(DirectoryRows { path, rows })
}

impl Pieces for Subtrees {
    fn fill(&mut self, _rows_max: u32) -> Result<()> {
        if self.piece.is_none() {
            self.piece = match self.ahead.take() {
                Some(ahead) => Some(ahead),
                None => self.next()?,
            };
        }
        if self.piece.is_some() && self.ahead.is_none() {
            self.ahead = self.next()?;
        }
        Ok(())
    }

    fn path(&self) -> Option<&[u8]> {
        self.piece.as_ref().map(|piece| piece.path.as_bytes())
    }

    fn last_of_unfinished(&self) -> Option<&[u8]> {
        let piece = self.piece.as_ref()?;
        let goes_on = self.ahead.as_ref().is_some_and(|ahead| ahead.path == piece.path);
        piece.rows.last().filter(|_| goes_on).map(Row::name)
    }

    fn take_until(&mut self, last: Option<&[u8]>) -> Vec<Row> {
        let Some(piece) = &mut self.piece else { return Vec::new() };
        let count = last.map_or(piece.rows.len(), |last| piece.rows.partition_point(|row| row.name() <= last));
        let rest = piece.rows.split_off(count);
        let rows = std::mem::replace(&mut piece.rows, rest);
        if piece.rows.is_empty() {
            self.piece = None;
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::archive::state::Rows;
    use crate::format::index::IndexFile;
    use crate::format::index::IndexHead;
    use crate::format::index::IndexWriter;
    use crate::system::store::MemoryStore;
    use crate::system::store::Store;
    use std::collections::BTreeMap;

    /// What is at each path: a number of its own, and whether it is a directory.
    type Model = BTreeMap<EntryPathBuf, (u64, bool)>;

    fn path(text: &str) -> EntryPathBuf {
        EntryPathBuf::from_bytes(text.as_bytes()).unwrap()
    }

    fn number_of(entry: &Entry) -> (u64, bool) {
        (entry.stat.size, entry.stat.kind == Kind::Directory)
    }

    fn state(model: &Model) -> State {
        let store = MemoryStore::new();
        let mut writer = IndexWriter::new(store.create("i").unwrap()).unwrap();
        let mut rows: Vec<_> = model.iter().collect();
        rows.sort_by(|(a, _), (b, _)| a.row_order(b));
        for (path, (number, is_directory)) in rows {
            let mut entry = Entry::default();
            entry.stat.size = *number;
            entry.stat.kind = if *is_directory { Kind::Directory } else { Kind::Fifo };
            writer.push(path.parent().unwrap().as_bytes(), path.name_bytes(), Some(&entry)).unwrap();
        }
        writer.publish("i", &IndexHead { number: 1.into(), ..IndexHead::default() }).unwrap();
        State::new(vec![Arc::new(IndexFile::open(store.open("i").unwrap()).unwrap())])
    }

    #[test]
    fn what_would_have_a_longer_path_than_can_be_is_not_there_after_a_rename() {
        let mut model = Model::from([(path("s"), (1, true)), (path("s/a"), (2, true))]);
        let mut deep = path("s/a");
        while let Some(next) = deep.child(&[b'x'; 15_000]) {
            model.insert(next.clone(), (3, true));
            deep = next;
        }
        let (from, to) = (path("s/a"), path(&format!("s/{}", "b".repeat(6000))));
        let (before, mut moves) = (state(&model), Moves::default());
        assert_eq!(moves.push(&from, &to, true, &mut |path| kind_in(&before, path)).unwrap(), None);
        let after = after_moves(&before, &moves).unwrap();
        let count = model.len();
        rename(&mut model, &from, &to);
        model.retain(|path, _| path.as_bytes().len() <= PATH_BYTES_MAX);
        assert_eq!((walked(&after, EntryPath::root()) == model, model.len()), (true, count - 1));
        let mut rows = Rows::new(after.groups_and_gone(EntryPath::root()));
        while rows.take().unwrap().is_some() {}
    }

    /// The plainest way to say what a rename does; what is made on the way has the number 0.
    fn rename(model: &mut Model, from: &EntryPath, to: &EntryPath) {
        for above in crate::base::moves::directories_above(to) {
            model.entry(above.to_owned()).or_insert((0, true));
        }
        let moved: Vec<EntryPathBuf> = model.keys().filter(|path| path.is_in(from)).cloned().collect();
        for path in moved {
            let what = model.remove(&path).unwrap();
            model.insert(to.join_path(path.below(from).unwrap()), what);
        }
    }

    fn walked(state: &State, top: &EntryPath) -> Model {
        let mut found = Model::new();
        for group in state.groups(top) {
            let group = group.unwrap();
            for row in &group.rows {
                let entry = row.entry().unwrap().unwrap();
                assert_eq!(row.stat(), Some(&entry.stat));
                let path = group.path.child(row.name()).unwrap();
                assert!(found.insert(path, number_of(&entry)).is_none(), "a name twice in {}", group.path);
            }
        }
        found
    }

    fn random(seed: &mut u64, below: usize) -> usize {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) as usize % below
    }

    /// A tree with directories of more names than a block holds, if `names` is large.
    fn tree(seed: &mut u64, names: usize) -> Model {
        let mut model = Model::from([(path("s"), (1, true)), (path("t"), (2, true))]);
        for number in 3..3 + names as u64 {
            let directories: Vec<&EntryPathBuf> =
                model.iter().filter(|(_, what)| what.1).map(|(path, _)| path).collect();
            let directory = directories[random(seed, directories.len().min(12))].clone();
            let name = format!("{}", random(seed, names));
            let is_directory = random(seed, 4) == 0;
            model.entry(directory.child(name.as_bytes()).unwrap()).or_insert((number, is_directory));
        }
        model
    }

    #[test]
    fn a_state_after_renames_is_walked_and_searched_like_a_plain_map() {
        let mut refused = 0;
        for (round, names) in (0..60).map(|round| (round, if round % 20 == 0 { 9000 } else { 40 })) {
            let mut seed = round;
            let before = tree(&mut seed, names);
            let (old, mut model, mut moves) = (state(&before), before.clone(), Moves::default());
            for number in 0..14 {
                let all: Vec<EntryPathBuf> =
                    model.keys().filter(|path| path.parent().is_some_and(|top| !top.is_root())).cloned().collect();
                let from = all[random(&mut seed, all.len())].clone();
                let directory = all[random(&mut seed, all.len())].clone();
                let to = match random(&mut seed, 4) {
                    0 => path(&format!("s/.snap-move-{number}")),
                    1 => directory.child(b"made").unwrap().child(b"new").unwrap(),
                    2 => directory.clone(),
                    _ => directory.child(format!("n{number}").as_bytes()).unwrap(),
                };
                let why = moves.push(&from, &to, true, &mut |path| kind_in(&old, path)).unwrap();
                if why.is_none() { rename(&mut model, &from, &to) } else { refused += 1 }
            }
            model.retain(|path, _| !path.parts().any(|part| part.as_bytes().starts_with(b".snap-move-")));
            let after = after_moves(&old, &moves).unwrap();
            assert_eq!(walked(&after, EntryPath::root()), model, "round {round}");
            let tops: Vec<EntryPathBuf> = before.keys().chain(model.keys()).cloned().collect();
            for top in tops.iter().step_by(1 + tops.len() / 60) {
                let part = model.iter().filter(|(path, _)| path.parent().is_some_and(|parent| parent.is_in(top)));
                assert_eq!(walked(&after, top), part.map(|(path, what)| (path.clone(), *what)).collect(), "{top}");
                let found = after.find(top).unwrap().map(|entry| number_of(&entry));
                assert_eq!(found, model.get(top).copied(), "{top}");
            }
            check_difference(&after, before, &model);
        }
        assert!(refused > 50, "{refused}");
    }

    /// The rows that lead from the state before to that after.
    fn check_difference(after: &State, mut before: Model, model: &Model) {
        let mut rows = Rows::new(after.since(1.into()).groups_and_gone(EntryPath::root()));
        let mut last: Option<EntryPathBuf> = None;
        while let Some((directory, row)) = rows.take().unwrap() {
            let path = row.path_in(directory).unwrap();
            assert!(last.as_ref().is_none_or(|last| last.row_order(&path).is_lt()), "{path}");
            match row.entry().unwrap() {
                Some(entry) => drop(before.insert(path.clone(), number_of(&entry))),
                None => drop(before.remove(&path)),
            }
            last = Some(path);
        }
        assert_eq!(&before, model);
    }
}
