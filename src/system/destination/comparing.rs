//! Whether what is in a destination already has the attributes it should have. Changes nothing.

use super::attributes::is_ours;
use super::failure::Failure;
use super::target::Destination;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::path::EntryPath;
use crate::base::time::Time;
use crate::system::platform;
use crate::system::platform::Names;
use crate::system::platform::RawStat;

impl Destination {
    /// Whether `found`, which is at `path` and of the kind of `entry`, has owner, mode, time and extended attributes of `entry`,
    /// so that setting them would change nothing.
    ///
    /// # Errors
    /// A problem when it may not be looked at.
    pub fn has_attributes(&self, path: &EntryPath, entry: &Entry, found: &RawStat) -> Result<bool, Failure> {
        // FAT has neither, and setting them again would change nothing.
        let names = self.names_at(path);
        let has_none = names == Names::Fat;
        let wanted_mode = platform::kept_mode(found.kind, entry.stat.mode & 0o7777);
        let owner_ok = has_none || !self.wants_owner(entry) || (found.uid, found.gid) == self.names.numbers(entry);
        let mode_ok = has_none || entry.stat.kind == Kind::Symlink || found.mode == wanted_mode;
        if !owner_ok || !mode_ok || !is_same_time(names, found.mtime, entry.stat.mtime) {
            return Ok(false);
        }
        let present = if self.places.is_end(path.as_bytes()) {
            self.directory(path.as_bytes(), path, "cannot be looked at")?.own_xattrs()
        } else {
            self.parent(path, "cannot be looked at")?.xattrs(&self.name(path))
        };
        // What cannot be read is set again, which says why it cannot be.
        let Ok(present) = present else { return Ok(false) };
        let wanted = self.names.xattrs(entry);
        // What this system never has would be set again each time.
        let mut settable = wanted.iter().filter(|(name, _)| platform::may_compare_xattr(name));
        let is_surplus = |name: &[u8]| {
            entry.stat.kind != Kind::Symlink && is_ours(name) && !wanted.iter().any(|(known, _)| known == name)
        };
        Ok(settable.all(|wanted| present.contains(wanted)) && !present.iter().any(|(name, _)| is_surplus(name)))
    }
}

/// Whether a file that should have the time `wanted` and has `found` would have the same again if it were set.
fn is_same_time(names: Names, found: Time, wanted: Time) -> bool {
    /// As coarse as drives keep times: NTFS, exFAT, FUSE drivers.
    const GRAINS_NANOS: [u32; 3] = [100, 10_000_000, 1_000_000_000];
    let rounded = |grain: u32| Time::new(wanted.seconds, wanted.nanos - wanted.nanos % grain);
    found == wanted
        || (names != Names::All
            && (GRAINS_NANOS.iter().any(|grain| rounded(*grain) == found)
                // FAT.
                || Time::new(wanted.seconds - wanted.seconds.rem_euclid(2), 0) == found))
}
