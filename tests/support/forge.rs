//! Makes hostile archives: manifests, tar members, frames, tables and index files that no writer would write. Knows the
//! format as its documentation gives it; compresses with the library.

use serde_json::Value;
use serde_json::json;
use snap_archive::archive::open::Archive;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::id::Hash;
use snap_archive::base::time::Time;
use snap_archive::format::frames::Compressor;
use snap_archive::format::frames::Effort;
use snap_archive::format::frames::SeekTable;
use snap_archive::format::tar;
use snap_archive::system::store::LocalStore;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

const ARCHIVE: ArchiveId = ArchiveId([9; 16]);

/// The name of a snapshot's bundle, by the number of the snapshot.
pub fn bundle_name(number: u32) -> String {
    format!("{number:06}-20250615T150640Z.tar.zst")
}

/// An archive in the making.
pub struct Forge {
    archive: PathBuf,
}

impl Forge {
    /// In this directory, which must not exist.
    pub fn new(archive: &Path) -> Forge {
        fs::create_dir(archive).unwrap();
        Archive::init_store(Arc::new(LocalStore::new(archive)), ARCHIVE, Time::new(1_700_000_000, 0)).unwrap();
        for directory in ["bundles", "index"] {
            fs::create_dir_all(archive.join(directory)).unwrap();
        }
        Forge { archive: archive.to_owned() }
    }

    /// Adds a bundle; its file.
    pub fn bundle(&self, number: u32, bundle: &Reel) -> PathBuf {
        let path = self.archive.join("bundles").join(bundle_name(number));
        fs::write(&path, bundle.to_bytes()).unwrap();
        path
    }

    /// Adds an index file.
    pub fn index(&self, name: &str, bytes: &[u8]) {
        fs::write(self.archive.join("index").join(name), bytes).unwrap();
    }
}

/// A bundle's frames.
#[derive(Clone, Default)]
pub struct Reel {
    stored: Vec<u8>,
    table: SeekTable,
}

impl Reel {
    /// Adds one frame.
    #[must_use]
    pub fn frame(self, raw: &[u8]) -> Reel {
        self.frames(raw, 1)
    }

    /// Adds the same frame so many times.
    #[must_use]
    pub fn frames(mut self, raw: &[u8], times: usize) -> Reel {
        let mut stored = Vec::new();
        let frame = Compressor::new(Effort::Level(1)).unwrap().append_frame(raw, &mut stored).unwrap();
        for _ in 0..times {
            self.stored.extend_from_slice(&stored);
            self.table.push(frame);
        }
        self
    }

    /// Where the next frame begins in the tar.
    pub fn tar_offset(&self) -> u64 {
        self.table.raw_bytes()
    }

    /// Ends the tar with a manifest of whole lines.
    #[must_use]
    pub fn manifest(self, lines: &[String]) -> Reel {
        let tail = json!({"complete": true, "changes": lines.len() - 1});
        let text = lines.join("\n") + "\n";
        self.manifest_of(&[(text.as_bytes(), 1)], tail)
    }

    /// Ends the tar with a manifest of these pieces, each so many times, and a last line with what is missing in `tail`.
    #[must_use]
    pub fn manifest_of(self, pieces: &[(&[u8], usize)], tail: Value) -> Reel {
        let offset = self.tar_offset() + tar::BLOCK_BYTES as u64;
        let mut last = json!({
            "complete": true, "changes": 0, "problems_total": 0, "manifest_offset": offset,
            "counts": {
                "new": 0, "modified": 0, "metadata": 0, "deleted": 0, "unchanged": 0, "new_directories": 0,
                "changed_directories": 0, "deleted_directories": 0, "unchanged_directories": 0, "bytes": 0,
            },
        });
        last.as_object_mut().unwrap().extend(tail.as_object().unwrap().clone());
        let mut last = format!("{last}\n").into_bytes();
        let size = pieces.iter().map(|(piece, times)| piece.len() * times).sum::<usize>() + last.len();
        let mut header = Vec::new();
        tar::append_plain_file_header(&mut header, ".snap-manifest.jsonl", size as u64, 0);
        tar::pad(&mut last, size as u64);
        last.extend_from_slice(&[0; tar::END_BYTES]);
        let mut reel = self.frame(&header);
        for (piece, times) in pieces {
            reel = reel.frames(piece, *times);
        }
        reel.frame(&last)
    }

    fn to_bytes(&self) -> Vec<u8> {
        [self.stored.as_slice(), &self.table.to_bytes()].concat()
    }
}

/// The first line of the first snapshot's manifest.
pub fn head() -> Value {
    let home = json!({"name": "home", "path": "/no/such/place/home", "scanned": true});
    json!({
        "format": 1, "archive": ARCHIVE.to_string(), "snapshot": 1, "time": "2025-06-15T15:06:40Z", "sources": [home], "tool": "x",
    })
}

/// A value with these fields in place of its own.
pub fn with(mut value: Value, fields: Value) -> Value {
    value.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    value
}

/// A line of a directory.
pub fn dir(path: &str) -> Value {
    json!({"path": path, "type": "dir", "mode": "0755", "mtime": "1", "ctime": "1"})
}

/// A line of a symlink.
pub fn symlink(path: &str, target: &str) -> Value {
    json!({"path": path, "type": "symlink", "mode": "0777", "mtime": "1", "ctime": "1", "target": target})
}

/// A line of a file with this content at `offset`.
pub fn file(path: &str, content: &[u8], offset: u64) -> Value {
    let hash = Hash::of(content).to_string();
    json!({
        "path": path, "type": "file", "mode": "0644", "mtime": "1", "ctime": "1", "size": content.len(), "hash": hash, "offset": offset,
    })
}

/// The lines of a manifest as text.
pub fn lines(values: &[Value]) -> Vec<String> {
    values.iter().map(Value::to_string).collect()
}

/// A tar member: its header with a right checksum, its content and padding. `size` may be wrong.
pub fn member(name: &[u8], flag: u8, size: u64, link: &[u8], content: &[u8]) -> Vec<u8> {
    let mut header = [0; tar::BLOCK_BYTES];
    header[..name.len()].copy_from_slice(name);
    header[100..108].copy_from_slice(match flag {
        b'5' => b"0000755\0",
        b'2' => b"0000777\0",
        _ => b"0000644\0",
    });
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    if size < 1 << 33 {
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    } else {
        header[124] = 0x80;
        header[128..136].copy_from_slice(&size.to_be_bytes());
    }
    header[136..148].copy_from_slice(b"00000000001\0");
    header[156] = flag;
    header[157..157 + link.len()].copy_from_slice(link);
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
    let mut bytes = [&header, content].concat();
    tar::pad(&mut bytes, content.len() as u64);
    bytes
}

/// A pax record with its length before it.
pub fn pax(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (rest..2 * rest + 9).find(|length| length.to_string().len() + rest == *length).unwrap();
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

/// A number as bincode's standard configuration writes it.
pub fn varint(number: u64) -> Vec<u8> {
    match number {
        0..=250 => vec![number as u8],
        251..=0xFFFF => [&[251][..], &(number as u16).to_le_bytes()].concat(),
        0x1_0000..=0xFFFF_FFFF => [&[252][..], &(number as u32).to_le_bytes()].concat(),
        _ => [&[253][..], &number.to_le_bytes()].concat(),
    }
}

/// Bytes with their length before them.
pub fn counted(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// An index file of the first snapshot, of one block with these two parts, and digests that are all right. `rows` may lie.
pub fn index_file(bundle: &Path, compare: &[u8], restore: &[u8], rows: u64) -> Vec<u8> {
    index_file_of(Some(bundle), (1, 0), compare, restore, rows)
}

/// An index file of the snapshot with the first number, that builds on the one with the second.
pub fn index_file_of(
    bundle: Option<&Path>,
    (number, from): (u32, u32),
    compare: &[u8],
    restore: &[u8],
    rows: u64,
) -> Vec<u8> {
    let (compare, restore) = (part(compare), part(restore));
    let summary = json!([{
        "number": number, "time": [1_750_000_000, 0], "sources": [], "bytes_added": 1, "problems": 0, "note": "",
        "counts": {
            "new": 0, "modified": 0, "metadata": 0, "deleted": 0, "unchanged": 0, "new_directories": 0,
            "changed_directories": 0, "deleted_directories": 0, "unchanged_directories": 0, "bytes": 0,
        },
    }]);
    let mut table = ARCHIVE.0.to_vec();
    table.extend([varint(u64::from(number)), varint(u64::from(from)), varint(u64::from(bundle.is_some()))].concat());
    if let Some(path) = bundle {
        let name = path.file_name().unwrap().as_encoded_bytes();
        table.extend([counted(name), varint(fs::metadata(path).unwrap().len()), vec![0; 32]].concat());
    }
    table.extend(counted(summary.to_string().as_bytes()));
    table.extend([varint(1), counted(b""), counted(b"home"), varint(0), compare.info(), restore.info()].concat());
    table.extend(varint(rows));
    index_of(&[compare.stored, restore.stored].concat(), &table)
}

/// An index file of these bytes and this table.
pub fn index_of(blocks: &[u8], table: &[u8]) -> Vec<u8> {
    let table = part(table);
    let mut bytes = [blocks, &table.stored].concat();
    bytes.extend_from_slice(&(blocks.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&(table.stored.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&table.raw_bytes.to_le_bytes());
    bytes.extend_from_slice(&Hash::of(&table.stored).0);
    bytes.extend_from_slice(b"SNAPIX\x00\x02");
    bytes
}

struct Part {
    stored: Vec<u8>,
    raw_bytes: u32,
}

impl Part {
    fn info(&self) -> Vec<u8> {
        let lengths = [varint(self.stored.len() as u64), varint(u64::from(self.raw_bytes))].concat();
        [lengths, Hash::of(&self.stored).0.to_vec()].concat()
    }
}

fn part(raw: &[u8]) -> Part {
    let mut stored = Vec::new();
    let frame = Compressor::new(Effort::Level(1)).unwrap().append_frame(raw, &mut stored).unwrap();
    Part { stored, raw_bytes: frame.raw_bytes }
}
