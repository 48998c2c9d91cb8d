//! The rules are tried on code that breaks them.

use super::circles::circles;
use super::documents::is_a_test;
use super::documents::paths_named;
use super::documents::promises;
use super::floors::floors_of;
use super::floors::wrong_arrows;
use super::functions::functions;
use super::sources::Source;
use super::tokens::lines_without_tests;
use super::tokens::tokens;
use super::words::crowded_imports;
use super::words::dependencies;
use super::words::forbidden;
use super::words::misplaced_crates;
use super::words::real_places;
use std::collections::BTreeMap;

fn floors() -> BTreeMap<String, usize> {
    floors_of("//! Words.\n\npub mod a::low;\npub mod a::beside;\n\n// more\nmod b::mid;\n\npub(crate) mod b::high;\n")
}

fn arrows(path: &str, text: &str) -> usize {
    wrong_arrows(&Source::new(path, text), &floors()).len()
}

#[test]
fn floors_are_read_from_the_lowest_up() {
    let floors = floors();
    let expected =
        [("a::beside", 0), ("b::high", 2), ("a::low", 0), ("b::mid", 1)].map(|(name, floor)| (name.to_owned(), floor));
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
        found(&[top, parent("mod one;\npub use one::f;\npub fn g() {}"), child("use super::g;\npub fn f() { g() }")]),
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
    // By a method that a type has in another file, if no other function has its name.
    let whole = ("src/a/mod.rs", "mod one;\nmod two;");
    let one = |text| ("src/a/one.rs", text);
    let far = two("use super::one::One;\nimpl One {\n    pub fn far(&self) {}\n}");
    assert_eq!(found(&[top, whole, one("pub struct One;\nimpl One {\n    fn f(&self) { self.far() }\n}"), far]), 2);
    assert_eq!(found(&[top, whole, one("pub struct One;\nfn f(one: &One) { One::far(one) }"), far]), 2);
    assert_eq!(found(&[top, whole, one("pub struct One;\nfn f(one: &One) { one.near(far::f()) }"), far]), 0);
    let other = ("src/a/three.rs", "pub struct Three;\nimpl Three {\n    pub fn far(&self) {}\n}");
    assert_eq!(found(&[top, whole, one("pub struct One;\nfn f(one: &One) { one.far() }"), far, other]), 0);
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
fn functions_are_measured() {
    let text = "trait T { fn none(&self, a: u8); }\nfn plain(a: u8, b: (u8, u8),) -> u8 {\n    a\n}\nimpl A {\n    fn own<'a, F: Fn(u8, u8) -> u8>(\n        &'a mut self,\n        of: HashMap<u8, u8>,\n    ) {\n    }\n}";
    let found = functions(&tokens(text)).into_iter().map(|one| (one.name, one.lines, one.parameters));
    let expected =
        [("plain", 3, 2), ("own", 5, 1)].map(|(name, lines, parameters)| (name.to_owned(), lines, parameters));
    assert_eq!(found.collect::<Vec<_>>(), expected);
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
        is_a_test("tidy::every_module_stands_on_a_floor") && is_a_test("restore::tests::only_what_differs_is_written")
    );
    assert!(!is_a_test("tidy::every_module") && !is_a_test("tidy::floors") && !is_a_test("nowhere::name"));
}

#[test]
fn dependencies_are_read_from_the_manifest() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\na-b = \"1\"\n[target.'cfg(unix)'.dependencies]\n\
                    c = { version = \"1\" }\n[dev-dependencies]\nd = \"1\"\n";
    assert_eq!(dependencies(manifest), ["a_b", "c"]);
}
