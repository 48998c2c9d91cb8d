//! Files that are being restored, and what is left of those that were not finished.

use super::*;
use std::sync::atomic::AtomicBool;

#[test]
fn nothing_stays_of_a_file_that_was_not_finished() {
    let place = Place::new();
    let to = place.open(DestinationOptions::default());
    let file = to.begin_file(&path("a")).unwrap();
    file.write_at(0, b"half").unwrap();
    let names = to.names(EntryPath::root()).unwrap();
    assert!(names.len() == 1 && names[0].starts_with(TEMPORARY_PREFIX.as_bytes()));
    drop(file);
    assert!(to.is_empty().unwrap());
    // Nor of one that could not get its name.
    std::fs::write(place.at("taken"), "mine").unwrap();
    let file = to.begin_file(&path("taken")).unwrap();
    assert_eq!(what(file.finish(&place.file(0o644, 0))), what_is_in_the_way());
    assert_eq!(what(to.write_special(&path("taken"), &place.entry(Kind::Fifo, 0o600))), what_is_in_the_way());
    assert_eq!(std::fs::read(place.at("taken")).unwrap(), b"mine");
    assert_eq!(to.names(EntryPath::root()).unwrap(), [b"taken"]);
}

#[test]
fn a_file_that_was_just_begun_is_not_taken_for_one_that_was_left_behind() {
    const FILES: usize = 3000;
    let place = Place::new();
    let (to, other) = (place.open(REPLACING), place.open(REPLACING));
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                other.remove_left_behind(EntryPath::root(), &|_| Ok(())).unwrap();
            }
        });
        let lost = (0..FILES).filter(|_| {
            let file = to.begin_file(&path("a")).unwrap();
            file.write_at(0, b"whole").unwrap();
            file.finish(&place.file(0o644, 5)).is_err()
        });
        let lost = lost.count();
        is_done.store(true, Ordering::Relaxed);
        assert_eq!(lost, 0, "of {FILES}");
    });
    assert_eq!(to.names(EntryPath::root()).unwrap(), [b"a"]);
}
