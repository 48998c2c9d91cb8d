//! Writes entries that have no content, begins those that have, and removes what is there.

use super::failure::Failure;
use super::failure::in_the_way;
use super::losses::LossKind;
use super::pending::PendingFile;
use super::target::Destination;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::path::EntryPath;
use crate::system::platform;
use crate::system::platform::Node;
use crate::system::platform::Refusal;
use std::io;

impl Destination {
    /// Makes the directory `path`, for the person who restores alone at first, and returns whether it is new. One that is
    /// there is made accessible to its owner, so [`Destination::finish_directory`] must follow in any case.
    ///
    /// # Errors
    /// A problem when the directory it belongs in is not there or is a symlink, or when something else is in the way that may
    /// not be replaced; otherwise as the file system refuses.
    pub fn make_directory(&self, path: &EntryPath) -> Result<bool, Failure> {
        if path.is_root() {
            return Ok(false);
        }
        let fail = |error| self.failure(path, "cannot be made", error);
        let parent = self.parent(path, "cannot be made")?;
        let name = self.name(path);
        match parent.make_directory(&name, 0o700) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(fail(error)),
        }
        let found = parent.stat(&name).map_err(fail)?;
        if found.kind == Some(Kind::Directory) {
            parent.give_owner_access(&name, found.mode);
            return Ok(false);
        }
        if !self.options.replace {
            return Err(in_the_way(path));
        }
        parent.remove_file(&name).map_err(fail)?;
        parent.make_directory(&name, 0o700).map_err(fail)?;
        Ok(true)
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
        Ok(PendingFile::new(self, path, parent, temporary, file))
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
            Kind::Symlink => (parent.make_symlink(&entry.target, &temporary), LossKind::Symlink),
            Kind::Fifo => (parent.make_node(&temporary, Kind::Fifo, 0o600, 0), LossKind::Fifo),
            kind => (parent.make_node(&temporary, kind, 0o600, entry.stat.device), LossKind::Device),
        };
        match made {
            Ok(()) => {}
            Err(error) if was_refused(loss, &error) => {
                // The FUSE driver of exFAT refuses a pipe and leaves a file.
                let _ = parent.remove_file(&temporary);
                self.losses.add(loss, path, why_not_made(loss));
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

    /// Removes `path`, whose last part is a name as [`Destination::names`] gives it, and all that it holds, following no
    /// symlink. What is not there is fine.
    ///
    /// # Errors
    /// A problem when another file system is mounted in it, or when the file system refuses.
    pub fn remove(&self, path: &EntryPath) -> Result<(), Failure> {
        self.clear_the_way(&*self.parent(path, "cannot be removed")?, path, path.name_bytes())
    }
}

fn was_refused(loss: LossKind, error: &io::Error) -> bool {
    let refusal = if loss == LossKind::Symlink { Refusal::Symlink } else { Refusal::Node };
    refusal.is_meant_by(error)
}

fn why_not_made(loss: LossKind) -> &'static str {
    match loss {
        LossKind::Device if !platform::is_root() => "only root can make them",
        LossKind::Device => "not allowed here",
        _ => "the file system there has none",
    }
}
