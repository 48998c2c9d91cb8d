//! `snap cat`.

use super::super::args::snapshot::AtArgs;
use super::super::args::snapshot::Typed;
use super::super::args::snapshot::typed_in;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::lines::Lines;
use super::super::session::Session;
use clap::Args;
use snap_archive::base::snapshot::uncertain;
use snap_archive::base::snapshot::uncertain_since;
use snap_archive::verbs::cat::cat;
use std::ffi::OsString;

/// Print a file as it was in a snapshot
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CatArgs {
    #[command(flatten)]
    at: AtArgs,
    /// Files: NAME/folder/file, as `snap ls` shows them, or a pattern; one after the other
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  snap cat -a /media/stick/archive Documents/letter.txt
  snap cat -a /media/stick/archive --at monday Documents/letter.txt | less

Exit code 0 says that all of it is what was saved; 3, that it is not: why is on the standard error.";

pub(crate) fn run(args: &CatArgs, session: &Session) -> Result<Outcome, Failure> {
    if session.settings.json {
        return Err(Failure::usage("--json cannot be used with cat: the standard output is the file"));
    }
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let snapshot = args.at.snapshot(&catalog)?;
    let Typed { mut paths, fitting } = typed_in(&args.paths, &catalog, &snapshot, &session.console)?;
    paths.extend(fitting);
    session.console.finish_progress();
    let mut out = Lines::new();
    let mut problems = 0;
    for path in &paths {
        match cat(&catalog, (snapshot.number, path), &session.console, &mut out) {
            Err(_) if out.is_closed() => return Ok(Outcome::Done),
            told => problems += told?,
        }
    }
    let since = uncertain_since(&catalog.history()?, snapshot.number);
    if let Some(since) = since {
        session.console.note(&uncertain(since).to_string());
    }
    Ok(Outcome::with_problems(problems + u64::from(since.is_some())))
}
