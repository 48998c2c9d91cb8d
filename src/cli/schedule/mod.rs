//! Saving automatically: what the scheduler of each system is told. The texts are made by pure functions; `apply`
//! writes them and switches the job on.

pub(crate) mod apply;
mod cron;
mod job;
mod launchd;
mod plan;
mod systemd;
mod tasks;

pub(crate) use self::job::Every;
pub(crate) use self::job::HourMinute;
pub(crate) use self::job::Job;
pub(crate) use self::job::Trigger;
pub(crate) use self::job::When;
pub(crate) use self::job::parse_day;
pub(crate) use self::plan::Plan;

use super::failure::Failure;
use super::output::advice;
use clap::ValueEnum;
use serde::Deserialize;
use serde::Serialize;
use std::path::Path;

/// A scheduler.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scheduler {
    /// The person's own systemd.
    Systemd,
    /// The person's table of cron; it does not catch up.
    Cron,
    /// That of macOS.
    Launchd,
    /// The Task Scheduler of Windows.
    Tasks,
}

/// Folders that schedulers look into.
#[derive(Clone, Copy)]
pub(crate) struct Homes<'a> {
    /// The person's home.
    pub(crate) home: Option<&'a Path>,
    /// The folder around that of this program's configuration.
    pub(crate) config: Option<&'a Path>,
}

impl Scheduler {
    /// That of this computer.
    pub(crate) fn here() -> Scheduler {
        if cfg!(windows) {
            Scheduler::Tasks
        } else if cfg!(target_os = "macos") {
            Scheduler::Launchd
        } else if Path::new("/run/systemd/system").is_dir() {
            Scheduler::Systemd
        } else {
            Scheduler::Cron
        }
    }

    /// What this scheduler is to be told.
    ///
    /// # Errors
    /// When the folder that it looks into is not known.
    pub(crate) fn plan(self, job: &Job, homes: Homes<'_>) -> Result<Plan, Failure> {
        let known = |folder: Option<&Path>| {
            let folder = folder.map(Path::to_owned);
            folder.ok_or_else(|| Failure::new("your home folder is not known").with_hint(advice::SET_HOME))
        };
        Ok(match self {
            Scheduler::Systemd => systemd::plan(job, &known(homes.config)?),
            Scheduler::Cron => cron::plan(job),
            Scheduler::Launchd => launchd::plan(job, &known(homes.home)?),
            Scheduler::Tasks => tasks::plan(job, &known(homes.config)?),
        })
    }

    /// As a person calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scheduler::Systemd => "systemd",
            Scheduler::Cron => "cron",
            Scheduler::Launchd => "launchd",
            Scheduler::Tasks => "Task Scheduler",
        }
    }
}
