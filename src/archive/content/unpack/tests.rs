//! Contents of every shape, damage, lies of the index, and sinks that stop.
#![cfg(test)]
#![allow(clippy::unwrap_used)]

use super::*;
use crate::archive::content::ContentCheck;
use crate::archive::content::Contents;
use crate::base::advice::Advice;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Place;
use crate::base::error::Error;
use crate::base::error::ErrorKind;
use crate::base::error::Result;
use crate::base::holes::Holes;
use crate::base::id::ArchiveId;
use crate::base::id::BundleId;
use crate::base::id::BundleName;
use crate::base::id::Hash;
use crate::base::noise::noise;
use crate::base::time::Time;
use crate::format::bundle::Bundle;
use crate::format::bundle::BundleWriter;
use crate::format::frames::Compressor;
use crate::format::frames::Effort;
use crate::format::frames::Frame;
use crate::format::manifest::Head;
use crate::format::manifest::Tail;
use crate::system::store::Blob;
use crate::system::store::MemoryStore;
use crate::system::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// No content begins at 0.
const HEADER_BYTES: u64 = 512;

const ID: BundleId = BundleId::new(1, 0);

/// A blob that counts how often it is read.
struct Counting(Box<dyn Blob>, Arc<AtomicUsize>);

impl Blob for Counting {
    fn length(&self) -> u64 {
        self.0.length()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.read_at(offset, buffer)
    }
}

struct Made {
    bundle: Arc<Bundle>,
    reads: Arc<AtomicUsize>,
}

impl Made {
    /// A bundle of these frames: bytes and lengths as in the seek table.
    fn new(frames: &[(Vec<u8>, Frame)]) -> Made {
        let (store, name) = (MemoryStore::new(), BundleName::new(ID, Time::new(0, 0)).unwrap());
        let head = Head::new(ArchiveId([1; 16]), ID, Time::new(0, 0));
        let mut writer = BundleWriter::new(store.create("b").unwrap(), head, 1).unwrap();
        let mut header = Vec::new();
        let frame = Compressor::new(Effort::Level(1)).unwrap().append_frame(&[0; HEADER_BYTES as usize], &mut header);
        writer.append_frames(&header, &[frame.unwrap()]).unwrap();
        for (stored, frame) in frames {
            writer.append_frames(stored, &[*frame]).unwrap();
        }
        writer.publish("b", Tail::default()).unwrap();
        let reads = Arc::new(AtomicUsize::new(0));
        let blob = Counting(store.open("b").unwrap(), reads.clone());
        let bundle = Arc::new(Bundle::open(&name, Box::new(blob)).unwrap());
        reads.store(0, Ordering::Relaxed);
        Made { bundle, reads }
    }

    /// A bundle of `raw` in frames of `length` bytes, those in `damaged` with a bit flipped.
    fn of(raw: &[u8], length: usize, damaged: &[usize]) -> Made {
        let frames = raw.chunks(length).enumerate().map(|(number, part)| {
            let (mut stored, mut compressor) = (Vec::new(), Compressor::new(Effort::Level(1)).unwrap());
            let frame = compressor.append_frame(part, &mut stored).unwrap();
            if damaged.contains(&number) {
                let middle = stored.len() / 2;
                stored[middle] ^= 1;
            }
            (stored, frame)
        });
        Made::new(&frames.collect::<Vec<_>>())
    }

    fn contents(&self) -> Contents {
        let contents =
            Contents::of_bundles(Arc::new(MemoryStore::new()), [], ContentCheck::Hash, Advice::PlugInAndRestoreAgain);
        contents.0.open.lock().push_back((ID, self.bundle.clone()));
        contents
    }

    fn unpack(&self, contents: &[(u64, Content)], threads: usize, sink: &Recorder) -> Result<()> {
        let file = |(number, content)| Arc::new(Telling { sink, number, entry: entry(content) });
        let files = contents.iter().enumerate().map(file).collect();
        unpack(&self.contents(), threads, |unpacker| unpacker.feed(files))
    }
}

/// A content at `offset` of `raw`, with these holes.
fn content(raw: &[u8], offset: usize, size: usize, holes: &[(u64, u64)]) -> (u64, Content) {
    let holes = Holes::from_pairs(holes, size as u64).unwrap();
    let hash = holes.hash_of(&raw[offset..offset + size]);
    (
        size as u64,
        Content {
            hash,
            place: Place { bundle: ID, offset: HEADER_BYTES + offset as u64 },
            holes,
            patch: None,
            torn: false,
        },
    )
}

fn entry((size, content): &(u64, Content)) -> Entry {
    let mut entry = Entry { content: Some(content.clone()), ..Entry::default() };
    entry.stat.size = *size;
    entry
}

/// What a content should look like: zeros in its holes.
fn expected(raw: &[u8], (size, content): &(u64, Content)) -> Vec<u8> {
    let begin = (content.place.offset - HEADER_BYTES) as usize;
    let mut bytes = raw[begin..begin + *size as usize].to_vec();
    content.holes.clear(0, &mut bytes);
    bytes
}

/// Keeps what it is given.
#[derive(Default)]
struct Recorder {
    sizes: Vec<u64>,
    finished: Mutex<BTreeMap<usize, Vec<u8>>>,
    failed: Mutex<BTreeMap<usize, String>>,
    begun: AtomicUsize,
    open: AtomicUsize,
    calls: AtomicUsize,
    /// Which call is the first to fail; 0: none.
    stops_at: usize,
}

struct OpenBytes<'s>(Mutex<Vec<u8>>, &'s AtomicUsize);

impl Drop for OpenBytes<'_> {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A file of a recorder.
struct Telling<'s> {
    sink: &'s Recorder,
    number: usize,
    entry: Entry,
}

impl Recorder {
    fn new(contents: &[(u64, Content)]) -> Recorder {
        Recorder { sizes: contents.iter().map(|(size, _)| *size).collect(), ..Recorder::default() }
    }

    fn call(&self) -> Result<()> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if self.stops_at > 0 && call >= self.stops_at {
            return Err(Error::new(ErrorKind::Refused, "enough"));
        }
        Ok(())
    }

    fn failed(&self) -> Vec<usize> {
        self.failed.lock().unwrap().keys().copied().collect()
    }

    fn finished(&self) -> Vec<usize> {
        self.finished.lock().unwrap().keys().copied().collect()
    }
}

impl<'s> Target for Telling<'s> {
    type Open = OpenBytes<'s>;

    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn look(&self) -> Result<bool> {
        self.sink.call()?;
        Ok(self.number.is_multiple_of(2))
    }

    fn begin(&self) -> Result<Option<OpenBytes<'s>>> {
        self.sink.call()?;
        self.sink.begun.fetch_add(1, Ordering::Relaxed);
        self.sink.open.fetch_add(1, Ordering::Relaxed);
        Ok(Some(OpenBytes(Mutex::new(vec![0; self.sink.sizes[self.number] as usize]), &self.sink.open)))
    }

    fn write(&self, open: &OpenBytes<'s>, offset: u64, bytes: &[u8]) -> Result<bool> {
        self.sink.call()?;
        open.0.lock().unwrap()[offset as usize..offset as usize + bytes.len()].copy_from_slice(bytes);
        Ok(true)
    }

    fn finish(&self, open: OpenBytes<'s>) -> Result<()> {
        self.sink.call()?;
        let bytes = std::mem::take(&mut *open.0.lock().unwrap());
        let before = self.sink.finished.lock().unwrap().insert(self.number, bytes);
        assert!(before.is_none(), "{} twice", self.number);
        Ok(())
    }

    fn fail(&self, why: &Error) -> Result<()> {
        self.sink.call()?;
        let before = self.sink.failed.lock().unwrap().insert(self.number, why.to_string());
        assert!(before.is_none(), "{} twice", self.number);
        Ok(())
    }
}

/// Contents of every shape in a tar of 100,000 bytes.
fn shapes(raw: &[u8]) -> Vec<(u64, Content)> {
    vec![
        content(raw, 0, 10, &[]),
        content(raw, 5, 70_000, &[]),
        content(raw, 90_000, 10_000, &[]),
        content(raw, 1000, 0, &[]),
        content(raw, 1000, 5000, &[(0, 5000)]),
        content(raw, 20_000, 60_000, &[(0, 100), (2000, 30_000), (59_000, 1000)]),
        content(raw, 20_000, 60_000, &[(10, 59_980)]),
        content(raw, 5, 70_000, &[]),
        content(raw, 99_999, 1, &[]),
        content(raw, 100_000, 0, &[]),
    ]
}

#[test]
fn contents_of_every_shape_are_whole_in_frames_of_every_length() {
    let raw = noise(100_000, 1);
    let contents = shapes(&raw);
    for length in [100, 1000, 4096, 33_333, 100_000] {
        let made = Made::of(&raw, length, &[]);
        for threads in [1, 2, 7] {
            let sink = Recorder::new(&contents);
            made.unpack(&contents, threads, &sink).unwrap();
            assert!(sink.failed().is_empty());
            let finished = sink.finished.into_inner().unwrap();
            assert_eq!(finished.len(), contents.len());
            for (number, bytes) in finished {
                assert!(bytes == expected(&raw, &contents[number]), "{number}, frames of {length}, {threads} threads");
            }
        }
    }
}

#[test]
fn a_needed_frame_is_read_once_and_one_that_is_not_needed_never() {
    // Longer than the tail that is read when a bundle is opened.
    let raw = noise(1_000_000, 2);
    let made = Made::of(&raw, 10_000, &[]);
    // Frames 0 to 9, 0 to 3 again, and 50.
    let contents = [
        content(&raw, 0, 100_000, &[]),
        content(&raw, 39_999, 1, &[]),
        content(&raw, 35_000, 100, &[]),
        content(&raw, 400_000, 200_000, &[(0, 100_000), (110_000, 90_000)]),
    ];
    let sink = Recorder::new(&contents);
    made.unpack(&contents, 2, &sink).unwrap();
    assert_eq!(sink.finished(), [0, 1, 2, 3]);
    assert_eq!(made.reads.load(Ordering::Relaxed), 11);
}

#[test]
fn a_damaged_frame_costs_the_contents_whose_bytes_were_hit_and_no_others() {
    let raw = noise(100_000, 3);
    for threads in [1, 4] {
        let made = Made::of(&raw, 10_000, &[2, 3]);
        let contents = [
            content(&raw, 0, 20_000, &[]),
            content(&raw, 15_000, 50_000, &[]),
            content(&raw, 15_000, 50_000, &[(5000, 20_000)]),
            content(&raw, 24_950, 100, &[]),
            content(&raw, 40_000, 60_000, &[]),
            content(&raw, 30_000, 20_000, &[]),
            // In a damaged frame, and not hit.
            content(&raw, 20_000, 4000, &[]),
            content(&raw, 26_000, 8000, &[]),
        ];
        let sink = Recorder::new(&contents);
        made.unpack(&contents, threads, &sink).unwrap();
        assert_eq!((sink.finished(), sink.failed()), (vec![0, 2, 4, 6, 7], vec![1, 3, 5]));
        assert_eq!(sink.open.load(Ordering::Relaxed), 0);
        let said = sink.failed.into_inner().unwrap();
        assert!(said.values().all(|why| why.contains("000001-19700101T000000Z.tar.zst")), "{said:?}");
    }
}

#[test]
fn wrong_bytes_are_never_finished_and_small_ones_not_even_begun() {
    let raw = noise(100_000, 4);
    let made = Made::of(&raw, 10_000, &[]);
    let mut contents = [content(&raw, 0, 100, &[]), content(&raw, 0, 50_000, &[]), content(&raw, 7, 100, &[(0, 100)])];
    for (_, content) in &mut contents {
        content.hash.0[31] ^= 1;
    }
    let sink = Recorder::new(&contents);
    made.unpack(&contents, 2, &sink).unwrap();
    assert_eq!((sink.finished(), sink.failed()), (vec![], vec![0, 1, 2]));
    assert_eq!((sink.begun.load(Ordering::Relaxed), sink.open.load(Ordering::Relaxed)), (1, 0));
}

#[test]
fn lies_of_the_index_cost_the_contents_they_are_about() {
    let raw = noise(50_000, 5);
    let made = Made::of(&raw, 10_000, &[]);
    let tar_bytes = made.bundle.table().raw_bytes();
    let right = content(&raw, 0, 30_000, &[(100, 100), (300, 29_000)]);
    let mut contents = vec![right.clone(); 5];
    contents[1].1.place.offset = u64::MAX;
    contents[2].1.place.offset = tar_bytes - 29_999;
    contents[3].0 = u64::MAX;
    contents[4].1.place.bundle.number = 2.into();
    // Nothing of these lies is believed long enough to make room for it.
    let mut sink = Recorder::new(&contents);
    sink.sizes[3] = 0;
    made.unpack(&contents, 2, &sink).unwrap();
    assert_eq!((sink.finished(), sink.failed()), (vec![0], (1..5).collect()));
    assert_eq!(sink.finished.into_inner().unwrap()[&0], expected(&raw, &right));
}

#[test]
fn a_hole_of_a_tebibyte_costs_nothing() {
    let frame = |bytes: &[u8]| {
        let mut stored = Vec::new();
        let frame = Compressor::new(Effort::Level(1)).unwrap().append_frame(bytes, &mut stored).unwrap();
        (stored, frame)
    };
    let raw_bytes = crate::format::frames::FRAME_BYTES_MAX as u32;
    let count = (1u64 << 40).div_ceil(u64::from(raw_bytes));
    let mut frames = vec![frame(b"first")];
    // Not even frames: who reads one notices.
    frames.extend((0..count).map(|_| (vec![0], Frame { stored_bytes: 1, raw_bytes })));
    frames.push(frame(b"last"));
    let made = Made::new(&frames);
    let length = count * u64::from(raw_bytes);
    let content = Content {
        hash: Hash::of(b"firstlast"),
        place: Place { bundle: ID, offset: HEADER_BYTES },
        holes: Holes::from_pairs(&[(5, length)], length + 9).unwrap(),
        patch: None,
        torn: false,
    };
    let pieces = Arc::new(Pieces { entry: entry(&(length + 9, content)), pieces: Mutex::default() });
    unpack(&made.contents(), 2, |unpacker| unpacker.feed(vec![pieces.clone()])).unwrap();
    let mut pieces = pieces.pieces.lock().unwrap().clone();
    pieces.sort();
    assert_eq!(pieces, [(0, b"first".to_vec()), (length + 5, b"last".to_vec())]);
}

/// Keeps the pieces as they come.
struct Pieces {
    entry: Entry,
    pieces: Mutex<Vec<(u64, Vec<u8>)>>,
}

impl Target for Pieces {
    type Open = ();

    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn look(&self) -> Result<bool> {
        Ok(true)
    }

    fn begin(&self) -> Result<Option<()>> {
        Ok(Some(()))
    }

    fn write(&self, (): &(), offset: u64, bytes: &[u8]) -> Result<bool> {
        self.pieces.lock().unwrap().push((offset, bytes.to_vec()));
        Ok(true)
    }

    fn finish(&self, (): ()) -> Result<()> {
        Ok(())
    }

    fn fail(&self, why: &Error) -> Result<()> {
        panic!("{why}");
    }
}

#[test]
fn an_error_of_the_sink_at_any_call_ends_everything_and_nobody_waits_forever() {
    let raw = noise(100_000, 6);
    let contents = shapes(&raw);
    for threads in [1, 3] {
        let made = Made::of(&raw, 5000, &[9]);
        let all = Recorder::new(&contents);
        made.unpack(&contents, threads, &all).unwrap();
        for stops_at in 1..=all.calls.into_inner() {
            let sink = Recorder { stops_at, ..Recorder::new(&contents) };
            let result = made.unpack(&contents, threads, &sink);
            assert_eq!(sink.open.load(Ordering::Relaxed), 0);
            match result {
                Err(error) => assert_eq!(error.kind(), ErrorKind::Refused),
                // What is still written of a content with a damaged frame depends on who comes first.
                Ok(()) => assert!(threads > 1 && sink.calls.load(Ordering::Relaxed) < stops_at),
            }
        }
    }
}

#[test]
fn a_content_that_is_not_wanted_any_more_is_dropped_and_the_others_go_on() {
    let raw = noise(100_000, 7);
    let made = Made::of(&raw, 5000, &[]);
    let contents = [content(&raw, 0, 50_000, &[]), content(&raw, 0, 100, &[]), content(&raw, 100, 90_000, &[])];
    let sink = Recorder::new(&contents);
    let file = |(number, content)| Arc::new(Picky(Telling { sink: &sink, number, entry: entry(content) }));
    let files = contents.iter().enumerate().map(file).collect();
    unpack(&made.contents(), 3, |unpacker| unpacker.feed(files)).unwrap();
    assert_eq!((sink.finished(), sink.failed()), (vec![2], vec![]));
    assert_eq!(sink.open.load(Ordering::Relaxed), 0);
}

/// Wants nothing more of the first content after its first half, and nothing at all of the second.
struct Picky<'s>(Telling<'s>);

impl<'s> Target for Picky<'s> {
    type Open = OpenBytes<'s>;

    fn entry(&self) -> &Entry {
        &self.0.entry
    }

    fn look(&self) -> Result<bool> {
        self.0.look()
    }

    fn begin(&self) -> Result<Option<OpenBytes<'s>>> {
        if self.0.number == 1 { Ok(None) } else { self.0.begin() }
    }

    fn write(&self, open: &OpenBytes<'s>, offset: u64, bytes: &[u8]) -> Result<bool> {
        Ok(self.0.write(open, offset, bytes)? && (self.0.number != 0 || offset < 25_000))
    }

    fn finish(&self, open: OpenBytes<'s>) -> Result<()> {
        self.0.finish(open)
    }

    fn fail(&self, why: &Error) -> Result<()> {
        self.0.fail(why)
    }
}

#[test]
fn files_are_looked_at_by_the_workers_and_those_that_are_wanted_come_back() {
    let raw = noise(1000, 8);
    let made = Made::of(&raw, 1000, &[]);
    let contents = vec![content(&raw, 0, 10, &[]); 1000];
    for stops_at in [0, 1, 500] {
        let sink = Recorder { stops_at, ..Recorder::new(&contents) };
        let file = |number| Arc::new(Telling { sink: &sink, number, entry: entry(&contents[number]) });
        let files: Vec<_> = (0..contents.len()).map(file).collect();
        let looked = unpack(&made.contents(), 3, |unpacker| {
            let wanted = unpacker.look(files);
            assert!(wanted.iter().all(|file| file.number.is_multiple_of(2)));
            assert!(wanted.len() == 500 || stops_at > 0);
            unpacker.feed(wanted)
        });
        assert_eq!((looked.is_ok(), sink.finished().len()), if stops_at == 0 { (true, 500) } else { (false, 0) });
    }
}

#[test]
fn a_reader_gives_any_part_of_a_content_and_never_one_that_is_not_sound() {
    let raw = noise(100_000, 9);
    let contents = shapes(&raw);
    let reader = |made: &Made, check| {
        let handle = Contents::of_bundles(Arc::new(MemoryStore::new()), [], check, Advice::PlugInAndRestoreAgain);
        handle.0.open.lock().push_back((ID, made.bundle.clone()));
        handle.reader()
    };
    let made = Made::of(&raw, 7000, &[]);
    let mut sound = reader(&made, ContentCheck::Checksum);
    for one in &contents {
        let expected = expected(&raw, one);
        assert!(sound.read(&entry(one)).unwrap() == expected);
        for end in (0..=expected.len()).rev().step_by(6000) {
            let start = end.saturating_sub(6000);
            let range = start as u64..end as u64;
            assert!(sound.in_order(&entry(one), range).unwrap() == &expected[start..end], "{start}");
        }
        for start in (0..expected.len()).step_by(9999) {
            let mut part = vec![1; (expected.len() - start).min(15_000)];
            sound.read_at(&entry(one), start as u64, &mut part).unwrap();
            assert!(part == expected[start..start + part.len()]);
        }
    }
    let made = Made::of(&raw, 10_000, &[2]);
    let mut damaged = reader(&made, ContentCheck::Checksum);
    let hit = entry(&content(&raw, 15_000, 30_000, &[]));
    assert!(damaged.read(&hit).is_err_and(|error| error.is_damage()));
    damaged.read_at(&hit, 0, &mut [0; 5000]).unwrap();
    assert!(damaged.read_at(&hit, 0, &mut [0; 5001]).is_err_and(|error| error.is_damage()));
    damaged.read_at(&hit, 15_000, &mut [0; 15_000]).unwrap();
    assert!(damaged.read(&entry(&content(&raw, 20_000, 4000, &[]))).unwrap() == raw[20_000..24_000]);
}
