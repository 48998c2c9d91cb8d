//! Which names are written as others in a destination; also what else is known of what the file system holds, before anything
//! is written.

use super::failure::Failure;
use super::names::NameRules;
use super::names::Taken;
use super::places::Place;
use super::places::Root;
use super::target::Destination;
use super::written_names::NAMES_BYTES_MAX;
use super::written_names::NAMES_LISTED_MAX;
use super::written_names::Renamed;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::path::EntryPath;
use crate::base::path::joined;
use crate::system::platform;
use crate::system::platform::Names;
use std::io;

impl Destination {
    /// Finds out which names the file system takes; where that is not known, or depends on how it was mounted, by making some
    /// in a temporary folder, which is removed, if `may_write`. Before this is called, all names are taken to be possible.
    pub fn learn_names(&mut self, may_write: bool) {
        for number in 0..self.places.roots.len() {
            let root = &self.places.roots[number];
            let usual = match root.file_system.names {
                Names::All => continue,
                Names::Fat => NameRules::fat(),
                Names::Windows => NameRules::windows(),
                Names::Unknown => NameRules::default(),
            };
            if platform::HAS_HIDDEN_NAME_RULES {
                self.places.roots[number].rules = NameRules::windows();
                continue;
            }
            // Where nothing can be made, what is done next fails too, and says why.
            let probed = if may_write { self.probed_rules(root).ok() } else { None };
            self.places.roots[number].rules = probed.unwrap_or(usual);
        }
    }

    fn probed_rules(&self, root: &Root) -> io::Result<NameRules> {
        let directory = root.open_directories.directory(b"")?;
        let temporary = self.temporary_name();
        directory.make_directory(&temporary, 0o700)?;
        let rules = directory.open_below(&temporary).and_then(|probed| NameRules::probe(&probed));
        let _ = directory.remove_tree(&temporary, None);
        rules
    }

    /// Whether some names have to be others in `directory`.
    pub fn changes_names(&self, directory: &EntryPath) -> bool {
        self.places.find(directory.as_bytes()).is_ok_and(|place| !place.root.rules.takes_all())
    }

    /// Notes what will be written into `directory`, so that no two names become one there. To be called before any of them is
    /// written, again and again for one directory if its names come piece by piece.
    ///
    /// # Errors
    /// When too many names differ in case only, or one directory has too many names to know that.
    pub fn note_names<'n>(
        &self,
        directory: &EntryPath,
        names: impl Iterator<Item = &'n [u8]> + Clone,
    ) -> Result<(), Error> {
        let Ok(Place { root: Root { rules, .. }, .. }) = self.places.find(directory.as_bytes()) else { return Ok(()) };
        if rules.takes_all() {
            return Ok(());
        }
        let mut noted = self.written.noted();
        if noted.directory != *directory {
            (noted.directory, noted.taken) = (directory.to_owned(), Taken::default());
        }
        for (name, written) in rules.told_apart(names.clone(), &mut noted.taken) {
            let path = joined(directory.as_bytes(), name);
            noted.apart_bytes += path.len() + written.len() + 2 * size_of::<Vec<u8>>();
            noted.apart.insert(path, written);
        }
        if noted.taken.bytes() + noted.apart_bytes > NAMES_BYTES_MAX {
            let what = format!("more names than can be told apart where upper and lower case are one, in {directory}");
            return Err(Error::new(ErrorKind::Refused, what).with_advice(Advice::RestoreElsewhere));
        }
        for name in names {
            let Some(path) = directory.child(name) else { continue };
            let written = noted.apart.get(path.as_bytes()).cloned().or_else(|| rules.written(name));
            let Some(name) = written else { continue };
            noted.total += 1;
            if noted.listed.len() < NAMES_LISTED_MAX {
                noted.listed.push(Renamed { path, name });
            }
        }
        Ok(())
    }

    /// How many names are others there, and the first [`NAMES_LISTED_MAX`] of them.
    pub fn renamed(&self) -> (u64, Vec<Renamed>) {
        let noted = self.written.noted();
        (noted.total, noted.listed.clone())
    }

    /// The name that stands in `directory` as `written`, in an entry's path.
    pub fn original(&self, directory: &EntryPath, written: Vec<u8>) -> Vec<u8> {
        let place = self.places.find(directory.as_bytes());
        place.ok().and_then(|place| place.root.rules.original(&written)).unwrap_or(written)
    }

    /// Refuses a file of `size` bytes where none can be so large, before anything of it is written.
    ///
    /// # Errors
    /// A problem when it cannot be there.
    pub fn refuse_too_large(&self, path: &EntryPath, size: u64) -> Result<(), Failure> {
        let place = self.places.find(path.as_bytes());
        match place.ok().and_then(|place| place.root.file_system.file_bytes_max) {
            Some(bytes_max) if size > bytes_max => Err(self.too_large(path)),
            _ => Ok(()),
        }
    }

    /// How many bytes there is room for in the one folder for all, and whether more may fit because they are stored compressed;
    /// `None` where that is not known.
    pub fn free_bytes(&self) -> Option<(u64, bool)> {
        let root = self.places.find(b"").ok()?.root;
        Some((root.open_directories.directory(b"").ok()?.free_bytes()?, root.file_system.may_compress))
    }
}
