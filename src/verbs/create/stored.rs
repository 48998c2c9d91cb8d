//! Where the large contents are that this run has stored so far: noted by the writer, looked up by the planner. Paths
//! and places are in a temporary file; without space for one, files with the same content are stored again.

use crate::base::concurrency::Condition;
use crate::base::concurrency::Lock;
use crate::base::entry::ContentKey;
use crate::base::entry::Entry;
use crate::base::entry::Place;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::system::store::ScratchFile;
use std::collections::HashMap;

/// Paths in a temporary file, each after its length in four bytes. The file is made with the first of them.
#[derive(Default)]
pub struct PathFile {
    file: Option<ScratchFile>,
    end: u64,
}

impl PathFile {
    /// Adds a path and `extra`, which always has the same length. Returns where they are.
    ///
    /// # Errors
    /// When there is no room for them.
    pub fn push(&mut self, path: &EntryPath, extra: &[u8]) -> Result<u64> {
        let at = self.end;
        let length = (path.as_bytes().len() as u32).to_le_bytes();
        let record = [&length[..], extra, path.as_bytes()].concat();
        let mut file = self.file.take().map_or_else(ScratchFile::new, Ok)?;
        file.write_at(at, &record)?;
        self.file = Some(file);
        self.end += record.len() as u64;
        Ok(at)
    }

    /// The path at `at`; its extra bytes are put into `extra`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&mut self, at: u64, extra: &mut [u8]) -> Result<EntryPathBuf> {
        let wrong = || Error::damaged("a temporary file does not give back what was written");
        let file = self.file.as_mut().ok_or_else(wrong)?;
        let mut length = [0; 4];
        file.read_at(at, &mut length)?;
        file.read_at(at + 4, extra)?;
        let mut path = vec![0; u32::from_le_bytes(length) as usize];
        file.read_at(at + 4 + extra.len() as u64, &mut path)?;
        EntryPathBuf::from_bytes(&path).ok_or_else(wrong)
    }
}

/// The first half of a key: what is kept in memory of it.
pub fn half_of(key: &ContentKey) -> u64 {
    key.first_chunk().map_or(0, |half| u64::from_le_bytes(*half))
}

/// A content that this run has stored.
pub struct StoredContent {
    /// Under this path.
    pub path: EntryPathBuf,
    /// Where it is. The part is counted from 1, the last one too.
    pub place: Place,
}

/// The large contents that this run has stored so far.
pub struct Stored {
    noted: Lock<Noted>,
    changed: Condition,
    /// From which size in bytes on contents are noted.
    from: u64,
}

#[derive(Default)]
struct Noted {
    places: HashMap<u64, u64>,
    paths: PathFile,
    has_no_room: bool,
    /// How many of the items that were sent have been written.
    taken: u64,
    has_ended: bool,
    /// How many parts have been published.
    parts: u16,
}

impl Stored {
    /// Notes contents from this size in bytes on.
    pub fn new(from: u64) -> Stored {
        Stored { noted: Lock::default(), changed: Condition::default(), from }
    }

    /// Notes what is stored of a file, at a place whose part is counted from 1.
    pub fn note(&self, path: &EntryPath, entry: &Entry) {
        let Some(content) = entry.content.as_ref().filter(|content| !content.torn) else { return };
        // Its owner must be able to read it when it is unpacked, to copy it.
        if entry.stat.size < self.from || entry.stat.mode & 0o400 == 0 {
            return;
        }
        let (key, place) = (content.key(entry.stat.size), content.place);
        let extra = [&key[..], &place.bundle.part.to_le_bytes(), &place.offset.to_le_bytes()].concat();
        // A second name of a file that was noted is not noted.
        let is_known = self.find(&key, place.bundle.number).is_some_and(|known| known.place == place);
        let mut noted = self.noted.lock();
        if noted.has_no_room || is_known {
            return;
        }
        match noted.paths.push(path, &extra) {
            Ok(at) => drop(noted.places.insert(half_of(&key), at)),
            Err(_) => {
                *noted = Noted { has_no_room: true, places: HashMap::new(), paths: PathFile::default(), ..*noted }
            }
        }
    }

    /// Notes that one more of what was sent has been written, and how many parts have been published.
    pub fn note_taken(&self, parts: u16) {
        let mut noted = self.noted.lock();
        (noted.taken, noted.parts) = (noted.taken + 1, parts);
        self.changed.notify_all();
    }

    /// Which part is being written, counted from 1.
    pub fn part(&self) -> u16 {
        self.noted.lock().parts + 1
    }

    /// Nothing more will be written.
    pub fn end(&self) {
        self.noted.lock().has_ended = true;
        self.changed.notify_all();
    }

    /// Waits until the first `sent` things that were sent have been written, or nothing more will be.
    pub fn wait_for(&self, sent: u64) {
        drop(self.changed.wait_while(self.noted.lock(), |noted| noted.taken < sent && !noted.has_ended));
    }

    /// Where a content is, of those that were written until now in the bundles of snapshot `number`.
    pub fn find(&self, key: &ContentKey, number: SnapshotNumber) -> Option<StoredContent> {
        let mut noted = self.noted.lock();
        let at = *noted.places.get(&half_of(key))?;
        let mut extra = [0; 26];
        let path = noted.paths.read(at, &mut extra).ok()?;
        let (found, rest) = extra.split_first_chunk::<16>()?;
        let (part, rest) = rest.split_first_chunk::<2>()?;
        let bundle = BundleId { number, part: u16::from_le_bytes(*part) };
        let place = Place { bundle, offset: u64::from_le_bytes(*rest.first_chunk::<8>()?) };
        (found == key).then_some(StoredContent { path, place })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::entry::Content;
    use crate::base::entry::Stat;
    use crate::base::id::Hash;

    #[test]
    fn what_is_stored_is_found_by_its_content_from_the_size_on_and_the_last_place_counts() {
        let stored = Stored::new(10);
        let path = |text: &str| EntryPathBuf::from_bytes(text.as_bytes()).unwrap();
        let place = |part, offset| Place { bundle: BundleId::new(7, part), offset };
        let entry = |bytes: &[u8], mode| Entry {
            stat: Stat { size: bytes.len() as u64, mode, ..Stat::default() },
            content: Some(Content { hash: Hash::of(bytes), ..Content::default() }),
            ..Entry::default()
        };
        let note = |name: &str, entry: &Entry, place| {
            let content = entry.content.clone().map(|content| Content { place, ..content });
            stored.note(&path(name), &Entry { content, ..entry.clone() });
        };
        let key = |entry: &Entry| entry.content.as_ref().unwrap().key(entry.stat.size);
        let (a, small, hidden) = (entry(b"ten bytes.", 0o644), entry(b"nine byte", 0o644), entry(b"no one may", 0o200));
        note("s/a", &a, place(1, 512));
        note("s/longer", &a, place(2, 1024));
        note("s/second name", &a, place(2, 1024));
        note("s/b", &small, place(1, 2048));
        note("s/c", &hidden, place(1, 4096));
        let found = stored.find(&key(&a), 7.into()).unwrap();
        assert_eq!((found.path, found.place), (path("s/longer"), place(2, 1024)));
        assert!(stored.find(&key(&small), 7.into()).is_none() && stored.find(&key(&hidden), 7.into()).is_none());
    }

    #[test]
    fn who_waits_for_what_will_not_come_goes_on() {
        let stored = Stored::new(1);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| stored.wait_for(2));
            stored.note_taken(0);
            stored.end();
            waiting.join().unwrap();
        });
        stored.wait_for(1);
    }
}
