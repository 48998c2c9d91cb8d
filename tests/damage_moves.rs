//! Any damage to any files of a history in which things moved: every path of every state that is given back is right, or it is
//! said that it may not be. Against plain copies; uses the library.

use crate::damage::assert_only_puts_back;
use crate::damage::repaired;
use crate::damage::restored;
use crate::damage::verified;
use crate::support::bench::Bench;
use crate::support::bench::copy_exactly;
use crate::support::bench::recovered;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::inside::Scene;
use crate::support::inside::assert_replays;
use crate::support::inside::assert_restores;
use crate::support::inside::in_memory;
use crate::support::inside::on_a_drive;
use crate::support::inside::options;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::replay::apply;
use crate::support::replay::bundles;
use crate::support::replay::bundles_of;
use crate::support::replay::replay_one;
use crate::support::replay::stock_replay;
use crate::support::stores::files;
use crate::support::tree::Random;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use snap_archive::archive::open::Archive;
use snap_archive::base::monitor::Recorder;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::create::create;
use snap_archive::verbs::history;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

const SNAPSHOTS: u32 = 4;

/// So small that a snapshot has several parts.
const PART_BYTES: u64 = 30_000;

/// A history, and the source as each snapshot found it.
struct Story {
    scene: Scene,
    copies: BTreeMap<u32, PathBuf>,
}

impl Story {
    fn new(seed: u64) -> Story {
        let story = Story { scene: Scene::new(), copies: BTreeMap::new() };
        let (mut story, mut random) = (story, Random(seed));
        for number in 0..12 {
            story.scene.home.file(format!("d{}/e{}/f{number}", number % 3, number % 2), noise(seed + number, 5000));
        }
        for number in 1..=SNAPSHOTS {
            if number > 1 {
                (0..2 + random.below(5)).for_each(|_| story.edit(&mut random));
            }
            story.scene.home.file(format!("in {number}"), number.to_string());
            let to = story.scene.path(&format!("copy-{number}"));
            copy_exactly(&story.scene.path("sources"), &to);
            story.save(&story.scene.archive);
            assert_restores(&story.scene.archive, number, &to);
            story.copies.insert(number, to);
        }
        story
    }

    fn save(&self, archive: &Archive) -> Option<u32> {
        let options = CreateOptions { part_bytes_max: PART_BYTES, ..options(self.scene.home.root()) };
        let report = create(archive, &options, &Recorder::new()).unwrap_or_else(|error| panic!("create: {error}"));
        assert_eq!(report.problems, 0);
        report.summary.map(|summary| summary.number.get())
    }

    /// Something moves, is edited, goes or comes.
    fn edit(&self, random: &mut Random) {
        let home = &self.scene.home;
        let all: Vec<PathBuf> = walkdir::WalkDir::new(home.root())
            .min_depth(1)
            .sort_by_file_name()
            .into_iter()
            .map(|item| item.unwrap().into_path())
            .collect();
        let folders: Vec<PathBuf> = all.iter().filter(|path| path.is_dir()).cloned().collect();
        let into = random.pick(&folders).filter(|_| random.below(4) > 0).unwrap_or_else(|| home.root().to_owned());
        let new = into.join(format!("n{}", random.below(1000)));
        let Some(old) = random.pick(&all) else { return };
        match random.below(9) {
            0..4 if !new.starts_with(&old) => fs::rename(&old, &new).unwrap(),
            4 if old.is_file() => {
                fs::write(&old, noise(random.below(1 << 30) as u64, 4500 + random.below(4000))).unwrap();
            }
            5 if all.len() > 12 && old.is_dir() => fs::remove_dir_all(&old).unwrap(),
            5 if old.is_file() => fs::remove_file(&old).unwrap(),
            6 => {
                // They exchange their places.
                if let Some(other) = random.pick(&all)
                    && !other.starts_with(&old)
                    && !old.starts_with(&other)
                {
                    let aside = home.path("for a moment");
                    fs::rename(&old, &aside).unwrap();
                    fs::rename(&other, &old).unwrap();
                    fs::rename(&aside, &other).unwrap();
                }
            }
            _ => fs::write(&new, noise(random.below(1 << 30) as u64, 6000 + random.below(20_000))).unwrap(),
        }
    }

    /// The archive with some of its files lost or damaged, and what was done to them.
    fn damaged(&self, random: &mut Random) -> (MemoryStore, String) {
        let store = in_memory(&self.scene.store);
        let (one_in, index) = (1 + random.below(4), random.below(3));
        let mut done = Vec::new();
        for (name, good) in files(&self.scene.store) {
            if name.starts_with("index/") && (index == 0 || (index == 1 && random.below(2) == 0)) {
                store.remove(&name).unwrap();
                done.push(format!("{name} is gone"));
            }
            if !name.starts_with("bundles/") || random.below(one_in) > 0 {
                continue;
            }
            let (at, mut bad) = (random.below(good.len()), good.clone());
            let kind = random.below(7);
            match kind {
                0 | 1 => bad.clear(),
                2 => bad.truncate(good.len() - 30),
                3 => bad.truncate(at),
                4 => bad[good.len() - 60] ^= 1,
                5 => bad[at] ^= 0x10,
                _ => bad[30] ^= 4,
            }
            if kind == 0 {
                store.remove(&name).unwrap();
            } else {
                store.replace(&name, &bad).unwrap();
            }
            done.push(format!("{name} damage {kind} at {at} of {}", good.len()));
        }
        (store, done.join(", "))
    }

    /// A snapshot is right or what may be wrong is named, if it can be restored; whether it can.
    fn is_right(archive: &Archive, number: u32, expected: &Path, shown: &str) -> bool {
        restored(archive, number, expected, &format!("{shown}: snapshot {number}")).is_some()
    }

    fn check(&self, store: MemoryStore, shown: &str) {
        let copy = || -> Arc<dyn Store> { Arc::new(in_memory(&store)) };
        for (number, expected) in &self.copies {
            let archive = Archive::open_store(copy()).unwrap();
            Story::is_right(&archive, *number, expected, &format!("{shown}: before repair"));
        }
        let store = copy();
        repaired(&store).unwrap_or_else(|error| panic!("{shown}: repair: {error}"));
        let left = verified(&Archive::open_store(store.clone()).unwrap()).findings;
        assert!(left.is_empty(), "{shown}: left by repair: {left:?}");
        assert_only_puts_back(&store, shown);
        let archive = Archive::open_store(store.clone()).unwrap();
        let found = verified(&archive).findings;
        assert!(found.is_empty(), "{shown}: after repair: {found:?}");
        let listed = history::list(&archive, &Recorder::new()).unwrap();
        for number in listed.iter().map(|summary| summary.number.get()) {
            let shown = format!("{shown}: after repair");
            assert!(Story::is_right(&archive, number, &self.copies[&number], &shown), "{shown}: {number} is refused");
        }
        let newest = self.save(&archive).unwrap_or(SNAPSHOTS);
        let sources = self.scene.path("sources");
        assert_eq!(restored(&archive, newest, &sources, shown), Some(0), "{shown}: {newest} after repair");
        let report = verified(&archive);
        assert!(report.findings.is_empty(), "{shown}: after the next snapshot: {:?}", report.findings);
        if report.known_losses.is_empty() {
            assert_replays(&*store, newest, &sources);
        } else {
            assert_last_unpacks(&*store, newest);
        }
    }
}

/// Fails the test unless stock tar unpacks the newest snapshot without a word, if it had none for the bundles before: these may
/// rename what was lost later.
#[track_caller]
fn assert_last_unpacks(store: &dyn Store, newest: u32) {
    let drive = on_a_drive(store);
    let out = drive.path().join("replayed");
    fs::create_dir(&out).unwrap();
    let new = bundles_of(drive.path(), newest as usize);
    for bundle in bundles(drive.path()).iter().filter(|bundle| !new.contains(bundle)) {
        let line = "tar --zstd -g /dev/null -xf \"$1\" -C \"$2\"";
        let done = run(&mut shell(line, &[bundle, &out]));
        if done.status != 0 {
            return;
        }
        apply(&out);
    }
    for bundle in &new {
        replay_one(bundle, &out);
    }
}

/// Writes zeros over what is stored of a content that does not compress.
fn spoil(bundle: &Path, content: &[u8]) {
    let mut bytes = fs::read(bundle).unwrap();
    let sample = &content[content.len() / 2..][..16];
    let at = bytes.windows(sample.len()).position(|window| window == sample).unwrap();
    bytes[at..at + 8].fill(0);
    fs::write(bundle, bytes).unwrap();
}

#[test]
fn nothing_is_moved_to_where_a_lost_content_is_in_the_way() {
    let edits: [&dyn Fn(&Tree); 5] = [
        &|home| _ = home.remove("a").rename("b", "a").remove("k"),
        &|home| _ = home.remove("a").rename("d", "a"),
        &|home| _ = home.remove("a").dir("a").rename("d", "a/d"),
        &|home| _ = home.remove("a").dir("a").rename("b", "a/b").rename("d/f", "f"),
        &|home| _ = home.rename("e", "q").remove("q/a").rename("b", "q/a").rename("d", "e"),
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        let bench = Bench::new();
        bench.home.file("a", noise(1, 20_000)).file("b", noise(2, 20_000)).file("k", "k").file("e/a", noise(3, 20_000));
        bench.home.file("d/f", noise(4, 20_000)).file("d/g", noise(5, 20_000)).file("e/b", noise(6, 20_000));
        bench.save();
        let first = bundles(bench.snap.archive()).remove(0);
        for seed in [1, 3] {
            spoil(&first, &noise(seed, 20_000));
        }
        bench.snap.call("repair").run().expect(3);
        edit(&bench.home);
        bench.save();
        let out = bench.fresh();
        stock_replay(bench.snap.archive(), 2, &out);
        assert_same_below(&bench.sources(), &out, Level::Stock);
        assert_same_below(&bench.sources(), &recovered(&bench, 2), Level::Tar);
        bench.assert_restores();
        assert!(number != 4 || shows_moves(&bench), "what nothing is in the way of is moved");
    }
}

fn shows_moves(bench: &Bench) -> bool {
    let second = bundles_of(bench.snap.archive(), 2).remove(0);
    run(&mut shell("zstd -dc \"$1\" | tar -xOf - .snap-manifest.jsonl", &[&second])).out().contains("\"moved\":")
}

#[test]
fn whatever_is_lost_of_a_history_with_moves_no_state_is_wrong_without_a_word() {
    let from = std::env::var("SNAP_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let count = std::env::var("SNAP_HISTORIES").ok().and_then(|count| count.parse().ok()).unwrap_or(6);
    for seed in from..from + count {
        let story = Story::new(seed);
        let mut random = Random(seed ^ 0x5eed);
        for round in 0..6 {
            let (store, done) = story.damaged(&mut random);
            story.check(store, &format!("seed {seed}, round {round}, {done}"));
        }
    }
}
