//! `snap export`.

use super::super::args::snapshot::SnapshotArgs;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::export::Exported;
use super::super::session::Session;
use super::super::stoppable::stoppable;
use clap::Args;
use snap_archive::base::error::Error;
use snap_archive::system::platform;
use snap_archive::verbs::export::ExportOptions;
use snap_archive::verbs::export::export;
use std::io;
use std::io::IsTerminal;
use std::io::Write;

/// Write a snapshot as a single ordinary .tar.zst to the standard output
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    at: SnapshotArgs,
    /// How hard to compress, 1 (fast) to 19 (small)
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=19))]
    level: i32,
}

const EXAMPLES: &str = "\
Examples:
  snap export -a /media/stick/archive --at 2026-11-22 > everything.tar.zst
  snap export -a /media/stick/archive Documents | tar --zstd -xf - -C ~/back";

pub(crate) fn run(args: &ExportArgs, session: &Session) -> Result<Outcome, Failure> {
    check_output(session)?;
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let snapshot = args.at.snapshot(&catalog)?;
    let paths = args.at.paths(&catalog, &snapshot, &session.console)?;
    let mut out = Counted { inner: io::stdout(), bytes: 0 };
    let threads = session.settings.threads;
    let options = ExportOptions { at: snapshot.number, paths, level: args.level, threads };
    let write = || export(&catalog, &options, &mut out, &session.console);
    let problems = stoppable(&session.console, stopped(), write)??;
    out.flush().map_err(|error| Error::io("cannot write the tar", error))?;
    session.console.result(&Exported::new(&snapshot, out.bytes, problems))?;
    Ok(Outcome::with_problems(problems))
}

/// Only a pipe or a file can take a tar.
fn check_output(session: &Session) -> Result<(), Failure> {
    if session.settings.json {
        return Err(Failure::usage("--json cannot be used with export: the standard output is the tar"));
    }
    if io::stdout().is_terminal() {
        return Err(Failure::usage("refusing to write a tar to the terminal").with_hint(advice::EXPORT_TO_FILE));
    }
    if platform::was_closed(&io::stdout()) {
        return Err(
            Failure::new("cannot write the tar: the standard output is closed").with_hint(advice::EXPORT_TO_FILE)
        );
    }
    Ok(())
}

fn stopped() -> Failure {
    Failure::stopped("stopped before everything was exported; what was written is not a whole export")
        .with_hint(advice::EXPORT_AGAIN)
}

/// Counts what is written.
struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
