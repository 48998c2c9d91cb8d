//! Bundles out of frames that the fuzzer has made, and reading them to the end.

use crate::blob;
use crate::entries::line_of;
use crate::parts;
use snap_archive::base::id::BundleId;
use snap_archive::base::id::BundleName;
use snap_archive::base::time::Time;
use snap_archive::format::bundle::Bundle;
use snap_archive::format::bundle::BundleWriter;
use snap_archive::format::frames::Compressor;
use snap_archive::format::frames::Decompressor;
use snap_archive::format::frames::Effort;
use snap_archive::format::frames::SeekTable;
use snap_archive::format::manifest::Change;
use snap_archive::format::manifest::Head;
use snap_archive::format::manifest::Tail;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use std::sync::Arc;

/// The bundle that all inputs are taken for.
pub const ID: BundleId = BundleId::new(1, 0);

/// What stands before the offset in the manifest's last line.
const OFFSET_KEY: &[u8] = b"\"manifest_offset\":";

/// A bundle whose frames hold the parts of `input`, with sound checksums and seek table. The offset 0 in the last line
/// stands for the right one, which is that of the third frame.
pub fn assemble(input: &[u8]) -> Vec<u8> {
    let mut raw: Vec<Vec<u8>> = parts::split(input).into_iter().map(<[u8]>::to_vec).collect();
    let offset: usize = raw.iter().take(2).map(Vec::len).sum();
    if let Some(last) = raw.last_mut() {
        put_offset(last, offset);
    }
    let mut compressor = Compressor::new(Effort::Level(1)).unwrap();
    let mut table = SeekTable::new();
    let mut file = Vec::new();
    for raw in raw.iter().filter(|raw| !raw.is_empty()) {
        table.push(compressor.append_frame(raw, &mut file).unwrap());
    }
    file.extend_from_slice(&table.to_bytes());
    file
}

fn put_offset(last: &mut Vec<u8>, offset: usize) {
    let Some(at) = last.windows(OFFSET_KEY.len()).rposition(|window| window == OFFSET_KEY) else { return };
    let digits = at + OFFSET_KEY.len();
    if last[digits..].starts_with(b"0}") {
        last.splice(digits..=digits, offset.to_string().into_bytes());
    }
}

/// The reverse of [`assemble`], for a sound bundle.
pub fn disassemble(file: &[u8]) -> Vec<u8> {
    let name = BundleName::new(ID, Time::default()).unwrap();
    let bundle = Bundle::open(&name, blob(file)).unwrap();
    let offset = bundle.manifest_tail().unwrap().manifest_offset;
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for number in 0..bundle.table().len() {
        let frame = bundle.table().frame(number).unwrap();
        let raw = bundle.frame(&frame, &mut Decompressor::new()).unwrap();
        match parts.first_mut() {
            // Everything before the manifest's own header counts as one part.
            Some(first) if raw_is_before_header(&bundle, number) => first.extend_from_slice(&raw),
            _ => parts.push(raw),
        }
    }
    let last = parts.last_mut().unwrap();
    let digits = [OFFSET_KEY, offset.to_string().as_bytes()].concat();
    let at = last.windows(digits.len()).rposition(|window| window == digits).unwrap();
    last.splice(at..at + digits.len(), [OFFSET_KEY, b"0"].concat());
    parts::join(&parts)
}

fn raw_is_before_header(bundle: &Bundle, number: usize) -> bool {
    let offset = bundle.manifest_tail().unwrap().manifest_offset;
    bundle.table().frame(number + 1).is_some_and(|next| next.raw_offset < offset)
}

/// Reads a bundle and its whole manifest; what can be read is written again and must then be the same.
pub fn check(file: &[u8]) {
    let name = BundleName::new(ID, Time::default()).unwrap();
    let Ok(bundle) = Bundle::open(&name, blob(file)) else { return };
    let _ = bundle.manifest_tail();
    let Some((head, tail, changes)) = read(Arc::new(bundle)) else { return };
    let store = MemoryStore::new();
    let mut writer = BundleWriter::new(store.create("file").unwrap(), head.clone(), 1).unwrap();
    for change in &changes {
        let mut line = line_of(change);
        line.push(b'\n');
        writer.push_line(&line).unwrap();
    }
    let published = writer.publish("file", tail.clone()).unwrap();
    let blob = store.open("file").unwrap();
    assert_eq!(published.bytes, blob.length());
    let (head_again, tail_again, changes_again) = read(Arc::new(Bundle::open(&name, blob).unwrap())).unwrap();
    assert_eq!(head_again, head);
    assert_eq!(changes_again, changes);
    assert_eq!(Tail { manifest_offset: tail.manifest_offset, ..tail_again }, tail);
}

type Read = (Head, Tail, Vec<Change>);

fn read(bundle: Arc<Bundle>) -> Option<Read> {
    let mut reader = bundle.manifest().ok()?;
    let mut changes = Vec::new();
    while let Some(change) = reader.next_change().ok()? {
        changes.push(change);
    }
    Some((reader.head().clone(), reader.tail().clone(), changes))
}
