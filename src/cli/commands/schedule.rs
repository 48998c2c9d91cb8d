//! `snap schedule`.

use super::super::config::drive::Machine;
use super::super::config::place::Drive;
use super::super::config::place::Place;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::schedule::Told;
use super::super::output::schedule::What;
use super::super::schedule::Every;
use super::super::schedule::Homes;
use super::super::schedule::HourMinute;
use super::super::schedule::Job;
use super::super::schedule::Scheduler;
use super::super::schedule::Trigger;
use super::super::schedule::When;
use super::super::schedule::apply;
use super::super::schedule::parse_day;
use super::super::session::Session;
use super::super::settings::Meant;
use clap::Args;
use clap::Subcommand;
use snap_archive::base::id::Hash;
use snap_archive::base::path::printable;
use std::path::Path;
use std::path::PathBuf;

/// Save automatically: at a set time, and when the drive is plugged in
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ScheduleArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Save automatically from now on; replaces an earlier schedule
    Install(InstallArgs),
    /// Show whether saving is scheduled, and when it runs next
    Status(OfArgs),
    /// Stop saving automatically
    Remove(OfArgs),
}

/// Nothing is started on a battery with less than this, in percent.
const BATTERY_PERCENT: u8 = 30;

#[derive(Args)]
struct OfArgs {
    /// Which scheduler to use, instead of this computer's own
    #[arg(long = "with", value_enum, value_name = "SYSTEM")]
    scheduler: Option<Scheduler>,
}

#[derive(Args)]
pub(crate) struct InstallArgs {
    /// How often
    #[arg(long, value_enum, default_value = "day")]
    pub(crate) every: Every,
    /// Time of day, by the local clock
    #[arg(long, value_name = "HH:MM", default_value = "18:00")]
    pub(crate) at: HourMinute,
    /// Day of the week, with --every week
    #[arg(long, value_name = "DAY", default_value = "sunday", value_parser = parse_day)]
    pub(crate) on: i8,
    /// Only at the set time, not when the drive is plugged in
    #[arg(long)]
    pub(crate) no_plug: bool,
    /// Wait while the computer runs on battery below this charge
    #[arg(long, value_name = "PERCENT", default_value_t = BATTERY_PERCENT, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) battery: u8,
    /// Only show what would be written and run
    #[arg(long)]
    pub(crate) print: bool,
    #[command(flatten)]
    of: OfArgs,
}

const EXAMPLES: &str = "\
Examples:
  snap schedule install                       every day at 18:00, caught up if missed
  snap schedule install --every hour --print
  snap schedule status
  snap schedule remove";

pub(crate) fn run(args: &ScheduleArgs, session: &Session) -> Result<Outcome, Failure> {
    match &args.verb {
        Verb::Install(install_args) => install(install_args, session),
        Verb::Status(of) => status(of, session),
        Verb::Remove(of) => remove(of, session),
    }
}

fn install(args: &InstallArgs, session: &Session) -> Result<Outcome, Failure> {
    let when = When { every: args.every, hour: args.at.0, minute: args.at.1, day: args.on };
    let triggers = if args.no_plug { Vec::new() } else { triggers(session)? };
    let job = job(session, when, triggers, args.battery)?;
    let scheduler = args.of.scheduler.unwrap_or_else(Scheduler::here);
    let plan = scheduler.plan(&job, homes(session))?;
    let what = if args.print { What::Planned } else { What::Installed };
    if !args.print {
        // An earlier schedule may also start when the drive is plugged in, which may no longer be wanted.
        remove_from(scheduler, session)?;
        apply::install(&plan, &job.name).map_err(|failure| failure.with_hint(advice::SEE_PLAN))?;
        // Only now, so that there is always a schedule.
        let noted = session.noted_schedule()?.map(|(_, scheduler)| scheduler);
        for other in noted.into_iter().filter(|noted| *noted != scheduler) {
            remove_from(other, session)?;
        }
        session.note_schedule(Some((when, scheduler)));
    }
    session.console.result(&Told { what, scheduler, job: &job, plan: Some(&plan), when: Some(when) })?;
    Ok(Outcome::Done)
}

/// Installs a schedule for every day at this time, and when the drive is plugged in, with this computer's scheduler.
pub(super) fn install_daily((hour, minute): (i8, i8), session: &Session) -> Result<Outcome, Failure> {
    let args = InstallArgs {
        every: Every::Day,
        at: HourMinute(hour, minute),
        on: 0,
        no_plug: false,
        battery: BATTERY_PERCENT,
        print: false,
        of: OfArgs { scheduler: None },
    };
    install(&args, session)
}

fn status(args: &OfArgs, session: &Session) -> Result<Outcome, Failure> {
    let noted = session.noted_schedule()?;
    let scheduler = args.scheduler.or(noted.map(|(_, scheduler)| scheduler)).unwrap_or_else(Scheduler::here);
    let when = noted.map(|(when, _)| when);
    let job = job(session, when.unwrap_or(ANY), triggers(session)?, 0)?;
    let plan = scheduler.plan(&job, homes(session))?;
    let what = if apply::is_on(&plan, &job.name)? { What::On } else { What::Off };
    session.console.result(&Told {
        what,
        scheduler,
        job: &job,
        plan: None,
        when: when.filter(|_| what == What::On),
    })?;
    Ok(if what == What::On { Outcome::Done } else { Outcome::DoneWithProblems })
}

fn remove(args: &OfArgs, session: &Session) -> Result<Outcome, Failure> {
    let noted = session.noted_schedule()?.map(|(_, scheduler)| scheduler);
    let scheduler = args.scheduler.or(noted).unwrap_or_else(Scheduler::here);
    let (job, was_there) = remove_from(scheduler, session)?;
    let what = if was_there { What::Removed } else { What::Off };
    session.note_schedule(None);
    session.console.result(&Told { what, scheduler, job: &job, plan: None, when: None })?;
    Ok(Outcome::Done)
}

/// Removes what may have been written, whatever the place was then; what was removed, and whether there was anything.
fn remove_from(scheduler: Scheduler, session: &Session) -> Result<(Job, bool), Failure> {
    let job = job(session, ANY, vec![Trigger::Mount(PathBuf::new())], 0)?;
    let plan = scheduler.plan(&job, homes(session))?;
    let was_there = apply::remove(&plan, &job.name)?;
    Ok((job, was_there))
}

/// For what does not depend on the time.
const ANY: When = When { every: Every::Day, hour: 0, minute: 0, day: 0 };

fn homes(session: &Session) -> Homes<'_> {
    let folders = &session.settings.folders;
    Homes { home: folders.home.as_deref(), config: folders.config.as_deref().and_then(Path::parent) }
}

/// What is run: this program, on the archive by its name or its folder.
fn job(session: &Session, when: When, triggers: Vec<Trigger>, battery: u8) -> Result<Job, Failure> {
    let text = |path: &Path| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let shown = super::super::output::text::path(&absolute);
        absolute
            .to_str()
            .map(str::to_owned)
            .ok_or_else(|| Failure::new(format!("{shown} is not UTF-8, which a schedule needs")))
    };
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(format!("cannot find this program: {}", snap_archive::base::error::plain_reason(&error)))
    })?;
    let (name, shown, archive) = match session.settings.archive()? {
        None => return Err(Failure::usage("no archive given").with_hint(advice::GIVE_ARCHIVE)),
        Some((Meant::Named(name), _)) => (name.clone(), name.clone(), name),
        Some((Meant::Folder(folder), _)) => {
            // A drive by its label is looked for at each run.
            let typed = folder.to_str().filter(|_| Drive::typed(&folder).is_some());
            let folder = typed.map_or_else(|| text(&folder), |typed| Ok(typed.to_owned()))?;
            (name_of_folder(&folder), printable(folder.as_bytes()).into_owned(), folder)
        }
    };
    let mut command = vec![text(&program)?, "create".to_owned(), "--quiet".to_owned(), "--archive".to_owned(), archive];
    if let (true, Some(file)) = (session.settings.is_config_typed, &session.settings.config_file) {
        command.extend(["--config".to_owned(), text(file)?]);
    }
    if battery > 0 {
        command.extend(["--battery".to_owned(), battery.to_string()]);
    }
    Ok(Job { name, archive: shown, command, when, triggers })
}

/// A name for the archive in a folder, in letters that every scheduler takes; another folder has another one.
fn name_of_folder(folder: &str) -> String {
    let hash = Hash::of(folder.as_bytes()).to_string();
    format!("archive-{}", &hash[..8])
}

/// The events that say that the drive was plugged in.
fn triggers(session: &Session) -> Result<Vec<Trigger>, Failure> {
    let of_folder = |folder: &Path| Machine::this().mount_point(folder).map(Trigger::Mount).into_iter().collect();
    Ok(match (session.settings.archive_config()?, session.settings.archive()?) {
        (Some((_, archive)), _) => match &archive.place {
            Place::Folder(folder) => of_folder(folder),
            Place::Drives(drives) => drives.iter().map(|drive| Trigger::Device(drive.name.link())).collect(),
        },
        (None, Some((Meant::Folder(folder), _))) => match Drive::typed(&folder) {
            Some(drive) => vec![Trigger::Device(drive.name.link())],
            None => of_folder(&folder),
        },
        _ => Vec::new(),
    })
}
