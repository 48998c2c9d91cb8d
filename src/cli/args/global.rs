//! The options that every command understands.

use super::super::output::progress::Shown;
use clap::builder::OsStringValueParser;
use clap::builder::TypedValueParser;
use std::path::PathBuf;

// Not a documentation comment: that would stand in the help.
#[derive(clap::Args, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// The archive's folder, or its name in the configuration.
    #[arg(
        short,
        long,
        global = true,
        value_name = "DIR",
        help = "The archive's folder, or its name in the configuration [env: SNAP_ARCHIVE]"
    )]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) archive: Option<PathBuf>,
    /// Configuration file to use instead of ~/.config/snap/config.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON document, for programs, instead of text (ls, diff, find: one per line)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only problems and what was asked for
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print more: every entry that is saved or restored, with a letter that says why; more details in lists
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// How to show progress: auto (only on a terminal), none, or json (a line every second on standard error, for programs)
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "HOW",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) progress: Shown,
    /// How many threads work; 0: as many as the machine has
    #[arg(long, global = true, value_name = "N", default_value_t = 0, hide = true)]
    pub(crate) threads: usize,
}
