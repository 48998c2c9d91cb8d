//! `snap ls`.

use super::Outcome;
use super::at::AtArgs;
use super::failure::Failure;
use super::json::Listed;
use super::json::harmless;
use super::session::Session;
use super::text;
use clap::Args;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::entry::Stat;
use snap_archive::base::error::Error;
use snap_archive::base::error::Result as SnapResult;
use snap_archive::base::path::EntryPath;
use snap_archive::base::path::printable;
use snap_archive::base::snapshot::uncertain_since;
use snap_archive::verbs::history::LsOptions;
use snap_archive::verbs::history::ls_from;
use std::fmt::Display;
use std::io;
use std::io::BufWriter;
use std::io::Write;

/// Show what was there at a time
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    at: AtArgs,
    /// Everything of an entry: mode, owner, size, time, and where a link points
    #[arg(short)]
    long: bool,
    /// Whatever is inside folders too
    #[arg(short = 'R', long)]
    recursive: bool,
}

const EXAMPLES: &str = "\
Examples:
  snap ls -a /media/stick/archive Documents
  snap ls -a /media/stick/archive --at 'yesterday 18:00' -lR Documents/letters";

pub(crate) fn run(args: &LsArgs, session: &Session) -> Result<Outcome, Failure> {
    let options = LsOptions { paths: args.at.paths()?, recursive: args.recursive };
    let archive = session.open()?;
    let catalog = archive.catalog(&session.console)?;
    let snapshot = args.at.snapshot(&catalog)?;
    session.console.close();
    let zone = snap_archive::base::when::system_zone();
    let mut output = Output::new();
    let mut lost = 0;
    let mut visit = |path: &EntryPath, entry: &Entry| -> SnapResult<()> {
        lost += u64::from(entry.is_lost());
        let line: &dyn Display = if session.global.json {
            &json_line(path, entry)?
        } else if args.long {
            &long_line(path, entry, &snap_archive::base::when::local(entry.stat.mtime, &zone))
        } else {
            &named(path, entry)
        };
        output.line(line)
    };
    let listed =
        ls_from(&catalog, snapshot.number, &options, &session.console, &mut visit).and_then(|()| output.flush());
    match listed {
        Err(_) if output.is_closed => Ok(Outcome::Done),
        Err(error) => Err(error.into()),
        Ok(()) => {
            if lost > 0 {
                let files = text::count(lost, "file", "files");
                session.console.note(&format!("the content of {files} was lost when the archive was damaged"));
            }
            let history = catalog.history()?;
            let uncertain = uncertain_since(&history, snapshot.number);
            if let Some(since) = uncertain {
                let what =
                    format!("a part of the list of what changed in snapshot {since} was lost: entries may differ");
                session.console.note(&what);
            }
            Ok(Outcome::with_problems(lost + u64::from(uncertain.is_some())))
        }
    }
}

/// The standard output, which may be closed before its end (`| head`).
struct Output {
    writer: BufWriter<io::StdoutLock<'static>>,
    is_closed: bool,
}

impl Output {
    fn new() -> Output {
        Output { writer: BufWriter::with_capacity(1 << 16, io::stdout().lock()), is_closed: false }
    }

    fn line(&mut self, line: &dyn Display) -> SnapResult<()> {
        let written = writeln!(self.writer, "{line}");
        self.checked(written)
    }

    fn flush(&mut self) -> SnapResult<()> {
        let flushed = self.writer.flush();
        self.checked(flushed)
    }

    fn checked(&mut self, result: io::Result<()>) -> SnapResult<()> {
        result.map_err(|error| {
            self.is_closed = error.kind() == io::ErrorKind::BrokenPipe;
            Error::io("cannot write the output", error)
        })
    }
}

fn json_line(path: &EntryPath, entry: &Entry) -> SnapResult<String> {
    let line = serde_json::to_string(&Listed::new(path, entry));
    line.map(harmless).map_err(|error| Error::io("cannot write the output", error.into()))
}

fn long_line(path: &EntryPath, entry: &Entry, time: &str) -> String {
    let stat = &entry.stat;
    let owner = |name: &str, number: u32| {
        if name.is_empty() { number.to_string() } else { printable(name.as_bytes()).into_owned() }
    };
    let (user, group) = (owner(&entry.owner.user, stat.uid), owner(&entry.owner.group, stat.gid));
    let size = match stat.kind {
        kind if kind.is_device() => format!("{}, {}", stat.device >> 32, stat.device & u64::from(u32::MAX)),
        _ => text::number(stat.size),
    };
    format!("{} {user:<8} {group:<8} {size:>14} {time} {}", mode(stat), named(path, entry))
}

/// The path; behind it `/` for a directory, and in a link's case where it points.
fn named(path: &EntryPath, entry: &Entry) -> String {
    match entry.stat.kind {
        Kind::Directory => format!("{path}/"),
        Kind::Symlink => format!("{path} -> {}", printable(&entry.target)),
        _ if entry.is_lost() => format!("{path} (lost)"),
        _ if entry.is_torn() => format!("{path} (not whole)"),
        _ => path.to_string(),
    }
}

/// Type and permissions as `ls` shows them: `-rwsr-xr-x`.
fn mode(stat: &Stat) -> String {
    let kind = match stat.kind {
        Kind::Directory => 'd',
        Kind::File => '-',
        Kind::Symlink => 'l',
        Kind::Fifo => 'p',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
    };
    let may = |bit: u32, letter: char| if stat.mode & bit != 0 { letter } else { '-' };
    let run = |bit: u32, special_bit: u32, letter: char| match (stat.mode & bit != 0, stat.mode & special_bit != 0) {
        (true, false) => 'x',
        (false, false) => '-',
        (true, true) => letter,
        (false, true) => letter.to_ascii_uppercase(),
    };
    let user = [may(0o400, 'r'), may(0o200, 'w'), run(0o100, 0o4000, 's')];
    let group = [may(0o040, 'r'), may(0o020, 'w'), run(0o010, 0o2000, 's')];
    let others = [may(0o004, 'r'), may(0o002, 'w'), run(0o001, 0o1000, 't')];
    [kind].into_iter().chain(user).chain(group).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_shown_as_ls_shows_them() {
        for (kind, bits, text) in [
            (Kind::File, 0o644, "-rw-r--r--"),
            (Kind::File, 0o4755, "-rwsr-xr-x"),
            (Kind::File, 0o6666, "-rwSrwSrw-"),
            (Kind::Directory, 0o1777, "drwxrwxrwt"),
            (Kind::Symlink, 0o777, "lrwxrwxrwx"),
            (Kind::Fifo, 0, "p---------"),
        ] {
            assert_eq!(mode(&Stat { kind, mode: bits, ..Stat::default() }), text);
        }
    }
}
