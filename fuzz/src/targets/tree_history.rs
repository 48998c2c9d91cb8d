//! Any edits of a small tree, with snapshots in between: every snapshot is what the tree was then, by the index, by the
//! manifests alone, and restored.

use arbitrary::Unstructured;
use crate::histories::NAMES_MAX;
use crate::histories::Story;
use snap_archive::system::store::Store;

const SNAPSHOTS_MAX: usize = 5;

pub fn check(input: &[u8]) {
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
}
