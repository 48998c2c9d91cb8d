//! `snap restore`.

use super::Outcome;
use super::at::AtArgs;
use super::confirm;
use super::failure::Failure;
use super::json;
use super::json::Problematic;
use super::json::Text;
use super::session::Session;
use super::session::snapshot_named;
use super::stop::stoppable;
use super::text;
use clap::Args;
use serde::Serialize;
use snap_archive::base::error::Problem;
use snap_archive::base::id::Number;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::Summary;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::restore::RestoreReport;
use snap_archive::verbs::restore::restore_from;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

/// Get everything or some of it back, as it was at a time
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RestoreArgs {
    /// Where to: a folder that is empty or does not exist yet, else --overwrite is needed
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    at: AtArgs,
    /// DIR may hold something: files that differ are replaced, all others, and folders in the way, are left as they are
    #[arg(long)]
    overwrite: bool,
    /// Also delete what is in DIR but was not there then, and folders in the way; asks first
    #[arg(long, requires = "overwrite")]
    delete: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Only say what would be done; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Leave owners and groups to whoever restores
    #[arg(long)]
    no_owner: bool,
}

const EXAMPLES: &str = "\
Examples:
  snap restore -a /media/stick/archive --to ~/back
  snap restore -a /media/stick/archive --to ~/back --at yesterday Documents/letters
  snap restore -a /media/stick/archive --to ~/back --at 3 --overwrite --delete --dry-run";

#[derive(Serialize)]
struct Document<'a> {
    snapshot: Number,
    time: String,
    target: Text<'a>,
    dry_run: bool,
    files: u64,
    directories: u64,
    others: u64,
    bytes: u64,
    unchanged: u64,
    deleted: u64,
    losses: &'a [String],
    renamed: u64,
    renamed_list: Vec<Renaming<'a>>,
    seconds: f64,
    problems: u64,
    problem_list: Vec<Problematic<'a>>,
}

/// An entry with another name than its own.
#[derive(Serialize)]
struct Renaming<'a> {
    path: Text<'a>,
    name: Text<'a>,
}

pub(crate) fn run(args: &RestoreArgs, session: &Session) -> Result<Outcome, Failure> {
    let paths = args.at.paths()?;
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let snapshot = args.at.snapshot(&catalog)?;
    let options = RestoreOptions {
        target: args.to.clone(),
        at: snapshot.number,
        paths,
        overwrite: args.overwrite,
        delete: args.delete,
        dry_run: args.dry_run,
        owners: !args.no_owner,
        threads: session.global.threads,
    };
    if args.delete && !args.dry_run && !args.yes && !confirm::deletion(&catalog, &options, session)? {
        return Err(Failure::new("nothing was restored and nothing was deleted"));
    }
    let target = printable(args.to.as_os_str().as_encoded_bytes()).into_owned();
    let named = snapshot_named(&snapshot);
    if !args.dry_run && !session.global.quiet && !session.global.json {
        session.console.line(&format!("Restoring {named} into {target} …"));
    }
    if args.dry_run && !session.global.quiet && !session.global.json {
        session.console.list_entries();
    }
    let began = Instant::now();
    let report = stoppable(&session.console, stopped(), || restore_from(&catalog, &options, &session.console))??;
    let took = began.elapsed();
    let told = tell(&report, args.dry_run, &snapshot, took, session)
        .and_then(|()| session.say_json(&document(args, &report, &snapshot, took, &session.console.problems())));
    let done = match (args.dry_run, report.problems) {
        (true, _) => "Nothing was to be written: only what would be done could not be shown.",
        (false, 0) => "Everything was restored: only the summary could not be shown.",
        (false, _) => "All that could be restored was restored: what could not be is listed above.",
    };
    told.map_err(|failure| failure.after(done))?;
    Ok(Outcome::with_problems(report.problems))
}

fn stopped() -> Failure {
    Failure::new("stopped before everything was restored; every file that has its name is complete")
        .with_hint("To go on, run the same command again with --overwrite: what is restored already is kept.")
}

fn tell(
    report: &RestoreReport,
    is_dry_run: bool,
    snapshot: &Summary,
    took: Duration,
    session: &Session,
) -> Result<(), Failure> {
    let verb = if is_dry_run { "Would be restored" } else { "Restored" };
    let (named, took) = (snapshot_named(snapshot), text::duration(took));
    session.say(&text::bold(&format!("{verb} from {named} in {took}: {}.", counts(report))))?;
    tell_exceptions(report, session);
    Ok(())
}

fn document<'a>(
    args: &'a RestoreArgs,
    report: &'a RestoreReport,
    snapshot: &Summary,
    took: Duration,
    problems: &'a [Problem],
) -> Document<'a> {
    Document {
        snapshot: report.number,
        time: json::time(snapshot.time),
        target: Text(args.to.as_os_str().as_encoded_bytes()),
        dry_run: args.dry_run,
        files: report.files,
        directories: report.directories,
        others: report.others,
        bytes: report.bytes,
        unchanged: report.unchanged,
        deleted: report.deleted,
        losses: &report.losses,
        renamed: report.renamed_total,
        renamed_list: report
            .renamed
            .iter()
            .map(|renamed| Renaming { path: Text(renamed.path.as_bytes()), name: Text(&renamed.name) })
            .collect(),
        seconds: json::seconds(took),
        problems: report.problems,
        problem_list: Problematic::all(problems),
    }
}

fn counts(report: &RestoreReport) -> String {
    let files = text::count(report.files, "file", "files");
    let mut parts = vec![format!("{files} ({})", text::size(report.bytes))];
    parts.push(text::count(report.directories, "folder", "folders"));
    if report.others > 0 {
        parts.push(text::count(report.others, "link or special file", "links and special files"));
    }
    let rest = [(report.unchanged, "left as they were"), (report.deleted, "deleted")];
    parts.extend(rest.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", text::number(*n))));
    parts.join(", ")
}

fn tell_exceptions(report: &RestoreReport, session: &Session) {
    for loss in report.losses.iter().filter(|_| !session.global.quiet) {
        session.console.line(&format!("note: {}", printable(loss.as_bytes())));
    }
    if report.renamed_total > 0 && !session.global.quiet {
        tell_renamed(report, session);
    }
    if report.problems > 0 {
        let entries = text::count(report.problems, "entry", "entries");
        session.console.warn(&format!("{entries} could not be restored as they were. See the list above."));
    }
}

/// Lists the names that cannot exist in the target, with those that were written instead.
fn tell_renamed(report: &RestoreReport, session: &Session) {
    let names = text::count(report.renamed_total, "name", "names");
    session.console.line(&format!("note: {names} cannot exist there and had to be changed (%XX stands for a byte):"));
    for renamed in &report.renamed {
        session.console.line(&format!("  {} -> {}", renamed.path, printable(&renamed.name)));
    }
    let more = report.renamed_total - report.renamed.len() as u64;
    if more > 0 {
        session.console.line(&format!("  and {} more", text::number(more)));
    }
}
