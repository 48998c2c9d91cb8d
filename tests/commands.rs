//! What each command does, refuses and says. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::command::program;
use crate::support::command::run;
use crate::support::command::shell;
use crate::support::listing::Level;
use crate::support::listing::assert_same_below;
use crate::support::listing::below;
use crate::support::replay::bundles;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use crate::support::snap::Snap;
use crate::support::tree::Tree;
use crate::support::tree::noise;
use jiff::Timestamp;
use jiff::ToSpan;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

/// The paths in an archive's state, as `ls -R` shows them.
#[track_caller]
pub(crate) fn listed(snap: &Snap, words: &str) -> Vec<String> {
    snap.call("ls").words(words).ok().out().lines().map(|line| line.trim_end_matches('/').to_owned()).collect()
}

pub(crate) fn names_in(directory: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

#[test]
fn init_makes_an_archive_where_nothing_is_and_refuses_anything_else() {
    let bench = Bench::without_archive();
    bench.snap.call("init").ok();
    assert_eq!(bench.snap.snapshots(), 0);
    for name in ["README.txt", "recover.sh", "RECOVER.cmd", "recover.ps1", "archive.toml"] {
        assert!(bench.snap.archive().join(name).exists(), "{name}");
    }
    bench.snap.call("init").fails(1);

    let empty = Tree::at(bench.path("empty"));
    Snap::new(empty.root()).call("init").ok();
    let full = Tree::at(bench.path("full"));
    full.file("mine", "precious");
    Snap::new(full.root()).call("init").fails(1);
    assert_eq!(names_in(full.root()), [full.path("mine")]);
    let file = full.path("mine");
    Snap::new(&file).call("init").fails(1);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}

#[test]
fn the_program_goes_along_with_the_archive_and_runs_from_there() {
    let bench = Bench::without_archive();
    bench.snap.call("init").ok();
    assert!(
        !bench.snap.archive().join("programs").exists(),
        "a program that is being worked on does not go along unasked"
    );
    bench.home.file("f", "text");
    bench.save();
    let outcome = bench.snap.call("init --carry").ok();
    assert!(outcome.out().contains("programs/snap-"), "{}", outcome.shown());
    let programs = names_in(&bench.snap.archive().join("programs"));
    let [program] = programs.as_slice() else { panic!("{programs:?}") };
    assert_eq!(fs::read(program).unwrap(), fs::read(BINARY).unwrap());
    let listed = Call::new(program).words("list --json").ok().json().remove(0);
    assert_eq!(listed["snapshots"].as_array().unwrap().len(), 1);
    bench.snap.call("init --carry --json").ok().json();
    bench.snap.call("verify --data").ok();
    bench.snap.call("init").fails(1);
}

#[test]
fn a_drive_is_named_by_its_label_before_a_colon() {
    let bench = Bench::without_archive();
    let archive = "no drive has this label:/backup";
    let list = || Call::new(BINARY.as_ref()).words("list -a").arg(archive);
    let refused = list().in_directory(bench.home.root()).fails(4);
    assert!(refused.err().contains("the drive no drive has this label is not plugged in"), "{}", refused.shown());
    // A folder of that name comes first.
    bench.home.dir("no drive has this label:");
    Call::new(BINARY.as_ref()).words("init -a").arg(archive).in_directory(bench.home.root()).ok();
    list().in_directory(bench.home.root()).ok();
}

#[test]
fn create_without_an_archive_asks_for_the_drive_and_makes_no_folder() {
    let bench = Bench::without_archive();
    bench.home.file("f", "text");
    bench.snap.call("create").arg(bench.home.root()).fails(4).expect_said(&["plugged in"]);
    assert!(!bench.snap.archive().exists());
    for command in ["list", "ls", "verify"] {
        bench.snap.call(command).fails(4).expect_said(&["plugged in"]);
    }
    bench.snap.call("restore").words("--to").arg(bench.fresh()).fails(4).expect_said(&["plugged in"]);
    assert_eq!(names_in(&bench.path("drive")), Vec::<PathBuf>::new());

    bench.snap.call("create").words("--init").arg(bench.home.root()).ok();
    bench.assert_restores();
    bench.home.file("g", "more");
    bench.snap.call("create").words("--init").arg(bench.home.root()).ok();
    assert_eq!(bench.snap.snapshots(), 2);
}

#[test]
fn a_folder_that_is_no_archive_is_not_taken_for_one() {
    let bench = Bench::without_archive();
    bench.home.file("f", "text");
    let other = Tree::at(bench.snap.archive());
    other.file("photos/1.jpg", "mine");
    for call in ["create", "list", "verify"] {
        bench.snap.call(call).fails(4);
    }
    bench.snap.call("create").words("--init").arg(bench.home.root()).fails(1);
    assert_eq!(below(other.root()).len(), 2, "nothing was written there");
}

#[test]
fn ls_shows_what_was_there_level_by_level_and_whole() {
    let bench = Bench::new();
    bench.home.file("a/b/c", "deep").file("a.x", "12345").symlink("l", "a.x").mode("a.x", 0o640).mtime(
        "a.x",
        1_000_000_000,
        0,
    );
    bench.save();
    bench.home.remove("a");
    bench.save();
    assert_eq!(listed(&bench.snap, ""), ["home"]);
    let all = ["home", "home/a", "home/a/b", "home/a/b/c", "home/a.x", "home/l -> a.x"];
    assert_eq!(listed(&bench.snap, "-R --at 1"), all);
    assert!(listed(&bench.snap, "home --at 1").contains(&"home/a".to_owned()));
    assert!(listed(&bench.snap, "home/a --at 1 -R").contains(&"home/a/b/c".to_owned()));
    let long = bench.snap.call("ls").words("-l home/a.x").ok().out();
    for words in ["-rw-r-----", "2001-09-09", "home/a.x", " 5 "] {
        assert!(long.contains(words), "{words} in {long}");
    }
    let values = bench.snap.call("ls").words("-R --json --at 1").ok().json();
    let file = values.iter().find(|value| value["path"] == "home/a/b/c").unwrap();
    assert_eq!((&file["type"], &file["size"]), (&"file".into(), &4.into()));
    assert_eq!(file["blake3"], blake3::hash(b"deep").to_hex().as_str());
    bench.snap.call("ls").words("home/no-such").fails(1).expect_said(&["no-such"]);
}

#[test]
fn names_that_could_trick_a_terminal_are_shown_harmless() {
    let bench = Bench::new();
    bench.home.file("\u{1b}[2Jclear", "").file("new\nline", "").file(b"raw \xff", "").file("\u{202e}rtl", "");
    bench.save();
    let outcome = bench.snap.call("ls").words("-R -l").ok();
    assert_eq!(outcome.out().lines().count(), 5, "{}", outcome.shown());
    assert!(!outcome.stdout.contains(&0x1b) && !outcome.out().contains('\u{202e}'), "{}", outcome.shown());
    let values = bench.snap.call("ls").words("-R --json").ok().json();
    assert!(values.iter().any(|value| value["path"]["escaped"] == "home/raw %FF"), "{values:?}");
}

/// Three snapshots: at a fixed time, ten days ago, and yesterday at noon.
fn dated() -> (Bench, [Timestamp; 3]) {
    let bench = Bench::new();
    let today: Timestamp = Timestamp::now().strftime("%Y-%m-%dT00:00:00Z").to_string().parse().unwrap();
    let fixed = "2020-03-01T18:30:05Z".parse().unwrap();
    let times = [fixed, today - (9 * 24 + 12).hours(), today - 12.hours()];
    for (number, time) in times.iter().enumerate() {
        bench.home.file("f", format!("state {}", number + 1));
        bench.snap.call("create").words("--time").arg(time.to_string()).arg(bench.home.root()).ok();
    }
    (bench, times)
}

#[test]
fn a_time_is_understood_in_many_forms() {
    let (bench, times) = dated();
    let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
    for (when, wanted) in [
        ("1", 1),
        ("3", 3),
        ("latest", 3),
        ("latest~0", 3),
        ("latest~2", 1),
        ("2020-03-01", 1),
        ("2020-03-01 18:30:05", 1),
        ("2020-03-01 18:31", 1),
        ("2020-03-01T18:30:05Z", 1),
        ("2020-03-01T20:30:05+02:00", 1),
        ("2021-01-01", 1),
        (&day(times[1]), 2),
        (&format!("{} 11:59", day(times[1])), 1),
        ("today", 3),
        ("yesterday", 3),
        ("yesterday 18:00", 3),
        ("yesterday 11:00", 2),
        ("3 days ago", 2),
        ("30 days ago", 1),
        ("100h ago", 2),
    ] {
        let outcome = bench.snap.call("restore").words("--to").arg(bench.path("when")).words("--at").arg(when).ok();
        let found = fs::read_to_string(bench.path("when/home/f")).unwrap();
        assert_eq!(found, format!("state {wanted}"), "--at {when}");
        outcome.expect_said(&[&format!("snapshot {wanted}")]);
        fs::remove_dir_all(bench.path("when")).unwrap();
    }
}

#[test]
fn a_time_before_the_first_snapshot_says_when_history_starts() {
    let (bench, _) = dated();
    for when in ["2020-03-01 18:30:04", "2019-12-31", "20 years ago"] {
        bench.snap.call("ls").words("--at").arg(when).fails(1).expect_said(&["2020-03-01"]);
    }
    bench.snap.call("ls").words("--at 4").fails(1);
    bench.snap.call("ls").words("--at latest~3").fails(1);
    bench.snap.call("ls").words("--at -3").fails(1);
    for nonsense in ["soonish", "2020-13-01", "latest~", "-x", ""] {
        bench.snap.call("ls").words("--at").arg(nonsense).fails(2);
    }
}

#[test]
fn an_archive_without_a_snapshot_says_so() {
    let bench = Bench::new();
    bench.snap.call("list").ok().expect_said(&["no snapshot"]);
    bench.snap.call("ls").fails(1).expect_said(&["no snapshot"]);
    bench.snap.call("restore").words("--to").arg(bench.fresh()).fails(1).expect_said(&["no snapshot"]);
    bench.snap.call("verify").ok();
    assert_eq!(bench.snap.history(), Vec::<serde_json::Value>::new());
}

#[test]
fn a_sound_archive_is_verified() {
    let bench = Bench::new();
    for round in 0..4 {
        bench.home.file("f", noise(round, 200_000)).file(format!("{round}"), "x").sparse(
            "holes",
            20 << 20,
            &[(5, b"x")],
        );
        bench.save();
    }
    for words in ["", "--data", "--json", "--data --json", "-v"] {
        bench.snap.call("verify").words(words).ok();
    }
    assert!(!bench.snap.call("verify").words("--json").ok().json().is_empty());
}

#[test]
fn verify_finds_a_flipped_bit_and_says_what_it_touches() {
    let bench = Bench::new();
    bench.home.file("hit", noise(1, 3 << 20)).file("z", "small");
    bench.save();
    bench.home.file("other", noise(2, 1000));
    bench.save();
    let bundle = bundles(bench.snap.archive()).remove(0);
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[1 << 20] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    let outcome = bench.snap.call("verify").words("--data").run();
    outcome.expect(3).expect_said(&["home/hit"]);

    let out = bench.fresh();
    bench.snap.call("restore").words("--to").arg(&out).fails(3).expect_said(&["home/hit"]);
    assert_eq!(fs::read(out.join("home/other")).unwrap(), noise(2, 1000), "another bundle's file is not touched");
    assert!(!out.join("home/hit").exists(), "nothing wrong is put there");
}

#[test]
fn an_export_is_one_tar_that_gives_the_snapshot() {
    let bench = Bench::new();
    bench.home.file("a", noise(1, 50_000)).file("d/b", "2").symlink("l", "a").hard_link("a", "d/c").fifo("p").dir("e");
    bench.home.file(b"raw \xff", "").file("x".repeat(150), "long").mode("d", 0o711).mtime("e", 1_000_000_000, 5);
    bench.save();
    bench.home.file("a", "changed").remove("d/b").rename("l", "m").file("new\nline", "n");
    bench.save();
    for snapshot in [1, 2] {
        let (file, out) = (bench.path(&format!("{snapshot}.tar.zst")), Tree::at(bench.fresh()));
        let line = "\"$1\" export -a \"$2\" --at \"$3\" > \"$4\"";
        run(&mut shell(line, &[&BINARY, &bench.snap.archive(), &snapshot.to_string(), &file])).expect_ok();
        run(program("tar").args(["--zstd", "-xpf"]).arg(&file).arg("-C").arg(out.root())).expect_silent();
        crate::support::replay::remove_manifest(out.root());
        assert_same_below(&bench.restored(snapshot), out.root(), Level::Tar);
        crate::support::oracles::check_bundle_with_stock_tools(&file);
    }
}

#[test]
fn what_makes_no_sense_on_the_command_line_ends_with_2() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    for words in
        ["create --level 0", "create --level 20", "create --no-such-option", "restore", "list --at", "frobnicate"]
    {
        let (command, rest) = words.split_once(' ').unwrap_or((words, ""));
        bench.snap.call(command).words(rest).fails(2);
    }
    Call::new(BINARY.as_ref()).words("list").fails(2).expect_said(&["SNAP_ARCHIVE"]);
    assert_eq!(bench.snap.snapshots(), 1);
    Call::new(BINARY.as_ref()).words("--help").ok().expect_said(&["restore"]);
    Call::new(BINARY.as_ref()).words("--version").ok().expect_said(&["snap"]);
}

#[test]
fn the_archive_may_be_named_by_the_environment() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    let mut list = program(BINARY);
    run(list.arg("list").env("SNAP_ARCHIVE", bench.snap.archive())).expect_ok().expect_said(&["home"]);
}

#[test]
fn a_second_create_is_told_that_the_archive_is_in_use() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    bench.home.file("f", "2");
    let mut options = fs::File::options();
    let lock =
        options.read(true).write(true).create(true).truncate(false).open(bench.snap.archive().join("lock")).unwrap();
    lock.try_lock().unwrap();
    bench.snap.call("create").arg(bench.home.root()).fails(5).expect_said(&["in use"]);
    assert_eq!(bench.snap.snapshots(), 1);
    // Who only reads does not wait for anybody.
    bench.snap.call("list").ok();
    bench.restored(0);
    lock.unlock().unwrap();
    bench.assert_kept();
}

#[test]
fn verify_with_data_finds_damage_in_every_part_of_a_snapshot() {
    let bench = Bench::new();
    for number in 0..8 {
        bench.home.file(format!("noise-{number}"), noise(number, 900_000));
    }
    bench.snap.call("create").words("--max-part 2MiB").arg(bench.home.root()).ok();
    let parts = bundles(bench.snap.archive());
    assert!(parts.len() > 3, "{parts:?}");
    let total: u64 = parts.iter().map(|part| part.metadata().unwrap().len()).sum();
    let sound = bench.snap.call("verify").words("--data --json").ok().json();
    // All but the tables of frames at the ends.
    let read = sound[0]["bytes"].as_u64().unwrap();
    assert!((total - 400..total).contains(&read), "every part is read: {read} of {total}");
    for part in parts {
        let good = fs::read(&part).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 3] ^= 1;
        fs::write(&part, &bad).unwrap();
        let name = part.file_name().unwrap().to_string_lossy().into_owned();
        let outcome = bench.snap.call("verify").words("--data").run();
        let told = outcome.out();
        assert_eq!(outcome.status, 3, "{told}");
        assert!(told.contains(&name) && told.contains("home/noise-"), "{told}");
        fs::write(&part, &good).unwrap();
    }
}

#[test]
fn a_failing_command_prints_a_document_with_a_kind() {
    let bench = Bench::without_archive();
    let fails = |call: Call, status: i32| call.words("--json").fails(status).json().remove(0);
    let empty = fails(bench.snap.call("list"), 4);
    assert_eq!(empty["error"]["kind"], "not-mounted", "{empty}");
    fs::write(bench.path("drive/other"), "x").unwrap();
    let missing = fails(bench.snap.call("list"), 4);
    assert_eq!((&missing["version"], &missing["error"]["kind"]), (&1.into(), &"no-archive".into()), "{missing}");
    assert!(missing["error"]["advice"].as_str().unwrap().contains("plugged in"), "{missing}");
    let usage = fails(bench.snap.call("create").words("--level 30"), 2);
    assert_eq!(usage["error"]["kind"], "usage", "{usage}");

    bench.snap.init();
    bench.home.file("f", "1");
    bench.save();
    let unknown = fails(bench.snap.call("ls").words("home/no-such"), 1);
    let error = &unknown["error"];
    assert_eq!((&error["kind"], &error["entry"]), (&"not-found".into(), &"home/no-such".into()), "{unknown}");
    for words in ["list", "ls", "verify", "repair", "create"] {
        let documents = bench.snap.call(words).words("--json").ok().json();
        assert!(documents.iter().all(|document| document["version"] == 1), "{words}: {documents:?}");
    }
}

#[test]
fn quiet_commands_say_nothing_when_all_is_well() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    for words in ["verify", "verify --data", "repair", "create"] {
        let call = bench.snap.call(words).words("-q");
        let call = if words == "create" { call.arg(bench.home.root()) } else { call };
        assert_eq!(call.ok().said(), "", "{words}");
    }
}

#[test]
fn words_of_other_programs_lead_to_ours() {
    let bench = Bench::new();
    for (words, meant) in [
        ("backup", "snap create"),
        ("save", "snap create"),
        ("check", "snap verify"),
        ("snapshots", "snap list"),
        ("create -n", "--dry-run"),
        ("erase -y home/a", "--yes"),
        // It asks nothing.
        ("repair -y", "See all with --help."),
        ("restore --target=x", "--to DIR"),
    ] {
        bench.snap.call(words).fails(2).expect_said(&[meant]);
    }
}

#[test]
fn what_ls_prints_is_accepted_and_no_two_names_look_alike() {
    let bench = Bench::new();
    let names: [&[u8]; 4] = [b"a\\x0ab", b"a\nb", b"back\\slash", b"raw \xff"];
    for name in names {
        bench.home.file(name, "");
    }
    bench.save();
    let shown = listed(&bench.snap, "home");
    assert_eq!(shown.len(), 4, "{shown:?}");
    let distinct: std::collections::BTreeSet<_> = shown.iter().collect();
    assert_eq!(distinct.len(), 4, "{shown:?}");
    for path in &shown {
        assert_eq!(bench.snap.call("ls").arg(path).ok().out().trim_end(), path);
    }
    // A name may also be typed as it is.
    assert_eq!(bench.snap.call("ls").arg("home/back\\slash").ok().out(), "home/back\\\\slash\n");
}

#[test]
fn an_export_to_a_file_is_the_one_to_the_output_and_replaces_nothing() {
    let bench = Bench::new();
    bench.home.file("a", "one").file("b", noise(1, 100_000));
    bench.save();
    let file = bench.path("out.tar.zst");
    let export = || bench.snap.call("export").words("--json --output").arg(&file);
    let told = export().ok().json().remove(0);
    let bytes = fs::read(&file).unwrap();
    assert_eq!(told["bytes"], bytes.len());
    assert_eq!(bench.snap.call("export").ok().stdout, bytes);
    export().fails(1);
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[test]
fn a_program_that_stands_in_an_archive_finds_it_by_itself() {
    let bench = Bench::new();
    bench.home.file("a", "one");
    bench.save();
    let program = bench.snap.archive().join("snap");
    fs::copy(BINARY, &program).unwrap();
    let history = Call::new(&program).words("list --json").ok().json().remove(0);
    assert_eq!(history["snapshots"].as_array().unwrap().len(), 1);
    fs::rename(&program, bench.path("snap")).unwrap();
    Call::new(&bench.path("snap")).words("list").fails(2);
}

#[test]
fn an_export_to_a_closed_output_fails() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    let line = "exec \"$1\" export -a \"$2\" >&-";
    run(&mut shell(line, &[&BINARY, &bench.snap.archive()])).expect(1).expect_said(&["standard output is closed"]);
    run(&mut shell("exec \"$1\" export -a \"$2\" > /dev/null", &[&BINARY, &bench.snap.archive()])).expect_ok();
}

#[test]
fn results_that_nobody_can_see_are_a_failure() {
    let bench = Bench::new();
    bench.home.file("f", "1");
    bench.save();
    let closed = |words: &str| {
        let line = format!("exec \"$1\" {words} -a \"$2\" >&-");
        run(&mut shell(&line, &[&BINARY, &bench.snap.archive()]))
    };
    for words in [
        "cat home/f",
        "ls",
        "list",
        "find f",
        "log home/f",
        "diff 1 1",
        "du",
        "sources",
        "status",
        "config",
        "completions bash",
        "man",
        "forget --keep-last 1 --dry-run",
        "list --json",
    ] {
        closed(words).expect(1).expect_said(&["standard output is closed"]);
    }
    // What is done is done all the same.
    bench.home.file("f", "22");
    closed("create").expect_ok();
    assert_eq!(bench.snap.snapshots(), 2);
    closed("verify").expect_ok();
}

#[test]
fn an_export_is_read_by_those_who_may_read_the_archive() {
    for (words, mode) in [("init", 0o600), ("init --shared", 0o640)] {
        let bench = Bench::without_archive();
        bench.home.file("f", "1");
        let file = bench.fresh();
        let line = format!(
            "umask 027; \"$1\" {words} -a \"$2\" && \"$1\" create -a \"$2\" \"$3\" && \"$1\" export -a \"$2\" --output \"$4\""
        );
        let archive = bench.snap.archive().to_owned();
        run(&mut shell(&line, &[&BINARY, &archive, &bench.home.root(), &file])).expect(0);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, mode, "{words}");
    }
}
