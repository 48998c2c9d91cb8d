//! A drive that is nearly or wholly full: what is said, and that forgetting and pruning work on it. Knows the command line only.

use crate::support::bench::copy_exactly;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::mounted::Mounted;
use crate::support::replay::stock_replay;
use crate::support::snap::Snap;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use std::fs;
use std::io::Write;
use std::path::Path;

const MIB: usize = 1 << 20;

/// Snapshots of a file of 8 MiB that is another one each time, and of a small one that stays.
fn filled(mounted: &Mounted, elsewhere: &Path, count: u64) -> (Snap, Tree) {
    let home = Tree::at(elsewhere.join("sources/home"));
    let snap = Snap::new(mounted.top().join("archive"));
    snap.init();
    home.file("stays", noise(99, 5000));
    for number in 1..=count {
        home.file("large", noise(number, 8 * MIB));
        snap.create(&[home.root()]);
    }
    (snap, home)
}

/// Writes to a file until nothing more fits.
fn fill_up(file: &Path) {
    let mut filler = fs::File::create(file).unwrap();
    let mut length = MIB;
    while length > 0 {
        if filler.write_all(&vec![1; length]).is_err() {
            length /= 2;
        }
    }
}

#[test]
fn a_drive_that_is_filled_to_the_last_byte_can_still_forget_and_prune() {
    for mounted in [Mounted::tmpfs(64), Mounted::ext4(80), Mounted::exfat(80)] {
        let Some(mounted) = mounted else { continue };
        let elsewhere = tempfile::tempdir().unwrap();
        let (snap, home) = filled(&mounted, elsewhere.path(), 4);
        assert_eq!(snap.archive().join("reserve").metadata().unwrap().len(), 4 << 20);
        fill_up(&mounted.top().join("filler"));
        home.file("large", noise(77, 8 * MIB));
        let told = snap.call("create").fails(1).err();
        assert!(told.contains("snap forget and snap prune"), "{told}");
        let before = bundle_bytes(&snap);
        snap.call("forget").words("1..3").ok();
        let report = snap.call("prune").words("--json").ok().json().remove(0);
        assert_eq!(report["bundles"][0]["joined"], 2, "{report}");
        let after = bundle_bytes(&snap);
        assert!(before - after > 23 * MIB as u64, "{before} and then {after}");
        assert!(snap.archive().join("reserve").exists(), "there is a new reserve");
        snap.call("verify").words("--data").ok();
        snap.create(&[]);
        let copy = elsewhere.path().join("copy");
        copy_exactly(&elsewhere.path().join("sources"), &copy);
        let (restored, replayed) = (elsewhere.path().join("restored"), elsewhere.path().join("replayed"));
        snap.restore(&restored, 0);
        assert_same_below(&copy, &restored, Level::Everything);
        let newest = snap.history().last().unwrap()["number"].as_u64().unwrap();
        stock_replay(snap.archive(), newest as usize, &replayed);
        assert_same_below(&copy, &replayed, Level::Stock);
    }
}

#[test]
fn on_a_full_drive_what_fits_goes_first_and_makes_room_for_the_rest() {
    for mounted in [Mounted::ext4(80), Mounted::exfat(80)] {
        let Some(mounted) = mounted else { continue };
        let elsewhere = tempfile::tempdir().unwrap();
        let home = Tree::at(elsewhere.path().join("sources/home"));
        let snap = Snap::new(mounted.top().join("archive"));
        snap.init();
        // Of the third 12 MiB stay, for which there is no room before the second, of which nothing stays, is gone.
        home.file("stays", noise(1, 3 * MIB)).file("goes", noise(2, 8 * MIB));
        snap.create(&[home.root()]);
        home.file("goes", noise(3, 9 * MIB));
        snap.create(&[]);
        home.file("goes", noise(4, 2 * MIB)).file("other", noise(5, 12 * MIB));
        snap.create(&[]);
        home.file("goes", "nothing").append("stays", "more");
        snap.create(&[]);
        fill_up(&mounted.top().join("filler"));
        snap.call("forget").words("1..3").ok();
        let report = snap.call("prune").words("--json").ok().json().remove(0);
        assert_eq!(report["not_pruned"], 0, "{report}");
        assert!(bundle_bytes(&snap) < 16 * MIB as u64, "{report}");
        snap.call("verify").words("--data").ok();
        let copy = elsewhere.path().join("copy");
        copy_exactly(&elsewhere.path().join("sources"), &copy);
        let (restored, replayed) = (elsewhere.path().join("restored"), elsewhere.path().join("replayed"));
        snap.restore(&restored, 0);
        assert_same_below(&copy, &restored, Level::Everything);
        stock_replay(snap.archive(), 4, &replayed);
        assert_same_below(&copy, &replayed, Level::Stock);
    }
}

fn bundle_bytes(snap: &Snap) -> u64 {
    crate::support::replay::bundles(snap.archive()).iter().map(|path| path.metadata().unwrap().len()).sum()
}

#[test]
fn create_says_what_forgetting_would_give_back_and_makes_room_when_asked_to() {
    let Some(mounted) = Mounted::tmpfs(64) else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let (snap, home) = filled(&mounted, elsewhere.path(), 5);
    home.file("large", noise(20, 30 * MIB));
    let told = snap.call("create").words("--keep-last 3").run().err();
    assert!(told.contains("forgetting by the rules would give back about 16.8 MB"), "{told}");
    assert_eq!(snap.history().len(), 5, "it did not fit");
    // Two that the rules do not keep are enough for the 30 MiB.
    let document = snap.call("create").words("--json --make-room --keep-last 2").ok().json().remove(0);
    assert_eq!(document["made_room"]["forgotten"], serde_json::json!([1, 2]), "{document}");
    let numbers: Vec<u64> = snap.history().iter().map(|one| one["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers[..3], [3, 4, 5]);
    snap.call("verify").words("--data").ok();
    // Below the rules it does not go.
    home.file("large", noise(21, 40 * MIB));
    snap.call("create").words("--make-room --keep-last 4").fails(1);
    assert_eq!(snap.history().len(), 4);
}

#[test]
fn create_thins_out_after_the_snapshot() {
    let Some(mounted) = Mounted::tmpfs(64) else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let (snap, home) = filled(&mounted, elsewhere.path(), 3);
    snap.call("create").words("--prune").fails(2);
    home.file("large", noise(4, 8 * MIB));
    let document = snap.call("create").words("--json --prune --keep-last 2").ok().json().remove(0);
    assert_eq!(document["pruned"]["forgotten"], serde_json::json!([1, 2]));
    assert!(document["pruned"]["freed_bytes"].as_u64().unwrap() > 16 * MIB as u64 - 100_000);
    let numbers: Vec<u64> = snap.history().iter().map(|one| one["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [3, 4]);
    // Where nothing has changed, the rules hold all the same.
    snap.call("create").words("--prune --keep-last 1").ok();
    assert_eq!(snap.history().len(), 1);
    snap.call("verify").words("--data").ok();
}

#[test]
fn a_full_drive_without_a_reserve_forgets_and_then_needs_little_to_prune() {
    for mounted in [Mounted::tmpfs(64), Mounted::ext4(80)] {
        let Some(mounted) = mounted else { continue };
        let elsewhere = tempfile::tempdir().unwrap();
        let (snap, _) = filled(&mounted, elsewhere.path(), 4);
        // As on a drive that had room enough when it was last written, and was filled by others.
        fs::remove_file(snap.archive().join("reserve")).unwrap();
        fs::write(mounted.top().join("photo"), noise(5, 3 * MIB)).unwrap();
        fill_up(&mounted.top().join("filler"));
        snap.call("forget").words("1..2").ok();
        snap.call("prune").fails(3).expect_said(&["while it is written, and"]);
        fs::remove_file(mounted.top().join("photo")).unwrap();
        snap.call("prune").ok();
        assert!(bundle_bytes(&snap) < 17 * MIB as u64);
        // The same once more, with what pruning kept free.
        assert!(snap.archive().join("reserve").exists());
        fill_up(&mounted.top().join("filler2"));
        snap.call("forget").words("3").ok();
        snap.call("prune").ok();
        assert!(bundle_bytes(&snap) < 9 * MIB as u64);
        snap.call("verify").words("--data").ok();
    }
}

#[test]
fn nothing_is_forgotten_for_a_snapshot_that_cannot_fit() {
    let Some(mounted) = Mounted::tmpfs(64) else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let (snap, home) = filled(&mounted, elsewhere.path(), 4);
    home.file("large", noise(20, 60 * MIB));
    let told = snap.call("create").words("--make-room --keep-last 2").fails(1).err();
    assert!(told.contains("room cannot be made: 62.9 MB are new or modified"), "{told}");
    assert_eq!(snap.history().len(), 4);
    snap.call("ls").words("--at 1 home/large").ok();
}
