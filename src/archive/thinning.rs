//! What is done about bundles of which something is not needed: which are joined, which become hollow. Writes nothing.

use crate::archive::catalog::Catalog;
use crate::archive::join::Join;
use crate::archive::join::JoinedSize;
use crate::archive::liveness::Gap;
use crate::archive::liveness::Liveness;
use crate::archive::liveness::Unused;
use crate::archive::open::BundleFile;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Monitor;
use std::ops::RangeInclusive;

/// Bundles of which more stays than this are joined with no others: it would all have to be written again.
const JOINED_BYTES_MAX: u64 = 64 << 20;

/// The most contents that go of bundles which are looked at together.
const JOINED_CONTENTS_MAX: usize = 1 << 20;

/// What each bundle takes that holds nothing, about: end of the tar, headers and tables.
const BUNDLE_BYTES: u64 = 600;

/// What each line takes beside the line itself, about: the header of its member, compressed.
const HEADER_BYTES: u64 = 20;

/// How bundles are thinned out.
pub struct Thinning<'c> {
    /// The bundles.
    pub catalog: &'c Catalog<'c>,
    /// How much of what is written anew must at least be unused, in hundredths.
    pub max_unused: u8,
    /// Receives events; may ask to stop.
    pub monitor: &'c dyn Monitor,
}

/// One thing to do.
pub enum Step<'s> {
    /// To join bundles.
    Join(Joining<'s>),
    /// To make a bundle hollow, if that is worth it.
    Hollow(&'s Unused),
}

/// Bundles that are worth to be joined.
pub struct Joining<'s> {
    /// What they become.
    pub join: &'s Join<'s>,
    /// What of them is needed.
    pub liveness: &'s Liveness<'s>,
    /// They, the newest first.
    pub bundles: &'s [(BundleFile, Unused)],
    /// How many bytes they take.
    pub bytes: u64,
    /// About how many the joined one takes.
    pub stays: u64,
}

/// Called for each step; whether it was done. What was not joined is made hollow then.
pub type Visit<'v> = dyn FnMut(Step) -> Result<bool> + 'v;

impl Thinning<'_> {
    /// The steps for the bundles of a gap, the newest first, as many at once as may be joined.
    ///
    /// # Errors
    /// What `visit` fails with; when the archive cannot be read or is damaged;
    /// [`ErrorKind::Interrupted`](crate::base::error::ErrorKind::Interrupted) when the monitor asks to stop.
    pub fn gap(&self, gap: Gap, visit: &mut Visit) -> Result<()> {
        let mut liveness = Liveness::of(self.catalog, gap, self.monitor)?;
        let mut run = Run::default();
        for file in liveness.bundles().rev() {
            let is_new = run.bundles.last().is_none_or(|(last, _)| last.id().number != file.id().number);
            let unused = liveness.unused(file)?;
            if is_new && !run.has_room_for(&unused) {
                self.run(&mut liveness, std::mem::take(&mut run), visit)?;
            }
            run.push(file.clone(), unused);
            // What was never finished is joined with what comes after it only.
            if run.bundles.len() == 1 && file.id().part != 0 {
                self.run(&mut liveness, std::mem::take(&mut run), visit)?;
            }
        }
        self.run(&mut liveness, run, visit)
    }

    /// Joins as many of these bundles, from the newest on, as can be, if that is worth it; the others become hollow one by one.
    fn run(&self, liveness: &mut Liveness, run: Run, visit: &mut Visit) -> Result<()> {
        let count = run.joinable(self.catalog);
        let (chosen, others) = run.bundles.split_at(count);
        let is_joined = self.join(liveness, chosen, visit)?;
        for (file, _) in chosen.iter().filter(|_| is_joined) {
            liveness.decide(file.id(), false);
        }
        for (file, unused) in if is_joined { others } else { &run.bundles } {
            liveness.decide(file.id(), true);
            visit(Step::Hollow(unused))?;
        }
        Ok(())
    }

    fn join(&self, liveness: &Liveness, bundles: &[(BundleFile, Unused)], visit: &mut Visit) -> Result<bool> {
        let Some((_, files)) = joined_files(bundles).filter(|(numbers, _)| liveness.knows(numbers)) else {
            return Ok(false);
        };
        let Some(join) = Join::plan(self.catalog, files, self.monitor)? else { return Ok(false) };
        let has_patches = bundles.iter().any(|(_, unused)| unused.has_patches);
        let Some(size) = join.size(liveness, has_patches)? else { return Ok(false) };
        let mut estimate = Estimate::of(bundles, &size);
        if has_patches {
            // What others were made from goes with these.
            let freed = bundles.iter().map(|(file, _)| liveness.freed_but(file, &size.as_they_are));
            estimate.contents = freed.sum::<Result<u64>>()?;
            estimate.elsewhere = liveness.freed_elsewhere(&bundles.iter().map(|(file, _)| file.id()).collect());
        }
        // The parts of one snapshot are looked at together however much of them stays.
        let is_small = bundles.len() == 1 || estimate.stays() <= JOINED_BYTES_MAX;
        if !is_small || !estimate.is_worth_it(self.max_unused) {
            return Ok(false);
        }
        let (bytes, stays) = (estimate.bytes, estimate.stays());
        visit(Step::Join(Joining { join: &join, liveness, bundles, bytes, stays }))
    }
}

/// Bundles that follow each other, the newest first, and what of each is not needed.
#[derive(Default)]
struct Run {
    bundles: Vec<(BundleFile, Unused)>,
    stays: u64,
    contents: usize,
}

impl Run {
    fn has_room_for(&self, unused: &Unused) -> bool {
        let stays = self.stays.saturating_add(unused.bytes.saturating_sub(unused.freed_bytes));
        stays <= JOINED_BYTES_MAX && self.contents + unused.contents.len() <= JOINED_CONTENTS_MAX
    }

    fn push(&mut self, file: BundleFile, unused: Unused) {
        self.stays += unused.bytes.saturating_sub(unused.freed_bytes);
        self.contents += unused.contents.len();
        self.bundles.push((file, unused));
    }

    /// How many of them may be joined: up to one before which stands a whole snapshot, or nothing.
    fn joinable(&self, catalog: &Catalog) -> usize {
        let is_after_whole = |id: BundleId| {
            let before = catalog.bundles().map(BundleFile::id).take_while(|other| *other < id).last();
            before.is_none_or(|before| before.part == 0)
        };
        self.bundles.iter().rposition(|(file, _)| is_after_whole(file.id())).map_or(0, |at| at + 1)
    }
}

/// The numbers of these bundles, the newest of which comes first, and all of them in order; `None` when there is only one, of which
/// no more can go than when it becomes hollow: that leaves patches as they are.
fn joined_files(chosen: &[(BundleFile, Unused)]) -> Option<(RangeInclusive<SnapshotNumber>, Vec<BundleFile>)> {
    let is_wanted = chosen.len() > 1 || chosen.iter().any(|(_, unused)| unused.has_patches);
    let (last, first) = chosen.first().zip(chosen.last()).filter(|_| is_wanted)?;
    let files = chosen.iter().rev().map(|(file, _)| file.clone()).collect();
    Some((first.0.id().number..=last.0.id().number, files))
}

/// What joining bundles gives back, about.
struct Estimate {
    /// How long they are.
    bytes: u64,
    /// The contents that go.
    contents: u64,
    /// What goes beside them.
    names: u64,
    /// What is stored again.
    more: u64,
    /// What others hold for nothing but patches that go.
    elsewhere: u64,
    /// What would go of a bundle that is alone anyway, if it became hollow.
    anyway: u64,
}

impl Estimate {
    fn of(chosen: &[(BundleFile, Unused)], size: &JoinedSize) -> Estimate {
        let sum = |of: fn(&Unused) -> u64| chosen.iter().map(|(_, unused)| of(unused)).fold(0, u64::saturating_add);
        let (bytes, lines) = (sum(|unused| unused.bytes), sum(|unused| unused.lines));
        let lists = sum(|unused| unused.list_bytes).saturating_add(lines.saturating_mul(HEADER_BYTES));
        let fewer = lines.saturating_sub(size.lines);
        let names = (u128::from(lists) * u128::from(fewer) / u128::from(lines.max(1))) as u64;
        let names = names.saturating_add(BUNDLE_BYTES * (chosen.len() as u64 - 1));
        let contents = sum(|unused| unused.freed_bytes);
        let anyway = if chosen.len() > 1 { 0 } else { contents };
        Estimate { bytes, contents, names, more: size.more_bytes, elsewhere: 0, anyway }
    }

    fn stays(&self) -> u64 {
        let freed = self.contents.saturating_add(self.names).min(self.bytes);
        (self.bytes - freed).saturating_add(self.more)
    }

    fn is_worth_it(&self, max_unused: u8) -> bool {
        let freed = self.bytes.saturating_add(self.elsewhere).saturating_sub(self.stays()).saturating_sub(self.anyway);
        freed > 0 && u128::from(freed) * 100 > u128::from(self.bytes) * u128::from(max_unused)
    }
}
