//! A damaged bundle: what stock tools still get out of it, `snap restore` gets out of it, too, and more.

use crate::support::bench::Bench;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::replay::bundles;
use crate::support::replay::recover;
use crate::support::tree::noise;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

const FILES: usize = 600;

/// The most small files that a kilobyte of garbage costs: those of one zstd block of 128 KiB, where it hits the tables that the
/// rest of the block is decoded with, and the one before. A file of 3,000 bytes takes 3,584 in the tar.
const LOST_MAX: usize = (128 << 10) / 3584 + 2;

/// Small files, every third of them text, and one that does not fit in one block.
fn save(bench: &Bench) {
    for number in 0..FILES {
        let words = (0..300).flat_map(|n| format!("{} of {number}; ", n * n % 977).into_bytes());
        let content = if number.is_multiple_of(3) { words.collect() } else { noise(number as u64, 3000) };
        bench.home.file(format!("f{number:04}"), content);
    }
    bench.home.file("large", noise(7, 700_000));
    bench.save();
}

/// Small files that can be compressed, although none has anything that stands in another: what is behind a damaged block never
/// needs it. All that decides where blocks begin is the same each time; else the level is chosen by measured speed.
fn save_without_repetition(bench: &Bench) {
    for number in 0..FILES {
        let name = format!("f{number:04}");
        let content: Vec<u8> = noise(number as u64, 3000).into_iter().map(|byte| byte & 0x7f).collect();
        bench.home.file(&name, content).mtime(&name, 1_700_000_000, 0);
    }
    bench.home.file("large", noise(7, 700_000)).mtime("large", 1_700_000_000, 0);
    bench.snap.call("create").words("-q --level 3").arg(bench.home.root()).ok();
}

/// Which files are in `found` as they are in the source.
fn right(bench: &Bench, found: &Path) -> Vec<bool> {
    let names = (0..FILES).map(|number| format!("f{number:04}")).chain(["large".to_owned()]);
    let same = |name: String| {
        fs::read(found.join("home").join(&name)).is_ok_and(|bytes| bytes == fs::read(bench.home.path(&name)).unwrap())
    };
    names.map(same).collect()
}

fn count(right: &[bool]) -> usize {
    right.iter().filter(|right| **right).count()
}

fn by_stock_tools(bundle: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    // It complains of the damage.
    run(&mut shell("zstd -dc \"$1\" 2>/dev/null | tar -xf - -C \"$2\" 2>/dev/null || true", &[&bundle, &to]));
}

#[test]
fn whatever_stock_tools_get_out_of_a_damaged_bundle_restore_gets_out_too() {
    let bench = Bench::new();
    save(&bench);
    let bundle = bundles(bench.snap.archive()).remove(0);
    let sound = fs::read(&bundle).unwrap();
    let mut more = 0;
    for seed in 0..24_u64 {
        let mut bytes = sound.clone();
        let place = u64::from_le_bytes(noise(seed, 8).try_into().unwrap()) as usize % bytes.len();
        match seed % 4 {
            0 => bytes[place] ^= 1 << (seed / 4),
            1 => (place..bytes.len().min(place + 1000)).zip(noise(seed, 1000)).for_each(|(at, byte)| bytes[at] = byte),
            2 => (place..bytes.len().min(place + 200_000)).for_each(|at| bytes[at] = 0),
            _ => bytes.truncate(place),
        }
        fs::write(&bundle, bytes).unwrap();
        let (by_stock, back) = (bench.fresh(), bench.fresh());
        by_stock_tools(&bundle, &by_stock);
        bench.snap.call("restore").words("-q --to").arg(&back).run();
        let (by_stock, by_snap) = (right(&bench, &by_stock), right(&bench, &back));
        for (number, (stock, snap)) in by_stock.iter().zip(&by_snap).enumerate() {
            assert!(*snap || !stock, "file {number}, damage {seed} at {place} of {}", sound.len());
        }
        more += count(&by_snap) - count(&by_stock);
    }
    assert!(more > 0);
}

/// Files of three snapshots in several parts, with moves, copies, patches and changes of metadata alone.
fn save_history(bench: &Bench) {
    let save =
        || drop(bench.snap.call("create").words("-q --patch-from 4K --max-part 128K").arg(bench.home.root()).run());
    let home = &bench.home;
    for number in 0..20_u64 {
        home.file(format!("a/{number}"), noise(number, 6000)).file(format!("b/{number}"), noise(100 + number, 9000));
    }
    home.file("goes", "x").file("c/large", noise(50, 200_000));
    save();
    home.rename("a", "moved").rename("b/1", "b/x").rename("b/2", "b/1").rename("b/x", "b/2").remove("goes");
    for number in 3..9 {
        home.append(format!("b/{number}"), noise(200 + number, 100)).mode(format!("b/{}", number + 7), 0o600);
    }
    home.file("c/copy", noise(50, 200_000)).file("c/new", noise(60, 5000));
    save();
    home.rename("moved/3", "b/3 too").rename("c", "d").append("d/large", "more").append("b/4", "more");
    home.file("d/twin", noise(61, 7000)).file("d/twin too", noise(61, 7000)).remove("moved/4");
    save();
}

/// For each file of the source, whether it is in `found` as it is there.
fn rights(bench: &Bench, found: &Path) -> Vec<(PathBuf, bool)> {
    let files = walkdir::WalkDir::new(bench.home.root()).sort_by_file_name().into_iter().map(|item| item.unwrap());
    let files = files.filter(|item| item.file_type().is_file()).map(|item| {
        let path = item.path().strip_prefix(bench.home.root()).unwrap().to_owned();
        let is_right =
            fs::read(found.join("home").join(&path)).is_ok_and(|bytes| bytes == fs::read(item.path()).unwrap());
        (path, is_right)
    });
    files.collect()
}

#[test]
fn of_a_damaged_history_with_moves_copies_and_patches_restore_gets_no_less_than_stock_tools() {
    let bench = Bench::new();
    save_history(&bench);
    let (mut more, mut whole) = (0, 0);
    for seed in 0..40_u64 {
        let all = bundles(bench.snap.archive());
        let bundle = &all[u64::from_le_bytes(noise(900 + seed, 8).try_into().unwrap()) as usize % all.len()];
        let sound = fs::read(bundle).unwrap();
        let place = u64::from_le_bytes(noise(seed, 8).try_into().unwrap()) as usize % sound.len();
        let mut bytes = sound.clone();
        match seed % 4 {
            0 => bytes[place] ^= 1 << (seed / 4 % 8),
            1 => (place..bytes.len().min(place + 500)).zip(noise(seed, 500)).for_each(|(at, byte)| bytes[at] = byte),
            2 => (place..bytes.len().min(place + 20_000)).for_each(|at| bytes[at] = 0),
            _ => bytes.truncate(place),
        }
        fs::write(bundle, bytes).unwrap();
        let (by_stock, back) = (bench.fresh(), bench.fresh());
        recover(bench.snap.archive(), &bench.path("tools"), &[by_stock.as_os_str()]);
        let said = bench.snap.call("restore").words("-q --to").arg(&back).run();
        for ((path, stock), (_, snap)) in rights(&bench, &by_stock).into_iter().zip(rights(&bench, &back)) {
            let shown = format!("{}, damage {seed} at {place} of {}", path.display(), bundle.display());
            assert!(snap || !stock, "{shown}: {}", said.shown());
            more += usize::from(snap && !stock);
            whole += usize::from(stock);
        }
        fs::write(bundle, sound).unwrap();
    }
    assert!(more > 0 && whole > 0, "{more} more, {whole} whole");
}

#[test]
fn garbage_of_a_kilobyte_costs_the_files_that_it_hit_and_repair_keeps_the_others() {
    let bench = Bench::new();
    save_without_repetition(&bench);
    let bundle = bundles(bench.snap.archive()).remove(0);
    let mut bytes = fs::read(&bundle).unwrap();
    // Behind it the bundle's length depends on inodes and times.
    let middle = 660_000;
    bytes[middle..middle + 1000].copy_from_slice(&noise(1, 1000));
    fs::write(&bundle, bytes).unwrap();
    let (before, lost) = (bench.fresh(), bench.fresh());
    bench.snap.call("restore").words("-q --to").arg(&before).fails(3);
    let whole = right(&bench, &before);
    let lost_files: Vec<usize> = (0..FILES).filter(|number| !whole[*number]).collect();
    let reach = lost_files.first().zip(lost_files.last()).map_or(0, |(first, last)| last - first + 1);
    assert!(reach <= LOST_MAX, "lost are {lost_files:?} of {FILES}");
    recover(bench.snap.archive(), &bench.path("tools"), &[lost.as_os_str()]);
    bench.snap.call("repair").words("-q").run();
    let (after, recovered) = (bench.fresh(), bench.fresh());
    bench.snap.call("restore").words("-q --to").arg(&after).fails(3);
    assert_eq!(right(&bench, &after), whole);
    let said = recover(bench.snap.archive(), &bench.path("tools"), &[recovered.as_os_str()]).expect(1);
    for number in lost_files {
        assert!(said.said().contains(&format!("    home/f{number:04}\n")), "{}", said.shown());
    }
    assert_eq!(right(&bench, &recovered), whole);
    assert!(count(&right(&bench, &lost)) <= count(&whole));
}

/// Puts garbage where the content of one file stands: it compresses to itself.
fn spoil(bundle: &Path, content: &[u8]) {
    let mut bytes = fs::read(bundle).unwrap();
    let sample = &content[content.len() / 2..content.len() / 2 + 16];
    let at = bytes.windows(sample.len()).position(|window| window == sample).unwrap();
    bytes[at..at + 8].copy_from_slice(b"spoilt!!");
    fs::write(bundle, bytes).unwrap();
}

/// Where all that was saved can be had, without a word, by the program and by stock tools, at both snapshots.
#[track_caller]
fn assert_whole(bench: &Bench, states: &[&Path]) {
    let verified = bench.snap.call("verify").words("--data -v").ok();
    assert!(!verified.said().contains("lost"), "{}", verified.shown());
    for (number, state) in (1..).zip(states) {
        let (restored, recovered) = (bench.fresh(), bench.fresh());
        bench.snap.call("restore").words(&format!("-q --at {number} --to")).arg(&restored).ok().expect_silent();
        let number = number.to_string();
        recover(bench.snap.archive(), &bench.path("tools"), &[number.as_ref(), recovered.as_os_str()]);
        assert_same_below(state, &restored, Level::Everything);
        assert_same_below(state, &recovered, Level::Stock);
    }
}

#[test]
fn what_was_lost_and_saved_again_is_whole_in_all_snapshots_after_a_repair() {
    let bench = Bench::new();
    bench.home.file("lost", noise(1, 20_000)).file("beside", noise(2, 20_000)).hard_link("lost", "second");
    bench.save();
    let first = bench.copy();
    let bundle = bundles(bench.snap.archive()).remove(0);
    spoil(&bundle, &noise(1, 20_000));
    assert_eq!(bench.snap.call("repair").run().status, 3);
    bench.snap.call("restore").words("-q --at 1 --to").arg(bench.fresh()).fails(3);
    bench.home.file("new", "new");
    bench.save();
    let second = bench.copy();
    let tried = bench.snap.call("repair").words("--dry-run").run();
    tried.expect_said(&["stand elsewhere in the archive"]);
    let mended = bench.snap.call("repair").ok();
    mended.expect_said(&["stand elsewhere in the archive"]);
    assert_whole(&bench, &[&first, &second]);
    bench.snap.call("repair").ok().expect_said(&["Nothing to repair"]);
}

#[test]
fn what_stands_twice_in_the_archive_is_not_lost_when_one_of_both_is_damaged() {
    let bench = Bench::new();
    bench.home.file("a", noise(1, 20_000)).sparse("hollow", 1 << 20, &[(300_000, &noise(3, 20_000))]);
    // Else what is there already would not be stored again.
    bench.snap.call("create").words("--patch-from never").arg(bench.home.root()).ok();
    let first = bench.copy();
    bench.home.remove("a").file("d/copy", noise(1, 20_000)).file("beside", noise(2, 20_000));
    bench.home.rename("hollow", "d/moved").sparse("again", 1 << 20, &[(300_000, &noise(3, 20_000))]);
    bench.save();
    let second = bench.copy();
    for number in 0..2 {
        let bundle = bundles(bench.snap.archive()).remove(number);
        spoil(&bundle, &noise(1, 20_000));
        spoil(&bundle, &noise(3, 20_000));
        bench.snap.call("restore").words(&format!("-q --at {} --to", number + 1)).arg(bench.fresh()).fails(3);
        bench.snap.call("repair").words("-q").ok();
        assert_whole(&bench, &[&first, &second]);
    }
}
