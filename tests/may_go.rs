//! `restore --in-place --delete` against a plain model of what may go: random trees, rules, snapshots and later changes. Knows
//! the command line only.

use crate::support::bench::Bench;
use crate::support::tree::Random;
use std::collections::BTreeMap;
use std::fs;

/// A tree: each path with its content, `None` for a directory.
type Nodes = BTreeMap<String, Option<String>>;

/// A rule of the command line, and whether it fits a name.
type Rule = (&'static str, fn(&str, bool) -> bool);

const RULES: [Rule; 3] = [
    ("*.iso", |name, _| name.as_bytes().ends_with(b".iso")),
    ("build/", |name, is_directory| name == "build" && is_directory),
    ("cache", |name, _| name == "cache"),
];

/// What stands in files of rules.
const TEXTS: [&str; 8] = [
    "*.o\n",
    "*.o\n",
    "*\n",
    "*\n!b\n",
    ".snapignore\nb\n",
    "/.snapignore\n*.o\n",
    "!x.iso\n!b\n",
    "b\n!.snapignore\n",
];

const NAMES: [&str; 8] = ["a", "b", "d", "x.iso", "y.o", "build", "cache", ".snapignore"];

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn is_in(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Makes, changes and removes some entries.
fn change(nodes: &mut Nodes, numbers: &mut Random, round: usize) {
    for step in 0..12 {
        let directories: Vec<String> =
            nodes.iter().filter(|(_, node)| node.is_none()).map(|(path, _)| path.clone()).collect();
        let place = numbers.below(directories.len() + 1);
        let directory = if place == 0 { "" } else { directories[place - 1].as_str() };
        let name = NAMES[numbers.below(NAMES.len())];
        let path = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
        if path.matches('/').count() > 3 {
            continue;
        }
        let kind = numbers.below(5);
        nodes.retain(|other, node| !is_in(other, &path) || kind > 2 && other == &path && node.is_none());
        match kind {
            0 => {}
            _ if name == ".snapignore" => drop(nodes.insert(path, Some(TEXTS[numbers.below(TEXTS.len())].to_owned()))),
            1 | 2 => drop(nodes.insert(path, Some(format!("{round} {step}")))),
            _ => drop(nodes.insert(path, None)),
        }
    }
}

/// The rules of a file of rules.
struct Level {
    directory: String,
    text: String,
    /// Whether it is the one that was saved. Of another one, what it keeps does not count.
    is_saved: bool,
}

impl Level {
    /// Whether it leaves a path out; `None` when it says nothing of it.
    fn word(&self, path: &str) -> Option<bool> {
        let inside = path.strip_prefix(&self.directory)?.trim_start_matches('/');
        let fits = |rule: &str| match rule {
            "*" => true,
            "*.o" => name(path).as_bytes().ends_with(b".o"),
            _ => rule.strip_prefix('/').map_or(name(path) == rule, |anchored| inside == anchored),
        };
        let last = self.text.lines().rev().find(|line| fits(line.trim_start_matches('!')))?;
        Some(!last.starts_with('!')).filter(|leaves_out| *leaves_out || self.is_saved)
    }
}

fn leave_out(levels: &[Level], path: &str, is_directory: bool, rules: &[Rule]) -> bool {
    let by_files = || levels.iter().rev().find_map(|level| level.word(path)).unwrap_or(false);
    rules.iter().any(|(_, fits)| fits(name(path), is_directory)) || by_files()
}

/// The rules that hold in a directory: those that were saved, and those that are there and leave themselves out.
fn levels(directory: &str, (nodes, saved): (&Nodes, &Nodes), rules: &[Rule]) -> Vec<Level> {
    let mut levels = if directory.is_empty() { Vec::new() } else { levels(parent(directory), (nodes, saved), rules) };
    let file = if directory.is_empty() { ".snapignore".to_owned() } else { format!("{directory}/.snapignore") };
    let is_saved = saved.contains_key(&file);
    if let Some(Some(text)) = if is_saved { saved.get(&file) } else { nodes.get(&file) } {
        levels.push(Level { directory: directory.to_owned(), text: text.clone(), is_saved });
        if !is_saved && !leave_out(&levels, &file, false, rules) {
            levels.pop();
        }
    }
    levels
}

/// Whether rules leave out a path, or something that it is in and that was not saved: those of the command line, those in
/// `saved`, and those that left themselves out.
fn is_left_out(path: &str, (nodes, saved): (&Nodes, &Nodes), rules: &[Rule]) -> bool {
    let mut at = path;
    while !at.is_empty() {
        let is_directory = at != path || nodes.get(at).is_some_and(Option::is_none);
        let is_asked = at == path || !saved.contains_key(at);
        if is_asked && leave_out(&levels(parent(at), (nodes, saved), rules), at, is_directory, rules) {
            return true;
        }
        at = parent(at);
    }
    false
}

fn saved_of(nodes: &Nodes, rules: &[Rule]) -> Nodes {
    // What stands in something that is left out is never asked, rules there neither.
    let mut saved = Nodes::new();
    for (path, node) in nodes {
        let is_reached = parent(path).is_empty() || saved.contains_key(parent(path));
        if is_reached && !is_left_out(path, (nodes, nodes), rules) {
            saved.insert(path.clone(), node.clone());
        }
    }
    saved
}

/// What is there after a restore of `saved` over `now`.
fn expected(saved: &Nodes, now: &Nodes, rules: &[Rule]) -> Nodes {
    let stays = |path: &str| !saved.contains_key(path) && is_left_out(path, (now, saved), rules);
    let mut left = saved.clone();
    for (path, node) in now.iter().filter(|(path, _)| stays(path)) {
        left.insert(path.clone(), node.clone());
        let mut above = parent(path);
        while !above.is_empty() {
            if saved.get(above).is_some_and(Option::is_some) {
                // A folder in the way of a file, that holds what must stay: it stays with all it holds.
                left.extend(now.iter().filter(|(other, _)| is_in(other, above)).map(|(a, b)| (a.clone(), b.clone())));
            } else {
                left.entry(above.to_owned()).or_insert(None);
            }
            above = parent(above);
        }
    }
    left
}

fn write(bench: &Bench, nodes: &Nodes) {
    if bench.home.root().exists() {
        bench.home.remove("");
    }
    bench.home.dir("");
    for (path, node) in nodes {
        match node {
            Some(content) => bench.home.file(path, content),
            None => bench.home.dir(path),
        };
    }
}

fn read(bench: &Bench) -> Nodes {
    let items = walkdir::WalkDir::new(bench.home.root()).min_depth(1).into_iter().map(Result::unwrap);
    let node = |item: walkdir::DirEntry| {
        let path = item.path().strip_prefix(bench.home.root()).unwrap().to_str().unwrap().to_owned();
        (path, item.file_type().is_file().then(|| fs::read_to_string(item.path()).unwrap()))
    };
    items.map(node).collect()
}

#[test]
fn what_goes_in_place_is_what_may_go() {
    for seed in 0..40 {
        let mut numbers = Random(seed);
        let rules: Vec<Rule> = RULES.into_iter().filter(|_| numbers.below(3) > 0).collect();
        let bench = Bench::new();
        let (mut nodes, mut saved) = (Nodes::new(), Vec::new());
        nodes.insert("a".to_owned(), Some("always".to_owned()));
        for round in 0..2 {
            change(&mut nodes, &mut numbers, round);
            write(&bench, &nodes);
            let mut call = bench.snap.call("create").words("--allow-empty").arg(bench.home.root());
            for (rule, _) in rules.iter().filter(|_| round == 0) {
                call = call.words("--exclude").arg(rule);
            }
            call.ok();
            saved.push(saved_of(&nodes, &rules));
        }
        for at in [1, 2, 1] {
            change(&mut nodes, &mut numbers, 7);
            write(&bench, &nodes);
            let expected = expected(&saved[at - 1], &nodes, &rules);
            let call = bench.snap.call("restore").words("--in-place --delete --yes --at").arg(at.to_string());
            let outcome = call.run();
            assert_eq!(read(&bench), expected, "seed {seed}, snapshot {at}, before: {nodes:?}\n{}", outcome.shown());
            let is_exact = saved[at - 1].iter().all(|(path, node)| expected.get(path) == Some(node));
            assert_eq!(outcome.status, if is_exact { 0 } else { 3 }, "{}", outcome.shown());
        }
    }
}
