//! What comes after a snapshot was saved: a share of the archive is read back, and what is known of it now is noted on this computer.
//! Nothing of it can undo the snapshot, so none of it makes the run fail.

use super::failure::Failure;
use super::notes::Rolling;
use super::output::create::Checked;
use super::rolling;
use super::rolling::Share;
use super::session::Session;
use super::stoppable::stoppable;
use snap_archive::archive::open::Archive;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::time::Time;
use snap_archive::verbs::create::CreateReport;
use snap_archive::verbs::history::list;
use snap_archive::verbs::verify::verify_snapshots;
use std::collections::BTreeSet;

/// Checks what is due, and notes it. What cannot be done is said, and left for the next run. The snapshots of the report are all
/// there still, unless `was_thinned`: then they are read from the archive.
pub(crate) fn run(archive: &Archive, report: &CreateReport, was_thinned: bool, session: &Session) -> Checked {
    match checked_and_noted(archive, report, was_thinned, session) {
        Ok(checked) => checked,
        Err(failure) => {
            session.console.note(&format!("no share of the archive was read back: {}", failure.what()));
            Checked::default()
        }
    }
}

fn checked_and_noted(
    archive: &Archive,
    report: &CreateReport,
    was_thinned: bool,
    session: &Session,
) -> Result<Checked, Failure> {
    let thinned = if was_thinned { Some(list(archive, &session.console)?) } else { None };
    let history = thinned.as_deref().unwrap_or(&report.history);
    let place = session.settings.directory()?;
    let problems = session.console.problems();
    let mut rolling = Rolling::default();
    session.note(archive.id(), |archive_notes| {
        archive_notes.see(history, archive.store().space(), place);
        archive_notes.looked = Some(Time::now().seconds);
        if report.summary.is_some() {
            archive_notes.note_problems(problems.iter());
        }
        rolling = archive_notes.rolling.clone();
    });
    let cycle = session.settings.archive_config()?.and_then(|(_, archive)| archive.verify);
    let Some(cycle) = cycle else { return Ok(Checked::default()) };
    let sizes: Vec<(SnapshotNumber, u64)> =
        history.iter().map(|summary| (summary.number, summary.bytes_added)).collect();
    let now = Time::now().seconds;
    let Share { snapshots, owed } = rolling::share(&sizes, &rolling, now, cycle);
    let checked =
        if snapshots.is_empty() { Checked::default() } else { read_back(archive, &snapshots, history, session)? };
    session.note(archive.id(), |archive_notes| {
        let rolling = &mut archive_notes.rolling;
        (rolling.time, rolling.owed) = (Some(now), owed);
        for number in snapshots {
            rolling.sound.remove(&number);
            rolling.damaged.remove(&number);
            let noted = if checked.findings == 0 { &mut rolling.sound } else { &mut rolling.damaged };
            noted.insert(number, now);
        }
    });
    Ok(checked)
}

fn read_back(
    archive: &Archive,
    snapshots: &BTreeSet<SnapshotNumber>,
    history: &[Summary],
    session: &Session,
) -> Result<Checked, Failure> {
    let newest = history.last().map_or(SnapshotNumber::NONE, |summary| summary.number);
    session.console.aside(&format!("Snapshot {newest} is saved. Reading back a share of the archive …"));
    let stopped = Failure::stopped("stopped; the snapshot is saved");
    let threads = session.settings.threads;
    let report =
        stoppable(&session.console, stopped, || verify_snapshots(archive, snapshots, threads, &session.console));
    let report = report??;
    let (bytes, findings) = (report.bytes, report.findings.len() as u64);
    Ok(Checked { snapshots: snapshots.iter().copied().collect(), bytes, findings })
}
