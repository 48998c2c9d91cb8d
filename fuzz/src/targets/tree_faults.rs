//! Any edits of a small tree, and runs of `create` that are stopped, fail or are lied to by the drive at any step: no snapshot
//! before is harmed, the new one is there or is not, and the next run goes on, for stock tools as well.

use arbitrary::Unstructured;
use crate::histories::Story;
use crate::stores::Fault;
use crate::stores::FaultyStore;
use crate::stores;
use snap_archive::system::store::Store;
use std::io::ErrorKind;
use std::sync::Arc;

const RUNS_MAX: usize = 6;

/// A run over so small a tree has 30 to 60 steps, and 10 more for each part.
const STEPS_MAX: usize = 100;

const FAULTS: [Fault; 5] = [
    Fault::Crash,
    Fault::Once(ErrorKind::Other),
    Fault::Once(ErrorKind::StorageFull),
    Fault::NoMoreWriting(ErrorKind::StorageFull),
    Fault::NoMoreWriting(ErrorKind::ReadOnlyFilesystem),
];

pub fn check(input: &[u8]) {
    let mut story = Story::new(3, 2048);
    let mut u = Unstructured::new(input);
    let asks_for_replay = u.ratio(1, 8).unwrap_or(false);
    let mut can_replay = true;
    let mut runs = 0;
    while !u.is_empty() && runs < RUNS_MAX {
        runs += 1;
        match u.int_in_range(0..=31).unwrap_or(0) {
            0 => story.snapshot(&mut u),
            1..=4 => save_with_fault(&mut story, &mut u),
            5 => can_replay &= save_with_lie(&mut story, &mut u),
            6 => lose_index_file(&story, &mut u),
            _ if story.edit(&mut u).is_ok() => runs -= 1,
            _ => break,
        }
    }
    story.snapshot(&mut u);
    story.check();
    story.check_restores(&mut u);
    // What goes wrong with a snapshot that was cut off between two parts mostly shows there alone.
    if can_replay && (asks_for_replay || story.was_cut_off()) {
        story.check_replay();
    }
}

/// Afterwards the history is the old one or the new one.
fn save_with_fault(story: &mut Story, u: &mut Unstructured) {
    let fault = *u.choose(&FAULTS).unwrap_or(&FAULTS[0]);
    let outcome = story.save(faulty(story, fault, u), u);
    match outcome {
        Ok(report) => story.note(&report),
        Err(error) => {
            assert!(!error.is_damage(), "a fault is taken for damage: {error}");
            assert!(story.note_unreported() <= 1);
        }
    }
    story.check();
    story.check_any_restore(u);
}

/// The power goes, and the drive has lost one of the new files or the end of it, though it said that it was safe: that is
/// worked around, or the file is named; set aside, it is saved again. Whether stock tools do not mind.
fn save_with_lie(story: &mut Story, u: &mut Unstructured) -> bool {
    let mut replays = true;
    let before = stores::files(&story.store);
    let _ = story.save(faulty(story, Fault::Crash, u), u);
    let mut files = stores::files(&story.store);
    files.retain(|file| !before.contains(file));
    if let Ok((name, bytes)) = u.choose(&files) {
        match u.int_in_range(0..=bytes.len()).unwrap_or_default() {
            length if length == bytes.len() => story.store.remove(name).unwrap(),
            length => story.store.replace(name, &bytes[..length]).unwrap(),
        }
        story.check_listings();
        match story.save(Arc::new(story.store.clone()), u) {
            Ok(report) => {
                story.note_unreported();
                story.note(&report);
                // Only the table of frames at its end is hit, which tar does not need, but zstd misses.
                replays = !name.starts_with("bundles/");
            }
            Err(error) => {
                let bundle = name.strip_prefix("bundles/").expect("an index can always be made again");
                assert!(error.is_damage() && error.to_string().contains(bundle), "{name}: {error}");
                set_aside(story, bundle);
            }
        }
    }
    story.note_unreported();
    story.check();
    story.check_any_restore(u);
    replays
}

fn faulty(story: &Story, fault: Fault, u: &mut Unstructured) -> Arc<FaultyStore> {
    let at = u.int_in_range(0..=STEPS_MAX).unwrap_or_default();
    FaultyStore::new(Arc::new(story.store.clone()), at, fault)
}

/// Removes a bundle, and what was made after it.
fn set_aside(story: &Story, bundle: &str) {
    for (name, _) in story.store.list("bundles").unwrap() {
        // The last part has no number; it sorts behind `.0001`.
        if name.as_str() >= bundle {
            story.store.remove(&format!("bundles/{name}")).unwrap();
        }
    }
    // As long as the index remembers a bundle, its number is not used again.
    for (name, _) in story.store.list("index").unwrap() {
        if name[..6] >= bundle[..6] {
            story.store.remove(&format!("index/{name}")).unwrap();
        }
    }
}

fn lose_index_file(story: &Story, u: &mut Unstructured) {
    let names = story.store.list("index").unwrap();
    if let Ok((name, _)) = u.choose(&names) {
        story.store.remove(&format!("index/{name}")).unwrap();
    }
}
