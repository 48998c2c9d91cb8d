//! What rules keep, in golden tables: irregular dates, the clock set back, leap days, summer time.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::base::snapshot::SourceRecord;

/// Central Europe; spelled out so that no time zone database is needed.
fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

/// Snapshots 1, 2, 3 … made at these times, UTC.
fn history(times: &[&str]) -> Vec<Summary> {
    let summary = |(number, time): (u32, &&str)| Summary {
        number: number.into(),
        time: Time::from_rfc3339(&format!("{time}Z")).unwrap(),
        ..Summary::default()
    };
    (1..).zip(times).map(summary).collect()
}

/// The snapshots that stay, each with the words of its reasons.
fn kept(rules: &KeepRules, history: &[Summary]) -> Vec<String> {
    let late = Time::from_rfc3339("2999-01-01T00:00:00Z").unwrap();
    let verdicts = rules.verdicts(history, late, &berlin()).unwrap();
    let shown = |verdict: &Verdict| {
        let words: Vec<String> = verdict.reasons.iter().map(|reason| format!("{reason:?}").to_lowercase()).collect();
        format!("{} {}", verdict.number, words.join(","))
    };
    verdicts.iter().filter(|verdict| !verdict.reasons.is_empty()).map(shown).collect()
}

fn age(text: &str) -> Age {
    text.parse().unwrap()
}

#[test]
fn spans_of_time_are_those_of_the_calendar() {
    let none = KeepRules::default();
    for (rules, times, expected) in [
        // Irregular dates: two on one day, a gap, and the oldest fills what room is left.
        (
            KeepRules { daily: 3, ..none.clone() },
            &["2026-01-01T08:00:00", "2026-01-01T20:00:00", "2026-01-05T08:00:00", "2026-01-05T09:00:00"][..],
            &["1 daily", "2 daily", "4 newest,daily"][..],
        ),
        (
            KeepRules { daily: 2, ..none.clone() },
            &["2026-01-01T08:00:00", "2026-01-01T20:00:00", "2026-01-05T08:00:00", "2026-01-05T09:00:00"],
            &["2 daily", "4 newest,daily"],
        ),
        // Midnight is that of the time zone: 23:30 UTC is the next day in Berlin.
        (
            KeepRules { daily: 9, ..none.clone() },
            &["2026-01-01T08:00:00", "2026-01-01T22:59:59", "2026-01-01T23:00:00", "2026-01-02T12:00:00"],
            &["1 daily", "2 daily", "4 newest,daily"],
        ),
        // Weeks begin on Monday, and the first days of January may be in the last week of the year before.
        (
            KeepRules { weekly: 9, ..none.clone() },
            &["2026-12-20T12:00:00", "2026-12-27T12:00:00", "2026-12-28T12:00:00", "2027-01-03T12:00:00"],
            &["1 weekly", "2 weekly", "4 newest,weekly"],
        ),
        // A leap day is a day of February.
        (
            KeepRules { monthly: 2, ..none.clone() },
            &["2028-02-28T12:00:00", "2028-02-29T12:00:00", "2028-03-01T12:00:00"],
            &["2 monthly", "3 newest,monthly"],
        ),
        (
            KeepRules { yearly: 2, ..none.clone() },
            &["2023-06-01T12:00:00", "2024-02-29T12:00:00", "2024-12-31T22:59:59", "2024-12-31T23:00:00"],
            &["3 yearly", "4 newest,yearly"],
        ),
        // Summer time ends: the hour from 2 to 3 comes twice and is one; it begins: there is no hour from 2 to 3.
        (
            KeepRules { hourly: 9, ..none.clone() },
            &["2026-10-24T23:10:00", "2026-10-25T00:10:00", "2026-10-25T01:10:00", "2026-10-25T02:10:00"],
            &["1 hourly", "3 hourly", "4 newest,hourly"],
        ),
        (
            KeepRules { hourly: 9, ..none.clone() },
            &["2026-03-29T00:10:00", "2026-03-29T00:50:00", "2026-03-29T01:10:00"],
            &["1 hourly", "2 hourly", "3 newest,hourly"],
        ),
        // The clock was set back: the number says what is newer, and a day counts once.
        (
            KeepRules { daily: 9, ..none.clone() },
            &["2026-01-05T08:00:00", "2026-01-06T08:00:00", "2020-01-01T00:00:00", "2026-01-06T09:00:00"],
            &["1 daily", "3 daily", "4 newest,daily"],
        ),
        (
            KeepRules { last: 2, ..none.clone() },
            &["2026-01-05T08:00:00", "2026-01-06T08:00:00", "2020-01-01T00:00:00"],
            &["2 last", "3 newest,last"],
        ),
        // A month back from a day that the month before has not.
        (
            KeepRules { within: Some(age("1 month")), ..none.clone() },
            &["2026-02-27T12:00:00", "2026-02-28T11:00:00", "2026-02-28T13:00:00", "2026-03-31T11:00:00"],
            &["3 within", "4 newest,within"],
        ),
        (
            KeepRules { within: Some(age("30d")), last: 1, ..none.clone() },
            &["2026-01-01T00:00:00", "2026-01-20T00:00:00", "2026-01-31T00:00:01"],
            &["2 within", "3 newest,last,within"],
        ),
        (none.clone(), &["2026-01-01T00:00:00", "2026-01-02T00:00:00"], &["2 newest"]),
    ] {
        assert_eq!(kept(&rules, &history(times)), expected, "{rules:?} {times:?}");
    }
}

#[test]
fn a_clock_from_the_future_makes_nothing_old() {
    let history = history(&["2026-01-01T00:00:00", "2026-01-02T00:00:00", "2036-01-01T00:00:00"]);
    let rules = KeepRules { within: Some(age("7d")), ..KeepRules::default() };
    let now = Time::from_rfc3339("2026-01-03T00:00:00Z").unwrap();
    let verdicts = rules.verdicts(&history, now, &berlin()).unwrap();
    assert!(verdicts.iter().all(|verdict| verdict.reasons.contains(&Reason::Within)), "{verdicts:?}");
}

#[test]
fn the_newest_of_each_source_marks_and_notes_stay() {
    let mut history = history(&[
        "2026-01-01T00:00:00",
        "2026-01-02T00:00:00",
        "2026-01-03T00:00:00",
        "2026-01-04T00:00:00",
        "2026-01-05T00:00:00",
    ]);
    let source = |name: &str, scanned| SourceRecord { name: name.into(), scanned, ..SourceRecord::default() };
    for summary in &mut history {
        let number = summary.number;
        summary.sources = [source("home", number != 2), source("photos", number <= 2)].into();
    }
    history[0].standing = Standing::Marked;
    history[2].note = "release/1.0".into();
    let rules = KeepRules { notes: vec!["release/*".into(), "v?".into()], ..KeepRules::default() };
    let expected = ["1 marked", "2 newestof(\"photos\")", "3 note(\"release/*\")", "5 newest"];
    assert_eq!(kept(&rules, &history), expected);
}

#[test]
fn rules_can_stand_in_a_configuration_file() {
    let rules: KeepRules = toml::from_str("daily = 7\nwithin = \"2 weeks\"\nnotes = [\"v*\"]").unwrap();
    assert_eq!(
        rules,
        KeepRules { daily: 7, within: Some(age("2 weeks")), notes: vec!["v*".into()], ..KeepRules::default() }
    );
    assert_eq!(toml::from_str::<KeepRules>(&toml::to_string(&rules).unwrap()).unwrap(), rules);
    for bad in ["dayly = 7", "within = \"soon\"", "within = \"-3d\"", "within = \"0d\"", "daily = -1"] {
        assert!(toml::from_str::<KeepRules>(bad).is_err(), "{bad}");
    }
}
