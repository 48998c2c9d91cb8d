//! The lines that changed in files: both versions of each handed to the person's `diff` (or `git`), what that says to the
//! person's pager where there is a terminal. Knows no command.

use super::failure::Failure;
use super::output::diff;
use super::output::lines::Lines;
use super::output::text;
use super::session::Session;
use snap_archive::archive::catalog::Catalog;
use snap_archive::archive::content::ContentCheck;
use snap_archive::archive::content::Contents;
use snap_archive::archive::content::Reader;
use snap_archive::base::advice::Advice;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::error::Error;
use snap_archive::base::error::Problem;
use snap_archive::base::error::Result;
use snap_archive::base::monitor::Event;
use snap_archive::base::monitor::Monitor;
use snap_archive::base::path::EntryPath;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::snapshot::Summary;
use snap_archive::system::platform;
use snap_archive::verbs::diff::Changed;
use snap_archive::verbs::diff::Different;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use tempfile::TempDir;

/// Larger files are not compared line by line: both versions are held in memory.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// Shows what changed in files, one after the other.
pub(crate) struct Patch<'s> {
    session: &'s Session,
    reader: Reader,
    /// Where both versions of a file are put.
    place: TempDir,
    tool: Tool,
    output: Lines<Box<dyn Write>>,
    pager: Option<Child>,
    /// The newest snapshot, which says where files of this computer are; `None`: both versions are in the archive.
    sources: Option<&'s Summary>,
    problems: u64,
}

/// The program that compares.
#[derive(Clone, Copy)]
struct Tool {
    is_git: bool,
    has_colours: bool,
}

impl<'s> Patch<'s> {
    /// For files in the archive; the new versions are files of this computer where `sources` says where.
    ///
    /// # Errors
    /// When there is no program that compares, or no room for temporary files.
    pub(crate) fn new(
        catalog: &Catalog,
        session: &'s Session,
        sources: Option<&'s Summary>,
    ) -> std::result::Result<Patch<'s>, Failure> {
        let tool = Tool::find()?;
        let place = tempfile::tempdir().map_err(|error| Error::io("cannot make a temporary folder", error))?;
        let mut pager = if io::stdout().is_terminal() { started_pager(session)? } else { None };
        let output: Box<dyn Write> = match pager.as_mut().and_then(|pager| pager.stdin.take()) {
            Some(pipe) => Box::new(pipe),
            None => Box::new(io::stdout()),
        };
        let reader = Contents::new(catalog, ContentCheck::Hash, Advice::PlugInArchive).reader();
        Ok(Patch { session, reader, place, tool, output: Lines::to(output), pager, sources, problems: 0 })
    }

    /// Whether the reader has closed the output.
    pub(crate) fn is_closed(&self) -> bool {
        self.output.is_closed()
    }

    /// Shows one difference, and of a file its lines.
    ///
    /// # Errors
    /// When the output cannot be written, the archive not be read any more, or the program that compares not be run.
    pub(crate) fn show(&mut self, different: &Different) -> Result<()> {
        self.output.line(&diff::line(different))?;
        let is_file = |entry: &Entry| entry.stat.kind == Kind::File;
        let has_lines = matches!(different.change, Changed::Added | Changed::Removed | Changed::Modified);
        let (old, new) = (different.old.as_ref().filter(|old| is_file(old)), different.new.as_ref());
        let new = new.filter(|new| is_file(new));
        if !has_lines || (old.is_none() && new.is_none()) {
            return Ok(());
        }
        if old.iter().chain(&new).any(|entry| entry.stat.size > FILE_BYTES_MAX) {
            let limit = text::size(FILE_BYTES_MAX);
            return self.output.line(&format!("(larger than {limit}: not compared line by line)"));
        }
        let Some(old) = self.version(&different.path, old, "old")? else { return Ok(()) };
        let new = if self.sources.is_some() {
            new.map_or_else(|| Some(nothing()), |_| self.file_now(&different.path))
        } else {
            self.version(&different.path, new, "new")?
        };
        new.map_or(Ok(()), |new| self.compare(&different.path, &old, &new))
    }

    /// Waits until the person has seen all; how many files could not be shown.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub(crate) fn finish(self) -> std::result::Result<u64, Failure> {
        let Patch { mut output, pager, problems, .. } = self;
        let flushed = output.finish();
        let is_closed = output.is_closed();
        drop(output);
        if let Some(mut pager) = pager {
            // The person has seen how it ended.
            let _ = pager.wait();
        }
        if !is_closed {
            flushed?;
        }
        Ok(problems)
    }

    /// Writes a version from the archive to a file; `None`, with a problem reported, if it cannot be read.
    fn version(&mut self, path: &EntryPath, entry: Option<&Entry>, name: &str) -> Result<Option<PathBuf>> {
        let Some(entry) = entry else { return Ok(Some(nothing())) };
        let bytes = match self.reader.read(entry) {
            Ok(bytes) => bytes,
            Err(error) if error.is_damage() => {
                self.tell(path, error.to_string());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let file = self.place.path().join(name);
        fs::write(&file, bytes).map_err(|error| Error::io("cannot write a temporary file", error))?;
        Ok(Some(file))
    }

    /// Where a path of the archive is on this computer.
    fn file_now(&self, path: &EntryPath) -> Option<PathBuf> {
        let (name, below) = path.split_source()?;
        let sources = self.sources?.sources.iter();
        let source = sources.into_iter().find(|source| source.name.as_bytes() == name.as_bytes())?;
        let top = platform::path_of(&source.path);
        // A source may be a file.
        Some(if below.is_root() { top.clone().into_owned() } else { top.join(platform::path_of(below.as_bytes())) })
    }

    fn compare(&mut self, path: &EntryPath, old: &Path, new: &Path) -> Result<()> {
        let mut command = self.tool.command(path, self.session.settings.colours && io::stdout().is_terminal());
        let command = command.arg(old).arg(new).current_dir(self.place.path()).stdin(Stdio::null());
        let done = command.output().map_err(|error| Error::io("cannot run the program that compares", error))?;
        // 0: the same, 1: not the same, more: trouble.
        if done.status.code().is_none_or(|code| code > 1) {
            let why = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            let why = snap_archive::base::path::printable(why.as_bytes()).into_owned();
            self.tell(path, format!("cannot be compared line by line: {why}"));
        }
        self.output.write_all(&done.stdout).map_err(|error| Error::io("cannot write the output", error))
    }

    fn tell(&mut self, path: &EntryPath, what: String) {
        self.problems += 1;
        self.session.console.event(Event::Problem(&Problem::new(EntryPathBuf::from(path), what)));
    }
}

impl Tool {
    fn find() -> std::result::Result<Tool, Failure> {
        let runs = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            let command = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        match () {
            () if runs("diff", &["--color=always", "--version"]) => Ok(Tool { is_git: false, has_colours: true }),
            () if runs("diff", &["/dev/null", "/dev/null"]) => Ok(Tool { is_git: false, has_colours: false }),
            () if runs("git", &["--version"]) => Ok(Tool { is_git: true, has_colours: true }),
            () => Err(Failure::new("cannot show lines: there is neither diff nor git on this computer")),
        }
    }

    fn command(self, path: &EntryPath, wants_colours: bool) -> Command {
        let mut command = Command::new(if self.is_git { "git" } else { "diff" });
        let colours = if wants_colours && self.has_colours { Some("--color=always") } else { None };
        if self.is_git {
            command.args(["--no-pager", "diff", "--no-index", "--no-ext-diff"]).args(colours).arg("--");
        } else {
            command.arg("-u").args(colours);
            for side in ["old", "new"] {
                command.arg("--label").arg(format!("{side}/{path}"));
            }
            command.arg("--");
        }
        command
    }
}

/// What stands for a version that is not there.
fn nothing() -> PathBuf {
    PathBuf::from("/dev/null")
}

/// Starts the person's pager; `None` where there is none, or none is wanted.
fn started_pager(session: &Session) -> std::result::Result<Option<Child>, Failure> {
    let wanted = session.settings.pager.clone();
    if wanted.as_ref().is_some_and(|pager| pager.is_empty() || pager == "cat") {
        return Ok(None);
    }
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(wanted.unwrap_or_else(|| OsString::from("command -v less >/dev/null && exec less; exec cat")));
    if !session.settings.has_less_options {
        // Colours are shown, and less than a page needs no key.
        command.env("LESS", "FRX");
    }
    // Ctrl-C is for the pager, too.
    session.console.signals.watch()?;
    Ok(command.stdin(Stdio::piped()).spawn().ok())
}
