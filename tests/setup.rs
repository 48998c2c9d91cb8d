//! `setup`, and `restore` that asks: by flags, and by answers at a terminal. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::command::Outcome;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

/// A person who never saved anything.
struct Ann(Bench);

impl Ann {
    fn new() -> Ann {
        let ann = Ann(Bench::without_archive());
        fs::create_dir_all(ann.0.path("ann/Documents")).unwrap();
        fs::write(ann.0.path("ann/Documents/letter.txt"), "Dear Ann").unwrap();
        fs::write(ann.0.path("ann/Documents/other"), "").unwrap();
        fs::create_dir(ann.0.path("bin")).unwrap();
        for tool in ["systemctl", "crontab"] {
            let file = ann.0.path("bin").join(tool);
            fs::write(&file, format!("#!/bin/sh\necho {tool} \"$@\" >> '{}'\n", ann.0.path("log").display())).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        ann
    }

    fn environment(&self) -> [(&'static str, String); 4] {
        let path = std::env::var("PATH").unwrap_or_default();
        let place = |name: &str| self.0.path(name).to_string_lossy().into_owned();
        [
            ("HOME", place("ann")),
            ("XDG_CONFIG_HOME", place("config")),
            ("XDG_STATE_HOME", place("state")),
            ("PATH", format!("{}:{path}", place("bin"))),
        ]
    }

    fn call(&self, words: &str) -> Call {
        let call = Call::new(BINARY.as_ref()).words(words);
        self.environment().into_iter().fold(call, |call, (name, value)| call.variable(name, value))
    }

    /// Runs the program at a terminal, with these answers; `None`, and said, where no terminal can be had.
    fn at_terminal(&self, words: &str, answers: &[&str]) -> Option<Outcome> {
        if !installed("script") {
            return None;
        }
        let mut command = program("script");
        command.args(["-qec", &format!("stty cols 100 2>/dev/null; '{BINARY}' {words}"), "/dev/null"]);
        command.envs(self.environment()).current_dir(self.0.path("ann"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut terminal = child.stdin.take().unwrap();
        for answer in answers {
            writeln!(terminal, "{answer}").unwrap();
        }
        // The end of its input would be taken for that of the terminal.
        let waiting = std::thread::spawn(move || child.wait_with_output().unwrap());
        let output = waiting.join().unwrap();
        drop(terminal);
        Some(Outcome::new(output, words))
    }

    fn config(&self) -> String {
        fs::read_to_string(self.0.path("config/snap/config.toml")).unwrap_or_default()
    }
}

#[test]
fn where_no_schedule_can_be_installed_the_first_save_is_made_all_the_same() {
    let ann = Ann::new();
    for tool in ["systemctl", "crontab"] {
        fs::write(ann.0.path("bin").join(tool), "#!/bin/sh\necho not today >&2\nexit 1\n").unwrap();
    }
    let (archive, documents) = (ann.0.path("drive/archive"), ann.0.path("ann/Documents"));
    let words = format!("setup --path {} {} --at 18:30 --save --yes", archive.display(), documents.display());
    ann.call(&words).fails(1).expect_said(&["Snapshot 1 saved"]);
    ann.call("list").ok().expect_said(&["1 snapshot"]);
}

#[test]
fn all_of_it_can_be_said_by_flags() {
    let ann = Ann::new();
    let archive = ann.0.snap.archive().display().to_string();
    let setup =
        |more: &str| ann.call(&format!("setup --path {archive} Documents {more}")).in_directory(&ann.0.path("ann"));
    let failed = setup("").fails(2);
    assert!(failed.err().contains("add --yes"), "{}", failed.shown());
    assert!(ann.config().is_empty() && !ann.0.snap.archive().exists(), "nothing was written");
    let done = setup("--exclude *.iso --at 18:30 --save --yes").ok();
    assert!(done.out().contains("Snapshot 1 saved"), "{}", done.shown());
    let config = ann.config();
    for line in
        ["[archive.home]\n", "exclude = [\"*.iso\"]\n", "exclude-caches = true\n", "verify = \"monthly\"\n", "id = \""]
    {
        assert!(config.contains(line), "{line}: {config}");
    }
    assert!(fs::read_to_string(ann.0.path("log")).unwrap().contains("snap") || ann.0.path("log").exists());
    assert!(ann.call("list").ok().out().contains("1 snapshot,"));
    // The drive of the tests may itself be nearly full, which is to be looked at.
    let status = ann.call("status").run();
    assert!(status.status == 0 || status.status == 3 && status.out().contains("nearly full"), "{}", status.shown());
    // Once more: another name, and the file keeps what is in it.
    let taken = setup("--yes").fails(2);
    assert!(taken.err().contains("--name NAME"), "{}", taken.shown());
    fs::write(ann.0.path("config/snap/config.toml"), format!("# mine\n{config}")).unwrap();
    let other = ann.0.path("drive/other").display().to_string();
    ann.call(&format!("setup --name work --path {other} --yes --at never --keep-last 3 --json"))
        .arg(ann.0.path("ann/Documents"))
        .ok();
    let config = ann.config();
    assert!(config.starts_with("# mine\ndefault = \"home\"\n\n[archive.home]"), "what was meant stays so: {config}");
    assert!(config.contains("[archive.work]"));
    assert!(ann.call("list").ok().out().contains("1 snapshot,"));
    assert!(ann.config().contains("keep = { last = 3 }\nprune = true\n"), "{}", ann.config());
    assert!(ann.call("list -a work").ok().out().contains("no snapshot"));
}

#[test]
fn what_cannot_be_set_up_leaves_nothing_behind() {
    let ann = Ann::new();
    let archive = ann.0.snap.archive().display().to_string();
    for (words, code, said) in [
        (format!("--path {archive} missing --yes"), 1, "does not exist"),
        (format!("--path {archive}/a/b Documents --yes"), 1, "cannot make"),
        ("--drive NOWHERE Documents --yes".to_owned(), 4, "NOWHERE is not plugged in"),
        (format!("--path {archive} Documents --yes --name a/b"), 2, "letters, digits"),
        (format!("--path {archive} Documents --yes --at noon"), 2, "18:30"),
        (format!("--path {archive} Documents --yes --exclude a\\"), 2, "exclude pattern"),
    ] {
        let outcome = ann.call("setup").words(&words).in_directory(&ann.0.path("ann")).fails(code);
        assert!(outcome.err().contains(said), "{words}: {}", outcome.shown());
        assert!(ann.config().is_empty() && !ann.0.snap.archive().exists(), "{words}");
    }
}

#[test]
fn what_would_be_another_place_or_a_name_that_is_taken_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let ann = Ann::new();
    let archive = ann.0.snap.archive().display().to_string();
    let documents = ann.0.path("ann/Documents");
    let setup = |words: &str| ann.call("setup --yes").words(words).arg(&documents);
    let refused = setup(&format!("-a {archive}")).fails(2);
    assert!(refused.err().contains("--path DIR"), "{}", refused.shown());
    let odd = ann.0.path("drive").join(std::ffi::OsStr::from_bytes(b"\xff"));
    let refused = ann.call("setup --yes").arg(&documents).words("--path").arg(&odd).fails(1);
    assert!(refused.err().contains("not UTF-8"), "{}", refused.shown());
    assert_eq!(fs::read_dir(ann.0.path("drive")).unwrap().count(), 0);
    setup(&format!("--path {archive}")).ok();
    // A name is taken, whatever archive the environment names.
    let refused = setup(&format!("--path {archive}2")).variable("SNAP_ARCHIVE", &archive).fails(2);
    assert!(
        refused.err().contains("--name NAME") && !Path::new(&format!("{archive}2")).exists(),
        "{}",
        refused.shown()
    );
}

#[test]
fn a_configuration_stays_as_private_as_it_was() {
    let ann = Ann::new();
    let archive = ann.0.snap.archive().display().to_string();
    let setup = |words: &str| ann.call(&format!("setup --yes {words}")).arg(ann.0.path("ann/Documents")).ok();
    let file = ann.0.path("config/snap/config.toml");
    let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    setup(&format!("--path {archive}"));
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    setup(&format!("--path {archive}2 --name other"));
    assert_eq!(mode(), 0o640);
}

#[test]
fn a_person_is_asked_and_shown_what_will_be_written() {
    let ann = Ann::new();
    let archive = ann.0.snap.archive().display().to_string();
    let Some(refused) = ann.at_terminal("setup", &[&archive, "", "-", "", "never", "n"]) else { return };
    assert!(refused.out().contains("This will be written to") && refused.out().contains("nothing was written"));
    assert!(ann.config().is_empty());
    let done = ann.at_terminal("setup", &[&archive, "1", "", "3", "2", "never", "", "y"]).unwrap();
    assert_eq!(done.status, 0, "{}", done.shown());
    for question in [
        "1. Where to save?",
        "2. What to save?",
        "3. What to leave out",
        "4. How long",
        "5. Save automatically",
        "Write it?",
        "Save now",
    ] {
        assert!(done.out().contains(question), "{question}: {}", done.shown());
    }
    assert!(done.out().contains("Documents  8 B") && done.out().contains("Snapshot 1 saved"), "{}", done.shown());
    assert!(ann.config().contains("node_modules/"), "{}", ann.config());
    let rules = "keep = { daily = 7, weekly = 5, monthly = 12, yearly = 10 }\nprune = true\n";
    assert!(ann.config().contains(rules), "{}", ann.config());
}

#[test]
fn restore_asks_what_which_version_and_where_to() {
    let ann = Ann::new();
    let archive = ann.0.snap.archive().display().to_string();
    let letter = ann.0.path("ann/Documents/letter.txt");
    ann.call(&format!("setup --path {archive} Documents --save --yes")).in_directory(&ann.0.path("ann")).ok();
    fs::write(&letter, "Dear Ann, dear Bob").unwrap();
    ann.call("create").ok();
    fs::remove_file(&letter).unwrap();
    ann.call("create").ok();
    let usage = ann.call("restore").fails(2);
    assert!(usage.err().contains("--to DIR"), "{}", usage.shown());
    // The older version of what was deleted, by a part of its name, to a new folder.
    let Some(done) = ann.at_terminal("restore", &["nothing like it", "LETT", "2", "~/back"]) else { return };
    assert_eq!(done.status, 0, "{}", done.shown());
    assert!(done.out().contains("No snapshot has anything with that name"), "{}", done.shown());
    assert_eq!(fs::read_to_string(ann.0.path("ann/back/Documents/letter.txt")).unwrap(), "Dear Ann");
    // The newest one, to where it was.
    let done = ann.at_terminal("restore", &["letter.txt", "", "back"]).unwrap();
    assert_eq!(done.status, 0, "{}", done.shown());
    assert_eq!(fs::read_to_string(&letter).unwrap(), "Dear Ann, dear Bob");
    // What was typed is not asked: the path, then which snapshot.
    let done = ann.at_terminal("restore Documents/letter.txt", &["2", "~/typed"]).unwrap();
    assert!(done.status == 0 && !done.out().contains("What to restore?"), "{}", done.shown());
    assert_eq!(fs::read_to_string(ann.0.path("ann/typed/Documents/letter.txt")).unwrap(), "Dear Ann");
    assert!(!ann.0.path("ann/typed/Documents/other").exists());
    let done = ann.at_terminal("restore --at 2", &["letter.txt", "~/second"]).unwrap();
    assert!(done.status == 0 && !done.out().contains("Which version?"), "{}", done.shown());
    assert_eq!(fs::read_to_string(ann.0.path("ann/second/Documents/letter.txt")).unwrap(), "Dear Ann, dear Bob");
    // What was forgotten is not offered.
    ann.call("forget 2").ok();
    let done = ann.at_terminal("restore", &["", "2", "~/without"]).unwrap();
    assert_eq!(done.status, 0, "{}", done.shown());
    assert_eq!(fs::read_to_string(ann.0.path("ann/without/Documents/letter.txt")).unwrap(), "Dear Ann");
    ann.call("forget --undo").ok();
    // Everything, as it was.
    let done = ann.at_terminal("restore", &["", "3", "~/all"]).unwrap();
    assert_eq!(done.status, 0, "{}", done.shown());
    assert_eq!(fs::read_to_string(ann.0.path("ann/all/Documents/letter.txt")).unwrap(), "Dear Ann");
}
