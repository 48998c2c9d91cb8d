//! `snap diff`.

use super::super::args::snapshot::chosen;
use super::super::args::snapshot::paths_in;
use super::super::args::snapshot::when;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::diff as lines;
use super::super::output::diff::Side;
use super::super::output::diff::Stat;
use super::super::output::lines::Lines;
use super::super::output::text;
use super::super::patch::Patch;
use super::super::session::Session;
use clap::Args;
use snap_archive::archive::catalog::Catalog;
use snap_archive::base::error::Result as SnapResult;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::when::When;
use snap_archive::verbs::diff::Different;
use snap_archive::verbs::diff::between;
use snap_archive::verbs::diff::with_files;
use std::ffi::OsString;

/// Show what changed between two snapshots, or since a snapshot
#[derive(Args)]
#[command(override_usage = "snap diff [OPTIONS] [A] [B] [PATH]...", after_help = EXAMPLES)]
pub(crate) struct DiffArgs {
    /// A and B: two snapshots, each given as WHEN (see snap ls --help). Without B: the newest; without A: the one before it.
    /// PATH: what to compare, NAME/folder/file as `snap ls` shows it; without any, everything. Write ./PATH where PATH could be
    /// a WHEN
    #[arg(value_name = "A B PATH", allow_negative_numbers = true)]
    words: Vec<OsString>,
    /// Compare A, or the newest snapshot, with the files as they are now
    #[arg(long)]
    now: bool,
    /// Only show how many changes of each kind
    #[arg(long)]
    stat: bool,
    /// Show the changed lines, with diff, in your pager (PAGER)
    #[arg(short, long, conflicts_with = "stat")]
    patch: bool,
}

const EXAMPLES: &str = "\
Examples:
  snap diff -a /media/stick/archive                        what the newest snapshot changed
  snap diff -a /media/stick/archive 'last week'            from then to the newest
  snap diff -a /media/stick/archive 3 5 Documents
  snap diff -a /media/stick/archive --now -p Documents/letter.txt

Letters: + added, - removed, ~ content changed, m only its mode, owner, time or attributes changed, r moved.
A folder of which only the time changed is not shown.";

/// What is compared.
struct Compared {
    old: Summary,
    /// `None`: the files as they are.
    new: Option<Summary>,
    paths: Vec<EntryPathBuf>,
    /// The newest snapshot.
    newest: Summary,
}

pub(crate) fn run(args: &DiffArgs, session: &Session) -> Result<Outcome, Failure> {
    if args.patch && session.settings.json {
        return Err(Failure::usage("--json cannot be used with --patch: lines are for people"));
    }
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let compared = compared(args, &catalog)?;
    session.console.finish_progress();
    let mut patch = if args.patch { Some(Patch::new(&catalog, session, sources(&compared))?) } else { None };
    let mut output = Lines::new();
    let mut stat = Stat::default();
    let mut visit = |different: &Different| -> SnapResult<()> {
        stat.count(different);
        match &mut patch {
            _ if args.stat => Ok(()),
            Some(patch) => patch.show(different),
            None if session.settings.json => output.line(&lines::json_line(different)?),
            None => output.line(&lines::line(different)),
        }
    };
    let told = compare(&compared, &catalog, session, &mut visit);
    let told = told.and_then(|problems| output.finish().map(|()| problems).map_err(Failure::from));
    let is_closed = output.is_closed() || patch.as_ref().is_some_and(Patch::is_closed);
    let left = patch.map_or(Ok(0), Patch::finish)?;
    let problems = match told {
        Err(_) if is_closed => return Ok(Outcome::Done),
        told => told? + left,
    };
    if args.stat || !session.settings.json {
        session.console.result(&lines::Totals {
            old: side(&compared.old),
            new: new_side(&compared),
            stat,
            is_table: args.stat,
        })?;
    }
    Ok(Outcome::with_problems(problems))
}

/// Prints each difference. Returns how many problems there were.
fn compare(
    compared: &Compared,
    catalog: &Catalog,
    session: &Session,
    visit: &mut dyn FnMut(&Different) -> SnapResult<()>,
) -> Result<u64, Failure> {
    let (old, paths) = (compared.old.number, &compared.paths);
    let Some(new) = &compared.new else {
        let done = with_files(catalog, (old, paths), &session.console, visit)?;
        if done.read > 0 {
            let files = text::count(done.read, "file was", "files were");
            session.console.aside(&format!("{files} read, as size and time did not tell whether the content changed."));
        }
        return Ok(done.problems);
    };
    let mut diff = between(catalog, (old, new.number), paths, &session.console)?;
    if diff.is_without_moves() {
        session.console.note("so much came and went that moved files are not told apart");
    }
    diff.try_for_each(|different| visit(&different?))?;
    Ok(0)
}

/// A and B are the words that can be read as WHEN, from the first on.
fn compared(args: &DiffArgs, catalog: &Catalog) -> Result<Compared, Failure> {
    let mut whens = Vec::new();
    let mut words = args.words.as_slice();
    while let Some((word, rest)) = words.split_first()
        && whens.len() < 2
        && let Some(when) = word.to_str().and_then(|word| when(word).ok())
    {
        whens.push(when);
        words = rest;
    }
    let (old, new) = match (whens.as_slice(), args.now) {
        ([_, _, ..], true) => {
            return Err(Failure::usage("--now compares one snapshot with the files as they are: name only one"));
        }
        ([], true) => (When::Latest, None),
        ([old], true) => (*old, None),
        ([], false) => (When::LatestMinus(1), Some(When::Latest)),
        ([old], false) => (*old, Some(When::Latest)),
        ([old, new, ..], false) => (*old, Some(*new)),
    };
    let history = catalog.history()?;
    let newest = chosen(&When::Latest, history.clone())?;
    let old = chosen(&old, history.clone())?;
    let new = new.map(|new| chosen(&new, history)).transpose()?;
    let numbers = [new.as_ref().map_or(old.number, |new| new.number), old.number];
    Ok(Compared { paths: paths_in(words, catalog, &numbers)?, old, new, newest })
}

/// Where the files as they are now are found.
fn sources(compared: &Compared) -> Option<&Summary> {
    if compared.new.is_some() { None } else { Some(&compared.newest) }
}

fn side(summary: &Summary) -> Side {
    Side::Snapshot(summary.clone())
}

fn new_side(compared: &Compared) -> Side {
    compared.new.as_ref().map_or(Side::Files, side)
}
