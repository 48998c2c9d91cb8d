//! The names of owners and groups, as this system knows them.

use crate::base::acl;
use crate::base::acl::Who;
use crate::base::entry::Owner;
use crate::base::entry::Stat;
use crate::base::entry::Xattr;
use crate::system::platform;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// Names of owners, asked for once.
#[derive(Default)]
pub struct OwnerNames {
    users: HashMap<u32, Arc<str>>,
    groups: HashMap<u32, Arc<str>>,
}

impl OwnerNames {
    /// Attributes as they were read, with the names of the users and groups in access control lists.
    pub fn named(&mut self, xattrs: io::Result<Vec<Xattr>>) -> io::Result<Vec<Xattr>> {
        let mut xattrs = xattrs?;
        acl::add_names(&mut xattrs, |who| {
            let name = match who {
                Who::User(number) => self.user(number),
                Who::Group(number) => self.group(number),
            };
            Some(name.to_string())
        });
        Ok(xattrs)
    }

    fn user(&mut self, number: u32) -> Arc<str> {
        self.users.entry(number).or_insert_with(|| platform::user_name(number).unwrap_or_default().into()).clone()
    }

    fn group(&mut self, number: u32) -> Arc<str> {
        self.groups.entry(number).or_insert_with(|| platform::group_name(number).unwrap_or_default().into()).clone()
    }

    pub fn of(&mut self, stat: &Stat) -> Owner {
        Owner { user: self.user(stat.uid), group: self.group(stat.gid) }
    }
}
