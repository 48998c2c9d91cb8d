//! Tests of WHEN.

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
        assert_eq!(choose(&when, &history, &TimeZone::UTC).unwrap(), number, "{when:?}");
        let mut reversed = history;
        reversed.reverse();
        assert_eq!(choose(&when, &reversed, &TimeZone::UTC).unwrap(), number, "{when:?}");
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
            "there is no snapshot as early as 2026-11-22 23:55:01: the history begins with snapshot 2 of \
             2026-11-22 23:55:02",
        ),
    ] {
        let error = choose(&when, &history, &TimeZone::UTC).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::NotFound, what));
    }
    for when in [When::Latest, When::LatestMinus(0), When::Number(1.into()), When::NotAfter(now())] {
        assert_eq!(choose(&when, &[], &TimeZone::UTC).unwrap_err().to_string(), "there is no snapshot yet");
    }
}
