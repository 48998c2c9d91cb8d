//! Which module stands on which floor, and arrows that do not go down.

use super::sources::Source;
use super::sources::read;
use super::tokens::paths;
use std::collections::BTreeMap;

/// The lists of modules of all folders that `src/lib.rs` names, one after the other, each module as `folder::module`.
pub(super) fn module_lists() -> String {
    let lib = read("src/lib.rs");
    let mut folders: Vec<String> = lib.lines().filter_map(module_line).collect();
    // Each stands there twice: with the feature `internals` it is public.
    folders.dedup();
    let lists =
        folders.iter().map(|folder| read(&format!("src/{folder}/mod.rs")).replace("mod ", &format!("mod {folder}::")));
    lists.collect::<Vec<_>>().join("\n")
}

/// The floor of each module: the blocks of `mod x;` lines, lowest first.
pub(super) fn floors_of(lib: &str) -> BTreeMap<String, usize> {
    let blocks = lib.split("\n\n").map(|block| block.lines().filter_map(module_line).collect::<Vec<_>>());
    let blocks = blocks.filter(|block| !block.is_empty());
    blocks.enumerate().flat_map(|(floor, block)| block.into_iter().map(move |module| (module, floor))).collect()
}

pub(super) fn module_line(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
    Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
}

pub(super) fn wrong_arrows(file: &Source, floors: &BTreeMap<String, usize>) -> Vec<String> {
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
