//! Tests of states.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::base::error::Error;
use crate::base::id::Hash;
use crate::format::index::IndexHead;
use crate::format::index::IndexWriter;
use crate::system::store::Blob;
use crate::system::store::MemoryStore;
use crate::system::store::Store;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

type Rows = BTreeMap<(EntryPathBuf, Vec<u8>), Option<u64>>;

fn layer(number: SnapshotNumber, rows: &Rows) -> Arc<IndexFile> {
    let store = MemoryStore::new();
    let mut writer = IndexWriter::new(store.create("i").unwrap()).unwrap();
    for ((directory, name), size) in rows {
        let entry = size.map(|size| {
            let mut entry = Entry::default();
            (entry.stat.size, entry.stat.kind) = (size, kind(size));
            entry
        });
        writer.push(directory.as_bytes(), name, entry.as_ref()).unwrap();
    }
    writer.publish("i", &IndexHead { number, ..IndexHead::default() }).unwrap();
    Arc::new(IndexFile::open(store.open("i").unwrap()).unwrap())
}

/// Every third entry is a directory.
fn kind(size: u64) -> Kind {
    if size.is_multiple_of(3) { Kind::Directory } else { Kind::Fifo }
}

fn path(text: &str) -> EntryPathBuf {
    EntryPathBuf::from_bytes(text.as_bytes()).unwrap()
}

/// The plainest way to say what a chain of layers means.
fn model(layers: &[Rows]) -> Rows {
    let mut all = Rows::new();
    for rows in layers {
        all.extend(rows.clone());
    }
    all.retain(|_, size| size.is_some());
    all
}

fn walked(state: &State, top: &EntryPath) -> Rows {
    walked_in_pieces(state, top, u32::MAX)
}

fn walked_in_pieces(state: &State, top: &EntryPath, rows_max: u32) -> Rows {
    let mut rows = Rows::new();
    for group in (Groups { piece_rows_max: rows_max, ..state.groups(top) }) {
        let group = group.unwrap();
        let rows_max = rows_max.min(4096) as usize * state.layers.len();
        assert!((1..=rows_max).contains(&group.rows.len()), "{} rows", group.rows.len());
        for row in &group.rows {
            let key = (group.path.clone(), row.name().to_vec());
            assert!(rows.last_key_value().is_none_or(|(last, _)| *last < key), "not in the order of a walk");
            rows.insert(key, Some(row.stat().unwrap().size));
        }
    }
    rows
}

/// Four layers, oldest first, with this many different names in each of these directories, and their state.
fn random_layers(directories: &[EntryPathBuf], names: u64) -> (Vec<Rows>, State) {
    let mut seed = 1u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let layers: Vec<Rows> = (0..4)
        .map(|_| {
            let keys = (0..names * 4).map(|_| {
                let directory = directories[random(directories.len() as u64) as usize].clone();
                (directory, format!("{}", random(names)).into_bytes())
            });
            let keys: Vec<_> = keys.collect();
            keys.into_iter().map(|key| (key, (random(3) > 0).then(|| random(1000)))).collect()
        })
        .collect();
    let files = layers.iter().enumerate().rev().map(|(n, rows)| layer((n as u32 + 1).into(), rows)).collect();
    (layers, State::new(files))
}

#[test]
fn pieces_of_any_size_say_together_what_the_whole_directory_holds() {
    let directories = ["", "a", "a/b", "z"].map(path);
    for names in [1, 2, 40, 6000] {
        let (layers, state) = random_layers(&directories, names);
        let expected = model(&layers);
        for rows_max in [1, 2, 3, 50, 4095, 4096, u32::MAX] {
            assert_eq!(walked_in_pieces(&state, EntryPath::root(), rows_max), expected, "{rows_max} rows");
        }
        for directory in &directories {
            let pieces = state.in_directory(directory).flat_map(|piece| piece.unwrap().rows);
            let found: Vec<Vec<u8>> = pieces.map(|row| row.name().to_vec()).collect();
            let own = expected.keys().filter(|(path, _)| path == directory);
            assert_eq!(found, own.map(|(_, name)| name.clone()).collect::<Vec<_>>(), "{directory}");
        }
    }
}

#[test]
fn directories_are_given_out_in_the_order_of_a_walk_however_many_there_are() {
    let directories = ["", "3", "3/7", "3/7/7", "30", "9"].map(path);
    for names in [12, 6000] {
        let (layers, state) = random_layers(&directories, names);
        let is_directory = |size: &Option<u64>| size.is_some_and(|size| kind(size) == Kind::Directory);
        let rows = model(&layers).into_iter().filter(|(_, size)| is_directory(size));
        let all: Vec<EntryPathBuf> = rows.filter_map(|((directory, name), _)| directory.child(&name)).collect();
        // What is below something else than a directory is not come to.
        let is_reached = |path: &EntryPath, below: &EntryPath| {
            let mut above = path.parent().filter(|above| *above != below);
            while let Some(directory) = above.filter(|above| !above.is_root()) {
                if !all.iter().any(|path| **path == *directory) {
                    return false;
                }
                above = directory.parent().filter(|above| *above != below);
            }
            true
        };
        for top in &directories {
            let below = all.iter().filter(|path| path.is_in(top) && *path != top && is_reached(path, top));
            let mut expected: Vec<EntryPathBuf> = below.cloned().collect();
            expected.sort();
            let found: Vec<EntryPathBuf> = state.directories(top).map(Result::unwrap).collect();
            assert_eq!(found, expected, "{top}");
            let mut skipping = state.directories(top);
            let mut found = Vec::new();
            while let Some(directory) = skipping.next() {
                found.push(directory.unwrap());
                skipping.skip_below();
            }
            expected.retain(|path| path.parent() == Some(top));
            assert_eq!(found, expected, "in {top} only");
        }
    }
}

#[test]
fn a_chain_of_layers_is_walked_and_searched_like_a_plain_map() {
    let directories = ["", "a", "a/b", "a-b", "a/b/c", "z"].map(path);
    for names in [1, 5, 3000] {
        let (layers, state) = random_layers(&directories, names);
        let expected = model(&layers);
        assert_eq!(walked(&state, EntryPath::root()), expected);
        for top in &directories {
            let part = expected.iter().filter(|((directory, _), _)| directory.is_in(top));
            assert_eq!(walked(&state, top), part.map(|(k, v)| (k.clone(), *v)).collect(), "{top}");
        }
        for key in layers.iter().flat_map(Rows::keys).take(500) {
            let found = state.find(&key.0.child(&key.1).unwrap()).unwrap();
            assert_eq!(found.map(|entry| entry.stat.size), expected.get(key).copied().flatten());
        }
    }
}

/// A file that cannot be read once.
struct FailsOnce(Box<dyn Blob>, Arc<AtomicBool>);

impl Blob for FailsOnce {
    fn length(&self) -> u64 {
        self.0.length()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        if self.1.swap(false, std::sync::atomic::Ordering::SeqCst) {
            return Err(std::io::Error::other("the drive coughs")).map_err(|error| Error::io("cannot read", error));
        }
        self.0.read_at(offset, buffer)
    }
}

#[test]
fn a_block_that_cannot_be_read_at_first_is_told_and_never_taken_for_an_empty_state() {
    let store = MemoryStore::new();
    let mut writer = IndexWriter::new(store.create("i").unwrap()).unwrap();
    for directory in ["", "a"] {
        writer.push(directory.as_bytes(), b"x", Some(&Entry::default())).unwrap();
    }
    // So many that the file is not read as a whole, and the first block not with the table.
    let mut names: Vec<String> = (0..24_000u32).map(|number| Hash::of(&number.to_le_bytes()).to_string()).collect();
    names.sort();
    for name in &names {
        writer.push(b"z", name.as_bytes(), Some(&Entry::default())).unwrap();
    }
    writer.publish("i", &IndexHead { number: 1.into(), ..IndexHead::default() }).unwrap();
    let fails = Arc::new(AtomicBool::new(false));
    let file = IndexFile::open(Box::new(FailsOnce(store.open("i").unwrap(), fails.clone()))).unwrap();
    fails.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut groups = State::new(vec![Arc::new(file)]).groups(&path("z"));
    let first = groups.next().expect("there is something in z");
    assert!(first.is_err_and(|error| error.to_string().contains("coughs")));
    assert_eq!(groups.next().unwrap().unwrap().path, path("z"));
}

#[test]
fn an_empty_state_has_nothing() {
    let state = State::new(vec![layer(1.into(), &Rows::new())]);
    assert_eq!(walked(&state, EntryPath::root()), Rows::new());
    assert!(state.find(&path("a")).unwrap().is_none());
}
