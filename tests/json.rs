//! docs/json.md and the documents that commands print are the same: the types there are read, and real output is compared with
//! them, to the last field. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::replay::bundles;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use crate::support::tree::noise;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;

/// A type, as TypeScript writes it.
#[derive(Clone, Debug)]
enum Type {
    Any,
    Null,
    String,
    Number,
    Boolean,
    Literal(String),
    Named(String),
    Array(Box<Type>),
    Object(Vec<Field>),
    OneOf(Vec<Type>),
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    is_optional: bool,
    kind: Type,
}

/// The types of the document, and those that something was compared with.
struct Types {
    known: BTreeMap<String, Type>,
    used: RefCell<BTreeSet<String>>,
}

/// Words and marks, read one after the other.
struct Reader {
    words: Vec<String>,
    at: usize,
}

impl Reader {
    fn new(text: &str) -> Reader {
        let mut words = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let mut word = c.to_string();
            if c == '"' {
                word.extend(rest.by_ref().take_while(|c| *c != '"'));
            } else if c.is_alphanumeric() || c == '_' {
                while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(c);
                }
            } else if c.is_whitespace() {
                continue;
            }
            words.push(word);
        }
        Reader { words, at: 0 }
    }

    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.words[self.at - 1].clone()
    }

    fn take(&mut self, word: &str) -> bool {
        let is_it = self.peek() == word;
        self.at += usize::from(is_it);
        is_it
    }

    fn kind(&mut self) -> Type {
        self.take("|");
        let mut all = vec![self.one()];
        while self.take("|") {
            all.push(self.one());
        }
        if all.len() == 1 { all.remove(0) } else { Type::OneOf(all) }
    }

    fn one(&mut self) -> Type {
        let word = self.next();
        let mut kind = match word.as_str() {
            "any" => Type::Any,
            "null" => Type::Null,
            "string" => Type::String,
            "number" => Type::Number,
            "boolean" => Type::Boolean,
            "{" => Type::Object(self.fields()),
            text if text.starts_with('"') => Type::Literal(text[1..].to_owned()),
            name => Type::Named(name.to_owned()),
        };
        while self.take("[") {
            assert!(self.take("]"));
            kind = Type::Array(Box::new(kind));
        }
        kind
    }

    fn fields(&mut self) -> Vec<Field> {
        let mut fields = Vec::new();
        while !self.take("}") {
            let name = self.next();
            let is_optional = self.take("?");
            assert!(self.take(":"), "a type follows {name}");
            fields.push(Field { name, is_optional, kind: self.kind() });
            self.take(";");
        }
        fields
    }
}

impl Types {
    fn read() -> Types {
        let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md")).unwrap();
        let blocks = text.split("```ts\n").skip(1).map(|block| block.split("```").next().unwrap());
        let mut reader = Reader::new(&blocks.collect::<String>());
        let mut known = BTreeMap::new();
        while !reader.peek().is_empty() {
            let is_interface = reader.next() == "interface";
            let name = reader.next();
            let kind = if is_interface {
                let mut fields = Vec::new();
                if reader.take("extends") {
                    let Some(Type::Object(inherited)) = known.get(&reader.next()) else {
                        panic!("{name} extends nothing")
                    };
                    fields.clone_from(inherited);
                }
                assert!(reader.take("{"));
                fields.extend(reader.fields());
                Type::Object(fields)
            } else {
                assert!(reader.take("="), "{name}");
                reader.kind()
            };
            assert!(known.insert(name.clone(), kind).is_none(), "{name} stands there twice");
        }
        Types { known, used: RefCell::default() }
    }

    /// What is wrong with a value, if anything is.
    fn wrong(&self, value: &Value, kind: &Type, at: &str) -> Option<String> {
        let is_it = match kind {
            Type::Any => true,
            Type::Null => value.is_null(),
            Type::String => value.is_string(),
            Type::Number => value.is_number(),
            Type::Boolean => value.is_boolean(),
            Type::Literal(text) => value == text,
            Type::Named(name) => {
                self.used.borrow_mut().insert(name.clone());
                let kind = self.known.get(name).unwrap_or_else(|| panic!("there is no type {name}"));
                return self.wrong(value, kind, &format!("{at}: {name}"));
            }
            Type::Array(kind) => {
                let Some(values) = value.as_array() else { return Some(format!("{at}: no array: {value}")) };
                return values.iter().find_map(|value| self.wrong(value, kind, &format!("{at}[]")));
            }
            Type::OneOf(kinds) => {
                let wrong: Option<Vec<String>> = kinds.iter().map(|kind| self.wrong(value, kind, at)).collect();
                return wrong.map(|wrong| wrong.join(", or "));
            }
            Type::Object(fields) => return self.wrong_in(value, fields, at),
        };
        (!is_it).then(|| format!("{at}: {value} is no {kind:?}"))
    }

    fn wrong_in(&self, value: &Value, fields: &[Field], at: &str) -> Option<String> {
        let Some(object) = value.as_object() else { return Some(format!("{at}: no object: {value}")) };
        let unknown = object.keys().find(|key| fields.iter().all(|field| field.name != **key));
        if let Some(unknown) = unknown {
            return Some(format!("{at}: {unknown} is not in docs/json.md"));
        }
        fields.iter().find_map(|field| match object.get(&field.name) {
            None => (!field.is_optional).then(|| format!("{at}: {} is missing", field.name)),
            Some(value) => self.wrong(value, &field.kind, &format!("{at}.{}", field.name)),
        })
    }

    /// Compares all documents that a command prints with a type.
    #[track_caller]
    fn compare(&self, call: Call, name: &str) -> Vec<Value> {
        let outcome = call.run();
        let documents = outcome.json();
        assert!(!documents.is_empty(), "{}", outcome.shown());
        for document in &documents {
            assert_eq!(self.wrong(document, &Type::Named(name.to_owned()), "document"), None, "{}", outcome.shown());
        }
        documents
    }
}

#[test]
fn what_commands_print_is_what_the_document_says() {
    let types = Types::read();
    let bench = Bench::without_archive();
    let file = bench.path("config.toml");
    let text = format!(
        "[archive.home]\npath = '{}'\nexclude = ['*.tmp']\nverify = 'monthly'\n",
        bench.snap.archive().display()
    );
    fs::write(&file, text).unwrap();
    let call = |words: &str| {
        let call = Call::new(BINARY.as_ref()).words("--json --config").arg(&file).words(words);
        call.variable("XDG_STATE_HOME", bench.path("state"))
    };
    types.compare(call("status"), "Status");
    types.compare(call("list"), "Failed");
    types.compare(call("init"), "Initialized");
    bench
        .home
        .file("letter.txt", "Dear Ann")
        .file("old/plan", noise(1, 9000))
        .file("old/dead", noise(2, 90_000))
        .symlink("link", "letter.txt")
        .fifo("pipe");
    bench.home.file(b"caf\xe9", "x").file("a.tmp", "1").hard_link("letter.txt", "twin");
    types.compare(call("create --dry-run").arg(bench.home.root()), "Created");
    let named = call("create --dry-run -v").arg(bench.home.root()).run().json();
    let (document, named) = named.split_last().unwrap();
    assert_eq!(types.wrong(document, &Type::Named("Created".to_owned()), "document"), None);
    assert!(named.len() > 5 && named.iter().any(|line| line["change"] == "left-out"), "{named:?}");
    for line in named {
        assert_eq!(types.wrong(line, &Type::Named("Touched".to_owned()), "line"), None);
    }
    types.compare(call("create").arg(bench.home.root()), "Created");
    let other = bench.path("sources/other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("f"), "f").unwrap();
    bench
        .home
        .file("letter.txt", "Dear Ann, dear Bob")
        .rename("old/plan", "plan")
        .remove("old/dead")
        .file("new/x", "x")
        .mode("twin", 0o600);
    types.compare(call("create --note two").arg(&other).arg(bench.home.root()), "Created");
    fs::remove_dir_all(&other).unwrap();
    types.compare(call("create"), "Created");
    types.compare(call("status"), "Status");
    types.compare(call("sources"), "Sources");
    types.compare(call("sources --rename other another"), "RenamedSource");
    types.compare(call("sources --drop another"), "Dropped");
    types.compare(call("list"), "List");
    types.compare(call("ls -R"), "Listed");
    types.compare(call("find *"), "Found");
    types.compare(call("diff 1 2"), "Difference");
    types.compare(call("diff 1 2 --stat"), "DiffStat");
    types.compare(call("diff --now --stat"), "DiffStat");
    types.compare(call("log home home/letter.txt home/old"), "Logs");
    types.compare(call("du"), "Usage");
    types.compare(call("du -s"), "Usage");
    types.compare(call("restore home --to").arg(bench.path("back")), "Restored");
    types.compare(call("restore home --in-place --yes"), "Restored");
    types.compare(call("export --output").arg(bench.path("all.tar.zst")), "Exported");
    let setup = format!("setup --name work --path {} --yes", bench.path("drive/work").display());
    types.compare(call(&setup).arg(bench.home.root()), "SetUp");
    types.compare(call("verify -a home"), "Verified");
    types.compare(call("config -a home"), "Configuration");
    types.compare(
        call("schedule install -a home --print --with systemd").variable("HOME", bench.path("ann")),
        "Schedule",
    );
    types.compare(call("schedule install -a home --print --with cron"), "Schedule");
    types.compare(call("restore -a home nothing --to").arg(bench.path("back2")), "Failed");
    types.compare(call("lst"), "Failed");
    types.compare(call("keep 2 -a home"), "Marked");
    types.compare(call("forget 1 --dry-run -a home"), "Forgotten");
    types.compare(call("forget 1 -a home"), "Forgotten");
    types.compare(call("forget --undo 1 -a home"), "Remembered");
    types.compare(call("forget 1 -a home"), "Forgotten");
    types.compare(call("prune -a home --dry-run"), "Pruned");
    types.compare(call("erase home/plan --dry-run -a home"), "Erased");
    let bundle = bundles(bench.snap.archive())[0].clone();
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[60..64].fill(0);
    fs::write(&bundle, bytes).unwrap();
    types.compare(call("verify -a home --data"), "Verified");
    types.compare(call("repair -a home --dry-run"), "Repaired");
    types.compare(call("repair -a home"), "Repaired");
    let progress = call("verify -a home --data --progress json").run();
    for line in progress.err().lines().filter(|line| line.starts_with('{')) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(types.wrong(&line, &Type::Named("ProgressLine".to_owned()), "progress"), None);
    }
    let used = types.used.borrow();
    let unused: Vec<&String> = types.known.keys().filter(|name| !used.contains(*name)).collect();
    // What only other systems and moments have.
    let rare = ["Renamed"];
    assert!(unused.iter().all(|name| rare.contains(&name.as_str())), "never compared: {unused:?}");
}

#[test]
fn a_document_that_is_wrong_is_found() {
    let types = Types::read();
    let wrong = |text: &str, name: &str| {
        types.wrong(&serde_json::from_str(text).unwrap(), &Type::Named(name.to_owned()), "x").is_some()
    };
    assert!(!wrong(r#"{"files": 1, "folders": 2, "bytes": 3}"#, "Count"));
    for text in [
        r#"{"files": 1, "folders": 2}"#,
        r#"{"files": "1", "folders": 2, "bytes": 3}"#,
        r#"{"files": 1, "folders": 2, "bytes": 3, "x": 4}"#,
        "[]",
    ] {
        assert!(wrong(text, "Count"), "{text}");
    }
    assert!(!wrong(r#""moved""#, "Change") && wrong(r#""else""#, "Change"));
    assert!(!wrong(r#"{"escaped": "a"}"#, "Path") && wrong("1", "Path"));
}
