//! Paths as people type and read them, which are bytes; files that are named by them.

use crate::base::entry::Kind;
use crate::system::platform::facts::Refusal;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::fs::Permissions;
use std::fs::TryLockError;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// Linux asks a service of the desktop about sleep, not each program.
pub struct Awake;

pub fn stay_awake() -> Awake {
    Awake
}

pub fn path_of(bytes: &[u8]) -> Cow<'_, Path> {
    Cow::Borrowed(Path::new(OsStr::from_bytes(bytes)))
}

pub fn plain_path(path: PathBuf) -> PathBuf {
    path
}

pub fn volume_of(_: &Path) -> io::Result<PathBuf> {
    Err(io::ErrorKind::Unsupported.into())
}

pub fn shadow_command(_: &Path) -> io::Result<Command> {
    Err(io::ErrorKind::Unsupported.into())
}

pub fn name_of_top(_: &Path) -> Option<String> {
    None
}

pub fn with_slashes(typed: &[u8]) -> Cow<'_, [u8]> {
    Cow::Borrowed(typed)
}

pub fn may_be_name(text: &str) -> bool {
    !text.contains('/')
}

pub fn may_compare_xattr(_: &[u8]) -> bool {
    true
}

pub fn kept_mode(_: Option<Kind>, mode: u32) -> u32 {
    mode
}

pub fn try_lock(file: &File) -> Result<(), TryLockError> {
    file.try_lock()
}

pub fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

pub fn make_executable(path: &Path) -> io::Result<()> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o7777;
    let wanted = mode | (mode & 0o444) >> 2;
    match std::fs::set_permissions(path, Permissions::from_mode(wanted)) {
        Err(error) if Refusal::Attribute.is_meant_by(&error) => Ok(()),
        done => done,
    }
}

pub fn drives_called(_: &str) -> Vec<PathBuf> {
    Vec::new()
}
