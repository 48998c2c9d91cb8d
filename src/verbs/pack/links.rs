//! Several names of one file: the first that is stored has the content, the others wait for it and point to it.

use super::Anchor;
use super::has_content;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Hole;
use crate::base::entry::Stat;
use crate::base::id::Hash;
use crate::base::path::EntryPathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;

/// A name's turn among the names of one file, in the order of the tar.
///
/// Jobs are handed out in that order, so whoever waits here waits for somebody who is at work already, or whose job is dropped.
pub struct LinkTurn {
    before: Option<Arc<Turn>>,
    own: Arc<Turn>,
    /// Whether it goes with the name itself, and is no mere hold of it.
    is_owner: bool,
}

/// What became of a name.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// Its content could not be read.
    Failed,
    /// Its content is as it was, and stays where it is.
    Kept(Hash, Vec<Hole>),
    /// The content is in this bundle under this path; the file as it was when it was opened to be read.
    Stored(EntryPathBuf, Stat, Content, Arc<Anchor>),
}

#[derive(Default)]
struct Turn {
    outcome: Mutex<Option<Outcome>>,
    done: Condvar,
}

impl LinkTurn {
    /// The turn of the first name.
    pub fn first() -> LinkTurn {
        LinkTurn { before: None, own: Arc::default(), is_owner: true }
    }

    /// The turn after this one.
    #[must_use]
    pub fn next(&self) -> LinkTurn {
        LinkTurn { before: Some(self.own.clone()), own: Arc::default(), is_owner: true }
    }

    /// Whether a name before this one may have the content.
    pub fn is_second(&self) -> bool {
        self.before.is_some()
    }

    /// Whether the name before it makes reading this one, which was noted as `before`, needless; waits until that is known.
    pub fn is_served(&self, before: Option<&Entry>, size: u64) -> bool {
        match self.outcome_before() {
            Outcome::Failed => false,
            Outcome::Kept(hash, holes) => before.is_some_and(|before| has_content(before, size, hash, &holes)),
            Outcome::Stored(..) => true,
        }
    }

    /// What became of the name before; waits for it.
    pub(super) fn outcome_before(&self) -> Outcome {
        let Some(turn) = &self.before else { return Outcome::Failed };
        let mut outcome = turn.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*outcome {
                Some(outcome) => return outcome.clone(),
                None => outcome = turn.done.wait(outcome).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Notes what became of this name and wakes who waits for it; only the first time counts.
    pub(super) fn finish(&self, outcome: Outcome) {
        let mut own = self.own.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        own.get_or_insert(outcome);
        self.own.done.notify_all();
    }

    /// Keeps a hold of this turn for the one after it, which is made later.
    #[must_use]
    pub fn handle(&self) -> LinkTurn {
        LinkTurn { before: None, own: self.own.clone(), is_owner: false }
    }
}

impl Drop for LinkTurn {
    fn drop(&mut self) {
        if self.is_owner {
            // Where something became of it, that was said before.
            self.finish(Outcome::Failed);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    #[test]
    fn whoever_waits_for_a_name_that_nobody_deals_with_any_more_waits_no_longer() {
        let first = LinkTurn::first();
        let handle = first.handle();
        let second = handle.next();
        let (told, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || told.send(matches!(second.outcome_before(), Outcome::Failed)));
        drop(handle);
        assert!(heard.recv_timeout(Duration::from_millis(100)).is_err(), "somebody still deals with it");
        drop(first);
        assert!(heard.recv_timeout(Duration::from_secs(20)).unwrap());
    }
}
