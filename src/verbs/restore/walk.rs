//! Walks the state: makes directories, deletes what should not be there, and hands on everything else in rounds of bounded
//! size. Further names of files are linked here, when the first is done.

use super::compare::are_linked;
use super::context::RestoreContext;
use super::links::FirstName;
use super::links::Link;
use super::links::Links;
use super::links::Role;
use super::removal;
use super::removal::Removal;
use super::replacing::may_replace;
use super::round::PlannedEntry;
use super::selection::Folder;
use super::selection::Selection;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::system::destination::Made;
use crate::system::destination::link_in_the_way;
use crate::system::platform::RawStat;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;

/// The most entries of a round.
const ROUND_ENTRIES_MAX: usize = 32 << 10;

/// A round is closed when what is known of its entries takes this many bytes.
const ROUND_BYTES: usize = 16 << 20;

/// About what an entry takes in memory, apart from what it points to.
const ENTRY_BYTES: usize = 320;

/// The most names that wait for their first ones.
const WAITING_MAX: usize = 16 << 10;

/// The most bytes of the paths of directories that could not be made: with more the target is unusable.
const LOST_BYTES_MAX: usize = 32 << 20;

/// The way to the thread that restores rounds.
pub(super) struct Rounds {
    pub sender: SyncSender<Vec<PlannedEntry>>,
    /// Says of each round that it is done.
    pub done: Receiver<()>,
}

/// What of the directories was made.
#[derive(Default)]
pub(super) struct Reached {
    /// The last directory whose entries were looked at.
    pub last: Option<EntryPathBuf>,
    /// The last directory in it that was made; empty: none was.
    pub until: Vec<u8>,
    /// The directories that could not be made, but not what is below them.
    pub lost: HashSet<EntryPathBuf>,
    lost_bytes: usize,
    /// The directories on the way to what was asked for that were there, as they were.
    pub passed: HashMap<EntryPathBuf, RawStat>,
}

impl Reached {
    /// Whether `path` or a directory on the way to it could not be made.
    pub(super) fn is_lost(&self, path: &EntryPath) -> bool {
        let mut at = Some(path).filter(|_| !self.lost.is_empty());
        while let Some(path) = at {
            if self.lost.contains(path) {
                return true;
            }
            at = path.parent();
        }
        false
    }

    /// Notes a directory that could not be made.
    fn lose(&mut self, path: EntryPathBuf) -> Result<()> {
        self.lost_bytes += path.as_bytes().len() + size_of::<EntryPathBuf>();
        self.lost.insert(path);
        if self.lost_bytes <= LOST_BYTES_MAX {
            return Ok(());
        }
        let what = format!("{} folders could not be made", self.lost.len());
        Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::RestoreElsewhere))
    }
}

/// The thread that walks the state.
pub(super) struct RestoreWalk<'r> {
    run: &'r RestoreContext<'r>,
    rounds: Rounds,
    under_way: usize,
    round: Vec<PlannedEntry>,
    round_bytes: usize,
    links: Links,
    waiting: Vec<(EntryPathBuf, Entry)>,
    reached: Reached,
}

impl<'r> RestoreWalk<'r> {
    pub(super) fn new(run: &'r RestoreContext<'r>, rounds: Rounds) -> RestoreWalk<'r> {
        RestoreWalk {
            run,
            rounds,
            under_way: 0,
            round: Vec::new(),
            round_bytes: 0,
            links: Links::default(),
            waiting: Vec::new(),
            reached: Reached::default(),
        }
    }

    /// Has everything of `selection` restored but the attributes of directories; returns what was made of these, and how it
    /// ended.
    pub(super) fn walk(mut self, state: &State, selection: &Selection) -> (Reached, Result<()>) {
        let result = self.walk_all(state, selection);
        (self.reached, result)
    }

    fn walk_all(&mut self, state: &State, selection: &Selection) -> Result<()> {
        for folder in selection.folders(state) {
            let folder = folder?;
            if self.reached.is_lost(&folder.path) {
                continue;
            }
            if self.reached.last.as_ref() != Some(&folder.path) {
                (self.reached.last, self.reached.until) = (Some(folder.path.clone()), Vec::new());
                prepare_folder(self.run, state, &folder)?;
            }
            self.take_folder(&folder, selection)?;
        }
        loop {
            self.link_waiting()?;
            if self.waiting.is_empty() && self.round.is_empty() {
                return Ok(());
            }
        }
    }

    fn take_folder(&mut self, folder: &Folder, selection: &Selection) -> Result<()> {
        for row in &folder.rows {
            self.run.check_interrupted()?;
            let path = folder.child(row)?;
            if row.stat().is_some_and(|stat| stat.kind == Kind::Directory) {
                let is_on_the_way = !folder.is_whole && selection.is_on_the_way(&path);
                self.take_directory(path, row, is_on_the_way)?;
                row.name().clone_into(&mut self.reached.until);
            } else if let Some(entry) = row.entry()? {
                self.take(path, entry)?;
            }
            if self.waiting.len() > WAITING_MAX {
                self.link_waiting()?;
            }
        }
        Ok(())
    }

    fn take_directory(&mut self, path: EntryPathBuf, row: &Row, is_on_the_way: bool) -> Result<()> {
        let run = self.run;
        run.advance(1, 0);
        if is_on_the_way && let Some(found) = run.or_report(run.destination.stat(&path))?.flatten() {
            return self.pass(path, found);
        }
        let Some(destination) = run.writable() else {
            let is_lost = !look_at_directory(run, &path, row)?;
            return if is_lost { self.reached.lose(path) } else { Ok(()) };
        };
        match run.or_report(destination.make_directory(&path))? {
            None => self.reached.lose(path)?,
            Some(Made::Replaced) => run.replaced(&path),
            Some(Made::New | Made::There) => {}
        }
        Ok(())
    }

    /// Something is there where a directory is on the way to what was asked for: only that may be changed.
    fn pass(&mut self, path: EntryPathBuf, found: RawStat) -> Result<()> {
        if found.kind != Some(Kind::Directory) {
            let what = match found.kind {
                Some(Kind::Symlink) => {
                    "what is in it was not restored: it is a symlink there, which leads to no folder inside of the one that is \
                     restored into"
                }
                _ => "what is in it was not restored: it is not a folder there",
            };
            self.run.problem(&Problem::new(path.clone(), what));
            return self.reached.lose(path);
        }
        let lent = self.run.writable().map_or(Ok(()), |destination| destination.lend_access(&path, &found));
        match self.run.or_report(lent)? {
            Some(()) => {
                self.reached.passed.insert(path, found);
                Ok(())
            }
            None => self.reached.lose(path),
        }
    }

    /// An entry that is not a directory: written in a round, linked, or put aside.
    fn take(&mut self, path: EntryPathBuf, entry: Entry) -> Result<()> {
        if entry.is_torn() {
            self.run.problem(&Problem::torn(path.clone()));
        }
        self.place(path, entry)
    }

    /// As [`RestoreWalk::take`], for one that may have been put aside before.
    fn place(&mut self, path: EntryPathBuf, entry: Entry) -> Result<()> {
        if entry.stat.link == 0 {
            return self.plan(PlannedEntry { path, entry, link: None });
        }
        let role = self.links.role(&path, &entry);
        self.take_as(role, path, entry)
    }

    fn take_as(&mut self, role: Role, path: EntryPathBuf, entry: Entry) -> Result<()> {
        match role {
            Role::First(link) => self.plan(PlannedEntry { path, entry, link: Some(link) }),
            Role::Further(link) => self.link(&link, &path, &entry),
            Role::Lost(why) => {
                self.run.advance(1, 0);
                self.run.problem(&Problem::new(path, why));
                Ok(())
            }
            Role::Later => {
                self.waiting.push((path, entry));
                Ok(())
            }
        }
    }

    fn link(&self, first: &Link, path: &EntryPath, entry: &Entry) -> Result<()> {
        let run = self.run;
        run.check_interrupted()?;
        run.advance(1, if entry.stat.kind == Kind::File { entry.stat.size } else { 0 });
        // In a dry run a first name that would be written anew is not yet apart from its old further names.
        let is_settled = first.outcome() == FirstName::Kept || !run.options.dry_run;
        if is_settled && run.options.overwrite && are_linked(&run.destination, &first.path, path) {
            run.kept();
            return Ok(());
        }
        let existing = if run.options.overwrite { run.or_report(run.destination.stat(path))?.flatten() } else { None };
        if let Some(existing) = &existing
            && !may_replace(run, path, existing)?
        {
            return Ok(());
        }
        if let Some(destination) = run.writable()
            && run.or_report(destination.link(&first.path, path, entry))?.is_none()
        {
            return Ok(());
        }
        if existing.is_some_and(|existing| existing.kind != Some(Kind::Directory) || run.options.keep) {
            run.replaced(path);
        }
        run.restored(path, entry.stat.kind, 0);
        Ok(())
    }

    fn plan(&mut self, planned: PlannedEntry) -> Result<()> {
        self.round_bytes += memory_bytes(&planned);
        self.round.push(planned);
        if self.round.len() >= ROUND_ENTRIES_MAX || self.round_bytes >= ROUND_BYTES {
            self.send_round()?;
        }
        Ok(())
    }

    fn send_round(&mut self) -> Result<()> {
        if self.round.is_empty() {
            return Ok(());
        }
        self.round_bytes = 0;
        self.under_way += 1;
        // Never seen: the other thread's own error goes before it.
        self.rounds.sender.send(std::mem::take(&mut self.round)).map_err(|_| Error::stopped())?;
        while self.rounds.done.try_recv().is_ok() {
            self.under_way -= 1;
        }
        Ok(())
    }

    /// Waits until all rounds are done, then looks again at the names that waited. If a first name failed, the next one takes
    /// its place, in a new round.
    fn link_waiting(&mut self) -> Result<()> {
        self.send_round()?;
        while self.under_way > 0 {
            self.rounds.done.recv().map_err(|_| Error::stopped())?;
            self.under_way -= 1;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let count = waiting.len();
        for (path, entry) in waiting {
            self.place(path, entry)?;
        }
        // All rounds are done: a first name of which nothing is known was dropped, for everything was ended.
        let is_stuck = count > 0 && self.waiting.len() == count && self.round.is_empty() && self.under_way == 0;
        if is_stuck { Err(Error::stopped()) } else { Ok(()) }
    }
}

fn memory_bytes(planned: &PlannedEntry) -> usize {
    let entry = &planned.entry;
    let xattrs: usize = entry.xattrs.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
    let holes = entry.content.as_ref().map_or(0, |content| content.holes.len() * 16);
    ENTRY_BYTES + planned.path.as_bytes().len() + entry.target.len() + xattrs + holes
}

/// What a dry run says of a directory; whether it could be made.
fn look_at_directory(run: &RestoreContext, path: &EntryPath, row: &Row) -> Result<bool> {
    let entry = row.entry()?.unwrap_or_default();
    if has_directory(run, path, &entry)? {
        run.kept();
        return Ok(true);
    }
    let found = run.or_report(run.destination.stat(path))?.flatten();
    if found.is_some_and(|found| found.kind != Some(Kind::Directory)) {
        if run.destination.is_link_to_folder(path) {
            run.problem(&link_in_the_way(path));
            return Ok(false);
        }
        run.replaced(path);
    }
    run.restored(path, Kind::Directory, 0);
    Ok(true)
}

/// Whether `path` is a directory that is in everything as `entry` says.
pub(super) fn has_directory(run: &RestoreContext, path: &EntryPath, entry: &Entry) -> Result<bool> {
    let Some(Some(existing)) = run.or_report(run.destination.stat(path))? else { return Ok(false) };
    Ok(existing.kind == Some(Kind::Directory)
        && run.or_report(run.destination.has_attributes(path, entry, &existing))?.unwrap_or_default())
}

/// Before anything is written into a folder of which `first` is the first piece: how its names are written there is decided,
/// and what is not in it is deleted. A disk may take a name that goes and one that comes for the same.
pub(super) fn prepare_folder(run: &RestoreContext, state: &State, first: &Folder) -> Result<()> {
    let (destination, path) = (&run.destination, &first.path);
    if destination.changes_names(path) && first.is_whole {
        for piece in state.in_directory(path) {
            destination.note_names(path, piece?.rows.iter().map(Row::name))?;
        }
    } else {
        destination.note_names(path, first.rows.iter().map(Row::name))?;
    }
    let keep = |others: &mut HashSet<Vec<u8>>| {
        for piece in state.in_directory(path) {
            for row in &piece?.rows {
                others.remove(&*destination.name(&row.path_in(path)?));
            }
        }
        Ok(())
    };
    match (first.is_whole, run.options.delete) {
        // What stands beside the sources is not part of the snapshot.
        (true, true) if !path.is_root() => delete_others(run, path, &keep),
        (true, _) if run.options.overwrite && !run.options.dry_run => destination.remove_left_behind(path, &keep),
        _ => Ok(()),
    }
}

/// Deletes everything in `directory`, if it is one, that `keep` leaves in the set of the names that are there, except
/// what must stay.
pub(super) fn delete_others(
    run: &RestoreContext,
    directory: &EntryPath,
    keep: &dyn Fn(&mut HashSet<Vec<u8>>) -> Result<()>,
) -> Result<()> {
    let destination = &run.destination;
    let Some(Some(existing)) = run.or_report(destination.stat(directory))? else { return Ok(()) };
    if existing.kind != Some(Kind::Directory) {
        return Ok(());
    }
    let names = run.or_report(destination.names(directory))?.unwrap_or_default();
    let is_system = |name: &[u8]| destination.is_top(directory) && crate::system::platform::is_of_file_system(name);
    let mut others: HashSet<Vec<u8>> = names.into_iter().filter(|name| !is_system(name)).collect();
    if !others.is_empty() {
        keep(&mut others)?;
    }
    let mut others: Vec<Vec<u8>> = others.into_iter().collect();
    others.sort_unstable();
    for name in others {
        if let Some(path) = directory.child(&destination.original(directory, name)) {
            removal::remove(run, &path, Removal::Done)?;
        }
    }
    run.tell_of_guard();
    Ok(())
}
