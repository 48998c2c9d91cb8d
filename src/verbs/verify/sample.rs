//! Small archives in memory, made bundle by bundle as a test says, with everything that may be wrong in them.
#![cfg(test)]
#![allow(clippy::unwrap_used)]

use crate::archive::open::Archive;
use crate::archive::open::bundle_path;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Place;
use crate::base::holes::Holes;
use crate::base::id::ArchiveId;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::SnapshotNumber;
use crate::base::monitor::Recorder;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::snapshot::SourceRecord;
use crate::base::time::Time;
use crate::format::apply::needs_metadata;
use crate::format::bundle::BundleWriter;
use crate::format::frames::Compressor;
use crate::format::frames::Effort;
use crate::format::frames::FRAME_BYTES_MAX;
use crate::format::layout::MemberOrder;
use crate::format::manifest::DraftLine;
use crate::format::manifest::Head;
use crate::format::manifest::Tail;
use crate::format::tar;
use crate::system::store::MemoryStore;
use crate::system::store::Store;
use crate::system::store::read_small;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One change, and in which ways a bundle may lie about it.
#[derive(Clone)]
pub(crate) struct Item {
    pub path: EntryPathBuf,
    /// `None`: it is gone.
    pub entry: Option<Entry>,
    pub content: Vec<u8>,
    pub first_name: Option<EntryPathBuf>,
    pub kept: bool,
    pub in_tar: bool,
    pub in_manifest: bool,
    /// The list of names that a directory's member has.
    pub listing: Option<Vec<u8>>,
    /// What its headers say instead of what its line says.
    pub header: Option<Entry>,
    pub size_lie: u64,
    pub offset_lie: u64,
}

pub(crate) fn path(text: &str) -> EntryPathBuf {
    EntryPathBuf::from_bytes(text.as_bytes()).unwrap()
}

fn item(text: &str, kind: Kind) -> Item {
    let mut entry = Entry::default();
    entry.stat.kind = kind;
    entry.stat.mode = 0o755;
    entry.stat.mtime = Time::new(1_700_000_000, 5);
    Item {
        path: path(text),
        entry: Some(entry),
        content: Vec::new(),
        first_name: None,
        kept: false,
        in_tar: true,
        in_manifest: true,
        listing: None,
        header: None,
        size_lie: 0,
        offset_lie: 0,
    }
}

pub(crate) fn directory(text: &str) -> Item {
    item(text, Kind::Directory)
}

/// A directory whose list has these names, each behind its letter.
pub(crate) fn directory_of(text: &str, names: &[&str]) -> Item {
    let listing = names.iter().flat_map(|name| [name.as_bytes(), &[0]].concat()).chain([0]).collect();
    Item { listing: Some(listing), ..directory(text) }
}

pub(crate) fn fifo(text: &str) -> Item {
    item(text, Kind::Fifo)
}

pub(crate) fn symlink(text: &str, target: &str) -> Item {
    let mut item = item(text, Kind::Symlink);
    item.entry.as_mut().unwrap().target = target.into();
    item
}

pub(crate) fn gone(text: &str) -> Item {
    Item { entry: None, in_tar: false, ..item(text, Kind::File) }
}

pub(crate) fn file(text: &str, content: impl Into<Vec<u8>>) -> Item {
    sparse(text, content, &[])
}

/// A file whose `holes` (offset and length) are zeros in `content`.
pub(crate) fn sparse(text: &str, content: impl Into<Vec<u8>>, holes: &[(u64, u64)]) -> Item {
    let mut item = item(text, Kind::File);
    item.content = content.into();
    let holes = Holes::from_pairs(holes, item.content.len() as u64).unwrap();
    let hash = holes.hash_of(&item.content);
    let entry = item.entry.as_mut().unwrap();
    entry.stat.size = item.content.len() as u64;
    entry.content = Some(Content { hash, place: Place::default(), holes, patch: None, torn: false });
    item
}

/// Two names of one file.
pub(crate) fn linked(first: &str, second: &str, content: &str) -> [Item; 2] {
    let mut one = file(first, content);
    one.entry.as_mut().unwrap().stat.link = 7;
    let two = Item { path: path(second), first_name: Some(path(first)), ..one.clone() };
    [one, two]
}

/// A file whose mode only is another than in the snapshot before.
pub(crate) fn kept(text: &str, content: &str) -> Item {
    let mut item = Item { kept: true, in_tar: false, ..file(text, content) };
    item.entry.as_mut().unwrap().stat.mode = 0o600;
    item
}

/// An archive in memory.
pub(crate) struct Sample {
    pub store: MemoryStore,
    pub archive: Archive,
    /// A frame is closed when it has grown to this many bytes.
    pub frame_bytes: usize,
    /// What of the tail the bundles lie about.
    pub changes_lie: u64,
    /// What contents are filled up with.
    pub padding: u8,
    /// Whether frames have no checksum.
    pub is_unchecked: bool,
}

impl Sample {
    pub fn new() -> Sample {
        Sample::with_id(1)
    }

    pub fn with_id(id: u8) -> Sample {
        let store = MemoryStore::new();
        let archive = Archive::init_store(Arc::new(store.clone()), ArchiveId([id; 16]), Time::new(0, 0)).unwrap();
        Sample { store, archive, frame_bytes: 4096, changes_lie: 0, padding: 0, is_unchecked: false }
    }

    pub fn name(id: BundleId) -> BundleName {
        BundleName::new(id, Time::new(1_000_000 * i64::from(id.number.get()), 0)).unwrap()
    }

    /// The store's name of the last bundle of a snapshot.
    pub fn file(number: impl Into<SnapshotNumber>) -> String {
        bundle_path(&Sample::name(BundleId { number: number.into(), part: 0 }))
    }

    pub fn index_names(&self) -> Vec<String> {
        self.store.list("index").unwrap().into_iter().map(|(name, _)| format!("index/{name}")).collect()
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        read_small(&self.store, name, u64::MAX).unwrap()
    }

    /// Changes the bytes of a file in place.
    pub fn alter(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.bytes(name);
        change(&mut bytes);
        self.store.replace(name, &bytes).unwrap();
    }

    /// Adds a snapshot and its index file.
    pub fn snapshot(&self, number: impl Into<SnapshotNumber>, items: &[Item]) {
        let number = number.into();
        self.bundle(BundleId { number, part: 0 }, items);
        self.archive.catalog(&Recorder::new()).unwrap().state(number).unwrap();
    }

    /// Adds a bundle.
    pub fn bundle(&self, id: BundleId, items: &[Item]) {
        let monitor = Recorder::new();
        let catalog = self.archive.catalog(&monitor).unwrap();
        let name = Sample::name(id);
        let head = Head {
            parent: catalog.parent().unwrap(),
            sources: vec![SourceRecord {
                name: "s".to_owned(),
                path: b"/no/such/place/s".to_vec(),
                scanned: true,
                ..SourceRecord::default()
            }],
            ..Head::new(self.archive.id(), id, Time::new(1_000_000 * i64::from(id.number.get()), 0))
        };
        let upload = self.store.create(&bundle_path(&name)).unwrap();
        let mut writer = BundleWriter::new(upload, head, 3).unwrap();
        let mut items = items.to_vec();
        items.sort_by_key(|item| {
            let is_directory = item.entry.as_ref().is_some_and(|entry| entry.stat.kind == Kind::Directory);
            MemberOrder::new(item.path.clone(), is_directory)
        });
        let offsets = self.write_members(&mut writer, &items);
        items.sort_by(|a, b| a.path.row_order(&b.path));
        for item in items.iter().filter(|item| item.in_manifest) {
            let mut line = Vec::new();
            match item.entry.clone() {
                None => DraftLine::gone(&item.path, Kind::File).append_to(&mut line, None),
                Some(entry) if item.kept => {
                    let state = catalog.state(catalog.highest()).unwrap();
                    let before = state.find(&item.path).unwrap().unwrap();
                    let find = |path: &EntryPath| {
                        let changed = items.iter().find(|item| *item.path == *path).and_then(|item| item.entry.clone());
                        changed.map_or_else(|| state.find(path), |entry| Ok(Some(entry)))
                    };
                    if needs_metadata(&item.path, &entry, Some(&before)) {
                        writer.push_metadata(&item.path, &entry, &mut { find }).unwrap();
                    }
                    let place = before.content.unwrap().place;
                    DraftLine::entry(&item.path, &entry, Some(place.bundle)).append_to(&mut line, None);
                }
                Some(mut entry) => {
                    entry.stat.size += item.size_lie;
                    let first = item.first_name.as_ref().unwrap_or(&item.path);
                    let offset = entry.content.as_ref().map(|_| offsets[first].wrapping_add(item.offset_lie));
                    DraftLine::entry(&item.path, &entry, None).append_to(&mut line, offset);
                }
            }
            if self.changes_lie == 0 {
                writer.push_line(&line).unwrap();
            } else {
                // The writer counts: two lines in one push are one too few.
                writer.push_line(&[line.as_slice(), line.as_slice()].concat()).unwrap();
            }
        }
        writer.publish(&bundle_path(&name), Tail::default()).unwrap();
    }

    /// The members of the tar; gives the offsets of contents.
    fn write_members(&self, writer: &mut BundleWriter, items: &[Item]) -> BTreeMap<EntryPathBuf, u64> {
        let mut offsets = BTreeMap::new();
        let (mut raw, mut start) = (Vec::new(), 0);
        for item in items.iter().filter(|item| item.in_tar) {
            if raw.len() >= self.frame_bytes {
                start += self.write_frames(writer, &mut raw);
            }
            let body = match (&item.first_name, &item.listing) {
                (Some(first), _) => tar::Body::LinkTo(first.as_bytes()),
                (None, Some(names)) => tar::Body::Listing(names),
                (None, None) => tar::Body::Itself,
            };
            tar::append_header(
                &mut raw,
                item.path.as_bytes(),
                item.header.as_ref().or(item.entry.as_ref()).unwrap(),
                body,
            );
            offsets.insert(item.path.clone(), start + raw.len() as u64);
            if item.first_name.is_none() {
                raw.extend_from_slice(&item.content);
                let end = raw.len() + tar::padding(item.content.len() as u64);
                raw.resize(end, self.padding);
            }
        }
        self.write_frames(writer, &mut raw);
        offsets
    }

    fn write_frames(&self, writer: &mut BundleWriter, raw: &mut Vec<u8>) -> u64 {
        let mut compressor = Compressor::new(Effort::Level(3)).unwrap();
        for part in raw.chunks((2 * self.frame_bytes).clamp(1024, FRAME_BYTES_MAX)) {
            let mut stored = Vec::new();
            let mut frame = compressor.append_frame(part, &mut stored).unwrap();
            if self.is_unchecked {
                stored[4] &= !4;
                stored.truncate(stored.len() - 4);
                frame.stored_bytes -= 4;
            }
            writer.append_frames(&stored, &[frame]).unwrap();
        }
        let length = raw.len() as u64;
        raw.clear();
        length
    }
}
