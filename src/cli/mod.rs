//! The command line as a whole: which commands there are, and how a command ends. Holds no rules of backing up.

mod at;
mod confirm;
mod console;
mod create;
mod export;
mod failure;
mod init;
mod json;
mod list;
mod ls;
mod output;
mod repair;
mod restore;
mod session;
mod size;
mod sources;
mod stop;
mod text;
mod verdict;
mod verify;

use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;
use failure::Failure;
use session::GlobalArgs;
use session::Session;
use snap_archive::system::platform;
use std::process::ExitCode;

/// Keeps every version of your files on a drive, as ordinary .tar.zst files that tar and zstd can read without snap
#[derive(Parser)]
#[command(name = "snap", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  snap create --init -a /media/stick/archive ~/Documents    the first time
  snap create -a /media/stick/archive                       every other time
  snap list -a /media/stick/archive                         what there is
  snap restore -a /media/stick/archive --to ~/back          get everything back

Set SNAP_ARCHIVE=/media/stick/archive to leave out -a.

Exit codes: 0 done, 1 failed, 2 the command line makes no sense, 3 done, but with problems (listed)";

#[derive(Subcommand)]
enum Command {
    Init(init::InitArgs),
    Create(create::CreateArgs),
    List(list::ListArgs),
    Ls(ls::LsArgs),
    Restore(restore::RestoreArgs),
    Verify(verify::VerifyArgs),
    Repair(repair::RepairArgs),
    Export(export::ExportArgs),
}

/// How a command ended that did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// All is well: exit code 0.
    Done,
    /// Done, with problems that were listed: exit code 3.
    DoneWithProblems,
}

impl Outcome {
    fn with_problems(count: u64) -> Outcome {
        if count == 0 { Outcome::Done } else { Outcome::DoneWithProblems }
    }
}

/// Reads the arguments, runs the command, says why it failed if it did, and gives the exit code.
pub(crate) fn main() -> ExitCode {
    if std::env::args_os().len() < 2 {
        // Printing help can only fail when nobody reads it.
        let _ = Cli::command().print_help();
        return ExitCode::from(failure::USAGE);
    }
    let cli = Cli::parse();
    platform::give_large_memory_back();
    let session = Session::new(cli.global);
    let ended = run(&cli.command, &session);
    session.console.close();
    match ended {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::DoneWithProblems) => ExitCode::from(failure::WITH_PROBLEMS),
        Err(failure) => failure.report(),
    }
}

fn run(command: &Command, session: &Session) -> Result<Outcome, Failure> {
    match command {
        Command::Init(args) => init::run(args, session),
        Command::Create(args) => create::run(args, session),
        Command::List(args) => list::run(args, session),
        Command::Ls(args) => ls::run(args, session),
        Command::Restore(args) => restore::run(args, session),
        Command::Verify(args) => verify::run(args, session),
        Command::Repair(args) => repair::run(args, session),
        Command::Export(args) => export::run(args, session),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for line in [["snap", "-a", "x", "list", "--json"], ["snap", "list", "--json", "-a", "x"]] {
            let cli = Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
            assert!(cli.global.json && cli.global.archive == Some("x".into()));
        }
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for line in [
            &["snap", "restore"][..],
            &["snap", "restore", "--to", "x", "--delete"],
            &["snap", "create", "--level", "0"],
            &["snap", "create", "--level", "20"],
            &["snap", "create", "--init", "--dry-run"],
            &["snap", "create", "--max-part", "1K"],
            &["snap", "create", "--time", "yesterday"],
            &["snap", "list", "--quiet", "--verbose"],
            &["snap", "prune"],
        ] {
            assert!(Cli::try_parse_from(line).is_err_and(|error| error.exit_code() == 2), "{line:?}");
        }
    }
}
