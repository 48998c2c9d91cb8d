//! What differs between operating systems stands here and nowhere else: the contract that each of them keeps, documented here and
//! in `directory`, and a folder for each, of which one is compiled in as `system`. Knows nothing of archives.

mod directory;
mod facts;
mod ladder;
mod portable;
mod removing;
#[cfg(any(windows, test))]
mod told;
#[cfg(unix)]
mod unix;
#[cfg(any(windows, test))]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub use directory::Directory;
pub use directory::Node;
pub use facts::FileSystem;
pub use facts::LINK_KIND;
pub use facts::LinkKind;
pub use facts::Names;
pub use facts::RawStat;
pub use facts::Refusal;
pub use ladder::Ladder;

use crate::base::entry::Kind;
use crate::base::entry::Xattr;
use crate::base::holes::Holes;
use crate::base::pattern::Case;
use std::borrow::Cow;
use std::fs::File;
use std::fs::Metadata;
use std::fs::TryLockError;
use std::io;
use std::io::Stdout;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

impl Refusal {
    /// Whether this error says that.
    pub fn is_meant_by(self, error: &io::Error) -> bool {
        system::is_meant_by(self, error)
    }
}

/// Bytes per write call.
pub const WRITE_BYTES: usize = system::WRITE_BYTES;

/// What is known of an open file.
///
/// # Errors
/// When the file system does not tell.
pub fn stat_file(file: &File) -> io::Result<RawStat> {
    system::stat_file(file)
}

/// What is known of `path`, through symlinks, as the person named it.
///
/// # Errors
/// When it is not there or may not be looked at.
pub fn stat_path(path: &Path) -> io::Result<RawStat> {
    system::stat_path(path)
}

/// The path with these bytes, as it would be typed; where paths are not bytes, of bytes that cannot be one, a path that leads
/// nowhere.
pub fn path_of(bytes: &[u8]) -> Cow<'_, Path> {
    system::path_of(bytes)
}

/// The path with all symlinks resolved, as people write it.
///
/// # Errors
/// When it is not there or may not be looked at.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize().map(plain_path)
}

/// The path as people write it: on Windows without the prefix by which the system takes it as it stands (`\\?\`).
pub fn plain_path(path: PathBuf) -> PathBuf {
    system::plain_path(path)
}

/// The top of the drive that `path`, a canonical path, is on.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`] where the system knows no shadow copies; when it cannot tell.
pub fn volume_of(path: &Path) -> io::Result<PathBuf> {
    system::volume_of(path)
}

/// The program that makes a shadow copy of the drive whose top is `volume`, answers with a line `made TOP` or with the reason why
/// there is none, and removes it when its standard input ends.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`] where the system knows no shadow copies; [`io::ErrorKind::InvalidFilename`] when `volume` cannot
/// be named to it.
pub fn shadow_command(volume: &Path) -> io::Result<Command> {
    system::shadow_command(volume)
}

/// What the top of a drive or of a network's share is called, if it has a name: on Windows the letter or the share's name.
pub fn name_of_top(path: &Path) -> Option<String> {
    system::name_of_top(path)
}

/// A path as typed with `/` between its parts, whatever this system's people type.
pub fn with_slashes(typed: &[u8]) -> Cow<'_, [u8]> {
    system::with_slashes(typed)
}

/// Whether a text can be a name and no path of this system.
pub fn may_be_name(text: &str) -> bool {
    system::may_be_name(text)
}

/// Calls `each` with everything in the folder at `path` and what is known of it, symlinks themselves, in no order. By path: for
/// folders that nobody else writes to, as an archive's.
///
/// # Errors
/// When it is not a folder or cannot be listed.
pub fn list(path: &Path, each: impl FnMut(&[u8], io::Result<Metadata>)) -> io::Result<()> {
    portable::list(path, each)
}

/// Whether rules tell names apart by their case here: not where the system's people do not.
pub const CASE: Case = if cfg!(windows) { Case::Ignored } else { Case::Matters };

/// Whether this system has owners with numbers, and modes: where not, what is restored has what the system gives it, and nothing
/// is said of that.
pub const HAS_OWNERS: bool = cfg!(unix);

/// Whether extended attributes whose names begin with `windows.` are what this system keeps of files.
pub const HAS_WINDOWS_ATTRIBUTES: bool = cfg!(windows);

/// Whether an extended attribute can be there as it was saved, so that another value means that it is not right.
pub fn may_compare_xattr(name: &[u8]) -> bool {
    system::may_compare_xattr(name)
}

/// Whether names that can be made may still be none that programs can open, so that trying says nothing.
pub const HAS_HIDDEN_NAME_RULES: bool = cfg!(windows);

/// Whether file systems can only be synced file by file.
pub const SYNCS_FILES_ONLY: bool = cfg!(windows);

/// What a file of this kind keeps of a mode here.
pub fn kept_mode(kind: Option<Kind>, mode: u32) -> u32 {
    system::kept_mode(kind, mode)
}

/// The tops of the drives with this label, whatever its case, where the system has a list of labels itself: on Windows. Elsewhere
/// none.
pub fn drives_called(label: &str) -> Vec<PathBuf> {
    system::drives_called(label)
}

/// Lets those who may read the file at `path` run it as a program, where a file has a right to that.
///
/// # Errors
/// When the file system fails. One that knows no modes is left alone.
pub fn make_executable(path: &Path) -> io::Result<()> {
    system::make_executable(path)
}

/// Locks a file against other processes that lock it so, without waiting, until it is closed. It can be read all the same.
///
/// # Errors
/// [`TryLockError::WouldBlock`] when another has it; otherwise when the file system knows no locks.
pub fn try_lock(file: &File) -> Result<(), TryLockError> {
    system::try_lock(file)
}

/// Keeps the system from going to sleep until it is dropped, where programs are asked to say so.
pub struct Awake(system::Awake);

/// Says that the system should not go to sleep.
#[must_use]
pub fn stay_awake() -> Awake {
    Awake(system::stay_awake())
}

/// The extended attributes of an open file.
///
/// # Errors
/// As for [`Directory::xattrs`].
pub fn file_xattrs(file: &File) -> io::Result<Vec<Xattr>> {
    system::file_xattrs(file)
}

/// Reads from `offset` on, once.
///
/// # Errors
/// When the bytes cannot be read.
pub fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    system::read_at(file, offset, buffer)
}

/// The holes of a file of `size` bytes, at most [`HOLES_MAX`](crate::base::holes::HOLES_MAX) of them; none where the file system
/// does not tell.
///
/// # Errors
/// When the file cannot be read.
pub fn holes(file: &File, size: u64) -> io::Result<Holes> {
    system::holes(file, size)
}

/// Tells the system that not all of a file will be written, and that the rest need not take room.
pub fn will_have_holes(file: &File) {
    system::will_have_holes(file);
}

/// Tells the system that the file will be read from front to back.
pub fn will_read_in_order(file: &File) {
    system::will_read_in_order(file);
}

/// Lets the system forget what it keeps of a synced file in memory, so that reading it reads the drive. Where the system cannot
/// be told, nothing happens.
pub fn forget_cached(file: &File) {
    system::forget_cached(file);
}

/// The name of user `uid`, if the system knows one.
pub fn user_name(uid: u32) -> Option<String> {
    system::user_name(uid)
}

/// The name of group `gid`, if the system knows one.
pub fn group_name(gid: u32) -> Option<String> {
    system::group_name(gid)
}

/// Writes all of `bytes` at `offset`; several threads may write to one file at once.
///
/// # Errors
/// When the file system refuses.
pub fn write_all_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    system::write_all_at(file, offset, bytes)
}

/// Whether this process is root's.
pub fn is_root() -> bool {
    system::is_root()
}

/// The number of the user called `name`, if the system knows one.
pub fn user_number(name: &str) -> Option<u32> {
    system::user_number(name)
}

/// The number of the group called `name`, if the system knows one.
pub fn group_number(name: &str) -> Option<u32> {
    system::group_number(name)
}

/// Whether a drive no longer answers: mostly it was pulled out.
pub fn was_drive_lost(error: &io::Error) -> bool {
    system::was_drive_lost(error)
}

/// Whether a symlink stood where a directory was looked for.
pub fn was_symlink_met(error: &io::Error) -> bool {
    system::was_symlink_met(error)
}

/// Renames a file to a name that must not exist yet.
///
/// Where the file system cannot promise that (exFAT and NTFS by FUSE), it is looked for first: the archive's lock keeps
/// other writers out.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when the name is taken; otherwise as rename.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    system::rename_new(from, to)
}

/// The name of this computer in its network; empty when it has none of its own.
pub fn host_name() -> String {
    system::host_name()
}

/// Renames a file to a name that may be taken by another, which is gone then.
///
/// # Errors
/// As rename.
pub fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
    system::rename_over(from, to)
}

/// Makes a file durable under the name that it was given, where its length and place stand beside that (FAT).
///
/// # Errors
/// When the drive refuses.
pub fn sync_renamed(path: &Path) -> io::Result<()> {
    system::sync_renamed(path)
}

/// Makes the names in a directory durable, where the file system knows how to.
///
/// # Errors
/// When the drive refuses.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    system::sync_directory(path)
}

/// Lets large pieces of memory go back to the system whenever they are freed. By itself glibc takes pieces as large as the
/// largest ever freed from its heap from then on, which grows with every part of a snapshot (mallopt(3), `M_MMAP_THRESHOLD`).
/// To be called before there are threads; does nothing with other C libraries.
pub fn give_large_memory_back() {
    system::give_large_memory_back();
}

/// Whether a program was started without this output: Rust then opens `/dev/null` in its place, for reading, too, as nobody
/// does who wants to throw the output away.
pub fn was_closed(output: &Stdout) -> bool {
    system::was_closed(output)
}

/// What file systems, and the systems that mount them, make by themselves in the top directory of a drive, whatever the case.
const OF_FILE_SYSTEM: [&str; 10] = [
    "lost+found",
    "System Volume Information",
    "$RECYCLE.BIN",
    ".Trashes",
    ".fseventsd",
    ".Spotlight-V100",
    ".TemporaryItems",
    ".DocumentRevisions-V100",
    ".nilfs",
    "LOST.DIR",
];

/// Whether `name` in the top directory of a drive belongs to the file system or a desktop's bin, not to a person.
pub fn is_of_file_system(name: &[u8]) -> bool {
    let is_bin = || {
        // The bin of the user with this number.
        let user = name.strip_prefix(b".Trash-").unwrap_or_default();
        !user.is_empty() && user.iter().all(u8::is_ascii_digit)
    };
    OF_FILE_SYSTEM.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())) || is_bin()
}

#[cfg(test)]
mod tests {
    use super::is_of_file_system;

    #[test]
    fn what_a_new_drive_brings_along_is_known() {
        for name in ["lost+found", "LOST+FOUND", "System Volume Information", ".Trashes", ".fseventsd", ".Trash-1000"] {
            assert!(is_of_file_system(name.as_bytes()), "{name}");
        }
        for name in ["", "lost", "photos", ".Trash-", ".Trash-ann", ".snap-x", "Trashes"] {
            assert!(!is_of_file_system(name.as_bytes()), "{name}");
        }
    }
}
