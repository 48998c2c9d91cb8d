//! What the documents name: paths, and tests for promises.

use super::sources::root;
use std::fs;

/// The rows `| promise | assumption | tests |` of a document: each promise, and the names in the column of the tests.
pub(super) fn promises(document: &str) -> Vec<(String, Vec<String>)> {
    let cells = |line: &str| line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let rows = document.lines().filter(|line| line.starts_with('|')).map(cells);
    let rows = rows.filter(|row: &Vec<String>| row.len() == 3 && row[2] != "tests" && !row[2].starts_with("--"));
    rows.map(|row| (row[0].clone(), row[2].split('`').skip(1).step_by(2).map(str::to_owned).collect())).collect()
}

/// Whether `file::name` is a test: of `tests/file.rs`, or of `src/file.rs` with `/` in place of what stands between; tests may also
/// stand in the module `tests` at a file's end.
pub(super) fn is_a_test(test: &str) -> bool {
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

/// Every `src/…`, `tests/…`, `docs/…`, `scripts/…` and `fuzz/…` that a document names as a path from the project's root.
pub(super) fn paths_named(document: &str) -> Vec<String> {
    let part_of_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let words = document.split(|c: char| !part_of_path(c));
    let words = words.map(|word| word.trim_start_matches("./").trim_end_matches(['.', '/']));
    let ours = |word: &&str| ["src/", "tests/", "docs/", "scripts/", "fuzz/"].iter().any(|top| word.starts_with(top));
    words.filter(ours).map(str::to_owned).collect()
}
