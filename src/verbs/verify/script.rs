//! What stands in a bundle for its script: whether it is the script that belongs there, and gives files the metadata that their
//! lines say.

use super::expected::ExpectedMembers;
use super::names::NameLists;
use super::names::Named;
use crate::archive::content::Reader;
use crate::archive::state::State;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::id::Hasher;
use crate::base::path::APPLY_DIRECTORY;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::apply;
use crate::format::bundle::ManifestReader;
use crate::format::manifest::Action;
use crate::format::tar;
use crate::format::tar::Body;
use crate::format::tar::TarEntry;

/// The longest member of the script's that is read.
pub(super) const MEMBER_BYTES_MAX: u64 = 32 << 20;

const NOT_PLAIN: &str = "something for its script is not a plain file with mode 0644, or has an owner";

/// How many bytes of a content are read at once.
const READ_BYTES: u64 = 1 << 20;

/// Checks the members for the script of one bundle.
pub(super) struct ScriptCheck {
    /// Reads contents that are made from older ones.
    reader: Reader,
    /// The lines, once more; none where the manifest is not sound.
    lines: Option<ManifestReader>,
    /// The lines, once more, for files whose contents the script makes.
    made: Option<ManifestReader>,
    /// The names of those so far, as the script is told them, and how many there are.
    names: Vec<u8>,
    count: u64,
    /// The file whose list of pieces was seen last.
    listed: Option<(EntryPathBuf, Entry)>,
    /// The names of the members so far.
    members: Vec<Vec<u8>>,
    has_script: bool,
    /// Whether the directory of the members was there.
    has_directory: bool,
    /// The list of files of which the script makes files of their own; `None` where it is damaged.
    copies: Option<Vec<u8>>,
    /// Files with wrong metadata by tar and script.
    pub wrong: Named,
    /// What is wrong with the members themselves.
    pub faults: Vec<String>,
}

impl ScriptCheck {
    /// With the bundle's lines from the beginning, twice.
    pub fn new(lines: Option<ManifestReader>, made: Option<ManifestReader>, reader: Reader) -> ScriptCheck {
        let (names, count, listed) = (Vec::new(), 0, None);
        ScriptCheck {
            reader,
            lines,
            made,
            names,
            count,
            listed,
            members: Vec::new(),
            has_script: false,
            has_directory: false,
            copies: Some(Vec::new()),
            wrong: Named::default(),
            faults: Vec::new(),
        }
    }

    /// Whether its members behind those of all entries have begun.
    pub fn has_begun(&self) -> bool {
        self.has_script || self.members.len() as u64 > 2 * self.count
    }

    /// A file of which a member has the data of its pieces, if it is the one that is due.
    pub fn take_made(&mut self, told: &TarEntry) -> Option<(EntryPathBuf, Entry)> {
        let member = told.member.path.as_slice();
        let (path, entry) = self.listed.take().filter(|(path, _)| apply::patch_name(path).as_bytes() == member)?;
        self.demand(is_plain(told), NOT_PLAIN);
        apply::push_patch_name(&mut self.names, &path);
        self.count += 1;
        self.members.push(member.to_vec());
        Some((path, entry))
    }

    /// Whether something else is made of the file at `path` than `content`, or nothing. It is read by itself, for its older
    /// contents may be in any bundle; what of them is damaged is told where it stands.
    pub fn makes_another(&mut self, path: &EntryPath, content: &Content, lists: &NameLists) -> Result<bool> {
        let known = lists.state.as_ref().map(|state| state.find(path)).transpose()?.flatten();
        let is_it = |known: &Entry| known.content.as_ref().is_some_and(|known| known.hash == content.hash);
        let Some(known) = known.filter(|known| is_it(known) && !known.is_without_content()) else { return Ok(false) };
        match self.hash_of(&known)? {
            Some(hash) => Ok(hash != content.hash),
            // Where the older content can be had, the data of this one is wrong.
            None => older(&known).map_or(Ok(false), |older| Ok(self.hash_of(&older)?.is_some())),
        }
    }

    /// The hash of the content of an entry; `None` where not all of it can be read.
    fn hash_of(&mut self, entry: &Entry) -> Result<Option<Hash>> {
        let Some(content) = &entry.content else { return Ok(None) };
        let (mut hasher, mut at) = (Hasher::new(), 0);
        let mut buffer = vec![0; entry.stat.size.min(READ_BYTES) as usize];
        while at < entry.stat.size {
            let piece = &mut buffer[..(entry.stat.size - at).min(READ_BYTES) as usize];
            if self.reader.read_lossy(entry, at, piece)?.is_some() {
                return Ok(None);
            }
            content.holes.hash(at, piece, &mut hasher);
            at += piece.len() as u64;
        }
        Ok(Some(hasher.hash()))
    }

    fn list(&mut self, member: &[u8], content: Option<&[u8]>) -> Result<()> {
        while let Some(lines) = &mut self.made {
            let Some(change) = lines.next_change()? else {
                self.made = None;
                break;
            };
            let Action::Stored(entry) = change.now else { continue };
            let Some(patch) = entry.content.as_ref().and_then(|content| content.patch.clone()) else { continue };
            if apply::list_name(&change.path).as_bytes() == member {
                let due = apply::patch_list(entry.stat.size, &patch);
                self.demand(content.is_none_or(|content| content == due), "a list of pieces is another one");
                self.members.push(member.to_vec());
                self.listed = Some((change.path, entry));
                return Ok(());
            }
        }
        self.demand(self.made.is_some(), "there is something for its script that no script uses");
        Ok(())
    }

    /// A member; `content` is `None` where it is damaged.
    pub fn member(&mut self, told: &TarEntry, content: Option<&[u8]>, lists: &NameLists) -> Result<()> {
        let name = told.member.path.as_slice();
        self.demand(is_plain(told), NOT_PLAIN);
        if told.member.flag == b'5' {
            self.has_directory = true;
            self.members.sort();
            let listing = apply::listing(self.members.iter().map(Vec::as_slice));
            self.demand(told.listing.as_deref() == Some(&listing), "the list of what its script needs is another one");
        } else if name == apply::script_name() {
            self.has_script = true;
            let is_right = content.is_none_or(|content| content == apply::SCRIPT.as_bytes());
            self.demand(is_right, "its script is not the one that belongs there: do not run it");
        } else if name.ends_with(b".list") {
            self.list(name, content)?;
        } else if name == apply::PATCHES.as_bytes() {
            self.members.push(name.to_vec());
            let is_right = content.is_none_or(|content| content == self.names);
            self.demand(is_right, "the list of files that its script makes is another one");
        } else if name == apply::COPIES.as_bytes() {
            self.members.push(name.to_vec());
            self.copies = content.map(<[u8]>::to_vec);
        } else if apply::is_metadata(name) && told.member.flag == b'0' {
            self.members.push(name.to_vec());
            match content {
                Some(content) => self.metadata(content, lists)?,
                None => self.lines = None,
            }
        } else {
            self.demand(false, "there is something for its script that no script uses");
        }
        Ok(())
    }

    /// Looks for files that should have got metadata and have not, and whether all that the script makes were there, as `expected`
    /// says after its last line.
    pub fn finish(&mut self, expected: &ExpectedMembers, lists: &NameLists) -> Result<()> {
        if expected.metadata == 0 && !self.has_begun() {
            return Ok(());
        }
        self.demand(self.count == expected.patches, "not all that its script needs to make files is there");
        let has_all_copies = self.copies.as_ref().is_none_or(|copies| *copies == expected.copies);
        self.demand(has_all_copies, "the list of files of which its script makes files of their own is another one");
        self.demand(self.has_script || self.lines.is_none(), "its script is missing");
        self.demand(self.has_directory || self.lines.is_none(), "the list of what its script needs is missing");
        while let Some((path, _)) = self.next_line(lists)? {
            self.wrong.add(path);
        }
        Ok(())
    }

    fn demand(&mut self, is_right: bool, fault: &str) {
        if !is_right && !self.faults.iter().any(|known| known == fault) {
            self.faults.push(fault.to_owned());
        }
    }

    /// One tar with metadata against the lines.
    fn metadata(&mut self, mut content: &[u8], lists: &NameLists) -> Result<()> {
        loop {
            let told = match tar::read_entry(&mut content) {
                Ok(Some(told)) => told,
                Ok(None) => return Ok(()),
                Err(_) => {
                    self.demand(false, "a tar with metadata cannot be read");
                    return Ok(());
                }
            };
            let is_directory = told.member.flag == b'5';
            let name = told.member.path.strip_suffix(b"/").filter(|_| is_directory).unwrap_or(&told.member.path);
            let path = EntryPathBuf::from_bytes(name).filter(|path| !path.is_root());
            let Some(path) = path.filter(|_| told.member.size == 0 && matches!(told.member.flag, b'0' | b'5')) else {
                self.demand(false, "a tar with metadata has something that does not belong there");
                continue;
            };
            if is_directory {
                self.directory(path, &told, lists.state.as_ref())?;
            } else {
                self.file(path, &told, lists)?;
            }
        }
    }

    fn directory(&mut self, path: EntryPathBuf, told: &TarEntry, state: Option<&State>) -> Result<()> {
        let Some(state) = state else { return Ok(()) };
        let due = state.find(&path)?.filter(|entry| entry.stat.kind == Kind::Directory);
        if due.is_none_or(|due| !says(&path, &due, told)) {
            self.wrong.add(path);
        }
        Ok(())
    }

    fn file(&mut self, path: EntryPathBuf, told: &TarEntry, lists: &NameLists) -> Result<()> {
        while let Some((due, entry)) = self.next_line(lists)? {
            if due == path {
                if !says(&path, &entry, told) {
                    self.wrong.add(path);
                }
                return Ok(());
            }
            self.wrong.add(due);
        }
        if self.lines.is_some() && lists.before.is_some() {
            self.wrong.add(path);
        }
        Ok(())
    }

    /// The next file to which the script gives metadata, by the lines.
    fn next_line(&mut self, lists: &NameLists) -> Result<Option<(EntryPathBuf, Entry)>> {
        let (Some(lines), Some(before)) = (&mut self.lines, &lists.before) else { return Ok(None) };
        while let Some(change) = lines.next_change()? {
            let is_made = |entry: &Entry| entry.content.as_ref().is_some_and(|content| content.patch.is_some());
            match change.now {
                Action::Stored(entry) | Action::Referenced(entry) if change.copy_of.is_some() => {
                    return Ok(Some((change.path, entry)));
                }
                Action::Stored(entry) if is_made(&entry) => return Ok(Some((change.path, entry))),
                Action::Referenced(entry)
                    if apply::needs_metadata(&change.path, &entry, before.find(&change.path)?.as_ref()) =>
                {
                    return Ok(Some((change.path, entry)));
                }
                _ => {}
            }
        }
        self.lines = None;
        Ok(None)
    }
}

/// What a content is made from, as a file.
fn older(entry: &Entry) -> Option<Entry> {
    let patch = entry.content.as_ref()?.patch.as_ref()?;
    let mut older = entry.clone();
    older.stat.size = patch.base_size;
    older.content = Some(patch.base.clone());
    Some(older)
}

/// Whether a member for the script has the right headers: a plain file without an owner that all can read, or the
/// directory of them.
fn is_plain(told: &TarEntry) -> bool {
    let stat = &told.entry.stat;
    let is_kind = match told.member.flag {
        b'5' => told.member.path.strip_suffix(b"/") == Some(APPLY_DIRECTORY.as_bytes()) && stat.mode == 0o755,
        flag => flag == b'0' && stat.mode == 0o644,
    };
    is_kind && (stat.uid, stat.gid) == (0, 0)
}

/// Whether a member of a tar with metadata says what the entry is.
fn says(path: &EntryPath, due: &Entry, told: &TarEntry) -> bool {
    let mut headers = Vec::new();
    tar::append_header(&mut headers, path.as_bytes(), due, Body::Metadata);
    let Ok(Some(due)) = tar::read_entry(&mut headers.as_slice()) else { return true };
    !due.entry.differs_in_tar(&told.entry)
}
