//! Making and changing entries: all that `restore` and the store ask of a file system.

use super::Directory;
use rustix::fs::CWD;
use rustix::fs::Mode;
use rustix::fs::RenameFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

/// Gives a file the mode that any new file of this person gets.
///
/// # Errors
/// When the mode cannot be set, other than because the file system has none.
pub fn apply_umask(file: &File) -> io::Result<()> {
    match rustix::fs::fchmod(file, Mode::from_raw_mode(0o666 & !umask())) {
        Ok(()) | Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The process's umask, asked for once: asking means setting it for a moment.
fn umask() -> u32 {
    static UMASK: OnceLock<u32> = OnceLock::new();
    *UMASK.get_or_init(|| {
        let old = rustix::process::umask(Mode::from_raw_mode(0o077));
        rustix::process::umask(old);
        old.as_raw_mode()
    })
}

/// Renames a file to a name that must not exist yet.
///
/// Where the file system cannot promise that (exFAT and NTFS by FUSE), it is looked for first: the archive's lock keeps
/// other writers out.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when the name is taken; otherwise as rename.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            if to.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            std::fs::rename(from, to)
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes the names in a directory durable, where the file system knows how to.
///
/// # Errors
/// When the drive refuses.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = Directory::open(path)?;
    match rustix::fs::fsync(&directory.0) {
        Ok(()) | Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
