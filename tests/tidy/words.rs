//! Words that have no place somewhere: crates, calls, crowded imports, real places of the machine.

use super::circles::imports;
use super::sources::Source;
use super::tokens::Token;
use super::tokens::is_name;
use super::tokens::reads;

/// Where each outside crate may be named: prefixes of paths. Every dependency in `Cargo.toml` has a line here.
pub(super) const CRATES: &[(&str, &[&str])] = &[
    ("anstream", &["src/cli", "src/main.rs"]),
    ("bincode", &["src/format/index"]),
    ("blake3", &["src/base/id.rs"]),
    ("clap", &["src/cli", "src/main.rs"]),
    ("clap_complete", &["src/cli"]),
    ("clap_mangen", &["src/cli"]),
    ("ctrlc", &["src/cli/signals.rs"]),
    ("filetime", &["src/system/platform/told.rs"]),
    ("indicatif", &["src/cli"]),
    ("jiff", &["src/base/when.rs", "src/base/keep.rs", "src/base/keep", "src/cli"]),
    ("nix", &["src/system/platform/unix"]),
    ("regex", &["src/base/matcher.rs"]),
    ("rustix", &["src/system/platform/unix"]),
    ("serde", &["src/"]),
    ("serde_json", &["src/format/manifest", "src/format/index", "src/cli"]),
    ("signal_hook", &["src/cli/signals.rs"]),
    ("tar", &["src/format/tar"]),
    ("tempfile", &["src/cli/patch.rs", "src/system/store", "src/system/destination"]),
    ("terminal_size", &["src/cli"]),
    ("toml", &["src/archive", "src/base/keep", "src/cli/config"]),
    ("unicode_width", &["src/cli"]),
    ("walkdir", &["src/system/platform/portable.rs"]),
    ("windows_sys", &["src/system/platform/windows"]),
    ("zstd", &["src/format/frames", "src/format/salvage.rs"]),
];

/// Folders that every machine has: a test that took one for "outside" would do harm where what it tests fails.
pub(super) const REAL_PLACES: &[&str] = &[
    "/bin", "/boot", "/etc", "/home", "/lib", "/media", "/mnt", "/opt", "/root", "/run", "/sbin", "/srv", "/tmp",
    "/usr", "/var",
];

pub(super) fn crowded_imports(file: &Source) -> Vec<String> {
    let starts = (0..file.code.len()).filter(|at| reads(&file.code[*at..], "use crate ::"));
    let imports = starts.map(|at| file.code[at..].iter().take_while(|token| token.text != ";").collect::<Vec<_>>());
    let crowded = imports.filter(|import| import.iter().any(|token| ["{", "*"].contains(&token.text.as_str())));
    crowded.map(|import| format!("line {}: one name in each `use crate::…;`", import[0].line)).collect()
}

pub(super) fn misplaced_crates(file: &Source) -> Vec<String> {
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
pub(super) fn forbidden(file: &Source, runs: &[&str]) -> Vec<String> {
    let places = runs.iter().flat_map(|run| (0..file.code.len()).map(move |at| (at, run)));
    let found = places.filter(|(at, run)| reads(&file.code[*at..], run));
    found.map(|(at, run)| format!("line {}: `{run}` has no place here", file.code[at].line)).collect()
}

/// Texts that name a real place: anywhere, or only those given to what makes a link.
pub(super) fn real_places(tokens: &[Token], anywhere: bool) -> Vec<String> {
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

/// The names in the tables of dependencies, those for some systems only as well; development's are left out.
pub(super) fn dependencies(manifest: &str) -> Vec<String> {
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
