//! `snap verify`.

use super::super::failure::Failure;
use super::super::notes::Verification;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::verify::Verified;
use super::super::session::Session;
use super::super::stoppable::stoppable;
use clap::Args;
use snap_archive::base::time::Time;
use snap_archive::verbs::verify::VerifyOptions;
use snap_archive::verbs::verify::verify;

/// Check that the archive is undamaged; list the files that damage affects
#[derive(Args)]
#[command(
    after_help = "Examples:\n  snap verify -a /media/stick/archive\n  snap verify -a /media/stick/archive --data"
)]
pub(crate) struct VerifyArgs {
    /// Also read everything on the drive and check the contents of every file in every snapshot
    #[arg(long)]
    data: bool,
}

pub(crate) fn run(args: &VerifyArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let options = VerifyOptions { data: args.data, threads: session.settings.threads };
    let report = stoppable(&session.console, stopped(), || verify(&archive, &options, &session.console))??;
    let (time, findings) = (Time::now().seconds, report.findings.len() as u64);
    session.note(archive.id(), |notes| notes.note_check(Verification { time, data: args.data, findings }));
    session.console.result(&Verified { report: &report, data: args.data })?;
    Ok(Outcome::with_problems(report.findings.len() as u64))
}

fn stopped() -> Failure {
    Failure::stopped("stopped before everything was checked; nothing is known of the rest, and nothing was changed")
        .with_hint(advice::CHECK_AGAIN)
}
