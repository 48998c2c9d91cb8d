//! Each kind of damage to each kind of file: nothing wrong is ever restored without a word, nothing that is not hit suffers,
//! `verify` finds it, `repair` mends it, and the next snapshot is exact again. Uses the library, on archives in memory.

use crate::damage_repaired::left_by;
use crate::support::bench::copy_exactly;
use crate::support::inside::Scene;
use crate::support::inside::assert_replays;
use crate::support::inside::assert_restores;
use crate::support::inside::entries;
use crate::support::inside::in_memory;
use crate::support::inside::options;
use crate::support::inside::quick_directory;
use crate::support::inside::restore;
use crate::support::stores::Fault;
use crate::support::stores::FaultyStore;
use crate::support::stores::files;
use crate::support::tree::noise;
use snap_archive::archive::open::Archive;
use snap_archive::base::error::Result;
use snap_archive::base::id::ArchiveId;
use snap_archive::base::monitor::Notice;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::time::Time;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::create;
use snap_archive::verbs::history;
use snap_archive::verbs::history::LsOptions;
use snap_archive::verbs::repair::RepairOptions;
use snap_archive::verbs::repair::RepairReport;
use snap_archive::verbs::repair::Step;
use snap_archive::verbs::repair::repair;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::verify::Finding;
use snap_archive::verbs::verify::VerifyOptions;
use snap_archive::verbs::verify::VerifyReport;
use snap_archive::verbs::verify::verify;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// The newest snapshot.
pub(crate) const NEWEST: u32 = 5;

/// Snapshot 3 comes in several parts.
const PART_BYTES: u64 = 40_000;

/// A history, and the source as each snapshot found it.
pub(crate) struct Story {
    pub(crate) scene: Scene,
    pub(crate) copies: BTreeMap<u32, PathBuf>,
    /// The archive after snapshot 2, and a like one with another id.
    pub(crate) older: MemoryStore,
    pub(crate) foreign: MemoryStore,
}

pub(crate) fn story() -> Story {
    let scene = Scene::new();
    let home = &scene.home;
    home.file("a", noise(1, 3000)).file("same", noise(7, 12_000)).file("goes", "x").file("turns", "a file");
    home.file("old/1", noise(2, 9_000))
        .file("old/deep/2", "two")
        .symlink("link", "a")
        .hard_link("a", "z")
        .file("empty", "");
    home.sparse("holes", 50_000, &[(20_000, &noise(8, 5000))]);
    let mut story = Story { scene, copies: BTreeMap::new(), older: MemoryStore::new(), foreign: MemoryStore::new() };
    story.save();
    let home = &story.scene.home;
    home.append("old/1", "more").remove("old/deep/2").file("old/deep/3", noise(3, 9000)).mode("same", 0o600);
    story.save();
    story.older = in_memory(&story.scene.store);
    let home = &story.scene.home;
    home.remove("goes").remove("turns").file("turns/inside", "now a folder").file("old/more", noise(4, 1000));
    for number in 0..6_u64 {
        home.file(format!("new/{number}"), noise(10 + number, 15_000));
    }
    story.save();
    story
        .scene
        .home
        .remove("old/deep")
        .mode("new/1", 0o640)
        .file("new/2", noise(30, 16_000))
        .file("late/x", noise(31, 500));
    story.save();
    story.scene.home.append("late/x", "and more").file("late/y", "y").remove("new/5");
    story.save();
    let archive = Archive::init_store(Arc::new(story.foreign.clone()), ArchiveId::from_seed(b"other"), Time::new(0, 0));
    let archive = archive.unwrap();
    for _ in 0..3 {
        story.scene.home.append("a", "?");
        create(&archive, &options(story.scene.home.root()), &Recorder::new()).unwrap();
    }
    let home = &story.scene.home;
    home.file("a", fs::read(story.copies[&NEWEST].join("home/a")).unwrap());
    story
}

impl Story {
    fn save(&mut self) {
        let number = self.copies.len() as u32 + 1;
        let to = self.scene.path(&format!("copy-{number}"));
        copy_exactly(&self.scene.path("sources"), &to);
        self.scene.save_with(&|options| CreateOptions { part_bytes_max: PART_BYTES, ..options }).unwrap();
        assert_restores(&self.scene.archive, number, &to);
        self.copies.insert(number, to);
    }

    fn create(&self, archive: &Archive) -> Result<snap_archive::verbs::create::CreateReport> {
        create(archive, &options(self.scene.home.root()), &Recorder::new())
    }

    /// Restores a snapshot: what comes back is right or named; `None` when it was refused, else how many problems there were.
    #[track_caller]
    pub(crate) fn restored(&self, archive: &Archive, number: u32, shown: &str) -> Option<u64> {
        restored(archive, number, &self.copies[&number], shown)
    }
}

/// As [`Story::restored`], against any directory.
#[track_caller]
pub(crate) fn restored(archive: &Archive, number: u32, expected: &Path, shown: &str) -> Option<u64> {
    let out = quick_directory();
    let target = out.path().join("out");
    let recorder = Recorder::new();
    let options = RestoreOptions { target: target.clone(), at: number.into(), threads: 1, ..RestoreOptions::default() };
    let report = restore(archive, &options, &recorder).ok()?;
    let problems = recorder.problems();
    assert_eq!(report.problems, problems.len() as u64, "{shown}");
    let is_uncertain = problems.iter().any(|problem| problem.path.is_root());
    let named: Vec<Vec<u8>> = problems.iter().map(|problem| problem.path.as_bytes().to_vec()).collect();
    let (expected, found) = (plain(expected), plain(&target));
    for (path, content) in &found {
        let right = expected.get(path) == Some(content) || named.contains(path) || is_uncertain;
        assert!(right, "{shown}: {} of snapshot {number} is wrong, and nobody said so", path.escape_ascii());
    }
    for path in expected.keys() {
        let there = found.contains_key(path) || named.contains(path) || is_uncertain;
        assert!(there, "{shown}: {} of snapshot {number} is missing, and nobody said so", path.escape_ascii());
    }
    Some(report.problems)
}

/// What is at each path below a directory: a file's bytes, a link's target.
pub(crate) fn plain(top: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut found = BTreeMap::new();
    for item in walkdir::WalkDir::new(top).min_depth(1) {
        let item = item.unwrap();
        let path = item.path().strip_prefix(top).unwrap().as_os_str().as_encoded_bytes().to_vec();
        let content = if item.file_type().is_file() {
            fs::read(item.path()).unwrap()
        } else if item.path_is_symlink() {
            fs::read_link(item.path()).unwrap().into_os_string().into_encoded_bytes()
        } else {
            b"folder".to_vec()
        };
        found.insert(path, content);
    }
    found
}

pub(crate) fn verified(archive: &Archive) -> VerifyReport {
    verify(archive, &VerifyOptions { data: true, threads: 1 }, &Recorder::new()).unwrap()
}

pub(crate) fn repaired(store: &Arc<dyn Store>) -> Result<RepairReport> {
    repaired_with(store).0
}

/// As [`repaired`], with what was said.
fn repaired_with(store: &Arc<dyn Store>) -> (Result<RepairReport>, Vec<Notice>) {
    let recorder = Recorder::new();
    let opened = Archive::open_store_for_repair(store.clone());
    let options = RepairOptions { dry_run: false, threads: 1 };
    let result = opened.and_then(|(archive, wrong)| repair(&archive, wrong.as_ref(), &options, &recorder));
    (result, recorder.notices())
}

pub(crate) fn bytes(store: &dyn Store, name: &str) -> Vec<u8> {
    snap_archive::system::store::read_small(store, name, u64::MAX).unwrap()
}

/// Every damage to a file: what it is called, and the file's bytes then; `None`: it is missing.
fn damages(story: &Story, name: &str) -> Vec<(String, Option<Vec<u8>>)> {
    let good = bytes(&story.scene.store, name);
    let length = good.len();
    let mut all = vec![("missing".to_owned(), None), ("empty".to_owned(), Some(Vec::new()))];
    for part in [1, 5] {
        all.push((format!("cut off after {part} eighths"), Some(good[..length * part / 8].to_vec())));
    }
    for less in [1, 20, 400] {
        all.push((format!("cut off by {less}"), Some(good[..length.saturating_sub(less)].to_vec())));
    }
    for frame_end in frame_ends(&good) {
        all.push((format!("cut off at a frame's end, {frame_end}"), Some(good[..frame_end].to_vec())));
    }
    for sixteenth in (0..=16).step_by(2) {
        let at = (length * sixteenth / 16).min(length - 1);
        let mut bad = good.clone();
        bad[at] ^= 1 << (sixteenth % 8);
        all.push((format!("a bit flipped at {at} of {length}"), Some(bad)));
        let mut bad = good.clone();
        bad[at..length.min(at + 512)].fill(0);
        all.push((format!("a sector of zeros at {at} of {length}"), Some(bad)));
    }
    let mut bad = good.clone();
    bad.splice(length / 2..length / 2, noise(99, 1 << 20));
    all.push(("a MiB of garbage put in".to_owned(), Some(bad)));
    all.push(("a MiB of garbage behind it".to_owned(), Some([good.clone(), noise(97, 1 << 20)].concat())));
    all.push(("garbage instead".to_owned(), Some(noise(98, length))));
    all.retain(|(_, bad)| bad.as_ref() != Some(&good));
    all
}

/// Where the frames of a bundle end; none in other files.
pub(crate) fn frame_ends(file: &[u8]) -> Vec<usize> {
    let count = file.last_chunk::<9>().map_or(0, |footer| u32::from_le_bytes(footer[..4].try_into().unwrap()) as usize);
    let Some(start) = file.len().checked_sub(9 + 8 * count).filter(|_| file.ends_with(&[0xB1, 0xEA, 0x92, 0x8F]))
    else {
        return Vec::new();
    };
    let rows = file[start..].chunks_exact(8).take(count);
    let lengths = rows.map(|row| u32::from_le_bytes(row[..4].try_into().unwrap()) as usize);
    lengths
        .scan(0, |end, length| {
            *end += length;
            Some(*end)
        })
        .collect()
}

/// The number of the snapshot that a bundle belongs to; 0 for other files.
pub(crate) fn number_of(name: &str) -> u32 {
    name.strip_prefix("bundles/").and_then(|name| name.get(..6)).map_or(0, |digits| digits.parse().unwrap())
}

/// Everything that follows a damage. `file` is hit.
#[track_caller]
pub(crate) fn check(story: &Story, file: &str, store: MemoryStore, shown: &str, replays: bool) {
    let hit = number_of(file);
    // Reading makes a damaged index again: each look has its own copy.
    let copy = || -> Arc<dyn Store> { Arc::new(in_memory(&store)) };
    let is_needed = !file.starts_with("index/") || files(&store).iter().any(|(name, _)| name == file);
    if let Ok(archive) = Archive::open_store(copy()) {
        let findings = verified(&archive).findings;
        let names_it = |finding: &Finding| {
            let about = format!("{} {}", finding.place, finding.text());
            // A part that is missing, and that neither index nor a next part speaks of, nobody knows.
            let is_unknown = is_nowhere_noted(&store, file) && number_of(&finding.place.to_string()) == hit;
            about.contains(file.rsplit('/').next().unwrap()) || is_unknown
        };
        assert!(!is_needed || findings.iter().any(names_it), "{shown}: verify does not name it: {findings:?}");
        if let Ok(listed) = history::list(&archive, &Recorder::new()) {
            let listed: Vec<u32> = listed.iter().map(|one| one.number.get()).collect();
            // Where the newest cannot be read, and no index helps, those before it are there; that is told.
            let is_last = listed == [1, 2, 3, 4] && is_damaged(story, &store, NEWEST);
            let is_right = listed == [1, 2, 3, 4, NEWEST] || is_last || (hit == 3 && listed == [1, 2, 4, NEWEST]);
            assert!(is_right || listed.iter().all(|number| *number != hit), "{shown}: {listed:?}");
        }
        for number in [1, NEWEST] {
            story.check_ls(&Archive::open_store(copy()).unwrap(), number, hit, shown);
        }
        for number in [1, NEWEST] {
            let problems = story.restored(&archive, number, shown);
            assert!(
                hit == 0 || number >= hit || problems == Some(0),
                "{shown}: snapshot {number} suffers: {problems:?}"
            );
        }
        let archive = Archive::open_store(copy()).unwrap();
        match story.create(&archive) {
            Ok(report) => {
                let made = report.summary.map(|summary| summary.number.get()).filter(|number| *number > NEWEST);
                made.map(|number| story.restored_as_newest(&archive, number, shown));
            }
            // What to do about damage the program says.
            Err(error) => assert!(error.is_damage() || error.advice().is_some(), "{shown}: create: {error:?}"),
        }
    }
    let before = files(&store);
    let store = copy();
    let report = repaired(&store).unwrap_or_else(|error| panic!("{shown}: repair: {error}"));
    assert!(!is_needed || !report.steps.is_empty(), "{shown}: nothing was mended");
    let after = files(&*store);
    for (name, bytes) in before.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        assert!(after.iter().any(|(_, other)| other == bytes) || name == "lock", "{shown}: {name} was deleted");
    }
    check_repaired(story, &store, hit, shown, replays);
}

/// Whether a bundle of a snapshot is missing or not as it was written.
fn is_damaged(story: &Story, store: &MemoryStore, number: u32) -> bool {
    let there = files(store);
    let mut good = files(&story.scene.store).into_iter().filter(|(name, _)| name.starts_with("bundles/"));
    good.any(|written| number_of(&written.0) == number && !there.contains(&written))
}

/// Whether a bundle is missing and there is no index to tell.
fn is_nowhere_noted(store: &MemoryStore, file: &str) -> bool {
    let there = files(store);
    !there.iter().any(|(name, _)| name == file || name.starts_with("index/"))
}

/// Repairs until nothing is left to do. All that may still be done is to put contents back that the archive has again.
#[track_caller]
pub(crate) fn assert_only_puts_back(store: &Arc<dyn Store>, shown: &str) {
    for _ in 0..3 {
        let steps = repaired(store).unwrap().steps;
        if steps.is_empty() {
            return;
        }
        let puts_back = |step: &Step| step.what.contains("stand elsewhere") || step.file.starts_with("index/");
        assert!(steps.iter().all(puts_back), "{shown}: repaired after create: {steps:?}");
    }
    panic!("{shown}: repaired again and again after create");
}

/// Everything that must hold after a repair.
#[track_caller]
pub(crate) fn check_repaired(story: &Story, store: &Arc<dyn Store>, hit: u32, shown: &str, replays: bool) {
    let again = repaired(store).unwrap();
    assert_eq!(again.steps, [], "{shown}: repaired twice");
    let archive = Archive::open_store(store.clone()).unwrap();
    let listed: Vec<u32> =
        history::list(&archive, &Recorder::new()).unwrap().iter().map(|one| one.number.get()).collect();
    assert_eq!(listed, [1, 2, 3, 4, 5], "{shown}");
    for number in 1..=NEWEST {
        let problems = story.restored(&archive, number, shown);
        assert!(problems.is_some(), "{shown}: snapshot {number} cannot be restored after repair");
        assert!((hit > 0 && number >= hit) || problems == Some(0), "{shown}: snapshot {number} suffers: {problems:?}");
    }
    let report = story.create(&archive).unwrap_or_else(|error| panic!("{shown}: create after repair: {error}"));
    assert_eq!(report.problems, 0, "{shown}");
    let newest = report.summary.map_or(NEWEST, |summary| summary.number.get());
    assert_eq!(story.restored_as_newest(&archive, newest, shown), Some(0), "{shown}: {newest} after create");
    assert_only_puts_back(store, shown);
    if replays {
        assert_replays(&**store, newest, &story.scene.path("sources"));
    }
}

impl Story {
    /// What `ls` says of a snapshot is as it was, or it says that it cannot. Nothing before the damage is hit.
    #[track_caller]
    fn check_ls(&self, archive: &Archive, number: u32, hit: u32, shown: &str) {
        let mut listed = Vec::new();
        let options = LsOptions { at: number.into(), recursive: true, ..LsOptions::default() };
        let recorder = Recorder::new();
        let done = archive.catalog(&recorder).and_then(|catalog| {
            history::ls(&catalog, &options, &recorder, &mut |path, entry| {
                listed.push((path.as_bytes().to_vec(), entry.stat.kind, entry.stat.size));
                Ok(())
            })
        });
        assert!(hit == 0 || number >= hit || done.is_ok(), "{shown}: ls of {number}: {done:?}");
        if done.is_ok() {
            listed.sort_by(|one, other| one.0.cmp(&other.0));
            let mut right: Vec<_> = entries(&self.scene.archive, number)
                .into_iter()
                .map(|(path, entry)| (path, entry.stat.kind, entry.stat.size))
                .collect();
            right.sort_by(|one, other| one.0.cmp(&other.0));
            assert!(listed == right, "{shown}: ls of {number} is wrong");
        }
    }

    /// A snapshot that was made after the damage: right, or named.
    #[track_caller]
    fn restored_as_newest(&self, archive: &Archive, number: u32, shown: &str) -> Option<u64> {
        restored(archive, number, &self.scene.path("sources"), shown)
    }
}

/// The damages of some files, one after the other.
fn matrix(is_meant: &dyn Fn(&str) -> bool) {
    let story = story();
    let names: Vec<String> = files(&story.scene.store).into_iter().map(|(name, _)| name).collect();
    let mut count = 0;
    for name in names.iter().filter(|name| is_meant(name)) {
        for (what, bad) in damages(&story, name) {
            let store = in_memory(&story.scene.store);
            match &bad {
                Some(bad) => store.replace(name, bad).unwrap(),
                None => store.remove(name).unwrap(),
            }
            check(&story, name, store, &format!("{name} {what}"), count % 9 == 0);
            count += 1;
        }
    }
    assert!(count > 10, "hardly anything was damaged: {count}");
}

fn is_bundle_of(name: &str, number: u32) -> bool {
    number_of(name) == number
}

#[test]
fn whatever_happens_to_the_first_bundle_is_told_and_mended() {
    matrix(&|name| is_bundle_of(name, 1));
}

#[test]
fn whatever_happens_to_a_bundle_in_the_middle_is_told_and_mended() {
    matrix(&|name| is_bundle_of(name, 2));
}

#[test]
fn whatever_happens_to_a_part_is_told_and_mended() {
    matrix(&|name| is_bundle_of(name, 3) && name.contains(".0002"));
}

#[test]
fn whatever_happens_to_the_first_or_the_last_part_is_told_and_mended() {
    matrix(&|name| is_bundle_of(name, 3) && (name.contains(".0001") || name.matches('.').count() == 2));
}

#[test]
fn whatever_happens_to_the_last_bundle_is_told_and_mended() {
    matrix(&|name| is_bundle_of(name, NEWEST));
}

#[test]
fn whatever_happens_to_the_index_is_mended() {
    matrix(&|name| name == "index/000001.full" || name == "index/000005.delta" || name == "index/000005.full");
}

#[test]
fn index_files_with_each_others_names_are_made_again() {
    let story = story();
    let index: Vec<_> = files(&story.scene.store).into_iter().filter(|(name, _)| name.starts_with("index/")).collect();
    assert!(index.iter().any(|(name, _)| name.contains(".full")) && index.len() > 3);
    for (one, other) in [(0, 1), (1, index.len() - 1), (0, index.len() - 1)] {
        let store = in_memory(&story.scene.store);
        store.replace(&index[one].0, &index[other].1).unwrap();
        store.replace(&index[other].0, &index[one].1).unwrap();
        check(&story, &index[one].0, store, &format!("{} and {}", index[one].0, index[other].0), false);
    }
}

#[test]
fn a_bundle_whose_table_of_frames_alone_is_damaged_costs_nothing() {
    let story = story();
    for (name, good) in bundles_of(&story) {
        let table = *frame_ends(&good).last().unwrap();
        // Cut off before it, in it, or at its end; and a bit in each part of it.
        let cuts = [table, table + 4, table + 8, good.len() - 9, good.len() - 1].map(|end| good[..end].to_vec());
        let flips = (table..good.len()).map(|at| {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            bad
        });
        for (number, bad) in cuts.into_iter().chain(flips).enumerate() {
            let store = in_memory(&story.scene.store);
            store.replace(&name, &bad).unwrap();
            let shown = format!("{name}, {number}");
            let archive = in_its_own_copy(&store);
            for at in [number_of(&name), NEWEST] {
                assert_eq!(story.restored(&archive, at, &shown), Some(0), "{shown}: snapshot {at}");
            }
            assert!(!verified(&archive).findings.is_empty(), "{shown}: verify finds nothing");
        }
    }
}

#[test]
fn bundles_with_each_others_names_are_put_back_and_nothing_is_lost() {
    let story = story();
    let bundles: Vec<_> = files(&story.scene.store).into_iter().filter(|(name, _)| number_of(name) > 0).collect();
    for (one, other) in [(0, 1), (1, bundles.len() - 1), (2, 3)] {
        let store = in_memory(&story.scene.store);
        store.replace(&bundles[one].0, &bundles[other].1).unwrap();
        store.replace(&bundles[other].0, &bundles[one].1).unwrap();
        let shown = format!("{} and {}", bundles[one].0, bundles[other].0);
        check(&story, &bundles[one.min(other)].0, store.clone(), &shown, true);
        let store: Arc<dyn Store> = Arc::new(store);
        repaired(&store).unwrap();
        assert_eq!(bytes(&*store, &bundles[one].0), bundles[one].1, "{shown}");
        assert_eq!(verified(&Archive::open_store(store).unwrap()).findings, [], "{shown}");
    }
}

#[test]
fn files_of_another_archive_or_of_an_older_copy_are_set_aside() {
    let story = story();
    let foreign: Vec<_> = files(&story.foreign).into_iter().filter(|(name, _)| number_of(name) > 0).collect();
    let bundles: Vec<_> = files(&story.scene.store).into_iter().filter(|(name, _)| number_of(name) > 0).collect();
    for (number, (name, _)) in bundles.iter().enumerate() {
        let store = in_memory(&story.scene.store);
        store.replace(name, &foreign[number % foreign.len()].1).unwrap();
        check(&story, name, store, &format!("{name} of another archive"), number == 0);
        let store = in_memory(&story.scene.store);
        store.replace(name, &bundles[number.saturating_sub(1)].1).unwrap();
        if number > 0 {
            check(&story, name, store, &format!("{name} is a copy of the one before"), number == 1);
        }
    }
    for directory in [&story.foreign, &story.older] {
        for (name, bad) in files(directory).into_iter().filter(|(name, _)| name.starts_with("index/")) {
            let store = in_memory(&story.scene.store);
            if store.open(&name).is_ok() && bytes(&store, &name) != bad {
                store.replace(&name, &bad).unwrap();
                check(&story, &name, store, &format!("{name} of elsewhere"), false);
            }
        }
    }
}

pub(crate) fn in_its_own_copy(store: &MemoryStore) -> Archive {
    Archive::open_store(Arc::new(in_memory(store))).unwrap()
}

#[test]
fn without_an_index_to_help_a_lost_list_of_changes_makes_snapshots_uncertain() {
    let story = story();
    let bundles: Vec<_> = files(&story.scene.store).into_iter().filter(|(name, _)| number_of(name) > 0).collect();
    for (number, (name, good)) in bundles.iter().enumerate() {
        for cut in [None, Some(good.len() / 2)] {
            let store = in_memory(&story.scene.store);
            for (index, _) in files(&store).into_iter().filter(|(name, _)| name.starts_with("index/")) {
                store.remove(&index).unwrap();
            }
            match cut {
                Some(cut) => store.replace(name, &good[..cut]).unwrap(),
                None => store.remove(name).unwrap(),
            }
            // That nothing follows the last one cannot be known.
            if number + 1 < bundles.len() || cut.is_some() {
                check(&story, name, store, &format!("{name} cut to {cut:?}, no index"), number == 1);
            }
        }
    }
}

/// Cuts a repair off at every step that changes something, or lets the drive take nothing more from then on.
#[track_caller]
pub(crate) fn cut_off_everywhere(story: &Story, base: &MemoryStore, hit: u32) {
    let before = files(base);
    let whole = FaultyStore::counting(Arc::new(in_memory(base)));
    let expected = left_by(repaired(&(whole.clone() as Arc<dyn Store>)).unwrap());
    let reads = |step: &String| ["list", "open", "read", "write"].iter().any(|like| step.starts_with(like));
    let steps: Vec<_> = whole.steps().into_iter().enumerate().filter(|(_, step)| !reads(step)).collect();
    for fault in [Fault::Crash, Fault::NoMoreWriting(std::io::ErrorKind::StorageFull)] {
        let mut checked = 0;
        for (at, step) in &steps {
            let left: Arc<dyn Store> = Arc::new(in_memory(base));
            let faulty = FaultyStore::new(left.clone(), *at, fault);
            let shown = format!("{fault:?} at step {at}, {step}");
            let (result, notices) = repaired_with(&(faulty.clone() as Arc<dyn Store>));
            let is_mended = |step: &String| step.starts_with("moved damaged/") && step.contains(" to bundles/");
            let has_mended = faulty.steps()[..*at].iter().any(is_mended);
            let told = notices
                .iter()
                .any(|notice| matches!(notice, Notice::RepairedBefore { file, .. } if file.starts_with("bundles/")));
            assert!(result.is_ok() || !has_mended || told, "{shown}: nobody says what was mended: {notices:?}");
            assert_eq!(faulty.steps().get(*at), Some(step), "two repairs of the same take the same steps");
            checked += 1;
            let after = files(&*left);
            for (name, bytes) in &before {
                assert!(after.iter().any(|(_, other)| other == bytes), "{shown}: {name} is lost");
            }
            let report = repaired(&left).unwrap_or_else(|error| panic!("{shown}: {error}"));
            let (findings, losses) = left_by(report);
            assert_eq!(findings, expected.0, "{shown}");
            assert_eq!(losses, expected.1, "{shown}");
            if checked % 8 == 0 {
                check_repaired(story, &left, hit, &shown, false);
            }
        }
        assert!(checked > 8, "hardly a step was taken: {checked}");
    }
}

pub(crate) fn bundles_of(story: &Story) -> Vec<(String, Vec<u8>)> {
    files(&story.scene.store).into_iter().filter(|(name, _)| number_of(name) > 0).collect()
}
