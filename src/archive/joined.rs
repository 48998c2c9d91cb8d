//! Bundles that were joined into a later one and are to be removed. While they are there, an empty file among the pruned ones says
//! where to look; whether it is so, the later bundle itself says.

use crate::archive::exchange;
use crate::archive::exchange::BUNDLES;
use crate::archive::exchange::PRUNED;
use crate::archive::exchange::bundle_path;
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

    fn is_true(&self, blob: Box<dyn Blob>) -> Result<bool> {
        let head = Bundle::open(&self.into, blob)?.own_head();
        Ok(head.is_some_and(|head| head.joined_from == self.from))
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
            names.iter().rev().try_for_each(|name| store.remove(&bundle_path(name)))?;
        }
        store.remove(&format!("{PRUNED}/{}", note.file))?;
    }
    Ok(())
}
