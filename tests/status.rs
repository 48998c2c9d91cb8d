//! Whether all is well: `status` with and without the drive, what is noted on the computer, the commands around a run, and shares
//! of the archive that are read back. Knows the command line only.

use crate::support::bench::Bench;
use crate::support::replay::bundles;
use crate::support::screen::screen;
use crate::support::snap::BINARY;
use crate::support::snap::Call;
use crate::support::tree::noise;
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A bench with a configuration for its archive, called `home`, and a folder of its own for what is noted.
struct Person {
    bench: Bench,
}

impl Person {
    fn new(more: &str) -> Person {
        let person = Person { bench: Bench::without_archive() };
        let (archive, home) = (person.bench.snap.archive().display(), person.bench.home.root().display());
        let text = format!("[archive.home]\npath = '{archive}'\nsources = ['{home}']\n{more}");
        fs::write(person.bench.path("config.toml"), text).unwrap();
        person
    }

    fn call(&self, words: &str) -> Call {
        let call = Call::new(BINARY.as_ref()).words("--config").arg(self.bench.path("config.toml")).words(words);
        call.variable("XDG_STATE_HOME", self.bench.path("state"))
    }

    fn status(&self, code: i32) -> Value {
        self.call("status --json").run().expect(code).json().remove(0)
    }

    /// Changes what is noted.
    fn noted(&self, change: impl FnOnce(&mut Value)) {
        let file = self.bench.path("state/snap/home.json");
        let mut notes: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        change(&mut notes);
        fs::write(&file, notes.to_string()).unwrap();
    }

    fn unplug(&self) {
        fs::rename(self.bench.path("drive"), self.bench.path("elsewhere")).unwrap();
        fs::create_dir(self.bench.path("drive")).unwrap();
    }
}

fn reasons(status: &Value) -> String {
    status["reasons"].to_string()
}

const DAY: i64 = 24 * 3600;

#[test]
fn a_person_sees_at_once_whether_all_is_well() {
    let ann = Person::new("");
    ann.bench.home.file("letter.txt", "Dear Ann");
    ann.call("create --init").ok();
    let shown = screen(&ann.bench, &ann.call("status").ok());
    let lines: Vec<&str> = shown.lines().map(str::trim).collect();
    assert_eq!(lines[..2], ["[exit 0]", "Archive home: good"]);
    for word in [
        "place  /…/drive/archive",
        "saved  snapshot 1, ",
        "(less than a minute ago)",
        "home",
        "free of ",
        "never on this computer",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    assert!(ann.call("status -q").ok().expect_silent().stdout.is_empty());
    let status = ann.status(0);
    assert_eq!((&status["word"], &status["archives"][0]["sources"][0]["name"]), (&"good".into(), &"home".into()));
}

#[test]
fn without_the_drive_it_says_what_is_noted() {
    let ann = Person::new("");
    let never = ann.status(6);
    assert!(reasons(&never).contains("nothing was ever saved"), "{never}");
    ann.bench.home.file("f", "x");
    ann.call("create --init").ok();
    ann.unplug();
    let status = ann.status(0);
    assert!(status["absent"].as_str().is_some_and(|why| why.contains("no archive")), "{status}");
    assert_eq!(status["archives"][0]["snapshot"]["number"], 1);
    assert_eq!(ann.call("create").run().status, 4);
    assert_eq!(ann.status(0)["word"], "good", "a drive that is not there for a day is nothing to do");
    let long_ago = |days: i64| {
        ann.noted(|notes| {
            for archive in notes["archives"].as_object_mut().unwrap().values_mut() {
                let then = archive["seen"].as_i64().unwrap() - days * DAY;
                (archive["looked"], archive["snapshot"]["time"]) = (then.into(), then.into());
            }
        });
    };
    long_ago(8);
    assert!(reasons(&ann.status(3)).contains("nothing was saved for 8 days"));
    long_ago(40);
    let shown = ann.call("status -q").run().expect(6);
    assert!(shown.out().starts_with("Archive home: act\n  - nothing was saved for 5 weeks\n"), "{}", shown.shown());
}

#[test]
fn what_could_not_be_saved_and_what_failed_is_told() {
    let ann = Person::new("");
    ann.bench.home.file("f", "x");
    ann.call("create --init").ok();
    fs::rename(ann.bench.home.root(), ann.bench.path("away")).unwrap();
    assert_eq!(ann.call("create").run().status, 1, "all sources are missing");
    assert!(reasons(&ann.status(6)).contains("the last run failed"));
    fs::rename(ann.bench.path("away"), ann.bench.home.root()).unwrap();
    ann.call("create").ok();
    assert_eq!(ann.status(0)["word"], "good");
    let other = ann.bench.path("sources/other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("x"), "x").unwrap();
    ann.call("create").arg(&other).arg(ann.bench.home.root()).ok();
    fs::rename(&other, ann.bench.path("away")).unwrap();
    assert_eq!(ann.call("create").arg(&other).arg(ann.bench.home.root()).run().status, 3);
    let status = ann.status(3);
    assert!(reasons(&status).contains("not there when it was last saved: other"), "{status}");
    assert!(
        status["archives"][0]["snapshot"]["problem_list"][0].as_str().is_some_and(|what| what.starts_with("other: "))
    );
}

#[test]
fn notes_that_are_none_do_no_harm() {
    let ann = Person::new("");
    ann.bench.home.file("f", "x");
    ann.call("create --init").ok();
    let file = ann.bench.path("state/snap/home.json");
    fs::write(&file, "[1").unwrap();
    assert_eq!(ann.status(0)["word"], "good");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let outcome = ann.call("create").ok();
    assert!(outcome.err().contains("note: cannot note in"), "{}", outcome.shown());
    // Who names a folder did not ask for notes.
    let plain = ann.bench.snap.call("create").variable("XDG_STATE_HOME", ann.bench.home.path("f")).ok();
    assert!(!plain.err().contains("cannot note"), "{}", plain.shown());
}

#[test]
fn commands_of_the_configuration_run_around_a_save() {
    let ann = Person::new(
        "before = 'test ! -e \"$0.stop\"; cd ../.. 2>/dev/null; echo before $SNAP_NAME; test ! -e stop'\n\
         after = 'echo after $SNAP_EXIT_CODE $SNAP_FOLDER >> log'\nnotify = 'echo notify $SNAP_MESSAGE >> log'\n",
    );
    ann.bench.home.file("f", "x");
    let work = ann.bench.path("work");
    fs::create_dir(&work).unwrap();
    // `before` goes elsewhere in its own shell only.
    let call = |words: &str| ann.call(words).in_directory(&work);
    let log = || fs::read_to_string(work.join("log")).unwrap_or_default();
    let first = call("create --init --json").ok();
    assert_eq!(first.json()[0]["snapshot"]["number"], 1, "only the document is on the standard output");
    assert!(first.err().contains("before home"), "{}", first.shown());
    assert_eq!(log(), format!("after 0 {}\n", ann.bench.snap.archive().display()));
    call("create --dry-run").ok();
    assert_eq!(log().lines().count(), 1, "a dry run runs no commands");
    fs::rename(ann.bench.home.root(), ann.bench.path("away")).unwrap();
    assert_eq!(call("create").run().status, 1);
    assert!(log().contains("\nafter 1 ") && log().contains("\nnotify /"), "{}", log());
    fs::rename(ann.bench.path("away"), ann.bench.home.root()).unwrap();
    ann.unplug();
    assert_eq!(call("create").run().status, 4);
    assert_eq!(log().matches("notify").count(), 1, "a drive that is not there today is no news: {}", log());
    ann.noted(|notes| notes["archives"].as_object_mut().unwrap().values_mut().for_each(|one| one["looked"] = 0.into()));
    assert_eq!(call("create").run().status, 4);
    assert_eq!(log().matches("notify").count(), 2, "{}", log());
}

#[test]
fn a_command_before_that_fails_ends_the_run() {
    let ann = Person::new("before = 'exit 3'\nafter = 'exit 4'\n");
    ann.bench.home.file("f", "x");
    let outcome = ann.call("create --init").fails(1);
    assert_snapshot!(screen(&ann.bench, &outcome), @r#"
    [exit 1]
    [stderr]
    the command 'after' of the configuration failed: it ended with exit code 4
    snap: the command 'before' of the configuration failed: it ended with exit code 3
      Nothing was saved, as it is to succeed first.
    "#);
    assert!(!ann.bench.snap.archive().exists());
    let ben = Person::new("after = 'exit 4'\n");
    ben.bench.home.file("f", "x");
    let outcome = ben.call("create --init").run().expect(3);
    assert!(outcome.err().contains("the command 'after' of the configuration failed: it ended with exit code 4"));
}

#[test]
fn a_command_before_that_fails_is_a_run_that_failed() {
    let ann = Person::new(
        "before = 'test ! -e stop'\nafter = 'echo after $SNAP_EXIT_CODE >> log'\nnotify = 'echo notify $SNAP_MESSAGE >> log'\n",
    );
    ann.bench.home.file("f", "x");
    let work = ann.bench.path("work");
    fs::create_dir(&work).unwrap();
    ann.call("create --init").in_directory(&work).ok();
    fs::write(work.join("stop"), "").unwrap();
    ann.call("create").in_directory(&work).fails(1);
    let log = fs::read_to_string(work.join("log")).unwrap();
    assert_eq!(
        log,
        "after 0\nafter 1\nnotify the command 'before' of the configuration failed: it ended with exit code 1\n"
    );
    assert!(reasons(&ann.status(6)).contains("the last run failed: the command 'before'"));
}

#[test]
fn commands_that_anybody_may_have_written_are_not_run() {
    use std::os::unix::fs::PermissionsExt;
    let ann = Person::new("before = 'touch ran'\n");
    ann.bench.home.file("f", "x");
    let mode = |mode| fs::set_permissions(ann.bench.path("config.toml"), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o666);
    let outcome = ann.call("create --init").in_directory(&ann.bench.path("drive")).fails(1);
    assert!(outcome.err().contains("everybody may write to it"), "{}", outcome.shown());
    assert!(!ann.bench.path("drive/ran").exists());
    mode(0o600);
    ann.call("create --init").in_directory(&ann.bench.path("drive")).ok();
    assert!(ann.bench.path("drive/ran").exists());
}

/// Lets so many days go by since the last share was read.
fn days_go_by(ann: &Person, days: i64) {
    ann.noted(|notes| {
        for archive in notes["archives"].as_object_mut().unwrap().values_mut() {
            if let Some(time) = archive["rolling"]["time"].as_i64() {
                archive["rolling"]["time"] = (time - days * DAY).into();
            }
        }
    });
}

#[test]
fn everything_is_read_back_share_by_share_and_damage_is_found() {
    let ann = Person::new("verify = 'monthly'\n");
    for number in 0..6 {
        ann.bench.home.file("f", noise(number, 50_000));
        ann.call(if number == 0 { "create --init" } else { "create" }).ok();
    }
    let mut read = Vec::new();
    for _ in 0..5 {
        days_go_by(&ann, 6);
        let document = ann.call("create --json").ok().json().remove(0);
        assert_eq!(document["checked"]["findings"], 0);
        read.extend(document["checked"]["snapshots"].as_array().unwrap().iter().filter_map(Value::as_u64));
    }
    read.sort_unstable();
    read.dedup();
    assert_eq!(read, [1, 2, 3, 4, 5, 6], "all was read within the month");
    assert_eq!(ann.status(0)["archives"][0]["read_back"]["snapshots"], 6);
    damage(&bundles(ann.bench.snap.archive())[2]);
    days_go_by(&ann, 30);
    let found = ann.call("create").run().expect(3);
    assert!(found.said().contains("damage") && found.said().contains("snap verify --data"), "{}", found.shown());
    assert!(reasons(&ann.status(6)).contains("the archive is damaged"));
    assert_eq!(ann.call("verify --data").run().status, 3);
    ann.call("repair").run().expect(3);
    ann.call("create").run();
    ann.call("repair").run();
    ann.call("verify --data").run();
}

#[test]
fn damage_in_contents_is_known_until_they_are_read_again_or_repaired() {
    let ann = Person::new("");
    ann.bench.home.file("f", noise(1, 50_000));
    ann.call("create --init").ok();
    damage(&bundles(ann.bench.snap.archive())[0]);
    ann.call("verify --data").run().expect(3);
    ann.call("verify").ok();
    let status = ann.status(6);
    assert!(
        reasons(&status).contains("the archive is damaged"),
        "a look without contents says nothing of them: {status}"
    );
    ann.call("create --rehash").run();
    ann.call("repair --dry-run").run();
    assert_eq!(ann.call("status").run().status, 6, "nothing was repaired");
    ann.call("repair").run().expect(3);
    let status = ann.status(0);
    assert_eq!(status["archives"][0]["verified"]["findings"], 0, "{status}");
    assert_eq!(status["archives"][0]["verified"]["data"], false, "what was written anew was not read: {status}");
    ann.call("create").ok();
    ann.call("repair").ok();
    ann.call("verify --data").ok();
    assert_eq!(ann.status(0)["archives"][0]["verified"]["data"], true);
}

fn damage(bundle: &Path) {
    let mut bytes = fs::read(bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8].fill(0x55);
    fs::write(bundle, bytes).unwrap();
}
