//! Random histories, forgotten and pruned at random, with a fault at some step: every snapshot that is kept is there afterwards,
//! for snap and for stock tar. `SNAP_HISTORIES` says how many histories; 0: none with faults.

use crate::support::inside::assert_replays;
use crate::support::inside::contents;
use crate::support::inside::in_memory;
use crate::support::inside::late;
use crate::support::inside::new_archive;
use crate::support::inside::options;
use crate::support::stores::Fault;
use crate::support::stores::FaultyStore;
use crate::support::stores::files;
use crate::support::tree::Random;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use snap_archive::archive::open::Archive;
use snap_archive::base::error::Result;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::snapshot::Rules;
use snap_archive::base::snapshot::Standing;
use snap_archive::base::time::Time;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::create;
use snap_archive::verbs::forget::ForgetOptions;
use snap_archive::verbs::forget::Which;
use snap_archive::verbs::forget::forget;
use snap_archive::verbs::prune::PruneOptions;
use snap_archive::verbs::prune::prune;
use snap_archive::verbs::repair::RepairOptions;
use snap_archive::verbs::repair::repair;
use snap_archive::verbs::verify::VerifyOptions;
use snap_archive::verbs::verify::verify;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// How many histories are made when nobody says so.
const HISTORIES: u64 = 2;

/// An archive whose source changes at random.
struct Story {
    dice: Random,
    directory: TempDir,
    home: Tree,
    store: MemoryStore,
    /// What is in each snapshot that is not forgotten, and a copy of the source as it was.
    kept: BTreeMap<SnapshotNumber, (BTreeMap<Vec<u8>, String>, PathBuf)>,
    replays: u64,
    pruned: u64,
    joined: u64,
}

impl Story {
    fn new(seed: u64) -> Story {
        let directory = tempfile::tempdir().unwrap();
        let home = Tree::at(directory.path().join("sources/home"));
        let store = MemoryStore::new();
        new_archive(Arc::new(store.clone()));
        Story {
            dice: Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1),
            directory,
            home,
            store,
            kept: BTreeMap::new(),
            replays: 0,
            pruned: 0,
            joined: 0,
        }
    }

    fn archive(&self) -> Archive {
        Archive::open_store(Arc::new(self.store.clone())).unwrap()
    }

    /// Some changes; names are few, so that most meet something.
    fn change(&mut self) {
        for _ in 0..=self.dice.below(6) {
            let dice = &mut self.dice;
            let depth = 1 + dice.below(3);
            let name = (0..depth).map(|_| ["a", "b", "c\u{fc}", "d-d"][dice.below(4)]).collect::<Vec<_>>().join("/");
            let what = dice.below(14);
            let (seed, size) = (dice.below(40) as u64, [0, 7, 900, 30_000, 70_000][dice.below(5)]);
            let other = ["a", "b", "c\u{fc}", "d-d"][dice.below(4)];
            // What is a file on the way to it makes room.
            let mut at = String::new();
            for part in name.split('/') {
                at = if at.is_empty() { part.to_owned() } else { format!("{at}/{part}") };
                let is_last = at == name;
                let found = self.home.path(&at).symlink_metadata();
                if found.is_ok_and(|found| is_last || !found.is_dir()) {
                    self.home.remove(&at);
                }
            }
            if let Some((parent, _)) = name.rsplit_once('/') {
                self.home.dir(parent);
            }
            match what {
                0 => drop(self.home.symlink(&name, "a/b")),
                1 => drop(self.home.dir(&name)),
                2 => {}
                10 | 11 if self.home.path(other).symlink_metadata().is_ok() && !name.starts_with(other) => {
                    self.home.rename(other, &name);
                }
                12 if self.home.path(other).is_file() && !self.home.path(other).is_symlink() && other != name => {
                    let longer = [std::fs::read(self.home.path(other)).unwrap(), noise(seed, 500)].concat();
                    self.home.file(other, longer);
                }
                13 if self.home.path(other).is_file() && !self.home.path(other).is_symlink() && other != name => {
                    self.home.mode(other, [0o600, 0o640, 0o755][dice.below(3)]);
                }
                3 if self.home.path(other).is_file() && !self.home.path(other).is_symlink() && other != name => {
                    self.home.hard_link(other, &name);
                }
                _ => drop(self.home.file(&name, noise(seed, size))),
            }
        }
    }

    fn options(&mut self) -> CreateOptions<'static> {
        let part_bytes_max = if self.dice.one_in(3) { 100_000 } else { 10_000_000 };
        let time = Some(Time::new(1_600_000_000 + 3600 * self.dice.below(40_000) as i64, 0));
        let rules = Some(Rules { patch_from: Some(2000), ..Rules::default() });
        CreateOptions { part_bytes_max, rules, time, clock: &late, ..options(self.home.root()) }
    }

    /// Changes and saves; now and then it is cut off first.
    fn save(&mut self) {
        self.change();
        let options = self.options();
        if self.dice.one_in(4) {
            let at = 3 + self.dice.below(60);
            let faulty = FaultyStore::new(Arc::new(self.store.clone()), at, Fault::Crash);
            let _ = Archive::open_store(faulty).and_then(|archive| create(&archive, &options, &Recorder::new()));
            self.change();
        }
        let archive = self.archive();
        let report = create(&archive, &options, &Recorder::new()).unwrap();
        assert_eq!(report.problems, 0);
        if let Some(summary) = report.summary {
            let copy = self.directory.path().join(format!("copy-{}", summary.number));
            crate::support::bench::copy_exactly(&self.directory.path().join("sources"), &copy);
            assert_replays(&self.store, summary.number, &copy);
            self.kept.insert(summary.number, (contents(&archive, summary.number), copy));
        }
    }

    /// Forgets some, not the newest.
    fn forget(&mut self) {
        let numbers: Vec<SnapshotNumber> = self.kept.keys().copied().collect();
        let Some((_, older)) = numbers.split_last() else { return };
        let chosen: BTreeSet<SnapshotNumber> = older.iter().copied().filter(|_| self.dice.below(5) < 3).collect();
        if !chosen.is_empty() {
            let options = ForgetOptions { which: Which::Named(chosen.clone()), dry_run: false };
            forget(&self.archive(), &options, &Recorder::new()).unwrap();
            self.kept.retain(|number, _| !chosen.contains(number));
        }
    }

    /// Fails the test unless everything that is kept is there.
    #[track_caller]
    fn assert_kept(&mut self, store: &MemoryStore, at: &str) {
        let archive = Archive::open_store(Arc::new(store.clone())).unwrap();
        let by_hand = in_place(store);
        for (number, (expected, copy)) in &self.kept {
            assert_eq!(&contents(&archive, *number), expected, "{at}: snapshot {number}");
            eprintln!("{at}: replay of {number}");
            assert_replays(&by_hand, *number, copy);
            self.replays += 1;
        }
        let looks = VerifyOptions { data: true, threads: 2 };
        let report = verify(&archive, &looks, &Recorder::new()).unwrap();
        assert_eq!(report.findings, [], "{at}");
        assert_eq!(report.known_losses, [], "{at}");
    }
}

/// A copy in which a bundle that was cut off half-way to its place is there, as `recover.sh` asks for, and those that were joined
/// into it are not, as `recover.sh` passes over them.
fn in_place(store: &MemoryStore) -> MemoryStore {
    let copy = in_memory(store);
    for (name, _) in copy.list("pruned").unwrap() {
        let Some(name) = name.strip_suffix(".new") else { continue };
        if copy.open(&format!("bundles/{name}")).is_err() {
            copy.rename(&format!("pruned/{name}.new"), &format!("bundles/{name}")).unwrap();
        }
    }
    let left = copy.list("pruned").unwrap();
    for (name, from) in left.iter().filter_map(|(name, _)| name.split_once(".joins-")) {
        let is_gone = |other: &str| other != name && other[..6] >= *from && other[..6] <= name[..6];
        if copy.open(&format!("pruned/{name}.new")).is_err() {
            let bundles = copy.list("bundles").unwrap();
            let gone = bundles.iter().filter(|(other, _)| is_gone(other));
            gone.for_each(|(other, _)| copy.remove(&format!("bundles/{other}")).unwrap());
        }
    }
    copy
}

/// Prunes; how many bundles, those among them that were joined into others.
fn prune_in(store: Arc<dyn Store>, max_unused: u8) -> Result<(u64, u64)> {
    prune_by(2, store, max_unused)
}

fn prune_by(threads: usize, store: Arc<dyn Store>, max_unused: u8) -> Result<(u64, u64)> {
    let options = PruneOptions { max_unused, threads, ..PruneOptions::default() };
    let report = prune(&Archive::open_store(store)?, &options, &Recorder::new())?;
    let joined = report.bundles.iter().map(|bundle| bundle.joined).sum();
    Ok((report.bundles.len() as u64 + joined, joined))
}

/// A history of some rounds of saving, forgetting and pruning. In `faults` runs of each round's prune something fails.
fn history(seed: u64, faults: usize) -> Story {
    let mut story = Story::new(seed);
    for round in 0..2 {
        for _ in 0..4 + story.dice.below(4) {
            story.save();
        }
        story.forget();
        let max_unused = [0, 10, 60][story.dice.below(3)];
        let counted = FaultyStore::counting(Arc::new(in_memory(&story.store)));
        prune_in(counted.clone(), max_unused).unwrap();
        let steps = counted.steps().len();
        for _ in 0..faults {
            let at = story.dice.below(steps);
            let left = in_memory(&story.store);
            let inner: Arc<dyn Store> = Arc::new(left.clone());
            let fault = match story.dice.below(4) {
                0 => Fault::Once(ErrorKind::Other),
                1 => Fault::NoMoreWriting(ErrorKind::StorageFull),
                _ => Fault::Crash,
            };
            let is_fat = story.dice.one_in(2);
            let faulty =
                if is_fat { FaultyStore::on_fat(inner, at, fault) } else { FaultyStore::new(inner, at, fault) };
            let _ = prune_in(faulty, max_unused);
            let shown = format!("seed {seed}, round {round}, {fault:?} at step {at} of {steps}, FAT: {is_fat}");
            story.assert_kept(&left, &shown);
            prune_in(Arc::new(left.clone()), max_unused).unwrap();
            story.assert_kept(&left, &format!("{shown}, then pruned again"));
            assert!(left.list("pruned").unwrap().is_empty(), "{shown}: something is left");
        }
        let (pruned, joined) = prune_in(Arc::new(story.store.clone()), max_unused).unwrap();
        (story.pruned, story.joined) = (story.pruned + pruned, story.joined + joined);
        let store = story.store.clone();
        story.assert_kept(&store, &format!("seed {seed}, round {round}"));
        // The index can be made again.
        for (name, _) in files(&store).iter().filter(|(name, _)| name.starts_with("index/")) {
            store.remove(name).unwrap();
        }
        story.assert_kept(&store, &format!("seed {seed}, round {round}, without index"));
    }
    story
}

#[test]
fn random_histories_stay_exact_when_they_are_thinned_out_with_faults() {
    let count = std::env::var("SNAP_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(HISTORIES);
    let first = std::env::var("SNAP_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let (mut replays, mut pruned, mut joined) = (0, 0, 0);
    for seed in first..first + count {
        let story = history(seed, 3);
        (replays, pruned, joined) = (replays + story.replays, pruned + story.pruned, joined + story.joined);
    }
    println!(
        "{count} histories, {replays} replays, {pruned} bundles pruned, of which {joined} were joined into others"
    );
    assert!(pruned > 0 && joined > 0 && replays > 0);
}

#[test]
fn a_fault_at_every_step_of_prune_harms_no_kept_snapshot() {
    for is_fat in [false, true] {
        let mut story = Story::new(7);
        story.home.file("log", noise(700, 200_000));
        for number in 0..7 {
            // Of which only what changed is stored, each time.
            story.home.append("log", noise(701 + number, 3000));
            story.save();
        }
        // Three neighbours behind one that is kept, and one alone.
        let older: Vec<SnapshotNumber> = story.kept.keys().copied().collect();
        let stays = [older[0], older[older.len() - 3]];
        let forgotten: BTreeSet<SnapshotNumber> =
            older[..older.len() - 1].iter().copied().filter(|number| !stays.contains(number)).collect();
        let options = ForgetOptions { which: Which::Named(forgotten.clone()), dry_run: false };
        forget(&story.archive(), &options, &Recorder::new()).unwrap();
        story.kept.retain(|number, _| !forgotten.contains(number));
        let faulty = |left: &MemoryStore, at| {
            let store = Arc::new(left.clone());
            if is_fat {
                FaultyStore::on_fat(store, at, Fault::Crash)
            } else {
                FaultyStore::new(store, at, Fault::Crash)
            }
        };
        let whole = faulty(&in_memory(&story.store), usize::MAX);
        let (pruned, joined) = prune_by(1, whole.clone(), 0).unwrap();
        let steps = whole.steps();
        assert!(pruned > joined + 1 && joined > 0 && steps.len() > 30, "hardly a step was taken: {steps:?}");
        let mut looked_at = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            let left = in_memory(&story.store);
            let stopped = faulty(&left, at);
            let _ = prune_by(1, stopped.clone(), 0);
            assert_eq!(stopped.steps().get(at), Some(step), "the same steps are taken each time");
            let now = files(&left);
            if looked_at == now {
                // The step before left the same: one that reads, or that writes to an unfinished file.
                continue;
            }
            looked_at = now;
            let shown = format!("FAT: {is_fat}, crash at step {at}, {step}");
            story.assert_kept(&left, &shown);
            prune_in(Arc::new(left.clone()), 0).unwrap();
            story.assert_kept(&left, &format!("{shown}, then pruned again"));
        }
    }
}

#[test]
fn a_damaged_bundle_is_left_as_it_is_and_said() {
    let mut story = Story::new(3);
    for _ in 0..4 {
        story.home.file("only", noise(story.kept.len() as u64, 50_000)).file("stays", noise(99, 500));
        story.save();
    }
    let older: BTreeSet<SnapshotNumber> = story.kept.keys().copied().take(2).collect();
    let options = ForgetOptions { which: Which::Named(older), dry_run: false };
    forget(&story.archive(), &options, &Recorder::new()).unwrap();
    let (name, mut bytes) = files(&story.store).into_iter().find(|(name, _)| name.starts_with("bundles/")).unwrap();
    bytes[100] ^= 1;
    story.store.replace(&name, &bytes).unwrap();
    let recorder = Recorder::new();
    let report =
        prune(&story.archive(), &PruneOptions { max_unused: 0, ..PruneOptions::default() }, &recorder).unwrap();
    assert_eq!(report.problems, 1, "{:?}", recorder.notices());
    let now = files(&story.store).into_iter().find(|(other, _)| *other == name).unwrap().1;
    assert_eq!(now, bytes, "it was not touched");
}

/// Four snapshots of a file that is another one each time, and of one that stays; these are forgotten and pruned.
fn pruned_story(forgotten: [u32; 2]) -> Story {
    let forgotten = forgotten.map(SnapshotNumber::from);
    let mut story = Story::new(3);
    for number in 0..4 {
        story
            .home
            .file("only", noise(number, 50_000))
            .file("stays", noise(99, 5000))
            .file("z", noise(number + 50, 9000));
        story.home.file("linked/a", noise(number + 20, 700));
        if number == 0 {
            story.home.hard_link("linked/a", "linked/b");
        }
        let options = CreateOptions { time: Some(Time::new(1_600_000_000, 0)), ..options(story.home.root()) };
        let summary = create(&story.archive(), &options, &Recorder::new()).unwrap().summary.unwrap();
        let copy = story.directory.path().join(format!("copy-{}", summary.number));
        crate::support::bench::copy_exactly(&story.directory.path().join("sources"), &copy);
        story.kept.insert(summary.number, (contents(&story.archive(), summary.number), copy));
    }
    let options = ForgetOptions { which: Which::Named(forgotten.into()), dry_run: false };
    forget(&story.archive(), &options, &Recorder::new()).unwrap();
    story.kept.retain(|number, _| !forgotten.contains(number));
    assert_eq!(prune_in(Arc::new(story.store.clone()), 0).unwrap().0, 2);
    let store = story.store.clone();
    story.assert_kept(&store, "pruned");
    story
}

#[test]
fn a_pruned_bundle_that_is_damaged_is_repaired_and_stays_pruned() {
    use Standing::Kept;
    use Standing::Pruned;
    assert_repaired(&pruned_story([1, 3]), &[Pruned, Kept, Pruned, Kept]);
}

#[test]
fn a_joined_bundle_that_is_damaged_is_repaired_and_stays_joined() {
    assert_repaired(&pruned_story([1, 2]), &[Standing::Pruned, Standing::Kept, Standing::Kept]);
}

/// Fails the test unless the first bundle can be repaired after any damage, and these stand as they did.
fn assert_repaired(whole: &Story, before: &[Standing]) {
    let (name, bytes) = files(&whole.store).into_iter().find(|(name, _)| name.starts_with("bundles/")).unwrap();
    let standings = |archive: &Archive| -> Vec<Standing> {
        let recorder = Recorder::new();
        let catalog = archive.catalog(&recorder).unwrap();
        catalog.history().unwrap().iter().map(|summary| summary.standing).collect()
    };
    assert_eq!(standings(&whole.archive()), before);
    // A frame, the manifest, the table, and the bundle as a whole.
    for damage in ["frame", "manifest", "table", "missing"] {
        let store = in_memory(&whole.store);
        let mut bad = bytes.clone();
        let length = bad.len();
        match damage {
            "frame" => bad[100] ^= 1,
            "manifest" => bad[length - 200] ^= 1,
            "table" => bad.truncate(length - 5),
            _ => {}
        }
        if damage == "missing" {
            store.remove(&name).unwrap();
        } else {
            store.replace(&name, &bad).unwrap();
        }
        let archive = Archive::open_store(Arc::new(store.clone())).unwrap();
        repair(&archive, None, &RepairOptions { dry_run: false, threads: 2 }, &Recorder::new()).unwrap();
        let looks = VerifyOptions { data: true, threads: 2 };
        let report = verify(&archive, &looks, &Recorder::new()).unwrap();
        assert_eq!(report.findings, [], "{damage}");
        assert_eq!(standings(&archive), before, "{damage}");
        // What is lost is saved again, and all is there.
        let options = CreateOptions { time: Some(Time::new(1_600_000_000, 0)), ..options(whole.home.root()) };
        create(&archive, &options, &Recorder::new()).unwrap();
        let newest = *crate::support::inside::history(&archive).last().unwrap();
        let source = whole.directory.path().join("sources");
        assert_replays(&store, newest, &source);
        crate::support::inside::assert_restores(&archive, newest, &source);
    }
}

#[test]
fn a_fault_at_any_step_of_forget_forgets_all_of_it_or_nothing() {
    let story = pruned_story([1, 2]);
    for fault in [Fault::Crash, Fault::Once(ErrorKind::Other), Fault::NoMoreWriting(ErrorKind::StorageFull)] {
        for at in 0.. {
            let left = in_memory(&story.store);
            let faulty = FaultyStore::new(Arc::new(left.clone()), at, fault);
            let options = ForgetOptions { which: Which::Named(BTreeSet::from([3.into()])), dry_run: false };
            let outcome = Archive::open_store(faulty.clone())
                .and_then(|archive| forget(&archive, &options, &Recorder::new()).map(drop));
            let archive = Archive::open_store(Arc::new(left.clone())).unwrap();
            let marks = archive.marks().unwrap().forgotten;
            let is_done = marks.contains(&3.into());
            assert!(is_done || marks == BTreeSet::from([1.into(), 2.into()]), "{fault:?} at {at}: {marks:?}");
            assert!(is_done || outcome.is_err(), "{fault:?} at {at}: said to be forgotten, and is not");
            if faulty.steps().len() <= at {
                outcome.unwrap();
                assert!(at > 5);
                break;
            }
        }
    }
}

/// Six snapshots with changes of all kinds; all but the last and the one before it are forgotten and pruned.
fn joined_story() -> Story {
    let mut story = Story::new(5);
    for _ in 0..6 {
        story.save();
    }
    let numbers: Vec<SnapshotNumber> = story.kept.keys().copied().collect();
    let forgotten: BTreeSet<SnapshotNumber> = numbers[..4].iter().copied().collect();
    let options = ForgetOptions { which: Which::Named(forgotten.clone()), dry_run: false };
    forget(&story.archive(), &options, &Recorder::new()).unwrap();
    story.kept.retain(|number, _| !forgotten.contains(number));
    story
}

#[test]
fn neighbours_that_are_forgotten_become_one_bundle() {
    let mut story = joined_story();
    let old = in_memory(&story.store);
    let (_, joined) = prune_in(Arc::new(story.store.clone()), 0).unwrap();
    assert!(joined >= 3, "{joined}");
    let store = story.store.clone();
    let count = |store: &MemoryStore| store.list("bundles").unwrap().len() as u64;
    assert_eq!(count(&store), count(&old) - joined);
    story.assert_kept(&store, "joined");
    assert_eq!(prune_in(Arc::new(store.clone()), 0).unwrap(), (0, 0), "there is nothing left to do");
    // The numbers of those that are gone are told apart from such as never were.
    let (archive, recorder) = (story.archive(), Recorder::new());
    let catalog = archive.catalog(&recorder).unwrap();
    assert!(catalog.check_is_there(1.into()).unwrap_err().to_string().contains("pruned"));
    assert!(catalog.check_is_there(99.into()).unwrap_err().to_string().contains("no snapshot"));
    // One of the old ones that is put back changes nothing, with an index and without; verify tells it.
    let (stray, bytes) = files(&old).into_iter().find(|(name, _)| name.starts_with("bundles/")).unwrap();
    store.replace(&stray, &bytes).unwrap();
    for round in 0..2 {
        let archive = Archive::open_store(Arc::new(store.clone())).unwrap();
        for (number, (expected, _)) in &story.kept {
            assert_eq!(&contents(&archive, *number), expected, "{round}");
        }
        let report = verify(&archive, &VerifyOptions { data: false, threads: 2 }, &Recorder::new()).unwrap();
        assert_ne!(report.findings, [], "{round}");
        for (name, _) in files(&store).iter().filter(|(name, _)| name.starts_with("index/")) {
            store.remove(name).unwrap();
        }
    }
    // The history goes on.
    store.remove(&stray).unwrap();
    story.save();
    story.assert_kept(&store, "saved again");
}

/// What pruning writes of an archive in which `count` files of `length` bytes are made, and one in `part` of them made anew in
/// each of `rounds` further snapshots, of which the last is kept: all bytes, the index among them; and what was said to stay.
fn written(count: usize, length: usize, part: usize, rounds: usize) -> (u64, u64) {
    let mut story = Story::new(1);
    for round in 0..=rounds {
        for number in (0..count).filter(|number| round == 0 || (number + round) % part == 0) {
            story.home.file(format!("folder-{}/{number}", number % 7), noise((round * count + number) as u64, length));
        }
        let rules = Some(Rules { patch_from: Some(64 << 10), ..Rules::default() });
        let options = CreateOptions { rules, clock: &late, ..options(story.home.root()) };
        create(&story.archive(), &options, &Recorder::new()).unwrap();
    }
    let numbers: BTreeSet<SnapshotNumber> = (1..=rounds as u32).map(SnapshotNumber::from).collect();
    let options = ForgetOptions { which: Which::Named(numbers), dry_run: false };
    forget(&story.archive(), &options, &Recorder::new()).unwrap();
    let dry = PruneOptions { dry_run: true, ..PruneOptions::default() };
    let stays = prune(&story.archive(), &dry, &Recorder::new()).unwrap().bundles;
    assert!(!stays.is_empty());
    let counted = FaultyStore::counting(Arc::new(story.store.clone()));
    let before = counted.bytes_written();
    prune(&Archive::open_store(counted.clone()).unwrap(), &PruneOptions::default(), &Recorder::new()).unwrap();
    let copy = story.directory.path().join("sources");
    let newest = SnapshotNumber::from(rounds as u32 + 1);
    story.kept.insert(newest, (contents(&story.archive(), newest), copy));
    let store = story.store.clone();
    story.assert_kept(&store, "thinned out");
    (counted.bytes_written() - before, stays.iter().map(|bundle| bundle.bytes_after).sum())
}

#[test]
fn no_more_is_written_than_what_stays_of_the_bundles_that_are_touched() {
    for (count, length, part, rounds) in [
        // Every second of files that share frames, of tiny ones, of such as have frames of their own.
        (80, 20_000, 2, 1),
        (3000, 300, 2, 1),
        (2, 9_000_000, 2, 1),
        // Neighbours that are joined: a few files each time, or nearly all.
        (80, 20_000, 8, 6),
        (60, 3000, 2, 6),
    ] {
        let (written, stays) = written(count, length, part, rounds);
        let shown = format!("{count} files of {length}, one in {part}, {rounds} times: {written} for {stays}");
        println!("{shown}");
        assert!(written <= stays * 12 / 10 + 4096, "{shown}");
    }
}

#[test]
fn large_parts_of_one_snapshot_stay_parts() {
    let mut story = Story::new(1);
    let save = |story: &Story| {
        let options =
            CreateOptions { part_bytes_max: 20_000_000, clock: &late, rules: None, ..options(story.home.root()) };
        create(&story.archive(), &options, &Recorder::new()).unwrap();
    };
    // More stays than is joined, in several parts; of each something goes.
    for number in 0..12 {
        story.home.file(format!("{number:02}-stays"), noise(number, 6_000_000));
        story.home.file(format!("{number:02}-goes"), noise(50 + number, 1_000_000));
    }
    save(&story);
    for number in 0..12 {
        story.home.remove(format!("{number:02}-goes"));
    }
    save(&story);
    let lengths = |store: &MemoryStore| -> Vec<u64> {
        store.list("bundles").unwrap().into_iter().map(|(_, length)| length).collect()
    };
    let before = lengths(&story.store);
    let options = ForgetOptions { which: Which::Named(BTreeSet::from([1.into()])), dry_run: false };
    forget(&story.archive(), &options, &Recorder::new()).unwrap();
    let (pruned, joined) = prune_in(Arc::new(story.store.clone()), 0).unwrap();
    assert!(pruned >= 4 && joined == 0, "{pruned} {joined}");
    let after = lengths(&story.store);
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|length| *length <= 20_000_000), "{before:?} {after:?}");
    assert!(before.iter().sum::<u64>() - after.iter().sum::<u64>() > 11_900_000, "{before:?} {after:?}");
    let copy = story.directory.path().join("sources");
    story.kept.insert(2.into(), (contents(&story.archive(), 2), copy));
    let store = story.store.clone();
    story.assert_kept(&store, "pruned");
}
