//! Writes entries that have no content, begins those that have, and removes what is there.

use super::attributes::tolerate;
use super::failure::Failure;
use super::failure::in_the_way;
use super::failure::link_in_the_way;
use super::failure::problem;
use super::not_kept::NotKeptKind;
use super::pending::PendingFile;
use super::target::Destination;
use crate::base::entry::Device;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::path::EntryPath;
use crate::system::platform;
use crate::system::platform::LinkKind;
use crate::system::platform::Node;
use crate::system::platform::RawStat;
use crate::system::platform::Refusal;
use std::io;

/// What became of a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Made {
    /// It is new.
    New,
    /// It took the place of something else.
    Replaced,
    /// It was there.
    There,
}

impl Destination {
    /// Makes the directory `path`, for the person who restores alone at first. One that is there is made accessible to its
    /// owner, so [`Destination::finish_directory`] must follow in any case.
    ///
    /// # Errors
    /// A problem when the directory it belongs in is not there or is a symlink, or when something else is in the way that may
    /// not be replaced; otherwise as the file system refuses.
    pub fn make_directory(&self, path: &EntryPath) -> Result<Made, Failure> {
        if path.is_root() {
            return Ok(Made::There);
        }
        if self.places.is_end(path.as_bytes()) && self.lent_access(path)? {
            return Ok(Made::There);
        }
        let fail = |error| self.failure(path, "cannot be made", error);
        let parent = self.parent(path, "cannot be made")?;
        let name = self.name(path);
        match parent.make_directory(&name, 0o700) {
            Ok(()) => return Ok(Made::New),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(fail(error)),
        }
        if self.lent_access(path)? {
            return Ok(Made::There);
        }
        if !self.options.replace {
            return Err(in_the_way(path));
        }
        if self.is_link_to_folder(path) {
            return Err(Failure::Problem(link_in_the_way(path)));
        }
        match self.options.keep_as {
            Some(number) => self.move_aside(&parent, path, number)?,
            None => parent.remove_file(&name).map_err(fail)?,
        }
        parent.make_directory(&name, 0o700).map_err(fail)?;
        Ok(Made::Replaced)
    }

    /// Whether `path` is a directory, which is then made accessible to its owner.
    fn lent_access(&self, path: &EntryPath) -> Result<bool, Failure> {
        match self.stat(path)?.filter(|found| found.kind == Some(Kind::Directory)) {
            Some(found) => self.lend_access(path, &found).map(|()| true),
            None => Ok(false),
        }
    }

    /// Lets the owner work in the directory `path`, which is there as `found` says.
    ///
    /// # Errors
    /// A problem when it is the archive, or is not there any more.
    pub fn lend_access(&self, path: &EntryPath, found: &RawStat) -> Result<(), Failure> {
        if self.is_spared(found) {
            return Err(problem(path, "is left alone: it is the archive"));
        }
        if !self.places.is_end(path.as_bytes()) {
            self.parent(path, "cannot be opened")?.give_owner_access(&self.name(path), found.mode);
        } else if found.mode & 0o700 != 0o700 {
            let directory = self.directory(path.as_bytes(), path, "cannot be opened")?;
            // Where that is refused, what is done next fails and says why.
            let _ = Node::Directory(&directory).set_mode(found.mode | 0o700);
        }
        Ok(())
    }

    /// Gives the directory `path` mode and time again that it had when it was as `before` says.
    ///
    /// # Errors
    /// As for [`Destination::make_directory`].
    pub fn put_back(&self, path: &EntryPath, before: &RawStat) -> Result<(), Failure> {
        let directory = self.directory(path.as_bytes(), path, "attributes cannot be set")?;
        let fail = |error| self.failure(path, "attributes cannot be set", error);
        let now = directory.own_stat().map_err(fail)?;
        if now.mode != before.mode {
            Node::Directory(&directory).set_mode(before.mode).map_err(fail)?;
        }
        if now.mtime != before.mtime {
            tolerate(Node::Directory(&directory).set_mtime(before.mtime)).map_err(fail)?;
        }
        Ok(())
    }

    /// Gives the directory for all the time again that it had before, if it was there: it is not an entry.
    pub fn put_back_top(&self) {
        let root = EntryPath::root();
        let before = self.places.find(b"").ok().and_then(|place| place.root.before);
        // That a time is another one is no reason to call a restore a failure.
        let _ = before.map(|before| self.put_back(root, &before));
    }

    /// Gives the directory `path` its attributes, when everything in it is done: children before their parents.
    ///
    /// # Errors
    /// As for [`Destination::make_directory`].
    pub fn finish_directory(&self, path: &EntryPath, entry: &Entry) -> Result<(), Failure> {
        let directory = self.directory(path.as_bytes(), path, "attributes cannot be set")?;
        self.apply(Node::Directory(&directory), path, entry)
    }

    /// Begins the file `path`, under a temporary name beside it.
    ///
    /// # Errors
    /// As for [`Destination::make_directory`].
    pub fn begin_file(&self, path: &EntryPath) -> Result<PendingFile<'_>, Failure> {
        let parent = self.parent(path, "cannot be written")?;
        let (temporary, file) =
            self.temporary_file(&parent).map_err(|error| self.failure(path, "cannot be written", error))?;
        Ok(PendingFile::new(self, path, parent, (temporary, file)))
    }

    /// Writes the symlink, pipe or device `path`, and returns whether it is there now: what the file system or the person
    /// cannot make is counted as a loss.
    ///
    /// # Errors
    /// As for [`Destination::make_directory`].
    pub fn write_special(&self, path: &EntryPath, entry: &Entry) -> Result<bool, Failure> {
        let parent = self.parent(path, "cannot be made")?;
        let temporary = self.temporary_name();
        let (made, loss) = match entry.stat.kind {
            Kind::Symlink => (parent.make_symlink(&entry.target, &temporary, link_kind(entry)), NotKeptKind::Symlink),
            Kind::Fifo => (parent.make_node(&temporary, Kind::Fifo, 0o600, Device::default()), NotKeptKind::Fifo),
            kind => (parent.make_node(&temporary, kind, 0o600, entry.stat.device), NotKeptKind::Device),
        };
        match made {
            Ok(()) => {}
            Err(error) if was_refused(loss, &error) => {
                // The FUSE driver of exFAT refuses a pipe and leaves a file.
                let _ = parent.remove_file(&temporary);
                self.not_kept.add(loss, path, why_not_made(loss));
                return Ok(false);
            }
            Err(error) => return Err(self.failure(path, "cannot be made", error)),
        }
        let done = self
            .apply(Node::Name(&parent, &temporary), path, entry)
            .and_then(|()| self.put_in_place(&parent, &temporary, path));
        if done.is_err() {
            let _ = parent.remove_file(&temporary);
        }
        done.map(|()| true)
    }

    /// Sets the attributes of the file or special `path` that is there, its content being right. All its hard links get them.
    ///
    /// # Errors
    /// As for [`Destination::make_directory`]; a problem also when it is not there.
    pub fn set_attributes(&self, path: &EntryPath, entry: &Entry) -> Result<(), Failure> {
        let parent = self.parent(path, "attributes cannot be set")?;
        self.apply(Node::Name(&parent, &self.name(path)), path, entry)
    }

    /// Removes `path`, a directory only if it is empty. What is not there is fine.
    ///
    /// # Errors
    /// A problem when the file system refuses.
    pub fn remove(&self, path: &EntryPath) -> Result<(), Failure> {
        let parent = self.parent(path, "cannot be removed")?;
        let name = self.name(path);
        let removed = match parent.remove_file(&name) {
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                self.forget(path);
                parent.remove_directory(&name)
            }
            removed => removed,
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|error| self.failure(path, "cannot be removed", error)),
        }
    }
}

fn link_kind(entry: &Entry) -> LinkKind {
    let kind = entry.xattrs.iter().find(|(name, _)| name == platform::LINK_KIND);
    kind.map(|(_, kind)| LinkKind::named(kind)).unwrap_or_default()
}

fn was_refused(loss: NotKeptKind, error: &io::Error) -> bool {
    let refusal = if loss == NotKeptKind::Symlink { Refusal::Symlink } else { Refusal::Node };
    refusal.is_meant_by(error)
}

fn why_not_made(loss: NotKeptKind) -> &'static str {
    match loss {
        NotKeptKind::Device if !platform::is_root() => "only root can make them",
        NotKeptKind::Device => "not allowed here",
        _ => "the file system there has none",
    }
}
