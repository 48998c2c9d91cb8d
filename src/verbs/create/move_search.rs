//! Looks for moves once, when the first change is met: a run without changes does not. They are written before all
//! else, for the manifest and for GNU tar.

use super::doubts::Doubts;
use super::job::GroupJob;
use super::job::GroupStep;
use super::job::HeaderNeed;
use super::job::Job;
use super::job::JobDirectory;
use super::job::LINE_BYTES;
use super::job::item_bytes;
use super::job_builder::JobBuilder;
use super::moving::Moving;
use super::outbox::WorkItem;
use super::packed::Packed;
use crate::archive::state::State;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::system::source::Source;
use std::collections::HashSet;

/// Where the first change was met: the index of the source in the list, and the directory. All before it, in the order
/// of a walk, is unchanged.
pub type FirstChange = (usize, EntryPathBuf);

/// Finds what moved.
type Find<'a> = Box<dyn FnOnce(FirstChange, &State) -> Result<Option<Moving>> + 'a>;

/// Looks for what moved.
pub struct MoveSearch<'a> {
    find: Option<Find<'a>>,
    retimed: HashSet<EntryPathBuf>,
    doubts: Doubts,
}

impl<'a> MoveSearch<'a> {
    /// Looks by calling `find`; `None`: nothing counts as moved.
    pub fn new(find: Option<Find<'a>>) -> MoveSearch<'a> {
        MoveSearch { find, retimed: HashSet::new(), doubts: Doubts::default() }
    }

    /// Looks at the first call. Returns the state to compare with from here on, if something moved.
    ///
    /// # Errors
    /// Those of sending, and of the index.
    pub fn run(
        &mut self,
        first: FirstChange,
        (base, sources): (&State, &[Source]),
        builder: &mut JobBuilder,
    ) -> Result<Option<State>> {
        let Some(find) = self.find.take() else { return Ok(None) };
        let Some(moving) = find(first, base)? else { return Ok(None) };
        let Moving { state, moves, lists, retimed, doubts } = moving;
        (self.retimed, self.doubts) = (retimed, doubts);
        let bytes = LINE_BYTES * moves.list().len() as u64;
        let moved = Some(Box::new((state.clone(), moves)));
        builder.send(WorkItem::Ready(Box::new(Packed { moved, ..Packed::default() })), bytes)?;
        for (source, lists) in lists {
            let (path, stat) = (sources[source].path().to_owned(), sources[source].stat());
            let bytes = item_bytes(path.as_bytes(), &Stat::default()) * lists.len() as u64;
            let bytes = bytes + lists.iter().map(|list| list.len() as u64).sum::<u64>();
            let mut job = GroupJob::default();
            job.directories.push(JobDirectory { source, path, stat, header: HeaderNeed::Always(lists) });
            job.push(GroupStep::Enter { directory: 0 }, bytes);
            builder.send(WorkItem::Job(Job::Group(job), bytes), bytes)?;
        }
        Ok(Some(state))
    }

    /// What only looks as if it had moved.
    pub fn doubts(&self) -> &Doubts {
        &self.doubts
    }

    /// Whether something moved out of or into this directory: unpacking has changed its time.
    pub fn has_retimed(&self, path: &EntryPath) -> bool {
        self.retimed.contains(path)
    }
}
