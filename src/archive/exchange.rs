//! A bundle takes the place of another one of the same name, in steps of which each may be the last. Knows nothing of what
//! bundles hold.
//!
//! Where a store replaces a name at once, there is one step. Elsewhere, as on FAT, there are three: the old one moves to
//! `pruned/NAME.old`, the new one to its place, the old one is removed. Whoever finds neither in its place takes the new one;
//! where that is lost, too, a writer puts the old one back.

use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::BundleName;
use crate::system::store::Blob;
use crate::system::store::Store;
use std::collections::HashSet;

/// The directory of the bundles in an archive.
pub const BUNDLES: &str = "bundles";

/// The directory of bundles that are about to take the place of those that they were made from.
pub const PRUNED: &str = "pruned";

/// Ends the name of a bundle that is about to take another's place, and of one whose place is taken.
const NEW: &str = ".new";
const OLD: &str = ".old";

/// The store's name for a bundle.
pub fn bundle_path(name: &BundleName) -> String {
    format!("{BUNDLES}/{name}")
}

/// The store's name for a bundle that is about to take another's place.
pub fn new_path(name: &BundleName) -> String {
    format!("{PRUNED}/{name}{NEW}")
}

fn old_path(name: &BundleName) -> String {
    format!("{PRUNED}/{name}{OLD}")
}

/// Opens a bundle, even one that is half-way to its place.
///
/// # Errors
/// As for [`Store::open`].
pub fn open(store: &dyn Store, name: &BundleName) -> Result<Box<dyn Blob>> {
    match store.open(&bundle_path(name)) {
        Err(error) if error.kind() == ErrorKind::NotFound => store.open(&new_path(name)).map_err(|_| error),
        opened => opened,
    }
}

/// The error for a bundle that is another one than a moment ago, when something was learned of it.
pub fn written_anew(name: &BundleName) -> Error {
    Error::damaged(format!("{name} was written anew by another run meanwhile: run the same command again"))
}

/// The bundles that wait for a place that nothing stands in, of those that are about to take one. `bundles` are those that
/// have theirs.
///
/// # Errors
/// When the store cannot be listed.
pub fn waiting(store: &dyn Store, bundles: &[(String, u64)]) -> Result<Vec<(String, u64)>> {
    let mut waiting = store.list(PRUNED)?;
    waiting.retain_mut(|(file, _)| {
        let Some(name) = file.strip_suffix(NEW).and_then(BundleName::parse) else { return false };
        name.as_str().clone_into(file);
        !bundles.iter().any(|(other, _)| *other == *file)
    });
    Ok(waiting)
}

/// Puts the bundle that was published as [`new_path`] into its place, and removes the one that stood there.
///
/// # Errors
/// When the store cannot be written; one of the two is then there, and [`finish`] goes on.
pub fn put_in_place(store: &dyn Store, name: &BundleName) -> Result<()> {
    if store.capabilities().replaces_at_once {
        return store.rename_over(&new_path(name), &bundle_path(name));
    }
    store.rename(&bundle_path(name), &old_path(name))?;
    store.rename(&new_path(name), &bundle_path(name))?;
    store.remove(&old_path(name))
}

/// Finishes what was cut off. Only while holding the lock.
///
/// # Errors
/// When the store cannot be read or written.
pub fn finish(store: &dyn Store) -> Result<()> {
    let left = store.list(PRUNED)?;
    if left.is_empty() {
        return Ok(());
    }
    for (name, _) in waiting(store, &store.list(BUNDLES)?)? {
        if let Some(name) = BundleName::parse(&name) {
            store.rename(&new_path(&name), &bundle_path(&name))?;
        }
    }
    let there: HashSet<String> = store.list(BUNDLES)?.into_iter().map(|(name, _)| name).collect();
    for (file, _) in store.list(PRUNED)? {
        let name = file.strip_suffix(NEW).or_else(|| file.strip_suffix(OLD));
        let Some(name) = name.and_then(BundleName::parse) else { continue };
        // The drive may have lost the new one on its way to its place.
        if there.contains(name.as_str()) {
            store.remove(&format!("{PRUNED}/{file}"))?;
        } else {
            store.rename(&format!("{PRUNED}/{file}"), &bundle_path(&name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::system::store::MemoryStore;
    use crate::system::store::read_small;

    const NAME: &str = "000001-20261122T235502Z.tar.zst";

    #[test]
    fn one_of_both_is_in_its_place_whatever_was_lost_on_the_way() {
        for (there, stays) in [
            (&["bundles/", "pruned/.new"][..], "bundles/"),
            (&["pruned/.new", "pruned/.old"], "pruned/.new"),
            (&["bundles/", "pruned/.old"], "bundles/"),
            (&["pruned/.old"], "pruned/.old"),
        ] {
            let store = MemoryStore::new();
            for place in there {
                let name = place.replace('/', &format!("/{NAME}"));
                store.replace(&name, place.as_bytes()).unwrap();
            }
            finish(&store).unwrap();
            let name = BundleName::parse(NAME).unwrap();
            assert_eq!(read_small(&store, &bundle_path(&name), 100).unwrap(), stays.as_bytes(), "{there:?}");
            assert_eq!(store.list(PRUNED).unwrap(), [], "{there:?}");
        }
    }
}
