//! Builds the jobs of the workers: puts what is planned into them, in the order of the tar, and ends a part where its budget says.

use super::copies::Copies;
use super::hardlinks::HardLinkSlot;
use super::hardlinks::HardLinkSlots;
use super::job::GroupJob;
use super::job::GroupStep;
use super::job::HeaderNeed;
use super::job::Job;
use super::job::JobDirectory;
use super::job::LINE_BYTES;
use super::job::item_bytes;
use super::outbox::Outbox;
use super::outbox::Undecided;
use super::outbox::WorkItem;
use super::outbox::header_bytes;
use super::packed::Packed;
use super::part_budget::Fit;
use super::part_budget::PartBudget;
use super::planned::PlannedDirectory;
use crate::archive::state::State;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;

/// See the module.
pub struct JobBuilder<'a> {
    /// The present job.
    job: GroupJob,
    budget: PartBudget,
    /// The names, in this part, of files with several.
    links: HardLinkSlots,
    outbox: Outbox<'a>,
}

impl<'a> JobBuilder<'a> {
    /// Sends jobs by `outbox`, in parts as `budget` says.
    pub fn new(outbox: Outbox<'a>, budget: PartBudget) -> JobBuilder<'a> {
        JobBuilder { job: GroupJob::default(), budget, links: HardLinkSlots::default(), outbox }
    }

    /// What finds files with the same content.
    pub fn copies(&mut self) -> &mut Copies<'a> {
        self.outbox.copies()
    }

    /// How large the present part is.
    pub fn budget(&mut self) -> &mut PartBudget {
        &mut self.budget
    }

    /// The place of a name among those of its file, if that is one with several names.
    pub fn link(&mut self, stat: &Stat) -> Option<HardLinkSlot> {
        self.links.slot(stat)
    }

    /// The directory's place in the present job. Its header stands there before what is stored in it, unless it stands in this
    /// part already.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn place(&mut self, directory: &mut PlannedDirectory, base: &State) -> Result<usize> {
        let known = directory.place.and_then(|place| Some((place, self.job.directories.get(place)?)));
        if let Some((place, _)) = known.filter(|(_, known)| *known.path == *directory.path) {
            return Ok(place);
        }
        let header = directory.header(self.budget.part());
        self.enter(directory, header, base)
    }

    /// The directory at a place in the present job.
    pub fn directory(&mut self, place: usize) -> &mut JobDirectory {
        &mut self.job.directories[place]
    }

    fn enter(&mut self, directory: &mut PlannedDirectory, header: HeaderNeed, base: &State) -> Result<usize> {
        if matches!(header, HeaderNeed::Always(_)) {
            directory.stands_in = Some(self.budget.part());
        }
        let stat = directory.stat_in(base)?;
        let (source, path) = (directory.listing.source, directory.path.to_owned());
        let place = self.enter_job(JobDirectory { source, path, stat, header });
        directory.place = Some(place);
        Ok(place)
    }

    fn enter_job(&mut self, directory: JobDirectory) -> usize {
        self.job.directories.push(directory);
        self.job.directories.len() - 1
    }

    /// Adds a directory's own header, once for each list of names by which unpacking deletes what is gone.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn push_lists(&mut self, directory: &mut PlannedDirectory, lists: Vec<Vec<u8>>, base: &State) -> Result<()> {
        let bytes = item_bytes(directory.path.as_bytes(), &Stat::default()) * lists.len().max(1) as u64;
        let bytes = bytes + lists.iter().map(|list| list.len() as u64).sum::<u64>();
        let directory = self.enter(directory, HeaderNeed::Always(lists), base)?;
        self.add(GroupStep::Enter { directory }, bytes);
        Ok(())
    }

    /// Adds the header of a directory of which nothing else is planned now.
    pub fn push_header(&mut self, source: usize, path: &EntryPath, stat: Stat) {
        let bytes = item_bytes(path.as_bytes(), &stat);
        let header = HeaderNeed::Always(Vec::new());
        let directory = self.enter_job(JobDirectory { source, path: path.to_owned(), stat, header });
        self.add(GroupStep::Enter { directory }, bytes);
    }

    /// Adds a directory's header, if it is wanted for what is stored in it and stands nowhere yet: a large file comes next.
    ///
    /// # Errors
    /// Those of sending, and of the index.
    pub fn push_wanted_header(&mut self, place: usize) -> Result<()> {
        if matches!(self.job.directories[place].header, HeaderNeed::IfStoredFirst(_)) {
            self.outbox.settle(&mut self.budget)?;
        }
        let header = &mut self.job.directories[place].header;
        header.resolve();
        if matches!(header, HeaderNeed::IfStored) {
            *header = HeaderNeed::Always(Vec::new());
            self.add(GroupStep::Enter { directory: place }, header_bytes());
        }
        Ok(())
    }

    /// Adds a step that makes about `bytes` bytes of tar and names no directory of the job.
    ///
    /// # Errors
    /// Those of sending, and of the index.
    pub fn push(&mut self, step: GroupStep, bytes: u64) -> Result<()> {
        self.make_room(bytes)?;
        self.add(step, bytes);
        Ok(())
    }

    /// Adds a step to the present job, for which there is room: one that names a directory of the job must stay in it.
    pub fn add(&mut self, step: GroupStep, bytes: u64) {
        self.budget.add(LINE_BYTES);
        self.job.push(step, bytes);
    }

    /// What took a directory's name cannot be saved; unpacking has removed the directory all the same.
    ///
    /// # Errors
    /// As for [`JobBuilder::push`].
    pub fn remove_directory(&mut self, path: EntryPathBuf, base_kind: Option<Kind>) -> Result<()> {
        match base_kind {
            Some(Kind::Directory) => self.push(GroupStep::Removed { path, kind: Kind::Directory }, 0),
            _ => Ok(()),
        }
    }

    /// Begins another job where this one is full, and another part where that one is.
    ///
    /// # Errors
    /// As for [`JobBuilder::push`].
    pub fn make_room(&mut self, bytes: u64) -> Result<()> {
        if self.job.is_full_for(bytes) {
            self.flush()?;
        }
        if self.ask(PartBudget::is_full)? {
            self.cut(bytes)?;
        }
        Ok(())
    }

    /// Makes room for an entry of `bytes` bytes, which shares no job with what is before it if it `is_alone`. `false` after a cut:
    /// what was known of other names of its file speaks of the part before.
    ///
    /// # Errors
    /// As for [`JobBuilder::push`].
    pub fn has_room(&mut self, bytes: u64, is_alone: bool) -> Result<bool> {
        if self.job.is_full_for(bytes) || is_alone {
            self.flush()?;
        }
        let in_job = self.job.bytes();
        let fit = self.ask(|budget, used| budget.fits(used + in_job, bytes))?;
        Ok(fit == Fit::Here || !self.cut(bytes)?)
    }

    /// About `bytes` bytes follow whose lines have to stay together, and there will be no cut: better one before.
    ///
    /// # Errors
    /// As for [`JobBuilder::push`].
    pub fn keep_together(&mut self, bytes: u64) -> Result<()> {
        let in_job = self.job.bytes();
        if self.ask(|budget, used| budget.fits_together(used + in_job, bytes))? == Fit::AfterCut {
            self.cut(0)?;
        }
        Ok(())
    }

    /// What a rule says of the present part; waits for what it depends on.
    fn ask<D: PartialEq>(&mut self, rule: impl Fn(&PartBudget, u64) -> D) -> Result<D> {
        if let Some(said) = self.budget.ask(&rule) {
            return Ok(said);
        }
        self.outbox.settle(&mut self.budget)?;
        Ok(rule(&self.budget, self.budget.used()))
    }

    /// Ends the part here, before `coming` bytes, if it may end here; says whether it did.
    fn cut(&mut self, coming: u64) -> Result<bool> {
        let in_job = self.job.bytes();
        if !self.ask(|budget, used| budget.may_end(used + in_job, coming))? {
            return Ok(false);
        }
        self.flush()?;
        // Directories of a job without a step in it, too: their headers stand in the part before.
        self.job = GroupJob::default();
        // A second name must be in the same bundle as the first, so that each bundle can be unpacked alone.
        self.links.clear();
        self.send(WorkItem::Cut, 0)?;
        self.budget.cut();
        Ok(true)
    }

    /// Sends what was noted, after all that was planned until now.
    ///
    /// # Errors
    /// As for [`JobBuilder::push`].
    pub fn send_noted(&mut self, packed: Packed) -> Result<()> {
        self.flush()?;
        self.send(WorkItem::Ready(Box::new(packed)), 0)
    }

    /// Sends a large file to be compared.
    ///
    /// # Errors
    /// As for [`JobBuilder::push`].
    pub fn compare(&mut self, undecided: Undecided) -> Result<()> {
        self.outbox.compare(undecided, &mut self.budget)
    }

    /// Sends the present job, so that what comes next stands behind it.
    ///
    /// # Errors
    /// As for [`JobBuilder::push`].
    pub fn flush(&mut self) -> Result<()> {
        if self.job.is_empty() {
            return Ok(());
        }
        let job = std::mem::take(&mut self.job);
        let (bytes, weight) = (job.bytes(), job.weight());
        self.send(WorkItem::Job(Job::Group(job), weight), bytes)
    }

    /// Sends something that is not in the present job and makes about `bytes` bytes of the part.
    ///
    /// # Errors
    /// As for [`JobBuilder::push`].
    pub fn send(&mut self, planned: WorkItem, bytes: u64) -> Result<()> {
        self.budget.add(bytes);
        self.outbox.push(planned, &mut self.budget)
    }

    /// Sends the present job, and waits until everything is decided and on its way to the workers.
    ///
    /// # Errors
    /// As for [`JobBuilder::push`].
    pub fn finish(&mut self) -> Result<()> {
        self.flush()?;
        self.outbox.finish(&mut self.budget)
    }
}
