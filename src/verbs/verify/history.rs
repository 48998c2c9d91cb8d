//! The states that are known to be right, for later stages. Never writes to the archive.

use crate::archive::open::Archive;
use crate::archive::state::State;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::format::index::IndexFile;
use crate::system::store::Scratch;
use crate::system::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which state an index file leads from, and where it is.
pub(super) struct Reference {
    pub from: SnapshotNumber,
    pub name: String,
    pub in_scratch: bool,
    /// Whether it is known to hold all that was there then: nothing on the way to it is missing.
    pub complete: bool,
}

/// The states that are known, by number: the archive's own index files where they are right, others made here.
pub(crate) struct History<'a> {
    archive: &'a Archive,
    scratch: Option<Scratch>,
    pub(super) references: BTreeMap<SnapshotNumber, Reference>,
}

impl<'a> History<'a> {
    pub fn new(archive: &'a Archive) -> History<'a> {
        History { archive, scratch: None, references: BTreeMap::new() }
    }

    /// The state at `number`, if it is known.
    pub fn state(&self, number: SnapshotNumber) -> Result<Option<State>> {
        let mut layers = Vec::new();
        let mut at = number;
        while at > SnapshotNumber::NONE {
            let Some(reference) = self.references.get(&at) else { return Ok(None) };
            let store = match &self.scratch {
                Some(scratch) if reference.in_scratch => scratch.store(),
                _ => &**self.archive.store(),
            };
            layers.push(Arc::new(IndexFile::open(store.open(&reference.name)?)?));
            at = reference.from;
        }
        Ok(Some(State::new(layers)))
    }

    /// Whether the state at `number` is known with all that it held.
    pub fn is_complete(&self, number: SnapshotNumber) -> bool {
        number == SnapshotNumber::NONE || self.references.get(&number).is_some_and(|reference| reference.complete)
    }

    /// The state before the bundles of `number`, if it is known for certain.
    pub fn state_before(&self, number: SnapshotNumber) -> Result<Option<State>> {
        let newest = self.references.range(..number).next_back().map_or(SnapshotNumber::NONE, |(number, _)| *number);
        if self.is_complete(number) && self.is_complete(newest) { self.state(newest) } else { Ok(None) }
    }

    /// The newest state before `number` that is known, whether or not it is the one just before.
    pub fn newest_before(&self, number: SnapshotNumber) -> Result<State> {
        Ok(self.before(number, SnapshotNumber::NONE)?.0)
    }

    /// The newest known state before `number`, and whether it is the very one before it.
    pub(super) fn before(&self, number: SnapshotNumber, previous: SnapshotNumber) -> Result<(State, bool)> {
        let newest = self.references.range(..number).next_back().map_or(SnapshotNumber::NONE, |(number, _)| *number);
        Ok((self.state(newest)?.unwrap_or_default(), newest == previous))
    }

    pub(super) fn scratch(&mut self) -> Result<&dyn Store> {
        if self.scratch.is_none() {
            self.scratch = Some(Scratch::or_in_memory());
        }
        self.scratch.as_ref().map(Scratch::store).ok_or_else(|| Error::damaged("there is no room for an index"))
    }
}
