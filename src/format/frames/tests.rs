//! Frames made and read, the table written and read, and walks over frames.

#![allow(clippy::unwrap_used)]

use super::compress::FrameCheck;
use super::*;
use crate::system::store::MemoryStore;
use crate::system::store::Store;

fn table(frames: &[(u32, u32)]) -> SeekTable {
    let mut table = SeekTable::new();
    for (stored_bytes, raw_bytes) in frames.iter().copied() {
        table.push(Frame { stored_bytes, raw_bytes });
    }
    table
}

#[test]
fn a_frame_is_read_as_written_and_a_flipped_bit_is_noticed() {
    let raw: Vec<u8> = (0..100_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
    let mut stored = Vec::new();
    let frame = Compressor::new(Effort::Level(3)).unwrap().append_frame(&raw, &mut stored).unwrap();
    assert_eq!(frame.stored_bytes as usize, stored.len());
    assert_eq!(Decompressor::new().decompress(&stored, frame.raw_bytes).unwrap(), raw);
    assert!(Decompressor::new().decompress(&stored, frame.raw_bytes - 1).is_err());
    assert!(Decompressor::new().decompress(&stored, frame.raw_bytes + 1).is_err());
    let (before, mut unchecked) = (stored.clone(), Vec::new());
    Decompressor::new().decompress_unchecked(&mut stored, frame.raw_bytes, &mut unchecked).unwrap();
    assert!(unchecked == raw && stored == before);
    *stored.last_mut().unwrap() ^= 1;
    Decompressor::new().decompress_unchecked(&mut stored, frame.raw_bytes, &mut unchecked).unwrap();
    assert!(unchecked == raw && Decompressor::new().decompress(&stored, frame.raw_bytes).is_err());
    stored = before;
    for at in (0..stored.len()).step_by(stored.len() / 50) {
        let mut bad = stored.clone();
        bad[at] ^= 0x10;
        assert!(Decompressor::new().decompress(&bad, frame.raw_bytes).is_err_and(|error| error.is_damage()));
    }
}

#[test]
fn each_effort_gives_a_frame_that_is_read_as_written() {
    let text: Vec<u8> = (0..400_000u64).flat_map(|n| format!("{} ", n * n / 97 % 4000).into_bytes()).collect();
    let mut sizes = Vec::new();
    let mut compressor = Compressor::new(Effort::Level(19)).unwrap();
    for step in 0..=STEP_MAX {
        let mut stored = b"before".to_vec();
        compressor.set_effort(Effort::Step(step)).unwrap();
        let frame = compressor.append_frame(&text, &mut stored).unwrap();
        assert_eq!(Decompressor::new().decompress(&stored[6..], frame.raw_bytes).unwrap(), text);
        sizes.push(frame.stored_bytes);
    }
    assert!(sizes[STEP_MAX] < sizes[0], "{sizes:?}");
}

#[test]
fn what_does_not_compress_is_stored_as_it_is_but_not_what_only_begins_so() {
    let mut noise = Vec::new();
    let mut hash = crate::base::id::Hash::of(b"");
    while noise.len() < 2 << 20 {
        hash = crate::base::id::Hash::of(&hash.0);
        noise.extend_from_slice(&hash.0);
    }
    let stored_bytes = |raw: &[u8]| {
        let mut stored = Vec::new();
        let frame = Compressor::new(Effort::Level(3)).unwrap().append_frame(raw, &mut stored).unwrap();
        assert!(Decompressor::new().decompress(&stored, frame.raw_bytes).unwrap() == raw);
        stored.len()
    };
    assert!((noise.len()..noise.len() + 200).contains(&stored_bytes(&noise)));
    let half = noise.len() / 2;
    noise[half..].fill(b'x');
    assert!(stored_bytes(&noise) < half + 1000);
}

#[test]
fn a_frame_that_is_not_what_went_in_is_refused() {
    let raw = vec![b'r'; 100_000];
    let (mut stored, mut check) = (Vec::new(), FrameCheck::default());
    Compressor::new(Effort::Level(3)).unwrap().append_frame(&raw, &mut stored).unwrap();
    check.check(&stored, &raw).unwrap();
    assert!(check.check(&stored, &raw[1..]).is_err());
    assert!(check.check(&stored, &vec![b's'; raw.len()]).is_err());
    for at in 0..stored.len() {
        let mut bad = stored.clone();
        bad[at] ^= 1;
        // A bit of the header may not matter, but then the bytes are the same.
        if check.check(&bad, &raw).is_ok() {
            assert!(Decompressor::new().decompress(&bad, raw.len() as u32).unwrap() == raw);
        }
    }
    check.check(&stored, &raw).unwrap();
}

#[test]
fn the_table_is_read_as_written_and_finds_frames() {
    let written = table(&[(10, 100), (20, 200), (5, 50)]);
    let read = SeekTable::parse(&written.to_bytes()).unwrap();
    assert_eq!(read, written);
    assert_eq!((read.stored_bytes(), read.raw_bytes()), (35, 350));
    for (offset, number) in [(0, 0), (99, 0), (100, 1), (299, 1), (300, 2), (349, 2)] {
        assert_eq!(read.frame_at(offset).unwrap().number, number);
    }
    assert!(read.frame_at(350).is_none());
    assert_eq!(read.frame(1).unwrap().stored_offset, 10);
}

#[test]
fn walking_over_the_frames_finds_them_as_the_table_does_and_stops_where_they_are_cut_off() {
    let store = MemoryStore::new();
    let (mut bytes, mut table) = (Vec::new(), SeekTable::new());
    let contents =
        [vec![7; 300_000], (0..200u8).collect(), vec![1], (0..70_000u32).flat_map(u32::to_le_bytes).collect()];
    for level in [1, 3, 19] {
        let mut compressor = Compressor::new(Effort::Level(level)).unwrap();
        for content in &contents {
            table.push(compressor.append_frame(content, &mut bytes).unwrap());
        }
    }
    let walk = |bytes: &[u8]| {
        store.replace("f", bytes).unwrap();
        SeekTable::walk(&*store.open("f").unwrap())
    };
    let whole = [bytes.clone(), table.to_bytes()].concat();
    assert_eq!(walk(&whole).unwrap(), (table.clone(), FramesEnd::Complete));
    assert_eq!(walk(&bytes).unwrap(), (table.clone(), FramesEnd::Complete));
    for length in 0..bytes.len() as u64 {
        let frames =
            (0..).map_while(|n| table.frame(n)).filter(|f| f.stored_offset + u64::from(f.stored_bytes) <= length);
        let expected = frames.count();
        match walk(&bytes[..length as usize]) {
            Ok((found, _)) => assert_eq!(found.len(), expected, "{length}"),
            Err(error) => assert!(error.is_damage() && expected == 0, "{length}"),
        }
        if length > 1000 && expected == 2 {
            break;
        }
    }
    assert!(walk(b"").is_err() && walk(b"garbage").is_err());
}

#[test]
fn damaged_tables_are_errors() {
    let good = table(&[(10, 100), (20, 200)]).to_bytes();
    assert!(SeekTable::parse(&good[1..]).is_err());
    assert!(SeekTable::parse(&[]).is_err());
    for at in (0..8).chain(good.len() - 9..good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(SeekTable::parse(&bad).is_err(), "byte {at}");
    }
    assert!(SeekTable::parse(&table(&[(10, 0)]).to_bytes()).is_err());
    assert!(SeekTable::parse(&table(&[(10, u32::MAX)]).to_bytes()).is_err());
}
