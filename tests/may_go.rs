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
            _ if name == ".snapignore" => drop(nodes.insert(path, Some("*.o\n".to_owned()))),
            1 | 2 => drop(nodes.insert(path, Some(format!("{round} {step}")))),
            _ => drop(nodes.insert(path, None)),
        }
    }
}

/// Whether rules leave out a path, or something that it is in: those of the command line, and those in `saved`.
fn is_left_out(path: &str, (nodes, saved): (&Nodes, &Nodes), rules: &[Rule]) -> bool {
    let mut at = path;
    while !at.is_empty() {
        let is_directory = at != path || nodes.get(at).is_some_and(Option::is_none);
        if rules.iter().any(|(_, fits)| fits(name(at), is_directory)) {
            return true;
        }
        let mut above = parent(at);
        loop {
            let file = if above.is_empty() { ".snapignore".to_owned() } else { format!("{above}/.snapignore") };
            if name(at).as_bytes().ends_with(b".o") && saved.get(&file).is_some_and(Option::is_some) {
                return true;
            }
            if above.is_empty() {
                break;
            }
            above = parent(above);
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
