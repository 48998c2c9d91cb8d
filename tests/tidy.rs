//! The house rules, as tests: floors, names of outside crates, sizes, what a library may not touch, and paths in the docs.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Where each outside crate may be named: prefixes of paths. Every dependency in `Cargo.toml` has a line here.
const CRATES: &[(&str, &[&str])] = &[
    ("anstream", &["src/cli", "src/main.rs"]),
    ("bincode", &["src/format/index"]),
    ("blake3", &["src/base/id.rs"]),
    ("clap", &["src/cli", "src/main.rs"]),
    ("ignore", &["src/base/exclude.rs"]),
    ("indicatif", &["src/cli"]),
    ("jiff", &["src/base/when.rs", "src/cli"]),
    ("nix", &["src/system/platform/unix"]),
    ("rustix", &["src/system/platform/unix"]),
    ("serde", &["src/"]),
    ("serde_json", &["src/format/manifest", "src/format/index", "src/cli"]),
    ("signal_hook", &["src/cli"]),
    ("tar", &["src/format/tar"]),
    ("tempfile", &["src/system/store", "src/system/destination"]),
    ("toml", &["src/archive"]),
    ("zstd", &["src/format/frames.rs"]),
];

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
        sources().into_iter().filter_map(|file| file.module()).filter(|module| !floors.contains_key(module)).collect();
    assert!(homeless.is_empty(), "not listed in src/lib.rs or its folder's mod.rs: {homeless:?}");
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
    hold(|file| forbidden(file, &[".unwrap()", ".expect(", "panic!", "todo!", "unimplemented!", "dbg!"]));
}

#[test]
fn the_library_neither_prints_nor_reads_the_environment() {
    let words = ["println!", "eprintln!", "print!", "eprint!", "std::env", "stdout()", "stderr()", "process::exit"];
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
    /// The text without comments, what is in quotes, and tests; the lines stay where they are.
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        // Tests that fill a file of their own, and what they share.
        let is_test = path.ends_with("/tests.rs") || path.contains("/tests/") || path.ends_with("/sample.rs");
        let code = if is_test { String::new() } else { code_only(text) };
        Source { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// Whether it belongs to the program, which sees the library from outside.
    fn is_program(&self) -> bool {
        self.path == "src/main.rs" || self.path.starts_with("src/cli/") || self.path == "src/cli.rs"
    }

    /// The library's top module it belongs to; `None` for the program and `src/lib.rs`.
    fn module(&self) -> Option<String> {
        let inside = self.path.strip_prefix("src/").filter(|inside| *inside != "lib.rs" && !self.is_program())?;
        let mut parts = inside.split('/').map(|part| part.trim_end_matches(".rs"));
        let (folder, module) = (parts.next()?, parts.next()?);
        (module != "mod").then(|| format!("{folder}::{module}"))
    }

    /// How many `super::` lead from here to the crate's root.
    fn depth(&self) -> usize {
        let depth = self.path.matches('/').count();
        if self.path.ends_with("/mod.rs") { depth - 1 } else { depth }
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

fn sources() -> Vec<Source> {
    files_below("src", ".rs").iter().map(|path| Source::new(path, &read(path))).collect()
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
    let code = code_only(lib);
    let blocks = code.split("\n\n").map(|block| block.lines().filter_map(module_line).collect::<Vec<_>>());
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
    for (at, _) in file.code.match_indices("crate::").filter(|(at, _)| starts_a_word(&file.code, *at)) {
        let path = &file.code[at + "crate::".len()..];
        let folder = word_at(path);
        let used = path[folder.len()..].strip_prefix("::").map_or("", word_at);
        let used = format!("{folder}::{used}");
        let goes_down = floors.get(&used).is_some_and(|floor| Some(floor) < floors.get(&module));
        if used != module && !goes_down {
            wrong.push(format!("line {}: `{module}` may not use `{used}`", line_of(&file.code, at)));
        }
    }
    let escape = "super::".repeat(file.depth());
    for (at, _) in file.code.match_indices(&escape).filter(|(at, _)| starts_a_word(&file.code, *at)) {
        wrong.push(format!("line {}: write `crate::`, so that the arrow can be seen", line_of(&file.code, at)));
    }
    wrong
}

fn crowded_imports(file: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in file.code.match_indices("use crate::") {
        let import = file.code[at..].split(';').next().unwrap_or_default();
        if import.contains(['{', '*']) {
            found.push(format!("line {}: one name in each `use crate::…;`", line_of(&file.code, at)));
        }
    }
    found
}

fn misplaced_crates(file: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (name, places) in CRATES {
        if places.iter().any(|place| file.path.starts_with(place)) {
            continue;
        }
        // A module of ours with the same name, brought in by name, is not the crate.
        let ours = ["crate", "super", "self", "crate::format"]
            .iter()
            .any(|root| file.code.contains(&format!("use {root}::{name};")));
        let named = format!("{name}::");
        for (at, _) in file.code.match_indices(&named).filter(|(at, _)| starts_a_word(&file.code, *at)) {
            let before = &file.code[..at];
            let absolute = before.ends_with("use ") || before.ends_with(" ::") || before.ends_with("(::");
            let inside_a_path = before.ends_with("::") && !absolute;
            if !inside_a_path && (absolute || !ours) {
                found.push(format!("line {}: the crate `{name}` belongs in {places:?}", line_of(&file.code, at)));
            }
        }
    }
    found
}

fn forbidden(file: &Source, words: &[&str]) -> Vec<String> {
    let found = words.iter().flat_map(|word| {
        let places = file.code.match_indices(word);
        places
            .filter(|(at, _)| word.starts_with('.') || starts_a_word(&file.code, *at))
            .map(|(at, word)| format!("line {}: `{word}` has no place here", line_of(&file.code, at)))
            .collect::<Vec<_>>()
    });
    found.collect()
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

fn lines_without_tests(text: &str) -> usize {
    let masked = masked(text);
    let tests: usize = test_items(&masked).iter().map(|(from, to)| text[*from..*to].lines().count()).sum();
    text.lines().count() - tests
}

/// The text without comments, what is in quotes, and tests; all other bytes and all line ends stay where they are.
fn code_only(text: &str) -> String {
    let masked = masked(text);
    let mut code = masked.clone().into_bytes();
    for (from, to) in test_items(&masked) {
        blank(&mut code[from..to]);
    }
    String::from_utf8(code).unwrap()
}

/// From where to where the items under `#[cfg(test)]` reach, in text without comments and strings.
fn test_items(masked: &str) -> Vec<(usize, usize)> {
    let mut items: Vec<(usize, usize)> = Vec::new();
    for (from, _) in masked.match_indices("#[cfg(test)]") {
        if items.last().is_some_and(|(_, end)| from < *end) {
            continue;
        }
        let mut open = 0_usize;
        let end = masked[from..].char_indices().find(|(_, c)| {
            match c {
                '{' => open += 1,
                '}' => open = open.saturating_sub(1),
                _ => {}
            }
            open == 0 && matches!(c, '}' | ';')
        });
        items.push((from, end.map_or(masked.len(), |(at, _)| from + at + 1)));
    }
    items
}

/// The text with comments and the insides of strings and characters made blank.
fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let length = match rest {
            [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            [b'/', b'*', ..] => comment_length(rest),
            [b'"', ..] => string_length(rest),
            [b'r', b'"' | b'#', ..] if !before.is_some_and(|byte| is_word(byte) && byte != b'b') => raw_length(rest),
            [b'\'', ..] => character_length(rest),
            _ => 0,
        };
        if length == 0 {
            at += 1;
            continue;
        }
        blank(&mut bytes[at..at + length]);
        at += length;
    }
    String::from_utf8(bytes).unwrap()
}

fn blank(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

fn comment_length(rest: &[u8]) -> usize {
    let (mut open, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (open, at) = (open + 1, at + 2),
            [b'*', b'/', ..] => (open, at) = (open - 1, at + 2),
            _ => at += 1,
        }
        if open == 0 {
            break;
        }
    }
    at
}

fn string_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The length of `r"…"` or `r#"…"#`; 0 for what only looks so, such as `r#type`.
fn raw_length(rest: &[u8]) -> usize {
    let marks = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + marks) != Some(&b'"') {
        return 0;
    }
    let close = [b"\"".as_slice(), "#".repeat(marks).as_bytes()].concat();
    let inside = &rest[2 + marks..];
    let end = inside.windows(close.len()).position(|window| window == close).unwrap_or(inside.len() - close.len());
    2 + marks + end + close.len()
}

/// The length of `'x'`; 0 for a lifetime.
fn character_length(rest: &[u8]) -> usize {
    let closing = |from: usize| rest.iter().skip(from).take(10).position(|byte| *byte == b'\'').map(|at| from + at + 1);
    match rest.get(1) {
        Some(b'\\') => closing(3).unwrap_or(0),
        // Only one character can stand between the quotes: a closing quote further on belongs to something else.
        Some(first) => {
            let width = match first {
                0..0x80 => 1,
                0x80..0xe0 => 2,
                0xe0..0xf0 => 3,
                _ => 4,
            };
            if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
        }
        None => 0,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn starts_a_word(text: &str, at: usize) -> bool {
    at == 0 || !is_word(text.as_bytes()[at - 1])
}

fn word_at(text: &str) -> &str {
    let end = text.bytes().position(|byte| !is_word(byte)).unwrap_or(text.len());
    &text[..end]
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
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
        let found = |text: &str| forbidden(&Source::new("src/a.rs", text), &[".unwrap()", "print!"]).len();
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
