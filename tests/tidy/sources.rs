//! The files of this project.

use super::tokens::Token;
use super::tokens::tokens;
use super::tokens::without_tests;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::OnceLock;

/// One source file.
pub(super) struct Source {
    /// From the project's root, with `/`.
    pub path: String,
    pub text: String,
    /// What the compiler sees, without tests and comments.
    pub code: Vec<Token>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        // Tests that fill a file of their own, and what they share.
        let is_test = path.ends_with("/tests.rs") || path.contains("/tests/") || path.ends_with("/sample.rs");
        let code = if is_test { Vec::new() } else { without_tests(tokens(text)) };
        Source { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// Whether it belongs to the program, which sees the library from outside.
    pub fn is_program(&self) -> bool {
        self.path == "src/main.rs" || self.path.starts_with("src/cli/")
    }

    /// The library's top module it belongs to; `None` for the program and `src/lib.rs`.
    pub fn module(&self) -> Option<String> {
        let path = self.module_path();
        (path.len() > 2 && !self.is_program()).then(|| path[1..3].join("::"))
    }

    /// Where it is in its crate, from the crate on.
    pub fn module_path(&self) -> Vec<String> {
        let crate_name = if self.is_program() { "program" } else { "library" };
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        let inside = inside.split('/').filter(|part| !["lib", "main"].contains(part));
        std::iter::once(crate_name).chain(inside).map(str::to_owned).collect()
    }
}

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(super) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All source files, read once.
pub(super) fn sources() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| files_below("src", ".rs").iter().map(|path| Source::new(path, &read(path))).collect())
}

pub(super) fn documents() -> Vec<String> {
    let mut documents = files_below("docs", ".md");
    documents.extend(root().join("README.md").exists().then(|| "README.md".to_owned()));
    documents
}

/// The files below a directory that may be missing, from the project's root, with `/`, sorted.
pub(super) fn files_below(directory: &str, ending: &str) -> Vec<String> {
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
