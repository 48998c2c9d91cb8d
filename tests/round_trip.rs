//! Random trees under random edits: every snapshot comes back as it was, by snap and by stock tar. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::listing::below;
use crate::support::replay::bundles_of;
use crate::support::replay::replay_one;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use filetime::FileTime;
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::prelude::prop;
use proptest::strategy::Strategy;
use proptest::test_runner::Config;
use proptest::test_runner::RngSeed;
use proptest::test_runner::TestRunner;
use rustix::fs::FileType;

/// What is done to a tree; what it is done to is picked from what is there.
#[derive(Clone, Copy, Debug)]
enum Act {
    Add,
    AddDirectory,
    AddSymlink,
    AddFifo,
    HardLink,
    ModifySameSize,
    ModifySameSizeAndTime,
    Append,
    Shorten,
    Touch,
    Chmod,
    Delete,
    Rename,
    RenameOver,
    Swap,
    ChangeType,
}

const ACTS: [Act; 16] = [
    Act::Add,
    Act::AddDirectory,
    Act::AddSymlink,
    Act::AddFifo,
    Act::HardLink,
    Act::ModifySameSize,
    Act::ModifySameSizeAndTime,
    Act::Append,
    Act::Shorten,
    Act::Touch,
    Act::Chmod,
    Act::Delete,
    Act::Rename,
    Act::RenameOver,
    Act::Swap,
    Act::ChangeType,
];

/// One edit: what, two picks from what is there, and a seed for names, sizes and contents.
type Edit = (Act, usize, usize, u16);

fn edit() -> impl Strategy<Value = Edit> {
    (prop::sample::select(&ACTS[..]), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u16>())
        .prop_map(|(act, a, b, seed)| (act, a.index(1 << 20), b.index(1 << 20), seed))
}

#[test]
fn every_snapshot_of_a_random_history_comes_back_by_snap_and_by_stock_tar() {
    let mut config = Config { failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
    // The surroundings may ask for more, or for another seed; by default every run asks the same.
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 12;
    }
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(20_261_122);
    }
    let first = vec(edit(), 5..40);
    let later = vec(vec(edit(), 0..8), 8..=10);
    let outcome = TestRunner::new(config).run(&(first, later), |(first, later)| {
        play(&first, &later);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

fn play(first: &[Edit], later: &[Vec<Edit>]) {
    let bench = Bench::new();
    let replayed = bench.path("replayed");
    let mut copies = Vec::new();
    bench.home.file("always", "here");
    for edits in std::iter::once(first).chain(later.iter().map(Vec::as_slice)) {
        for edit in edits {
            apply(&bench.home, *edit);
        }
        // A source that has become empty is refused, which is another test.
        if below(bench.home.root()).is_empty() {
            bench.home.file("refuge", "again");
        }
        bench.save();
        let copy = bench.copy();
        if bench.snap.snapshots() > copies.len() {
            copies.push(copy);
        } else {
            assert_same_below(copies.last().unwrap(), &copy, Level::Everything);
        }
        for bundle in bundles_of(bench.snap.archive(), copies.len()) {
            replay_one(&bundle, &replayed);
        }
        assert_same_below(&bench.sources(), &replayed, Level::Stock);
    }
    for (number, copy) in copies.iter().enumerate() {
        assert_same_below(copy, &bench.restored(number + 1), Level::Everything);
    }
}

fn apply(home: &Tree, (act, a, b, seed): Edit) -> &Tree {
    let paths = below(home.root());
    let pick = |wanted: &[FileType], at: usize| {
        let all: Vec<&Vec<u8>> =
            paths.iter().filter(|(_, item)| wanted.contains(&item.kind)).map(|(path, _)| path).collect();
        all.get(at % all.len().max(1)).map(|path| (*path).clone())
    };
    let (file, directory) = (pick(&[FileType::RegularFile], a), pick(&[FileType::Directory], b).unwrap_or_default());
    let anything = pick(&[FileType::RegularFile, FileType::Directory, FileType::Symlink, FileType::Fifo], a);
    let (Some(file), Some(anything)) = (file, anything) else {
        // Under a name that no other edit gives, so that nothing else can be there.
        home.file(format!("refuge {seed}"), "again");
        return home;
    };
    let new = joined(&directory, &name(seed));
    let is_new = home.path(&new).symlink_metadata().is_err();
    match act {
        Act::Add if is_new => home.file(&new, content(seed)),
        Act::AddDirectory if is_new => home.dir(&new),
        Act::AddSymlink if is_new => home.symlink(&new, &anything),
        Act::AddFifo if is_new => home.fifo(&new),
        Act::HardLink if is_new => home.hard_link(&file, &new),
        Act::ModifySameSize => modify(home, &file, seed, false),
        Act::ModifySameSizeAndTime => modify(home, &file, seed, true),
        Act::Append => home.append(&file, content(seed)),
        Act::Shorten => shorten(home, &file, u64::from(seed) % 9),
        Act::Touch => home.mtime(&anything, i64::from(seed) * 25_000 + 1, i64::from(seed)),
        Act::Chmod if paths[&anything].kind != FileType::Symlink => {
            home.mode(&anything, 0o700 | u32::from(seed) & 0o77)
        }
        Act::Delete => home.remove(&anything),
        Act::Rename if is_new && !is_in(&new, &anything) => home.rename(&anything, &new),
        Act::RenameOver => home.rename(&file, pick(&[FileType::RegularFile], b).unwrap()),
        Act::Swap => swap(home, &anything, &directory),
        Act::ChangeType => change_type(home, &anything, seed),
        _ => home,
    }
}

fn shorten<'a>(home: &'a Tree, file: &[u8], size: u64) -> &'a Tree {
    std::fs::File::options().write(true).open(home.path(file)).unwrap().set_len(size).unwrap();
    home
}

fn modify<'a>(home: &'a Tree, file: &[u8], seed: u16, keep_time: bool) -> &'a Tree {
    let before = home.path(file).metadata().unwrap();
    home.file(file, noise(u64::from(seed), before.len() as usize));
    if keep_time {
        filetime::set_file_mtime(home.path(file), FileTime::from_last_modification_time(&before)).unwrap();
    }
    home
}

fn swap<'a>(home: &'a Tree, a: &[u8], b: &[u8]) -> &'a Tree {
    if a != b && !b.is_empty() && !is_in(a, b) && !is_in(b, a) {
        home.rename(a, "to swap").rename(b, a).rename("to swap", b);
    }
    home
}

fn change_type<'a>(home: &'a Tree, path: &[u8], seed: u16) -> &'a Tree {
    home.remove(path);
    match seed % 4 {
        0 => home.file(path, content(seed)),
        1 => home.file(joined(path, b"inside"), content(seed)),
        2 => home.symlink(path, "always"),
        _ => home.fifo(path),
    }
}

fn is_in(path: &[u8], ancestor: &[u8]) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

/// Few enough that names meet again, and odd enough to matter.
fn name(seed: u16) -> Vec<u8> {
    const NAMES: [&[u8]; 14] = [
        b"a",
        b"a.b",
        b"a-b",
        b"b",
        b"B",
        b"new\nline",
        b"raw \xff",
        b"\xfe\xfd",
        b"-x",
        b"back\\slash",
        b"blank ",
        "uml\u{e4}ut".as_bytes(),
        b"%41",
        b"z",
    ];
    let name = NAMES[usize::from(seed) % NAMES.len()];
    if seed.is_multiple_of(97) { [name, &[b'l'; 180]].concat() } else { name.to_vec() }
}

/// Mostly small, sometimes a bit more, rarely more than a frame.
fn content(seed: u16) -> Vec<u8> {
    let length = match seed % 60 {
        0 => (8 << 20) + usize::from(seed) % 3 - 1,
        1..10 => usize::from(seed) * 3,
        10..20 => 511 + usize::from(seed) % 3,
        20..25 => 0,
        _ => usize::from(seed) % 200,
    };
    noise(u64::from(seed) / 7, length)
}

#[test]
fn an_edit_right_after_the_snapshot_with_the_same_size_and_time_is_caught() {
    let bench = Bench::new();
    for round in 0..4_u8 {
        let path = bench.home.path("f");
        bench.home.file("f", vec![b'0' + round; 1000]).file("other", [round]);
        bench.save();
        let before = FileTime::from_last_modification_time(&path.metadata().unwrap());
        bench.home.file("f", vec![b'A' + round; 1000]);
        filetime::set_file_mtime(&path, before).unwrap();
        bench.assert_kept();
        assert_eq!(std::fs::read(bench.restored(0).join("home/f")).unwrap()[0], b'A' + round);
    }
}

#[test]
fn an_edit_through_a_second_name_is_caught() {
    let bench = Bench::new();
    bench.home.file("a/f", "one").dir("b").hard_link("a/f", "b/g");
    bench.assert_kept();
    bench.home.file("b/g", "two");
    bench.assert_kept();
    assert_eq!(std::fs::read(bench.restored(0).join("home/a/f")).unwrap(), b"two");
}

#[test]
fn a_file_that_is_replaced_by_another_with_the_same_size_and_time_is_caught() {
    let bench = Bench::new();
    bench.home.file("f", "one").mtime("f", 1_000_000_000, 0);
    bench.assert_kept();
    // So that the times alone are above suspicion.
    std::thread::sleep(std::time::Duration::from_secs(4));
    bench.save();
    bench.home.file("new", "two").mtime("new", 1_000_000_000, 0).rename("new", "f");
    bench.assert_kept();
    assert_eq!(std::fs::read(bench.restored(0).join("home/f")).unwrap(), b"two");
}

mod tests {
    use super::apply;
    use super::edit;
    use crate::support::listing::below;
    use crate::support::tree::Tree;
    use proptest::strategy::Strategy;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    #[test]
    fn random_edits_make_trees_of_every_kind_of_thing() {
        let dir = tempfile::tempdir().unwrap();
        let home = Tree::at(dir.path());
        home.file("always", "here");
        let mut runner = TestRunner::deterministic();
        let mut kinds = std::collections::BTreeSet::new();
        let mut linked = false;
        for _ in 0..400 {
            apply(&home, edit().new_tree(&mut runner).unwrap().current());
            let found = below(home.root());
            kinds.extend(found.values().map(|item| format!("{:?}", item.kind)));
            linked |= found.values().any(|item| !item.links.is_empty());
        }
        assert!(kinds.len() == 4 && linked, "{kinds:?}");
    }
}
