//! The library does not speak the command line: no option and no command of the program stands in a message of it.

#![allow(clippy::unwrap_used)]

use proc_macro2::Delimiter;
use proc_macro2::TokenStream;
use proc_macro2::TokenTree;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

#[test]
fn no_message_of_the_library_names_an_option_or_a_command() {
    let mut wrong = Vec::new();
    for file in library() {
        let text = fs::read_to_string(&file).unwrap();
        let mut literals = Vec::new();
        collect(text.parse().unwrap(), &mut literals);
        wrong.extend(literals.iter().filter(|text| speaks_command_line(text)).map(|text| (file.clone(), text.clone())));
    }
    assert!(wrong.is_empty(), "what to do is an `Advice`, worded in src/cli/output/advice.rs: {wrong:#?}");
}

#[test]
fn options_and_commands_are_found_wherever_they_stand_in_a_message() {
    for bad in ["use --force", "--x", "run snap repair now", "`snap ls`", "snap\n   repair"] {
        assert!(speaks_command_line(bad), "{bad:?}");
    }
    for good in ["a - b", "--", "-- x", "snapshot 3", ".snapignore", "a snap", "unsnap it", "snap: x"] {
        assert!(!speaks_command_line(good), "{good:?}");
    }
    let code = "/// snap ls\nfn f() { g(\"a\\\n  b\"); }\n#[cfg(test)]\nmod tests { const X: &str = \"--x\"; }\nconst Y: &str = \"c\";";
    let mut literals = Vec::new();
    collect(code.parse().unwrap(), &mut literals);
    assert_eq!(literals.len(), 2, "{literals:?}");
}

/// Every file of the library but those that hold only tests.
fn library() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            match path.is_dir() {
                true if !matches!(name.as_str(), "cli" | "tests") => folders.push(path),
                false
                    if path.extension().is_some_and(|ending| ending == "rs")
                        && !matches!(name.as_str(), "tests.rs" | "main.rs") =>
                {
                    files.push(path);
                }
                _ => {}
            }
        }
    }
    assert!(files.len() > 50, "{files:?}");
    files
}

/// The literals of code as they are written, without those in attributes (documentation among them) and in tests.
fn collect(code: TokenStream, literals: &mut Vec<String>) {
    let (mut is_attribute, mut is_test) = (false, false);
    for token in code {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => is_attribute = true,
            TokenTree::Punct(punct) if is_attribute && punct.as_char() == '!' => {}
            TokenTree::Group(group) if is_attribute => {
                is_test |= group.stream().to_string().replace(' ', "") == "cfg(test)";
                is_attribute = false;
            }
            TokenTree::Group(group) if is_test && group.delimiter() == Delimiter::Brace => is_test = false,
            TokenTree::Group(group) => collect(group.stream(), literals),
            TokenTree::Literal(literal) => literals.push(literal.to_string()),
            TokenTree::Punct(punct) if punct.as_char() == ';' => is_test = false,
            _ => is_attribute = false,
        }
    }
}

fn speaks_command_line(text: &str) -> bool {
    let is_lower = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase());
    let option = text.match_indices("--").any(|(at, _)| is_lower(&text[at + 2..]));
    let command = text.match_indices("snap").any(|(at, found)| {
        let begins = !text[..at].ends_with(|c: char| c.is_alphanumeric());
        let rest = &text[at + found.len()..];
        // A long literal goes on in the next line after a `\`.
        let next = rest.trim_start_matches([' ', '\n', '\\']);
        begins && next.len() < rest.len() && is_lower(next)
    });
    option || command
}
