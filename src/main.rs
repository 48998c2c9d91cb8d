//! The program `snap`: reads the command line, calls the library, prints. Knows nothing of formats.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
