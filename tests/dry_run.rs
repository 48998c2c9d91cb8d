//! What is found out without writing: dry runs, free space, and a first run that fails.

use crate::support::bench::Bench;
use crate::support::command::Outcome;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::skipped;
use crate::support::snap::BINARY;
use crate::support::traced::can_trace;
use crate::support::tree::noise;
use std::fs;

fn counts(outcome: &Outcome) -> [u64; 4] {
    let document = outcome.json().remove(0);
    ["new", "modified", "deleted", "unchanged"].map(|name| document["counts"][name].as_u64().unwrap())
}

#[test]
fn a_dry_run_before_there_is_an_archive_says_what_would_be_saved_and_makes_nothing() {
    let bench = Bench::without_archive();
    bench.home.file("f", "12345").file("d/g", "1");
    let call = || bench.snap.call("create").words("--init --dry-run").arg(bench.home.root());
    let outcome = call().words("--json").ok();
    let document = outcome.json().remove(0);
    assert_eq!((&document["snapshot"], &document["counts"]["bytes"]), (&serde_json::Value::Null, &6.into()));
    assert_eq!(counts(&outcome), [2, 0, 0, 0]);
    assert!(document["bytes_free"].as_u64().unwrap() > 0, "{document}");
    let said = call().ok().out();
    assert!(said.contains("home/d/g") && said.contains(" free on the drive"), "{said}");
    assert!(!bench.snap.archive().exists());

    fs::create_dir_all(bench.snap.archive().join("something else")).unwrap();
    call().fails(1).expect_said(&["not empty"]);
    let nowhere = crate::support::snap::Snap::new(bench.path("no/such/place"));
    nowhere.call("create").words("--init --dry-run").arg(bench.home.root()).fails(1).expect_said(&["make the folder"]);
}

#[test]
fn a_dry_run_reads_no_contents_and_finds_what_changed() {
    if !can_trace() {
        return;
    }
    let bench = Bench::new();
    bench.home.file("same", "1").file("other", "1").file("gone", "1").file("large", noise(1, 20 << 20));
    bench.save();
    bench.home.file("other", "22").file("new", noise(2, 100_000)).file("new large", noise(3, 20 << 20)).remove("gone");
    bench.home.hard_link("new", "new too");
    let log = bench.fresh();
    let mut strace = program("strace");
    strace.args(["-f", "-qq", "-y", "-e", "trace=read,pread64,readv,preadv,mmap,copy_file_range", "-o"]).arg(&log);
    strace.args([BINARY, "create", "--dry-run", "--json", "-a"]);
    let outcome = run(strace.arg(bench.snap.archive())).expect(0);
    let log = fs::read_to_string(log).unwrap();
    let reads = log.lines().filter(|line| line.contains("/sources/home/")).collect::<Vec<_>>();
    assert!(reads.is_empty(), "{reads:?}");
    assert_eq!(counts(&outcome), [3, 1, 1, 2]);
    assert_eq!(outcome.json()[0]["counts"]["bytes"], 2 + 100_000 + (20 << 20));

    // The truth is the same.
    let saved = bench.snap.call("create").words("--json").ok();
    assert_eq!(counts(&saved), [3, 1, 1, 2]);
}

#[test]
fn a_first_run_that_fails_leaves_no_archive() {
    let bench = Bench::without_archive();
    bench.home.file("f", "1");
    let init = || bench.snap.call("create").words("--init").arg(bench.home.root());
    // More rules than a manifest holds.
    let long = "x".repeat(100_000);
    let rules: Vec<String> = (0..12).flat_map(|n| ["--exclude".to_owned(), format!("{n}{long}")]).collect();
    init().args(&rules).fails(1).expect_said(&["1 MiB"]);
    assert!(!bench.snap.archive().exists());

    fs::create_dir(bench.snap.archive()).unwrap();
    init().args(&rules).fails(1);
    assert_eq!(fs::read_dir(bench.snap.archive()).unwrap().count(), 0);
    init().ok();

    // One that was there stays.
    bench.snap.call("create").words("--init").arg(bench.path("nope")).fails(1);
    assert_eq!(bench.snap.snapshots(), 1);
}

/// What `create` says of `bench.home` on a drive with little room.
fn on_a_small_drive(bench: &Bench, megabytes: u32, script: &str) -> Option<Outcome> {
    let drive = bench.path("small");
    fs::create_dir(&drive).unwrap();
    let line = format!(
        "mount -t tmpfs -o size={megabytes}m none \"$1\" || exit 77; snap() {{ \"$2\" \"$@\" -a \"$1/archive\"; }}
         S=$2; A=$1/archive; H=$3; {script}"
    );
    let mut command = program("unshare");
    command.args(["-m", "sh", "-c", &line, "sh"]).args([drive.as_path(), BINARY.as_ref(), bench.home.root()]);
    let outcome = run(&mut command);
    if outcome.status == 77 || outcome.err().contains("unshare") {
        skipped("nothing can be mounted here");
        return None;
    }
    Some(outcome)
}

#[test]
fn what_a_later_snapshot_needs_is_compared_with_what_is_free() {
    let bench = Bench::without_archive();
    bench.home.file("f", noise(1, 4 << 20)).sparse("holes", 8 << 30, &[(5, b"x")]);
    let script = "\"$S\" create -q --init -a \"$A\" \"$H\" || exit 1
                  head -c 7000000 /dev/urandom >\"$H/new\"; echo plain >&2
                  \"$S\" create -a \"$A\"; head -c 1000 /dev/urandom >\"$H/small\"; rm \"$H/new\"; echo small >&2
                  \"$S\" create -a \"$A\"";
    let Some(outcome) = on_a_small_drive(&bench, 10, script) else { return };
    let said = outcome.err();
    let (before, rest) = said.split_once("plain\n").unwrap_or_else(|| panic!("{}", outcome.shown()));
    let (large, small) = rest.split_once("small\n").unwrap();
    assert!(large.contains("7.0 MB are new or modified") && large.contains("are free"), "{said}");
    assert!(!before.contains("are free") && !small.contains("new or modified"), "{said}");
}

#[test]
fn a_dry_run_for_programs_names_each_entry_if_asked() {
    let bench = Bench::new();
    bench.home.file("same", "1").file("gone", "1");
    bench.save();
    bench.home.file("new", "2").remove("gone");
    let lines = |command: &str, words: &str, more: &[&std::path::Path]| {
        let said = bench.snap.call(command).words(words).args(more).ok().out();
        let named = said.lines().take_while(|line| line.contains("change")).map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["version"], 1);
            (line["change"].as_str().unwrap().to_owned(), line["path"].as_str().unwrap().to_owned())
        });
        named.collect::<Vec<_>>()
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(change, path)| ((*change).to_owned(), (*path).to_owned())).collect()
    };
    let expected = pairs(&[("metadata", "home"), ("deleted", "home/gone"), ("new", "home/new")]);
    assert_eq!(lines("create", "--dry-run --json -v", &[]), expected);
    assert!(lines("create", "--dry-run --json", &[]).is_empty());
    let target = bench.fresh();
    let restored = lines("restore", "--dry-run --json -v --to", &[&target]);
    assert!(restored.contains(&("restored".to_owned(), "home/gone".to_owned())), "{restored:?}");
}
