//! What walkdir and filetime do on every system, by path: for folders of one's own, as an archive's, and where a system has no
//! better way. Tells what all systems know.

#[cfg(any(test, windows))]
use super::facts::RawStat;
#[cfg(any(test, windows))]
use crate::base::entry::Device;
#[cfg(any(test, windows))]
use crate::base::entry::Kind;
#[cfg(any(test, windows))]
use crate::base::time::Time;
#[cfg(any(test, windows))]
use filetime::FileTime;
use std::fs::Metadata;
use std::io;
use std::path::Path;
use walkdir::WalkDir;

/// Calls `each` with everything in the folder at `path` and what is known of it, symlinks themselves, in no order. Windows tells
/// that with the names; elsewhere each is asked.
///
/// # Errors
/// When it cannot be listed.
pub fn list(path: &Path, mut each: impl FnMut(&[u8], io::Result<Metadata>)) -> io::Result<()> {
    // Of a file it would say that there is nothing in it.
    if !path.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    for item in WalkDir::new(path).min_depth(1).max_depth(1).follow_links(false).follow_root_links(true) {
        let item = item.map_err(reason)?;
        each(item.file_name().as_encoded_bytes(), item.metadata().map_err(reason));
    }
    Ok(())
}

/// The system's error without the path that walkdir adds.
fn reason(error: walkdir::Error) -> io::Error {
    let kind = error.io_error().map_or(io::ErrorKind::Other, io::Error::kind);
    error.into_io_error().unwrap_or_else(|| kind.into())
}

/// What a listing knows; what it does not is 0, and the mode is that of a thing that nobody protects.
#[cfg(any(test, windows))]
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
#[cfg(any(test, windows))]
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
#[cfg(any(test, windows))]
pub fn set_mtime(file: &std::fs::File, mtime: Time) -> io::Result<()> {
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
    use crate::system::platform::Directory;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::fs;
    use std::fs::File;

    type Found = BTreeMap<Vec<u8>, (Option<Kind>, u64, Time)>;

    fn comparable(stat: &RawStat) -> (Option<Kind>, u64, Time) {
        let size = if stat.kind == Some(Kind::File) { stat.size } else { 0 };
        (stat.kind, size, stat.mtime)
    }

    fn listed(path: &Path) -> Found {
        let mut found = Found::new();
        list(path, |name, metadata| {
            found.insert(name.to_vec(), comparable(&raw_stat(&metadata.unwrap())));
        })
        .unwrap();
        found
    }

    fn listed_by_handle(path: &Path) -> Found {
        let mut found = Found::new();
        let directory = Directory::open(path).unwrap();
        directory
            .list(|name, stat| {
                let (asked, stat) = (directory.stat(name).unwrap(), stat.unwrap());
                let same = |stat: &RawStat| (comparable(stat), stat.inode, stat.file_system, stat.mode, stat.ctime);
                assert_eq!(same(&asked), same(&stat), "{}", name.escape_ascii());
                assert!(stat.kind != Some(Kind::File) || asked == stat, "{}", name.escape_ascii());
                found.insert(name.to_vec(), comparable(&stat));
            })
            .unwrap();
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn all_listings_of_a_folder_are_equal(items in prop::collection::btree_map(
            "[a-zäж日 .]{0,12}[a-zäж]", (0..3_u8, 0..5000_usize, -5_000_000_000..10_000_000_000_i64), 0..30,
        )) {
            let folder = tempfile::tempdir().unwrap();
            for (name, (kind, size, seconds)) in &items {
                let path = folder.path().join(name);
                match kind {
                    0 => fs::create_dir(&path).unwrap(),
                    _ => {
                        fs::write(&path, vec![7; *size]).unwrap();
                        let file = File::options().write(true).open(&path).unwrap();
                        set_mtime(&file, Time::new(*seconds, 123_456_700)).unwrap();
                    }
                }
            }
            #[cfg(unix)]
            std::os::unix::fs::symlink("nowhere", folder.path().join("#link")).unwrap();
            prop_assert_eq!(listed(folder.path()), listed_by_handle(folder.path()));
            let names = items.len() + usize::from(cfg!(unix));
            prop_assert_eq!(listed(folder.path()).len(), names);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let error = list(&folder.path().join("none"), |_, _| {}).unwrap_err();
        assert!(error.kind() == io::ErrorKind::NotFound && error.raw_os_error().is_some(), "{error}");
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(list(&folder.path().join("file"), |_, _| panic!("there is nothing in a file")).is_err());
    }

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
