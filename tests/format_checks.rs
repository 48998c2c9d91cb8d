//! The numbered table in `docs/format.md` of what a reader must check, rule by rule: each is broken in a small archive that is
//! sound but for that, and who the table names must say so, at the right place. Uses the library.

mod archive;
mod bundles;
mod frames;
mod lines;
mod members;
mod rewritten;
mod script;

use crate::support::book::Book;
use crate::support::book::Page;
use crate::support::inside::Scene;
use crate::support::inside::quick_directory;
use crate::support::inside::restore;
use crate::support::tree::noise;
use serde_json::Value;
use serde_json::json;
use snap_archive::archive::open::Archive;
use snap_archive::base::error::Result;
use snap_archive::base::id::SnapshotNumber;
use snap_archive::base::monitor::Recorder;
use snap_archive::base::snapshot::Rules as SourceRules;
use snap_archive::system::store::MemoryStore;
use snap_archive::system::store::Store;
use snap_archive::verbs::create::CreateOptions;
use snap_archive::verbs::forget::ForgetOptions;
use snap_archive::verbs::forget::Which;
use snap_archive::verbs::forget::forget;
use snap_archive::verbs::prune::PruneOptions;
use snap_archive::verbs::prune::prune;
use snap_archive::verbs::restore::RestoreOptions;
use snap_archive::verbs::verify::Finding;
use snap_archive::verbs::verify::VerifyOptions;
use snap_archive::verbs::verify::verify;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::OnceLock;

/// Who finds that a rule is broken: the first of these that does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Who {
    /// Whoever lists the snapshots and restores all.
    Reading,
    Verify,
    VerifyData,
}

use self::Who::Reading;
use self::Who::Verify;
use self::Who::VerifyData;

impl Who {
    fn word(self) -> &'static str {
        match self {
            Reading => "reading",
            Verify => "`verify`",
            VerifyData => "`verify --data`",
        }
    }
}

/// The sound archives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Of {
    /// Of changes of all kinds, and parts.
    Plain,
    /// Of a folder that lost some of very many names.
    Names,
    /// Of pruned snapshots, and joined ones.
    Pruned,
}

/// One lie.
struct Case {
    of: Of,
    /// Where it is found: the file's name, or how it ends.
    place: String,
    /// How the finding of `verify` begins, as the library prints it; empty: the archive cannot be opened.
    finding: &'static str,
    lie: Box<dyn Fn(&mut Book)>,
}

/// A row of the table.
struct Rule {
    number: u32,
    who: Who,
    cases: Vec<Case>,
}

/// The bundles of the plain archive, in order.
const ONE: usize = 0;
const TWO: usize = 1;
const THREE_FIRST: usize = 2;

/// The last of them.
fn last_page() -> usize {
    names_of(Of::Plain).len() - 1
}

/// All rules.
#[derive(Default)]
struct Rules(Vec<Rule>);

impl Rules {
    /// Begins rule `number`, which `who` checks.
    fn rule(&mut self, number: u32, who: Who) -> &mut Rules {
        self.0.push(Rule { number, who, cases: Vec::new() });
        self
    }

    fn case(&mut self, of: Of, place: &str, finding: &'static str, lie: impl Fn(&mut Book) + 'static) -> &mut Rules {
        let case = Case { of, place: place.to_owned(), finding, lie: Box::new(lie) };
        self.0.last_mut().unwrap().cases.push(case);
        self
    }

    /// A lie about a bundle of the plain archive, which is found there.
    fn page(&mut self, page: usize, finding: &'static str, lie: impl Fn(&mut Page) + 'static) -> &mut Rules {
        let place = names_of(Of::Plain)[page].clone();
        self.case(Of::Plain, &place, finding, move |book| lie(&mut book.pages[page]))
    }

    /// Other fields of the line of `path` in a bundle of the plain archive.
    fn line(&mut self, page: usize, path: &'static str, fields: Value) -> &mut Rules {
        self.page(page, "Manifest(", move |page| page.say(path, &fields))
    }

    /// Other fields of the first line of a bundle.
    fn first(&mut self, page: usize, finding: &'static str, fields: Value) -> &mut Rules {
        self.page(page, finding, move |page| page.say_first(&fields))
    }

    /// Other fields of the last line of a bundle.
    fn last(&mut self, page: usize, finding: &'static str, fields: Value) -> &mut Rules {
        self.page(page, finding, move |page| page.say_last(&fields))
    }

    /// Another byte range of a member's header.
    fn header(&mut self, page: usize, name: &'static str, at: usize, bytes: &'static [u8]) -> &mut Rules {
        self.page(page, "Members(Different)", move |page| page.member(name).set(at, bytes))
    }
}

fn rules_of(section: fn(&mut Rules)) -> Vec<Rule> {
    let mut rules = Rules::default();
    section(&mut rules);
    rules.0
}

fn all_rules() -> Vec<Rule> {
    let sections =
        [archive::rules, frames::rules, bundles::rules, lines::rules, members::rules, script::rules, rewritten::rules];
    sections.into_iter().flat_map(rules_of).collect()
}

/// An archive as it was made, without its index.
fn made(of: Of) -> MemoryStore {
    let scene = match of {
        Of::Plain => plain(),
        Of::Names => names(),
        Of::Pruned => pruned(),
    };
    for (name, _) in scene.store.list("index").unwrap() {
        scene.store.remove(&format!("index/{name}")).unwrap();
    }
    scene.store
}

fn book(of: Of) -> Book {
    static MADE: [OnceLock<MemoryStore>; 3] = [const { OnceLock::new() }; 3];
    Book::open(MADE[of as usize].get_or_init(|| made(of)))
}

/// The names of its bundles.
fn names_of(of: Of) -> &'static [String] {
    static NAMES: [OnceLock<Vec<String>>; 3] = [const { OnceLock::new() }; 3];
    NAMES[of as usize].get_or_init(|| book(of).pages.into_iter().map(|page| page.name).collect())
}

/// Saves in parts of at most so many bytes.
fn save(scene: &Scene, part_bytes_max: u64) {
    let rules = SourceRules { patch_from: Some(4096), ..SourceRules::default() };
    let report = scene.save_with(&|options| CreateOptions { part_bytes_max, rules: Some(rules.clone()), ..options });
    assert_eq!(report.unwrap().problems, 0);
}

/// Text that compresses, and in which no two parts are alike.
fn text(seed: u64, length: usize) -> String {
    let digit = |number: u8| char::from(b"0123456789abcdef"[usize::from(number)]);
    noise(seed, length / 2).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn plain() -> Scene {
    let scene = Scene::new();
    let home = &scene.home;
    home.file("a", "a content").file("big", text(1, 12_000)).file("large", noise(2, 5000)).file("meta", noise(3, 5000));
    home.file("moves/x", noise(4, 4500)).file("swap/1", noise(5, 4500)).file("swap/2", noise(6, 4500));
    home.file("d/goes", "goes")
        .file("d/stays", "stays")
        .file("d/e/f", "f")
        .file("turns", "a file")
        .file("first", "two");
    home.hard_link("first", "second").symlink("link", "a").fifo("pipe").file("x", "x").xattr("x", "user.k", "v");
    home.sparse("holes", 50_000, &[(20_000, &noise(8, 5000))]).file("n".repeat(120), "long").mode("x", 0o640);
    home.file("z/empty", "").file("twins/1", noise(9, 4500)).file("twins/2", noise(9, 4500));
    save(&scene, 1 << 30);
    home.file("big", text(1, 12_000) + "and more").file("copy", noise(2, 5000)).mode("meta", 0o600);
    home.rename("moves", "moved").rename("swap/1", "swap/3").rename("swap/2", "swap/1").rename("swap/3", "swap/2");
    home.remove("d/goes").remove("turns").file("turns/in", "in").file("d/stays", "stays here");
    save(&scene, 1 << 30);
    home.rename("moved", "m").file("d/e/f", "f2");
    for number in 0..6_u64 {
        home.file(format!("new/{number}"), noise(10 + number, 15_000));
    }
    save(&scene, 60_000);
    home.file("big", text(1, 12_000) + "and much more").remove("new/3");
    save(&scene, 1 << 30);
    scene
}

fn names() -> Scene {
    let scene = Scene::new();
    for number in 0..3600 {
        scene.home.file(format!("many/{number:04}{}", "n".repeat(220)), "");
    }
    save(&scene, 1 << 30);
    scene.home.remove(format!("many/0007{}", "n".repeat(220))).file("b", "b");
    save(&scene, 1 << 30);
    scene
}

fn pruned() -> Scene {
    let scene = Scene::new();
    for number in 0..6_u64 {
        scene.home.file("a", noise(number, 3000)).file(format!("s{number}"), noise(50 + number, 700));
        if let Some(older) = number.checked_sub(2) {
            scene.home.remove(format!("s{older}"));
        }
        save(&scene, 1 << 30);
    }
    let numbers: BTreeSet<SnapshotNumber> = [1_u32, 3, 4].map(SnapshotNumber::from).into();
    let options = ForgetOptions { which: Which::Named(numbers), dry_run: false };
    forget(&scene.archive, &options, &Recorder::new()).unwrap();
    prune(&scene.archive, &PruneOptions { max_unused: 0, ..PruneOptions::default() }, &Recorder::new()).unwrap();
    scene
}

/// What was said of an archive.
struct Told {
    who: Option<Who>,
    reading: Vec<String>,
    /// What `verify` finds; the error where it cannot begin.
    verify: Result<Vec<Finding>>,
}

impl Told {
    fn of(book: &Book, of: Of) -> Told {
        let verified = |data| {
            let archive = Archive::open_store(Arc::new(book.store()))?;
            let report = verify(&archive, &VerifyOptions { data, threads: 1 }, &Recorder::new())?;
            Ok([report.findings, report.known_losses].concat())
        };
        let finds = |told: &Result<Vec<Finding>>| told.as_ref().map_or(true, |findings| !findings.is_empty());
        // Thousands of files are restored once only.
        let reading = if of == Of::Names { Vec::new() } else { read_all(&book.store()) };
        if !reading.is_empty() {
            return Told { who: Some(Reading), reading, verify: verified(true) };
        }
        let verify = verified(false);
        if finds(&verify) {
            return Told { who: Some(Verify), reading, verify };
        }
        let verify = verified(true);
        Told { who: finds(&verify).then_some(VerifyData), reading, verify }
    }

    /// Whether `verify` finds this there.
    fn finds(&self, place: &str, finding: &str) -> bool {
        let is_it = |found: &Finding| {
            found.place.to_string().ends_with(place) && format!("{:?}", found.fault).starts_with(finding)
        };
        match &self.verify {
            Ok(findings) => !finding.is_empty() && findings.iter().any(is_it),
            Err(error) => finding.is_empty() && error.to_string().contains(place),
        }
    }

    fn shown(&self) -> String {
        let verify = match &self.verify {
            Ok(findings) => {
                let shown = findings.iter().map(|found| format!("{}: {:?}", found.place, found.fault));
                shown.collect::<Vec<_>>().join("; ")
            }
            Err(error) => format!("error: {error}"),
        };
        format!("  reading: {:?}\n  verify: {verify}", self.reading)
    }
}

/// What is said by someone who lists all snapshots and restores each.
fn read_all(store: &MemoryStore) -> Vec<String> {
    let recorder = Recorder::new();
    let result = (|| {
        let archive = Archive::open_store(Arc::new(store.clone()))?;
        let catalog = archive.catalog(&recorder)?;
        let history = catalog.history()?;
        for summary in history.iter().filter(|summary| catalog.check_is_there(summary.number).is_ok()) {
            let directory = quick_directory();
            let target = directory.path().join("out");
            let options = RestoreOptions { target, at: summary.number, threads: 1, ..RestoreOptions::default() };
            restore(&archive, &options, &recorder)?;
        }
        Ok(())
    })();
    let error: Option<String> = result.err().map(|error: snap_archive::base::error::Error| error.to_string());
    let problems = recorder.problems().into_iter().map(|problem| format!("{}: {}", problem.path, problem.what));
    let notices = recorder.notices().into_iter().map(|notice| format!("{notice:?}"));
    let is_news = |notice: &String| !notice.starts_with("IndexRebuilt");
    error.into_iter().chain(problems).chain(notices.filter(is_news)).collect()
}

#[test]
fn an_archive_that_is_put_together_as_it_was_is_sound() {
    for of in [Of::Plain, Of::Names, Of::Pruned] {
        let told = Told::of(&book(of), of);
        assert_eq!(told.who, None, "{of:?}\n{}", told.shown());
    }
    assert_eq!(read_all(&book(Of::Names).store()), Vec::<String>::new());
    let book = book(Of::Plain);
    assert!(book.pages.len() >= 5 && book.pages[THREE_FIRST].name.contains("0001"), "no parts");
}

/// Breaks each of these rules, and looks who says so. `SNAP_RULE` names one alone.
#[track_caller]
fn check(rules: Vec<Rule>) {
    let only: Option<u32> = std::env::var("SNAP_RULE").ok().and_then(|text| text.parse().ok());
    let mut failed = Vec::new();
    for rule in rules.into_iter().filter(|rule| only.is_none_or(|only| only == rule.number)) {
        assert!(!rule.cases.is_empty(), "R{} has no case", rule.number);
        for (number, case) in rule.cases.iter().enumerate() {
            let mut book = book(case.of);
            (case.lie)(&mut book);
            let told = Told::of(&book, case.of);
            if told.who != Some(rule.who) || !told.finds(&case.place, case.finding) {
                let wanted = format!("{:?}, {} at {}", rule.who, case.finding, case.place);
                let found = format!("{:?}\n{}", told.who, told.shown());
                failed.push(format!("R{} case {number}: wanted {wanted}; {found}", rule.number));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn what_is_wrong_with_files_of_the_archive_is_found() {
    check(rules_of(archive::rules));
}

#[test]
fn what_is_wrong_with_frames_is_found() {
    check(rules_of(frames::rules));
}

#[test]
fn what_is_wrong_with_first_and_last_lines_and_renames_is_found() {
    check(rules_of(bundles::rules));
}

#[test]
fn what_is_wrong_with_lines_is_found() {
    check(rules_of(lines::rules));
}

#[test]
fn what_is_wrong_with_members_is_found() {
    check(rules_of(members::rules));
}

#[test]
fn what_is_wrong_with_the_script_is_found() {
    check(rules_of(script::rules));
}

#[test]
fn what_is_wrong_with_bundles_that_were_written_anew_is_found() {
    check(rules_of(rewritten::rules));
}

#[test]
fn the_document_and_this_list_name_the_same_rules() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/format.md")).unwrap();
    let rows = document.lines().filter_map(|line| line.strip_prefix("| R")).map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (cells[0].parse::<u32>().unwrap(), cells[2].to_owned())
    });
    let (mut said, mut count) = (BTreeMap::new(), 0);
    for (number, who) in rows {
        count += 1;
        assert_eq!(number, count, "the rules are numbered in order");
        said.insert(number, who);
    }
    let rules = all_rules();
    let tested: BTreeMap<u32, String> = rules.iter().map(|rule| (rule.number, rule.who.word().to_owned())).collect();
    assert_eq!(tested.len(), rules.len(), "each rule stands here once");
    assert_eq!(said, tested);
}

/// Fields that say that a content is elsewhere.
fn at(offset: u64) -> Value {
    json!({"offset": offset})
}
