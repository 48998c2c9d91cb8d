//! Any text as a WHEN, at several moments in a zone with summer time: a time that is understood is understood again as it is
//! shown.

use jiff::tz::TimeZone;
use snap_archive::base::time::Time;
use snap_archive::base::when::When;
use snap_archive::base::when;

const LAST_NANOS: u32 = 999_999_999;

pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let history: Vec<_> = (1..9_u32).map(|number| (number.into(), Time::new(i64::from(number) << 28, 0))).collect();
    for seconds in [0, 1_795_391_702, 253_402_300_799, i64::MIN, i64::MAX] {
        let Ok(meant) = When::parse(text, Time::new(seconds, LAST_NANOS), &zone) else { continue };
        let _ = when::choose(&meant, &history, &zone);
        match meant {
            When::NotAfter(time) => shown_is_understood(time, &zone),
            When::Number(number) => assert!(number.is_valid()),
            When::Latest | When::LatestMinus(_) => {}
        }
    }
}

fn shown_is_understood(time: Time, zone: &TimeZone) {
    let end_of_second = Time::new(time.seconds, LAST_NANOS);
    let shown = when::local_seconds(time, &TimeZone::UTC);
    // Years before 0 have a sign, which a WHEN has not.
    if !shown.starts_with(['-', '@']) {
        assert_eq!(
            When::parse(&shown, Time::default(), &TimeZone::UTC).unwrap(),
            When::NotAfter(end_of_second),
            "{shown}"
        );
    }
    // In the hour that a clock shows twice the later one is meant.
    let shown = when::local_seconds(time, zone);
    match When::parse(&shown, Time::default(), zone) {
        Ok(When::NotAfter(later)) => {
            assert!(later == end_of_second || later.seconds == end_of_second.seconds + 3600, "{shown}");
        }
        other => assert!(shown.starts_with(['-', '@']), "{shown}: {other:?}"),
    }
}
