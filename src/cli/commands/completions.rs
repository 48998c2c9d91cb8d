//! `snap completions` and `snap man`.

use super::super::failure::Failure;
use super::super::outcome::Outcome;
use super::super::output::text;
use clap::Args;
use clap::Command;
use clap::ValueEnum;
use clap_complete::env::EnvCompleter;
use snap_archive::base::error::plain_reason;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// The variable by which a shell asks this program what can follow.
pub(crate) const VARIABLE: &str = "SNAP_COMPLETE";

/// Print the completion script of a shell: it completes commands, archives, snapshots and paths in them
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
}

const EXAMPLES: &str = "\
Put the line of your shell into its start file:
  source <(snap completions bash)                                        ~/.bashrc
  source <(snap completions zsh)                                         ~/.zshrc, after compinit
  snap completions fish | source                                         ~/.config/fish/config.fish
  snap completions powershell | Out-String | Invoke-Expression           $PROFILE
  eval (snap completions elvish | slurp)                                 ~/.config/elvish/rc.elv

Examples:
  snap completions bash";

/// Print the man page, or write one for each command
#[derive(Args)]
#[command(after_help = "Examples:\n  snap man | man -l -\n  snap man ~/man1")]
pub(crate) struct ManArgs {
    /// Folder to write the pages into; made if needed. Without DIR, the main page is printed
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs) -> Result<Outcome, Failure> {
    let completer: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &clap_complete::env::Bash,
        Shell::Zsh => &clap_complete::env::Zsh,
        Shell::Fish => &clap_complete::env::Fish,
        Shell::Powershell => &clap_complete::env::Powershell,
        Shell::Elvish => &clap_complete::env::Elvish,
    };
    let mut script = Vec::new();
    let called = called();
    let written = completer.write_registration(VARIABLE, "snap", &called, &called, &mut script);
    written.and_then(|()| print(&script)).map_err(|error| Failure::output(&error))?;
    Ok(Outcome::Done)
}

/// What this program is called here: `snap-archive` where a package has it, since snapd has a `snap` of its own.
fn called() -> String {
    let program = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    program.file_stem().and_then(|name| name.to_str()).unwrap_or("snap").to_owned()
}

/// The pages of `command` and its commands.
pub(crate) fn man(args: &ManArgs, command: Command) -> Result<Outcome, Failure> {
    let Some(directory) = &args.directory else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(command).render(&mut page);
        rendered.and_then(|()| print(&page)).map_err(|error| Failure::output(&error))?;
        return Ok(Outcome::Done);
    };
    let written = std::fs::create_dir_all(directory).and_then(|()| write_pages(command, directory));
    written.map_err(|error| {
        Failure::new(format!("cannot write man pages into {}: {}", text::path(directory), plain_reason(&error)))
    })?;
    Ok(Outcome::Done)
}

fn write_pages(command: Command, directory: &Path) -> std::io::Result<()> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    clap_mangen::generate_to(command, directory)
}

/// Writes to the standard output; one that is closed early is no error.
fn print(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
