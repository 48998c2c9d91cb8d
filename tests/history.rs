//! Random histories asked in every way, each answer compared with plain listings of the tree at each snapshot. Uses the library.

use crate::support::inside::Scene;
use crate::support::listing::Item;
use crate::support::listing::Listing;
use crate::support::listing::listing;
use rustix::fs::FileType;
use snap_archive::archive::catalog::Catalog;
use snap_archive::base::aspect::Aspect;
use snap_archive::base::aspect::Change;
use snap_archive::base::id::Hash;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::matcher::Matcher;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::path::EntryPathBuf;
use snap_archive::base::path::row_order;
use snap_archive::base::path::split_last;
use snap_archive::base::time::Time;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::diff::Changed;
use snap_archive::verbs::diff::Different;
use snap_archive::verbs::diff::between;
use snap_archive::verbs::diff::with_files;
use snap_archive::verbs::du::DuOptions;
use snap_archive::verbs::du::added;
use snap_archive::verbs::du::du;
use snap_archive::verbs::find::FindOptions;
use snap_archive::verbs::find::find;
use snap_archive::verbs::history::list;
use snap_archive::verbs::log::Below;
use snap_archive::verbs::log::log;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

const SNAPSHOTS: u32 = 7;

/// A path, what became of it, and where it was before.
type Told = (Vec<u8>, char, Vec<Aspect>, Option<Vec<u8>>);

/// A tree with a history, and what it was at each snapshot, the empty one first.
struct Story {
    scene: Scene,
    random: Hash,
    written: i64,
    trees: Vec<Listing>,
}

impl Story {
    fn new(seed: u8) -> Story {
        let random = Hash::of(&[seed]);
        let mut story = Story { scene: Scene::new(), random, written: 0, trees: vec![Listing::new()] };
        for number in 1..=SNAPSHOTS {
            let edits = if number == 1 { 25 } else { story.below(8) };
            (0..edits).for_each(|_| story.edit());
            let time = Some(Time::new(1_750_000_000 + i64::from(number) * 86_400, 0));
            let report =
                story.scene.save_with(&|options| CreateOptions { allow_empty: true, time, ..options }).unwrap();
            assert_eq!(report.history, list(&story.scene.archive, &Recorder::new()).unwrap());
            let tree = story.tree();
            story.trees.push(tree);
        }
        story
    }

    fn tree(&self) -> Listing {
        let mut tree = listing(&self.scene.path("sources"));
        tree.remove(b"".as_slice());
        tree
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random = Hash::of(&self.random.0);
        u64::from_le_bytes(self.random.0[..8].try_into().unwrap()) % end
    }

    fn name(&mut self) -> Vec<u8> {
        const DIRECTORIES: [&[u8]; 5] = [b"", b"a/", b"a/z/", b"a-b/", b"d\xff/"];
        let directory = DIRECTORIES[self.below(5) as usize];
        let name: &[u8] = [b"k.txt".as_slice(), b"l.txt", b"m", b"n\x1b[2J", b"o.txt"][self.below(5) as usize];
        [directory, name].concat()
    }

    fn edit(&mut self) {
        let (name, other) = (self.name(), self.name());
        let home = self.scene.home.clone();
        let is_there = |name: &[u8]| home.path(name).symlink_metadata().is_ok();
        self.written += 1;
        match self.below(8) {
            0 if is_there(&name) => drop(home.remove(&name)),
            1 if is_there(&name) && !is_there(&other) && home.path(&other).parent().unwrap().exists() => {
                home.rename(&name, &other);
            }
            2 if is_there(&name) => {
                let mode = 0o600 + self.below(64) as u32;
                if !home.path(&name).is_symlink() {
                    home.mode(&name, mode);
                }
            }
            3 if is_there(&name) => drop(home.mtime(&name, 1_600_000_000 + self.written, 5)),
            4 => {
                if is_there(&name) {
                    home.remove(&name);
                }
                std::fs::create_dir_all(home.path(&name).parent().unwrap()).unwrap();
                let target = format!("to-{}", self.below(3));
                home.symlink(&name, target);
            }
            5 if is_there(b"a/z") => drop(home.remove("a/z")),
            _ => {
                if home.path(&name).is_symlink() {
                    home.remove(&name);
                }
                // Few contents, some of one size: so that some files have the same.
                let content = [&b""[..], b"one", b"two", b"three", b"a longer text"][self.below(5) as usize];
                home.file(&name, content).mtime(&name, 1_600_000_000 + self.written, 0);
            }
        }
    }
}

fn path(bytes: &[u8]) -> EntryPathBuf {
    EntryPathBuf::from_bytes(bytes).unwrap()
}

fn is_directory(item: &Item) -> bool {
    item.kind == FileType::Directory
}

/// What became of an item, as the guide says it.
fn judged(old: Option<&Item>, new: Option<&Item>) -> Option<(char, Vec<Aspect>)> {
    let (old, new) = match (old, new) {
        (None, None) => return None,
        (None, Some(_)) => return Some(('+', vec![])),
        (Some(_), None) => return Some(('-', vec![])),
        (Some(old), Some(new)) => (old, new),
    };
    let is_same_kind = old.kind == new.kind;
    let aspects = [
        (Aspect::Type, !is_same_kind),
        (Aspect::Content, is_same_kind && old.content != new.content),
        (Aspect::Target, is_same_kind && old.target != new.target),
        (Aspect::Mode, old.mode != new.mode),
        (Aspect::Mtime, !(is_directory(old) && is_directory(new)) && old.mtime != new.mtime),
    ];
    let aspects: Vec<Aspect> = aspects.into_iter().filter(|(_, is)| *is).map(|(aspect, _)| aspect).collect();
    let is_content = |aspect: &Aspect| matches!(aspect, Aspect::Type | Aspect::Content | Aspect::Target);
    let letter = if aspects.iter().any(is_content) { '~' } else { 'm' };
    (!aspects.is_empty()).then_some((letter, aspects))
}

fn paths_of<'t>(trees: impl IntoIterator<Item = &'t Listing>) -> BTreeSet<&'t Vec<u8>> {
    trees.into_iter().flat_map(BTreeMap::keys).collect()
}

fn without_moves(old: &Listing, new: &Listing, is_wanted: &dyn Fn(&[u8]) -> bool) -> Vec<Told> {
    let paths = paths_of([old, new]).into_iter().filter(|path| is_wanted(path));
    let told = |path: &Vec<u8>| {
        judged(old.get(path), new.get(path)).map(|(letter, aspects)| (path.clone(), letter, aspects, None))
    };
    paths.filter_map(told).collect()
}

/// Draws together what was moved: the only one of a content that went and the only one that came, or those of one name.
fn with_moves(mut told: Vec<Told>, old: &Listing, new: &Listing) -> Vec<Told> {
    let content = |tree: &Listing, path: &[u8]| tree[path].content.filter(|_| tree[path].size > 0);
    let last = |path: &[u8]| split_last(path).1.to_vec();
    let of = |told: &[Told], letter: char, tree: &Listing| -> Vec<(Vec<u8>, blake3::Hash)> {
        let all = told.iter().filter(|one| one.1 == letter);
        all.filter_map(|one| Some((one.0.clone(), content(tree, &one.0)?))).collect()
    };
    let (gone, came) = (of(&told, '-', old), of(&told, '+', new));
    for (from, hash) in &gone {
        let gone: Vec<_> = gone.iter().filter(|one| one.1 == *hash).collect();
        let came: Vec<_> = came.iter().filter(|one| one.1 == *hash).collect();
        let same_name = |of: &[&(Vec<u8>, blake3::Hash)]| -> Vec<Vec<u8>> {
            of.iter().filter(|one| last(&one.0) == last(from)).map(|one| one.0.clone()).collect()
        };
        let to = match (gone.len(), came.len()) {
            (1, 1) => Some(came[0].0.clone()),
            _ if same_name(&gone).len() == 1 && same_name(&came).len() == 1 => same_name(&came).pop(),
            _ => None,
        };
        if let Some(to) = to {
            let aspects = judged(old.get(from), new.get(&to)).map(|(_, aspects)| aspects).unwrap_or_default();
            told.retain(|one| one.0 != *from && one.0 != to);
            told.push((to, 'r', aspects, Some(from.clone())));
        }
    }
    with_moved_folders(told, old, new)
}

/// A folder became a new one if all that was moved out of it is there, and nothing from elsewhere; from the innermost outwards.
fn with_moved_folders(mut told: Vec<Told>, old: &Listing, new: &Listing) -> Vec<Told> {
    let moves = told.iter().filter(|one| one.1 == 'r');
    let mut moved: Vec<(Vec<u8>, Vec<u8>)> = moves.map(|one| (one.3.clone().unwrap(), one.0.clone())).collect();
    while !moved.is_empty() {
        let folders = |told: &[Told], letter: char, tree: &Listing| -> Vec<Vec<u8>> {
            let all = told.iter().filter(|one| one.1 == letter && is_directory(&tree[&one.0]));
            all.map(|one| one.0.clone()).collect()
        };
        let mut found = Vec::new();
        for from in folders(&told, '-', old) {
            for to in folders(&told, '+', new) {
                let of: Vec<(bool, bool)> = moved
                    .iter()
                    .map(|(old, new)| (split_last(old).0 == from.as_slice(), split_last(new).0 == to.as_slice()))
                    .filter(|(is_from, is_to)| *is_from || *is_to)
                    .collect();
                if !of.is_empty() && of.iter().all(|both| *both == (true, true)) {
                    found.push((from.clone(), to));
                }
            }
        }
        for (from, to) in &found {
            let aspects = judged(old.get(from), new.get(to)).map(|(_, aspects)| aspects).unwrap_or_default();
            told.retain(|one| one.0 != *from && one.0 != *to);
            told.push((to.clone(), 'r', aspects, Some(from.clone())));
        }
        moved = found;
    }
    told
}

fn seen(different: &Different) -> Told {
    let (letter, from) = match &different.change {
        Changed::Added => ('+', None),
        Changed::Removed => ('-', None),
        Changed::Modified => ('~', None),
        Changed::Metadata => ('m', None),
        Changed::Moved { from } => ('r', Some(from.as_bytes().to_vec())),
    };
    (different.path.as_bytes().to_vec(), letter, different.aspects.clone(), from)
}

/// Fails the test unless these are the same, and the first are in the order of rows.
#[track_caller]
fn assert_told(found: Vec<Told>, mut expected: Vec<Told>, shown: &str) {
    expected.sort_by(|a, b| row_order(split_last(&a.0), split_last(&b.0)));
    assert_eq!(found, expected, "{shown}");
}

#[test]
fn the_difference_of_any_two_snapshots_is_that_of_plain_listings() {
    let mut letters = BTreeSet::new();
    for seed in 0..4 {
        let story = Story::new(seed);
        let monitor = Recorder::new();
        let catalog = story.scene.archive.catalog(&monitor).unwrap();
        for old in 1..=SNAPSHOTS {
            for new in 1..=SNAPSHOTS {
                let (a, b) = (&story.trees[old as usize], &story.trees[new as usize]);
                let shown = format!("seed {seed}, {old} {new}");
                let found: Vec<Different> =
                    between(&catalog, (old.into(), new.into()), &[], &monitor).unwrap().map(Result::unwrap).collect();
                let expected = with_moves(without_moves(a, b, &|_| true), a, b);
                letters.extend(expected.iter().map(|told| told.1));
                assert_told(found.iter().map(seen).collect(), expected, &shown);
                for different in &found {
                    let is_there = |tree: &Listing, path: &[u8]| tree.contains_key(path);
                    let from = seen(different).3.unwrap_or(different.path.as_bytes().to_vec());
                    assert_eq!(different.old.is_some(), is_there(a, &from), "{shown}");
                    assert_eq!(different.new.is_some(), is_there(b, different.path.as_bytes()), "{shown}");
                }
            }
        }
    }
    assert_eq!(letters.into_iter().collect::<String>(), "+-mr~");
}

#[test]
fn a_difference_of_some_paths_says_nothing_of_others() {
    for seed in 0..3 {
        let story = Story::new(seed);
        let monitor = Recorder::new();
        let catalog = story.scene.archive.catalog(&monitor).unwrap();
        for new in 2..=SNAPSHOTS {
            let (a, b) = (&story.trees[new as usize - 1], &story.trees[new as usize]);
            for tops in [&[b"home/a".as_slice()][..], &[b"home/a-b", b"home/a/z", b"home/a/z/m"], &[b"home/k.txt"]] {
                let is_known = |top: &&[u8]| a.contains_key(*top) || b.contains_key(*top);
                let options: Vec<EntryPathBuf> = tops.iter().map(|top| path(top)).collect();
                let found = between(&catalog, ((new - 1).into(), new.into()), &options, &monitor);
                if !tops.iter().all(is_known) {
                    // What stands in another of the paths is not looked at by itself.
                    let outer = tops.iter().filter(|top| !top.ends_with(b"z/m")).all(is_known);
                    assert_eq!(found.is_ok(), outer, "seed {seed}, {new}");
                    continue;
                }
                let is_wanted = |bytes: &[u8]| options.iter().any(|top| path(bytes).is_in(top));
                let expected = with_moves(without_moves(a, b, &is_wanted), a, b);
                let mut found: Vec<Told> = found.unwrap().map(|different| seen(&different.unwrap())).collect();
                // Path by path.
                found.sort_by(|a, b| row_order(split_last(&a.0), split_last(&b.0)));
                assert_told(found, expected, &format!("seed {seed}, {new} {tops:?}"));
            }
        }
    }
}

#[test]
fn the_files_as_they_are_differ_from_a_snapshot_as_plain_listings_do() {
    for seed in 0..4 {
        let mut story = Story::new(seed);
        (0..6).for_each(|_| story.edit());
        let now = story.tree();
        let monitor = Recorder::new();
        let catalog = story.scene.archive.catalog(&monitor).unwrap();
        for old in 1..=SNAPSHOTS {
            let mut found = Vec::new();
            let mut visit = |different: &Different| {
                found.push(seen(different));
                Ok(())
            };
            let done = with_files(&catalog, (old.into(), &[]), &monitor, &mut visit).unwrap();
            assert_eq!((done.problems, monitor.problems()), (0, vec![]));
            let mut expected = without_moves(&story.trees[old as usize], &now, &|_| true);
            expected.sort_by(|a, b| row_order(split_last(&a.0), split_last(&b.0)));
            assert_eq!(found, expected, "seed {seed}, {old}");
        }
    }
}

/// How a path went through the listings: in which snapshots each version is.
fn runs(story: &Story, path: &[u8], fits: &dyn Fn(&Item) -> bool) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in 1..=SNAPSHOTS {
        let (before, now) = (story.trees[number as usize - 1].get(path), story.trees[number as usize].get(path));
        let is_same = before.is_some() && judged(before, now).is_none();
        match (now.filter(|item| fits(item)), runs.last_mut()) {
            (Some(_), Some(last)) if is_same => last.1 = number,
            (Some(_), _) => runs.push((number, number)),
            _ => {}
        }
    }
    runs
}

#[test]
fn what_is_found_is_what_plain_listings_ever_held() {
    for seed in 0..4 {
        let story = Story::new(seed);
        let monitor = Recorder::new();
        let catalog = story.scene.archive.catalog(&monitor).unwrap();
        let check = |options: &FindOptions, fits: &dyn Fn(&[u8], &Item) -> bool| {
            let mut found = Vec::new();
            find(&catalog, options, &monitor, &mut |one| {
                found.push((
                    one.path.as_bytes().to_vec(),
                    one.versions,
                    one.first.get(),
                    one.last.get(),
                    one.is_deleted,
                ));
                Ok(())
            })
            .unwrap();
            let mut paths: Vec<EntryPathBuf> = paths_of(&story.trees).into_iter().map(|bytes| path(bytes)).collect();
            paths.sort();
            let expected = paths.iter().filter_map(|path| {
                let bytes = path.as_bytes();
                let runs = runs(&story, bytes, &|item| fits(bytes, item));
                let is_deleted = !story.trees[SNAPSHOTS as usize].contains_key(bytes);
                let (first, last) = (runs.first()?.0, runs.last()?.1);
                (is_deleted || !options.deleted).then(|| (bytes.to_vec(), runs.len() as u64, first, last, is_deleted))
            });
            let expected: Vec<_> = expected.collect();
            assert_eq!(found, expected, "seed {seed}, {options:?}");
            found.len()
        };
        let all = FindOptions::default;
        assert!(check(&all(), &|_, _| true) > 5);
        let globs = Matcher::globs([&b"*.txt"[..], b"!k*"]).unwrap();
        let is_text = |path: &[u8]| path.ends_with(b".txt") && !path.ends_with(b"k.txt");
        check(&FindOptions { names: globs.clone(), ..all() }, &|path, _| is_text(path));
        check(&FindOptions { names: globs, deleted: true, ..all() }, &|path, _| is_text(path));
        let regexes = Matcher::regexes([r"^home/a.*[mn]"]).unwrap();
        let fits =
            |path: &[u8]| path.starts_with(b"home/a") && path[6..].iter().any(|byte| matches!(byte, b'm' | b'n'));
        check(&FindOptions { names: regexes, ..all() }, &|path, _| fits(path));
        let is_file = |item: &Item| item.kind == FileType::RegularFile;
        check(&FindOptions { size: Some(3..=5), ..all() }, &|_, item| is_file(item) && (3..=5).contains(&item.size));
        let newer = Time::new(1_600_000_015, 2);
        let is_newer = |item: &Item| Time::new(item.mtime.0, item.mtime.1 as u32) > newer;
        check(&FindOptions { newer: Some(newer), ..all() }, &|_, item| is_newer(item));
        let content = Some(Hash::of(b"two"));
        let is_two = |item: &Item| item.size == 3 && item.content == Some(plain_hash(&story));
        check(&FindOptions { content, ..all() }, &|_, item| is_two(item));
    }
}

/// The listing's hash of the content `two`.
fn plain_hash(story: &Story) -> blake3::Hash {
    let scratch = story.scene.path("scratch");
    std::fs::create_dir_all(&scratch).unwrap();
    std::fs::write(scratch.join("two"), "two").unwrap();
    listing(&scratch)[b"two".as_slice()].content.unwrap()
}

#[test]
fn the_log_of_every_path_is_the_list_of_its_versions_in_plain_listings() {
    for seed in 0..4 {
        let story = Story::new(seed);
        let monitor = Recorder::new();
        let catalog = story.scene.archive.catalog(&monitor).unwrap();
        for bytes in paths_of(&story.trees) {
            let found = log(&catalog, &path(bytes), &monitor).unwrap();
            let mut expected: Vec<(Vec<SnapshotNumber>, char, Vec<Aspect>, Below)> = Vec::new();
            for number in 1..=SNAPSHOTS {
                let (a, b) = (&story.trees[number as usize - 1], &story.trees[number as usize]);
                let below = counted(a, b, bytes);
                let own = judged(a.get(bytes), b.get(bytes));
                match own.or_else(|| (!below.is_none()).then_some(('~', vec![]))) {
                    Some((letter, aspects)) => expected.push((vec![number.into()], letter, aspects, below)),
                    None if b.contains_key(bytes) => expected.last_mut().unwrap().0.push(number.into()),
                    None => {}
                }
            }
            let letter = |change: Change| match change {
                Change::Added => '+',
                Change::Removed => '-',
                Change::Modified => '~',
                Change::Metadata => 'm',
            };
            let found: Vec<_> =
                found.into_iter().map(|one| (one.snapshots, letter(one.change), one.aspects, one.below)).collect();
            assert_eq!(found, expected, "seed {seed}, {}", bytes.escape_ascii());
        }
        let error = log(&catalog, &path(b"home/never"), &monitor).unwrap_err();
        assert_eq!(error.to_string(), "home/never is in no snapshot");
    }
}

/// What became of what is below a directory.
fn counted(a: &Listing, b: &Listing, top: &[u8]) -> Below {
    let mut below = Below::default();
    for (_, letter, _, _) in without_moves(a, b, &|bytes| bytes != top && path(bytes).is_in(&path(top))) {
        *match letter {
            '+' => &mut below.added,
            '-' => &mut below.removed,
            '~' => &mut below.modified,
            _ => &mut below.metadata,
        } += 1;
    }
    below
}

#[test]
fn sizes_and_what_each_snapshot_added_are_sums_over_plain_listings() {
    for seed in 0..4 {
        let story = Story::new(seed);
        let monitor = Recorder::new();
        let catalog = story.scene.archive.catalog(&monitor).unwrap();
        for number in 1..=SNAPSHOTS {
            check_sizes(&story, &catalog, number);
        }
        for top in [b"home".as_slice(), b"home/a"] {
            let is_in = |bytes: &[u8]| path(bytes).is_in(&path(top));
            let mut found: Vec<(u32, u64, u64)> = added(&catalog, &[path(top)], &monitor)
                .unwrap()
                .into_iter()
                .map(|one| (one.summary.number.get(), one.bytes, one.files))
                .collect();
            assert!(found.is_sorted_by_key(|one| std::cmp::Reverse(one.1)), "{found:?}");
            found.sort_unstable();
            let expected: Vec<(u32, u64, u64)> = (1..=SNAPSHOTS)
                .map(|number| {
                    let (a, b) = (&story.trees[number as usize - 1], &story.trees[number as usize]);
                    let is_stored = |bytes: &[u8], item: &Item| {
                        let before = a.get(bytes).filter(|before| before.kind == item.kind);
                        before.is_none_or(|before| before.content != item.content)
                    };
                    let files = b.iter().filter(|(_, item)| item.kind == FileType::RegularFile);
                    let stored: Vec<u64> = files
                        .filter(|(bytes, item)| is_in(bytes) && is_stored(bytes, item))
                        .map(|(_, item)| item.size)
                        .collect();
                    (number, stored.iter().sum(), stored.len() as u64)
                })
                .collect();
            assert_eq!(found, expected, "seed {seed}");
        }
    }
}

fn check_sizes(story: &Story, catalog: &Catalog, number: u32) {
    let tree = &story.trees[number as usize];
    for (depth, files) in [(0, false), (1, false), (2, true), (9, false)] {
        let options = DuOptions { at: number.into(), paths: vec![path(b"home")], depth, files };
        let found = du(catalog, &options, &Recorder::new()).unwrap();
        assert!(found.is_sorted_by_key(|one| std::cmp::Reverse(one.bytes)));
        let found: BTreeMap<Vec<u8>, (u64, u64)> =
            found.into_iter().map(|one| (one.path.as_bytes().to_vec(), (one.bytes, one.files))).collect();
        let has_line = |bytes: &[u8], item: &Item| {
            let depth_here = bytes.split(|byte| *byte == b'/').count() - 1;
            depth_here == 0 || depth_here <= depth && (files || is_directory(item))
        };
        let expected: BTreeMap<Vec<u8>, (u64, u64)> = tree
            .iter()
            .filter(|(bytes, item)| has_line(bytes, item))
            .map(|(bytes, _)| {
                let below = tree.iter().filter(|(other, _)| path(other).is_in(&path(bytes)));
                let sizes: Vec<u64> =
                    below.filter(|(_, item)| item.kind == FileType::RegularFile).map(|(_, item)| item.size).collect();
                (bytes.clone(), (sizes.iter().sum(), sizes.len() as u64))
            })
            .collect();
        assert_eq!(found, expected, "{number} {depth}");
    }
}
