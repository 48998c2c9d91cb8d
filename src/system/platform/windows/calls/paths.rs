//! Paths as people type and read them; files and folders that are named by them.

use super::Handle;
use super::errors;
use super::names;
use super::nt;
use super::shadow;
use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::fs::OpenOptionsExt;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;
use std::path::Prefix;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;
use windows_sys::Win32::Storage::FileSystem as fs;

pub fn path_of(bytes: &[u8]) -> Cow<'_, Path> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(Path::new(text)),
        Err(_) => match names::wide_of(bytes) {
            Some(wide) => Cow::Owned(OsString::from_wide(&wide).into()),
            // There is nothing that is called so.
            None => Cow::Owned(String::from_utf8_lossy(bytes).into_owned().into()),
        },
    }
}

pub fn plain_path(path: PathBuf) -> PathBuf {
    path.to_str().and_then(names::without_prefix).map_or(path, PathBuf::from)
}

pub fn volume_of(path: &Path) -> io::Result<PathBuf> {
    let wide: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    nt::volume_path(&wide).map(|volume| OsString::from_wide(&volume).into())
}

pub fn shadow_command(volume: &Path) -> io::Result<Command> {
    let volume = volume.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut command = Command::new("powershell.exe");
    command.args(["-NoLogo", "-NoProfile", "-NonInteractive", "-Command"]).arg(shadow::script(volume));
    Ok(command)
}

pub fn name_of_top(path: &Path) -> Option<String> {
    let Some(Component::Prefix(prefix)) = path.components().next() else { return None };
    match prefix.kind() {
        Prefix::Disk(letter) | Prefix::VerbatimDisk(letter) => {
            Some(char::from(letter.to_ascii_uppercase()).to_string())
        }
        Prefix::UNC(_, share) | Prefix::VerbatimUNC(_, share) => share.to_str().map(str::to_owned),
        _ => None,
    }
}

pub fn with_slashes(typed: &[u8]) -> Cow<'_, [u8]> {
    typed.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect()
}

pub fn may_be_name(text: &str) -> bool {
    !text.contains(['/', '\\', ':'])
}

pub fn was_closed(_: &io::Stdout) -> bool {
    false
}

pub fn give_large_memory_back() {}

pub fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

pub fn is_root() -> bool {
    false
}

pub fn user_number(_: &str) -> Option<u32> {
    None
}

pub fn group_number(_: &str) -> Option<u32> {
    None
}

pub fn user_name(_: u32) -> Option<String> {
    None
}

pub fn group_name(_: u32) -> Option<String> {
    None
}

pub fn try_lock(file: &File) -> Result<(), TryLockError> {
    match nt::lock(file) {
        Ok(true) => Ok(()),
        Ok(false) => Err(TryLockError::WouldBlock),
        Err(error) => Err(TryLockError::Error(error)),
    }
}

pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (verbatim(from)?, verbatim(to)?);
    patiently(|| nt::move_new(&from, &to))
}

pub fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
    patiently(|| std::fs::rename(from, to))
}

/// A path that no length makes too long, ending with a NUL.
fn verbatim(path: &Path) -> io::Result<Vec<u16>> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let full = parent.canonicalize()?.join(path.file_name().unwrap_or_default());
    Ok(full.as_os_str().encode_wide().chain([0]).collect())
}

/// Its drivers write that with the name.
pub fn sync_renamed(_: &Path) -> io::Result<()> {
    Ok(())
}

pub fn sync_directory(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let directory = File::options()
        .access_mode(fs::FILE_ADD_FILE | fs::SYNCHRONIZE)
        .share_mode(nt::SHARE_ALL)
        .custom_flags(fs::FILE_FLAG_BACKUP_SEMANTICS)
        .open(path)?;
    match directory.sync_all() {
        Err(error) if errors::cannot_be_flushed(&error) => Ok(()),
        result => result,
    }
}

/// Tries again for a while what a scanner may be in the way of.
pub fn patiently<T>(act: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let (began, mut wait) = (Instant::now(), Duration::from_millis(10));
    loop {
        match act() {
            Err(error) if began.elapsed() < errors::patience(&error) => std::thread::sleep(wait),
            result => return result,
        }
        wait *= 2;
    }
}

/// Keeps the system from going to sleep until it is dropped.
pub struct Awake;

pub fn stay_awake() -> Awake {
    nt::keep_awake(true);
    Awake
}

impl Drop for Awake {
    fn drop(&mut self) {
        nt::keep_awake(false);
    }
}

impl Handle {
    /// Its path as it is now.
    pub fn path(&self) -> io::Result<PathBuf> {
        Ok(OsString::from_wide(&nt::final_path(&self.0, false)?).into())
    }
}
