//! What `setup` proposes: the folders that people usually want to keep, with their sizes, and how much is free on a drive.

use super::folders::Folders;
use super::output::text;
use snap_archive::system::store::LocalStore;
use snap_archive::system::store::Store;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

/// What people usually keep, in their home.
const USUAL: &[&str] = &["Documents", "Pictures", "Music", "Videos", "Desktop", "Downloads"];

/// How long sizes are summed up, all together.
const MEASURE: Duration = Duration::from_secs(2);

/// Those that are there and not empty, with their sizes.
pub(crate) fn folders(folders: &Folders) -> Vec<(PathBuf, String)> {
    let Some(home) = &folders.home else { return Vec::new() };
    let until = Instant::now() + MEASURE;
    let there = USUAL.iter().map(|name| home.join(name));
    let there = there.filter(|folder| folder.read_dir().is_ok_and(|mut names| names.next().is_some()));
    there
        .map(|folder| {
            let (bytes, is_whole) = measured(&folder, until);
            let more = if is_whole { "" } else { "more than " };
            (folder, format!("{more}{}", text::size(bytes)))
        })
        .collect()
}

/// The bytes of all files below, and whether there was time for all of them.
fn measured(top: &Path, until: Instant) -> (u64, bool) {
    let (mut bytes, mut waiting) = (0_u64, vec![top.to_owned()]);
    while let Some(folder) = waiting.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            if Instant::now() >= until {
                return (bytes, false);
            }
            match entry.metadata() {
                Ok(found) if found.is_dir() => waiting.push(entry.path()),
                Ok(found) if found.is_file() => bytes = bytes.saturating_add(found.len()),
                _ => {}
            }
        }
    }
    (bytes, true)
}

/// How much is free where this folder is.
pub(crate) fn free(folder: &Path) -> String {
    let free = LocalStore::new(folder).space().free_bytes;
    free.map_or_else(|| "free space not known".to_owned(), |free| format!("{} free", text::size(free)))
}
