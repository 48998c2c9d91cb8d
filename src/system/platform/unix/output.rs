//! Whether there is a standard output.

use rustix::fs::FileType;
use rustix::fs::OFlags;
use std::io::Stdout;

pub fn was_closed(output: &Stdout) -> bool {
    let (Ok(stat), Ok(null)) = (rustix::fs::fstat(output), rustix::fs::stat("/dev/null")) else { return false };
    let is_null = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == null.st_rdev;
    is_null && rustix::fs::fcntl_getfl(output).is_ok_and(|flags| flags.contains(OFlags::RDWR))
}
