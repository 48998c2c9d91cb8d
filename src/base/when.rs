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
            let what = format!("cannot understand `{shown}` as a point in time: {why}");
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
/// Only if there is no such snapshot; the error says from where to where the history goes. Times in it are in UTC.
pub fn choose(when: &When, history: &[(SnapshotNumber, Time)]) -> Result<SnapshotNumber> {
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
            found.ok_or_else(|| not_found(before_history(time, history)))
        }
    }
}

fn before_history(time: Time, history: &[(SnapshotNumber, Time)]) -> String {
    let asked = utc(time);
    match history.iter().min_by_key(|(number, made)| (*made, *number)) {
        Some((number, made)) => {
            format!(
                "there is no snapshot as early as {asked}: the history begins with snapshot {number} of {}",
                utc(*made)
            )
        }
        None => format!("there is no snapshot as early as {asked}"),
    }
}

fn utc(time: Time) -> String {
    local_seconds(time, &TimeZone::UTC) + " UTC"
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
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Central Europe; spelled out so that no time zone database is needed.
    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn at(text: &str) -> Time {
        Time::from_rfc3339(text).unwrap()
    }

    /// 2026-11-22, 23:55:02 in UTC: the 23rd has begun in Berlin.
    fn now() -> Time {
        at("2026-11-22T23:55:02Z")
    }

    /// The last moment in UTC that `text` includes, said in Berlin.
    fn last(text: &str) -> Time {
        match When::parse(text, now(), &berlin()) {
            Ok(When::NotAfter(time)) => time,
            other => panic!("{text}: {other:?}"),
        }
    }

    /// The last nanosecond of the second that `text` names.
    fn end_of(text: &str) -> Time {
        Time { nanos: NANOS_LAST as u32, ..at(text) }
    }

    #[test]
    fn numbers_and_latest_are_understood() {
        for (text, when) in [
            ("1", When::Number(1.into())),
            ("999999", When::Number(999_999.into())),
            ("000042", When::Number(42.into())),
            ("2026", When::Number(2026.into())),
            ("latest", When::Latest),
            (" Latest ", When::Latest),
            ("latest~0", When::LatestMinus(0)),
            ("latest~2", When::LatestMinus(2)),
            ("latest~999999", When::LatestMinus(999_999)),
            ("-0", When::LatestMinus(0)),
            ("-1", When::LatestMinus(1)),
            ("-999999", When::LatestMinus(999_999)),
        ] {
            assert_eq!(When::parse(text, now(), &berlin()).unwrap(), when, "{text}");
        }
    }

    #[test]
    fn a_day_a_minute_and_a_second_mean_their_ends_in_local_time() {
        for (text, end) in [
            ("2026-11-22", "2026-11-22T22:59:59Z"),
            (" 2026-11-22 ", "2026-11-22T22:59:59Z"),
            ("2026-07-01", "2026-07-01T21:59:59Z"),
            ("2024-02-29", "2024-02-29T22:59:59Z"),
            ("1969-12-31", "1969-12-31T22:59:59Z"),
            ("2026-11-22 18:30", "2026-11-22T17:30:59Z"),
            ("2026-11-22T18:30", "2026-11-22T17:30:59Z"),
            ("2026-11-22t8:30", "2026-11-22T07:30:59Z"),
            ("2026-11-22 18:30:05", "2026-11-22T17:30:05Z"),
            ("2026-11-22T23:59:59", "2026-11-22T22:59:59Z"),
            ("today", "2026-11-23T22:59:59Z"),
            ("yesterday", "2026-11-22T22:59:59Z"),
            ("Yesterday 18:00", "2026-11-22T17:00:59Z"),
            ("today  9:30", "2026-11-23T08:30:59Z"),
            ("today 09:30:15", "2026-11-23T08:30:15Z"),
        ] {
            assert_eq!(last(text), end_of(end), "{text}");
        }
        assert_eq!(last("2026-11-22 18:30:05.25"), Time::new(at("2026-11-22T17:30:05Z").seconds, 250_000_000));
        assert_eq!(last("2026-11-22 18:30:05.000000001"), Time::new(at("2026-11-22T17:30:05Z").seconds, 1));
    }

    #[test]
    fn a_time_alone_is_the_last_one_that_clocks_showed() {
        // It is 00:55:02 on the 23rd.
        for (text, end) in [
            ("13:37", "2026-11-22T12:37:59Z"),
            ("0:54", "2026-11-22T23:54:59Z"),
            ("00:55", "2026-11-22T23:55:59Z"),
            ("00:56", "2026-11-21T23:56:59Z"),
            ("00:55:02", "2026-11-22T23:55:02Z"),
            ("00:55:03", "2026-11-21T23:55:03Z"),
        ] {
            assert_eq!(last(text), end_of(end), "{text}");
        }
    }

    #[test]
    fn days_of_the_week_are_before_today_and_last_week_is_this_day_of_it() {
        // The 23rd is a Monday.
        for (text, end) in [
            ("monday", "2026-11-16T22:59:59Z"),
            ("Last Monday", "2026-11-16T22:59:59Z"),
            ("sunday", "2026-11-22T22:59:59Z"),
            ("sun 18:00", "2026-11-22T17:00:59Z"),
            ("tuesday  18:00:05", "2026-11-17T17:00:05Z"),
            ("last week", "2026-11-16T22:59:59Z"),
            ("last week 18:00", "2026-11-16T17:00:59Z"),
            ("last month", "2026-10-23T21:59:59Z"),
            ("last year", "2025-11-23T22:59:59Z"),
        ] {
            assert_eq!(last(text), end_of(end), "{text}");
        }
    }

    #[test]
    fn a_day_may_come_first_where_it_cannot_be_mistaken_for_the_month() {
        for (text, end) in [
            ("22.11.2026", "2026-11-22T22:59:59Z"),
            ("1.7.2026", "2026-07-01T21:59:59Z"),
            ("01.07.2026 18:30", "2026-07-01T16:30:59Z"),
            ("22/11/2026", "2026-11-22T22:59:59Z"),
            ("11/22/2026", "2026-11-22T22:59:59Z"),
            ("22-11-2026T18:30", "2026-11-22T17:30:59Z"),
            ("5/5/2026", "2026-05-05T21:59:59Z"),
        ] {
            assert_eq!(last(text), end_of(end), "{text}");
        }
        let error = When::parse("11/12/2026", now(), &berlin()).unwrap_err();
        assert!(error.to_string().contains("mistaken"), "{error}");
    }

    proptest! {
        #[test]
        fn however_a_day_is_written_it_is_that_day_or_refused(year in 1000..3000_i16, month in 1..13_i8, day in 1..32_i8) {
            let parse = |text: String| When::parse(&text, now(), &berlin()).ok();
            let iso = parse(format!("{year}-{month:02}-{day:02}"));
            prop_assert_eq!(iso.is_some(), civil::Date::new(year, month, day).is_ok());
            prop_assert_eq!(parse(format!("{day}.{month}.{year}")), iso);
            prop_assert_eq!(parse(format!("{day:02}.{month:02}.{year}")), iso);
            let is_plain = day > 12 || day == month;
            for text in [format!("{day}/{month}/{year}"), format!("{month}/{day}/{year}"), format!("{day:02}-{month:02}-{year}")] {
                prop_assert_eq!(parse(text), if is_plain { iso } else { None });
            }
        }

        #[test]
        fn a_time_alone_and_a_day_of_the_week_are_never_far(seconds in 0..4_000_000_000_i64, hour in 0..24, minute in 0..60, day in 0..7_usize) {
            let (now, zone) = (Time::new(seconds, 0), berlin());
            let moment = |text: &str| match When::parse(text, now, &zone) {
                Ok(When::NotAfter(time)) => time.seconds,
                other => panic!("{text}: {other:?}"),
            };
            let time = moment(&format!("{hour}:{minute:02}"));
            // A day has 25 hours where summer time ends.
            prop_assert!(time < seconds + 60 && time > seconds - 25 * 3600, "{time} {seconds}");
            let word = ["monday", "tue", "wednesday", "thursday", "fri", "saturday", "sunday"][day];
            let found = zoned(Time::new(moment(word), 0), &zone).unwrap();
            prop_assert_eq!(found.weekday(), Weekday::from_monday_zero_offset(day as i8).unwrap());
            let back = zoned(now, &zone).unwrap().date().since(found.date()).unwrap().get_days();
            prop_assert!((1..=7).contains(&back), "{back}");
        }

        #[test]
        fn any_text_is_a_moment_or_an_error(text in "[-0-9a-z:./ +~]{0,20}") {
            if let Err(error) = When::parse(&text, now(), &berlin()) {
                prop_assert_eq!(error.advice(), Some(&Advice::TimeForms));
            }
        }
    }

    #[test]
    fn a_time_stamp_with_an_offset_means_the_same_everywhere() {
        for text in [
            "2026-11-22T18:30:05Z",
            "2026-11-22t18:30:05z",
            "2026-11-22 18:30:05Z",
            "2026-11-22T19:30:05+01:00",
            "2026-11-22 19:30:05 +0100",
            "2026-11-22T13:00:05-05:30",
            "2026-11-23T00:30:05+06",
            "2026-11-22T18:30:05-00:00",
        ] {
            assert_eq!(last(text), end_of("2026-11-22T18:30:05Z"), "{text}");
        }
        assert_eq!(last("2026-11-22T18:30Z"), end_of("2026-11-22T18:30:59Z"));
        assert_eq!(last("2026-11-22T18:30:05.5Z"), Time::new(at("2026-11-22T18:30:05Z").seconds, 500_000_000));
    }

    #[test]
    fn an_age_is_counted_back_from_now_in_local_days() {
        for (text, moment) in [
            ("2h ago", "2026-11-22T21:55:02Z"),
            ("2 hours ago", "2026-11-22T21:55:02Z"),
            ("1h 30m ago", "2026-11-22T22:25:02Z"),
            ("90 Minutes Ago", "2026-11-22T22:25:02Z"),
            ("3 days ago", "2026-11-19T23:55:02Z"),
            ("1 week ago", "2026-11-15T23:55:02Z"),
            // 00:55 in Berlin on the 23rd of October, when summer time still held.
            ("1 month ago", "2026-10-22T22:55:02Z"),
            ("1 year ago", "2025-11-22T23:55:02Z"),
            ("0s ago", "2026-11-22T23:55:02Z"),
        ] {
            assert_eq!(last(text), at(moment), "{text}");
        }
    }

    #[test]
    fn a_time_that_clocks_show_twice_means_the_second() {
        // On 2026-10-25 at 03:00 summer time clocks go back to 02:00.
        assert_eq!(last("2026-10-25 02:30"), end_of("2026-10-25T01:30:59Z"));
        assert_eq!(last("2026-10-25 01:59"), end_of("2026-10-24T23:59:59Z"));
        assert_eq!(last("2026-10-25 03:00"), end_of("2026-10-25T02:00:59Z"));
        assert_eq!(last("2026-10-25 02:30+02:00"), end_of("2026-10-25T00:30:59Z"));
        assert_eq!(last("2026-10-25"), end_of("2026-10-25T22:59:59Z"));
    }

    #[test]
    fn a_time_that_no_clock_shows_means_the_moment_before_it() {
        // On 2026-03-29 at 02:00 clocks go to 03:00 at once.
        for text in ["2026-03-29 01:59", "2026-03-29 02:00", "2026-03-29 02:30", "2026-03-29 02:59:59"] {
            assert_eq!(last(text), end_of("2026-03-29T00:59:59Z"), "{text}");
        }
        assert_eq!(last("2026-03-29 03:00"), end_of("2026-03-29T01:00:59Z"));
    }

    #[test]
    fn a_day_ends_right_where_clocks_change_at_midnight() {
        // Summer time begins at 00:00 on the second Sunday of March, and ends at 00:00 on the first Sunday of November.
        let zone = TimeZone::posix("XST4XDT,M3.2.0/0,M11.1.0/0").unwrap();
        let last = |text: &str| When::parse(text, now(), &zone).unwrap();
        assert_eq!(last("2026-03-07"), When::NotAfter(end_of("2026-03-08T03:59:59Z")));
        assert_eq!(last("2026-03-08 00:30"), When::NotAfter(end_of("2026-03-08T03:59:59Z")));
        // The last hour of October 31st is lived twice.
        assert_eq!(last("2026-10-31"), When::NotAfter(end_of("2026-11-01T03:59:59Z")));
    }

    #[test]
    fn what_has_no_known_form_is_refused_with_the_forms() {
        for bad in [
            "",
            " ",
            "0",
            "1000000",
            "20261122",
            "-",
            "-1000000",
            "--1",
            "+1",
            "1.5",
            "latest~",
            "latest~-1",
            "latest~1000000",
            "latest 2",
            "newest",
            "2026-11",
            "2026-11-31",
            "2026-13-01",
            "2025-02-29",
            "2026/11/22",
            "2026-11-2",
            "22.11.26",
            "22.11",
            "31.4.2026",
            "11/12/2026",
            "1-2-2026",
            "22/11-2026",
            "2026.11.22",
            "22.11.2026.",
            "13:37Z",
            "24:00",
            "13:60",
            "13:37 monday",
            "last",
            "last today",
            "last yesterday",
            "last fortnight",
            "next week",
            "week",
            "mondays",
            "monday evening",
            "2026-11-22 24:00",
            "2026-11-22 18:60",
            "2026-11-22 18:30:60",
            "2026-11-22 18",
            "2026-11-22 18:3",
            "2026-11-22 18:30:5",
            "2026-11-22 18:30:05:01",
            "2026-11-22 18:30.5",
            "2026-11-22 18:30:05.",
            "2026-11-22x18:30",
            "2026-11-22 18:30:05.1234567890",
            "2026-11-22T18:30+1",
            "2026-11-22T18:30+24:00",
            "2026-11-22T18:30+01:60",
            "2026-11-22T18:30+01:",
            "2026-11-22T18:30zz",
            "2026-11-2é",
            "todays",
            "today9:30",
            "yesterday evening",
            "ago",
            "3 ago",
            "3 days",
            "3 fortnights ago",
            "-3 days ago",
            "+3 days ago",
            "9999999 years ago",
            "9999-12-31 23:59-20:00",
            "P3D",
            "tomorrow",
            "\u{1b}[2J",
        ] {
            let error = When::parse(bad, now(), &berlin()).map(|when| panic!("{bad}: {when:?}")).unwrap_err();
            assert_eq!((error.kind(), error.advice()), (ErrorKind::Refused, Some(&Advice::TimeForms)), "{bad}");
            assert!(!error.to_string().contains(char::is_control), "{bad:?}");
        }
        assert!(When::parse(&"9".repeat(1_000_000), now(), &berlin()).unwrap_err().to_string().len() < 300);
    }

    #[test]
    fn a_clock_beyond_the_calendar_is_an_error_not_a_panic() {
        for now in [Time::new(i64::MAX, 0), Time::new(i64::MIN, 0)] {
            for text in ["today", "yesterday", "3 days ago"] {
                assert!(When::parse(text, now, &berlin()).is_err());
            }
            assert_eq!(local(now, &berlin()), format!("@{now}"));
        }
    }

    #[test]
    fn times_are_shown_as_clocks_show_them() {
        for (time, text) in [
            ("2026-11-22T23:55:02Z", "2026-11-23 00:55:02"),
            ("2026-07-01T10:00:00Z", "2026-07-01 12:00:00"),
            ("2026-03-29T00:59:59Z", "2026-03-29 01:59:59"),
            ("2026-03-29T01:00:00Z", "2026-03-29 03:00:00"),
            ("2026-10-25T00:30:00Z", "2026-10-25 02:30:00"),
            ("2026-10-25T01:30:00Z", "2026-10-25 02:30:00"),
            ("1969-12-31T23:59:59Z", "1970-01-01 00:59:59"),
        ] {
            assert_eq!(local_seconds(at(time), &berlin()), text);
            assert_eq!(local(at(time), &berlin()), text[..16]);
        }
        assert_eq!(local(Time::new(-1, 500), &TimeZone::UTC), "1969-12-31 23:59");
    }

    #[test]
    fn what_is_shown_to_the_second_is_understood_again() {
        for time in [now(), at("2026-10-25T01:30:00Z"), at("2026-03-29T01:00:00Z")] {
            assert_eq!(last(&local_seconds(time, &berlin())), Time { nanos: NANOS_LAST as u32, ..time });
        }
    }

    #[test]
    fn the_newest_snapshot_not_later_is_chosen_by_number() {
        let made = |seconds| Time::new(seconds, 0);
        // The clock was set back before snapshot 3.
        let history = [(1, 100), (2, 200), (3, 150), (5, 300)].map(|(number, seconds)| (number.into(), made(seconds)));
        for (when, number) in [
            (When::Latest, 5),
            (When::LatestMinus(0), 5),
            (When::LatestMinus(1), 3),
            (When::LatestMinus(3), 1),
            (When::Number(2.into()), 2),
            (When::NotAfter(made(100)), 1),
            (When::NotAfter(made(149)), 1),
            (When::NotAfter(made(150)), 3),
            (When::NotAfter(made(200)), 3),
            (When::NotAfter(made(299)), 3),
            (When::NotAfter(made(i64::MAX)), 5),
        ] {
            assert_eq!(choose(&when, &history).unwrap(), number, "{when:?}");
            let mut reversed = history;
            reversed.reverse();
            assert_eq!(choose(&when, &reversed).unwrap(), number, "{when:?}");
        }
    }

    #[test]
    fn a_snapshot_that_is_not_there_is_an_error_that_says_what_is() {
        let history = [(2.into(), at("2026-11-22T23:55:02Z")), (4.into(), at("2026-11-24T00:00:00Z"))];
        for (when, what) in [
            (When::Number(3.into()), "there is no snapshot 3: the history goes from 2 to 4"),
            (When::Number(5.into()), "there is no snapshot 5: the history goes from 2 to 4"),
            (When::LatestMinus(2), "there is no snapshot latest~2: the history has 2 in all"),
            (
                When::NotAfter(at("2026-11-22T23:55:01Z")),
                "there is no snapshot as early as 2026-11-22 23:55:01 UTC: the history begins with snapshot 2 of \
                 2026-11-22 23:55:02 UTC",
            ),
        ] {
            let error = choose(&when, &history).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::NotFound, what));
        }
        for when in [When::Latest, When::LatestMinus(0), When::Number(1.into()), When::NotAfter(now())] {
            assert_eq!(choose(&when, &[]).unwrap_err().to_string(), "there is no snapshot yet");
        }
    }
}
