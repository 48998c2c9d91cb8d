//! `snap repair`.

use super::Outcome;
use super::failure::Failure;
use super::session::Session;
use super::session::missing;
use super::stop::stoppable;
use super::text;
use super::verify::Found;
use super::verify::known_losses;
use super::verify::told;
use clap::Args;
use serde::Serialize;
use snap_archive::archive::open::Archive;
use snap_archive::base::path::printable;
use snap_archive::verbs::repair::RepairOptions;
use snap_archive::verbs::repair::RepairReport;
use snap_archive::verbs::repair::repair;

/// Mend what is damaged in the archive, as far as that can be done; nothing is deleted
///
/// Reads the whole archive. What is replaced is moved to the folder `damaged` in it. Files whose content was lost are saved
/// again by the next `snap create`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  snap repair -a /media/stick/archive --dry-run\n  snap repair -a /media/stick/archive"
)]
pub(crate) struct RepairArgs {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    dry_run: bool,
    steps: Vec<Step<'a>>,
    findings: Vec<Found<'a>>,
    known_losses: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Step<'a> {
    file: &'a str,
    what: &'a str,
}

pub(crate) fn run(args: &RepairArgs, session: &Session) -> Result<Outcome, Failure> {
    let directory = session.directory()?;
    let (archive, wrong) = Archive::open_for_repair(directory).map_err(|error| missing(error, directory))?;
    let options = RepairOptions { dry_run: args.dry_run, threads: session.global.threads };
    let mend = || repair(&archive, wrong.as_ref(), &options, &session.console);
    let report = stoppable(&session.console, stopped(), mend)??;
    if session.global.json {
        let steps = report.steps.iter().map(|step| Step { file: &step.file, what: &step.what }).collect();
        let findings = report.left.findings.iter().map(Found::new).collect();
        let known_losses = report.left.known_losses.iter().map(Found::new).collect();
        session.say_json(&Document { dry_run: args.dry_run, steps, findings, known_losses })?;
    } else {
        for step in &report.steps {
            let (file, what) = (printable(step.file.as_bytes()), printable(step.what.as_bytes()));
            session.print(&format!("{}{file}: {what}", if args.dry_run { "would mend: " } else { "mended: " }))?;
        }
        // What a dry run would mend is not lost yet.
        if !args.dry_run || report.steps.is_empty() {
            for finding in &report.left.findings {
                session.print(&told(finding, session.global.verbose))?;
            }
            // What is lost now is named; what was lost before was named then.
            let names_all = session.global.verbose || !report.steps.is_empty();
            if let Some(losses) = known_losses(&report.left, names_all) {
                session.print(&losses)?;
            }
        }
        session.print(&summary(args.dry_run, &report))?;
    }
    let lost = if report.steps.is_empty() { 0 } else { report.left.known_losses.len() };
    Ok(Outcome::with_problems((report.left.findings.len() + lost) as u64))
}

fn stopped() -> Failure {
    Failure::new("stopped before everything was mended; what was mended so far stays, and nothing was deleted")
        .with_hint("To go on, run the same command again: it finishes what this one began.")
}

fn summary(is_dry_run: bool, report: &RepairReport) -> String {
    let files = text::count(report.steps.len() as u64, "thing", "things");
    if is_dry_run && !report.steps.is_empty() {
        return format!("{files} to mend; nothing was changed. To do it: the same command without --dry-run");
    }
    let done =
        if report.steps.is_empty() { "There is nothing to mend.".to_owned() } else { format!("{files} mended.") };
    let has_new_losses = !report.steps.is_empty() && !report.left.known_losses.is_empty();
    if report.left.findings.is_empty() && !has_new_losses {
        return format!("{done} The archive is sound.");
    }
    format!(
        "{done} What is named above is lost in those snapshots, everything else is intact.\n\
         Run snap create now: it saves these files again as they are on this computer.\n\
         If the drive is failing, copy the archive's folder to another one first."
    )
}
