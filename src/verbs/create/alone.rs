//! Plans files that are read by themselves: large ones, and those of which only what changed may be stored, or that may have the
//! content of another.

use super::comparing::Comparing;
use super::comparing::OpenedLarge;
use super::item::Item;
use super::job::GroupStep;
use super::job::HeaderNeed;
use super::large::LargeFile;
use super::opened::LargeOpener;
use super::opened::unread;
use super::options::patch_from;
use super::outbox;
use super::outbox::Undecided;
use super::outbox::WorkItem;
use super::outbox::header_bytes;
use super::outbox::pieces;
use super::packed::Packed;
use super::planned::PlannedDirectory;
use super::planner::Planner;
use crate::archive::state::Row;
use crate::base::diff::Verdict;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::format::apply::may_be_made;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

impl Planner<'_> {
    /// Whether another file may have the same content as one that was found.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub(super) fn may_be_copy(
        &mut self,
        source: usize,
        path: &EntryPath,
        stat: &Stat,
        verdict: Verdict,
    ) -> Result<bool> {
        if self.context.patches.is_none() || stat.kind != Kind::File {
            return Ok(false);
        }
        let is_large = stat.size >= patch_from(self.sources[source].rules());
        // What keeps its length is mostly as it was, or a patch.
        let may_be = is_large && verdict != Verdict::MaybeModified && may_be_made(path);
        self.outbox.copies().plan(stat.size, may_be)
    }

    /// Plans a file that is read by itself.
    ///
    /// # Errors
    /// Those of sending, and of the index.
    pub(super) fn plan_large(&mut self, directory: &mut PlannedDirectory, item: Item) -> Result<()> {
        let mut packed = Packed::default();
        let (path, base_kind, size) = (item.path.clone(), item.base_kind(), item.stat.size);
        let (place, old) = (item.directory, item.base.as_ref().and_then(Row::stat).copied());
        let opener = LargeOpener { context: &self.context, owners: &mut self.owners, problems: &mut packed.problems };
        let opened = opener.open(&self.job.directories[place], item);
        if let Some(old) = old.filter(|_| opened.as_ref().is_ok_and(|opened| !opened.has_base())) {
            if self.outbox.copies().is_held(&path) {
                self.context.meter.add_done(size);
                packed.problems.push(outbox::held(&path));
                return self.send(WorkItem::Ready(Box::new(packed)));
            }
            self.outbox.copies().note_gone(&path, &old);
        }
        match opened {
            Ok(OpenedLarge::New(file)) => {
                directory.stands_in = Some(self.budget.part());
                self.store_large(place, &file, packed)
            }
            Ok(OpenedLarge::Comparing(comparing)) => {
                let is_stored = self.compare_large(place, comparing, packed)?;
                directory.may_stand_in = is_stored.map(|is_stored| (self.budget.part(), is_stored));
                Ok(())
            }
            Err(error) => {
                self.context.meter.add_done(size);
                packed.problems.push(unread(&path, &error));
                self.send(WorkItem::Ready(Box::new(packed)))?;
                self.remove_directory(path, base_kind)
            }
        }
    }

    /// Plans a large file, after the header of its directory if that is wanted for what is stored in it.
    fn store_large(&mut self, place: usize, file: &Arc<LargeFile>, packed: Packed) -> Result<()> {
        if matches!(self.job.directories[place].header, HeaderNeed::IfStoredFirst(_)) {
            self.outbox.settle(&mut self.budget)?;
        }
        let header = &mut self.job.directories[place].header;
        header.resolve();
        if matches!(header, HeaderNeed::IfStored) {
            *header = HeaderNeed::Always(Vec::new());
            self.push_step(GroupStep::Enter { directory: place }, header_bytes());
        }
        self.flush()?;
        self.send(WorkItem::Ready(Box::new(packed)))?;
        self.budget.add(file.stat().size);
        pieces(file).try_for_each(|piece| self.send(piece))
    }

    /// Sends a large file to be compared; gives what will say whether its directory's header stands before it.
    fn compare_large(
        &mut self,
        place: usize,
        comparing: Arc<Comparing>,
        packed: Packed,
    ) -> Result<Option<Arc<AtomicBool>>> {
        let waiting = self.job.directories[place].await_large();
        let is_stored = waiting.as_ref().map(|(_, is_stored)| is_stored.clone());
        self.outbox.compare(Undecided { comparing, packed: Box::new(packed), directory: waiting }, &mut self.budget)?;
        Ok(is_stored)
    }
}
