//! Random histories, each replayed by the program and by a plain map of paths: states, rows of index files and differences.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::archive::open::bundle_path;
use crate::archive::replay::Difference;
use crate::archive::replay::IndexRow;
use crate::archive::replay::differences;
use crate::archive::replay::differences_below;
use crate::archive::replay::rows;
use crate::archive::state::Rows;
use crate::base::entry::Content;
use crate::base::entry::Entry;
use crate::base::entry::Kind;
use crate::base::entry::Place;
use crate::base::id::ArchiveId;
use crate::base::id::Hash;
use crate::base::monitor::Recorder;
use crate::base::path::EntryPath;
use crate::base::path::EntryPathBuf;
use crate::base::time::Time;
use crate::format::bundle::BundleWriter;
use crate::format::manifest::DraftLine;
use crate::format::manifest::Head;
use crate::format::manifest::Tail;
use crate::system::store::MemoryStore;
use std::collections::BTreeSet;

pub type Model = BTreeMap<EntryPathBuf, Entry>;

pub const NUMBERS: u32 = 23;

/// Numbers that look random and are the same each time.
struct Random(Hash);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = Hash::of(&self.0.0);
        u64::from_le_bytes(self.0.0[..8].try_into().unwrap()) % end
    }
}

/// An archive, and what must be in it.
pub struct Story {
    pub archive: Archive,
    random: Random,
    /// The state at each number, the empty one first.
    pub models: Vec<Model>,
    /// The paths that have a line at each number.
    touched: Vec<BTreeSet<EntryPathBuf>>,
}

impl Story {
    pub fn new(seed: u8) -> Story {
        let store = Arc::new(MemoryStore::new());
        let archive = Archive::init_store(store, ArchiveId([7; 16]), Time::new(0, 0)).unwrap();
        let (models, touched) = (vec![Model::new()], vec![BTreeSet::new()]);
        Story { archive, random: Random(Hash::of(&[seed])), models, touched }
    }

    fn paths(&mut self) -> Vec<EntryPathBuf> {
        let directories = ["", "a", "a/z", "a-b", "b"];
        let all = directories.iter().flat_map(|directory| {
            (0..6).map(move |n| EntryPathBuf::from_bytes(&crate::base::path::joined(directory.as_bytes(), &[b'k' + n])))
        });
        let mut some: Vec<EntryPathBuf> = all.flatten().filter(|_| self.random.below(4) == 0).collect();
        some.sort_by(|a, b| a.row_order(b));
        some
    }

    /// Adds the bundles of the next number: three parts at most, the last of which may be missing.
    pub fn add_number(&mut self) {
        let number = SnapshotNumber::from(self.models.len() as u32);
        let paths = self.paths();
        let mut model = self.models.last().unwrap().clone();
        let is_finished = number == NUMBERS || self.random.below(5) > 0;
        let parts = 1 + self.random.below(3) as usize;
        let mut shares: Vec<&[EntryPathBuf]> = paths.chunks(paths.len().div_ceil(parts).max(1)).collect();
        if shares.is_empty() {
            shares.push(&[]);
        }
        for (at, share) in shares.iter().enumerate() {
            let is_last = at + 1 == shares.len();
            let part = if is_last && is_finished { 0 } else { at as u16 + 1 };
            self.add_bundle(BundleId { number, part }, share, &mut model);
        }
        self.models.push(model);
        self.touched.push(paths.into_iter().collect());
    }

    fn add_bundle(&mut self, id: BundleId, paths: &[EntryPathBuf], model: &mut Model) {
        let (monitor, time) = (Recorder::new(), Time::new(i64::from(id.number.get()) * 1000, 0));
        let parent = self.archive.catalog_for_writing(&monitor).unwrap().parent().unwrap();
        let head = Head { parent, ..Head::new(self.archive.id(), id, time) };
        let name = BundleName::new(id, time).unwrap();
        let upload = self.archive.store().create(&bundle_path(&name)).unwrap();
        let mut writer = BundleWriter::new(upload, head, 3).unwrap();
        for path in paths {
            let line = self.line(id, path, model);
            writer.push_line(&line).unwrap();
        }
        writer.publish(&bundle_path(&name), Tail::default()).unwrap();
    }

    /// A line for a path, and what it makes of the model.
    fn line(&mut self, id: BundleId, path: &EntryPath, model: &mut Model) -> Vec<u8> {
        let mut line = Vec::new();
        let mut entry = Entry::default();
        entry.stat.kind = Kind::File;
        entry.stat.mode = self.random.below(0o1000) as u32;
        entry.stat.size = 1 + self.random.below(9);
        match (self.random.below(3), model.get(path)) {
            (0, Some(_)) => {
                model.remove(path);
                DraftLine::gone(path, Kind::File).append_to(&mut line, None);
            }
            (1, Some(old)) => {
                (entry.stat.size, entry.content) = (old.stat.size, old.content.clone());
                let bundle = old.content.as_ref().unwrap().place.bundle;
                DraftLine::entry(path, &entry, Some(bundle)).append_to(&mut line, None);
                model.insert(path.to_owned(), entry);
            }
            _ => {
                let offset = 512 * (1 + self.random.below(1000));
                let place = Place { bundle: id, offset };
                let hash = Hash::of(&offset.to_le_bytes());
                entry.content = Some(Content { hash, place, ..Content::default() });
                DraftLine::entry(path, &entry, None).append_to(&mut line, Some(offset));
                model.insert(path.to_owned(), entry);
            }
        }
        line
    }
}

/// All rows of a state, in their order.
fn rows_of(state: &State) -> Vec<IndexRow> {
    let mut rows = Rows::new(state.groups(EntryPath::root()));
    let mut all = Vec::new();
    while let Some(row) = rows.take().unwrap() {
        all.push(IndexRow::of(row).unwrap());
    }
    all
}

fn in_row_order(model: impl IntoIterator<Item = (EntryPathBuf, Option<Entry>)>) -> Vec<IndexRow> {
    let mut all: Vec<IndexRow> = model.into_iter().map(|(path, entry)| IndexRow { path, entry }).collect();
    all.sort_by(|a, b| a.path.row_order(&b.path));
    all
}

fn whole(model: &Model) -> Vec<IndexRow> {
    in_row_order(model.iter().map(|(path, entry)| (path.clone(), Some(entry.clone()))))
}

fn check_rows(story: &Story, catalog: &Catalog, number: u32) {
    let before = catalog.state((number - 1).into()).unwrap();
    let model = &story.models[number as usize];
    for from in before.layers().iter().map(|file| file.head().number).chain([SnapshotNumber::NONE]) {
        let files: Vec<BundleFile> = catalog.between((number - 1).into(), number.into()).cloned().collect();
        let changes = Changes::open(&story.archive, files).unwrap();
        let made: Result<Vec<IndexRow>> = rows(&before, from, changes, NotFound::Contradiction).unwrap().collect();
        let expected = if from == 0 {
            whole(model)
        } else {
            let touched: BTreeSet<&EntryPathBuf> =
                story.touched[from.get() as usize + 1..=number as usize].iter().flatten().collect();
            in_row_order(touched.into_iter().map(|path| (path.clone(), model.get(path).cloned())))
        };
        assert_eq!(made.unwrap(), expected, "{number} from {from}");
    }
}

fn check_differences(story: &Story, states: &[State], old: usize, new: usize) {
    let found: Result<Vec<Difference>> = differences(&states[old], &states[new]).collect();
    let (a, b) = (&story.models[old], &story.models[new]);
    let paths: BTreeSet<&EntryPathBuf> = a.keys().chain(b.keys()).filter(|path| a.get(*path) != b.get(*path)).collect();
    let mut expected: Vec<Difference> = paths
        .into_iter()
        .map(|path| Difference { path: path.clone(), old: a.get(path).cloned(), new: b.get(path).cloned() })
        .collect();
    expected.sort_by(|a, b| a.path.row_order(&b.path));
    assert_eq!(found.unwrap(), expected, "{old} {new}");
}

/// The differences in a directory and below it are those of all that stand there.
fn check_differences_below(story: &Story, states: &[State], old: usize, new: usize) {
    for top in ["a", "a/z", "b", "nowhere"] {
        let top = EntryPathBuf::from_bytes(top.as_bytes()).unwrap();
        let found: Vec<Difference> = differences_below(&states[old], &states[new], &top).map(Result::unwrap).collect();
        let all = differences(&states[old], &states[new]).map(Result::unwrap);
        let below = |path: &EntryPath| path.is_in(&top) && *path != *top;
        let expected: Vec<Difference> = all.filter(|difference| below(&difference.path)).collect();
        assert_eq!(found, expected, "{top}, {old} {new}, {:?}", story.archive.id());
    }
}

#[test]
fn every_state_and_every_index_file_is_what_a_plain_map_of_paths_says() {
    for seed in 0..12 {
        let mut story = Story::new(seed);
        (0..NUMBERS).for_each(|_| story.add_number());
        let monitor = Recorder::new();
        let catalog = story.archive.catalog(&monitor).unwrap();
        let states: Vec<State> = (0..=NUMBERS).map(|number| catalog.state(number.into()).unwrap()).collect();
        for (state, model) in states.iter().zip(&story.models) {
            assert_eq!(rows_of(state), whole(model), "seed {seed}");
        }
        (1..=NUMBERS).for_each(|number| check_rows(&story, &catalog, number));
        for old in 0..states.len() {
            check_differences(&story, &states, old, (old * 7 + usize::from(seed)) % states.len());
            check_differences(&story, &states, old, (old + 1) % states.len());
            check_differences_below(&story, &states, old, (old + 1) % states.len());
        }
        assert!(states.iter().any(|state| state.layers().len() > 2), "chains are walked");
        // Made at once from the bundles, the state is the same.
        for (name, _) in story.archive.store().list(INDEX).unwrap() {
            story.archive.store().remove(&format!("{INDEX}/{name}")).unwrap();
        }
        let again = story.archive.catalog(&monitor).unwrap().state(NUMBERS.into()).unwrap();
        assert_eq!(rows_of(&again), whole(&story.models[NUMBERS as usize]), "seed {seed}");
    }
}
