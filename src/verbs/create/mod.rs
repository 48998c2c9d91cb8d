//! The verb `create`: scan → diff → pack → write. One thread plans, some read ahead, some pack, one writes.

mod speed;

mod begin;
mod context;
mod level;
mod meter;
mod options;
mod owners;
mod part_budget;
mod report;
mod stored;

mod anchors;
mod base;
mod differing;
mod directory_diff;
mod doubts;
mod folders;
mod likeness;
mod packed;
mod space;

mod candidates;
mod hardlinks;
mod index;
mod ruled_out;
mod rules;

mod moving;

mod sources;

mod item;

mod large;

mod copies;
mod maker;

mod attempt;

mod comparing;

mod job;

mod pack_context;
mod planned;
mod writer;

mod opened;

mod worker;

mod outbox;

mod job_builder;

mod large_planner;
mod move_search;

mod planner;

mod pipeline;
mod source_change;

mod drop;
mod rename;

pub use self::drop::drop_source;
pub use self::options::CreateOptions;
pub use self::options::Level;
pub use self::options::PART_BYTES_DEFAULT;
pub use self::options::ReadAt;
pub use self::options::SourceSpec;
pub use self::rename::rename_source;
pub use self::report::CreateReport;
pub use self::report::LeftOut;
pub use self::report::PassedOver;
pub use self::speed::DriveSpeed;

use self::begin::head;
use self::begin::scan_options;
use self::context::CreateContext;
use crate::archive::catalog::Catalog;
use crate::archive::open::Archive;
use crate::archive::reserve;
use crate::base::concurrency::threads;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::error::plain_reason;
use crate::base::monitor::Event;
use crate::base::monitor::Monitor;
use crate::base::monitor::Notice;
use crate::base::monitor::Phase;
use crate::base::monitor::Progress;
use crate::base::path::printable;
use crate::base::snapshot::uncertain_since;
use crate::base::time::Time;
use crate::base::units::human_size;
use crate::system::source::Source;
use crate::system::store::Lease;
use crate::verbs::thin;
use crate::verbs::thin::Spare;
use crate::verbs::thin::Thinned;

/// Saves what is new or modified in the sources as one snapshot.
///
/// # Errors
/// [`ErrorKind::Locked`] when another process is writing; [`ErrorKind::Refused`] when a source is missing or has become empty
/// or the options make no sense; [`ErrorKind::Interrupted`]; with `read_back` [`ErrorKind::Damaged`] when the drive does not
/// give back what was written; otherwise when the archive cannot be read or written. Snapshots
/// reported before are as they were; finished parts of a large snapshot are used by the next one.
pub fn create(archive: &Archive, options: &CreateOptions, monitor: &dyn Monitor) -> Result<CreateReport> {
    space::check_part_size(options, &archive.store().space())?;
    let lease = if options.dry_run { None } else { Some(archive.lock(Time::now())?) };
    if lease.is_some() {
        reserve::keep(archive);
    }
    let run = Run { archive, options, lease: lease.as_deref(), monitor };
    let made = match run.attempt(RoomFor::NothingYet) {
        // Damage in the index that shows half-way ends the attempt; the next one uses the parts finished by then.
        Err(error) if error.kind() == ErrorKind::IndexDamaged => {
            archive.catalog_for_writing(monitor)?.distrust_damaged()?;
            run.attempt(RoomFor::NothingYet)
        }
        done => done,
    };
    match made? {
        Attempt::Done(report) => Ok(*report),
        Attempt::MadeRoom(thinned) => match run.attempt(RoomFor::ThisSnapshot)? {
            Attempt::Done(report) => Ok(CreateReport { made_room: Some(thinned), ..*report }),
            Attempt::MadeRoom(_) => Err(Error::new(ErrorKind::Refused, "there is no room for the snapshot")),
        },
    }
}

/// For what space was freed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RoomFor {
    NothingYet,
    ThisSnapshot,
}

/// How an attempt ended.
enum Attempt {
    /// With a snapshot, or none that was needed.
    Done(Box<CreateReport>),
    /// Space was freed first: what was known of the archive is out of date.
    MadeRoom(Thinned),
}

/// One run.
struct Run<'r> {
    archive: &'r Archive,
    options: &'r CreateOptions<'r>,
    lease: Option<&'r dyn Lease>,
    monitor: &'r dyn Monitor,
}

impl Run<'_> {
    fn attempt(&self, room_for: RoomFor) -> Result<Attempt> {
        let Run { archive, options, lease, monitor } = *self;
        let now = options.time.unwrap_or_else(Time::now);
        let catalog = archive.catalog_for_writing(monitor)?;
        let base = catalog.state(catalog.highest())?;
        let history = catalog.history()?;
        let unfinished = if history.is_empty() { sources::of_unfinished(&catalog) } else { Vec::new() };
        let known = history.last().map_or(&unfinished[..], |last| &last.sources);
        let scene = sources::Scene { archive, known, history: &history, base: &base, monitor };
        let chosen = sources::choose(options, &scene)?;
        if options.sync {
            sync(&chosen.open, monitor);
        }
        let head = head(&catalog, options, chosen.records.clone(), now)?;
        let scan_options = scan_options(archive, options);
        let room = archive.store().space();
        let as_before = history.last().filter(|last| *last.sources == *head.sources);
        let fits = as_before.is_some() && space::is_ample(&room, &history);
        if !options.dry_run && !fits {
            let scene = space::Scene { sources: &chosen.open, base: &base, scan_options: &scan_options, monitor };
            if let Some(short) = space::shortage(&scene, &room)?
                && let Some(thinned) = self.tell_or_make_room(&catalog, short, room_for)?
            {
                return Ok(Attempt::MadeRoom(thinned));
            }
        }
        if let Some(last) = as_before {
            monitor.event(Event::EntriesBefore(last.counts.entries()));
        }
        let known = history.last().map(|last| &*last.sources);
        let is_uncertain = history.last().is_some_and(|last| uncertain_since(&history, last.number).is_some());
        let done = pipeline::run(&CreateContext {
            archive,
            catalog: &catalog,
            base: &base,
            sources: &chosen.open,
            missing: &chosen.problems,
            scan_options: &scan_options,
            options,
            threads: threads(options.threads),
            // An uncertain snapshot is followed by a certain one.
            is_wanted: options.allow_empty || is_uncertain || sources::have_changed(known, &head.sources),
            head,
            monitor,
            lease,
        })?;
        let records = rules::Known { records: &chosen.records, before: known.unwrap_or_default() };
        rules::tell_unused(options, &chosen.open, records, monitor);
        let compared_with = history.last().cloned();
        let bytes_free = room.free_bytes;
        let history = history.into_iter().chain(done.summary.clone()).collect();
        Ok(Attempt::Done(Box::new(CreateReport { bytes_free, history, compared_with, is_uncertain, ..done })))
    }

    /// Reports that the snapshot may not fit, and what forgetting would free; or forgets and prunes what is needed.
    fn tell_or_make_room(
        &self,
        catalog: &Catalog,
        (bytes, free): (u64, u64),
        room_for: RoomFor,
    ) -> Result<Option<Thinned>> {
        let Run { archive, options, monitor, .. } = *self;
        if let Some(lease) = self.lease.filter(|_| options.make_room && room_for == RoomFor::NothingYet) {
            let spare = Spare::new(catalog, &options.keep, monitor)?;
            let given_back = spare.all_bytes()?;
            if free.saturating_add(given_back).saturating_add(reserve::bytes(archive)) < bytes {
                return Err(Error::new(ErrorKind::Refused, never_enough(bytes, free, given_back)));
            }
            let numbers = spare.oldest_for(bytes - free)?;
            return thin::make_room(archive, numbers, lease, monitor).map(Some);
        }
        let spare = Some(Spare::new(catalog, &options.keep, monitor)?).filter(|_| !options.keep.is_empty());
        let given_back = spare.map(|spare| spare.all_bytes()).transpose()?;
        monitor.event(Event::Notice(&Notice::ArchiveMayBeTooSmall { bytes, free, given_back }));
        Ok(None)
    }
}

/// That nothing is forgotten in vain.
fn never_enough(bytes: u64, free: u64, given_back: u64) -> String {
    format!(
        "room cannot be made: {} are new or modified and {} are free on the drive, but forgetting all that the rules allow would \
         give back about {}; nothing was forgotten",
        human_size(bytes),
        human_size(free),
        human_size(given_back)
    )
}

/// Refuses sources that cannot be saved, as [`create`] would, without an archive.
///
/// # Errors
/// [`ErrorKind::Refused`] when none is named, or two have one name; otherwise when one cannot be read.
pub fn check_sources(options: &CreateOptions) -> Result<()> {
    sources::check(options)
}

/// Syncs the file systems of the sources, each once.
fn sync(sources: &[Source], monitor: &dyn Monitor) {
    let mut synced = Vec::new();
    monitor.event(Event::Phase(Phase::SyncingSources));
    monitor.event(Event::Progress(Progress::default()));
    for source in sources {
        let number = source.file_system_number();
        if synced.contains(&number) {
            continue;
        }
        synced.push(number);
        if let Err(error) = source.root().sync_file_system() {
            let (source, why) = (printable(source.name()).into_owned(), plain_reason(&error));
            monitor.event(Event::Notice(&Notice::SourceNotSynced { source, why }));
        }
    }
}
