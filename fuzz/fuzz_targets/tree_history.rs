//! Any edits of a small tree, with snapshots in between: every snapshot is what the tree was then, by the index, by the
//! manifests alone, and restored.
#![no_main]

use libfuzzer_sys::arbitrary::Result;
use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use snap::archive::Archive;
use snap::create::CreateOptions;
use snap::create::Level;
use snap::create::SourceSpec;
use snap::create::create;
use snap::entry::Kind;
use snap::history;
use snap::history::LsOptions;
use snap::id::ArchiveId;
use snap::id::Number;
use snap::monitor::Recorder;
use snap::restore::RestoreOptions;
use snap::restore::restore;
use snap::store::MemoryStore;
use snap::store::Store;
use snap::time::Time;
use snap_fuzz::trees;
use snap_fuzz::trees::Seen;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::UNIX_EPOCH;

const SNAPSHOTS_MAX: usize = 5;
const NAMES: [&[u8]; 8] = [b"a", b"b", b"a.b", b"a-b", b"\xff", "é".as_bytes(), b"-x\n", &[b'l'; 130]];
const SIZES: [usize; 5] = [0, 1, 513, 5000, 70_000];

type Tree = BTreeMap<Vec<u8>, Seen>;

fuzz_target!(|input: &[u8]| {
    let work = trees::scratch();
    let source = work.path().join("s");
    fs::create_dir(&source).unwrap();
    let store = MemoryStore::new();
    let archive = Archive::init_store(Arc::new(store.clone()), ArchiveId([7; 16]), Time::default()).unwrap();
    let mut model: BTreeMap<Number, Tree> = BTreeMap::new();
    let mut u = Unstructured::new(input);
    while !u.is_empty() && model.len() < SNAPSHOTS_MAX {
        if u.ratio(1, 5).unwrap_or(true) {
            snapshot(&archive, &source, &mut model, &mut u);
        } else if edit(&source, &mut u).is_err() {
            break;
        }
    }
    snapshot(&archive, &source, &mut model, &mut u);
    check(&archive, &model);
    for (name, _) in store.list("index").unwrap() {
        store.remove(&format!("index/{name}")).unwrap();
    }
    check(&archive, &model);
    restored(&archive, &model, work.path(), &mut u);
});

/// One edit; what cannot be done at this place is left.
fn edit(source: &Path, u: &mut Unstructured) -> Result<()> {
    let what = u.int_in_range(0..=8)?;
    let path = path(source, u)?;
    // Only this program is at work here, so that nothing comes between looking and doing.
    let metadata = fs::symlink_metadata(&path).ok();
    let is_file = metadata.as_ref().is_some_and(fs::Metadata::is_file);
    let is_directory = metadata.as_ref().is_some_and(fs::Metadata::is_dir);
    let bits = u32::from(u.arbitrary::<u8>()?);
    match what {
        0 | 1 if !is_directory && (is_file || metadata.is_none()) => {
            let size = SIZES[bits as usize % SIZES.len()];
            drop(fs::write(&path, vec![u.arbitrary::<u8>()?; size]));
        }
        2 => drop(fs::create_dir_all(&path)),
        3 if is_directory => drop(fs::remove_dir_all(&path)),
        3 => drop(fs::remove_file(&path)),
        4 => drop(fs::rename(&path, self::path(source, u)?)),
        5 => drop(std::os::unix::fs::symlink(OsStr::from_bytes(NAMES[bits as usize % NAMES.len()]), &path)),
        6 if is_file => drop(fs::hard_link(&path, self::path(source, u)?)),
        7 if is_file || is_directory => {
            drop(fs::set_permissions(&path, fs::Permissions::from_mode(0o700 | bits & 0o77)));
        }
        8 if is_file => {
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::new(u64::from(bits) << 24, bits)).unwrap();
        }
        _ => {}
    }
    Ok(())
}

fn path(source: &Path, u: &mut Unstructured) -> Result<PathBuf> {
    let mut path = source.to_owned();
    for _ in 0..u.int_in_range(1..=3)? {
        path.push(OsStr::from_bytes(u.choose(&NAMES)?));
    }
    Ok(path)
}

/// Takes a snapshot and notes what the tree is.
fn snapshot(archive: &Archive, source: &Path, model: &mut BTreeMap<Number, Tree>, u: &mut Unstructured) {
    let options = CreateOptions {
        sources: vec![SourceSpec { name: None, path: source.to_owned() }],
        allow_empty: true,
        level: Level::Fixed(1),
        time: Some(Time::new(1_700_000_000 + model.len() as i64, 0)),
        rehash: u.arbitrary().unwrap_or_default(),
        part_bytes_max: if u.arbitrary().unwrap_or_default() { 4096 } else { 1 << 30 },
        threads: 1 + usize::from(u.arbitrary().unwrap_or(false)),
        ..CreateOptions::default()
    };
    let tree = trees::listing(source, None);
    let monitor = Recorder::new();
    let report = create(archive, &options, &monitor).unwrap();
    assert_eq!((report.problems, monitor.problems()), (0, Vec::new()));
    let number = match report.summary {
        Some(summary) => summary.number,
        None => report.compared_with.unwrap(),
    };
    if let Some(unchanged) = model.insert(number, tree.clone()) {
        assert_eq!(unchanged, tree, "a change was not seen");
    }
}

/// Every snapshot holds what the tree was, by path, kind, metadata and hash.
fn check(archive: &Archive, model: &BTreeMap<Number, Tree>) {
    let monitor = Recorder::new();
    let numbers: Vec<Number> = history::list(archive, &monitor).unwrap().iter().map(|summary| summary.number).collect();
    assert_eq!(numbers, model.keys().copied().collect::<Vec<_>>());
    for (number, tree) in model {
        let options = LsOptions { paths: Vec::new(), recursive: true };
        let mut left = tree.clone();
        let mut links = BTreeMap::new();
        history::ls(archive, *number, &options, &monitor, &mut |path, entry| {
            let seen = left.remove(path.split_source().1).expect("a path that was not there");
            let stat = &entry.stat;
            assert_eq!(stat.mode, seen.mode & 0o7777, "{path}");
            assert_eq!(stat.kind, kind(&seen), "{path}");
            assert_eq!(stat.size, seen.size, "{path}");
            assert_eq!((stat.mtime.seconds, i64::from(stat.mtime.nanos)), seen.mtime, "{path}");
            assert_eq!(entry.target, seen.target, "{path}");
            assert_eq!(entry.content.as_ref().map(|content| content.hash), seen.hash, "{path}");
            if stat.kind != Kind::Directory {
                assert_eq!(stat.link != 0, seen.inode.1 > 1, "{path}");
                if stat.link != 0 {
                    assert_eq!(*links.entry(stat.link).or_insert(seen.inode.0), seen.inode.0, "{path}");
                }
            }
            Ok(())
        })
        .unwrap();
        assert!(left.is_empty(), "missing in snapshot {number}: {:?}", left.keys());
    }
}

fn kind(seen: &Seen) -> Kind {
    match seen.mode & 0o170_000 {
        0o040_000 => Kind::Directory,
        0o120_000 => Kind::Symlink,
        0o100_000 => Kind::File,
        other => panic!("nothing here makes {other:o}"),
    }
}

/// One of the snapshots, restored over another, is equal to what the tree was.
fn restored(archive: &Archive, model: &BTreeMap<Number, Tree>, work: &Path, u: &mut Unstructured) {
    let numbers: Vec<Number> = model.keys().copied().collect();
    let first = *u.choose(&numbers).unwrap_or(&numbers[0]);
    for at in [first, numbers[numbers.len() - 1]] {
        let options = RestoreOptions {
            target: work.join("r"),
            at,
            overwrite: true,
            delete: true,
            threads: 2,
            ..RestoreOptions::default()
        };
        let monitor = Recorder::new();
        restore(archive, &options, &monitor).unwrap();
        assert_eq!(monitor.problems(), []);
        let mut was = model[&at].clone();
        let mut is = trees::listing(&work.join("r/s"), None);
        let (was_links, is_links) = (links(&was), links(&is));
        assert_eq!(is_links, was_links);
        for seen in was.values_mut().chain(is.values_mut()) {
            (seen.inode, seen.ctime) = ((0, 0), (0, 0));
        }
        assert_eq!(is, was);
    }
}

/// Names of one file, together.
fn links(tree: &Tree) -> Vec<Vec<&[u8]>> {
    let mut by_inode: BTreeMap<u64, Vec<&[u8]>> = BTreeMap::new();
    for (path, seen) in tree.iter().filter(|(_, seen)| kind(seen) != Kind::Directory) {
        by_inode.entry(seen.inode.0).or_default().push(path);
    }
    let mut links: Vec<Vec<&[u8]>> = by_inode.into_values().collect();
    links.sort();
    links
}
