//! `snap restore`.

use super::super::args::snapshot::SnapshotArgs;
use super::super::ask;
use super::super::confirm;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::restore::Restored;
use super::super::output::restore::Target;
use super::super::output::text;
use super::super::session::Session;
use super::super::stoppable::stoppable;
use super::super::wanted;
use super::super::wanted::Wanted;
use clap::ArgGroup;
use clap::Args;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::snapshot::Summary;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::restore::restore;
use std::path::PathBuf;
use std::time::Instant;

/// Restore everything or the given paths from a snapshot
#[derive(Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("target").args(["to", "in_place"])))]
pub(crate) struct RestoreArgs {
    /// Restore into this folder; it must be empty or not exist yet, unless --overwrite is given
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Restore each source to where it was read from: replaces files that differ, keeps the rest; asks first
    #[arg(long)]
    in_place: bool,
    #[command(flatten)]
    at: SnapshotArgs,
    /// Allow a folder that is not empty: replace files that differ, keep the rest
    #[arg(long)]
    overwrite: bool,
    /// With --overwrite or --in-place: keep each replaced file beside the new one, as NAME~snap-N for snapshot N
    #[arg(long)]
    keep: bool,
    /// With --overwrite or --in-place: in the restored folders, also delete what the snapshot does not have, and folders in the
    /// way; asks first. What its rules exclude, or what it could not read, is not deleted
    #[arg(long)]
    delete: bool,
    /// With --delete: also delete what the snapshot's rules exclude
    #[arg(long, requires = "delete")]
    delete_excluded: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Only show what would be done; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not restore owners and groups
    #[arg(long)]
    no_owner: bool,
    /// Restore users and groups by number, not by name: for rescue systems
    #[arg(long, conflicts_with = "no_owner")]
    numeric_ids: bool,
}

const EXAMPLES: &str = "\
Without --to and --in-place it asks, on a terminal: what, which version, where to.

Examples:
  snap restore -a /media/stick/archive --to ~/back
  snap restore -a /media/stick/archive --to ~/back --at yesterday Documents/letters
  snap restore -a /media/stick/archive --in-place --at yesterday Documents/letters/aunt.txt
  snap restore -a /media/stick/archive --to ~/back 'Photos/**/*.jpg'
  snap restore -a /media/stick/archive --to ~/back --at 3 --overwrite --delete --dry-run";

pub(crate) fn run(args: &RestoreArgs, session: &Session) -> Result<Outcome, Failure> {
    args.check()?;
    if args.to.is_none() && !args.in_place {
        if !ask::is_possible(&session.console) {
            return Err(Failure::usage("it is not said where to restore to").with_hint(advice::RESTORE_WHERE));
        }
        return run(&asked(args, session)?, session);
    }
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let snapshot = args.at.snapshot(&catalog)?;
    let options = args.options(args.at.paths(&catalog, &snapshot, &session.console)?, &snapshot, session);
    let target = Target::of(&options, &snapshot);
    if let Some(nested) = target.nested(&options, &snapshot)
        && !confirm::nested(&nested, args.dry_run || args.yes, session)?
    {
        return Err(Failure::new("nothing was restored"));
    }
    let is_asked = (args.delete || args.in_place) && !args.dry_run && !args.yes;
    if is_asked && !confirm::changes(&catalog, &options, &target, session)? {
        return Err(Failure::new("nothing was restored and nothing was deleted"));
    }
    if args.dry_run {
        session.console.list_entries();
    } else {
        let named = text::snapshot_named(&snapshot);
        session.console.announce(format!("Restoring {named} into {target} …"));
    }
    let began = Instant::now();
    let report = stoppable(&session.console, stopped(), || restore(&catalog, &options, &session.console))??;
    let restored = Restored {
        report: &report,
        snapshot: &snapshot,
        target: &target,
        dry_run: args.dry_run,
        took: began.elapsed(),
        problems: session.console.problems(),
    };
    let told = session.console.result(&restored);
    told.map_err(|failure| failure.after(done(args.dry_run, report.problems)))?;
    Ok(Outcome::with_problems(report.problems))
}

/// What was typed, with what is asked for.
fn asked(args: &RestoreArgs, session: &Session) -> Result<RestoreArgs, Failure> {
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    session.console.finish_progress();
    let Wanted { path, at, to } = wanted::wanted(&args.at, &catalog, session)?;
    let is_in_place = to.is_none();
    Ok(RestoreArgs {
        to,
        in_place: is_in_place,
        at: args.at.with(at, path.as_ref()),
        overwrite: args.overwrite,
        keep: args.keep,
        delete: args.delete,
        delete_excluded: args.delete_excluded,
        yes: args.yes,
        dry_run: args.dry_run,
        no_owner: args.no_owner,
        numeric_ids: args.numeric_ids,
    })
}

impl RestoreArgs {
    fn check(&self) -> Result<(), Failure> {
        let replaces = self.overwrite || self.in_place;
        match [("--delete", self.delete), ("--keep", self.keep)].iter().find(|(_, is_set)| *is_set && !replaces) {
            Some((option, _)) => Err(Failure::usage(format!("{option} needs --overwrite or --in-place"))),
            None => Ok(()),
        }
    }

    fn options(&self, paths: Vec<EntryPathBuf>, snapshot: &Summary, session: &Session) -> RestoreOptions {
        RestoreOptions {
            target: self.to.clone().unwrap_or_default(),
            in_place: self.in_place,
            at: snapshot.number,
            paths,
            overwrite: self.overwrite || self.in_place,
            delete: self.delete,
            delete_excluded: self.delete_excluded,
            keep: self.keep,
            dry_run: self.dry_run,
            owners: !self.no_owner,
            numeric_ids: self.numeric_ids,
            threads: session.settings.threads,
        }
    }
}

/// What was done, although its summary could not be shown.
fn done(is_dry_run: bool, problems: u64) -> &'static str {
    match (is_dry_run, problems) {
        (true, _) => "Nothing was to be written: only what would be done could not be shown.",
        (false, 0) => "Everything was restored: only the summary could not be shown.",
        (false, _) => "All that could be restored was restored: what could not be is listed above.",
    }
}

fn stopped() -> Failure {
    Failure::stopped("stopped before everything was restored; every file already restored is complete")
        .with_hint(advice::GO_ON_RESTORING)
}
