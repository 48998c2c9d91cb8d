//! `snap export`.

use super::super::args::snapshot::SnapshotArgs;
use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::advice;
use super::super::output::export::Exported;
use super::super::output::text;
use super::super::own_file;
use super::super::session::Session;
use super::super::stoppable::stoppable;
use clap::Args;
use snap_archive::archive::catalog::Catalog;
use snap_archive::archive::open::Archive;
use snap_archive::base::advice::Advice;
use snap_archive::base::error::Error;
use snap_archive::system::platform;
use snap_archive::system::store::Access;
use snap_archive::verbs::export::ExportOptions;
use snap_archive::verbs::export::export;
use std::fs;
use std::fs::File;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// Write a snapshot as one ordinary .tar.zst, to standard output or to a new file
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    at: SnapshotArgs,
    /// Write to this new file instead of standard output; needed on Windows, where > changes the data
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Compression level, 1 (fast) to 19 (small)
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=19))]
    level: i32,
}

const EXAMPLES: &str = "\
Examples:
  snap export -a /media/stick/archive --at 2026-11-22 --output everything.tar.zst
  snap export -a /media/stick/archive Documents | tar --zstd -xf - -C ~/back";

pub(crate) fn run(args: &ExportArgs, session: &Session) -> Result<Outcome, Failure> {
    if args.output.is_none() {
        check_output(session)?;
    }
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let snapshot = args.at.snapshot(&catalog)?;
    let paths = args.at.paths(&catalog, &snapshot, &session.console)?;
    let threads = session.settings.threads;
    let options = ExportOptions { at: snapshot.number, paths, level: args.level, threads };
    let (bytes, problems) = match &args.output {
        None => written(Box::new(io::stdout()), &catalog, &options, session)?,
        Some(path) => {
            let file = new_file(path, is_shared(&archive))?;
            let done = file.try_clone().map_err(|error| unwritten(path, error).into());
            let done = done.and_then(|copy| written(Box::new(copy), &catalog, &options, session));
            let done =
                done.and_then(|done| sync(&file, path).map(|()| done).map_err(|error| unwritten(path, error).into()));
            if done.is_err() {
                let _ = fs::remove_file(path);
            }
            done?
        }
    };
    session.console.result(&Exported::new(&snapshot, bytes, problems))?;
    Ok(Outcome::with_problems(problems))
}

/// Writes the tar; how many bytes, and how many problems there were.
fn written(
    inner: Box<dyn Write + Send>,
    catalog: &Catalog,
    options: &ExportOptions,
    session: &Session,
) -> Result<(u64, u64), Failure> {
    let mut out = Counted { inner, bytes: 0 };
    let write = || export(catalog, options, &mut out, &session.console);
    let problems = stoppable(&session.console, stopped(), write)??;
    out.flush().map_err(|error| Error::io("cannot write the tar", error))?;
    Ok((out.bytes, problems))
}

/// Whether a group may read the archive.
fn is_shared(archive: &Archive) -> bool {
    let folder = archive.store().local_path().and_then(|folder| platform::stat_path(folder).ok());
    folder.is_some_and(|folder| Access::of_directory(&folder) != Access::PRIVATE)
}

/// Makes the file that the tar goes to, for those who may read the archive: what is there already stays.
fn new_file(path: &Path, is_shared: bool) -> Result<File, Failure> {
    own_file::create_new(path, is_shared).map_err(|error| {
        let failure = Failure::from(unwritten(path, error));
        if path.exists() { failure.with_hint(advice::EXPORT_ELSEWHERE) } else { failure }
    })
}

/// Makes the file and its name durable.
fn sync(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match platform::sync_directory(folder.unwrap_or(Path::new("."))) {
        // Who may make files in a folder need not be allowed to open it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

fn unwritten(path: &Path, error: io::Error) -> Error {
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    let error = Error::io(format!("cannot write the tar to {}", text::path(path)), error);
    if is_missing { error.with_advice(Advice::CheckTargetParent) } else { error }
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
