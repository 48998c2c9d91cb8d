//! The names of owners and groups, as this system knows them.

use crate::base::entry::Owner;
use crate::base::entry::Stat;
use crate::system::platform;
use std::collections::HashMap;
use std::sync::Arc;

/// Names of owners, asked for once.
#[derive(Default)]
pub struct OwnerNames {
    users: HashMap<u32, Arc<str>>,
    groups: HashMap<u32, Arc<str>>,
}

impl OwnerNames {
    pub fn of(&mut self, stat: &Stat) -> Owner {
        let name = |known: Option<String>| Arc::from(known.unwrap_or_default());
        Owner {
            user: self.users.entry(stat.uid).or_insert_with(|| name(platform::user_name(stat.uid))).clone(),
            group: self.groups.entry(stat.gid).or_insert_with(|| name(platform::group_name(stat.gid))).clone(),
        }
    }
}
