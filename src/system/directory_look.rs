//! One directory of a source looked at: what belongs to it, what rules leave out, what cannot be read. Knows nothing of threads.

use crate::base::entry::FileKey;
use crate::base::entry::Kind;
use crate::base::error::Problem;
use crate::base::exclude::CACHE_TAG_FILE;
use crate::base::exclude::CACHE_TAG_SIGNATURE;
use crate::base::exclude::Exclude;
use crate::base::exclude::IGNORE_FILE;
use crate::base::exclude::RULES_BYTES_MAX;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::Name;
use crate::base::path::PATH_BYTES_MAX;
use crate::base::time::Time;
use crate::system::listing::Listing;
use crate::system::listing::ScannedEntry;
use crate::system::listing::Span;
use crate::system::platform::Directory;
use crate::system::platform::FileSystem;
use crate::system::platform::RawStat;
use crate::system::source::Source;
use std::io;
use std::io::Read;

/// What to look at, and how.
pub(super) struct Look<'l> {
    pub source: &'l Source,
    pub directory: &'l Directory,
    /// Its path below the source's top.
    pub below: &'l EntryPath,
    /// The rules from above.
    pub exclude: &'l Exclude,
    /// Directories that are never part of a source.
    pub skip: &'l [FileKey],
    pub looked_at: Time,
}

/// A directory that was found in the one that was looked at.
pub(super) struct Subdirectory {
    /// Below the source's top.
    pub path: EntryPathBuf,
    /// The rules that hold in it.
    pub exclude: Exclude,
    /// Whether it is on another file system and kept without its contents.
    pub is_elsewhere: bool,
}

impl Look<'_> {
    /// Adds what is in the directory to `listing`; gives the directories in it, by name.
    ///
    /// # Errors
    /// When it cannot be read; what was added says nothing then.
    pub(super) fn list(&self, listing: &mut Listing) -> io::Result<Vec<Subdirectory>> {
        let is_cache = self.source.rules().exclude_caches && is_cache(self.directory);
        let seen = Seen::of(self, self.exclude.clone(), is_cache, listing)?;
        if !seen.has_rules {
            return Ok(seen.finish());
        }
        // Few directories have rules of their own. Those are listed twice: asking for the file everywhere costs more.
        *listing = Listing { source: listing.source, path: std::mem::take(&mut listing.path), ..Listing::default() };
        let exclude = self.rules_here(listing);
        Ok(Seen::of(self, exclude, is_cache, listing)?.finish())
    }

    /// The rules of this directory: those from above, and those of a `.snapignore` in it.
    fn rules_here(&self, listing: &mut Listing) -> Exclude {
        let path = listing.path.child(IGNORE_FILE).unwrap_or_else(|| listing.path.clone());
        match read_start(self.directory, IGNORE_FILE, RULES_BYTES_MAX + 1) {
            Ok(text) => {
                let (exclude, complaints) = self.exclude.with_ignore_file(self.below.as_bytes(), &text);
                listing.problems.extend(complaints.into_iter().map(|what| Problem::new(path.clone(), what)));
                exclude
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.exclude.clone(),
            Err(error) => {
                listing.problems.push(Problem::io(path, "these rules cannot be read", &error));
                self.exclude.clone()
            }
        }
    }
}

/// What was seen of the directory so far.
struct Seen<'l> {
    look: &'l Look<'l>,
    exclude: Exclude,
    /// Whether it says that it is a cache, and caches are left out.
    is_cache: bool,
    /// Whether there is a file with rules in it.
    has_rules: bool,
    listing: &'l mut Listing,
    /// The directories in it that are on other file systems.
    elsewhere: Vec<Box<[u8]>>,
    /// The file system of the entry before, and its number.
    known: Option<(u64, FileSystem)>,
}

impl<'l> Seen<'l> {
    fn of(look: &'l Look<'l>, exclude: Exclude, is_cache: bool, listing: &'l mut Listing) -> io::Result<Seen<'l>> {
        let mut seen = Seen { look, exclude, is_cache, has_rules: false, listing, elsewhere: Vec::new(), known: None };
        look.directory.list(|name, found| seen.take(name, found))?;
        Ok(seen)
    }

    fn take(&mut self, name: &[u8], found: io::Result<RawStat>) {
        // Some file systems find it in small letters whatever it is called.
        self.has_rules |= name.eq_ignore_ascii_case(IGNORE_FILE);
        let span = self.listing.push_name(name);
        let is_too_long = self.listing.path.as_bytes().len() + 1 + name.len() > PATH_BYTES_MAX;
        let Some(name) = Name::new(name).filter(|_| !is_too_long) else {
            let why = if is_too_long { "its path is longer than 64 KiB" } else { "its name cannot be one" };
            let what = format!("some of what is in this folder is not saved: {why}");
            self.listing.problems.push(Problem::new(self.listing.path.clone(), what).unsaved());
            return self.listing.unreadable.push(name.to_vec());
        };
        let raw = match found {
            Ok(raw) => raw,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                let path = self.listing.path.join(name);
                self.listing.problems.push(Problem::io(path, "cannot be looked at", &error).unsaved());
                return self.listing.unreadable.push(name.as_bytes().to_vec());
            }
        };
        let is_directory = raw.kind == Some(Kind::Directory);
        if is_directory && self.look.skip.contains(&raw.key()) {
            self.listing.archive = Some(self.listing.path.join(name));
        } else if self.is_left_out(name, is_directory) {
            self.listing.left_out.push((span, is_directory));
            self.listing.left_out_bytes += if raw.kind == Some(Kind::File) { raw.size } else { 0 };
        } else {
            match raw.kind {
                None => self.listing.sockets += 1,
                Some(Kind::File) if raw.is_remote => {
                    self.listing.remote += 1;
                    self.listing.unreadable.push(name.as_bytes().to_vec());
                }
                Some(kind) => self.add((span, name), kind, &raw),
            }
        }
    }

    fn is_left_out(&self, name: &Name, is_directory: bool) -> bool {
        let by_rules = || self.exclude.excludes(self.look.below.join(name).as_bytes(), is_directory);
        self.is_cache && name.as_bytes() != CACHE_TAG_FILE || !self.exclude.is_empty() && by_rules()
    }

    fn add(&mut self, (span, name): (Span, &Name), kind: Kind, raw: &RawStat) {
        let file_system = self.file_system(name, raw.file_system);
        if self.look.source.is_elsewhere(raw, &file_system) {
            let path = self.listing.path.join(name);
            if file_system.is_pseudo { &mut self.listing.pseudo } else { &mut self.listing.elsewhere }.push(path);
            if kind != Kind::Directory {
                return;
            }
            self.elsewhere.push(name.as_bytes().into());
        }
        let mut stat = Source::comparable(raw, kind, file_system);
        stat.note_look(self.look.looked_at);
        let may_have_holes = kind == Kind::File && raw.allocated_bytes < raw.size;
        self.listing.found.push(ScannedEntry { name: span, stat, may_have_holes });
    }

    /// The file system with this number, mostly that of the entry before.
    fn file_system(&mut self, name: &Name, number: u64) -> FileSystem {
        match self.known {
            Some((known, file_system)) if known == number => file_system,
            _ => {
                let found = self.look.source.file_system(self.look.directory, name.as_bytes(), number);
                self.known.insert((number, found)).1
            }
        }
    }

    fn finish(self) -> Vec<Subdirectory> {
        self.listing.sort();
        let directories = self.listing.found.iter().filter(|found| found.stat.kind == Kind::Directory);
        let names = directories.filter_map(|found| Name::new(self.listing.name(found)));
        let subdirectory = |name: &Name| Subdirectory {
            path: self.look.below.join(name),
            exclude: self.exclude.clone(),
            is_elsewhere: self.elsewhere.iter().any(|other| **other == *name.as_bytes()),
        };
        names.map(subdirectory).collect()
    }
}

fn is_cache(directory: &Directory) -> bool {
    read_start(directory, CACHE_TAG_FILE, CACHE_TAG_SIGNATURE.len()).is_ok_and(|start| start == CACHE_TAG_SIGNATURE)
}

fn read_start(directory: &Directory, name: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    directory.open_file(name)?.take(bytes_max as u64).read_to_end(&mut start)?;
    Ok(start)
}
