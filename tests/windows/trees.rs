//! Trees made at random, saved by one system and restored by the other: what both can have comes back as it was, and what one cannot
//! have is told and loses nothing else.

use crate::support::bench::copy_exactly;
use crate::support::command::as_root;
use crate::support::listing::Item;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::listing::below;
use crate::support::replay::stock_replay;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use crate::support::tree::Random;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use crate::windows::Scene;
use crate::windows::kept;
use crate::windows::settle;
use crate::windows::shown_plainly;
use rustix::fs::FileType;
use std::collections::BTreeMap;
use std::path::Path;

/// What both systems have.
const PLAIN: [&str; 13] = [
    "a",
    "Füße",
    "Привет",
    "日本語",
    "emoji 😀",
    "with blanks in it",
    ".hidden",
    "e\u{301}",
    "100%41",
    "[x](y)&z",
    "it's",
    "-dash",
    "dots.in.it",
];

/// What programs of Windows do not open: it gets other names there.
const ODD: [&str; 4] = ["aux.txt", "end.", "blank ", "NUL"];

/// What Windows cannot have: another system's alone.
const FOREIGN: [&[u8]; 6] = [b"a:b", b"q?", b"back\\slash", b"raw \xff", b"new\nline", b"<tag>"];

struct Gardener<'a> {
    tree: &'a Tree,
    dice: Random,
    /// Whether there are names and kinds that only one system has.
    is_mixed: bool,
}

impl Gardener<'_> {
    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.dice.below(of.len())]
    }

    /// The paths of what is of this kind; of folders, with the top.
    fn paths(&self, kind: FileType) -> Vec<Vec<u8>> {
        below(self.tree.root()).into_iter().filter(|(_, item)| item.kind == kind).map(|(path, _)| path).collect()
    }

    fn some(&mut self, kind: FileType) -> Option<Vec<u8>> {
        let mut paths = self.paths(kind);
        if kind == FileType::Directory {
            paths.retain(|path| !path.is_empty());
        }
        (!paths.is_empty()).then(|| paths.swap_remove(self.dice.below(paths.len())))
    }

    /// A path where nothing is, in one of the folders.
    fn free(&mut self) -> Option<Vec<u8>> {
        let folder = self.some(FileType::Directory).filter(|_| self.dice.below(3) > 0).unwrap_or_default();
        let name = match self.dice.below(6) {
            0 => self.pick(&ODD).as_bytes(),
            1 if self.is_mixed => self.pick(&FOREIGN),
            _ => self.pick(&PLAIN).as_bytes(),
        };
        let path = if folder.is_empty() { name.to_vec() } else { [&folder, &b"/"[..], name].concat() };
        (self.tree.path(&path).symlink_metadata().is_err() && path.len() < 900).then_some(path)
    }

    fn content(&mut self) -> Vec<u8> {
        let length = [0, 50, 5000, 60_000][self.dice.below(4)];
        let seed = self.dice.below(1 << 20) as u64;
        if self.dice.below(2) == 0 { noise(seed, length) } else { format!("{seed} ").repeat(length / 8).into_bytes() }
    }

    fn edit(&mut self) {
        match self.dice.below(if self.is_mixed { 12 } else { 10 }) {
            0..=3 => self.make(),
            4 => self.change(),
            5 | 6 => self.rename(),
            7 => self.remove(),
            8 => {
                let Some((old, new)) = self.some(FileType::RegularFile).zip(self.free()) else { return };
                self.tree.hard_link(old, new);
            }
            9 => {
                let Some(file) = self.some(FileType::RegularFile) else { return };
                let seconds = self.dice.below(1 << 31) as i64;
                let mode = [0o444, 0o644][self.dice.below(2)];
                self.tree.mode(&file, mode).mtime(&file, seconds, 123_456_700);
            }
            10 => {
                let Some(path) = self.free() else { return };
                self.tree.symlink(path, ["a", "../Füße", "/nowhere"][self.dice.below(3)]);
            }
            _ => {
                let Some(path) = self.free() else { return };
                self.tree.fifo(path);
            }
        }
    }

    fn make(&mut self) {
        let (Some(path), content) = (self.free(), self.content()) else { return };
        match self.dice.below(4) {
            0 => drop(self.tree.dir(path)),
            1 => drop(self.tree.sparse(path, 300_000, &[(100_000, &content)])),
            _ => drop(self.tree.file(path, content)),
        }
    }

    fn change(&mut self) {
        let Some(file) = self.some(FileType::RegularFile) else { return };
        let content = self.content();
        self.tree.mode(&file, 0o644);
        if self.dice.below(2) == 0 {
            self.tree.file(file, content)
        } else {
            self.tree.append(file, content)
        };
    }

    fn rename(&mut self) {
        let kind = [FileType::RegularFile, FileType::Directory][self.dice.below(2)];
        let Some((old, new)) = self.some(kind).zip(self.free()) else { return };
        if !new.starts_with(&[&old, &b"/"[..]].concat()) {
            self.tree.rename(old, new);
        }
    }

    fn remove(&mut self) {
        let kind = [FileType::RegularFile, FileType::RegularFile, FileType::Directory][self.dice.below(3)];
        if let Some(path) = self.some(kind) {
            self.tree.remove(path);
        }
    }
}

/// What both systems keep of a thing: kind, content, time, whether it may be written.
type Facts = (u32, Option<String>, (i64, u64), u32);

fn facts(item: &Item) -> Facts {
    let is_file = item.kind == FileType::RegularFile;
    let content = item.content.map(|hash| hash.to_hex().to_string());
    (item.kind.as_raw_mode(), content, kept(item.mtime), if is_file { item.mode & 0o200 } else { 0 })
}

fn is_plain(path: &[u8]) -> bool {
    let is_known =
        |part: &[u8]| PLAIN.iter().any(|name| name.as_bytes() == part) || part.iter().all(|byte| *byte == b'd');
    path.split(|byte| *byte == b'/').all(|part| part == b"home" || is_known(part))
}

/// Restored there: what has a plain path is as it was, and all else has another name.
#[track_caller]
fn assert_there(expected: &Path, found: &Path, what: &str) {
    let can_be = |item: &Item| [FileType::RegularFile, FileType::Directory].contains(&item.kind);
    let (expected, found) = (below(expected), below(found));
    let mut counts: BTreeMap<Facts, i32> = BTreeMap::new();
    for (path, item) in expected.iter().filter(|(path, item)| can_be(item) && !path.is_empty()) {
        *counts.entry(facts(item)).or_default() += 1;
        if is_plain(path) {
            let shown = String::from_utf8_lossy(path);
            let is = found.get(path).unwrap_or_else(|| panic!("{what}: {shown} is missing"));
            assert_eq!(facts(item), facts(is), "{what}: {shown}");
            assert_eq!(item.links.len(), is.links.len(), "{what}: names of {shown}");
        }
    }
    for (_, item) in found.iter().filter(|(path, _)| !path.is_empty()) {
        *counts.entry(facts(item)).or_default() -= 1;
    }
    counts.retain(|_, count| *count != 0);
    assert!(counts.is_empty(), "{what}: more (+) or less (-) than there should be: {counts:#?}");
}

#[test]
fn trees_made_at_random_go_both_ways() {
    let Some(scene) = Scene::new() else { return };
    for seed in 0..4 {
        let scene = scene.anew();
        let (home, mut copies) = (&scene.bench.home, Vec::new());
        home.deep_file(&vec![vec![b'd'; 200]; 4], b"deep", b"deep down");
        let mut gardener = Gardener { tree: home, dice: Random(seed), is_mixed: false };
        for snapshot in 0..4 {
            (0..if snapshot == 0 { 60 } else { 15 }).for_each(|_| gardener.edit());
            settle(home);
            let words = if snapshot == 0 { "create --init" } else { "create --moved --allow-empty" };
            if (seed + snapshot) % 2 == 0 {
                shown_plainly(scene.call(words).arg(home.root()).ok());
            } else {
                scene.bench.snap.call(words).arg(home.root()).ok();
            }
            copies.push(scene.bench.copy());
        }
        scene.call("verify --data").ok();
        scene.bench.snap.call("verify --data").ok();
        for (number, copy) in (1..).zip(&copies) {
            let what = format!("seed {seed}, snapshot {number}");
            assert_there(copy, &scene.restored(number), &what);
            let here = scene.bench.restored(number);
            assert_same_below(copy, &here, Level::Stock);
            let all = |top: &Path| below(top).into_iter().map(|(path, item)| (path, facts(&item))).collect::<Vec<_>>();
            assert_eq!(all(copy), all(&here), "{what}");
            let replayed = scene.bench.fresh();
            stock_replay(scene.bench.snap.archive(), number, &replayed);
            assert_same_below(copy, &replayed, Level::Stock);
        }
    }
}

#[test]
fn what_only_other_systems_have_costs_itself_alone() {
    let Some(scene) = Scene::new() else { return };
    for seed in 10..13 {
        let scene = scene.anew();
        let home = &scene.bench.home;
        let mut gardener = Gardener { tree: home, dice: Random(seed), is_mixed: true };
        (0..100).for_each(|_| gardener.edit());
        home.symlink("link", "a").file("with attribute", "w").xattr("with attribute", "user.note", "n");
        if as_root() {
            home.node("device", FileType::CharacterDevice, 1, 3);
        }
        settle(home);
        scene.bench.snap.init();
        scene.bench.save();
        let to = scene.bench.fresh();
        let told = scene.call("restore --json --to").arg(&to).ok().json().remove(0);
        assert_there(&scene.bench.sources(), &to, &format!("seed {seed}"));
        let losses = told["losses"].to_string();
        assert!(losses.contains("link") && losses.contains("attribute"), "{told}");
        // What came back there is saved there, and is the same tree here.
        let archive = scene.bench.fresh();
        let again = Tree::at(scene.bench.path("again"));
        copy_exactly(&to.join("home"), again.root());
        scene.on(&archive, "create --init").arg(again.root()).ok();
        let back = scene.bench.fresh();
        Call::new(BINARY.as_ref()).words("restore -a").arg(&archive).words("--to").arg(&back).ok();
        assert_same_below(again.root(), &back.join("again"), Level::Stock);
    }
}
