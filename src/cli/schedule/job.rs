//! What is to be run at given times, and when.

use jiff::ToSpan;
use jiff::Zoned;
use jiff::civil::Time as Clock;
use jiff::civil::Weekday;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// How often.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Every {
    Hour,
    Day,
    Week,
}

/// When it is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct When {
    pub(crate) every: Every,
    /// By the local clock; of an hour only the minute counts.
    pub(crate) hour: i8,
    pub(crate) minute: i8,
    /// The day of a week, 0 for Sunday.
    pub(crate) day: i8,
}

/// What starts it beside the clock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trigger {
    /// A device appears.
    Device(PathBuf),
    /// Something is mounted in this folder.
    Mount(PathBuf),
}

/// What is to be run at given times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Job {
    /// The archive, as it stands in names of files.
    pub(crate) name: String,
    /// The archive, as its user names it.
    pub(crate) archive: String,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    pub(crate) when: When,
    pub(crate) triggers: Vec<Trigger>,
}

/// The days of a week, as systemd and people write them.
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl When {
    /// The next time after `now`; `None` beyond the calendar.
    pub(crate) fn next(self, now: &Zoned) -> Option<Zoned> {
        let at = |day: jiff::civil::Date, hour| {
            day.to_datetime(Clock::new(hour, self.minute, 0, 0).ok()?).to_zoned(now.time_zone().clone()).ok()
        };
        let mut day = now.date();
        // Nine days have every time of every day of the week.
        for _ in 0..9 {
            let is_day =
                self.every != Every::Week || day.weekday() == Weekday::from_sunday_zero_offset(self.day).ok()?;
            let hours = if self.every == Every::Hour { 0..24 } else { self.hour..self.hour + 1 };
            let next = hours.filter_map(|hour| at(day, hour)).find(|time| time > now);
            if let Some(next) = next.filter(|_| is_day) {
                return Some(next);
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }

    /// The day of the week in English.
    pub(crate) fn day_name(self) -> &'static str {
        DAYS[self.day.rem_euclid(7) as usize]
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let When { hour, minute, .. } = self;
        match self.every {
            Every::Hour => write!(f, "every hour, {minute} minutes past"),
            Every::Day => write!(f, "every day at {hour:02}:{minute:02}"),
            Every::Week => write!(f, "every {} at {hour:02}:{minute:02}", self.day_name()),
        }
    }
}

/// Hours and minutes, as `18:30`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HourMinute(pub(crate) i8, pub(crate) i8);

impl FromStr for HourMinute {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<HourMinute, &'static str> {
        let parsed = text.split_once(':').and_then(|(hour, minute)| Some((hour.parse().ok()?, minute.parse().ok()?)));
        let valid = parsed.filter(|(hour, minute)| (0..24).contains(hour) && (0..60).contains(minute));
        valid.map(|(hour, minute)| HourMinute(hour, minute)).ok_or("expected a time such as 18:30")
    }
}

/// A day of the week, from its English name or the first three letters of it.
pub(crate) fn parse_day(text: &str) -> Result<i8, String> {
    let typed = text.to_lowercase();
    let is_it = |day: &str| typed.len() >= 3 && day.to_lowercase().starts_with(&typed);
    let found = DAYS.iter().position(|day| is_it(day));
    found.map(|day| day as i8).ok_or_else(|| "expected a day of the week such as monday".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_next_time_is_after_now_by_the_local_clock() {
        let now: Zoned = "2026-11-27T18:00:00[UTC]".parse().unwrap();
        for (every, hour, minute, day, expected) in [
            (Every::Hour, 0, 15, 0, "2026-11-27T18:15:00"),
            (Every::Hour, 0, 0, 0, "2026-11-27T19:00:00"),
            (Every::Day, 18, 0, 0, "2026-11-28T18:00:00"),
            (Every::Day, 18, 1, 0, "2026-11-27T18:01:00"),
            // The 27th is a Friday.
            (Every::Week, 17, 0, 5, "2026-12-04T17:00:00"),
            (Every::Week, 19, 0, 5, "2026-11-27T19:00:00"),
            (Every::Week, 19, 0, 0, "2026-11-29T19:00:00"),
        ] {
            let next = When { every, hour, minute, day }.next(&now).unwrap();
            assert_eq!(next.datetime().to_string(), expected, "{every:?} {hour}:{minute} {day}");
        }
    }

    #[test]
    fn times_and_days_are_read_as_people_write_them() {
        assert!("18:30".parse::<HourMinute>().is_ok_and(|at| (at.0, at.1) == (18, 30)));
        assert!(["24:00", "18", "18:60", "a:b", "-1:00"].iter().all(|text| text.parse::<HourMinute>().is_err()));
        assert_eq!((parse_day("Monday"), parse_day("sat")), (Ok(1), Ok(6)));
        assert!(["", "mo", "mondays", "x"].iter().all(|text| parse_day(text).is_err()));
    }
}
