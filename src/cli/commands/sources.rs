//! `snap sources`.

use super::super::args::sources;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::sources::Dropped;
use super::super::output::sources::Renamed;
use super::super::output::sources::Sources;
use super::super::output::text;
use super::super::session::Session;
use clap::Args;
use snap_archive::verbs::create::drop_source;
use snap_archive::verbs::create::rename_source;

/// Show the sources: paths, rules, and when each was last saved; or drop or rename one
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SourcesArgs {
    /// No longer save this source; what was saved of it stays in all snapshots
    #[arg(long, value_name = "NAME")]
    drop: Option<String>,
    /// Rename this source; nothing of it is stored again
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with = "drop")]
    rename: Option<Vec<String>>,
}

const EXAMPLES: &str = "\
Examples:
  snap sources -a /media/stick/archive
  snap sources -a /media/stick/archive --drop photos
  snap sources -a /media/stick/archive --rename photos pictures";

pub(crate) fn run(args: &SourcesArgs, session: &Session) -> Result<Outcome, Failure> {
    let archive = session.open()?;
    if let Some(name) = &args.drop {
        let summary = drop_source(&archive, name, &session.console)?;
        session.console.result(&Dropped { name, snapshot: summary.number })?;
        tell_configured(name, session)?;
        return Ok(Outcome::Done);
    }
    if let Some([old, new]) = args.rename.as_deref() {
        let summary = rename_source(&archive, old, new, &session.console)?;
        session.console.result(&Renamed { old, new, snapshot: summary.number })?;
        tell_configured(old, session)?;
        return Ok(Outcome::Done);
    }
    let history = snap_archive::verbs::history::list(&archive, &session.console)?;
    session.console.result(&Sources(history))?;
    Ok(Outcome::Done)
}

/// Says so when the configuration has the next run save a source again that was dropped or renamed.
fn tell_configured(name: &str, session: &Session) -> Result<(), Failure> {
    let Some((_, archive)) = session.settings.archive_config()? else { return Ok(()) };
    let is_named = sources::parse(&archive.sources)?.iter().any(|source| source.name.as_deref() == Some(name));
    if let Some(config) = session.settings.config.as_ref().filter(|_| is_named) {
        let file = text::path(&config.file);
        session.console.note(&format!("{file} still names it: the next snap create saves it again"));
    }
    Ok(())
}
