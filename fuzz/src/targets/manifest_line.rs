//! Any bytes as a line of a manifest: what is understood is written as a line that means the same.

use crate::bundles::ID;
use crate::entries::line_of;
use snap_archive::format::manifest::Change;
use snap_archive::format::manifest::DraftLine;
use snap_archive::format::manifest::Head;
use snap_archive::format::manifest::Tail;
use snap_archive::format::manifest::moved_from_line;

pub fn check(line: &[u8]) {
    if let Ok(head) = Head::from_line(line) {
        assert_eq!(Head::from_line(&head.to_line()).unwrap(), head);
    }
    if let Ok(tail) = Tail::from_line(line) {
        assert_eq!(Tail::from_line(&tail.to_line()).unwrap(), tail);
    }
    if let Ok(Some((stage, from, to))) = moved_from_line(line) {
        assert!(!from.is_root() && !to.is_root());
        let mut again = Vec::new();
        DraftLine::moved(&from, &to, stage).append_to(&mut again, None);
        assert_eq!(moved_from_line(&again).unwrap(), Some((stage, from, to)));
    }
    if let Ok(change) = Change::from_line(line, ID) {
        assert!(!change.path.is_root());
        assert_eq!(Change::from_line(&line_of(&change), ID).unwrap(), change);
    }
}
