//! Tests of bundles as files.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::base::entry::Entry;
use crate::base::error::Error;
use crate::base::error::Result;
use crate::base::id::ArchiveId;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::path::MANIFEST_NAME;
use crate::base::time::Time;
use crate::format::frames::Compressor;
use crate::format::frames::Decompressor;
use crate::format::frames::Effort;
use crate::format::frames::FrameAt;
use crate::format::frames::SeekTable;
use crate::format::manifest::DraftLine;
use crate::format::manifest::Head;
use crate::format::manifest::Tail;
use crate::format::tar;
use crate::system::store::Blob;
use crate::system::store::MemoryStore;
use crate::system::store::Store;
use std::sync::Arc;

fn head() -> Head {
    Head::new(ArchiveId([1; 16]), BundleId::new(1, 0), Time::new(0, 0))
}

fn bundle(changes: u32) -> (Arc<Bundle>, Published) {
    let store = MemoryStore::new();
    let name = BundleName::new(head().id, head().time).unwrap();
    let mut writer = BundleWriter::new(store.create("b").unwrap(), head(), 3).unwrap();
    let mut stored = Vec::new();
    let frame = Compressor::new(Effort::Level(3)).unwrap().append_frame(&[7; 1024], &mut stored).unwrap();
    writer.append_frames(&stored, &[frame]).unwrap();
    for n in 0..changes {
        let mut entry = Entry::default();
        entry.stat.kind = crate::base::entry::Kind::Fifo;
        let mut line = Vec::new();
        DraftLine::entry(EntryPath::new(format!("s/{n}").as_bytes()).unwrap(), &entry, None).append_to(&mut line, None);
        writer.push_line(&line).unwrap();
    }
    let published = writer.publish("b", Tail::default()).unwrap();
    (Arc::new(Bundle::open(&name, store.open("b").unwrap()).unwrap()), published)
}

#[test]
fn a_manifest_of_one_frame_and_of_many_is_read_as_written() {
    for changes in [0, 1, 100_000] {
        let (bundle, published) = bundle(changes);
        let mut reader = bundle.manifest().unwrap();
        assert_eq!(reader.head(), &head());
        let mut count = 0;
        while let Some(change) = reader.next_change().unwrap() {
            assert_eq!(change.path.as_bytes(), format!("s/{count}").as_bytes());
            count += 1;
        }
        assert_eq!((count, reader.digest()), (changes, published.manifest));
        assert_eq!(bundle.blob.length(), published.bytes);
    }
}

#[test]
fn the_manifest_is_the_last_member_and_its_offset_is_right() {
    let (bundle, _) = bundle(3);
    let mut raw = Vec::new();
    for number in 0..bundle.table().len() {
        let frame = bundle.table().frame(number).unwrap();
        raw.extend(bundle.frame(&frame, &mut Decompressor::new()).unwrap());
    }
    let tail = bundle.manifest_tail().unwrap();
    assert!(raw[tail.manifest_offset as usize..].starts_with(b"{\"format\":1,"));
    let member = tar::read_header(&mut &raw[1024..]).unwrap().unwrap();
    assert_eq!((member.path.as_slice(), member.header_bytes), (MANIFEST_NAME.as_bytes(), tail.manifest_offset - 1024));
    assert_eq!(raw.len() % 512, 0);
    assert!(raw.ends_with(&[0; 1024]));
}

/// A bundle with these frames before the manifest.
fn bundle_of(frames: &[Vec<u8>], changes: u64) -> Vec<u8> {
    let store = MemoryStore::new();
    let mut writer = BundleWriter::new(store.create("b").unwrap(), head(), 3).unwrap();
    let mut compressor = Compressor::new(Effort::Level(3)).unwrap();
    for raw in frames {
        let mut stored = Vec::new();
        let frame = compressor.append_frame(raw, &mut stored).unwrap();
        writer.append_frames(&stored, &[frame]).unwrap();
    }
    for number in 0..changes {
        let mut line = Vec::new();
        let path = EntryPathBuf::from_bytes(format!("s/{number}").as_bytes()).unwrap();
        let gone = DraftLine::gone(&path, crate::base::entry::Kind::File);
        gone.append_to(&mut line, None);
        writer.push_line(&line).unwrap();
    }
    writer.publish("b", Tail::default()).unwrap();
    let blob = store.open("b").unwrap();
    let mut bytes = vec![0; blob.length() as usize];
    blob.read_at(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn no_flipped_bit_of_a_table_costs_anything() {
    let name = BundleName::new(head().id, head().time).unwrap();
    let open = |bytes: &[u8], open: fn(&BundleName, Box<dyn Blob>) -> Result<Bundle>| {
        open(&name, Box::new(BadSector { bytes: bytes.to_vec(), bad: 0..0 })).map(Arc::new).unwrap()
    };
    // A frame of each length that a flipped bit may turn into another one, between others.
    for (lengths, changes) in [(&[512, 1024, 8192][..], 3), (&[8192, 512, 512, 1536, 1 << 20], 70_000)] {
        let frames: Vec<Vec<u8>> = lengths.iter().map(|length| (0..*length).map(|n| (n / 7) as u8).collect()).collect();
        let good = bundle_of(&frames, changes);
        let whole = open(&good, Bundle::open);
        let table = whole.table().clone();
        let start = table.stored_bytes() as usize;
        for bit in 0..8 * (good.len() - start) {
            let mut bad = good.clone();
            bad[start + bit / 8] ^= 1 << (bit % 8);
            for open_it in [Bundle::open, Bundle::open_for_contents] {
                let opened = open(&bad, open_it);
                let before = opened.manifest_tail().unwrap().manifest_offset;
                let contents = |table: &SeekTable| -> Vec<FrameAt> {
                    (0..table.len())
                        .filter_map(|number| table.frame(number))
                        .filter(|f| f.raw_end() <= before)
                        .collect()
                };
                assert_eq!(contents(opened.table()), contents(&table), "bit {bit}");
            }
            let opened = open(&bad, Bundle::open);
            assert_eq!((opened.table(), opened.has_sound_table()), (&table, false), "bit {bit}");
            assert_eq!(opened.manifest().unwrap().head(), &head(), "bit {bit}");
        }
    }
}

/// A file of which some bytes cannot be read, as on a drive with a bad sector.
struct BadSector {
    bytes: Vec<u8>,
    bad: std::ops::Range<u64>,
}

impl Blob for BadSector {
    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let end = (offset + buffer.len() as u64).min(self.length());
        if offset < self.bad.end && end > self.bad.start {
            return Err(Error::io("cannot read", std::io::Error::other("input/output error")));
        }
        let there = &self.bytes[offset as usize..end as usize];
        buffer[..there.len()].copy_from_slice(there);
        Ok(there.len())
    }
}

#[test]
fn a_sector_that_cannot_be_read_costs_the_frames_that_it_is_in_or_that_only_it_leads_to() {
    let (whole, _) = bundle(3);
    let mut bytes = vec![0; whole.blob.length() as usize];
    whole.blob.read_at(0, &mut bytes).unwrap();
    let frames: Vec<FrameAt> = (0..whole.table().len()).map(|number| whole.table().frame(number).unwrap()).collect();
    for start in 0..bytes.len() as u64 {
        let bad = start..start + 16;
        let opened = Bundle::open(whole.name(), Box::new(BadSector { bytes: bytes.clone(), bad: bad.clone() }));
        let at_table = bad.end > whole.table().stored_bytes();
        let Ok(bundle) = opened else {
            assert!(at_table && start < u64::from(frames[0].stored_bytes), "{start}");
            continue;
        };
        for frame in &frames {
            let hit = bad.start < frame.stored_offset + u64::from(frame.stored_bytes) && bad.end > frame.stored_offset;
            // Without the table the way goes from frame to frame.
            let is_beyond = at_table && bad.start < frame.stored_offset;
            let read = bundle.table().frame(frame.number).map(|frame| bundle.frame(&frame, &mut Decompressor::new()));
            assert_eq!(matches!(read, Some(Ok(_))), !hit && !is_beyond, "frame {}, {start}", frame.number);
        }
    }
}
