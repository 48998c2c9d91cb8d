//! The four loops in which the time goes: scan, diff, pack, unpack, each alone. `cargo bench`; nothing asserts on the figures.

#![allow(clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::BytesCount;
use divan::counter::ItemsCount;
use snap_archive::archive::unpack::Sink;
use snap_archive::archive::unpack::Wanted;
use snap_archive::archive::unpack::unpack;
use snap_archive::base::diff;
use snap_archive::base::diff::Rehash;
use snap_archive::base::diff::Verdict;
use snap_archive::base::entry::Content;
use snap_archive::base::entry::Kind;
use snap_archive::base::entry::Place;
use snap_archive::base::entry::Stat;
use snap_archive::base::error::Error;
use snap_archive::base::error::Result;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::id::BundleId;
use snap_archive::base::id::BundleName;
use snap_archive::base::id::Hash;
use snap_archive::base::snapshot::Rules;
use snap_archive::base::time::Time;
use snap_archive::format::bundle::Bundle;
use snap_archive::format::bundle::BundleWriter;
use snap_archive::format::frames::Compressor;
use snap_archive::format::frames::Effort;
use snap_archive::format::manifest::Head;
use snap_archive::format::manifest::Tail;
use snap_archive::system::scan::ScanOptions;
use snap_archive::system::scan::Source;
use snap_archive::system::scan::scan;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::pack::Context;
use snap_archive::verbs::pack::GroupJob;
use snap_archive::verbs::pack::Header;
use snap_archive::verbs::pack::Item;
use snap_archive::verbs::pack::Job;
use snap_archive::verbs::pack::JobDirectory;
use snap_archive::verbs::pack::Packer;
use snap_archive::verbs::pack::Step;
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
    let options = ScanOptions { threads: helpers, skip: None, clock: &Time::now };
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

#[divan::bench(args = [0, 1, 2, 3, 4])]
fn packing(bencher: Bencher, step: usize) {
    let top = tree();
    let sources = [Source::open("s", top.path(), &Rules::default()).unwrap()];
    let mut jobs = Vec::new();
    scan(&sources, &ScanOptions { threads: 0, skip: None, clock: &Time::now }, &mut |listing| {
        jobs.push(listing);
        Ok(())
    })
    .unwrap();
    let effort = move || Effort::Step(step);
    let context = Context {
        sources: &sources,
        effort: &effort,
        bundle_name: &|_| None,
        clock: &Time::now,
        dry_run: false,
        is_stopped: &|| false,
    };
    let mut packer = Packer::new(context).unwrap();
    let job = || {
        let mut job = GroupJob::default();
        for listing in &jobs {
            let header = Header::Always(None);
            job.directories.push(JobDirectory { source: 0, path: listing.path.clone(), stat: Stat::default(), header });
            for found in listing.found.iter().filter(|found| found.stat.kind == Kind::File) {
                let item = Item {
                    directory: job.directories.len() - 1,
                    name: listing.name(found).into(),
                    stat: found.stat,
                    may_have_holes: false,
                    before: None,
                    verdict: Verdict::Changed,
                    link: None,
                };
                job.push(Step::Item(item), found.stat.size);
            }
        }
        Job::Group(job)
    };
    bencher
        .counter(BytesCount::new(FILES * FILE_BYTES))
        .with_inputs(job)
        .bench_local_values(|job| packer.pack(job, Vec::new()).unwrap().stored.len());
}

/// Counts what it is given.
struct Nowhere;

impl Sink for Nowhere {
    type Open = ();

    fn begin(&self, _: usize) -> Result<Option<()>> {
        Ok(Some(()))
    }

    fn write(&self, _: usize, (): &(), _: u64, bytes: &[u8]) -> Result<bool> {
        Ok(!divan::black_box(bytes).is_empty())
    }

    fn finish(&self, _: usize, (): ()) -> Result<()> {
        Ok(())
    }

    fn fail(&self, _: usize, why: &Error) -> Result<()> {
        Err(Error::damaged(why.to_string()))
    }
}

#[divan::bench(args = [1, 2])]
fn unpacking(bencher: Bencher, threads: usize) {
    let id = BundleId { number: 1, part: 0 };
    let name = BundleName::new(id, Time::new(0, 0)).unwrap();
    let head = Head {
        archive: ArchiveId([1; 16]),
        id,
        time: Time::new(0, 0),
        parent: None,
        sources: Vec::new(),
        note: String::new(),
        stands_for: None,
        uncertain_until: 0,
    };
    let store = MemoryStore::new();
    let mut writer = BundleWriter::new(store.create("b").unwrap(), head, 3).unwrap();
    let mut compressor = Compressor::new(Effort::Level(3)).unwrap();
    let raw: Vec<u8> = (0..FILES * 4).flat_map(text).collect();
    let mut contents = Vec::new();
    for frame in raw.chunks(FILES * FILE_BYTES) {
        let mut stored = Vec::new();
        let made = compressor.append_frame(frame, &mut stored).unwrap();
        for file in frame.chunks(FILE_BYTES) {
            let offset = (contents.len() * FILE_BYTES) as u64;
            contents.push(Content {
                hash: Hash::of(file),
                place: Place { bundle: id, offset },
                holes: Vec::new(),
                torn: false,
            });
        }
        writer.append_frames(&stored, &[made]).unwrap();
    }
    writer.publish(Tail::default()).unwrap();
    let bundle = Arc::new(Bundle::open(&name, store.open("b").unwrap()).unwrap());
    let wanted: Vec<Wanted> = contents.iter().map(|content| Wanted { size: FILE_BYTES as u64, content }).collect();
    bencher
        .counter(BytesCount::new(raw.len()))
        .bench_local(|| unpack(&wanted, &|_| Ok(bundle.clone()), threads, &Nowhere).unwrap());
}
