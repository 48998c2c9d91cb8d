//! Rules as git has them: what the library leaves out of random trees by random rules is what git leaves out.

use crate::support::bench::Bench;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::tree::Tree;
use snap_archive::base::exclude::Exclude;
use snap_archive::base::exclude::IGNORE_FILE;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Sets of rules that are tried each time; `SNAP_RULE_SETS` says another number.
const SETS: u64 = 60;

/// Parts of names. Few, so that rules often fit.
const LETTERS: &[&[u8]] = &[
    b"a",
    b"b",
    b"c",
    b"d",
    b"ab",
    b"A",
    b"0",
    b".",
    b"-",
    b" ",
    b"\t",
    b"!",
    b"#",
    b"[",
    b"]",
    b"\\",
    b"{",
    b",",
    b"^",
    b":",
    b"\xc3\xa9",
    b"\xff",
    b"*",
    b"?",
    b"~",
];

/// Parts of rules beside [`LETTERS`].
const PARTS: &[&[u8]] = &[
    b"*",
    b"*",
    b"?",
    b"**",
    b"/",
    b"/",
    b"/**/",
    b"**/",
    b"/**",
    b"/*",
    b"***",
    b"[ab]",
    b"[!a]",
    b"[^b]",
    b"[.-0]",
    b"[a-c]",
    b"[]a]",
    b"[!]]",
    b"[\\]]",
    b"[a\\-c]",
    b"[[:alpha:]]",
    b"[![:alnum:]_]",
    b"[[:punct:]]",
    b"[[:space:]]",
    b"[[:x]",
    b"[a[:digit:]-]",
    b"[[:nope:]]",
    b"[a",
    b"[z-a]",
    b"[!-~]",
    b"[\xc3\xa9]",
    b"\\a",
    b"\\*",
    b"\\/",
    b"\\ ",
    b"\\",
    b"  ",
    b"\t",
    b"\r",
    b"!",
    b"#",
    b"\0",
];

/// Numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a [u8]]) -> &'a [u8] {
        from[self.below(from.len())]
    }

    fn name(&mut self) -> Vec<u8> {
        // Mostly of plain letters: a rule that never fits says nothing.
        let letters = if self.below(3) == 0 { LETTERS } else { &LETTERS[..8] };
        let name: Vec<u8> = (0..=self.below(3)).flat_map(|_| self.pick(letters)).copied().collect();
        if matches!(name.as_slice(), b"." | b"..") { b"a".to_vec() } else { name }
    }

    fn rule(&mut self) -> Vec<u8> {
        let mut rule = Vec::new();
        if self.below(5) == 0 {
            rule.push(b'!');
        }
        if self.below(5) == 0 {
            rule.push(b'/');
        }
        for _ in 0..=self.below(4) {
            match self.below(4) {
                0 => rule.extend(self.pick(LETTERS)),
                1 => rule.extend(self.name()),
                _ => rule.extend(self.pick(PARTS)),
            }
        }
        if self.below(6) == 0 {
            rule.push(b'/');
        }
        rule
    }

    fn rules(&mut self) -> Vec<u8> {
        let mut text = if self.below(20) == 0 { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        for _ in 0..=self.below(6) {
            text.extend(self.rule());
            text.extend(self.pick(&[b"\n", b"\n", b"\n", b"\r\n"]));
        }
        if self.below(4) == 0 {
            text.pop();
        }
        text
    }
}

fn make_tree(dice: &mut Dice, directory: &Path, depth: usize) {
    if depth == 0 || dice.below(4) == 0 {
        fs::write(directory.join(OsStr::from_bytes(IGNORE_FILE)), dice.rules()).unwrap();
    }
    for _ in 0..=dice.below(6) {
        let name = dice.name();
        let path = directory.join(OsStr::from_bytes(&name));
        if path.symlink_metadata().is_ok() {
            continue;
        }
        match dice.below(8) {
            0 => symlink(".", &path).unwrap(),
            1..=3 if depth < 3 => {
                fs::create_dir(&path).unwrap();
                make_tree(dice, &path, depth + 1);
            }
            _ => fs::write(&path, "").unwrap(),
        }
    }
}

/// What is left of a directory, as the scan finds it.
fn kept(rules: &Exclude, top: &Path, directory: &[u8], found: &mut BTreeSet<Vec<u8>>) {
    let at = top.join(OsStr::from_bytes(directory));
    let text = fs::read(at.join(OsStr::from_bytes(IGNORE_FILE)));
    let rules = text.map_or_else(|_| rules.clone(), |text| rules.with_ignore_file(directory, &text).0);
    for entry in fs::read_dir(at).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let mut path = directory.to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend(name.as_bytes());
        let is_directory = entry.file_type().unwrap().is_dir();
        if path == b".git" || rules.excludes(&path, is_directory) {
            continue;
        }
        if is_directory {
            kept(&rules, top, &path, found);
        } else {
            found.insert(path);
        }
    }
}

fn kept_by_git(top: &Path) -> BTreeSet<Vec<u8>> {
    let mut git = program("git");
    git.args(["ls-files", "-o", "-z", "--exclude-per-directory=.snapignore"]).current_dir(top);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let listed = run(&mut git).expect_silent().stdout;
    listed.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect()
}

/// All rules of a tree, for the message of a failed test.
fn shown_rules(top: &Path, directory: &Path) -> String {
    let own = fs::read(directory.join(OsStr::from_bytes(IGNORE_FILE)));
    let mut shown = own.map_or_else(
        |_| String::new(),
        |text| {
            let place = directory.strip_prefix(top).unwrap_or(directory);
            format!("{}: {}\n", place.display(), text.escape_ascii())
        },
    );
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            shown += &shown_rules(top, &entry.path());
        }
    }
    shown
}

#[test]
fn random_rules_leave_out_what_git_leaves_out() {
    if !installed("git") {
        return;
    }
    let sets = std::env::var("SNAP_RULE_SETS").ok().and_then(|sets| sets.parse().ok()).unwrap_or(SETS);
    for seed in 0..sets {
        let scratch = tempfile::tempdir().unwrap();
        let mut init = program("git");
        run(init.args(["init", "-q", "--template="]).current_dir(scratch.path())).expect(0);
        make_tree(&mut Dice(seed), scratch.path(), 0);
        let mut ours = BTreeSet::new();
        kept(&Exclude::default(), scratch.path(), b"", &mut ours);
        let theirs = kept_by_git(scratch.path());
        let differs: Vec<String> = ours
            .symmetric_difference(&theirs)
            .map(|path| format!("{} {}", if ours.contains(path) { "kept" } else { "left out" }, path.escape_ascii()))
            .collect();
        let rules = || shown_rules(scratch.path(), scratch.path());
        assert!(differs.is_empty(), "set {seed}: other than git, {differs:#?} by the rules\n{}", rules());
    }
}

#[test]
fn a_class_leaves_out_nothing_of_other_folders() {
    for rule in ["cache[!d]*", "cache[^0-9]photo", "a[.-0]c"] {
        let bench = Bench::without_archive();
        let source = Tree::at(bench.path("src"));
        source.file("cache/photo", "x").file("cache1", "x").file("a/c", "x");
        bench.snap.call("create").words("--init --exclude").arg(rule).arg(source.root()).ok();
        let listed = bench.snap.call("ls").words("-R").ok().out();
        assert!(listed.contains("cache/photo") && listed.contains("a/c"), "{rule}: {listed}");
        assert_eq!(listed.contains("cache1"), rule != "cache[!d]*", "{listed}");
    }
}
