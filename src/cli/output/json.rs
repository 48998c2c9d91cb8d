//! Values as `--json` shows them: paths that are not UTF-8, times, snapshots. Prints nothing.

use super::super::failure::Failure;
use super::advice;
use serde::Serialize;
use serde::Serializer;
use snap_archive::base::error::Error;
use snap_archive::base::error::Problem;
use snap_archive::base::error::Result;
use snap_archive::base::error::Subject;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::path::is_harmless;
use snap_archive::base::snapshot::Counts;
use snap_archive::base::snapshot::SourceRecord;
use snap_archive::base::snapshot::Summary;
use snap_archive::base::text;
use snap_archive::base::time::Time;
use std::time::Duration;

/// The version of all documents: it changes when something in them goes away or gets another meaning.
const VERSION: u32 = 1;

/// A document for programs, with the version.
#[derive(Serialize)]
struct Versioned<'a, T> {
    version: u32,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    #[serde(flatten)]
    document: &'a T,
}

/// A document over several lines, and what of the archive is missing or cannot be trusted.
///
/// # Errors
/// When it cannot be written as JSON.
pub(crate) fn document(document: &impl Serialize, warnings: &[String]) -> Result<String> {
    written(serde_json::to_string_pretty(&Versioned { version: VERSION, warnings, document }))
}

/// A document in one line.
///
/// # Errors
/// When it cannot be written as JSON.
pub(crate) fn line(document: &impl Serialize) -> Result<String> {
    written(serde_json::to_string(&Versioned { version: VERSION, warnings: &[], document }))
}

fn written(text: serde_json::Result<String>) -> Result<String> {
    text.map(harmless).map_err(|error| Error::io("cannot write JSON", error.into()))
}

/// Why a command failed.
#[derive(Serialize)]
pub(crate) struct Failed<'a> {
    error: FailedError<'a>,
}

#[derive(Serialize)]
struct FailedError<'a> {
    kind: &'static str,
    message: &'a str,
    advice: Option<&'a str>,
    #[serde(flatten)]
    subject: Option<About<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum About<'a> {
    File(&'a str),
    Entry(Text<'a>),
    Source(Text<'a>),
}

impl<'a> Failed<'a> {
    pub(crate) fn new(failure: &'a Failure) -> Failed<'a> {
        let subject = failure.subject().and_then(|subject| match subject {
            Subject::File(name) => Some(About::File(name)),
            Subject::Entry(path) => Some(About::Entry(Text(path.as_bytes()))),
            Subject::Source(path) => Some(About::Source(Text(path.as_os_str().as_encoded_bytes()))),
            _ => None,
        });
        Failed { error: FailedError { kind: failure.kind(), message: failure.what(), advice: failure.hint(), subject } }
    }
}

/// A JSON text in which nothing is left that a terminal would obey: such characters stand in strings only, and are escaped.
fn harmless(text: String) -> String {
    let obeyed = |c: char| !is_harmless(c) && !matches!(c, '\n' | '\t');
    if !text.contains(obeyed) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        if obeyed(c) {
            let mut units = [0; 2];
            shown.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Bytes of a path or link target: a string, or `{"escaped": "a%FFb"}` where they are not UTF-8.
pub(crate) struct Text<'a>(pub(crate) &'a [u8]);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        text::serialize(self.0, serializer)
    }
}

/// A moment as RFC 3339 in UTC, with nine decimals where it is not a whole second; outside the years 0 to 9999, which
/// RFC 3339 cannot say, as seconds since 1970.
pub(crate) fn time(time: Time) -> String {
    match time.to_rfc3339() {
        Some(text) if time.nanos == 0 => text,
        Some(text) => format!("{}.{:09}Z", text.trim_end_matches('Z'), time.nanos),
        None => time.to_string(),
    }
}

/// A duration in seconds, to the millisecond.
pub(crate) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// A snapshot, as `list` and `create` show it.
#[derive(Serialize)]
pub(crate) struct Snapshot<'a> {
    number: SnapshotNumber,
    time: String,
    sources: &'a [SourceRecord],
    counts: &'a Counts,
    bytes_added: u64,
    problems: u64,
    note: &'a str,
    standing: &'static str,
}

impl<'a> Snapshot<'a> {
    pub(crate) fn new(summary: &'a Summary) -> Snapshot<'a> {
        Snapshot {
            number: summary.number,
            time: time(summary.time),
            sources: &summary.sources,
            counts: &summary.counts,
            bytes_added: summary.bytes_added,
            problems: summary.problems,
            note: &summary.note,
            standing: summary.standing.word(),
        }
    }
}

/// One problem: which entry, what happened, and what to do.
#[derive(Serialize)]
pub(crate) struct Problematic<'a> {
    path: Text<'a>,
    what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl<'a> Problematic<'a> {
    pub(crate) fn all(problems: &'a [Problem]) -> Vec<Problematic<'a>> {
        problems
            .iter()
            .map(|problem| Problematic {
                path: Text(problem.path.as_bytes()),
                what: &problem.what,
                advice: problem.advice.as_ref().map(advice::text),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_means_the_same() {
        let text = "a\u{7f}\u{9b}2J\u{202e}\n\u{1b}é";
        let json = harmless(serde_json::to_string_pretty(&[text]).unwrap());
        assert!(json.chars().all(|c| c == '\n' || is_harmless(c)), "{json:?}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&json).unwrap(), [text]);
    }

    #[test]
    fn only_paths_that_are_no_utf8_are_escaped() {
        for (bytes, json) in [
            (&b"a%b"[..], r#""a%b""#),
            ("é\n".as_bytes(), r#""é\n""#),
            (b"a\xff%b", r#"{"escaped":"a%FF%25b"}"#),
            (b"\xc3", r#"{"escaped":"%C3"}"#),
        ] {
            assert_eq!(serde_json::to_string(&Text(bytes)).unwrap(), json);
        }
    }

    #[test]
    fn times_are_rfc_3339_where_that_can_say_them() {
        assert_eq!(time(Time::new(1_795_391_702, 0)), "2026-11-22T23:55:02Z");
        assert_eq!(time(Time::new(1_795_391_702, 5)), "2026-11-22T23:55:02.000000005Z");
        assert_eq!(time(Time::new(i64::MAX, 500_000_000)), "9223372036854775807.5");
    }
}
