//! `snap create`.

use super::super::afterwards;
use super::super::args::keep::KeepRulesArgs;
use super::super::args::size;
use super::super::args::sources;
use super::super::config::ArchiveConfig;
use super::super::failure::Failure;
use super::super::failure::NO_ARCHIVE;
use super::super::health;
use super::super::hooks;
use super::super::hooks::Told;
use super::super::notes::Notes;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::create::Checked;
use super::super::output::create::Created;
use super::super::output::text;
use super::super::power;
use super::super::session::Session;
use super::super::stoppable::stoppable;
use super::init::sharing;
use clap::Args;
use snap_archive::archive::open::Archive;
use snap_archive::base::error::Error;
use snap_archive::base::error::ErrorKind;
use snap_archive::base::exclude::Exclude;
use snap_archive::base::exclude::RULES_BYTES_MAX;
use snap_archive::base::exclude::patterns_of;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::keep::KeepRules;
use snap_archive::base::snapshot::Rules;
use snap_archive::base::time::Time;
use snap_archive::system::platform;
use snap_archive::system::shadow::Shadows;
use snap_archive::system::store::LocalStore;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::Level;
use snap_archive::verbs::create::check_sources;
use snap_archive::verbs::create::create;
use snap_archive::verbs::prune::PruneOptions;
use snap_archive::verbs::thin::Thinned;
use snap_archive::verbs::thin::thin;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Save a snapshot: what is new or modified since the last one
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CreateArgs {
    /// Folders and files to save, as PATH or NAME=PATH. Without any: those of the configuration, or else those of the last
    /// snapshot, with its rules
    #[arg(value_name = "SOURCE")]
    sources: Vec<OsString>,
    /// Make the archive first if it does not exist
    #[arg(long)]
    init: bool,
    /// With --init: let the group of the folder that it is in read and write the archive
    #[arg(long, requires = "init")]
    shared: bool,
    /// Exclude what matches GLOB (.gitignore syntax), in addition to the rules of the last run; may be given several times. An
    /// absolute path, ./PATH or NAME/PATH means exactly that file or folder
    #[arg(long, value_name = "GLOB", allow_hyphen_values = true)]
    exclude: Vec<String>,
    /// Exclude what matches a line of this file; may be given several times
    #[arg(long, value_name = "FILE")]
    exclude_from: Vec<PathBuf>,
    /// Drop this rule of the last run; may be given several times
    #[arg(long, value_name = "GLOB", allow_hyphen_values = true)]
    no_exclude: Vec<String>,
    /// Start without the rules of the last run
    #[arg(long)]
    fresh_rules: bool,
    /// Accept that a source is in another folder than last time, or on another computer: it was moved
    #[arg(long)]
    moved: bool,
    /// Name of this computer, noted with the sources, instead of the system's
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Do not sync the sources' drives first; changes through memory maps may then be missed
    #[arg(long)]
    no_sync: bool,
    /// Windows, as administrator: read from shadow copies of the drives, so that files that other programs have open are saved,
    /// and all files are of the same moment
    #[arg(long, hide = !cfg!(windows), conflicts_with = "dry_run")]
    shadow: bool,
    /// Exclude what is in folders that hold a CACHEDIR.TAG
    #[arg(long)]
    exclude_caches: bool,
    /// No longer exclude them
    #[arg(long, conflicts_with = "exclude_caches")]
    no_exclude_caches: bool,
    /// Exclude what is on other file systems than the source itself
    #[arg(long)]
    one_file_system: bool,
    /// No longer exclude them
    #[arg(long, conflicts_with = "one_file_system")]
    no_one_file_system: bool,
    /// Store only what changed inside modified files of at least this size. tar alone cannot restore those; the archive's
    /// recover.sh can. 0: all files, never: none. Remembered like rules [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = size::parse_patch_from)]
    patch_from: Option<u64>,
    /// Do nothing while the computer runs on battery below this charge; for schedules (exit code 7)
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    battery: Option<u8>,
    /// Only show what would be saved; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Comment to store with this snapshot, shown by `snap list`
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    note: String,
    /// Time of the snapshot instead of now, in UTC as 2026-11-22T18:30:00Z; for tests and imports
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    time: Option<Time>,
    /// Read every file, even those that look unchanged
    #[arg(long)]
    rehash: bool,
    /// Read everything back from the drive after writing and compare it; takes about twice as long
    #[arg(long, conflicts_with = "dry_run")]
    read_back: bool,
    /// Compression level: 1 (fast) to 19 (small), or auto: as high as the drive's speed allows [default: auto]
    #[arg(long, value_name = "LEVEL", value_parser = parse_level)]
    level: Option<Level>,
    /// Make a snapshot even if nothing has changed, or a source has become empty
    #[arg(long)]
    allow_empty: bool,
    /// Largest size of a file on the drive; a larger snapshot is split into several: 512M, 1GiB (K, M, G and KiB, MiB, GiB are
    /// steps of 1024; KB, MB, GB of 1000) [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = size::parse_part)]
    max_part: Option<u64>,
    /// After saving, forget the snapshots that no --keep- rule keeps, and prune
    #[arg(long, conflicts_with = "dry_run")]
    prune: bool,
    /// If the drive has too little space, first forget and prune the oldest snapshots that no --keep- rule keeps, as many as
    /// needed; without rules all but the newest may go
    #[arg(long, conflicts_with = "dry_run")]
    make_room: bool,
    #[command(flatten, next_help_heading = "Which snapshots stay, with --prune or --make-room")]
    keep: KeepRulesArgs,
}

const EXAMPLES: &str = "\
Examples:
  snap create --init -a /media/stick/archive ~/Documents photos=/data/2026
  snap create -a /media/stick/archive
  snap create -a /media/stick/archive ~/work --exclude target/ --exclude '*.iso'
  snap create --init -a /media/stick/archive ~/Documents --dry-run";

/// Runs `create` with the commands of the configuration around it, checks a share of the archive, and notes how it went.
pub(crate) fn run(args: &CreateArgs, session: &Session) -> Result<Outcome, Failure> {
    if args.dry_run {
        return save(args, session);
    }
    if let Some((limit, left)) = args.battery.zip(power::on_battery()).filter(|(limit, left)| left < limit) {
        return Err(Failure::later(format!("nothing was started: the battery is at {left} %, below {limit} %")));
    }
    let Some((name, config)) = &session.settings.archive_config()? else { return save(args, session) };
    let told = Told { name, folder: None, code: None, message: None };
    let before = config.before.as_ref().map_or(Ok(()), |command| hooks::before(command, &told, session));
    let outcome = before.and_then(|()| save(args, session));
    let code = outcome.as_ref().map_or_else(Failure::code, |outcome| outcome.code());
    let failure = outcome.as_ref().err().map(Failure::what);
    session.note_run(code, failure);
    // A missing drive is reported only if it was missing for long.
    let silence = failure.filter(|_| code == NO_ARCHIVE).and_then(|_| too_silent(config, session));
    let is_news = failure.is_some() && (code != NO_ARCHIVE || silence.is_some());
    let message = failure.map(|failure| match silence {
        Some(silence) => format!("{silence}: {failure}"),
        None => failure.to_owned(),
    });
    let folder = session.settings.located_folder();
    let told = Told { folder, code: Some(code), message: message.as_deref(), ..told };
    let mut is_well = true;
    if let Some(command) = &config.after {
        is_well &= hooks::went_well("after", command, &told, session);
    }
    if let Some(command) = config.notify.as_ref().filter(|_| is_news) {
        is_well &= hooks::went_well("notify", command, &told, session);
    }
    outcome.map(|outcome| if is_well { outcome } else { outcome.with_problem() })
}

/// The message that nothing was saved for too long, on any of the drives that take turns.
fn too_silent(config: &ArchiveConfig, session: &Session) -> Option<String> {
    let notes = Notes::read(&session.notes_file(None).ok()??);
    let saved = notes.archives.values().filter_map(|archive| archive.looked).max();
    let limit = config.max_silence.unwrap_or(health::SILENCE_SECONDS);
    match saved {
        None => Some("nothing was ever saved".to_owned()),
        Some(saved) => {
            let silent = Time::now().seconds.saturating_sub(saved);
            (silent >= limit).then(|| format!("nothing was saved for {}", health::span(silent)))
        }
    }
}

fn save(args: &CreateArgs, session: &Session) -> Result<Outcome, Failure> {
    let began = Instant::now();
    if args.shadow && !cfg!(windows) {
        return Err(Failure::usage("shadow copies are made on Windows only").with_hint("Leave out --shadow."));
    }
    let mut options: CreateOptions = options(args, session)?;
    let shadows = Shadows::new();
    let in_shadow = |path: &Path| shadows.path_of(path);
    options.read_at = if args.shadow { Some(&in_shadow) } else { None };
    let configured = session.settings.archive_config()?.is_some_and(|(_, archive)| archive.prune);
    let prunes = (args.prune || configured) && !args.dry_run;
    if prunes && options.keep.is_empty() {
        return Err(Failure::usage("--prune needs a rule that says which snapshots stay").with_hint(advice::GIVE_RULES));
    }
    let directory = session.settings.directory()?;
    let is_there = directory.exists();
    let (archive, is_new) = if args.init { open_or_init(&options, args, session)? } else { (session.open()?, false) };
    if args.dry_run {
        session.console.list_entries();
    }
    let report = stoppable(&session.console, stopped(), || create(&archive, &options, &session.console));
    let report = report.and_then(|report| report.map_err(Failure::from));
    let mut report = match report {
        Ok(report) => report,
        Err(failure) => {
            let is_gone = is_new && !args.dry_run && archive.discard_new(directory, !is_there);
            let was_stopped = failure.kind() == stopped().kind();
            return Err(if is_gone && was_stopped { stopped_early() } else { failure });
        }
    };
    let thinned = if prunes { Some(thinned(&archive, &options.keep, session)) } else { None };
    if is_new && args.dry_run {
        report.bytes_free = free_around(directory);
    }
    let checked =
        if args.dry_run { Checked::default() } else { afterwards::run(&archive, &report, thinned.is_some(), session) };
    let created = Created {
        checked: &checked,
        report: &report,
        archive: directory,
        may_be_unplugged: archive.may_be_unplugged(),
        dry_run: args.dry_run,
        read_back: args.read_back,
        thinned: thinned.as_ref().and_then(|thinned| thinned.as_ref().ok()),
        took: began.elapsed(),
        problems: session.console.problems(),
    };
    let told = session.console.result(&created);
    told.map_err(|failure| failure.after("The snapshot itself is complete: only its summary could not be shown."))?;
    if let Some(base) = report.compared_with.filter(|_| report.is_uncertain && !args.rehash) {
        session.console.note(&advice::rehash(base.number));
    }
    let not_pruned = match thinned.transpose() {
        Ok(thinned) => thinned.map_or(0, |thinned| thinned.pruned.problems),
        Err(failure) => return Err(failure.after("The snapshot itself is complete: only the rest was not done.")),
    };
    Ok(Outcome::with_problems(report.problems + checked.findings + not_pruned))
}

/// The rules that were typed, or those of the configuration.
pub(crate) fn keep_rules(typed: &KeepRulesArgs, session: &Session) -> Result<KeepRules, Failure> {
    let typed = typed.rules();
    if !typed.is_empty() {
        return Ok(typed);
    }
    Ok(session.settings.archive_config()?.map(|(_, archive)| archive.keep.clone()).unwrap_or_default())
}

/// Forgets what the rules do not keep, and prunes.
fn thinned(archive: &Archive, rules: &KeepRules, session: &Session) -> Result<Thinned, Failure> {
    let options = PruneOptions { threads: session.settings.threads, ..PruneOptions::default() };
    let work = || thin(archive, rules, &options, &session.console);
    let stopped = Failure::stopped("stopped before everything was pruned; the snapshot is complete");
    Ok(stoppable(&session.console, stopped, work)??)
}

fn stopped() -> Failure {
    Failure::stopped(
        "stopped. Everything reported saved before is safe; of this run, each part that was finished (1 GiB, or --max-part) \
         is kept",
    )
        .with_hint(advice::GO_ON)
}

fn stopped_early() -> Failure {
    Failure::stopped("stopped before anything was saved; no archive was made")
}

fn options(args: &CreateArgs, session: &Session) -> Result<CreateOptions<'static>, Failure> {
    let defaults = CreateOptions::default();
    let configured = session.settings.archive_config()?.map(|(_, archive)| archive);
    let of_configuration = configured.map(|archive| archive.sources.as_slice()).unwrap_or_default();
    let standing = configured.and_then(|archive| archive.rules.as_ref());
    session.console.expect_unused(standing.map(|rules| rules.exclude.as_slice()).unwrap_or_default());
    let chosen = rule_changes(args, standing)?;
    Ok(CreateOptions {
        sources: sources::parse(if args.sources.is_empty() { of_configuration } else { &args.sources })?,
        rules: chosen.added,
        take_away: chosen.taken_away,
        fresh_rules: chosen.fresh,
        moved: args.moved,
        host: args.host.clone().unwrap_or_else(platform::host_name),
        sync: !args.no_sync,
        tell_left_out: args.dry_run && session.settings.verbose,
        level: args.level.or(configured.and_then(|archive| archive.level)).unwrap_or_default(),
        rehash: args.rehash,
        dry_run: args.dry_run,
        read_back: args.read_back,
        note: args.note.clone(),
        allow_empty: args.allow_empty,
        time: args.time,
        part_bytes_max: args.max_part.unwrap_or(defaults.part_bytes_max),
        keep: keep_rules(&args.keep, session)?,
        make_room: args.make_room,
        drive_speed: None,
        threads: session.settings.threads,
        read_at: None,
        clock: defaults.clock,
    })
}

/// How the rules of this run differ from those of the last.
struct RuleChanges {
    added: Option<Rules>,
    taken_away: Rules,
    fresh: bool,
}

/// What was typed; where the configuration has rules, they hold instead of those of the last run, and what was typed changes them.
fn rule_changes(args: &CreateArgs, configured: Option<&Rules>) -> Result<RuleChanges, Failure> {
    let added = rules(args)?;
    let mut taken_away = Rules {
        exclude: args.no_exclude.clone(),
        exclude_caches: args.no_exclude_caches,
        one_file_system: args.no_one_file_system,
        patch_from: None,
    };
    let Some(configured) = configured.filter(|_| !args.fresh_rules) else {
        return Ok(RuleChanges { added, taken_away, fresh: args.fresh_rules });
    };
    let mut all = configured.clone();
    all.exclude.retain(|rule| !taken_away.exclude.contains(rule));
    // What is left to take away is in neither: the library says what there is.
    taken_away.exclude.retain(|rule| !configured.exclude.contains(rule));
    all.exclude_caches &= !taken_away.exclude_caches;
    all.one_file_system &= !taken_away.one_file_system;
    let added = added.unwrap_or_default();
    all.exclude.extend(added.exclude);
    all.exclude_caches |= added.exclude_caches;
    all.one_file_system |= added.one_file_system;
    all.patch_from = added.patch_from.or(all.patch_from);
    Ok(RuleChanges { added: Some(all), taken_away, fresh: true })
}

/// The rules that were typed.
fn rules(args: &CreateArgs) -> Result<Option<Rules>, Failure> {
    let mut exclude = Vec::new();
    for file in &args.exclude_from {
        exclude.extend(patterns_in(file)?);
    }
    exclude.extend(args.exclude.iter().cloned());
    // Refused here, before the drive is touched.
    Exclude::new(&exclude, platform::CASE).map_err(|error| Failure::from(error).into_usage())?;
    let rules = Rules {
        exclude,
        exclude_caches: args.exclude_caches,
        one_file_system: args.one_file_system,
        patch_from: args.patch_from,
    };
    Ok((rules != Rules::default()).then_some(rules))
}

fn patterns_in(file: &Path) -> Result<Vec<String>, Failure> {
    let doing = format!("cannot read the patterns in {}", text::path(file));
    let mut text = Vec::new();
    let opened = File::open(file).and_then(|opened| opened.take(RULES_BYTES_MAX as u64 + 1).read_to_end(&mut text));
    opened.map_err(|error| Error::io(&doing, error))?;
    Ok(patterns_of(&text).map_err(|error| error.while_doing(&doing))?)
}

/// The archive, and whether it was made now; in a dry run, it is made in memory.
fn open_or_init(options: &CreateOptions, args: &CreateArgs, session: &Session) -> Result<(Archive, bool), Failure> {
    let directory = session.settings.directory()?;
    match Archive::open(directory) {
        Err(error) if error.kind() == ErrorKind::NoArchive => {
            session.check_new()?;
            // Checked first, so that a failure leaves no archive behind.
            check_sources(options)?;
            if args.dry_run {
                Archive::check_init(directory)?;
                let archive = Archive::init_store(Arc::new(MemoryStore::new()), ArchiveId::default(), Time::now());
                return Ok((archive?, true));
            }
            Ok((Archive::init(directory, sharing(args.shared))?, true))
        }
        opened => {
            let archive = opened?;
            session.check_id(archive.id())?;
            Ok((archive, false))
        }
    }
}

/// How many bytes are free where an archive would be made.
fn free_around(directory: &Path) -> Option<u64> {
    let there = directory.ancestors().find(|folder| folder.as_os_str().is_empty() || folder.is_dir())?;
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    LocalStore::new(there).space().free_bytes
}

fn parse_level(text: &str) -> Result<Level, String> {
    let level = text.parse().ok().filter(|level| (1..=19).contains(level)).map(Level::Fixed);
    level
        .or((text == "auto").then_some(Level::Auto))
        .ok_or_else(|| "expected auto, or a number from 1 to 19".to_owned())
}

fn parse_time(text: &str) -> Result<Time, String> {
    Time::from_rfc3339(text).ok_or_else(|| "expected a time in UTC such as 2026-11-22T18:30:00Z".to_owned())
}
