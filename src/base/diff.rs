//! What changed between two sorted lists of names: no I/O, no clock, a pure function.

use crate::base::entry::Kind;
use crate::base::entry::Stat;
use std::cmp::Ordering;

/// A name in one list, in the other, or in both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pair<A, B> {
    /// Only in the old list.
    Old(A),
    /// Only in the new list.
    New(B),
    /// In both.
    Both(A, B),
}

/// Goes through two lists, each sorted, in one pass; `order` says how an old item's name stands to a new one's.
pub fn pairs<'a, A, B>(
    old: &'a [A],
    new: &'a [B],
    order: impl Fn(&A, &B) -> Ordering,
) -> impl Iterator<Item = Pair<&'a A, &'a B>> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    std::iter::from_fn(move || {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => order(a, b),
        };
        Some(match order {
            Ordering::Less => Pair::Old(old.next()?),
            Ordering::Greater => Pair::New(new.next()?),
            Ordering::Equal => Pair::Both(old.next()?, new.next()?),
        })
    })
}

/// Whether entries that look unchanged are read all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rehash {
    /// They are.
    Yes,
    /// They are not.
    No,
}

/// What is to be done with an entry that was there before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing.
    Unchanged,
    /// Its content cannot have changed; its metadata is noted anew.
    Metadata,
    /// Its content may have changed: it is read, and stored only if it did.
    MaybeModified,
    /// Its content was modified: it is stored.
    Modified,
    /// It is of another kind than before: it is stored, and what was there is gone.
    Replaced,
}

/// Compares what was noted with what was found.
pub fn compare(old: &Stat, new: &Stat, rehash: Rehash) -> Verdict {
    if old.kind != new.kind {
        return Verdict::Replaced;
    }
    let has_content = matches!(new.kind, Kind::File | Kind::Symlink);
    if old.is_unchanged(new) && (rehash == Rehash::No || !has_content) {
        return Verdict::Unchanged;
    }
    let only_links_differ = Stat { link: new.link, ..*old }.is_unchanged(new);
    match new.kind {
        Kind::File if old.size != new.size => Verdict::Modified,
        Kind::File if only_links_differ && rehash == Rehash::No => Verdict::Metadata,
        Kind::File | Kind::Symlink => Verdict::MaybeModified,
        Kind::Directory => Verdict::Metadata,
        Kind::Fifo | Kind::CharDevice | Kind::BlockDevice => Verdict::Modified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Time;
    use Pair::Both;
    use Pair::New;
    use Pair::Old;

    #[test]
    fn two_lists_are_paired_by_name() {
        let found: Vec<_> = pairs(&[1, 3, 4, 7], &[2, 3, 7, 9], i32::cmp).collect();
        assert_eq!(found, [Old(&1), New(&2), Both(&3, &3), Old(&4), Both(&7, &7), New(&9)]);
        assert_eq!(pairs(&[1], &[] as &[i32], i32::cmp).collect::<Vec<_>>(), [Old(&1)]);
        assert_eq!(pairs(&[] as &[i32], &[1], i32::cmp).collect::<Vec<_>>(), [New(&1)]);
    }

    #[test]
    fn each_kind_of_difference_has_its_verdict() {
        let file = Stat { kind: Kind::File, size: 5, inode: 9, ..Stat::default() };
        let check =
            |old: Stat, new: Stat, verdict| assert_eq!(compare(&old, &new, Rehash::No), verdict, "{old:?} {new:?}");
        let later = Time::new(1, 0);
        check(file, file, Verdict::Unchanged);
        check(Stat { racy: true, ..file }, file, Verdict::MaybeModified);
        check(file, Stat { mtime: later, ..file }, Verdict::MaybeModified);
        check(file, Stat { inode: 8, ..file }, Verdict::MaybeModified);
        check(file, Stat { size: 6, ..file }, Verdict::Modified);
        check(file, Stat { link: 6, ..file }, Verdict::Metadata);
        check(Stat { racy: true, ..file }, Stat { link: 6, ..file }, Verdict::MaybeModified);
        check(file, Stat { kind: Kind::Directory, ..file }, Verdict::Replaced);
        let directory = Stat { kind: Kind::Directory, ..Stat::default() };
        check(directory, Stat { ctime: later, ..directory }, Verdict::Metadata);
        let symlink = Stat { kind: Kind::Symlink, ..file };
        check(symlink, Stat { ctime: later, ..symlink }, Verdict::MaybeModified);
        let device = Stat { kind: Kind::CharDevice, ..Stat::default() };
        check(device, Stat { device: crate::base::entry::Device { major: 0, minor: 1 }, ..device }, Verdict::Modified);
        assert_eq!(compare(&file, &file, Rehash::Yes), Verdict::MaybeModified);
        assert_eq!(compare(&directory, &directory, Rehash::Yes), Verdict::Unchanged);
    }
}
