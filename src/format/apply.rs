//! What stock tar leaves undone of a bundle, and the script that does it: members that stand behind those of all entries. Knows
//! nothing of where contents are.

use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Patch;
use crate::base::entry::PatchPiece;
use crate::base::error::Result;
use crate::base::id::Hash;
use crate::base::path::APPLY_DIRECTORY;
use crate::base::path::APPLY_SCRIPT;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::format::frames::Compressor;
use crate::format::frames::Effort;
use crate::format::frames::Frame;
use crate::format::tar;
use crate::format::tar::Body;
use crate::format::tar::DumpDir;
use crate::system::store::Spool;
use std::fmt::Write;

/// The script, the same in every bundle that has one.
pub const SCRIPT: &str = include_str!("apply.sh");

/// What the names of the tars with metadata begin with, in the script's directory.
const METADATA_PREFIX: &str = "metadata-";

/// A tar with metadata is closed at this size, in bytes.
const METADATA_BYTES: usize = 4 << 20;

/// So many bytes are compressed harder than the rest: they are much alike, and as long as they are few it costs little.
const HARD_BYTES: usize = 32 << 20;
const HARD_LEVEL: i32 = 8;

/// The longest path to which the script gives metadata: what `cp` can name, with the directory in which the script has it.
const PATH_BYTES_MAX: usize = 3968;

/// The state of a directory that is asked for.
pub type FindDirectory<'f> = dyn FnMut(&EntryPath) -> Result<Option<Entry>> + 'f;

/// Whether the script must give the file at `path` its metadata, for its content is that of `older`, and nothing of it stands
/// in the bundle.
pub fn needs_metadata(path: &EntryPath, entry: &Entry, older: Option<&Entry>) -> bool {
    entry.stat.kind == Kind::File
        && path.as_bytes().len() <= PATH_BYTES_MAX
        && older.is_none_or(|older| entry.differs_in_tar(older))
}

/// The name of the script's member.
pub fn script_name() -> &'static [u8] {
    APPLY_SCRIPT.as_bytes()
}

/// The member with the names of the files whose contents the script makes.
pub const PATCHES: &str = ".snap-apply/patches";

/// The member with the names of the files of which the script makes files of their own.
pub const COPIES: &str = ".snap-apply/copies";

/// Adds a file to the list of those of which the script makes files of their own: its name. A further name of a file stays one.
pub fn push_copy_name(names: &mut Vec<u8>, path: &EntryPath, entry: &Entry) {
    if entry.stat.link != 0 {
        return;
    }
    names.extend_from_slice(b"./");
    names.extend_from_slice(path.as_bytes());
    names.push(0);
}

/// Whether the script may make the file at `path`: what gives it its metadata must be able to name it.
pub fn may_be_made(path: &EntryPath) -> bool {
    path.as_bytes().len() <= PATH_BYTES_MAX
}

/// What the names of a file's two members begin with, in the script's directory.
fn patch_key(path: &EntryPath) -> String {
    let mut key = Hash::of(path.as_bytes()).to_string();
    key.truncate(32);
    key
}

/// The name of the member with the pieces of a file that is made from its older content; that with their data ends in `.patch`.
pub fn list_name(path: &EntryPath) -> String {
    format!("{APPLY_DIRECTORY}/{}.list", patch_key(path))
}

/// The name of the member with the data of a file that is made from its older content.
pub fn patch_name(path: &EntryPath) -> String {
    format!("{APPLY_DIRECTORY}/{}.patch", patch_key(path))
}

/// Adds a file to the list of those whose contents the script makes: its key and its name.
pub fn push_patch_name(names: &mut Vec<u8>, path: &EntryPath) {
    names.extend_from_slice(patch_key(path).as_bytes());
    names.extend_from_slice(b"\0./");
    names.extend_from_slice(path.as_bytes());
    names.push(0);
}

/// The list of the pieces of a content of `size` bytes, for the script.
pub fn patch_list(size: u64, patch: &Patch) -> Vec<u8> {
    let mut list = format!("{size}\n");
    for PatchPiece { bytes, from, base_bytes, stored } in &patch.pieces {
        // Writing to a string does not fail.
        let _ = writeln!(list, "{bytes} {from} {base_bytes} {stored}");
    }
    list.into_bytes()
}

/// The members of a file that is made from its older content, up to the data of its pieces, which has to follow, and padding.
pub fn patch_headers(path: &EntryPath, size: u64, patch: &Patch, mtime_seconds: i64) -> Vec<u8> {
    let list = patch_list(size, patch);
    let mut raw = plain_file(&list_name(path), &list, mtime_seconds);
    tar::append_plain_file_header(&mut raw, &patch_name(path), patch.stored_bytes(), mtime_seconds);
    raw
}

fn plain_file(name: &str, content: &[u8], mtime_seconds: i64) -> Vec<u8> {
    let mut raw = Vec::with_capacity(content.len() + 2 * tar::BLOCK_BYTES);
    tar::append_plain_file_header(&mut raw, name, content.len() as u64, mtime_seconds);
    raw.extend_from_slice(content);
    tar::pad(&mut raw, content.len() as u64);
    raw
}

/// Whether a member of the script's directory is a tar with metadata.
pub fn is_metadata(member: &[u8]) -> bool {
    member.starts_with(format!("{APPLY_DIRECTORY}/{METADATA_PREFIX}").as_bytes())
}

/// The list of names of the script's directory, by which GNU tar deletes what an older bundle left there.
pub fn listing<'n>(members: impl Iterator<Item = &'n [u8]>) -> Vec<u8> {
    let mut names = DumpDir::default();
    let prefix = [APPLY_DIRECTORY.as_bytes(), b"/"].concat();
    members.filter_map(|member| member.strip_prefix(prefix.as_slice())).for_each(|name| names.stored(name));
    names.into_bytes()
}

/// The members on their way: compressed as they grow, and most of them in a temporary file, for they are written last.
pub struct ApplyMembers {
    compressor: Compressor,
    level: i32,
    /// How many bytes may be compressed harder.
    hard_bytes: usize,
    mtime_seconds: i64,
    /// The tar that is filled.
    metadata: Vec<u8>,
    /// The directories on the way down that stand in it.
    above: Vec<EntryPathBuf>,
    /// The names of the members so far.
    members: Vec<String>,
    /// How many of them are tars with metadata.
    tars: usize,
    /// The names of the files whose contents the script makes.
    patches: Vec<u8>,
    /// The names of the files of which the script makes files of their own.
    copies: Vec<u8>,
    /// The members of those whose contents stand in other bundles.
    links: Option<CopyMembers>,
    stored: Spool,
    frames: Vec<Frame>,
}

impl ApplyMembers {
    /// None yet; `level` is a level of zstd.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(level: i32, mtime_seconds: i64) -> Result<ApplyMembers> {
        Ok(ApplyMembers {
            compressor: Compressor::new(Effort::Level(level))?,
            level,
            hard_bytes: HARD_BYTES,
            mtime_seconds,
            metadata: Vec::new(),
            above: Vec::new(),
            members: Vec::new(),
            tars: 0,
            patches: Vec::new(),
            copies: Vec::new(),
            links: None,
            stored: Spool::default(),
            frames: Vec::new(),
        })
    }

    /// Has the script give a file its metadata. Files come in the order of rows. `find` knows the directories above: those get
    /// theirs once more, for copying would give them those of new ones.
    ///
    /// # Errors
    /// That of `find`; when there is no memory for it.
    pub fn push_metadata(&mut self, path: &EntryPath, entry: &Entry, find: &mut FindDirectory) -> Result<()> {
        if self.metadata.len() >= METADATA_BYTES {
            self.close_metadata()?;
        }
        while self.above.last().is_some_and(|last| !path.is_in(last)) {
            self.above.pop();
        }
        let mut missing = Vec::new();
        let mut above = path.parent();
        while let Some(directory) =
            above.filter(|above| !above.is_root() && self.above.last().is_none_or(|last| **last != **above))
        {
            let Some(found) = find(directory)? else { return Ok(()) };
            missing.push((directory.to_owned(), found));
            above = directory.parent();
        }
        for (directory, found) in missing.into_iter().rev() {
            tar::append_header(&mut self.metadata, directory.as_bytes(), &found, Body::Metadata);
            self.above.push(directory);
        }
        tar::append_header(&mut self.metadata, path.as_bytes(), entry, Body::Metadata);
        Ok(())
    }

    fn close_metadata(&mut self) -> Result<()> {
        if self.metadata.is_empty() {
            return Ok(());
        }
        self.metadata.resize(self.metadata.len() + tar::END_BYTES, 0);
        let content = std::mem::take(&mut self.metadata);
        let name = format!("{APPLY_DIRECTORY}/{METADATA_PREFIX}{:06}.tar", self.tars + 1);
        self.tars += 1;
        self.append(&plain_file(&name, &content, self.mtime_seconds))?;
        self.members.push(name);
        self.above.clear();
        self.metadata = content;
        self.metadata.clear();
        Ok(())
    }

    /// Has the script make the content of a file, whose members stand before those of this.
    pub fn push_patch(&mut self, path: &EntryPath) {
        push_patch_name(&mut self.patches, path);
        self.members.extend([list_name(path), patch_name(path)]);
    }

    /// Has the script make a file of its own of one that has the content of another, and give it its metadata, as
    /// [`ApplyMembers::push_metadata`]. Where the content is in another bundle, and so that of `older`, its member is added, too.
    ///
    /// # Errors
    /// That of `find`; when there is no memory for it.
    pub fn push_copy(
        &mut self,
        (path, entry): (&EntryPath, &Entry),
        older: Option<&EntryPath>,
        find: &mut FindDirectory,
    ) -> Result<()> {
        if let Some(older) = older {
            let mut links = self.links.take().map_or_else(CopyMembers::new, Ok)?;
            links.push(path, entry, older, find)?;
            self.links = Some(links);
        }
        push_copy_name(&mut self.copies, path, entry);
        self.push_metadata(path, entry, find)
    }

    fn append(&mut self, raw: &[u8]) -> Result<()> {
        let level = if raw.len() <= self.hard_bytes { self.level.max(HARD_LEVEL) } else { self.level };
        self.hard_bytes = self.hard_bytes.saturating_sub(raw.len());
        self.compressor.set_effort(Effort::Level(level))?;
        self.frames.extend(self.stored.append(|stored| self.compressor.append_frames(raw, stored))?);
        Ok(())
    }

    /// All of it, as frames: first the members of files, the script last.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn finish(mut self) -> Result<Vec<(Spool, Vec<Frame>)>> {
        let links = self.links.take().map(CopyMembers::finish).transpose()?;
        self.close_metadata()?;
        let mut raw = Vec::new();
        for (name, names) in [(COPIES, &self.copies), (PATCHES, &self.patches)] {
            if !names.is_empty() {
                self.members.push(name.to_owned());
                raw.extend(plain_file(name, names, self.mtime_seconds));
            }
        }
        self.members.sort();
        let names = listing(self.members.iter().map(String::as_bytes));
        let mut directory = Entry::default();
        (directory.stat.kind, directory.stat.mode) = (Kind::Directory, 0o755);
        directory.stat.mtime.seconds = self.mtime_seconds;
        tar::append_header(&mut raw, APPLY_DIRECTORY.as_bytes(), &directory, Body::Listing(&names));
        raw.extend(plain_file(APPLY_SCRIPT, SCRIPT.as_bytes(), self.mtime_seconds));
        self.append(&raw)?;
        Ok(links.into_iter().chain([(self.stored, self.frames)]).collect())
    }
}

/// The members of files whose contents stand in older bundles, on their way: they stand behind those of all other entries, for
/// only then what they are copies of is for certain what it will be.
struct CopyMembers {
    compressor: Compressor,
    raw: Vec<u8>,
    /// The directory whose member was written last.
    directory: Option<EntryPathBuf>,
    stored: Spool,
    frames: Vec<Frame>,
}

impl CopyMembers {
    fn new() -> Result<CopyMembers> {
        let compressor = Compressor::new(Effort::default())?;
        Ok(CopyMembers { compressor, raw: Vec::new(), directory: None, stored: Spool::default(), frames: Vec::new() })
    }

    /// Adds a file, in the order of rows, as a second name of the one at `copied`. `find` knows the directory that it is in: that
    /// stands once more before it, for its time changes with what is made in it.
    fn push(&mut self, path: &EntryPath, entry: &Entry, copied: &EntryPath, find: &mut FindDirectory) -> Result<()> {
        let above = path.parent().filter(|above| !above.is_root());
        if let Some(above) = above.filter(|above| self.directory.as_deref() != Some(*above))
            && let Some(found) = find(above)?
        {
            tar::append_header(&mut self.raw, above.as_bytes(), &found, Body::Itself);
            self.directory = Some(above.to_owned());
        }
        tar::append_header(&mut self.raw, path.as_bytes(), entry, Body::CopyOf(copied.as_bytes()));
        if self.raw.len() >= METADATA_BYTES { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> Result<()> {
        self.frames.extend(self.stored.append(|stored| self.compressor.append_frames(&self.raw, stored))?);
        self.raw.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(Spool, Vec<Frame>)> {
        self.close()?;
        Ok((self.stored, self.frames))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::entry::Stat;
    use crate::base::entry::XATTRS_BYTES_MAX;
    use crate::format::frames::FRAME_BYTES_MAX;

    #[test]
    fn no_frame_is_longer_than_a_reader_takes_however_much_the_folders_above_have() {
        let heavy = |kind| {
            let xattrs = vec![(b"user.x".to_vec(), vec![7; XATTRS_BYTES_MAX - 100])];
            Entry { stat: Stat { kind, ..Stat::default() }, xattrs, ..Entry::default() }
        };
        let path = EntryPathBuf::from_bytes(&[&b"d/".repeat(40)[..], b"f"].concat()).unwrap();
        let mut members = ApplyMembers::new(1, 0).unwrap();
        let mut find = |_: &EntryPath| Ok(Some(heavy(Kind::Directory)));
        members.push_metadata(&path, &heavy(Kind::File), &mut find).unwrap();
        members.push_copy((&path, &heavy(Kind::File)), Some(EntryPath::root()), &mut find).unwrap();
        let frames: Vec<Frame> = members.finish().unwrap().into_iter().flat_map(|(_, frames)| frames).collect();
        let raw: u64 = frames.iter().map(|frame| u64::from(frame.raw_bytes)).sum();
        assert!(raw > 2 * FRAME_BYTES_MAX as u64, "{raw}");
        assert!(frames.iter().all(|frame| frame.raw_bytes as usize <= FRAME_BYTES_MAX), "{frames:?}");
    }
}
