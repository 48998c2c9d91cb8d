//! Moments: seconds and nanoseconds since 1970, UTC, as file systems keep them. Never reads the clock by itself but in `now`.

use std::fmt;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// A moment: `seconds` since 1970-01-01 UTC, negative before, and `nanos` (below 10⁹) after that second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Time {
    /// Whole seconds since 1970-01-01 UTC, rounded down.
    pub seconds: i64,
    /// Nanoseconds after `seconds`, below 1 000 000 000.
    pub nanos: u32,
}

const NANOS_PER_SECOND: u32 = 1_000_000_000;

impl Time {
    /// The moment `seconds` and `nanos` after 1970; nanoseconds beyond a second are cut to the last one.
    pub fn new(seconds: i64, nanos: u32) -> Time {
        Time { seconds, nanos: nanos.min(NANOS_PER_SECOND - 1) }
    }

    /// The system clock's present moment.
    pub fn now() -> Time {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Time::new(since.as_secs() as i64, since.subsec_nanos()),
            Err(_) => Time::default(),
        }
    }

    /// This moment, `seconds` earlier.
    #[must_use]
    pub fn minus_seconds(self, seconds: i64) -> Time {
        Time { seconds: self.seconds.saturating_sub(seconds), nanos: self.nanos }
    }

    /// The moment written as by `Display`: decimal seconds. `None` when it is not such a text.
    pub fn parse(text: &str) -> Option<Time> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let magnitude = whole.strip_prefix('-').unwrap_or(whole);
        if magnitude.is_empty() || !digits_only(magnitude) || !digits_only(fraction) || fraction.len() > 9 {
            return None;
        }
        let seconds: i64 = whole.parse().ok()?;
        let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
        match (whole.starts_with('-'), nanos) {
            (true, 1..) => Some(Time { seconds: seconds.checked_sub(1)?, nanos: NANOS_PER_SECOND - nanos }),
            _ => Some(Time { seconds, nanos }),
        }
    }

    /// As RFC 3339 in UTC to the second, `2026-11-22T23:55:02Z`; `None` outside the years 0 to 9999.
    pub fn to_rfc3339(self) -> Option<String> {
        let (year, month, day) = civil_date(self.seconds.div_euclid(86_400))?;
        let (hour, minute, second) = time_of_day(self.seconds);
        Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
    }

    /// As in a bundle's name, `20261122T235502Z`; `None` outside the years 0 to 9999.
    pub fn to_stamp(self) -> Option<String> {
        Some(self.to_rfc3339()?.replace(['-', ':'], ""))
    }

    /// Reads what `to_rfc3339` writes.
    pub fn from_rfc3339(text: &str) -> Option<Time> {
        let bytes = text.as_bytes();
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
        if bytes.len() != 20 || marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
            return None;
        }
        let number = |from: usize, to: usize| -> Option<i64> {
            let part = &text.as_bytes()[from..to];
            let digits = part.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(part).ok())??;
            digits.parse().ok()
        };
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let days = days_from_civil(number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let time = Time::new(days * 86_400 + hour * 3600 + minute * 60 + second, 0);
        (time.to_rfc3339()? == text).then_some(time)
    }
}

fn time_of_day(seconds: i64) -> (i64, i64, i64) {
    let of_day = seconds.rem_euclid(86_400);
    (of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Days since 1970 to the proleptic Gregorian date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil_date(days: i64) -> Option<(i64, i64, i64)> {
    if !(-719_528..=2_932_896).contains(&days) {
        return None;
    }
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    Some((year_of_era + era * 400 + i64::from(month <= 2), month, day))
}

/// The reverse of `civil_date`, for any month and day.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Decimal seconds without trailing zeros, as in a pax record: `1700000000.5`, `-0.25`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, seconds, nanos) = match (self.seconds, self.nanos) {
            (i64::MIN..=-1, 1..) => ("-", (self.seconds + 1).unsigned_abs(), NANOS_PER_SECOND - self.nanos),
            (i64::MIN..=-1, 0) => ("-", self.seconds.unsigned_abs(), 0),
            (0.., nanos) => ("", self.seconds.unsigned_abs(), nanos),
        };
        if nanos == 0 {
            return write!(f, "{sign}{seconds}");
        }
        write!(f, "{sign}{seconds}.{}", format!("{nanos:09}").trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_seconds_are_read_as_written() {
        for (time, text) in [
            (Time::new(0, 0), "0"),
            (Time::new(1_700_000_000, 500_000_000), "1700000000.5"),
            (Time::new(-1, 750_000_000), "-0.25"),
            (Time::new(-2, 0), "-2"),
            (Time::new(-2, 1), "-1.999999999"),
            (Time::new(i64::MAX, 999_999_999), "9223372036854775807.999999999"),
        ] {
            assert_eq!(time.to_string(), text);
            assert_eq!(Time::parse(text), Some(time), "{text}");
        }
        for bad in ["", "-", ".5", "1.1234567890", "1e3", "1.-5", "--1", "9223372036854775808", " 1"] {
            assert_eq!(Time::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn calendar_dates_are_read_as_written() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_795_391_702, "2026-11-22T23:55:02Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Time::new(seconds, 7).to_rfc3339().as_deref(), Some(text));
            assert_eq!(Time::from_rfc3339(text), Some(Time::new(seconds, 0)));
        }
        assert_eq!(Time::new(253_402_300_800, 0).to_rfc3339(), None);
        for bad in ["2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01 00:00:00Z"] {
            assert_eq!(Time::from_rfc3339(bad), None, "{bad}");
        }
        assert_eq!(Time::new(1_795_391_702, 0).to_stamp().as_deref(), Some("20261122T235502Z"));
    }
}
