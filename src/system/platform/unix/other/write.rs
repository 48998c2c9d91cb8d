//! Making what not every Unix makes in the same way.

use crate::base::entry::Device;
use crate::base::entry::Kind;
use crate::system::platform::unix::Handle;
use crate::system::platform::unix::write::check_free;
use rustix::io::Errno;
use std::io;
use std::path::Path;

impl Handle {
    /// Numbers of devices mean other devices on each system, and macOS makes neither these nor pipes by descriptor.
    pub fn make_node(&self, _: &[u8], _: Kind, _: u32, _: Device) -> io::Result<()> {
        Err(Errno::OPNOTSUPP.into())
    }

    pub fn rename_new(&self, name: &[u8], to_name: &[u8]) -> io::Result<()> {
        check_free(self.stat(to_name))?;
        self.rename(name, to_name)
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
    check_free(to.symlink_metadata())?;
    std::fs::rename(from, to)
}
