//! What is typed wrong, and what is shown in how many columns.

use crate::support::bench::Bench;
use crate::support::command::installed;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;

fn typed(words: &str) -> Call {
    Call::new(BINARY.as_ref()).words(words)
}

#[test]
fn what_is_known_from_other_programs_is_answered_by_what_does_the_same() {
    for (words, meant) in [
        ("backup x", "snap create"),
        ("check", "snap verify"),
        ("snapshots", "snap list"),
        ("restore --target x", "--to"),
        ("forget -n", "--dry-run"),
        ("restore --dest x", "--to DIR"),
        ("restore -f", "--yes"),
        ("export --target x", "--output FILE"),
        ("create -n", "--dry-run"),
        ("create --dryrun", "--dry-run"),
        ("verfy", "snap verify"),
    ] {
        let said = typed(words).fails(2).err();
        assert!(said.contains(&format!("Did you mean: {meant}")) && !said.contains("-- "), "{words}: {said}");
        let document = typed(words).words("--json").fails(2).json().remove(0);
        assert_eq!(document["error"]["kind"], "usage", "{words}");
    }
    // These have no such option, and need none.
    let none = ["create -y", "prune -y", "list -y", "verify -y", "forget -y 1", "repair -y"];
    let none = none.into_iter().chain(["list -n", "ls -n", "verify -n", "export -n", "keep -n 1", "init -n"]);
    for words in none.chain(["create --color never", "frobnicate"]) {
        let said = typed(words).fails(2).err();
        assert!(said.contains("--help") && !said.contains("as a value"), "{words}: {said}");
    }
}

#[test]
fn the_snapshot_before_is_named_by_a_number_below_zero_everywhere() {
    let bench = Bench::new();
    for round in 1..6 {
        bench.home.file("f", "x".repeat(round));
        bench.save();
    }
    let cat = bench.snap.call("cat").words("--at -1 home/f").ok();
    assert_eq!(cat.out(), "xxxx");
    for (words, said) in [("ls --at -1", "home"), ("diff -2 -1", "home/f"), ("du --at -1", "home"), ("keep -1", "4")] {
        assert!(
            bench
                .snap
                .call(words.split(' ').next().unwrap())
                .words(words.split_once(' ').unwrap().1)
                .ok()
                .said()
                .contains(said),
            "{words}"
        );
    }
    bench.snap.call("restore").words("--at -1 --to").arg(bench.fresh()).ok();
    bench.snap.call("export").words("--at -1 --output").arg(bench.fresh()).ok();
    bench.snap.call("keep").words("--undo -1").ok();
    bench.snap.call("forget").words("-1 --dry-run").ok();
    bench.snap.call("forget").words("-3 -1").ok();
    let left = bench.snap.call("list").words("--json").ok().json().remove(0);
    let left: Vec<u64> =
        left["snapshots"].as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap()).collect();
    assert_eq!(left, [1, 3, 5]);
}

#[test]
fn what_is_not_utf_8_where_text_is_needed_is_named() {
    let odd = OsStr::from_bytes(b"x\xff");
    for (option, hint) in [("--exclude", "Rules are UTF-8"), ("--no-exclude", "Rules are UTF-8"), ("--note", "--help")]
    {
        let said = typed("create -a nowhere").arg(OsStr::from_bytes(b"a\xfe")).words(option).arg(odd).fails(2).err();
        assert!(said.contains(&format!("'x\\xff' of {option} is not UTF-8")) && said.contains(hint), "{said}");
    }
    let mut joined = OsString::from("--exclude=");
    joined.push(odd);
    typed("create -a nowhere").arg(joined).fails(2).expect_said(&["'x\\xff' of --exclude is not UTF-8"]);
    let bench = Bench::new();
    bench.home.file("f", "1").file(b"x\xff", "left out");
    fs::write(bench.path("rules"), b"*.o\nx\xff\n").unwrap();
    let create = || bench.snap.call("create").arg(bench.home.root());
    create().words("--exclude-from").arg(bench.path("rules")).fails(1).expect_said(&["line 2"]);
    create().words("--exclude x?").ok();
    assert!(!bench.snap.call("ls").words("-R").ok().out().contains("x\\xff"));
}

#[test]
fn a_folder_where_none_is_expected_is_answered_by_how_the_archive_is_named() {
    typed("init some/folder").fails(2).expect_said(&["-a some/folder"]);
}

#[test]
fn what_is_no_archive_is_not_offered_to_be_made_one() {
    let bench = Bench::new();
    let file = bench.path("file");
    fs::write(&file, "x").unwrap();
    for (place, hint) in [(file, "It is a file"), (bench.snap.archive().join("bundles"), "It is in an archive")] {
        let said = typed("list -a").arg(&place).fails(4).err();
        assert!(said.contains(hint) && !said.contains("snap init"), "{said}");
    }
}

/// What a command of this bench shows on a terminal of 80 columns, line by line.
fn on_a_terminal(bench: &Bench, words: &str) -> Option<Vec<String>> {
    if !installed("script") {
        return None;
    }
    let line = format!("stty rows 24 cols 80; exec '{BINARY}' {words} -a '{}'", bench.snap.archive().display());
    let mut script = program("script");
    let shown = run(script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm")).expect_ok().out();
    Some(shown.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect())
}

#[test]
fn lists_fit_a_terminal_of_80_columns() {
    let bench = Bench::new();
    let long = "many words ".repeat(12) + "\u{65e5}\u{672c}\u{8a9e} e\u{301}";
    bench.home.file("f", "1");
    bench.snap.call("create").words("--note").arg(&long).arg(bench.home.root()).ok();
    let wide = |line: &str| {
        line.chars().map(|c| 1 + usize::from(c >= '\u{1100}') - usize::from(c == '\u{301}')).sum::<usize>()
    };
    for words in ["list", "list -v", "sources"] {
        let Some(lines) = on_a_terminal(&bench, words) else { return };
        assert!(lines.iter().all(|line| wide(line) <= 80), "{words}: {lines:#?}");
        let in_pipe = bench.snap.call("list").words("-v").ok().out();
        assert!(in_pipe.contains(&long), "nothing is broken in a pipe: {in_pipe}");
    }
    let lines = on_a_terminal(&bench, "list").unwrap();
    assert!(lines.len() > 3 && lines.concat().contains("\u{65e5}\u{672c}\u{8a9e}"), "{lines:#?}");
}

#[test]
fn columns_stand_below_each_other_whatever_the_characters() {
    let bench = Bench::new();
    for (number, note) in ["plain", "\u{65e5}\u{672c}", "e\u{301}"].iter().enumerate() {
        bench.home.file("f", "x".repeat(number + 1));
        bench.snap.call("create").words("--note").arg(note).arg(bench.home.root()).ok();
    }
    let wide = crate::support::tree::Tree::at(bench.sources().join("\u{65e5}\u{672c}"));
    wide.file("f", "1");
    bench.snap.call("create").words("--note here").arg(wide.root()).ok();
    let lines: Vec<String> = bench.snap.call("list").ok().out().lines().map(str::to_owned).collect();
    let heading = lines[0].find("note").unwrap();
    let last = lines[4].chars().collect::<Vec<_>>();
    // Two characters before it take four columns.
    let note: String = last[heading - 2..].iter().collect();
    assert_eq!(note, "here", "{lines:#?}");
}
