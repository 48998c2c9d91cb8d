//! One index file: a snapshot's state, or what changed since an earlier one, in blocks that can be found and read alone.
//! Knows one file only; how several make up a state is `state`'s.
//!
//! bincode 2 (its written specification: little-endian, variable-length integers) inside zstd inside a BLAKE3 digest, which is
//! checked before anything is decoded.

mod read;
mod write;

pub use read::Block;
pub use read::IndexFile;
pub use write::IndexWriter;

use crate::base::entry::Content;
use crate::base::entry::Kind;
use crate::base::entry::PATCH_DEPTH_MAX;
use crate::base::entry::Patch;
use crate::base::entry::PatchNumbers;
use crate::base::entry::Place;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::holes::Holes;
use crate::base::id::ArchiveId;
use crate::base::id::BundleId;
use crate::base::id::Hash;
use crate::base::id::SnapshotNumber;
use crate::base::snapshot::Counts;
use crate::base::snapshot::SourceRecord;
use crate::base::snapshot::Standing;
use crate::base::snapshot::Summary;
use crate::base::time::Time;
use bincode::Decode;
use bincode::Encode;
use serde::Deserialize;
use serde::Serialize;
use std::sync::Arc;

/// The last byte is the version. A file of another one is made again.
const MAGIC: &[u8; 8] = b"SNAPIX\x00\x03";
const TRAILER_BYTES: usize = 8 + 4 + 4 + 32 + 8;

/// The most rows of one block.
const BLOCK_ROWS_MAX: usize = 4096;

/// A block is closed when its names and extras have grown to this many bytes.
const BLOCK_BYTES: usize = 1 << 20;

/// The most bytes that a part or a table takes, decompressed, and decoded.
const DECODED_BYTES_MAX: usize = 64 << 20;

/// The most bytes that one takes in the file: what does not compress grows a little.
const STORED_BYTES_MAX: u32 = 2 * DECODED_BYTES_MAX as u32;

/// A fast level: index files are read at every run and are small.
const LEVEL: i32 = 3;

/// What an index file says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IndexHead {
    /// The archive it belongs to.
    pub archive: ArchiveId,
    /// The state that it leads to: that after all bundles of this and lower numbers.
    pub number: SnapshotNumber,
    /// The state that it starts from; 0: from nothing, so that it is the whole state.
    pub from: SnapshotNumber,
    /// The bundles between the two, in order.
    pub bundles: Vec<BundleRecord>,
    /// The snapshots between the two, in order. Numbers of unfinished snapshots have none.
    pub snapshots: Vec<Summary>,
    /// The unfinished snapshots between the two of which a list of changes was lost, and up to which snapshot that matters.
    pub uncertain_unfinished: Vec<(SnapshotNumber, SnapshotNumber)>,
}

/// A bundle as an index file knew it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct BundleRecord {
    /// Its file name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// The BLAKE3 of its manifest.
    pub manifest: [u8; 32],
    /// Up to this snapshot some of the contents of those from its number on were pruned; 0: none were.
    pub pruned_until: u32,
    /// The bundles from this number on were joined into this one; 0: none were.
    pub joined_from: u32,
}

/// The table at the end of an index file.
#[derive(Encode, Decode)]
struct Table {
    archive: [u8; 16],
    number: u32,
    from: u32,
    bundles: Vec<BundleRecord>,
    /// As JSON, since it grows with time and is read by people who debug.
    snapshots: Vec<u8>,
    blocks: Vec<BlockInfo>,
    rows: u64,
}

#[derive(Encode, Decode, Clone)]
struct BlockInfo {
    directory: Vec<u8>,
    name: Vec<u8>,
    offset: u64,
    compare: PartInfo,
    restore: PartInfo,
}

/// One compressed part of a block; the second follows the first.
#[derive(Encode, Decode, Clone, Default)]
struct PartInfo {
    stored_bytes: u32,
    raw_bytes: u32,
    digest: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct SummaryLine {
    number: SnapshotNumber,
    time: (i64, u32),
    /// Absent: those of the snapshot before in the same file. They are most of what is said of a snapshot, and hardly ever change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<SourceRecord>>,
    counts: Counts,
    bytes_added: u64,
    problems: u64,
    note: String,
    #[serde(default, skip_serializing_if = "is_none")]
    uncertain_until: SnapshotNumber,
    #[serde(default, skip_serializing_if = "is_none")]
    joined_from: SnapshotNumber,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum HistoryLine {
    Finished(Box<SummaryLine>),
    Unfinished { unfinished: SnapshotNumber, uncertain_until: SnapshotNumber },
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_none(number: &SnapshotNumber) -> bool {
    *number == SnapshotNumber::NONE
}

/// What `create` compares, by columns. Gone rows have kind [`GONE`] and nothing else.
#[derive(Encode, Decode, Default)]
struct ComparePart {
    /// Path of each directory, and how many rows it has here.
    groups: Vec<(Vec<u8>, u32)>,
    names: Vec<u8>,
    name_lengths: Vec<u32>,
    kinds: Vec<u8>,
    modes: Vec<u32>,
    uids: Vec<u32>,
    gids: Vec<u32>,
    sizes: Vec<u64>,
    mtime_seconds: Vec<i64>,
    mtime_nanos: Vec<u32>,
    ctime_seconds: Vec<i64>,
    ctime_nanos: Vec<u32>,
    inodes: Vec<i64>,
    /// Rare: row and value.
    links: Vec<(u32, u64)>,
    devices: Vec<(u32, u64)>,
    racy: Vec<u32>,
}

const GONE: u8 = 255;

/// What only `restore` needs, by columns.
#[derive(Encode, Decode, Default)]
struct RestorePart {
    owners: Vec<(String, String)>,
    /// For every row that is not gone.
    owner_numbers: Vec<u32>,
    /// For every file: 32 bytes.
    hashes: Vec<u8>,
    bundle_numbers: Vec<u32>,
    bundle_parts: Vec<u16>,
    /// Each as the difference from the one before.
    offsets: Vec<i64>,
    extras: Vec<(u32, Extra)>,
    /// Rows of files whose content is torn.
    torn: Vec<u32>,
}

/// Rare things of one row.
#[derive(Encode, Decode, Default, Clone)]
struct Extra {
    target: Vec<u8>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    holes: Vec<(u64, u64)>,
    /// How the content is made from an older one, and so on, as far as contents are made from older ones.
    patches: Vec<PatchRow>,
}

/// How a content is made from an older one, and where that is.
#[derive(Encode, Decode, Default, Clone)]
struct PatchRow {
    /// Of each: its length, where in the older content, how many bytes of that, and bytes of data.
    pieces: Vec<PatchNumbers>,
    whole_bytes: u64,
    base_size: u64,
    hash: [u8; 32],
    bundle: (u32, u16),
    offset: u64,
    holes: Vec<(u64, u64)>,
}

impl PatchRow {
    fn of(patch: &Patch) -> PatchRow {
        let base = &patch.base;
        PatchRow {
            pieces: patch.pieces.iter().map(|piece| (*piece).into()).collect(),
            whole_bytes: patch.whole_bytes,
            base_size: patch.base_size,
            hash: base.hash.0,
            bundle: (base.place.bundle.number.get(), base.place.bundle.part),
            offset: base.place.offset,
            holes: base.holes.to_pairs(),
        }
    }

    /// The patch of a content of `size` bytes, from older ones of which `next` is the first; `None` when that cannot be.
    fn patch(&self, size: u64, next: Option<Arc<Patch>>) -> Option<Patch> {
        let (number, part) = self.bundle;
        let base = Content {
            hash: Hash(self.hash),
            place: Place { bundle: BundleId::new(number, part), offset: self.offset },
            patch: next,
            holes: Holes::from_pairs(&self.holes, self.base_size)?,
            torn: false,
        };
        let pieces = self.pieces.iter().map(|piece| (*piece).into()).collect();
        let patch = Patch { pieces, whole_bytes: self.whole_bytes, base_size: self.base_size, base };
        patch.is_sound(size).then_some(patch)
    }

    /// How many bytes it takes in a block, about.
    fn bytes(&self) -> usize {
        64 + 8 * self.pieces.len() + 16 * self.holes.len()
    }
}

/// The patch that rows say, of a content of `size` bytes.
fn patch_of(rows: &[PatchRow], size: u64) -> Result<Option<Arc<Patch>>> {
    let mut patch = None;
    for (number, row) in rows.iter().enumerate().rev() {
        let size = if number == 0 { size } else { rows[number - 1].base_size };
        let sound = row.patch(size, patch).filter(|_| rows.len() <= PATCH_DEPTH_MAX);
        patch = Some(Arc::new(sound.ok_or_else(|| Error::damaged("an index file has a patch that cannot be"))?));
    }
    Ok(patch)
}

/// The last part of the newest snapshot. Rows count it from 1 as those before it: where they are written while the snapshot is,
/// it is not known which part will be the last.
#[derive(Clone, Copy)]
struct LastPart {
    bundle: BundleId,
    counted: BundleId,
}

impl LastPart {
    /// That of a snapshot with these parts, in order; `None` when it was not finished.
    fn of(parts: impl Iterator<Item = BundleId>) -> Option<LastPart> {
        let (before, last) = parts.fold((None, None), |(_, last), part| (last, Some(part)));
        let bundle = last.filter(|last| last.part == 0)?;
        let counted = BundleId { part: before.map_or(1, |before| before.part + 1), ..bundle };
        Some(LastPart { bundle, counted })
    }
}

/// The values of the row before, from which differences are taken; a block begins with zeros.
#[derive(Default, Clone, Copy)]
struct Last {
    mtime: i64,
    ctime: i64,
    inode: u64,
    offset: u64,
}

impl SummaryLine {
    /// That of a snapshot, which follows the one `before` in the same file.
    fn of(summary: &Summary, before: Option<&Summary>) -> SummaryLine {
        let is_as_before = before.is_some_and(|before| before.sources == summary.sources);
        SummaryLine {
            number: summary.number,
            time: (summary.time.seconds, summary.time.nanos),
            sources: (!is_as_before).then(|| summary.sources.to_vec()),
            counts: summary.counts,
            bytes_added: summary.bytes_added,
            problems: summary.problems,
            note: summary.note.clone(),
            uncertain_until: summary.uncertain_until,
            joined_from: summary.joined_from,
        }
    }

    /// The snapshot, which follows the one `before` in the same file; `None` when its sources are said nowhere.
    fn summary(self, before: Option<&Summary>) -> Option<Summary> {
        let sources = match self.sources {
            Some(sources) => sources.into(),
            None => before?.sources.clone(),
        };
        Some(Summary {
            number: self.number,
            time: Time::new(self.time.0, self.time.1),
            sources,
            counts: self.counts,
            bytes_added: self.bytes_added,
            problems: self.problems,
            note: self.note,
            uncertain_until: self.uncertain_until,
            joined_from: self.joined_from,
            standing: Standing::default(),
        })
    }
}

fn write_failed(error: std::io::Error) -> Error {
    Error::io("cannot write the index", error)
}

fn encoded(value: &impl Encode) -> Result<Vec<u8>> {
    bincode::encode_to_vec(value, bincode::config::standard())
        .map_err(|error| damaged(format!("the index cannot be encoded ({error})")))
}

fn decoded<T: Decode<()>>(bytes: &[u8]) -> Result<T> {
    let config = bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();
    match bincode::decode_from_slice(bytes, config) {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        _ => Err(damaged("a block of the index cannot be decoded")),
    }
}

fn kind_number(kind: Kind) -> u8 {
    Kind::ALL.iter().position(|other| *other == kind).unwrap_or_default() as u8
}

/// An index file is not what was written. It can be made again from the manifests.
fn damaged(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::IndexDamaged, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::base::entry::Content;
    use crate::base::entry::Entry;
    use crate::base::entry::Owner;
    use crate::base::entry::Place;
    use crate::base::entry::Stat;
    use crate::base::holes::Holes;
    use crate::base::id::BundleId;
    use crate::base::id::Hash;
    use crate::base::snapshot::Rules;
    use crate::system::store::Blob;
    use crate::system::store::MemoryStore;
    use crate::system::store::Store;
    use crate::system::store::read_small;
    use std::sync::Arc;

    const NAME: &str = "index/000001.full";

    fn entry(n: u64) -> Entry {
        let mut entry =
            Entry { owner: Owner { user: format!("u{}", n % 3).into(), group: "g".into() }, ..Entry::default() };
        entry.stat = Stat {
            kind: Kind::ALL[(n % 6) as usize],
            mode: 0o644,
            uid: n as u32,
            size: n * n,
            mtime: Time::new(1000 - n as i64 * 7, 5),
            ctime: Time::new(n as i64, 999_999_999),
            inode: u64::MAX.wrapping_add(n),
            link: n % 4,
            device: crate::base::entry::Device::of_number(n % 5),
            racy: n.is_multiple_of(7),
            ..Stat::default()
        };
        if entry.stat.kind == Kind::File {
            let place = Place { bundle: BundleId::new(n as u32, 3), offset: n.wrapping_mul(u64::MAX / 3) };
            let torn = n.is_multiple_of(5);
            entry.content =
                Some(Content { hash: Hash::of(&n.to_le_bytes()), place, holes: Holes::default(), patch: None, torn });
        }
        if n.is_multiple_of(11) {
            entry.xattrs = vec![(b"user.n".to_vec(), n.to_le_bytes().to_vec())];
            if let Some(content) = &mut entry.content {
                content.holes = Holes::from_pairs(&[(n, 1)], n + 1).unwrap();
            }
        }
        entry
    }

    fn written(directories: &[&str], names_each: u64) -> MemoryStore {
        let store = MemoryStore::new();
        let mut writer = IndexWriter::new(store.create(NAME).unwrap()).unwrap();
        for directory in directories {
            for n in 0..names_each {
                let entry = entry(n);
                let gone = n % 13 == 5;
                writer.push(directory.as_bytes(), format!("n{n:06}").as_bytes(), (!gone).then_some(&entry)).unwrap();
            }
        }
        let head = IndexHead {
            number: 3.into(),
            from: 1.into(),
            snapshots: vec![Summary { number: 3.into(), ..Summary::default() }],
            uncertain_unfinished: vec![(2.into(), 7.into())],
            ..IndexHead::default()
        };
        let length = writer.publish(NAME, &head).unwrap();
        assert_eq!(length, store.open(NAME).unwrap().length());
        store
    }

    fn opened(store: &MemoryStore) -> Result<Arc<IndexFile>> {
        IndexFile::open(store.open(NAME)?).map(Arc::new)
    }

    fn check_all(file: &Arc<IndexFile>, directories: &[&str], names_each: u64) -> Result<()> {
        for directory in directories {
            for n in 0..names_each {
                let name = format!("n{n:06}");
                let number = file.block_for(directory.as_bytes(), name.as_bytes());
                let block = file.block(number)?;
                let row = block.find(directory.as_bytes(), name.as_bytes()).unwrap();
                assert_eq!(block.entry(row)?, (n % 13 != 5).then(|| entry(n)));
            }
        }
        Ok(())
    }

    #[test]
    fn every_row_is_found_again_in_one_block_and_in_many() {
        for names_each in [0, 1, 100, 9000] {
            let directories = ["", "a", "a/z", "a-b", "b"];
            let file = opened(&written(&directories, names_each)).unwrap();
            assert_eq!(file.rows(), names_each * 5);
            let head = file.head();
            assert_eq!([head.number, head.from, head.snapshots[0].number], [3, 1, 3]);
            assert_eq!(file.head().uncertain_unfinished, [(2.into(), 7.into())]);
            check_all(&file, &directories, names_each).unwrap();
        }
    }

    /// Says by its number of owners whether it is still there.
    struct Watched(Box<dyn Blob>, #[allow(dead_code)] Arc<()>);

    impl Blob for Watched {
        fn length(&self) -> u64 {
            self.0.length()
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
            self.0.read_at(offset, buffer)
        }
    }

    #[test]
    fn a_file_that_was_read_is_closed_with_its_last_user() {
        let owners = Arc::new(());
        let blob = written(&["a"], 10).open(NAME).unwrap();
        let file = IndexFile::open(Box::new(Watched(blob, owners.clone()))).unwrap();
        let block = file.block(0).unwrap();
        drop(file);
        assert_eq!((block.entry(0).unwrap(), Arc::strong_count(&owners)), (Some(entry(0)), 2));
        drop(block);
        assert_eq!(Arc::strong_count(&owners), 1);
    }

    #[test]
    fn an_attribute_without_name_and_value_is_read_as_written() {
        let store = MemoryStore::new();
        let mut writer = IndexWriter::new(store.create(NAME).unwrap()).unwrap();
        let entry =
            Entry { xattrs: vec![(Vec::new(), Vec::new())], content: Some(Content::default()), ..Entry::default() };
        writer.push(b"", b"a", Some(&entry)).unwrap();
        writer.publish(NAME, &IndexHead::default()).unwrap();
        assert_eq!(opened(&store).unwrap().block(0).unwrap().entry(0).unwrap(), Some(entry));
    }

    fn with_snapshots(snapshots: Vec<Summary>) -> (MemoryStore, IndexHead) {
        let (store, head) = (MemoryStore::new(), IndexHead { snapshots, ..IndexHead::default() });
        let writer = IndexWriter::new(store.create(NAME).unwrap()).unwrap();
        writer.publish(NAME, &head).unwrap();
        (store, head)
    }

    #[test]
    fn more_snapshots_than_fit_into_a_frame_of_a_bundle_are_read_as_written() {
        let source = |at: u32| SourceRecord {
            name: "home".into(),
            path: vec![b'p'; at as usize % 3],
            ..SourceRecord::default()
        };
        let summary = |at: u32| Summary { number: at.into(), sources: [source(at)].into(), ..Summary::default() };
        let (store, head) = with_snapshots((1..=120_000).map(summary).collect());
        assert!(opened(&store).unwrap().head().snapshots == head.snapshots);
    }

    #[test]
    fn sources_that_stay_as_they_are_are_said_once() {
        let exclude = (0..100).map(|at| Hash::of(&[at]).to_string()).collect();
        let rules = Rules { exclude, ..Rules::default() };
        let (source, other) = (SourceRecord { rules, ..SourceRecord::default() }, SourceRecord::default());
        let summary = |at: u32| {
            let sources = [if at == 70 { other.clone() } else { source.clone() }].into();
            Summary { number: at.into(), sources, ..Summary::default() }
        };
        let (store, head) = with_snapshots((1..100).map(summary).collect());
        let file = opened(&store).unwrap();
        assert!(file.head().snapshots == head.snapshots && file.length() < 20_000, "{}", file.length());
    }

    #[test]
    fn a_length_that_no_part_has_is_damage_before_anything_of_it_is_read() {
        for (compare, restore) in [(STORED_BYTES_MAX + 1, 0), (0, u32::MAX)] {
            let store = MemoryStore::new();
            let mut writer = IndexWriter::new(store.create(NAME).unwrap()).unwrap();
            let part = |stored_bytes| PartInfo { stored_bytes, ..PartInfo::default() };
            let (compare, restore) = (part(compare), part(restore));
            writer.blocks.push(BlockInfo { directory: Vec::new(), name: Vec::new(), offset: 0, compare, restore });
            writer.publish(NAME, &IndexHead::default()).unwrap();
            assert!(opened(&store).is_err_and(|error| error.kind() == ErrorKind::IndexDamaged));
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let file = opened(&written(&["a", "b"], 10)).unwrap();
        for (directory, name) in [("", "x"), ("a", "zzz"), ("c", "n000001"), ("a", ""), ("a/b", "n000001")] {
            let block = file.block(file.block_for(directory.as_bytes(), name.as_bytes())).unwrap();
            assert_eq!(block.find(directory.as_bytes(), name.as_bytes()), None, "{directory} {name}");
        }
    }

    #[test]
    fn a_flipped_bit_or_a_missing_end_is_damage_and_never_a_wrong_row() {
        let good = read_small(&written(&["a", "b"], 40), NAME, 1 << 20).unwrap();
        let check = |bytes: &[u8]| {
            let store = MemoryStore::new();
            store.replace(NAME, bytes).unwrap();
            opened(&store).and_then(|file| check_all(&file, &["a", "b"], 40))
        };
        check(&good).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 4;
            assert!(check(&bad).is_err_and(|error| error.is_damage()), "byte {at}");
        }
        for length in 0..good.len() {
            assert!(check(&good[..length]).is_err_and(|error| error.is_damage()), "length {length}");
        }
    }
}
