//! `snap du`.

use super::super::args::snapshot::SnapshotArgs;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::du::Sizes;
use super::super::session::Session;
use clap::Args;
use snap_archive::verbs::du::DuOptions;
use snap_archive::verbs::du::added;
use snap_archive::verbs::du::du;

/// Show how large folders are, and what each snapshot added, largest first
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DuArgs {
    #[command(flatten)]
    at: SnapshotArgs,
    /// How many levels of folders to show below each PATH
    #[arg(short, long, value_name = "N", default_value_t = 1, visible_alias = "max-depth")]
    depth: usize,
    /// Show files, too
    #[arg(short = 'f', long)]
    files: bool,
    /// Only show the total of each PATH, nothing about snapshots
    #[arg(short, long, conflicts_with_all = ["depth", "files"])]
    summarize: bool,
}

const EXAMPLES: &str = "\
Examples:
  snap du -a /media/stick/archive
  snap du -a /media/stick/archive -d 2 -f Documents
  snap du -a /media/stick/archive -s --at 3 Documents Pictures";

pub(crate) fn run(args: &DuArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let snapshot = args.at.snapshot(&catalog)?;
    let paths = args.at.paths(&catalog, &snapshot, &session.console)?;
    let depth = if args.summarize { 0 } else { args.depth };
    let options = DuOptions { at: snapshot.number, paths, depth, files: args.files };
    let usage = du(&catalog, &options, &session.console)?;
    let added = if args.summarize { None } else { Some(added(&catalog, &options.paths, &session.console)?) };
    let sizes = Sizes { snapshot: &snapshot, usage, added, is_whole: options.paths.is_empty() };
    session.console.result(&sizes)?;
    Ok(Outcome::with_problems(session.console.problems().len() as u64))
}
