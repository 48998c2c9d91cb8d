//! Whether all is well, as `status` says it. Prints nothing.

use super::super::health;
use super::super::health::Reason;
use super::super::health::Word;
use super::super::notes::ArchiveNotes;
use super::super::notes::SourceNote;
use super::json;
use super::render::Render;
use super::render::Text;
use super::text;
use serde::Serialize;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::printable;
use snap_archive::base::time::Time;

/// How many problems a person is shown.
const PROBLEMS_SHOWN_MAX: usize = 3;

/// What is known, and what it means.
pub(crate) struct Status<'a> {
    /// The archive's name in the configuration.
    pub(crate) name: Option<String>,
    pub(crate) word: Word,
    pub(crate) reasons: Vec<Reason>,
    /// Why the archive is not there, if it is not.
    pub(crate) absent: Option<String>,
    /// When the schedule saves next.
    pub(crate) next: Option<jiff::Zoned>,
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// Within how many seconds everything is to be read back.
    pub(crate) cycle: Option<i64>,
    /// The archive that is there, or was last, with its id.
    pub(crate) archive: Option<(&'a str, &'a ArchiveNotes)>,
    /// Others that take turns with it.
    pub(crate) others: Vec<(&'a String, &'a ArchiveNotes)>,
}

#[derive(Serialize)]
struct Document<'a> {
    name: Option<&'a str>,
    word: Word,
    reasons: &'a [Reason],
    absent: Option<&'a str>,
    next: Option<String>,
    archives: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    id: &'a str,
    place: &'a str,
    seen: String,
    snapshot: Option<Newest<'a>>,
    looked_at: Option<String>,
    sources: Vec<Source<'a>>,
    bytes_free: Option<u64>,
    bytes_total: Option<u64>,
    bytes_each_week: Option<u64>,
    weeks_left: Option<u64>,
    verified: Option<Verified>,
    read_back: ReadBack,
}

#[derive(Serialize)]
struct Newest<'a> {
    number: SnapshotNumber,
    time: String,
    problems: u64,
    problem_list: &'a [String],
}

#[derive(Serialize)]
struct Source<'a> {
    name: &'a str,
    snapshot: Option<SnapshotNumber>,
    time: Option<String>,
    missing: bool,
}

#[derive(Serialize)]
struct Verified {
    time: String,
    data: bool,
    findings: u64,
}

/// What was read back share by share.
#[derive(Serialize)]
struct ReadBack {
    snapshots: usize,
    oldest: Option<String>,
    damaged: Vec<SnapshotNumber>,
}

impl Render for Status<'_> {
    fn text(&self, text: &mut Text) {
        let name = self.name.as_deref().map(|name| format!("Archive {name}: ")).unwrap_or_default();
        let word = match self.word {
            Word::Good => return self.well(&name, text),
            Word::Look => "look",
            Word::Act => "act",
        };
        text.result(text::bold(&format!("{name}{word}")));
        for reason in &self.reasons {
            text.result(format!("  - {}", printable(reason.what.as_bytes())));
        }
        self.facts(&mut |line| text.result(line));
    }

    fn json(&self) -> impl Serialize {
        let own = self.archive.iter().copied();
        let others = self.others.iter().map(|(id, archive)| (id.as_str(), *archive));
        Document {
            name: self.name.as_deref(),
            word: self.word,
            reasons: &self.reasons,
            absent: self.absent.as_deref(),
            next: self.next.as_ref().map(|next| next.timestamp().to_string()),
            archives: own.chain(others).map(|(id, archive)| one(id, archive)).collect(),
        }
    }
}

impl Status<'_> {
    fn well(&self, name: &str, text: &mut Text) {
        text.summary(text::bold(&format!("{name}good")));
        self.facts(&mut |line| text.summary(line));
    }

    fn facts(&self, line: &mut dyn FnMut(String)) {
        let mut fact = |key: &str, value: String| line(format!("  {key:<9} {value}"));
        if let Some((_, archive)) = self.archive {
            let place = printable(archive.place.as_bytes()).into_owned();
            match &self.absent {
                None => fact("place", place),
                Some(absent) => fact("place", format!("{absent}; as noted {}, {place}", self.ago(archive.seen))),
            }
            self.saved(archive, &mut fact);
            fact("room", room(archive));
            fact("checked", self.checked(archive));
        } else if let Some(absent) = &self.absent {
            fact("place", absent.clone());
        }
        let next = self.next.as_ref().map(|next| next.strftime("%Y-%m-%d %H:%M").to_string());
        fact("next run", next.unwrap_or_else(|| "not scheduled (snap schedule install)".to_owned()));
        for (_, other) in &self.others {
            let saved = other.snapshot.as_ref().map_or("nothing".to_owned(), |newest| self.when(newest.time));
            fact("other", format!("{}: {saved}", printable(other.place.as_bytes())));
        }
    }

    fn saved(&self, archive: &ArchiveNotes, fact: &mut dyn FnMut(&str, String)) {
        let Some(newest) = &archive.snapshot else { return fact("saved", "nothing yet".to_owned()) };
        let looked = archive.looked.filter(|looked| *looked > newest.time + health::A_MOMENT);
        let looked = looked.map(|looked| format!("; nothing new {}", self.ago(looked))).unwrap_or_default();
        fact("saved", format!("snapshot {}, {}{looked}", newest.number, self.when(newest.time)));
        let is_old = |source: &&SourceNote| source.missing || source.snapshot != Some(newest.number);
        let current: Vec<_> = archive
            .sources
            .iter()
            .filter(|source| !is_old(source))
            .map(|source| printable(source.name.as_bytes()))
            .collect();
        if !current.is_empty() {
            fact("", current.join(", "));
        }
        for source in archive.sources.iter().filter(is_old) {
            let last = source.time.map_or("never".to_owned(), |time| self.when(time));
            let why = if source.missing { ", not there since" } else { "" };
            fact("", format!("{}: {last}{why}", printable(source.name.as_bytes())));
        }
        for problem in newest.problem_list.iter().take(PROBLEMS_SHOWN_MAX) {
            fact("problem", printable(problem.as_bytes()).into_owned());
        }
        let more = newest.problems.saturating_sub(PROBLEMS_SHOWN_MAX as u64);
        if more > 0 {
            fact("", format!("and {} more (snap list -v)", text::number(more)));
        }
    }

    fn checked(&self, archive: &ArchiveNotes) -> String {
        let verified = archive.verified.as_ref().map(|verified| {
            let how = if verified.data { "every byte" } else { "without contents" };
            let found = match verified.findings {
                0 => "sound".to_owned(),
                found => text::count(found, "damage", "damages"),
            };
            format!("{} ({how}): {found}", self.ago(verified.time))
        });
        let rolled = self.cycle.map(|cycle| {
            if archive.rolling.sound.is_empty() {
                return "a share is read back after each run; none was read back yet".to_owned();
            }
            let recent = archive.rolling.sound.values().filter(|time| self.now - **time <= cycle).count();
            format!("{} read back within {}", text::count(recent as u64, "snapshot", "snapshots"), health::span(cycle))
        });
        let both: Vec<String> = verified.into_iter().chain(rolled).collect();
        if both.is_empty() { "never on this computer (snap verify --data)".to_owned() } else { both.join("; ") }
    }

    fn when(&self, time: i64) -> String {
        format!("{} ({})", text::local(Time::new(time, 0)), self.ago(time))
    }

    fn ago(&self, time: i64) -> String {
        format!("{} ago", health::span(self.now - time))
    }
}

fn room(archive: &ArchiveNotes) -> String {
    let Some(free) = archive.free else { return "not known".to_owned() };
    let total = archive.total.map(|total| format!(" of {}", text::size(total))).unwrap_or_default();
    let rate = match (archive.week_bytes, health::weeks_left(archive)) {
        (Some(bytes), Some(weeks)) => {
            let weeks =
                if weeks > 520 { "more than ten years".to_owned() } else { text::count(weeks, "week", "weeks") };
            format!("; at {} a week enough for {weeks}", text::size(bytes))
        }
        _ => String::new(),
    };
    format!("{} free{total}{rate}", text::size(free))
}

fn one<'a>(id: &'a str, archive: &'a ArchiveNotes) -> One<'a> {
    let time = |seconds: i64| json::time(Time::new(seconds, 0));
    let newest = archive.snapshot.as_ref();
    One {
        id,
        place: &archive.place,
        seen: time(archive.seen),
        snapshot: newest.map(|newest| Newest {
            number: newest.number,
            time: time(newest.time),
            problems: newest.problems,
            problem_list: &newest.problem_list,
        }),
        looked_at: archive.looked.map(time),
        sources: archive
            .sources
            .iter()
            .map(|source| Source {
                name: &source.name,
                snapshot: source.snapshot,
                time: source.time.map(time),
                missing: source.missing,
            })
            .collect(),
        bytes_free: archive.free,
        bytes_total: archive.total,
        bytes_each_week: archive.week_bytes,
        weeks_left: health::weeks_left(archive),
        verified: archive.verified.as_ref().map(|verified| Verified {
            time: time(verified.time),
            data: verified.data,
            findings: verified.findings,
        }),
        read_back: ReadBack {
            snapshots: archive.rolling.sound.len(),
            oldest: archive.rolling.sound.values().min().copied().map(time),
            damaged: archive.rolling.damaged.keys().copied().collect(),
        },
    }
}
