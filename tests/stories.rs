//! The stories of the guide: their commands run one after the other, and say what stands there. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::snap::BINARY;
use regex::Regex;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// What a story says of its computers.
const NEW_COMPUTER: &str = "# on the new computer";

/// A story: its title, and the lines of its commands and of what they say.
struct Story {
    title: String,
    lines: Vec<String>,
}

fn stories() -> Vec<Story> {
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide.md")).unwrap();
    let (mut stories, mut is_inside, mut is_console): (Vec<Story>, bool, bool) = (Vec::new(), false, false);
    for line in guide.lines() {
        if line.starts_with("## ") {
            is_inside = line == "## Stories, step by step";
        } else if let Some(title) = line.strip_prefix("### ").filter(|_| is_inside) {
            stories.push(Story { title: title.to_owned(), lines: Vec::new() });
        } else if line.starts_with("```") {
            is_console = is_inside && line == "```console";
        } else if is_console {
            stories.last_mut().unwrap().lines.push(line.to_owned());
        }
    }
    stories
}

/// A person called Ann with some files, and drives.
struct Ann {
    bench: Bench,
    computer: &'static str,
    /// What was exported in the shell.
    exported: Vec<(String, String)>,
}

impl Ann {
    fn new() -> Ann {
        let bench = Bench::without_archive();
        let home = bench.path("home/ann");
        for (file, bytes) in [
            ("Documents/letter.txt", 900_usize),
            ("Documents/thesis.odt", 48_000),
            ("Pictures/summer/beach.jpg", 2_400_000),
            ("Pictures/summer/boat.jpg", 2_100_000),
        ] {
            let file = home.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, crate::support::tree::noise(bytes as u64, bytes)).unwrap();
        }
        fs::create_dir_all(bench.path("media/ann/STICK")).unwrap();
        fs::create_dir_all(bench.path("bin")).unwrap();
        let snap = bench.path("bin/snap");
        // Each computer has a name of its own.
        let script = "case $1 in create) shift; exec \"$BINARY\" create --host \"$COMPUTER\" \"$@\";; *) exec \"$BINARY\" \"$@\";; esac";
        fs::write(&snap, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&snap, fs::Permissions::from_mode(0o755)).unwrap();
        Ann { bench, computer: "laptop", exported: Vec::new() }
    }

    fn get_another_computer(&mut self) {
        let home = self.bench.path("home/ann");
        fs::remove_dir_all(&home).unwrap();
        fs::create_dir(&home).unwrap();
        (self.computer, self.exported) = ("desktop", Vec::new());
    }

    /// A text of the story with the places of this run, or the other way round.
    fn here(&self, text: &str) -> String {
        ["home", "media"].iter().fold(text.to_owned(), |text, place| {
            text.replace(&format!("/{place}/ann"), &self.bench.path(place).join("ann").display().to_string())
        })
    }

    fn there(&self, text: &str) -> String {
        text.replace(&self.bench.path("").display().to_string(), "/")
    }

    /// What a command says, on both outputs.
    fn run(&mut self, command: &str) -> String {
        if let Some((name, value)) = command.strip_prefix("export ").and_then(|set| set.split_once('=')) {
            self.exported.push((name.to_owned(), self.here(value)));
            return String::new();
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = program("sh");
        shell.arg("-c").arg(format!("{{ {}; }} 2>&1", self.here(command))).current_dir(self.bench.path("home/ann"));
        shell.env("HOME", self.bench.path("home/ann")).env("COMPUTER", self.computer).env("BINARY", BINARY);
        shell.env("PATH", format!("{}:{path}", self.bench.path("bin").display()));
        shell.envs(self.exported.iter().cloned()).env_remove("XDG_CONFIG_HOME").env_remove("XDG_STATE_HOME");
        self.there(&run(&mut shell).out())
    }
}

/// Without what differs from run to run: moments, amounts, ids, and how wide columns are.
fn plain(text: &str) -> String {
    let rules = [
        (r"\d{4}-\d\d-\d\d( \d\d:\d\d)?", "DATE"),
        (r"\([^()]* ago\)", "(AGO)"),
        (r"\d[\d.,]* (B|kB|MB|GB|TB|s)\b", "AMOUNT"),
        // What was written shortly before it was saved is read again.
        (r", AMOUNT of it new or modified", ""),
        (r"\d{6}-\d{8}T\d{6}Z", "BUNDLE"),
        (r" +", " "),
    ];
    let plain = rules.iter().fold(text.to_owned(), |text, (what, instead)| {
        Regex::new(what).unwrap().replace_all(&text, *instead).into_owned()
    });
    plain.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn the_stories_of_the_guide_happen_as_they_are_told() {
    if !installed("sh") {
        return;
    }
    let stories = stories();
    assert!(stories.len() >= 5, "the guide has {} stories", stories.len());
    let (mut told, mut real) = (String::new(), String::new());
    for story in &stories {
        let mut ann = Ann::new();
        let heading = format!("### {}\n", story.title);
        told += &heading;
        real += &heading;
        let mut lines = story.lines.iter().peekable();
        while let Some(line) = lines.next() {
            told += &plain(&format!("{line}\n"));
            real += &plain(&format!("{line}\n"));
            if line == NEW_COMPUTER {
                ann.get_another_computer();
            } else if let Some(command) = line.strip_prefix("$ ") {
                while let Some(line) = lines.next_if(|line| !line.starts_with("$ ") && *line != NEW_COMPUTER) {
                    told += &plain(&format!("{line}\n"));
                }
                let said = ann.run(command);
                if std::env::var_os("SHOW_STORIES").is_some() {
                    println!("$ {command}\n{said}");
                }
                real += &plain(&said);
            }
        }
    }
    let (told, real): (Vec<&str>, Vec<&str>) = (told.lines().collect(), real.lines().collect());
    let differs = told.iter().zip(&real).position(|(told, real)| told != real);
    let around = |lines: &[&str], at: usize| lines[at.saturating_sub(3)..lines.len().min(at + 6)].join("\n");
    if let Some(at) = differs {
        panic!("told:\n{}\nreal:\n{}", around(&told, at), around(&real, at));
    }
    assert_eq!(told.len(), real.len());
}
