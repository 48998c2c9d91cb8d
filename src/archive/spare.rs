//! Contents that are wanted, and all other places of the archive where the same bytes stand. What is found is compared with the
//! content's hash before it is given out.

use crate::archive::content::BundleTar;
use crate::archive::open::Archive;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Place;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::holes::Holes;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use std::collections::BTreeMap;
use std::collections::HashMap;

/// The most contents that are looked for at once; each takes about a hundred bytes.
const WANTED_MAX: usize = 1 << 20;

/// The most places that are kept of one content.
const PLACES_MAX: usize = 8;

/// The hash of a content and its length: what says that two are the same, but for their holes.
type Key = (Hash, u64);

/// Contents that are wanted, and where they stand.
pub struct Spares<'a> {
    archive: &'a Archive,
    places: HashMap<Key, Vec<(Place, Holes)>>,
    names: BTreeMap<BundleId, BundleName>,
    /// The bundle that was read last; none when it cannot be.
    open: Option<(BundleId, Option<BundleTar>)>,
}

fn key_of(entry: &Entry) -> Option<Key> {
    let content = entry.content.as_ref().filter(|content| content.hash != Hash::UNKNOWN);
    content.filter(|_| entry.stat.size > 0).map(|content| (content.hash, entry.stat.size))
}

impl<'a> Spares<'a> {
    /// None yet.
    pub fn new(archive: &'a Archive) -> Spares<'a> {
        Spares { archive, places: HashMap::new(), names: BTreeMap::new(), open: None }
    }

    /// Notes that the content of a file is wanted; of too many those that come first.
    pub fn want(&mut self, entry: &Entry) {
        if let Some(key) = key_of(entry).filter(|_| self.places.len() < WANTED_MAX) {
            self.places.entry(key).or_default();
        }
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Notes where the content of a file is said to be, if it is wanted.
    pub fn add(&mut self, entry: &Entry, bundle: &BundleName) {
        let is_whole = |content: &&Content| content.place.is_there() && content.patch.is_none();
        let Some(content) = entry.content.as_ref().filter(is_whole) else { return };
        let Some(places) = key_of(entry).and_then(|key| self.places.get_mut(&key)) else { return };
        if places.len() < PLACES_MAX && places.iter().all(|(place, _)| *place != content.place) {
            places.push((content.place, content.holes.clone()));
            self.names.entry(bundle.id).or_insert_with(|| bundle.clone());
        }
    }

    /// The same content at any place at which it is said to be, where it was read and found sound.
    ///
    /// # Errors
    /// When the system refuses to read the archive.
    pub fn find(&mut self, content: &Content, size: u64) -> Result<Option<Content>> {
        let places = self.places.get(&(content.hash, size)).cloned().unwrap_or_default();
        for (place, holes) in places {
            let found = Content { place, ..content.clone() };
            if holes == content.holes
                && let Some(tar) = self.tar(place.bundle)?
                && tar.holds(&found, size)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Reads from the tar of a bundle in which a content was found.
    ///
    /// # Errors
    /// As for [`BundleTar::read_salvaged_at`].
    pub fn read_at(&mut self, bundle: BundleId, at: u64, out: &mut [u8]) -> Result<()> {
        let gone = || Error::damaged("the bundle that has the content cannot be read any more");
        self.tar(bundle)?.ok_or_else(gone)?.read_salvaged_at(at, out)
    }

    fn tar(&mut self, id: BundleId) -> Result<Option<&mut BundleTar>> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != id) {
            let opened = self.names.get(&id).map(|name| self.archive.bundle(name));
            let tar = match opened {
                Some(Ok(bundle)) => Some(BundleTar::new(bundle)),
                Some(Err(error)) if error.kind() == ErrorKind::RefusedBySystem => return Err(error),
                _ => None,
            };
            self.open = Some((id, tar));
        }
        Ok(self.open.as_mut().and_then(|(_, tar)| tar.as_mut()))
    }
}
