//! Making what not every Unix makes in the same way.

use crate::base::entry::Device;
use crate::base::entry::Kind;
use crate::system::platform::unix::Handle;
use rustix::io::Errno;
use std::io;
use std::path::Path;

impl Handle {
    /// Numbers of devices mean other devices on each system, and macOS makes neither these nor pipes by descriptor.
    pub fn make_node(&self, _: &[u8], _: Kind, _: u32, _: Device) -> io::Result<()> {
        Err(Errno::OPNOTSUPP.into())
    }

    pub fn rename_new(&self, name: &[u8], to_name: &[u8]) -> io::Result<()> {
        match self.stat(to_name) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => self.rename(name, to_name),
        }
    }

    /// There is one call for all file systems only.
    pub fn sync_file_system(&self) -> io::Result<()> {
        rustix::fs::sync();
        Ok(())
    }

    pub fn may_be_unplugged(&self) -> bool {
        true
    }
}

pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    if to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from, to)
}
