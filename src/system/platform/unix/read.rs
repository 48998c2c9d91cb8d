//! What is read in the same way on every Unix.

use super::Handle;
use crate::base::entry::Kind;
use crate::base::holes::HOLES_MAX;
use crate::base::holes::Holes;
use crate::system::platform::facts::RawStat;
use nix::unistd::Gid;
use nix::unistd::Group;
use nix::unistd::Uid;
use nix::unistd::User;
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

impl Handle {
    pub fn list(&self, mut each: impl FnMut(&[u8], io::Result<RawStat>)) -> io::Result<()> {
        self.for_each_name(|name| each(name, self.stat(name)))
    }

    pub fn free_bytes(&self) -> Option<u64> {
        let found = rustix::fs::fstatvfs(&self.0).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize)).filter(|_| found.f_blocks > 0)
    }

    pub fn total_bytes(&self) -> Option<u64> {
        let found = rustix::fs::fstatvfs(&self.0).ok()?;
        Some(found.f_blocks.saturating_mul(found.f_frsize)).filter(|total| *total > 0)
    }

    pub fn used_bytes(&self) -> Option<u64> {
        let found = rustix::fs::fstatvfs(&self.0).ok()?;
        let used = found.f_blocks.saturating_sub(found.f_bfree).saturating_mul(found.f_frsize);
        Some(used).filter(|_| found.f_blocks > 0)
    }

    pub fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&self.0, name, Vec::new())?.into_bytes())
    }
}

/// What an entry with this mode is; `None` for a socket.
pub(super) fn kind_of_mode(mode: u32) -> Option<Kind> {
    match mode & 0o170_000 {
        0o040_000 => Some(Kind::Directory),
        0o100_000 => Some(Kind::File),
        0o120_000 => Some(Kind::Symlink),
        0o010_000 => Some(Kind::Fifo),
        0o020_000 => Some(Kind::CharDevice),
        0o060_000 => Some(Kind::BlockDevice),
        _ => None,
    }
}

pub fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

pub fn holes(file: &File, size: u64) -> io::Result<Holes> {
    let mut holes = Vec::new();
    let mut at = 0;
    while at < size && holes.len() < HOLES_MAX {
        let hole = match rustix::fs::seek(file, SeekFrom::Hole(at)) {
            Ok(hole) if hole < size => hole,
            Ok(_) | Err(Errno::NXIO | Errno::INVAL | Errno::OPNOTSUPP) => break,
            Err(error) => return Err(error.into()),
        };
        let data = match rustix::fs::seek(file, SeekFrom::Data(hole)) {
            Ok(data) => data.min(size),
            Err(Errno::NXIO) => size,
            Err(error) => return Err(error.into()),
        };
        if data <= hole || holes.last().is_some_and(|last: &std::ops::Range<u64>| last.end == hole) {
            // The file changed between two questions.
            break;
        }
        holes.push(hole..data);
        at = data;
    }
    Ok(Holes::new(holes, size).unwrap_or_default())
}

pub fn user_name(uid: u32) -> Option<String> {
    User::from_uid(Uid::from_raw(uid)).ok()?.map(|user| user.name)
}

pub fn group_name(gid: u32) -> Option<String> {
    Group::from_gid(Gid::from_raw(gid)).ok()?.map(|group| group.name)
}

/// The name of this computer; empty when it is none of its own.
pub fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if matches!(name.as_str(), "localhost" | "localhost.localdomain" | "(none)") { String::new() } else { name }
}
