//! An open directory and what is done in it: what every operating system must give. By descriptor or handle, so that no name is
//! looked up through a symlink that somebody put in the way. Names are bytes and have no `/`.

use super::facts::FileSystem;
use super::facts::LinkKind;
use super::facts::RawStat;
use super::system;
use crate::base::entry::Device;
use crate::base::entry::Kind;
use crate::base::entry::Xattr;
use crate::base::time::Time;
use std::fs::File;
use std::io;
use std::path::Path;

/// The bits without which a directory's owner cannot work in it.
const OWNER_ACCESS: u32 = 0o700;

/// An open directory.
#[derive(Debug)]
pub struct Directory(pub(super) system::Handle);

// What the system must give.
impl Directory {
    /// Opens the directory at `path`, through symlinks, as the person named it.
    ///
    /// # Errors
    /// When it is not there, not a directory, or may not be read.
    pub fn open(path: &Path) -> io::Result<Directory> {
        system::Handle::open(path).map(Directory)
    }

    /// Opens the directory `relative` (parts joined by `/`; empty: this one again) below this one, through no symlink.
    ///
    /// # Errors
    /// When a part is not there, not a directory, a symlink, or may not be entered.
    pub fn open_below(&self, relative: &[u8]) -> io::Result<Directory> {
        self.0.open_below(relative).map(Directory)
    }

    /// Calls `each` with every name in it but `.` and `..`, in no order.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn for_each_name(&self, each: impl FnMut(&[u8])) -> io::Result<()> {
        self.0.for_each_name(each)
    }

    /// Calls `each` with everything in it and what [`Directory::stat`] says of that, in no order; on Windows hundreds at once.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn list(&self, each: impl FnMut(&[u8], io::Result<RawStat>)) -> io::Result<()> {
        self.0.list(each)
    }

    /// What is known of `name` in it, the symlink itself if it is one.
    ///
    /// # Errors
    /// When it is not there or may not be looked at.
    pub fn stat(&self, name: &[u8]) -> io::Result<RawStat> {
        self.0.stat(name)
    }

    /// What is known of this directory.
    ///
    /// # Errors
    /// When it may not be looked at.
    pub fn own_stat(&self) -> io::Result<RawStat> {
        self.0.own_stat()
    }

    /// What file system it is on. What cannot be found out is taken for an ordinary one.
    pub fn file_system(&self) -> FileSystem {
        self.0.file_system()
    }

    /// How many bytes more this person may store on its file system; `None` where it does not tell.
    pub fn free_bytes(&self) -> Option<u64> {
        self.0.free_bytes()
    }

    /// How many bytes its file system has in all; `None` where it does not tell.
    pub fn total_bytes(&self) -> Option<u64> {
        self.0.total_bytes()
    }

    /// How many bytes are in use on its file system; `None` where it does not tell.
    pub fn used_bytes(&self) -> Option<u64> {
        self.0.used_bytes()
    }

    /// Asks the drive for a sign of life, where one that was pulled out would list this directory as empty without an error.
    ///
    /// # Errors
    /// When the drive is gone: what was listed since it was last alive may be wrong.
    pub fn check_alive(&self) -> io::Result<()> {
        self.0.check_alive()
    }

    /// Opens the file `name` in it for reading: not through a symlink, without waiting for a pipe's other end.
    ///
    /// # Errors
    /// When it is not there, a symlink, or may not be read.
    pub fn open_file(&self, name: &[u8]) -> io::Result<File> {
        self.0.open_file(name)
    }

    /// Where the symlink `name` points to.
    ///
    /// # Errors
    /// When it is not there or not a symlink.
    pub fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        self.0.read_link(name)
    }

    /// The extended attributes of `name`, of whatever kind, by name; none where the file system has none.
    ///
    /// # Errors
    /// When they cannot be read, or are larger than [`crate::base::entry::XATTRS_BYTES_MAX`].
    pub fn xattrs(&self, name: &[u8]) -> io::Result<Vec<Xattr>> {
        self.0.xattrs(name)
    }

    /// The extended attributes of this directory.
    ///
    /// # Errors
    /// As for [`Directory::xattrs`].
    pub fn own_xattrs(&self) -> io::Result<Vec<Xattr>> {
        self.0.own_xattrs()
    }

    /// Makes the directory `name` in it with this mode, less the umask.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when the name is taken; otherwise as the file system refuses.
    pub fn make_directory(&self, name: &[u8], mode: u32) -> io::Result<()> {
        self.0.make_directory(name, mode)
    }

    /// Makes the symlink `name` in it, pointing to `target`, whatever that is, of this kind where there are several.
    ///
    /// # Errors
    /// As for [`Directory::make_directory`]; also when the target is empty, holds a NUL, or is longer than 4095 bytes.
    pub fn make_symlink(&self, target: &[u8], name: &[u8], kind: LinkKind) -> io::Result<()> {
        self.0.make_symlink(target, name, kind)
    }

    /// Makes the pipe or device `name` in it; a pipe has no numbers.
    ///
    /// # Errors
    /// As for [`Directory::make_directory`]; [`io::ErrorKind::InvalidInput`] for other kinds and for device numbers that the
    /// system has no room for.
    pub fn make_node(&self, name: &[u8], kind: Kind, mode: u32, device: Device) -> io::Result<()> {
        self.0.make_node(name, kind, mode, device)
    }

    /// Gives the file `name` in it, the symlink itself if it is one, a further name in another directory.
    ///
    /// # Errors
    /// As for [`Directory::make_directory`]; [`super::Refusal::Link`] tells whether a copy is called for.
    pub fn link(&self, name: &[u8], to: &Directory, to_name: &[u8]) -> io::Result<()> {
        self.0.link(name, &to.0, to_name)
    }

    /// Makes the file `name` in it, readable and writable by its owner only, and opens it for both.
    ///
    /// # Errors
    /// As for [`Directory::make_directory`].
    pub fn create_file(&self, name: &[u8]) -> io::Result<File> {
        self.0.create_file(name)
    }

    /// Renames `name` to `to_name` in it, over whatever file is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::IsADirectory`] when a directory is there; otherwise as the file system refuses.
    pub fn rename(&self, name: &[u8], to_name: &[u8]) -> io::Result<()> {
        self.0.rename(name, to_name)
    }

    /// Renames `name` to `to_name` in it, which must not exist yet.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when the name is taken; otherwise as the file system refuses.
    pub fn rename_new(&self, name: &[u8], to_name: &[u8]) -> io::Result<()> {
        self.0.rename_new(name, to_name)
    }

    /// Removes the file `name` in it, the symlink itself if it is one.
    ///
    /// # Errors
    /// When it is not there, a directory, or may not be removed.
    pub fn remove_file(&self, name: &[u8]) -> io::Result<()> {
        self.0.remove_file(name)
    }

    /// Removes the empty directory `name` in it.
    ///
    /// # Errors
    /// When it is not there, not empty, not a directory, or may not be removed.
    pub fn remove_directory(&self, name: &[u8]) -> io::Result<()> {
        self.0.remove_directory(name)
    }

    /// Makes everything written to its file system durable.
    ///
    /// # Errors
    /// When the drive refuses, now or since it was last asked.
    pub fn sync_file_system(&self) -> io::Result<()> {
        self.0.sync_file_system()
    }

    /// Whether the drive it is on may be unplugged, or is reached over a network: everything but what is known to be built in.
    pub fn may_be_unplugged(&self) -> bool {
        self.0.may_be_unplugged()
    }
}

// What is made of that.
impl Directory {
    /// Lets its owner read, change and enter the directory `name` in it, which now has this mode. Where that is refused, what
    /// is done next fails and says why.
    pub fn give_owner_access(&self, name: &[u8], mode: u32) {
        if mode & OWNER_ACCESS != OWNER_ACCESS {
            let _ = Node::Name(self, name).set_mode(mode | OWNER_ACCESS);
        }
    }
}

/// What attributes are set on.
#[derive(Clone, Copy, Debug)]
pub enum Node<'a> {
    /// An open file.
    File(&'a File),
    /// An open directory.
    Directory(&'a Directory),
    /// A name in a directory, the symlink itself if it is one.
    Name(&'a Directory, &'a [u8]),
}

impl Node<'_> {
    /// What is known of it.
    ///
    /// # Errors
    /// When it is not there or may not be looked at.
    pub fn stat(self) -> io::Result<RawStat> {
        system::stat(self)
    }

    /// Gives it to this user and group; `None` leaves what it has. The number 2³²-1 means nobody and leaves it too.
    ///
    /// # Errors
    /// When the file system refuses, mostly because only root may.
    pub fn set_owner(self, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        system::set_owner(self, uid, gid)
    }

    /// Sets its permission bits with setuid, setgid and sticky. A symlink has none.
    ///
    /// # Errors
    /// When the file system refuses; always for a symlink.
    pub fn set_mode(self, mode: u32) -> io::Result<()> {
        system::set_mode(self, mode)
    }

    /// Sets the time of its last modification; the time of the last access stays.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn set_mtime(self, mtime: Time) -> io::Result<()> {
        system::set_mtime(self, mtime)
    }

    /// Sets one extended attribute.
    ///
    /// # Errors
    /// When the file system refuses; see [`super::Refusal::Xattr`].
    pub fn set_xattr(self, name: &[u8], value: &[u8]) -> io::Result<()> {
        system::set_xattr(self, name, value)
    }

    /// Removes one extended attribute.
    ///
    /// # Errors
    /// When it has none of this name, or the file system refuses.
    pub fn remove_xattr(self, name: &[u8]) -> io::Result<()> {
        system::remove_xattr(self, name)
    }

    /// The names of its extended attributes; none where the file system has none.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn xattr_names(self) -> io::Result<Vec<Vec<u8>>> {
        system::xattr_names(self)
    }
}
