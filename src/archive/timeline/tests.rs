//! The courses of all paths in random histories, compared with a plain map of paths for each number.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::archive::catalog::tests::NUMBERS;
use crate::archive::catalog::tests::Story;
use crate::base::aspect::aspects;
use crate::base::monitor::Recorder;
use std::collections::BTreeSet;

/// What the plain maps say of the paths that are wanted.
fn expected(story: &Story, snapshots: &[SnapshotNumber], wanted: impl Fn(&EntryPath) -> bool) -> Vec<Course> {
    let at = |number: SnapshotNumber| &story.models[number.get() as usize];
    let paths: BTreeSet<&EntryPathBuf> = snapshots.iter().flat_map(|number| at(*number).keys()).collect();
    let mut courses = Vec::new();
    for path in paths.into_iter().filter(|path| wanted(path)) {
        let mut versions: Vec<Version> = Vec::new();
        let mut before: Option<&Entry> = None;
        for number in snapshots {
            let now = at(*number).get(path);
            match (now, versions.last_mut()) {
                (Some(now), Some(last)) if before.is_some_and(|before| aspects(before, now).is_empty()) => {
                    last.last = *number;
                }
                (Some(now), _) => versions.push(Version { entry: now.clone(), first: *number, last: *number }),
                (None, _) => {}
            }
            before = now;
        }
        courses.push(Course { path: path.clone(), versions, is_there: before.is_some() });
    }
    courses
}

/// What is followed: by path, and from which entry on.
struct Only<P, E>(P, E);

impl<P: Fn(&[u8]) -> bool + Sync, E: Fn(&Entry) -> bool + Sync> Follow for Only<P, E> {
    fn may_follow(&self, path: &[u8]) -> bool {
        self.0(path)
    }

    fn begins(&self, _: &[u8], _: &Stat, entry: &dyn Fn() -> Result<Option<Entry>>) -> Result<bool> {
        Ok(entry()?.is_some_and(|entry| self.1(&entry)))
    }
}

fn check(found: Vec<Course>, expected: Vec<Course>, shown: &str) {
    assert_eq!(found.len(), expected.len(), "{shown}");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!((&found.path, found.is_there), (&expected.path, expected.is_there), "{shown}");
        let numbers = |course: &Course| course.versions.iter().map(|one| (one.first, one.last)).collect::<Vec<_>>();
        assert_eq!(numbers(found), numbers(expected), "{shown}: {}", found.path);
        for (a, b) in found.versions.iter().zip(&expected.versions) {
            assert!(aspects(&a.entry, &b.entry).is_empty(), "{shown}: {a:?} {b:?}");
        }
    }
}

#[test]
fn every_path_goes_through_the_history_as_plain_maps_say_in_one_pass_or_in_many() {
    let (mut gone, mut returned) = (0, 0);
    for seed in 0..12 {
        let mut story = Story::new(seed);
        (0..NUMBERS).for_each(|_| story.add_number());
        let monitor = Recorder::new();
        let catalog = story.archive.catalog(&monitor).unwrap();
        let snapshots: Vec<SnapshotNumber> = catalog.snapshots().collect();
        let all = Only(|_: &[u8]| true, |_: &Entry| true);
        for bytes_max in [FOLLOWED_BYTES_MAX, 20_000, 1] {
            let courses = Courses { bytes_max, ..Courses::new(&catalog, &monitor, &all, 2) };
            let found: Vec<Course> = courses.map(Result::unwrap).collect();
            gone += found.iter().filter(|course| !course.is_there).count();
            returned += found.iter().filter(|course| course.versions.len() > 1).count();
            check(found, expected(&story, &snapshots, |_| true), &format!("seed {seed}, {bytes_max}"));
        }
        let some = Only(|path: &[u8]| path.ends_with(b"m"), |_: &Entry| true);
        let found: Vec<Course> = Courses::new(&catalog, &monitor, &some, 1).map(Result::unwrap).collect();
        check(found, expected(&story, &snapshots, |path| path.as_bytes().ends_with(b"m")), &format!("seed {seed}"));
        assert_eq!(monitor.problems(), []);
    }
    assert!(gone > 0 && returned > 0, "{gone} {returned}");
}

#[test]
fn a_path_that_is_wanted_from_some_version_on_is_followed_to_its_end() {
    for seed in 0..12 {
        let mut story = Story::new(seed);
        (0..NUMBERS).for_each(|_| story.add_number());
        let monitor = Recorder::new();
        let catalog = story.archive.catalog(&monitor).unwrap();
        let snapshots: Vec<SnapshotNumber> = catalog.snapshots().collect();
        let fits = |entry: &Entry| entry.content.as_ref().is_some_and(|content| content.hash.0[0] < 60);
        let wanted = Only(|_: &[u8]| true, fits);
        let fitting = |courses: Vec<Course>| -> Vec<(EntryPathBuf, Vec<(SnapshotNumber, SnapshotNumber)>, bool)> {
            let runs = |course: &Course| {
                let fitting = course.versions.iter().filter(|version| fits(&version.entry));
                fitting.map(|version| (version.first, version.last)).collect::<Vec<_>>()
            };
            let all = courses.into_iter().map(|course| (course.path.clone(), runs(&course), course.is_there));
            all.filter(|(_, runs, _)| !runs.is_empty()).collect()
        };
        let found: Vec<Course> = Courses::new(&catalog, &monitor, &wanted, 0).map(Result::unwrap).collect();
        assert_eq!(fitting(found), fitting(expected(&story, &snapshots, |_| true)), "seed {seed}");
    }
}

/// All paths that are gone at the end.
struct OnlyGone;

impl Follow for OnlyGone {
    fn only_gone(&self) -> bool {
        true
    }

    fn may_follow(&self, _: &[u8]) -> bool {
        true
    }

    fn begins(&self, _: &[u8], _: &Stat, _: &dyn Fn() -> Result<Option<Entry>>) -> Result<bool> {
        Ok(true)
    }
}

#[test]
fn where_only_what_is_gone_is_asked_for_all_of_it_is_followed_and_little_else() {
    let (mut gone, mut others) = (0, 0);
    for seed in 0..24 {
        let mut story = Story::new(seed);
        for _ in 0..NUMBERS {
            story.add_number();
            let monitor = Recorder::new();
            let catalog = story.archive.catalog(&monitor).unwrap();
            let snapshots: Vec<SnapshotNumber> = catalog.snapshots().collect();
            let found: Vec<Course> = Courses::new(&catalog, &monitor, &OnlyGone, 2).map(Result::unwrap).collect();
            others += found.iter().filter(|course| course.is_there).count();
            let found = found.into_iter().filter(|course| !course.is_there).collect::<Vec<_>>();
            gone += found.len();
            let mut expected = expected(&story, &snapshots, |_| true);
            expected.retain(|course| !course.is_there);
            check(found, expected, &format!("seed {seed}"));
        }
    }
    assert!(gone > 0 && others < gone, "{gone} {others}");
}

#[test]
fn no_more_index_files_stay_open_than_the_newest_state_is_made_of() {
    let mut story = Story::new(1);
    (0..NUMBERS).for_each(|_| story.add_number());
    let monitor = Recorder::new();
    let catalog = story.archive.catalog(&monitor).unwrap();
    let mut numbers = Vec::new();
    for step in Steps::new(&catalog, &monitor) {
        let step = step.unwrap();
        assert_eq!(catalog.open_files(), step.state.layers().len(), "{}", step.number);
        numbers.push((step.number, step.summary.map(|summary| summary.number)));
    }
    assert_eq!(numbers.len() as u32, NUMBERS);
    let finished: Vec<SnapshotNumber> = numbers.iter().filter_map(|(_, summary)| *summary).collect();
    assert_eq!(finished, catalog.snapshots().collect::<Vec<_>>());
}
