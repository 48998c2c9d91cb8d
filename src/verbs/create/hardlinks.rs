//! Hard links: the first name of a file that is stored has the content, the others wait for it and point to it.

use super::packed::ContentOffset;
use super::packed::has_content;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::holes::Holes;
use crate::base::id::Hash;
use crate::base::path::EntryPathBuf;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::OnceLock;

/// The place of one name among the names of a file, in the order of the tar.
///
/// Jobs are begun in that order, so a thread that waits here waits for one that is at work already, or for a job that
/// was dropped.
pub struct HardLinkSlot {
    before: Option<Arc<OnceLock<LinkOutcome>>>,
    own: Arc<OnceLock<LinkOutcome>>,
    /// False for the handle kept for later names: dropping it must not report a failure.
    is_owner: bool,
}

/// What became of a name.
#[derive(Clone, Debug)]
pub enum LinkOutcome {
    /// Its content could not be read.
    Failed,
    /// Its content is unchanged, and stays where it is.
    Reused(Hash, Holes),
    /// The content is in this bundle under this path; the file as it was when it was opened to be read.
    Stored(EntryPathBuf, Stat, Content, Arc<ContentOffset>),
}

impl HardLinkSlot {
    /// The slot of the first name.
    pub fn first() -> HardLinkSlot {
        HardLinkSlot { before: None, own: Arc::default(), is_owner: true }
    }

    /// The slot of the next name.
    #[must_use]
    pub fn next(&self) -> HardLinkSlot {
        HardLinkSlot { before: Some(self.own.clone()), own: Arc::default(), is_owner: true }
    }

    /// Whether a name before this one may have the content.
    pub fn is_second(&self) -> bool {
        self.before.is_some()
    }

    /// Whether the name before makes reading this one needless; `base` is its older version. Waits until that is known.
    pub fn is_served(&self, base: Option<&Entry>, size: u64) -> bool {
        match self.outcome_before() {
            LinkOutcome::Failed => false,
            LinkOutcome::Reused(hash, holes) => base.is_some_and(|base| has_content(base, size, hash, &holes)),
            LinkOutcome::Stored(..) => true,
        }
    }

    /// Whether it is a further name of an unchanged file; waits until that is known.
    pub fn is_reused(&self) -> bool {
        matches!(self.outcome_before(), LinkOutcome::Reused(..))
    }

    /// What became of the name before; waits until that is known.
    pub fn outcome_before(&self) -> LinkOutcome {
        self.before.as_ref().map_or(LinkOutcome::Failed, |before| before.wait().clone())
    }

    /// Sets what became of this name; only the first call counts.
    pub fn finish(&self, outcome: LinkOutcome) {
        let _ = self.own.set(outcome);
    }

    /// A handle from which the slot of the next name is made later.
    #[must_use]
    pub fn handle(&self) -> HardLinkSlot {
        HardLinkSlot { before: None, own: self.own.clone(), is_owner: false }
    }
}

/// The last name of each file with several names.
#[derive(Default)]
pub struct HardLinkSlots(HashMap<u64, HardLinkSlot>);

impl HardLinkSlots {
    /// The place of a name among those of its file, if that is one with several names.
    pub fn slot(&mut self, stat: &Stat) -> Option<HardLinkSlot> {
        if stat.link == 0 || stat.kind != Kind::File {
            return None;
        }
        let slot = self.0.get(&stat.link).map_or_else(HardLinkSlot::first, HardLinkSlot::next);
        self.0.insert(stat.link, slot.handle());
        Some(slot)
    }

    /// Forgets all names: what comes next is the first name of its file.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl Drop for HardLinkSlot {
    fn drop(&mut self) {
        if self.is_owner {
            // No effect if it was finished.
            self.finish(LinkOutcome::Failed);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_name_whose_job_is_dropped_is_waited_for_no_longer() {
        let first = HardLinkSlot::first();
        let handle = first.handle();
        let second = handle.next();
        let (told, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || told.send(matches!(second.outcome_before(), LinkOutcome::Failed)));
        drop(handle);
        assert!(heard.recv_timeout(Duration::from_millis(100)).is_err(), "its job is still there");
        drop(first);
        assert!(heard.recv_timeout(Duration::from_secs(20)).unwrap());
    }
}
