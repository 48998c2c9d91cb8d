//! The threads of `create`: scan and plan, pack, write. Jobs are packed by several threads and written in order.

use super::attempt::PatchMaker;
use super::candidates;
use super::context::CreateContext;
use super::copies;
use super::copies::Copies;
use super::level::AdaptiveLevel;
use super::level::FinishedJob;
use super::meter::Meter;
use super::move_search::MoveSearch;
use super::moving;
use super::options::Level;
use super::options::patch_from;
use super::outbox::Outbox;
use super::outbox::WorkItem;
use super::pack_context::Context;
use super::packed::Packed;
use super::planned::PlanOptions;
use super::planner::Planner;
use super::report::CreateReport;
use super::report::LeftOut;
use super::report::PassedOver;
use super::space::Scene;
use super::space::for_each_changed;
use super::space::part_bytes_limit;
use super::stored::Stored;
use super::worker::Packer;
use super::writer::Writer;
use crate::archive::state::State;
use crate::base::concurrency::Budget;
use crate::base::concurrency::Buffers;
use crate::base::concurrency::Limits;
use crate::base::concurrency::Sender;
use crate::base::concurrency::join;
use crate::base::concurrency::ordered;
use crate::base::concurrency::with_ticks;
use crate::base::diff::Rehash;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::monitor::EntryChange;
use crate::base::monitor::Event;
use crate::base::monitor::Notice;
use crate::base::monitor::Phase;
use crate::base::monitor::check_interrupted;
use crate::base::snapshot::Counts;
use crate::base::snapshot::Rules;
use crate::base::snapshot::uncertain_since;
use crate::format::frames::Effort;
use crate::format::layout::PIECE_BYTES;
use crate::system::listing::Listing;
use crate::system::scan;
use crate::system::scan::ScanOptions;
use crate::system::source::Source;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// How many pieces more than there are workers may be in memory.
const PIECES_AHEAD: u64 = 2;

/// How often progress is told at least, also while one large file is read.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// The most places on other file systems that are named.
const ELSEWHERE_TOLD_MAX: usize = 20;

/// What a job became.
enum Output {
    Packed(Box<Packed>),
    Cut,
}

/// What the threads share.
struct Shared {
    budget: Budget,
    level: AdaptiveLevel,
    /// Of frames that were written.
    buffers: Buffers,
    meter: Meter,
    stored: Stored,
}

/// Scans, compares, packs and writes.
///
/// # Errors
/// As for [`super::create`].
pub fn run(run: &CreateContext) -> Result<CreateReport> {
    let copies_from = copies_from(run);
    let shared = Shared {
        stored: Stored::new(copies_from),
        budget: Budget::new((run.threads as u64 + PIECES_AHEAD) * PIECE_BYTES),
        level: AdaptiveLevel::new(run.threads),
        buffers: Buffers::default(),
        meter: Meter::default(),
    };
    let effort = || match run.options.level {
        Level::Auto => Effort::Step(shared.level.step()),
        Level::Fixed(level) => Effort::Level(level),
    };
    let patches = (!run.options.dry_run)
        .then(|| PatchMaker::new(run.catalog, run.options.level.fixed(), run.options.drive_speed));
    let context = Context {
        sources: run.sources,
        effort: &effort,
        clock: run.options.clock,
        dry_run: run.options.dry_run,
        reads_contents: !run.options.dry_run || run.options.rehash,
        patches: patches.as_ref(),
        time_seconds: run.head.time.seconds,
        meter: &shared.meter,
        is_stopped: &|| run.monitor.is_interrupted() || shared.budget.is_stopped(),
    };
    let mut planned = None;
    let feed = |sender: &Sender<WorkItem, Result<Output>>| {
        planned = Some(plan(sender, run, (context, copies_from), &shared)?);
        Ok(())
    };
    let packer = || {
        let mut packer = Packer::new(context);
        let shared = &shared;
        move |planned| work(planned, &mut packer, shared)
    };
    let tick = || run.monitor.event(Event::Progress(shared.meter.progress()));
    let limits = Limits { threads: run.threads, budget: &shared.budget };
    let work = || ordered(limits, feed, packer, |results| write(results, run, &shared, patches.as_ref()));
    let writer = counting_ahead(run, &shared.meter, || with_ticks(PROGRESS_INTERVAL, tick, work))?;
    tick();
    check_interrupted(run.monitor)?;
    let (counts, passed_over, left_out) = planned.ok_or_else(Error::stopped)?;
    Ok(CreateReport { left_out, ..writer.finish(&counts, passed_over)? })
}

/// Does `work`; meanwhile counts how many bytes there are to be read in all, if the monitor wants to know.
fn counting_ahead<T>(run: &CreateContext, meter: &Meter, work: impl FnOnce() -> T) -> T {
    if !run.monitor.wants_totals() || run.options.dry_run {
        return work();
    }
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let counting = scope.spawn(|| count_ahead(run, meter, &is_done));
        let done = SetWhenDropped(&is_done);
        let result = work();
        drop(done);
        join([counting]);
        result
    })
}

fn count_ahead(run: &CreateContext, meter: &Meter, is_done: &AtomicBool) {
    let scan_options = ScanOptions { threads: 0, skip: run.scan_options.skip.clone(), clock: run.options.clock };
    let CreateContext { sources, base, monitor, .. } = *run;
    let scene = Scene { sources, base, scan_options: &scan_options, monitor };
    monitor.event(Event::Counting(true));
    let counted = for_each_changed(&scene, &mut |_, changed| {
        if is_done.load(Ordering::Relaxed) {
            return Err(Error::stopped());
        }
        meter.add_counted_ahead(changed.iter().map(|found| found.stat.size).sum());
        Ok(())
    });
    // An error here happens in the work itself, too, and is reported there.
    monitor.event(Event::Counting(counted.is_err()));
}

/// Ends the counting also when the work panics.
struct SetWhenDropped<'a>(&'a AtomicBool);

impl Drop for SetWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Plans all sources. Returns what was unchanged, what was not read, and what rules left out.
fn plan(
    sender: &Sender<WorkItem, Result<Output>>,
    run: &CreateContext,
    (context, copies_from): (Context, u64),
    shared: &Shared,
) -> Result<(Counts, PassedOver, LeftOut)> {
    let mut send = |planned| {
        check_interrupted(run.monitor)?;
        let bytes = match &planned {
            WorkItem::Job(_, bytes) => *bytes,
            WorkItem::Ready(packed) => packed.frames.stored.len() as u64,
            WorkItem::Cut => 0,
        };
        sender.send(planned, bytes)
    };
    let options = plan_options(run);
    let (is_exact, has_same_rules) = (is_exact(run)?, has_same_rules(run)?);
    let scene = copies::Scene {
        number: run.head.id.number,
        is_exact,
        from: copies_from,
        sources: run.sources,
        has_same_rules: &has_same_rules,
        rehash: options.rehash,
        stored: &shared.stored,
    };
    let outbox = Outbox::new(context, Copies::new(scene, run.base), &mut send);
    let moves = MoveSearch::new(is_exact.then(|| {
        let find = |from, base: &State| {
            let CreateContext { sources, scan_options, monitor, .. } = *run;
            moving::find(&candidates::Scene { sources, scan_options, monitor, from }, base)
        };
        Box::new(find) as Box<_>
    }));
    let mut planner = Planner::new(run.base, moves, outbox, options);
    planner.report(run.missing.to_vec())?;
    planner.plan_tops()?;
    run.monitor.event(Event::Phase(Phase::Saving));
    let mut left_out = LeftOut::default();
    let mut elsewhere = 0;
    scan::scan(run.sources, run.scan_options, &mut |listing| {
        check_interrupted(run.monitor)?;
        // There may be hours of unchanged files between two items that are sent.
        if shared.budget.is_stopped() {
            return Err(Error::stopped());
        }
        shared.meter.add_entries(listing.found.len() as u64);
        run.monitor.event(Event::Progress(shared.meter.progress()));
        note_left_out(&listing, run, &mut left_out);
        if let Some(path) = &listing.archive {
            run.monitor.event(Event::Notice(&Notice::ArchiveInSource { path: path.clone() }));
        }
        elsewhere = tell_elsewhere(&listing, run, elsewhere);
        planner.plan(listing)
    })?;
    planner.finish()?;
    tell_more_elsewhere(elsewhere, run);
    Ok((planner.counts, planner.passed_over, planner.ruled_out.add_to(left_out)))
}

fn plan_options(run: &CreateContext) -> PlanOptions {
    PlanOptions {
        rehash: if run.options.rehash { Rehash::Yes } else { Rehash::No },
        allow_empty: run.options.allow_empty,
        was_cut_off: run.was_cut_off(),
        part_bytes_max: run.options.part_bytes_max,
        part_bytes_limit: part_bytes_limit(&run.archive.store().space()),
    }
}

/// Reports how many more paths on other file systems were left out than were named.
fn tell_more_elsewhere(elsewhere: usize, run: &CreateContext) {
    if elsewhere > ELSEWHERE_TOLD_MAX {
        let count = elsewhere - ELSEWHERE_TOLD_MAX;
        run.monitor.event(Event::Notice(&Notice::MoreElsewhere { count }));
    }
}

/// The least size of copies, in any of the sources.
fn copies_from(run: &CreateContext) -> u64 {
    run.sources.iter().map(|source| patch_from(source.rules())).min().unwrap_or(u64::MAX)
}

/// For each source, whether its rules leave out the same as in the last snapshot.
fn has_same_rules(run: &CreateContext) -> Result<Vec<bool>> {
    let history = run.catalog.history()?;
    let left_out = |rules: &Rules| Rules { patch_from: None, ..rules.clone() };
    let has_same_rules = |source: &Source| {
        let known =
            history.last().and_then(|last| last.sources.iter().find(|known| known.name.as_bytes() == source.name()));
        known.is_some_and(|known| left_out(&known.rules) == left_out(source.rules()))
    };
    Ok(run.sources.iter().map(has_same_rules).collect())
}

/// Whether stock tools get exactly the state before. Otherwise they could not follow moves and copies.
fn is_exact(run: &CreateContext) -> Result<bool> {
    let history = run.catalog.history()?;
    let is_certain = history.last().is_some_and(|last| uncertain_since(&history, last.number).is_none());
    Ok(is_certain && !run.was_cut_off())
}

/// Counts what rules leave out of a directory, and reports it if that is wanted.
fn note_left_out(listing: &Listing, run: &CreateContext, sum: &mut LeftOut) {
    sum.bytes = sum.bytes.saturating_add(listing.left_out_bytes);
    let is_told = run.options.tell_left_out && run.monitor.wants_entries();
    for (name, is_directory) in listing.left_out() {
        *(if is_directory { &mut sum.directories } else { &mut sum.files }) += 1;
        if let Some(path) = listing.path.child(name).filter(|_| is_told) {
            run.monitor.event(Event::Entry(EntryChange::LeftOut, &path));
        }
    }
}

/// Reports what is left out because it is on another file system, after `told` of them. Returns how many there are now.
fn tell_elsewhere(listing: &Listing, run: &CreateContext, told: usize) -> usize {
    for path in listing.elsewhere.iter().take(ELSEWHERE_TOLD_MAX.saturating_sub(told)) {
        run.monitor.event(Event::Notice(&Notice::Elsewhere { path: path.clone() }));
    }
    told + listing.elsewhere.len()
}

fn work(planned: WorkItem, packer: &mut Packer, shared: &Shared) -> Result<Output> {
    let job = match planned {
        WorkItem::Job(job, _) => job,
        WorkItem::Ready(packed) => return Ok(Output::Packed(packed)),
        WorkItem::Cut => return Ok(Output::Cut),
    };
    let began = Instant::now();
    let packed = packer.pack(job, shared.buffers.get())?;
    if let Effort::Step(step) = packed.effort {
        shared.level.note_job(&FinishedJob {
            step,
            raw_bytes: packed.frames.raw_bytes(),
            stored_bytes: packed.frames.stored.len() as u64,
            total: began.elapsed(),
            compressing: packed.compressing,
        });
    }
    Ok(Output::Packed(Box::new(packed)))
}

/// Writes until there are no more results.
fn write<'a>(
    results: &mut dyn Iterator<Item = Result<Output>>,
    run: &'a CreateContext<'a>,
    shared: &'a Shared,
    patches: Option<&PatchMaker>,
) -> Result<Writer<'a>> {
    let mut writer = Writer::new(run, &shared.stored);
    let _end = EndWhenDropped(&shared.stored);
    for done in results {
        check_interrupted(run.monitor)?;
        match done? {
            Output::Packed(packed) => {
                shared.buffers.put(writer.take(*packed)?);
                let (taken, time) = writer.newly_taken();
                shared.level.note_written(taken, time);
                if let Some(patches) = patches {
                    patches.note_written(taken, time);
                }
            }
            Output::Cut => writer.cut()?,
        }
        shared.stored.note_taken(writer.parts());
        run.monitor.event(Event::Progress(shared.meter.progress()));
    }
    Ok(writer)
}

/// Says that nothing more is written, also when the work fails or panics.
struct EndWhenDropped<'a>(&'a Stored);

impl Drop for EndWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
