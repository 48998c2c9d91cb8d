//! What the program says of itself: each example of its help runs, commands stand in groups, shells complete, man pages are made.
//! Knows the command line only.

use crate::support::bench::Bench;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use crate::support::tree::Tree;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

fn call(words: &str) -> Call {
    Call::new(BINARY.as_ref()).words(words)
}

/// All commands that the help lists.
fn commands() -> Vec<String> {
    let help = call("--help").ok().out();
    let groups = help.lines().skip_while(|line| *line != "Set up:").take_while(|line| *line != "Options:");
    groups.filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next().map(str::to_owned)).collect()
}

#[test]
fn commands_stand_in_groups_and_none_is_missing() {
    let commands = commands();
    let mut once = commands.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), commands.len(), "{commands:?}");
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/commands")).unwrap() {
        let name = file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(name == "mod" || commands.contains(&name), "{name} is in no group: {commands:?}");
    }
}

/// A home with an archive of some days, always in the same place; each example gets a fresh copy.
struct World {
    bench: Bench,
}

impl World {
    fn new() -> World {
        let bench = Bench::without_archive();
        let home = Tree::at(bench.path("world/ann"));
        home.file("Documents/letter.txt", "Dear Ann")
            .file("Documents/letters/aunt.txt", "Dear aunt")
            .file("work/target/x", "x");
        home.file("Pictures/a.jpg", "a").file("Photos/2026/b.jpg", "b").file("data/2026/c.jpg", "c").dir("back");
        let world = World { bench };
        fs::create_dir_all(world.bench.path("world/drive")).unwrap();
        fs::create_dir_all(world.bench.path("bin")).unwrap();
        symlink(BINARY, world.bench.path("bin/snap")).unwrap();
        let create = |time: &str, more: &str| {
            let line = format!("snap create --init -a /media/stick/archive --time {time} {more}");
            world.line(&line).expect(0);
        };
        create("2020-01-01T00:00:00Z", "~/Documents ~/Pictures ~/Photos photos=/data/2026");
        home.file("Documents/letter.txt", "Dear Ann, dear Bob");
        create("2021-01-01T00:00:00Z", "");
        home.remove("Pictures/a.jpg");
        home.file("Pictures/d.jpg", "d");
        create("2022-01-01T00:00:00Z", "");
        home.file("Documents/letters/uncle.txt", "Dear uncle");
        create("2023-01-01T00:00:00Z", "");
        for year in 2024..2029 {
            create(&format!("{year}-01-01T00:00:00Z"), "--allow-empty");
        }
        fs::create_dir_all(world.bench.path("world/config/snap")).unwrap();
        let config = format!("[archive.work]\npath = '{}'\n", world.bench.path("world/drive/archive").display());
        fs::write(world.bench.path("world/config/snap/config.toml"), config).unwrap();
        run(program("cp").arg("-a").args([world.bench.path("world"), world.bench.path("pristine")])).expect_silent();
        world
    }

    fn renew(&self) {
        fs::remove_dir_all(self.bench.path("world")).unwrap();
        run(program("cp").arg("-a").args([self.bench.path("pristine"), self.bench.path("world")])).expect_silent();
    }

    /// Runs a line as it stands in the help, in this world.
    fn line(&self, line: &str) -> crate::support::command::Outcome {
        let world = self.bench.path("world");
        let line = line.replace(&["", "media", "stick"].join("/"), &world.join("drive").to_string_lossy());
        let line = line.replace("/data/2026", &world.join("ann/data/2026").to_string_lossy());
        let path = format!("{}:{}", self.bench.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = shell(&line, &[]);
        shell.env("HOME", world.join("ann")).env("XDG_CONFIG_HOME", world.join("config")).env("PATH", path);
        shell.env("XDG_STATE_HOME", world.join("state")).env("PAGER", "cat").current_dir(world.join("ann"));
        run(&mut shell)
    }
}

/// The examples of a help: lines behind such a heading that begin with the program's name, without what explains them.
fn examples(help: &str) -> Vec<String> {
    let behind = help.lines().skip_while(|line| !line.starts_with("Example"));
    let lines = behind.filter(|line| line.starts_with("  snap "));
    lines.map(|line| line.trim().split("   ").next().unwrap().to_owned()).collect()
}

#[test]
fn every_example_of_the_help_runs() {
    let world = World::new();
    let mut tried = 0;
    for command in std::iter::once(String::new()).chain(commands()).filter(|command| command != "help") {
        let found = examples(&call(&command).words("--help").ok().out());
        assert!(!found.is_empty(), "{command} has no example");
        // What asks, or talks to the system, is tried elsewhere.
        for example in found
            .iter()
            .filter(|example| !["setup", "schedule", "man | man", "erase"].iter().any(|word| example.contains(word)))
        {
            world.renew();
            let line =
                if example.starts_with("snap init") || example.contains("--init") && example.contains("--dry-run") {
                    example.replace("stick/archive", "stick/new")
                } else {
                    example.clone()
                };
            // A mark can only be taken from what has one.
            let marked = format!("snap keep -q -a {} 3 && {line}", world.bench.path("world/drive/archive").display());
            let outcome =
                world.line(if example.contains("keep") && example.contains("--undo") { &marked } else { &line });
            // 6: an archive of long ago. 3: there is nothing that a pattern fits.
            assert!(matches!(outcome.status, 0 | 6), "{example}: {}", outcome.shown());
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}

/// What bash is told could follow these words.
fn completed(world: &World, words: &[&str]) -> Vec<String> {
    let line: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let last = words.len() - 1;
    let asked = format!(
        "_CLAP_IFS='\n' _CLAP_COMPLETE_INDEX={last} _CLAP_COMPLETE_COMP_TYPE=9 _CLAP_COMPLETE_SPACE=true SNAP_COMPLETE=bash snap -- {}",
        line.join(" ")
    );
    let outcome = world.line(&asked).expect_silent();
    outcome.out().lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn shells_know_archives_snapshots_sources_and_paths_in_them() {
    let world = World::new();
    let archive = world.bench.path("world/drive/archive");
    let archive = archive.to_str().unwrap();
    assert!(completed(&world, &["snap", "re"]).contains(&"restore".to_owned()));
    assert!(completed(&world, &["snap", "list", "-a", ""]).contains(&"work".to_owned()));
    assert_eq!(
        completed(&world, &["snap", "ls", "-a", archive, "Documents/let"]),
        ["Documents/letter.txt", "Documents/letters/"]
    );
    assert_eq!(
        completed(&world, &["snap", "ls", "Documents/letters/a"]),
        ["Documents/letters/aunt.txt"],
        "by the configuration"
    );
    let numbers = completed(&world, &["snap", "restore", "-a", archive, "--at", ""]);
    assert!(["5", "1", "latest"].iter().all(|number| numbers.contains(&(*number).to_owned())), "{numbers:?}");
    for words in [["snap", "forget", ""], ["snap", "keep", ""]] {
        assert!(completed(&world, &words).contains(&"1".to_owned()), "{words:?}");
    }
    assert_eq!(completed(&world, &["snap", "sources", "--drop", "P"]), ["Photos", "Pictures"]);
    // Files and folders of this computer, which bash would take apart at a blank.
    std::fs::create_dir(world.bench.path("world/my folder")).unwrap();
    let top = world.bench.path("world");
    for typed in ["my", "my\\ fo"] {
        let found = completed(&world, &["snap", "create", &format!("{}/{typed}", top.display())]);
        assert_eq!(found, [format!("{}/my\\ folder/", top.display())], "{typed}");
    }
    // Where there is no archive, nothing is said.
    assert_eq!(completed(&world, &["snap", "ls", "-a", "/nowhere", "D"]), Vec::<String>::new());
}

#[test]
fn each_shell_gets_a_script_and_bash_takes_it() {
    let bench = Bench::without_archive();
    // As a package has it.
    let renamed = bench.path("snap-archive");
    symlink(BINARY, &renamed).unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = call("completions").words(shell).ok().expect_silent().out();
        assert!(script.contains("SNAP_COMPLETE") && script.contains("snap"), "{shell}: {script}");
        assert!(!script.contains("snap-archive"), "{shell}: {script}");
        let script = Call::new(&renamed).words("completions").words(shell).ok().out();
        assert!(script.contains("snap-archive"), "{shell}, called otherwise: {script}");
    }
    call("completions csh").fails(2);
    let script = call("completions bash").ok().out();
    if installed("bash") {
        let mut bash = program("bash");
        bash.args(["-c", "eval \"$1\"; complete -p snap", "bash", &script]);
        assert!(run(&mut bash).expect_silent().out().contains("snap"));
    }
}

#[test]
fn man_pages_are_made_of_the_same_words() {
    let bench = Bench::without_archive();
    let page = call("man").ok().out();
    assert!(page.contains(".TH snap 1") && page.contains("snap\\-create(1)"), "{page}");
    let folder = bench.path("man/pages");
    call("man").arg(&folder).ok();
    let mut pages: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|page| page.unwrap().path()).collect();
    pages.sort();
    for command in commands().iter().filter(|command| *command != "help") {
        let page = folder.join(format!("snap-{command}.1"));
        assert!(pages.contains(&page), "{command}: {pages:?}");
        assert!(fs::read_to_string(&page).unwrap().contains(".SH SYNOPSIS"));
    }
    let failed = call("man").arg(folder.join("snap.1/x")).fails(1);
    assert!(failed.err().contains("cannot write man pages into"), "{}", failed.shown());
}

#[test]
fn packages_name_only_what_there_is_or_is_made() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let bench = Bench::without_archive();
    let made = bench.path("made");
    run(program("sh").arg(root.join("scripts/package")).arg(BINARY).arg(&made)).expect_silent();
    let quoted: Vec<&str> =
        manifest.lines().filter(|line| line.contains("/share/") || line.contains("usr/bin")).collect();
    assert!(quoted.len() >= 12, "{quoted:?}");
    for line in quoted {
        let source = line.split('"').nth(1).unwrap();
        let is_there = match source.strip_prefix("target/package/") {
            Some("man/*.1") => made.join("man/snap-create.1").is_file(),
            Some(file) => made.join(file).is_file(),
            None => source == "target/release/snap" || root.join(source).is_file(),
        };
        assert!(is_there, "{line}");
    }
}

#[test]
fn progress_for_programs_is_a_line_of_json_at_a_time() {
    let bench = Bench::new();
    for number in 0..40 {
        bench.home.file(format!("f{number}"), crate::support::tree::noise(number, 20_000));
    }
    let outcome = bench.snap.call("create").words("--progress json --json").arg(bench.home.root()).ok();
    let lines: Vec<serde_json::Value> =
        outcome.err().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert!(!lines.is_empty(), "at least one line: {}", outcome.shown());
    for line in lines {
        assert_eq!(line["version"], 1);
        let progress = &line["progress"];
        assert!(
            progress["phase"].is_string() && progress["bytes"].is_u64() && progress["entries"].is_u64(),
            "{progress}"
        );
    }
    let none = bench.snap.call("create").words("--progress none").ok();
    assert!(none.stderr.is_empty(), "{}", none.shown());
}
