//! `snap forget`.

use super::super::args::keep::KeepRulesArgs;
use super::super::args::snapshot::several;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::forget::Forgotten;
use super::super::output::forget::Remembered;
use super::super::session::Session;
use super::super::stoppable::stoppable;
use super::create::keep_rules;
use clap::Args;
use snap_archive::verbs::forget::ForgetOptions;
use snap_archive::verbs::forget::Which;
use snap_archive::verbs::forget::forget;
use snap_archive::verbs::forget::remember;

/// Forget snapshots, by number or by rules; snap prune then frees their space
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ForgetArgs {
    /// Which snapshots: numbers (3), ranges (3..7), or WHEN as for snap ls --at
    #[arg(allow_negative_numbers = true, value_name = "SNAPSHOT", conflicts_with_all = RULES)]
    snapshots: Vec<String>,
    #[command(flatten)]
    rules: KeepRulesArgs,
    /// Only show what would be forgotten, what stays and by which rule, and how much space that frees
    #[arg(long, conflicts_with = "undo")]
    dry_run: bool,
    /// Undo forgetting, as far as nothing was pruned: of all, or of these snapshots
    #[arg(long, conflicts_with_all = RULES)]
    undo: bool,
}

/// The names of the rules, as the command line knows them.
const RULES: [&str; 8] = ["last", "hourly", "daily", "weekly", "monthly", "yearly", "within", "notes"];

const AFTER_HELP: &str = "\
Without SNAPSHOT and rules, those of the configuration hold. With rules, a snapshot stays if one
of them keeps it; all others are forgotten. Days, weeks, months and years are those of this
computer's time zone. The newest snapshot always stays, and so do the newest that read each source
that is still saved and those that are marked with snap keep. Nothing is deleted before snap prune.

Examples:
  snap forget -a /media/stick/archive --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run
  snap forget -a /media/stick/archive 3 5..8
  snap forget -a /media/stick/archive --undo";

pub(crate) fn run(args: &ForgetArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let numbers = several(&args.snapshots, &archive.catalog(&session.console)?)?;
    if args.undo {
        let back = remember(&archive, Some(&numbers).filter(|numbers| !numbers.is_empty()), &session.console)?;
        session.console.result(&Remembered(back))?;
        return Ok(Outcome::Done);
    }
    let rules = keep_rules(&args.rules, session)?;
    let which = if numbers.is_empty() { Which::NotKeptBy(rules) } else { Which::Named(numbers) };
    let options = ForgetOptions { which, dry_run: args.dry_run };
    let stopped = Failure::stopped("stopped before anything was forgotten");
    let report = stoppable(&session.console, stopped, || forget(&archive, &options, &session.console))??;
    session.console.result(&Forgotten { report: &report, dry_run: args.dry_run })?;
    if !args.dry_run && report.forgotten() > 0 {
        session.console.aside(advice::PRUNE_OR_UNDO);
    }
    Ok(Outcome::Done)
}
