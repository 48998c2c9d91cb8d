//! `snap repair`.

use super::super::failure::Failure;
use super::super::notes::Verification;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::repair::Repaired;
use super::super::session::Session;
use super::super::stoppable::stoppable;
use clap::Args;
use snap_archive::base::time::Time;
use snap_archive::verbs::repair::RepairOptions;
use snap_archive::verbs::repair::repair;

/// Repair what can be repaired in the archive; nothing is deleted
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RepairArgs {
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
}

const AFTER_HELP: &str = "\
Reads the whole archive. What is replaced is moved to the folder `damaged` in it. Files whose
content was lost are saved again by the next `snap create`.

Examples:
  snap repair -a /media/stick/archive --dry-run
  snap repair -a /media/stick/archive";

pub(crate) fn run(args: &RepairArgs, session: &Session) -> Result<Outcome, Failure> {
    let (archive, wrong) = session.open_for_repair()?;
    let options = RepairOptions { dry_run: args.dry_run, threads: session.settings.threads };
    let work = || repair(&archive, wrong.as_ref(), &options, &session.console);
    let report = stoppable(&session.console, stopped(), work)??;
    if !args.dry_run {
        // What was written anew was not read back.
        let (time, data) = (Time::now().seconds, report.steps.is_empty());
        let check = Verification { time, data, findings: report.left.findings.len() as u64 };
        session.note(archive.id(), |notes| notes.note_repair(check));
    }
    session.console.result(&Repaired { report: &report, dry_run: args.dry_run })?;
    let lost = if report.steps.is_empty() { 0 } else { report.left.known_losses.len() };
    Ok(Outcome::with_problems((report.left.findings.len() + lost) as u64))
}

fn stopped() -> Failure {
    Failure::stopped("stopped before everything was repaired; what was repaired so far stays, and nothing was deleted")
        .with_hint(advice::GO_ON)
}
