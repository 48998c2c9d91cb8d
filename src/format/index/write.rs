//! Writing an index file, row by row.

use super::BLOCK_BYTES;
use super::BLOCK_ROWS_MAX;
use super::BlockInfo;
use super::ComparePart;
use super::DECODED_BYTES_MAX;
use super::Extra;
use super::GONE;
use super::HistoryLine;
use super::IndexHead;
use super::LEVEL;
use super::Last;
use super::LastPart;
use super::MAGIC;
use super::PartInfo;
use super::PatchRow;
use super::RestorePart;
use super::SummaryLine;
use super::TRAILER_BYTES;
use super::Table;
use super::encoded;
use super::kind_number;
use super::write_failed;
use crate::base::entry::Content;
use crate::base::entry::Device;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Stat;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::BundleId;
use crate::base::id::Hash;
use crate::format::frames::Compressor;
use crate::format::frames::Effort;
use crate::system::store::Upload;
use bincode::Encode;

/// Writes an index file, row by row in the order of a walk: by directory, then by name.
pub struct IndexWriter {
    upload: Box<dyn Upload>,
    compressor: Compressor,
    offset: u64,
    compare: ComparePart,
    restore: RestorePart,
    last: Last,
    extra_bytes: usize,
    pub(super) blocks: Vec<BlockInfo>,
    rows: u64,
    last_part: Option<LastPart>,
}

impl IndexWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// When the store fails.
    pub fn new(upload: Box<dyn Upload>) -> Result<IndexWriter> {
        Ok(IndexWriter {
            upload,
            compressor: Compressor::new(Effort::Level(LEVEL))?.for_frames_up_to(DECODED_BYTES_MAX),
            offset: 0,
            compare: ComparePart::default(),
            restore: RestorePart::default(),
            last: Last::default(),
            extra_bytes: 0,
            blocks: Vec::new(),
            rows: 0,
            last_part: None,
        })
    }

    /// Notes the parts of the newest snapshot, in order, where they are known before the rows: rows may then name the last one as
    /// its bundle is named. Otherwise they count it from 1, as those before it.
    pub fn set_parts(&mut self, parts: impl Iterator<Item = BundleId>) {
        self.last_part = LastPart::of(parts);
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
        if stat.device != Device::default() {
            part.devices.push((row, stat.device.number()));
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
        let mut extra = Extra { target: entry.target.clone(), xattrs: entry.xattrs.clone(), ..Extra::default() };
        if entry.stat.kind == Kind::File {
            let empty = Content::default();
            let content = entry.content.as_ref().unwrap_or(&empty);
            part.hashes.extend_from_slice(&content.hash.0);
            let bundle = content.place.bundle;
            let bundle = self.last_part.filter(|last| last.bundle == bundle).map_or(bundle, |last| last.counted);
            part.bundle_numbers.push(bundle.number.get());
            part.bundle_parts.push(bundle.part);
            part.offsets.push(content.place.offset.wrapping_sub(self.last.offset) as i64);
            self.last.offset = content.place.offset;
            if content.torn {
                part.torn.push(row);
            }
            extra.holes = content.holes.to_pairs();
            extra.patches = content.patch.iter().flat_map(|patch| patch.chain().map(PatchRow::of)).collect();
        }
        if !(extra.target.is_empty() && extra.xattrs.is_empty() && extra.holes.is_empty() && extra.patches.is_empty()) {
            let bytes = extra.target.len() + extra.xattrs.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>();
            self.extra_bytes += bytes + 16 * (extra.xattrs.len() + extra.holes.len());
            self.extra_bytes += extra.patches.iter().map(PatchRow::bytes).sum::<usize>();
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
    pub fn publish(mut self, name: &str, head: &IndexHead) -> Result<u64> {
        self.close_block()?;
        let before = std::iter::once(None).chain(head.snapshots.iter().map(Some));
        let finished = head.snapshots.iter().zip(before);
        let finished =
            finished.map(|(summary, before)| HistoryLine::Finished(Box::new(SummaryLine::of(summary, before))));
        let unfinished = head.uncertain_unfinished.iter();
        let unfinished = unfinished
            .map(|(unfinished, until)| HistoryLine::Unfinished { unfinished: *unfinished, uncertain_until: *until });
        let lines: Vec<HistoryLine> = finished.chain(unfinished).collect();
        let table = Table {
            archive: head.archive.0,
            number: head.number.get(),
            from: head.from.get(),
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
        self.upload.publish(name)
    }
}
