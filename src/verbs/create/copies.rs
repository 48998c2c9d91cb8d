//! Finds files with the same content as another: one that was stored in this run, or one of the state before that is
//! still unchanged. The contents of that state are put into a table when the first large new file comes: 16 bytes for
//! each, paths in a temporary file. All is done in the order of the tar, so that it does not depend on threads.

use super::doubts::Doubts;
use super::large::LargeFile;
use super::large::hash_of;
use super::options::patch_from;
use super::stored::PathFile;
use super::stored::Stored;
use super::stored::half_of;
use crate::archive::state::Rows;
use crate::archive::state::State;
use crate::base::diff::Rehash;
use crate::base::entry::ACROSS_PARTS_BYTES_MIN;
use crate::base::entry::Content;
use crate::base::entry::ContentKey;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Place;
use crate::base::entry::Stat;
use crate::base::error::Result;
use crate::base::exclude::CACHE_TAG_FILE;
use crate::base::exclude::IGNORE_FILE;
use crate::base::holes::Holes;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::apply::may_be_made;
use crate::system::listing::Listing;
use crate::system::platform;
use crate::system::platform::Directory;
use crate::system::platform::Ladder;
use crate::system::source::Source;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;

/// The most files with the same content that are checked, one after the other, for still having it.
const TRIES_MAX: usize = 16;

/// Where copies are looked for.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The number of the snapshot.
    pub number: SnapshotNumber,
    /// The least size in bytes of copies, in any source; [`u64::MAX`]: there are none.
    pub from: u64,
    /// The sources.
    pub sources: &'a [Source],
    /// Whether stock tools get exactly the state before.
    pub is_exact: bool,
    /// For each source, whether its rules are those of the last snapshot, so that they leave out nothing more.
    pub has_same_rules: &'a [bool],
    /// Whether files that look unchanged are read, too.
    pub rehash: Rehash,
    /// What was stored so far.
    pub stored: &'a Stored,
}

/// Another file with the same content.
pub struct Copied {
    /// Its path.
    pub path: EntryPathBuf,
    /// The content and where it is.
    pub content: Content,
    /// Whether it is in the part that is being written.
    pub is_here: bool,
}

/// The contents of the state before.
struct OlderContents {
    /// For each content its [`OlderContents::key`], and where its path is. Ascending.
    places: Vec<(u64, u64)>,
    paths: PathFile,
}

impl OlderContents {
    /// Hashes of the length and of the content, 32 bits each, so that both can be looked up.
    fn key(size: u64, content: &ContentKey) -> u64 {
        let size = Hash::of(&size.to_le_bytes()).0.first_chunk().map_or(0, |half| u32::from_le_bytes(*half));
        u64::from(size) << 32 | half_of(content) >> 32
    }

    /// The paths of those from `first` to `last`.
    fn between(&self, first: u64, last: u64) -> impl Iterator<Item = u64> {
        let from = self.places.partition_point(|(known, _)| *known < first);
        self.places[from..].iter().take_while(move |(known, _)| *known <= last).map(|(_, at)| *at)
    }
}

/// Finds copies.
pub struct Copies<'a> {
    scene: Scene<'a>,
    /// The state before, after the renames.
    base: State,
    /// Paths of that state that only look as if they had moved there.
    doubts: Doubts,
    /// Its contents; none before the first is asked for.
    older: Option<OlderContents>,
    /// The lengths of what may be stored in this run.
    own_sizes: HashSet<u64>,
    /// What may have been sent and is not yet written: lengths of files that were not hashed, halves of keys of the
    /// rest.
    awaited: HashSet<(bool, u64)>,
    /// Hashes of paths whose content has certainly changed.
    gone: HashSet<u64>,
    /// Hashes of paths that are patched, and how many parts were sent before. The script of that part finds the older
    /// content there, and makes copies of it first.
    patched: HashMap<u64, u64>,
    /// How many parts were sent.
    pub parts: u64,
    /// By directory, the names that must stay unchanged: something is a copy of them, or of what is in them.
    held: HashMap<EntryPathBuf, BTreeSet<Vec<u8>>>,
    /// By directory, whether its rules are what they were.
    same_rules: HashMap<EntryPathBuf, bool>,
    open: Ladder,
    /// How many work items were sent.
    pub sent: u64,
}

impl<'a> Copies<'a> {
    /// Compared with the state `base`.
    pub fn new(scene: Scene<'a>, base: &State) -> Copies<'a> {
        Copies {
            scene,
            base: base.clone(),
            doubts: Doubts::default(),
            older: None,
            own_sizes: HashSet::new(),
            awaited: HashSet::new(),
            gone: HashSet::new(),
            patched: HashMap::new(),
            parts: 0,
            held: HashMap::new(),
            same_rules: HashMap::new(),
            open: Ladder::default(),
            sent: 0,
        }
    }

    /// From here on the state before is `base`, in which `doubts` only look as if they had moved. To be called before
    /// all files.
    pub fn set_base(&mut self, base: &State, doubts: &Doubts) {
        (self.base, self.doubts) = (base.clone(), doubts.clone());
    }

    /// Notes a file that may be stored. Returns whether another one may have the same content, if it `may_be` a copy.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn plan(&mut self, size: u64, may_be: bool) -> Result<bool> {
        if size < self.scene.from {
            return Ok(false);
        }
        let is_first = self.own_sizes.insert(size);
        let may_be = may_be && (!is_first || self.has_older(size)?);
        if !may_be {
            self.awaited.insert((false, size));
        }
        Ok(may_be)
    }

    /// Whether the state before has contents of this length.
    fn has_older(&mut self, size: u64) -> Result<bool> {
        if !self.scene.is_exact {
            return Ok(false);
        }
        let older = match self.older.take() {
            Some(older) => older,
            None => self.older_contents()?,
        };
        let first = OlderContents::key(size, &ContentKey::default());
        let older = self.older.insert(older);
        Ok(older.between(first, first | u64::from(u32::MAX)).next().is_some())
    }

    /// Whether it is a file that may be a copy by its length.
    pub fn is_large(&self, stat: &Stat) -> bool {
        stat.kind == Kind::File && stat.size >= self.scene.from
    }

    /// Notes that the content of a path has certainly changed; `old` is its old stat.
    pub fn note_gone(&mut self, path: &EntryPath, old: &Stat) {
        if self.is_large(old) {
            self.gone.insert(hashed(path));
        }
    }

    /// As [`Copies::note_gone`], for a file that is patched.
    pub fn note_patched(&mut self, path: &EntryPath) {
        self.patched.insert(hashed(path), self.parts);
    }

    /// Another file with the content of `file`, which was hashed and has not changed since; for a file with several
    /// names, another of its names. If there is none, `file` counts as stored.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn find(&mut self, file: &LargeFile, hash: Hash) -> Result<Option<Copied>> {
        let content = Content { hash, holes: file.holes().clone(), ..Content::default() };
        let key = content.key(file.stat().size);
        let may_be_stored = file.stat().mode & 0o400 != 0 && file.stat().link == 0;
        let stored = |copies: &mut Copies| may_be_stored.then(|| copies.find_stored(file, &content, &key)).flatten();
        let found = match stored(self).filter(|found| found.is_here) {
            None => self.find_older(file, &content, &key)?.or_else(|| stored(self)),
            found => found,
        };
        let found = found.filter(|found| found.is_here || self.can_be_linked(file).unwrap_or(false));
        if found.is_none() {
            self.awaited.insert((true, half_of(&key)));
        }
        Ok(found)
    }

    /// One that was stored in this run.
    fn find_stored(&mut self, file: &LargeFile, content: &Content, key: &ContentKey) -> Option<Copied> {
        let size = file.stat().size;
        let is_awaited = [(false, size), (true, half_of(key))].map(|what| self.awaited.remove(&what)).contains(&true);
        if !is_awaited {
            self.scene.stored.find(key, self.scene.number)?;
        }
        // Its place and part are known when all that was sent before is written.
        self.scene.stored.wait_for(self.sent);
        let found = self.scene.stored.find(key, self.scene.number)?;
        let is_here = found.place.bundle.part == self.scene.stored.part();
        let content = Content { place: found.place, ..content.clone() };
        (is_here || size >= ACROSS_PARTS_BYTES_MIN).then_some(Copied { path: found.path, content, is_here })
    }

    /// Whether who unpacks a file can make it behind all others, when its folder has the mode that it has.
    fn can_be_linked(&mut self, file: &LargeFile) -> std::io::Result<bool> {
        let (mut folder, mut wanted) = (file.path.parent(), 0o300);
        while let Some(path) = folder.filter(|path| !path.is_root()) {
            let directory = self.directory(file.source, path)?;
            if directory.own_stat()?.mode & wanted != wanted {
                return Ok(false);
            }
            (folder, wanted) = (path.parent(), 0o100);
        }
        Ok(true)
    }

    /// One that was there before, and still is as it was.
    fn find_older(&mut self, file: &LargeFile, content: &Content, key: &ContentKey) -> Result<Option<Copied>> {
        let size = file.stat().size;
        if (file.stat().mode & 0o400 == 0 && file.stat().link == 0) || !self.has_older(size)? {
            return Ok(None);
        }
        let Some(older) = &self.older else { return Ok(None) };
        let wanted = OlderContents::key(size, key);
        let places: Vec<u64> = older.between(wanted, wanted).take(TRIES_MAX).collect();
        for at in places {
            let Some(path) = self.older.as_mut().and_then(|older| older.paths.read(at, &mut []).ok()) else { break };
            let Some(entry) = self.base.find(&path)? else { continue };
            let is_same = |known: &&Content| known.key(entry.stat.size) == *key && can_be_copied(&entry);
            let Some(known) = entry.content.as_ref().filter(is_same) else { continue };
            if path != file.path && self.is_there((&path, &entry), file) {
                let content = Content { place: known.place, patch: known.patch.clone(), ..content.clone() };
                return Ok(Some(Copied { path, content, is_here: false }));
            }
        }
        Ok(None)
    }

    /// All of them, in one walk over the state.
    fn older_contents(&self) -> Result<OlderContents> {
        let mut older = OlderContents { places: Vec::new(), paths: PathFile::default() };
        let mut rows = Rows::new(self.base.groups(EntryPath::root()));
        while let Some((directory, row)) = rows.take()? {
            if row.stat().is_none_or(|stat| !self.is_large(stat)) {
                continue;
            }
            if let Some(entry) = row.entry()?
                && let Some(content) = entry.content.as_ref().filter(|_| can_be_copied(&entry))
            {
                let Ok(at) = older.paths.push(&row.path_in(directory)?, &[]) else {
                    // Without space for it, files are stored again.
                    return Ok(OlderContents { places: Vec::new(), paths: PathFile::default() });
                };
                older.places.push((OlderContents::key(entry.stat.size, &content.key(entry.stat.size)), at));
            }
        }
        older.places.sort_unstable();
        older.places.shrink_to_fit();
        Ok(older)
    }

    /// Whether stock tools still find the old content at a path when they make copies; as a name of `file`, if that has
    /// several.
    fn is_there(&mut self, (path, entry): (&EntryPath, &Entry), file: &LargeFile) -> bool {
        match self.patched.get(&hashed(path)) {
            Some(parts) => *parts == self.parts && file.stat().link == 0,
            None => !self.gone.contains(&hashed(path)) && self.stays(path, entry, file.stat()),
        }
    }

    /// Whether a path is unchanged. If so it is held: it stays so in the new state, whatever happens to it before the
    /// walk comes there.
    fn stays(&mut self, path: &EntryPath, entry: &Entry, file: &Stat) -> bool {
        let source = self.scene.sources.iter().position(|source| path.is_in(source.path()));
        // What is not read stays as it was.
        let Some(number) = source else { return file.link == 0 };
        if self.doubts.has(path) {
            return false;
        }
        let stays = self.is_as_it_was(number, (path, entry), file).unwrap_or(false);
        if stays {
            let mut below = path;
            while let Some(above) = below.parent().filter(|above| !above.is_root()) {
                self.held.entry(above.to_owned()).or_default().insert(below.name_bytes().to_vec());
                below = above;
            }
        }
        stays
    }

    fn is_as_it_was(
        &mut self,
        number: usize,
        (path, entry): (&EntryPath, &Entry),
        file: &Stat,
    ) -> std::io::Result<bool> {
        let source = &self.scene.sources[number];
        let Some(parent) = path.parent().filter(|_| !source.is_file() && self.scene.has_same_rules[number]) else {
            return Ok(false);
        };
        if !self.are_rules_as_they_were(number, parent) {
            return Ok(false);
        }
        let directory = self.directory(number, parent)?;
        let name = path.name_bytes();
        let Some((stat, may_have_holes)) = source.look(&directory, name)? else { return Ok(false) };
        if stat.kind != Kind::File || stat.size != entry.stat.size {
            return Ok(false);
        }
        if file.link != 0 {
            // That is the content which was hashed.
            return Ok((stat.link, stat.inode) == (file.link, file.inode));
        }
        if entry.stat.is_unchanged(&stat) && self.scene.rehash == Rehash::No {
            return Ok(true);
        }
        // It would be compared when the walk comes there; that is done now, too.
        let is_compared = stat.link == 0 && patch_from(source.rules()) <= stat.size && may_be_made(path);
        let is_same = is_compared && has_content(&directory, name, entry, may_have_holes)?;
        Ok(is_same && source.look(&directory, name)?.is_some_and(|(now, _)| now == stat))
    }

    fn directory(&mut self, number: usize, path: &EntryPath) -> std::io::Result<Directory> {
        let below = path.split_source().map_or(&[][..], |(_, below)| below.as_bytes());
        self.open.open_in(number, self.scene.sources[number].root(), below)
    }

    /// Whether the rule files in a directory, and in those above it, are unchanged.
    fn are_rules_as_they_were(&mut self, number: usize, path: &EntryPath) -> bool {
        if let Some(known) = self.same_rules.get(path) {
            return *known;
        }
        let is_top = path == self.scene.sources[number].path();
        let above = path.parent().filter(|_| !is_top);
        let are_same = above.is_none_or(|above| self.are_rules_as_they_were(number, above))
            && self.has_same_rule_files(number, path).unwrap_or(false);
        self.same_rules.insert(path.to_owned(), are_same);
        are_same
    }

    fn has_same_rule_files(&mut self, number: usize, path: &EntryPath) -> std::io::Result<bool> {
        let source = &self.scene.sources[number];
        let directory = self.directory(number, path)?;
        if source.rules().exclude_caches && source.look(&directory, CACHE_TAG_FILE)?.is_some() {
            return Ok(false);
        }
        let rules = path.child(IGNORE_FILE).map(|rules| self.base.find(&rules));
        let before = match rules {
            Some(Err(_)) => return Ok(false),
            before => before.transpose().ok().flatten().flatten(),
        };
        let now = source.look(&directory, IGNORE_FILE)?;
        Ok(match (before, now) {
            (None, None) => true,
            (Some(before), Some((now, _))) => before.stat.is_unchanged(&now),
            _ => false,
        })
    }

    /// Whether something is a copy of what is at `path`, which must stay unchanged then.
    pub fn is_held(&self, path: &EntryPath) -> bool {
        let names = path.parent().filter(|_| !self.held.is_empty()).and_then(|above| self.held.get(above));
        names.is_some_and(|names| names.contains(path.name_bytes()))
    }

    /// Marks in a listing what must stay unchanged as unreadable, where it is gone or has another type or size. Returns
    /// those paths.
    ///
    /// # Errors
    /// When the index is damaged or cannot be read.
    pub fn hold(&self, listing: &mut Listing) -> Result<Vec<EntryPathBuf>> {
        let mut changed = Vec::new();
        for name in self.held.get(&listing.path).into_iter().flatten() {
            let Some(child) = listing.path.child(name) else { continue };
            let before = self.base.find(&child)?.map(|entry| (entry.stat.kind, entry.stat.size));
            let now = listing.find(name).map(|found| (found.stat.kind, found.stat.size));
            if now != before && !listing.cannot_look_at(name) {
                changed.push(child);
            }
        }
        for path in &changed {
            listing.hold(path.name_bytes());
        }
        Ok(changed)
    }
}

fn hashed(path: &EntryPath) -> u64 {
    Hash::of(path.as_bytes()).0.first_chunk().map_or(0, |half| u64::from_le_bytes(*half))
}

/// Whether the content of a file is there and whole, and its owner can read it when it is unpacked.
fn can_be_copied(entry: &Entry) -> bool {
    !entry.is_without_content() && !entry.is_torn() && entry.stat.mode & 0o400 != 0
}

/// Reads a file; whether its content is unchanged.
fn has_content(directory: &Directory, name: &[u8], entry: &Entry, may_have_holes: bool) -> std::io::Result<bool> {
    let file = directory.open_file(name)?;
    let size = entry.stat.size;
    let holes = if may_have_holes { platform::holes(&file, size)? } else { Holes::default() };
    let Some(hash) = hash_of(&file, size, &holes, &mut |_| true)? else { return Ok(false) };
    let content = Content { hash, holes, place: Place::default(), ..Content::default() };
    Ok(entry.content.as_ref().is_some_and(|known| known.key(size) == content.key(size)))
}
