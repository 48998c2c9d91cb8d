//! Two versions of an entry compared as a person sees them: what of it is not as it was. No I/O, a pure function.

use crate::base::entry::Entry;
use crate::base::entry::Kind;

/// In what two versions of an entry differ. What no program can set (time of change, inode) is none of them, nor is a
/// directory's time of modification, which only says that something in it came or went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Aspect {
    /// One is a file, the other a directory, and so on.
    Type,
    /// Their bytes.
    Content,
    /// Where a symlink points to.
    Target,
    /// Major and minor number of a device.
    Device,
    /// Permissions.
    Mode,
    /// Owner or group, by number or name.
    Owner,
    /// When it was last modified.
    Mtime,
    /// Extended attributes, access control lists among them.
    Attributes,
}

impl Aspect {
    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            Aspect::Type => "type",
            Aspect::Content => "content",
            Aspect::Target => "target",
            Aspect::Device => "device",
            Aspect::Mode => "mode",
            Aspect::Owner => "owner",
            Aspect::Mtime => "mtime",
            Aspect::Attributes => "xattrs",
        }
    }

    /// Whether it is what the entry holds, not what is noted beside it.
    pub fn is_content(self) -> bool {
        matches!(self, Aspect::Type | Aspect::Content | Aspect::Target | Aspect::Device)
    }
}

/// What became of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Change {
    /// It was not there before.
    Added,
    /// It is there no longer.
    Removed,
    /// It holds something else, or is of another type.
    Modified,
    /// It holds the same; what is noted beside it is not as it was.
    Metadata,
}

/// What became of an entry, and in what its two versions differ, which is nothing where there is only one; `None` when a person
/// would see no difference.
pub fn change(old: Option<&Entry>, new: Option<&Entry>) -> Option<(Change, Vec<Aspect>)> {
    match (old, new) {
        (None, None) => None,
        (None, Some(_)) => Some((Change::Added, Vec::new())),
        (Some(_), None) => Some((Change::Removed, Vec::new())),
        (Some(old), Some(new)) => {
            let aspects = aspects(old, new);
            let is_modified = aspects.iter().any(|aspect| aspect.is_content());
            let change = if is_modified { Change::Modified } else { Change::Metadata };
            (!aspects.is_empty()).then_some((change, aspects))
        }
    }
}

/// In what two versions differ, in the order of [`Aspect`].
pub fn aspects(old: &Entry, new: &Entry) -> Vec<Aspect> {
    let (a, b) = (&old.stat, &new.stat);
    let is_directory = (a.kind, b.kind) == (Kind::Directory, Kind::Directory);
    let differences = [
        (Aspect::Type, a.kind != b.kind),
        (Aspect::Content, a.kind == b.kind && !has_same_content(old, new)),
        (Aspect::Target, a.kind == b.kind && old.target != new.target),
        (Aspect::Device, a.kind == b.kind && a.device != b.device),
        (Aspect::Mode, a.mode != b.mode),
        (Aspect::Owner, (a.uid, a.gid, &old.owner) != (b.uid, b.gid, &new.owner)),
        (Aspect::Mtime, !is_directory && a.mtime != b.mtime),
        (Aspect::Attributes, old.xattrs != new.xattrs),
    ];
    differences.into_iter().filter(|(_, differs)| *differs).map(|(aspect, _)| aspect).collect()
}

/// Whether two entries hold the same bytes, wherever in the archive those are.
pub fn has_same_content(old: &Entry, new: &Entry) -> bool {
    let content = |entry: &Entry| entry.content.as_ref().map(|content| (content.hash, content.holes.clone()));
    old.stat.size == new.stat.size && content(old) == content(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entry::Content;
    use crate::base::entry::Owner;
    use crate::base::entry::Place;
    use crate::base::entry::Stat;
    use crate::base::id::BundleId;
    use crate::base::id::Hash;
    use crate::base::time::Time;

    fn file() -> Entry {
        let content = Content { hash: Hash([1; 32]), ..Content::default() };
        Entry {
            stat: Stat { kind: Kind::File, size: 3, ..Stat::default() },
            content: Some(content),
            ..Entry::default()
        }
    }

    #[test]
    fn each_aspect_is_seen_and_what_nobody_can_set_is_not() {
        let old = file();
        let with = |stat: Stat| Entry { stat, ..old.clone() };
        let content = |content: Content| Entry { content: Some(content), ..old.clone() };
        let hash = Hash([1; 32]);
        for (new, aspects) in [
            (with(Stat { size: 4, ..old.stat }), &[Aspect::Content][..]),
            (content(Content { hash: Hash([2; 32]), ..Content::default() }), &[Aspect::Content]),
            (with(Stat { mode: 0o600, mtime: Time::new(1, 0), ..old.stat }), &[Aspect::Mode, Aspect::Mtime]),
            (with(Stat { uid: 7, ..old.stat }), &[Aspect::Owner]),
            (Entry { owner: Owner { user: "ann".into(), ..Owner::default() }, ..old.clone() }, &[Aspect::Owner]),
            (Entry { xattrs: vec![(vec![1], vec![2])], ..old.clone() }, &[Aspect::Attributes]),
            (with(Stat { ctime: Time::new(1, 0), inode: 5, link: 6, racy: true, ..old.stat }), &[]),
            (content(Content { hash, place: Place::lost(BundleId::default()), ..Content::default() }), &[]),
        ] {
            assert_eq!(super::aspects(&old, &new), aspects, "{new:?}");
            let is_content = aspects.contains(&Aspect::Content);
            let kind = if is_content { Change::Modified } else { Change::Metadata };
            let expected = (!aspects.is_empty()).then(|| (kind, aspects.to_vec()));
            assert_eq!(change(Some(&old), Some(&new)), expected, "{new:?}");
        }
    }

    #[test]
    fn a_directory_is_no_other_for_what_is_in_it_and_another_type_is_a_modification() {
        let of = |kind: Kind, mtime: i64| Entry {
            stat: Stat { kind, mtime: Time::new(mtime, 0), ..Stat::default() },
            ..Entry::default()
        };
        assert_eq!(change(Some(&of(Kind::Directory, 1)), Some(&of(Kind::Directory, 2))), None);
        let replaced = change(Some(&of(Kind::Directory, 1)), Some(&of(Kind::Fifo, 1)));
        assert_eq!(replaced, Some((Change::Modified, vec![Aspect::Type])));
        assert_eq!(change(None, Some(&file())), Some((Change::Added, vec![])));
        assert_eq!(change(Some(&file()), None), Some((Change::Removed, vec![])));
        assert_eq!(change(None, None), None);
    }
}
