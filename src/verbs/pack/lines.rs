//! What a job says for the manifest: one line for each entry, and what it counts for.

use super::Anchor;
use super::Line;
use super::Packed;
use crate::base::diff::Verdict;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::path::EntryPath;
use crate::base::snapshot::Counts;
use crate::format::manifest::LineWithoutOffset;
use std::sync::Arc;

/// The line of an entry whose content is as it was.
pub fn push_kept_line(
    path: &EntryPath,
    entry: &Entry,
    before: Option<&Entry>,
    bundle_name: &(dyn Fn(BundleId) -> Option<BundleName> + Sync),
    packed: &mut Packed,
) {
    let is_same = before.is_some_and(|before| before.stat.is_same(&entry.stat) && before.xattrs == entry.xattrs);
    if is_same {
        packed.counts.unchanged += 1;
        let noted = |entry: &Entry| (entry.stat.racy, entry.is_torn());
        if before.is_some_and(|before| noted(before) == noted(entry)) {
            return;
        }
    } else {
        packed.counts.metadata += 1;
    }
    let kept_in = entry.content.as_ref().and_then(|content| bundle_name(content.place.bundle));
    let text = LineWithoutOffset::entry(path, entry, kept_in.as_ref());
    let change = (!is_same).then_some("metadata");
    packed.lines.push(Line { text, anchor: None, path: path.to_owned(), entry: Some(entry.clone()), change });
}

/// The line of an entry that is stored.
pub(super) fn push_stored(
    path: &EntryPath,
    entry: &Entry,
    anchor: Option<Arc<Anchor>>,
    verdict: Verdict,
    was_there: bool,
    packed: &mut Packed,
) {
    let is_new = !was_there || verdict == Verdict::Replaced;
    let (count, what) =
        if is_new { (&mut packed.counts.new, "new") } else { (&mut packed.counts.modified, "modified") };
    *count += 1;
    let text = LineWithoutOffset::entry(path, entry, None);
    packed.lines.push(Line { text, anchor, path: path.to_owned(), entry: Some(entry.clone()), change: Some(what) });
}

/// The line of an entry that is gone.
pub(super) fn push_gone(path: &EntryPath, kind: Kind, packed: &mut Packed) {
    let Counts { deleted, deleted_directories, .. } = &mut packed.counts;
    *(if kind == Kind::Directory { deleted_directories } else { deleted }) += 1;
    let text = LineWithoutOffset::gone(path, kind);
    packed.lines.push(Line { text, anchor: None, path: path.to_owned(), entry: None, change: Some("deleted") });
}
