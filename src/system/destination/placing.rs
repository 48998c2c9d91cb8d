//! What was written gets its own name, in place of what is there.

use super::failure::Failure;
use super::failure::full_folder;
use super::failure::in_the_way;
use super::failure::problem;
use super::target::Destination;
use crate::base::path::EntryPath;
use crate::system::platform::Directory;
use std::io;

impl Destination {
    /// Gives what was written under a temporary name its own.
    pub(super) fn put_in_place(&self, parent: &Directory, temporary: &[u8], path: &EntryPath) -> Result<(), Failure> {
        let name = self.name(path);
        if self.options.replace
            && let Some(number) = self.options.keep_as
        {
            self.keep_aside(parent, path, number)?;
        }
        let renamed =
            if self.options.replace { parent.rename(temporary, &name) } else { parent.rename_new(temporary, &name) };
        let renamed = match renamed {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(in_the_way(path)),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                self.make_way(parent, path, &name)?;
                parent.rename(temporary, &name)
            }
            renamed => renamed,
        };
        renamed.map_err(|error| self.failure(path, "cannot be given its name", error))
    }

    /// Removes a directory where something else belongs, if that may be.
    fn make_way(&self, parent: &Directory, path: &EntryPath, name: &[u8]) -> Result<(), Failure> {
        self.forget(path);
        let fail = |error| self.failure(path, "cannot be written", error);
        let removed = if self.options.clears {
            parent.remove_tree(name, self.options.spared)
        } else {
            parent.remove_directory(name)
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Err(Failure::Problem(full_folder(path))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                Err(problem(path, "cannot be written: another file system is mounted in the folder in the way"))
            }
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Err(problem(
                path,
                "cannot be written: the archive is in the folder in the way, or something is mounted there",
            )),
            removed => removed.map_err(fail),
        }
    }
}
