//! Which snapshots of a history rules keep, and by which rule each stays. Pure: reads neither clock nor archive.

use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::matcher::Matcher;
use crate::base::path::printable;
use crate::base::snapshot::SourceRecord;
use crate::base::snapshot::Standing;
use crate::base::snapshot::Summary;
use crate::base::snapshot::last_read;
use crate::base::time::Time;
use jiff::Span;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::friendly::SpanParser;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::HashSet;

/// Rules by which snapshots stay. A snapshot stays if one of them names it. By default none does.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeepRules {
    /// So many newest ones. Default: 0.
    pub last: u32,
    /// The newest of an hour, for this many hours that have one. Default: 0.
    pub hourly: u32,
    /// The newest of a day, for this many days that have one. Default: 0.
    pub daily: u32,
    /// The newest of a week (from Monday on), for this many weeks that have one. Default: 0.
    pub weekly: u32,
    /// The newest of a month, for this many months that have one. Default: 0.
    pub monthly: u32,
    /// The newest of a year, for this many years that have one. Default: 0.
    pub yearly: u32,
    /// All that are not older than this, counted back from the newest one. Default: none.
    pub within: Option<Age>,
    /// All whose note fits one of these patterns, such as `release-*`. Default: none.
    pub notes: Vec<String>,
}

/// A time span as a person writes it: `30d`, `6 months`, `1y 2w`. `m` are minutes, `mo` are months.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Age {
    text: String,
    fields: Fields,
}

/// A span of which the parts are known to be exact.
#[derive(Clone, Copy, Debug)]
struct Fields(Span);

impl PartialEq for Fields {
    fn eq(&self, other: &Fields) -> bool {
        self.0.fieldwise() == other.0.fieldwise()
    }
}

impl Eq for Fields {}

impl std::str::FromStr for Age {
    type Err = Error;

    fn from_str(text: &str) -> Result<Age> {
        let bad = || {
            let what = format!("'{}' is not a time span such as 30d, 6 months or 1y", printable(text.as_bytes()));
            Error::new(ErrorKind::Refused, what).with_advice(Advice::SpanForms)
        };
        let span = SpanParser::new().parse_span(text.trim()).map_err(|_| bad())?;
        if span.is_negative() || span.is_zero() {
            return Err(bad());
        }
        Ok(Age { text: text.trim().to_owned(), fields: Fields(span) })
    }
}

impl TryFrom<String> for Age {
    type Error = Error;

    fn try_from(text: String) -> Result<Age> {
        text.parse()
    }
}

impl From<Age> for String {
    fn from(age: Age) -> String {
        age.text
    }
}

impl std::fmt::Display for Age {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a snapshot stays.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It is the newest one.
    Newest,
    /// It is the newest that read this source.
    NewestOf(String),
    /// A person marked it to be kept.
    Marked,
    /// It is one of the last.
    Last,
    /// It is the newest of its hour.
    Hourly,
    /// It is the newest of its day.
    Daily,
    /// It is the newest of its week.
    Weekly,
    /// It is the newest of its month.
    Monthly,
    /// It is the newest of its year.
    Yearly,
    /// It is not older than that.
    Within,
    /// Its note fits this pattern.
    Note(String),
    /// It was not named.
    NotNamed,
}

/// What becomes of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The snapshot.
    pub number: SnapshotNumber,
    /// Why it stays; empty: it goes.
    pub reasons: Vec<Reason>,
}

impl KeepRules {
    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        *self == KeepRules::default()
    }

    /// How many of the newest stay by each rule that counts, with the rule's name in a configuration.
    pub fn counts(&self) -> [(&'static str, u32); 6] {
        [
            ("last", self.last),
            ("hourly", self.hourly),
            ("daily", self.daily),
            ("weekly", self.weekly),
            ("monthly", self.monthly),
            ("yearly", self.yearly),
        ]
    }

    /// What becomes of the snapshots of `history`, which holds those that were not forgotten, by number. The newest stays, the
    /// newest that read each source, and those that are marked. Hours, days, weeks, months and years are those of `zone`; the
    /// number says which snapshot is newer, never the clock. As long as a rule has room, the oldest snapshot stays by it, too.
    ///
    /// # Errors
    /// Only if a pattern can never fit anything, or a time span leads out of the calendar; the error names it.
    pub fn verdicts(&self, history: &[Summary], now: Time, zone: &TimeZone) -> Result<Vec<Verdict>> {
        let mut verdicts = always_kept(history);
        let notes = self.note_matchers()?;
        let since = self.since(history, now, zone)?;
        let mut counters = self.counters();
        for (at, summary) in history.iter().enumerate().rev() {
            let civil = civil(summary.time, zone);
            let reasons = &mut verdicts[at].reasons;
            for counter in &mut counters {
                reasons.extend(counter.takes(summary, civil, at == 0));
            }
            if since.is_some_and(|since| summary.time > since) {
                reasons.push(Reason::Within);
            }
            let note = Some(as_name(&summary.note)).filter(|note| !note.is_empty());
            let fits = |(_, matcher): &&(String, Matcher)| {
                note.as_ref().is_some_and(|note| matcher.fits(note.as_bytes(), false))
            };
            reasons.extend(notes.iter().find(fits).map(|(pattern, _)| Reason::Note(pattern.clone())));
        }
        Ok(verdicts)
    }

    fn counters(&self) -> [Counter; 6] {
        let counter = |left, reason, key| Counter { left, reason, key, seen: HashSet::new() };
        [
            counter(self.last, Reason::Last, |summary, _| (i64::from(summary.number.get()), 0)),
            counter(self.hourly, Reason::Hourly, |_, at| (day_of(at), i64::from(at.hour()))),
            counter(self.daily, Reason::Daily, |_, at| (day_of(at), 0)),
            counter(self.weekly, Reason::Weekly, |_, at| week_of(at)),
            counter(self.monthly, Reason::Monthly, |_, at| (i64::from(at.year()), i64::from(at.month()))),
            counter(self.yearly, Reason::Yearly, |_, at| (i64::from(at.year()), 0)),
        ]
    }

    fn note_matchers(&self) -> Result<Vec<(String, Matcher)>> {
        let matcher = |pattern: &String| {
            let glob = as_name(pattern);
            Ok((pattern.clone(), Matcher::globs([glob.as_bytes()])?))
        };
        self.notes.iter().map(matcher).collect()
    }

    /// The moment from which on all stay. A newest snapshot from the future says nothing of what is old.
    fn since(&self, history: &[Summary], now: Time, zone: &TimeZone) -> Result<Option<Time>> {
        let (Some(age), Some(newest)) = (&self.within, history.last()) else { return Ok(None) };
        let from = Timestamp::new(newest.time.min(now).seconds, 0).ok().map(|from| from.to_zoned(zone.clone()));
        let since = from.and_then(|from| from.checked_sub(age.fields.0).ok());
        let beyond = || Error::new(ErrorKind::Refused, format!("{age} ago is before the calendar begins"));
        let since = since.ok_or_else(|| beyond().with_advice(Advice::SpanForms))?;
        Ok(Some(Time::new(since.timestamp().as_second(), 0)))
    }
}

/// What stays whatever the rules are: the newest, the newest that read each source that is still saved, and what is marked.
pub fn always_kept(history: &[Summary]) -> Vec<Verdict> {
    let newest = history.last().map(|summary| summary.number);
    let newest_of = newest_of_sources(history);
    let verdict = |summary: &Summary| {
        let number = summary.number;
        let mut reasons: Vec<Reason> = (newest == Some(number)).then_some(Reason::Newest).into_iter().collect();
        if reasons.is_empty() {
            let sources = newest_of.iter().filter(|(_, newest)| **newest == number);
            reasons.extend(sources.map(|(name, _)| Reason::NewestOf((*name).to_owned())));
        }
        reasons.extend((summary.standing == Standing::Marked).then_some(Reason::Marked));
        Verdict { number, reasons }
    };
    history.iter().map(verdict).collect()
}

/// The newest snapshot that read each source, under whatever names it had, unless all that came later read nothing: what that one
/// holds, the newest holds too. A source that was dropped has none.
fn newest_of_sources(history: &[Summary]) -> BTreeMap<&str, SnapshotNumber> {
    let reads = |summary: &&Summary| summary.sources.iter().any(|source| source.scanned);
    let last_run = history.iter().rev().find(reads).map(|summary| summary.number);
    let sources = history.last().into_iter().flat_map(|newest| newest.sources.iter());
    let newest_of = |source: &'_ SourceRecord| {
        let read = last_read(history, SnapshotNumber::MAX, &source.name).map(|summary| summary.number);
        read.filter(|read| Some(*read) != last_run)
    };
    let sources = sources.filter(|source| !source.dropped);
    sources.filter_map(|source| Some((source.name.as_str(), newest_of(source)?))).collect()
}

/// A rule that takes the newest snapshot of each span of time, as long as it has room.
struct Counter {
    left: u32,
    reason: Reason,
    /// Which span a snapshot is in.
    key: fn(&Summary, DateTime) -> (i64, i64),
    seen: HashSet<(i64, i64)>,
}

impl Counter {
    fn takes(&mut self, summary: &Summary, at: Option<DateTime>, is_oldest: bool) -> Option<Reason> {
        if self.left == 0 {
            return None;
        }
        // What is beyond the calendar is in no span with another.
        let key = at.map_or((i64::MIN, i64::from(summary.number.get())), |at| (self.key)(summary, at));
        if !self.seen.insert(key) && !is_oldest {
            return None;
        }
        self.left -= 1;
        Some(self.reason.clone())
    }
}

fn civil(time: Time, zone: &TimeZone) -> Option<DateTime> {
    Some(Timestamp::new(time.seconds, 0).ok()?.to_zoned(zone.clone()).datetime())
}

fn day_of(at: DateTime) -> i64 {
    (i64::from(at.year()) * 100 + i64::from(at.month())) * 100 + i64::from(at.day())
}

fn week_of(at: DateTime) -> (i64, i64) {
    let week = at.date().iso_week_date();
    (i64::from(week.year()), i64::from(week.week()))
}

/// A note as one name, so that no part of it is taken for a folder.
fn as_name(note: &str) -> String {
    note.replace('/', "\u{2215}")
}

#[cfg(test)]
mod tests;
