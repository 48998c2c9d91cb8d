//! Making what not every Unix makes in the same way.

use crate::base::entry::Device;
use crate::base::entry::Kind;
use crate::system::platform::unix::Handle;
use crate::system::platform::unix::write::check_free;
use rustix::fs::CWD;
use rustix::fs::FileType;
use rustix::fs::Mode;
use rustix::fs::RenameFlags;
use rustix::io::Errno;
use std::io;
use std::path::Path;

/// What Linux has room for in the numbers of a device; larger ones would be cut without a word.
const DEVICE_MAJOR_MAX: u32 = 0xfff;
const DEVICE_MINOR_MAX: u32 = 0xf_ffff;

impl Handle {
    pub fn make_node(&self, name: &[u8], kind: Kind, mode: u32, device: Device) -> io::Result<()> {
        let file_type = match kind {
            Kind::Fifo => FileType::Fifo,
            Kind::CharDevice => FileType::CharacterDevice,
            Kind::BlockDevice => FileType::BlockDevice,
            Kind::Directory | Kind::File | Kind::Symlink => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let Device { major, minor } = device;
        if major > DEVICE_MAJOR_MAX || minor > DEVICE_MINOR_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let device = rustix::fs::makedev(major, minor);
        Ok(rustix::fs::mknodat(&self.0, name, file_type, Mode::from_raw_mode(mode), device)?)
    }

    pub fn rename_new(&self, name: &[u8], to_name: &[u8]) -> io::Result<()> {
        match rustix::fs::renameat_with(&self.0, name, &self.0, to_name, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                check_free(self.stat(to_name))?;
                self.rename(name, to_name)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub fn sync_file_system(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
    }
}

pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            check_free(to.symlink_metadata())?;
            std::fs::rename(from, to)
        }
        Err(error) => Err(error.into()),
    }
}
