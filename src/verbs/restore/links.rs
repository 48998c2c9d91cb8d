//! Which entries are names of one file: the first is written, the others are linked to it. Knows nothing of disks.

use crate::base::concurrency::Lock;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Place;
use crate::base::id::Hash;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::time::Time;
use std::collections::HashMap;
use std::sync::Arc;

/// A file of which several names are restored: the first of them.
pub(super) struct Link {
    /// Where the first name is.
    pub path: EntryPathBuf,
    /// What it is.
    pub entry: Entry,
    outcome: Lock<FirstName>,
}

/// What became of the first name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum FirstName {
    /// Nothing yet.
    Pending,
    /// It was written.
    Written,
    /// It was there already.
    Kept,
    /// It could not be written. Why, if its content cannot be read.
    Failed(Option<String>),
}

impl Link {
    pub(super) fn outcome(&self) -> FirstName {
        self.outcome.lock().clone()
    }

    pub(super) fn set(&self, outcome: FirstName) {
        *self.outcome.lock() = outcome;
    }
}

/// What is to be done with an entry that may be one of several names.
pub(super) enum Role {
    /// It is to be written; others may be linked to it.
    First(Arc<Link>),
    /// It is to be linked to that.
    Further(Arc<Link>),
    /// That is not known before more is done.
    Later,
    /// Its content cannot be read, as for its first name.
    Lost(String),
}

/// What names of one file have in common.
type Key = (u64, Kind, u64, Time, Option<Hash>);

/// The files with several names so far; grows with these only.
#[derive(Default)]
pub(super) struct Links(HashMap<Key, Arc<Link>>);

impl Links {
    /// The role of `entry`, whose link number is not 0.
    pub(super) fn role(&mut self, path: &EntryPath, entry: &Entry) -> Role {
        let key = (
            entry.stat.link,
            entry.stat.kind,
            entry.stat.size,
            entry.stat.mtime,
            entry.content.as_ref().map(|content| content.hash),
        );
        if let Some(first) = self.0.get(&key).filter(|first| first.entry.is_linked_to(entry)) {
            match first.outcome() {
                FirstName::Pending => return Role::Later,
                FirstName::Written | FirstName::Kept => return Role::Further(first.clone()),
                FirstName::Failed(Some(why)) if place(entry) == place(&first.entry) => return Role::Lost(why),
                FirstName::Failed(_) => {}
            }
        }
        let outcome = Lock::new(FirstName::Pending);
        let link = Arc::new(Link { path: path.to_owned(), entry: entry.clone(), outcome });
        self.0.insert(key, link.clone());
        Role::First(link)
    }
}

fn place(entry: &Entry) -> Option<Place> {
    entry.content.as_ref().map(|content| content.place)
}
