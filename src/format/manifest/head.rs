//! The first line of a manifest.

use super::json_text::Hex;
use super::json_text::is_default;
use super::json_text::line_of;
use super::json_text::parsed;
use crate::base::advice::Advice;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::id::ArchiveId;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::path::source_path;
use crate::base::snapshot::SourceRecord;
use crate::base::time::Time;
use serde::Deserialize;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The version of the format that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The longest first line, in bytes: it is kept for each bundle.
pub const HEAD_BYTES_MAX: usize = 1 << 20;

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
    /// The bundles from this number on were joined into this one, so that none of them is there any more; 0: none were.
    pub joined_from: SnapshotNumber,
}

/// The bundle before, as a chain in which none can be exchanged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parent {
    /// Its name.
    pub bundle: BundleName,
    /// The BLAKE3 of all bytes of its manifest.
    pub manifest: Hash,
}

impl Head {
    /// Without parent, sources and note, and of a bundle that was never written anew.
    pub fn new(archive: ArchiveId, id: BundleId, time: Time) -> Head {
        Head {
            archive,
            id,
            time,
            parent: None,
            sources: Vec::new(),
            note: String::new(),
            stands_for: None,
            uncertain_until: SnapshotNumber::NONE,
            pruned_until: SnapshotNumber::NONE,
            joined_from: SnapshotNumber::NONE,
        }
    }

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
            joined_from: self.joined_from,
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
            joined_from: head.joined_from,
        })
    }
}

/// The error for an archive that a newer program wrote.
pub fn too_new(format: u32) -> Error {
    Error::new(ErrorKind::TooNew, format!("the archive has format {format}; this program knows formats up to {FORMAT}"))
        .with_advice(Advice::UseNewerProgram)
}

/// Whether each can be the name of a source, and no two are the same.
fn have_sound_names(sources: &[SourceRecord]) -> bool {
    let names: BTreeSet<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    names.len() == sources.len() && names.iter().all(|name| source_path(name).is_some())
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
    #[serde(default, skip_serializing_if = "is_default")]
    joined_from: SnapshotNumber,
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
