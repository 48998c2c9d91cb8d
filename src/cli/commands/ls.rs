//! `snap ls`.

use super::super::args::snapshot::SnapshotArgs;
use super::super::args::snapshot::Typed;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::lines::Lines;
use super::super::output::ls as lines;
use super::super::output::text;
use super::super::session::Session;
use clap::Args;
use snap_archive::archive::catalog::Catalog;
use snap_archive::base::entry::Entry;
use snap_archive::base::error::Result as SnapResult;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::EntryPath;
use snap_archive::base::snapshot::uncertain;
use snap_archive::base::snapshot::uncertain_since;
use snap_archive::verbs::history::LsOptions;
use snap_archive::verbs::history::ls;

/// List the files in a snapshot
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    at: SnapshotArgs,
    /// Long format: mode, owner, size, time, target of links
    #[arg(short)]
    long: bool,
    /// Recurse into folders
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Show sizes; a folder's is the total of all files in it
    #[arg(short, long)]
    sizes: bool,
}

const EXAMPLES: &str = "\
Examples:
  snap ls -a /media/stick/archive Documents
  snap ls -a /media/stick/archive 'Documents/*.txt'
  snap ls -a /media/stick/archive --at 'yesterday 18:00' -lR Documents/letters";

pub(crate) fn run(args: &LsArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let snapshot = args.at.snapshot(&catalog)?;
    let Typed { paths, fitting: entries } = args.at.typed(&catalog, &snapshot, &session.console)?;
    let options = LsOptions { at: snapshot.number, paths, entries, recursive: args.recursive, sizes: args.sizes };
    session.console.finish();
    let zone = snap_archive::base::when::system_zone();
    let mut output = Lines::new();
    let mut lost = 0;
    let mut visit = |path: &EntryPath, entry: &Entry| -> SnapResult<()> {
        lost += u64::from(entry.is_lost());
        let line = if session.settings.json {
            lines::json_line(path, entry)?
        } else if args.long {
            lines::long_line(path, entry, &snap_archive::base::when::local(entry.stat.mtime, &zone))
        } else if args.sizes {
            lines::sized_line(path, entry)
        } else {
            lines::short_line(path, entry)
        };
        output.line(&line)
    };
    let listed = ls(&catalog, &options, &session.console, &mut visit).and_then(|()| output.finish());
    match listed {
        Err(_) if output.is_closed() => Ok(Outcome::Done),
        Err(error) => Err(error.into()),
        Ok(()) => told_doubts(lost, snapshot.number, &catalog, session),
    }
}

/// Says which files of the list are lost, or may be wrong.
fn told_doubts(lost: u64, number: SnapshotNumber, catalog: &Catalog, session: &Session) -> Result<Outcome, Failure> {
    if lost > 0 {
        let files = text::count(lost, "file", "files");
        session.console.note(&format!("the content of {files} was lost when the archive was damaged"));
    }
    let since = uncertain_since(&catalog.history()?, number);
    if let Some(since) = since {
        session.console.note(&uncertain(since).to_string());
    }
    Ok(Outcome::with_problems(lost + u64::from(since.is_some())))
}
