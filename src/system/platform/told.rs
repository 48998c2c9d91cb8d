//! What `std` and filetime know and do on every system: for listings of walkdir, and where a system has no better way. Tells what
//! all systems know.

use super::facts::RawStat;
use crate::base::entry::Device;
use crate::base::entry::Kind;
use crate::base::time::Time;
use filetime::FileTime;
use std::fs::File;
use std::fs::Metadata;
use std::io;

/// What a listing knows; what it does not is 0, and the mode is that of a thing that nobody protects.
pub fn raw_stat(found: &Metadata) -> RawStat {
    let kind = found.file_type();
    let kind = match (kind.is_symlink(), kind.is_dir(), kind.is_file()) {
        (true, ..) => Some(Kind::Symlink),
        (_, true, _) => Some(Kind::Directory),
        (.., true) => Some(Kind::File),
        _ => None,
    };
    RawStat {
        kind,
        mode: match kind {
            Some(Kind::Directory) => 0o755,
            Some(Kind::Symlink) => 0o777,
            _ if found.permissions().readonly() => 0o444,
            _ => 0o644,
        },
        uid: 0,
        gid: 0,
        size: found.len(),
        allocated_bytes: found.len(),
        mtime: mtime(found),
        ctime: Time::default(),
        inode: 0,
        links: 1,
        file_system: 0,
        mount: 0,
        device: Device::default(),
        is_remote: false,
    }
}

/// The time of the last modification.
fn mtime(found: &Metadata) -> Time {
    let time = FileTime::from_last_modification_time(found);
    // Its `seconds` counts from another year on each system.
    Time::new(time.unix_seconds(), time.nanoseconds())
}

/// Sets the time of the last modification of an open file.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] before 1601 and after the year 30000, which not every system has; otherwise as the file
/// system refuses.
pub fn set_mtime(file: &File, mtime: Time) -> io::Result<()> {
    /// From 1601 to 30000; filetime panics beyond what Windows has.
    const SECONDS: std::ops::Range<i64> = -11_644_473_600..884_541_340_800;
    if !SECONDS.contains(&mtime.seconds) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    filetime::set_file_handle_times(file, None, Some(FileTime::from_unix_time(mtime.seconds, mtime.nanos)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_that_not_every_system_has_are_refused() {
        let file = tempfile::tempfile().unwrap();
        for seconds in [-62_135_596_800, -11_644_473_601, 9_223_372_036_854_775, i64::MIN, i64::MAX] {
            let refused = set_mtime(&file, Time::new(seconds, 0)).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{seconds}");
        }
        set_mtime(&file, Time::new(1_700_000_000, 123_456_700)).unwrap();
        assert_eq!(mtime(&file.metadata().unwrap()), Time::new(1_700_000_000, 123_456_700));
    }
}
