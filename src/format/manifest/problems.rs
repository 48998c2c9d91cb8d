//! The problems that the last line notes: bounded when they are noted, and before they are in memory again.

use super::limited::at_most;
use crate::base::error::Problem;
use crate::base::path::EntryPathBuf;
use crate::base::path::printable;
use crate::base::text::Text;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de;
use std::borrow::Cow;

/// The most problems that are named in a manifest; further ones are only counted.
pub const PROBLEMS_MAX: usize = 1000;

/// The most bytes of paths and sentences of the problems that are named.
pub const PROBLEMS_BYTES_MAX: usize = 1 << 20;

/// The most places on other file systems that are named.
pub const ELSEWHERE_MAX: usize = 1000;

/// The most sources of which more is noted than is named.
pub(super) const SOURCES_MAX: usize = 1 << 16;

#[derive(Serialize, Deserialize)]
struct ProblemLine<'a> {
    #[serde(borrow)]
    path: Text<'a>,
    #[serde(borrow)]
    what: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unsaved: bool,
}

/// The problems as a field of the last line.
pub(super) fn serialize<S: Serializer>(problems: &[Problem], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(problems.iter().map(|problem| ProblemLine {
        path: Text(Cow::Borrowed(problem.path.as_bytes())),
        what: Cow::Borrowed(&problem.what),
        unsaved: problem.is_unsaved,
    }))
}

/// The problems that a last line notes. What they say was written to be shown, so nothing in it is left that a terminal obeys.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Problem>, D::Error> {
    let lines: Vec<ProblemLine> = at_most::<PROBLEMS_MAX, _, _>(deserializer)?;
    lines.into_iter().map(problem_of).collect()
}

fn problem_of<E: de::Error>(line: ProblemLine) -> Result<Problem, E> {
    let what = printable(line.what.as_bytes()).into_owned();
    let problem = Problem::new(path_of(&line.path)?, what);
    Ok(if line.unsaved { problem.unsaved() } else { problem })
}

/// The sources as a field of the last line.
pub(super) fn serialize_sources<S: Serializer>(sources: &[EntryPathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(sources.iter().map(|path| Text(Cow::Borrowed(path.as_bytes()))))
}

/// The sources that a last line notes.
pub(super) fn deserialize_sources<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EntryPathBuf>, D::Error> {
    let names: Vec<Text> = at_most::<SOURCES_MAX, _, _>(deserializer)?;
    names.iter().map(path_of).collect()
}

fn path_of<E: de::Error>(text: &Text) -> Result<EntryPathBuf, E> {
    EntryPathBuf::from_bytes(&text.0).ok_or_else(|| E::custom("a problem with a path that cannot be"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::format::manifest::Tail;

    fn problem(path: &[u8], what: &str) -> Problem {
        Problem::new(EntryPathBuf::from_bytes(path).unwrap(), what)
    }

    fn read_again(tail: &Tail) -> Tail {
        Tail::from_line(&Tail { complete: true, ..tail.clone() }.to_line()).unwrap()
    }

    #[test]
    fn problems_are_read_as_they_were_noted() {
        let mut tail = Tail::default();
        let noted =
            [problem(b"s/\xff", "changed"), problem(b"s/b", "cannot be read").unsaved(), problem(b"", "is odd")];
        for problem in &noted {
            tail.note(problem);
        }
        let read = read_again(&tail);
        assert_eq!((read.problems_total, read.problems.as_slice()), (3, noted.as_slice()));
        assert!(read.unsaved_sources.is_empty());
    }

    #[test]
    fn what_has_no_room_is_counted_and_its_source_is_noted_if_it_is_not_saved() {
        let mut tail = Tail::default();
        for number in 0..PROBLEMS_MAX {
            tail.note(&problem(format!("s/{number}").as_bytes(), "is odd"));
        }
        tail.note(&problem(b"t/x", "is odd"));
        tail.note(&problem(b"u/x", "cannot be read").unsaved());
        tail.note(&problem(b"u/y", "cannot be read").unsaved());
        let read = read_again(&tail);
        assert_eq!((read.problems_total, read.problems.len()), (PROBLEMS_MAX as u64 + 3, PROBLEMS_MAX));
        assert_eq!(read.unsaved_sources, [EntryPathBuf::from_bytes(b"u").unwrap()]);
    }

    #[test]
    fn long_paths_do_not_make_the_line_too_long() {
        let long = [b"s/".to_vec(), vec![0xff; 60_000]].concat();
        let mut tail = Tail::default();
        for _ in 0..PROBLEMS_MAX {
            tail.note(&problem(&long, "cannot be read").unsaved());
        }
        let read = read_again(&tail);
        assert!((10..100).contains(&read.problems.len()), "{}", read.problems.len());
        assert_eq!((read.problems_total, read.unsaved_sources.len()), (PROBLEMS_MAX as u64, 1));
    }

    #[test]
    fn hostile_problems_are_damage_or_harmless() {
        let line = |problems: &str| {
            let line = String::from_utf8(Tail { complete: true, ..Tail::default() }.to_line()).unwrap();
            line.replace("\"problems_total\":0", &format!("\"problems_total\":0,\"problems\":{problems}"))
        };
        for bad in [r#"["x"]"#, r#"[{"path":"../x","what":""}]"#, r#"[{"path":"/x","what":""}]"#, r#"[{"path":"x"}]"#] {
            assert!(Tail::from_line(line(bad).as_bytes()).is_err_and(|error| error.is_damage()), "{bad}");
        }
        let many = format!("[{}]", vec![r#"{"path":"x","what":""}"#; PROBLEMS_MAX + 1].join(","));
        assert!(Tail::from_line(line(&many).as_bytes()).is_err());
        let tail = Tail::from_line(line(r#"[{"path":"x","what":"\u001b[2J"}]"#).as_bytes()).unwrap();
        assert!(!tail.problems[0].what.contains('\u{1b}'));
    }
}
