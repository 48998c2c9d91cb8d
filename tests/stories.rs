//! The stories of the guide, and the first minute of the README: their commands run one after the other, and say what stands there.
//! Knows the command line only.

use crate::support::bench::Bench;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::snap::BINARY;
use regex::Regex;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a story says of its computers.
const NEW_COMPUTER: &str = "# on the new computer";

/// A story: its title, and the lines of its commands and of what they say.
struct Story {
    title: String,
    lines: Vec<String>,
}

/// The stories of a document, below this heading.
fn stories(document: &str, heading: &str) -> Vec<Story> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap();
    let (mut stories, mut is_inside, mut is_console) = (Vec::<Story>::new(), false, false);
    for line in text.lines() {
        if line.starts_with("## ") {
            is_inside = line == heading;
        } else if line.starts_with("```") {
            is_console = is_inside && line == "```console";
            if is_console && stories.is_empty() {
                stories.push(Story { title: document.to_owned(), lines: Vec::new() });
            }
        } else if let Some(title) = line.strip_prefix("### ").filter(|_| is_inside) {
            stories.push(Story { title: title.to_owned(), lines: Vec::new() });
        } else if is_console && !line.is_empty() {
            stories.last_mut().unwrap().lines.push(line.to_owned());
        }
    }
    stories
}

/// What Ann has in the stories of the guide.
const OF_GUIDE: &[(&str, usize)] = &[
    ("Documents/letter.txt", 900),
    ("Documents/thesis.odt", 48_000),
    ("Pictures/summer/beach.jpg", 2_400_000),
    ("Pictures/summer/boat.jpg", 2_100_000),
];

/// And in the README.
const OF_README: &[(&str, usize)] =
    &[("Documents/notes.txt", 43_500), ("Documents/letters/bank.txt", 11_400), ("Documents/photo.jpg", 3_000_000)];

/// A person called Ann with some files, and drives.
struct Ann {
    bench: Bench,
    computer: &'static str,
    /// What was exported in the shell.
    exported: Vec<(String, String)>,
}

impl Ann {
    fn new(files: &[(&str, usize)]) -> Ann {
        let bench = Bench::without_archive();
        let home = bench.path("home/ann");
        for (file, bytes) in files {
            let file = home.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, crate::support::tree::noise(*bytes as u64, *bytes)).unwrap();
        }
        fs::create_dir_all(bench.path("media/ann/STICK")).unwrap();
        fs::create_dir_all(home.join("stick")).unwrap();
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
    plain.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(|line| line.to_owned() + "\n").collect()
}

/// Runs the stories, and compares what the commands say with what stands there.
#[track_caller]
fn assert_happens(stories: &[Story], files: &[(&str, usize)]) {
    for story in stories {
        let mut ann = Ann::new(files);
        let mut lines = story.lines.iter().peekable();
        while let Some(line) = lines.next() {
            if line == NEW_COMPUTER {
                ann.get_another_computer();
                continue;
            }
            let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("{}: {line}", story.title));
            let (mut told, said) = (Vec::new(), ann.run(command));
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ") && *line != NEW_COMPUTER) {
                told.push(format!("{line}\n"));
            }
            if std::env::var_os("SHOW_STORIES").is_some() {
                println!("$ {command}\n{said}");
            }
            assert_eq!(plain(&told.concat()), plain(&said), "{}: $ {command}\n{said}", story.title);
        }
    }
}

#[test]
fn the_stories_of_the_guide_happen_as_they_are_told() {
    let stories = stories("docs/guide.md", "## Stories, step by step");
    assert!(stories.len() >= 5, "the guide has {} stories", stories.len());
    assert_happens(&stories, OF_GUIDE);
}

#[test]
fn the_first_minute_of_the_readme_is_as_it_is_told() {
    let stories = stories("README.md", "## In 30 seconds");
    assert_eq!(stories.len(), 1);
    assert_happens(&stories, OF_README);
}
