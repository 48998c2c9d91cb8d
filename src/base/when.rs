//! WHEN, as a person says it: which point in a history is meant. Knows nothing of archives and never reads the clock.

use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::SnapshotNumber;
use crate::base::time::Time;
use jiff::Timestamp;
use jiff::ToSpan;
use jiff::Zoned;
use jiff::civil;
use jiff::civil::DateTime;
use jiff::civil::Weekday;
use jiff::fmt::friendly::SpanParser;
use jiff::tz::AmbiguousOffset;
use jiff::tz::Offset;
use jiff::tz::TimeZone;

/// Which snapshot is meant; [`choose`] finds it in a history.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum When {
    /// The newest one.
    #[default]
    Latest,
    /// So many before the newest one.
    LatestMinus(u32),
    /// The one with this number.
    Number(SnapshotNumber),
    /// The newest one that was made at this time or before.
    NotAfter(Time),
}

/// The most characters of a WHEN.
const TEXT_MAX: usize = 100;

const NANOS_LAST: i32 = 999_999_999;

/// Why a text is no WHEN, in words that follow "cannot understand …:".
type Parsed<T> = std::result::Result<T, &'static str>;

impl When {
    /// Reads what a person wrote, at the moment `now`, in their time zone; upper and lower case are the same.
    ///
    /// A day alone means its end, a minute its end, a second its end. A time that a clock shows twice (summer time ends)
    /// means the second one; a time that no clock shows (summer time begins) means the last moment before it.
    ///
    /// # Errors
    /// Only if the text has none of the forms or names no moment of the calendar; the advice is to see the forms.
    pub fn parse(text: &str, now: Time, zone: &TimeZone) -> Result<When> {
        parse_lower(&text.trim().to_ascii_lowercase(), now, zone).map_err(|why| {
            let shown: String = text.chars().take(TEXT_MAX).flat_map(char::escape_debug).collect();
            let what = format!("cannot understand '{shown}' as a point in time: {why}");
            Error::new(ErrorKind::Refused, what).with_advice(Advice::TimeForms)
        })
    }
}

fn parse_lower(text: &str, now: Time, zone: &TimeZone) -> Parsed<When> {
    if text.is_empty() || text.len() > TEXT_MAX {
        return Err("it is empty or too long");
    }
    if let Some(back) = text.strip_prefix("latest") {
        return latest(back);
    }
    if let Some(back) = text.strip_prefix('-').filter(|back| back.bytes().all(|byte| byte.is_ascii_digit())) {
        let steps = number_of(back.as_bytes(), 1, 6);
        return steps.map(|steps| When::LatestMinus(steps as u32)).ok_or("expected a number after `-`");
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map(When::Number).map_err(|_| "a snapshot's number is between 1 and 999999");
    }
    let time = if text.ends_with("ago") { ago(text, now, zone)? } else { day_and_time(text, now, zone)? };
    Ok(When::NotAfter(time))
}

fn latest(back: &str) -> Parsed<When> {
    if back.is_empty() {
        return Ok(When::Latest);
    }
    let steps = back.strip_prefix('~').and_then(|steps| number_of(steps.as_bytes(), 1, 6));
    steps.map(|steps| When::LatestMinus(steps as u32)).ok_or("expected nothing, or `~` and a number, after `latest`")
}

fn ago(text: &str, now: Time, zone: &TimeZone) -> Parsed<Time> {
    let span = SpanParser::new().parse_span(text).map_err(|_| "it is not an age such as `3 days ago`")?;
    let then = zoned(now, zone).and_then(|now| now.checked_sub(span.abs()).ok());
    Ok(time_of(then.ok_or("that is before the calendar begins")?.timestamp()))
}

/// The last moment of a day, or of a time of a day.
fn day_and_time(text: &str, now: Time, zone: &TimeZone) -> Parsed<Time> {
    let now = || zoned(now, zone).map(|now| now.datetime()).ok_or("the clock is beyond the calendar");
    let begins_with_digit = text.starts_with(|c: char| c.is_ascii_digit());
    if begins_with_digit && text.find(|c: char| !c.is_ascii_digit()).is_some_and(|at| text[at..].starts_with(':')) {
        return last_moment(last_shown(text, now()?)?, zone);
    }
    let (day, rest) = if begins_with_digit {
        let (day, rest) = text.split_at(text.find([' ', 't']).unwrap_or(text.len()));
        (date(day)?, rest.get(1..).unwrap_or_default())
    } else {
        named_day(text, now()?.date())?
    };
    if rest.is_empty() {
        return last_moment(day.at(23, 59, 59, NANOS_LAST), zone);
    }
    let (clock, offset) = split_offset(rest.trim())?;
    let moment = day.to_datetime(time_of_day(clock.trim_end())?);
    match offset {
        Some(offset) => last_moment(moment, &offset.to_time_zone()),
        None => last_moment(moment, zone),
    }
}

/// When a clock that shows `now` showed `text` last; the minute or second that it shows now counts.
fn last_shown(text: &str, now: DateTime) -> Parsed<DateTime> {
    let time = time_of_day(text)?;
    let has_seconds = text.matches(':').count() > 1;
    let begins = civil::Time::new(time.hour(), time.minute(), if has_seconds { time.second() } else { 0 }, 0);
    let is_yesterdays = begins.is_ok_and(|begins| begins > now.time());
    let today = now.date();
    let day = if is_yesterdays { today.yesterday().map_err(|_| "that is before the calendar begins")? } else { today };
    Ok(day.to_datetime(time))
}

/// Reads `today`, `yesterday`, a day of the week (the last one before today) and `last week`, and gives what stands behind.
fn named_day(text: &str, today: civil::Date) -> Parsed<(civil::Date, &str)> {
    let (word, rest) = text.split_once(' ').map_or((text, ""), |(word, rest)| (word, rest.trim_start()));
    let (word, rest) = if word == "last" { rest.split_once(' ').unwrap_or((rest, "")) } else { (word, rest) };
    let is_last = text.starts_with("last ");
    let day = match word {
        "today" if !is_last => Ok(today),
        "yesterday" if !is_last => today.yesterday(),
        "week" if is_last => today.checked_sub(1.week()),
        "month" if is_last => today.checked_sub(1.month()),
        "year" if is_last => today.checked_sub(1.year()),
        word => today.nth_weekday(-1, weekday(word).ok_or("unknown format")?),
    };
    Ok((day.map_err(|_| "that is before the calendar begins")?, rest))
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "monday" | "mon" => Weekday::Monday,
        "tuesday" | "tue" => Weekday::Tuesday,
        "wednesday" | "wed" => Weekday::Wednesday,
        "thursday" | "thu" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" | "sat" => Weekday::Saturday,
        "sunday" | "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// Reads `2026-11-22`, `22.11.2026`, and `22/11/2026` where day and month cannot be mistaken for each other.
fn date(text: &str) -> Parsed<civil::Date> {
    let separator = text.find(|c: char| !c.is_ascii_digit()).and_then(|at| text[at..].chars().next());
    let separator = separator.filter(|mark| matches!(mark, '-' | '.' | '/')).ok_or("unknown format")?;
    let parts: Vec<&[u8]> = text.split(separator).map(str::as_bytes).collect();
    let [first, second, third] = parts.as_slice() else { return Err("unknown format") };
    let iso = (number_of(first, 4, 4), number_of(second, 2, 2), number_of(third, 2, 2));
    let (year, month, day) = match (iso, separator) {
        ((Some(year), Some(month), Some(day)), '-') => (year, month, day),
        _ => day_first((first, second, third), separator)?,
    };
    civil::Date::new(year as i16, month as i8, day as i8).map_err(|_| "there is no such day")
}

/// Year, month and day of a date that begins with the day. With dots it always does; with other marks some begin with the month.
fn day_first((first, second, year): (&[u8], &[u8], &[u8]), separator: char) -> Parsed<(i32, i32, i32)> {
    let numbers = (number_of(first, 1, 2), number_of(second, 1, 2), number_of(year, 4, 4));
    let (Some(first), Some(second), Some(year)) = numbers else { return Err("unknown format") };
    match (first > 12, second > 12) {
        _ if separator == '.' => Ok((year, second, first)),
        (true, _) => Ok((year, second, first)),
        (false, true) => Ok((year, first, second)),
        (false, false) if first == second => Ok((year, second, first)),
        (false, false) => Err("day and month could be mistaken for each other; the year comes first, as in 2026-11-22"),
    }
}

/// Reads `18:30`, `18:30:05` or `18:30:05.25`: the last nanosecond that is meant.
fn time_of_day(text: &str) -> Parsed<civil::Time> {
    let whole = || -> Option<(i32, i32, i32, i32)> {
        let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
        let mut parts = clock.split(':');
        let hour = number_of(parts.next()?.as_bytes(), 1, 2)?;
        let minute = number_of(parts.next()?.as_bytes(), 2, 2)?;
        let second = parts.next().map(|second| number_of(second.as_bytes(), 2, 2));
        let nanos = match (second, fraction) {
            (None, Some(_)) => return None,
            (_, None) => NANOS_LAST,
            (Some(_), Some(fraction)) => {
                number_of(fraction.as_bytes(), 1, 9)? * 10_i32.pow(9_u32.checked_sub(fraction.len() as u32)?)
            }
        };
        let second = second.unwrap_or(Some(59))?;
        parts.next().is_none().then_some((hour, minute, second, nanos))
    };
    let (hour, minute, second, nanos) = whole().ok_or("the time of day is not like 18:30 or 18:30:05")?;
    civil::Time::new(hour as i8, minute as i8, second as i8, nanos).map_err(|_| "there is no such time of day")
}

/// The time of day, and the offset from UTC that stands after it: `z`, `+01:00`, `+0100` or `+01`.
fn split_offset(text: &str) -> Parsed<(&str, Option<Offset>)> {
    if let Some(clock) = text.strip_suffix('z') {
        return Ok((clock, Some(Offset::UTC)));
    }
    let Some(at) = text.find(['+', '-']) else { return Ok((text, None)) };
    let (clock, offset) = text.split_at(at);
    let digits = &offset.as_bytes()[1..];
    let whole = || -> Option<(i32, i32)> {
        let (hours, minutes) = digits.split_at_checked(2)?;
        let minutes = minutes.strip_prefix(b":").unwrap_or(minutes);
        let minutes = if digits.len() == 2 { 0 } else { number_of(minutes, 2, 2)? };
        Some((number_of(hours, 2, 2)?, minutes))
    };
    let found = whole().filter(|(hours, minutes)| *hours < 24 && *minutes < 60);
    let (hours, minutes) = found.ok_or("the offset from UTC is not like +01:00 or Z")?;
    let seconds = hours * 3600 + minutes * 60;
    let signed = if offset.starts_with('-') { -seconds } else { seconds };
    let offset = Offset::from_seconds(signed).map_err(|_| "there is no such offset from UTC")?;
    Ok((clock, Some(offset)))
}

/// The number in `digits`, if it is nothing else and its length is in the range; at most 9 digits.
fn number_of(digits: &[u8], length_min: usize, length_max: usize) -> Option<i32> {
    let well_formed = (length_min..=length_max).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    well_formed.then(|| digits.iter().fold(0, |number, digit| number * 10 + i32::from(digit - b'0')))
}

/// The last moment at which no clock of the zone, set as it is then, is past `clock`.
fn last_moment(clock: DateTime, zone: &TimeZone) -> Parsed<Time> {
    let moment = |offset: Offset| offset.to_timestamp(clock).map_err(|_| "that is beyond the calendar");
    match zone.to_ambiguous_timestamp(clock).offset() {
        AmbiguousOffset::Unambiguous { offset } => Ok(time_of(moment(offset)?)),
        // Shown twice: the later time, so that both are included.
        AmbiguousOffset::Fold { after, .. } => Ok(time_of(moment(after)?)),
        // Never shown: the clock jumps over it, and the last moment is the one before the jump. Read with the offset that
        // comes after the jump, the clock names a moment before it.
        AmbiguousOffset::Gap { after, .. } => {
            let before_jump = moment(after)?;
            let jump = zone.following(before_jump).next().map_or(before_jump, |jump| jump.timestamp());
            Ok(just_before(time_of(jump)))
        }
    }
}

fn just_before(time: Time) -> Time {
    match time.nanos.checked_sub(1) {
        Some(nanos) => Time::new(time.seconds, nanos),
        None => Time::new(time.seconds.saturating_sub(1), NANOS_LAST as u32),
    }
}

fn time_of(moment: Timestamp) -> Time {
    let nanos = moment.as_nanosecond();
    Time::new(nanos.div_euclid(1_000_000_000) as i64, nanos.rem_euclid(1_000_000_000) as u32)
}

fn zoned(time: Time, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::new(time.seconds, time.nanos as i32).ok()?.to_zoned(zone.clone()))
}

/// The snapshot that is meant, of a history of numbers and times in any order. The number decides what is newer, never the clock.
///
/// # Errors
/// Only if there is no such snapshot; the error says from where to where the history goes, with times of `zone`.
pub fn choose(when: &When, history: &[(SnapshotNumber, Time)], zone: &TimeZone) -> Result<SnapshotNumber> {
    let mut numbers: Vec<SnapshotNumber> = history.iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
        let error = Error::new(ErrorKind::NotFound, "there is no snapshot yet");
        return Err(error.with_advice(Advice::CreateFirstSnapshot));
    };
    let not_found = |what: String| Error::new(ErrorKind::NotFound, what).with_advice(Advice::ListSnapshots);
    match *when {
        When::Latest => Ok(*last),
        When::LatestMinus(back) => {
            let count = numbers.len();
            let older = numbers.iter().rev().nth(back as usize).copied();
            older
                .ok_or_else(|| not_found(format!("there is no snapshot latest~{back}: the history has {count} in all")))
        }
        When::Number(number) if numbers.binary_search(&number).is_ok() => Ok(number),
        When::Number(number) => {
            let what = format!("there is no snapshot {number}: the history goes from {first} to {last}");
            Err(not_found(what).with_advice(Advice::ListSnapshotsOrWriteDay))
        }
        When::NotAfter(time) => {
            let found = history.iter().filter(|(_, made)| *made <= time).map(|(number, _)| *number).max();
            found.ok_or_else(|| not_found(before_history(time, history, zone)))
        }
    }
}

fn before_history(time: Time, history: &[(SnapshotNumber, Time)], zone: &TimeZone) -> String {
    let asked = local_seconds(time, zone);
    match history.iter().min_by_key(|(number, made)| (*made, *number)) {
        Some((number, made)) => {
            format!(
                "there is no snapshot as early as {asked}: the history begins with snapshot {number} of {}",
                local_seconds(*made, zone)
            )
        }
        None => format!("there is no snapshot as early as {asked}"),
    }
}

/// For people: the time in this zone to the minute, `2026-11-22 18:30`.
pub fn local(time: Time, zone: &TimeZone) -> String {
    shown(time, zone, "%Y-%m-%d %H:%M")
}

/// For people: the time in this zone to the second, `2026-11-22 18:30:05`.
pub fn local_seconds(time: Time, zone: &TimeZone) -> String {
    shown(time, zone, "%Y-%m-%d %H:%M:%S")
}

/// Beyond the calendar's years it is given in seconds since 1970, as `@` and the number.
fn shown(time: Time, zone: &TimeZone, format: &str) -> String {
    zoned(time, zone).map_or_else(|| format!("@{time}"), |zoned| zoned.strftime(format).to_string())
}

/// The time zone this computer is set to; UTC when none is set.
pub fn system_zone() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests;
