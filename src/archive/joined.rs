//! Bundles that were joined into a later one and are to be removed. While they are there, an empty file among the pruned ones says
//! where to look; whether it is so, the later bundle itself says.

use crate::archive::exchange;
use crate::archive::exchange::BUNDLES;
use crate::archive::exchange::PRUNED;
use crate::archive::exchange::bundle_path;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::SnapshotNumber;
use crate::format::bundle::Bundle;
use crate::system::store::Blob;
use crate::system::store::Store;

/// Stands between the name of a bundle and the first number of those that are joined into it.
const JOINS: &str = ".joins-";

/// What such a file says to people.
const TEXT: &[u8] =
    b"The bundles from this number on are being joined into this one; the next run that prunes goes on with it.\n";

/// That bundles are about to be joined.
struct Note {
    file: String,
    /// Into this one.
    into: BundleName,
    /// The first number of those.
    from: SnapshotNumber,
}

impl Note {
    /// Whether a bundle is one of those.
    fn has(&self, name: &BundleName) -> bool {
        (self.from..=self.into.id.number).contains(&name.id.number) && name.id < self.into.id
    }

    /// Whether they are joined into the bundle in this file.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when it does not say so or otherwise; when it cannot be read.
    fn is_true(&self, blob: Box<dyn Blob>) -> Result<bool> {
        let unknown = || Error::damaged(format!("the list of changes of {} cannot be read", self.into));
        let head = Bundle::open(&self.into, blob)?.own_head().ok_or_else(unknown)?;
        Ok(head.joined_from == self.from)
    }
}

/// Notes that the bundles from number `from` on are about to be joined into `into`.
///
/// # Errors
/// When the store cannot be written.
pub fn note(store: &dyn Store, into: &BundleName, from: SnapshotNumber) -> Result<()> {
    store.replace(&format!("{PRUNED}/{into}{JOINS}{from:06}"), TEXT)
}

fn notes(store: &dyn Store) -> Result<Vec<Note>> {
    let parsed = |(file, _): (String, u64)| {
        let (into, from) = file.split_once(JOINS)?;
        let (into, from) = (BundleName::parse(into)?, BundleId::parse(from)?.number);
        Some(Note { file, into, from })
    };
    Ok(store.list(PRUNED)?.into_iter().filter_map(parsed).collect())
}

/// Those of the listed bundles that were joined into a later one.
///
/// # Errors
/// When the store cannot be listed.
pub fn superseded(store: &dyn Store, listed: &[(String, u64)]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for note in notes(store)? {
        let is_one = |name: &&str| BundleName::parse(name).is_some_and(|name| note.has(&name));
        let names: Vec<&str> = listed.iter().map(|(name, _)| name.as_str()).filter(is_one).collect();
        // A bundle that cannot be read says nothing.
        if !names.is_empty() && exchange::open(store, &note.into).and_then(|blob| note.is_true(blob)).unwrap_or(false) {
            found.extend(names.into_iter().map(ToOwned::to_owned));
        }
    }
    Ok(found)
}

/// Finishes what was cut off, the last bundle first, where the one that they were joined into stands in its place. Only while holding
/// the lock.
///
/// # Errors
/// When the store cannot be read or written.
pub fn finish(store: &dyn Store) -> Result<()> {
    for note in notes(store)? {
        let is_true = match store.open(&bundle_path(&note.into)).and_then(|blob| note.is_true(blob)) {
            Ok(is_true) => is_true,
            // It is half-way to its place, or must be repaired first.
            Err(error) if error.kind() == ErrorKind::NotFound || error.is_damage() => continue,
            Err(error) => return Err(error),
        };
        if is_true {
            let names = store.list(BUNDLES)?.into_iter().filter_map(|(name, _)| BundleName::parse(&name));
            let mut names: Vec<BundleName> = names.filter(|name| note.has(name)).collect();
            names.sort_by_key(|name| name.id);
            let files: Vec<String> = names.iter().rev().map(ToString::to_string).collect();
            // A bundle that came back when the drive was pulled out must still be told by the note.
            store.remove_all(BUNDLES, &files)?;
        }
        store.remove(&format!("{PRUNED}/{}", note.file))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::id::ArchiveId;
    use crate::base::time::Time;
    use crate::format::bundle::BundleWriter;
    use crate::format::manifest::Head;
    use crate::format::manifest::Tail;
    use crate::system::store::MemoryStore;
    use crate::system::store::read_small;

    fn bundle(store: &MemoryStore, number: u32, joined_from: u32) -> BundleName {
        let (id, time) = (BundleId::new(number, 0), Time::new(0, 0));
        let name = BundleName::new(id, time).unwrap();
        let head = Head {
            archive: ArchiveId([1; 16]),
            id,
            time,
            parent: None,
            sources: Vec::new(),
            note: String::new(),
            stands_for: None,
            uncertain_until: SnapshotNumber::NONE,
            pruned_until: SnapshotNumber::NONE,
            joined_from: joined_from.into(),
        };
        let writer = BundleWriter::new(store.create(&bundle_path(&name)).unwrap(), head, 3).unwrap();
        writer.publish(&bundle_path(&name), Tail::default()).unwrap();
        name
    }

    /// How many bundles and how many notes are left.
    fn finished(store: &MemoryStore) -> (usize, usize) {
        finish(store).unwrap();
        (store.list(BUNDLES).unwrap().len(), store.list(PRUNED).unwrap().len())
    }

    #[test]
    fn what_was_joined_goes_only_where_the_later_bundle_says_so() {
        for (joined_from, left) in [(1, (1, 0)), (0, (2, 0))] {
            let store = MemoryStore::new();
            bundle(&store, 1, 0);
            note(&store, &bundle(&store, 2, joined_from), SnapshotNumber::FIRST).unwrap();
            assert_eq!(finished(&store), left);
        }
    }

    #[test]
    fn a_note_of_a_bundle_whose_list_of_changes_is_damaged_stays() {
        let store = MemoryStore::new();
        bundle(&store, 1, 0);
        let name = bundle(&store, 2, 1);
        note(&store, &name, SnapshotNumber::FIRST).unwrap();
        let path = bundle_path(&name);
        let sound = read_small(&store, &path, 1 << 20).unwrap();
        let end = Bundle::open(&name, store.open(&path).unwrap()).unwrap().table().stored_bytes() as usize;
        let mut damaged = sound.clone();
        damaged[end - 10] ^= 1;
        store.replace(&path, &damaged).unwrap();
        assert_eq!(finished(&store), (2, 1));
        store.replace(&path, &sound).unwrap();
        assert_eq!(finished(&store), (1, 0));
    }
}
