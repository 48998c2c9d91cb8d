//! Removes a directory with all that it holds.

use super::directory::Directory;
use super::facts::RawStat;
use super::ladder::Ladder;
use crate::base::entry::FileKey;
use crate::base::entry::Kind;
use crate::base::path::joined;
use crate::base::path::split_last;
use std::io;

impl Directory {
    /// Removes `name` in it and all that it holds, through no symlink, however deep it is. The directory `spared` is never
    /// removed, nor anything in it.
    ///
    /// # Errors
    /// [`io::ErrorKind::CrossesDevices`] when another file system is mounted in it, of which nothing is removed;
    /// [`io::ErrorKind::ResourceBusy`] when the spared directory is in it; otherwise as the file system refuses. What was
    /// removed before that is gone.
    pub fn remove_tree(&self, name: &[u8], spared: Option<FileKey>) -> io::Result<()> {
        let top = self.stat(name)?;
        if top.kind != Some(Kind::Directory) {
            return self.remove_file(name);
        }
        let own = self.own_stat()?.file_system;
        check_removable(&top, own, spared)?;
        self.give_owner_access(name, top.mode);
        let mut ladder = Ladder::default();
        let mut path = name.to_vec();
        // Of each directory on the way, the names of those that are still in it.
        let mut open = vec![self.open_below(name)?.remove_all_but_directories(own, spared)?];
        while let Some(children) = open.last_mut() {
            if let Some(child) = children.pop() {
                path = joined(&path, &child);
                open.push(ladder.open(self, &path)?.remove_all_but_directories(own, spared)?);
                continue;
            }
            open.pop();
            let (parent, last) = split_last(&path);
            ladder.forget(&path);
            ladder.open(self, parent)?.remove_directory(last)?;
            path.truncate(parent.len());
        }
        Ok(())
    }

    /// Removes the files in it and returns the names of the directories, which it makes accessible.
    fn remove_all_but_directories(&self, file_system: u64, spared: Option<FileKey>) -> io::Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        self.for_each_name(|name| names.push(name.to_vec()))?;
        let mut directories = Vec::new();
        for name in names {
            let found = self.stat(&name)?;
            if found.kind == Some(Kind::Directory) {
                check_removable(&found, file_system, spared)?;
                self.give_owner_access(&name, found.mode);
                directories.push(name);
            } else {
                self.remove_file(&name)?;
            }
        }
        Ok(directories)
    }
}

/// Whether the directory `found` may be removed from the file system `own`.
fn check_removable(found: &RawStat, own: u64, spared: Option<FileKey>) -> io::Result<()> {
    if found.file_system != own {
        return Err(io::ErrorKind::CrossesDevices.into());
    }
    if spared == Some(found.key()) {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    Ok(())
}
