//! Reading an index file: its table, then single blocks, the restoring half of each only when it is asked for.

use super::BLOCK_ROWS_MAX;
use super::BlockInfo;
use super::ComparePart;
use super::DECODED_BYTES_MAX;
use super::GONE;
use super::HistoryLine;
use super::IndexHead;
use super::Last;
use super::LastPart;
use super::MAGIC;
use super::PartInfo;
use super::RestorePart;
use super::STORED_BYTES_MAX;
use super::TRAILER_BYTES;
use super::Table;
use super::damaged;
use super::decoded;
use super::patch_of;
use crate::base::concurrency::Lock;
use crate::base::entry::Content;
use crate::base::entry::Device;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Owner;
use crate::base::entry::Place;
use crate::base::entry::Stat;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::holes::Holes;
use crate::base::id::ArchiveId;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::path;
use crate::base::time::Time;
use crate::format::frames::Decompressor;
use crate::system::store::Blob;
use crate::system::store::read_exact_at;
use bincode::Decode;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;
use std::sync::OnceLock;

/// A file of no more bytes is read as a whole, with one read, and kept; of others the end with the table: so little more is
/// read faster than a drive finds another place.
const WHOLE_BYTES_MAX: u64 = 512 << 10;
const TAIL_BYTES: u64 = 64 << 10;

/// How many blocks of a file are kept: that of an entry, and those of the directories above it; only one if that many of the
/// largest would take more than these bytes.
const BLOCKS_KEPT: usize = 4;
const BLOCKS_KEPT_BYTES_MAX: u64 = 4 << 20;

/// An index file, open for reading.
pub struct IndexFile {
    stored: Arc<Stored>,
    head: IndexHead,
    rows: u64,
    /// The decoded length in bytes of the largest block, about.
    largest_block_bytes: u64,
    /// The blocks that were asked for last, the very last one at the end.
    latest: Lock<Vec<Arc<Block>>>,
}

/// Where the blocks of a file are. Blocks share it, and not the file, which keeps some of them: neither would ever go.
struct Stored {
    blob: Box<dyn Blob>,
    /// The end of the file, from this offset on.
    tail: (u64, Vec<u8>),
    blocks: Vec<BlockInfo>,
    last_part: Option<LastPart>,
}

fn last_part(head: &IndexHead) -> Option<LastPart> {
    let ids = head.bundles.iter().filter_map(|record| BundleName::parse(&record.name)).map(|name| name.id);
    LastPart::of(ids.filter(|id| id.number == head.number))
}

impl IndexFile {
    /// Opens an index file and reads its table: one read for all but the largest.
    ///
    /// # Errors
    /// [`crate::base::error::ErrorKind::Damaged`] when it is none; otherwise when it cannot be read.
    pub fn open(blob: Box<dyn Blob>) -> Result<IndexFile> {
        let tail_bytes = if blob.length() <= WHOLE_BYTES_MAX { blob.length() } else { TAIL_BYTES };
        let tail_offset = blob.length() - tail_bytes;
        let tail = read_exact_at(&*blob, tail_offset, tail_bytes as usize).map_err(in_index)?;
        let bad = || damaged("the end of an index file is not as it must be");
        let trailer = tail.last_chunk::<TRAILER_BYTES>().ok_or_else(bad)?;
        let (offset, info) = parse_trailer(trailer).ok_or_else(bad)?;
        let table_end = blob.length() - TRAILER_BYTES as u64;
        if offset.checked_add(u64::from(info.stored_bytes)) != Some(table_end) || !info.is_possible() {
            return Err(bad());
        }
        let stored = match offset.checked_sub(tail_offset) {
            Some(start) => tail[start as usize..(table_end - tail_offset) as usize].to_vec(),
            None => read_exact_at(&*blob, offset, info.stored_bytes as usize).map_err(in_index)?,
        };
        if Hash::of(&stored).0 != info.digest {
            return Err(bad());
        }
        let table: Table = decode_part(&stored, &info)?;
        let lines: Vec<HistoryLine> = serde_json::from_slice(&table.snapshots).map_err(|_| bad())?;
        let (mut snapshots, mut uncertain_unfinished) = (Vec::new(), Vec::new());
        for line in lines {
            match line {
                HistoryLine::Finished(line) => {
                    let summary = line.summary(snapshots.last()).ok_or_else(bad)?;
                    snapshots.push(summary);
                }
                HistoryLine::Unfinished { unfinished, uncertain_until } => {
                    uncertain_unfinished.push((unfinished, uncertain_until));
                }
            }
        }
        let head = IndexHead {
            archive: ArchiveId(table.archive),
            number: table.number.into(),
            from: table.from.into(),
            bundles: table.bundles,
            snapshots,
            uncertain_unfinished,
        };
        if table.blocks.iter().any(|info| !info.compare.is_possible() || !info.restore.is_possible()) {
            return Err(bad());
        }
        let last_part = last_part(&head);
        let raw = |info: &BlockInfo| u64::from(info.compare.raw_bytes) + u64::from(info.restore.raw_bytes);
        let bytes = |info: &BlockInfo| raw(info).max(u64::from(info.stored_bytes()));
        let largest_block_bytes = table.blocks.iter().map(bytes).max().unwrap_or(0);
        let stored = Arc::new(Stored { blob, tail: (tail_offset, tail), blocks: table.blocks, last_part });
        Ok(IndexFile { stored, head, rows: table.rows, largest_block_bytes, latest: Lock::default() })
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
        let at_most = |block: &BlockInfo| path::row_order((&block.directory, &block.name), (directory, name)).is_le();
        self.stored.blocks.partition_point(at_most).saturating_sub(1)
    }

    /// A block; the last few are kept.
    ///
    /// # Errors
    /// [`ErrorKind::IndexDamaged`] when its bytes are not what was written; otherwise when it cannot be read.
    pub fn block(&self, number: usize) -> Result<Arc<Block>> {
        let mut latest = self.latest.lock();
        let block = match latest.iter().position(|kept| kept.number == number) {
            Some(at) => latest.remove(at),
            None => Arc::new(self.stored.block(number)?),
        };
        self.keep(&mut latest, block.clone());
        Ok(block)
    }

    /// A block that is not kept, and for which no other reader waits: for whoever reads all of them, each once.
    ///
    /// # Errors
    /// As for [`IndexFile::block`].
    pub fn block_alone(&self, number: usize) -> Result<Block> {
        self.stored.block(number)
    }

    /// Puts a block at the end of those that are kept.
    fn keep(&self, latest: &mut Vec<Arc<Block>>, block: Arc<Block>) {
        if latest.len() == self.blocks_kept() {
            latest.remove(0);
        }
        latest.push(block);
    }

    /// Checks blocks, in ascending order: that they are as written and say what can be, with both of their parts.
    ///
    /// # Errors
    /// [`ErrorKind::IndexDamaged`] when they are not what was written; otherwise when they cannot be read.
    pub fn check_blocks(&self, numbers: &[usize]) -> Result<()> {
        let runs = numbers.chunk_by(|a, b| a + 1 == *b).flat_map(|run| run.chunks(self.blocks_kept()));
        for run in runs {
            let mut latest = self.latest.lock();
            if let [number] = run
                && let Some(kept) = latest.iter().find(|kept| kept.number == *number)
            {
                kept.rest()?;
                continue;
            }
            latest.retain(|kept| !run.contains(&kept.number));
            for block in self.stored.adjacent_blocks(run)? {
                self.keep(&mut latest, Arc::new(block));
            }
        }
        Ok(())
    }

    /// The decoded length in bytes of the blocks that it keeps, at most, about: as much as one reader of it holds.
    pub fn kept_bytes(&self) -> u64 {
        self.largest_block_bytes * self.blocks_kept() as u64
    }

    fn blocks_kept(&self) -> usize {
        if self.largest_block_bytes * BLOCKS_KEPT as u64 <= BLOCKS_KEPT_BYTES_MAX { BLOCKS_KEPT } else { 1 }
    }

    /// The directory of a block's first row.
    pub fn block_directory(&self, number: usize) -> &[u8] {
        self.block_start(number).map_or(&[], |(directory, _)| directory)
    }

    /// The directory and name of a block's first row; `None` where there is no such block.
    pub fn block_start(&self, number: usize) -> Option<(&[u8], &[u8])> {
        self.stored.blocks.get(number).map(|info| (info.directory.as_slice(), info.name.as_slice()))
    }
}

impl Stored {
    fn info(&self, number: usize) -> Result<&BlockInfo> {
        self.blocks.get(number).ok_or_else(|| damaged("a block of the index is missing"))
    }

    /// A block with its comparing part alone.
    fn block(self: &Arc<Stored>, number: usize) -> Result<Block> {
        let info = self.info(number)?;
        self.block_from(number, &self.read(info.offset, info.compare.stored_bytes)?)
    }

    /// Blocks that stand one after the other, both parts of each, with one read.
    fn adjacent_blocks(self: &Arc<Stored>, numbers: &[usize]) -> Result<Vec<Block>> {
        let infos: Vec<&BlockInfo> = numbers.iter().map(|number| self.info(*number)).collect::<Result<_>>()?;
        let length = infos.iter().fold(0_u32, |length, info| length.saturating_add(info.stored_bytes()));
        let bytes = self.read(infos.first().map_or(0, |info| info.offset), length)?;
        let mut rest = bytes.as_slice();
        let mut blocks = Vec::with_capacity(numbers.len());
        for (number, info) in numbers.iter().zip(infos) {
            let (block, after) = rest.split_at_checked(info.stored_bytes() as usize).ok_or_else(not_as_written)?;
            blocks.push(self.block_from(*number, block)?);
            rest = after;
        }
        Ok(blocks)
    }

    /// A block from its comparing part, and from the restoring one if that follows.
    fn block_from(self: &Arc<Stored>, number: usize, bytes: &[u8]) -> Result<Block> {
        let info = self.info(number)?;
        let (compare, restore) =
            bytes.split_at_checked(info.compare.stored_bytes as usize).ok_or_else(not_as_written)?;
        let block = Block::new(info.compare.decode(compare)?, self.clone(), number)?;
        if !restore.is_empty() {
            let rest = block.rest_from(info.restore.decode(restore)?)?;
            block.rest.get_or_init(|| rest);
        }
        Ok(block)
    }

    fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>> {
        let in_tail = offset.checked_sub(self.tail.0).and_then(|start| {
            let start = usize::try_from(start).ok()?;
            self.tail.1.get(start..start.checked_add(length as usize)?)
        });
        match in_tail {
            Some(bytes) => Ok(bytes.to_vec()),
            None => read_exact_at(&*self.blob, offset, length as usize).map_err(in_index),
        }
    }

    fn restore_part(&self, number: usize) -> Result<RestorePart> {
        let info = self.info(number)?;
        info.restore.decode(&self.read(info.restore_offset(), info.restore.stored_bytes)?)
    }
}

impl PartInfo {
    /// Whether it is no longer than a part can be: nothing is read of a longer one.
    fn is_possible(&self) -> bool {
        self.stored_bytes <= STORED_BYTES_MAX && self.raw_bytes as usize <= DECODED_BYTES_MAX
    }

    fn check(&self, stored: &[u8]) -> Result<()> {
        if Hash::of(stored).0 == self.digest { Ok(()) } else { Err(not_as_written()) }
    }

    /// What the bytes mean, once their digest is right.
    fn decode<T: Decode<()>>(&self, stored: &[u8]) -> Result<T> {
        self.check(stored)?;
        decode_part(stored, self)
    }
}

impl BlockInfo {
    /// Of both parts.
    fn stored_bytes(&self) -> u32 {
        self.compare.stored_bytes.saturating_add(self.restore.stored_bytes)
    }

    fn restore_offset(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.compare.stored_bytes))
    }
}

/// Where the table is.
fn parse_trailer(trailer: &[u8; TRAILER_BYTES]) -> Option<(u64, PartInfo)> {
    let info = PartInfo {
        stored_bytes: u32::from_le_bytes(trailer[8..12].try_into().ok()?),
        raw_bytes: u32::from_le_bytes(trailer[12..16].try_into().ok()?),
        digest: trailer[16..48].try_into().ok()?,
    };
    let offset = u64::from_le_bytes(trailer[..8].try_into().ok()?);
    (trailer[48..] == *MAGIC).then_some((offset, info))
}

fn not_as_written() -> Error {
    damaged("a block of the index is not what was written")
}

/// Decodes bytes whose digest has been checked.
fn decode_part<T: Decode<()>>(stored: &[u8], info: &PartInfo) -> Result<T> {
    let mut decompressor = Decompressor::for_frames_up_to(DECODED_BYTES_MAX);
    decoded(&decompressor.decompress(stored, info.raw_bytes).map_err(in_index)?)
}

/// Damage met in an index file is the index's. A place that the drive does not read is as good as damaged: the file is made again.
fn in_index(error: Error) -> Error {
    let is_unusable = matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Io);
    if is_unusable { damaged(error.to_string()) } else { error }
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
        let bad = || damaged("a block of the index contradicts itself");
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
        let is_too_large = rows > BLOCK_ROWS_MAX || part.groups.len() > rows;
        if is_too_large || columns.iter().any(|length| *length != present) || part.name_lengths.len() != rows {
            return Err(bad());
        }
        if part.modes.iter().any(|mode| *mode > 0o7777) {
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
            path::EntryPathBuf::from_bytes(path).ok_or_else(bad)?;
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
    /// [`crate::base::error::ErrorKind::Damaged`] when the restoring half is not what was written; otherwise when it cannot be read.
    pub fn entry(&self, row: usize) -> Result<Option<Entry>> {
        let Some(stat) = self.stats[row] else { return Ok(None) };
        let rest = self.rest()?;
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
            let bundle = BundleId::new(rest.part.bundle_numbers[file], rest.part.bundle_parts[file]);
            let bundle = self.stored.last_part.filter(|last| last.counted == bundle).map_or(bundle, |last| last.bundle);
            let place = Place { bundle, offset: rest.offsets[file] };
            let torn = rest.part.torn.binary_search(&(row as u32)).is_ok();
            entry.content = Some(Content { hash, place, torn, ..Content::default() });
        }
        if let Ok(at) = rest.part.extras.binary_search_by_key(&(row as u32), |(row, _)| *row) {
            let extra = rest.part.extras[at].1.clone();
            (entry.target, entry.xattrs) = (extra.target, extra.xattrs);
            if let Some(content) = &mut entry.content {
                content.holes = Holes::from_pairs(&extra.holes, entry.stat.size).ok_or_else(contradiction)?;
                content.patch = patch_of(&extra.patches, entry.stat.size)?;
            }
        }
        Ok(Some(entry))
    }

    /// Whether the holes of a row's entry are ascending, apart and inside it.
    fn are_sound(&self, row: u32, holes: &[(u64, u64)]) -> bool {
        let size = self.stats.get(row as usize).copied().flatten().map_or(0, |stat| stat.size);
        Holes::from_pairs(holes, size).is_some()
    }

    /// Reads and checks the half that only restoring needs.
    ///
    /// # Errors
    /// As for [`Block::entry`].
    pub fn check(&self) -> Result<()> {
        self.rest().map(drop)
    }

    fn rest(&self) -> Result<&Rest> {
        if let Some(rest) = self.rest.get() {
            return Ok(rest);
        }
        let rest = self.rest_from(self.stored.restore_part(self.number)?)?;
        Ok(self.rest.get_or_init(|| rest))
    }

    fn rest_from(&self, part: RestorePart) -> Result<Rest> {
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
            && part.torn.is_sorted()
            && part.extras.is_sorted_by_key(|(row, _)| *row)
            && part.extras.iter().all(|(row, extra)| self.are_sound(*row, &extra.holes));
        if !consistent {
            return Err(contradiction());
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

fn contradiction() -> Error {
    damaged("a block of the index contradicts itself")
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
            device: Device::default(),
            racy: false,
        }));
        at += 1;
    }
    for (row, link) in &part.links {
        row_mut(&mut stats, *row)?.link = *link;
    }
    for (row, device) in &part.devices {
        row_mut(&mut stats, *row)?.device = Device::of_number(*device);
    }
    for row in &part.racy {
        row_mut(&mut stats, *row)?.racy = true;
    }
    Some(stats)
}

fn row_mut(stats: &mut [Option<Stat>], row: u32) -> Option<&mut Stat> {
    stats.get_mut(row as usize)?.as_mut()
}
