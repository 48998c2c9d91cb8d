//! What the lists of names in a bundle make GNU tar delete, against what the snapshot says.

use super::finding::PATHS_MAX;
use crate::archive::moved;
use crate::archive::moved::Certainty;
use crate::archive::state::State;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::moves::is_temporary;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::tar;
use crate::format::tar::Renames;
use std::collections::HashSet;
use std::collections::VecDeque;

/// Some paths, the first of many.
#[derive(Default)]
pub(super) struct Named {
    pub paths: Vec<EntryPathBuf>,
    pub total: u64,
}

impl Named {
    pub fn extend(&mut self, path: Option<EntryPathBuf>) {
        if let Some(path) = path {
            self.add(path);
        }
    }

    pub fn append(&mut self, more: Named) {
        let counted = more.paths.len() as u64;
        more.paths.into_iter().for_each(|path| self.add(path));
        self.total += more.total - counted;
    }

    pub fn add(&mut self, path: EntryPathBuf) {
        self.total += 1;
        if self.paths.len() < PATHS_MAX {
            self.paths.push(path);
        }
    }
}

/// Members of top directories with their lists, by which things are renamed.
pub(super) enum MoveMembers {
    /// These, in this order.
    Known(VecDeque<(EntryPathBuf, Vec<u8>)>),
    /// Those that rename, for nothing certain is known of the state before; and the directory that deletes what it moved aside.
    Unknown { deletes: Option<Vec<u8>> },
}

impl Default for MoveMembers {
    fn default() -> MoveMembers {
        MoveMembers::Known(VecDeque::new())
    }
}

impl MoveMembers {
    /// Whether a member of the directory `name` is one, whatever it says.
    fn may_be(deletes: &mut Option<Vec<u8>>, name: &[u8], listing: Option<&[u8]>) -> bool {
        let Some(moves) = listing.and_then(|listing| tar::moves_in(name, listing)) else {
            return deletes.take().is_some_and(|top| top == name);
        };
        let is_aside = |path: &[u8]| EntryPath::new(path).is_some_and(is_temporary);
        *deletes = moves.renames.iter().any(|(_, to)| is_aside(to)).then(|| name.to_vec());
        true
    }
}

/// A directory that is moved aside, so that names of it can be deleted without a list of all others.
struct Aside {
    directory: EntryPathBuf,
    /// The names that are deleted.
    gone: HashSet<Vec<u8>>,
    /// Whether they were.
    is_emptied: bool,
}

impl Aside {
    fn new(directory: EntryPathBuf) -> Aside {
        Aside { directory, gone: HashSet::new(), is_emptied: false }
    }
}

/// Looks at the lists of names in one bundle.
pub(super) struct NameLists {
    /// What was there at the bundle's number, if that is known for certain.
    pub state: Option<State>,
    /// What was there before, if that is known for certain.
    pub before: Option<State>,
    /// The last path of which an unfinished snapshot says something, of directory and name: what its lists leave out behind that
    /// was still to be said to be gone. `None`: all was said.
    ends_at: Option<EntryPathBuf>,
    /// A directory that is moved aside.
    aside: Option<Aside>,
    /// What the first members must be, by the renames of the manifest: top directories with their lists.
    moves: MoveMembers,
    /// Directories with a list, those of earlier parts of the snapshot among them.
    listed: HashSet<Vec<u8>>,
    /// Names that GNU tar deletes though they are there, and directories from which it does not delete what is gone.
    wrong: Named,
}

impl NameLists {
    pub fn new(state: Option<State>, before: Option<State>, listed: HashSet<Vec<u8>>) -> NameLists {
        NameLists {
            state,
            before,
            ends_at: None,
            aside: None,
            moves: MoveMembers::default(),
            listed,
            wrong: Named::default(),
        }
    }

    /// Says which members must stand before all others.
    #[must_use]
    pub fn expecting(self, moves: MoveMembers) -> NameLists {
        NameLists { moves, ..self }
    }

    /// Whether a member is the next of those that stand before all others, with the right list. If it should be and is not,
    /// that is noted.
    pub fn is_move(&mut self, name: &[u8], listing: Option<&[u8]>) -> bool {
        let name = name.strip_suffix(b"/").unwrap_or(name);
        let next = match &mut self.moves {
            MoveMembers::Known(moves) => moves.pop_front(),
            MoveMembers::Unknown { deletes } => return MoveMembers::may_be(deletes, name, listing),
        };
        let Some((top, expected)) = next else { return false };
        if name == top.as_bytes() && listing.is_some_and(|listing| say_the_same(name, &expected, listing)) {
            return true;
        }
        self.wrong.add(top);
        self.lose_track();
        false
    }

    /// Expects nothing more: where members stand is not known any more.
    pub fn lose_track(&mut self) {
        self.moves = MoveMembers::default();
    }

    /// Of an unfinished snapshot.
    pub fn said_up_to(self, ends_at: Option<EntryPathBuf>) -> NameLists {
        NameLists { ends_at, ..self }
    }

    fn was_said(&self, path: &EntryPath) -> bool {
        self.ends_at.as_ref().is_none_or(|end| path.row_order(end).is_le())
    }

    /// Looks at the list of a member, which has the name `name`.
    pub fn check(&mut self, name: &[u8], listing: Option<&[u8]>) -> Result<()> {
        let Some(listing) = listing else {
            self.wrong.extend(self.aside.take().map(|aside| aside.directory));
            return Ok(());
        };
        let name = name.strip_suffix(b"/").unwrap_or(name);
        self.listed.insert(name.to_vec());
        let (Some(state), Some(directory)) = (&self.state, EntryPathBuf::from_bytes(name)) else { return Ok(()) };
        if self.aside.as_ref().is_some_and(|aside| aside.directory == directory)
            || tar::renamed(name, listing).is_some()
        {
            return self.check_renames(directory, listing);
        }
        let Some(listed) = tar::listed(listing) else {
            self.wrong.add(directory);
            return Ok(());
        };
        let wrong = self.differing(&directory, listed, state)?;
        for path in wrong {
            self.wrong.add(path);
        }
        Ok(())
    }

    /// What GNU tar deletes by a list of names in `directory` and should not, or leaves and should not: it deletes what is not
    /// in the list, and what is a directory in one of both only.
    fn differing<'l>(
        &self,
        directory: &EntryPathBuf,
        listed: impl Iterator<Item = (u8, &'l [u8])>,
        state: &State,
    ) -> Result<Vec<EntryPathBuf>> {
        let child = |name: &[u8]| directory.child(name).unwrap_or_else(|| directory.clone());
        let (mut listed, mut wrong, mut surplus) = (listed.peekable(), Vec::new(), Vec::new());
        for group in state.in_directory(directory) {
            for row in &group?.rows {
                while let Some((_, name)) = listed.next_if(|(_, name)| *name < row.name()) {
                    surplus.push(child(name));
                }
                let is_directory = row.entry()?.is_some_and(|entry| entry.stat.kind == Kind::Directory);
                let is_listed = |(letter, name): &(u8, &[u8])| *name == row.name() && (*letter == b'D') == is_directory;
                if !listed.next_if(|(_, name)| *name == row.name()).is_some_and(|item| is_listed(&item)) {
                    wrong.push(child(row.name()));
                }
            }
        }
        surplus.extend(listed.map(|(_, name)| child(name)));
        for path in surplus {
            // What could not be looked at may be listed; what was there before and went may not.
            if self.before.as_ref().is_some_and(|before| before.find(&path).is_ok_and(|older| older.is_some())) {
                wrong.push(path);
            }
        }
        wrong.retain(|path| self.was_said(path));
        Ok(wrong)
    }

    /// A directory is moved aside, what goes is moved to an empty one in its place and deleted there, and it is moved back.
    fn check_renames(&mut self, directory: EntryPathBuf, listing: &[u8]) -> Result<()> {
        match (tar::renamed(directory.as_bytes(), listing), self.aside.take()) {
            (Some(Renames::Aside), None) => self.aside = Some(Aside::new(directory)),
            (Some(Renames::Gone(names)), Some(mut aside)) if !aside.is_emptied => {
                for name in names {
                    self.check_deleted(&directory, name)?;
                    aside.gone.insert(name.to_vec());
                }
                self.aside = Some(aside);
            }
            (None, Some(aside)) if listing == [0] && !aside.is_emptied && !aside.gone.is_empty() => {
                self.aside = Some(Aside { is_emptied: true, ..aside });
            }
            (Some(Renames::Back), Some(aside)) if aside.is_emptied => self.check_left(&aside)?,
            _ => self.wrong.add(directory),
        }
        Ok(())
    }

    /// A name is deleted from a directory: nothing is there any more, or something that is stored again.
    fn check_deleted(&mut self, directory: &EntryPath, name: &[u8]) -> Result<()> {
        let Some(path) = directory.child(name) else { return Ok(()) };
        let find = |state: &Option<State>| state.as_ref().map(|state| state.find(&path)).transpose();
        let kind = |entry: Option<Option<Entry>>| entry.flatten().map(|entry| entry.stat.kind);
        let (now, older) = (kind(find(&self.state)?), kind(find(&self.before)?));
        // What became something else than a directory, or the other way round, is stored again.
        let stays = |now| older.is_none_or(|older| (older == Kind::Directory) == (now == Kind::Directory));
        if now.is_some_and(stays) && self.was_said(&path) {
            self.wrong.add(path);
        }
        Ok(())
    }

    /// What was in a directory and is not any more must have been deleted with the rest.
    fn check_left(&mut self, aside: &Aside) -> Result<()> {
        let (Some(state), Some(before)) = (&self.state, &self.before) else { return Ok(()) };
        let mut left = Vec::new();
        for group in before.in_directory(&aside.directory) {
            for row in &group?.rows {
                let path = row.path_in(&aside.directory)?;
                let is_told = aside.gone.contains(row.name()) || !self.was_said(&path);
                if !is_told && state.find(&path)?.is_none() {
                    left.push(path);
                }
            }
        }
        for path in left {
            self.wrong.add(path);
        }
        Ok(())
    }

    /// Looks whether all these directories, which lost names, had a list.
    pub fn finish<'d>(&mut self, deleting: impl Iterator<Item = &'d EntryPathBuf>) -> Result<()> {
        self.wrong.extend(self.aside.take().map(|aside| aside.directory));
        if let MoveMembers::Known(moves) = &mut self.moves {
            self.wrong.extend(moves.pop_front().map(|(top, _)| top));
        }
        let Some(before) = &self.before else { return Ok(()) };
        for directory in deleting.filter(|directory| !self.listed.contains(directory.as_bytes())) {
            if before.find(directory)?.is_some_and(|entry| entry.stat.kind == Kind::Directory) {
                self.wrong.add(directory.clone());
            }
        }
        Ok(())
    }

    /// The directories with a list, and what is wrong.
    pub fn into_parts(self) -> (HashSet<Vec<u8>>, Named) {
        (self.listed, self.wrong)
    }
}

/// The state before snapshot `number` after its renames, and the members that these make; no state where it is not known for
/// certain.
///
/// # Errors
/// When the index is damaged or cannot be read.
pub(super) fn moves_of(
    before: Option<State>,
    list: &[(EntryPathBuf, EntryPathBuf)],
    number: SnapshotNumber,
) -> Result<(Option<State>, MoveMembers)> {
    let unknown = || Ok((None, MoveMembers::Unknown { deletes: None }));
    let Some(before) = before.filter(|before| !before.is_uncertain(number)) else { return unknown() };
    // What cannot be was told when the index was compared.
    let moves = match moved::moves_of(list, &before, Certainty::Certain) {
        Err(error) if error.is_damage() => return unknown(),
        moves => moves?,
    };
    let after = moved::after_moves(&before, &moves)?;
    let members = moved::all_lists(&moves, &after)?.into();
    Ok((Some(after), MoveMembers::Known(members)))
}

/// Whether two lists of the top directory `top` have the same renames and the same names of directories and others.
fn say_the_same(top: &[u8], a: &[u8], b: &[u8]) -> bool {
    let parts = |list| tar::moves_in(top, list).map_or((Vec::new(), list), |moves| (moves.renames, moves.names));
    let ((a_renames, a), (b_renames, b)) = (parts(a), parts(b));
    let is_directory = |(letter, name): (u8, _)| (letter == b'D', name);
    let names = tar::listed(a).zip(tar::listed(b));
    a_renames == b_renames && names.is_some_and(|(a, b)| a.map(is_directory).eq(b.map(is_directory)))
}
