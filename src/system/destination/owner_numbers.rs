//! The numbers that owners get here: by name where the name is known. Knows nothing of files.

use crate::base::acl;
use crate::base::acl::Who;
use crate::base::concurrency::Lock;
use crate::base::entry::Entry;
use crate::base::entry::WINDOWS_PREFIX;
use crate::base::entry::WINDOWS_SECURITY;
use crate::base::entry::Xattr;
use crate::system::platform;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// How many names' numbers are remembered; an archive may name any number of users.
const NAMES_MAX: usize = 4096;

/// The numbers that users and groups of these names have on this machine.
#[derive(Debug, Default)]
pub(super) struct OwnerNumbers {
    users: Lock<HashMap<Arc<str>, Option<u32>>>,
    groups: Lock<HashMap<Arc<str>, Option<u32>>>,
    /// Whether numbers are taken as they were saved.
    numeric: bool,
    /// Whether what Windows keeps of owners and rights is left out.
    without_rights: bool,
}

impl OwnerNumbers {
    /// None known yet; `numeric` takes numbers as they were saved, whatever the names; `owners`: whether owners are restored.
    pub(super) fn new(numeric: bool, owners: bool) -> OwnerNumbers {
        OwnerNumbers { numeric, without_rights: !owners, ..OwnerNumbers::default() }
    }

    /// The owner and group that `entry` gets here: by name where the name is known, else by number.
    pub(super) fn numbers(&self, entry: &Entry) -> (u32, u32) {
        let (uid, gid) = (self.user(&entry.owner.user), self.group(&entry.owner.group));
        (uid.unwrap_or(entry.stat.uid), gid.unwrap_or(entry.stat.gid))
    }

    fn user(&self, name: &Arc<str>) -> Option<u32> {
        if self.numeric { None } else { remembered(&self.users, name, platform::user_number) }
    }

    fn group(&self, name: &Arc<str>) -> Option<u32> {
        if self.numeric { None } else { remembered(&self.groups, name, platform::group_number) }
    }

    /// The extended attributes that `entry` gets here: those in access control lists are found as its owner is.
    pub(super) fn xattrs<'e>(&self, entry: &'e Entry) -> Cow<'e, [Xattr]> {
        let is_of_windows = |name: &[u8]| name.starts_with(WINDOWS_PREFIX);
        // Elsewhere they mean nothing, and nobody misses them.
        let is_left_out = |name: &[u8]| {
            !platform::HAS_WINDOWS_ATTRIBUTES && is_of_windows(name) || self.without_rights && name == WINDOWS_SECURITY
        };
        if entry.xattrs.iter().any(|(name, _)| is_left_out(name)) {
            return Cow::Owned(entry.xattrs.iter().filter(|(name, _)| !is_left_out(name)).cloned().collect());
        }
        if !entry.xattrs.iter().any(|(name, _)| name == acl::ACL_NAMES) {
            return Cow::Borrowed(&entry.xattrs);
        }
        let number = |who: Who, name: &str| match who {
            Who::User(_) => self.user(&name.into()),
            Who::Group(_) => self.group(&name.into()),
        };
        Cow::Owned(acl::with_numbers(&entry.xattrs, number))
    }
}

fn remembered(
    known: &Lock<HashMap<Arc<str>, Option<u32>>>,
    name: &Arc<str>,
    look_up: impl Fn(&str) -> Option<u32>,
) -> Option<u32> {
    if name.is_empty() {
        return None;
    }
    let mut known = known.lock();
    if let Some(number) = known.get(name) {
        return *number;
    }
    if known.len() >= NAMES_MAX {
        known.clear();
    }
    let number = look_up(name);
    known.insert(Arc::clone(name), number);
    number
}
