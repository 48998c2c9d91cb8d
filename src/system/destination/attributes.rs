//! Gives what was written its owner, extended attributes, mode and time, then looks whether the file system took them.

use super::failure::Failure;
use super::not_kept::NotKeptKind;
use super::target::Destination;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Xattr;
use crate::base::error::plain_reason;
use crate::base::path::EntryPath;
use crate::base::path::printable;
use crate::base::time::Time;
use crate::system::platform;
use crate::system::platform::Names;
use crate::system::platform::Node;
use crate::system::platform::Refusal;
use std::io;

const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;
const OWNER_WRITE: u32 = 0o200;

impl Destination {
    /// Which names the file system at `path` takes, which tells what else it keeps.
    pub(super) fn names_at(&self, path: &EntryPath) -> Names {
        self.places.find(path.as_bytes()).map_or(Names::All, |place| place.root.file_system.names)
    }

    /// Sets everything about `node` as `entry` says. The order matters: a change of owner takes set-user-ID and capabilities
    /// away, and attributes must be set before a mode that forbids writing.
    pub(super) fn apply(&self, node: Node, path: &EntryPath, entry: &Entry) -> Result<(), Failure> {
        let fail = |what: &str, error: io::Error| self.failure(path, what, error);
        let owner = self.names.numbers(entry);
        // Over SSH what is done to a symlink is done to what it points to, which may be anywhere.
        if entry.stat.kind == Kind::Symlink && self.names_at(path) == Names::Unknown {
            return self.note_losses(node, path, entry, (owner, None));
        }
        if self.wants_owner(entry) {
            set_owner(node, owner).map_err(|error| fail("owner cannot be set", error))?;
        }
        self.set_xattrs(node, path, entry)?;
        let mode = self.allowed_mode(node, path, entry, owner)?;
        if let Some(mode) = mode {
            tolerate(node.set_mode(mode)).map_err(|error| fail("permissions cannot be set", error))?;
        }
        tolerate(node.set_mtime(entry.stat.mtime)).map_err(|error| fail("time cannot be set", error))?;

        self.note_losses(node, path, entry, (owner, mode))
    }

    /// Some file systems refuse, others say yes and keep something else: looks what is there.
    fn note_losses(
        &self,
        node: Node,
        path: &EntryPath,
        entry: &Entry,
        (owner, mode): ((u32, u32), Option<u32>),
    ) -> Result<(), Failure> {
        let fail = |what: &str, error: io::Error| self.failure(path, what, error);
        let now = node.stat().map_err(|error| fail("cannot be looked at", error))?;
        if self.wants_owner(entry) && (now.uid, now.gid) != owner {
            self.not_kept.add(NotKeptKind::Owner, path, &wanted_owner(entry));
        }
        if let Some(mode) = mode.filter(|mode| platform::kept_mode(now.kind, *mode) != now.mode) {
            self.not_kept.add(NotKeptKind::Mode, path, &format!("{mode:04o} became {:04o}", now.mode));
        }
        if !self.keeps_time(path, now.mtime, entry.stat.mtime) {
            self.not_kept.add(NotKeptKind::Time, path, "");
        }
        Ok(())
    }

    /// Whether the owner of `entry` is set: what was saved on Windows has none.
    pub(super) fn wants_owner(&self, entry: &Entry) -> bool {
        self.options.owners && !entry.is_of_windows()
    }

    /// Whether a time is there as well as this file system keeps it; less than a microsecond is no loss.
    fn keeps_time(&self, path: &EntryPath, found: Time, wanted: Time) -> bool {
        const GRAIN_NANOS_MAX: u64 = 1000;
        let grain = self.places.find(path.as_bytes()).map_or(1, |place| place.root.file_system.time_grain_nanos);
        let grain = grain.clamp(1, GRAIN_NANOS_MAX) as u32;
        found.seconds == wanted.seconds && found.nanos.abs_diff(wanted.nanos) < grain
    }

    /// The mode of `entry` without set-user-ID and set-group-ID where the owner is not the one they were meant for; `None` for
    /// a symlink, which has none.
    fn allowed_mode(
        &self,
        node: Node,
        path: &EntryPath,
        entry: &Entry,
        owner: (u32, u32),
    ) -> Result<Option<u32>, Failure> {
        if entry.stat.kind == Kind::Symlink {
            return Ok(None);
        }
        let wanted = entry.stat.mode & 0o7777;
        // On a directory they give nobody any rights.
        if wanted & (SET_UID | SET_GID) == 0 || entry.stat.kind == Kind::Directory {
            return Ok(Some(wanted));
        }
        let now = node.stat().map_err(|error| self.failure(path, "cannot be looked at", error))?;
        let mut mode = wanted;
        if now.uid != owner.0 {
            mode &= !SET_UID;
        }
        if now.gid != owner.1 {
            mode &= !SET_GID;
        }
        if mode != wanted {
            self.not_kept.add(NotKeptKind::SetId, path, "");
        }
        Ok(Some(mode))
    }

    /// Sets the extended attributes of `entry`, and removes what it does not have: ACLs that a new file inherits, attributes
    /// that an existing one kept. Where that needs the right to write, it is lent until the mode is set.
    fn set_xattrs(&self, node: Node, path: &EntryPath, entry: &Entry) -> Result<(), Failure> {
        let wanted = self.names.xattrs(entry);
        let mut refused = self.change_xattrs(node, path, entry, &wanted)?;
        let is_denied = refused.as_ref().is_some_and(|refused| refused.error.kind() == io::ErrorKind::PermissionDenied);
        if is_denied && let Some(mode) = lend_write(node, entry) {
            let again = self.change_xattrs(node, path, entry, &wanted);
            if again.is_err() {
                let _ = node.set_mode(mode);
            }
            refused = again?;
        }
        if let Some(Refused { name, what, error }) = refused {
            let detail = format!("{} {what}: {}", printable(&name), plain_reason(&error));
            self.not_kept.add(NotKeptKind::Xattrs, path, &detail);
        }
        Ok(())
    }

    /// Does it, and gives the first that was refused.
    fn change_xattrs(
        &self,
        node: Node,
        path: &EntryPath,
        entry: &Entry,
        wanted: &[Xattr],
    ) -> Result<Option<Refused>, Failure> {
        let mut refused = None;
        for name in self.surplus_xattrs(node, path, entry, wanted)? {
            if let Err(error) = node.remove_xattr(&name) {
                refused.get_or_insert(Refused { name, what: "cannot be removed", error });
            }
        }
        for (name, value) in wanted {
            match node.set_xattr(name, value) {
                Ok(()) => {}
                Err(error) if Refusal::Xattr.is_meant_by(&error) => {
                    refused.get_or_insert(Refused { name: name.clone(), what: "cannot be set", error });
                }
                Err(error) => return Err(self.failure(path, "extended attributes cannot be set", error)),
            }
        }
        Ok(refused)
    }

    fn surplus_xattrs(
        &self,
        node: Node,
        path: &EntryPath,
        entry: &Entry,
        wanted: &[Xattr],
    ) -> Result<Vec<Vec<u8>>, Failure> {
        if entry.stat.kind == Kind::Symlink {
            // It inherits none and people cannot give it any.
            return Ok(Vec::new());
        }
        let names = node.xattr_names();
        let mut names = names.map_err(|error| self.failure(path, "extended attributes cannot be listed", error))?;
        names.retain(|name| is_ours(name) && !wanted.iter().any(|(known, _)| known == name));
        Ok(names)
    }
}

/// An attribute that was not set or removed, and why.
struct Refused {
    name: Vec<u8>,
    what: &'static str,
    error: io::Error,
}

/// Lets the owner write to a file or directory that is read-only; the mode that it had, if that was done.
fn lend_write(node: Node, entry: &Entry) -> Option<u32> {
    let mode = node.stat().ok()?.mode;
    let can_be_lent = matches!(entry.stat.kind, Kind::File | Kind::Directory) && mode & OWNER_WRITE == 0;
    (can_be_lent && node.set_mode(mode | OWNER_WRITE).is_ok()).then_some(mode)
}

/// Sets user and group, or the group alone where only root may give files away. What is refused shows when looked at.
fn set_owner(node: Node, (uid, gid): (u32, u32)) -> io::Result<()> {
    match node.set_owner(Some(uid), Some(gid)) {
        Err(error) if Refusal::Attribute.is_meant_by(&error) => tolerate(node.set_owner(None, Some(gid))),
        result => result,
    }
}

/// Refusals show when looked at afterwards; only what fails in another way is an error.
pub(super) fn tolerate(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if Refusal::Attribute.is_meant_by(&error) => Ok(()),
        result => result,
    }
}

/// Attributes by which the system itself decides who may do what; it gives each file what it should have.
const OF_SYSTEM: [&[u8]; 5] =
    [b"security.selinux", b"security.ima", b"security.evm", b"security.apparmor", b"security.SMACK64"];

/// Whether an attribute belongs to people; the others belong to the system, which gives each file what it should have.
pub(super) fn is_ours(name: &[u8]) -> bool {
    name.starts_with(b"user.")
        || name.starts_with(b"trusted.")
        || name.starts_with(b"system.posix_acl_")
        || name == b"security.capability"
        || is_of_root(name) && platform::is_root()
        || name == b"windows.attributes"
        || name.starts_with(b"windows.stream.")
        || name.starts_with(b"windows.ea.")
}

fn is_of_root(name: &[u8]) -> bool {
    name.starts_with(b"security.") && !OF_SYSTEM.iter().any(|own| name.starts_with(own))
}

fn wanted_owner(entry: &Entry) -> String {
    let part = |name: &str, number: u32| if name.is_empty() { number.to_string() } else { name.to_owned() };
    let names = format!("{}:{}", part(&entry.owner.user, entry.stat.uid), part(&entry.owner.group, entry.stat.gid));
    let who_can = if platform::is_root() { "" } else { ", which only root can set" };
    format!("saved as {}{who_can}", printable(names.as_bytes()))
}
