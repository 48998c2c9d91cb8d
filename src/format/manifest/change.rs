//! The lines between the first and the last: what changed, and what moved.

use super::json_text::Hex;
use super::json_text::Octal;
use super::json_text::Seconds;
use super::json_text::is_default;
use super::json_text::line_of;
use super::json_text::parsed;
use super::limited::at_most;
use super::patch::PatchLine;
use super::place::place_field;
use crate::base::entry::Content;
use crate::base::entry::Device;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Owner;
use crate::base::entry::Place;
use crate::base::entry::Stat;
use crate::base::entry::XATTRS_BYTES_MAX;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::holes::HOLES_MAX;
use crate::base::holes::Holes;
use crate::base::id::BundleId;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::PATH_BYTES_MAX;
use crate::base::text::Text;
use serde::Deserialize;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;

/// The most extended attributes of one entry that are read.
const XATTRS_MAX: usize = 1 << 18;

/// A line between the first and the last: one path that is not as it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The path.
    pub path: EntryPathBuf,
    /// What it is now.
    pub now: Action,
    /// Another file with the same content, of which it is a second name for tar; `None`: it is none.
    pub copy_of: Option<EntryPathBuf>,
}

/// What a changed path is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// No longer there; it was of this kind.
    Removed(Kind),
    /// There, with its content, if it is a file, in this bundle. The place's bundle is this one.
    Stored(Entry),
    /// There, with the content that it had before, which is in the bundle of the content's place; the offset is not known
    /// here, for that bundle may have been written anew.
    Referenced(Entry),
}

/// A change as a line whose offset may still have to be put in, since it is known last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DraftLine(Vec<u8>);

impl DraftLine {
    /// The line of a path that is gone.
    pub fn gone(path: &EntryPath, kind: Kind) -> DraftLine {
        DraftLine::of(&ChangeLine {
            path: Text(Cow::Borrowed(path.as_bytes())),
            gone: Some(kind.word().into()),
            ..ChangeLine::default()
        })
    }

    /// The line of an entry; `kept_in` is the older bundle that has its content, if it is not in this one.
    pub fn entry(path: &EntryPath, entry: &Entry, kept_in: Option<BundleId>) -> DraftLine {
        DraftLine::copy(path, entry, kept_in, None)
    }

    /// As [`DraftLine::entry`], of a file that has the content of the one at `copy_of`, if that is given.
    pub fn copy(path: &EntryPath, entry: &Entry, kept_in: Option<BundleId>, copy_of: Option<&EntryPath>) -> DraftLine {
        let stat = &entry.stat;
        let content = entry.content.as_ref();
        DraftLine::of(&ChangeLine {
            path: Text(Cow::Borrowed(path.as_bytes())),
            gone: None,
            kind: Some(stat.kind.word().into()),
            mode: Some(Octal(stat.mode)),
            uid: stat.uid,
            gid: stat.gid,
            user: entry.owner.user.as_ref().into(),
            group: entry.owner.group.as_ref().into(),
            size: (stat.kind == Kind::File).then_some(stat.size),
            mtime: Some(Seconds(stat.mtime)),
            ctime: Some(Seconds(stat.ctime)),
            inode: stat.inode,
            link: stat.link,
            racy: stat.racy,
            device: stat.kind.is_device().then_some((stat.device.major, stat.device.minor)),
            target: (stat.kind == Kind::Symlink).then_some(Text(Cow::Borrowed(&entry.target))),
            xattrs: entry.xattrs.iter().map(|(name, value)| (borrowed(name), borrowed(value))).collect(),
            holes: content.map_or_else(Vec::new, |content| content.holes.to_pairs()),
            torn: entry.is_torn(),
            hash: content.map(|content| Hex(content.hash)),
            copy: copy_of.map(|path| borrowed(path.as_bytes())),
            kept_in: kept_in.map(|id| id.to_string().into()),
            patch: content
                .filter(|_| kept_in.is_none() && copy_of.is_none())
                .and_then(|content| content.patch.as_deref().map(PatchLine::of)),
            offset: None,
            pruned: false,
        })
    }

    /// The whole line, with its newline; `offset` is where its content begins in the decompressed tar, for a file whose
    /// content is in this bundle, or the offset of [`Place::pruned`].
    pub fn append_to(&self, out: &mut Vec<u8>, offset: Option<u64>) {
        out.extend_from_slice(&self.0);
        if let Some(offset) = offset {
            out.push(b',');
            out.extend_from_slice(&place_field(offset));
        }
        out.extend_from_slice(b"}\n");
    }

    /// Its length in bytes so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is the default, no line at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn of(line: &impl Serialize) -> DraftLine {
        let mut bytes = line_of(line);
        // The closing brace and the newline come with the offset.
        bytes.truncate(bytes.len().saturating_sub(2));
        DraftLine(bytes)
    }
}

pub(super) fn borrowed(bytes: &[u8]) -> Text<'_> {
    Text(Cow::Borrowed(bytes))
}

impl Change {
    /// Reads a line between the first and the last of bundle `bundle`'s manifest.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when it is none, or says what cannot be.
    pub fn from_line(line: &[u8], bundle: BundleId) -> Result<Change> {
        let line: ChangeLine = parsed(line)?;
        let path = EntryPathBuf::from_bytes(&line.path.0).filter(|path| !path.is_root());
        let path = path.ok_or_else(|| bad("a path that could point outside or is too long"))?;
        let kind = |word: &str| Kind::from_word(word).ok_or_else(|| bad("an unknown type"));
        if let Some(word) = &line.gone {
            return Ok(Change { path, now: Action::Removed(kind(word)?), copy_of: None });
        }
        let kind = kind(line.kind.as_ref().ok_or_else(|| bad("no type"))?)?;
        let stat = Stat {
            kind,
            mode: line.mode.map(|mode| mode.0).filter(|mode| *mode <= 0o7777).ok_or_else(|| bad("no sound mode"))?,
            uid: line.uid,
            gid: line.gid,
            size: if kind == Kind::File { line.size.ok_or_else(|| bad("no size"))? } else { 0 },
            mtime: line.mtime.ok_or_else(|| bad("no time"))?.0,
            ctime: line.ctime.ok_or_else(|| bad("no time"))?.0,
            inode: line.inode,
            link: line.link,
            device: line.device.map(|(major, minor)| Device { major, minor }).unwrap_or_default(),
            racy: line.racy,
        };
        let content = if kind == Kind::File { Some(line.content(stat.size, bundle)?) } else { None };
        let copy_of = line.copied(&path)?.filter(|_| kind == Kind::File);
        let is_kept = line.kept_in.is_some();
        let mut entry = Entry {
            stat,
            owner: Owner { user: line.user.as_ref().into(), group: line.group.as_ref().into() },
            xattrs: line.xattrs.into_iter().map(|(name, value)| (name.0.into_owned(), value.0.into_owned())).collect(),
            target: line.target.map(|target| target.0.into_owned()).unwrap_or_default(),
            content,
        };
        let xattr_bytes: usize = entry.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        if xattr_bytes > XATTRS_BYTES_MAX {
            return Err(bad("more extended attributes than an entry can have"));
        }
        if entry.target.len() > PATH_BYTES_MAX {
            return Err(bad("a symlink whose target is too long"));
        }
        if kind == Kind::Symlink && (entry.target.is_empty() || entry.target.contains(&0)) {
            return Err(bad("a symlink that points nowhere"));
        }
        if kind != Kind::File {
            return Ok(Change { path, now: Action::Stored(entry), copy_of: None });
        }
        if !is_kept && entry.is_lost() {
            entry.lose();
        }
        entry.stat.racy |= entry.is_pruned();
        let now = if is_kept { Action::Referenced(entry) } else { Action::Stored(entry) };
        Ok(Change { path, now, copy_of })
    }
}

#[derive(Serialize, Deserialize, Default)]
struct ChangeLine<'a> {
    #[serde(borrow)]
    path: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    gone: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<Octal>,
    #[serde(default, skip_serializing_if = "is_default")]
    uid: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    gid: u32,
    #[serde(borrow, default, skip_serializing_if = "is_default")]
    user: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "is_default")]
    group: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mtime: Option<Seconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ctime: Option<Seconds>,
    #[serde(default, skip_serializing_if = "is_default")]
    inode: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    link: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    racy: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<(u32, u32)>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    target: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty", deserialize_with = "at_most::<XATTRS_MAX, _, _>")]
    xattrs: Vec<(Text<'a>, Text<'a>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "at_most::<HOLES_MAX, _, _>")]
    holes: Vec<(u64, u64)>,
    #[serde(default, skip_serializing_if = "is_default")]
    torn: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<Hex>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    copy: Option<Text<'a>>,
    #[serde(borrow, default, rename = "in", skip_serializing_if = "Option::is_none")]
    kept_in: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patch: Option<PatchLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pruned: bool,
}

impl ChangeLine<'_> {
    /// The path of what the file at `path` is a copy of.
    fn copied(&self, path: &EntryPath) -> Result<Option<EntryPathBuf>> {
        let Some(copy) = &self.copy else { return Ok(None) };
        let copied = EntryPathBuf::from_bytes(&copy.0).filter(|copied| !copied.is_root() && **copied != *path);
        copied.filter(|_| self.patch.is_none()).map(Some).ok_or_else(|| bad("a copy of what cannot be copied"))
    }

    /// The content of a file of `size` bytes, as the line says it in the manifest of `bundle`.
    fn content(&self, size: u64, bundle: BundleId) -> Result<Content> {
        let hash = self.hash.ok_or_else(|| bad("no hash"))?.0;
        let holes = Holes::from_pairs(&self.holes, size).ok_or_else(|| bad("holes that cannot be"))?;
        let place = match (&self.kept_in, self.offset) {
            _ if self.pruned && (self.kept_in.is_some() || self.offset.is_some()) => None,
            (Some(id), None) => BundleId::parse(id).map(|bundle| Place { bundle, offset: 0 }),
            (None, None) if self.pruned => Some(Place::pruned(bundle)),
            (None, Some(offset)) if can_begin_at(offset) && offset.checked_add(size).is_some() => {
                Some(Place { bundle, offset })
            }
            _ => None,
        };
        let place = place.ok_or_else(|| bad("no place of its content"))?;
        let patch = self.patch.as_ref().filter(|_| self.kept_in.is_none() && !self.pruned && self.offset != Some(0));
        let patch = patch.map(|patch| patch.sound(size).ok_or_else(|| bad("a patch that cannot be"))).transpose()?;
        Ok(Content { hash, holes, place, patch: patch.map(Arc::new), torn: self.torn })
    }
}

/// Whether a content can begin there: behind the first header of the tar, or, if it is lost, nowhere.
fn can_begin_at(offset: u64) -> bool {
    const HEADER_BYTES: u64 = 512;
    offset == 0 || offset >= HEADER_BYTES
}

fn bad(what: &str) -> Error {
    Error::damaged(format!("a line of a manifest has {what}"))
}
