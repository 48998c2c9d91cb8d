//! Names that are written as others in a destination. Knows nothing of files.

use super::names::NameRules;
use super::names::Taken;
use crate::base::concurrency::Guard;
use crate::base::concurrency::Lock;
use crate::base::path::EntryPathBuf;
use crate::base::path::joined;
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
    pub(super) rules: NameRules,
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

    /// A path as it stands there.
    pub(super) fn path<'p>(&self, path: &'p [u8]) -> Cow<'p, [u8]> {
        if self.rules.takes_all() || path.is_empty() {
            return Cow::Borrowed(path);
        }
        let mut written = Vec::with_capacity(path.len());
        let mut end = 0;
        for part in path.split(|byte| *byte == b'/') {
            end += part.len();
            written = joined(&written, &self.last_part(&path[..end], part));
            end += 1;
        }
        Cow::Owned(written)
    }

    /// The last part of `path`, `name`, as it stands there.
    pub(super) fn last_part<'n>(&self, path: &[u8], name: &'n [u8]) -> Cow<'n, [u8]> {
        if self.rules.takes_all() {
            return Cow::Borrowed(name);
        }
        let apart = self.noted().apart.get(path).cloned();
        apart.or_else(|| self.rules.written(name)).map_or(Cow::Borrowed(name), Cow::Owned)
    }
}
