//! What is noted on this computer of each archive, so that something can be said of it while its drive is not there. Knows one small
//! file for each archive; what it says is never needed to save or restore.

use super::failure::Failure;
use super::output::text;
use super::own_file;
use super::schedule::Scheduler;
use super::schedule::When;
use serde::Deserialize;
use serde::Serialize;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::snapshot::last_read;
use snap_archive::base::time::Time;
use snap_archive::system::store::Space;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

/// The most bytes of such a file.
const BYTES_MAX: u64 = 16 << 20;

/// How many problems are noted.
const PROBLEMS_MAX: usize = 20;

/// Over how many seconds it is averaged how fast an archive grows: eight weeks.
const GROWTH_SECONDS: i64 = 8 * WEEK_SECONDS;

/// A week.
pub(crate) const WEEK_SECONDS: i64 = 7 * 24 * 3600;

/// All that is noted of what a person calls one archive: with two drives that take turns it has two archives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Notes {
    /// The last run of `create`.
    pub(crate) last_run: Option<Run>,
    /// When a schedule saves, and which scheduler has it.
    pub(crate) schedule: Option<(When, Scheduler)>,
    /// The archives, by their ids.
    pub(crate) archives: BTreeMap<String, ArchiveNotes>,
}

/// A run of `create`. Times here and below are seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Run {
    /// When it ended.
    pub(crate) time: i64,
    /// Its exit code.
    pub(crate) code: u8,
    /// Why it failed, if it did.
    pub(crate) failure: Option<String>,
}

/// What is noted of one archive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ArchiveNotes {
    /// Where it was when it was last seen, as a person says it.
    pub(crate) place: String,
    /// When that was.
    pub(crate) seen: i64,
    /// When its sources were last looked at without a failure, whether or not anything had changed.
    pub(crate) looked: Option<i64>,
    /// The newest snapshot.
    pub(crate) snapshot: Option<SnapshotNote>,
    /// The sources that are saved.
    pub(crate) sources: Vec<SourceNote>,
    /// How many bytes are free on its drive, and how large that is.
    pub(crate) free: Option<u64>,
    pub(crate) total: Option<u64>,
    /// How many bytes are added to it in a week.
    pub(crate) week_bytes: Option<u64>,
    /// The last check of all of it.
    pub(crate) verified: Option<Verification>,
    /// The checks of a share of it after each run.
    pub(crate) rolling: Rolling,
}

/// What is noted of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SnapshotNote {
    pub(crate) number: SnapshotNumber,
    pub(crate) time: i64,
    /// How many entries could not be saved completely.
    pub(crate) problems: u64,
    /// The first of them, each with why.
    pub(crate) problem_list: Vec<String>,
}

/// What is noted of a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SourceNote {
    pub(crate) name: String,
    /// The last snapshot that read it, and when that was made; `None`: none has.
    pub(crate) snapshot: Option<SnapshotNumber>,
    pub(crate) time: Option<i64>,
    /// Whether it was to be read the last time and was not there.
    pub(crate) missing: bool,
}

/// A check of a whole archive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Verification {
    pub(crate) time: i64,
    /// Whether all contents were read.
    pub(crate) data: bool,
    /// How many damages were found.
    pub(crate) findings: u64,
}

/// Which part of an archive was read back when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Rolling {
    /// When a share was last read.
    pub(crate) time: Option<i64>,
    /// Bytes that were due and were not read, as a snapshot is read as a whole or not.
    pub(crate) owed: u64,
    /// When each snapshot was read and found to be as it was written.
    pub(crate) sound: BTreeMap<SnapshotNumber, i64>,
    /// Snapshots in which damage was found, and not since found sound.
    pub(crate) damaged: BTreeMap<SnapshotNumber, i64>,
}

impl Notes {
    /// Reads those in this file; none if there is no such file, or it is not one of ours.
    pub(crate) fn read(file: &Path) -> Notes {
        let mut text = Vec::new();
        let read = fs::File::open(file).and_then(|opened| opened.take(BYTES_MAX).read_to_end(&mut text));
        read.ok().and_then(|_| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Writes them, in place of what was in the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, file: &Path) -> io::Result<()> {
        own_file::replace(file, &serde_json::to_vec_pretty(self)?)
    }

    /// The archive that was seen last.
    pub(crate) fn seen_last(&self) -> Option<(&String, &ArchiveNotes)> {
        self.archives.iter().max_by_key(|(_, archive)| archive.seen)
    }
}

impl ArchiveNotes {
    /// Notes what the archive itself says.
    pub(crate) fn see(&mut self, history: &[Summary], room: Space, place: &Path) {
        let now = Time::now().seconds;
        (self.place, self.seen) = (text::path(place), now);
        (self.free, self.total) = (room.free_bytes, room.total_bytes);
        self.week_bytes = week_bytes(history, now);
        self.sources = sources(history);
        let numbers = |number: &SnapshotNumber| history.iter().any(|summary| summary.number == *number);
        self.rolling.sound.retain(|number, _| numbers(number));
        self.rolling.damaged.retain(|number, _| numbers(number));
        let Some(newest) = history.last() else { return self.snapshot = None };
        let known = self.snapshot.take().filter(|known| known.number == newest.number).unwrap_or_default();
        let (number, time, problems) = (newest.number, newest.time.seconds, newest.problems);
        self.snapshot = Some(SnapshotNote { number, time, problems, ..known });
    }

    /// Notes a check of all of it. One that read no contents and found nothing says less than one that did, and one says nothing
    /// of damage that was found in them.
    pub(crate) fn note_check(&mut self, check: Verification) {
        let says_less = |known: &Verification| known.data && (known.findings > 0 || check.findings == 0);
        if !check.data && self.verified.as_ref().is_some_and(says_less) {
            return;
        }
        if check.data && check.findings == 0 {
            let all = self.rolling.sound.keys().chain(self.rolling.damaged.keys()).copied();
            self.rolling.sound = all.map(|number| (number, check.time)).collect();
            self.rolling.damaged.clear();
        }
        self.verified = Some(check);
    }

    /// Notes how the archive is after a repair, which read all of it before.
    pub(crate) fn note_repair(&mut self, check: Verification) {
        self.verified = None;
        if check.findings == 0 {
            self.rolling.damaged.clear();
        }
        self.note_check(check);
    }

    /// Notes which entries the newest snapshot could not save as they should.
    pub(crate) fn note_problems<'p>(&mut self, problems: impl Iterator<Item = &'p snap_archive::base::error::Problem>) {
        if let Some(snapshot) = &mut self.snapshot {
            let shown = |problem: &snap_archive::base::error::Problem| format!("{}: {}", problem.path, problem.what);
            snapshot.problem_list = problems.take(PROBLEMS_MAX).map(shown).collect();
        }
    }
}

/// Where the notes of an archive are: by the name that the configuration has for it, otherwise by its id.
pub(crate) fn file_of(state: &Path, key: &str) -> PathBuf {
    state.join(format!("{key}.json"))
}

/// Notes something of an archive.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn note(file: &Path, id: ArchiveId, change: impl FnOnce(&mut ArchiveNotes)) -> Result<(), Failure> {
    let mut notes = Notes::read(file);
    change(notes.archives.entry(id.to_string()).or_default());
    written(&notes, file)
}

/// Notes how a run of `create` ended.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn note_run(file: &Path, code: u8, failure: Option<&str>) -> Result<(), Failure> {
    let run = Run { time: Time::now().seconds, code, failure: failure.map(str::to_owned) };
    written(&Notes { last_run: Some(run), ..Notes::read(file) }, file)
}

/// Notes when a schedule saves.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn note_schedule(file: &Path, schedule: Option<(When, Scheduler)>) -> Result<(), Failure> {
    written(&Notes { schedule, ..Notes::read(file) }, file)
}

fn written(notes: &Notes, file: &Path) -> Result<(), Failure> {
    notes.write(file).map_err(|error| {
        let reason = snap_archive::base::error::plain_reason(&error);
        Failure::new(format!("cannot note in {} what was done: {reason}", text::path(file)))
    })
}

fn sources(history: &[Summary]) -> Vec<SourceNote> {
    let Some(newest) = history.last() else { return Vec::new() };
    let saved = newest.sources.iter().filter(|source| !source.dropped);
    let note = |source: &snap_archive::base::snapshot::SourceRecord| {
        let last = last_read(history, SnapshotNumber::MAX, &source.name);
        SourceNote {
            name: source.name.clone(),
            snapshot: last.map(|summary| summary.number),
            time: last.map(|summary| summary.time.seconds),
            missing: source.missing,
        }
    };
    saved.map(note).collect()
}

/// How many bytes were added in a week, in the last weeks; the first snapshot, which holds everything, does not count. `None` where
/// that would be a guess.
fn week_bytes(history: &[Summary], now: i64) -> Option<u64> {
    let (first, later) = history.split_first()?;
    let since = first.time.seconds.max(now.saturating_sub(GROWTH_SECONDS));
    let span = now.saturating_sub(since);
    if later.is_empty() || span < WEEK_SECONDS {
        return None;
    }
    let recent = later.iter().filter(|summary| summary.time.seconds >= since);
    let bytes = recent.fold(0_u64, |sum, summary| sum.saturating_add(summary.bytes_added));
    u64::try_from(u128::from(bytes) * WEEK_SECONDS as u128 / span as u128).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use snap_archive::base::snapshot::SourceRecord;

    const DAY: i64 = 24 * 3600;

    fn summary(number: u32, day: i64, bytes_added: u64, sources: &[(&str, bool)]) -> Summary {
        let record = |(name, scanned): &(&str, bool)| SourceRecord {
            name: (*name).to_owned(),
            scanned: *scanned,
            missing: !scanned,
            ..SourceRecord::default()
        };
        let sources = sources.iter().map(record).collect();
        Summary { number: number.into(), time: Time::new(day * DAY, 0), bytes_added, sources, ..Summary::default() }
    }

    #[test]
    fn growth_is_that_of_the_last_weeks_without_the_first_snapshot() {
        let history = [summary(1, 0, 1000, &[]), summary(2, 7, 10, &[]), summary(3, 14, 30, &[])];
        assert_eq!(week_bytes(&history, 14 * DAY), Some(20));
        assert_eq!(week_bytes(&history, 28 * DAY), Some(10));
        assert_eq!(week_bytes(&history[..1], 28 * DAY), None, "nothing was added yet");
        assert_eq!(week_bytes(&history, 3 * DAY), None, "of three days");
        assert_eq!(week_bytes(&history, 800 * DAY), Some(0), "long ago");
        assert_eq!(week_bytes(&[], 0), None);
    }

    #[test]
    fn each_source_has_the_snapshot_that_read_it_last() {
        let history = [summary(1, 0, 0, &[("a", true), ("b", true)]), summary(4, 9, 0, &[("a", true), ("b", false)])];
        let notes = sources(&history);
        let of =
            |note: &SourceNote| (note.name.clone(), note.snapshot.map(SnapshotNumber::get), note.time, note.missing);
        assert_eq!(of(&notes[0]), ("a".to_owned(), Some(4), Some(9 * DAY), false));
        assert_eq!(of(&notes[1]), ("b".to_owned(), Some(1), Some(0), true));
    }

    #[test]
    fn what_is_written_is_read_again_and_what_is_no_note_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = file_of(&folder.path().join("a/b"), "home");
        note(&file, ArchiveId([1; 16]), |archive| archive.place = "x".to_owned()).unwrap();
        note_run(&file, 4, Some("why")).unwrap();
        let notes = Notes::read(&file);
        assert_eq!(notes.last_run.unwrap().failure.as_deref(), Some("why"));
        assert_eq!(notes.archives.values().next().unwrap().place, "x");
        fs::write(&file, "{").unwrap();
        assert_eq!(Notes::read(&file), Notes::default());
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no litter");
    }

    #[test]
    fn a_check_without_contents_takes_back_nothing_of_one_of_every_byte() {
        let check = |time, data, findings| Verification { time, data, findings };
        let noted = |checks: &[Verification]| {
            let mut notes = ArchiveNotes::default();
            for check in checks {
                notes.note_check(check.clone());
            }
            notes.verified.unwrap().time
        };
        assert_eq!(noted(&[check(1, true, 0), check(2, false, 0)]), 1);
        assert_eq!(noted(&[check(1, true, 3), check(2, false, 0)]), 1);
        assert_eq!(noted(&[check(1, true, 0), check(2, false, 1)]), 2);
        assert_eq!(noted(&[check(1, false, 0), check(2, true, 0), check(3, true, 0)]), 3);
    }
}
