//! The command line as a whole: which commands there are, and how a command ends. Knows nothing of how backups are
//! made.
//!
//! What was typed (`args`, `commands`) and the environment become settings; a command sees its arguments and the
//! settings, calls the library, and hands its result to `output`, which prints it.

mod afterwards;
mod args;
mod ask;
mod commands;
mod complete;
mod config;
mod confirm;
mod failure;
mod folders;
mod health;
mod help;
mod hooks;
mod notes;
mod outcome;
mod output;
mod own_file;
mod patch;
mod power;
mod propose;
mod rolling;
mod schedule;
mod session;
mod settings;
mod signals;
mod stoppable;
mod wanted;

use self::args::global::GlobalArgs;
use self::args::suggestions;
use self::commands::cat;
use self::commands::completions;
use self::commands::config as configuration;
use self::commands::create;
use self::commands::diff;
use self::commands::du;
use self::commands::erase;
use self::commands::export;
use self::commands::find;
use self::commands::forget;
use self::commands::init;
use self::commands::keep;
use self::commands::list;
use self::commands::log;
use self::commands::ls;
use self::commands::prune;
use self::commands::repair;
use self::commands::restore;
use self::commands::schedule as by_itself;
use self::commands::setup;
use self::commands::sources;
use self::commands::status;
use self::commands::verify;
use self::failure::Failure;
use self::outcome::Outcome;
use self::output::console;
use self::session::Session;
use self::settings::Environment;
use self::settings::Settings;
use clap::ArgMatches;
use clap::CommandFactory;
use clap::FromArgMatches;
use clap::Parser;
use clap::Subcommand;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap_complete::CompleteEnv;
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
  snap setup                       the first time: asks where to and what
  snap create                      save what is new
  snap status                      is all well?
  snap restore --to ~/restored     get everything back (snap restore asks)

Without a configuration: snap create --init -a /media/stick/archive ~/Documents

Exit codes: 0 done, 1 failed, 2 invalid command line, 3 done with problems,
4 the archive is not there, 5 it is in use, 6 something must be done (status),
7 the battery is low (create --battery)";

#[derive(Subcommand)]
enum Command {
    Init(init::InitArgs),
    Create(create::CreateArgs),
    Status(status::StatusArgs),
    List(list::ListArgs),
    Sources(sources::SourcesArgs),
    Ls(ls::LsArgs),
    Find(find::FindArgs),
    Log(log::LogArgs),
    Diff(diff::DiffArgs),
    Du(du::DuArgs),
    Cat(cat::CatArgs),
    Restore(restore::RestoreArgs),
    Forget(forget::ForgetArgs),
    Keep(keep::KeepArgs),
    Prune(prune::PruneArgs),
    Erase(erase::EraseArgs),
    Verify(verify::VerifyArgs),
    Repair(repair::RepairArgs),
    Export(export::ExportArgs),
    Setup(setup::SetupArgs),
    Schedule(by_itself::ScheduleArgs),
    Config(configuration::ConfigArgs),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
}

/// Reads the arguments, runs the command, says why it failed if it did, and gives the exit code.
pub(crate) fn main() -> ExitCode {
    // Answers a shell that asks for completions, and ends then.
    let is_bash = std::env::var_os(completions::VARIABLE).is_some_and(|shell| shell == "bash");
    CompleteEnv::with_factory(|| complete::attached(Cli::command(), is_bash)).var(completions::VARIABLE).complete();
    if std::env::args_os().len() < 2 {
        // Printing help can only fail when the output was closed.
        let _ = help::grouped(Cli::command()).print_help();
        return ExitCode::from(failure::USAGE);
    }
    let parsed = help::grouped(Cli::command()).try_get_matches();
    let parsed = parsed.and_then(|matches| Ok((is_answer(&matches), Cli::from_arg_matches(&matches)?)));
    let (is_answer, cli) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return ExitCode::from(refused(&error)),
    };
    if is_answer && platform::was_closed(&std::io::stdout()) {
        return ExitCode::from(console::report(&Failure::closed_output(), false));
    }
    // What needs no archive works with any configuration.
    let without_settings = match &cli.command {
        Command::Completions(args) => Some(completions::completions(args)),
        Command::Man(args) => Some(completions::man(args, Cli::command())),
        _ => None,
    };
    if let Some(done) = without_settings {
        let code = done.map_or_else(|failure| console::report(&failure, cli.global.json), Outcome::code);
        return ExitCode::from(code);
    }
    platform::give_large_memory_back();
    let _awake = platform::stay_awake();
    let is_json = cli.global.json;
    let session = match Settings::resolve(cli.global, Environment::read()) {
        Ok(settings) => Session::new(settings),
        Err(failure) => return ExitCode::from(console::report(&failure, is_json)),
    };
    let code = match run(&cli.command, &session) {
        Ok(outcome) => warned(outcome, &cli.command, &session).code(),
        Err(failure) => session.console.fail(&failure),
    };
    session.console.finish();
    let is_unmounted = session.end();
    ExitCode::from(if code == 0 && !is_unmounted { failure::WITH_PROBLEMS } else { code })
}

/// How a command ended that gave all that there is, when the archive does not have all that was saved.
fn warned(outcome: Outcome, command: &Command, session: &Session) -> Outcome {
    // These look for damage and say themselves what there is.
    let judges = matches!(command, Command::Verify(_) | Command::Repair(_));
    if judges || session.console.warnings().is_empty() { outcome } else { outcome.with_problem() }
}

/// Whether what was asked for is what is written to the standard output, and nothing else is done.
fn is_answer(matches: &ArgMatches) -> bool {
    let Some((name, typed)) = matches.subcommand() else { return false };
    let is_typed = |id: &str| {
        typed.try_contains_id(id).unwrap_or(false) && typed.value_source(id) == Some(ValueSource::CommandLine)
    };
    match name {
        "list" | "ls" | "find" | "log" | "diff" | "du" | "cat" | "config" | "completions" => true,
        "sources" => !is_typed("drop") && !is_typed("rename"),
        "man" => !is_typed("directory"),
        // Its exit code is an answer, too.
        "status" => !is_typed("quiet"),
        _ => is_typed("dry_run") || is_typed("print"),
    }
}

/// Says what is wrong with the command line, or shows the help that was asked for; the exit code.
fn refused(error: &clap::Error) -> u8 {
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    if let Some(failure) = suggestions::instead_of(error, &Cli::command()) {
        return console::report(&failure, is_json);
    }
    if error.kind() == ErrorKind::InvalidUtf8 {
        let words: Vec<_> = std::env::args_os().collect();
        let parsed = |words: Vec<std::ffi::OsString>| Cli::command().try_get_matches_from(words);
        let refuses =
            |words: Vec<std::ffi::OsString>| parsed(words).is_err_and(|error| error.kind() == ErrorKind::InvalidUtf8);
        if let Some(failure) = suggestions::not_utf8(&words, &refuses) {
            return console::report(&failure, is_json);
        }
    }
    let shows_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if !shows_help || is_json && error.exit_code() != 0 {
        return console::report(&suggestions::told(error), is_json);
    }
    // Printing can only fail when the output was closed.
    let _ = error.print();
    error.exit_code() as u8
}

fn run(command: &Command, session: &Session) -> Result<Outcome, Failure> {
    match command {
        Command::Init(args) => init::run(args, session),
        Command::Create(args) => create::run(args, session),
        Command::Status(args) => status::run(args, session),
        Command::List(args) => list::run(args, session),
        Command::Sources(args) => sources::run(args, session),
        Command::Ls(args) => ls::run(args, session),
        Command::Find(args) => find::run(args, session),
        Command::Log(args) => log::run(args, session),
        Command::Diff(args) => diff::run(args, session),
        Command::Du(args) => du::run(args, session),
        Command::Cat(args) => cat::run(args, session),
        Command::Restore(args) => restore::run(args, session),
        Command::Forget(args) => forget::run(args, session),
        Command::Keep(args) => keep::run(args, session),
        Command::Prune(args) => prune::run(args, session),
        Command::Erase(args) => erase::run(args, session),
        Command::Verify(args) => verify::run(args, session),
        Command::Repair(args) => repair::run(args, session),
        Command::Export(args) => export::run(args, session),
        Command::Setup(args) => setup::run(args, session),
        Command::Schedule(args) => by_itself::run(args, session),
        Command::Config(args) => configuration::run(args, session),
        // They were run before.
        Command::Completions(_) | Command::Man(_) => Ok(Outcome::Done),
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
    fn only_options_that_a_command_has_are_suggested() {
        let program = Cli::command();
        let hint = |command: &str, word: &str| {
            let error = Cli::command().try_get_matches_from(["snap", command, word]).err()?;
            suggestions::instead_of(&error, &program)?.hint().map(str::to_owned)
        };
        for command in program.get_subcommands() {
            let others = ["--dest", "--delet", "--dryrun", "--yess", "--frobnicate", "--keep", "--al", "--snapshots"];
            for word in suggestions::tests::words().into_iter().chain(others) {
                let hint = hint(command.get_name(), word).unwrap_or_default();
                let Some((_, meant)) = hint.split_once("Did you mean: --") else { continue };
                let meant = meant.split([' ', '?']).next().unwrap_or_default();
                let mut options = command.get_arguments().chain(program.get_arguments());
                assert!(
                    options.any(|option| option.get_long() == Some(meant)),
                    "{} {word}: {hint}",
                    command.get_name()
                );
            }
        }
        for (command, word, meant) in
            [("restore", "--dest", "--to DIR?"), ("forget", "-n", "--dry-run?"), ("export", "--file", "--output FILE?")]
        {
            assert!(hint(command, word).is_some_and(|hint| hint.contains(meant)), "{command} {word}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for line in [
            &["snap", "create", "--level", "0"][..],
            &["snap", "create", "--level", "20"],
            &["snap", "create", "--max-part", "1K"],
            &["snap", "create", "--time", "yesterday"],
            &["snap", "list", "--quiet", "--verbose"],
            &["snap", "forget", "3", "--keep-last", "1"],
            &["snap", "forget", "--undo", "--keep-last", "1"],
            &["snap", "forget", "--keep-within", "soon"],
            &["snap", "prune", "--max-unused", "101"],
            &["snap", "keep"],
        ] {
            assert!(Cli::try_parse_from(line).is_err_and(|error| error.exit_code() == 2), "{line:?}");
        }
    }
}
