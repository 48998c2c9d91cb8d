//! Bundles whose list of changes is lost, and that no index knows: `repair` makes the list anew from the headers of the files that
//! are still whole in them. Uses the library, on archives in memory.

use crate::damage::NEWEST;
use crate::damage::Story;
use crate::damage::bundles_of;
use crate::damage::check;
use crate::damage::cut_off_everywhere;
use crate::damage::frame_ends;
use crate::damage::in_its_own_copy;
use crate::damage::number_of;
use crate::damage::plain;
use crate::damage::repaired;
use crate::damage::story;
use crate::damage::verified;
use crate::support::inside::Scene;
use crate::support::inside::entries;
use crate::support::inside::file;
use crate::support::inside::in_memory;
use crate::support::inside::on_a_drive;
use crate::support::inside::quick_directory;
use crate::support::inside::restore;
use crate::support::replay::stock_replay;
use crate::support::stores::files;
use crate::support::tree::noise;
use rustix::fs::FileType;
use snap_archive::archive::open::Archive;
use snap_archive::base::entry::Entry;
use snap_archive::base::entry::Kind;
use snap_archive::base::id::BundleName;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::snapshot::Summary;
use snap_archive::format::bundle::Bundle;
use snap_archive::format::frames::Decompressor;
use snap_archive::format::tar;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::repair::RepairOptions;
use snap_archive::verbs::repair::repair;
use snap_archive::verbs::restore::RestoreOptions;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A copy of an archive without its index.
fn without_index(store: &MemoryStore) -> MemoryStore {
    let store = in_memory(store);
    for (index, _) in files(&store).into_iter().filter(|(name, _)| name.starts_with("index/")) {
        store.remove(&index).unwrap();
    }
    store
}

fn opened(store: &dyn Store, name: &str) -> Bundle {
    let bundle = BundleName::parse(name.strip_prefix("bundles/").unwrap()).unwrap();
    Bundle::open(&bundle, store.open(name).unwrap()).unwrap()
}

/// Where the frames of the tar's own members end, in the file: behind them there is only the manifest.
fn end_of_data(name: &str, store: &dyn Store) -> usize {
    let bundle = opened(store, name);
    let manifest = bundle.manifest_tail().unwrap().manifest_offset;
    bundle.table().frame_at(manifest - 1).unwrap().stored_offset as usize
}

/// The files of snapshot `number` whose contents are wholly in a bundle's sound frames, as the sound archive has them.
fn whole_files(sound: &Archive, number: u32, name: &str, damaged: &dyn Store) -> BTreeSet<Vec<u8>> {
    let id = BundleName::parse(name.strip_prefix("bundles/").unwrap()).unwrap().id;
    let Ok(bundle) =
        Bundle::open(&BundleName::parse(name.strip_prefix("bundles/").unwrap()).unwrap(), damaged.open(name).unwrap())
    else {
        return BTreeSet::new();
    };
    let is_sound = |from: u64, to: u64| {
        let mut at = from;
        while at < to {
            let Some(frame) = bundle.table().frame_at(at) else { return false };
            if bundle.frame(&frame, &mut Decompressor::new()).is_err() {
                return false;
            }
            at = frame.raw_end();
        }
        true
    };
    let is_whole = |entry: &Entry| {
        let content = entry.content.as_ref().filter(|content| content.place.bundle == id);
        // The header before it must be there, too.
        content.is_some_and(|content| is_sound(content.place.offset - 512, content.place.offset + entry.stat.size))
    };
    entries(sound, number).into_iter().filter(|(_, entry)| is_whole(entry)).map(|(path, _)| path).collect()
}

/// Restores a snapshot: all that there is, and what is named as lost.
fn restored_with_losses(archive: &Archive, number: u32) -> (BTreeMap<Vec<u8>, Vec<u8>>, BTreeSet<Vec<u8>>) {
    let out = quick_directory();
    let target = out.path().join("out");
    let recorder = Recorder::new();
    let options = RestoreOptions { target: target.clone(), at: number.into(), threads: 1, ..RestoreOptions::default() };
    restore(archive, &options, &recorder).unwrap();
    let problems = recorder.problems().into_iter().map(|problem| problem.path.as_bytes().to_vec());
    (plain(&target), problems.filter(|path| !path.is_empty()).collect())
}

/// Stock tar must make of the bundles what `snap restore` makes of the snapshot, but for what is named as lost.
#[track_caller]
fn assert_replays_alike(store: &dyn Store, archive: &Archive, number: u32, shown: &str) {
    let (mut ours, lost) = restored_with_losses(archive, number);
    let drive = on_a_drive(store);
    let out = drive.path().join("replayed");
    stock_replay(drive.path(), number as usize, &out);
    let mut theirs = plain(&out);
    for found in [&mut ours, &mut theirs] {
        found.retain(|path, _| !lost.contains(path) && !path.starts_with(b".snap-manifest"));
    }
    assert_eq!(keys(&ours), keys(&theirs), "{shown}: replay of {number}");
    assert!(ours == theirs, "{shown}: replay of {number} has other contents");
}

fn keys(found: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<String> {
    found.keys().map(|path| path.escape_ascii().to_string()).collect()
}

/// After a repair: files whose frames survived are there as they were; stock tar agrees.
#[track_caller]
fn check_headers(story: &Story, name: &str, store: &MemoryStore, shown: &str) {
    let number = number_of(name);
    let whole = whole_files(&story.scene.archive, number, name, store);
    let store: Arc<dyn Store> = Arc::new(in_memory(store));
    let report = repaired(&store).unwrap();
    let step = report.steps.iter().find(|step| step.file == name).unwrap_or_else(|| panic!("{shown}: not mended"));
    let by_headers = step.what.contains("all files that could be found in it");
    assert!(by_headers || whole.is_empty(), "{shown}: {} of {whole:?}", step.what);
    let archive = Archive::open_store(store.clone()).unwrap();
    for path in &whole {
        let path = std::str::from_utf8(path).unwrap();
        let good = file(&story.scene.archive, number, path);
        assert_eq!(file(&archive, number, path), good, "{shown}: {path}");
    }
    // Where nothing at all was found, later snapshots have files in folders that nobody knows.
    for number in (1..=NEWEST).filter(|_| by_headers) {
        assert_replays_alike(&*store, &archive, number, shown);
    }
    assert_eq!(verified(&archive).findings, [], "{shown}: all that can be done was done");
}

#[test]
fn a_bundle_that_is_cut_off_anywhere_gives_back_every_file_whose_frames_are_whole() {
    let story = story();
    for (count, (name, good)) in bundles_of(&story).into_iter().enumerate() {
        let data = end_of_data(&name, &story.scene.store);
        let mut cuts: BTreeSet<usize> = frame_ends(&good).into_iter().collect();
        cuts.extend([1, data / 2, data + 1, good.len() * 7 / 8]);
        let last = *frame_ends(&good).last().unwrap();
        // A cut behind the last frame costs nothing but the table.
        for cut in cuts.into_iter().filter(|cut| *cut < last) {
            let store = without_index(&story.scene.store);
            store.replace(&name, &good[..cut]).unwrap();
            let shown = format!("{name} cut off at {cut} of {}", good.len());
            check_headers(&story, &name, &store, &shown);
            if frame_ends(&good).contains(&cut) {
                check(&story, &name, store, &shown, count % 4 == 0);
            }
        }
    }
}

#[test]
fn a_damaged_manifest_that_no_index_knows_costs_no_file() {
    let story = story();
    for (name, good) in bundles_of(&story) {
        let store = without_index(&story.scene.store);
        let mut bad = good.clone();
        let at = *frame_ends(&good).last().unwrap() - 6;
        bad[at] ^= 1;
        store.replace(&name, &bad).unwrap();
        check_headers(&story, &name, &store, &format!("{name}, its manifest"));
    }
}

#[test]
fn without_any_manifest_or_index_names_deletions_and_contents_come_from_the_headers_alone() {
    let story = story();
    let store = without_index(&story.scene.store);
    for (name, good) in bundles_of(&story) {
        let ends = frame_ends(&good);
        store.replace(&name, &good[..ends[ends.len() - 2]]).unwrap();
    }
    let before = files(&store);
    let store: Arc<dyn Store> = Arc::new(store);
    repaired(&store).unwrap();
    let after = files(&*store);
    for (name, bytes) in &before {
        assert!(name == "lock" || after.iter().any(|(_, other)| other == bytes), "{name} was deleted");
    }
    let archive = Archive::open_store(store.clone()).unwrap();
    let summaries = |archive: &Archive| archive.catalog(&Recorder::new()).unwrap().history().unwrap();
    // Changes of metadata alone are in no header, and neither is all that went.
    let told = |summary: &Summary| (summary.number, summary.counts.new, summary.counts.modified, summary.counts.bytes);
    let expected: Vec<_> = summaries(&story.scene.archive).iter().map(told).collect();
    assert_eq!(summaries(&archive).iter().map(told).collect::<Vec<_>>(), expected);
    for number in 1..=NEWEST {
        let (found, lost) = restored_with_losses(&archive, number);
        let expected = plain(&story.copies[&number]);
        assert_eq!((keys(&found), lost), (keys(&expected), BTreeSet::new()), "snapshot {number}");
        assert!(found == expected, "snapshot {number}: other contents");
        assert_replays_alike(&*store, &archive, number, "all of them");
    }
    assert_eq!(repaired(&store).unwrap().steps, []);
}

/// All that headers can say of an entry.
fn by_headers(
    entry: &Entry,
) -> (Kind, u32, u32, u32, u64, i64, snap_archive::Device, Vec<u8>, Vec<snap_archive::base::entry::Xattr>, String) {
    let stat = &entry.stat;
    let owner = format!("{}:{}", entry.owner.user, entry.owner.group);
    let xattrs = entry.xattrs.iter().filter(|(name, _)| !name.starts_with(b"system.")).cloned().collect();
    let (target, seconds) = (entry.target.clone(), stat.mtime.seconds);
    (stat.kind, stat.mode, stat.uid, stat.gid, stat.size, seconds, stat.device, target, xattrs, owner)
}

#[test]
fn everything_that_headers_say_of_an_entry_is_in_the_list_that_is_made_of_them() {
    let scene = Scene::new();
    let home = &scene.home;
    let long = "long name ".repeat(20);
    home.file("plain", "x").mode("plain", 0o4750).symlink("link", "a target").symlink("far", "x".repeat(300));
    home.file(format!("d/{long}"), "long").file(b"d/\xff\xfe", "no text").fifo("pipe").hard_link("plain", "d/second");
    home.file("with", "attributes").xattr("with", "user.colour", "blue\n=7").mode("d", 0o700).file("empty", "");
    if rustix::process::geteuid().is_root() {
        home.node("device", FileType::CharacterDevice, 5, 77).owner("with", 3_000_000, 1234);
    }
    scene.save();
    home.remove("pipe").remove("d/second").file("more", "more").mode("with", 0o600);
    scene.save();
    let expected: BTreeMap<_, _> = entries(&scene.archive, 1).into_iter().collect();
    let name = files(&scene.store).into_iter().map(|(name, _)| name).find(|name| number_of(name) == 1).unwrap();
    let store = without_index(&scene.store);
    let cut = end_of_data(&name, &store);
    let good = snap_archive::system::store::read_small(&store, &name, u64::MAX).unwrap();
    store.replace(&name, &good[..cut]).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    repaired(&store).unwrap();
    let archive = Archive::open_store(store).unwrap();
    let found: BTreeMap<_, _> = entries(&archive, 1).into_iter().collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, entry) in &expected {
        assert_eq!(by_headers(&found[path]), by_headers(entry), "{}", path.escape_ascii());
        let is_read_again = !matches!(entry.stat.kind, Kind::File | Kind::Symlink) || found[path].stat.racy;
        assert!(is_read_again, "{} is not looked at again", path.escape_ascii());
    }
    let link = |path: &str| found[path.as_bytes()].stat.link;
    assert!(link("home/plain") != 0 && link("home/plain") == link("home/d/second"), "two names of one file");
}

/// A history whose first bundle has several frames, and the source as its snapshots found it.
fn large_story() -> Scene {
    let scene = Scene::new();
    let home = &scene.home;
    let large = |byte: u8| [vec![byte; 9 << 20], noise(u64::from(byte), 5000)].concat();
    // A tar as a file: what is in it looks like members.
    let mut inner = Vec::new();
    for number in 0..2500 {
        let mut entry = Entry::default();
        entry.stat.size = 3500;
        tar::append_header(&mut inner, format!("home/in/{number}").as_bytes(), &entry, tar::Body::Itself);
        inner.extend(vec![b't'; 3500]);
        tar::pad(&mut inner, 3500);
    }
    home.file("a", large(1)).file("b", "small b").file("c.tar", inner.repeat(2)).file("d", "small d");
    home.file("e", large(2)).file("f", "small f").file("g/h", large(3)).file("g/i", "small i");
    scene.save();
    home.file("b", "another b").remove("d");
    scene.save();
    scene
}

#[test]
fn large_files_and_frames_damaged_in_the_middle_cost_what_is_in_them_and_nothing_is_made_up() {
    let scene = large_story();
    let expected: BTreeMap<_, _> = entries(&scene.archive, 1).into_iter().collect();
    let name = files(&scene.store).into_iter().map(|(name, _)| name).find(|name| number_of(name) == 1).unwrap();
    let good = snap_archive::system::store::read_small(&scene.store, &name, u64::MAX).unwrap();
    let data = end_of_data(&name, &scene.store);
    let ends = frame_ends(&good);
    let mut starts = vec![0];
    starts.extend(ends.iter().copied().filter(|end| *end < data));
    assert!(starts.len() >= 8, "{} frames", starts.len());
    for (number, start) in starts.iter().enumerate() {
        for is_cut in [true, false] {
            let mut bad = good.clone();
            // The last bytes of a frame are its checksum.
            bad[ends[number] - 2] ^= 1;
            let at = *ends.last().unwrap() - 6;
            bad[at] ^= 1;
            if is_cut {
                bad.truncate(start + (ends[number] - start) / 2);
            }
            let store = without_index(&scene.store);
            store.replace(&name, &bad).unwrap();
            let shown = format!("frame {number} of {}, cut off: {is_cut}", starts.len());
            let whole = whole_files(&scene.archive, 1, &name, &store);
            let store: Arc<dyn Store> = Arc::new(store);
            repaired(&store).unwrap();
            let archive = Archive::open_store(store.clone()).unwrap();
            let found: BTreeMap<_, _> = entries(&archive, 1).into_iter().collect();
            for (path, entry) in &found {
                let good = expected.get(path).unwrap_or_else(|| panic!("{shown}: {} is made up", path.escape_ascii()));
                let is_same =
                    entry.is_lost() || entry.content.as_ref().map(|c| c.hash) == good.content.as_ref().map(|c| c.hash);
                assert!(is_same && entry.stat.size == good.stat.size, "{shown}: {}", path.escape_ascii());
                assert_eq!(
                    entry.is_lost(),
                    entry.content.is_some() && !whole.contains(path),
                    "{shown}: {}",
                    path.escape_ascii()
                );
            }
            for path in &whole {
                assert!(found.contains_key(path), "{shown}: {} is left out", path.escape_ascii());
            }
            if number % 3 == 0 {
                assert_replays_alike(&*store, &archive, 1, &shown);
                assert_replays_alike(&*store, &archive, 2, &shown);
            }
        }
    }
}

#[test]
fn a_repair_by_headers_that_is_cut_off_at_any_step_loses_nothing() {
    let story = story();
    let bundles = bundles_of(&story);
    let base = without_index(&story.scene.store);
    for (name, good) in [&bundles[0], &bundles[1], &bundles[3]] {
        base.replace(name, &good[..end_of_data(name, &story.scene.store)]).unwrap();
    }
    cut_off_everywhere(&story, &base, 1);
}

#[test]
fn a_dry_run_says_that_the_list_is_made_from_headers_and_changes_nothing() {
    let story = story();
    let (name, good) = bundles_of(&story)[1].clone();
    let store = without_index(&story.scene.store);
    store.replace(&name, &good[..end_of_data(&name, &story.scene.store)]).unwrap();
    let archive = in_its_own_copy(&store);
    let dry = RepairOptions { dry_run: true, threads: 1 };
    let before = files(&**archive.store());
    let report = repair(&archive, None, &dry, &Recorder::new()).unwrap();
    let step = report.steps.iter().find(|step| step.file == name).unwrap();
    assert!(step.what.contains("written anew with all files that could be found in it"), "{}", step.what);
    assert_eq!(files(&**archive.store()), before);
}
