//! The house rules, as tests: floors, circles between files, names of outside crates, sizes, what a library may not touch,
//! places that a test may not touch, and paths in the docs.

#![allow(clippy::unwrap_used)]

mod broken;
mod circles;
mod documents;
mod floors;
mod functions;
mod sources;
mod tokens;
mod words;

use self::circles::circles;
use self::documents::is_a_test;
use self::documents::paths_named;
use self::documents::promises;
use self::floors::floors_of;
use self::floors::module_line;
use self::floors::module_lists;
use self::floors::wrong_arrows;
use self::functions::Function;
use self::functions::functions;
use self::sources::Source;
use self::sources::documents;
use self::sources::files_below;
use self::sources::read;
use self::sources::root;
use self::sources::sources;
use self::tokens::Token;
use self::tokens::lines_without_tests;
use self::tokens::public_functions;
use self::tokens::tokens;
use self::words::CRATES;
use self::words::crowded_imports;
use self::words::dependencies;
use self::words::forbidden;
use self::words::misplaced_crates;
use self::words::real_places;
use std::fs;

/// Files of tests that may name them: one looks for tools, one puts scratch folders where the documents name such places, two
/// hold the list.
const REAL_PLACES_NAMED: &[&str] =
    &["tests/recover.rs", "tests/support/drives.rs", "tests/tidy/words.rs", "tests/tidy/broken.rs"];

/// The most lines of a source file, its tests not counted.
const SOURCE_LINES_MAX: usize = 600;

/// The most lines of a function, and its most parameters beside `self`.
const FUNCTION_LINES_MAX: usize = 60;
const PARAMETERS_MAX: usize = 4;

/// The most lines of a file of tests.
const TEST_LINES_MAX: usize = 650;

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
        .flat_map(|file| public_functions(&tokens(&read(file))))
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
fn no_file_of_tests_is_too_long() {
    let lines = |path: &String| read(path).lines().count();
    let files: Vec<String> = files_below("tests", ".rs");
    let long: Vec<String> = files.into_iter().filter(|path| lines(path) > TEST_LINES_MAX).collect();
    assert!(long.is_empty(), "more than {TEST_LINES_MAX} lines: {}", long.join(", "));
}

#[test]
fn no_function_is_too_long_or_takes_too_much() {
    hold(|file| {
        let is_wrong =
            |function: &Function| function.lines > FUNCTION_LINES_MAX || function.parameters > PARAMETERS_MAX;
        let wrong = functions(&file.code).into_iter().filter(is_wrong);
        wrong
            .map(|Function { name, lines, parameters }| {
                format!("`{name}` has {lines} lines and {parameters} parameters")
            })
            .collect()
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

#[test]
fn the_architecture_fits_in_a_few_pages() {
    let lines = fs::read_to_string(root().join("docs/architecture.md")).map_or(0, |text| text.lines().count());
    assert!(
        lines <= ARCHITECTURE_LINES_MAX,
        "docs/architecture.md has {lines} lines, more than {ARCHITECTURE_LINES_MAX}"
    );
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
