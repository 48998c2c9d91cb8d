//! Files that use each other in a circle, also behind what others pass on, and by methods that a type has in another file.

use super::sources::Source;
use super::tokens::Token;
use super::tokens::paths;
use super::tokens::without_imports;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use syn::ImplItem;
use syn::Item;
use syn::Type;
use syn::UseTree;
use syn::Visibility;

/// What a file brings into reach by one name of a `use`; `*` for all.
pub(super) struct Import {
    pub path: Vec<String>,
    pub alias: String,
    is_public: bool,
}

/// A file as a node of the graph of files.
struct Module<'f> {
    file: &'f Source,
    path: Vec<String>,
    /// Names that are defined in it, those of its files below as well.
    names: BTreeSet<String>,
    imports: Vec<Import>,
    /// The types that it gives methods, each with the names of these.
    methods: Vec<(Vec<String>, Vec<String>)>,
}

type Modules<'f> = BTreeMap<Vec<String>, Module<'f>>;

/// The arrows between files that are part of a circle.
pub(super) fn circles(files: &[Source]) -> Vec<String> {
    let modules: Modules =
        files.iter().filter(|file| !file.code.is_empty()).map(|file| (file.module_path(), Module::new(file))).collect();
    let apart = methods_apart(&modules);
    let arrows_of = |module: &Module| {
        let mut arrows = module.arrows(&modules);
        arrows.extend(module.calls(&apart));
        arrows
    };
    let arrows: BTreeMap<&str, BTreeMap<&str, String>> =
        modules.values().map(|module| (module.file.path.as_str(), arrows_of(module))).collect();
    let mut found = Vec::new();
    for (from, targets) in &arrows {
        for (to, name) in targets.iter().filter(|(to, _)| reaches(&arrows, to, from)) {
            found.push(format!("{from} uses {name} of {to}, which uses {from} in turn"));
        }
    }
    found
}

/// By crate and name: the methods that a type has in another file than the one that it is defined in, each with its file. Only of
/// names that no other function of the crate has: whoever calls such a name, on whatever, uses that file.
fn methods_apart<'f>(modules: &Modules<'f>) -> BTreeMap<(String, String), &'f str> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for module in modules.values() {
        for two in module.file.code.windows(2).filter(|two| two[0].text == "fn") {
            *counts.entry((module.path[0].as_str(), two[1].text.as_str())).or_default() += 1;
        }
    }
    let mut apart = BTreeMap::new();
    for module in modules.values() {
        let is_elsewhere = |of: &[String]| {
            let target = module.absolute(of, 0).and_then(|path| origin(modules, &path, 0));
            target.is_some_and(|target| target.path != module.path)
        };
        for name in module.methods.iter().filter(|(of, _)| is_elsewhere(of)).flat_map(|(_, names)| names) {
            if counts.get(&(module.path[0].as_str(), name.as_str())) == Some(&1) {
                apart.insert((module.path[0].clone(), name.clone()), module.file.path.as_str());
            }
        }
    }
    apart
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
        let methods = items.iter().filter(|item| !is_for_tests(item)).filter_map(methods_of).collect();
        Module { file, path: file.module_path(), names, imports: imports(&file.text), methods }
    }

    /// The files whose methods it calls, of those that types have apart from where they are defined, each with such a method.
    fn calls<'m>(&self, apart: &BTreeMap<(String, String), &'m str>) -> BTreeMap<&'m str, String> {
        let is_call = |three: &&[Token]| {
            matches!((three[0].text.as_str(), three[2].text.as_str()), (".", "(" | "::") | ("::", "("))
        };
        let called = self.file.code.windows(3).filter(is_call).map(|three| &three[1].text);
        let used = called.filter_map(|name| Some((*apart.get(&(self.path[0].clone(), name.clone()))?, name.clone())));
        used.filter(|(file, _)| *file != self.file.path).collect()
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

    /// A path as it is from the crate on; `None` when it leads to another crate or is not a path of modules.
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
        Item::Impl(item) => &item.attrs,
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

/// The path of a type that gets methods of its own here, and their names.
fn methods_of(item: &Item) -> Option<(Vec<String>, Vec<String>)> {
    let Item::Impl(item) = item else { return None };
    let Type::Path(of) = item.self_ty.as_ref() else { return None };
    let name =
        |item: &ImplItem| if let ImplItem::Fn(method) = item { Some(method.sig.ident.to_string()) } else { None };
    let of = of.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    item.trait_.is_none().then(|| (of, item.items.iter().filter_map(name).collect()))
}

/// The imports at a file's top, each name by itself; those of tests are left out.
pub(super) fn imports(text: &str) -> Vec<Import> {
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
