//! `snap init`.

use super::Outcome;
use super::failure::Failure;
use super::output::advice::shell_word;
use super::session::Session;
use clap::Args;
use serde::Serialize;
use snap_archive::archive::open::Archive;
use snap_archive::base::path::printable;

/// Make a new archive in a folder that is empty or does not exist yet
#[derive(Args)]
#[command(after_help = "Example:\n  snap init -a /media/stick/archive")]
pub(crate) struct InitArgs {}

#[derive(Serialize)]
struct Document {
    archive: String,
}

pub(crate) fn run(_args: &InitArgs, session: &Session) -> Result<Outcome, Failure> {
    let directory = session.directory()?;
    Archive::init(directory)?;
    let shown = printable(directory.as_os_str().as_encoded_bytes()).into_owned();
    session.say(&format!("A new archive is ready in {shown}."))?;
    session.say(&format!("Save something into it with: snap create -a {} SOURCE", shell_word(directory)))?;
    session.say_json(&Document { archive: shown })?;
    Ok(Outcome::Done)
}
