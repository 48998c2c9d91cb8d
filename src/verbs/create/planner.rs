//! Compares what the scan finds with the state before and makes jobs of the differences, in the order of the tar.

use super::base::BaseWalk;
use super::base::top_row;
use super::directory_diff::ComparedEntry;
use super::directory_diff::DirectoryDiff;
use super::directory_diff::EntryDiff;
use super::hardlinks::HardLinkSlot;
use super::item::Item;
use super::job::DirectoryLine;
use super::job::GroupStep;
use super::job::item_bytes;
use super::job_builder::JobBuilder;
use super::large_planner::Apart;
use super::large_planner::LargePlanner;
use super::move_search::MoveSearch;
use super::outbox;
use super::outbox::Outbox;
use super::pack_context::Context;
use super::packed::Packed;
use super::part_budget::PartBudget;
use super::planned::Ancestors;
use super::planned::PlanOptions;
use super::planned::PlannedDirectory;
use super::planned::lists;
use super::planned::path_in;
use super::planned::stat_in;
use super::report::PassedOver;
use super::ruled_out::RuledOut;
use super::sources::check_not_emptied;
use crate::archive::state::Row;
use crate::archive::state::State;
use crate::base::advice::Advice;
use crate::base::diff;
use crate::base::diff::Verdict;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::Counts;
use crate::format::layout::PIECE_BYTES;
use crate::system::listing::Listing;
use crate::system::listing::ScannedEntry;
use crate::system::source::Source;
use std::collections::HashMap;

/// Makes the plan.
pub struct Planner<'a> {
    context: Context<'a>,
    options: PlanOptions,
    base: State,
    moves: MoveSearch<'a>,
    builder: JobBuilder<'a>,
    large: LargePlanner<'a>,
    walk: Option<BaseWalk>,
    above: Ancestors,
    /// Directories whose own headers are wanted, and whether they are new, until their entries come.
    changed_directories: HashMap<EntryPathBuf, (Stat, bool)>,
    /// What was found unchanged.
    pub counts: Counts,
    pub passed_over: PassedOver,
    pub ruled_out: RuledOut,
}

impl<'a> Planner<'a> {
    /// Plans for the sources, compared with `base` and with what moved since.
    pub fn new(base: &State, moves: MoveSearch<'a>, outbox: Outbox<'a>, options: PlanOptions) -> Planner<'a> {
        let context = outbox.context();
        let budget = PartBudget::new(options.part_bytes_max, options.part_bytes_limit);
        Planner {
            context,
            options,
            base: base.clone(),
            moves,
            builder: JobBuilder::new(outbox, budget),
            large: LargePlanner::new(context),
            walk: None,
            above: Ancestors::default(),
            changed_directories: HashMap::new(),
            counts: Counts::default(),
            passed_over: PassedOver::default(),
            ruled_out: RuledOut::default(),
        }
    }

    /// Compares the sources' own top directories. To be called first.
    ///
    /// # Errors
    /// Those of sending, and of the index.
    pub fn plan_tops(&mut self) -> Result<()> {
        for (number, source) in self.context.sources.iter().enumerate() {
            if let Some(listing) = source.file_listing(number, self.context.clock) {
                self.plan_top_file(source, &listing)?;
            } else {
                let (base, stat) = (self.base.find(source.path())?.map(|entry| entry.stat), source.stat());
                if !base.is_some_and(|old| old.is_unchanged(&stat)) {
                    self.find_moves(0, EntryPath::root())?;
                }
                self.plan_directory(number, source.path().to_owned(), stat, base.as_ref());
            }
            self.builder.flush()?;
        }
        Ok(())
    }

    /// Compares a file that is a source by itself.
    fn plan_top_file(&mut self, source: &Source, listing: &Listing) -> Result<()> {
        let top = top_row(&self.base, source.name())?;
        for found in &listing.found {
            let old = top.as_ref().and_then(Row::stat);
            let verdict = old.map_or(Verdict::Modified, |old| diff::compare(old, &found.stat, self.options.rehash));
            if verdict == Verdict::Unchanged {
                self.counts.unchanged += 1;
                continue;
            }
            self.find_moves(0, EntryPath::root())?;
            let mut root = PlannedDirectory::new(listing, EntryPath::root(), Some(Stat::default()), false);
            root.stands_in = Some(self.builder.budget().part());
            self.plan_found(&mut root, ComparedEntry { found, base: top.as_ref(), verdict, deletes: false })?;
        }
        Ok(())
    }

    /// Compares one directory's entries.
    ///
    /// # Errors
    /// As for [`Planner::plan_tops`]; [`ErrorKind::Refused`](crate::base::error::ErrorKind::Refused) when the source has become empty.
    pub fn plan(&mut self, mut listing: Listing) -> Result<()> {
        let held = self.builder.copies().hold(&mut listing)?;
        listing.problems.extend(held.iter().map(|path| outbox::held(path)));
        self.plan_listing(&listing)
    }

    fn plan_listing(&mut self, listing: &Listing) -> Result<()> {
        let path = &*listing.path;
        let mut group = self.go_to(listing.source, path)?.take_at(path)?;
        if !group.rows.is_empty() && !self.options.allow_empty {
            check_not_emptied(&self.context.sources[listing.source], listing)?;
        }
        self.passed_over.note(listing);
        let elsewhere = listing.elsewhere.iter().chain(&listing.pseudo);
        let elsewhere: Vec<_> = elsewhere.cloned().collect();
        if !listing.problems.is_empty() || !elsewhere.is_empty() {
            self.ruled_out.note_hollow(&elsewhere);
            self.builder.send_noted(Packed { problems: listing.problems.clone(), elsewhere, ..Packed::default() })?;
        }
        self.above.go_to(path);
        let (mut own_stat, is_new) = self.changed_directories.remove(path).unzip();
        // After a run that was cut off it may have a line, and be in no tar.
        let may_be_made = is_new.is_some_and(|is_new| is_new || self.options.was_cut_off);
        if is_new == Some(true) {
            // A run that was cut off may have a line that removed the directory, and none for what was in it; unpacking
            // removes that all the same.
            group.rows.retain(|row| listing.find(row.name()).is_none());
        }
        if listing.is_unreadable {
            self.walk_in(listing.source)?.retain(path.to_owned());
            let Some(stat) = own_stat else { return Ok(()) };
            if may_be_made {
                self.put_above(path)?;
            }
            self.builder.push_header(listing.source, path, stat);
            return Ok(());
        }
        let walk = self.walk_in(listing.source)?;
        listing.unreadable.iter().filter_map(|name| path.child(name)).for_each(|name| walk.retain(name));
        let mut diff = self.diff(&group.rows, listing);
        let moved_rows;
        if diff.has_changes() && self.find_moves(listing.source, path)? {
            moved_rows = self.walk_in(listing.source)?.take_at(path)?.rows;
            diff = self.diff(&moved_rows, listing);
        }
        if own_stat.is_none() && self.moves.has_retimed(path) {
            own_stat = Some(stat_in(&self.base, path)?);
        }
        self.counts.unchanged += diff.unchanged;
        self.plan_diff(PlannedDirectory::new(listing, path, own_stat, may_be_made), diff)
    }

    fn diff<'r>(&self, rows: &'r [Row], listing: &'r Listing) -> DirectoryDiff<'r> {
        let doubts = self.moves.doubts();
        DirectoryDiff::new(rows, listing, &|name| doubts.rehash(&listing.path, name, self.options.rehash))
    }

    /// What is left of the base is gone. To be called last.
    ///
    /// # Errors
    /// As for [`Planner::plan_tops`].
    pub fn finish(&mut self) -> Result<()> {
        for number in 0..self.context.sources.len() {
            self.go_to(number, self.context.sources[number].path())?;
        }
        self.remove_before(None)?;
        self.builder.finish()
    }

    /// Looks for moves, at the first change. Returns whether there is another state to compare with now.
    fn find_moves(&mut self, source: usize, path: &EntryPath) -> Result<bool> {
        let (first, compared) = ((source, path.to_owned()), (&self.base, self.context.sources));
        match self.moves.run(first, compared, &mut self.builder)? {
            Some(state) => {
                self.builder.copies().set_base(&state, self.moves.doubts());
                self.base = state;
            }
            None => return Ok(false),
        }
        if let Some(walk) = self.walk.take() {
            self.walk = Some(walk.again(self.context.sources[source].path(), path, &self.base)?);
        }
        Ok(true)
    }

    /// Brings the base to a directory: entries before it are gone.
    fn go_to(&mut self, source: usize, path: &EntryPath) -> Result<&mut BaseWalk> {
        self.walk_in(source)?;
        self.remove_before(Some(path))?;
        self.walk_in(source)
    }

    /// The base of a source; what is left of those before it is gone.
    fn walk_in(&mut self, source: usize) -> Result<&mut BaseWalk> {
        while self.walk.as_ref().is_none_or(|walk| walk.source < source) {
            self.remove_before(None)?;
            let next = self.walk.as_ref().map_or(0, |walk| walk.source + 1);
            self.walk = Some(BaseWalk::new(next, self.context.sources[next].path(), &self.base)?);
        }
        self.walk.as_mut().ok_or_else(|| Error::damaged("there is no source"))
    }

    fn remove_before(&mut self, path: Option<&EntryPath>) -> Result<()> {
        while let Some(walk) = &mut self.walk
            && let Some(group) = walk.take_before(path)?
        {
            let directory = &*group.path;
            if walk.is_retained(directory) {
                continue;
            }
            self.ruled_out.note_gone(directory, &group.rows);
            for row in &group.rows {
                self.plan_removed(directory, row)?;
            }
        }
        Ok(())
    }

    fn plan_removed(&mut self, directory: &EntryPath, row: &Row) -> Result<()> {
        let Some(stat) = row.stat() else { return Ok(()) };
        let path = path_in(directory, row.name())?;
        self.builder.copies().note_gone(&path, stat);
        self.builder.push(GroupStep::Removed { path, kind: stat.kind }, 0)
    }

    fn plan_diff(&mut self, mut directory: PlannedDirectory, diff: DirectoryDiff) -> Result<()> {
        self.ruled_out.note(directory.listing, &diff);
        if diff.deletions > 0 {
            self.builder.keep_together(diff.bytes)?;
        }
        if directory.own_stat.is_some() || diff.deletions > 0 {
            let lists = lists(directory.path, &diff, self.options.was_cut_off)?;
            if directory.may_be_made || lists.len() > 1 {
                self.put_above(directory.path)?;
            }
            self.builder.push_lists(&mut directory, lists, &self.base)?;
        }
        let mut deletions_left = diff.deletions;
        for change in diff.changes {
            self.builder.budget().owes_lines = deletions_left > 0;
            deletions_left -= usize::from(change.deletes());
            match change {
                EntryDiff::Removed(row) => self.plan_removed(directory.path, row)?,
                EntryDiff::Found(compared) => self.plan_found(&mut directory, compared)?,
            }
        }
        self.builder.budget().owes_lines = false;
        self.above.push(directory);
        Ok(())
    }

    /// Writes the header of the directory above `path` once more: what is about to be made in it changes its time when
    /// it is unpacked.
    fn put_above(&mut self, path: &EntryPath) -> Result<()> {
        let part = self.builder.budget().part();
        let Some(above) = self.above.without_header(path, part) else { return Ok(()) };
        let stat = above.stat.map_or_else(|| stat_in(&self.base, &above.path), Ok)?;
        self.builder.push_header(above.source, &above.path, stat);
        Ok(())
    }

    fn plan_found(&mut self, directory: &mut PlannedDirectory, compared: ComparedEntry) -> Result<()> {
        let ComparedEntry { found, base, verdict, .. } = compared;
        let path = directory.path_of(found)?;
        if let Some(old) = base.and_then(Row::stat).filter(|_| verdict == Verdict::Replaced) {
            self.builder.copies().note_gone(&path, old);
        }
        if found.stat.kind == Kind::Directory {
            return self.plan_subdirectory(directory, compared);
        }
        match (verdict, base) {
            (Verdict::Metadata, Some(base)) => {
                self.builder.push(GroupStep::Metadata { path, stat: found.stat, base: base.clone() }, 0)
            }
            // What has holes may take next to nothing.
            _ if self.builder.budget().is_beyond_drive(found.stat.size) && !found.may_have_holes => {
                self.refuse_too_large(path, base)
            }
            _ => self.plan_item(directory, compared),
        }
    }

    fn plan_subdirectory(&mut self, directory: &PlannedDirectory, compared: ComparedEntry) -> Result<()> {
        let ComparedEntry { found, base, verdict, .. } = compared;
        let path = directory.path_of(found)?;
        if verdict == Verdict::Unchanged {
            self.note_unchanged_directory(path, found.stat);
            return Ok(());
        }
        self.builder.make_room(0)?;
        self.plan_directory(directory.listing.source, path, found.stat, base.and_then(Row::stat));
        Ok(())
    }

    /// Plans a directory's line, and notes that its own header will be wanted.
    fn plan_directory(&mut self, source: usize, path: EntryPathBuf, stat: Stat, base: Option<&Stat>) {
        let verdict = base.map(|base| diff::compare(base, &stat, self.options.rehash));
        if verdict == Some(Verdict::Unchanged) {
            return self.note_unchanged_directory(path, stat);
        }
        let is_new = verdict != Some(Verdict::Metadata);
        self.changed_directories.insert(path.clone(), (stat, is_new));
        self.builder.add(GroupStep::Directory(DirectoryLine { source, path, stat, is_new }), 0);
    }

    fn note_unchanged_directory(&mut self, path: EntryPathBuf, stat: Stat) {
        self.counts.unchanged_directories += 1;
        if self.options.was_cut_off {
            // Its line may stand in a part that was finished, and its header in none: the header comes with its
            // entries.
            self.changed_directories.insert(path, (stat, false));
        }
    }

    fn plan_item(&mut self, directory: &mut PlannedDirectory, compared: ComparedEntry) -> Result<()> {
        let ComparedEntry { found, base, verdict, .. } = compared;
        let path = directory.path_of(found)?;
        let at = (directory.listing.source, &*path);
        let Apart { is_alone, may_be_copy } = self.large.apart(self.builder.copies(), at, &compared)?;
        let Fitted { link, bytes, is_large } = self.fit_item(&path, &compared, is_alone)?;
        let place = self.builder.place(directory, &self.base)?;
        self.context.meter.add_total(found.stat.size);
        let (stat, may_have_holes) = (found.stat, found.may_have_holes);
        let base = base.cloned();
        let item = Item { directory: place, path, stat, may_have_holes, base, verdict, may_be_copy, link };
        if is_large {
            return self.large.plan(&mut self.builder, directory, item);
        }
        let stays = is_alone && item.link.as_ref().is_some_and(HardLinkSlot::is_reused);
        if let Some(old) = item.base.as_ref().and_then(Row::stat).filter(|_| !stays) {
            self.builder.copies().note_gone(&item.path, old);
        }
        self.builder.add(GroupStep::Item(item), bytes);
        Ok(())
    }

    /// Makes room for an entry, which is read by itself if it `is_alone`, or is large.
    fn fit_item(&mut self, path: &EntryPath, compared: &ComparedEntry, is_alone: bool) -> Result<Fitted> {
        let ComparedEntry { found, base, .. } = *compared;
        let is_over = found.stat.size > PIECE_BYTES && self.context.reads_contents || is_alone;
        loop {
            let link = self.builder.link(&found.stat);
            let is_second_name = is_over && self.is_served(link.as_ref(), found, base)?;
            let is_large = is_over && !is_second_name;
            let size = if is_second_name { 0 } else { found.stat.size };
            let bytes = item_bytes(path.as_bytes(), &Stat { size, ..found.stat });
            if self.builder.has_room(bytes, is_large)? {
                return Ok(Fitted { link, bytes, is_large });
            }
        }
    }

    /// Reports that a file cannot be stored; its last version stays.
    fn refuse_too_large(&mut self, path: EntryPathBuf, base: Option<&Row>) -> Result<()> {
        let what = "is larger than a file on the archive's drive can be (4 GiB on FAT32)";
        self.report(vec![Problem::new(path.clone(), what).unsaved().with_advice(Advice::ExcludeTooLarge)])?;
        self.builder.remove_directory(path, base.and_then(Row::stat).map(|stat| stat.kind))
    }

    /// Whether a large file is only a further name of one that was packed; waits until that is known.
    fn is_served(&mut self, link: Option<&HardLinkSlot>, found: &ScannedEntry, base: Option<&Row>) -> Result<bool> {
        let Some(link) = link.filter(|link| link.is_second()) else { return Ok(false) };
        self.builder.finish()?;
        let base = base.map(Row::entry).transpose()?.flatten();
        Ok(link.is_served(base.as_ref(), found.stat.size))
    }

    /// Problems found by the scan go the same way as all others, so that they are reported in order.
    pub fn report(&mut self, problems: Vec<Problem>) -> Result<()> {
        self.builder.send_noted(Packed { problems, ..Packed::default() })
    }
}

/// An entry for which there is room in the present job, or behind it.
struct Fitted {
    link: Option<HardLinkSlot>,
    /// How many bytes of tar it makes, about.
    bytes: u64,
    /// Whether it is read by itself.
    is_large: bool,
}
