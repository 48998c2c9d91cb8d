//! The house rules, as tests: floors, circles between files, names of outside crates, sizes, what a library may not touch,
//! places that a test may not touch, and paths in the docs.

#![allow(clippy::unwrap_used)]

use proc_macro2::Delimiter;
use proc_macro2::Spacing;
use proc_macro2::TokenStream;
use proc_macro2::TokenTree;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::OnceLock;
use syn::Item;
use syn::UseTree;
use syn::Visibility;

/// Where each outside crate may be named: prefixes of paths. Every dependency in `Cargo.toml` has a line here.
const CRATES: &[(&str, &[&str])] = &[
    ("anstream", &["src/cli", "src/main.rs"]),
    ("bincode", &["src/format/index"]),
    ("blake3", &["src/base/id.rs"]),
    ("clap", &["src/cli", "src/main.rs"]),
    ("indicatif", &["src/cli"]),
    ("jiff", &["src/base/when.rs", "src/cli"]),
    ("nix", &["src/system/platform/linux"]),
    ("rustix", &["src/system/platform/linux"]),
    ("serde", &["src/"]),
    ("serde_json", &["src/format/manifest", "src/format/index", "src/cli"]),
    ("signal_hook", &["src/cli"]),
    ("tar", &["src/format/tar"]),
    ("tempfile", &["src/system/store", "src/system/destination"]),
    ("terminal_size", &["src/cli"]),
    ("unicode_width", &["src/cli"]),
    ("toml", &["src/archive"]),
    ("zstd", &["src/format/frames.rs", "src/format/salvage.rs"]),
];

/// Folders that every machine has: a test that took one for "outside" would do harm where what it tests fails.
const REAL_PLACES: &[&str] = &[
    "/bin", "/boot", "/etc", "/home", "/lib", "/media", "/mnt", "/opt", "/root", "/run", "/sbin", "/srv", "/tmp",
    "/usr", "/var",
];

/// Files of tests that may name them: one looks for tools, one puts scratch folders where the documents name such places, one
/// holds the list.
const REAL_PLACES_NAMED: &[&str] = &["tests/recover.rs", "tests/support/drives.rs", "tests/tidy.rs"];

/// The most lines of a source file, its tests not counted.
const SOURCE_LINES_MAX: usize = 600;

/// The most lines of `docs/architecture.md`.
const ARCHITECTURE_LINES_MAX: usize = 200;

#[test]
fn every_arrow_between_modules_goes_down() {
    let floors = floors_of(&module_lists());
    assert!(floors.len() >= 5, "src/lib.rs lists hardly any module: {floors:?}");
    hold(|file| wrong_arrows(file, &floors));
}

#[test]
fn every_module_stands_on_a_floor() {
    let floors = floors_of(&module_lists());
    let homeless: Vec<_> =
        sources().iter().filter_map(Source::module).filter(|module| !floors.contains_key(module)).collect();
    assert!(homeless.is_empty(), "not listed in src/lib.rs or its folder's mod.rs: {homeless:?}");
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let found = circles(sources());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn tests_name_no_real_place_of_the_machine() {
    let mut found = Vec::new();
    for path in ["src", "tests", "fuzz", "benches"].iter().flat_map(|top| files_below(top, ".rs")) {
        if !path.starts_with("fuzz/target") && !REAL_PLACES_NAMED.contains(&path.as_str()) {
            let places = real_places(&tokens(&read(&path)), !path.starts_with("src/"));
            found.extend(places.iter().map(|place| format!("{path}: {place}")));
        }
    }
    assert!(found.is_empty(), "use a scratch folder beside the target:\n{}", found.join("\n"));
}

#[test]
fn every_file_of_tests_belongs_to_one_target_and_every_helper_is_used() {
    let roots = ["tests/main.rs", "tests/full.rs"];
    let modules: Vec<String> =
        roots.iter().flat_map(|root| read(root).lines().filter_map(module_line).collect::<Vec<_>>()).collect();
    let mut files = files_below("tests", ".rs");
    let top = |path: &&String| path.matches('/').count() == 1 && !roots.contains(&path.as_str());
    for file in files.iter().filter(top) {
        let name = file.trim_start_matches("tests/").trim_end_matches(".rs");
        assert_eq!(modules.iter().filter(|module| *module == name).count(), 1, "{file} belongs to one of {roots:?}");
    }
    files.extend(files_below("benches", ".rs"));
    let all: Vec<Token> = files.iter().flat_map(|file| tokens(&read(file))).collect();
    let shared = files.iter().filter(|file| file.starts_with("tests/support/"));
    let unused: Vec<_> = shared
        .flat_map(|file| functions(&tokens(&read(file))))
        .filter(|name| all.iter().filter(|token| token.text == *name).count() < 2)
        .collect();
    assert!(unused.is_empty(), "no test uses these helpers: {unused:?}");
}

#[test]
fn imports_name_one_thing_each() {
    hold(crowded_imports);
}

#[test]
fn each_outside_crate_is_named_in_its_place_only() {
    let unlisted: Vec<_> = dependencies(&read("Cargo.toml"))
        .into_iter()
        .filter(|name| !CRATES.iter().any(|(listed, _)| listed == name))
        .collect();
    assert!(unlisted.is_empty(), "give these dependencies a line in CRATES: {unlisted:?}");
    hold(misplaced_crates);
}

#[test]
fn every_source_file_opens_by_saying_what_it_is_for() {
    hold(|file| if file.text.starts_with("//! ") { vec![] } else { vec!["does not open with `//! `".to_owned()] });
}

#[test]
fn nothing_panics_on_purpose_outside_tests() {
    hold(|file| forbidden(file, &[". unwrap (", ". expect (", "panic !", "todo !", "unimplemented !", "dbg !"]));
}

#[test]
fn the_library_neither_prints_nor_reads_the_environment() {
    let words =
        ["println !", "eprintln !", "print !", "eprint !", "std :: env", "stdout ( )", "stderr ( )", "process :: exit"];
    hold(|file| if file.is_program() { vec![] } else { forbidden(file, &words) });
}

#[test]
fn no_source_file_is_too_long() {
    hold(|file| {
        let lines = lines_without_tests(&file.text);
        if lines <= SOURCE_LINES_MAX {
            return vec![];
        }
        vec![format!("has {lines} lines without tests, more than {SOURCE_LINES_MAX}")]
    });
}

#[test]
fn the_documents_name_only_files_that_exist() {
    let mut missing = Vec::new();
    for document in documents() {
        for path in paths_named(&read(&document)) {
            if !root().join(&path).exists() {
                missing.push(format!("{document} names {path}, which does not exist"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_promise_names_tests_that_exist() {
    let rows = promises(&read("docs/reliability.md"));
    assert!(rows.len() >= 20, "docs/reliability.md lists hardly any promise: {}", rows.len());
    let mut wrong = Vec::new();
    for (promise, tests) in &rows {
        if tests.is_empty() {
            wrong.push(format!("no test is named for: {promise}"));
        }
        wrong.extend(tests.iter().filter(|test| !is_a_test(test)).map(|test| format!("there is no test {test}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rows `| promise | assumption | tests |` of a document: each promise, and the names in the column of the tests.
fn promises(document: &str) -> Vec<(String, Vec<String>)> {
    let cells = |line: &str| line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let rows = document.lines().filter(|line| line.starts_with('|')).map(cells);
    let rows = rows.filter(|row: &Vec<String>| row.len() == 3 && row[2] != "tests" && !row[2].starts_with("--"));
    rows.map(|row| (row[0].clone(), row[2].split('`').skip(1).step_by(2).map(str::to_owned).collect())).collect()
}

/// Whether `file::name` is a test: of `tests/file.rs`, or of `src/file.rs` with `/` in place of what stands between; tests may also
/// stand in the module `tests` at a file's end.
fn is_a_test(test: &str) -> bool {
    let Some((file, name)) = test.rsplit_once("::") else { return false };
    let own = file.strip_suffix("::tests").unwrap_or(file);
    let tops = ["tests", "src", "src/base", "src/system", "src/format", "src/archive", "src/verbs"];
    let places = tops.iter().flat_map(|top| [(top, file), (top, own)]);
    let places: Vec<_> =
        places.map(|(top, file)| root().join(top).join(format!("{}.rs", file.replace("::", "/")))).collect();
    let text = places.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    text.lines().zip(text.lines().skip(1)).any(|(before, line)| {
        before.trim() == "#[test]"
            && line.trim().strip_prefix("fn ").is_some_and(|rest| rest.starts_with(&format!("{name}(")))
    })
}

#[test]
fn the_architecture_fits_in_a_few_pages() {
    let lines = fs::read_to_string(root().join("docs/architecture.md")).map_or(0, |text| text.lines().count());
    assert!(
        lines <= ARCHITECTURE_LINES_MAX,
        "docs/architecture.md has {lines} lines, more than {ARCHITECTURE_LINES_MAX}"
    );
}

/// One source file.
struct Source {
    /// From the project's root, with `/`.
    path: String,
    text: String,
    /// What the compiler sees, without tests and comments.
    code: Vec<Token>,
}

/// A word, a mark, a literal or one of a pair of brackets.
#[derive(Clone)]
struct Token {
    text: String,
    line: usize,
}

/// What a file brings into reach by one name of a `use`; `*` for all.
struct Import {
    path: Vec<String>,
    alias: String,
    is_public: bool,
}

/// A file as a node of the graph of files.
struct Module<'f> {
    file: &'f Source,
    path: Vec<String>,
    /// Names that are defined in it, those of its files below as well.
    names: BTreeSet<String>,
    imports: Vec<Import>,
}

type Modules<'f> = BTreeMap<Vec<String>, Module<'f>>;

impl Source {
    fn new(path: &str, text: &str) -> Source {
        // Tests that fill a file of their own, and what they share.
        let is_test = path.ends_with("/tests.rs") || path.contains("/tests/") || path.ends_with("/sample.rs");
        let code = if is_test { Vec::new() } else { without_tests(tokens(text)) };
        Source { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// Whether it belongs to the program, which sees the library from outside.
    fn is_program(&self) -> bool {
        self.path == "src/main.rs" || self.path.starts_with("src/cli/")
    }

    /// The library's top module it belongs to; `None` for the program and `src/lib.rs`.
    fn module(&self) -> Option<String> {
        let path = self.module_path();
        (path.len() > 2 && !self.is_program()).then(|| path[1..3].join("::"))
    }

    /// Where it is in its crate, from the crate on.
    fn module_path(&self) -> Vec<String> {
        let crate_name = if self.is_program() { "program" } else { "library" };
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        let inside = inside.split('/').filter(|part| !["lib", "main"].contains(part));
        std::iter::once(crate_name).chain(inside).map(str::to_owned).collect()
    }
}

/// Asks every source file, and fails with everything found.
fn hold(rule: impl Fn(&Source) -> Vec<String>) {
    let files = sources();
    assert!(files.len() > 10, "only {} source files found", files.len());
    let found: Vec<String> = files
        .iter()
        .flat_map(|file| rule(file).into_iter().map(|complaint| format!("{}: {complaint}", file.path)))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All source files, read once.
fn sources() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| files_below("src", ".rs").iter().map(|path| Source::new(path, &read(path))).collect())
}

fn documents() -> Vec<String> {
    let mut documents = files_below("docs", ".md");
    documents.extend(root().join("README.md").exists().then(|| "README.md".to_owned()));
    documents
}

/// The files below a directory that may be missing, from the project's root, with `/`, sorted.
fn files_below(directory: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::from(directory)];
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = fs::read_dir(root().join(&directory)) else { continue };
        for entry in entries.map(Result::unwrap) {
            let path = directory.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                waiting.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// The lists of modules of all folders that `src/lib.rs` names, one after the other, each module as `folder::module`.
fn module_lists() -> String {
    let lib = read("src/lib.rs");
    let folders = lib.lines().filter_map(module_line);
    let lists = folders.map(|folder| read(&format!("src/{folder}/mod.rs")).replace("mod ", &format!("mod {folder}::")));
    lists.collect::<Vec<_>>().join("\n")
}

/// The floor of each module: the blocks of `mod x;` lines, lowest first.
fn floors_of(lib: &str) -> BTreeMap<String, usize> {
    let blocks = lib.split("\n\n").map(|block| block.lines().filter_map(module_line).collect::<Vec<_>>());
    let blocks = blocks.filter(|block| !block.is_empty());
    blocks.enumerate().flat_map(|(floor, block)| block.into_iter().map(move |module| (module, floor))).collect()
}

fn module_line(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
    Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
}

fn wrong_arrows(file: &Source, floors: &BTreeMap<String, usize>) -> Vec<String> {
    let Some(module) = file.module() else { return vec![] };
    let mut wrong = Vec::new();
    for path in paths(&file.code).into_iter().filter(|path| path.len() > 1) {
        let line = path[0].line;
        let names: Vec<&str> = path.iter().map(|name| name.text.as_str()).collect();
        if names[0] == "crate" {
            let used = names[1..names.len().min(3)].join("::");
            let goes_down = floors.get(&used).is_some_and(|floor| Some(floor) < floors.get(&module));
            if used != module && !goes_down {
                wrong.push(format!("line {line}: `{module}` may not use `{used}`"));
            }
        }
        let ups = names.iter().take_while(|name| **name == "super").count();
        if ups > 0 && ups + 2 >= file.module_path().len() {
            wrong.push(format!("line {line}: write `crate::`, so that the arrow can be seen"));
        }
    }
    wrong
}

fn crowded_imports(file: &Source) -> Vec<String> {
    let starts = (0..file.code.len()).filter(|at| reads(&file.code[*at..], "use crate ::"));
    let imports = starts.map(|at| file.code[at..].iter().take_while(|token| token.text != ";").collect::<Vec<_>>());
    let crowded = imports.filter(|import| import.iter().any(|token| ["{", "*"].contains(&token.text.as_str())));
    crowded.map(|import| format!("line {}: one name in each `use crate::…;`", import[0].line)).collect()
}

fn misplaced_crates(file: &Source) -> Vec<String> {
    let imports = imports(&file.text);
    // A module of ours with the same name, brought in by name, is not the crate.
    let ours = |name: &str| {
        imports
            .iter()
            .any(|import| import.alias == name && ["crate", "super", "self"].contains(&import.path[0].as_str()))
    };
    let text = |at: Option<usize>| at.map_or("", |at| file.code[at].text.as_str());
    let mut found = Vec::new();
    for (name, places) in CRATES.iter().filter(|(_, places)| !places.iter().any(|place| file.path.starts_with(place))) {
        for at in (0..file.code.len()).filter(|at| reads(&file.code[*at..], &format!("{name} ::"))) {
            let (before, earlier) = (text(at.checked_sub(1)), text(at.checked_sub(2)));
            let is_absolute = before == "use" || (before == "::" && !is_name(earlier));
            if is_absolute || (before != "::" && !ours(name)) {
                found.push(format!("line {}: the crate `{name}` belongs in {places:?}", file.code[at].line));
            }
        }
    }
    found
}

/// Where the code has one of these runs of tokens.
fn forbidden(file: &Source, runs: &[&str]) -> Vec<String> {
    let places = runs.iter().flat_map(|run| (0..file.code.len()).map(move |at| (at, run)));
    let found = places.filter(|(at, run)| reads(&file.code[*at..], run));
    found.map(|(at, run)| format!("line {}: `{run}` has no place here", file.code[at].line)).collect()
}

/// Texts that name a real place: anywhere, or only those given to what makes a link.
fn real_places(tokens: &[Token], anywhere: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut open_brackets: Vec<bool> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" => {
                let called = at.checked_sub(1).map_or("", |before| tokens[before].text.as_str());
                open_brackets.push(called.contains("symlink") || called.contains("hard_link"));
            }
            ")" => _ = open_brackets.pop(),
            text => {
                let inside = text.trim_start_matches(['b', 'c', 'r', '#']).strip_prefix('"').unwrap_or_default();
                let place = inside.split('"').next().unwrap_or_default();
                let is_real = REAL_PLACES
                    .iter()
                    .any(|real| place.strip_prefix(real).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
                if is_real && (anywhere || open_brackets.contains(&true)) {
                    found.push(format!("line {}: {text}", token.line));
                }
            }
        }
    }
    found
}

/// The arrows between files that are part of a circle.
fn circles(files: &[Source]) -> Vec<String> {
    let modules: Modules =
        files.iter().filter(|file| !file.code.is_empty()).map(|file| (file.module_path(), Module::new(file))).collect();
    let arrows: BTreeMap<&str, BTreeMap<&str, String>> =
        modules.values().map(|module| (module.file.path.as_str(), module.arrows(&modules))).collect();
    let mut found = Vec::new();
    for (from, targets) in &arrows {
        for (to, name) in targets.iter().filter(|(to, _)| reaches(&arrows, to, from)) {
            found.push(format!("{from} uses {name} of {to}, which uses {from} in turn"));
        }
    }
    found
}

fn reaches(arrows: &BTreeMap<&str, BTreeMap<&str, String>>, from: &str, to: &str) -> bool {
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(at) = waiting.pop() {
        if at == to {
            return true;
        }
        if seen.insert(at) {
            waiting.extend(arrows.get(at).into_iter().flat_map(BTreeMap::keys));
        }
    }
    false
}

impl<'f> Module<'f> {
    fn new(file: &'f Source) -> Module<'f> {
        let items = syn::parse_file(&file.text).unwrap().items;
        let names = items.iter().filter(|item| !is_for_tests(item)).filter_map(name_of).collect();
        Module { file, path: file.module_path(), names, imports: imports(&file.text) }
    }

    /// The files that it uses, each with a name of it that it uses. What it only passes on it does not use.
    fn arrows<'m>(&self, modules: &'m Modules) -> BTreeMap<&'m str, String> {
        let used = |import: &&Import| {
            let named = self.file.code.iter().filter(|token| token.text == import.alias).count();
            !import.is_public || (import.alias != "*" && named > 1)
        };
        let imported = self.imports.iter().filter(used).map(|import| import.path.clone());
        let written = paths(&without_imports(&self.file.code))
            .into_iter()
            .map(|path| path.into_iter().map(|name| name.text).collect());
        let mut arrows = BTreeMap::new();
        for path in imported.chain(written.filter(|path: &Vec<String>| path.len() > 1)) {
            let target = self.absolute(&path, 0).and_then(|path| origin(modules, &path, 0));
            if let Some(target) = target.filter(|target| target.path != self.path) {
                arrows.insert(target.file.path.as_str(), path.join("::"));
            }
        }
        arrows
    }

    /// A path as it is from the crate on; `None` when it leads to another crate or is no path of modules.
    fn absolute(&self, path: &[String], depth: usize) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let base = match first.as_str() {
            "crate" => self.path[..1].to_vec(),
            "self" => self.path.clone(),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                return Some([&self.path[..self.path.len().checked_sub(ups)?], &path[ups..]].concat());
            }
            name if self.names.contains(name) => [self.path.as_slice(), &[name.to_owned()]].concat(),
            name => {
                let import = self.imports.iter().find(|import| import.alias == name && depth < 9)?;
                self.absolute(&import.path, depth + 1)?
            }
        };
        Some([base.as_slice(), rest].concat())
    }
}

/// The file that what has this path is defined in, whoever passes it on.
fn origin<'m, 'f>(modules: &'m Modules<'f>, path: &[String], depth: usize) -> Option<&'m Module<'f>> {
    let length = (1..=path.len()).rev().find(|length| modules.contains_key(&path[..*length]))?;
    let module = &modules[&path[..length]];
    let Some(name) = path.get(length).filter(|name| depth < 9 && !module.names.contains(*name)) else {
        return Some(module);
    };
    let passed_on = module.imports.iter().filter(|import| import.alias == *name || import.alias == "*");
    for import in passed_on {
        let mut whole = module.absolute(&import.path, 0)?;
        if import.alias == "*" {
            whole.push(name.clone());
        }
        let found = origin(modules, &whole, depth + 1);
        if found.is_some_and(|found| import.alias != "*" || found.names.contains(name)) {
            return found;
        }
    }
    Some(module)
}

fn is_for_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Use(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
    })
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Mod(item) => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// The imports at a file's top, each name by itself; those of tests are left out.
fn imports(text: &str) -> Vec<Import> {
    let mut found = Vec::new();
    for item in syn::parse_file(text).unwrap().items.iter().filter(|item| !is_for_tests(item)) {
        if let Item::Use(item) = item {
            let is_public = !matches!(item.vis, Visibility::Inherited);
            spread(&item.tree, &[], &mut |path, alias| found.push(Import { path, alias, is_public }));
        }
    }
    found
}

fn spread(tree: &UseTree, before: &[String], found: &mut impl FnMut(Vec<String>, String)) {
    let longer = |name: &syn::Ident| [before, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(tree) => spread(&tree.tree, &longer(&tree.ident), found),
        UseTree::Name(tree) if tree.ident == "self" => {
            found(before.to_vec(), before.last().cloned().unwrap_or_default());
        }
        UseTree::Name(tree) => found(longer(&tree.ident), tree.ident.to_string()),
        UseTree::Rename(tree) => found(longer(&tree.ident), tree.rename.to_string()),
        UseTree::Glob(_) => found(before.to_vec(), "*".to_owned()),
        UseTree::Group(tree) => tree.items.iter().for_each(|item| spread(item, before, &mut *found)),
    }
}

/// The names in the tables of dependencies, those for some systems only as well; development's are left out.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line == "[dependencies]" || (line.starts_with("[target.") && line.ends_with(".dependencies]"));
        } else if inside && let Some((name, _)) = line.split_once('=') {
            names.push(name.trim().replace('-', "_"));
        }
    }
    names
}

/// Every `src/…`, `tests/…`, `docs/…`, `scripts/…` and `fuzz/…` that a document names as a path from the project's root.
fn paths_named(document: &str) -> Vec<String> {
    let part_of_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let words = document.split(|c: char| !part_of_path(c));
    let words = words.map(|word| word.trim_start_matches("./").trim_end_matches(['.', '/']));
    let ours = |word: &&str| ["src/", "tests/", "docs/", "scripts/", "fuzz/"].iter().any(|top| word.starts_with(top));
    words.filter(ours).map(str::to_owned).collect()
}

/// The names of functions that a file offers to others.
fn functions(tokens: &[Token]) -> Vec<String> {
    tokens.windows(3).filter(|three| reads(three, "pub fn")).map(|three| three[2].text.clone()).collect()
}

fn lines_without_tests(text: &str) -> usize {
    let tokens = tokens(text);
    let lines = |(from, to): &(usize, usize)| tokens[*to - 1].line + 1 - tokens[*from].line;
    text.lines().count() - test_items(&tokens).iter().map(lines).sum::<usize>()
}

fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let items = test_items(&tokens);
    let outside = |at: &usize| !items.iter().any(|(from, to)| (from..to).contains(&at));
    tokens.into_iter().enumerate().filter(|(at, _)| outside(at)).map(|(_, token)| token).collect()
}

/// From where to where the items under `#[cfg(test)]` reach.
fn test_items(tokens: &[Token]) -> Vec<(usize, usize)> {
    let mut items: Vec<(usize, usize)> = Vec::new();
    for from in (0..tokens.len()).filter(|at| reads(&tokens[*at..], "# [ cfg ( test ) ]")) {
        if items.last().is_none_or(|(_, end)| from >= *end) {
            items.push((from, end_of_item(tokens, from)));
        }
    }
    items
}

fn end_of_item(tokens: &[Token], from: usize) -> usize {
    let mut open = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "{" | "(" | "[" => open += 1,
            "}" | ")" | "]" => open -= 1,
            _ => {}
        }
        if open == 0 && ["}", ";"].contains(&token.text.as_str()) {
            return at + 1;
        }
    }
    tokens.len()
}

fn without_imports(tokens: &[Token]) -> Vec<Token> {
    let mut inside = false;
    let mut kept = Vec::new();
    for token in tokens {
        inside = (inside || token.text == "use") && token.text != ";";
        if !inside {
            kept.push(token.clone());
        }
    }
    kept
}

/// Every path of names with `::` between them, also one name alone.
fn paths(tokens: &[Token]) -> Vec<Vec<Token>> {
    let mut found: Vec<Vec<Token>> = Vec::new();
    let mut goes_on = false;
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.text != "::") {
        if goes_on && let Some(path) = found.last_mut() {
            path.push(token.clone());
        } else if is_name(&token.text) && !(at > 0 && tokens[at - 1].text == "::") {
            found.push(vec![token.clone()]);
        } else {
            continue;
        }
        goes_on = is_name(&token.text) && tokens.get(at + 1).is_some_and(|next| next.text == "::");
    }
    found
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_') && !text.ends_with(['"', '\''])
}

/// Whether the tokens begin with these, which stand with blanks between them.
fn reads(tokens: &[Token], run: &str) -> bool {
    let mut at = tokens.iter();
    run.split(' ').all(|word| at.next().is_some_and(|token| token.text == word))
}

fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    flatten(text.parse().unwrap(), &mut found);
    found
}

fn flatten(stream: TokenStream, found: &mut Vec<Token>) {
    let mut is_joint = false;
    for tree in stream {
        let line = tree.span().start().line;
        let joins = std::mem::take(&mut is_joint);
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                found.push(Token { text: open.to_owned(), line });
                flatten(group.stream(), found);
                found.push(Token { text: close.to_owned(), line: group.span_close().end().line });
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' && joins => found.last_mut().unwrap().text.push(':'),
            tree => {
                is_joint = matches!(&tree, TokenTree::Punct(mark) if mark.as_char() == ':' && mark.spacing() == Spacing::Joint);
                found.push(Token { text: tree.to_string(), line });
            }
        }
    }
}

/// The rules are tried on code that breaks them.
mod broken {
    use super::*;

    fn floors() -> BTreeMap<String, usize> {
        floors_of(
            "//! Words.\n\npub mod a::low;\npub mod a::beside;\n\n// more\nmod b::mid;\n\npub(crate) mod b::high;\n",
        )
    }

    fn arrows(path: &str, text: &str) -> usize {
        wrong_arrows(&Source::new(path, text), &floors()).len()
    }

    #[test]
    fn floors_are_read_from_the_lowest_up() {
        let floors = floors();
        let expected = [("a::beside", 0), ("b::high", 2), ("a::low", 0), ("b::mid", 1)]
            .map(|(name, floor)| (name.to_owned(), floor));
        assert_eq!(floors, BTreeMap::from(expected));
    }

    #[test]
    fn arrows_that_go_up_sideways_or_nowhere_are_found() {
        assert_eq!(arrows("src/b/mid.rs", "use crate::a::low::Name;\nuse crate::b::mid::Other;"), 0);
        assert_eq!(arrows("src/b/mid.rs", "use crate::b::high::Name;"), 1);
        assert_eq!(arrows("src/b/mid/a/b.rs", "fn f() { crate::b::high::f() }"), 1);
        assert_eq!(arrows("src/a/low.rs", "use crate::a::beside::Name;"), 1);
        assert_eq!(arrows("src/b/high.rs", "use crate::Name;"), 1);
        assert_eq!(arrows("src/b/high.rs", "use crate::{a, b};"), 1);
    }

    #[test]
    fn arrows_hidden_behind_super_are_found() {
        assert_eq!(arrows("src/a/low.rs", "use super::super::b::high::Name;"), 1);
        assert_eq!(arrows("src/a/low/mod.rs", "use super::super::b::high::Name;"), 1);
        assert_eq!(arrows("src/a/low/a.rs", "use super::Name;"), 0);
        assert_eq!(arrows("src/a/low/a.rs", "use super::super::super::b::high::Name;"), 1);
        assert_eq!(arrows("src/a/low/a/b.rs", "use super::super::Name;"), 0);
    }

    #[test]
    fn comments_strings_and_tests_are_no_code() {
        for text in [
            "// crate::b::high\n/// [`crate::b::high::Name`]\n//! crate::b::high",
            "/* a /* crate::b::high */ crate::b::high */",
            "const A: &str = \"crate::b::high \\\" crate::b::high\";",
            "const A: &str = r#\"crate::b::high \" crate::b::high\"#;",
            "#[cfg(test)]\nmod tests {\n    use crate::b::high::Name;\n    fn f() { if '}' == '{' {} }\n}",
            "#[cfg(test)]\nuse crate::b::high::Name;",
        ] {
            assert_eq!(arrows("src/a/low.rs", text), 0, "{text}");
        }
        for text in [
            "const A: char = '\"'; use crate::b::high::Name; // \"",
            "fn f<'a>(a: &'a str) { crate::b::high::f(a, '\\'') }",
            "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::b::high::Name;",
            "const A: &str = r\"\\\"; use crate::b::high::Name; // \"",
            "const A: u8 = b'\\\\'; use crate::b::high::Name; const B: char = 'é';",
        ] {
            assert_eq!(arrows("src/a/low.rs", text), 1, "{text}");
        }
    }

    #[test]
    fn circles_are_found_inside_a_folder_and_behind_what_is_passed_on() {
        let found = |files: &[(&str, &str)]| {
            let files: Vec<_> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
            circles(&files).len()
        };
        let top = ("src/lib.rs", "pub mod a;");
        let a = ("src/a/mod.rs", "mod one;\nmod two;\npub use two::Two;");
        let one = ("src/a/one.rs", "use super::Two;\npub struct One;");
        let two = |text| ("src/a/two.rs", text);
        assert_eq!(found(&[top, a, one, two("pub struct Two;")]), 0);
        assert_eq!(found(&[top, a, one, two("use super::one::One;\npub struct Two(One);")]), 2);
        assert_eq!(found(&[top, a, one, two("pub struct Two(crate::a::one::One);")]), 2);
        assert_eq!(found(&[top, a, one, two("#[cfg(test)]\nuse super::one::One;\npub struct Two;")]), 0);
        // Of a folder and its files, and behind a `*` or another name.
        let parent = |text| ("src/a/mod.rs", text);
        let child = |text| ("src/a/one.rs", text);
        assert_eq!(
            found(&[
                top,
                parent("mod one;\npub use one::f;\npub fn g() {}"),
                child("use super::g;\npub fn f() { g() }")
            ]),
            0
        );
        assert_eq!(
            found(&[top, parent("mod one;\npub fn g() { one::f() }"), child("use super::g;\npub fn f() { g() }")]),
            2
        );
        assert_eq!(
            found(&[top, parent("mod one;\nuse one::f as h;\npub fn g() { h() }"), child("pub fn f() { super::g() }")]),
            2
        );
        let star = ("src/a/mod.rs", "mod one;\nmod two;\npub use two::*;");
        assert_eq!(found(&[top, star, one, two("use super::one::One;\npub struct Two(One);")]), 2);
    }

    #[test]
    fn real_places_are_found() {
        let found = |text: &str, anywhere| real_places(&tokens(text), anywhere).len();
        assert_eq!(found("fn f() { a.symlink(\"l\", \"/etc\").b(g(\"/usr/x\")); symlink(b(b\"/tmp\")) }", false), 2);
        assert_eq!(found("fn f() { f(\"/home/x\"); json!({\"path\": \"/root\"}) }", true), 2);
        assert_eq!(found("// \"/etc\"\nfn f() { f(\"/etcetera\", \"a/etc\", \"/dev/null\") }", true), 0);
    }

    #[test]
    fn crowded_imports_are_found() {
        let found = |text: &str| crowded_imports(&Source::new("src/a.rs", text)).len();
        assert_eq!(found("use crate::a::Name;\nuse std::{fs, io};"), 0);
        assert_eq!(found("use crate::*;\npub use crate::a::*;\nuse crate::a::{\n    B,\n};"), 3);
    }

    #[test]
    fn crates_out_of_place_are_found() {
        let found = |path: &str, text: &str| misplaced_crates(&Source::new(path, text)).len();
        assert_eq!(found("src/format/tar.rs", "use tar::Header;"), 0);
        assert_eq!(found("src/pack.rs", "use crate::tar::Writer;\nuse crate::tar;\nfn f() { tar::f() }"), 0);
        assert_eq!(found("src/pack.rs", "use tar::Header;"), 1);
        assert_eq!(found("src/pack.rs", "use crate::tar;\nuse tar::Header;\nfn f() { (::tar::f()) }"), 2);
        assert_eq!(found("src/pack.rs", "fn f() { zstd::bulk::compress() }"), 1);
        assert_eq!(found("src/pack.rs", "fn f() { not_zstd::f() }"), 0);
    }

    #[test]
    fn forbidden_words_are_found_as_words() {
        let found = |text: &str| forbidden(&Source::new("src/a.rs", text), &[". unwrap (", "print !"]).len();
        assert_eq!(found("fn f() { a.unwrap(); print!() }"), 2);
        assert_eq!(found("fn f() { a.unwrap_or(b); eprint!() } // .unwrap()"), 0);
    }

    #[test]
    fn tests_do_not_count_as_lines() {
        let text = "//! A.\n\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() {}\n}\n";
        assert_eq!(lines_without_tests(text), 4);
    }

    #[test]
    fn paths_are_read_from_documents() {
        let named =
            paths_named("See `src/tar.rs`, ./docs/a.md and (tests/b_c.rs::name). Not /src/x, ~/src/x, a/src/x, src.");
        assert_eq!(named, ["src/tar.rs", "docs/a.md", "tests/b_c.rs"]);
    }

    #[test]
    fn promises_are_read_with_their_tests_and_dead_names_are_found() {
        let rows =
            promises("| promise | assumption | tests |\n|---|---|---|\n| a | b | `x::y`, `z::q` |\n| c | d | none |\n");
        let expected = [("a", vec!["x::y", "z::q"]), ("c", vec![])];
        assert_eq!(rows, expected.map(|(row, tests)| (row.to_owned(), tests.into_iter().map(str::to_owned).collect())));
        assert!(
            is_a_test("tidy::every_module_stands_on_a_floor")
                && is_a_test("restore::tests::only_what_differs_is_written")
        );
        assert!(!is_a_test("tidy::every_module") && !is_a_test("tidy::floors") && !is_a_test("nowhere::name"));
    }

    #[test]
    fn dependencies_are_read_from_the_manifest() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na-b = \"1\"\n[target.'cfg(unix)'.dependencies]\n\
                        c = { version = \"1\" }\n[dev-dependencies]\nd = \"1\"\n";
        assert_eq!(dependencies(manifest), ["a_b", "c"]);
    }
}
