//! Index files out of blocks that the fuzzer has made, and reading them to the end. Has its own notes of the format, so that
//! every digest and place can be made right around wrong contents.

use crate::blob;
use crate::parts;
use bincode::Decode;
use bincode::Encode;
use snap_archive::archive::state::State;
use snap_archive::base::entry::Entry;
use snap_archive::base::id::Hash;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::format::frames::Compressor;
use snap_archive::format::frames::Decompressor;
use snap_archive::format::frames::Effort;
use snap_archive::format::index::IndexFile;
use snap_archive::format::index::IndexWriter;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"SNAPIX\x00\x02";

/// Of the version before.
const MAGIC_NAMED_PARTS: &[u8; 8] = b"SNAPIX\x00\x01";
const TRAILER_BYTES: usize = 56;
const DECODED_BYTES_MAX: usize = 1 << 20;

/// More blocks than this are not read: a small table may list one block any number of times.
const BLOCKS_MAX: usize = 32;

#[derive(Encode, Decode)]
struct Table {
    archive: [u8; 16],
    number: u32,
    from: u32,
    bundles: Vec<(String, u64, [u8; 32])>,
    snapshots: Vec<u8>,
    blocks: Vec<BlockInfo>,
    rows: u64,
}

#[derive(Encode, Decode)]
struct BlockInfo {
    directory: Vec<u8>,
    name: Vec<u8>,
    offset: u64,
    compare: PartInfo,
    restore: PartInfo,
}

#[derive(Encode, Decode, Clone)]
struct PartInfo {
    stored_bytes: u32,
    raw_bytes: u32,
    digest: [u8; 32],
}

/// An index file whose table is the first part of `input` and whose blocks are the others, two parts each. Lengths, digests
/// and places are made right.
pub fn assemble(input: &[u8]) -> Vec<u8> {
    let parts = parts::split(input);
    let (table, blocks) = parts.split_first().map_or((&[][..], &[][..]), |(table, blocks)| (*table, blocks));
    let mut file = MAGIC.to_vec();
    let mut infos = Vec::new();
    for block in blocks.chunks_exact(2) {
        let offset = file.len() as u64;
        infos.push((offset, append(&mut file, block[0]), append(&mut file, block[1])));
    }
    let table = match decoded::<Table>(table) {
        Some(mut table) => {
            for (block, (offset, compare, restore)) in table.blocks.iter_mut().zip(infos) {
                (block.offset, block.compare, block.restore) = (offset, compare, restore);
            }
            bincode::encode_to_vec(table, bincode::config::standard()).unwrap()
        }
        None => table.to_vec(),
    };
    let offset = file.len() as u64;
    let info = append(&mut file, &table);
    file.extend_from_slice(&offset.to_le_bytes());
    file.extend_from_slice(&info.stored_bytes.to_le_bytes());
    file.extend_from_slice(&info.raw_bytes.to_le_bytes());
    file.extend_from_slice(&info.digest);
    file.extend_from_slice(MAGIC);
    file
}

fn append(file: &mut Vec<u8>, raw: &[u8]) -> PartInfo {
    let start = file.len();
    let frame = Compressor::new(Effort::Level(1)).unwrap().append_frame(raw, file).unwrap();
    PartInfo { stored_bytes: frame.stored_bytes, raw_bytes: frame.raw_bytes, digest: Hash::of(&file[start..]).0 }
}

fn decoded<T: Decode<()>>(bytes: &[u8]) -> Option<T> {
    let config = bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();
    bincode::decode_from_slice(bytes, config).ok().map(|(value, _)| value)
}

/// The reverse of [`assemble`], for a sound file.
pub fn disassemble(file: &[u8]) -> Vec<u8> {
    let trailer = &file[file.len() - TRAILER_BYTES..];
    let offset = u64::from_le_bytes(trailer[..8].try_into().unwrap());
    let number = |at: usize| u32::from_le_bytes(trailer[at..at + 4].try_into().unwrap());
    let raw = |offset: u64, stored_bytes: u32, raw_bytes: u32| {
        let stored = &file[offset as usize..offset as usize + stored_bytes as usize];
        Decompressor::new().decompress(stored, raw_bytes).unwrap()
    };
    let mut parts = vec![raw(offset, number(8), number(12))];
    for block in decoded::<Table>(&parts[0]).unwrap().blocks {
        let (compare, restore) = (block.compare, block.restore);
        parts.push(raw(block.offset, compare.stored_bytes, compare.raw_bytes));
        let restore_offset = block.offset + u64::from(compare.stored_bytes);
        parts.push(raw(restore_offset, restore.stored_bytes, restore.raw_bytes));
    }
    parts::join(&parts)
}

/// Directory, name and what is there.
type Row = (Vec<u8>, Vec<u8>, Option<Entry>);

/// Reads an index file with every row; what can be read is written again and must then be the same.
pub fn check(bytes: &[u8]) {
    let Ok(file) = IndexFile::open(blob(bytes)) else { return };
    let file = Arc::new(file);
    if file.block_count() > BLOCKS_MAX {
        return;
    }
    let rows = rows(&file);
    walk(&file);
    let Some(rows) = rows else { return };
    if bytes.ends_with(MAGIC_NAMED_PARTS) {
        // Such files call the parts of the newest snapshot by other numbers, and are not written any more.
        return;
    }
    let store = MemoryStore::new();
    let mut writer = IndexWriter::new(store.create("file").unwrap()).unwrap();
    for (directory, name, entry) in &rows {
        writer.push(directory, name, entry.as_ref()).unwrap();
    }
    let length = writer.publish("file", file.head()).unwrap();
    let again = Arc::new(IndexFile::open(store.open("file").unwrap()).unwrap());
    assert_eq!((again.length(), again.rows()), (length, rows.len() as u64));
    assert_eq!(again.head(), file.head());
    assert_eq!(self::rows(&again).unwrap(), rows);
}

/// All rows; `None` when not all can be read.
fn rows(file: &Arc<IndexFile>) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    let mut is_whole = true;
    for number in 0..file.block_count() {
        let Ok(block) = file.block(number) else {
            is_whole = false;
            continue;
        };
        for (directory, range) in block.groups() {
            for row in range.clone() {
                let name = block.name(row as usize);
                block.find(directory, name);
                file.block_for(directory, name);
                match block.entry(row as usize) {
                    Ok(entry) => {
                        assert_eq!(entry.as_ref().map(|entry| entry.stat), block.stat(row as usize).copied());
                        rows.push((directory.clone(), name.to_vec(), entry));
                    }
                    Err(_) => is_whole = false,
                }
            }
        }
    }
    assert!(file.block(file.block_count()).is_err());
    is_whole.then_some(rows)
}

/// Walks it as a state, which trusts the order of its rows.
fn walk(file: &Arc<IndexFile>) {
    let state = State::new(vec![file.clone(), file.clone()]);
    for top in [EntryPathBuf::root(), EntryPathBuf::from_bytes(b"home/b").unwrap()] {
        let _ = state.find(&top);
        for group in state.groups_and_gone(&top) {
            let Ok(group) = group else { return };
            for row in &group.rows {
                let _ = row.entry();
            }
        }
    }
}
