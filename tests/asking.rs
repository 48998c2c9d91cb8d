//! What `diff`, `log`, `find`, `cat` and `du` say, whole outputs. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::command::Outcome;
use crate::support::replay::bundles;
use crate::support::tree::noise;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

/// A small history:
///
/// 1. a letter, a picture and a script, an odd name
/// 2. the letter longer, the picture moved, the script executable
/// 3. the picture gone, a note new
fn three_snapshots() -> Bench {
    let bench = Bench::new();
    let home = &bench.home;
    home.file("docs/letter.txt", "Dear Ann\n")
        .mtime("docs/letter.txt", 1_700_000_000, 0)
        .mode("docs/letter.txt", 0o644);
    home.file("cat.jpg", vec![7; 2_000_000]).mtime("cat.jpg", 1_600_000_000, 0).mode("cat.jpg", 0o644);
    home.file("run.sh", "true\n").mtime("run.sh", 1_650_000_000, 0).mode("run.sh", 0o644);
    home.file(b"odd\n\xff\x1b[2J", "x").mtime(b"odd\n\xff\x1b[2J", 0, 0).mode(b"odd\n\xff\x1b[2J", 0o600);
    save(&bench, 1);
    home.file("docs/letter.txt", "Dear Ann,\nthank you\n").mtime("docs/letter.txt", 1_710_000_000, 0);
    home.dir("pictures").rename("cat.jpg", "pictures/cat.jpg").mode("run.sh", 0o755);
    save(&bench, 2);
    home.remove("pictures").file("note", "buy milk\n").mtime("note", 1_720_000_000, 0).mode("note", 0o644);
    save(&bench, 3);
    bench
}

fn save(bench: &Bench, day: u32) {
    for directory in ["", "docs"] {
        bench.home.mode(directory, 0o755);
    }
    let time = format!("2026-11-0{day}T10:00:00Z");
    bench.snap.call("create").words("--time").arg(time).arg(bench.home.root()).ok();
}

#[track_caller]
fn assert_out(outcome: Outcome, expected: &str) {
    assert_eq!(outcome.out(), expected, "{}", outcome.shown());
}

#[test]
fn diff_shows_a_letter_and_what_was_before() {
    let bench = three_snapshots();
    assert_out(
        bench.snap.call("diff").words("1 2").ok(),
        "\
+           home/pictures/
m      5 B  home/run.sh  (mode 0755, was 0644)
~     20 B  home/docs/letter.txt  (was 9 B)
r   2.0 MB  home/pictures/cat.jpg  (was home/cat.jpg)
From snapshot 1 of 2026-11-01 10:00 to snapshot 2 of 2026-11-02 10:00: 1 added, 1 modified, 1 metadata, 1 moved.
",
    );
    let last = "\
+      9 B  home/note
-           home/pictures/
-   2.0 MB  home/pictures/cat.jpg
From snapshot 2 of 2026-11-02 10:00 to snapshot 3 of 2026-11-03 10:00: 1 added, 2 removed.
";
    for words in ["", "2", "2 3", "latest~1", "-1", "2026-11-02", "-1 latest", "02.11.2026 3"] {
        assert_out(bench.snap.call("diff").words(words).ok(), last);
    }
    assert_out(bench.snap.call("diff").words("-q 2 2").ok(), "");
    assert_out(bench.snap.call("diff").words("-q 1 3 home/docs").ok(), "~     20 B  home/docs/letter.txt  (was 9 B)\n");
    assert_out(bench.snap.call("diff").words("-q 3 1 ./home/note").ok(), "-      9 B  home/note\n");
    assert_out(
        bench.snap.call("diff").words("--stat 1").ok(),
        "\
\x20         files  folders    size
added         1        0     9 B
removed       1        0  2.0 MB
modified      1        0    20 B
metadata      1        0     5 B
moved         0        0     0 B
From snapshot 1 of 2026-11-01 10:00 to snapshot 3 of 2026-11-03 10:00: 1 added, 1 removed, 1 modified, 1 metadata.
",
    );
    bench.snap.call("diff").words("1 3 home/nowhere").fails(1).expect_said(&["home/nowhere is neither in snapshot 1"]);
    bench.snap.call("diff").words("7").fails(1).expect_said(&["there is no snapshot 7"]);
    bench.snap.call("diff").words("1 2 --now").fails(2);
}

#[test]
fn diff_shows_names_so_that_a_terminal_obeys_nothing() {
    let bench = three_snapshots();
    bench.home.remove(b"odd\n\xff\x1b[2J");
    save(&bench, 4);
    assert_out(bench.snap.call("diff").words("-q").ok(), "-      1 B  home/odd\\x0a\\xff\\x1b[2J\n");
    let name = "home/odd\\x0a\\xff\\x1b[2J";
    let found = bench.snap.call("find").words("odd*").ok().out();
    assert_eq!(found.lines().nth(1).unwrap(), format!("-      1 B  1970-01-01         1     3 2026-11-03  {name}"));
    assert_out(
        bench.snap.call("log").arg(name).ok(),
        "\
snapshots  date                 mode        size  modified          changed
1–3        2026-11-01 10:00  +  -rw-------   1 B  1970-01-01 00:00
4–         2026-11-04 10:00  -
",
    );
    assert_out(bench.snap.call("cat").words("--at 1").arg(name).ok(), "x");
    let json = bench.snap.call("diff").words("--json").ok();
    assert!(json.out().contains(r#""path":{"escaped":"home/odd\n%FF\u001b[2J"}"#), "{}", json.out());
}

#[test]
fn diff_in_json_says_what_both_versions_are() {
    let bench = three_snapshots();
    let lines = bench.snap.call("diff").words("--json 1 2").ok().json();
    let moved = lines.iter().find(|line| line["change"] == "moved").unwrap();
    assert_eq!((&moved["path"], &moved["old"]["path"]), (&"home/pictures/cat.jpg".into(), &"home/cat.jpg".into()));
    assert_eq!(moved["old"]["blake3"], moved["new"]["blake3"]);
    let metadata = lines.iter().find(|line| line["change"] == "metadata").unwrap();
    assert_eq!((&metadata["changed"][0], &metadata["version"]), (&"mode".into(), &1.into()));
    let added = lines.iter().find(|line| line["change"] == "added").unwrap();
    assert_eq!((added.get("old"), &added["new"]["type"]), (None, &"dir".into()));
    let stat = bench.snap.call("diff").words("--json --stat 1 2").ok().json().remove(0);
    assert_eq!((&stat["old"], &stat["new"], &stat["moved"]["bytes"]), (&1.into(), &2.into(), &2_000_000.into()));
}

#[test]
fn diff_with_the_files_reads_only_what_size_and_time_leave_open() {
    let bench = three_snapshots();
    let home = &bench.home;
    home.file("note", "BUY MILK\n").mtime("note", 1_720_000_001, 0);
    home.file("docs/letter.txt", "short").mtime("docs/letter.txt", 1_710_000_000, 0);
    home.mtime("run.sh", 1_650_000_001, 0).file("new", "").mode("new", 0o644);
    let outcome = bench.snap.call("diff").words("--now").ok();
    assert!(outcome.err().contains("files were read, as size and time"), "{}", outcome.shown());
    assert_out(
        outcome,
        "\
+      0 B  home/new
~      9 B  home/note
m      5 B  home/run.sh  (time)
~      5 B  home/docs/letter.txt  (was 20 B)
From snapshot 3 of 2026-11-03 10:00 to the files as they are now: 1 added, 2 modified, 1 metadata.
",
    );
    assert_out(
        bench.snap.call("diff").words("--now -q home/docs").ok(),
        "~      5 B  home/docs/letter.txt  (was 20 B)\n",
    );
    assert_out(
        bench.snap.call("diff").words("--now -q 2 home/pictures").ok(),
        "-           home/pictures/\n-   2.0 MB  home/pictures/cat.jpg\n",
    );
    bench.snap.call("diff").words("--now home/nowhere").fails(1).expect_said(&["nor a file now"]);
    // A source that is not there is said, and nothing of it is taken for removed.
    fs::rename(bench.home.root(), bench.path("elsewhere")).unwrap();
    let gone = bench.snap.call("diff").words("--now").fails(3);
    assert!(!gone.out().contains("removed") && gone.err().contains("nothing is known of it"), "{}", gone.shown());
}

#[test]
fn diff_with_the_files_leaves_out_what_the_rules_do() {
    let bench = Bench::new();
    bench.home.file("kept", "1").file("skipped.tmp", "2");
    bench.snap.call("create").words("--exclude *.tmp").arg(bench.home.root()).ok();
    bench.home.file("other.tmp", "3").file("new", "4");
    let out = bench.snap.call("diff").words("--now").ok().out();
    assert!(out.contains("home/new") && !out.contains("tmp"), "{out}");
}

#[test]
fn diff_with_a_file_that_is_a_source_looks_at_that_file() {
    let bench = Bench::new();
    bench.home.file("letter.txt", "Dear Ann\n").mtime("letter.txt", 1_700_000_000, 0).mode("letter.txt", 0o644);
    bench.snap.call("create").arg(bench.home.path("letter.txt")).ok();
    assert_out(bench.snap.call("diff").words("--now -q").ok(), "");
    bench.home.file("letter.txt", "Dear Bob\n").file("other", "");
    let out = bench.snap.call("diff").words("--now -q -p letter.txt").ok().out();
    assert!(out.starts_with("~      9 B  letter.txt\n") && out.ends_with("-Dear Ann\n+Dear Bob\n"), "{out}");
}

#[test]
fn diff_shows_lines() {
    let bench = three_snapshots();
    let lines = "\
~     20 B  home/docs/letter.txt  (was 9 B)
--- old/home/docs/letter.txt
+++ new/home/docs/letter.txt
@@ -1 +1,2 @@
-Dear Ann
+Dear Ann,
+thank you
";
    assert_out(bench.snap.call("diff").words("-q -p 1 3 home/docs").ok(), lines);
    bench.home.file("docs/letter.txt", "Dear Bob\n");
    let now = bench.snap.call("diff").words("-q -p --now").ok().out();
    assert!(now.contains("-Dear Ann,\n-thank you\n+Dear Bob\n"), "{now}");
    let added = bench.snap.call("diff").words("-q -p 2 3 home/note").ok().out();
    assert!(added.ends_with("@@ -0,0 +1 @@\n+buy milk\n"), "{added}");
    bench.snap.call("diff").words("-p --json 1 2").fails(2);
}

#[test]
fn log_lists_each_version_also_of_folders_and_of_what_is_gone() {
    let bench = three_snapshots();
    assert_out(
        bench.snap.call("log").words("home/docs/letter.txt").ok(),
        "\
snapshots  date                 mode        size  modified          changed
1          2026-11-01 10:00  +  -rw-r--r--   9 B  2023-11-14 22:13
2–3        2026-11-02 10:00  ~  -rw-r--r--  20 B  2024-03-09 16:00  content
",
    );
    let two = bench.snap.call("log").words("home/cat.jpg home/docs").ok().out();
    for words in ["home/cat.jpg\n", "2–         2026-11-02 10:00  -\n", "\nhome/docs\n", "  ~1\n"] {
        assert!(two.contains(words), "{words} in {two}");
    }
    let all = bench.snap.call("log").words(".").ok().out();
    assert!(all.contains("  +1 -2\n"), "{all}");
    let json = bench.snap.call("log").words("--json home/cat.jpg").ok().json().remove(0);
    let versions = json["paths"][0]["versions"].as_array().unwrap();
    assert_eq!((versions.len(), &versions[0]["snapshots"][0], &versions[0]["change"]), (2, &1.into(), &"added".into()));
    assert!(versions[1]["entry"].is_null() && versions[0]["entry"]["size"] == 2_000_000);
    bench.snap.call("log").words("home/nowhere").fails(1).expect_said(&["home/nowhere is in no snapshot"]);
    bench.snap.call("log").fails(2);
}

#[test]
fn a_text_is_found_in_all_versions_that_have_it() {
    let bench = Bench::new();
    let letter = |text: &str| bench.home.file("letter.txt", text);
    // Across what is read at once, and in the part of a version that is stored as a patch.
    let mut large = noise(1, 3_000_000);
    bench.home.dir("docs");
    large[(1 << 20) - 4..][..13].copy_from_slice(b"this sentence");
    bench.home.file("large", &large).file("other", "nothing of it").file("copy", "once: this sentence.");
    letter("before");
    save(&bench, 1);
    letter("has this sentence, once");
    large[2_500_000..][..14].copy_from_slice(b"that\xff sentence");
    bench.home.file("large", &large);
    save(&bench, 2);
    letter("has this sentence twice: this sentence");
    save(&bench, 3);
    letter("after");
    bench.home.remove(b"copy");
    save(&bench, 4);
    let found = |words: &str, text: &[u8]| -> Vec<(String, u64, u64, u64)> {
        let call = bench.snap.call("find").words("--json --containing").arg(OsStr::from_bytes(text)).words(words);
        let number = |line: &serde_json::Value, name: &str| line[name].as_u64().unwrap();
        let of = |line: &serde_json::Value| {
            let path = line["path"].as_str().unwrap().to_owned();
            (path, number(line, "versions"), number(line, "first"), number(line, "last"))
        };
        call.ok().json().iter().map(of).collect()
    };
    let line = |path: &str, versions, first, last| (path.to_owned(), versions, first, last);
    let (copy, both) = (line("home/copy", 1, 1, 3), line("home/letter.txt", 2, 2, 3));
    assert_eq!(found("", b"this sentence"), [copy.clone(), line("home/large", 2, 1, 4), both.clone()]);
    assert_eq!(found("home/letter.txt", b"this sentence"), [both]);
    assert_eq!(found("--deleted", b"this sentence"), [copy]);
    assert_eq!(found("", b"that\xff sentence"), [line("home/large", 1, 2, 4)]);
    assert_eq!(found("--size -1000", b"This sentence"), []);
    assert_eq!(found("", b"sentence, ").len(), 1);
    bench.snap.call("find").words("--containing").arg("").fails(1).expect_said(&["cannot look for that text"]);
    // What cannot be read is no answer.
    for bundle in bundles(bench.snap.archive()) {
        let mut bytes = fs::read(&bundle).unwrap();
        let half = bytes.len() / 2;
        bytes[half / 2..half].fill(7);
        fs::write(&bundle, bytes).unwrap();
    }
    let damaged = bench.snap.call("find").words("--containing zzzzzz").fails(3);
    damaged.expect_said(&["not all of its content could be looked through"]);
}

#[test]
fn find_looks_through_all_snapshots() {
    let bench = three_snapshots();
    assert_out(
        bench.snap.call("find").words("*.jpg letter*").ok(),
        "\
\x20     size  modified    versions  last snapshot    path
-   2.0 MB  2020-09-13         1     1 2026-11-01  home/cat.jpg
      20 B  2024-03-09         2     3 2026-11-03  home/docs/letter.txt
-   2.0 MB  2020-09-13         1     2 2026-11-02  home/pictures/cat.jpg
",
    );
    let paths = |words: &str| -> Vec<String> {
        let found = bench.snap.call("find").words("--json").words(words).ok().json();
        found.iter().map(|line| line["path"].as_str().unwrap_or("odd").trim_start_matches("home/").to_owned()).collect()
    };
    assert_eq!(paths("--deleted *"), ["cat.jpg", "pictures", "pictures/cat.jpg"]);
    assert_eq!(paths("--regex ^home/p"), ["pictures", "pictures/cat.jpg"]);
    assert_eq!(paths("--size +1M"), ["cat.jpg", "pictures/cat.jpg"]);
    assert_eq!(paths("--size -6 --newer 2022-01-01"), ["run.sh"]);
    assert_eq!(paths("--size 9 *.txt"), ["docs/letter.txt"]);
    assert_eq!(paths("pictures/"), ["pictures"]);
    assert_eq!(paths("cat.jpg !home/pictures/*"), ["cat.jpg"]);
    let hash = bench.snap.call("ls").words("--json home/note").ok().json()[0]["blake3"].as_str().unwrap().to_owned();
    assert_eq!(paths(&format!("--content-hash {hash}")), ["note"]);
    let none = bench.snap.call("find").words("nothing-like-it").ok();
    let part = "Nothing was found. Only whole names were looked for; for a part of one: snap find '*nothing-like-it*'.";
    assert_eq!((none.out().as_str(), none.err().trim()), ("", part));
    assert_eq!(paths("*lett*"), ["docs/letter.txt"]);
    for pattern in ["*nothing*", "--regex nothing", "--size +1T"] {
        assert_eq!(bench.snap.call("find").words(pattern).ok().err().trim(), "Nothing was found.");
    }
    for bad in ["", "--regex (", "[a", "--size x a", "--content-hash 12"] {
        bench.snap.call("find").words(bad).fails(2);
    }
}

#[test]
fn cat_writes_just_the_content_and_refuses_what_is_no_file() {
    let bench = three_snapshots();
    bench.home.symlink("link", "note").sparse("holes", 3_000_000, &[(1_000_000, b"data")]);
    save(&bench, 4);
    assert_out(bench.snap.call("cat").words("home/docs/letter.txt --at 1").ok(), "Dear Ann\n");
    assert_out(bench.snap.call("cat").words("home/docs/letter.txt home/note").ok(), "Dear Ann,\nthank you\nbuy milk\n");
    let holes = bench.snap.call("cat").words("home/holes").ok().stdout;
    assert!(holes == fs::read(bench.home.path("holes")).unwrap());
    bench.snap.call("cat").words("home/docs").fails(1).expect_said(&["home/docs is a folder"]);
    bench.snap.call("cat").words("home/link").fails(1).expect_said(&["home/link is a symlink to note"]);
    bench.snap.call("cat").words("home/cat.jpg").fails(1).expect_said(&["home/cat.jpg is not in snapshot 4"]);
    bench.snap.call("cat").words("--json home/note").fails(2);
}

#[test]
fn cat_says_so_when_the_content_is_not_what_was_saved() {
    let bench = Bench::new();
    let noise = crate::support::tree::noise(5, 3_000_000);
    bench.home.file("big", &noise).file("small", "sound");
    bench.save();
    let bundle = bundles(bench.snap.archive()).remove(0);
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[1_500_000] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    let outcome = bench.snap.call("cat").words("home/big").fails(3);
    assert!(outcome.err().contains("NOT sound"), "{}", outcome.err());
    assert!(outcome.stdout.len() == noise.len() && outcome.stdout != noise && outcome.stdout[..100] == noise[..100]);
    let diff = bench.snap.call("diff").words("--now home").ok();
    assert!(diff.out().contains("nothing changed"), "{}", diff.shown());
}

#[test]
fn a_source_that_is_no_longer_saved_is_compared_with_its_files_only_where_it_is_named() {
    let bench = three_snapshots();
    bench.snap.call("sources --drop home").ok();
    bench.home.file("note", "buy bread\n");
    let diff = bench.snap.call("diff --now").ok();
    assert!(diff.out().contains("nothing changed"), "{}", diff.shown());
    let diff = bench.snap.call("diff --now home/note").ok();
    assert!(diff.out().starts_with("~     10 B  home/note"), "{}", diff.shown());
}

#[test]
fn a_file_of_this_computer_is_the_one_in_the_archive() {
    let bench = three_snapshots();
    let letter = bench.home.path("docs/letter.txt");
    assert_eq!(bench.snap.call("cat").arg(&letter).ok().out(), "Dear Ann,\nthank you\n");
    bench.home.remove("note");
    assert!(bench.snap.call("log").arg(bench.home.path("note")).ok().out().contains("9 B"));
    assert_out(bench.snap.call("ls").arg(bench.home.path("docs")).ok(), "home/docs/letter.txt\n");
    assert!(bench.snap.call("ls").arg(bench.home.root()).ok().out().contains("home/docs/\n"));
    bench.snap.call("restore --in-place -q").arg(bench.home.path("note")).ok();
    assert_eq!(fs::read_to_string(bench.home.path("note")).unwrap(), "buy milk\n");
    bench.snap.call("cat").arg(bench.path("sources/home2")).fails(2).expect_said(&["cannot be a path in an archive"]);
}

#[test]
fn du_shows_folders_and_what_each_snapshot_added() {
    let bench = three_snapshots();
    bench.home.hard_link("note", "note2");
    save(&bench, 4);
    let out = bench.snap.call("du").words("-d 2 home").ok().out();
    let expected = "\
In snapshot 4 of 2026-11-04 10:00, before compression:
size  files  path
35 B      4  home/
20 B      1  home/docs/

What each snapshot added, largest first:
#  date              contents  files  largest file
1  2026-11-01 10:00    2.0 MB      4  home/cat.jpg (2.0 MB)
2  2026-11-02 10:00      20 B      1  home/docs/letter.txt (20 B)
3  2026-11-03 10:00       9 B      1  home/note (9 B)
4  2026-11-04 10:00       9 B      1  home/note2 (9 B)
";
    assert_eq!(out, expected);
    assert_out(
        bench.snap.call("du").words("-q -s home/docs home/note").ok(),
        "size  files  path\n20 B      1  home/docs/\n 9 B      1  home/note\n",
    );
    let all = bench.snap.call("du").words("--json -f").ok().json().remove(0);
    assert_eq!(
        (&all["snapshot"], &all["sizes"][0]["path"], &all["sizes"][0]["bytes"]),
        (&4.into(), &"".into(), &35.into())
    );
    let added = all["added"].as_array().unwrap();
    assert_eq!(added.len(), 4);
    assert!(added.iter().all(|one| one["bytes_added"].as_u64().unwrap() > 0), "{all}");
    let largest: Vec<u64> = added.iter().map(|one| one["bytes_added"].as_u64().unwrap()).collect();
    assert!(largest.is_sorted_by(|a, b| a >= b), "{largest:?}");
    bench.snap.call("du").words("home/nowhere").fails(1).expect_said(&["home/nowhere is not in snapshot 4"]);
}

#[test]
fn what_asks_the_history_needs_no_index_and_says_what_cannot_be_read() {
    let bench = three_snapshots();
    let asked = ["diff 1 3", "log home/note home/cat.jpg", "find *", "du"];
    let answers: Vec<String> = asked.iter().map(|words| bench.snap.call(words).ok().out()).collect();
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    for (words, answer) in asked.iter().zip(&answers) {
        assert_out(bench.snap.call(words).ok(), answer);
    }
    // A flipped bit in the middle of an index file is met before anything is said, and the file made again.
    let index = bench.snap.archive().join("index");
    for name in fs::read_dir(&index).unwrap().map(|entry| entry.unwrap().path()) {
        for (words, answer) in asked.iter().zip(&answers) {
            let mut bytes = fs::read(&name).unwrap();
            let middle = bytes.len() / 4;
            bytes[middle] ^= 1;
            fs::write(&name, bytes).unwrap();
            assert_out(bench.snap.call(words).ok(), answer);
        }
    }
    // The list of changes of the second is damaged, and no index remembers it.
    fs::remove_dir_all(bench.snap.archive().join("index")).unwrap();
    let bundle = bundles(bench.snap.archive()).remove(1);
    fs::write(&bundle, vec![0; 1000]).unwrap();
    let found = bench.snap.call("find").words("cat.jpg").fails(3);
    assert!(
        found.out().contains("home/cat.jpg") && found.err().contains("snapshot 2 cannot be read"),
        "{}",
        found.shown()
    );
}

#[test]
fn whoever_asks_is_told_that_the_newest_snapshot_is_missing_whatever_else_is_not_said() {
    let bench = three_snapshots();
    fs::remove_file(bundles(bench.snap.archive()).pop().unwrap()).unwrap();
    let to = bench.fresh();
    let restore = format!("-q --to {}", to.display());
    let asked = [
        ("list", "-q"),
        ("ls", "-q"),
        ("cat", "-q home/docs/letter.txt"),
        ("find", "-q note"),
        ("log", "-q home/cat.jpg"),
    ];
    for (command, words) in asked.into_iter().chain([("restore", restore.as_str()), ("diff", "-q 1"), ("du", "-q")]) {
        let told = bench.snap.call(command).words(words).fails(3);
        let text = told.err();
        assert_eq!(text.matches("the bundle 000003-").count(), 1, "{command}: {}", told.shown());
    }
    // Also who asks for a document, or by number.
    for (command, words) in
        [("list", "--json"), ("du", "--json"), ("restore", "--json --dry-run --at 1 --to elsewhere")]
    {
        let told = bench.snap.call(command).words(words).fails(3);
        assert!(told.json()[0]["warnings"][0].as_str().unwrap().contains("is missing"), "{command}: {}", told.shown());
    }
    bench.snap.call("status").fails(6).expect_said(&["act", "is missing, the index remembers it"]);
}

#[test]
fn what_is_not_in_a_snapshot_is_said_to_be_in_the_one_that_has_it() {
    let bench = three_snapshots();
    let asked = [
        ("ls", "home/cat.jpg", "It is in snapshot 1: add --at 1."),
        ("ls", "home/*/*.jpg", "home/pictures/cat.jpg was last in snapshot 2: name it so"),
        ("ls", "cat.jpg", "home/pictures/cat.jpg was last in snapshot 2: name it so"),
        ("cat", "cat.jpg", "home/pictures/cat.jpg was last in snapshot 2: name it so"),
        ("cat", "home/cat.jpg", "It is in snapshot 1: add --at 1."),
        ("du", "pictures", "home/pictures was last in snapshot 2: name it so"),
        ("restore", "--to elsewhere home/*/*.jpg", "home/pictures/cat.jpg was last in snapshot 2: name it so"),
        ("restore", "--to elsewhere note.txt", "Look for a name with: snap find NAME"),
    ];
    for (command, words, hint) in asked {
        bench.snap.call(command).words(words).fails(1).expect_said(&[hint]);
    }
    assert_out(bench.snap.call("cat").words("home/docs/let*").ok(), "Dear Ann,\nthank you\n");
    bench.snap.call("forget").words("1").ok();
    let forgotten =
        "It is in snapshot 1, which was forgotten. To have that again, until snap prune: snap forget --undo 1.";
    bench.snap.call("ls").words("home/cat.jpg").fails(1).expect_said(&[forgotten]);
}
