//! Deletes something with all that it holds, except what must stay, through no symlink, however deep it is. What is
//! deleted as a whole is reported as one.

use super::context::RestoreContext;
use crate::base::entry::Kind;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::system::destination::Destination;
use crate::system::destination::Failure;
use crate::system::destination::is_kept_name;
use crate::system::platform::RawStat;

/// How something is removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Removal {
    /// Only finds out whether all of it may be deleted.
    Asked,
    /// Deletes it, or in a dry run would, and reports that.
    Done,
}

/// What became of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Gone,
    Stays,
    /// It is a directory, and what is in it comes first.
    Opened,
}

/// A directory whose entries are deleted.
struct Level {
    found: RawStat,
    /// Those that are still there, the next one at the end.
    names: Vec<Vec<u8>>,
    /// The one that is looked at.
    name: Vec<u8>,
    /// Those that were deleted and are not reported yet, as the directory itself may be deleted.
    gone: Vec<Vec<u8>>,
    /// Whether it stays.
    stays: bool,
}

struct Walk<'r> {
    run: &'r RestoreContext<'r>,
    how: Removal,
    /// What is looked at; a directory while what is in it is.
    path: EntryPathBuf,
    /// The directories on the way there, from the first that goes on.
    levels: Vec<Level>,
}

/// Removes `top`, and all that it holds; whether it is gone then, or may be.
///
/// # Errors
/// When nothing more can be read or written, or the person asked to stop.
pub(super) fn remove(run: &RestoreContext, top: &EntryPath, how: Removal) -> Result<bool> {
    let mut walk = Walk { run, how, path: top.to_owned(), levels: Vec::new() };
    let mut fate = walk.take()?;
    loop {
        run.check_interrupted()?;
        if how == Removal::Asked && fate == Fate::Stays {
            return Ok(false);
        }
        if fate != Fate::Opened && !walk.settle(fate) {
            return Ok(fate == Fate::Gone);
        }
        fate = walk.next()?;
    }
}

impl Walk<'_> {
    /// Takes the next entry, or leaves the directory after the last.
    fn next(&mut self) -> Result<Fate> {
        loop {
            let Some(level) = self.levels.last_mut() else { return Ok(Fate::Stays) };
            let Some(name) = level.names.pop() else { return self.leave() };
            level.name = name;
            if let Some(path) = self.path.child(&level.name) {
                self.path = path;
                return self.take();
            }
            // What has too long a path cannot be removed by it.
            self.stay();
        }
    }

    fn take(&mut self) -> Result<Fate> {
        let (run, path) = (self.run, &self.path);
        let destination = &run.destination;
        let Some(found) = self.told(destination.stat(path))? else { return Ok(Fate::Stays) };
        let Some(found) = found else { return Ok(Fate::Gone) };
        if run.options.keep && is_kept_name(path.name_bytes()) || run.guard.keeps(destination, path, &found)? {
            return Ok(Fate::Stays);
        }
        if found.kind != Some(Kind::Directory) {
            return self.remove_one();
        }
        if self.is_mounted(&found)? {
            return Ok(Fate::Stays);
        }
        let names = match self.writable() {
            Some(destination) => {
                self.told(destination.lend_access(path, &found).and_then(|()| destination.names(path)))?
            }
            // A directory without access is made accessible first.
            None => destination.names(path).map_or_else(|_| Some(Vec::new()), Some),
        };
        let Some(names) = names else { return Ok(Fate::Stays) };
        let names = names.into_iter().rev().map(|name| destination.original(path, name)).collect();
        self.levels.push(Level { found, names, name: Vec::new(), gone: Vec::new(), stays: false });
        Ok(Fate::Opened)
    }

    /// Whether another file system is mounted at the directory that is looked at.
    fn is_mounted(&self, found: &RawStat) -> Result<bool> {
        let around = match self.levels.last() {
            Some(level) => Some(level.found),
            None => self.path.parent().and_then(|parent| self.run.destination.stat(parent).ok().flatten()),
        };
        let is_mounted = around.is_some_and(|around| around.file_system != found.file_system);
        if is_mounted && !self.run.guard.keeps_elsewhere(&self.path) {
            let what = "cannot be removed: another file system is mounted there";
            let _: Option<()> = self.told(Err(Failure::Problem(Problem::new(self.path.clone(), what))))?;
        }
        Ok(is_mounted)
    }

    fn remove_one(&self) -> Result<Fate> {
        let removed = self.writable().map_or(Ok(()), |destination| destination.remove(&self.path));
        Ok(if self.told(removed)?.is_some() { Fate::Gone } else { Fate::Stays })
    }

    /// Leaves a directory: it is deleted, unless something in it stays.
    fn leave(&mut self) -> Result<Fate> {
        let Some(level) = self.levels.pop() else { return Ok(Fate::Stays) };
        if !level.stays && self.remove_one()? == Fate::Gone {
            return Ok(Fate::Gone);
        }
        if !level.stays {
            self.tell(level.gone);
        }
        if let Some(destination) = self.writable().filter(|_| level.found.mode & 0o700 != 0o700) {
            self.told(destination.put_back(&self.path, &level.found))?;
        }
        Ok(Fate::Stays)
    }

    /// Notes what became of the entry that is looked at, in its directory; false when it was the first of all.
    fn settle(&mut self, fate: Fate) -> bool {
        let path = self.path.clone();
        let Some(level) = self.levels.last_mut() else {
            if fate == Fate::Gone {
                self.tell_one(&path);
            }
            return false;
        };
        self.path = path.parent().unwrap_or(EntryPath::root()).to_owned();
        match fate {
            Fate::Gone if !level.stays => level.gone.push(std::mem::take(&mut level.name)),
            Fate::Gone => self.tell_one(&path),
            Fate::Stays | Fate::Opened => self.stay(),
        }
        true
    }

    /// Notes that the directory that is looked at stays.
    fn stay(&mut self) {
        if let Some(level) = self.levels.last_mut().filter(|level| !level.stays) {
            level.stays = true;
            let gone = std::mem::take(&mut level.gone);
            self.tell(gone);
        }
    }

    /// Reports what was deleted in the directory that is looked at.
    fn tell(&self, gone: Vec<Vec<u8>>) {
        gone.iter().filter_map(|name| self.path.child(name)).for_each(|path| self.tell_one(&path));
    }

    fn tell_one(&self, path: &EntryPath) {
        if self.how == Removal::Done {
            self.run.deleted(path);
        }
    }

    fn writable(&self) -> Option<&Destination> {
        self.run.writable().filter(|_| self.how == Removal::Done)
    }

    /// Reports a problem, if problems are reported; `None` then.
    fn told<T>(&self, result: std::result::Result<T, Failure>) -> std::result::Result<Option<T>, Error> {
        match result {
            Err(Failure::Problem(_)) if self.how == Removal::Asked => Ok(None),
            result => self.run.or_report(result),
        }
    }
}
