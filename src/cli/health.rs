//! Whether all is well with an archive, of what is known of it: a word, and why. Pure functions; reads no clock and no files.

use super::notes::ArchiveNotes;
use super::notes::Run;
use super::notes::WEEK_SECONDS;
use super::output::text;
use serde::Serialize;

/// Times that are closer than this are the same to a person.
pub(crate) const A_MOMENT: i64 = 3600;

const DAY_SECONDS: i64 = 24 * 3600;

/// How long without a save is fine, if the configuration does not say it.
pub(crate) const SILENCE_SECONDS: i64 = WEEK_SECONDS;

/// After this many times as long, something must be done.
const SILENCE_ACT: i64 = 4;

/// With space for fewer weeks than this, a drive will be full soon.
const WEEKS_LOOK: u64 = 8;

/// With less than this part of its drive free it is nearly full.
const FREE_PART: u64 = 50;

/// How much is to be done. In order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Word {
    /// Nothing.
    Good,
    /// Something should be looked at.
    Look,
    /// Something must be done.
    Act,
}

/// Why it is not all well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Reason {
    pub(crate) word: Word,
    pub(crate) what: String,
}

/// What is known.
pub(crate) struct Known<'a> {
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// After how many seconds without a save somebody should look.
    pub(crate) silence: i64,
    /// Within how many seconds everything is to be read back; `None`: that is not wanted.
    pub(crate) cycle: Option<i64>,
    pub(crate) last_run: Option<&'a Run>,
    /// Of the archive that is there now, or was last.
    pub(crate) archive: Option<&'a ArchiveNotes>,
    /// When any of the archives that take turns was last saved to.
    pub(crate) saved: Option<i64>,
    /// What of the archive is missing, or cannot be trusted.
    pub(crate) warnings: Vec<String>,
}

/// All that is not well, the worst first.
pub(crate) fn reasons(known: &Known<'_>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    silence(known, &mut reasons);
    failure(known, &mut reasons);
    let missing = known.warnings.iter().map(|what| Reason { word: Word::Act, what: what.clone() });
    reasons.extend(missing);
    if let Some(archive) = known.archive {
        damage(archive, &mut reasons);
        problems(archive, &mut reasons);
        room(archive, &mut reasons);
        unread(known, archive, &mut reasons);
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.word));
    reasons
}

/// The word for all of them.
pub(crate) fn word(reasons: &[Reason]) -> Word {
    reasons.iter().map(|reason| reason.word).max().unwrap_or(Word::Good)
}

fn silence(known: &Known<'_>, reasons: &mut Vec<Reason>) {
    let Some(saved) = known.saved else {
        return reasons.push(Reason { word: Word::Act, what: "nothing was ever saved".to_owned() });
    };
    let silent = known.now.saturating_sub(saved);
    if silent >= known.silence {
        let word = if silent >= known.silence.saturating_mul(SILENCE_ACT) { Word::Act } else { Word::Look };
        reasons.push(Reason { word, what: format!("nothing was saved for {}", span(silent)) });
    }
}

/// A drive that is not there is no failure: it is told as silence when it lasts.
fn failure(known: &Known<'_>, reasons: &mut Vec<Reason>) {
    let Some(run) = known.last_run else { return };
    if let Some(failure) = run.failure.as_ref().filter(|_| run.code != super::failure::NO_ARCHIVE) {
        reasons.push(Reason { word: Word::Act, what: format!("the last run failed: {failure}") });
    }
}

fn damage(archive: &ArchiveNotes, reasons: &mut Vec<Reason>) {
    let found = archive.verified.as_ref().map_or(0, |verified| verified.findings);
    if found > 0 || !archive.rolling.damaged.is_empty() {
        let what = "the archive is damaged: see what is affected with snap verify --data, then run snap repair";
        reasons.push(Reason { word: Word::Act, what: what.to_owned() });
    }
}

fn problems(archive: &ArchiveNotes, reasons: &mut Vec<Reason>) {
    let problems = archive.snapshot.as_ref().map_or(0, |snapshot| snapshot.problems);
    let missing: Vec<&str> =
        archive.sources.iter().filter(|source| source.missing).map(|source| source.name.as_str()).collect();
    if !missing.is_empty() {
        let what = format!("not there when it was last saved: {}", missing.join(", "));
        reasons.push(Reason { word: Word::Look, what });
    } else if problems > 0 {
        let entries = text::count(problems, "entry", "entries");
        reasons.push(Reason { word: Word::Look, what: format!("{entries} could not be saved completely") });
    }
}

fn room(archive: &ArchiveNotes, reasons: &mut Vec<Reason>) {
    let Some(free) = archive.free else { return };
    let weeks = weeks_left(archive);
    let is_short = archive.total.is_some_and(|total| free < total / FREE_PART);
    let what = match weeks {
        Some(weeks) if weeks < WEEKS_LOOK => {
            format!("the drive will be full in about {}", text::count(weeks.max(1), "week", "weeks"))
        }
        _ if is_short => format!("the drive is nearly full: {} are free", text::size(free)),
        _ => return,
    };
    let word = if weeks.is_some_and(|weeks| weeks < 2) { Word::Act } else { Word::Look };
    reasons.push(Reason { word, what });
}

/// Adds a reason if something was due to be read back long ago, and was not.
fn unread(known: &Known<'_>, archive: &ArchiveNotes, reasons: &mut Vec<Reason>) {
    let Some(cycle) = known.cycle else { return };
    let oldest = archive.rolling.sound.values().min().copied();
    if let Some(oldest) = oldest.filter(|oldest| known.now - oldest > cycle.saturating_mul(2)) {
        let what = format!("a part of the archive was not read back for {}", span(known.now - oldest));
        reasons.push(Reason { word: Word::Look, what });
    }
}

/// For how many weeks what is free is enough, at the rate of the last weeks.
pub(crate) fn weeks_left(archive: &ArchiveNotes) -> Option<u64> {
    archive.free?.checked_div(archive.week_bytes?)
}

/// `5 hours`, `3 days`, `6 weeks`.
pub(crate) fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (count, one, many) = match seconds {
        0..60 => return "less than a minute".to_owned(),
        60..3600 => (seconds / 60, "minute", "minutes"),
        3600..172_800 => (seconds / 3600, "hour", "hours"),
        172_800..1_814_400 => (seconds / DAY_SECONDS, "day", "days"),
        _ => (seconds / WEEK_SECONDS, "week", "weeks"),
    };
    text::count(count as u64, one, many)
}

#[cfg(test)]
mod tests {
    use super::super::notes::SnapshotNote;
    use super::super::notes::SourceNote;
    use super::super::notes::Verification;
    use super::*;

    const NOW: i64 = 1_000 * DAY_SECONDS;

    fn well() -> ArchiveNotes {
        ArchiveNotes {
            free: Some(500),
            total: Some(1000),
            week_bytes: Some(10),
            snapshot: Some(SnapshotNote { number: 3.into(), time: NOW, ..SnapshotNote::default() }),
            ..ArchiveNotes::default()
        }
    }

    fn told(archive: &ArchiveNotes, saved: Option<i64>, run: Option<&Run>) -> Vec<(Word, String)> {
        let (silence, cycle) = (SILENCE_SECONDS, Some(30 * DAY_SECONDS));
        let known =
            Known { now: NOW, silence, warnings: Vec::new(), cycle, last_run: run, archive: Some(archive), saved };
        reasons(&known).into_iter().map(|reason| (reason.word, reason.what)).collect()
    }

    #[test]
    fn nothing_is_told_where_all_is_well() {
        assert_eq!(told(&well(), Some(NOW - DAY_SECONDS), None), []);
        assert_eq!(word(&[]), Word::Good);
    }

    #[test]
    fn silence_grows_worse() {
        for (days, expected) in [(6, None), (7, Some(Word::Look)), (27, Some(Word::Look)), (28, Some(Word::Act))] {
            let told = told(&well(), Some(NOW - days * DAY_SECONDS), None);
            assert_eq!(told.first().map(|(word, _)| *word), expected, "{days} days: {told:?}");
        }
        assert_eq!(told(&well(), None, None)[0].0, Word::Act);
    }

    #[test]
    fn a_failure_is_to_be_acted_on_and_an_absent_drive_is_not() {
        let run = |code| Run { time: NOW, code, failure: Some("why".to_owned()) };
        assert_eq!(told(&well(), Some(NOW), Some(&run(1)))[0], (Word::Act, "the last run failed: why".to_owned()));
        assert_eq!(told(&well(), Some(NOW), Some(&run(4))), []);
    }

    #[test]
    fn damage_comes_before_problems() {
        let mut archive = well();
        archive.verified = Some(Verification { findings: 1, ..Verification::default() });
        archive.snapshot = Some(SnapshotNote { problems: 2, ..SnapshotNote::default() });
        let both = told(&archive, Some(NOW), None);
        assert_eq!(both.iter().map(|(word, _)| *word).collect::<Vec<_>>(), [Word::Act, Word::Look]);
        archive.sources = vec![SourceNote { name: "mail".to_owned(), missing: true, ..SourceNote::default() }];
        assert!(told(&archive, Some(NOW), None)[1].1.ends_with(": mail"));
    }

    #[test]
    fn a_drive_that_will_be_full_is_told_before_it_is() {
        for (free, week_bytes, expected) in [
            (500, Some(10), None),
            (70, Some(10), Some((Word::Look, "the drive will be full in about 7 weeks"))),
            (10, Some(10), Some((Word::Act, "the drive will be full in about 1 week"))),
            (19, None, Some((Word::Look, "the drive is nearly full: 19 B are free"))),
            (19, Some(0), Some((Word::Look, "the drive is nearly full: 19 B are free"))),
        ] {
            let archive = ArchiveNotes { free: Some(free), week_bytes, ..well() };
            let told = told(&archive, Some(NOW), None);
            let told = told.first().map(|(word, what)| (*word, what.as_str()));
            assert_eq!(told, expected, "{free} {week_bytes:?}");
        }
    }

    #[test]
    fn what_was_not_read_back_for_long_is_told() {
        let mut archive = well();
        archive.rolling.sound = [(1.into(), NOW - 61 * DAY_SECONDS), (2.into(), NOW)].into();
        assert_eq!(told(&archive, Some(NOW), None)[0].0, Word::Look);
        archive.rolling.sound = [(1.into(), NOW - 59 * DAY_SECONDS)].into();
        assert_eq!(told(&archive, Some(NOW), None), []);
    }

    #[test]
    fn spans_are_in_the_unit_that_a_person_would_take() {
        for (seconds, text) in [(5, "less than a minute"), (7200, "2 hours"), (3 * DAY_SECONDS, "3 days")] {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(span(42 * DAY_SECONDS), "6 weeks");
    }
}
