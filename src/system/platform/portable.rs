//! What walkdir does on every system, by path: for folders of one's own, as an archive's, and where a system has no better way.

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::entry::Kind;
    use crate::base::time::Time;
    use crate::system::platform::Directory;
    use crate::system::platform::facts::RawStat;
    use crate::system::platform::told::raw_stat;
    use crate::system::platform::told::set_mtime;
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
}
