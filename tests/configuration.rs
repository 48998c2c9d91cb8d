//! The configuration: what it says holds, what is typed wins, what is wrong in it is named. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::command::Outcome;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// A bench, and a configuration for its archive.
struct Configured {
    bench: Bench,
    file: PathBuf,
}

impl Configured {
    /// The archive `home`, which is not made yet, with its sources; and these lines more.
    fn new(more: &str) -> Configured {
        let bench = Bench::without_archive();
        let file = bench.path("config.toml");
        let configured = Configured { bench, file };
        configured.write(&format!(
            "[archive.home]\npath = '{}'\nsources = ['{}']\n{more}",
            configured.bench.snap.archive().display(),
            configured.bench.home.root().display()
        ));
        configured
    }

    fn write(&self, text: &str) {
        fs::write(&self.file, text).unwrap();
    }

    fn call(&self, words: &str) -> Call {
        Call::new(BINARY.as_ref()).words("--config").arg(&self.file).words(words)
    }

    fn newest(&self) -> Value {
        self.call("list --json").ok().json().remove(0)["snapshots"].as_array().unwrap().last().unwrap().clone()
    }
}

fn error(outcome: &Outcome) -> Value {
    outcome.json().remove(0)["error"].clone()
}

#[test]
fn after_it_is_written_no_command_needs_an_argument() {
    let home = Configured::new("");
    home.bench.home.file("letter.txt", "Dear Ann");
    home.call("create --init").ok();
    home.bench.home.file("more", "x");
    home.call("create").ok();
    assert!(home.call("list").ok().out().contains("2 snapshots"));
    assert_eq!(home.call("ls home").ok().out(), "home/letter.txt\nhome/more\n");
    home.call("verify").ok();
    let to = home.bench.fresh();
    home.call("restore --to").arg(&to).ok();
    assert_eq!(fs::read_to_string(to.join("home/letter.txt")).unwrap(), "Dear Ann");
}

#[test]
fn it_is_found_where_the_system_keeps_such_files() {
    let home = Configured::new("");
    home.bench.home.file("f", "x");
    let folder = home.bench.path("xdg");
    fs::create_dir_all(folder.join("snap")).unwrap();
    fs::rename(&home.file, folder.join("snap/config.toml")).unwrap();
    let call = |words: &str| Call::new(BINARY.as_ref()).words(words).variable("XDG_CONFIG_HOME", &folder);
    call("create --init").ok();
    assert!(call("list").ok().out().contains("1 snapshot,"));
    assert!(call("config").ok().out().contains(&*folder.join("snap/config.toml").to_string_lossy()));
}

#[test]
fn the_example_of_the_guide_is_the_one_that_is_printed_and_can_be_used() {
    let bench = Bench::without_archive();
    let example = Call::new(BINARY.as_ref()).words("config --example").ok().out();
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide.md")).unwrap();
    assert!(guide.contains(&format!("```toml\n{example}```\n")), "docs/guide.md has another example:\n{example}");
    let file = bench.path("example.toml");
    fs::write(&file, &example).unwrap();
    let call = |words: &str| {
        Call::new(BINARY.as_ref()).words("--config").arg(&file).words(words).variable("HOME", bench.path("ann"))
    };
    let shown = call("config --json").ok().json().remove(0);
    assert_eq!(shown["archives"], serde_json::json!(["home", "work"]));
    let setting = |key: &str| {
        shown["settings"].as_array().unwrap().iter().find(|setting| setting["key"] == key).cloned().unwrap_or_default()
    };
    assert_eq!(setting("archive")["value"], "home");
    assert_eq!(setting("sources")["value"][0], bench.path("ann/Documents").to_str().unwrap());
    assert_eq!(setting("sources")["from"], "configuration");
    assert_eq!(setting("rules")["value"]["exclude"][0], "*.iso");
    // Its drives are not plugged in.
    let failure = call("list --json").fails(4);
    assert_eq!(error(&failure)["kind"], "no-drive");
    assert_eq!(error(&call("list --json -a work").fails(4))["kind"], "no-archive");
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_what_was_meant() {
    let home = Configured::new("");
    for (text, words) in [
        ("[archive.a]\npath = '/x'\nsourcs = []", &["line 3", "no key 'sourcs'", "Did you mean: sources?"][..]),
        ("defualt = 'a'", &["line 1", "Did you mean: default?"]),
        ("[archive.a]\ndrives = [{ lable = 'x' }]", &["line 2", "Did you mean: label?"]),
        ("[archive.a]\npath = '/x'\ncolour = 1", &["line 3", "The keys here are:", "sources"]),
        ("[archive.a]\npath = '/x'\nlevel = 20", &["archive 'a'", "1 to 19"]),
        ("[archive.a]\npath = '/x'\nlevel = 'hard'", &["archive 'a'", "1 to 19"]),
        ("[archive.a]\npath = '/x'\nsources = 'y'", &["line 3", "sequence"]),
        ("[archive.a]\npath = '/x'\nsources = ['y']", &["'y' must be an absolute path"]),
        ("[archive.a]\npath = '/x'\nsources = ['n=y']", &["'y' must be an absolute path"]),
        ("[archive.a]\npath = 'x'", &["'x' must be an absolute path"]),
        ("[archive.a]\npath = '/x'\nid = '12'", &["32 hexadecimal digits"]),
        ("[archive.a]\npath = '/x'\nexclude = ['a\\']", &["archive 'a'"]),
        ("[archive.a]\npath = '/x'\nmount = true", &["mount needs drives"]),
        ("[archive.a]\nsources = ['/x']", &["no place"]),
        ("[archive.a]\npath = '/x'\ndrives = [{ label = 'x' }]", &["only one can be"]),
        ("[archive.a]\ndrives = [{ label = 'x', uuid = 'y' }]", &["a label or a uuid"]),
        ("[archive.a]\ndrives = [{ label = 'x', folder = '../y' }]", &["'../y' cannot be a folder"]),
        ("[archive.'a b']\npath = '/x'", &["letters, digits"]),
        ("default = 'b'\n[archive.a]\npath = '/x'", &["'b' that is named as the default", "-a NAME: a."]),
        ("[archive.a\n", &["line 1"]),
        ("[archive.a]\npath = '/x'\nkeep = { dayly = 7 }", &["line 3", "Did you mean: daily?"]),
        ("\u{1b}[31m = 1", &["line 1"]),
    ] {
        home.write(text);
        let outcome = home.call("list").fails(2);
        let said = outcome.err();
        assert!(words.iter().all(|word| said.contains(word)), "{text}\n{said}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
    fs::write(&home.file, b"[archive.\xff]").unwrap();
    assert!(home.call("list").fails(2).err().contains("not UTF-8"));
    fs::write(&home.file, "#".repeat((1 << 20) + 1)).unwrap();
    assert!(home.call("list").fails(2).err().contains("larger than 1 MiB"));
}

#[test]
fn what_is_typed_wins() {
    let home = Configured::new("exclude = ['*.iso', 'cache/']\nexclude-caches = true\nlevel = 19\n");
    home.bench.home.file("a.iso", "1").file("b.tmp", "2").file("cache/c", "3").file("d", "4");
    home.call("create --init").ok();
    let rules = |home: &Configured| home.newest()["sources"][0]["rules"].clone();
    let of_configuration =
        serde_json::json!({ "exclude": ["*.iso", "cache/"], "exclude_caches": true, "one_file_system": false });
    assert_eq!(rules(&home)["exclude"], of_configuration["exclude"]);
    assert_eq!(home.call("ls home").ok().out(), "home/b.tmp\nhome/d\n");
    home.call("create --exclude *.tmp --no-exclude *.iso --no-exclude-caches").ok();
    assert_eq!(rules(&home)["exclude"], serde_json::json!(["cache/", "*.tmp"]));
    // The next run is as the configuration says again, and says nothing of rules that fit nothing.
    let again = home.call("create --allow-empty").ok();
    assert_eq!(rules(&home)["exclude"], of_configuration["exclude"]);
    assert!(!again.err().contains("matches nothing"), "{}", again.shown());
    home.call("create --fresh-rules").ok();
    assert!(rules(&home)["exclude"].as_array().is_none_or(Vec::is_empty));
    assert!(home.call("create --no-exclude nothing").fails(1).err().contains("no source has the rule 'nothing'"));
    // Other sources, another archive, another folder.
    let other = home.bench.path("sources/other");
    fs::create_dir(&other).unwrap();
    home.call("create").arg(&other).ok();
    assert!(home.call("ls").ok().out().contains("other"));
    assert_eq!(home.call("list -a").arg(home.bench.path("nowhere/x")).run().status, 4);
    let empty = home.call("list").variable("SNAP_ARCHIVE", home.bench.path("nowhere/x")).run();
    assert_eq!(empty.status, 4, "{}", empty.shown());
}

#[test]
fn another_archive_than_is_meant_is_told_from_none() {
    let home = Configured::new("");
    home.bench.home.file("f", "x");
    let missing = home.call("list --json").fails(4);
    assert_eq!(error(&missing)["kind"], "not-mounted", "its folder is to be on an empty one: {}", missing.shown());
    home.call("create --init").ok();
    let shown = home.call("config --json").ok().json().remove(0);
    let found = shown["settings"].as_array().unwrap().iter().find(|setting| setting["key"] == "found").unwrap().clone();
    let id = found["value"]["id"].as_str().unwrap();
    let text = fs::read_to_string(&home.file).unwrap();
    home.write(&format!("{text}id = '{id}'\n"));
    home.call("list").ok();
    home.call("create").ok();
    home.write(&format!("{text}id = '{}'\n", "0".repeat(32)));
    for command in ["list", "create", "create --init", "verify", "repair"] {
        let failure = home.call(command).words("--json").fails(1);
        assert_eq!(error(&failure)["kind"], "other-archive", "{command}: {}", failure.shown());
    }
    fs::remove_dir_all(home.bench.snap.archive()).unwrap();
    for command in ["init", "create --init"] {
        assert!(home.call(command).fails(1).err().contains("no archive was made"));
    }
    assert!(!home.bench.snap.archive().exists());
}

#[test]
fn one_of_several_archives_is_chosen_by_its_name() {
    let home = Configured::new("[archive.work]\npath = '~/work-archive'\n");
    home.bench.home.file("f", "x");
    let none = home.call("list").fails(2);
    assert!(none.err().contains("several archives") && none.err().contains("-a NAME: home, work"), "{}", none.shown());
    home.call("create --init -a home").ok();
    assert!(home.call("list -a home").ok().out().contains("1 snapshot,"));
    let mistyped = home.call("list -a hom").fails(2);
    assert!(mistyped.err().contains("Did you mean: home?"), "{}", mistyped.shown());
    let by_variable = home.call("list").variable("SNAP_ARCHIVE", "home").ok();
    assert!(by_variable.out().contains("1 snapshot,"));
}

#[test]
fn forget_keeps_what_the_configuration_says() {
    let home = Configured::new("keep = { last = 2 }\n");
    home.bench.home.file("f", "x");
    home.call("create --init").ok();
    home.call("create --allow-empty").ok();
    home.call("create --allow-empty").ok();
    home.call("create --allow-empty").ok();
    let judged = |words: &str| home.call(words).ok().json().remove(0)["forgotten"].clone();
    assert_eq!(judged("forget --dry-run --json --keep-last 3"), serde_json::json!([1]));
    assert_eq!(judged("forget --json"), serde_json::json!([1, 2]));
}

#[test]
fn a_source_that_is_dropped_but_configured_is_told() {
    let home = Configured::new("");
    home.bench.home.file("f", "x");
    home.call("create --init").ok();
    let dropped = home.call("sources --drop home").ok();
    assert!(dropped.err().contains("config.toml still names it"), "{}", dropped.shown());
}

#[test]
fn the_history_is_thinned_out_by_the_rules_of_the_configuration() {
    let home = Configured::new("keep = { last = 2 }\nprune = true\n");
    let save = |content: &str, words: &str| {
        home.bench.home.file("f", content);
        home.call(words).ok();
        home.call("list --json").ok().json().remove(0)["snapshots"].as_array().unwrap().len()
    };
    assert_eq!(save("1", "create --init"), 1);
    assert_eq!((save("2", "create"), save("3", "create"), save("4", "create")), (2, 2, 2));
    // What is typed wins.
    assert_eq!(save("5", "create --keep-last 3"), 3);
    home.call("forget").ok();
    assert!(home.call("list").ok().out().contains("2 snapshots,"));
    let shown = home.call("config --json").ok().json().remove(0);
    let keep = shown["settings"].as_array().unwrap().iter().find(|setting| setting["key"] == "keep").unwrap();
    assert_eq!(keep["value"]["last"], 2, "{keep}");
    let text = fs::read_to_string(&home.file).unwrap();
    home.write(&text.replace("keep = { last = 2 }\n", ""));
    assert!(home.call("create").fails(2).err().contains("prune needs rules"));
}

#[test]
fn one_that_another_user_has_where_this_one_may_not_look_is_none() {
    use std::os::unix::fs::PermissionsExt;
    let home = Configured::new("");
    home.bench.home.file("f", "x");
    home.call("create --init").ok();
    home.bench.give_to_user();
    let folder = home.bench.path("of root/snap");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), "no configuration at all").unwrap();
    let closed = |mode| fs::set_permissions(folder.parent().unwrap(), fs::Permissions::from_mode(mode)).unwrap();
    closed(0o700);
    // A name alone may be one that the configuration has.
    let archive = home.bench.snap.archive();
    let call = || {
        let call = Call::new(&home.bench.path("snap")).words("list -q -a").arg(archive.file_name().unwrap());
        call.variable("XDG_CONFIG_HOME", folder.parent().unwrap()).in_directory(archive.parent().unwrap()).by_user()
    };
    let Some(by_user) = call() else { return };
    by_user.ok();
    // One that is seen and may not be read is one.
    closed(0o755);
    fs::set_permissions(folder.join("config.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    let Some(by_user) = call() else { return };
    by_user.fails(1).expect_said(&["permission denied"]);
}
