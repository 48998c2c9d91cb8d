//! One index file: a snapshot's state, or what changed since an earlier one, in blocks that can be found and read alone.
//! Knows one file only; how several make up a state is `state`'s.
//!
//! bincode 2 (its written specification: little-endian, variable-length integers) inside zstd inside a BLAKE3 digest, which is
//! checked before anything is decoded.

use crate::entry::Content;
use crate::entry::Entry;
use crate::entry::Hole;
use crate::entry::Kind;
use crate::entry::Owner;
use crate::entry::Place;
use crate::entry::Stat;
use crate::error::Error;
use crate::error::Result;
use crate::frames::Compressor;
use crate::frames::Decompressor;
use crate::id::ArchiveId;
use crate::id::BundleId;
use crate::id::Hash;
use crate::id::Number;
use crate::path;
use crate::snapshot::Counts;
use crate::snapshot::SourceRecord;
use crate::snapshot::Summary;
use crate::store::Blob;
use crate::store::Upload;
use crate::store::read_exact_at;
use crate::time::Time;
use bincode::Decode;
use bincode::Encode;
use serde::Deserialize;
use serde::Serialize;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;

const MAGIC: &[u8; 8] = b"SNAPIX\x00\x01";
const TRAILER_BYTES: usize = 8 + 4 + 4 + 32 + 8;

/// The most rows of one block.
const BLOCK_ROWS_MAX: usize = 4096;

/// A block is closed when its names and extras have grown to this many bytes.
const BLOCK_BYTES: usize = 1 << 20;

/// The most bytes that a decoded block or table may take.
const DECODED_BYTES_MAX: usize = 256 << 20;

/// A fast level: index files are read at every run and are small.
const LEVEL: i32 = 3;

/// What an index file says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IndexHead {
    /// The archive it belongs to.
    pub archive: ArchiveId,
    /// The state that it leads to: that after all bundles of this and lower numbers.
    pub number: Number,
    /// The state that it starts from; 0: from nothing, so that it is the whole state.
    pub from: Number,
    /// The bundles between the two, in order.
    pub bundles: Vec<BundleRecord>,
    /// The snapshots between the two, in order. Numbers of unfinished snapshots have none.
    pub snapshots: Vec<Summary>,
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
    number: u32,
    time: (i64, u32),
    sources: Vec<SourceRecord>,
    counts: Counts,
    bytes_added: u64,
    problems: u64,
    note: String,
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
}

/// Rare things of one row.
#[derive(Encode, Decode, Default, Clone)]
struct Extra {
    target: Vec<u8>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    holes: Vec<(u64, u64)>,
}

/// Writes an index file, row by row in the order of a walk: by directory, then by name.
pub struct IndexWriter {
    upload: Box<dyn Upload>,
    compressor: Compressor,
    offset: u64,
    compare: ComparePart,
    restore: RestorePart,
    last: Last,
    extra_bytes: usize,
    blocks: Vec<BlockInfo>,
    rows: u64,
}

/// The values of the row before, from which differences are taken; a block begins with zeros.
#[derive(Default, Clone, Copy)]
struct Last {
    mtime: i64,
    ctime: i64,
    inode: u64,
    offset: u64,
}

impl IndexWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// When the store fails.
    pub fn new(mut upload: Box<dyn Upload>) -> Result<IndexWriter> {
        upload.write_all(MAGIC).map_err(write_failed)?;
        Ok(IndexWriter {
            upload,
            compressor: Compressor::new(LEVEL)?,
            offset: MAGIC.len() as u64,
            compare: ComparePart::default(),
            restore: RestorePart::default(),
            last: Last::default(),
            extra_bytes: 0,
            blocks: Vec::new(),
            rows: 0,
        })
    }

    /// Adds a row: `name` in `directory` is now `entry`, or gone.
    ///
    /// # Errors
    /// When the store fails.
    pub fn push(&mut self, directory: &[u8], name: &[u8], entry: Option<&Entry>) -> Result<()> {
        if self.compare.kinds.len() >= BLOCK_ROWS_MAX || self.extra_bytes >= BLOCK_BYTES {
            self.close_block()?;
        }
        if self.compare.kinds.is_empty() {
            self.blocks.push(BlockInfo {
                directory: directory.to_vec(),
                name: name.to_vec(),
                offset: self.offset,
                compare: PartInfo::default(),
                restore: PartInfo::default(),
            });
        }
        match self.compare.groups.last_mut() {
            Some((path, rows)) if path == directory => *rows += 1,
            _ => {
                self.extra_bytes += directory.len();
                self.compare.groups.push((directory.to_vec(), 1));
            }
        }
        self.compare.names.extend_from_slice(name);
        self.compare.name_lengths.push(name.len() as u32);
        self.extra_bytes += name.len();
        self.rows += 1;
        match entry {
            None => self.compare.kinds.push(GONE),
            Some(entry) => {
                self.push_stat(&entry.stat);
                self.push_rest(entry);
            }
        }
        Ok(())
    }

    fn push_stat(&mut self, stat: &Stat) {
        let (part, last) = (&mut self.compare, &mut self.last);
        let row = part.kinds.len() as u32;
        part.kinds.push(kind_number(stat.kind));
        part.modes.push(stat.mode);
        part.uids.push(stat.uid);
        part.gids.push(stat.gid);
        part.sizes.push(stat.size);
        part.mtime_seconds.push(stat.mtime.seconds.wrapping_sub(last.mtime));
        part.mtime_nanos.push(stat.mtime.nanos);
        // A ctime is mostly at or soon after the mtime, or near that of the row before: the latter packs better.
        part.ctime_seconds.push(stat.ctime.seconds.wrapping_sub(last.ctime));
        part.ctime_nanos.push(stat.ctime.nanos);
        part.inodes.push(stat.inode.wrapping_sub(last.inode) as i64);
        if stat.link != 0 {
            part.links.push((row, stat.link));
        }
        if stat.device != 0 {
            part.devices.push((row, stat.device));
        }
        if stat.racy {
            part.racy.push(row);
        }
        *last = Last { mtime: stat.mtime.seconds, ctime: stat.ctime.seconds, inode: stat.inode, ..*last };
    }

    fn push_rest(&mut self, entry: &Entry) {
        let part = &mut self.restore;
        let row = self.compare.kinds.len() as u32 - 1;
        let owner = (entry.owner.user.as_ref(), entry.owner.group.as_ref());
        let known = part.owners.iter().rposition(|(user, group)| (user.as_str(), group.as_str()) == owner);
        let number = known.unwrap_or_else(|| {
            part.owners.push((owner.0.to_owned(), owner.1.to_owned()));
            part.owners.len() - 1
        });
        part.owner_numbers.push(number as u32);
        let mut extra = Extra { target: entry.target.clone(), xattrs: entry.xattrs.clone(), holes: Vec::new() };
        if entry.stat.kind == Kind::File {
            let empty = Content::default();
            let content = entry.content.as_ref().unwrap_or(&empty);
            part.hashes.extend_from_slice(&content.hash.0);
            part.bundle_numbers.push(content.place.bundle.number);
            part.bundle_parts.push(content.place.bundle.part);
            part.offsets.push(content.place.offset.wrapping_sub(self.last.offset) as i64);
            self.last.offset = content.place.offset;
            extra.holes = content.holes.iter().map(|hole| (hole.offset, hole.length)).collect();
        }
        if !(extra.target.is_empty() && extra.xattrs.is_empty() && extra.holes.is_empty()) {
            let bytes = extra.target.len() + extra.xattrs.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>();
            self.extra_bytes += bytes + 16 * (extra.xattrs.len() + extra.holes.len());
            part.extras.push((row, extra));
        }
    }

    fn close_block(&mut self) -> Result<()> {
        if self.compare.kinds.is_empty() {
            return Ok(());
        }
        let compare = std::mem::take(&mut self.compare);
        let restore = std::mem::take(&mut self.restore);
        let compare = self.write_part(&compare)?;
        let restore = self.write_part(&restore)?;
        if let Some(block) = self.blocks.last_mut() {
            (block.compare, block.restore) = (compare, restore);
        }
        (self.last, self.extra_bytes) = (Last::default(), 0);
        Ok(())
    }

    fn write_part(&mut self, part: &impl Encode) -> Result<PartInfo> {
        let raw = encoded(part)?;
        let mut stored = Vec::new();
        let frame = self.compressor.append_frame(&raw, &mut stored)?;
        self.upload.write_all(&stored).map_err(write_failed)?;
        self.offset += stored.len() as u64;
        Ok(PartInfo { stored_bytes: frame.stored_bytes, raw_bytes: frame.raw_bytes, digest: Hash::of(&stored).0 })
    }

    /// Writes the table and publishes the file; gives its length in bytes.
    ///
    /// # Errors
    /// When the store fails; the file is then not published.
    pub fn publish(mut self, head: &IndexHead) -> Result<u64> {
        self.close_block()?;
        let lines: Vec<SummaryLine> = head.snapshots.iter().map(SummaryLine::from).collect();
        let table = Table {
            archive: head.archive.0,
            number: head.number,
            from: head.from,
            bundles: head.bundles.clone(),
            snapshots: serde_json::to_vec(&lines).map_err(|error| Error::damaged(error.to_string()))?,
            blocks: std::mem::take(&mut self.blocks),
            rows: self.rows,
        };
        let offset = self.offset;
        let info = self.write_part(&table)?;
        let mut trailer = Vec::with_capacity(TRAILER_BYTES);
        trailer.extend_from_slice(&offset.to_le_bytes());
        trailer.extend_from_slice(&info.stored_bytes.to_le_bytes());
        trailer.extend_from_slice(&info.raw_bytes.to_le_bytes());
        trailer.extend_from_slice(&info.digest);
        trailer.extend_from_slice(MAGIC);
        self.upload.write_all(&trailer).map_err(write_failed)?;
        self.upload.publish()?;
        Ok(self.offset + TRAILER_BYTES as u64)
    }
}

impl From<&Summary> for SummaryLine {
    fn from(summary: &Summary) -> SummaryLine {
        SummaryLine {
            number: summary.number,
            time: (summary.time.seconds, summary.time.nanos),
            sources: summary.sources.clone(),
            counts: summary.counts,
            bytes_added: summary.bytes_added,
            problems: summary.problems,
            note: summary.note.clone(),
        }
    }
}

impl From<SummaryLine> for Summary {
    fn from(line: SummaryLine) -> Summary {
        Summary {
            number: line.number,
            time: Time::new(line.time.0, line.time.1),
            sources: line.sources,
            counts: line.counts,
            bytes_added: line.bytes_added,
            problems: line.problems,
            note: line.note,
        }
    }
}

fn write_failed(error: std::io::Error) -> Error {
    Error::io("cannot write the index", error)
}

fn encoded(value: &impl Encode) -> Result<Vec<u8>> {
    bincode::encode_to_vec(value, bincode::config::standard())
        .map_err(|error| Error::damaged(format!("the index cannot be encoded ({error})")))
}

fn decoded<T: Decode<()>>(bytes: &[u8]) -> Result<T> {
    let config = bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();
    match bincode::decode_from_slice(bytes, config) {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        _ => Err(Error::damaged("a block of the index cannot be decoded")),
    }
}

fn kind_number(kind: Kind) -> u8 {
    Kind::ALL.iter().position(|other| *other == kind).unwrap_or_default() as u8
}

/// An index file, open for reading.
pub struct IndexFile {
    stored: Arc<Stored>,
    head: IndexHead,
    rows: u64,
    latest: Mutex<Option<(usize, Arc<Block>)>>,
}

/// Where the blocks of a file are. Blocks share it, and not the file, which keeps one of them: neither would ever go.
struct Stored {
    blob: Box<dyn Blob>,
    blocks: Vec<BlockInfo>,
}

impl IndexFile {
    /// Opens an index file and reads its table: one read for all but the largest.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Damaged`] when it is none; otherwise when it cannot be read.
    pub fn open(blob: Box<dyn Blob>) -> Result<IndexFile> {
        const TAIL_BYTES: u64 = 64 << 10;
        let tail_bytes = blob.length().min(TAIL_BYTES);
        let tail_offset = blob.length() - tail_bytes;
        let tail = read_exact_at(&*blob, tail_offset, tail_bytes as usize)?;
        let bad = || Error::damaged("the end of an index file is not as it must be");
        let trailer = tail.last_chunk::<TRAILER_BYTES>().ok_or_else(bad)?;
        let (offset, info) = parse_trailer(trailer).ok_or_else(bad)?;
        let table_end = blob.length() - TRAILER_BYTES as u64;
        if offset.checked_add(u64::from(info.stored_bytes)) != Some(table_end) {
            return Err(bad());
        }
        let table: Table = match offset.checked_sub(tail_offset) {
            Some(start) => decode_part(&tail[start as usize..(table_end - tail_offset) as usize], &info)?,
            None => decode_part(&read_exact_at(&*blob, offset, info.stored_bytes as usize)?, &info)?,
        };
        let lines: Vec<SummaryLine> = serde_json::from_slice(&table.snapshots).map_err(|_| bad())?;
        let head = IndexHead {
            archive: ArchiveId(table.archive),
            number: table.number,
            from: table.from,
            bundles: table.bundles,
            snapshots: lines.into_iter().map(Summary::from).collect(),
        };
        let stored = Arc::new(Stored { blob, blocks: table.blocks });
        Ok(IndexFile { stored, head, rows: table.rows, latest: Mutex::new(None) })
    }

    /// What it says of itself.
    pub fn head(&self) -> &IndexHead {
        &self.head
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.stored.blob.length()
    }

    /// How many blocks it has.
    pub fn block_count(&self) -> usize {
        self.stored.blocks.len()
    }

    /// The number of the block that may hold `name` in `directory`, or the first after it.
    pub fn block_for(&self, directory: &[u8], name: &[u8]) -> usize {
        let at_most = |block: &BlockInfo| row_order((&block.directory, &block.name), (directory, name)).is_le();
        self.stored.blocks.partition_point(at_most).saturating_sub(1)
    }

    /// A block; the one read last is kept.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Damaged`] when its bytes are not what was written; otherwise when it cannot be read.
    pub fn block(&self, number: usize) -> Result<Arc<Block>> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, block)) = latest.as_ref().filter(|(kept, _)| *kept == number) {
            return Ok(block.clone());
        }
        let part = self.stored.compare_part(number)?;
        let block = Arc::new(Block::new(part, self.stored.clone(), number)?);
        *latest = Some((number, block.clone()));
        Ok(block)
    }
}

impl Stored {
    fn info(&self, number: usize) -> Result<&BlockInfo> {
        self.blocks.get(number).ok_or_else(|| Error::damaged("a block of the index is missing"))
    }

    fn compare_part(&self, number: usize) -> Result<ComparePart> {
        let info = self.info(number)?;
        decode_part(&read_exact_at(&*self.blob, info.offset, info.compare.stored_bytes as usize)?, &info.compare)
    }

    fn restore_part(&self, number: usize) -> Result<RestorePart> {
        let info = self.info(number)?;
        let offset = info.offset.saturating_add(u64::from(info.compare.stored_bytes));
        decode_part(&read_exact_at(&*self.blob, offset, info.restore.stored_bytes as usize)?, &info.restore)
    }
}

fn parse_trailer(trailer: &[u8; TRAILER_BYTES]) -> Option<(u64, PartInfo)> {
    let info = PartInfo {
        stored_bytes: u32::from_le_bytes(trailer[8..12].try_into().ok()?),
        raw_bytes: u32::from_le_bytes(trailer[12..16].try_into().ok()?),
        digest: trailer[16..48].try_into().ok()?,
    };
    (trailer[48..] == *MAGIC).then_some((u64::from_le_bytes(trailer[..8].try_into().ok()?), info))
}

fn decode_part<T: Decode<()>>(stored: &[u8], info: &PartInfo) -> Result<T> {
    if Hash::of(stored).0 != info.digest {
        return Err(Error::damaged("a block of the index is not what was written"));
    }
    decoded(&Decompressor::new().decompress(stored, info.raw_bytes)?)
}

fn row_order(a: (&[u8], &[u8]), b: (&[u8], &[u8])) -> Ordering {
    path::walk_order(a.0, b.0).then_with(|| a.1.cmp(b.1))
}

/// A decoded block. Its restoring half is read when it is first asked for.
pub struct Block {
    stored: Arc<Stored>,
    number: usize,
    groups: Vec<(Vec<u8>, Range<u32>)>,
    names: Vec<u8>,
    /// Where each row's name ends.
    name_ends: Vec<u32>,
    stats: Vec<Option<Stat>>,
    rest: OnceLock<Rest>,
}

/// The restoring half, with what is needed to find a row in it.
struct Rest {
    part: RestorePart,
    /// For each row: how many rows before it are not gone, and how many are files.
    ranks: Vec<(u32, u32)>,
    offsets: Vec<u64>,
    owners: Vec<Owner>,
}

impl Block {
    fn new(part: ComparePart, stored: Arc<Stored>, number: usize) -> Result<Block> {
        let bad = || Error::damaged("a block of the index contradicts itself");
        let rows = part.kinds.len();
        let present = part.kinds.iter().filter(|kind| **kind != GONE).count();
        let columns = [
            part.modes.len(),
            part.uids.len(),
            part.gids.len(),
            part.sizes.len(),
            part.mtime_seconds.len(),
            part.mtime_nanos.len(),
            part.ctime_seconds.len(),
            part.ctime_nanos.len(),
            part.inodes.len(),
        ];
        if columns.iter().any(|length| *length != present) || part.name_lengths.len() != rows {
            return Err(bad());
        }
        let mut end = 0u32;
        let mut name_ends = Vec::with_capacity(rows);
        for length in &part.name_lengths {
            end = end.checked_add(*length).filter(|end| *end as usize <= part.names.len()).ok_or_else(bad)?;
            name_ends.push(end);
        }
        let mut groups = Vec::with_capacity(part.groups.len());
        let mut start = 0u32;
        for (path, count) in &part.groups {
            let end = start.checked_add(*count).filter(|end| *end as usize <= rows).ok_or_else(bad)?;
            path::EntryPath::from_bytes(path).ok_or_else(bad)?;
            groups.push((path.clone(), start..end));
            start = end;
        }
        if start as usize != rows {
            return Err(bad());
        }
        let stats = stats_of(&part).ok_or_else(bad)?;
        let block = Block { stored, number, groups, names: part.names, name_ends, stats, rest: OnceLock::new() };
        if (0..rows).any(|row| !path::is_name(block.name(row))) {
            return Err(bad());
        }
        Ok(block)
    }

    /// The directories it has rows of, in order, with their rows.
    pub fn groups(&self) -> &[(Vec<u8>, Range<u32>)] {
        &self.groups
    }

    /// A row's name.
    pub fn name(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.name_ends[before]);
        &self.names[start as usize..self.name_ends[row] as usize]
    }

    /// What `create` compares; `None` when the entry is gone.
    pub fn stat(&self, row: usize) -> Option<&Stat> {
        self.stats[row].as_ref()
    }

    /// The row of `name` in `directory`.
    pub fn find(&self, directory: &[u8], name: &[u8]) -> Option<usize> {
        let group = self.groups.binary_search_by(|(path, _)| path::walk_order(path, directory)).ok()?;
        let rows = &self.groups[group].1;
        let (mut low, mut high) = (rows.start as usize, rows.end as usize);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.name(middle).cmp(name) {
                Ordering::Equal => return Some(middle),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// All that is known of a row; `None` when the entry is gone.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Damaged`] when the restoring half is not what was written; otherwise when it cannot be read.
    pub fn entry(&self, row: usize) -> Result<Option<Entry>> {
        let Some(stat) = self.stats[row] else { return Ok(None) };
        let rest = match self.rest.get() {
            Some(rest) => rest,
            None => {
                let rest = self.read_rest()?;
                self.rest.get_or_init(|| rest)
            }
        };
        let (present, files) = rest.ranks[row];
        let mut entry = Entry {
            stat,
            owner: rest.owners[rest.part.owner_numbers[present as usize] as usize].clone(),
            ..Entry::default()
        };
        if stat.kind == Kind::File {
            let file = files as usize;
            let mut hash = Hash::default();
            hash.0.copy_from_slice(&rest.part.hashes[32 * file..32 * file + 32]);
            let bundle = BundleId { number: rest.part.bundle_numbers[file], part: rest.part.bundle_parts[file] };
            let place = Place { bundle, offset: rest.offsets[file] };
            entry.content = Some(Content { hash, place, holes: Vec::new() });
        }
        if let Ok(at) = rest.part.extras.binary_search_by_key(&(row as u32), |(row, _)| *row) {
            let extra = rest.part.extras[at].1.clone();
            (entry.target, entry.xattrs) = (extra.target, extra.xattrs);
            if let Some(content) = &mut entry.content {
                content.holes =
                    extra.holes.iter().map(|(offset, length)| Hole { offset: *offset, length: *length }).collect();
            }
        }
        Ok(Some(entry))
    }

    fn read_rest(&self) -> Result<Rest> {
        let part = self.stored.restore_part(self.number)?;
        let (mut present, mut files) = (0u32, 0u32);
        let mut ranks = Vec::with_capacity(self.stats.len());
        for stat in &self.stats {
            ranks.push((present, files));
            if let Some(stat) = stat {
                present += 1;
                files += u32::from(stat.kind == Kind::File);
            }
        }
        let files = files as usize;
        let consistent = part.owner_numbers.len() == present as usize
            && part.owner_numbers.iter().all(|number| (*number as usize) < part.owners.len())
            && part.hashes.len() == 32 * files
            && [part.bundle_numbers.len(), part.bundle_parts.len(), part.offsets.len()] == [files; 3]
            && part.extras.is_sorted_by_key(|(row, _)| *row);
        if !consistent {
            return Err(Error::damaged("a block of the index contradicts itself"));
        }
        let mut offset = 0u64;
        let offsets = part.offsets.iter().map(|difference| {
            offset = offset.wrapping_add(*difference as u64);
            offset
        });
        let offsets = offsets.collect();
        let owners =
            part.owners.iter().map(|(user, group)| Owner { user: user.as_str().into(), group: group.as_str().into() });
        Ok(Rest { owners: owners.collect(), part, ranks, offsets })
    }
}

/// The columns put together again; `None` when they contradict each other.
fn stats_of(part: &ComparePart) -> Option<Vec<Option<Stat>>> {
    let mut stats = Vec::with_capacity(part.kinds.len());
    let mut last = Last::default();
    let mut at = 0;
    for number in &part.kinds {
        if *number == GONE {
            stats.push(None);
            continue;
        }
        last.mtime = last.mtime.wrapping_add(part.mtime_seconds[at]);
        last.ctime = last.ctime.wrapping_add(part.ctime_seconds[at]);
        last.inode = last.inode.wrapping_add(part.inodes[at] as u64);
        stats.push(Some(Stat {
            kind: *Kind::ALL.get(usize::from(*number))?,
            mode: part.modes[at],
            uid: part.uids[at],
            gid: part.gids[at],
            size: part.sizes[at],
            mtime: Time::new(last.mtime, part.mtime_nanos[at]),
            ctime: Time::new(last.ctime, part.ctime_nanos[at]),
            inode: last.inode,
            link: 0,
            device: 0,
            racy: false,
        }));
        at += 1;
    }
    for (row, link) in &part.links {
        row_mut(&mut stats, *row)?.link = *link;
    }
    for (row, device) in &part.devices {
        row_mut(&mut stats, *row)?.device = *device;
    }
    for row in &part.racy {
        row_mut(&mut stats, *row)?.racy = true;
    }
    Some(stats)
}

fn row_mut(stats: &mut [Option<Stat>], row: u32) -> Option<&mut Stat> {
    stats.get_mut(row as usize)?.as_mut()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::MemoryStore;
    use crate::store::Store;
    use crate::store::read_small;

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
            device: n % 5,
            racy: n.is_multiple_of(7),
            ..Stat::default()
        };
        if entry.stat.kind == Kind::File {
            let place = Place { bundle: BundleId { number: n as u32, part: 3 }, offset: n.wrapping_mul(u64::MAX / 3) };
            entry.content = Some(Content { hash: Hash::of(&n.to_le_bytes()), place, holes: Vec::new() });
        }
        if n.is_multiple_of(11) {
            entry.xattrs = vec![(b"user.n".to_vec(), n.to_le_bytes().to_vec())];
            if let Some(content) = &mut entry.content {
                content.holes = vec![Hole { offset: n, length: 1 }];
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
            number: 3,
            from: 1,
            snapshots: vec![Summary { number: 3, ..Summary::default() }],
            ..IndexHead::default()
        };
        let length = writer.publish(&head).unwrap();
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
            assert_eq!((file.head().number, file.head().from, file.head().snapshots[0].number), (3, 1, 3));
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
        writer.publish(&IndexHead::default()).unwrap();
        assert_eq!(opened(&store).unwrap().block(0).unwrap().entry(0).unwrap(), Some(entry));
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
        for at in MAGIC.len()..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 4;
            assert!(check(&bad).is_err_and(|error| error.is_damage()), "byte {at}");
        }
        for length in 0..good.len() {
            assert!(check(&good[..length]).is_err_and(|error| error.is_damage()), "length {length}");
        }
    }
}
