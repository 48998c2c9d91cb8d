//! Names that are written as others in a destination. Knows nothing of files.

use super::names::NameRules;
use super::names::Taken;
use crate::base::concurrency::Guard;
use crate::base::concurrency::Lock;
use crate::base::path::EntryPathBuf;
use std::borrow::Cow;
use std::collections::HashMap;

/// The most changed names that are listed; all are counted.
pub const NAMES_LISTED_MAX: usize = 1000;

/// What may be kept of names, in bytes, to tell those apart that differ in case only: about a million in one directory.
pub(super) const NAMES_BYTES_MAX: usize = 64 << 20;

/// An entry that has another name in the destination, because its own cannot be there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renamed {
    /// The entry.
    pub path: EntryPathBuf,
    /// The name that it has there.
    pub name: Vec<u8>,
}

/// The names of a destination.
#[derive(Debug, Default)]
pub(super) struct WrittenNames {
    noted: Lock<Noted>,
}

#[derive(Debug, Default)]
pub(super) struct Noted {
    /// Names that are changed because others in their directory would be taken for the same, by their whole path.
    pub(super) apart: HashMap<Vec<u8>, Vec<u8>>,
    pub(super) apart_bytes: usize,
    /// The directory that is noted now, and its names so far.
    pub(super) directory: EntryPathBuf,
    pub(super) taken: Taken,
    pub(super) listed: Vec<Renamed>,
    pub(super) total: u64,
}

impl WrittenNames {
    pub(super) fn noted(&self) -> Guard<'_, Noted> {
        self.noted.lock()
    }

    /// The last part of `path`, `name`, as it stands where these rules hold.
    pub(super) fn last_part<'n>(&self, rules: &NameRules, path: &[u8], name: &'n [u8]) -> Cow<'n, [u8]> {
        if rules.takes_all() {
            return Cow::Borrowed(name);
        }
        let apart = self.noted().apart.get(path).cloned();
        apart.or_else(|| rules.written(name)).map_or(Cow::Borrowed(name), Cow::Owned)
    }
}
