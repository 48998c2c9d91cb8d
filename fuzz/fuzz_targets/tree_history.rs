//! Any edits of a small tree, with snapshots in between: every snapshot is what the tree was then, by the index, by the
//! manifests alone, and restored.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use snap_archive::system::store::Store;
use snap_fuzz::histories::NAMES_MAX;
use snap_fuzz::histories::Story;

const SNAPSHOTS_MAX: usize = 5;

fuzz_target!(|input: &[u8]| {
    let mut story = Story::new(NAMES_MAX, 4096);
    let mut u = Unstructured::new(input);
    while !u.is_empty() && story.snapshots() < SNAPSHOTS_MAX {
        if u.ratio(1, 5).unwrap_or(true) {
            story.snapshot(&mut u);
        } else if story.edit(&mut u).is_err() {
            break;
        }
    }
    story.snapshot(&mut u);
    story.check();
    for (name, _) in story.store.list("index").unwrap() {
        story.store.remove(&format!("index/{name}")).unwrap();
    }
    story.check();
    story.check_restores(&mut u);
});
