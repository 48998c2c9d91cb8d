//! The manifest: what a bundle changes, in plain text, a JSON object a line. The truth from which all else can be made
//! again. Knows nothing of frames and stores.

mod limited;
mod place;

mod moves;
mod patch;
mod problems;

pub use moves::MoveStage;
pub use moves::moved_from_line;
pub use place::moved_to;
pub use problems::PROBLEMS_BYTES_MAX;
pub use problems::PROBLEMS_MAX;

use crate::base::advice::Advice;
use crate::base::entry::Content;
use crate::base::entry::Device;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Owner;
use crate::base::entry::Place;
use crate::base::entry::Stat;
use crate::base::entry::XATTRS_BYTES_MAX;
use crate::base::error::Error;
use crate::base::error::Problem;
use crate::base::error::Result;
use crate::base::holes::HOLES_MAX;
use crate::base::holes::Holes;
use crate::base::id::ArchiveId;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::PATH_BYTES_MAX;
use crate::base::path::source_path;
use crate::base::snapshot::Counts;
use crate::base::snapshot::SourceRecord;
use crate::base::text::Text;
use crate::base::time::Time;
use limited::at_most;
use patch::PatchLine;
use place::place_field;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The version of the format that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The longest line that is read, in bytes.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// The longest first line, in bytes: it is kept for each bundle.
pub const HEAD_BYTES_MAX: usize = 1 << 20;

/// The most extended attributes of one entry that are read.
const XATTRS_MAX: usize = 1 << 18;

/// The first line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// The archive that the bundle belongs to.
    pub archive: ArchiveId,
    /// Which bundle this is. The part stands in the last line; read from the first alone, it is 0.
    pub id: BundleId,
    /// When the snapshot was made.
    pub time: Time,
    /// The bundle before this one and the digest of its manifest; `None` for the first.
    pub parent: Option<Parent>,
    /// All sources of the snapshot.
    pub sources: Vec<SourceRecord>,
    /// The person's note; empty when there is none.
    pub note: String,
    /// The BLAKE3 of the manifest that this one replaces, for `repair` wrote the bundle anew: what the bundle after it names
    /// as its parent. `None`: it replaces none.
    pub stands_for: Option<Hash>,
    /// Up to this snapshot not all is known of what changed, for the list of changes was lost; 0: all is known.
    pub uncertain_until: SnapshotNumber,
    /// Contents that the snapshots from this one up to that number had were pruned; 0: none were.
    pub pruned_until: SnapshotNumber,
}

/// The bundle before, as a chain in which none can be exchanged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parent {
    /// Its name.
    pub bundle: BundleName,
    /// The BLAKE3 of all bytes of its manifest.
    pub manifest: Hash,
}

/// A line between the first and the last: one path that is not as it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The path.
    pub path: EntryPathBuf,
    /// What it is now.
    pub now: Action,
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

/// The last line.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tail {
    /// Always true: a manifest without it is not complete.
    pub complete: bool,
    /// Which part of the snapshot this is, 0 for the last: known only when it ends.
    #[serde(default, skip_serializing_if = "is_default")]
    pub part: u16,
    /// How many lines there are between the first and this one.
    pub changes: u64,
    /// What the snapshot found, in this part of it.
    pub counts: Counts,
    /// How many problems there were, in this part.
    pub problems_total: u64,
    /// The first of them, at most [`PROBLEMS_MAX`] and [`PROBLEMS_BYTES_MAX`], without their advice.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "problems")]
    pub problems: Vec<Problem>,
    /// The sources in which more than is named is not in the snapshot as it was found.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "problems::serialize_sources",
        deserialize_with = "problems::deserialize_sources"
    )]
    pub unsaved_sources: Vec<EntryPathBuf>,
    /// What is on another file system than its source and was left out for that, with all that is in it.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "problems::serialize_sources",
        deserialize_with = "problems::deserialize_sources"
    )]
    pub elsewhere: Vec<EntryPathBuf>,
    /// Offset in the decompressed tar of the manifest's first byte.
    pub manifest_offset: u64,
}

impl Head {
    /// The line, with its newline.
    pub fn to_line(&self) -> Vec<u8> {
        let parent = self.parent.as_ref().map(|parent| ParentLine {
            bundle: parent.bundle.as_str().into(),
            manifest: parent.manifest.to_string().into(),
        });
        line_of(&HeadLine {
            format: FORMAT,
            archive: self.archive.to_string().into(),
            snapshot: self.id.number,
            time: self.time.to_rfc3339().unwrap_or_default().into(),
            parent,
            sources: Cow::Borrowed(&self.sources),
            note: self.note.as_str().into(),
            stands_for: self.stands_for.map(Hex),
            uncertain_until: self.uncertain_until,
            pruned_until: self.pruned_until,
            tool: concat!("snap ", env!("CARGO_PKG_VERSION")).into(),
        })
    }

    /// Reads a first line.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when it is none; [`crate::base::error::ErrorKind::TooNew`] when its format is newer than
    /// [`FORMAT`].
    pub fn from_line(line: &[u8]) -> Result<Head> {
        #[derive(Deserialize)]
        struct FormatOnly {
            format: u32,
        }
        if line.len() > HEAD_BYTES_MAX {
            return Err(Error::damaged("the first line of a manifest is too long"));
        }
        let FormatOnly { format } = parsed(line)?;
        if format > FORMAT {
            return Err(too_new(format));
        }
        let head: HeadLine = parsed(line)?;
        if format == 0 || !have_sound_names(&head.sources) {
            return Err(Error::damaged("the first line of a manifest has no format, or sources that cannot be"));
        }
        let bad = || Error::damaged("the first line of a manifest is not as it must be");
        let parent = head.parent.map(|parent| {
            Some(Parent { bundle: BundleName::parse(&parent.bundle)?, manifest: Hash::from_hex(&parent.manifest)? })
        });
        Ok(Head {
            archive: ArchiveId::from_hex(&head.archive).ok_or_else(bad)?,
            id: BundleId { number: head.snapshot, part: 0 },
            time: Time::from_rfc3339(&head.time).ok_or_else(bad)?,
            parent: parent.map(|parent| parent.ok_or_else(bad)).transpose()?,
            sources: head.sources.into_owned(),
            note: head.note.into_owned(),
            stands_for: head.stands_for.map(|hash| hash.0),
            uncertain_until: head.uncertain_until,
            pruned_until: head.pruned_until,
        })
    }
}

/// The error for an archive that a newer program wrote.
pub fn too_new(format: u32) -> Error {
    Error::new(
        crate::base::error::ErrorKind::TooNew,
        format!("the archive has format {format}; this program knows formats up to {FORMAT}"),
    )
    .with_advice(Advice::UseNewerProgram)
}

/// Whether each can be the name of a source, and no two are the same.
fn have_sound_names(sources: &[SourceRecord]) -> bool {
    let names: BTreeSet<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    names.len() == sources.len() && names.iter().all(|name| source_path(name).is_some())
}

impl Tail {
    /// The line, with its newline.
    pub fn to_line(&self) -> Vec<u8> {
        line_of(self)
    }

    /// Reads a last line.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when it is none.
    pub fn from_line(line: &[u8]) -> Result<Tail> {
        if line.len() > LINE_BYTES_MAX {
            return Err(Error::damaged("the last line of a manifest is too long"));
        }
        let tail: Tail = parsed(line)?;
        if !tail.complete {
            return Err(Error::damaged("a manifest is not complete"));
        }
        Ok(tail)
    }
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
            kept_in: kept_in.map(|id| id.to_string().into()),
            patch: content
                .filter(|_| kept_in.is_none())
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

    fn of(line: &impl Serialize) -> DraftLine {
        let mut bytes = line_of(line);
        // The closing brace and the newline come with the offset.
        bytes.truncate(bytes.len().saturating_sub(2));
        DraftLine(bytes)
    }
}

fn borrowed(bytes: &[u8]) -> Text<'_> {
    Text(Cow::Borrowed(bytes))
}

impl Change {
    /// Reads a line between the first and the last of bundle `bundle`'s manifest.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when it is none, or says what cannot be.
    pub fn from_line(line: &[u8], bundle: BundleId) -> Result<Change> {
        let line: ChangeLine = parsed(line)?;
        let bad = |what: &str| Error::damaged(format!("a line of a manifest has {what}"));
        let path = EntryPathBuf::from_bytes(&line.path.0).filter(|path| !path.is_root());
        let path = path.ok_or_else(|| bad("a path that could point outside or is too long"))?;
        let kind = |word: &str| Kind::from_word(word).ok_or_else(|| bad("an unknown type"));
        if let Some(word) = &line.gone {
            return Ok(Change { path, now: Action::Removed(kind(word)?) });
        }
        let kind = kind(&line.kind.ok_or_else(|| bad("no type"))?)?;
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
        let mut entry = Entry {
            stat,
            owner: Owner { user: line.user.as_ref().into(), group: line.group.as_ref().into() },
            xattrs: line.xattrs.into_iter().map(|(name, value)| (name.0.into_owned(), value.0.into_owned())).collect(),
            target: line.target.map(|target| target.0.into_owned()).unwrap_or_default(),
            content: None,
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
            return Ok(Change { path, now: Action::Stored(entry) });
        }
        let hash = line.hash.ok_or_else(|| bad("no hash"))?.0;
        let holes = Holes::from_pairs(&line.holes, stat.size).ok_or_else(|| bad("holes that cannot be"))?;
        let place = match (&line.kept_in, line.offset) {
            (Some(id), None) => BundleId::parse(id).map(|bundle| Place { bundle, offset: 0 }),
            _ if line.pruned && (line.kept_in.is_some() || line.offset.is_some()) => None,
            (None, None) if line.pruned => Some(Place::pruned(bundle)),
            (None, Some(offset)) if offset.checked_add(stat.size).is_some() => Some(Place { bundle, offset }),
            _ => None,
        };
        let place = place.ok_or_else(|| bad("no place of its content"))?;
        let patch = line.patch.as_ref().filter(|_| line.kept_in.is_none() && !line.pruned && line.offset != Some(0));
        let patch =
            patch.map(|patch| patch.sound(stat.size).ok_or_else(|| bad("a patch that cannot be"))).transpose()?;
        entry.content = Some(Content { hash, holes, place, patch: patch.map(Arc::new), torn: line.torn });
        if line.kept_in.is_none() && entry.is_lost() {
            entry.lose();
        }
        entry.stat.racy |= entry.is_pruned();
        Ok(Change { path, now: if line.kept_in.is_some() { Action::Referenced(entry) } else { Action::Stored(entry) } })
    }
}

fn line_of(value: &impl Serialize) -> Vec<u8> {
    let mut line = Vec::with_capacity(320);
    // Serialising plain structs into memory does not fail.
    let written = serde_json::to_writer(&mut line, value);
    debug_assert!(written.is_ok());
    line.push(b'\n');
    line
}

fn parsed<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T> {
    serde_json::from_slice(line)
        .map_err(|error| Error::damaged(format!("a line of a manifest cannot be read ({error})")))
}

#[derive(Serialize, Deserialize)]
struct HeadLine<'a> {
    format: u32,
    #[serde(borrow)]
    archive: Cow<'a, str>,
    snapshot: SnapshotNumber,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    parent: Option<ParentLine<'a>>,
    sources: Cow<'a, [SourceRecord]>,
    #[serde(borrow, default, skip_serializing_if = "is_default")]
    note: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stands_for: Option<Hex>,
    #[serde(default, skip_serializing_if = "is_default")]
    uncertain_until: SnapshotNumber,
    #[serde(default, skip_serializing_if = "is_default")]
    pruned_until: SnapshotNumber,
    #[serde(borrow)]
    tool: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct ParentLine<'a> {
    #[serde(borrow)]
    bundle: Cow<'a, str>,
    #[serde(borrow)]
    manifest: Cow<'a, str>,
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
    #[serde(borrow, default, rename = "in", skip_serializing_if = "Option::is_none")]
    kept_in: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patch: Option<PatchLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pruned: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A mode as `"0644"`.
#[derive(Clone, Copy)]
struct Octal(u32);

/// A time as decimal seconds, `"1700000000.25"`.
#[derive(Clone, Copy)]
struct Seconds(Time);

/// A hash as 64 hexadecimal digits.
#[derive(Clone, Copy)]
struct Hex(Hash);

impl Serialize for Octal {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:04o}", self.0))
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Octal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        from_text(deserializer, |text| {
            let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
            u32::from_str_radix(text, 8).ok().filter(|_| digits).map(Octal)
        })
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        from_text(deserializer, |text| Time::parse(text).map(Seconds))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        from_text(deserializer, |text| Hash::from_hex(text).map(Hex))
    }
}

fn from_text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: impl Fn(&str) -> Option<T>,
) -> std::result::Result<T, D::Error> {
    #[derive(Deserialize)]
    struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
    let text = Borrowed::deserialize(deserializer)?;
    parse(&text.0).ok_or_else(|| de::Error::custom(format!("'{}' is not understood", text.0.escape_debug())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BUNDLE: BundleId = BundleId::new(7, 2);

    fn path(bytes: &[u8]) -> EntryPathBuf {
        EntryPathBuf::from_bytes(bytes).unwrap()
    }

    fn name(id: BundleId) -> BundleName {
        BundleName::new(id, Time::new(1_795_391_702, 0)).unwrap()
    }

    fn written(line: &DraftLine, offset: Option<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        line.append_to(&mut bytes, offset);
        assert_eq!(bytes.pop(), Some(b'\n'));
        assert!(!bytes.contains(&b'\n'));
        bytes
    }

    fn file() -> Entry {
        let mut entry = Entry {
            owner: Owner { user: "anna".into(), group: "users".into() },
            xattrs: vec![(b"user.a".to_vec(), b"\x00\xff%".to_vec())],
            content: Some(Content {
                hash: Hash::of(b"x"),
                place: Place { bundle: BUNDLE, offset: 512 },
                holes: Holes::from_pairs(&[(1, 2), (3, 1)], 4).unwrap(),
                patch: None,
                torn: true,
            }),
            ..Entry::default()
        };
        entry.stat = Stat {
            mode: 0o4755,
            uid: 1,
            gid: u32::MAX,
            size: 4,
            mtime: Time::new(-7, 1),
            ctime: Time::new(7, 0),
            inode: u64::MAX,
            link: 3,
            racy: true,
            ..Stat::default()
        };
        entry
    }

    #[test]
    fn a_stored_file_is_read_as_written() {
        let entry = file();
        for bytes in [&b"s/a"[..], b"s/\xff%\n\"\\", "s/é\u{7f}".as_bytes(), b"s/%41"] {
            let line = written(&DraftLine::entry(&path(bytes), &entry, None), Some(512));
            let change = Change::from_line(&line, BUNDLE).unwrap();
            assert_eq!(change, Change { path: path(bytes), now: Action::Stored(entry.clone()) });
        }
    }

    #[test]
    fn a_kept_file_names_its_bundle_and_no_offset() {
        let mut entry = file();
        let older = BundleId::new(3, 0);
        entry.content.as_mut().unwrap().place = Place { bundle: older, offset: 0 };
        let line = written(&DraftLine::entry(&path(b"s/a"), &entry, Some(older)), None);
        assert_eq!(Change::from_line(&line, BUNDLE).unwrap().now, Action::Referenced(entry));
    }

    #[test]
    fn every_other_kind_is_read_as_written() {
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::File) {
            let mut entry = Entry::default();
            entry.stat.kind = kind;
            entry.stat.device = if kind.is_device() { Device { major: 8, minor: 1 } } else { Device::default() };
            entry.target = if kind == Kind::Symlink { b"../\xfe".to_vec() } else { Vec::new() };
            let line = written(&DraftLine::entry(&path(b"s"), &entry, None), None);
            assert_eq!(Change::from_line(&line, BUNDLE).unwrap().now, Action::Stored(entry));
            let line = written(&DraftLine::gone(&path(b"s/b"), kind), None);
            assert_eq!(Change::from_line(&line, BUNDLE).unwrap().now, Action::Removed(kind));
        }
    }

    fn head() -> Head {
        Head {
            archive: ArchiveId([7; 16]),
            id: BundleId::new(7, 0),
            time: Time::new(1_795_391_702, 0),
            parent: Some(Parent { bundle: name(BundleId::new(6, 0)), manifest: Hash::of(b"m") }),
            sources: vec![SourceRecord {
                name: "home".into(),
                path: "/home".into(),
                scanned: true,
                ..SourceRecord::default()
            }],
            note: "before \"the\" move".into(),
            stands_for: Some(Hash::of(b"replaced")),
            uncertain_until: 9.into(),
            pruned_until: 8.into(),
        }
    }

    #[test]
    fn first_and_last_lines_are_read_as_written() {
        let head = head();
        assert_eq!(Head::from_line(&head.to_line()).unwrap(), head);
        let tail = Tail { complete: true, changes: 3, manifest_offset: 1024, ..Tail::default() };
        assert_eq!(Tail::from_line(&tail.to_line()).unwrap(), tail);
        assert!(Tail::from_line(&Tail::default().to_line()).is_err());
    }

    #[test]
    fn a_rename_is_read_as_written_and_no_other_line_is_one() {
        let (from, to) = (path(b"s/\xff%\n"), path("s/é/x".as_bytes()));
        for (stage, start) in
            [(MoveStage::Here, &br#"{"moved":"#[..]), (MoveStage::Before, &br#"{"moved_before":"#[..])]
        {
            let line = written(&DraftLine::moved(&from, &to, stage), None);
            assert!(line.starts_with(start));
            assert_eq!(moved_from_line(&line).unwrap(), Some((stage, from.clone(), to.clone())));
            assert!(Change::from_line(&line, BUNDLE).is_err());
        }
        let other = written(&DraftLine::gone(&path(b"s/b"), Kind::File), None);
        assert_eq!(moved_from_line(&other).unwrap(), None);
        for bad in [
            r#"{"moved":"s/a"}"#,
            r#"{"moved_before":"s/a"}"#,
            r#"{"moved":"s/a","moved_before":"s/a","to":"s/b"}"#,
            r#"{"moved":"s/a","to":"../b"}"#,
            r#"{"moved":"/a","to":"s/b"}"#,
            r#"{"moved":"","to":"s/b"}"#,
            r#"{"moved":"s/a","to":7}"#,
        ] {
            assert!(moved_from_line(bad.as_bytes()).is_err_and(|error| error.is_damage()), "{bad}");
        }
    }

    #[test]
    fn a_newer_format_is_said_to_be_newer() {
        let error = Head::from_line(br#"{"format":2,"unheard":"of"}"#).unwrap_err();
        assert_eq!(error.kind(), crate::base::error::ErrorKind::TooNew);
    }

    #[test]
    fn sources_have_names_that_can_be_and_are_different() {
        let line = |names: &[&str]| {
            let source = |name: &&str| SourceRecord { name: (*name).to_owned(), ..SourceRecord::default() };
            Head { sources: names.iter().map(source).collect(), ..head() }.to_line()
        };
        assert!(Head::from_line(&line(&["a", "b", " ", ".snapshots"])).is_ok());
        for bad in
            [&[""][..], &["."], &[".."], &["a/b"], &["a\0"], &[".snap-manifest.jsonl"], &[".snap-x"], &["a", "b", "a"]]
        {
            assert!(Head::from_line(&line(bad)).is_err_and(|error| error.is_damage()), "{bad:?}");
        }
    }

    #[test]
    fn hostile_lines_are_errors() {
        let good =
            r#"{"path":"a","type":"file","mode":"0644","size":4,"mtime":"1","ctime":"1","hash":"HASH","offset":0}"#
                .replace("HASH", &Hash::of(b"").to_string());
        assert!(Change::from_line(good.as_bytes(), BUNDLE).is_ok());
        for (from, to) in [
            (r#""path":"a""#, r#""path":"../a""#),
            (r#""path":"a""#, r#""path":"/a""#),
            (r#""path":"a""#, r#""path":"""#),
            (r#""path":"a""#, r#""path":{"escaped":"%zz"}"#),
            (r#""path":"a""#, r#""path":{"other":"a"}"#),
            (r#""path":"a""#, r#""path":"a\u0000""#),
            (r#""mode":"0644""#, r#""mode":"10000""#),
            (r#""mode":"0644""#, r#""mode":"+644""#),
            (r#""size":4"#, r#""size":-1"#),
            (r#""size":4"#, r#""size":18446744073709551616"#),
            (r#""offset":0"#, r#""offset":18446744073709551615"#),
            (r#","offset":0"#, ""),
            (r#""offset":0"#, r#""offset":0,"in":"000001""#),
            (r#""size":4"#, r#""size":4,"holes":[[0,5]]"#),
            (r#""size":4"#, r#""size":4,"holes":[[2,1],[0,1]]"#),
            (r#""size":4"#, r#""size":4,"holes":[[0,0]]"#),
            (r#""type":"file""#, r#""type":"socket""#),
            (r#""type":"file""#, r#""type":"symlink""#),
            (r#""hash":""#, r#""hash":"0"#),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good);
            assert!(Change::from_line(bad.as_bytes(), BUNDLE).is_err_and(|error| error.is_damage()), "{bad}");
        }
    }
}
