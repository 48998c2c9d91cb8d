//! Making and changing entries: all that `restore` and the store ask of a file system.

use super::Handle;
use super::errors;
use super::facts;
use super::links;
use super::nt;
use super::nt::How;
use super::opening::CHANGE;
use super::opening::LOOK;
use super::opening::change;
use super::paths::patiently;
use crate::base::entry::Device;
use crate::base::entry::Kind;
use crate::system::platform::facts::LinkKind;
use std::fs::File;
use std::io;
use std::os::windows::fs::FileExt;
use windows_sys::Wdk::Storage::FileSystem as wdk;
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::Ioctl;

/// So much is written by one call.
pub const WRITE_BYTES: usize = 128 << 10;

const ATTRIBUTES: u32 = fs::FILE_READ_ATTRIBUTES | fs::FILE_WRITE_ATTRIBUTES;

/// To rename or remove something.
const MOVE: How = How { access: fs::DELETE | ATTRIBUTES, ..LOOK };

impl Handle {
    pub fn make_directory(&self, name: &[u8], _: u32) -> io::Result<()> {
        let how = How { disposition: wdk::FILE_CREATE, options: wdk::FILE_DIRECTORY_FILE, ..LOOK };
        nt::open_at(&self.0, name, how).map(drop)
    }

    /// A link to a folder is another thing than one to a file. Where nobody said which it was, it is one to a folder if a folder
    /// is there now. Where symlinks may not be made, a junction does for a folder on this computer.
    pub fn make_symlink(&self, target: &[u8], name: &[u8], kind: LinkKind) -> io::Result<()> {
        let leads_to_folder = match kind {
            LinkKind::Junction | LinkKind::Directory => true,
            LinkKind::File | LinkKind::Wsl => false,
            LinkKind::Unknown => self.stat(target).is_ok_and(|found| found.kind == Some(Kind::Directory)),
        };
        let own = match kind {
            LinkKind::Junction => links::junction(target),
            LinkKind::Wsl => links::wsl(target),
            _ => None,
        };
        let data = own.or_else(|| links::symlink(target)).ok_or(io::ErrorKind::InvalidInput)?;
        let made = self.make_reparse_point(name, leads_to_folder, &data);
        match (made, links::junction(target).filter(|_| leads_to_folder)) {
            (Err(error), Some(junction)) if errors::is_privilege_missing(&error) => {
                self.make_reparse_point(name, true, &junction)
            }
            (made, _) => made,
        }
    }

    fn make_reparse_point(&self, name: &[u8], is_directory: bool, data: &[u8]) -> io::Result<()> {
        let options = if is_directory { wdk::FILE_DIRECTORY_FILE } else { wdk::FILE_NON_DIRECTORY_FILE };
        let access = fs::FILE_WRITE_DATA | fs::DELETE | ATTRIBUTES;
        let file = nt::open_at(&self.0, name, How { access, disposition: wdk::FILE_CREATE, options })?;
        let made = nt::control(&file, Ioctl::FSCTL_SET_REPARSE_POINT, data, 0);
        if made.is_err() {
            let _ = nt::remove(&file);
        }
        made.map(drop)
    }

    pub fn make_node(&self, _: &[u8], _: Kind, _: u32, _: Device) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(errors::NOT_SUPPORTED))
    }

    pub fn link(&self, name: &[u8], to: &Handle, to_name: &[u8]) -> io::Result<()> {
        nt::link(&nt::open_at(&self.0, name, CHANGE)?, &to.0, to_name)
    }

    pub fn create_file(&self, name: &[u8]) -> io::Result<File> {
        let access = fs::FILE_GENERIC_READ | fs::FILE_GENERIC_WRITE | fs::DELETE;
        let options = wdk::FILE_NON_DIRECTORY_FILE;
        nt::open_at(&self.0, name, How { access, disposition: wdk::FILE_CREATE, options })
    }

    pub fn rename(&self, name: &[u8], to_name: &[u8]) -> io::Result<()> {
        if self.stat(to_name).is_ok_and(|there| there.kind == Some(Kind::Directory)) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let file = nt::open_at(&self.0, name, MOVE)?;
        patiently(|| match nt::rename(&file, &self.0, to_name, true) {
            // On a system or a file system that knows no other way.
            Err(error) if self.is_refused_as_read_only(&error, to_name) => {
                self.make_writable(to_name)?;
                nt::rename(&file, &self.0, to_name, true)
            }
            renamed => renamed,
        })
    }

    pub fn rename_new(&self, name: &[u8], to_name: &[u8]) -> io::Result<()> {
        let file = nt::open_at(&self.0, name, MOVE)?;
        patiently(|| nt::rename(&file, &self.0, to_name, false))
    }

    pub fn remove_file(&self, name: &[u8]) -> io::Result<()> {
        if self.stat(name)?.kind == Some(Kind::Directory) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.remove(name)
    }

    pub fn remove_directory(&self, name: &[u8]) -> io::Result<()> {
        if self.stat(name)?.kind != Some(Kind::Directory) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        self.remove(name)
    }

    /// Folders are read-only, too: those that have an icon or a view of their own.
    fn remove(&self, name: &[u8]) -> io::Result<()> {
        let remove = || nt::remove(&nt::open_at(&self.0, name, MOVE)?);
        patiently(|| match remove() {
            Err(error) if self.is_refused_as_read_only(&error, name) => {
                self.make_writable(name)?;
                remove()
            }
            removed => removed,
        })
    }

    fn is_refused_as_read_only(&self, error: &io::Error, name: &[u8]) -> bool {
        let attributes = || nt::by_handle(&nt::open_at(&self.0, name, LOOK)?).map(|found| found.dwFileAttributes);
        error.kind() == io::ErrorKind::PermissionDenied
            && attributes().is_ok_and(|attributes| attributes & facts::READ_ONLY != 0)
    }

    fn make_writable(&self, name: &[u8]) -> io::Result<()> {
        change(&nt::open_at(&self.0, name, CHANGE)?, |attributes| attributes & !facts::READ_ONLY)
    }

    /// Only administrators may ask for that. What programs wrote through memory is seen by who reads; what is restored is
    /// synced file by file.
    pub fn sync_file_system(&self) -> io::Result<()> {
        Ok(())
    }
}

pub fn write_all_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let (mut at, mut rest) = (offset, bytes);
    while !rest.is_empty() {
        let count = file.seek_write(&rest[..rest.len().min(WRITE_BYTES)], at)?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        rest = &rest[count..];
        at += count as u64;
    }
    Ok(())
}

/// Where that is refused, what is not written is zeros that take room.
pub fn will_have_holes(file: &File) {
    let _ = nt::control(file, Ioctl::FSCTL_SET_SPARSE, &[], 0);
}
