//! The problems of one run, together where they have one reason. Prints nothing.

use super::advice;
use super::text;
use snap_archive::base::error::Problem;
use snap_archive::base::path::EntryPathBuf;

/// The most problems that are kept, for JSON and for the list at the end; all are counted.
const KEPT_MAX: usize = 1000;

/// The most entries that are named for one reason.
pub(crate) const NAMED_MAX: usize = 20;

/// The problems so far.
#[derive(Default)]
pub(crate) struct Problems {
    groups: Vec<Group>,
    kept: usize,
    /// Of other reasons than those that are kept.
    others: u64,
}

/// Problems of one reason.
struct Group {
    first: Problem,
    paths: Vec<EntryPathBuf>,
    count: u64,
}

impl Problems {
    pub(crate) fn push(&mut self, problem: &Problem) {
        let is_of = |group: &&mut Group| group.first.what == problem.what && group.first.advice == problem.advice;
        let has_room = self.kept < KEPT_MAX;
        match self.groups.iter_mut().find(is_of) {
            Some(group) => {
                group.count += 1;
                if has_room {
                    group.paths.push(problem.path.clone());
                }
            }
            None if has_room => {
                self.groups.push(Group { first: problem.clone(), paths: vec![problem.path.clone()], count: 1 });
            }
            None => self.others += 1,
        }
        self.kept += usize::from(has_room);
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.groups.iter().map(|group| group.count).sum::<u64>() + self.others
    }

    /// Those that were kept.
    pub(crate) fn kept(&self) -> Vec<Problem> {
        let each = |group: &Group| {
            let first = group.first.clone();
            let one = move |path: &EntryPathBuf| Problem { path: path.clone(), ..first.clone() };
            group.paths.iter().map(one).collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(each).collect()
    }

    /// All, for a person: one reason once, with the entries that it concerns.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.groups.iter().flat_map(Group::lines).collect();
        if self.others > 0 {
            lines.push(format!("{}{} more, for other reasons", heading(), text::number(self.others)));
        }
        lines
    }
}

impl Group {
    fn lines(&self) -> Vec<String> {
        if self.count == 1 {
            return vec![one(&self.first)];
        }
        let (entries, why) = (text::count(self.count, "entry", "entries"), reason(&self.first));
        let mut lines = vec![format!("{}{entries}: {why}", heading())];
        lines.extend(self.paths.iter().take(NAMED_MAX).map(|path| format!("    {path}")));
        let more = self.count - self.paths.len().min(NAMED_MAX) as u64;
        if more > 0 {
            lines.push(format!("    and {} more (-v names all)", text::number(more)));
        }
        lines
    }
}

/// One problem as a line.
pub(crate) fn one(problem: &Problem) -> String {
    let why = reason(problem);
    // One that concerns everything has no path.
    let path = if problem.path.is_root() { String::new() } else { format!("{}: ", problem.path) };
    format!("{}{path}{why}", heading())
}

fn heading() -> String {
    text::yellow("problem: ")
}

fn reason(problem: &Problem) -> String {
    let advice = problem.advice.as_ref().map_or(String::new(), |known| format!(". {}", advice::text(known)));
    format!("{}{advice}", problem.what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn problem(path: &str, what: &str) -> Problem {
        Problem::new(EntryPathBuf::from_bytes(path.as_bytes()).unwrap(), what)
    }

    #[test]
    fn one_reason_is_told_once_and_its_list_is_cut() {
        let mut problems = Problems::default();
        problems.push(&problem("home/x", "is odd"));
        for number in 0..2000 {
            problems.push(&problem(&format!("home/{number}"), "cannot be read"));
        }
        let lines = problems.lines();
        assert!(
            lines[0].ends_with("home/x: is odd") && lines[1].ends_with("2,000 entries: cannot be read"),
            "{lines:?}"
        );
        assert_eq!((lines.len(), lines[22].trim()), (23, "and 1,980 more (-v names all)"));
        assert_eq!((problems.count(), problems.kept().len()), (2001, 1000));
    }

    #[test]
    fn reasons_beyond_what_is_kept_are_counted() {
        let mut problems = Problems::default();
        for number in 0..1002 {
            problems.push(&problem("home/x", &format!("reason {number}")));
        }
        assert!(problems.lines().last().unwrap().ends_with("2 more, for other reasons"));
    }
}
