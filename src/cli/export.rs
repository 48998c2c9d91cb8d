//! `snap export`.

use super::Outcome;
use super::at::AtArgs;
use super::failure::Failure;
use super::session::Session;
use super::session::snapshot_named;
use super::stop::stoppable;
use super::text;
use clap::Args;
use snap_archive::base::error::Error;
use snap_archive::verbs::export::export_from;
use std::io;
use std::io::IsTerminal;
use std::io::Write;

/// Write one point in time as a single ordinary .tar.zst to the standard output
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    at: AtArgs,
    /// How hard to compress, 1 (fast) to 19 (small)
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=19))]
    level: i32,
}

const EXAMPLES: &str = "\
Examples:
  snap export -a /media/stick/archive --at 2026-11-22 > everything.tar.zst
  snap export -a /media/stick/archive Documents | tar --zstd -xf - -C ~/back";

pub(crate) fn run(args: &ExportArgs, session: &Session) -> Result<Outcome, Failure> {
    if session.global.json {
        return Err(Failure::usage("--json cannot be used with export: the standard output is the tar"));
    }
    if io::stdout().is_terminal() {
        return Err(Failure::usage("a tar is nothing to look at: it is not written to a terminal")
            .with_hint("Send it into a file: snap export > FILE.tar.zst"));
    }
    let paths = args.at.paths()?;
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let snapshot = args.at.snapshot(&catalog)?;
    let mut out = Counted { inner: io::stdout(), bytes: 0 };
    let write = || export_from(&catalog, snapshot.number, &paths, args.level, &mut out, &session.console);
    let problems = stoppable(&session.console, stopped(), write)??;
    out.flush().map_err(|error| Error::io("cannot write the tar", error))?;
    session.console.close();
    if !session.global.quiet {
        let (named, size) = (snapshot_named(&snapshot), text::size(out.bytes));
        session.console.line(&format!("Exported {named}: {size}."));
    }
    if problems > 0 {
        let entries = text::count(problems, "entry", "entries");
        session.console.warn(&format!("{entries} could not be exported as they were. See the list above."));
    }
    Ok(Outcome::with_problems(problems))
}

fn stopped() -> Failure {
    Failure::new("stopped before everything was exported; what was written is not a whole export")
        .with_hint("Delete it, and run the same command again to export everything.")
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
