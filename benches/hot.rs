//! The four loops in which the time goes: scan, diff, pack, unpack, each alone. `cargo bench`; nothing asserts on the figures.

#![allow(clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::BytesCount;
use divan::counter::ItemsCount;
use snap_archive::archive::content::ContentCheck;
use snap_archive::archive::content::Contents;
use snap_archive::archive::content::Target;
use snap_archive::archive::content::unpack;
use snap_archive::archive::open::Archive;
use snap_archive::archive::open::bundle_path;
use snap_archive::base::advice::Advice;
use snap_archive::base::diff;
use snap_archive::base::diff::Rehash;
use snap_archive::base::diff::Verdict;
use snap_archive::base::entry::Content;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::entry::Place;
use snap_archive::base::entry::Stat;
use snap_archive::base::error::Error;
use snap_archive::base::error::Result;
use snap_archive::base::holes::Holes;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::id::BundleId;
use snap_archive::base::id::BundleName;
use snap_archive::base::id::Hash;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::snapshot::Rules;
use snap_archive::base::time::Time;
use snap_archive::format::bundle::BundleWriter;
use snap_archive::format::frames::Compressor;
use snap_archive::format::frames::Effort;
use snap_archive::format::manifest::Head;
use snap_archive::format::manifest::Tail;
use snap_archive::system::scan::ScanOptions;
use snap_archive::system::scan::scan;
use snap_archive::system::source::Source;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::Level;
use snap_archive::verbs::create::SourceSpec;
use snap_archive::verbs::create::create;
use std::fs;
use std::sync::Arc;

const FILES: usize = 4000;
const FILE_BYTES: usize = 2000;

fn main() {
    divan::main();
}

/// A folder of forty folders of a hundred files, as text.
fn tree() -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    for number in 0..FILES {
        let folder = top.path().join(format!("{:02}", number / 100));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("file-{number}")), text(number)).unwrap();
    }
    top
}

fn text(number: usize) -> Vec<u8> {
    let words = (0..).flat_map(|n: usize| format!("{} ", (n * n + number) % 977).into_bytes());
    words.take(FILE_BYTES).collect()
}

#[divan::bench(args = [0, 1])]
fn scanning(bencher: Bencher, helpers: usize) {
    let top = tree();
    let sources = [Source::open("s", top.path(), &Rules::default()).unwrap()];
    let options = ScanOptions { threads: helpers, skip: Vec::new(), clock: &Time::now };
    bencher.counter(ItemsCount::new(FILES)).bench_local(|| {
        let mut entries = 0;
        scan(&sources, &options, &mut |listing| {
            entries += listing.found.len();
            Ok(())
        })
        .unwrap();
        entries
    });
}

#[divan::bench]
fn comparing(bencher: Bencher) {
    let stat = |number: u64| Stat { kind: Kind::File, size: number, inode: number, ..Stat::default() };
    let old: Vec<(u64, Stat)> = (0..100_000).map(|number| (number, stat(number))).collect();
    let new: Vec<(u64, Stat)> = (1..100_001).map(|number| (number, stat(number + number % 100 / 99))).collect();
    bencher.counter(ItemsCount::new(old.len())).bench_local(|| {
        let pairs = diff::pairs(&old, &new, |a, b| a.0.cmp(&b.0));
        let is_changed = |pair: &diff::Pair<&(u64, Stat), &(u64, Stat)>| match pair {
            diff::Pair::Both(old, new) => diff::compare(&old.1, &new.1, Rehash::No) != Verdict::Unchanged,
            _ => true,
        };
        pairs.filter(is_changed).count()
    });
}

#[divan::bench(args = [1, 3, 9])]
fn packing(bencher: Bencher, level: i32) {
    let top = tree();
    let source = SourceSpec { name: Some("s".into()), is_named: false, path: top.path().to_owned() };
    let options =
        CreateOptions { sources: vec![source], level: Level::Fixed(level), threads: 1, ..CreateOptions::default() };
    let archive = || Archive::init_store(Arc::new(MemoryStore::new()), ArchiveId([1; 16]), Time::new(0, 0)).unwrap();
    bencher
        .counter(BytesCount::new(FILES * FILE_BYTES))
        .with_inputs(archive)
        .bench_local_values(|archive| create(&archive, &options, &Recorder::new()).unwrap().bytes_written);
}

/// Counts what it is given.
struct Nowhere(Entry);

impl Target for Nowhere {
    type Open = ();

    fn entry(&self) -> &Entry {
        &self.0
    }

    fn look(&self) -> Result<bool> {
        Ok(true)
    }

    fn begin(&self) -> Result<Option<()>> {
        Ok(Some(()))
    }

    fn write(&self, (): &(), _: u64, bytes: &[u8]) -> Result<bool> {
        Ok(!divan::black_box(bytes).is_empty())
    }

    fn finish(&self, (): ()) -> Result<()> {
        Ok(())
    }

    fn fail(&self, why: &Error) -> Result<()> {
        Err(Error::damaged(why.to_string()))
    }
}

#[divan::bench(args = [1, 2])]
fn unpacking(bencher: Bencher, threads: usize) {
    let id = BundleId::new(1, 0);
    let name = BundleName::new(id, Time::new(0, 0)).unwrap();
    let head = Head {
        archive: ArchiveId([1; 16]),
        id,
        time: Time::new(0, 0),
        parent: None,
        sources: Vec::new(),
        note: String::new(),
        stands_for: None,
        uncertain_until: 0.into(),
        pruned_until: 0.into(),
        joined_from: 0.into(),
    };
    let store = MemoryStore::new();
    let mut writer = BundleWriter::new(store.create("b").unwrap(), head, 3).unwrap();
    let (mut compressor, mut stored_first) = (Compressor::new(Effort::Level(3)).unwrap(), Vec::new());
    let first = compressor.append_frame(&[0; 512], &mut stored_first).unwrap();
    writer.append_frames(&stored_first, &[first]).unwrap();
    let raw: Vec<u8> = (0..FILES * 4).flat_map(text).collect();
    let mut files = Vec::new();
    for frame in raw.chunks(FILES * FILE_BYTES) {
        let mut stored = Vec::new();
        let made = compressor.append_frame(frame, &mut stored).unwrap();
        for file in frame.chunks(FILE_BYTES) {
            let place = Place { bundle: id, offset: 512 + (files.len() * FILE_BYTES) as u64 };
            let content = Content { hash: Hash::of(file), place, holes: Holes::default(), patch: None, torn: false };
            let mut entry = Entry { content: Some(content), ..Entry::default() };
            entry.stat.size = FILE_BYTES as u64;
            files.push(Arc::new(Nowhere(entry)));
        }
        writer.append_frames(&stored, &[made]).unwrap();
    }
    writer.publish(&bundle_path(&name), Tail::default()).unwrap();
    let contents = Contents::of_bundles(Arc::new(store), [&name], ContentCheck::Hash, Advice::PlugInAndRestoreAgain);
    bencher
        .counter(BytesCount::new(raw.len()))
        .bench_local(|| unpack(&contents, threads, |unpacker| unpacker.feed(files.clone())).unwrap());
}
