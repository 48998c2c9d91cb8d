//! Small private files of the person, replaced atomically.

use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;

/// Writes a file in place of what was there, with its permissions; a new one, and the folders that it is in, only for the person.
///
/// # Errors
/// When it cannot be written; then what was there is as it was.
pub(crate) fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    // What a link leads to is replaced, not the link.
    let file = &file.canonicalize().unwrap_or_else(|_| file.to_owned());
    make_folder(file.parent().unwrap_or(Path::new(".")))?;
    let unfinished = file.with_extension(format!("{}.tmp", std::process::id()));
    let written = write(&unfinished, bytes, fs::metadata(file).ok().as_ref());
    let written = written.and_then(|()| fs::rename(&unfinished, file));
    if written.is_err() {
        // It is only a left-over of the attempt.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Makes a file that is not there, only for the person, or also for the group of new files.
///
/// # Errors
/// When it is there, or cannot be made.
#[cfg(unix)]
pub(crate) fn create_new(file: &Path, is_shared: bool) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mode = if is_shared { 0o660 } else { 0o600 };
    fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(file)
}

/// Makes a file that is not there.
///
/// # Errors
/// When it is there, or cannot be made.
#[cfg(not(unix))]
pub(crate) fn create_new(file: &Path, _: bool) -> io::Result<fs::File> {
    fs::File::create_new(file)
}

fn write(file: &Path, bytes: &[u8], old: Option<&fs::Metadata>) -> io::Result<()> {
    let mut opened = create(file)?;
    if let Some(old) = old {
        opened.set_permissions(old.permissions())?;
    }
    opened.write_all(bytes)?;
    // Otherwise a crash may leave the new name with nothing in it.
    opened.sync_all()
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn create(file: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)
}

#[cfg(not(unix))]
fn create(file: &Path) -> io::Result<fs::File> {
    fs::File::create(file)
}
