//! `snap status`.

use super::super::failure::Failure;
use super::super::health;
use super::super::health::Word;
use super::super::notes;
use super::super::notes::ArchiveNotes;
use super::super::notes::Notes;
use super::super::outcome::Outcome;
use super::super::output::status::Status;
use super::super::session::Session;
use clap::Args;
use snap_archive::archive::open::Archive;
use snap_archive::base::time::Time;
use snap_archive::verbs::history::list;
use snap_archive::verbs::history::noted_problems;

/// Show whether all is well: last saves, problems, free space, checks; works without the drive, too
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct StatusArgs {}

const AFTER_HELP: &str = "\
The first line has one word. good: nothing is to be done (exit code 0). look: something should be
looked at (3). act: something must be done (6). With -q nothing is printed while all is good.

Examples:
  snap status
  snap status -q          in a shell's start file: only speaks up when something is wrong
  snap status --json";

pub(crate) fn run(_args: &StatusArgs, session: &Session) -> Result<Outcome, Failure> {
    let seen = see(session);
    let (file, id) = match &seen {
        Ok((file, archive)) => (file.clone(), Some(archive.id().to_string())),
        // Without the drive there is only what is noted.
        Err(failure) => match session.notes_file(None)? {
            Some(file) if failure.code() == super::super::failure::NO_ARCHIVE => (Some(file), None),
            _ => return seen.map(|_| Outcome::Done),
        },
    };
    let noted = file.as_deref().map(Notes::read).unwrap_or_default();
    let absent = seen.as_ref().err().map(|failure| failure.what().to_owned());
    let fresh = seen.ok().map(|(_, archive)| fresh(&archive, &noted, session)).transpose()?;
    let at_hand = match (&fresh, &id) {
        (Some(fresh), Some(id)) => Some((id, fresh)),
        _ => noted.seen_last(),
    };
    let configured = session.settings.archive_config()?;
    let saved = |archive: &ArchiveNotes| archive.looked.max(archive.snapshot.as_ref().map(|snapshot| snapshot.time));
    let every = noted.archives.values().chain(&fresh);
    let known = health::Known {
        now: Time::now().seconds,
        silence: configured.as_ref().and_then(|(_, archive)| archive.max_silence).unwrap_or(health::SILENCE_SECONDS),
        cycle: configured.as_ref().and_then(|(_, archive)| archive.verify),
        last_run: noted.last_run.as_ref(),
        archive: at_hand.map(|(_, archive)| archive),
        warnings: session.console.warnings(),
        saved: every.filter_map(saved).max(),
    };
    let reasons = health::reasons(&known);
    let word = health::word(&reasons);
    let status = Status {
        name: configured.map(|(name, _)| name),
        word,
        reasons,
        absent,
        next: noted.schedule.and_then(|(when, _)| when.next(&jiff::Zoned::now())),
        now: known.now,
        cycle: known.cycle,
        others: noted.archives.iter().filter(|(id, _)| at_hand.is_none_or(|(at_hand, _)| at_hand != *id)).collect(),
        archive: at_hand.map(|(id, archive)| (id.as_str(), archive)),
    };
    session.console.result(&status)?;
    Ok(match word {
        Word::Good => Outcome::Done,
        Word::Look => Outcome::DoneWithProblems,
        Word::Act => Outcome::ToAct,
    })
}

/// The archive, if it is there, and where what is known of it is noted.
fn see(session: &Session) -> Result<(Option<std::path::PathBuf>, Archive), Failure> {
    let archive = session.open()?;
    Ok((session.notes_file(Some(archive.id()))?, archive))
}

/// What the archive itself says, with what only this computer knows. It is noted.
fn fresh(archive: &Archive, noted: &Notes, session: &Session) -> Result<ArchiveNotes, Failure> {
    let history = list(archive, &session.console)?;
    let mut fresh = noted.archives.get(&archive.id().to_string()).cloned().unwrap_or_default();
    fresh.see(&history, archive.store().space(), session.settings.directory()?);
    let is_told = fresh.snapshot.as_ref().is_some_and(|newest| newest.problems == 0 || !newest.problem_list.is_empty());
    if !is_told && let Some(newest) = history.last() {
        let problems = noted_problems(archive, std::slice::from_ref(newest), &session.console)?;
        fresh.note_problems(problems.iter().filter_map(|noted| noted.problems.as_ref().ok()).flatten());
    }
    if let Some(file) = session.notes_file(Some(archive.id()))? {
        session.told(notes::note(&file, archive.id(), |archive| *archive = fresh.clone()));
    }
    Ok(fresh)
}
